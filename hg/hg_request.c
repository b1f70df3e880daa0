/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Requests: a flag that a callback sets and a thread waits for, over any pair of progress and trigger
 * functions. It knows nothing of classes and contexts.
 *
 * Any number of threads may wait for requests of one class. All of them run callbacks; one at a time
 * makes progress, the others sleep on the class's condition until progress returns or a request is
 * completed. The user's functions are always called without the lock.
 *
 * A callback that another thread has taken from the queue and not yet finished cannot be seen: a
 * thread in progress would sleep although its request is about to be completed. So progress is
 * made in short turns while callbacks run elsewhere, and in turns of a tenth of a second otherwise,
 * for callbacks that are run without us.
 */
#include "mercury_request.h"

#include <limits.h>
#include <stddef.h>

#include "util/util_alloc.h"
#include "util/util_clock.h"
#include "util/util_detail.h"
#include "util/util_lock.h"

#define HG_REQUEST_TURN_MS      100 /* longest turn of progress */
#define HG_REQUEST_BUSY_TURN_MS 1   /* the same while other threads run callbacks */

struct hg_request_class {
    hg_request_progress_func_t progress;
    hg_request_trigger_func_t trigger;
    void *arg; /* the user's */

    struct util_lock lock; /* for all below */
    struct util_cond changed;
    bool in_progress;        /* a thread is in `progress` */
    unsigned int in_trigger; /* threads in `trigger` */
    unsigned int sleepers;   /* threads waiting for `changed` */
};

hg_request_class_t *hg_request_init(hg_request_progress_func_t progress, hg_request_trigger_func_t trigger, void *arg)
{
    hg_request_class_t *class = NULL;

    if (progress == NULL || trigger == NULL) {
        (void)util_detail_set(0, "hg_request_init: a progress and a trigger function are needed");
        return NULL;
    }
    class = util_calloc(1, sizeof(*class));
    if (class == NULL) {
        (void)util_detail_set(0, "hg_request_init: out of memory");
        return NULL;
    }
    class->progress = progress;
    class->trigger = trigger;
    class->arg = arg;
    util_lock_init(&class->lock);
    util_cond_init(&class->changed);
    return class;
}

void hg_request_finalize(hg_request_class_t *request_class, void **arg)
{
    if (request_class == NULL)
        return;
    if (arg != NULL)
        *arg = request_class->arg;
    util_lock_fini(&request_class->lock);
    util_free(request_class);
}

hg_request_t *hg_request_create(hg_request_class_t *request_class)
{
    hg_request_t *request = NULL;

    if (request_class == NULL) {
        (void)util_detail_set(0, "hg_request_create: no request class");
        return NULL;
    }
    request = util_calloc(1, sizeof(*request));
    if (request == NULL) {
        (void)util_detail_set(0, "hg_request_create: out of memory");
        return NULL;
    }
    request->request_class = request_class;
    return request;
}

void hg_request_destroy(hg_request_t *request)
{
    util_free(request);
}

void hg_request_reset(hg_request_t *request)
{
    __atomic_store_n(&request->completed, 0, __ATOMIC_RELEASE);
}

/* Acquire: what the callback wrote before it completed the request is visible to the waiter. */
static bool hg_request_completed(const hg_request_t *request)
{
    return __atomic_load_n(&request->completed, __ATOMIC_ACQUIRE) != 0;
}

void hg_request_complete(hg_request_t *request)
{
    /* The waiter may free the request as soon as the flag is set, so nothing of it is used after that. */
    hg_request_class_t *class = request->request_class;

    __atomic_store_n(&request->completed, 1, __ATOMIC_RELEASE);
    util_lock_take(&class->lock);
    if (class->sleepers > 0)
        util_cond_wake_all(&class->changed);
    util_lock_drop(&class->lock);
}

/* Runs callbacks until there are none, or the request is completed. Called and left with the lock. */
static void hg_request_trigger_locked(hg_request_class_t *class, const hg_request_t *request)
{
    unsigned int count = 0;
    int error = HG_UTIL_SUCCESS;

    class->in_trigger++;
    util_lock_drop(&class->lock);
    do {
        count = 0;
        error = class->trigger(0, &count, class->arg);
    } while (error == HG_UTIL_SUCCESS && count > 0 && !hg_request_completed(request));
    util_lock_take(&class->lock);
    class->in_trigger--;
}

/* Makes progress or waits for the thread that does, at most one turn and at most until the deadline.
 * Called and left with the lock. */
static void hg_request_turn_locked(hg_request_class_t *class, uint64_t deadline_ns)
{
    int turn_ms = class->in_trigger > 0 ? HG_REQUEST_BUSY_TURN_MS : HG_REQUEST_TURN_MS;
    int timeout_ms = util_clock_poll_ms(util_clock_now_ns(), deadline_ns, turn_ms);

    if (class->in_progress) {
        if (timeout_ms == 0)
            return;
        class->sleepers++;
        (void)util_cond_wait(&class->changed, &class->lock, util_clock_deadline_ms((uint64_t)timeout_ms));
        class->sleepers--;
        return;
    }
    class->in_progress = true;
    util_lock_drop(&class->lock);
    (void)class->progress((unsigned int)timeout_ms, class->arg);
    util_lock_take(&class->lock);
    class->in_progress = false;
    if (class->sleepers > 0)
        util_cond_wake_all(&class->changed);
}

/* Waits for one request; true when it is completed. At least one turn is made, however late it is. */
static bool hg_request_wait_until(hg_request_t *request, uint64_t deadline_ns)
{
    hg_request_class_t *class = request->request_class;
    bool turned = false;

    if (hg_request_completed(request))
        return true;
    util_lock_take(&class->lock);
    for (;;) {
        hg_request_trigger_locked(class, request);
        if (hg_request_completed(request) || (turned && util_clock_now_ns() >= deadline_ns))
            break;
        hg_request_turn_locked(class, deadline_ns);
        turned = true;
    }
    /* Whoever leaves may have been the one in progress: somebody else has to take over. */
    if (class->sleepers > 0)
        util_cond_wake_all(&class->changed);
    util_lock_drop(&class->lock);
    return hg_request_completed(request);
}

static uint64_t hg_request_deadline_ns(unsigned int timeout_ms)
{
    return timeout_ms == UINT_MAX ? UTIL_CLOCK_NEVER : util_clock_deadline_ms(timeout_ms);
}

int hg_request_wait(hg_request_t *request, unsigned int timeout, unsigned int *flag)
{
    return hg_request_waitall(1, &request, timeout, flag);
}

int hg_request_waitall(int count, hg_request_t *request[], unsigned int timeout, unsigned int *flag)
{
    uint64_t deadline_ns = 0;
    bool all = true;

    if (count < 0 || (count > 0 && request == NULL)) {
        (void)util_detail_set(0, "hg_request_wait: no requests");
        return HG_UTIL_FAIL;
    }
    for (int i = 0; i < count; i++) {
        if (request[i] == NULL) {
            (void)util_detail_set(0, "hg_request_wait: request %d is NULL", i);
            return HG_UTIL_FAIL;
        }
    }
    deadline_ns = hg_request_deadline_ns(timeout);
    for (int i = 0; i < count; i++) {
        if (!hg_request_wait_until(request[i], deadline_ns))
            all = false;
    }
    if (flag != NULL)
        *flag = all;
    return HG_UTIL_SUCCESS;
}

void hg_request_set_data(hg_request_t *request, void *data)
{
    request->data = data;
}

void *hg_request_get_data(hg_request_t *request)
{
    return request->data;
}
