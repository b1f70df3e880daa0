/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * The closed load: `window` calls in flight, each started again from its own callback, for a given
 * time. What one call is comes from a `struct bench_call_ops` (bench_echo.c, bench_move.c).
 *
 * A call's latency runs from before HG_Forward (so it includes encoding) to after its output has
 * been decoded, and the end of one is the start of the next: one clock reading per call. With
 * --no-latency the clock is read once in some turns only, and when the window drains. Failed calls are
 * counted by status and enter neither rate nor latency.
 */
#ifndef TOOLS_BENCH_LOAD_H
#define TOOLS_BENCH_LOAD_H

#include "tools/bench_client.h"
#include "util/util_hist.h"

#include <stdbool.h>
#include <stdint.h>

struct bench_load;

enum bench_slot_state {
    BENCH_SLOT_IDLE,
    BENCH_SLOT_FLYING /* forwarded, its callback is to come */
};

/* One of the calls in flight. */
struct bench_slot {
    struct bench_load *load;
    hg_handle_t handle;
    enum bench_slot_state state;
    uint64_t start_ns;
    uint64_t seed;  /* of this call's pattern */
    void *buf;      /* owned by the ops: the call's payload or bulk memory */
    hg_bulk_t bulk; /* owned by the ops */
};

/* What a call of a test is. All are called by the one thread that runs the load. */
struct bench_call_ops {
    /* The RPC to create handles for. */
    hg_id_t (*rpc_id)(const struct bench_client *client);
    /* Makes the slot's memory; close undoes it, and takes a slot that open refused. */
    hg_return_t (*open)(struct bench_slot *slot);
    void (*close)(struct bench_slot *slot);
    /* With --verify, before the clock starts: writes the pattern of slot->seed. */
    void (*prepare)(struct bench_slot *slot);
    /* HG_Forward with `callback` and the slot as its argument. */
    hg_return_t (*forward)(struct bench_slot *slot, hg_cb_t callback);
    /* Decodes the output of a call that succeeded. *bad_offset stays BENCH_RPC_NO_OFFSET unless
     * --verify found a wrong byte. */
    hg_return_t (*finish)(struct bench_slot *slot, uint64_t *bad_offset);
};

/* What a test is; copied by bench_load_open. */
struct bench_load_config {
    const struct bench_call_ops *ops;
    uint64_t size;
    unsigned int window;
    hg_bulk_op_t op; /* move only */
    bool verify;
};

/* What a run gave. */
struct bench_sample {
    uint64_t ops; /* calls that succeeded */
    uint64_t elapsed_ns;
    uint64_t errors[HG_RETURN_MAX]; /* by status */
    uint64_t wrong;                 /* calls whose bytes were wrong */
    uint64_t bad_offset;            /* of the first of them */
    bool gave_up;                   /* stalled, or the server is gone: no further run makes sense */
    char why[256];                  /* with gave_up */
};

struct bench_load {
    struct bench_client *client; /* borrowed */
    struct bench_load_config config;
    struct bench_slot *slots; /* owned, config.window of them */
    void *reply;              /* owned: echoed bytes are decoded into it */

    unsigned int flying;
    uint64_t now_ns;  /* as the loop saw it last */
    uint64_t end_ns;  /* no call starts at or after this */
    uint64_t last_ns; /* the last callback, or the start */
    uint64_t next_seed;
    unsigned int failures_in_row;
    bool stop;                   /* start nothing any more */
    struct bench_sample *sample; /* of the run under way */
    struct util_hist *hist;      /* of the run under way; NULL while warming up, or with --no-latency */
};

/* Makes handles and memory for the window. On failure false and `error`; nothing is left open. */
bool bench_load_open(struct bench_load *load, struct bench_client *client, const struct bench_load_config *config,
                     char *error, size_t error_size);

/* Keeps the window full for `duration_ns`, then lets it drain. Latencies go to `hist` (NULL: they
 * are thrown away), everything else to *sample. */
void bench_load_run(struct bench_load *load, uint64_t duration_ns, struct util_hist *hist, struct bench_sample *sample);

/* Takes a load whose calls never came back: their memory stays, and client->lost is raised. */
void bench_load_close(struct bench_load *load);

extern const struct bench_call_ops bench_echo_ops;
extern const struct bench_call_ops bench_move_ops;

#endif
