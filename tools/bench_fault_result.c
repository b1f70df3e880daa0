/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * See bench_fault_result.h.
 */
#include "tools/bench_fault_result.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Makes room for `wanted` values, the new ones 0. */
static bool grow(struct bench_fault_series *series, size_t wanted)
{
    size_t room = series->room == 0 ? 64 : series->room;
    uint64_t *bigger;

    if (wanted <= series->room)
        return true;
    while (room < wanted)
        room *= 2;
    bigger = realloc(series->values, room * sizeof(*bigger));
    if (bigger == NULL)
        return false;
    memset(bigger + series->room, 0, (room - series->room) * sizeof(*bigger));
    series->values = bigger;
    series->room = room;
    return true;
}

void bench_fault_result_init(struct bench_fault_result *result, const char *provider)
{
    memset(result, 0, sizeof(*result));
    result->provider = provider;
}

void bench_fault_result_fini(struct bench_fault_result *result)
{
    free(result->goodput.values);
    free(result->recoveries.values);
    free(result->events);
    memset(result, 0, sizeof(*result));
}

void bench_fault_result_event(struct bench_fault_result *result, enum bench_fault_event_kind kind, uint64_t now_ns)
{
    if (result->event_count == result->event_room) {
        size_t room = result->event_room == 0 ? 64 : 2 * result->event_room;
        struct bench_fault_event *bigger = realloc(result->events, room * sizeof(*bigger));

        if (bigger == NULL)
            return;
        result->events = bigger;
        result->event_room = room;
    }
    result->events[result->event_count++] =
        (struct bench_fault_event){.at_ns = now_ns - result->start_ns, .kind = kind};
}

void bench_fault_result_success(struct bench_fault_result *result, uint64_t now_ns)
{
    size_t slice = (size_t)((now_ns - result->start_ns) / BENCH_FAULT_SLICE_NS);

    if (!grow(&result->goodput, slice + 1))
        return;
    result->goodput.values[slice]++;
    if (slice >= result->goodput.count)
        result->goodput.count = slice + 1;
}

void bench_fault_result_recovery(struct bench_fault_result *result, uint64_t took_ns)
{
    if (grow(&result->recoveries, result->recoveries.count + 1))
        result->recoveries.values[result->recoveries.count++] = took_ns;
}

void bench_fault_result_fail(struct bench_fault_result *result, const char *format, ...)
{
    va_list args;

    if (result->failure_count == BENCH_FAULT_FAILURES_MAX)
        return;
    va_start(args, format);
    (void)vsnprintf(result->failures[result->failure_count++], sizeof(result->failures[0]), format, args);
    va_end(args);
}

bool bench_fault_result_good(const struct bench_fault_result *result)
{
    return result->failure_count == 0 && result->checked && bench_fault_verdict_good(&result->verdict);
}

size_t bench_fault_result_events(const struct bench_fault_result *result, enum bench_fault_event_kind kind)
{
    size_t count = 0;

    for (size_t i = 0; i < result->event_count; i++)
        count += result->events[i].kind == kind;
    return count;
}

size_t bench_fault_result_unrecovered(const struct bench_fault_result *result)
{
    size_t restarts = bench_fault_result_events(result, BENCH_FAULT_RESTARTED);

    return restarts > result->recoveries.count ? restarts - result->recoveries.count : 0;
}

static int compare(const void *left, const void *right)
{
    const uint64_t *a = left, *b = right;

    return (*a > *b) - (*a < *b);
}

double bench_fault_result_recovery_median(struct bench_fault_result *result)
{
    struct bench_fault_series *series = &result->recoveries;

    if (series->count == 0)
        return 0.0;
    qsort(series->values, series->count, sizeof(series->values[0]), compare);
    size_t upper = series->count / 2;
    size_t lower = (series->count - 1) / 2;

    return (double)(series->values[lower] + series->values[upper]) / 2e6;
}

double bench_fault_result_recovery_max(struct bench_fault_result *result)
{
    uint64_t max = 0;

    for (size_t i = 0; i < result->recoveries.count; i++)
        max = result->recoveries.values[i] > max ? result->recoveries.values[i] : max;
    return (double)max / 1e6;
}

const char *bench_fault_event_name(enum bench_fault_event_kind kind)
{
    static const char *const names[] = {[BENCH_FAULT_KILLED] = "killed",
                                        [BENCH_FAULT_RESTARTED] = "restarted",
                                        [BENCH_FAULT_STOPPED] = "stopped",
                                        [BENCH_FAULT_CONTINUED] = "continued"};

    return names[kind];
}
