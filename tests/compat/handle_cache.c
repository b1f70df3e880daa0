/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * A metadata service whose client keeps its handles in a cache, as Margo does: they are made without a target, turned
 * to one by a reset when they are needed, and come back to the cache if nobody else holds a reference. What is
 * attached to a handle stays with it for its whole life, at the client over all its resets, and at the service over all
 * the calls that it serves.
 */
#include "mercury_macros.h"
#include "mercury_proc_string.h"
#include "program.h"

#include <stdlib.h>
#include <string.h>

MERCURY_GEN_PROC(stat_in_t, ((hg_const_string_t)(path))((uint64_t)(number)))
MERCURY_GEN_PROC(stat_out_t, ((uint64_t)(number))((uint64_t)(size))((hg_string_t)(target)))

enum { CACHE_SIZE = 8, CALLS = 400, CHAIN = 200, BURST = 100 };

/* --- the service ------------------------------------------------------------------------------------------ */

/* What the service attaches to each handle when the library makes it. */
struct served {
    struct service *service;
    uint64_t calls;
};

struct service {
    struct program_node node;
    uint64_t handles;
    uint64_t freed;
    uint64_t calls;       /* as the service counts */
    uint64_t calls_freed; /* as its handles counted */
    hg_handle_t waiting;  /* a call that is answered by the next one */
};

static void served_free(void *data)
{
    struct served *served = data;

    served->service->freed++;
    served->service->calls_freed += served->calls;
    free(served);
}

static hg_return_t service_on_handle(hg_handle_t handle, void *arg)
{
    struct served *served = calloc(1, sizeof(*served));

    CHECK(served != NULL);
    CHECK(HG_Get_data(handle) == NULL);
    served->service = arg;
    served->service->handles++;
    return HG_Set_data(handle, served, served_free);
}

static struct service *service_count(hg_handle_t handle)
{
    struct served *served = HG_Get_data(handle);

    CHECK(served != NULL);
    CHECK(served->service == HG_Class_get_data(HG_Get_info(handle)->hg_class));
    served->calls++;
    served->service->calls++;
    return served->service;
}

static void service_answer(hg_handle_t handle)
{
    stat_out_t out;
    stat_in_t in;

    CHECK_OK(HG_Get_input(handle, &in));
    out.number = in.number;
    out.size = strlen(in.path);
    out.target = in.number % 20 == 19 ? strdup(in.path) : NULL;
    CHECK_OK(HG_Respond(handle, NULL, NULL, &out));
    free(out.target);
    CHECK_OK(HG_Free_input(handle, &in));
    CHECK_OK(HG_Destroy(handle));
}

static hg_return_t service_on_stat(hg_handle_t handle)
{
    struct service *service = service_count(handle);
    hg_handle_t waiting = service->waiting;

    service->waiting = HG_HANDLE_NULL;
    service_answer(handle);
    if (waiting != HG_HANDLE_NULL)
        service_answer(waiting);
    return HG_SUCCESS;
}

static hg_return_t service_on_wait(hg_handle_t handle)
{
    struct service *service = service_count(handle);

    CHECK(service->waiting == HG_HANDLE_NULL);
    service->waiting = handle;
    return HG_SUCCESS;
}

/* The callback for new handles must be there before the first context. */
static void service_open(struct service *service, const char *protocol)
{
    struct program_node *node = &service->node;

    program_open(node, protocol, true, NULL);
    CHECK_OK(HG_Context_destroy(node->context));
    CHECK_OK(HG_Class_set_data(node->hg_class, service, NULL));
    CHECK_OK(HG_Class_set_handle_create_callback(node->hg_class, service_on_handle, service));
    node->context = HG_Context_create(node->hg_class);
    CHECK(node->context != NULL);
    CHECK(MERCURY_REGISTER(node->hg_class, "stat", stat_in_t, stat_out_t, service_on_stat) != 0);
    CHECK(MERCURY_REGISTER(node->hg_class, "wait", stat_in_t, stat_out_t, service_on_wait) != 0);
}

static void service_run(struct program_peer *parent, const char *protocol)
{
    static struct service service;

    service_open(&service, protocol);
    program_serve(&service.node, parent);
    program_close(&service.node);
    CHECK(service.handles > 0 && service.calls > 0);
    CHECK_INT(service.freed, service.handles);
    CHECK_INT(service.calls_freed, service.calls);
    FORGET(service);
}

/* --- the cache -------------------------------------------------------------------------------------------- */

struct cached {
    struct client *client;
    hg_handle_t handle;
    struct cached *next; /* while it is free */
    uint64_t uses;
};

struct client {
    struct program_node node;
    hg_addr_t service;
    hg_id_t stat_id;
    hg_id_t wait_id;
    struct cached *free;
    unsigned int free_count;
    unsigned int freed;
    uint64_t ended; /* calls of the test at hand */
};

static void cached_free(void *data)
{
    struct cached *cached = data;

    cached->client->freed++;
    free(cached);
}

static void cache_put(hg_handle_t handle);

static void cache_fill(struct client *client)
{
    for (unsigned int i = 0; i < CACHE_SIZE; i++) {
        struct cached *cached = calloc(1, sizeof(*cached));

        CHECK(cached != NULL);
        cached->client = client;
        CHECK_OK(HG_Create(client->node.context, HG_ADDR_NULL, 0, &cached->handle));
        CHECK_OK(HG_Set_data(cached->handle, cached, cached_free));
        CHECK_RET(HG_Forward(cached->handle, NULL, NULL, NULL), HG_INVALID_ARG);
        CHECK_INT(HG_Ref_get(cached->handle), 1);
        cache_put(cached->handle);
    }
}

static hg_handle_t cache_get(struct client *client, hg_id_t id)
{
    struct cached *cached = client->free;
    const struct hg_info *info = NULL;

    CHECK(cached != NULL);
    client->free = cached->next;
    client->free_count--;
    CHECK_OK(HG_Reset(cached->handle, client->service, id));
    CHECK(HG_Get_data(cached->handle) == cached);
    info = HG_Get_info(cached->handle);
    CHECK(info->hg_class == client->node.hg_class && info->context == client->node.context);
    CHECK(HG_Addr_cmp(info->hg_class, info->addr, client->service));
    CHECK_INT(info->id, id);
    cached->uses++;
    return cached->handle;
}

/* Margo's rule: only a handle that nobody else refers to may be used again. */
static void cache_put(hg_handle_t handle)
{
    struct cached *cached = HG_Get_data(handle);

    CHECK_INT(HG_Ref_get(handle), 1);
    cached->next = cached->client->free;
    cached->client->free = cached;
    cached->client->free_count++;
}

static uint64_t cache_empty(struct client *client)
{
    uint64_t uses = 0;

    while (client->free != NULL) {
        struct cached *cached = client->free;

        client->free = cached->next;
        client->free_count--;
        uses += cached->uses;
        CHECK_OK(HG_Destroy(cached->handle));
    }
    return uses;
}

/* --- the client ------------------------------------------------------------------------------------------- */

static void client_check_output(hg_handle_t handle, uint64_t number)
{
    stat_out_t out;

    CHECK_OK(HG_Get_output(handle, &out));
    CHECK(HG_Ref_get(handle) > 1);
    CHECK_INT(out.number, number);
    CHECK_INT(out.size, 9);
    CHECK_TEXT(out.target, number % 20 == 19 ? "/some/dir" : NULL);
    CHECK_OK(HG_Free_output(handle, &out));
}

/* One after the other; a reference that a call leaves behind would show in the count. */
static void client_call_in_turn(struct client *client)
{
    for (uint64_t i = 0; i < CALLS; i++) {
        stat_in_t in = {.path = "/some/dir", .number = i};
        hg_handle_t handle = cache_get(client, client->stat_id);

        CHECK_OK(program_call(handle, &in));
        client_check_output(handle, i);
        cache_put(handle);
    }
}

struct chain {
    uint64_t number; /* of the call under way */
};

/* The next call of the chain is forwarded from the callback of the last, with the same handle and no reset. */
static hg_return_t chain_next(const struct hg_cb_info *info)
{
    struct chain *chain = info->arg;
    stat_in_t in = {.path = "/some/dir"};

    CHECK_OK(info->ret);
    client_check_output(info->info.forward.handle, chain->number);
    if (++chain->number == CHAIN)
        return HG_SUCCESS;
    in.number = chain->number;
    return HG_Forward(info->info.forward.handle, chain_next, chain, &in);
}

static void client_call_in_a_chain(struct client *client)
{
    struct chain chain = {.number = 0};
    stat_in_t in = {.path = "/some/dir", .number = 0};
    hg_handle_t handle = cache_get(client, client->stat_id);

    CHECK_OK(HG_Forward(handle, chain_next, &chain, &in));
    WAIT_UNTIL(client->node.context, chain.number == CHAIN);
    cache_put(handle);
}

static hg_return_t burst_over(const struct hg_cb_info *info)
{
    struct client *client = info->arg;
    hg_handle_t handle = info->info.forward.handle;

    CHECK_OK(info->ret);
    CHECK(HG_Get_info(handle)->context == client->node.context);
    client_check_output(handle, 4);
    client->ended++;
    return HG_SUCCESS;
}

/* Handles that nobody keeps: each is destroyed while its call is under way. */
static void client_destroy_at_once(struct client *client)
{
    stat_in_t in = {.path = "/some/dir", .number = 4};

    client->ended = 0;
    for (unsigned int i = 0; i < BURST; i++) {
        struct cached *cached = calloc(1, sizeof(*cached));

        CHECK(cached != NULL);
        cached->client = client;
        CHECK_OK(HG_Create(client->node.context, client->service, client->stat_id, &cached->handle));
        CHECK_OK(HG_Set_data(cached->handle, cached, cached_free));
        CHECK_OK(HG_Forward(cached->handle, burst_over, client, &in));
        CHECK_INT(HG_Ref_get(cached->handle), 2);
        CHECK_OK(HG_Destroy(cached->handle));
    }
    WAIT_UNTIL(client->node.context, client->ended == BURST);
}

static hg_return_t wait_over(const struct hg_cb_info *info)
{
    struct client *client = info->arg;

    CHECK_OK(info->ret);
    client_check_output(info->info.forward.handle, 19);
    client->ended++;
    return HG_SUCCESS;
}

/* A handle under way can be neither reset nor forwarded, and comes to no harm from the attempt. */
static void client_meddle_with_a_call(struct client *client)
{
    stat_in_t in = {.path = "/some/dir", .number = 19};
    hg_handle_t handle = cache_get(client, client->wait_id);
    hg_handle_t other = cache_get(client, client->stat_id);

    client->ended = 0;
    CHECK_OK(HG_Forward(handle, wait_over, client, &in));
    CHECK_INT(HG_Ref_get(handle), 2);
    CHECK_RET(HG_Reset(handle, client->service, client->stat_id), HG_BUSY);
    CHECK_RET(HG_Forward(handle, chain_next, NULL, &in), HG_BUSY);
    CHECK_INT(HG_Ref_get(handle), 2);
    CHECK_INT(HG_Get_info(handle)->id, client->wait_id);
    CHECK_OK(HG_Ref_incr(handle));
    /* The service answers it after this one. */
    in.number = 1;
    CHECK_OK(program_call(other, &in));
    WAIT_UNTIL(client->node.context, client->ended == 1);
    CHECK_INT(HG_Ref_get(handle), 2);
    CHECK_OK(HG_Destroy(handle));
    CHECK_OK(HG_Cancel(handle));
    cache_put(handle);
    cache_put(other);
}

static void client_try_bad_ids(struct client *client)
{
    hg_handle_t handle = HG_HANDLE_NULL;
    hg_handle_t cached = cache_get(client, client->stat_id);

    CHECK_RET(HG_Create(client->node.context, client->service, 12345, &handle), HG_NOENTRY);
    CHECK(handle == HG_HANDLE_NULL);
    CHECK_RET(HG_Reset(cached, client->service, 12345), HG_NOENTRY);
    CHECK_INT(HG_Get_info(cached)->id, client->stat_id);
    cache_put(cached);
}

int main(int argc, char **argv)
{
    const char *protocol = program_begin("metadata client", argc, argv);
    static struct client client;
    struct program_peer service;

    program_start(&service, "metadata service", service_run, protocol);
    program_open(&client.node, protocol, false, NULL);
    client.service = program_meet(&client.node, &service);
    client.stat_id = MERCURY_REGISTER(client.node.hg_class, "stat", stat_in_t, stat_out_t, NULL);
    client.wait_id = MERCURY_REGISTER(client.node.hg_class, "wait", stat_in_t, stat_out_t, NULL);
    cache_fill(&client);
    client_call_in_turn(&client);
    client_call_in_a_chain(&client);
    client_destroy_at_once(&client);
    client_meddle_with_a_call(&client);
    client_try_bad_ids(&client);
    CHECK_INT(client.free_count, CACHE_SIZE);
    CHECK_INT(cache_empty(&client), CALLS + 4);
    program_stop(&client.node, client.service);
    CHECK_OK(HG_Addr_free(client.node.hg_class, client.service));
    program_close(&client.node);
    /* When a context is gone, so are its handles and what was attached to them. */
    CHECK_INT(client.freed, CACHE_SIZE + BURST);
    program_finish(&service);
    FORGET(client);
    return EXIT_SUCCESS;
}
