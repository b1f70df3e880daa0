/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */

/*
 * qs_stats_json(): everything is copied first, a few numbers under a lock at a time, and then written without any. What is kept of
 * a peer is found by the addresses of the class, which a reference keeps while they are looked at.
 */

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hg/hg_addr.h"
#include "hg/hg_class.h"
#include "hg/hg_context.h"
#include "hg/hg_error.h"
#include "hg/hg_event.h"
#include "hg/hg_fork.h"
#include "hg/hg_stats.h"
#include "hg/hg_tally.h"
#include "mercury.h"
#include "quicksilver.h"
#include "util/util_alloc.h"
#include "util/util_clock.h"
#include "util/util_json.h"

/* Addresses that are looked at; any beyond are among those left out. */
#define JSON_ADDRS_MAX 65536U
/* The longest name of an RPC that is shown. */
#define JSON_NAME_SIZE 256U

/* --- tables of fields ------------------------------------------------------------------------------------- */

struct json_field {
    const char *name;
    size_t offset;
};

#define JSON_RPC_FIELD(field)                           \
    {                                                   \
#field, offsetof(struct qs_rpc_counters, field) \
    }
#define JSON_PEER_FIELD(field)                           \
    {                                                    \
#field, offsetof(struct qs_peer_counters, field) \
    }

static const struct json_field json_rpc_fields[] = {
    JSON_RPC_FIELD(calls),           JSON_RPC_FIELD(attempts),
    JSON_RPC_FIELD(retries),         JSON_RPC_FIELD(timeouts),
    JSON_RPC_FIELD(cancels),         JSON_RPC_FIELD(failed_unknown),
    JSON_RPC_FIELD(failed_not_sent), JSON_RPC_FIELD(failed_not_executed),
    JSON_RPC_FIELD(failed_executed), JSON_RPC_FIELD(requests),
    JSON_RPC_FIELD(expired),         JSON_RPC_FIELD(withdrawn),
    JSON_RPC_FIELD(cancelled),       JSON_RPC_FIELD(repeats),
    JSON_RPC_FIELD(refused),
};

static const struct json_field json_peer_fields[] = {
    JSON_PEER_FIELD(calls),
    JSON_PEER_FIELD(attempts),
    JSON_PEER_FIELD(retries),
    JSON_PEER_FIELD(timeouts),
    JSON_PEER_FIELD(cancels),
    JSON_PEER_FIELD(failures),
    JSON_PEER_FIELD(requests),
    JSON_PEER_FIELD(stale_replies),
    JSON_PEER_FIELD(connections),
    JSON_PEER_FIELD(connections_ended),
    JSON_PEER_FIELD(connections_failed),
    JSON_PEER_FIELD(suspicions),
    JSON_PEER_FIELD(window_used),
    JSON_PEER_FIELD(window),
    JSON_PEER_FIELD(sessions),
};

#define JSON_COUNT(fields) (sizeof(fields) / sizeof((fields)[0]))

static uint64_t json_field_value(const void *counters, const struct json_field *field)
{
    uint64_t value;

    memcpy(&value, (const char *)counters + field->offset, sizeof(value));
    return value;
}

static void json_add_fields(struct util_json *json, const void *counters, const struct json_field *fields, size_t count)
{
    for (size_t i = 0; i < count; i++)
        util_json_number(json, fields[i].name, json_field_value(counters, &fields[i]));
}

/* --- the class -------------------------------------------------------------------------------------------- */

static const char *json_histograms_text(enum qs_histograms histograms)
{
    switch (histograms) {
    case QS_HISTOGRAMS_OFF:
        return "off";
    case QS_HISTOGRAMS_ALL:
        return "all";
    case QS_HISTOGRAMS_SAMPLED:
        break;
    }
    return "sampled";
}

/* An address as HG_Addr_to_string() gives it. */
static void json_add_address(struct util_json *json, const struct hg_class *hg_class, const char *canonical)
{
    char text[NA_ADDRESS_MAX + 8];
    size_t skip = hg_class->names.skip;

    (void)snprintf(text, sizeof(text), "%s%s", hg_class->names.prefix,
                   canonical + (strlen(canonical) >= skip ? skip : 0));
    util_json_string(json, "address", text);
}

static void json_add_identity(struct util_json *json, const struct hg_class *hg_class)
{
    util_json_string(json, "version", qs_version_text());
    util_json_string(json, "libfabric", qs_libfabric_version());
    json_add_address(json, hg_class, na_class_address(hg_class->na));
    util_json_string(json, "protocol", hg_class->names.protocol);
    util_json_string(json, "provider", na_class_provider(hg_class->na));
    util_json_bool(json, "shared_memory_besides", hg_class->transport_count > 1);
    util_json_bool(json, "listens", na_class_listens(hg_class->na));
    util_json_number(json, "pid", (uint64_t)getpid());
    util_json_number(json, "time", util_clock_wall_s());
    util_json_thousandths(json, "uptime_s", (util_clock_now_ns() - hg_class->begun_ns) / UTIL_CLOCK_NS_PER_MS);
    util_json_string(json, "histograms",
                     json_histograms_text(atomic_load_explicit(&hg_class->histograms, memory_order_relaxed)));
}

static void json_add_counter(const char *name, uint64_t value, void *arg)
{
    util_json_number(arg, name, value);
}

static void json_add_counters(struct util_json *json, struct hg_class *hg_class)
{
    struct qs_counters counters;

    hg_stats_read(hg_class, &counters);
    util_json_object_begin(json, "counters");
    hg_stats_each(&counters, json_add_counter, json);
    util_json_object_end(json);
    util_json_object_begin(json, "events");
    for (unsigned int i = 0; i < HG_EVENT_KINDS; i++)
        util_json_number(json, hg_event_text((enum hg_event)i),
                         atomic_load_explicit(&hg_class->events.counts[i], memory_order_relaxed));
    util_json_object_end(json);
}

/* --- contexts --------------------------------------------------------------------------------------------- */

/* How busy a context is now. */
struct json_context {
    uint32_t handles;  /* of calls, that somebody holds */
    uint32_t requests; /* received, and not done with */
    uint32_t ready;
    size_t sessions;
    size_t timers;
    bool exists;
};

static struct json_context json_read_context(struct hg_class *hg_class, uint8_t id)
{
    struct json_context found = {0};
    struct hg_context *context;

    if (hg_context_by_id(hg_class, id) == NULL)
        return found;
    util_lock_take(&hg_class->context_lock);
    context = hg_context_by_id(hg_class, id);
    if (context != NULL) {
        util_lock_take(&context->lock);
        found = (struct json_context){
            .handles = context->handles_count[0] - context->handles_idle_count[0],
            .requests = context->handles_count[1] - context->handles_idle_count[1],
            .ready = atomic_load_explicit(&context->ready_count, memory_order_relaxed),
            .sessions = util_map_count(&context->session_map),
            .timers = context->wheel.count - context->resting_timers,
            .exists = true,
        };
        util_lock_drop(&context->lock);
    }
    util_lock_drop(&hg_class->context_lock);
    return found;
}

static void json_add_contexts(struct util_json *json, struct hg_class *hg_class)
{
    util_json_array_begin(json, "contexts");
    for (unsigned int id = 0; id < NA_CONTEXTS_MAX; id++) {
        struct json_context context = json_read_context(hg_class, (uint8_t)id);

        if (!context.exists)
            continue;
        util_json_object_begin(json, NULL);
        util_json_number(json, "id", id);
        util_json_number(json, "handles_held", context.handles);
        util_json_number(json, "requests_held", context.requests);
        util_json_number(json, "callbacks_ready", context.ready);
        util_json_number(json, "sessions", context.sessions);
        util_json_number(json, "timers", context.timers);
        util_json_object_end(json);
    }
    util_json_array_end(json);
}

/* --- RPCs ------------------------------------------------------------------------------------------------- */

static void json_add_latency(struct util_json *json, const char *key, const struct qs_latency *latency)
{
    if (latency->samples == 0) {
        util_json_null(json, key);
        return;
    }
    util_json_object_begin(json, key);
    util_json_number(json, "count", latency->count);
    util_json_number(json, "samples", latency->samples);
    util_json_thousandths(json, "min", latency->min_ns);
    util_json_thousandths(json, "mean", latency->mean_ns);
    util_json_thousandths(json, "p50", latency->p50_ns);
    util_json_thousandths(json, "p90", latency->p90_ns);
    util_json_thousandths(json, "p99", latency->p99_ns);
    util_json_thousandths(json, "p999", latency->p999_ns);
    util_json_thousandths(json, "max", latency->max_ns);
    util_json_object_end(json);
}

static bool json_rpc_is_used(const struct qs_rpc_counters *counters)
{
    for (size_t i = 0; i < JSON_COUNT(json_rpc_fields); i++)
        if (json_field_value(counters, &json_rpc_fields[i]) != 0)
            return true;
    return false;
}

static void json_add_rpc(struct util_json *json, struct hg_class *hg_class, const struct hg_rpc *rpc,
                         const struct qs_rpc_counters *counters)
{
    char name[JSON_NAME_SIZE];

    util_json_object_begin(json, NULL);
    if (hg_rpc_copy_name(&hg_class->rpcs, rpc, name, sizeof(name)))
        util_json_string(json, "name", name);
    else
        util_json_null(json, "name");
    util_json_number(json, "id", rpc->id);
    json_add_fields(json, counters, json_rpc_fields, JSON_COUNT(json_rpc_fields));
    json_add_latency(json, "call_latency_us", &counters->call_latency);
    json_add_latency(json, "handler_latency_us", &counters->handler_latency);
    util_json_object_end(json);
}

/* Those that have been called. One that is registered meanwhile may be missed. */
static void json_add_rpcs(struct util_json *json, struct hg_class *hg_class)
{
    const struct hg_rpc_slots *slots = atomic_load_explicit(&hg_class->rpcs.slots, memory_order_acquire);
    uint64_t listed = 0;
    uint64_t left_out = 0;

    util_json_array_begin(json, "rpcs");
    for (uint32_t i = 0; i <= slots->mask; i++) {
        const struct hg_rpc *rpc = atomic_load_explicit(&slots->slot[i], memory_order_acquire);
        struct hg_tally_rpc sum = {0};
        struct qs_rpc_counters counters;

        if (rpc == NULL)
            continue;
        hg_tally_read(hg_class, rpc->number, &sum);
        hg_tally_show(&sum, &counters);
        hg_tally_sum_fini(&sum);
        if (!json_rpc_is_used(&counters))
            continue;
        if (listed++ < QS_STATS_RPCS_MAX)
            json_add_rpc(json, hg_class, rpc, &counters);
        else
            left_out++;
    }
    util_json_array_end(json);
    util_json_number(json, "rpcs_left_out", left_out);
}

/* --- peers ------------------------------------------------------------------------------------------------ */

struct json_peer {
    struct hg_addr *addr; /* a reference */
    struct qs_peer_counters counters;
};

struct json_peers {
    struct json_peer *peers; /* owned */
    size_t count;
    size_t capacity;
    uint64_t left_out;
    bool failed; /* there was no memory */
};

static size_t json_bucket_size_locked(const struct util_list *bucket)
{
    size_t count = 0;

    util_list_each (node, bucket)
        count++;
    return count;
}

/* Makes room for so many more. */
static bool json_peers_reserve(struct json_peers *all, size_t more)
{
    size_t capacity = all->capacity == 0 ? 64 : all->capacity;
    struct json_peer *peers;

    if (all->count + more <= all->capacity)
        return true;
    while (capacity < all->count + more)
        capacity *= 2;
    peers = util_realloc(all->peers, capacity * sizeof(*peers));
    if (peers == NULL) {
        all->failed = true;
        return false;
    }
    all->peers = peers;
    all->capacity = capacity;
    return true;
}

/* Takes the addresses of one bucket, as many as there is room for. */
static void json_peers_take(struct json_peers *all, struct hg_class *hg_class, struct util_list *bucket)
{
    util_lock_take(&hg_class->addr_lock);
    util_list_each (node, bucket) {
        struct hg_addr *addr = util_container_of(node, struct hg_addr, link);

        if (all->count == all->capacity || all->count == JSON_ADDRS_MAX) {
            all->left_out++;
            continue;
        }
        hg_addr_ref(addr);
        all->peers[all->count++].addr = addr;
    }
    util_lock_drop(&hg_class->addr_lock);
}

static void json_peers_collect(struct json_peers *all, struct hg_class *hg_class)
{
    for (unsigned int i = 0; i < HG_CLASS_ADDR_BUCKETS; i++) {
        struct util_list *bucket = &hg_class->addr_buckets[i];
        size_t size;

        util_lock_take(&hg_class->addr_lock);
        size = json_bucket_size_locked(bucket);
        util_lock_drop(&hg_class->addr_lock);
        if (size > 0 && !json_peers_reserve(all, size))
            return;
        json_peers_take(all, hg_class, bucket);
    }
}

static bool json_peer_is_used(const struct qs_peer_counters *counters)
{
    return counters->calls + counters->requests + counters->connections + counters->connections_failed +
                   counters->sessions + counters->failures >
               0 ||
           counters->state == QS_PEER_CONNECTING;
}

/* Reads what is known of them, and forgets those of which nothing is. */
static void json_peers_read(struct json_peers *all)
{
    size_t kept = 0;

    for (size_t i = 0; i < all->count; i++) {
        struct json_peer peer = {.addr = all->peers[i].addr};

        hg_tally_peer_read(peer.addr, &peer.counters);
        if (json_peer_is_used(&peer.counters))
            all->peers[kept++] = peer;
        else
            hg_addr_unref(peer.addr);
    }
    all->count = kept;
}

/* How much a peer needs to be looked at, more first. */
static unsigned int json_peer_trouble(const struct qs_peer_counters *counters)
{
    switch ((enum qs_peer_state)counters->state) {
    case QS_PEER_DEAD:
        return 3;
    case QS_PEER_SUSPECT:
        return 4;
    case QS_PEER_REFUSING:
        return 2;
    case QS_PEER_CONNECTING:
    case QS_PEER_LEAVING:
        return 1;
    case QS_PEER_UNKNOWN:
    case QS_PEER_ALIVE:
        break;
    }
    return 0;
}

static int json_peer_compare(const void *one, const void *other)
{
    const struct json_peer *a = one;
    const struct json_peer *b = other;
    unsigned int trouble_a = json_peer_trouble(&a->counters);
    unsigned int trouble_b = json_peer_trouble(&b->counters);
    uint64_t traffic_a = a->counters.calls + a->counters.requests;
    uint64_t traffic_b = b->counters.calls + b->counters.requests;

    if (trouble_a != trouble_b)
        return trouble_a > trouble_b ? -1 : 1;
    if (traffic_a != traffic_b)
        return traffic_a > traffic_b ? -1 : 1;
    return strcmp(a->addr->text, b->addr->text);
}

static void json_add_peer(struct util_json *json, const struct hg_class *hg_class, const struct json_peer *peer)
{
    const struct qs_peer_counters *counters = &peer->counters;

    util_json_object_begin(json, NULL);
    json_add_address(json, hg_class, peer->addr->text);
    util_json_string(json, "state", qs_peer_state_text((enum qs_peer_state)counters->state));
    json_add_fields(json, counters, json_peer_fields, JSON_COUNT(json_peer_fields));
    if (counters->rtt_ns == 0) {
        util_json_null(json, "rtt_us");
        util_json_null(json, "rtt_last_us");
    } else {
        util_json_thousandths(json, "rtt_us", counters->rtt_ns);
        util_json_thousandths(json, "rtt_last_us", counters->rtt_last_ns);
    }
    if (counters->heard_ns_ago == UINT64_MAX)
        util_json_null(json, "heard_s_ago");
    else
        util_json_thousandths(json, "heard_s_ago", counters->heard_ns_ago / UTIL_CLOCK_NS_PER_MS);
    util_json_object_end(json);
}

/* False: no memory. */
static bool json_add_peers(struct util_json *json, struct hg_class *hg_class)
{
    struct json_peers all = {0};

    hg_tally_refresh(hg_class);
    json_peers_collect(&all, hg_class);
    json_peers_read(&all);
    if (all.count > 1)
        qsort(all.peers, all.count, sizeof(all.peers[0]), json_peer_compare);
    util_json_array_begin(json, "peers");
    for (size_t i = 0; i < all.count; i++) {
        if (i < QS_STATS_PEERS_MAX)
            json_add_peer(json, hg_class, &all.peers[i]);
        else
            all.left_out++;
        hg_addr_unref(all.peers[i].addr);
    }
    util_json_array_end(json);
    util_json_number(json, "peers_left_out", all.left_out);
    util_free(all.peers);
    return !all.failed;
}

/* --- the interface ---------------------------------------------------------------------------------------- */

hg_return_t qs_stats_json(const hg_class_t *hg_class, char **text_p)
{
    /* What is counted is read under locks; the caller's class is constant to him. */
    struct hg_class *own = (struct hg_class *)(uintptr_t)hg_class;
    struct util_json json;
    char *text = NULL;

    if (hg_fork_stops(hg_class, "qs_stats_json"))
        return HG_FAULT;
    if (hg_class == NULL || text_p == NULL)
        return hg_error_set(HG_INVALID_ARG, "qs_stats_json: a NULL argument");
    util_json_init(&json);
    util_json_object_begin(&json, NULL);
    json_add_identity(&json, own);
    json_add_counters(&json, own);
    json_add_contexts(&json, own);
    json_add_rpcs(&json, own);
    if (json_add_peers(&json, own)) {
        util_json_object_end(&json);
        text = util_json_take(&json);
    }
    util_json_fini(&json);
    if (text == NULL)
        return hg_error_set(HG_NOMEM, "qs_stats_json: no memory");
    *text_p = text;
    return HG_SUCCESS;
}

void qs_stats_free(char *text)
{
    util_free(text);
}
