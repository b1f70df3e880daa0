/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * A service that sorts numbers with a pool of threads. One thread makes progress, another runs callbacks, and the
 * handler only puts the handle into a queue: the workers decode, answer and destroy, each at its own time. The client
 * is built the same way, calls from several threads at once, and gives up on some calls while they are worked on.
 */
#include "mercury_macros.h"
#include "program.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

struct numbers {
    uint64_t count;
    uint32_t *values;
};

/* Decoding makes memory for the numbers, which the free pass gives back. */
static hg_return_t hg_proc_numbers_t(hg_proc_t proc, void *data)
{
    struct numbers *numbers = data;
    hg_return_t ret = hg_proc_uint64_t(proc, &numbers->count);

    if (ret != HG_SUCCESS)
        return ret;
    switch (hg_proc_get_op(proc)) {
    case HG_DECODE:
        if (numbers->count > hg_proc_get_size_left(proc) / sizeof(uint32_t))
            return HG_OVERFLOW;
        numbers->values = calloc((size_t)numbers->count + 1, sizeof(uint32_t));
        if (numbers->values == NULL)
            return HG_NOMEM;
        HG_FALLTHROUGH;
    case HG_ENCODE:
        return hg_proc_raw(proc, numbers->values, numbers->count * sizeof(uint32_t));
    case HG_FREE:
        free(numbers->values);
        numbers->values = NULL;
        break;
    default:
        return HG_INVALID_ARG;
    }
    return HG_SUCCESS;
}
typedef struct numbers numbers_t;

MERCURY_GEN_PROC(sort_in_t, ((uint64_t)(ticket))((numbers_t)(numbers)))
MERCURY_GEN_PROC(sort_out_t, ((uint64_t)(ticket))((uint32_t)(worker))((numbers_t)(numbers)))

enum { WORKERS = 4, QUEUE_SIZE = 4096, CALLERS = 3, CALLS = 150, WINDOW = 16, TURN_MS = 100, GIVE_UP_EVERY = 9 };

/* Two threads that drive a context. */
struct engine {
    struct program_node node;
    pthread_t progress;
    pthread_t trigger;
    atomic_bool over;
};

static void *engine_progress(void *arg)
{
    struct engine *engine = arg;

    while (!atomic_load(&engine->over)) {
        hg_return_t ret = HG_Progress(engine->node.context, TURN_MS);

        CHECK(ret == HG_SUCCESS || ret == HG_TIMEOUT);
    }
    return NULL;
}

static void *engine_trigger(void *arg)
{
    struct engine *engine = arg;

    while (!atomic_load(&engine->over)) {
        unsigned int count = 99;
        hg_return_t ret = HG_Trigger(engine->node.context, TURN_MS, 1, &count);

        CHECK((ret == HG_SUCCESS && count == 1) || (ret == HG_TIMEOUT && count == 0));
    }
    return NULL;
}

static void engine_begin(struct engine *engine)
{
    CHECK(pthread_create(&engine->progress, NULL, engine_progress, engine) == 0);
    CHECK(pthread_create(&engine->trigger, NULL, engine_trigger, engine) == 0);
}

static void engine_join(struct engine *engine)
{
    CHECK(pthread_join(engine->progress, NULL) == 0);
    CHECK(pthread_join(engine->trigger, NULL) == 0);
}

/* --- the service -------------------------------------------------------------------------------------- */

struct service {
    struct engine engine;
    pthread_t workers[WORKERS];
    pthread_mutex_t lock; /* the fields below */
    pthread_cond_t changed;
    hg_handle_t queue[QUEUE_SIZE];
    unsigned int first;
    unsigned int count;
    bool closed;
    unsigned int ready; /* workers that have a number */
    uint64_t sorted;
};

static hg_return_t service_on_sort(hg_handle_t handle)
{
    const struct hg_info *info = HG_Get_info(handle);
    struct service *service = HG_Registered_data(info->hg_class, info->id);

    CHECK(pthread_mutex_lock(&service->lock) == 0);
    CHECK(service->count < QUEUE_SIZE);
    service->queue[(service->first + service->count++) % QUEUE_SIZE] = handle;
    CHECK(pthread_cond_signal(&service->changed) == 0);
    CHECK(pthread_mutex_unlock(&service->lock) == 0);
    return HG_SUCCESS;
}

/* The next handle, or NULL when there will be none. */
static hg_handle_t service_take(struct service *service)
{
    hg_handle_t handle = HG_HANDLE_NULL;

    CHECK(pthread_mutex_lock(&service->lock) == 0);
    while (service->count == 0 && !service->closed)
        CHECK(pthread_cond_wait(&service->changed, &service->lock) == 0);
    if (service->count > 0) {
        handle = service->queue[service->first];
        service->first = (service->first + 1) % QUEUE_SIZE;
        service->count--;
        service->sorted++;
    }
    CHECK(pthread_mutex_unlock(&service->lock) == 0);
    return handle;
}

static int compare_numbers(const void *one, const void *two)
{
    uint32_t a = *(const uint32_t *)one;
    uint32_t b = *(const uint32_t *)two;

    return (a > b) - (a < b);
}

static void worker_sort(hg_handle_t handle, uint32_t worker)
{
    sort_out_t out = {.worker = worker};
    sort_in_t in;

    CHECK_OK(HG_Get_input(handle, &in));
    qsort(in.numbers.values, (size_t)in.numbers.count, sizeof(uint32_t), compare_numbers);
    out.ticket = in.ticket;
    out.numbers = in.numbers;
    CHECK_OK(HG_Respond(handle, NULL, NULL, &out));
    CHECK_OK(HG_Free_input(handle, &in));
    CHECK_OK(HG_Destroy(handle));
}

static void *worker_run(void *arg)
{
    struct service *service = arg;
    hg_handle_t handle = HG_HANDLE_NULL;
    uint32_t worker = 0;

    CHECK(pthread_mutex_lock(&service->lock) == 0);
    worker = service->ready++;
    CHECK(pthread_mutex_unlock(&service->lock) == 0);
    while ((handle = service_take(service)) != HG_HANDLE_NULL)
        worker_sort(handle, worker);
    return NULL;
}

static hg_return_t service_is_over(const struct hg_cb_info *info)
{
    struct engine *engine = info->arg;

    CHECK_OK(info->ret);
    atomic_store(&engine->over, true);
    return HG_SUCCESS;
}

static hg_return_t service_on_quit(hg_handle_t handle)
{
    const struct hg_info *info = HG_Get_info(handle);

    CHECK_OK(HG_Respond(handle, service_is_over, HG_Registered_data(info->hg_class, info->id), NULL));
    return HG_Destroy(handle);
}

static void service_join(struct service *service)
{
    engine_join(&service->engine);
    CHECK(pthread_mutex_lock(&service->lock) == 0);
    service->closed = true;
    CHECK(pthread_cond_broadcast(&service->changed) == 0);
    CHECK(pthread_mutex_unlock(&service->lock) == 0);
    for (unsigned int i = 0; i < WORKERS; i++)
        CHECK(pthread_join(service->workers[i], NULL) == 0);
}

static void service_run(struct program_peer *parent, const char *protocol)
{
    static struct service service = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
    struct program_node *node = &service.engine.node;
    char address[PROGRAM_LINE];
    hg_id_t sort_id = 0;
    hg_id_t quit_id = 0;

    program_open(node, protocol, true, NULL);
    sort_id = MERCURY_REGISTER(node->hg_class, "sort", sort_in_t, sort_out_t, service_on_sort);
    quit_id = MERCURY_REGISTER(node->hg_class, "quit", void, void, service_on_quit);
    CHECK_OK(HG_Register_data(node->hg_class, sort_id, &service, NULL));
    CHECK_OK(HG_Register_data(node->hg_class, quit_id, &service.engine, NULL));
    for (unsigned int i = 0; i < WORKERS; i++)
        CHECK(pthread_create(&service.workers[i], NULL, worker_run, &service) == 0);
    engine_begin(&service.engine);
    program_address(node->hg_class, address);
    program_say(parent, address);
    program_waits_for(__FILE__, __LINE__, "the client to say quit");
    service_join(&service);
    CHECK(service.sorted >= CALLERS * CALLS - CALLERS * CALLS / GIVE_UP_EVERY - CALLERS);
    program_close(node);
    FORGET(service);
}

/* --- the client --------------------------------------------------------------------------------------- */

struct client {
    struct engine engine;
    hg_addr_t service;
    hg_id_t sort_id;
    hg_id_t quit_id;
    atomic_uint cancelled;
    atomic_uint by_worker[WORKERS];
};

/* One thread that calls, with a number of calls under way. */
struct caller {
    struct client *client;
    unsigned int index;
    pthread_mutex_t lock; /* the fields below */
    pthread_cond_t changed;
    unsigned int under_way;
    unsigned int ended;
};

struct call {
    struct caller *caller;
    uint64_t ticket;
    uint64_t count;
    uint64_t sum;
};

static void call_check_output(struct call *call, hg_handle_t handle)
{
    uint64_t sum = 0;
    sort_out_t out;

    CHECK_OK(HG_Get_output(handle, &out));
    CHECK_INT(out.ticket, call->ticket);
    CHECK_INT(out.numbers.count, call->count);
    for (uint64_t i = 0; i < out.numbers.count; i++) {
        CHECK(i == 0 || out.numbers.values[i - 1] <= out.numbers.values[i]);
        sum += out.numbers.values[i];
    }
    CHECK_INT(sum, call->sum);
    CHECK(out.worker < WORKERS);
    atomic_fetch_add(&call->caller->client->by_worker[out.worker], 1);
    CHECK_OK(HG_Free_output(handle, &out));
}

static hg_return_t call_over(const struct hg_cb_info *info)
{
    struct call *call = info->arg;
    struct caller *caller = call->caller;

    if (info->ret == HG_CANCELED) {
        CHECK(call->ticket % GIVE_UP_EVERY == 0);
        atomic_fetch_add(&caller->client->cancelled, 1);
    } else {
        CHECK_OK(info->ret);
        call_check_output(call, info->info.forward.handle);
    }
    free(call);
    CHECK(pthread_mutex_lock(&caller->lock) == 0);
    caller->under_way--;
    caller->ended++;
    CHECK(pthread_cond_signal(&caller->changed) == 0);
    CHECK(pthread_mutex_unlock(&caller->lock) == 0);
    return HG_SUCCESS;
}

static void caller_wait(struct caller *caller, unsigned int under_way_max)
{
    CHECK(pthread_mutex_lock(&caller->lock) == 0);
    while (caller->under_way > under_way_max)
        CHECK(pthread_cond_wait(&caller->changed, &caller->lock) == 0);
    CHECK(pthread_mutex_unlock(&caller->lock) == 0);
}

/* Sizes from nothing to more than a message takes, and once in a while much more. */
static void call_start(struct caller *caller, uint64_t ticket)
{
    struct client *client = caller->client;
    struct call *call = calloc(1, sizeof(*call));
    uint32_t random = (uint32_t)(ticket * 2654435761U);
    sort_in_t in = {.ticket = ticket, .numbers = {.count = ticket % 37 == 36 ? 50000 : ticket * 97 % 3000}};
    hg_handle_t handle = HG_HANDLE_NULL;

    CHECK(call != NULL);
    *call = (struct call){.caller = caller, .ticket = ticket, .count = in.numbers.count};
    in.numbers.values = calloc((size_t)call->count + 1, sizeof(uint32_t));
    CHECK(in.numbers.values != NULL);
    for (uint64_t i = 0; i < call->count; i++) {
        random = random * 1664525U + 1013904223U;
        in.numbers.values[i] = random;
        call->sum += random;
    }
    CHECK(pthread_mutex_lock(&caller->lock) == 0);
    caller->under_way++;
    CHECK(pthread_mutex_unlock(&caller->lock) == 0);
    CHECK_OK(HG_Create(client->engine.node.context, client->service, client->sort_id, &handle));
    CHECK_OK(HG_Forward(handle, call_over, call, &in));
    if (ticket % GIVE_UP_EVERY == 0)
        CHECK_OK(HG_Cancel(handle));
    CHECK_OK(HG_Destroy(handle));
    free(in.numbers.values);
}

static void *caller_run(void *arg)
{
    struct caller *caller = arg;

    for (uint64_t i = 0; i < CALLS; i++) {
        caller_wait(caller, WINDOW - 1);
        call_start(caller, caller->index * 1000U + i);
    }
    caller_wait(caller, 0);
    CHECK_INT(caller->ended, CALLS);
    return NULL;
}

static void client_call_from_all_threads(struct client *client)
{
    struct caller callers[CALLERS];
    pthread_t threads[CALLERS];
    unsigned int answered = 0;

    program_waits_for(__FILE__, __LINE__, "the threads that call");
    for (unsigned int i = 0; i < CALLERS; i++) {
        callers[i] = (struct caller){.client = client, .index = i};
        CHECK(pthread_mutex_init(&callers[i].lock, NULL) == 0 && pthread_cond_init(&callers[i].changed, NULL) == 0);
        CHECK(pthread_create(&threads[i], NULL, caller_run, &callers[i]) == 0);
    }
    for (unsigned int i = 0; i < CALLERS; i++) {
        CHECK(pthread_join(threads[i], NULL) == 0);
        CHECK(pthread_cond_destroy(&callers[i].changed) == 0 && pthread_mutex_destroy(&callers[i].lock) == 0);
    }
    for (unsigned int i = 0; i < WORKERS; i++)
        answered += atomic_load(&client->by_worker[i]);
    CHECK_INT(answered + atomic_load(&client->cancelled), CALLERS * CALLS);
}

static hg_return_t client_is_over(const struct hg_cb_info *info)
{
    struct engine *engine = info->arg;

    CHECK_OK(info->ret);
    atomic_store(&engine->over, true);
    return HG_SUCCESS;
}

int main(int argc, char **argv)
{
    const char *protocol = program_begin("sort client", argc, argv);
    static struct client client;
    struct program_node *node = &client.engine.node;
    struct program_peer service;
    hg_handle_t handle = HG_HANDLE_NULL;

    program_start(&service, "sort service", service_run, protocol);
    program_open(node, protocol, false, NULL);
    client.service = program_meet(node, &service);
    client.sort_id = MERCURY_REGISTER(node->hg_class, "sort", sort_in_t, sort_out_t, NULL);
    client.quit_id = MERCURY_REGISTER(node->hg_class, "quit", void, void, NULL);
    engine_begin(&client.engine);
    client_call_from_all_threads(&client);

    CHECK_OK(HG_Create(node->context, client.service, client.quit_id, &handle));
    CHECK_OK(HG_Forward(handle, client_is_over, &client.engine, NULL));
    CHECK_OK(HG_Destroy(handle));
    engine_join(&client.engine);
    CHECK_OK(HG_Addr_free(node->hg_class, client.service));
    program_close(node);
    program_finish(&service);
    FORGET(client);
    return EXIT_SUCCESS;
}
