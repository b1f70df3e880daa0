/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * See once_scene.h. One thread.
 */
#include "tests/fault/once_scene.h"

#include <stdio.h>
#include <string.h>

#include "util/util_clock.h"

uint64_t now_ns;

static uint64_t simulated_clock(void)
{
    return now_ns;
}

struct once_target target;
struct once_origin origin;

/* An answer: the number of the call, and bytes that follow from it. */
struct answer {
    uint32_t number;
    struct hg_pair_blob blob;
};

static hg_return_t proc_answer(hg_proc_t proc, void *data)
{
    struct answer *answer = data;
    hg_return_t ret = hg_proc_uint32_t(proc, &answer->number);

    return ret == HG_SUCCESS ? hg_pair_proc_blob(proc, &answer->blob) : ret;
}

void answer_one(uint32_t number)
{
    static unsigned char bytes[200000];
    struct answer answer = {.number = number, .blob = {.size = target.answer_size, .data = bytes}};
    hg_handle_t handle = target.held[number];

    target.held[number] = HG_HANDLE_NULL;
    hg_pair_fill(bytes, target.answer_size, number);
    if (target.asks)
        HG_PAIR_OK(HG_Get_output_buf(handle, &target.asked[number], NULL));
    HG_PAIR_OK(HG_Respond(handle, NULL, NULL, &answer));
    if (target.keeps)
        target.kept[number] = handle;
    else
        HG_PAIR_OK(HG_Destroy(handle));
}

void let_go(uint32_t number)
{
    HG_PAIR_OK(HG_Destroy(target.kept[number]));
    target.kept[number] = HG_HANDLE_NULL;
}

/* The service's own records are the counts, which outlive its class here: whether they say that the request has run. */
static bool count_recalls(hg_handle_t handle, uint32_t number)
{
    struct qs_record record;

    if (target.identity == 0)
        return false;
    HG_PAIR_OK(qs_handle_get_record(handle, &record, sizeof(record)));
    SUPPORT_CHECK(record.origin != 0 && record.sequence >= record.first_needed && record.first_needed > 0);
    return record.may_have_run && target.executed[number] > 0;
}

static hg_return_t count_handler(hg_handle_t handle)
{
    uint32_t number;

    HG_PAIR_OK(HG_Get_input(handle, &number));
    HG_PAIR_OK(HG_Free_input(handle, &number));
    SUPPORT_CHECK(number < CALLS);
    if (count_recalls(handle, number))
        target.recalled++;
    else
        target.executed[number]++;
    if (target.held[number] != HG_HANDLE_NULL) { /* an earlier attempt: nobody waits for it any more */
        SUPPORT_CHECK(qs_handle_cancelled(target.held[number]));
        HG_PAIR_OK(HG_Destroy(target.held[number]));
    }
    target.held[number] = handle;
    if (!target.holds)
        answer_one(number);
    return HG_SUCCESS;
}

hg_class_t *open_class(const char *uri, bool listen, uint64_t identity, hg_context_t **context)
{
    struct hg_init_info init = HG_INIT_INFO_INITIALIZER;
    hg_class_t *hg_class;

    init.na_init_info.thread_mode = NA_THREAD_MODE_SINGLE;
    init.na_init_info.max_contexts = 2;
    hg_class = HG_Init_opt2(uri, listen, HG_VERSION(HG_VERSION_MAJOR, HG_VERSION_MINOR), &init);
    SUPPORT_CHECK(hg_class != NULL);
    if (identity != 0)
        HG_PAIR_OK(qs_class_set_durable_records(hg_class, identity));
    *context = HG_Context_create(hg_class);
    SUPPORT_CHECK(*context != NULL);
    return hg_class;
}

hg_id_t register_count(hg_class_t *hg_class, enum qs_method method, const struct qs_retry *retry)
{
    hg_id_t id = HG_Register_name(hg_class, "count", hg_proc_uint32_t, proc_answer, NULL);

    HG_PAIR_OK(qs_registered_set_method(hg_class, id, method, retry));
    return id;
}

void open_target(void)
{
    target.hg_class = open_class("wire://target", true, target.identity, &target.context);
    SUPPORT_CHECK(HG_Register_name(target.hg_class, "count", hg_proc_uint32_t, proc_answer, count_handler) != 0);
}

static void close_target(void)
{
    for (uint32_t i = 0; i < CALLS; i++)
        if (target.held[i] != HG_HANDLE_NULL)
            answer_one(i);
    HG_PAIR_OK(HG_Context_destroy(target.context));
    HG_PAIR_OK(HG_Finalize(target.hg_class));
}

void open_origin(enum qs_method method, const struct qs_retry *retry)
{
    memset(&origin, 0, sizeof(origin));
    util_clock_replace(simulated_clock);
    origin.hg_class = open_class("wire://origin", false, 0, &origin.context);
    origin.id = register_count(origin.hg_class, method, retry);
    HG_PAIR_OK(HG_Addr_lookup2(origin.hg_class, "wire://target", &origin.addr));
}

void close_origin(void)
{
    for (uint32_t i = 0; i < CALLS; i++)
        HG_PAIR_OK(HG_Destroy(origin.calls[i].handle));
    HG_PAIR_OK(HG_Addr_free(origin.hg_class, origin.addr));
    HG_PAIR_OK(HG_Context_destroy(origin.context));
    HG_PAIR_OK(HG_Finalize(origin.hg_class));
    util_clock_replace(NULL);
}

void open_both(enum qs_method method, const struct qs_retry *retry)
{
    memset(&target, 0, sizeof(target));
    open_origin(method, retry);
    open_target();
}

void close_both(void)
{
    close_origin();
    util_clock_replace(simulated_clock);
    close_target();
    util_clock_replace(NULL);
    SUPPORT_CHECK(fake_wire.routes == 0 && fake_wire.contexts == 0);
    SUPPORT_CHECK(fake_wire.frames_out == 0 && fake_wire.mems == 0);
}

void once_setup(void)
{
    fake_wire_reset(support_seed());
    HG_Set_log_level("none");
    now_ns = UTIL_CLOCK_NS_PER_S;
}

void turn(void)
{
    if (target.context != NULL)
        (void)hg_pair_step(target.context);
    (void)hg_pair_step(origin.context);
    now_ns += UTIL_CLOCK_NS_PER_MS;
}

void patient_turn(unsigned int *turns)
{
    SUPPORT_CHECK(++*turns < 20000);
    turn();
}

static hg_return_t call_ended(const struct hg_cb_info *info)
{
    struct once_call *call = info->arg;
    struct answer answer = {0};

    call->ended++;
    call->ret = info->ret;
    HG_PAIR_OK(qs_handle_get_result(call->handle, &call->result, sizeof(call->result)));
    (void)snprintf(call->detail, sizeof(call->detail), "%s", call->result.detail);
    if (info->ret != HG_SUCCESS)
        return HG_SUCCESS;
    HG_PAIR_OK(HG_Get_output(call->handle, &answer));
    call->right = answer.number == (uint32_t)(call - origin.calls) &&
                  hg_pair_is_filled(answer.blob.data, answer.blob.size, answer.number);
    HG_PAIR_OK(HG_Free_output(call->handle, &answer));
    return HG_SUCCESS;
}

struct once_call *call_begin(uint32_t number)
{
    struct once_call *call = &origin.calls[number];

    HG_PAIR_OK(HG_Create(origin.context, origin.addr, origin.id, &call->handle));
    return call;
}

void call_forward(uint32_t number)
{
    HG_PAIR_OK(HG_Forward(origin.calls[number].handle, call_ended, &origin.calls[number], &number));
}

struct once_call *call_start(uint32_t number)
{
    struct once_call *call = call_begin(number);

    call_forward(number);
    return call;
}

void expect(struct once_call *call, hg_return_t ret, enum qs_outcome outcome, unsigned int attempts,
            unsigned int executed)
{
    uint32_t number = (uint32_t)(call - origin.calls);

    UNTIL(call->ended > 0);
    if (call->ret != ret || call->result.outcome != outcome || call->result.attempts != attempts ||
        target.executed[number] != executed)
        fprintf(stderr, "not as expected: %s; %u attempts, executed %u times\n", call->detail, call->result.attempts,
                target.executed[number]);
    SUPPORT_CHECK(call->ended == 1 && call->ret == ret && call->result.outcome == outcome);
    SUPPORT_CHECK(call->result.attempts == attempts && target.executed[number] == executed);
    SUPPORT_CHECK(ret != HG_SUCCESS || call->right);
}

void cut(void)
{
    fake_wire_cut("wire://target");
}

struct once_call *lose_the_answer_of(uint32_t number)
{
    struct once_call *call = call_start(number);

    target.holds = true;
    UNTIL(target.executed[number] == 1);
    fake_wire.drop = 100;
    answer_one(number);
    fake_wire.drop = 0;
    target.holds = false;
    cut();
    return call;
}

struct once_call *lose_the_answer(void)
{
    return lose_the_answer_of(0);
}
