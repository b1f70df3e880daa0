/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */

/*
 * Frames in: which session a frame belongs to, what its header and hello say, and its messages, one after
 * the other, to the file that handles their type. Everything here comes from the network. A frame that breaks
 * the protocol ends the session that it came on; one that belongs to nobody is counted and dropped; neither
 * touches other peers.
 */

#include "hg/hg_receive.h"

#include <errno.h>
#include <string.h>

#include "hg/hg_addr.h"
#include "hg/hg_cancel.h"
#include "hg/hg_context.h"
#include "hg/hg_dispatch.h"
#include "hg/hg_fence.h"
#include "hg/hg_fragment.h"
#include "hg/hg_frame.h"
#include "hg/hg_handle.h"
#include "hg/hg_missing.h"
#include "hg/hg_overflow.h"
#include "hg/hg_reply.h"
#include "hg/hg_respond.h"
#include "hg/hg_session.h"
#include "util/util_log.h"
#include "util/util_mutant.h"

/* The largest payload that may come in fragments, whatever the peer's frame size. */
#define RECEIVE_TOTAL_MAX  (HG_FRAGMENT_MAX * 65536U)
#define RECEIVE_LAST_PIECE ((uint64_t)1 << 63)

/* --- payloads -------------------------------------------------------------------------------------- */

int hg_receive_reserve(struct hg_handle *handle, const struct hg_header *header)
{
    struct hg_handle_received *received = &handle->received;
    bool fragments = (header->flags & HG_MESSAGE_FRAGMENT) != 0;
    size_t size = fragments ? header->total_size : header->payload_size;
    const uint16_t checked = HG_MESSAGE_CHECKED | HG_MESSAGE_CHECKED_PAYLOAD;

    if (size > RECEIVE_TOTAL_MAX)
        return -EBADMSG;
    hg_handle_drop_received_locked(handle);
    received->buf = util_bufs_get(&handle->owner->bufs, size == 0 ? 1 : size);
    if (received->buf == NULL)
        return -ENOMEM;
    received->size = size;
    received->eager_size = size;
    received->checked = (header->flags & checked) == checked;
    if (fragments) {
        size_t offset = handle->info.hg_class->user_offset[handle->target ? 0 : 1];

        received->missing = header->total_size;
        received->eager_size = offset < size ? offset : size;
    }
    return 0;
}

/* Whether the pieces that have come are all there is, without holes. */
static bool receive_is_whole(const struct hg_handle_received *received)
{
    uint64_t count = received->piece_size == 0 ? 0 : received->last_offset / received->piece_size;

    if (received->piece_size != 0 && received->last_offset % received->piece_size != 0)
        return false;
    return count < 63 && received->pieces == (RECEIVE_LAST_PIECE | (((uint64_t)1 << count) - 1));
}

/* Notes one piece; false when it contradicts the others. */
static bool receive_note_piece(struct hg_handle_received *received, const struct hg_header *header)
{
    uint64_t bit;

    if (header->total_size != received->size || header->payload_size > received->missing)
        return false;
    if (header->offset + header->payload_size == header->total_size) {
        bit = RECEIVE_LAST_PIECE;
        received->last_offset = header->offset;
    } else {
        if (received->piece_size == 0)
            received->piece_size = header->payload_size;
        if (header->payload_size != received->piece_size || header->offset % received->piece_size != 0 ||
            header->offset / received->piece_size >= 63)
            return false;
        bit = (uint64_t)1 << (header->offset / received->piece_size);
    }
    if ((received->pieces & bit) != 0)
        return false;
    received->pieces |= bit;
    received->missing -= header->payload_size;
    return true;
}

int hg_receive_copy(struct hg_handle *handle, const struct hg_header *header, const unsigned char *payload)
{
    struct hg_handle_received *received = &handle->received;

    if ((header->flags & HG_MESSAGE_FRAGMENT) == 0) {
        /* Room was made for the first message of this tag: a second one of another kind is a lie. */
        if (received->missing > 0 || header->payload_size != received->size)
            return -EBADMSG;
        memcpy(received->buf, payload, header->payload_size);
        return 1;
    }
    if (!receive_note_piece(received, header))
        return -EBADMSG;
    memcpy(received->buf + (UTIL_MUTANT(PIECE_MISPLACED) ? 0 : header->offset), payload, header->payload_size);
    if (received->missing > 0)
        return 0;
    return receive_is_whole(received) ? 1 : -EBADMSG;
}

void hg_receive_abandon_locked(struct hg_handle *handle)
{
    if (handle->pull != NULL)
        hg_overflow_abandon_locked(handle, 0);
    util_list_remove(&handle->link);
    hg_handle_move(handle, HG_HANDLE_IDLE);
    hg_handle_unref_locked(handle);
}

/* --- messages -------------------------------------------------------------------------------------- */

/* A buffer of ours that the peer had to pull from is no longer needed; or it is through with the memory of a call that we have
 * cancelled. */
static void receive_release(struct hg_session *session, uint64_t tag)
{
    struct hg_handle *handle = hg_context_slot_find(session->context, tag);

    hg_overflow_release_orphan_locked(session, tag);
    hg_fence_released_locked(session, tag);
    if (handle == NULL || handle->session != session)
        return;
    if (handle->target)
        hg_respond_released_locked(session, tag);
    else if (handle->no_response)
        hg_handle_complete_locked(handle, HG_SUCCESS);
}

static int receive_message(struct hg_session *session, const struct hg_header *header, const unsigned char *payload)
{
    switch (header->type) {
    case HG_MESSAGE_REQUEST:
        return hg_dispatch_request_locked(session, header, payload);
    case HG_MESSAGE_RESPONSE:
    case HG_MESSAGE_NACK:
        return hg_reply_receive_locked(session, header, payload);
    case HG_MESSAGE_CANCEL:
        hg_cancel_received_locked(session, header->tag);
        return 0;
    case HG_MESSAGE_RELEASE:
        receive_release(session, header->tag);
        return 0;
    case HG_MESSAGE_PING:
        hg_liveness_pinged(session, header);
        return 0;
    case HG_MESSAGE_PONG:
        hg_liveness_pong(session, header);
        return 0;
    case HG_MESSAGE_WINDOW:
        hg_session_learn_window(session, header->tag);
        return 0;
    case HG_MESSAGE_GOAWAY:
        hg_session_goaway(session);
        return 0;
    case HG_MESSAGE_ASK:
        /* By a connection nothing gets lost. */
        if (!session->port->limits->connections)
            hg_missing_asked_locked(session, header->tag);
        return 0;
    case HG_MESSAGE_GONE:
        hg_missing_told_locked(session, header->tag);
        return 0;
    case HG_MESSAGE_END:
        hg_session_end(session, header->status == HG_CHECKSUM_ERROR ? -EILSEQ : -ECONNRESET);
        return 0;
    default:
        return 0;
    }
}

/* All messages of a frame. The session may end on the way, and is kept in memory by the caller. */
static int receive_messages(struct hg_session *session, const unsigned char *bytes, size_t size)
{
    while (size > 0 && session->state == HG_SESSION_OPEN) {
        struct hg_header header;
        const unsigned char *payload;
        size_t message_size;
        int error = hg_header_decode(bytes, size, &header, &payload, &message_size);

        if (hg_session_checked(session) && (error != 0 || (header.flags & HG_MESSAGE_CHECKED) == 0))
            error = -EILSEQ; /* what the peer sent was right, and checked */
        if (error == 0)
            error = receive_message(session, &header, payload);
        if (error != 0)
            return error;
        bytes += message_size;
        size -= message_size;
    }
    return 0;
}

/* --- frames ---------------------------------------------------------------------------------------- */

/* What a frame was decoded to. */
struct receive_frame {
    struct hg_frame_header header;
    struct hg_frame_hello hello;
    bool has_hello;
    size_t body_offset;
};

/* An open session with the sender of a hello, or NULL. Only where frames come without a route. */
static struct hg_session *receive_find_sender(const struct hg_port *port, const struct hg_frame_hello *hello)
{
    util_list_each (node, &port->context->sessions) {
        struct hg_session *session = util_container_of(node, struct hg_session, link);

        if (session->port == port && session->target_context == hello->context &&
            strcmp(session->addr->text, hello->class_address) == 0)
            return session;
    }
    return NULL;
}

/* Whether the hello comes from the peer's end of this session: the same process with the same receive id. */
static bool receive_same_session(const struct hg_session *session, const struct hg_frame_hello *hello)
{
    return !session->remote_known ||
           (session->remote.incarnation == hello->incarnation && session->remote_index == hello->session_index &&
            session->remote_key == hello->session_key);
}

/* Whether a session stays although its peer speaks for another one. Frames without an order may be late, and those of two
 * sessions cross: each side would end its own for that of the other, and again for the answer, without end. A frame that names
 * an earlier session of ours may be such a one. The side with the greater incarnation keeps what it has and says so by its
 * hello, the other gives way. A peer that truly begins anew names none. */
static bool receive_keeps_session(const struct hg_session *session, const struct receive_frame *frame)
{
    return frame->header.session_key != 0 && session->remote.incarnation == frame->hello.incarnation &&
           session->context->hg_class->incarnation > frame->hello.incarnation;
}

/* The session of a frame that came without a route. */
static struct hg_session *receive_session_by_id(struct hg_port *port, const struct receive_frame *frame)
{
    struct hg_context *context = port->context;
    struct hg_session *session = NULL;

    if (frame->header.session_key != 0 &&
        (frame->header.incarnation == (uint32_t)context->hg_class->incarnation || UTIL_MUTANT(STALE_FRAME_TAKEN)))
        session = hg_session_find(context, frame->header.session_index, frame->header.session_key);
    if (session != NULL) {
        if (session->port != port)
            return NULL;
        hg_session_used(session);
        return session;
    }
    if (!frame->has_hello)
        return NULL;
    session = receive_find_sender(port, &frame->hello);
    if (session != NULL && !receive_same_session(session, &frame->hello)) {
        if (session->remote.incarnation == frame->hello.incarnation && hg_session_hello_is_late(session, &frame->hello))
            return NULL;
        if (receive_keeps_session(session, frame)) {
            session->announce = true;
            hg_session_repeat_hello(session);
            hg_session_kick(session);
            return NULL;
        }
        if (session->remote.incarnation != frame->hello.incarnation) {
            hg_event(context->hg_class, session->addr, HG_EVENT_PEER_RESTARTED, "it is another process than before");
            hg_liveness_dead(session, "it was restarted");
        }
        hg_session_end(session, -ECONNRESET); /* the peer was restarted on its address, or began anew */
        session = NULL;
    }
    if (session == NULL && hg_session_accept(port, NULL, &frame->hello, &session) != 0)
        return NULL;
    /* The peer does not know our end of it, or no longer: what it sends without a hello would be lost. */
    hg_session_repeat_hello(session);
    session->announce |= frame->header.session_key != 0;
    return session;
}

/* The session of a frame on a route. */
static struct hg_session *receive_session_by_route(struct hg_port *port, struct na_route *route,
                                                   const struct receive_frame *frame)
{
    struct hg_session *session = na_route_user(route);

    if (session == NULL) {
        if (!frame->has_hello || hg_session_accept(port, route, &frame->hello, &session) != 0)
            return NULL;
    }
    /* Who does not know our id yet says who he is; who has used it knows it. */
    if (frame->header.session_key == 0)
        return frame->has_hello && !session->local_used ? session : NULL;
    if (frame->header.session_index != session->local_index || frame->header.session_key != session->local_key ||
        frame->header.incarnation != (uint32_t)port->context->hg_class->incarnation)
        return NULL;
    hg_session_used(session);
    return session;
}

/* Damage that no call can be made to answer for: the session will end. */
static void receive_count_damaged(struct hg_session *session)
{
    session->context->counters.checksum_errors++;
    hg_event(session->context->hg_class, session->addr, HG_EVENT_CHECKSUM_ERROR,
             "a frame from it was damaged on its way; its session ends");
}

/* Ends a session for what came on it. Where bytes were changed on their way, the peer is none to blame: its calls end with
 * the reason, and without a connection it would not learn of the end at all. */
static void receive_end(struct hg_session *session, int error)
{
    if (error == -EILSEQ)
        hg_session_farewell(session, HG_CHECKSUM_ERROR);
    else if (error == -EPROTO)
        hg_event(session->context->hg_class, session->addr, HG_EVENT_PROTOCOL_ERROR,
                 "it broke the protocol; its session ends");
    hg_session_end(session, error);
}

/* Without connections a peer may still speak to our predecessor on this address, and says so in its hello: its calls are
 * not for us. */
static bool receive_is_for_predecessor(const struct hg_session *session, const struct receive_frame *frame)
{
    return frame->has_hello && !session->port->limits->connections && frame->hello.peer_incarnation != 0 &&
           frame->hello.peer_incarnation != session->context->hg_class->incarnation &&
           !UTIL_MUTANT(INCARNATION_UNCHECKED);
}

static void receive_count_stale(struct hg_session *session, const char *what)
{
    session->context->counters.stale_frames++;
    hg_event(session->context->hg_class, session->addr, HG_EVENT_STALE_FRAME, "%s", what);
}

/* The peer learns of us by our hello, which ends its session. */
static int receive_succeed(struct hg_session *session, const struct receive_frame *frame)
{
    struct hg_frame_hello hello = frame->hello;
    int error;

    receive_count_stale(session, "it speaks to an earlier process at our address");
    hello.peer_incarnation = 0;
    error = hg_session_learn(session, &hello);
    session->announce |= error == 0;
    return error;
}

/* The error of a peer that is another process than before. */
static int receive_restarted(struct hg_session *session, int error)
{
    receive_count_stale(session, "a frame of it is for, or from, an earlier process");
    hg_event(session->context->hg_class, session->addr, HG_EVENT_PEER_RESTARTED, "it is another process than before");
    if (session->port->limits->connections)
        return error;
    hg_liveness_dead(session, "it was restarted");
    return -ECONNRESET;
}

static int receive_frame_on(struct hg_session *session, const struct receive_frame *frame, const unsigned char *bytes,
                            size_t size)
{
    int error = 0;

    if (hg_session_checked(session) && (frame->header.flags & HG_FRAME_CHECKED) == 0)
        error = -EILSEQ;
    if (error == 0 && receive_is_for_predecessor(session, frame))
        return receive_succeed(session, frame);
    if (error == 0 && frame->has_hello)
        error = hg_session_learn(session, &frame->hello);
    if (error == 0) {
        hg_session_heard(session);
        atomic_store_explicit(&session->tally.heard_ns, session->context->about_ns, memory_order_relaxed);
    }
    /* Credit counts within one pair of sessions: that of a frame for an earlier one of ours, as it may come over datagrams,
     * says nothing here. */
    if (error == 0 && (session->port->limits->connections || frame->header.session_key == session->local_key))
        error = hg_session_credit(session, frame->header.credit);
    if (error == 0)
        error = receive_messages(session, bytes + frame->body_offset, size - frame->body_offset);
    if (error == -EBADMSG || error == -EPROTO)
        session->context->counters.bad_frames++;
    if (error == -EILSEQ)
        receive_count_damaged(session);
    if (error == -ESTALE)
        error = receive_restarted(session, error);
    return error;
}

/* The peer speaks a version that we do not: tells it so where there is a way back. */
static void receive_foreign(struct hg_port *port, struct na_route *route)
{
    struct na_frame *frame = route != NULL ? na_frame_get(port->na) : NULL;

    hg_event(port->context->hg_class, NULL, HG_EVENT_BAD_FRAME, "a frame from %s has a version that is not understood",
             route != NULL ? na_route_text(route) : "an unknown peer");
    if (frame == NULL)
        return;
    hg_frame_encode_refusal(frame->data);
    frame->size = HG_FRAME_REFUSAL_SIZE;
    if (na_send(route, frame) != 0)
        na_frame_put(port->na, frame);
}

static const char *receive_kind_text(enum hg_frame_kind kind)
{
    if (kind == HG_FRAME_KIND_REFUSAL)
        return "a refusal of our protocol version";
    return kind == HG_FRAME_KIND_DAMAGED ? "a damaged frame" : "a malformed frame";
}

static int receive_kind_error(enum hg_frame_kind kind)
{
    if (kind == HG_FRAME_KIND_DAMAGED)
        return -EILSEQ;
    return kind == HG_FRAME_KIND_GARBAGE ? -EPROTO : -EPROTONOSUPPORT;
}

/* Whose frame it may have been that was damaged, or NULL. On a route that is known. Without one, two of the three
 * parts of the receive id must be right, and the key be one of them: the others are known to strangers. */
static struct hg_session *receive_damaged_session(const struct hg_port *port, const unsigned char *bytes, size_t size)
{
    struct hg_context *context = port->context;
    struct hg_frame_header header;

    hg_frame_decode_id(bytes, size, &header);
    util_list_each (node, &context->sessions) {
        struct hg_session *session = util_container_of(node, struct hg_session, link);
        bool index = header.session_index == session->local_index;
        bool key = header.session_key == session->local_key;
        bool incarnation = header.incarnation == (uint32_t)context->hg_class->incarnation;

        if (session->port == port && hg_session_checked(session) && key && (index || incarnation))
            return session;
    }
    return NULL;
}

/* What came was damaged: nothing in it can be trusted, not even which call it was for. True when this was dealt with. */
static bool receive_damaged(const struct hg_port *port, struct na_route *route, const unsigned char *bytes, size_t size)
{
    struct hg_session *session = route != NULL ? na_route_user(route) : receive_damaged_session(port, bytes, size);

    if (session == NULL || !hg_session_checked(session))
        return false;
    receive_count_damaged(session);
    receive_end(session, -EILSEQ);
    return true;
}

/* A frame that is none, or that belongs to nobody. On a route this ends the route: nothing good will follow. */
static void receive_reject(struct hg_port *port, struct na_route *route, enum hg_frame_kind kind)
{
    struct hg_session *session = route != NULL ? na_route_user(route) : NULL;

    port->context->counters.bad_frames++;
    port->context->counters.checksum_errors += kind == HG_FRAME_KIND_DAMAGED;
    if (kind == HG_FRAME_KIND_FOREIGN_VERSION)
        receive_foreign(port, route);
    else
        hg_event(port->context->hg_class, NULL, HG_EVENT_BAD_FRAME, "%s from %s is dropped", receive_kind_text(kind),
                 route != NULL ? na_route_text(route) : "an unknown peer");
    if (session != NULL && kind == HG_FRAME_KIND_GARBAGE)
        receive_end(session, -EPROTO);
    else if (session != NULL)
        hg_session_end(session, receive_kind_error(kind));
    else if (route != NULL)
        na_route_close(route);
}

/* Whether a stranger, whose frame is right, was not accepted: for lack of memory, or because it has too many sessions. */
static bool receive_is_turned_away(const struct na_route *route, const struct receive_frame *frame)
{
    return route != NULL && frame->has_hello && na_route_user(route) == NULL;
}

static void receive_frame(void *arg, struct na_route *route, const void *data, size_t size)
{
    struct hg_port *port = arg;
    struct hg_context *context = port->context;
    struct hg_session *session;
    struct receive_frame frame;
    enum hg_frame_kind kind =
        hg_frame_decode(data, size, &frame.header, &frame.hello, &frame.has_hello, &frame.body_offset);
    int error;

    context->counters.frames_recv++;
    if (kind != HG_FRAME_KIND_FRAME) {
        if (!receive_damaged(port, route, data, size))
            receive_reject(port, route, kind);
        return;
    }
    session = route != NULL ? receive_session_by_route(port, route, &frame) : receive_session_by_id(port, &frame);
    if (session == NULL && receive_is_turned_away(route, &frame)) {
        na_route_close(route);
        return;
    }
    if (session == NULL) {
        context->counters.stale_frames++;
        hg_event(context->hg_class, NULL, HG_EVENT_STALE_FRAME, "a frame that belongs to no session here is dropped");
        if (route != NULL)
            receive_reject(port, route, HG_FRAME_KIND_GARBAGE);
        return;
    }
    hg_session_ref(session);
    error = receive_frame_on(session, &frame, data, size);
    if (error != 0 && error != -ENOMEM)
        receive_end(session, error == -EBADMSG ? -EPROTO : error);
    /* Credit may have opened the window, and the hello may have to be answered. */
    if (session->state == HG_SESSION_OPEN && (session->announce || !util_list_empty(&session->waiting_requests)))
        hg_session_kick(session);
    hg_session_watched(session);
    hg_session_unref(session);
}

static void receive_accept(void *arg, struct na_route *route)
{
    struct hg_context *context = ((const struct hg_port *)arg)->context;

    context->counters.route_up++;
    if (hg_context_stops(context))
        na_route_close(route);
}

static void receive_route_up(void *arg, struct na_route *route)
{
    struct hg_context *context = ((const struct hg_port *)arg)->context;
    struct hg_session *session = na_route_user(route);

    context->counters.route_up++;
    if (session != NULL)
        hg_session_found(session);
}

static void receive_route_down(void *arg, struct na_route *route, int error)
{
    struct hg_context *context = ((const struct hg_port *)arg)->context;
    struct hg_session *session = na_route_user(route);

    context->counters.route_down++;
    if (session != NULL && hg_liveness_was_met(session))
        hg_liveness_dead(session,
                         session->port->limits->connections ? "its connection ended" : "what is sent to it is refused");
    /* A time limit of ours, but for connecting: HG_TIMEOUT is for calls. */
    if (session != NULL && session->state == HG_SESSION_FINDING && error == -ECONNREFUSED)
        hg_session_go_far(session);
    else if (session != NULL)
        hg_session_end(session, error == -ETIMEDOUT ? -EHOSTUNREACH : error);
    else
        na_route_close(route);
}

const struct na_upcalls hg_receive_upcalls = {
    .frame = receive_frame,
    .accept = receive_accept,
    .route_up = receive_route_up,
    .route_down = receive_route_down,
};
