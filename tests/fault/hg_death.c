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
#include "util/util_rand.h"

/* Another process: it writes one line on its stdout when it is ready, and ends when its stdin does. */
struct process {
    pid_t pid;
    int in;  /* to its stdin */
    int out; /* from its stdout */
    char line[300];
};

static bool provider_is(const char *part)
{
    return strstr(support_suite_parameter(), part) != NULL;
}

static void process_read_line(struct process *process)
{
    size_t used = 0;

    while (used + 1 < sizeof(process->line)) {
        ssize_t count = read(process->out, process->line + used, 1);

        if (count <= 0)
            break;
        if (process->line[used] == '\n')
            break;
        used++;
    }
    process->line[used] = '\0';
}

/* Starts this program in a role, with one argument for it. */
static void process_start(struct process *process, const char *role, const char *argument)
{
    int in[2];
    int out[2];

    SUPPORT_CHECK(pipe(in) == 0 && pipe(out) == 0);
    process->pid = fork();
    SUPPORT_CHECK(process->pid >= 0);
    if (process->pid == 0) {
        SUPPORT_CHECK(dup2(in[0], 0) == 0 && dup2(out[1], 1) == 1);
        for (int fd = 3; fd < 200; fd++)
            (void)close(fd);
        (void)execl("/proc/self/exe", "hg_death", "--role", role, argument, support_suite_parameter(), (char *)NULL);
        _exit(99);
    }
    (void)close(in[0]);
    (void)close(out[1]);
    process->in = in[1];
    process->out = out[0];
    process_read_line(process);
    if (strncmp(process->line, "skip", 4) == 0)
        support_suite_skip(process->line + 5);
    if (process->line[0] == '\0')
        support_suite_fail("the other process did not start");
}

static void process_end(struct process *process, int signal_number)
{
    int status;

    if (signal_number != 0)
        (void)kill(process->pid, signal_number);
    (void)close(process->in);
    while (waitpid(process->pid, &status, 0) < 0 && errno == EINTR)
        continue;
    (void)close(process->out);
    if (signal_number == 0)
        SUPPORT_CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* --- roles --------------------------------------------------------------------------------------- */

static atomic_bool role_over;

static void *role_watch_stdin(void *arg)
{
    char byte;

    (void)arg;
    while (read(0, &byte, 1) > 0)
        continue;
    atomic_store(&role_over, true);
    return NULL;
}

static void side_open(struct hg_pair *pair, struct hg_side *side, const char *uri, bool listen)
{
    side->hg_class = HG_Init(uri, listen);
    if (side->hg_class == NULL) {
        printf("skip %s\n", qs_error_detail());
        fflush(stdout);
        _exit(0);
    }
    side->contexts[0] = HG_Context_create(side->hg_class);
    SUPPORT_CHECK(side->contexts[0] != NULL);
    side->context_count = 1;
    hg_pair_register(pair, side);
}

/* Serves at a given info string until stdin ends. */
static int role_target(const char *uri)
{
    static struct hg_pair pair;
    char text[256];
    hg_size_t size = sizeof(text);
    pthread_t thread;
    hg_addr_t self;

    (void)pthread_mutex_init(&pair.lock, NULL);
    side_open(&pair, &pair.target, uri, true);
    HG_PAIR_OK(HG_Addr_self(pair.target.hg_class, &self));
    HG_PAIR_OK(HG_Addr_to_string(pair.target.hg_class, text, &size, self));
    HG_PAIR_OK(HG_Addr_free(pair.target.hg_class, self));
    printf("%s\n", text);
    fflush(stdout);
    SUPPORT_CHECK(pthread_create(&thread, NULL, role_watch_stdin, NULL) == 0);
    while (!atomic_load(&role_over)) {
        (void)HG_Progress(pair.target.contexts[0], 20);
        (void)HG_Trigger(pair.target.contexts[0], 0, 64, NULL);
    }
    SUPPORT_CHECK(pthread_join(thread, NULL) == 0);
    hg_pair_close_target(&pair);
    return 0;
}

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
    side_open(&pair, &pair.origin, hg_pair_uri(), false);
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

/* Has calls that nobody answers, and sleeps. */
static _Noreturn void role_waiter(const char *address)
{
    static struct hg_pair pair;
    static struct hg_pair_blob blob;
    hg_handle_t handle;

    (void)pthread_mutex_init(&pair.lock, NULL);
    side_open(&pair, &pair.origin, hg_pair_uri(), false);
    HG_PAIR_OK(HG_Addr_lookup2(pair.origin.hg_class, address, &pair.addr));
    for (unsigned int i = 0; i < 20; i++) {
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
    struct process target;
    struct hg_pair pair;
    char address[300];

    if (provider_is("ofi_rxm"))
        support_suite_skip("rxm tells nobody of a death; calls end by their limits there");
    process_start(&target, "target", hg_pair_uri());
    strcpy(address, target.line);
    origin_open(&pair, address);
    for (unsigned int round = 0; round < 3; round++) {
        uint64_t begin_us;

        hg_pair_check_works(&pair);
        for (unsigned int i = 0; i < COUNT; i++) {
            struct hg_pair_blob in = {.size = i % 3 == 2 ? 400000 : i % 3 * 20000U};

            in.data = calloc(1, in.size + 1);
            hg_pair_call_begin(&pair, &calls[i], HG_PAIR_HOLD);
            hg_pair_call_forward(&calls[i], &in);
            free(in.data);
        }
        if (round > 0)
            hg_pair_check_works(&pair);
        process_end(&target, SIGKILL);
        begin_us = support_suite_now_us();
        for (unsigned int i = 0; i < COUNT; i++) {
            SUPPORT_CHECK(hg_pair_call_wait(&calls[i]) != HG_SUCCESS);
            hg_pair_call_end(&calls[i]);
        }
        printf("# %u calls ended %llu us after the death\n", (unsigned int)COUNT,
               (unsigned long long)(support_suite_now_us() - begin_us));
        SUPPORT_CHECK(support_suite_now_us() - begin_us < 2000000U * support_slowness());
        /* On the same address, without another look-up. */
        process_start(&target, "target", address);
        SUPPORT_CHECK(strcmp(target.line, address) == 0);
    }
    hg_pair_check_works(&pair);
    hg_pair_move(&pair, 300000, 300000);
    hg_pair_close_origin(&pair);
    process_end(&target, 0);
}

static void stopped_target_is_not_a_dead_one(void)
{
    struct hg_pair_blob in = {0};
    struct hg_pair_call call;
    struct process target;
    struct hg_pair pair;
    uint64_t end_us;

    process_start(&target, "target", hg_pair_uri());
    origin_open(&pair, target.line);
    hg_pair_check_works(&pair);
    SUPPORT_CHECK(kill(target.pid, SIGSTOP) == 0);
    hg_pair_call_begin(&pair, &call, HG_PAIR_ECHO);
    hg_pair_call_forward(&call, &in);
    end_us = support_suite_now_us() + 300000;
    while (support_suite_now_us() < end_us)
        (void)hg_pair_step_origin(&pair);
    SUPPORT_CHECK(atomic_load(&call.calls) == 0);
    SUPPORT_CHECK(kill(target.pid, SIGCONT) == 0);
    HG_PAIR_OK(hg_pair_call_wait(&call));
    hg_pair_call_end(&call);
    hg_pair_close_origin(&pair);
    process_end(&target, 0);
}

static void killed_target_is_seen_by_a_sleeping_origin(void)
{
    struct hg_pair_blob in = {0};
    struct hg_pair_call call;
    struct process target;
    struct hg_pair pair;
    uint64_t begin_us;

    if (provider_is("ofi_rxm"))
        support_suite_skip("rxm tells nobody of a death");
    process_start(&target, "target", hg_pair_uri());
    origin_open(&pair, target.line);
    hg_pair_check_works(&pair);
    hg_pair_call_begin(&pair, &call, HG_PAIR_HOLD);
    hg_pair_call_forward(&call, &in);
    hg_pair_settle(&pair);
    begin_us = support_suite_now_us();
    process_end(&target, SIGKILL);
    HG_PAIR_OK(HG_Progress(pair.origin.contexts[0], 10000));
    SUPPORT_CHECK(support_suite_now_us() - begin_us < 2000000U * support_slowness());
    HG_PAIR_RET(hg_pair_call_wait(&call), HG_HOSTUNREACH);
    hg_pair_call_end(&call);
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
    const struct hg_info *info = HG_Get_info(handle);
    hg_bulk_t origin;
    hg_bulk_t local;
    hg_size_t size;
    hg_return_t ret;

    HG_PAIR_OK(HG_Get_input(handle, &origin));
    size = HG_Bulk_get_size(origin);
    HG_PAIR_OK(HG_Bulk_create(info->hg_class, 1, NULL, &size, HG_BULK_READWRITE, &local));
    ret = HG_Bulk_transfer(info->context, pulled, handle, HG_BULK_PULL, info->addr, origin, 0, local, 0, size,
                           HG_OP_ID_IGNORE);
    HG_PAIR_OK(HG_Bulk_free(local));
    HG_PAIR_OK(HG_Free_input(handle, &origin));
    return ret == HG_SUCCESS ? HG_SUCCESS : HG_Destroy(handle);
}

static void kill_origins(const char *role)
{
    struct hg_pair pair;
    hg_addr_t self;
    char text[256];
    hg_size_t size = sizeof(text);

    HG_Set_log_level("none");
    hg_pair_open(&pair, NULL);
    SUPPORT_CHECK(HG_Register_name(pair.target.hg_class, "pull", hg_proc_hg_bulk_t, NULL, pull_handler) != 0);
    HG_PAIR_OK(HG_Addr_self(pair.target.hg_class, &self));
    HG_PAIR_OK(HG_Addr_to_string(pair.target.hg_class, text, &size, self));
    HG_PAIR_OK(HG_Addr_free(pair.target.hg_class, self));
    for (unsigned int round = 0; round < 4; round++) {
        struct process origin = {0};
        uint64_t end_us;
        pid_t starter;
        int ready[2];

        /* Its start waits for an answer from here, so that another process must start it. */
        SUPPORT_CHECK(pipe(ready) == 0);
        starter = fork();
        SUPPORT_CHECK(starter >= 0);
        if (starter == 0) {
            process_start(&origin, role, text);
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
static void black_hole_is_bounded_by_the_connect_limit(void)
{
    struct sockaddr_in where = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t where_size = sizeof(where);
    struct hg_pair_call call = {0};
    struct hg_pair pair;
    char text[200];
    int fillers[8];
    int hole;
    uint64_t begin_us;
    uint64_t took_us;
    hg_addr_t addr;

    if (strcmp(support_suite_parameter(), "tcp") != 0)
        support_suite_skip("for tcp only");
    hole = socket(AF_INET, SOCK_STREAM, 0);
    SUPPORT_CHECK(hole >= 0 && bind(hole, (struct sockaddr *)&where, sizeof(where)) == 0);
    SUPPORT_CHECK(listen(hole, 0) == 0);
    SUPPORT_CHECK(getsockname(hole, (struct sockaddr *)&where, &where_size) == 0);
    for (unsigned int i = 0; i < 8; i++) {
        fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        (void)connect(fillers[i], (struct sockaddr *)&where, sizeof(where));
    }
    hg_pair_open(&pair, NULL);
    call.pair = &pair;
    (void)snprintf(text, sizeof(text), "%s:%u", hg_pair_uri(), (unsigned int)ntohs(where.sin_port));
    HG_PAIR_OK(HG_Addr_lookup2(pair.origin.hg_class, text, &addr));
    HG_PAIR_OK(HG_Create(pair.origin.contexts[0], addr, pair.origin.ids[HG_PAIR_EMPTY], &call.handle));
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
    hg_pair_call_end(&call);
    HG_PAIR_OK(HG_Addr_free(pair.origin.hg_class, addr));
    hg_pair_close(&pair);
    for (unsigned int i = 0; i < 8; i++)
        (void)close(fillers[i]);
    (void)close(hole);
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
    hg_addr_t self;
    char text[256];
    hg_size_t size = sizeof(text);

    if (provider_is("shm"))
        support_suite_skip("it has no port");
    util_prng_init(&prng, support_seed());
    HG_Set_log_level("none");
    hg_pair_open(&pair, &(struct hg_pair_options){.threaded = true});
    HG_PAIR_OK(HG_Addr_self(pair.target.hg_class, &self));
    HG_PAIR_OK(HG_Addr_to_string(pair.target.hg_class, text, &size, self));
    HG_PAIR_OK(HG_Addr_free(pair.target.hg_class, self));
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
    hg_addr_t self;
    char text[256];
    hg_size_t size = sizeof(text);

    if (provider_is("shm"))
        support_suite_skip("it has no port");
    HG_Set_log_level("none");
    hg_pair_open(&pair, &(struct hg_pair_options){.threaded = true});
    HG_PAIR_OK(HG_Addr_self(pair.target.hg_class, &self));
    HG_PAIR_OK(HG_Addr_to_string(pair.target.hg_class, text, &size, self));
    HG_PAIR_OK(HG_Addr_free(pair.target.hg_class, self));
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
        return role_target(argv[3]);
    }
    return support_suite_main(argc, argv, tables, NULL);
}
