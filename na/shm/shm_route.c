/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * The life of a route.
 *
 * The side that connects makes the segment with both rings and sends its descriptor with the doorbell's
 * hello; the route is up when both have the other's hello. Either side ends it by hanging up, or by
 * dying; the memory stays until both have let go of it, so that what was sent before is still read.
 *
 * Whatever is wrong with the peer rather than with the arguments is told by route_down in a later turn,
 * even where it is known at once. Lists are changed between the walks over them: a route that is closed
 * in an upcall is taken off and freed by shm_route_turn. Callers serialise per context.
 */
#include "na/shm/shm_route.h"

#include <assert.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "na/shm/shm_doorbell_page.h"
#include "na/shm/shm_gift.h"
#include "na/shm/shm_memfd.h"
#include "na/shm/shm_name.h"
#include "na/shm/shm_progress.h"
#include "na/shm/shm_rma.h"
#include "na/shm/shm_wait.h"
#include "util/util_alloc.h"
#include "util/util_clock.h"
#include "util/util_detail.h"
#include "util/util_log.h"

static const unsigned int moves[] = {
    [SHM_ROUTE_STATE_CONNECTING] =
        1U << SHM_ROUTE_STATE_UP | 1U << SHM_ROUTE_STATE_ENDING | 1U << SHM_ROUTE_STATE_CLOSED,
    [SHM_ROUTE_STATE_UP] = 1U << SHM_ROUTE_STATE_ENDING | 1U << SHM_ROUTE_STATE_CLOSED,
    [SHM_ROUTE_STATE_ENDING] = 1U << SHM_ROUTE_STATE_DOWN | 1U << SHM_ROUTE_STATE_CLOSED,
    [SHM_ROUTE_STATE_DOWN] = 1U << SHM_ROUTE_STATE_CLOSED,
    [SHM_ROUTE_STATE_CLOSED] = 0,
};

static void route_move(struct shm_route *route, enum shm_route_state state)
{
    assert((moves[route->state] & (1U << state)) != 0);
    (void)moves; /* without asserts */
    route->state = state;
}

/* --- making and freeing ---------------------------------------------------------------------------- */

static struct shm_route *route_create(struct shm_context *context)
{
    struct shm_route *route = util_calloc(1, sizeof(*route));

    if (route == NULL)
        return NULL;
    route->base.transport = context->base.transport;
    route->base.context = &context->base;
    route->owner = context;
    route->state = SHM_ROUTE_STATE_CONNECTING;
    route->segment_fd = -1;
    util_list_init(&route->polled_node);
    util_list_init(&route->change_node);
    util_list_init(&route->copy_node);
    util_list_init(&route->blocked_node);
    util_list_init(&route->exposed_node);
    util_list_init(&route->rma);
    util_list_push(&context->routes, &route->node);
    return route;
}

static void route_close_segment_fd(struct shm_route *route)
{
    if (route->segment_fd >= 0)
        (void)close(route->segment_fd);
    route->segment_fd = -1;
}

static void route_stop_polling(struct shm_route *route)
{
    if (util_list_empty(&route->polled_node))
        return;
    util_list_remove(&route->polled_node);
    route->owner->polled_count--;
}

static void route_conceal(struct shm_route *route)
{
    struct shm_class *owner = route->owner->owner;

    util_lock_take(&owner->lock);
    util_list_remove(&route->exposed_node);
    util_lock_drop(&owner->lock);
}

/* Lets go of the route, of which the peer may know later: it begins no copy from or to our memory any more. */
static void route_let_go(struct shm_route *route)
{
    if (route->busy == NULL)
        return;
    atomic_store_explicit(&route->busy->door, SHM_DOOR_SHUT, memory_order_relaxed);
    /* Between our write of `door` and our reads of what the peer is at. */
    shm_doorbell_page_fence();
}

/* Whether the peer is at a copy that it began before. Once the route is freed nobody could tell any more, and the memory
 * might be withdrawn under it. */
static bool route_is_copied(const struct shm_route *route)
{
    /* Acquire: the copy is over when the word is 0. */
    return route->peer_busy != NULL && !route->peer_gone &&
           atomic_load_explicit(&route->peer_busy->entry, memory_order_acquire) != 0;
}

static void route_free(struct shm_route *route)
{
    assert(util_list_empty(&route->rma));
    shm_doorbell_disconnect(route->link);
    route_stop_polling(route);
    util_list_remove(&route->node);
    util_list_remove(&route->change_node);
    util_list_remove(&route->copy_node);
    util_list_remove(&route->blocked_node);
    route_conceal(route);
    route_close_segment_fd(route);
    shm_memfd_unmap(route->segment, sizeof(*route->segment));
    shm_table_view_close(route->view);
    util_free(route->stream);
    util_free(route);
}

void shm_route_free_all(struct shm_context *context)
{
    uint64_t deadline_ns = util_clock_deadline_ns(SHM_RMA_WAIT_NS);
    struct util_list *node;

    util_list_each (other, &context->routes)
        route_let_go(util_container_of(other, struct shm_route, node));
    while ((node = util_list_first(&context->routes)) != NULL) {
        struct shm_route *route = util_container_of(node, struct shm_route, node);

        while (route_is_copied(route) && util_clock_now_ns() < deadline_ns)
            (void)sched_yield();
        shm_rma_forget(route);
        route_free(route);
    }
}

/* --- coming up --------------------------------------------------------------------------------------- */

static void route_start_polling(struct shm_route *route)
{
    shm_ring_set_polled(&route->in, true);
    route->idle_turns = 0;
    if (!util_list_empty(&route->polled_node))
        return;
    util_list_push(&route->owner->polled, &route->polled_node);
    route->owner->polled_count++;
}

/* Whether the system lets us read the peer's memory; if so, it lets us write there as well. */
static bool route_reaches_memory(const struct shm_route *route)
{
    uint64_t value = 0;
    struct iovec local = {.iov_base = &value, .iov_len = sizeof(value)};
    struct iovec remote = {.iov_base = (void *)(uintptr_t)route->cookie_address, .iov_len = sizeof(value)};

    return route->owner->owner->copies_direct && route->pid > 0 &&
           process_vm_readv(route->pid, &local, 1, &remote, 1, 0) == (ssize_t)sizeof(value) && value == route->cookie;
}

/* Takes over what the peer gave; the segment is mapped. `side` is our place in it. */
static int route_attach(struct shm_route *route, const struct shm_gift *gift, unsigned int side)
{
    struct shm_class *owner = route->owner->owner;
    int error = shm_table_view_open(gift->table_fd, &route->view);

    if (error != 0)
        return error;
    shm_ring_out_init(&route->out, &route->segment->rings[side]);
    shm_ring_in_init(&route->in, &route->segment->rings[1 - side]);
    route->busy = &route->segment->busy[side];
    route->peer_busy = &route->segment->busy[1 - side];
    route->pid = shm_doorbell_link_pid(route->link);
    route->cookie_address = gift->cookie_address;
    route->cookie = gift->cookie;
    route->direct = route_reaches_memory(route);
    if (!route->direct && owner->copies_direct)
        UTIL_LOG_INFO(UTIL_LOG_AREA_NA,
                      "the system does not let us reach the memory of %s (ptrace_scope, or another container): bulk "
                      "data will be copied twice",
                      route->base.text);
    util_lock_take(&owner->lock);
    util_list_push(&owner->exposed, &route->exposed_node);
    util_lock_drop(&owner->lock);
    /* Release: from here on whoever withdraws memory looks at what the peer is at. */
    atomic_store_explicit(&route->busy->door, SHM_DOOR_OPEN, memory_order_release);
    route_move(route, SHM_ROUTE_STATE_UP);
    route_start_polling(route);
    return 0;
}

int shm_route_on_up(void *arg, struct shm_doorbell_link *link, const struct shm_doorbell_gift *bytes)
{
    struct shm_route *route = shm_doorbell_link_user(link);
    struct shm_gift gift;
    int error = shm_gift_decode(bytes, &gift);

    (void)arg;
    route_close_segment_fd(route);
    if (error == 0)
        error = route_attach(route, &gift, 0);
    if (error != 0)
        return error;
    route->base.target_context = gift.source_context;
    route->announce = true;
    util_list_push(&route->owner->changing, &route->change_node);
    return 0;
}

static int route_map_segment(struct shm_route *route, int fd)
{
    void *memory = NULL;
    int error = shm_memfd_map(fd, sizeof(*route->segment), true, &memory);

    if (error != 0)
        return error;
    route->segment = memory;
    return route->segment->magic == SHM_SEGMENT_MAGIC && route->segment->size == sizeof(*route->segment) ? 0 : -EPROTO;
}

int shm_route_on_accept(void *arg, struct shm_doorbell_link *link, const struct shm_doorbell_gift *bytes)
{
    struct shm_context *context = arg;
    struct shm_gift gift;
    struct shm_route *route;
    int error = shm_gift_decode(bytes, &gift);

    if (error != 0)
        return error;
    route = route_create(context);
    if (route == NULL)
        return -ENOMEM;
    route->incoming = true;
    route->base.target_context = gift.source_context;
    (void)snprintf(route->base.text, sizeof(route->base.text), "shm://%.240s", shm_doorbell_link_name(link));
    error = route_map_segment(route, gift.segment_fd);
    if (error == 0) {
        route->link = link;
        error = route_attach(route, &gift, 1);
        if (error != 0)
            route->link = NULL; /* the refusal ends it */
    }
    if (error != 0) {
        util_log_limited(UTIL_LOG_LEVEL_WARNING, UTIL_LOG_AREA_NA, "%s was refused: %s", route->base.text,
                         strerror(-error));
        route_free(route);
        return error;
    }
    shm_doorbell_link_set_user(link, route);
    context->base.upcalls->accept(context->base.arg, &route->base);
    return 0;
}

/* --- connecting -------------------------------------------------------------------------------------- */

static int route_make_segment(struct shm_route *route)
{
    void *memory = NULL;
    int error = shm_memfd_create("quicksilver-rings", sizeof(*route->segment), false, &memory, &route->segment_fd);

    if (error != 0)
        return util_detail_set(error, "no shared memory for a route to %s: %s", route->base.text, strerror(-error));
    route->segment = memory;
    route->segment->magic = SHM_SEGMENT_MAGIC;
    route->segment->size = sizeof(*route->segment);
    return 0;
}

/* Finds the peer: the wished context, or context 0 where that is not open. */
static int route_connect(struct shm_route *route, const char *name)
{
    struct shm_context *context = route->owner;
    struct shm_class *owner = context->owner;
    char endpoint[NA_ADDRESS_MAX];
    struct shm_doorbell_gift gift;
    int error;

    shm_gift_encode(&(struct shm_gift){.source_context = context->base.index,
                                       .target_context = route->base.target_context,
                                       .cookie_address = (uintptr_t)&owner->cookie,
                                       .cookie = owner->cookie,
                                       .table_fd = shm_table_fd(owner->table),
                                       .segment_fd = route->segment_fd},
                    &gift);
    shm_name_of_context(name, route->base.target_context, endpoint);
    error = shm_doorbell_connect(context->doorbell, endpoint, &gift, route, &route->link);
    if (error != -ECONNREFUSED || route->base.target_context == 0)
        return error;
    route->base.target_context = 0;
    return shm_doorbell_connect(context->doorbell, name, &gift, route, &route->link);
}

int shm_route_open(struct na_context *base, const char *address, uint8_t target_context, void *user,
                   struct na_route **route_out)
{
    struct shm_context *context = shm_context_of(base);
    char name[NA_ADDRESS_MAX];
    struct shm_route *route;
    int error = shm_name_remote(address, name);

    if (error != 0)
        return error;
    route = route_create(context);
    if (route == NULL)
        return util_detail_set(-ENOMEM, "no memory for another route of %s", context->base.address);
    route->base.user = user;
    route->base.target_context = target_context;
    shm_name_text(name, route->base.text);
    error = route_make_segment(route);
    if (error == 0)
        error = route_connect(route, name);
    if (error == -ENOMEM || error == -EMFILE || error == -ENFILE || error == -ENOSPC || error == -EINVAL) {
        route_free(route);
        return error;
    }
    if (error != 0)
        shm_route_end(route, -ECONNREFUSED);
    else if (context->armed)
        shm_wait_wake(&context->base); /* there may be a nearer deadline now */
    *route_out = &route->base;
    return 0;
}

/* --- the end ----------------------------------------------------------------------------------------- */

/* Puts the route up for the next turn, and sees to it that there is one. */
static void route_change(struct shm_route *route)
{
    struct shm_context *context = route->owner;

    util_list_remove(&route->change_node);
    util_list_push(&context->changing, &route->change_node);
    if (context->armed)
        shm_wait_wake(&context->base);
}

void shm_route_end(struct shm_route *route, int error)
{
    if (route->state != SHM_ROUTE_STATE_CONNECTING && route->state != SHM_ROUTE_STATE_UP)
        return;
    route_move(route, SHM_ROUTE_STATE_ENDING);
    route->error = error;
    route->drain_from = route->in.head;
    shm_doorbell_disconnect(route->link);
    route->link = NULL;
    route_change(route);
}

void shm_route_on_down(void *arg, struct shm_doorbell_link *link, int error)
{
    struct shm_route *route = shm_doorbell_link_user(link);

    (void)arg;
    /* Whoever hangs up, or has died, copies nothing any more, whatever its word says. */
    if (error == -ECONNRESET) {
        route->peer_gone = true;
        route_conceal(route);
    }
    shm_route_end(route, error);
}

void shm_route_close(struct na_route *base)
{
    struct shm_route *route = shm_route_of(base);

    assert(route->state != SHM_ROUTE_STATE_CLOSED);
    route_move(route, SHM_ROUTE_STATE_CLOSED);
    route_let_go(route);
    route->free_ns = util_clock_deadline_ns(SHM_RMA_WAIT_NS);
    shm_rma_cancel_route(route);
    shm_doorbell_disconnect(route->link);
    route->link = NULL;
    route_change(route);
}

int shm_route_refusal(const struct shm_route *route)
{
    if (route->state == SHM_ROUTE_STATE_CONNECTING)
        return -EAGAIN;
    return route->error != 0 ? route->error : -ECONNRESET;
}

/* --- signals ------------------------------------------------------------------------------------------ */

void shm_route_on_rung(void *arg, struct shm_doorbell_link *link)
{
    struct shm_route *route = shm_doorbell_link_user(link);

    (void)arg;
    if (route->state == SHM_ROUTE_STATE_UP)
        route_start_polling(route);
}

void shm_route_notify(struct shm_route *route)
{
    uint64_t polled;

    if (route->link == NULL)
        return;
    shm_doorbell_ring(route->link); /* with a full fence between our write to the ring and the reads of both words */
    polled = atomic_load_explicit(&route->out.shared->polled, memory_order_relaxed);
    if ((polled & 1) == 0 || polled == route->poked)
        return;
    route->poked = polled;
    shm_doorbell_poke(route->link);
}

unsigned char *shm_route_reserve(struct shm_route *route, size_t size)
{
    unsigned char *room = shm_ring_reserve(&route->out, size);

    if (room != NULL)
        return room;
    shm_ring_block(&route->out);
    if (util_list_empty(&route->blocked_node))
        util_list_push(&route->owner->blocked, &route->blocked_node);
    /* A peer that made room just before it could see that we wait does not ring, and we may be asleep in another thread. */
    return shm_ring_reserve(&route->out, size);
}

void shm_route_unblock(struct shm_route *route)
{
    util_list_remove(&route->blocked_node);
    if (route->stream != NULL)
        shm_rma_schedule(route);
}

/* --- turns ------------------------------------------------------------------------------------------- */

/* What had been sent before the peer hung up is still delivered: true when it is all read. That is one ring at most; a peer
 * that goes on writing behind a closed door is not waited for. */
static bool route_drain(struct shm_route *route)
{
    if (route->segment == NULL || route->in.shared == NULL)
        return true;
    (void)shm_progress_receive(route);
    return route->state != SHM_ROUTE_STATE_ENDING || route->error == -EPROTO || shm_ring_empty(&route->in) ||
           route->in.head - route->drain_from >= SHM_RING_SIZE;
}

/* One look at a changing route, which is off the list: true when it must be looked at again. The route may be gone
 * on return. */
static bool route_step(struct shm_route *route, int *upcalls)
{
    const struct na_upcalls *calls = route->owner->base.upcalls;
    void *arg = route->owner->base.arg;

    if (route->state == SHM_ROUTE_STATE_UP && route->announce) {
        route->announce = false;
        (*upcalls)++;
        calls->route_up(arg, &route->base);
        return false;
    }
    if (route->state == SHM_ROUTE_STATE_ENDING) {
        if (!route_drain(route))
            return true;
        route_stop_polling(route);
        shm_rma_end_all(route, -ECONNRESET);
        if (route->state != SHM_ROUTE_STATE_ENDING) /* closed by an upcall, and on the list again */
            return false;
        route_move(route, SHM_ROUTE_STATE_DOWN);
        (*upcalls)++;
        calls->route_down(arg, &route->base, route->error);
        return false;
    }
    if (route->state == SHM_ROUTE_STATE_CLOSED) {
        shm_rma_end_all(route, -ECANCELED);
        if (route_is_copied(route) && util_clock_now_ns() < route->free_ns)
            return true;
        route_free(route);
    }
    return false;
}

int shm_route_turn(struct shm_context *context)
{
    struct util_list batch;
    struct util_list *node;
    int upcalls = 0;

    /* Upcalls may put more routes on the list; those are for the next turn. */
    util_list_init(&batch);
    util_list_splice(&batch, &context->changing);
    while ((node = util_list_pop(&batch)) != NULL) {
        struct shm_route *route = util_container_of(node, struct shm_route, change_node);

        if (route_step(route, &upcalls))
            util_list_push(&context->changing, &route->change_node);
    }
    return upcalls;
}
