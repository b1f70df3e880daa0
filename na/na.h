/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */

/**
 * @file na.h
 * The network abstraction: what the RPC core asks of a transport.
 *
 * A transport moves frames along routes and moves memory by remote put and get. It knows nothing of
 * RPCs, handles or credits. There are two, libfabric (na/ofi/) and shared memory (na/shm/), and nothing
 * here shows which.
 *
 * Objects. A class is one opened transport (one fabric, one domain, one listening identity). A context
 * is one endpoint with its own receive buffers and completion queue; contexts of a class progress
 * independently. A route is a way from one local context to one remote context. Memory is registered
 * with the class and may be used through every context of it.
 *
 * Threads. All calls on one context, on its routes and on its RMA operations are serialised by the
 * caller (the RPC core holds the context's lock); different contexts may be used at the same time, and
 * the transport guards what they share. Exceptions, callable from any thread at any time: na_wake(),
 * na_mem_register(), na_mem_deregister(), na_class_*() getters. Upcalls run inside na_progress() only
 * (never inside na_send(), na_rma_post() or na_route_close()), with the caller's serialisation still
 * held; they may call back into the same context except na_progress() and na_context_close().
 *
 * Errors. 0 or a negative errno value. A function that fails for the user's fault, or at set-up,
 * leaves a sentence in util_detail (what and where). A call that failed took nothing.
 */

#ifndef NA_NA_H
#define NA_NA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct na_class;
struct na_context;
struct na_mem;
struct na_route;

/** The longest address text, with its terminator. */
#define NA_ADDRESS_MAX 256
/** The longest remote key, in bytes (providers with raw keys need more than 8). */
#define NA_KEY_MAX 64
/** Contexts that a class can have (context ids travel in 8 bits). */
#define NA_CONTEXTS_MAX 256

/** The traffic class that every transport has: the ordinary one. */
#define NA_TRAFFIC_BEST_EFFORT 1U

/** What na_class_open() is asked for. Zero in a field asks for its default. */
struct na_config {
    const char *uri;             /**< info string, `[ofi+]PROTOCOL[://[domain/][host][:port]]`; borrowed for the call */
    bool listen;                 /**< accept routes from peers that we did not contact first */
    bool single_threaded;        /**< the user promises one thread: no locking in the transport */
    bool never_block;            /**< the user never sleeps: no wait objects, na_wait_fd() is -1 */
    uint32_t context_count_max;  /**< contexts that will be opened, 1 by default */
    uint32_t connect_timeout_ms; /**< limit of one connection attempt, 10,000 by default */
    size_t frame_size;           /**< the smallest frame_max that will do; the provider's own choice by default */
    const char *ip_subnet;       /**< `10.0.0.0/8`: pick the interface inside it when the uri names no host */
    const char *auth_key;        /**< handed to providers that take one, -EOPNOTSUPP elsewhere */
    int addr_format;             /**< 0 any, 4 IPv4, 6 IPv6, 1 the provider's own */
    unsigned traffic_class;      /**< enum na_traffic_class value, 0 unspecified */
    bool device_memory;          /**< registrations of device memory will be asked for */
    unsigned recv_buffers;       /**< size of what receives, 4 by default: large buffers, or as much in small ones */
    bool recv_single;            /**< one frame in each receive buffer, also where a buffer could take many */
};

/** What an open class can do. Constant after na_class_open(). */
struct na_limits {
    size_t frame_max;   /**< bytes of the largest frame, sent or received (8 to 16 KiB) */
    size_t batch_size;  /**< fill frames with several messages up to this size (measured per provider) */
    size_t inject_size; /**< frames up to this size leave without a transmit completion */
    size_t rma_max;     /**< bytes of the largest single put or get */
    size_t rma_chunk;   /**< cut large transfers into pieces of this size (measured per provider) */
    uint32_t rma_depth; /**< pieces of one transfer to keep in flight */
    uint32_t rma_count; /**< puts and gets that a context can have in flight on all its routes; 0: any number */
    /** Bytes of them to keep in flight on one route: more makes nothing faster, and what is sent behind them waits; 0: any number. */
    size_t rma_route_bytes;
    bool connections;  /**< routes are connections: na_upcalls::accept exists, frames name their route,
                              route_down reports a peer's death. Otherwise frames arrive with a NULL
                              route, and the receiver opens a route to the address in the sender's hello */
    bool ordered;      /**< frames of one route arrive in the order in which they were sent; otherwise whole and once */
    bool death_notice; /**< route_down follows the death of the peer's process without any traffic */
    bool quiet_resend; /**< what was lost of a put or get may wait for some seconds in which nothing is sent */
    bool chosen_keys;  /**< remote keys are random 64-bit numbers that we choose */
    bool keys_checked; /**< wrong keys and ranges are refused below */
    bool rights_checked; /**< and so are puts into what may only be read, and gets of what may only be written */
    bool revocable;      /**< after na_mem_deregister() peers are refused */
    /** With that, a put under way is stopped, or waited for up to 100 ms (a process that is stopped in the middle of one
     *  writes the rest, at most 1 MiB, when it goes on). Elsewhere (tcp) one that is being received goes on, until
     *  na_route_cut(). */
    bool writes_halted;
    bool cuttable; /**< na_route_cut() ends what the peer is writing */
};

/** Called inside na_progress() of the context that the upcalls were given to. */
struct na_upcalls {
    /** A frame arrived. @p data is borrowed until the upcall returns and is 8-byte aligned. @p route is NULL
     *  where the transport has no connections. */
    void (*frame)(void *arg, struct na_route *route, const void *data, size_t size);
    /** A peer connected to this context. The route is up and owned by the receiver of this upcall
     *  (na_route_close() when done). Only with na_limits::connections. */
    void (*accept)(void *arg, struct na_route *route);
    /** A route from na_route_open() can carry frames now: what waits for it, and sends that were refused before, may be tried. */
    void (*route_up)(void *arg, struct na_route *route);
    /** The route ended and carries nothing any more: -ECONNREFUSED, -EHOSTUNREACH, -ETIMEDOUT (never
     *  connected), -ENOMEM (nor that, for want of something on this machine), -ECONNRESET (the peer closed or died; without na_limits::death_notice: sends to it were
     *  refused for two seconds after they had been accepted before). Frames taken but not yet delivered may be
     *  lost. With -ECONNRESET its pending RMA has been completed with an error: nothing moves to or from its
     *  memory any more. The owner still calls na_route_close(). */
    void (*route_down)(void *arg, struct na_route *route, int error);
};

/* --- class ------------------------------------------------------------------------------------- */

/** Opens the transport that @p config->uri names. @p *class_out is owned by the caller.
 *  -EPROTONOSUPPORT unknown protocol (the detail lists the known ones), -EADDRINUSE, -EADDRNOTAVAIL,
 *  -ENODEV no such device, -EINVAL malformed uri, -ENOMEM. */
int na_class_open(const struct na_config *config, struct na_class **class_out);

/** Closes a class with no context and no registration left. NULL is allowed. */
void na_class_close(struct na_class *na_class);

const struct na_limits *na_class_limits(const struct na_class *na_class);

/** The class's address in canonical form, complete since na_class_open(); it contains a unique port or name
 *  even when the class does not listen. Canonical: no `ofi+`, protocol name, numeric host: `tcp://10.0.0.1:5000`. */
const char *na_class_address(const struct na_class *na_class);
/** The protocol name, `tcp`, `shm`, `verbs`, or the provider string that was asked for. */
const char *na_class_protocol(const struct na_class *na_class);
/** The provider underneath, `net`, `tcp`, `shm`, `verbs;ofi_rxm`. */
const char *na_class_provider(const struct na_class *na_class);
bool na_class_listens(const struct na_class *na_class);

/** Turns what a user wrote as an address into canonical form (resolves names, aliases, default domain).
 *  Contacts nobody. -EINVAL malformed, -EPROTONOSUPPORT another protocol than the class's, -ENOENT a name
 *  that does not resolve. */
int na_class_resolve(struct na_class *na_class, const char *text, char canonical[NA_ADDRESS_MAX]);

/* --- context ----------------------------------------------------------------------------------- */

/** Opens context @p index (0 to context_count_max - 1, each once at a time). Context 0 adopts the class's endpoint.
 *  @p upcalls and @p arg are borrowed until na_context_close(). */
int na_context_open(struct na_class *na_class, uint8_t index, const struct na_upcalls *upcalls, void *arg,
                    struct na_context **context_out);

/** Closes the endpoint. Routes still open are closed too (without upcalls) and their pending RMA ends without
 *  done calls: finish or cancel it first. Frames already taken by na_send() are given up to @p linger_ms to leave. */
void na_context_close(struct na_context *context, uint32_t linger_ms);

/** The address of this context's own endpoint, to be put into the hello where na_limits::connections is false.
 *  Equal to the class's address for context 0. */
const char *na_context_address(const struct na_context *context);

/** Gives up the port that the class listens on, so that another process may have it, where the transport has connections.
 *  For good; all contexts have stopped listening already. No lock of a context is needed. */
void na_class_stop_listening(struct na_class *na_class);

/** Stops receiving new connections and new frames from strangers; what is open goes on. */
void na_context_stop_listening(struct na_context *context);

/* --- routes ------------------------------------------------------------------------------------ */

/** Opens a route to context @p target_context at @p address (canonical). Returns at once; the route connects
 *  during na_progress(), and na_send() answers -EAGAIN until it is up. route_up or route_down follows, within
 *  the connect timeout, which begins again where an address was asked for anew. Where the transport cannot reach the wished context directly, the route leads to
 *  context 0 and na_route_target_context() says so. */
int na_route_open(struct na_context *context, const char *address, uint8_t target_context, void *user,
                  struct na_route **route_out);

/** The caller knows that the peer's process has ended, or has a successor, though the transport may not: nothing that
 *  is in flight on the route will be answered. What the transport has lost with the peer ends soon after
 *  na_route_close(), which must follow. */
void na_route_lost(struct na_route *route);

/** Gives the route back; no upcall names it afterwards. What na_send() took before still leaves (up to the
 *  transport's buffers) unless the route is down. RMA in flight on it is completed with -ECANCELED, in
 *  na_progress(). */
void na_route_close(struct na_route *route);

/** As na_route_close(), and where na_limits::cuttable nothing that the peer sends by this route is written into our memory
 *  any more when it returns. What na_send() took before may be lost. */
void na_route_cut(struct na_route *route);

void na_route_set_user(struct na_route *route, void *user);
void *na_route_user(const struct na_route *route);
uint8_t na_route_target_context(const struct na_route *route);
/** For log lines: the remote end as far as it is known. */
const char *na_route_text(const struct na_route *route);

/* --- frames ------------------------------------------------------------------------------------ */

/** A frame to be filled and sent. The memory is the transport's, registered where it must be. */
struct na_frame {
    struct na_frame *next; /**< free for the holder's own queue */
    unsigned char *data;   /**< 8-byte aligned */
    size_t capacity;       /**< na_limits::frame_max */
    size_t size;           /**< bytes filled; set by the holder */
};

/** An empty frame, or NULL when the context's pool is exhausted (transmissions pending): as -EAGAIN. */
struct na_frame *na_frame_get(struct na_context *context);
/** Gives a frame back unsent. NULL is allowed. */
void na_frame_put(struct na_context *context, struct na_frame *frame);

/** Sends frame->size bytes. 0: the transport owns the frame and recycles it. -EAGAIN: refused for now (not up
 *  yet, queue full, this route holds its share of the slots): the caller keeps the frame and tries again in a
 *  later turn. Anything else: the route is failing, the caller keeps the frame, route_down follows. Frames of
 *  one route arrive in order where na_limits::ordered, otherwise whole and once. A transmission that
 *  fails later is reported by route_down. */
int na_send(struct na_route *route, struct na_frame *frame);

/** Bytes of frames with data that should be sent before this is asked again, SIZE_MAX where there is no bound. The room that
 *  is left then is kept for messages without data: those that withdraw, refuse or end others. na_send() takes whatever fits. */
size_t na_room(struct na_route *route);

/* --- memory ------------------------------------------------------------------------------------ */

/** What may be done with registered memory. */
enum na_access {
    NA_ACCESS_LOCAL = 1,        /**< used as the local side of puts and gets */
    NA_ACCESS_REMOTE_READ = 2,  /**< peers may get */
    NA_ACCESS_REMOTE_WRITE = 4, /**< peers may put */
};

/** Where memory lives. The values are those of hg_mem_type. */
enum na_mem_kind {
    NA_MEM_HOST = 0,
    NA_MEM_CUDA = 1,
    NA_MEM_ROCM = 2,
    NA_MEM_ZE = 3,
};

struct na_segment {
    void *base;
    size_t size;
};

/** The remote side's view of one registered segment: what travels in a descriptor. */
struct na_remote_segment {
    uint64_t address;        /**< what na_rma::remote_address starts from (an offset where not VIRT_ADDR) */
    uint8_t key_size;        /**< bytes of key used; 8 unless the provider has raw keys */
    uint8_t key[NA_KEY_MAX]; /**< little-endian for 8-byte keys */
};

/** Registers @p count segments (zero-sized ones allowed) with @p access (enum na_access bits). Any thread.
 *  Registered memory is borrowed until na_mem_deregister(). -EOPNOTSUPP for device memory that the provider
 *  cannot take, -ENOMEM (the detail explains memlock limits), -EINVAL. */
int na_mem_register(struct na_class *na_class, const struct na_segment *segments, uint32_t count, unsigned access,
                    enum na_mem_kind kind, uint64_t device, struct na_mem **mem_out);

/** Ends the registration: peers are refused from now on where na_limits::revocable; for the rest of a put that has begun see
 *  na_limits::writes_halted. NULL is allowed. Any thread. */
void na_mem_deregister(struct na_mem *mem);

/** What a peer needs to reach segment @p index. */
void na_mem_describe(const struct na_mem *mem, uint32_t index, struct na_remote_segment *out);

/* --- remote memory access ------------------------------------------------------------------------ */

enum na_rma_op {
    NA_RMA_PUT, /**< local to remote; done when the data is in the peer's memory */
    NA_RMA_GET, /**< remote to local */
};

/** One put or get between one local and one remote range. Owned by the caller, who keeps it (and what it points
 *  to) until done is called. Fill everything up to `done`. */
struct na_rma {
    enum na_rma_op op;
    struct na_route *route;
    void *local;              /**< inside segment @p local_index of @p local_mem */
    struct na_mem *local_mem; /**< registered with at least NA_ACCESS_LOCAL */
    uint32_t local_index;
    size_t size;             /**< at most na_limits::rma_max */
    uint64_t remote_address; /**< na_remote_segment::address plus the offset */
    const uint8_t *key;      /**< borrowed until done */
    uint8_t key_size;
    /** The end: 0, -EACCES or -EFAULT (refused by the target), -ECANCELED, -ECONNRESET, -EIO. Exactly once after a
     *  successful na_rma_post(), inside na_progress(). */
    void (*done)(struct na_rma *rma, int error);
    uint64_t transport[20]; /**< the transport's own (an libfabric context, links, state) */
};

/** Posts the operation. 0: done will be called. -EAGAIN: refused for now. Otherwise it failed. */
int na_rma_post(struct na_rma *rma);
/** Asks for an early end; done is still called, perhaps with success. */
void na_rma_cancel(struct na_rma *rma);

/* --- progress and waiting -------------------------------------------------------------------------- */

/** One turn: reads what has completed (a bounded batch), makes the upcalls, reposts receives. Also serves the
 *  class's connection events, whichever context gets there first. Returns the number of events handled, 0 when
 *  idle. Trouble with one peer is that route's route_down, never a failure of this call; < 0 means that the
 *  context itself is broken. */
int na_progress(struct na_context *context);

/** A descriptor for poll/epoll that becomes readable when na_progress() has something to do, or na_wake() was
 *  called; -1 with never_block. Constant for the context's life. */
int na_wait_fd(const struct na_context *context);
/** Must be called right before sleeping on the descriptor: true when it is safe to sleep (arms notifications),
 *  false when there is work already. */
bool na_wait_prepare(struct na_context *context);
/** Called after the sleep (or instead of it): disarms and clears wake-ups. */
void na_wait_finish(struct na_context *context);
/** Makes na_wait_fd() readable. Any thread, async-signal-safe. */
void na_wake(struct na_context *context);
/** When na_progress() must be called next even if nothing arrives (connect limits), ns of util_clock; UINT64_MAX: never. */
uint64_t na_next_deadline_ns(const struct na_context *context);

/* --- what is there ----------------------------------------------------------------------------------- */

/** One usable or unusable combination of protocol, provider and device on this machine. */
struct na_transport_info {
    char protocol[32];
    char provider[48];
    char domain[64];
    char device[64];
    char address[NA_ADDRESS_MAX];
    bool usable;
    char why[160]; /**< why it is not usable, empty otherwise */
};

/** Lists what the machine offers. @p *list is malloc'ed (util_free). @p protocol filters, NULL for all. */
int na_transport_list(const char *protocol, struct na_transport_info **list, size_t *count);
/** The version of the library underneath, "libfabric 1.17.0". */
const char *na_transport_version(void);

#endif
