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
#include "na/ofi/ofi_route.h"
#include "na/ofi/ofi_wait.h"
#include "util/util_alloc.h"
#include "util/util_log.h"
#include "util/util_thread.h"

/* Threads of a context at once. Further peers wait for one, behind those that wait already; whoever was not found goes
 * to the end again, so that hosts which are not there hold up no others for long. */
#define RESOLVE_THREADS_MAX 64U

enum resolve_state {
    RESOLVE_WAITING, /* for a thread */
    RESOLVE_STARTED, /* it has one, which is at it or, with `done`, through */
};

struct ofi_resolve {
    struct util_list node; /* on ofi_context.resolving */
    struct ofi_context *context;
    struct ofi_route *route; /* NULL: given up. Not for the thread */
    struct fi_info *info;    /* owned */
    struct ofi_address address;
    void *user; /* of the endpoint: the route as it was in the beginning, not followed here */
    enum resolve_state state;
    unsigned int tries;
    bool joinable; /* there is a thread to be joined; else it was done without */
    pthread_t thread;
    atomic_bool done;  /* written by the thread, last */
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

    job->error = fi_endpoint(context->owner->domain, job->info, &job->ep, job->user);
    /* Release, both: whoever sees them sees the outcome. */
    atomic_store_explicit(&job->done, true, memory_order_release);
    atomic_store_explicit(&context->handed_over, true, memory_order_release);
    ofi_wait_wake(&context->base); /* the context lives until it has joined us */
    return NULL;
}

/* Begins a try. False: there is no thread, and others that end will make room for one. */
static bool resolve_begin(struct ofi_resolve *job)
{
    struct ofi_context *context = job->context;
    int error = util_thread_start(&job->thread, resolve_main, job);

    if (error != 0 && context->resolve_threads > 0)
        return false;
    job->tries++;
    job->state = RESOLVE_STARTED;
    job->joinable = error == 0;
    context->resolve_threads += job->joinable;
    ofi_route_start_clock(job->route);
    if (error != 0) {
        util_log_limited(UTIL_LOG_LEVEL_WARNING, UTIL_LOG_AREA_OFI,
                         "no thread to look for the hardware address of %s: error %d; all others wait for it",
                         job->route->base.text, -error);
        (void)resolve_main(job);
    }
    return true;
}

/* Starts threads for jobs that have none. */
static void resolve_begin_waiting(struct ofi_context *context)
{
    util_list_each (node, &context->resolving) {
        struct ofi_resolve *job = util_container_of(node, struct ofi_resolve, node);

        if (context->resolve_threads >= RESOLVE_THREADS_MAX)
            return;
        if (job->state != RESOLVE_WAITING)
            continue;
        if (!resolve_begin(job) || !job->joinable)
            return; /* the others in a later turn, when what there is has been taken */
    }
}

static void resolve_join(struct ofi_resolve *job)
{
    if (!job->joinable)
        return;
    (void)pthread_join(job->thread, NULL);
    job->joinable = false;
    job->context->resolve_threads--;
}

static void resolve_free(struct ofi_resolve *job)
{
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
    atomic_init(&job->done, false);
    route->resolve = job;
    util_list_push(&context->resolving, &job->node);
    resolve_begin_waiting(context);
    return 0;
}

void ofi_resolve_give_up(struct ofi_route *route)
{
    struct ofi_resolve *job = route->resolve;

    if (job == NULL)
        return;
    route->resolve = NULL;
    job->route = NULL;
    if (job->state == RESOLVE_WAITING)
        resolve_free(job); /* else it stays until its thread is through */
}

/* Whether it is to be tried again: then it waits for another thread. */
static bool resolve_again(struct ofi_resolve *job)
{
    if (job->error != -FI_ETIMEDOUT || job->route == NULL || job->tries >= OFI_RESOLVE_TRIES)
        return false;
    job->state = RESOLVE_WAITING;
    util_list_remove(&job->route->state_node);                      /* its clock stands until then */
    atomic_store_explicit(&job->done, false, memory_order_relaxed); /* no thread has it */
    util_list_remove(&job->node);
    util_list_push(&job->context->resolving, &job->node);
    return true;
}

/* The try is over. */
static void resolve_hand_over(struct ofi_resolve *job)
{
    struct ofi_route *route = job->route;
    struct ofi_address address = job->address;
    struct fid_ep *ep = job->ep;
    int error = job->error;

    resolve_join(job);
    if (resolve_again(job))
        return;
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

    /* Those that go to the end again wait, and are passed over. */
    util_list_each_safe (node, next, &context->resolving) {
        struct ofi_resolve *job = util_container_of(node, struct ofi_resolve, node);

        if (job->state != RESOLVE_STARTED || !atomic_load_explicit(&job->done, memory_order_acquire))
            continue;
        resolve_hand_over(job);
        count++;
    }
    resolve_begin_waiting(context);
    return count;
}

void ofi_resolve_close(struct ofi_context *context)
{
    struct util_list *node;

    while ((node = util_list_first(&context->resolving)) != NULL) {
        struct ofi_resolve *job = util_container_of(node, struct ofi_resolve, node);
        struct fid_ep *ep = NULL;

        resolve_join(job);
        if (atomic_load_explicit(&job->done, memory_order_acquire) && job->error == 0)
            ep = job->ep;
        resolve_free(job);
        if (ep != NULL)
            (void)fi_close(&ep->fid);
    }
}
