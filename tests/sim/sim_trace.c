/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * What happened: lines for the reader, and a hash of it by which two runs of a seed are compared.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/sim/sim.h"

static bool tracing;

static void trace_line(const char *line)
{
    uint64_t now_us = fake_fi_now_ns() / UTIL_CLOCK_NS_PER_US;

    (void)printf("%4u.%06u  %s\n", (unsigned int)(now_us / 1000000), (unsigned int)(now_us % 1000000), line);
}

void sim_trace_start(bool on)
{
    tracing = on;
    fake_fi_set_trace(on ? trace_line : NULL);
}

void sim_trace(const char *format, ...)
{
    char line[256];
    va_list args;

    if (!tracing)
        return;
    va_start(args, format);
    (void)vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    trace_line(line);
}

void sim_note(uint64_t number)
{
    sim.hash = (sim.hash ^ number) * UINT64_C(0x100000001b3) + (sim.hash >> 29);
}

void sim_fail(const char *format, ...)
{
    va_list args;

    (void)fflush(stdout);
    (void)fprintf(stderr, "seed %llu: ", (unsigned long long)sim.seed);
    va_start(args, format);
    (void)vfprintf(stderr, format, args);
    va_end(args);
    (void)fprintf(stderr, "\n");
    (void)fflush(stderr);
    _exit(1);
}
