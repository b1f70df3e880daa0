/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Threads that submit and cancel transfers on one context while another makes its progress and a
 * third that of the origin. Every submit that was taken must call back exactly once, a transfer
 * that says success must have moved its bytes, and nothing is left open at the end.
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mercury.h"
#include "mercury_bulk.h"
#include "tests/support/support_guard.h"
#include "util/util_rand.h"

#define SUBMITTERS 3
#define ROUNDS     400
#define SIZE       (200U << 10)

static hg_class_t *classes[2]; /* the origin's, ours */
static hg_context_t *contexts[2];
static hg_addr_t origin_addr;
static hg_bulk_t remote;
static unsigned char theirs[SIZE];
static atomic_bool stop;
static atomic_uint cancelled;
static uint64_t seed;

/* One transfer of a submitter. */
struct job {
    atomic_uint calls;
    hg_return_t ret;
};

static hg_return_t job_done(const struct hg_cb_info *info)
{
    struct job *job = info->arg;

    job->ret = info->ret;
    atomic_fetch_add(&job->calls, 1);
    return HG_SUCCESS;
}

static void *progress(void *arg)
{
    hg_context_t *context = arg;

    while (!atomic_load(&stop)) {
        unsigned int count;

        while (HG_Trigger(context, 0, 8, &count) == HG_SUCCESS && count > 0)
            continue;
        (void)HG_Progress(context, 10);
    }
    return NULL;
}

static void *submit(void *arg)
{
    unsigned char *ours = calloc(1, SIZE);
    void *base = ours;
    hg_size_t size = SIZE;
    struct util_prng prng;
    hg_op_id_t last = HG_OP_ID_NULL;

    SUPPORT_CHECK(ours != NULL);
    util_prng_init(&prng, seed + (uintptr_t)arg);
    for (int round = 0; round < ROUNDS; round++) {
        struct job job = {.ret = HG_OTHER_ERROR};
        hg_bulk_t local;
        hg_op_id_t op_id;

        memset(ours, 0, SIZE);
        SUPPORT_CHECK(HG_Bulk_create(classes[1], 1, &base, &size, HG_BULK_READWRITE, &local) == HG_SUCCESS);
        SUPPORT_CHECK(HG_Bulk_transfer(contexts[1], job_done, &job, HG_BULK_PULL, origin_addr, remote, 0, local, 0,
                                       SIZE, &op_id) == HG_SUCCESS);
        SUPPORT_CHECK(HG_Bulk_free(local) == HG_SUCCESS);
        if (last != HG_OP_ID_NULL)
            SUPPORT_CHECK(HG_Bulk_cancel(last) == HG_SUCCESS); /* over: must not hit this one */
        if (util_prng_below(&prng, 4) == 0)
            SUPPORT_CHECK(HG_Bulk_cancel(op_id) == HG_SUCCESS);
        while (atomic_load(&job.calls) == 0)
            sched_yield();
        SUPPORT_CHECK(job.ret == HG_SUCCESS || job.ret == HG_CANCELED);
        if (job.ret == HG_SUCCESS)
            SUPPORT_CHECK(memcmp(ours, theirs, SIZE) == 0);
        else
            atomic_fetch_add(&cancelled, 1);
        SUPPORT_CHECK(atomic_load(&job.calls) == 1);
        last = op_id;
    }
    free(ours);
    return NULL;
}

static void open_both(const char *uri)
{
    hg_addr_t self;
    char text[256];
    hg_size_t text_size = sizeof(text);

    for (int i = 0; i < 2; i++) {
        classes[i] = HG_Init(uri, true);
        SUPPORT_CHECK(classes[i] != NULL);
        contexts[i] = HG_Context_create(classes[i]);
        SUPPORT_CHECK(contexts[i] != NULL);
    }
    SUPPORT_CHECK(HG_Addr_self(classes[0], &self) == HG_SUCCESS);
    SUPPORT_CHECK(HG_Addr_to_string(classes[0], text, &text_size, self) == HG_SUCCESS);
    SUPPORT_CHECK(HG_Addr_free(classes[0], self) == HG_SUCCESS);
    SUPPORT_CHECK(HG_Addr_lookup2(classes[1], text, &origin_addr) == HG_SUCCESS);
}

static hg_bulk_t describe(hg_bulk_t origin)
{
    hg_bulk_t decoded;
    char buf[256];

    SUPPORT_CHECK(HG_Bulk_serialize(buf, sizeof(buf), 0, origin) == HG_SUCCESS);
    SUPPORT_CHECK(HG_Bulk_deserialize(classes[1], &decoded, buf, sizeof(buf)) == HG_SUCCESS);
    return decoded;
}

static void run_over(const char *uri)
{
    pthread_t submitters[SUBMITTERS];
    pthread_t progressors[2];
    void *base = theirs;
    hg_size_t size = SIZE;
    hg_bulk_t origin;

    atomic_store(&stop, false);
    atomic_store(&cancelled, 0);
    for (size_t i = 0; i < SIZE; i++)
        theirs[i] = (unsigned char)(i * 13 + i / 257 + 1);
    open_both(uri);
    SUPPORT_CHECK(HG_Bulk_create(classes[0], 1, &base, &size, HG_BULK_READ_ONLY, &origin) == HG_SUCCESS);
    remote = describe(origin);
    for (int i = 0; i < 2; i++)
        SUPPORT_CHECK(pthread_create(&progressors[i], NULL, progress, contexts[i]) == 0);
    for (intptr_t i = 0; i < SUBMITTERS; i++)
        SUPPORT_CHECK(pthread_create(&submitters[i], NULL, submit, (void *)i) == 0);
    for (int i = 0; i < SUBMITTERS; i++)
        pthread_join(submitters[i], NULL);
    atomic_store(&stop, true);
    for (int i = 0; i < 2; i++)
        pthread_join(progressors[i], NULL);
    SUPPORT_CHECK(HG_Bulk_free(remote) == HG_SUCCESS);
    SUPPORT_CHECK(HG_Bulk_free(origin) == HG_SUCCESS);
    SUPPORT_CHECK(HG_Addr_free(classes[1], origin_addr) == HG_SUCCESS);
    for (int i = 0; i < 2; i++) {
        SUPPORT_CHECK(HG_Context_destroy(contexts[i]) == HG_SUCCESS);
        SUPPORT_CHECK(HG_Finalize(classes[i]) == HG_SUCCESS);
    }
    printf("%s: %u of %u transfers ended as cancelled\n", uri, atomic_load(&cancelled), SUBMITTERS * ROUNDS);
}

static int threads(void)
{
    seed = support_seed();
    run_over("tcp://127.0.0.1");
    run_over("shm");
    return 0;
}

SUPPORT_MAIN(threads)
