/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * What a service tells of itself: counters by RPC and by peer, latencies, the whole of it as JSON, also while others call.
 */
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/contract/hg_contract.h"
#include "util/util_alloc.h"

enum { LIMIT_US = 30000 };

static struct qs_rpc_counters rpc_counters(const struct hg_side *side, enum hg_pair_rpc rpc)
{
    struct qs_rpc_counters counters;

    HG_PAIR_OK(qs_registered_get_counters(side->hg_class, side->ids[rpc], &counters, sizeof(counters)));
    return counters;
}

static struct qs_peer_counters peer_counters(const hg_class_t *hg_class, hg_addr_t addr)
{
    struct qs_peer_counters counters;

    HG_PAIR_OK(qs_peer_get_counters(hg_class, addr, &counters, sizeof(counters)));
    return counters;
}

static void call_many(struct hg_pair *pair, enum hg_pair_rpc rpc, unsigned int count)
{
    struct hg_pair_call call;

    hg_pair_call_begin(pair, &call, rpc);
    for (unsigned int i = 0; i < count; i++) {
        hg_pair_call_forward(&call, NULL);
        HG_PAIR_OK(hg_pair_call_wait(&call));
    }
    hg_pair_call_end(&call);
}

static void check_latency(const struct qs_latency *latency, uint64_t count, uint64_t samples)
{
    SUPPORT_CHECK(latency->count == count && latency->samples == samples);
    SUPPORT_CHECK(latency->min_ns > 0 && latency->min_ns <= latency->p50_ns && latency->p50_ns <= latency->p90_ns);
    SUPPORT_CHECK(latency->p90_ns <= latency->p99_ns && latency->p99_ns <= latency->p999_ns);
    SUPPORT_CHECK(latency->p999_ns <= latency->max_ns);
    SUPPORT_CHECK(latency->min_ns <= latency->mean_ns && latency->mean_ns <= latency->max_ns);
}

/* --- RPCs ------------------------------------------------------------------------------------------------- */

static void calls_are_counted_by_rpc_and_sampled(void)
{
    struct qs_rpc_counters origin;
    struct qs_rpc_counters target;
    struct hg_pair pair;

    hg_pair_open(&pair, NULL);
    call_many(&pair, HG_PAIR_EMPTY, 704);
    hg_pair_check_works(&pair);
    origin = rpc_counters(&pair.origin, HG_PAIR_EMPTY);
    target = rpc_counters(&pair.target, HG_PAIR_EMPTY);
    SUPPORT_CHECK(origin.calls == 704 && origin.attempts == 704 && origin.retries == 0 && origin.requests == 0);
    SUPPORT_CHECK(target.requests == 704 && target.calls == 0);
    /* 64, and then one of 64 that stands for them. */
    check_latency(&origin.call_latency, 704, 74);
    check_latency(&target.handler_latency, 704, 74);
    SUPPORT_CHECK(origin.handler_latency.samples == 0 && target.call_latency.samples == 0);
    SUPPORT_CHECK(origin.call_latency.mean_ns >= target.handler_latency.mean_ns);
    SUPPORT_CHECK(rpc_counters(&pair.origin, HG_PAIR_ECHO).calls == 1);
    SUPPORT_CHECK(rpc_counters(&pair.origin, HG_PAIR_MOVE).calls == 0);
    hg_pair_close(&pair);
}

static void histograms_can_be_of_all_calls_or_of_none(void)
{
    struct qs_rpc_counters counters;
    struct hg_pair pair;

    hg_pair_open(&pair, NULL);
    HG_PAIR_OK(qs_class_set_histograms(pair.origin.hg_class, QS_HISTOGRAMS_OFF));
    call_many(&pair, HG_PAIR_EMPTY, 10);
    counters = rpc_counters(&pair.origin, HG_PAIR_EMPTY);
    SUPPORT_CHECK(counters.calls == 10 && counters.call_latency.samples == 0);
    HG_PAIR_OK(qs_class_set_histograms(pair.origin.hg_class, QS_HISTOGRAMS_ALL));
    call_many(&pair, HG_PAIR_EMPTY, 300);
    counters = rpc_counters(&pair.origin, HG_PAIR_EMPTY);
    SUPPORT_CHECK(counters.calls == 310);
    check_latency(&counters.call_latency, 300, 300);
    HG_PAIR_OK(qs_class_set_histograms(pair.origin.hg_class, QS_HISTOGRAMS_SAMPLED));
    call_many(&pair, HG_PAIR_EMPTY, 65);
    counters = rpc_counters(&pair.origin, HG_PAIR_EMPTY);
    check_latency(&counters.call_latency, 365, 302);
    HG_PAIR_RET(qs_class_set_histograms(pair.origin.hg_class, (enum qs_histograms)3), HG_INVALID_ARG);
    HG_PAIR_RET(qs_class_set_histograms(NULL, QS_HISTOGRAMS_ALL), HG_INVALID_ARG);
    hg_pair_close(&pair);
}

static void failures_are_counted_by_outcome(void)
{
    struct qs_rpc_counters counters;
    struct qs_peer_counters peer;
    struct hg_pair_blob in = {0};
    struct hg_pair_call call;
    struct hg_pair pair;
    hg_id_t unknown;

    hg_pair_open(&pair, NULL);
    HG_Set_log_level("none");
    hg_pair_check_works(&pair);
    hg_pair_call_begin(&pair, &call, HG_PAIR_HOLD);
    HG_PAIR_OK(qs_handle_set_timeout(call.handle, LIMIT_US));
    hg_pair_call_forward(&call, &in);
    HG_PAIR_FINISH(&call, HG_TIMEOUT);
    hg_pair_call_start(&pair, &call, HG_PAIR_HOLD, &in);
    HG_PAIR_OK(HG_Cancel(call.handle));
    HG_PAIR_FINISH(&call, HG_CANCELED);
    hg_pair_call_start(&pair, &call, HG_PAIR_DROP, &in);
    HG_PAIR_FINISH(&call, HG_OTHER_ERROR);
    unknown = HG_Register_name(pair.origin.hg_class, "known here alone", NULL, NULL, NULL);
    hg_pair_call_start_id(&pair, &call, unknown, NULL);
    HG_PAIR_FINISH(&call, HG_NOENTRY);
    counters = rpc_counters(&pair.origin, HG_PAIR_HOLD);
    SUPPORT_CHECK(counters.calls == 2 && counters.timeouts == 1 && counters.cancels == 1);
    SUPPORT_CHECK(counters.failed_unknown == 2 && counters.failed_not_sent == 0 && counters.failed_executed == 0);
    SUPPORT_CHECK(counters.call_latency.max_ns >= LIMIT_US * 1000U);
    SUPPORT_CHECK(rpc_counters(&pair.origin, HG_PAIR_DROP).failed_executed == 1);
    HG_PAIR_OK(qs_registered_get_counters(pair.origin.hg_class, unknown, &counters, sizeof(counters)));
    SUPPORT_CHECK(counters.calls == 1 && counters.failed_not_executed == 1);
    SUPPORT_CHECK(hg_pair_counters(pair.target.hg_class).refused == 1);
    peer = peer_counters(pair.origin.hg_class, pair.addr);
    SUPPORT_CHECK(peer.calls == 5 && peer.failures == 4 && peer.timeouts == 1 && peer.cancels == 1);
    while (hg_pair_answer(&pair))
        continue;
    hg_pair_close(&pair);
}

static void target_counts_what_did_not_run(void)
{
    struct qs_rpc_counters counters;
    struct hg_pair_blob in = {0};
    struct hg_pair_call expired;
    struct hg_pair_call withdrawn;
    struct hg_pair_call given_up;
    struct hg_pair pair;

    hg_pair_open(&pair, &(struct hg_pair_options){.silent_target = true});
    HG_Set_log_level("none");
    hg_pair_call_start(&pair, &given_up, HG_PAIR_HOLD, &in);
    for (struct hg_pair_patience patience = {0}; atomic_load(&pair.held_count) == 0;) {
        hg_pair_alternate(&pair, 2);
        hg_pair_patience_check(&patience, "the handler runs");
    }
    hg_pair_call_begin(&pair, &expired, HG_PAIR_HOLD);
    HG_PAIR_OK(qs_handle_set_timeout(expired.handle, LIMIT_US));
    hg_pair_call_forward(&expired, &in);
    hg_pair_call_start(&pair, &withdrawn, HG_PAIR_HOLD, &in);
    /* They are received, and wait for their turn: HG_Event_progress() runs nothing. */
    for (unsigned int count = 0; count < 2;) {
        (void)hg_pair_step_origin(&pair);
        HG_PAIR_OK(HG_Event_progress(pair.target.contexts[0], &count));
    }
    HG_PAIR_OK(HG_Cancel(withdrawn.handle));
    HG_PAIR_OK(HG_Cancel(given_up.handle));
    HG_PAIR_RET(hg_pair_call_wait(&expired), HG_TIMEOUT);
    for (struct hg_pair_patience patience = {0}; rpc_counters(&pair.target, HG_PAIR_HOLD).cancelled < 3;) {
        unsigned int count;

        (void)hg_pair_step_origin(&pair);
        HG_PAIR_OK(HG_Event_progress(pair.target.contexts[0], &count));
        hg_pair_patience_check(&patience, "the target learns of three cancels");
    }
    hg_pair_alternate(&pair, 8);
    counters = rpc_counters(&pair.target, HG_PAIR_HOLD);
    SUPPORT_CHECK(counters.requests == 1 && counters.cancelled == 3 && counters.refused == 0);
    SUPPORT_CHECK(counters.expired + counters.withdrawn == 2 && counters.withdrawn >= 1);
    SUPPORT_CHECK(counters.handler_latency.samples == 0);
    SUPPORT_CHECK(hg_pair_answer(&pair));
    SUPPORT_CHECK(rpc_counters(&pair.target, HG_PAIR_HOLD).handler_latency.samples == 1);
    SUPPORT_CHECK(rpc_counters(&pair.target, HG_PAIR_HOLD).handler_latency.min_ns >= LIMIT_US * 1000U);
    hg_pair_alternate(&pair, 8);
    hg_pair_call_end(&expired);
    HG_PAIR_FINISH(&withdrawn, HG_CANCELED);
    HG_PAIR_FINISH(&given_up, HG_CANCELED);
    hg_pair_close(&pair);
}

static void counters_outlive_their_contexts(void)
{
    struct qs_rpc_counters counters;
    struct hg_pair pair;

    hg_pair_open(&pair, &(struct hg_pair_options){.origin_contexts = 2});
    call_many(&pair, HG_PAIR_EMPTY, 100);
    hg_pair_settle(&pair);
    for (unsigned int i = 0; i < 2; i++) {
        HG_PAIR_OK(HG_Context_destroy(pair.origin.contexts[i]));
        pair.origin.contexts[i] = HG_Context_create_id(pair.origin.hg_class, (uint8_t)i);
        SUPPORT_CHECK(pair.origin.contexts[i] != NULL);
    }
    call_many(&pair, HG_PAIR_EMPTY, 10);
    counters = rpc_counters(&pair.origin, HG_PAIR_EMPTY);
    SUPPORT_CHECK(counters.calls == 110);
    /* 64 of the first hundred, and ten in the new context. */
    check_latency(&counters.call_latency, 64 + 10, 74);
    SUPPORT_CHECK(peer_counters(pair.origin.hg_class, pair.addr).calls == 110);
    hg_pair_close(&pair);
}

static void one_way_calls_and_calls_to_oneself_are_counted(void)
{
    struct hg_pair_blob in = {0};
    struct hg_pair_call call;
    struct hg_pair pair;
    hg_addr_t self;

    hg_pair_open(&pair, NULL);
    hg_pair_call_start(&pair, &call, HG_PAIR_QUIET, &in);
    HG_PAIR_FINISH(&call, HG_SUCCESS);
    HG_PAIR_UNTIL(&pair, atomic_load(&pair.quiet_count) == 1);
    SUPPORT_CHECK(rpc_counters(&pair.origin, HG_PAIR_QUIET).calls == 1);
    SUPPORT_CHECK(rpc_counters(&pair.target, HG_PAIR_QUIET).requests == 1);
    SUPPORT_CHECK(rpc_counters(&pair.target, HG_PAIR_QUIET).handler_latency.samples == 1);
    HG_PAIR_OK(HG_Addr_self(pair.target.hg_class, &self));
    call = (struct hg_pair_call){.pair = &pair};
    HG_PAIR_OK(HG_Create(pair.target.contexts[0], self, pair.target.ids[HG_PAIR_EMPTY], &call.handle));
    hg_pair_call_forward(&call, NULL);
    HG_PAIR_FINISH(&call, HG_SUCCESS);
    SUPPORT_CHECK(rpc_counters(&pair.target, HG_PAIR_EMPTY).calls == 1);
    SUPPORT_CHECK(rpc_counters(&pair.target, HG_PAIR_EMPTY).requests == 1);
    SUPPORT_CHECK(peer_counters(pair.target.hg_class, self).state == QS_PEER_ALIVE);
    HG_PAIR_OK(HG_Addr_free(pair.target.hg_class, self));
    hg_pair_close(&pair);
}

/* --- peers ------------------------------------------------------------------------------------------------ */

static void peer_tells_of_contact_and_window(void)
{
    struct hg_pair_blob in = {0};
    struct qs_peer_counters peer;
    struct hg_pair_call calls[3];
    struct hg_pair pair;
    hg_addr_t origin_addr;
    hg_handle_t held;

    hg_pair_open(&pair, NULL);
    peer = peer_counters(pair.origin.hg_class, pair.addr);
    SUPPORT_CHECK(peer.calls == 0 && peer.sessions == 0 && peer.heard_ns_ago == UINT64_MAX);
    SUPPORT_CHECK(peer.state == QS_PEER_UNKNOWN && peer.connections == 0 && peer.rtt_ns == 0);
    hg_pair_check_works(&pair);
    peer = peer_counters(pair.origin.hg_class, pair.addr);
    SUPPORT_CHECK(peer.calls == 1 && peer.attempts == 1 && peer.requests == 0 && peer.failures == 0);
    SUPPORT_CHECK(peer.connections == 1 && peer.connections_ended == 0 && peer.state == QS_PEER_ALIVE);
    SUPPORT_CHECK(peer.sessions >= 1 && peer.window > 0 && peer.heard_ns_ago < UINT64_C(10000000000));
    pair.options.silent_target = true;
    for (unsigned int i = 0; i < 3; i++)
        hg_pair_call_start(&pair, &calls[i], HG_PAIR_HOLD, &in);
    SUPPORT_CHECK(peer_counters(pair.origin.hg_class, pair.addr).window_used == 3);
    pair.options.silent_target = false;
    HG_PAIR_UNTIL(&pair, atomic_load(&pair.held_count) == 3);
    held = hg_pair_take_held(&pair);
    HG_PAIR_OK(HG_Addr_dup(pair.target.hg_class, HG_Get_info(held)->addr, &origin_addr));
    hg_pair_respond(held, &in);
    while (hg_pair_answer(&pair))
        continue;
    for (unsigned int i = 0; i < 3; i++)
        HG_PAIR_FINISH(&calls[i], HG_SUCCESS);
    SUPPORT_CHECK(peer_counters(pair.origin.hg_class, pair.addr).window_used == 0);
    peer = peer_counters(pair.target.hg_class, origin_addr);
    SUPPORT_CHECK(peer.requests == 4 && peer.calls == 0 && peer.connections == 1);
    SUPPORT_CHECK(peer.heard_ns_ago < UINT64_C(10000000000));
    HG_PAIR_RET(qs_peer_get_counters(pair.origin.hg_class, origin_addr, &peer, sizeof(peer)), HG_INVALID_ARG);
    HG_PAIR_OK(HG_Addr_free(pair.target.hg_class, origin_addr));
    hg_pair_close(&pair);
}

static void late_answers_are_counted(void)
{
    struct hg_pair_blob in = {0};
    struct hg_pair_call call;
    struct hg_pair pair;

    hg_pair_open(&pair, NULL);
    hg_pair_check_works(&pair);
    hg_pair_call_start(&pair, &call, HG_PAIR_HOLD, &in);
    HG_PAIR_UNTIL(&pair, atomic_load(&pair.held_count) == 1);
    HG_PAIR_OK(HG_Cancel(call.handle));
    HG_PAIR_FINISH(&call, HG_CANCELED);
    SUPPORT_CHECK(hg_pair_answer(&pair));
    HG_PAIR_UNTIL(&pair, peer_counters(pair.origin.hg_class, pair.addr).stale_replies == 1);
    SUPPORT_CHECK(hg_pair_counters(pair.origin.hg_class).stale_replies == 1);
    hg_pair_close(&pair);
}

static void ends_and_failures_of_connections_are_counted(void)
{
    struct qs_peer_counters peer;
    struct hg_pair_call call;
    struct hg_pair pair;

    if (strstr(support_suite_parameter(), "ofi_rxm") != NULL)
        support_suite_skip("deaths are not told there");
    hg_pair_open(&pair, NULL);
    HG_Set_log_level("none");
    hg_pair_check_works(&pair);
    hg_pair_close_target(&pair);
    HG_PAIR_UNTIL(&pair, peer_counters(pair.origin.hg_class, pair.addr).connections_ended == 1);
    hg_pair_call_start(&pair, &call, HG_PAIR_EMPTY, NULL);
    HG_PAIR_FINISH(&call, HG_HOSTUNREACH);
    peer = peer_counters(pair.origin.hg_class, pair.addr);
    SUPPORT_CHECK(peer.calls == 2 && peer.failures == 1 && peer.connections == 1);
    SUPPORT_CHECK(peer.connections_failed == 1 && peer.sessions == 0);
    SUPPORT_CHECK(rpc_counters(&pair.origin, HG_PAIR_EMPTY).failed_not_sent == 1);
    hg_pair_close(&pair);
}

/* --- JSON ------------------------------------------------------------------------------------------------- */

static struct json_object *parse(const char *text)
{
    struct json_tokener *tokener = json_tokener_new();
    struct json_object *root;

    json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
    root = json_tokener_parse_ex(tokener, text, (int)strlen(text));
    if (root == NULL)
        support_suite_fail("no JSON: %s in %s", json_tokener_error_desc(json_tokener_get_error(tokener)), text);
    json_tokener_free(tokener);
    return root;
}

static struct json_object *stats_of(const hg_class_t *hg_class)
{
    struct json_object *root;
    char *text = NULL;

    HG_PAIR_OK(qs_stats_json(hg_class, &text));
    root = parse(text);
    qs_stats_free(text);
    return root;
}

static struct json_object *get(struct json_object *object, const char *key)
{
    struct json_object *value = NULL;

    if (!json_object_object_get_ex(object, key, &value))
        support_suite_fail("no %s in %s", key, json_object_to_json_string(object));
    return value;
}

static uint64_t number(struct json_object *object, const char *key)
{
    return json_object_get_uint64(get(object, key));
}

/* The entry of a list whose `key` says `text`, or NULL. */
static struct json_object *find(struct json_object *list, const char *key, const char *text)
{
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        struct json_object *entry = json_object_array_get_idx(list, i);
        const char *value = json_object_get_string(get(entry, key));

        if (value != NULL && strcmp(value, text) == 0)
            return entry;
    }
    return NULL;
}

static void json_tells_what_the_counters_do(void)
{
    struct json_object *root;
    struct json_object *entry;
    struct qs_rpc_counters counters;
    struct hg_pair pair;
    char address[HG_PAIR_TEXT];

    hg_pair_open(&pair, &(struct hg_pair_options){.origin_contexts = 2});
    call_many(&pair, HG_PAIR_EMPTY, 20);
    root = stats_of(pair.origin.hg_class);
    hg_pair_address(pair.origin.hg_class, address);
    SUPPORT_CHECK(strcmp(json_object_get_string(get(root, "address")), address) == 0);
    SUPPORT_CHECK(strcmp(json_object_get_string(get(root, "version")), qs_version_text()) == 0);
    SUPPORT_CHECK(strlen(json_object_get_string(get(root, "provider"))) > 0);
    SUPPORT_CHECK(!json_object_get_boolean(get(root, "listens")));
    SUPPORT_CHECK(json_object_get_double(get(root, "uptime_s")) >= 0.0);
    SUPPORT_CHECK(number(get(root, "counters"), "rpc_req_sent") == 20);
    SUPPORT_CHECK(number(get(root, "events"), "peer_dead") == 0);
    SUPPORT_CHECK(json_object_array_length(get(root, "contexts")) == 2);
    SUPPORT_CHECK(json_object_array_length(get(root, "rpcs")) == 1);
    entry = find(get(root, "rpcs"), "name", "pair_empty");
    SUPPORT_CHECK(entry != NULL && number(entry, "calls") == 20 &&
                  number(entry, "id") == pair.origin.ids[HG_PAIR_EMPTY]);
    counters = rpc_counters(&pair.origin, HG_PAIR_EMPTY);
    SUPPORT_CHECK(number(get(entry, "call_latency_us"), "samples") == 20);
    SUPPORT_CHECK(json_object_get_double(get(get(entry, "call_latency_us"), "max")) * 1000.0 >
                  (double)counters.call_latency.max_ns - 1.0);
    SUPPORT_CHECK(json_object_is_type(get(entry, "handler_latency_us"), json_type_null));
    hg_pair_address(pair.target.hg_class, address);
    SUPPORT_CHECK(json_object_array_length(get(root, "peers")) == 1);
    entry = find(get(root, "peers"), "address", address);
    SUPPORT_CHECK(entry != NULL && number(entry, "calls") == 20);
    SUPPORT_CHECK(strcmp(json_object_get_string(get(entry, "state")), "alive") == 0);
    SUPPORT_CHECK(number(root, "peers_left_out") == 0 && number(root, "rpcs_left_out") == 0);
    json_object_put(root);
    hg_pair_close(&pair);
}

/* The names of RPCs are the program's own. */
static void json_is_valid_whatever_rpcs_are_called(void)
{
    static const char *const names[] = {
        "\"}]}", "back\\slash", "line\nfeed \x01\x7f", "\xff\xfe", "\xe2\x82", "caf\xc3\xa9", "", "%s%n",
    };
    enum { COUNT = sizeof(names) / sizeof(names[0]) };
    char longest[3000];
    struct json_object *root;
    struct hg_pair_call call;
    struct hg_pair pair;

    hg_pair_open(&pair, NULL);
    HG_Set_log_level("none");
    memset(longest, 'n', sizeof(longest) - 1);
    longest[sizeof(longest) - 1] = '\0';
    for (unsigned int i = 0; i <= COUNT; i++) {
        hg_id_t id = HG_Register_name(pair.origin.hg_class, i < COUNT ? names[i] : longest, NULL, NULL, NULL);

        SUPPORT_CHECK(id != 0);
        hg_pair_call_start_id(&pair, &call, id, NULL);
        HG_PAIR_FINISH(&call, HG_NOENTRY);
        if (i == 0)
            HG_PAIR_OK(HG_Deregister(pair.origin.hg_class, id));
    }
    root = stats_of(pair.origin.hg_class);
    SUPPORT_CHECK(json_object_array_length(get(root, "rpcs")) == COUNT + 1);
    for (unsigned int i = 1; i < COUNT; i++)
        if (i != 3 && i != 4)
            SUPPORT_CHECK(find(get(root, "rpcs"), "name", names[i]) != NULL);
    SUPPORT_CHECK(find(get(root, "rpcs"), "name", "\xef\xbf\xbd\xef\xbf\xbd") != NULL);
    json_object_put(root);
    hg_pair_close(&pair);
}

static void statistics_refuse_bad_arguments(void)
{
    struct qs_rpc_counters rpc;
    struct hg_pair pair;
    char *text = NULL;
    struct {
        uint64_t calls;
        uint64_t guard;
    } old = {1, 2};

    hg_pair_open(&pair, NULL);
    HG_PAIR_RET(qs_stats_json(NULL, &text), HG_INVALID_ARG);
    HG_PAIR_RET(qs_stats_json(pair.origin.hg_class, NULL), HG_INVALID_ARG);
    HG_PAIR_RET(qs_registered_get_counters(NULL, 1, &rpc, sizeof(rpc)), HG_INVALID_ARG);
    HG_PAIR_RET(qs_registered_get_counters(pair.origin.hg_class, 4711, &rpc, sizeof(rpc)), HG_NOENTRY);
    HG_PAIR_RET(qs_peer_get_counters(pair.origin.hg_class, HG_ADDR_NULL, NULL, 0), HG_INVALID_ARG);
    HG_PAIR_RET(qs_stats_dump_on_signal(9, NULL), HG_INVALID_ARG);
    HG_PAIR_RET(qs_stats_dump_on_signal(11, NULL), HG_INVALID_ARG);
    HG_PAIR_RET(qs_stats_dump_on_signal(-1, NULL), HG_INVALID_ARG);
    HG_PAIR_RET(qs_stats_dump_on_signal(1000, NULL), HG_INVALID_ARG);
    HG_PAIR_OK(qs_stats_dump_on_signal(0, NULL));
    qs_stats_free(NULL);
    /* A program that knows less. */
    HG_PAIR_OK(qs_registered_get_counters(pair.origin.hg_class, pair.origin.ids[0],
                                          (struct qs_rpc_counters *)(void *)&old, sizeof(old.calls)));
    SUPPORT_CHECK(old.calls == 0 && old.guard == 2);
    hg_pair_close(&pair);
}

static void lack_of_memory_is_told_and_leaves_nothing(void)
{
    struct hg_pair pair;
    hg_return_t ret = HG_NOMEM;
    char *text = NULL;
    unsigned int failures = 0;

    hg_pair_open(&pair, NULL);
    call_many(&pair, HG_PAIR_EMPTY, 3);
    for (uint64_t n = 1; ret != HG_SUCCESS; n++) {
        util_alloc_fail_at(n);
        ret = qs_stats_json(pair.origin.hg_class, &text);
        util_alloc_fail_at(0);
        SUPPORT_CHECK(ret == HG_SUCCESS || (ret == HG_NOMEM && text == NULL));
        failures += ret != HG_SUCCESS;
    }
    SUPPORT_CHECK(failures > 0);
    qs_stats_free(text);
    hg_pair_close(&pair);
}

/* --- while others call ------------------------------------------------------------------------------------ */

struct reader {
    struct hg_pair *pair;
    pthread_t thread;
    atomic_bool stop;
    unsigned int rounds;
};

static void *read_all(void *arg)
{
    struct reader *reader = arg;
    struct hg_pair *pair = reader->pair;
    uint64_t calls = 0;

    while (!atomic_load(&reader->stop)) {
        struct qs_rpc_counters rpc = rpc_counters(&pair->origin, HG_PAIR_EMPTY);
        struct qs_peer_counters peer = peer_counters(pair->origin.hg_class, pair->addr);

        SUPPORT_CHECK(rpc.calls >= calls && rpc.call_latency.count <= rpc.calls);
        SUPPORT_CHECK(peer.calls + 1 >= calls);
        calls = rpc.calls;
        json_object_put(stats_of(pair->origin.hg_class));
        json_object_put(stats_of(pair->target.hg_class));
        HG_PAIR_OK(qs_class_set_histograms(pair->origin.hg_class, (enum qs_histograms)(reader->rounds++ % 3)));
    }
    return NULL;
}

static void statistics_are_read_while_others_call(void)
{
    struct reader readers[2];
    struct hg_pair pair;

    hg_pair_open(&pair, &(struct hg_pair_options){.threaded = true});
    memset(readers, 0, sizeof(readers));
    for (unsigned int i = 0; i < 2; i++) {
        readers[i].pair = &pair;
        SUPPORT_CHECK(pthread_create(&readers[i].thread, NULL, read_all, &readers[i]) == 0);
    }
    call_many(&pair, HG_PAIR_EMPTY, support_under_tsan() ? 500 : 3000);
    for (unsigned int i = 0; i < 2; i++)
        atomic_store(&readers[i].stop, true);
    for (unsigned int i = 0; i < 2; i++) {
        SUPPORT_CHECK(pthread_join(readers[i].thread, NULL) == 0);
        SUPPORT_CHECK(readers[i].rounds > 0);
    }
    hg_pair_close(&pair);
}

const struct support_case hg_stats_cases[] = {
    SUPPORT_CASE(calls_are_counted_by_rpc_and_sampled),
    SUPPORT_CASE(histograms_can_be_of_all_calls_or_of_none),
    SUPPORT_CASE(failures_are_counted_by_outcome),
    SUPPORT_CASE(target_counts_what_did_not_run),
    SUPPORT_CASE(counters_outlive_their_contexts),
    SUPPORT_CASE(one_way_calls_and_calls_to_oneself_are_counted),
    SUPPORT_CASE(peer_tells_of_contact_and_window),
    SUPPORT_CASE(late_answers_are_counted),
    SUPPORT_CASE(ends_and_failures_of_connections_are_counted),
    SUPPORT_CASE(json_tells_what_the_counters_do),
    SUPPORT_CASE(json_is_valid_whatever_rpcs_are_called),
    SUPPORT_CASE(statistics_refuse_bad_arguments),
    SUPPORT_CASE(lack_of_memory_is_told_and_leaves_nothing),
    SUPPORT_CASE(statistics_are_read_while_others_call),
    {NULL, NULL, 0},
};
