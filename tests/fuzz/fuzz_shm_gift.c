/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Fuzzes the decoder of shared memory's gift: a byte for the number of descriptors, then the gift. It must not
 * crash on any bytes, and what it accepts must be the same bytes when encoded again, but for the one that is not
 * looked at.
 */
#include <stdint.h>
#include <string.h>

#include "na/shm/shm_gift.h"
#include "tests/support/support_guard.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct shm_doorbell_gift gift = {.fds = {5, 6}};
    struct shm_doorbell_gift again;
    struct shm_gift got;

    if (size == 0 || size - 1 > sizeof(gift.data))
        return 0;
    gift.fd_count = data[0] % (SHM_DOORBELL_GIFT_FDS + 1);
    gift.size = (uint8_t)(size - 1);
    memcpy(gift.data, data + 1, size - 1);
    if (shm_gift_decode(&gift, &got) != 0)
        return 0;
    SUPPORT_CHECK(gift.fd_count > 0 && got.table_fd == 5 && got.segment_fd == (gift.fd_count > 1 ? 6 : -1));
    shm_gift_encode(&got, &again);
    SUPPORT_CHECK(again.size == gift.size && again.fd_count == gift.fd_count);
    gift.data[7] = 0;
    SUPPORT_CHECK(memcmp(again.data, gift.data, gift.size) == 0);
    return 0;
}
