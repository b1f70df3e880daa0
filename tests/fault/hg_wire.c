/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * The RPC core over a network that misbehaves: refusals, lost and overtaking frames, peers that die and
 * come back, memory that runs out. The network is fake_wire, so each run can be repeated by its seed.
 *
 * The parameter is "connections" or "datagrams".
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hg/hg_context.h"
#include "hg/hg_session.h"
#include "tests/support/fake_wire.h"
#include "tests/support/hg_pair.h"
#include "util/util_alloc.h"
#include "util/util_clock.h"

static uint64_t now_ns;

static uint64_t simulated_clock(void)
{
    return now_ns;
}

static void wire_setup(void)
{
    fake_wire_reset(support_seed());
    fake_wire.no_connections = strcmp(support_suite_parameter(), "datagrams") == 0;
    HG_Set_log_level("none");
}

static bool datagrams(void)
{
    return fake_wire.no_connections;
}

/* The pair's own opening is for real transports. */
static void open_side(struct hg_pair *pair, struct hg_side *side, const char *uri, bool listen, unsigned int contexts)
{
    struct hg_init_info init = HG_INIT_INFO_INITIALIZER;

    /* One thread, also inside the library, so that a run can be repeated. */
    init.na_init_info.thread_mode = NA_THREAD_MODE_SINGLE;
    side->hg_class = HG_Init_opt2(uri, listen, HG_VERSION(HG_VERSION_MAJOR, HG_VERSION_MINOR), &init);
    SUPPORT_CHECK(side->hg_class != NULL);
    side->context_count = contexts;
    for (unsigned int i = 0; i < contexts; i++) {
        side->contexts[i] = HG_Context_create_id(side->hg_class, (uint8_t)i);
        SUPPORT_CHECK(side->contexts[i] != NULL);
    }
    hg_pair_register(pair, side);
}

static void wire_open(struct hg_pair *pair)
{
    memset(pair, 0, sizeof(*pair));
    (void)pthread_mutex_init(&pair->lock, NULL);
    open_side(pair, &pair->target, "wire://target", true, 1);
    open_side(pair, &pair->origin, "wire://origin", false, 1);
    HG_PAIR_OK(HG_Addr_lookup2(pair->origin.hg_class, "wire://target", &pair->addr));
}

/* Closes, and sees that the network got everything back. */
static void wire_close(struct hg_pair *pair)
{
    hg_pair_close(pair);
    SUPPORT_CHECK(fake_wire.routes == 0 && fake_wire.contexts == 0);
    SUPPORT_CHECK(fake_wire.frames_out == 0 && fake_wire.mems == 0);
}

static void move_all_sizes(struct hg_pair *pair)
{
    static const uint64_t sizes[] = {0, 10, 4000, 9000, 30000, 70000, 300000};

    for (unsigned int i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
        hg_pair_move(pair, sizes[i], sizes[(i * 3) % 7]);
}

static void calls_work_on_a_good_network(void)
{
    struct hg_pair pair;

    wire_open(&pair);
    move_all_sizes(&pair);
    SUPPORT_CHECK(fake_wire.rma_bad == 0);
    wire_close(&pair);
}

static void many_calls_survive_refusals(void)
{
    enum { COUNT = 900 };
    static struct hg_pair_call calls[COUNT];
    struct hg_pair pair;

    wire_open(&pair);
    fake_wire.refuse = 60;
    fake_wire.refuse_frames = 30;
    for (unsigned int i = 0; i < COUNT; i++) {
        struct hg_pair_blob in = {.size = i % 7 == 0 ? 25000 : i % 50};

        in.data = calloc(1, in.size + 1);
        hg_pair_call_start(&pair, &calls[i], HG_PAIR_ECHO, &in);
        free(in.data);
    }
    for (unsigned int i = 0; i < COUNT; i++)
        HG_PAIR_FINISH(&calls[i], HG_SUCCESS);
    SUPPORT_CHECK(hg_pair_counters(pair.origin.hg_class).sends_refused > 0);
    move_all_sizes(&pair);
    wire_close(&pair);
}

static void few_frames_and_slow_turns_are_enough(void)
{
    struct hg_pair pair;

    wire_open(&pair);
    fake_wire.frames_max = 2;
    fake_wire.turn_max = 1;
    fake_wire.rma_delay = 3;
    move_all_sizes(&pair);
    wire_close(&pair);
}

static void frames_may_overtake_each_other(void)
{
    enum { COUNT = 300 };
    static struct hg_pair_call calls[COUNT];
    struct hg_pair pair;

    if (!datagrams())
        support_suite_skip("connections keep order");
    wire_open(&pair);
    hg_pair_check_works(&pair);
    fake_wire.reorder = 50;
    fake_wire.turn_max = 2;
    for (unsigned int i = 0; i < COUNT; i++) {
        struct hg_pair_move_in in = {.seed = i, .out_size = (i * 131U) % 40000, .blob = {.size = (i * 77U) % 30000}};

        in.blob.data = malloc(in.blob.size + 1);
        hg_pair_fill(in.blob.data, in.blob.size, in.seed);
        hg_pair_call_start(&pair, &calls[i], HG_PAIR_MOVE, &in);
        free(in.blob.data);
    }
    for (unsigned int i = 0; i < COUNT; i++) {
        struct hg_pair_move_out out = {0};

        HG_PAIR_OK(hg_pair_call_wait(&calls[i]));
        HG_PAIR_OK(HG_Get_output(calls[i].handle, &out));
        SUPPORT_CHECK(out.good == 1 && hg_pair_is_filled(out.blob.data, out.blob.size, i + 1));
        HG_PAIR_OK(HG_Free_output(calls[i].handle, &out));
        hg_pair_call_end(&calls[i]);
    }
    wire_close(&pair);
}

/* Frames that are lost or come twice are beyond what a transport may do. The promise that is left: each call
 * ends once, nothing is left behind, and there is life after it. */
static void bad_network(unsigned int drop, unsigned int duplicate)
{
    enum { COUNT = 400 };
    static struct hg_pair_call calls[COUNT];
    struct hg_pair pair;

    now_ns = UTIL_CLOCK_NS_PER_S;
    util_clock_replace(simulated_clock);
    wire_open(&pair);
    HG_PAIR_OK(qs_class_set_timeout(pair.origin.hg_class, 1000000));
    fake_wire.drop = drop;
    fake_wire.duplicate = duplicate;
    fake_wire.reorder = datagrams() ? 20 : 0;
    for (unsigned int i = 0; i < COUNT; i++) {
        struct hg_pair_blob in = {.size = (i * 97U) % 20000};

        in.data = calloc(1, in.size + 1);
        hg_pair_call_begin(&pair, &calls[i], HG_PAIR_ECHO);
        if (HG_Forward(calls[i].handle, hg_pair_call_cb, &calls[i], &in) != HG_SUCCESS)
            atomic_store(&calls[i].calls, 1);
        free(in.data);
        hg_pair_turn(&pair);
        now_ns += UTIL_CLOCK_NS_PER_MS;
    }
    for (unsigned int i = 0; i < 3000; i++) {
        hg_pair_turn(&pair);
        now_ns += UTIL_CLOCK_NS_PER_MS;
    }
    for (unsigned int i = 0; i < COUNT; i++) {
        SUPPORT_CHECK(atomic_load(&calls[i].calls) == 1);
        hg_pair_call_end(&calls[i]);
    }
    util_clock_replace(NULL);
    wire_close(&pair);
}

static void lost_frames_end_calls_once(void)
{
    for (unsigned int drop = 1; drop <= 64; drop *= 4)
        bad_network(drop, 0);
}

static void doubled_frames_end_calls_once(void)
{
    bad_network(0, 5);
    bad_network(0, 50);
    bad_network(10, 20);
}

/* --- death --------------------------------------------------------------------------------------- */

static void target_that_dies_ends_the_calls_and_its_successor_serves(void)
{
    static const uint64_t sizes[] = {0, 20000, 300000};
    struct hg_pair_call calls[30];
    struct hg_pair pair;

    if (datagrams())
        support_suite_skip("nobody tells of a death there");
    for (unsigned int turns = 0; turns < 14; turns++) {
        wire_open(&pair);
        hg_pair_check_works(&pair);
        fake_wire.rma_delay = 2;
        for (unsigned int i = 0; i < 30; i++) {
            struct hg_pair_blob in = {.size = sizes[i % 3]};

            in.data = calloc(1, in.size + 1);
            hg_pair_call_begin(&pair, &calls[i], i % 5 == 0 ? HG_PAIR_HOLD : HG_PAIR_ECHO);
            hg_pair_call_forward(&calls[i], &in);
            free(in.data);
        }
        for (unsigned int i = 0; i < turns; i++)
            hg_pair_turn(&pair);
        fake_wire_kill("wire://target");
        pair.options.silent_target = true;
        for (unsigned int i = 0; i < 30; i++) {
            hg_return_t ret = hg_pair_call_wait(&calls[i]);

            SUPPORT_CHECK(ret == HG_SUCCESS || ret == HG_HOSTUNREACH);
        }
        hg_pair_close_target(&pair);
        fake_wire.rma_delay = 0;
        pair.options.silent_target = false;
        open_side(&pair, &pair.target, "wire://target", true, 1);
        for (unsigned int i = 0; i < 30; i++) {
            struct hg_pair_blob in = {0};

            /* The same handles and address, without another look-up. */
            HG_PAIR_OK(HG_Reset(calls[i].handle, HG_ADDR_NULL, pair.origin.ids[HG_PAIR_ECHO]));
            hg_pair_call_forward(&calls[i], &in);
            HG_PAIR_FINISH(&calls[i], HG_SUCCESS);
        }
        wire_close(&pair);
    }
}

/* As when a transfer has broken, or nothing could be sent for a while. */
static void target_gives_up_its_session(struct hg_pair *pair)
{
    struct hg_context *context = pair->target.contexts[0];

    util_lock_take(&context->lock);
    SUPPORT_CHECK(!util_list_empty(&context->sessions));
    hg_session_end(util_container_of(util_list_first(&context->sessions), struct hg_session, link), -ECONNRESET);
    util_lock_drop(&context->lock);
}

/* Nothing tells the origin, whose session goes on: it learns from the answer to its ping that there is another one now, and must
 * not wait for what the other has forgotten. */
static void calls_of_a_session_that_the_target_gave_up_end(void)
{
    struct qs_result result;
    struct hg_pair_blob in = {0};
    struct hg_pair_call calls[20];
    struct hg_pair pair;

    if (!datagrams())
        support_suite_skip("a connection ends for both");
    now_ns = UTIL_CLOCK_NS_PER_S;
    util_clock_replace(simulated_clock);
    wire_open(&pair);
    hg_pair_check_works(&pair);
    for (unsigned int round = 0; round < 3; round++) {
        for (unsigned int i = 0; i < 20; i++)
            hg_pair_call_start(&pair, &calls[i], HG_PAIR_HOLD, &in);
        for (unsigned int turn = 0; turn < 50; turn++)
            hg_pair_turn(&pair);
        target_gives_up_its_session(&pair);
        for (unsigned int i = 0; i < 20; i++)
            hg_pair_respond(hg_pair_take_held(&pair), &in); /* into the void */
        for (unsigned int turn = 0; turn < 100 && atomic_load(&calls[19].calls) == 0; turn++) {
            now_ns += 100 * UTIL_CLOCK_NS_PER_MS;
            hg_pair_turn(&pair);
        }
        for (unsigned int i = 0; i < 20; i++) {
            SUPPORT_CHECK(atomic_load(&calls[i].calls) == 1);
            HG_PAIR_RET(calls[i].ret, HG_HOSTUNREACH);
            HG_PAIR_OK(qs_handle_get_result(calls[i].handle, &result, sizeof(result)));
            SUPPORT_CHECK(result.outcome == QS_OUTCOME_UNKNOWN);
            hg_pair_call_end(&calls[i]);
        }
        hg_pair_check_works(&pair);
    }
    util_clock_replace(NULL);
    wire_close(&pair);
}

static void origin_that_dies_harms_nobody_else(void)
{
    struct hg_pair pair;
    struct hg_pair other;
    struct hg_pair_call calls[20];

    if (datagrams())
        support_suite_skip("nobody tells of a death there");
    for (unsigned int turns = 0; turns < 12; turns++) {
        wire_open(&pair);
        other = pair;
        open_side(&pair, &other.origin, "wire://other", false, 1);
        HG_PAIR_OK(HG_Addr_lookup2(other.origin.hg_class, "wire://target", &other.addr));
        fake_wire.rma_delay = 3;
        for (unsigned int i = 0; i < 20; i++) {
            struct hg_pair_blob in = {.size = i % 2 == 0 ? 200000 : 30000, .data = calloc(1, 200000)};

            hg_pair_call_begin(&pair, &calls[i], i % 3 == 0 ? HG_PAIR_HOLD : HG_PAIR_ECHO);
            hg_pair_call_forward(&calls[i], &in);
            free(in.data);
        }
        for (unsigned int i = 0; i < turns; i++)
            hg_pair_turn(&pair);
        fake_wire_kill("wire://origin");
        for (unsigned int i = 0; i < 10; i++)
            hg_pair_move(&other, 100, 100);
        while (hg_pair_answer(&pair))
            continue;
        hg_pair_move(&other, 100000, 100000);
        for (unsigned int i = 0; i < 20; i++)
            HG_PAIR_OK(HG_Destroy(calls[i].handle));
        hg_pair_close_origin(&pair);
        for (unsigned int i = 0; i < 20; i++)
            SUPPORT_CHECK(atomic_load(&calls[i].calls) == 1);
        hg_pair_close_origin(&other);
        wire_close(&pair);
    }
}

static void nobody_there_ends_calls_with_hostunreach(void)
{
    struct hg_pair_call call = {0};
    struct hg_pair pair;
    hg_addr_t nobody;

    wire_open(&pair);
    call.pair = &pair;
    HG_PAIR_OK(HG_Addr_lookup2(pair.origin.hg_class, "wire://nobody", &nobody));
    HG_PAIR_OK(HG_Create(pair.origin.contexts[0], nobody, pair.origin.ids[HG_PAIR_EMPTY], &call.handle));
    for (unsigned int i = 0; i < 5; i++) {
        hg_pair_call_forward(&call, NULL);
        HG_PAIR_RET(hg_pair_call_wait(&call), HG_HOSTUNREACH);
    }
    hg_pair_call_end(&call);
    HG_PAIR_OK(HG_Addr_free(pair.origin.hg_class, nobody));
    hg_pair_check_works(&pair);
    wire_close(&pair);
}

/* --- cancel and time ----------------------------------------------------------------------------- */

/* Memory that a peer still reads is never revoked, whenever the call is cancelled or times out. */
static void cancel_never_revokes_memory_that_is_being_read(void)
{
    static const uint64_t sizes[] = {10, 30000, 200000};
    struct hg_pair pair;

    wire_open(&pair);
    hg_pair_check_works(&pair);
    for (unsigned int delay = 0; delay < 6; delay += 5) {
        fake_wire.rma_delay = delay;
        for (unsigned int i = 0; i < 6; i++) {
            struct hg_pair_move_in in = {.out_size = sizes[i / 2], .blob = {.size = sizes[i % 3]}};

            in.blob.data = calloc(1, in.blob.size);
            hg_pair_fill(in.blob.data, in.blob.size, 0);
            for (unsigned int turns = 0; turns < 50; turns++) {
                struct hg_pair_call call;

                hg_pair_call_start(&pair, &call, HG_PAIR_MOVE, &in);
                hg_pair_alternate(&pair, turns);
                HG_PAIR_OK(HG_Cancel(call.handle));
                (void)hg_pair_call_finish_raced(&call);
            }
            free(in.blob.data);
            for (unsigned int turn = 0; turn < 100; turn++)
                hg_pair_turn(&pair);
            SUPPORT_CHECK(fake_wire.rma_bad == 0);
            SUPPORT_CHECK(fake_wire.mems == 0);
        }
    }
    SUPPORT_CHECK(hg_pair_counters(pair.origin.hg_class).bad_frames == 0);
    SUPPORT_CHECK(hg_pair_counters(pair.target.hg_class).bad_frames == 0);
    wire_close(&pair);
}

static void cancel_among_refusals_keeps_both_sides_in_step(void)
{
    enum { COUNT = 600 };
    static struct hg_pair_call calls[COUNT];
    struct util_prng prng;
    struct hg_pair pair;

    util_prng_init(&prng, support_seed());
    wire_open(&pair);
    fake_wire.refuse = 50;
    fake_wire.refuse_frames = 40;
    for (unsigned int i = 0; i < COUNT; i++) {
        struct hg_pair_blob in = {.size = util_prng_below(&prng, 40000)};

        in.data = calloc(1, in.size + 1);
        hg_pair_fill(in.data, in.size, in.size);
        hg_pair_call_begin(&pair, &calls[i], i % 4 == 0 ? HG_PAIR_QUIET : HG_PAIR_ECHO);
        hg_pair_call_forward(&calls[i], &in);
        free(in.data);
        if (util_prng_below(&prng, 3) == 0)
            hg_pair_turn(&pair);
        if (util_prng_below(&prng, 2) == 0)
            HG_PAIR_OK(HG_Cancel(calls[util_prng_below(&prng, i + 1)].handle));
    }
    for (unsigned int i = 0; i < COUNT; i++)
        (void)hg_pair_call_finish_raced(&calls[i]);
    SUPPORT_CHECK(atomic_load(&pair.bad_inputs) == 0);
    SUPPORT_CHECK(fake_wire.rma_bad == 0);
    fake_wire.refuse = 0;
    fake_wire.refuse_frames = 0;
    move_all_sizes(&pair);
    SUPPORT_CHECK(hg_pair_counters(pair.origin.hg_class).bad_frames == 0);
    SUPPORT_CHECK(hg_pair_counters(pair.target.hg_class).bad_frames == 0);
    SUPPORT_CHECK(hg_pair_counters(pair.target.hg_class).route_down == 0);
    wire_close(&pair);
}

static void timeouts_count_simulated_hours(void)
{
    struct hg_pair_blob in = {0};
    struct hg_pair_call calls[10];
    struct hg_pair pair;

    now_ns = UTIL_CLOCK_NS_PER_S;
    util_clock_replace(simulated_clock);
    wire_open(&pair);
    for (unsigned int i = 0; i < 10; i++) {
        hg_pair_call_begin(&pair, &calls[i], HG_PAIR_HOLD);
        HG_PAIR_OK(qs_handle_set_timeout(calls[i].handle, (i + 1) * UINT64_C(3600) * 1000000U));
        hg_pair_call_forward(&calls[i], &in);
    }
    for (unsigned int i = 0; i < 10; i++) {
        now_ns += UINT64_C(3600) * UTIL_CLOCK_NS_PER_S - UTIL_CLOCK_NS_PER_S;
        for (unsigned int turn = 0; turn < 5; turn++)
            hg_pair_turn(&pair);
        SUPPORT_CHECK(atomic_load(&calls[i].calls) == 0);
        now_ns += UTIL_CLOCK_NS_PER_S + UTIL_CLOCK_NS_PER_MS;
        for (unsigned int turn = 0; turn < 5; turn++)
            hg_pair_turn(&pair);
        SUPPORT_CHECK(atomic_load(&calls[i].calls) == 1);
        HG_PAIR_RET(calls[i].ret, HG_TIMEOUT);
        hg_pair_call_end(&calls[i]);
    }
    util_clock_replace(NULL);
    wire_close(&pair);
}

/* --- memory -------------------------------------------------------------------------------------- */

/* One call while the n-th allocation fails; true when none of that number was tried. */
static bool call_without_memory(uint64_t n, uint64_t size)
{
    struct hg_pair_blob in = {.size = size, .data = calloc(1, size + 1)};
    struct hg_pair_call call;
    struct hg_pair pair;
    bool over;

    hg_pair_fill(in.data, size, size);
    wire_open(&pair);
    memset(&call, 0, sizeof(call));
    call.pair = &pair;
    util_alloc_fail_at(n);
    if (HG_Create(pair.origin.contexts[0], pair.addr, pair.origin.ids[HG_PAIR_MOVE], &call.handle) == HG_SUCCESS) {
        if (HG_Reset(call.handle, pair.addr, pair.origin.ids[HG_PAIR_QUIET]) == HG_SUCCESS) {
            /* What a datagram network loses nobody tells. */
            HG_PAIR_OK(qs_handle_set_timeout(call.handle, 100000));
            if (HG_Forward(call.handle, hg_pair_call_cb, &call, &in) == HG_SUCCESS)
                (void)hg_pair_call_wait(&call);
        }
        hg_pair_settle(&pair);
        HG_PAIR_OK(HG_Destroy(call.handle));
    }
    over = util_alloc_count() < n;
    util_alloc_fail_at(0);
    hg_pair_check_works(&pair);
    wire_close(&pair);
    free(in.data);
    return over;
}

static void calls_survive_the_loss_of_any_allocation(void)
{
    static const uint64_t sizes[] = {10, 30000, 200000};

    for (unsigned int i = 0; i < 3; i++) {
        uint64_t n = 1;

        while (!call_without_memory(n, sizes[i]))
            n++;
        SUPPORT_CHECK(n > 3);
    }
}

static void opening_survives_the_loss_of_any_allocation(void)
{
    for (uint64_t n = 1;; n++) {
        hg_class_t *hg_class;
        bool over;

        util_alloc_fail_at(n);
        hg_class = HG_Init("wire://lonely", true);
        if (hg_class != NULL) {
            hg_context_t *context = HG_Context_create(hg_class);
            hg_addr_t addr = HG_ADDR_NULL;

            (void)!HG_Register_name(hg_class, "x", NULL, NULL, NULL);
            if (HG_Addr_lookup2(hg_class, "wire://other", &addr) == HG_SUCCESS)
                HG_PAIR_OK(HG_Addr_free(hg_class, addr));
            if (context != NULL)
                HG_PAIR_OK(HG_Context_destroy(context));
            HG_PAIR_OK(HG_Finalize(hg_class));
        }
        over = util_alloc_count() < n;
        util_alloc_fail_at(0);
        if (over)
            break;
        SUPPORT_CHECK(n < 1000);
    }
    fake_wire_reset(1);
}

static const struct support_case cases[] = {
    SUPPORT_CASE(calls_work_on_a_good_network),
    SUPPORT_CASE(many_calls_survive_refusals),
    SUPPORT_CASE(few_frames_and_slow_turns_are_enough),
    SUPPORT_CASE(frames_may_overtake_each_other),
    SUPPORT_CASE(lost_frames_end_calls_once),
    SUPPORT_CASE(doubled_frames_end_calls_once),
    SUPPORT_CASE(target_that_dies_ends_the_calls_and_its_successor_serves),
    SUPPORT_CASE(calls_of_a_session_that_the_target_gave_up_end),
    SUPPORT_CASE(origin_that_dies_harms_nobody_else),
    SUPPORT_CASE(nobody_there_ends_calls_with_hostunreach),
    SUPPORT_CASE(cancel_never_revokes_memory_that_is_being_read),
    SUPPORT_CASE(cancel_among_refusals_keeps_both_sides_in_step),
    SUPPORT_CASE(timeouts_count_simulated_hours),
    {"calls_survive_the_loss_of_any_allocation", calls_survive_the_loss_of_any_allocation, 60},
    SUPPORT_CASE(opening_survives_the_loss_of_any_allocation),
    {NULL, NULL, 0},
};

int main(int argc, char **argv)
{
    static const struct support_case *const tables[] = {cases, NULL};

    return support_suite_main(argc, argv, tables, wire_setup);
}
