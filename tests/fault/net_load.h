/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * A target in a process of its own, calls of all three methods to it, and a ledger in memory that both share, which says how
 * often each call has run. When a load is closed, what its calls were told is checked against the ledger: each ended once,
 * in time, with nothing but the truth. One thread at each side. Everything here fails the case when something goes wrong.
 */
#ifndef NET_LOAD_H
#define NET_LOAD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "quicksilver.h"
#include "tools/bench_fault_ledger.h"

/* What the target is asked for, and how the calls are made. */
struct net_load_options {
    unsigned int window;         /* calls under way at once */
    uint64_t timeout_us;         /* of calls */
    uint64_t attempt_timeout_us; /* 0: none */
    uint32_t attempts_max;       /* of those that may be repeated; 0: the library's default */
    bool rich;                   /* without a bound for repetitions that matters */
    uint64_t silence_limit_us;   /* of the origin's class; 0: none */
    uint64_t hold_us;            /* answers come so much later, any number at once */
    uint32_t requests_max;       /* that the target takes in at once; 0: no limit */
    uint32_t files_max;          /* descriptors that the target may have; 0: no limit */
    int64_t clock_offset_s;      /* of the target's clock to ours, where net_load_clocks_differ() */
};

/* What the target says at its end. */
struct net_report {
    unsigned int held_max; /* requests that were held at once, at most */
    uint64_t expired;      /* these as in struct qs_counters */
    uint64_t shed;
    uint64_t repeats;
    uint64_t cancelled;
};

struct net_call;

struct net_load {
    struct net_load_options options;
    struct bench_fault_ledger ledger;
    pid_t target;
    int target_in;
    int target_out;
    char address[300];

    hg_class_t *hg_class;
    hg_context_t *context;
    hg_addr_t addr;
    hg_id_t ids[BENCH_FAULT_METHODS];

    struct bench_fault_call *made; /* owned: what became of each call */
    struct net_call *calls;        /* owned, by number */
    uint64_t timeout_us;           /* of the next calls */
    uint64_t count;
    uint64_t good;
    unsigned int under_way;
    uint64_t rest_until_ns;  /* after a failure, which may be quick */
    uint64_t first_good_ns;  /* after it was set to 0 */
    uint64_t late_us;        /* after its limit that a call has ended, at most */
    uint64_t retry_after_us; /* that a refusal has named: the least */
};

#define NET_LOAD_CALLS_MAX 200000U

/* The parameter of the suite is tcp or shm, or "wire": tcp between the two sides of netns.sh, the target in side a, or "verbs_wire":
 * between the RDMA devices with the addresses $A and $B. */
void net_load_open(struct net_load *load, const struct net_load_options *options);
/* Lets calls end, ends both sides, and checks. `report` may be NULL. */
void net_load_close(struct net_load *load, struct net_report *report);

/* Makes one call, of the next method in turn. */
void net_load_call(struct net_load *load);
/* A turn: it may sleep for so long. */
void net_load_step(struct net_load *load, unsigned int timeout_ms);
/* Keeps the window full for so long. */
void net_load_run_for(struct net_load *load, uint64_t time_us);
/* Keeps the window full until so many more calls have succeeded; fails the case when that takes 15 s. */
void net_load_run_good(struct net_load *load, uint64_t good);
/* Until no call is under way. */
void net_load_drain(struct net_load *load);

/* Whether a process can be given a clock of its own here. */
bool net_load_clocks_differ(void);

/* What the wire does from now on, as in netns.sh; makes no new calls. */
void net_load_wire(struct net_load *load, const char *what);

/* The target's use of the processor so far, and its memory. */
uint64_t net_load_target_cpu_us(const struct net_load *load);
uint64_t net_load_target_memory(const struct net_load *load);

/* The role of the target, and its arguments from the URI on. */
int net_load_serve(char **argv);
#define NET_LOAD_SERVE_ARGS 4

#endif /* NET_LOAD_H */
