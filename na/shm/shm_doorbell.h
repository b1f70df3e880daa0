/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Connections, wake-up and death notice between endpoints that talk through shared memory alone.
 *
 * Shared memory has no descriptor to sleep on and does not tell that a peer died. A doorbell supplies
 * both: a connected AF_UNIX SEQPACKET socket per pair of endpoints, which a sender writes one byte to
 * when the receiver sleeps, and which hangs up when the receiver's process ends; and one page per
 * endpoint, readable by its peers, that says whether the endpoint sleeps. While both ends are awake no
 * system call is made. The socket's first message also carries the descriptors of the memory that the
 * two are going to share (the gift).
 *
 * It moves no data and does not look into the gifts: endpoints are named by any unique text. Sockets
 * live in the abstract namespace (nothing stays behind after SIGKILL), which is one per network
 * namespace: endpoints of different network namespaces refuse each other. Peers of another user
 * than ours or root are refused, by both ends.
 *
 * Threads: the caller serialises all calls on one doorbell and its links. Only the sleep itself,
 * between shm_doorbell_sleep_begin and shm_doorbell_sleep_end, needs no serialisation. Upcalls run
 * inside shm_doorbell_progress only; they may call everything here but shm_doorbell_progress and
 * shm_doorbell_close.
 *
 * How a transport uses it:
 *  - a route to endpoint NAME: shm_doorbell_connect; refused at once when no such process lives;
 *    link_up follows, link_down when the peer is gone;
 *  - after each thing it put into a peer's memory: shm_doorbell_ring. A link that is not up yet
 *    remembers the ring until it is. What the peer does for us silently (taking what we sent) wakes
 *    us only if the peer rings in turn;
 *  - a turn of progress: `if (shm_doorbell_due(bell)) shm_doorbell_progress(bell);` first, then the
 *    shared memory, in this order (a wake-up taken off the socket promises work there);
 *  - before sleeping: shm_doorbell_sleep_begin, then look at the shared memory once more, and
 *    sleep on the epoll set only if it was empty, at most until shm_doorbell_next_deadline_ns;
 *    then in either case shm_doorbell_sleep_end. One thread sleeps at a time: the first
 *    shm_doorbell_sleep_end says that the endpoint is awake.
 *
 * A child that a peer forked, and that neither ends nor calls exec, keeps the peer's sockets open:
 * the peer's death is then seen only when the child ends too. An orderly close is seen at once.
 */
#ifndef NA_OFI_SHM_DOORBELL_H
#define NA_OFI_SHM_DOORBELL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct shm_doorbell;      /* one endpoint's own bell */
struct shm_doorbell_link; /* the way to ring one peer's bell, and to hear of its end */

/* The longest endpoint name, with its terminator. */
#define SHM_DOORBELL_NAME_MAX 256
/* What a gift may consist of. */
#define SHM_DOORBELL_GIFT_SIZE 64U
#define SHM_DOORBELL_GIFT_FDS  2U
/* In an epoll set handed in, the caller's own entries have data.u64 below this. */
#define SHM_DOORBELL_TAG_MIN UINT64_C(4096)

/* What each side hands to the other with its hello: bytes, and descriptors. */
struct shm_doorbell_gift {
    unsigned char data[SHM_DOORBELL_GIFT_SIZE];
    uint8_t size;     /* of what is in data */
    uint8_t fd_count; /* of what is in fds */
    int fds[SHM_DOORBELL_GIFT_FDS];
};

/* Called inside shm_doorbell_progress. Gifts, with their descriptors, are borrowed for the call. */
struct shm_doorbell_upcalls {
    /* A peer connected to us, and the link is up. 0: the link is the callee's from now on, to be given
     * back by shm_doorbell_disconnect. Anything else refuses the peer: the link ends. */
    int (*link_accept)(void *arg, struct shm_doorbell_link *link, const struct shm_doorbell_gift *gift);
    /* The peer that we connected to answered: the link is up. At most once. Anything but 0 ends the
     * link, which link_down then tells. */
    int (*link_up)(void *arg, struct shm_doorbell_link *link, const struct shm_doorbell_gift *gift);
    /* The peer rang. May be NULL. */
    void (*link_rung)(void *arg, struct shm_doorbell_link *link);
    /* The link ended, once: -ECONNREFUSED (nobody there any more, or a peer that is not to be
     * trusted or that is full), -ETIMEDOUT (connected, but no answer in time: stopped or stuck),
     * -ECONNRESET (was up; the peer's process died or closed its endpoint or its link), -EPROTO
     * (the peer broke the protocol), or what link_up said. shm_doorbell_ring does nothing on it from now on; the owner
     * still calls shm_doorbell_disconnect. */
    void (*link_down)(void *arg, struct shm_doorbell_link *link, int error);
};

struct shm_doorbell_config {
    const char *name;                     /* unique on this host, 1 to SHM_DOORBELL_NAME_MAX - 1 bytes; copied */
    int epoll_fd;                         /* set to add the sockets to, borrowed until close; -1: make an own one */
    int socket_fd;                        /* from shm_doorbell_bind, owned from a successful open on; -1: bind now */
    bool deaf;                            /* take the name, but no peers */
    const struct shm_doorbell_gift *gift; /* for peers that connect to us; copied, its descriptors borrowed until
                                                   close; NULL: empty */
    uint32_t connect_timeout_ms;          /* limit of one handshake; 0: 10,000 */
    uint32_t links_max;                   /* links in both directions; 0: 1,024 */
    const struct shm_doorbell_upcalls *upcalls; /* borrowed until close */
    void *arg;                                  /* for the upcalls */
};

/* Takes a name before there is a bell for it, and unless `deaf` collects the peers that connect. Owned by
 * the caller. -EADDRINUSE, -EINVAL or what the system said; leaves a util_detail. */
int shm_doorbell_bind(const char *name, bool deaf, int *socket_fd_out);

/* Opens the bell of one endpoint and listens for peers. -EADDRINUSE when the name is taken,
 * -EINVAL for a bad name, -ENOMEM, -EMFILE, or what the system said; leaves a util_detail. */
int shm_doorbell_open(const struct shm_doorbell_config *config, struct shm_doorbell **bell_out);

/* Hangs up on all peers, without upcalls, and frees the bell and all its links: pointers to them
 * are void. Takes NULL. */
void shm_doorbell_close(struct shm_doorbell *bell);

/* The epoll set that holds the sockets: the one handed in, or the own one. */
int shm_doorbell_fd(const struct shm_doorbell *bell);

/* Refuses new peers from now on; links that are up stay. */
void shm_doorbell_stop_listening(struct shm_doorbell *bell);

/* Links with the endpoint called `name` (one's own included), without blocking: link_up or link_down
 * follows. The gift (NULL: empty) is copied, its descriptors are borrowed until then. `user` is the
 * caller's. -ECONNREFUSED: no such endpoint lives in this network namespace, or its process is another
 * user's; -ENOSPC: links_max reached; -EINVAL, -ENOMEM, -EMFILE. Two calls for one name give two links. */
int shm_doorbell_connect(struct shm_doorbell *bell, const char *name, const struct shm_doorbell_gift *gift, void *user,
                         struct shm_doorbell_link **link_out);

/* Gives the link back and hangs up, which the peer sees as link_down; no upcall names it afterwards.
 * Takes NULL. */
void shm_doorbell_disconnect(struct shm_doorbell_link *link);

bool shm_doorbell_link_up(const struct shm_doorbell_link *link);
void *shm_doorbell_link_user(const struct shm_doorbell_link *link);
void shm_doorbell_link_set_user(struct shm_doorbell_link *link, void *user);
/* The peer's endpoint name. */
const char *shm_doorbell_link_name(const struct shm_doorbell_link *link);
/* The random id of the peer's bell: another one when another process took the same name. 0 until
 * the link is up. */
uint64_t shm_doorbell_link_id(const struct shm_doorbell_link *link);
/* The peer's process as the kernel knows it from when the socket was connected, or listened on; 0 if it is
 * not to be seen from here (another pid namespace). */
pid_t shm_doorbell_link_pid(const struct shm_doorbell_link *link);

/* Wakes the peer if it sleeps, at most once per sleep. Cheap while it is awake: a fence and one
 * read of shared memory. Never blocks and never fails: on a link that is not up yet the wake-up
 * is made up for when it comes up. */
void shm_doorbell_ring(struct shm_doorbell_link *link);

/* Makes the peer look at its sockets, awake or not, and so at us: link_rung follows there. One system
 * call. */
void shm_doorbell_poke(struct shm_doorbell_link *link);

/* True when shm_doorbell_progress should be called: after a sleep, when a handshake is under way,
 * and every few milliseconds of busy polling, so that a death does not go unnoticed. No system
 * call. */
bool shm_doorbell_due(struct shm_doorbell *bell);

/* Accepts, shakes hands, takes wake-ups off the sockets, finds links that ended; makes the upcalls.
 * Does not block; a bounded amount of work. Gives the number of links that came up or ended. */
int shm_doorbell_progress(struct shm_doorbell *bell);

/* Says that the endpoint is about to sleep, so that peers ring. Look for work once more after it. */
void shm_doorbell_sleep_begin(struct shm_doorbell *bell);
/* Says that the endpoint is awake. May be called without a begin. */
void shm_doorbell_sleep_end(struct shm_doorbell *bell);

/* When shm_doorbell_progress must be called next though nothing arrives, for a handshake that
 * would take too long, in ns of util_clock; UINT64_MAX: never. */
uint64_t shm_doorbell_next_deadline_ns(const struct shm_doorbell *bell);

#endif /* NA_OFI_SHM_DOORBELL_H */
