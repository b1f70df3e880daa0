/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * A histogram of latencies with three significant digits over 1 ns to 18 minutes, in the manner of
 * HDR histograms: values up to 2047 ns are counted exactly, above that each doubling is cut into
 * 1024 equal buckets, so that a reported value is off by less than 0.1 %. Larger values count in
 * the last bucket, and min and max stay exact.
 *
 * About 250 KiB of counters, allocated by init. A coarse histogram has 16 buckets in each doubling above
 * 31 ns, so that it is off by up to 6 %, and takes 5 KiB. Recording is a shift and an increment. Not
 * thread-safe: each thread records into its own, and one merges them.
 */
#ifndef UTIL_HIST_H
#define UTIL_HIST_H

#include <stdint.h>

#define UTIL_HIST_SUB_BITS        11U /* 2^11 values below the first doubling */
#define UTIL_HIST_SUB_BITS_COARSE 5U
#define UTIL_HIST_MAX_BITS        40U /* values below 2^40 ns have buckets of their own */

struct util_hist {
    uint64_t *buckets; /* owned, as many as sub_bits says */
    unsigned int sub_bits;
    uint64_t count;
    uint64_t min_ns; /* UINT64_MAX while empty */
    uint64_t max_ns;
    double sum_ns;
};

/* Makes an empty histogram, fine or coarse: 0 or -ENOMEM. fini takes NULL and a zeroed one. */
int util_hist_init(struct util_hist *hist);
int util_hist_init_coarse(struct util_hist *hist);
void util_hist_fini(struct util_hist *hist);

/* Empties it. */
void util_hist_reset(struct util_hist *hist);

void util_hist_record(struct util_hist *hist, uint64_t value_ns);

/* Records a value that stands for `weight` of its like, such as one that was taken out of so many. */
void util_hist_record_many(struct util_hist *hist, uint64_t value_ns, uint64_t weight);

/* Adds the counts of `src` to `dst`, which is as fine. */
void util_hist_merge(struct util_hist *dst, const struct util_hist *src);

/* The value that `percent` (0 to 100) of the records do not exceed: the highest value of its
 * bucket, but not above the maximum; 0 when empty. *count_beyond, if not NULL, is the number of
 * records in higher buckets: what a tail percentile rests on. */
uint64_t util_hist_percentile(const struct util_hist *hist, double percent, uint64_t *count_beyond);

/* 0 when empty. */
uint64_t util_hist_min(const struct util_hist *hist);
uint64_t util_hist_max(const struct util_hist *hist);
double util_hist_mean(const struct util_hist *hist);
uint64_t util_hist_count(const struct util_hist *hist);

#endif /* UTIL_HIST_H */
