/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Calls of all three methods over networks that delay, lose, cut and reset, and to targets that stop, are slow, or have
 * no descriptors left. What was said of each call is checked against a ledger (net_load.h). Numbers of interest are
 * printed.
 *
 * The parameter "wire" runs the cases of the network, in the namespaces of hg_network.sh; tcp and shm those of the target.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "tests/fault/net_load.h"
#include "tests/support/hg_pair.h"
#include "util/util_clock.h"

#define MS 1000U
#define S  1000000U

static double ms_since(uint64_t end_ns, uint64_t begin_ns)
{
    return (double)(end_ns - begin_ns) / (double)UTIL_CLOCK_NS_PER_MS;
}

/* The sum of attempts after the first of each call. */
static uint64_t repetitions(const struct net_load *load)
{
    uint64_t sum = 0;

    for (uint64_t i = 0; i < load->count; i++)
        sum += load->made[i].attempts > 1 ? load->made[i].attempts - 1U : 0;
    return sum;
}

static bool failed_unknown(const struct net_load *load, uint64_t number)
{
    return load->made[number].ret != HG_SUCCESS && load->made[number].outcome == QS_OUTCOME_UNKNOWN;
}

/* --- loss and delay ------------------------------------------------------------------------------------------ */

/* 50 ms and 20 more or less each way, so a round trip takes a tenth of a second: all calls succeed, and hardly any is repeated. */
static void calls_over_a_bad_wire(const char *wire, unsigned int calls)
{
    const struct net_load_options options = {
        .window = 200, .timeout_us = 10 * S, .attempt_timeout_us = 4 * S, .attempts_max = 3};
    struct net_load load;
    uint64_t begin_us;
    uint64_t took_us;

    net_load_open(&load, &options);
    net_load_run_good(&load, 1);
    net_load_wire(wire);
    begin_us = support_suite_now_us();
    net_load_run_good(&load, calls);
    net_load_drain(&load);
    took_us = support_suite_now_us() - begin_us;
    printf("# %s: %llu calls in %.1f s, %llu repeated\n", wire, (unsigned long long)load.count, (double)took_us / S,
           (unsigned long long)repetitions(&load));
    SUPPORT_CHECK(load.good == load.count);
    SUPPORT_CHECK(repetitions(&load) <= load.count / 10 + 10 + 10 * took_us / S);
    net_load_wire("both");
    net_load_close(&load, NULL);
}

static void loss_of_one_percent_and_delay_fail_no_call(void)
{
    calls_over_a_bad_wire("both delay 50 jitter 20 loss 1", 3000);
}

static void loss_of_five_percent_and_delay_fail_no_call(void)
{
    calls_over_a_bad_wire("both delay 50 jitter 20 loss 5", 2000);
}

static void packets_in_disorder_fail_no_call(void)
{
    calls_over_a_bad_wire("both delay 5 jitter 5 duplicate 5 reorder 20 rate 50", 3000);
}

/* --- partitions ------------------------------------------------------------------------------------------------ */

/* From healing to the first success. */
static void heal(struct net_load *load, const char *cut)
{
    uint64_t begin_ns;

    load->first_good_ns = 0;
    begin_ns = util_clock_now_ns();
    net_load_wire("both");
    net_load_run_good(load, 1);
    printf("# %s: the first success %.1f ms after healing\n", cut, ms_since(load->first_good_ns, begin_ns));
    SUPPORT_CHECK(load->first_good_ns - begin_ns <= 2 * UTIL_CLOCK_NS_PER_S * support_slowness());
    net_load_run_good(load, 300);
}

static void partition_of_two_seconds_ends_calls_by_their_limits(void)
{
    const struct net_load_options options = {
        .window = 48, .timeout_us = 500 * MS, .attempt_timeout_us = 200 * MS, .attempts_max = 3};
    struct net_load load;
    uint64_t good;

    net_load_open(&load, &options);
    net_load_run_good(&load, 1000);
    net_load_wire("both cut");
    net_load_run_for(&load, 100 * MS);
    good = load.good;
    net_load_run_for(&load, 1900 * MS);
    SUPPORT_CHECK(load.good == good);
    heal(&load, "cut off for 2 s");
    net_load_close(&load, NULL);
}

/* Answers are lost, requests are not, as far as TCP goes on sending without them. */
static void lost_answers_are_unknown_or_given_again(void)
{
    const struct net_load_options options = {
        .window = 1, .timeout_us = 6 * S, .attempt_timeout_us = 500 * MS, .attempts_max = 20, .rich = true};
    struct net_report report;
    struct net_load load;
    unsigned int unknown = 0;
    unsigned int again = 0;
    uint64_t first;

    net_load_open(&load, &options);
    net_load_run_good(&load, 300);
    net_load_wire("a cut");
    first = load.count;
    for (unsigned int i = 0; i < 30; i++)
        net_load_call(&load);
    for (uint64_t end_us = support_suite_now_us() + 1200 * MS; support_suite_now_us() < end_us;)
        net_load_step(&load, 20);
    for (uint64_t i = first; i < load.count; i++)
        SUPPORT_CHECK(load.made[i].callbacks == 0);
    heal(&load, "answers lost for 1.2 s");
    net_load_drain(&load);
    for (uint64_t i = first; i < first + 30; i++) {
        unknown += failed_unknown(&load, i);
        again += bench_fault_method(i) == TOOL_METHOD_AT_MOST_ONCE && load.made[i].attempts > 1 &&
                 load.made[i].ret == HG_SUCCESS;
    }
    printf("# of 30 calls without their answers, %u are unknown, and %u have had theirs given again\n", unknown, again);
    SUPPORT_CHECK(unknown == 0 && again > 0);
    net_load_close(&load, &report);
    SUPPORT_CHECK(report.repeats > 0);
}

/* --- resets ------------------------------------------------------------------------------------------------------ */

static void reset_connections(unsigned int round)
{
    const char *command = round % 2 == 0 ? "ss -K -t -H dst $A >/dev/null 2>&1"
                                         : "nsenter --net=$NETNS_A ss -K -t -H dst $B >/dev/null 2>&1";

    SUPPORT_CHECK(system(command) == 0);
}

static void reset_connections_lose_no_call(void)
{
    const struct net_load_options options = {.window = 60, .timeout_us = 5 * S, .attempts_max = 100, .rich = true};
    enum { ROUNDS = 50 };
    struct net_load load;
    uint64_t worst_ns = 0;
    uint64_t failed = 0;

    net_load_open(&load, &options);
    for (unsigned int round = 0; round < ROUNDS; round++) {
        uint64_t begin_ns;

        net_load_run_good(&load, 200);
        begin_ns = util_clock_now_ns();
        reset_connections(round);
        load.first_good_ns = 0;
        net_load_run_good(&load, 1);
        if (load.first_good_ns - begin_ns > worst_ns)
            worst_ns = load.first_good_ns - begin_ns;
    }
    net_load_drain(&load);
    for (uint64_t i = 0; i < load.count; i++) {
        failed += load.made[i].ret != HG_SUCCESS;
        if (bench_fault_method(i) != TOOL_METHOD_ONCE && load.made[i].ret != HG_SUCCESS)
            support_suite_fail("call %llu, which may be repeated, has failed: %s", (unsigned long long)i,
                               HG_Error_to_string((hg_return_t)load.made[i].ret));
    }
    printf("# %u resets: %llu calls failed; a success at most %.1f ms after a reset\n", ROUNDS,
           (unsigned long long)failed, ms_since(worst_ns, 0));
    SUPPORT_CHECK(failed > 0);
    net_load_close(&load, NULL);
}

/* --- stopped targets ------------------------------------------------------------------------------------------- */

static void target_stop(const struct net_load *load)
{
    int status;

    SUPPORT_CHECK(kill(load->target, SIGSTOP) == 0);
    SUPPORT_CHECK(waitpid(load->target, &status, WUNTRACED) == load->target && WIFSTOPPED(status));
}

static void stop_shorter_than_the_limit_fails_nothing(void)
{
    const struct net_load_options options = {.window = 100, .timeout_us = 8 * S};
    struct net_load load;

    net_load_open(&load, &options);
    net_load_run_good(&load, 300);
    target_stop(&load);
    net_load_run_for(&load, 3 * S);
    SUPPORT_CHECK(load.under_way == options.window);
    SUPPORT_CHECK(kill(load.target, SIGCONT) == 0);
    net_load_run_good(&load, 300);
    net_load_drain(&load);
    SUPPORT_CHECK(load.good == load.count && repetitions(&load) == 0);
    net_load_close(&load, NULL);
}

static void stop_longer_than_the_limit_runs_nothing_late(void)
{
    const struct net_load_options options = {
        .window = 1, .timeout_us = 400 * MS, .attempt_timeout_us = 150 * MS, .attempts_max = 3};
    enum { CALLS = 300 };
    struct net_report report;
    struct net_load load;
    uint64_t first;

    net_load_open(&load, &options);
    net_load_run_good(&load, 300);
    net_load_drain(&load);
    target_stop(&load);
    first = load.count;
    for (unsigned int i = 0; i < CALLS; i++)
        net_load_call(&load);
    net_load_drain(&load);
    for (uint64_t i = first; i < load.count; i++)
        SUPPORT_CHECK(load.made[i].ret == HG_TIMEOUT);
    SUPPORT_CHECK(kill(load.target, SIGCONT) == 0);
    net_load_run_good(&load, 300);
    net_load_drain(&load);
    for (uint64_t i = first; i < first + CALLS; i++)
        if (atomic_load(&load.ledger.map->runs[i]) != 0)
            support_suite_fail("call %llu ran after its time", (unsigned long long)i);
    net_load_close(&load, &report);
    printf("# the target has put aside %llu requests whose time was over\n", (unsigned long long)report.expired);
    SUPPORT_CHECK(report.expired > 0);
}

/* --- slow targets ------------------------------------------------------------------------------------------------ */

/* 200 callers of a service that can do 8 requests in 50 ms. */
static void slow_target_keeps_its_bounds(void)
{
    const struct net_load_options options = {
        .window = 200, .timeout_us = 5 * S, .hold_us = 50 * MS, .requests_max = 8, .attempts_max = 1};
    struct net_report report;
    struct net_load load;
    uint64_t memory;
    uint64_t begin_us;
    uint64_t good;
    double rate;

    net_load_open(&load, &options);
    net_load_run_for(&load, 500 * MS);
    memory = net_load_target_memory(&load);
    good = load.good;
    begin_us = support_suite_now_us();
    net_load_run_for(&load, 2 * S);
    rate = (double)(load.good - good) / ((double)(support_suite_now_us() - begin_us) / S);
    memory = net_load_target_memory(&load) > memory ? net_load_target_memory(&load) - memory : 0;
    net_load_close(&load, &report);
    printf("# %.0f calls a second of the 160 that it can do, %u at once; %llu refused, to come back after %llu us at "
           "the soonest; its memory grew by %llu KiB\n",
           rate, report.held_max, (unsigned long long)report.shed, (unsigned long long)load.retry_after_us,
           (unsigned long long)memory / 1024);
    SUPPORT_CHECK(report.held_max <= 8 && report.shed > 0);
    SUPPORT_CHECK(load.retry_after_us > 0 && load.retry_after_us < S);
    SUPPORT_CHECK(memory < 4096U * 1024U * support_slowness());
    SUPPORT_CHECK(rate > 160 * 0.6 / support_slowness());
}

/* --- the suite ----------------------------------------------------------------------------------------------------- */

static const struct support_case wire_cases[] = {
    {"loss_of_one_percent_and_delay_fail_no_call", loss_of_one_percent_and_delay_fail_no_call, 60},
    {"loss_of_five_percent_and_delay_fail_no_call", loss_of_five_percent_and_delay_fail_no_call, 60},
    {"packets_in_disorder_fail_no_call", packets_in_disorder_fail_no_call, 60},
    {"partition_of_two_seconds_ends_calls_by_their_limits", partition_of_two_seconds_ends_calls_by_their_limits, 40},
    {"lost_answers_are_unknown_or_given_again", lost_answers_are_unknown_or_given_again, 40},
    {"reset_connections_lose_no_call", reset_connections_lose_no_call, 60},
    {NULL, NULL, 0},
};

static const struct support_case target_cases[] = {
    {"stop_shorter_than_the_limit_fails_nothing", stop_shorter_than_the_limit_fails_nothing, 40},
    {"stop_longer_than_the_limit_runs_nothing_late", stop_longer_than_the_limit_runs_nothing_late, 40},
    {"slow_target_keeps_its_bounds", slow_target_keeps_its_bounds, 40},
    {NULL, NULL, 0},
};

int main(int argc, char **argv)
{
    static const struct support_case *const wire_tables[] = {wire_cases, NULL};
    static const struct support_case *const target_tables[] = {target_cases, NULL};

    if (argc == 2 + NET_LOAD_SERVE_ARGS && strcmp(argv[1], "--role") == 0)
        return net_load_serve(argv + 2);
    return support_suite_main(argc, argv, argc > 1 && strcmp(argv[argc - 1], "wire") == 0 ? wire_tables : target_tables,
                              NULL);
}
