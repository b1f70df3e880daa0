/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */

/*
 * The list of transports, and the functions of na.h as calls through their tables.
 *
 * It picks the transport by the protocol of the info string and leaves everything else to it. It
 * holds no state, so every function may be called by any thread that its contract allows.
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "na/na_transport.h"
#include "na/na_uri.h"
#include "util/util_alloc.h"
#include "util/util_detail.h"

/* libfabric has a provider of the name shm as well: ours goes first. */
static const struct na_transport *const transports[] = {
    &shm_transport,
    &ofi_transport,
};
enum { TRANSPORT_COUNT = sizeof(transports) / sizeof(transports[0]) };

static const struct na_transport *transport_find(const char *protocol)
{
    for (size_t i = 0; i < TRANSPORT_COUNT; i++) {
        if (transports[i]->serves(protocol))
            return transports[i];
    }
    return NULL;
}

/* The sentence for an unknown protocol: it names those that are known. */
static int transport_unknown(const char *protocol)
{
    char known[256] = "";

    for (size_t i = 0; i < TRANSPORT_COUNT; i++) {
        size_t used = strlen(known);
        if (used > 0 && used + 2 < sizeof(known)) {
            memcpy(known + used, ", ", 3);
            used += 2;
        }
        /* The table has no holes. NOLINTNEXTLINE(clang-analyzer-core.NullDereference) */
        transports[i]->protocols(known + used, sizeof(known) - used);
    }
    return util_detail_set(-EPROTONOSUPPORT,
                           "unknown protocol '%s'; known here: %s, or the name of any libfabric provider", protocol,
                           known);
}

int na_class_open(const struct na_config *config, struct na_class **class_out)
{
    const struct na_transport *transport;
    struct na_uri uri;
    char why[200];
    int ret;

    if (config == NULL || config->uri == NULL || class_out == NULL)
        return util_detail_set(-EINVAL, "no info string was given");
    ret = na_uri_parse(config->uri, &uri, why, sizeof(why));
    if (ret != 0)
        return util_detail_set(ret, "'%.200s' is no info string: %s", config->uri, why);
    transport = transport_find(uri.protocol);
    if (transport == NULL)
        return transport_unknown(uri.protocol);
    return transport->class_open(config, class_out);
}

void na_class_close(struct na_class *na_class)
{
    if (na_class != NULL)
        na_class->transport->class_close(na_class);
}

const struct na_limits *na_class_limits(const struct na_class *na_class)
{
    return &na_class->limits;
}

const char *na_class_address(const struct na_class *na_class)
{
    return na_class->address;
}

const char *na_class_protocol(const struct na_class *na_class)
{
    return na_class->protocol;
}

const char *na_class_provider(const struct na_class *na_class)
{
    return na_class->provider;
}

bool na_class_listens(const struct na_class *na_class)
{
    return na_class->listens;
}

int na_class_resolve(struct na_class *na_class, const char *text, char canonical[NA_ADDRESS_MAX])
{
    if (text == NULL || canonical == NULL)
        return util_detail_set(-EINVAL, "no address was given");
    if (strstr(text, "://") == NULL)
        return util_detail_set(-EINVAL, "'%.200s' is no address: it has no '://'", text);
    return na_class->transport->class_resolve(na_class, text, canonical);
}

int na_context_open(struct na_class *na_class, uint8_t index, const struct na_upcalls *upcalls, void *arg,
                    struct na_context **context_out)
{
    return na_class->transport->context_open(na_class, index, upcalls, arg, context_out);
}

void na_context_base_init(struct na_context *context, struct na_class *na_class, uint8_t index,
                          const struct na_upcalls *upcalls, void *arg)
{
    context->transport = na_class->transport;
    context->na_class = na_class;
    context->upcalls = upcalls;
    context->arg = arg;
    context->index = index;
    context->wait_fd = -1;
    memcpy(context->address, na_class->address, sizeof(context->address));
}

void na_context_close(struct na_context *context, uint32_t linger_ms)
{
    if (context != NULL)
        context->transport->context_close(context, linger_ms);
}

const char *na_context_address(const struct na_context *context)
{
    return context->address;
}

void na_class_stop_listening(struct na_class *na_class)
{
    if (na_class->transport->class_stop_listening != NULL)
        na_class->transport->class_stop_listening(na_class);
}

void na_context_stop_listening(struct na_context *context)
{
    context->transport->context_stop_listening(context);
}

int na_route_open(struct na_context *context, const char *address, uint8_t target_context, void *user,
                  struct na_route **route_out)
{
    return context->transport->route_open(context, address, target_context, user, route_out);
}

void na_route_lost(struct na_route *route)
{
    if (route != NULL && route->transport->route_lost != NULL)
        route->transport->route_lost(route);
}

void na_route_cut(struct na_route *route)
{
    if (route != NULL && route->transport->route_cut != NULL)
        route->transport->route_cut(route);
    else
        na_route_close(route);
}

void na_route_close(struct na_route *route)
{
    if (route != NULL)
        route->transport->route_close(route);
}

void na_route_set_user(struct na_route *route, void *user)
{
    route->user = user;
}

void *na_route_user(const struct na_route *route)
{
    return route->user;
}

uint8_t na_route_target_context(const struct na_route *route)
{
    return route->target_context;
}

const char *na_route_text(const struct na_route *route)
{
    return route->text;
}

struct na_frame *na_frame_get(struct na_context *context)
{
    return context->transport->frame_get(context);
}

void na_frame_put(struct na_context *context, struct na_frame *frame)
{
    if (frame != NULL)
        context->transport->frame_put(context, frame);
}

int na_send(struct na_route *route, struct na_frame *frame)
{
    return route->transport->send(route, frame);
}

size_t na_room(struct na_route *route)
{
    return route->transport->room != NULL ? route->transport->room(route) : SIZE_MAX;
}

int na_mem_register(struct na_class *na_class, const struct na_segment *segments, uint32_t count, unsigned access,
                    enum na_mem_kind kind, uint64_t device, struct na_mem **mem_out)
{
    return na_class->transport->mem_register(na_class, segments, count, access, kind, device, mem_out);
}

void na_mem_deregister(struct na_mem *mem)
{
    if (mem != NULL)
        mem->transport->mem_deregister(mem);
}

void na_mem_describe(const struct na_mem *mem, uint32_t index, struct na_remote_segment *out)
{
    mem->transport->mem_describe(mem, index, out);
}

int na_rma_post(struct na_rma *rma)
{
    return rma->route->transport->rma_post(rma);
}

void na_rma_cancel(struct na_rma *rma)
{
    rma->route->transport->rma_cancel(rma);
}

int na_progress(struct na_context *context)
{
    return context->transport->progress(context);
}

int na_wait_fd(const struct na_context *context)
{
    return context->wait_fd;
}

bool na_wait_prepare(struct na_context *context)
{
    return context->transport->wait_prepare(context);
}

void na_wait_finish(struct na_context *context)
{
    context->transport->wait_finish(context);
}

void na_wake(struct na_context *context)
{
    context->transport->wake(context);
}

uint64_t na_next_deadline_ns(const struct na_context *context)
{
    return context->transport->next_deadline_ns(context);
}

/* Appends a transport's list to *list, which it may move. */
static int transport_append(const struct na_transport *transport, const char *protocol, struct na_transport_info **list,
                            size_t *count)
{
    struct na_transport_info *more = NULL;
    struct na_transport_info *all;
    size_t more_count = 0;
    int ret = transport->list(protocol, &more, &more_count);

    if (ret != 0 || more_count == 0) {
        util_free(more);
        return ret;
    }
    all = util_realloc(*list, (*count + more_count) * sizeof(*all));
    if (all == NULL) {
        util_free(more);
        return util_detail_set(-ENOMEM, "no memory for the list of transports");
    }
    memcpy(all + *count, more, more_count * sizeof(*all));
    util_free(more);
    *list = all;
    *count += more_count;
    return 0;
}

int na_transport_list(const char *protocol, struct na_transport_info **list, size_t *count)
{
    struct na_transport_info *all = NULL;
    size_t all_count = 0;
    int ret = 0;

    for (size_t i = 0; i < TRANSPORT_COUNT && ret == 0; i++) {
        /* A protocol is listed by the one that would serve it, or that could say why not. */
        if (protocol != NULL && transports[i] != &ofi_transport && !transports[i]->serves(protocol))
            continue;
        ret = transport_append(transports[i], protocol, &all, &all_count);
        if (protocol != NULL)
            break;
    }
    if (ret != 0) {
        util_free(all);
        return ret;
    }
    *list = all;
    *count = all_count;
    return 0;
}

const char *na_transport_version(void)
{
    return ofi_transport.version();
}
