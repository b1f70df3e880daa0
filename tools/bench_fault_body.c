/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * See bench_fault_body.h.
 */
#include "tools/bench_fault_body.h"

#include "tools/bench_pattern.h"

#include <string.h>

static uint64_t seed_of(uint64_t number, enum bench_fault_side side)
{
    return 2 * number + (side == BENCH_FAULT_ANSWER ? 1 : 0);
}

void bench_fault_body_fill(void *buf, size_t size, uint64_t number, enum bench_fault_side side)
{
    unsigned char *bytes = buf;

    memcpy(bytes, &number, sizeof(number));
    bench_pattern_fill(bytes + sizeof(number), size - sizeof(number), seed_of(number, side));
}

uint64_t bench_fault_body_number(const void *buf, size_t size)
{
    uint64_t number = UINT64_MAX;

    if (size >= sizeof(number))
        memcpy(&number, buf, sizeof(number));
    return number;
}

bool bench_fault_body_check(const void *buf, size_t size, uint64_t number, enum bench_fault_side side)
{
    const unsigned char *bytes = buf;

    return size >= sizeof(number) && bench_fault_body_number(buf, size) == number &&
           bench_pattern_check(bytes + sizeof(number), size - sizeof(number), seed_of(number, side)) == UINT64_MAX;
}
