/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * The count of open descriptors, read from /proc/self/fd. The descriptor that reads the directory
 * is not counted.
 */
#include "tests/support/support_fds.h"

#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static int walk(bool print)
{
    DIR *dir = opendir("/proc/self/fd");
    struct dirent *entry;
    char target[256];
    int count = 0;

    if (dir == NULL)
        return -1;
    while ((entry = readdir(dir)) != NULL) {
        ssize_t length;

        if (entry->d_name[0] == '.' || atoi(entry->d_name) == dirfd(dir))
            continue;
        count++;
        if (!print)
            continue;
        length = readlinkat(dirfd(dir), entry->d_name, target, sizeof(target) - 1);
        target[length < 0 ? 0 : length] = '\0';
        fprintf(stderr, "descriptor %s: %s\n", entry->d_name, target);
    }
    closedir(dir);
    return count;
}

int support_fds_count(void)
{
    return walk(false);
}

void support_fds_print(void)
{
    (void)walk(true);
}
