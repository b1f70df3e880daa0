/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * How much of the machine other processes took while we measured: figures from a busy machine say
 * little, and the reader should know.
 */
#ifndef TOOLS_BENCH_DISTURB_H
#define TOOLS_BENCH_DISTURB_H

#include <stdint.h>

/* A point in time; seconds. */
struct bench_disturb {
    double wall_s;
    double busy_s; /* of all cores; negative when /proc/stat cannot be read */
    double own_s;  /* processor time of this process and of children that have ended */
};

void bench_disturb_read(struct bench_disturb *point);

/* The share of all cores that others used since `start`, 0 to 1; negative when not known. Our
 * children must have ended. */
double bench_disturb_since(const struct bench_disturb *start);

#endif
