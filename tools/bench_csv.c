/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Results as CSV: the columns of the JSON results, one line per test. Names hold no comma or
 * quote except providers, which are quoted.
 */
#include "tools/bench_report.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

static void print_percentile(FILE *out, const struct bench_result *result, double percent)
{
    struct bench_percentile found = bench_result_percentile(result, percent);

    if (found.shown)
        (void)fprintf(out, ",%.3f", found.us);
    else
        (void)fputs(",", out);
}

static void print_result(FILE *out, const struct bench_result *result)
{
    struct bench_spread rate = bench_result_ops_per_s(result);
    const char *op = bench_result_op_name(result);

    (void)fprintf(out, "%s,\"%s\",\"%s\",%s,%" PRIu64 ",%u,%u,", bench_result_test_name(result->test), result->protocol,
                  result->provider, op != NULL ? op : "", result->size, result->window, result->run_count);
    if (result->run_count > 0)
        (void)fprintf(out, "%.1f,%.1f,%.1f,%.3f", rate.median, rate.min, rate.max,
                      bench_result_mib_per_s(result, rate.median));
    else
        (void)fputs(",,,", out);
    print_percentile(out, result, 50.0);
    print_percentile(out, result, 99.0);
    print_percentile(out, result, 99.9);
    if (util_hist_count(&result->hist) > 0)
        (void)fprintf(out, ",%.3f,%.3f,%.3f", (double)util_hist_min(&result->hist) / 1e3,
                      (double)util_hist_max(&result->hist) / 1e3, util_hist_mean(&result->hist) / 1e3);
    else
        (void)fputs(",,,", out);
    (void)fprintf(out, ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 "\n", result->calls, bench_result_errors(result),
                  result->wrong);
}

bool bench_csv_write(const char *path, const struct bench_suite *suite)
{
    bool standard = strcmp(path, "-") == 0, good;
    FILE *out = standard ? stdout : fopen(path, "w");

    if (out == NULL) {
        (void)fprintf(stderr, "hg_bench: --csv %s: %s\n", path, strerror(errno));
        return false;
    }
    (void)fputs("test,protocol,provider,op,size,window,runs,ops_per_s,ops_per_s_min,ops_per_s_max,"
                "mib_per_s,p50_us,p99_us,p999_us,min_us,max_us,mean_us,calls,errors,wrong\n",
                out);
    for (unsigned int i = 0; i < suite->result_count; i++)
        print_result(out, &suite->results[i]);
    good = ferror(out) == 0;
    good = (standard ? fflush(out) : fclose(out)) == 0 && good;
    if (!good)
        (void)fprintf(stderr, "hg_bench: --csv %s: %s\n", path, strerror(errno));
    return good;
}
