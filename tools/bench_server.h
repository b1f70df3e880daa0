/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * `hg_bench server`: answers begin, echo and move until SIGINT or SIGTERM.
 */
#ifndef TOOLS_BENCH_SERVER_H
#define TOOLS_BENCH_SERVER_H

#include "tools/bench_options.h"

/* Prints the address on stdout once it is ready, serves, cleans up. The program's exit code. */
int bench_server_main(const struct bench_options *options);

#endif
