/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Message headers: what is written is what is read, sizes are what the drawing says, and what does not fit is
 * refused.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "hg/hg_header.h"
#include "tests/support/support_guard.h"
#include "util/util_bytes.h"

TestSuite(hg_header, .init = support_begin, .fini = support_end);

static const struct hg_header samples[] = {
    {.type = HG_MESSAGE_REQUEST,
     .tag = 1,
     .rpc_id = 0x1122334455667788U,
     .remaining_us = 9,
     .target_context = 2,
     .origin_context = 3,
     .payload_size = 5},
    {.type = HG_MESSAGE_REQUEST, .flags = HG_MESSAGE_NO_RESPONSE, .tag = UINT64_MAX, .rpc_id = 1},
    {.type = HG_MESSAGE_REQUEST,
     .flags = HG_MESSAGE_FRAGMENT,
     .tag = 2,
     .total_size = 100,
     .offset = 92,
     .payload_size = 8},
    {.type = HG_MESSAGE_RESPONSE, .tag = 3, .status = 77, .payload_size = 16},
    {.type = HG_MESSAGE_RESPONSE, .flags = HG_MESSAGE_MORE_DATA, .tag = 3, .release_tag = 0xabcdef, .payload_size = 1},
    {.type = HG_MESSAGE_RESPONSE,
     .flags = HG_MESSAGE_MORE_DATA | HG_MESSAGE_FRAGMENT,
     .tag = 3,
     .release_tag = 5,
     .total_size = 9,
     .offset = 8,
     .payload_size = 1},
    {.type = HG_MESSAGE_NACK, .tag = 4, .status = 2},
    {.type = HG_MESSAGE_CANCEL, .tag = 5},
    {.type = HG_MESSAGE_RELEASE, .tag = 6},
    {.type = HG_MESSAGE_PING, .tag = 7},
    {.type = HG_MESSAGE_PONG, .tag = 8},
    {.type = HG_MESSAGE_END, .status = 24},
    {.type = HG_MESSAGE_REQUEST,
     .flags = HG_MESSAGE_FRAGMENT | HG_MESSAGE_CHECKED,
     .tag = 2,
     .rpc_id = 9,
     .total_size = 100,
     .offset = 92,
     .payload_size = 8},
    {.type = HG_MESSAGE_RESPONSE,
     .flags = HG_MESSAGE_MORE_DATA | HG_MESSAGE_FRAGMENT | HG_MESSAGE_CHECKED | HG_MESSAGE_CHECKED_PAYLOAD,
     .tag = 3,
     .release_tag = 5,
     .total_size = 9,
     .offset = 8,
     .payload_check = 0x12345678,
     .payload_size = 1},
    {.type = HG_MESSAGE_CANCEL, .flags = HG_MESSAGE_CHECKED, .tag = 9},
    {.type = HG_MESSAGE_REQUEST,
     .flags = HG_MESSAGE_FRAGMENT | HG_MESSAGE_CHECKED,
     .tag = 2,
     .rpc_id = 9,
     .remaining_us = 1,
     .total_size = 100,
     .offset = 92,
     .payload_size = 8},
    {.type = HG_MESSAGE_REQUEST, .tag = 1, .rpc_id = 2, .target_context = 255},
    {.type = HG_MESSAGE_REQUEST, .tag = 1, .rpc_id = 2, .origin_context = 1},
    {.type = HG_MESSAGE_REQUEST,
     .flags = HG_MESSAGE_SEQUENCED,
     .tag = 1,
     .rpc_id = 2,
     .sequence = 256,
     .behind = 255,
     .attempt = 1},
    {.type = HG_MESSAGE_REQUEST,
     .flags = HG_MESSAGE_SEQUENCED | HG_MESSAGE_REPEATED,
     .tag = 1,
     .rpc_id = 2,
     .sequence = 1,
     .epoch = 0x12345678,
     .attempt = 2},
    {.type = HG_MESSAGE_REQUEST,
     .flags = HG_MESSAGE_SEQUENCED | HG_MESSAGE_REPEATED | HG_MESSAGE_FRAGMENT | HG_MESSAGE_CHECKED,
     .tag = 2,
     .rpc_id = 9,
     .remaining_us = 1,
     .total_size = 100,
     .offset = 92,
     .sequence = (UINT64_C(1) << 56) - 1,
     .behind = 255,
     .epoch = 1,
     .attempt = UINT16_MAX,
     .payload_size = 8},
    {.type = HG_MESSAGE_NACK, .tag = 4, .status = 5, .retry_after_us = 12345},
    {.type = HG_MESSAGE_WINDOW, .tag = UINT64_C(0x100000008)},
    {.type = HG_MESSAGE_GOAWAY},
};
enum { SAMPLE_COUNT = sizeof(samples) / sizeof(samples[0]) };

static size_t write_message(const struct hg_header *header, unsigned char *bytes)
{
    size_t size = hg_header_encode(header, bytes);

    memset(bytes + size, 0x55, header->payload_size);
    memset(bytes + size + header->payload_size, 0, 8);
    return util_bytes_align8(size + header->payload_size);
}

Test(hg_header, each_type_is_read_as_it_was_written)
{
    for (unsigned int i = 0; i < SAMPLE_COUNT; i++) {
        unsigned char bytes[128];
        const unsigned char *payload = NULL;
        struct hg_header header;
        size_t message_size = 0;
        size_t size = write_message(&samples[i], bytes);

        memset(&header, 0, sizeof(header));
        cr_assert_eq(hg_header_decode(bytes, size, &header, &payload, &message_size), 0);
        cr_assert_eq(message_size, size);
        cr_assert_eq(payload, bytes + hg_header_size(&samples[i]));
        cr_assert_eq(memcmp(&header, &samples[i], sizeof(header)), 0, "sample %u", i);
    }
}

Test(hg_header, plain_request_takes_24_bytes)
{
    cr_assert_eq(hg_header_size(&samples[0]), 32, "with a time limit");
    cr_assert_eq(hg_header_size(&samples[1]), 24);
    cr_assert_eq(hg_header_size(&samples[3]), 24);
    cr_assert_eq(hg_header_size(&samples[7]), 16);
    for (unsigned int i = 0; i < SAMPLE_COUNT; i++) {
        cr_assert_leq(hg_header_size(&samples[i]), HG_HEADER_MAX);
        cr_assert_eq(hg_header_size(&samples[i]) % 8, 0);
    }
}

Test(hg_header, what_runs_at_most_once_costs_8_bytes)
{
    struct hg_header header = {.type = HG_MESSAGE_REQUEST, .flags = HG_MESSAGE_SEQUENCED, .sequence = 1, .attempt = 1};

    cr_assert_eq(hg_header_size(&header), 32);
    header.flags |= HG_MESSAGE_REPEATED;
    header.attempt = 2;
    cr_assert_eq(hg_header_size(&header), 40);
}

Test(hg_header, every_cut_is_refused)
{
    for (unsigned int i = 0; i < SAMPLE_COUNT; i++) {
        unsigned char bytes[128];
        size_t size = write_message(&samples[i], bytes);

        for (size_t cut = 0; cut < size; cut++) {
            const unsigned char *payload = NULL;
            struct hg_header header;
            size_t message_size = 0;

            cr_assert_eq(hg_header_decode(bytes, cut, &header, &payload, &message_size), -EBADMSG);
        }
    }
}

Test(hg_header, no_bit_of_a_checked_header_changes_unnoticed)
{
    struct hg_header sample = samples[0];
    unsigned char bytes[128];
    size_t size;

    sample.flags = HG_MESSAGE_CHECKED | HG_MESSAGE_CHECKED_PAYLOAD;
    size = write_message(&sample, bytes);
    for (size_t bit = 0; bit < hg_header_size(&sample) * 8; bit++) {
        const unsigned char *payload = NULL;
        struct hg_header header = {0};
        size_t message_size = 0;

        bytes[bit / 8] ^= (unsigned char)(1U << bit % 8);
        /* Where the flag itself is lost, the session knows that the peer sets it. */
        cr_assert(hg_header_decode(bytes, size, &header, &payload, &message_size) != 0 ||
                      (header.flags & HG_MESSAGE_CHECKED) == 0,
                  "bit %zu", bit);
        bytes[bit / 8] ^= (unsigned char)(1U << bit % 8);
    }
}

Test(hg_header, payload_is_compared_with_its_checksum)
{
    static const unsigned char payload[] = "123456789";
    struct hg_header header = {.type = HG_MESSAGE_REQUEST, .payload_size = 9, .payload_check = 0xe3069283U};

    cr_assert(hg_header_payload_intact(&header, payload));
    header.payload_check++;
    cr_assert(hg_header_payload_intact(&header, payload));
    header.flags = HG_MESSAGE_CHECKED | HG_MESSAGE_CHECKED_PAYLOAD;
    cr_assert(!hg_header_payload_intact(&header, payload));
    header.payload_check--;
    cr_assert(hg_header_payload_intact(&header, payload));
}

Test(hg_header, lies_are_refused)
{
    unsigned char bytes[128];
    const unsigned char *payload = NULL;
    struct hg_header header;
    size_t message_size = 0;
    size_t size = write_message(&samples[0], bytes);

    bytes[1] = 3; /* shorter than its parts */
    cr_assert_eq(hg_header_decode(bytes, size, &header, &payload, &message_size), -EBADMSG);
    bytes[1] = 255;
    cr_assert_eq(hg_header_decode(bytes, size, &header, &payload, &message_size), -EBADMSG);
    bytes[1] = 4;
    util_bytes_put32(bytes + 4, UINT32_MAX);
    cr_assert_eq(hg_header_decode(bytes, size, &header, &payload, &message_size), -EBADMSG);
    util_bytes_put32(bytes + 4, 5);
    bytes[0] = 0;
    cr_assert_eq(hg_header_decode(bytes, size, &header, &payload, &message_size), -EBADMSG);
    bytes[0] = HG_MESSAGE_TYPES;
    cr_assert_eq(hg_header_decode(bytes, size, &header, &payload, &message_size), -EBADMSG);
    bytes[0] = HG_MESSAGE_REQUEST;
    cr_assert_eq(hg_header_decode(bytes, size, &header, &payload, &message_size), 0);
}

Test(hg_header, impossible_sequence_numbers_are_refused)
{
    static const struct hg_header wrong[] = {
        {.flags = HG_MESSAGE_SEQUENCED, .sequence = 255, .behind = 255},
        {.flags = HG_MESSAGE_SEQUENCED, .sequence = 5, .behind = 5}, /* the first number is 1 */
        {.flags = HG_MESSAGE_SEQUENCED, .sequence = 0, .behind = 0},
        {.flags = HG_MESSAGE_SEQUENCED | HG_MESSAGE_REPEATED, .sequence = 5, .behind = 5, .attempt = 2},
        {.flags = HG_MESSAGE_SEQUENCED | HG_MESSAGE_REPEATED, .sequence = 5, .behind = 4, .attempt = 1},
        {.flags = HG_MESSAGE_SEQUENCED | HG_MESSAGE_REPEATED, .sequence = 5, .behind = 4, .attempt = 0},
        {.flags = HG_MESSAGE_REPEATED, .attempt = 2}, /* of which call? */
    };

    for (unsigned int i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct hg_header header = wrong[i];
        unsigned char bytes[HG_HEADER_MAX];
        const unsigned char *payload = NULL;
        size_t message_size = 0;
        size_t size;

        header.type = HG_MESSAGE_REQUEST;
        size = hg_header_encode(&header, bytes);
        cr_assert_eq(hg_header_decode(bytes, size, &header, &payload, &message_size), -EBADMSG);
    }
}

Test(hg_header, pieces_beyond_their_total_are_refused)
{
    static const uint32_t wrong[][3] = {/* total, offset, size */
                                        {100, 93, 8},
                                        {100, 101, 8},
                                        {0, 0, 8},
                                        {8, UINT32_MAX - 3, 8},
                                        {100, 0, 0}};

    for (unsigned int i = 0; i < 5; i++) {
        struct hg_header header = samples[2];
        unsigned char bytes[128];
        const unsigned char *payload = NULL;
        size_t message_size = 0;
        size_t size;

        header.total_size = wrong[i][0];
        header.offset = wrong[i][1];
        header.payload_size = wrong[i][2];
        size = write_message(&header, bytes);
        cr_assert_eq(hg_header_decode(bytes, size, &header, &payload, &message_size), -EBADMSG, "case %u", i);
    }
}

/* A later version may have longer headers and more flags. */
Test(hg_header, longer_headers_and_unknown_flags_are_accepted)
{
    unsigned char bytes[128] = {0};
    const unsigned char *payload = NULL;
    struct hg_header header;
    size_t message_size = 0;

    (void)write_message(&samples[0], bytes);
    bytes[1] = 6;
    bytes[3] = 0x80;
    cr_assert_eq(hg_header_decode(bytes, 56, &header, &payload, &message_size), 0);
    cr_assert_eq(payload, bytes + 48);
    cr_assert_eq(header.rpc_id, samples[0].rpc_id);
    cr_assert_eq(message_size, 56);
}
