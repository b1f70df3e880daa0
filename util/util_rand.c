/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Unpredictable numbers, fetched from the kernel 32 at a time and kept per thread. After fork(2)
 * the child would hold a copy of its parent's stock, so a count of forks tells stale stock apart.
 */
#include "util/util_rand.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#define STOCK_NUMBERS 32U

struct rand_stock {
    uint64_t numbers[STOCK_NUMBERS];
    unsigned int left;
    unsigned int forks; /* fork_count when the stock was fetched */
};

static _Thread_local struct rand_stock stock;
/* NULL: the kernel's numbers. Relaxed suffices: a test swaps it while nothing else runs. */
static uint64_t (*_Atomic replacement)(void);
static atomic_uint fork_count = 1;
static pthread_once_t fork_once = PTHREAD_ONCE_INIT;

static void rand_forked(void)
{
    atomic_fetch_add_explicit(&fork_count, 1, memory_order_relaxed);
}

static void rand_watch_forks(void)
{
    (void)pthread_atfork(NULL, NULL, rand_forked);
}

static void rand_fetch(void)
{
    char *to = (char *)stock.numbers;
    size_t done = 0;

    (void)pthread_once(&fork_once, rand_watch_forks);
    while (done < sizeof(stock.numbers)) {
        ssize_t got = getrandom(to + done, sizeof(stock.numbers) - done, 0);

        if (got > 0) {
            done += (size_t)got;
        } else if (errno != EINTR) {
            perror("quicksilver: getrandom");
            abort();
        }
    }
    stock.left = STOCK_NUMBERS;
    stock.forks = atomic_load_explicit(&fork_count, memory_order_relaxed);
}

void util_rand_replace(uint64_t (*next)(void))
{
    atomic_store_explicit(&replacement, next, memory_order_relaxed);
}

uint64_t util_rand_u64(void)
{
    uint64_t (*next)(void) = atomic_load_explicit(&replacement, memory_order_relaxed);
    uint64_t number;

    if (__builtin_expect(next != NULL, 0))
        return next();

    /* Relaxed: the only thread of a forked child wrote the count itself. */
    if (stock.left == 0 || stock.forks != atomic_load_explicit(&fork_count, memory_order_relaxed))
        rand_fetch();
    number = stock.numbers[--stock.left];
    stock.numbers[stock.left] = 0; /* what was handed out as a key is not kept */
    return number;
}
