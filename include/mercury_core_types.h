/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */

/**
 * \file mercury_core_types.h
 * Types and constants that need no other type of the RPC layer: sizes and ids, the options of HG_Init_opt2(), return
 * codes, and the enumerations of operations. The HG_Core_* calls are not provided.
 */

#ifndef MERCURY_CORE_TYPES_H
#define MERCURY_CORE_TYPES_H

#include "mercury_config.h"
#include "na_types.h"

typedef uint64_t hg_size_t; /**< a number of bytes */
typedef uint64_t hg_id_t;   /**< identifies a registered RPC; 0 is none */

/** How much of what a class sends is protected by checksums. The receiver checks what comes with one, whatever its own
 * level. A call whose input or output was damaged ends with HG_CHECKSUM_ERROR. Bulk data is never covered. */
typedef enum hg_checksum_level {
    HG_CHECKSUM_NONE,        /**< nothing */
    HG_CHECKSUM_RPC_HEADERS, /**< the message headers */
    HG_CHECKSUM_RPC_PAYLOAD  /**< headers and encoded arguments of any size */
} hg_checksum_level_t;

/**
 * Options of HG_Init_opt() and HG_Init_opt2(). Start from HG_INIT_INFO_INITIALIZER and change what you need. The
 * library copies the struct and the strings before the call returns. An option that cannot be honoured makes the call
 * fail with a log message, it is never ignored in silence.
 */
struct hg_init_info {
    /** Options of the transport, see na_types.h. */
    struct na_init_info_4_0 na_init_info;

    /** Must be NULL: the network layer of Mercury cannot be shared with this library. */
    na_class_t *na_class;

    /** Handles for requests that a listening context makes when it is created; 0 = none, they are made as needed. */
    uint32_t request_post_init;
    /** How many more are made when all are in use; 0 = one. -1 = none: a request beyond request_post_init handles (0: 512)
     * ends at its origin with HG_AGAIN. One-way requests, which could not be told, and calls to oneself are run all the
     * same. */
    int32_t request_post_incr;

    /** Use shared memory to peers on the same host (more exactly: in the same network namespace, with processes of the same
     * user or of root) that were opened with this option as well; all others are reached as without it. Nothing else
     * changes: the class keeps its address, protocol and eager sizes, and a peer is one address, whichever way it comes.
     * Descriptors of bulk handles are 20 bytes longer for one segment. Means nothing where the class's own transport is
     * shared memory. */
    uint8_t auto_sm;

    /** Info string of the shared-memory part when auto_sm is set, `na+sm` or `shm`; NULL = the default. Another protocol is
     * refused, and so is any without auto_sm. A name in it has no effect (the log says so): peers are found by the class's address. */
    const char *sm_info_string;

    /** What is protected by checksums in the messages that this class sends. */
    hg_checksum_level_t checksum_level;

    /** Never put small read-only bulk data into its descriptor. */
    uint8_t no_bulk_eager;

    /** Send calls to one's own address through the transport, too. */
    uint8_t no_loopback;

    /** Print counters when the class is finalized. */
    uint8_t stats;

    /** Receive into buffers of one frame each, also where the fabric can put many frames into one. */
    uint8_t no_multi_recv;
    /** Give the buffer of a request back as soon as HG_Get_input() has decoded it. HG_Get_input() then works once. */
    uint8_t release_input_early;

    /** Traffic class; HG_Init() fails where the fabric has no such class. */
    enum na_traffic_class traffic_class;
    /** Payloads that do not fit in an eager message fail with HG_OVERFLOW instead of moving by other means. */
    bool no_overflow;

    /** Large receive buffers of a context, or as much memory in buffers of one frame each; 0 = 4. Never more than the
     * provider has room for: 256 frames over rxm. Shared memory needs no receive buffers. */
    unsigned int multi_recv_op_max;
    /** Kept for programs that set it: requests are always copied out of the receive buffers, so a slow handler never
     * holds one. Must not exceed multi_recv_op_max. */
    unsigned int multi_recv_copy_threshold;
};

/** Return codes. A function returns HG_SUCCESS or the code that says why it did nothing. */
#define HG_RETURN_VALUES                                                   \
    X(HG_SUCCESS)        /**< done */                                      \
    X(HG_PERMISSION)     /**< not permitted */                             \
    X(HG_NOENTRY)        /**< no such thing, such as an unknown RPC id */  \
    X(HG_INTERRUPT)      /**< interrupted */                               \
    X(HG_AGAIN)          /**< try again */                                 \
    X(HG_NOMEM)          /**< out of memory */                             \
    X(HG_ACCESS)         /**< access denied */                             \
    X(HG_FAULT)          /**< bad memory address, or the process forked */ \
    X(HG_BUSY)           /**< in use */                                    \
    X(HG_EXIST)          /**< exists already */                            \
    X(HG_NODEV)          /**< no such device */                            \
    X(HG_INVALID_ARG)    /**< bad argument */                              \
    X(HG_PROTOCOL_ERROR) /**< a message that breaks the protocol */        \
    X(HG_OVERFLOW)       /**< does not fit, or ends too early */           \
    X(HG_MSGSIZE)        /**< message or buffer size wrong */              \
    X(HG_PROTONOSUPPORT) /**< protocol unknown or unusable here */         \
    X(HG_OPNOTSUPPORTED) /**< not supported for this object */             \
    X(HG_ADDRINUSE)      /**< address in use by another */                 \
    X(HG_ADDRNOTAVAIL)   /**< not an address of this host */               \
    X(HG_HOSTUNREACH)    /**< the peer cannot be reached or has died */    \
    X(HG_TIMEOUT)        /**< time is up */                                \
    X(HG_CANCELED)       /**< cancelled */                                 \
    X(HG_IO_ERROR)       /**< the transport failed */                      \
    X(HG_HOSTFIREWALL)   /**< the peer is behind a firewall */             \
    X(HG_CHECKSUM_ERROR) /**< damaged data */                              \
    X(HG_NA_ERROR)       /**< other error of the transport */              \
    X(HG_OTHER_ERROR)    /**< any other error */                           \
    X(HG_RETURN_MAX)

#define X(a) a,
typedef enum hg_return { HG_RETURN_VALUES } hg_return_t;
#undef X

/** Names of older versions. */
#define HG_INVALID_PARAM HG_INVALID_ARG
#define HG_SIZE_ERROR    HG_MSGSIZE
#define HG_NOMEM_ERROR   HG_NOMEM
#define HG_NO_MATCH      HG_NOENTRY

/** What a callback reports about; it tells which member of hg_cb_info.info is valid. */
typedef enum hg_cb_type {
    HG_CB_LOOKUP,  /**< HG_Addr_lookup1() */
    HG_CB_FORWARD, /**< HG_Forward() */
    HG_CB_RESPOND, /**< HG_Respond() */
    HG_CB_BULK     /**< HG_Bulk_transfer() and its relatives */
} hg_cb_type_t;

/** The two payloads of a call. */
typedef enum { HG_UNDEF, HG_INPUT, HG_OUTPUT } hg_op_t;

/** What a processor does with the data that a proc function hands to it. */
typedef enum {
    HG_ENCODE, /**< from the struct into the buffer */
    HG_DECODE, /**< from the buffer into the struct */
    HG_FREE    /**< release what decoding has allocated; the buffer is not touched */
} hg_proc_op_t;

#define HG_CORE_SM (1 << 0)

/** Counters of a class since HG_Init(), see HG_Class_get_counters(). */
struct hg_diag_counters {
    uint64_t rpc_req_sent_count;        /**< requests sent */
    uint64_t rpc_req_recv_count;        /**< requests received */
    uint64_t rpc_resp_sent_count;       /**< responses sent */
    uint64_t rpc_resp_recv_count;       /**< responses received */
    uint64_t rpc_req_extra_count;       /**< requests larger than an eager message */
    uint64_t rpc_resp_extra_count;      /**< responses larger than an eager message */
    uint64_t rpc_req_recv_active_count; /**< requests received whose handles are still held */
    uint64_t rpc_multi_recv_copy_count; /**< requests copied out of a receive buffer */
    uint64_t bulk_count;                /**< bulk transfers started */
};

/** API versions as numbers that compare. */
#define HG_VERSION(major, minor) (((major) << 16) | (minor))
#define HG_MAJOR(version)        ((version) >> 16)
#define HG_MINOR(version)        ((version)&0xffff)
#define HG_VERSION_GE(v1, v2)    ((v1) >= (v2))
#define HG_VERSION_LT(v1, v2)    ((v1) < (v2))

/** The longest time-out that makes sense to give to HG_Progress(), in milliseconds: an hour. */
#define HG_MAX_IDLE_TIME (3600 * 1000)

/** The largest hg_size_t. */
#define HG_SIZE_MAX (UINT64_MAX)

/** A struct hg_init_info with every option at its default. */
#ifdef __cplusplus
static inline struct hg_init_info hg_init_info_initializer(void)
{
    struct hg_init_info info = {};
    info.na_init_info = NA_INIT_INFO_INITIALIZER_4_0;
    return info;
}
#define HG_INIT_INFO_INITIALIZER (hg_init_info_initializer())
#else
#define HG_INIT_INFO_INITIALIZER                                                                                   \
    (struct hg_init_info)                                                                                          \
    {                                                                                                              \
        .na_init_info = NA_INIT_INFO_INITIALIZER_4_0, .na_class = NULL, .request_post_init = 0,                    \
        .request_post_incr = 0, .auto_sm = false, .sm_info_string = NULL, .checksum_level = HG_CHECKSUM_NONE,      \
        .no_bulk_eager = false, .no_loopback = false, .stats = false, .no_multi_recv = false,                      \
        .release_input_early = false, .traffic_class = NA_TC_UNSPEC, .no_overflow = false, .multi_recv_op_max = 0, \
        .multi_recv_copy_threshold = 0                                                                             \
    }
#endif

#endif /* MERCURY_CORE_TYPES_H */
