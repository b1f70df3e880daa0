/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */

/**
 * @file hg_stats.h
 * Counters, always on: each context has its own, written under its lock, so they cost one addition and
 * no sharing. Reading sums the contexts of a class (hg_stats_read()), plus what closed ones left behind.
 */

#ifndef HG_HG_STATS_H
#define HG_HG_STATS_H

#include <stdint.h>

#include "quicksilver.h"

struct hg_class;
struct hg_context;

/** Adds every field of @p more to @p sum. */
void hg_stats_add(struct qs_counters *sum, const struct qs_counters *more);

/** The counters of one context, those of its bulk transfers included. Needs its lock. */
void hg_stats_of_context_locked(const struct hg_context *context, struct qs_counters *out);

/** Sums the counters of all contexts of the class. Takes each context's lock in turn. */
void hg_stats_read(struct hg_class *hg_class, struct qs_counters *out);

/** Calls @p visit for each counter, in their order. */
void hg_stats_each(const struct qs_counters *counters, void (*visit)(const char *name, uint64_t value, void *arg),
                   void *arg);

/** Writes the counters of the class to the log, in one line and whatever the level: they were asked for. No lock held. */
void hg_stats_write(struct hg_class *hg_class);

#endif
