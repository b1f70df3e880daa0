/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * See na_bench.h. One thread.
 */
#include "tests/contract/na_bench.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/support_guard.h"
#include "tests/support/support_suite.h"
#include "util/util_detail.h"

/* --- memory -------------------------------------------------------------------------------------------- */

static unsigned char byte_at(size_t i, unsigned int salt)
{
    return (unsigned char)(i * 13 + (i >> 11) + salt);
}

/* One thread fills and looks; under TSan, which would note each byte of many megabytes, that is most of a test's time. */
#define BYTES_UNWATCHED __attribute__((no_sanitize("thread")))

BYTES_UNWATCHED void bytes_fill(unsigned char *bytes, size_t size, unsigned int salt)
{
    for (size_t i = 0; i < size; i++)
        bytes[i] = byte_at(i, salt);
}

BYTES_UNWATCHED bool bytes_are(const unsigned char *bytes, size_t begin, size_t end, unsigned int salt)
{
    for (size_t i = begin; i < end; i++) {
        if (bytes[i] != byte_at(i, salt))
            return false;
    }
    return true;
}

struct na_mem *bench_register(struct node *node, void *bytes, size_t size, unsigned access)
{
    struct na_segment segment = {.base = bytes, .size = size};
    struct na_mem *mem = NULL;
    int ret = na_mem_register(node->na_class, &segment, 1, access, NA_MEM_HOST, 0, &mem);

    if (ret != 0)
        support_suite_fail("%zu bytes were not registered: %d, %s", size, ret, util_detail_get());
    return mem;
}

/* --- the bench ------------------------------------------------------------------------------------------ */

/* A node that may, or may not, copy from and to its peers' memory by itself. */
static void bench_open_node(struct node *node, bool listen, const char *direct)
{
    const char *set = getenv("QS_SHM_DIRECT");
    char before[16] = "";

    if (set != NULL)
        (void)snprintf(before, sizeof(before), "%s", set);
    if (direct != NULL)
        SUPPORT_CHECK(setenv("QS_SHM_DIRECT", direct, 1) == 0);
    node_open(node, listen);
    if (direct != NULL)
        SUPPORT_CHECK((set != NULL ? setenv("QS_SHM_DIRECT", before, 1) : unsetenv("QS_SHM_DIRECT")) == 0);
}

void bench_open_with(struct bench *bench, size_t size, const struct bench_options *options)
{
    memset(bench, 0, sizeof(*bench));
    bench_open_node(&bench->server, true, options->server_direct);
    bench_open_node(&bench->client, options->client_listens, options->client_direct);
    bench->size = size;
    bench->client_bytes = malloc(size);
    bench->server_bytes = malloc(size);
    SUPPORT_CHECK(bench->client_bytes != NULL && bench->server_bytes != NULL);
    bytes_fill(bench->client_bytes, size, 1);
    bytes_fill(bench->server_bytes, size, 2);
    bench->client_mem = bench_register(&bench->client, bench->client_bytes, size, options->client_access);
    bench->server_mem = bench_register(&bench->server, bench->server_bytes, size, options->server_access);
    bench->route = node_meet(&bench->client, &bench->server, na_class_address(bench->server.na_class));
}

void bench_open(struct bench *bench, size_t size, unsigned server_access)
{
    bench_open_with(bench, size,
                    &(struct bench_options){.server_access = server_access, .client_access = NA_ACCESS_LOCAL});
}

void bench_close(struct bench *bench)
{
    na_route_close(bench->route);
    NODE_UNTIL(false, 20) bench_pump(bench);
    na_mem_deregister(bench->client_mem);
    na_mem_deregister(bench->server_mem);
    node_close(&bench->client);
    node_close(&bench->server);
    free(bench->client_bytes);
    free(bench->server_bytes);
}

void bench_pump(struct bench *bench)
{
    node_pump_both(&bench->client, &bench->server);
}

/* --- operations ------------------------------------------------------------------------------------------- */

static void op_done(struct na_rma *rma, int error)
{
    struct op *op = (struct op *)(void *)rma;

    op->ends++;
    op->error = error;
}

void op_fill(struct op *op, struct bench *bench, enum na_rma_op kind, size_t offset, size_t size,
             const struct na_remote_segment *remote)
{
    memset(op, 0, sizeof(*op));
    op->rma.op = kind;
    op->rma.route = bench->route;
    op->rma.local = bench->client_bytes + offset;
    op->rma.local_mem = bench->client_mem;
    op->rma.size = size;
    op->rma.remote_address = remote->address + offset;
    op->rma.key = remote->key;
    op->rma.key_size = remote->key_size;
    op->rma.done = op_done;
}

int op_post(struct op *op, struct bench *bench)
{
    int ret = -EAGAIN;

    NODE_UNTIL((ret = na_rma_post(&op->rma)) != -EAGAIN, BENCH_WAIT_MS) bench_pump(bench);
    return ret;
}

int op_run(struct op *op, struct bench *bench)
{
    int ret = op_post(op, bench);

    if (ret != 0)
        return ret;
    NODE_UNTIL(op->ends > 0, BENCH_WAIT_MS) bench_pump(bench);
    SUPPORT_CHECK(op->ends == 1);
    return op->error;
}

int ops_ended(const struct op *ops, size_t count)
{
    int ended = 0;

    for (size_t i = 0; i < count; i++)
        ended += ops[i].ends;
    return ended;
}

void ops_wait(const struct op *ops, size_t count, struct bench *bench)
{
    NODE_UNTIL(ops_ended(ops, count) == (int)count, BENCH_WAIT_MS) bench_pump(bench);
    for (size_t i = 0; i < count; i++) {
        if (ops[i].ends != 1)
            support_suite_fail("operation %zu of %zu ended %d times", i, count, ops[i].ends);
    }
}
