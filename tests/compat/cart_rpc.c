/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * An RPC layer on top of ours, as CaRT is one: a single registered RPC carries all operations. Inputs begin with a
 * header of the layer's own, which the target decodes by hand from the raw buffer, then it picks the operation, goes
 * on decoding with the same processor, and lets the buffer go before it answers. Then the same once more with space in
 * front of each payload that the layer fills and reads without any proc.
 */
#include "mercury_proc.h"
#include "mercury_proc_string.h"
#include "program.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RPC_ID = 0x43415254, MAGIC = 0x7c0ffee7, RANK_ORIGIN = 4, RANK_TARGET = 9, SPACE = 48, OVERFLOWING = 60000 };
enum operation { OPERATION_ECHO, OPERATION_CONCAT, OPERATION_COUNT, OPERATIONS };

/* The space in front of payloads in this run; the same at both sides. */
static hg_size_t space;

/* --- the layer ------------------------------------------------------------------------------------------ */

struct rpc_header {
    uint32_t magic;
    uint32_t operation;
    uint64_t rpc_id;
    int32_t source_rank;
    int32_t target_rank;
    int32_t rc; /* of the answer */
    uint32_t body_crc;
};

enum { HEADER_SIZE = 32 };

/* One struct for the input and one for the output, with the bodies of all operations in them. */
struct rpc_message {
    struct rpc_header header;
    union {
        struct {
            uint64_t size;
            unsigned char *data;
        } echo;
        struct {
            hg_string_t parts[2];
        } concat;
        uint64_t count;
    } body;
};

static hg_return_t rpc_proc_header(hg_proc_t proc, struct rpc_header *header)
{
    hg_return_t ret = hg_proc_uint32_t(proc, &header->magic);

    if (ret == HG_SUCCESS && header->magic != MAGIC)
        return HG_PROTOCOL_ERROR;
    if (ret == HG_SUCCESS)
        ret = hg_proc_uint32_t(proc, &header->operation);
    if (ret == HG_SUCCESS)
        ret = hg_proc_uint64_t(proc, &header->rpc_id);
    if (ret == HG_SUCCESS)
        ret = hg_proc_int32_t(proc, &header->source_rank);
    if (ret == HG_SUCCESS)
        ret = hg_proc_int32_t(proc, &header->target_rank);
    if (ret == HG_SUCCESS)
        ret = hg_proc_int32_t(proc, &header->rc);
    if (ret == HG_SUCCESS)
        ret = hg_proc_uint32_t(proc, &header->body_crc);
    return ret;
}

static hg_return_t rpc_proc_echo(hg_proc_t proc, struct rpc_message *message)
{
    hg_return_t ret = hg_proc_uint64_t(proc, &message->body.echo.size);

    if (ret != HG_SUCCESS)
        return ret;
    if (hg_proc_get_op(proc) == HG_FREE) {
        free(message->body.echo.data);
        return HG_SUCCESS;
    }
    if (hg_proc_get_op(proc) == HG_DECODE) {
        if (message->body.echo.size > hg_proc_get_size_left(proc))
            return HG_OVERFLOW;
        message->body.echo.data = malloc((size_t)message->body.echo.size + 1);
        if (message->body.echo.data == NULL)
            return HG_NOMEM;
    }
    return hg_proc_bytes(proc, message->body.echo.data, message->body.echo.size);
}

static hg_return_t rpc_proc_concat(hg_proc_t proc, struct rpc_message *message)
{
    hg_return_t ret = hg_proc_hg_string_t(proc, &message->body.concat.parts[0]);

    return ret == HG_SUCCESS ? hg_proc_hg_string_t(proc, &message->body.concat.parts[1]) : ret;
}

static hg_return_t rpc_proc_count(hg_proc_t proc, struct rpc_message *message)
{
    return hg_proc_uint64_t(proc, &message->body.count);
}

static hg_return_t (*const rpc_proc_bodies[OPERATIONS])(hg_proc_t proc, struct rpc_message *message) = {
    [OPERATION_ECHO] = rpc_proc_echo,
    [OPERATION_CONCAT] = rpc_proc_concat,
    [OPERATION_COUNT] = rpc_proc_count,
};

/* What is registered. In the free pass nothing is read, so the header is still that of the decoding. */
static hg_return_t rpc_proc_message(hg_proc_t proc, void *data)
{
    struct rpc_message *message = data;
    hg_return_t ret = rpc_proc_header(proc, &message->header);

    if (ret != HG_SUCCESS)
        return ret;
    if (message->header.operation >= OPERATIONS)
        return HG_NOENTRY;
    return rpc_proc_bodies[message->header.operation](proc, message);
}

/* Encodes the body into memory of our own, for its checksum and its size. */
static uint32_t rpc_body_crc(hg_class_t *hg_class, struct rpc_message *message, hg_size_t *size_out)
{
    unsigned char small[64];
    hg_proc_t proc = HG_PROC_NULL;
    uint32_t crc = 0;

    CHECK_OK(hg_proc_create_set(hg_class, small, sizeof(small), HG_ENCODE, HG_CRC32, &proc));
    CHECK_OK(rpc_proc_bodies[message->header.operation](proc, message));
    CHECK_OK(hg_proc_flush(proc));
    *size_out = hg_proc_get_size_used(proc);
    CHECK((hg_proc_get_extra_buf(proc) != NULL) == (*size_out > sizeof(small)));
    CHECK_OK(hg_proc_checksum_get(proc, &crc, sizeof(crc)));
    CHECK_OK(hg_proc_free(proc));
    return crc;
}

/* --- the target ----------------------------------------------------------------------------------------- */

struct target {
    struct program_node node;
    uint64_t served;
    uint64_t in_extra;
};

/* The encoded input in one piece, wherever it is. */
static hg_size_t target_find_input(hg_handle_t handle, unsigned char **input_out, bool *extra_out)
{
    hg_size_t extra_size = 99;
    hg_size_t size = 0;
    void *extra = NULL;
    void *buf = NULL;

    CHECK_OK(HG_Get_input_buf(handle, &buf, &size));
    CHECK_OK(HG_Get_input_extra_buf(handle, &extra, &extra_size));
    CHECK(buf != NULL && size >= space);
    for (hg_size_t i = 0; i < space; i++)
        CHECK_INT(((unsigned char *)buf)[i], 'o' ^ (i & 0x1f));
    *extra_out = extra != NULL;
    if (extra != NULL) {
        *input_out = extra;
        return extra_size;
    }
    CHECK_INT(extra_size, 0);
    CHECK_INT(HG_Get_input_payload_size(handle), size);
    *input_out = (unsigned char *)buf + space;
    return size - space;
}

static void target_decode(struct target *target, hg_handle_t handle, struct rpc_message *in)
{
    unsigned char *input = NULL;
    bool extra = false;
    hg_size_t size = target_find_input(handle, &input, &extra);
    hg_proc_t proc = HG_PROC_NULL;

    CHECK_OK(hg_proc_create_set(target->node.hg_class, input, size, HG_DECODE, HG_CRC32, &proc));
    CHECK_OK(rpc_proc_header(proc, &in->header));
    CHECK_INT(hg_proc_get_size_used(proc), HEADER_SIZE);
    CHECK_INT(in->header.source_rank, RANK_ORIGIN);
    CHECK_INT(in->header.target_rank, RANK_TARGET);
    CHECK(in->header.operation < OPERATIONS);
    /* Over the body alone, as the origin computed it: the processor is set to what is left. */
    CHECK_OK(hg_proc_reset(proc, input + HEADER_SIZE, size - HEADER_SIZE, HG_DECODE));
    CHECK_OK(rpc_proc_bodies[in->header.operation](proc, in));
    CHECK_INT(hg_proc_get_size_left(proc), 0);
    CHECK_OK(hg_proc_flush(proc));
    CHECK_OK(hg_proc_checksum_verify(proc, &in->header.body_crc, sizeof(in->header.body_crc)));
    CHECK_OK(hg_proc_free(proc));
    target->in_extra += extra;
}

static void target_fill_space(hg_handle_t handle)
{
    void *buf = NULL;
    hg_size_t size = 0;

    CHECK_OK(HG_Get_output_buf(handle, &buf, &size));
    CHECK(size >= space);
    for (hg_size_t i = 0; i < space; i++)
        ((unsigned char *)buf)[i] = (unsigned char)('t' ^ (i & 0x1f));
}

static void target_run_operation(struct target *target, const struct rpc_message *in, struct rpc_message *out)
{
    size_t length = 0;

    out->header = in->header;
    out->header.rc = (int32_t)in->header.rpc_id;
    switch (in->header.operation) {
    case OPERATION_ECHO:
        out->body.echo = in->body.echo;
        break;
    case OPERATION_CONCAT:
        length = strlen(in->body.concat.parts[0]) + strlen(in->body.concat.parts[1]) + 1;
        out->body.concat.parts[0] = malloc(length);
        CHECK(out->body.concat.parts[0] != NULL);
        (void)snprintf(out->body.concat.parts[0], length, "%s%s", in->body.concat.parts[0], in->body.concat.parts[1]);
        out->body.concat.parts[1] = NULL;
        break;
    default:
        out->body.count = in->body.count + target->served;
        break;
    }
}

static hg_return_t target_on_rpc(hg_handle_t handle)
{
    const struct hg_info *info = HG_Get_info(handle);
    struct target *target = HG_Registered_data(info->hg_class, info->id);
    struct rpc_message in;
    struct rpc_message out;
    hg_size_t size = 0;

    target_decode(target, handle, &in);
    /* HG_Free_input() drops the reference that HG_Get_input() would have taken. */
    CHECK_OK(HG_Ref_incr(handle));
    CHECK_OK(HG_Release_input_buf(handle));
    target_run_operation(target, &in, &out);
    out.header.body_crc = rpc_body_crc(target->node.hg_class, &out, &size);
    target_fill_space(handle);
    CHECK_OK(HG_Respond(handle, NULL, NULL, &out));
    if (in.header.operation == OPERATION_CONCAT)
        free(out.body.concat.parts[0]);
    CHECK_OK(HG_Free_input(handle, &in));
    target->served++;
    return HG_Destroy(handle);
}

static void set_space(hg_class_t *hg_class)
{
    CHECK_OK(HG_Class_set_input_offset(hg_class, space));
    CHECK_OK(HG_Class_set_output_offset(hg_class, space));
}

static void target_run(struct program_peer *parent, const char *protocol)
{
    struct target target = {.served = 0};

    program_open(&target.node, protocol, true, NULL);
    set_space(target.node.hg_class);
    CHECK_OK(HG_Register(target.node.hg_class, RPC_ID, rpc_proc_message, rpc_proc_message, target_on_rpc));
    CHECK_OK(HG_Register_data(target.node.hg_class, RPC_ID, &target, NULL));
    program_serve(&target.node, parent);
    CHECK(target.in_extra > 0 && target.in_extra < target.served);
    program_close(&target.node);
}

/* --- the origin ----------------------------------------------------------------------------------------- */

struct origin {
    struct program_node node;
    hg_addr_t target;
    hg_handle_t handle; /* used for all calls in turn */
    uint64_t rpc_ids;
};

/* One call, up to the decoded output, which the caller frees. */
static void origin_call(struct origin *origin, struct rpc_message *in, struct rpc_message *out)
{
    unsigned char *buf = NULL;
    hg_size_t size = 0;

    in->header = (struct rpc_header){.magic = MAGIC,
                                     .operation = in->header.operation,
                                     .rpc_id = ++origin->rpc_ids,
                                     .source_rank = RANK_ORIGIN,
                                     .target_rank = RANK_TARGET};
    in->header.body_crc = rpc_body_crc(origin->node.hg_class, in, &size);
    CHECK_OK(HG_Reset(origin->handle, origin->target, RPC_ID));
    CHECK_OK(HG_Get_input_buf(origin->handle, (void **)&buf, &size));
    CHECK(size >= space + HG_Class_get_input_eager_size(origin->node.hg_class));
    for (hg_size_t i = 0; i < space; i++)
        buf[i] = (unsigned char)('o' ^ (i & 0x1f));
    CHECK_OK(program_call(origin->handle, in));

    CHECK_OK(HG_Get_output_buf(origin->handle, (void **)&buf, &size));
    CHECK(size >= space);
    for (hg_size_t i = 0; i < space; i++)
        CHECK_INT(buf[i], 't' ^ (i & 0x1f));
    CHECK_OK(HG_Get_output(origin->handle, out));
    CHECK_INT(out->header.rpc_id, in->header.rpc_id);
    CHECK_INT(out->header.rc, in->header.rpc_id);
    CHECK_INT(out->header.operation, in->header.operation);
    CHECK_INT(out->header.body_crc, rpc_body_crc(origin->node.hg_class, out, &size));
}

static bool origin_output_was_extra(struct origin *origin)
{
    hg_size_t size = 0;
    void *extra = NULL;

    CHECK_OK(HG_Get_output_extra_buf(origin->handle, &extra, &size));
    CHECK((extra != NULL) == (size > 0));
    return extra != NULL;
}

/* Bytes there and back. What is within the eager size is in the message; a little more may be, too. */
static void origin_echo(struct origin *origin, hg_size_t size)
{
    struct rpc_message in = {.header = {.operation = OPERATION_ECHO}};
    hg_size_t encoded = HEADER_SIZE + sizeof(uint64_t) + size;
    struct rpc_message out;
    bool extra = false;

    in.body.echo.size = size;
    in.body.echo.data = malloc((size_t)size + 1);
    CHECK(in.body.echo.data != NULL);
    for (hg_size_t i = 0; i < size; i++)
        in.body.echo.data[i] = (unsigned char)(i * 31 + size);
    origin_call(origin, &in, &out);
    CHECK_INT(out.body.echo.size, size);
    CHECK(memcmp(out.body.echo.data, in.body.echo.data, (size_t)size) == 0);
    extra = origin_output_was_extra(origin);
    CHECK(!extra || encoded > HG_Class_get_output_eager_size(origin->node.hg_class));
    CHECK(extra || size < OVERFLOWING);
    CHECK_OK(HG_Free_output(origin->handle, &out));
    free(in.body.echo.data);
}

/* Around every border: nothing, the message, a frame, several frames, and what is pulled. */
static void origin_echo_all(struct origin *origin)
{
    hg_size_t eager = HG_Class_get_output_eager_size(origin->node.hg_class);
    hg_size_t border = eager - HEADER_SIZE - sizeof(uint64_t);
    const hg_size_t sizes[] = {0,     1,           40,      1000, border - 1, border, border + 1, border + 500,
                               17000, OVERFLOWING, 1500000, 7};

    CHECK(eager > HEADER_SIZE + 1010);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
        origin_echo(origin, sizes[i]);
}

static void origin_concat(struct origin *origin)
{
    char left[] = "from the raw buffer, ";
    char right[] = "by hand";
    struct rpc_message in = {.header = {.operation = OPERATION_CONCAT}, .body = {.concat = {.parts = {left, right}}}};
    struct rpc_message out;

    origin_call(origin, &in, &out);
    CHECK_TEXT(out.body.concat.parts[0], "from the raw buffer, by hand");
    CHECK_TEXT(out.body.concat.parts[1], NULL);
    CHECK_OK(HG_Free_output(origin->handle, &out));
}

static void origin_count(struct origin *origin)
{
    struct rpc_message in = {.header = {.operation = OPERATION_COUNT}, .body = {.count = 100}};
    struct rpc_message out;

    origin_call(origin, &in, &out);
    CHECK_INT(out.body.count, 100 + origin->rpc_ids - 1);
    CHECK_OK(HG_Free_output(origin->handle, &out));
}

static void run(struct program_peer *target, const char *protocol)
{
    struct origin origin = {.rpc_ids = 0};

    program_open(&origin.node, protocol, false, NULL);
    set_space(origin.node.hg_class);
    origin.target = program_meet(&origin.node, target);
    CHECK_OK(HG_Register(origin.node.hg_class, RPC_ID, rpc_proc_message, rpc_proc_message, NULL));
    CHECK_OK(HG_Create(origin.node.context, HG_ADDR_NULL, 0, &origin.handle));
    origin_concat(&origin);
    origin_echo_all(&origin);
    origin_count(&origin);
    CHECK_OK(HG_Destroy(origin.handle));
    program_stop(&origin.node, origin.target);
    CHECK_OK(HG_Addr_free(origin.node.hg_class, origin.target));
    program_close(&origin.node);
    program_finish(target);
}

int main(int argc, char **argv)
{
    const char *protocol = program_begin("RPC origin", argc, argv);
    struct program_peer plain;
    struct program_peer spaced;

    program_start(&plain, "RPC target", target_run, protocol);
    space = SPACE;
    program_start(&spaced, "RPC target with space", target_run, protocol);
    space = 0;
    run(&plain, protocol);
    space = SPACE;
    run(&spaced, protocol);
    return EXIT_SUCCESS;
}
