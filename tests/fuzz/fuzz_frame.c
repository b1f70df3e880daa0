/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Fuzz target: any bytes as a frame with its messages. What is accepted must lie inside the bytes, and frame
 * header and hello must encode again to what was decoded.
 */
#include <stdint.h>
#include <string.h>

#include "hg/hg_frame.h"
#include "hg/hg_header.h"
#include "tests/fuzz/fuzz_memory.h"
#include "tests/support/support_guard.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_hello(const struct hg_frame_hello *hello, size_t size)
{
    unsigned char bytes[HG_FRAME_HELLO_MAX];
    size_t class_size = strnlen(hello->class_address, NA_ADDRESS_MAX);

    SUPPORT_CHECK(class_size > 0 && class_size < NA_ADDRESS_MAX);
    SUPPORT_CHECK(strnlen(hello->route_address, NA_ADDRESS_MAX) < NA_ADDRESS_MAX);
    SUPPORT_CHECK(hello->incarnation != 0 && hello->session_key != 0 && hello->window != 0);
    SUPPORT_CHECK(hg_frame_hello_size(hello) <= size && size <= sizeof(bytes));
    hg_frame_encode_hello(hello, bytes);
}

static void check_messages(const uint8_t *data, size_t size)
{
    while (size > 0) {
        struct hg_header header;
        const unsigned char *payload;
        size_t message_size = 0;

        if (hg_header_decode(data, size, &header, &payload, &message_size) != 0)
            return;
        SUPPORT_CHECK(message_size >= 16 && message_size <= size && message_size % 8 == 0);
        SUPPORT_CHECK(payload >= data && header.payload_size <= (size_t)(data + message_size - payload));
        data += message_size;
        size -= message_size;
    }
}

static void check_frame(const uint8_t *data, size_t size)
{
    struct hg_frame_header header;
    struct hg_frame_hello hello;
    unsigned char again[HG_FRAME_HEADER_SIZE + HG_FRAME_HELLO_MAX];
    bool has_hello = false;
    size_t offset = 0;

    if (hg_frame_decode(data, size, &header, &hello, &has_hello, &offset) != HG_FRAME_KIND_FRAME)
        return;
    SUPPORT_CHECK(offset >= HG_FRAME_HEADER_SIZE && offset <= size && offset % 8 == 0);
    SUPPORT_CHECK(header.size == size);
    SUPPORT_CHECK(offset <= sizeof(again));
    memcpy(again, data, offset);
    memset(again, 0, HG_FRAME_HEADER_SIZE);
    hg_frame_encode(&header, again);
    SUPPORT_CHECK(memcmp(again + 12, data + 12, HG_FRAME_HEADER_SIZE - 12) == 0);
    if ((header.flags & HG_FRAME_CHECKED) != 0)
        SUPPORT_CHECK(memcmp(again + 4, data + 4, 1) == 0 && memcmp(again + 8, data + 8, 2) == 0);
    if (has_hello)
        check_hello(&hello, offset - HG_FRAME_HEADER_SIZE);
    check_messages(data + offset, size - offset);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint64_t before = fuzz_memory_begin();

    check_frame(data, size);
    fuzz_memory_check(before, 0, 0); /* frames are read where they are */
    return 0;
}
