/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */

/**
 * \file mercury_log.h
 * The levels of the log and the type of a log function. The log is set up through HG_Set_log_level(),
 * HG_Set_log_subsys(), HG_Set_log_func() and HG_Set_log_stream() in mercury.h; log outlets of a program's own are not
 * provided.
 */

#ifndef MERCURY_LOG_H
#define MERCURY_LOG_H

#include "mercury_config.h"

#include <stdarg.h>
#include <stdio.h>

/** Level, name, other name, default stream; in order of growing detail. */
#define HG_LOG_LEVELS                                        \
    X(HG_LOG_LEVEL_NONE, "", "", NULL)                       \
    X(HG_LOG_LEVEL_FATAL, "fatal", "ftl", &stderr)           \
    X(HG_LOG_LEVEL_ERROR, "error", "err", &stderr)           \
    X(HG_LOG_LEVEL_WARNING, "warning", "warn", &stdout)      \
    X(HG_LOG_LEVEL_MIN_DEBUG, "min_debug", "trace", &stdout) \
    X(HG_LOG_LEVEL_INFO, "info", "inf", &stdout)             \
    X(HG_LOG_LEVEL_DEBUG, "debug", "dbg", &stdout)           \
    X(HG_LOG_LEVEL_MAX, "", "", NULL)

#define X(a, b, c, d) a,
enum hg_log_level { HG_LOG_LEVELS };
#undef X

/** Prints a log line; see HG_Set_log_func(). */
typedef int (*hg_log_func_t)(FILE *stream, const char *format, ...);

#endif /* MERCURY_LOG_H */
