/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * How much CPU a program uses that should use none. Measured three times, and the middle value counts: on a
 * shared machine the time in which the whole machine stood still is now and then booked on whoever ran just then.
 */
#ifndef SUPPORT_IDLE_H
#define SUPPORT_IDLE_H

#include <time.h>

/* Runs `round`, which is expected to sleep most of the time, over and over for half a second, three times. Prints what
 * it found, and fails the case when the time on `clock` (CLOCK_PROCESS_CPUTIME_ID or CLOCK_THREAD_CPUTIME_ID) is
 * more than this many percent of the time that went by, times support_slowness(). */
void support_idle_check(void (*round)(void *arg), void *arg, clockid_t clock, unsigned int percent);

#endif /* SUPPORT_IDLE_H */
