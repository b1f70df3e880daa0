/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * tool_lib.h for a build against Mercury itself: only what Mercury's public API can tell. It is
 * not part of the normal build; tools/compare/ uses it.
 */
#include "tools/tool_lib.h"

#include <stdio.h>
#include <stdlib.h>

const char *tool_lib_name(void)
{
    return "Mercury";
}

const char *tool_lib_version(void)
{
    static char text[32];
    unsigned int major = 0, minor = 0, patch = 0;

    (void)HG_Version_get(&major, &minor, &patch);
    (void)snprintf(text, sizeof(text), "%u.%u.%u", major, minor, patch);
    return text;
}

/* Mercury links libfabric, whose fi_version is the only way to ask; it is looked up weakly. */
extern uint32_t fi_version(void) __attribute__((weak));

const char *tool_lib_fabric_version(void)
{
    static char text[32] = "unknown";

    if (fi_version != NULL)
        (void)snprintf(text, sizeof(text), "API %u.%u", fi_version() >> 16, fi_version() & 0xffffU);
    return text;
}

const char *tool_lib_features(void)
{
    return "";
}

const char *tool_lib_detail(void)
{
    return "";
}

void tool_lib_note_failure(hg_handle_t handle)
{
    (void)handle;
}

/* Mercury sends each message by itself. */
bool tool_lib_set_batching(hg_class_t *hg_class, bool batching)
{
    (void)hg_class;
    return !batching;
}

bool tool_lib_has_outcomes(void)
{
    return false;
}

bool tool_lib_set_calls(hg_class_t *hg_class, hg_id_t id, const struct tool_calls *how)
{
    (void)hg_class;
    (void)id;
    (void)how;
    return false;
}

hg_return_t tool_lib_forward(hg_handle_t handle, hg_cb_t callback, void *arg, void *in_struct)
{
    (void)handle;
    (void)callback;
    (void)arg;
    (void)in_struct;
    return HG_OPNOTSUPPORTED;
}

bool tool_lib_result(hg_handle_t handle, enum tool_outcome *outcome, uint32_t *attempts)
{
    (void)handle;
    (void)outcome;
    (void)attempts;
    return false;
}

hg_return_t tool_lib_transports(struct tool_transport **list, size_t *count)
{
    struct na_protocol_info *infos = NULL, *info;
    struct tool_transport *found;
    size_t number = 0;
    hg_return_t ret = HG_Get_na_protocol_info(NULL, &infos);

    if (ret != HG_SUCCESS)
        return ret;
    for (info = infos; info != NULL; info = info->next)
        number++;
    found = calloc(number + 1, sizeof(*found));
    number = 0;
    for (info = infos; found != NULL && info != NULL; info = info->next) {
        found[number].protocol = info->protocol_name;
        found[number].provider = info->class_name;
        found[number].device = info->device_name;
        found[number++].usable = true;
    }
    /* The strings stay with Mercury's list, which lives as long as the tool. */
    *list = found;
    *count = number;
    return found == NULL ? HG_NOMEM : HG_SUCCESS;
}

void tool_lib_transports_free(struct tool_transport *list, size_t count)
{
    (void)count;
    free(list);
}
