/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * What the contract tests of remote memory access share: two nodes with registered memory and a route
 * between them, operations that record their end, and memory that shows who wrote it. One thread.
 */
#ifndef TESTS_NA_BENCH_H
#define TESTS_NA_BENCH_H

#include "tests/contract/na_node.h"

enum { BENCH_WAIT_MS = 8000 };

/* An operation with a record of its end. */
struct op {
    struct na_rma rma; /* first: the end finds the op by it */
    int ends;
    int error;
};

/* Two nodes, memory registered at each, and a route from client to server. */
struct bench {
    struct node client;
    struct node server;
    struct na_route *route;
    struct na_mem *client_mem;
    struct na_mem *server_mem;
    unsigned char *client_bytes; /* filled with salt 1 */
    unsigned char *server_bytes; /* with salt 2 */
    size_t size;                 /* of either */
};

/* The server's memory with this access, the client's for local use alone. */
void bench_open(struct bench *bench, size_t size, unsigned server_access);
/* With all settings. */
struct bench_options {
    unsigned server_access;
    unsigned client_access;
    bool client_listens;
    const char *server_direct; /* QS_SHM_DIRECT for either; NULL: as it is */
    const char *client_direct;
};
void bench_open_with(struct bench *bench, size_t size, const struct bench_options *options);
void bench_close(struct bench *bench);
/* A turn of both nodes. */
void bench_pump(struct bench *bench);

struct na_mem *bench_register(struct node *node, void *bytes, size_t size, unsigned access);

/* Memory whose bytes depend on their place and a salt. */
void bytes_fill(unsigned char *bytes, size_t size, unsigned int salt);
bool bytes_are(const unsigned char *bytes, size_t begin, size_t end, unsigned int salt);

/* Fills an operation on `size` bytes at `offset`, the same at both sides. */
void op_fill(struct op *op, struct bench *bench, enum na_rma_op kind, size_t offset, size_t size,
             const struct na_remote_segment *remote);
/* Posts it, again while it is refused for now; what na_rma_post said. */
int op_post(struct op *op, struct bench *bench);
/* Posts and waits: how it ended, or how it was refused. */
int op_run(struct op *op, struct bench *bench);
/* The number of those that have ended. */
int ops_ended(const struct op *ops, size_t count);
/* Turns until all have ended, each once. */
void ops_wait(const struct op *ops, size_t count, struct bench *bench);

#endif
