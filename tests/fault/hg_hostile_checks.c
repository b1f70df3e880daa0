/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Hostile peers and checksums: what a peer claims to check is checked, and a session may be ended by a message.
 */
#include "tests/fault/hg_raw.h"

/* Whoever says that it checks everything is held to it. */
static void unchecked_message_of_a_checked_session_ends_it(void)
{
    raw.own.features = HG_FRAME_FEATURE_CHECKED;
    raw.header.flags = HG_FRAME_CHECKED;
    hg_raw_add_echo(1);
    hg_raw_send();
    SUPPORT_CHECK(hg_pair_counters(pair.target.hg_class).checksum_errors == 1);
    hg_raw_expect_ended();
    hg_raw_finish();
}

static void checksum_that_is_wrong_ends_the_session(void)
{
    struct hg_header request = hg_raw_request(HG_PAIR_ECHO, 1);

    request.payload_size = 8;
    request.flags = HG_MESSAGE_CHECKED;
    hg_raw_add(&request, "\0\0\0\0\0\0\0", 8);
    raw.body[16] ^= 1;
    hg_raw_send();
    SUPPORT_CHECK(hg_pair_counters(pair.target.hg_class).checksum_errors == 1);
    hg_raw_expect_ended();
    hg_raw_finish();
}

static void wrong_checksum_of_a_payload_is_answered(void)
{
    struct hg_header request = hg_raw_request(HG_PAIR_ECHO, 1);

    request.payload_size = 8;
    request.flags = HG_MESSAGE_CHECKED | HG_MESSAGE_CHECKED_PAYLOAD;
    request.payload_check = 1;
    hg_raw_add(&request, "\0\0\0\0\0\0\0", 8);
    hg_raw_send();
    SUPPORT_CHECK(!raw.down && hg_raw_last()->type == HG_MESSAGE_NACK && hg_raw_last()->tag == 1 &&
                  hg_raw_last()->status == HG_CHECKSUM_ERROR);
    hg_raw_finish();
}

static void peer_may_end_a_session(void)
{
    static const uint32_t statuses[] = {HG_CHECKSUM_ERROR, HG_SUCCESS, 77};

    for (unsigned int i = 0; i < 3; i++) {
        const struct hg_header end = {.type = HG_MESSAGE_END, .status = statuses[i]};

        hg_raw_add_echo(1);
        hg_raw_add(&end, NULL, 0);
        hg_raw_send();
        hg_raw_expect_ended();
        hg_raw_connect("wire://target");
    }
    hg_raw_finish();
}

const struct support_case hg_hostile_check_cases[] = {
    SUPPORT_CASE(unchecked_message_of_a_checked_session_ends_it),
    SUPPORT_CASE(checksum_that_is_wrong_ends_the_session),
    SUPPORT_CASE(wrong_checksum_of_a_payload_is_answered),
    SUPPORT_CASE(peer_may_end_a_session),
    {NULL, NULL, 0},
};
