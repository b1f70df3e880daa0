/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Where a measurement was made: what a reader needs to know before comparing two figures.
 */
#ifndef TOOLS_BENCH_ENV_H
#define TOOLS_BENCH_ENV_H

#include <stdbool.h>
#include <stdint.h>

struct bench_env {
    const char *library; /* Quicksilver or Mercury */
    const char *version;
    const char *libfabric;
    const char *features;
    const char *git; /* of the build, "unknown" when not built from a checkout */
    char kernel[128];
    char cpu[128];
    char governor[64]; /* empty when it cannot be read */
    char date[32];     /* ISO 8601, UTC */
    unsigned int cores;
    char command[512]; /* the command line */
};

void bench_env_read(struct bench_env *env, int argc, char **argv);

/* A number that is the same for processes of one running kernel, and hardly for any other. */
uint64_t bench_env_machine(void);

#endif
