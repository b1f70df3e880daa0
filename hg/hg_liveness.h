/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */

/**
 * @file hg_liveness.h
 * Whether the peer of a session lives. While something waits for it (calls, pulls, transfers), a timer looks twice in each
 * ping interval whether anything has been received. Nothing for an interval: a ping. Three pings without an answer: the
 * peer is suspect, until anything comes from it. A session for which nothing waits is left alone, but for
 * hg_liveness_sweep().
 *
 * A suspect peer may be stopped, busy or behind a broken network, and may answer yet: nothing ends because of it, but what
 * the class's silence limit says. A dead one is told by the transport (na_upcalls.route_down), or by its successor's hello;
 * a ping is what makes a transport find out that has no notice of deaths. Of calls that a living peer may have lost, hg_missing.h
 * asks at the same looks.
 *
 * A message on its way (hg_session_heard, hg_session_watched in hg_session.h) costs the setting of a flag here, and a call the look at another: the timer is armed once for many
 * calls, and the clock is asked only when it fires. All functions need the context's lock.
 */

#ifndef HG_HG_LIVENESS_H
#define HG_HG_LIVENESS_H

#include <stdbool.h>
#include <stdint.h>

#include "quicksilver.h"
#include "util/util_timer.h"

struct hg_class;
struct hg_context;
struct hg_header;
struct hg_port;
struct hg_session;

/** Part of a session. */
struct hg_liveness {
    bool heard;                   /**< something came since the timer looked last */
    enum qs_peer_state state;     /**< UNKNOWN (does not count), CONNECTING, ALIVE or SUSPECT */
    enum qs_peer_state end_state; /**< what the end of the session will say of the peer */
    const char *end_reason;       /**< constant text; NULL: the session ends for reasons of its own */
    uint32_t quiet;               /**< looks in a row that found nothing */
    uint32_t unanswered;          /**< pings, since something came */
    uint64_t quiet_ns;            /**< when the last look was that found something */
    uint64_t pinged_ns;           /**< when the last ping was sent, which is its tag */
    bool pinged_counts;           /**< pinged_sent is a count that the pong can be compared with */
    uint32_t pinged_sent;         /**< requests sent when the ping was */
    uint32_t looked_taken;        /**< requests taken up at the last look */
    uint64_t spoke_ns;            /**< when the last ping or pong was sent, if na_limits::quiet_resend */
    uint64_t rtt_ns;              /**< the shortest that a pong took; 0: none has come */
    struct util_timer timer;      /**< counted in context->lazy_timers */
};

/** A class's settings. */
struct hg_liveness_options {
    _Atomic uint64_t interval_us; /**< 0: by the transport */
    _Atomic uint32_t count;
    _Atomic uint64_t limit_us; /**< 0: none */
};

void hg_liveness_options_init(struct hg_liveness_options *options);

void hg_liveness_init(struct hg_liveness *liveness);

/** The peer asks whether we live: it is told, now or when it asks again (na_limits::quiet_resend). */
void hg_liveness_pinged(struct hg_session *session, const struct hg_header *header);

/** The session has begun to connect. */
void hg_liveness_connecting(struct hg_session *session);
/** The peer has been heard of, for the first time or after a silence. */
void hg_liveness_alive(struct hg_session *session);
/** The peer takes no new requests. */
void hg_liveness_leaving(struct hg_session *session);
/** Whether the peer has been heard of. */
bool hg_liveness_was_met(const struct hg_session *session);
/** The peer's process has ended, as @p reason (constant text) says: the session is about to be ended for it. */
void hg_liveness_dead(struct hg_session *session, const char *reason);
/** The session has ended. */
void hg_liveness_end(struct hg_session *session, int error);

/** Something waits for the peer from now on: starts the timer if it does not run. */
void hg_liveness_watch(struct hg_session *session);
/** Sends a ping now, for whoever must know. */
void hg_liveness_ask(struct hg_session *session);
/** A transfer with the peer failed with its connection, which may mean that it is dead: asks where nothing tells. */
void hg_liveness_doubt(struct hg_session *session);
/** A stranger has come by @p port: where nothing tells of the end of others, two old sessions that have been silent since
 *  they were last looked at are asked for, so that those of the dead do not pile up. */
void hg_liveness_sweep(struct hg_port *port);
/** A pong has come. */
void hg_liveness_pong(struct hg_session *session, const struct hg_header *header);

#endif
