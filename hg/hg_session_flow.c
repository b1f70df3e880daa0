/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */

/*
 * The flow control of a session: what each side has sent and taken up, and the window that it gives. Over datagrams counts
 * can come apart, since frames are lost, overtake each other, or belong to another session of the same two processes; then they
 * err towards a window that is too large, which receivers bear (hg_dispatch.c). Needs the context's lock throughout.
 */

#include <errno.h>

#include "hg/hg_context.h"
#include "hg/hg_header.h"
#include "hg/hg_session.h"
#include "util/util_mutant.h"

/* What was under way to the other session is lost or will be taken up there; what of it came here already remains counted. */
void hg_session_count_anew(struct hg_session *session)
{
    session->liveness.pinged_counts = false;
    session->requests_sent = 0;
    session->requests_taken = 0;
    session->local_received -= session->local_taken;
    session->local_taken = 0;
    session->credit_told = 0;
}

int hg_session_credit(struct hg_session *session, uint32_t credit)
{
    uint32_t fresh = credit - session->requests_taken;

    if (fresh <= session->requests_sent - session->requests_taken) {
        session->requests_taken = credit;
        return 0;
    }
    /* Frames may overtake each other where the provider does not keep order: an older credit is no news, however many
     * requests were taken since it left. */
    if (fresh > INT32_MAX)
        return 0;
    /* A credit for more than was sent is for what was sent before the counting began anew. */
    if (session->port->limits->connections)
        return -EPROTO;
    session->requests_taken = session->requests_sent;
    return 0;
}

void hg_session_taken(struct hg_session *session)
{
    session->local_taken += UTIL_MUTANT(CREDIT_LEAKED) ? 0 : 1;
    if (session->local_taken - session->credit_told < session->local_window / 4 || session->state != HG_SESSION_OPEN)
        return;
    session->announce = true;
    hg_session_kick(session);
}

void hg_session_learn_received(struct hg_session *session, uint32_t sent, uint32_t received)
{
    uint32_t lost = sent - received;

    /* More than was sent: one that was counted as lost has come late, or twice. */
    if (!session->port->limits->connections && lost <= session->requests_sent - session->requests_taken)
        session->requests_sent -= lost;
}

void hg_session_tell_window(struct hg_session *session)
{
    uint32_t window = atomic_load_explicit(&session->context->hg_class->window, memory_order_relaxed);

    if (window == session->local_window)
        return;
    session->local_window = window;
    session->local_turn++;
    hg_session_control(session, HG_MESSAGE_WINDOW, hg_session_window_tag(session->local_turn, window));
}

void hg_session_repeat_window(struct hg_session *session)
{
    if (!session->port->limits->connections && session->local_turn != 0)
        hg_session_control(session, HG_MESSAGE_WINDOW,
                           hg_session_window_tag(session->local_turn, session->local_window));
}

void hg_session_learn_window(struct hg_session *session, uint64_t tag)
{
    uint32_t turn = (uint32_t)(tag >> 32);
    uint32_t window = (uint32_t)tag;

    if (window == 0 || turn - session->window_turn == 0 || turn - session->window_turn > INT32_MAX)
        return;
    session->window_turn = turn;
    session->window = window;
}
