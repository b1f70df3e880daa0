/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * The text of `hg_bench --help`.
 */
#ifndef TOOLS_BENCH_HELP_H
#define TOOLS_BENCH_HELP_H

/* To stdout. */
void bench_help_print(void);

#endif
