/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * The simulation: nodes with a class each, on the fake libfabric, that call one another while everything goes wrong that
 * a seed has planned. docs/simulation.md says how to use it and how to add to it.
 *
 * sim_main.c runs seeds; sim_history.c plans one history and plays it; sim_node.c has the nodes' lives and turns;
 * sim_call.c makes calls, sim_serve.c answers them; sim_check.c says what may be true; sim_trace.c tells what happened.
 */
#ifndef SIM_H
#define SIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "quicksilver.h"
#include "tests/support/fake_fi.h"
#include "util/util_clock.h"
#include "util/util_list.h"
#include "util/util_rand.h"

enum {
    SIM_NODES_MAX = 5,
    SIM_CALLS_MAX = 2048,
    SIM_CANARY = 64, /* bytes before and behind memory that peers write to */
    SIM_PATTERN_SIZE = 512 * 1024,
    SIM_BYTES_MAX = 192 * 1024, /* of one payload or transfer */
};

enum sim_kind {
    SIM_ECHO,   /* bytes there, bytes back */
    SIM_QUIET,  /* one-way */
    SIM_SLOW,   /* answered after a while */
    SIM_NESTED, /* answered after a call to a third node */
    SIM_PULL,   /* the target gets the origin's memory */
    SIM_PUSH,   /* the target puts into it */
    SIM_AGAIN,  /* as slow; may be repeated (QS_METHOD_IDEMPOTENT) */
    SIM_ONCE,   /* as slow; is repeated, and runs at most once (QS_METHOD_AT_MOST_ONCE) */
    SIM_KINDS,
};

/* One call, from its plan to its end. The ledger, too: what the target did is noted here. */
struct sim_call {
    uint64_t id; /* its place in sim.calls */
    enum sim_kind kind;
    unsigned int origin, target, third;
    uint32_t in_size, out_size, bulk_size;
    uint64_t timeout_ns; /* 0: none */
    uint64_t hold_ns;    /* how long the target keeps it (SIM_SLOW and its kin) */
    bool nested;         /* made by a handler: it may end with the time limit of the call that the handler serves */
    bool sure;           /* made when all is well: it must succeed */

    /* At the origin. */
    bool forwarded, ended, abandoned; /* abandoned: its node was killed */
    uint64_t forwarded_ns;
    hg_return_t ret;
    enum qs_outcome outcome; /* once it has ended */
    hg_handle_t handle;
    hg_bulk_t bulk;
    unsigned char *memory; /* bulk_size bytes between canaries */
    uint64_t answered_ns;  /* when its whole answer came into the node's queue, if that was seen; else 0 */
    uint64_t wanted;       /* incarnation of the peer that it was meant for; 0: not known when it left */

    /* At the target. */
    unsigned int executed; /* times that a handler ran for it */
    bool moved;            /* the target says that its transfer went well */
};

/* What a target is doing for a call; on its node's list until it has answered. */
struct sim_work {
    struct util_list link;
    struct sim_call *call;
    struct sim_call *inner; /* SIM_NESTED */
    hg_handle_t handle;
    hg_handle_t nested;
    hg_bulk_t remote, local;
    unsigned char *memory;
    uint64_t answer_ns; /* UINT64_MAX: when something else has ended */
};

struct sim_node {
    unsigned int number;
    bool alive;
    bool leaving; /* it has stopped taking requests, and a successor will take its place */
    unsigned int boots;
    hg_class_t *hg_class;
    hg_context_t *context;
    hg_id_t ids[SIM_KINDS];
    hg_addr_t peers[SIM_NODES_MAX];
    struct util_list works;
    uint64_t stalled_until_ns;
    uint64_t turned_ns;        /* when its latest turn was */
    uint64_t turned_before_ns; /* and the one before */
    uint64_t away_ns;          /* the longest time between two */
};

struct sim {
    uint64_t seed;
    struct util_prng prng; /* of the plan and of what nodes choose */
    bool datagrams;
    bool lossy;       /* datagrams may be lost: a call without a time limit might never end */
    bool half_closed; /* a connection ended, and one side does not know */
    bool duplicates;  /* datagrams may come twice: a request may run twice */
    unsigned int node_count;
    struct sim_node nodes[SIM_NODES_MAX];
    struct sim_call calls[SIM_CALLS_MAX];
    unsigned int call_count;
    unsigned int open_calls; /* forwarded and not ended, of living nodes */
    uint64_t hash;           /* of what happened */
    uint64_t faults;
    uint64_t repetitions; /* attempts after the first of a call that may run once only */
    unsigned int steps;
};
extern struct sim sim;
extern unsigned char sim_pattern[SIM_PATTERN_SIZE];

static inline uint64_t sim_below(uint64_t bound)
{
    return util_prng_below(&sim.prng, bound);
}

static inline uint64_t sim_between(uint64_t low, uint64_t high)
{
    return low + sim_below(high - low + 1);
}

/* Whether the library repeats calls of this kind. */
static inline bool sim_repeats(enum sim_kind kind)
{
    return kind == SIM_AGAIN || kind == SIM_ONCE;
}

/* --- sim_trace.c ------------------------------------------------------------------------------------- */

/* Whether lines are kept and printed as they come. */
void sim_trace_start(bool on);
void sim_trace(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Mixes a number into the history's hash, by which two runs of a seed are compared. */
void sim_note(uint64_t number);
/* An invariant is broken: says so, and ends the process. */
_Noreturn void sim_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* --- sim_node.c ---------------------------------------------------------------------------------------- */

void sim_node_boot(struct sim_node *node);
void sim_node_kill(struct sim_node *node);
/* Finalizes; everything must succeed. */
void sim_node_close(struct sim_node *node);
void sim_node_turn(struct sim_node *node);
/* Stops taking requests; sim_node_succeed() ends it and boots its successor. */
void sim_node_leave(struct sim_node *node);
void sim_node_succeed(struct sim_node *node);
/* Limits what the node takes in, by chance; or takes the limits away. */
void sim_node_limit(struct sim_node *node, bool on);
/* When a timer of the node is due; UINT64_MAX: none. */
uint64_t sim_node_next_ns(struct sim_node *node);

/* --- sim_call.c ------------------------------------------------------------------------------------------ */

const unsigned char *sim_input_bytes(const struct sim_call *call);
const unsigned char *sim_output_bytes(const struct sim_call *call);
/* Makes a call with random properties from a node; NULL when there is no room for more. */
struct sim_call *sim_call_plan(unsigned int origin);
void sim_call_forward(struct sim_call *call);
void sim_call_cancel(struct sim_call *call);
/* Frees what a call holds; @handle too. */
void sim_call_release(struct sim_call *call);
/* Checks the memory of all calls that have ended, and frees it. */
void sim_call_free_all(void);

/* What travels. */
struct sim_in {
    uint64_t id;
    uint32_t size;
    unsigned char *data;
    uint8_t has_bulk;
    hg_bulk_t bulk;
};
struct sim_out {
    uint64_t id;
    uint32_t moved;
    uint32_t size;
    unsigned char *data;
};
hg_return_t sim_proc_in(hg_proc_t proc, void *data);
hg_return_t sim_proc_out(hg_proc_t proc, void *data);

/* --- sim_serve.c ------------------------------------------------------------------------------------------ */

/* Registers the RPCs with their handlers. */
void sim_serve_register(struct sim_node *node);
/* Answers what is due. */
void sim_serve_turn(struct sim_node *node);
/* The node is dead: what waits for nothing is dropped. */
void sim_serve_drop(struct sim_node *node);
/* When the next answer is due. */
uint64_t sim_serve_next_ns(const struct sim_node *node);

/* --- sim_check.c -------------------------------------------------------------------------------------------- */

/* A handler begins to run for a call, on this node. */
void sim_check_executed(struct sim_call *call, const struct sim_node *node, const struct sim_in *in);
/* A call has ended with info->ret. */
void sim_check_ended(const struct sim_call *call, const struct sim_node *node);
/* A message is in a node's queue: notes which calls it answers. */
void sim_check_arrival(unsigned int node, const void *bytes, size_t size);
/* HG_Forward has refused a call. */
void sim_check_refused(const struct sim_call *call);
void sim_check_output(const struct sim_call *call, const struct sim_out *out);
/* Everything has come to rest. */
void sim_check_all_ended(void);
/* No node counts requests as here that are not. */
void sim_check_nobody_held(void);
/* Everything is closed. */
void sim_check_nothing_open(void);

/* --- sim_history.c ------------------------------------------------------------------------------------------ */

/* Plays the history of a seed; does not return if something is wrong. */
void sim_history_play(uint64_t seed);

#endif
