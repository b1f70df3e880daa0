/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */

/*
 * Contexts: making them, the table of calls, and taking them down. Taking down goes in the order close,
 * drain, free: no new requests; what can still leave leaves; sessions end, which ends every call with its
 * callback; then the memory.
 */

#include "hg/hg_context.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "hg/hg_bulk_api.h"
#include "hg/hg_error.h"
#include "hg/hg_fork.h"
#include "hg/hg_handle.h"
#include "hg/hg_leaks.h"
#include "hg/hg_options.h"
#include "hg/hg_port.h"
#include "hg/hg_progress.h"
#include "hg/hg_retry.h"
#include "hg/hg_session.h"
#include "hg/hg_stats.h"
#include "hg/hg_stats_signal.h"
#include "mercury.h"
#include "util/util_alloc.h"
#include "util/util_clock.h"
#include "util/util_detail.h"
#include "util/util_log.h"
#include "util/util_mutant.h"

#define CONTEXT_SLOTS_FIRST    256U
#define CONTEXT_SLOT_BITS      24U
#define CONTEXT_SLOTS_MAX      (1U << CONTEXT_SLOT_BITS)
#define CONTEXT_RMA_PIECES_MAX 4096U
/* How long HG_Context_destroy lets responses leave and transfers end. */
#define CONTEXT_DRAIN_MS 1000U
/* How long it waits besides for transfers with a peer that may have died, where only sending tells. */
#define CONTEXT_DOUBT_MS  3000U
#define CONTEXT_LINGER_MS 200U

/* --- the table of calls ------------------------------------------------------------------------------ */

static int context_slots_grow(struct hg_context *context)
{
    uint32_t old = context->call_slot_count;
    uint32_t count = old == 0 ? CONTEXT_SLOTS_FIRST : old * 2;
    struct hg_call_slot *slots;
    uint32_t i;

    if (count > CONTEXT_SLOTS_MAX)
        return util_detail_set(-ENOSPC, "%u calls are in flight already", old);
    slots = util_realloc(context->call_slots, count * sizeof(*slots));
    if (slots == NULL)
        return util_detail_set(-ENOMEM, "no memory for a table of %u calls", count);
    for (i = old; i < count; i++)
        slots[i] = (struct hg_call_slot){.generation = 1, .next_free = i + 1 < count ? i + 1 : UINT32_MAX};
    context->call_slots = slots;
    context->call_slot_count = count;
    context->call_slot_free = old;
    return 0;
}

int hg_context_slot_get(struct hg_context *context, struct hg_handle *handle, uint64_t *tag)
{
    struct hg_call_slot *slot;
    uint32_t index;

    if (context->call_slot_free == UINT32_MAX) {
        int error = context_slots_grow(context);

        if (error != 0)
            return error;
    }
    index = context->call_slot_free;
    slot = &context->call_slots[index];
    context->call_slot_free = slot->next_free;
    slot->handle = handle;
    *tag = slot->generation << CONTEXT_SLOT_BITS | index;
    return 0;
}

static struct hg_call_slot *context_slot(struct hg_context *context, uint64_t tag)
{
    uint32_t index = (uint32_t)(tag & (CONTEXT_SLOTS_MAX - 1));

    if (index >= context->call_slot_count)
        return NULL;
    if (context->call_slots[index].generation != tag >> CONTEXT_SLOT_BITS && !UTIL_MUTANT(STALE_TAG_TAKEN))
        return NULL;
    return &context->call_slots[index];
}

void hg_context_slot_put(struct hg_context *context, uint64_t tag)
{
    struct hg_call_slot *slot = tag != 0 ? context_slot(context, tag) : NULL;

    if (slot == NULL || slot->handle == NULL)
        return;
    slot->handle = NULL;
    /* 40 bits of the tag: even at a million uses a second of one place it wraps after 12 days, never to 0. */
    slot->generation = (slot->generation + 1) & (UINT64_MAX >> CONTEXT_SLOT_BITS);
    if (slot->generation == 0)
        slot->generation = 1;
    slot->next_free = context->call_slot_free;
    context->call_slot_free = (uint32_t)(tag & (CONTEXT_SLOTS_MAX - 1));
}

struct hg_handle *hg_context_slot_find(struct hg_context *context, uint64_t tag)
{
    struct hg_call_slot *slot = context_slot(context, tag);

    return slot != NULL ? slot->handle : NULL;
}

/* --- all of them --------------------------------------------------------------------------------------- */

void hg_context_each(struct hg_class *hg_class, void (*visit)(struct hg_context *context, void *arg), void *arg)
{
    util_lock_take(&hg_class->context_lock);
    for (unsigned int id = 0; id < NA_CONTEXTS_MAX; id++) {
        struct hg_context *context = hg_context_by_id(hg_class, (uint8_t)id);

        if (context == NULL)
            continue;
        util_lock_take(&context->lock);
        visit(context, arg);
        util_lock_drop(&context->lock);
    }
    util_lock_drop(&hg_class->context_lock);
}

void hg_context_each_session(struct hg_context *context, void (*visit)(struct hg_session *session))
{
    /* By their places, which stay what they are while sessions come and go. */
    for (uint32_t place = 0; place < context->session_slot_count; place++)
        if (context->session_slots[place] != NULL)
            visit(context->session_slots[place]);
}

/* --- making ------------------------------------------------------------------------------------------ */

static void context_init(struct hg_context *context, struct hg_class *hg_class, uint8_t id)
{
    context->hg_class = hg_class;
    context->id = id;
    context->call_slot_free = UINT32_MAX;
    context->epoll_fd = -1;
    context->timer_fd = -1;
    context->timer_fd_ns = UINT64_MAX;
    util_lock_init(&context->lock);
    util_lock_init(&context->inbox_lock);
    util_cond_init(&context->cond);
    util_list_init(&context->ready);
    util_list_init(&context->inbox);
    util_list_init(&context->sessions);
    util_list_init(&context->due_sessions);
    util_list_init(&context->flush_link);
    util_list_init(&context->handles_idle_origin);
    util_list_init(&context->handles_idle_target);
    util_list_init(&context->handles_all);
    hg_serving_init(&context->serving_self);
    util_list_init(&context->rejoined);
    hg_admit_init(&context->admit);
    util_list_init(&context->retrying);
    util_map_init(&context->retry_peers, 0);
    util_map_init(&context->session_map, 0);
    util_bufs_init(&context->bufs);
    context->about_ns = util_clock_now_ns();
    hg_tally_init(&context->tally, hg_class);
    util_wheel_init(&context->wheel, context->about_ns);
    context->moment_ns = HG_CONTEXT_NO_MOMENT;
    util_pool_init(&context->rma_pool, bulk_env_piece_size(), 64, CONTEXT_RMA_PIECES_MAX);
    bulk_env_init(&context->bulk, &hg_class->transports[BULK_TRANSPORT_OWN].limits, &context->rma_pool);
    if (hg_class->transport_count > 1)
        bulk_env_add_sm(&context->bulk, &hg_class->transports[BULK_TRANSPORT_SM].limits);
    hg_bulk_api_init(context);
}

/* Whether the set can be put into a set of the user's: the kernel nests them four deep, and some providers use up
 * what there is (tcp;ofi_rxm of libfabric 2). */
static bool context_set_fits(int epoll_fd)
{
    struct epoll_event event = {.events = EPOLLIN};
    int user_fd = epoll_create1(EPOLL_CLOEXEC);
    bool fits = user_fd >= 0 && epoll_ctl(user_fd, EPOLL_CTL_ADD, epoll_fd, &event) == 0;

    if (user_fd >= 0)
        (void)close(user_fd);
    return fits;
}

/* Does without a set of our own: the user gets the first transport's, with the timer and the other's in it. */
static int context_share_set(struct hg_context *context)
{
    struct epoll_event event = {.events = EPOLLIN};
    unsigned int i;

    (void)close(context->epoll_fd);
    context->epoll_fd = -1;
    for (i = 1; i < context->port_count; i++)
        if (epoll_ctl(na_wait_fd(context->na), EPOLL_CTL_ADD, na_wait_fd(context->ports[i].na), &event) != 0)
            return util_detail_set(-errno, "the descriptors of two transports cannot be waited for together: errno %d",
                                   errno);
    if (epoll_ctl(na_wait_fd(context->na), EPOLL_CTL_ADD, context->timer_fd, &event) != 0)
        return util_detail_set(-errno, "epoll_ctl: errno %d", errno);
    context->epoll_fd = na_wait_fd(context->na);
    context->epoll_shared = true;
    return 0;
}

/* A descriptor of the user's own to wait on: the transports', and a timer for what is due without an event. */
static int context_open_wait(struct hg_context *context)
{
    struct epoll_event event = {.events = EPOLLIN};
    unsigned int i;

    if (!hg_port_can_wait(context))
        return 0;
    context->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    context->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (context->epoll_fd < 0 || context->timer_fd < 0)
        return util_detail_set(-errno, "no descriptor to wait on: errno %d", errno);
    for (i = 0; i < context->port_count; i++)
        if (epoll_ctl(context->epoll_fd, EPOLL_CTL_ADD, na_wait_fd(context->ports[i].na), &event) != 0)
            return util_detail_set(-errno, "epoll_ctl: errno %d", errno);
    if (!context_set_fits(context->epoll_fd))
        return context_share_set(context);
    if (epoll_ctl(context->epoll_fd, EPOLL_CTL_ADD, context->timer_fd, &event) != 0)
        return util_detail_set(-errno, "epoll_ctl: errno %d", errno);
    return 0;
}

static void context_destroy_handles(struct hg_context *context)
{
    util_list_each_safe (node, next, &context->handles_all) {
        hg_handle_destroy(util_container_of(node, struct hg_handle, all_link));
    }
}

static void context_free(struct hg_context *context)
{
    if (context->epoll_fd >= 0 && !context->epoll_shared)
        (void)close(context->epoll_fd);
    if (context->timer_fd >= 0)
        (void)close(context->timer_fd);
    hg_bulk_api_fini(context);
    bulk_env_fini(&context->bulk);
    util_pool_fini(&context->rma_pool);
    util_bufs_fini(&context->bufs);
    util_map_fini(&context->session_map);
    hg_serving_fini(&context->serving_self);
    hg_admit_fini(&context->admit);
    hg_retry_fini(context);
    hg_tally_fini(&context->tally);
    util_free(context->session_slots);
    util_free(context->call_slots);
    util_lock_fini(&context->inbox_lock);
    util_lock_fini(&context->lock);
    util_free(context);
}

/* Handles for the first requests, where the user asked for them. */
static int context_prepare_requests(struct hg_context *context)
{
    uint32_t count = hg_options_requests_first(&context->hg_class->options);
    int error;

    if (!HG_Class_is_listening(context->hg_class))
        return 0;
    util_lock_take(&context->lock);
    error = hg_handle_prepare_locked(context, count);
    util_lock_drop(&context->lock);
    if (error != 0)
        return util_detail_set(error, "no memory for the handles of %u requests (request_post_init)", count);
    return 0;
}

static int context_open(struct hg_context *context)
{
    int error = hg_port_open_all(context);

    if (error == 0)
        error = context_open_wait(context);
    if (error == 0)
        error = context_prepare_requests(context);
    if (error != 0)
        hg_port_close_all(context, 0);
    return error;
}

/* The class has more than one context from now on, and has counted them: what handles of the others have of answers is put where all of
 * them can look. HG_Respond, under the same locks, sees the count or comes before. */
static void context_settle_others(struct hg_class *hg_class, const struct hg_context *context)
{
    for (unsigned int id = 0; id < NA_CONTEXTS_MAX; id++) {
        struct hg_context *other = hg_context_by_id(hg_class, (uint8_t)id);

        if (other == NULL || other == context)
            continue;
        util_lock_take(&other->lock);
        util_list_each (node, &other->handles_all) {
            hg_handle_save_answer_locked(util_container_of(node, struct hg_handle, all_link));
        }
        util_lock_drop(&other->lock);
    }
}

/* Under the class's context_lock. */
static struct hg_context *context_create_locked(struct hg_class *hg_class, uint8_t id)
{
    struct hg_context *context;
    int error;

    if (hg_context_by_id(hg_class, id) != NULL) {
        (void)util_detail_set(-EEXIST, "HG_Context_create: the class has a context %u already", id);
        return NULL;
    }
    if (id >= hg_class->context_max) {
        (void)util_detail_set(-EINVAL, "HG_Context_create: id %u is not below the max_contexts of the class, %u", id,
                              hg_class->context_max);
        UTIL_LOG_ERROR(UTIL_LOG_AREA_CTX, "%s", util_detail_get());
        return NULL;
    }
    context = util_calloc(1, sizeof(*context));
    if (context == NULL) {
        (void)util_detail_set(-ENOMEM, "HG_Context_create: no memory for context %u", id);
        return NULL;
    }
    context_init(context, hg_class, id);
    error = context_open(context);
    if (error != 0) {
        UTIL_LOG_ERROR(UTIL_LOG_AREA_CTX, "context %u could not be opened: %s", id, util_detail_get());
        context_destroy_handles(context);
        context_free(context);
        return NULL;
    }
    /* Release: pairs with hg_context_by_id. */
    atomic_store_explicit(&hg_class->contexts[id], context, memory_order_release);
    atomic_fetch_add_explicit(&hg_class->context_count, 1, memory_order_relaxed);
    context_settle_others(hg_class, context);
    hg_stats_signal_add(context);
    return context;
}

/* The lowest id that is not in use; one that is too large, or in use, when there is none. */
static uint8_t context_free_id(struct hg_class *hg_class)
{
    unsigned int id;

    for (id = 0; id < NA_CONTEXTS_MAX - 1; id++)
        if (hg_context_by_id(hg_class, (uint8_t)id) == NULL)
            break;
    return (uint8_t)id;
}

hg_context_t *HG_Context_create(hg_class_t *hg_class)
{
    struct hg_context *context;

    if (hg_fork_stops(hg_class, "HG_Context_create"))
        return NULL;
    if (hg_class == NULL) {
        (void)util_detail_set(-EINVAL, "HG_Context_create: the class is NULL");
        return NULL;
    }
    util_lock_take(&hg_class->context_lock);
    context = context_create_locked(hg_class, context_free_id(hg_class));
    util_lock_drop(&hg_class->context_lock);
    return context;
}

hg_context_t *HG_Context_create_id(hg_class_t *hg_class, uint8_t id)
{
    struct hg_context *context;

    if (hg_fork_stops(hg_class, "HG_Context_create_id"))
        return NULL;
    if (hg_class == NULL) {
        (void)util_detail_set(-EINVAL, "HG_Context_create_id: the class is NULL");
        return NULL;
    }
    util_lock_take(&hg_class->context_lock);
    context = context_create_locked(hg_class, id);
    util_lock_drop(&hg_class->context_lock);
    return context;
}

/* --- taking down ------------------------------------------------------------------------------------- */

bool hg_context_sending(const struct hg_context *context)
{
    util_list_each (node, &context->sessions) {
        const struct hg_session *session = util_container_of(node, struct hg_session, link);

        if (!util_list_empty(&session->waiting_responses) || session->outbox.refused != NULL ||
            !util_list_empty(&session->leaving))
            return true;
    }
    return false;
}

static bool context_owes_one_way(const struct hg_session *session)
{
    util_list_each (node, &session->waiting_requests)
        if (util_container_of(node, struct hg_handle, link)->no_response)
            return true;
    return false;
}

/* Whether messages have not left. Of the calls that wait for their turn to leave only one-way ones count: those that wait for an
 * answer, too, are cancelled. */
static bool context_draining(struct hg_context *context)
{
    if (hg_context_sending(context))
        return true;
    util_list_each (node, &context->sessions)
        if (context_owes_one_way(util_container_of(node, struct hg_session, link)))
            return true;
    return false;
}

/* Turns until @done says so, or the time is up. */
static void context_turn_until(struct hg_context *context, bool (*busy)(struct hg_context *), uint64_t deadline_ns)
{
    util_lock_take(&context->lock);
    while (busy(context) && util_clock_now_ns() < deadline_ns) {
        (void)hg_progress_turn_locked(context);
        util_lock_give_way(&context->lock);
    }
    util_lock_drop(&context->lock);
}

/* Needs the lock. */
static bool context_bulk_busy(struct hg_context *context)
{
    return !bulk_env_idle(&context->bulk);
}

/* Whether transfers are under way with a peer whose death the transport would not tell of. Needs the lock. */
static bool context_in_doubt(struct hg_context *context)
{
    util_list_each (node, &context->sessions) {
        const struct hg_session *session = util_container_of(node, struct hg_session, link);

        if (!session->port->limits->death_notice && bulk_env_uses_route(&context->bulk, session->route))
            return true;
    }
    return false;
}

/* Such a transport loses transfers with their peer. They end when it was asked for the peer; those with living peers do so
 * by themselves meanwhile. */
static void context_settle_transfers(struct hg_context *context)
{
    util_lock_take(&context->lock);
    if (context_in_doubt(context)) {
        bulk_env_cancel_all(&context->bulk);
        util_list_each_safe (node, next, &context->sessions) {
            struct hg_session *session = util_container_of(node, struct hg_session, link);

            if (!session->port->limits->death_notice && bulk_env_uses_route(&context->bulk, session->route))
                hg_liveness_ask(session);
        }
    }
    util_lock_drop(&context->lock);
    context_turn_until(context, context_in_doubt, util_clock_deadline_ms(CONTEXT_DOUBT_MS));
}

/* Handles that the user still holds. Cached ones are on the idle lists. */
static unsigned int context_open_handles(struct hg_context *context)
{
    unsigned int count = 0;

    util_list_each (node, &context->handles_all) {
        struct hg_handle *handle = util_container_of(node, struct hg_handle, all_link);

        count += util_list_empty(&handle->idle_link);
    }
    return count;
}

/* Calls to oneself are in no session. */
static void context_end_self_calls(struct hg_context *context)
{
    util_list_each_safe (node, next, &context->handles_all) {
        struct hg_handle *handle = util_container_of(node, struct hg_handle, all_link);

        if (!handle->target && handle->to_self && hg_handle_state(handle) == HG_HANDLE_SENT)
            hg_handle_complete_locked(handle, HG_CANCELED);
    }
}

/* Ends every call and transfer. From then on no new session begins. */
static void context_end_sessions(struct hg_context *context)
{
    struct util_list *node;

    util_lock_take(&context->lock);
    context->ending = true;
    while ((node = util_list_first(&context->sessions)) != NULL)
        hg_session_end(util_container_of(node, struct hg_session, link), -ECANCELED);
    context_end_self_calls(context);
    hg_retry_end_pauses_locked(context, HG_CANCELED);
    bulk_env_cancel_all(&context->bulk);
    util_lock_drop(&context->lock);
}

static void context_discard_inbox(struct hg_context *context)
{
    struct util_list parcels;
    struct util_list *node;

    util_list_init(&parcels);
    util_lock_take(&context->inbox_lock);
    util_list_splice(&parcels, &context->inbox);
    util_lock_drop(&context->inbox_lock);
    while ((node = util_list_pop(&parcels)) != NULL) {
        struct hg_parcel *parcel = util_container_of(node, struct hg_parcel, link);

        parcel->discard(parcel);
    }
}

/* Ends everything that the library itself has under way. What remains afterwards is the user's. */
static void context_drain(struct hg_context *context)
{
    uint64_t deadline_ns = util_clock_deadline_ms(CONTEXT_DRAIN_MS);

    context_turn_until(context, context_draining, deadline_ns);
    context_settle_transfers(context);
    context_end_sessions(context);
    context_turn_until(context, context_bulk_busy, util_clock_deadline_ms(CONTEXT_DRAIN_MS));
    (void)hg_queue_run(context, UINT32_MAX);
}

/* The user still holds something: the context goes on, without the sessions that it had. */
static void context_reopen(struct hg_context *context)
{
    util_lock_take(&context->lock);
    context->ending = false;
    atomic_store_explicit(&context->closing, false, memory_order_relaxed);
    context->flush_asked = false;
    context->flush_forgotten = false;
    util_lock_drop(&context->lock);
}

hg_return_t HG_Context_destroy(hg_context_t *context)
{
    struct hg_class *hg_class;
    struct qs_counters counters;
    char names[HG_LEAKS_TEXT] = "";
    unsigned int open;
    bool transfers;

    if (hg_fork_stops_context(context, "HG_Context_destroy"))
        return HG_FAULT;
    if (context == NULL)
        return HG_SUCCESS;
    hg_class = context->hg_class;
    util_lock_take(&context->lock);
    atomic_store_explicit(&context->closing, true, memory_order_relaxed);
    util_lock_drop(&context->lock);
    hg_flusher_forget(context);
    context_drain(context);
    util_lock_take(&context->lock);
    open = context_open_handles(context);
    transfers = context_bulk_busy(context);
    if (open > 0)
        hg_leaks_of_context_locked(context, names);
    util_lock_drop(&context->lock);
    if (open > 0 || transfers) {
        UTIL_LOG_ERROR(UTIL_LOG_AREA_CTX, "context %u cannot be destroyed: %u handles are open%s%s, %s", context->id,
                       open, open > 0 ? ": " : "", names,
                       transfers ? "a bulk transfer does not end" : "no bulk transfer is under way");
        context_reopen(context);
        return hg_error_set(HG_BUSY, "HG_Context_destroy: %u handles of context %u are open%s%s", open, context->id,
                            open > 0 ? ": " : "", names);
    }
    util_lock_take(&hg_class->context_lock);
    util_lock_take(&hg_class->post_lock);
    atomic_store_explicit(&hg_class->contexts[context->id], NULL, memory_order_release);
    util_lock_drop(&hg_class->post_lock);
    hg_stats_of_context_locked(context, &counters); /* nobody else has the context any more */
    hg_stats_add(&hg_class->closed_counters, &counters);
    hg_tally_add(&hg_class->closed_tally, &context->tally);
    util_lock_drop(&hg_class->context_lock);
    hg_stats_signal_remove(context);
    context_discard_inbox(context);
    hg_port_close_all(context, CONTEXT_LINGER_MS);
    context_destroy_handles(context);
    hg_user_data_free(&context->user);
    context_free(context);
    atomic_fetch_sub_explicit(&hg_class->context_count, 1, memory_order_relaxed);
    return HG_SUCCESS;
}

hg_return_t HG_Context_unpost(hg_context_t *context)
{
    if (hg_fork_stops_context(context, "HG_Context_unpost"))
        return HG_FAULT;
    if (context == NULL)
        return hg_error_set(HG_INVALID_ARG, "HG_Context_unpost: a NULL argument");
    util_lock_take(&context->lock);
    atomic_store_explicit(&context->unposted, true, memory_order_relaxed);
    hg_port_stop_listening_all(context);
    util_lock_drop(&context->lock);
    return HG_SUCCESS;
}

/* --- accessors ----------------------------------------------------------------------------------------- */

hg_class_t *HG_Context_get_class(const hg_context_t *context)
{
    return context == NULL ? NULL : context->hg_class;
}

uint8_t HG_Context_get_id(const hg_context_t *context)
{
    return context == NULL ? 0 : context->id;
}

hg_return_t HG_Context_set_data(hg_context_t *context, void *data, void (*free_callback)(void *))
{
    if (context == NULL)
        return hg_error_set(HG_INVALID_ARG, "HG_Context_set_data: a NULL argument");
    hg_user_data_set(&context->user, data, free_callback);
    return HG_SUCCESS;
}

void *HG_Context_get_data(const hg_context_t *context)
{
    return context == NULL ? NULL : context->user.data;
}
