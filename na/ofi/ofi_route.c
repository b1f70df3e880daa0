/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * The life of a route.
 *
 * A route's id is what its peer puts into each message: the low 20 bits are its place in the
 * context's table, the rest, as far as it travels with a message, is random, so that neither a late frame
 * nor an invented one finds a route that it was not sent for. The endpoint of a connection is closed as soon as the connection
 * is over; what libfabric still reports about it has then been queued already, so after the
 * completion queue was seen empty nothing more can come, and what did not come back is taken back.
 * An endpoint shared by all (datagrams) stays open: there, operations come back when they like. A
 * provider that makes connections of its own below tells nothing of their end: it refuses, for as long
 * as it cannot make the next one. Two seconds of that, after there had been contact, are the end of the
 * route. It is lost then, as it is when its owner knows of the peer's end: the connection that carried
 * its operations is no more, so nothing moves to or from their memory. They get a moment to come back
 * with an error; those that do not were lost by the provider, and are given up.
 */
#include "na/ofi/ofi_route.h"

#include <assert.h>

#include "na/ofi/ofi_av.h"
#include "na/ofi/ofi_listen.h"
#include "na/ofi/ofi_resolve.h"
#include "na/ofi/ofi_rma.h"
#include "na/ofi/ofi_send.h"
#include "util/util_alloc.h"
#include "util/util_clock.h"
#include "util/util_detail.h"
#include "util/util_log.h"
#include "util/util_rand.h"

enum {
    INDEX_BITS = 20,
    TABLE_FIRST = 64,
    DRAIN_TURNS = 4096, /* a completion queue that is never empty has turned over by then */
};
#define NO_INDEX      UINT32_MAX
#define CLOSE_WAIT_NS (UTIL_CLOCK_NS_PER_S)
/* How long a peer that we were in contact with may be refused to us. */
#define REFUSED_NS (2 * UTIL_CLOCK_NS_PER_S)
/* How long the operations of a lost route may take to come back (measured: less than a turn, or never). The kernel of a
 * process that was killed still sends what it had taken, again where the network has lost it, and so an answer may come
 * late, into memory that has been handed back. */
#define AWAIT_NS (600 * UTIL_CLOCK_NS_PER_MS)

static const unsigned int moves[] = {
    [OFI_ROUTE_STATE_CONNECTING] =
        1U << OFI_ROUTE_STATE_UP | 1U << OFI_ROUTE_STATE_ENDING | 1U << OFI_ROUTE_STATE_CLOSED,
    [OFI_ROUTE_STATE_ACCEPTING] =
        1U << OFI_ROUTE_STATE_UP | 1U << OFI_ROUTE_STATE_ENDING | 1U << OFI_ROUTE_STATE_CLOSED,
    [OFI_ROUTE_STATE_UP] = 1U << OFI_ROUTE_STATE_ENDING | 1U << OFI_ROUTE_STATE_CLOSING | 1U << OFI_ROUTE_STATE_CLOSED,
    [OFI_ROUTE_STATE_ENDING] = 1U << OFI_ROUTE_STATE_DOWN | 1U << OFI_ROUTE_STATE_CLOSED,
    [OFI_ROUTE_STATE_DOWN] = 1U << OFI_ROUTE_STATE_CLOSED,
    [OFI_ROUTE_STATE_CLOSING] = 1U << OFI_ROUTE_STATE_CLOSED,
    [OFI_ROUTE_STATE_CLOSED] = 0,
};

static void route_move(struct ofi_route *route, enum ofi_route_state state)
{
    assert((moves[route->state] & (1U << state)) != 0);
    (void)moves; /* without asserts */
    route->state = state;
}

/* --- table --------------------------------------------------------------------------------------- */

static int table_grow(struct ofi_context *context)
{
    uint32_t capacity = context->route_capacity == 0 ? TABLE_FIRST : context->route_capacity * 2;
    struct ofi_route **routes;
    uint32_t *next;

    if (capacity > 1U << INDEX_BITS)
        return -ENOMEM;
    routes = util_realloc(context->routes, capacity * sizeof(struct ofi_route *));
    if (routes == NULL)
        return -ENOMEM;
    context->routes = routes;
    next = util_realloc(context->route_next, capacity * sizeof(uint32_t));
    if (next == NULL)
        return -ENOMEM;
    context->route_next = next;
    context->route_capacity = capacity;
    return 0;
}

static int table_take(struct ofi_context *context, struct ofi_route *route)
{
    if (context->route_free != NO_INDEX) {
        route->index = context->route_free;
        context->route_free = context->route_next[route->index];
    } else {
        if (context->route_count == context->route_capacity && table_grow(context) != 0)
            return -ENOMEM;
        route->index = context->route_count++;
    }
    context->routes[route->index] = route;
    return 0;
}

static void table_give(struct ofi_context *context, struct ofi_route *route)
{
    context->routes[route->index] = NULL;
    context->route_next[route->index] = context->route_free;
    context->route_free = route->index;
}

int ofi_route_create(struct ofi_context *context, enum ofi_route_state state, struct ofi_route **route_out)
{
    struct ofi_route *route = util_calloc(1, sizeof(*route));

    if (route == NULL || table_take(context, route) != 0) {
        util_free(route);
        return util_detail_set(-ENOMEM, "no memory for another route of %s", context->base.address);
    }
    route->base.transport = context->base.transport;
    route->base.context = &context->base;
    route->owner = context;
    route->state = state;
    route->id = ((util_rand_u64() << INDEX_BITS) | route->index) & context->owner->id_mask;
    route->addr = FI_ADDR_UNSPEC;
    route->inject_left = OFI_ROUTE_INJECT_RUN;
    util_list_init(&route->state_node);
    util_list_init(&route->event_node);
    util_list_init(&route->tx);
    util_list_init(&route->rma);
    util_list_init(&route->tx_spent);
    util_list_init(&route->rma_spent);
    *route_out = route;
    return 0;
}

static void route_free(struct ofi_route *route)
{
    assert(route->tx_count == 0 && route->rma_count == 0 && route->ep == NULL);
    ofi_send_free_spent(route);
    ofi_rma_free_spent(route);
    util_list_remove(&route->state_node);
    table_give(route->owner, route);
    util_free(route);
}

/* --- moves --------------------------------------------------------------------------------------- */

/* Puts the route up for the next turn. */
static void route_change(struct ofi_route *route)
{
    util_list_remove(&route->state_node);
    util_list_push(&route->owner->changing, &route->state_node);
}

/* Puts the route into one of the owner's lists that are ordered by deadline. */
static void route_wait(struct ofi_route *route, struct util_list *list, uint64_t wait_ns)
{
    route->deadline_ns = util_clock_now_ns() + wait_ns;
    util_list_remove(&route->state_node);
    util_list_push(list, &route->state_node);
}

/* Gives up what the route uses in libfabric and beside it. */
static void route_release(struct ofi_route *route)
{
    struct ofi_class *owner = route->owner->owner;

    ofi_resolve_give_up(route);
    if (owner->connected && owner->provider->closes_late && !route->cut && route->ep != NULL) {
        if (!route->shut)
            (void)fi_shutdown(route->ep, 0);
        route->shut = true;
    } else if (owner->connected) {
        ofi_listen_close_connection(route);
    } else {
        ofi_av_put(owner, route->av_entry);
        route->av_entry = NULL;
        route->ep = NULL;
    }
    route->end_turn = route->owner->turns;
}

void ofi_route_start_clock(struct ofi_route *route)
{
    route_wait(route, &route->owner->connecting, route->owner->owner->connect_timeout_ns);
}

void ofi_route_up(struct ofi_route *route)
{
    if (route->state != OFI_ROUTE_STATE_CONNECTING)
        return;
    route_move(route, OFI_ROUTE_STATE_UP);
    route->announce = true;
    route_change(route);
}

void ofi_route_end(struct ofi_route *route, int error)
{
    switch (route->state) {
    case OFI_ROUTE_STATE_CONNECTING:
    case OFI_ROUTE_STATE_ACCEPTING:
    case OFI_ROUTE_STATE_UP:
        if (route->state == OFI_ROUTE_STATE_ACCEPTING) /* its owner never heard of it */
            route_move(route, OFI_ROUTE_STATE_CLOSED);
        else
            route_move(route, OFI_ROUTE_STATE_ENDING);
        route->error = error;
        break;
    case OFI_ROUTE_STATE_CLOSING:
        route_move(route, OFI_ROUTE_STATE_CLOSED);
        break;
    default:
        return;
    }
    ofi_route_lost(&route->base); /* a datagram that failed did so with the connection below it */
    route_release(route);
    route_change(route);
}

void ofi_route_sent(struct ofi_route *route)
{
    if (route->contacted && !route->refused && !route->lost)
        return;
    route->contacted = true;
    route->refused = false;
    route->lost = false; /* there is a connection again */
    if (!route->owner->owner->connected && !route->announce)
        util_list_remove(&route->state_node); /* from the list of attempts, or of those that are refused */
}

void ofi_route_refused(struct ofi_route *route)
{
    struct ofi_context *context = route->owner;

    if (route->refused && !route->refused_still)
        route->refused_still = util_clock_now_ns() + REFUSED_NS / 2 >= route->deadline_ns;
    /* Datagrams say nothing of an absent peer but this. */
    if (context->owner->connected || !util_list_empty(&route->state_node) || route->state != OFI_ROUTE_STATE_UP)
        return;
    if (!route->contacted) {
        ofi_route_start_clock(route);
    } else if (context->send.inflight < context->owner->slots / 2) {
        /* Otherwise the reason may be that libfabric has no room, and not for this peer only. */
        route->refused = true;
        route->refused_still = false;
        route_wait(route, &context->refused, REFUSED_NS);
    }
}

void ofi_route_settled(struct ofi_route *route)
{
    bool waiting = route->state == OFI_ROUTE_STATE_CLOSED || route->state == OFI_ROUTE_STATE_CLOSING ||
                   route->state == OFI_ROUTE_STATE_ENDING;

    if (waiting && route->tx_count == 0 && route->rma_count == 0)
        route_change(route);
}

void ofi_route_lost(struct na_route *base)
{
    struct ofi_route *route = ofi_route_of(base);

    if (!route->owner->owner->connected)
        route->lost = true;
}

void ofi_route_cut(struct na_route *base)
{
    if (base->context->na_class->limits.cuttable) {
        ofi_route_of(base)->cut = true;
        ofi_route_lost(base); /* what it carries does not come back */
    }
    ofi_route_close(base);
}

void ofi_route_close(struct na_route *base)
{
    struct ofi_route *route = ofi_route_of(base);

    if (route->state == OFI_ROUTE_STATE_UP && route->tx_count > 0 && route->rma_count == 0 && !route->lost &&
        !route->cut) {
        route_move(route, OFI_ROUTE_STATE_CLOSING);
        route_wait(route, &route->owner->closing, CLOSE_WAIT_NS);
        return;
    }
    assert(route->state != OFI_ROUTE_STATE_CLOSED && route->state != OFI_ROUTE_STATE_CLOSING);
    route_move(route, OFI_ROUTE_STATE_CLOSED);
    ofi_rma_cancel_route(route);
    route_release(route);
    route_change(route);
}

/* --- receiving ------------------------------------------------------------------------------------- */

static void route_announce_accept(struct ofi_route *route)
{
    struct ofi_context *context = route->owner;

    route_move(route, OFI_ROUTE_STATE_UP);
    util_list_remove(&route->state_node);
    context->base.upcalls->accept(context->base.arg, &route->base);
}

struct ofi_route *ofi_route_receiving(struct ofi_context *context, uint64_t id)
{
    uint32_t index = (uint32_t)(id & ((1U << INDEX_BITS) - 1));
    struct ofi_route *route = index < context->route_count ? context->routes[index] : NULL;

    if (route == NULL || route->id != id)
        return NULL;
    /* A frame may overtake the event that the connection is there, since the two come by different
     * queues. */
    if (route->state == OFI_ROUTE_STATE_CONNECTING) {
        ofi_listen_poll(context->owner, context);
        ofi_listen_take_event(route);
    }
    if (route->state == OFI_ROUTE_STATE_ACCEPTING)
        route_announce_accept(route);
    if (route->state == OFI_ROUTE_STATE_UP || route->state == OFI_ROUTE_STATE_ENDING)
        return route;
    return NULL;
}

/* --- turns ------------------------------------------------------------------------------------------- */

/* True when libfabric has said all that it will about an endpoint closed in an earlier turn. */
static bool route_drained(const struct ofi_route *route)
{
    const struct ofi_context *context = route->owner;
    uint32_t turns = context->turns - route->end_turn;

    return (context->drained && turns > 0) || turns > DRAIN_TURNS;
}

/* A connection that was shut down is closed when it has told all: what was on its way has come back, and nothing that it
 * received is left in the completion queue. False while there is something to wait for. */
static bool route_quiet(struct ofi_route *route)
{
    bool waiting = route->tx_count > 0 || route->rma_count > 0;

    if (!route->shut || route->ep == NULL)
        return true;
    if (!route_drained(route) || (waiting && route->owner->turns - route->end_turn <= DRAIN_TURNS))
        return false;
    ofi_listen_close_connection(route);
    route->end_turn = route->owner->turns;
    return false;
}

/* Ends what libfabric lost with a connection. */
static void route_reclaim(struct ofi_route *route)
{
    if (route->owner->owner->connected)
        ofi_send_reclaim(route);
    else
        ofi_send_give_up(route);
    ofi_rma_reclaim(route);
}

/* Whether a datagram route that is over still waits for its operations; if so, it is on a list, or hears of their end. */
static bool route_awaits(struct ofi_route *route)
{
    if (route->owner->owner->connected || (route->tx_count == 0 && route->rma_count == 0))
        return false;
    if (route->lost && route->awaited)
        return false;
    if (route->lost)
        route_wait(route, &route->owner->awaiting, AWAIT_NS);
    return route->lost || route->state == OFI_ROUTE_STATE_CLOSED;
}

/* One look at a changing route, which is off the list: true when it must be looked at again. Sets
 * *upcalls; the route may be gone on return. */
static bool route_step(struct ofi_route *route, int *upcalls)
{
    struct ofi_context *context = route->owner;
    bool connected = context->owner->connected;

    switch (route->state) {
    case OFI_ROUTE_STATE_UP:
        if (!route->announce)
            return false;
        route->announce = false;
        (*upcalls)++;
        context->base.upcalls->route_up(context->base.arg, &route->base);
        return false;
    case OFI_ROUTE_STATE_ENDING:
        if (!route_quiet(route) || !route_drained(route))
            return true;
        if (route_awaits(route))
            return false;
        if (connected || route->lost)
            route_reclaim(route);
        /* An operation's done may have closed the route. */
        if (route->state != OFI_ROUTE_STATE_ENDING)
            return false;
        route_move(route, OFI_ROUTE_STATE_DOWN);
        (*upcalls)++;
        context->base.upcalls->route_down(context->base.arg, &route->base, route->error);
        return false;
    case OFI_ROUTE_STATE_CLOSING:
        route_move(route, OFI_ROUTE_STATE_CLOSED);
        route_release(route);
        return true;
    case OFI_ROUTE_STATE_CLOSED:
        if (connected && (!route_quiet(route) || !route_drained(route)))
            return true;
        if (route_awaits(route))
            return false;
        route_reclaim(route);
        route_free(route);
        return false;
    default:
        return false;
    }
}

/* The first route of a list by deadline whose time is over, or NULL. */
static struct ofi_route *route_due(const struct util_list *list, uint64_t now_ns)
{
    struct util_list *node = util_list_first(list);
    struct ofi_route *route = node != NULL ? util_container_of(node, struct ofi_route, state_node) : NULL;

    return route != NULL && route->deadline_ns <= now_ns ? route : NULL;
}

static void route_expire_refused(struct ofi_route *route)
{
    route->refused = false;
    if (!route->refused_still) { /* whoever tried has given up: nobody knows */
        util_list_remove(&route->state_node);
        return;
    }
    UTIL_LOG_INFO(UTIL_LOG_AREA_OFI, "%s has taken nothing for %llu ms", route->base.text,
                  (unsigned long long)(REFUSED_NS / UTIL_CLOCK_NS_PER_MS));
    ofi_route_end(route, -ECONNRESET);
}

static void route_expire(struct ofi_context *context, uint64_t now_ns)
{
    struct ofi_route *route;

    while ((route = route_due(&context->connecting, now_ns)) != NULL) {
        UTIL_LOG_INFO(UTIL_LOG_AREA_OFI, "no connection to %s within %llu ms", route->base.text,
                      (unsigned long long)(context->owner->connect_timeout_ns / UTIL_CLOCK_NS_PER_MS));
        ofi_route_end(route, -ETIMEDOUT);
    }
    while ((route = route_due(&context->refused, now_ns)) != NULL)
        route_expire_refused(route);
    while ((route = route_due(&context->awaiting, now_ns)) != NULL) {
        UTIL_LOG_INFO(UTIL_LOG_AREA_OFI, "%s: libfabric has lost %u frames and %u transfers", route->base.text,
                      route->tx_count, route->rma_count);
        route->awaited = true;
        route_change(route);
    }
    while ((route = route_due(&context->closing, now_ns)) != NULL)
        route_change(route);
}

int ofi_route_turn(struct ofi_context *context)
{
    int upcalls = 0;
    struct util_list batch;

    if (!util_list_empty(&context->connecting) || !util_list_empty(&context->closing) ||
        !util_list_empty(&context->refused) || !util_list_empty(&context->awaiting))
        route_expire(context, util_clock_now_ns());
    if (util_list_empty(&context->changing))
        return 0;
    /* Upcalls may put more routes on the list; those are for the next turn. */
    util_list_init(&batch);
    util_list_splice(&batch, &context->changing);
    for (struct util_list *node = util_list_pop(&batch); node != NULL; node = util_list_pop(&batch)) {
        struct ofi_route *route = util_container_of(node, struct ofi_route, state_node);
        if (route_step(route, &upcalls))
            route_change(route);
    }
    return upcalls;
}

uint64_t ofi_route_deadline_ns(const struct ofi_context *context)
{
    const struct util_list *const lists[] = {&context->connecting, &context->closing, &context->refused,
                                             &context->awaiting};
    uint64_t deadline_ns = UTIL_CLOCK_NEVER;

    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        const struct util_list *node = util_list_first(lists[i]);

        if (node != NULL && util_container_of(node, struct ofi_route, state_node)->deadline_ns < deadline_ns)
            deadline_ns = util_container_of(node, struct ofi_route, state_node)->deadline_ns;
    }
    return deadline_ns;
}

/* --- the end of a context -------------------------------------------------------------------------------- */

void ofi_route_close_connections(struct ofi_context *context)
{
    for (uint32_t i = 0; i < context->route_count; i++) {
        struct ofi_route *route = context->routes[i];

        if (route == NULL || (route->state == OFI_ROUTE_STATE_CLOSED && route->ep == NULL))
            continue;
        route->cut = true; /* there will be no more turns to wait in */
        route_release(route);
    }
}

void ofi_route_free_all(struct ofi_context *context)
{
    for (uint32_t i = 0; i < context->route_count; i++) {
        struct ofi_route *route = context->routes[i];
        if (route == NULL)
            continue;
        ofi_send_reclaim(route);
        ofi_rma_forget(route);
        route_free(route);
    }
    util_free(context->routes);
    util_free(context->route_next);
    context->routes = NULL;
    context->route_next = NULL;
    context->route_count = 0;
    context->route_capacity = 0;
}
