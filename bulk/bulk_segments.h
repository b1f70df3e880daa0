/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Arithmetic on lists of memory segments: nothing here posts, allocates or keeps state elsewhere.
 *
 * A list is an array of struct na_segment. Together its segments form one range of bytes, counted
 * from 0; segments of length zero are legal anywhere and never yield a piece. The list of a remote
 * handle has the sizes alone (base is NULL), since only they matter to the arithmetic.
 *
 * The caller checks a range with bulk_segments_in_range before it walks it: a walk asserts what
 * the check would have refused. Sums are checked once, by bulk_segments_total, when a list comes
 * into being; all later arithmetic stays below that total and cannot wrap. Any thread.
 */
#ifndef BULK_BULK_SEGMENTS_H
#define BULK_BULK_SEGMENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "na/na.h"

/* A segment list as an argument: borrowed, immutable. */
struct bulk_segments {
    const struct na_segment *list;
    uint32_t count;
};

/* A place in a list: byte `inner` of segment `index`. index == count: the end of the list. */
struct bulk_segments_place {
    uint32_t index;
    size_t inner;
};

/* A run of bytes that is contiguous on both sides of a walk. */
struct bulk_segments_piece {
    void *local; /* NULL base: the offset alone, as for a list without memory */
    uint32_t local_index;
    uint32_t remote_index;
    size_t remote_inner; /* offset inside that remote segment */
    size_t size;
};

/* Two lists walked in lock-step. Copyable; holds no resources. */
struct bulk_segments_walk {
    struct bulk_segments local;
    struct bulk_segments remote;
    struct bulk_segments_place local_place;
    struct bulk_segments_place remote_place;
    size_t left; /* bytes not yet passed by bulk_segments_walk_advance */
};

/* The bytes of all segments: 0, or -EOVERFLOW when the sum does not fit, with *total unset. */
int bulk_segments_total(struct bulk_segments segments, size_t *total);

/* Whether [offset, offset + size) lies inside [0, total), without ever computing a sum that wraps.
 * An empty range at the very end is inside. */
static inline bool bulk_segments_in_range(uint64_t total, uint64_t offset, uint64_t size)
{
    return offset <= total && size <= total - offset;
}

/* The place of byte `offset`, never inside an empty segment; the end of the list when offset is
 * the total. offset must not exceed the total. */
struct bulk_segments_place bulk_segments_find(struct bulk_segments segments, size_t offset);

/* Begins a walk over `size` bytes. Both ranges must be in range. */
void bulk_segments_walk_init(struct bulk_segments_walk *walk, struct bulk_segments local, size_t local_offset,
                             struct bulk_segments remote, size_t remote_offset, size_t size);

/* The next piece, of at most max_size (> 0) bytes; false at the end. Does not move the walk, so a
 * piece that was refused is simply asked for again. */
bool bulk_segments_walk_peek(const struct bulk_segments_walk *walk, size_t max_size, struct bulk_segments_piece *piece);

/* Passes `size` bytes: at most those of the piece that peek gave. */
void bulk_segments_walk_advance(struct bulk_segments_walk *walk, size_t size);

/* Copies `size` bytes from one list to another; both have memory. The lists may share memory: each
 * piece is moved as by memmove, but the order of pieces is ascending whatever they overlap. */
void bulk_segments_copy(struct bulk_segments dst, size_t dst_offset, struct bulk_segments src, size_t src_offset,
                        size_t size);

/* Copies `size` bytes at `offset` of a list into one contiguous buffer. */
void bulk_segments_gather(void *buf, struct bulk_segments src, size_t offset, size_t size);

#endif /* BULK_BULK_SEGMENTS_H */
