/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */

/**
 * \file mercury_util_config.h
 * The base of the utility headers (threads, atomics, time, hash table): result codes and attributes, under the names
 * of Mercury's utility library. A program need not include it: each of those headers does. What lies behind them is
 * in the same library as the rest, so there is nothing else to link with.
 */

#ifndef MERCURY_UTIL_CONFIG_H
#define MERCURY_UTIL_CONFIG_H

/* Locks and clocks are POSIX: under -std=c11 and the like the C library hides them unless it is asked. */
#if defined(__STRICT_ANSI__) && !defined(_GNU_SOURCE) && !defined(_POSIX_C_SOURCE)
#define _POSIX_C_SOURCE 200809L
#endif

#include "mercury_config.h"

/** The interface of Mercury's utility library that these headers speak: 4.1.0, of Mercury 2.4.1. */
#define HG_UTIL_VERSION_MAJOR 4
#define HG_UTIL_VERSION_MINOR 1
#define HG_UTIL_VERSION_PATCH 0

/** What the utility functions return. */
#define HG_UTIL_SUCCESS 0
#define HG_UTIL_FAIL    (-1)

#define HG_UTIL_INLINE  HG_INLINE
#define HG_UTIL_PUBLIC  HG_PUBLIC
#define HG_UTIL_PRIVATE HG_PRIVATE

#define HG_UTIL_ALIGNED(x, a)     HG_ATTR_ALIGNED(x, a)
#define HG_UTIL_PRINTF(fmt, args) HG_ATTR_PRINTF(fmt, args)

#endif /* MERCURY_UTIL_CONFIG_H */
