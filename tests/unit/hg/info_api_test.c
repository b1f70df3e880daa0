/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * The list of protocols under Mercury's names.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "mercury.h"
#include "quicksilver.h"
#include "tests/support/support_guard.h"

TestSuite(info_api, .init = support_begin, .fini = support_end);

/* How many entries an info string gives, and how many of them are of that class and protocol. */
struct tally {
    hg_return_t ret;
    unsigned int entries;
    unsigned int matches;
};

static struct tally count_entries(const char *info_string, const char *class_name, const char *protocol)
{
    struct na_protocol_info *list = NULL;
    struct tally tally = {.ret = HG_Get_na_protocol_info(info_string, &list)};

    for (const struct na_protocol_info *info = list; info != NULL; info = info->next) {
        tally.entries++;
        tally.matches += strcmp(info->class_name, class_name) == 0 && strcmp(info->protocol_name, protocol) == 0;
        cr_assert(info->device_name[0] != '\0');
    }
    HG_Free_na_protocol_info(list);
    return tally;
}

/* All entries of an info string are of this class and protocol, and there is one. */
static void check_only(const char *info_string, const char *class_name, const char *protocol)
{
    struct tally tally = count_entries(info_string, class_name, protocol);

    cr_assert_eq(tally.ret, HG_SUCCESS, "%s: %s", info_string, qs_error_detail());
    cr_assert(tally.entries > 0 && tally.entries == tally.matches, "%s", info_string);
}

Test(info_api, each_protocol_is_listed_under_the_name_that_it_was_asked_for)
{
    check_only("tcp", "ofi", "tcp");
    check_only("ofi+tcp", "ofi", "tcp");
    check_only("ofi+tcp://lo:7000", "ofi", "tcp");
    check_only("ofi+tcp;ofi_rxm", "ofi", "tcp;ofi_rxm");
    check_only("shm", "ofi", "shm");
    check_only("ofi+shm", "ofi", "shm");
    check_only("na+sm", "na", "sm");
    check_only("sm", "na", "sm");
}

Test(info_api, everything_has_all_names)
{
    for (unsigned int i = 0; i < 2; i++) {
        const char *info_string = i == 0 ? NULL : "";

        cr_assert(count_entries(info_string, "ofi", "tcp").matches > 0);
        cr_assert(count_entries(info_string, "ofi", "shm").matches > 0);
        cr_assert(count_entries(info_string, "na", "sm").matches > 0);
    }
}

Test(info_api, what_cannot_be_used_is_refused_with_the_reason)
{
    static const char *const unknown[] = {"no-such-provider", "ofi+no-such-provider", "ucx+tcp", "://"};
    struct na_protocol_info *list = NULL;

    for (unsigned int i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++) {
        cr_assert_eq(HG_Get_na_protocol_info(unknown[i], &list), HG_PROTONOSUPPORT, "%s", unknown[i]);
        cr_assert_null(list);
        cr_assert(qs_error_detail()[0] != '\0', "%s", unknown[i]);
    }
    cr_assert_eq(HG_Get_na_protocol_info("tcp", NULL), HG_INVALID_ARG);
}

Test(info_api, the_version_is_that_of_the_headers)
{
    unsigned int major = 0;
    unsigned int minor = 0;
    unsigned int patch = 99;

    cr_assert_eq(HG_Version_get(&major, &minor, &patch), HG_SUCCESS);
    cr_assert(major == HG_VERSION_MAJOR && minor == HG_VERSION_MINOR && patch == HG_VERSION_PATCH);
    cr_assert_eq(HG_Version_get(NULL, NULL, NULL), HG_SUCCESS);
    cr_assert(HG_VERSION_GE(HG_VERSION(major, minor), HG_VERSION(2, 4)));
}

/* It may be called at any time, also while classes are open. */
Test(info_api, cleanup_harms_nothing_that_is_in_use)
{
    hg_class_t *hg_class = HG_Init("shm", true);
    hg_context_t *context;

    cr_assert_not_null(hg_class);
    HG_Cleanup();
    context = HG_Context_create(hg_class);
    cr_assert_not_null(context);
    HG_Cleanup();
    cr_assert_eq(HG_Context_destroy(context), HG_SUCCESS);
    cr_assert_eq(HG_Finalize(hg_class), HG_SUCCESS);
    HG_Cleanup();
}
