/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Names of endpoints: from info strings and addresses, and back.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "na/shm/shm_doorbell_hello.h"
#include "na/shm/shm_name.h"
#include "tests/support/support_guard.h"
#include "util/util_detail.h"

TestSuite(shm_name, .init = support_begin, .fini = support_end);

enum { LENGTH_MAX = NA_ADDRESS_MAX - 12 };

static void check_local(const char *text, const char *expected)
{
    char name[NA_ADDRESS_MAX];

    cr_assert_eq(shm_name_local(text, name), 0, "%s: %s", text, util_detail_get());
    cr_assert_str_eq(name, expected);
}

Test(shm_name, names_are_taken_from_all_spellings)
{
    check_local("shm://here", "here");
    check_local("na+sm://here", "here");
    check_local("ofi+shm://here", "here");
    check_local("shm://a/b:5", "a/b:5");
}

Test(shm_name, no_name_is_an_empty_one)
{
    check_local("shm", "");
    check_local("shm://", "");
    check_local("na+sm", "");
    check_local("na+sm://", "");
}

Test(shm_name, numbered_names_begin_with_the_process)
{
    char expected[NA_ADDRESS_MAX];
    char name[NA_ADDRESS_MAX];
    char address[NA_ADDRESS_MAX];

    shm_name_numbered(0, name);
    (void)snprintf(expected, sizeof(expected), "%d-0", (int)getpid());
    cr_assert_str_eq(name, expected);
    shm_name_numbered(UINT32_MAX, name);
    (void)snprintf(expected, sizeof(expected), "%d-4294967295", (int)getpid());
    cr_assert_str_eq(name, expected);
    shm_name_text(name, address);
    check_local(address, expected);
}

Test(shm_name, peers_need_a_name)
{
    char name[NA_ADDRESS_MAX] = "as it was";

    cr_assert_eq(shm_name_remote("shm://there", name), 0);
    cr_assert_str_eq(name, "there");
    cr_assert_eq(shm_name_remote("shm://", name), -EINVAL);
    cr_assert_eq(shm_name_remote("shm", name), -EINVAL);
    cr_assert_str_eq(name, "there");
}

Test(shm_name, what_is_no_name_is_refused_with_a_sentence)
{
    static const struct {
        const char *text;
        int error;
    } bad[] = {
        {"", -EINVAL},          {"://x", -EINVAL},     {"tcp://127.0.0.1:5", -EPROTONOSUPPORT},
        {"shm://a#1", -EINVAL}, {"shm://#", -EINVAL},  {"verbs", -EPROTONOSUPPORT},
        {"shm://a b", -EINVAL}, {"shm://\n", -EINVAL}, {"shm://\xc3\xa4", -EINVAL},
    };

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        char name[NA_ADDRESS_MAX] = "as it was";

        (void)util_detail_set(0, "%s", "");
        cr_assert_eq(shm_name_local(bad[i].text, name), bad[i].error, "'%s'", bad[i].text);
        cr_assert_str_neq(util_detail_get(), "");
        cr_assert_eq(shm_name_remote(bad[i].text, name), bad[i].error, "'%s'", bad[i].text);
        cr_assert_str_eq(name, "as it was");
    }
}

/* A name of so many letters, as an address. */
static void long_address(char *text, size_t length)
{
    memcpy(text, "shm://", 6);
    memset(text + 6, 'n', length);
    text[6 + length] = '\0';
}

Test(shm_name, longest_name_fits_everywhere_and_no_longer_one_is_taken)
{
    char text[2 * NA_ADDRESS_MAX];
    char name[NA_ADDRESS_MAX];
    char out[NA_ADDRESS_MAX];
    size_t length = 1;

    for (;; length++) {
        long_address(text, length);
        if (shm_name_local(text, name) != 0)
            break;
        cr_assert_eq(strlen(name), length);
        shm_name_text(name, out);
        cr_assert_str_eq(out, text);
        shm_name_of_context(name, 255, out);
        cr_assert_eq(strlen(out), length + 4);
        cr_assert_eq(shm_doorbell_hello_check_name(out), 0);
        shm_name_of_class(name, out);
        cr_assert_eq(strlen(out), length + 1);
    }
    cr_assert_gt(length, 200);
    cr_assert_eq(length, LENGTH_MAX + 1);
    for (; length < sizeof(text) - 7; length++) {
        long_address(text, length);
        cr_assert_eq(shm_name_local(text, name), -EINVAL);
        cr_assert_eq(shm_name_remote(text, name), -EINVAL);
    }
}

Test(shm_name, contexts_have_names_of_their_own)
{
    char names[256][NA_ADDRESS_MAX];
    char held[NA_ADDRESS_MAX];

    shm_name_of_class("here", held);
    for (unsigned int i = 0; i < 256; i++) {
        shm_name_of_context("here", (uint8_t)i, names[i]);
        for (unsigned int k = 0; k < i; k++)
            cr_assert_str_neq(names[i], names[k]);
        cr_assert_str_neq(names[i], held);
    }
    cr_assert_str_eq(names[0], "here");
    cr_assert_str_eq(names[1], "here#1");
    cr_assert_str_eq(names[255], "here#255");
}
