/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */

/*
 * Counting what peers have here, and refusing more. A few additions for each request; the clock is asked only where the user
 * has set a limit for which it matters.
 */

#include "hg/hg_admit.h"

#include <assert.h>
#include <errno.h>
#include <unistd.h>

#include "hg/hg_addr.h"
#include "hg/hg_class.h"
#include "hg/hg_context.h"
#include "hg/hg_error.h"
#include "hg/hg_fork.h"
#include "hg/hg_handle.h"
#include "hg/hg_session.h"
#include "util/util_alloc.h"
#include "util/util_clock.h"
#include "util/util_detail.h"
#include "util/util_log.h"
#include "util/util_mutant.h"

/* Shares of a peer by default. No program that means well comes near them. */
#define ADMIT_PEER_REQUESTS_MAX 65536U
#define ADMIT_PEER_SESSIONS_MAX 1024U
/* Of the machine's memory: what the inputs of one peer may take. */
#define ADMIT_PEER_MEMORY_PART 4U
/* Between these is the time that refused origins are told. */
#define ADMIT_RETRY_AFTER_MIN_US 1000U
#define ADMIT_RETRY_AFTER_MAX_US 1000000U
/* Each interval between two ends changes the smoothed one by an eighth of the difference, as in TCP's round-trip time (RFC 6298). */
#define ADMIT_SMOOTHING 8
/* What a handle takes besides the answer that it gives again: its buffers, as large as a frame. */
#define ADMIT_HANDLE_BYTES 16384U

/* --- what is allowed ------------------------------------------------------------------------------------------ */

static uint64_t admit_memory_share(void)
{
    long pages = sysconf(_SC_PHYS_PAGES);
    long page_size = sysconf(_SC_PAGESIZE);

    if (pages <= 0 || page_size <= 0)
        return UINT64_MAX;
    return (uint64_t)pages / ADMIT_PEER_MEMORY_PART * (uint64_t)page_size;
}

/* Relaxed throughout: each limit is a number of its own. */
static void admission_set(struct hg_admission *admission, const struct qs_admission *wanted)
{
    uint64_t wait_us = wanted->wait_max_us;
    bool timed = wanted->requests_max != 0 || wanted->waiting_max != 0 || wait_us != 0;

    atomic_store_explicit(&admission->requests_max, wanted->requests_max == 0 ? UINT32_MAX : wanted->requests_max,
                          memory_order_relaxed);
    atomic_store_explicit(&admission->waiting_max, wanted->waiting_max == 0 ? UINT32_MAX : wanted->waiting_max,
                          memory_order_relaxed);
    atomic_store_explicit(&admission->wait_max_ns,
                          wait_us == 0 || wait_us > UINT64_MAX / UTIL_CLOCK_NS_PER_US ? UINT64_MAX
                                                                                      : wait_us * UTIL_CLOCK_NS_PER_US,
                          memory_order_relaxed);
    atomic_store_explicit(&admission->peer_requests_max,
                          wanted->peer_requests_max == 0 ? ADMIT_PEER_REQUESTS_MAX : wanted->peer_requests_max,
                          memory_order_relaxed);
    atomic_store_explicit(&admission->peer_bytes_max,
                          wanted->peer_bytes_max == 0 ? admit_memory_share() : wanted->peer_bytes_max,
                          memory_order_relaxed);
    atomic_store_explicit(&admission->peer_sessions_max,
                          wanted->peer_sessions_max == 0 ? ADMIT_PEER_SESSIONS_MAX : wanted->peer_sessions_max,
                          memory_order_relaxed);
    atomic_store_explicit(&admission->retry_after_us, wanted->retry_after_us, memory_order_relaxed);
    atomic_store_explicit(&admission->timed, timed, memory_order_relaxed);
}

void hg_admission_init(struct hg_admission *admission)
{
    admission_set(admission, &(struct qs_admission){0});
}

hg_return_t qs_class_set_admission(hg_class_t *hg_class, const struct qs_admission *admission)
{
    if (hg_fork_stops(hg_class, "qs_class_set_admission"))
        return HG_FAULT;
    if (hg_class == NULL)
        return hg_error_set(HG_INVALID_ARG, "qs_class_set_admission: the class is NULL");
    admission_set(&hg_class->admission, admission != NULL ? admission : &(struct qs_admission){0});
    return HG_SUCCESS;
}

static uint32_t admit_get32(const _Atomic uint32_t *limit)
{
    return atomic_load_explicit(limit, memory_order_relaxed);
}

static uint64_t admit_get64(const _Atomic uint64_t *limit)
{
    return atomic_load_explicit(limit, memory_order_relaxed);
}

static bool admit_is_timed(const struct hg_context *context)
{
    return atomic_load_explicit(&context->hg_class->admission.timed, memory_order_relaxed);
}

/* --- the window ----------------------------------------------------------------------------------------------- */

static void admit_tell_window(struct hg_context *context, void *arg)
{
    (void)arg;
    hg_context_each_session(context, hg_session_tell_window);
}

hg_return_t qs_class_set_window(hg_class_t *hg_class, uint32_t requests)
{
    if (hg_fork_stops(hg_class, "qs_class_set_window"))
        return HG_FAULT;
    if (hg_class == NULL)
        return hg_error_set(HG_INVALID_ARG, "qs_class_set_window: the class is NULL");
    if (requests > HG_SESSION_WINDOW)
        return hg_error_set(HG_INVALID_ARG, "qs_class_set_window: %u requests are more than %u", requests,
                            HG_SESSION_WINDOW);
    atomic_store_explicit(&hg_class->window, requests == 0 ? HG_SESSION_WINDOW : requests, memory_order_relaxed);
    hg_context_each(hg_class, admit_tell_window, NULL);
    return HG_SUCCESS;
}

/* --- shares --------------------------------------------------------------------------------------------------- */

void hg_admit_init(struct hg_admit *admit)
{
    util_map_init(&admit->shares, 0);
}

void hg_admit_fini(struct hg_admit *admit)
{
    assert(util_map_count(&admit->shares) == 0);
    util_map_fini(&admit->shares);
}

struct hg_share *hg_admit_share_locked(struct hg_session *session)
{
    struct util_map *shares = &session->context->admit.shares;
    uint64_t key = (uint64_t)(uintptr_t)session->addr;
    struct hg_share *share = session->share;

    if (share != NULL)
        return share;
    share = util_map_get(shares, key);
    if (share == NULL) {
        share = util_calloc(1, sizeof(*share));
        if (share == NULL)
            return NULL;
        share->key = key;
        if (util_map_put(shares, key, share) != 0) {
            util_free(share);
            return NULL;
        }
    }
    share->refs++;
    session->share = share;
    return share;
}

static void admit_share_unref(struct hg_context *context, struct hg_share *share)
{
    if (--share->refs > 0)
        return;
    (void)util_map_remove(&context->admit.shares, share->key);
    util_free(share);
}

int hg_admit_session_locked(struct hg_session *session)
{
    const struct hg_admission *admission = &session->context->hg_class->admission;
    struct hg_share *share = hg_admit_share_locked(session);

    if (share == NULL)
        return -ENOMEM;
    if (share->sessions >= admit_get32(&admission->peer_sessions_max)) {
        util_log_limited(UTIL_LOG_LEVEL_WARNING, UTIL_LOG_AREA_SESSION,
                         "%s has %u sessions with context %u already, and gets no further one", session->addr->text,
                         share->sessions, session->context->id);
        return -ENOSPC;
    }
    share->sessions++;
    session->share_counted = true;
    return 0;
}

void hg_admit_session_ended_locked(struct hg_session *session)
{
    if (!session->share_counted)
        return;
    session->share->sessions--;
    session->share_counted = false;
}

void hg_admit_session_freed_locked(struct hg_session *session)
{
    if (session->share != NULL)
        admit_share_unref(session->context, session->share);
    session->share = NULL;
}

/* --- requests ------------------------------------------------------------------------------------------------- */

/* How long a request that comes now will wait, as far as can be told. */
static uint64_t admit_expected_wait_ns(const struct hg_admit *admit)
{
    return admit->waiting * admit->interval_ns;
}

/* Why there is no room in the context, or NULL. A peer may have so many requests waiting as there is room left: one that sends
 * all it can gets half of the places, two get a third each, and there is always room for one that sends little ("dynamic
 * threshold", Choudhury and Hahne, IEEE/ACM ToN 6(2), 1998). */
static const char *admit_full(const struct hg_context *context, const struct hg_share *share)
{
    const struct hg_admission *admission = &context->hg_class->admission;
    const struct hg_admit *admit = &context->admit;
    uint32_t waiting_max = admit_get32(&admission->waiting_max);

    if (admit->requests >= admit_get32(&admission->requests_max))
        return "as many requests are here as may be";
    if (admit->waiting >= waiting_max)
        return "as many requests wait for their handlers as may";
    if (waiting_max != UINT32_MAX && share->waiting > 0 && share->waiting >= waiting_max - admit->waiting)
        return "as many of this peer's requests wait for their handlers as may";
    if (admit_expected_wait_ns(admit) > admit_get64(&admission->wait_max_ns))
        return "it would wait too long for its handler";
    return NULL;
}

#define ADMIT_NO_BYTES "inputs and answers of this peer take as much memory as they may"

/* Why there is no room, or NULL. */
static const char *admit_refusal(const struct hg_context *context, const struct hg_share *share)
{
    if (share->requests >= admit_get32(&context->hg_class->admission.peer_requests_max))
        return "as many requests of this peer are here as may be";
    if (share->bytes > 0 && share->bytes > admit_get64(&context->hg_class->admission.peer_bytes_max))
        return ADMIT_NO_BYTES;
    return admit_is_timed(context) ? admit_full(context, share) : NULL;
}

hg_return_t hg_admit_check_locked(struct hg_session *session, const struct hg_header *header)
{
    const char *why;

    if (session->share == NULL && hg_admit_share_locked(session) == NULL)
        return HG_NOMEM;
    if ((header->flags & HG_MESSAGE_NO_RESPONSE) != 0)
        return HG_SUCCESS;
    why = admit_refusal(session->context, session->share);
    if (why == NULL)
        return HG_SUCCESS;
    session->context->admit.refusal = why;
    return HG_AGAIN;
}

void hg_admit_enter_locked(struct hg_handle *handle)
{
    struct hg_context *context = handle->owner;

    handle->admitted = true;
    handle->arrived_ns = 0;
    context->admit.requests++;
    if (handle->session == NULL)
        return;
    handle->session->share->requests++;
    if (admit_is_timed(context))
        handle->arrived_ns = util_clock_now_ns();
}

int hg_admit_bytes_locked(struct hg_handle *handle, uint64_t bytes)
{
    struct hg_share *share = handle->session->share;

    /* A single input is always taken: how large that may be is said elsewhere. */
    if (share->bytes > 0 && share->bytes + bytes > admit_get64(&handle->info.hg_class->admission.peer_bytes_max)) {
        handle->owner->admit.refusal = ADMIT_NO_BYTES;
        return -EAGAIN;
    }
    share->bytes += bytes;
    handle->share_bytes += bytes;
    return 0;
}

/* Whether it counts in the share of a peer. */
static bool admit_is_peers(const struct hg_handle *handle)
{
    return handle->admitted && handle->session != NULL;
}

void hg_admit_output_locked(struct hg_handle *handle, uint64_t bytes)
{
    if (!admit_is_peers(handle))
        return;
    handle->session->share->bytes += bytes;
    handle->share_bytes += bytes;
}

hg_return_t hg_admit_again_locked(struct hg_handle *handle, uint64_t bytes)
{
    if (hg_admit_share_locked(handle->session) == NULL)
        return HG_NOMEM;
    return hg_admit_bytes_locked(handle, bytes + ADMIT_HANDLE_BYTES) == 0 ? HG_SUCCESS : HG_AGAIN;
}

void hg_admit_ready_locked(struct hg_handle *handle)
{
    if (!admit_is_peers(handle))
        return;
    handle->owner->admit.waiting++;
    handle->session->share->waiting++;
}

void hg_admit_taken_locked(struct hg_handle *handle)
{
    if (!admit_is_peers(handle))
        return;
    handle->owner->admit.waiting--;
    handle->session->share->waiting--;
}

void hg_admit_move_locked(struct hg_handle *handle, struct hg_session *to)
{
    struct hg_share *share = hg_admit_share_locked(to);
    bool waits = hg_handle_state(handle) == HG_HANDLE_READY;
    uint64_t bytes = handle->share_bytes;

    if (!admit_is_peers(handle) || share == handle->session->share)
        return;
    if (waits)
        hg_admit_taken_locked(handle);
    hg_admit_leave_locked(handle);
    if (share == NULL) /* no memory: it goes on uncounted */
        return;
    handle->admitted = true;
    handle->share_bytes = bytes;
    handle->owner->admit.requests++;
    handle->owner->admit.waiting += waits;
    share->requests++;
    share->waiting += waits;
    share->bytes += bytes;
}

/* A request has ended. Where others were here already when the one before it ended, that is how long one takes. */
static void admit_time(struct hg_admit *admit)
{
    uint64_t now_ns = util_clock_now_ns();
    int64_t took_ns = (int64_t)(now_ns - admit->ended_ns);

    if (admit->ended_ns != 0 && admit->interval_ns == 0)
        admit->interval_ns = (uint64_t)took_ns;
    else if (admit->ended_ns != 0)
        admit->interval_ns += (uint64_t)((took_ns - (int64_t)admit->interval_ns) / ADMIT_SMOOTHING);
    /* Without others the time to the next end says nothing. */
    admit->ended_ns = admit->requests > 0 ? now_ns : 0;
}

void hg_admit_leave_locked(struct hg_handle *handle)
{
    struct hg_admit *admit = &handle->owner->admit;

    if (UTIL_MUTANT(ADMISSION_LEAKED) && qs_handle_cancelled(handle))
        return;
    if (handle->share_bytes > 0)
        handle->session->share->bytes -= handle->share_bytes;
    handle->share_bytes = 0;
    if (!handle->admitted)
        return;
    handle->admitted = false;
    admit->requests--;
    if (handle->session == NULL)
        return;
    handle->session->share->requests--;
    if (handle->arrived_ns != 0 && !handle->refused)
        admit_time(admit);
}

bool hg_admit_too_late(const struct hg_handle *handle)
{
    uint64_t wait_max_ns;

    if (handle->arrived_ns == 0 || handle->no_response)
        return false;
    wait_max_ns = admit_get64(&handle->info.hg_class->admission.wait_max_ns);
    return wait_max_ns != UINT64_MAX && util_clock_now_ns() - handle->arrived_ns > wait_max_ns;
}

/* When all that are here will have run, by the pace of the last ones; or been refused, where there is a limit for waiting. */
uint32_t hg_admit_retry_after_us_locked(const struct hg_context *context)
{
    uint32_t fixed_us = admit_get32(&context->hg_class->admission.retry_after_us);
    uint64_t wait_max_us = admit_get64(&context->hg_class->admission.wait_max_ns) / UTIL_CLOCK_NS_PER_US;
    uint64_t all_us = context->admit.requests * context->admit.interval_ns / UTIL_CLOCK_NS_PER_US;

    if (fixed_us != 0)
        return fixed_us;
    if (all_us > wait_max_us)
        all_us = wait_max_us;
    if (all_us < ADMIT_RETRY_AFTER_MIN_US)
        return ADMIT_RETRY_AFTER_MIN_US;
    return all_us > ADMIT_RETRY_AFTER_MAX_US ? ADMIT_RETRY_AFTER_MAX_US : (uint32_t)all_us;
}
