/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Encoding and decoding of shm_gift.h. Pure; any thread.
 */
#include "na/shm/shm_gift.h"

#include <errno.h>
#include <string.h>

#include "na/shm/shm_ring.h"
#include "util/util_bytes.h"

#define GIFT_MAGIC   UINT32_C(0x51535347)
#define GIFT_VERSION 1U
#define GIFT_SIZE    32U

void shm_gift_encode(const struct shm_gift *gift, struct shm_doorbell_gift *out)
{
    memset(out, 0, sizeof(*out));
    util_bytes_put32(out->data, GIFT_MAGIC);
    out->data[4] = GIFT_VERSION;
    out->data[5] = gift->source_context;
    out->data[6] = gift->target_context;
    util_bytes_put32(out->data + 8, SHM_RING_SIZE);
    util_bytes_put32(out->data + 12, SHM_RING_RECORD_MAX);
    util_bytes_put64(out->data + 16, gift->cookie_address);
    util_bytes_put64(out->data + 24, gift->cookie);
    out->size = GIFT_SIZE;
    out->fds[out->fd_count++] = gift->table_fd;
    if (gift->segment_fd >= 0)
        out->fds[out->fd_count++] = gift->segment_fd;
}

int shm_gift_decode(const struct shm_doorbell_gift *in, struct shm_gift *out)
{
    if (in->size != GIFT_SIZE || in->fd_count == 0 || util_bytes_get32(in->data) != GIFT_MAGIC ||
        in->data[4] != GIFT_VERSION || util_bytes_get32(in->data + 8) != SHM_RING_SIZE ||
        util_bytes_get32(in->data + 12) != SHM_RING_RECORD_MAX)
        return -EPROTO;
    out->source_context = in->data[5];
    out->target_context = in->data[6];
    out->cookie_address = util_bytes_get64(in->data + 16);
    out->cookie = util_bytes_get64(in->data + 24);
    out->table_fd = in->fds[0];
    out->segment_fd = in->fd_count > 1 ? in->fds[1] : -1;
    return 0;
}
