/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * See bench_suite.h. For each transport: a server (ours, or the one named), a client, then the
 * tests of the plan. Which tests there are is decided here, how a test loads the server is
 * bench_load.c's business.
 */
#include "tools/bench_suite.h"

#include "tools/bench_disturb.h"
#include "tools/bench_pin.h"
#include "tools/bench_progress.h"
#include "tools/bench_spawn.h"
#include "tools/bench_watch.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INFO_MAX       512U
#define WATCH_EXTRA_NS UINT64_C(3000000000)

static const struct tool_list echo_sizes = {.values = {64}, .count = 1};
static const struct tool_list bulk_sizes = {.values = {64U << 10, 1U << 20, 16U << 20}, .count = 3};
static const struct tool_list rate_windows = {.values = {1, 16, 64}, .count = 3};
static const struct tool_list one_window = {.values = {1}, .count = 1};

static void add_failure(struct bench_suite *suite, const char *protocol, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void add_failure(struct bench_suite *suite, const char *protocol, const char *format, ...)
{
    struct bench_failure *failure;
    va_list args;

    if (suite->failure_count == sizeof(suite->failures) / sizeof(suite->failures[0]))
        return;
    failure = &suite->failures[suite->failure_count++];
    failure->protocol = protocol;
    va_start(args, format);
    (void)vsnprintf(failure->text, sizeof(failure->text), format, args);
    va_end(args);
}

/* --------------------------------------------------------------------------------------- plan */

static struct bench_result *add_result(struct bench_suite *suite, enum bench_test test, const char *protocol,
                                       const char *provider)
{
    struct bench_result *result;

    if (suite->result_count == suite->result_room) {
        unsigned int room = suite->result_room == 0 ? 32 : 2 * suite->result_room;
        struct bench_result *bigger = realloc(suite->results, room * sizeof(*bigger));

        if (bigger == NULL)
            return NULL;
        suite->results = bigger;
        suite->result_room = room;
    }
    result = &suite->results[suite->result_count];
    if (!bench_result_init(result, test, protocol))
        return NULL;
    (void)snprintf(result->provider, sizeof(result->provider), "%s", provider);
    suite->result_count++;
    return result;
}

/* Adds the tests of one kind: every size with every window. */
static bool plan_test(struct bench_suite *suite, const struct bench_result *base, hg_bulk_op_t op,
                      const struct tool_list *sizes, const struct tool_list *windows)
{
    for (unsigned int s = 0; s < sizes->count; s++) {
        for (unsigned int w = 0; w < windows->count; w++) {
            struct bench_result *result = add_result(suite, base->test, base->protocol, base->provider);

            if (result == NULL)
                return false;
            result->size = sizes->values[s];
            result->window = (unsigned int)windows->values[w];
            result->op = op;
            result->verified = suite->options->verify;
        }
    }
    return true;
}

static const struct tool_list *given_or(const struct tool_list *given, const struct tool_list *other)
{
    return given->count > 0 ? given : other;
}

static bool plan_all(struct bench_suite *suite, const char *protocol, const char *provider)
{
    const struct bench_options *options = suite->options;
    struct bench_result base = {.protocol = protocol};
    bool all = options->mode == BENCH_MODE_ALL, good = true;

    (void)snprintf(base.provider, sizeof(base.provider), "%s", provider);
    if (all || options->mode == BENCH_MODE_LAT) {
        base.test = BENCH_TEST_LAT;
        good = good && plan_test(suite, &base, HG_BULK_PULL, given_or(&options->sizes, &echo_sizes), &one_window);
    }
    if (all || options->mode == BENCH_MODE_RATE) {
        base.test = BENCH_TEST_RATE;
        good = good && plan_test(suite, &base, HG_BULK_PULL, given_or(&options->sizes, &echo_sizes),
                                 given_or(&options->windows, &rate_windows));
    }
    if (all || options->mode == BENCH_MODE_BW) {
        base.test = BENCH_TEST_BW;
        if (options->pull)
            good = good && plan_test(suite, &base, HG_BULK_PULL, given_or(&options->sizes, &bulk_sizes),
                                     given_or(&options->windows, &one_window));
        if (options->push)
            good = good && plan_test(suite, &base, HG_BULK_PUSH, given_or(&options->sizes, &bulk_sizes),
                                     given_or(&options->windows, &one_window));
    }
    return good;
}

/* ------------------------------------------------------------------------------------ running */

/* One run of one test. False when no further run on this transport makes sense. */
static bool run_test(struct bench_suite *suite, struct bench_client *client, struct bench_result *result,
                     struct util_hist *hist)
{
    struct bench_load_config config = {.ops = result->test == BENCH_TEST_BW ? &bench_move_ops : &bench_echo_ops,
                                       .size = result->size,
                                       .window = result->window,
                                       .op = result->op,
                                       .verify = result->verified};
    struct bench_sample sample;
    struct bench_load load;
    char error[256];

    bench_watch_phase("setting a test up");
    if (!bench_load_open(&load, client, &config, error, sizeof(error))) {
        add_failure(suite, result->protocol, "%s: %s", bench_result_test_name(result->test), error);
        return client->lost == 0;
    }
    bench_watch_phase("a test");
    util_hist_reset(hist);
    if (suite->options->warmup_ns > 0)
        bench_load_run(&load, suite->options->warmup_ns, NULL, &sample);
    else
        memset(&sample, 0, sizeof(sample));
    if (!sample.gave_up)
        bench_load_run(&load, suite->options->duration_ns, hist, &sample);
    bench_result_add(result, &sample, hist);
    bench_watch_phase("ending a test");
    bench_load_close(&load);
    if (sample.gave_up)
        add_failure(suite, result->protocol, "%s, %llu bytes, window %u: %s", bench_result_test_name(result->test),
                    (unsigned long long)result->size, result->window, sample.why);
    return !sample.gave_up;
}

static void run_plan(struct bench_suite *suite, struct bench_client *client, unsigned int first)
{
    unsigned int tests = suite->result_count - first, runs = suite->options->runs;
    struct util_hist hist;

    if (util_hist_init(&hist) != 0)
        return;
    for (unsigned int run = 0; run < runs; run++) {
        for (unsigned int i = first; i < suite->result_count; i++) {
            bench_progress_test(&suite->results[i], run + 1, run * tests + (i - first), runs * tests);
            if (!run_test(suite, client, &suite->results[i], &hist)) {
                util_hist_fini(&hist);
                return;
            }
        }
    }
    util_hist_fini(&hist);
}

static void add_first(struct bench_suite *suite, const struct bench_client *client, const char *protocol,
                      const char *provider)
{
    struct bench_result *result = add_result(suite, BENCH_TEST_FIRST, protocol, provider);

    if (result == NULL)
        return;
    result->window = 1;
    util_hist_record(&result->hist, client->first_ns);
    result->calls = 1;
}

/* Measures against the server at `uri`, with a client opened for `info`. */
static void run_against(struct bench_suite *suite, const char *protocol, const char *info, const char *uri,
                        struct bench_spawn *spawn)
{
    struct bench_client client;
    const char *provider;
    unsigned int first;

    if (!bench_client_open(&client, info, uri, suite->options, spawn)) {
        add_failure(suite, protocol, "%s", client.error);
        suite->stuck = suite->stuck || client.lost > 0;
        return;
    }
    suite->same_machine = suite->same_machine || client.same_machine;
    provider = HG_Class_get_protocol(client.hg_class);
    add_first(suite, &client, protocol, provider);
    first = suite->result_count;
    if (plan_all(suite, protocol, provider))
        run_plan(suite, &client, first);
    else
        add_failure(suite, protocol, "out of memory");
    if (!bench_client_close(&client)) {
        if (client.lost > 0)
            add_failure(suite, protocol, "%u calls never came back", client.lost);
        else
            add_failure(suite, protocol, "the client's class could not be closed");
        suite->stuck = true;
    }
}

/* Whether the protocol of an info string has no loopback host: shared memory has no hosts, RDMA devices have others. */
static bool is_without_loopback(const char *info)
{
    static const char *const names[] = {"shm", "sm", "sm2", "verbs", "verbs;ofi_rxm"};
    const char *plus = strchr(info, '+');
    const char *protocol = plus == NULL ? info : plus + 1;

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (strcmp(protocol, names[i]) == 0)
            return true;
    return false;
}

void bench_suite_local_info(const char *provider, char *info, size_t info_size)
{
    bool complete = strstr(provider, "://") != NULL || is_without_loopback(provider);

    (void)snprintf(info, info_size, "%s%s", provider, complete ? "" : "://127.0.0.1");
}

static void pin_client(const struct bench_options *options)
{
    if (options->pin_mode == BENCH_PIN_CORES) {
        if (!bench_pin_to(options->pin_client))
            bench_progress_note("cannot run on core %d", options->pin_client);
    } else if (options->pin_mode == BENCH_PIN_AUTO && bench_pin_count() >= 2) {
        (void)bench_pin_to(bench_pin_last());
    }
}

/* With a server of our own, which is started before we bind ourselves to a core. */
static void run_own(struct bench_suite *suite, const char *provider)
{
    struct bench_spawn spawn;
    char info[INFO_MAX];
    unsigned int failures;

    bench_suite_local_info(provider, info, sizeof(info));
    bench_pin_release();
    bench_watch_phase("starting the server process");
    if (!bench_spawn_start(&spawn, info, suite->options)) {
        add_failure(suite, provider, "no server on \"%s\": %s", info, spawn.error);
        return;
    }
    pin_client(suite->options);
    failures = suite->failure_count;
    run_against(suite, provider, info, spawn.address, &spawn);
    bench_watch_phase("stopping the server process");
    if (!bench_spawn_stop(&spawn) && suite->failure_count == failures)
        add_failure(suite, provider, "%s", spawn.error);
}

/* With a server somewhere: the scheme of its address is our info string. */
static void run_remote(struct bench_suite *suite)
{
    const struct bench_options *options = suite->options;
    static char scheme[INFO_MAX];
    const char *info = scheme;

    (void)snprintf(scheme, sizeof(scheme), "%.*s", (int)(strstr(options->uri, "://") - options->uri), options->uri);
    if (options->provider_count > 0)
        info = options->providers[0];
    pin_client(options);
    run_against(suite, scheme, info, options->uri, NULL);
}

void bench_suite_run(struct bench_suite *suite, const struct bench_options *options)
{
    struct bench_disturb start;

    memset(suite, 0, sizeof(*suite));
    suite->options = options;
    suite->others = -1.0;
    bench_disturb_read(&start);
    bench_watch_start(options->timeout_ns + WATCH_EXTRA_NS, "starting");
    if (options->uri != NULL) {
        run_remote(suite);
    } else {
        for (unsigned int i = 0; i < options->provider_count && !suite->stuck; i++)
            run_own(suite, options->providers[i]);
        suite->others = bench_disturb_since(&start);
    }
    bench_progress_end();
    bench_watch_stop();
}

void bench_suite_fini(struct bench_suite *suite)
{
    for (unsigned int i = 0; i < suite->result_count; i++)
        bench_result_fini(&suite->results[i]);
    free(suite->results);
    suite->results = NULL;
    suite->result_count = 0;
}

bool bench_suite_good(const struct bench_suite *suite)
{
    for (unsigned int i = 0; i < suite->result_count; i++)
        if (suite->results[i].wrong > 0 || bench_result_errors(&suite->results[i]) > 0)
            return false;
    return suite->failure_count == 0;
}
