/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */

/**
 * @file hg_session.h
 * What one local context shares with one context of one remote process: a route, the receive ids that the
 * two gave each other, flow control, wait queues and the outbox. One peer process may therefore have several
 * sessions, one for each pair of contexts that talk; none is shared by two contexts, so none needs a lock
 * beyond its context's.
 *
 * Flow control counts requests that were sent and not yet taken up for execution at the peer (credits ride in
 * frame headers), never calls that wait for an answer. Beyond the window a request waits here, linked
 * through its own handle, so waiting needs no memory and has no limit of its own.
 *
 * Where the class has shared memory besides its own transport, a session is looked for there first: an endpoint
 * with the name of the peer's address is there exactly when the peer is on this host and has shared memory, too. Until
 * that is known the session is FINDING, and sends nothing. If nobody is there, everything that waits for it goes over
 * to a session by the class's own transport, and it ends. A peer may thus have two sessions with the same pair of
 * contexts, when each side began by another transport; the map gives the older one.
 *
 * A session ends when its route ends, when the peer turns out to have a new incarnation, or when the peer breaks
 * the protocol. Its calls then end with the reason, and it leaves the tables; handles that still point at it
 * keep the memory. All functions need the context's lock.
 */

#ifndef HG_HG_SESSION_H
#define HG_HG_SESSION_H

#include <stdbool.h>
#include <stdint.h>

#include "bulk/bulk_env.h"
#include "hg/hg_frame.h"
#include "hg/hg_liveness.h"
#include "hg/hg_outbox.h"
#include "hg/hg_serving.h"
#include "hg/hg_tally.h"
#include "mercury_types.h"
#include "na/na.h"
#include "util/util_list.h"
#include "util/util_mutant.h"

/** Requests of one peer that a context holds before they are taken up: the window told in the hello. */
#ifndef HG_SESSION_WINDOW /* the simulation has a small one */
#define HG_SESSION_WINDOW 512U
#endif
/** Requests in pieces that are remembered as dropped. */
#define HG_SESSION_DROPPED_TAGS 8U
/** Control messages that may wait in one session; later ones are dropped. */
#define HG_SESSION_CONTROLS_MAX 65536U

struct hg_context;
struct hg_handle;
struct hg_once_origin;
struct hg_port;
struct hg_share;

enum hg_session_state {
    HG_SESSION_OPEN,    /**< connecting or connected */
    HG_SESSION_FINDING, /**< perhaps by shared memory: everything waits until that is known */
    HG_SESSION_ENDED,   /**< in no table any more; see error */
};

/** A control message that waits for room. */
struct hg_session_control {
    uint8_t type;
    uint32_t status;
    uint32_t retry_after_us;
    uint64_t tag;
};

struct hg_session {
    /* Identity. */
    struct hg_context *context; /**< owner */
    struct hg_addr *addr;       /**< the peer; a reference */
    struct hg_port *port;       /**< of the context: where the route is */
    struct na_route *route;     /**< owned; NULL once ended */
    struct bulk_lane lane;      /**< of bulk transfers on the route */
    uint8_t target_context;     /**< the peer's context */
    uint8_t wished_context;     /**< the one that it was opened for, where the route could lead to another */
    bool mapped;                /**< HG_Forward finds it in context->session_map */
    bool accepted;              /**< the peer came to us */
    bool connected;             /**< the route has come up; from the start where there are no connections */
    bool goaway;                /**< the peer has said that it takes no new requests */
    bool share_counted;         /**< it counts in share->sessions */
    struct hg_share *share;     /**< of the peer, a reference; NULL until it is needed */

    /* Life. */
    enum hg_session_state state;
    uint32_t refs;             /**< one for being open, one per handle that points here */
    int error;                 /**< why it ended: negative errno */
    struct util_list link;     /**< context->sessions while open */
    struct util_list due_link; /**< context->due_sessions: has something to offer to the transport */
    struct hg_liveness liveness;

    /* Receive ids. */
    uint32_t local_index; /**< ours, what the peer writes into its frames */
    uint32_t local_key;
    uint32_t local_number; /**< counts those of the class */
    uint32_t remote_index; /**< the peer's, valid if remote_known */
    uint32_t remote_key;
    uint32_t remote_number;         /**< counts the peer's sessions */
    uint64_t remote_since_ns;       /**< when that one was learned of */
    struct hg_frame_process remote; /**< all 0 until the hello */
    bool remote_known;
    bool local_used;     /**< the peer has used our id: the hello need not be repeated */
    uint64_t hello_from; /**< the number of the first frame that repeats it; UINT64_MAX: none does */
    bool announce;       /**< hello or credit must leave even without a message */

    /* Flow control, all modulo 2^32. */
    uint32_t window;       /**< of the peer; a default until its hello */
    uint32_t window_turn;  /**< of its last change: see hg_session_window_tag() */
    uint32_t local_window; /**< ours, as the peer was told */
    uint32_t local_turn;
    uint32_t requests_sent;
    uint32_t requests_taken; /**< of ours, as the peer's credit says */
    uint32_t local_taken;    /**< of the peer's, by our HG_Trigger */
    uint32_t local_received; /**< of the peer's */
    uint32_t credit_told;    /**< local_taken in the last frame that left */

    /* Queues. */
    struct hg_outbox outbox;
    struct util_list waiting_requests;  /**< handles: the window or the outbox is full */
    struct util_list waiting_once;      /**< handles: the peer's hello or a sequence number is missing (hg_retry.h) */
    struct util_list waiting_responses; /**< handles: the outbox is full */
    struct util_list leaving;   /**< handles that end when their frame has been taken: one-way calls, responses */
    struct util_list calls;     /**< origin handles that wait for the peer */
    struct util_list receiving; /**< target handles whose fragments or overflow are still coming */
    struct hg_serving serving;  /**< target handles that are READY or RUNNING */
    struct util_list orphans;   /**< exposed inputs of calls that ended early, until the peer lets go (hg_overflow.h) */
    uint32_t orphan_count;
    struct util_list fences; /**< of calls that ended early, until the peer lets go of their memory (hg_fence.h) */
    /** Of the last requests in pieces that were refused or withdrawn: pieces that come later are dropped. Frames may overtake each
     *  other, so it is not always the last one. */
    uint64_t dropped_tags[HG_SESSION_DROPPED_TAGS];
    uint32_t dropped_count; /**< modulo 2^32 */
    struct hg_session_control *controls;
    uint32_t control_count;
    uint32_t control_capacity;

    struct hg_once_origin *once_origin; /**< of the peer, under the lock of the class's hg_once; NULL: not met yet */
    uint64_t once_generation;           /**< of hg_once then: that one may be gone when it has grown */

    struct hg_tally_session tally;
};

/** The session for calls to context @p target_context of @p addr, opened if need be. */
int hg_session_get(struct hg_context *context, struct hg_addr *addr, uint8_t target_context,
                   struct hg_session **session_out);

/** The same, by the class's own transport. */
int hg_session_get_far(struct hg_context *context, struct hg_addr *addr, uint8_t target_context,
                       struct hg_session **session_out);

/** The route came up: what waits leaves. */
void hg_session_found(struct hg_session *session);
/** Nobody is there by shared memory: what waits for this session, which is FINDING, goes over to others by the class's
 *  own transport. The session ends. */
void hg_session_go_far(struct hg_session *session);

/** The open session with context @p target_context of @p addr that hg_session_get() would give, or NULL: nothing is opened. */
struct hg_session *hg_session_find_peer(struct hg_context *context, const struct hg_addr *addr, uint8_t target_context);

/** Makes a session for a peer that came to us. @p route may be NULL (no connections): one is opened to the address in
 *  the hello. Its own reference is the table's. */
int hg_session_accept(struct hg_port *port, struct na_route *route, const struct hg_frame_hello *hello,
                      struct hg_session **session_out);

void hg_session_ref(struct hg_session *session);
void hg_session_unref(struct hg_session *session);

/** The open session that has this receive id, or NULL. */
struct hg_session *hg_session_find(struct hg_context *context, uint32_t index, uint32_t key);

/** Whether a hello speaks for an earlier session of the peer than the one that is known, and has been overtaken by the
 *  hello of that one. Not for ever: a peer may have several sessions that are one here. */
bool hg_session_hello_is_late(const struct hg_session *session, const struct hg_frame_hello *hello);

/** Learns from a hello. -ESTALE: the peer is another incarnation than before. */
int hg_session_learn(struct hg_session *session, const struct hg_frame_hello *hello);
/** The peer goes on with another session, as it may over datagrams. There it counts from 0, and so do we. */
void hg_session_count_anew(struct hg_session *session);
/** Takes over a credit; -EPROTO when it is not possible. */
int hg_session_credit(struct hg_session *session, uint32_t credit);

/** Notes that one request of the peer was taken up (or dropped): announces credit when enough have gathered. */
void hg_session_taken(struct hg_session *session);

/** Frames from the next one on carry the hello, until the peer shows that it knows us. */
static inline void hg_session_repeat_hello(struct hg_session *session)
{
    if (session->local_used)
        session->hello_from = session->outbox.filled + (session->outbox.open != NULL);
    session->local_used = false;
}

/** A frame of the peer has named our id. */
static inline void hg_session_used(struct hg_session *session)
{
    if (session->local_used)
        session->hello_from = UINT64_MAX; /* what was repeated has been answered before */
    session->local_used = true;
}

/** Fills in our hello for this session. */
void hg_session_hello(const struct hg_session *session, struct hg_frame_hello *hello);

/** Tells the peer what window it has, if that has changed. */
void hg_session_tell_window(struct hg_session *session);
/** Says it again, where what was said before may have been lost. */
void hg_session_repeat_window(struct hg_session *session);
/** Learns of a change of the peer's window from the tag of the message. */
void hg_session_learn_window(struct hg_session *session, uint64_t tag);
/** The peer takes no new requests: calls from now on look for its successor, where there may be one. */
void hg_session_goaway(struct hg_session *session);

/** The tag of a message that changes the window: how often it has been changed, so that one which was overtaken is known, and
 *  the window. */
static inline uint64_t hg_session_window_tag(uint32_t turn, uint32_t window)
{
    return (uint64_t)turn << 32 | window;
}

/** Answers a ping, with the count of the requests that have come. */
void hg_session_pong(struct hg_session *session, uint64_t tag);
/** Of the @p sent requests the peer has received @p received, and the rest will not come: datagrams can be lost. */
void hg_session_learn_received(struct hg_session *session, uint32_t sent, uint32_t received);

/** Sends or queues a control message. */
void hg_session_control(struct hg_session *session, uint8_t type, uint64_t tag);

/** Queues a small message (an answer without payload) for which the outbox had no room. */
void hg_session_refuse_later(struct hg_session *session, const struct hg_header *header);

/** Marks the session as having something to send, and sends it now unless the calling thread will flush soon. */
void hg_session_kick(struct hg_session *session);

/** Moves waiting controls, responses and requests into the outbox while there is room, then flushes it. True when
 *  nothing waits for the transport any more. */
bool hg_session_pump(struct hg_session *session);

/** Tells the peer, as well as the transport takes it now, that the session will end and why. */
void hg_session_farewell(struct hg_session *session, hg_return_t status);

/** Ends the session: every call and every queue of it ends with @p error. */
void hg_session_end(struct hg_session *session, int error);

/** Whether the peer checks all that it sends: what breaks the protocol was then damaged on its way. */
static inline bool hg_session_checked(const struct hg_session *session)
{
    return (session->remote.features & HG_FRAME_FEATURE_CHECKED) != 0;
}

/** Something has come from the peer. */
static inline void hg_session_heard(struct hg_session *session)
{
    session->liveness.heard = true;
    if (session->liveness.state != QS_PEER_ALIVE)
        hg_liveness_alive(session);
}

/** Whether calls wait for the peer, be it for its hello, or the rest of a payload. */
static inline bool hg_session_waits(const struct hg_session *session)
{
    return !util_list_empty(&session->calls) || !util_list_empty(&session->waiting_requests) ||
           !util_list_empty(&session->waiting_once) || !util_list_empty(&session->receiving);
}

/** After anything that may make something wait for the peer. */
static inline void hg_session_watched(struct hg_session *session)
{
    if (!util_timer_armed(&session->liveness.timer) && hg_session_waits(session))
        hg_liveness_watch(session);
}

/** Requests in the window. */
static inline bool hg_session_window_open(const struct hg_session *session)
{
    return session->requests_sent - session->requests_taken < session->window || UTIL_MUTANT(WINDOW_IGNORED);
}

#endif
