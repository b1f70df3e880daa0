/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * The pair of hg_pair.h over fake_wire.h, on a simulated clock. For programs that fake_wire.c is compiled into. The
 * parameter of the suite is "connections" or "datagrams".
 */
#ifndef SUPPORT_WIRE_PAIR_H
#define SUPPORT_WIRE_PAIR_H

#include <stdbool.h>
#include <stdint.h>

#include "hg/hg_header.h"
#include "tests/support/fake_wire.h"
#include "tests/support/hg_pair.h"

/* Before each case: a network without faults, as the parameter says, and a clock that stands still. */
void wire_pair_setup(void);

/* The time of that clock. Cases move it. */
extern uint64_t wire_pair_now_ns;

/* Opens the class of one side, with one context; the RPCs are registered. One thread, also inside the library, so that a run can
 * be repeated. */
void wire_pair_open_side(struct hg_pair *pair, struct hg_side *side, const char *uri, bool listen);
/* Opens both, wire://target and wire://origin. */
void wire_pair_open(struct hg_pair *pair);
/* Closes them, and sees that nothing is left. */
void wire_pair_close(struct hg_pair *pair);

/* For a tap: the header of the first message of a frame; false: it has none. */
bool wire_pair_first_header(const unsigned char *data, size_t size, struct hg_header *header);

enum {
    WIRE_PAIR_STEP_MS = 10,
    WIRE_PAIR_STEP_TURNS = 18, /* the clock is asked at least once in so many */
};

/* Lets time pass in such steps, with so many turns of both sides after each. */
void wire_pair_pass(struct hg_pair *pair, uint64_t ms);

#endif /* SUPPORT_WIRE_PAIR_H */
