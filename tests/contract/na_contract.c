/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * The contract of na.h, tried on one provider: na_contract PROTOCOL. What the contract leaves to
 * the transport is asked from na_limits, and nothing else distinguishes providers here.
 */
#include "tests/contract/na_contract.h"

#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "na/na.h"
#include "tests/support/support_guard.h"
#include "tests/support/support_suite.h"
#include "util/util_alloc.h"

static bool usable_here(void)
{
    struct na_transport_info *list = NULL;
    size_t count = 0;
    bool usable = false;

    SUPPORT_CHECK(na_transport_list(support_suite_parameter(), &list, &count) == 0);
    for (size_t i = 0; i < count; i++)
        usable = usable || list[i].usable;
    util_free(list);
    return usable;
}

/* Skips where the machine has no such provider, before a case forks children that could not say so. Those must be forked
 * before anything is opened, which libfabric does with RDMA devices when it is asked: hence in a process of its own. */
static void probe(void)
{
    int status = 0;
    pid_t child = fork();
    bool usable;

    SUPPORT_CHECK(child >= 0);
    if (child == 0)
        _exit(usable_here() ? 0 : 1);
    SUPPORT_CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status));
    usable = WEXITSTATUS(status) == 0;
    if (!usable && strcmp(support_suite_parameter(), "tcp") != 0 && strcmp(support_suite_parameter(), "shm") != 0)
        support_suite_skip("the machine has no such provider");
}

int main(int argc, char **argv)
{
    static const struct support_case *const tables[] = {na_frames_cases, na_connect_cases, na_rma_cases,
                                                        na_flight_cases, na_wait_cases,    NULL};

    return support_suite_main(argc, argv, tables, probe);
}
