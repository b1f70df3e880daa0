/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * A queue of jobs whose structs are all made by the macros: nested ones, ones that existed before, one with more
 * fields than the preprocessor libraries of old could count, ones with bulk handles inside other structs, and RPCs
 * without input or output. The queue keeps the bulk handles of its jobs
 * after the calls that brought them have ended, and reads and writes the owner's memory when it is told to run.
 */
#include "mercury_macros.h"
#include "mercury_proc_string.h"
#include "program.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* Types of the service itself, from before it had RPCs. */
struct limits {
    uint32_t seconds;
    uint32_t unlisted; /* stays at home */
    hg_bool_t urgent;
    hg_size_t memory;
};
typedef struct limits limits_t;
MERCURY_GEN_STRUCT_PROC(limits_t, ((uint32_t)(seconds))((hg_bool_t)(urgent))((hg_size_t)(memory)))

MERCURY_GEN_PROC(dataset_t, ((hg_const_string_t)(label))((hg_bulk_t)(data))((uint32_t)(checksum)))
MERCURY_GEN_PROC(stage_t, ((dataset_t)(input))((dataset_t)(output))((limits_t)(limits)))

/* clang-format off */
#define COUNTER_FIELDS \
    ((uint64_t)(c00))((int32_t)(c01))((uint16_t)(c02))((int8_t)(c03)) \
    ((uint64_t)(c04))((int32_t)(c05))((uint16_t)(c06))((int8_t)(c07)) \
    ((uint64_t)(c08))((int32_t)(c09))((uint16_t)(c10))((int8_t)(c11)) \
    ((uint64_t)(c12))((int32_t)(c13))((uint16_t)(c14))((int8_t)(c15)) \
    ((uint64_t)(c16))((int32_t)(c17))((uint16_t)(c18))((int8_t)(c19)) \
    ((uint64_t)(c20))((int32_t)(c21))((uint16_t)(c22))((int8_t)(c23)) \
    ((uint64_t)(c24))((int32_t)(c25))((uint16_t)(c26))((int8_t)(c27)) \
    ((uint64_t)(c28))((int32_t)(c29))((uint16_t)(c30))((int8_t)(c31)) \
    ((uint64_t)(c32))((int32_t)(c33))((uint16_t)(c34))((int8_t)(c35)) \
    ((uint64_t)(c36))((int32_t)(c37))((uint16_t)(c38))((int8_t)(c39)) \
    ((uint64_t)(c40))((int32_t)(c41))((uint16_t)(c42))((int8_t)(c43)) \
    ((uint64_t)(c44))((int32_t)(c45))((uint16_t)(c46))((int8_t)(c47)) \
    ((uint64_t)(c48))((int32_t)(c49))((uint16_t)(c50))((int8_t)(c51)) \
    ((uint64_t)(c52))((int32_t)(c53))((uint16_t)(c54))((int8_t)(c55)) \
    ((uint64_t)(c56))((int32_t)(c57))((uint16_t)(c58))((int8_t)(c59)) \
    ((uint64_t)(c60))((int32_t)(c61))((uint16_t)(c62))((int8_t)(c63)) \
    ((uint64_t)(c64))((int32_t)(c65))((uint16_t)(c66))((int8_t)(c67)) \
    ((uint64_t)(c68))((int32_t)(c69))((uint16_t)(c70))((int8_t)(c71))
#define EACH_COUNTER(X) \
    X(c00) X(c01) X(c02) X(c03) X(c04) X(c05) X(c06) X(c07) X(c08) X(c09) X(c10) X(c11) \
    X(c12) X(c13) X(c14) X(c15) X(c16) X(c17) X(c18) X(c19) X(c20) X(c21) X(c22) X(c23) \
    X(c24) X(c25) X(c26) X(c27) X(c28) X(c29) X(c30) X(c31) X(c32) X(c33) X(c34) X(c35) \
    X(c36) X(c37) X(c38) X(c39) X(c40) X(c41) X(c42) X(c43) X(c44) X(c45) X(c46) X(c47) \
    X(c48) X(c49) X(c50) X(c51) X(c52) X(c53) X(c54) X(c55) X(c56) X(c57) X(c58) X(c59) \
    X(c60) X(c61) X(c62) X(c63) X(c64) X(c65) X(c66) X(c67) X(c68) X(c69) X(c70) X(c71)
/* clang-format on */
MERCURY_GEN_PROC(counters_t, COUNTER_FIELDS)

MERCURY_GEN_PROC(submit_in_t, ((hg_id_t)(tag))((hg_ptr_t)(cookie))((stage_t)(stage))((counters_t)(counters)))
MERCURY_GEN_PROC(submit_out_t, ((int32_t)(error))((counters_t)(counters)))
MERCURY_GEN_PROC(result_t, ((hg_id_t)(tag))((hg_ptr_t)(cookie))((uint32_t)(checksum))((hg_int64_t)(count)))
MERCURY_GEN_PROC(run_out_t, ((uint32_t)(jobs))((result_t)(first))((result_t)(second)))

enum { JOBS = 2, SMALL = 100, LARGE = 300000, COUNTERS = 72 };

static const hg_id_t tags[JOBS] = {UINT64_C(0x123456789abcdef0), 7};

static uint32_t sum_of(const unsigned char *data, hg_size_t size)
{
    uint32_t sum = 5381;

    for (hg_size_t i = 0; i < size; i++)
        sum = sum * 33 + data[i];
    return sum;
}

/* Every counter another value, which differs by `shift`; all fit into the smallest type. */
static void counters_fill(counters_t *counters, int shift)
{
    int next = shift;

    memset(counters, 0, sizeof(*counters));
#define X(field) counters->field = (__typeof__(counters->field))next++;
    EACH_COUNTER(X)
#undef X
    CHECK_INT(next - shift, COUNTERS);
}

static void counters_check(const counters_t *counters, int shift)
{
    int next = shift;

#define X(field) CHECK_INT(counters->field, next++);
    EACH_COUNTER(X)
#undef X
    CHECK_INT(next - shift, COUNTERS);
}

/* --- the queue ------------------------------------------------------------------------------------------- */

struct job {
    struct queue *queue;
    hg_id_t tag;
    hg_ptr_t cookie;
    hg_bulk_t input; /* a reference of our own */
    hg_bulk_t output;
    hg_bulk_t local;
    unsigned char *data;
    hg_size_t size;
    uint32_t checksum; /* that the submitter told */
};

struct queue {
    struct program_node node;
    struct job jobs[JOBS];
    unsigned int count;
    unsigned int done;
    hg_addr_t owner;
    hg_handle_t run; /* to be answered when all jobs are done */
    unsigned int pings;
};

static struct queue *queue_of(hg_handle_t handle)
{
    const struct hg_info *info = HG_Get_info(handle);

    return HG_Registered_data(info->hg_class, info->id);
}

/* Keeps the bulk handles of the input beyond the input. */
static hg_return_t queue_on_submit(hg_handle_t handle)
{
    struct queue *queue = queue_of(handle);
    struct job *job = &queue->jobs[queue->count];
    submit_out_t out = {.error = 0};
    submit_in_t in;

    CHECK(queue->count < JOBS);
    memset(&in, 0x5a, sizeof(in));
    CHECK_OK(HG_Get_input(handle, &in));
    CHECK_INT(in.stage.limits.seconds, 60 + queue->count);
    CHECK_INT(in.stage.limits.urgent, queue->count == 1);
    CHECK_INT(in.stage.limits.memory, UINT64_C(1) << (33 + queue->count));
    CHECK_INT(in.stage.limits.unlisted, 0x5a5a5a5a);
    CHECK_TEXT(in.stage.input.label, "input");
    CHECK_TEXT(in.stage.output.label, NULL);
    counters_check(&in.counters, (int)queue->count);
    *job = (struct job){.queue = queue,
                        .tag = in.tag,
                        .cookie = in.cookie,
                        .input = in.stage.input.data,
                        .output = in.stage.output.data,
                        .size = HG_Bulk_get_size(in.stage.input.data),
                        .checksum = in.stage.input.checksum};
    CHECK_OK(HG_Bulk_ref_incr(job->input));
    CHECK_OK(HG_Bulk_ref_incr(job->output));
    CHECK_INT(HG_Bulk_get_flags(job->input), HG_BULK_READ_ONLY);
    CHECK_INT(HG_Bulk_get_flags(job->output), HG_BULK_WRITE_ONLY);
    CHECK_INT(HG_Bulk_get_size(job->output), job->size);
    if (queue->owner == HG_ADDR_NULL)
        CHECK_OK(HG_Addr_dup(queue->node.hg_class, HG_Get_info(handle)->addr, &queue->owner));
    CHECK(HG_Addr_cmp(queue->node.hg_class, queue->owner, HG_Get_info(handle)->addr));
    CHECK_OK(HG_Free_input(handle, &in));
    counters_fill(&out.counters, 10 + (int)queue->count++);
    CHECK_OK(HG_Respond(handle, NULL, NULL, &out));
    return HG_Destroy(handle);
}

static void queue_answer_run(struct queue *queue)
{
    run_out_t out = {.jobs = queue->count};
    result_t *results[JOBS] = {&out.first, &out.second};

    for (unsigned int i = 0; i < JOBS; i++) {
        struct job *job = &queue->jobs[i];

        *results[i] = (result_t){.tag = job->tag,
                                 .cookie = job->cookie,
                                 .checksum = sum_of(job->data, job->size),
                                 .count = -(hg_int64_t)job->size};
        CHECK_OK(HG_Bulk_free(job->local));
        CHECK_OK(HG_Bulk_free(job->input));
        CHECK_OK(HG_Bulk_free(job->output));
        free(job->data);
    }
    CHECK_OK(HG_Respond(queue->run, NULL, NULL, &out));
    CHECK_OK(HG_Destroy(queue->run));
}

static hg_return_t job_written(const struct hg_cb_info *info)
{
    struct job *job = info->arg;

    CHECK_OK(info->ret);
    CHECK_INT(info->info.bulk.size, job->size);
    CHECK(info->info.bulk.op == HG_BULK_PUSH && info->info.bulk.origin_handle == job->output);
    if (++job->queue->done == JOBS)
        queue_answer_run(job->queue);
    return HG_SUCCESS;
}

/* The work of a job: every byte turned around. */
static hg_return_t job_read(const struct hg_cb_info *info)
{
    struct job *job = info->arg;

    CHECK_OK(info->ret);
    CHECK_INT(info->info.bulk.size, job->size);
    CHECK(info->info.bulk.op == HG_BULK_PULL && info->info.bulk.local_handle == job->local);
    CHECK_INT(sum_of(job->data, job->size), job->checksum);
    for (hg_size_t i = 0; i < job->size; i++)
        job->data[i] = (unsigned char)~job->data[i];
    return HG_Bulk_transfer(job->queue->node.context, job_written, job, HG_BULK_PUSH, job->queue->owner, job->output, 0,
                            job->local, 0, job->size, HG_OP_ID_IGNORE);
}

static hg_return_t queue_on_run(hg_handle_t handle)
{
    struct queue *queue = queue_of(handle);

    CHECK_INT(queue->count, JOBS);
    queue->run = handle;
    for (unsigned int i = 0; i < JOBS; i++) {
        struct job *job = &queue->jobs[i];

        job->data = calloc(1, (size_t)job->size);
        CHECK(job->data != NULL);
        CHECK_OK(
            HG_Bulk_create(queue->node.hg_class, 1, (void **)&job->data, &job->size, HG_BULK_READWRITE, &job->local));
        CHECK_OK(HG_Bulk_transfer(queue->node.context, job_read, job, HG_BULK_PULL, queue->owner, job->input, 0,
                                  job->local, 0, job->size, HG_OP_ID_IGNORE));
    }
    return HG_SUCCESS;
}

static hg_return_t queue_on_ping(hg_handle_t handle)
{
    queue_of(handle)->pings++;
    CHECK_INT(HG_Get_input_payload_size(handle), 0);
    CHECK_OK(HG_Respond(handle, NULL, NULL, NULL));
    return HG_Destroy(handle);
}

static hg_return_t queue_on_count(hg_handle_t handle)
{
    limits_t out = {.seconds = queue_of(handle)->pings, .urgent = HG_TRUE, .memory = queue_of(handle)->done};

    CHECK_OK(HG_Respond(handle, NULL, NULL, &out));
    return HG_Destroy(handle);
}

struct ids {
    hg_id_t submit;
    hg_id_t run;
    hg_id_t ping;
    hg_id_t count;
};

/* The same at both sides; the client has no handlers. */
static struct ids register_all(hg_class_t *hg_class, bool serve)
{
    struct ids ids;

    ids.submit = MERCURY_REGISTER(hg_class, "submit", submit_in_t, submit_out_t, serve ? queue_on_submit : NULL);
    ids.run = MERCURY_REGISTER(hg_class, "run", void, run_out_t, serve ? queue_on_run : NULL);
    ids.ping = MERCURY_REGISTER(hg_class, "ping", void, void, serve ? queue_on_ping : NULL);
    ids.count = MERCURY_REGISTER(hg_class, "count", void, limits_t, serve ? queue_on_count : NULL);
    CHECK(ids.submit != 0 && ids.run != 0 && ids.ping != 0 && ids.count != 0);
    return ids;
}

static void queue_run(struct program_peer *parent, const char *protocol)
{
    static struct queue queue;
    struct ids ids;

    program_open(&queue.node, protocol, true, NULL);
    ids = register_all(queue.node.hg_class, true);
    CHECK_OK(HG_Register_data(queue.node.hg_class, ids.submit, &queue, NULL));
    CHECK_OK(HG_Register_data(queue.node.hg_class, ids.run, &queue, NULL));
    CHECK_OK(HG_Register_data(queue.node.hg_class, ids.ping, &queue, NULL));
    CHECK_OK(HG_Register_data(queue.node.hg_class, ids.count, &queue, NULL));
    program_serve(&queue.node, parent);
    CHECK_INT(queue.done, JOBS);
    CHECK_OK(HG_Addr_free(queue.node.hg_class, queue.owner));
    program_close(&queue.node);
    FORGET(queue);
}

/* --- the client ------------------------------------------------------------------------------------------ */

struct client {
    struct program_node node;
    struct ids ids;
    hg_addr_t queue;
    unsigned char *inputs[JOBS];
    unsigned char *outputs[JOBS];
    hg_size_t sizes[JOBS];
    stage_t stages[JOBS];
};

static void client_make_stage(struct client *client, unsigned int job, hg_size_t size)
{
    stage_t *stage = &client->stages[job];

    client->sizes[job] = size;
    client->inputs[job] = malloc((size_t)size);
    client->outputs[job] = calloc(1, (size_t)size);
    CHECK(client->inputs[job] != NULL && client->outputs[job] != NULL);
    for (hg_size_t i = 0; i < size; i++)
        client->inputs[job][i] = (unsigned char)(i * 13 + job);
    stage->input = (dataset_t){.label = "input", .checksum = sum_of(client->inputs[job], size)};
    stage->output = (dataset_t){.label = NULL};
    stage->limits =
        (limits_t){.seconds = 60 + job, .unlisted = 0xdead, .urgent = job == 1, .memory = UINT64_C(1) << (33 + job)};
    CHECK_OK(HG_Bulk_create(client->node.hg_class, 1, (void **)&client->inputs[job], &size, HG_BULK_READ_ONLY,
                            &stage->input.data));
    CHECK_OK(HG_Bulk_create(client->node.hg_class, 1, (void **)&client->outputs[job], &size, HG_BULK_WRITE_ONLY,
                            &stage->output.data));
}

static void client_submit(struct client *client, unsigned int job)
{
    submit_in_t in = {.tag = tags[job], .cookie = (hg_ptr_t)(uintptr_t)client, .stage = client->stages[job]};
    hg_handle_t handle = HG_HANDLE_NULL;
    submit_out_t out;

    counters_fill(&in.counters, (int)job);
    handle = program_call_new(&client->node, client->queue, client->ids.submit, &in);
    CHECK_OK(HG_Get_output(handle, &out));
    CHECK_INT(out.error, 0);
    counters_check(&out.counters, 10 + (int)job);
    CHECK_OK(HG_Free_output(handle, &out));
    CHECK_OK(HG_Destroy(handle));
}

static void client_check_result(struct client *client, unsigned int job, const result_t *result)
{
    for (hg_size_t i = 0; i < client->sizes[job]; i++)
        if (client->outputs[job][i] != (unsigned char)~client->inputs[job][i])
            program_fail(__FILE__, __LINE__, "byte %llu of output %u is wrong", (unsigned long long)i, job);
    CHECK_INT(result->tag, tags[job]);
    CHECK_INT(result->cookie, (uintptr_t)client);
    CHECK_INT(result->checksum, sum_of(client->outputs[job], client->sizes[job]));
    CHECK_INT(result->count, -(int64_t)client->sizes[job]);
}

static void client_run(struct client *client)
{
    hg_handle_t handle = program_call_new(&client->node, client->queue, client->ids.run, NULL);
    run_out_t out;

    CHECK_OK(HG_Get_output(handle, &out));
    CHECK_INT(out.jobs, JOBS);
    client_check_result(client, 0, &out.first);
    client_check_result(client, 1, &out.second);
    CHECK_OK(HG_Free_output(handle, &out));
    CHECK_OK(HG_Destroy(handle));
}

static void client_ping_and_count(struct client *client)
{
    hg_handle_t handle = HG_HANDLE_NULL;
    limits_t out = {.unlisted = 42};

    for (unsigned int i = 0; i < 3; i++)
        CHECK_OK(HG_Destroy(program_call_new(&client->node, client->queue, client->ids.ping, NULL)));
    handle = program_call_new(&client->node, client->queue, client->ids.count, NULL);
    CHECK_OK(HG_Get_output(handle, &out));
    CHECK_INT(out.seconds, 3);
    CHECK_INT(out.unlisted, 42);
    CHECK_INT(out.memory, JOBS);
    CHECK_OK(HG_Free_output(handle, &out));
    CHECK_OK(HG_Destroy(handle));
}

int main(int argc, char **argv)
{
    const char *protocol = program_begin("job client", argc, argv);
    static struct client client;
    struct program_peer queue;

    program_start(&queue, "job queue", queue_run, protocol);
    program_open(&client.node, protocol, false, NULL);
    client.ids = register_all(client.node.hg_class, false);
    client.queue = program_meet(&client.node, &queue);
    client_make_stage(&client, 0, SMALL);
    client_make_stage(&client, 1, LARGE);
    for (unsigned int i = 0; i < JOBS; i++)
        client_submit(&client, i);
    client_run(&client);
    client_ping_and_count(&client);
    for (unsigned int i = 0; i < JOBS; i++) {
        CHECK_OK(HG_Bulk_free(client.stages[i].input.data));
        CHECK_OK(HG_Bulk_free(client.stages[i].output.data));
        free(client.inputs[i]);
        free(client.outputs[i]);
    }
    program_stop(&client.node, client.queue);
    CHECK_OK(HG_Addr_free(client.node.hg_class, client.queue));
    program_close(&client.node);
    program_finish(&queue);
    FORGET(client);
    return EXIT_SUCCESS;
}
