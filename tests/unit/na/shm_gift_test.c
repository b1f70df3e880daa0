/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * The gift as bytes: what is encoded is decoded, and nothing else is.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "na/shm/shm_gift.h"
#include "na/shm/shm_ring.h"
#include "tests/support/support_guard.h"
#include "util/util_bytes.h"

TestSuite(shm_gift, .init = support_begin, .fini = support_end);

enum { SIZE = 32 };

static const struct shm_gift whole = {
    .source_context = 3,
    .target_context = 255,
    .cookie_address = UINT64_C(0x00007f0102030405),
    .cookie = UINT64_C(0x1112131415161718),
    .table_fd = 41,
    .segment_fd = 42,
};

static void check_same(const struct shm_gift *one, const struct shm_gift *two)
{
    cr_assert_eq(one->source_context, two->source_context);
    cr_assert_eq(one->target_context, two->target_context);
    cr_assert_eq(one->cookie_address, two->cookie_address);
    cr_assert_eq(one->cookie, two->cookie);
    cr_assert_eq(one->table_fd, two->table_fd);
    cr_assert_eq(one->segment_fd, two->segment_fd);
}

Test(shm_gift, encoded_is_decoded)
{
    struct shm_gift without = whole;
    struct shm_doorbell_gift bytes;
    struct shm_gift got;

    shm_gift_encode(&whole, &bytes);
    cr_assert_eq(bytes.size, SIZE);
    cr_assert_eq(bytes.fd_count, 2);
    cr_assert_eq(shm_gift_decode(&bytes, &got), 0);
    check_same(&got, &whole);

    without.segment_fd = -1;
    shm_gift_encode(&without, &bytes);
    cr_assert_eq(bytes.fd_count, 1);
    bytes.fds[1] = 99; /* what is there does not count */
    cr_assert_eq(shm_gift_decode(&bytes, &got), 0);
    check_same(&got, &without);
}

Test(shm_gift, layout_is_fixed)
{
    static const unsigned char expected[SIZE] = {
        0x47, 0x53, 0x53, 0x51, 1,    3,    255,  0,    0,    0,    2,    0,    0,    0x80, 0,    0,
        0x05, 0x04, 0x03, 0x02, 0x01, 0x7f, 0x00, 0x00, 0x18, 0x17, 0x16, 0x15, 0x14, 0x13, 0x12, 0x11,
    };
    struct shm_doorbell_gift bytes;

    shm_gift_encode(&whole, &bytes);
    cr_assert_eq(memcmp(bytes.data, expected, SIZE), 0);
    for (size_t i = SIZE; i < sizeof(bytes.data); i++)
        cr_assert_eq(bytes.data[i], 0, "nothing of ours is given away behind it");
}

Test(shm_gift, sizes_and_counts_that_cannot_be_are_refused)
{
    struct shm_doorbell_gift bytes;
    struct shm_gift got = whole;

    for (unsigned int size = 0; size <= SHM_DOORBELL_GIFT_SIZE; size++) {
        shm_gift_encode(&whole, &bytes);
        bytes.size = (uint8_t)size;
        cr_assert_eq(shm_gift_decode(&bytes, &got), size == SIZE ? 0 : -EPROTO);
    }
    shm_gift_encode(&whole, &bytes);
    bytes.fd_count = 0;
    cr_assert_eq(shm_gift_decode(&bytes, &got), -EPROTO, "a table there must be");
    check_same(&got, &whole);
}

/* The bytes that must be what they are; all others are the sender's. */
static bool is_fixed(size_t i)
{
    return i < 5 || (i >= 8 && i < 16);
}

Test(shm_gift, every_changed_bit_of_what_is_fixed_is_refused)
{
    for (size_t i = 0; i < SIZE; i++) {
        for (unsigned int bit = 0; bit < 8; bit++) {
            struct shm_doorbell_gift bytes;
            struct shm_gift got;

            shm_gift_encode(&whole, &bytes);
            bytes.data[i] ^= (unsigned char)(1U << bit);
            cr_assert_eq(shm_gift_decode(&bytes, &got), is_fixed(i) ? -EPROTO : 0, "byte %zu, bit %u", i, bit);
        }
    }
}

Test(shm_gift, peers_with_other_rings_are_refused)
{
    struct shm_doorbell_gift bytes;
    struct shm_gift got;

    shm_gift_encode(&whole, &bytes);
    util_bytes_put32(bytes.data + 8, 2 * SHM_RING_SIZE);
    cr_assert_eq(shm_gift_decode(&bytes, &got), -EPROTO);
    shm_gift_encode(&whole, &bytes);
    util_bytes_put32(bytes.data + 12, SHM_RING_RECORD_MAX / 2);
    cr_assert_eq(shm_gift_decode(&bytes, &got), -EPROTO);
}
