/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * A hostile peer whose frames come from the input of a fuzz target. It speaks na.h directly. A frame's header and hello are
 * made right, and then one field may be overwritten; its body is made of messages of every type, whose fields come from the
 * input.
 */
#ifndef FUZZ_HOSTILE_H
#define FUZZ_HOSTILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hg/hg_frame.h"
#include "na/na.h"
#include "quicksilver.h"

enum { FUZZ_ENDS_MAX = 2 };

struct fuzz_input {
    const uint8_t *data;
    size_t size;
};

/* What the hostile peer has with one victim. */
struct fuzz_end {
    const char *victim; /* its class address */
    const char *host;   /* part of the texts of its routes */
    struct na_route *route;
    struct hg_frame_hello learned;
    bool has_learned;
    uint64_t last_tag; /* of the last request that came */
};

struct fuzz_hostile {
    const char *address;
    bool datagrams;
    const hg_id_t *ids; /* what victims serve */
    unsigned int id_count;
    struct fuzz_end ends[FUZZ_ENDS_MAX];
    struct na_class *na_class;
    struct na_context *context;
};

/* The next byte; 0 behind the end. */
unsigned int fuzz_take(struct fuzz_input *input);
/* Small numbers mostly, large ones sometimes. */
uint64_t fuzz_take_number(struct fuzz_input *input);

/* Opens the peer, whose identity and ends' victims are set. */
void fuzz_hostile_open(struct fuzz_hostile *hostile);
/* A new connection to the victim of an end. */
void fuzz_hostile_connect(struct fuzz_hostile *hostile, struct fuzz_end *end);
void fuzz_hostile_disconnect(struct fuzz_end *end);
void fuzz_hostile_close(struct fuzz_hostile *hostile);

/* Sends one frame of the input's making. */
void fuzz_hostile_frame(struct fuzz_hostile *hostile, struct fuzz_end *end, struct fuzz_input *input);
/* Sends the input's bytes as they are, up to 255 of them. */
void fuzz_hostile_bytes(struct fuzz_hostile *hostile, struct fuzz_end *end, struct fuzz_input *input);

#endif
