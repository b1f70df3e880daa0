/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * A network in one process: a transport that carries frames, connections and remote memory access
 * between classes through memory, deterministically, with faults on demand. It takes the place of the
 * libfabric transport in a program that fake_wire.c is compiled into: HG_Init("wire://name", true) then opens
 * a class on it, and na_class_open() an endpoint for a test that plays a hostile peer by hand.
 *
 * Nothing happens outside na_progress(): frames wait in the receiving context's inbox. One thread.
 */
#ifndef FAKE_WIRE_H
#define FAKE_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "na/na.h"
#include "util/util_rand.h"

/* What the network does wrong. All 0: nothing. Chances are percentages. */
struct fake_wire {
    bool no_connections;        /* frames come without a route, as from a datagram provider; before the first class */
    bool quiet_resend;          /* of na_limits; before the first class */
    unsigned int drop;          /* frames are lost */
    unsigned int duplicate;     /* frames arrive twice */
    unsigned int reorder;       /* a frame overtakes others in the same inbox */
    unsigned int refuse;        /* na_send answers -EAGAIN */
    unsigned int refuse_next;   /* so many next sends answer -EAGAIN */
    unsigned int refuse_frames; /* na_frame_get gives NULL */
    unsigned int turn_max;      /* events of one na_progress; 0: all that were there when it began */
    unsigned int rma_delay;     /* turns that an RMA takes at least */
    unsigned int rma_damage;    /* of so many next RMAs a bit of the data is changed on its way */
    unsigned int frames_max;    /* frames of one context in use; 0: any number */
    struct util_prng prng;      /* seeded by fake_wire_reset */

    /* Sees each frame on its way and may change its bytes (within `capacity`) and size; false drops it. */
    bool (*tap)(unsigned char *data, size_t *size, size_t capacity);

    /* What was seen. */
    unsigned int frames;     /* taken by na_send */
    unsigned int contexts;   /* open */
    unsigned int routes;     /* open */
    unsigned int frames_out; /* got and not yet given back or sent */
    unsigned int mems;       /* registered */
    unsigned int rma_bad;    /* RMA on memory that is not registered (any more): on a real network this may cut a
                                connection */
};

extern struct fake_wire fake_wire;

/* Everything to its beginning; no class may be open: checked. */
void fake_wire_reset(uint64_t seed);

/* Cuts all connections of the class with this address, as if its process had been killed: nothing of it arrives any
 * more, and its peers are told. The class itself must still be closed. */
void fake_wire_kill(const char *address);

/* Cuts them as if the network had: both sides are told, and go on. What has arrived before is still seen. */
void fake_wire_cut(const char *address);

#endif /* FAKE_WIRE_H */
