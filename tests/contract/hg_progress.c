/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Progress, trigger and the event calls: return values, waiting, waking, and how much an idle process
 * costs. Bounds on time are generous, because the machines that run this are shared.
 */
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "tests/contract/hg_contract.h"
#include "tests/support/support_idle.h"

static void progress_and_trigger_say_what_happened(void)
{
    struct hg_pair_call call;
    struct hg_pair pair;
    hg_context_t *context;
    unsigned int count = 9;

    hg_pair_open(&pair, NULL);
    context = pair.origin.contexts[0];
    HG_PAIR_RET(HG_Progress(context, 0), HG_TIMEOUT);
    HG_PAIR_RET(HG_Trigger(context, 0, 1, &count), HG_TIMEOUT);
    SUPPORT_CHECK(count == 0);
    HG_PAIR_RET(HG_Trigger(context, 0, 1, NULL), HG_TIMEOUT);
    HG_PAIR_OK(HG_Trigger(context, 0, 0, &count));
    SUPPORT_CHECK(count == 0);
    hg_pair_call_start(&pair, &call, HG_PAIR_EMPTY, NULL);
    for (struct hg_pair_patience patience = {0}; HG_Progress(context, 0) != HG_SUCCESS;) {
        (void)hg_pair_step_target(&pair);
        hg_pair_patience_check(&patience, "progress succeeds");
    }
    /* As long as a completion waits, progress returns at once with success. */
    HG_PAIR_OK(HG_Progress(context, 10000));
    HG_PAIR_OK(HG_Progress(context, 0));
    HG_PAIR_OK(HG_Trigger(context, 0, 5, &count));
    SUPPORT_CHECK(count == 1 && atomic_load(&call.calls) == 1);
    HG_PAIR_RET(HG_Trigger(context, 0, 5, &count), HG_TIMEOUT);
    hg_pair_call_end(&call);
    hg_pair_close(&pair);
}

static void trigger_runs_no_more_than_it_was_asked_for(void)
{
    struct hg_pair_call calls[5];
    struct hg_pair pair;
    hg_context_t *context;
    unsigned int count = 0;
    unsigned int waiting = 0;

    hg_pair_open(&pair, NULL);
    context = pair.origin.contexts[0];
    for (unsigned int i = 0; i < 5; i++)
        hg_pair_call_start(&pair, &calls[i], HG_PAIR_EMPTY, NULL);
    for (struct hg_pair_patience patience = {0}; waiting < 5;) {
        (void)hg_pair_step_target(&pair);
        HG_PAIR_OK(HG_Event_progress(context, &waiting));
        hg_pair_patience_check(&patience, "five completions wait");
    }
    HG_PAIR_OK(HG_Trigger(context, 0, 1, &count));
    SUPPORT_CHECK(count == 1 && atomic_load(&calls[0].calls) == 1 && atomic_load(&calls[1].calls) == 0);
    HG_PAIR_OK(HG_Trigger(context, 0, 3, &count));
    SUPPORT_CHECK(count == 3 && atomic_load(&calls[3].calls) == 1 && atomic_load(&calls[4].calls) == 0);
    HG_PAIR_OK(HG_Event_trigger(context, 9, &count));
    SUPPORT_CHECK(count == 1 && atomic_load(&calls[4].calls) == 1);
    HG_PAIR_OK(HG_Event_trigger(context, 9, &count));
    SUPPORT_CHECK(count == 0);
    for (unsigned int i = 0; i < 5; i++)
        hg_pair_call_end(&calls[i]);
    hg_pair_close(&pair);
}

/* One callback at a time, with a call in each: what they cause leaves although Trigger is asked for one. */
static void trigger_of_one_does_not_hold_messages_back(void)
{
    enum { COUNT = 200 };
    static struct hg_pair_call calls[COUNT];
    struct hg_pair pair;
    struct hg_pair_blob in = {0};

    hg_pair_open(&pair, &(struct hg_pair_options){.silent_target = true});
    for (unsigned int i = 0; i < COUNT; i++)
        hg_pair_call_start(&pair, &calls[i], HG_PAIR_ECHO, &in);
    for (struct hg_pair_patience patience = {0}; atomic_load(&calls[COUNT - 1].calls) == 0;) {
        unsigned int count;

        (void)HG_Progress(pair.target.contexts[0], 0);
        (void)HG_Trigger(pair.target.contexts[0], 0, 1, &count);
        (void)hg_pair_step_origin(&pair);
        hg_pair_patience_check(&patience, "all are answered");
    }
    for (unsigned int i = 0; i < COUNT; i++)
        HG_PAIR_FINISH(&calls[i], HG_SUCCESS);
    hg_pair_close(&pair);
}

/* The last thing that a target does is HG_Trigger: its answer is on its way. */
static void answer_leaves_with_the_end_of_trigger(void)
{
    struct hg_pair_call call;
    struct hg_pair pair;

    hg_pair_open(&pair, NULL);
    hg_pair_check_works(&pair);
    hg_pair_call_start(&pair, &call, HG_PAIR_EMPTY, NULL);
    for (struct hg_pair_patience patience = {0}; HG_Progress(pair.target.contexts[0], 0) != HG_SUCCESS;) {
        (void)hg_pair_step_origin(&pair);
        hg_pair_patience_check(&patience, "the request arrives");
    }
    HG_PAIR_OK(HG_Trigger(pair.target.contexts[0], 0, 1, NULL));
    for (struct hg_pair_patience patience = {0}; atomic_load(&call.calls) == 0;) {
        (void)hg_pair_step_origin(&pair);
        hg_pair_patience_check(&patience, "the answer arrives");
    }
    hg_pair_call_end(&call);
    hg_pair_close(&pair);
}

static void progress_waits_as_long_as_it_was_told(void)
{
    struct hg_pair pair;
    uint64_t begin_us;
    unsigned int count;

    hg_pair_open(&pair, NULL);
    begin_us = support_suite_now_us();
    HG_PAIR_RET(HG_Progress(pair.origin.contexts[0], 50), HG_TIMEOUT);
    SUPPORT_CHECK(support_suite_now_us() - begin_us >= 50000);
    begin_us = support_suite_now_us();
    HG_PAIR_RET(HG_Trigger(pair.origin.contexts[0], 50, 1, &count), HG_TIMEOUT);
    SUPPORT_CHECK(support_suite_now_us() - begin_us >= 50000);
    hg_pair_close(&pair);
}

/* --- two threads --------------------------------------------------------------------------------- */

struct sleeper {
    struct hg_pair *pair;
    pthread_t thread;
    atomic_bool stop;
    atomic_uint rounds;
};

/* Drives the origin, asleep most of the time. */
static void *sleep_in_progress(void *arg)
{
    struct sleeper *sleeper = arg;
    hg_context_t *context = sleeper->pair->origin.contexts[0];

    while (!atomic_load(&sleeper->stop)) {
        unsigned int count;

        (void)HG_Progress(context, 1000);
        while (HG_Trigger(context, 0, 16, &count) == HG_SUCCESS && count > 0)
            continue;
        atomic_fetch_add(&sleeper->rounds, 1);
    }
    return NULL;
}

static int compare_u64(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

static hg_return_t just_count(const struct hg_cb_info *info)
{
    struct hg_pair_call *call = info->arg;

    call->ret = info->ret;
    atomic_fetch_add(&call->calls, 1);
    return HG_SUCCESS;
}

static void forward_leaves_while_another_thread_sleeps_in_progress(void)
{
    enum { COUNT = 100 };
    uint64_t took_us[COUNT];
    struct sleeper sleeper = {0};
    struct hg_pair_call call;
    struct hg_pair pair;

    hg_pair_open(&pair, &(struct hg_pair_options){.threaded = true});
    hg_pair_check_works(&pair);
    sleeper.pair = &pair;
    SUPPORT_CHECK(pthread_create(&sleeper.thread, NULL, sleep_in_progress, &sleeper) == 0);
    hg_pair_call_begin(&pair, &call, HG_PAIR_EMPTY);
    for (unsigned int i = 0; i < COUNT; i++) {
        uint64_t begin_us;

        (void)usleep(3000); /* long enough for the other thread to be asleep: the very thing to be tried */
        atomic_store(&call.calls, 0);
        begin_us = support_suite_now_us();
        HG_PAIR_OK(HG_Forward(call.handle, just_count, &call, NULL));
        for (struct hg_pair_patience patience = {0}; atomic_load(&call.calls) == 0;)
            hg_pair_patience_check(&patience, "the call ends");
        took_us[i] = support_suite_now_us() - begin_us;
        HG_PAIR_OK(call.ret);
    }
    qsort(took_us, COUNT, sizeof(took_us[0]), compare_u64);
    printf("# whole call with sleeping threads: median %llu us, p90 %llu us\n", (unsigned long long)took_us[COUNT / 2],
           (unsigned long long)took_us[COUNT * 9 / 10]);
    SUPPORT_CHECK(took_us[COUNT / 2] < 20000U * support_slowness());
    atomic_store(&sleeper.stop, true);
    SUPPORT_CHECK(pthread_join(sleeper.thread, NULL) == 0);
    hg_pair_call_end(&call);
    hg_pair_close(&pair);
}

static void several_threads_may_progress_and_trigger_one_context(void)
{
    enum { THREADS = 4, COUNT = 2000 };
    struct sleeper sleepers[THREADS];
    static struct hg_pair_call calls[COUNT];
    struct hg_pair_blob in = {0};
    struct hg_pair pair;

    hg_pair_open(&pair, &(struct hg_pair_options){.threaded = true});
    memset(sleepers, 0, sizeof(sleepers));
    for (unsigned int i = 0; i < THREADS; i++) {
        sleepers[i].pair = &pair;
        SUPPORT_CHECK(pthread_create(&sleepers[i].thread, NULL, sleep_in_progress, &sleepers[i]) == 0);
    }
    for (unsigned int i = 0; i < COUNT; i++) {
        hg_pair_call_begin(&pair, &calls[i], HG_PAIR_ECHO);
        HG_PAIR_OK(HG_Forward(calls[i].handle, just_count, &calls[i], &in));
    }
    for (unsigned int i = 0; i < COUNT; i++) {
        for (struct hg_pair_patience patience = {0}; atomic_load(&calls[i].calls) == 0;) {
            (void)usleep(100);
            hg_pair_patience_check(&patience, "every call ends");
        }
        SUPPORT_CHECK(atomic_load(&calls[i].calls) == 1);
        HG_PAIR_OK(calls[i].ret);
        HG_PAIR_OK(HG_Destroy(calls[i].handle));
    }
    for (unsigned int i = 0; i < THREADS; i++)
        atomic_store(&sleepers[i].stop, true);
    for (unsigned int i = 0; i < THREADS; i++)
        SUPPORT_CHECK(pthread_join(sleepers[i].thread, NULL) == 0);
    hg_pair_close(&pair);
}

static void *sleep_long_in_progress(void *arg)
{
    struct sleeper *sleeper = arg;

    while (!atomic_load(&sleeper->stop))
        (void)HG_Progress(sleeper->pair->origin.contexts[0], 5000);
    return NULL;
}

/* One thread has the context and sleeps; another one that asks is back when its own time is up. */
static void second_thread_in_progress_waits_no_longer_than_its_own_time(void)
{
    struct sleeper sleeper = {0};
    struct hg_pair_call call;
    struct hg_pair pair;
    uint64_t begin_us;
    uint64_t took_us;
    uint64_t sleeps;

    hg_pair_open(&pair, NULL);
    hg_pair_check_works(&pair);
    hg_pair_settle(&pair);
    sleeper.pair = &pair;
    sleeps = hg_pair_counters(pair.origin.hg_class).sleeps;
    SUPPORT_CHECK(pthread_create(&sleeper.thread, NULL, sleep_long_in_progress, &sleeper) == 0);
    for (struct hg_pair_patience patience = {0}; hg_pair_counters(pair.origin.hg_class).sleeps == sleeps;)
        hg_pair_patience_check(&patience, "the other thread sleeps");
    begin_us = support_suite_now_us();
    HG_PAIR_RET(HG_Progress(pair.origin.contexts[0], 0), HG_TIMEOUT);
    HG_PAIR_RET(HG_Progress(pair.origin.contexts[0], 50), HG_TIMEOUT);
    took_us = support_suite_now_us() - begin_us;
    SUPPORT_CHECK(took_us >= 50000 && took_us < 2500000);
    /* A completion brings the sleeper back. */
    atomic_store(&sleeper.stop, true);
    hg_pair_call_start(&pair, &call, HG_PAIR_EMPTY, NULL);
    HG_PAIR_OK(HG_Cancel(call.handle));
    SUPPORT_CHECK(pthread_join(sleeper.thread, NULL) == 0);
    (void)hg_pair_call_finish_raced(&call);
    hg_pair_close(&pair);
}

/* --- idle ---------------------------------------------------------------------------------------- */

/* Of two threads, one at each side. */
enum { IDLE_PERCENT = 4 };

static void idle_in_progress(void *arg)
{
    (void)HG_Progress(arg, 100);
}

/* Asleep in HG_Progress, on both sides, with an open connection. */
static void idle_progress_costs_less_than_two_percent(void)
{
    struct hg_pair pair;

    hg_pair_open(&pair, &(struct hg_pair_options){.threaded = true});
    for (unsigned int i = 0; i < 10; i++)
        hg_pair_check_works(&pair);
    hg_pair_settle(&pair);
    support_idle_check(idle_in_progress, pair.origin.contexts[0], CLOCK_PROCESS_CPUTIME_ID, IDLE_PERCENT);
    hg_pair_close(&pair);
}

/* --- the user's own loop around a descriptor ----------------------------------------------------- */

/* Both sides are driven by epoll and the event calls only: as often as not both sleep. */
struct event_side {
    hg_context_t *context;
    int epoll_fd;
};

static void event_open(struct event_side *side, hg_context_t *context)
{
    struct epoll_event event = {.events = EPOLLIN};
    int fd = HG_Event_get_wait_fd(context);

    SUPPORT_CHECK(fd >= 0);
    side->context = context;
    side->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    SUPPORT_CHECK(side->epoll_fd >= 0);
    SUPPORT_CHECK(epoll_ctl(side->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0);
}

/* One round; true when it slept its whole time for nothing. */
static bool event_round(struct event_side *side, int timeout_ms)
{
    struct epoll_event event;
    unsigned int count = 0;
    bool idle = false;

    if (!HG_Event_ready(side->context))
        idle = epoll_wait(side->epoll_fd, &event, 1, timeout_ms) == 0;
    HG_PAIR_OK(HG_Event_progress(side->context, &count));
    while (count > 0) {
        HG_PAIR_OK(HG_Event_trigger(side->context, count, &count));
        SUPPORT_CHECK(count > 0);
        HG_PAIR_OK(HG_Event_progress(side->context, &count));
    }
    return idle;
}

struct event_thread {
    struct event_side side;
    pthread_t thread;
    atomic_bool stop;
};

static void *event_drive(void *arg)
{
    struct event_thread *thread = arg;

    while (!atomic_load(&thread->stop))
        (void)event_round(&thread->side, 100);
    return NULL;
}

static unsigned int wakeup_count(void)
{
    const char *text = getenv("QS_TEST_WAKEUPS");

    return text != NULL ? (unsigned int)strtoul(text, NULL, 0) : 10000U / support_slowness();
}

/* Each call sleeps at least twice, once at each side. A wake-up that is lost shows as a round that ran into its
 * time-out while something was on its way. */
static void no_wakeup_is_lost_in_an_event_loop(void)
{
    unsigned int count = wakeup_count();
    struct event_thread target;
    struct event_side origin;
    struct hg_pair_call call;
    struct hg_pair pair;

    if (strstr(support_suite_parameter(), "ofi_rxm") != NULL)
        count /= 4;
    hg_pair_open(&pair, NULL);
    memset(&target, 0, sizeof(target));
    event_open(&target.side, pair.target.contexts[0]);
    event_open(&origin, pair.origin.contexts[0]);
    SUPPORT_CHECK(pthread_create(&target.thread, NULL, event_drive, &target) == 0);
    hg_pair_call_begin(&pair, &call, HG_PAIR_EMPTY);
    for (unsigned int i = 0; i < count; i++) {
        atomic_store(&call.calls, 0);
        HG_PAIR_OK(HG_Forward(call.handle, just_count, &call, NULL));
        while (atomic_load(&call.calls) == 0) {
            if (event_round(&origin, 8000) && atomic_load(&call.calls) == 0)
                support_suite_fail("call %u: slept for 8 s and nothing came", i);
        }
        HG_PAIR_OK(call.ret);
    }
    atomic_store(&target.stop, true);
    SUPPORT_CHECK(pthread_join(target.thread, NULL) == 0);
    (void)close(target.side.epoll_fd);
    (void)close(origin.epoll_fd);
    hg_pair_call_end(&call);
    hg_pair_close(&pair);
}

static void idle_in_event_round(void *arg)
{
    (void)event_round(arg, 100);
}

static void idle_event_loop_costs_less_than_two_percent(void)
{
    struct event_thread target;
    struct event_side origin;
    struct hg_pair pair;

    hg_pair_open(&pair, NULL);
    for (unsigned int i = 0; i < 10; i++)
        hg_pair_check_works(&pair);
    hg_pair_settle(&pair);
    memset(&target, 0, sizeof(target));
    event_open(&target.side, pair.target.contexts[0]);
    event_open(&origin, pair.origin.contexts[0]);
    SUPPORT_CHECK(pthread_create(&target.thread, NULL, event_drive, &target) == 0);
    support_idle_check(idle_in_event_round, &origin, CLOCK_PROCESS_CPUTIME_ID, IDLE_PERCENT);
    atomic_store(&target.stop, true);
    SUPPORT_CHECK(pthread_join(target.thread, NULL) == 0);
    (void)close(target.side.epoll_fd);
    (void)close(origin.epoll_fd);
    hg_pair_close(&pair);
}

/* The descriptor tells of a time-out, too. */
static void event_descriptor_wakes_for_a_timeout(void)
{
    struct hg_pair_blob in = {0};
    struct event_side origin;
    struct hg_pair_call call;
    struct hg_pair pair;
    uint64_t begin_us;

    hg_pair_open(&pair, &(struct hg_pair_options){.threaded = true});
    hg_pair_check_works(&pair);
    event_open(&origin, pair.origin.contexts[0]);
    hg_pair_call_begin(&pair, &call, HG_PAIR_HOLD);
    HG_PAIR_OK(qs_handle_set_timeout(call.handle, 100000));
    begin_us = support_suite_now_us();
    hg_pair_call_forward(&call, &in);
    while (atomic_load(&call.calls) == 0) {
        (void)event_round(&origin, 8000);
        SUPPORT_CHECK(support_suite_now_us() - begin_us < 7000000);
    }
    HG_PAIR_RET(call.ret, HG_TIMEOUT);
    SUPPORT_CHECK(support_suite_now_us() - begin_us >= 100000);
    (void)close(origin.epoll_fd);
    hg_pair_call_end(&call);
    hg_pair_close(&pair);
}

/* A call from another thread wakes the loop when its answer, or only its time-out, needs it. */
static void busy_polling_needs_no_descriptor(void)
{
    struct hg_init_info init = HG_INIT_INFO_INITIALIZER;
    struct hg_pair pair;

    init.na_init_info.progress_mode = NA_NO_BLOCK;
    hg_pair_open(&pair, &(struct hg_pair_options){.init = &init});
    SUPPORT_CHECK(HG_Event_get_wait_fd(pair.origin.contexts[0]) == -1);
    SUPPORT_CHECK(HG_Event_ready(pair.origin.contexts[0]));
    for (unsigned int i = 0; i < 20; i++)
        hg_pair_check_works(&pair);
    HG_PAIR_RET(HG_Progress(pair.origin.contexts[0], 5), HG_TIMEOUT);
    hg_pair_close(&pair);
}

static void single_thread_mode_works(void)
{
    struct hg_init_info init = HG_INIT_INFO_INITIALIZER;
    struct hg_pair pair;

    init.na_init_info.thread_mode = NA_THREAD_MODE_SINGLE;
    hg_pair_open(&pair, &(struct hg_pair_options){.init = &init});
    hg_pair_move(&pair, 100000, 100000);
    hg_pair_close(&pair);
}

const struct support_case hg_progress_cases[] = {
    SUPPORT_CASE(progress_and_trigger_say_what_happened),
    SUPPORT_CASE(trigger_runs_no_more_than_it_was_asked_for),
    SUPPORT_CASE(trigger_of_one_does_not_hold_messages_back),
    SUPPORT_CASE(answer_leaves_with_the_end_of_trigger),
    SUPPORT_CASE(progress_waits_as_long_as_it_was_told),
    SUPPORT_CASE(forward_leaves_while_another_thread_sleeps_in_progress),
    SUPPORT_CASE(several_threads_may_progress_and_trigger_one_context),
    SUPPORT_CASE(second_thread_in_progress_waits_no_longer_than_its_own_time),
    SUPPORT_CASE(idle_progress_costs_less_than_two_percent),
    {"no_wakeup_is_lost_in_an_event_loop", no_wakeup_is_lost_in_an_event_loop, 120},
    SUPPORT_CASE(idle_event_loop_costs_less_than_two_percent),
    SUPPORT_CASE(event_descriptor_wakes_for_a_timeout),
    SUPPORT_CASE(busy_polling_needs_no_descriptor),
    SUPPORT_CASE(single_thread_mode_works),
    {NULL, NULL, 0},
};
