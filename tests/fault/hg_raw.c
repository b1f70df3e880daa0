/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * The peer that plays by hand: see hg_raw.h.
 */
#include "tests/fault/hg_raw.h"

#include <stdlib.h>
#include <string.h>

#include "util/util_bytes.h"

struct hg_pair pair;
struct hg_raw raw;

/* --- the raw peer -------------------------------------------------------------------------------- */

static void raw_frame(void *arg, struct na_route *route, const void *data, size_t size)
{
    const unsigned char *bytes = data;
    struct hg_frame_header header;
    struct hg_frame_hello hello;
    size_t offset;
    bool has_hello;

    (void)arg;
    (void)route;
    switch (hg_frame_decode(bytes, size, &header, &hello, &has_hello, &offset)) {
    case HG_FRAME_KIND_REFUSAL:
        raw.refusals++;
        return;
    case HG_FRAME_KIND_FRAME:
        break;
    default:
        support_suite_fail("the victim sent what is no frame");
    }
    if (has_hello) {
        raw.hello = hello;
        raw.has_hello = true;
    }
    raw.credit = header.credit;
    while (offset < size) {
        const unsigned char *payload;
        size_t message_size;

        SUPPORT_CHECK(raw.kept_count < HG_RAW_KEPT);
        SUPPORT_CHECK(
            hg_header_decode(bytes + offset, size - offset, &raw.kept[raw.kept_count], &payload, &message_size) == 0);
        raw.kept_count++;
        offset += message_size;
    }
}

static void raw_accept(void *arg, struct na_route *route)
{
    (void)arg;
    raw.route = route;
    raw.down = false;
}

static void raw_up(void *arg, struct na_route *route)
{
    (void)arg;
    (void)route;
}

static void raw_gone(void *arg, struct na_route *route, int error)
{
    (void)arg;
    SUPPORT_CHECK(route == raw.route);
    na_route_close(route);
    raw.route = NULL;
    raw.down = true;
    raw.down_error = error;
}

static const struct na_upcalls raw_upcalls = {
    .frame = raw_frame,
    .accept = raw_accept,
    .route_up = raw_up,
    .route_down = raw_gone,
};

void hg_raw_begin(void)
{
    memset(&raw.header, 0, sizeof(raw.header));
    raw.own = (struct hg_frame_hello){
        .incarnation = 0x1122334455667788U,
        .session_index = 3,
        .session_key = 0x77777777,
        .window = 100,
    };
    strcpy(raw.own.class_address, na_class_address(raw.na_class));
    if (fake_wire.no_connections)
        strcpy(raw.own.route_address, na_context_address(raw.context));
    raw.send_hello = true;
    raw.body_size = 0;
}

static void raw_open(const char *uri)
{
    const struct na_config config = {.uri = uri, .listen = true};

    memset(&raw, 0, sizeof(raw));
    SUPPORT_CHECK(na_class_open(&config, &raw.na_class) == 0);
    SUPPORT_CHECK(na_context_open(raw.na_class, 0, &raw_upcalls, NULL, &raw.context) == 0);
    hg_raw_begin();
}

void hg_raw_turn(void)
{
    for (unsigned int i = 0; i < 6; i++) {
        (void)na_progress(raw.context);
        hg_pair_turn(&pair);
    }
}

void hg_raw_connect(const char *address)
{
    if (raw.route != NULL)
        na_route_close(raw.route);
    raw.down = false;
    raw.has_hello = false;
    raw.kept_count = 0;
    raw.refusals = 0;
    SUPPORT_CHECK(na_route_open(raw.context, address, 0, NULL, &raw.route) == 0);
    hg_raw_begin();
    hg_raw_turn();
}

void hg_raw_close(void)
{
    if (raw.route != NULL)
        na_route_close(raw.route);
    na_context_close(raw.context, 0);
    na_class_close(raw.na_class);
}

void hg_raw_send_bytes(const unsigned char *bytes, size_t size)
{
    struct na_frame *frame;

    if (raw.route == NULL)
        return;
    frame = na_frame_get(raw.context);
    SUPPORT_CHECK(frame != NULL && size <= frame->capacity);
    memcpy(frame->data, bytes, size);
    frame->size = size;
    if (na_send(raw.route, frame) != 0)
        na_frame_put(raw.context, frame);
    hg_raw_turn();
}

size_t hg_raw_build(unsigned char *bytes)
{
    size_t size = HG_FRAME_HEADER_SIZE;

    if (raw.send_hello) {
        hg_frame_encode_hello(&raw.own, bytes + size);
        size += hg_frame_hello_size(&raw.own);
        raw.header.flags |= HG_FRAME_HELLO;
    }
    memcpy(bytes + size, raw.body, raw.body_size);
    size += raw.body_size;
    if (raw.header.size == 0)
        raw.header.size = (uint32_t)size;
    hg_frame_encode(&raw.header, bytes);
    return size;
}

/* Sends what was put together, and begins the next frame, which names the victim's session if that is known. */
void hg_raw_send(void)
{
    unsigned char bytes[8192];
    size_t size = hg_raw_build(bytes);

    hg_raw_send_bytes(bytes, size);
    hg_raw_begin();
    if (raw.has_hello) {
        raw.header.session_index = raw.hello.session_index;
        raw.header.session_key = raw.hello.session_key;
        raw.header.incarnation = (uint32_t)raw.hello.incarnation;
        raw.send_hello = false;
    }
}

void hg_raw_add(const struct hg_header *header, const void *payload, size_t size)
{
    size_t used = hg_header_encode(header, raw.body + raw.body_size);

    if (size > 0)
        memcpy(raw.body + raw.body_size + used, payload, size);
    raw.body_size = raw.body_size + util_bytes_align8(used + size);
    SUPPORT_CHECK(raw.body_size < sizeof(raw.body) - 700);
}

struct hg_header hg_raw_request(enum hg_pair_rpc rpc, uint64_t tag)
{
    return (struct hg_header){.type = HG_MESSAGE_REQUEST, .tag = tag, .rpc_id = pair.target.ids[rpc]};
}

/* An echo request with an empty blob. */
void hg_raw_add_echo(uint64_t tag)
{
    struct hg_header header = hg_raw_request(HG_PAIR_ECHO, tag);
    uint64_t zero = 0;

    header.payload_size = 8;
    hg_raw_add(&header, &zero, 8);
}

const struct hg_header *hg_raw_last(void)
{
    SUPPORT_CHECK(raw.kept_count > 0);
    return &raw.kept[raw.kept_count - 1];
}

/* --- the victim ---------------------------------------------------------------------------------- */

static void open_side(struct hg_side *side, const char *uri, bool listen)
{
    struct hg_init_info init = HG_INIT_INFO_INITIALIZER;

    init.na_init_info.thread_mode = NA_THREAD_MODE_SINGLE;
    side->hg_class = HG_Init_opt2(uri, listen, HG_VERSION(HG_VERSION_MAJOR, HG_VERSION_MINOR), &init);
    SUPPORT_CHECK(side->hg_class != NULL);
    side->contexts[0] = HG_Context_create(side->hg_class);
    side->context_count = 1;
    hg_pair_register(&pair, side);
}

void hg_raw_setup(void)
{
    fake_wire_reset(support_seed());
    fake_wire.no_connections = strcmp(support_suite_parameter(), "datagrams") == 0;
    HG_Set_log_level("none");
    memset(&pair, 0, sizeof(pair));
    (void)pthread_mutex_init(&pair.lock, NULL);
    open_side(&pair.target, "wire://target", true);
    open_side(&pair.origin, "wire://origin", false);
    HG_PAIR_OK(HG_Addr_lookup2(pair.origin.hg_class, "wire://target", &pair.addr));
    hg_pair_check_works(&pair);
    raw_open("wire://raw");
    hg_raw_connect("wire://target");
}

/* The honest pair was not disturbed; everything goes away. */
void hg_raw_finish(void)
{
    hg_pair_check_works(&pair);
    hg_pair_move(&pair, 200000, 200000);
    SUPPORT_CHECK(hg_pair_counters(pair.origin.hg_class).bad_frames == 0);
    hg_raw_close();
    hg_pair_close(&pair);
    SUPPORT_CHECK(fake_wire.routes == 0 && fake_wire.frames_out == 0 && fake_wire.mems == 0);
}

/* The victim ended the session: told by the end of the route, where there are connections. */
void hg_raw_expect_ended(void)
{
    hg_raw_turn();
    if (!fake_wire.no_connections)
        SUPPORT_CHECK(raw.down);
}

uint64_t hg_raw_bad_frames(void)
{
    return hg_pair_counters(pair.target.hg_class).bad_frames;
}
