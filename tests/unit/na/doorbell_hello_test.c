/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * The doorbell's hello as bytes: what is encoded is decoded, and nothing else is.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "na/shm/shm_doorbell.h"
#include "na/shm/shm_doorbell_hello.h"
#include "tests/support/support_guard.h"
#include "util/util_bytes.h"

_Static_assert(SHM_DOORBELL_HELLO_NAME_MAX == SHM_DOORBELL_NAME_MAX, "one limit, two names");

TestSuite(doorbell_hello, .init = support_begin, .fini = support_end);

Test(doorbell_hello, encoded_is_decoded)
{
    unsigned char buf[SHM_DOORBELL_HELLO_MAX];
    struct shm_doorbell_hello hello = {.id = UINT64_C(0x0123456789abcdef)};
    struct shm_doorbell_hello got;

    for (size_t size = 1; size < SHM_DOORBELL_HELLO_NAME_MAX; size++) {
        memset(hello.name, 0, sizeof(hello.name));
        memset(hello.name, 'q', size);
        cr_assert_eq(shm_doorbell_hello_encode(&hello, buf), SHM_DOORBELL_HELLO_HEADER_SIZE + size);
        cr_assert_eq(shm_doorbell_hello_decode(buf, SHM_DOORBELL_HELLO_HEADER_SIZE + size, &got), 0);
        cr_assert_eq(memcmp(&got, &hello, sizeof(got)), 0);
    }
}

Test(doorbell_hello, gifts_are_decoded)
{
    unsigned char buf[SHM_DOORBELL_HELLO_MAX];
    struct shm_doorbell_hello hello = {.id = 5, .name = "endpoint"};
    struct shm_doorbell_hello got;

    for (size_t size = 0; size <= SHM_DOORBELL_GIFT_SIZE; size++) {
        size_t whole = SHM_DOORBELL_HELLO_HEADER_SIZE + strlen(hello.name) + size;

        memset(hello.gift.data, 0, sizeof(hello.gift.data));
        memset(hello.gift.data, 'g', size);
        hello.gift.size = (uint8_t)size;
        hello.gift.fd_count = (uint8_t)(size % (SHM_DOORBELL_GIFT_FDS + 1));
        cr_assert_eq(shm_doorbell_hello_encode(&hello, buf), whole);
        cr_assert_eq(shm_doorbell_hello_decode(buf, whole, &got), 0);
        cr_assert_eq(memcmp(&got, &hello, sizeof(got)), 0);
        buf[23] = SHM_DOORBELL_GIFT_FDS + 1;
        cr_assert_eq(shm_doorbell_hello_decode(buf, whole, &got), -EPROTO, "too many descriptors");
    }
}

Test(doorbell_hello, layout_is_fixed)
{
    static const unsigned char expected[] = {0x48, 0x42, 0x53, 0x51, 1, 0, 26, 0, 8, 7, 6, 5,   4,
                                             3,    2,    1,    0,    0, 0, 0,  2, 0, 0, 0, 'a', 'b'};
    unsigned char buf[SHM_DOORBELL_HELLO_MAX];
    struct shm_doorbell_hello hello = {.id = UINT64_C(0x0102030405060708), .name = "ab"};

    cr_assert_eq(shm_doorbell_hello_encode(&hello, buf), sizeof(expected));
    cr_assert_eq(memcmp(buf, expected, sizeof(expected)), 0);
}

Test(doorbell_hello, other_sizes_are_refused)
{
    unsigned char buf[SHM_DOORBELL_HELLO_MAX + 8] = {0};
    struct shm_doorbell_hello hello = {.id = 9, .name = "endpoint"};
    struct shm_doorbell_hello got = {.id = 1};
    size_t size = shm_doorbell_hello_encode(&hello, buf);

    for (size_t i = 0; i < sizeof(buf); i++)
        if (i != size)
            cr_assert_eq(shm_doorbell_hello_decode(buf, i, &got), -EPROTO);
    cr_assert_eq(got.id, 1, "out parameters are written on success only");
}

Test(doorbell_hello, bad_fields_are_refused)
{
    unsigned char good[SHM_DOORBELL_HELLO_MAX];
    struct shm_doorbell_hello hello = {.id = 9, .name = "endpoint"};
    struct shm_doorbell_hello got;
    size_t size = shm_doorbell_hello_encode(&hello, good);
    const size_t bytes[] = {0, 1, 2, 3, 4, 5, 6, 7, 20, 21, 22};

    for (size_t i = 0; i < sizeof(bytes) / sizeof(bytes[0]); i++) {
        unsigned char buf[SHM_DOORBELL_HELLO_MAX];

        memcpy(buf, good, size);
        buf[bytes[i]] ^= 1;
        cr_assert_eq(shm_doorbell_hello_decode(buf, size, &got), -EPROTO, "byte %zu", bytes[i]);
    }
    util_bytes_put64(good + 8, 0);
    cr_assert_eq(shm_doorbell_hello_decode(good, size, &got), -EPROTO, "id 0");
    util_bytes_put64(good + 8, 9);
    for (int byte = 0; byte < 256; byte++) {
        good[SHM_DOORBELL_HELLO_HEADER_SIZE + 2] = (unsigned char)byte;
        cr_assert_eq(shm_doorbell_hello_decode(good, size, &got), byte >= ' ' && byte <= '~' ? 0 : -EPROTO);
    }
    good[SHM_DOORBELL_HELLO_HEADER_SIZE + 2] = 'x';
    util_bytes_put32(good + 16, 0xffffffff);
    cr_assert_eq(shm_doorbell_hello_decode(good, size, &got), 0, "unknown flags are ignored");
}
