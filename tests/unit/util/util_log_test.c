/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Promises of util_log: what is shown at which level, where it goes, how it is limited.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "tests/support/support_guard.h"
#include "tests/support/support_log.h"
#include "util/util_clock.h"
#include "util/util_log.h"

static uint64_t fake_now_ns;

static uint64_t fake_clock(void)
{
    return fake_now_ns;
}

static void setup(void)
{
    support_begin();
    util_log_set_level(UTIL_LOG_LEVEL_ERROR);
    (void)util_log_set_areas("");
    util_log_set_func(support_log_line);
}

TestSuite(util_log, .init = setup, .fini = support_end);

Test(util_log, errors_are_shown_by_default_and_warnings_are_not)
{
    UTIL_LOG_FATAL(UTIL_LOG_AREA_CLS, "one");
    UTIL_LOG_ERROR(UTIL_LOG_AREA_RPC, "two %d", 2);
    UTIL_LOG_WARNING(UTIL_LOG_AREA_RPC, "three");
    UTIL_LOG_DEBUG(UTIL_LOG_AREA_RPC, "four");
    cr_assert_eq(support_log_count(), 2);
    cr_assert_not_null(strstr(support_log_text(), "quicksilver fatal cls: util_log_test.c:"));
    cr_assert_not_null(strstr(support_log_text(), ": two 2\n"));
}

Test(util_log, arguments_of_a_line_that_is_off_are_not_evaluated)
{
    int evaluated = 0;

    UTIL_LOG_DEBUG(UTIL_LOG_AREA_RPC, "%d", ++evaluated);
    cr_assert_eq(evaluated, 0);
}

Test(util_log, level_none_silences_everything)
{
    util_log_set_level(UTIL_LOG_LEVEL_NONE);
    UTIL_LOG_FATAL(UTIL_LOG_AREA_CLS, "one");
    cr_assert_eq(support_log_count(), 0);
}

Test(util_log, areas_can_be_named_and_excluded)
{
    cr_assert_eq(util_log_set_areas("rpc,na"), 0);
    cr_assert(util_log_enabled(UTIL_LOG_AREA_RPC, UTIL_LOG_LEVEL_ERROR));
    cr_assert(util_log_enabled(UTIL_LOG_AREA_OFI, UTIL_LOG_LEVEL_ERROR));
    cr_assert_not(util_log_enabled(UTIL_LOG_AREA_BULK, UTIL_LOG_LEVEL_FATAL));
    cr_assert_eq(util_log_set_areas("~poll"), 0);
    cr_assert(util_log_enabled(UTIL_LOG_AREA_BULK, UTIL_LOG_LEVEL_ERROR));
    cr_assert_not(util_log_enabled(UTIL_LOG_AREA_POLL, UTIL_LOG_LEVEL_FATAL));
    cr_assert_eq(util_log_set_areas("hg,~rpc_ref"), 0);
    cr_assert(util_log_enabled(UTIL_LOG_AREA_CLS, UTIL_LOG_LEVEL_ERROR));
    cr_assert_not(util_log_enabled(UTIL_LOG_AREA_RPC, UTIL_LOG_LEVEL_FATAL));
    cr_assert_eq(util_log_set_areas(",,nonsense,rpc"), -EINVAL);
    cr_assert(util_log_enabled(UTIL_LOG_AREA_RPC, UTIL_LOG_LEVEL_ERROR));
}

Test(util_log, level_of_one_area_stands_alone)
{
    util_log_set_area_level(UTIL_LOG_AREA_BULK, UTIL_LOG_LEVEL_DEBUG);
    cr_assert(util_log_enabled(UTIL_LOG_AREA_BULK, UTIL_LOG_LEVEL_DEBUG));
    cr_assert_not(util_log_enabled(UTIL_LOG_AREA_RPC, UTIL_LOG_LEVEL_WARNING));
    cr_assert_eq(util_log_get_level(), UTIL_LOG_LEVEL_ERROR);
}

Test(util_log, level_names_long_and_short)
{
    enum util_log_level level = UTIL_LOG_LEVEL_NONE;

    cr_assert_eq(util_log_level_parse("warn", &level), 0);
    cr_assert_eq(level, UTIL_LOG_LEVEL_WARNING);
    cr_assert_eq(util_log_level_parse("debug", &level), 0);
    cr_assert_eq(level, UTIL_LOG_LEVEL_DEBUG);
    cr_assert_eq(util_log_level_parse("loud", &level), -EINVAL);
    cr_assert_eq(level, UTIL_LOG_LEVEL_DEBUG);
}

Test(util_log, function_gets_the_stream_of_the_level_untouched)
{
    FILE *not_a_stream = (FILE *)(uintptr_t)7;

    util_log_set_stream(UTIL_LOG_LEVEL_ERROR, not_a_stream);
    UTIL_LOG_ERROR(UTIL_LOG_AREA_RPC, "x");
    cr_assert_eq(support_log_stream(), not_a_stream);
    UTIL_LOG_FATAL(UTIL_LOG_AREA_RPC, "x");
    cr_assert_eq(support_log_stream(), stderr);
    util_log_set_stream(UTIL_LOG_LEVEL_NONE, NULL);
}

Test(util_log, stream_without_function_gets_the_line)
{
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);

    util_log_set_func(NULL);
    util_log_set_stream(UTIL_LOG_LEVEL_ERROR, stream);
    UTIL_LOG_ERROR(UTIL_LOG_AREA_BULK, "into memory");
    util_log_set_stream(UTIL_LOG_LEVEL_NONE, NULL);
    fclose(stream);
    cr_assert_not_null(strstr(text, "into memory\n"));
    free(text);
}

Test(util_log, writing_keeps_errno)
{
    errno = EXDEV;
    UTIL_LOG_ERROR(UTIL_LOG_AREA_RPC, "x");
    cr_assert_eq(errno, EXDEV);
}

Test(util_log, overlong_line_is_cut)
{
    char big[5000];

    memset(big, 'x', sizeof(big) - 1);
    big[sizeof(big) - 1] = '\0';
    UTIL_LOG_ERROR(UTIL_LOG_AREA_RPC, "%s", big);
    cr_assert_eq(support_log_count(), 1);
    cr_assert(strlen(support_log_text()) < 1200);
}

static void limited_line(void)
{
    util_log_limited(UTIL_LOG_LEVEL_ERROR, UTIL_LOG_AREA_WIRE, "garbage");
}

Test(util_log, limited_call_site_writes_a_few_lines_a_second_and_counts_the_rest)
{
    fake_now_ns = 1;
    util_clock_replace(fake_clock);
    for (int i = 0; i < 100; i++)
        limited_line();
    cr_assert_eq(support_log_count(), UTIL_LOG_LIMIT_LINES);
    fake_now_ns += UTIL_CLOCK_NS_PER_S;
    limited_line();
    cr_assert_eq(support_log_count(), UTIL_LOG_LIMIT_LINES + 2);
    cr_assert_not_null(strstr(support_log_text(), "95 more lines"));
}

Test(util_log, limit_of_its_own_counts_lines_by_the_second)
{
    struct util_log_limit limits[2] = {{0}};
    unsigned int left_out = 9;

    fake_now_ns = 5 * UTIL_CLOCK_NS_PER_S;
    util_clock_replace(fake_clock);
    cr_assert(util_log_limit_pass(&limits[0], 1, &left_out));
    cr_assert_eq(left_out, 0);
    for (int i = 0; i < 3; i++)
        cr_assert_not(util_log_limit_pass(&limits[0], 1, &left_out));
    cr_assert(util_log_limit_pass(&limits[1], 1, &left_out), "the other one has not been used up");
    fake_now_ns += UTIL_CLOCK_NS_PER_S - 1;
    cr_assert_not(util_log_limit_pass(&limits[0], 1, &left_out));
    fake_now_ns += 1;
    cr_assert(util_log_limit_pass(&limits[0], 2, &left_out));
    cr_assert_eq(left_out, 4);
    cr_assert(util_log_limit_pass(&limits[0], 2, &left_out));
    cr_assert_eq(left_out, 0);
    cr_assert_not(util_log_limit_pass(&limits[0], 2, &left_out));
    util_clock_replace(NULL);
}
