/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */

/*
 * Counting and writing rare events. The line of a peer is asked for before that of the class, so that a peer which repeats
 * itself uses up nothing of what the others may write.
 */

#include "hg/hg_event.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>

#include "hg/hg_addr.h"
#include "hg/hg_class.h"

#define EVENT_LINE_SIZE 640U

/* How each kind is logged. */
static const struct {
    const char *text;
    enum util_log_level level;
    enum util_log_area area;
} event_kinds[HG_EVENT_KINDS] = {
    [HG_EVENT_PEER_SUSPECT] = {"peer_suspect", UTIL_LOG_LEVEL_WARNING, UTIL_LOG_AREA_SESSION},
    [HG_EVENT_PEER_DEAD] = {"peer_dead", UTIL_LOG_LEVEL_WARNING, UTIL_LOG_AREA_SESSION},
    [HG_EVENT_PEER_RESTARTED] = {"peer_restarted", UTIL_LOG_LEVEL_WARNING, UTIL_LOG_AREA_SESSION},
    [HG_EVENT_PEER_REFUSING] = {"peer_refusing", UTIL_LOG_LEVEL_WARNING, UTIL_LOG_AREA_SESSION},
    [HG_EVENT_PEER_LEAVING] = {"peer_leaving", UTIL_LOG_LEVEL_INFO, UTIL_LOG_AREA_SESSION},
    [HG_EVENT_PEER_BACK] = {"peer_back", UTIL_LOG_LEVEL_WARNING, UTIL_LOG_AREA_SESSION},
    [HG_EVENT_BREAKER_OPENED] = {"breaker_opened", UTIL_LOG_LEVEL_WARNING, UTIL_LOG_AREA_SESSION},
    [HG_EVENT_BREAKER_CLOSED] = {"breaker_closed", UTIL_LOG_LEVEL_WARNING, UTIL_LOG_AREA_SESSION},
    [HG_EVENT_PROTOCOL_ERROR] = {"protocol_error", UTIL_LOG_LEVEL_ERROR, UTIL_LOG_AREA_WIRE},
    [HG_EVENT_CHECKSUM_ERROR] = {"checksum_error", UTIL_LOG_LEVEL_ERROR, UTIL_LOG_AREA_WIRE},
    [HG_EVENT_STALE_FRAME] = {"stale_frame", UTIL_LOG_LEVEL_INFO, UTIL_LOG_AREA_WIRE},
    [HG_EVENT_STALE_REPLY] = {"stale_reply", UTIL_LOG_LEVEL_INFO, UTIL_LOG_AREA_WIRE},
    [HG_EVENT_REFUSED] = {"refused", UTIL_LOG_LEVEL_WARNING, UTIL_LOG_AREA_RPC},
    [HG_EVENT_RETRIES_EXHAUSTED] = {"retries_exhausted", UTIL_LOG_LEVEL_WARNING, UTIL_LOG_AREA_RPC},
    [HG_EVENT_BUDGET_EXHAUSTED] = {"budget_exhausted", UTIL_LOG_LEVEL_WARNING, UTIL_LOG_AREA_RPC},
    [HG_EVENT_CALL_LOST] = {"call_lost", UTIL_LOG_LEVEL_WARNING, UTIL_LOG_AREA_RPC},
    [HG_EVENT_BAD_FRAME] = {"bad_frame", UTIL_LOG_LEVEL_WARNING, UTIL_LOG_AREA_WIRE},
    [HG_EVENT_STALL] = {"stall", UTIL_LOG_LEVEL_WARNING, UTIL_LOG_AREA_PERF},
    [HG_EVENT_RECORDS_EVICTED] = {"records_evicted", UTIL_LOG_LEVEL_WARNING, UTIL_LOG_AREA_RPC},
    [HG_EVENT_ANSWERS_DROPPED] = {"answers_dropped", UTIL_LOG_LEVEL_WARNING, UTIL_LOG_AREA_RPC},
};

const char *hg_event_text(enum hg_event event)
{
    return event_kinds[event].text;
}

/* Whether the event is written, and how many were left out before it. */
static bool event_passes(struct hg_class *hg_class, struct hg_addr *addr, enum hg_event event, unsigned int *left_out)
{
    unsigned int of_peer = 0;
    unsigned int of_class = 0;

    if (!util_log_enabled(event_kinds[event].area, event_kinds[event].level))
        return false;
    if (addr != NULL && (unsigned int)event < HG_EVENT_PEER_KINDS &&
        !util_log_limit_pass(&addr->peer.events.limits[event], 1, &of_peer))
        return false;
    if (!util_log_limit_pass(&hg_class->events.limits[event], addr != NULL ? HG_EVENT_LINES_MAX : 1, &of_class))
        return false;
    *left_out = of_peer + of_class;
    return true;
}

void hg_event(struct hg_class *hg_class, struct hg_addr *addr, enum hg_event event, const char *format, ...)
{
    char text[EVENT_LINE_SIZE];
    char more[64] = "";
    unsigned int left_out = 0;
    va_list args;

    /* Relaxed: a count. */
    atomic_fetch_add_explicit(&hg_class->events.counts[event], 1, memory_order_relaxed);
    if (!event_passes(hg_class, addr, event, &left_out))
        return;
    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    if (left_out > 0)
        (void)snprintf(more, sizeof(more), " (%u more lines like this one were left out)", left_out);
    util_log_write(event_kinds[event].area, event_kinds[event].level, __FILE__, __LINE__, event_kinds[event].text,
                   "%s%s%s%s", addr != NULL ? addr->text : "", addr != NULL ? ": " : "", text, more);
}
