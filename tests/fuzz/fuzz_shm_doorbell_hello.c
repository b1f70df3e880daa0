/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Fuzzes the decoder of the doorbell's hello: it must not crash on any bytes, and what it accepts
 * must be the same bytes when encoded again, but for the flags, which are ignored.
 */
#include <stdint.h>
#include <string.h>

#include "na/shm/shm_doorbell_hello.h"
#include "tests/support/support_guard.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    unsigned char again[SHM_DOORBELL_HELLO_MAX];
    struct shm_doorbell_hello hello;

    if (shm_doorbell_hello_decode(data, size, &hello) != 0)
        return 0;
    SUPPORT_CHECK(hello.id != 0);
    SUPPORT_CHECK(shm_doorbell_hello_check_name(hello.name) == 0);
    SUPPORT_CHECK(shm_doorbell_hello_encode(&hello, again) == size);
    SUPPORT_CHECK(memcmp(again, data, 16) == 0);
    SUPPORT_CHECK(memcmp(again + 20, data + 20, size - 20) == 0);
    return 0;
}
