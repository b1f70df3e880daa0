/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * What the tests of repeated calls share: a target whose handlers count, and an origin whose calls are numbered, over the
 * simulated network. One of each per process, since each case has a process of its own. Time is simulated: each turn takes a
 * millisecond.
 */
#ifndef TESTS_FAULT_ONCE_SCENE_H
#define TESTS_FAULT_ONCE_SCENE_H

#include <stdint.h>

#include "mercury.h"
#include "quicksilver.h"
#include "tests/support/fake_wire.h"
#include "tests/support/hg_pair.h"
#include "tests/support/support_suite.h"

enum { CALLS = 600 };

/* A target whose handlers count, and answer when they are told to. */
struct once_target {
    hg_class_t *hg_class;
    hg_context_t *context;
    bool holds; /* handlers do not answer */
    bool keeps; /* handles that were answered are kept */
    unsigned int executed[CALLS];
    hg_handle_t held[CALLS];
    hg_handle_t kept[CALLS];
    bool asks;             /* for the buffer of the answer, before it answers */
    void *asked[CALLS];    /* and gets this */
    uint32_t answer_size;  /* bytes of each answer */
    uint64_t identity;     /* of the records that outlive it; 0: there are none */
    unsigned int recalled; /* times that a handler found in them what it was to do */
};

struct once_call {
    hg_handle_t handle;
    unsigned int ended;
    hg_return_t ret;
    struct qs_result result;
    char detail[256];
    bool right; /* the answer is its own */
};

struct once_origin {
    hg_class_t *hg_class;
    hg_context_t *context;
    hg_addr_t addr;
    hg_id_t id;
    struct once_call calls[CALLS];
};

extern struct once_target target;
extern struct once_origin origin;
extern uint64_t now_ns;

hg_class_t *open_class(const char *uri, bool listen, uint64_t identity, hg_context_t **context);
/* Makes the RPC known to a class that calls it. */
hg_id_t register_count(hg_class_t *hg_class, enum qs_method method, const struct qs_retry *retry);
void open_target(void);
void open_origin(enum qs_method method, const struct qs_retry *retry);
void close_origin(void);
void open_both(enum qs_method method, const struct qs_retry *retry);
void close_both(void);
void once_setup(void);

void turn(void);
/* A turn, of which there cannot be any number. */
void patient_turn(unsigned int *turns);

#define UNTIL(condition)                             \
    for (unsigned int once_turns = 0; !(condition);) \
    patient_turn(&once_turns)

/* The handler of the call answers. */
void answer_one(uint32_t number);
/* A handle that was kept is let go. */
void let_go(uint32_t number);

/* A call of that number: its handle, its beginning, or both. */
struct once_call *call_begin(uint32_t number);
void call_forward(uint32_t number);
struct once_call *call_start(uint32_t number);
/* Waits for the end of a call, and checks it. */
void expect(struct once_call *call, hg_return_t ret, enum qs_outcome outcome, unsigned int attempts,
            unsigned int executed);

/* The connections end, and with them all that is on its way. */
void cut(void);
/* The call is executed and answered, and the answer is lost with its connection. */
struct once_call *lose_the_answer_of(uint32_t number);
struct once_call *lose_the_answer(void);

/* hg_once_records.c */
extern const struct support_case once_record_cases[];

#endif /* TESTS_FAULT_ONCE_SCENE_H */
