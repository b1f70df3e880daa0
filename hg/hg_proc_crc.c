/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Table-driven CRCs. See hg_proc_crc.h.
 *
 * The three tables (3.5 KiB together) are filled once, on first use: a program that
 * takes no checksums does not pay for them. CRC-16/T10-DIF goes through its bits from the top, the
 * other two from the bottom.
 */
#include "hg/hg_proc_crc.h"

#include <pthread.h>
#include <stdbool.h>
#include <string.h>

#define HG_PROC_CRC16_POLY     UINT16_C(0x8bb7)
#define HG_PROC_CRC32_POLY     UINT32_C(0x82f63b78)         /* CRC-32C, bits reversed */
#define HG_PROC_CRC64_POLY     UINT64_C(0xc96c5795d7870f42) /* ECMA-182, bits reversed */
#define HG_PROC_CRC_TABLE_SIZE 256

static pthread_once_t hg_proc_crc_once = PTHREAD_ONCE_INIT;
static uint16_t hg_proc_crc16_table[HG_PROC_CRC_TABLE_SIZE];
static uint32_t hg_proc_crc32_table[HG_PROC_CRC_TABLE_SIZE];
static uint64_t hg_proc_crc64_table[HG_PROC_CRC_TABLE_SIZE];
static bool hg_proc_crc32_in_hardware; /* the processor has the instruction; set once */

#if defined(__x86_64__)

static bool hg_proc_crc32_has_hardware(void)
{
    return __builtin_cpu_supports("sse4.2") != 0;
}

__attribute__((target("sse4.2"))) static uint64_t hg_proc_crc32_hardware(uint64_t state, const uint8_t *bytes,
                                                                         size_t size)
{
    for (; size >= sizeof(uint64_t); size -= sizeof(uint64_t), bytes += sizeof(uint64_t)) {
        uint64_t word;

        memcpy(&word, bytes, sizeof(word));
        state = __builtin_ia32_crc32di(state, word);
    }
    for (; size > 0; size--, bytes++)
        state = __builtin_ia32_crc32qi((uint32_t)state, *bytes);
    return state;
}

#else

static bool hg_proc_crc32_has_hardware(void)
{
    return false;
}

static uint64_t hg_proc_crc32_hardware(uint64_t state, const uint8_t *bytes, size_t size)
{
    (void)bytes;
    (void)size;
    return state; /* never called */
}

#endif

static void hg_proc_crc_fill(void)
{
    hg_proc_crc32_in_hardware = hg_proc_crc32_has_hardware();
    for (unsigned int i = 0; i < HG_PROC_CRC_TABLE_SIZE; i++) {
        uint16_t crc16 = (uint16_t)(i << 8);
        uint32_t crc32 = i;
        uint64_t crc64 = i;

        for (int bit = 0; bit < 8; bit++) {
            crc16 = (uint16_t)((crc16 << 1) ^ ((crc16 & 0x8000U) != 0 ? HG_PROC_CRC16_POLY : 0));
            crc32 = (crc32 >> 1) ^ ((crc32 & 1U) != 0 ? HG_PROC_CRC32_POLY : 0);
            crc64 = (crc64 >> 1) ^ ((crc64 & 1U) != 0 ? HG_PROC_CRC64_POLY : 0);
        }
        hg_proc_crc16_table[i] = crc16;
        hg_proc_crc32_table[i] = crc32;
        hg_proc_crc64_table[i] = crc64;
    }
}

size_t hg_proc_crc_size(hg_proc_hash_t hash)
{
    switch (hash) {
    case HG_CRC16:
        return sizeof(uint16_t);
    case HG_CRC32:
        return sizeof(uint32_t);
    case HG_CRC64:
        return sizeof(uint64_t);
    case HG_NOHASH:
    default:
        return 0;
    }
}

uint64_t hg_proc_crc_start(hg_proc_hash_t hash)
{
    switch (hash) {
    case HG_CRC32:
        return UINT32_MAX;
    case HG_CRC64:
        return UINT64_MAX;
    case HG_CRC16:
    case HG_NOHASH:
    default:
        return 0;
    }
}

static uint64_t hg_proc_crc16_update(uint64_t state, const uint8_t *bytes, size_t size)
{
    uint16_t crc = (uint16_t)state;

    for (size_t i = 0; i < size; i++)
        crc = (uint16_t)((crc << 8) ^ hg_proc_crc16_table[(crc >> 8) ^ bytes[i]]);
    return crc;
}

static uint64_t hg_proc_crc32_update(uint64_t state, const uint8_t *bytes, size_t size)
{
    uint32_t crc = (uint32_t)state;

    if (hg_proc_crc32_in_hardware)
        return hg_proc_crc32_hardware(state, bytes, size);
    for (size_t i = 0; i < size; i++)
        crc = (crc >> 8) ^ hg_proc_crc32_table[(crc ^ bytes[i]) & 0xffU];
    return crc;
}

static uint64_t hg_proc_crc64_update(uint64_t state, const uint8_t *bytes, size_t size)
{
    uint64_t crc = state;

    for (size_t i = 0; i < size; i++)
        crc = (crc >> 8) ^ hg_proc_crc64_table[(crc ^ bytes[i]) & 0xffU];
    return crc;
}

uint64_t hg_proc_crc_update(hg_proc_hash_t hash, uint64_t state, const void *data, size_t size)
{
    if (size == 0 || hg_proc_crc_size(hash) == 0)
        return state;
    (void)pthread_once(&hg_proc_crc_once, hg_proc_crc_fill);
    switch (hash) {
    case HG_CRC16:
        return hg_proc_crc16_update(state, data, size);
    case HG_CRC32:
        return hg_proc_crc32_update(state, data, size);
    case HG_CRC64:
    case HG_NOHASH:
    default:
        return hg_proc_crc64_update(state, data, size);
    }
}

uint64_t hg_proc_crc_finish(hg_proc_hash_t hash, uint64_t state)
{
    switch (hash) {
    case HG_CRC32:
        return state ^ UINT32_MAX;
    case HG_CRC64:
        return state ^ UINT64_MAX;
    case HG_CRC16:
    case HG_NOHASH:
    default:
        return state;
    }
}
