/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */

/*
 * The thread-local sentence behind an error code. See util_detail.h for who sets it and who reads it.
 */

#include "util/util_detail.h"

#include <stdarg.h>
#include <stdio.h>

static _Thread_local char util_detail_text[512];

int util_detail_set(int error, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    (void)vsnprintf(util_detail_text, sizeof(util_detail_text), format, args);
    va_end(args);
    return error;
}

const char *util_detail_get(void)
{
    return util_detail_text;
}

void util_detail_clear(void)
{
    util_detail_text[0] = '\0';
}
