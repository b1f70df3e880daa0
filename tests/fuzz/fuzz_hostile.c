/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * The hostile peer: see fuzz_hostile.h.
 */
#include "tests/fuzz/fuzz_hostile.h"

#include <string.h>

#include "hg/hg_header.h"
#include "hg/hg_proc_crc.h"
#include "tests/support/support_guard.h"
#include "util/util_bytes.h"

enum { FRAME_MAX = 8192, PAYLOAD_MAX = 600 };

unsigned int fuzz_take(struct fuzz_input *input)
{
    if (input->size == 0)
        return 0;
    input->size--;
    return *input->data++;
}

uint64_t fuzz_take_number(struct fuzz_input *input)
{
    unsigned int first = fuzz_take(input);
    uint64_t value = first & 0x3f;

    if ((first & 0x40) != 0)
        value = value << 8 | fuzz_take(input);
    if ((first & 0x80) != 0)
        value = value << 40 | (uint64_t)fuzz_take(input) << 32 | fuzz_take(input);
    return first == 0xff ? UINT64_MAX : value;
}

/* --- what comes from victims ----------------------------------------------------------------------- */

/* The end that a frame belongs to: datagrams come without a route. */
static struct fuzz_end *end_of(struct fuzz_hostile *hostile, struct na_route *route, const struct hg_frame_hello *hello)
{
    for (unsigned int i = 0; i < FUZZ_ENDS_MAX; i++) {
        struct fuzz_end *end = &hostile->ends[i];

        if (end->victim == NULL)
            continue;
        if (route != NULL ? route == end->route : hello != NULL && strcmp(hello->class_address, end->victim) == 0)
            return end;
    }
    return &hostile->ends[0];
}

static void on_frame(void *arg, struct na_route *route, const void *data, size_t size)
{
    struct hg_frame_header header;
    struct hg_frame_hello hello;
    const unsigned char *bytes = data;
    struct fuzz_end *end;
    size_t offset;
    bool has_hello;

    if (hg_frame_decode(bytes, size, &header, &hello, &has_hello, &offset) != HG_FRAME_KIND_FRAME)
        return;
    end = end_of(arg, route, has_hello ? &hello : NULL);
    if (has_hello) {
        end->learned = hello;
        end->has_learned = true;
    }
    while (offset < size) {
        const unsigned char *payload;
        struct hg_header message;
        size_t message_size;

        /* The victim itself must not send rubbish. */
        SUPPORT_CHECK(hg_header_decode(bytes + offset, size - offset, &message, &payload, &message_size) == 0);
        if (message.type == HG_MESSAGE_REQUEST)
            end->last_tag = message.tag;
        offset += message_size;
    }
}

static void on_accept(void *arg, struct na_route *route)
{
    struct fuzz_hostile *hostile = arg;
    struct fuzz_end *end = &hostile->ends[0];

    for (unsigned int i = 0; i < FUZZ_ENDS_MAX; i++)
        if (hostile->ends[i].host != NULL && strstr(na_route_text(route), hostile->ends[i].host) != NULL)
            end = &hostile->ends[i];
    fuzz_hostile_disconnect(end);
    end->route = route;
}

static void on_up(void *arg, struct na_route *route)
{
    (void)arg;
    (void)route;
}

static void on_down(void *arg, struct na_route *route, int error)
{
    struct fuzz_hostile *hostile = arg;

    (void)error;
    for (unsigned int i = 0; i < FUZZ_ENDS_MAX; i++)
        if (hostile->ends[i].route == route)
            hostile->ends[i].route = NULL;
    na_route_close(route);
}

static const struct na_upcalls upcalls = {
    .frame = on_frame,
    .accept = on_accept,
    .route_up = on_up,
    .route_down = on_down,
};

/* --- life --------------------------------------------------------------------------------------------- */

void fuzz_hostile_open(struct fuzz_hostile *hostile)
{
    const struct na_config config = {
        .uri = hostile->address, .listen = true, .single_threaded = true, .never_block = true};

    SUPPORT_CHECK(na_class_open(&config, &hostile->na_class) == 0);
    SUPPORT_CHECK(na_context_open(hostile->na_class, 0, &upcalls, hostile, &hostile->context) == 0);
}

void fuzz_hostile_disconnect(struct fuzz_end *end)
{
    if (end->route != NULL)
        na_route_close(end->route);
    end->route = NULL;
}

void fuzz_hostile_connect(struct fuzz_hostile *hostile, struct fuzz_end *end)
{
    fuzz_hostile_disconnect(end);
    end->has_learned = false;
    if (na_route_open(hostile->context, end->victim, 0, NULL, &end->route) != 0)
        end->route = NULL;
}

void fuzz_hostile_close(struct fuzz_hostile *hostile)
{
    for (unsigned int i = 0; i < FUZZ_ENDS_MAX; i++)
        fuzz_hostile_disconnect(&hostile->ends[i]);
    na_context_close(hostile->context, 0);
    na_class_close(hostile->na_class);
}

/* --- frames --------------------------------------------------------------------------------------------- */

/* The later types have few of the numbers, so that inputs which were found before they came keep their meaning. */
static uint8_t message_type(unsigned int kind)
{
    return (uint8_t)(kind % 32 < 24 ? HG_MESSAGE_REQUEST + kind % 8 : HG_MESSAGE_WINDOW + kind % 4);
}

/* One message whose fields are what the input says. */
static size_t make_message(const struct fuzz_hostile *hostile, const struct fuzz_end *end, struct fuzz_input *input,
                           unsigned char *out, size_t room)
{
    static const hg_id_t no_id = 4711;
    struct hg_header header = {0};
    unsigned int kind = fuzz_take(input);
    size_t used;

    header.type = message_type(kind);
    header.flags = (uint16_t)(fuzz_take(input) & (31 | HG_MESSAGE_SEQUENCED | HG_MESSAGE_REPEATED));
    header.tag = (kind & 0x80) != 0 ? end->last_tag : fuzz_take_number(input);
    header.rpc_id = (kind & 0x40) != 0 ? no_id : hostile->ids[kind / 8 % hostile->id_count];
    header.remaining_us = (uint32_t)fuzz_take(input);
    header.target_context = (uint8_t)(fuzz_take(input) == 255);
    header.status = (uint32_t)fuzz_take_number(input);
    header.total_size = (uint32_t)fuzz_take_number(input);
    header.offset = (uint32_t)fuzz_take_number(input);
    header.release_tag = fuzz_take_number(input);
    if ((header.flags & HG_MESSAGE_SEQUENCED) != 0) {
        header.sequence = fuzz_take_number(input) & ((UINT64_C(1) << 56) - 1);
        header.behind = (uint8_t)fuzz_take(input);
        header.epoch = fuzz_take(input) & 3;
        header.attempt = (uint16_t)(fuzz_take(input) & 3);
    }
    header.payload_size = (uint32_t)(fuzz_take_number(input) % PAYLOAD_MAX);
    if (room < HG_HEADER_MAX + PAYLOAD_MAX + 8)
        return 0;
    used = hg_header_encode(&header, out);
    for (uint32_t i = 0; i < header.payload_size; i++)
        out[used + i] = i < 8 || input->size > 100 ? (unsigned char)fuzz_take(input) : (unsigned char)i;
    if ((kind & 0x20) != 0) {
        header.payload_check = hg_proc_crc_32c(out + used, header.payload_size);
        (void)hg_header_encode(&header, out);
    }
    memset(out + used + header.payload_size, 0, 8);
    return util_bytes_align8(used + header.payload_size);
}

static void send_bytes(struct fuzz_hostile *hostile, struct fuzz_end *end, const unsigned char *bytes, size_t size)
{
    struct na_frame *frame = end->route != NULL ? na_frame_get(hostile->context) : NULL;

    if (frame == NULL)
        return;
    if (size > frame->capacity)
        size = frame->capacity;
    memcpy(frame->data, bytes, size);
    frame->size = size;
    if (na_send(end->route, frame) != 0)
        na_frame_put(hostile->context, frame);
}

static void make_hello(const struct fuzz_hostile *hostile, struct fuzz_input *input, unsigned int options,
                       struct hg_frame_hello *hello)
{
    *hello = (struct hg_frame_hello){
        .incarnation = 99 + ((options & 0x80) != 0),
        .session_index = 1,
        .session_key = 2,
        .window = 1 + fuzz_take(input),
    };
    strcpy(hello->class_address, hostile->address);
    if (hostile->datagrams)
        strcpy(hello->route_address, hostile->address);
}

void fuzz_hostile_frame(struct fuzz_hostile *hostile, struct fuzz_end *end, struct fuzz_input *input)
{
    unsigned int options = fuzz_take(input);
    struct hg_frame_header header = {
        .credit = options & 3,
        .flags = (options & 0x40) != 0 ? HG_FRAME_CHECKED : 0,
    };
    struct hg_frame_hello hello;
    unsigned char bytes[FRAME_MAX];
    size_t size = HG_FRAME_HEADER_SIZE;

    make_hello(hostile, input, options, &hello);
    if (end->has_learned && (options & 4) == 0) {
        header.session_index = end->learned.session_index;
        header.session_key = end->learned.session_key;
        header.incarnation = (uint32_t)end->learned.incarnation;
    }
    if (!end->has_learned || (options & 8) != 0) {
        header.flags |= HG_FRAME_HELLO;
        hello.features = (options & 0x40) != 0 ? HG_FRAME_FEATURE_CHECKED : 0;
        hg_frame_encode_hello(&hello, bytes + size);
        size += hg_frame_hello_size(&hello);
    }
    for (unsigned int count = fuzz_take(input) % 8; count > 0; count--)
        size += make_message(hostile, end, input, bytes + size, sizeof(bytes) - size);
    header.size = (uint32_t)size;
    hg_frame_encode(&header, bytes);
    if ((options & 0x10) != 0)
        bytes[fuzz_take_number(input) % size] = (unsigned char)fuzz_take(input);
    if ((options & 0x20) != 0)
        size = fuzz_take_number(input) % (size + 1);
    send_bytes(hostile, end, bytes, size);
}

void fuzz_hostile_bytes(struct fuzz_hostile *hostile, struct fuzz_end *end, struct fuzz_input *input)
{
    unsigned char bytes[256];
    unsigned int size = fuzz_take(input);

    for (unsigned int i = 0; i < size; i++)
        bytes[i] = (unsigned char)fuzz_take(input);
    send_bytes(hostile, end, bytes, size);
}
