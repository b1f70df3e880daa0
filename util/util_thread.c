/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Starting threads of the library.
 */
#include "util/util_thread.h"

#include <signal.h>

int util_thread_start(pthread_t *thread, void *(*function)(void *arg), void *arg)
{
    sigset_t all;
    sigset_t before;
    int error;

    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_BLOCK, &all, &before);
    error = pthread_create(thread, NULL, function, arg);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return -error;
}
