/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * What the check of `hg_bench fault` promises: each way in which a library could lie about a call is
 * found and named, and what is allowed is not. And the ledger's: what a process counted stays when
 * it is killed.
 */
#include "tools/bench_fault_ledger.h"

#include "tools/bench_fault_body.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define CALLS    30U
#define CAPACITY 40U

#define ONCE       3U /* numbers of calls of these methods */
#define IDEMPOTENT 4U
#define AT_MOST    5U

static struct bench_fault_ledger ledger;
static struct bench_fault_call calls[CALLS];
static struct bench_fault_verdict verdict;

/* All calls succeeded, each with one execution and one callback. */
static void set_up(void)
{
    cr_assert(bench_fault_ledger_create(&ledger, CAPACITY));
    for (uint64_t i = 0; i < CALLS; i++) {
        calls[i] = (struct bench_fault_call){
            .callbacks = 1, .attempts = 1, .ret = HG_SUCCESS, .outcome = TOOL_OUTCOME_EXECUTED};
        bench_fault_ledger_count(&ledger, i);
    }
}

static void tear_down(void)
{
    bench_fault_ledger_close(&ledger);
}

/* The handler of this call has not run. */
static void never_ran(uint64_t number)
{
    atomic_store(&ledger.map->runs[number], 0);
}

static void failed(uint64_t number, enum tool_outcome outcome)
{
    calls[number].ret = HG_TIMEOUT;
    calls[number].outcome = (uint8_t)outcome;
}

static void check(void)
{
    bench_fault_check(ledger.map, calls, CALLS, &verdict);
}

/* The one offence is that call `number` broke `rule`. */
static void expect_only(enum bench_fault_rule rule, uint64_t number)
{
    check();
    cr_assert_not(bench_fault_verdict_good(&verdict));
    for (unsigned int i = 0; i < BENCH_FAULT_RULES; i++)
        cr_assert_eq(verdict.broken[i], i == rule, "%s", bench_fault_rule_name((enum bench_fault_rule)i));
    cr_assert_eq(verdict.offender_count, 1);
    cr_assert_eq(verdict.offenders[0].number, number);
    cr_assert_eq(verdict.offenders[0].rules, 1U << rule);
}

TestSuite(bench_fault_ledger, .init = set_up, .fini = tear_down);

Test(bench_fault_ledger, honest_calls_are_clean_and_counted_by_method)
{
    check();
    cr_assert(bench_fault_verdict_good(&verdict));
    cr_assert_eq(verdict.offender_count, 0);
    for (unsigned int i = 0; i < BENCH_FAULT_METHODS; i++) {
        cr_assert_eq(verdict.methods[i].calls, CALLS / 3);
        cr_assert_eq(verdict.methods[i].ok, CALLS / 3);
        cr_assert_eq(verdict.methods[i].runs, CALLS / 3);
    }
}

Test(bench_fault_ledger, failed_calls_that_did_not_run_are_clean_and_counted_by_outcome)
{
    failed(ONCE, TOOL_OUTCOME_NOT_SENT);
    failed(ONCE + 3, TOOL_OUTCOME_NOT_EXECUTED);
    failed(ONCE + 6, TOOL_OUTCOME_UNKNOWN);
    calls[ONCE + 6].attempts = 3;
    never_ran(ONCE);
    never_ran(ONCE + 3);
    never_ran(ONCE + 6);
    failed(ONCE + 9, TOOL_OUTCOME_UNKNOWN); /* and ran */
    failed(ONCE + 12, TOOL_OUTCOME_EXECUTED);
    check();
    cr_assert(bench_fault_verdict_good(&verdict));
    cr_assert_eq(verdict.methods[TOOL_METHOD_ONCE].failed[TOOL_OUTCOME_NOT_SENT], 1);
    cr_assert_eq(verdict.methods[TOOL_METHOD_ONCE].failed[TOOL_OUTCOME_NOT_EXECUTED], 1);
    cr_assert_eq(verdict.methods[TOOL_METHOD_ONCE].failed[TOOL_OUTCOME_UNKNOWN], 2);
    cr_assert_eq(verdict.methods[TOOL_METHOD_ONCE].failed[TOOL_OUTCOME_EXECUTED], 1);
    cr_assert_eq(verdict.methods[TOOL_METHOD_ONCE].ok, CALLS / 3 - 5);
    cr_assert_eq(verdict.methods[TOOL_METHOD_ONCE].repeats, 2);
}

Test(bench_fault_ledger, refused_call_without_callback_is_clean)
{
    calls[AT_MOST] = (struct bench_fault_call){.refused = true, .ret = HG_HOSTUNREACH};
    never_ran(AT_MOST);
    check();
    cr_assert(bench_fault_verdict_good(&verdict));
    cr_assert_eq(verdict.methods[TOOL_METHOD_AT_MOST_ONCE].failed[TOOL_OUTCOME_NOT_SENT], 1);
}

Test(bench_fault_ledger, idempotent_call_may_run_again_and_is_counted)
{
    bench_fault_ledger_count(&ledger, IDEMPOTENT);
    check();
    cr_assert(bench_fault_verdict_good(&verdict));
    cr_assert_eq(verdict.methods[TOOL_METHOD_IDEMPOTENT].ran_again, 1);
}

Test(bench_fault_ledger, double_execution_of_an_at_most_once_call_is_found)
{
    bench_fault_ledger_count(&ledger, AT_MOST);
    expect_only(BENCH_FAULT_RAN_TWICE, AT_MOST);
    cr_assert_eq(verdict.offenders[0].runs, 2);
}

Test(bench_fault_ledger, double_execution_of_a_failed_once_call_is_found)
{
    failed(ONCE, TOOL_OUTCOME_UNKNOWN);
    bench_fault_ledger_count(&ledger, ONCE);
    expect_only(BENCH_FAULT_RAN_TWICE, ONCE);
}

Test(bench_fault_ledger, success_without_execution_is_found)
{
    never_ran(IDEMPOTENT);
    expect_only(BENCH_FAULT_NEVER_RAN, IDEMPOTENT);
}

Test(bench_fault_ledger, executed_without_execution_is_found)
{
    failed(AT_MOST, TOOL_OUTCOME_EXECUTED);
    never_ran(AT_MOST);
    expect_only(BENCH_FAULT_NEVER_RAN, AT_MOST);
}

Test(bench_fault_ledger, executed_call_that_was_not_sent_is_found)
{
    failed(IDEMPOTENT, TOOL_OUTCOME_NOT_SENT);
    expect_only(BENCH_FAULT_NOT_SENT_RAN, IDEMPOTENT);
}

Test(bench_fault_ledger, executed_call_that_was_refused_is_found)
{
    calls[ONCE] = (struct bench_fault_call){.refused = true, .ret = HG_HOSTUNREACH};
    expect_only(BENCH_FAULT_NOT_SENT_RAN, ONCE);
}

Test(bench_fault_ledger, executed_call_that_was_not_executed_is_found)
{
    failed(AT_MOST, TOOL_OUTCOME_NOT_EXECUTED);
    expect_only(BENCH_FAULT_NOT_EXECUTED_RAN, AT_MOST);
}

Test(bench_fault_ledger, lost_callback_is_found)
{
    calls[ONCE] = (struct bench_fault_call){.callbacks = 0};
    expect_only(BENCH_FAULT_CALLBACKS, ONCE);
    cr_assert_eq(verdict.methods[TOOL_METHOD_ONCE].lost, 1);
}

Test(bench_fault_ledger, second_callback_is_found)
{
    calls[IDEMPOTENT].callbacks = 2;
    expect_only(BENCH_FAULT_CALLBACKS, IDEMPOTENT);
}

Test(bench_fault_ledger, callback_of_a_refused_call_is_found)
{
    calls[ONCE].refused = true;
    calls[ONCE].ret = HG_HOSTUNREACH;
    never_ran(ONCE);
    expect_only(BENCH_FAULT_CALLBACKS, ONCE);
}

Test(bench_fault_ledger, wrong_body_is_found)
{
    calls[AT_MOST].wrong_body = true;
    expect_only(BENCH_FAULT_WRONG_BODY, AT_MOST);
}

Test(bench_fault_ledger, success_of_unknown_outcome_is_found)
{
    calls[ONCE].outcome = TOOL_OUTCOME_UNKNOWN;
    expect_only(BENCH_FAULT_OK_OUTCOME, ONCE);
}

Test(bench_fault_ledger, request_of_no_call_is_found)
{
    bench_fault_ledger_count(&ledger, CAPACITY);
    check();
    cr_assert_not(bench_fault_verdict_good(&verdict));
    cr_assert_eq(verdict.broken[BENCH_FAULT_WRONG_REQUEST], 1);
    cr_assert_eq(verdict.offender_count, 0);
}

Test(bench_fault_ledger, all_offenders_are_counted_and_the_first_are_kept)
{
    for (uint64_t i = 0; i < CALLS; i++)
        calls[i].wrong_body = true;
    check();
    cr_assert_eq(verdict.broken[BENCH_FAULT_WRONG_BODY], CALLS);
    cr_assert_eq(verdict.offender_count, CALLS);
    for (uint64_t i = 0; i < BENCH_FAULT_OFFENDERS_MAX; i++)
        cr_assert_eq(verdict.offenders[i].number, i);
}

Test(bench_fault_ledger, what_a_killed_process_counted_stays)
{
    pid_t child = fork();
    int status = 0;

    cr_assert_geq(child, 0);
    if (child == 0) {
        struct bench_fault_ledger own;

        if (bench_fault_ledger_open(&own, ledger.fd))
            bench_fault_ledger_count(&own, IDEMPOTENT);
        (void)raise(SIGKILL);
    }
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert(WIFSIGNALED(status));
    cr_assert_eq(atomic_load(&ledger.map->runs[IDEMPOTENT]), 2);
}

Test(bench_fault_ledger, file_that_is_no_ledger_is_refused)
{
    struct bench_fault_ledger other;
    int fds[2];

    cr_assert_eq(pipe(fds), 0);
    cr_assert_not(bench_fault_ledger_open(&other, fds[0]));
    (void)close(fds[0]);
    (void)close(fds[1]);
    ledger.map->capacity = UINT64_C(1) << 40; /* more than is there */
    cr_assert_not(bench_fault_ledger_open(&other, ledger.fd));
    ledger.map->capacity = CAPACITY;
}

Test(bench_fault_ledger, bodies_belong_to_one_call_and_one_side)
{
    unsigned char body[64];

    for (size_t size = BENCH_FAULT_SIZE_MIN; size <= sizeof(body); size++) {
        bench_fault_body_fill(body, size, 7, BENCH_FAULT_REQUEST);
        cr_assert_eq(bench_fault_body_number(body, size), 7);
        cr_assert(bench_fault_body_check(body, size, 7, BENCH_FAULT_REQUEST));
        cr_assert_not(bench_fault_body_check(body, size, 8, BENCH_FAULT_REQUEST));
        body[size - 1] ^= 1;
        cr_assert_not(bench_fault_body_check(body, size, 7, BENCH_FAULT_REQUEST));
        body[size - 1] ^= 1;
        if (size > BENCH_FAULT_SIZE_MIN)
            cr_assert_not(bench_fault_body_check(body, size, 7, BENCH_FAULT_ANSWER));
    }
    cr_assert_not(bench_fault_body_check(body, BENCH_FAULT_SIZE_MIN - 1, 7, BENCH_FAULT_REQUEST));
}
