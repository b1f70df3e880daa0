/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Wake-up and death notice between endpoints that talk through shared memory alone.
 *
 * libfabric's shm provider has no descriptor to sleep on and never tells that a peer died. A
 * doorbell stands beside such an endpoint and supplies both: a connected AF_UNIX SEQPACKET socket
 * per pair of endpoints, which a sender writes one byte to when the receiver sleeps, and which
 * hangs up when the receiver's process ends; and one page per endpoint, readable by its peers, that
 * says whether the endpoint sleeps. While both ends are awake no system call is made.
 *
 * It moves no data and knows nothing of libfabric: endpoints are named by any unique text. Sockets
 * live in the abstract namespace (nothing stays behind after SIGKILL), which is one per network
 * namespace: endpoints of different network namespaces refuse each other. Peers of another user
 * than ours or root are refused, by both ends.
 *
 * Threads: the caller serialises all calls on one doorbell and its links. Only the sleep itself,
 * between ofi_doorbell_sleep_begin and ofi_doorbell_sleep_end, needs no serialisation. Upcalls run
 * inside ofi_doorbell_progress only; they may call everything here but ofi_doorbell_progress and
 * ofi_doorbell_close.
 *
 * How a transport uses it:
 *  - a route to endpoint NAME: ofi_doorbell_connect; refused at once when no such process lives;
 *    link_up follows (or the link is up already), link_down when the peer is gone. Data may be sent
 *    before link_up: a peer that polls takes some milliseconds to look at its sockets;
 *  - after each thing it put into a peer's memory, or asked a peer's provider to do:
 *    ofi_doorbell_ring. A link that is not up yet remembers the ring until it is. What the peer
 *    does for us silently (accepting a connection inside the provider, freeing a buffer that we
 *    sent from) wakes us only if the peer rings in turn;
 *  - a turn of progress: `if (ofi_doorbell_due(bell)) ofi_doorbell_progress(bell);` first, then the
 *    completion queue, in this order (a wake-up taken off the socket promises work in the queue);
 *  - before sleeping: ofi_doorbell_sleep_begin, then look at the completion queue once more, and
 *    sleep on the epoll set only if it was empty, at most until ofi_doorbell_next_deadline_ns;
 *    then in either case ofi_doorbell_sleep_end. One thread sleeps at a time: the first
 *    ofi_doorbell_sleep_end says that the endpoint is awake.
 *
 * A child that a peer forked, and that neither ends nor calls exec, keeps the peer's sockets open:
 * the peer's death is then seen only when the child ends too. An orderly close is seen at once.
 */
#ifndef NA_OFI_OFI_DOORBELL_H
#define NA_OFI_OFI_DOORBELL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ofi_doorbell;      /* one endpoint's own bell */
struct ofi_doorbell_link; /* the way to ring one peer's bell, and to hear of its end */

/* The longest endpoint name, with its terminator. */
#define OFI_DOORBELL_NAME_MAX 256
/* In an epoll set handed in, the caller's own entries have data.u64 below this. */
#define OFI_DOORBELL_TAG_MIN UINT64_C(4096)

/* Called inside ofi_doorbell_progress, for links that ofi_doorbell_connect gave. */
struct ofi_doorbell_upcalls {
    /* The peer answered: the link is up. At most once, and not for a link that came up from
     * ofi_doorbell_connect already. */
    void (*link_up)(void *arg, struct ofi_doorbell_link *link);
    /* The link ended, once: -ECONNREFUSED (nobody there any more, or a peer that is not to be
     * trusted or that is full), -ETIMEDOUT (connected, but no answer in time: stopped or stuck),
     * -ECONNRESET (was up; the peer's process died or closed its endpoint or its link), -EPROTO
     * (the peer broke the protocol). ofi_doorbell_ring does nothing on it from now on; the owner
     * still calls ofi_doorbell_disconnect. */
    void (*link_down)(void *arg, struct ofi_doorbell_link *link, int error);
};

struct ofi_doorbell_config {
    const char *name;            /* unique on this host, 1 to OFI_DOORBELL_NAME_MAX - 1 bytes; copied */
    int epoll_fd;                /* set to add the sockets to, borrowed until close; -1: make an own one */
    uint32_t connect_timeout_ms; /* limit of one handshake; 0: 10,000 */
    uint32_t links_max;          /* links in both directions; 0: 1,024 */
    const struct ofi_doorbell_upcalls *upcalls; /* borrowed until close */
    void *arg;                                  /* for the upcalls */
};

/* Opens the bell of one endpoint and listens for peers. -EADDRINUSE when the name is taken,
 * -EINVAL for a bad name, -ENOMEM, -EMFILE, or what the system said; leaves a util_detail. */
int ofi_doorbell_open(const struct ofi_doorbell_config *config, struct ofi_doorbell **bell_out);

/* Hangs up on all peers, without upcalls, and frees the bell and all its links: pointers to them
 * are void. Takes NULL. */
void ofi_doorbell_close(struct ofi_doorbell *bell);

/* The epoll set that holds the sockets: the one handed in, or the own one. */
int ofi_doorbell_fd(const struct ofi_doorbell *bell);

/* Refuses new peers from now on; links that are up stay. */
void ofi_doorbell_stop_listening(struct ofi_doorbell *bell);

/* Links with the endpoint called `name` (one's own included), without blocking. Takes over a link
 * that this peer has opened to us, if there is one that nobody uses: it is up at once. Otherwise
 * connects, and link_up or link_down follows. `user` is the caller's. -ECONNREFUSED: no such
 * endpoint lives in this network namespace, or its process is another user's; -ENOSPC: links_max
 * reached; -EINVAL, -ENOMEM, -EMFILE. Two calls for one name give two links. */
int ofi_doorbell_connect(struct ofi_doorbell *bell, const char *name, void *user, struct ofi_doorbell_link **link_out);

/* Gives the link back; no upcall names it afterwards. Takes NULL. A link that we connected hangs
 * up, which the peer sees as link_down if it took the link over. */
void ofi_doorbell_disconnect(struct ofi_doorbell_link *link);

bool ofi_doorbell_link_up(const struct ofi_doorbell_link *link);
void *ofi_doorbell_link_user(const struct ofi_doorbell_link *link);
void ofi_doorbell_link_set_user(struct ofi_doorbell_link *link, void *user);
/* The peer's endpoint name. */
const char *ofi_doorbell_link_name(const struct ofi_doorbell_link *link);
/* The random id of the peer's bell: another one when another process took the same name. 0 until
 * the link is up. */
uint64_t ofi_doorbell_link_id(const struct ofi_doorbell_link *link);

/* Wakes the peer if it sleeps, at most once per sleep. Cheap while it is awake: a fence and one
 * read of shared memory. Never blocks and never fails: on a link that is not up yet the wake-up
 * is made up for when it comes up. */
void ofi_doorbell_ring(struct ofi_doorbell_link *link);

/* True when ofi_doorbell_progress should be called: after a sleep, when a handshake is under way,
 * and every few milliseconds of busy polling, so that a death does not go unnoticed. No system
 * call. */
bool ofi_doorbell_due(struct ofi_doorbell *bell);

/* Accepts, shakes hands, takes wake-ups off the sockets, finds links that ended; makes the upcalls.
 * Does not block; a bounded amount of work. Gives the number of links that came up or ended. */
int ofi_doorbell_progress(struct ofi_doorbell *bell);

/* Says that the endpoint is about to sleep, so that peers ring. Look for work once more after it. */
void ofi_doorbell_sleep_begin(struct ofi_doorbell *bell);
/* Says that the endpoint is awake. May be called without a begin. */
void ofi_doorbell_sleep_end(struct ofi_doorbell *bell);

/* When ofi_doorbell_progress must be called next though nothing arrives, for a handshake that
 * would take too long, in ns of util_clock; UINT64_MAX: never. */
uint64_t ofi_doorbell_next_deadline_ns(const struct ofi_doorbell *bell);

#endif /* NA_OFI_OFI_DOORBELL_H */
