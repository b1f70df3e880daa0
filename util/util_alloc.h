/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * The only place that asks the C library for memory, so that a test can make the n-th request
 * fail: for n = 1, 2, ... until the operation under test succeeds.
 *
 * Memory is freed by util_free alone. util_aligned memory may be given to util_free too, and must
 * not be given to util_realloc. All functions may be called by any thread.
 *
 * The poison helpers tell AddressSanitizer that memory which a pool keeps is not to be touched;
 * in other builds they do nothing.
 */
#ifndef UTIL_ALLOC_H
#define UTIL_ALLOC_H

#include <stddef.h>
#include <stdint.h>

#if defined(__SANITIZE_ADDRESS__)
#define UTIL_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define UTIL_ASAN 1
#else
#define UTIL_ASAN 0
#endif
#else
#define UTIL_ASAN 0
#endif

#if UTIL_ASAN
#include <sanitizer/asan_interface.h>
#endif

/* NULL when out of memory; a size of 0 gives a pointer that can be freed. The contents of
 * util_malloc and util_aligned are undefined; util_calloc checks count * size for overflow. */
void *util_malloc(size_t size) __attribute__((malloc, warn_unused_result));
void *util_calloc(size_t count, size_t size) __attribute__((malloc, warn_unused_result));
void *util_realloc(void *ptr, size_t size) __attribute__((warn_unused_result));
void *util_aligned(size_t alignment, size_t size) __attribute__((malloc, warn_unused_result));
char *util_strdup(const char *text) __attribute__((malloc, warn_unused_result));

/* Frees; takes NULL. */
void util_free(void *ptr);

/* For tests: from now on the n-th allocation of the process fails, once; 0 switches the hook off,
 * UINT64_MAX counts without ever failing. Restarts the count of util_alloc_count. */
void util_alloc_fail_at(uint64_t n);

/* Allocations tried since util_alloc_fail_at switched the hook on; 0 while it is off. */
uint64_t util_alloc_count(void);

#if UTIL_ASAN

static inline void util_alloc_poison(void *ptr, size_t size)
{
    __asan_poison_memory_region(ptr, size);
}

static inline void util_alloc_unpoison(void *ptr, size_t size)
{
    __asan_unpoison_memory_region(ptr, size);
}

#else

static inline void util_alloc_poison(void *ptr, size_t size)
{
    (void)ptr;
    (void)size;
}

static inline void util_alloc_unpoison(void *ptr, size_t size)
{
    (void)ptr;
    (void)size;
}

#endif

#endif /* UTIL_ALLOC_H */
