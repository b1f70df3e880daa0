/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * A job per endpoint, on a list of the context. Its thread reads the job and writes the outcome, then says that it is
 * done; everything else is done in turns of the context, which joins the thread before it frees the job. So a job whose
 * route has gone stays until its thread is through.
 */
#include "na/ofi/ofi_resolve.h"

#include <pthread.h>

#include "na/ofi/ofi_connect.h"
#include "na/ofi/ofi_wait.h"
#include "util/util_alloc.h"
#include "util/util_log.h"
#include "util/util_thread.h"

/* Threads of a context at once; more peers wait for one. */
#define RESOLVE_THREADS_MAX 16U
/* The question and the answer are a packet each that may be lost. The kernel asks three times, a second apart, and begins anew only when
 * it is asked to after that, which is with the third try. */
#define RESOLVE_TRIES 3U

struct ofi_resolve {
    struct util_list node; /* on ofi_context.resolving */
    struct ofi_context *context;
    struct ofi_route *route; /* NULL: given up. Not for the thread */
    struct fi_info *info;    /* owned */
    struct ofi_address address;
    void *user; /* of the endpoint: the route as it was in the beginning, not followed here */
    pthread_t thread;
    bool started;
    atomic_bool given_up;
    atomic_bool done;
    struct fid_ep *ep; /* the outcome, valid with done */
    int error;
};

bool ofi_resolve_waits(const struct ofi_class *owner)
{
    return owner->provider->peer_in_info && FI_VERSION_LT(ofi_compat_runtime(), FI_VERSION(1, 21)) &&
           owner->info->domain_attr->threading == FI_THREAD_SAFE;
}

static void *resolve_main(void *arg)
{
    struct ofi_resolve *job = arg;
    struct ofi_context *context = job->context;
    unsigned int tries = 0;

    do
        job->error = fi_endpoint(context->owner->domain, job->info, &job->ep, job->user);
    while (job->error == -FI_ETIMEDOUT && ++tries < RESOLVE_TRIES &&
           !atomic_load_explicit(&job->given_up, memory_order_relaxed));
    /* Release, both: whoever sees them sees the outcome. */
    atomic_store_explicit(&job->done, true, memory_order_release);
    atomic_store_explicit(&context->handed_over, true, memory_order_release);
    ofi_wait_wake(&context->base); /* the context lives until it has joined us */
    return NULL;
}

static void resolve_start_thread(struct ofi_resolve *job)
{
    if (util_thread_start(&job->thread, resolve_main, job) == 0) {
        job->started = true;
        job->context->resolve_threads++;
        return;
    }
    /* Others have to wait, then. */
    util_log_limited(UTIL_LOG_LEVEL_WARNING, UTIL_LOG_AREA_OFI, "no thread to look for a peer's hardware address");
    (void)resolve_main(job);
}

/* Starts threads for jobs that have none. */
static void resolve_start_waiting(struct ofi_context *context)
{
    util_list_each (node, &context->resolving) {
        struct ofi_resolve *job = util_container_of(node, struct ofi_resolve, node);

        if (context->resolve_threads >= RESOLVE_THREADS_MAX)
            return;
        if (!job->started && !atomic_load_explicit(&job->done, memory_order_relaxed))
            resolve_start_thread(job);
    }
}

static void resolve_free(struct ofi_resolve *job)
{
    if (job->started) {
        (void)pthread_join(job->thread, NULL);
        job->context->resolve_threads--;
    }
    util_list_remove(&job->node);
    fi_freeinfo(job->info);
    util_free(job);
}

int ofi_resolve_start(struct ofi_route *route, struct fi_info *info, const struct ofi_address *address)
{
    struct ofi_context *context = route->owner;
    struct ofi_resolve *job = util_calloc(1, sizeof(*job));

    if (job == NULL) {
        fi_freeinfo(info);
        return -ENOMEM;
    }
    job->context = context;
    job->route = route;
    job->info = info;
    job->address = *address;
    job->user = route;
    atomic_init(&job->given_up, false);
    atomic_init(&job->done, false);
    route->resolve = job;
    util_list_push(&context->resolving, &job->node);
    resolve_start_waiting(context);
    return 0;
}

void ofi_resolve_give_up(struct ofi_route *route)
{
    struct ofi_resolve *job = route->resolve;

    if (job == NULL)
        return;
    route->resolve = NULL;
    job->route = NULL;
    atomic_store_explicit(&job->given_up, true, memory_order_relaxed); /* only spares a try */
}

/* The thread is through, or there was none. */
static void resolve_hand_over(struct ofi_resolve *job)
{
    struct ofi_route *route = job->route;
    struct ofi_address address = job->address;
    struct fid_ep *ep = job->ep;
    int error = job->error;

    resolve_free(job);
    if (route != NULL) {
        route->resolve = NULL;
        ofi_connect_resolved(route, &address, ep, error);
    } else if (error == 0) {
        (void)fi_close(&ep->fid);
    }
}

int ofi_resolve_turn(struct ofi_context *context)
{
    int count = 0;

    util_list_each_safe (node, next, &context->resolving) {
        struct ofi_resolve *job = util_container_of(node, struct ofi_resolve, node);

        if (!atomic_load_explicit(&job->done, memory_order_acquire))
            continue;
        resolve_hand_over(job);
        count++;
    }
    resolve_start_waiting(context);
    return count;
}

void ofi_resolve_close(struct ofi_context *context)
{
    struct util_list *node;

    while ((node = util_list_first(&context->resolving)) != NULL) {
        struct ofi_resolve *job = util_container_of(node, struct ofi_resolve, node);
        struct fid_ep *ep;

        if (job->started)
            (void)pthread_join(job->thread, NULL);
        job->started = false;
        ep = atomic_load_explicit(&job->done, memory_order_acquire) && job->error == 0 ? job->ep : NULL;
        resolve_free(job);
        if (ep != NULL)
            (void)fi_close(&ep->fid);
    }
}
