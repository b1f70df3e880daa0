/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * The contract of na.h, tried on one provider: na_contract PROTOCOL. What the contract leaves to
 * the transport is asked from na_limits, and nothing else distinguishes providers here.
 */
#include "tests/contract/na_contract.h"

#include <string.h>

#include "na/na.h"
#include "tests/support/support_guard.h"
#include "tests/support/support_suite.h"
#include "util/util_alloc.h"

/* Skips where the machine has no such provider, before a case forks children that could not say so. Opens nothing, since
 * those must be forked before that. */
static void probe(void)
{
    struct na_transport_info *list = NULL;
    size_t count = 0;
    bool usable = false;

    SUPPORT_CHECK(na_transport_list(support_suite_parameter(), &list, &count) == 0);
    for (size_t i = 0; i < count; i++)
        usable = usable || list[i].usable;
    util_free(list);
    if (!usable && strcmp(support_suite_parameter(), "tcp") != 0 && strcmp(support_suite_parameter(), "shm") != 0)
        support_suite_skip("the machine has no such provider");
}

int main(int argc, char **argv)
{
    static const struct support_case *const tables[] = {na_frames_cases, na_connect_cases, na_rma_cases,
                                                        na_flight_cases, na_wait_cases,    NULL};

    return support_suite_main(argc, argv, tables, probe);
}
