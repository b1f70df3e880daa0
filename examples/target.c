/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/* Serves the RPC "sum" until SIGINT or SIGTERM: target [PROTOCOL]. */
#include "sum.h"
#include <signal.h>

struct call {
    hg_handle_t handle;
    sum_in_t in;
    bool decoded;
    hg_bulk_t local; /* what the numbers are read into */
};

static volatile sig_atomic_t stopped;

static void stop(int signal_number)
{
    stopped = signal_number;
}

static hg_return_t answer(struct call *call, sum_out_t out)
{
    HG_Respond(call->handle, NULL, NULL, &out);
    HG_Bulk_free(call->local);
    if (call->decoded)
        HG_Free_input(call->handle, &call->in);
    HG_Destroy(call->handle);
    free(call);
    return HG_SUCCESS;
}

static hg_return_t pulled(const struct hg_cb_info *info)
{
    struct call *call = info->arg;
    sum_out_t out = {.error = (int32_t)info->ret};
    void *numbers = NULL;
    hg_size_t size = HG_Bulk_get_size(call->local);

    HG_Bulk_access(call->local, 0, size, HG_BULK_READ_ONLY, 1, &numbers, NULL, NULL);
    for (hg_size_t i = 0; info->ret == HG_SUCCESS && i < size / sizeof(int32_t); i++)
        out.sum += (int64_t)((int32_t *)numbers)[i] * call->in.factor;
    return answer(call, out);
}

static hg_return_t sum(hg_handle_t handle)
{
    const struct hg_info *info = HG_Get_info(handle);
    struct call *call = calloc(1, sizeof(*call));

    call->handle = handle;
    hg_return_t ret = HG_Get_input(handle, &call->in);
    if (ret != HG_SUCCESS)
        return answer(call, (sum_out_t){.error = (int32_t)ret});
    call->decoded = true;
    hg_size_t size = HG_Bulk_get_size(call->in.numbers);
    ret = HG_Bulk_create(info->hg_class, 1, NULL, &size, HG_BULK_READWRITE, &call->local);
    if (ret == HG_SUCCESS)
        ret = HG_Bulk_transfer(info->context, pulled, call, HG_BULK_PULL, info->addr, call->in.numbers, 0, call->local,
                               0, size, HG_OP_ID_IGNORE);
    return ret == HG_SUCCESS ? ret : answer(call, (sum_out_t){.error = (int32_t)ret});
}

int main(int argc, char **argv)
{
    hg_class_t *hg_class = HG_Init(argc > 1 ? argv[1] : "tcp", true);
    hg_context_t *context = hg_class == NULL ? NULL : HG_Context_create(hg_class);

    if (context == NULL || MERCURY_REGISTER(hg_class, "sum", sum_in_t, sum_out_t, sum) == 0)
        check(HG_OTHER_ERROR, "start");
    print_own_address(hg_class);
    signal(SIGINT, stop);
    signal(SIGTERM, stop);
    while (!stopped) {
        HG_Progress(context, 100);
        HG_Trigger(context, 0, 16, NULL);
    }
    check(HG_Context_destroy(context), "destroy the context");
    check(HG_Finalize(hg_class), "finalize");
    return EXIT_SUCCESS;
}
