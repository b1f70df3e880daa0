/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Hosts that do not answer when they are asked for their hardware address, as RDMA devices ask before they connect: that
 * of one which is not there is nobody else's trouble, and that of one whose answer is lost is asked for again.
 *
 *   hg_absent --role target URI PROVIDER
 *   hg_absent --role origin OWN ADDRESS ABSENT
 *
 * The target serves at URI until its input ends. The origin opens its class on OWN, calls the target at ADDRESS, and at
 * ABSENT, where nobody is. $LOSE and $FOUND are commands by which its packets get lost and arrive again.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/hg_pair.h"
#include "tests/support/hg_process.h"

/* libfabric gives up after 2 s; the kernel asks for the last time then, and then anew after 4 s. */
#define LOST_US    2500000U
#define CONNECT_US 12000000U
#define HELD_UP_US 1000000U
#define SLICE_MS   10U
#define US_PER_S   1e6

static void run(const char *name)
{
    const char *command = getenv(name);

    SUPPORT_CHECK(command != NULL && system(command) == 0);
}

static void origin_open(struct hg_pair *pair, const char *own, const char *address)
{
    memset(pair, 0, sizeof(*pair));
    (void)pthread_mutex_init(&pair->lock, NULL);
    support_suite_set_parameter(own);
    pair->origin.hg_class = hg_pair_try_init(own, false, NULL); /* it must work: nothing is skipped here */
    SUPPORT_CHECK(pair->origin.hg_class != NULL);
    pair->origin.contexts[0] = HG_Context_create(pair->origin.hg_class);
    SUPPORT_CHECK(pair->origin.contexts[0] != NULL);
    pair->origin.context_count = 1;
    hg_pair_register(pair, &pair->origin);
    HG_PAIR_OK(HG_Addr_lookup2(pair->origin.hg_class, address, &pair->addr));
}

static void origin_step(struct hg_pair *pair)
{
    (void)HG_Progress(pair->origin.contexts[0], SLICE_MS);
    (void)HG_Trigger(pair->origin.contexts[0], 0, 64, NULL);
}

/* The first call finds its target though the question where it is got lost. */
static void lost_question_is_asked_again(struct hg_pair *pair)
{
    uint64_t begin_us = support_suite_now_us();
    struct hg_pair_blob in = {0};
    struct hg_pair_call call;

    run("LOSE");
    hg_pair_call_start(pair, &call, HG_PAIR_ECHO, &in);
    while (support_suite_now_us() - begin_us < LOST_US)
        origin_step(pair);
    SUPPORT_CHECK(atomic_load(&call.calls) == 0);
    run("FOUND");
    HG_PAIR_FINISH(&call, HG_SUCCESS);
    printf("a target that could not be asked for %.1f s was reached after %.1f s\n", LOST_US / US_PER_S,
           (double)(support_suite_now_us() - begin_us) / US_PER_S);
}

/* Calls to the target go on while it is found out that the other is not there. */
static void absent_host_holds_up_nobody(struct hg_pair *pair, const char *absent)
{
    struct hg_pair to_absent = *pair;
    struct hg_pair_blob in = {0};
    struct hg_pair_call call;
    uint64_t begin_us = support_suite_now_us();
    uint64_t longest_us = 0;
    unsigned int good = 0;

    HG_PAIR_OK(HG_Addr_lookup2(pair->origin.hg_class, absent, &to_absent.addr));
    hg_pair_call_start(&to_absent, &call, HG_PAIR_ECHO, &in);
    while (atomic_load(&call.calls) == 0) {
        uint64_t call_us = support_suite_now_us();

        hg_pair_check_works(pair);
        good++;
        call_us = support_suite_now_us() - call_us;
        longest_us = call_us > longest_us ? call_us : longest_us;
        SUPPORT_CHECK(support_suite_now_us() - begin_us < CONNECT_US * support_slowness());
    }
    printf("a call to a host that is not there ended after %.1f s; of %u calls to another meanwhile the longest took "
           "%.0f ms\n",
           (double)(support_suite_now_us() - begin_us) / US_PER_S, good, (double)longest_us / 1e3);
    HG_PAIR_FINISH(&call, HG_HOSTUNREACH);
    SUPPORT_CHECK(good > 0 && longest_us < HELD_UP_US);
    HG_PAIR_OK(HG_Addr_free(pair->origin.hg_class, to_absent.addr));
}

/* A context may be closed meanwhile. */
static void absent_host_holds_up_no_end(struct hg_pair *pair, const char *absent)
{
    struct hg_pair to_absent = *pair;
    struct hg_pair_blob in = {0};
    struct hg_pair_call call;

    HG_PAIR_OK(HG_Addr_lookup2(pair->origin.hg_class, absent, &to_absent.addr));
    hg_pair_call_start(&to_absent, &call, HG_PAIR_ECHO, &in);
    origin_step(pair);
    HG_PAIR_OK(HG_Cancel(call.handle));
    HG_PAIR_FINISH(&call, HG_CANCELED);
    HG_PAIR_OK(HG_Addr_free(pair->origin.hg_class, to_absent.addr));
}

static int role_origin(const char *own, const char *address, const char *absent)
{
    static struct hg_pair pair;
    uint64_t begin_us;

    HG_Set_log_level("none");
    origin_open(&pair, own, address);
    lost_question_is_asked_again(&pair);
    absent_host_holds_up_nobody(&pair, absent);
    absent_host_holds_up_no_end(&pair, absent);
    begin_us = support_suite_now_us();
    hg_pair_close_origin(&pair);
    printf("the class closed after %.1f s\n", (double)(support_suite_now_us() - begin_us) / US_PER_S);
    SUPPORT_CHECK(support_suite_now_us() - begin_us < LOST_US * support_slowness());
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 5 && strcmp(argv[1], "--role") == 0 && strcmp(argv[2], "target") == 0) {
        support_suite_set_parameter(argv[4]);
        return hg_process_serve(argv[3]);
    }
    if (argc == 6 && strcmp(argv[1], "--role") == 0 && strcmp(argv[2], "origin") == 0)
        return role_origin(argv[3], argv[4], argv[5]);
    fprintf(stderr, "usage: hg_absent --role target URI PROVIDER | --role origin OWN ADDRESS ABSENT\n");
    return 1;
}
