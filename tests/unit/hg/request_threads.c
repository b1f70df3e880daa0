/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Many threads waiting for requests of one class at once, again and again: every wait ends, and what
 * the callback wrote is seen by the waiter. A plain program, so that it runs under ThreadSanitizer.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>

#include "mercury_request.h"
#include "tests/support/support_guard.h"

#define THREADS 4
#define ROUNDS  2000

/* A queue as in a context: filled by the waiters, seen by progress, then emptied by trigger. */
struct queue {
    pthread_mutex_t mutex;
    hg_request_t *requests[THREADS];
    unsigned int count;
    unsigned int ready; /* of them, seen by progress */
};

struct waiter {
    pthread_t thread;
    struct queue *queue;
    hg_request_class_t *class;
};

static int queue_progress(unsigned int timeout, void *arg)
{
    struct queue *queue = arg;
    struct timespec nap = {0, timeout > 0 ? 1000 : 0};
    unsigned int count = 0;

    (void)nanosleep(&nap, NULL);
    pthread_mutex_lock(&queue->mutex);
    count = queue->count;
    queue->ready = count;
    pthread_mutex_unlock(&queue->mutex);
    return count > 0 ? HG_UTIL_SUCCESS : HG_UTIL_FAIL;
}

static int queue_trigger(unsigned int timeout, unsigned int *flag, void *arg)
{
    struct queue *queue = arg;
    hg_request_t *request = NULL;

    (void)timeout;
    pthread_mutex_lock(&queue->mutex);
    if (queue->ready > 0) {
        queue->ready--;
        request = queue->requests[--queue->count];
    }
    pthread_mutex_unlock(&queue->mutex);
    *flag = request != NULL;
    if (request != NULL) {
        int *answer = hg_request_get_data(request);

        (*answer)++;
        hg_request_complete(request);
    }
    return HG_UTIL_SUCCESS;
}

static void *waiter_run(void *arg)
{
    struct waiter *waiter = arg;

    for (int round = 0; round < ROUNDS; round++) {
        hg_request_t *request = hg_request_create(waiter->class);
        unsigned int flag = 0;
        int answer = 41;

        SUPPORT_CHECK(request != NULL);
        hg_request_set_data(request, &answer);
        pthread_mutex_lock(&waiter->queue->mutex);
        waiter->queue->requests[waiter->queue->count++] = request;
        pthread_mutex_unlock(&waiter->queue->mutex);
        SUPPORT_CHECK(hg_request_wait(request, 30000, &flag) == HG_UTIL_SUCCESS);
        SUPPORT_CHECK(flag == 1);
        SUPPORT_CHECK(answer == 42);
        hg_request_destroy(request);
    }
    return NULL;
}

static int work(void)
{
    struct queue queue = {.mutex = PTHREAD_MUTEX_INITIALIZER};
    hg_request_class_t *class = hg_request_init(queue_progress, queue_trigger, &queue);
    struct waiter waiters[THREADS];

    SUPPORT_CHECK(class != NULL);
    for (int i = 0; i < THREADS; i++) {
        waiters[i].queue = &queue;
        waiters[i].class = class;
        SUPPORT_CHECK(pthread_create(&waiters[i].thread, NULL, waiter_run, &waiters[i]) == 0);
    }
    for (int i = 0; i < THREADS; i++)
        SUPPORT_CHECK(pthread_join(waiters[i].thread, NULL) == 0);
    hg_request_finalize(class, NULL);
    printf("%d waits by %d threads\n", ROUNDS * THREADS, THREADS);
    return 0;
}

SUPPORT_MAIN(work)
