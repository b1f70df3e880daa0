/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * The allocator with its fault hook. While the hook is off, an allocation costs one relaxed load
 * more than the C library's own.
 */
#include "util/util_alloc.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* The hook: fail when `tried` reaches `fail_at`. 0: off. */
static atomic_ullong fail_at;
static atomic_ullong tried;

/* Whether this allocation is the one that has to fail. */
static bool alloc_refused(void)
{
    /* Relaxed throughout: a test switches the hook while no other thread allocates. */
    unsigned long long n = atomic_load_explicit(&fail_at, memory_order_relaxed);

    if (__builtin_expect(n == 0, 1))
        return false;
    return atomic_fetch_add_explicit(&tried, 1, memory_order_relaxed) + 1 == n;
}

void *util_malloc(size_t size)
{
    return alloc_refused() ? NULL : malloc(size > 0 ? size : 1);
}

void *util_calloc(size_t count, size_t size)
{
    if (count == 0 || size == 0)
        count = size = 1;
    return alloc_refused() ? NULL : calloc(count, size);
}

void *util_realloc(void *ptr, size_t size)
{
    return alloc_refused() ? NULL : realloc(ptr, size > 0 ? size : 1);
}

void *util_aligned(size_t alignment, size_t size)
{
    void *ptr;

    if (alignment < sizeof(void *))
        alignment = sizeof(void *);
    if (alloc_refused() || posix_memalign(&ptr, alignment, size > 0 ? size : 1) != 0)
        return NULL;
    return ptr;
}

char *util_strdup(const char *text)
{
    size_t size = strlen(text) + 1;
    char *copy = util_malloc(size);

    return copy == NULL ? NULL : memcpy(copy, text, size);
}

void util_free(void *ptr)
{
    free(ptr);
}

void util_alloc_fail_at(uint64_t n)
{
    atomic_store_explicit(&fail_at, 0, memory_order_relaxed);
    atomic_store_explicit(&tried, 0, memory_order_relaxed);
    atomic_store_explicit(&fail_at, n, memory_order_relaxed);
}

uint64_t util_alloc_count(void)
{
    return atomic_load_explicit(&tried, memory_order_relaxed);
}
