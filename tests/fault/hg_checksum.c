/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Checksums over a network that changes bytes. Each case picks one frame of a call, and makes the call again for each
 * byte of that frame, changed in turn: whatever the byte means, nobody may see data that was not sent, the call ends
 * once, and the pair works afterwards.
 *
 * The parameter is "connections" or "datagrams".
 */
#include <stdlib.h>
#include <string.h>

#include "hg/hg_frame.h"
#include "hg/hg_header.h"
#include "tests/support/fake_wire.h"
#include "tests/support/hg_pair.h"
#include "util/util_bytes.h"
#include "util/util_clock.h"

/* What happens to one frame on its way. */
static struct {
    unsigned int skip; /* frames that pass before it */
    size_t offset;
    unsigned char mask; /* 0: nothing is changed */
    size_t size;        /* of that frame; 0: it has not come by */
    bool padding;       /* the byte belongs to no field */
} damage;

static uint64_t now_ns;

static uint64_t simulated_clock(void)
{
    return now_ns;
}

/* Whether the byte is one of the zeros behind a payload. */
static bool is_padding(const unsigned char *data, size_t size, size_t offset)
{
    struct hg_frame_header header;
    struct hg_frame_hello hello;
    struct hg_header message;
    const unsigned char *payload = NULL;
    size_t message_size = 0;
    size_t at = 0;
    bool has_hello;

    SUPPORT_CHECK(hg_frame_decode(data, size, &header, &hello, &has_hello, &at) == HG_FRAME_KIND_FRAME);
    while (at < size) {
        SUPPORT_CHECK(hg_header_decode(data + at, size - at, &message, &payload, &message_size) == 0);
        if (offset >= (size_t)(payload - data) + message.payload_size && offset < at + message_size)
            return true;
        at += message_size;
    }
    return false;
}

static bool damage_tap(unsigned char *data, size_t *size, size_t capacity)
{
    (void)capacity;
    if (damage.skip > 0) {
        damage.skip--;
        return true;
    }
    if (damage.mask == 0)
        return true;
    damage.size = *size;
    if (damage.offset < *size) {
        damage.padding = is_padding(data, *size, damage.offset);
        data[damage.offset] ^= damage.mask;
    }
    damage.mask = 0;
    return true;
}

static void checksum_setup(void)
{
    fake_wire_reset(support_seed());
    fake_wire.no_connections = strcmp(support_suite_parameter(), "datagrams") == 0;
    now_ns = UTIL_CLOCK_NS_PER_S;
    util_clock_replace(simulated_clock);
    HG_Set_log_level("none");
}

static void open_side(struct hg_pair *pair, struct hg_side *side, const char *uri, hg_checksum_level_t level)
{
    struct hg_init_info init = HG_INIT_INFO_INITIALIZER;

    init.na_init_info.thread_mode = NA_THREAD_MODE_SINGLE;
    init.checksum_level = level;
    side->hg_class = HG_Init_opt2(uri, true, HG_VERSION(HG_VERSION_MAJOR, HG_VERSION_MINOR), &init);
    SUPPORT_CHECK(side->hg_class != NULL);
    side->context_count = 1;
    side->contexts[0] = HG_Context_create(side->hg_class);
    SUPPORT_CHECK(side->contexts[0] != NULL);
    hg_pair_register(pair, side);
    HG_PAIR_OK(qs_class_set_timeout(side->hg_class, 1000000));
}

static void checksum_open(struct hg_pair *pair, hg_checksum_level_t target, hg_checksum_level_t origin)
{
    memset(pair, 0, sizeof(*pair));
    (void)pthread_mutex_init(&pair->lock, NULL);
    open_side(pair, &pair->target, "wire://target", target);
    open_side(pair, &pair->origin, "wire://origin", origin);
    HG_PAIR_OK(HG_Addr_lookup2(pair->origin.hg_class, "wire://target", &pair->addr));
}

static void checksum_close(struct hg_pair *pair)
{
    hg_pair_close(pair);
    SUPPORT_CHECK(fake_wire.routes == 0 && fake_wire.contexts == 0);
    SUPPORT_CHECK(fake_wire.frames_out == 0 && fake_wire.mems == 0);
}

/* A call of HG_PAIR_MOVE, whose handler and callback see whether the data is right. */
static hg_return_t move(struct hg_pair *pair, uint64_t in_size, uint64_t out_size)
{
    struct hg_pair_move_in in = {.seed = in_size + 7, .out_size = out_size, .blob = {.size = in_size}};
    struct hg_pair_move_out out = {0};
    struct hg_pair_call call;
    hg_return_t ret;

    in.blob.data = malloc(in_size + 1);
    SUPPORT_CHECK(in.blob.data != NULL);
    hg_pair_fill(in.blob.data, in_size, in.seed);
    hg_pair_call_start(pair, &call, HG_PAIR_MOVE, &in);
    free(in.blob.data);
    for (unsigned int turn = 0; turn < 400 && atomic_load(&call.calls) == 0; turn++) {
        hg_pair_turn(pair);
        now_ns += 10 * UTIL_CLOCK_NS_PER_MS;
    }
    SUPPORT_CHECK(atomic_load(&call.calls) == 1);
    ret = call.ret;
    if (ret == HG_SUCCESS) {
        HG_PAIR_OK(HG_Get_output(call.handle, &out));
        SUPPORT_CHECK(out.good == 1 && out.blob.size == out_size);
        SUPPORT_CHECK(hg_pair_is_filled(out.blob.data, out.blob.size, in.seed + 1));
        HG_PAIR_OK(HG_Free_output(call.handle, &out));
    }
    hg_pair_call_end(&call);
    SUPPORT_CHECK(atomic_load(&pair->bad_inputs) == 0);
    return ret;
}

static uint64_t errors_seen(const struct hg_pair *pair)
{
    const struct qs_counters target = hg_pair_counters(pair->target.hg_class);
    const struct qs_counters origin = hg_pair_counters(pair->origin.hg_class);

    return target.checksum_errors + origin.checksum_errors + target.bad_frames + origin.bad_frames +
           target.stale_frames + origin.stale_frames;
}

/* A call whose frame number `skip` has the byte at `offset` changed. False when the frame has no such byte. */
static bool damaged_call(struct hg_pair *pair, unsigned int skip, size_t offset, unsigned char mask, uint64_t in_size,
                         uint64_t out_size, hg_return_t *ret)
{
    uint64_t before = errors_seen(pair);

    memset(&damage, 0, sizeof(damage));
    damage.skip = skip;
    damage.offset = offset;
    damage.mask = mask;
    fake_wire.tap = damage_tap;
    *ret = move(pair, in_size, out_size);
    fake_wire.tap = NULL;
    SUPPORT_CHECK(damage.size > 0);
    if (offset >= damage.size)
        return false;
    if (!damage.padding)
        SUPPORT_CHECK(errors_seen(pair) > before);
    return true;
}

/* Without connections a frame belongs to whoever's key is in it: the other parts of the receive id are known to strangers, who could end
 * the sessions of others by frames that look damaged. */
static bool is_key(size_t offset)
{
    return fake_wire.no_connections && offset >= 20 && offset < 24;
}

/* How a call may end whose frame was changed. */
static void check_end(hg_return_t ret, bool known)
{
    switch (ret) {
    case HG_SUCCESS:
    case HG_CHECKSUM_ERROR:
        return;
    case HG_TIMEOUT:
        /* The frame could not even be told to belong to this pair. */
        SUPPORT_CHECK(fake_wire.no_connections && !known);
        return;
    default:
        /* Nobody knew yet that all is checked: told as another error. */
        SUPPORT_CHECK(ret == HG_HOSTUNREACH || ret == HG_PROTOCOL_ERROR || ret == HG_PROTONOSUPPORT);
        SUPPORT_CHECK(!known);
        return;
    }
}

/* Every byte of one frame in turn, in calls between a pair that has spoken before (`known`) or not. */
static void each_byte(unsigned int skip, bool known, uint64_t in_size, uint64_t out_size)
{
    static const unsigned char masks[] = {0x01, 0x80, 0xff};
    size_t offset = 0;
    bool more = true;

    while (more) {
        struct hg_pair pair;
        hg_return_t ret;

        checksum_open(&pair, HG_CHECKSUM_RPC_PAYLOAD, HG_CHECKSUM_RPC_PAYLOAD);
        if (known)
            HG_PAIR_OK(move(&pair, 10, 10));
        more = damaged_call(&pair, skip, offset, masks[offset % 3], in_size, out_size, &ret);
        check_end(ret, known && !is_key(offset));
        HG_PAIR_OK(move(&pair, 100, 100));
        checksum_close(&pair);
        /* Large frames: the headers byte by byte, then in steps. */
        offset += offset < 300 ? 1 : 61;
    }
    SUPPORT_CHECK(offset > 60);
}

static void any_byte_of_a_first_request(void)
{
    each_byte(0, false, 50, 40);
}

static void any_byte_of_a_first_response(void)
{
    each_byte(1, false, 50, 40);
}

static void any_byte_of_a_request(void)
{
    each_byte(0, true, 51, 40);
}

static void any_byte_of_a_response(void)
{
    each_byte(1, true, 50, 43);
}

static void any_byte_of_a_fragment_of_an_input(void)
{
    each_byte(1, true, 40000, 10);
}

static void any_byte_of_a_fragment_of_an_output(void)
{
    each_byte(2, true, 10, 40000);
}

static void any_byte_of_a_descriptor_of_an_input(void)
{
    each_byte(0, true, 400000, 10);
}

static void any_byte_of_a_descriptor_of_an_output(void)
{
    each_byte(1, true, 10, 400000);
}

/* Where the header is intact, the call itself is told, and no session ends for it. */
static void damaged_payload_ends_the_call_with_checksum_error(void)
{
    struct hg_pair pair;
    hg_return_t ret;

    checksum_open(&pair, HG_CHECKSUM_RPC_PAYLOAD, HG_CHECKSUM_RPC_PAYLOAD);
    HG_PAIR_OK(move(&pair, 10, 10));
    for (unsigned int frame = 0; frame < 2; frame++) {
        uint64_t downs = hg_pair_counters(pair.origin.hg_class).route_down;
        unsigned int turns = 0;

        for (size_t offset = 120; offset < 150; offset++, turns++) {
            SUPPORT_CHECK(damaged_call(&pair, frame, offset, 0x10, 100, 100, &ret));
            HG_PAIR_RET(ret, HG_CHECKSUM_ERROR);
        }
        SUPPORT_CHECK(turns == 30 && hg_pair_counters(pair.origin.hg_class).route_down == downs);
    }
    SUPPORT_CHECK(hg_pair_counters(pair.target.hg_class).checksum_errors == 30);
    SUPPORT_CHECK(hg_pair_counters(pair.origin.hg_class).checksum_errors == 30);
    HG_PAIR_OK(move(&pair, 100, 100));
    checksum_close(&pair);
}

/* Changes the first frame, and stops both sides after each one. */
static bool one_frame_tap(unsigned char *data, size_t *size, size_t capacity)
{
    fake_wire.refuse_frames = 100;
    return damage_tap(data, size, capacity);
}

/* The first piece is refused while the others are still to leave. */
static void damaged_piece_ends_a_call_that_is_still_being_sent(void)
{
    struct hg_pair_blob in = {.size = 50000};
    struct hg_pair_call call;
    struct hg_pair pair;

    checksum_open(&pair, HG_CHECKSUM_RPC_PAYLOAD, HG_CHECKSUM_RPC_PAYLOAD);
    HG_PAIR_OK(move(&pair, 10, 10));
    memset(&damage, 0, sizeof(damage));
    damage.offset = 1000;
    damage.mask = 0x10;
    fake_wire.tap = one_frame_tap;
    in.data = calloc(1, in.size);
    hg_pair_call_start(&pair, &call, HG_PAIR_ECHO, &in);
    free(in.data);
    SUPPORT_CHECK(damage.size > 1000 && fake_wire.refuse_frames == 100);
    (void)hg_pair_step_target(&pair);
    SUPPORT_CHECK(hg_pair_counters(pair.target.hg_class).checksum_errors == 1);
    fake_wire.refuse_frames = 0;
    (void)hg_pair_step_target(&pair);
    SUPPORT_CHECK(fake_wire.refuse_frames == 100);
    (void)hg_pair_step_origin(&pair);
    SUPPORT_CHECK(atomic_load(&call.calls) == 1);
    HG_PAIR_RET(call.ret, HG_CHECKSUM_ERROR);
    hg_pair_call_end(&call);
    fake_wire.tap = NULL;
    fake_wire.refuse_frames = 0;
    HG_PAIR_OK(move(&pair, 50000, 100));
    checksum_close(&pair);
}

static void damaged_transfer_of_a_large_payload_is_noticed(void)
{
    struct hg_pair pair;

    checksum_open(&pair, HG_CHECKSUM_RPC_PAYLOAD, HG_CHECKSUM_RPC_PAYLOAD);
    for (unsigned int i = 0; i < 6; i++) {
        fake_wire.rma_damage = 1;
        HG_PAIR_RET(move(&pair, 400000 + i, 10), HG_CHECKSUM_ERROR);
        fake_wire.rma_damage = 1;
        HG_PAIR_RET(move(&pair, 10, 400000 + i), HG_CHECKSUM_ERROR);
    }
    SUPPORT_CHECK(hg_pair_counters(pair.target.hg_class).checksum_errors == 6);
    SUPPORT_CHECK(hg_pair_counters(pair.origin.hg_class).checksum_errors == 6);
    HG_PAIR_OK(move(&pair, 400000, 400000));
    checksum_close(&pair);
}

/* With HG_CHECKSUM_RPC_HEADERS a changed header never gets through; the payload is the user's own affair. */
static void any_byte_of_a_header_alone(void)
{
    struct hg_pair pair;

    for (size_t offset = 0; offset < HG_FRAME_HEADER_SIZE + 40; offset++) {
        hg_return_t ret;

        checksum_open(&pair, HG_CHECKSUM_RPC_HEADERS, HG_CHECKSUM_RPC_HEADERS);
        HG_PAIR_OK(move(&pair, 10, 10));
        SUPPORT_CHECK(damaged_call(&pair, 0, offset, 0x04, 50, 40, &ret));
        SUPPORT_CHECK(ret != HG_SUCCESS);
        HG_PAIR_OK(move(&pair, 100, 100));
        checksum_close(&pair);
    }
}

/* Each message says what it carries: whoever has checksums talks to whoever has none. */
static void every_level_talks_to_every_other(void)
{
    static const uint64_t sizes[] = {0, 10, 4000, 9000, 30000, 70000, 300000};
    static const hg_checksum_level_t levels[] = {HG_CHECKSUM_NONE, HG_CHECKSUM_RPC_HEADERS, HG_CHECKSUM_RPC_PAYLOAD};

    for (unsigned int i = 0; i < 9; i++) {
        struct hg_pair pair;

        checksum_open(&pair, levels[i / 3], levels[i % 3]);
        for (unsigned int k = 0; k < 7; k++)
            HG_PAIR_OK(move(&pair, sizes[k], sizes[(k * 3) % 7]));
        SUPPORT_CHECK(errors_seen(&pair) == 0);
        checksum_close(&pair);
    }
}

/* Only the level of the sender counts. */
static void receiver_without_checksums_checks_what_comes_with_one(void)
{
    struct hg_pair pair;
    hg_return_t ret;

    checksum_open(&pair, HG_CHECKSUM_NONE, HG_CHECKSUM_RPC_PAYLOAD);
    HG_PAIR_OK(move(&pair, 10, 10));
    SUPPORT_CHECK(damaged_call(&pair, 0, 120, 0x10, 100, 100, &ret));
    HG_PAIR_RET(ret, HG_CHECKSUM_ERROR);
    checksum_close(&pair);
}

static bool plain_tap(unsigned char *data, size_t *size, size_t capacity)
{
    (void)capacity;
    SUPPORT_CHECK((util_bytes_get16(data + 8) & HG_FRAME_CHECKED) == 0 && util_bytes_get16(data + 10) == 0);
    damage.size = *size;
    return true;
}

static void nothing_travels_when_it_is_off(void)
{
    struct hg_pair pair;

    checksum_open(&pair, HG_CHECKSUM_NONE, HG_CHECKSUM_NONE);
    HG_PAIR_OK(move(&pair, 8, 8));
    fake_wire.tap = plain_tap;
    HG_PAIR_OK(move(&pair, 8, 8));
    fake_wire.tap = NULL;
    /* Frame header, response header, then the output: u32, u64, 8 bytes, and zeros. */
    SUPPORT_CHECK(damage.size == 32 + 24 + 24);
    checksum_close(&pair);
}

static const struct support_case cases[] = {
    SUPPORT_CASE(any_byte_of_a_first_request),
    SUPPORT_CASE(any_byte_of_a_first_response),
    SUPPORT_CASE(any_byte_of_a_request),
    SUPPORT_CASE(any_byte_of_a_response),
    {"any_byte_of_a_fragment_of_an_input", any_byte_of_a_fragment_of_an_input, 60},
    {"any_byte_of_a_fragment_of_an_output", any_byte_of_a_fragment_of_an_output, 60},
    {"any_byte_of_a_descriptor_of_an_input", any_byte_of_a_descriptor_of_an_input, 60},
    {"any_byte_of_a_descriptor_of_an_output", any_byte_of_a_descriptor_of_an_output, 60},
    SUPPORT_CASE(damaged_payload_ends_the_call_with_checksum_error),
    SUPPORT_CASE(damaged_piece_ends_a_call_that_is_still_being_sent),
    SUPPORT_CASE(damaged_transfer_of_a_large_payload_is_noticed),
    SUPPORT_CASE(any_byte_of_a_header_alone),
    SUPPORT_CASE(every_level_talks_to_every_other),
    SUPPORT_CASE(receiver_without_checksums_checks_what_comes_with_one),
    SUPPORT_CASE(nothing_travels_when_it_is_off),
    {NULL, NULL, 0},
};

int main(int argc, char **argv)
{
    static const struct support_case *const tables[] = {cases, NULL};

    return support_suite_main(argc, argv, tables, checksum_setup);
}
