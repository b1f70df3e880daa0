/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */

/*
 * What the library does about forks. The handler runs in the child, where a lock may be held for ever by a thread that
 * is not there, so it takes none: it counts the generation, which makes every open class dead, and makes the tables of the
 * process anew without reading them.
 */

#include "hg/hg_fork.h"

#include <pthread.h>
#include <unistd.h>

#include "hg/hg_addr.h"
#include "hg/hg_bulk_api.h"
#include "hg/hg_handle.h"
#include "hg/hg_session.h"
#include "hg/hg_stats_signal.h"
#include "util/util_alloc.h"
#include "util/util_detail.h"
#include "util/util_log.h"

_Atomic uint32_t hg_fork_generation;

static pthread_once_t fork_once = PTHREAD_ONCE_INIT;

static void fork_in_child(void)
{
    atomic_fetch_add_explicit(&hg_fork_generation, 1, memory_order_relaxed);
    hg_class_forget_all();
    hg_bulk_api_forget_all();
    hg_stats_signal_forget_all();
}

static void fork_register(void)
{
    if (pthread_atfork(NULL, NULL, fork_in_child) != 0)
        UTIL_LOG_WARNING(UTIL_LOG_AREA_CLS, "forks cannot be noticed: a child must not use what was opened before");
}

void hg_fork_watch(void)
{
    (void)pthread_once(&fork_once, fork_register);
}

bool hg_fork_refuse(const struct hg_class *hg_class, const char *function)
{
    (void)util_detail_set(0, "%s: the process has forked since %s was opened, which belongs to the parent", function,
                          na_class_address(hg_class->na));
    util_log_limited(UTIL_LOG_LEVEL_ERROR, UTIL_LOG_AREA_CLS, "%s", util_detail_get());
    return true;
}

/* --- memory ----------------------------------------------------------------------------------------------- */

static void fork_free_handles(struct hg_context *context)
{
    util_list_each_safe (node, next, &context->handles_all) {
        struct hg_handle *handle = util_container_of(node, struct hg_handle, all_link);

        hg_handle_drop_received_locked(handle);
        handle->once.origin = NULL; /* nobody asks a child for answers; the lock may be held */
        hg_handle_destroy(handle);
    }
}

/* Not closed: routes and addresses are the parent's, too. */
static void fork_free_sessions(struct hg_context *context)
{
    util_list_each_safe (node, next, &context->sessions) {
        struct hg_session *session = util_container_of(node, struct hg_session, link);

        util_free(session->controls);
        util_free(session);
    }
}

/* A context whose lock a thread of the parent held is left as it is: its lists may be half changed. */
static void fork_free_context(struct hg_context *context)
{
    if (!util_lock_try(&context->lock))
        return;
    fork_free_handles(context);
    fork_free_sessions(context);
    util_map_fini(&context->session_map);
    util_free(context->session_slots);
    util_free(context->call_slots);
    util_bufs_fini(&context->bufs);
    hg_tally_fini(&context->tally);
    hg_user_data_free(&context->user);
    /* The descriptors are the child's own copies; the parent's stay open. */
    if (context->epoll_fd >= 0 && !context->epoll_shared)
        (void)close(context->epoll_fd);
    if (context->timer_fd >= 0)
        (void)close(context->timer_fd);
    util_lock_drop(&context->lock);
    util_free(context);
}

static void fork_free_addrs(struct hg_class *hg_class)
{
    if (!util_lock_try(&hg_class->addr_lock))
        return;
    for (unsigned int i = 0; i < HG_CLASS_ADDR_BUCKETS; i++)
        util_list_each_safe (node, next, &hg_class->addr_buckets[i])
            util_free(util_container_of(node, struct hg_addr, link));
    util_lock_drop(&hg_class->addr_lock);
}

void hg_fork_free(struct hg_class *hg_class)
{
    for (unsigned int i = 0; i < NA_CONTEXTS_MAX; i++) {
        struct hg_context *context = hg_context_by_id(hg_class, (uint8_t)i);

        if (context != NULL)
            fork_free_context(context);
    }
    fork_free_addrs(hg_class);
    if (util_lock_try(&hg_class->rpcs.lock)) {
        util_lock_drop(&hg_class->rpcs.lock);
        hg_rpc_table_fini(&hg_class->rpcs);
    }
    hg_tally_fini(&hg_class->closed_tally);
    hg_user_data_free(&hg_class->user);
    util_free(hg_class);
}
