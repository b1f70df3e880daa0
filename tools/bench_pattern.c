/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * See bench_pattern.h. Each 8-byte word is a mix of seed and index (the finalizer of splitmix64),
 * which is cheap enough for the data to stay the bottleneck.
 */
#include "tools/bench_pattern.h"

#include <string.h>

static uint64_t word_at(uint64_t seed, uint64_t index)
{
    uint64_t x = seed + (index + 1) * UINT64_C(0x9e3779b97f4a7c15);

    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

void bench_pattern_fill(void *buf, size_t size, uint64_t seed)
{
    unsigned char *bytes = buf;
    size_t done = 0;

    for (uint64_t index = 0; done < size; index++) {
        uint64_t word = word_at(seed, index);
        size_t part = size - done < sizeof(word) ? size - done : sizeof(word);

        memcpy(bytes + done, &word, part);
        done += part;
    }
}

uint64_t bench_pattern_check(const void *buf, size_t size, uint64_t seed)
{
    const unsigned char *bytes = buf;
    size_t done = 0;

    for (uint64_t index = 0; done < size; index++) {
        uint64_t word = word_at(seed, index);
        size_t part = size - done < sizeof(word) ? size - done : sizeof(word);

        if (memcmp(bytes + done, &word, part) != 0) {
            unsigned char expected[sizeof(word)];
            size_t i = 0;

            memcpy(expected, &word, sizeof(word));
            while (bytes[done + i] == expected[i])
                i++;
            return done + i;
        }
        done += part;
    }
    return UINT64_MAX;
}
