/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * What the two ends of a route tell each other with the doorbell's hello. Sole owner of its layout,
 * little-endian:
 *
 *   0  magic 0x51535347        u32
 *   4  version, 1              u8
 *   5  context of the sender   u8
 *   6  context that is called  u8
 *   7  zero, not looked at     u8
 *   8  bytes of a ring         u32
 *  12  largest record          u32
 *  16  address of the cookie   u64
 *  24  cookie                  u64
 *
 * Beside it come the descriptors of the sender's table of memory and, from the side that connects, of the
 * segment with both rings. Pure; any thread.
 */
#ifndef NA_SHM_SHM_GIFT_H
#define NA_SHM_SHM_GIFT_H

#include <stdint.h>

#include "na/shm/shm_doorbell.h"

struct shm_gift {
    uint8_t source_context;
    uint8_t target_context;
    uint64_t cookie_address;
    uint64_t cookie;
    int table_fd;
    int segment_fd; /* -1: none */
};

void shm_gift_encode(const struct shm_gift *gift, struct shm_doorbell_gift *out);
/* -EPROTO: it is none, or from a peer with other rings. Descriptors are those of the doorbell's gift. */
int shm_gift_decode(const struct shm_doorbell_gift *in, struct shm_gift *out);

#endif /* NA_SHM_SHM_GIFT_H */
