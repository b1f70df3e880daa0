/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Promises of util_json: what it writes is JSON, whatever the strings are, and a lack of memory is told once.
 */
#include <criterion/criterion.h>
#include <json-c/json.h>
#include <string.h>

#include "tests/support/support_guard.h"
#include "util/util_alloc.h"
#include "util/util_json.h"
#include "util/util_rand.h"

TestSuite(util_json, .init = support_begin, .fini = support_end);

/* Writes an array of one string, and reads it back with a parser that takes nothing but JSON in UTF-8. */
static struct json_object *through_parser(const char *string)
{
    struct json_tokener *tokener = json_tokener_new();
    struct json_object *root;
    struct util_json json;
    char *text;

    util_json_init(&json);
    util_json_array_begin(&json, NULL);
    util_json_string(&json, NULL, string);
    util_json_array_end(&json);
    text = util_json_take(&json);
    cr_assert_not_null(text);
    json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
    root = json_tokener_parse_ex(tokener, text, (int)strlen(text));
    cr_assert_not_null(root, "%s: %s", text, json_tokener_error_desc(json_tokener_get_error(tokener)));
    json_tokener_free(tokener);
    util_free(text);
    return root;
}

static void comes_back_as(const char *string, const char *expected)
{
    struct json_object *root = through_parser(string);
    struct json_object *back = json_object_array_get_idx(root, 0);

    cr_assert_str_eq(json_object_get_string(back), expected);
    json_object_put(root);
}

Test(util_json, values_stand_where_they_belong)
{
    struct util_json json;
    char *text;

    util_json_init(&json);
    util_json_object_begin(&json, NULL);
    util_json_string(&json, "name", "x");
    util_json_number(&json, "most", UINT64_MAX);
    util_json_thousandths(&json, "us", 1234005);
    util_json_thousandths(&json, "little", 7);
    util_json_array_begin(&json, "list");
    util_json_array_end(&json);
    util_json_array_begin(&json, "pairs");
    util_json_object_begin(&json, NULL);
    util_json_object_end(&json);
    util_json_number(&json, NULL, 1);
    util_json_array_end(&json);
    util_json_bool(&json, "yes", true);
    util_json_bool(&json, "no", false);
    util_json_null(&json, "nothing");
    util_json_object_end(&json);
    text = util_json_take(&json);
    cr_assert_str_eq(text, "{\"name\":\"x\",\"most\":18446744073709551615,\"us\":1234.005,\"little\":0.007,\"list\":[],"
                           "\"pairs\":[{},1],\"yes\":true,\"no\":false,\"nothing\":null}");
    util_free(text);
}

Test(util_json, strings_come_back_as_they_were)
{
    comes_back_as("", "");
    comes_back_as("plain", "plain");
    comes_back_as("\"quoted\" and \\ and /", "\"quoted\" and \\ and /");
    comes_back_as("line\nline\ttab\x01\x1f\x7f", "line\nline\ttab\x01\x1f\x7f");
    comes_back_as("\xc3\xa4 \xe2\x82\xac \xf0\x9f\x98\x80", "\xc3\xa4 \xe2\x82\xac \xf0\x9f\x98\x80");
}

Test(util_json, bytes_that_are_no_text_are_replaced)
{
    comes_back_as("a\xff", "a\xef\xbf\xbd");
    comes_back_as("\xc3", "\xef\xbf\xbd");                                                 /* cut off */
    comes_back_as("\xe2\x82z", "\xef\xbf\xbd\xef\xbf\xbdz");                               /* cut short */
    comes_back_as("\xc0\x80", "\xef\xbf\xbd\xef\xbf\xbd");                                 /* longer than need be */
    comes_back_as("\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");                 /* half of a pair */
    comes_back_as("\xf4\x90\x80\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"); /* beyond the last one */
}

Test(util_json, random_bytes_are_still_json)
{
    struct util_prng prng;

    util_prng_init(&prng, support_seed());
    for (unsigned int i = 0; i < 20000; i++) {
        char string[24] = "";
        size_t size = util_prng_below(&prng, sizeof(string));

        for (size_t j = 0; j < size; j++)
            string[j] = (char)(util_prng_below(&prng, 4) == 0 ? util_prng_below(&prng, 256)
                                                              : 0xe0U + util_prng_below(&prng, 32));
        json_object_put(through_parser(string));
    }
}

Test(util_json, lack_of_memory_gives_no_text)
{
    struct util_json json;

    util_json_init(&json);
    util_alloc_fail_at(1);
    util_json_object_begin(&json, NULL);
    util_alloc_fail_at(0);
    for (unsigned int i = 0; i < 10000; i++)
        util_json_number(&json, "key", i);
    util_json_object_end(&json);
    cr_assert_null(util_json_take(&json));
    /* It is empty again, and of use. */
    util_json_null(&json, NULL);
    util_json_fini(&json);
}
