/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */

/**
 * \file mercury_time.h
 * Times and lengths of time, in seconds and nanoseconds. The clock is monotonic: it counts from an arbitrary moment, and
 * never goes back. Any thread may call these functions.
 */

#ifndef MERCURY_TIME_H
#define MERCURY_TIME_H

#include "mercury_util_config.h"

#include <time.h>

typedef struct timespec hg_time_t;

/** Room for the text of hg_time_stamp(). */
#define HG_UTIL_STAMP_MAX 128

#ifdef __cplusplus
extern "C" {
#endif

/**
 * What time is it?
 *
 * \param tv [OUT] the time
 *
 * \return HG_UTIL_SUCCESS, or HG_UTIL_FAIL
 */
static HG_UTIL_INLINE int hg_time_get_current(hg_time_t *tv)
{
    return clock_gettime(CLOCK_MONOTONIC, tv) == 0 ? HG_UTIL_SUCCESS : HG_UTIL_FAIL;
}

/**
 * What time is it, to a few milliseconds? Cheaper than hg_time_get_current(), and never ahead of it.
 *
 * \param tv [OUT] the time
 *
 * \return HG_UTIL_SUCCESS, or HG_UTIL_FAIL
 */
static HG_UTIL_INLINE int hg_time_get_current_ms(hg_time_t *tv)
{
#ifdef CLOCK_MONOTONIC_COARSE
    return clock_gettime(CLOCK_MONOTONIC_COARSE, tv) == 0 ? HG_UTIL_SUCCESS : HG_UTIL_FAIL;
#else
    return hg_time_get_current(tv);
#endif
}

/** \return a time in seconds */
static HG_UTIL_INLINE double hg_time_to_double(hg_time_t tv)
{
    return (double)tv.tv_sec + (double)tv.tv_nsec * 1e-9;
}

/** \return a time that is given in seconds */
static HG_UTIL_INLINE hg_time_t hg_time_from_double(double d)
{
    hg_time_t tv;

    tv.tv_sec = (time_t)d;
    tv.tv_nsec = (long)((d - (double)tv.tv_sec) * 1e9);
    return tv;
}

/** \return a time in milliseconds, rounded up */
static HG_UTIL_INLINE unsigned int hg_time_to_ms(hg_time_t tv)
{
    return (unsigned int)(tv.tv_sec * 1000 + (tv.tv_nsec + 999999) / 1000000);
}

/** \return a time that is given in milliseconds */
static HG_UTIL_INLINE hg_time_t hg_time_from_ms(unsigned int ms)
{
    hg_time_t tv;

    tv.tv_sec = (time_t)(ms / 1000);
    tv.tv_nsec = (long)(ms % 1000) * 1000000L;
    return tv;
}

/** \return whether in1 is before in2 */
static HG_UTIL_INLINE bool hg_time_less(hg_time_t in1, hg_time_t in2)
{
    return in1.tv_sec < in2.tv_sec || (in1.tv_sec == in2.tv_sec && in1.tv_nsec < in2.tv_nsec);
}

/** \return in2 - in1, in seconds: the later time comes first */
static HG_UTIL_INLINE double hg_time_diff(hg_time_t in2, hg_time_t in1)
{
    return (double)(in2.tv_sec - in1.tv_sec) + (double)(in2.tv_nsec - in1.tv_nsec) * 1e-9;
}

/** \return in1 + in2 */
static HG_UTIL_INLINE hg_time_t hg_time_add(hg_time_t in1, hg_time_t in2)
{
    hg_time_t out;

    out.tv_sec = in1.tv_sec + in2.tv_sec;
    out.tv_nsec = in1.tv_nsec + in2.tv_nsec;
    if (out.tv_nsec >= 1000000000L) {
        out.tv_nsec -= 1000000000L;
        out.tv_sec++;
    }
    return out;
}

/** \return in1 - in2 */
static HG_UTIL_INLINE hg_time_t hg_time_subtract(hg_time_t in1, hg_time_t in2)
{
    hg_time_t out;

    out.tv_sec = in1.tv_sec - in2.tv_sec;
    out.tv_nsec = in1.tv_nsec - in2.tv_nsec;
    if (out.tv_nsec < 0) {
        out.tv_nsec += 1000000000L;
        out.tv_sec--;
    }
    return out;
}

/**
 * Sleep.
 *
 * \param rqt [IN] how long
 *
 * \return HG_UTIL_SUCCESS, or HG_UTIL_FAIL if a signal handler ran meanwhile
 */
static HG_UTIL_INLINE int hg_time_sleep(const hg_time_t rqt)
{
    return nanosleep(&rqt, NULL) == 0 ? HG_UTIL_SUCCESS : HG_UTIL_FAIL;
}

/**
 * Date and time of day, for people to read.
 *
 * \return a text that the calling thread's next call overwrites, or NULL
 */
static HG_UTIL_INLINE char *hg_time_stamp(void)
{
    static __thread char text[HG_UTIL_STAMP_MAX];
    time_t now = time(NULL);
    struct tm local;

    if (localtime_r(&now, &local) == NULL)
        return NULL;
    return strftime(text, sizeof(text), "%a, %d %b %Y %H:%M:%S %Z", &local) != 0 ? text : NULL;
}

#ifdef __cplusplus
}
#endif

#endif /* MERCURY_TIME_H */
