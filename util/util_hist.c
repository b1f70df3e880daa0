/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * The log-linear histogram. With 11 sub-bits, a value of n bits, n > 11, lies in one of the 1024 buckets of its
 * doubling: its 11 leading bits tell which, and the n - 11 bits below them are dropped.
 */
#include "util/util_hist.h"

#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "util/util_alloc.h"

/* Values below it have a bucket each. */
static unsigned int hist_linear(const struct util_hist *hist)
{
    return 1U << hist->sub_bits;
}

/* Buckets of a doubling. */
static unsigned int hist_half(const struct util_hist *hist)
{
    return 1U << (hist->sub_bits - 1U);
}

static unsigned int hist_buckets(const struct util_hist *hist)
{
    return hist_linear(hist) + (UTIL_HIST_MAX_BITS - hist->sub_bits) * hist_half(hist);
}

static unsigned int bucket_of(const struct util_hist *hist, uint64_t value)
{
    unsigned int shift;

    if (value < hist_linear(hist))
        return (unsigned int)value;
    if (value >> UTIL_HIST_MAX_BITS != 0)
        return hist_buckets(hist) - 1U;
    shift = 64U - hist->sub_bits - (unsigned int)__builtin_clzll((unsigned long long)value);
    return hist_linear(hist) + (shift - 1U) * hist_half(hist) + (unsigned int)(value >> shift) - hist_half(hist);
}

/* The highest value that falls into a bucket. */
static uint64_t bucket_top(const struct util_hist *hist, unsigned int bucket)
{
    unsigned int shift;
    uint64_t lead;

    if (bucket < hist_linear(hist))
        return bucket;
    shift = (bucket - hist_linear(hist)) / hist_half(hist) + 1U;
    lead = hist_half(hist) + (bucket - hist_linear(hist)) % hist_half(hist);
    return ((lead + 1) << shift) - 1;
}

static int hist_init(struct util_hist *hist, unsigned int sub_bits)
{
    struct util_hist made = {.sub_bits = sub_bits};

    made.buckets = util_malloc(hist_buckets(&made) * sizeof(*made.buckets));
    if (made.buckets == NULL)
        return -ENOMEM;
    *hist = made;
    util_hist_reset(hist);
    return 0;
}

int util_hist_init(struct util_hist *hist)
{
    return hist_init(hist, UTIL_HIST_SUB_BITS);
}

int util_hist_init_coarse(struct util_hist *hist)
{
    return hist_init(hist, UTIL_HIST_SUB_BITS_COARSE);
}

void util_hist_fini(struct util_hist *hist)
{
    if (hist == NULL)
        return;
    util_free(hist->buckets);
    hist->buckets = NULL;
}

void util_hist_reset(struct util_hist *hist)
{
    memset(hist->buckets, 0, hist_buckets(hist) * sizeof(*hist->buckets));
    hist->count = 0;
    hist->min_ns = UINT64_MAX;
    hist->max_ns = 0;
    hist->sum_ns = 0.0;
}

void util_hist_record_many(struct util_hist *hist, uint64_t value_ns, uint64_t weight)
{
    hist->buckets[bucket_of(hist, value_ns)] += weight;
    hist->count += weight;
    hist->sum_ns += (double)value_ns * (double)weight;
    if (value_ns < hist->min_ns)
        hist->min_ns = value_ns;
    if (value_ns > hist->max_ns)
        hist->max_ns = value_ns;
}

void util_hist_record(struct util_hist *hist, uint64_t value_ns)
{
    util_hist_record_many(hist, value_ns, 1);
}

void util_hist_merge(struct util_hist *dst, const struct util_hist *src)
{
    assert(dst->sub_bits == src->sub_bits);
    for (unsigned int i = 0; i < hist_buckets(dst); i++)
        dst->buckets[i] += src->buckets[i];
    dst->count += src->count;
    dst->sum_ns += src->sum_ns;
    if (src->min_ns < dst->min_ns)
        dst->min_ns = src->min_ns;
    if (src->max_ns > dst->max_ns)
        dst->max_ns = src->max_ns;
}

/* How many records make up `percent` of them: rounded up, at least one. The product is lowered by
 * what doubles err, or 7 % of 10000 would be 701. */
static uint64_t percentile_rank(uint64_t count, double percent)
{
    double exact = percent / 100.0 * (double)count * (1.0 - 1e-12);
    uint64_t rank;

    if (!(exact > 1.0))
        return 1;
    if (exact >= (double)count)
        return count;
    rank = (uint64_t)exact;
    return (double)rank < exact ? rank + 1 : rank;
}

uint64_t util_hist_percentile(const struct util_hist *hist, double percent, uint64_t *count_beyond)
{
    uint64_t seen = 0;
    uint64_t value_ns = 0;

    if (hist->count > 0) {
        uint64_t rank = percentile_rank(hist->count, percent);
        unsigned int bucket = 0;

        while ((seen += hist->buckets[bucket]) < rank)
            bucket++;
        value_ns = bucket == hist_buckets(hist) - 1U ? hist->max_ns : bucket_top(hist, bucket);
        if (value_ns > hist->max_ns)
            value_ns = hist->max_ns;
    }
    if (count_beyond != NULL)
        *count_beyond = hist->count - seen;
    return value_ns;
}

uint64_t util_hist_min(const struct util_hist *hist)
{
    return hist->count > 0 ? hist->min_ns : 0;
}

uint64_t util_hist_max(const struct util_hist *hist)
{
    return hist->max_ns;
}

double util_hist_mean(const struct util_hist *hist)
{
    return hist->count > 0 ? hist->sum_ns / (double)hist->count : 0.0;
}

uint64_t util_hist_count(const struct util_hist *hist)
{
    return hist->count;
}
