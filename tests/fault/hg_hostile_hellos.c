/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Which session a frame is for, by the key that it names and the hello in it.
 */
#include <string.h>

#include "tests/fault/hg_raw.h"

/* Who has not had our hello says who he is, and who has used its key has had it. */
static void frame_without_a_key_is_refused_behind_the_first_ones(void)
{
    if (fake_wire.no_connections)
        support_suite_skip("over datagrams a frame without a key begins another session");
    for (unsigned int i = 0; i < 2; i++) {
        unsigned int echoed;

        hg_raw_add_echo(1);
        hg_raw_send();
        SUPPORT_CHECK(raw.has_hello);
        if (i == 1) {
            hg_raw_add_echo(2);
            hg_raw_send();
        }
        echoed = atomic_load(&pair.echoed);
        hg_raw_add_echo(3);
        raw.header.session_index = 0;
        raw.header.session_key = 0;
        raw.header.incarnation = 0;
        raw.send_hello = i == 1;
        hg_raw_send();
        SUPPORT_CHECK(atomic_load(&pair.echoed) == echoed);
        hg_raw_expect_ended();
        hg_raw_connect("wire://target");
    }
    hg_raw_finish();
}

/* Speaks for a session of its own with this key, and names none of the victim's. */
static void begin_session(uint32_t key)
{
    raw.send_hello = true;
    raw.own.session_key = key;
    raw.header.session_index = 0;
    raw.header.session_key = 0;
    raw.header.incarnation = 0;
}

/* Over datagrams a frame may be late: it speaks for another session than the one that is known, and names one of the victim's that
 * has ended. Each side would end its own session for that of the other, and again for the answer, if none of them kept it. */
static void late_frame(uint64_t incarnation, bool keeps)
{
    const struct hg_header end = {.type = HG_MESSAGE_END};
    struct hg_frame_hello earlier;
    unsigned int echoed = atomic_load(&pair.echoed);

    raw.own.incarnation = incarnation;
    hg_raw_add_echo(1);
    hg_raw_send();
    SUPPORT_CHECK(raw.has_hello && atomic_load(&pair.echoed) == echoed + 1);
    earlier = raw.hello;
    hg_raw_add(&end, NULL, 0);
    hg_raw_send();
    begin_session(0x22222222);
    raw.own.incarnation = incarnation;
    hg_raw_add_echo(2);
    hg_raw_send();
    SUPPORT_CHECK(atomic_load(&pair.echoed) == echoed + 2);
    SUPPORT_CHECK(raw.hello.session_key != earlier.session_key);

    begin_session(0x33333333);
    raw.own.incarnation = incarnation;
    raw.header.session_index = earlier.session_index;
    raw.header.session_key = earlier.session_key;
    raw.header.incarnation = (uint32_t)earlier.incarnation;
    hg_raw_add_echo(3);
    hg_raw_send();
    SUPPORT_CHECK(atomic_load(&pair.echoed) == echoed + (keeps ? 2 : 3));
    /* Whichever it is, it works. */
    hg_raw_add_echo(4);
    hg_raw_send();
    SUPPORT_CHECK(hg_raw_last()->tag == 4 && hg_raw_last()->type == HG_MESSAGE_RESPONSE);
}

static void late_frames_end_the_session_of_the_lesser_incarnation_only(void)
{
    if (!fake_wire.no_connections)
        support_suite_skip("connections keep the order of their frames");
    late_frame(1, true);
    hg_raw_connect("wire://target");
    late_frame(UINT64_MAX, false);
    hg_raw_finish();
}

const struct support_case hg_hostile_hello_cases[] = {
    SUPPORT_CASE(frame_without_a_key_is_refused_behind_the_first_ones),
    SUPPORT_CASE(late_frames_end_the_session_of_the_lesser_incarnation_only),
    {NULL, NULL, 0},
};
