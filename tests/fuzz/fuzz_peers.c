/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Fuzz target: any bytes as the doings of a hostile peer on a network, on the libfabric in memory and its clock. A target and
 * an origin speak with each other, and with the hostile peer: it sends them frames of its own making or plain bytes, connects,
 * disconnects, knocks with whatever as its introduction, breaks connections; they call it, give calls up, and call each
 * other; time passes. Each call ends once. At the end honest calls work, nothing is left, and the library has never taken
 * more memory than the input can answer for.
 *
 * Each step is an opcode byte and what it needs.
 */
#include <rdma/fabric.h>
#include <rdma/fi_cm.h>
#include <rdma/fi_endpoint.h>
#include <rdma/fi_eq.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/fuzz_hostile.h"
#include "tests/fuzz/fuzz_memory.h"
#include "tests/support/fake_fi.h"
#include "tests/support/fake_fi_net.h"
#include "tests/support/hg_pair.h"
#include "util/util_clock.h"
#include "util/util_hook.h"
#include "util/util_mutant.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What the library of the simulation has, and is not used here. */
enum util_mutant util_mutant_on;
void (*util_hook)(enum util_hook_place place, const void *object);

enum {
    SEED = 3,
    STEPS_MAX = 200,
    CALLS = 6,
    TARGET = 0, /* nodes, and the hostile peer's ends */
    ORIGIN = 1,
    NODES = 3,
    HONEST_TRIES = 8,
    SETTLE_TURNS = 200,
};
#define TURN_NS      (20 * UTIL_CLOCK_NS_PER_US)
#define HONEST_US    UINT64_C(1000000)
#define MEMORY_FIXED UINT64_C(0x4000000) /* what steps, frames and sessions take, however small the input */

static struct fuzz_hostile hostile;
static struct hg_pair pair;
static hg_addr_t hostile_addrs[2]; /* as the target and the origin know it */
static struct hg_pair_call calls[CALLS];
static struct fid_fabric *knock_fabric;
static struct fid_domain *knock_domain;
static struct fid_eq *knock_eq;

static const char *const connection_addresses[NODES] = {"tcp://10.0.0.1:5000", "tcp://10.0.0.2:5000",
                                                        "tcp://10.0.0.3:5000"};
static const char *const datagram_addresses[NODES] = {
    FAKE_FI_DATAGRAM "://10.0.0.1:5000", FAKE_FI_DATAGRAM "://10.0.0.2:5000", FAKE_FI_DATAGRAM "://10.0.0.3:5000"};
static const char *const *addresses;

/* --- turns ------------------------------------------------------------------------------------------- */

static void side_turn(struct hg_side *side)
{
    hg_return_t ret = HG_Progress(side->contexts[0], 0);

    SUPPORT_CHECK(ret == HG_SUCCESS || ret == HG_TIMEOUT);
    (void)HG_Trigger(side->contexts[0], 0, 64, NULL);
}

static void turn(unsigned int count)
{
    for (unsigned int i = 0; i < count; i++) {
        (void)na_progress(hostile.context);
        side_turn(&pair.target);
        side_turn(&pair.origin);
        (void)fake_fi_advance(fake_fi_now_ns() + TURN_NS);
    }
}

/* --- knocking: connect requests that na/ofi would not make ------------------------------------------ */

static void knock_open(void)
{
    struct fi_info *info = fake_info_new();
    struct fi_eq_attr attr = {.wait_obj = FI_WAIT_NONE};
    char name[] = "10.0.0.4";

    info->ep_attr->type = FI_EP_MSG;
    info->fabric_attr->name = strdup(name);
    SUPPORT_CHECK(fi_fabric(info->fabric_attr, &knock_fabric, NULL) == 0);
    SUPPORT_CHECK(fi_domain(knock_fabric, info, &knock_domain, NULL) == 0);
    SUPPORT_CHECK(fi_eq_open(knock_fabric, &attr, &knock_eq, NULL) == 0);
    fi_freeinfo(info);
}

static void knock(struct fuzz_input *input)
{
    struct fi_info *info = fake_info_new();
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(5000)};
    unsigned char bytes[FAKE_PRIVATE_MAX];
    size_t size = fuzz_take(input) % sizeof(bytes);
    struct fid_ep *ep;

    to.sin_addr.s_addr = htonl(UINT32_C(0x0a000001) + fuzz_take(input) % 2);
    for (size_t i = 0; i < size; i++)
        bytes[i] = (unsigned char)fuzz_take(input);
    info->ep_attr->type = FI_EP_MSG;
    SUPPORT_CHECK(fi_endpoint(knock_domain, info, &ep, NULL) == 0);
    SUPPORT_CHECK(fi_ep_bind(ep, &knock_eq->fid, 0) == 0);
    (void)fi_connect(ep, &to, bytes, size);
    turn(1 + fuzz_take(input) % 8);
    (void)fi_close(&ep->fid);
    fi_freeinfo(info);
}

static void knock_close(void)
{
    (void)fi_close(&knock_eq->fid);
    (void)fi_close(&knock_domain->fid);
    (void)fi_close(&knock_fabric->fid);
}

/* --- calls -------------------------------------------------------------------------------------------- */

/* To the hostile peer, or among the honest. */
static void call_start(struct hg_pair_call *call, struct fuzz_input *input)
{
    unsigned int kind = fuzz_take(input);
    struct hg_side *side = (kind & 1) != 0 ? &pair.target : &pair.origin;
    struct hg_pair_blob in = {.size = fuzz_take_number(input) % 100000};
    hg_addr_t to = hostile_addrs[(kind & 1) != 0 ? TARGET : ORIGIN];
    enum hg_pair_rpc rpc = (kind & 4) != 0 ? HG_PAIR_QUIET : (kind & 8) != 0 ? HG_PAIR_HOLD : HG_PAIR_ECHO;

    if ((kind & 3) == 2)
        to = pair.addr;
    call->pair = &pair;
    atomic_store(&call->calls, 0);
    HG_PAIR_OK(HG_Create(side->contexts[0], to, side->ids[rpc], &call->handle));
    HG_PAIR_OK(qs_handle_set_timeout(call->handle, 1000 + fuzz_take_number(input) % 100000));
    in.data = calloc(1, in.size + 1);
    SUPPORT_CHECK(in.data != NULL);
    hg_pair_call_forward(call, &in);
    free(in.data);
}

static void call_step(struct fuzz_input *input)
{
    struct hg_pair_call *call = &calls[fuzz_take(input) % CALLS];

    if (call->handle == HG_HANDLE_NULL)
        call_start(call, input);
    else if (fuzz_take(input) % 2 == 0)
        HG_PAIR_OK(HG_Cancel(call->handle));
    else if (atomic_load(&call->calls) == 1)
        hg_pair_call_end(call);
}

/* Hostile inputs may not decode, so handles are given up without looking at them. */
static void release_held(void)
{
    hg_handle_t handle;

    while ((handle = hg_pair_take_held(&pair)) != HG_HANDLE_NULL)
        HG_PAIR_OK(HG_Destroy(handle));
}

/* One honest call of that size: whether it went well. */
static bool honest_call(uint64_t size)
{
    struct hg_pair_blob in = {.size = size, .data = calloc(1, size + 1)};
    struct hg_pair_call call;
    hg_return_t ret;

    SUPPORT_CHECK(in.data != NULL);
    hg_pair_call_begin(&pair, &call, HG_PAIR_ECHO);
    call.read_blob = true;
    HG_PAIR_OK(qs_handle_set_timeout(call.handle, HONEST_US));
    hg_pair_call_forward(&call, &in);
    while (atomic_load(&call.calls) == 0)
        turn(1);
    ret = call.ret;
    if (ret == HG_SUCCESS)
        SUPPORT_CHECK(call.read_ret == HG_SUCCESS && call.out.size == size &&
                      memcmp(call.out.data, in.data, size) == 0);
    hg_pair_call_end(&call);
    free(in.data);
    return ret == HG_SUCCESS;
}

/* What the hostile peer has broken may end a call or two, and no more. */
static void check_honest(uint64_t size)
{
    unsigned int tries = 1;

    while (!honest_call(size))
        SUPPORT_CHECK(++tries <= HONEST_TRIES);
}

/* --- life ---------------------------------------------------------------------------------------------- */

static hg_return_t pulled(const struct hg_cb_info *info)
{
    (void)HG_Respond(info->arg, NULL, NULL, NULL);
    return HG_Destroy(info->arg);
}

/* Pulls a little from whatever memory the input names. */
static hg_return_t serve_pull(hg_handle_t handle)
{
    const struct hg_info *info = HG_Get_info(handle);
    hg_bulk_t origin = HG_BULK_NULL;
    hg_bulk_t local = HG_BULK_NULL;
    hg_size_t size = 100;
    hg_return_t ret;

    if (HG_Get_input(handle, &origin) != HG_SUCCESS)
        return HG_Destroy(handle);
    HG_PAIR_OK(HG_Bulk_create(info->hg_class, 1, NULL, &size, HG_BULK_READWRITE, &local));
    ret = HG_Bulk_transfer(info->context, pulled, handle, HG_BULK_PULL, info->addr, origin, 0, local, 0, size,
                           HG_OP_ID_IGNORE);
    HG_PAIR_OK(HG_Bulk_free(local));
    HG_PAIR_OK(HG_Free_input(handle, &origin));
    return ret == HG_SUCCESS ? HG_SUCCESS : HG_Destroy(handle);
}

static void side_open(struct hg_side *side, const char *uri)
{
    struct hg_init_info init = HG_INIT_INFO_INITIALIZER;

    init.na_init_info.thread_mode = NA_THREAD_MODE_SINGLE;
    init.na_init_info.progress_mode = NA_NO_BLOCK;
    side->hg_class = HG_Init_opt2(uri, true, HG_VERSION(HG_VERSION_MAJOR, HG_VERSION_MINOR), &init);
    SUPPORT_CHECK(side->hg_class != NULL);
    side->contexts[0] = HG_Context_create(side->hg_class);
    side->context_count = 1;
    hg_pair_register(&pair, side);
}

static void network_begin(unsigned int options)
{
    fake_fi_begin(SEED);
    fake_fi_set_idle_ns(UTIL_CLOCK_NS_PER_US);
    for (unsigned int i = 0; i < NODES + 1; i++)
        for (unsigned int j = 0; j < NODES + 1; j++)
            fake_fi_link(i, j)->delay_ns = 5 * UTIL_CLOCK_NS_PER_US * (1 + (options >> 1 & 3));
    addresses = (options & 1) != 0 ? datagram_addresses : connection_addresses;
}

static void hostile_begin(unsigned int options)
{
    static hg_id_t ids[HG_PAIR_RPCS + 1];

    memcpy(ids, pair.target.ids, sizeof(pair.target.ids));
    ids[HG_PAIR_RPCS] = hg_pair_register_both(&pair, "pull", hg_proc_hg_bulk_t, NULL, serve_pull);
    hostile = (struct fuzz_hostile){
        .address = addresses[2],
        .datagrams = (options & 1) != 0,
        .ids = ids,
        .id_count = HG_PAIR_RPCS + 1,
        .ends = {{.victim = addresses[TARGET], .host = "10.0.0.1"}, {.victim = addresses[ORIGIN], .host = "10.0.0.2"}},
    };
    fuzz_hostile_open(&hostile);
    fuzz_hostile_connect(&hostile, &hostile.ends[TARGET]);
    fuzz_hostile_connect(&hostile, &hostile.ends[ORIGIN]);
}

static void all_open(unsigned int options)
{
    network_begin(options);
    HG_Set_log_level("none");
    memset(&pair, 0, sizeof(pair));
    memset(calls, 0, sizeof(calls));
    (void)pthread_mutex_init(&pair.lock, NULL);
    side_open(&pair.target, addresses[TARGET]);
    side_open(&pair.origin, addresses[ORIGIN]);
    HG_PAIR_OK(HG_Addr_lookup2(pair.origin.hg_class, addresses[TARGET], &pair.addr));
    HG_PAIR_OK(HG_Addr_lookup2(pair.target.hg_class, addresses[2], &hostile_addrs[TARGET]));
    HG_PAIR_OK(HG_Addr_lookup2(pair.origin.hg_class, addresses[2], &hostile_addrs[ORIGIN]));
    hostile_begin(options);
    knock_open();
    SUPPORT_CHECK(honest_call(100));
}

static void calls_close(void)
{
    (void)fake_fi_advance(fake_fi_now_ns() + UTIL_CLOCK_NS_PER_S);
    turn(SETTLE_TURNS);
    for (unsigned int i = 0; i < CALLS; i++) {
        if (calls[i].handle == HG_HANDLE_NULL)
            continue;
        SUPPORT_CHECK(atomic_load(&calls[i].calls) == 1);
        hg_pair_call_end(&calls[i]);
    }
}

static void all_close(void)
{
    struct fake_fi_counts counts;

    fuzz_hostile_close(&hostile);
    knock_close();
    for (unsigned int i = 0; i < SETTLE_TURNS; i++) {
        side_turn(&pair.target);
        side_turn(&pair.origin);
        (void)fake_fi_advance(fake_fi_now_ns() + UTIL_CLOCK_NS_PER_MS);
    }
    release_held();
    HG_PAIR_OK(HG_Addr_free(pair.target.hg_class, hostile_addrs[TARGET]));
    HG_PAIR_OK(HG_Addr_free(pair.origin.hg_class, hostile_addrs[ORIGIN]));
    hg_pair_close_origin(&pair);
    hg_pair_close_target(&pair);
    (void)pthread_mutex_destroy(&pair.lock);
    counts = fake_fi_counts();
    fake_fi_end();
    SUPPORT_CHECK(counts.misuses == 0);
    SUPPORT_CHECK(counts.fabrics + counts.domains + counts.queues + counts.endpoints + counts.registrations +
                      counts.addresses + counts.infos ==
                  0);
}

/* --- the input ------------------------------------------------------------------------------------------- */

static void step(struct fuzz_input *input)
{
    unsigned int code = fuzz_take(input);
    struct fuzz_end *end = &hostile.ends[code >> 7];

    switch (code % 12) {
    case 0:
        turn(1);
        break;
    case 1:
        fuzz_hostile_connect(&hostile, end);
        turn(fuzz_take(input) % 4);
        break;
    case 2:
    case 3:
        call_step(input);
        break;
    case 4:
        release_held();
        break;
    case 5:
        (void)fake_fi_advance(fake_fi_now_ns() + fuzz_take_number(input) % 1000000 * 1000);
        turn(2);
        break;
    case 6:
        fuzz_hostile_bytes(&hostile, end, input);
        turn(fuzz_take(input) % 4);
        break;
    case 7:
        if (!hostile.datagrams)
            knock(input);
        break;
    case 8:
        fuzz_hostile_disconnect(end);
        if ((code & 16) != 0)
            (void)fake_fi_reset_connection((code & 32) != 0);
        break;
    default:
        fuzz_hostile_frame(&hostile, end, input);
        turn(fuzz_take(input) % 4);
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = {.data = data, .size = size};
    uint64_t live = fake_alloc_live();
    uint64_t before;

    all_open(fuzz_take(&input));
    before = fuzz_memory_begin();
    for (unsigned int i = 0; i < STEPS_MAX && input.size > 0; i++)
        step(&input);
    fuzz_memory_check(before, size, MEMORY_FIXED);
    calls_close();
    check_honest(100);
    check_honest(30000);
    all_close();
    SUPPORT_CHECK(fake_alloc_live() == live);
    return 0;
}
