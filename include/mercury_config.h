/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */

/**
 * \file mercury_config.h
 * The base of all public headers: fixed-width types, the version of the Mercury API that this library speaks, and
 * the few attributes that the other headers use. A program tests HG_VERSION_MAJOR and HG_VERSION_MINOR to choose
 * code for an API version; the version of Quicksilver itself is in quicksilver.h. Nothing here depends on how the
 * library was built, so one installed header serves the shared and the static library.
 */

#ifndef MERCURY_CONFIG_H
#define MERCURY_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Old spellings of the fixed-width types; new code uses the C names. */
typedef int64_t hg_int64_t;
typedef int32_t hg_int32_t;
typedef int16_t hg_int16_t;
typedef int8_t hg_int8_t;
typedef uint64_t hg_uint64_t;
typedef uint32_t hg_uint32_t;
typedef uint16_t hg_uint16_t;
typedef uint8_t hg_uint8_t;

/** An address of a process's memory as a number, wide enough for every platform. */
typedef hg_uint64_t hg_ptr_t;
/** Truth value of the older calls: HG_TRUE or HG_FALSE, one byte. */
typedef hg_uint8_t hg_bool_t;

#define HG_TRUE  1
#define HG_FALSE 0

/** The Mercury API that a program compiles against: 2.4.1. */
#define HG_VERSION_MAJOR 2
#define HG_VERSION_MINOR 4
#define HG_VERSION_PATCH 1

#if defined(__GNUC__) || defined(__clang__)
#define HG_ATTR_ABI_IMPORT              __attribute__((visibility("default")))
#define HG_ATTR_ABI_EXPORT              __attribute__((visibility("default")))
#define HG_ATTR_ABI_HIDDEN              __attribute__((visibility("hidden")))
#define HG_ATTR_WARN_UNUSED_RESULT      __attribute__((warn_unused_result))
#define HG_ATTR_UNUSED                  __attribute__((unused))
#define HG_ATTR_ALIGNED(x, a)           x __attribute__((aligned(a)))
#define HG_ATTR_PACKED(x)               x __attribute__((packed))
#define HG_ATTR_FALLTHROUGH             __attribute__((fallthrough))
#define HG_ATTR_PRINTF(fmt, args)       __attribute__((format(printf, fmt, args)))
#define HG_ATTR_CONSTRUCTOR             __attribute__((constructor))
#define HG_ATTR_CONSTRUCTOR_PRIORITY(x) __attribute__((constructor(x)))
#define HG_ATTR_DESTRUCTOR              __attribute__((destructor))
#define HG_INLINE                       __inline__
#else
#define HG_ATTR_ABI_IMPORT
#define HG_ATTR_ABI_EXPORT
#define HG_ATTR_ABI_HIDDEN
#define HG_ATTR_WARN_UNUSED_RESULT
#define HG_ATTR_UNUSED
#define HG_ATTR_ALIGNED(x, a) x
#define HG_ATTR_PACKED(x)     x
#define HG_ATTR_FALLTHROUGH
#define HG_ATTR_PRINTF(fmt, args)
#define HG_ATTR_CONSTRUCTOR
#define HG_ATTR_CONSTRUCTOR_PRIORITY(x)
#define HG_ATTR_DESTRUCTOR
#define HG_INLINE inline
#endif

/** Marks what the library exports; everything else in it is hidden. */
#define HG_PUBLIC  HG_ATTR_ABI_EXPORT
#define HG_PRIVATE HG_ATTR_ABI_HIDDEN

#define HG_WARN_UNUSED_RESULT HG_ATTR_WARN_UNUSED_RESULT
#define HG_UNUSED             HG_ATTR_UNUSED
#define HG_PACKED(x)          HG_ATTR_PACKED(x)
#define HG_FALLTHROUGH        HG_ATTR_FALLTHROUGH

/** Features that Mercury makes a build choice and that are always here. MERCURY_GEN_PROC needs no Boost. */
#define HG_HAS_BOOST          1
#define HG_HAS_CHECKSUMS      1
#define HG_HAS_DIAG           1
#define HG_HAS_MULTI_PROGRESS 1

#endif /* MERCURY_CONFIG_H */
