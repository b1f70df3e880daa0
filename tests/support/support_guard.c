/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * The wrapper of every test: what was open before must be all that is open after, and the process
 * is put back as it was.
 */
#include "tests/support/support_guard.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/support/support_fds.h"
#include "util/util_alloc.h"
#include "util/util_clock.h"
#include "util/util_rand.h"

#if UTIL_ASAN
#include <sanitizer/lsan_interface.h>
#endif

#if defined(__SANITIZE_THREAD__)
#define SUPPORT_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define SUPPORT_TSAN 1
#else
#define SUPPORT_TSAN 0
#endif
#else
#define SUPPORT_TSAN 0
#endif

#if UTIL_ASAN

static int leaks_found(void)
{
    return __lsan_do_recoverable_leak_check();
}

#else

static int leaks_found(void)
{
    return 0;
}

#endif

static int fds_before;

void support_begin(void)
{
    /* The first use of stderr or of the log must not count as a leak, hence the count comes last. */
    fflush(NULL);
    fds_before = support_fds_count();
}

void support_end(void)
{
    int fds_after = support_fds_count();

    util_clock_replace(NULL);
    util_alloc_fail_at(0);
    if (fds_after > fds_before) {
        fprintf(stderr, "%d descriptors left open:\n", fds_after - fds_before);
        support_fds_print();
        abort();
    }
    if (leaks_found() != 0) {
        fprintf(stderr, "memory leaked, see above\n");
        abort();
    }
}

bool support_under_tsan(void)
{
    return SUPPORT_TSAN != 0;
}

unsigned int support_slowness(void)
{
    const char *text = getenv("SUPPORT_SLOWNESS");
    unsigned int machine = text != NULL ? (unsigned int)strtoul(text, NULL, 10) : 1;

    return (SUPPORT_TSAN ? 10 : UTIL_ASAN ? 4 : 1) * (machine > 0 ? machine : 1);
}

static uint64_t seed;

static void seed_choose(void)
{
    const char *text = getenv("SUPPORT_SEED");

    seed = text != NULL ? strtoull(text, NULL, 0) : util_rand_u64();
    if (seed == 0)
        seed = 1;
    fprintf(stderr, "SUPPORT_SEED=%#llx\n", (unsigned long long)seed);
}

uint64_t support_seed(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    (void)pthread_once(&once, seed_choose);
    return seed;
}

void support_check_failed(const char *file, int line, const char *condition)
{
    fprintf(stderr, "%s:%d: not true: %s\n", file, line, condition);
    fflush(stderr);
    abort();
}
