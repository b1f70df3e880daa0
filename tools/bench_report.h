/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * The three forms in which results leave the tool: a table for people (bench_table.c), JSON
 * (bench_json.c) and CSV (bench_csv.c). A figure that nothing was measured for is "-", null or
 * empty, never 0.
 */
#ifndef TOOLS_BENCH_REPORT_H
#define TOOLS_BENCH_REPORT_H

#include "tools/bench_env.h"
#include "tools/bench_suite.h"

#include <stdbool.h>
#include <stdio.h>

void bench_table_print(FILE *out, const struct bench_suite *suite, const struct bench_env *env);

/* To the file `path`, "-" for stdout. False after a message. */
bool bench_json_write(const char *path, const struct bench_suite *suite, const struct bench_env *env);
bool bench_csv_write(const char *path, const struct bench_suite *suite);

#endif
