/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * util_alloc.h with a count of what is allocated. One thread.
 */
#include "tests/support/fake_alloc.h"

#include <stdlib.h>
#include <string.h>

#include "util/util_alloc.h"

static uint64_t live;
static uint64_t tried;
static uint64_t fail_at;

uint64_t fake_alloc_live(void)
{
    return live;
}

static void *counted(void *memory)
{
    live += memory != NULL;
    return memory;
}

static int refused(void)
{
    return fail_at != 0 && ++tried == fail_at;
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
    void *memory = refused() ? NULL : realloc(ptr, size > 0 ? size : 1);

    live += ptr == NULL && memory != NULL;
    return memory;
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
    live -= ptr != NULL;
    free(ptr);
}

void util_alloc_fail_at(uint64_t n)
{
    tried = 0;
    fail_at = n;
}

uint64_t util_alloc_count(void)
{
    return tried;
}
