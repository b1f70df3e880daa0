/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * A table of counters in shards: each shard is a context of the server with a thread of its own, and nobody else
 * touches its counters. The client, which has several contexts and threads as well, names the shard of a key by the
 * target id of its handles. Values come as arguments or, many at once, in memory that the shard pulls.
 */
#include "mercury_macros.h"
#include "program.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

MERCURY_GEN_PROC(add_in_t, ((uint32_t)(key))((uint64_t)(amount)))
MERCURY_GEN_PROC(add_many_in_t, ((uint32_t)(key))((uint32_t)(count))((hg_bulk_t)(amounts)))
MERCURY_GEN_PROC(add_out_t, ((uint8_t)(shard))((uint8_t)(asked_by))((uint64_t)(total)))

enum { SHARDS = 5, CALLERS = 3, ROUNDS = 60, KEYS = SHARDS * 4, MANY = 3000 };

/* --- the server --------------------------------------------------------------------------------------- */

struct shard {
    struct server *server;
    hg_context_t *context;
    uint8_t id;
    pthread_t thread;
    pthread_t self;        /* the same, as the thread knows it */
    uint64_t totals[KEYS]; /* of the thread alone, no lock */
    uint64_t calls;
};

struct server {
    hg_class_t *hg_class;
    struct shard shards[SHARDS];
    atomic_bool over;
};

/* The shard that the call has come to, which must be that of this thread. */
static struct shard *shard_of(hg_handle_t handle, uint32_t key)
{
    const struct hg_info *info = HG_Get_info(handle);
    struct shard *shard = HG_Context_get_data(info->context);

    CHECK(shard != NULL && info->context == shard->context);
    CHECK_INT(HG_Context_get_id(info->context), shard->id);
    CHECK(pthread_equal(pthread_self(), shard->self));
    CHECK(key < KEYS);
    CHECK_INT(key % SHARDS, shard->id);
    shard->calls++;
    return shard;
}

static void shard_answer(struct shard *shard, hg_handle_t handle, uint32_t key)
{
    add_out_t out = {.shard = shard->id, .asked_by = HG_Get_info(handle)->context_id, .total = shard->totals[key]};

    CHECK_OK(HG_Respond(handle, NULL, NULL, &out));
    CHECK_OK(HG_Destroy(handle));
}

static hg_return_t shard_on_add(hg_handle_t handle)
{
    struct shard *shard = NULL;
    add_in_t in;

    CHECK_OK(HG_Get_input(handle, &in));
    shard = shard_of(handle, in.key);
    shard->totals[in.key] += in.amount;
    CHECK_OK(HG_Free_input(handle, &in));
    shard_answer(shard, handle, in.key);
    return HG_SUCCESS;
}

struct add_many {
    hg_handle_t handle;
    struct shard *shard;
    add_many_in_t in;
    hg_bulk_t local;
    uint64_t amounts[MANY];
};

static hg_return_t shard_has_pulled(const struct hg_cb_info *info)
{
    struct add_many *add = info->arg;

    CHECK_INT(info->type, HG_CB_BULK);
    CHECK_OK(info->ret);
    CHECK_INT(info->info.bulk.size, add->in.count * sizeof(uint64_t));
    CHECK(pthread_equal(pthread_self(), add->shard->self));
    for (uint32_t i = 0; i < add->in.count; i++)
        add->shard->totals[add->in.key] += add->amounts[i];
    CHECK_OK(HG_Bulk_free(add->local));
    CHECK_OK(HG_Free_input(add->handle, &add->in));
    shard_answer(add->shard, add->handle, add->in.key);
    free(add);
    return HG_SUCCESS;
}

static hg_return_t shard_on_add_many(hg_handle_t handle)
{
    const struct hg_info *info = HG_Get_info(handle);
    struct add_many *add = calloc(1, sizeof(*add));
    void *buf = NULL;
    hg_size_t size = 0;

    CHECK(add != NULL);
    add->handle = handle;
    CHECK_OK(HG_Get_input(handle, &add->in));
    CHECK(add->in.count <= MANY);
    add->shard = shard_of(handle, add->in.key);
    buf = add->amounts;
    size = add->in.count * sizeof(uint64_t);
    CHECK_OK(HG_Bulk_create(info->hg_class, 1, &buf, &size, HG_BULK_WRITE_ONLY, &add->local));
    return HG_Bulk_transfer_id(info->context, shard_has_pulled, add, HG_BULK_PULL, info->addr, info->context_id,
                               add->in.amounts, 0, add->local, 0, size, HG_OP_ID_IGNORE);
}

static hg_return_t server_is_over(const struct hg_cb_info *info)
{
    struct server *server = info->arg;

    CHECK_OK(info->ret);
    atomic_store(&server->over, true);
    return HG_SUCCESS;
}

static hg_return_t server_on_quit(hg_handle_t handle)
{
    const struct hg_info *info = HG_Get_info(handle);

    CHECK_OK(HG_Respond(handle, server_is_over, HG_Class_get_data(info->hg_class), NULL));
    return HG_Destroy(handle);
}

static void *shard_run(void *arg)
{
    struct shard *shard = arg;

    shard->self = pthread_self();
    while (!atomic_load(&shard->server->over))
        program_turn(shard->context);
    return NULL;
}

static hg_class_t *open_class(const char *protocol, bool listen, uint8_t contexts)
{
    struct hg_init_info info = HG_INIT_INFO_INITIALIZER;
    hg_class_t *hg_class = NULL;

    info.na_init_info.max_contexts = contexts;
    hg_class = HG_Init_opt2(protocol, listen, HG_VERSION(HG_VERSION_MAJOR, HG_VERSION_MINOR), &info);
    CHECK(hg_class != NULL);
    return hg_class;
}

static void server_open(struct server *server, const char *protocol)
{
    server->hg_class = open_class(protocol, true, SHARDS);
    CHECK_OK(HG_Class_set_data(server->hg_class, server, NULL));
    CHECK(MERCURY_REGISTER(server->hg_class, "add", add_in_t, add_out_t, shard_on_add) != 0);
    CHECK(MERCURY_REGISTER(server->hg_class, "add many", add_many_in_t, add_out_t, shard_on_add_many) != 0);
    CHECK(MERCURY_REGISTER(server->hg_class, "quit", void, void, server_on_quit) != 0);
    for (uint8_t i = 0; i < SHARDS; i++) {
        struct shard *shard = &server->shards[i];

        shard->server = server;
        shard->id = i;
        shard->context = HG_Context_create_id(server->hg_class, i);
        CHECK(shard->context != NULL);
        CHECK_OK(HG_Context_set_data(shard->context, shard, NULL));
    }
}

static void server_run(struct program_peer *parent, const char *protocol)
{
    static struct server server;
    int descriptors = program_descriptors_before(protocol);
    char address[PROGRAM_LINE];
    uint64_t calls = 0;

    server_open(&server, protocol);
    for (unsigned int i = 0; i < SHARDS; i++)
        CHECK(pthread_create(&server.shards[i].thread, NULL, shard_run, &server.shards[i]) == 0);
    program_address(server.hg_class, address);
    program_say(parent, address);
    program_waits_for(__FILE__, __LINE__, "the client to say quit");
    for (unsigned int i = 0; i < SHARDS; i++)
        CHECK(pthread_join(server.shards[i].thread, NULL) == 0);
    for (unsigned int i = 0; i < SHARDS; i++) {
        CHECK(server.shards[i].calls > 0);
        calls += server.shards[i].calls;
        CHECK_OK(HG_Context_destroy(server.shards[i].context));
    }
    CHECK_INT(calls, CALLERS * ROUNDS * KEYS + CALLERS * KEYS + KEYS);
    CHECK_OK(HG_Finalize(server.hg_class));
    CHECK_INT(program_descriptors(), descriptors);
    FORGET(server);
}

/* --- the client --------------------------------------------------------------------------------------- */

struct caller {
    hg_class_t *hg_class;
    hg_context_t *context;
    hg_addr_t server;
    hg_id_t add_id;
    hg_id_t add_many_id;
    uint64_t sums[KEYS]; /* that this caller has added */
    uint64_t seen[KEYS]; /* totals that the shards told last */
};

static void caller_check(struct caller *caller, hg_handle_t handle, uint32_t key)
{
    add_out_t out;

    CHECK_OK(HG_Get_output(handle, &out));
    CHECK_INT(out.shard, key % SHARDS);
    CHECK_INT(out.asked_by, HG_Context_get_id(caller->context));
    CHECK(out.total >= caller->sums[key] && out.total > caller->seen[key]);
    caller->seen[key] = out.total;
    CHECK_OK(HG_Free_output(handle, &out));
}

/* The handle is turned to one shard after the other. */
static void caller_add(struct caller *caller, hg_handle_t handle, uint32_t key, uint64_t amount)
{
    add_in_t in = {.key = key, .amount = amount};

    CHECK_OK(HG_Reset(handle, caller->server, caller->add_id));
    CHECK_OK(HG_Set_target_id(handle, (uint8_t)(key % SHARDS)));
    caller->sums[key] += amount;
    CHECK_OK(program_call(handle, &in));
    caller_check(caller, handle, key);
}

static void caller_add_many(struct caller *caller, hg_handle_t handle, uint32_t key, uint32_t count)
{
    add_many_in_t in = {.key = key, .count = count};
    uint64_t amounts[MANY];
    void *buf = amounts;
    hg_size_t size = count * sizeof(uint64_t);

    for (uint32_t i = 0; i < count; i++) {
        amounts[i] = i + key + 1;
        caller->sums[key] += amounts[i];
    }
    CHECK_OK(HG_Bulk_create(caller->hg_class, 1, &buf, &size, HG_BULK_READ_ONLY, &in.amounts));
    CHECK_OK(HG_Reset(handle, caller->server, caller->add_many_id));
    CHECK_OK(HG_Set_target_id(handle, (uint8_t)(key % SHARDS)));
    CHECK_OK(program_call(handle, &in));
    CHECK_OK(HG_Bulk_free(in.amounts));
    caller_check(caller, handle, key);
}

static void *caller_run(void *arg)
{
    struct caller *caller = arg;
    hg_handle_t handle = HG_HANDLE_NULL;

    CHECK_OK(HG_Create(caller->context, HG_ADDR_NULL, 0, &handle));
    for (uint32_t round = 0; round < ROUNDS; round++)
        for (uint32_t key = 0; key < KEYS; key++)
            caller_add(caller, handle, (key * 7 + round) % KEYS, round + 1);
    for (uint32_t key = 0; key < KEYS; key++)
        caller_add_many(caller, handle, key, key % 2 == 0 ? MANY : 3);
    CHECK_OK(HG_Destroy(handle));
    return NULL;
}

static void client_quit(struct caller *caller)
{
    hg_id_t id = MERCURY_REGISTER(caller->hg_class, "quit", void, void, NULL);
    hg_handle_t handle = HG_HANDLE_NULL;

    CHECK_OK(HG_Create(caller->context, caller->server, id, &handle));
    CHECK_OK(program_call(handle, NULL));
    CHECK_OK(HG_Destroy(handle));
}

/* Nothing is lost and nothing is counted twice, whichever context it came from. */
static void client_check_totals(struct caller *callers)
{
    hg_handle_t handle = HG_HANDLE_NULL;

    CHECK_OK(HG_Create(callers[0].context, HG_ADDR_NULL, 0, &handle));
    for (uint32_t key = 0; key < KEYS; key++) {
        add_in_t in = {.key = key, .amount = 0};
        uint64_t sum = 0;
        add_out_t out;

        for (unsigned int i = 0; i < CALLERS; i++)
            sum += callers[i].sums[key];
        CHECK_OK(HG_Reset(handle, callers[0].server, callers[0].add_id));
        CHECK_OK(HG_Set_target_id(handle, (uint8_t)(key % SHARDS)));
        CHECK_OK(program_call(handle, &in));
        CHECK_OK(HG_Get_output(handle, &out));
        CHECK_INT(out.total, sum);
        CHECK_OK(HG_Free_output(handle, &out));
    }
    CHECK_OK(HG_Destroy(handle));
}

static void client_open(struct caller *callers, const char *protocol, const char *server)
{
    hg_class_t *hg_class = open_class(protocol, false, CALLERS);

    for (unsigned int i = 0; i < CALLERS; i++) {
        struct caller *caller = &callers[i];

        caller->hg_class = hg_class;
        caller->context = HG_Context_create_id(hg_class, (uint8_t)i);
        CHECK(caller->context != NULL);
        CHECK_INT(HG_Context_get_id(caller->context), i);
        CHECK_OK(HG_Addr_lookup2(hg_class, server, &caller->server));
        caller->add_id = MERCURY_REGISTER(hg_class, "add", add_in_t, add_out_t, NULL);
        caller->add_many_id = MERCURY_REGISTER(hg_class, "add many", add_many_in_t, add_out_t, NULL);
        CHECK(HG_Addr_cmp(hg_class, caller->server, callers[0].server));
    }
}

int main(int argc, char **argv)
{
    const char *protocol = program_begin("counting client", argc, argv);
    static struct caller callers[CALLERS];
    pthread_t threads[CALLERS];
    struct program_peer server;
    char address[PROGRAM_LINE];
    int descriptors = 0;

    program_start(&server, "counting server", server_run, protocol);
    program_hear(&server, address);
    descriptors = program_descriptors_before(protocol);
    client_open(callers, protocol, address);
    for (unsigned int i = 0; i < CALLERS; i++)
        CHECK(pthread_create(&threads[i], NULL, caller_run, &callers[i]) == 0);
    program_waits_for(__FILE__, __LINE__, "the threads that call");
    for (unsigned int i = 0; i < CALLERS; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
    client_check_totals(callers);
    client_quit(&callers[0]);
    for (unsigned int i = 0; i < CALLERS; i++) {
        CHECK_OK(HG_Addr_free(callers[i].hg_class, callers[i].server));
        CHECK_OK(HG_Context_destroy(callers[i].context));
    }
    CHECK_OK(HG_Finalize(callers[0].hg_class));
    CHECK_INT(program_descriptors(), descriptors);
    program_finish(&server);
    FORGET(callers);
    return EXIT_SUCCESS;
}
