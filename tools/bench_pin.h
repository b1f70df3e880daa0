/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Which core a process runs on. By default the server takes the first core that it may use and the
 * client the last one, which are different cores as soon as there are two.
 */
#ifndef TOOLS_BENCH_PIN_H
#define TOOLS_BENCH_PIN_H

#include <stdbool.h>

/* Cores that this process was allowed to use when it started. */
unsigned int bench_pin_count(void);
int bench_pin_first(void);
int bench_pin_last(void);

/* Binds the calling thread, and those that it starts later, to `core`; false when the kernel
 * refuses. bench_pin_release gives it all allowed cores again. */
bool bench_pin_to(int core);
void bench_pin_release(void);

#endif
