/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * See bench_watch.h. The thread sleeps 100 ms at a time, so it costs nothing that a measurement
 * could see, and it keeps its own clock: it may not rely on anything the stuck thread holds.
 */
#include "tools/bench_watch.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LOOK_NS   100000000L
#define EXIT_FAIL 2

static pthread_t watcher;
static bool started;
static atomic_uint_fast64_t beats; /* written by the main thread, read by the watcher; relaxed,
                                    * as only change matters */
static atomic_uint_fast64_t limit;
static _Atomic(const char *) phase_name;
static atomic_int child_pid;
static atomic_bool stopping;

static void give_up(uint64_t waited_ns)
{
    char text[256];
    int pid = atomic_load(&child_pid);
    int length = snprintf(text, sizeof(text), "\nhg_bench: gave up: %s did not come back for %.1f s\n",
                          atomic_load(&phase_name), (double)waited_ns / 1e9);

    if (length > 0)
        (void)!write(STDERR_FILENO, text, strlen(text));
    if (pid > 0)
        (void)kill(pid, SIGKILL);
    _exit(EXIT_FAIL);
}

static void *watch(void *arg)
{
    uint64_t seen = 0, still_ns = 0;

    (void)arg;
    while (!atomic_load(&stopping)) {
        struct timespec pause = {.tv_nsec = LOOK_NS};
        uint64_t now = atomic_load_explicit(&beats, memory_order_relaxed);

        still_ns = now == seen ? still_ns + (uint64_t)LOOK_NS : 0;
        seen = now;
        if (still_ns > atomic_load(&limit))
            give_up(still_ns);
        (void)nanosleep(&pause, NULL);
    }
    return NULL;
}

void bench_watch_start(uint64_t limit_ns, const char *phase)
{
    sigset_t all, before;

    atomic_store(&limit, limit_ns);
    bench_watch_phase(phase);
    if (started)
        return;
    atomic_store(&stopping, false);
    /* Signals are for the main thread, which ends its loop on them. */
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_BLOCK, &all, &before);
    started = pthread_create(&watcher, NULL, watch, NULL) == 0;
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
}

void bench_watch_phase(const char *phase)
{
    atomic_store(&phase_name, phase);
    bench_watch_beat();
}

void bench_watch_beat(void)
{
    uint64_t now = atomic_load_explicit(&beats, memory_order_relaxed);

    atomic_store_explicit(&beats, now + 1, memory_order_relaxed);
}

void bench_watch_child(pid_t pid)
{
    atomic_store(&child_pid, (int)pid);
}

void bench_watch_stop(void)
{
    if (!started)
        return;
    atomic_store(&stopping, true);
    (void)pthread_join(watcher, NULL);
    started = false;
}
