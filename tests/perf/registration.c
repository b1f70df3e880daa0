/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */

/*
 * What it costs to make memory known to the network and to take it back: HG_Bulk_create and HG_Bulk_free of one segment,
 * of memory that has been written to, in medians. Over RDMA devices its pages are pinned meanwhile (VmPin in
 * /proc/self/status): all of them must be given back.
 *
 *     registration PROVIDER
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/hg_pair.h"
#include "util/util_clock.h"

enum { ROUNDS = 15, SMALLEST = 4096, FACTOR = 16, SIZES = 4, ALIGNMENT = 4096 };

struct cost {
    uint64_t create_ns[ROUNDS];
    uint64_t free_ns[ROUNDS];
};

/* KiB that are pinned; 0 where the kernel does not say. */
static unsigned long pinned_kib(void)
{
    FILE *file = fopen("/proc/self/status", "r");
    unsigned long kib = 0;
    char line[200];

    SUPPORT_CHECK(file != NULL);
    while (fgets(line, sizeof(line), file) != NULL)
        if (sscanf(line, "VmPin: %lu kB", &kib) == 1)
            break;
    (void)fclose(file);
    return kib;
}

static int compare_times(const void *left, const void *right)
{
    const uint64_t *a = left, *b = right;

    return (*a > *b) - (*a < *b);
}

static double median_us(uint64_t times_ns[ROUNDS])
{
    qsort(times_ns, ROUNDS, sizeof(times_ns[0]), compare_times);
    return (double)times_ns[ROUNDS / 2] / (double)UTIL_CLOCK_NS_PER_US;
}

static void register_once(hg_class_t *hg_class, void *memory, size_t size, struct cost *cost, unsigned int round)
{
    hg_size_t length = size;
    uint64_t begin_ns = util_clock_now_ns();
    hg_bulk_t bulk;

    HG_PAIR_OK(HG_Bulk_create(hg_class, 1, &memory, &length, HG_BULK_READWRITE, &bulk));
    cost->create_ns[round] = util_clock_now_ns() - begin_ns;
    begin_ns = util_clock_now_ns();
    HG_PAIR_OK(HG_Bulk_free(bulk));
    cost->free_ns[round] = util_clock_now_ns() - begin_ns;
}

static void registrations_are_given_back(void)
{
    hg_class_t *hg_class = hg_pair_init(false, NULL);
    hg_context_t *context = HG_Context_create(hg_class);
    unsigned long before_kib;
    size_t size = SMALLEST;

    SUPPORT_CHECK(context != NULL);
    before_kib = pinned_kib();
    printf("# %12s %12s %12s\n", "bytes", "create us", "free us");
    for (unsigned int i = 0; i < SIZES; i++, size *= FACTOR) {
        void *memory = aligned_alloc(ALIGNMENT, size);
        struct cost cost;

        SUPPORT_CHECK(memory != NULL);
        memset(memory, 1, size);
        for (unsigned int round = 0; round < ROUNDS; round++)
            register_once(hg_class, memory, size, &cost, round);
        printf("# %12zu %12.1f %12.1f\n", size, median_us(cost.create_ns), median_us(cost.free_ns));
        SUPPORT_CHECK(pinned_kib() == before_kib);
        free(memory);
    }
    HG_PAIR_OK(HG_Context_destroy(context));
    HG_PAIR_OK(HG_Finalize(hg_class));
}

static const struct support_case cases[] = {
    {"registrations_are_given_back", registrations_are_given_back, 60},
    {NULL, NULL, 0},
};

int main(int argc, char **argv)
{
    static const struct support_case *const tables[] = {cases, NULL};

    return support_suite_main(argc, argv, tables, NULL);
}
