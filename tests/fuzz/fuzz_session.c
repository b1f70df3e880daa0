/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Fuzz target: any bytes as the doings of a hostile peer. They become a sequence of frames into a class that
 * serves, and that itself calls the hostile peer; between them both sides take turns. Nothing may crash or be left
 * behind, and each call ends once.
 *
 * Each step is an opcode byte and what it needs. A frame's header and hello are made right, and then one field
 * may be overwritten; its body is made of messages whose fields come from the input, or of raw bytes.
 */
#include <stdlib.h>
#include <string.h>

#include "hg/hg_frame.h"
#include "hg/hg_header.h"
#include "hg/hg_proc_crc.h"
#include "tests/support/fake_wire.h"
#include "tests/support/hg_pair.h"
#include "util/util_bytes.h"
#include "util/util_clock.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
    const uint8_t *data;
    size_t size;
};

/* The hostile peer. */
static struct na_class *raw_class;
static struct na_context *raw_context;
static struct na_route *raw_route;
static struct hg_frame_hello learned;
static bool has_learned;
static uint64_t last_tag; /* of the last request that came to the hostile peer */

/* The victim: one class with one context, in the target's place of the pair. */
static struct hg_pair victim;
static hg_addr_t raw_addr;

enum { CALLS = 4 };
static struct hg_pair_call calls[CALLS];

static uint64_t now_ns;

static uint64_t fuzz_clock(void)
{
    return now_ns;
}

static unsigned int take(struct input *input)
{
    if (input->size == 0)
        return 0;
    input->size--;
    return *input->data++;
}

/* Small numbers mostly, large ones sometimes. */
static uint64_t take_number(struct input *input)
{
    unsigned int first = take(input);
    uint64_t value = first & 0x3f;

    if ((first & 0x40) != 0)
        value = value << 8 | take(input);
    if ((first & 0x80) != 0)
        value = value << 40 | (uint64_t)take(input) << 32 | take(input);
    return first == 0xff ? UINT64_MAX : value;
}

/* --- the hostile peer ---------------------------------------------------------------------------- */

static void raw_frame(void *arg, struct na_route *route, const void *data, size_t size)
{
    struct hg_frame_header header;
    struct hg_frame_hello hello;
    const unsigned char *bytes = data;
    size_t offset;
    bool has_hello;

    (void)arg;
    (void)route;
    if (hg_frame_decode(bytes, size, &header, &hello, &has_hello, &offset) != HG_FRAME_KIND_FRAME)
        return;
    if (has_hello) {
        learned = hello;
        has_learned = true;
    }
    while (offset < size) {
        const unsigned char *payload;
        struct hg_header message;
        size_t message_size;

        /* The victim itself must not send rubbish. */
        SUPPORT_CHECK(hg_header_decode(bytes + offset, size - offset, &message, &payload, &message_size) == 0);
        if (message.type == HG_MESSAGE_REQUEST)
            last_tag = message.tag;
        offset += message_size;
    }
}

static void raw_accept(void *arg, struct na_route *route)
{
    (void)arg;
    if (raw_route != NULL)
        na_route_close(raw_route);
    raw_route = route;
}

static void raw_up(void *arg, struct na_route *route)
{
    (void)arg;
    (void)route;
}

static void raw_down(void *arg, struct na_route *route, int error)
{
    (void)arg;
    (void)error;
    if (route == raw_route)
        raw_route = NULL;
    na_route_close(route);
}

static const struct na_upcalls raw_upcalls = {
    .frame = raw_frame,
    .accept = raw_accept,
    .route_up = raw_up,
    .route_down = raw_down,
};

static void turn(unsigned int count)
{
    for (unsigned int i = 0; i < count; i++) {
        (void)na_progress(raw_context);
        (void)HG_Event_progress(victim.target.contexts[0], NULL);
        (void)HG_Trigger(victim.target.contexts[0], 0, 64, NULL);
        now_ns += 1000;
    }
}

static void raw_connect(void)
{
    if (raw_route != NULL)
        na_route_close(raw_route);
    SUPPORT_CHECK(na_route_open(raw_context, "wire://victim", 0, NULL, &raw_route) == 0);
    has_learned = false;
    turn(3);
}

/* One message whose fields are what the input says. */
static size_t fuzz_message(struct input *input, unsigned char *out, size_t room)
{
    static const hg_id_t no_id = 4711;
    struct hg_header header = {0};
    unsigned int kind = take(input);
    size_t used;

    header.type = (uint8_t)(1 + kind % 8);
    header.flags = (uint16_t)(take(input) & (31 | HG_MESSAGE_SEQUENCED));
    header.tag = (kind & 0x80) != 0 ? last_tag : take_number(input);
    header.rpc_id = (kind & 0x40) != 0 ? no_id : victim.target.ids[kind / 8 % HG_PAIR_RPCS];
    header.remaining_us = (uint32_t)take(input);
    header.target_context = (uint8_t)(take(input) == 255);
    header.status = (uint32_t)take_number(input);
    header.total_size = (uint32_t)take_number(input);
    header.offset = (uint32_t)take_number(input);
    header.release_tag = take_number(input);
    if ((header.flags & HG_MESSAGE_SEQUENCED) != 0) {
        header.sequence = take_number(input);
        header.behind = take(input);
        header.epoch = take(input) & 3;
        header.attempt = (uint16_t)(take(input) & 3);
    }
    header.payload_size = (uint32_t)(take_number(input) % 600);
    if (room < HG_HEADER_MAX + 608)
        return 0;
    used = hg_header_encode(&header, out);
    for (uint32_t i = 0; i < header.payload_size; i++)
        out[used + i] = i < 8 || input->size > 100 ? (unsigned char)take(input) : (unsigned char)i;
    if ((kind & 0x20) != 0) {
        header.payload_check = hg_proc_crc_32c(out + used, header.payload_size);
        (void)hg_header_encode(&header, out);
    }
    memset(out + used + header.payload_size, 0, 8);
    return util_bytes_align8(used + header.payload_size);
}

static void fuzz_frame(struct input *input)
{
    unsigned int options = take(input);
    struct hg_frame_header header = {
        .credit = options & 3,
        .flags = (options & 0x40) != 0 ? HG_FRAME_CHECKED : 0,
    };
    struct hg_frame_hello hello = {
        .incarnation = 99 + ((options & 0x80) != 0),
        .session_index = 1,
        .session_key = 2,
        .window = 1 + take(input),
        .class_address = "wire://raw",
    };
    unsigned char bytes[8192];
    size_t size = HG_FRAME_HEADER_SIZE;
    struct na_frame *frame;

    if (fake_wire.no_connections)
        strcpy(hello.route_address, "wire://raw");
    if (has_learned && (options & 4) == 0) {
        header.session_index = learned.session_index;
        header.session_key = learned.session_key;
        header.incarnation = (uint32_t)learned.incarnation;
    }
    if (!has_learned || (options & 8) != 0) {
        header.flags |= HG_FRAME_HELLO;
        hello.features = (options & 0x40) != 0 ? HG_FRAME_FEATURE_CHECKED : 0;
        hg_frame_encode_hello(&hello, bytes + size);
        size += hg_frame_hello_size(&hello);
    }
    for (unsigned int count = take(input) % 8; count > 0; count--)
        size += fuzz_message(input, bytes + size, sizeof(bytes) - size);
    header.size = (uint32_t)size;
    hg_frame_encode(&header, bytes);
    if ((options & 0x10) != 0)
        bytes[take_number(input) % size] = (unsigned char)take(input);
    if ((options & 0x20) != 0)
        size = take_number(input) % (size + 1);
    if (raw_route == NULL)
        return;
    frame = na_frame_get(raw_context);
    memcpy(frame->data, bytes, size);
    frame->size = size;
    if (na_send(raw_route, frame) != 0)
        na_frame_put(raw_context, frame);
}

/* --- the victim's own calls ---------------------------------------------------------------------- */

static void fuzz_call(struct input *input)
{
    struct hg_pair_call *call = &calls[take(input) % CALLS];
    struct hg_pair_blob in = {.size = take_number(input) % 100000};

    if (call->handle == HG_HANDLE_NULL) {
        call->pair = &victim;
        atomic_store(&call->calls, 0);
        HG_PAIR_OK(HG_Create(victim.target.contexts[0], raw_addr,
                             victim.target.ids[take(input) % 2 == 0 ? HG_PAIR_ECHO : HG_PAIR_QUIET], &call->handle));
        HG_PAIR_OK(qs_handle_set_timeout(call->handle, 1000 + take_number(input) % 100000));
        in.data = calloc(1, in.size + 1);
        hg_pair_call_forward(call, &in);
        free(in.data);
    } else if (take(input) % 2 == 0) {
        HG_PAIR_OK(HG_Cancel(call->handle));
    } else if (atomic_load(&call->calls) == 1) {
        hg_pair_call_end(call);
    }
}

/* Hostile inputs may not decode, so handles are given up without looking at them. */
static void release_held(void)
{
    hg_handle_t handle;

    while ((handle = hg_pair_take_held(&victim)) != HG_HANDLE_NULL)
        HG_PAIR_OK(HG_Destroy(handle));
}

static void fuzz_open(unsigned int options)
{
    struct hg_init_info init = HG_INIT_INFO_INITIALIZER;
    const struct na_config config = {.uri = "wire://raw", .listen = true};

    fake_wire_reset(1);
    fake_wire.no_connections = (options & 1) != 0;
    fake_wire.rma_delay = (options >> 1) & 3;
    HG_Set_log_level("none");
    util_clock_replace(fuzz_clock);
    now_ns = UTIL_CLOCK_NS_PER_S;
    memset(&victim, 0, sizeof(victim));
    (void)pthread_mutex_init(&victim.lock, NULL);
    init.na_init_info.thread_mode = NA_THREAD_MODE_SINGLE;
    victim.target.hg_class = HG_Init_opt2("wire://victim", true, HG_VERSION(HG_VERSION_MAJOR, HG_VERSION_MINOR), &init);
    SUPPORT_CHECK(victim.target.hg_class != NULL);
    victim.target.contexts[0] = HG_Context_create(victim.target.hg_class);
    victim.target.context_count = 1;
    hg_pair_register(&victim, &victim.target);
    HG_PAIR_OK(HG_Addr_lookup2(victim.target.hg_class, "wire://raw", &raw_addr));
    SUPPORT_CHECK(na_class_open(&config, &raw_class) == 0);
    SUPPORT_CHECK(na_context_open(raw_class, 0, &raw_upcalls, NULL, &raw_context) == 0);
    raw_route = NULL;
    has_learned = false;
    raw_connect();
}

static void fuzz_close(void)
{
    now_ns += UTIL_CLOCK_NS_PER_S;
    turn(10);
    for (unsigned int i = 0; i < CALLS; i++) {
        if (calls[i].handle == HG_HANDLE_NULL)
            continue;
        SUPPORT_CHECK(atomic_load(&calls[i].calls) == 1);
        hg_pair_call_end(&calls[i]);
    }
    if (raw_route != NULL)
        na_route_close(raw_route);
    raw_route = NULL;
    na_context_close(raw_context, 0);
    na_class_close(raw_class);
    for (unsigned int i = 0; i < 10; i++)
        (void)hg_pair_step_target(&victim);
    release_held();
    HG_PAIR_OK(HG_Addr_free(victim.target.hg_class, raw_addr));
    hg_pair_close_target(&victim);
    (void)pthread_mutex_destroy(&victim.lock);
    util_clock_replace(NULL);
    SUPPORT_CHECK(fake_wire.routes == 0 && fake_wire.frames_out == 0 && fake_wire.mems == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = {.data = data, .size = size};
    unsigned int steps = 0;

    fuzz_open(take(&input));
    while (input.size > 0 && steps++ < 200) {
        switch (take(&input) % 8) {
        case 0:
            turn(1);
            break;
        case 1:
            raw_connect();
            break;
        case 2:
            fuzz_call(&input);
            break;
        case 3:
            release_held();
            break;
        case 4:
            now_ns += take_number(&input) % 1000000 * 1000;
            break;
        default:
            fuzz_frame(&input);
            turn(2);
            break;
        }
    }
    fuzz_close();
    return 0;
}
