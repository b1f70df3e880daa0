/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Messages that get lost between two processes that live, and go on talking, as it may happen over datagrams: what waits for
 * them without a limit does not wait for ever, and what only takes its time is left alone.
 */
#include <stdlib.h>
#include <string.h>

#include "hg/hg_context.h"
#include "hg/hg_event.h"
#include "hg/hg_frame.h"
#include "hg/hg_handle.h"
#include "hg/hg_header.h"
#include "hg/hg_missing.h"
#include "hg/hg_session.h"
#include "tests/support/wire_pair.h"
#include "util/util_clock.h"

enum {
    ASKED_MS = 6000, /* by then a lost call has ended */
    LONG_MS = 300000,
    SMALL = 100,
    LARGE = 300000,
};

static struct hg_pair pair;

/* Messages of this type are lost, so many of them, after some that are not. */
static struct {
    uint8_t type;
    unsigned int pass;
    unsigned int count;
} loss;

/* The type of the first message of a frame; 0: it has none. */
static uint8_t type_of(const unsigned char *data, size_t size)
{
    struct hg_header header;

    return wire_pair_first_header(data, size, &header) ? header.type : 0;
}

static bool loss_tap(unsigned char *data, size_t *size, size_t capacity)
{
    (void)capacity;
    if (loss.count == 0 || type_of(data, *size) != loss.type)
        return true;
    if (loss.pass > 0) {
        loss.pass--;
        return true;
    }
    loss.count--;
    return false;
}

static void lose(uint8_t type, unsigned int pass, unsigned int count)
{
    loss.type = type;
    loss.pass = pass;
    loss.count = count;
    fake_wire.tap = loss_tap;
}

static void open_pair(void)
{
    wire_pair_open(&pair);
    hg_pair_check_works(&pair);
}

static unsigned int lost_calls(void)
{
    return (unsigned int)atomic_load(&pair.origin.hg_class->events.counts[HG_EVENT_CALL_LOST]);
}

static void start(struct hg_pair_call *call, enum hg_pair_rpc rpc, uint64_t size)
{
    struct hg_pair_blob in = {.size = size, .data = calloc(1, size + 1)};

    SUPPORT_CHECK(in.data != NULL);
    hg_pair_call_start(&pair, call, rpc, &in);
    free(in.data);
}

/* One call, of which a message gets lost, ends, and it is not known whether it ran. */
static void call_ends(uint8_t type, unsigned int pass, uint64_t size)
{
    struct hg_pair_call call;
    struct qs_result result;
    unsigned int before = lost_calls();

    lose(type, pass, 1);
    start(&call, HG_PAIR_ECHO, size);
    wire_pair_pass(&pair, 1000);
    SUPPORT_CHECK(loss.count == 0 && atomic_load(&call.calls) == 0);
    wire_pair_pass(&pair, ASKED_MS);
    SUPPORT_CHECK(atomic_load(&call.calls) == 1 && lost_calls() == before + 1);
    HG_PAIR_OK(qs_handle_get_result(call.handle, &result, sizeof(result)));
    SUPPORT_CHECK(result.outcome == QS_OUTCOME_UNKNOWN);
    SUPPORT_CHECK(strstr(result.detail, "the target knows nothing of it") != NULL);
    HG_PAIR_FINISH(&call, HG_HOSTUNREACH);
    hg_pair_check_works(&pair);
}

static void lost_request_ends_its_call(void)
{
    open_pair();
    call_ends(HG_MESSAGE_REQUEST, 0, SMALL);
    wire_pair_close(&pair);
}

/* Some pieces of the input have come: they are dropped, or they would be kept for ever. */
static void lost_piece_of_a_request_ends_its_call(void)
{
    open_pair();
    call_ends(HG_MESSAGE_REQUEST, 1, 20000);
    SUPPORT_CHECK(pair.target.contexts[0]->admit.requests == 0);
    wire_pair_close(&pair);
}

static void lost_answer_ends_its_call(void)
{
    open_pair();
    call_ends(HG_MESSAGE_RESPONSE, 0, SMALL);
    call_ends(HG_MESSAGE_RESPONSE, 1, 20000); /* a piece of it */
    wire_pair_close(&pair);
}

/* The target keeps an answer that is to be pulled; it hears that nobody will. */
static void lost_large_answer_ends_its_call(void)
{
    struct hg_session *session;

    open_pair();
    call_ends(HG_MESSAGE_RESPONSE, 0, LARGE);
    session = util_container_of(util_list_first(&pair.target.contexts[0]->sessions), struct hg_session, link);
    SUPPORT_CHECK(util_list_empty(&session->calls) && fake_wire.mems == 0);
    wire_pair_close(&pair);
}

/* The question, or what the target says to it, gets lost as well. */
static void lost_questions_are_asked_again(void)
{
    static const uint8_t types[] = {HG_MESSAGE_ASK, HG_MESSAGE_GONE};

    open_pair();
    for (unsigned int i = 0; i < 2 * sizeof(types); i++) {
        struct hg_pair_call call;

        lose(HG_MESSAGE_RESPONSE, 0, 1);
        start(&call, HG_PAIR_ECHO, SMALL);
        wire_pair_pass(&pair, 1000);
        SUPPORT_CHECK(loss.count == 0);
        lose(types[i / 2], i % 2, 1);
        wire_pair_pass(&pair, 6U * ASKED_MS);
        SUPPORT_CHECK(loss.count == 0);
        HG_PAIR_FINISH(&call, HG_HOSTUNREACH);
    }
    wire_pair_close(&pair);
}

static void slow_handlers_are_waited_for(void)
{
    struct hg_pair_call calls[3];

    open_pair();
    for (unsigned int i = 0; i < 3; i++)
        start(&calls[i], HG_PAIR_HOLD, i == 2 ? LARGE : SMALL);
    wire_pair_pass(&pair, LONG_MS);
    for (unsigned int i = 0; i < 3; i++)
        SUPPORT_CHECK(atomic_load(&calls[i].calls) == 0 && hg_pair_answer(&pair));
    for (unsigned int i = 0; i < 3; i++)
        HG_PAIR_FINISH(&calls[i], HG_SUCCESS);
    SUPPORT_CHECK(lost_calls() == 0);
    wire_pair_close(&pair);
}

/* It is asked for seldom by then, but still. */
static void answer_lost_after_long_ends_its_call(void)
{
    struct hg_pair_call call;

    open_pair();
    start(&call, HG_PAIR_HOLD, SMALL);
    for (unsigned int i = 0; i < 3; i++) {
        wire_pair_pass(&pair, LONG_MS);
        SUPPORT_CHECK(atomic_load(&call.calls) == 0 && lost_calls() == 0);
    }
    lose(HG_MESSAGE_RESPONSE, 0, 1);
    SUPPORT_CHECK(hg_pair_answer(&pair));
    wire_pair_pass(&pair, LONG_MS);
    SUPPORT_CHECK(loss.count == 0 && atomic_load(&call.calls) == 1);
    HG_PAIR_FINISH(&call, HG_HOSTUNREACH);
    wire_pair_close(&pair);
}

/* One that was asked for long ago and denied once by mistake is not doubted for ever, nor is what others say believed. */
static void words_without_a_question_mean_nothing(void)
{
    struct hg_pair_call call;

    open_pair();
    start(&call, HG_PAIR_HOLD, SMALL);
    wire_pair_pass(&pair, 500);
    for (unsigned int i = 0; i < 5; i++) {
        hg_missing_told_locked(call.handle->session, call.handle->tag);
        wire_pair_pass(&pair, 100);
    }
    SUPPORT_CHECK(atomic_load(&call.calls) == 0 && hg_pair_answer(&pair));
    HG_PAIR_FINISH(&call, HG_SUCCESS);
    wire_pair_close(&pair);
}

/* Doubt that was wrong is forgotten: the request came late, and is waited for as long as it takes. */
static void late_requests_are_waited_for(void)
{
    struct hg_pair_call call;

    open_pair();
    start(&call, HG_PAIR_HOLD, SMALL);
    wire_pair_pass(&pair, 3000);
    SUPPORT_CHECK(atomic_load(&pair.held_count) == 1);
    hg_missing_told_locked(call.handle->session, call.handle->tag);
    hg_missing_told_locked(call.handle->session, call.handle->tag);
    wire_pair_pass(&pair, LONG_MS);
    SUPPORT_CHECK(atomic_load(&call.calls) == 0 && lost_calls() == 0 && hg_pair_answer(&pair));
    HG_PAIR_FINISH(&call, HG_SUCCESS);
    wire_pair_close(&pair);
}

/* A target whose origin falls silent gives up its session at a look, and with it the request that held it last. */
static void silent_origin_is_given_up_with_its_request(void)
{
    struct hg_pair_call call;

    open_pair();
    HG_PAIR_OK(qs_class_set_silence_limit(pair.target.hg_class, 2000000));
    lose(HG_MESSAGE_REQUEST, 1, 1);
    start(&call, HG_PAIR_ECHO, 20000);
    wire_pair_pass(&pair, 100);
    SUPPORT_CHECK(pair.target.contexts[0]->admit.requests == 1);
    fake_wire.drop = 100;
    wire_pair_pass(&pair, 20000);
    SUPPORT_CHECK(util_list_empty(&pair.target.contexts[0]->sessions));
    SUPPORT_CHECK(pair.target.contexts[0]->admit.requests == 0);
    fake_wire.drop = 0;
    wire_pair_pass(&pair, 6U * ASKED_MS);
    HG_PAIR_FINISH(&call, HG_HOSTUNREACH);
    wire_pair_close(&pair);
}

/* A call that may be repeated is, and gets the answer that was lost: it has run once. */
static void lost_answer_is_given_again(void)
{
    const struct qs_retry retry = {.attempts_max = 3};
    struct hg_pair_call call;
    unsigned int echoed;

    open_pair();
    HG_PAIR_OK(
        qs_registered_set_method(pair.origin.hg_class, pair.origin.ids[HG_PAIR_ECHO], QS_METHOD_AT_MOST_ONCE, &retry));
    hg_pair_check_works(&pair);
    echoed = atomic_load(&pair.echoed);
    lose(HG_MESSAGE_RESPONSE, 0, 1);
    start(&call, HG_PAIR_ECHO, SMALL);
    wire_pair_pass(&pair, ASKED_MS);
    HG_PAIR_FINISH(&call, HG_SUCCESS);
    SUPPORT_CHECK(lost_calls() == 1 && atomic_load(&pair.echoed) == echoed + 1);
    wire_pair_close(&pair);
}

/* Word of a wider window that got lost is repeated, as soon as calls wait for it. */
static void lost_window_is_told_again(void)
{
    enum { COUNT = 8 };
    struct hg_pair_call calls[COUNT];
    struct hg_session *session;

    open_pair();
    session = util_container_of(util_list_first(&pair.origin.contexts[0]->sessions), struct hg_session, link);
    HG_PAIR_OK(qs_class_set_window(pair.target.hg_class, 1));
    wire_pair_pass(&pair, 100);
    SUPPORT_CHECK(session->window == 1);
    lose(HG_MESSAGE_WINDOW, 0, 1);
    HG_PAIR_OK(qs_class_set_window(pair.target.hg_class, 64));
    wire_pair_pass(&pair, 100);
    SUPPORT_CHECK(session->window == 1 && loss.count == 0);
    for (unsigned int i = 0; i < COUNT; i++)
        start(&calls[i], HG_PAIR_HOLD, SMALL);
    wire_pair_pass(&pair, 3000);
    SUPPORT_CHECK(session->window == 64);
    while (hg_pair_answer(&pair))
        continue;
    for (unsigned int i = 0; i < COUNT; i++)
        HG_PAIR_FINISH(&calls[i], HG_SUCCESS);
    wire_pair_close(&pair);
}

/* Hellos of two sessions of the peer in the wrong order: the later session is the one that counts, whatever comes of the other. */
static void late_hello_is_passed_over(void)
{
    struct hg_frame_hello hello = {0};
    struct hg_session *session;
    uint32_t key;

    open_pair();
    session = util_container_of(util_list_first(&pair.origin.contexts[0]->sessions), struct hg_session, link);
    hello.incarnation = session->remote.incarnation;
    hello.window = session->window;
    hello.session_index = session->remote_index;
    key = session->remote_key;
    for (uint32_t later = 1; later <= 3; later++) {
        hello.session_key = session->remote_key + 2;
        hello.session_number = session->remote_number + later;
        SUPPORT_CHECK(hg_session_learn(session, &hello) == 0 && session->remote_key == hello.session_key);
        for (uint32_t earlier = 1; earlier <= 3; earlier++) {
            struct hg_frame_hello late = hello;

            late.session_key = earlier == 2 ? key : key + 1000;
            late.session_number = hello.session_number - earlier;
            SUPPORT_CHECK(hg_session_learn(session, &late) == 0 && session->remote_key == hello.session_key);
        }
        SUPPORT_CHECK(hg_session_learn(session, &hello) == 0 && session->remote_key == hello.session_key);
    }
    wire_pair_now_ns += 20 * UTIL_CLOCK_NS_PER_S;
    hello.session_key += 2;
    hello.session_number -= 100; /* nothing comes as late as that: it means what it says */
    SUPPORT_CHECK(hg_session_learn(session, &hello) == 0 && session->remote_key == hello.session_key);
    wire_pair_close(&pair);
}

static const struct support_case missing_cases[] = {
    SUPPORT_CASE(lost_request_ends_its_call),
    SUPPORT_CASE(lost_piece_of_a_request_ends_its_call),
    SUPPORT_CASE(lost_answer_ends_its_call),
    SUPPORT_CASE(lost_large_answer_ends_its_call),
    SUPPORT_CASE(lost_questions_are_asked_again),
    {"slow_handlers_are_waited_for", slow_handlers_are_waited_for, 30},
    SUPPORT_CASE(answer_lost_after_long_ends_its_call),
    SUPPORT_CASE(words_without_a_question_mean_nothing),
    SUPPORT_CASE(late_requests_are_waited_for),
    SUPPORT_CASE(silent_origin_is_given_up_with_its_request),
    SUPPORT_CASE(lost_answer_is_given_again),
    SUPPORT_CASE(lost_window_is_told_again),
    SUPPORT_CASE(late_hello_is_passed_over),
    {NULL, NULL, 0},
};

int main(int argc, char **argv)
{
    static const struct support_case *const tables[] = {missing_cases, NULL};

    return support_suite_main(argc, argv, tables, wire_pair_setup);
}
