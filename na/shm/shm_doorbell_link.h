/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Inside the doorbell: the structs of a bell and of its links, and what a link does by itself.
 *
 * shm_doorbell.c owns the bell: listener, lists, timers, upcalls, epochs. shm_doorbell_link.c owns a
 * link from its socket to its end: dialling, hello, wake-ups, release. Nobody else includes this.
 * The threads are those of shm_doorbell.h: the caller serialises.
 */
#ifndef NA_OFI_SHM_DOORBELL_LINK_H
#define NA_OFI_SHM_DOORBELL_LINK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "na/shm/shm_doorbell.h"
#include "na/shm/shm_doorbell_page.h"
#include "util/util_clock.h"
#include "util/util_list.h"

/* How soon is tried again what the system, or a full backlog, did not take. */
#define SHM_DOORBELL_RETRY_NS (2U * UTIL_CLOCK_NS_PER_MS)

enum shm_doorbell_link_state {
    SHM_DOORBELL_LINK_WAITING, /* connecting; the peer's backlog was full */
    SHM_DOORBELL_LINK_HELLO,   /* connected, our hello sent, the peer's awaited */
    SHM_DOORBELL_LINK_UP,
    SHM_DOORBELL_LINK_DOWN /* nothing open any more; waits for its owner to let go */
};

struct shm_doorbell_link {
    struct shm_doorbell *bell;
    struct util_list node;   /* in dialling, greeting, links or ended of the bell, by state */
    struct util_list report; /* in bell->reports while an upcall is due */

    char name[SHM_DOORBELL_NAME_MAX]; /* empty until an accepted peer said hello */
    uint64_t id;                      /* of the peer's bell */
    pid_t pid;
    void *user; /* the owner's */

    struct shm_doorbell_gift gift;     /* ours, its descriptors borrowed */
    struct shm_doorbell_gift received; /* the peer's until its upcall; owns its descriptors */

    int fd; /* -1 when down */
    enum shm_doorbell_link_state state;
    bool hello_due;       /* the system did not take our hello yet */
    bool dialled;         /* by us */
    bool owned;           /* shm_doorbell_connect or link_accept gave it to somebody */
    bool told_up;         /* the owner knows that it is up */
    int error;            /* why it is down */
    uint64_t deadline_ns; /* of the handshake */

    const struct shm_doorbell_page *page; /* the peer's, mapped; NULL until up */
    uint64_t rung_epoch;                  /* the last that we rang for */
    bool ring_pending;                    /* rung in vain: not up, or no memory for the byte */
    bool poke_pending;                    /* poked in vain: no memory for the byte */
};

struct shm_doorbell {
    char name[SHM_DOORBELL_NAME_MAX];
    uint64_t id; /* random */
    const struct shm_doorbell_upcalls *upcalls;
    void *arg;
    struct shm_doorbell_gift gift; /* its descriptors borrowed */
    uint64_t connect_timeout_ns;
    uint32_t links_max;

    int epoll_fd;
    bool epoll_owned;
    int listen_fd;            /* -1: listens no more */
    uint64_t listen_pause_ns; /* until then the listener is out of the set; 0: it is in */

    struct shm_doorbell_page *page; /* our own, written by us only */
    int page_fd;                    /* kept for the hellos to come */
    uint64_t epoch;                 /* what the page says: the page is never read back */

    struct util_list dialling; /* WAITING and HELLO, connected by us, oldest first */
    struct util_list greeting; /* HELLO, accepted, oldest first */
    struct util_list links;    /* UP */
    struct util_list ended;    /* DOWN, still owned */
    struct util_list reports;  /* links with an upcall due */
    struct util_list garbage;  /* freed at the end of the turn: events may still name them */
    uint32_t open_count;       /* links with a socket */
    uint32_t greeting_count;
    uint32_t waiting_count; /* links in state WAITING, or with a hello due */
    uint64_t retry_ns;      /* when these are tried again */

    bool in_progress;
    bool attention;      /* look at the sockets in the next turn */
    bool rings_pending;  /* links in `links` with ring_pending or poke_pending */
    uint32_t polls_left; /* until the clock is looked at again */
    uint32_t polls;      /* granted when it was last looked at */
    uint64_t polled_ns;  /* when that was */
    uint64_t checked_ns; /* when the sockets were last looked at */
};

/* The abstract address that an endpoint's name stands for; gives its size. */
socklen_t shm_doorbell_link_address(const char *name, struct sockaddr_un *address);

/* Whether the process at the other end of a connected socket may be trusted: ours or root's. If so it
 * says which process it is. */
bool shm_doorbell_link_allowed(int fd, pid_t *pid_out);

/* Closes the descriptors that the peer gave. */
void shm_doorbell_link_close_received(struct shm_doorbell_link *link);

/* Makes a link in state HELLO, on no list, that owns the socket. NULL when out of memory: the
 * socket stays the caller's. */
struct shm_doorbell_link *shm_doorbell_link_create(struct shm_doorbell *bell, int fd);

/* Closes what the link has open and takes it off its list: its state is DOWN. Idempotent. */
void shm_doorbell_link_release(struct shm_doorbell_link *link);

/* Frees a released link, or has that done at the end of the turn of progress. */
void shm_doorbell_link_free(struct shm_doorbell_link *link);

/* Ends a link for a reason that its owner will be told; without an owner it is freed. */
void shm_doorbell_link_end(struct shm_doorbell_link *link, int error);

/* Connects the socket and says hello: 0; -EAGAIN when the peer's backlog is full; else it failed. */
int shm_doorbell_link_dial(struct shm_doorbell_link *link);

/* Puts the connected socket into the epoll set and says hello: 0 or a negative errno value. */
int shm_doorbell_link_greet(struct shm_doorbell_link *link);

/* Says hello, or leaves that for a later try (hello_due) where the system is short of something: 0, or a negative errno
 * value. */
int shm_doorbell_link_say_hello(struct shm_doorbell_link *link);

/* Reads the peer's hello if it is there; brings the link up, or ends it. */
void shm_doorbell_link_read_hello(struct shm_doorbell_link *link);

/* Takes wake-ups off the socket of a link that is up; gives their number. Ends the link on hang-up
 * and on anything that is no wake-up. */
int shm_doorbell_link_drain(struct shm_doorbell_link *link);

#endif /* NA_OFI_SHM_DOORBELL_LINK_H */
