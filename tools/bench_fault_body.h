/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * The payloads of `hg_bench fault`, which say whose they are: the number of the call, then a pattern
 * made from the number. That of an answer is another one than that of its request. Pure.
 */
#ifndef TOOLS_BENCH_FAULT_BODY_H
#define TOOLS_BENCH_FAULT_BODY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A payload holds the number at least. */
#define BENCH_FAULT_SIZE_MIN 8U

enum bench_fault_side { BENCH_FAULT_REQUEST, BENCH_FAULT_ANSWER };

/* Writes the payload of call `number`. */
void bench_fault_body_fill(void *buf, size_t size, uint64_t number, enum bench_fault_side side);
/* The number that a payload carries; UINT64_MAX if it is too short for one. */
uint64_t bench_fault_body_number(const void *buf, size_t size);
/* Whether all bytes are those of call `number`. */
bool bench_fault_body_check(const void *buf, size_t size, uint64_t number, enum bench_fault_side side);

#endif
