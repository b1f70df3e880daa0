/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * A transport that is a script: all of na.h in one process, without a network and without time.
 *
 * Registered memory is reached by random keys, and checked for bounds and access like a real target
 * would. A posted operation moves its bytes only when na_progress ends it. What the transport does
 * wrong is set in struct fake_na by the test: refusals, errors of posts and of completions, the
 * order of completions and how many a turn delivers.
 *
 * Compile fake_na.c into the test itself: its symbols then stand in for those of the library.
 * Frames are not carried. One thread, except for registration, which may be used by several.
 */
#ifndef FAKE_NA_H
#define FAKE_NA_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "na/na.h"
#include "util/util_list.h"
#include "util/util_rand.h"

enum fake_na_order {
    FAKE_NA_ORDER_FIFO,
    FAKE_NA_ORDER_LIFO,
    FAKE_NA_ORDER_RANDOM,
};

/* One process on the fake network: a class, its one context, and a route to wherever a key leads;
 * these are what the code under test is given. */
struct fake_na {
    struct na_limits limits;
    uint8_t key_size;   /* of new registrations: 8, or more for raw keys */
    int fail_register;  /* the next registration fails so, once */
    bool takes_devices; /* registers memory of any kind */

    /* The script. */
    unsigned int refuse_posts;    /* so many next posts answer -EAGAIN */
    unsigned int refuse_percent;  /* of the others, at random */
    unsigned int slots;           /* operations in flight at once; 0: any number */
    int fail_post;                /* the next post that is not refused fails so, once */
    unsigned int fail_post_after; /* posts that still go well before fail_post counts */
    int fail_done;                /* a completion fails so, once ... */
    unsigned int fail_done_after; /* ... after so many that go well */
    bool deaf_to_cancel;          /* cancelled operations end as if nothing had been said */
    enum fake_na_order order;
    unsigned int turn_max; /* completions per na_progress; 0: all */
    struct util_prng prng;

    /* What was seen. */
    unsigned int posts; /* accepted */
    unsigned int refused;
    unsigned int in_flight;
    unsigned int in_flight_max;
    size_t size_max; /* of one operation */
    unsigned int cancels;
    unsigned int registered;  /* registrations alive */
    unsigned int last_access; /* of the last registration ... */
    enum na_mem_kind last_kind;
    uint64_t last_device;

    /* Inside. */
    struct util_list posted; /* operations in flight */
    struct na_class *na_class;
    struct na_context *context;
    struct na_route *route;
};

/* Makes the process; its route leads everywhere. Aborts when out of memory. */
void fake_na_init(struct fake_na *fake);
/* Nothing may be registered or in flight: checked. */
void fake_na_fini(struct fake_na *fake);

#endif /* FAKE_NA_H */
