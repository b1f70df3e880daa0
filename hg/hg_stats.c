/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */

/*
 * Sums the counters of contexts, and shows them under Mercury's names and under our own, or in the log.
 */

#include "hg/hg_stats.h"

#include <string.h>

#include "hg/hg_class.h"
#include "hg/hg_context.h"
#include "util/util_log.h"

/* The struct is nothing but uint64_t fields, which is what makes it addable. */
#define STATS_FIELDS (sizeof(struct qs_counters) / sizeof(uint64_t))

/* Their names, in order. */
static const char *const stats_names[] = {
    "rpc_req_sent",  "rpc_req_recv", "rpc_resp_sent", "rpc_resp_recv", "rpc_oneway_sent", "frames_sent", "frames_recv",
    "sends_refused", "bad_frames",   "stale_frames",  "unknown_rpc",   "timeouts",        "cancels",     "route_up",
    "route_down",    "overflow_in",  "overflow_out",  "bulk_ops",      "bulk_bytes",      "wakeups",     "sleeps",
};
_Static_assert(sizeof(stats_names) / sizeof(stats_names[0]) == STATS_FIELDS, "every counter has a name");

void hg_stats_add(struct qs_counters *sum, const struct qs_counters *more)
{
    uint64_t into[STATS_FIELDS];
    uint64_t from[STATS_FIELDS];
    size_t i;

    memcpy(into, sum, sizeof(into));
    memcpy(from, more, sizeof(from));
    for (i = 0; i < STATS_FIELDS; i++)
        into[i] += from[i];
    memcpy(sum, into, sizeof(into));
}

void hg_stats_of_context_locked(const struct hg_context *context, struct qs_counters *out)
{
    *out = context->counters;
    out->bulk_ops = context->bulk.counters.ended;
    out->bulk_bytes = context->bulk.counters.bytes;
}

void hg_stats_read(struct hg_class *hg_class, struct qs_counters *out)
{
    unsigned int i;

    util_lock_take(&hg_class->context_lock);
    *out = hg_class->closed_counters;
    for (i = 0; i < NA_CONTEXTS_MAX; i++) {
        struct hg_context *context = hg_context_by_id(hg_class, (uint8_t)i);
        struct qs_counters counters;

        if (context == NULL)
            continue;
        util_lock_take(&context->lock);
        hg_stats_of_context_locked(context, &counters);
        util_lock_drop(&context->lock);
        hg_stats_add(out, &counters);
    }
    util_lock_drop(&hg_class->context_lock);
}

hg_return_t qs_class_get_counters(const hg_class_t *hg_class, struct qs_counters *out, size_t out_size)
{
    struct qs_counters counters;

    if (hg_class == NULL || out == NULL)
        return HG_INVALID_ARG;
    hg_stats_read((hg_class_t *)(uintptr_t)hg_class, &counters);
    memset(out, 0, out_size);
    memcpy(out, &counters, out_size < sizeof(counters) ? out_size : sizeof(counters));
    return HG_SUCCESS;
}

hg_return_t HG_Class_get_counters(const hg_class_t *hg_class, struct hg_diag_counters *diag_counters)
{
    struct qs_counters counters;

    if (hg_class == NULL || diag_counters == NULL)
        return HG_INVALID_ARG;
    hg_stats_read((hg_class_t *)(uintptr_t)hg_class, &counters);
    *diag_counters = (struct hg_diag_counters){
        .rpc_req_sent_count = counters.rpc_req_sent,
        .rpc_req_recv_count = counters.rpc_req_recv,
        .rpc_resp_sent_count = counters.rpc_resp_sent,
        .rpc_resp_recv_count = counters.rpc_resp_recv,
        .rpc_req_extra_count = counters.overflow_in,
        .rpc_resp_extra_count = counters.overflow_out,
        .rpc_req_recv_active_count =
            counters.rpc_req_recv > counters.rpc_resp_sent ? counters.rpc_req_recv - counters.rpc_resp_sent : 0,
        .rpc_multi_recv_copy_count = counters.rpc_req_recv,
        .bulk_count = counters.bulk_ops,
    };
    return HG_SUCCESS;
}

/* One line per counter that is not zero. */
static void stats_log(const char *address, const struct qs_counters *counters)
{
    uint64_t values[STATS_FIELDS];
    size_t i;

    memcpy(values, counters, sizeof(values));
    for (i = 0; i < STATS_FIELDS; i++) {
        if (values[i] != 0)
            UTIL_LOG_INFO(UTIL_LOG_AREA_DIAG, "%s: %s %llu", address, stats_names[i], (unsigned long long)values[i]);
    }
}

void HG_Diag_dump_counters(void)
{
    struct qs_counters counters;
    char address[256];
    uint64_t number = 0;

    while ((number = hg_class_next(number, address, sizeof(address), &counters)) != 0)
        stats_log(address, &counters);
}
