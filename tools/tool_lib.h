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

/* Whether messages for one peer may leave together; false when the library cannot do as asked. */
bool tool_lib_set_batching(hg_class_t *hg_class, bool batching);

/* Everything that hg_info lists: 0 and an array for tool_lib_transports_free, or why not. */
hg_return_t tool_lib_transports(struct tool_transport **list, size_t *count);
void tool_lib_transports_free(struct tool_transport *list, size_t count);

#endif
