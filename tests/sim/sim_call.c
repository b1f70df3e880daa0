/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Calls: their properties by chance, their way out, their end. What a call carries is a piece of one pattern, at a place
 * that its id gives: bytes of another call are seen to be others.
 */
#include <stdlib.h>
#include <string.h>

#include "hg/hg_handle.h"
#include "hg/hg_session.h"
#include "tests/sim/sim.h"

enum { CANARY_BYTE = 0xc5, EMPTY_BYTE = 0x11, GONE_BYTE = 0xee };

const unsigned char *sim_input_bytes(const struct sim_call *call)
{
    return sim_pattern + call->id * 8191 % (SIM_PATTERN_SIZE - SIM_BYTES_MAX);
}

const unsigned char *sim_output_bytes(const struct sim_call *call)
{
    return sim_pattern + (call->id * 8191 + 4001) % (SIM_PATTERN_SIZE - SIM_BYTES_MAX);
}

/* --- what travels ---------------------------------------------------------------------------------------- */

static hg_return_t proc_data(hg_proc_t proc, uint32_t *size, unsigned char **data)
{
    hg_return_t ret = hg_proc_uint32_t(proc, size);

    if (hg_proc_get_op(proc) == HG_FREE) {
        free(*data);
        *data = NULL;
        return HG_SUCCESS;
    }
    if (ret != HG_SUCCESS || *size == 0)
        return ret;
    if (hg_proc_get_op(proc) == HG_DECODE) {
        *data = *size <= SIM_BYTES_MAX ? malloc(*size) : NULL;
        if (*data == NULL)
            return HG_NOMEM;
    }
    return hg_proc_bytes(proc, *data, *size);
}

hg_return_t sim_proc_in(hg_proc_t proc, void *data)
{
    struct sim_in *in = data;
    hg_return_t ret = hg_proc_uint64_t(proc, &in->id);

    if (ret == HG_SUCCESS)
        ret = hg_proc_uint8_t(proc, &in->has_bulk);
    if (ret == HG_SUCCESS && in->has_bulk != 0)
        ret = hg_proc_hg_bulk_t(proc, &in->bulk);
    if (ret == HG_SUCCESS)
        ret = proc_data(proc, &in->size, &in->data);
    return ret;
}

hg_return_t sim_proc_out(hg_proc_t proc, void *data)
{
    struct sim_out *out = data;
    hg_return_t ret = hg_proc_uint64_t(proc, &out->id);

    if (ret == HG_SUCCESS)
        ret = hg_proc_uint32_t(proc, &out->moved);
    if (ret == HG_SUCCESS)
        ret = proc_data(proc, &out->size, &out->data);
    return ret;
}

/* --- plans ----------------------------------------------------------------------------------------------- */

static uint32_t plan_size(void)
{
    uint64_t dice = sim_below(100);

    if (dice < 70)
        return (uint32_t)sim_below(200);
    if (dice < 85)
        return (uint32_t)sim_below(4500);
    if (dice < 97)
        return (uint32_t)sim_between(4500, 40000);
    return (uint32_t)sim_between(60000, 130000);
}

static enum sim_kind plan_kind(void)
{
    static const enum sim_kind kinds[] = {SIM_ECHO,  SIM_ECHO,  SIM_ECHO,  SIM_ECHO, SIM_ECHO,
                                          SIM_QUIET, SIM_QUIET, SIM_SLOW,  SIM_SLOW, SIM_NESTED,
                                          SIM_PULL,  SIM_PUSH,  SIM_AGAIN, SIM_ONCE, SIM_ONCE};

    return kinds[sim_below(sizeof(kinds) / sizeof(kinds[0]))];
}

static uint64_t plan_timeout_ns(void)
{
    /* Over datagrams a call without a limit ends when its target denies it, if the transport keeps its promises. */
    if (sim.lossy ? !sim.duplicates && sim_below(8) == 0 : sim_below(2) == 0)
        return 0;
    return sim_between(200, 400 * 1000) * UTIL_CLOCK_NS_PER_US;
}

struct sim_call *sim_call_plan(unsigned int origin)
{
    struct sim_call *call;

    if (sim.call_count == SIM_CALLS_MAX)
        return NULL;
    call = &sim.calls[sim.call_count];
    memset(call, 0, sizeof(*call));
    call->id = sim.call_count++;
    call->origin = origin;
    call->target = (unsigned int)sim_below(sim.node_count);
    call->third = (unsigned int)sim_below(sim.node_count);
    call->kind = plan_kind();
    call->in_size = plan_size();
    call->out_size = plan_size();
    call->timeout_ns = plan_timeout_ns();
    call->hold_ns = sim_between(1, 30 * 1000) * UTIL_CLOCK_NS_PER_US;
    if (call->kind == SIM_PULL || call->kind == SIM_PUSH)
        call->bulk_size = 1 + plan_size();
    return call;
}

/* --- the way out ------------------------------------------------------------------------------------------- */

static bool call_open_memory(struct sim_call *call, hg_class_t *hg_class)
{
    hg_size_t size = call->bulk_size;
    uint8_t flags = call->kind == SIM_PULL ? HG_BULK_READ_ONLY : HG_BULK_WRITE_ONLY;
    void *first;

    if (size == 0)
        return true;
    call->memory = malloc(size + 2 * SIM_CANARY);
    if (call->memory == NULL)
        abort();
    memset(call->memory, CANARY_BYTE, size + 2 * SIM_CANARY);
    first = call->memory + SIM_CANARY;
    if (call->kind == SIM_PULL)
        memcpy(first, sim_input_bytes(call), size);
    else
        memset(first, EMPTY_BYTE, size);
    return HG_Bulk_create(hg_class, 1, &first, &size, flags, &call->bulk) == HG_SUCCESS;
}

static void call_check_canaries(const struct sim_call *call)
{
    for (unsigned int i = 0; i < SIM_CANARY; i++)
        if (call->memory[i] != CANARY_BYTE || call->memory[SIM_CANARY + call->bulk_size + i] != CANARY_BYTE)
            sim_fail("call %llu: bytes beside its memory were written", (unsigned long long)call->id);
}

/* The call's memory is handed back: nobody may write to it any more. */
static void call_close_memory(struct sim_call *call)
{
    unsigned char *first = call->memory + SIM_CANARY;

    if (call->memory == NULL)
        return;
    if (call->moved && call->ret == HG_SUCCESS && call->kind == SIM_PUSH &&
        memcmp(first, sim_output_bytes(call), call->bulk_size) != 0)
        sim_fail("call %llu: what was pushed is not what is there", (unsigned long long)call->id);
    if (call->bulk != HG_BULK_NULL && HG_Bulk_free(call->bulk) != HG_SUCCESS)
        sim_fail("call %llu: its bulk handle cannot be freed: %s", (unsigned long long)call->id, qs_error_detail());
    call->bulk = HG_BULK_NULL;
    call_check_canaries(call);
    memset(first, GONE_BYTE, call->bulk_size);
}

void sim_call_release(struct sim_call *call)
{
    call_close_memory(call);
    if (call->handle != HG_HANDLE_NULL && HG_Destroy(call->handle) != HG_SUCCESS)
        sim_fail("call %llu: its handle cannot be destroyed: %s", (unsigned long long)call->id, qs_error_detail());
    call->handle = HG_HANDLE_NULL;
}

void sim_call_free_all(void)
{
    for (unsigned int i = 0; i < sim.call_count; i++) {
        struct sim_call *call = &sim.calls[i];

        if (call->memory == NULL)
            continue;
        call_check_canaries(call);
        for (uint32_t at = 0; at < call->bulk_size; at++)
            if (call->memory[SIM_CANARY + at] != GONE_BYTE)
                sim_fail("call %llu: its memory was written after it had been handed back",
                         (unsigned long long)call->id);
        free(call->memory);
        call->memory = NULL;
    }
}

static void call_take_output(struct sim_call *call)
{
    struct sim_out out = {0};
    hg_return_t ret;

    if (call->ret != HG_SUCCESS || call->kind == SIM_QUIET)
        return;
    ret = HG_Get_output(call->handle, &out);
    if (ret != HG_SUCCESS)
        sim_fail("call %llu: its output cannot be decoded: %s", (unsigned long long)call->id, HG_Error_to_string(ret));
    sim_check_output(call, &out);
    call->moved = out.moved != 0;
    (void)HG_Free_output(call->handle, &out);
}

static enum qs_outcome call_outcome(const struct sim_call *call, hg_handle_t handle, hg_return_t ret)
{
    struct qs_result result;

    if (qs_handle_get_result(handle, &result, sizeof(result)) != HG_SUCCESS)
        sim_fail("a call that has ended has no result: %s", qs_error_detail());
    if (result.ret != ret)
        sim_fail("a call that ended with %s has the result %s", HG_Error_to_string(ret),
                 HG_Error_to_string(result.ret));
    if (call->kind == SIM_ONCE)
        sim.repetitions += result.attempts - 1;
    return result.outcome;
}

static hg_return_t call_ended(const struct hg_cb_info *info)
{
    struct sim_call *call = info->arg;
    struct sim_node *node = &sim.nodes[call->origin];

    if (call->ended)
        sim_fail("call %llu: its callback runs twice", (unsigned long long)call->id);
    call->ended = true;
    call->ret = info->ret;
    call->outcome = call_outcome(call, info->info.forward.handle, info->ret);
    if (!call->abandoned) {
        sim.open_calls--;
        sim_trace("call %llu ends with %s, %s", (unsigned long long)call->id, HG_Error_to_string(info->ret),
                  qs_outcome_text(call->outcome));
        sim_note(call->id << 8 | (uint64_t)info->ret);
        sim_note(fake_fi_now_ns());
        call_take_output(call);
        sim_check_ended(call, node);
    }
    sim_call_release(call);
    return HG_SUCCESS;
}

static const char *const kind_names[SIM_KINDS] = {"echo", "quiet", "slow", "nested", "pull", "push", "again", "once"};

/* Which incarnation of the peer the call is for, as far as the session knows that. */
static uint64_t call_wanted(const struct sim_call *call)
{
    const struct hg_handle *handle = (const struct hg_handle *)call->handle;

    return !call->ended && handle->session != NULL ? handle->session->remote.incarnation : 0;
}

static hg_return_t call_forward(struct sim_call *call, struct sim_node *node)
{
    struct sim_in in = {
        .id = call->id, .size = call->in_size, .data = (unsigned char *)(uintptr_t)sim_input_bytes(call)};
    hg_return_t ret = HG_Create(node->context, node->peers[call->target], node->ids[call->kind], &call->handle);

    if (ret != HG_SUCCESS)
        return ret;
    if (!call_open_memory(call, node->hg_class))
        return HG_NOMEM;
    in.bulk = call->bulk;
    in.has_bulk = call->bulk != HG_BULK_NULL;
    if (call->timeout_ns != 0)
        (void)qs_handle_set_timeout(call->handle, call->timeout_ns / UTIL_CLOCK_NS_PER_US);
    return HG_Forward(call->handle, call_ended, call, &in);
}

void sim_call_forward(struct sim_call *call)
{
    struct sim_node *node = &sim.nodes[call->origin];
    hg_return_t ret;

    if (!node->alive)
        return;
    sim_trace("call %llu: %u > %u, %s, %u and %u bytes, %u of memory, limit %llu us", (unsigned long long)call->id,
              call->origin, call->target, kind_names[call->kind], call->in_size, call->out_size, call->bulk_size,
              (unsigned long long)(call->timeout_ns / UTIL_CLOCK_NS_PER_US));
    call->forwarded_ns = fake_fi_now_ns();
    call->forwarded = true;
    sim.open_calls++;
    ret = call_forward(call, node);
    if (ret == HG_SUCCESS) {
        call->wanted = sim_repeats(call->kind) ? 0 : call_wanted(call); /* another attempt may have another session */
        return;
    }
    sim_trace("call %llu is refused with %s", (unsigned long long)call->id, HG_Error_to_string(ret));
    if (call->ended)
        sim_fail("call %llu was refused, and has called back", (unsigned long long)call->id);
    call->forwarded = false;
    sim.open_calls--;
    sim_check_refused(call);
    sim_call_release(call);
}

void sim_call_cancel(struct sim_call *call)
{
    if (!call->forwarded || call->ended || call->abandoned)
        return;
    sim_trace("call %llu is cancelled", (unsigned long long)call->id);
    if (HG_Cancel(call->handle) != HG_SUCCESS)
        sim_fail("call %llu cannot be cancelled: %s", (unsigned long long)call->id, qs_error_detail());
}
