/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Log lines, by level and area.
 *
 * A line belongs to one area and one level, and is written when the area's level is at least its
 * own; a line that is off costs one relaxed load. By default FATAL and ERROR are shown, on stderr.
 * The text is one line without its newline; the log adds level, area, file, line and function.
 *
 * Where lines go is the user's choice: a stream per level, or a function that is handed that stream
 * and never has it looked at by this library (programs pass things that are not streams). All
 * functions may be called by any thread; lines of two threads never mix.
 */
#ifndef UTIL_LOG_H
#define UTIL_LOG_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* Numbered as in Mercury: more is more verbose. */
enum util_log_level {
    UTIL_LOG_LEVEL_NONE,
    UTIL_LOG_LEVEL_FATAL,
    UTIL_LOG_LEVEL_ERROR,
    UTIL_LOG_LEVEL_WARNING,
    UTIL_LOG_LEVEL_MIN_DEBUG,
    UTIL_LOG_LEVEL_INFO,
    UTIL_LOG_LEVEL_DEBUG,
    UTIL_LOG_LEVEL_COUNT
};

/* The areas, named as Mercury names its subsystems where it has the same. */
enum util_log_area {
    UTIL_LOG_AREA_CLS,     /* classes: init and finalize */
    UTIL_LOG_AREA_CTX,     /* contexts */
    UTIL_LOG_AREA_ADDR,    /* addresses and their resolution */
    UTIL_LOG_AREA_RPC,     /* registration, handles, calls */
    UTIL_LOG_AREA_BULK,    /* bulk handles and transfers */
    UTIL_LOG_AREA_PROC,    /* encoding and decoding */
    UTIL_LOG_AREA_POLL,    /* progress and trigger */
    UTIL_LOG_AREA_SESSION, /* peers, flow control, liveness */
    UTIL_LOG_AREA_WIRE,    /* frames and messages as received */
    UTIL_LOG_AREA_NA,      /* the network abstraction */
    UTIL_LOG_AREA_OFI,     /* its libfabric transport */
    UTIL_LOG_AREA_PERF,    /* things that are slow rather than wrong */
    UTIL_LOG_AREA_DIAG,    /* counters and statistics */
    UTIL_LOG_AREA_COUNT
};

/* What receives a line, in the manner of fprintf. */
typedef int (*util_log_func)(FILE *stream, const char *format, ...);

/* Level of each area. Written through the functions below, read by util_log_enabled. */
extern atomic_uchar util_log_levels[UTIL_LOG_AREA_COUNT];

static inline bool util_log_enabled(enum util_log_area area, enum util_log_level level)
{
    /* Relaxed: a thread may see a new level a line late. */
    return atomic_load_explicit(&util_log_levels[area], memory_order_relaxed) >= (unsigned char)level;
}

/* Sets the level of all areas that are switched on, respectively of one area. */
void util_log_set_level(enum util_log_level level);
void util_log_set_area_level(enum util_log_area area, enum util_log_level level);

/* The level last set for all areas. */
enum util_log_level util_log_get_level(void);

/* Chooses areas from a list such as "rpc,bulk,~poll": those named log at the level in force, those
 * with ~ not at all, and areas not named are switched off unless only ~ names are given. "hg" and
 * "hg_all" stand for all areas, "na" for na and ofi. Gives 0, or -EINVAL for an unknown name, which
 * is skipped. */
int util_log_set_areas(const char *list);

/* Level by name ("error", "err", "debug", "dbg", ...): 0, or -EINVAL for an unknown one. */
int util_log_level_parse(const char *name, enum util_log_level *level);

/* Lines go to `func` from now on; NULL restores fprintf. */
void util_log_set_func(util_log_func func);

/* Lines of this level go to `stream`; NULL restores stderr. UTIL_LOG_LEVEL_NONE: of every level. */
void util_log_set_stream(enum util_log_level level, FILE *stream);

/* Takes the levels and areas from the environment: HG_LOG_LEVEL and HG_LOG_SUBSYS. */
void util_log_init_from_env(void);

/* Writes one line, whatever the levels are. Use the macros below. */
void util_log_write(enum util_log_area area, enum util_log_level level, const char *file, int line_number,
                    const char *func, const char *format, ...) __attribute__((format(printf, 6, 7), cold));

/* State of lines that are limited together, such as those of one call site; zeroed at first. */
struct util_log_limit {
    atomic_ullong window_ns; /* start of the current second; 0 before the first line */
    atomic_uint lines;       /* tried in this second */
    atomic_uint suppressed;  /* not written since the last line that was */
};

/* Whether a line may be written now: lines_max of them a second. On true, *suppressed is the number of
 * lines left out since the last one. Any thread. */
bool util_log_limit_pass(struct util_log_limit *limit, unsigned int lines_max, unsigned int *suppressed);

/* How many lines a call site of util_log_limited writes in a second. */
#define UTIL_LOG_LIMIT_LINES 5U

#define UTIL_LOG_AT(level, area, ...)                                                   \
    do {                                                                                \
        if (__builtin_expect(util_log_enabled((area), (level)), 0))                     \
            util_log_write((area), (level), __FILE__, __LINE__, __func__, __VA_ARGS__); \
    } while (0)

#define UTIL_LOG_FATAL(area, ...)     UTIL_LOG_AT(UTIL_LOG_LEVEL_FATAL, area, __VA_ARGS__)
#define UTIL_LOG_ERROR(area, ...)     UTIL_LOG_AT(UTIL_LOG_LEVEL_ERROR, area, __VA_ARGS__)
#define UTIL_LOG_WARNING(area, ...)   UTIL_LOG_AT(UTIL_LOG_LEVEL_WARNING, area, __VA_ARGS__)
#define UTIL_LOG_MIN_DEBUG(area, ...) UTIL_LOG_AT(UTIL_LOG_LEVEL_MIN_DEBUG, area, __VA_ARGS__)
#define UTIL_LOG_INFO(area, ...)      UTIL_LOG_AT(UTIL_LOG_LEVEL_INFO, area, __VA_ARGS__)
#define UTIL_LOG_DEBUG(area, ...)     UTIL_LOG_AT(UTIL_LOG_LEVEL_DEBUG, area, __VA_ARGS__)

/* For lines that a peer, or a broken network, could cause at any rate: each call site writes at
 * most UTIL_LOG_LIMIT_LINES of them a second, and says how many it left out. */
#define util_log_limited(level, area, ...)                                                                           \
    do {                                                                                                             \
        static struct util_log_limit limit_;                                                                         \
        unsigned int suppressed_ = 0;                                                                                \
        if (util_log_enabled((area), (level)) && util_log_limit_pass(&limit_, UTIL_LOG_LIMIT_LINES, &suppressed_)) { \
            util_log_write((area), (level), __FILE__, __LINE__, __func__, __VA_ARGS__);                              \
            if (suppressed_ > 0)                                                                                     \
                util_log_write((area), (level), __FILE__, __LINE__, __func__,                                        \
                               "%u more lines like this one were left out", suppressed_);                            \
        }                                                                                                            \
    } while (0)

#endif /* UTIL_LOG_H */
