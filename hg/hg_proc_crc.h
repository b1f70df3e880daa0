/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * The checksums of processors and of messages: CRC-16/T10-DIF, CRC-32C and CRC-64/XZ, a byte at a time from tables;
 * CRC-32C by the processor's own instruction where it has one.
 * A checksum is taken in three steps: start, update as often as needed, finish. Pure; any thread.
 */
#ifndef HG_HG_PROC_CRC_H
#define HG_HG_PROC_CRC_H

#include <stddef.h>
#include <stdint.h>

#include "mercury_proc.h"

/* Bytes of a checksum of this kind: 2, 4 or 8; 0 for HG_NOHASH and for what is no kind. */
size_t hg_proc_crc_size(hg_proc_hash_t hash);

/* The state before the first byte; that of HG_NOHASH is 0 and stays 0. */
uint64_t hg_proc_crc_start(hg_proc_hash_t hash);

/* The state after `size` more bytes. `data` may be NULL when size is 0. */
uint64_t hg_proc_crc_update(hg_proc_hash_t hash, uint64_t state, const void *data, size_t size);

/* The checksum of all bytes so far. */
uint64_t hg_proc_crc_finish(hg_proc_hash_t hash, uint64_t state);

/* The CRC-32C of some bytes: what messages are checked with. */
static inline uint32_t hg_proc_crc_32c(const void *data, size_t size)
{
    return (uint32_t)hg_proc_crc_finish(HG_CRC32,
                                        hg_proc_crc_update(HG_CRC32, hg_proc_crc_start(HG_CRC32), data, size));
}

#endif /* HG_HG_PROC_CRC_H */
