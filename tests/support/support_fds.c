/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * The count of open descriptors, read from /proc/self/fd. The descriptor that reads the directory
 * is not counted. Nor is the connection of a stranger: tests run side by side, and one of them may try a
 * port that was its own a moment ago and is a listening class's here now. libfabric leaves such a connection open
 * when the class closes, as long as nothing comes on it. Nor are RDMA devices, which librdmacm opens once for the life of
 * the process, each with a descriptor for its events; further ones of that kind belong to completion queues, and are.
 */
#include "tests/support/support_fds.h"

#include <dirent.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { FDS_MAX = 1024 }; /* that are looked at */

static bool name_of(int fd, int (*get)(int, struct sockaddr *, socklen_t *), struct sockaddr_in *name)
{
    socklen_t size = sizeof(*name);

    memset(name, 0, sizeof(*name));
    return get(fd, (struct sockaddr *)name, &size) == 0 && name->sin_family == AF_INET;
}

/* Whether a socket of this process has the name. */
static bool is_own(const struct sockaddr_in *name)
{
    for (int fd = 0; fd < FDS_MAX; fd++) {
        struct sockaddr_in own;

        if (name_of(fd, getsockname, &own) && own.sin_port == name->sin_port &&
            own.sin_addr.s_addr == name->sin_addr.s_addr)
            return true;
    }
    return false;
}

/* A connection whose other end is alive, in another process. */
static bool is_strangers(int fd)
{
    struct sockaddr_in peer;
    ssize_t got;
    char byte;

    if (!name_of(fd, getpeername, &peer) || is_own(&peer))
        return false;
    got = recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return got > 0 || (got < 0 && errno == EAGAIN);
}

static bool begins(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

static int walk(bool print)
{
    DIR *dir = opendir("/proc/self/fd");
    struct dirent *entry;
    char target[256];
    int count = 0;
    int devices = 0;

    if (dir == NULL)
        return -1;
    while ((entry = readdir(dir)) != NULL) {
        ssize_t length;

        if (entry->d_name[0] == '.' || atoi(entry->d_name) == dirfd(dir))
            continue;
        count += !is_strangers(atoi(entry->d_name));
        length = readlinkat(dirfd(dir), entry->d_name, target, sizeof(target) - 1);
        target[length < 0 ? 0 : length] = '\0';
        devices += begins(target, "/dev/infiniband/uverbs");
        if (print)
            fprintf(stderr, "descriptor %s: %s\n", entry->d_name, target);
    }
    closedir(dir);
    return count - 2 * devices;
}

int support_fds_count(void)
{
    return walk(false);
}

void support_fds_print(void)
{
    (void)walk(true);
}
