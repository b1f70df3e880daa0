/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Processes that die, addresses that lead nowhere, and strangers at the listening port, over real
 * transports. The other process is this program once more, started with a role before any transport was
 * opened here; it is killed without warning. The parameter is the provider.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/hg_pair.h"
#include "tests/support/hg_process.h"
#include "util/util_rand.h"

static bool provider_is(const char *part)
{
    return strstr(support_suite_parameter(), part) != NULL;
}

/* What is promised is a tenth of a second, and three where only sending tells of a death; with room for a loaded machine. */
static uint64_t death_limit_us(void)
{
    return (provider_is("ofi_rxm") && !provider_is("+sm") ? 4500000U : 2000000U) * support_slowness();
}

/* --- roles --------------------------------------------------------------------------------------- */

static hg_return_t role_again(const struct hg_cb_info *info)
{
    struct hg_pair_blob *in = info->arg;

    (void)HG_Forward(info->info.forward.handle, role_again, in, in);
    return HG_SUCCESS;
}

/* Calls a target without end: echoes, and, in the role "mover", large ones and calls with bulk memory (the RPC named
 * "pull"), too. */
static _Noreturn void role_origin(const char *address, bool mover)
{
    static struct hg_pair pair;
    static struct hg_pair_blob blobs[6];
    hg_size_t bulk_size = 8U << 20;
    hg_bulk_t bulk;
    hg_id_t pull;
    hg_handle_t handle;

    (void)pthread_mutex_init(&pair.lock, NULL);
    hg_process_open_side(&pair, &pair.origin, hg_pair_uri(), false);
    HG_PAIR_OK(HG_Addr_lookup2(pair.origin.hg_class, address, &pair.addr));
    pull = HG_Register_name(pair.origin.hg_class, "pull", hg_proc_hg_bulk_t, NULL, NULL);
    HG_PAIR_OK(HG_Bulk_create(pair.origin.hg_class, 1, NULL, &bulk_size, HG_BULK_READWRITE, &bulk));
    hg_pair_check_works(&(struct hg_pair){.origin = pair.origin, .addr = pair.addr});
    for (unsigned int i = 0; i < 6; i++) {
        blobs[i].size = i % 2 == 0 ? 100 : mover ? 300000 : 20000;
        blobs[i].data = calloc(1, blobs[i].size);
        HG_PAIR_OK(HG_Create(pair.origin.contexts[0], pair.addr, pair.origin.ids[HG_PAIR_ECHO], &handle));
        HG_PAIR_OK(HG_Forward(handle, role_again, &blobs[i], &blobs[i]));
        if (!mover)
            continue;
        HG_PAIR_OK(HG_Create(pair.origin.contexts[0], pair.addr, pull, &handle));
        HG_PAIR_OK(HG_Forward(handle, role_again, &bulk, &bulk));
    }
    printf("calling\n");
    fflush(stdout);
    for (;;) {
        (void)HG_Progress(pair.origin.contexts[0], 20);
        (void)HG_Trigger(pair.origin.contexts[0], 0, 64, NULL);
    }
}

enum { WAITER_CALLS = 20 };

/* Has calls that nobody answers, and sleeps. */
static _Noreturn void role_waiter(const char *address)
{
    static struct hg_pair pair;
    static struct hg_pair_blob blob;
    hg_handle_t handle;

    (void)pthread_mutex_init(&pair.lock, NULL);
    hg_process_open_side(&pair, &pair.origin, hg_pair_uri(), false);
    HG_PAIR_OK(HG_Addr_lookup2(pair.origin.hg_class, address, &pair.addr));
    for (unsigned int i = 0; i < WAITER_CALLS; i++) {
        HG_PAIR_OK(HG_Create(pair.origin.contexts[0], pair.addr, pair.origin.ids[HG_PAIR_HOLD], &handle));
        HG_PAIR_OK(HG_Forward(handle, role_again, &blob, &blob));
    }
    hg_pair_check_works(&(struct hg_pair){.origin = pair.origin, .addr = pair.addr});
    printf("waiting\n");
    fflush(stdout);
    for (;;)
        (void)HG_Progress(pair.origin.contexts[0], 1000);
}

/* --- death of the target ------------------------------------------------------------------------- */

/* The origin of the pair alone, with the target elsewhere. */
static void origin_open(struct hg_pair *pair, const char *address)
{
    memset(pair, 0, sizeof(*pair));
    (void)pthread_mutex_init(&pair->lock, NULL);
    pair->origin.hg_class = hg_pair_init(false, NULL);
    pair->origin.contexts[0] = HG_Context_create(pair->origin.hg_class);
    SUPPORT_CHECK(pair->origin.contexts[0] != NULL);
    pair->origin.context_count = 1;
    hg_pair_register(pair, &pair->origin);
    HG_PAIR_OK(HG_Addr_lookup2(pair->origin.hg_class, address, &pair->addr));
}

static void killed_target_ends_the_calls_and_its_successor_serves(void)
{
    enum { COUNT = 30 };
    struct hg_pair_call calls[COUNT];
    struct hg_process target;
    struct hg_pair pair;
    char address[300];

    hg_process_start(&target, "target", hg_pair_uri(), support_suite_parameter());
    strcpy(address, target.line);
    origin_open(&pair, address);
    for (unsigned int round = 0; round < 3; round++) {
        uint64_t begin_us;

        hg_pair_check_works(&pair);
        for (unsigned int i = 0; i < COUNT; i++) {
            struct hg_pair_blob in = {.size = i % 3 == 2 ? 400000 : i % 3 * 20000U};

            in.data = calloc(1, in.size + 1);
            hg_pair_call_start(&pair, &calls[i], HG_PAIR_HOLD, &in);
            free(in.data);
        }
        if (round > 0)
            hg_pair_check_works(&pair);
        hg_process_end(&target, SIGKILL);
        begin_us = support_suite_now_us();
        for (unsigned int i = 0; i < COUNT; i++) {
            struct qs_result result;

            SUPPORT_CHECK(hg_pair_call_wait(&calls[i]) != HG_SUCCESS);
            HG_PAIR_OK(qs_handle_get_result(calls[i].handle, &result, sizeof(result)));
            /* Their handlers had run, which nobody can know here. */
            SUPPORT_CHECK(round == 0 || result.outcome == QS_OUTCOME_UNKNOWN);
            SUPPORT_CHECK(strstr(result.detail, "the connection failed") != NULL);
            hg_pair_call_end(&calls[i]);
        }
        printf("# %u calls ended %llu us after the death\n", (unsigned int)COUNT,
               (unsigned long long)(support_suite_now_us() - begin_us));
        SUPPORT_CHECK(support_suite_now_us() - begin_us < death_limit_us());
        /* On the same address, without another look-up. */
        hg_process_start(&target, "target", address, support_suite_parameter());
        SUPPORT_CHECK(strcmp(target.line, address) == 0);
    }
    hg_pair_check_works(&pair);
    hg_pair_move(&pair, 300000, 300000);
    hg_pair_close_origin(&pair);
    hg_process_end(&target, 0);
}

static void stopped_target_is_not_a_dead_one(void)
{
    struct hg_pair_blob in = {0};
    struct hg_pair_call call;
    struct hg_process target;
    struct hg_pair pair;
    uint64_t end_us;

    hg_process_start(&target, "target", hg_pair_uri(), support_suite_parameter());
    origin_open(&pair, target.line);
    hg_pair_check_works(&pair);
    SUPPORT_CHECK(kill(target.pid, SIGSTOP) == 0);
    hg_pair_call_start(&pair, &call, HG_PAIR_ECHO, &in);
    end_us = support_suite_now_us() + 300000;
    while (support_suite_now_us() < end_us)
        (void)hg_pair_step_origin(&pair);
    SUPPORT_CHECK(atomic_load(&call.calls) == 0);
    SUPPORT_CHECK(kill(target.pid, SIGCONT) == 0);
    HG_PAIR_FINISH(&call, HG_SUCCESS);
    hg_pair_close_origin(&pair);
    hg_process_end(&target, 0);
}

static void killed_target_is_seen_by_a_sleeping_origin(void)
{
    struct hg_pair_blob in = {0};
    struct hg_pair_call call;
    struct hg_process target;
    struct hg_pair pair;
    uint64_t begin_us;

    hg_process_start(&target, "target", hg_pair_uri(), support_suite_parameter());
    origin_open(&pair, target.line);
    hg_pair_check_works(&pair);
    hg_pair_call_start(&pair, &call, HG_PAIR_HOLD, &in);
    hg_pair_settle(&pair);
    begin_us = support_suite_now_us();
    hg_process_end(&target, SIGKILL);
    HG_PAIR_OK(HG_Progress(pair.origin.contexts[0], 10000));
    SUPPORT_CHECK(support_suite_now_us() - begin_us < death_limit_us());
    HG_PAIR_FINISH(&call, HG_HOSTUNREACH);
    hg_pair_close_origin(&pair);
}

/* --- death of an origin -------------------------------------------------------------------------- */

static hg_return_t pulled(const struct hg_cb_info *info)
{
    hg_handle_t handle = info->arg;

    /* The origin may have died: then there is an error, and nobody to answer. */
    (void)HG_Respond(handle, NULL, NULL, NULL);
    return HG_Destroy(handle);
}

static hg_return_t pull_handler(hg_handle_t handle)
{
    return hg_pair_pull(handle, pulled, false) == HG_SUCCESS ? HG_SUCCESS : HG_Destroy(handle);
}

static void kill_origins(const char *role)
{
    struct hg_pair pair;
    char text[HG_PAIR_TEXT];

    HG_Set_log_level("none");
    hg_pair_open(&pair, NULL);
    SUPPORT_CHECK(HG_Register_name(pair.target.hg_class, "pull", hg_proc_hg_bulk_t, NULL, pull_handler) != 0);
    hg_pair_address(pair.target.hg_class, text);
    for (unsigned int round = 0; round < 4; round++) {
        struct hg_process origin = {0};
        uint64_t end_us;
        pid_t starter;
        int ready[2];

        /* Its start waits for an answer from here, so that another process must start it. */
        SUPPORT_CHECK(pipe(ready) == 0);
        starter = fork();
        SUPPORT_CHECK(starter >= 0);
        if (starter == 0) {
            hg_process_start(&origin, role, text, support_suite_parameter());
            (void)usleep(20000 + round * 30000);
            (void)kill(origin.pid, SIGKILL);
            (void)waitpid(origin.pid, NULL, 0);
            (void)!write(ready[1], "x", 1);
            _exit(0);
        }
        (void)close(ready[1]);
        for (unsigned int i = 0;; i++) {
            int status;

            hg_pair_turn(&pair);
            if (i % 64 == 0 && waitpid(starter, &status, WNOHANG) == starter)
                break;
        }
        (void)close(ready[0]);
        end_us = support_suite_now_us() + 50000;
        while (support_suite_now_us() < end_us)
            hg_pair_turn(&pair);
        /* Handlers learn that nobody waits for them any more. */
        if (strcmp(role, "waiter") == 0 && !provider_is("ofi_rxm"))
            HG_PAIR_UNTIL(&pair, hg_pair_counters(pair.target.hg_class).cancelled == (round + 1) * WAITER_CALLS);
        while (hg_pair_answer(&pair))
            continue;
        for (unsigned int i = 0; i < 5; i++)
            hg_pair_check_works(&pair);
        hg_pair_move(&pair, 300000, 300000);
    }
    hg_pair_close(&pair);
}

static void killed_origins_harm_nobody_else(void)
{
    kill_origins("origin");
    if (provider_is("shm")) /* asleep, with calls unanswered */
        kill_origins("waiter");
}

static void transfers_with_a_killed_origin_end(void)
{
    kill_origins("mover");
}

/* --- addresses that lead nowhere ----------------------------------------------------------------- */

/* An address of the pair's kind at which nobody is. */
static void address_of_nobody(char *text, size_t size)
{
    if (provider_is("shm"))
        (void)snprintf(text, size, "shm://nobody-is-here");
    else
        (void)snprintf(text, size, "%s:1", hg_pair_uri());
}

static void address_of_nobody_ends_the_call_with_hostunreach(void)
{
    struct hg_pair_call call = {0};
    struct hg_pair pair;
    char text[200];
    hg_addr_t nobody;

    if (provider_is("ofi_rxm"))
        support_suite_skip("rxm goes on trying; calls end by their limits there");
    hg_pair_open(&pair, NULL);
    call.pair = &pair;
    address_of_nobody(text, sizeof(text));
    HG_PAIR_OK(HG_Addr_lookup2(pair.origin.hg_class, text, &nobody));
    HG_PAIR_OK(HG_Create(pair.origin.contexts[0], nobody, pair.origin.ids[HG_PAIR_EMPTY], &call.handle));
    for (unsigned int i = 0; i < 3; i++) {
        hg_pair_call_forward(&call, NULL);
        HG_PAIR_RET(hg_pair_call_wait(&call), HG_HOSTUNREACH);
        hg_pair_check_works(&pair);
    }
    hg_pair_call_end(&call);
    HG_PAIR_OK(HG_Addr_free(pair.origin.hg_class, nobody));
    hg_pair_close(&pair);
}

static void address_of_nobody_respects_the_timeout_of_a_call(void)
{
    struct hg_pair_call call = {0};
    struct hg_pair pair;
    char text[200];
    hg_addr_t nobody;

    hg_pair_open(&pair, NULL);
    HG_Set_log_level("none");
    call.pair = &pair;
    address_of_nobody(text, sizeof(text));
    HG_PAIR_OK(HG_Addr_lookup2(pair.origin.hg_class, text, &nobody));
    HG_PAIR_OK(HG_Create(pair.origin.contexts[0], nobody, pair.origin.ids[HG_PAIR_EMPTY], &call.handle));
    HG_PAIR_OK(qs_handle_set_timeout(call.handle, 200000));
    hg_pair_call_forward(&call, NULL);
    SUPPORT_CHECK(hg_pair_call_wait(&call) == HG_TIMEOUT || call.ret == HG_HOSTUNREACH);
    hg_pair_call_end(&call);
    HG_PAIR_OK(HG_Addr_free(pair.origin.hg_class, nobody));
    hg_pair_check_works(&pair);
    hg_pair_close(&pair);
}

/* A listening socket whose queue is full answers nothing: the connection hangs until its own limit. */
struct black_hole {
    int fd;
    int fillers[8];
    hg_addr_t addr; /* at the origin of the pair */
};

/* Opens one, with a call to it. */
static void black_hole_open(struct black_hole *hole, struct hg_pair *pair, struct hg_pair_call *call)
{
    struct sockaddr_in where = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t where_size = sizeof(where);
    char text[200];

    if (strcmp(support_suite_parameter(), "tcp") != 0)
        support_suite_skip("for tcp only");
    hole->fd = socket(AF_INET, SOCK_STREAM, 0);
    SUPPORT_CHECK(hole->fd >= 0 && bind(hole->fd, (struct sockaddr *)&where, sizeof(where)) == 0);
    SUPPORT_CHECK(listen(hole->fd, 0) == 0);
    SUPPORT_CHECK(getsockname(hole->fd, (struct sockaddr *)&where, &where_size) == 0);
    for (unsigned int i = 0; i < 8; i++) {
        hole->fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        (void)connect(hole->fillers[i], (struct sockaddr *)&where, sizeof(where));
    }
    hg_pair_open(pair, NULL);
    (void)snprintf(text, sizeof(text), "%s:%u", hg_pair_uri(), (unsigned int)ntohs(where.sin_port));
    HG_PAIR_OK(HG_Addr_lookup2(pair->origin.hg_class, text, &hole->addr));
    *call = (struct hg_pair_call){.pair = pair};
    HG_PAIR_OK(HG_Create(pair->origin.contexts[0], hole->addr, pair->origin.ids[HG_PAIR_EMPTY], &call->handle));
}

static void black_hole_close(struct black_hole *hole, struct hg_pair *pair, struct hg_pair_call *call)
{
    hg_pair_call_end(call);
    HG_PAIR_OK(HG_Addr_free(pair->origin.hg_class, hole->addr));
    hg_pair_close(pair);
    for (unsigned int i = 0; i < 8; i++)
        (void)close(hole->fillers[i]);
    (void)close(hole->fd);
}

static void black_hole_is_bounded_by_the_connect_limit(void)
{
    struct black_hole hole;
    struct hg_pair_call call;
    struct hg_pair pair;
    uint64_t begin_us;
    uint64_t took_us;

    black_hole_open(&hole, &pair, &call);
    begin_us = support_suite_now_us();
    hg_pair_call_forward(&call, NULL);
    while (atomic_load(&call.calls) == 0) {
        /* Others are served meanwhile. */
        hg_pair_check_works(&pair);
        if (support_suite_now_us() - begin_us > 20000000)
            support_suite_fail("the call does not end");
        (void)usleep(20000);
    }
    took_us = support_suite_now_us() - begin_us;
    printf("# the black hole was given up after %llu ms with %s\n", (unsigned long long)(took_us / 1000),
           HG_Error_to_string(call.ret));
    SUPPORT_CHECK(call.ret == HG_HOSTUNREACH || call.ret == HG_TIMEOUT);
    SUPPORT_CHECK(took_us < 15000000);
    black_hole_close(&hole, &pair, &call);
}

/* The connection is not up, so nothing of the call has left. */
static void check_not_sent(const struct hg_pair_call *call)
{
    struct qs_result result;

    HG_PAIR_OK(qs_handle_get_result(call->handle, &result, sizeof(result)));
    SUPPORT_CHECK(result.outcome == QS_OUTCOME_NOT_SENT);
}

static void call_to_a_black_hole_can_be_cancelled_at_once(void)
{
    struct black_hole hole;
    struct hg_pair_call call;
    struct hg_pair pair;
    uint64_t begin_us;

    black_hole_open(&hole, &pair, &call);
    begin_us = support_suite_now_us();
    for (unsigned int i = 0; i < 3; i++) {
        hg_pair_call_forward(&call, NULL);
        hg_pair_check_works(&pair);
        HG_PAIR_OK(HG_Cancel(call.handle));
        HG_PAIR_OK(HG_Trigger(pair.origin.contexts[0], 0, 1, NULL));
        SUPPORT_CHECK(atomic_load(&call.calls) == 1 && call.ret == HG_CANCELED);
        check_not_sent(&call);
    }
    HG_PAIR_OK(qs_handle_set_timeout(call.handle, 100000));
    hg_pair_call_forward(&call, NULL);
    HG_PAIR_RET(hg_pair_call_wait(&call), HG_TIMEOUT);
    check_not_sent(&call);
    hg_pair_check_works(&pair);
    black_hole_close(&hole, &pair, &call);
    printf("# all over after %llu ms\n", (unsigned long long)((support_suite_now_us() - begin_us) / 1000));
    SUPPORT_CHECK(support_suite_now_us() - begin_us < 8000000U * support_slowness());
}

/* --- strangers at the port ----------------------------------------------------------------------- */

static int stranger(const char *address)
{
    struct sockaddr_in where = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const char *colon = strrchr(address, ':');
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    SUPPORT_CHECK(colon != NULL && fd >= 0);
    where.sin_port = htons((uint16_t)atoi(colon + 1));
    SUPPORT_CHECK(connect(fd, (struct sockaddr *)&where, sizeof(where)) == 0);
    return fd;
}

/* libfabric keeps the sockets of those who connected and did not go on, also when everything is closed: they must
 * not count as ours. */
static void close_sockets(void)
{
    for (int fd = 3; fd < 1024; fd++) {
        int type;
        socklen_t size = sizeof(type);

        if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0)
            (void)close(fd);
    }
}

static void strangers_at_the_port_harm_nobody(void)
{
    static const char http[] = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
    unsigned char bytes[20000];
    struct util_prng prng;
    struct hg_pair pair;
    char text[HG_PAIR_TEXT];

    if (provider_is("shm") || provider_is("verbs"))
        support_suite_skip("it has no port of a socket");
    util_prng_init(&prng, support_seed());
    HG_Set_log_level("none");
    hg_pair_open(&pair, &(struct hg_pair_options){.threaded = true});
    hg_pair_address(pair.target.hg_class, text);
    for (unsigned int i = 0; i < 60; i++) {
        int fd = stranger(text);
        size_t count = util_prng_below(&prng, sizeof(bytes));

        for (size_t j = 0; j < count; j++)
            bytes[j] = i % 5 == 4 ? 0xff : (unsigned char)util_prng_next(&prng);
        if (i % 3 == 0)
            (void)!send(fd, http, sizeof(http) - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
        else if (i % 3 == 1)
            (void)!send(fd, bytes, count, MSG_NOSIGNAL | MSG_DONTWAIT);
        hg_pair_check_works(&pair);
        (void)close(fd);
    }
    hg_pair_move(&pair, 200000, 200000);
    hg_pair_close(&pair);
    close_sockets();
}

/* They connect and say nothing. */
static void silent_strangers_keep_nobody_out(void)
{
    enum { COUNT = 100 };
    struct hg_pair pair;
    int fds[COUNT];
    char text[HG_PAIR_TEXT];

    if (provider_is("shm") || provider_is("verbs"))
        support_suite_skip("it has no port of a socket");
    HG_Set_log_level("none");
    hg_pair_open(&pair, &(struct hg_pair_options){.threaded = true});
    hg_pair_address(pair.target.hg_class, text);
    for (unsigned int i = 0; i < COUNT; i++)
        fds[i] = stranger(text);
    for (unsigned int i = 0; i < 10; i++)
        hg_pair_check_works(&pair);
    hg_pair_close_origin(&pair);
    for (unsigned int i = 0; i < COUNT; i++)
        (void)close(fds[i]);
    hg_pair_close(&pair);
    close_sockets();
}

static const struct support_case cases[] = {
    SUPPORT_CASE(killed_target_ends_the_calls_and_its_successor_serves),
    SUPPORT_CASE(stopped_target_is_not_a_dead_one),
    SUPPORT_CASE(killed_target_is_seen_by_a_sleeping_origin),
    SUPPORT_CASE(killed_origins_harm_nobody_else),
    SUPPORT_CASE(transfers_with_a_killed_origin_end),
    SUPPORT_CASE(address_of_nobody_ends_the_call_with_hostunreach),
    SUPPORT_CASE(address_of_nobody_respects_the_timeout_of_a_call),
    SUPPORT_CASE(call_to_a_black_hole_can_be_cancelled_at_once),
    {"black_hole_is_bounded_by_the_connect_limit", black_hole_is_bounded_by_the_connect_limit, 30},
    SUPPORT_CASE(strangers_at_the_port_harm_nobody),
    SUPPORT_CASE(silent_strangers_keep_nobody_out),
    {NULL, NULL, 0},
};

int main(int argc, char **argv)
{
    static const struct support_case *const tables[] = {cases, NULL};

    if (argc == 5 && strcmp(argv[1], "--role") == 0) {
        support_suite_set_parameter(argv[4]);
        if (strcmp(argv[2], "waiter") == 0)
            role_waiter(argv[3]);
        if (strcmp(argv[2], "target") != 0)
            role_origin(argv[3], strcmp(argv[2], "mover") == 0);
        return hg_process_serve(argv[3]);
    }
    return support_suite_main(argc, argv, tables, NULL);
}
