/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * The pair of hg_pair.h over fake_wire.h, on a simulated clock. For programs that fake_wire.c is compiled into. The
 * parameter of the suite is "connections" or "datagrams".
 */
#ifndef SUPPORT_WIRE_PAIR_H
#define SUPPORT_WIRE_PAIR_H

#include <stdint.h>

#include "tests/support/fake_wire.h"
#include "tests/support/hg_pair.h"

/* Before each case: a network without faults, as the parameter says, and a clock that stands still. */
void wire_pair_setup(void);

/* Opens both classes, wire://target and wire://origin; the RPCs are registered. */
void wire_pair_open(struct hg_pair *pair);
/* Closes them, and sees that nothing is left. */
void wire_pair_close(struct hg_pair *pair);

/* Lets time pass in steps of 10 ms, with turns of both sides. */
void wire_pair_pass(struct hg_pair *pair, uint64_t ms);

#endif /* SUPPORT_WIRE_PAIR_H */
