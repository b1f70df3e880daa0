/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * See bench_result.h.
 */
#include "tools/bench_result.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NS_PER_S  1e9
#define NS_PER_US 1e3
#define MIB       1048576.0

bool bench_result_init(struct bench_result *result, enum bench_test test, const char *protocol)
{
    memset(result, 0, sizeof(*result));
    result->test = test;
    result->protocol = protocol;
    result->bad_offset = BENCH_RPC_NO_OFFSET;
    return util_hist_init(&result->hist) == 0;
}

void bench_result_fini(struct bench_result *result)
{
    util_hist_fini(&result->hist);
}

void bench_result_add(struct bench_result *result, const struct bench_sample *sample, const struct util_hist *hist)
{
    if (result->run_count < BENCH_OPTIONS_RUNS_MAX && sample->ops > 0) {
        struct bench_figure *figure = &result->runs[result->run_count++];

        figure->ops = sample->ops;
        figure->elapsed_ns = sample->elapsed_ns;
        figure->p50_ns = util_hist_percentile(hist, 50.0, NULL);
    }
    util_hist_merge(&result->hist, hist);
    result->calls += sample->ops;
    for (int i = 0; i < HG_RETURN_MAX; i++)
        result->errors[i] += sample->errors[i];
    if (result->wrong == 0)
        result->bad_offset = sample->bad_offset;
    result->wrong += sample->wrong;
}

const char *bench_result_test_name(enum bench_test test)
{
    static const char *const names[] = {
        [BENCH_TEST_FIRST] = "first", [BENCH_TEST_LAT] = "lat", [BENCH_TEST_RATE] = "rate", [BENCH_TEST_BW] = "bw"};

    return names[test];
}

const char *bench_result_op_name(const struct bench_result *result)
{
    if (result->test != BENCH_TEST_BW)
        return NULL;
    return result->op == HG_BULK_PULL ? "pull" : "push";
}

struct bench_percentile bench_result_percentile(const struct bench_result *result, double percent)
{
    struct bench_percentile found = {.shown = false};
    uint64_t ns = util_hist_percentile(&result->hist, percent, &found.beyond);

    found.us = (double)ns / NS_PER_US;
    found.shown = found.beyond >= BENCH_RESULT_BEYOND_MIN;
    return found;
}

static int compare(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;

    return (a > b) - (a < b);
}

struct bench_spread bench_result_ops_per_s(const struct bench_result *result)
{
    struct bench_spread spread = {0.0, 0.0, 0.0};
    double rates[BENCH_OPTIONS_RUNS_MAX];
    unsigned int count = result->run_count;

    if (count == 0)
        return spread;
    for (unsigned int i = 0; i < count; i++)
        rates[i] = (double)result->runs[i].ops * NS_PER_S / (double)(result->runs[i].elapsed_ns + 1);
    qsort(rates, count, sizeof(rates[0]), compare);
    spread.min = rates[0];
    spread.max = rates[count - 1];
    spread.median = (rates[(count - 1) / 2] + rates[count / 2]) / 2.0;
    return spread;
}

double bench_result_mib_per_s(const struct bench_result *result, double ops_per_s)
{
    return ops_per_s * (double)result->size / MIB;
}

uint64_t bench_result_errors(const struct bench_result *result)
{
    uint64_t sum = 0;

    for (int i = 0; i < HG_RETURN_MAX; i++)
        sum += result->errors[i];
    return sum;
}
