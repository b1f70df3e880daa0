/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * The public calls that set up the log: names become levels and areas, the rest is util_log's.
 * They hold for the whole process, may come before any class exists, and from any thread.
 */
#include "mercury.h"
#include "mercury_log.h"

#include "hg/hg_error.h"
#include "util/util_log.h"

_Static_assert((int)HG_LOG_LEVEL_DEBUG == (int)UTIL_LOG_LEVEL_DEBUG && (int)HG_LOG_LEVEL_MAX == UTIL_LOG_LEVEL_COUNT,
               "public and internal log levels have the same values");

void HG_Set_log_level(const char *level)
{
    enum util_log_level parsed = UTIL_LOG_LEVEL_NONE;

    if (level == NULL || util_log_level_parse(level, &parsed) != 0) {
        (void)util_detail_set(0, "HG_Set_log_level: unknown level \"%s\"", level != NULL ? level : "(null)");
        UTIL_LOG_WARNING(UTIL_LOG_AREA_CLS, "unknown log level \"%s\" left as it was",
                         level != NULL ? level : "(null)");
        return;
    }
    util_log_set_level(parsed);
}

void HG_Set_log_subsys(const char *subsys)
{
    if (subsys == NULL || util_log_set_areas(subsys) != 0) {
        (void)util_detail_set(0, "HG_Set_log_subsys: unknown area in \"%s\"", subsys != NULL ? subsys : "(null)");
        UTIL_LOG_WARNING(UTIL_LOG_AREA_CLS, "unknown log area in \"%s\" skipped", subsys != NULL ? subsys : "(null)");
    }
}

void HG_Set_log_func(int (*log_func)(FILE *stream, const char *format, ...))
{
    util_log_set_func(log_func);
}

/* Mercury has a stream for errors, one for warnings and one for all that is more detailed. */
void HG_Set_log_stream(const char *level, FILE *stream)
{
    enum util_log_level parsed = UTIL_LOG_LEVEL_NONE;

    if (level == NULL || util_log_level_parse(level, &parsed) != 0 || parsed == UTIL_LOG_LEVEL_NONE) {
        (void)util_detail_set(0, "HG_Set_log_stream: no stream for level \"%s\"", level != NULL ? level : "(null)");
        return;
    }
    if (parsed <= UTIL_LOG_LEVEL_ERROR) {
        util_log_set_stream(UTIL_LOG_LEVEL_FATAL, stream);
        util_log_set_stream(UTIL_LOG_LEVEL_ERROR, stream);
        return;
    }
    if (parsed == UTIL_LOG_LEVEL_WARNING) {
        util_log_set_stream(UTIL_LOG_LEVEL_WARNING, stream);
        return;
    }
    for (enum util_log_level i = UTIL_LOG_LEVEL_MIN_DEBUG; i < UTIL_LOG_LEVEL_COUNT; i++)
        util_log_set_stream(i, stream);
}
