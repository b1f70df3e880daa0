/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * The constants, widths and struct layouts of the Mercury interface. Everything is checked by the
 * compiler; that the file compiles is the test. It is also compiled as C++.
 */
#include "mercury.h"
#include "mercury_bulk.h"
#include "mercury_log.h"
#include "mercury_macros.h"
#include "mercury_proc.h"
#include "mercury_request.h"
#include "mercury_string_object.h"

#include <stddef.h>

#ifdef __cplusplus
#define COMPAT_IS(what) static_assert(what, #what)
#else
#define COMPAT_IS(what) _Static_assert(what, #what)
#endif

/* Widths. */
COMPAT_IS(sizeof(hg_size_t) == 8 && sizeof(hg_id_t) == 8 && sizeof(hg_ptr_t) == 8);
COMPAT_IS(sizeof(hg_bool_t) == 1 && sizeof(na_tag_t) == 4);
COMPAT_IS(sizeof(hg_return_t) == 4 && sizeof(na_return_t) == 4);
COMPAT_IS(sizeof(bool) == 1);

/* Return codes. */
COMPAT_IS(HG_SUCCESS == 0 && HG_PERMISSION == 1 && HG_NOENTRY == 2 && HG_INTERRUPT == 3);
COMPAT_IS(HG_AGAIN == 4 && HG_NOMEM == 5 && HG_ACCESS == 6 && HG_FAULT == 7);
COMPAT_IS(HG_BUSY == 8 && HG_EXIST == 9 && HG_NODEV == 10 && HG_INVALID_ARG == 11);
COMPAT_IS(HG_PROTOCOL_ERROR == 12 && HG_OVERFLOW == 13 && HG_MSGSIZE == 14 && HG_PROTONOSUPPORT == 15);
COMPAT_IS(HG_OPNOTSUPPORTED == 16 && HG_ADDRINUSE == 17 && HG_ADDRNOTAVAIL == 18 && HG_HOSTUNREACH == 19);
COMPAT_IS(HG_TIMEOUT == 20 && HG_CANCELED == 21 && HG_IO_ERROR == 22 && HG_HOSTFIREWALL == 23);
COMPAT_IS(HG_CHECKSUM_ERROR == 24 && HG_NA_ERROR == 25 && HG_OTHER_ERROR == 26 && HG_RETURN_MAX == 27);
COMPAT_IS(HG_INVALID_PARAM == HG_INVALID_ARG && HG_NO_MATCH == HG_NOENTRY);
COMPAT_IS(HG_NOMEM_ERROR == HG_NOMEM && HG_SIZE_ERROR == HG_MSGSIZE);
COMPAT_IS(NA_SUCCESS == 0 && (int)NA_HOSTFIREWALL == (int)HG_HOSTFIREWALL && NA_RETURN_MAX == 24);

/* Enumerations. */
COMPAT_IS(HG_CB_LOOKUP == 0 && HG_CB_FORWARD == 1 && HG_CB_RESPOND == 2 && HG_CB_BULK == 3);
COMPAT_IS(HG_BULK_PUSH == 0 && HG_BULK_PULL == 1);
COMPAT_IS(HG_UNDEF == 0 && HG_INPUT == 1 && HG_OUTPUT == 2);
COMPAT_IS(HG_ENCODE == 0 && HG_DECODE == 1 && HG_FREE == 2);
COMPAT_IS(HG_CRC16 == 0 && HG_CRC32 == 1 && HG_CRC64 == 2 && HG_NOHASH == 3);
COMPAT_IS(HG_CHECKSUM_NONE == 0 && HG_CHECKSUM_RPC_HEADERS == 1 && HG_CHECKSUM_RPC_PAYLOAD == 2);
COMPAT_IS(HG_MEM_TYPE_HOST == 0 && HG_MEM_TYPE_CUDA == 1 && HG_MEM_TYPE_ROCM == 2 && HG_MEM_TYPE_ZE == 3);
COMPAT_IS(HG_MEM_TYPE_UNKNOWN == 4 && HG_MEM_TYPE_MAX == 4);
COMPAT_IS(NA_ADDR_UNSPEC == 0 && NA_ADDR_IPV4 == 1 && NA_ADDR_IPV6 == 2 && NA_ADDR_NATIVE == 3);
COMPAT_IS(NA_TC_UNSPEC == 0 && NA_TC_BEST_EFFORT == 1 && NA_TC_LOW_LATENCY == 2 && NA_TC_BULK_DATA == 3);
COMPAT_IS(NA_TC_DEDICATED_ACCESS == 4 && NA_TC_SCAVENGER == 5 && NA_TC_NETWORK_CTRL == 6);
COMPAT_IS(HG_LOG_LEVEL_NONE == 0 && HG_LOG_LEVEL_DEBUG == 6);

/* Flags and limits. */
COMPAT_IS(NA_NO_BLOCK == 1 && NA_NO_RETRY == 2);
COMPAT_IS(NA_THREAD_MODE_SINGLE_CLS == 1 && NA_THREAD_MODE_SINGLE_CTX == 2 && NA_THREAD_MODE_SINGLE == 3);
COMPAT_IS(HG_BULK_READ_ONLY == 1 && HG_BULK_WRITE_ONLY == 2 && HG_BULK_READWRITE == 3);
COMPAT_IS(HG_BULK_EAGER == 4 && HG_BULK_SM == 8);
COMPAT_IS(HG_PROC_SM == 1 && HG_PROC_BULK_EAGER == 2 && HG_CORE_SM == 1);
COMPAT_IS(HG_MAX_IDLE_TIME == 3600000 && HG_TRUE == 1 && HG_FALSE == 0);
COMPAT_IS(HG_SIZE_MAX == UINT64_MAX);
COMPAT_IS(HG_VERSION(2, 4) == 0x20004 && HG_MAJOR(0x20004) == 2 && HG_MINOR(0x20004) == 4);
COMPAT_IS(HG_VERSION_GE(HG_VERSION(HG_VERSION_MAJOR, HG_VERSION_MINOR), HG_VERSION(2, 4)));
COMPAT_IS(HG_VERSION_LT(HG_VERSION(2, 3), HG_VERSION(2, 4)));

/* Layouts, as Mercury has them on x86-64: not needed by programs that are recompiled, but a field
 * that went astray shows here. */
#if defined(__x86_64__)
COMPAT_IS(sizeof(struct na_init_info_4_0) == 48 && sizeof(struct na_init_info) == 48);
COMPAT_IS(sizeof(struct hg_init_info) == 112);
COMPAT_IS(offsetof(struct hg_init_info, na_class) == 48);
COMPAT_IS(offsetof(struct hg_init_info, request_post_init) == 56);
COMPAT_IS(offsetof(struct hg_init_info, auto_sm) == 64);
COMPAT_IS(offsetof(struct hg_init_info, sm_info_string) == 72);
COMPAT_IS(offsetof(struct hg_init_info, checksum_level) == 80);
COMPAT_IS(offsetof(struct hg_init_info, stats) == 86);
COMPAT_IS(offsetof(struct hg_init_info, multi_recv_copy_threshold) == 104);
COMPAT_IS(sizeof(struct hg_info) == 40 && sizeof(struct hg_cb_info) == 48);
COMPAT_IS(sizeof(struct hg_cb_info_bulk) == 32 && sizeof(struct hg_bulk_attr) == 16);
COMPAT_IS(sizeof(struct hg_diag_counters) == 72);
#endif

/* What must exist for the preprocessor. */
#if !defined(HG_HAS_DIAG) || !defined(HG_HAS_BOOST) || !defined(HG_HAS_CHECKSUMS) || !defined(HG_HAS_MULTI_PROGRESS)
#error "a feature macro of Mercury is missing"
#endif
#if !defined(HG_Addr_lookup) || !defined(BOOST_PP_CAT) || !defined(MERCURY_REGISTER) || !defined(hg_proc_void)
#error "a macro of Mercury is missing"
#endif
#if !defined(hg_proc_raw) || !defined(hg_proc_memcpy) || !defined(hg_proc_hg_size_t) || !defined(hg_proc_hg_bool_t)
#error "a name of a proc function is missing"
#endif

int main(void)
{
    struct hg_init_info hg_info = HG_INIT_INFO_INITIALIZER;
    struct na_init_info na_info = NA_INIT_INFO_INITIALIZER;

    /* None of these is a struct or an integer: a program compares them and assigns NULL. */
    hg_addr_t addr = HG_ADDR_NULL;
    hg_handle_t handle = HG_HANDLE_NULL;
    hg_bulk_t bulk = HG_BULK_NULL;
    hg_proc_t proc = HG_PROC_NULL;
    hg_op_id_t op_id = HG_OP_ID_NULL;
    bool none = addr == NULL && handle == NULL && bulk == NULL && proc == NULL && op_id == NULL;

    if (!none || HG_OP_ID_IGNORE == NULL)
        return 1;
    if (hg_info.na_init_info.max_contexts != 1 || na_info.max_contexts != 1 || hg_info.traffic_class != NA_TC_UNSPEC)
        return 1;
    return 0;
}
