/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Fuzz target: any bytes as one message. What is accepted must lie inside the bytes, and must encode again to
 * a header that decodes to the same.
 */
#include <stdint.h>
#include <string.h>

#include "hg/hg_header.h"
#include "tests/fuzz/fuzz_memory.h"
#include "tests/support/support_guard.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    unsigned char bytes[HG_HEADER_MAX];
    const unsigned char *payload = NULL;
    struct hg_header header;
    struct hg_header again;
    unsigned char bytes_again[sizeof(bytes)];
    size_t message_size = 0;
    size_t header_size;
    uint64_t before = fuzz_memory_begin();
    int error;

    memset(&header, 0, sizeof(header));
    error = hg_header_decode(data, size, &header, &payload, &message_size);
    fuzz_memory_check(before, 0, 0);
    if (error != 0)
        return 0;
    SUPPORT_CHECK(message_size <= size && message_size % 8 == 0);
    SUPPORT_CHECK(payload >= data + 16 && payload + header.payload_size <= data + message_size);
    if ((header.flags & HG_MESSAGE_FRAGMENT) != 0)
        SUPPORT_CHECK(header.payload_size > 0 && header.offset <= header.total_size &&
                      header.payload_size <= header.total_size - header.offset);
    header_size = hg_header_encode(&header, bytes);
    SUPPORT_CHECK(header_size == hg_header_size(&header) && header_size <= sizeof(bytes));
    /* Without its payload it is too short, unless it has none. */
    if (header.payload_size == 0) {
        SUPPORT_CHECK(hg_header_decode(bytes, header_size, &again, &payload, &message_size) == 0);
        /* Not the structs, whose padding may be anything. */
        SUPPORT_CHECK(hg_header_encode(&again, bytes_again) == header_size);
        SUPPORT_CHECK(memcmp(bytes_again, bytes, header_size) == 0);
    }
    return 0;
}
