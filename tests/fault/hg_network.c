/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Calls of all three methods over networks that delay, lose, cut and reset, and to targets that stop, are slow, or have
 * no descriptors left. What was said of each call is checked against a ledger (net_load.h). Numbers of interest are
 * printed.
 *
 * The parameter "wire" runs the cases of the network, in the namespaces of hg_network.sh, "verbs_wire" between the devices
 * of rdma_network.sh; tcp and shm run those of the target.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

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

/* --- loss and delay ------------------------------------------------------------------------------------------ */

static bool is_long(void)
{
    return getenv("SUPPORT_LONG") != NULL;
}

/* 50 ms and 20 more or less each way, so a round trip takes a tenth of a second: all calls succeed, and hardly any is repeated.
 * With SUPPORT_LONG in the environment eight times as many. */
static void calls_over_a_bad_wire_with(const struct net_load_options *options, const char *wire, unsigned int calls)
{
    unsigned int rounds = is_long() ? 8 : 1;
    struct net_load load;
    uint64_t begin_us;
    uint64_t took_us;

    net_load_open(&load, options);
    net_load_run_good(&load, 1);
    net_load_wire(&load, wire);
    begin_us = support_suite_now_us();
    for (unsigned int i = 0; i < rounds; i++)
        net_load_run_good(&load, calls);
    net_load_drain(&load);
    took_us = support_suite_now_us() - begin_us;
    printf("# %s: %llu calls in %.1f s, %llu repeated\n", wire, (unsigned long long)load.count, (double)took_us / S,
           (unsigned long long)repetitions(&load));
    SUPPORT_CHECK(load.good == load.count);
    SUPPORT_CHECK(repetitions(&load) <= load.count / 10 + 10 + 10 * took_us / S);
    net_load_wire(&load, "both");
    net_load_close(&load, NULL);
}

static void calls_over_a_bad_wire(const char *wire, unsigned int calls)
{
    calls_over_a_bad_wire_with(
        &(struct net_load_options){.window = 200, .timeout_us = 10 * S, .attempt_timeout_us = 4 * S, .attempts_max = 3},
        wire, calls);
}

static void loss_of_one_percent_and_delay_fail_no_call(void)
{
    calls_over_a_bad_wire("both delay 50 jitter 20 loss 1", 2500);
}

static void loss_of_five_percent_and_delay_fail_no_call(void)
{
    calls_over_a_bad_wire("both delay 50 jitter 20 loss 5", 2500);
}

static void packets_in_disorder_fail_no_call(void)
{
    calls_over_a_bad_wire("both delay 5 jitter 5 duplicate 5 reorder 20 rate 50", 3000);
}

/* RDMA devices send everything again that followed a packet which was lost, or overtaken: with 5 % it takes them seconds, and
 * jitter stops them. */
static void devices_lose(const char *wire, unsigned int window, unsigned int calls)
{
    calls_over_a_bad_wire_with(
        &(struct net_load_options){
            .window = window, .timeout_us = 60 * S, .attempt_timeout_us = 20 * S, .attempts_max = 3},
        wire, calls);
}

static void devices_fail_no_call_for_one_percent_of_loss(void)
{
    devices_lose("both delay 25 loss 1", 200, 400);
}

static void devices_fail_no_call_for_five_percent_of_loss(void)
{
    devices_lose("both delay 25 loss 5", 16, 100);
}

/* --- partitions ------------------------------------------------------------------------------------------------ */

/* From healing to the first success. */
static void heal(struct net_load *load, uint64_t limit_us, const char *cut)
{
    uint64_t begin_ns;

    load->first_good_ns = 0;
    begin_ns = util_clock_now_ns();
    net_load_wire(load, "both");
    net_load_run_good(load, 1);
    printf("# %s: the first success %.1f ms after healing\n", cut, ms_since(load->first_good_ns, begin_ns));
    SUPPORT_CHECK(load->first_good_ns - begin_ns <= limit_us * UTIL_CLOCK_NS_PER_US * support_slowness());
    net_load_run_good(load, 300);
}

static void calls_over_a_partition(uint64_t time_us, uint64_t silence_limit_us, const char *what)
{
    const struct net_load_options options = {.window = 48,
                                             .timeout_us = 500 * MS,
                                             .attempt_timeout_us = 200 * MS,
                                             .attempts_max = 3,
                                             .silence_limit_us = silence_limit_us};
    struct net_load load;
    uint64_t good;

    net_load_open(&load, &options);
    net_load_run_good(&load, 1000);
    net_load_wire(&load, "both cut");
    net_load_run_for(&load, 100 * MS);
    good = load.good;
    net_load_run_for(&load, time_us - 100 * MS);
    SUPPORT_CHECK(load.good == good);
    /* TCP sends again after half of the outage, on average, and after as long again at the latest. */
    heal(&load, silence_limit_us > 0 || time_us < 2 * S ? 2 * S : time_us, what);
    net_load_close(&load, NULL);
}

static void partition_of_two_seconds_ends_calls_by_their_limits(void)
{
    calls_over_a_partition(2 * S, 0, "cut off for 2 s");
}

static void longer_partitions_end_calls_by_their_limits(void)
{
    if (!is_long())
        support_suite_skip("with SUPPORT_LONG only");
    calls_over_a_partition(4 * S, 0, "cut off for 4 s");
    calls_over_a_partition(10 * S, 0, "cut off for 10 s");
    calls_over_a_partition(10 * S, 1 * S, "cut off for 10 s, with a silence limit of 1 s");
}

/* A silent connection is given up, and a new one is not tied to what TCP has come to think of the old one. */
static void silence_limit_shortens_what_follows_a_partition(void)
{
    calls_over_a_partition(4 * S, 1 * S, "cut off for 4 s, with a silence limit of 1 s");
}

/* Answers are lost, requests are not, as far as TCP goes on sending without them. */
static void lost_answers_are_unknown_or_given_again(void)
{
    const struct net_load_options options = {
        .window = 1, .timeout_us = 6 * S, .attempt_timeout_us = 500 * MS, .attempts_max = 20, .rich = true};
    enum { CALLS = 15 };
    struct net_report report;
    struct net_load load;
    unsigned int again = 0;
    uint64_t first;

    net_load_open(&load, &options);
    net_load_run_good(&load, 300);
    net_load_wire(&load, "a cut");
    first = load.count;
    for (unsigned int i = 0; i < 2 * CALLS; i++) {
        load.timeout_us = i < CALLS ? 600 * MS : options.timeout_us;
        net_load_call(&load);
    }
    for (uint64_t end_us = support_suite_now_us() + 1200 * MS; support_suite_now_us() < end_us;)
        net_load_step(&load, 20);
    for (uint64_t i = first; i < first + CALLS; i++) {
        SUPPORT_CHECK(load.made[i].ret == HG_TIMEOUT && load.made[i].outcome == QS_OUTCOME_UNKNOWN);
        SUPPORT_CHECK(atomic_load(&load.ledger.map->runs[i]) > 0);
        SUPPORT_CHECK(load.made[i + CALLS].callbacks == 0);
    }
    heal(&load, 2 * S, "answers lost for 1.2 s");
    net_load_drain(&load);
    for (uint64_t i = first + CALLS; i < first + 2 * CALLS; i++)
        again += bench_fault_method(i) == TOOL_METHOD_AT_MOST_ONCE && load.made[i].attempts > 1;
    for (uint64_t i = first + CALLS; i < load.count; i++)
        SUPPORT_CHECK(load.made[i].ret == HG_SUCCESS);
    net_load_close(&load, &report);
    printf("# %u at-most-once calls were made again and had their answers; the target gave %llu again\n", again,
           (unsigned long long)report.repeats);
    SUPPORT_CHECK(again > 0 && report.repeats > 0);
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

/* So many calls, none of which can be answered in time. The number of the first. */
static uint64_t calls_that_time_out(struct net_load *load, unsigned int calls)
{
    uint64_t first = load->count;

    for (unsigned int i = 0; i < calls; i++)
        net_load_call(load);
    net_load_drain(load);
    for (uint64_t i = first; i < load->count; i++)
        SUPPORT_CHECK(load->made[i].ret == HG_TIMEOUT);
    return first;
}

static void stop_longer_than_the_limit_runs_nothing_late(void)
{
    const struct net_load_options options = {
        .window = 1, .timeout_us = 400 * MS, .attempt_timeout_us = 150 * MS, .attempts_max = 3};
    enum { CALLS = 150 };
    struct net_report report;
    struct net_load load;
    unsigned int late = 0;
    uint64_t first;

    net_load_open(&load, &options);
    net_load_run_good(&load, 300);
    net_load_drain(&load);
    target_stop(&load);
    first = calls_that_time_out(&load, CALLS);
    for (unsigned int i = 0; i < 20; i++)
        net_load_step(&load, 1); /* what the target is to be told of the last of them leaves */
    SUPPORT_CHECK(kill(load.target, SIGCONT) == 0);
    net_load_run_good(&load, 300);
    net_load_drain(&load);
    for (uint64_t i = first; i < first + CALLS; i++)
        late += atomic_load(&load.ledger.map->runs[i]) != 0;
    net_load_close(&load, &report);
    printf("# of %u calls whose time was over, %u ran; the target has put aside %llu requests as expired, %llu as "
           "cancelled\n",
           CALLS, late, (unsigned long long)report.expired, (unsigned long long)report.cancelled);
    SUPPORT_CHECK(late == 0 && report.expired + report.cancelled > 0);
}

/* --- clocks ------------------------------------------------------------------------------------------------------ */

/* Time limits travel as what is left of them: neither side's idea of the time matters to the other. */
static void limits_hold_with_a_clock_that_is_off_by(int64_t offset_s)
{
    const struct net_load_options options = {
        .window = 16, .timeout_us = 2 * S, .attempts_max = 1, .hold_us = 100 * MS, .clock_offset_s = offset_s};
    enum { CALLS = 48 };
    struct net_load load;

    net_load_open(&load, &options);
    net_load_run_good(&load, 3 * CALLS);
    net_load_drain(&load);
    SUPPORT_CHECK(load.good == load.count);
    load.timeout_us = 30 * MS;
    (void)calls_that_time_out(&load, CALLS);
    load.timeout_us = options.timeout_us;
    net_load_run_good(&load, CALLS);
    net_load_close(&load, NULL);
}

static void limits_hold_between_clocks_that_differ(void)
{
    struct timespec now;

    if (!net_load_clocks_differ())
        support_suite_skip("no time namespaces here: they need Linux 5.6 and a privileged user");
    SUPPORT_CHECK(clock_gettime(CLOCK_MONOTONIC, &now) == 0);
    limits_hold_with_a_clock_that_is_off_by(1000000);
    limits_hold_with_a_clock_that_is_off_by(-(int64_t)now.tv_sec / 2);
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

/* --- a target without descriptors ---------------------------------------------------------------------------- */

enum { CROWD = 70, CROWD_LEAVES = 40, FILES_MAX = 64 };

/* Another origin, with a connection of its own. */
struct stranger {
    hg_class_t *hg_class;
    hg_context_t *context;
    hg_addr_t addr;
    hg_handle_t handle;
    unsigned int ended;
    bool under_way;
    bool good;
};

static hg_return_t stranger_called(const struct hg_cb_info *info)
{
    struct stranger *stranger = info->arg;

    stranger->under_way = false;
    stranger->ended++;
    stranger->good = info->ret == HG_SUCCESS;
    return HG_SUCCESS;
}

static void stranger_open(struct stranger *stranger, struct net_load *load)
{
    bool shm = strcmp(support_suite_parameter(), "shm") == 0;
    hg_id_t id;

    *stranger = (struct stranger){.hg_class = HG_Init(shm ? "shm" : "tcp", false)};
    SUPPORT_CHECK(stranger->hg_class != NULL);
    stranger->context = HG_Context_create(stranger->hg_class);
    SUPPORT_CHECK(stranger->context != NULL);
    id = HG_Register_name(stranger->hg_class, "nobody's", NULL, NULL, NULL);
    HG_PAIR_OK(HG_Addr_lookup2(stranger->hg_class, load->address, &stranger->addr));
    HG_PAIR_OK(HG_Create(stranger->context, stranger->addr, id, &stranger->handle));
    HG_PAIR_OK(qs_handle_set_timeout(stranger->handle, S));
}

static void stranger_close(struct stranger *stranger)
{
    while (stranger->under_way) {
        (void)HG_Progress(stranger->context, 10);
        (void)HG_Trigger(stranger->context, 0, 1, NULL);
    }
    HG_PAIR_OK(HG_Destroy(stranger->handle));
    HG_PAIR_OK(HG_Addr_free(stranger->hg_class, stranger->addr));
    HG_PAIR_OK(HG_Context_destroy(stranger->context));
    HG_PAIR_OK(HG_Finalize(stranger->hg_class));
}

/* All that have not been served yet call until they are, or for so long. The number of those that are. */
static unsigned int crowd_calls(struct stranger crowd[CROWD], uint64_t time_us)
{
    uint64_t end_us = support_suite_now_us() + time_us;
    unsigned int good, here;

    do {
        good = here = 0;
        for (unsigned int i = 0; i < CROWD; i++) {
            struct stranger *stranger = &crowd[i];

            if (stranger->hg_class == NULL)
                continue;
            here++;
            good += stranger->good;
            if (!stranger->good && !stranger->under_way)
                stranger->under_way = qs_forward(stranger->handle, stranger_called, stranger, NULL) == HG_SUCCESS;
            (void)HG_Progress(stranger->context, 0);
            (void)HG_Trigger(stranger->context, 0, 1, NULL);
        }
        (void)usleep(10000);
    } while (good < here && support_suite_now_us() < end_us);
    return good;
}

/* How often those that are not served have tried. */
static unsigned int crowd_failures(const struct stranger crowd[CROWD])
{
    unsigned int sum = 0;

    for (unsigned int i = 0; i < CROWD; i++)
        sum += crowd[i].good ? 0 : crowd[i].ended;
    return sum;
}

/* So many of those that are served go. */
static void crowd_leaves(struct stranger crowd[CROWD], unsigned int count)
{
    for (unsigned int i = 0; i < CROWD && count > 0; i++) {
        if (crowd[i].hg_class == NULL || !crowd[i].good)
            continue;
        stranger_close(&crowd[i]);
        crowd[i].hg_class = NULL;
        count--;
    }
}

static void target_without_descriptors_spins_not_and_recovers(void)
{
    const struct net_load_options options = {.window = 8, .timeout_us = 5 * S, .files_max = FILES_MAX};
    static struct stranger crowd[CROWD];
    struct net_load load;
    uint64_t begin_us;
    uint64_t cpu_us;
    unsigned int good;
    double share;

    net_load_open(&load, &options);
    net_load_run_good(&load, 10);
    net_load_drain(&load);
    for (unsigned int i = 0; i < CROWD; i++)
        stranger_open(&crowd[i], &load);
    good = crowd_calls(crowd, 1500 * MS);
    cpu_us = net_load_target_cpu_us(&load);
    begin_us = support_suite_now_us();
    (void)crowd_calls(crowd, 1500 * MS);
    share = (double)(net_load_target_cpu_us(&load) - cpu_us) / (double)(support_suite_now_us() - begin_us);
    printf("# %u of %u origins are served, the others have tried %u times; the target uses %.0f %% of a processor\n",
           good, CROWD, crowd_failures(crowd), share * 100);
    SUPPORT_CHECK(good > 0 && good < CROWD && share < 0.2 * support_slowness());
    net_load_run_good(&load, 100); /* who is there is served */
    crowd_leaves(crowd, CROWD_LEAVES);
    begin_us = support_suite_now_us();
    good = crowd_calls(crowd, 10 * S);
    printf("# when %u have left, all %u others are served within %.1f ms\n", CROWD_LEAVES, good,
           (double)(support_suite_now_us() - begin_us) / 1000);
    SUPPORT_CHECK(good == CROWD - CROWD_LEAVES);
    crowd_leaves(crowd, CROWD - CROWD_LEAVES);
    net_load_close(&load, NULL);
}

/* --- the suite ----------------------------------------------------------------------------------------------------- */

static const struct support_case verbs_wire_cases[] = {
    {"devices_fail_no_call_for_one_percent_of_loss", devices_fail_no_call_for_one_percent_of_loss, 30},
    {"devices_fail_no_call_for_five_percent_of_loss", devices_fail_no_call_for_five_percent_of_loss, 30},
    {NULL, NULL, 0},
};

static const struct support_case tcp_wire_cases[] = {
    {"loss_of_one_percent_and_delay_fail_no_call", loss_of_one_percent_and_delay_fail_no_call, 150},
    {"loss_of_five_percent_and_delay_fail_no_call", loss_of_five_percent_and_delay_fail_no_call, 150},
    {"packets_in_disorder_fail_no_call", packets_in_disorder_fail_no_call, 150},
    {"reset_connections_lose_no_call", reset_connections_lose_no_call, 60},
    {NULL, NULL, 0},
};

static const struct support_case any_wire_cases[] = {
    {"partition_of_two_seconds_ends_calls_by_their_limits", partition_of_two_seconds_ends_calls_by_their_limits, 40},
    {"longer_partitions_end_calls_by_their_limits", longer_partitions_end_calls_by_their_limits, 90},
    {"silence_limit_shortens_what_follows_a_partition", silence_limit_shortens_what_follows_a_partition, 40},
    {"lost_answers_are_unknown_or_given_again", lost_answers_are_unknown_or_given_again, 40},
    {NULL, NULL, 0},
};

static const struct support_case target_cases[] = {
    {"stop_shorter_than_the_limit_fails_nothing", stop_shorter_than_the_limit_fails_nothing, 40},
    {"stop_longer_than_the_limit_runs_nothing_late", stop_longer_than_the_limit_runs_nothing_late, 40},
    {"limits_hold_between_clocks_that_differ", limits_hold_between_clocks_that_differ, 40},
    {"slow_target_keeps_its_bounds", slow_target_keeps_its_bounds, 40},
    {"target_without_descriptors_spins_not_and_recovers", target_without_descriptors_spins_not_and_recovers, 40},
    {NULL, NULL, 0},
};

int main(int argc, char **argv)
{
    static const struct support_case *const wire_tables[] = {tcp_wire_cases, any_wire_cases, NULL};
    static const struct support_case *const verbs_wire_tables[] = {verbs_wire_cases, any_wire_cases, NULL};
    static const struct support_case *const target_tables[] = {target_cases, NULL};
    const char *place = argc > 1 ? argv[argc - 1] : "";

    if (argc == 2 + NET_LOAD_SERVE_ARGS && strcmp(argv[1], "--role") == 0)
        return net_load_serve(argv + 2);
    if (strcmp(place, "wire") == 0)
        return support_suite_main(argc, argv, wire_tables, NULL);
    if (strcmp(place, "verbs_wire") == 0)
        return support_suite_main(argc, argv, verbs_wire_tables, NULL);
    return support_suite_main(argc, argv, target_tables, NULL);
}
