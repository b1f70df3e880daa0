/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */

/**
 * @file hg_port.h
 * The ports of a context: its end at each transport of its class, the class's own first. Most classes have one
 * transport, so what is asked in each turn is inline and costs those nothing but a comparison.
 *
 * All functions need the context's lock, except for opening and closing.
 */

#ifndef HG_HG_PORT_H
#define HG_HG_PORT_H

#include <stdbool.h>
#include <stdint.h>

#include "hg/hg_context.h"
#include "na/na.h"

/** Opens a port for each transport of the class. On an error none is left open. */
int hg_port_open_all(struct hg_context *context);
void hg_port_close_all(struct hg_context *context, uint32_t linger_ms);

/** No new peers; what is open goes on. */
void hg_port_stop_listening_all(struct hg_context *context);

/** Whether all ports have a descriptor to wait on. */
bool hg_port_can_wait(const struct hg_context *context);

/** One turn of na_progress() at every port, for whoever must know what has arrived. */
int hg_port_progress_all(struct hg_context *context);

/** For the inline functions below. */
int hg_port_progress_many(struct hg_context *context);
bool hg_port_wait_prepare_many(struct hg_context *context);
void hg_port_wait_finish_many(struct hg_context *context);
uint64_t hg_port_next_deadline_many(const struct hg_context *context);

/** One turn of na_progress() at the ports that are due; events, or < 0 for a broken one. */
static inline int hg_port_progress(struct hg_context *context)
{
    return context->port_count == 1 ? na_progress(context->na) : hg_port_progress_many(context);
}

/** As na_wait_prepare(), for all. */
static inline bool hg_port_wait_prepare(struct hg_context *context)
{
    return context->port_count == 1 ? na_wait_prepare(context->na) : hg_port_wait_prepare_many(context);
}

/** As na_wait_finish(), for all. */
static inline void hg_port_wait_finish(struct hg_context *context)
{
    if (context->port_count == 1)
        na_wait_finish(context->na);
    else
        hg_port_wait_finish_many(context);
}

/** The earliest na_next_deadline_ns(). */
static inline uint64_t hg_port_next_deadline_ns(const struct hg_context *context)
{
    return context->port_count == 1 ? na_next_deadline_ns(context->na) : hg_port_next_deadline_many(context);
}

#endif
