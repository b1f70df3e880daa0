/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */

/*
 * Stopping with grace. A class that stops tells its peers by a goaway message, refuses new requests from them as not
 * executed, and goes on with those that it has; when they are answered it is drained. What runs for longer than the program
 * wants to wait is cancelled. Calls to oneself and calls that the class makes go on, since running handlers may need them.
 *
 * The class's stopping flag is what refuses requests (hg_dispatch.c) and connections (hg_receive.c); here it is set, the peers
 * are told, and what remains is waited for.
 */

#include "hg/hg_cancel.h"
#include "hg/hg_class.h"
#include "hg/hg_context.h"
#include "hg/hg_error.h"
#include "hg/hg_fork.h"
#include "hg/hg_port.h"
#include "hg/hg_session.h"
#include "mercury.h"
#include "quicksilver.h"
#include "util/util_clock.h"
#include "util/util_log.h"

/* How long each context in turn may sleep while all are waited for. */
#define DRAIN_TURN_MS 1U
/* How long handlers have to answer after they were told that they are cancelled. */
#define DRAIN_GRACE_MS 100U

/* --- stopping ------------------------------------------------------------------------------------------------- */

static void drain_say_goodbye(struct hg_session *session)
{
    hg_session_control(session, HG_MESSAGE_GOAWAY, 0);
}

static void drain_stop_context(struct hg_context *context, void *arg)
{
    (void)arg;
    hg_port_stop_listening_all(context);
    hg_context_each_session(context, drain_say_goodbye);
}

hg_return_t qs_class_stop(hg_class_t *hg_class)
{
    if (hg_fork_stops(hg_class, "qs_class_stop"))
        return HG_FAULT;
    if (hg_class == NULL)
        return hg_error_set(HG_INVALID_ARG, "qs_class_stop: the class is NULL");
    /* Relaxed: requests that are read at the same time may be taken still. */
    if (atomic_exchange_explicit(&hg_class->stopping, true, memory_order_relaxed))
        return HG_SUCCESS;
    hg_context_each(hg_class, drain_stop_context, NULL);
    for (unsigned int i = 0; i < hg_class->transport_count; i++)
        na_class_stop_listening(hg_class->transports[i].na);
    return HG_SUCCESS;
}

/* --- what remains --------------------------------------------------------------------------------------------- */

/* Whether requests are here that have not been answered, or messages that have not left. */
static bool drain_context_busy(const struct hg_context *context)
{
    if (context->admit.requests > 0 || hg_context_sending(context))
        return true;
    util_list_each (node, &context->sessions) {
        const struct hg_session *session = util_container_of(node, struct hg_session, link);

        if (session->outbox.open != NULL || session->control_count > 0)
            return true;
    }
    return false;
}

/* What drain_count() adds up. */
struct drain_sum {
    uint32_t requests;
    bool busy;
};

static void drain_count(struct hg_context *context, void *arg)
{
    struct drain_sum *sum = arg;

    sum->requests += context->admit.requests;
    sum->busy = sum->busy || drain_context_busy(context);
}

static bool drain_busy(struct hg_class *hg_class, uint32_t *requests)
{
    struct drain_sum sum = {0};

    hg_context_each(hg_class, drain_count, &sum);
    *requests = sum.requests;
    return sum.busy;
}

bool qs_class_drained(const hg_class_t *hg_class)
{
    uint32_t requests;

    if (hg_class == NULL || hg_fork_stops(hg_class, "qs_class_drained"))
        return false;
    return atomic_load_explicit(&hg_class->stopping, memory_order_relaxed) &&
           !drain_busy((hg_class_t *)(uintptr_t)hg_class, &requests);
}

/* --- waiting -------------------------------------------------------------------------------------------------- */

/* One turn of every context: what is ready runs, and what has come is received. */
static void drain_turn(struct hg_class *hg_class)
{
    for (unsigned int id = 0; id < NA_CONTEXTS_MAX; id++) {
        struct hg_context *context = hg_context_by_id(hg_class, (uint8_t)id);
        unsigned int count = 0;

        if (context == NULL)
            continue;
        (void)HG_Trigger(context, 0, UINT32_MAX, &count);
        (void)HG_Progress(context, count > 0 ? 0 : DRAIN_TURN_MS);
    }
}

/* Whether all was answered by then. */
static bool drain_wait(struct hg_class *hg_class, uint64_t deadline_ns, uint32_t *requests)
{
    while (drain_busy(hg_class, requests)) {
        if (util_clock_now_ns() >= deadline_ns)
            return false;
        drain_turn(hg_class);
    }
    return true;
}

static void drain_cancel_context(struct hg_context *context, void *arg)
{
    (void)arg;
    hg_cancel_all_locked(context);
}

hg_return_t qs_class_drain(hg_class_t *hg_class, uint64_t timeout_us)
{
    uint64_t wait_ns = timeout_us > UINT64_MAX / UTIL_CLOCK_NS_PER_US ? UINT64_MAX : timeout_us * UTIL_CLOCK_NS_PER_US;
    uint32_t requests;
    uint32_t cancelled;
    hg_return_t ret = qs_class_stop(hg_class);

    if (ret != HG_SUCCESS)
        return ret;
    if (drain_wait(hg_class, util_clock_deadline_ns(wait_ns), &cancelled))
        return HG_SUCCESS;
    hg_context_each(hg_class, drain_cancel_context, NULL);
    (void)drain_wait(hg_class, util_clock_deadline_ms(DRAIN_GRACE_MS), &requests);
    UTIL_LOG_WARNING(UTIL_LOG_AREA_CLS, "%u requests were cancelled at the end of the drain time, %u have not ended",
                     cancelled, requests);
    if (cancelled == 0)
        return hg_error_set(HG_TIMEOUT,
                            "qs_class_drain: after %llu us all is answered, but peers have not taken it all",
                            (unsigned long long)timeout_us);
    return hg_error_set(HG_TIMEOUT,
                        "qs_class_drain: %u requests had not been answered after %llu us and were cancelled; %u of "
                        "them have not ended yet",
                        cancelled, (unsigned long long)timeout_us, requests);
}
