/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Processes that call each other without end over shared memory, with bulk data pulled and pushed by each call, while one
 * of them is killed at random moments and started again at the same address, or stopped for a while.
 *
 * The others never hang: every call ends, with success or with an error, the successor is served, and no byte of a
 * call that ended in an error turns up in a later one. After many deaths as many descriptors are open, and as much is
 * mapped, as after the first calls. A stopped process is not a dead one: it costs time, and no call.
 *
 * The parent starts the processes, kills them, and reads on a board in shared memory how they are; it opens no
 * transport itself. QS_TEST_ROUNDS says how many deaths there are.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/hg_pair.h"
#include "tests/support/support_fds.h"
#include "tests/support/support_maps.h"
#include "util/util_rand.h"

enum {
    SEATS = 4,
    SLOTS = 6, /* calls of one process at once */
    BULK_MAX = 300000,
    CALL_LIMIT_MS = 10000, /* of the oldest call, and of whatever is waited for */
    /* A peer may have two routes, each with a socket and three mappings. */
    SPARE_FDS = 2 * (SEATS - 1),
    SPARE_MAPS = 3 * SPARE_FDS,
};

/* What one process tells. Written by it alone. */
struct seat {
    _Alignas(64) atomic_ulong well[SEATS]; /* calls that ended so, by target */
    atomic_ulong badly;                    /* calls that ended with an error */
    _Atomic uint64_t oldest_us;            /* when the oldest call that is open was started; 0: none is */
    atomic_uint wrong;                     /* calls whose bytes were not what they should be */
    atomic_bool quiet;                     /* it was asked to pause, and no call is open */
    atomic_int fds;                        /* while quiet */
    atomic_int maps;
};

struct board {
    atomic_bool pause; /* start no more calls */
    struct seat seats[SEATS];
};

static struct board *board;
static char family[32]; /* of the endpoints' names */

/* --- a process ----------------------------------------------------------------------------------------- */

/* What a call brings. */
struct churn_in {
    uint64_t seed;
    uint64_t size;
    hg_bulk_t bulk;
};

struct slot {
    unsigned int target;
    uint64_t seed;
    uint64_t size;
    uint64_t start_us; /* 0: no call is open */
    hg_handle_t handle;
    hg_bulk_t bulk;
    unsigned char *data;
};

/* A call that is served. */
struct service {
    hg_handle_t handle;
    struct churn_in in;
    hg_bulk_t local;
    unsigned char *data;
};

static struct {
    unsigned int index;
    struct seat *seat;
    hg_class_t *hg_class;
    hg_context_t *context;
    hg_id_t id;
    hg_addr_t addrs[SEATS];
    struct slot slots[SLOTS];
    struct util_prng prng;
} me;

static hg_return_t proc_in(hg_proc_t proc, void *data)
{
    struct churn_in *in = data;
    hg_return_t ret = hg_proc_uint64_t(proc, &in->seed);

    if (ret == HG_SUCCESS)
        ret = hg_proc_uint64_t(proc, &in->size);
    if (ret == HG_SUCCESS)
        ret = hg_proc_hg_bulk_t(proc, &in->bulk);
    return ret;
}

static void turn_bytes(unsigned char *data, uint64_t size)
{
    for (uint64_t i = 0; i < size; i++)
        data[i] ^= 0x5a;
}

static hg_return_t service_end(struct service *service, uint64_t answer)
{
    /* The origin may have died: then there is an error, and nobody to answer. */
    (void)HG_Respond(service->handle, NULL, NULL, &answer);
    HG_PAIR_OK(HG_Bulk_free(service->local));
    HG_PAIR_OK(HG_Free_input(service->handle, &service->in));
    HG_PAIR_OK(HG_Destroy(service->handle));
    free(service->data);
    free(service);
    return HG_SUCCESS;
}

static hg_return_t service_pushed(const struct hg_cb_info *info)
{
    return service_end(info->arg, info->ret == HG_SUCCESS);
}

static hg_return_t service_move(struct service *service, hg_cb_t done, hg_bulk_op_t op)
{
    const struct hg_info *info = HG_Get_info(service->handle);
    hg_return_t ret = HG_Bulk_transfer(info->context, done, service, op, info->addr, service->in.bulk, 0,
                                       service->local, 0, service->in.size, HG_OP_ID_IGNORE);

    return ret == HG_SUCCESS ? ret : service_end(service, 0);
}

static hg_return_t service_pulled(const struct hg_cb_info *info)
{
    struct service *service = info->arg;

    if (info->ret != HG_SUCCESS)
        return service_end(service, 0);
    if (!hg_pair_is_filled(service->data, service->in.size, service->in.seed))
        atomic_fetch_add(&me.seat->wrong, 1);
    turn_bytes(service->data, service->in.size);
    return service_move(service, service_pushed, HG_BULK_PUSH);
}

static hg_return_t serve(hg_handle_t handle)
{
    struct service *service = calloc(1, sizeof(*service));
    hg_size_t size;

    SUPPORT_CHECK(service != NULL);
    service->handle = handle;
    HG_PAIR_OK(HG_Get_input(handle, &service->in));
    SUPPORT_CHECK(service->in.size > 0 && service->in.size <= BULK_MAX);
    service->data = malloc(service->in.size);
    SUPPORT_CHECK(service->data != NULL);
    size = service->in.size;
    HG_PAIR_OK(HG_Bulk_create(me.hg_class, 1, (void **)&service->data, &size, HG_BULK_READWRITE, &service->local));
    return service_move(service, service_pulled, HG_BULK_PULL);
}

/* A call ended. What it brought back is only looked at when it ended well; what it left is overwritten by the next, so that
 * bytes of it that come late are seen there. */
static hg_return_t called(const struct hg_cb_info *info)
{
    struct slot *slot = info->arg;
    uint64_t answer = 0;

    if (info->ret == HG_SUCCESS) {
        HG_PAIR_OK(HG_Get_output(slot->handle, &answer));
        HG_PAIR_OK(HG_Free_output(slot->handle, &answer));
    }
    if (answer != 0) {
        turn_bytes(slot->data, slot->size);
        if (!hg_pair_is_filled(slot->data, slot->size, slot->seed))
            atomic_fetch_add(&me.seat->wrong, 1);
        atomic_fetch_add(&me.seat->well[slot->target], 1);
    } else {
        atomic_fetch_add(&me.seat->badly, 1);
    }
    HG_PAIR_OK(HG_Destroy(slot->handle));
    slot->start_us = 0;
    return HG_SUCCESS;
}

static void call(struct slot *slot)
{
    struct churn_in in;

    slot->target = (me.index + 1 + (unsigned int)util_prng_below(&me.prng, SEATS - 1)) % SEATS;
    slot->seed = util_prng_next(&me.prng);
    slot->size = 1 + util_prng_below(&me.prng, util_prng_below(&me.prng, 3) == 0 ? BULK_MAX : 5000);
    hg_pair_fill(slot->data, slot->size, slot->seed);
    in = (struct churn_in){.seed = slot->seed, .size = slot->size, .bulk = slot->bulk};
    slot->start_us = support_suite_now_us();
    HG_PAIR_OK(HG_Create(me.context, me.addrs[slot->target], me.id, &slot->handle));
    HG_PAIR_OK(HG_Forward(slot->handle, called, slot, &in));
}

/* Starts calls in the slots that are free, and tells how it is. */
static void play(void)
{
    bool pause = atomic_load(&board->pause);
    uint64_t oldest_us = UINT64_MAX;

    for (unsigned int i = 0; i < SLOTS; i++) {
        if (me.slots[i].start_us == 0 && !pause)
            call(&me.slots[i]);
        if (me.slots[i].start_us != 0 && me.slots[i].start_us < oldest_us)
            oldest_us = me.slots[i].start_us;
    }
    atomic_store(&me.seat->oldest_us, oldest_us == UINT64_MAX ? 0 : oldest_us);
    if (oldest_us == UINT64_MAX) {
        atomic_store(&me.seat->fds, support_fds_count());
        atomic_store(&me.seat->maps, support_maps_count("memfd:"));
    }
    atomic_store(&me.seat->quiet, oldest_us == UINT64_MAX);
}

static void open_slot(struct slot *slot)
{
    hg_size_t size = BULK_MAX;

    slot->data = malloc(BULK_MAX);
    SUPPORT_CHECK(slot->data != NULL);
    HG_PAIR_OK(HG_Bulk_create(me.hg_class, 1, (void **)&slot->data, &size, HG_BULK_READWRITE, &slot->bulk));
}

static _Noreturn void process_main(unsigned int index, uint64_t seed)
{
    char text[64];

    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    HG_Set_log_level("none");
    me.index = index;
    me.seat = &board->seats[index];
    util_prng_init(&me.prng, seed);
    (void)snprintf(text, sizeof(text), "shm://%s-%u", family, index);
    me.hg_class = HG_Init(text, true);
    SUPPORT_CHECK(me.hg_class != NULL);
    me.context = HG_Context_create(me.hg_class);
    SUPPORT_CHECK(me.context != NULL);
    me.id = HG_Register_name(me.hg_class, "churn", proc_in, hg_proc_uint64_t, serve);
    for (unsigned int i = 0; i < SEATS; i++) {
        (void)snprintf(text, sizeof(text), "shm://%s-%u", family, i);
        HG_PAIR_OK(HG_Addr_lookup2(me.hg_class, text, &me.addrs[i]));
    }
    for (unsigned int i = 0; i < SLOTS; i++)
        open_slot(&me.slots[i]);
    for (;;) {
        play();
        (void)HG_Progress(me.context, 5);
        (void)HG_Trigger(me.context, 0, 64, NULL);
    }
}

/* --- the parent ------------------------------------------------------------------------------------------- */

static pid_t pids[SEATS];
static uint64_t next_seed;

static void start(unsigned int index)
{
    atomic_store(&board->seats[index].oldest_us, 0);
    atomic_store(&board->seats[index].quiet, false);
    (void)fflush(NULL);
    pids[index] = fork();
    SUPPORT_CHECK(pids[index] >= 0);
    if (pids[index] == 0)
        process_main(index, next_seed);
    next_seed++;
}

static void stop(unsigned int index)
{
    SUPPORT_CHECK(kill(pids[index], SIGKILL) == 0);
    SUPPORT_CHECK(waitpid(pids[index], NULL, 0) == pids[index]);
    pids[index] = 0;
}

static unsigned long well_total(unsigned int index)
{
    unsigned long sum = 0;

    for (unsigned int i = 0; i < SEATS; i++)
        sum += atomic_load(&board->seats[index].well[i]);
    return sum;
}

/* Each of the processes lives, and has no call that does not end. `stopped` is not looked at. */
static void check_health(unsigned int stopped)
{
    uint64_t now_us = support_suite_now_us();

    for (unsigned int i = 0; i < SEATS; i++) {
        uint64_t oldest_us = atomic_load(&board->seats[i].oldest_us);
        int status;

        if (waitpid(pids[i], &status, WNOHANG) != 0)
            support_suite_fail("process %u ended by itself, status %#x", i, (unsigned)status);
        SUPPORT_CHECK(atomic_load(&board->seats[i].wrong) == 0);
        if (i != stopped && oldest_us != 0 && now_us > oldest_us + CALL_LIMIT_MS * 1000ULL * support_slowness())
            support_suite_fail("a call of process %u does not end (%lu ended well, %lu badly)", i, well_total(i),
                               atomic_load(&board->seats[i].badly));
    }
}

/* Waits in small steps, at most so long, and looks at everybody's health meanwhile; the body is the condition to go on. */
#define WHILE_HEALTHY(condition, stopped)                                                                      \
    for (uint64_t end_us = support_suite_now_us() + CALL_LIMIT_MS * 1000ULL * support_slowness(); (condition); \
         patience_check(end_us, #condition, stopped))

static void patience_check(uint64_t end_us, const char *condition, unsigned int stopped)
{
    if (support_suite_now_us() > end_us)
        support_suite_fail("still so after %d ms: %s", CALL_LIMIT_MS, condition);
    check_health(stopped);
    (void)usleep(500);
}

static void rest(unsigned int us, unsigned int stopped)
{
    uint64_t end_us = support_suite_now_us() + us;

    while (support_suite_now_us() < end_us) {
        check_health(stopped);
        (void)usleep(500);
    }
}

/* Whether all but `from` had a call to each other answered since `before`. */
static bool all_called(unsigned long before[SEATS][SEATS])
{
    for (unsigned int i = 0; i < SEATS; i++) {
        for (unsigned int k = 0; k < SEATS; k++) {
            if (i != k && atomic_load(&board->seats[i].well[k]) == before[i][k])
                return false;
        }
    }
    return true;
}

/* Waits until each has called each other. */
static void wait_for_all_calls(void)
{
    unsigned long before[SEATS][SEATS];

    for (unsigned int i = 0; i < SEATS; i++) {
        for (unsigned int k = 0; k < SEATS; k++)
            before[i][k] = atomic_load(&board->seats[i].well[k]);
    }
    WHILE_HEALTHY(!all_called(before), SEATS);
}

static bool all_quiet(void)
{
    for (unsigned int i = 0; i < SEATS; i++) {
        if (!atomic_load(&board->seats[i].quiet))
            return false;
    }
    return true;
}

static void pause_calls(void)
{
    atomic_store(&board->pause, true);
    for (unsigned int i = 0; i < SEATS; i++)
        atomic_store(&board->seats[i].quiet, false);
    WHILE_HEALTHY(!all_quiet(), SEATS);
}

static bool within_bounds(const int fds[SEATS], const int maps[SEATS], unsigned int killed)
{
    for (unsigned int i = 0; i < SEATS; i++) {
        const struct seat *seat = &board->seats[i];

        if (i != killed &&
            (atomic_load(&seat->fds) > fds[i] + SPARE_FDS || atomic_load(&seat->maps) > maps[i] + SPARE_MAPS))
            return false;
    }
    return true;
}

static void begin(void)
{
    board = mmap(NULL, sizeof(*board), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    SUPPORT_CHECK(board != MAP_FAILED);
    (void)snprintf(family, sizeof(family), "churn-%d", (int)getpid());
    next_seed = support_seed();
    for (unsigned int i = 0; i < SEATS; i++)
        start(i);
    wait_for_all_calls();
}

static void end(void)
{
    unsigned long well = 0;
    unsigned long badly = 0;

    for (unsigned int i = 0; i < SEATS; i++) {
        well += well_total(i);
        badly += atomic_load(&board->seats[i].badly);
        stop(i);
    }
    printf("# %lu calls ended well, %lu badly\n", well, badly);
    (void)munmap(board, sizeof(*board));
}

static unsigned int rounds(unsigned int usual)
{
    const char *text = getenv("QS_TEST_ROUNDS");

    return text != NULL ? (unsigned int)atoi(text) : support_slowness() > 1 ? usual / 3 : usual;
}

/* --- cases --------------------------------------------------------------------------------------------------- */

static void deaths_and_restarts_under_load_leave_nothing(void)
{
    const unsigned int killed = SEATS - 1;
    const unsigned int deaths = rounds(50);
    struct util_prng prng;
    int fds[SEATS];
    int maps[SEATS];

    begin();
    util_prng_init(&prng, support_seed() + 1);
    pause_calls();
    for (unsigned int i = 0; i < SEATS; i++) {
        fds[i] = atomic_load(&board->seats[i].fds);
        maps[i] = atomic_load(&board->seats[i].maps);
    }
    atomic_store(&board->pause, false);
    for (unsigned int i = 0; i < deaths; i++) {
        rest((unsigned int)util_prng_below(&prng, 40000), SEATS);
        if (i % 5 == 4) { /* dies while it is stopped */
            SUPPORT_CHECK(kill(pids[killed], SIGSTOP) == 0);
            rest((unsigned int)util_prng_below(&prng, 40000), killed);
        }
        stop(killed);
        if (i % 3 == 2)
            (void)usleep((unsigned int)util_prng_below(&prng, 20000)); /* nobody is there for a while */
        start(killed);
        wait_for_all_calls();
    }
    pause_calls();
    WHILE_HEALTHY(!within_bounds(fds, maps, killed), SEATS);
    for (unsigned int i = 0; i < killed; i++)
        printf("# process %u: %d descriptors were open, %d are; %d mappings there were, %d are\n", i, fds[i],
               atomic_load(&board->seats[i].fds), maps[i], atomic_load(&board->seats[i].maps));
    end();
}

static void everybody_may_die(void)
{
    const unsigned int deaths = rounds(50);
    struct util_prng prng;

    begin();
    util_prng_init(&prng, support_seed() + 2);
    for (unsigned int i = 0; i < deaths; i++) {
        unsigned int one = (unsigned int)util_prng_below(&prng, SEATS);
        unsigned int other = (unsigned int)util_prng_below(&prng, SEATS);

        stop(one);
        if (other != one)
            stop(other);
        start(one);
        if (other != one)
            start(other);
        wait_for_all_calls();
    }
    end();
}

static void a_stopped_process_costs_time_and_no_call(void)
{
    unsigned long badly = 0;
    struct util_prng prng;

    begin();
    for (unsigned int i = 0; i < SEATS; i++)
        badly += atomic_load(&board->seats[i].badly);
    util_prng_init(&prng, support_seed() + 3);
    for (unsigned int i = 0; i < 15; i++) {
        unsigned int stopped = (unsigned int)util_prng_below(&prng, SEATS);

        SUPPORT_CHECK(kill(pids[stopped], SIGSTOP) == 0);
        rest(20000 + (unsigned int)util_prng_below(&prng, 300000), stopped);
        SUPPORT_CHECK(kill(pids[stopped], SIGCONT) == 0);
        wait_for_all_calls();
    }
    for (unsigned int i = 0; i < SEATS; i++)
        badly -= atomic_load(&board->seats[i].badly);
    SUPPORT_CHECK(badly == 0);
    end();
}

static const struct support_case cases[] = {
    {"deaths_and_restarts_under_load_leave_nothing", deaths_and_restarts_under_load_leave_nothing, 120},
    {"everybody_may_die", everybody_may_die, 120},
    {"a_stopped_process_costs_time_and_no_call", a_stopped_process_costs_time_and_no_call, 60},
    {NULL, NULL, 0},
};

static void setup(void)
{
    support_suite_set_parameter("shm");
}

int main(int argc, char **argv)
{
    static const struct support_case *const tables[] = {cases, NULL};

    return support_suite_main(argc, argv, tables, setup);
}
