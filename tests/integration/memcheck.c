/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * The life of two classes, for valgrind to look at: calls of all sizes, transfers both ways, a cancel, a time-out, and the
 * end. Argument: the provider.
 */
#include <stdlib.h>

#include "tests/support/hg_pair.h"

enum { MOVED = 300000 };

static hg_return_t moved(const struct hg_cb_info *info)
{
    struct hg_pair_blob none = {0};

    HG_PAIR_OK(info->ret);
    hg_pair_respond(info->arg, &none);
    return HG_SUCCESS;
}

static hg_return_t serve_pull(hg_handle_t handle)
{
    return hg_pair_pull(handle, moved, false);
}

static hg_return_t serve_push(hg_handle_t handle)
{
    const struct hg_info *info = HG_Get_info(handle);
    hg_bulk_t origin;
    hg_bulk_t local;
    hg_size_t size = MOVED;
    void *data = NULL;
    uint32_t count;

    HG_PAIR_OK(HG_Get_input(handle, &origin));
    HG_PAIR_OK(HG_Bulk_create(info->hg_class, 1, NULL, &size, HG_BULK_READWRITE, &local));
    HG_PAIR_OK(HG_Bulk_access(local, 0, size, HG_BULK_READWRITE, 1, &data, NULL, &count));
    hg_pair_fill(data, MOVED, 2);
    HG_PAIR_OK(HG_Bulk_transfer(info->context, moved, handle, HG_BULK_PUSH, info->addr, origin, 0, local, 0, size,
                                HG_OP_ID_IGNORE));
    HG_PAIR_OK(HG_Bulk_free(local));
    return HG_Free_input(handle, &origin);
}

static void transfer(struct hg_pair *pair, hg_id_t id)
{
    unsigned char *data = malloc(MOVED);
    hg_size_t size = MOVED;
    struct hg_pair_call call;
    hg_bulk_t bulk;

    SUPPORT_CHECK(data != NULL);
    hg_pair_fill(data, MOVED, 1);
    HG_PAIR_OK(HG_Bulk_create(pair->origin.hg_class, 1, (void **)&data, &size, HG_BULK_READWRITE, &bulk));
    hg_pair_call_start_id(pair, &call, id, &bulk);
    HG_PAIR_FINISH(&call, HG_SUCCESS);
    HG_PAIR_OK(HG_Bulk_free(bulk));
    free(data);
}

/* Calls that nobody answers. */
static void end_early(struct hg_pair *pair)
{
    struct hg_pair_blob in = {0};
    struct hg_pair_call call;
    hg_handle_t held = hg_pair_call_hold(pair, &call, &in);

    HG_PAIR_OK(HG_Cancel(call.handle));
    HG_PAIR_FINISH(&call, HG_CANCELED);
    HG_PAIR_OK(HG_Destroy(held));
    hg_pair_call_begin(pair, &call, HG_PAIR_HOLD);
    HG_PAIR_OK(qs_handle_set_timeout(call.handle, 10000));
    hg_pair_call_forward(&call, &in);
    HG_PAIR_FINISH(&call, HG_TIMEOUT);
}

static void whole_life(void)
{
    struct hg_pair pair;
    hg_id_t pull;
    hg_id_t push;

    hg_pair_open(&pair, NULL);
    pull = hg_pair_register_both(&pair, "pull", hg_proc_hg_bulk_t, hg_pair_proc_blob, serve_pull);
    push = hg_pair_register_both(&pair, "push", hg_proc_hg_bulk_t, hg_pair_proc_blob, serve_push);
    hg_pair_check_works(&pair);
    hg_pair_move(&pair, 30000, 30000);
    hg_pair_move(&pair, 300000, 300000);
    transfer(&pair, pull);
    transfer(&pair, push);
    end_early(&pair);
    hg_pair_close(&pair);
}

static const struct support_case cases[] = {SUPPORT_CASE(whole_life), {0}};

int main(int argc, char **argv)
{
    const struct support_case *const tables[] = {cases, NULL};

    return support_suite_main(argc, argv, tables, NULL);
}
