/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Calls that are repeated, over a network whose connections are cut: what must run once runs once, whenever that
 * happens. Time is simulated: each turn takes a millisecond.
 */
#include <stdio.h>
#include <string.h>

#include "hg/hg_class.h"
#include "hg/hg_context.h"
#include "hg/hg_retry.h"
#include "tests/support/fake_wire.h"
#include "tests/support/hg_pair.h"
#include "util/util_clock.h"

enum { CALLS = 600 };

static uint64_t now_ns;

static uint64_t simulated_clock(void)
{
    return now_ns;
}

/* --- the scene --------------------------------------------------------------------------------------------- */

/* A target whose handlers count, and answer when they are told to. */
static struct {
    hg_class_t *hg_class;
    hg_context_t *context;
    bool holds; /* handlers do not answer */
    unsigned int executed[CALLS];
    hg_handle_t held[CALLS];
    uint32_t answer_size;  /* bytes of each answer */
    uint64_t identity;     /* of the records that outlive it; 0: there are none */
    unsigned int recalled; /* times that a handler found in them what it was to do */
} target;

struct once_call {
    hg_handle_t handle;
    unsigned int ended;
    hg_return_t ret;
    struct qs_result result;
    char detail[256];
    bool right; /* the answer is its own */
};

static struct {
    hg_class_t *hg_class;
    hg_context_t *context;
    hg_addr_t addr;
    hg_id_t id;
    struct once_call calls[CALLS];
    uint32_t index[CALLS];
} origin;

/* An answer: the number of the call, and bytes that follow from it. */
struct answer {
    uint32_t number;
    struct hg_pair_blob blob;
};

static hg_return_t proc_answer(hg_proc_t proc, void *data)
{
    struct answer *answer = data;
    hg_return_t ret = hg_proc_uint32_t(proc, &answer->number);

    return ret == HG_SUCCESS ? hg_pair_proc_blob(proc, &answer->blob) : ret;
}

static void answer_one(uint32_t number)
{
    static unsigned char bytes[200000];
    struct answer answer = {.number = number, .blob = {.size = target.answer_size, .data = bytes}};
    hg_handle_t handle = target.held[number];

    target.held[number] = HG_HANDLE_NULL;
    hg_pair_fill(bytes, target.answer_size, number);
    HG_PAIR_OK(HG_Respond(handle, NULL, NULL, &answer));
    HG_PAIR_OK(HG_Destroy(handle));
}

/* The service's own records are the counts, which outlive its class here: whether they say that the request has run. */
static bool count_recalls(hg_handle_t handle, uint32_t number)
{
    struct qs_record record;

    if (target.identity == 0)
        return false;
    HG_PAIR_OK(qs_handle_get_record(handle, &record, sizeof(record)));
    SUPPORT_CHECK(record.origin != 0 && record.sequence >= record.first_needed && record.first_needed > 0);
    return record.may_have_run && target.executed[number] > 0;
}

static hg_return_t count_handler(hg_handle_t handle)
{
    uint32_t number;

    HG_PAIR_OK(HG_Get_input(handle, &number));
    HG_PAIR_OK(HG_Free_input(handle, &number));
    SUPPORT_CHECK(number < CALLS);
    if (count_recalls(handle, number))
        target.recalled++;
    else
        target.executed[number]++;
    if (target.held[number] != HG_HANDLE_NULL) { /* an earlier attempt: nobody waits for it any more */
        SUPPORT_CHECK(qs_handle_cancelled(target.held[number]));
        HG_PAIR_OK(HG_Destroy(target.held[number]));
    }
    target.held[number] = handle;
    if (!target.holds)
        answer_one(number);
    return HG_SUCCESS;
}

static hg_class_t *open_class(const char *uri, bool listen, uint64_t identity, hg_context_t **context)
{
    struct hg_init_info init = HG_INIT_INFO_INITIALIZER;
    hg_class_t *hg_class;

    init.na_init_info.thread_mode = NA_THREAD_MODE_SINGLE;
    hg_class = HG_Init_opt2(uri, listen, HG_VERSION(HG_VERSION_MAJOR, HG_VERSION_MINOR), &init);
    SUPPORT_CHECK(hg_class != NULL);
    if (identity != 0)
        HG_PAIR_OK(qs_class_set_durable_records(hg_class, identity));
    *context = HG_Context_create(hg_class);
    SUPPORT_CHECK(*context != NULL);
    return hg_class;
}

static void open_target(void)
{
    target.hg_class = open_class("wire://target", true, target.identity, &target.context);
    SUPPORT_CHECK(HG_Register_name(target.hg_class, "count", hg_proc_uint32_t, proc_answer, count_handler) != 0);
}

static void close_target(void)
{
    for (uint32_t i = 0; i < CALLS; i++)
        if (target.held[i] != HG_HANDLE_NULL)
            answer_one(i);
    HG_PAIR_OK(HG_Context_destroy(target.context));
    HG_PAIR_OK(HG_Finalize(target.hg_class));
}

static void open_origin(enum qs_method method, const struct qs_retry *retry)
{
    memset(&origin, 0, sizeof(origin));
    util_clock_replace(simulated_clock);
    origin.hg_class = open_class("wire://origin", false, 0, &origin.context);
    origin.id = HG_Register_name(origin.hg_class, "count", hg_proc_uint32_t, proc_answer, NULL);
    HG_PAIR_OK(qs_registered_set_method(origin.hg_class, origin.id, method, retry));
    HG_PAIR_OK(HG_Addr_lookup2(origin.hg_class, "wire://target", &origin.addr));
}

static void close_origin(void)
{
    for (uint32_t i = 0; i < CALLS; i++)
        HG_PAIR_OK(HG_Destroy(origin.calls[i].handle));
    HG_PAIR_OK(HG_Addr_free(origin.hg_class, origin.addr));
    HG_PAIR_OK(HG_Context_destroy(origin.context));
    HG_PAIR_OK(HG_Finalize(origin.hg_class));
    util_clock_replace(NULL);
}

static void open_both(enum qs_method method, const struct qs_retry *retry)
{
    memset(&target, 0, sizeof(target));
    open_origin(method, retry);
    open_target();
}

static void close_both(void)
{
    close_origin();
    util_clock_replace(simulated_clock);
    close_target();
    util_clock_replace(NULL);
    SUPPORT_CHECK(fake_wire.routes == 0 && fake_wire.contexts == 0);
    SUPPORT_CHECK(fake_wire.frames_out == 0 && fake_wire.mems == 0);
}

static void once_setup(void)
{
    fake_wire_reset(support_seed());
    HG_Set_log_level("none");
    now_ns = UTIL_CLOCK_NS_PER_S;
}

static void turn(void)
{
    if (target.context != NULL)
        (void)hg_pair_step(target.context);
    (void)hg_pair_step(origin.context);
    now_ns += UTIL_CLOCK_NS_PER_MS;
}

/* A turn, of which there cannot be any number. */
static void patient_turn(unsigned int *turns)
{
    SUPPORT_CHECK(++*turns < 20000);
    turn();
}

#define UNTIL(condition)                             \
    for (unsigned int once_turns = 0; !(condition);) \
    patient_turn(&once_turns)

static hg_return_t call_ended(const struct hg_cb_info *info)
{
    struct once_call *call = info->arg;
    struct answer answer = {0};

    call->ended++;
    call->ret = info->ret;
    HG_PAIR_OK(qs_handle_get_result(call->handle, &call->result, sizeof(call->result)));
    (void)snprintf(call->detail, sizeof(call->detail), "%s", call->result.detail);
    if (info->ret != HG_SUCCESS)
        return HG_SUCCESS;
    HG_PAIR_OK(HG_Get_output(call->handle, &answer));
    call->right = answer.number == (uint32_t)(call - origin.calls) &&
                  hg_pair_is_filled(answer.blob.data, answer.blob.size, answer.number);
    HG_PAIR_OK(HG_Free_output(call->handle, &answer));
    return HG_SUCCESS;
}

static struct once_call *call_begin(uint32_t number)
{
    struct once_call *call = &origin.calls[number];

    HG_PAIR_OK(HG_Create(origin.context, origin.addr, origin.id, &call->handle));
    return call;
}

static void call_forward(uint32_t number)
{
    HG_PAIR_OK(HG_Forward(origin.calls[number].handle, call_ended, &origin.calls[number], &number));
}

static struct once_call *call_start(uint32_t number)
{
    struct once_call *call = call_begin(number);

    call_forward(number);
    return call;
}

/* Waits for the end of a call, and checks it. */
static void expect(struct once_call *call, hg_return_t ret, enum qs_outcome outcome, unsigned int attempts,
                   unsigned int executed)
{
    uint32_t number = (uint32_t)(call - origin.calls);

    UNTIL(call->ended > 0);
    if (call->ret != ret || call->result.outcome != outcome || call->result.attempts != attempts ||
        target.executed[number] != executed)
        fprintf(stderr, "not as expected: %s; %u attempts, executed %u times\n", call->detail, call->result.attempts,
                target.executed[number]);
    SUPPORT_CHECK(call->ended == 1 && call->ret == ret && call->result.outcome == outcome);
    SUPPORT_CHECK(call->result.attempts == attempts && target.executed[number] == executed);
    SUPPORT_CHECK(ret != HG_SUCCESS || call->right);
}

/* The connections end, and with them all that is on its way. */
static void cut(void)
{
    fake_wire_cut("wire://target");
}

/* Call 0 is executed and answered, and the answer is lost with its connection. */
static struct once_call *lose_the_answer_of(uint32_t number)
{
    struct once_call *call = call_start(number);

    target.holds = true;
    UNTIL(target.executed[number] == 1);
    fake_wire.drop = 100;
    answer_one(number);
    fake_wire.drop = 0;
    target.holds = false;
    cut();
    return call;
}

static struct once_call *lose_the_answer(void)
{
    return lose_the_answer_of(0);
}

/* --- what is repeated ---------------------------------------------------------------------------------------- */

static void lost_answer_is_given_again(void)
{
    struct once_call *call;

    open_both(QS_METHOD_AT_MOST_ONCE, NULL);
    call = lose_the_answer();
    expect(call, HG_SUCCESS, QS_OUTCOME_EXECUTED, 2, 1);
    SUPPORT_CHECK(strstr(call->detail, "2 attempts") != NULL);
    SUPPORT_CHECK(hg_pair_counters(origin.hg_class).retries == 1);
    SUPPORT_CHECK(hg_pair_counters(target.hg_class).repeats == 1);
    close_both();
}

static void lost_answers_of_all_sizes_are_given_again(void)
{
    static const uint32_t sizes[] = {0, 100, 5000, 20000, 60000};

    for (unsigned int i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        open_both(QS_METHOD_AT_MOST_ONCE, NULL);
        target.answer_size = sizes[i];
        expect(lose_the_answer(), HG_SUCCESS, QS_OUTCOME_EXECUTED, 2, 1);
        close_both();
    }
}

/* The memory of an answer serves the next ones, and no more of it is held than small ones need. */
static void answers_take_the_places_of_others(void)
{
    static const uint32_t sizes[] = {10, 300, 0, 100, 5000, 200, 10};
    uint32_t number;

    open_both(QS_METHOD_AT_MOST_ONCE, NULL);
    HG_PAIR_OK(qs_class_set_retry_budget(origin.hg_class, 100, 1000));
    for (number = 0; number < 40; number++) {
        target.answer_size = sizes[number % (sizeof(sizes) / sizeof(sizes[0]))];
        expect(lose_the_answer_of(number), HG_SUCCESS, QS_OUTCOME_EXECUTED, 2, 1);
    }
    target.answer_size = 0;
    expect(call_start(number), HG_SUCCESS, QS_OUTCOME_EXECUTED, 1, 1);
    SUPPORT_CHECK(target.hg_class->once.bytes <= 8U * 256U);
    close_both();
}

static void answer_too_large_to_keep_is_known_to_be_lost(void)
{
    open_both(QS_METHOD_AT_MOST_ONCE, NULL);
    target.answer_size = 150000;
    expect(lose_the_answer(), HG_NOMEM, QS_OUTCOME_EXECUTED, 2, 1);
    close_both();
}

static void running_handler_answers_the_next_attempt(void)
{
    struct once_call *call;

    open_both(QS_METHOD_AT_MOST_ONCE, NULL);
    target.holds = true;
    call = call_start(0);
    for (unsigned int i = 0; i < 2; i++) {
        UNTIL(target.executed[0] == 1 && hg_pair_counters(target.hg_class).repeats == i);
        cut();
    }
    UNTIL(hg_pair_counters(target.hg_class).repeats == 2);
    SUPPORT_CHECK(!qs_handle_cancelled(target.held[0]));
    answer_one(0);
    expect(call, HG_SUCCESS, QS_OUTCOME_EXECUTED, 3, 1);
    close_both();
}

static void answer_without_a_connection_waits_for_the_next_attempt(void)
{
    const struct qs_retry slow = {.pause_us = 1000000, .attempts_max = 5};
    struct once_call *call;

    open_both(QS_METHOD_AT_MOST_ONCE, &slow);
    target.holds = true;
    call = call_start(0);
    UNTIL(target.executed[0] == 1);
    cut();
    (void)hg_pair_step(target.context); /* which learns of it, and answers nobody */
    answer_one(0);
    expect(call, HG_SUCCESS, QS_OUTCOME_EXECUTED, 2, 1);
    close_both();
}

static void idempotent_call_runs_again(void)
{
    open_both(QS_METHOD_IDEMPOTENT, NULL);
    expect(lose_the_answer(), HG_SUCCESS, QS_OUTCOME_EXECUTED, 2, 2);
    close_both();
}

static void call_without_a_method_is_tried_once(void)
{
    const struct qs_retry many = {.attempts_max = 10};

    open_both(QS_METHOD_ONCE, NULL);
    expect(lose_the_answer(), HG_HOSTUNREACH, QS_OUTCOME_UNKNOWN, 1, 1);
    close_both();
    open_both(QS_METHOD_ONCE, &many);
    expect(lose_the_answer(), HG_HOSTUNREACH, QS_OUTCOME_UNKNOWN, 1, 1);
    close_both();
}

/* The connection ends when only the answer to the hello has come. */
static void call_that_was_not_sent_is_sent_later(void)
{
    const struct qs_retry many = {.attempts_max = 50, .pause_max_us = 20000};
    static const enum qs_method methods[] = {QS_METHOD_ONCE, QS_METHOD_IDEMPOTENT, QS_METHOD_AT_MOST_ONCE};

    for (unsigned int i = 0; i < 3; i++) {
        struct once_call *call;

        memset(&target, 0, sizeof(target));
        open_origin(methods[i], &many);
        call = call_start(0);
        for (unsigned int turns = 0; turns < 30; turns++)
            turn();
        SUPPORT_CHECK(call->ended == 0 && hg_pair_counters(origin.hg_class).retries > 0);
        open_target();
        UNTIL(call->ended > 0);
        expect(call, HG_SUCCESS, QS_OUTCOME_EXECUTED, call->result.attempts, 1);
        SUPPORT_CHECK(call->result.attempts > 1);
        close_both();
    }
}

/* --- what is not ----------------------------------------------------------------------------------------------- */

static void attempts_have_an_end(void)
{
    const struct qs_retry four = {.attempts_max = 4};
    struct once_call *call;

    memset(&target, 0, sizeof(target));
    open_origin(QS_METHOD_IDEMPOTENT, &four);
    call = call_start(0);
    expect(call, HG_HOSTUNREACH, QS_OUTCOME_NOT_SENT, 4, 0);
    SUPPORT_CHECK(strstr(call->detail, "after 4 attempts") != NULL);
    /* The handle's word counts more than the RPC's. */
    HG_PAIR_OK(qs_handle_set_retry(call->handle, &(struct qs_retry){.attempts_max = 2}));
    call->ended = 0;
    call_forward(0);
    expect(call, HG_HOSTUNREACH, QS_OUTCOME_NOT_SENT, 2, 0);
    close_origin();
}

static void time_limit_ends_the_attempts(void)
{
    const struct qs_retry many = {.attempts_max = 1000, .pause_max_us = 20000};
    uint64_t begin_ns;
    struct once_call *call;

    memset(&target, 0, sizeof(target));
    open_origin(QS_METHOD_IDEMPOTENT, &many);
    call = call_begin(0);
    HG_PAIR_OK(qs_handle_set_timeout(call->handle, 200000));
    begin_ns = now_ns;
    call_forward(0);
    UNTIL(call->ended > 0);
    SUPPORT_CHECK(call->result.outcome == QS_OUTCOME_NOT_SENT && call->result.attempts > 1);
    SUPPORT_CHECK(now_ns - begin_ns <= 205 * UTIL_CLOCK_NS_PER_MS);
    close_origin();
}

static void call_between_two_attempts_can_be_cancelled(void)
{
    const struct qs_retry slow = {.attempts_max = 10, .pause_us = 1000000, .pause_max_us = 100000000};
    struct once_call *call;

    open_both(QS_METHOD_AT_MOST_ONCE, &slow);
    call = lose_the_answer();
    (void)hg_pair_step(origin.context);
    SUPPORT_CHECK(call->ended == 0);
    HG_PAIR_OK(HG_Cancel(call->handle));
    expect(call, HG_CANCELED, QS_OUTCOME_UNKNOWN, 1, 1);
    /* And one when the context goes. */
    call = call_start(1);
    target.holds = true;
    UNTIL(target.executed[1] == 1);
    cut();
    (void)hg_pair_step(origin.context);
    SUPPORT_CHECK(call->ended == 0);
    HG_PAIR_RET(HG_Context_destroy(origin.context), HG_BUSY); /* handles are open */
    SUPPORT_CHECK(call->ended == 1 && call->ret == HG_CANCELED);
    SUPPORT_CHECK(call->result.outcome == QS_OUTCOME_UNKNOWN);
    close_both();
}

static void restarted_target_does_not_run_what_its_predecessor_may_have(void)
{
    hg_class_t *dead;
    hg_context_t *dead_context;
    struct once_call *call;

    open_both(QS_METHOD_AT_MOST_ONCE, NULL);
    target.holds = true;
    call = call_start(0);
    UNTIL(target.executed[0] == 1);
    fake_wire_kill("wire://target");
    dead = target.hg_class;
    dead_context = target.context;
    HG_PAIR_OK(HG_Destroy(target.held[0]));
    target.held[0] = HG_HANDLE_NULL;
    target.holds = false;
    open_target();
    expect(call, HG_HOSTUNREACH, QS_OUTCOME_UNKNOWN, 2, 1);
    SUPPORT_CHECK(strstr(call->detail, "restarted") != NULL);
    /* New calls are the successor's. */
    expect(call_start(1), HG_SUCCESS, QS_OUTCOME_EXECUTED, 1, 1);
    HG_PAIR_OK(HG_Context_destroy(dead_context));
    HG_PAIR_OK(HG_Finalize(dead));
    close_both();
}

static void open_durable(void)
{
    memset(&target, 0, sizeof(target));
    target.identity = 77;
    open_origin(QS_METHOD_AT_MOST_ONCE, NULL);
    open_target();
}

/* Kills the target, whose handler for the call runs, and starts another one in its place. */
static void restart_target(uint32_t number, uint64_t identity)
{
    hg_class_t *dead = target.hg_class;
    hg_context_t *dead_context = target.context;

    fake_wire_kill("wire://target");
    if (target.held[number] != HG_HANDLE_NULL)
        HG_PAIR_OK(HG_Destroy(target.held[number]));
    target.held[number] = HG_HANDLE_NULL;
    target.holds = false;
    target.identity = identity;
    HG_PAIR_OK(HG_Context_destroy(dead_context));
    HG_PAIR_OK(HG_Finalize(dead));
    open_target();
}

static void service_with_records_answers_after_its_restart(void)
{
    struct once_call *call;

    open_durable();
    target.holds = true;
    call = call_start(0);
    UNTIL(target.executed[0] == 1);
    restart_target(0, 77);
    expect(call, HG_SUCCESS, QS_OUTCOME_EXECUTED, 2, 1);
    SUPPORT_CHECK(target.recalled == 1);
    /* New calls are no repetitions, and what the new life has seen it answers from the library's records. */
    expect(call_start(1), HG_SUCCESS, QS_OUTCOME_EXECUTED, 1, 1);
    SUPPORT_CHECK(target.recalled == 1);
    call = lose_the_answer_of(2);
    expect(call, HG_SUCCESS, QS_OUTCOME_EXECUTED, 2, 1);
    SUPPORT_CHECK(target.recalled == 1);
    close_both();
}

/* A handler that had not committed when it died has not run. */
static void service_with_records_runs_what_is_not_in_them(void)
{
    struct once_call *call;

    open_durable();
    target.holds = true;
    call = call_start(0);
    UNTIL(target.executed[0] == 1);
    target.executed[0] = 0;
    restart_target(0, 77);
    expect(call, HG_SUCCESS, QS_OUTCOME_EXECUTED, 2, 1);
    SUPPORT_CHECK(target.recalled == 0);
    close_both();
}

static void records_of_another_name_are_not_asked(void)
{
    struct once_call *call;

    open_durable();
    target.holds = true;
    call = call_start(0);
    UNTIL(target.executed[0] == 1);
    restart_target(0, 78);
    expect(call, HG_HOSTUNREACH, QS_OUTCOME_UNKNOWN, 2, 1);
    target.holds = true;
    call = call_start(1);
    UNTIL(target.executed[1] == 1);
    restart_target(1, 0);
    expect(call, HG_HOSTUNREACH, QS_OUTCOME_UNKNOWN, 2, 1);
    SUPPORT_CHECK(target.recalled == 0);
    HG_PAIR_RET(qs_class_set_durable_records(NULL, 1), HG_INVALID_ARG);
    HG_PAIR_RET(qs_class_set_durable_records(target.hg_class, 0), HG_INVALID_ARG);
    HG_PAIR_RET(qs_class_set_durable_records(target.hg_class, 79), HG_INVALID_ARG); /* it has a context */
    close_both();
}

/* Forgotten records are not new calls. */
static void target_that_has_forgotten_refuses(void)
{
    hg_context_t *other_context;
    hg_class_t *other;
    struct once_call *call;
    hg_handle_t handle;
    hg_addr_t addr;
    uint32_t number = 7;
    hg_id_t id;

    open_both(QS_METHOD_AT_MOST_ONCE, &(struct qs_retry){.pause_us = 1000000, .attempts_max = 5});
    target.hg_class->once.origins_max = 1;
    call = lose_the_answer();
    (void)hg_pair_step(origin.context);
    SUPPORT_CHECK(call->ended == 0);
    /* Another origin takes the only place. */
    other = open_class("wire://other", false, 0, &other_context);
    id = HG_Register_name(other, "count", hg_proc_uint32_t, proc_answer, NULL);
    HG_PAIR_OK(qs_registered_set_method(other, id, QS_METHOD_AT_MOST_ONCE, NULL));
    HG_PAIR_OK(HG_Addr_lookup2(other, "wire://target", &addr));
    HG_PAIR_OK(HG_Create(other_context, addr, id, &handle));
    HG_PAIR_OK(HG_Forward(handle, NULL, NULL, &number));
    for (unsigned int i = 0; i < 20; i++) {
        (void)hg_pair_step(other_context);
        (void)hg_pair_step(target.context);
    }
    SUPPORT_CHECK(target.executed[7] == 1);
    expect(call, HG_NODEV, QS_OUTCOME_UNKNOWN, 2, 1);
    HG_PAIR_OK(HG_Destroy(handle));
    HG_PAIR_OK(HG_Addr_free(other, addr));
    HG_PAIR_OK(HG_Context_destroy(other_context));
    HG_PAIR_OK(HG_Finalize(other));
    close_both();
}

static void answers_beyond_the_bound_are_dropped_oldest_first(void)
{
    struct once_call *call;

    open_both(QS_METHOD_AT_MOST_ONCE, &(struct qs_retry){.pause_us = 1000000, .attempts_max = 5});
    target.hg_class->once.bytes_max = 300;
    target.answer_size = 200;
    call = lose_the_answer();
    (void)hg_pair_step(origin.context);
    SUPPORT_CHECK(call->ended == 0 && target.hg_class->once.bytes > 200);
    expect(call_start(1), HG_SUCCESS, QS_OUTCOME_EXECUTED, 1, 1);
    SUPPORT_CHECK(target.hg_class->once.bytes <= 300);
    expect(call, HG_NOMEM, QS_OUTCOME_EXECUTED, 2, 1);
    /* One that never fits. */
    target.hg_class->once.bytes_max = 100;
    target.holds = true;
    call = call_start(2);
    UNTIL(target.executed[2] == 1);
    fake_wire.drop = 100;
    answer_one(2);
    fake_wire.drop = 0;
    cut();
    expect(call, HG_NOMEM, QS_OUTCOME_EXECUTED, 2, 1);
    close_both();
}

/* A target that refuses everything is not asked much more often than it was called. */
static void budget_bounds_the_repetitions(void)
{
    const struct qs_retry many = {.attempts_max = 20};
    uint64_t begin_ns;
    uint64_t retries;

    open_both(QS_METHOD_IDEMPOTENT, &many);
    expect(call_start(0), HG_SUCCESS, QS_OUTCOME_EXECUTED, 1, 1);
    HG_PAIR_OK(HG_Context_unpost(target.context));
    begin_ns = now_ns;
    for (uint32_t i = 1; i < CALLS; i++)
        (void)call_start(i);
    for (uint32_t i = 1; i < CALLS; i++) {
        UNTIL(origin.calls[i].ended > 0);
        SUPPORT_CHECK(origin.calls[i].ret == HG_CANCELED && origin.calls[i].result.outcome == QS_OUTCOME_NOT_EXECUTED);
    }
    SUPPORT_CHECK(strstr(origin.calls[CALLS - 1].detail, "the budget of repetitions is used up") != NULL);
    retries = hg_pair_counters(origin.hg_class).retries;
    SUPPORT_CHECK(retries > 0);
    SUPPORT_CHECK(retries <= CALLS / 10 + 11 + (now_ns - begin_ns) / UTIL_CLOCK_NS_PER_MS / 100);
    close_both();
}

/* --- time of attempts ---------------------------------------------------------------------------------------- */

static void attempt_that_takes_too_long_is_given_up(void)
{
    const struct qs_retry patient = {.attempts_max = 4, .attempt_timeout_us = 50000};
    struct once_call *call;

    open_both(QS_METHOD_IDEMPOTENT, &patient);
    target.holds = true;
    call = call_start(0);
    UNTIL(target.executed[0] == 2); /* the handler of the first one was told: see there */
    answer_one(0);
    expect(call, HG_SUCCESS, QS_OUTCOME_EXECUTED, 2, 2);
    call = call_start(1);
    expect(call, HG_TIMEOUT, QS_OUTCOME_UNKNOWN, 4, 4);
    close_both();
    open_both(QS_METHOD_AT_MOST_ONCE, &patient);
    target.holds = true;
    call = call_start(0);
    UNTIL(hg_pair_counters(target.hg_class).repeats == 2);
    SUPPORT_CHECK(!qs_handle_cancelled(target.held[0]));
    answer_one(0);
    expect(call, HG_SUCCESS, QS_OUTCOME_EXECUTED, 3, 1);
    close_both();
}

static hg_return_t refuse_once(hg_handle_t handle, void *arg)
{
    bool *refused = arg;

    (void)handle;
    if (*refused)
        return HG_SUCCESS;
    *refused = true;
    return HG_NOMEM;
}

/* The next attempt comes while the refusal of the first one is still on its way out: it is a new request. */
static void refused_attempt_is_forgotten_at_once(void)
{
    const struct qs_retry patient = {.attempts_max = 4, .attempt_timeout_us = 50000};
    struct once_call *call;
    bool refused = false;

    open_both(QS_METHOD_AT_MOST_ONCE, &patient);
    expect(call_start(1), HG_SUCCESS, QS_OUTCOME_EXECUTED, 1, 1);
    HG_PAIR_OK(HG_Class_set_handle_create_callback(target.hg_class, refuse_once, &refused));
    /* Handles that were used before are not asked again: the held one leaves none. */
    target.holds = true;
    (void)call_start(2);
    UNTIL(target.executed[2] == 1);
    target.holds = false;
    call = call_start(0);
    for (unsigned int turns = 0; target.executed[0] == 0; turns++) {
        SUPPORT_CHECK(turns < 1000 && call->ended == 0);
        fake_wire.refuse = 100; /* of the target's frames alone */
        (void)hg_pair_step(target.context);
        fake_wire.refuse = 0;
        (void)hg_pair_step(origin.context);
        now_ns += UTIL_CLOCK_NS_PER_MS;
    }
    SUPPORT_CHECK(refused);
    answer_one(2);
    UNTIL(call->ended > 0);
    expect(call, HG_SUCCESS, QS_OUTCOME_EXECUTED, call->result.attempts, 1);
    SUPPORT_CHECK(call->result.attempts > 1);
    close_both();
}

/* --- many ---------------------------------------------------------------------------------------------------- */

/* More than there are numbers: they wait for each other, and other calls do not. */
static void calls_beyond_the_numbers_wait(void)
{
    uint32_t begun = 0;

    open_both(QS_METHOD_AT_MOST_ONCE, NULL);
    target.holds = true;
    for (uint32_t i = 0; i < CALLS; i++)
        (void)call_start(i);
    for (unsigned int i = 0; i < 100; i++)
        turn();
    for (uint32_t i = 0; i < CALLS; i++)
        begun += target.executed[i];
    SUPPORT_CHECK(begun == 256);
    target.holds = false;
    for (uint32_t i = 0; i < CALLS; i++)
        if (target.held[i] != HG_HANDLE_NULL)
            answer_one(i);
    for (uint32_t i = 0; i < CALLS; i++)
        expect(&origin.calls[i], HG_SUCCESS, QS_OUTCOME_EXECUTED, 1, 1);
    /* All but the last few answers have been let go. */
    SUPPORT_CHECK(target.hg_class->once.bytes <= 256U * 64U);
    close_both();
}

/* A call that is given up leaves its number, though its handler goes on: others come to its place in the ring. */
static void handler_outlives_its_place(void)
{
    struct once_call *call;

    open_both(QS_METHOD_AT_MOST_ONCE, NULL);
    target.holds = true;
    call = call_start(0);
    UNTIL(target.executed[0] == 1);
    HG_PAIR_OK(HG_Cancel(call->handle));
    expect(call, HG_CANCELED, QS_OUTCOME_UNKNOWN, 1, 1);
    for (uint32_t i = 1; i < 16; i++) {
        (void)call_start(i);
        UNTIL(target.executed[i] == 1);
        answer_one(i);
        expect(&origin.calls[i], HG_SUCCESS, QS_OUTCOME_EXECUTED, 1, 1);
    }
    /* The ring has 8 places: number 9 has come to that of number 1, and 17 comes there now. */
    call = call_start(16);
    UNTIL(target.executed[16] == 1);
    fake_wire.drop = 100;
    answer_one(16);
    answer_one(0);
    fake_wire.drop = 0;
    cut();
    expect(call, HG_SUCCESS, QS_OUTCOME_EXECUTED, 2, 1);
    close_both();
}

/* What a context keeps for peers has a bound; numbers go on where they were. */
static void peers_that_are_left_alone_are_forgotten_without_harm(void)
{
    open_both(QS_METHOD_AT_MOST_ONCE, NULL);
    for (uint32_t i = 0; i < 20; i++)
        expect(call_start(i), HG_SUCCESS, QS_OUTCOME_EXECUTED, 1, 1);
    SUPPORT_CHECK(origin.context->retry_peers.count == 1);
    util_lock_take(&origin.context->lock);
    hg_retry_sweep_locked(origin.context);
    util_lock_drop(&origin.context->lock);
    SUPPORT_CHECK(origin.context->retry_peers.count == 0);
    for (uint32_t i = 20; i < 40; i++)
        expect(call_start(i), HG_SUCCESS, QS_OUTCOME_EXECUTED, 1, 1);
    target.holds = true;
    (void)call_start(40);
    UNTIL(target.executed[40] == 1);
    util_lock_take(&origin.context->lock);
    hg_retry_sweep_locked(origin.context);
    util_lock_drop(&origin.context->lock);
    SUPPORT_CHECK(origin.context->retry_peers.count == 1); /* one that is in use stays */
    answer_one(40);
    expect(&origin.calls[40], HG_SUCCESS, QS_OUTCOME_EXECUTED, 1, 1);
    close_both();
}

/* Cuts at random moments, with answers and requests lost on the way. */
static void each_runs_once_whenever_the_connection_ends(void)
{
    const struct qs_retry many = {.attempts_max = 1000, .pause_max_us = 10000};
    uint64_t repeats = 0;

    for (unsigned int round = 0; round < 30; round++) {
        uint32_t started = 0;
        uint32_t ended = 0;

        open_both(QS_METHOD_AT_MOST_ONCE, &many);
        HG_PAIR_OK(qs_class_set_retry_budget(origin.hg_class, 1000, 10000));
        while (ended < 200) {
            uint32_t more = (uint32_t)util_prng_below(&fake_wire.prng, 8);

            for (; more > 0 && started < 200; more--)
                (void)call_start(started++);
            target.holds = util_prng_below(&fake_wire.prng, 3) == 0;
            target.answer_size = (uint32_t)util_prng_below(&fake_wire.prng, 3) * 9000;
            for (uint32_t i = 0; i < started && !target.holds; i++)
                if (target.held[i] != HG_HANDLE_NULL && util_prng_below(&fake_wire.prng, 2) == 0)
                    answer_one(i);
            if (util_prng_below(&fake_wire.prng, 10) == 0) {
                fake_wire.drop = 60;
                turn();
                fake_wire.drop = 0;
                cut();
            }
            turn();
            ended = 0;
            for (uint32_t i = 0; i < started; i++)
                ended += origin.calls[i].ended;
        }
        for (uint32_t i = 0; i < 200; i++)
            expect(&origin.calls[i], HG_SUCCESS, QS_OUTCOME_EXECUTED, origin.calls[i].result.attempts, 1);
        repeats += hg_pair_counters(target.hg_class).repeats;
        close_both();
    }
    SUPPORT_CHECK(repeats > 0);
}

static void arguments_are_checked(void)
{
    struct once_call *call;

    open_both(QS_METHOD_ONCE, NULL);
    HG_PAIR_RET(qs_registered_set_method(NULL, origin.id, QS_METHOD_ONCE, NULL), HG_INVALID_ARG);
    HG_PAIR_RET(qs_registered_set_method(origin.hg_class, 12345, QS_METHOD_ONCE, NULL), HG_NOENTRY);
    HG_PAIR_RET(qs_registered_set_method(origin.hg_class, origin.id, (enum qs_method)3, NULL), HG_INVALID_ARG);
    HG_PAIR_RET(qs_class_set_retry_budget(NULL, 1, 1), HG_INVALID_ARG);
    HG_PAIR_RET(qs_handle_set_retry(HG_HANDLE_NULL, NULL), HG_INVALID_ARG);
    target.holds = true;
    call = call_start(0);
    HG_PAIR_RET(qs_handle_set_retry(call->handle, NULL), HG_BUSY);
    UNTIL(target.executed[0] == 1);
    HG_PAIR_RET(qs_handle_set_retry(target.held[0], NULL), HG_INVALID_ARG);
    answer_one(0);
    expect(call, HG_SUCCESS, QS_OUTCOME_EXECUTED, 1, 1);
    close_both();
}

static const struct support_case once_cases[] = {
    SUPPORT_CASE(lost_answer_is_given_again),
    SUPPORT_CASE(lost_answers_of_all_sizes_are_given_again),
    SUPPORT_CASE(answers_take_the_places_of_others),
    SUPPORT_CASE(answer_too_large_to_keep_is_known_to_be_lost),
    SUPPORT_CASE(running_handler_answers_the_next_attempt),
    SUPPORT_CASE(answer_without_a_connection_waits_for_the_next_attempt),
    SUPPORT_CASE(idempotent_call_runs_again),
    SUPPORT_CASE(call_without_a_method_is_tried_once),
    SUPPORT_CASE(call_that_was_not_sent_is_sent_later),
    SUPPORT_CASE(attempts_have_an_end),
    SUPPORT_CASE(time_limit_ends_the_attempts),
    SUPPORT_CASE(call_between_two_attempts_can_be_cancelled),
    SUPPORT_CASE(restarted_target_does_not_run_what_its_predecessor_may_have),
    SUPPORT_CASE(service_with_records_answers_after_its_restart),
    SUPPORT_CASE(service_with_records_runs_what_is_not_in_them),
    SUPPORT_CASE(records_of_another_name_are_not_asked),
    SUPPORT_CASE(target_that_has_forgotten_refuses),
    SUPPORT_CASE(answers_beyond_the_bound_are_dropped_oldest_first),
    SUPPORT_CASE(budget_bounds_the_repetitions),
    SUPPORT_CASE(attempt_that_takes_too_long_is_given_up),
    SUPPORT_CASE(refused_attempt_is_forgotten_at_once),
    SUPPORT_CASE(calls_beyond_the_numbers_wait),
    SUPPORT_CASE(handler_outlives_its_place),
    SUPPORT_CASE(peers_that_are_left_alone_are_forgotten_without_harm),
    SUPPORT_CASE(each_runs_once_whenever_the_connection_ends),
    SUPPORT_CASE(arguments_are_checked),
    {NULL, NULL, 0},
};

int main(int argc, char **argv)
{
    static const struct support_case *const tables[] = {once_cases, NULL};

    return support_suite_main(argc, argv, tables, once_setup);
}
