/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * The memory behind bulk handles: of devices and of the host, looked at in place, bound to a context; and how long
 * handles, addresses and operation ids are good for.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "tests/contract/hg_contract.h"

/* --- kinds of memory --------------------------------------------------------------------------------- */

static hg_return_t create_on(hg_class_t *hg_class, hg_mem_type_t type, void *data, hg_size_t size, hg_bulk_t *bulk)
{
    const struct hg_bulk_attr attr = {.mem_type = type};

    return HG_Bulk_create_attr(hg_class, 1, &data, &size, HG_BULK_READWRITE, &attr, bulk);
}

/* None of these devices is here: whatever the class was opened for, there is a word and no handle. */
static void check_devices_are_refused(hg_class_t *hg_class)
{
    unsigned char data[64];
    hg_bulk_t bulk = HG_BULK_NULL;

    HG_Set_log_level("none");
    for (int type = HG_MEM_TYPE_CUDA; type < HG_MEM_TYPE_MAX; type++) {
        SUPPORT_CHECK(create_on(hg_class, (hg_mem_type_t)type, data, sizeof(data), &bulk) != HG_SUCCESS);
        SUPPORT_CHECK(bulk == HG_BULK_NULL && qs_error_detail()[0] != '\0');
    }
    HG_PAIR_RET(create_on(hg_class, HG_MEM_TYPE_MAX, data, sizeof(data), &bulk), HG_INVALID_ARG);
    SUPPORT_CHECK(strstr(qs_error_detail(), "memory type 4") != NULL);
    HG_Set_log_level("error");
}

static void device_memory_is_refused_where_the_class_was_not_opened_for_it(void)
{
    unsigned char data[64];
    hg_bulk_t bulk = HG_BULK_NULL;
    struct hg_pair pair;

    hg_pair_open(&pair, NULL);
    check_devices_are_refused(pair.origin.hg_class);
    HG_Set_log_level("none");
    HG_PAIR_RET(create_on(pair.origin.hg_class, HG_MEM_TYPE_CUDA, data, sizeof(data), &bulk), HG_OPNOTSUPPORTED);
    SUPPORT_CHECK(strstr(qs_error_detail(), "device memory") != NULL);
    HG_Set_log_level("error");
    hg_pair_check_works(&pair);
    hg_pair_close(&pair);
}

static hg_return_t answer_when_pulled(const struct hg_cb_info *info)
{
    void *data = NULL;
    hg_size_t size = 0;
    uint32_t count = 0;
    uint32_t good;

    HG_PAIR_OK(info->ret);
    HG_PAIR_OK(HG_Bulk_access(info->info.bulk.local_handle, 0, info->info.bulk.size, HG_BULK_READWRITE, 1, &data, &size,
                              &count));
    good = count == 1 && size == info->info.bulk.size && hg_pair_is_filled(data, size, 3);
    HG_PAIR_OK(HG_Respond(info->arg, NULL, NULL, &good));
    return HG_Destroy(info->arg);
}

static hg_return_t pull_and_answer(hg_handle_t handle)
{
    HG_PAIR_OK(hg_pair_pull(handle, answer_when_pulled, false));
    return HG_SUCCESS;
}

/* A call whose handler pulls all of the memory, which is filled with seed 3, and checks it. */
static void pull_call(struct hg_pair *pair, hg_bulk_t bulk)
{
    hg_id_t id =
        HG_Register_name(pair->target.hg_class, "pull it", hg_proc_hg_bulk_t, hg_proc_uint32_t, pull_and_answer);
    struct hg_pair_call call;
    uint32_t good = 0;

    SUPPORT_CHECK(id == HG_Register_name(pair->origin.hg_class, "pull it", hg_proc_hg_bulk_t, hg_proc_uint32_t, NULL));
    hg_pair_call_start_id(pair, &call, id, &bulk);
    HG_PAIR_OK(hg_pair_call_wait(&call));
    HG_PAIR_OK(HG_Get_output(call.handle, &good));
    SUPPORT_CHECK(good == 1);
    HG_PAIR_OK(HG_Free_output(call.handle, &good));
    hg_pair_call_end(&call);
}

static void check_host_memory_moves(struct hg_pair *pair)
{
    static unsigned char data[70000];
    void *base = data;
    hg_size_t size = sizeof(data);
    hg_bulk_t bulk;

    hg_pair_fill(data, size, 3);
    HG_PAIR_OK(create_on(pair->origin.hg_class, HG_MEM_TYPE_HOST, data, size, &bulk));
    pull_call(pair, bulk);
    HG_PAIR_OK(HG_Bulk_free(bulk));
    HG_PAIR_OK(HG_Bulk_create_attr(pair->origin.hg_class, 1, &base, &size, HG_BULK_READ_ONLY, NULL, &bulk));
    pull_call(pair, bulk);
    HG_PAIR_OK(HG_Bulk_free(bulk));
}

static void attributes_of_host_memory_change_nothing(void)
{
    struct hg_pair pair;

    hg_pair_open(&pair, NULL);
    check_host_memory_moves(&pair);
    hg_pair_close(&pair);
}

/* The way that device memory goes through the library, with memory that is here. */
static void class_that_was_opened_for_devices_moves_host_memory(void)
{
    struct hg_init_info init = HG_INIT_INFO_INITIALIZER;
    struct hg_pair pair;
    hg_class_t *hg_class;

    HG_PAIR_OK(HG_Finalize(hg_pair_init(true, NULL))); /* skips where the provider is missing */
    init.na_init_info.request_mem_device = true;
    HG_Set_log_level("none");
    hg_class = hg_pair_try_init(hg_pair_uri(), true, &init);
    HG_Set_log_level("error");
    if (hg_class == NULL)
        support_suite_skip(qs_error_detail());
    HG_PAIR_OK(HG_Finalize(hg_class));
    hg_pair_open(&pair, &(struct hg_pair_options){.init = &init});
    check_host_memory_moves(&pair);
    check_devices_are_refused(pair.origin.hg_class);
    hg_pair_close(&pair);
}

/* --- looking at memory in place ------------------------------------------------------------------------ */

static void access_sets_its_count_also_when_it_is_asked_for_nothing(void)
{
    unsigned char data[2][100];
    void *bases[2] = {data[0], data[1]};
    hg_size_t sizes[2] = {100, 100};
    void *ptrs[2];
    hg_size_t got[2];
    uint32_t count = 77;
    struct hg_pair pair;
    hg_bulk_t bulk;

    hg_pair_open(&pair, NULL);
    HG_PAIR_OK(HG_Bulk_create(pair.origin.hg_class, 2, bases, sizes, HG_BULK_READ_ONLY, &bulk));
    HG_PAIR_OK(HG_Bulk_access(bulk, 50, 0, HG_BULK_READ_ONLY, 2, ptrs, got, &count));
    SUPPORT_CHECK(count == 0);
    count = 77;
    HG_PAIR_OK(HG_Bulk_access(bulk, 50, 100, HG_BULK_READ_ONLY, 0, ptrs, got, &count));
    SUPPORT_CHECK(count == 0);
    /* The places are all optional, and the flags bind peers only. */
    HG_PAIR_OK(HG_Bulk_access(bulk, 50, 100, HG_BULK_WRITE_ONLY, 2, NULL, NULL, &count));
    SUPPORT_CHECK(count == 2);
    HG_PAIR_OK(HG_Bulk_access(bulk, 50, 100, 0, 1, ptrs, got, NULL));
    SUPPORT_CHECK(ptrs[0] == data[0] + 50 && got[0] == 50);
    HG_PAIR_RET(HG_Bulk_access(bulk, 200, 1, HG_BULK_READ_ONLY, 2, ptrs, got, &count), HG_INVALID_ARG);
    HG_PAIR_RET(HG_Bulk_access(bulk, 2, UINT64_MAX - 1, HG_BULK_READ_ONLY, 2, ptrs, got, &count), HG_INVALID_ARG);
    HG_PAIR_RET(HG_Bulk_access(HG_BULK_NULL, 0, 0, 0, 2, ptrs, got, &count), HG_INVALID_ARG);
    HG_PAIR_OK(HG_Bulk_free(bulk));
    hg_pair_close(&pair);
}

/* --- how long things are good for ----------------------------------------------------------------------- */

static hg_bulk_t kept_bulk;
static hg_handle_t kept_handle;

/* Keeps the decoded handle beyond HG_Free_input by a reference of its own. */
static hg_return_t keep_decoded(hg_handle_t handle)
{
    hg_bulk_t bulk = HG_BULK_NULL;

    HG_PAIR_OK(HG_Get_input(handle, &bulk));
    HG_PAIR_OK(HG_Bulk_ref_incr(bulk));
    kept_bulk = bulk;
    HG_PAIR_OK(HG_Free_input(handle, &bulk));
    SUPPORT_CHECK(bulk == HG_BULK_NULL);
    kept_handle = handle;
    return HG_SUCCESS;
}

static hg_return_t count_transfer(const struct hg_cb_info *info)
{
    HG_PAIR_OK(info->ret);
    atomic_fetch_add((atomic_uint *)info->arg, 1);
    return HG_SUCCESS;
}

/* Sends the descriptor of a handle to the target, which keeps it. */
static void send_to_keep(struct hg_pair *pair, struct hg_pair_call *call, hg_bulk_t bulk)
{
    hg_id_t id = hg_pair_register_both(pair, "keep it", hg_proc_hg_bulk_t, NULL, keep_decoded);

    kept_handle = HG_HANDLE_NULL;
    hg_pair_call_start_id(pair, call, id, &bulk);
    HG_PAIR_UNTIL(pair, kept_handle != HG_HANDLE_NULL);
}

static hg_bulk_t bulk_over(hg_class_t *hg_class, unsigned char *data, hg_size_t size)
{
    void *base = data;
    hg_bulk_t bulk;

    HG_PAIR_OK(HG_Bulk_create(hg_class, 1, &base, &size, HG_BULK_READWRITE, &bulk));
    return bulk;
}

/* Its own reference keeps a decoded handle; the transfer keeps it and the address. */
static void all_but_the_memory_may_be_freed_right_after_the_submit(void)
{
    static unsigned char theirs[200000];
    static unsigned char ours[200000];
    atomic_uint transfers = 0;
    struct hg_pair_call call;
    struct hg_pair pair;
    hg_class_t *hg_class;
    hg_bulk_t origin;
    hg_bulk_t local;
    hg_addr_t addr;

    hg_pair_open(&pair, NULL);
    hg_class = pair.target.hg_class;
    hg_pair_fill(theirs, sizeof(theirs), 9);
    origin = bulk_over(pair.origin.hg_class, theirs, sizeof(theirs));
    local = bulk_over(hg_class, ours, sizeof(ours));
    send_to_keep(&pair, &call, origin);
    HG_PAIR_OK(HG_Addr_dup(hg_class, HG_Get_info(kept_handle)->addr, &addr));
    HG_PAIR_OK(HG_Bulk_transfer(pair.target.contexts[0], count_transfer, &transfers, HG_BULK_PULL, addr, kept_bulk, 0,
                                local, 0, sizeof(ours), HG_OP_ID_IGNORE));
    HG_PAIR_OK(HG_Addr_free(hg_class, addr));
    HG_PAIR_OK(HG_Bulk_free(kept_bulk));
    HG_PAIR_OK(HG_Bulk_free(local));
    HG_PAIR_UNTIL(&pair, atomic_load(&transfers) == 1);
    SUPPORT_CHECK(hg_pair_is_filled(ours, sizeof(ours), 9));
    HG_PAIR_OK(HG_Respond(kept_handle, NULL, NULL, NULL));
    HG_PAIR_OK(HG_Destroy(kept_handle));
    HG_PAIR_FINISH(&call, HG_SUCCESS);
    HG_PAIR_OK(HG_Bulk_free(origin));
    hg_pair_close(&pair); /* which fails while a handle or an address is left */
}

static void bound_handle_names_its_context_and_leads_there(void)
{
    static unsigned char theirs[100000];
    static unsigned char ours[100000];
    atomic_uint transfers = 0;
    struct hg_pair_call call;
    struct hg_pair pair;
    hg_bulk_t origin;
    hg_bulk_t local;

    hg_pair_open(&pair, &(struct hg_pair_options){.origin_listens = true, .origin_contexts = 2});
    hg_pair_fill(theirs, sizeof(theirs), 5);
    origin = bulk_over(pair.origin.hg_class, theirs, sizeof(theirs));
    local = bulk_over(pair.target.hg_class, ours, sizeof(ours));
    HG_PAIR_OK(HG_Bulk_bind(origin, pair.origin.contexts[1]));
    SUPPORT_CHECK(HG_Bulk_get_context_id(origin) == 1 && HG_Bulk_get_addr(origin) != HG_ADDR_NULL);
    send_to_keep(&pair, &call, origin);
    SUPPORT_CHECK(HG_Bulk_get_context_id(kept_bulk) == 1);
    SUPPORT_CHECK(HG_Addr_cmp(pair.target.hg_class, HG_Bulk_get_addr(kept_bulk), HG_Get_info(kept_handle)->addr));
    HG_PAIR_OK(HG_Bulk_bind_transfer(pair.target.contexts[0], count_transfer, &transfers, HG_BULK_PULL, kept_bulk, 0,
                                     local, 0, sizeof(ours), HG_OP_ID_IGNORE));
    HG_PAIR_UNTIL(&pair, atomic_load(&transfers) == 1);
    SUPPORT_CHECK(hg_pair_is_filled(ours, sizeof(ours), 5));
    HG_PAIR_OK(HG_Bulk_free(kept_bulk));
    HG_PAIR_OK(HG_Respond(kept_handle, NULL, NULL, NULL));
    HG_PAIR_OK(HG_Destroy(kept_handle));
    HG_PAIR_FINISH(&call, HG_SUCCESS);
    HG_PAIR_OK(HG_Bulk_free(origin));
    HG_PAIR_OK(HG_Bulk_free(local));
    hg_pair_close(&pair);
}

/* What one transfer's callback looks at: the place that the submit was given. */
struct id_slot {
    hg_op_id_t op_id;
    atomic_uint done;
};

static hg_return_t id_is_there(const struct hg_cb_info *info)
{
    struct id_slot *slot = info->arg;

    SUPPORT_CHECK(slot->op_id != HG_OP_ID_NULL);
    atomic_fetch_add(&slot->done, 1);
    return HG_SUCCESS;
}

/* Another thread triggers while transfers, which end at once, are submitted. */
static void operation_id_is_known_before_its_callback_can_run(void)
{
    enum { COUNT = 2000 };
    static struct id_slot slots[COUNT];
    unsigned char data[2][16] = {{1}, {2}};
    struct hg_pair pair;
    hg_addr_t self;
    hg_bulk_t from;
    hg_bulk_t to;

    hg_pair_open(&pair, &(struct hg_pair_options){.threaded = true});
    HG_PAIR_OK(HG_Addr_self(pair.target.hg_class, &self));
    from = bulk_over(pair.target.hg_class, data[0], sizeof(data[0]));
    to = bulk_over(pair.target.hg_class, data[1], sizeof(data[1]));
    for (unsigned int i = 0; i < COUNT; i++)
        HG_PAIR_OK(HG_Bulk_transfer(pair.target.contexts[0], id_is_there, &slots[i], HG_BULK_PULL, self, from, 0, to, 0,
                                    sizeof(data[0]), &slots[i].op_id));
    for (unsigned int i = 0; i < COUNT; i++) {
        HG_PAIR_UNTIL(&pair, atomic_load(&slots[i].done) == 1);
        HG_PAIR_OK(HG_Bulk_cancel(slots[i].op_id)); /* long over: it hits nobody */
    }
    HG_PAIR_OK(HG_Addr_free(pair.target.hg_class, self));
    HG_PAIR_OK(HG_Bulk_free(from));
    HG_PAIR_OK(HG_Bulk_free(to));
    hg_pair_close(&pair);
}

const struct support_case hg_memory_cases[] = {
    SUPPORT_CASE(device_memory_is_refused_where_the_class_was_not_opened_for_it),
    SUPPORT_CASE(attributes_of_host_memory_change_nothing),
    SUPPORT_CASE(class_that_was_opened_for_devices_moves_host_memory),
    SUPPORT_CASE(access_sets_its_count_also_when_it_is_asked_for_nothing),
    SUPPORT_CASE(all_but_the_memory_may_be_freed_right_after_the_submit),
    SUPPORT_CASE(bound_handle_names_its_context_and_leads_there),
    SUPPORT_CASE(operation_id_is_known_before_its_callback_can_run),
    {NULL, NULL, 0},
};
