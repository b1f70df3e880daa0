/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Opening and closing a context.
 *
 * Teardown is close, drain, free: first nobody new gets in and frames get their time to leave, then
 * the endpoints go, after which libfabric touches nothing of ours, then memory. The caller
 * serialises each context; opening and closing may run beside progress of others.
 */
#include "na/ofi/ofi_context.h"

#include <stdio.h>
#include <string.h>

#include "na/ofi/ofi_cq.h"
#include "na/ofi/ofi_endpoint.h"
#include "na/ofi/ofi_error.h"
#include "na/ofi/ofi_listen.h"
#include "na/ofi/ofi_recv.h"
#include "na/ofi/ofi_resolve.h"
#include "na/ofi/ofi_rma.h"
#include "na/ofi/ofi_route.h"
#include "na/ofi/ofi_send.h"
#include "na/ofi/ofi_wait.h"
#include "util/util_alloc.h"
#include "util/util_clock.h"
#include "util/util_detail.h"

/* The address of a further datagram endpoint: the same host with another port, or the same name
 * with a suffix. */
static void context_further_address(const struct ofi_class *owner, uint8_t index, struct ofi_address *out)
{
    *out = owner->address;
    switch (owner->address.format) {
    case FI_SOCKADDR:
    case FI_SOCKADDR_IN:
    case FI_SOCKADDR_IN6:
        ofi_address_clear_port(out);
        break;
    case FI_ADDR_STR:
        (void)snprintf(out->bytes, sizeof(out->bytes), "%.240s.%u", owner->address.bytes, index);
        out->size = strlen(out->bytes) + 1;
        break;
    default:
        memset(out, 0, sizeof(*out));
        break;
    }
}

static int context_open_endpoint(struct ofi_context *context)
{
    struct ofi_class *owner = context->owner;
    struct ofi_address address;

    if (owner->connected)
        return ofi_endpoint_open(owner, &owner->address, &context->endpoint);
    if (context->base.index == 0) {
        if (owner->endpoint_ready) {
            context->endpoint = owner->endpoint;
            owner->endpoint_ready = false;
            memset(&owner->endpoint, 0, sizeof(owner->endpoint));
            return 0;
        }
        return ofi_endpoint_open(owner, &owner->address, &context->endpoint);
    }
    context_further_address(owner, context->base.index, &address);
    return ofi_endpoint_open(owner, &address, &context->endpoint);
}

static int context_name(struct ofi_context *context)
{
    if (context->base.index == 0 || context->owner->connected) {
        memcpy(context->base.address, context->owner->base.address, sizeof(context->base.address));
        return 0;
    }
    return ofi_address_text(&context->endpoint.address, context->owner->base.protocol, context->base.address);
}

static int context_build(struct ofi_context *context)
{
    int ret = context_open_endpoint(context);

    if (ret == 0)
        ret = context_name(context);
    if (ret == 0)
        ret = ofi_wait_open(context);
    if (ret == 0)
        ret = ofi_recv_open(context);
    return ret;
}

/* Undoes context_build, as far as it came. */
static void context_destroy(struct ofi_context *context)
{
    ofi_endpoint_close(&context->endpoint);
    ofi_route_free_all(context);
    ofi_rma_close(context);
    ofi_recv_close(context);
    ofi_send_close(context);
    na_waker_close(&context->waker);
    util_free(context);
}

static struct ofi_context *context_alloc(struct ofi_class *owner, uint8_t index, const struct na_upcalls *upcalls,
                                         void *arg)
{
    struct ofi_context *context = util_calloc(1, sizeof(*context));

    if (context == NULL)
        return NULL;
    na_context_base_init(&context->base, &owner->base, index, upcalls, arg);
    context->owner = owner;
    na_waker_init(&context->waker);
    context->route_free = UINT32_MAX;
    util_list_init(&context->connecting);
    util_list_init(&context->closing);
    util_list_init(&context->refused);
    util_list_init(&context->awaiting);
    util_list_init(&context->changing);
    util_list_init(&context->resolving);
    util_list_init(&context->requests);
    util_list_init(&context->events);
    util_list_init(&context->recv.idle);
    ofi_send_open(context);
    ofi_rma_open(context);
    return context;
}

int ofi_context_open(struct na_class *base, uint8_t index, const struct na_upcalls *upcalls, void *arg,
                     struct na_context **context_out)
{
    struct ofi_class *owner = ofi_class_of(base);
    struct ofi_context *context;
    bool taken;
    int ret;

    util_lock_take(&owner->cm.lock);
    taken = owner->contexts[index] != NULL;
    util_lock_drop(&owner->cm.lock);
    if (taken)
        return util_detail_set(-EBUSY, "context %u of %s is open already", index, base->address);
    context = context_alloc(owner, index, upcalls, arg);
    if (context == NULL)
        return util_detail_set(-ENOMEM, "no memory for a context");
    ret = context_build(context);
    if (ret != 0) {
        context_destroy(context);
        return ret;
    }
    util_lock_take(&owner->cm.lock);
    owner->contexts[index] = context;
    util_lock_drop(&owner->cm.lock);
    *context_out = &context->base;
    return 0;
}

void ofi_context_close(struct na_context *base, uint32_t linger_ms)
{
    struct ofi_context *context = ofi_context_of(base);
    struct ofi_class *owner = context->owner;

    util_lock_take(&owner->cm.lock);
    owner->contexts[base->index] = NULL;
    util_lock_drop(&owner->cm.lock);
    if (owner->connected)
        ofi_listen_refuse_all(context);
    ofi_cq_linger(context, util_clock_now_ns() + linger_ms * UTIL_CLOCK_NS_PER_MS);
    ofi_route_close_connections(context);
    ofi_resolve_close(context);
    context_destroy(context);
}

void ofi_context_stop_listening(struct na_context *base)
{
    struct ofi_context *context = ofi_context_of(base);

    util_lock_take(&context->owner->cm.lock);
    context->stopped = true;
    util_lock_drop(&context->owner->cm.lock);
    if (context->owner->connected)
        ofi_listen_refuse_all(context);
}
