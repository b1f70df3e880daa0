/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */

/**
 * @file hg_stats_signal.h
 * Writing what is counted when a signal asks for it: qs_stats_dump_on_signal(), QS_STATS_SIGNAL, QS_STATS_FILE.
 *
 * The handler may interrupt anything, so it only sets a flag and wakes the contexts on which somebody sleeps; the next thread in
 * HG_Progress() sees the flag and writes. No wake-up is lost: the handler sets the flag and then looks for sleepers, who
 * announce themselves and then look at the flag (hg_progress.c). Contexts are found in a table of their own, without a lock,
 * and one that goes away waits for handlers that are at it.
 */

#ifndef HG_HG_STATS_SIGNAL_H
#define HG_HG_STATS_SIGNAL_H

#include <stdatomic.h>
#include <stdbool.h>

struct hg_context;

/** Set by the handler, cleared by who writes. */
extern atomic_bool hg_stats_signal_asked;

/** Whether hg_stats_signal_serve() has something to do. */
static inline bool hg_stats_signal_pending(void)
{
    return __builtin_expect(atomic_load(&hg_stats_signal_asked), false);
}

/** Writes, if that is still to be done. No lock held. */
void hg_stats_signal_serve(void);

/** A context can be woken from now on, or not any more. */
void hg_stats_signal_add(struct hg_context *context);
void hg_stats_signal_remove(struct hg_context *context);

/** Once in a process: installs the handler where the environment asks for it. */
void hg_stats_signal_init_from_env(void);

/** In a forked child: the contexts are the parent's. */
void hg_stats_signal_forget_all(void);

#endif
