/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * See bench_fault.h. One run per transport: ledger, server, client, calls under way while things
 * happen to the server; then all calls end, the server leaves, and the ledger is checked, because
 * only then nothing can run any more.
 */
#include "tools/bench_fault.h"

#include "tools/bench_fault_calls.h"
#include "tools/bench_progress.h"
#include "tools/bench_watch.h"
#include "util/util_clock.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define EXIT_OK   0
#define EXIT_FAIL 2

/* Starting, connecting, and ending after the last call's time limit. */
#define PATIENCE_NS (10 * UTIL_CLOCK_NS_PER_S)
#define WATCH_NS    (20 * UTIL_CLOCK_NS_PER_S)
#define LOOK_NS     UTIL_CLOCK_NS_PER_MS
#define SLEEP_MS    2U /* what happens to the server is due without an event of the library */

/* More calls than these are hardly made; memory is taken for those that are. */
#define CALLS_PER_S   UINT64_C(3000000)
#define CALLS_LIMIT   (UINT64_C(1) << 28)
#define CALLS_AT_BEST UINT64_C(1000000)

struct run {
    struct bench_options options; /* as server and client are opened with */
    uint64_t timeout_ns;          /* of a call */
    struct bench_fault_result *result;
    struct bench_fault_ledger ledger;
    struct bench_fault_plan plan;
    struct bench_client client;
    struct bench_fault_calls calls;
    uint64_t look_ns; /* when to look after the server again */
};

static uint64_t capacity_of(const struct bench_options *options)
{
    uint64_t calls = options->duration_ns / UTIL_CLOCK_NS_PER_MS * (CALLS_PER_S / 1000) + CALLS_AT_BEST;

    return calls < CALLS_LIMIT ? calls : CALLS_LIMIT;
}

/* ------------------------------------------------------------------------------------ the loop */

/* One turn of everything but new calls. Callbacks come last, so that the places which they free are
 * filled before the next sleep. */
static bool turn(struct run *run, uint64_t now_ns)
{
    hg_return_t ret = bench_client_progress(&run->client, SLEEP_MS);

    bench_client_trigger(&run->client);
    if (ret != HG_SUCCESS) {
        bench_fault_result_fail(run->result, "HG_Progress: %s (%s)", HG_Error_to_string(ret), tool_lib_detail());
        return false;
    }
    if (now_ns < run->look_ns)
        return true;
    run->look_ns = now_ns + LOOK_NS;
    return bench_fault_plan_turn(&run->plan, now_ns);
}

static bool make_trouble(struct run *run)
{
    uint64_t now_ns = util_clock_now_ns(), end_ns = now_ns + run->options.duration_ns;

    run->result->start_ns = now_ns;
    bench_fault_plan_begin(&run->plan, now_ns);
    for (; now_ns < end_ns; now_ns = util_clock_now_ns()) {
        if (!bench_fault_calls_fill(&run->calls, now_ns)) {
            bench_fault_result_fail(run->result, "the ledger has no room for more than %llu calls: make it shorter",
                                    (unsigned long long)run->calls.capacity);
            return false;
        }
        if (!turn(run, now_ns))
            return false;
    }
    return true;
}

/* Until no call is under way and, if there can be one, a server is up. */
static void calm_down(struct run *run, bool server)
{
    uint64_t now_ns = util_clock_now_ns(), end_ns = now_ns + run->timeout_ns + PATIENCE_NS;

    bench_fault_plan_end(&run->plan);
    while (run->calls.under_way > 0 || (server && !bench_fault_plan_is_up(&run->plan))) {
        now_ns = util_clock_now_ns();
        if (now_ns >= end_ns)
            break;
        if (server)
            server = turn(run, now_ns);
        else if (bench_client_turn(&run->client) != HG_SUCCESS)
            break;
    }
    run->result->calls = run->calls.count;
    if (run->calls.under_way > 0)
        bench_fault_result_fail(run->result, "%u calls never came back", run->calls.under_way);
    run->client.lost += run->calls.under_way;
}

/* ---------------------------------------------------------------------------------------- runs */

static void run_calls(struct run *run)
{
    bench_watch_phase("setting the calls up");
    if (bench_fault_calls_open(&run->calls, &run->client, &run->plan, run->ledger.map->capacity, run->timeout_ns)) {
        bench_watch_phase("calling");
        calm_down(run, make_trouble(run));
    }
    if (run->client.lost == 0)
        bench_fault_calls_close(&run->calls);
}

static void run_client(struct run *run)
{
    struct bench_fault_result *result = run->result;

    if (!bench_client_open(&run->client, result->provider, run->plan.info, &run->options, &run->plan.spawn)) {
        bench_fault_result_fail(result, "%s", run->client.error);
        result->stuck = run->client.lost > 0;
        return;
    }
    run_calls(run);
    if (!bench_client_close(&run->client)) {
        bench_fault_result_fail(result, "the client's class could not be closed (%s)", tool_lib_detail());
        result->stuck = true;
    }
}

/* The server has ended: what the ledger says now is final. */
static void check(struct run *run)
{
    if (run->calls.made == NULL)
        return;
    bench_watch_phase("checking the ledger");
    bench_fault_check(run->ledger.map, run->calls.made, run->result->calls, &run->result->verdict);
    run->result->checked = true;
}

static void check_children(struct run *run)
{
    if (waitpid(-1, NULL, WNOHANG) != -1 || errno != ECHILD)
        bench_fault_result_fail(run->result, "a child process is left");
}

static void run_transport(const struct bench_options *options, struct bench_fault_result *result)
{
    struct run *run = calloc(1, sizeof(*run));

    if (run == NULL) {
        bench_fault_result_fail(result, "out of memory");
        return;
    }
    run->options = *options;
    run->options.timeout_ns = PATIENCE_NS;
    run->timeout_ns = options->timeout_ns;
    run->result = result;
    if (!bench_fault_ledger_create(&run->ledger, capacity_of(options))) {
        bench_fault_result_fail(result, "no ledger: %s", strerror(errno));
        free(run);
        return;
    }
    run->options.ledger_fd = run->ledger.fd;
    bench_watch_phase("starting the server process");
    if (bench_fault_plan_open(&run->plan, &run->options, result)) {
        run_client(run);
        bench_watch_phase("stopping the server process");
        bench_fault_plan_close(&run->plan);
        check(run);
    }
    check_children(run);
    if (result->stuck)
        return; /* the library may still write to what belongs to the run */
    bench_fault_calls_forget(&run->calls);
    bench_fault_ledger_close(&run->ledger);
    free(run);
}

/* ----------------------------------------------------------------------------------- the verb */

static bool report(const struct bench_fault_report *report)
{
    const char *path = report->options->json_path;
    bool good = path == NULL || bench_fault_json_write(path, report);

    for (unsigned int i = 0; i < report->count; i++)
        good = bench_fault_result_good(&report->results[i]) && good;
    if (path != NULL && strcmp(path, "-") == 0)
        return good;
    bench_fault_print(stdout, report);
    return fflush(stdout) == 0 && good;
}

int bench_fault_main(const struct bench_options *options, int argc, char **argv)
{
    struct bench_fault_result results[BENCH_OPTIONS_PROVIDERS_MAX];
    struct bench_fault_report all = {.options = options, .results = results};
    struct bench_env env;
    bool stuck = false;
    bool good;

    if (!tool_lib_has_outcomes()) {
        (void)fprintf(stderr, "hg_bench: fault needs Quicksilver; this hg_bench is built against %s\n",
                      tool_lib_name());
        return EXIT_FAIL;
    }
    bench_env_read(&env, argc, argv);
    all.env = &env;
    bench_progress_start(options->quiet);
    bench_watch_start(WATCH_NS, "starting");
    while (all.count < options->provider_count && !stuck) {
        struct bench_fault_result *result = &results[all.count];

        bench_fault_result_init(result, options->providers[all.count++]);
        bench_progress_note("fault over %s, %.3g s", result->provider, (double)options->duration_ns / 1e9);
        run_transport(options, result);
        stuck = result->stuck;
    }
    bench_watch_stop();
    good = report(&all);
    if (stuck) {
        (void)fflush(NULL);
        _exit(EXIT_FAIL);
    }
    for (unsigned int i = 0; i < all.count; i++)
        bench_fault_result_fini(&results[i]);
    return good ? EXIT_OK : EXIT_FAIL;
}
