/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * The sweep: one scene is played over and over, and each time one thing more goes well before one fails: the n-th
 * allocation, the n-th call of some function below the library. Two classes are opened, make calls of every kind, and are
 * closed. Whatever fails, once, costs at most the step that it happens in: that step says so by an error, its callback
 * runs once if it was forwarded and never otherwise, the steps after it succeed, and nothing is left when all is closed.
 *
 * sweep_scene.c plays the scene; sweep_run.c has the loop over n and the report; sweep_fake.c and sweep_system.c are two
 * programs, with different things below the library.
 */
#ifndef SWEEP_H
#define SWEEP_H

#include <stdbool.h>
#include <stdint.h>

/* What fails. */
struct sweep_point {
    const char *name;    /* of fault_point.h; NULL: allocations */
    const char *what;    /* for the report */
    int error;           /* what it fails with */
    unsigned int stride; /* after the first few, every so manieth only; 0: all */
    bool silent;         /* nobody may hear of it: the call that it happens to may need a time limit */
};

/* What the scene is played on. */
struct sweep_world {
    const struct sweep_point *const *tables; /* each ends with `what` NULL; NULL behind the last */
    const char *target_uri;
    const char *origin_uri;
    bool threaded; /* classes may have a thread of their own */
    bool auto_sm;  /* and shared memory besides */
    /* Around each scene. end checks that nothing of it is left. */
    void (*begin)(void);
    void (*end)(void);
    /* Between two turns of both sides; `idle`: in which no callback ran. Lets time pass. */
    void (*rest)(bool idle);
    /* The time of the library's clock. */
    uint64_t (*now_ns)(void);
};

/* One scene with the n-th failing; 0: nothing fails. Ends the process if a promise is broken. Whether a step failed, and
 * how often the point was passed. */
struct sweep_outcome {
    unsigned int failed;
    uint64_t passed;
};
struct sweep_outcome sweep_play(const struct sweep_world *world, const struct sweep_point *point, uint64_t n);

/* Prints what is wrong and where, and ends the process. */
_Noreturn void sweep_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Whether each step is to be told. */
extern bool sweep_trace;

/* The main function: each point of a world's tables, in a process of its own. Arguments of the program: PARAMETER, which
 * names the world, [--trace] [--only TEXT] [--n N]. */
int sweep_main(int argc, char **argv, const struct sweep_world *(*choose)(const char *parameter));

#endif
