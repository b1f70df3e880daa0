/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * The public log calls: what they switch, and where lines go.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mercury.h"
#include "tests/support/support_guard.h"
#include "tests/support/support_log.h"
#include "util/util_log.h"

TestSuite(log_api, .init = support_begin, .fini = support_end);

/* Streams that are none, as some programs pass them: they must come through untouched. */
#define ERROR_STREAM   ((FILE *)(uintptr_t)3)
#define WARNING_STREAM ((FILE *)(uintptr_t)5)
#define DEBUG_STREAM   ((FILE *)(uintptr_t)7)

static void catch_begin(void)
{
    support_log_forget();
    HG_Set_log_func(support_log_line);
    HG_Set_log_stream("error", ERROR_STREAM);
    HG_Set_log_stream("warning", WARNING_STREAM);
    HG_Set_log_stream("debug", DEBUG_STREAM);
}

static void catch_end(void)
{
    HG_Set_log_stream("error", NULL);
    HG_Set_log_stream("warning", NULL);
    HG_Set_log_stream("debug", NULL);
    HG_Set_log_func(NULL);
    HG_Set_log_level("error");
}

Test(log_api, each_level_goes_to_the_stream_set_for_it)
{
    catch_begin();
    HG_Set_log_level("debug");
    UTIL_LOG_ERROR(UTIL_LOG_AREA_RPC, "number %d", 1);
    cr_assert_eq((void *)support_log_stream(), (void *)ERROR_STREAM);
    cr_assert_not_null(strstr(support_log_text(), "number 1"));
    UTIL_LOG_FATAL(UTIL_LOG_AREA_RPC, "text");
    cr_assert_eq((void *)support_log_stream(), (void *)ERROR_STREAM);
    UTIL_LOG_WARNING(UTIL_LOG_AREA_RPC, "text");
    cr_assert_eq((void *)support_log_stream(), (void *)WARNING_STREAM);
    UTIL_LOG_INFO(UTIL_LOG_AREA_RPC, "text");
    cr_assert_eq((void *)support_log_stream(), (void *)DEBUG_STREAM);
    UTIL_LOG_DEBUG(UTIL_LOG_AREA_RPC, "text");
    cr_assert_eq((void *)support_log_stream(), (void *)DEBUG_STREAM);
    catch_end();
}

Test(log_api, the_level_decides_what_is_written)
{
    catch_begin();
    HG_Set_log_level("warning");
    UTIL_LOG_INFO(UTIL_LOG_AREA_RPC, "text");
    cr_assert_eq(support_log_count(), 0U);
    UTIL_LOG_WARNING(UTIL_LOG_AREA_RPC, "text");
    cr_assert_geq(support_log_count(), 1U);
    support_log_forget();
    HG_Set_log_level("none");
    UTIL_LOG_FATAL(UTIL_LOG_AREA_RPC, "text");
    cr_assert_eq(support_log_count(), 0U);
    catch_end();
}

Test(log_api, an_unknown_level_changes_nothing)
{
    catch_begin();
    HG_Set_log_level("warning");
    HG_Set_log_level("loud");
    HG_Set_log_level(NULL);
    cr_assert(util_log_enabled(UTIL_LOG_AREA_RPC, UTIL_LOG_LEVEL_WARNING));
    cr_assert_not(util_log_enabled(UTIL_LOG_AREA_RPC, UTIL_LOG_LEVEL_INFO));
    HG_Set_log_stream("loud", ERROR_STREAM);
    HG_Set_log_stream(NULL, ERROR_STREAM);
    catch_end();
}

/* Only at the start of the process, which the log's own constructor sees. */
Test(log_api, opening_a_class_does_not_undo_what_was_set)
{
    hg_class_t *hg_class;

    cr_assert_eq(setenv("HG_LOG_LEVEL", "debug", 1), 0);
    cr_assert_eq(setenv("HG_LOG_SUBSYS", "bulk", 1), 0);
    HG_Set_log_level("none");
    HG_Set_log_subsys("hg");
    hg_class = HG_Init("shm", false);
    cr_assert_not_null(hg_class);
    cr_assert_eq(util_log_get_level(), UTIL_LOG_LEVEL_NONE);
    cr_assert_eq(HG_Finalize(hg_class), HG_SUCCESS);
    HG_Set_log_level("error");
    cr_assert(util_log_enabled(UTIL_LOG_AREA_RPC, UTIL_LOG_LEVEL_ERROR));
    cr_assert_eq(unsetenv("HG_LOG_LEVEL"), 0);
    cr_assert_eq(unsetenv("HG_LOG_SUBSYS"), 0);
}

Test(log_api, the_environment_sets_level_and_areas_at_the_start)
{
    cr_assert_eq(setenv("HG_LOG_LEVEL", "info", 1), 0);
    cr_assert_eq(setenv("HG_LOG_SUBSYS", "bulk", 1), 0);
    util_log_init_from_env();
    cr_assert(util_log_enabled(UTIL_LOG_AREA_BULK, UTIL_LOG_LEVEL_INFO));
    cr_assert_not(util_log_enabled(UTIL_LOG_AREA_BULK, UTIL_LOG_LEVEL_DEBUG));
    cr_assert_not(util_log_enabled(UTIL_LOG_AREA_RPC, UTIL_LOG_LEVEL_ERROR));
    cr_assert_eq(unsetenv("HG_LOG_LEVEL"), 0);
    cr_assert_eq(unsetenv("HG_LOG_SUBSYS"), 0);
    HG_Set_log_subsys("hg");
    HG_Set_log_level("error");
}

Test(log_api, areas_are_chosen_by_name)
{
    catch_begin();
    HG_Set_log_level("info");
    HG_Set_log_subsys("bulk,rpc");
    cr_assert(util_log_enabled(UTIL_LOG_AREA_BULK, UTIL_LOG_LEVEL_INFO));
    cr_assert_not(util_log_enabled(UTIL_LOG_AREA_POLL, UTIL_LOG_LEVEL_INFO));
    HG_Set_log_subsys("hg");
    HG_Set_log_subsys("~rpc");
    cr_assert_not(util_log_enabled(UTIL_LOG_AREA_RPC, UTIL_LOG_LEVEL_INFO));
    cr_assert(util_log_enabled(UTIL_LOG_AREA_POLL, UTIL_LOG_LEVEL_INFO));
    HG_Set_log_subsys(NULL);
    HG_Set_log_subsys("hg");
    catch_end();
}
