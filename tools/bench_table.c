/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * The table for people. One block per transport, one line per test.
 */
#include "tools/bench_report.h"

#include <inttypes.h>
#include <string.h>

/* Below it, the difference to an idle machine drowns in that between two runs. */
#define DISTURBED 0.05

static void print_head(FILE *out, const struct bench_suite *suite, const struct bench_env *env)
{
    const struct bench_options *options = suite->options;

    (void)fprintf(out, "%s %s, libfabric %s, %s, %s, %u core%s\n", env->library, env->version, env->libfabric,
                  env->kernel, env->cpu, env->cores, env->cores == 1 ? "" : "s");
    (void)fprintf(out,
                  "%u runs of %.3g s each, interleaved; both sides %s; rates are medians "
                  "[least - greatest]\n",
                  options->runs, (double)options->duration_ns / 1e9,
                  options->busy ? "spin while they wait" : "sleep while they wait");
    if (suite->same_machine)
        (void)fprintf(out,
                      "Client and server share this machine%s: take the figures as relative "
                      "ones.\n",
                      env->cores < 2 ? " and its only core" : "");
    if (suite->others > DISTURBED)
        (void)fprintf(out,
                      "Other processes took %.0f %% of this machine meanwhile: the figures are too "
                      "low, medians of latency suffer least.\n",
                      suite->others * 100.0);
}

static void print_percentile(FILE *out, const struct bench_result *result, double percent)
{
    struct bench_percentile found = bench_result_percentile(result, percent);

    if (found.shown)
        (void)fprintf(out, " %9.*f", found.us < 1000.0 ? 2 : 0, found.us);
    else
        (void)fprintf(out, " %9s", "-");
}

static void print_result(FILE *out, const struct bench_result *result)
{
    struct bench_spread rate = bench_result_ops_per_s(result);
    const char *op = bench_result_op_name(result);
    char name[16], size[32], spread[48], mib[32];

    (void)snprintf(name, sizeof(name), "%s%s%s", bench_result_test_name(result->test), op != NULL ? " " : "",
                   op != NULL ? op : "");
    (void)snprintf(spread, sizeof(spread), "[%.0f - %.0f]", rate.min, rate.max);
    (void)snprintf(mib, sizeof(mib), "%.1f", bench_result_mib_per_s(result, rate.median));
    if (result->run_count == 0) {
        (void)snprintf(spread, sizeof(spread), "-");
        (void)snprintf(mib, sizeof(mib), "-");
    }
    (void)fprintf(out, "  %-8s %6s %6u", name, tool_parse_show_size(result->size, size, sizeof(size)), result->window);
    if (result->run_count == 0)
        (void)fprintf(out, " %10s", "-");
    else
        (void)fprintf(out, " %10.0f", rate.median);
    (void)fprintf(out, " %-21s %9s", spread, mib);
    print_percentile(out, result, 50.0);
    print_percentile(out, result, 99.0);
    print_percentile(out, result, 99.9);
    (void)fprintf(out, " %9" PRIu64 " %6" PRIu64 "\n", result->calls, bench_result_errors(result) + result->wrong);
}

/* The lines below a result that had failures: which, how many, where. */
static void print_trouble(FILE *out, const struct bench_result *result)
{
    for (int i = 0; i < HG_RETURN_MAX; i++)
        if (result->errors[i] > 0)
            (void)fprintf(out, "           %" PRIu64 " calls failed with %s\n", result->errors[i],
                          HG_Error_to_string((hg_return_t)i));
    if (result->wrong > 0)
        (void)fprintf(out, "           %" PRIu64 " calls brought wrong bytes, the first at offset %" PRIu64 "\n",
                      result->wrong, result->bad_offset);
}

static void print_block_head(FILE *out, const struct bench_result *first)
{
    (void)fprintf(out, "\n%s", first->protocol);
    if (strcmp(first->protocol, first->provider) != 0)
        (void)fprintf(out, " (%s)", first->provider);
    (void)fprintf(out, ": look-up, connection and first call %.0f us\n", util_hist_mean(&first->hist) / 1e3);
    (void)fprintf(out, "  %-8s %6s %6s %10s %-21s %9s %9s %9s %9s %9s %6s\n", "test", "size", "window", "calls/s", "",
                  "MiB/s", "p50 us", "p99 us", "p99.9 us", "calls", "failed");
}

void bench_table_print(FILE *out, const struct bench_suite *suite, const struct bench_env *env)
{
    print_head(out, suite, env);
    for (unsigned int i = 0; i < suite->result_count; i++) {
        const struct bench_result *result = &suite->results[i];

        if (result->test == BENCH_TEST_FIRST) {
            print_block_head(out, result);
            continue;
        }
        print_result(out, result);
        print_trouble(out, result);
    }
    for (unsigned int i = 0; i < suite->failure_count; i++)
        (void)fprintf(out, "\n%s: FAILED: %s\n", suite->failures[i].protocol, suite->failures[i].text);
    if (suite->options->verify)
        (void)fprintf(out, "\nAll bytes were %s; the checks are part of the times.\n",
                      bench_suite_good(suite) ? "verified" : "checked");
}
