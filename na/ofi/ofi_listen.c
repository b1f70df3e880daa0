/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * The receiving side of connection management.
 *
 * The class's passive endpoint holds its port from the start, also when the class does not listen,
 * so that its address is unique; then connections to it are refused by the kernel. Bytes on the
 * port that are no connect request never get here: the provider closes such sockets by itself.
 * cm.lock covers reading the event queue together with the hand-over, and closing an endpoint
 * together with forgetting its events: an event never names a route that is gone.
 */
#include "na/ofi/ofi_listen.h"

#include <string.h>

#include "na/ofi/ofi_connect.h"
#include "na/ofi/ofi_error.h"
#include "na/ofi/ofi_files.h"
#include "na/ofi/ofi_guard.h"
#include "na/ofi/ofi_resolve.h"
#include "na/ofi/ofi_route.h"
#include "na/ofi/ofi_wait.h"
#include "util/util_alloc.h"
#include "util/util_clock.h"
#include "util/util_detail.h"
#include "util/util_log.h"
#include "util/util_mutant.h"

enum {
    EVENTS_PER_POLL = 64,
    REQUESTS_MAX = 4096,        /* connect requests that may wait for one context */
    PRIVATE_MAX = 256,          /* what libfabric's socket providers can carry */
    SETTLE_ROUNDS = 10,         /* at most, when a class closes */
    SETTLE_QUIET = 3,           /* of them without a request end it */
    SETTLE_REST_NS = 50 * 1000, /* between two */
};

/* An event with room for the private data that comes behind it, which starts at entry.data. */
union listen_event {
    struct fi_eq_cm_entry entry;
    unsigned char bytes[sizeof(struct fi_eq_cm_entry) + PRIVATE_MAX];
};

/* --- the port -------------------------------------------------------------------------------------- */

static int listen_fail(const struct ofi_class *owner, int ret)
{
    char text[NA_ADDRESS_MAX] = "?";
    int error = ofi_error(ret);

    (void)ofi_address_text(&owner->address, owner->base.protocol, text);
    if (error == -EADDRINUSE)
        return util_detail_set(error, "the port of %s is in use by another process", text);
    if (error == -EADDRNOTAVAIL)
        return util_detail_set(error, "%s is not an address of this machine", text);
    return util_detail_set(error, "%s cannot be listened on: %s", text, ofi_error_text(ret));
}

static int listen_open_queue(struct ofi_class *owner)
{
    struct fi_eq_attr attr = {.size = 256, .wait_obj = FI_WAIT_FD};
    int ret = 0;

    owner->cm.eq_fd = -1;
    if (owner->never_block)
        attr.wait_obj = FI_WAIT_NONE;
    if (attr.wait_obj != FI_WAIT_NONE && owner->provider->wait == OFI_PROVIDER_WAIT_SET) {
        ret = ofi_compat_wait_open(owner->fabric, &owner->cm.wait_set, &owner->cm.eq_fd);
        attr.wait_obj = FI_WAIT_SET;
        attr.wait_set = owner->cm.wait_set;
    }
    if (ret == 0)
        ret = fi_eq_open(owner->fabric, &attr, &owner->cm.eq, NULL);
    if (ret == 0 && attr.wait_obj == FI_WAIT_FD)
        ret = fi_control(&owner->cm.eq->fid, FI_GETWAIT, &owner->cm.eq_fd);
    if (ret != 0)
        return util_detail_set(ofi_error(ret), "%s has no event queue: %s", owner->base.provider, ofi_error_text(ret));
    return 0;
}

int ofi_listen_open(struct ofi_class *owner)
{
    int ret;

    if (!owner->connected)
        return 0;
    ret = listen_open_queue(owner);
    if (ret != 0)
        return ret;
    ret = fi_passive_ep(owner->fabric, owner->info, &owner->cm.pep, NULL);
    if (ret == 0)
        ret = fi_pep_bind(owner->cm.pep, &owner->cm.eq->fid, 0);
    if (ret == 0 && owner->base.listens)
        ret = fi_listen(owner->cm.pep);
    if (ret != 0)
        return listen_fail(owner, ret);
    owner->address.size = sizeof(owner->address.storage);
    ret = fi_getname(&owner->cm.pep->fid, owner->address.bytes, &owner->address.size);
    if (ret != 0)
        return listen_fail(owner, ret);
    owner->cm.listening = owner->base.listens;
    return 0;
}

/* --- reading the event queue, under cm.lock -------------------------------------------------------- */

static void listen_refuse(struct ofi_class *owner, struct fi_info *info)
{
    if (owner->cm.pep != NULL)
        (void)fi_reject(owner->cm.pep, info->handle, NULL, 0);
    fi_freeinfo(info);
}

/* Tells a context that something was left for it. */
static void listen_notify(struct ofi_context *context, struct ofi_context *caller)
{
    /* Release: whoever sees the flag sees the lists, though it takes the lock for them anyway. */
    atomic_store_explicit(&context->handed_over, true, memory_order_release);
    if (context != caller)
        ofi_wait_wake(&context->base);
}

/* The context that serves a request for `index`: itself if it is open, else context 0. */
static struct ofi_context *listen_context_locked(struct ofi_class *owner, uint8_t index)
{
    struct ofi_context *context = owner->contexts[index];

    if (context == NULL)
        context = owner->contexts[0];
    return context != NULL && !context->stopped ? context : NULL;
}

static void listen_on_request_locked(struct ofi_class *owner, struct ofi_context *caller, union listen_event *event,
                                     size_t size)
{
    struct fi_info *info = event->entry.info;
    struct ofi_connect_private private;
    struct ofi_context *context;
    struct ofi_request *request;

    if (ofi_connect_private_decode(event->entry.data, size, &private) != 0) {
        util_log_limited(UTIL_LOG_LEVEL_WARNING, UTIL_LOG_AREA_OFI,
                         "%s: a connect request from another kind of program, or another version, was refused",
                         owner->base.address);
        listen_refuse(owner, info);
        return;
    }
    context = owner->cm.listening ? listen_context_locked(owner, private.target) : NULL;
    request = context != NULL && context->request_count < REQUESTS_MAX ? util_calloc(1, sizeof(*request)) : NULL;
    if (request == NULL) {
        listen_refuse(owner, info);
        return;
    }
    request->info = info;
    request->peer_id = private.id;
    request->target_context = context->base.index;
    request->source_context = private.source;
    util_list_push(&context->requests, &request->node);
    context->request_count++;
    listen_notify(context, caller);
}

static void listen_on_route_locked(struct ofi_context *caller, struct ofi_route *route)
{
    if (util_list_empty(&route->event_node))
        util_list_push(&route->owner->events, &route->event_node);
    listen_notify(route->owner, caller);
}

static void listen_on_connected_locked(struct ofi_context *caller, union listen_event *event, size_t size)
{
    struct ofi_route *route = event->entry.fid->context;
    struct ofi_connect_private private;

    if (route->incoming) {
        route->event_up = true; /* an accepted one: the answer carries nothing for us */
    } else if (ofi_connect_private_decode(event->entry.data, size, &private) == 0) {
        route->event_up = true;
        route->event_peer_id = private.id;
        route->event_context = private.target;
    } else {
        route->event_down = true;
        route->event_error = ECONNREFUSED;
    }
    listen_on_route_locked(caller, route);
}

static void listen_on_error_locked(struct ofi_class *owner, struct ofi_context *caller)
{
    struct fi_eq_err_entry error = {0};
    struct ofi_route *route;

    if (fi_eq_readerr(owner->cm.eq, &error, 0) < 0)
        return;
    if (error.fid == NULL || error.fid->fclass != FI_CLASS_EP) {
        util_log_limited(UTIL_LOG_LEVEL_WARNING, UTIL_LOG_AREA_OFI, "%s: the event queue says: %s", owner->base.address,
                         ofi_error_text(error.err));
        return;
    }
    route = error.fid->context;
    route->event_down = true;
    route->event_error = owner->provider->failure_ends ? ofi_error_cm(error.err, error.prov_errno) : error.err;
    listen_on_route_locked(caller, route);
}

/* The size of the event, or an error. */
static ssize_t listen_read_event(struct ofi_class *owner, uint32_t *kind, union listen_event *event)
{
    ssize_t ret;

    /* Reading events makes progress on everything. */
    ofi_guard_enter(owner);
    ret = fi_eq_read(owner->cm.eq, kind, event, sizeof(*event), 0);
    ofi_guard_leave(owner);
    return ret;
}

/* Reads one event: false when there is none. */
static bool listen_read_locked(struct ofi_class *owner, struct ofi_context *caller)
{
    union listen_event event;
    uint32_t kind = 0;
    ssize_t ret = listen_read_event(owner, &kind, &event);
    size_t size;

    if (ret == -FI_EAVAIL) {
        listen_on_error_locked(owner, caller);
        return true;
    }
    if (ret < (ssize_t)sizeof(event.entry))
        return false;
    size = (size_t)ret - sizeof(event.entry);
    switch (kind) {
    case FI_CONNREQ:
        listen_on_request_locked(owner, caller, &event, size);
        break;
    case FI_CONNECTED:
        listen_on_connected_locked(caller, &event, size);
        break;
    case FI_SHUTDOWN: {
        struct ofi_route *route = event.entry.fid->context;
        route->event_down = true;
        route->event_error = ECONNRESET;
        listen_on_route_locked(caller, route);
        break;
    }
    default:
        break;
    }
    return true;
}

void ofi_listen_poll(struct ofi_class *owner, struct ofi_context *caller)
{
    uint64_t now_ns;
    int count = 0;

    if (!owner->connected || !util_lock_try(&owner->cm.lock))
        return; /* another context is at it */
    now_ns = util_clock_now_ns();
    /* Relaxed: set again by whoever wakes after this. */
    atomic_store_explicit(&owner->cm.due, false, memory_order_relaxed);
    atomic_store_explicit(&owner->cm.read_ns, now_ns, memory_order_relaxed);
    if (!ofi_files_rests_locked(owner, now_ns)) {
        while (count < EVENTS_PER_POLL && listen_read_locked(owner, caller))
            count++;
        ofi_files_read_locked(owner, count > 0, now_ns);
    }
    util_lock_drop(&owner->cm.lock);
}

/* --- acting on it, in the context's own turn -------------------------------------------------------- */

/* Accepts a connection: an endpoint on this context's queues, and an answer with our id. */
static void listen_accept(struct ofi_context *context, struct ofi_request *request)
{
    struct ofi_connect_private private = {.target = context->base.index, .source = context->base.index};
    struct ofi_address address = {.size = request->info->dest_addrlen};
    unsigned char bytes[OFI_CONNECT_PRIVATE_SIZE];
    struct ofi_route *route;
    int ret = ofi_route_create(context, OFI_ROUTE_STATE_ACCEPTING, &route);

    if (ret != 0) {
        listen_refuse(context->owner, request->info);
        return;
    }
    if (request->info->dest_addr != NULL && address.size <= sizeof(address.bytes)) {
        address.format = context->owner->address.format;
        memcpy(address.bytes, request->info->dest_addr, address.size);
        (void)ofi_address_text(&address, context->base.na_class->protocol, route->base.text);
    }
    route->base.target_context = request->source_context;
    route->peer_id = request->peer_id;
    route->incoming = true;
    private.id = route->id;
    ofi_connect_private_encode(&private, bytes);
    ret = ofi_connect_endpoint(route, request->info);
    if (ret == 0)
        ret = fi_accept(route->ep, bytes, sizeof(bytes));
    if (ret != 0) {
        util_log_limited(UTIL_LOG_LEVEL_WARNING, UTIL_LOG_AREA_OFI, "%s: a connection from %s was not accepted: %s",
                         context->base.address, route->base.text, ofi_error_text(ret));
        (void)fi_reject(context->owner->cm.pep, request->info->handle, NULL, 0);
        ofi_route_end(route, -ECONNRESET);
    }
    fi_freeinfo(request->info);
}

/* What was handed over about a route, taken out of it. */
struct listen_change {
    bool up;
    bool down;
    int error;
    uint64_t peer_id;
    uint8_t context;
};

static struct listen_change listen_take_locked(struct ofi_route *route)
{
    struct listen_change change = {.up = route->event_up,
                                   .down = route->event_down,
                                   .error = route->event_error,
                                   .peer_id = route->event_peer_id,
                                   .context = route->event_context};

    util_list_remove(&route->event_node);
    route->event_up = false;
    route->event_down = false;
    return change;
}

static void listen_apply(struct ofi_route *route, const struct listen_change *change)
{
    if (change->up && route->state == OFI_ROUTE_STATE_CONNECTING) {
        route->peer_id = change->peer_id;
        route->base.target_context = change->context;
        ofi_route_up(route);
    } else if (change->up && route->state == OFI_ROUTE_STATE_ACCEPTING) {
        (void)ofi_route_receiving(route->owner, route->id); /* makes the upcall */
    }
    if (!change->down)
        return;
    if (route->state != OFI_ROUTE_STATE_CONNECTING)
        ofi_route_end(route, ofi_error_route(change->error));
    else if (!ofi_connect_again(route, change->error))
        ofi_connect_fail(route, change->error);
}

void ofi_listen_take_event(struct ofi_route *route)
{
    struct listen_change change;

    util_lock_take(&route->owner->owner->cm.lock);
    change = listen_take_locked(route);
    util_lock_drop(&route->owner->owner->cm.lock);
    listen_apply(route, &change);
}

static struct ofi_request *listen_next_request(struct ofi_context *context)
{
    struct util_list *node;

    util_lock_take(&context->owner->cm.lock);
    node = util_list_pop(&context->requests);
    if (node != NULL)
        context->request_count--;
    util_lock_drop(&context->owner->cm.lock);
    return node != NULL ? util_container_of(node, struct ofi_request, node) : NULL;
}

static struct ofi_route *listen_next_event(struct ofi_context *context, struct listen_change *change)
{
    struct ofi_route *route = NULL;
    struct util_list *node;

    util_lock_take(&context->owner->cm.lock);
    node = util_list_first(&context->events);
    if (node != NULL) {
        route = util_container_of(node, struct ofi_route, event_node);
        *change = listen_take_locked(route);
    }
    util_lock_drop(&context->owner->cm.lock);
    return route;
}

int ofi_listen_turn(struct ofi_context *context)
{
    struct ofi_request *request;
    struct ofi_route *route;
    struct listen_change change;
    int count = 0;

    /* Relaxed: only spares the exchange in the many turns without; a flag that is missed is seen in the next. Then cleared
     * first: what is handed over from here on sets it again. */
    if (!atomic_load_explicit(&context->handed_over, memory_order_relaxed) ||
        !atomic_exchange_explicit(&context->handed_over, false, memory_order_acquire))
        return 0;
    while ((request = listen_next_request(context)) != NULL) {
        listen_accept(context, request);
        util_free(request);
        count++;
    }
    while ((route = listen_next_event(context, &change)) != NULL) {
        listen_apply(route, &change);
        count++;
    }
    if (!util_list_empty(&context->resolving))
        count += ofi_resolve_turn(context);
    return count;
}

void ofi_listen_close_connection(struct ofi_route *route)
{
    struct ofi_class *owner = route->owner->owner;

    util_lock_take(&owner->cm.lock);
    util_list_remove(&route->event_node);
    route->event_up = false; /* of this endpoint: the route may get another one */
    route->event_down = false;
    if (route->ep != NULL && !(UTIL_MUTANT(ENDPOINT_KEPT) && route->error != 0))
        (void)fi_close(&route->ep->fid);
    route->ep = NULL;
    util_lock_drop(&owner->cm.lock);
}

void ofi_listen_refuse_all(struct ofi_context *context)
{
    struct ofi_request *request;

    while ((request = listen_next_request(context)) != NULL) {
        listen_refuse(context->owner, request->info);
        util_free(request);
    }
}

/* --- stopping: connections go on ------------------------------------------------------------------- */

void ofi_listen_stop(struct ofi_class *owner)
{
    if (!owner->connected)
        return;
    util_lock_take(&owner->cm.lock);
    /* Who has asked for a connection by now is refused, as no context listens; not all, if they never end. */
    for (unsigned int i = 0; i < REQUESTS_MAX && owner->cm.pep != NULL && listen_read_locked(owner, NULL); i++)
        continue;
    owner->cm.listening = false;
    if (owner->cm.pep != NULL)
        (void)fi_close(&owner->cm.pep->fid);
    owner->cm.pep = NULL;
    util_lock_drop(&owner->cm.lock);
}

/* --- closing: no context is left, so nobody else reads the queue ------------------------------------ */

/* Reads what nobody has looked at, and refuses who asks for a connection. Other events name endpoints that are no more.
 * Gives the number of requests. */
static unsigned int listen_refuse_unread(struct ofi_class *owner)
{
    unsigned int count = 0;

    for (unsigned int i = 0; i < REQUESTS_MAX; i++) {
        union listen_event event;
        struct fi_eq_err_entry error = {0};
        uint32_t kind = 0;
        ssize_t ret = listen_read_event(owner, &kind, &event);

        if (ret == -FI_EAVAIL && fi_eq_readerr(owner->cm.eq, &error, 0) >= 0)
            continue;
        if (ret < (ssize_t)sizeof(event.entry))
            break;
        if (kind != FI_CONNREQ)
            continue;
        listen_refuse(owner, event.entry.info);
        count++;
    }
    return count;
}

/* A connection that libfabric has accepted, and whose request has not been read when the port closes, is forgotten
 * (ofi_provider::forgets_requests). Reading accepts connections, too, so requests get a moment to arrive. A stranger
 * who connects and says nothing is not got rid of. */
static void listen_settle(struct ofi_class *owner)
{
    unsigned int quiet = 0;

    for (unsigned int i = 0; i < SETTLE_ROUNDS && quiet < SETTLE_QUIET; i++) {
        if (i > 0)
            util_clock_sleep_ns(SETTLE_REST_NS);
        quiet = listen_refuse_unread(owner) > 0 ? 0 : quiet + 1;
    }
}

void ofi_listen_close(struct ofi_class *owner)
{
    if (owner->cm.listening && owner->provider->forgets_requests)
        listen_settle(owner);
    if (owner->cm.pep != NULL)
        (void)fi_close(&owner->cm.pep->fid);
    if (owner->cm.eq != NULL)
        (void)fi_close(&owner->cm.eq->fid);
    if (owner->cm.wait_set != NULL)
        (void)fi_close(&owner->cm.wait_set->fid);
    owner->cm.listening = false;
    owner->cm.pep = NULL;
    owner->cm.eq = NULL;
    owner->cm.wait_set = NULL;
}
