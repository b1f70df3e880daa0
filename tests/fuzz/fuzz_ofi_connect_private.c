/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Fuzzes the decoder of what a connect request carries: it must not crash on any bytes, and what it
 * accepts must be the same bytes when encoded again, but for the one that is reserved.
 */
#include <stdint.h>
#include <string.h>

#include "na/ofi/ofi_connect.h"
#include "tests/support/support_guard.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    unsigned char again[OFI_CONNECT_PRIVATE_SIZE];
    struct ofi_connect_private private;

    if (ofi_connect_private_decode(data, size, &private) != 0)
        return 0;
    SUPPORT_CHECK(size >= OFI_CONNECT_PRIVATE_SIZE);
    ofi_connect_private_encode(&private, again);
    SUPPORT_CHECK(memcmp(again, data, 7) == 0);
    SUPPORT_CHECK(memcmp(again + 8, data + 8, 8) == 0);
    return 0;
}
