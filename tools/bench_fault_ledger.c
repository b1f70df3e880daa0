/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * See bench_fault_ledger.h. The counts are relaxed atomics: a mapping is coherent between
 * processes, and the check runs when the servers have ended.
 */
#include "tools/bench_fault_ledger.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* --------------------------------------------------------------------------------------- life */

static bool map_fd(struct bench_fault_ledger *ledger, int fd, size_t size)
{
    void *map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd, 0);

    if (map == MAP_FAILED)
        return false;
    ledger->map = map;
    ledger->map_size = size;
    ledger->fd = fd;
    return true;
}

bool bench_fault_ledger_create(struct bench_fault_ledger *ledger, uint64_t capacity)
{
    size_t size = sizeof(struct bench_fault_ledger_map) + (size_t)capacity * sizeof(uint32_t);
    int fd = memfd_create("hg_bench-ledger", MFD_CLOEXEC), error;

    memset(ledger, 0, sizeof(*ledger));
    if (fd < 0)
        return false;
    if (ftruncate(fd, (off_t)size) == 0 && map_fd(ledger, fd, size)) {
        ledger->map->capacity = capacity;
        return true;
    }
    error = errno;
    (void)close(fd);
    errno = error;
    return false;
}

bool bench_fault_ledger_open(struct bench_fault_ledger *ledger, int fd)
{
    struct stat stat;

    memset(ledger, 0, sizeof(*ledger));
    if (fstat(fd, &stat) != 0)
        return false;
    if ((size_t)stat.st_size < sizeof(struct bench_fault_ledger_map)) {
        errno = EINVAL;
        return false;
    }
    if (!map_fd(ledger, fd, (size_t)stat.st_size))
        return false;
    if (ledger->map->capacity <= (ledger->map_size - sizeof(*ledger->map)) / sizeof(uint32_t))
        return true;
    (void)munmap(ledger->map, ledger->map_size);
    memset(ledger, 0, sizeof(*ledger));
    errno = EINVAL;
    return false;
}

void bench_fault_ledger_close(struct bench_fault_ledger *ledger)
{
    if (ledger->map == NULL)
        return;
    (void)munmap(ledger->map, ledger->map_size);
    (void)close(ledger->fd);
    ledger->map = NULL;
}

void bench_fault_ledger_count(struct bench_fault_ledger *ledger, uint64_t number)
{
    if (number < ledger->map->capacity)
        (void)atomic_fetch_add_explicit(&ledger->map->runs[number], 1, memory_order_relaxed);
    else
        bench_fault_ledger_count_wrong(ledger);
}

void bench_fault_ledger_count_wrong(struct bench_fault_ledger *ledger)
{
    (void)atomic_fetch_add_explicit(&ledger->map->wrong_requests, 1, memory_order_relaxed);
}

/* -------------------------------------------------------------------------------------- check */

static bool succeeded(const struct bench_fault_call *call)
{
    return call->callbacks > 0 && !call->refused && call->ret == HG_SUCCESS;
}

/* The rules that a call has broken, a bit each. */
static unsigned int broken_rules(enum tool_method method, const struct bench_fault_call *call, uint32_t runs)
{
    bool ended = call->callbacks > 0 && !call->refused, ok = succeeded(call);
    unsigned int rules = 0;

    if ((ok || (ended && call->outcome == TOOL_OUTCOME_EXECUTED)) && runs == 0)
        rules |= 1U << BENCH_FAULT_NEVER_RAN;
    if (method != TOOL_METHOD_IDEMPOTENT && runs > 1)
        rules |= 1U << BENCH_FAULT_RAN_TWICE;
    if ((call->refused || (ended && call->outcome == TOOL_OUTCOME_NOT_SENT)) && runs > 0)
        rules |= 1U << BENCH_FAULT_NOT_SENT_RAN;
    if (ended && call->outcome == TOOL_OUTCOME_NOT_EXECUTED && runs > 0)
        rules |= 1U << BENCH_FAULT_NOT_EXECUTED_RAN;
    if (call->callbacks != (call->refused ? 0 : 1))
        rules |= 1U << BENCH_FAULT_CALLBACKS;
    if (call->wrong_body)
        rules |= 1U << BENCH_FAULT_WRONG_BODY;
    if (ok && call->outcome != TOOL_OUTCOME_EXECUTED)
        rules |= 1U << BENCH_FAULT_OK_OUTCOME;
    return rules;
}

static void count_call(struct bench_fault_counts *counts, const struct bench_fault_call *call, uint32_t runs)
{
    counts->calls++;
    if (succeeded(call))
        counts->ok++;
    else if (call->refused)
        counts->failed[TOOL_OUTCOME_NOT_SENT]++;
    else if (call->callbacks == 0)
        counts->lost++;
    else
        counts->failed[call->outcome]++;
    counts->attempts += call->attempts;
    counts->repeats += call->attempts > 1 ? call->attempts - 1U : 0;
    counts->runs += runs;
    counts->ran_again += runs > 1;
}

static void add_offender(struct bench_fault_verdict *verdict, const struct bench_fault_offender *offender)
{
    for (unsigned int rule = 0; rule < BENCH_FAULT_RULES; rule++)
        verdict->broken[rule] += (offender->rules >> rule) & 1U;
    if (verdict->offender_count < BENCH_FAULT_OFFENDERS_MAX)
        verdict->offenders[verdict->offender_count] = *offender;
    verdict->offender_count++;
}

void bench_fault_check(const struct bench_fault_ledger_map *map, const struct bench_fault_call *calls, uint64_t count,
                       struct bench_fault_verdict *verdict)
{
    memset(verdict, 0, sizeof(*verdict));
    for (uint64_t number = 0; number < count; number++) {
        enum tool_method method = bench_fault_method(number);
        struct bench_fault_offender found = {
            .number = number,
            .runs = atomic_load_explicit(&map->runs[number], memory_order_relaxed),
            .call = calls[number],
        };

        count_call(&verdict->methods[method], &found.call, found.runs);
        found.rules = broken_rules(method, &found.call, found.runs);
        if (found.rules != 0)
            add_offender(verdict, &found);
    }
    verdict->broken[BENCH_FAULT_WRONG_REQUEST] = atomic_load_explicit(&map->wrong_requests, memory_order_relaxed);
}

bool bench_fault_verdict_good(const struct bench_fault_verdict *verdict)
{
    for (unsigned int rule = 0; rule < BENCH_FAULT_RULES; rule++)
        if (verdict->broken[rule] > 0)
            return false;
    return true;
}

/* -------------------------------------------------------------------------------------- names */

const char *bench_fault_rule_name(enum bench_fault_rule rule)
{
    static const char *const names[BENCH_FAULT_RULES] = {
        [BENCH_FAULT_NEVER_RAN] = "never_ran",       [BENCH_FAULT_RAN_TWICE] = "ran_twice",
        [BENCH_FAULT_NOT_SENT_RAN] = "not_sent_ran", [BENCH_FAULT_NOT_EXECUTED_RAN] = "not_executed_ran",
        [BENCH_FAULT_CALLBACKS] = "callbacks",       [BENCH_FAULT_WRONG_BODY] = "wrong_body",
        [BENCH_FAULT_OK_OUTCOME] = "ok_outcome",     [BENCH_FAULT_WRONG_REQUEST] = "wrong_request"};

    return names[rule];
}

const char *bench_fault_rule_text(enum bench_fault_rule rule)
{
    static const char *const texts[BENCH_FAULT_RULES] = {
        [BENCH_FAULT_NEVER_RAN] = "OK or EXECUTED, but the handler never ran",
        [BENCH_FAULT_RAN_TWICE] = "not idempotent, but the handler ran more than once",
        [BENCH_FAULT_NOT_SENT_RAN] = "NOT_SENT or refused, but the handler ran",
        [BENCH_FAULT_NOT_EXECUTED_RAN] = "NOT_EXECUTED, but the handler ran",
        [BENCH_FAULT_CALLBACKS] = "not one callback, or one after the forward returned an error",
        [BENCH_FAULT_WRONG_BODY] = "OK, but the answer is not this call's",
        [BENCH_FAULT_OK_OUTCOME] = "OK, but the outcome is not EXECUTED",
        [BENCH_FAULT_WRONG_REQUEST] = "a handler ran with a request that no call has made"};

    return texts[rule];
}

const char *bench_fault_method_name(enum tool_method method)
{
    static const char *const names[BENCH_FAULT_METHODS] = {[TOOL_METHOD_ONCE] = "once",
                                                           [TOOL_METHOD_IDEMPOTENT] = "idempotent",
                                                           [TOOL_METHOD_AT_MOST_ONCE] = "at-most-once"};

    return names[method];
}
