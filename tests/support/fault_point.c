/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * The one point that is armed, and how often it was passed.
 */
#include "tests/support/fault_point.h"

#include <stdatomic.h>
#include <stddef.h>
#include <string.h>

static const char *armed;
static uint64_t fail_at;
static int fail_with;
static atomic_ullong passed;

void fault_point_arm(const char *name, uint64_t n, int error)
{
    atomic_store(&passed, 0);
    fail_at = n;
    fail_with = error;
    armed = name;
}

void fault_point_disarm(void)
{
    armed = NULL;
}

uint64_t fault_point_passed(void)
{
    return atomic_load(&passed);
}

int fault_point_hit(const char *name)
{
    if (armed == NULL || strcmp(armed, name) != 0)
        return 0;
    return atomic_fetch_add(&passed, 1) + 1 == fail_at ? fail_with : 0;
}
