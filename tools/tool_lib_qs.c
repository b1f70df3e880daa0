/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * tool_lib.h for Quicksilver: the one file of the tools that includes quicksilver.h.
 */
#include "tools/tool_lib.h"

#include <quicksilver.h>

#include <stdlib.h>

/* The list that the strings of a struct tool_transport array belong to, kept in front of it. */
struct owned_list {
    struct qs_transport_info *infos;
    size_t count;
    struct tool_transport transports[];
};

const char *tool_lib_name(void)
{
    return "Quicksilver";
}

const char *tool_lib_version(void)
{
    return qs_version_text();
}

const char *tool_lib_fabric_version(void)
{
    return qs_libfabric_version();
}

const char *tool_lib_features(void)
{
    return qs_build_features();
}

const char *tool_lib_detail(void)
{
    return qs_error_detail();
}

void tool_lib_note_failure(hg_handle_t handle)
{
    struct qs_result result;

    (void)qs_handle_get_result(handle, &result, sizeof(result));
}

bool tool_lib_set_batching(hg_class_t *hg_class, bool batching)
{
    return qs_class_set_batching(hg_class, batching) == HG_SUCCESS;
}

_Static_assert((int)TOOL_METHOD_ONCE == (int)QS_METHOD_ONCE &&
                   (int)TOOL_METHOD_IDEMPOTENT == (int)QS_METHOD_IDEMPOTENT &&
                   (int)TOOL_METHOD_AT_MOST_ONCE == (int)QS_METHOD_AT_MOST_ONCE,
               "the methods have the library's numbers");
_Static_assert((int)TOOL_OUTCOME_UNKNOWN == (int)QS_OUTCOME_UNKNOWN &&
                   (int)TOOL_OUTCOME_NOT_SENT == (int)QS_OUTCOME_NOT_SENT &&
                   (int)TOOL_OUTCOME_NOT_EXECUTED == (int)QS_OUTCOME_NOT_EXECUTED &&
                   (int)TOOL_OUTCOME_EXECUTED == (int)QS_OUTCOME_EXECUTED,
               "the outcomes have the library's numbers");

bool tool_lib_has_outcomes(void)
{
    return true;
}

bool tool_lib_set_calls(hg_class_t *hg_class, hg_id_t id, const struct tool_calls *how)
{
    struct qs_retry retry = {
        .attempts_max = how->attempts_max, .attempt_timeout_us = how->attempt_timeout_us, .pause_us = how->pause_us};

    return qs_registered_set_timeout(hg_class, id, how->timeout_us) == HG_SUCCESS &&
           qs_registered_set_method(hg_class, id, (enum qs_method)how->method, &retry) == HG_SUCCESS;
}

hg_return_t tool_lib_forward(hg_handle_t handle, hg_cb_t callback, void *arg, void *in_struct)
{
    return qs_forward(handle, callback, arg, in_struct);
}

bool tool_lib_result(hg_handle_t handle, enum tool_outcome *outcome, uint32_t *attempts)
{
    struct qs_result result;

    if (qs_handle_get_result(handle, &result, sizeof(result)) != HG_SUCCESS || (int)result.outcome < 0 ||
        (int)result.outcome >= (int)TOOL_OUTCOMES)
        return false;
    *outcome = (enum tool_outcome)result.outcome;
    *attempts = result.attempts;
    return true;
}

/* "" is the library's "not known". */
static const char *text_or_null(const char *text)
{
    return text == NULL || text[0] == '\0' ? NULL : text;
}

hg_return_t tool_lib_transports(struct tool_transport **list, size_t *count)
{
    struct qs_transport_info *infos = NULL;
    struct owned_list *owned;
    size_t number = 0;
    hg_return_t ret = qs_transport_list(&infos, &number);

    if (ret != HG_SUCCESS)
        return ret;
    owned = calloc(1, sizeof(*owned) + number * sizeof(owned->transports[0]));
    if (owned == NULL) {
        qs_transport_list_free(infos, number);
        return HG_NOMEM;
    }
    owned->infos = infos;
    owned->count = number;
    for (size_t i = 0; i < number; i++) {
        struct tool_transport *transport = &owned->transports[i];

        transport->protocol = text_or_null(infos[i].protocol);
        transport->provider = text_or_null(infos[i].provider);
        transport->domain = text_or_null(infos[i].domain);
        transport->device = text_or_null(infos[i].device);
        transport->address = text_or_null(infos[i].address);
        transport->usable = infos[i].usable != 0;
        transport->why = text_or_null(infos[i].why);
    }
    *list = owned->transports;
    *count = number;
    return HG_SUCCESS;
}

void tool_lib_transports_free(struct tool_transport *list, size_t count)
{
    struct owned_list *owned;

    (void)count;
    if (list == NULL)
        return;
    owned = (struct owned_list *)(void *)((char *)list - offsetof(struct owned_list, transports));
    qs_transport_list_free(owned->infos, owned->count);
    free(owned);
}
