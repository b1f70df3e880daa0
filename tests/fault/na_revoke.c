/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * What takes memory back from a peer that is writing to it, and how late a byte can still land: measured for one
 * provider, between two processes. The peer keeps the provider's depth of puts under way; it is stopped in the middle of
 * one, or goes on; the memory is withdrawn, or the route cut besides; then it is filled with a canary, the peer
 * continues, and each byte that changes is counted. The table in docs/bulk-path.md is what this program prints.
 *
 * The parameter is the provider.
 */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/contract/na_bench.h"
#include "tests/support/support_guard.h"
#include "tests/support/support_suite.h"
#include "util/util_bytes.h"
#include "util/util_rand.h"

enum {
    PIECE = 1 << 20,
    PIECES = 16,
    CANARY = 0xc5,
    SALT = 0x5a,
    ROUNDS = 12,
    HALT_WAIT_US = 100000,
    QUIET_MS = 60, /* without a change: nothing more comes */
};

#define REGION ((size_t)PIECES * PIECE)

/* --- the peer that writes --------------------------------------------------------------------------- */

static struct bench child_bench;
static struct op child_ops[PIECES];

/* Puts piece after piece to where it was told, until it is killed. After a refusal it is silent. */
static void child_put(int out_fd, int control_fd, const char *uri)
{
    struct bench *bench = &child_bench;
    struct na_remote_segment remote = {.key_size = 8};
    char line[NA_ADDRESS_MAX + 64] = {0};
    char address[NA_ADDRESS_MAX];
    unsigned long long base;
    unsigned long long key;
    bool refused = false;

    for (size_t used = 0; used + 1 < sizeof(line) && read(control_fd, line + used, 1) == 1 && line[used] != '\n';)
        used++;
    SUPPORT_CHECK(sscanf(line, "%255s %llx %llx", address, &base, &key) == 3);
    remote.address = base;
    util_bytes_put64(remote.key, key);
    node_open_config(&bench->client, &(struct na_config){.uri = uri});
    bench->client_bytes = malloc(REGION);
    SUPPORT_CHECK(bench->client_bytes != NULL);
    memset(bench->client_bytes, SALT, REGION);
    bench->client_mem = bench_register(&bench->client, bench->client_bytes, REGION, NA_ACCESS_LOCAL);
    bench->route = node_meet(&bench->client, NULL, address);
    for (size_t i = 0; i < PIECES; i++)
        child_ops[i].ends = 1;
    (void)dprintf(out_fd, "ready\n");
    for (;;) {
        for (size_t i = 0; i < PIECES && !refused; i++) {
            if (child_ops[i].ends == 0)
                continue;
            refused = child_ops[i].error != 0;
            op_fill(&child_ops[i], bench, NA_RMA_PUT, i * PIECE, PIECE, &remote);
            if (!refused && na_rma_post(&child_ops[i].rma) != 0)
                child_ops[i].ends = 1; /* for now, or the route is down */
        }
        (void)node_pump(&bench->client);
    }
}

/* --- the owner --------------------------------------------------------------------------------------- */

enum way {
    WITHDRAW,
    WITHDRAW_AND_CUT,
};

struct measured {
    unsigned int rounds;
    unsigned int harmed;    /* rounds in which a byte changed afterwards */
    size_t most_bytes;      /* in one round */
    uint64_t latest_us;     /* after the peer went on */
    uint64_t withdrawal_us; /* the longest that it took */
};

static void child_wait_stopped(const struct node_child *child)
{
    int status;

    SUPPORT_CHECK(kill(child->pid, SIGSTOP) == 0);
    SUPPORT_CHECK(waitpid(child->pid, &status, WUNTRACED) == child->pid && WIFSTOPPED(status));
}

static size_t changed(const unsigned char *bytes, size_t size, unsigned char from)
{
    size_t count = 0;

    for (size_t i = 0; i < size; i++)
        count += bytes[i] != from;
    return count;
}

/* Turns until the peer has written about so much. */
static void await_writing(struct node *owner, const unsigned char *bytes, size_t offset)
{
    NODE_UNTIL(__atomic_load_n(&bytes[offset], __ATOMIC_RELAXED) == SALT, BENCH_WAIT_MS)(void) node_pump(owner);
    SUPPORT_CHECK(__atomic_load_n(&bytes[offset], __ATOMIC_RELAXED) == SALT);
}

/* Takes in all that the stopped peer had handed to the system, so that a put stands in its middle. */
static void take_in(struct node *owner)
{
    NODE_UNTIL(false, 30)(void) node_pump(owner);
}

static void watch(struct node *owner, const unsigned char *bytes, struct measured *measured)
{
    uint64_t begin_us = support_suite_now_us();
    uint64_t latest_us = begin_us;
    size_t seen = 0;

    while (support_suite_now_us() - latest_us < QUIET_MS * 1000U) {
        size_t now;

        (void)node_pump(owner);
        now = changed(bytes, REGION, CANARY);
        if (now > seen) {
            latest_us = support_suite_now_us();
            seen = now;
        }
    }
    measured->rounds++;
    measured->harmed += seen > 0;
    if (seen > measured->most_bytes)
        measured->most_bytes = seen;
    if (seen > 0 && latest_us - begin_us > measured->latest_us)
        measured->latest_us = latest_us - begin_us;
}

static void withdraw(struct node *owner, struct na_mem *mem, enum way way, struct measured *measured)
{
    uint64_t begin_us = support_suite_now_us();

    na_mem_deregister(mem);
    if (way == WITHDRAW_AND_CUT) {
        for (uint32_t i = 0; i < owner->accepted_count; i++)
            na_route_cut(owner->accepted[i]);
        owner->accepted_count = 0;
        na_route_cut(owner->back);
        owner->back = NULL;
    }
    if (support_suite_now_us() - begin_us > measured->withdrawal_us)
        measured->withdrawal_us = support_suite_now_us() - begin_us;
}

/* One for each round of a case, all made before anything is open: RDMA devices cannot be shared with a child. */
static struct node_child children[2 * ROUNDS];
static size_t children_used;

static void children_start(void)
{
    for (size_t i = 0; i < sizeof(children) / sizeof(children[0]); i++)
        node_child_start(&children[i], child_put, node_uri());
}

static void measure_round(enum way way, bool stop, struct measured *measured, struct na_limits *limits)
{
    static unsigned char bytes[PIECES * PIECE];
    struct node_child child = children[children_used++];
    struct node owner;
    struct na_remote_segment remote;
    struct na_mem *mem;
    char line[32];

    memset(bytes, 0, sizeof(bytes));
    node_open(&owner, true);
    *limits = *na_class_limits(owner.na_class);
    mem = bench_register(&owner, bytes, sizeof(bytes), NA_ACCESS_REMOTE_WRITE);
    na_mem_describe(mem, 0, &remote);
    (void)dprintf(child.control, "%s %llx %llx\n", na_class_address(owner.na_class), (unsigned long long)remote.address,
                  (unsigned long long)util_bytes_get64(remote.key));
    NODE_UNTIL(owner.frames > 0, BENCH_WAIT_MS)(void) node_pump(&owner);
    await_writing(&owner, bytes, util_rand_u64() % REGION);
    if (stop) {
        child_wait_stopped(&child);
        take_in(&owner);
    }
    withdraw(&owner, mem, way, measured);
    memset(bytes, CANARY, sizeof(bytes));
    if (stop)
        SUPPORT_CHECK(kill(child.pid, SIGCONT) == 0);
    watch(&owner, bytes, measured);
    node_child_line(&child, line, sizeof(line));
    node_child_kill(&child);
    node_close(&owner);
}

static void measure(enum way way, bool stop, struct measured *measured, struct na_limits *limits)
{
    memset(measured, 0, sizeof(*measured));
    for (unsigned int i = 0; i < ROUNDS; i++)
        measure_round(way, stop, measured, limits);
    printf("# %s, %s, peer %s: bytes landed in %u of %u rounds, at most %zu, until %.1f ms; withdrawing took %.1f ms\n",
           support_suite_parameter(), way == WITHDRAW ? "withdrawn" : "withdrawn and cut",
           stop ? "stopped meanwhile" : "running", measured->harmed, measured->rounds, measured->most_bytes,
           (double)measured->latest_us / 1000, (double)measured->withdrawal_us / 1000);
}

/* --- the promises of na_limits ------------------------------------------------------------------------- */

static void withdrawn_memory_gets_the_rest_of_a_put_at_most(void)
{
    struct measured stopped;
    struct measured running;
    struct na_limits limits;

    children_start();
    measure(WITHDRAW, true, &stopped, &limits);
    measure(WITHDRAW, false, &running, &limits);
    if (!limits.revocable)
        support_suite_skip("the transport cannot revoke");
    SUPPORT_CHECK(stopped.most_bytes <= PIECE && running.most_bytes <= PIECE);
    if (!limits.writes_halted)
        return;
    SUPPORT_CHECK(running.harmed == 0);
    /* A peer that copies by itself is waited for, but not for ever. */
    SUPPORT_CHECK(stopped.harmed == 0 || stopped.withdrawal_us >= HALT_WAIT_US);
}

static void cut_route_brings_nothing_more(void)
{
    struct measured stopped;
    struct measured running;
    struct na_limits limits;

    children_start();
    measure(WITHDRAW_AND_CUT, true, &stopped, &limits);
    measure(WITHDRAW_AND_CUT, false, &running, &limits);
    if (!limits.cuttable)
        support_suite_skip("the transport has no routes to cut");
    SUPPORT_CHECK(stopped.harmed == 0 && running.harmed == 0);
}

static const struct support_case cases[] = {
    {"withdrawn_memory_gets_the_rest_of_a_put_at_most", withdrawn_memory_gets_the_rest_of_a_put_at_most, 60},
    {"cut_route_brings_nothing_more", cut_route_brings_nothing_more, 60},
    {NULL, NULL, 0},
};

int main(int argc, char **argv)
{
    static const struct support_case *const tables[] = {cases, NULL};

    return support_suite_main(argc, argv, tables, NULL);
}
