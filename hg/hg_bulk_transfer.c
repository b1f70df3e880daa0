/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */

/*
 * The public bulk transfers: which route to take, the operation that waits for the end, its callback, and
 * operation ids. Moving the bytes is bulk/bulk_transfer.c.
 *
 * An operation holds both handles until its callback has returned, so the user may free them right after the
 * submit. Arguments, permissions and ranges are checked before the lock is taken; a transfer that was not taken leaves
 * no trace.
 *
 * An operation id is a number: the place of the context in a table of the process, and the serial number of
 * the transfer on that place. No serial is ever given twice, so a late HG_Bulk_cancel() finds nobody rather than
 * another transfer.
 */

#include <errno.h>
#include <pthread.h>

#include "bulk/bulk_transfer.h"
#include "hg/hg_addr.h"
#include "hg/hg_bulk_api.h"
#include "hg/hg_bulk_digest.h"
#include "hg/hg_cancel.h"
#include "hg/hg_class.h"
#include "hg/hg_context.h"
#include "hg/hg_error.h"
#include "hg/hg_fork.h"
#include "hg/hg_handle.h"
#include "hg/hg_nested.h"
#include "hg/hg_queue.h"
#include "hg/hg_session.h"
#include "mercury_bulk.h"
#include "util/util_log.h"

/* Operation ids: 12 bits of context, 52 bits of serial (142 years at a million a second). */
#define BULK_ID_SERIAL_BITS  52U
#define BULK_ID_CONTEXTS_MAX 4096U
#define BULK_ID_SERIAL_MASK  ((UINT64_C(1) << BULK_ID_SERIAL_BITS) - 1)
/* A context that found no place in the table: its transfers have no ids. */
#define BULK_ID_NO_PLACE UINT32_MAX

/* The bound on the transfers of one context that are not over. */
#define BULK_OPS_MAX (1U << 20)

_Static_assert(sizeof(hg_op_id_t) == sizeof(uint64_t), "an operation id carries 64 bits");

struct hg_bulk_transfer {
    struct bulk_transfer transfer;
    struct hg_context *context;
    struct hg_bulk *origin; /* a reference, until the callback has returned */
    struct hg_bulk *local;  /* a reference, until the callback has returned */
    size_t local_offset;
    struct hg_completion completion;
    hg_cb_t callback;
    void *arg;
    hg_return_t ret;
    struct hg_nested parent;      /* the request that it serves */
    struct util_list parent_link; /* in the transfers of its handle, if it shall end with it */
    struct bulk_sender call;      /* whose memory is moved; its context is NULL where that is not known */
    struct util_list abroad_link; /* class->bulk_abroad: that call is another context's */
    struct hg_session *release;   /* a reference: the call has been cancelled, and its origin is told when the last such
                                     transfer ends; or NULL */
    uint64_t release_tag;         /* how it is named there */
};

/* What a submit was asked for. */
struct bulk_request {
    struct hg_context *context;
    hg_cb_t callback;
    void *arg;
    struct hg_addr *addr;   /* of the origin; borrowed for the call */
    uint8_t origin_context; /* of the origin */
    bool exact;             /* no other context of the origin will do */
    struct bulk_transfer_args args;
    hg_op_id_t *op_id;
};

/* --- operation ids ----------------------------------------------------------------------------------------- */

/* A place outlives its context, so that serials go on where they were. */
struct bulk_id_place {
    struct hg_context *context; /* NULL: free */
    uint64_t last_serial;       /* under the context's lock while there is one */
};

static pthread_mutex_t bulk_id_lock = PTHREAD_MUTEX_INITIALIZER; /* the contexts; taken before a context's lock */
static struct bulk_id_place bulk_id_places[BULK_ID_CONTEXTS_MAX];

void hg_bulk_api_init(struct hg_context *context)
{
    uint32_t i;

    util_pool_init(&context->bulk_ops, sizeof(struct hg_bulk_transfer), 16, BULK_OPS_MAX);
    (void)pthread_mutex_lock(&bulk_id_lock);
    for (i = 0; i < BULK_ID_CONTEXTS_MAX && bulk_id_places[i].context != NULL; i++)
        continue;
    context->bulk_id_place = i < BULK_ID_CONTEXTS_MAX ? i : BULK_ID_NO_PLACE;
    if (i < BULK_ID_CONTEXTS_MAX)
        bulk_id_places[i].context = context;
    (void)pthread_mutex_unlock(&bulk_id_lock);
}

void hg_bulk_api_fini(struct hg_context *context)
{
    (void)pthread_mutex_lock(&bulk_id_lock);
    if (context->bulk_id_place != BULK_ID_NO_PLACE)
        bulk_id_places[context->bulk_id_place].context = NULL;
    (void)pthread_mutex_unlock(&bulk_id_lock);
    util_pool_fini(&context->bulk_ops);
}

void hg_bulk_api_forget_all(void)
{
    uint32_t i;

    (void)pthread_mutex_init(&bulk_id_lock, NULL);
    for (i = 0; i < BULK_ID_CONTEXTS_MAX; i++)
        bulk_id_places[i].context = NULL;
}

/* Under the context's lock; 0: no id. */
static uint64_t bulk_id_next(struct hg_context *context)
{
    if (context->bulk_id_place == BULK_ID_NO_PLACE)
        return 0;
    return ++bulk_id_places[context->bulk_id_place].last_serial & BULK_ID_SERIAL_MASK;
}

static hg_op_id_t bulk_id_pack(const struct hg_context *context, uint64_t serial)
{
    uint64_t id = (uint64_t)context->bulk_id_place << BULK_ID_SERIAL_BITS | serial;

    return serial == 0 ? HG_OP_ID_NULL : (hg_op_id_t)(uintptr_t)id;
}

void hg_bulk_api_cancel_all_locked(struct util_list *transfers)
{
    struct util_list *node;

    while ((node = util_list_pop(transfers)) != NULL)
        bulk_transfer_cancel(&util_container_of(node, struct hg_bulk_transfer, parent_link)->transfer);
}

/* --- calls that are cancelled ------------------------------------------------------------------------------- */

static void bulk_op_done(struct bulk_transfer *transfer, int error);

static bool bulk_op_serves(const struct hg_bulk_transfer *op, const struct hg_nested *call)
{
    return op->call.context == call->context && op->call.session_index == call->session_index &&
           op->call.session_key == call->session_key && op->call.tag == call->tag;
}

/* Whether another context moves such memory. Its transfers are left to it, and so is the word of their end: nobody says that
 * there are none. */
static bool bulk_is_abroad(struct hg_class *hg_class, const struct hg_nested *call)
{
    bool found = false;

    util_lock_take(&hg_class->bulks.lock);
    util_list_each (node, &hg_class->bulk_abroad)
        found = found || bulk_op_serves(util_container_of(node, struct hg_bulk_transfer, abroad_link), call);
    util_lock_drop(&hg_class->bulks.lock);
    return found;
}

static void bulk_op_owe(struct hg_bulk_transfer *op, struct hg_session *session, uint64_t tag)
{
    if (op->release != NULL)
        return;
    hg_session_ref(session);
    op->release = session;
    op->release_tag = tag;
}

/* The operation behind a transfer of the context, or NULL: there are others (hg_overflow.c). */
static struct hg_bulk_transfer *bulk_op_behind(struct util_list *node)
{
    struct bulk_transfer *transfer = util_container_of(node, struct bulk_transfer, all_link);

    return transfer->done == bulk_op_done ? util_container_of(transfer, struct hg_bulk_transfer, transfer) : NULL;
}

bool hg_bulk_api_withdraw_locked(struct hg_session *session, uint64_t tag, struct hg_handle *handle)
{
    struct hg_nested call = hg_nested_by_tag(session, tag);
    bool moving = false;

    /* What was begun for an earlier attempt goes by the name that the request had then. */
    if (handle != NULL && hg_handle_state(handle) == HG_HANDLE_RUNNING)
        call = handle->parent;
    if (handle != NULL)
        util_list_each (node, &handle->transfers)
            bulk_op_owe(util_container_of(node, struct hg_bulk_transfer, parent_link), session, tag);
    util_list_each (node, &session->context->bulk.all) {
        struct hg_bulk_transfer *op = bulk_op_behind(node);

        if (op != NULL && bulk_op_serves(op, &call)) {
            bulk_op_owe(op, session, tag);
            bulk_transfer_cancel(&op->transfer);
        }
        moving = moving || (op != NULL && op->release == session && op->release_tag == tag);
    }
    return moving || bulk_is_abroad(session->context->hg_class, &call);
}

/* The operation has ended: the last one that the origin of a cancelled call waits for tells it. */
static void bulk_op_release(struct hg_bulk_transfer *op)
{
    struct hg_session *session = op->release;
    bool last = true;

    if (session == NULL)
        return;
    op->release = NULL;
    util_list_each (node, &op->context->bulk.all) {
        const struct hg_bulk_transfer *other = bulk_op_behind(node);

        last = last && (other == NULL || other->release != session || other->release_tag != op->release_tag);
    }
    if (last)
        hg_session_control(session, HG_MESSAGE_RELEASE, op->release_tag);
    hg_session_unref(session);
}

/* Notes an operation whose call was received by another context, and forgets it again. */
static void bulk_op_go_abroad(struct hg_bulk_transfer *op)
{
    struct hg_class *hg_class = op->context->hg_class;

    if (op->call.context == NULL || op->call.context == op->context)
        return;
    util_lock_take(&hg_class->bulks.lock);
    util_list_push(&hg_class->bulk_abroad, &op->abroad_link);
    util_lock_drop(&hg_class->bulks.lock);
}

static void bulk_op_come_back(struct hg_bulk_transfer *op)
{
    struct hg_class *hg_class = op->context->hg_class;

    if (op->call.context == NULL || op->call.context == op->context)
        return;
    util_lock_take(&hg_class->bulks.lock);
    util_list_remove(&op->abroad_link);
    util_lock_drop(&hg_class->bulks.lock);
}

hg_return_t HG_Bulk_cancel(hg_op_id_t op_id)
{
    uint64_t id = (uintptr_t)op_id;
    struct hg_context *context;

    if (op_id == HG_OP_ID_NULL || (id & BULK_ID_SERIAL_MASK) == 0)
        return hg_error_set(HG_INVALID_ARG, "HG_Bulk_cancel: no operation id");
    /* Held throughout: it keeps the context from going away. */
    (void)pthread_mutex_lock(&bulk_id_lock);
    context = bulk_id_places[id >> BULK_ID_SERIAL_BITS].context;
    if (context != NULL) {
        struct bulk_transfer *transfer;

        util_lock_take(&context->lock);
        transfer = bulk_env_find(&context->bulk, id & BULK_ID_SERIAL_MASK);
        if (transfer != NULL)
            bulk_transfer_cancel(transfer);
        if (transfer != NULL && atomic_load_explicit(&context->armed, memory_order_relaxed))
            na_wake(context->na);
        util_lock_drop(&context->lock);
    }
    (void)pthread_mutex_unlock(&bulk_id_lock);
    return HG_SUCCESS;
}

/* --- the end ------------------------------------------------------------------------------------------------- */

/* Looks at what a pull has brought, without a lock: it takes as long as a copy. */
static void bulk_op_verify(struct hg_bulk_transfer *op)
{
    if (op->ret != HG_SUCCESS || op->transfer.op != BULK_OP_PULL ||
        !hg_bulk_digest_applies(op->origin, op->local, op->transfer.moved))
        return;
    if (hg_bulk_digest_of(op->local, op->local_offset, op->transfer.moved) == op->origin->digest)
        return;
    util_log_limited(UTIL_LOG_LEVEL_ERROR, UTIL_LOG_AREA_BULK,
                     "a pull of %zu bytes did not bring what their digest is of: they were damaged, or have changed",
                     op->transfer.moved);
    op->ret = HG_CHECKSUM_ERROR;
}

/* Runs the user's callback; then nothing of the operation is left. */
static void bulk_op_run(struct hg_completion *completion)
{
    struct hg_bulk_transfer *op = util_container_of(completion, struct hg_bulk_transfer, completion);
    struct hg_context *context = op->context;
    struct hg_bulk *origin = op->origin;
    struct hg_bulk *local = op->local;
    struct hg_cb_info info;
    hg_cb_t callback = op->callback;
    struct hg_nested parent = op->parent;
    const struct hg_nested *outer;

    bulk_op_verify(op);
    info = (struct hg_cb_info){
        .info.bulk =
            {
                .origin_handle = origin,
                .local_handle = local,
                .op = op->transfer.op == BULK_OP_PUSH ? HG_BULK_PUSH : HG_BULK_PULL,
                .size = op->transfer.moved,
            },
        .arg = op->arg,
        .type = HG_CB_BULK,
        .ret = op->ret,
    };
    /* Back to the pool first: a callback that submits the next transfer finds a warm one. */
    util_lock_take(&context->lock);
    util_pool_put(&context->bulk_ops, op);
    util_lock_drop(&context->lock);
    outer = hg_nested_swap(parent.context != NULL ? &parent : NULL);
    if (callback != NULL)
        (void)callback(&info);
    (void)hg_nested_swap(outer);
    bulk_handle_unref(origin);
    bulk_handle_unref(local);
}

/* Under the context's lock. */
static void bulk_op_done(struct bulk_transfer *transfer, int error)
{
    struct hg_bulk_transfer *op = util_container_of(transfer, struct hg_bulk_transfer, transfer);

    op->ret = hg_error_from(error);
    util_list_remove(&op->parent_link);
    bulk_op_come_back(op);
    bulk_op_release(op);
    hg_queue_push_locked(op->context, &op->completion);
    if (error == -ECONNRESET && transfer->route != NULL)
        hg_liveness_doubt(na_route_user(transfer->route));
}

/* --- submit -------------------------------------------------------------------------------------------------- */

/* Whether both handles can be reached by the transport of the session. */
static bool bulk_session_serves(const struct bulk_request *request, const struct hg_session *session)
{
    return bulk_transfer_has_way(request->args.origin, request->args.local, session->port->transport);
}

/* Any open session with the peer: its memory can be reached through each of its contexts. */
static struct hg_session *bulk_any_session_locked(const struct bulk_request *request)
{
    util_list_each (node, &request->context->sessions) {
        struct hg_session *session = util_container_of(node, struct hg_session, link);

        if (session->addr == request->addr && session->route != NULL && bulk_session_serves(request, session))
            return session;
    }
    return NULL;
}

/* The route to the origin: by choice to the context that was named or that sent the descriptor, since somebody makes
 * progress there; a peer that does not listen can only be reached by a route that it opened itself. */
static int bulk_find_route_locked(struct bulk_request *request)
{
    struct hg_context *context = request->context;
    struct hg_session *session = hg_session_find_peer(context, request->addr, request->origin_context);
    int error = 0;

    if (session != NULL && !bulk_session_serves(request, session))
        session = NULL;
    if (session == NULL && !request->exact)
        session = bulk_any_session_locked(request);
    if (session == NULL)
        error = hg_session_get(context, request->addr, request->origin_context, &session);
    /* Shared memory does not take all memory. */
    if (error == 0 && !bulk_session_serves(request, session))
        error = hg_session_get_far(context, request->addr, request->origin_context, &session);
    if (error != 0)
        return error;
    request->args.route = session->route;
    request->args.lane = &session->lane;
    request->args.transport = session->port->transport;
    hg_liveness_watch(session);
    return 0;
}

/* Whether the memory is that of the peer which sent its descriptor: not so for what it passes on from others. */
static bool bulk_is_senders(const struct bulk_request *request)
{
    const struct hg_bulk *origin = request->args.origin;

    return origin->kind == BULK_KIND_REMOTE && origin->sender.context != NULL && origin->sender.addr == request->addr;
}

/* The request whose origin's memory is moved: that which brought the descriptor, whoever begins the transfer. */
static struct hg_handle *bulk_find_call_locked(const struct bulk_request *request)
{
    const struct bulk_sender *call = &request->args.origin->sender;

    if (!bulk_is_senders(request) || call->context != request->context)
        return NULL;
    return hg_nested_find_locked(request->context, &(struct hg_nested){
                                                       .context = request->context,
                                                       .session_index = call->session_index,
                                                       .session_key = call->session_key,
                                                       .origin_context = call->origin_context,
                                                       .tag = call->tag,
                                                   });
}

/* The request that the calling thread serves, if the transfer is to end with it. */
static struct hg_handle *bulk_find_parent_locked(const struct bulk_request *request, const struct hg_nested *nested)
{
    struct hg_handle *parent = nested->context == NULL ? NULL : hg_nested_find_locked(request->context, nested);

    if (parent == NULL || (parent->info.addr != request->addr && !hg_cancel_nested_wanted(request->context->hg_class)))
        return NULL;
    return parent;
}

/* A transfer with the memory of whoever waits for the request that it serves ends with that: the memory is handed back. */
static int bulk_join_parent_locked(const struct bulk_request *request, struct hg_bulk_transfer *op)
{
    struct hg_handle *parent = bulk_find_call_locked(request);

    if (bulk_is_senders(request))
        op->call = request->args.origin->sender;
    if (parent == NULL)
        parent = bulk_find_parent_locked(request, &op->parent);
    if (parent == NULL)
        return 0;
    if (qs_handle_cancelled(parent))
        return util_detail_set(-ECANCELED, "bulk transfer: the call that it serves has been cancelled");
    util_list_push(&parent->transfers, &op->parent_link);
    return 0;
}

/* Starts the transfer of an operation; on an error nothing is under way. */
static int bulk_start_locked(struct bulk_request *request, struct hg_bulk_transfer *op)
{
    struct hg_context *context = request->context;
    int error;

    if (request->args.size > 0 && bulk_transfer_needs_route(request->args.op, request->args.origin)) {
        error = bulk_find_route_locked(request);
        if (error != 0)
            return error;
    }
    request->args.serial = bulk_id_next(context);
    request->args.done = bulk_op_done;
    error = bulk_transfer_start(&context->bulk, &op->transfer, &request->args);
    if (error != 0)
        return error;
    /* Under the lock: nobody can have triggered the callback yet. */
    if (request->op_id != NULL && request->op_id != HG_OP_ID_IGNORE)
        *request->op_id = bulk_id_pack(context, request->args.serial);
    if (op->transfer.state == BULK_TRANSFER_READY)
        bulk_transfer_finish(&op->transfer);
    else if (op->transfer.queue == BULK_TRANSFER_QUEUE_BLOCKED &&
             atomic_load_explicit(&context->armed, memory_order_relaxed))
        na_wake(context->na); /* somebody may sleep without knowing that there is something to retry */
    return 0;
}

static int bulk_submit_locked(struct bulk_request *request)
{
    struct hg_context *context = request->context;
    struct hg_bulk_transfer *op = util_pool_get(&context->bulk_ops);
    int error;

    if (op == NULL)
        return util_detail_set(-ENOMEM, "no memory for a bulk transfer (%zu are under way)",
                               util_pool_in_use(&context->bulk_ops));
    op->transfer = (struct bulk_transfer){.state = BULK_TRANSFER_IDLE};
    op->context = context;
    op->origin = request->args.origin;
    op->local = request->args.local;
    op->local_offset = (size_t)request->args.local_offset;
    op->callback = request->callback;
    op->arg = request->arg;
    hg_nested_now(&op->parent);
    util_list_init(&op->parent_link);
    util_list_init(&op->abroad_link);
    op->call = (struct bulk_sender){.context = NULL};
    op->release = NULL;
    util_list_init(&op->completion.link);
    op->completion.take_locked = NULL;
    op->completion.run = bulk_op_run;
    /* Before the start: a copy is on the completion queue when it returns. */
    bulk_handle_ref(op->origin);
    bulk_handle_ref(op->local);
    error = bulk_join_parent_locked(request, op);
    bulk_op_go_abroad(op);
    if (error == 0)
        error = bulk_start_locked(request, op);
    if (error != 0) {
        util_list_remove(&op->parent_link);
        bulk_op_come_back(op);
        bulk_handle_unref(op->origin);
        bulk_handle_unref(op->local);
        util_pool_put(&context->bulk_ops, op);
    }
    return error;
}

/* Handles and address must belong together, which bulk/ cannot know. */
static hg_return_t bulk_check_peers(const struct bulk_request *request)
{
    const struct hg_class *hg_class = request->context->hg_class;
    const struct hg_bulk *origin = request->args.origin;

    if (request->args.local->owner != &hg_class->bulks || request->addr->hg_class != hg_class)
        return hg_error_set(HG_INVALID_ARG, "bulk transfer: the local handle or the address is of another class");
    if (origin->kind == BULK_KIND_LOCAL && origin->owner == &hg_class->bulks && !request->addr->self)
        return hg_error_set(HG_INVALID_ARG, "bulk transfer: the origin's handle is our own, but its address is %s",
                            request->addr->text);
    if (request->addr->self && bulk_transfer_needs_route(request->args.op, origin) && !hg_class->options.no_loopback)
        return hg_error_set(HG_INVALID_ARG, "bulk transfer: the address is our own, but not the origin's handle");
    return HG_SUCCESS;
}

static hg_return_t bulk_submit(struct bulk_request *request)
{
    hg_return_t ret;
    int error = bulk_transfer_check(&request->args);

    if (error == -EACCES)
        return HG_PERMISSION; /* HG_ACCESS is the peer's refusal */
    if (error != 0)
        return hg_error_from(error);
    ret = bulk_check_peers(request);
    if (ret != HG_SUCCESS)
        return ret;
    util_lock_take(&request->context->lock);
    error = bulk_submit_locked(request);
    util_lock_drop(&request->context->lock);
    return hg_error_from(error);
}

/* The arguments that all three ways have in common. */
static hg_return_t bulk_check_arguments(const hg_context_t *context, hg_bulk_op_t op, hg_bulk_t origin_handle,
                                        hg_bulk_t local_handle)
{
    if (context == NULL || origin_handle == HG_BULK_NULL || local_handle == HG_BULK_NULL)
        return hg_error_set(HG_INVALID_ARG, "bulk transfer: no %s",
                            context == NULL                 ? "context"
                            : origin_handle == HG_BULK_NULL ? "origin handle"
                                                            : "local handle");
    if (op != HG_BULK_PUSH && op != HG_BULK_PULL)
        return hg_error_set(HG_INVALID_ARG, "bulk transfer: there is no operation %d", (int)op);
    return HG_SUCCESS;
}

static enum bulk_op bulk_op_of(hg_bulk_op_t op)
{
    return op == HG_BULK_PUSH ? BULK_OP_PUSH : BULK_OP_PULL;
}

hg_return_t HG_Bulk_transfer(hg_context_t *context, hg_cb_t callback, void *arg, hg_bulk_op_t op, hg_addr_t origin_addr,
                             hg_bulk_t origin_handle, hg_size_t origin_offset, hg_bulk_t local_handle,
                             hg_size_t local_offset, hg_size_t size, hg_op_id_t *op_id)
{
    hg_return_t ret = bulk_check_arguments(context, op, origin_handle, local_handle);

    if (hg_fork_stops_context(context, "HG_Bulk_transfer"))
        return HG_FAULT;
    if (ret != HG_SUCCESS)
        return ret;
    if (origin_addr == HG_ADDR_NULL || bulk_handle_is_bound(origin_handle))
        return hg_error_set(HG_INVALID_ARG, "HG_Bulk_transfer: %s",
                            origin_addr == HG_ADDR_NULL ? "no address"
                                                        : "the origin's handle is bound: use HG_Bulk_bind_transfer");
    return bulk_submit(&(struct bulk_request){
        .context = context,
        .callback = callback,
        .arg = arg,
        .addr = origin_addr,
        .origin_context = origin_handle->sender_context,
        .args = {.op = bulk_op_of(op),
                 .origin = origin_handle,
                 .origin_offset = origin_offset,
                 .local = local_handle,
                 .local_offset = local_offset,
                 .size = size},
        .op_id = op_id,
    });
}

/* Whether the class follows a bound descriptor to this address: its own, that of who sent it, or any. */
static bool bulk_may_lead_to(const struct hg_class *hg_class, const struct hg_bulk *origin, const struct hg_addr *addr)
{
    if (origin->kind == BULK_KIND_LOCAL || addr->self || origin->sender.addr == addr)
        return true;
    return atomic_load_explicit(&hg_class->bulk_forward, memory_order_relaxed);
}

hg_return_t qs_class_set_bulk_forward(hg_class_t *hg_class, bool bulk_forward)
{
    if (hg_fork_stops(hg_class, "qs_class_set_bulk_forward"))
        return HG_FAULT;
    if (hg_class == NULL)
        return hg_error_set(HG_INVALID_ARG, "qs_class_set_bulk_forward: a NULL argument");
    atomic_store_explicit(&hg_class->bulk_forward, bulk_forward, memory_order_relaxed);
    return HG_SUCCESS;
}

hg_return_t HG_Bulk_bind_transfer(hg_context_t *context, hg_cb_t callback, void *arg, hg_bulk_op_t op,
                                  hg_bulk_t origin_handle, hg_size_t origin_offset, hg_bulk_t local_handle,
                                  hg_size_t local_offset, hg_size_t size, hg_op_id_t *op_id)
{
    hg_return_t ret = bulk_check_arguments(context, op, origin_handle, local_handle);
    hg_addr_t addr;

    if (hg_fork_stops_context(context, "HG_Bulk_bind_transfer"))
        return HG_FAULT;
    if (ret != HG_SUCCESS)
        return ret;
    if (!bulk_handle_is_bound(origin_handle))
        return hg_error_set(HG_INVALID_ARG, "HG_Bulk_bind_transfer: the origin's handle is not bound");
    addr = HG_Bulk_get_addr(origin_handle);
    if (addr == HG_ADDR_NULL)
        return hg_error_set(HG_NOMEM, "no memory for the address %s", origin_handle->bound_address);
    if (!bulk_may_lead_to(context->hg_class, origin_handle, addr))
        return hg_error_set(
            HG_PERMISSION, "HG_Bulk_bind_transfer: the descriptor leads to %s, but came from %s", addr->text,
            origin_handle->sender.addr == NULL ? "elsewhere" : ((struct hg_addr *)origin_handle->sender.addr)->text);
    return bulk_submit(&(struct bulk_request){
        .context = context,
        .callback = callback,
        .arg = arg,
        .addr = addr,
        .origin_context = origin_handle->bound_context,
        .args = {.op = bulk_op_of(op),
                 .origin = origin_handle,
                 .origin_offset = origin_offset,
                 .local = local_handle,
                 .local_offset = local_offset,
                 .size = size},
        .op_id = op_id,
    });
}

hg_return_t HG_Bulk_transfer_id(hg_context_t *context, hg_cb_t callback, void *arg, hg_bulk_op_t op,
                                hg_addr_t origin_addr, uint8_t origin_id, hg_bulk_t origin_handle,
                                hg_size_t origin_offset, hg_bulk_t local_handle, hg_size_t local_offset, hg_size_t size,
                                hg_op_id_t *op_id)
{
    hg_return_t ret = bulk_check_arguments(context, op, origin_handle, local_handle);

    if (hg_fork_stops_context(context, "HG_Bulk_transfer_id"))
        return HG_FAULT;
    if (ret != HG_SUCCESS)
        return ret;
    if (origin_addr == HG_ADDR_NULL || bulk_handle_is_bound(origin_handle))
        return hg_error_set(HG_INVALID_ARG, "HG_Bulk_transfer_id: %s",
                            origin_addr == HG_ADDR_NULL ? "no address"
                                                        : "the origin's handle is bound: use HG_Bulk_bind_transfer");
    return bulk_submit(&(struct bulk_request){
        .context = context,
        .callback = callback,
        .arg = arg,
        .addr = origin_addr,
        .origin_context = origin_id,
        .exact = true,
        .args = {.op = bulk_op_of(op),
                 .origin = origin_handle,
                 .origin_offset = origin_offset,
                 .local = local_handle,
                 .local_offset = local_offset,
                 .size = size},
        .op_id = op_id,
    });
}
