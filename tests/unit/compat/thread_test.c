/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Promises of the headers mercury_thread*.h that one or two threads can show; locks_threads.c has the crowds.
 */
#include <criterion/criterion.h>
#include <pthread.h>

#include "mercury_queue.h"
#include "mercury_thread.h"
#include "mercury_thread_condition.h"
#include "mercury_thread_mutex.h"
#include "mercury_thread_pool.h"
#include "mercury_thread_rwlock.h"
#include "mercury_thread_spin.h"
#include "mercury_time.h"
#include "tests/support/support_guard.h"
#include "util/util_alloc.h"

TestSuite(compat_thread, .init = support_begin, .fini = support_end);

/* What the second thread is given, and finds out. */
struct visit {
    hg_thread_key_t key;
    hg_thread_t self;
    void *first; /* under the key, before it sets its own */
    void *own;   /* and after */
};

static HG_THREAD_RETURN_TYPE look_around(void *arg)
{
    struct visit *visit = arg;

    visit->self = hg_thread_self();
    visit->first = hg_thread_getspecific(visit->key);
    if (hg_thread_setspecific(visit->key, visit) == HG_UTIL_SUCCESS)
        visit->own = hg_thread_getspecific(visit->key);
    (void)hg_thread_yield();
    hg_thread_exit(NULL);
    return visit;
}

Test(compat_thread, has_an_identity_and_data_of_its_own)
{
    struct visit visit = {.first = &visit};
    hg_thread_t thread;

    hg_thread_init(&thread);
    cr_assert_eq(hg_thread_key_create(&visit.key), HG_UTIL_SUCCESS);
    cr_assert_eq(hg_thread_setspecific(visit.key, &thread), HG_UTIL_SUCCESS);
    cr_assert_eq(hg_thread_create(&thread, look_around, &visit), HG_UTIL_SUCCESS);
    cr_assert_eq(hg_thread_equal(thread, hg_thread_self()), 0);
    cr_assert_eq(hg_thread_join(thread), HG_UTIL_SUCCESS);
    cr_assert_neq(hg_thread_equal(visit.self, thread), 0);
    cr_assert_null(visit.first);
    cr_assert_eq(visit.own, &visit);
    cr_assert_eq(hg_thread_getspecific(visit.key), &thread);
    cr_assert_eq(hg_thread_key_delete(visit.key), HG_UTIL_SUCCESS);
}

static HG_THREAD_RETURN_TYPE wait_for_ever(void *arg)
{
    for (;;)
        (void)hg_time_sleep(hg_time_from_ms(1000)); /* a cancellation point */
    return arg;
}

Test(compat_thread, can_be_cancelled)
{
    hg_thread_t thread;

    cr_assert_eq(hg_thread_create(&thread, wait_for_ever, NULL), HG_UTIL_SUCCESS);
    cr_assert_eq(hg_thread_cancel(thread), HG_UTIL_SUCCESS);
    cr_assert_eq(hg_thread_join(thread), HG_UTIL_SUCCESS);
}

Test(compat_thread, runs_where_it_is_told_to)
{
    hg_cpu_set_t all;
    hg_cpu_set_t one;
    hg_cpu_set_t now;
    size_t cpu = 0;

    cr_assert_eq(hg_thread_getaffinity(hg_thread_self(), &all), HG_UTIL_SUCCESS);
    while (!CPU_ISSET(cpu, &all))
        cpu++;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    cr_assert_eq(hg_thread_setaffinity(hg_thread_self(), &one), HG_UTIL_SUCCESS);
    cr_assert_eq(hg_thread_getaffinity(hg_thread_self(), &now), HG_UTIL_SUCCESS);
    cr_assert(CPU_EQUAL(&one, &now));
    CPU_ZERO(&one);
    cr_assert_eq(hg_thread_setaffinity(hg_thread_self(), &one), HG_UTIL_FAIL, "it must run somewhere");
    cr_assert_eq(hg_thread_setaffinity(hg_thread_self(), &all), HG_UTIL_SUCCESS);
}

Test(compat_thread, held_locks_are_not_given_twice)
{
    static hg_thread_mutex_t made = HG_THREAD_MUTEX_INITIALIZER;
    hg_thread_mutex_t fast;
    hg_thread_spin_t spin;

    hg_thread_mutex_lock(&made);
    cr_assert_eq(hg_thread_mutex_try_lock(&made), HG_UTIL_FAIL);
    hg_thread_mutex_unlock(&made);
    cr_assert_eq(hg_thread_mutex_init_fast(&fast), HG_UTIL_SUCCESS);
    cr_assert_eq(hg_thread_mutex_try_lock(&fast), HG_UTIL_SUCCESS);
    cr_assert_eq(hg_thread_mutex_try_lock(&fast), HG_UTIL_FAIL);
    hg_thread_mutex_unlock(&fast);
    cr_assert_eq(hg_thread_mutex_destroy(&fast), HG_UTIL_SUCCESS);
    cr_assert_eq(hg_thread_spin_init(&spin), HG_UTIL_SUCCESS);
    cr_assert_eq(hg_thread_spin_try_lock(&spin), HG_UTIL_SUCCESS);
    cr_assert_eq(hg_thread_spin_try_lock(&spin), HG_UTIL_FAIL);
    hg_thread_spin_unlock(&spin);
    cr_assert_eq(hg_thread_spin_destroy(&spin), HG_UTIL_SUCCESS);
}

Test(compat_thread, readers_share_and_writers_do_not)
{
    hg_thread_rwlock_t lock;

    cr_assert_eq(hg_thread_rwlock_init(&lock), HG_UTIL_SUCCESS);
    hg_thread_rwlock_rdlock(&lock);
    cr_assert_eq(hg_thread_rwlock_try_rdlock(&lock), HG_UTIL_SUCCESS);
    cr_assert_eq(hg_thread_rwlock_try_wrlock(&lock), HG_UTIL_FAIL);
    hg_thread_rwlock_release_rdlock(&lock);
    hg_thread_rwlock_release_rdlock(&lock);
    cr_assert_eq(hg_thread_rwlock_try_wrlock(&lock), HG_UTIL_SUCCESS);
    cr_assert_eq(hg_thread_rwlock_try_rdlock(&lock), HG_UTIL_FAIL);
    hg_thread_rwlock_release_wrlock(&lock);
    cr_assert_eq(hg_thread_rwlock_destroy(&lock), HG_UTIL_SUCCESS);
}

Test(compat_thread, a_wait_that_nobody_ends_takes_its_time)
{
    hg_thread_mutex_t mutex;
    hg_thread_cond_t cond;
    hg_time_t before;
    hg_time_t after;

    cr_assert_eq(hg_thread_mutex_init(&mutex), HG_UTIL_SUCCESS);
    cr_assert_eq(hg_thread_cond_init(&cond), HG_UTIL_SUCCESS);
    hg_thread_mutex_lock(&mutex);
    (void)hg_time_get_current(&before);
    while (hg_thread_cond_timedwait(&cond, &mutex, 20) == HG_UTIL_SUCCESS) /* spurious */
        continue;
    (void)hg_time_get_current(&after);
    cr_assert_geq(hg_time_diff(after, before), 0.020);
    cr_assert_lt(hg_time_diff(after, before), 20.0, "milliseconds, not seconds");
    cr_assert_eq(hg_thread_mutex_try_lock(&mutex), HG_UTIL_FAIL, "it is locked again");
    hg_thread_mutex_unlock(&mutex);
    cr_assert_eq(hg_thread_cond_destroy(&cond), HG_UTIL_SUCCESS);
    cr_assert_eq(hg_thread_mutex_destroy(&mutex), HG_UTIL_SUCCESS);
}

Test(compat_thread, takes_no_nonsense)
{
    hg_thread_pool_t *pool = NULL;
    struct hg_thread_work work = {0};
    hg_thread_t thread;

    hg_thread_init(NULL);
    cr_assert_eq(hg_thread_create(NULL, look_around, NULL), HG_UTIL_FAIL);
    cr_assert_eq(hg_thread_create(&thread, NULL, NULL), HG_UTIL_FAIL);
    cr_assert_eq(hg_thread_key_create(NULL), HG_UTIL_FAIL);
    cr_assert_eq(hg_thread_getaffinity(hg_thread_self(), NULL), HG_UTIL_FAIL);
    cr_assert_eq(hg_thread_setaffinity(hg_thread_self(), NULL), HG_UTIL_FAIL);
    cr_assert_eq(hg_thread_mutex_init(NULL), HG_UTIL_FAIL);
    cr_assert_eq(hg_thread_mutex_init_fast(NULL), HG_UTIL_FAIL);
    cr_assert_eq(hg_thread_mutex_destroy(NULL), HG_UTIL_FAIL);
    cr_assert_eq(hg_thread_cond_init(NULL), HG_UTIL_FAIL);
    cr_assert_eq(hg_thread_cond_destroy(NULL), HG_UTIL_FAIL);
    cr_assert_eq(hg_thread_rwlock_init(NULL), HG_UTIL_FAIL);
    cr_assert_eq(hg_thread_rwlock_destroy(NULL), HG_UTIL_FAIL);
    cr_assert_eq(hg_thread_spin_init(NULL), HG_UTIL_FAIL);
    cr_assert_eq(hg_thread_spin_destroy(NULL), HG_UTIL_FAIL);
    cr_assert_eq(hg_thread_pool_init(0, &pool), HG_UTIL_FAIL);
    cr_assert_eq(hg_thread_pool_init(1, NULL), HG_UTIL_FAIL);
    util_alloc_fail_at(1);
    cr_assert_eq(hg_thread_pool_init(1, &pool), HG_UTIL_FAIL);
    util_alloc_fail_at(0);
    cr_assert_null(pool);
    cr_assert_eq(hg_thread_pool_post(NULL, &work), HG_UTIL_FAIL);
    cr_assert_eq(hg_thread_pool_destroy(NULL), HG_UTIL_SUCCESS);
    cr_assert_eq(hg_thread_pool_init(1, &pool), HG_UTIL_SUCCESS);
    cr_assert_eq(hg_thread_pool_post(pool, NULL), HG_UTIL_FAIL);
    cr_assert_eq(hg_thread_pool_post(pool, &work), HG_UTIL_FAIL, "no function");
    cr_assert_eq(hg_thread_pool_destroy(pool), HG_UTIL_SUCCESS);
}
