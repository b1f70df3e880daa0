/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */

/*
 * A service under more load than it can bear. Its handlers hand each request to one of four workers, which take 2 ms for it
 * (asleep, so that the processor is no part of it); callers come at random times (Poisson), whether the ones before were answered
 * or not. With admission (qs_class_set_admission) the service refuses what it cannot do soon; what it takes in must be
 * answered about as fast as without load, and the service must be its old self as soon as the load is gone.
 *
 *     overload [URI [SECONDS [SLACK]]]    tcp://127.0.0.1, 1 second for each load, and 1 by default
 *
 * Prints a line for each load. The exit code is 0 when at three times what the service can do the 99th percentile of accepted calls
 * is at most twice that without load, nine tenths of the capacity is used, and calls are no longer refused within a second after the
 * overload. SLACK is for machines with other work: the first may be so many times more, the second so many times less.
 */

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "quicksilver.h"
#include "tests/support/support_guard.h"
#include "util/util_clock.h"
#include "util/util_rand.h"

enum {
    WORKERS = 4,
    SERVICE_US = 2000,
    /* Those that are worked on, and two that wait so that no worker is idle. */
    REQUESTS_MAX = WORKERS + 2,
    QUEUE_MAX = 8192,
    CALLS_MAX = 1 << 16,
    WINDOW_MS = 100,
    WINDOWS = 64,
    TRIES = 3, /* other processes may take the processor away */
    TEXT_MAX = 512,
};

static const double capacity = WORKERS * 1e6 / SERVICE_US; /* calls a second, at best */

/* --- the service ---------------------------------------------------------------------------------------------- */

static struct {
    hg_class_t *hg_class;
    hg_context_t *context;
    pthread_mutex_t lock; /* queue, first, count */
    pthread_cond_t cond;
    hg_handle_t queue[QUEUE_MAX];
    unsigned int first;
    unsigned int count;
    atomic_bool stop;
    pthread_t threads[WORKERS + 1];
} service = {.lock = PTHREAD_MUTEX_INITIALIZER, .cond = PTHREAD_COND_INITIALIZER};

static hg_return_t service_take(hg_handle_t handle)
{
    pthread_mutex_lock(&service.lock);
    SUPPORT_CHECK(service.count < QUEUE_MAX);
    service.queue[(service.first + service.count++) % QUEUE_MAX] = handle;
    pthread_cond_signal(&service.cond);
    pthread_mutex_unlock(&service.lock);
    return HG_SUCCESS;
}

static hg_handle_t service_next(void)
{
    hg_handle_t handle = HG_HANDLE_NULL;

    pthread_mutex_lock(&service.lock);
    while (service.count == 0 && !atomic_load(&service.stop))
        pthread_cond_wait(&service.cond, &service.lock);
    if (service.count > 0) {
        handle = service.queue[service.first];
        service.first = (service.first + 1) % QUEUE_MAX;
        service.count--;
    }
    pthread_mutex_unlock(&service.lock);
    return handle;
}

static void *service_work(void *arg)
{
    hg_handle_t handle;

    while ((handle = service_next()) != HG_HANDLE_NULL) {
        util_clock_sleep_ns(SERVICE_US * UTIL_CLOCK_NS_PER_US);
        SUPPORT_CHECK(HG_Respond(handle, NULL, NULL, NULL) == HG_SUCCESS);
        SUPPORT_CHECK(HG_Destroy(handle) == HG_SUCCESS);
    }
    return arg;
}

static void *service_progress(void *arg)
{
    while (!atomic_load(&service.stop)) {
        unsigned int count;

        if (HG_Progress(service.context, 50) == HG_SUCCESS)
            (void)HG_Trigger(service.context, 0, UINT32_MAX, &count);
    }
    return arg;
}

static void service_open(const char *uri)
{
    service.hg_class = HG_Init(uri, true);
    SUPPORT_CHECK(service.hg_class != NULL);
    service.context = HG_Context_create(service.hg_class);
    SUPPORT_CHECK(service.context != NULL);
    SUPPORT_CHECK(HG_Register_name(service.hg_class, "overload", NULL, NULL, service_take) != 0);
    SUPPORT_CHECK(pthread_create(&service.threads[WORKERS], NULL, service_progress, NULL) == 0);
    for (unsigned int i = 0; i < WORKERS; i++)
        SUPPORT_CHECK(pthread_create(&service.threads[i], NULL, service_work, NULL) == 0);
}

static void service_close(void)
{
    pthread_mutex_lock(&service.lock);
    atomic_store(&service.stop, true);
    pthread_cond_broadcast(&service.cond);
    pthread_mutex_unlock(&service.lock);
    for (unsigned int i = 0; i < WORKERS + 1; i++)
        SUPPORT_CHECK(pthread_join(service.threads[i], NULL) == 0);
    SUPPORT_CHECK(HG_Context_destroy(service.context) == HG_SUCCESS);
    SUPPORT_CHECK(HG_Finalize(service.hg_class) == HG_SUCCESS);
}

/* --- the callers ---------------------------------------------------------------------------------------------- */

static struct {
    hg_class_t *hg_class;
    hg_context_t *context;
    hg_addr_t addr;
    hg_id_t id;
    uint64_t pending;
    uint64_t refused;
    uint64_t phase_ns;            /* when the load began */
    uint64_t windows[WINDOWS][2]; /* calls that ended in each tenth of a second since: answered, refused */
    uint64_t count;               /* of latencies_ns */
    uint64_t latencies_ns[CALLS_MAX];
} callers;

static hg_return_t callers_answered(const struct hg_cb_info *info)
{
    uint64_t now_ns = util_clock_now_ns();
    hg_handle_t handle = info->info.forward.handle;

    uint64_t window = (now_ns - callers.phase_ns) / (WINDOW_MS * UTIL_CLOCK_NS_PER_MS);

    callers.pending--;
    callers.windows[window < WINDOWS ? window : WINDOWS - 1][info->ret != HG_SUCCESS]++;
    if (info->ret == HG_SUCCESS) {
        SUPPORT_CHECK(callers.count < CALLS_MAX);
        callers.latencies_ns[callers.count++] = now_ns - (uint64_t)(uintptr_t)info->arg;
    } else {
        SUPPORT_CHECK(info->ret == HG_AGAIN);
        callers.refused++;
    }
    return HG_Destroy(handle);
}

static void callers_open(const char *uri)
{
    char text[TEXT_MAX];
    hg_size_t size = sizeof(text);
    hg_addr_t self;

    callers.hg_class = HG_Init(uri, false);
    SUPPORT_CHECK(callers.hg_class != NULL);
    callers.context = HG_Context_create(callers.hg_class);
    SUPPORT_CHECK(callers.context != NULL);
    callers.id = HG_Register_name(callers.hg_class, "overload", NULL, NULL, NULL);
    SUPPORT_CHECK(HG_Addr_self(service.hg_class, &self) == HG_SUCCESS);
    SUPPORT_CHECK(HG_Addr_to_string(service.hg_class, text, &size, self) == HG_SUCCESS);
    SUPPORT_CHECK(HG_Addr_free(service.hg_class, self) == HG_SUCCESS);
    SUPPORT_CHECK(HG_Addr_lookup2(callers.hg_class, text, &callers.addr) == HG_SUCCESS);
}

static void callers_close(void)
{
    SUPPORT_CHECK(HG_Addr_free(callers.hg_class, callers.addr) == HG_SUCCESS);
    SUPPORT_CHECK(HG_Context_destroy(callers.context) == HG_SUCCESS);
    SUPPORT_CHECK(HG_Finalize(callers.hg_class) == HG_SUCCESS);
}

static void callers_turn(void)
{
    unsigned int count;

    if (HG_Progress(callers.context, 0) == HG_SUCCESS)
        (void)HG_Trigger(callers.context, 0, UINT32_MAX, &count);
}

static void callers_call(uint64_t now_ns)
{
    hg_handle_t handle;

    SUPPORT_CHECK(HG_Create(callers.context, callers.addr, callers.id, &handle) == HG_SUCCESS);
    SUPPORT_CHECK(HG_Forward(handle, callers_answered, (void *)(uintptr_t)now_ns, NULL) == HG_SUCCESS);
    callers.pending++;
}

/* The time to the next arrival of a Poisson process. */
static uint64_t callers_gap_ns(double rate)
{
    double uniform = ((double)(util_rand_u64() >> 11) + 1.0) / 9007199254740993.0; /* in (0, 1]: 53 bits */

    return (uint64_t)(-log(uniform) * 1e9 / rate);
}

/* Calls at so many times the capacity for so long. */
static void callers_load(double load, double seconds)
{
    uint64_t begin_ns = util_clock_now_ns();
    uint64_t end_ns = begin_ns + (uint64_t)(seconds * 1e9);
    uint64_t next_ns = begin_ns;
    uint64_t now_ns;

    callers.refused = 0;
    callers.count = 0;
    callers.phase_ns = begin_ns;
    memset(callers.windows, 0, sizeof(callers.windows));
    while ((now_ns = util_clock_now_ns()) < end_ns) {
        for (; next_ns <= now_ns; next_ns += callers_gap_ns(load * capacity))
            callers_call(next_ns); /* late calls wait from when they were due */
        callers_turn();
    }
}

static void callers_settle(void)
{
    while (callers.pending > 0)
        callers_turn();
}

/* --- what came of it ------------------------------------------------------------------------------------------ */

struct outcome {
    double answered; /* a second, of the capacity */
    double refused;  /* of the calls */
    double p50_ms;
    double p99_ms;
};

static int compare(const void *left, const void *right)
{
    const uint64_t *a = left, *b = right;

    return (*a > *b) - (*a < *b);
}

static double percentile_ms(unsigned int percent)
{
    return callers.count == 0 ? 0.0 : (double)callers.latencies_ns[(callers.count - 1) * percent / 100] / 1e6;
}

static struct outcome measure(const char *name, double load, double seconds)
{
    struct outcome outcome;

    callers_load(load, seconds);
    callers_settle();
    qsort(callers.latencies_ns, callers.count, sizeof(callers.latencies_ns[0]), compare);
    outcome.answered = (double)callers.count / seconds / capacity;
    outcome.refused = (double)callers.refused / (double)(callers.count + callers.refused);
    outcome.p50_ms = percentile_ms(50);
    outcome.p99_ms = percentile_ms(99);
    printf("%-14s %5.1f %9.2f %9.2f %9.2f %9.2f\n", name, load, outcome.answered, outcome.refused, outcome.p50_ms,
           outcome.p99_ms);
    return outcome;
}

/* How long after an overload more than a tenth of the calls is refused, in whole windows. */
static double measure_recovery_ms(void)
{
    unsigned int last = 0;

    callers_load(3.0, 0.5);
    callers_load(0.3, 1.5);
    callers_settle();
    for (unsigned int i = 0; i < WINDOWS; i++)
        if (callers.windows[i][1] * 9 > callers.windows[i][0])
            last = i + 1;
    printf("%u ms after an overload at most a tenth of the calls is refused\n", last * WINDOW_MS);
    return last * WINDOW_MS;
}

/* Whether the service kept its promise. */
static bool measure_admission(double seconds, double slack)
{
    struct outcome unloaded = measure("admission", 0.3, seconds);
    struct outcome overloaded;
    double reachable = SERVICE_US / (unloaded.p50_ms * 1000.0); /* a worker's time between two calls is no service */

    (void)measure("admission", 1.0, seconds);
    (void)measure("admission", 2.0, seconds);
    overloaded = measure("admission", 3.0, seconds);
    return measure_recovery_ms() < 1000.0 && overloaded.p99_ms <= slack * 2.0 * unloaded.p99_ms &&
           overloaded.answered >= 0.9 * reachable / slack;
}

int main(int argc, char **argv)
{
    const char *uri = argc > 1 ? argv[1] : "tcp://127.0.0.1";
    double seconds = argc > 2 ? strtod(argv[2], NULL) : 1.0;
    double slack = argc > 3 ? strtod(argv[3], NULL) : 1.0;
    struct qs_admission admission = {.requests_max = REQUESTS_MAX};
    bool good = false;

    support_begin();
    service_open(uri);
    callers_open(uri);
    printf("%-14s %5s %9s %9s %9s %9s\n", uri, "load", "answered", "refused", "p50 ms", "p99 ms");
    (void)measure("no limit", 0.3, seconds);
    (void)measure("no limit", 3.0, seconds / 2);
    SUPPORT_CHECK(qs_class_set_admission(service.hg_class, &admission) == HG_SUCCESS);
    for (unsigned int i = 0; i < TRIES && !good; i++)
        good = measure_admission(seconds, slack);
    callers_close();
    service_close();
    SUPPORT_CHECK(good);
    support_end();
    return 0;
}
