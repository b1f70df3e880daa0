/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * What libfabric offers on this machine: one line per protocol that has a row, and per device that
 * libfabric names for it; a line that says why for those that cannot be used. No state; any thread.
 */
#include "na/ofi/ofi_list.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "na/ofi/ofi_device.h"
#include "na/ofi/ofi_error.h"
#include "na/ofi/ofi_fabric.h"
#include "na/ofi/ofi_system.h"
#include "util/util_alloc.h"
#include "util/util_detail.h"

/* A list that grows. */
struct list_build {
    struct na_transport_info *items;
    size_t count;
    size_t capacity;
};

static struct na_transport_info *list_add(struct list_build *build, const char *protocol, const char *provider)
{
    struct na_transport_info *item;

    if (build->count == build->capacity) {
        size_t capacity = build->capacity == 0 ? 16 : build->capacity * 2;
        struct na_transport_info *items = util_realloc(build->items, capacity * sizeof(*items));
        if (items == NULL)
            return NULL;
        build->items = items;
        build->capacity = capacity;
    }
    item = &build->items[build->count++];
    memset(item, 0, sizeof(*item));
    (void)snprintf(item->protocol, sizeof(item->protocol), "%.31s", protocol);
    (void)snprintf(item->provider, sizeof(item->provider), "%.47s", provider);
    return item;
}

static int list_add_unusable(struct list_build *build, const struct ofi_provider *row, const char *protocol,
                             const char *provider, int ret)
{
    struct na_transport_info *item = list_add(build, protocol, provider);

    if (item == NULL)
        return -ENOMEM;
    if (ret == -FI_ENODATA && row->addressing == OFI_PROVIDER_ADDRESSING_DEVICE)
        ofi_system_why(OFI_SYSTEM_ROOT, "", item->why, sizeof(item->why));
    else if (ret == -FI_ENODATA)
        (void)snprintf(item->why, sizeof(item->why), "%s offers no device with what is needed here",
                       ofi_list_version());
    else
        (void)snprintf(item->why, sizeof(item->why), "%s", ofi_error_text(ret));
    return 0;
}

static void list_set_address(struct na_transport_info *item, const struct fi_info *info)
{
    struct ofi_address address = {.format = info->addr_format, .size = info->src_addrlen};

    if (info->src_addr == NULL || info->src_addrlen > sizeof(address.bytes))
        return;
    memcpy(address.bytes, info->src_addr, info->src_addrlen);
    (void)ofi_address_text(&address, item->protocol, item->address);
}

/* True if an equal line is there already: libfabric repeats itself for each kind of completion. */
static bool list_holds(const struct list_build *build, const struct fi_info *info, const char *protocol)
{
    for (size_t i = 0; i < build->count; i++) {
        if (strcmp(build->items[i].protocol, protocol) == 0 &&
            strncmp(build->items[i].domain, info->domain_attr->name, sizeof(build->items[i].domain) - 1) == 0)
            return true;
    }
    return false;
}

/* The devices of the system that libfabric leaves out, each with what is wrong with it, and what is wrong with all. */
static int list_add_devices(struct list_build *build, const char *protocol, const char *provider)
{
    char name[OFI_SYSTEM_NAME_SIZE];
    size_t first = build->count;

    for (size_t i = 0; ofi_system_device(OFI_SYSTEM_ROOT, i, name); i++) {
        struct na_transport_info *item;
        bool listed = false;

        for (size_t k = 0; k < build->count && !listed; k++)
            listed = strcmp(build->items[k].protocol, protocol) == 0 && strcmp(build->items[k].device, name) == 0;
        if (listed)
            continue;
        item = list_add(build, protocol, provider);
        if (item == NULL)
            return -ENOMEM;
        (void)snprintf(item->device, sizeof(item->device), "%.63s", name);
        ofi_system_why(OFI_SYSTEM_ROOT, name, item->why, sizeof(item->why));
    }
    for (size_t k = 0; k < first; k++) {
        if (strcmp(build->items[k].protocol, protocol) == 0 && build->items[k].usable)
            build->items[k].usable = !ofi_system_locks_little(build->items[k].why, sizeof(build->items[k].why));
    }
    return 0;
}

static int list_add_usable(struct list_build *build, const char *protocol, const struct fi_info *info)
{
    struct na_transport_info *item;

    if (info->domain_attr->name == NULL || list_holds(build, info, protocol))
        return 0;
    item = list_add(build, protocol, info->fabric_attr->prov_name);
    if (item == NULL)
        return -ENOMEM;
    item->usable = true;
    (void)snprintf(item->domain, sizeof(item->domain), "%.63s", info->domain_attr->name);
    if (info->nic != NULL && info->nic->device_attr != NULL && info->nic->device_attr->name != NULL)
        (void)snprintf(item->device, sizeof(item->device), "%.63s", info->nic->device_attr->name);
    list_set_address(item, info);
    return 0;
}

static int list_protocol(struct list_build *build, const char *protocol)
{
    const struct ofi_provider *row = ofi_provider_find(protocol);
    const char *provider = ofi_provider_name(row, protocol);
    struct fi_info *list = NULL;
    bool found = false;
    int ret = ofi_fabric_query_all(row, protocol, &list);

    if (ret == 0) {
        for (const struct fi_info *info = list; info != NULL && ret == 0; info = info->next) {
            struct ofi_address address;

            if (strcasecmp(info->fabric_attr->prov_name, provider) != 0 ||
                (row->addressing == OFI_PROVIDER_ADDRESSING_DEVICE && !ofi_device_address(info, &address)))
                continue;
            found = true;
            ret = list_add_usable(build, protocol, info);
        }
        fi_freeinfo(list);
        if (ret == 0 && row->addressing == OFI_PROVIDER_ADDRESSING_DEVICE)
            ret = list_add_devices(build, protocol, provider);
        if (ret != 0 || found)
            return ret;
        ret = -FI_ENODATA;
    } else if (ret == -FI_ENODATA && row->addressing == OFI_PROVIDER_ADDRESSING_DEVICE) {
        size_t count = build->count;

        if (list_add_devices(build, protocol, provider) != 0)
            return -ENOMEM;
        if (build->count > count)
            return 0;
    }
    return list_add_unusable(build, row, protocol, provider, ret);
}

int ofi_list_make(const char *protocol, struct na_transport_info **list, size_t *count)
{
    struct list_build build = {0};
    const struct ofi_provider *row;
    int ret = 0;

    if (protocol != NULL) {
        ret = list_protocol(&build, protocol);
    } else {
        for (size_t i = 0; ret == 0 && (row = ofi_provider_listed(i)) != NULL; i++)
            ret = list_protocol(&build, row->protocol);
    }
    if (ret != 0) {
        util_free(build.items);
        return util_detail_set(ret, "no memory for the list of transports");
    }
    *list = build.items;
    *count = build.count;
    return 0;
}

const char *ofi_list_version(void)
{
    static _Thread_local char text[48];
    uint32_t version = ofi_compat_runtime();

    (void)snprintf(text, sizeof(text), "libfabric %u.%u", FI_MAJOR(version), FI_MINOR(version));
    return text;
}
