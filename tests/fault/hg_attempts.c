/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Attempts of a call that runs at most once which meet each other at the target, and what becomes of the call, its memory and
 * what serves it when it ends between two of them.
 */
#include <string.h>

#include "hg/hg_cancel.h"
#include "hg/hg_context.h"
#include "hg/hg_frame.h"
#include "hg/hg_header.h"
#include "tests/support/wire_pair.h"

enum {
    LATE_MAX = 64,
    LATE_SIZE = 16384,
};

static struct hg_pair pair;

/* --- frames that come late --------------------------------------------------------------------------------- */

/* Frames with requests, kept back in the order in which they were sent, and the stranger who delivers them: over datagrams
 * nobody looks where a frame comes from. */
static struct {
    bool keeps;
    unsigned char bytes[LATE_MAX][LATE_SIZE];
    size_t sizes[LATE_MAX];
    unsigned int attempts[LATE_MAX];
    unsigned int count;
    struct na_class *na_class;
    struct na_context *context;
    struct na_route *route;
} late;

/* Of the first message of a frame; 0: it is no request that runs at most once. */
static unsigned int attempt_of(const unsigned char *data, size_t size)
{
    struct hg_header header;

    if (!wire_pair_first_header(data, size, &header))
        return 0;
    return header.type == HG_MESSAGE_REQUEST && (header.flags & HG_MESSAGE_SEQUENCED) != 0 ? header.attempt : 0;
}

static bool late_tap(unsigned char *data, size_t *size, size_t capacity)
{
    unsigned int attempt = late.keeps ? attempt_of(data, *size) : 0;

    (void)capacity;
    if (attempt == 0)
        return true;
    SUPPORT_CHECK(late.count < LATE_MAX && *size <= LATE_SIZE);
    memcpy(late.bytes[late.count], data, *size);
    late.sizes[late.count] = *size;
    late.attempts[late.count++] = attempt;
    return false;
}

static void late_frame(void *arg, struct na_route *route, const void *data, size_t size)
{
    (void)arg;
    (void)route;
    (void)data;
    (void)size;
}

static void late_down(void *arg, struct na_route *route, int error)
{
    (void)arg;
    (void)route;
    support_suite_fail("the stranger's route went down: %d", error);
}

static void late_up(void *arg, struct na_route *route)
{
    (void)arg;
    (void)route;
}

static void late_open(void)
{
    static const struct na_upcalls upcalls = {
        .frame = late_frame, .accept = late_up, .route_up = late_up, .route_down = late_down};
    const struct na_config config = {.uri = "wire://late"};

    memset(&late, 0, sizeof(late));
    SUPPORT_CHECK(na_class_open(&config, &late.na_class) == 0);
    SUPPORT_CHECK(na_context_open(late.na_class, 0, &upcalls, NULL, &late.context) == 0);
    SUPPORT_CHECK(na_route_open(late.context, "wire://target", 0, NULL, &late.route) == 0);
    late.keeps = true;
    fake_wire.tap = late_tap;
}

static void late_close(void)
{
    fake_wire.tap = NULL;
    na_route_close(late.route);
    na_context_close(late.context, 0);
    na_class_close(late.na_class);
}

/* Delivers the frame number @n of an attempt. */
static void late_deliver(unsigned int attempt, unsigned int n)
{
    unsigned int i = 0;
    struct na_frame *frame = na_frame_get(late.context);

    SUPPORT_CHECK(frame != NULL);
    for (; i < late.count && (late.attempts[i] != attempt || n > 0); i++)
        n -= late.attempts[i] == attempt;
    SUPPORT_CHECK(i < late.count);
    memcpy(frame->data, late.bytes[i], late.sizes[i]);
    frame->size = late.sizes[i];
    late.keeps = false;
    SUPPORT_CHECK(na_send(late.route, frame) == 0);
    late.keeps = true;
    (void)hg_pair_step_target(&pair);
}

static unsigned int late_frames_of(unsigned int attempt)
{
    unsigned int count = 0;

    for (unsigned int i = 0; i < late.count; i++)
        count += late.attempts[i] == attempt;
    return count;
}

/* --- the scene --------------------------------------------------------------------------------------------- */

/* Attempts of 50 ms, as many as are needed, and no long pauses. */
static const struct qs_retry patient = {.attempts_max = 10, .attempt_timeout_us = 50000, .pause_max_us = 1000};

static void open_pair(const struct qs_retry *retry)
{
    wire_pair_open(&pair);
    HG_PAIR_OK(
        qs_registered_set_method(pair.origin.hg_class, pair.origin.ids[HG_PAIR_HOLD], QS_METHOD_AT_MOST_ONCE, retry));
    hg_pair_check_works(&pair);
}

/* The call is answered, with its own input, in its attempt number @attempts and at once. */
static void finish(struct hg_pair_call *call, unsigned int attempts, uint64_t size)
{
    struct qs_result result;

    SUPPORT_CHECK(atomic_load(&pair.held_count) == 1);
    SUPPORT_CHECK(hg_pair_answer(&pair));
    for (unsigned int i = 0; i < 20; i++)
        hg_pair_turn(&pair);
    SUPPORT_CHECK(atomic_load(&call->calls) == 1 && call->ret == HG_SUCCESS);
    SUPPORT_CHECK(call->out.size == size && hg_pair_is_filled(call->out.data, size, 7));
    HG_PAIR_OK(qs_handle_get_result(call->handle, &result, sizeof(result)));
    SUPPORT_CHECK(result.attempts == attempts && result.outcome == QS_OUTCOME_EXECUTED);
    SUPPORT_CHECK(hg_pair_counters(pair.target.hg_class).bad_frames == 0);
    hg_pair_call_end(call);
}

/* --- overtaken ----------------------------------------------------------------------------------------------- */

static void start_late(struct hg_pair_call *call, unsigned char *bytes, uint64_t size)
{
    struct hg_pair_blob in = {.size = size, .data = bytes};

    fake_wire.no_connections = true;
    open_pair(&patient);
    late_open();
    hg_pair_fill(bytes, size, 7);
    hg_pair_call_begin(&pair, call, HG_PAIR_HOLD);
    call->read_blob = true;
    hg_pair_call_forward(call, &in);
    while (late_frames_of(2) == 0)
        wire_pair_pass(&pair, 10);
    for (unsigned int i = 0; i < 20; i++)
        hg_pair_turn(&pair);
}

/* The answer goes to the attempt that the origin waits for, whatever comes when. */
static void late_attempt_does_not_take_the_answer(void)
{
    static unsigned char bytes[100];
    struct hg_pair_call call;

    start_late(&call, bytes, sizeof(bytes));
    late_deliver(2, 0);
    SUPPORT_CHECK(atomic_load(&pair.held_count) == 1);
    late_deliver(2, 0); /* twice the same is no further attempt */
    late_deliver(1, 0);
    finish(&call, 2, sizeof(bytes));
    late_close();
    wire_pair_close(&pair);
}

static void late_pieces_do_not_throw_away_those_of_the_next_attempt(void)
{
    static unsigned char bytes[40000];
    struct hg_pair_call call;
    unsigned int pieces;

    start_late(&call, bytes, sizeof(bytes));
    pieces = late_frames_of(1);
    SUPPORT_CHECK(pieces > 2 && late_frames_of(2) == pieces);
    for (unsigned int i = 0; i < pieces; i++) {
        late_deliver(2, i);
        if (i + 1 < pieces)
            late_deliver(1, i);
    }
    finish(&call, 2, sizeof(bytes));
    late_close();
    wire_pair_close(&pair);
}

/* --- what serves a call ------------------------------------------------------------------------------------------ */

enum { MEMORY_SIZE = 200000 };

/* A call that shows memory to its target, and the handler that pushes into it when it is told to. */
static struct {
    unsigned char memory[MEMORY_SIZE];
    hg_bulk_t exposed;
    hg_handle_t handle;
    hg_id_t id;
    unsigned int ended;
    hg_return_t ret;

    hg_handle_t held;
    hg_bulk_t origin_bulk;
    hg_bulk_t local;
    bool pushing;
    hg_return_t push_ret;
} shown;

static hg_return_t shown_handler(hg_handle_t handle)
{
    hg_size_t size = MEMORY_SIZE;

    SUPPORT_CHECK(shown.held == HG_HANDLE_NULL);
    shown.held = handle;
    HG_PAIR_OK(HG_Get_input(handle, &shown.origin_bulk));
    HG_PAIR_OK(HG_Bulk_create(pair.target.hg_class, 1, NULL, &size, HG_BULK_READWRITE, &shown.local));
    return HG_SUCCESS;
}

static hg_return_t shown_pushed(const struct hg_cb_info *info)
{
    shown.pushing = false;
    shown.push_ret = info->ret;
    return HG_SUCCESS;
}

/* Begins a push that takes so many turns. */
static hg_return_t shown_push(unsigned int turns)
{
    hg_return_t ret;

    fake_wire.rma_delay = turns;
    ret = HG_Bulk_transfer(pair.target.contexts[0], shown_pushed, NULL, HG_BULK_PUSH, HG_Get_info(shown.held)->addr,
                           shown.origin_bulk, 0, shown.local, 0, MEMORY_SIZE, HG_OP_ID_IGNORE);
    shown.pushing = ret == HG_SUCCESS;
    return ret;
}

/* The memory is handed back. */
static hg_return_t shown_ended(const struct hg_cb_info *info)
{
    SUPPORT_CHECK(!shown.pushing);
    shown.ended++;
    shown.ret = info->ret;
    return HG_SUCCESS;
}

static void shown_start(const struct qs_retry *retry)
{
    hg_size_t size = MEMORY_SIZE;
    void *base = shown.memory;

    open_pair(retry);
    shown.id = hg_pair_register_both(&pair, "show", hg_proc_hg_bulk_t, NULL, shown_handler);
    HG_PAIR_OK(qs_registered_set_method(pair.origin.hg_class, shown.id, QS_METHOD_AT_MOST_ONCE, retry));
    HG_PAIR_OK(HG_Bulk_create(pair.origin.hg_class, 1, &base, &size, HG_BULK_READWRITE, &shown.exposed));
    HG_PAIR_OK(HG_Create(pair.origin.contexts[0], pair.addr, shown.id, &shown.handle));
    HG_PAIR_OK(HG_Forward(shown.handle, shown_ended, NULL, &shown.exposed));
    HG_PAIR_UNTIL(&pair, shown.held != HG_HANDLE_NULL);
}

/* The call ends as cancelled, when nothing is moved any more. */
static void shown_expect_cancelled(void)
{
    for (unsigned int i = 0; i < 600 && shown.ended == 0; i++)
        hg_pair_turn(&pair);
    SUPPORT_CHECK(shown.ended == 1 && shown.ret == HG_CANCELED);
    SUPPORT_CHECK(qs_handle_cancelled(shown.held));
    HG_PAIR_UNTIL(&pair, !shown.pushing);
}

static void shown_finish(void)
{
    HG_PAIR_OK(HG_Free_input(shown.held, &shown.origin_bulk));
    HG_PAIR_OK(HG_Bulk_free(shown.local));
    HG_PAIR_OK(HG_Destroy(shown.held));
    HG_PAIR_OK(HG_Destroy(shown.handle));
    HG_PAIR_OK(HG_Bulk_free(shown.exposed));
    wire_pair_close(&pair);
}

static void until_repeats(uint64_t count)
{
    while (hg_pair_counters(pair.target.hg_class).repeats < count)
        wire_pair_pass(&pair, 10);
}

/* A handler that a later attempt has joined is still the one that the first one began. */
static void transfer_of_a_repeated_call_ends_with_it(void)
{
    shown_start(&patient);
    until_repeats(1);
    HG_PAIR_OK(shown_push(40));
    HG_PAIR_OK(HG_Cancel(shown.handle));
    shown_expect_cancelled();
    SUPPORT_CHECK(shown.push_ret == HG_CANCELED);
    HG_PAIR_RET(shown_push(40), HG_CANCELED);
    shown_finish();
}

static void transfer_from_before_the_repetition_ends_with_the_call(void)
{
    shown_start(&patient);
    HG_PAIR_OK(shown_push(400));
    until_repeats(2);
    SUPPORT_CHECK(shown.pushing);
    HG_PAIR_OK(HG_Cancel(shown.handle));
    shown_expect_cancelled();
    shown_finish();
}

/* A call of the target to itself, which nobody answers. */
static hg_return_t child_ended(const struct hg_cb_info *info)
{
    *(hg_return_t *)info->arg = info->ret;
    return HG_SUCCESS;
}

static void calls_of_a_repeated_call_end_with_it(void)
{
    hg_return_t rets[2] = {HG_BUSY, HG_BUSY};
    struct hg_pair_blob in = {0};
    hg_handle_t children[2];
    hg_addr_t self;

    shown_start(&patient);
    HG_PAIR_OK(HG_Addr_self(pair.target.hg_class, &self));
    for (unsigned int i = 0; i < 2; i++)
        HG_PAIR_OK(HG_Create(pair.target.contexts[0], self, pair.target.ids[HG_PAIR_HOLD], &children[i]));
    HG_PAIR_OK(qs_handle_set_parent(children[0], shown.held));
    until_repeats(1);
    HG_PAIR_OK(qs_handle_set_parent(children[1], shown.held));
    for (unsigned int i = 0; i < 2; i++)
        HG_PAIR_OK(HG_Forward(children[i], child_ended, &rets[i], &in));
    HG_PAIR_OK(HG_Cancel(shown.handle));
    shown_expect_cancelled();
    for (unsigned int i = 0; i < 2; i++) {
        HG_PAIR_UNTIL(&pair, rets[i] != HG_BUSY);
        SUPPORT_CHECK(rets[i] == HG_CANCELED);
        HG_PAIR_OK(HG_Destroy(children[i]));
    }
    HG_PAIR_OK(HG_Addr_free(pair.target.hg_class, self));
    shown_finish();
}

/* --- the end between two attempts --------------------------------------------------------------------------------- */

/* An attempt of 50 ms, and a pause that is over on no day of this test. */
static const struct qs_retry pausing = {
    .attempts_max = 10, .attempt_timeout_us = 50000, .pause_us = 1000000000000, .pause_max_us = 1000000000000};

/* What runs for an attempt that was given up is told, and the memory is handed back when it has let go. */
static void cancel_in_the_pause_reaches_what_runs(void)
{
    shown_start(&pausing);
    HG_PAIR_OK(shown_push(400));
    wire_pair_pass(&pair, 60);
    SUPPORT_CHECK(shown.pushing && shown.ended == 0);
    HG_PAIR_OK(HG_Cancel(shown.handle));
    SUPPORT_CHECK(shown.ended == 0);
    shown_expect_cancelled();
    SUPPORT_CHECK(shown.push_ret == HG_CANCELED);
    HG_PAIR_RET(shown_push(1), HG_CANCELED);
    shown_finish();
}

static void cancel_before_the_next_attempt_has_left_reaches_what_runs(void)
{
    shown_start(&patient);
    HG_PAIR_OK(shown_push(400));
    while (hg_pair_counters(pair.origin.hg_class).retries == 0) {
        fake_wire.refuse = 100;
        wire_pair_pass(&pair, 10);
    }
    SUPPORT_CHECK(shown.pushing && hg_pair_counters(pair.target.hg_class).repeats == 0);
    HG_PAIR_OK(HG_Cancel(shown.handle));
    fake_wire.refuse = 0;
    shown_expect_cancelled();
    SUPPORT_CHECK(shown.push_ret == HG_CANCELED);
    shown_finish();
}

/* The grace counts here as anywhere. */
static void grace_ends_the_wait_for_an_attempt_that_was_given_up(void)
{
    shown_start(&pausing);
    wire_pair_pass(&pair, 60);
    pair.options.silent_target = true;
    HG_PAIR_OK(HG_Cancel(shown.handle));
    wire_pair_pass(&pair, 240);
    SUPPORT_CHECK(shown.ended == 0);
    wire_pair_pass(&pair, 20);
    SUPPORT_CHECK(shown.ended == 1 && shown.ret == HG_CANCELED);
    pair.options.silent_target = false;
    HG_PAIR_UNTIL(&pair, qs_handle_cancelled(shown.held));
    shown_finish();
}

/* --- a target that stops ------------------------------------------------------------------------------------------ */

/* What it has taken is answered, to whichever attempt asks; what it has not taken does not run, whatever its attempt. */
static void target_that_stops_answers_repetitions(void)
{
    static unsigned char bytes[100];
    struct hg_pair_blob in = {.size = sizeof(bytes), .data = bytes};
    struct hg_pair_call call;
    struct hg_pair_call next;

    open_pair(&patient);
    hg_pair_fill(bytes, sizeof(bytes), 7);
    hg_pair_call_begin(&pair, &call, HG_PAIR_HOLD);
    call.read_blob = true;
    hg_pair_call_forward(&call, &in);
    HG_PAIR_UNTIL(&pair, atomic_load(&pair.held_count) == 1);
    fake_wire.drop = 100;
    hg_pair_call_start(&pair, &next, HG_PAIR_HOLD, &in);
    wire_pair_pass(&pair, 10);
    fake_wire.drop = 0;
    HG_PAIR_OK(qs_class_stop(pair.target.hg_class));
    until_repeats(1);
    finish(&call, 2, sizeof(bytes));
    HG_PAIR_UNTIL(&pair, (wire_pair_pass(&pair, 10), atomic_load(&next.calls) == 1));
    SUPPORT_CHECK(atomic_load(&pair.held_count) == 0);
    HG_PAIR_FINISH(&next, HG_HOSTUNREACH);
    SUPPORT_CHECK(qs_class_drained(pair.target.hg_class));
    wire_pair_close(&pair);
}

/* A request that is still coming when the class does not want to serve any more does not run. */
static void request_that_comes_too_late_for_the_drain_does_not_run(void)
{
    static unsigned char bytes[300000];
    struct hg_pair_blob in = {.size = sizeof(bytes), .data = bytes};
    struct hg_pair_call call;

    open_pair(&patient);
    fake_wire.rma_delay = 50;
    hg_pair_call_start(&pair, &call, HG_PAIR_ECHO, &in);
    HG_PAIR_UNTIL(&pair, hg_pair_counters(pair.target.hg_class).rpc_req_recv == 2); /* and is being pulled */
    HG_PAIR_OK(qs_class_stop(pair.target.hg_class));
    util_lock_take(&pair.target.contexts[0]->lock);
    hg_cancel_all_locked(pair.target.contexts[0]); /* as at the end of the time of qs_class_drain() */
    util_lock_drop(&pair.target.contexts[0]->lock);
    HG_PAIR_FINISH(&call, HG_CANCELED);
    SUPPORT_CHECK(atomic_load(&pair.echoed) == 1);
    SUPPORT_CHECK(hg_pair_counters(pair.target.hg_class).cancelled == 1);
    wire_pair_close(&pair);
}

/* --- what is said of them ------------------------------------------------------------------------------------------ */

/* A call that is refused, and then cancelled in its pause. */
static void expect_refused(const struct qs_retry *retry)
{
    struct hg_pair_blob in = {0};
    struct hg_pair_call holding;
    struct hg_pair_call call;
    struct qs_result result;

    open_pair(retry);
    HG_PAIR_OK(qs_class_set_admission(pair.target.hg_class, &(struct qs_admission){.requests_max = 1}));
    hg_pair_call_start(&pair, &holding, HG_PAIR_HOLD, &in);
    HG_PAIR_UNTIL(&pair, atomic_load(&pair.held_count) == 1);
    hg_pair_call_start(&pair, &call, HG_PAIR_HOLD, &in);
    HG_PAIR_UNTIL(&pair, hg_pair_counters(pair.target.hg_class).shed == 1);
    hg_pair_alternate(&pair, 10);
    SUPPORT_CHECK(atomic_load(&call.calls) == 0);
    HG_PAIR_OK(HG_Cancel(call.handle));
    HG_PAIR_RET(hg_pair_call_wait(&call), HG_CANCELED);
    HG_PAIR_OK(qs_handle_get_result(call.handle, &result, sizeof(result)));
    SUPPORT_CHECK(result.outcome == QS_OUTCOME_NOT_EXECUTED && result.attempts == 1);
    hg_pair_call_end(&call);
    SUPPORT_CHECK(hg_pair_answer(&pair));
    HG_PAIR_FINISH(&holding, HG_SUCCESS);
    wire_pair_close(&pair);
}

static void refused_call_has_been_sent(void)
{
    expect_refused(&pausing);
}

static void pauses_of_any_length_can_be_asked_for(void)
{
    static const uint64_t lengths[] = {UINT64_MAX, UINT64_MAX - 1, UINT64_C(1) << 63, UINT64_MAX / 1000};

    for (unsigned int i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        expect_refused(&(struct qs_retry){.attempts_max = 3, .pause_us = lengths[i], .pause_max_us = lengths[i]});
        wire_pair_setup();
    }
}

/* Pieces alone run nothing, so that a call which must not run twice can be sent again. */
static void attempt_that_left_in_part_is_repeated(void)
{
    static unsigned char bytes[40000];
    struct hg_pair_blob in = {.size = sizeof(bytes), .data = bytes};
    struct hg_pair_call call;

    open_pair(&patient);
    HG_PAIR_OK(qs_registered_set_method(pair.origin.hg_class, pair.origin.ids[HG_PAIR_ECHO], QS_METHOD_ONCE, &patient));
    fake_wire.frames_max = 2; /* the pieces wait for frames */
    fake_wire.refuse = 100;
    hg_pair_call_start(&pair, &call, HG_PAIR_ECHO, &in);
    while (hg_pair_counters(pair.origin.hg_class).retries == 0 && atomic_load(&call.calls) == 0)
        wire_pair_pass(&pair, 10);
    SUPPORT_CHECK(atomic_load(&call.calls) == 0);
    fake_wire.frames_max = 0;
    fake_wire.refuse = 0;
    HG_PAIR_FINISH(&call, HG_SUCCESS);
    SUPPORT_CHECK(atomic_load(&pair.echoed) == 2);
    wire_pair_close(&pair);
}

static const struct support_case attempt_cases[] = {
    SUPPORT_CASE(late_attempt_does_not_take_the_answer),
    SUPPORT_CASE(late_pieces_do_not_throw_away_those_of_the_next_attempt),
    SUPPORT_CASE(transfer_of_a_repeated_call_ends_with_it),
    SUPPORT_CASE(transfer_from_before_the_repetition_ends_with_the_call),
    SUPPORT_CASE(calls_of_a_repeated_call_end_with_it),
    SUPPORT_CASE(cancel_in_the_pause_reaches_what_runs),
    SUPPORT_CASE(cancel_before_the_next_attempt_has_left_reaches_what_runs),
    SUPPORT_CASE(grace_ends_the_wait_for_an_attempt_that_was_given_up),
    SUPPORT_CASE(target_that_stops_answers_repetitions),
    SUPPORT_CASE(request_that_comes_too_late_for_the_drain_does_not_run),
    SUPPORT_CASE(refused_call_has_been_sent),
    SUPPORT_CASE(pauses_of_any_length_can_be_asked_for),
    SUPPORT_CASE(attempt_that_left_in_part_is_repeated),
    {NULL, NULL, 0},
};

int main(int argc, char **argv)
{
    static const struct support_case *const tables[] = {attempt_cases, NULL};

    return support_suite_main(argc, argv, tables, wire_pair_setup);
}
