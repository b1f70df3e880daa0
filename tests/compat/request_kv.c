/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * A key-value store whose clients are written as blocking code: several threads share one context, and each waits
 * with hg_request for its own calls, one at a time, for all of a batch, or with a time limit. There is no thread for
 * progress: whoever waits makes it.
 */
#include "mercury_macros.h"
#include "mercury_proc_string.h"
#include "mercury_request.h"
#include "program.h"

#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

MERCURY_GEN_PROC(put_in_t, ((hg_const_string_t)(key))((uint64_t)(value)))
MERCURY_GEN_PROC(put_out_t, ((uint64_t)(version)))
MERCURY_GEN_PROC(get_in_t, ((hg_const_string_t)(key))((uint64_t)(version)))
MERCURY_GEN_PROC(get_out_t, ((uint64_t)(version))((uint64_t)(value)))

enum { THREADS = 4, KEYS = 8, ROUNDS = 40, PAIRS_MAX = THREADS * KEYS + 1, WATCHES_MAX = 8, KEY_SIZE = 24 };

/* --- the store ---------------------------------------------------------------------------------------- */

struct pair {
    char key[KEY_SIZE];
    uint64_t version;
    uint64_t value;
};

/* A get for a version that is not there yet. */
struct watch {
    hg_handle_t handle;
    get_in_t in;
};

struct store {
    struct program_node node;
    struct pair pairs[PAIRS_MAX];
    unsigned int pair_count;
    struct watch watches[WATCHES_MAX];
    unsigned int watch_count;
};

static struct store *store_of(hg_handle_t handle)
{
    const struct hg_info *info = HG_Get_info(handle);

    return HG_Registered_data(info->hg_class, info->id);
}

static struct pair *store_find(struct store *store, const char *key)
{
    struct pair *pair = store->pairs;

    while (pair < store->pairs + store->pair_count && strcmp(pair->key, key) != 0)
        pair++;
    if (pair == store->pairs + store->pair_count) {
        CHECK(store->pair_count < PAIRS_MAX);
        (void)snprintf(pair->key, sizeof(pair->key), "%s", key);
        store->pair_count++;
    }
    return pair;
}

static void store_answer_get(hg_handle_t handle, get_in_t *in, const struct pair *pair)
{
    get_out_t out = {.version = pair->version, .value = pair->value};

    CHECK_OK(HG_Respond(handle, NULL, NULL, &out));
    CHECK_OK(HG_Free_input(handle, in));
    CHECK_OK(HG_Destroy(handle));
}

static void store_look_at_watches(struct store *store)
{
    for (unsigned int i = 0; i < store->watch_count;) {
        struct watch watch = store->watches[i];
        const struct pair *pair = store_find(store, watch.in.key);

        if (pair->version < watch.in.version) {
            i++;
            continue;
        }
        store->watches[i] = store->watches[--store->watch_count];
        store_answer_get(watch.handle, &watch.in, pair);
    }
}

static hg_return_t store_on_put(hg_handle_t handle)
{
    struct store *store = store_of(handle);
    struct pair *pair = NULL;
    put_out_t out;
    put_in_t in;

    CHECK_OK(HG_Get_input(handle, &in));
    pair = store_find(store, in.key);
    pair->value = in.value;
    out.version = ++pair->version;
    CHECK_OK(HG_Free_input(handle, &in));
    CHECK_OK(HG_Respond(handle, NULL, NULL, &out));
    store_look_at_watches(store);
    return HG_Destroy(handle);
}

static hg_return_t store_on_get(hg_handle_t handle)
{
    struct store *store = store_of(handle);
    const struct pair *pair = NULL;
    get_in_t in;

    CHECK_OK(HG_Get_input(handle, &in));
    pair = store_find(store, in.key);
    if (pair->version >= in.version) {
        store_answer_get(handle, &in, pair);
        return HG_SUCCESS;
    }
    CHECK(store->watch_count < WATCHES_MAX);
    store->watches[store->watch_count++] = (struct watch){.handle = handle, .in = in};
    return HG_SUCCESS;
}

static void store_run(struct program_peer *parent, const char *protocol)
{
    static struct store store;
    hg_id_t put_id = 0;
    hg_id_t get_id = 0;

    program_open(&store.node, protocol, true, NULL);
    put_id = MERCURY_REGISTER(store.node.hg_class, "put", put_in_t, put_out_t, store_on_put);
    get_id = MERCURY_REGISTER(store.node.hg_class, "get", get_in_t, get_out_t, store_on_get);
    CHECK_OK(HG_Register_data(store.node.hg_class, put_id, &store, NULL));
    CHECK_OK(HG_Register_data(store.node.hg_class, get_id, &store, NULL));
    program_serve(&store.node, parent);
    CHECK_INT(store.watch_count, 0);
    program_close(&store.node);
    FORGET(store);
}

/* --- clients ------------------------------------------------------------------------------------------ */

struct client {
    struct program_node node;
    hg_addr_t store;
    hg_id_t put_id;
    hg_id_t get_id;
    hg_request_class_t *requests;
};

/* A call that somebody waits for. */
struct pending {
    hg_handle_t handle;
    hg_request_t *request;
    hg_return_t ret;
};

static int client_progress(unsigned int timeout, void *arg)
{
    return HG_Progress(arg, timeout) == HG_SUCCESS ? HG_UTIL_SUCCESS : HG_UTIL_FAIL;
}

static int client_trigger(unsigned int timeout, unsigned int *flag, void *arg)
{
    unsigned int count = 0;
    hg_return_t ret = HG_Trigger(arg, timeout, 1, &count);

    *flag = ret == HG_SUCCESS && count > 0;
    return ret == HG_SUCCESS ? HG_UTIL_SUCCESS : HG_UTIL_FAIL;
}

static hg_return_t pending_over(const struct hg_cb_info *info)
{
    struct pending *pending = info->arg;

    CHECK(hg_request_get_data(pending->request) == pending);
    pending->ret = info->ret;
    hg_request_complete(pending->request);
    return HG_SUCCESS;
}

static void pending_create(struct client *client, struct pending *pending, hg_id_t id)
{
    pending->request = hg_request_create(client->requests);
    CHECK(pending->request != NULL);
    hg_request_set_data(pending->request, pending);
    CHECK_OK(HG_Create(client->node.context, client->store, id, &pending->handle));
}

static void pending_destroy(struct pending *pending)
{
    CHECK_OK(HG_Destroy(pending->handle));
    hg_request_destroy(pending->request);
}

static void pending_start(struct pending *pending, void *in)
{
    pending->ret = HG_OTHER_ERROR;
    hg_request_reset(pending->request);
    CHECK_OK(HG_Forward(pending->handle, pending_over, pending, in));
}

static void pending_wait(struct pending *pending)
{
    unsigned int flag = 0;

    CHECK_INT(hg_request_wait(pending->request, UINT_MAX, &flag), HG_UTIL_SUCCESS);
    CHECK_INT(flag, 1);
    CHECK_OK(pending->ret);
}

static uint64_t pending_version(struct pending *pending)
{
    put_out_t out;

    CHECK_OK(HG_Get_output(pending->handle, &out));
    CHECK_OK(HG_Free_output(pending->handle, &out));
    return out.version;
}

/* --- what the threads do ------------------------------------------------------------------------------ */

struct worker {
    struct client *client;
    unsigned int index;
};

static void worker_key(const struct worker *worker, unsigned int key, char text[KEY_SIZE])
{
    (void)snprintf(text, KEY_SIZE, "%u/%u", worker->index, key);
}

/* A batch of puts that are waited for together, with a handle and a request for each key. */
static void worker_put_all(struct worker *worker, struct pending *pending, uint64_t round)
{
    hg_request_t *requests[KEYS];
    unsigned int flag = 0;
    char key[KEY_SIZE];

    for (unsigned int i = 0; i < KEYS; i++) {
        put_in_t in = {.key = key, .value = round * 1000 + i};

        worker_key(worker, i, key);
        pending_start(&pending[i], &in);
        requests[i] = pending[i].request;
    }
    CHECK_INT(hg_request_waitall(KEYS, requests, UINT_MAX, &flag), HG_UTIL_SUCCESS);
    CHECK_INT(flag, 1);
    for (unsigned int i = 0; i < KEYS; i++) {
        CHECK_OK(pending[i].ret);
        CHECK_INT(pending_version(&pending[i]), round + 1);
    }
}

static void worker_get(struct worker *worker, struct pending *pending, unsigned int key, uint64_t round)
{
    char text[KEY_SIZE];
    get_in_t in = {.key = text, .version = round + 1};
    get_out_t out;

    worker_key(worker, key, text);
    pending_start(pending, &in);
    pending_wait(pending);
    CHECK_OK(HG_Get_output(pending->handle, &out));
    CHECK_INT(out.version, round + 1);
    CHECK_INT(out.value, round * 1000 + key);
    CHECK_OK(HG_Free_output(pending->handle, &out));
}

static void *worker_run(void *arg)
{
    struct worker *worker = arg;
    struct client *client = worker->client;
    struct pending puts[KEYS];
    struct pending get;

    for (unsigned int i = 0; i < KEYS; i++)
        pending_create(client, &puts[i], client->put_id);
    pending_create(client, &get, client->get_id);
    for (uint64_t round = 0; round < ROUNDS; round++) {
        worker_put_all(worker, puts, round);
        for (unsigned int i = 0; i < KEYS; i++)
            worker_get(worker, &get, i, round);
    }
    pending_destroy(&get);
    for (unsigned int i = 0; i < KEYS; i++)
        pending_destroy(&puts[i]);
    return NULL;
}

/* Waits that end without the answer, and the same call waited for again. */
static void client_watch(struct client *client)
{
    get_in_t watch_in = {.key = "watched", .version = 1};
    put_in_t put_in = {.key = "watched", .value = 77};
    struct pending watch;
    struct pending put;
    unsigned int flag = 1;
    get_out_t out;

    pending_create(client, &watch, client->get_id);
    pending_create(client, &put, client->put_id);
    pending_start(&watch, &watch_in);
    CHECK_INT(hg_request_wait(watch.request, 0, &flag), HG_UTIL_SUCCESS);
    CHECK_INT(flag, 0);
    CHECK_INT(hg_request_wait(watch.request, 30, &flag), HG_UTIL_SUCCESS);
    CHECK_INT(flag, 0);
    pending_start(&put, &put_in);
    pending_wait(&put);
    pending_wait(&watch);
    CHECK_INT(hg_request_wait(watch.request, 0, &flag), HG_UTIL_SUCCESS);
    CHECK_INT(flag, 1);
    CHECK_OK(HG_Get_output(watch.handle, &out));
    CHECK_INT(out.value, 77);
    CHECK_OK(HG_Free_output(watch.handle, &out));
    pending_destroy(&put);
    pending_destroy(&watch);
}

/* A call whose answer nobody will give is cancelled; its request is completed all the same. */
static void client_give_up(struct client *client)
{
    get_in_t in = {.key = "watched", .version = 3};
    struct pending watch;
    unsigned int flag = 1;

    pending_create(client, &watch, client->get_id);
    pending_start(&watch, &in);
    CHECK_INT(hg_request_wait(watch.request, 5, &flag), HG_UTIL_SUCCESS);
    CHECK_INT(flag, 0);
    CHECK_OK(HG_Cancel(watch.handle));
    CHECK_INT(hg_request_wait(watch.request, UINT_MAX, &flag), HG_UTIL_SUCCESS);
    CHECK_INT(flag, 1);
    CHECK_RET(watch.ret, HG_CANCELED);
    pending_destroy(&watch);
}

/* Lets the store answer what it still holds, so that it can end. */
static void client_put_versions(struct client *client, unsigned int count)
{
    put_in_t in = {.key = "watched", .value = 78};
    struct pending put;

    pending_create(client, &put, client->put_id);
    for (unsigned int i = 0; i < count; i++) {
        pending_start(&put, &in);
        pending_wait(&put);
    }
    pending_destroy(&put);
}

int main(int argc, char **argv)
{
    const char *protocol = program_begin("store client", argc, argv);
    struct client client = {.requests = NULL};
    struct worker workers[THREADS];
    pthread_t threads[THREADS];
    struct program_peer store;
    void *arg = NULL;

    program_start(&store, "store", store_run, protocol);
    program_open(&client.node, protocol, false, NULL);
    client.store = program_meet(&client.node, &store);
    client.put_id = MERCURY_REGISTER(client.node.hg_class, "put", put_in_t, put_out_t, NULL);
    client.get_id = MERCURY_REGISTER(client.node.hg_class, "get", get_in_t, get_out_t, NULL);
    client.requests = hg_request_init(client_progress, client_trigger, client.node.context);
    CHECK(client.requests != NULL);

    program_waits_for(__FILE__, __LINE__, "the threads");
    for (unsigned int i = 0; i < THREADS; i++) {
        workers[i] = (struct worker){.client = &client, .index = i};
        CHECK(pthread_create(&threads[i], NULL, worker_run, &workers[i]) == 0);
    }
    for (unsigned int i = 0; i < THREADS; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
    client_watch(&client);
    client_give_up(&client);
    client_put_versions(&client, 2);

    hg_request_finalize(client.requests, &arg);
    CHECK(arg == client.node.context);
    program_stop(&client.node, client.store);
    CHECK_OK(HG_Addr_free(client.node.hg_class, client.store));
    program_close(&client.node);
    program_finish(&store);
    return EXIT_SUCCESS;
}
