/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * A target and an origin in one process, over a real transport: two classes, the RPCs that the tests
 * use, and calls that wait with a limit. By default both are driven by the calling thread, turn by turn, so
 * that a test decides when which side moves; the target may have a thread of its own instead.
 *
 * The provider is support_suite_parameter(): "tcp", "tcp;ofi_rxm", "net" or "shm"; with "+sm" behind it, the
 * classes have shared memory besides (auto_sm). One that is not on this machine skips the case, except for tcp and
 * shm, which must be there.
 *
 * Everything here fails the case when something goes wrong, so nothing returns an error.
 */
#ifndef SUPPORT_HG_PAIR_H
#define SUPPORT_HG_PAIR_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "quicksilver.h"
#include "tests/support/support_guard.h"
#include "tests/support/support_suite.h"

#define HG_PAIR_CONTEXTS_MAX 4U
#define HG_PAIR_HELD_MAX     4096U
/* How long anything may take. */
#define HG_PAIR_LIMIT_S 15U

/* Bytes with their number in front. Decoded ones are freed by the proc. */
struct hg_pair_blob {
    uint64_t size;
    unsigned char *data;
};

/* Asks for out_size bytes of pattern seed + 1, and brings bytes of pattern seed. */
struct hg_pair_move_in {
    uint64_t seed;
    uint64_t out_size;
    struct hg_pair_blob blob;
};
struct hg_pair_move_out {
    uint32_t good; /* the input was what it should be */
    struct hg_pair_blob blob;
};

/* The RPCs, registered in both classes. Their data is the pair. */
enum hg_pair_rpc {
    HG_PAIR_ECHO,  /* blob in, the same blob out */
    HG_PAIR_MOVE,  /* see above */
    HG_PAIR_HOLD,  /* blob in, kept until hg_pair_answer; answers with the blob */
    HG_PAIR_DROP,  /* destroyed without an answer */
    HG_PAIR_QUIET, /* one-way, blob in */
    HG_PAIR_EMPTY, /* no input, no output */
    HG_PAIR_RPCS,
};

struct hg_side {
    hg_class_t *hg_class;
    hg_context_t *contexts[HG_PAIR_CONTEXTS_MAX];
    unsigned int context_count;
    hg_id_t ids[HG_PAIR_RPCS];
};

struct hg_pair_options {
    bool threaded; /* the target's context 0 has a thread of its own */
    bool origin_listens;
    bool silent_target;              /* nobody drives the target until hg_pair_step_target */
    unsigned int target_contexts;    /* 0: one */
    unsigned int origin_contexts;    /* 0: one */
    const struct hg_init_info *init; /* for both classes; NULL: defaults */
};

struct hg_pair {
    struct hg_pair_options options;
    struct hg_side target;
    struct hg_side origin;
    hg_addr_t addr; /* of the target, at the origin */
    int fds_before;

    /* What the handlers saw; any thread. */
    atomic_uint echoed;
    atomic_uint quiet_count;
    atomic_ullong quiet_bytes;
    atomic_uint bad_inputs;
    pthread_mutex_t lock; /* held, held_count */
    hg_handle_t held[HG_PAIR_HELD_MAX];
    atomic_uint held_count;

    pthread_t thread;
    atomic_bool stop;
};

/* A call and what became of it. */
struct hg_pair_call {
    struct hg_pair *pair;
    hg_handle_t handle;
    atomic_uint calls; /* of the callback */
    hg_return_t ret;
    bool read_blob;          /* the callback reads the output as a blob into `out` */
    struct hg_pair_blob out; /* freed by hg_pair_call_end */
    hg_return_t read_ret;
};

/* --- life ---------------------------------------------------------------------------------------- */

/* The info string for the provider, on the loopback interface. */
const char *hg_pair_uri(void);
/* HG_Init_opt2 with what the parameter asks for besides; NULL when it fails. */
hg_class_t *hg_pair_try_init(const char *uri, bool listen, const struct hg_init_info *init);
/* The same on hg_pair_uri(); skips the case where the provider is missing. */
hg_class_t *hg_pair_init(bool listen, const struct hg_init_info *init);

/* `options` may be NULL. */
void hg_pair_open(struct hg_pair *pair, const struct hg_pair_options *options);
/* Answers what is held, destroys and finalizes everything; all must succeed. */
void hg_pair_close(struct hg_pair *pair);
/* The same in parts, for tests that end one side early. */
void hg_pair_close_origin(struct hg_pair *pair);
void hg_pair_close_target(struct hg_pair *pair);

void hg_pair_register(struct hg_pair *pair, struct hg_side *side);
/* A further RPC, served by the target alone. */
hg_id_t hg_pair_register_both(struct hg_pair *pair, const char *name, hg_proc_cb_t in, hg_proc_cb_t out,
                              hg_rpc_cb_t handler);

#define HG_PAIR_TEXT 512U
/* The address of a class, as text. */
void hg_pair_address(hg_class_t *hg_class, char text[HG_PAIR_TEXT]);
/* The address of one class, looked up at another. */
hg_addr_t hg_pair_lookup(hg_class_t *who, hg_class_t *whom);

/* --- turns --------------------------------------------------------------------------------------- */

/* One round of HG_Progress(0) and HG_Trigger on a context; how many callbacks ran. */
unsigned int hg_pair_step(hg_context_t *context);
unsigned int hg_pair_step_target(struct hg_pair *pair);
unsigned int hg_pair_step_origin(struct hg_pair *pair);
/* Both sides, as the options say. */
void hg_pair_turn(struct hg_pair *pair);
/* So many turns of one side at a time, the target first. */
void hg_pair_alternate(struct hg_pair *pair, unsigned int turns);
/* Turns until nothing has happened for a while: 20 ms of real time. */
void hg_pair_settle(struct hg_pair *pair);

struct hg_pair_patience {
    uint64_t end_us;
};
/* Fails the case when the patience is at its end. */
void hg_pair_patience_check(struct hg_pair_patience *patience, const char *what);

/* Turns until the condition is true. */
#define HG_PAIR_UNTIL(pair, condition)                                 \
    for (struct hg_pair_patience hg_pair_patience = {0}; !(condition); \
         hg_pair_patience_check(&hg_pair_patience, #condition))        \
    hg_pair_turn(pair)

/* --- calls --------------------------------------------------------------------------------------- */

/* A handle for `rpc` at the target. */
void hg_pair_call_begin(struct hg_pair *pair, struct hg_pair_call *call, enum hg_pair_rpc rpc);
/* HG_Forward with hg_pair_call_cb; must succeed. */
void hg_pair_call_forward(struct hg_pair_call *call, void *in);
/* A call of another RPC than those above; its handle is ended with the call. */
void hg_pair_call_start_id(struct hg_pair *pair, struct hg_pair_call *call, hg_id_t id, void *in);
/* hg_pair_call_begin and hg_pair_call_forward. */
void hg_pair_call_start(struct hg_pair *pair, struct hg_pair_call *call, enum hg_pair_rpc rpc, void *in);
/* Waits for the callback and makes sure that it came once; what it told. */
hg_return_t hg_pair_call_wait(struct hg_pair_call *call);
/* Destroys the handle and what was read. */
void hg_pair_call_end(struct hg_pair_call *call);
hg_return_t hg_pair_call_cb(const struct hg_cb_info *info);
/* Waits for the callback, checks what it told, and ends the call. */
#define HG_PAIR_FINISH(call, expected) (HG_PAIR_RET(hg_pair_call_wait(call), (expected)), hg_pair_call_end(call))
/* The same where a cancel and the answer are in a race: HG_CANCELED or HG_SUCCESS. Whether it was cancelled. */
bool hg_pair_call_finish_raced(struct hg_pair_call *call);

/* A whole call of HG_PAIR_ECHO with some bytes, checked: the pair works. */
void hg_pair_check_works(struct hg_pair *pair);
/* A whole call of HG_PAIR_MOVE, checked. */
void hg_pair_move(struct hg_pair *pair, uint64_t in_size, uint64_t out_size);

/* Answers the oldest handle held. False when none is held. */
bool hg_pair_answer(struct hg_pair *pair);
/* The oldest handle held, without answering it; NULL: none. The caller answers and destroys it. */
hg_handle_t hg_pair_take_held(struct hg_pair *pair);
/* Waits for a handle to be held, which must be the only one, and takes it. */
hg_handle_t hg_pair_wait_held(struct hg_pair *pair);
/* hg_pair_call_start of HG_PAIR_HOLD, and hg_pair_wait_held. */
hg_handle_t hg_pair_call_hold(struct hg_pair *pair, struct hg_pair_call *call, struct hg_pair_blob *in);
/* For a handler whose input is a bulk handle: pulls all of its memory into some of the library's own, with `done` as the
 * callback and the handle as its argument; by HG_Bulk_transfer, or by HG_Bulk_transfer_id with the origin's context. What
 * the transfer returned. */
hg_return_t hg_pair_pull(hg_handle_t handle, hg_cb_t done, bool by_id);
/* Answers a handle that was taken, and destroys it. */
void hg_pair_respond(hg_handle_t held, struct hg_pair_blob *out);

/* --- data ---------------------------------------------------------------------------------------- */

void hg_pair_fill(unsigned char *data, size_t size, uint64_t seed);
bool hg_pair_is_filled(const unsigned char *data, size_t size, uint64_t seed);
hg_return_t hg_pair_proc_blob(hg_proc_t proc, void *data);
hg_return_t hg_pair_proc_move_in(hg_proc_t proc, void *data);
hg_return_t hg_pair_proc_move_out(hg_proc_t proc, void *data);

/* The pair behind a handle at either side. */
struct hg_pair *hg_pair_of(hg_handle_t handle);

/* The counters of a class. */
struct qs_counters hg_pair_counters(const hg_class_t *hg_class);

/* Checks that a call returned a certain code, and says which it was if not. */
#define HG_PAIR_RET(expression, expected) hg_pair_ret((expression), (expected), #expression, __FILE__, __LINE__)
void hg_pair_ret(hg_return_t ret, hg_return_t expected, const char *what, const char *file, int line);
#define HG_PAIR_OK(expression) HG_PAIR_RET(expression, HG_SUCCESS)

#endif /* SUPPORT_HG_PAIR_H */
