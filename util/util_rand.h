/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Random numbers of two kinds: unpredictable ones from the kernel, for keys and identities, and a
 * seeded sequence that a test can replay, for jitter and simulations.
 */
#ifndef UTIL_RAND_H
#define UTIL_RAND_H

#include <stdint.h>

/* 64 unpredictable bits from getrandom(2), fetched in batches per thread. Any thread; a forked
 * child does not repeat its parent's numbers. Aborts if the kernel has none to give, since to go
 * on with predictable keys would be worse. */
uint64_t util_rand_u64(void);

/* For tests: numbers of util_rand_u64 come from `next`, so that a run repeats exactly; NULL restores the kernel's. */
void util_rand_replace(uint64_t (*next)(void));

/* splitmix64: a fast sequence of good quality, not fit for secrets. Not thread-safe. */
struct util_prng {
    uint64_t state;
};

static inline void util_prng_init(struct util_prng *prng, uint64_t seed)
{
    prng->state = seed;
}

static inline uint64_t util_prng_next(struct util_prng *prng)
{
    uint64_t z = (prng->state += UINT64_C(0x9e3779b97f4a7c15));

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* A number in [0, bound), bound > 0; the bias is below bound / 2^64. */
static inline uint64_t util_prng_below(struct util_prng *prng, uint64_t bound)
{
    return (uint64_t)(((unsigned __int128)util_prng_next(prng) * bound) >> 64);
}

#endif /* UTIL_RAND_H */
