/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Silence, pings, suspicion and what ends it, on a simulated clock and a network in memory: hours pass in
 * milliseconds, and each bound is checked to the hundredth of a second.
 *
 * The parameter is "connections" or "datagrams". The latter have no notice of deaths, so their interval is half as long.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/wire_pair.h"
#include "util/util_clock.h"

enum { CHANGES_MAX = 32 };

/* What the callback of the origin's class was told of one peer. */
static struct qs_peer_change changes[CHANGES_MAX];
static unsigned int change_count;
static hg_addr_t watched;

static void note_change(const struct qs_peer_change *change, void *arg)
{
    SUPPORT_CHECK(arg == &changes && change_count < CHANGES_MAX);
    SUPPORT_CHECK(change->reason != NULL && change->reason[0] != '\0');
    SUPPORT_CHECK(change->before != change->after);
    if (change->addr != watched)
        return;
    SUPPORT_CHECK(change_count == 0 || changes[change_count - 1].after == change->before);
    changes[change_count++] = *change;
}

static enum qs_peer_state told_last(void)
{
    return change_count > 0 ? changes[change_count - 1].after : QS_PEER_UNKNOWN;
}

/* The interval between the last word of a peer and the first ping. */
static uint64_t interval_ms(void)
{
    return fake_wire.no_connections ? 500 : 1000;
}

static void pair_open(struct hg_pair *pair)
{
    wire_pair_open(pair);
    watched = pair->addr;
    HG_PAIR_OK(qs_class_set_peer_callback(pair->origin.hg_class, note_change, &changes));
}

static enum qs_peer_state state_of(const struct hg_pair *pair)
{
    return qs_peer_state(pair->origin.hg_class, pair->addr);
}

static uint64_t pings_of(const hg_class_t *hg_class)
{
    return hg_pair_counters(hg_class).pings_sent;
}

/* A call whose handler does not answer, taken up, and with its first word spoken. */
static void hold(struct hg_pair *pair, struct hg_pair_call *call)
{
    struct hg_pair_blob in = {0};

    hg_pair_call_start(pair, call, HG_PAIR_HOLD, &in);
    HG_PAIR_UNTIL(pair, atomic_load(&pair->held_count) == 1);
}

/* --- silence ------------------------------------------------------------------------------------- */

static void idle_peers_are_left_alone(void)
{
    struct hg_pair pair;
    unsigned int frames;

    pair_open(&pair);
    SUPPORT_CHECK(state_of(&pair) == QS_PEER_UNKNOWN);
    hg_pair_check_works(&pair);
    SUPPORT_CHECK(state_of(&pair) == QS_PEER_ALIVE);
    wire_pair_pass(&pair, 10000);
    frames = fake_wire.frames;
    for (unsigned int hour = 0; hour < 100; hour++) {
        wire_pair_now_ns += 3600 * UTIL_CLOCK_NS_PER_S;
        wire_pair_pass(&pair, WIRE_PAIR_STEP_MS);
    }
    SUPPORT_CHECK(fake_wire.frames == frames);
    SUPPORT_CHECK(pings_of(pair.origin.hg_class) == 0 && pings_of(pair.target.hg_class) == 0);
    SUPPORT_CHECK(state_of(&pair) == QS_PEER_ALIVE && told_last() == QS_PEER_ALIVE);
    wire_pair_close(&pair);
}

static void silence_leads_to_pings_and_they_to_suspicion(void)
{
    struct hg_pair_call call;
    struct hg_pair pair;
    uint64_t unit;

    pair_open(&pair);
    unit = interval_ms();
    hg_pair_check_works(&pair);
    hold(&pair, &call);
    pair.options.silent_target = true;
    wire_pair_pass(&pair, unit - 20);
    SUPPORT_CHECK(pings_of(pair.origin.hg_class) == 0);
    wire_pair_pass(&pair, unit / 2 + 40);
    SUPPORT_CHECK(pings_of(pair.origin.hg_class) == 1);
    wire_pair_pass(&pair, unit);
    SUPPORT_CHECK(pings_of(pair.origin.hg_class) == 3);
    SUPPORT_CHECK(state_of(&pair) == QS_PEER_ALIVE);
    wire_pair_pass(&pair, unit / 2 + 20);
    SUPPORT_CHECK(state_of(&pair) == QS_PEER_SUSPECT && told_last() == QS_PEER_SUSPECT);
    /* It is asked again, once in an interval, and nothing ends. */
    wire_pair_pass(&pair, 100 * unit);
    SUPPORT_CHECK(pings_of(pair.origin.hg_class) > 95 && pings_of(pair.origin.hg_class) < 110);
    SUPPORT_CHECK(state_of(&pair) == QS_PEER_SUSPECT && atomic_load(&call.calls) == 0);
    pair.options.silent_target = false;
    wire_pair_pass(&pair, WIRE_PAIR_STEP_MS);
    SUPPORT_CHECK(state_of(&pair) == QS_PEER_ALIVE && told_last() == QS_PEER_ALIVE);
    SUPPORT_CHECK(hg_pair_answer(&pair));
    HG_PAIR_FINISH(&call, HG_SUCCESS);
    wire_pair_close(&pair);
}

/* The handler takes a day, and the process answers pings meanwhile. */
static void slow_handlers_make_nobody_suspect(void)
{
    struct hg_pair_call call;
    struct hg_pair pair;
    uint64_t unit;
    unsigned int frames;

    pair_open(&pair);
    unit = interval_ms();
    hold(&pair, &call);
    wire_pair_pass(&pair, WIRE_PAIR_STEP_MS); /* the answer to the hello */
    frames = fake_wire.frames;
    wire_pair_pass(&pair, 100 * unit);
    SUPPORT_CHECK(state_of(&pair) == QS_PEER_ALIVE && change_count == 2);
    SUPPORT_CHECK(pings_of(pair.origin.hg_class) > 60 && pings_of(pair.origin.hg_class) <= 101);
    /* Over datagrams the call is asked for after 8, 16, ..., 128 looks, of which there are two in a unit. */
    frames = fake_wire.frames - frames - 2 * (unsigned int)pings_of(pair.origin.hg_class);
    SUPPORT_CHECK(frames <= (fake_wire.no_connections ? 5U : 0U));
    SUPPORT_CHECK(pings_of(pair.target.hg_class) == 0);
    SUPPORT_CHECK(hg_pair_answer(&pair));
    HG_PAIR_FINISH(&call, HG_SUCCESS);
    wire_pair_close(&pair);
}

/* A call that runs at most once leaves only when the peer's hello has come: until then it is all that waits. */
static void call_that_waits_for_the_hello_is_looked_after(void)
{
    struct hg_pair_blob in = {0};
    struct hg_pair_call call;
    struct hg_pair pair;

    pair_open(&pair);
    HG_PAIR_OK(
        qs_registered_set_method(pair.origin.hg_class, pair.origin.ids[HG_PAIR_ECHO], QS_METHOD_AT_MOST_ONCE, NULL));
    fake_wire.drop = 100;
    hg_pair_call_start(&pair, &call, HG_PAIR_ECHO, &in);
    wire_pair_pass(&pair, 5 * interval_ms());
    SUPPORT_CHECK(pings_of(pair.origin.hg_class) >= 3);
    SUPPORT_CHECK(state_of(&pair) == QS_PEER_SUSPECT && atomic_load(&call.calls) == 0);
    fake_wire.drop = 0;
    wire_pair_pass(&pair, 2 * interval_ms());
    SUPPORT_CHECK(state_of(&pair) == QS_PEER_ALIVE && atomic_load(&call.calls) == 1);
    HG_PAIR_FINISH(&call, HG_SUCCESS);
    wire_pair_close(&pair);
}

/* Nobody waits for an answer to it, but it does not end before it has left. */
static void one_way_call_that_cannot_leave_is_looked_after(void)
{
    struct hg_pair_blob in = {0};
    struct hg_pair_call call;
    struct hg_pair pair;

    pair_open(&pair);
    hg_pair_check_works(&pair);
    wire_pair_pass(&pair, 10 * interval_ms());
    fake_wire.refuse = 100;
    hg_pair_call_start(&pair, &call, HG_PAIR_QUIET, &in);
    wire_pair_pass(&pair, 5 * interval_ms());
    SUPPORT_CHECK(state_of(&pair) == QS_PEER_SUSPECT && atomic_load(&call.calls) == 0);
    fake_wire.refuse = 0;
    HG_PAIR_FINISH(&call, HG_SUCCESS);
    hg_pair_check_works(&pair);
    SUPPORT_CHECK(state_of(&pair) == QS_PEER_ALIVE);
    wire_pair_close(&pair);
}

static void traffic_needs_no_pings(void)
{
    struct hg_pair_call call;
    struct hg_pair pair;

    pair_open(&pair);
    hold(&pair, &call);
    for (unsigned int i = 0; i < 1000; i++) {
        hg_pair_check_works(&pair);
        wire_pair_now_ns += 100 * UTIL_CLOCK_NS_PER_MS;
    }
    SUPPORT_CHECK(pings_of(pair.origin.hg_class) == 0);
    SUPPORT_CHECK(hg_pair_answer(&pair));
    HG_PAIR_FINISH(&call, HG_SUCCESS);
    wire_pair_close(&pair);
}

/* The origin itself does nothing for a minute. What has arrived meanwhile is received before its timer looks. */
static void stall_of_ones_own_is_not_the_peers_silence(void)
{
    struct hg_pair_call call;
    struct hg_pair pair;

    pair_open(&pair);
    HG_PAIR_OK(qs_class_set_silence_limit(pair.origin.hg_class, 10000000));
    hold(&pair, &call);
    for (unsigned int i = 0; i < 50; i++) {
        wire_pair_now_ns += 60 * UTIL_CLOCK_NS_PER_S;
        (void)hg_pair_step_target(&pair);
        wire_pair_pass(&pair, WIRE_PAIR_STEP_MS);
    }
    SUPPORT_CHECK(state_of(&pair) == QS_PEER_ALIVE && change_count == 2 && atomic_load(&call.calls) == 0);
    SUPPORT_CHECK(hg_pair_answer(&pair));
    HG_PAIR_FINISH(&call, HG_SUCCESS);
    wire_pair_close(&pair);
}

/* A peer far away: pings are four round trips apart. */
static void interval_grows_with_the_round_trip(void)
{
    struct hg_pair_call call;
    struct hg_pair pair;
    uint64_t pings;
    uint64_t unit;

    pair_open(&pair);
    unit = interval_ms();
    hold(&pair, &call);
    pair.options.silent_target = true;
    while (pings_of(pair.origin.hg_class) == 0)
        wire_pair_pass(&pair, WIRE_PAIR_STEP_MS);
    /* Late by less than the next ping. */
    wire_pair_now_ns += unit * 45 / 100 * UTIL_CLOCK_NS_PER_MS;
    pair.options.silent_target = false;
    wire_pair_pass(&pair, WIRE_PAIR_STEP_MS);
    pings = pings_of(pair.origin.hg_class);
    SUPPORT_CHECK(pings == 1);
    wire_pair_pass(&pair, unit * 170 / 100);
    SUPPORT_CHECK(pings_of(pair.origin.hg_class) == pings);
    wire_pair_pass(&pair, unit * 3);
    SUPPORT_CHECK(pings_of(pair.origin.hg_class) > pings);
    SUPPORT_CHECK(hg_pair_answer(&pair));
    HG_PAIR_FINISH(&call, HG_SUCCESS);
    wire_pair_close(&pair);
}

static void settings_of_the_class_count(void)
{
    struct hg_pair_call call;
    struct hg_pair pair;

    pair_open(&pair);
    HG_PAIR_OK(qs_class_set_ping(pair.origin.hg_class, 10000000, 7));
    hold(&pair, &call);
    pair.options.silent_target = true;
    wire_pair_pass(&pair, 9980);
    SUPPORT_CHECK(pings_of(pair.origin.hg_class) == 0);
    wire_pair_pass(&pair, 5040 + 6 * 5000);
    SUPPORT_CHECK(pings_of(pair.origin.hg_class) == 7 && state_of(&pair) == QS_PEER_ALIVE);
    wire_pair_pass(&pair, 5000);
    SUPPORT_CHECK(state_of(&pair) == QS_PEER_SUSPECT);
    pair.options.silent_target = false;
    wire_pair_pass(&pair, WIRE_PAIR_STEP_MS);
    SUPPORT_CHECK(hg_pair_answer(&pair));
    HG_PAIR_FINISH(&call, HG_SUCCESS);
    wire_pair_close(&pair);
}

/* --- the silence limit --------------------------------------------------------------------------- */

/* Calls in the window, behind it, and large ones. */
static void silence_limit_ends_all_that_waits(void)
{
    enum { COUNT = 600 };
    static struct hg_pair_call calls[COUNT];
    struct hg_pair pair;
    uint64_t begin_ns;

    pair_open(&pair);
    HG_PAIR_OK(qs_class_set_silence_limit(pair.origin.hg_class, 5000000));
    hg_pair_check_works(&pair);
    pair.options.silent_target = true;
    for (unsigned int i = 0; i < COUNT; i++) {
        struct hg_pair_blob in = {.size = i % 200 == 0 ? 200000 : i % 50};

        in.data = calloc(1, in.size + 1);
        hg_pair_call_start(&pair, &calls[i], HG_PAIR_ECHO, &in);
        free(in.data);
    }
    begin_ns = wire_pair_now_ns;
    wire_pair_pass(&pair, 4980);
    for (unsigned int i = 0; i < COUNT; i++)
        SUPPORT_CHECK(atomic_load(&calls[i].calls) == 0);
    while (atomic_load(&calls[0].calls) == 0)
        wire_pair_pass(&pair, WIRE_PAIR_STEP_MS);
    SUPPORT_CHECK(wire_pair_now_ns - begin_ns <= 6600 * UTIL_CLOCK_NS_PER_MS);
    for (unsigned int i = 0; i < COUNT; i++)
        HG_PAIR_FINISH(&calls[i], HG_HOSTUNREACH);
    SUPPORT_CHECK(state_of(&pair) == QS_PEER_SUSPECT && told_last() == QS_PEER_SUSPECT);
    /* It comes back, and is reached again. */
    pair.options.silent_target = false;
    hg_pair_check_works(&pair);
    SUPPORT_CHECK(state_of(&pair) == QS_PEER_ALIVE && told_last() == QS_PEER_ALIVE);
    wire_pair_close(&pair);
}

static void suspicion_alone_ends_nothing_and_time_outs_still_count(void)
{
    struct hg_pair_call limited;
    struct hg_pair_call call;
    struct hg_pair pair;

    pair_open(&pair);
    hold(&pair, &call);
    hg_pair_call_begin(&pair, &limited, HG_PAIR_EMPTY);
    HG_PAIR_OK(qs_handle_set_timeout(limited.handle, 20000000));
    pair.options.silent_target = true;
    hg_pair_call_forward(&limited, NULL);
    wire_pair_pass(&pair, 19900);
    SUPPORT_CHECK(state_of(&pair) == QS_PEER_SUSPECT && atomic_load(&limited.calls) == 0);
    wire_pair_pass(&pair, 200);
    SUPPORT_CHECK(atomic_load(&limited.calls) == 1 && limited.ret == HG_TIMEOUT);
    wire_pair_pass(&pair, 300 * 1000);
    SUPPORT_CHECK(atomic_load(&call.calls) == 0);
    pair.options.silent_target = false;
    wire_pair_pass(&pair, WIRE_PAIR_STEP_MS);
    SUPPORT_CHECK(hg_pair_answer(&pair));
    HG_PAIR_FINISH(&call, HG_SUCCESS);
    hg_pair_call_end(&limited);
    wire_pair_close(&pair);
}

/* --- the target ------------------------------------------------------------------------------------ */

/* The target pulls, and the origin, which would have to let it, is silent. */
static void target_looks_after_origins_that_it_pulls_from(void)
{
    struct hg_pair_blob in = {.size = 300000};
    struct hg_pair_call call;
    struct hg_pair pair;
    hg_addr_t origin;
    uint64_t unit;

    pair_open(&pair);
    unit = interval_ms();
    hg_pair_check_works(&pair);
    HG_PAIR_OK(HG_Addr_lookup2(pair.target.hg_class, "wire://origin", &origin));
    SUPPORT_CHECK(qs_peer_state(pair.target.hg_class, origin) == QS_PEER_ALIVE);
    fake_wire.rma_delay = 1U << 30;
    in.data = calloc(1, in.size);
    hg_pair_call_start(&pair, &call, HG_PAIR_ECHO, &in);
    free(in.data);
    for (uint64_t i = 0; i < 4 * unit / WIRE_PAIR_STEP_MS; i++) {
        wire_pair_now_ns += WIRE_PAIR_STEP_MS * UTIL_CLOCK_NS_PER_MS;
        for (unsigned int turn = 0; turn < WIRE_PAIR_STEP_TURNS; turn++)
            (void)hg_pair_step_target(&pair);
    }
    SUPPORT_CHECK(pings_of(pair.target.hg_class) >= 3);
    SUPPORT_CHECK(qs_peer_state(pair.target.hg_class, origin) == QS_PEER_SUSPECT);
    wire_pair_pass(&pair, WIRE_PAIR_STEP_MS);
    SUPPORT_CHECK(qs_peer_state(pair.target.hg_class, origin) == QS_PEER_ALIVE);
    HG_PAIR_OK(HG_Cancel(call.handle));
    HG_PAIR_FINISH(&call, HG_CANCELED);
    HG_PAIR_OK(HG_Addr_free(pair.target.hg_class, origin));
    wire_pair_close(&pair);
}

static unsigned int pongs;

static bool count_pongs(unsigned char *data, size_t *size, size_t capacity)
{
    struct hg_header header;

    (void)capacity;
    pongs += wire_pair_first_header(data, *size, &header) && header.type == HG_MESSAGE_PONG;
    return true;
}

/* A device may need quiet to send again what was lost of a transfer: what stands still is left alone for 5 s at a time, and
 * nobody is taken for dead meanwhile. */
static void transfer_that_stands_still_has_quiet(void)
{
    struct hg_pair_blob in = {.size = 300000};
    struct hg_pair_call call;
    struct hg_pair pair;

    pongs = 0;
    fake_wire.quiet_resend = true;
    fake_wire.tap = count_pongs;
    pair_open(&pair);
    HG_PAIR_OK(qs_class_set_silence_limit(pair.origin.hg_class, 10000000));
    /* Who waits for a handler alone is answered as ever. */
    hold(&pair, &call);
    wire_pair_pass(&pair, 20 * interval_ms());
    SUPPORT_CHECK(pongs >= 12 && state_of(&pair) == QS_PEER_ALIVE);
    SUPPORT_CHECK(hg_pair_answer(&pair));
    HG_PAIR_FINISH(&call, HG_SUCCESS);
    pongs = 0;
    fake_wire.rma_delay = 1U << 30;
    in.data = calloc(1, in.size);
    hg_pair_call_start(&pair, &call, HG_PAIR_ECHO, &in);
    free(in.data);
    wire_pair_pass(&pair, 60 * 1000);
    SUPPORT_CHECK(pongs >= 9 && pongs <= 13);
    SUPPORT_CHECK(pings_of(pair.origin.hg_class) > 50 && atomic_load(&call.calls) == 0);
    HG_PAIR_OK(HG_Cancel(call.handle));
    HG_PAIR_FINISH(&call, HG_CANCELED);
    wire_pair_close(&pair);
}

/* Origins come, call once and go, and nothing tells of their end but that they do not answer when asked. */
static void strangers_make_the_target_ask_for_old_origins(void)
{
    struct hg_pair pair;
    struct hg_pair guest;

    pair_open(&pair);
    hg_pair_check_works(&pair);
    guest = pair;
    for (unsigned int i = 0; i < 20; i++) {
        char uri[32];

        (void)snprintf(uri, sizeof(uri), "wire://guest-%u", i);
        memset(&guest.origin, 0, sizeof(guest.origin));
        wire_pair_open_side(&guest, &guest.origin, uri, false);
        HG_PAIR_OK(HG_Addr_lookup2(guest.origin.hg_class, "wire://target", &guest.addr));
        hg_pair_check_works(&guest);
        hg_pair_close_origin(&guest);
        wire_pair_pass(&pair, 50);
    }
    if (fake_wire.no_connections)
        SUPPORT_CHECK(pings_of(pair.target.hg_class) >= 18 && pings_of(pair.target.hg_class) <= 40);
    else
        SUPPORT_CHECK(pings_of(pair.target.hg_class) == 0);
    hg_pair_check_works(&pair);
    wire_pair_close(&pair);
}

/* --- the end and the successor ------------------------------------------------------------------------ */

static void reopen_target(struct hg_pair *pair)
{
    fake_wire_kill("wire://target");
    pair->options.silent_target = true;
    hg_pair_close_target(pair);
    wire_pair_open_side(pair, &pair->target, "wire://target", true);
    pair->options.silent_target = false;
}

/* Datagrams: the successor answers the ping that was meant for its predecessor. */
static void successor_ends_the_calls_and_is_reached_by_the_same_address(void)
{
    struct hg_pair_call calls[3];
    struct hg_pair pair;

    pair_open(&pair);
    for (unsigned int round = 0; round < 5; round++) {
        hg_pair_check_works(&pair);
        for (unsigned int i = 0; i < 3; i++) {
            struct hg_pair_blob in = {.size = i * 20000};

            in.data = calloc(1, in.size + 1);
            hg_pair_call_start(&pair, &calls[i], HG_PAIR_HOLD, &in);
            free(in.data);
        }
        HG_PAIR_UNTIL(&pair, atomic_load(&pair.held_count) == 3);
        reopen_target(&pair);
        wire_pair_pass(&pair, interval_ms() * 2);
        for (unsigned int i = 0; i < 3; i++)
            HG_PAIR_FINISH(&calls[i], HG_HOSTUNREACH);
        SUPPORT_CHECK(state_of(&pair) == QS_PEER_DEAD && told_last() == QS_PEER_DEAD);
        SUPPORT_CHECK(hg_pair_counters(pair.origin.hg_class).timeouts == 0);
    }
    hg_pair_check_works(&pair);
    SUPPORT_CHECK(told_last() == QS_PEER_ALIVE);
    wire_pair_close(&pair);
}

/* --- the circuit breaker -------------------------------------------------------------------------------- */

static void call_nobody(struct hg_pair *pair, struct hg_pair_call *call)
{
    hg_pair_call_forward(call, NULL);
    HG_PAIR_RET(hg_pair_call_wait(call), HG_HOSTUNREACH);
    (void)pair;
}

/* Calls fail at once for so long, and one may try after it. */
static void expect_rest(struct hg_pair *pair, struct hg_pair_call *call, uint64_t rest_ms)
{
    uint64_t route_down = hg_pair_counters(pair->origin.hg_class).route_down;

    for (uint64_t ms = 0; ms < rest_ms; ms += WIRE_PAIR_STEP_MS) {
        HG_PAIR_RET(HG_Forward(call->handle, hg_pair_call_cb, call, NULL), HG_HOSTUNREACH);
        SUPPORT_CHECK(strstr(qs_error_detail(), "refused") != NULL);
        wire_pair_pass(pair, WIRE_PAIR_STEP_MS);
    }
    SUPPORT_CHECK(hg_pair_counters(pair->origin.hg_class).route_down == route_down);
}

static void breaker_spares_peers_that_refuse(void)
{
    static const uint64_t rests_ms[] = {10, 20, 40, 80, 160, 320, 640, 1280, 2000, 2000};
    struct hg_pair_call call = {0};
    struct hg_pair pair;
    hg_addr_t nobody;

    pair_open(&pair);
    call.pair = &pair;
    HG_PAIR_OK(HG_Addr_lookup2(pair.origin.hg_class, "wire://nobody", &nobody));
    watched = nobody;
    HG_PAIR_OK(HG_Create(pair.origin.contexts[0], nobody, pair.origin.ids[HG_PAIR_EMPTY], &call.handle));
    HG_PAIR_OK(qs_class_set_breaker(pair.origin.hg_class, 2000000));
    for (unsigned int i = 0; i < 5; i++) {
        SUPPORT_CHECK(qs_peer_state(pair.origin.hg_class, nobody) == QS_PEER_UNKNOWN);
        call_nobody(&pair, &call);
    }
    SUPPORT_CHECK(qs_peer_state(pair.origin.hg_class, nobody) == QS_PEER_REFUSING && told_last() == QS_PEER_REFUSING);
    for (unsigned int i = 0; i < sizeof(rests_ms) / sizeof(rests_ms[0]); i++) {
        expect_rest(&pair, &call, rests_ms[i]);
        call_nobody(&pair, &call);
    }
    /* Others are called meanwhile, and success closes it. */
    hg_pair_check_works(&pair);
    hg_pair_close_target(&pair);
    wire_pair_open_side(&pair, &pair.target, "wire://nobody", true);
    wire_pair_pass(&pair, 2000);
    hg_pair_call_forward(&call, NULL);
    HG_PAIR_OK(hg_pair_call_wait(&call));
    SUPPORT_CHECK(qs_peer_state(pair.origin.hg_class, nobody) == QS_PEER_ALIVE);
    HG_PAIR_OK(HG_Forward(call.handle, hg_pair_call_cb, &call, NULL));
    HG_PAIR_UNTIL(&pair, atomic_load(&call.calls) == 2);
    atomic_store(&call.calls, 0);
    HG_PAIR_OK(HG_Destroy(call.handle));
    HG_PAIR_OK(HG_Addr_free(pair.origin.hg_class, nobody));
    wire_pair_close(&pair);
}

/* A program that calls in a loop by HG_Forward() reaches its server as soon as that is there; qs_forward() rests. */
static void without_a_breaker_each_call_tries(void)
{
    struct hg_pair_call call = {0};
    struct hg_pair pair;
    hg_addr_t nobody;

    pair_open(&pair);
    call.pair = &pair;
    HG_PAIR_OK(HG_Addr_lookup2(pair.origin.hg_class, "wire://nobody", &nobody));
    HG_PAIR_OK(HG_Create(pair.origin.contexts[0], nobody, pair.origin.ids[HG_PAIR_EMPTY], &call.handle));
    for (unsigned int i = 0; i < 200; i++)
        call_nobody(&pair, &call);
    SUPPORT_CHECK(qs_peer_state(pair.origin.hg_class, nobody) == QS_PEER_REFUSING);
    HG_PAIR_RET(qs_forward(call.handle, hg_pair_call_cb, &call, NULL), HG_HOSTUNREACH);
    HG_PAIR_OK(qs_class_set_breaker(pair.origin.hg_class, 0));
    atomic_store(&call.calls, 0);
    HG_PAIR_OK(qs_forward(call.handle, hg_pair_call_cb, &call, NULL));
    HG_PAIR_RET(hg_pair_call_wait(&call), HG_HOSTUNREACH);
    hg_pair_close_target(&pair);
    wire_pair_open_side(&pair, &pair.target, "wire://nobody", true);
    hg_pair_call_forward(&call, NULL);
    HG_PAIR_OK(hg_pair_call_wait(&call));
    SUPPORT_CHECK(qs_peer_state(pair.origin.hg_class, nobody) == QS_PEER_ALIVE);
    HG_PAIR_OK(HG_Destroy(call.handle));
    HG_PAIR_OK(HG_Addr_free(pair.origin.hg_class, nobody));
    wire_pair_close(&pair);
}

static const struct support_case cases[] = {
    SUPPORT_CASE(idle_peers_are_left_alone),
    SUPPORT_CASE(silence_leads_to_pings_and_they_to_suspicion),
    SUPPORT_CASE(slow_handlers_make_nobody_suspect),
    SUPPORT_CASE(call_that_waits_for_the_hello_is_looked_after),
    SUPPORT_CASE(one_way_call_that_cannot_leave_is_looked_after),
    SUPPORT_CASE(traffic_needs_no_pings),
    SUPPORT_CASE(stall_of_ones_own_is_not_the_peers_silence),
    SUPPORT_CASE(interval_grows_with_the_round_trip),
    SUPPORT_CASE(settings_of_the_class_count),
    SUPPORT_CASE(silence_limit_ends_all_that_waits),
    SUPPORT_CASE(suspicion_alone_ends_nothing_and_time_outs_still_count),
    SUPPORT_CASE(target_looks_after_origins_that_it_pulls_from),
    SUPPORT_CASE(transfer_that_stands_still_has_quiet),
    SUPPORT_CASE(strangers_make_the_target_ask_for_old_origins),
    SUPPORT_CASE(successor_ends_the_calls_and_is_reached_by_the_same_address),
    SUPPORT_CASE(breaker_spares_peers_that_refuse),
    SUPPORT_CASE(without_a_breaker_each_call_tries),
    {NULL, NULL, 0},
};

int main(int argc, char **argv)
{
    static const struct support_case *const tables[] = {cases, NULL};

    return support_suite_main(argc, argv, tables, wire_pair_setup);
}
