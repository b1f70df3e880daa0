/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Promises of util_rand: no repeats, also across fork and threads; a seeded sequence that repeats.
 */
#include <criterion/criterion.h>
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/support_guard.h"
#include "util/util_rand.h"

TestSuite(util_rand, .init = support_begin, .fini = support_end);

Test(util_rand, numbers_do_not_repeat)
{
    uint64_t numbers[1000];

    for (int i = 0; i < 1000; i++) {
        numbers[i] = util_rand_u64();
        for (int k = 0; k < i; k++)
            cr_assert_neq(numbers[i], numbers[k]);
    }
}

Test(util_rand, forked_child_draws_other_numbers_than_its_parent)
{
    uint64_t parent;
    uint64_t child = 0;
    int pipe_fds[2];
    pid_t pid;

    (void)util_rand_u64();
    cr_assert_eq(pipe(pipe_fds), 0);
    pid = fork();
    if (pid == 0) {
        child = util_rand_u64();
        _exit(write(pipe_fds[1], &child, sizeof(child)) == sizeof(child) ? 0 : 1);
    }
    parent = util_rand_u64();
    cr_assert_eq(read(pipe_fds[0], &child, sizeof(child)), (ssize_t)sizeof(child));
    cr_assert_neq(parent, child);
    waitpid(pid, NULL, 0);
    close(pipe_fds[0]);
    close(pipe_fds[1]);
}

static void *draw(void *arg)
{
    uint64_t *number = arg;

    *number = util_rand_u64();
    return NULL;
}

Test(util_rand, threads_draw_different_numbers)
{
    pthread_t threads[4];
    uint64_t numbers[4];

    for (int i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, draw, &numbers[i]);
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        for (int k = 0; k < i; k++)
            cr_assert_neq(numbers[i], numbers[k]);
    }
}

Test(util_rand, seeded_sequence_repeats_and_matches_splitmix64)
{
    struct util_prng a;
    struct util_prng b;

    util_prng_init(&a, 1234567);
    util_prng_init(&b, 1234567);
    cr_assert_eq(util_prng_next(&a), UINT64_C(6457827717110365317), "the published first value of this seed");
    (void)util_prng_next(&b);
    for (int i = 0; i < 100; i++)
        cr_assert_eq(util_prng_next(&a), util_prng_next(&b));
}

Test(util_rand, below_stays_below_and_reaches_everything)
{
    struct util_prng prng;
    unsigned int counts[10] = {0};

    util_prng_init(&prng, support_seed());
    for (int i = 0; i < 10000; i++) {
        uint64_t number = util_prng_below(&prng, 10);

        cr_assert(number < 10);
        counts[number]++;
    }
    for (int i = 0; i < 10; i++)
        cr_assert(counts[i] > 700 && counts[i] < 1300);
    cr_assert_eq(util_prng_below(&prng, 1), 0);
}
