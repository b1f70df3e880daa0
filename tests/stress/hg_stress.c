/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Many threads on the RPC interface at once, over real transports: forwards, cancels, time-outs, large and
 * one-way calls, progress and trigger from several threads, contexts with threads of their own, classes that
 * come and go. Each case runs for a bounded time, QS_TEST_SECONDS (2 by default). The parameter is the
 * provider.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/hg_pair.h"
#include "tests/support/support_log.h"
#include "util/util_rand.h"

enum {
    CALLERS = 3,
    DRIVERS = 2,
    SLOTS = 16, /* calls of one caller at once */
};

static struct hg_pair pair;
static atomic_bool over;
static uint64_t seed;

static unsigned int seconds(void)
{
    const char *text = getenv("QS_TEST_SECONDS");

    return text != NULL ? (unsigned int)atoi(text) : 2;
}

static void start(pthread_t *thread, void *(*run)(void *), void *arg)
{
    SUPPORT_CHECK(pthread_create(thread, NULL, run, arg) == 0);
}

static void join(pthread_t thread)
{
    SUPPORT_CHECK(pthread_join(thread, NULL) == 0);
}

static void *drive(void *arg)
{
    hg_context_t *context = arg;

    while (!atomic_load(&over)) {
        unsigned int count;

        (void)HG_Progress(context, 5);
        while (HG_Trigger(context, 0, 8, &count) == HG_SUCCESS && count > 0)
            continue;
    }
    return NULL;
}

/* --- one context, many threads ------------------------------------------------------------------- */

/* A call in a slot of a caller; done is set by whichever thread triggers. */
struct slot {
    hg_handle_t handle;
    atomic_bool busy;
    uint64_t size;
    unsigned char *data;
    bool oneway;
};

struct caller {
    pthread_t thread;
    unsigned int number;
    hg_context_t *context;
    struct slot slots[SLOTS];
    atomic_ulong forwarded;
    atomic_ulong ended;
    atomic_ulong failed;
};

static struct caller callers[CALLERS];

static hg_return_t slot_done(const struct hg_cb_info *info)
{
    struct slot *slot = info->arg;
    struct caller *caller = &callers[(size_t)((char *)slot - (char *)callers) / sizeof(*caller)];
    struct hg_pair_blob out;

    if (info->ret == HG_SUCCESS && !slot->oneway) {
        HG_PAIR_OK(HG_Get_output(slot->handle, &out));
        SUPPORT_CHECK(out.size == slot->size && memcmp(out.data, slot->data, out.size) == 0);
        HG_PAIR_OK(HG_Free_output(slot->handle, &out));
    } else if (info->ret != HG_SUCCESS) {
        SUPPORT_CHECK(info->ret == HG_CANCELED || info->ret == HG_TIMEOUT);
        atomic_fetch_add(&caller->failed, 1);
    }
    atomic_fetch_add(&caller->ended, 1);
    atomic_store(&slot->busy, false);
    return HG_SUCCESS;
}

static uint64_t pick_size(struct util_prng *prng)
{
    uint64_t kind = util_prng_below(prng, 100);

    return kind < 80 ? util_prng_below(prng, 500) : util_prng_below(prng, kind < 95 ? 40000 : 200000);
}

static void slot_use(struct caller *caller, struct slot *slot, struct util_prng *prng)
{
    struct hg_pair_blob in;

    slot->size = pick_size(prng);
    slot->oneway = util_prng_below(prng, 10) == 0;
    hg_pair_fill(slot->data, slot->size, slot->size);
    HG_PAIR_OK(HG_Reset(slot->handle, HG_ADDR_NULL, pair.origin.ids[slot->oneway ? HG_PAIR_QUIET : HG_PAIR_ECHO]));
    if (util_prng_below(prng, 20) == 0)
        HG_PAIR_OK(qs_handle_set_timeout(slot->handle, 1 + util_prng_below(prng, 2000)));
    in = (struct hg_pair_blob){.size = slot->size, .data = slot->data};
    atomic_store(&slot->busy, true);
    atomic_fetch_add(&caller->forwarded, 1);
    HG_PAIR_OK(HG_Forward(slot->handle, slot_done, slot, &in));
    if (util_prng_below(prng, 15) == 0)
        HG_PAIR_OK(HG_Cancel(slot->handle));
}

static void *call_without_end(void *arg)
{
    struct caller *caller = arg;
    struct util_prng prng;

    util_prng_init(&prng, seed + caller->number);
    while (!atomic_load(&over)) {
        struct slot *slot = &caller->slots[util_prng_below(&prng, SLOTS)];

        if (!atomic_load(&slot->busy))
            slot_use(caller, slot, &prng);
        else if (util_prng_below(&prng, 50) == 0)
            HG_PAIR_OK(HG_Cancel(slot->handle));
        else
            (void)usleep(50);
    }
    return NULL;
}

static void caller_open(struct caller *caller, unsigned int number, hg_context_t *context, uint8_t target)
{
    memset(caller, 0, sizeof(*caller));
    caller->number = number;
    caller->context = context;
    for (unsigned int i = 0; i < SLOTS; i++) {
        caller->slots[i].data = malloc(200000);
        HG_PAIR_OK(HG_Create(context, pair.addr, pair.origin.ids[HG_PAIR_ECHO], &caller->slots[i].handle));
        HG_PAIR_OK(HG_Set_target_id(caller->slots[i].handle, target));
    }
}

static void caller_close(struct caller *caller)
{
    for (unsigned int i = 0; i < SLOTS; i++) {
        HG_PAIR_OK(HG_Destroy(caller->slots[i].handle));
        free(caller->slots[i].data);
    }
}

static bool all_ended(void)
{
    for (unsigned int i = 0; i < CALLERS; i++) {
        if (atomic_load(&callers[i].ended) != atomic_load(&callers[i].forwarded))
            return false;
    }
    return true;
}

static void report(void)
{
    unsigned long sum = 0;
    unsigned long failed = 0;

    for (unsigned int i = 0; i < CALLERS; i++) {
        sum += atomic_load(&callers[i].ended);
        failed += atomic_load(&callers[i].failed);
    }
    printf("# %lu calls, %lu of them cancelled or timed out\n", sum, failed);
    SUPPORT_CHECK(sum > 100);
}

static void many_threads_share_one_context(void)
{
    pthread_t origin_drivers[DRIVERS];
    pthread_t target_drivers[DRIVERS];

    seed = support_seed();
    hg_pair_open(&pair, &(struct hg_pair_options){.silent_target = true});
    for (unsigned int i = 0; i < DRIVERS; i++) {
        start(&origin_drivers[i], drive, pair.origin.contexts[0]);
        start(&target_drivers[i], drive, pair.target.contexts[0]);
    }
    for (unsigned int i = 0; i < CALLERS; i++)
        caller_open(&callers[i], i, pair.origin.contexts[0], 0);
    for (unsigned int i = 0; i < CALLERS; i++)
        start(&callers[i].thread, call_without_end, &callers[i]);
    (void)sleep(seconds());
    atomic_store(&over, true);
    for (unsigned int i = 0; i < CALLERS; i++)
        join(callers[i].thread);
    for (unsigned int i = 0; i < DRIVERS; i++) {
        join(origin_drivers[i]);
        join(target_drivers[i]);
    }
    pair.options.silent_target = false;
    HG_PAIR_UNTIL(&pair, all_ended());
    report();
    SUPPORT_CHECK(atomic_load(&pair.bad_inputs) == 0);
    SUPPORT_CHECK(hg_pair_counters(pair.target.hg_class).bad_frames == 0);
    SUPPORT_CHECK(hg_pair_counters(pair.origin.hg_class).bad_frames == 0);
    for (unsigned int i = 0; i < CALLERS; i++)
        caller_close(&callers[i]);
    hg_pair_check_works(&pair);
    hg_pair_settle(&pair);
    hg_pair_close(&pair);
}

/* --- a thread for each context ------------------------------------------------------------------- */

/* Forwards and drives its own context. */
static void *call_and_drive(void *arg)
{
    struct caller *caller = arg;
    struct util_prng prng;

    util_prng_init(&prng, seed + caller->number);
    while (!atomic_load(&over)) {
        for (unsigned int i = 0; i < SLOTS; i++) {
            if (!atomic_load(&caller->slots[i].busy))
                slot_use(caller, &caller->slots[i], &prng);
        }
        (void)HG_Progress(caller->context, 1);
        (void)HG_Trigger(caller->context, 0, 64, NULL);
    }
    return NULL;
}

/* What other threads of a program do meanwhile: look at counters, look up addresses, register. */
static void *be_a_nuisance(void *arg)
{
    unsigned int i = 0;

    (void)arg;
    while (!atomic_load(&over)) {
        char name[32];
        char text[256];
        hg_size_t size = sizeof(text);
        hg_addr_t addr;

        (void)hg_pair_counters(pair.origin.hg_class);
        (void)hg_pair_counters(pair.target.hg_class);
        HG_PAIR_OK(HG_Addr_to_string(pair.origin.hg_class, text, &size, pair.addr));
        HG_PAIR_OK(HG_Addr_lookup2(pair.origin.hg_class, text, &addr));
        HG_PAIR_OK(HG_Addr_free(pair.origin.hg_class, addr));
        (void)snprintf(name, sizeof(name), "nuisance %u", i++ % 500);
        SUPPORT_CHECK(HG_Register_name(pair.origin.hg_class, name, NULL, NULL, NULL) != 0);
        (void)usleep(200);
    }
    return NULL;
}

/* Calls from one context of the target's class to the next: they cross the locks of two contexts. */
static hg_return_t self_done(const struct hg_cb_info *info)
{
    atomic_bool *busy = info->arg;

    HG_PAIR_OK(info->ret);
    atomic_store(busy, false);
    return HG_SUCCESS;
}

static void *call_oneself(void *arg)
{
    unsigned int from = (unsigned int)(uintptr_t)arg;
    atomic_bool busy = false;
    hg_handle_t handle;
    hg_addr_t self;

    HG_PAIR_OK(HG_Addr_self(pair.target.hg_class, &self));
    HG_PAIR_OK(HG_Create(pair.target.contexts[from], self, pair.target.ids[HG_PAIR_EMPTY], &handle));
    HG_PAIR_OK(HG_Set_target_id(handle, (uint8_t)((from + 1) % CALLERS)));
    while (!atomic_load(&over)) {
        if (!atomic_load(&busy)) {
            atomic_store(&busy, true);
            HG_PAIR_OK(HG_Forward(handle, self_done, &busy, NULL));
        }
        (void)HG_Progress(pair.target.contexts[from], 1);
        (void)HG_Trigger(pair.target.contexts[from], 0, 64, NULL);
    }
    /* The others still answer. */
    for (struct hg_pair_patience patience = {0}; atomic_load(&busy);) {
        for (unsigned int i = 0; i < CALLERS; i++)
            (void)hg_pair_step(pair.target.contexts[i]);
        hg_pair_patience_check(&patience, "the call to oneself ends");
    }
    HG_PAIR_OK(HG_Destroy(handle));
    HG_PAIR_OK(HG_Addr_free(pair.target.hg_class, self));
    return NULL;
}

static void contexts_with_threads_of_their_own(void)
{
    pthread_t targets[CALLERS];
    pthread_t nuisance;

    seed = support_seed();
    hg_pair_open(&pair, &(struct hg_pair_options){
                            .silent_target = true, .target_contexts = CALLERS, .origin_contexts = CALLERS});
    for (unsigned int i = 0; i < CALLERS; i++)
        caller_open(&callers[i], i, pair.origin.contexts[i], (uint8_t)((i + 1) % CALLERS));
    for (unsigned int i = 0; i < CALLERS; i++) {
        start(&targets[i], call_oneself, (void *)(uintptr_t)i);
        start(&callers[i].thread, call_and_drive, &callers[i]);
    }
    start(&nuisance, be_a_nuisance, NULL);
    (void)sleep(seconds());
    atomic_store(&over, true);
    join(nuisance);
    for (unsigned int i = 0; i < CALLERS; i++) {
        join(callers[i].thread);
        join(targets[i]);
    }
    pair.options.silent_target = false;
    HG_PAIR_UNTIL(&pair, all_ended());
    report();
    SUPPORT_CHECK(atomic_load(&pair.bad_inputs) == 0);
    for (unsigned int i = 0; i < CALLERS; i++)
        caller_close(&callers[i]);
    hg_pair_settle(&pair);
    hg_pair_close(&pair);
}

/* --- life and death ------------------------------------------------------------------------------ */

static void *come_and_go(void *arg)
{
    uint64_t end_us = support_suite_now_us() + seconds() * UINT64_C(1000000);

    (void)arg;
    while (support_suite_now_us() < end_us) {
        struct hg_pair own;

        hg_pair_open(&own, NULL);
        hg_pair_check_works(&own);
        hg_pair_move(&own, 100000, 100000);
        hg_pair_close(&own);
    }
    return NULL;
}

/* Looks at all classes that there are, in whatever state. */
static void *dump_counters(void *arg)
{
    (void)arg;
    while (!atomic_load(&over)) {
        HG_Diag_dump_counters();
        (void)usleep(200);
    }
    return NULL;
}

static void classes_come_and_go_in_several_threads(void)
{
    pthread_t threads[CALLERS];
    pthread_t dumper;

    HG_Set_log_func(support_log_line);
    start(&dumper, dump_counters, NULL);
    for (unsigned int i = 0; i < CALLERS; i++)
        start(&threads[i], come_and_go, NULL);
    for (unsigned int i = 0; i < CALLERS; i++)
        join(threads[i]);
    atomic_store(&over, true);
    join(dumper);
    HG_Set_log_func(NULL);
    SUPPORT_CHECK(support_log_count() > 0);
    if (strstr(support_log_text(), " error ") != NULL)
        support_suite_fail("it was logged: %s", support_log_text());
}

/* Origins come and go at a target that goes on. */
static void *visit(void *arg)
{
    uint64_t end_us = support_suite_now_us() + seconds() * UINT64_C(1000000);

    (void)arg;
    while (support_suite_now_us() < end_us) {
        struct hg_pair own = {.options = {.threaded = true}};
        char text[256];
        hg_size_t size = sizeof(text);

        own.origin.hg_class = hg_pair_init(false, NULL);
        own.origin.contexts[0] = HG_Context_create(own.origin.hg_class);
        own.origin.context_count = 1;
        SUPPORT_CHECK(own.origin.contexts[0] != NULL);
        hg_pair_register(&own, &own.origin);
        HG_PAIR_OK(HG_Addr_to_string(pair.origin.hg_class, text, &size, pair.addr));
        HG_PAIR_OK(HG_Addr_lookup2(own.origin.hg_class, text, &own.addr));
        for (unsigned int i = 0; i < 5; i++)
            hg_pair_check_works(&own);
        hg_pair_move(&own, 100000, 100000);
        hg_pair_close_origin(&own);
    }
    return NULL;
}

static void origins_come_and_go_at_one_target(void)
{
    pthread_t threads[CALLERS];

    hg_pair_open(&pair, &(struct hg_pair_options){.threaded = true});
    for (unsigned int i = 0; i < CALLERS; i++)
        start(&threads[i], visit, NULL);
    for (unsigned int i = 0; i < CALLERS; i++)
        join(threads[i]);
    hg_pair_check_works(&pair);
    hg_pair_close(&pair);
}

static const struct support_case cases[] = {
    {"many_threads_share_one_context", many_threads_share_one_context, 60},
    {"contexts_with_threads_of_their_own", contexts_with_threads_of_their_own, 60},
    {"classes_come_and_go_in_several_threads", classes_come_and_go_in_several_threads, 60},
    {"origins_come_and_go_at_one_target", origins_come_and_go_at_one_target, 60},
    {NULL, NULL, 0},
};

int main(int argc, char **argv)
{
    static const struct support_case *const tables[] = {cases, NULL};

    return support_suite_main(argc, argv, tables, NULL);
}
