/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Callbacks of every kind: where they run, in which order, what their return value does, and that signals come
 * between none of it.
 */
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

#include "tests/contract/hg_contract.h"

/* True while this thread is in HG_Trigger. */
static bool in_trigger;

/* What has run, of each kind. */
static struct {
    unsigned int handlers;
    unsigned int responses;
    unsigned int forwards;
    unsigned int transfers;
    unsigned int lookups;
} ran;

static hg_handle_t transfer_held;

static void step_aware(hg_context_t *context)
{
    hg_return_t ret = HG_Progress(context, 0);
    unsigned int count;

    SUPPORT_CHECK(ret == HG_SUCCESS || ret == HG_TIMEOUT);
    in_trigger = true;
    (void)HG_Trigger(context, 0, 8, &count);
    in_trigger = false;
}

/* All callbacks below return an error, which must change nothing. */
static hg_return_t responded(const struct hg_cb_info *info)
{
    SUPPORT_CHECK(in_trigger && info->type == HG_CB_RESPOND);
    HG_PAIR_OK(info->ret);
    ran.responses++;
    return HG_CANCELED;
}

static hg_return_t transferred(const struct hg_cb_info *info)
{
    SUPPORT_CHECK(in_trigger && info->type == HG_CB_BULK);
    HG_PAIR_OK(info->ret);
    ran.transfers++;
    HG_PAIR_OK(HG_Respond(transfer_held, responded, NULL, NULL));
    HG_PAIR_OK(HG_Destroy(transfer_held));
    return HG_NOMEM;
}

static hg_return_t transfer_handler(hg_handle_t handle)
{
    SUPPORT_CHECK(in_trigger);
    ran.handlers++;
    transfer_held = handle;
    HG_PAIR_OK(hg_pair_pull(handle, transferred, false));
    return HG_OTHER_ERROR;
}

static hg_return_t forwarded(const struct hg_cb_info *info)
{
    SUPPORT_CHECK(in_trigger && info->type == HG_CB_FORWARD);
    HG_PAIR_OK(info->ret);
    ran.forwards++;
    return HG_PROTOCOL_ERROR;
}

static hg_return_t looked_up(const struct hg_cb_info *info)
{
    SUPPORT_CHECK(in_trigger && info->type == HG_CB_LOOKUP);
    HG_PAIR_OK(info->ret);
    HG_PAIR_OK(HG_Addr_free(info->arg, info->info.lookup.addr));
    ran.lookups++;
    return HG_FAULT;
}

/* One lookup, and calls whose handler pulls memory and responds. */
static void callbacks_run_in_trigger_only_and_their_return_values_are_ignored(void)
{
    enum { COUNT = 5 };
    unsigned char data[50000];
    void *base = data;
    hg_size_t size = sizeof(data);
    char text[HG_PAIR_TEXT];
    hg_handle_t handle;
    struct hg_pair pair;
    hg_bulk_t bulk;
    hg_id_t id;

    hg_pair_open(&pair, NULL);
    id = hg_pair_register_both(&pair, "transfers", hg_proc_hg_bulk_t, NULL, transfer_handler);
    HG_PAIR_OK(HG_Bulk_create(pair.origin.hg_class, 1, &base, &size, HG_BULK_READ_ONLY, &bulk));
    hg_pair_address(pair.target.hg_class, text);
    HG_PAIR_OK(HG_Addr_lookup1(pair.origin.contexts[0], looked_up, pair.origin.hg_class, text, HG_OP_ID_IGNORE));
    HG_PAIR_OK(HG_Create(pair.origin.contexts[0], pair.addr, id, &handle));
    for (unsigned int i = 1; i <= COUNT; i++) {
        HG_PAIR_OK(HG_Forward(handle, forwarded, NULL, &bulk));
        for (struct hg_pair_patience patience = {0}; ran.forwards < i || ran.responses < i;) {
            step_aware(pair.origin.contexts[0]);
            step_aware(pair.target.contexts[0]);
            hg_pair_patience_check(&patience, "the call and its transfer end");
        }
    }
    SUPPORT_CHECK(ran.lookups == 1 && ran.handlers == COUNT && ran.transfers == COUNT);
    SUPPORT_CHECK(ran.responses == COUNT && ran.forwards == COUNT);
    HG_PAIR_OK(HG_Destroy(handle));
    HG_PAIR_OK(HG_Bulk_free(bulk));
    hg_pair_check_works(&pair);
    hg_pair_close(&pair);
}

static unsigned int order[64];
static unsigned int order_count;

static hg_return_t note_order(const struct hg_cb_info *info)
{
    HG_PAIR_OK(info->ret);
    order[order_count++] = *(const unsigned int *)info->arg;
    return HG_SUCCESS;
}

/* The target answers them in another order than that of the calls. */
static void callbacks_come_in_the_order_of_completion(void)
{
    enum { COUNT = 20 };
    static unsigned int numbers[COUNT];
    hg_handle_t handles[COUNT];
    struct hg_pair_blob in = {0};
    struct hg_pair pair;

    hg_pair_open(&pair, NULL);
    for (unsigned int i = 0; i < COUNT; i++) {
        numbers[i] = i;
        HG_PAIR_OK(HG_Create(pair.origin.contexts[0], pair.addr, pair.origin.ids[HG_PAIR_HOLD], &handles[i]));
        HG_PAIR_OK(HG_Forward(handles[i], note_order, &numbers[i], &in));
        HG_PAIR_UNTIL(&pair, atomic_load(&pair.held_count) == i + 1);
    }
    for (unsigned int i = COUNT; i-- > 0;) {
        hg_handle_t held = pair.held[i];

        atomic_store(&pair.held_count, i);
        hg_pair_respond(held, &in);
        for (struct hg_pair_patience patience = {0}; order_count == COUNT - 1 - i;) {
            hg_pair_turn(&pair);
            hg_pair_patience_check(&patience, "an answer arrives");
        }
    }
    for (unsigned int i = 0; i < COUNT; i++) {
        SUPPORT_CHECK(order[i] == COUNT - 1 - i);
        HG_PAIR_OK(HG_Destroy(handles[i]));
    }
    hg_pair_close(&pair);
}

/* --- signals ----------------------------------------------------------------------------------------- */

static atomic_uint signals;

static void count_signal(int number)
{
    (void)number;
    atomic_fetch_add(&signals, 1);
}

#define SLEEP_MS 300U

struct sleeper {
    hg_context_t *context;
    bool in_trigger;
    hg_return_t ret;
    uint64_t took_us;
    atomic_bool done;
};

static void *sleep_through(void *arg)
{
    struct sleeper *sleeper = arg;
    uint64_t begin_us = support_suite_now_us();

    sleeper->ret =
        sleeper->in_trigger ? HG_Trigger(sleeper->context, SLEEP_MS, 1, NULL) : HG_Progress(sleeper->context, SLEEP_MS);
    sleeper->took_us = support_suite_now_us() - begin_us;
    atomic_store(&sleeper->done, true);
    return NULL;
}

/* Signals without SA_RESTART, as profilers send them, as fast as they are taken. */
static void disturb(struct sleeper *sleeper)
{
    const struct timespec pause = {.tv_nsec = 200000};
    unsigned int before = atomic_load(&signals);
    pthread_t thread;

    SUPPORT_CHECK(pthread_create(&thread, NULL, sleep_through, sleeper) == 0);
    while (!atomic_load(&sleeper->done)) {
        (void)pthread_kill(thread, SIGUSR1);
        (void)nanosleep(&pause, NULL); /* the rate of the signals, not a wait for anything */
    }
    SUPPORT_CHECK(pthread_join(thread, NULL) == 0);
    SUPPORT_CHECK(atomic_load(&signals) > before);
}

static void signals_do_not_end_a_wait_early(void)
{
    struct sigaction action = {.sa_handler = count_signal};
    struct hg_pair pair;

    SUPPORT_CHECK(sigaction(SIGUSR1, &action, NULL) == 0);
    hg_pair_open(&pair, NULL);
    hg_pair_check_works(&pair);
    for (unsigned int i = 0; i < 2; i++) {
        struct sleeper sleeper = {.context = pair.origin.contexts[0], .in_trigger = i == 1};

        hg_pair_settle(&pair);
        disturb(&sleeper);
        HG_PAIR_RET(sleeper.ret, HG_TIMEOUT);
        SUPPORT_CHECK(sleeper.took_us >= SLEEP_MS * 1000U);
        hg_pair_move(&pair, 300000, 300000);
    }
    hg_pair_close(&pair);
}

const struct support_case hg_callback_cases[] = {
    SUPPORT_CASE(callbacks_run_in_trigger_only_and_their_return_values_are_ignored),
    SUPPORT_CASE(callbacks_come_in_the_order_of_completion),
    SUPPORT_CASE(signals_do_not_end_a_wait_early),
    {NULL, NULL, 0},
};
