/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * The library's allocator, counted: fake_alloc.c stands in for util/util_alloc.c in a program that links it first.
 */
#ifndef FAKE_ALLOC_H
#define FAKE_ALLOC_H

#include <stdint.h>

/* Allocations of the library that have not been freed. */
uint64_t fake_alloc_live(void);

#endif
