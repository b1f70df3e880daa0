/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Buffers of varying size, kept by size class for reuse.
 *
 * The classes are the powers of two from 64 bytes to 1 MiB; a larger buffer comes from the heap and
 * goes back there. A small header in front of each buffer names its class, so a buffer needs no
 * size to be returned. Buffers are aligned to 16 bytes and their contents are undefined. What a
 * class keeps is bounded (UTIL_BUFS_KEEP_SIZE bytes, or 4 buffers), beyond that it frees.
 *
 * get and put are inline, since every message passes them. Not thread-safe: the struct that holds
 * the set holds the lock. A buffer may only be returned to the set that it came from.
 */
#ifndef UTIL_BUF_H
#define UTIL_BUF_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#include "util/util_alloc.h"

#define UTIL_BUFS_CLASSES   15U /* 64 << 0 ... 64 << 14 */
#define UTIL_BUFS_MIN_SHIFT 6U
#define UTIL_BUFS_KEEP_SIZE ((size_t)1 << 20)

/* In front of each buffer; 16 bytes, so that it keeps malloc's alignment. */
struct util_bufs_header {
    union {
        struct util_bufs_header *next; /* while free */
        size_t capacity;               /* while in use */
    } u;
    uint64_t class_index; /* UTIL_BUFS_CLASSES: from the heap */
};

struct util_bufs {
    struct util_bufs_header *free[UTIL_BUFS_CLASSES];
    uint32_t kept[UTIL_BUFS_CLASSES]; /* lengths of the lists above */
    size_t in_use;                    /* buffers handed out */
};

/* Makes an empty set; allocates nothing. */
void util_bufs_init(struct util_bufs *bufs);

/* Frees what is kept. Every buffer must be back: asserted. Takes NULL and a zeroed set. */
void util_bufs_fini(struct util_bufs *bufs);

/* The halves of get and put that call the allocator. */
void *util_bufs_get_slow(struct util_bufs *bufs, size_t size);
void util_bufs_put_slow(struct util_bufs *bufs, struct util_bufs_header *header);

/* The index of the smallest class that holds `size` bytes; UTIL_BUFS_CLASSES when none does. */
static inline unsigned int util_bufs_class(size_t size)
{
    unsigned int bits;

    if (size <= ((size_t)1 << UTIL_BUFS_MIN_SHIFT))
        return 0;
    bits = 64U - (unsigned int)__builtin_clzll((unsigned long long)(size - 1));
    bits -= UTIL_BUFS_MIN_SHIFT;
    return bits < UTIL_BUFS_CLASSES ? bits : UTIL_BUFS_CLASSES;
}

static inline size_t util_bufs_class_size(unsigned int class_index)
{
    return (size_t)1 << (class_index + UTIL_BUFS_MIN_SHIFT);
}

/* How many free buffers a class keeps. */
static inline uint32_t util_bufs_class_keep(unsigned int class_index)
{
    size_t keep = UTIL_BUFS_KEEP_SIZE >> (class_index + UTIL_BUFS_MIN_SHIFT);

    return keep < 4 ? 4U : (uint32_t)keep;
}

/* A buffer of at least `size` bytes, or NULL when out of memory. */
static inline void *util_bufs_get(struct util_bufs *bufs, size_t size)
{
    unsigned int class_index = util_bufs_class(size);
    struct util_bufs_header *header;

    if (class_index == UTIL_BUFS_CLASSES || bufs->free[class_index] == NULL)
        return util_bufs_get_slow(bufs, size);
    header = bufs->free[class_index];
    bufs->free[class_index] = header->u.next;
    bufs->kept[class_index]--;
    bufs->in_use++;
    header->u.capacity = util_bufs_class_size(class_index);
    util_alloc_unpoison(header + 1, header->u.capacity);
    return header + 1;
}

/* Returns a buffer to its set; takes NULL. */
static inline void util_bufs_put(struct util_bufs *bufs, void *ptr)
{
    struct util_bufs_header *header;
    unsigned int class_index;

    if (ptr == NULL)
        return;
    header = (struct util_bufs_header *)ptr - 1;
    assert(bufs->in_use > 0);
    class_index = (unsigned int)header->class_index;
    if (class_index == UTIL_BUFS_CLASSES || bufs->kept[class_index] >= util_bufs_class_keep(class_index)) {
        util_bufs_put_slow(bufs, header);
        return;
    }
    util_alloc_poison(ptr, util_bufs_class_size(class_index));
    header->u.next = bufs->free[class_index];
    bufs->free[class_index] = header;
    bufs->kept[class_index]++;
    bufs->in_use--;
}

/* The bytes that a buffer in use can hold: what was asked for, or more. */
static inline size_t util_bufs_capacity(const void *ptr)
{
    return ((const struct util_bufs_header *)ptr - 1)->u.capacity;
}

static inline size_t util_bufs_in_use(const struct util_bufs *bufs)
{
    return bufs->in_use;
}

#endif /* UTIL_BUF_H */
