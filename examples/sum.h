/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/* What origin and target agree on: the arguments and the result of the RPC "sum". */
#include <quicksilver.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

MERCURY_GEN_PROC(sum_in_t, ((hg_const_string_t)(label))((int32_t)(factor))((hg_bulk_t)(numbers)))
MERCURY_GEN_PROC(sum_out_t, ((int32_t)(error))((int64_t)(sum)))

static inline void check(hg_return_t ret, const char *what)
{
    if (ret == HG_SUCCESS)
        return;
    fprintf(stderr, "%s: %s. %s\n", what, HG_Error_to_string(ret), qs_error_detail());
    exit(EXIT_FAILURE);
}

/* Prints the address that origins call. */
static inline void print_own_address(hg_class_t *hg_class)
{
    char text[256];
    hg_size_t size = sizeof(text);
    hg_addr_t self;

    check(HG_Addr_self(hg_class, &self), "own address");
    check(HG_Addr_to_string(hg_class, text, &size, self), "own address");
    HG_Addr_free(hg_class, self);
    printf("%s\n", text);
    fflush(stdout);
}
