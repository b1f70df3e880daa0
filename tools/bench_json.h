/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * What all JSON reports of hg_bench share: the envelope, how numbers are written, and where to.
 */
#ifndef TOOLS_BENCH_JSON_H
#define TOOLS_BENCH_JSON_H

#include "tools/bench_env.h"
#include "tools/bench_options.h"

#include <stdbool.h>
#include <stdint.h>

struct json_object;

/* `value` then belongs to `object`; NULL is null. */
void bench_json_add(struct json_object *object, const char *key, struct json_object *value);
/* Rounded to three decimals: finer would be invented. */
struct json_object *bench_json_number(double value);
struct json_object *bench_json_count(uint64_t value);

/* "schema" and "environment"; `others` is the share of the machine that other processes took,
 * negative when not known. */
struct json_object *bench_json_envelope(const struct bench_options *options, const struct bench_env *env,
                                        bool same_machine, double others);

/* Writes `root`, and frees it in any case, to the file `path`, "-" for stdout. False after a message. */
bool bench_json_write_root(const char *path, struct json_object *root);

#endif
