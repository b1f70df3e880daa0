/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * The network in memory: see fake_wire.h. A route knows the route at its other end; an event that is on its
 * way holds no pointer into its sender, so classes may go at any time.
 */
#include "tests/support/fake_wire.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "na/na_transport.h"
#include "tests/support/support_guard.h"
#include "util/util_detail.h"
#include "util/util_list.h"

enum {
    WIRE_FRAME_MAX = 8192,
    WIRE_CONTEXTS = 8,
};

struct fake_wire fake_wire;

struct wire_class {
    struct na_class base;
    struct util_list link; /* wire_classes */
    struct util_list mems;
    struct na_context *contexts[WIRE_CONTEXTS];
    bool killed;
};

struct wire_context {
    struct na_context base;
    struct util_list inbox; /* of struct wire_event */
    unsigned int inbox_count;
    struct util_list routes;
    struct util_list rmas; /* of struct wire_rma */
    unsigned int frames_used;
    bool stopped;
};

enum wire_route_state {
    WIRE_ROUTE_CONNECTING,
    WIRE_ROUTE_UP,
    WIRE_ROUTE_DOWN,
};

struct wire_route {
    struct na_route base;
    struct util_list link;   /* context->routes */
    struct wire_route *peer; /* NULL: not connected, or over there it is closed */
    enum wire_route_state state;
    struct wire_context *to; /* without connections */
};

enum wire_event_kind {
    WIRE_EVENT_FRAME,
    WIRE_EVENT_CONNECT,
    WIRE_EVENT_UP,
    WIRE_EVENT_DOWN,
};

struct wire_event {
    struct util_list link;
    enum wire_event_kind kind;
    struct wire_route *route; /* of the receiver; for CONNECT of the sender; cleared when that goes */
    int error;
    size_t size;
    uint64_t data[];
};

struct wire_mem {
    struct na_mem base;
    struct util_list link; /* class->mems */
    uint64_t key;
    unsigned int access;
    uint32_t count;
    struct na_segment *segments;
};

/* What na_rma.transport holds. */
struct wire_rma {
    struct util_list link; /* context->rmas */
    struct na_rma *rma;
    unsigned int delay;
    bool cancelled;
};

static struct util_list wire_classes = UTIL_LIST_INIT(wire_classes);
static unsigned int wire_names;

static struct wire_class *wire_class(struct na_class *base)
{
    return (struct wire_class *)base;
}

static struct wire_context *wire_context(struct na_context *base)
{
    return (struct wire_context *)base;
}

static struct wire_route *wire_route(struct na_route *base)
{
    return (struct wire_route *)base;
}

static bool wire_chance(unsigned int percent)
{
    return percent > 0 && util_prng_below(&fake_wire.prng, 100) < percent;
}

void fake_wire_reset(uint64_t seed)
{
    SUPPORT_CHECK(util_list_empty(&wire_classes));
    SUPPORT_CHECK(fake_wire.routes == 0 && fake_wire.contexts == 0 && fake_wire.mems == 0);
    SUPPORT_CHECK(fake_wire.frames_out == 0);
    memset(&fake_wire, 0, sizeof(fake_wire));
    util_prng_init(&fake_wire.prng, seed);
}

/* --- events -------------------------------------------------------------------------------------- */

static void wire_post(struct wire_context *context, enum wire_event_kind kind, struct wire_route *route, int error,
                      const void *data, size_t size)
{
    struct wire_event *event = malloc(sizeof(*event) + size + 8);

    SUPPORT_CHECK(event != NULL);
    event->kind = kind;
    event->route = route;
    event->error = error;
    event->size = size;
    if (size > 0)
        memcpy(event->data, data, size);
    util_list_push(&context->inbox, &event->link);
    context->inbox_count++;
    if (kind == WIRE_EVENT_FRAME && wire_chance(fake_wire.reorder) && context->inbox_count > 1) {
        uint64_t place = util_prng_below(&fake_wire.prng, context->inbox_count);
        struct util_list *before = context->inbox.next;

        util_list_remove(&event->link);
        for (; place > 0 && before != &context->inbox; place--)
            before = before->next;
        /* Insert in front of `before`. */
        event->link.prev = before->prev;
        event->link.next = before;
        before->prev->next = &event->link;
        before->prev = &event->link;
    }
}

/* No event names the route any more. */
static void wire_forget(struct wire_context *context, const struct wire_route *route)
{
    util_list_each_safe (node, next, &context->inbox) {
        struct wire_event *event = util_container_of(node, struct wire_event, link);

        if (event->route != route)
            continue;
        util_list_remove(node);
        context->inbox_count--;
        free(event);
    }
}

static struct wire_context *wire_context_of(const struct wire_route *route)
{
    return wire_context(route->base.context);
}

/* --- classes and contexts ------------------------------------------------------------------------ */

static bool wire_serves(const char *protocol)
{
    return strcmp(protocol, "wire") == 0;
}

static void wire_protocols(char *text, size_t size)
{
    (void)snprintf(text, size, "wire");
}

static struct wire_class *wire_find(const char *address)
{
    util_list_each (node, &wire_classes) {
        struct wire_class *class = util_container_of(node, struct wire_class, link);

        if (strcmp(class->base.address, address) == 0)
            return class;
    }
    return NULL;
}

static int wire_class_open(const struct na_config *config, struct na_class **class_out)
{
    const char *name = strstr(config->uri, "://");
    char address[NA_ADDRESS_MAX];
    struct wire_class *class;

    if (name != NULL && name[3] != '\0')
        (void)snprintf(address, sizeof(address), "wire://%.200s", name + 3);
    else
        (void)snprintf(address, sizeof(address), "wire://anonymous-%u", ++wire_names);
    if (wire_find(address) != NULL)
        return util_detail_set(-EADDRINUSE, "%s is in use", address);
    class = calloc(1, sizeof(*class));
    SUPPORT_CHECK(class != NULL);
    class->base.transport = &ofi_transport;
    class->base.limits = (struct na_limits){
        .frame_max = WIRE_FRAME_MAX,
        .batch_size = WIRE_FRAME_MAX,
        .inject_size = 256,
        .rma_max = SIZE_MAX,
        .rma_chunk = 1U << 16,
        .rma_depth = 4,
        .rma_count = 30,
        .connections = !fake_wire.no_connections,
        .death_notice = !fake_wire.no_connections,
        .quiet_resend = fake_wire.quiet_resend,
        .chosen_keys = true,
        .revocable = true,
    };
    memcpy(class->base.address, address, sizeof(address));
    strcpy(class->base.protocol, "wire");
    strcpy(class->base.provider, "wire");
    class->base.listens = config->listen;
    util_list_init(&class->mems);
    util_list_push(&wire_classes, &class->link);
    *class_out = &class->base;
    return 0;
}

static void wire_class_close(struct na_class *base)
{
    struct wire_class *class = wire_class(base);

    SUPPORT_CHECK(util_list_empty(&class->mems));
    for (unsigned int i = 0; i < WIRE_CONTEXTS; i++)
        SUPPORT_CHECK(class->contexts[i] == NULL);
    util_list_remove(&class->link);
    free(class);
}

static int wire_class_resolve(struct na_class *base, const char *text, char canonical[NA_ADDRESS_MAX])
{
    (void)base;
    if (strncmp(text, "wire://", 7) != 0 || text[7] == '\0' || strlen(text) >= NA_ADDRESS_MAX)
        return util_detail_set(-EINVAL, "'%.100s' is no address of the wire", text);
    strcpy(canonical, text);
    return 0;
}

static int wire_context_open(struct na_class *base, uint8_t index, const struct na_upcalls *upcalls, void *arg,
                             struct na_context **context_out)
{
    struct wire_context *context;

    if (index >= WIRE_CONTEXTS)
        return -EINVAL;
    context = calloc(1, sizeof(*context));
    SUPPORT_CHECK(context != NULL);
    context->base.transport = &ofi_transport;
    context->base.na_class = base;
    context->base.upcalls = upcalls;
    context->base.arg = arg;
    context->base.wait_fd = -1;
    context->base.index = index;
    (void)snprintf(context->base.address, sizeof(context->base.address), index == 0 ? "%.200s" : "%.200s.%u",
                   base->address, index);
    util_list_init(&context->inbox);
    util_list_init(&context->routes);
    util_list_init(&context->rmas);
    wire_class(base)->contexts[index] = &context->base;
    fake_wire.contexts++;
    *context_out = &context->base;
    return 0;
}

static void wire_route_close(struct na_route *base);

static void wire_context_close(struct na_context *base, uint32_t linger_ms)
{
    struct wire_context *context = wire_context(base);
    struct util_list *node;

    (void)linger_ms;
    while ((node = util_list_first(&context->routes)) != NULL)
        wire_route_close(&util_container_of(node, struct wire_route, link)->base);
    while ((node = util_list_pop(&context->inbox)) != NULL) {
        struct wire_event *event = util_container_of(node, struct wire_event, link);

        /* Whoever was about to connect is told. */
        if (event->kind == WIRE_EVENT_CONNECT && event->route != NULL)
            wire_post(wire_context_of(event->route), WIRE_EVENT_DOWN, event->route, -ECONNREFUSED, NULL, 0);
        free(event);
    }
    /* Datagram routes of others lead nowhere now. */
    util_list_each (class_node, &wire_classes) {
        struct wire_class *class = util_container_of(class_node, struct wire_class, link);

        for (unsigned int i = 0; i < WIRE_CONTEXTS; i++) {
            if (class->contexts[i] == NULL)
                continue;
            util_list_each (route_node, &wire_context(class->contexts[i])->routes) {
                struct wire_route *route = util_container_of(route_node, struct wire_route, link);

                if (route->to == context)
                    route->to = NULL;
            }
        }
    }
    wire_class(base->na_class)->contexts[base->index] = NULL;
    fake_wire.contexts--;
    free(context);
}

static void wire_context_stop_listening(struct na_context *base)
{
    wire_context(base)->stopped = true;
}

/* --- routes -------------------------------------------------------------------------------------- */

/* The context behind an address; "name.k" is context k. */
static struct wire_context *wire_destination(const char *address, uint8_t target_context)
{
    char name[NA_ADDRESS_MAX];
    struct wire_class *class;
    char *dot;

    (void)snprintf(name, sizeof(name), "%.255s", address);
    dot = strrchr(name, '.');
    if (dot != NULL) {
        target_context = (uint8_t)atoi(dot + 1);
        *dot = '\0';
    }
    class = wire_find(name);
    if (class == NULL || class->killed || !class->base.listens || target_context >= WIRE_CONTEXTS ||
        class->contexts[target_context] == NULL)
        return NULL;
    return wire_context(class->contexts[target_context]);
}

/* Without connections even those who do not listen can be reached. */
static struct wire_context *wire_datagram_destination(const char *address, uint8_t target_context)
{
    util_list_each (node, &wire_classes) {
        struct wire_class *class = util_container_of(node, struct wire_class, link);

        for (unsigned int i = 0; i < WIRE_CONTEXTS; i++) {
            if (class->contexts[i] == NULL || class->killed)
                continue;
            if ((i == target_context && strcmp(class->base.address, address) == 0) ||
                (i > 0 && strcmp(class->contexts[i]->address, address) == 0))
                return wire_context(class->contexts[i]);
        }
    }
    return NULL;
}

static struct wire_route *wire_route_create(struct wire_context *context, uint8_t target_context, const char *text)
{
    struct wire_route *route = calloc(1, sizeof(*route));

    SUPPORT_CHECK(route != NULL);
    route->base.transport = &ofi_transport;
    route->base.context = &context->base;
    route->base.target_context = target_context;
    (void)snprintf(route->base.text, sizeof(route->base.text), "%.255s", text);
    util_list_push(&context->routes, &route->link);
    fake_wire.routes++;
    return route;
}

static int wire_route_open(struct na_context *base, const char *address, uint8_t target_context, void *user,
                           struct na_route **route_out)
{
    struct wire_context *context = wire_context(base);
    struct wire_route *route = wire_route_create(context, target_context, address);
    struct wire_context *to;

    route->base.user = user;
    *route_out = &route->base;
    if (!base->na_class->limits.connections) {
        route->to = wire_datagram_destination(address, target_context);
        route->state = WIRE_ROUTE_UP;
        if (route->to == NULL) {
            route->state = WIRE_ROUTE_CONNECTING;
            wire_post(context, WIRE_EVENT_DOWN, route, -EHOSTUNREACH, NULL, 0);
        }
        return 0;
    }
    to = wire_destination(address, target_context);
    if (to == NULL || to->stopped)
        wire_post(context, WIRE_EVENT_DOWN, route, -ECONNREFUSED, NULL, 0);
    else
        wire_post(to, WIRE_EVENT_CONNECT, route, 0, NULL, 0);
    return 0;
}

/* RMA on the route ends with this error, in the next turn. */
static void wire_fail_rmas(struct wire_route *route)
{
    struct wire_context *context = wire_context_of(route);

    util_list_each (node, &context->rmas) {
        struct wire_rma *op = util_container_of(node, struct wire_rma, link);

        if (op->rma->route == &route->base) {
            op->cancelled = true;
            op->rma->route = NULL;
        }
    }
}

static void wire_route_close(struct na_route *base)
{
    struct wire_route *route = wire_route(base);
    struct wire_context *context = wire_context_of(route);

    wire_forget(context, route);
    util_list_each (node, &wire_classes) {
        struct wire_class *class = util_container_of(node, struct wire_class, link);

        /* A connect request of this route may still wait anywhere. */
        for (unsigned int i = 0; i < WIRE_CONTEXTS; i++) {
            if (class->contexts[i] != NULL && route->state == WIRE_ROUTE_CONNECTING)
                wire_forget(wire_context(class->contexts[i]), route);
        }
    }
    if (route->peer != NULL) {
        wire_post(wire_context_of(route->peer), WIRE_EVENT_DOWN, route->peer, -ECONNRESET, NULL, 0);
        route->peer->peer = NULL;
    }
    wire_fail_rmas(route);
    util_list_remove(&route->link);
    fake_wire.routes--;
    free(route);
}

static void wire_kill_context(struct wire_context *context)
{
    util_list_each (node, &context->routes) {
        struct wire_route *route = util_container_of(node, struct wire_route, link);

        if (route->peer == NULL)
            continue;
        wire_post(wire_context_of(route->peer), WIRE_EVENT_DOWN, route->peer, -ECONNRESET, NULL, 0);
        wire_post(context, WIRE_EVENT_DOWN, route, -ECONNRESET, NULL, 0);
        route->peer->peer = NULL;
        route->peer = NULL;
    }
}

void fake_wire_cut(const char *address)
{
    struct wire_class *class = wire_find(address);

    SUPPORT_CHECK(class != NULL);
    for (unsigned int i = 0; i < WIRE_CONTEXTS; i++) {
        if (class->contexts[i] != NULL)
            wire_kill_context(wire_context(class->contexts[i]));
    }
}

void fake_wire_kill(const char *address)
{
    struct wire_class *class = wire_find(address);

    SUPPORT_CHECK(class != NULL);
    class->killed = true;
    for (unsigned int i = 0; i < WIRE_CONTEXTS; i++) {
        if (class->contexts[i] != NULL)
            wire_kill_context(wire_context(class->contexts[i]));
    }
    /* The name is free for its successor. */
    class->base.address[0] = '~';
}

/* --- frames -------------------------------------------------------------------------------------- */

static struct na_frame *wire_frame_get(struct na_context *base)
{
    struct wire_context *context = wire_context(base);
    struct na_frame *frame;

    if (wire_chance(fake_wire.refuse_frames) ||
        (fake_wire.frames_max > 0 && context->frames_used >= fake_wire.frames_max))
        return NULL;
    frame = calloc(1, sizeof(*frame));
    SUPPORT_CHECK(frame != NULL);
    /* Filled with rubbish, so that what is not written shows. */
    frame->data = malloc(WIRE_FRAME_MAX);
    SUPPORT_CHECK(frame->data != NULL);
    memset(frame->data, 0xee, WIRE_FRAME_MAX);
    frame->capacity = WIRE_FRAME_MAX;
    context->frames_used++;
    fake_wire.frames_out++;
    return frame;
}

static void wire_frame_put(struct na_context *base, struct na_frame *frame)
{
    wire_context(base)->frames_used--;
    fake_wire.frames_out--;
    free(frame->data);
    free(frame);
}

static void wire_carry(struct wire_route *route, const struct na_frame *frame)
{
    struct wire_context *to = route->peer != NULL ? wire_context_of(route->peer) : route->to;
    unsigned char bytes[WIRE_FRAME_MAX];
    size_t size = frame->size;

    if (wire_class(route->base.context->na_class)->killed)
        return;
    /* A datagram goes to whoever has the address now. */
    if (to == NULL && !route->base.context->na_class->limits.connections)
        to = route->to = wire_datagram_destination(route->base.text, route->base.target_context);
    if (to == NULL || wire_chance(fake_wire.drop))
        return;
    memcpy(bytes, frame->data, size);
    if (fake_wire.tap != NULL && !fake_wire.tap(bytes, &size, sizeof(bytes)))
        return;
    wire_post(to, WIRE_EVENT_FRAME, route->peer, 0, bytes, size);
    if (wire_chance(fake_wire.duplicate))
        wire_post(to, WIRE_EVENT_FRAME, route->peer, 0, bytes, size);
}

static int wire_send(struct na_route *base, struct na_frame *frame)
{
    struct wire_route *route = wire_route(base);

    SUPPORT_CHECK(frame->size <= frame->capacity);
    if (route->state == WIRE_ROUTE_CONNECTING)
        return -EAGAIN;
    if (fake_wire.refuse_next > 0) {
        fake_wire.refuse_next--;
        return -EAGAIN;
    }
    if (wire_chance(fake_wire.refuse))
        return -EAGAIN;
    if (base->context->na_class->limits.connections && route->peer == NULL)
        return -ECONNRESET;
    wire_carry(route, frame);
    fake_wire.frames++;
    wire_frame_put(base->context, frame);
    return 0;
}

/* --- memory -------------------------------------------------------------------------------------- */

static int wire_mem_register(struct na_class *base, const struct na_segment *segments, uint32_t count, unsigned access,
                             enum na_mem_kind kind, uint64_t device, struct na_mem **mem_out)
{
    struct wire_mem *mem = calloc(1, sizeof(*mem));

    (void)device;
    SUPPORT_CHECK(mem != NULL && kind == NA_MEM_HOST);
    mem->base.transport = &ofi_transport;
    mem->base.na_class = base;
    mem->segments = calloc(count, sizeof(*segments));
    SUPPORT_CHECK(mem->segments != NULL);
    memcpy(mem->segments, segments, count * sizeof(*segments));
    mem->count = count;
    mem->access = access;
    mem->key = util_rand_u64();
    util_list_push(&wire_class(base)->mems, &mem->link);
    fake_wire.mems++;
    *mem_out = &mem->base;
    return 0;
}

static void wire_mem_deregister(struct na_mem *base)
{
    struct wire_mem *mem = (struct wire_mem *)base;

    util_list_remove(&mem->link);
    fake_wire.mems--;
    free(mem->segments);
    free(mem);
}

static void wire_mem_describe(const struct na_mem *base, uint32_t index, struct na_remote_segment *out)
{
    const struct wire_mem *mem = (const struct wire_mem *)base;
    uint64_t key = mem->key + index;

    memset(out, 0, sizeof(*out));
    out->address = 0;
    out->key_size = 8;
    memcpy(out->key, &key, 8);
}

_Static_assert(sizeof(struct wire_rma) <= sizeof(((struct na_rma *)NULL)->transport),
               "the operation's own memory holds ours");

static int wire_rma_post(struct na_rma *rma)
{
    struct wire_route *route = wire_route(rma->route);
    struct wire_rma *op = (struct wire_rma *)(void *)rma->transport;

    if (route->state == WIRE_ROUTE_CONNECTING || wire_chance(fake_wire.refuse))
        return -EAGAIN;
    op->rma = rma;
    op->delay = fake_wire.rma_delay;
    op->cancelled = false;
    util_list_push(&wire_context_of(route)->rmas, &op->link);
    return 0;
}

static void wire_rma_cancel(struct na_rma *rma)
{
    /* As most providers: it has no effect on what is under way. */
    (void)rma;
}

static int wire_rma_range(const struct wire_mem *mem, uint32_t index, const struct na_rma *rma)
{
    const struct na_segment *segment = &mem->segments[index];
    unsigned int wanted = rma->op == NA_RMA_PUT ? NA_ACCESS_REMOTE_WRITE : NA_ACCESS_REMOTE_READ;
    char *to;

    if ((mem->access & wanted) == 0)
        return -EACCES;
    if (rma->remote_address > segment->size || rma->size > segment->size - rma->remote_address)
        return -EFAULT;
    to = rma->op == NA_RMA_PUT ? (char *)segment->base + rma->remote_address : rma->local;
    memcpy(to, rma->op == NA_RMA_PUT ? rma->local : (char *)segment->base + rma->remote_address, rma->size);
    if (fake_wire.rma_damage > 0 && rma->size > 0) {
        fake_wire.rma_damage--;
        to[util_prng_next(&fake_wire.prng) % rma->size] ^= 0x20;
    }
    return 0;
}

/* Moves the bytes to or from whoever has the key. */
static int wire_rma_do(const struct na_rma *rma)
{
    uint64_t key;

    memcpy(&key, rma->key, 8);
    util_list_each (class_node, &wire_classes) {
        struct wire_class *class = util_container_of(class_node, struct wire_class, link);

        util_list_each (node, &class->mems) {
            struct wire_mem *mem = util_container_of(node, struct wire_mem, link);

            if (rma->key_size == 8 && key - mem->key < mem->count)
                return wire_rma_range(mem, (uint32_t)(key - mem->key), rma);
        }
    }
    fake_wire.rma_bad++;
    return -EACCES;
}

static int wire_progress_rmas(struct wire_context *context)
{
    struct util_list due;
    struct util_list *node;
    int count = 0;

    util_list_init(&due);
    util_list_splice(&due, &context->rmas);
    while ((node = util_list_pop(&due)) != NULL) {
        struct wire_rma *op = util_container_of(node, struct wire_rma, link);
        struct na_rma *rma = op->rma;
        int error = -ECANCELED;

        if (op->delay > 0 && !op->cancelled) {
            op->delay--;
            util_list_push(&context->rmas, node);
            continue;
        }
        if (!op->cancelled)
            error = wire_rma_do(rma);
        rma->done(rma, error);
        count++;
    }
    return count;
}

/* A route went down: what was under way on it ends before its owner hears of that. */
static void wire_end_rmas(struct wire_context *context, const struct wire_route *route, int error)
{
    struct util_list ended;
    struct util_list *node;

    util_list_init(&ended);
    util_list_each_safe (pos, next, &context->rmas) {
        struct wire_rma *op = util_container_of(pos, struct wire_rma, link);

        if (op->rma->route != &route->base)
            continue;
        util_list_remove(pos);
        util_list_push(&ended, pos);
    }
    while ((node = util_list_pop(&ended)) != NULL) {
        struct na_rma *rma = util_container_of(node, struct wire_rma, link)->rma;

        rma->done(rma, error);
    }
}

/* --- progress ------------------------------------------------------------------------------------ */

static void wire_accept(struct wire_context *context, struct wire_route *from)
{
    const struct na_upcalls *upcalls = context->base.upcalls;
    struct wire_route *route;

    if (context->stopped) {
        wire_post(wire_context_of(from), WIRE_EVENT_DOWN, from, -ECONNREFUSED, NULL, 0);
        return;
    }
    route = wire_route_create(context, from->base.context->index, from->base.context->address);
    route->state = WIRE_ROUTE_UP;
    route->peer = from;
    from->peer = route;
    wire_post(wire_context_of(from), WIRE_EVENT_UP, from, 0, NULL, 0);
    upcalls->accept(context->base.arg, &route->base);
}

static void wire_deliver(struct wire_context *context, struct wire_event *event)
{
    const struct na_upcalls *upcalls = context->base.upcalls;
    struct wire_route *route = event->route;

    switch (event->kind) {
    case WIRE_EVENT_FRAME:
        upcalls->frame(context->base.arg, route != NULL ? &route->base : NULL, event->data, event->size);
        break;
    case WIRE_EVENT_CONNECT:
        wire_accept(context, route);
        break;
    case WIRE_EVENT_UP:
        route->state = WIRE_ROUTE_UP;
        upcalls->route_up(context->base.arg, &route->base);
        break;
    case WIRE_EVENT_DOWN:
        route->state = WIRE_ROUTE_DOWN;
        wire_end_rmas(context, route, event->error);
        upcalls->route_down(context->base.arg, &route->base, event->error);
        break;
    }
}

static int wire_progress(struct na_context *base)
{
    struct wire_context *context = wire_context(base);
    unsigned int left = fake_wire.turn_max > 0 ? fake_wire.turn_max : context->inbox_count;
    int count = wire_progress_rmas(context);
    struct util_list *node;

    for (; left > 0 && (node = util_list_pop(&context->inbox)) != NULL; left--) {
        struct wire_event *event = util_container_of(node, struct wire_event, link);

        context->inbox_count--;
        wire_deliver(context, event);
        free(event);
        count++;
    }
    return count;
}

/* Nobody sleeps on the wire: whoever asks is told that there is work. */
static bool wire_wait_prepare(struct na_context *base)
{
    return base == NULL;
}

static void wire_nothing(struct na_context *base)
{
    (void)base;
}

static uint64_t wire_next_deadline_ns(const struct na_context *base)
{
    return base == NULL ? 0 : UINT64_MAX;
}

static int wire_list(const char *protocol, struct na_transport_info **list, size_t *count)
{
    (void)protocol;
    *list = NULL;
    *count = 0;
    return 0;
}

static const char *wire_version(void)
{
    return "wire 1";
}

/* In the place of the library's own table. */
const struct na_transport ofi_transport = {
    .name = "wire",
    .serves = wire_serves,
    .protocols = wire_protocols,
    .class_open = wire_class_open,
    .class_close = wire_class_close,
    .class_resolve = wire_class_resolve,
    .context_open = wire_context_open,
    .context_close = wire_context_close,
    .context_stop_listening = wire_context_stop_listening,
    .route_open = wire_route_open,
    .route_close = wire_route_close,
    .frame_get = wire_frame_get,
    .frame_put = wire_frame_put,
    .send = wire_send,
    .mem_register = wire_mem_register,
    .mem_deregister = wire_mem_deregister,
    .mem_describe = wire_mem_describe,
    .rma_post = wire_rma_post,
    .rma_cancel = wire_rma_cancel,
    .progress = wire_progress,
    .wait_prepare = wire_wait_prepare,
    .wait_finish = wire_nothing,
    .wake = wire_nothing,
    .next_deadline_ns = wire_next_deadline_ns,
    .list = wire_list,
    .version = wire_version,
};
