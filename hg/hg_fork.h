/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */

/**
 * @file hg_fork.h
 * Classes in a forked child. It has a copy of their memory, but not their threads, and shares their connections with
 * the parent, so there they are dead: every public function that would use one says HG_FAULT. Only HG_Finalize() works,
 * and frees memory. A class that the child itself opens is alive.
 */

#ifndef HG_HG_FORK_H
#define HG_HG_FORK_H

#include <stdatomic.h>
#include <stdbool.h>

#include "hg/hg_class.h"
#include "hg/hg_context.h"
#include "hg/hg_handle.h"

/** How many forks lie between the first process and this one. Written by the fork handler only, in a process that has
 *  one thread then, hence read relaxed. */
extern _Atomic uint32_t hg_fork_generation;

/** Sees forks from now on. Any number of times, any thread. */
void hg_fork_watch(void);

/** Sets the detail and logs, a limited number of times. Always true. */
bool hg_fork_refuse(const struct hg_class *hg_class, const char *function);

/** Frees the memory of a dead class, as far as no thread of the parent was changing it while it forked, and touches
 *  nothing that the parent uses. */
void hg_fork_free(struct hg_class *hg_class);

/** Whether the class was opened before a fork. */
static inline bool hg_fork_is_dead(const struct hg_class *hg_class)
{
    return hg_class->fork_generation != atomic_load_explicit(&hg_fork_generation, memory_order_relaxed);
}

/** Whether @p function must not go on with this class, which may be NULL; then it returns HG_FAULT, or what it has for it. */
static inline bool hg_fork_stops(const struct hg_class *hg_class, const char *function)
{
    return hg_class != NULL && hg_fork_is_dead(hg_class) && hg_fork_refuse(hg_class, function);
}

/** The same with a context, which may be NULL. */
static inline bool hg_fork_stops_context(const struct hg_context *context, const char *function)
{
    return context != NULL && hg_fork_stops(context->hg_class, function);
}

/** The same with a handle, which may be NULL. */
static inline bool hg_fork_stops_handle(const struct hg_handle *handle, const char *function)
{
    return handle != NULL && hg_fork_stops(handle->info.hg_class, function);
}

#endif
