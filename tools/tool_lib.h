/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * What the tools ask of the library beyond Mercury's API: who it is and what this machine offers.
 *
 * Two files implement it. tool_lib_qs.c asks Quicksilver (quicksilver.h); tool_lib_mercury.c makes
 * do with Mercury's own API, so that the same benchmark can be built against Mercury and both be
 * measured by one harness. Nothing else in tools/ includes quicksilver.h.
 */
#ifndef TOOLS_TOOL_LIB_H
#define TOOLS_TOOL_LIB_H

#include <mercury.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One way to reach others from this machine. All strings are owned by the list; NULL = not known. */
struct tool_transport {
    const char *protocol; /* as written in an address: tcp, shm, verbs */
    const char *provider; /* libfabric's name */
    const char *domain;
    const char *device; /* libfabric's fabric or the interface */
    const char *address;
    bool usable;
    const char *why; /* why it is not usable */
};

/* "Quicksilver" or "Mercury". */
const char *tool_lib_name(void);

/* Of the library that is linked, and of the libfabric that it runs on ("unknown" if it can't say). */
const char *tool_lib_version(void);
const char *tool_lib_fabric_version(void);

/* A sentence or list of what was compiled in. */
const char *tool_lib_features(void);

/* Why the last call failed, in words; "" if the library does not say. */
const char *tool_lib_detail(void);

/* Lets tool_lib_detail() say why the call of this handle has failed. */
void tool_lib_note_failure(hg_handle_t handle);

/* Whether messages for one peer may leave together; false when the library cannot do as asked. */
bool tool_lib_set_batching(hg_class_t *hg_class, bool batching);

/* What a repetition of a call means, and what is known of one that has ended: as in quicksilver.h. */
enum tool_method { TOOL_METHOD_ONCE, TOOL_METHOD_IDEMPOTENT, TOOL_METHOD_AT_MOST_ONCE };
enum tool_outcome {
    TOOL_OUTCOME_UNKNOWN,
    TOOL_OUTCOME_NOT_SENT,
    TOOL_OUTCOME_NOT_EXECUTED,
    TOOL_OUTCOME_EXECUTED,
    TOOL_OUTCOMES
};

/* How the calls of an RPC are made. */
struct tool_calls {
    enum tool_method method;
    uint64_t timeout_us;         /* of a call */
    uint32_t attempts_max;       /* this and the next: 0 for the library's default */
    uint64_t attempt_timeout_us; /* after which it is tried again */
    uint64_t pause_us;           /* the bound of the first pause between attempts */
};

/* Whether the library says of a failed call what became of it; else the next three fail. */
bool tool_lib_has_outcomes(void);
bool tool_lib_set_calls(hg_class_t *hg_class, hg_id_t id, const struct tool_calls *how);
/* A forward that always has bounds. */
hg_return_t tool_lib_forward(hg_handle_t handle, hg_cb_t callback, void *arg, void *in_struct);
/* Of the handle's last call. */
bool tool_lib_result(hg_handle_t handle, enum tool_outcome *outcome, uint32_t *attempts);

/* Everything that hg_info lists: 0 and an array for tool_lib_transports_free, or why not. */
hg_return_t tool_lib_transports(struct tool_transport **list, size_t *count);
void tool_lib_transports_free(struct tool_transport *list, size_t count);

#endif
