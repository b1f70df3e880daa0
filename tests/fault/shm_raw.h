/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * A peer of shared memory that plays by hand: it speaks the doorbell's hello on a plain socket, gives what it
 * is told to give, and writes into the rings what it likes. It is right unless a test bends it, before
 * shm_raw_say_hello. One thread.
 */
#ifndef TESTS_FAULT_SHM_RAW_H
#define TESTS_FAULT_SHM_RAW_H

#include "na/shm/shm_doorbell_page.h"
#include "na/shm/shm_gift.h"
#include "na/shm/shm_objects.h"

struct shm_raw {
    char name[64]; /* as which it says hello */
    int socket_fd; /* -1: none */
    int page_fd;
    struct shm_doorbell_page *page;

    /* What it gives. */
    struct shm_table *table;
    int segment_fd;
    struct shm_segment *segment;
    uint64_t cookie;
    struct shm_doorbell_gift gift; /* its descriptors are borrowed from the fields above */

    /* Its ends of the rings, once connected. */
    struct shm_ring_out out;
    struct shm_ring_in in;
};

/* Makes what an honest peer has; not yet connected. */
void shm_raw_open(struct shm_raw *raw);
void shm_raw_close(struct shm_raw *raw);

/* The gift as an honest peer would give it, with another address of the cookie: ours if it is 0. */
void shm_raw_make_gift(struct shm_raw *raw, uint64_t cookie_address);

/* Connects to an endpoint. */
void shm_raw_dial(struct shm_raw *raw, const char *endpoint);
/* Takes over a socket that a listener accepted. It is the victim that made the segment, whose descriptor came with its
 * hello. */
void shm_raw_answer(struct shm_raw *raw, int socket_fd);
/* Says hello, with the gift as it is. */
void shm_raw_say_hello(struct shm_raw *raw);
/* All of it, as an honest peer. */
void shm_raw_connect(struct shm_raw *raw, const char *endpoint);
/* Hangs up. */
void shm_raw_hang_up(struct shm_raw *raw);

/* Whether the victim hung up; reads away what it sent. */
bool shm_raw_is_hung_up(const struct shm_raw *raw);

/* Sends a record with `size` bytes of `data` (NULL: zeros); false when there is no room. */
bool shm_raw_send(struct shm_raw *raw, uint32_t kind, const void *data, size_t size);
/* The same with numbers of 8 bytes, as the records of transfers begin. */
bool shm_raw_send_words(struct shm_raw *raw, uint32_t kind, const uint64_t *words, size_t count, size_t size);
/* Takes the next record, if there is one, and copies as much as fits. */
bool shm_raw_take(struct shm_raw *raw, uint32_t *kind, void *data, size_t room, size_t *size);

#endif /* TESTS_FAULT_SHM_RAW_H */
