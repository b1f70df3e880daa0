/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Peers of shared memory that mean harm, or are broken: whatever they give, write and say, they lose their route, with
 * -EPROTO where they broke the protocol, and nothing else happens: a good peer beside them is served, and no
 * descriptor, no mapping and no memory stays behind. Each case is a victim, a good peer and a raw one.
 *
 * Here are wake-ups, words in shared memory, and everything at random; gifts and records have files of their own.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "na/shm/shm_memfd.h"
#include "na/shm/shm_progress.h"
#include "tests/fault/shm_scene.h"
#include "util/util_rand.h"

#define BOTH ((unsigned)NA_ACCESS_REMOTE_READ | (unsigned)NA_ACCESS_REMOTE_WRITE)

/* --- beside the rings ------------------------------------------------------------------------------------------------ */

static void a_datagram_that_is_no_wake_up_costs_the_route(void)
{
    uint32_t downs;
    struct shm_raw raw;

    scene_begin();
    downs = scene.victim.downs;
    scene_accept(&raw);
    SUPPORT_CHECK(send(raw.socket_fd, "two", 3, MSG_NOSIGNAL) == 3);
    scene_expect_down(&raw, downs, -EPROTO, "a datagram of three bytes");
    shm_raw_close(&raw);
    scene_end();
}

static void floods_of_wake_ups_starve_nobody(void)
{
    struct shm_raw raw;

    scene_begin();
    scene_accept(&raw);
    for (int i = 0; i < 50; i++) {
        while (send(raw.socket_fd, "!", 1, MSG_NOSIGNAL | MSG_DONTWAIT) == 1)
            continue;
        scene_check_good();
    }
    SUPPORT_CHECK(scene.victim.accepted_count == 2);
    shm_raw_close(&raw);
    scene_end();
}

/* Withdraws memory at which a peer says for ever to be copying, and which has hung up or not: how long it took. */
static uint64_t withdraw_from_a_copy_that_never_ends(bool hung_up)
{
    unsigned char bytes[100];
    struct na_mem *mem = bench_register(&scene.victim, bytes, sizeof(bytes), BOTH);
    struct na_remote_segment there;
    struct shm_raw raw;
    uint64_t begin_us;
    uint64_t took_us;

    na_mem_describe(mem, 0, &there);
    scene_accept(&raw);
    atomic_store(&raw.segment->busy[0].entry, (uint64_t)shm_table_entry_of(there.address) + 1);
    if (hung_up) {
        shm_raw_hang_up(&raw);
        NODE_UNTIL(scene.victim.accepted_count == 1, SCENE_LIMIT_MS) scene_pump();
    }
    begin_us = support_suite_now_us();
    na_mem_deregister(mem);
    took_us = support_suite_now_us() - begin_us;
    if (!hung_up)
        na_route_close(scene.victim.accepted[--scene.victim.accepted_count]);
    shm_raw_close(&raw);
    return took_us;
}

static void a_copy_that_never_ends_is_not_waited_for(void)
{
    uint64_t took_us = UINT64_MAX;

    scene_begin();
    SUPPORT_CHECK(withdraw_from_a_copy_that_never_ends(false) < 5000000U * support_slowness());
    scene_check_clean();
    /* A peer that has hung up is not waited for at all; the machine may have been busy with something else. */
    for (unsigned int attempt = 0; attempt < 5 && took_us >= 50000; attempt++) {
        took_us = withdraw_from_a_copy_that_never_ends(true);
        scene_check_clean();
    }
    SUPPORT_CHECK(took_us < 50000);
    scene_end();
}

/* A peer whose every copy is waited for in vain would stop the victim at each withdrawal. */
static void copies_that_never_end_hold_up_few_withdrawals(void)
{
    enum { WAITED_FOR = 5, NOT_WAITED_FOR = 10 }; /* the former are more than OVERSTAYS_MAX of shm_mem.c */
    unsigned char bytes[100];
    uint64_t took_us = UINT64_MAX;
    struct shm_raw raw;

    scene_begin();
    scene_accept(&raw);
    for (unsigned int i = 0; i < WAITED_FOR + NOT_WAITED_FOR; i++) {
        struct na_mem *mem = bench_register(&scene.victim, bytes, sizeof(bytes), BOTH);
        struct na_remote_segment there;
        uint64_t begin_us;

        na_mem_describe(mem, 0, &there);
        atomic_store(&raw.segment->busy[0].entry, (uint64_t)shm_table_entry_of(there.address) + 1);
        begin_us = support_suite_now_us();
        na_mem_deregister(mem);
        /* The shortest, since the machine may be busy with something else. */
        if (i >= WAITED_FOR && support_suite_now_us() - begin_us < took_us)
            took_us = support_suite_now_us() - begin_us;
    }
    SUPPORT_CHECK(took_us < 50000);
    scene_check_good();
    na_route_close(scene.victim.accepted[--scene.victim.accepted_count]);
    shm_raw_close(&raw);
    scene_end();
}

/* A peer that says for ever that it is about to let others copy would keep them awake. */
static void a_door_that_is_never_opened_ends_its_transfers(void)
{
    enum { LIMIT_MS = 300 };
    struct na_remote_segment there = {.address = UINT64_C(1) << SHM_TABLE_OFFSET_BITS, .key_size = 8};
    struct bench mirror = {.size = sizeof(scene.memory)};
    struct op op = {0};
    struct shm_raw raw;
    uint64_t begin_us;

    scene_begin_limited(LIMIT_MS);
    shm_raw_open(&raw);
    atomic_store(&raw.segment->busy[0].door, SHM_DOOR_NOT_YET);
    shm_raw_dial(&raw, scene_victim_name());
    shm_raw_say_hello(&raw);
    mirror.route = scene_until_accepted();
    mirror.client_mem = scene.mem;
    mirror.client_bytes = scene.memory;
    op_fill(&op, &mirror, NA_RMA_GET, 0, 1000, &there);
    begin_us = support_suite_now_us();
    SUPPORT_CHECK(na_rma_post(&op.rma) == 0);
    NODE_UNTIL(op.ends > 0, SCENE_LIMIT_MS) scene_pump();
    SUPPORT_CHECK(op.ends == 1 && op.error == -ECONNRESET);
    SUPPORT_CHECK(support_suite_now_us() - begin_us >= LIMIT_MS * UINT64_C(1000));
    SUPPORT_CHECK(scene.victim.downs == 0); /* the peer may call none the less */
    shm_raw_close(&raw);
    scene_end();
}

/* A process that has nothing of this one's but the memory that is shared, and does `work` until it is killed. */
static pid_t fork_writer(void (*work)(struct shm_raw *raw), struct shm_raw *raw)
{
    pid_t child;

    (void)fflush(NULL);
    child = fork();
    SUPPORT_CHECK(child >= 0);
    if (child == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        (void)close_range(3, ~0U, 0);
        for (;;)
            work(raw);
    }
    return child;
}

static void kill_writer(pid_t child)
{
    SUPPORT_CHECK(kill(child, SIGKILL) == 0 && waitpid(child, NULL, 0) == child);
}

static void write_frames(struct shm_raw *raw)
{
    (void)shm_raw_send(raw, SHM_RECORD_FRAME, NULL, 8);
}

static void writing_behind_a_closed_door_does_not_keep_it_open(void)
{
    uint32_t downs;
    struct shm_raw raw;
    pid_t writer;

    scene_begin();
    downs = scene.victim.downs;
    scene_accept(&raw);
    writer = fork_writer(write_frames, &raw);
    NODE_UNTIL(scene.victim.bad_frames > 1000, SCENE_LIMIT_MS) scene_pump();
    SUPPORT_CHECK(scene.victim.bad_frames > 1000);
    shm_raw_hang_up(&raw);
    NODE_UNTIL(scene.victim.downs > downs, SCENE_LIMIT_MS) scene_pump();
    SUPPORT_CHECK(scene.victim.downs == downs + 1 && scene.victim.down_error == -ECONNRESET);
    kill_writer(writer);
    shm_raw_close(&raw);
    scene_end();
}

/* --- all of it at random --------------------------------------------------------------------------------------------- */

/* A table whose entries are what they are: only the head is right. The victim may write to where they lead. */
struct random_table {
    uint64_t (*entries)[4];
    int fd;
};

static unsigned char junk[1 << 20];

static void random_table_make(struct random_table *table)
{
    void *memory_map = NULL;
    struct shm_table *model = NULL;

    SUPPORT_CHECK(shm_memfd_create("test", SHM_TABLE_ENTRIES * 32UL, false, &memory_map, &table->fd) == 0);
    table->entries = memory_map;
    SUPPORT_CHECK(shm_table_create(&model) == 0);
    SUPPORT_CHECK(pread(shm_table_fd(model), table->entries, 32, 0) == 32);
    shm_table_destroy(model);
}

/* What the victim asks for has entry 1 and key 0. */
static void random_table_scribble(struct random_table *table, struct util_prng *prng)
{
    uint64_t *entry = table->entries[1];

    entry[0] = util_prng_below(prng, 4);
    entry[1] = util_prng_below(prng, 8) == 0;
    entry[2] = util_prng_below(prng, 4) == 0 ? util_prng_next(prng) | UINT64_C(1) << 63 : (uintptr_t)junk;
    entry[3] = util_prng_next(prng) >> util_prng_below(prng, 64);
}

/* A record with a header and first words that could be right. */
static void random_record(struct shm_raw *raw, struct util_prng *prng)
{
    uint64_t words[4] = {util_prng_below(prng, 40), util_prng_below(prng, 4) == 0 ? util_prng_next(prng) : 0,
                         UINT64_C(1) << SHM_TABLE_OFFSET_BITS, util_prng_below(prng, 70000)};
    uint32_t kind = (uint32_t)util_prng_below(prng, 40) == 0 ? 7 : 1 + (uint32_t)util_prng_below(prng, 5);
    size_t size = util_prng_below(prng, 4) == 0 ? (size_t)util_prng_below(prng, SHM_RING_RECORD_MAX)
                                                : 16 + 16 * (size_t)util_prng_below(prng, 3);

    words[1] = kind == SHM_RECORD_DATA ? util_prng_below(prng, 70000) : words[1];
    (void)shm_raw_send_words(raw, kind, words, size / 8 < 4 ? size / 8 : 4, size);
}

static void random_step(struct shm_raw *raw, struct random_table *table, struct util_prng *prng)
{
    unsigned char *bytes = (unsigned char *)raw->segment;

    switch (util_prng_below(prng, 8)) {
    case 0: /* anywhere */
        if (util_prng_below(prng, 50) == 0)
            bytes[util_prng_below(prng, sizeof(*raw->segment))] = (unsigned char)util_prng_next(prng);
        break;
    case 1: /* what lies ahead of the reader */
        bytes = raw->out.shared->bytes;
        bytes[(raw->out.tail + util_prng_below(prng, 64)) % SHM_RING_SIZE] = (unsigned char)util_prng_next(prng);
        break;
    case 2:
        raw->segment->busy[0].entry = util_prng_below(prng, 3);
        raw->segment->busy[0].door = (uint32_t)util_prng_below(prng, 4);
        break;
    case 3:
        atomic_store(&raw->in.shared->head, atomic_load(&raw->in.shared->tail) - util_prng_below(prng, 100));
        atomic_store(&raw->in.shared->blocked, 1);
        break;
    case 4:
        atomic_store(&raw->in.shared->polled, util_prng_next(prng));
        atomic_store(&raw->page->epoch, util_prng_next(prng));
        break;
    case 5:
        random_table_scribble(table, prng);
        break;
    default:
        random_record(raw, prng);
        break;
    }
}

/* A process that connects again and again, and does anything. */
static void child_scribble(int out_fd, int control_fd, const char *argument)
{
    char name[NA_ADDRESS_MAX] = "";
    struct random_table table;
    struct util_prng prng;

    (void)argument;
    (void)out_fd;
    SUPPORT_CHECK(read(control_fd, name, sizeof(name) - 1) > 0);
    util_prng_init(&prng, support_seed() + 1);
    random_table_make(&table);
    for (;;) {
        uint64_t steps = util_prng_below(&prng, 20000);
        struct shm_raw raw;

        shm_raw_open(&raw);
        shm_raw_make_gift(&raw, util_prng_below(&prng, 2) * 8); /* to be reached, or not */
        raw.gift.fds[0] = table.fd;
        shm_raw_dial(&raw, name);
        shm_raw_say_hello(&raw);
        while (steps-- > 0 && (steps % 64 != 0 || !shm_raw_is_hung_up(&raw)))
            random_step(&raw, &table, &prng);
        shm_raw_close(&raw);
    }
}

/* The victim has transfers and frames for whoever connects. */
static void victim_plays(struct op *ops, size_t count, uint64_t seq)
{
    static const struct na_remote_segment there = {.address = UINT64_C(1) << SHM_TABLE_OFFSET_BITS, .key_size = 8};
    struct bench mirror = {.client_mem = scene.mem, .client_bytes = scene.memory};

    for (uint32_t i = 1; i < scene.victim.accepted_count; i++) {
        struct op *op = &ops[seq % count];

        mirror.route = scene.victim.accepted[i];
        (void)node_send(&scene.victim, mirror.route, NODE_KIND_DATA, seq, 300);
        if (op->ends == 0)
            continue;
        op_fill(op, &mirror, seq % 3 == 0 ? NA_RMA_PUT : NA_RMA_GET, 0, 1 + seq % 60000, &there);
        if (na_rma_post(&op->rma) != 0)
            op->ends = 1;
        else if (seq % 7 == 0)
            na_rma_cancel(&op->rma);
    }
}

static void anything_at_any_time_harms_nobody_else(void)
{
    enum { OPS = 50 };
    static struct op ops[OPS];
    struct node_child child;
    uint64_t seq = 0;

    node_child_start(&child, child_scribble, "");
    scene_begin();
    SUPPORT_CHECK(dprintf(child.control, "%s", scene_victim_name()) > 0);
    for (size_t i = 0; i < OPS; i++)
        ops[i].ends = 1;
    NODE_UNTIL(scene.victim.downs >= 400, 8000 / support_slowness())
    {
        scene_pump();
        victim_plays(ops, OPS, seq++);
        if (seq % 512 == 0)
            scene_check_good();
    }
    printf("# %u routes came and went\n", scene.victim.downs);
    SUPPORT_CHECK(scene.victim.downs >= 20);
    node_child_kill(&child);
    scene.fds -= 2; /* the pipes to the child */
    NODE_UNTIL(scene.victim.accepted_count == 1, SCENE_LIMIT_MS) scene_pump();
    for (size_t i = 0; i < OPS; i++)
        SUPPORT_CHECK(ops[i].ends == 1);
    scene_end();
}

static void crowds_come_and_go_without_a_trace(void)
{
    enum { CROWD = 40, ROUNDS = 10 };
    static struct shm_raw raws[CROWD];

    scene_begin();
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < CROWD; i++) {
            shm_raw_open(&raws[i]);
            shm_raw_dial(&raws[i], scene_victim_name());
            if (i % 4 != 0)
                shm_raw_say_hello(&raws[i]);
            if (i % 3 == 0)
                scene_pump();
            if (i % 5 == 0)
                shm_raw_hang_up(&raws[i]);
        }
        for (int i = 0; i < CROWD; i++)
            shm_raw_close(&raws[i]);
        scene_check_clean();
    }
    scene_end();
}

static const struct support_case cases[] = {
    SUPPORT_CASE(a_datagram_that_is_no_wake_up_costs_the_route),
    SUPPORT_CASE(floods_of_wake_ups_starve_nobody),
    SUPPORT_CASE(a_copy_that_never_ends_is_not_waited_for),
    SUPPORT_CASE(copies_that_never_end_hold_up_few_withdrawals),
    SUPPORT_CASE(a_door_that_is_never_opened_ends_its_transfers),
    SUPPORT_CASE(writing_behind_a_closed_door_does_not_keep_it_open),
    SUPPORT_CASE(anything_at_any_time_harms_nobody_else),
    SUPPORT_CASE(crowds_come_and_go_without_a_trace),
    {NULL, NULL, 0},
};

static void setup(void)
{
    support_suite_set_parameter("shm");
}

int main(int argc, char **argv)
{
    static const struct support_case *const tables[] = {shm_gift_cases, shm_record_cases, cases, NULL};

    return support_suite_main(argc, argv, tables, setup);
}
