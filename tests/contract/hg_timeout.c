/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Time limits of calls: by class, RPC and handle. Early is wrong, late is only slow; so the lower bound is
 * checked and the upper one is generous.
 */
#include <stdlib.h>

#include "tests/contract/hg_contract.h"

enum { TIMEOUT_US = 30000 };

/* Forwards a call that nobody answers, and waits for its time-out. */
static void expect_timeout(struct hg_pair *pair, struct hg_pair_call *call)
{
    struct hg_pair_blob in = {0};
    uint64_t begin_us = support_suite_now_us();

    hg_pair_call_forward(call, &in);
    HG_PAIR_RET(hg_pair_call_wait(call), HG_TIMEOUT);
    SUPPORT_CHECK(support_suite_now_us() - begin_us >= TIMEOUT_US);
    while (hg_pair_answer(pair))
        continue;
    hg_pair_settle(pair);
    SUPPORT_CHECK(atomic_load(&call->calls) == 1);
}

static void timeout_of_the_class_ends_a_call(void)
{
    struct hg_pair_call call;
    struct hg_pair pair;

    hg_pair_open(&pair, NULL);
    hg_pair_check_works(&pair);
    HG_PAIR_OK(qs_class_set_timeout(pair.origin.hg_class, TIMEOUT_US));
    hg_pair_call_begin(&pair, &call, HG_PAIR_HOLD);
    expect_timeout(&pair, &call);
    SUPPORT_CHECK(hg_pair_counters(pair.origin.hg_class).timeouts == 1);
    hg_pair_call_end(&call);
    hg_pair_close(&pair);
}

static void timeout_of_the_rpc_ends_a_call(void)
{
    struct hg_pair_call call;
    struct hg_pair pair;

    hg_pair_open(&pair, NULL);
    HG_PAIR_OK(qs_class_set_timeout(pair.origin.hg_class, UINT64_C(3600) * 1000000U));
    HG_PAIR_OK(qs_registered_set_timeout(pair.origin.hg_class, pair.origin.ids[HG_PAIR_HOLD], TIMEOUT_US));
    HG_PAIR_RET(qs_registered_set_timeout(pair.origin.hg_class, 12345678, 1), HG_NOENTRY);
    hg_pair_call_begin(&pair, &call, HG_PAIR_HOLD);
    expect_timeout(&pair, &call);
    hg_pair_call_end(&call);
    hg_pair_check_works(&pair);
    hg_pair_close(&pair);
}

static void timeout_of_the_handle_ends_its_calls_until_reset(void)
{
    struct hg_pair_blob in = {0};
    struct hg_pair_call call;
    struct hg_pair pair;

    hg_pair_open(&pair, NULL);
    hg_pair_call_begin(&pair, &call, HG_PAIR_HOLD);
    HG_PAIR_OK(qs_handle_set_timeout(call.handle, TIMEOUT_US));
    expect_timeout(&pair, &call);
    expect_timeout(&pair, &call);
    HG_PAIR_OK(HG_Reset(call.handle, HG_ADDR_NULL, 0));
    hg_pair_call_forward(&call, &in);
    HG_PAIR_UNTIL(&pair, atomic_load(&pair.held_count) == 1);
    hg_pair_settle(&pair);
    SUPPORT_CHECK(atomic_load(&call.calls) == 0);
    SUPPORT_CHECK(hg_pair_answer(&pair));
    HG_PAIR_FINISH(&call, HG_SUCCESS);
    hg_pair_close(&pair);
}

static void handle_can_opt_out_of_the_timeout_of_its_class(void)
{
    struct hg_pair_blob in = {0};
    struct hg_pair_call call;
    struct hg_pair_call limited;
    struct hg_pair pair;

    hg_pair_open(&pair, NULL);
    HG_PAIR_OK(qs_class_set_timeout(pair.origin.hg_class, TIMEOUT_US));
    hg_pair_call_begin(&pair, &call, HG_PAIR_HOLD);
    HG_PAIR_OK(qs_handle_set_timeout(call.handle, UINT64_MAX));
    hg_pair_call_forward(&call, &in);
    HG_PAIR_UNTIL(&pair, atomic_load(&pair.held_count) == 1);
    hg_pair_call_start(&pair, &limited, HG_PAIR_HOLD, &in);
    HG_PAIR_RET(hg_pair_call_wait(&limited), HG_TIMEOUT);
    SUPPORT_CHECK(atomic_load(&call.calls) == 0);
    while (hg_pair_answer(&pair))
        continue;
    HG_PAIR_FINISH(&call, HG_SUCCESS);
    hg_pair_call_end(&limited);
    hg_pair_close(&pair);
}

/* Forwards a call, and answers it at once. */
static void expect_answer(struct hg_pair *pair, struct hg_pair_call *call)
{
    struct hg_pair_blob in = {0};

    hg_pair_call_forward(call, &in);
    HG_PAIR_UNTIL(pair, atomic_load(&pair->held_count) == 1);
    SUPPORT_CHECK(hg_pair_answer(pair));
    HG_PAIR_OK(hg_pair_call_wait(call));
}

static void limit_of_a_call_means_nothing_to_the_next_one(void)
{
    struct hg_pair_blob in = {0};
    struct hg_pair_call limited;
    struct hg_pair_call call;
    struct hg_pair pair;

    hg_pair_open(&pair, NULL);
    hg_pair_check_works(&pair);
    hg_pair_call_begin(&pair, &call, HG_PAIR_HOLD);
    HG_PAIR_OK(qs_handle_set_timeout(call.handle, TIMEOUT_US * 20)); /* it must be answered meanwhile */
    expect_answer(&pair, &call);
    /* None: it goes on when that time is over, which another call waits for. */
    HG_PAIR_OK(qs_handle_set_timeout(call.handle, UINT64_MAX));
    hg_pair_call_begin(&pair, &limited, HG_PAIR_HOLD);
    HG_PAIR_OK(qs_handle_set_timeout(limited.handle, TIMEOUT_US * 20));
    hg_pair_call_forward(&call, &in);
    hg_pair_call_forward(&limited, &in);
    HG_PAIR_RET(hg_pair_call_wait(&limited), HG_TIMEOUT);
    SUPPORT_CHECK(atomic_load(&call.calls) == 0);
    while (hg_pair_answer(&pair))
        continue;
    HG_PAIR_OK(hg_pair_call_wait(&call));
    /* An earlier end than that of a call before. */
    HG_PAIR_OK(qs_handle_set_timeout(call.handle, UINT64_C(3600) * 1000000U));
    expect_answer(&pair, &call);
    HG_PAIR_OK(qs_handle_set_timeout(call.handle, TIMEOUT_US));
    expect_timeout(&pair, &call);
    hg_pair_call_end(&limited);
    hg_pair_call_end(&call);
    hg_pair_close(&pair);
}

static void handle_is_reusable_after_a_timeout_and_the_late_reply_is_dropped(void)
{
    unsigned char text[] = "late";
    struct hg_pair_blob late = {.size = 4, .data = text};
    struct hg_pair_blob in = {0};
    struct hg_pair_call call;
    struct hg_pair pair;

    hg_pair_open(&pair, NULL);
    hg_pair_check_works(&pair);
    hg_pair_call_begin(&pair, &call, HG_PAIR_HOLD);
    HG_PAIR_OK(qs_handle_set_timeout(call.handle, TIMEOUT_US * 20)); /* it must arrive meanwhile */
    hg_pair_call_forward(&call, &late);
    HG_PAIR_UNTIL(&pair, atomic_load(&pair.held_count) == 1);
    HG_PAIR_RET(hg_pair_call_wait(&call), HG_TIMEOUT);
    /* The same place in the table of calls, one generation later: the reply to the first is not taken for it. */
    HG_PAIR_OK(qs_handle_set_timeout(call.handle, 0));
    call.read_blob = true;
    hg_pair_call_forward(&call, &in);
    HG_PAIR_UNTIL(&pair, atomic_load(&pair.held_count) == 2);
    SUPPORT_CHECK(hg_pair_answer(&pair));
    hg_pair_settle(&pair);
    SUPPORT_CHECK(atomic_load(&call.calls) == 0);
    SUPPORT_CHECK(hg_pair_counters(pair.origin.hg_class).stale_frames >= 1);
    SUPPORT_CHECK(hg_pair_answer(&pair));
    HG_PAIR_OK(hg_pair_call_wait(&call));
    SUPPORT_CHECK(call.out.size == 0);
    hg_pair_call_end(&call);
    hg_pair_close(&pair);
}

/* The target never takes anything up: calls in the window and behind it all end in time. */
static void calls_that_wait_for_the_window_time_out_too(void)
{
    enum { COUNT = 700 };
    static struct hg_pair_call calls[COUNT];
    struct hg_pair_blob in = {0};
    struct hg_pair pair;

    hg_pair_open(&pair, &(struct hg_pair_options){.silent_target = true});
    HG_PAIR_OK(qs_class_set_timeout(pair.origin.hg_class, TIMEOUT_US));
    for (unsigned int i = 0; i < COUNT; i++)
        hg_pair_call_start(&pair, &calls[i], HG_PAIR_ECHO, &in);
    for (unsigned int i = 0; i < COUNT; i++)
        HG_PAIR_FINISH(&calls[i], HG_TIMEOUT);
    pair.options.silent_target = false;
    HG_PAIR_OK(qs_class_set_timeout(pair.origin.hg_class, 0));
    hg_pair_check_works(&pair);
    hg_pair_close(&pair);
}

static void large_calls_time_out_and_leave_no_trace(void)
{
    static const uint64_t sizes[] = {30000, 400000};
    struct hg_pair pair;

    hg_pair_open(&pair, NULL);
    for (unsigned int i = 0; i < 2; i++) {
        struct hg_pair_blob in = {.size = sizes[i], .data = calloc(1, sizes[i])};
        struct hg_pair_call call;

        pair.options.silent_target = i % 2 == 0;
        hg_pair_call_begin(&pair, &call, HG_PAIR_HOLD);
        HG_PAIR_OK(qs_handle_set_timeout(call.handle, TIMEOUT_US));
        hg_pair_call_forward(&call, &in);
        HG_PAIR_FINISH(&call, HG_TIMEOUT);
        free(in.data);
        pair.options.silent_target = false;
        hg_pair_settle(&pair);
        while (hg_pair_answer(&pair))
            continue;
        hg_pair_settle(&pair);
        hg_pair_check_works(&pair);
    }
    hg_pair_close(&pair);
}

/* The thread sleeps in HG_Progress for far longer than the limit. */
static void sleeping_progress_wakes_for_a_timeout(void)
{
    struct hg_pair_blob in = {0};
    struct hg_pair_call call;
    struct hg_pair pair;
    uint64_t begin_us;
    unsigned int count;

    hg_pair_open(&pair, &(struct hg_pair_options){.threaded = true});
    hg_pair_check_works(&pair);
    hg_pair_call_begin(&pair, &call, HG_PAIR_HOLD);
    HG_PAIR_OK(qs_handle_set_timeout(call.handle, TIMEOUT_US));
    begin_us = support_suite_now_us();
    hg_pair_call_forward(&call, &in);
    HG_PAIR_OK(HG_Progress(pair.origin.contexts[0], 10000));
    SUPPORT_CHECK(support_suite_now_us() - begin_us >= TIMEOUT_US);
    SUPPORT_CHECK(support_suite_now_us() - begin_us < 5000000);
    HG_PAIR_OK(HG_Trigger(pair.origin.contexts[0], 0, 1, &count));
    SUPPORT_CHECK(atomic_load(&call.calls) == 1 && call.ret == HG_TIMEOUT);
    hg_pair_call_end(&call);
    hg_pair_close(&pair);
}

/* The reply is on its way when the limit passes, because the origin was busy elsewhere: it counts. */
static void a_reply_that_has_arrived_beats_its_timeout(void)
{
    struct hg_pair_blob in = {0};
    struct hg_pair_call call;
    struct hg_pair pair;
    uint64_t end_us;

    hg_pair_open(&pair, &(struct hg_pair_options){.threaded = true});
    hg_pair_check_works(&pair);
    hg_pair_call_begin(&pair, &call, HG_PAIR_ECHO);
    HG_PAIR_OK(qs_handle_set_timeout(call.handle, TIMEOUT_US));
    hg_pair_call_forward(&call, &in);
    HG_PAIR_UNTIL(&pair, atomic_load(&pair.echoed) == 2 || atomic_load(&call.calls) > 0);
    /* By the time that this thread comes back, the limit is long over. */
    end_us = support_suite_now_us() + 2 * TIMEOUT_US;
    while (support_suite_now_us() < end_us)
        continue;
    HG_PAIR_FINISH(&call, HG_SUCCESS);
    hg_pair_close(&pair);
}

const struct support_case hg_timeout_cases[] = {
    SUPPORT_CASE(timeout_of_the_class_ends_a_call),
    SUPPORT_CASE(timeout_of_the_rpc_ends_a_call),
    SUPPORT_CASE(timeout_of_the_handle_ends_its_calls_until_reset),
    SUPPORT_CASE(handle_can_opt_out_of_the_timeout_of_its_class),
    SUPPORT_CASE(limit_of_a_call_means_nothing_to_the_next_one),
    SUPPORT_CASE(handle_is_reusable_after_a_timeout_and_the_late_reply_is_dropped),
    SUPPORT_CASE(calls_that_wait_for_the_window_time_out_too),
    SUPPORT_CASE(large_calls_time_out_and_leave_no_trace),
    SUPPORT_CASE(sleeping_progress_wakes_for_a_timeout),
    SUPPORT_CASE(a_reply_that_has_arrived_beats_its_timeout),
    {NULL, NULL, 0},
};
