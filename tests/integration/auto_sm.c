/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Classes with shared memory besides tcp: which way is taken to whom, and that nothing but speed tells. Whether
 * it was tcp is asked of the system, which lists the connections of a port. Other processes are this program in the
 * role "target".
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/hg_pair.h"
#include "tests/support/hg_process.h"

#define WITH    "tcp+sm"
#define WITHOUT "tcp"

enum { BULK_SIZE = 3000000 };

/* Established connections of this network namespace that end at the port of an address. */
static unsigned int tcp_connections(const char *address)
{
    const char *colon = strrchr(address, ':');
    unsigned int wanted = colon != NULL ? (unsigned int)atoi(colon + 1) : 0;
    FILE *file = fopen("/proc/net/tcp", "re");
    unsigned int count = 0;
    char line[300];

    SUPPORT_CHECK(file != NULL && wanted != 0);
    while (fgets(line, sizeof(line), file) != NULL) {
        unsigned int port;
        unsigned int state;

        if (sscanf(line, " %*u: %*8x:%4x %*8x:%*4x %2x", &port, &state) == 2)
            count += port == wanted && state == 1;
    }
    (void)fclose(file);
    return count;
}

/* Opens one side in this process, with or without shared memory. */
static void side_open(struct hg_pair *pair, struct hg_side *side, const char *parameter, bool listen)
{
    support_suite_set_parameter(parameter);
    hg_process_open_side(pair, side, "tcp://127.0.0.1", listen);
}

/* A pair whose sides differ. */
static void pair_open(struct hg_pair *pair, const char *target, const char *origin, bool origin_listens)
{
    memset(pair, 0, sizeof(*pair));
    (void)pthread_mutex_init(&pair->lock, NULL);
    side_open(pair, &pair->target, target, true);
    side_open(pair, &pair->origin, origin, origin_listens);
    pair->addr = hg_pair_lookup(pair->origin.hg_class, pair->target.hg_class);
}

/* An origin alone, whose target is another process. */
static void origin_open(struct hg_pair *pair, const char *parameter, const char *address)
{
    memset(pair, 0, sizeof(*pair));
    (void)pthread_mutex_init(&pair->lock, NULL);
    side_open(pair, &pair->origin, parameter, false);
    HG_PAIR_OK(HG_Addr_lookup2(pair->origin.hg_class, address, &pair->addr));
}

static unsigned int pair_connections(struct hg_pair *pair)
{
    char text[HG_PAIR_TEXT];

    hg_pair_address(pair->target.hg_class, text);
    return tcp_connections(text);
}

/* Calls of all sizes: in a frame, in fragments, by RMA. */
static void use_all_sizes(struct hg_pair *pair)
{
    hg_pair_check_works(pair);
    hg_pair_move(pair, 30000, 30000);
    hg_pair_move(pair, 1000000, 1000000);
}

/* --- which way --------------------------------------------------------------------------------------- */

static void neighbours_talk_by_shared_memory(void)
{
    struct hg_pair pair;

    pair_open(&pair, WITH, WITH, false);
    use_all_sizes(&pair);
    SUPPORT_CHECK(pair_connections(&pair) == 0);
    hg_pair_close(&pair);
}

static void processes_talk_by_shared_memory(void)
{
    struct hg_process target;
    struct hg_pair pair;

    hg_process_start(&target, "target", "tcp://127.0.0.1", WITH);
    SUPPORT_CHECK(strncmp(target.line, "ofi+tcp://127.0.0.1:", 20) == 0);
    origin_open(&pair, WITH, target.line);
    use_all_sizes(&pair);
    SUPPORT_CHECK(tcp_connections(target.line) == 0);
    hg_pair_close_origin(&pair);
    hg_process_end(&target, 0);
}

static void peer_without_shared_memory_is_reached_over_tcp(void)
{
    struct hg_pair pair;

    pair_open(&pair, WITHOUT, WITH, false);
    use_all_sizes(&pair);
    SUPPORT_CHECK(pair_connections(&pair) == 1);
    hg_pair_close(&pair);
}

static void peer_without_shared_memory_reaches_us_over_tcp(void)
{
    struct hg_pair pair;

    pair_open(&pair, WITH, WITHOUT, false);
    use_all_sizes(&pair);
    SUPPORT_CHECK(pair_connections(&pair) == 1);
    hg_pair_close(&pair);
}

/* One class serves both kinds at once, each context of it, and so do the contexts of an origin. */
static void neighbours_and_others_are_served_at_once(void)
{
    struct hg_pair near;
    struct hg_pair far;

    pair_open(&near, WITH, WITH, false);
    memset(&far, 0, sizeof(far));
    side_open(&far, &far.origin, WITHOUT, false);
    far.addr = hg_pair_lookup(far.origin.hg_class, near.target.hg_class);
    for (unsigned int i = 0; i < 50; i++) {
        struct hg_pair_blob in = {0};
        struct hg_pair_call call;

        hg_pair_check_works(&near);
        hg_pair_call_start(&far, &call, HG_PAIR_ECHO, &in);
        while (atomic_load(&call.calls) == 0) {
            (void)hg_pair_step_target(&near);
            (void)hg_pair_step_origin(&far);
        }
        HG_PAIR_FINISH(&call, HG_SUCCESS);
    }
    SUPPORT_CHECK(pair_connections(&near) == 1);
    hg_pair_close_origin(&far);
    hg_pair_close(&near);
}

static void primary_shared_memory_needs_no_other(void)
{
    struct hg_init_info init = HG_INIT_INFO_INITIALIZER;
    hg_class_t *hg_class;

    init.auto_sm = true;
    hg_class = HG_Init_opt2("na+sm", true, HG_VERSION(2, 4), &init);
    SUPPORT_CHECK(hg_class != NULL);
    SUPPORT_CHECK(strcmp(HG_Class_get_protocol(hg_class), "sm") == 0);
    HG_PAIR_OK(HG_Finalize(hg_class));
}

static void info_string_must_be_one_of_shared_memory(void)
{
    const char *const good[] = {"na+sm", "shm", "na+sm://", "sm"};
    const char *const bad[] = {"tcp", "verbs://", "", "://", "na+sm://a b"};
    struct hg_init_info init = HG_INIT_INFO_INITIALIZER;

    HG_Set_log_level("none");
    init.auto_sm = true;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        init.sm_info_string = bad[i];
        SUPPORT_CHECK(HG_Init_opt2("tcp://127.0.0.1", true, HG_VERSION(2, 4), &init) == NULL);
        SUPPORT_CHECK(strstr(qs_error_detail(), "sm_info_string") != NULL);
    }
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        hg_class_t *hg_class;

        init.sm_info_string = good[i];
        hg_class = HG_Init_opt2("tcp://127.0.0.1", true, HG_VERSION(2, 4), &init);
        if (hg_class == NULL)
            support_suite_fail("%s: %s", good[i], qs_error_detail());
        HG_PAIR_OK(HG_Finalize(hg_class));
    }
}

/* --- first contact ----------------------------------------------------------------------------------- */

/* Everything that was begun before it was known that shared memory leads nowhere. */
static void what_was_queued_goes_on_over_tcp(void)
{
    enum { COUNT = 200 };
    static struct hg_pair_call calls[COUNT];
    struct hg_pair_blob in = {0};
    struct hg_pair pair;

    pair_open(&pair, WITHOUT, WITH, false);
    for (unsigned int i = 0; i < COUNT; i++)
        hg_pair_call_start(&pair, &calls[i], i % 2 == 0 ? HG_PAIR_ECHO : HG_PAIR_QUIET, &in);
    for (unsigned int i = 0; i < COUNT; i++)
        HG_PAIR_FINISH(&calls[i], HG_SUCCESS);
    HG_PAIR_UNTIL(&pair, atomic_load(&pair.quiet_count) == COUNT / 2);
    SUPPORT_CHECK(pair_connections(&pair) == 1);
    hg_pair_close(&pair);
}

static void call_that_waits_for_the_way_can_be_cancelled(void)
{
    struct hg_pair_blob in = {0};
    struct hg_pair_call call;
    struct hg_pair pair;

    pair_open(&pair, WITHOUT, WITH, false);
    hg_pair_call_start(&pair, &call, HG_PAIR_ECHO, &in);
    HG_PAIR_OK(HG_Cancel(call.handle));
    HG_PAIR_OK(HG_Trigger(pair.origin.contexts[0], 0, 1, NULL));
    SUPPORT_CHECK(atomic_load(&call.calls) == 1 && call.ret == HG_CANCELED);
    hg_pair_call_end(&call);
    hg_pair_check_works(&pair);
    hg_pair_close(&pair);
}

static hg_return_t count_cancelled(const struct hg_cb_info *info)
{
    *(unsigned int *)info->arg += info->ret == HG_CANCELED;
    return HG_SUCCESS;
}

/* The context goes while nobody knows yet which way it will be. */
static void context_is_destroyed_with_calls_that_wait_for_the_way(void)
{
    const char *const targets[] = {WITH, WITHOUT};

    for (unsigned int i = 0; i < 2; i++) {
        unsigned int cancelled = 0;
        struct hg_pair pair;
        hg_handle_t handle;

        pair_open(&pair, targets[i], WITH, false);
        HG_PAIR_OK(HG_Create(pair.origin.contexts[0], pair.addr, pair.origin.ids[HG_PAIR_EMPTY], &handle));
        HG_PAIR_OK(HG_Forward(handle, count_cancelled, &cancelled, NULL));
        HG_PAIR_OK(HG_Destroy(handle));
        HG_PAIR_OK(HG_Context_destroy(pair.origin.contexts[0]));
        pair.origin.context_count = 0;
        SUPPORT_CHECK(cancelled == 1);
        hg_pair_close(&pair);
    }
}

/* Nobody makes progress at the origin: the message leaves all the same. */
static void one_way_call_leaves_by_itself(void)
{
    struct hg_pair_blob in = {0};
    struct hg_pair_call call;
    struct hg_pair_patience patience = {0};
    struct hg_pair pair;

    pair_open(&pair, WITHOUT, WITH, false);
    hg_pair_call_start(&pair, &call, HG_PAIR_QUIET, &in);
    while (atomic_load(&pair.quiet_count) == 0) {
        (void)hg_pair_step_target(&pair);
        hg_pair_patience_check(&patience, "the call arrives");
    }
    HG_PAIR_FINISH(&call, HG_SUCCESS);
    hg_pair_close(&pair);
}

static void sleeping_origin_is_woken_by_either_way(void)
{
    const char *const targets[] = {WITH, WITHOUT};

    for (unsigned int i = 0; i < 2; i++) {
        struct hg_process target;
        struct hg_pair pair;
        struct pollfd pollfd = {.events = POLLIN};

        hg_process_start(&target, "target", "tcp://127.0.0.1", targets[i]);
        origin_open(&pair, WITH, target.line);
        pollfd.fd = HG_Event_get_wait_fd(pair.origin.contexts[0]);
        for (unsigned int round = 0; round < 20; round++) {
            struct hg_pair_blob in = {0};
            struct hg_pair_call call;
            uint64_t begin_us = support_suite_now_us();

            hg_pair_call_start(&pair, &call, HG_PAIR_ECHO, &in);
            while (atomic_load(&call.calls) == 0) {
                if (round % 2 == 0)
                    (void)HG_Progress(pair.origin.contexts[0], 10000);
                else if (!HG_Event_ready(pair.origin.contexts[0]))
                    (void)poll(&pollfd, 1, 10000);
                if (round % 2 != 0)
                    HG_PAIR_OK(HG_Event_progress(pair.origin.contexts[0], NULL));
                (void)HG_Trigger(pair.origin.contexts[0], 0, 1, NULL);
            }
            HG_PAIR_FINISH(&call, HG_SUCCESS);
            SUPPORT_CHECK(support_suite_now_us() - begin_us < 5000000U * support_slowness());
        }
        hg_pair_close_origin(&pair);
        hg_process_end(&target, 0);
    }
}

/* --- identity ---------------------------------------------------------------------------------------- */

/* By whichever way a peer comes, its address is the one that it says, and calls back to it arrive. */
static void addresses_are_the_same_by_either_way(void)
{
    const char *const origins[] = {WITH, WITHOUT};

    for (unsigned int i = 0; i < 2; i++) {
        struct hg_pair_blob in = {0};
        struct hg_pair_call call;
        struct hg_pair pair;
        hg_addr_t origin;
        hg_handle_t held;

        pair_open(&pair, WITH, origins[i], true);
        origin = hg_pair_lookup(pair.target.hg_class, pair.origin.hg_class);
        held = hg_pair_call_hold(&pair, &call, &in);
        SUPPORT_CHECK(HG_Addr_cmp(pair.target.hg_class, origin, HG_Get_info(held)->addr));
        hg_pair_respond(held, &in);
        HG_PAIR_FINISH(&call, HG_SUCCESS);
        HG_PAIR_OK(HG_Addr_free(pair.target.hg_class, origin));
        hg_pair_close(&pair);
    }
}

/* It comes back on the same address with shared memory, without, and with it again. */
static void successor_is_reached_whatever_it_has(void)
{
    const char *const lives[] = {WITH, WITHOUT, WITH, WITH};
    struct hg_pair_blob in = {0};
    struct hg_pair_call call;
    struct hg_process target;
    struct hg_pair pair;
    char address[300];

    hg_process_start(&target, "target", "tcp://127.0.0.1", lives[0]);
    strcpy(address, target.line);
    origin_open(&pair, WITH, address);
    for (unsigned int i = 0; i < 4; i++) {
        hg_pair_check_works(&pair);
        SUPPORT_CHECK(tcp_connections(address) == (strcmp(lives[i], WITHOUT) == 0));
        hg_pair_call_start(&pair, &call, HG_PAIR_HOLD, &in);
        hg_pair_check_works(&pair);
        hg_process_end(&target, SIGKILL);
        HG_PAIR_FINISH(&call, HG_HOSTUNREACH);
        if (i < 3)
            hg_process_start(&target, "target", address, lives[i + 1]);
    }
    hg_pair_close_origin(&pair);
}

/* --- bulk -------------------------------------------------------------------------------------------- */

struct transfer {
    hg_return_t ret;
    unsigned int ended;
};

static hg_return_t transfer_ended(const struct hg_cb_info *info)
{
    struct transfer *transfer = info->arg;

    transfer->ret = info->ret;
    transfer->ended++;
    return HG_SUCCESS;
}

static void describe(hg_bulk_t bulk, unsigned char *wire, hg_size_t *size)
{
    SUPPORT_CHECK(HG_Bulk_get_serialize_size(bulk, 0) <= *size);
    *size = HG_Bulk_get_serialize_size(bulk, 0);
    HG_PAIR_OK(HG_Bulk_serialize(wire, *size, 0, bulk));
}

/* Pulls all that a descriptor names from its owner, the target of the pair, and checks it. */
static void pull_from_target(struct hg_pair *pair, const unsigned char *wire, hg_size_t size, uint64_t seed)
{
    hg_class_t *hg_class = pair->origin.hg_class;
    hg_size_t bulk_size = BULK_SIZE;
    hg_size_t got_size;
    struct transfer transfer = {0};
    hg_bulk_t remote;
    hg_bulk_t local;
    uint32_t count;
    void *got;

    HG_PAIR_OK(HG_Bulk_deserialize(hg_class, &remote, wire, size));
    HG_PAIR_OK(HG_Bulk_create(hg_class, 1, NULL, &bulk_size, HG_BULK_READWRITE, &local));
    HG_PAIR_OK(HG_Bulk_transfer(pair->origin.contexts[0], transfer_ended, &transfer, HG_BULK_PULL, pair->addr, remote,
                                0, local, 0, BULK_SIZE, HG_OP_ID_IGNORE));
    HG_PAIR_UNTIL(pair, transfer.ended > 0);
    HG_PAIR_OK(transfer.ret);
    HG_PAIR_OK(HG_Bulk_access(local, 0, BULK_SIZE, HG_BULK_READWRITE, 1, &got, &got_size, &count));
    SUPPORT_CHECK(count == 1 && hg_pair_is_filled(got, BULK_SIZE, seed));
    HG_PAIR_OK(HG_Bulk_free(local));
    HG_PAIR_OK(HG_Bulk_free(remote));
}

/* The memory of the target, filled. */
static hg_bulk_t bulk_of_target(struct hg_pair *pair, uint64_t seed)
{
    hg_size_t size = BULK_SIZE;
    hg_bulk_t bulk;
    uint32_t count;
    void *data;

    HG_PAIR_OK(HG_Bulk_create(pair->target.hg_class, 1, NULL, &size, HG_BULK_READ_ONLY, &bulk));
    HG_PAIR_OK(HG_Bulk_access(bulk, 0, BULK_SIZE, HG_BULK_READ_ONLY, 1, &data, &size, &count));
    hg_pair_fill(data, BULK_SIZE, seed);
    return bulk;
}

/* The very first contact is a transfer, by every combination; then once more. */
static void transfers_find_their_way(void)
{
    const char *const kinds[] = {WITH, WITHOUT};

    for (unsigned int i = 0; i < 4; i++) {
        unsigned char wire[300];
        hg_size_t size = sizeof(wire);
        struct hg_pair pair;
        hg_bulk_t bulk;

        pair_open(&pair, kinds[i / 2], kinds[i % 2], false);
        bulk = bulk_of_target(&pair, i);
        describe(bulk, wire, &size);
        SUPPORT_CHECK(size == (i / 2 == 0 ? 68U : 48U));
        pull_from_target(&pair, wire, size, i);
        pull_from_target(&pair, wire, size, i);
        SUPPORT_CHECK(pair_connections(&pair) == (i == 0 ? 0U : 1U));
        HG_PAIR_OK(HG_Bulk_free(bulk));
        hg_pair_close(&pair);
    }
}

/* A descriptor goes from its owner through somebody to somebody else, each with or without shared memory. */
static void descriptor_that_is_passed_on_keeps_all_ways(void)
{
    const char *const kinds[] = {WITH, WITHOUT};

    for (unsigned int i = 0; i < 8; i++) {
        bool near = i == 0 || i == 2; /* owner and reader have shared memory, whatever the one between has */
        unsigned char wire[300];
        unsigned char again[300];
        hg_size_t size = sizeof(wire);
        hg_size_t again_size = sizeof(again);
        struct hg_pair pair;
        struct hg_pair between = {0};
        hg_bulk_t bulk;
        hg_bulk_t passed;

        pair_open(&pair, kinds[i / 4], kinds[i % 2], false);
        side_open(&between, &between.target, kinds[i / 2 % 2], false);
        bulk = bulk_of_target(&pair, i);
        describe(bulk, wire, &size);
        HG_PAIR_OK(HG_Bulk_deserialize(between.target.hg_class, &passed, wire, size));
        describe(passed, again, &again_size);
        SUPPORT_CHECK(size == again_size && memcmp(wire, again, size) == 0);
        pull_from_target(&pair, again, again_size, i);
        SUPPORT_CHECK(pair_connections(&pair) == (near ? 0U : 1U));
        HG_PAIR_OK(HG_Bulk_free(passed));
        HG_PAIR_OK(HG_Bulk_free(bulk));
        hg_pair_close_target(&between);
        hg_pair_close(&pair);
    }
}

/* --- all ------------------------------------------------------------------------------------------------- */

static const struct support_case cases[] = {
    SUPPORT_CASE(neighbours_talk_by_shared_memory),
    SUPPORT_CASE(processes_talk_by_shared_memory),
    SUPPORT_CASE(peer_without_shared_memory_is_reached_over_tcp),
    SUPPORT_CASE(peer_without_shared_memory_reaches_us_over_tcp),
    SUPPORT_CASE(neighbours_and_others_are_served_at_once),
    SUPPORT_CASE(primary_shared_memory_needs_no_other),
    SUPPORT_CASE(info_string_must_be_one_of_shared_memory),
    SUPPORT_CASE(what_was_queued_goes_on_over_tcp),
    SUPPORT_CASE(call_that_waits_for_the_way_can_be_cancelled),
    SUPPORT_CASE(context_is_destroyed_with_calls_that_wait_for_the_way),
    SUPPORT_CASE(one_way_call_leaves_by_itself),
    SUPPORT_CASE(sleeping_origin_is_woken_by_either_way),
    SUPPORT_CASE(addresses_are_the_same_by_either_way),
    SUPPORT_CASE(successor_is_reached_whatever_it_has),
    SUPPORT_CASE(transfers_find_their_way),
    SUPPORT_CASE(descriptor_that_is_passed_on_keeps_all_ways),
    {0},
};

/* Roles: "target URI" serves; "caller ADDRESS" calls an address in another network namespace, whose names in shared memory
 * are not to be seen from here. */
static int role(const char *name, const char *argument)
{
    struct hg_pair pair;

    if (strcmp(name, "target") == 0)
        return hg_process_serve(argument);
    memset(&pair, 0, sizeof(pair));
    hg_process_open_side(&pair, &pair.origin, "tcp", false);
    HG_PAIR_OK(HG_Addr_lookup2(pair.origin.hg_class, argument, &pair.addr));
    use_all_sizes(&pair);
    hg_pair_close_origin(&pair);
    return 0;
}

int main(int argc, char **argv)
{
    static const struct support_case *const tables[] = {cases, NULL};

    if (argc == 5 && strcmp(argv[1], "--role") == 0) {
        support_suite_set_parameter(argv[4]);
        return role(argv[2], argv[3]);
    }
    return support_suite_main(argc, argv, tables, NULL);
}
