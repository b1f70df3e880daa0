/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * The structs that the files of this folder share: class, context, route, and what hangs on them.
 *
 * Each struct says which file works on it. Two locks exist: a context and all that belongs to it is
 * serialised by the caller (na.h), and `cm.lock` of the class guards what contexts share, which is
 * the event queue and the hand-over of connection events from the thread that read them to the
 * context that they are for. cm.lock is taken last and is never held across an upcall.
 */
#ifndef NA_OFI_OFI_OBJECTS_H
#define NA_OFI_OFI_OBJECTS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "na/na_transport.h"
#include "na/na_waker.h"
#include "na/ofi/ofi_address.h"
#include "na/ofi/ofi_compat.h"
#include "na/ofi/ofi_provider.h"
#include "util/util_hash.h"
#include "util/util_list.h"
#include "util/util_lock.h"
#include "util/util_pool.h"

/* What an operation's context in libfabric points at. */
enum ofi_op_kind {
    OFI_OP_KIND_RECV,
    OFI_OP_KIND_SEND,
    OFI_OP_KIND_RMA,
};

/* libfabric hands back the address of `context`, and may write into it (FI_CONTEXT, FI_CONTEXT2). */
struct ofi_op {
    struct fi_context2 context;
    enum ofi_op_kind kind;
};

/* --- addresses of datagram endpoints (ofi_av.c) -------------------------------------------------- */

struct ofi_av_entry {
    struct ofi_av_entry *next; /* same hash */
    fi_addr_t addr;
    uint32_t refs; /* routes */
    char text[NA_ADDRESS_MAX];
};

struct ofi_av {
    struct fid_av *fid; /* NULL with connected endpoints */
    struct util_lock lock;
    struct util_map entries; /* hash of the text to a chain of ofi_av_entry; under lock */
};

/* --- endpoint (ofi_endpoint.c) ---------------------------------------------------------------------- */

/* What a context owns in libfabric. */
struct ofi_endpoint {
    struct fid_ep *rx; /* receives are posted here: the endpoint, or the shared receive context */
    struct fid_ep *tx; /* datagram endpoint; NULL with connected endpoints */
    struct fid_cq *cq;
    struct fid_wait *wait_set;  /* OFI_PROVIDER_WAIT_SET only */
    int cq_fd;                  /* to sleep on; -1 if there is none */
    struct ofi_address address; /* of a datagram endpoint */
};

/* --- class (ofi_fabric.c) ---------------------------------------------------------------------------- */

/* Connection management of a class with connected endpoints (ofi_listen.c). */
struct ofi_cm {
    struct util_lock lock;
    struct fid_pep *pep;            /* holds the port, and listens if the class does */
    struct fid_eq *eq;              /* all connection events of the class; read under lock */
    struct fid_wait *wait_set;      /* OFI_PROVIDER_WAIT_SET only */
    int eq_fd;                      /* -1 if there is none */
    atomic_bool due;                /* something woke us that only reading the event queue will quiet */
    _Atomic uint64_t read_ns;       /* when eq was last read; relaxed, as it only says when to read it again */
    bool listening;                 /* new peers are welcome; under lock */
    uint32_t fruitless;             /* ofi_files.c, under lock: reads of eq in a row that brought nothing */
    _Atomic uint64_t rest_until_ns; /* ofi_files.c: eq is not read until then; 0 when it is */
};

struct ofi_context;

struct ofi_class {
    struct na_class base;
    const struct ofi_provider *provider; /* its row */
    struct fi_info *info;                /* owned: what the domain was opened with */
    struct fi_info *connect_info;        /* owned: the same without a source, for outgoing connections */
    struct fid_fabric *fabric;
    struct fid_domain *domain;
    struct ofi_address address; /* the class's own */
    struct ofi_av av;
    struct ofi_cm cm;
    struct ofi_endpoint endpoint; /* datagram: waits here until context 0 adopts it */
    bool endpoint_ready;          /* `endpoint` is open and not adopted */
    bool connected;               /* FI_EP_MSG */
    bool multi_recv;              /* the provider's row asks for it, and the provider has it */
    uint32_t recv_buffers;        /* na_config::recv_buffers */
    bool never_block;
    uint64_t connect_timeout_ns;
    uint64_t mr_mode;                              /* as the domain wants it */
    uint32_t slots;                                /* frames that libfabric may hold for a context */
    uint32_t rma_slots;                            /* and puts and gets */
    size_t queue_size;                             /* of a context's completion queue */
    uint64_t id_mask;                              /* what of a route's id travels with a message */
    struct ofi_context *contexts[NA_CONTEXTS_MAX]; /* under cm.lock */
    atomic_uint mem_count;                         /* registrations open */
    struct util_lock key_lock;                     /* see ofi_guard.h; taken last */
};

/* --- receiving (ofi_recv.c) ------------------------------------------------------------------------------ */

struct ofi_recv_buf {
    struct ofi_op op;
    struct util_list node; /* on ofi_recv.idle while libfabric does not have it */
    unsigned char *data;
    size_t delivered; /* bytes of frames that came into it since it was posted */
    size_t end;       /* bytes after which it is free, 0 until libfabric says that it gave it up */
};

struct ofi_recv {
    struct ofi_recv_buf *bufs; /* owned array of buf_count */
    unsigned char *memory;     /* owned, buf_count * buf_size */
    struct fid_mr *mr;         /* where FI_MR_LOCAL */
    void *desc;
    size_t buf_size;
    uint32_t buf_count;
    bool multi;            /* a buffer takes many frames */
    struct util_list idle; /* buffers to be posted again */
    uint32_t idle_count;
    unsigned char *bounce; /* owned: for frames that are not aligned */
};

/* --- sending (ofi_send.c) ---------------------------------------------------------------------------------- */

struct ofi_route;

struct ofi_frame {
    struct na_frame base;
    struct ofi_op op;
    struct util_list node;   /* on ofi_route.tx while libfabric has it; then on its tx_spent, or on ofi_send.lost */
    struct ofi_route *route; /* while libfabric has it */
    bool lost;               /* libfabric never gave it back, and its route is no more */
    void *desc;
};

/* Frames come in chunks that are registered as a whole. */
struct ofi_frame_chunk {
    struct ofi_frame_chunk *next;
    struct ofi_frame *frames; /* owned array */
    unsigned char *memory;    /* owned */
    struct fid_mr *mr;        /* where FI_MR_LOCAL */
};

struct ofi_send {
    struct na_frame *free; /* linked through na_frame.next */
    struct ofi_frame_chunk *chunks;
    uint32_t chunk_count;
    uint32_t inflight;     /* frames that libfabric has, all routes */
    struct util_list lost; /* frames that were given up, oldest first: used again only when there are no others */
};

/* --- context (ofi_endpoint.c, ofi_cq.c) ------------------------------------------------------------------------- */

struct ofi_context {
    struct na_context base;
    struct ofi_class *owner; /* borrowed: outlives the context */
    struct ofi_endpoint endpoint;
    struct ofi_recv recv;
    struct ofi_send send;
    struct na_waker waker; /* empty with never_block */

    /* Routes (ofi_route.c). */
    struct ofi_route **routes; /* owned table by index */
    uint32_t route_count;      /* places in use at the front of the table */
    uint32_t route_capacity;
    uint32_t route_free; /* head of the free places, linked by index through route_next; none: UINT32_MAX */
    uint32_t *route_next;
    struct util_list connecting; /* by deadline: all attempts have the same limit */
    struct util_list closing;    /* by deadline: closed, last frames are leaving */
    struct util_list refused;    /* by deadline: datagram routes that libfabric takes nothing for any more */
    struct util_list awaiting;   /* by deadline: lost datagram routes with operations that have not come back */
    struct util_list changing;   /* to be looked at in the next turn: to announce, to end, to free */
    bool stopped;                /* new peers are refused */

    /* Connection events handed over by whoever read them; under owner->cm.lock. */
    struct util_list requests; /* struct ofi_request */
    struct util_list events;   /* routes, by ofi_route.event_node */
    uint32_t request_count;
    atomic_bool handed_over; /* one of the two lists has something, or one of `resolving` is done */

    /* Endpoints that are being made (ofi_resolve.c). */
    struct util_list resolving; /* struct ofi_resolve */
    uint32_t resolve_threads;

    /* Progress. */
    uint32_t turns;
    uint32_t idle_turns;
    bool events_muted;       /* the waker's set is without cm.eq_fd for now (ofi_files.c) */
    bool drained;            /* the completion queue was seen empty in this turn */
    uint64_t dropped_frames; /* for routes that are no more */

    /* Remote memory access (ofi_rma.c). */
    struct util_pool rma_ops;
    uint32_t rma_inflight;     /* operations that libfabric has, all routes */
    struct util_list rma_lost; /* ofi_rma_op that were given up: kept until the endpoint is closed */
};

/* --- routes (ofi_route.c) ------------------------------------------------------------------------------------------ */

enum ofi_route_state {
    OFI_ROUTE_STATE_CONNECTING, /* frames are refused */
    OFI_ROUTE_STATE_ACCEPTING,  /* a peer's connection, not yet handed to its owner */
    OFI_ROUTE_STATE_UP,
    OFI_ROUTE_STATE_ENDING,  /* the connection ended; frames that came before are still delivered */
    OFI_ROUTE_STATE_DOWN,    /* the owner was told */
    OFI_ROUTE_STATE_CLOSING, /* closed by the owner; its last frames are leaving */
    OFI_ROUTE_STATE_CLOSED,  /* endpoint closed; waits for operations to come back */
};

struct ofi_route {
    struct na_route base;
    struct ofi_context *owner;
    uint32_t index; /* in owner->routes */
    enum ofi_route_state state;
    bool incoming;    /* made by a peer; constant before the endpoint exists */
    int error;        /* why it ended or will end */
    uint64_t id;      /* what peers put into each message for it */
    uint64_t peer_id; /* what we put into each message */

    struct fid_ep *ep;           /* connected: owned; datagram: the context's */
    struct ofi_resolve *resolve; /* while its endpoint is being made elsewhere */
    unsigned int tries;          /* connects that ended for want of an answer to who has the address */
    fi_addr_t addr;              /* datagram: the peer */
    struct ofi_av_entry *av_entry;

    uint64_t deadline_ns;        /* of connecting, or of the last frames when closing */
    struct util_list state_node; /* on one of the owner's lists of routes */
    uint32_t end_turn;           /* owner->turns when the endpoint was closed */
    bool contacted;              /* datagram: a send was accepted once */
    bool refused;                /* datagram: on owner->refused */
    bool refused_still;          /* and it was refused again when half of its time was over */
    bool cut;                    /* closed at once: what is still to leave does not */
    bool lost;                   /* datagram: the peer is gone, and what did not come back may not do so any more */
    bool awaited;                /* it was given its time to do so */
    bool announce;               /* route_up is due */
    bool shut;                   /* connection: shut down; its endpoint is closed when it has told all */

    struct util_list tx;  /* ofi_frame */
    struct util_list rma; /* ofi_rma_op */
    /* Of a connection: those that ended with an error. libfabric may mention such a one twice (see ofi_rma.c), so they are not
     * used again before it has said all. */
    struct util_list tx_spent;
    struct util_list rma_spent;
    uint32_t tx_count;
    uint32_t rma_count;
    uint32_t inject_left; /* injects until the next send asks for a completion */

    /* Handed over; under owner->owner->cm.lock. */
    struct util_list event_node; /* on owner->events */
    bool event_up;
    bool event_down;
    int event_error;
    uint64_t event_peer_id;
    uint8_t event_context;
};

/* A connect request on its way to the context that will accept it (ofi_listen.c). */
struct ofi_request {
    struct util_list node;
    struct fi_info *info; /* owned: holds the handle */
    uint64_t peer_id;
    uint8_t target_context;
    uint8_t source_context;
};

/* --- memory (ofi_mr.c) -------------------------------------------------------------------------------------------- */

struct ofi_mem_segment {
    struct fid_mr *mr; /* NULL where none is needed */
    void *desc;
    uint64_t address; /* what a peer addresses it by */
    uint8_t key_size;
    uint8_t key[NA_KEY_MAX];
};

struct ofi_mem {
    struct na_mem base;
    struct ofi_class *owner;
    uint32_t count;
    struct ofi_mem_segment segments[];
};

/* --- remote memory access (ofi_rma.c) ------------------------------------------------------------------------------- */

/* What libfabric knows of an operation. It is not part of the caller's na_rma, whose memory may go while libfabric could
 * still name an operation that it has lost. */
struct ofi_rma_op {
    struct ofi_op op;
    struct util_list node; /* on ofi_route.rma or rma_spent, or on ofi_context.rma_lost */
    struct na_rma *rma;    /* NULL: given up, or ended */
    uint64_t mapped_key;   /* of a raw key, to be unmapped */
    bool mapped;
    bool cancelled;
    bool spent; /* it is on rma_spent */
};
/* --- casts from the bases, which are first fields ----------------------------------------------------------------- */

static inline struct ofi_class *ofi_class_of(struct na_class *base)
{
    return util_container_of(base, struct ofi_class, base);
}

static inline struct ofi_context *ofi_context_of(struct na_context *base)
{
    return util_container_of(base, struct ofi_context, base);
}

static inline struct ofi_route *ofi_route_of(struct na_route *base)
{
    return util_container_of(base, struct ofi_route, base);
}

#endif
