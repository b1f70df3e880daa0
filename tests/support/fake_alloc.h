/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * The library's allocator, counted: fake_alloc.c stands in for util/util_alloc.c in a program that links it first. Any
 * thread; the fault hook of util_alloc.h is there, too.
 */
#ifndef FAKE_ALLOC_H
#define FAKE_ALLOC_H

#include <stdint.h>

/* Allocations of the library that have not been freed, and their bytes. */
uint64_t fake_alloc_live(void);
uint64_t fake_alloc_bytes(void);
/* The most bytes at a time since the last fake_alloc_restart_peak(). */
uint64_t fake_alloc_peak(void);
void fake_alloc_restart_peak(void);

#endif
