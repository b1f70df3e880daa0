/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Requests, over progress and trigger functions that the test controls.
 */
#include <criterion/criterion.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>

#include "mercury_request.h"
#include "tests/support/support_guard.h"
#include "util/util_clock.h"
#include "util/util_lock.h"

TestSuite(hg_request, .init = support_begin, .fini = support_end);

#define QUEUE_MAX 16

/* A queue of requests to be completed by trigger; progress waits for it to be filled. */
struct fake {
    struct util_lock lock;
    struct util_cond filled;
    hg_request_t *queue[QUEUE_MAX];
    unsigned int count;
    hg_request_t *nested;      /* waited for inside a callback */
    atomic_uint in_progress;   /* threads in progress now */
    atomic_uint most_progress; /* most of them ever */
    atomic_uint turns;
};

static void fake_push(struct fake *fake, hg_request_t *request)
{
    util_lock_take(&fake->lock);
    fake->queue[fake->count++] = request;
    util_cond_wake_all(&fake->filled);
    util_lock_drop(&fake->lock);
}

static int fake_progress(unsigned int timeout, void *arg)
{
    struct fake *fake = arg;
    unsigned int now = atomic_fetch_add(&fake->in_progress, 1) + 1;
    uint64_t until_ns = util_clock_deadline_ms(timeout);
    int rc = 0;

    if (now > atomic_load(&fake->most_progress))
        atomic_store(&fake->most_progress, now);
    atomic_fetch_add(&fake->turns, 1);
    util_lock_take(&fake->lock);
    while (fake->count == 0 && rc == 0)
        rc = util_cond_wait(&fake->filled, &fake->lock, until_ns);
    util_lock_drop(&fake->lock);
    atomic_fetch_sub(&fake->in_progress, 1);
    return rc == 0 ? HG_UTIL_SUCCESS : HG_UTIL_FAIL;
}

static int fake_trigger(unsigned int timeout, unsigned int *flag, void *arg)
{
    struct fake *fake = arg;
    hg_request_t *request = NULL;
    hg_request_t *nested = NULL;
    unsigned int done = 0;

    cr_assert_eq(timeout, 0U);
    util_lock_take(&fake->lock);
    if (fake->count > 0) {
        request = fake->queue[--fake->count];
        nested = fake->nested;
        fake->nested = NULL;
    }
    util_lock_drop(&fake->lock);
    *flag = request != NULL;
    if (nested != NULL) {
        fake_push(fake, nested);
        cr_assert_eq(hg_request_wait(nested, 10000, &done), HG_UTIL_SUCCESS);
        cr_assert_eq(done, 1U);
    }
    if (request != NULL)
        hg_request_complete(request);
    return HG_UTIL_SUCCESS;
}

static hg_request_class_t *fake_init(struct fake *fake)
{
    hg_request_class_t *class = NULL;

    memset(fake, 0, sizeof(*fake));
    util_lock_init(&fake->lock);
    util_cond_init(&fake->filled);
    class = hg_request_init(fake_progress, fake_trigger, fake);
    cr_assert_not_null(class);
    return class;
}

static void fake_fini(struct fake *fake, hg_request_class_t *class)
{
    void *arg = NULL;

    hg_request_finalize(class, &arg);
    cr_assert_eq(arg, (void *)fake);
    util_lock_fini(&fake->lock);
}

Test(hg_request, a_completed_request_is_not_waited_for)
{
    struct fake fake;
    hg_request_class_t *class = fake_init(&fake);
    hg_request_t *request = hg_request_create(class);
    unsigned int flag = 0;

    hg_request_complete(request);
    cr_assert_eq(hg_request_wait(request, UINT_MAX, &flag), HG_UTIL_SUCCESS);
    cr_assert_eq(flag, 1U);
    cr_assert_eq(atomic_load(&fake.turns), 0U);
    hg_request_reset(request);
    cr_assert_eq(hg_request_wait(request, 0, &flag), HG_UTIL_SUCCESS);
    cr_assert_eq(flag, 0U);
    cr_assert_eq(atomic_load(&fake.turns), 1U, "without a time-out, one turn is made");
    hg_request_destroy(request);
    fake_fini(&fake, class);
}

Test(hg_request, a_wait_ends_with_the_callback)
{
    struct fake fake;
    hg_request_class_t *class = fake_init(&fake);
    hg_request_t *request = hg_request_create(class);
    unsigned int flag = 0;

    fake_push(&fake, request);
    cr_assert_eq(hg_request_wait(request, UINT_MAX, &flag), HG_UTIL_SUCCESS);
    cr_assert_eq(flag, 1U);
    hg_request_destroy(request);
    fake_fini(&fake, class);
}

Test(hg_request, a_wait_ends_when_its_time_is_up)
{
    struct fake fake;
    hg_request_class_t *class = fake_init(&fake);
    hg_request_t *request = hg_request_create(class);
    uint64_t start_ns = util_clock_now_ns();
    unsigned int flag = 1;

    cr_assert_eq(hg_request_wait(request, 30, &flag), HG_UTIL_SUCCESS);
    cr_assert_eq(flag, 0U);
    cr_assert_geq(util_clock_now_ns() - start_ns, 30 * UTIL_CLOCK_NS_PER_MS);
    hg_request_destroy(request);
    fake_fini(&fake, class);
}

Test(hg_request, waitall_reports_all_of_them)
{
    struct fake fake;
    hg_request_class_t *class = fake_init(&fake);
    hg_request_t *requests[3];
    unsigned int flag = 1;

    for (unsigned int i = 0; i < 3; i++)
        requests[i] = hg_request_create(class);
    fake_push(&fake, requests[2]);
    cr_assert_eq(hg_request_waitall(3, requests, 20, &flag), HG_UTIL_SUCCESS);
    cr_assert_eq(flag, 0U, "the last one alone is not all");
    fake_push(&fake, requests[0]);
    fake_push(&fake, requests[1]);
    cr_assert_eq(hg_request_waitall(3, requests, 10000, &flag), HG_UTIL_SUCCESS);
    cr_assert_eq(flag, 1U);
    for (unsigned int i = 0; i < 3; i++)
        hg_request_destroy(requests[i]);
    fake_fini(&fake, class);
}

Test(hg_request, a_callback_may_wait_for_another_request)
{
    struct fake fake;
    hg_request_class_t *class = fake_init(&fake);
    hg_request_t *outer = hg_request_create(class);
    hg_request_t *inner = hg_request_create(class);
    unsigned int flag = 0;

    fake.nested = inner;
    fake_push(&fake, outer);
    cr_assert_eq(hg_request_wait(outer, 10000, &flag), HG_UTIL_SUCCESS);
    cr_assert_eq(flag, 1U);
    hg_request_destroy(outer);
    hg_request_destroy(inner);
    fake_fini(&fake, class);
}

struct waiter {
    pthread_t thread;
    hg_request_t *request;
    unsigned int flag;
};

static void *waiter_run(void *arg)
{
    struct waiter *waiter = arg;

    (void)hg_request_wait(waiter->request, UINT_MAX, &waiter->flag);
    return NULL;
}

Test(hg_request, many_waiters_share_one_thread_in_progress)
{
    struct fake fake;
    hg_request_class_t *class = fake_init(&fake);
    struct waiter waiters[8];

    for (unsigned int i = 0; i < 8; i++) {
        waiters[i].request = hg_request_create(class);
        waiters[i].flag = 0;
        cr_assert_eq(pthread_create(&waiters[i].thread, NULL, waiter_run, &waiters[i]), 0);
    }
    for (unsigned int i = 0; i < 7; i++)
        fake_push(&fake, waiters[i].request);
    /* The last one is completed from outside, by no callback of ours. */
    hg_request_complete(waiters[7].request);
    for (unsigned int i = 0; i < 8; i++) {
        cr_assert_eq(pthread_join(waiters[i].thread, NULL), 0);
        cr_assert_eq(waiters[i].flag, 1U);
        hg_request_destroy(waiters[i].request);
    }
    cr_assert_leq(atomic_load(&fake.most_progress), 1U);
    fake_fini(&fake, class);
}

Test(hg_request, data_and_bad_arguments)
{
    struct fake fake;
    hg_request_class_t *class = fake_init(&fake);
    hg_request_t *request = hg_request_create(class);
    hg_request_t *none[] = {NULL};
    unsigned int flag = 7;
    int mark = 0;

    cr_assert_null(hg_request_get_data(request));
    hg_request_set_data(request, &mark);
    cr_assert_eq(hg_request_get_data(request), (void *)&mark);
    cr_assert_null(hg_request_init(NULL, fake_trigger, NULL));
    cr_assert_null(hg_request_create(NULL));
    cr_assert_eq(hg_request_wait(NULL, 0, &flag), HG_UTIL_FAIL);
    cr_assert_eq(hg_request_waitall(1, none, 0, &flag), HG_UTIL_FAIL);
    cr_assert_eq(hg_request_waitall(-1, none, 0, &flag), HG_UTIL_FAIL);
    cr_assert_eq(flag, 7U);
    cr_assert_eq(hg_request_waitall(0, NULL, 0, &flag), HG_UTIL_SUCCESS);
    cr_assert_eq(flag, 1U);
    hg_request_destroy(request);
    hg_request_destroy(NULL);
    hg_request_finalize(NULL, NULL);
    fake_fini(&fake, class);
}
