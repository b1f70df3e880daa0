/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Threads that the library starts for itself.
 */
#ifndef UTIL_THREAD_H
#define UTIL_THREAD_H

#include <pthread.h>

/* Starts a thread that takes no signals: they are for the user's. 0, or a negative error. The caller joins it. */
int util_thread_start(pthread_t *thread, void *(*function)(void *arg), void *arg);

#endif /* UTIL_THREAD_H */
