/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */

/*
 * Sums the counters of contexts, shows them under Mercury's names and under our own, and writes them to the log.
 */

#include "hg/hg_stats.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "hg/hg_class.h"
#include "hg/hg_context.h"
#include "hg/hg_error.h"
#include "hg/hg_fork.h"
#include "util/util_alloc.h"
#include "util/util_log.h"

/* The struct is nothing but uint64_t fields, which is what makes it addable. */
#define STATS_FIELDS (sizeof(struct qs_counters) / sizeof(uint64_t))

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

/* The sum over all contexts, and how many received requests have handles that somebody still holds. */
static void stats_sum(struct hg_class *hg_class, struct qs_counters *out, uint64_t *active)
{
    unsigned int i;

    *active = 0;
    util_lock_take(&hg_class->context_lock);
    *out = hg_class->closed_counters;
    for (i = 0; i < NA_CONTEXTS_MAX; i++) {
        struct hg_context *context = hg_context_by_id(hg_class, (uint8_t)i);
        struct qs_counters counters;

        if (context == NULL)
            continue;
        util_lock_take(&context->lock);
        hg_stats_of_context_locked(context, &counters);
        *active += context->handles_count[1] - context->handles_idle_count[1];
        util_lock_drop(&context->lock);
        hg_stats_add(out, &counters);
    }
    util_lock_drop(&hg_class->context_lock);
    util_lock_take(&hg_class->once.lock);
    out->records_evicted = hg_class->once.evicted;
    out->answers_dropped = hg_class->once.dropped;
    util_lock_drop(&hg_class->once.lock);
}

void hg_stats_read(struct hg_class *hg_class, struct qs_counters *out)
{
    uint64_t active;

    stats_sum(hg_class, out, &active);
}

hg_return_t qs_class_get_counters(const hg_class_t *hg_class, struct qs_counters *out, size_t out_size)
{
    struct qs_counters counters;

    if (hg_fork_stops(hg_class, "qs_class_get_counters"))
        return HG_FAULT;
    if (hg_class == NULL || out == NULL)
        return hg_error_set(HG_INVALID_ARG, "qs_class_get_counters: a NULL argument");
    hg_stats_read((hg_class_t *)(uintptr_t)hg_class, &counters);
    memset(out, 0, out_size);
    memcpy(out, &counters, out_size < sizeof(counters) ? out_size : sizeof(counters));
    return HG_SUCCESS;
}

hg_return_t HG_Class_get_counters(const hg_class_t *hg_class, struct hg_diag_counters *diag_counters)
{
    struct qs_counters counters;
    uint64_t active;

    if (hg_fork_stops(hg_class, "HG_Class_get_counters"))
        return HG_FAULT;
    if (hg_class == NULL || diag_counters == NULL)
        return hg_error_set(HG_INVALID_ARG, "HG_Class_get_counters: a NULL argument");
    stats_sum((hg_class_t *)(uintptr_t)hg_class, &counters, &active);
    *diag_counters = (struct hg_diag_counters){
        .rpc_req_sent_count = counters.rpc_req_sent,
        .rpc_req_recv_count = counters.rpc_req_recv,
        .rpc_resp_sent_count = counters.rpc_resp_sent,
        .rpc_resp_recv_count = counters.rpc_resp_recv,
        .rpc_req_extra_count = counters.overflow_in,
        .rpc_resp_extra_count = counters.overflow_out,
        .rpc_req_recv_active_count = active,
        .rpc_multi_recv_copy_count = counters.rpc_req_recv,
        .bulk_count = counters.bulk_ops,
    };
    return HG_SUCCESS;
}

/* --- into the log ----------------------------------------------------------------------------------------- */

#define STATS_FIELD(name)                         \
    {                                             \
#name, offsetof(struct qs_counters, name) \
    }

static const struct {
    const char *name;
    size_t offset;
} stats_fields[] = {
    STATS_FIELD(rpc_req_sent),    STATS_FIELD(rpc_req_recv),
    STATS_FIELD(rpc_resp_sent),   STATS_FIELD(rpc_resp_recv),
    STATS_FIELD(rpc_oneway_sent), STATS_FIELD(frames_sent),
    STATS_FIELD(frames_recv),     STATS_FIELD(sends_refused),
    STATS_FIELD(bad_frames),      STATS_FIELD(stale_frames),
    STATS_FIELD(unknown_rpc),     STATS_FIELD(timeouts),
    STATS_FIELD(cancels),         STATS_FIELD(route_up),
    STATS_FIELD(route_down),      STATS_FIELD(overflow_in),
    STATS_FIELD(overflow_out),    STATS_FIELD(bulk_ops),
    STATS_FIELD(bulk_bytes),      STATS_FIELD(wakeups),
    STATS_FIELD(sleeps),          STATS_FIELD(checksum_errors),
    STATS_FIELD(retries),         STATS_FIELD(repeats),
    STATS_FIELD(cancelled),       STATS_FIELD(expired),
    STATS_FIELD(pings_sent),      STATS_FIELD(shed),
    STATS_FIELD(stale_replies),   STATS_FIELD(refused),
    STATS_FIELD(stalls),          STATS_FIELD(records_evicted),
    STATS_FIELD(answers_dropped),
};

_Static_assert(sizeof(stats_fields) / sizeof(stats_fields[0]) == STATS_FIELDS, "each counter has its name here");

void hg_stats_each(const struct qs_counters *counters, void (*visit)(const char *name, uint64_t value, void *arg),
                   void *arg)
{
    for (size_t i = 0; i < STATS_FIELDS; i++) {
        uint64_t value;

        memcpy(&value, (const char *)counters + stats_fields[i].offset, sizeof(value));
        visit(stats_fields[i].name, value, arg);
    }
}

/* The counters of a class as they were at one moment, so that they can be written without a lock. */
struct stats_snapshot {
    struct stats_snapshot *next;
    struct qs_counters counters;
    char address[NA_ADDRESS_MAX + 8]; /* with its prefix */
};

struct stats_dump {
    struct stats_snapshot *first;
    struct stats_snapshot **end;
    unsigned int missed; /* classes for which there was no memory */
};

static void stats_snapshot(struct hg_class *hg_class, struct stats_snapshot *snapshot)
{
    hg_stats_read(hg_class, &snapshot->counters);
    (void)snprintf(snapshot->address, sizeof(snapshot->address), "%s%s", hg_class->names.prefix,
                   na_class_address(hg_class->na) + hg_class->names.skip);
}

static void stats_snapshot_write(const struct stats_snapshot *snapshot)
{
    char text[STATS_FIELDS * 40U]; /* each counter: its name, a number of up to 20 digits, and what parts them */
    size_t used = 0;

    for (size_t i = 0; i < STATS_FIELDS; i++) {
        uint64_t value;
        int length;

        memcpy(&value, (const char *)&snapshot->counters + stats_fields[i].offset, sizeof(value));
        length = snprintf(text + used, sizeof(text) - used, "%s%s %llu", i == 0 ? "" : ", ", stats_fields[i].name,
                          (unsigned long long)value);
        if (length < 0 || (size_t)length >= sizeof(text) - used)
            break;
        used += (size_t)length;
    }
    util_log_write(UTIL_LOG_AREA_DIAG, UTIL_LOG_LEVEL_INFO, __FILE__, __LINE__, __func__, "%s: %s", snapshot->address,
                   text);
}

void hg_stats_write(struct hg_class *hg_class)
{
    struct stats_snapshot snapshot;

    stats_snapshot(hg_class, &snapshot);
    stats_snapshot_write(&snapshot);
}

static void stats_dump_add(struct hg_class *hg_class, void *arg)
{
    struct stats_dump *dump = arg;
    struct stats_snapshot *snapshot = util_calloc(1, sizeof(*snapshot));

    if (snapshot == NULL) {
        dump->missed++;
        return;
    }
    stats_snapshot(hg_class, snapshot);
    *dump->end = snapshot;
    dump->end = &snapshot->next;
}

void HG_Diag_dump_counters(void)
{
    struct stats_dump dump = {.end = &dump.first};

    hg_class_each(stats_dump_add, &dump);
    while (dump.first != NULL) {
        struct stats_snapshot *snapshot = dump.first;

        dump.first = snapshot->next;
        stats_snapshot_write(snapshot);
        util_free(snapshot);
    }
    if (dump.missed > 0)
        UTIL_LOG_ERROR(UTIL_LOG_AREA_DIAG, "no memory to dump the counters of %u more classes", dump.missed);
}
