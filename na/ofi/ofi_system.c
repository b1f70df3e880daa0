/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * What the system says of its RDMA devices. Devices are the entries of /sys/class/infiniband; each has ports with a state, a
 * character device for libibverbs, and one network interface or more, whose addresses are the device's.
 */
#include "na/ofi/ofi_system.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <linux/capability.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
    PATH_SIZE = 512,
    LINE_SIZE = 128,
    PORTS_MAX = 8,
    KIB = 1024,
    LOCKED_LEAST = 4096, /* KiB: the receive buffers of a context, and two chunks of frames */
};

static const char class_folder[] = "/sys/class/infiniband";

/* Entry @p index of a folder, without those that begin with a dot. */
static bool system_entry(const char *folder, size_t index, char name[OFI_SYSTEM_NAME_SIZE])
{
    DIR *dir = opendir(folder);
    const struct dirent *entry;
    bool found = false;

    if (dir == NULL)
        return false;
    while (!found && (entry = readdir(dir)) != NULL) {
        if (entry->d_name[0] == '.' || strlen(entry->d_name) >= OFI_SYSTEM_NAME_SIZE)
            continue;
        if (index-- == 0) {
            (void)snprintf(name, OFI_SYSTEM_NAME_SIZE, "%.63s", entry->d_name);
            found = true;
        }
    }
    (void)closedir(dir);
    return found;
}

/* The first line of a file, without its end; false if it cannot be read. */
static bool system_line(const char *path, char line[LINE_SIZE])
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd >= 0 ? read(fd, line, LINE_SIZE - 1) : -1;

    if (fd >= 0)
        (void)close(fd);
    if (got <= 0)
        return false;
    line[got] = '\0';
    line[strcspn(line, "\n")] = '\0';
    return true;
}

bool ofi_system_device(const char *root, size_t index, char name[OFI_SYSTEM_NAME_SIZE])
{
    char folder[PATH_SIZE];

    (void)snprintf(folder, sizeof(folder), "%s%s", root, class_folder);
    return system_entry(folder, index, name);
}

/* The states of its ports are like "4: ACTIVE". True if none is active, with the last that is not. */
static bool system_port_down(const char *root, const char *device, char *why, size_t size)
{
    bool down = false;

    for (unsigned int port = 1; port <= PORTS_MAX; port++) {
        char path[PATH_SIZE];
        char line[LINE_SIZE];

        (void)snprintf(path, sizeof(path), "%s%s/%s/ports/%u/state", root, class_folder, device, port);
        if (!system_line(path, line))
            break;
        if (strstr(line, "ACTIVE") != NULL)
            return false;
        (void)snprintf(why, size, "port %u of %s is not active (%s)", port, device, line);
        down = true;
    }
    return down;
}

static bool system_forbidden(const char *path, char *why, size_t size)
{
    if (access(path, R_OK | W_OK) == 0)
        return false;
    (void)snprintf(why, size, "%s cannot be opened: %s", path, strerror(errno));
    return true;
}

/* The character device of libibverbs, and the connection manager's. */
static bool system_no_permission(const char *root, const char *device, char *why, size_t size)
{
    char name[OFI_SYSTEM_NAME_SIZE];
    char path[PATH_SIZE];

    (void)snprintf(path, sizeof(path), "%s/dev/infiniband/rdma_cm", root);
    if (system_forbidden(path, why, size))
        return true;
    (void)snprintf(path, sizeof(path), "%s/sys/class/infiniband_verbs", root);
    for (size_t i = 0; system_entry(path, i, name); i++) {
        char file[PATH_SIZE];
        char line[LINE_SIZE];

        (void)snprintf(file, sizeof(file), "%s/sys/class/infiniband_verbs/%s/ibdev", root, name);
        if (!system_line(file, line) || strcmp(line, device) != 0)
            continue;
        (void)snprintf(file, sizeof(file), "%s/dev/infiniband/%s", root, name);
        return system_forbidden(file, why, size);
    }
    return false;
}

/* Whether an interface is up with an address that peers can be told. */
static bool system_has_address(const char *interface)
{
    struct ifaddrs *list;
    bool found = false;

    if (getifaddrs(&list) != 0)
        return false;
    for (const struct ifaddrs *ifa = list; ifa != NULL && !found; ifa = ifa->ifa_next) {
        if (ifa->ifa_addr == NULL || strcmp(ifa->ifa_name, interface) != 0 || (ifa->ifa_flags & IFF_UP) == 0)
            continue;
        found = ifa->ifa_addr->sa_family == AF_INET;
        if (ifa->ifa_addr->sa_family == AF_INET6)
            found = !IN6_IS_ADDR_LINKLOCAL(&((const struct sockaddr_in6 *)(const void *)ifa->ifa_addr)->sin6_addr);
    }
    freeifaddrs(list);
    return found;
}

static bool system_no_address(const char *root, const char *device, char *why, size_t size)
{
    char path[PATH_SIZE];
    char interface[LINE_SIZE];

    /* Software devices name their interface here, others in the table of their addresses. */
    (void)snprintf(path, sizeof(path), "%s%s/%s/parent", root, class_folder, device);
    if (!system_line(path, interface)) {
        (void)snprintf(path, sizeof(path), "%s%s/%s/ports/1/gid_attrs/ndevs/0", root, class_folder, device);
        if (!system_line(path, interface)) {
            (void)snprintf(why, size, "%s belongs to no network interface with an IP address", device);
            return true;
        }
    }
    if (system_has_address(interface))
        return false;
    (void)snprintf(why, size, "the interface %s of %s is down, or has no IP address but a link-local one", interface,
                   device);
    return true;
}

bool ofi_system_trouble(const char *root, const char *device, char *why, size_t size)
{
    return system_no_permission(root, device, why, size) || system_port_down(root, device, why, size) ||
           system_no_address(root, device, why, size);
}

void ofi_system_why(const char *root, const char *device, char *why, size_t size)
{
    char name[OFI_SYSTEM_NAME_SIZE];
    char names[LINE_SIZE] = "";
    bool known = false;
    size_t used = 0;
    size_t count = 0;

    for (; ofi_system_device(root, count, name); count++) {
        known = known || device[0] == '\0' || strcmp(name, device) == 0;
        if (used < sizeof(names))
            used += (size_t)snprintf(names + used, sizeof(names) - used, "%s%s", count > 0 ? ", " : "", name);
        if ((device[0] == '\0' || strcmp(name, device) == 0) && ofi_system_trouble(root, name, why, size))
            return;
    }
    if (count == 0)
        (void)snprintf(
            why, size,
            "this machine has no RDMA device (%s%s is empty); one in software is made by \"rdma link add rxe0 "
            "type rxe netdev INTERFACE\"",
            root, class_folder);
    else if (!known)
        (void)snprintf(why, size, "there is no RDMA device %s (there are: %s)", device, names);
    else if (!ofi_system_locks_little(why, size))
        (void)snprintf(why, size, "libfabric does not offer the RDMA device %s", device[0] != '\0' ? device : names);
}

static bool system_lock_limit(uint64_t *kib_out)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_MEMLOCK, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY)
        return false;
    *kib_out = (uint64_t)limit.rlim_cur / KIB;
    return true;
}

/* Whether the limit does not count. In a container it mostly does, for root as well. */
static bool system_may_lock_all(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {{0}};

    return syscall(SYS_capget, &header, data) == 0 &&
           (data[CAP_TO_INDEX(CAP_IPC_LOCK)].effective & CAP_TO_MASK(CAP_IPC_LOCK)) != 0;
}

bool ofi_system_locks_little(char *why, size_t size)
{
    uint64_t kib;

    if (!system_lock_limit(&kib) || kib >= LOCKED_LEAST || system_may_lock_all())
        return false;
    (void)snprintf(why, size, "the process may lock %llu KiB of memory, and %d KiB are needed at least (ulimit -l)",
                   (unsigned long long)kib, LOCKED_LEAST);
    return true;
}

void ofi_system_lock_limit(char *text, size_t size)
{
    uint64_t kib;

    if (system_lock_limit(&kib))
        (void)snprintf(text, size, "%llu KiB", (unsigned long long)kib);
    else
        (void)snprintf(text, size, "unlimited");
}

bool ofi_system_is_interface(const char *name)
{
    return name[0] != '\0' && if_nametoindex(name) != 0;
}
