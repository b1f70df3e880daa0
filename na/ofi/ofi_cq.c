/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * A context's turn of progress.
 *
 * One turn reads one batch of completions and gives each to the operation that it belongs to, good
 * or bad; then come connection events, routes that change, and receive buffers to be posted again.
 * The event queue of the class is read when a sleep ended, while connections are being made, and
 * otherwise only now and then, since reading it makes libfabric poll its sockets once more
 * (docs/performance.md). Callers serialise per context.
 */
#include "na/ofi/ofi_cq.h"

#include <string.h>

#include "na/ofi/ofi_error.h"
#include "na/ofi/ofi_guard.h"
#include "na/ofi/ofi_listen.h"
#include "na/ofi/ofi_recv.h"
#include "na/ofi/ofi_rma.h"
#include "na/ofi/ofi_route.h"
#include "na/ofi/ofi_send.h"
#include "util/util_clock.h"
#include "util/util_log.h"

enum {
    BATCH = 32,
    EVENTS_IDLE_TURNS = 4,       /* the clock is asked once in so many turns without completions */
    EVENTS_BUSY_TURNS = 64,      /* and once in so many turns with them */
    EVENTS_NS = 100 * 1000,      /* the event queue is read when so much time has passed */
    EVENTS_ALL_TURNS = 16 * 1024 /* or so many turns, should the clock stand still */
};

static void cq_entry(struct ofi_context *context, const struct fi_cq_data_entry *entry)
{
    struct ofi_op *op = entry->op_context;

    if (op == NULL)
        return;
    switch (op->kind) {
    case OFI_OP_KIND_RECV:
        ofi_recv_done(context, util_container_of(op, struct ofi_recv_buf, op), entry);
        break;
    case OFI_OP_KIND_SEND:
        ofi_send_done(context, util_container_of(op, struct ofi_frame, op), 0);
        break;
    case OFI_OP_KIND_RMA:
        ofi_rma_done(context, util_container_of(op, struct ofi_rma_op, op), 0);
        break;
    }
}

static void cq_error_entry(struct ofi_context *context, const struct fi_cq_err_entry *entry)
{
    struct ofi_op *op = entry->op_context;
    int err = entry->err;

    if (context->owner->provider->failure_ends)
        err = ofi_error_status(entry->err, entry->prov_errno);

    if (op == NULL) {
        util_log_limited(UTIL_LOG_LEVEL_WARNING, UTIL_LOG_AREA_OFI, "%s: an operation failed unnamed: %s",
                         context->base.address, ofi_error_text(entry->err));
        return;
    }
    switch (op->kind) {
    case OFI_OP_KIND_RECV:
        ofi_recv_failed(context, util_container_of(op, struct ofi_recv_buf, op), entry);
        break;
    case OFI_OP_KIND_SEND:
        ofi_send_done(context, util_container_of(op, struct ofi_frame, op), err);
        break;
    case OFI_OP_KIND_RMA:
        ofi_rma_done(context, util_container_of(op, struct ofi_rma_op, op), err);
        break;
    }
}

/* Reads one failed operation: 1, or 0 if there is none after all. */
static int cq_read_error(struct ofi_context *context)
{
    struct fi_cq_err_entry entry = {0};
    ssize_t ret = fi_cq_readerr(context->endpoint.cq, &entry, 0);

    if (ret < 0)
        return 0;
    cq_error_entry(context, &entry);
    return 1;
}

/* Reads one batch: the number of completions, or an error of the queue itself. */
static int cq_read(struct ofi_context *context)
{
    struct fi_cq_data_entry entries[BATCH];
    ssize_t count;

    ofi_guard_enter(context->owner);
    count = fi_cq_read(context->endpoint.cq, entries, BATCH);
    ofi_guard_leave_turn(context->owner);
    context->drained = count == -FI_EAGAIN || count == 0;
    if (context->drained)
        return 0;
    if (count == -FI_EAVAIL)
        return cq_read_error(context);
    if (count < 0) {
        util_log_limited(UTIL_LOG_LEVEL_ERROR, UTIL_LOG_AREA_OFI, "%s: the completion queue is broken: %s",
                         context->base.address, ofi_error_text(count));
        return ofi_error(count);
    }
    for (ssize_t i = 0; i < count; i++)
        cq_entry(context, &entries[i]);
    return (int)count;
}

/* Whether the event queue has not been read for a while, by whichever context. */
static bool cq_events_old(const struct ofi_context *context)
{
    uint64_t read_ns = atomic_load_explicit(&context->owner->cm.read_ns, memory_order_relaxed);

    return util_clock_now_ns() - read_ns >= EVENTS_NS;
}

static bool cq_events_due(struct ofi_context *context, int completions)
{
    if (!context->owner->connected)
        return false;
    if (atomic_load_explicit(&context->owner->cm.due, memory_order_relaxed) || context->turns % EVENTS_ALL_TURNS == 0)
        return true;
    if (completions > 0)
        return context->turns % EVENTS_BUSY_TURNS == 0 && cq_events_old(context);
    context->idle_turns++;
    return !util_list_empty(&context->connecting) ||
           (context->idle_turns % EVENTS_IDLE_TURNS == 0 && cq_events_old(context));
}

int ofi_cq_progress(struct na_context *base)
{
    struct ofi_context *context = ofi_context_of(base);
    int handled = 0;
    int ret;

    context->turns++;
    ret = cq_read(context);
    if (ret < 0)
        return ret;
    handled += ret;
    if (cq_events_due(context, ret))
        ofi_listen_poll(context->owner, context);
    handled += ofi_listen_turn(context);
    handled += ofi_route_turn(context);
    /* Not on the way of a frame to its callback, unless buffers run low; whoever sleeps posts them before. */
    if (context->recv.idle_count > 0 && (handled == 0 || context->recv.idle_count >= context->recv.buf_count / 4))
        ofi_recv_repost(context);
    return handled;
}

void ofi_cq_linger(struct ofi_context *context, uint64_t deadline_ns)
{
    while (context->send.inflight > 0 && util_clock_now_ns() < deadline_ns) {
        struct fi_cq_data_entry entries[BATCH];
        struct fi_cq_err_entry error = {0};
        ssize_t count;

        ofi_guard_enter(context->owner);
        count = fi_cq_read(context->endpoint.cq, entries, BATCH);
        ofi_guard_leave_turn(context->owner);
        for (ssize_t i = 0; i < count; i++) {
            struct ofi_op *op = entries[i].op_context;
            if (op != NULL && op->kind == OFI_OP_KIND_SEND)
                cq_entry(context, &entries[i]);
        }
        if (count == -FI_EAVAIL && fi_cq_readerr(context->endpoint.cq, &error, 0) >= 0) {
            struct ofi_op *op = error.op_context;
            if (op != NULL && op->kind == OFI_OP_KIND_SEND)
                cq_error_entry(context, &error);
        }
    }
}
