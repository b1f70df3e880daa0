/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */

/**
 * @file na_transport.h
 * What a transport gives to na_transport.c: a table of functions, and structs that begin with the bases below.
 *
 * The functions of na.h are thin: they find the object's table and call through it, or read a field
 * of the base. A transport fills in the bases when it opens an object and then only reads them; the
 * contract of each function is that of its namesake in na.h. A new transport adds its table to the
 * list in na_transport.c and nothing else.
 *
 * Only na_transport.c and the transports include this file.
 */

#ifndef NA_NA_TRANSPORT_H
#define NA_NA_TRANSPORT_H

#include "na/na.h"

struct na_transport {
    const char *name; /**< for log lines: "ofi" */

    /** True if this transport serves @p protocol (without `ofi+`). Asked in the order of the list. */
    bool (*serves)(const char *protocol);
    /** Writes the protocols that it knows by name, comma-separated, for messages. */
    void (*protocols)(char *text, size_t size);

    int (*class_open)(const struct na_config *config, struct na_class **class_out);
    void (*class_close)(struct na_class *na_class);
    void (*class_stop_listening)(struct na_class *na_class); /**< NULL: what the contexts do is enough */
    int (*class_resolve)(struct na_class *na_class, const char *text, char canonical[NA_ADDRESS_MAX]);

    int (*context_open)(struct na_class *na_class, uint8_t index, const struct na_upcalls *upcalls, void *arg,
                        struct na_context **context_out);
    void (*context_close)(struct na_context *context, uint32_t linger_ms);
    void (*context_stop_listening)(struct na_context *context);

    int (*route_open)(struct na_context *context, const char *address, uint8_t target_context, void *user,
                      struct na_route **route_out);
    void (*route_lost)(struct na_route *route); /**< NULL where routes are connections, whose end is known */
    void (*route_close)(struct na_route *route);
    void (*route_cut)(struct na_route *route); /**< NULL: route_close does it */

    struct na_frame *(*frame_get)(struct na_context *context);
    void (*frame_put)(struct na_context *context, struct na_frame *frame);
    int (*send)(struct na_route *route, struct na_frame *frame);
    size_t (*room)(struct na_route *route); /**< NULL: no bound */

    int (*mem_register)(struct na_class *na_class, const struct na_segment *segments, uint32_t count, unsigned access,
                        enum na_mem_kind kind, uint64_t device, struct na_mem **mem_out);
    void (*mem_deregister)(struct na_mem *mem);
    void (*mem_describe)(const struct na_mem *mem, uint32_t index, struct na_remote_segment *out);

    int (*rma_post)(struct na_rma *rma);
    void (*rma_cancel)(struct na_rma *rma);

    int (*progress)(struct na_context *context);
    bool (*wait_prepare)(struct na_context *context);
    void (*wait_finish)(struct na_context *context);
    void (*wake)(struct na_context *context);
    uint64_t (*next_deadline_ns)(const struct na_context *context);

    int (*list)(const char *protocol, struct na_transport_info **list, size_t *count);
    const char *(*version)(void); /**< of the library underneath; NULL without one */
};

/** The first field of a transport's class. Constant after class_open, but for context_count. */
struct na_class {
    const struct na_transport *transport;
    struct na_limits limits;
    char address[NA_ADDRESS_MAX];
    char protocol[64];
    char provider[64];
    bool listens;
};

/** The first field of a transport's context. Constant after context_open. */
struct na_context {
    const struct na_transport *transport;
    struct na_class *na_class; /**< borrowed: the class outlives its contexts */
    const struct na_upcalls *upcalls;
    void *arg; /**< for the upcalls */
    int wait_fd;
    uint8_t index;
    char address[NA_ADDRESS_MAX];
};

/** The first field of a transport's route. Guarded by the context's serialisation. */
struct na_route {
    const struct na_transport *transport;
    struct na_context *context; /**< borrowed */
    void *user;
    uint8_t target_context;
    char text[NA_ADDRESS_MAX];
};

/** The first field of a transport's registration. */
struct na_mem {
    const struct na_transport *transport;
    struct na_class *na_class; /**< borrowed */
};

/** For transports: fills in the base of a context of @p na_class, without a wait descriptor and with the class's address. */
void na_context_base_init(struct na_context *context, struct na_class *na_class, uint8_t index,
                          const struct na_upcalls *upcalls, void *arg);

/** Shared memory. */
extern const struct na_transport shm_transport;
/** libfabric. */
extern const struct na_transport ofi_transport;

#endif
