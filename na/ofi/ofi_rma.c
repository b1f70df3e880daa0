/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Put and get on registered memory.
 *
 * Each operation hangs on its route's list from post to done, so that it ends exactly once: by its
 * completion, or, when its connection is over and libfabric has nothing more to say, by being taken
 * back. libfabric cannot take a posted operation back on request, so a cancelled one only ends
 * otherwise than it would have: with -ECANCELED, when the provider is done with the memory. Providers
 * that hide their connections lose operations when one breaks; those of a peer that is gone are given
 * up, and what libfabric knows of them stays until the endpoint is closed. The other way round, a
 * connection that ends under load makes libfabric 1.17 (net) report an operation twice: those that failed
 * are kept until their route is freed. Callers serialise per context.
 */
#include "na/ofi/ofi_rma.h"

#include <string.h>

#include "na/ofi/ofi_error.h"
#include "na/ofi/ofi_route.h"
#include "util/util_bytes.h"
#include "util/util_detail.h"
#include "util/util_log.h"
#include "util/util_mutant.h"

enum { POOL_CHUNK = 32 };

/* na_rma.transport holds a pointer to it. */
static struct ofi_rma_op *rma_op(const struct na_rma *rma)
{
    return (struct ofi_rma_op *)(uintptr_t)rma->transport[0];
}

void ofi_rma_open(struct ofi_context *context)
{
    util_pool_init(&context->rma_ops, sizeof(struct ofi_rma_op), POOL_CHUNK, 0);
    util_list_init(&context->rma_lost);
}

void ofi_rma_close(struct ofi_context *context)
{
    struct util_list *node;

    while ((node = util_list_pop(&context->rma_lost)) != NULL)
        util_pool_put(&context->rma_ops, util_container_of(node, struct ofi_rma_op, node));
    util_pool_fini(&context->rma_ops);
}

static struct ofi_mem_segment *rma_local(const struct na_rma *rma)
{
    struct ofi_mem *mem = util_container_of(rma->local_mem, struct ofi_mem, base);

    return &mem->segments[rma->local_index];
}

/* The 64-bit key that libfabric's calls take. */
static int rma_key(const struct na_rma *rma, struct ofi_rma_op *op, uint64_t *key_out)
{
    struct ofi_class *owner = ofi_route_of(rma->route)->owner->owner;
    uint8_t raw[NA_KEY_MAX];
    int ret;

    if ((owner->mr_mode & FI_MR_RAW) == 0) {
        if (rma->key_size != sizeof(uint64_t))
            return util_detail_set(-EINVAL, "a key of %u bytes was given where %s has 8", rma->key_size,
                                   owner->base.provider);
        *key_out = util_bytes_get64(rma->key);
        return 0;
    }
    if (rma->key_size > sizeof(raw))
        return util_detail_set(-EINVAL, "a key of %u bytes was given; at most %zu are possible", rma->key_size,
                               sizeof(raw));
    memcpy(raw, rma->key, rma->key_size);
    ret = fi_mr_map_raw(owner->domain, rma->remote_address, raw, rma->key_size, &op->mapped_key, 0);
    if (ret != 0)
        return util_detail_set(ofi_error(ret), "a raw key of %s cannot be mapped: %s", owner->base.provider,
                               ofi_error_text(ret));
    op->mapped = true;
    *key_out = op->mapped_key;
    return 0;
}

static void rma_unmap(struct ofi_class *owner, struct ofi_rma_op *op)
{
    if (op->mapped)
        (void)fi_mr_unmap_key(owner->domain, op->mapped_key);
    op->mapped = false;
}

static ssize_t rma_issue_get(const struct na_rma *rma, struct ofi_rma_op *op, uint64_t key)
{
    const struct ofi_route *route = ofi_route_of(rma->route);

    return fi_read(route->ep, rma->local, rma->size, rma_local(rma)->desc, route->addr, rma->remote_address, key,
                   &op->op.context);
}

/* Puts need more than the default meaning of a completion, which is that the local buffer is free. */
static ssize_t rma_issue_put(const struct na_rma *rma, struct ofi_rma_op *op, uint64_t key)
{
    const struct ofi_route *route = ofi_route_of(rma->route);
    struct iovec iov = {.iov_base = rma->local, .iov_len = rma->size};
    struct fi_rma_iov remote = {.addr = rma->remote_address, .len = rma->size, .key = key};
    struct fi_msg_rma msg = {
        .msg_iov = &iov,
        .desc = &rma_local(rma)->desc,
        .iov_count = 1,
        .addr = route->addr,
        .rma_iov = &remote,
        .rma_iov_count = 1,
        .context = &op->op.context,
    };

    return fi_writemsg(route->ep, &msg, FI_COMPLETION | FI_DELIVERY_COMPLETE);
}

/* Hands the operation to libfabric: 0, -EAGAIN or what went wrong. */
static int rma_issue(const struct na_rma *rma, struct ofi_rma_op *op)
{
    struct ofi_route *route = ofi_route_of(rma->route);
    uint64_t key = 0;
    ssize_t ret = rma_key(rma, op, &key);

    if (ret != 0)
        return (int)ret;
    ret = rma->op == NA_RMA_PUT ? rma_issue_put(rma, op, key) : rma_issue_get(rma, op, key);
    if (ret == 0)
        return 0;
    rma_unmap(route->owner->owner, op);
    if (ret != -FI_EAGAIN)
        return util_detail_set(ofi_error(ret), "%zu bytes could not be transferred with %s: %s", rma->size,
                               route->base.text, ofi_error_text(ret));
    ofi_route_refused(route);
    return -EAGAIN;
}

int ofi_rma_post(struct na_rma *rma)
{
    struct ofi_route *route = ofi_route_of(rma->route);
    struct ofi_context *context = route->owner;
    struct ofi_rma_op *op;
    int error;

    if (route->state == OFI_ROUTE_STATE_CONNECTING || route->state == OFI_ROUTE_STATE_ACCEPTING)
        return -EAGAIN;
    if (route->state != OFI_ROUTE_STATE_UP)
        return route->error != 0 ? route->error : -ECONNRESET;
    if (context->rma_inflight >= context->owner->rma_slots)
        return -EAGAIN;
    op = util_pool_get(&context->rma_ops);
    if (op == NULL)
        return util_detail_set(-ENOMEM, "no memory for a transfer of %zu bytes with %s", rma->size, route->base.text);
    memset(op, 0, sizeof(*op));
    op->op.kind = OFI_OP_KIND_RMA;
    op->rma = rma;
    util_list_init(&op->node);
    error = rma_issue(rma, op);
    if (error != 0) {
        util_pool_put(&context->rma_ops, op);
        return error;
    }
    rma->transport[0] = (uintptr_t)op;
    util_list_push(&route->rma, &op->node);
    route->rma_count++;
    context->rma_inflight++;
    ofi_route_sent(route);
    return 0;
}

void ofi_rma_cancel(struct na_rma *rma)
{
    rma_op(rma)->cancelled = true;
}

static void rma_unlink(struct ofi_route *route, struct ofi_rma_op *op)
{
    util_list_remove(&op->node);
    route->rma_count--;
    route->owner->rma_inflight--;
    rma_unmap(route->owner->owner, op);
}

/* It has failed with its connection, and may be mentioned again. */
static void rma_spend(struct ofi_route *route, struct ofi_rma_op *op)
{
    rma_unlink(route, op);
    op->rma = NULL;
    op->spent = true;
    util_list_push(&route->rma_spent, &op->node);
}

/* libfabric has nothing more to say about it. */
static void rma_put(struct ofi_route *route, struct ofi_rma_op *op)
{
    rma_unlink(route, op);
    util_pool_put(&route->owner->rma_ops, op);
}

void ofi_rma_done(struct ofi_context *context, struct ofi_rma_op *op, int err)
{
    struct na_rma *rma = op->rma;
    struct ofi_route *route;
    int error = err == 0 ? 0 : ofi_error_completion(err);

    if (op->spent)
        return;
    if (rma == NULL) { /* given up before, and mentioned all the same */
        util_list_remove(&op->node);
        util_pool_put(&context->rma_ops, op);
        return;
    }
    route = ofi_route_of(rma->route);
    if (error == -ECONNRESET)
        ofi_route_lost(&route->base); /* unless it carries something yet: the connection below was cut */
    if (op->cancelled)
        error = -ECANCELED;
    if (err != 0 && context->owner->connected && !UTIL_MUTANT(FAILED_REUSED))
        rma_spend(route, op);
    else
        rma_put(route, op);
    if (err != 0 && context->owner->provider->failure_ends)
        ofi_route_end(route, -ECONNRESET);
    /* The route may be freed only in a later turn, so that it may still be named here. */
    ofi_route_settled(route);
    rma->done(rma, error);
}

void ofi_rma_cancel_route(struct ofi_route *route)
{
    util_list_each (node, &route->rma) {
        util_container_of(node, struct ofi_rma_op, node)->cancelled = true;
    }
}

void ofi_rma_reclaim(struct ofi_route *route)
{
    struct ofi_context *context = route->owner;
    struct util_list *node;

    if (UTIL_MUTANT(TRANSFER_FORGOTTEN))
        ofi_rma_forget(route);
    while ((node = util_list_first(&route->rma)) != NULL) {
        struct ofi_rma_op *op = util_container_of(node, struct ofi_rma_op, node);
        struct na_rma *rma = op->rma;
        int error = op->cancelled ? -ECANCELED : -ECONNRESET;

        assert(rma != NULL); /* those without one are in no route */
        rma_unlink(route, op);
        if (context->owner->connected) {
            util_pool_put(&context->rma_ops, op);
        } else {
            op->rma = NULL;
            util_list_push(&context->rma_lost, &op->node);
        }
        rma->done(rma, error);
    }
}

void ofi_rma_free_spent(struct ofi_route *route)
{
    struct util_list *node;

    while ((node = util_list_pop(&route->rma_spent)) != NULL)
        util_pool_put(&route->owner->rma_ops, util_container_of(node, struct ofi_rma_op, node));
}

void ofi_rma_forget(struct ofi_route *route)
{
    struct util_list *node;

    while ((node = util_list_first(&route->rma)) != NULL)
        rma_put(route, util_container_of(node, struct ofi_rma_op, node));
}
