/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * What a service tells when its peers mean harm, fall silent, or are many: statistics that stay valid and bounded, and a log that
 * cannot be flooded. Over a network in memory, on a simulated clock.
 *
 * The parameter is "connections" or "datagrams".
 */
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fault/hg_raw.h"
#include "tests/support/support_log.h"
#include "util/util_clock.h"

static uint64_t now_ns;

static uint64_t simulated_clock(void)
{
    return now_ns;
}

static void events_setup(void)
{
    now_ns = 5 * UTIL_CLOCK_NS_PER_S;
    util_clock_replace(simulated_clock);
    hg_raw_setup();
    HG_Set_log_func(support_log_line);
    HG_Set_log_level("warning");
}

static void events_finish(void)
{
    HG_Set_log_level("none");
    HG_Set_log_func(NULL);
    while (hg_pair_answer(&pair))
        continue;
    hg_raw_turn();
    hg_raw_close();
    util_clock_replace(NULL);
    hg_pair_close(&pair);
    SUPPORT_CHECK(fake_wire.routes == 0 && fake_wire.frames_out == 0 && fake_wire.mems == 0);
}

/* Lets time pass: each turn takes half a millisecond. */
static void pass_ms(unsigned int ms)
{
    for (unsigned int i = 0; i < 2 * ms; i++) {
        now_ns += UTIL_CLOCK_NS_PER_MS / 2;
        hg_pair_turn(&pair);
    }
}

/* Lines with this in them since the log was forgotten last. */
static unsigned int lines_with(const char *part)
{
    const char *at = support_log_text();
    unsigned int count = 0;

    while ((at = strstr(at, part)) != NULL) {
        count++;
        at += strcspn(at, "\n");
    }
    return count;
}

/* --- what is told ----------------------------------------------------------------------------------------- */

static struct json_object *stats_of(const hg_class_t *hg_class)
{
    struct json_tokener *tokener = json_tokener_new();
    struct json_object *root;
    char *text = NULL;

    HG_PAIR_OK(qs_stats_json(hg_class, &text));
    json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
    root = json_tokener_parse_ex(tokener, text, (int)strlen(text));
    if (root == NULL)
        support_suite_fail("no JSON: %s", text);
    json_tokener_free(tokener);
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

static uint64_t event_count(const hg_class_t *hg_class, const char *name)
{
    struct json_object *root = stats_of(hg_class);
    uint64_t count = json_object_get_uint64(get(get(root, "events"), name));

    json_object_put(root);
    return count;
}

/* Whether the target lists a peer under this address, which has a prefix there. */
static bool target_lists(const char *address)
{
    struct json_object *root = stats_of(pair.target.hg_class);
    struct json_object *peers = get(root, "peers");
    bool found = false;

    for (size_t i = 0; i < json_object_array_length(peers); i++) {
        const char *text = json_object_get_string(get(json_object_array_get_idx(peers, i), "address"));

        found = found || (strlen(text) > 4 && strcmp(text + 4, address) == 0);
    }
    json_object_put(root);
    return found;
}

static struct qs_peer_counters target_as_peer(void)
{
    struct qs_peer_counters counters;

    HG_PAIR_OK(qs_peer_get_counters(pair.origin.hg_class, pair.addr, &counters, sizeof(counters)));
    return counters;
}

/* --- cases: names and numbers ----------------------------------------------------------------------------- */

/* The first word of a stranger, under a name of its choice. */
static void introduce(const char *name, uint32_t number)
{
    raw.has_hello = false;
    raw.kept_count = 0;
    hg_raw_begin();
    (void)snprintf(raw.own.class_address, sizeof(raw.own.class_address), "%s", name);
    raw.own.incarnation += number;
    raw.own.session_index = number;
    raw.own.session_key = 7 * number + 1;
    hg_raw_add_echo(number + 1);
    hg_raw_send();
    SUPPORT_CHECK(raw.has_hello);
}

static void statistics_are_json_whatever_peers_are_called(void)
{
    static const char *const names[] = {
        "wire://\"}]}", "wire://\\", "\\u0000\\", "\"", "{\"peers\":[", "wire://%s%n%p", "'`$(x)</script>", ",",
    };
    char longest[NA_ADDRESS_MAX];

    memset(longest, '"', sizeof(longest) - 1);
    longest[sizeof(longest) - 1] = '\0';
    for (unsigned int i = 0; i <= sizeof(names) / sizeof(names[0]); i++) {
        const char *name = i < sizeof(names) / sizeof(names[0]) ? names[i] : longest;

        introduce(name, i);
        SUPPORT_CHECK(target_lists(name));
        if (!fake_wire.no_connections)
            hg_raw_connect("wire://target");
    }
    events_finish();
}

static void of_many_peers_the_busiest_are_listed(void)
{
    enum { COUNT = 1100 };
    struct json_object *root;
    struct json_object *peers;

    if (!fake_wire.no_connections)
        support_suite_skip("the raw peer has one connection at a time");
    for (uint32_t i = 0; i < COUNT; i++) {
        char name[32];

        (void)snprintf(name, sizeof(name), "wire://peer-%u", i);
        introduce(name, i);
    }
    for (unsigned int i = 0; i < 5; i++)
        hg_pair_check_works(&pair);
    root = stats_of(pair.target.hg_class);
    peers = get(root, "peers");
    SUPPORT_CHECK(json_object_array_length(peers) == QS_STATS_PEERS_MAX);
    SUPPORT_CHECK(json_object_get_uint64(get(root, "peers_left_out")) == COUNT + 1 - QS_STATS_PEERS_MAX);
    SUPPORT_CHECK(
        strcmp(json_object_get_string(get(json_object_array_get_idx(peers, 0), "address")), "ofi+wire://origin") == 0);
    json_object_put(root);
    events_finish();
}

/* --- cases: the log --------------------------------------------------------------------------------------- */

static void send_garbage(void)
{
    hg_raw_send_bytes((const unsigned char *)"GET / HTTP/1.1\r\n\r\n", 18);
    if (!fake_wire.no_connections)
        hg_raw_connect("wire://target");
}

static void flood_of_bad_frames_is_one_line_a_second(void)
{
    support_log_forget();
    for (unsigned int i = 0; i < 50; i++)
        send_garbage();
    SUPPORT_CHECK(lines_with("is dropped") == 1 && support_log_count() == 1);
    SUPPORT_CHECK(event_count(pair.target.hg_class, "bad_frame") == 50 && hg_raw_bad_frames() == 50);
    now_ns += UTIL_CLOCK_NS_PER_S;
    send_garbage();
    SUPPORT_CHECK(lines_with("is dropped") == 2 && support_log_count() == 2);
    SUPPORT_CHECK(lines_with("(49 more lines like this one were left out)") == 1);
    events_finish();
}

static void break_protocol_as(const char *name, uint32_t number)
{
    if (!fake_wire.no_connections)
        hg_raw_connect("wire://target");
    hg_raw_begin();
    (void)snprintf(raw.own.class_address, sizeof(raw.own.class_address), "%s", name);
    raw.own.incarnation += number;
    raw.own.session_key += number;
    hg_raw_add_echo(1);
    raw.body[0] = 77;
    hg_raw_send();
    hg_raw_expect_ended();
}

static void line_about_one_peer_hides_none_about_another(void)
{
    hg_addr_t a;
    hg_addr_t b;

    /* While the user holds an address, what is known of the peer is kept. */
    HG_PAIR_OK(HG_Addr_lookup2(pair.target.hg_class, "wire://a", &a));
    HG_PAIR_OK(HG_Addr_lookup2(pair.target.hg_class, "wire://b", &b));
    support_log_forget();
    for (uint32_t i = 0; i < 4; i++)
        break_protocol_as("wire://a", i);
    break_protocol_as("wire://b", 9);
    SUPPORT_CHECK(lines_with("wire://a: it broke the protocol") == 1);
    SUPPORT_CHECK(lines_with("wire://b: it broke the protocol") == 1);
    SUPPORT_CHECK(event_count(pair.target.hg_class, "protocol_error") == 5);
    now_ns += UTIL_CLOCK_NS_PER_S;
    break_protocol_as("wire://a", 20);
    SUPPORT_CHECK(lines_with("its session ends (3 more lines like this one were left out)") == 1);
    HG_PAIR_OK(HG_Addr_free(pair.target.hg_class, a));
    HG_PAIR_OK(HG_Addr_free(pair.target.hg_class, b));
    events_finish();
}

/* A hundred peers in trouble at once. */
static void class_writes_no_more_than_its_lines(void)
{
    support_log_forget();
    for (uint32_t i = 0; i < 100; i++) {
        char name[32];

        (void)snprintf(name, sizeof(name), "wire://peer-%u", i);
        break_protocol_as(name, i);
    }
    SUPPORT_CHECK(lines_with("it broke the protocol") == 10);
    SUPPORT_CHECK(event_count(pair.target.hg_class, "protocol_error") == 100);
    events_finish();
}

static void restart_is_told(void)
{
    hg_raw_add_echo(1);
    hg_raw_send();
    support_log_forget();
    raw.send_hello = true;
    raw.own.incarnation++;
    hg_raw_add_echo(2);
    hg_raw_send();
    hg_raw_expect_ended();
    SUPPORT_CHECK(event_count(pair.target.hg_class, "peer_restarted") == 1);
    SUPPORT_CHECK(event_count(pair.target.hg_class, "stale_frame") == 1);
    SUPPORT_CHECK(lines_with("wire://raw: it is another process than before") == 1);
    events_finish();
}

/* --- cases: time ------------------------------------------------------------------------------------------ */

static void stall_is_told_once_and_only_when_something_waits(void)
{
    struct hg_pair_blob in = {0};
    struct hg_pair_call call;

    now_ns += 30 * UTIL_CLOCK_NS_PER_S; /* nothing waits but a timer that looks once more */
    pass_ms(2000);
    SUPPORT_CHECK(hg_pair_counters(pair.origin.hg_class).stalls == 0);
    hg_pair_call_begin(&pair, &call, HG_PAIR_HOLD);
    HG_PAIR_OK(qs_handle_set_timeout(call.handle, 10000000));
    hg_pair_call_forward(&call, &in);
    HG_PAIR_UNTIL(&pair, atomic_load(&pair.held_count) == 1);
    pass_ms(500);
    SUPPORT_CHECK(hg_pair_counters(pair.origin.hg_class).stalls == 0);
    support_log_forget();
    now_ns += 20 * UTIL_CLOCK_NS_PER_S;
    HG_PAIR_RET(hg_pair_call_wait(&call), HG_TIMEOUT);
    pass_ms(100);
    SUPPORT_CHECK(hg_pair_counters(pair.origin.hg_class).stalls == 1);
    SUPPORT_CHECK(event_count(pair.origin.hg_class, "stall") == 1);
    SUPPORT_CHECK(lines_with("nobody has made progress on context 0") == 1);
    hg_pair_call_end(&call);
    events_finish();
}

static void silence_suspicion_and_return_are_told(void)
{
    struct hg_pair_blob in = {0};
    struct hg_pair_call call;

    hg_pair_call_start(&pair, &call, HG_PAIR_HOLD, &in);
    HG_PAIR_UNTIL(&pair, atomic_load(&pair.held_count) == 1);
    pass_ms(3000);
    SUPPORT_CHECK(target_as_peer().rtt_ns > 0 && target_as_peer().rtt_ns <= 10 * UTIL_CLOCK_NS_PER_MS);
    SUPPORT_CHECK(hg_pair_counters(pair.origin.hg_class).pings_sent > 0);
    SUPPORT_CHECK(target_as_peer().suspicions == 0 && target_as_peer().heard_ns_ago <= 2 * UTIL_CLOCK_NS_PER_S);
    support_log_forget();
    pair.options.silent_target = true;
    pass_ms(4000);
    SUPPORT_CHECK(target_as_peer().suspicions == 1 && target_as_peer().state == QS_PEER_SUSPECT);
    SUPPORT_CHECK(target_as_peer().heard_ns_ago >= 3 * UTIL_CLOCK_NS_PER_S);
    SUPPORT_CHECK(lines_with("wire://target: suspect, was alive") == 1);
    pair.options.silent_target = false;
    pass_ms(1000);
    SUPPORT_CHECK(target_as_peer().state == QS_PEER_ALIVE && target_as_peer().connections == 1);
    SUPPORT_CHECK(lines_with("wire://target: alive, was suspect") == 1);
    SUPPORT_CHECK(event_count(pair.origin.hg_class, "peer_back") == 1);
    SUPPORT_CHECK(target_as_peer().rtt_last_ns >= target_as_peer().rtt_ns);
    SUPPORT_CHECK(hg_pair_answer(&pair));
    HG_PAIR_FINISH(&call, HG_SUCCESS);
    events_finish();
}

/* A call that nobody answers, tried three times. */
static struct qs_rpc_counters call_in_vain(void)
{
    const struct qs_retry retry = {.attempts_max = 3, .attempt_timeout_us = 20000, .pause_us = 10};
    hg_id_t id = pair.origin.ids[HG_PAIR_HOLD];
    struct qs_rpc_counters counters;
    struct hg_pair_blob in = {0};
    struct hg_pair_call call;

    HG_PAIR_OK(qs_registered_set_method(pair.origin.hg_class, id, QS_METHOD_IDEMPOTENT, &retry));
    support_log_forget();
    hg_pair_call_start(&pair, &call, HG_PAIR_HOLD, &in);
    for (unsigned int i = 0; i < 100 && atomic_load(&call.calls) == 0; i++)
        pass_ms(10);
    HG_PAIR_FINISH(&call, HG_TIMEOUT);
    HG_PAIR_OK(qs_registered_get_counters(pair.origin.hg_class, id, &counters, sizeof(counters)));
    return counters;
}

static void last_attempt_is_told(void)
{
    struct qs_rpc_counters counters = call_in_vain();

    SUPPORT_CHECK(counters.calls == 1 && counters.retries == 2 && counters.attempts == 3 && counters.timeouts == 1);
    SUPPORT_CHECK(target_as_peer().calls == 2 && target_as_peer().retries == 2 && target_as_peer().attempts == 4);
    SUPPORT_CHECK(event_count(pair.origin.hg_class, "retries_exhausted") == 1);
    SUPPORT_CHECK(lines_with("fails with HG_TIMEOUT after 3 attempts") == 1);
    events_finish();
}

static void budget_that_is_used_up_is_told(void)
{
    struct qs_rpc_counters counters;

    HG_PAIR_OK(qs_class_set_retry_budget(pair.origin.hg_class, 0, 1));
    counters = call_in_vain();
    SUPPORT_CHECK(counters.calls == 1 && counters.retries == 1);
    SUPPORT_CHECK(event_count(pair.origin.hg_class, "budget_exhausted") == 1);
    SUPPORT_CHECK(event_count(pair.origin.hg_class, "retries_exhausted") == 0);
    SUPPORT_CHECK(lines_with("the budget of repetitions is used up") == 1);
    events_finish();
}

static const struct support_case cases[] = {
    SUPPORT_CASE(statistics_are_json_whatever_peers_are_called),
    SUPPORT_CASE(of_many_peers_the_busiest_are_listed),
    SUPPORT_CASE(flood_of_bad_frames_is_one_line_a_second),
    SUPPORT_CASE(line_about_one_peer_hides_none_about_another),
    SUPPORT_CASE(class_writes_no_more_than_its_lines),
    SUPPORT_CASE(restart_is_told),
    SUPPORT_CASE(stall_is_told_once_and_only_when_something_waits),
    SUPPORT_CASE(silence_suspicion_and_return_are_told),
    SUPPORT_CASE(last_attempt_is_told),
    SUPPORT_CASE(budget_that_is_used_up_is_told),
    {NULL, NULL, 0},
};

int main(int argc, char **argv)
{
    static const struct support_case *const tables[] = {cases, NULL};

    return support_suite_main(argc, argv, tables, events_setup);
}
