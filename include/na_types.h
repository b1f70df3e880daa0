/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */

/**
 * \file na_types.h
 * The types, constants and return codes of Mercury's network layer that appear in the HG interface: a program fills
 * struct na_init_info_4_0 inside struct hg_init_info, and lists protocols through struct na_protocol_info. The
 * NA_* calls themselves are not provided; a class is opened through HG_Init() only.
 */

#ifndef NA_TYPES_H
#define NA_TYPES_H

#include "mercury_config.h"

#include <limits.h>

/** Opaque types of the network layer. No function of this library gives or takes one, apart from
 * hg_init_info.na_class, which must be NULL. */
typedef struct na_class na_class_t;
typedef struct na_context na_context_t;
typedef struct na_addr na_addr_t;
typedef struct na_op_id na_op_id_t;
typedef struct na_mem_handle na_mem_handle_t;
typedef uint32_t na_tag_t;
typedef uint64_t na_offset_t;

/** Which kind of address to prefer when a host name or interface has several. */
enum na_addr_format {
    NA_ADDR_UNSPEC, /**< the transport chooses */
    NA_ADDR_IPV4,   /**< IPv4 where there is one */
    NA_ADDR_IPV6,   /**< IPv6 where there is one */
    NA_ADDR_NATIVE  /**< the fabric's own form, not IP */
};

enum na_addr_flags { NA_ADDR_FIREWALL = (1 << 0) };

/** What kind of traffic the fabric should treat messages as, where it can. */
enum na_traffic_class {
    NA_TC_UNSPEC,           /**< the transport chooses */
    NA_TC_BEST_EFFORT,      /**< ordinary traffic */
    NA_TC_LOW_LATENCY,      /**< short messages first */
    NA_TC_BULK_DATA,        /**< throughput before latency */
    NA_TC_DEDICATED_ACCESS, /**< a reserved share */
    NA_TC_SCAVENGER,        /**< whatever is left over */
    NA_TC_NETWORK_CTRL      /**< management, needs privilege */
};

/** Where memory lives. */
enum na_mem_type {
    NA_MEM_TYPE_HOST, /**< system memory */
    NA_MEM_TYPE_CUDA, /**< NVIDIA */
    NA_MEM_TYPE_ROCM, /**< AMD */
    NA_MEM_TYPE_ZE,   /**< Intel Level Zero */
    NA_MEM_TYPE_MAX,
    NA_MEM_TYPE_UNKNOWN = NA_MEM_TYPE_MAX
};

/** Options of a transport, current layout. */
struct na_init_info {
    const char *ip_subnet;           /**< the interface inside this subnet, "10.0.0.0/8" form, where the info
                                              string names none; NULL = any. Refused for shared memory */
    const char *auth_key;            /**< key that all processes share, in the fabric's own form; NULL = none */
    size_t max_unexpected_size;      /**< bytes a request may carry in its message; 0 = the default */
    size_t max_expected_size;        /**< bytes a reply may carry in its message; 0 = the default */
    uint8_t progress_mode;           /**< NA_NO_BLOCK and NA_NO_RETRY bits */
    enum na_addr_format addr_format; /**< address family, where addresses have one */
    uint8_t max_contexts;    /**< contexts that the class may have, with ids below it; 0 and 1, the default: any */
    uint8_t thread_mode;     /**< NA_THREAD_MODE_* bits: what the caller promises */
    bool request_mem_device; /**< transfers to and from device memory are wanted; refused where impossible */
    enum na_traffic_class traffic_class; /**< preferred traffic class */
};

/** The same in the layout that struct hg_init_info embeds. The fields mean what they mean in struct na_init_info. */
struct na_init_info_4_0 {
    const char *ip_subnet;
    const char *auth_key;
    size_t max_unexpected_size;
    size_t max_expected_size;
    uint8_t progress_mode;
    enum na_addr_format addr_format;
    uint8_t max_contexts;
    uint8_t thread_mode;
    bool request_mem_device;
};

/** One usable protocol; HG_Get_na_protocol_info() gives a linked list of them. */
struct na_protocol_info {
    struct na_protocol_info *next;
    char *class_name;    /**< the transport, for example "ofi" */
    char *protocol_name; /**< the protocol, for example "tcp" */
    char *device_name;   /**< the device or interface, for example "eth0" */
};

/** Return codes of the network layer, equal in value to the hg_return codes of the same name. */
#define NA_RETURN_VALUES                                   \
    X(NA_SUCCESS)        /**< done */                      \
    X(NA_PERMISSION)     /**< not permitted */             \
    X(NA_NOENTRY)        /**< no such thing */             \
    X(NA_INTERRUPT)      /**< interrupted */               \
    X(NA_AGAIN)          /**< try again */                 \
    X(NA_NOMEM)          /**< out of memory */             \
    X(NA_ACCESS)         /**< access denied */             \
    X(NA_FAULT)          /**< bad memory address */        \
    X(NA_BUSY)           /**< in use */                    \
    X(NA_EXIST)          /**< exists already */            \
    X(NA_NODEV)          /**< no such device */            \
    X(NA_INVALID_ARG)    /**< bad argument */              \
    X(NA_PROTOCOL_ERROR) /**< protocol violated */         \
    X(NA_OVERFLOW)       /**< value too large */           \
    X(NA_MSGSIZE)        /**< message too long */          \
    X(NA_PROTONOSUPPORT) /**< protocol unknown */          \
    X(NA_OPNOTSUPPORTED) /**< operation not supported */   \
    X(NA_ADDRINUSE)      /**< address in use */            \
    X(NA_ADDRNOTAVAIL)   /**< address not available */     \
    X(NA_HOSTUNREACH)    /**< peer cannot be reached */    \
    X(NA_TIMEOUT)        /**< time is up */                \
    X(NA_CANCELED)       /**< cancelled */                 \
    X(NA_IO_ERROR)       /**< I/O error */                 \
    X(NA_HOSTFIREWALL)   /**< peer is behind a firewall */ \
    X(NA_RETURN_MAX)

#define X(a) a,
typedef enum na_return { NA_RETURN_VALUES } na_return_t;
#undef X

#define NA_CB_TYPES                \
    X(NA_CB_SEND_UNEXPECTED)       \
    X(NA_CB_RECV_UNEXPECTED)       \
    X(NA_CB_MULTI_RECV_UNEXPECTED) \
    X(NA_CB_SEND_EXPECTED)         \
    X(NA_CB_RECV_EXPECTED)         \
    X(NA_CB_PUT)                   \
    X(NA_CB_GET)                   \
    X(NA_CB_MAX)

#define X(a) a,
typedef enum na_cb_type { NA_CB_TYPES } na_cb_type_t;
#undef X

struct na_cb_info_recv_unexpected {
    size_t actual_buf_size;
    na_addr_t *source;
    na_tag_t tag;
};

struct na_cb_info_multi_recv_unexpected {
    size_t actual_buf_size;
    na_addr_t *source;
    na_tag_t tag;
    void *actual_buf;
    bool last;
};

struct na_cb_info_recv_expected {
    size_t actual_buf_size;
};

struct na_cb_info {
    union {
        struct na_cb_info_recv_unexpected recv_unexpected;
        struct na_cb_info_multi_recv_unexpected multi_recv_unexpected;
        struct na_cb_info_recv_expected recv_expected;
    } info;
    void *arg;
    na_cb_type_t type;
    na_return_t ret;
};

typedef void (*na_cb_t)(const struct na_cb_info *callback_info);

#define NA_VERSION(major, minor) (((major) << 16) | (minor))
#define NA_MAJOR(version)        ((version) >> 16)
#define NA_MINOR(version)        ((version)&0xffff)
#define NA_VERSION_GE(v1, v2)    ((v1) >= (v2))
#define NA_VERSION_LT(v1, v2)    ((v1) < (v2))

#define NA_OPT_MULTI_RECV    (1 << 0)
#define NA_OPT_FIREWALL_ADDR (1 << 1)

#define NA_MAX_IDLE_TIME  (3600 * 1000) /**< milliseconds */
#define NA_CONTEXT_ID_MAX UINT8_MAX

#define NA_SEND       (1 << 0)
#define NA_RECV       (1 << 1)
#define NA_MULTI_RECV (1 << 2)
#define NA_ALLOC_MAX  (1 << 3)

#define NA_OP_SINGLE 0x00
#define NA_OP_MULTI  0x01

#define NA_TAG_MAX UINT_MAX

#define NA_MEM_READ_ONLY  0x01
#define NA_MEM_WRITE_ONLY 0x02
#define NA_MEM_READWRITE  0x03

/** Bits of progress_mode. */
#define NA_NO_BLOCK 0x01 /**< progress never sleeps */
#define NA_NO_RETRY 0x02 /**< a call that cannot leave now (not connected yet, queue or window full) gives HG_AGAIN */

/** Bits of thread_mode: how little the caller's threads overlap. 0 = any thread, any time. */
#define NA_THREAD_MODE_SINGLE_CLS (0x01) /**< one thread at a time uses the class */
#define NA_THREAD_MODE_SINGLE_CTX (0x02) /**< one thread at a time uses each context */
#define NA_THREAD_MODE_SINGLE     (NA_THREAD_MODE_SINGLE_CLS | NA_THREAD_MODE_SINGLE_CTX)

#ifdef __cplusplus
/* C++17 has no compound literals, so the initializers are values made by a function there. */
static inline struct na_init_info na_init_info_initializer(void)
{
    struct na_init_info info = {};
    info.max_contexts = 1;
    return info;
}
static inline struct na_init_info_4_0 na_init_info_initializer_4_0(void)
{
    struct na_init_info_4_0 info = {};
    info.max_contexts = 1;
    return info;
}
#define NA_INIT_INFO_INITIALIZER     (na_init_info_initializer())
#define NA_INIT_INFO_INITIALIZER_4_0 (na_init_info_initializer_4_0())
#else
#define NA_INIT_INFO_INITIALIZER                          \
    ((struct na_init_info){.ip_subnet = NULL,             \
                           .auth_key = NULL,              \
                           .max_unexpected_size = 0,      \
                           .max_expected_size = 0,        \
                           .progress_mode = 0,            \
                           .addr_format = NA_ADDR_UNSPEC, \
                           .max_contexts = 1,             \
                           .thread_mode = 0,              \
                           .request_mem_device = false,   \
                           .traffic_class = NA_TC_UNSPEC})
#define NA_INIT_INFO_INITIALIZER_4_0                          \
    ((struct na_init_info_4_0){.ip_subnet = NULL,             \
                               .auth_key = NULL,              \
                               .max_unexpected_size = 0,      \
                               .max_expected_size = 0,        \
                               .progress_mode = 0,            \
                               .addr_format = NA_ADDR_UNSPEC, \
                               .max_contexts = 1,             \
                               .thread_mode = 0,              \
                               .request_mem_device = false})
#endif

#endif /* NA_TYPES_H */
