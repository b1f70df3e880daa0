/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Segment arithmetic against a model that knows nothing of segments: lists are cut at random from
 * flat arrays, and every walk and copy is compared byte by byte with the same on the arrays.
 */
#include "bulk/bulk_segments.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/support_guard.h"
#include "util/util_rand.h"

TestSuite(bulk_segments, .init = support_begin, .fini = support_end);

#define ROUNDS    3000U
#define BYTES_MAX 200U
#define LIST_MAX  24U

/* A list cut from `bytes`, with empty segments strewn in. */
struct cut {
    unsigned char bytes[BYTES_MAX];
    struct na_segment list[LIST_MAX];
    struct bulk_segments segments;
    size_t total;
};

static void cut_make(struct cut *cut, struct util_prng *prng)
{
    uint32_t count = 1 + (uint32_t)util_prng_below(prng, LIST_MAX);

    cut->total = 0;
    for (uint32_t i = 0; i < count; i++) {
        size_t size = util_prng_below(prng, 3) == 0 ? 0 : (size_t)util_prng_below(prng, 12);

        if (size > BYTES_MAX - cut->total)
            size = 0;
        cut->list[i].base = cut->bytes + cut->total;
        cut->list[i].size = size;
        cut->total += size;
    }
    for (size_t i = 0; i < BYTES_MAX; i++)
        cut->bytes[i] = (unsigned char)util_prng_next(prng);
    cut->segments = (struct bulk_segments){.list = cut->list, .count = count};
}

Test(bulk_segments, total_adds_up_and_refuses_to_wrap)
{
    struct na_segment list[] = {{NULL, 7}, {NULL, 0}, {NULL, SIZE_MAX - 7}, {NULL, 1}};
    size_t total = 42;

    cr_assert_eq(bulk_segments_total((struct bulk_segments){list, 3}, &total), 0);
    cr_assert_eq(total, SIZE_MAX);
    total = 42;
    cr_assert_eq(bulk_segments_total((struct bulk_segments){list, 4}, &total), -EOVERFLOW);
    cr_assert_eq(total, 42, "written on success only");
}

Test(bulk_segments, range_check_cannot_wrap)
{
    cr_assert(bulk_segments_in_range(10, 0, 10));
    cr_assert(bulk_segments_in_range(10, 10, 0));
    cr_assert(bulk_segments_in_range(0, 0, 0));
    cr_assert_not(bulk_segments_in_range(10, 1, 10));
    cr_assert_not(bulk_segments_in_range(10, 11, 0));
    cr_assert_not(bulk_segments_in_range(10, 5, UINT64_MAX));
    cr_assert_not(bulk_segments_in_range(10, UINT64_MAX, 2));
    cr_assert_not(bulk_segments_in_range(10, UINT64_MAX - 4, 10));
}

Test(bulk_segments, find_gives_the_segment_that_holds_the_byte)
{
    struct util_prng prng;
    struct cut cut;

    util_prng_init(&prng, support_seed());
    for (unsigned int round = 0; round < ROUNDS; round++) {
        cut_make(&cut, &prng);
        for (size_t offset = 0; offset < cut.total; offset++) {
            struct bulk_segments_place place = bulk_segments_find(cut.segments, offset);

            cr_assert_lt(place.index, cut.segments.count);
            cr_assert_lt(place.inner, cut.list[place.index].size);
            cr_assert_eq((unsigned char *)cut.list[place.index].base + place.inner, cut.bytes + offset);
        }
        cr_assert_eq(bulk_segments_find(cut.segments, cut.total).index, cut.segments.count);
    }
}

/* One walk over a random range: its pieces, in order, must be the range on both sides. */
static void check_walk(struct cut *local, struct cut *remote, struct util_prng *prng)
{
    size_t local_offset = (size_t)util_prng_below(prng, local->total + 1);
    size_t remote_offset = (size_t)util_prng_below(prng, remote->total + 1);
    size_t local_rest = local->total - local_offset;
    size_t remote_rest = remote->total - remote_offset;
    size_t size = (size_t)util_prng_below(prng, (local_rest < remote_rest ? local_rest : remote_rest) + 1);
    size_t max = util_prng_below(prng, 2) == 0 ? SIZE_MAX : 1 + (size_t)util_prng_below(prng, 9);
    struct bulk_segments_walk walk;
    struct bulk_segments_piece piece;
    size_t done = 0;

    bulk_segments_walk_init(&walk, local->segments, local_offset, remote->segments, remote_offset, size);
    while (bulk_segments_walk_peek(&walk, max, &piece)) {
        const struct na_segment *remote_segment = &remote->list[piece.remote_index];
        const struct na_segment *local_segment = &local->list[piece.local_index];

        cr_assert(piece.size > 0 && piece.size <= max && piece.size <= size - done);
        cr_assert_eq(piece.local, local->bytes + local_offset + done);
        cr_assert_leq(piece.size, local_segment->size);
        cr_assert_leq(piece.remote_inner + piece.size, remote_segment->size);
        cr_assert_eq((unsigned char *)remote_segment->base + piece.remote_inner, remote->bytes + remote_offset + done);
        /* Sometimes less than the piece is taken, as a transport might. */
        if (util_prng_below(prng, 4) == 0)
            piece.size = 1 + (size_t)util_prng_below(prng, piece.size);
        bulk_segments_walk_advance(&walk, piece.size);
        done += piece.size;
    }
    cr_assert_eq(done, size);
}

Test(bulk_segments, walk_covers_the_range_once_in_order_on_both_sides)
{
    struct util_prng prng;
    struct cut local;
    struct cut remote;

    util_prng_init(&prng, support_seed());
    for (unsigned int round = 0; round < ROUNDS; round++) {
        cut_make(&local, &prng);
        cut_make(&remote, &prng);
        check_walk(&local, &remote, &prng);
    }
}

Test(bulk_segments, walk_over_sizes_alone_gives_offsets)
{
    struct na_segment sizes[] = {{NULL, 3}, {NULL, 5}};
    unsigned char bytes[8];
    struct na_segment memory[] = {{bytes, 8}};
    struct bulk_segments_walk walk;
    struct bulk_segments_piece piece;

    bulk_segments_walk_init(&walk, (struct bulk_segments){memory, 1}, 0, (struct bulk_segments){sizes, 2}, 2, 6);
    cr_assert(bulk_segments_walk_peek(&walk, SIZE_MAX, &piece));
    cr_assert(piece.remote_index == 0 && piece.remote_inner == 2 && piece.size == 1);
    bulk_segments_walk_advance(&walk, piece.size);
    cr_assert(bulk_segments_walk_peek(&walk, SIZE_MAX, &piece));
    cr_assert(piece.remote_index == 1 && piece.remote_inner == 0 && piece.size == 5);
    cr_assert_eq(piece.local, bytes + 1);
}

Test(bulk_segments, copy_is_the_copy_of_the_flat_range)
{
    struct util_prng prng;
    struct cut dst;
    struct cut src;

    util_prng_init(&prng, support_seed());
    for (unsigned int round = 0; round < ROUNDS; round++) {
        unsigned char expected[BYTES_MAX];
        size_t dst_offset;
        size_t src_offset;
        size_t size;

        cut_make(&dst, &prng);
        cut_make(&src, &prng);
        dst_offset = (size_t)util_prng_below(&prng, dst.total + 1);
        src_offset = (size_t)util_prng_below(&prng, src.total + 1);
        size = dst.total - dst_offset;
        if (size > src.total - src_offset)
            size = src.total - src_offset;
        size = (size_t)util_prng_below(&prng, size + 1);
        memcpy(expected, dst.bytes, BYTES_MAX);
        memcpy(expected + dst_offset, src.bytes + src_offset, size);
        bulk_segments_copy(dst.segments, dst_offset, src.segments, src_offset, size);
        cr_assert_arr_eq(dst.bytes, expected, BYTES_MAX, "nothing else is touched");
    }
}

Test(bulk_segments, gather_makes_the_range_contiguous)
{
    unsigned char bytes[] = "abcdefgh";
    struct na_segment list[] = {{bytes + 4, 3}, {bytes, 0}, {bytes, 4}};
    char out[6] = {0};

    bulk_segments_gather(out, (struct bulk_segments){list, 3}, 1, 5);
    cr_assert_str_eq(out, "fgabc");
    bulk_segments_gather(NULL, (struct bulk_segments){list, 3}, 7, 0);
}

Test(bulk_segments, copy_within_one_piece_may_overlap)
{
    unsigned char bytes[] = "0123456789";
    struct na_segment list[] = {{bytes, 10}};
    struct bulk_segments segments = {list, 1};

    bulk_segments_copy(segments, 2, segments, 0, 8);
    cr_assert_str_eq((char *)bytes, "0101234567");
}
