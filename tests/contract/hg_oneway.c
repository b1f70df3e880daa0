/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Calls that want no response.
 */
#include <stdlib.h>
#include <unistd.h>

#include "tests/contract/hg_contract.h"

static void send_quiet(struct hg_pair_call *call, uint64_t size)
{
    struct hg_pair_blob in = {.size = size, .data = malloc(size + 1)};

    SUPPORT_CHECK(in.data != NULL);
    hg_pair_fill(in.data, size, size);
    hg_pair_call_forward(call, &in);
    free(in.data);
}

static void oneway_call_ends_with_success_and_runs_once(void)
{
    struct hg_pair_call call;
    struct hg_pair pair;

    hg_pair_open(&pair, NULL);
    hg_pair_call_begin(&pair, &call, HG_PAIR_QUIET);
    for (unsigned int i = 1; i <= 20; i++) {
        send_quiet(&call, i);
        HG_PAIR_OK(hg_pair_call_wait(&call));
        HG_PAIR_UNTIL(&pair, atomic_load(&pair.quiet_count) == i);
    }
    hg_pair_settle(&pair);
    SUPPORT_CHECK(atomic_load(&pair.quiet_count) == 20);
    SUPPORT_CHECK(atomic_load(&pair.bad_inputs) == 0);
    SUPPORT_CHECK(hg_pair_counters(pair.origin.hg_class).rpc_oneway_sent == 20);
    SUPPORT_CHECK(hg_pair_counters(pair.target.hg_class).rpc_resp_sent == 0);
    hg_pair_call_end(&call);
    hg_pair_close(&pair);
}

/* The origin has spoken to the target before, forwards, and never enters the library again. */
static void oneway_call_arrives_although_its_origin_does_nothing(void)
{
    struct hg_pair_call call;
    struct hg_pair pair;

    hg_pair_open(&pair, NULL);
    hg_pair_check_works(&pair);
    hg_pair_call_begin(&pair, &call, HG_PAIR_QUIET);
    send_quiet(&call, 77);
    for (struct hg_pair_patience patience = {0}; atomic_load(&pair.quiet_count) == 0;) {
        (void)hg_pair_step_target(&pair);
        hg_pair_patience_check(&patience, "the one-way call arrives");
    }
    SUPPORT_CHECK(atomic_load(&call.calls) == 0);
    HG_PAIR_FINISH(&call, HG_SUCCESS);
    hg_pair_close(&pair);
}

/* What the user does with a one-way call in practice: forward, wait for the callback, leave. */
static void oneway_call_arrives_although_its_origin_is_gone(void)
{
    struct hg_pair_call call;
    struct hg_pair pair;

    hg_pair_open(&pair, &(struct hg_pair_options){.threaded = true});
    hg_pair_check_works(&pair);
    hg_pair_call_begin(&pair, &call, HG_PAIR_QUIET);
    send_quiet(&call, 1000);
    HG_PAIR_FINISH(&call, HG_SUCCESS);
    hg_pair_close_origin(&pair);
    HG_PAIR_UNTIL(&pair, atomic_load(&pair.quiet_count) == 1);
    hg_pair_close(&pair);
}

/* There is no connection yet when it leaves, and nobody waits for the call. */
static void first_oneway_call_arrives_although_its_origin_is_gone(void)
{
    struct hg_pair_blob in = {0};
    struct hg_pair_call call;
    struct hg_pair pair;

    hg_pair_open(&pair, &(struct hg_pair_options){.threaded = true});
    hg_pair_call_begin(&pair, &call, HG_PAIR_QUIET);
    HG_PAIR_OK(HG_Forward(call.handle, NULL, NULL, &in));
    hg_pair_call_end(&call);
    hg_pair_close_origin(&pair);
    HG_PAIR_UNTIL(&pair, atomic_load(&pair.quiet_count) == 1);
    hg_pair_close(&pair);
}

static void large_oneway_calls_arrive_whole(void)
{
    static const uint64_t sizes[] = {20000, 50000, 100000, 1048576};
    struct hg_pair_call call;
    struct hg_pair pair;

    hg_pair_open(&pair, NULL);
    hg_pair_call_begin(&pair, &call, HG_PAIR_QUIET);
    for (unsigned int i = 0; i < 4; i++) {
        send_quiet(&call, sizes[i]);
        HG_PAIR_OK(hg_pair_call_wait(&call));
        HG_PAIR_UNTIL(&pair, atomic_load(&pair.quiet_count) == i + 1);
    }
    SUPPORT_CHECK(atomic_load(&pair.bad_inputs) == 0);
    hg_pair_call_end(&call);
    hg_pair_close(&pair);
}

static void oneway_call_to_an_unknown_rpc_harms_nobody(void)
{
    static const uint64_t sizes[] = {5, 20000, 200000};
    struct hg_pair_call call;
    struct hg_pair pair;
    hg_id_t id;

    hg_pair_open(&pair, NULL);
    id = HG_Register_name(pair.origin.hg_class, "quiet and unknown", hg_pair_proc_blob, NULL, NULL);
    HG_PAIR_OK(HG_Registered_disable_response(pair.origin.hg_class, id, HG_TRUE));
    hg_pair_call_begin(&pair, &call, HG_PAIR_QUIET);
    HG_PAIR_OK(HG_Reset(call.handle, HG_ADDR_NULL, id));
    for (unsigned int i = 0; i < 3; i++) {
        send_quiet(&call, sizes[i]);
        HG_PAIR_OK(hg_pair_call_wait(&call));
        hg_pair_check_works(&pair);
    }
    hg_pair_call_end(&call);
    hg_pair_close(&pair);
}

static hg_return_t answer_anyway(hg_handle_t handle)
{
    HG_PAIR_RET(HG_Respond(handle, NULL, NULL, NULL), HG_OPNOTSUPPORTED);
    atomic_fetch_add(&hg_pair_of(handle)->quiet_count, 1);
    return HG_Destroy(handle);
}

/* The origin's setting counts, not the target's. */
static void answer_to_a_oneway_call_is_not_supported(void)
{
    struct hg_pair_call call;
    struct hg_pair pair;
    hg_id_t id;

    hg_pair_open(&pair, NULL);
    id = hg_pair_register_both(&pair, "one-way here", NULL, NULL, answer_anyway);
    HG_PAIR_OK(HG_Registered_disable_response(pair.origin.hg_class, id, HG_TRUE));
    hg_pair_call_start_id(&pair, &call, id, NULL);
    HG_PAIR_OK(hg_pair_call_wait(&call));
    HG_PAIR_UNTIL(&pair, atomic_load(&pair.quiet_count) == 1);
    hg_pair_call_end(&call);
    hg_pair_close(&pair);
}

static hg_return_t answer_as_asked(hg_handle_t handle)
{
    const struct hg_info *info = HG_Get_info(handle);
    uint8_t disabled = HG_FALSE;

    HG_PAIR_OK(HG_Registered_disabled_response(info->hg_class, info->id, &disabled));
    SUPPORT_CHECK(disabled == HG_TRUE);
    HG_PAIR_OK(HG_Respond(handle, NULL, NULL, NULL));
    return HG_Destroy(handle);
}

static void setting_of_the_target_alone_leaves_the_answer_owed(void)
{
    struct hg_pair_call call;
    struct hg_pair pair;
    hg_id_t id;

    hg_pair_open(&pair, NULL);
    id = hg_pair_register_both(&pair, "one-way there", NULL, NULL, answer_as_asked);
    HG_PAIR_OK(HG_Registered_disable_response(pair.target.hg_class, id, HG_TRUE));
    hg_pair_call_start_id(&pair, &call, id, NULL);
    HG_PAIR_OK(hg_pair_call_wait(&call));
    SUPPORT_CHECK(hg_pair_counters(pair.origin.hg_class).rpc_resp_recv == 1);
    hg_pair_call_end(&call);
    hg_pair_close(&pair);
}

/* Far more than the window, while the target does nothing: none is lost, none arrives twice. */
static void thousands_of_oneway_calls_wait_for_a_busy_target(void)
{
    enum { COUNT = 3000 };
    static struct hg_pair_call calls[COUNT];
    struct hg_pair pair;

    hg_pair_open(&pair, NULL);
    for (unsigned int i = 0; i < COUNT; i++) {
        hg_pair_call_begin(&pair, &calls[i], HG_PAIR_QUIET);
        send_quiet(&calls[i], i % 50);
    }
    for (unsigned int i = 0; i < COUNT; i++)
        HG_PAIR_FINISH(&calls[i], HG_SUCCESS);
    HG_PAIR_UNTIL(&pair, atomic_load(&pair.quiet_count) == COUNT);
    hg_pair_settle(&pair);
    SUPPORT_CHECK(atomic_load(&pair.quiet_count) == COUNT);
    SUPPORT_CHECK(atomic_load(&pair.bad_inputs) == 0);
    hg_pair_close(&pair);
}

const struct support_case hg_oneway_cases[] = {
    SUPPORT_CASE(oneway_call_ends_with_success_and_runs_once),
    SUPPORT_CASE(oneway_call_arrives_although_its_origin_does_nothing),
    SUPPORT_CASE(oneway_call_arrives_although_its_origin_is_gone),
    SUPPORT_CASE(first_oneway_call_arrives_although_its_origin_is_gone),
    SUPPORT_CASE(large_oneway_calls_arrive_whole),
    SUPPORT_CASE(oneway_call_to_an_unknown_rpc_harms_nobody),
    SUPPORT_CASE(answer_to_a_oneway_call_is_not_supported),
    SUPPORT_CASE(setting_of_the_target_alone_leaves_the_answer_owed),
    SUPPORT_CASE(thousands_of_oneway_calls_wait_for_a_busy_target),
    {NULL, NULL, 0},
};
