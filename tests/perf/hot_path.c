/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */

/*
 * What one call costs that can be counted rather than timed: allocations (zero, or the test fails), waits for a
 * lock that another thread holds (zero), and frames. A class that listens and one that calls live in this
 * process and are driven by one thread, turn by turn, so the counts are exact and repeat.
 *
 *     hot_path [URI [CALLS [KIND [WINDOW]]]]  tcp://127.0.0.1, 10,000, "plain" and 1 by default
 *
 * KIND "limit" gives each call a time limit, "at-most-once" makes it one that may be repeated, for which the target
 * keeps the answer, "measured" has both sides measure how long each call takes.
 *
 * The difference between two runs with different CALLS, under `valgrind --tool=callgrind` or `strace -c`, gives
 * instructions and system calls per call; docs/performance.md has the commands and the counts.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hg/hg_context.h"
#include "quicksilver.h"
#include "tests/support/support_guard.h"
#include "util/util_alloc.h"
#include "util/util_clock.h"

#define HOT_PATH_PAYLOAD 64U
/* Calls before counting begins: pools, tables and buffers have grown to what they need. */
#define HOT_PATH_WARM_UP    200U
#define HOT_PATH_WINDOW_MAX 256U

struct hot_path_side {
    hg_class_t *hg_class;
    hg_context_t *context;
};

static unsigned int hot_path_window;
static hg_handle_t hot_path_idle[HOT_PATH_WINDOW_MAX];
static unsigned int hot_path_idle_count;
static unsigned int hot_path_left; /* to be forwarded */
static unsigned int hot_path_done;

/* Each look at the clock is a moment later, however slow the machine is: so messages gather under valgrind as they do
 * without. It is ahead of the real one, by which the flusher sleeps: that need not wake. */
static uint64_t hot_path_clock(void)
{
    static uint64_t now_ns = UTIL_CLOCK_NEVER / 4;

    return now_ns += 50;
}

static hg_return_t hot_path_proc(hg_proc_t proc, void *data)
{
    return hg_proc_bytes(proc, data, HOT_PATH_PAYLOAD);
}

static hg_return_t hot_path_echo(hg_handle_t handle)
{
    unsigned char bytes[HOT_PATH_PAYLOAD];

    SUPPORT_CHECK(HG_Get_input(handle, bytes) == HG_SUCCESS);
    SUPPORT_CHECK(HG_Respond(handle, NULL, NULL, bytes) == HG_SUCCESS);
    SUPPORT_CHECK(HG_Free_input(handle, bytes) == HG_SUCCESS);
    return HG_Destroy(handle);
}

static hg_return_t hot_path_answered(const struct hg_cb_info *info);

static void hot_path_forward(void)
{
    unsigned char bytes[HOT_PATH_PAYLOAD] = {0};

    hot_path_left--;
    SUPPORT_CHECK(HG_Forward(hot_path_idle[--hot_path_idle_count], hot_path_answered, NULL, bytes) == HG_SUCCESS);
}

static hg_return_t hot_path_answered(const struct hg_cb_info *info)
{
    unsigned char bytes[HOT_PATH_PAYLOAD];

    SUPPORT_CHECK(info->ret == HG_SUCCESS);
    SUPPORT_CHECK(HG_Get_output(info->info.forward.handle, bytes) == HG_SUCCESS);
    SUPPORT_CHECK(HG_Free_output(info->info.forward.handle, bytes) == HG_SUCCESS);
    hot_path_done++;
    hot_path_idle[hot_path_idle_count++] = info->info.forward.handle;
    /* Several calls keep each other going, and gather in frames. */
    while (hot_path_window > 1 && hot_path_idle_count > 0 && hot_path_left > 0)
        hot_path_forward();
    return HG_SUCCESS;
}

static struct hot_path_side hot_path_open(const char *uri, bool listen)
{
    struct hot_path_side side = {.hg_class = HG_Init(uri, listen)};

    SUPPORT_CHECK(side.hg_class != NULL);
    side.context = HG_Context_create(side.hg_class);
    SUPPORT_CHECK(side.context != NULL);
    return side;
}

static void hot_path_close(struct hot_path_side *side)
{
    SUPPORT_CHECK(HG_Context_destroy(side->context) == HG_SUCCESS);
    SUPPORT_CHECK(HG_Finalize(side->hg_class) == HG_SUCCESS);
}

static void hot_path_turn(hg_context_t *context)
{
    unsigned int count;

    if (HG_Progress(context, 0) == HG_SUCCESS)
        (void)HG_Trigger(context, 0, hot_path_window, &count);
}

static void hot_path_call(struct hot_path_side *target, struct hot_path_side *origin, unsigned int calls)
{
    hot_path_done = 0;
    hot_path_left = calls;
    while (hot_path_done < calls) {
        if (hot_path_idle_count == hot_path_window)
            hot_path_forward();
        hot_path_turn(target->context);
        hot_path_turn(origin->context);
    }
}

static void hot_path_self_text(hg_class_t *hg_class, char text[NA_ADDRESS_MAX])
{
    hg_size_t size = NA_ADDRESS_MAX;
    hg_addr_t addr;

    SUPPORT_CHECK(HG_Addr_self(hg_class, &addr) == HG_SUCCESS);
    SUPPORT_CHECK(HG_Addr_to_string(hg_class, text, &size, addr) == HG_SUCCESS);
    SUPPORT_CHECK(HG_Addr_free(hg_class, addr) == HG_SUCCESS);
}

static void hot_path_set_kind(hg_class_t *hg_class, hg_class_t *target, hg_id_t id, const char *kind)
{
    if (strcmp(kind, "limit") == 0)
        SUPPORT_CHECK(qs_registered_set_timeout(hg_class, id, UINT64_C(60000000)) == HG_SUCCESS);
    else if (strcmp(kind, "at-most-once") == 0)
        SUPPORT_CHECK(qs_registered_set_method(hg_class, id, QS_METHOD_AT_MOST_ONCE, NULL) == HG_SUCCESS);
    else if (strcmp(kind, "measured") == 0)
        SUPPORT_CHECK(qs_class_set_histograms(hg_class, QS_HISTOGRAMS_ALL) == HG_SUCCESS &&
                      qs_class_set_histograms(target, QS_HISTOGRAMS_ALL) == HG_SUCCESS);
    else
        SUPPORT_CHECK(strcmp(kind, "plain") == 0);
}

/* Allocations of the library during @calls calls. */
static uint64_t hot_path_count(struct hot_path_side *target, struct hot_path_side *origin, unsigned int calls,
                               const char *kind)
{
    char text[NA_ADDRESS_MAX];
    uint64_t allocations;
    hg_addr_t addr;
    hg_id_t id = HG_Register_name(target->hg_class, "hot_path", hot_path_proc, hot_path_proc, hot_path_echo);

    SUPPORT_CHECK(id != 0);
    SUPPORT_CHECK(HG_Register_name(origin->hg_class, "hot_path", hot_path_proc, hot_path_proc, NULL) == id);
    hot_path_set_kind(origin->hg_class, target->hg_class, id, kind);
    hot_path_self_text(target->hg_class, text);
    SUPPORT_CHECK(HG_Addr_lookup2(origin->hg_class, text, &addr) == HG_SUCCESS);
    for (hot_path_idle_count = 0; hot_path_idle_count < hot_path_window; hot_path_idle_count++)
        SUPPORT_CHECK(HG_Create(origin->context, addr, id, &hot_path_idle[hot_path_idle_count]) == HG_SUCCESS);
    hot_path_call(target, origin, HOT_PATH_WARM_UP);
    util_alloc_fail_at(UINT64_MAX);
    hot_path_call(target, origin, calls);
    allocations = util_alloc_count();
    util_alloc_fail_at(0);
    while (hot_path_idle_count > 0)
        SUPPORT_CHECK(HG_Destroy(hot_path_idle[--hot_path_idle_count]) == HG_SUCCESS);
    SUPPORT_CHECK(HG_Addr_free(origin->hg_class, addr) == HG_SUCCESS);
    return allocations;
}

int main(int argc, char **argv)
{
    const char *uri = argc > 1 ? argv[1] : "tcp://127.0.0.1";
    unsigned int calls = argc > 2 ? (unsigned int)strtoul(argv[2], NULL, 10) : 10000U;
    const char *kind = argc > 3 ? argv[3] : "plain";
    struct hot_path_side target;
    struct hot_path_side origin;
    struct qs_counters counters;
    uint64_t allocations;

    hot_path_window = argc > 4 ? (unsigned int)strtoul(argv[4], NULL, 10) : 1U;
    SUPPORT_CHECK(hot_path_window > 0 && hot_path_window <= HOT_PATH_WINDOW_MAX);
    if (hot_path_window > 1)
        util_clock_replace(hot_path_clock);
    support_begin();
    target = hot_path_open(uri, true);
    origin = hot_path_open(uri, false);
    allocations = hot_path_count(&target, &origin, calls, kind);
    SUPPORT_CHECK(qs_class_get_counters(origin.hg_class, &counters, sizeof(counters)) == HG_SUCCESS);
    printf("%s: %u calls, %llu allocations, %llu frames sent and %llu received by the origin\n", uri, calls,
           (unsigned long long)allocations, (unsigned long long)counters.frames_sent,
           (unsigned long long)counters.frames_recv);
    hot_path_close(&origin);
    hot_path_close(&target);
    SUPPORT_CHECK(allocations == 0);
    /* One frame each way and call, plus those of the first contact. */
    SUPPORT_CHECK(counters.frames_sent <= calls + HOT_PATH_WARM_UP + 6);
    support_end();
    return 0;
}
