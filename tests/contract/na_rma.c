/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * The contract of remote memory access: the right bytes, refused where they must be, and exactly
 * one end for each operation whatever happens to the peer.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/contract/na_bench.h"
#include "tests/contract/na_contract.h"
#include "tests/support/support_guard.h"
#include "util/util_bytes.h"

enum { OPS_MAX = 64 };

static void put_and_get_move_the_right_bytes(void)
{
    static const size_t sizes[] = {1, 7, 64, 4096, 65537, 1048576 + 3};
    struct bench bench;
    struct na_remote_segment remote;
    struct op op;

    bench_open(&bench, 3 * 1048576, NA_ACCESS_REMOTE_READ | NA_ACCESS_REMOTE_WRITE);
    na_mem_describe(bench.server_mem, 0, &remote);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        size_t offset = 1000 * (i + 1) + i;
        bytes_fill(bench.client_bytes, bench.size, 1);
        bytes_fill(bench.server_bytes, bench.size, 2);
        op_fill(&op, &bench, NA_RMA_GET, offset, sizes[i], &remote);
        SUPPORT_CHECK(op_run(&op, &bench) == 0);
        SUPPORT_CHECK(bytes_are(bench.client_bytes, 0, offset, 1));
        SUPPORT_CHECK(bytes_are(bench.client_bytes, offset, offset + sizes[i], 2));
        SUPPORT_CHECK(bytes_are(bench.client_bytes, offset + sizes[i], bench.size, 1));
        bytes_fill(bench.client_bytes, bench.size, 3);
        op_fill(&op, &bench, NA_RMA_PUT, offset, sizes[i], &remote);
        SUPPORT_CHECK(op_run(&op, &bench) == 0);
        SUPPORT_CHECK(bytes_are(bench.server_bytes, 0, offset, 2));
        SUPPORT_CHECK(bytes_are(bench.server_bytes, offset, offset + sizes[i], 3));
        SUPPORT_CHECK(bytes_are(bench.server_bytes, offset + sizes[i], bench.size, 2));
    }
    bench_close(&bench);
}

static void many_operations_run_at_once(void)
{
    enum { PIECE = 262144 };
    struct bench bench;
    struct na_remote_segment remote;
    static struct op ops[OPS_MAX];

    bench_open(&bench, (size_t)OPS_MAX * PIECE, NA_ACCESS_REMOTE_READ | NA_ACCESS_REMOTE_WRITE);
    na_mem_describe(bench.server_mem, 0, &remote);
    for (size_t i = 0; i < OPS_MAX; i++) {
        op_fill(&ops[i], &bench, i % 2 == 0 ? NA_RMA_GET : NA_RMA_PUT, i * PIECE, PIECE, &remote);
        SUPPORT_CHECK(op_post(&ops[i], &bench) == 0);
    }
    ops_wait(ops, OPS_MAX, &bench);
    for (size_t i = 0; i < OPS_MAX; i++) {
        unsigned int salt = i % 2 == 0 ? 2 : 1;
        SUPPORT_CHECK(ops[i].error == 0);
        SUPPORT_CHECK(bytes_are(bench.client_bytes, i * PIECE, (i + 1) * PIECE, salt));
        SUPPORT_CHECK(bytes_are(bench.server_bytes, i * PIECE, (i + 1) * PIECE, salt));
    }
    bench_close(&bench);
}

static void segments_have_keys_of_their_own(void)
{
    struct bench bench;
    struct na_remote_segment remotes[3];
    struct na_segment segments[3];
    struct na_mem *mem = NULL;
    struct op op;

    bench_open(&bench, 65536, NA_ACCESS_REMOTE_READ);
    segments[0] = (struct na_segment){.base = bench.server_bytes + 5000, .size = 3000};
    segments[1] = (struct na_segment){.base = NULL, .size = 0};
    segments[2] = (struct na_segment){.base = bench.server_bytes + 20000, .size = 9000};
    SUPPORT_CHECK(na_mem_register(bench.server.na_class, segments, 3, NA_ACCESS_REMOTE_READ, NA_MEM_HOST, 0, &mem) ==
                  0);
    for (uint32_t i = 0; i < 3; i++)
        na_mem_describe(mem, i, &remotes[i]);
    SUPPORT_CHECK(memcmp(remotes[0].key, remotes[2].key, remotes[0].key_size) != 0);
    op_fill(&op, &bench, NA_RMA_GET, 0, 500, &remotes[2]);
    op.rma.remote_address = remotes[2].address + 8000;
    SUPPORT_CHECK(op_run(&op, &bench) == 0);
    SUPPORT_CHECK(memcmp(bench.client_bytes, bench.server_bytes + 28000, 500) == 0);
    na_mem_deregister(mem);
    bench_close(&bench);
}

/* Runs an operation that must fail and leave both memories alone, then shows that the nodes live. */
static void expect_refusal(struct bench *bench, struct op *op)
{
    struct na_route *route;
    uint64_t frames = bench->client.frames;

    if (!na_class_limits(bench->client.na_class)->keys_checked) {
        bench_close(bench);
        support_suite_skip("the transport does not check keys");
    }

    SUPPORT_CHECK(op_run(op, bench) != 0);
    SUPPORT_CHECK(bytes_are(bench->client_bytes, 0, bench->size, 1));
    SUPPORT_CHECK(bytes_are(bench->server_bytes, 0, bench->size, 2));
    /* Where refusal ended a connection that is not ours to see, frames are lost until it is made again. */
    for (int i = 0; i < 20 && bench->client.frames == frames; i++) {
        route = node_route(&bench->client, na_class_address(bench->server.na_class));
        NODE_UNTIL(node_send(&bench->client, route, NODE_KIND_ECHO, 1, 1000) != -EAGAIN, BENCH_WAIT_MS / 20)
        bench_pump(bench);
        NODE_UNTIL(bench->client.frames > frames, BENCH_WAIT_MS / 20) bench_pump(bench);
        na_route_close(route);
    }
    SUPPORT_CHECK(bench->client.frames > frames);
}

/* Memory of 8192 bytes with this access refuses 4096 of them, by a key and at an address that are so far from the right ones. */
static void refuses(unsigned int access, enum na_rma_op kind, uint8_t key_change, int64_t shift)
{
    struct na_remote_segment remote;
    struct bench bench;
    struct op op;

    bench_open(&bench, 8192, access);
    na_mem_describe(bench.server_mem, 0, &remote);
    remote.key[0] ^= key_change;
    op_fill(&op, &bench, kind, 0, 4096, &remote);
    op.rma.remote_address = remote.address + (uint64_t)shift;
    expect_refusal(&bench, &op);
    bench_close(&bench);
}

/* The same for memory that was withdrawn. */
static void refuses_withdrawn(enum na_rma_op kind)
{
    struct na_remote_segment remote;
    struct bench bench;
    struct op op;

    bench_open(&bench, 8192, NA_ACCESS_REMOTE_READ | NA_ACCESS_REMOTE_WRITE);
    if (!na_class_limits(bench.client.na_class)->revocable) {
        bench_close(&bench);
        support_suite_skip("the transport cannot revoke");
    }
    na_mem_describe(bench.server_mem, 0, &remote);
    na_mem_deregister(bench.server_mem);
    bench.server_mem = NULL;
    op_fill(&op, &bench, kind, 0, 4096, &remote);
    expect_refusal(&bench, &op);
    bench_close(&bench);
}

static void a_wrong_key_is_refused(void)
{
    refuses(NA_ACCESS_REMOTE_READ | NA_ACCESS_REMOTE_WRITE, NA_RMA_GET, 0x55, 0);
}

static void a_wrong_key_writes_nothing(void)
{
    refuses(NA_ACCESS_REMOTE_READ | NA_ACCESS_REMOTE_WRITE, NA_RMA_PUT, 0x80, 0);
}

/* Skips where a key gives all rights. */
static void need_rights(void)
{
    struct node node;
    bool checked;

    node_open(&node, true);
    checked = na_class_limits(node.na_class)->rights_checked;
    node_close(&node);
    if (!checked)
        support_suite_skip("the transport does not check directions");
}

static void reading_what_may_only_be_written_is_refused(void)
{
    need_rights();
    refuses(NA_ACCESS_REMOTE_WRITE, NA_RMA_GET, 0, 0);
}

static void writing_what_may_only_be_read_is_refused(void)
{
    need_rights();
    refuses(NA_ACCESS_REMOTE_READ, NA_RMA_PUT, 0, 0);
}

static void beyond_the_end_is_refused(void)
{
    refuses(NA_ACCESS_REMOTE_READ, NA_RMA_GET, 0, 8192 - 100);
}

static void writing_beyond_the_end_is_refused(void)
{
    refuses(NA_ACCESS_REMOTE_READ | NA_ACCESS_REMOTE_WRITE, NA_RMA_PUT, 0, 8192 - 4095);
}

static void before_the_start_is_refused(void)
{
    refuses(NA_ACCESS_REMOTE_READ | NA_ACCESS_REMOTE_WRITE, NA_RMA_PUT, 0, -100);
}

static void withdrawn_memory_is_refused(void)
{
    refuses_withdrawn(NA_RMA_GET);
}

static void withdrawn_memory_is_not_written(void)
{
    refuses_withdrawn(NA_RMA_PUT);
}

static void keys_are_hard_to_guess(void)
{
    struct node node;
    static unsigned char bytes[4096];
    struct na_remote_segment one;
    struct na_remote_segment two;
    struct na_mem *mem;

    node_open(&node, false);
    if (!na_class_limits(node.na_class)->chosen_keys) {
        node_close(&node);
        support_suite_skip("the provider makes the keys");
    }
    mem = bench_register(&node, bytes, sizeof(bytes), NA_ACCESS_REMOTE_READ);
    na_mem_describe(mem, 0, &one);
    na_mem_deregister(mem);
    mem = bench_register(&node, bytes, sizeof(bytes), NA_ACCESS_REMOTE_READ);
    na_mem_describe(mem, 0, &two);
    na_mem_deregister(mem);
    SUPPORT_CHECK(one.key_size == 8 && two.key_size == 8);
    SUPPORT_CHECK(util_bytes_get64(one.key) != util_bytes_get64(two.key));
    SUPPORT_CHECK(util_bytes_get64(one.key) >> 32 != util_bytes_get64(two.key) >> 32);
    node_close(&node);
}

static void closing_the_route_ends_what_is_pending(void)
{
    enum { PIECE = 1048576, COUNT = 16 };
    struct bench bench;
    struct na_remote_segment remote;
    static struct op ops[COUNT];

    bench_open(&bench, (size_t)COUNT * PIECE, NA_ACCESS_REMOTE_READ);
    na_mem_describe(bench.server_mem, 0, &remote);
    for (size_t i = 0; i < COUNT; i++) {
        op_fill(&ops[i], &bench, NA_RMA_GET, i * PIECE, PIECE, &remote);
        SUPPORT_CHECK(op_post(&ops[i], &bench) == 0);
    }
    na_route_close(bench.route);
    bench.route = NULL;
    ops_wait(ops, COUNT, &bench);
    for (size_t i = 0; i < COUNT; i++)
        SUPPORT_CHECK(ops[i].error == -ECANCELED || ops[i].error == 0);
    NODE_UNTIL(false, 50) bench_pump(&bench);
    for (size_t i = 0; i < COUNT; i++)
        SUPPORT_CHECK(ops[i].ends == 1);
    bench_close(&bench);
}

/* Work for a child: offers memory, writes its description, and serves until it is killed. */
static void child_offer(int out_fd, int control_fd, const char *uri)
{
    struct node node;
    struct na_remote_segment remote;
    size_t size = 16U << 20;
    unsigned char *bytes = calloc(1, size);

    (void)control_fd;
    node_open_config(&node, &(struct na_config){.uri = uri, .listen = true});
    na_mem_describe(bench_register(&node, bytes, size, NA_ACCESS_REMOTE_READ | NA_ACCESS_REMOTE_WRITE), 0, &remote);
    (void)dprintf(out_fd, "%s\n%llx\n%llx\n", na_class_address(node.na_class), (unsigned long long)remote.address,
                  (unsigned long long)util_bytes_get64(remote.key));
    for (;;) {
        if (node_pump(&node) == 0)
            (void)usleep(20);
    }
}

static void pending_operations_end_once_when_the_peer_dies(void)
{
    enum { PIECE = 1048576, COUNT = 16 };
    struct node_child child;
    struct node client;
    struct na_remote_segment remote = {.key_size = 8};
    static struct op ops[COUNT];
    struct bench bench = {0};
    char line[NA_ADDRESS_MAX];
    char address[NA_ADDRESS_MAX];
    int posted = 0;

    node_child_start(&child, child_offer, node_uri());
    node_child_line(&child, address, sizeof(address));
    node_child_line(&child, line, sizeof(line));
    remote.address = strtoull(line, NULL, 16);
    node_child_line(&child, line, sizeof(line));
    util_bytes_put64(remote.key, strtoull(line, NULL, 16));
    node_open(&client, false);
    if (!na_class_limits(client.na_class)->death_notice) {
        node_child_kill(&child);
        node_close(&client);
        support_suite_skip("the transport does not notice deaths");
    }
    bench.client_bytes = calloc(COUNT, PIECE);
    bench.client_mem = bench_register(&client, bench.client_bytes, (size_t)COUNT * PIECE, NA_ACCESS_LOCAL);
    bench.route = node_route(&client, address);
    node_send_surely(&client, NULL, bench.route, NODE_KIND_ECHO, 0, 1000);
    NODE_UNTIL(client.frames == 1, BENCH_WAIT_MS)(void) node_pump(&client);
    SUPPORT_CHECK(client.frames == 1);
    /* Stopped, so that nothing is served any more; then killed. */
    SUPPORT_CHECK(kill(child.pid, SIGSTOP) == 0);
    for (size_t i = 0; i < COUNT; i++) {
        op_fill(&ops[i], &bench, i % 2 == 0 ? NA_RMA_GET : NA_RMA_PUT, i * PIECE, PIECE, &remote);
        if (na_rma_post(&ops[i].rma) != 0)
            break;
        posted++;
        (void)node_pump(&client);
    }
    SUPPORT_CHECK(posted > 0);
    node_child_kill(&child);
    NODE_UNTIL(ops_ended(ops, (size_t)posted) == posted && client.downs == 1, BENCH_WAIT_MS)(void) node_pump(&client);
    SUPPORT_CHECK(client.downs == 1 && client.down_error == -ECONNRESET);
    for (int i = 0; i < posted; i++)
        SUPPORT_CHECK(ops[i].ends == 1);
    na_route_close(bench.route);
    NODE_UNTIL(false, 20)(void) node_pump(&client);
    na_mem_deregister(bench.client_mem);
    node_close(&client);
    free(bench.client_bytes);
}

const struct support_case na_rma_cases[] = {
    SUPPORT_CASE(put_and_get_move_the_right_bytes),
    SUPPORT_CASE(many_operations_run_at_once),
    SUPPORT_CASE(segments_have_keys_of_their_own),
    SUPPORT_CASE(a_wrong_key_is_refused),
    SUPPORT_CASE(reading_what_may_only_be_written_is_refused),
    SUPPORT_CASE(writing_what_may_only_be_read_is_refused),
    SUPPORT_CASE(beyond_the_end_is_refused),
    SUPPORT_CASE(withdrawn_memory_is_refused),
    SUPPORT_CASE(withdrawn_memory_is_not_written),
    SUPPORT_CASE(a_wrong_key_writes_nothing),
    SUPPORT_CASE(writing_beyond_the_end_is_refused),
    SUPPORT_CASE(before_the_start_is_refused),
    SUPPORT_CASE(keys_are_hard_to_guess),
    SUPPORT_CASE(closing_the_route_ends_what_is_pending),
    SUPPORT_CASE(pending_operations_end_once_when_the_peer_dies),
    {NULL, NULL, 0},
};
