/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * What the system says of its RDMA devices, for messages: libfabric leaves out what it cannot use and gives no reason.
 *
 * Read from sysfs and the limits of the process. `root` is put in front of each path, "" but for tests. No state; any thread.
 */
#ifndef NA_OFI_OFI_SYSTEM_H
#define NA_OFI_OFI_SYSTEM_H

#include <stdbool.h>
#include <stddef.h>

#define OFI_SYSTEM_ROOT      ""
#define OFI_SYSTEM_NAME_SIZE 64U

/* Device @p index by the order of the directory: false at the end. */
bool ofi_system_device(const char *root, size_t index, char name[OFI_SYSTEM_NAME_SIZE]);

/* Whether a device cannot be used, and why: its port, its permissions, its address. */
bool ofi_system_trouble(const char *root, const char *device, char *why, size_t size);

/* Why there is no device of this name, "" for any. Always writes a sentence. */
void ofi_system_why(const char *root, const char *device, char *why, size_t size);

/* Whether the process may lock less memory than a class needs to be opened, and a sentence. */
bool ofi_system_locks_little(char *why, size_t size);

/* The limit of locked memory in words: "64 KiB", "unlimited". */
void ofi_system_lock_limit(char *text, size_t size);

/* Whether this is the name of a network interface. */
bool ofi_system_is_interface(const char *name);

#endif
