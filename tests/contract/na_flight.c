/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * The contract of transfers in flight: many at once, in both directions and on many routes, beside frames, and what
 * holds for memory that is taken away from under them by a cancel or by withdrawing it.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "tests/contract/na_bench.h"
#include "tests/contract/na_contract.h"
#include "tests/support/support_guard.h"
#include "util/util_bytes.h"
#include "util/util_rand.h"

#define BOTH ((unsigned)NA_ACCESS_REMOTE_READ | (unsigned)NA_ACCESS_REMOTE_WRITE)

/* --- many ------------------------------------------------------------------------------------------------ */

static void nothing_is_moved_with_an_end(void)
{
    struct na_remote_segment remote;
    struct bench bench;
    struct op op;

    bench_open(&bench, 8192, BOTH);
    na_mem_describe(bench.server_mem, 0, &remote);
    for (int i = 0; i < 2; i++) {
        op_fill(&op, &bench, i == 0 ? NA_RMA_GET : NA_RMA_PUT, 100, 0, &remote);
        SUPPORT_CHECK(op_run(&op, &bench) == 0);
        op_fill(&op, &bench, i == 0 ? NA_RMA_GET : NA_RMA_PUT, 8192, 0, &remote);
        SUPPORT_CHECK(op_run(&op, &bench) == 0);
    }
    SUPPORT_CHECK(bytes_are(bench.client_bytes, 0, bench.size, 1));
    SUPPORT_CHECK(bytes_are(bench.server_bytes, 0, bench.size, 2));
    bench_close(&bench);
}

static void hundreds_of_transfers_all_end_well(void)
{
    enum { COUNT = 500, ROOM = 8192 };
    static struct op ops[COUNT];
    struct na_remote_segment remote;
    struct util_prng prng;
    struct bench bench;

    util_prng_init(&prng, support_seed());
    bench_open(&bench, (size_t)COUNT * ROOM, BOTH);
    na_mem_describe(bench.server_mem, 0, &remote);
    for (size_t i = 0; i < COUNT; i++) {
        op_fill(&ops[i], &bench, i % 3 == 0 ? NA_RMA_PUT : NA_RMA_GET, i * ROOM,
                1 + (size_t)util_prng_below(&prng, i % 5 == 0 ? ROOM : 200), &remote);
        SUPPORT_CHECK(op_post(&ops[i], &bench) == 0);
    }
    ops_wait(ops, COUNT, &bench);
    for (size_t i = 0; i < COUNT; i++) {
        size_t end = i * ROOM + ops[i].rma.size;
        unsigned int salt = ops[i].rma.op == NA_RMA_PUT ? 1 : 2;

        SUPPORT_CHECK(ops[i].error == 0);
        SUPPORT_CHECK(bytes_are(bench.client_bytes, i * ROOM, end, salt));
        SUPPORT_CHECK(bytes_are(bench.server_bytes, i * ROOM, end, salt));
        SUPPORT_CHECK(bytes_are(bench.client_bytes, end, (i + 1) * ROOM, 1));
        SUPPORT_CHECK(bytes_are(bench.server_bytes, end, (i + 1) * ROOM, 2));
    }
    bench_close(&bench);
}

/* The server's way to the client. */
static struct na_route *route_back(struct bench *bench)
{
    struct node *server = &bench->server;

    SUPPORT_CHECK(server->accepted_count > 0 || server->back != NULL);
    return server->accepted_count > 0 ? server->accepted[0] : server->back;
}

/* Each side has transfers in both directions, at the same time. */
static void move_both_ways(const char *server_direct, const char *client_direct)
{
    enum { COUNT = 40, PIECE = 200000 };
    static struct op ours[COUNT];
    static struct op theirs[COUNT];
    struct na_remote_segment at_server;
    struct na_remote_segment at_client;
    struct bench_options options = {.server_access = BOTH | NA_ACCESS_LOCAL,
                                    .client_access = BOTH | NA_ACCESS_LOCAL,
                                    .client_listens = true,
                                    .server_direct = server_direct,
                                    .client_direct = client_direct};
    struct bench bench;
    struct bench mirror;

    bench_open_with(&bench, 2UL * COUNT * PIECE, &options);
    mirror = (struct bench){.route = route_back(&bench),
                            .client_mem = bench.server_mem,
                            .client_bytes = bench.server_bytes,
                            .size = bench.size};
    na_mem_describe(bench.server_mem, 0, &at_server);
    na_mem_describe(bench.client_mem, 0, &at_client);
    for (size_t i = 0; i < COUNT; i++) {
        op_fill(&ours[i], &bench, i % 2 == 0 ? NA_RMA_GET : NA_RMA_PUT, 2 * i * PIECE, PIECE, &at_server);
        op_fill(&theirs[i], &mirror, i % 2 == 0 ? NA_RMA_GET : NA_RMA_PUT, (2 * i + 1) * PIECE, PIECE, &at_client);
        SUPPORT_CHECK(op_post(&ours[i], &bench) == 0);
        SUPPORT_CHECK(op_post(&theirs[i], &bench) == 0);
    }
    ops_wait(ours, COUNT, &bench);
    ops_wait(theirs, COUNT, &bench);
    for (size_t i = 0; i < 2UL * COUNT; i++) {
        /* Even pieces are the client's work, odd ones the server's; of each, every second was a get. */
        unsigned int salt = (i % 2 == 0) == (i / 2 % 2 == 0) ? 2 : 1;

        SUPPORT_CHECK(ours[i / 2].error == 0 && theirs[i / 2].error == 0);
        SUPPORT_CHECK(bytes_are(bench.client_bytes, i * PIECE, (i + 1) * PIECE, salt));
        SUPPORT_CHECK(bytes_are(bench.server_bytes, i * PIECE, (i + 1) * PIECE, salt));
    }
    bench_close(&bench);
}

static void both_sides_move_at_once(void)
{
    move_both_ways(NULL, NULL);
}

/* One side may copy from and to the other's memory by itself, which may not do so in turn. */
static void sides_may_move_data_in_ways_of_their_own(void)
{
    if (strcmp(node_uri(), "shm") != 0)
        support_suite_skip("the provider has one way");
    move_both_ways("off", "on");
    move_both_ways("on", "off");
}

static void transfers_on_many_routes_all_end_well(void)
{
    enum { ROUTES = 40, EACH = 4, COUNT = ROUTES * EACH, PIECE = 60000 };
    static struct op ops[COUNT];
    struct na_route *routes[ROUTES];
    struct na_remote_segment remote;
    struct bench bench;

    bench_open(&bench, (size_t)COUNT * PIECE, BOTH);
    na_mem_describe(bench.server_mem, 0, &remote);
    for (unsigned int i = 0; i < ROUTES; i++) {
        routes[i] = node_route(&bench.client, na_class_address(bench.server.na_class));
        node_send_surely(&bench.client, &bench.server, routes[i], NODE_KIND_DATA, i, 500);
    }
    for (size_t i = 0; i < COUNT; i++) {
        op_fill(&ops[i], &bench, i % 2 == 0 ? NA_RMA_GET : NA_RMA_PUT, i * PIECE, PIECE, &remote);
        ops[i].rma.route = routes[i % ROUTES];
        SUPPORT_CHECK(op_post(&ops[i], &bench) == 0);
    }
    ops_wait(ops, COUNT, &bench);
    for (size_t i = 0; i < COUNT; i++) {
        unsigned int salt = i % 2 == 0 ? 2 : 1;

        SUPPORT_CHECK(ops[i].error == 0);
        SUPPORT_CHECK(bytes_are(bench.client_bytes, i * PIECE, (i + 1) * PIECE, salt));
        SUPPORT_CHECK(bytes_are(bench.server_bytes, i * PIECE, (i + 1) * PIECE, salt));
    }
    for (unsigned int i = 0; i < ROUTES; i++)
        na_route_close(routes[i]);
    bench_close(&bench);
}

/* --- fairness ---------------------------------------------------------------------------------------------- */

static void frames_between_transfers_hold_up_neither(void)
{
    enum { COUNT = 16, PIECE = 1000000 };
    static struct op ops[COUNT];
    struct na_remote_segment remote;
    uint64_t frames = 0;
    struct bench bench;

    bench_open(&bench, (size_t)COUNT * PIECE, BOTH);
    na_mem_describe(bench.server_mem, 0, &remote);
    frames = bench.server.frames;
    for (size_t i = 0; i < COUNT; i++) {
        op_fill(&ops[i], &bench, i % 4 == 0 ? NA_RMA_GET : NA_RMA_PUT, i * PIECE, PIECE, &remote);
        SUPPORT_CHECK(op_post(&ops[i], &bench) == 0);
    }
    NODE_UNTIL(ops_ended(ops, COUNT) == COUNT, BENCH_WAIT_MS)
    {
        for (int i = 0; i < 3; i++)
            frames += node_send(&bench.client, bench.route, NODE_KIND_DATA, frames, 300) == 0;
        bench_pump(&bench);
    }
    ops_wait(ops, COUNT, &bench);
    NODE_UNTIL(bench.server.frames == frames, BENCH_WAIT_MS) bench_pump(&bench);
    SUPPORT_CHECK(bench.server.frames == frames && bench.server.bad_frames == 0);
    for (size_t i = 0; i < COUNT; i++)
        SUPPORT_CHECK(ops[i].error == 0 &&
                      bytes_are(bench.server_bytes, i * PIECE, (i + 1) * PIECE, i % 4 == 0 ? 2 : 1));
    bench_close(&bench);
}

/* A transfer that is posted again as soon as it has ended. */
struct endless {
    struct op op;
    bool *stop;
    unsigned int rounds;
};

static void endless_done(struct na_rma *rma, int error)
{
    struct endless *endless = (struct endless *)(void *)rma;

    endless->rounds++;
    if (error != 0 || *endless->stop || na_rma_post(rma) != 0)
        endless->op.ends++;
    endless->op.error = error;
}

static void endless_transfers_of_one_route_leave_room_for_another(void)
{
    enum { COUNT = 8, PIECE = 1000000 };
    static struct endless endless[COUNT];
    struct na_remote_segment remote;
    struct na_route *other;
    bool stop = false;
    struct bench bench;
    struct op op;

    bench_open(&bench, (size_t)(COUNT + 1) * PIECE, NA_ACCESS_REMOTE_READ);
    na_mem_describe(bench.server_mem, 0, &remote);
    other = node_route(&bench.client, na_class_address(bench.server.na_class));
    node_send_surely(&bench.client, &bench.server, other, NODE_KIND_DATA, 0, 500);
    for (size_t i = 0; i < COUNT; i++) {
        op_fill(&endless[i].op, &bench, NA_RMA_GET, i * PIECE, PIECE, &remote);
        endless[i].op.rma.done = endless_done;
        endless[i].stop = &stop;
        SUPPORT_CHECK(op_post(&endless[i].op, &bench) == 0);
    }
    NODE_UNTIL(endless[0].rounds > 0, BENCH_WAIT_MS) bench_pump(&bench);
    op_fill(&op, &bench, NA_RMA_GET, (size_t)COUNT * PIECE, PIECE, &remote);
    op.rma.route = other;
    SUPPORT_CHECK(op_run(&op, &bench) == 0);
    stop = true;
    for (size_t i = 0; i < COUNT; i++) {
        NODE_UNTIL(endless[i].op.ends > 0, BENCH_WAIT_MS) bench_pump(&bench);
        SUPPORT_CHECK(endless[i].op.ends == 1 && endless[i].op.error == 0);
    }
    na_route_close(other);
    bench_close(&bench);
}

/* --- cancelling --------------------------------------------------------------------------------------------- */

enum { CANCELS = 24, CANCEL_PIECE = 500000 };

/* Posts some, cancels all after so many turns, and waits for their ends. */
static void cancel_after(struct op *ops, enum na_rma_op kind, unsigned int turns, struct bench *bench)
{
    struct na_remote_segment remote;

    na_mem_describe(bench->server_mem, 0, &remote);
    for (size_t i = 0; i < CANCELS; i++) {
        op_fill(&ops[i], bench, kind, i * CANCEL_PIECE, CANCEL_PIECE, &remote);
        SUPPORT_CHECK(op_post(&ops[i], bench) == 0);
    }
    for (unsigned int i = 0; i < turns && ops_ended(ops, CANCELS) < CANCELS; i++) {
        (void)node_pump(&bench->client);
        if (i % 2 == 1)
            (void)node_pump(&bench->server);
    }
    for (size_t i = 0; i < CANCELS; i++) {
        if (ops[i].ends == 0)
            na_rma_cancel(&ops[i].rma);
    }
    ops_wait(ops, CANCELS, bench);
    for (size_t i = 0; i < CANCELS; i++)
        SUPPORT_CHECK(ops[i].error == 0 || ops[i].error == -ECANCELED);
}

static void memory_of_a_cancelled_get_is_its_owners_again(void)
{
    static struct op ops[CANCELS];
    struct bench bench;

    bench_open(&bench, (size_t)CANCELS * CANCEL_PIECE, BOTH);
    for (unsigned int turns = 0; turns < 14; turns++) {
        bytes_fill(bench.client_bytes, bench.size, 1);
        cancel_after(ops, NA_RMA_GET, turns, &bench);
        for (size_t i = 0; i < CANCELS; i++) {
            if (ops[i].error == 0)
                SUPPORT_CHECK(bytes_are(bench.client_bytes, i * CANCEL_PIECE, (i + 1) * CANCEL_PIECE, 2));
        }
        bytes_fill(bench.client_bytes, bench.size, 5);
        NODE_UNTIL(false, 20) bench_pump(&bench);
        SUPPORT_CHECK(bytes_are(bench.client_bytes, 0, bench.size, 5));
        /* And the route is as good as before. */
        cancel_after(ops, NA_RMA_GET, 100000, &bench);
        SUPPORT_CHECK(bytes_are(bench.client_bytes, 0, bench.size, 2));
    }
    bench_close(&bench);
}

/* Whether each byte is of one of the two salts. */
static bool bytes_are_either(const unsigned char *bytes, size_t size, unsigned int one, unsigned int two)
{
    enum { STEP = 64 };

    for (size_t i = 0; i < size; i += STEP) {
        size_t end = i + STEP < size ? i + STEP : size;

        if (bytes_are(bytes, i, end, one) || bytes_are(bytes, i, end, two))
            continue;
        for (size_t k = i; k < end; k++) {
            if (!bytes_are(bytes, k, k + 1, one) && !bytes_are(bytes, k, k + 1, two))
                return false;
        }
    }
    return true;
}

static void what_is_put_into_the_memory_of_a_cancelled_put_is_not_sent(void)
{
    static struct op ops[CANCELS];
    struct bench bench;

    bench_open(&bench, (size_t)CANCELS * CANCEL_PIECE, BOTH);
    for (unsigned int turns = 0; turns < 14; turns++) {
        bytes_fill(bench.client_bytes, bench.size, 1);
        bytes_fill(bench.server_bytes, bench.size, 2);
        cancel_after(ops, NA_RMA_PUT, turns, &bench);
        bytes_fill(bench.client_bytes, bench.size, 5);
        NODE_UNTIL(false, 20) bench_pump(&bench);
        SUPPORT_CHECK(bytes_are_either(bench.server_bytes, bench.size, 1, 2));
        for (size_t i = 0; i < CANCELS; i++) {
            if (ops[i].error == 0)
                SUPPORT_CHECK(bytes_are(bench.server_bytes, i * CANCEL_PIECE, (i + 1) * CANCEL_PIECE, 1));
        }
        cancel_after(ops, NA_RMA_PUT, 100000, &bench);
        SUPPORT_CHECK(bytes_are(bench.server_bytes, 0, bench.size, 5));
    }
    bench_close(&bench);
}

/* --- withdrawing ---------------------------------------------------------------------------------------------- */

/* How the child that puts learns what there is to be written to. Its two words may be of different rounds: such a
 * key fits nothing. */
struct offer {
    _Atomic uint64_t address;
    _Atomic uint64_t key;  /* 0: none yet */
    _Atomic uint64_t puts; /* that the child has ended well */
};

enum { PUTS = 6, PUT_SIZE = 600000 };

static struct offer *offer_shared;

/* Starts each put that has ended once more. */
static void put_again(struct op ops[PUTS], struct bench *bench, const struct na_remote_segment *remote)
{
    for (size_t i = 0; i < PUTS; i++) {
        if (ops[i].ends == 0)
            continue;
        if (ops[i].rma.done != NULL && ops[i].error == 0)
            atomic_fetch_add(&offer_shared->puts, 1);
        op_fill(&ops[i], bench, NA_RMA_PUT, 0, PUT_SIZE, remote);
        ops[i].error = na_rma_post(&ops[i].rma);
        ops[i].ends = ops[i].error != 0;
    }
}

/* Puts without end into what is on offer, at the address that the control pipe says. A refusal may cost the route, which is
 * then made anew. */
static void child_put(int out_fd, int control_fd, const char *uri)
{
    static unsigned char bytes[PUT_SIZE];
    static struct op ops[PUTS];
    struct na_remote_segment remote = {.key_size = 8};
    struct bench bench = {.client_bytes = bytes};
    char address[NA_ADDRESS_MAX] = "";
    struct node node;

    (void)dprintf(out_fd, "ready\n");
    SUPPORT_CHECK(read(control_fd, address, sizeof(address) - 1) > 0);
    memset(bytes, 0xaa, sizeof(bytes));
    node_open_config(&node, &(struct na_config){.uri = uri});
    bench.client_mem = bench_register(&node, bytes, sizeof(bytes), NA_ACCESS_LOCAL);
    bench.route = node_route(&node, address);
    for (size_t i = 0; i < PUTS; i++)
        ops[i].ends = 1;
    for (;;) {
        remote.address = atomic_load(&offer_shared->address);
        util_bytes_put64(remote.key, atomic_load(&offer_shared->key));
        if (util_bytes_get64(remote.key) != 0)
            put_again(ops, &bench, &remote);
        (void)node_pump(&node);
        if (node.downs > 0 && ops_ended(ops, PUTS) == PUTS) {
            na_route_close(bench.route);
            node.downs = 0;
            bench.route = node_route(&node, address);
        }
    }
}

static void server_until(struct node *server, unsigned int us)
{
    uint64_t end_us = support_suite_now_us() + us;

    while (node_before(end_us))
        (void)node_pump(server);
}

/* How the server takes its memory away. */
enum withdrawal {
    WITHDRAW_MEMORY,      /* the route stays */
    WITHDRAW_AFTER_ROUTE, /* the route is closed first, and gone */
    WITHDRAW_AFTER_ALL,   /* the context is closed first */
};

static void server_close_routes(struct node *server)
{
    while (server->accepted_count > 0)
        na_route_close(server->accepted[--server->accepted_count]);
    (void)node_pump(server);
}

/* Opens a node at the same address again and again, for the child finds no other. */
static void server_open(struct node *server, const char *name)
{
    char uri[128];

    (void)snprintf(uri, sizeof(uri), "shm://%s", name);
    node_open_config(server, &(struct na_config){.uri = uri, .listen = true});
}

static void withdraw_round(struct node *server, unsigned char *bytes, enum withdrawal how, uint64_t delay_us)
{
    struct na_mem *mem = bench_register(server, bytes, PUT_SIZE, NA_ACCESS_REMOTE_WRITE);
    uint64_t puts = atomic_load(&offer_shared->puts);
    struct na_remote_segment remote;

    na_mem_describe(mem, 0, &remote);
    atomic_store(&offer_shared->key, util_bytes_get64(remote.key));
    atomic_store(&offer_shared->address, remote.address);
    NODE_UNTIL(atomic_load(&offer_shared->puts) > puts + 1, BENCH_WAIT_MS)(void) node_pump(server);
    SUPPORT_CHECK(atomic_load(&offer_shared->puts) > puts + 1);
    server_until(server, (unsigned int)delay_us);
    if (how == WITHDRAW_AFTER_ROUTE)
        server_close_routes(server);
    if (how == WITHDRAW_AFTER_ALL)
        na_context_close(server->context, 0);
    na_mem_deregister(mem);
    bytes_fill(bytes, PUT_SIZE, 5);
    if (how == WITHDRAW_AFTER_ALL)
        (void)usleep(2000);
    else
        server_until(server, 2000);
    SUPPORT_CHECK(bytes_are(bytes, 0, PUT_SIZE, 5));
}

static void withdraw(enum withdrawal how)
{
    unsigned int rounds = support_slowness() > 1 ? 20 : 30;
    unsigned char *bytes = malloc(PUT_SIZE);
    struct node_child child;
    struct util_prng prng;
    struct node server;
    char name[64];
    char line[64];

    /* libfabric looks at the key when a message begins, and goes on with one that has begun. */
    if (strcmp(node_uri(), "shm") != 0)
        support_suite_skip("the provider ends what has begun to arrive");
    offer_shared = mmap(NULL, sizeof(*offer_shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    SUPPORT_CHECK(bytes != NULL && offer_shared != MAP_FAILED);
    util_prng_init(&prng, support_seed());
    node_child_start(&child, child_put, node_uri());
    node_child_line(&child, line, sizeof(line));
    (void)snprintf(name, sizeof(name), "withdraw-%d", (int)getpid());
    server_open(&server, name);
    SUPPORT_CHECK(dprintf(child.control, "%s", na_class_address(server.na_class)) > 0);
    for (unsigned int round = 0; round < rounds; round++) {
        withdraw_round(&server, bytes, how, util_prng_below(&prng, 2000));
        if (how != WITHDRAW_AFTER_ALL)
            continue;
        na_class_close(server.na_class);
        server_open(&server, name);
    }
    node_child_kill(&child);
    node_close(&server);
    (void)munmap(offer_shared, sizeof(*offer_shared));
    free(bytes);
}

static void withdrawn_memory_is_left_alone_at_once(void)
{
    withdraw(WITHDRAW_MEMORY);
}

static void memory_withdrawn_after_its_route_is_left_alone_at_once(void)
{
    withdraw(WITHDRAW_AFTER_ROUTE);
}

static void memory_withdrawn_after_its_context_is_left_alone_at_once(void)
{
    withdraw(WITHDRAW_AFTER_ALL);
}

/* --- permission that is taken back ------------------------------------------------------------------------------ */

/* Becomes somebody whom the system asks for permission. */
static void become_nobody(void)
{
    SUPPORT_CHECK(getuid() != 0 || setuid(65534) == 0);
    SUPPORT_CHECK(prctl(PR_SET_DUMPABLE, 1) == 0);
}

/* Work for a child: offers memory; when the control pipe says so, nobody may reach it any more from outside. */
static void child_close_up(int out_fd, int control_fd, const char *uri)
{
    struct pollfd pollfd = {.fd = control_fd, .events = POLLIN};
    struct na_remote_segment remote;
    unsigned char *bytes = malloc(PUT_SIZE);
    struct node node;
    char byte;

    become_nobody();
    SUPPORT_CHECK(bytes != NULL);
    bytes_fill(bytes, PUT_SIZE, 2);
    node_open_config(&node, &(struct na_config){.uri = uri, .listen = true});
    na_mem_describe(bench_register(&node, bytes, PUT_SIZE, BOTH), 0, &remote);
    (void)dprintf(out_fd, "%s\n%llx\n%llx\n", na_class_address(node.na_class), (unsigned long long)remote.address,
                  (unsigned long long)util_bytes_get64(remote.key));
    for (;;) {
        if (node_pump(&node) == 0)
            (void)usleep(20);
        if (poll(&pollfd, 1, 0) <= 0)
            continue;
        SUPPORT_CHECK(read(control_fd, &byte, 1) == 1);
        SUPPORT_CHECK(prctl(PR_SET_DUMPABLE, 0) == 0);
        (void)dprintf(out_fd, "closed\n");
        pollfd.fd = -1;
    }
}

static void transfers_survive_the_loss_of_permission(void)
{
    enum { COUNT = 10 };
    static struct op ops[COUNT];
    struct na_remote_segment remote = {.key_size = 8};
    struct bench bench = {.client_bytes = malloc(PUT_SIZE)};
    struct node_child child;
    char address[NA_ADDRESS_MAX];
    char line[64];

    if (strcmp(node_uri(), "shm") != 0)
        support_suite_skip("the provider needs none");
    node_child_start(&child, child_close_up, node_uri());
    node_child_line(&child, address, sizeof(address));
    node_child_line(&child, line, sizeof(line));
    remote.address = strtoull(line, NULL, 16);
    node_child_line(&child, line, sizeof(line));
    util_bytes_put64(remote.key, strtoull(line, NULL, 16));
    become_nobody();
    node_open(&bench.client, false);
    bench.client_mem = bench_register(&bench.client, bench.client_bytes, PUT_SIZE, NA_ACCESS_LOCAL);
    bench.route = node_route(&bench.client, address);
    for (int round = 0; round < 3; round++) {
        bytes_fill(bench.client_bytes, PUT_SIZE, 1);
        for (size_t i = 0; i < COUNT; i++) {
            op_fill(&ops[i], &bench, NA_RMA_GET, i * (PUT_SIZE / COUNT), PUT_SIZE / COUNT, &remote);
            NODE_UNTIL(na_rma_post(&ops[i].rma) == 0, BENCH_WAIT_MS)(void) node_pump(&bench.client);
        }
        if (round == 1) { /* in the middle of it */
            SUPPORT_CHECK(write(child.control, "x", 1) == 1);
            node_child_line(&child, line, sizeof(line));
        }
        NODE_UNTIL(ops_ended(ops, COUNT) == COUNT, BENCH_WAIT_MS)(void) node_pump(&bench.client);
        for (size_t i = 0; i < COUNT; i++)
            SUPPORT_CHECK(ops[i].ends == 1 && ops[i].error == 0);
        SUPPORT_CHECK(bytes_are(bench.client_bytes, 0, PUT_SIZE, 2));
    }
    SUPPORT_CHECK(bench.client.downs == 0);
    na_route_close(bench.route);
    na_mem_deregister(bench.client_mem);
    node_close(&bench.client);
    (void)kill(child.pid, SIGKILL);
    node_child_end(&child);
    free(bench.client_bytes);
}

const struct support_case na_flight_cases[] = {
    SUPPORT_CASE(nothing_is_moved_with_an_end),
    SUPPORT_CASE(hundreds_of_transfers_all_end_well),
    SUPPORT_CASE(both_sides_move_at_once),
    SUPPORT_CASE(sides_may_move_data_in_ways_of_their_own),
    SUPPORT_CASE(transfers_on_many_routes_all_end_well),
    SUPPORT_CASE(frames_between_transfers_hold_up_neither),
    SUPPORT_CASE(endless_transfers_of_one_route_leave_room_for_another),
    SUPPORT_CASE(memory_of_a_cancelled_get_is_its_owners_again),
    SUPPORT_CASE(what_is_put_into_the_memory_of_a_cancelled_put_is_not_sent),
    {"withdrawn_memory_is_left_alone_at_once", withdrawn_memory_is_left_alone_at_once, 60},
    {"memory_withdrawn_after_its_route_is_left_alone_at_once", memory_withdrawn_after_its_route_is_left_alone_at_once,
     60},
    {"memory_withdrawn_after_its_context_is_left_alone_at_once",
     memory_withdrawn_after_its_context_is_left_alone_at_once, 60},
    SUPPORT_CASE(transfers_survive_the_loss_of_permission),
    {NULL, NULL, 0},
};
