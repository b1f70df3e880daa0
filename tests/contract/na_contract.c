/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * The contract of na.h, tried on one provider: na_contract PROTOCOL. What the contract leaves to
 * the transport is asked from na_limits, and nothing else distinguishes providers here.
 */
#include "tests/contract/na_contract.h"

int main(int argc, char **argv)
{
    static const struct support_case *const tables[] = {na_frames_cases, na_connect_cases, na_rma_cases,
                                                        na_flight_cases, na_wait_cases,    NULL};

    return support_suite_main(argc, argv, tables, NULL);
}
