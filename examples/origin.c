/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/* Calls the RPC "sum" of a target: origin ADDRESS [COUNT]. */
#include "sum.h"
#include <string.h>

struct result {
    bool done;
    hg_return_t ret;
    sum_out_t out;
};

static hg_return_t summed(const struct hg_cb_info *info)
{
    struct result *result = info->arg;
    struct qs_result why;

    result->done = true;
    result->ret = info->ret;
    if (result->ret != HG_SUCCESS)
        qs_handle_get_result(info->info.forward.handle, &why, sizeof(why)); /* for qs_error_detail() */
    if (result->ret == HG_SUCCESS)
        result->ret = HG_Get_output(info->info.forward.handle, &result->out);
    if (result->ret == HG_SUCCESS)
        HG_Free_output(info->info.forward.handle, &result->out);
    return HG_SUCCESS;
}

int main(int argc, char **argv)
{
    char protocol[32];
    struct result result = {.done = false};
    sum_in_t in = {.label = "from 1 to n", .factor = 2};
    hg_addr_t target;
    hg_handle_t handle;

    if (argc < 2) {
        fprintf(stderr, "usage: origin ADDRESS [COUNT], with the address that the target printed\n");
        return EXIT_FAILURE;
    }
    const char *address = argv[1];
    hg_size_t size = (hg_size_t)(argc > 2 ? strtoul(argv[2], NULL, 0) : 1000) * sizeof(int32_t);
    int32_t *numbers = calloc(1, size + sizeof(int32_t));
    if (numbers == NULL)
        check(HG_NOMEM, "allocate the numbers");
    for (size_t i = 0; i < size / sizeof(int32_t); i++)
        numbers[i] = (int32_t)i + 1;
    snprintf(protocol, sizeof(protocol), "%.*s", (int)strcspn(address, ":"), address);
    hg_class_t *hg_class = HG_Init(protocol, false);
    hg_context_t *context = hg_class == NULL ? NULL : HG_Context_create(hg_class);
    if (context == NULL)
        check(HG_OTHER_ERROR, "start");

    hg_id_t id = MERCURY_REGISTER(hg_class, "sum", sum_in_t, sum_out_t, NULL);
    check(HG_Addr_lookup2(hg_class, address, &target), "look up the target");
    check(HG_Bulk_create(hg_class, 1, (void **)&numbers, &size, HG_BULK_READ_ONLY, &in.numbers), "expose the numbers");
    check(HG_Create(context, target, id, &handle), "create a handle");
    check(HG_Forward(handle, summed, &result, &in), "call");
    while (!result.done) {
        HG_Progress(context, 100);
        HG_Trigger(context, 0, 1, NULL);
    }
    check(result.ret, "sum");
    check((hg_return_t)result.out.error, "sum, at the target");
    printf("%s: %lld\n", in.label, (long long)result.out.sum);

    HG_Destroy(handle);
    HG_Bulk_free(in.numbers);
    HG_Addr_free(hg_class, target);
    check(HG_Context_destroy(context), "destroy the context");
    check(HG_Finalize(hg_class), "finalize");
    free(numbers);
    return EXIT_SUCCESS;
}
