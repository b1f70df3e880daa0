/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */

/*
 * What a peer that does nothing, and a call that waits for its answer, take of memory: at a target and at an origin, in
 * processes of their own, libfabric's part included (what malloc has given away, by mallinfo2).
 *
 *     memory URI
 */

#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/hg_pair.h"
#include "tests/support/hg_process.h"

enum {
    PEERS = 32,
    CALLS = 10000,
    PAYLOAD = 64,
    /* Far above what is measured: a leak, or a buffer for each, would be seen. */
    PEER_MAX = 512 * 1024,
    CALL_MAX = 8 * 1024,
};

static uint64_t memory_used(void)
{
    struct mallinfo2 info = mallinfo2();

    return info.uordblks + info.hblkhd;
}

/* --- the target ----------------------------------------------------------------------------------------------- */

static hg_handle_t held[CALLS];
static unsigned int held_count;

static hg_return_t serve_used(hg_handle_t handle)
{
    uint64_t used = memory_used();

    (void)HG_Respond(handle, NULL, NULL, &used);
    return HG_Destroy(handle);
}

static hg_return_t serve_hold(hg_handle_t handle)
{
    held[held_count++] = handle;
    return HG_SUCCESS;
}

static hg_return_t serve_release(hg_handle_t handle)
{
    while (held_count > 0) {
        (void)HG_Respond(held[--held_count], NULL, NULL, NULL);
        (void)HG_Destroy(held[held_count]);
    }
    (void)HG_Respond(handle, NULL, NULL, NULL);
    return HG_Destroy(handle);
}

static hg_return_t proc_payload(hg_proc_t proc, void *data)
{
    return hg_proc_bytes(proc, data, PAYLOAD);
}

struct ids {
    hg_id_t used, hold, release;
};

static struct ids register_all(hg_class_t *hg_class)
{
    return (struct ids){
        .used = HG_Register_name(hg_class, "memory used", NULL, hg_proc_uint64_t, serve_used),
        .hold = HG_Register_name(hg_class, "memory hold", proc_payload, NULL, serve_hold),
        .release = HG_Register_name(hg_class, "memory release", NULL, NULL, serve_release),
    };
}

static _Noreturn void role_target(const char *uri)
{
    static struct hg_pair pair;
    char text[HG_PAIR_TEXT];

    (void)pthread_mutex_init(&pair.lock, NULL);
    hg_process_open_side(&pair, &pair.target, uri, true);
    (void)register_all(pair.target.hg_class);
    hg_pair_address(pair.target.hg_class, text);
    printf("%s\n", text);
    fflush(stdout);
    for (;;) {
        (void)HG_Progress(pair.target.contexts[0], 20);
        (void)HG_Trigger(pair.target.contexts[0], 0, 64, NULL);
    }
}

/* --- the origin ----------------------------------------------------------------------------------------------- */

struct origin {
    hg_class_t *hg_class;
    hg_context_t *context;
    hg_addr_t addr;
    struct ids ids;
};

static unsigned int ended;

static hg_return_t call_ended(const struct hg_cb_info *info)
{
    SUPPORT_CHECK(info->ret == HG_SUCCESS);
    ended++;
    return HG_SUCCESS;
}

static void origin_open(struct origin *origin, const char *address)
{
    origin->hg_class = HG_Init(hg_pair_uri(), false);
    SUPPORT_CHECK(origin->hg_class != NULL);
    origin->context = HG_Context_create(origin->hg_class);
    SUPPORT_CHECK(origin->context != NULL);
    origin->ids = register_all(origin->hg_class);
    HG_PAIR_OK(HG_Addr_lookup2(origin->hg_class, address, &origin->addr));
}

static void origin_close(struct origin *origin)
{
    HG_PAIR_OK(HG_Addr_free(origin->hg_class, origin->addr));
    HG_PAIR_OK(HG_Context_destroy(origin->context));
    HG_PAIR_OK(HG_Finalize(origin->hg_class));
}

static void origin_wait(struct origin *origin, unsigned int count)
{
    while (ended < count) {
        (void)HG_Progress(origin->context, 100);
        (void)HG_Trigger(origin->context, 0, UINT32_MAX, NULL);
    }
}

/* A whole call; what the target uses, where it says that. */
static uint64_t origin_call(struct origin *origin, hg_id_t id)
{
    uint64_t used = 0;
    hg_handle_t handle;

    ended = 0;
    HG_PAIR_OK(HG_Create(origin->context, origin->addr, id, &handle));
    HG_PAIR_OK(HG_Forward(handle, call_ended, NULL, NULL));
    origin_wait(origin, 1);
    if (id == origin->ids.used) {
        HG_PAIR_OK(HG_Get_output(handle, &used));
        HG_PAIR_OK(HG_Free_output(handle, &used));
    }
    HG_PAIR_OK(HG_Destroy(handle));
    return used;
}

static void report(const char *what, uint64_t before, uint64_t after, unsigned int count, uint64_t most)
{
    double each = ((double)after - (double)before) / count;

    printf("# %-36s %10.0f bytes\n", what, each);
    SUPPORT_CHECK(each < (double)most);
}

static void measure_peers(struct origin *first, const char *address)
{
    static struct origin others[PEERS];
    uint64_t before = origin_call(first, first->ids.used);

    for (unsigned int i = 0; i < PEERS; i++) {
        origin_open(&others[i], address);
        (void)origin_call(&others[i], others[i].ids.used);
    }
    report("an idle peer, at the target", before, origin_call(first, first->ids.used), PEERS, PEER_MAX);
    for (unsigned int i = 0; i < PEERS; i++)
        origin_close(&others[i]);
}

static void measure_calls(struct origin *origin)
{
    static hg_handle_t handles[CALLS];
    unsigned char payload[PAYLOAD] = {0};
    uint64_t target_before = origin_call(origin, origin->ids.used);
    uint64_t origin_before = memory_used();

    for (unsigned int i = 0; i < CALLS; i++) {
        HG_PAIR_OK(HG_Create(origin->context, origin->addr, origin->ids.hold, &handles[i]));
        HG_PAIR_OK(HG_Forward(handles[i], call_ended, NULL, payload));
    }
    /* This one is answered after all of those have arrived. */
    report("a call in flight, at the target", target_before, origin_call(origin, origin->ids.used), CALLS, CALL_MAX);
    report("a call in flight, at the origin", origin_before, memory_used(), CALLS, CALL_MAX);
    ended = 0;
    (void)origin_call(origin, origin->ids.release);
    origin_wait(origin, CALLS);
    for (unsigned int i = 0; i < CALLS; i++)
        HG_PAIR_OK(HG_Destroy(handles[i]));
}

static void memory_of_peers_and_calls(void)
{
    struct hg_process target;
    struct origin origin;

    hg_process_start(&target, "target", hg_pair_uri(), support_suite_parameter());
    origin_open(&origin, target.line);
    (void)origin_call(&origin, origin.ids.used);
    measure_peers(&origin, target.line);
    measure_calls(&origin);
    origin_close(&origin);
    hg_process_end(&target, SIGKILL);
}

int main(int argc, char **argv)
{
    static const struct support_case cases[] = {{"memory_of_peers_and_calls", memory_of_peers_and_calls, 60},
                                                {NULL, NULL, 0}};
    static const struct support_case *const tables[] = {cases, NULL};

    if (argc == 5 && strcmp(argv[1], "--role") == 0) {
        support_suite_set_parameter(argv[4]);
        role_target(argv[3]);
    }
    return support_suite_main(argc, argv, tables, NULL);
}
