/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * See net_load.h. The side of the target: counts each call in the ledger before anything else, and answers, at once or later. It
 * serves until its stdin ends.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "tests/fault/net_load.h"
#include "tests/fault/net_rpc.h"
#include "util/util_clock.h"

enum { HELD_MAX = 8192, TURN_MS = 5 };

struct serve_held {
    hg_handle_t handle;
    uint64_t number;
    uint64_t due_ns;
};

static struct {
    struct bench_fault_ledger ledger;
    uint64_t hold_ns;
    struct serve_held held[HELD_MAX]; /* a ring; the oldest is at `first` */
    unsigned int first;
    unsigned int count;
    unsigned int count_max;
} serve;

static void answer(hg_handle_t handle, uint64_t number)
{
    struct hg_pair_blob out;

    net_rpc_fill(&out, number, BENCH_FAULT_ANSWER);
    (void)HG_Respond(handle, NULL, NULL, &out);
    (void)HG_Destroy(handle);
}

static hg_return_t handle_call(hg_handle_t handle)
{
    struct hg_pair_blob in = {0};
    uint64_t number;

    HG_PAIR_OK(HG_Get_input(handle, &in));
    number = bench_fault_body_number(in.data, in.size);
    bench_fault_ledger_count(&serve.ledger, number);
    if (!net_rpc_is_filled(&in, number, BENCH_FAULT_REQUEST))
        bench_fault_ledger_count_wrong(&serve.ledger);
    HG_PAIR_OK(HG_Free_input(handle, &in));
    if (serve.hold_ns == 0) {
        answer(handle, number);
        return HG_SUCCESS;
    }
    SUPPORT_CHECK(serve.count < HELD_MAX);
    serve.held[(serve.first + serve.count++) % HELD_MAX] =
        (struct serve_held){.handle = handle, .number = number, .due_ns = util_clock_now_ns() + serve.hold_ns};
    if (serve.count > serve.count_max)
        serve.count_max = serve.count;
    return HG_SUCCESS;
}

/* Of those that are not in the ledger. */
static hg_return_t handle_stranger(hg_handle_t handle)
{
    (void)HG_Respond(handle, NULL, NULL, NULL);
    return HG_Destroy(handle);
}

static void answer_due(bool all)
{
    while (serve.count > 0 && (all || serve.held[serve.first].due_ns <= util_clock_now_ns())) {
        const struct serve_held *held = &serve.held[serve.first];

        serve.first = (serve.first + 1) % HELD_MAX;
        serve.count--;
        answer(held->handle, held->number);
    }
}

static void limit_files(unsigned long count)
{
    const struct rlimit limit = {.rlim_cur = count, .rlim_max = count};

    SUPPORT_CHECK(count == 0 || setrlimit(RLIMIT_NOFILE, &limit) == 0);
}

static hg_class_t *serve_open(char **argv, hg_context_t **context)
{
    struct qs_admission admission = {.requests_max = (uint32_t)strtoul(argv[2], NULL, 10)};
    hg_id_t ids[BENCH_FAULT_METHODS];
    hg_class_t *hg_class;

    SUPPORT_CHECK(bench_fault_ledger_open(&serve.ledger, NET_RPC_LEDGER_FD));
    serve.hold_ns = strtoull(argv[1], NULL, 10) * UTIL_CLOCK_NS_PER_US;
    limit_files(strtoul(argv[3], NULL, 10));
    hg_class = HG_Init(argv[0], true);
    if (hg_class == NULL)
        support_suite_fail("HG_Init(%s): %s", argv[0], qs_error_detail());
    HG_PAIR_OK(qs_class_set_admission(hg_class, &admission));
    net_rpc_register(hg_class, handle_call, ids);
    SUPPORT_CHECK(HG_Register_name(hg_class, "nobody's", NULL, NULL, handle_stranger) != 0);
    *context = HG_Context_create(hg_class);
    SUPPORT_CHECK(*context != NULL);
    return hg_class;
}

int net_load_serve(char **argv)
{
    struct pollfd in = {.fd = 0, .events = POLLIN};
    struct qs_counters counters;
    char text[HG_PAIR_TEXT];
    hg_context_t *context;
    hg_class_t *hg_class = serve_open(argv, &context);

    hg_pair_address(hg_class, text);
    printf("%s\n", text);
    (void)fflush(stdout);
    while (poll(&in, 1, 0) == 0 || errno == EINTR) {
        errno = 0;
        (void)HG_Progress(context, TURN_MS);
        (void)HG_Trigger(context, 0, 256, NULL);
        answer_due(false);
    }
    answer_due(true);
    HG_PAIR_OK(qs_class_get_counters(hg_class, &counters, sizeof(counters)));
    HG_PAIR_OK(HG_Context_destroy(context));
    HG_PAIR_OK(HG_Finalize(hg_class));
    bench_fault_ledger_close(&serve.ledger);
    printf("%u %llu %llu %llu %llu\n", serve.count_max, (unsigned long long)counters.expired,
           (unsigned long long)counters.shed, (unsigned long long)counters.repeats,
           (unsigned long long)counters.cancelled);
    (void)fflush(stdout);
    return 0;
}
