/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */

/**
 * \file mercury_types.h
 * The objects of the RPC layer (opaque) and what its callbacks are given.
 */

#ifndef MERCURY_TYPES_H
#define MERCURY_TYPES_H

#include "mercury_core_types.h"

typedef struct hg_class hg_class_t;     /**< one end of the network: an address, its transport, its RPCs */
typedef struct hg_context hg_context_t; /**< an execution context of a class: its own queue and progress */
typedef struct hg_addr *hg_addr_t;      /**< the address of a peer, counted by reference */
typedef struct hg_handle *hg_handle_t;  /**< one call, counted by reference */
typedef struct hg_bulk *hg_bulk_t;      /**< memory that a peer may read or write, counted by reference */
typedef struct hg_proc *hg_proc_t;      /**< a processor that encodes or decodes, see mercury_proc.h */
typedef struct hg_op_id *hg_op_id_t;    /**< names a bulk transfer that may be cancelled */

/** What a handle knows about its call, see HG_Get_info(). */
struct hg_info {
    hg_class_t *hg_class;  /**< the class that the handle belongs to */
    hg_context_t *context; /**< the context that the handle belongs to */
    hg_addr_t addr;        /**< at the origin the target, at the target the origin; borrowed from the handle */
    hg_id_t id;            /**< the RPC */
    uint8_t context_id;    /**< at the origin the target's context, at the target the origin's */
};

/** Where the memory of a bulk handle lives. */
typedef enum hg_mem_type {
    HG_MEM_TYPE_HOST = NA_MEM_TYPE_HOST, /**< system memory, the default */
    HG_MEM_TYPE_CUDA = NA_MEM_TYPE_CUDA, /**< NVIDIA */
    HG_MEM_TYPE_ROCM = NA_MEM_TYPE_ROCM, /**< AMD */
    HG_MEM_TYPE_ZE = NA_MEM_TYPE_ZE,     /**< Intel Level Zero */
    HG_MEM_TYPE_MAX = NA_MEM_TYPE_MAX,
    HG_MEM_TYPE_UNKNOWN = NA_MEM_TYPE_UNKNOWN
} hg_mem_type_t;

/** Attributes of the memory behind a bulk handle. */
struct hg_bulk_attr {
    hg_mem_type_t mem_type;
    uint64_t device; /**< number of the device; unused for host memory */
};

/** Directions of a bulk transfer, seen from the side that starts it. */
typedef enum hg_bulk_op {
    HG_BULK_PUSH, /**< write to the origin's memory */
    HG_BULK_PULL  /**< read from the origin's memory */
} hg_bulk_op_t;

struct hg_cb_info_lookup {
    hg_addr_t addr; /**< the address that was found; the callback owns it */
};

struct hg_cb_info_forward {
    hg_handle_t handle; /**< the handle that was given to HG_Forward() */
};

struct hg_cb_info_respond {
    hg_handle_t handle; /**< the handle that was given to HG_Respond() */
};

struct hg_cb_info_bulk {
    hg_bulk_t origin_handle; /**< as given to the transfer, valid until the callback returns */
    hg_bulk_t local_handle;  /**< as given to the transfer, valid until the callback returns */
    hg_bulk_op_t op;
    hg_size_t size; /**< bytes moved */
};

/** What a completion callback is given; valid until it returns. */
struct hg_cb_info {
    union {
        struct hg_cb_info_lookup lookup;
        struct hg_cb_info_forward forward;
        struct hg_cb_info_respond respond;
        struct hg_cb_info_bulk bulk;
    } info;            /**< the member that type names */
    void *arg;         /**< the caller's own argument */
    hg_cb_type_t type; /**< what has completed */
    hg_return_t ret;   /**< how it ended */
};

/** Runs an RPC at the target, from HG_Trigger(). It owns one reference of the handle and drops it with HG_Destroy(),
 * now or later. Its return value is ignored. */
typedef hg_return_t (*hg_rpc_cb_t)(hg_handle_t handle);

/** Told that an operation has ended, from HG_Trigger(), exactly once. Its return value is ignored. */
typedef hg_return_t (*hg_cb_t)(const struct hg_cb_info *callback_info);

/** Encodes, decodes or frees one struct, by calling the proc function of each of its fields. */
typedef hg_return_t (*hg_proc_cb_t)(hg_proc_t proc, void *data);

/** "None" of each object. */
#define HG_ADDR_NULL   ((hg_addr_t)0)
#define HG_HANDLE_NULL ((hg_handle_t)0)
#define HG_BULK_NULL   ((hg_bulk_t)0)
#define HG_PROC_NULL   ((hg_proc_t)0)
#define HG_OP_ID_NULL  ((hg_op_id_t)0)
/** Given instead of a place for the operation id: the caller will never cancel. */
#define HG_OP_ID_IGNORE ((hg_op_id_t *)1)

#endif /* MERCURY_TYPES_H */
