/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * What nodes do with requests. The handlers of a node that was killed do nothing: what runs there while its class is taken
 * down never happened.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/sim/sim.h"

#define NESTED_LIMIT_US  300000U
#define ATTEMPT_LIMIT_US 20000U

/* --- works ------------------------------------------------------------------------------------------------- */

static struct sim_node *work_node(const struct sim_work *work)
{
    return HG_Class_get_data(HG_Get_info(work->handle)->hg_class);
}

static struct sim_work *work_start(struct sim_node *node, struct sim_call *call, hg_handle_t handle)
{
    struct sim_work *work = calloc(1, sizeof(*work));

    if (work == NULL)
        abort();
    work->call = call;
    work->handle = handle;
    work->answer_ns = UINT64_MAX;
    util_list_push(&node->works, &work->link);
    return work;
}

static void work_free(struct sim_work *work)
{
    util_list_remove(&work->link);
    if (work->local != HG_BULK_NULL)
        (void)HG_Bulk_free(work->local);
    if (work->remote != HG_BULK_NULL)
        (void)HG_Bulk_free(work->remote);
    if (work->nested != HG_HANDLE_NULL)
        (void)HG_Destroy(work->nested);
    (void)HG_Destroy(work->handle);
    free(work->memory);
    free(work);
}

static void respond(const struct sim_call *call, hg_handle_t handle, bool moved)
{
    struct sim_out out = {.id = call->id,
                          .moved = moved,
                          .size = call->out_size,
                          .data = (unsigned char *)(uintptr_t)sim_output_bytes(call)};
    hg_return_t ret = HG_Respond(handle, NULL, NULL, &out);

    if (ret != HG_SUCCESS)
        sim_trace("call %llu: the response is refused with %s", (unsigned long long)call->id, HG_Error_to_string(ret));
}

static void work_answer(struct sim_work *work, bool moved)
{
    if (work_node(work)->alive)
        respond(work->call, work->handle, moved);
    work_free(work);
}

/* --- requests ----------------------------------------------------------------------------------------------- */

/* What every handler begins with: NULL where the request is not to be served. */
static struct sim_call *serve_begin(hg_handle_t handle, struct sim_in *in)
{
    struct sim_node *node = HG_Class_get_data(HG_Get_info(handle)->hg_class);
    struct sim_call *call;
    hg_return_t ret;

    memset(in, 0, sizeof(*in));
    if (!node->alive)
        return NULL;
    ret = HG_Get_input(handle, in);
    if (ret == HG_NOMEM)
        return NULL;
    if (ret != HG_SUCCESS)
        sim_fail("node %u: an input cannot be decoded: %s", node->number, HG_Error_to_string(ret));
    if (in->id >= sim.call_count)
        sim_fail("node %u: a request that nobody made", node->number);
    call = &sim.calls[in->id];
    call->executed++;
    sim_trace("call %llu runs at node %u", (unsigned long long)call->id, node->number);
    sim_note(call->id << 16 | node->number);
    sim_check_executed(call, node, in);
    return call;
}

static hg_return_t serve_echo(hg_handle_t handle)
{
    struct sim_in in;
    const struct sim_call *call = serve_begin(handle, &in);

    if (call != NULL) {
        respond(call, handle, false);
        (void)HG_Free_input(handle, &in);
    }
    return HG_Destroy(handle);
}

static hg_return_t serve_quiet(hg_handle_t handle)
{
    struct sim_in in;

    if (serve_begin(handle, &in) != NULL)
        (void)HG_Free_input(handle, &in);
    return HG_Destroy(handle);
}

static hg_return_t serve_slow(hg_handle_t handle)
{
    struct sim_in in;
    struct sim_call *call = serve_begin(handle, &in);
    struct sim_work *work;

    if (call == NULL)
        return HG_Destroy(handle);
    work = work_start(&sim.nodes[call->target], call, handle);
    work->answer_ns = fake_fi_now_ns() + call->hold_ns;
    (void)HG_Free_input(handle, &in);
    return HG_SUCCESS;
}

static hg_return_t nested_ended(const struct hg_cb_info *info)
{
    struct sim_work *work = info->arg;
    struct sim_call *inner = work->inner;

    if (inner->ended)
        sim_fail("call %llu: its callback runs twice", (unsigned long long)inner->id);
    inner->ended = true;
    inner->ret = info->ret;
    inner->outcome = info->ret == HG_SUCCESS ? QS_OUTCOME_EXECUTED : QS_OUTCOME_UNKNOWN;
    if (!inner->abandoned) {
        sim.open_calls--;
        sim_check_ended(inner, &sim.nodes[inner->origin]);
    }
    work_answer(work, info->ret == HG_SUCCESS);
    return HG_SUCCESS;
}

/* The call to the third node is one of its own in the ledger. */
static struct sim_call *nested_plan(const struct sim_call *outer)
{
    struct sim_call *inner = sim_call_plan(outer->target);

    if (inner == NULL)
        return NULL;
    inner->kind = SIM_ECHO;
    inner->target = outer->third;
    inner->bulk_size = 0;
    inner->timeout_ns = NESTED_LIMIT_US * UTIL_CLOCK_NS_PER_US;
    inner->forwarded_ns = fake_fi_now_ns();
    inner->sure = outer->sure;
    inner->nested = true;
    return inner;
}

static hg_return_t nested_forward(struct sim_work *work, struct sim_node *node)
{
    struct sim_call *inner = nested_plan(work->call);
    struct sim_in in;
    hg_return_t ret;

    if (inner == NULL)
        return HG_NOMEM;
    sim_trace("call %llu is nested in call %llu: %u > %u", (unsigned long long)inner->id,
              (unsigned long long)work->call->id, inner->origin, inner->target);
    work->inner = inner;
    in = (struct sim_in){
        .id = inner->id, .size = inner->in_size, .data = (unsigned char *)(uintptr_t)sim_input_bytes(inner)};
    ret = HG_Create(node->context, node->peers[inner->target], node->ids[SIM_ECHO], &work->nested);
    if (ret != HG_SUCCESS)
        return ret;
    (void)qs_handle_set_timeout(work->nested, NESTED_LIMIT_US);
    inner->forwarded = true;
    sim.open_calls++;
    ret = HG_Forward(work->nested, nested_ended, work, &in);
    if (ret != HG_SUCCESS) {
        inner->forwarded = false;
        sim.open_calls--;
        sim_check_refused(inner);
    }
    return ret;
}

static hg_return_t serve_nested(hg_handle_t handle)
{
    struct sim_in in;
    struct sim_call *call = serve_begin(handle, &in);
    struct sim_work *work;

    if (call == NULL)
        return HG_Destroy(handle);
    work = work_start(&sim.nodes[call->target], call, handle);
    (void)HG_Free_input(handle, &in);
    if (nested_forward(work, &sim.nodes[call->target]) != HG_SUCCESS)
        work_answer(work, false);
    return HG_SUCCESS;
}

/* --- transfers ------------------------------------------------------------------------------------------------ */

static hg_return_t transfer_ended(const struct hg_cb_info *info)
{
    struct sim_work *work = info->arg;
    struct sim_call *call = work->call;
    bool moved = info->ret == HG_SUCCESS;

    sim_trace("call %llu: its transfer ends with %s", (unsigned long long)call->id, HG_Error_to_string(info->ret));
    if (moved && call->kind == SIM_PULL && memcmp(work->memory, sim_input_bytes(call), call->bulk_size) != 0)
        sim_fail("call %llu: what was pulled is not what was there", (unsigned long long)call->id);
    work_answer(work, moved);
    return HG_SUCCESS;
}

static hg_return_t transfer_start(struct sim_work *work, struct sim_node *node)
{
    const struct sim_call *call = work->call;
    hg_bulk_op_t op = call->kind == SIM_PULL ? HG_BULK_PULL : HG_BULK_PUSH;
    uint8_t flags = call->kind == SIM_PULL ? HG_BULK_WRITE_ONLY : HG_BULK_READ_ONLY;
    hg_size_t size = call->bulk_size;
    void *memory = work->memory;
    hg_return_t ret = HG_Bulk_create(node->hg_class, 1, &memory, &size, flags, &work->local);

    if (ret != HG_SUCCESS)
        return ret;
    return HG_Bulk_transfer(node->context, transfer_ended, work, op, HG_Get_info(work->handle)->addr, work->remote, 0,
                            work->local, 0, size, HG_OP_ID_IGNORE);
}

static hg_return_t serve_transfer(hg_handle_t handle)
{
    struct sim_in in;
    struct sim_call *call = serve_begin(handle, &in);
    struct sim_node *node;
    struct sim_work *work;

    if (call == NULL)
        return HG_Destroy(handle);
    node = &sim.nodes[call->target];
    work = work_start(node, call, handle);
    work->memory = malloc(call->bulk_size);
    if (work->memory == NULL)
        abort();
    memcpy(work->memory, sim_output_bytes(call), call->bulk_size);
    work->remote = in.bulk;
    if (HG_Bulk_ref_incr(work->remote) != HG_SUCCESS)
        sim_fail("call %llu: no reference to its memory: %s", (unsigned long long)call->id, qs_error_detail());
    (void)HG_Free_input(handle, &in);
    if (transfer_start(work, node) != HG_SUCCESS)
        work_answer(work, false);
    return HG_SUCCESS;
}

/* --- a node's part --------------------------------------------------------------------------------------------- */

/* Attempts have little time, so that repetitions meet the request that they repeat. */
static void serve_set_method(struct sim_node *node, enum sim_kind kind, enum qs_method method)
{
    const struct qs_retry retry = {.attempts_max = 4, .attempt_timeout_us = ATTEMPT_LIMIT_US};

    if (qs_registered_set_method(node->hg_class, node->ids[kind], method, &retry) != HG_SUCCESS)
        sim_fail("node %u cannot set a method: %s", node->number, qs_error_detail());
}

void sim_serve_register(struct sim_node *node)
{
    static const hg_rpc_cb_t handlers[SIM_KINDS] = {serve_echo,     serve_quiet,    serve_slow, serve_nested,
                                                    serve_transfer, serve_transfer, serve_slow, serve_slow};
    static const char *const names[SIM_KINDS] = {"echo", "quiet", "slow", "nested", "pull", "push", "again", "once"};

    (void)HG_Class_set_data(node->hg_class, node, NULL);
    for (unsigned int i = 0; i < SIM_KINDS; i++) {
        node->ids[i] = HG_Register_name(node->hg_class, names[i], sim_proc_in, sim_proc_out, handlers[i]);
        if (node->ids[i] == 0)
            sim_fail("node %u cannot register %s: %s", node->number, names[i], qs_error_detail());
    }
    serve_set_method(node, SIM_AGAIN, QS_METHOD_IDEMPOTENT);
    serve_set_method(node, SIM_ONCE, QS_METHOD_AT_MOST_ONCE);
    (void)qs_class_set_retry_budget(node->hg_class, 100, 1000);
    (void)HG_Registered_disable_response(node->hg_class, node->ids[SIM_QUIET], 1);
}

void sim_serve_turn(struct sim_node *node)
{
    util_list_each_safe (pos, next, &node->works) {
        struct sim_work *work = util_container_of(pos, struct sim_work, link);

        if (work->answer_ns <= fake_fi_now_ns())
            work_answer(work, false);
    }
}

void sim_serve_drop(struct sim_node *node)
{
    util_list_each_safe (pos, next, &node->works) {
        struct sim_work *work = util_container_of(pos, struct sim_work, link);

        if (work->answer_ns != UINT64_MAX)
            work_free(work);
    }
}

uint64_t sim_serve_next_ns(const struct sim_node *node)
{
    uint64_t next_ns = UINT64_MAX;

    util_list_each (pos, &node->works) {
        const struct sim_work *work = util_container_of(pos, struct sim_work, link);

        if (work->answer_ns < next_ns)
            next_ns = work->answer_ns;
    }
    return next_ns;
}
