/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */

/**
 * @file util_bytes.h
 * Fixed-width little-endian numbers in byte buffers: the only way numbers get onto the wire.
 *
 * Each function reads or writes at a place that its caller has checked to be inside the buffer.
 * The compiler turns them into single moves on little-endian machines.
 */

#ifndef UTIL_UTIL_BYTES_H
#define UTIL_UTIL_BYTES_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define UTIL_BYTES_SWAP 0
#else
#define UTIL_BYTES_SWAP 1
#endif

/* To and from little-endian: the same exchange both ways. */
static inline uint16_t util_bytes_le16(uint16_t value)
{
    return UTIL_BYTES_SWAP ? __builtin_bswap16(value) : value;
}

static inline uint32_t util_bytes_le32(uint32_t value)
{
    return UTIL_BYTES_SWAP ? __builtin_bswap32(value) : value;
}

static inline uint64_t util_bytes_le64(uint64_t value)
{
    return UTIL_BYTES_SWAP ? __builtin_bswap64(value) : value;
}

static inline void util_bytes_put16(void *at, uint16_t value)
{
    value = util_bytes_le16(value);
    memcpy(at, &value, sizeof(value));
}

static inline void util_bytes_put32(void *at, uint32_t value)
{
    value = util_bytes_le32(value);
    memcpy(at, &value, sizeof(value));
}

static inline void util_bytes_put64(void *at, uint64_t value)
{
    value = util_bytes_le64(value);
    memcpy(at, &value, sizeof(value));
}

static inline uint16_t util_bytes_get16(const void *at)
{
    uint16_t value;

    memcpy(&value, at, sizeof(value));
    return util_bytes_le16(value);
}

static inline uint32_t util_bytes_get32(const void *at)
{
    uint32_t value;

    memcpy(&value, at, sizeof(value));
    return util_bytes_le32(value);
}

static inline uint64_t util_bytes_get64(const void *at)
{
    uint64_t value;

    memcpy(&value, at, sizeof(value));
    return util_bytes_le64(value);
}

/** Rounds up to the 8 bytes that everything in a frame is aligned to. */
static inline size_t util_bytes_align8(size_t size)
{
    return (size + 7U) & ~(size_t)7U;
}

#endif
