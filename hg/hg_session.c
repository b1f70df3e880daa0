/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */

/*
 * Sessions: making, finding and ending them, what the hello and the credit teach, and when what waits may
 * go on. What the messages mean is elsewhere (hg_forward, hg_respond, hg_receive); how they are packed is in
 * hg_outbox. Needs the context's lock throughout.
 */

#include "hg/hg_session.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "hg/hg_addr.h"
#include "hg/hg_admit.h"
#include "hg/hg_cancel.h"
#include "hg/hg_context.h"
#include "hg/hg_error.h"
#include "hg/hg_fence.h"
#include "hg/hg_forward.h"
#include "hg/hg_handle.h"
#include "hg/hg_overflow.h"
#include "hg/hg_receive.h"
#include "hg/hg_respond.h"
#include "hg/hg_retry.h"
#include "hg/hg_sm.h"
#include "util/util_alloc.h"
#include "util/util_clock.h"
#include "util/util_detail.h"
#include "util/util_log.h"
#include "util/util_mutant.h"
#include "util/util_rand.h"

/* How late a frame of an earlier session may come. */
#define SESSION_LATE_NS        (10U * UTIL_CLOCK_NS_PER_S)
#define SESSION_SLOTS_FIRST    16U
#define SESSION_SLOTS_MAX      (1U << 20)
#define SESSION_CONTROLS_FIRST 16U

/* User-space addresses have 47 bits, which leaves room for the context id. */
static uint64_t session_map_key(const struct hg_addr *addr, uint8_t target_context)
{
    return (uint64_t)(uintptr_t)addr | (uint64_t)target_context << 56;
}

static int session_slots_grow(struct hg_context *context)
{
    uint32_t count = context->session_slot_count == 0 ? SESSION_SLOTS_FIRST : context->session_slot_count * 2;
    struct hg_session **slots;

    if (count > SESSION_SLOTS_MAX)
        return util_detail_set(-ENOSPC, "%u sessions are open already", context->session_slot_count);
    slots = util_realloc(context->session_slots, count * sizeof(struct hg_session *));
    if (slots == NULL)
        return -ENOMEM;
    memset(slots + context->session_slot_count, 0, (count - context->session_slot_count) * sizeof(struct hg_session *));
    context->session_slot_hint = context->session_slot_count;
    context->session_slots = slots;
    context->session_slot_count = count;
    return 0;
}

/* Gives the session a receive id: a free place and an unguessable key that is new each time. */
static int session_slot_get(struct hg_session *session)
{
    struct hg_context *context = session->context;
    uint32_t i;

    for (i = 0; i < context->session_slot_count; i++) {
        uint32_t index = (context->session_slot_hint + i) % context->session_slot_count;

        if (context->session_slots[index] == NULL) {
            context->session_slot_hint = index + 1;
            context->session_slots[index] = session;
            session->local_index = index;
            session->local_key = (uint32_t)util_rand_u64() | 1U;
            session->local_number =
                atomic_fetch_add_explicit(&context->hg_class->session_number, 1, memory_order_relaxed);
            return 0;
        }
    }
    if (session_slots_grow(context) != 0)
        return -ENOMEM;
    return session_slot_get(session);
}

static struct hg_session *session_create(struct hg_port *port, struct hg_addr *addr, uint8_t target_context)
{
    struct hg_context *context = port->context;
    struct hg_session *session = util_calloc(1, sizeof(*session));

    if (session == NULL)
        return NULL;
    session->context = context;
    session->port = port;
    session->target_context = target_context;
    session->wished_context = target_context;
    session->state = HG_SESSION_OPEN;
    session->refs = 1;
    session->window = HG_SESSION_WINDOW;
    session->local_window = atomic_load_explicit(&context->hg_class->window, memory_order_relaxed);
    bulk_lane_init(&session->lane);
    util_list_init(&session->link);
    util_list_init(&session->due_link);
    hg_liveness_init(&session->liveness);
    util_list_init(&session->waiting_requests);
    util_list_init(&session->waiting_once);
    util_list_init(&session->waiting_responses);
    util_list_init(&session->leaving);
    util_list_init(&session->calls);
    util_list_init(&session->receiving);
    hg_serving_init(&session->serving);
    util_list_init(&session->orphans);
    util_list_init(&session->fences);
    hg_outbox_init(&session->outbox);
    if (session_slot_get(session) != 0) {
        util_free(session);
        return NULL;
    }
    hg_addr_ref(addr);
    session->addr = addr;
    hg_tally_join(session);
    util_list_push(&context->sessions, &session->link);
    return session;
}

static void session_unmap(struct hg_session *session)
{
    struct util_map *map = &session->context->session_map;
    uint64_t key = session_map_key(session->addr, session->target_context);

    if (session->mapped && util_map_get(map, key) == session)
        (void)util_map_remove(map, key);
    session->mapped = false;
}

/* Takes the session out of every table, so that nobody finds it. */
static void session_unlink(struct hg_session *session)
{
    struct hg_context *context = session->context;

    session_unmap(session);
    hg_tally_leave(session);
    context->session_slots[session->local_index] = NULL;
    util_list_remove(&session->link);
    util_list_remove(&session->due_link);
}

void hg_session_ref(struct hg_session *session)
{
    session->refs++;
}

void hg_session_unref(struct hg_session *session)
{
    if (--session->refs > 0)
        return;
    hg_admit_session_freed_locked(session);
    hg_addr_unref(session->addr);
    hg_serving_fini(&session->serving);
    util_free(session->controls);
    util_free(session);
}

static void session_map(struct hg_session *session)
{
    session->mapped = util_map_put(&session->context->session_map,
                                   session_map_key(session->addr, session->target_context), session) == 0;
}

/* The open session that serves, other than @except, or NULL: by any transport, or only by the class's own (@far). */
static struct hg_session *session_lookup(struct hg_context *context, const struct hg_addr *addr, uint8_t target_context,
                                         bool far, const struct hg_session *except)
{
    struct hg_session *session = util_map_get(&context->session_map, session_map_key(addr, target_context));

    if (!far || (session != NULL && session->port->transport == BULK_TRANSPORT_OWN))
        return session;
    util_list_each (node, &context->sessions) {
        session = util_container_of(node, struct hg_session, link);
        if (session->addr == addr && session->target_context == target_context &&
            session->port->transport == BULK_TRANSPORT_OWN && session != except)
            return session;
    }
    return NULL;
}

/* A new session whose route leads to another context than the wished one belongs to that context, and is given up
 * if there is one already. Requests name the context that they are for, so they are handed over there. */
static struct hg_session *session_settle(struct hg_session *session, bool far)
{
    struct hg_context *context = session->context;
    uint8_t actual = na_route_target_context(session->route);
    struct hg_session *other = session_lookup(context, session->addr, actual, far, session);

    session->target_context = actual;
    if (other == NULL) {
        session_map(session);
        return session;
    }
    session_unlink(session);
    na_route_close(session->route);
    hg_session_unref(session);
    return other;
}

/* Tries the peer's name in shared memory. An error says that this way is barred to us: the other one is left. */
static int session_open_near(struct hg_session *session)
{
    struct hg_port *port = &session->context->ports[BULK_TRANSPORT_SM];
    char address[NA_ADDRESS_MAX];
    int error;

    hg_sm_address(session->addr->text, address);
    error = na_route_open(port->na, address, session->target_context, session, &session->route);
    if (error != 0)
        return error;
    session->port = port;
    session->state = HG_SESSION_FINDING;
    return 0;
}

static int session_open_route(struct hg_session *session, bool far)
{
    if (!far && session->context->port_count > 1 && session_open_near(session) == 0)
        return 0;
    return na_route_open(session->port->na, session->addr->text, session->target_context, session, &session->route);
}

static int session_open(struct hg_context *context, struct hg_addr *addr, uint8_t target_context, bool far,
                        struct hg_session **session_out)
{
    struct hg_session *session;
    int error;

    /* What waits for a session by shared memory may go on by another one (hg_session_go_far) until all are ended. */
    if (context->ending || (context->closing && !far)) {
        (void)util_detail_set(-ECANCELED, "context %u is being destroyed", context->id);
        return -ECANCELED;
    }
    session = session_create(&context->ports[BULK_TRANSPORT_OWN], addr, target_context);
    if (session == NULL)
        return -ENOMEM;
    error = session_open_route(session, far);
    session->connected = !session->port->limits->connections;
    if (error != 0) {
        session_unlink(session);
        hg_session_unref(session);
        return error;
    }
    session = session_settle(session, far);
    if (session->state == HG_SESSION_OPEN && session->liveness.state == QS_PEER_UNKNOWN)
        hg_liveness_connecting(session);
    *session_out = session;
    return 0;
}

int hg_session_get(struct hg_context *context, struct hg_addr *addr, uint8_t target_context,
                   struct hg_session **session_out)
{
    struct hg_session *session = util_map_get(&context->session_map, session_map_key(addr, target_context));

    util_lock_assert_held(&context->lock);
    if (session == NULL)
        return session_open(context, addr, target_context, false, session_out);
    *session_out = session;
    return 0;
}

int hg_session_get_far(struct hg_context *context, struct hg_addr *addr, uint8_t target_context,
                       struct hg_session **session_out)
{
    struct hg_session *session = session_lookup(context, addr, target_context, true, NULL);

    util_lock_assert_held(&context->lock);
    if (session == NULL)
        return session_open(context, addr, target_context, true, session_out);
    /* One that the peer opened while we were looking elsewhere. */
    if (!session->mapped)
        session_map(session);
    *session_out = session;
    return 0;
}

void hg_session_found(struct hg_session *session)
{
    if (session->state == HG_SESSION_FINDING)
        session->state = HG_SESSION_OPEN;
    session->connected = true;
    if (session->port->limits->connections)
        hg_session_heard(session);
    hg_session_kick(session);
}

/* A call that nothing was sent of yet joins another session, or ends. */
static void session_move_call(struct hg_handle *handle)
{
    struct hg_session *from = handle->session;
    struct hg_session *to;
    int error = hg_session_get_far(from->context, handle->info.addr, handle->info.context_id, &to);

    util_list_remove(&handle->link);
    if (error != 0) {
        handle->cause = error;
        hg_retry_or_complete_locked(handle, hg_error_from(error), QS_OUTCOME_NOT_SENT);
        return;
    }
    hg_session_ref(to);
    handle->session = to;
    hg_session_unref(from); /* its own reference is still there */
    hg_retry_queue_locked(handle);
    hg_session_kick(to);
}

static void session_move_transfers(struct hg_session *session)
{
    struct bulk_env *bulk = &session->context->bulk;
    struct hg_session *to;
    int error;

    if (!bulk_env_uses_route(bulk, session->route))
        return;
    error = hg_session_get_far(session->context, session->addr, session->wished_context, &to);
    if (error != 0) {
        bulk_env_fail_route(bulk, session->route, error);
        return;
    }
    bulk_env_reroute(bulk, session->route, to->route, &to->lane, to->port->transport);
    hg_liveness_watch(to);
}

void hg_session_go_far(struct hg_session *session)
{
    struct util_list *node;

    util_lock_assert_held(&session->context->lock);
    UTIL_LOG_DEBUG(UTIL_LOG_AREA_SESSION, "%s is not reached by shared memory", session->addr->text);
    session_unmap(session);
    while ((node = util_list_first(&session->waiting_requests)) != NULL)
        session_move_call(util_container_of(node, struct hg_handle, link));
    while ((node = util_list_first(&session->waiting_once)) != NULL)
        session_move_call(util_container_of(node, struct hg_handle, link));
    session_move_transfers(session);
    hg_session_end(session, -ECONNREFUSED);
}

struct hg_session *hg_session_find_peer(struct hg_context *context, const struct hg_addr *addr, uint8_t target_context)
{
    util_lock_assert_held(&context->lock);
    return util_map_get(&context->session_map, session_map_key(addr, target_context));
}

/* A peer opens one session at a time: with the next one it has given up the last, of whose end we may not have heard yet.
 * What begins from here on goes by the new one. */
static void session_supersede(const struct hg_session *session, uint64_t incarnation)
{
    struct hg_session *older = hg_session_find_peer(session->context, session->addr, session->target_context);

    if (older != NULL && older->accepted && older->port == session->port && older->remote.incarnation == incarnation)
        session_unmap(older);
}

int hg_session_accept(struct hg_port *port, struct na_route *route, const struct hg_frame_hello *hello,
                      struct hg_session **session_out)
{
    struct hg_context *context = port->context;
    struct hg_addr *addr;
    struct hg_session *session;
    int error;

    if (context->closing)
        return -ECANCELED;
    hg_liveness_sweep(port);
    addr = hg_addr_intern(context->hg_class, hello->class_address);
    session = addr != NULL ? session_create(port, addr, hello->context) : NULL;
    error = session == NULL ? -ENOMEM : 0;
    hg_addr_unref(addr);
    if (error != 0)
        return error;
    error = hg_admit_session_locked(session);
    if (error != 0) {
        session_unlink(session);
        hg_session_unref(session);
        return error;
    }
    session->accepted = true;
    session->connected = true;
    if (route != NULL) {
        session->route = route;
        na_route_set_user(route, session);
    } else {
        const char *where = hello->route_address[0] != '\0' ? hello->route_address : hello->class_address;

        /* A route address is that of the very context. */
        error = na_route_open(port->na, where, hello->route_address[0] != '\0' ? 0 : hello->context, session,
                              &session->route);
    }
    if (error != 0) {
        hg_admit_session_ended_locked(session);
        session_unlink(session);
        hg_session_unref(session);
        return error;
    }
    session_supersede(session, hello->incarnation);
    session_map(session);
    *session_out = session;
    return 0;
}

struct hg_session *hg_session_find(struct hg_context *context, uint32_t index, uint32_t key)
{
    struct hg_session *session;

    if (index >= context->session_slot_count)
        return NULL;
    session = context->session_slots[index];
    return session != NULL && (session->local_key == key || UTIL_MUTANT(STALE_FRAME_TAKEN)) ? session : NULL;
}

static void session_end_calls(struct util_list *handles, hg_return_t ret, int cause)
{
    struct util_list *node;

    while ((node = util_list_first(handles)) != NULL) {
        struct hg_handle *handle = util_container_of(node, struct hg_handle, link);

        if (handle->target) {
            hg_respond_failed_locked(handle, ret);
        } else {
            handle->cause = cause;
            hg_retry_or_complete_locked(handle, ret, hg_forward_outcome(handle));
        }
    }
}

/* Whether a call was sent to the session that the peer has ended. What went with our hello has begun the new one. */
static bool session_was_lost(const struct hg_session *session, const struct hg_handle *handle)
{
    return hg_handle_state(handle) == HG_HANDLE_SENT && handle->frame_number < session->outbox.sent &&
           handle->frame_number < session->hello_from;
}

/* The peer has ended its session alone, as it may over datagrams, and speaks for another one. What it had of this one is gone:
 * it will answer none of the calls that were sent, and nothing more will come of what it was sending. */
static void session_begin_anew(struct hg_session *session, const struct hg_frame_hello *hello)
{
    struct util_list lost;
    struct util_list *node;

    hg_session_count_anew(session);
    session->window = hello->window;
    session->window_turn = 0;
    util_list_init(&lost);
    util_list_each_safe (node, next, &session->calls) {
        if (!session_was_lost(session, util_container_of(node, struct hg_handle, link)))
            continue;
        util_list_remove(node);
        util_list_push(&lost, node);
    }
    util_list_each_safe (node, next, &session->waiting_requests) {
        if (util_container_of(node, struct hg_handle, link)->encoded.sent == 0)
            continue;
        util_list_remove(node);
        util_list_push(&lost, node);
    }
    while ((node = util_list_first(&session->receiving)) != NULL) {
        hg_receive_abandon_locked(util_container_of(node, struct hg_handle, link));
        session->local_received--; /* it will not be taken up */
    }
    session_end_calls(&lost, hg_error_from(-ECONNRESET), -ECONNRESET);
    hg_cancel_session_locked(session);
}

bool hg_session_hello_is_late(const struct hg_session *session, const struct hg_frame_hello *hello)
{
    return (int32_t)(hello->session_number - session->remote_number) < 0 &&
           util_clock_now_ns() - session->remote_since_ns < SESSION_LATE_NS;
}

int hg_session_learn(struct hg_session *session, const struct hg_frame_hello *hello)
{
    if (session->remote.incarnation != 0 && session->remote.incarnation != hello->incarnation)
        return -ESTALE;
    if (hello->peer_incarnation != 0 && hello->peer_incarnation != session->context->hg_class->incarnation &&
        !UTIL_MUTANT(INCARNATION_UNCHECKED))
        return -ESTALE;
    bool first = !session->remote_known;
    bool another =
        !first && (session->remote_index != hello->session_index || session->remote_key != hello->session_key);

    if (another && hg_session_hello_is_late(session, hello))
        return 0;
    session->remote.incarnation = hello->incarnation;
    session->remote.features = hello->features;
    session->remote_index = hello->session_index;
    session->remote_key = hello->session_key;
    if (first || another)
        session->remote_since_ns = util_clock_now_ns();
    session->remote_number = hello->session_number;
    session->remote.epoch = hello->records_epoch;
    session->remote_known = true;
    if (another)
        session_begin_anew(session, hello);
    if (!first)
        return 0;
    if (session->window_turn == 0)
        session->window = hello->window;
    session->announce = true; /* answered at once, also when no response is owed */
    /* What left before anybody answered may have gone to a predecessor. Where it is much of the window, the pong will say how much of
     * it has come; else what is left of the window will do until the next one. */
    if (!session->port->limits->connections && session->requests_sent - session->requests_taken > session->window / 4)
        hg_liveness_ask(session);
    hg_retry_session_known_locked(session);
    return 0;
}

void hg_session_hello(const struct hg_session *session, struct hg_frame_hello *hello)
{
    const struct hg_class *hg_class = session->context->hg_class;

    hello->incarnation = hg_class->incarnation;
    hello->peer_incarnation = session->remote.incarnation;
    hello->session_index =
        session->local_index + (session->remote_known && UTIL_MUTANT(HELLO_REPEATED_WRONGLY) ? 1 : 0);
    hello->session_key = session->local_key;
    hello->session_number = session->local_number;
    hello->features = (hg_class->message_flags & HG_MESSAGE_CHECKED) != 0 ? HG_FRAME_FEATURE_CHECKED : 0;
    hello->window = session->local_window;
    hello->records_epoch = atomic_load_explicit(&hg_class->once.durable, memory_order_relaxed);
    if (hello->records_epoch != 0)
        hello->features |= HG_FRAME_FEATURE_DURABLE;
    else
        hello->records_epoch = atomic_load_explicit(&hg_class->once.epoch, memory_order_relaxed);
    hello->context = session->context->id;
    hello->target_context = session->target_context;
    (void)snprintf(hello->class_address, sizeof(hello->class_address), "%s", na_class_address(hg_class->na));
    hello->route_address[0] = '\0';
    if (!session->port->limits->connections)
        (void)snprintf(hello->route_address, sizeof(hello->route_address), "%s", na_context_address(session->port->na));
}

static int session_send_control(struct hg_session *session, const struct hg_session_control *control)
{
    const struct hg_header header = {.type = control->type,
                                     .tag = control->tag,
                                     .status = control->status,
                                     .retry_after_us = control->retry_after_us};
    const struct hg_outbox_payload nothing = {0};

    return hg_outbox_add(session, &header, &nothing, NULL);
}

static int session_grow_controls(struct hg_session *session)
{
    uint32_t capacity = session->control_capacity == 0 ? SESSION_CONTROLS_FIRST : session->control_capacity * 2;
    struct hg_session_control *controls;

    if (capacity > HG_SESSION_CONTROLS_MAX)
        return -ENOSPC;
    controls = util_realloc(session->controls, capacity * sizeof(*controls));
    if (controls == NULL)
        return -ENOMEM;
    session->controls = controls;
    session->control_capacity = capacity;
    return 0;
}

static void session_queue_control(struct hg_session *session, const struct hg_session_control *control)
{
    if (session->control_count == session->control_capacity && session_grow_controls(session) != 0) {
        util_log_limited(UTIL_LOG_LEVEL_WARNING, UTIL_LOG_AREA_SESSION,
                         "a control message (type %u) to %s was dropped: %u wait already", control->type,
                         session->addr->text, session->control_count);
        return;
    }
    session->controls[session->control_count++] = *control;
}

void hg_session_refuse_later(struct hg_session *session, const struct hg_header *header)
{
    const struct hg_session_control control = {
        .type = header->type, .tag = header->tag, .status = header->status, .retry_after_us = header->retry_after_us};

    session_queue_control(session, &control);
    hg_session_kick(session);
}

static void session_control(struct hg_session *session, const struct hg_session_control *control)
{
    if (session->state != HG_SESSION_OPEN)
        return;
    if (session->control_count > 0 || session_send_control(session, control) != 0)
        session_queue_control(session, control);
    hg_session_kick(session);
}

void hg_session_control(struct hg_session *session, uint8_t type, uint64_t tag)
{
    session_control(session, &(struct hg_session_control){.type = type, .tag = tag});
}

void hg_session_pong(struct hg_session *session, uint64_t tag)
{
    session_control(
        session, &(struct hg_session_control){.type = HG_MESSAGE_PONG, .status = session->local_received, .tag = tag});
    hg_session_repeat_window(session);
}

void hg_session_goaway(struct hg_session *session)
{
    if (session->goaway)
        return;
    session->goaway = true;
    UTIL_LOG_INFO(UTIL_LOG_AREA_SESSION, "%s takes no new requests", session->addr->text);
    hg_liveness_leaving(session);
    /* Without connections there can be only one session with a process, and the target refuses what comes. */
    if (session->port->limits->connections)
        session_unmap(session);
}

/* Moves the waiting control messages into the outbox; true when none is left. */
static bool session_pump_controls(struct hg_session *session)
{
    uint32_t done = 0;

    while (done < session->control_count && session_send_control(session, &session->controls[done]) == 0)
        done++;
    if (done == 0)
        return session->control_count == 0;
    session->control_count -= done;
    memmove(session->controls, session->controls + done, session->control_count * sizeof(session->controls[0]));
    return session->control_count == 0;
}

/* One-way calls and responses whose frame the transport has taken have ended. */
static void session_end_left(struct hg_session *session)
{
    struct util_list *node;

    while ((node = util_list_first(&session->leaving)) != NULL) {
        struct hg_handle *handle = util_container_of(node, struct hg_handle, link);

        if (handle->frame_number >= session->outbox.sent)
            return;
        if (handle->target)
            hg_respond_left_locked(handle);
        else
            hg_handle_complete_locked(handle, HG_SUCCESS);
    }
}

/* True when nothing waits for room in the outbox any more (the window may still be closed). */
static bool session_pump_waiting(struct hg_session *session)
{
    struct util_list *node;

    if (!session_pump_controls(session))
        return false;
    while ((node = util_list_first(&session->waiting_responses)) != NULL)
        if (hg_respond_send_locked(util_container_of(node, struct hg_handle, link)) == -EAGAIN)
            return false;
    while (hg_session_window_open(session) && (node = util_list_first(&session->waiting_requests)) != NULL)
        if (hg_forward_send_locked(util_container_of(node, struct hg_handle, link)) == -EAGAIN)
            return false;
    return true;
}

static bool session_pump_all(struct hg_session *session)
{
    for (;;) {
        uint64_t sent = session->outbox.sent;
        bool moved = session_pump_waiting(session);
        bool flushed = hg_outbox_flush(session);

        session_end_left(session);
        if (!flushed)
            return false;
        if (moved)
            return true;
        if (session->outbox.sent == sent)
            return false; /* no frame to be had: they come back as transmissions end */
    }
}

bool hg_session_pump(struct hg_session *session)
{
    bool done;

    if (session->state == HG_SESSION_FINDING)
        return false;
    done = session_pump_all(session);
    if (!done)
        hg_liveness_watch(session); /* what the transport has not taken waits for the peer, whatever it is */
    else
        hg_session_watched(session);
    return done;
}

/* Notes since when something waits for the end of the callbacks. When no callback is left to run it leaves at the
 * end of this one: any time in the past will do, and the clock is not asked. */
static void session_note_due(struct hg_context *context)
{
    uint64_t since_ns = 1;

    if (atomic_load_explicit(&context->ready_count, memory_order_relaxed) > 0)
        since_ns = util_clock_now_ns();
    atomic_store_explicit(&context->due_since_ns, since_ns, memory_order_relaxed);
}

/* The session waits for the transport; somebody must make progress until it is heard of. */
static void session_wait_for_transport(struct hg_session *session)
{
    struct hg_context *context = session->context;

    if (util_list_empty(&session->due_link))
        util_list_push(&context->due_sessions, &session->due_link);
    /* Somebody may sleep without knowing that there is something to retry. */
    if (atomic_load_explicit(&context->armed, memory_order_relaxed))
        na_wake(context->na);
    hg_flusher_check_locked(context);
}

void hg_session_kick(struct hg_session *session)
{
    struct hg_context *context = session->context;

    if (session->state != HG_SESSION_OPEN) {
        if (session->state == HG_SESSION_FINDING)
            session_wait_for_transport(session);
        return;
    }
    if (atomic_load_explicit(&context->hg_class->batching, memory_order_relaxed) && hg_queue_gathers_locked(context)) {
        if (util_list_empty(&session->due_link))
            util_list_push(&context->due_sessions, &session->due_link);
        if (atomic_load_explicit(&context->due_since_ns, memory_order_relaxed) == 0)
            session_note_due(context);
        hg_flusher_deferred_locked(context);
        return;
    }
    if (hg_session_pump(session)) {
        util_list_remove(&session->due_link);
        return;
    }
    session_wait_for_transport(session);
}

void hg_session_farewell(struct hg_session *session, hg_return_t status)
{
    const struct hg_session_control control = {.type = HG_MESSAGE_END, .status = (uint32_t)status};

    if (session->state == HG_SESSION_OPEN && session_send_control(session, &control) == 0)
        (void)hg_outbox_flush(session);
}

void hg_session_end(struct hg_session *session, int error)
{
    hg_return_t ret = hg_error_from(error);
    struct util_list *node;
    bool written; /* the peer may be writing to memory that is about to be handed back */

    if (session->state == HG_SESSION_ENDED)
        return;
    written = hg_fence_session_is_due(session);
    UTIL_LOG_INFO(UTIL_LOG_AREA_SESSION, "session with %s ends: %s", session->addr->text, strerror(-error));
    session->state = HG_SESSION_ENDED;
    session->error = error;
    hg_admit_session_ended_locked(session);
    hg_liveness_end(session, error);
    session_unlink(session);
    hg_outbox_clear(session);
    if (session->route != NULL)
        bulk_env_fail_route(&session->context->bulk, session->route, error);
    session_end_calls(&session->waiting_once, ret, error);
    session_end_calls(&session->waiting_requests, ret, error);
    if (!UTIL_MUTANT(CALLS_FORGOTTEN))
        session_end_calls(&session->calls, ret, error);
    session_end_calls(&session->leaving, ret, error);
    if (!UTIL_MUTANT(RESPONSES_FORGOTTEN))
        session_end_calls(&session->waiting_responses, ret, error);
    while ((node = util_list_first(&session->receiving)) != NULL)
        hg_receive_abandon_locked(util_container_of(node, struct hg_handle, link));
    /* After the pulls were stopped, which names the route. */
    if (written)
        na_route_cut(session->route);
    else
        na_route_close(session->route);
    session->route = NULL;
    hg_fence_session_ended_locked(session);
    hg_overflow_free_orphans_locked(session);
    session->control_count = 0;
    hg_cancel_session_locked(session);
    hg_session_unref(session);
}
