/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * What a class knows of its peers, and tells: states, the callback on changes, settings, the circuit breaker. How soon a
 * death is known is in tests/fault/hg_peers.c, and what silence leads to in tests/unit/hg/liveness_test.c.
 */
#include <stdio.h>
#include <string.h>

#include "tests/contract/hg_contract.h"

enum { CHANGES_MAX = 16 };

struct told {
    struct hg_pair *pair;
    struct qs_peer_change changes[CHANGES_MAX];
    unsigned int count;
};

static void told_note(const struct qs_peer_change *change, void *arg)
{
    struct told *told = arg;

    SUPPORT_CHECK(told->count < CHANGES_MAX && change->reason != NULL);
    SUPPORT_CHECK(change->addr == told->pair->addr);
    told->changes[told->count++] = *change;
}

static void told_open(struct told *told, struct hg_pair *pair, const struct hg_pair_options *options)
{
    memset(told, 0, sizeof(*told));
    hg_pair_open(pair, options);
    told->pair = pair;
    HG_PAIR_OK(qs_class_set_peer_callback(pair->origin.hg_class, told_note, told));
}

static enum qs_peer_state state_of(const struct hg_pair *pair)
{
    return qs_peer_state(pair->origin.hg_class, pair->addr);
}

static bool death_is_told(void)
{
    const char *provider = support_suite_parameter();

    return strstr(provider, "ofi_rxm") == NULL || strstr(provider, "+sm") != NULL;
}

static void bad_arguments_are_refused(void)
{
    struct hg_pair pair;
    hg_class_t *hg_class;

    hg_pair_open(&pair, NULL);
    HG_Set_log_level("none");
    hg_class = pair.origin.hg_class;
    SUPPORT_CHECK(qs_peer_state(NULL, pair.addr) == QS_PEER_UNKNOWN);
    SUPPORT_CHECK(qs_peer_state(hg_class, HG_ADDR_NULL) == QS_PEER_UNKNOWN);
    SUPPORT_CHECK(qs_peer_state(pair.target.hg_class, pair.addr) == QS_PEER_UNKNOWN);
    HG_PAIR_RET(qs_class_set_peer_callback(NULL, told_note, NULL), HG_INVALID_ARG);
    HG_PAIR_RET(qs_class_set_ping(NULL, 0, 0), HG_INVALID_ARG);
    HG_PAIR_RET(qs_class_set_ping(hg_class, 9999, 3), HG_INVALID_ARG);
    SUPPORT_CHECK(strstr(qs_error_detail(), "9999") != NULL);
    HG_PAIR_RET(qs_class_set_ping(hg_class, UINT64_MAX, 3), HG_INVALID_ARG);
    HG_PAIR_RET(qs_class_set_ping(hg_class, 10000, 1001), HG_INVALID_ARG);
    HG_PAIR_OK(qs_class_set_ping(hg_class, 10000, 1000));
    HG_PAIR_OK(qs_class_set_ping(hg_class, 0, 0));
    HG_PAIR_RET(qs_class_set_silence_limit(NULL, 1), HG_INVALID_ARG);
    HG_PAIR_OK(qs_class_set_silence_limit(hg_class, UINT64_MAX));
    HG_PAIR_RET(qs_class_set_breaker(NULL, 1), HG_INVALID_ARG);
    SUPPORT_CHECK(strcmp(qs_peer_state_text(QS_PEER_SUSPECT), "suspect") == 0);
    SUPPORT_CHECK(strcmp(qs_peer_state_text(QS_PEER_REFUSING), "refusing") == 0);
    SUPPORT_CHECK(strlen(qs_peer_state_text((enum qs_peer_state)77)) > 0);
    hg_pair_check_works(&pair);
    hg_pair_close(&pair);
}

static void states_follow_the_life_of_a_peer(void)
{
    struct hg_pair pair;
    struct told told;

    told_open(&told, &pair, NULL);
    SUPPORT_CHECK(state_of(&pair) == QS_PEER_UNKNOWN);
    hg_pair_check_works(&pair);
    SUPPORT_CHECK(state_of(&pair) == QS_PEER_ALIVE);
    SUPPORT_CHECK(told.count > 0 && told.changes[told.count - 1].after == QS_PEER_ALIVE);
    SUPPORT_CHECK(told.changes[0].before == QS_PEER_UNKNOWN);
    hg_pair_close_target(&pair);
    if (death_is_told()) {
        HG_PAIR_UNTIL(&pair, told.changes[told.count - 1].after == QS_PEER_DEAD);
        SUPPORT_CHECK(state_of(&pair) == QS_PEER_DEAD);
    } else {
        SUPPORT_CHECK(state_of(&pair) == QS_PEER_ALIVE);
    }
    hg_pair_close(&pair);
}

static void target_knows_its_origins(void)
{
    struct hg_pair pair;
    hg_addr_t origin;
    hg_addr_t self;

    hg_pair_open(&pair, NULL);
    origin = hg_pair_lookup(pair.target.hg_class, pair.origin.hg_class);
    SUPPORT_CHECK(qs_peer_state(pair.target.hg_class, origin) == QS_PEER_UNKNOWN);
    hg_pair_check_works(&pair);
    SUPPORT_CHECK(qs_peer_state(pair.target.hg_class, origin) == QS_PEER_ALIVE);
    HG_PAIR_OK(HG_Addr_self(pair.target.hg_class, &self));
    SUPPORT_CHECK(qs_peer_state(pair.target.hg_class, self) == QS_PEER_ALIVE);
    HG_PAIR_OK(HG_Addr_free(pair.target.hg_class, self));
    HG_PAIR_OK(HG_Addr_free(pair.target.hg_class, origin));
    hg_pair_close(&pair);
}

/* Until HG_Trigger has run, nothing is told; then, what it has come to. */
static void changes_between_two_triggers_are_told_as_one(void)
{
    struct hg_pair_call call;
    struct hg_pair pair;
    struct told told;
    hg_context_t *context;

    told_open(&told, &pair, NULL);
    context = pair.origin.contexts[0];
    hg_pair_call_start(&pair, &call, HG_PAIR_EMPTY, NULL);
    for (struct hg_pair_patience patience = {0}; state_of(&pair) != QS_PEER_ALIVE;
         hg_pair_patience_check(&patience, "alive")) {
        HG_PAIR_OK(HG_Event_progress(context, NULL)); /* also while a callback waits */
        (void)hg_pair_step_target(&pair);
    }
    SUPPORT_CHECK(told.count == 0);
    HG_PAIR_FINISH(&call, HG_SUCCESS);
    SUPPORT_CHECK(told.count == 1);
    SUPPORT_CHECK(told.changes[0].before == QS_PEER_UNKNOWN && told.changes[0].after == QS_PEER_ALIVE);
    hg_pair_close(&pair);
}

static void contexts_share_what_is_known(void)
{
    struct hg_pair pair;
    struct told told;
    struct hg_pair other;

    told_open(&told, &pair, &(struct hg_pair_options){.origin_contexts = 2});
    hg_pair_check_works(&pair);
    other = pair;
    other.origin.contexts[0] = pair.origin.contexts[1];
    other.origin.contexts[1] = pair.origin.contexts[0];
    hg_pair_check_works(&other);
    SUPPORT_CHECK(state_of(&pair) == QS_PEER_ALIVE && told.changes[told.count - 1].after == QS_PEER_ALIVE);
    SUPPORT_CHECK(told.count <= 2);
    /* The end of the one is not that of the other. */
    HG_PAIR_OK(HG_Context_destroy(pair.origin.contexts[1]));
    pair.origin.context_count = 1;
    hg_pair_settle(&pair);
    SUPPORT_CHECK(state_of(&pair) == QS_PEER_ALIVE);
    HG_PAIR_OK(HG_Addr_set_remove(pair.origin.hg_class, pair.addr));
    hg_pair_settle(&pair);
    SUPPORT_CHECK(state_of(&pair) == QS_PEER_UNKNOWN);
    hg_pair_check_works(&pair);
    SUPPORT_CHECK(state_of(&pair) == QS_PEER_ALIVE);
    hg_pair_close(&pair);
}

/* --- the callback -------------------------------------------------------------------------------- */

struct caller {
    struct hg_pair *pair;
    struct hg_pair_call call;
    unsigned int told;
    hg_addr_t kept;
};

/* Calls the peer of which it is told, keeps its address, waits for the answer, and wants to hear no more. */
static void caller_told(const struct qs_peer_change *change, void *arg)
{
    struct caller *caller = arg;
    hg_class_t *hg_class = caller->pair->origin.hg_class;

    caller->told++;
    SUPPORT_CHECK(qs_peer_state(hg_class, change->addr) == change->after);
    HG_PAIR_OK(HG_Addr_dup(hg_class, change->addr, &caller->kept));
    HG_PAIR_OK(qs_class_set_peer_callback(hg_class, NULL, NULL));
    hg_pair_call_start(caller->pair, &caller->call, HG_PAIR_EMPTY, NULL);
    HG_PAIR_FINISH(&caller->call, HG_SUCCESS);
}

static void callback_may_call_anything(void)
{
    struct hg_pair pair;
    struct caller caller = {.pair = &pair};

    hg_pair_open(&pair, NULL);
    HG_PAIR_OK(qs_class_set_peer_callback(pair.origin.hg_class, caller_told, &caller));
    hg_pair_check_works(&pair);
    SUPPORT_CHECK(caller.told == 1 && caller.kept == pair.addr);
    HG_PAIR_OK(HG_Addr_set_remove(pair.origin.hg_class, pair.addr));
    hg_pair_settle(&pair);
    SUPPORT_CHECK(caller.told == 1);
    HG_PAIR_OK(HG_Addr_free(pair.origin.hg_class, caller.kept));
    hg_pair_close(&pair);
}

/* --- the breaker ---------------------------------------------------------------------------------- */

static void breaker_lets_calls_fail_at_once_and_one_try_again(void)
{
    struct hg_pair_call call = {0};
    struct hg_pair pair;
    char text[200];
    hg_addr_t nobody;
    uint64_t begin_us;
    unsigned int tries = 0;

    if (strstr(support_suite_parameter(), "ofi_rxm") != NULL)
        support_suite_skip("a connection attempt takes ten seconds there");
    hg_pair_open(&pair, NULL);
    HG_Set_log_level("none");
    call.pair = &pair;
    (void)snprintf(text, sizeof(text), strcmp(support_suite_parameter(), "shm") == 0 ? "%s://nobody-is-here" : "%s:1",
                   hg_pair_uri());
    HG_PAIR_OK(HG_Addr_lookup2(pair.origin.hg_class, text, &nobody));
    HG_PAIR_OK(HG_Create(pair.origin.contexts[0], nobody, pair.origin.ids[HG_PAIR_EMPTY], &call.handle));
    HG_PAIR_OK(qs_class_set_breaker(pair.origin.hg_class, 150000));
    begin_us = support_suite_now_us();
    while (support_suite_now_us() - begin_us < 1000000) {
        hg_return_t ret = HG_Forward(call.handle, hg_pair_call_cb, &call, NULL);

        if (ret == HG_SUCCESS) {
            tries++;
            HG_PAIR_RET(hg_pair_call_wait(&call), HG_HOSTUNREACH);
            atomic_store(&call.calls, 0);
        } else {
            SUPPORT_CHECK(ret == HG_HOSTUNREACH && tries >= 5);
            SUPPORT_CHECK(qs_peer_state(pair.origin.hg_class, nobody) == QS_PEER_REFUSING);
            hg_pair_turn(&pair);
        }
    }
    /* Five, and from then on one after 10, 20, 40 and 80 ms, and after each 150 ms. */
    SUPPORT_CHECK(tries >= 7 && tries <= 16);
    HG_PAIR_OK(qs_class_set_breaker(pair.origin.hg_class, 0));
    hg_pair_call_forward(&call, NULL);
    HG_PAIR_RET(hg_pair_call_wait(&call), HG_HOSTUNREACH);
    hg_pair_call_end(&call);
    hg_pair_check_works(&pair);
    HG_PAIR_OK(HG_Addr_free(pair.origin.hg_class, nobody));
    hg_pair_close(&pair);
}

const struct support_case hg_peers_cases[] = {
    SUPPORT_CASE(bad_arguments_are_refused),
    SUPPORT_CASE(states_follow_the_life_of_a_peer),
    SUPPORT_CASE(target_knows_its_origins),
    SUPPORT_CASE(changes_between_two_triggers_are_told_as_one),
    SUPPORT_CASE(contexts_share_what_is_known),
    SUPPORT_CASE(callback_may_call_anything),
    SUPPORT_CASE(breaker_lets_calls_fail_at_once_and_one_try_again),
    {NULL, NULL, 0},
};
