/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * What `hg_bench fault` believes of nobody: a ledger in memory that client and servers share, one
 * cell per call, which says how often the call's handler has run and which survives SIGKILL; and
 * the check of what the client was told against it. The check is pure and knows no library call.
 */
#ifndef TOOLS_BENCH_FAULT_LEDGER_H
#define TOOLS_BENCH_FAULT_LEDGER_H

#include "tools/tool_lib.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BENCH_FAULT_METHODS       3U
#define BENCH_FAULT_OFFENDERS_MAX 10U

/* How often the handler of each call has run; shared by processes. */
struct bench_fault_ledger_map {
    uint64_t capacity;
    _Atomic uint64_t wrong_requests; /* handler runs with a request that no call has made */
    _Atomic uint32_t runs[];         /* by call number */
};

struct bench_fault_ledger {
    struct bench_fault_ledger_map *map; /* owned mapping */
    size_t map_size;
    int fd; /* owned by the process that created the ledger; inherited by its children */
};

/* Makes an empty ledger in memory without a name, so that nothing can be left behind. False: errno. */
bool bench_fault_ledger_create(struct bench_fault_ledger *ledger, uint64_t capacity);
/* Maps the one behind an inherited descriptor. */
bool bench_fault_ledger_open(struct bench_fault_ledger *ledger, int fd);
/* Takes a zeroed one, too. */
void bench_fault_ledger_close(struct bench_fault_ledger *ledger);

/* The handler of call `number` begins to run; a number beyond all calls is a wrong request. */
void bench_fault_ledger_count(struct bench_fault_ledger *ledger, uint64_t number);
void bench_fault_ledger_count_wrong(struct bench_fault_ledger *ledger);

/* What the client knows of a call, by number. */
struct bench_fault_call {
    uint8_t callbacks; /* this and attempts stop at 255 */
    uint8_t attempts;
    uint8_t ret;     /* hg_return_t of the callback or, if refused, of the forward */
    uint8_t outcome; /* enum tool_outcome */
    bool refused;    /* the forward returned an error: there is no callback */
    bool wrong_body; /* it succeeded with an answer that is not its own */
};

enum bench_fault_rule {
    BENCH_FAULT_NEVER_RAN,        /* OK or EXECUTED, but the handler never ran */
    BENCH_FAULT_RAN_TWICE,        /* a call that is not idempotent ran more than once */
    BENCH_FAULT_NOT_SENT_RAN,     /* NOT_SENT, or refused, but the handler ran */
    BENCH_FAULT_NOT_EXECUTED_RAN, /* NOT_EXECUTED, but the handler ran */
    BENCH_FAULT_CALLBACKS,        /* not one callback, or one for a call that was refused */
    BENCH_FAULT_WRONG_BODY,       /* the answer is another call's, or damaged */
    BENCH_FAULT_OK_OUTCOME,       /* success with an outcome other than EXECUTED */
    BENCH_FAULT_WRONG_REQUEST,    /* a handler ran with a request that no call has made */
    BENCH_FAULT_RULES
};

struct bench_fault_offender {
    uint64_t number;
    unsigned int rules; /* a bit for each broken one */
    uint32_t runs;
    struct bench_fault_call call;
};

/* All calls of one method. */
struct bench_fault_counts {
    uint64_t calls;
    uint64_t ok;
    uint64_t failed[TOOL_OUTCOMES]; /* by outcome; refused ones are NOT_SENT */
    uint64_t lost;                  /* no callback came */
    uint64_t attempts;
    uint64_t repeats;   /* attempts after the first of each */
    uint64_t runs;      /* of the handler */
    uint64_t ran_again; /* calls whose handler ran more than once */
};

struct bench_fault_verdict {
    struct bench_fault_counts methods[BENCH_FAULT_METHODS];
    uint64_t broken[BENCH_FAULT_RULES];                               /* calls, for WRONG_REQUEST requests */
    uint64_t offender_count;                                          /* calls that broke a rule */
    struct bench_fault_offender offenders[BENCH_FAULT_OFFENDERS_MAX]; /* the first ones */
};

/* The three methods take turns. */
static inline enum tool_method bench_fault_method(uint64_t number)
{
    return (enum tool_method)(number % BENCH_FAULT_METHODS);
}

/* Checks calls 0 to `count` - 1, none of which can run any more. */
void bench_fault_check(const struct bench_fault_ledger_map *map, const struct bench_fault_call *calls, uint64_t count,
                       struct bench_fault_verdict *verdict);
bool bench_fault_verdict_good(const struct bench_fault_verdict *verdict);

/* "ran_twice", and what that means. */
const char *bench_fault_rule_name(enum bench_fault_rule rule);
const char *bench_fault_rule_text(enum bench_fault_rule rule);
const char *bench_fault_method_name(enum tool_method method);

#endif
