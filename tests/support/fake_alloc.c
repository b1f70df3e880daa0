/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * util_alloc.h with a count of what is allocated. Bytes are those that the C library gave, which may be a few more than
 * were asked for.
 */
#include "tests/support/fake_alloc.h"

#include <malloc.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "util/util_alloc.h"

static atomic_ullong live;
static atomic_ullong bytes;
static atomic_ullong peak;
static atomic_ullong tried;
static atomic_ullong fail_at;

uint64_t fake_alloc_live(void)
{
    return atomic_load(&live);
}

uint64_t fake_alloc_bytes(void)
{
    return atomic_load(&bytes);
}

uint64_t fake_alloc_peak(void)
{
    return atomic_load(&peak);
}

void fake_alloc_restart_peak(void)
{
    atomic_store(&peak, atomic_load(&bytes));
}

static void *counted(void *memory)
{
    unsigned long long now;
    unsigned long long most = atomic_load(&peak);

    if (memory == NULL)
        return NULL;
    atomic_fetch_add(&live, 1);
    now = atomic_fetch_add(&bytes, malloc_usable_size(memory)) + malloc_usable_size(memory);
    while (now > most && !atomic_compare_exchange_weak(&peak, &most, now))
        continue;
    return memory;
}

static void uncounted(void *memory)
{
    if (memory == NULL)
        return;
    atomic_fetch_sub(&live, 1);
    atomic_fetch_sub(&bytes, malloc_usable_size(memory));
}

static int refused(void)
{
    return atomic_load(&fail_at) != 0 && atomic_fetch_add(&tried, 1) + 1 == atomic_load(&fail_at);
}

void *util_malloc(size_t size)
{
    return refused() ? NULL : counted(malloc(size > 0 ? size : 1));
}

void *util_calloc(size_t count, size_t size)
{
    if (count == 0 || size == 0)
        count = size = 1;
    return refused() ? NULL : counted(calloc(count, size));
}

void *util_realloc(void *ptr, size_t size)
{
    size_t before = ptr != NULL ? malloc_usable_size(ptr) : 0;
    void *memory = refused() ? NULL : realloc(ptr, size > 0 ? size : 1);

    if (memory == NULL)
        return NULL;
    atomic_fetch_sub(&live, ptr != NULL);
    atomic_fetch_sub(&bytes, before);
    return counted(memory);
}

void *util_aligned(size_t alignment, size_t size)
{
    void *ptr;

    if (alignment < sizeof(void *))
        alignment = sizeof(void *);
    if (refused() || posix_memalign(&ptr, alignment, size > 0 ? size : 1) != 0)
        return NULL;
    return counted(ptr);
}

char *util_strdup(const char *text)
{
    size_t size = strlen(text) + 1;
    char *copy = util_malloc(size);

    return copy == NULL ? NULL : memcpy(copy, text, size);
}

void util_free(void *ptr)
{
    uncounted(ptr);
    free(ptr);
}

void util_alloc_fail_at(uint64_t n)
{
    atomic_store(&fail_at, 0);
    atomic_store(&tried, 0);
    atomic_store(&fail_at, n);
}

uint64_t util_alloc_count(void)
{
    return atomic_load(&tried);
}
