/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * The numbers that people type: what is taken, and that everything else is refused and named.
 */
#include "tools/tool_parse.h"

#include <criterion/criterion.h>
#include <string.h>

Test(tool_parse, sizes_take_powers_of_1024)
{
    static const struct {
        const char *text;
        uint64_t value;
    } good[] = {{"0", 0},
                {"64", 64},
                {"1k", 1024},
                {"64K", 65536},
                {"16M", 16U << 20},
                {"4G", UINT64_C(4) << 30},
                {"17179869183G", UINT64_C(17179869183) << 30}};
    uint64_t value;

    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        cr_assert(tool_parse_size(good[i].text, &value), "%s", good[i].text);
        cr_assert_eq(value, good[i].value, "%s", good[i].text);
    }
}

Test(tool_parse, bad_sizes_are_refused_and_leave_the_value)
{
    static const char *const bad[] = {
        "", "k", "-1", "+1", " 1", "1 ", "1q", "1kk", "1kB", "0x10", "1.5k", "18446744073709551616", "17179869184G"};
    uint64_t value = 42;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        cr_assert_not(tool_parse_size(bad[i], &value), "\"%s\"", bad[i]);
    cr_assert_eq(value, 42);
}

Test(tool_parse, a_list_names_its_first_bad_item)
{
    struct tool_list list = {.count = 9};
    const char *text = "64,1k,oops,2", *bad;

    cr_assert_not(tool_parse_list(text, 1, 4096, &list, &bad));
    cr_assert_eq(bad, text + 6);
    cr_assert_eq(list.count, 9, "a failed parse wrote");
    text = "64,,2";
    cr_assert_not(tool_parse_list(text, 1, 4096, &list, &bad));
    cr_assert_eq(bad, text + 3);
    text = "64,8k";
    cr_assert_not(tool_parse_list(text, 1, 4096, &list, &bad), "above the maximum");
    cr_assert_eq(bad, text + 3);
    cr_assert_not(tool_parse_list("", 1, 4096, &list, &bad));
}

Test(tool_parse, a_list_keeps_order_and_has_a_bound)
{
    struct tool_list list;
    char text[4 * TOOL_PARSE_LIST_MAX];
    const char *bad;

    cr_assert(tool_parse_list("64k,1,2M", 1, UINT64_MAX, &list, &bad));
    cr_assert_eq(list.count, 3);
    cr_assert_eq(list.values[0], 65536);
    cr_assert_eq(list.values[2], 2U << 20);
    for (unsigned int i = 0; i <= TOOL_PARSE_LIST_MAX; i++)
        memcpy(text + 2 * i, "1,", 2);
    text[2 * TOOL_PARSE_LIST_MAX - 1] = '\0';
    cr_assert(tool_parse_list(text, 1, 2, &list, &bad));
    text[2 * TOOL_PARSE_LIST_MAX - 1] = ',';
    text[2 * TOOL_PARSE_LIST_MAX + 1] = '\0';
    cr_assert_not(tool_parse_list(text, 1, 2, &list, &bad));
}

Test(tool_parse, durations_have_units)
{
    uint64_t ns;

    cr_assert(tool_parse_duration("2", &ns) && ns == UINT64_C(2000000000));
    cr_assert(tool_parse_duration("0.5", &ns) && ns == 500000000);
    cr_assert(tool_parse_duration("300ms", &ns) && ns == 300000000);
    cr_assert(tool_parse_duration("1m", &ns) && ns == UINT64_C(60000000000));
    cr_assert_not(tool_parse_duration("1h", &ns));
    cr_assert_not(tool_parse_duration("-1", &ns));
    cr_assert_not(tool_parse_duration("", &ns));
    cr_assert_not(tool_parse_duration("nan", &ns));
    cr_assert_not(tool_parse_duration("1e99", &ns));
}

Test(tool_parse, sizes_are_shown_as_they_would_be_typed)
{
    char buf[32];

    cr_assert_str_eq(tool_parse_show_size(0, buf, sizeof(buf)), "0");
    cr_assert_str_eq(tool_parse_show_size(1024, buf, sizeof(buf)), "1k");
    cr_assert_str_eq(tool_parse_show_size(1500, buf, sizeof(buf)), "1500");
    cr_assert_str_eq(tool_parse_show_size(16U << 20, buf, sizeof(buf)), "16M");
    cr_assert_str_eq(tool_parse_show_size(UINT64_C(3) << 30, buf, sizeof(buf)), "3G");
}
