/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Why a device cannot be used, from a tree of files like the system's; and what a device's status means.
 */
#include "na/ofi/ofi_system.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <linux/capability.h>
#include <rdma/fi_errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "na/ofi/ofi_error.h"

static char root[64];
static char why[256];

/* A file below the root, with its folders. */
static void put(const char *path, const char *text)
{
    char full[512];
    FILE *file;

    (void)snprintf(full, sizeof(full), "%s%s", root, path);
    for (char *slash = full + strlen(root) + 1; (slash = strchr(slash, '/')) != NULL; slash++) {
        *slash = '\0';
        (void)mkdir(full, 0700);
        *slash = '/';
    }
    file = fopen(full, "w");
    cr_assert(file != NULL);
    (void)fputs(text, file);
    (void)fclose(file);
}

static int drop(const char *path, const struct stat *st, int kind, struct FTW *walk)
{
    (void)st;
    (void)kind;
    (void)walk;
    return remove(path);
}

static void open_root(void)
{
    (void)snprintf(root, sizeof(root), "/tmp/qs-system-XXXXXX");
    cr_assert(mkdtemp(root) != NULL);
}

static void close_root(void)
{
    (void)nftw(root, drop, 8, FTW_DEPTH | FTW_PHYS);
}

/* A device with everything, on the loopback interface, which each machine has. */
static void put_device(const char *name, const char *state)
{
    char path[256];

    (void)snprintf(path, sizeof(path), "/sys/class/infiniband/%s/ports/1/state", name);
    put(path, state);
    (void)snprintf(path, sizeof(path), "/sys/class/infiniband/%s/parent", name);
    put(path, "lo\n");
    (void)snprintf(path, sizeof(path), "/sys/class/infiniband_verbs/uverbs_%s/ibdev", name);
    put(path, name);
    (void)snprintf(path, sizeof(path), "/dev/infiniband/uverbs_%s", name);
    put(path, "");
    put("/dev/infiniband/rdma_cm", "");
}

TestSuite(ofi_system, .init = open_root, .fini = close_root);

Test(ofi_system, no_device_says_how_to_make_one)
{
    char name[OFI_SYSTEM_NAME_SIZE];

    cr_assert(!ofi_system_device(root, 0, name));
    ofi_system_why(root, "", why, sizeof(why));
    cr_assert(strstr(why, "no RDMA device") != NULL && strstr(why, "rdma link add") != NULL, "%s", why);
}

Test(ofi_system, a_sound_device_has_no_trouble)
{
    put_device("rxe7", "4: ACTIVE\n");
    cr_assert(!ofi_system_trouble(root, "rxe7", why, sizeof(why)), "%s", why);
}

Test(ofi_system, an_unknown_device_is_told_from_those_that_exist)
{
    put_device("rxe7", "4: ACTIVE\n");
    ofi_system_why(root, "mlx5_0", why, sizeof(why));
    cr_assert(strstr(why, "no RDMA device mlx5_0") != NULL && strstr(why, "rxe7") != NULL, "%s", why);
}

Test(ofi_system, a_port_that_is_down_is_named)
{
    put_device("rxe7", "1: DOWN\n");
    ofi_system_why(root, "", why, sizeof(why));
    cr_assert(strstr(why, "port 1 of rxe7") != NULL && strstr(why, "DOWN") != NULL, "%s", why);
}

Test(ofi_system, one_active_port_is_enough)
{
    put_device("rxe7", "1: DOWN\n");
    put("/sys/class/infiniband/rxe7/ports/2/state", "4: ACTIVE\n");
    cr_assert(!ofi_system_trouble(root, "rxe7", why, sizeof(why)), "%s", why);
}

Test(ofi_system, a_missing_character_device_is_named)
{
    char path[128];

    put_device("rxe7", "4: ACTIVE\n");
    (void)snprintf(path, sizeof(path), "%s/dev/infiniband/uverbs_rxe7", root);
    cr_assert(unlink(path) == 0);
    cr_assert(ofi_system_trouble(root, "rxe7", why, sizeof(why)));
    cr_assert(strstr(why, "uverbs_rxe7 cannot be opened") != NULL, "%s", why);
}

Test(ofi_system, an_interface_without_address_is_named)
{
    put_device("rxe7", "4: ACTIVE\n");
    put("/sys/class/infiniband/rxe7/parent", "no-such-if\n");
    cr_assert(ofi_system_trouble(root, "rxe7", why, sizeof(why)));
    cr_assert(strstr(why, "no-such-if") != NULL && strstr(why, "no IP address") != NULL, "%s", why);
}

Test(ofi_system, a_device_without_parent_is_found_by_its_table_of_addresses)
{
    char path[128];

    put_device("mlx5_0", "4: ACTIVE\n");
    (void)snprintf(path, sizeof(path), "%s/sys/class/infiniband/mlx5_0/parent", root);
    cr_assert(unlink(path) == 0);
    cr_assert(ofi_system_trouble(root, "mlx5_0", why, sizeof(why)));
    put("/sys/class/infiniband/mlx5_0/ports/1/gid_attrs/ndevs/0", "lo\n");
    cr_assert(!ofi_system_trouble(root, "mlx5_0", why, sizeof(why)), "%s", why);
}

Test(ofi_system, interfaces_are_known_by_name)
{
    cr_assert(ofi_system_is_interface("lo"));
    cr_assert(!ofi_system_is_interface("no-such-if") && !ofi_system_is_interface(""));
}

static void set_lock_limit(rlim_t kib)
{
    struct rlimit limit = {kib * 1024, kib * 1024};

    cr_assert_eq(setrlimit(RLIMIT_MEMLOCK, &limit), 0);
}

/* As it is in a container, also for root. */
static void give_up_the_right_to_lock_all(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {{0}};

    cr_assert_eq(syscall(SYS_capget, &header, data), 0);
    data[CAP_TO_INDEX(CAP_IPC_LOCK)].effective &= ~(uint32_t)CAP_TO_MASK(CAP_IPC_LOCK);
    cr_assert_eq(syscall(SYS_capset, &header, data), 0);
}

Test(ofi_system, a_low_limit_of_locked_memory_is_named_where_it_counts)
{
    struct rlimit now;

    give_up_the_right_to_lock_all();
    cr_assert_eq(getrlimit(RLIMIT_MEMLOCK, &now), 0);
    if (now.rlim_max >= (rlim_t)8192 * 1024) {
        set_lock_limit(8192);
        cr_assert(!ofi_system_locks_little(why, sizeof(why)));
    }
    if (now.rlim_max >= (rlim_t)64 * 1024) {
        set_lock_limit(64);
        cr_assert(ofi_system_locks_little(why, sizeof(why)));
        cr_assert(strstr(why, "64 KiB") != NULL && strstr(why, "ulimit -l") != NULL, "%s", why);
    }
}

Test(ofi_error, a_shortage_of_this_machine_is_not_the_peers)
{
    cr_assert_eq(ofi_error_connect(ENOMEM), -ENOMEM);
    cr_assert_eq(ofi_error_connect(-EMFILE), -ENOMEM);
    cr_assert_eq(ofi_error_connect(ENETUNREACH), -EHOSTUNREACH);
}

Test(ofi_error, a_devices_status_becomes_an_errno)
{
    static const struct {
        int status;
        int expected;
    } rows[] = {{1, EMSGSIZE},    {4, EFAULT},      {5, FI_ECANCELED}, {10, EACCES},
                {12, ECONNRESET}, {13, ECONNRESET}, {16, ECONNRESET},  {11, EIO}};

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        cr_assert_eq(ofi_error_status(EIO, rows[i].status), rows[i].expected, "status %d", rows[i].status);
}

Test(ofi_error, a_failed_connection_keeps_the_exact_reason)
{
    cr_assert_eq(ofi_error_cm(ETIMEDOUT, EHOSTUNREACH), EHOSTUNREACH);
    cr_assert_eq(ofi_error_cm(ETIMEDOUT, 0), ETIMEDOUT);
    cr_assert_eq(ofi_error_cm(ETIMEDOUT, -8), ETIMEDOUT);
    cr_assert_eq(ofi_error_cm(ECONNREFUSED, 28), ECONNREFUSED);
}
