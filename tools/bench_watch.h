/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * The promise that hg_bench never hangs. The measuring loop has time-outs of its own; this is for
 * calls into the library that do not come back. A thread looks whether the main thread still
 * beats, and ends the process with exit code 2 and the name of the phase when it does not.
 */
#ifndef TOOLS_BENCH_WATCH_H
#define TOOLS_BENCH_WATCH_H

#include <stdint.h>
#include <sys/types.h>

/* Starts watching with this limit; again: changes the limit. Never fails: without a thread the
 * tool merely loses its guard. `phase` as in bench_watch_phase. */
void bench_watch_start(uint64_t limit_ns, const char *phase);

/* What the main thread is about to do, for the message; a string constant. Counts as a beat. */
void bench_watch_phase(const char *phase);

/* The main thread is alive. A relaxed store, fit for the inner loop. */
void bench_watch_beat(void);

/* A child to kill when giving up; 0 = none. */
void bench_watch_child(pid_t pid);

void bench_watch_stop(void);

#endif
