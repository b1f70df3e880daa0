/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * How much memory a fuzz target's input makes the library take: no more than twice its own size and something that does not
 * depend on it. For targets that are linked with fake_alloc.c.
 */
#ifndef FUZZ_MEMORY_H
#define FUZZ_MEMORY_H

#include <stddef.h>
#include <stdint.h>

#include "tests/support/fake_alloc.h"
#include "tests/support/support_guard.h"

/* What is taken now; the count of the most starts from here. */
static inline uint64_t fuzz_memory_begin(void)
{
    fake_alloc_restart_peak();
    return fake_alloc_bytes();
}

/* Since then an input of so many bytes was looked at. */
static inline void fuzz_memory_check(uint64_t before, size_t size, uint64_t constant)
{
    SUPPORT_CHECK(fake_alloc_peak() - before <= 2 * (uint64_t)size + constant);
}

#endif
