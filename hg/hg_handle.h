/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */

/**
 * @file hg_handle.h
 * What an hg_handle_t points at: one call, at the origin or at the target.
 *
 * References: the user's from HG_Create() or for the RPC callback, one per HG_Get_input/output, one for a
 * call or response under way (dropped after its callback). The last one returns the handle to its context.
 *
 * Life (moves are made by hg_handle_move(), which asserts them):
 *
 *     origin   IDLE -> WAITING -> SENT -> PULLING -> COMPLETED -> IDLE
 *     target   IDLE -> RECEIVING -> READY -> RUNNING -> RESPONDING -> RESPONDED -> IDLE
 *
 * A call may go from every state between IDLE and COMPLETED straight to COMPLETED (cancel, time-out, end of the
 * session), or back to WAITING for another attempt. A call to oneself is READY at once at its target; a repeated request
 * that was answered goes straight to RESPONDING, and one that is given up before it is whole back to IDLE; one to which nothing is
 * answered goes from RUNNING to RESPONDED. The state is written under the owner context's lock.
 */

#ifndef HG_HG_HANDLE_H
#define HG_HG_HANDLE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "hg/hg_admit.h"
#include "hg/hg_class.h"
#include "hg/hg_context.h"
#include "hg/hg_header.h"
#include "hg/hg_missing.h"
#include "hg/hg_nested.h"
#include "hg/hg_once.h"
#include "hg/hg_queue.h"
#include "hg/hg_retry.h"
#include "hg/hg_session.h"
#include "util/util_timer.h"

enum hg_handle_state {
    HG_HANDLE_IDLE,
    HG_HANDLE_WAITING,    /**< origin: encoded, waits for window or room in the outbox */
    HG_HANDLE_SENT,       /**< origin: in the outbox or beyond; waits for the response, or to leave (one-way) */
    HG_HANDLE_PULLING,    /**< origin: pulls a large output */
    HG_HANDLE_COMPLETED,  /**< origin: in the completion queue */
    HG_HANDLE_RECEIVING,  /**< target: fragments or the pull of a large input are under way */
    HG_HANDLE_READY,      /**< target: in the completion queue */
    HG_HANDLE_RUNNING,    /**< target: the user has it */
    HG_HANDLE_RESPONDING, /**< target: the response waits for room, to leave, or to be pulled */
    HG_HANDLE_RESPONDED,  /**< target: answered, or nothing to answer */
    HG_HANDLE_STATES
};

struct hg_fence;             /* hg_fence.h */
struct hg_overflow_exposure; /* hg_overflow.h */
struct hg_overflow_pull;

/** Encoded data on its way out. The buffer stays with the handle from call to call. */
struct hg_handle_encoded {
    unsigned char *buf; /**< owned; room for an eager payload; allocated with the first use */
    size_t buf_size;
    size_t size; /**< bytes used in buf */
    void *extra; /**< owned; all encoded data when it did not fit behind the user's offset in buf */
    size_t extra_size;
    size_t sent; /**< bytes already in the outbox, of a payload that goes in fragments */
    bool shown;  /**< target: the user has buf, HG_Get_output_buf(), and may write there at any time */
};

/** A received payload. */
struct hg_handle_received {
    unsigned char *buf; /**< owned: from context->bufs, or from the heap; NULL: all of this is 0, but `released` */
    size_t size;
    size_t eager_size; /**< the part that came in the message itself; equal to size unless it overflowed */
    bool from_heap;
    bool released;        /**< given back by the program: HG_Release_input_buf() */
    bool checked;         /**< a descriptor in it comes with the checksum of what it stands for */
    uint64_t pieces;      /**< bit per fragment that has arrived; the last fragment has bit 63 */
    uint32_t missing;     /**< bytes of fragments still to come */
    uint32_t piece_size;  /**< of every fragment but the last; 0: none of those has come */
    uint32_t last_offset; /**< of the last fragment, once it has come */
};

/** What a handler learns of a cancel. */
struct hg_handle_cancel {
    atomic_bool is;          /**< written under the owner's lock */
    bool withdrawn;          /**< before the handler began to run: it does not */
    qs_cancel_cb_t callback; /**< the user's, or NULL */
    void *arg;
    struct hg_completion completion;
    struct hg_parcel parcel; /**< where owner and info.context differ */
};

struct hg_handle {
    struct hg_info info; /**< what HG_Get_info() shows; addr is a reference */

    /* Identity. */
    struct hg_context *owner; /**< the context that it was received by or created on: its lock, pools and session */
    struct hg_rpc *rpc;       /**< borrowed from the class's table */
    bool target;
    bool no_response;       /**< of this call */
    uint8_t target_context; /**< target: the context that the origin meant */
    atomic_int refs;

    /* The call; under owner->lock. */
    _Atomic(enum hg_handle_state) state;   /**< written under the lock; read without it only to refuse misuse early */
    struct hg_session *session;            /**< a reference, or NULL: not resolved yet, or a call to oneself */
    uint64_t tag;                          /**< origin: ours, 0 when not in the table; target: the origin's */
    uint64_t release_tag;                  /**< target: ours, for the release of a large output */
    bool create_told;                      /**< target: the handle-create callback has seen this handle */
    bool to_self;                          /**< a call to this very class */
    struct hg_self_message *self_answer;   /**< owned: such a request's, to be answered with */
    struct util_list link;                 /**< in one of the session's queues */
    uint64_t frame_number;                 /**< the frame that must leave before the handle ends */
    struct util_timer timer;               /**< of the limit */
    bool timer_rests;                      /**< it is armed for nobody: see hg_deadline.c */
    bool bounded;                          /**< origin: by qs_forward() */
    struct hg_retry_peer *counted;         /**< origin: in whose calls under way it counts; NULL: none */
    uint64_t timeout_us;                   /**< of this handle; 0: as the RPC or the class says */
    uint64_t deadline_ns;                  /**< UINT64_MAX: none */
    struct hg_overflow_exposure *exposure; /**< owned: our payload, for the peer to pull */
    struct hg_overflow_pull *pull;         /**< the peer's payload, being pulled; owned by the transfer */
    uint32_t status;                       /**< target: what the response carries */
    struct hg_handle_cancel cancel;        /**< target */
    struct util_list children;             /**< target: calls that end with it, by parent_link */
    struct util_list transfers;            /**< target: bulk transfers that do */
    struct util_list parent_link;          /**< origin: in the children of the request that it serves */
    struct util_list rejoined_link;        /**< target: owner->rejoined */
    bool refused;                          /**< target: its handler did not run, which the answer says */
    bool admitted;                         /**< target: it counts in owner->admit */
    uint64_t share_bytes;                  /**< target: what its input and output add to session->share */
    uint64_t arrived_ns;                   /**< target: 0 where nobody asked the clock */
    struct hg_once_place once;             /**< target */
    struct hg_retry retry;                 /**< origin */
    struct hg_missing missing;             /**< whether the peer may have lost it */
    bool parent_set;                       /**< origin: parent is the user's word */
    struct hg_nested parent; /**< origin: the request that this call serves; target: what it is to those who
                                              serve it, constant while it runs */

    /* Memory that the call shows to its target; origin. */
    struct hg_fence *fence;        /**< owned: what its input describes; NULL: nothing so far */
    struct util_list fences;       /**< those that its callback waits for */
    struct util_timer fence_timer; /**< for so long */

    /* What is known of the last call; origin. */
    bool ended; /**< there is one */
    enum qs_outcome outcome;
    int cause;               /**< negative errno value behind ret, or 0 */
    uint32_t attempts;       /**< also while it is under way */
    uint64_t begun_ns;       /**< 0 where nobody asked the clock */
    uint64_t ended_ns;       /**< the same */
    uint32_t retry_after_us; /**< as the target said when it refused the last attempt, or 0 */
    struct hg_tally_sample sample;

    /* Completion. */
    hg_cb_t callback;
    void *callback_arg;
    hg_return_t ret;
    struct hg_completion completion;
    struct hg_parcel parcel; /**< target: on its way between owner and info.context, where they differ */

    /* Payloads. */
    struct hg_handle_encoded encoded;   /**< origin: input, target: output */
    struct hg_handle_received received; /**< origin: output, target: input */

    struct util_list all_link;  /**< owner->handles_all */
    struct util_list idle_link; /**< cached in the owner */
    struct hg_user_data user;
};

/** A handle for a call (origin) or for a received request (target), state IDLE, one reference. Needs the lock.
 *  NULL: no memory. The handle-create callback is the caller's care. */
struct hg_handle *hg_handle_get_locked(struct hg_context *context, bool target, bool *fresh);

/** Makes @p count idle handles for requests. -ENOMEM: not all of them. Needs the lock. */
int hg_handle_prepare_locked(struct hg_context *context, uint32_t count);

/** Whether a further request would need a handle beyond those that the class's options allow. Needs the lock. */
bool hg_handle_exhausted_locked(const struct hg_context *context);

void hg_handle_ref(struct hg_handle *handle);
/** The same for who has found the handle in a table, under its owner's lock: false when its last reference has just been dropped, by a
 *  thread that waits for the lock to end it. */
bool hg_handle_ref_if_held(struct hg_handle *handle);
/** Drops a reference; the last one ends the handle (and answers in the handler's place if it did not). No lock held. */
void hg_handle_unref(struct hg_handle *handle);
/** The same under the owner's lock. */
void hg_handle_unref_locked(struct hg_handle *handle);

/** Frees memory that the handle keeps between lives; when the context goes. */
void hg_handle_destroy(struct hg_handle *handle);

/** Gives back what was received. */
void hg_handle_drop_received_locked(struct hg_handle *handle);
/** Points the handle to no session. */
void hg_handle_drop_session_locked(struct hg_handle *handle);

/** If the handle has the answer of a request that runs at most once, the record gets a copy (hg_once_settle()). Needs the lock. */
static inline void hg_handle_save_answer_locked(struct hg_handle *handle)
{
    if (handle->once.origin != NULL && handle->once.answered)
        hg_once_settle(handle);
}

/** Where a received request is from READY until it is answered. */
static inline struct hg_serving *hg_handle_serving(struct hg_handle *handle)
{
    return handle->session != NULL ? &handle->session->serving : &handle->owner->serving_self;
}

/** Makes a move of the table above; asserts that it is one. */
void hg_handle_move(struct hg_handle *handle, enum hg_handle_state to);
const char *hg_handle_state_text(enum hg_handle_state state);

static inline enum hg_handle_state hg_handle_state(const struct hg_handle *handle)
{
    /* Relaxed: exact under the lock; without it only a hint to refuse misuse. */
    return atomic_load_explicit(&handle->state, memory_order_relaxed);
}

/** Ends a call at the origin with @p ret: leaves every queue and table, then the completion queue. Needs the lock; the
 *  state is WAITING, SENT or PULLING. What is known of it follows from how far it has come. */
void hg_handle_complete_locked(struct hg_handle *handle, hg_return_t ret);
/** The same, where more is known. */
void hg_handle_complete_as_locked(struct hg_handle *handle, hg_return_t ret, enum qs_outcome outcome);

#endif
