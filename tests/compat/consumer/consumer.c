/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * A program for Mercury that calls itself once: it prints the answer. What it needs of headers and library is
 * what any consumer needs.
 */
#include <mercury.h>
#include <mercury_macros.h>
#include <mercury_proc_string.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

MERCURY_GEN_PROC(double_in_t, ((hg_string_t)(label))((uint32_t)(number)))
MERCURY_GEN_PROC(double_out_t, ((uint32_t)(number)))

static void check(hg_return_t ret, const char *what)
{
    if (ret == HG_SUCCESS)
        return;
    fprintf(stderr, "%s: %s\n", what, HG_Error_to_string(ret));
    exit(EXIT_FAILURE);
}

static hg_return_t answer(hg_handle_t handle)
{
    double_in_t in;
    double_out_t out;

    check(HG_Get_input(handle, &in), "input");
    out.number = 2 * in.number;
    check(HG_Respond(handle, NULL, NULL, &out), "respond");
    check(HG_Free_input(handle, &in), "free the input");
    return HG_Destroy(handle);
}

static hg_return_t answered(const struct hg_cb_info *info)
{
    double_out_t out;

    check(info->ret, "call");
    check(HG_Get_output(info->info.forward.handle, &out), "output");
    printf("twice 21 is %u\n", (unsigned int)out.number);
    check(HG_Free_output(info->info.forward.handle, &out), "free the output");
    *(bool *)info->arg = true;
    return HG_SUCCESS;
}

int main(void)
{
    double_in_t in = {.label = (hg_string_t) "a label", .number = 21};
    hg_class_t *hg_class = HG_Init("tcp://127.0.0.1", true);
    hg_context_t *context = hg_class == NULL ? NULL : HG_Context_create(hg_class);
    hg_handle_t handle;
    hg_addr_t self;
    bool done = false;
    hg_id_t id;

    if (context == NULL)
        return EXIT_FAILURE;
    id = MERCURY_REGISTER(hg_class, "double", double_in_t, double_out_t, answer);
    check(HG_Addr_self(hg_class, &self), "own address");
    check(HG_Create(context, self, id, &handle), "create");
    check(HG_Forward(handle, answered, &done, &in), "forward");
    while (!done) {
        (void)HG_Progress(context, 100);
        (void)HG_Trigger(context, 0, 8, NULL);
    }
    check(HG_Destroy(handle), "destroy");
    check(HG_Addr_free(hg_class, self), "free the address");
    check(HG_Context_destroy(context), "destroy the context");
    check(HG_Finalize(hg_class), "finalize");
    return EXIT_SUCCESS;
}
