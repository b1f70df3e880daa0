/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Receive buffers of a context.
 *
 * A buffer that takes many frames is posted again when the bytes delivered into it reach its end,
 * and not when libfabric flags it with FI_MULTI_RECV: the flag can come while a frame from another
 * peer is still being written into an earlier part. Frames in such buffers lie wherever the one
 * before ended; those that are not aligned go through a bounce buffer. A buffer of one frame needs
 * none of this, and cannot lose its place when a sender dies halfway, which is why providers that
 * cancel receives use those. Callers serialise per context.
 */
#include "na/ofi/ofi_recv.h"

#include <string.h>

#include "na/ofi/ofi_error.h"
#include "na/ofi/ofi_guard.h"
#include "na/ofi/ofi_mr.h"
#include "na/ofi/ofi_route.h"
#include "util/util_alloc.h"
#include "util/util_detail.h"
#include "util/util_log.h"
#include "util/util_mutant.h"

enum { MULTI_COUNT = 4, MULTI_FRAMES = 32, FRAME_ALIGNMENT = 8, MEMORY_ALIGNMENT = 4096 };

static ssize_t recv_post(struct ofi_context *context, struct ofi_recv_buf *buf)
{
    struct iovec iov = {.iov_base = buf->data, .iov_len = context->recv.buf_size};
    struct fi_msg msg = {
        .msg_iov = &iov,
        .desc = &context->recv.desc,
        .iov_count = 1,
        .addr = FI_ADDR_UNSPEC,
        .context = &buf->op.context,
    };
    ssize_t ret;

    buf->delivered = 0;
    buf->end = 0;
    ofi_guard_enter(context->owner);
    ret = fi_recvmsg(context->endpoint.rx, &msg, context->recv.multi ? FI_MULTI_RECV : 0);
    ofi_guard_leave(context->owner);
    return ret;
}

/* The buffer waits to be posted again. */
static void recv_push_idle(struct ofi_recv *recv, struct ofi_recv_buf *buf)
{
    if (!util_list_empty(&buf->node))
        return; /* mentioned twice, see ofi_rma.c */
    util_list_push(&recv->idle, &buf->node);
    recv->idle_count++;
}

void ofi_recv_repost(struct ofi_context *context)
{
    struct util_list *node;

    while ((node = util_list_first(&context->recv.idle)) != NULL) {
        struct ofi_recv_buf *buf = util_container_of(node, struct ofi_recv_buf, node);
        ssize_t ret = recv_post(context, buf);
        if (ret != 0) {
            if (ret != -FI_EAGAIN)
                util_log_limited(UTIL_LOG_LEVEL_ERROR, UTIL_LOG_AREA_OFI,
                                 "%s: a receive buffer of %zu bytes was refused: %s", context->base.address,
                                 context->recv.buf_size, ofi_error_text(ret));
            return;
        }
        util_list_remove(node);
        context->recv.idle_count--;
    }
}

/* As many as were asked for: whole ones, or their share of those that take one frame each, but not more than the
 * receive queue of an endpoint holds. Shared receive contexts have no such bound. */
uint32_t ofi_recv_count(const struct ofi_class *owner)
{
    uint32_t wanted = owner->recv_buffers > 0 ? owner->recv_buffers : MULTI_COUNT;
    size_t room = owner->connected ? 0 : owner->info->rx_attr->size;

    if (!owner->multi_recv)
        wanted = owner->provider->recv_count * wanted / MULTI_COUNT;
    return room > 0 && room < wanted ? (uint32_t)room : wanted;
}

static int recv_allocate(struct ofi_context *context)
{
    struct ofi_recv *recv = &context->recv;
    size_t frame_max = context->owner->base.limits.frame_max;
    size_t size;

    recv->multi = context->owner->multi_recv;
    recv->buf_count = ofi_recv_count(context->owner);
    recv->buf_size = recv->multi ? frame_max * MULTI_FRAMES : frame_max;
    size = recv->buf_size * recv->buf_count;
    recv->bufs = util_calloc(recv->buf_count, sizeof(*recv->bufs));
    recv->memory = util_aligned(MEMORY_ALIGNMENT, size);
    recv->bounce = util_aligned(MEMORY_ALIGNMENT, frame_max);
    if (recv->bufs == NULL || recv->memory == NULL || recv->bounce == NULL)
        return util_detail_set(-ENOMEM, "no memory for %u receive buffers of %zu bytes", recv->buf_count,
                               recv->buf_size);
    return ofi_mr_local(context->owner, recv->memory, size, FI_RECV, &recv->mr, &recv->desc);
}

int ofi_recv_open(struct ofi_context *context)
{
    struct ofi_recv *recv = &context->recv;
    int ret;

    util_list_init(&recv->idle);
    ret = recv_allocate(context);
    if (ret != 0)
        return ret;
    for (uint32_t i = 0; i < recv->buf_count; i++) {
        recv->bufs[i].op.kind = OFI_OP_KIND_RECV;
        recv->bufs[i].data = recv->memory + i * recv->buf_size;
        util_list_init(&recv->bufs[i].node);
        recv_push_idle(recv, &recv->bufs[i]);
    }
    ofi_recv_repost(context);
    if (util_list_first(&recv->idle) == &recv->bufs[0].node)
        return util_detail_set(-EIO, "%s: libfabric takes no receive buffer", context->owner->base.address);
    return 0;
}

void ofi_recv_close(struct ofi_context *context)
{
    struct ofi_recv *recv = &context->recv;

    if (recv->mr != NULL)
        (void)fi_close(&recv->mr->fid);
    util_free(recv->bounce);
    util_free(recv->memory);
    util_free(recv->bufs);
    memset(recv, 0, sizeof(*recv));
    util_list_init(&recv->idle);
}

/* Hands a frame up, aligned. */
static void recv_deliver(struct ofi_context *context, const struct fi_cq_data_entry *entry, const unsigned char *data)
{
    struct ofi_route *route = NULL;

    /* A peer's write with immediate data takes a buffer, too, and leaves in it what was there. */
    if ((entry->flags & FI_RECV) == 0) {
        context->dropped_frames++;
        return;
    }
    if (context->owner->connected) {
        route = (entry->flags & FI_REMOTE_CQ_DATA) != 0 ? ofi_route_receiving(context, entry->data) : NULL;
        if (route == NULL) {
            context->dropped_frames++;
            return;
        }
    }
    if (entry->len > context->owner->base.limits.frame_max) {
        context->dropped_frames++;
        return;
    }
    if (((uintptr_t)data & (FRAME_ALIGNMENT - 1)) != 0) {
        memcpy(context->recv.bounce, data, entry->len);
        data = context->recv.bounce;
    }
    context->base.upcalls->frame(context->base.arg, route != NULL ? &route->base : NULL, data, entry->len);
}

/* Accounts for a completion in a buffer of many frames: true when the buffer is free. */
static bool recv_account(struct ofi_recv_buf *buf, const struct fi_cq_data_entry *entry)
{
    bool has_data = (entry->flags & FI_RECV) != 0 && entry->buf != NULL;

    if (has_data)
        buf->delivered += entry->len;
    if ((entry->flags & FI_MULTI_RECV) != 0) {
        size_t end = has_data ? (size_t)((const unsigned char *)entry->buf - buf->data) + entry->len : buf->delivered;
        buf->end = end > 0 ? end : 1;
        if (end == 0)
            return true;
    }
    return buf->end != 0 && buf->delivered >= buf->end;
}

void ofi_recv_done(struct ofi_context *context, struct ofi_recv_buf *buf, const struct fi_cq_data_entry *entry)
{
    bool multi = context->recv.multi;

    if (!multi)
        recv_deliver(context, entry, buf->data);
    else if ((entry->flags & FI_RECV) != 0 && entry->buf != NULL)
        recv_deliver(context, entry, entry->buf);
    if ((!multi || recv_account(buf, entry)) && !UTIL_MUTANT(BUFFER_NOT_REPOSTED))
        recv_push_idle(&context->recv, buf);
}

void ofi_recv_failed(struct ofi_context *context, struct ofi_recv_buf *buf, const struct fi_cq_err_entry *entry)
{
    if (entry->err != FI_ECANCELED)
        util_log_limited(UTIL_LOG_LEVEL_WARNING, UTIL_LOG_AREA_OFI, "%s: a frame could not be received: %s",
                         context->base.address, ofi_error_text(entry->err));
    context->dropped_frames++;
    if (!context->recv.multi || (entry->flags & FI_MULTI_RECV) != 0)
        recv_push_idle(&context->recv, buf);
}
