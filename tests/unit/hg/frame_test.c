/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Frame headers and hellos: what is written is what is read, and nothing else is read.
 */
#include <criterion/criterion.h>
#include <string.h>

#include "hg/hg_frame.h"
#include "tests/support/support_guard.h"
#include "util/util_bytes.h"

TestSuite(hg_frame, .init = support_begin, .fini = support_end);

static const struct hg_frame_hello sample_hello = {
    .incarnation = 0x1122334455667788U,
    .peer_incarnation = 42,
    .session_index = 7,
    .session_key = 0xdeadbeef,
    .features = 4,
    .window = 512,
    .context = 3,
    .target_context = 250,
    .class_address = "tcp://127.0.0.1:5000",
    .route_address = "tcp://127.0.0.1:5001",
};

static size_t sample(unsigned char *bytes, const struct hg_frame_hello *hello, size_t body)
{
    struct hg_frame_header header = {.session_index = 1, .session_key = 2, .incarnation = 3, .credit = 4};
    size_t size = HG_FRAME_HEADER_SIZE;

    if (hello != NULL) {
        hg_frame_encode_hello(hello, bytes + size);
        size += hg_frame_hello_size(hello);
        header.flags = HG_FRAME_HELLO;
    }
    memset(bytes + size, 0, body);
    header.size = (uint32_t)(size + body);
    hg_frame_encode(&header, bytes);
    return size + body;
}

Test(hg_frame, header_is_read_as_it_was_written)
{
    unsigned char bytes[64];
    struct hg_frame_header header;
    struct hg_frame_hello hello;
    bool has_hello = true;
    size_t offset = 0;
    size_t size = sample(bytes, NULL, 16);

    cr_assert_eq(hg_frame_decode(bytes, size, &header, &hello, &has_hello, &offset), HG_FRAME_KIND_FRAME);
    cr_assert(!has_hello);
    cr_assert_eq(offset, HG_FRAME_HEADER_SIZE);
    cr_assert(header.session_index == 1 && header.session_key == 2 && header.incarnation == 3 && header.credit == 4);
    cr_assert_eq(header.size, 48);
}

Test(hg_frame, hello_is_read_as_it_was_written)
{
    unsigned char bytes[HG_FRAME_HEADER_SIZE + HG_FRAME_HELLO_MAX];
    struct hg_frame_header header;
    struct hg_frame_hello hello;
    bool has_hello = false;
    size_t offset = 0;
    size_t size = sample(bytes, &sample_hello, 0);

    memset(&hello, 0, sizeof(hello));
    cr_assert_eq(hg_frame_decode(bytes, size, &header, &hello, &has_hello, &offset), HG_FRAME_KIND_FRAME);
    cr_assert(has_hello);
    cr_assert_eq(offset, size);
    cr_assert_eq(memcmp(&hello, &sample_hello, sizeof(hello)), 0);
}

/* A checked frame with a hello that says so; its size. */
static size_t checked_sample(unsigned char *bytes)
{
    struct hg_frame_header header = {.flags = HG_FRAME_HELLO | HG_FRAME_CHECKED};
    struct hg_frame_hello hello = sample_hello;
    size_t size;

    hello.features |= HG_FRAME_FEATURE_CHECKED;
    size = sample(bytes, &hello, 16);
    header.size = (uint32_t)size;
    hg_frame_encode(&header, bytes);
    return size;
}

Test(hg_frame, no_bit_of_a_checked_header_or_hello_changes_unnoticed)
{
    static unsigned char bytes[HG_FRAME_HEADER_SIZE + HG_FRAME_HELLO_MAX + 16];
    struct hg_frame_header header;
    struct hg_frame_hello hello;
    bool has_hello = false;
    size_t offset = 0;
    size_t size = checked_sample(bytes);

    cr_assert_eq(hg_frame_decode(bytes, size, &header, &hello, &has_hello, &offset), HG_FRAME_KIND_FRAME);
    for (size_t bit = 0; bit < (size - 16) * 8; bit++) {
        bytes[bit / 8] ^= (unsigned char)(1U << bit % 8);
        cr_assert_neq(hg_frame_decode(bytes, size, &header, &hello, &has_hello, &offset), HG_FRAME_KIND_FRAME,
                      "bit %zu", bit);
        bytes[bit / 8] ^= (unsigned char)(1U << bit % 8);
    }
}

Test(hg_frame, receive_id_is_read_where_there_are_bytes)
{
    unsigned char bytes[64];
    struct hg_frame_header header;
    size_t size = sample(bytes, NULL, 0);

    bytes[0] ^= 1;
    hg_frame_decode_id(bytes, size, &header);
    cr_assert(header.session_index == 1 && header.session_key == 2 && header.incarnation == 3 && header.credit == 0);
    hg_frame_decode_id(bytes, size - 1, &header);
    cr_assert(header.session_index == 0 && header.session_key == 0 && header.incarnation == 0);
}

Test(hg_frame, longest_addresses_fit)
{
    static unsigned char bytes[HG_FRAME_HEADER_SIZE + HG_FRAME_HELLO_MAX + 8];
    struct hg_frame_hello hello = sample_hello;
    struct hg_frame_hello again;
    struct hg_frame_header header;
    bool has_hello;
    size_t offset;

    memset(hello.class_address, 'a', NA_ADDRESS_MAX - 1);
    memset(hello.route_address, 'b', NA_ADDRESS_MAX - 1);
    cr_assert_leq(hg_frame_hello_size(&hello), HG_FRAME_HELLO_MAX);
    cr_assert_eq(hg_frame_decode(bytes, sample(bytes, &hello, 0), &header, &again, &has_hello, &offset),
                 HG_FRAME_KIND_FRAME);
    cr_assert_str_eq(again.class_address, hello.class_address);
    cr_assert_str_eq(again.route_address, hello.route_address);
}

Test(hg_frame, every_cut_is_garbage)
{
    unsigned char bytes[HG_FRAME_HEADER_SIZE + HG_FRAME_HELLO_MAX];
    struct hg_frame_header header;
    struct hg_frame_hello hello;
    bool has_hello;
    size_t offset;
    size_t size = sample(bytes, &sample_hello, 0);

    for (size_t cut = 0; cut < size; cut++) {
        cr_assert_eq(hg_frame_decode(bytes, cut, &header, &hello, &has_hello, &offset), HG_FRAME_KIND_GARBAGE);
        if (cut < HG_FRAME_HEADER_SIZE)
            continue;
        /* The same with a size that fits, so that the hello is what is cut. */
        util_bytes_put32(bytes + 12, (uint32_t)cut);
        cr_assert_eq(hg_frame_decode(bytes, cut, &header, &hello, &has_hello, &offset), HG_FRAME_KIND_GARBAGE);
        util_bytes_put32(bytes + 12, (uint32_t)size);
    }
}

Test(hg_frame, versions_are_told_apart)
{
    unsigned char bytes[HG_FRAME_HEADER_SIZE];
    struct hg_frame_header header;
    struct hg_frame_hello hello;
    bool has_hello;
    size_t offset;

    (void)sample(bytes, NULL, 0);
    bytes[4] = HG_FRAME_VERSION + 1;
    cr_assert_eq(hg_frame_decode(bytes, sizeof(bytes), &header, &hello, &has_hello, &offset),
                 HG_FRAME_KIND_FOREIGN_VERSION);
    /* What follows the first 8 bytes is the other version's own affair. */
    cr_assert_eq(hg_frame_decode(bytes, 8, &header, &hello, &has_hello, &offset), HG_FRAME_KIND_FOREIGN_VERSION);
    hg_frame_encode_refusal(bytes);
    cr_assert_eq(hg_frame_decode(bytes, HG_FRAME_REFUSAL_SIZE, &header, &hello, &has_hello, &offset),
                 HG_FRAME_KIND_REFUSAL);
    bytes[0] ^= 1;
    cr_assert_eq(hg_frame_decode(bytes, sizeof(bytes), &header, &hello, &has_hello, &offset), HG_FRAME_KIND_GARBAGE);
}

Test(hg_frame, the_first_bytes_never_change)
{
    unsigned char bytes[HG_FRAME_HEADER_SIZE];

    (void)sample(bytes, NULL, 0);
    cr_assert_eq(memcmp(bytes, "QSVR\x01\x01\x01\x00", 8), 0);
    hg_frame_encode_refusal(bytes);
    cr_assert_eq(memcmp(bytes, "QSVR\x00\x01\x01\x00", 8), 0);
}
