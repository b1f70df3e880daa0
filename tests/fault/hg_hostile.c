/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Frames made by hand, from a peer that means harm or is broken, over fake_wire: whatever it sends, the
 * process lives on, memory is safe, and an honest peer goes on being served. The hostile peer uses na.h
 * directly; "raw" names what belongs to it.
 *
 * The parameter is "connections" or "datagrams".
 */
#include <stdlib.h>
#include <string.h>

#include "tests/fault/hg_raw.h"
#include "util/util_bytes.h"

/* --- cases: frames ------------------------------------------------------------------------------- */

static void honest_raw_peer_is_served(void)
{
    hg_raw_add_echo(7);
    hg_raw_send();
    SUPPORT_CHECK(raw.has_hello && raw.hello.peer_incarnation == raw.own.incarnation);
    SUPPORT_CHECK(strcmp(raw.hello.class_address, "wire://target") == 0);
    SUPPORT_CHECK(hg_raw_last()->type == HG_MESSAGE_RESPONSE && hg_raw_last()->tag == 7 && hg_raw_last()->status == 0);
    hg_raw_add_echo(8);
    hg_raw_add_echo(9);
    hg_raw_send();
    SUPPORT_CHECK(raw.kept_count == 3 && hg_raw_last()->tag == 9);
    SUPPORT_CHECK(!raw.down && hg_raw_bad_frames() == 0);
    hg_raw_finish();
}

static void garbage_is_counted_and_ends_the_route(void)
{
    unsigned char bytes[4096];
    struct util_prng prng;

    util_prng_init(&prng, support_seed());
    for (unsigned int i = 0; i < 200; i++) {
        size_t size = 1 + util_prng_below(&prng, sizeof(bytes));
        uint64_t before = hg_raw_bad_frames();

        for (size_t j = 0; j < size; j++)
            bytes[j] = (unsigned char)util_prng_next(&prng);
        hg_raw_send_bytes(bytes, size);
        SUPPORT_CHECK(hg_raw_bad_frames() == before + 1);
        hg_raw_expect_ended();
        hg_raw_connect("wire://target");
    }
    hg_raw_send_bytes((const unsigned char *)"GET / HTTP/1.1\r\n\r\n", 18);
    hg_raw_expect_ended();
    hg_raw_send_bytes(bytes, 0);
    hg_raw_finish();
}

static void every_cut_of_a_good_frame_is_refused(void)
{
    unsigned char bytes[8192];
    size_t size;

    hg_raw_add_echo(1);
    size = hg_raw_build(bytes);
    for (size_t cut = 0; cut < size; cut++) {
        uint64_t before = hg_raw_bad_frames();

        hg_raw_send_bytes(bytes, cut);
        SUPPORT_CHECK(hg_raw_bad_frames() == before + 1);
        /* The same with a size that says so: cut inside a message. */
        hg_raw_connect("wire://target");
        if (cut >= HG_FRAME_HEADER_SIZE) {
            util_bytes_put32(bytes + 12, (uint32_t)cut);
            hg_raw_send_bytes(bytes, cut);
            util_bytes_put32(bytes + 12, (uint32_t)size);
            hg_raw_connect("wire://target");
        }
    }
    SUPPORT_CHECK(atomic_load(&pair.echoed) == 1);
    hg_raw_finish();
}

static void every_flipped_byte_is_survived(void)
{
    unsigned char good[8192];
    unsigned char bytes[8192];
    size_t size;

    hg_raw_add_echo(1);
    hg_raw_add_echo(2);
    size = hg_raw_build(good);
    for (size_t i = 0; i < size; i++) {
        for (unsigned int flip = 1; flip < 256; flip = flip * 3 + 1) {
            memcpy(bytes, good, size);
            bytes[i] = (unsigned char)(bytes[i] ^ flip);
            hg_raw_send_bytes(bytes, size);
            hg_raw_connect("wire://target");
        }
    }
    hg_raw_finish();
}

static void foreign_version_is_refused_politely(void)
{
    unsigned char bytes[8192];
    size_t size = hg_raw_build(bytes);

    bytes[4] = 9;
    hg_raw_send_bytes(bytes, size);
    if (!fake_wire.no_connections)
        SUPPORT_CHECK(raw.refusals == 1);
    hg_raw_expect_ended();
    SUPPORT_CHECK(hg_raw_bad_frames() == 1);
    hg_raw_finish();
}

static void first_frame_without_hello_is_refused(void)
{
    raw.send_hello = false;
    hg_raw_add_echo(1);
    hg_raw_send();
    hg_raw_expect_ended();
    SUPPORT_CHECK(atomic_load(&pair.echoed) == 1);
    hg_raw_finish();
}

static void hello_that_makes_no_sense_is_refused(void)
{
    for (unsigned int i = 0; i < 7; i++) {
        hg_raw_add_echo(1);
        if (i == 0)
            raw.own.incarnation = 0;
        if (i == 1)
            raw.own.session_key = 0;
        if (i == 2)
            raw.own.window = 0;
        if (i == 3)
            strcpy(raw.own.class_address, "");
        if (i == 4)
            strcpy(raw.own.class_address, "two words");
        if (i == 5)
            strcpy(raw.own.class_address, "bell\a");
        if (i == 6)
            raw.own.peer_incarnation = 12345;
        hg_raw_send();
        hg_raw_expect_ended();
        hg_raw_connect("wire://target");
    }
    SUPPORT_CHECK(atomic_load(&pair.echoed) == 1);
    hg_raw_finish();
}

static void hello_with_the_address_of_another_harms_nobody(void)
{
    if (fake_wire.no_connections)
        support_suite_skip("without connections a peer is who it says it is");
    hg_raw_add_echo(1);
    strcpy(raw.own.class_address, "wire://origin");
    hg_raw_send();
    hg_pair_check_works(&pair);
    hg_raw_connect("wire://target");
    hg_raw_add_echo(1);
    strcpy(raw.own.class_address, "wire://target");
    hg_raw_send();
    hg_raw_connect("wire://target");
    hg_raw_add_echo(1);
    memset(raw.own.class_address, 'a', 255);
    hg_raw_send();
    hg_raw_finish();
}

static void wrong_key_or_incarnation_is_refused(void)
{
    for (unsigned int i = 0; i < 3; i++) {
        unsigned int echoed;

        hg_raw_add_echo(1);
        hg_raw_send();
        SUPPORT_CHECK(raw.has_hello);
        echoed = atomic_load(&pair.echoed);
        hg_raw_add_echo(2);
        if (i == 0)
            raw.header.session_key++;
        if (i == 1)
            raw.header.session_index += 1000;
        if (i == 2)
            raw.header.incarnation++;
        hg_raw_send();
        SUPPORT_CHECK(atomic_load(&pair.echoed) == echoed);
        SUPPORT_CHECK(hg_pair_counters(pair.target.hg_class).stale_frames > i);
        hg_raw_expect_ended();
        hg_raw_connect("wire://target");
    }
    hg_raw_finish();
}

static void hello_of_another_incarnation_ends_the_session(void)
{
    hg_raw_add_echo(1);
    hg_raw_send();
    raw.send_hello = true;
    raw.own.incarnation++;
    hg_raw_add_echo(2);
    hg_raw_send();
    hg_raw_expect_ended();
    SUPPORT_CHECK(hg_pair_counters(pair.target.hg_class).stale_frames == 1);
    hg_raw_finish();
}

/* --- cases: flow control ------------------------------------------------------------------------- */

static void more_requests_than_the_window_end_the_session(void)
{
    pair.options.silent_target = true;
    for (unsigned int i = 0; i < 1400 && !raw.down; i++) { /* over datagrams there is room for two windows */
        hg_raw_add_echo(i + 1);
        hg_raw_send();
        HG_PAIR_OK(HG_Event_progress(pair.target.contexts[0], NULL));
        (void)na_progress(raw.context);
    }
    for (unsigned int i = 0; i < 20; i++)
        (void)na_progress(raw.context);
    SUPPORT_CHECK(hg_raw_bad_frames() >= 1);
    pair.options.silent_target = false;
    hg_raw_expect_ended();
    hg_raw_finish();
}

static void credit_for_requests_that_were_never_sent_ends_the_session(void)
{
    if (fake_wire.no_connections)
        support_suite_skip("over datagrams it may be for an earlier session");
    hg_raw_add_echo(1);
    raw.header.credit = 50;
    hg_raw_send();
    hg_raw_expect_ended();
    SUPPORT_CHECK(hg_raw_bad_frames() == 1);
    hg_raw_finish();
}

static void messages_about_nothing_are_ignored(void)
{
    static const uint8_t types[] = {HG_MESSAGE_RESPONSE, HG_MESSAGE_NACK,   HG_MESSAGE_CANCEL, HG_MESSAGE_RELEASE,
                                    HG_MESSAGE_PONG,     HG_MESSAGE_WINDOW, HG_MESSAGE_GOAWAY};
    /* Those of a window are its size, and above that how often it has changed. */
    static const uint64_t tags[] = {0, 1, 0x1000000, 0x1000001, UINT64_MAX, 0xffffff};

    hg_raw_add_echo(1);
    hg_raw_send();
    for (unsigned int i = 0; i < sizeof(types); i++) {
        for (unsigned int j = 0; j < 6; j++) {
            struct hg_header header = {.type = types[i], .tag = tags[j], .status = j};

            raw.kept_count = 0;
            hg_raw_add(&header, NULL, 0);
            header.flags = HG_MESSAGE_MORE_DATA;
            header.release_tag = tags[j];
            hg_raw_add(&header, NULL, 0);
            hg_raw_send();
            SUPPORT_CHECK(!raw.down);
        }
    }
    raw.kept_count = 0;
    hg_raw_add_echo(2);
    hg_raw_send();
    SUPPORT_CHECK(hg_raw_last()->tag == 2 && hg_raw_bad_frames() == 0);
    hg_raw_finish();
}

static void ping_is_answered(void)
{
    const struct hg_header ping = {.type = HG_MESSAGE_PING, .tag = 99};

    hg_raw_add(&ping, NULL, 0);
    hg_raw_send();
    SUPPORT_CHECK(hg_raw_last()->type == HG_MESSAGE_PONG && hg_raw_last()->tag == 99);
    hg_raw_finish();
}

static void unknown_type_ends_the_session(void)
{
    hg_raw_add_echo(1);
    raw.body[0] = 77;
    hg_raw_send();
    hg_raw_expect_ended();
    hg_raw_finish();
}

static void unknown_flags_are_ignored(void)
{
    hg_raw_add_echo(1);
    raw.body[3] = 0xff; /* those of the first byte have a meaning */
    raw.header.flags = 0xfffc;
    hg_raw_send();
    SUPPORT_CHECK(!raw.down && hg_raw_last()->type == HG_MESSAGE_RESPONSE && hg_raw_last()->status == 0);
    hg_raw_finish();
}

/* --- cases: fragments ---------------------------------------------------------------------------- */

static unsigned char blob[8 + 24];

static void add_piece(uint64_t tag, uint32_t total, uint32_t offset, uint32_t size)
{
    struct hg_header header = hg_raw_request(HG_PAIR_ECHO, tag);

    util_bytes_put64(blob, 24);
    header.flags = HG_MESSAGE_FRAGMENT;
    header.total_size = total;
    header.offset = offset;
    header.payload_size = size;
    hg_raw_add(&header, offset + size <= sizeof(blob) ? blob + offset : blob, size);
}

static void fragments_in_any_order_make_a_request(void)
{
    static const uint32_t orders[][4] = {{0, 8, 16, 24}, {24, 16, 8, 0}, {8, 24, 0, 16}, {16, 0, 24, 8}};

    for (unsigned int i = 0; i < 4; i++) {
        raw.kept_count = 0;
        for (unsigned int j = 0; j < 4; j++) {
            /* Without connections the first frame must bring the hello. */
            add_piece(10 + i, 32, orders[i][j], 8);
            hg_raw_send();
        }
        SUPPORT_CHECK(hg_raw_last()->type == HG_MESSAGE_RESPONSE && hg_raw_last()->tag == 10 + i);
        SUPPORT_CHECK(hg_raw_last()->status == 0);
    }
    SUPPORT_CHECK(hg_raw_bad_frames() == 0);
    hg_raw_finish();
}

static void fragments_that_contradict_each_other_end_the_session(void)
{
    for (unsigned int i = 0; i < 8; i++) {
        unsigned int echoed = atomic_load(&pair.echoed);
        uint64_t before = hg_raw_bad_frames();

        add_piece(5, 32, 0, 8);
        switch (i) {
        case 0: /* twice */
            add_piece(5, 32, 0, 8);
            break;
        case 1: /* overlapping */
            add_piece(5, 32, 4, 8);
            break;
        case 2: /* another total */
            add_piece(5, 24, 8, 8);
            break;
        case 3: /* another size */
            add_piece(5, 32, 8, 16);
            break;
        case 4: /* the last one overlaps */
            add_piece(5, 32, 20, 12);
            add_piece(5, 32, 8, 8);
            add_piece(5, 32, 16, 8);
            break;
        case 5: /* the last twice */
            add_piece(5, 32, 24, 8);
            add_piece(5, 32, 24, 8);
            break;
        case 6: /* more than the total */
            add_piece(5, 32, 4, 28);
            break;
        default: /* beyond the end */
            add_piece(5, 32, 32, 8);
            break;
        }
        hg_raw_send();
        if (hg_raw_bad_frames() == before)
            support_suite_fail("case %u went unnoticed", i);
        SUPPORT_CHECK(atomic_load(&pair.echoed) == echoed);
        hg_raw_expect_ended();
        hg_raw_connect("wire://target");
    }
    hg_raw_finish();
}

static void fragments_of_an_absurd_total_end_the_session(void)
{
    static const uint32_t totals[] = {UINT32_MAX, 1U << 30, 8U * 65536U + 1};

    for (unsigned int i = 0; i < 3; i++) {
        add_piece(5, totals[i], 0, 8);
        hg_raw_send();
        hg_raw_expect_ended();
        hg_raw_connect("wire://target");
    }
    hg_raw_finish();
}

static void fragments_that_never_end_are_let_go(void)
{
    for (unsigned int i = 0; i < 3; i++) {
        const struct hg_header cancel = {.type = HG_MESSAGE_CANCEL, .tag = 5};

        for (unsigned int tag = 5; tag < 100; tag++) {
            add_piece(tag, 400000, 0, 16);
            hg_raw_send();
        }
        if (i == 1) {
            hg_raw_add(&cancel, NULL, 0);
            hg_raw_send();
        }
        SUPPORT_CHECK(!raw.down);
        hg_raw_connect("wire://target");
        hg_raw_turn();
        if (fake_wire.no_connections)
            break; /* the same session goes on there */
    }
    hg_raw_finish();
}

static void refused_fragments_are_refused_once(void)
{
    for (unsigned int i = 0; i < 4; i++) {
        struct hg_header header = hg_raw_request(HG_PAIR_ECHO, 5);

        header.rpc_id = 123456;
        header.flags = HG_MESSAGE_FRAGMENT;
        header.total_size = 32;
        header.offset = 8 * i;
        header.payload_size = 8;
        hg_raw_add(&header, blob, 8);
    }
    hg_raw_send();
    SUPPORT_CHECK(raw.kept_count == 1 && hg_raw_last()->type == HG_MESSAGE_NACK);
    SUPPORT_CHECK(hg_raw_last()->status == HG_NOENTRY && hg_raw_last()->tag == 5);
    hg_raw_add_echo(6);
    hg_raw_send();
    SUPPORT_CHECK(hg_raw_last()->tag == 6 && raw.credit == 2);
    hg_raw_finish();
}

/* --- cases: descriptors -------------------------------------------------------------------------- */

static void descriptors_of_nonsense_are_answered_with_an_error(void)
{
    unsigned char bytes[200];
    struct util_prng prng;

    util_prng_init(&prng, support_seed());
    for (unsigned int i = 0; i < 200; i++) {
        struct hg_header header = hg_raw_request(HG_PAIR_ECHO, 20 + i);

        for (size_t j = 0; j < sizeof(bytes); j++)
            bytes[j] = (unsigned char)util_prng_next(&prng);
        if (i % 2 == 0)
            util_bytes_put32(bytes, i % 3 == 0 ? 0 : (uint32_t)util_prng_below(&prng, 300));
        if (i % 4 == 0)
            bytes[8] = 0xb5;
        if (i % 8 == 0)
            bytes[9] = 1;
        raw.kept_count = 0;
        header.flags = i % 5 == 0 ? HG_MESSAGE_MORE_DATA | HG_MESSAGE_NO_RESPONSE : HG_MESSAGE_MORE_DATA;
        header.payload_size = (uint32_t)util_prng_below(&prng, sizeof(bytes));
        hg_raw_add(&header, bytes, header.payload_size);
        hg_raw_send();
        SUPPORT_CHECK(!raw.down);
        SUPPORT_CHECK(hg_raw_last()->tag == 20 + i);
        if (i % 5 != 0)
            SUPPORT_CHECK(hg_raw_last()->type == HG_MESSAGE_NACK && hg_raw_last()->status != HG_SUCCESS);
        else
            SUPPORT_CHECK(hg_raw_last()->type == HG_MESSAGE_RELEASE);
    }
    SUPPORT_CHECK(atomic_load(&pair.echoed) == 1);
    hg_raw_finish();
}

/* A well-formed descriptor of one segment: magic, version, flags, one path, with an invented key. */
static size_t descriptor(unsigned char *bytes, uint64_t size)
{
    memset(bytes, 0, 56);
    /* prefix: no inline part */
    bytes[8] = 0xb5;
    bytes[9] = 1;
    bytes[10] = 1;
    bytes[11] = 1;
    util_bytes_put32(bytes + 12, 48);
    util_bytes_put32(bytes + 16, 1);
    util_bytes_put64(bytes + 20, 4711);
    util_bytes_put64(bytes + 28, size);
    bytes[37] = 8;
    util_bytes_put64(bytes + 39, 0);
    util_bytes_put64(bytes + 47, 0xdeadbeef);
    return 8 + 47;
}

static void descriptors_that_lie_are_answered_with_an_error(void)
{
    static const uint64_t sizes[] = {100,       1000000, (uint64_t)1 << 30, ((uint64_t)1 << 30) + 1, (uint64_t)1 << 40,
                                     UINT64_MAX};
    unsigned char bytes[64];

    for (unsigned int i = 0; i < 6; i++) {
        struct hg_header header = hg_raw_request(HG_PAIR_ECHO, 30 + i);

        header.flags = HG_MESSAGE_MORE_DATA;
        header.payload_size = (uint32_t)descriptor(bytes, sizes[i]);
        util_bytes_put32(bytes + 12, header.payload_size - 8);
        hg_raw_add(&header, bytes, header.payload_size);
        hg_raw_send();
        SUPPORT_CHECK(hg_raw_last()->tag == 30 + i && hg_raw_last()->type == HG_MESSAGE_NACK);
        SUPPORT_CHECK(hg_raw_last()->status != HG_SUCCESS && !raw.down);
    }
    SUPPORT_CHECK(atomic_load(&pair.echoed) == 1);
    hg_raw_finish();
}

/* --- cases: as a target -------------------------------------------------------------------------- */

/* The pair's origin calls the raw peer, which answers as it likes. */
static struct hg_pair_call lured;
static hg_addr_t lured_addr;

static void lure(enum hg_pair_rpc rpc, void *in)
{
    lured = (struct hg_pair_call){.pair = &pair};
    raw.kept_count = 0;
    HG_PAIR_OK(HG_Addr_lookup2(pair.origin.hg_class, "wire://raw", &lured_addr));
    HG_PAIR_OK(HG_Create(pair.origin.contexts[0], lured_addr, pair.origin.ids[rpc], &lured.handle));
    if (raw.route != NULL)
        na_route_close(raw.route);
    raw.route = NULL;
    hg_raw_turn();
    hg_pair_call_forward(&lured, in);
    hg_raw_turn();
    if (raw.route == NULL) /* datagrams: go there by ourselves */
        SUPPORT_CHECK(na_route_open(raw.context, "wire://origin", 0, NULL, &raw.route) == 0);
    SUPPORT_CHECK(raw.has_hello && raw.kept_count > 0 && raw.kept[0].type == HG_MESSAGE_REQUEST);
    hg_raw_begin();
    raw.header.session_index = raw.hello.session_index;
    raw.header.session_key = raw.hello.session_key;
    raw.header.incarnation = (uint32_t)raw.hello.incarnation;
    raw.own.peer_incarnation = raw.hello.incarnation;
}

static void lure_end(void)
{
    hg_pair_call_end(&lured);
    HG_PAIR_OK(HG_Addr_free(pair.origin.hg_class, lured_addr));
}

static struct hg_header response(uint32_t status)
{
    return (struct hg_header){.type = HG_MESSAGE_RESPONSE, .tag = raw.kept[0].tag, .status = status};
}

static void answers_with_any_status_end_the_call_once(void)
{
    static const uint32_t statuses[] = {HG_SUCCESS, HG_NOENTRY, HG_RETURN_MAX, HG_RETURN_MAX + 1, 1000, UINT32_MAX};

    for (unsigned int i = 0; i < 12; i++) {
        struct hg_header header;

        lure(HG_PAIR_EMPTY, NULL);
        header = response(statuses[i % 6]);
        if (i >= 6)
            header.type = HG_MESSAGE_NACK;
        hg_raw_add(&header, NULL, 0);
        hg_raw_add(&header, NULL, 0); /* the second finds nobody */
        hg_raw_send();
        hg_raw_turn();
        SUPPORT_CHECK(atomic_load(&lured.calls) == 1);
        SUPPORT_CHECK((unsigned int)lured.ret < HG_RETURN_MAX);
        SUPPORT_CHECK((lured.ret == HG_SUCCESS) == (i == 0)); /* a refusal is no success */
        lure_end();
    }
    hg_raw_finish();
}

static void refusal_of_our_version_ends_the_calls(void)
{
    unsigned char bytes[HG_FRAME_REFUSAL_SIZE];

    if (fake_wire.no_connections)
        support_suite_skip("a refusal names nobody there");
    lure(HG_PAIR_EMPTY, NULL);
    hg_frame_encode_refusal(bytes);
    hg_raw_send_bytes(bytes, sizeof(bytes));
    HG_PAIR_RET(hg_pair_call_wait(&lured), HG_PROTONOSUPPORT);
    lure_end();
    hg_pair_check_works(&pair);
    hg_raw_close();
    hg_pair_close(&pair);
}

/* A fragment makes room for a small answer; then comes a large one, whole. */
static void answer_larger_than_its_first_fragment_said_is_refused(void)
{
    unsigned char bytes[4000];
    struct hg_header header;

    memset(bytes, 0x41, sizeof(bytes));
    lure(HG_PAIR_ECHO, &(struct hg_pair_blob){0});
    header = response(HG_SUCCESS);
    header.flags = HG_MESSAGE_FRAGMENT;
    header.total_size = 16;
    header.payload_size = 8;
    hg_raw_add(&header, bytes, 8);
    header.flags = 0;
    header.payload_size = sizeof(bytes);
    hg_raw_add(&header, bytes, sizeof(bytes));
    hg_raw_send();
    SUPPORT_CHECK(hg_pair_call_wait(&lured) != HG_SUCCESS);
    lure_end();
    hg_raw_close();
    hg_pair_check_works(&pair);
    hg_pair_close(&pair);
}

static void answer_with_a_lying_descriptor_ends_with_an_error_and_is_released(void)
{
    unsigned char bytes[64];

    for (unsigned int i = 0; i < 4; i++) {
        struct hg_header header;

        lure(HG_PAIR_ECHO, &(struct hg_pair_blob){0});
        header = response(HG_SUCCESS);
        header.flags = HG_MESSAGE_MORE_DATA;
        header.release_tag = 0x4242;
        header.payload_size = (uint32_t)descriptor(bytes, 5000);
        util_bytes_put32(bytes + 12, header.payload_size - 8);
        if (i == 1)
            bytes[8] = 0;
        if (i == 2)
            header.payload_size = 4;
        if (i == 3)
            util_bytes_put64(bytes + 28, UINT64_MAX);
        hg_raw_add(&header, bytes, header.payload_size);
        hg_raw_send();
        SUPPORT_CHECK(hg_pair_call_wait(&lured) != HG_SUCCESS);
        hg_raw_turn();
        SUPPORT_CHECK(hg_raw_last()->type == HG_MESSAGE_RELEASE && hg_raw_last()->tag == 0x4242);
        lure_end();
    }
    hg_raw_finish();
}

static void unfinished_answer_can_be_cancelled(void)
{
    unsigned char bytes[64] = {0};
    struct hg_header header;

    lure(HG_PAIR_ECHO, &(struct hg_pair_blob){0});
    header = response(HG_SUCCESS);
    header.flags = HG_MESSAGE_FRAGMENT;
    header.total_size = 128;
    header.payload_size = 64;
    hg_raw_add(&header, bytes, 64);
    hg_raw_send();
    HG_PAIR_OK(HG_Cancel(lured.handle));
    HG_PAIR_RET(hg_pair_call_wait(&lured), HG_CANCELED);
    /* The rest of it finds nobody. */
    header.offset = 64;
    hg_raw_add(&header, bytes, 64);
    hg_raw_send();
    SUPPORT_CHECK(atomic_load(&lured.calls) == 1);
    lure_end();
    hg_raw_finish();
}

static void release_of_a_call_that_waits_for_an_answer_changes_nothing(void)
{
    struct hg_header header = {.type = HG_MESSAGE_RELEASE};

    lure(HG_PAIR_ECHO, &(struct hg_pair_blob){0});
    header.tag = raw.kept[0].tag;
    hg_raw_add(&header, NULL, 0);
    hg_raw_send();
    SUPPORT_CHECK(atomic_load(&lured.calls) == 0);
    header = response(HG_NOMEM);
    hg_raw_add(&header, NULL, 0);
    hg_raw_send();
    HG_PAIR_RET(hg_pair_call_wait(&lured), HG_NOMEM);
    lure_end();
    hg_raw_finish();
}

static void answer_to_somebody_elses_call_finds_nobody(void)
{
    struct hg_pair_blob in = {0};
    struct hg_pair_call call;
    struct hg_header header;

    /* An honest call waits at the target; the raw peer guesses its tag. */
    hg_pair_call_start(&pair, &call, HG_PAIR_HOLD, &in);
    HG_PAIR_UNTIL(&pair, atomic_load(&pair.held_count) == 1);
    lure(HG_PAIR_EMPTY, NULL);
    for (uint64_t slot = 0; slot < 8; slot++) {
        for (uint64_t generation = 1; generation < 8; generation++) {
            header = response(HG_SUCCESS);
            header.tag = generation << 24 | slot;
            if (header.tag == raw.kept[0].tag)
                continue;
            hg_raw_add(&header, NULL, 0);
        }
    }
    hg_raw_send();
    SUPPORT_CHECK(atomic_load(&call.calls) == 0 && atomic_load(&lured.calls) == 0);
    SUPPORT_CHECK(hg_pair_answer(&pair));
    HG_PAIR_OK(hg_pair_call_wait(&call));
    header = response(HG_SUCCESS);
    hg_raw_add(&header, NULL, 0);
    hg_raw_send();
    HG_PAIR_OK(hg_pair_call_wait(&lured));
    hg_pair_call_end(&call);
    lure_end();
    hg_raw_finish();
}

static const struct support_case cases[] = {
    SUPPORT_CASE(honest_raw_peer_is_served),
    SUPPORT_CASE(garbage_is_counted_and_ends_the_route),
    SUPPORT_CASE(every_cut_of_a_good_frame_is_refused),
    SUPPORT_CASE(every_flipped_byte_is_survived),
    SUPPORT_CASE(foreign_version_is_refused_politely),
    SUPPORT_CASE(first_frame_without_hello_is_refused),
    SUPPORT_CASE(hello_that_makes_no_sense_is_refused),
    SUPPORT_CASE(hello_with_the_address_of_another_harms_nobody),
    SUPPORT_CASE(wrong_key_or_incarnation_is_refused),
    SUPPORT_CASE(hello_of_another_incarnation_ends_the_session),
    SUPPORT_CASE(more_requests_than_the_window_end_the_session),
    SUPPORT_CASE(credit_for_requests_that_were_never_sent_ends_the_session),
    SUPPORT_CASE(messages_about_nothing_are_ignored),
    SUPPORT_CASE(ping_is_answered),
    SUPPORT_CASE(unknown_type_ends_the_session),
    SUPPORT_CASE(unknown_flags_are_ignored),
    SUPPORT_CASE(fragments_in_any_order_make_a_request),
    SUPPORT_CASE(fragments_that_contradict_each_other_end_the_session),
    SUPPORT_CASE(fragments_of_an_absurd_total_end_the_session),
    SUPPORT_CASE(fragments_that_never_end_are_let_go),
    SUPPORT_CASE(refused_fragments_are_refused_once),
    SUPPORT_CASE(descriptors_of_nonsense_are_answered_with_an_error),
    SUPPORT_CASE(descriptors_that_lie_are_answered_with_an_error),
    SUPPORT_CASE(answers_with_any_status_end_the_call_once),
    SUPPORT_CASE(refusal_of_our_version_ends_the_calls),
    SUPPORT_CASE(answer_larger_than_its_first_fragment_said_is_refused),
    SUPPORT_CASE(answer_with_a_lying_descriptor_ends_with_an_error_and_is_released),
    SUPPORT_CASE(unfinished_answer_can_be_cancelled),
    SUPPORT_CASE(release_of_a_call_that_waits_for_an_answer_changes_nothing),
    SUPPORT_CASE(answer_to_somebody_elses_call_finds_nobody),
    {NULL, NULL, 0},
};

int main(int argc, char **argv)
{
    static const struct support_case *const tables[] = {
        cases, hg_hostile_check_cases, hg_hostile_cancel_cases, hg_hostile_share_cases, hg_hostile_hello_cases, NULL};

    return support_suite_main(argc, argv, tables, hg_raw_setup);
}
