/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */

/**
 * \file mercury_atomic.h
 * Atomic integers of 32 and 64 bits: those of C11, or of C++ in a C++ program. Setting releases, getting acquires, and
 * what changes a value does both: what one thread wrote before it set a value is seen by the one that gets it.
 */

#ifndef MERCURY_ATOMIC_H
#define MERCURY_ATOMIC_H

#include "mercury_util_config.h"

#ifdef __cplusplus
#include <atomic>
typedef std::atomic<int32_t> hg_atomic_int32_t;
typedef std::atomic<int64_t> hg_atomic_int64_t;
/* The memory orders, by names that both languages have; undefined at the end of this file. */
#define HG_ATOMIC_ACQUIRE    std::memory_order_acquire
#define HG_ATOMIC_RELEASE    std::memory_order_release
#define HG_ATOMIC_ACQ_REL    std::memory_order_acq_rel
#define HG_ATOMIC_CALL(name) std::name
/** Initializer of an atomic variable. */
#define HG_ATOMIC_VAR_INIT(x) \
    {                         \
        (x)                   \
    }
#else
#include <stdatomic.h>
typedef _Atomic int32_t hg_atomic_int32_t;
typedef _Atomic int64_t hg_atomic_int64_t;
#define HG_ATOMIC_ACQUIRE     memory_order_acquire
#define HG_ATOMIC_RELEASE     memory_order_release
#define HG_ATOMIC_ACQ_REL     memory_order_acq_rel
#define HG_ATOMIC_CALL(name)  name
#define HG_ATOMIC_VAR_INIT(x) (x)
#endif

#ifdef __cplusplus
extern "C" {
#endif

/**
 * Give an atomic variable its first value, before other threads know it.
 *
 * \param ptr [OUT]  the variable
 * \param value [IN] the value
 */
static HG_UTIL_INLINE void hg_atomic_init32(hg_atomic_int32_t *ptr, int32_t value)
{
#ifdef __cplusplus
    ptr->store(value, std::memory_order_relaxed);
#else
    atomic_init(ptr, value);
#endif
}

/**
 * Set a value.
 *
 * \param ptr [OUT]  the variable
 * \param value [IN] the value
 */
static HG_UTIL_INLINE void hg_atomic_set32(hg_atomic_int32_t *ptr, int32_t value)
{
    HG_ATOMIC_CALL(atomic_store_explicit)(ptr, value, HG_ATOMIC_RELEASE);
}

/**
 * Get a value.
 *
 * \param ptr [IN] the variable
 *
 * \return the value
 */
static HG_UTIL_INLINE int32_t hg_atomic_get32(const hg_atomic_int32_t *ptr)
{
    return HG_ATOMIC_CALL(atomic_load_explicit)(ptr, HG_ATOMIC_ACQUIRE);
}

/**
 * Add 1.
 *
 * \param ptr [IN/OUT] the variable
 *
 * \return the value after that
 */
static HG_UTIL_INLINE int32_t hg_atomic_incr32(hg_atomic_int32_t *ptr)
{
    return HG_ATOMIC_CALL(atomic_fetch_add_explicit)(ptr, 1, HG_ATOMIC_ACQ_REL) + 1;
}

/**
 * Subtract 1.
 *
 * \param ptr [IN/OUT] the variable
 *
 * \return the value after that
 */
static HG_UTIL_INLINE int32_t hg_atomic_decr32(hg_atomic_int32_t *ptr)
{
    return HG_ATOMIC_CALL(atomic_fetch_sub_explicit)(ptr, 1, HG_ATOMIC_ACQ_REL) - 1;
}

/**
 * Set the bits that are set in a value.
 *
 * \param ptr [IN/OUT] the variable
 * \param value [IN]   the bits
 *
 * \return the variable's value before that
 */
static HG_UTIL_INLINE int32_t hg_atomic_or32(hg_atomic_int32_t *ptr, int32_t value)
{
    return HG_ATOMIC_CALL(atomic_fetch_or_explicit)(ptr, value, HG_ATOMIC_ACQ_REL);
}

/**
 * Flip the bits that are set in a value.
 *
 * \param ptr [IN/OUT] the variable
 * \param value [IN]   the bits
 *
 * \return the variable's value before that
 */
static HG_UTIL_INLINE int32_t hg_atomic_xor32(hg_atomic_int32_t *ptr, int32_t value)
{
    return HG_ATOMIC_CALL(atomic_fetch_xor_explicit)(ptr, value, HG_ATOMIC_ACQ_REL);
}

/**
 * Clear the bits that are clear in a value.
 *
 * \param ptr [IN/OUT] the variable
 * \param value [IN]   the bits
 *
 * \return the variable's value before that
 */
static HG_UTIL_INLINE int32_t hg_atomic_and32(hg_atomic_int32_t *ptr, int32_t value)
{
    return HG_ATOMIC_CALL(atomic_fetch_and_explicit)(ptr, value, HG_ATOMIC_ACQ_REL);
}

/**
 * Replace a value if it is the one that is expected.
 *
 * \param ptr [IN/OUT]        the variable
 * \param compare_value [IN]  what it must be
 * \param swap_value [IN]     what it becomes
 *
 * \return whether it was replaced
 */
static HG_UTIL_INLINE bool hg_atomic_cas32(hg_atomic_int32_t *ptr, int32_t compare_value, int32_t swap_value)
{
    int32_t expected = compare_value;

    return HG_ATOMIC_CALL(atomic_compare_exchange_strong_explicit)(ptr, &expected, swap_value, HG_ATOMIC_ACQ_REL,
                                                                   HG_ATOMIC_ACQUIRE);
}

/**
 * Give an atomic variable its first value, before other threads know it.
 *
 * \param ptr [OUT]  the variable
 * \param value [IN] the value
 */
static HG_UTIL_INLINE void hg_atomic_init64(hg_atomic_int64_t *ptr, int64_t value)
{
#ifdef __cplusplus
    ptr->store(value, std::memory_order_relaxed);
#else
    atomic_init(ptr, value);
#endif
}

/**
 * Set a value.
 *
 * \param ptr [OUT]  the variable
 * \param value [IN] the value
 */
static HG_UTIL_INLINE void hg_atomic_set64(hg_atomic_int64_t *ptr, int64_t value)
{
    HG_ATOMIC_CALL(atomic_store_explicit)(ptr, value, HG_ATOMIC_RELEASE);
}

/**
 * Get a value.
 *
 * \param ptr [IN] the variable
 *
 * \return the value
 */
static HG_UTIL_INLINE int64_t hg_atomic_get64(const hg_atomic_int64_t *ptr)
{
    return HG_ATOMIC_CALL(atomic_load_explicit)(ptr, HG_ATOMIC_ACQUIRE);
}

/**
 * Add 1.
 *
 * \param ptr [IN/OUT] the variable
 *
 * \return the value after that
 */
static HG_UTIL_INLINE int64_t hg_atomic_incr64(hg_atomic_int64_t *ptr)
{
    return HG_ATOMIC_CALL(atomic_fetch_add_explicit)(ptr, 1, HG_ATOMIC_ACQ_REL) + 1;
}

/**
 * Subtract 1.
 *
 * \param ptr [IN/OUT] the variable
 *
 * \return the value after that
 */
static HG_UTIL_INLINE int64_t hg_atomic_decr64(hg_atomic_int64_t *ptr)
{
    return HG_ATOMIC_CALL(atomic_fetch_sub_explicit)(ptr, 1, HG_ATOMIC_ACQ_REL) - 1;
}

/**
 * Set the bits that are set in a value.
 *
 * \param ptr [IN/OUT] the variable
 * \param value [IN]   the bits
 *
 * \return the variable's value before that
 */
static HG_UTIL_INLINE int64_t hg_atomic_or64(hg_atomic_int64_t *ptr, int64_t value)
{
    return HG_ATOMIC_CALL(atomic_fetch_or_explicit)(ptr, value, HG_ATOMIC_ACQ_REL);
}

/**
 * Flip the bits that are set in a value.
 *
 * \param ptr [IN/OUT] the variable
 * \param value [IN]   the bits
 *
 * \return the variable's value before that
 */
static HG_UTIL_INLINE int64_t hg_atomic_xor64(hg_atomic_int64_t *ptr, int64_t value)
{
    return HG_ATOMIC_CALL(atomic_fetch_xor_explicit)(ptr, value, HG_ATOMIC_ACQ_REL);
}

/**
 * Clear the bits that are clear in a value.
 *
 * \param ptr [IN/OUT] the variable
 * \param value [IN]   the bits
 *
 * \return the variable's value before that
 */
static HG_UTIL_INLINE int64_t hg_atomic_and64(hg_atomic_int64_t *ptr, int64_t value)
{
    return HG_ATOMIC_CALL(atomic_fetch_and_explicit)(ptr, value, HG_ATOMIC_ACQ_REL);
}

/**
 * Replace a value if it is the one that is expected.
 *
 * \param ptr [IN/OUT]        the variable
 * \param compare_value [IN]  what it must be
 * \param swap_value [IN]     what it becomes
 *
 * \return whether it was replaced
 */
static HG_UTIL_INLINE bool hg_atomic_cas64(hg_atomic_int64_t *ptr, int64_t compare_value, int64_t swap_value)
{
    int64_t expected = compare_value;

    return HG_ATOMIC_CALL(atomic_compare_exchange_strong_explicit)(ptr, &expected, swap_value, HG_ATOMIC_ACQ_REL,
                                                                   HG_ATOMIC_ACQUIRE);
}

/** Order all memory accesses before this one with all after it, but for a store before and a load after. */
static HG_UTIL_INLINE void hg_atomic_fence(void)
{
    HG_ATOMIC_CALL(atomic_thread_fence)(HG_ATOMIC_ACQ_REL);
}

#ifdef __cplusplus
}
#endif

#undef HG_ATOMIC_ACQUIRE
#undef HG_ATOMIC_RELEASE
#undef HG_ATOMIC_ACQ_REL
#undef HG_ATOMIC_CALL

#endif /* MERCURY_ATOMIC_H */
