/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * What the tests of hostile peers share: a victim, a good peer that is served whatever happens, and a look at what
 * stayed behind. One of each per process, since each case has a process of its own. The rest is one file per way to be
 * hostile.
 */
#ifndef TESTS_FAULT_SHM_SCENE_H
#define TESTS_FAULT_SHM_SCENE_H

#include "tests/contract/na_bench.h"
#include "tests/fault/shm_raw.h"
#include "tests/support/support_guard.h"
#include "tests/support/support_suite.h"

enum { SCENE_LIMIT_MS = 8000, SCENE_MEMORY_SIZE = 300000 };

struct scene {
    struct node victim;
    struct node good;
    struct na_route *good_route;
    uint64_t good_seq;
    struct na_mem *mem; /* of the victim: `memory`, which peers may read and write, filled with salt 2 */
    unsigned char memory[SCENE_MEMORY_SIZE];
    struct na_remote_segment memory_at;
    int fds; /* open at the beginning */
    int maps;
};

extern struct scene scene;

void scene_begin(void);
/* The same with a limit of its own for what the victim makes of connections; 0: the default. */
void scene_begin_limited(uint32_t connect_timeout_ms);
/* Nothing is left of all others; closes everything. */
void scene_end(void);

/* One turn of both. */
void scene_pump(void);
/* The victim's endpoint. */
const char *scene_victim_name(void);
/* The good peer calls, and is answered. */
void scene_check_good(void);
/* And nothing is left of all others. */
void scene_check_clean(void);

/* Waits until the victim hangs up. */
void scene_until_hung_up(const struct shm_raw *raw);
/* Waits until the victim takes a raw peer for a good one; gives the victim's route. */
struct na_route *scene_until_accepted(void);
/* Connects a raw peer as an honest one. */
void scene_accept(struct shm_raw *raw);
/* Waits until the victim ends the one route for this reason, and hangs up. `downs` is victim.downs from before. */
void scene_expect_down(const struct shm_raw *raw, uint32_t downs, int error, const char *what);

extern const struct support_case shm_gift_cases[];
extern const struct support_case shm_record_cases[];

#endif /* TESTS_FAULT_SHM_SCENE_H */
