/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * HG_Cancel in every state of a call: exactly one callback, with HG_CANCELED or the result that was faster,
 * and everything still works afterwards.
 */
#include <stdio.h>
#include <stdlib.h>

#include "tests/contract/hg_contract.h"
#include "util/util_rand.h"

/* The window of requests that a target holds before they are taken up, and more. */
enum { MORE_THAN_WINDOW = 700 };

static void forward_after_cancel_calls_back_once(void)
{
    struct hg_pair_blob in = {0};
    struct hg_pair_call call;
    struct hg_pair pair;

    hg_pair_open(&pair, NULL);
    hg_pair_call_start(&pair, &call, HG_PAIR_HOLD, &in);
    HG_PAIR_UNTIL(&pair, atomic_load(&pair.held_count) == 1);
    HG_PAIR_OK(HG_Cancel(call.handle));
    SUPPORT_CHECK(atomic_load(&call.calls) == 0); /* never inside HG_Cancel */
    HG_PAIR_RET(hg_pair_call_wait(&call), HG_CANCELED);
    /* The late reply finds nobody. */
    SUPPORT_CHECK(hg_pair_answer(&pair));
    hg_pair_settle(&pair);
    SUPPORT_CHECK(atomic_load(&call.calls) == 1);
    HG_PAIR_OK(HG_Reset(call.handle, HG_ADDR_NULL, pair.origin.ids[HG_PAIR_ECHO]));
    hg_pair_call_forward(&call, &in);
    HG_PAIR_OK(hg_pair_call_wait(&call));
    SUPPORT_CHECK(hg_pair_counters(pair.origin.hg_class).cancels == 1);
    hg_pair_call_end(&call);
    hg_pair_close(&pair);
}

static void cancel_before_anything_was_sent_calls_back_once(void)
{
    struct hg_pair_blob in = {0};
    struct hg_pair_call call;
    struct hg_pair pair;

    hg_pair_open(&pair, NULL);
    hg_pair_call_start(&pair, &call, HG_PAIR_ECHO, &in);
    HG_PAIR_OK(HG_Cancel(call.handle));
    HG_PAIR_RET(hg_pair_call_wait(&call), HG_CANCELED);
    hg_pair_settle(&pair);
    SUPPORT_CHECK(atomic_load(&call.calls) == 1);
    hg_pair_call_end(&call);
    hg_pair_check_works(&pair);
    hg_pair_close(&pair);
}

/* Calls beyond the window have not left: they are taken back, and the others go on. */
static void cancel_of_a_waiting_call_leaves_the_others_alone(void)
{
    static struct hg_pair_call calls[MORE_THAN_WINDOW];
    struct hg_pair_blob in = {0};
    struct hg_pair pair;

    hg_pair_open(&pair, &(struct hg_pair_options){.silent_target = true});
    for (unsigned int i = 0; i < MORE_THAN_WINDOW; i++)
        hg_pair_call_start(&pair, &calls[i], HG_PAIR_ECHO, &in);
    for (unsigned int i = 0; i < 100; i++)
        hg_pair_turn(&pair);
    for (unsigned int i = 1; i < MORE_THAN_WINDOW; i += 2)
        HG_PAIR_OK(HG_Cancel(calls[i].handle));
    pair.options.silent_target = false;
    for (unsigned int i = 0; i < MORE_THAN_WINDOW; i++)
        HG_PAIR_FINISH(&calls[i], i % 2 == 0 ? HG_SUCCESS : HG_CANCELED);
    hg_pair_check_works(&pair);
    hg_pair_close(&pair);
}

static void cancel_after_the_reply_arrived_changes_nothing(void)
{
    struct hg_pair_blob in = {0};
    struct hg_pair_call call;
    struct hg_pair pair;

    hg_pair_open(&pair, NULL);
    hg_pair_call_start(&pair, &call, HG_PAIR_ECHO, &in);
    /* Progress without HG_Trigger: the call is over, its callback has not run. */
    for (struct hg_pair_patience patience = {0}; HG_Progress(pair.origin.contexts[0], 0) != HG_SUCCESS;) {
        (void)hg_pair_step_target(&pair);
        hg_pair_patience_check(&patience, "the reply arrives");
    }
    HG_PAIR_OK(HG_Cancel(call.handle));
    HG_PAIR_OK(hg_pair_call_wait(&call));
    HG_PAIR_OK(HG_Cancel(call.handle));
    hg_pair_settle(&pair);
    SUPPORT_CHECK(atomic_load(&call.calls) == 1);
    hg_pair_call_end(&call);
    hg_pair_close(&pair);
}

/* At every point of a call whose payloads go in fragments or are pulled. */
static void cancel_of_a_large_call_at_any_turn_calls_back_once(void)
{
    static const uint64_t sizes[] = {10, 30000, 400000};
    unsigned int cancelled = 0;
    struct hg_pair pair;

    hg_pair_open(&pair, NULL);
    for (unsigned int i = 0; i < 3; i++) {
        struct hg_pair_blob in = {.size = sizes[i], .data = calloc(1, sizes[i])};

        for (unsigned int turns = 0; turns < 40; turns++) {
            struct hg_pair_call call;

            hg_pair_call_start(&pair, &call, HG_PAIR_ECHO, &in);
            hg_pair_alternate(&pair, turns);
            HG_PAIR_OK(HG_Cancel(call.handle));
            cancelled += hg_pair_call_finish_raced(&call);
        }
        hg_pair_settle(&pair);
        hg_pair_check_works(&pair);
        free(in.data);
    }
    SUPPORT_CHECK(cancelled > 0);
    hg_pair_close(&pair);
}

static void cancel_of_a_oneway_call_calls_back_once(void)
{
    static const uint64_t sizes[] = {10, 30000, 400000};
    struct hg_pair pair;

    hg_pair_open(&pair, NULL);
    hg_pair_check_works(&pair);
    for (unsigned int i = 0; i < 3; i++) {
        struct hg_pair_blob in = {.size = sizes[i], .data = malloc(sizes[i])};

        hg_pair_fill(in.data, in.size, in.size);
        for (unsigned int turns = 0; turns < 20; turns++) {
            struct hg_pair_call call;

            hg_pair_call_start(&pair, &call, HG_PAIR_QUIET, &in);
            hg_pair_alternate(&pair, turns);
            HG_PAIR_OK(HG_Cancel(call.handle));
            (void)hg_pair_call_finish_raced(&call);
        }
        hg_pair_settle(&pair);
        hg_pair_check_works(&pair);
        free(in.data);
    }
    SUPPORT_CHECK(atomic_load(&pair.bad_inputs) == 0);
    hg_pair_close(&pair);
}

static void cancel_of_many_calls_with_a_busy_target_calls_each_back_once(void)
{
    enum { COUNT = 300 };
    static struct hg_pair_call calls[COUNT];
    struct hg_pair_blob in = {0};
    struct hg_pair pair;

    hg_pair_open(&pair, &(struct hg_pair_options){.threaded = true});
    for (unsigned int round = 0; round < 5; round++) {
        for (unsigned int i = 0; i < COUNT; i++)
            hg_pair_call_start(&pair, &calls[i], HG_PAIR_ECHO, &in);
        for (unsigned int i = 0; i < COUNT; i++)
            HG_PAIR_OK(HG_Cancel(calls[i].handle));
        for (unsigned int i = 0; i < COUNT; i++)
            (void)hg_pair_call_finish_raced(&calls[i]);
    }
    hg_pair_check_works(&pair);
    hg_pair_close(&pair);
}

static void cancel_while_the_handle_is_idle_does_nothing(void)
{
    struct hg_pair_call call;
    struct hg_pair pair;

    hg_pair_open(&pair, NULL);
    hg_pair_call_begin(&pair, &call, HG_PAIR_EMPTY);
    HG_PAIR_OK(HG_Cancel(call.handle));
    hg_pair_call_forward(&call, NULL);
    HG_PAIR_FINISH(&call, HG_SUCCESS);
    hg_pair_close(&pair);
}

/* --- promptly, whatever the target does ------------------------------------------------------------- */

/* How far the request of a call has come. */
enum progress_of_call {
    NOWHERE,   /* the target has done nothing, not even accepted the connection */
    UNDER_WAY, /* both sides have been in touch, but the target does not look */
    QUEUED,    /* in the target's completion queue, or on its way there in pieces */
    RUNNING,   /* its handler has it */
    PROGRESSES
};

/* Cancels, and the callback comes with the next HG_Trigger: without progress, and with nothing from the target. */
static void cancel_promptly(struct hg_pair *pair, struct hg_pair_call *call)
{
    HG_PAIR_OK(HG_Cancel(call->handle));
    SUPPORT_CHECK(atomic_load(&call->calls) == 0);
    while (atomic_load(&call->calls) == 0)
        HG_PAIR_OK(HG_Trigger(pair->origin.contexts[0], 0, 1, NULL));
    HG_PAIR_RET(call->ret, HG_CANCELED);
}

static void forward_as_far_as(struct hg_pair *pair, struct hg_pair_call *call, struct hg_pair_blob *in,
                              enum progress_of_call where)
{
    if (where > NOWHERE)
        hg_pair_check_works(pair);
    pair->options.silent_target = true;
    hg_pair_call_begin(pair, call, HG_PAIR_HOLD);
    hg_pair_call_forward(call, in);
    if (where == QUEUED) {
        /* Large inputs never get there without their origin, which moves here, too. */
        for (struct hg_pair_patience patience = {0}; HG_Progress(pair->target.contexts[0], 0) != HG_SUCCESS;) {
            (void)HG_Progress(pair->origin.contexts[0], 0);
            hg_pair_patience_check(&patience, "the request arrives");
        }
    } else if (where == RUNNING) {
        pair->options.silent_target = false;
        HG_PAIR_UNTIL(pair, atomic_load(&pair->held_count) == 1);
        pair->options.silent_target = true;
    }
}

static void cancel_ends_a_call_at_once_wherever_its_request_is(void)
{
    static const uint64_t sizes[] = {10, 30000, 400000};

    for (enum progress_of_call where = NOWHERE; where < PROGRESSES; where++) {
        for (unsigned int i = 0; i < 3; i++) {
            struct hg_pair_blob in = {.size = sizes[i], .data = calloc(1, sizes[i])};
            struct hg_pair_call call;
            struct hg_pair pair;

            hg_pair_open(&pair, NULL);
            forward_as_far_as(&pair, &call, &in, where);
            cancel_promptly(&pair, &call);
            free(in.data);
            /* The target may run what it has, and answer it; nobody listens. */
            pair.options.silent_target = false;
            hg_pair_check_works(&pair);
            while (hg_pair_answer(&pair))
                hg_pair_settle(&pair);
            hg_pair_check_works(&pair);
            SUPPORT_CHECK(atomic_load(&call.calls) == 1);
            hg_pair_call_end(&call);
            hg_pair_close(&pair);
        }
    }
}

/* Beyond the window, a call has not even been tried. Cancelling those that were sent does not open the window, since the
 * target still has them. */
static void cancel_ends_each_of_more_calls_than_the_window_at_once(void)
{
    static struct hg_pair_call calls[MORE_THAN_WINDOW];
    struct hg_pair_blob in = {0};
    struct hg_pair pair;

    hg_pair_open(&pair, NULL);
    hg_pair_check_works(&pair);
    pair.options.silent_target = true;
    for (unsigned int i = 0; i < MORE_THAN_WINDOW; i++)
        hg_pair_call_start(&pair, &calls[i], HG_PAIR_ECHO, &in);
    for (unsigned int i = MORE_THAN_WINDOW; i-- > 0;) {
        cancel_promptly(&pair, &calls[i]);
        hg_pair_call_end(&calls[i]);
    }
    pair.options.silent_target = false;
    for (unsigned int i = 0; i < 5; i++)
        hg_pair_check_works(&pair);
    /* What was sent has run, and the rest was taken back. */
    SUPPORT_CHECK(atomic_load(&pair.echoed) >= 6 && atomic_load(&pair.echoed) < MORE_THAN_WINDOW);
    hg_pair_close(&pair);
}

static struct hg_pair_call *others;

static hg_return_t cancel_the_others(const struct hg_cb_info *info)
{
    for (unsigned int i = 0; i < 10; i++)
        HG_PAIR_OK(HG_Cancel(others[i].handle));
    return hg_pair_call_cb(info);
}

static void cancel_in_the_callback_of_another_call_calls_each_back_once(void)
{
    struct hg_pair_call calls[11];
    struct hg_pair_blob in = {0};
    struct hg_pair pair;

    hg_pair_open(&pair, NULL);
    others = calls;
    for (unsigned int i = 0; i < 10; i++)
        hg_pair_call_start(&pair, &calls[i], HG_PAIR_HOLD, &in);
    hg_pair_call_begin(&pair, &calls[10], HG_PAIR_EMPTY);
    HG_PAIR_OK(HG_Forward(calls[10].handle, cancel_the_others, &calls[10], NULL));
    for (unsigned int i = 0; i < 11; i++)
        HG_PAIR_FINISH(&calls[i], i < 10 ? HG_CANCELED : HG_SUCCESS);
    hg_pair_check_works(&pair);
    hg_pair_close(&pair);
}

/* --- while another thread waits --------------------------------------------------------------------- */

#define SLEEP_MS 10000U

static void *sleep_in_progress(void *arg)
{
    struct hg_pair *pair = arg;

    HG_PAIR_OK(HG_Progress(pair->origin.contexts[0], SLEEP_MS));
    HG_PAIR_OK(HG_Trigger(pair->origin.contexts[0], 0, 1, NULL));
    return NULL;
}

static void *sleep_in_trigger(void *arg)
{
    struct hg_pair *pair = arg;

    HG_PAIR_OK(HG_Trigger(pair->origin.contexts[0], SLEEP_MS, 1, NULL));
    return NULL;
}

static void cancel_wakes(void *(*sleeper)(void *))
{
    struct hg_pair_blob in = {0};
    struct hg_pair_call call;
    struct hg_pair pair;
    pthread_t thread;
    uint64_t begin_us;
    uint64_t sleeps;

    hg_pair_open(&pair, NULL);
    hg_pair_call_start(&pair, &call, HG_PAIR_HOLD, &in);
    HG_PAIR_UNTIL(&pair, atomic_load(&pair.held_count) == 1);
    hg_pair_settle(&pair);
    sleeps = hg_pair_counters(pair.origin.hg_class).sleeps;
    SUPPORT_CHECK(pthread_create(&thread, NULL, sleeper, &pair) == 0);
    for (struct hg_pair_patience patience = {0};
         sleeper == sleep_in_progress && hg_pair_counters(pair.origin.hg_class).sleeps == sleeps;)
        hg_pair_patience_check(&patience, "the thread sleeps");
    begin_us = support_suite_now_us();
    HG_PAIR_OK(HG_Cancel(call.handle));
    SUPPORT_CHECK(pthread_join(thread, NULL) == 0);
    printf("# the sleeper was back after %llu us\n", (unsigned long long)(support_suite_now_us() - begin_us));
    SUPPORT_CHECK(support_suite_now_us() - begin_us < SLEEP_MS * 1000U / 2);
    SUPPORT_CHECK(atomic_load(&call.calls) == 1 && call.ret == HG_CANCELED);
    hg_pair_call_end(&call);
    hg_pair_close(&pair);
}

static void cancel_wakes_a_thread_that_sleeps_in_progress(void)
{
    cancel_wakes(sleep_in_progress);
}

static void cancel_wakes_a_thread_that_sleeps_in_trigger(void)
{
    cancel_wakes(sleep_in_trigger);
}

/* Most of them have not left: the target takes in none, and the window is far smaller. */
static void cancel_of_ten_thousand_calls_in_disorder_calls_each_back_once(void)
{
    enum { COUNT = 10000 };
    static struct hg_pair_call calls[COUNT];
    static unsigned int order[COUNT];
    struct util_prng prng;
    struct hg_pair_blob in = {0};
    struct hg_pair pair;
    uint64_t took_us;

    util_prng_init(&prng, 1);
    hg_pair_open(&pair, &(struct hg_pair_options){.silent_target = true});
    for (unsigned int i = 0; i < COUNT; i++) {
        unsigned int other = (unsigned int)util_prng_below(&prng, i + 1);

        hg_pair_call_start(&pair, &calls[i], HG_PAIR_ECHO, &in);
        order[i] = order[other];
        order[other] = i;
    }
    took_us = support_suite_now_us();
    for (unsigned int i = 0; i < COUNT; i++)
        HG_PAIR_OK(HG_Cancel(calls[order[i]].handle));
    for (unsigned int i = 0; i < COUNT; i++)
        HG_PAIR_RET(hg_pair_call_wait(&calls[i]), HG_CANCELED);
    took_us = support_suite_now_us() - took_us;
    printf("# %u calls were cancelled and called back in %.1f ms\n", COUNT, (double)took_us / 1000);
    SUPPORT_CHECK(took_us < 2000000U * support_slowness());
    pair.options.silent_target = false;
    hg_pair_settle(&pair);
    for (unsigned int i = 0; i < COUNT; i++) {
        SUPPORT_CHECK(atomic_load(&calls[i].calls) == 1);
        hg_pair_call_end(&calls[i]);
    }
    hg_pair_check_works(&pair);
    hg_pair_close(&pair);
}

const struct support_case hg_cancel_cases[] = {
    SUPPORT_CASE(forward_after_cancel_calls_back_once),
    SUPPORT_CASE(cancel_before_anything_was_sent_calls_back_once),
    SUPPORT_CASE(cancel_of_a_waiting_call_leaves_the_others_alone),
    SUPPORT_CASE(cancel_after_the_reply_arrived_changes_nothing),
    SUPPORT_CASE(cancel_of_a_large_call_at_any_turn_calls_back_once),
    SUPPORT_CASE(cancel_of_a_oneway_call_calls_back_once),
    SUPPORT_CASE(cancel_of_many_calls_with_a_busy_target_calls_each_back_once),
    SUPPORT_CASE(cancel_while_the_handle_is_idle_does_nothing),
    SUPPORT_CASE(cancel_ends_a_call_at_once_wherever_its_request_is),
    SUPPORT_CASE(cancel_ends_each_of_more_calls_than_the_window_at_once),
    SUPPORT_CASE(cancel_in_the_callback_of_another_call_calls_each_back_once),
    SUPPORT_CASE(cancel_wakes_a_thread_that_sleeps_in_progress),
    SUPPORT_CASE(cancel_wakes_a_thread_that_sleeps_in_trigger),
    SUPPORT_CASE(cancel_of_ten_thousand_calls_in_disorder_calls_each_back_once),
    {NULL, NULL, 0},
};
