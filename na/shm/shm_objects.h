/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * The structs that the files of this folder share: class, context, route, registration, transfer.
 *
 * A context and all that belongs to it is serialised by the caller (na.h). What contexts share is the
 * class's table of memory, which has a lock of its own, and the list of routes that reach into our memory,
 * under the class's lock. That lock is taken last and never held across an upcall.
 */
#ifndef NA_SHM_SHM_OBJECTS_H
#define NA_SHM_SHM_OBJECTS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "na/na_transport.h"
#include "na/na_waker.h"
#include "na/shm/shm_doorbell.h"
#include "na/shm/shm_ring.h"
#include "na/shm/shm_table.h"
#include "util/util_list.h"
#include "util/util_lock.h"

/* The largest frame; two of them and their neighbours fit into a ring. */
#define SHM_FRAME_MAX (16U * 1024U)
/* Transfers through the ring that one side of a route may have open at once. */
#define SHM_STREAM_MAX 32U

/* --- memory that the two ends of a route share (shm_route.c) ---------------------------------------- */

/* Whether the other side may copy from and to this side's memory by way of the route. */
enum shm_door {
    SHM_DOOR_NOT_YET, /* this side does not know of the route yet, and so could not wait for the other's copies */
    SHM_DOOR_OPEN,
    SHM_DOOR_SHUT, /* this side lets go of the route */
};

/* What one side says about copying. Each side writes its own, fences, and reads the other's, as with the doorbell's
 * epoch: whoever shuts its door sees that the other is at a copy, or the other sees that the door is shut. */
struct shm_segment_busy {
    _Alignas(64) _Atomic uint64_t entry; /* which entry of the other's table it is copying: its number and 1, or 0 */
    _Atomic uint32_t door;               /* enum shm_door */
};

#define SHM_SEGMENT_MAGIC UINT64_C(0x31474553534d4853)

/* Made by the side that connects, [0] is that side's: what it writes, what it is copying. */
struct shm_segment {
    uint64_t magic;
    uint64_t size;
    struct shm_segment_busy busy[2];
    struct shm_ring_shared rings[2];
};

/* --- class (shm_class.c) ------------------------------------------------------------------------------ */

struct shm_context;

struct shm_class {
    struct na_class base;
    char name[NA_ADDRESS_MAX]; /* the endpoint name of context 0 */
    int name_fd;               /* holds the name for the life of the class, or until it stops */
    int socket_fd;             /* context 0 listens on it; -1 once it has adopted it */
    bool never_block;
    bool copies_direct; /* the system may let us reach into peers' memory: not switched off */
    uint32_t connect_timeout_ms;
    uint64_t cookie; /* random; peers read it at its address to see whether they reach our memory, and ours */
    struct shm_table *table;

    struct util_lock lock;                         /* the fields below */
    struct util_list exposed;                      /* routes whose peer may copy, by shm_route.exposed_node */
    struct shm_context *contexts[NA_CONTEXTS_MAX]; /* open ones */
};

/* --- context (shm_context.c, shm_progress.c, shm_wait.c) ------------------------------------------------ */

struct shm_context {
    struct na_context base;
    struct shm_class *owner; /* borrowed: outlives the context */
    struct shm_doorbell *doorbell;

    /* Routes. */
    struct util_list routes;   /* all, by shm_route.node */
    struct util_list polled;   /* up, their rings looked at in each turn */
    struct util_list changing; /* to be announced, ended or freed in the next turn */
    struct util_list copying;  /* with transfers to be worked on by this side */
    struct util_list blocked;  /* that wait for room in their ring */
    uint32_t polled_count;
    uint32_t turns;

    /* Frames. */
    struct na_frame *free; /* linked through na_frame.next */
    struct shm_frame_chunk *chunks;
    uint32_t chunk_count;
    unsigned char *bounce; /* owned: a received frame while its upcall runs */

    /* Waiting. */
    struct na_waker waker; /* empty with never_block */
    bool armed;            /* somebody sleeps, or is about to */
};

/* --- routes (shm_route.c) --------------------------------------------------------------------------------- */

enum shm_route_state {
    SHM_ROUTE_STATE_CONNECTING, /* frames are refused */
    SHM_ROUTE_STATE_UP,
    SHM_ROUTE_STATE_ENDING, /* the peer hung up; what it had sent is still delivered */
    SHM_ROUTE_STATE_DOWN,   /* the owner was told */
    SHM_ROUTE_STATE_CLOSED, /* closed by the owner; freed in the next turn */
};

/* What a transfer of the peer still needs from us (shm_stream.c). */
struct shm_stream_job {
    bool reading; /* data, otherwise only the word how it ended */
    uint64_t id;
    uint64_t key;
    uint64_t address; /* of the next byte */
    uint64_t left;    /* bytes */
    int status;       /* how it ended */
};

/* Transfers through the ring. */
struct shm_stream {
    struct shm_stream_job jobs[SHM_STREAM_MAX]; /* a queue: what is owed to the peer */
    uint32_t job_first;
    uint32_t job_count;
    uint32_t open;   /* our transfers that the peer has been asked for and has not ended */
    uint64_t put_id; /* the peer's writing transfer that is coming in */
    int put_status;  /* the first thing that was wrong with it */
};

struct shm_route {
    struct na_route base;
    struct shm_context *owner;
    enum shm_route_state state;
    bool incoming; /* made by a peer */
    bool announce; /* route_up is due */
    int error;     /* why it ended */
    struct shm_doorbell_link *link;

    /* On the owner's lists. */
    struct util_list node;
    struct util_list polled_node;
    struct util_list change_node;
    struct util_list copy_node;
    struct util_list blocked_node;
    struct util_list exposed_node; /* on the class's list, under its lock */

    /* Shared with the peer; once up. */
    struct shm_segment *segment;
    int segment_fd; /* until the peer has it; else -1 */
    struct shm_ring_out out;
    struct shm_ring_in in;
    uint64_t drain_from;                /* in.head when the route ended */
    uint32_t idle_turns;                /* in which `in` was found empty */
    uint64_t poked;                     /* out.shared->polled when we last poked the peer for it */
    struct shm_segment_busy *busy;      /* ours, in segment */
    struct shm_segment_busy *peer_busy; /* the peer's */
    uint32_t overstays;                 /* withdrawals that its peer's copies have held up to the end; class's lock */
    uint64_t overstay_ns;               /* and when the last one was; class's lock */
    uint64_t door_ns;                   /* how long its door is waited for, once it has been found not open yet */
    bool peer_gone;                     /* it hung up, and copies nothing any more */
    uint64_t free_ns;                   /* closed: how long the peer's last copy is waited for */

    /* The peer's memory. */
    struct shm_table_view *view;
    bool direct; /* the system lets us copy by ourselves */
    pid_t pid;
    uint64_t cookie_address;
    uint64_t cookie;

    struct util_list rma; /* shm_rma_op, oldest first */
    uint64_t rma_next_id;
    struct shm_stream *stream; /* owned; NULL until the first transfer through the ring */
};

/* --- frames (shm_send.c) --------------------------------------------------------------------------------------- */

enum { SHM_CHUNK_FRAMES = 32 };

struct shm_frame_chunk {
    struct shm_frame_chunk *next;
    unsigned char *memory; /* owned */
    struct na_frame frames[SHM_CHUNK_FRAMES];
};

/* --- memory (shm_mem.c) ------------------------------------------------------------------------------------------ */

struct shm_mem_segment {
    uint64_t address; /* in the class's table; 0 where peers do not reach it */
    uint64_t key;
};

struct shm_mem {
    struct na_mem base;
    struct shm_class *owner;
    uint32_t count;
    struct shm_mem_segment segments[];
};

/* --- remote memory access (shm_rma.c) ------------------------------------------------------------------------------ */

/* Lives in na_rma.transport. */
struct shm_rma_op {
    struct util_list node; /* on shm_route.rma */
    struct na_rma *rma;
    uint64_t id;
    uint64_t done;    /* bytes that are moved, or in the ring */
    bool handed_over; /* the peer has all that it needs, and will say when it ends */
    bool cancelled;
};
_Static_assert(sizeof(struct shm_rma_op) <= sizeof(((struct na_rma *)0)->transport), "na_rma.transport is too small");

/* --- casts from the bases, which are first fields ------------------------------------------------------------------ */

static inline struct shm_class *shm_class_of(struct na_class *base)
{
    return util_container_of(base, struct shm_class, base);
}

static inline struct shm_context *shm_context_of(struct na_context *base)
{
    return util_container_of(base, struct shm_context, base);
}

static inline struct shm_route *shm_route_of(struct na_route *base)
{
    return util_container_of(base, struct shm_route, base);
}

#endif /* NA_SHM_SHM_OBJECTS_H */
