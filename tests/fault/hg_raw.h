/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * A peer that plays by hand, over fake_wire: it speaks na.h directly and sends whatever it is told to, to a pair of
 * honest classes. The frame that goes out next is put together in `raw`, and is right unless a test bends it.
 * One of each per process, since each case has a process of its own.
 */
#ifndef TESTS_FAULT_HG_RAW_H
#define TESTS_FAULT_HG_RAW_H

#include "hg/hg_frame.h"
#include "hg/hg_header.h"
#include "tests/support/fake_wire.h"
#include "tests/support/hg_pair.h"

enum { HG_RAW_KEPT = 64 };

/* The hostile peer: an endpoint, a route to the victim, and what came from there. */
struct hg_raw {
    struct na_class *na_class;
    struct na_context *context;
    struct na_route *route; /* NULL when it went down */
    bool down;
    int down_error;

    /* What the victim said in its frames. */
    struct hg_frame_hello hello;
    bool has_hello;
    unsigned int refusals;
    struct hg_header kept[HG_RAW_KEPT];
    unsigned int kept_count;
    uint32_t credit;

    /* What goes into the next frame. */
    struct hg_frame_header header;
    struct hg_frame_hello own;
    bool send_hello;
    unsigned char body[8192];
    size_t body_size;
};

/* Those of hg_hostile_checks.c. */
extern const struct support_case hg_hostile_check_cases[];
/* Those of hg_hostile_cancels.c. */
extern const struct support_case hg_hostile_cancel_cases[];
/* Those of hg_hostile_hellos.c. */
extern const struct support_case hg_hostile_hello_cases[];
/* Those of hg_hostile_shares.c. */
extern const struct support_case hg_hostile_share_cases[];

extern struct hg_pair pair;
extern struct hg_raw raw;

/* The pair on a fresh network, having spoken once, and the hostile peer connected to its target. */
void hg_raw_setup(void);
/* The pair was not disturbed; closes everything, and sees that nothing is left. */
void hg_raw_finish(void);

/* Lets both sides move. */
void hg_raw_turn(void);
/* A new connection to this address. */
void hg_raw_connect(const char *address);
void hg_raw_close(void);

/* Begins the next frame: with a hello, for a session that is not known yet. */
void hg_raw_begin(void);
/* Appends a message. */
void hg_raw_add(const struct hg_header *header, const void *payload, size_t size);
/* A request for one of the pair's RPCs. */
struct hg_header hg_raw_request(enum hg_pair_rpc rpc, uint64_t tag);
/* Appends an echo request with an empty blob. */
void hg_raw_add_echo(uint64_t tag);
/* The bytes of the frame; their number. */
size_t hg_raw_build(unsigned char *bytes);
/* Sends the frame and begins the next one, which names the victim's session if that is known. */
void hg_raw_send(void);
void hg_raw_send_bytes(const unsigned char *bytes, size_t size);

/* The last message that came from the victim. */
const struct hg_header *hg_raw_last(void);
/* The victim ended the session: told by the end of the route, where there are connections. */
void hg_raw_expect_ended(void);
/* The target's counter. */
uint64_t hg_raw_bad_frames(void);

#endif /* TESTS_FAULT_HG_RAW_H */
