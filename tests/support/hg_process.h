/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Other processes for tests over real transports: the test program once more, started in a role before any
 * transport was opened in it. Everything here fails the case when something goes wrong.
 */
#ifndef SUPPORT_HG_PROCESS_H
#define SUPPORT_HG_PROCESS_H

#include <sys/types.h>

#include "tests/support/hg_pair.h"

/* Another process: it writes one line on its stdout when it is ready, and ends when its stdin does. */
struct hg_process {
    pid_t pid;
    int in;  /* to its stdin */
    int out; /* from its stdout */
    char line[300];
};

/* Starts this program as `--role ROLE ARGUMENT PARAMETER` and reads its line; "skip WHY" skips the case. */
void hg_process_start(struct hg_process *process, const char *role, const char *argument, const char *parameter);
/* Ends it by a signal, or, with 0, by closing its stdin: then it must exit with 0. */
void hg_process_end(struct hg_process *process, int signal_number);

/* Whether it has ended by itself. hg_process_end() is still to be called. */
bool hg_process_has_ended(const struct hg_process *process);

/* In a role: opens one side of a pair with one context; says "skip WHY" and exits where that is not possible. */
void hg_process_open_side(struct hg_pair *pair, struct hg_side *side, const char *uri, bool listen);
/* A role: serves the RPCs of the pair at an info string, says its address, and returns when stdin ends. */
int hg_process_serve(const char *uri);

#endif /* SUPPORT_HG_PROCESS_H */
