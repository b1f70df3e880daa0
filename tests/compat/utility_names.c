/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Every function of the utility headers, with the parameter and result types that Mercury 2.4 documents, as
 * headers_names.c does it for the rest: a difference does not compile, a function that is not in the library does not
 * link. Compiled as C and as C++ (utility_names_cpp.cpp includes it).
 */
#include "mercury_atomic.h"
#include "mercury_hash_string.h"
#include "mercury_hash_table.h"
#include "mercury_list.h"
#include "mercury_queue.h"
#include "mercury_thread.h"
#include "mercury_thread_condition.h"
#include "mercury_thread_mutex.h"
#include "mercury_thread_pool.h"
#include "mercury_thread_rwlock.h"
#include "mercury_thread_spin.h"
#include "mercury_time.h"
#include "mercury_util_config.h"

#include "names.h"

/* mercury_thread.h */
static void (*const volatile take_hg_thread_init)(hg_thread_t *thread) = hg_thread_init;
static int (*const volatile take_hg_thread_create)(hg_thread_t *thread, hg_thread_func_t f,
                                                   void *data) = hg_thread_create;
static void (*const volatile take_hg_thread_exit)(hg_thread_ret_t ret) = hg_thread_exit;
static int (*const volatile take_hg_thread_join)(hg_thread_t thread) = hg_thread_join;
static int (*const volatile take_hg_thread_cancel)(hg_thread_t thread) = hg_thread_cancel;
static int (*const volatile take_hg_thread_yield)(void) = hg_thread_yield;
static int (*const volatile take_hg_thread_key_create)(hg_thread_key_t *key) = hg_thread_key_create;
static int (*const volatile take_hg_thread_key_delete)(hg_thread_key_t key) = hg_thread_key_delete;
static int (*const volatile take_hg_thread_getaffinity)(hg_thread_t thread,
                                                        hg_cpu_set_t *cpu_mask) = hg_thread_getaffinity;
static int (*const volatile take_hg_thread_setaffinity)(hg_thread_t thread,
                                                        const hg_cpu_set_t *cpu_mask) = hg_thread_setaffinity;
static hg_thread_t (*const volatile take_hg_thread_self)(void) = hg_thread_self;
static int (*const volatile take_hg_thread_equal)(hg_thread_t t1, hg_thread_t t2) = hg_thread_equal;
static void *(*const volatile take_hg_thread_getspecific)(hg_thread_key_t key) = hg_thread_getspecific;
static int (*const volatile take_hg_thread_setspecific)(hg_thread_key_t key, const void *value) = hg_thread_setspecific;

/* mercury_thread_mutex.h */
static int (*const volatile take_hg_thread_mutex_init)(hg_thread_mutex_t *mutex) = hg_thread_mutex_init;
static int (*const volatile take_hg_thread_mutex_init_fast)(hg_thread_mutex_t *mutex) = hg_thread_mutex_init_fast;
static int (*const volatile take_hg_thread_mutex_destroy)(hg_thread_mutex_t *mutex) = hg_thread_mutex_destroy;
static void (*const volatile take_hg_thread_mutex_lock)(hg_thread_mutex_t *mutex) = hg_thread_mutex_lock;
static int (*const volatile take_hg_thread_mutex_try_lock)(hg_thread_mutex_t *mutex) = hg_thread_mutex_try_lock;
static void (*const volatile take_hg_thread_mutex_unlock)(hg_thread_mutex_t *mutex) = hg_thread_mutex_unlock;

/* mercury_thread_condition.h */
static int (*const volatile take_hg_thread_cond_init)(hg_thread_cond_t *cond) = hg_thread_cond_init;
static int (*const volatile take_hg_thread_cond_destroy)(hg_thread_cond_t *cond) = hg_thread_cond_destroy;
static int (*const volatile take_hg_thread_cond_signal)(hg_thread_cond_t *cond) = hg_thread_cond_signal;
static int (*const volatile take_hg_thread_cond_broadcast)(hg_thread_cond_t *cond) = hg_thread_cond_broadcast;
static int (*const volatile take_hg_thread_cond_wait)(hg_thread_cond_t *cond,
                                                      hg_thread_mutex_t *mutex) = hg_thread_cond_wait;
static int (*const volatile take_hg_thread_cond_timedwait)(hg_thread_cond_t *cond, hg_thread_mutex_t *mutex,
                                                           unsigned int timeout) = hg_thread_cond_timedwait;

/* mercury_thread_rwlock.h */
static int (*const volatile take_hg_thread_rwlock_init)(hg_thread_rwlock_t *rwlock) = hg_thread_rwlock_init;
static int (*const volatile take_hg_thread_rwlock_destroy)(hg_thread_rwlock_t *rwlock) = hg_thread_rwlock_destroy;
static void (*const volatile take_hg_thread_rwlock_rdlock)(hg_thread_rwlock_t *rwlock) = hg_thread_rwlock_rdlock;
static int (*const volatile take_hg_thread_rwlock_try_rdlock)(hg_thread_rwlock_t *rwlock) = hg_thread_rwlock_try_rdlock;
static void (*const volatile take_hg_thread_rwlock_release_rdlock)(hg_thread_rwlock_t *rwlock) =
    hg_thread_rwlock_release_rdlock;
static void (*const volatile take_hg_thread_rwlock_wrlock)(hg_thread_rwlock_t *rwlock) = hg_thread_rwlock_wrlock;
static int (*const volatile take_hg_thread_rwlock_try_wrlock)(hg_thread_rwlock_t *rwlock) = hg_thread_rwlock_try_wrlock;
static void (*const volatile take_hg_thread_rwlock_release_wrlock)(hg_thread_rwlock_t *rwlock) =
    hg_thread_rwlock_release_wrlock;

/* mercury_thread_spin.h */
static int (*const volatile take_hg_thread_spin_init)(hg_thread_spin_t *lock) = hg_thread_spin_init;
static int (*const volatile take_hg_thread_spin_destroy)(hg_thread_spin_t *lock) = hg_thread_spin_destroy;
static void (*const volatile take_hg_thread_spin_lock)(hg_thread_spin_t *lock) = hg_thread_spin_lock;
static int (*const volatile take_hg_thread_spin_try_lock)(hg_thread_spin_t *lock) = hg_thread_spin_try_lock;
static void (*const volatile take_hg_thread_spin_unlock)(hg_thread_spin_t *lock) = hg_thread_spin_unlock;

/* mercury_thread_pool.h */
static int (*const volatile take_hg_thread_pool_init)(unsigned int thread_count,
                                                      hg_thread_pool_t **pool) = hg_thread_pool_init;
static int (*const volatile take_hg_thread_pool_destroy)(hg_thread_pool_t *pool) = hg_thread_pool_destroy;
static int (*const volatile take_hg_thread_pool_post)(hg_thread_pool_t *pool,
                                                      struct hg_thread_work *work) = hg_thread_pool_post;

/* mercury_atomic.h */
static void (*const volatile take_hg_atomic_init32)(hg_atomic_int32_t *ptr, int32_t value) = hg_atomic_init32;
static void (*const volatile take_hg_atomic_set32)(hg_atomic_int32_t *ptr, int32_t value) = hg_atomic_set32;
static int32_t (*const volatile take_hg_atomic_get32)(const hg_atomic_int32_t *ptr) = hg_atomic_get32;
static int32_t (*const volatile take_hg_atomic_incr32)(hg_atomic_int32_t *ptr) = hg_atomic_incr32;
static int32_t (*const volatile take_hg_atomic_decr32)(hg_atomic_int32_t *ptr) = hg_atomic_decr32;
static int32_t (*const volatile take_hg_atomic_or32)(hg_atomic_int32_t *ptr, int32_t value) = hg_atomic_or32;
static int32_t (*const volatile take_hg_atomic_xor32)(hg_atomic_int32_t *ptr, int32_t value) = hg_atomic_xor32;
static int32_t (*const volatile take_hg_atomic_and32)(hg_atomic_int32_t *ptr, int32_t value) = hg_atomic_and32;
static bool (*const volatile take_hg_atomic_cas32)(hg_atomic_int32_t *ptr, int32_t compare_value,
                                                   int32_t swap_value) = hg_atomic_cas32;
static void (*const volatile take_hg_atomic_init64)(hg_atomic_int64_t *ptr, int64_t value) = hg_atomic_init64;
static void (*const volatile take_hg_atomic_set64)(hg_atomic_int64_t *ptr, int64_t value) = hg_atomic_set64;
static int64_t (*const volatile take_hg_atomic_get64)(const hg_atomic_int64_t *ptr) = hg_atomic_get64;
static int64_t (*const volatile take_hg_atomic_incr64)(hg_atomic_int64_t *ptr) = hg_atomic_incr64;
static int64_t (*const volatile take_hg_atomic_decr64)(hg_atomic_int64_t *ptr) = hg_atomic_decr64;
static int64_t (*const volatile take_hg_atomic_or64)(hg_atomic_int64_t *ptr, int64_t value) = hg_atomic_or64;
static int64_t (*const volatile take_hg_atomic_xor64)(hg_atomic_int64_t *ptr, int64_t value) = hg_atomic_xor64;
static int64_t (*const volatile take_hg_atomic_and64)(hg_atomic_int64_t *ptr, int64_t value) = hg_atomic_and64;
static bool (*const volatile take_hg_atomic_cas64)(hg_atomic_int64_t *ptr, int64_t compare_value,
                                                   int64_t swap_value) = hg_atomic_cas64;
static void (*const volatile take_hg_atomic_fence)(void) = hg_atomic_fence;

/* mercury_time.h */
static int (*const volatile take_hg_time_get_current)(hg_time_t *tv) = hg_time_get_current;
static int (*const volatile take_hg_time_get_current_ms)(hg_time_t *tv) = hg_time_get_current_ms;
static double (*const volatile take_hg_time_to_double)(hg_time_t tv) = hg_time_to_double;
static hg_time_t (*const volatile take_hg_time_from_double)(double d) = hg_time_from_double;
static unsigned int (*const volatile take_hg_time_to_ms)(hg_time_t tv) = hg_time_to_ms;
static hg_time_t (*const volatile take_hg_time_from_ms)(unsigned int ms) = hg_time_from_ms;
static bool (*const volatile take_hg_time_less)(hg_time_t in1, hg_time_t in2) = hg_time_less;
static double (*const volatile take_hg_time_diff)(hg_time_t in2, hg_time_t in1) = hg_time_diff;
static hg_time_t (*const volatile take_hg_time_add)(hg_time_t in1, hg_time_t in2) = hg_time_add;
static hg_time_t (*const volatile take_hg_time_subtract)(hg_time_t in1, hg_time_t in2) = hg_time_subtract;
static int (*const volatile take_hg_time_sleep)(const hg_time_t rqt) = hg_time_sleep;
static char *(*const volatile take_hg_time_stamp)(void) = hg_time_stamp;

/* mercury_hash_table.h */
static hg_hash_table_t *(*const volatile take_hg_hash_table_new)(
    hg_hash_table_hash_func_t hash_func, hg_hash_table_equal_func_t equal_func) = hg_hash_table_new;
static void (*const volatile take_hg_hash_table_free)(hg_hash_table_t *hash_table) = hg_hash_table_free;
static void (*const volatile take_hg_hash_table_register_free_functions)(
    hg_hash_table_t *hash_table, hg_hash_table_key_free_func_t key_free_func,
    hg_hash_table_value_free_func_t value_free_func) = hg_hash_table_register_free_functions;
static int (*const volatile take_hg_hash_table_insert)(hg_hash_table_t *hash_table, hg_hash_table_key_t key,
                                                       hg_hash_table_value_t value) = hg_hash_table_insert;
static hg_hash_table_value_t (*const volatile take_hg_hash_table_lookup)(
    hg_hash_table_t *hash_table, hg_hash_table_key_t key) = hg_hash_table_lookup;
static int (*const volatile take_hg_hash_table_remove)(hg_hash_table_t *hash_table,
                                                       hg_hash_table_key_t key) = hg_hash_table_remove;
static unsigned int (*const volatile take_hg_hash_table_num_entries)(hg_hash_table_t *hash_table) =
    hg_hash_table_num_entries;
static void (*const volatile take_hg_hash_table_iterate)(hg_hash_table_t *hash_table,
                                                         hg_hash_table_iter_t *iter) = hg_hash_table_iterate;
static int (*const volatile take_hg_hash_table_iter_has_more)(hg_hash_table_iter_t *iterator) =
    hg_hash_table_iter_has_more;
static hg_hash_table_value_t (*const volatile take_hg_hash_table_iter_next)(hg_hash_table_iter_t *iterator) =
    hg_hash_table_iter_next;

/* mercury_hash_string.h */
static unsigned int (*const volatile take_hg_hash_string)(const char *string) = hg_hash_string;

#ifdef __cplusplus
#define COMPAT_IS(what) static_assert(what, #what)
#else
#define COMPAT_IS(what) _Static_assert(what, #what)
#endif

COMPAT_IS(HG_UTIL_SUCCESS == 0 && HG_UTIL_FAIL == -1);
COMPAT_IS(HG_UTIL_VERSION_MAJOR == 4 && HG_UTIL_VERSION_MINOR == 1 && HG_UTIL_VERSION_PATCH == 0);
COMPAT_IS(sizeof(hg_atomic_int32_t) == 4 && sizeof(hg_atomic_int64_t) == 8);
COMPAT_IS(sizeof(hg_time_t) == sizeof(struct timespec));

int main(void)
{
    const struct compat_name names[] = {
        COMPAT_NAME(hg_thread_init),
        COMPAT_NAME(hg_thread_create),
        COMPAT_NAME(hg_thread_exit),
        COMPAT_NAME(hg_thread_join),
        COMPAT_NAME(hg_thread_cancel),
        COMPAT_NAME(hg_thread_yield),
        COMPAT_NAME(hg_thread_key_create),
        COMPAT_NAME(hg_thread_key_delete),
        COMPAT_NAME(hg_thread_getaffinity),
        COMPAT_NAME(hg_thread_setaffinity),
        COMPAT_NAME(hg_thread_self),
        COMPAT_NAME(hg_thread_equal),
        COMPAT_NAME(hg_thread_getspecific),
        COMPAT_NAME(hg_thread_setspecific),
        COMPAT_NAME(hg_thread_mutex_init),
        COMPAT_NAME(hg_thread_mutex_init_fast),
        COMPAT_NAME(hg_thread_mutex_destroy),
        COMPAT_NAME(hg_thread_mutex_lock),
        COMPAT_NAME(hg_thread_mutex_try_lock),
        COMPAT_NAME(hg_thread_mutex_unlock),
        COMPAT_NAME(hg_thread_cond_init),
        COMPAT_NAME(hg_thread_cond_destroy),
        COMPAT_NAME(hg_thread_cond_signal),
        COMPAT_NAME(hg_thread_cond_broadcast),
        COMPAT_NAME(hg_thread_cond_wait),
        COMPAT_NAME(hg_thread_cond_timedwait),
        COMPAT_NAME(hg_thread_rwlock_init),
        COMPAT_NAME(hg_thread_rwlock_destroy),
        COMPAT_NAME(hg_thread_rwlock_rdlock),
        COMPAT_NAME(hg_thread_rwlock_try_rdlock),
        COMPAT_NAME(hg_thread_rwlock_release_rdlock),
        COMPAT_NAME(hg_thread_rwlock_wrlock),
        COMPAT_NAME(hg_thread_rwlock_try_wrlock),
        COMPAT_NAME(hg_thread_rwlock_release_wrlock),
        COMPAT_NAME(hg_thread_spin_init),
        COMPAT_NAME(hg_thread_spin_destroy),
        COMPAT_NAME(hg_thread_spin_lock),
        COMPAT_NAME(hg_thread_spin_try_lock),
        COMPAT_NAME(hg_thread_spin_unlock),
        COMPAT_NAME(hg_thread_pool_init),
        COMPAT_NAME(hg_thread_pool_destroy),
        COMPAT_NAME(hg_thread_pool_post),
        COMPAT_NAME(hg_atomic_init32),
        COMPAT_NAME(hg_atomic_set32),
        COMPAT_NAME(hg_atomic_get32),
        COMPAT_NAME(hg_atomic_incr32),
        COMPAT_NAME(hg_atomic_decr32),
        COMPAT_NAME(hg_atomic_or32),
        COMPAT_NAME(hg_atomic_xor32),
        COMPAT_NAME(hg_atomic_and32),
        COMPAT_NAME(hg_atomic_cas32),
        COMPAT_NAME(hg_atomic_init64),
        COMPAT_NAME(hg_atomic_set64),
        COMPAT_NAME(hg_atomic_get64),
        COMPAT_NAME(hg_atomic_incr64),
        COMPAT_NAME(hg_atomic_decr64),
        COMPAT_NAME(hg_atomic_or64),
        COMPAT_NAME(hg_atomic_xor64),
        COMPAT_NAME(hg_atomic_and64),
        COMPAT_NAME(hg_atomic_cas64),
        COMPAT_NAME(hg_atomic_fence),
        COMPAT_NAME(hg_time_get_current),
        COMPAT_NAME(hg_time_get_current_ms),
        COMPAT_NAME(hg_time_to_double),
        COMPAT_NAME(hg_time_from_double),
        COMPAT_NAME(hg_time_to_ms),
        COMPAT_NAME(hg_time_from_ms),
        COMPAT_NAME(hg_time_less),
        COMPAT_NAME(hg_time_diff),
        COMPAT_NAME(hg_time_add),
        COMPAT_NAME(hg_time_subtract),
        COMPAT_NAME(hg_time_sleep),
        COMPAT_NAME(hg_time_stamp),
        COMPAT_NAME(hg_hash_table_new),
        COMPAT_NAME(hg_hash_table_free),
        COMPAT_NAME(hg_hash_table_register_free_functions),
        COMPAT_NAME(hg_hash_table_insert),
        COMPAT_NAME(hg_hash_table_lookup),
        COMPAT_NAME(hg_hash_table_remove),
        COMPAT_NAME(hg_hash_table_num_entries),
        COMPAT_NAME(hg_hash_table_iterate),
        COMPAT_NAME(hg_hash_table_iter_has_more),
        COMPAT_NAME(hg_hash_table_iter_next),
        COMPAT_NAME(hg_hash_string),
    };

    return compat_names_report(names, sizeof(names) / sizeof(names[0]));
}
