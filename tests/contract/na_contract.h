/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * The tables of the contract suite of na, one per file.
 */
#ifndef TESTS_NA_CONTRACT_H
#define TESTS_NA_CONTRACT_H

#include "tests/support/support_suite.h"

extern const struct support_case na_frames_cases[];
extern const struct support_case na_connect_cases[];
extern const struct support_case na_rma_cases[];
extern const struct support_case na_flight_cases[];
extern const struct support_case na_wait_cases[];

#endif
