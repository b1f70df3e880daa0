/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Flow control: calls that wait for an answer never block others, requests beyond the window wait and are not
 * lost, and an origin that never reads harms only itself.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/contract/hg_contract.h"

/* Many calls of HG_PAIR_HOLD that nobody answers. */
static void hold_many(struct hg_pair *pair, struct hg_pair_call *calls, unsigned int count)
{
    struct hg_pair_blob in = {0};

    for (unsigned int i = 0; i < count; i++)
        hg_pair_call_start(pair, &calls[i], HG_PAIR_HOLD, &in);
    HG_PAIR_UNTIL(pair, atomic_load(&pair->held_count) == count);
}

static void answer_many(struct hg_pair *pair, struct hg_pair_call *calls, unsigned int count)
{
    for (unsigned int i = 0; i < count; i++)
        SUPPORT_CHECK(hg_pair_answer(pair));
    for (unsigned int i = 0; i < count; i++)
        HG_PAIR_FINISH(&calls[i], HG_SUCCESS);
}

static void unanswered_calls_do_not_delay_the_next(void)
{
    static struct hg_pair_call calls[128];
    struct hg_pair pair;
    uint64_t begin_us;

    hg_pair_open(&pair, NULL);
    hold_many(&pair, calls, 128);
    begin_us = support_suite_now_us();
    hg_pair_check_works(&pair);
    SUPPORT_CHECK(support_suite_now_us() - begin_us < 1000000);
    for (unsigned int i = 0; i < 128; i++)
        SUPPORT_CHECK(atomic_load(&calls[i].calls) == 0);
    answer_many(&pair, calls, 128);
    hg_pair_close(&pair);
}

static void two_thousand_calls_may_be_unanswered(void)
{
    static struct hg_pair_call calls[2000];
    struct hg_pair pair;

    hg_pair_open(&pair, NULL);
    hold_many(&pair, calls, 2000);
    for (unsigned int i = 0; i < 10; i++)
        hg_pair_check_works(&pair);
    answer_many(&pair, calls, 2000);
    hg_pair_close(&pair);
}

/* More than the window while the target only progresses: HG_Forward goes on taking calls, none is lost. */
static void calls_beyond_the_window_wait_and_are_not_lost(void)
{
    enum { COUNT = 3000 };
    static struct hg_pair_call calls[COUNT];
    struct hg_pair_blob in = {0};
    struct hg_pair pair;

    hg_pair_open(&pair, &(struct hg_pair_options){.silent_target = true});
    for (unsigned int i = 0; i < COUNT; i++)
        hg_pair_call_start(&pair, &calls[i], HG_PAIR_ECHO, &in);
    /* Some providers take a while to connect, hence until something has come. */
    for (unsigned int i = 0; i < 300 || hg_pair_counters(pair.target.hg_class).rpc_req_recv == 0; i++) {
        (void)HG_Progress(pair.target.contexts[0], 0);
        (void)hg_pair_step_origin(&pair);
    }
    SUPPORT_CHECK(atomic_load(&pair.echoed) == 0);
    SUPPORT_CHECK(hg_pair_counters(pair.target.hg_class).rpc_req_recv < COUNT);
    SUPPORT_CHECK(hg_pair_counters(pair.target.hg_class).rpc_req_recv > 0);
    pair.options.silent_target = false;
    for (unsigned int i = 0; i < COUNT; i++)
        HG_PAIR_FINISH(&calls[i], HG_SUCCESS);
    SUPPORT_CHECK(atomic_load(&pair.echoed) == COUNT);
    hg_pair_close(&pair);
}

/* The same with payloads that go in fragments and by descriptor. */
static void large_calls_beyond_the_window_are_not_lost(void)
{
    enum { COUNT = 600 };
    static struct hg_pair_call calls[COUNT];
    struct hg_pair pair;

    hg_pair_open(&pair, &(struct hg_pair_options){.silent_target = true});
    for (unsigned int i = 0; i < COUNT; i++) {
        struct hg_pair_blob in = {.size = i % 3 == 0 ? 20000 : i % 3 == 1 ? 3000 : 80000};

        in.data = calloc(1, in.size);
        hg_pair_call_start(&pair, &calls[i], HG_PAIR_ECHO, &in);
        free(in.data);
        (void)hg_pair_step_origin(&pair);
        if (i % 8 == 0)
            (void)HG_Progress(pair.target.contexts[0], 0);
    }
    pair.options.silent_target = false;
    for (unsigned int i = 0; i < COUNT; i++)
        HG_PAIR_FINISH(&calls[i], HG_SUCCESS);
    hg_pair_close(&pair);
}

/* The target answers much to an origin that does not progress: answers wait, and another origin is served. */
static void origin_that_does_not_read_harms_nobody_else(void)
{
    enum { COUNT = 400 };
    static struct hg_pair_call calls[COUNT];
    struct hg_pair_move_in in = {.out_size = 3500};
    struct hg_pair pair;
    struct hg_pair other;

    hg_pair_open(&pair, NULL);
    hg_pair_check_works(&pair);
    for (unsigned int i = 0; i < COUNT; i++)
        hg_pair_call_start(&pair, &calls[i], HG_PAIR_MOVE, &in);
    for (unsigned int i = 0; i < 300; i++)
        (void)hg_pair_step_target(&pair);
    /* A second origin, in the place of the first one. */
    other = pair;
    other.origin.hg_class = hg_pair_init(false, NULL);
    other.origin.contexts[0] = HG_Context_create(other.origin.hg_class);
    SUPPORT_CHECK(other.origin.contexts[0] != NULL);
    hg_pair_register(&pair, &other.origin);
    {
        hg_size_t size = 256;
        char text[256];

        HG_PAIR_OK(HG_Addr_to_string(pair.origin.hg_class, text, &size, pair.addr));
        HG_PAIR_OK(HG_Addr_lookup2(other.origin.hg_class, text, &other.addr));
    }
    for (unsigned int i = 0; i < 50; i++)
        hg_pair_move(&other, 100, 3000);
    hg_pair_close_origin(&other);
    for (unsigned int i = 0; i < COUNT; i++)
        HG_PAIR_FINISH(&calls[i], HG_SUCCESS);
    hg_pair_close(&pair);
}

/* Calls, each of which makes the target call back before it answers, far beyond any window. */
static hg_return_t nested_done(const struct hg_cb_info *info)
{
    hg_handle_t outer = info->arg;

    HG_PAIR_OK(info->ret);
    HG_PAIR_OK(HG_Respond(outer, NULL, NULL, NULL));
    HG_PAIR_OK(HG_Destroy(outer));
    return HG_Destroy(info->info.forward.handle);
}

static hg_return_t nested_handler(hg_handle_t handle)
{
    const struct hg_info *info = HG_Get_info(handle);
    struct hg_pair *pair = hg_pair_of(handle);
    hg_handle_t back;

    HG_PAIR_OK(HG_Create(info->context, info->addr, pair->target.ids[HG_PAIR_EMPTY], &back));
    HG_PAIR_OK(HG_Forward(back, nested_done, handle, NULL));
    return HG_SUCCESS;
}

static void nested_calls_do_not_lock_each_other_out(void)
{
    enum { COUNT = 1500 };
    static struct hg_pair_call calls[COUNT];
    struct hg_pair pair;
    hg_id_t id;

    hg_pair_open(&pair, NULL);
    id = hg_pair_register_both(&pair, "nested", NULL, NULL, nested_handler);
    for (unsigned int i = 0; i < COUNT; i++) {
        hg_pair_call_begin(&pair, &calls[i], HG_PAIR_EMPTY);
        HG_PAIR_OK(HG_Reset(calls[i].handle, HG_ADDR_NULL, id));
        hg_pair_call_forward(&calls[i], NULL);
    }
    for (unsigned int i = 0; i < COUNT; i++)
        HG_PAIR_FINISH(&calls[i], HG_SUCCESS);
    hg_pair_close(&pair);
}

static void batching_can_be_switched_off(void)
{
    enum { COUNT = 500 };
    static struct hg_pair_call calls[COUNT];
    struct hg_pair_blob in = {0};
    struct qs_counters counters;
    struct hg_pair pair;

    hg_pair_open(&pair, NULL);
    HG_PAIR_OK(qs_class_set_batching(pair.origin.hg_class, false));
    HG_PAIR_OK(qs_class_set_batching(pair.target.hg_class, false));
    for (unsigned int i = 0; i < COUNT; i++)
        hg_pair_call_start(&pair, &calls[i], HG_PAIR_ECHO, &in);
    for (unsigned int i = 0; i < COUNT; i++)
        HG_PAIR_FINISH(&calls[i], HG_SUCCESS);
    counters = hg_pair_counters(pair.target.hg_class);
    SUPPORT_CHECK(counters.frames_sent >= counters.rpc_resp_sent);
    hg_pair_close(&pair);
}

/* Refused, not delayed; and the refused call leaves no trace. */
static void bounded_calls_beyond_the_limit_are_refused(void)
{
    enum { LIMIT = 10 };
    struct hg_pair_call calls[LIMIT + 1];
    struct hg_pair_blob in = {0};
    struct hg_pair pair;

    hg_pair_open(&pair, NULL);
    HG_PAIR_RET(qs_class_set_in_flight(NULL, 1), HG_INVALID_ARG);
    HG_PAIR_OK(qs_class_set_in_flight(pair.origin.hg_class, LIMIT));
    for (unsigned int i = 0; i <= LIMIT; i++)
        hg_pair_call_begin(&pair, &calls[i], HG_PAIR_HOLD);
    for (unsigned int i = 0; i < LIMIT; i++)
        HG_PAIR_OK(qs_forward(calls[i].handle, hg_pair_call_cb, &calls[i], &in));
    HG_PAIR_RET(qs_forward(calls[LIMIT].handle, hg_pair_call_cb, &calls[LIMIT], &in), HG_AGAIN);
    SUPPORT_CHECK(strstr(qs_error_detail(), "10 calls") != NULL);
    hg_pair_check_works(&pair); /* HG_Forward has no such bound */
    HG_PAIR_UNTIL(&pair, atomic_load(&pair.held_count) == LIMIT);
    SUPPORT_CHECK(atomic_load(&calls[LIMIT].calls) == 0);
    HG_PAIR_OK(HG_Cancel(calls[0].handle));
    HG_PAIR_FINISH(&calls[0], HG_CANCELED);
    HG_PAIR_OK(qs_forward(calls[LIMIT].handle, hg_pair_call_cb, &calls[LIMIT], &in));
    HG_PAIR_UNTIL(&pair, atomic_load(&pair.held_count) == LIMIT + 1);
    while (hg_pair_answer(&pair))
        continue;
    for (unsigned int i = 1; i <= LIMIT; i++)
        HG_PAIR_FINISH(&calls[i], HG_SUCCESS);
    hg_pair_close(&pair);
}

const struct support_case hg_flow_cases[] = {
    SUPPORT_CASE(bounded_calls_beyond_the_limit_are_refused),
    SUPPORT_CASE(unanswered_calls_do_not_delay_the_next),
    SUPPORT_CASE(two_thousand_calls_may_be_unanswered),
    SUPPORT_CASE(calls_beyond_the_window_wait_and_are_not_lost),
    SUPPORT_CASE(large_calls_beyond_the_window_are_not_lost),
    SUPPORT_CASE(origin_that_does_not_read_harms_nobody_else),
    SUPPORT_CASE(nested_calls_do_not_lock_each_other_out),
    SUPPORT_CASE(batching_can_be_switched_off),
    {NULL, NULL, 0},
};
