/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * What the user sees while the tool works, on stderr: one line that is rewritten on a terminal,
 * plain lines now and then elsewhere, nothing with --quiet.
 */
#ifndef TOOLS_BENCH_PROGRESS_H
#define TOOLS_BENCH_PROGRESS_H

#include "tools/bench_result.h"

#include <stdbool.h>

void bench_progress_start(bool quiet);

/* Run `run` of this test begins; `done` of `total` runs are behind us. */
void bench_progress_test(const struct bench_result *result, unsigned int run, unsigned int done, unsigned int total);

/* Time passes; cheap, called every 50 ms or so. */
void bench_progress_tick(void);

/* A line of its own. */
void bench_progress_note(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Removes the line. */
void bench_progress_end(void);

#endif
