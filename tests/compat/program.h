/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * What the programs of this folder share: checks that end the process and say what and where, other processes
 * with a pipe in each direction, and a class with one context. It knows the public interface only.
 *
 * A process that takes too long ends itself and says what it was waiting for. Processes are for one thread; checks,
 * turns and calls for any.
 */
#ifndef PROGRAM_H
#define PROGRAM_H

#include "mercury.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* --- checks --------------------------------------------------------------------------------------- */

#define CHECK(condition)            ((condition) ? (void)0 : program_fail(__FILE__, __LINE__, "%s does not hold", #condition))
#define CHECK_RET(call, expected)   program_check_ret(__FILE__, __LINE__, #call, (call), (expected))
#define CHECK_OK(call)              CHECK_RET(call, HG_SUCCESS)
#define CHECK_INT(value, expected)  program_check_int(__FILE__, __LINE__, #value, (int64_t)(value), (int64_t)(expected))
#define CHECK_TEXT(value, expected) program_check_text(__FILE__, __LINE__, #value, (value), (expected))
/* At the end of what is not on the stack, where the leak checker would find memory that should have been freed. */
#define FORGET(object) explicit_bzero(&(object), sizeof(object))
/* Makes progress on a context until the condition holds. */
#define WAIT_UNTIL(context, condition)                                     \
    for (program_waits_for(__FILE__, __LINE__, #condition); !(condition);) \
    program_turn(context)

void program_fail(const char *file, int line, const char *format, ...) __attribute__((noreturn, format(printf, 3, 4)));
void program_check_ret(const char *file, int line, const char *what, hg_return_t ret, hg_return_t expected);
void program_check_int(const char *file, int line, const char *what, int64_t value, int64_t expected);
/* NULL equals NULL only. */
void program_check_text(const char *file, int line, const char *what, const char *value, const char *expected);

/* --- processes ------------------------------------------------------------------------------------ */

/* Names this process, starts its clock, and gives the protocol that the command line asks for. */
const char *program_begin(const char *name, int argc, char **argv);
/* Remembers what the process waits for, for the message when its time is up. The text is borrowed. */
void program_waits_for(const char *file, int line, const char *what);

#define PROGRAM_LINE 512

/* Another process of the program, or, for that one, its parent. */
struct program_peer {
    const char *name;
    pid_t pid; /* 0 for the parent */
    int in;    /* lines from it */
    int out;   /* lines to it */
};

/* What such a process does; when it returns, the process ends well. */
typedef void (*program_role_t)(struct program_peer *parent, const char *protocol);

/* Starts a process by fork, so it must come before anything that opens a class here. */
void program_start(struct program_peer *peer, const char *name, program_role_t role, const char *protocol);
/* Sends and receives one line of text. */
void program_say(const struct program_peer *peer, const char *text);
void program_hear(const struct program_peer *peer, char text[PROGRAM_LINE]);
/* Waits for the end of a process, which must be a good one. */
void program_finish(struct program_peer *peer);

/* Open descriptors of this process. */
int program_descriptors(void);
/* The same before a class of the protocol is opened: what RDMA libraries open with their first device, and keep, is counted. */
int program_descriptors_before(const char *protocol);

/* --- a class with one context ----------------------------------------------------------------------- */

struct program_node {
    hg_class_t *hg_class;
    hg_context_t *context;
    hg_id_t stop_id;
    bool stopped; /* somebody called program_stop() */
    int descriptors;
};

/* Opens a class and a context; `info` may be NULL. */
void program_open(struct program_node *node, const char *protocol, bool listen, const struct hg_init_info *info);
/* Closes both, which must succeed and leave no descriptor behind. */
void program_close(struct program_node *node);
/* Own address as text. */
void program_address(hg_class_t *hg_class, char text[PROGRAM_LINE]);
/* Looks up the address that a peer says in its next line. */
hg_addr_t program_meet(struct program_node *node, const struct program_peer *peer);

/* Tells the parent the own address and serves until somebody calls program_stop(). */
void program_serve(struct program_node *node, const struct program_peer *parent);
/* Ends the other side's program_serve(). */
void program_stop(struct program_node *node, hg_addr_t addr);

/* Progress for at most 100 ms, and the callbacks that are due. */
void program_turn(hg_context_t *context);
/* A call from begin to end: forwards, makes progress, and gives what the callback was told. */
hg_return_t program_call(hg_handle_t handle, void *in);
/* The same with a handle that is made for it and handed over for its output; it must end well. */
hg_handle_t program_call_new(struct program_node *node, hg_addr_t addr, hg_id_t id, void *in);

#ifdef __cplusplus
}
#endif

#endif /* PROGRAM_H */
