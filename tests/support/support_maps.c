/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * The count of mappings, read from /proc/self/maps.
 */
#include "tests/support/support_maps.h"

#include <stdio.h>
#include <string.h>

int support_maps_count(const char *part)
{
    FILE *file = fopen("/proc/self/maps", "re");
    char line[4096];
    int count = 0;

    if (file == NULL)
        return -1;
    while (fgets(line, sizeof(line), file) != NULL)
        count += strstr(line, part) != NULL;
    fclose(file);
    return count;
}
