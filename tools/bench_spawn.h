/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * A server process of our own: this very program as `hg_bench server`, started by exec, so that
 * the two share no memory and no library state. It dies with us.
 */
#ifndef TOOLS_BENCH_SPAWN_H
#define TOOLS_BENCH_SPAWN_H

#include "tools/bench_options.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct bench_spawn {
    pid_t pid;  /* 0 = none */
    int status; /* of waitpid, once it has ended */
    int out_fd; /* its stdout until the address has come; else -1 */
    size_t have;
    char address[512]; /* `have` characters so far */
    char error[256];   /* why start failed, or how it ended */
};

enum bench_spawn_state { BENCH_SPAWN_STARTING, BENCH_SPAWN_READY, BENCH_SPAWN_FAILED };

/* Starts a server that listens on `info` and waits for its address, for at most the time-out. On
 * failure false and spawn->error. */
bool bench_spawn_start(struct bench_spawn *spawn, const char *info, const struct bench_options *options);

/* The same in two steps, for callers that have other things to do: starts the process (false:
 * spawn->error, and there is none), and looks for its address for at most `wait_ms`. After FAILED, or
 * when waiting is given up, it is to be ended. */
bool bench_spawn_begin(struct bench_spawn *spawn, const char *info, const struct bench_options *options);
enum bench_spawn_state bench_spawn_poll(struct bench_spawn *spawn, int wait_ms);

/* False as soon as the process has ended; then spawn->error says how. A system call. */
bool bench_spawn_alive(struct bench_spawn *spawn);

/* Whether it ends within a second: a process that has just been killed closes its connections some
 * time before it can be waited for, longer so on a busy machine. */
bool bench_spawn_ended(struct bench_spawn *spawn);

/* Asks it to leave, waits 2 s, then kills. False if it had died or did not leave cleanly. */
bool bench_spawn_stop(struct bench_spawn *spawn);

/* Kills it, whatever its state, and waits for its end. */
void bench_spawn_kill(struct bench_spawn *spawn);

#endif
