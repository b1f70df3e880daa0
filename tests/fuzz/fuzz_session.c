/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Fuzz target: any bytes as the doings of a hostile peer. They become a sequence of frames into a class that
 * serves, and that itself calls the hostile peer; between them both sides take turns. Nothing may crash or be left
 * behind, and each call ends once.
 *
 * Each step is an opcode byte and what it needs. A frame's header and hello are made right, and then one field
 * may be overwritten; its body is made of messages whose fields come from the input, or of raw bytes.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/fuzz_hostile.h"
#include "tests/support/fake_alloc.h"
#include "tests/support/fake_wire.h"
#include "tests/support/hg_pair.h"
#include "util/util_clock.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct fuzz_hostile hostile;

/* The victim: one class with one context, in the target's place of the pair. */
static struct hg_pair victim;
static hg_addr_t raw_addr;

enum { CALLS = 4 };
static struct hg_pair_call calls[CALLS];

static uint64_t now_ns;

static uint64_t fuzz_clock(void)
{
    return now_ns;
}

static void turn(unsigned int count)
{
    for (unsigned int i = 0; i < count; i++) {
        (void)na_progress(hostile.context);
        (void)HG_Event_progress(victim.target.contexts[0], NULL);
        (void)HG_Trigger(victim.target.contexts[0], 0, 64, NULL);
        now_ns += 1000;
    }
}

static void dial(void)
{
    fuzz_hostile_connect(&hostile, &hostile.ends[0]);
    SUPPORT_CHECK(hostile.ends[0].route != NULL);
    turn(3);
}

/* --- the victim's own calls ---------------------------------------------------------------------- */

static void fuzz_call(struct fuzz_input *input)
{
    struct hg_pair_call *call = &calls[fuzz_take(input) % CALLS];
    struct hg_pair_blob in = {.size = fuzz_take_number(input) % 100000};

    if (call->handle == HG_HANDLE_NULL) {
        call->pair = &victim;
        atomic_store(&call->calls, 0);
        HG_PAIR_OK(HG_Create(victim.target.contexts[0], raw_addr,
                             victim.target.ids[fuzz_take(input) % 2 == 0 ? HG_PAIR_ECHO : HG_PAIR_QUIET],
                             &call->handle));
        HG_PAIR_OK(qs_handle_set_timeout(call->handle, 1000 + fuzz_take_number(input) % 100000));
        in.data = calloc(1, in.size + 1);
        hg_pair_call_forward(call, &in);
        free(in.data);
    } else if (fuzz_take(input) % 2 == 0) {
        HG_PAIR_OK(HG_Cancel(call->handle));
    } else if (atomic_load(&call->calls) == 1) {
        hg_pair_call_end(call);
    }
}

/* Hostile inputs may not decode, so handles are given up without looking at them. */
static void release_held(void)
{
    hg_handle_t handle;

    while ((handle = hg_pair_take_held(&victim)) != HG_HANDLE_NULL)
        HG_PAIR_OK(HG_Destroy(handle));
}

static void fuzz_open(unsigned int options)
{
    struct hg_init_info init = HG_INIT_INFO_INITIALIZER;

    fake_wire_reset(1);
    fake_wire.no_connections = (options & 1) != 0;
    fake_wire.rma_delay = (options >> 1) & 3;
    HG_Set_log_level("none");
    util_clock_replace(fuzz_clock);
    now_ns = UTIL_CLOCK_NS_PER_S;
    memset(&victim, 0, sizeof(victim));
    (void)pthread_mutex_init(&victim.lock, NULL);
    init.na_init_info.thread_mode = NA_THREAD_MODE_SINGLE;
    victim.target.hg_class = HG_Init_opt2("wire://victim", true, HG_VERSION(HG_VERSION_MAJOR, HG_VERSION_MINOR), &init);
    SUPPORT_CHECK(victim.target.hg_class != NULL);
    victim.target.contexts[0] = HG_Context_create(victim.target.hg_class);
    victim.target.context_count = 1;
    hg_pair_register(&victim, &victim.target);
    HG_PAIR_OK(HG_Addr_lookup2(victim.target.hg_class, "wire://raw", &raw_addr));
    hostile = (struct fuzz_hostile){
        .address = "wire://raw",
        .datagrams = fake_wire.no_connections,
        .ids = victim.target.ids,
        .id_count = HG_PAIR_RPCS,
        .ends = {{.victim = "wire://victim", .host = ""}},
    };
    fuzz_hostile_open(&hostile);
    dial();
}

static void fuzz_close(void)
{
    now_ns += UTIL_CLOCK_NS_PER_S;
    turn(10);
    for (unsigned int i = 0; i < CALLS; i++) {
        if (calls[i].handle == HG_HANDLE_NULL)
            continue;
        SUPPORT_CHECK(atomic_load(&calls[i].calls) == 1);
        hg_pair_call_end(&calls[i]);
    }
    fuzz_hostile_close(&hostile);
    for (unsigned int i = 0; i < 10; i++)
        (void)hg_pair_step_target(&victim);
    release_held();
    HG_PAIR_OK(HG_Addr_free(victim.target.hg_class, raw_addr));
    hg_pair_close_target(&victim);
    (void)pthread_mutex_destroy(&victim.lock);
    util_clock_replace(NULL);
    SUPPORT_CHECK(fake_wire.routes == 0 && fake_wire.frames_out == 0 && fake_wire.mems == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = {.data = data, .size = size};
    uint64_t live = fake_alloc_live();
    unsigned int steps = 0;

    fuzz_open(fuzz_take(&input));
    while (input.size > 0 && steps++ < 200) {
        switch (fuzz_take(&input) % 8) {
        case 0:
            turn(1);
            break;
        case 1:
            dial();
            break;
        case 2:
            fuzz_call(&input);
            break;
        case 3:
            release_held();
            break;
        case 4:
            now_ns += fuzz_take_number(&input) % 1000000 * 1000;
            break;
        default:
            fuzz_hostile_frame(&hostile, &hostile.ends[0], &input);
            turn(2);
            break;
        }
    }
    fuzz_close();
    SUPPORT_CHECK(fake_alloc_live() == live);
    return 0;
}
