/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * The bytes that --verify sends: a sequence that depends on a seed and on the position, so that a
 * byte that is missing, moved or left over from an earlier call shows. Pure.
 */
#ifndef TOOLS_BENCH_PATTERN_H
#define TOOLS_BENCH_PATTERN_H

#include <stddef.h>
#include <stdint.h>

void bench_pattern_fill(void *buf, size_t size, uint64_t seed);

/* The offset of the first byte that differs, UINT64_MAX if none does. */
uint64_t bench_pattern_check(const void *buf, size_t size, uint64_t seed);

#endif
