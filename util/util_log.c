/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * The log: one byte per area says how much of it is written. A line is put together on the stack
 * and handed over in one call, so no lock of the log is held while the user's function or a slow stream
 * works; whoever writes the line may hold others.
 */
#include "util/util_log.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "util/util_clock.h"

#define LINE_SIZE 1024U

#define DEFAULT_LEVEL UTIL_LOG_LEVEL_ERROR

static const char *const level_names[UTIL_LOG_LEVEL_COUNT][2] = {
    {"none", "none"},       {"fatal", "ftl"}, {"error", "err"}, {"warning", "warn"},
    {"min_debug", "trace"}, {"info", "inf"},  {"debug", "dbg"},
};

static const char *const area_names[UTIL_LOG_AREA_COUNT] = {
    "cls", "ctx", "addr", "rpc", "bulk", "proc", "poll", "session", "wire", "na", "ofi", "perf", "diag",
};

atomic_uchar util_log_levels[UTIL_LOG_AREA_COUNT] = {
    DEFAULT_LEVEL, DEFAULT_LEVEL, DEFAULT_LEVEL, DEFAULT_LEVEL, DEFAULT_LEVEL, DEFAULT_LEVEL, DEFAULT_LEVEL,
    DEFAULT_LEVEL, DEFAULT_LEVEL, DEFAULT_LEVEL, DEFAULT_LEVEL, DEFAULT_LEVEL, DEFAULT_LEVEL,
};

_Static_assert(UTIL_LOG_AREA_COUNT == 13, "a new area needs a name and a default level");

/* What the user chose; `mutex` makes each change whole. */
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static enum util_log_level chosen_level = DEFAULT_LEVEL;
static bool area_off[UTIL_LOG_AREA_COUNT];

/* Where lines go; NULL stands for fprintf and stderr. Acquire and release: what the user prepared
 * before the call is seen by the thread that writes. */
static int (*_Atomic sink_func)(FILE *stream, const char *format, ...);
static FILE *_Atomic sink_streams[UTIL_LOG_LEVEL_COUNT];

static void log_apply_locked(void)
{
    for (unsigned int i = 0; i < UTIL_LOG_AREA_COUNT; i++)
        atomic_store_explicit(&util_log_levels[i], (unsigned char)(area_off[i] ? UTIL_LOG_LEVEL_NONE : chosen_level),
                              memory_order_relaxed);
}

void util_log_set_level(enum util_log_level level)
{
    pthread_mutex_lock(&mutex);
    chosen_level = level;
    log_apply_locked();
    pthread_mutex_unlock(&mutex);
}

void util_log_set_area_level(enum util_log_area area, enum util_log_level level)
{
    atomic_store_explicit(&util_log_levels[area], (unsigned char)level, memory_order_relaxed);
}

enum util_log_level util_log_get_level(void)
{
    enum util_log_level level;

    pthread_mutex_lock(&mutex);
    level = chosen_level;
    pthread_mutex_unlock(&mutex);
    return level;
}

/* Whether a name from the user means an area: the area's own, or one that begins with it and an
 * underscore, as in Mercury's "rpc_ref" and "poll_loop". */
static bool area_matches(const char *name, size_t length, enum util_log_area area)
{
    const char *own = area_names[area];
    size_t own_length = strlen(own);

    if ((length == 2 && strncmp(name, "hg", 2) == 0) || (length == 6 && strncmp(name, "hg_all", 6) == 0) ||
        (length == 3 && strncmp(name, "all", 3) == 0))
        return true;
    if (area == UTIL_LOG_AREA_OFI && length == 2 && strncmp(name, "na", 2) == 0)
        return true;
    return length >= own_length && strncmp(name, own, own_length) == 0 &&
           (length == own_length || name[own_length] == '_');
}

/* Switches the areas of one name on or off; -EINVAL when it means none. */
static int areas_switch(const char *name, size_t length, bool *areas, bool value)
{
    int rc = -EINVAL;

    for (enum util_log_area area = 0; area < UTIL_LOG_AREA_COUNT; area++) {
        if (!area_matches(name, length, area))
            continue;
        areas[area] = value;
        rc = 0;
    }
    return rc;
}

int util_log_set_areas(const char *list)
{
    bool on[UTIL_LOG_AREA_COUNT] = {false};
    bool off[UTIL_LOG_AREA_COUNT] = {false};
    bool any_on = false;
    int rc = 0;

    while (*list != '\0') {
        size_t length = strcspn(list, ",");
        bool negated = *list == '~';

        if (length > (negated ? 1U : 0U) &&
            areas_switch(list + negated, length - negated, negated ? off : on, true) != 0)
            rc = -EINVAL;
        list += length;
        list += *list == ',' ? 1 : 0;
    }
    for (unsigned int i = 0; i < UTIL_LOG_AREA_COUNT; i++)
        any_on = any_on || on[i];
    pthread_mutex_lock(&mutex);
    for (unsigned int i = 0; i < UTIL_LOG_AREA_COUNT; i++)
        area_off[i] = off[i] || (any_on && !on[i]);
    log_apply_locked();
    pthread_mutex_unlock(&mutex);
    return rc;
}

int util_log_level_parse(const char *name, enum util_log_level *level)
{
    for (enum util_log_level i = UTIL_LOG_LEVEL_NONE; i < UTIL_LOG_LEVEL_COUNT; i++) {
        if (strcmp(name, level_names[i][0]) == 0 || strcmp(name, level_names[i][1]) == 0) {
            *level = i;
            return 0;
        }
    }
    return -EINVAL;
}

void util_log_set_func(util_log_func func)
{
    atomic_store_explicit(&sink_func, func, memory_order_release);
}

void util_log_set_stream(enum util_log_level level, FILE *stream)
{
    for (unsigned int i = 0; i < UTIL_LOG_LEVEL_COUNT; i++) {
        if (level == UTIL_LOG_LEVEL_NONE || level == i)
            atomic_store_explicit(&sink_streams[i], stream, memory_order_release);
    }
}

void util_log_init_from_env(void)
{
    const char *level_name = getenv("HG_LOG_LEVEL");
    const char *areas = getenv("HG_LOG_SUBSYS");
    enum util_log_level level;

    if (level_name != NULL && util_log_level_parse(level_name, &level) == 0)
        util_log_set_level(level);
    if (areas != NULL)
        (void)util_log_set_areas(areas);
}

/* As early as the library is loaded, so that the environment never overrides a call. */
__attribute__((constructor)) static void log_constructor(void)
{
    util_log_init_from_env();
}

static const char *file_base(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash == NULL ? path : slash + 1;
}

void util_log_write(enum util_log_area area, enum util_log_level level, const char *file, int line_number,
                    const char *func, const char *format, ...)
{
    util_log_func write = atomic_load_explicit(&sink_func, memory_order_acquire);
    FILE *stream = atomic_load_explicit(&sink_streams[level], memory_order_acquire);
    uint64_t now_us = util_clock_now_ns() / UTIL_CLOCK_NS_PER_US;
    int saved_errno = errno;
    char text[LINE_SIZE];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    if (write == NULL)
        write = fprintf;
    if (stream == NULL)
        stream = stderr;
    (void)write(stream, "[%llu.%06llu] quicksilver %s %s: %s:%d %s: %s\n", (unsigned long long)(now_us / 1000000U),
                (unsigned long long)(now_us % 1000000U), level_names[level][0], area_names[area], file_base(file),
                line_number, func, text);
    errno = saved_errno;
}

bool util_log_limit_pass(struct util_log_limit *limit, unsigned int lines_max, unsigned int *suppressed)
{
    uint64_t now_ns = util_clock_now_ns();
    unsigned long long window_ns = atomic_load_explicit(&limit->window_ns, memory_order_relaxed);

    /* Relaxed throughout: a race costs or spares a line, no more. */
    if (window_ns == 0 || now_ns - window_ns >= UTIL_CLOCK_NS_PER_S) {
        atomic_store_explicit(&limit->window_ns, now_ns > 0 ? now_ns : 1, memory_order_relaxed);
        atomic_store_explicit(&limit->lines, 0, memory_order_relaxed);
    }
    if (atomic_fetch_add_explicit(&limit->lines, 1, memory_order_relaxed) >= lines_max) {
        atomic_fetch_add_explicit(&limit->suppressed, 1, memory_order_relaxed);
        return false;
    }
    *suppressed = atomic_exchange_explicit(&limit->suppressed, 0, memory_order_relaxed);
    return true;
}
