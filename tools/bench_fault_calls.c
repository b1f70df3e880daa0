/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * See bench_fault_calls.h. A place whose call failed rests for a moment, as a sensible program
 * would: without a server, failing is quick, and millions of such calls would say nothing.
 */
#include "tools/bench_fault_calls.h"

#include "util/util_clock.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define REST_NS      (2 * UTIL_CLOCK_NS_PER_MS)
#define ATTEMPTS     6U
#define ATTEMPT_PART 8U /* an attempt may take this part of a call's time */
#define PAUSE_US     10000U

struct bench_fault_slot {
    struct bench_fault_calls *calls; /* borrowed */
    hg_handle_t handles[BENCH_FAULT_METHODS];
    void *buf;       /* owned: the request's payload */
    uint64_t number; /* of the call under way, or of the last one */
    uint64_t rest_until_ns;
    bool under_way;
};

/* --------------------------------------------------------------------------------------- ends */

/* Whether the answer is the call's own. */
static bool check_answer(struct bench_fault_calls *calls, hg_handle_t handle, uint64_t number)
{
    struct bench_echo body = {.capacity = (uint32_t)calls->size, .data = calls->answer};
    bool good;

    if (HG_Get_output(handle, &body) != HG_SUCCESS)
        return false;
    good = body.size == calls->size && bench_fault_body_check(body.data, body.size, number, BENCH_FAULT_ANSWER);
    return HG_Free_output(handle, &body) == HG_SUCCESS && good;
}

static void count_success(struct bench_fault_calls *calls, uint64_t now_ns)
{
    struct bench_fault_plan *plan = calls->plan;

    bench_fault_result_success(plan->result, now_ns);
    if (plan->restarted_ns != 0)
        bench_fault_result_recovery(plan->result, now_ns - plan->restarted_ns);
    plan->restarted_ns = 0;
}

static void record_end(struct bench_fault_call *call, const struct hg_cb_info *info)
{
    enum tool_outcome outcome = TOOL_OUTCOME_UNKNOWN;
    uint32_t attempts = 0;

    (void)tool_lib_result(info->info.forward.handle, &outcome, &attempts);
    call->ret = (uint8_t)info->ret;
    call->outcome = (uint8_t)outcome;
    call->attempts = (uint8_t)(attempts < UINT8_MAX ? attempts : UINT8_MAX);
}

static hg_return_t call_done(const struct hg_cb_info *info)
{
    struct bench_fault_slot *slot = info->arg;
    struct bench_fault_calls *calls = slot->calls;
    struct bench_fault_call *call = &calls->made[slot->number];
    uint64_t now_ns = util_clock_now_ns();

    if (call->callbacks < UINT8_MAX)
        call->callbacks++;
    if (!slot->under_way)
        return HG_SUCCESS; /* one too many: the check says so */
    slot->under_way = false;
    calls->under_way--;
    record_end(call, info);
    if (info->ret == HG_SUCCESS) {
        call->wrong_body = !check_answer(calls, info->info.forward.handle, slot->number);
        count_success(calls, now_ns);
    } else {
        slot->rest_until_ns = now_ns + REST_NS;
    }
    return HG_SUCCESS;
}

/* ------------------------------------------------------------------------------------- begins */

/* False: too many are under way already, and none was made. */
static bool make_call(struct bench_fault_calls *calls, struct bench_fault_slot *slot, uint64_t now_ns)
{
    uint32_t size = (uint32_t)calls->size;
    struct bench_echo body = {.size = size, .capacity = size, .data = slot->buf};
    hg_return_t ret;

    slot->number = calls->count;
    slot->under_way = true;
    calls->under_way++;
    bench_fault_body_fill(slot->buf, calls->size, slot->number, BENCH_FAULT_REQUEST);
    ret = tool_lib_forward(slot->handles[bench_fault_method(slot->number)], call_done, slot, &body);
    if (ret != HG_SUCCESS) {
        slot->under_way = false;
        calls->under_way--;
    }
    if (ret == HG_AGAIN)
        return false;
    if (ret != HG_SUCCESS) {
        calls->made[slot->number].refused = true;
        calls->made[slot->number].ret = (uint8_t)ret;
        slot->rest_until_ns = now_ns + REST_NS;
    }
    calls->count++;
    return true;
}

bool bench_fault_calls_fill(struct bench_fault_calls *calls, uint64_t now_ns)
{
    for (unsigned int i = 0; i < calls->window; i++) {
        struct bench_fault_slot *slot = &calls->slots[i];

        if (slot->under_way || now_ns < slot->rest_until_ns)
            continue;
        if (calls->count == calls->capacity)
            return false;
        if (!make_call(calls, slot, now_ns))
            break;
    }
    return true;
}

/* --------------------------------------------------------------------------------------- life */

static bool register_calls(struct bench_fault_calls *calls, uint64_t timeout_ns)
{
    hg_class_t *hg_class = calls->client->hg_class;

    if (!bench_fault_register(hg_class, NULL, NULL, calls->ids))
        return false;
    for (unsigned int i = 0; i < BENCH_FAULT_METHODS; i++) {
        struct tool_calls how = {
            .method = (enum tool_method)i, .timeout_us = timeout_ns / UTIL_CLOCK_NS_PER_US, .pause_us = PAUSE_US};

        if (how.method != TOOL_METHOD_ONCE) {
            how.attempts_max = ATTEMPTS;
            how.attempt_timeout_us = how.timeout_us / ATTEMPT_PART;
        }
        if (!tool_lib_set_calls(hg_class, calls->ids[i], &how))
            return false;
    }
    return true;
}

static bool open_slot(struct bench_fault_calls *calls, struct bench_fault_slot *slot)
{
    slot->calls = calls;
    slot->buf = malloc(calls->size);
    for (unsigned int i = 0; i < BENCH_FAULT_METHODS; i++)
        if (HG_Create(calls->client->context, calls->client->addr, calls->ids[i], &slot->handles[i]) != HG_SUCCESS)
            return false;
    return slot->buf != NULL;
}

/* The record is as sparse as the ledger: only what is used takes memory. */
static bool open_memory(struct bench_fault_calls *calls)
{
    void *made = mmap(NULL, (size_t)calls->capacity * sizeof(*calls->made), PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (made != MAP_FAILED)
        calls->made = made;
    calls->answer = malloc(calls->size);
    calls->slots = calloc(calls->window, sizeof(*calls->slots));
    return calls->made != NULL && calls->answer != NULL && calls->slots != NULL;
}

bool bench_fault_calls_open(struct bench_fault_calls *calls, struct bench_client *client, struct bench_fault_plan *plan,
                            uint64_t capacity, uint64_t timeout_ns)
{
    const struct bench_options *options = plan->options;
    bool good;

    memset(calls, 0, sizeof(*calls));
    calls->client = client;
    calls->plan = plan;
    calls->capacity = capacity;
    calls->size = (size_t)options->sizes.values[0];
    calls->window = (unsigned int)options->windows.values[0];
    good = open_memory(calls) && register_calls(calls, timeout_ns);
    for (unsigned int i = 0; good && i < calls->window; i++)
        good = open_slot(calls, &calls->slots[i]);
    if (!good)
        bench_fault_result_fail(plan->result, "the calls could not be prepared (%s)", tool_lib_detail());
    return good;
}

void bench_fault_calls_close(struct bench_fault_calls *calls)
{
    for (unsigned int i = 0; calls->slots != NULL && i < calls->window; i++) {
        for (unsigned int j = 0; j < BENCH_FAULT_METHODS; j++)
            if (calls->slots[i].handles[j] != HG_HANDLE_NULL)
                (void)HG_Destroy(calls->slots[i].handles[j]);
        free(calls->slots[i].buf);
    }
    free(calls->slots);
    free(calls->answer);
    calls->slots = NULL;
    calls->answer = NULL;
}

void bench_fault_calls_forget(struct bench_fault_calls *calls)
{
    if (calls->made != NULL)
        (void)munmap(calls->made, (size_t)calls->capacity * sizeof(*calls->made));
    calls->made = NULL;
}
