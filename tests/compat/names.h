/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * For the lists of names (headers_names.c, utility_names.c): a row is a function and whether its pointer, take_FUNCTION, leads
 * anywhere. In C and in C++.
 */
#ifndef COMPAT_NAMES_H
#define COMPAT_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct compat_name {
    const char *name;
    bool there;
};

#define COMPAT_NAME(function)              \
    {                                      \
#function, take_##function != NULL \
    }

/* Prints what is missing: the exit status of the program. */
static inline int compat_names_report(const struct compat_name *names, size_t count)
{
    size_t missing = 0;

    for (size_t i = 0; i < count; i++) {
        if (!names[i].there) {
            fprintf(stderr, "missing: %s\n", names[i].name);
            missing++;
        }
    }
    printf("%zu functions, %zu missing\n", count, missing);
    return missing == 0 ? 0 : 1;
}

#endif
