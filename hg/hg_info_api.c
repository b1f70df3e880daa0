/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */

/*
 * What can be asked without a class: versions, build features and the transports of this machine.
 */

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "hg/hg_error.h"
#include "mercury.h"
#include "na/na.h"
#include "na/na_uri.h"
#include "quicksilver.h"
#include "util/util_alloc.h"
#include "util/util_detail.h"

#ifdef NDEBUG
#define INFO_ASSERTIONS ""
#else
#define INFO_ASSERTIONS " assertions"
#endif
#ifdef __SANITIZE_THREAD__
#define INFO_SANITIZER " tsan"
#elif UTIL_ASAN
#define INFO_SANITIZER " asan"
#else
#define INFO_SANITIZER ""
#endif

#define INFO_TEXT(x)                      #x
#define INFO_VERSION(major, minor, patch) INFO_TEXT(major) "." INFO_TEXT(minor) "." INFO_TEXT(patch)

hg_return_t HG_Version_get(unsigned int *major_p, unsigned int *minor_p, unsigned int *patch_p)
{
    if (major_p != NULL)
        *major_p = HG_VERSION_MAJOR;
    if (minor_p != NULL)
        *minor_p = HG_VERSION_MINOR;
    if (patch_p != NULL)
        *patch_p = HG_VERSION_PATCH;
    return HG_SUCCESS;
}

const char *qs_version_text(void)
{
    return INFO_VERSION(QS_VERSION_MAJOR, QS_VERSION_MINOR, QS_VERSION_PATCH);
}

const char *qs_libfabric_version(void)
{
    const char *text = na_transport_version();
    const char *number = strchr(text, ' ');

    return number != NULL ? number + 1 : text;
}

const char *qs_build_features(void)
{
    return "ofi tcp shm verbs batching checksums" INFO_ASSERTIONS INFO_SANITIZER;
}

/* --- transports ---------------------------------------------------------------------------------------------- */

hg_return_t qs_transport_list(struct qs_transport_info **list_p, size_t *count_p)
{
    struct na_transport_info *found;
    struct qs_transport_info *list;
    size_t count;
    size_t i;
    int error;

    if (list_p == NULL || count_p == NULL)
        return hg_error_set(HG_INVALID_ARG, "qs_transport_list: a NULL argument");
    error = na_transport_list(NULL, &found, &count);
    if (error != 0)
        return hg_error_from(error);
    /* The strings stay where the transport layer put them, behind the list that points at them. */
    list = util_malloc(sizeof(*list) * count + sizeof(*found) * count + 1);
    if (list == NULL) {
        util_free(found);
        return hg_error_set(HG_NOMEM, "qs_transport_list: no memory");
    }
    if (count > 0)
        memcpy(list + count, found, sizeof(*found) * count);
    util_free(found);
    found = (struct na_transport_info *)(void *)(list + count);
    for (i = 0; i < count; i++)
        list[i] = (struct qs_transport_info){
            .protocol = found[i].protocol,
            .provider = found[i].provider,
            .domain = found[i].domain,
            .device = found[i].device,
            .address = found[i].address,
            .usable = found[i].usable,
            .why = found[i].why,
        };
    *list_p = list;
    *count_p = count;
    return HG_SUCCESS;
}

void qs_transport_list_free(struct qs_transport_info *list, size_t count)
{
    (void)count;
    util_free(list);
}

static struct na_protocol_info *info_create(const char *class_name, const char *protocol, const char *device)
{
    struct na_protocol_info *info = util_calloc(1, sizeof(*info));

    if (info == NULL)
        return NULL;
    info->class_name = util_strdup(class_name);
    info->protocol_name = util_strdup(protocol);
    info->device_name = util_strdup(device);
    if (info->class_name == NULL || info->protocol_name == NULL || info->device_name == NULL) {
        HG_Free_na_protocol_info(info);
        return NULL;
    }
    return info;
}

/* What an info string asks for. */
struct info_wish {
    const char *protocol; /* NULL: everything */
    bool ofi;             /* under the names that begin with ofi+ */
    bool sm;              /* shared memory under the name na+sm */
};

/* Adds a usable transport to the list, under each name that is asked for. */
static int info_add(struct na_protocol_info ***last, const struct na_transport_info *found,
                    const struct info_wish *wish)
{
    const char *device = found->device[0] != '\0' ? found->device : found->domain;

    if (wish->ofi) {
        **last = info_create("ofi", found->protocol, device);
        if (**last == NULL)
            return -ENOMEM;
        *last = &(**last)->next;
    }
    if (wish->sm && strcmp(found->protocol, "shm") == 0) {
        **last = info_create("na", "sm", device);
        if (**last == NULL)
            return -ENOMEM;
        *last = &(**last)->next;
    }
    return 0;
}

/* Lists what is wished for; an empty list is one that says why. */
static int info_list(const struct info_wish *wish, struct na_protocol_info **first)
{
    struct na_protocol_info **last = first;
    struct na_transport_info *found;
    size_t count;
    int error = na_transport_list(wish->protocol, &found, &count);

    if (error != 0)
        return error;
    for (size_t i = 0; i < count && error == 0; i++) {
        if (found[i].usable)
            error = info_add(&last, &found[i], wish);
        else if (wish->protocol != NULL)
            (void)util_detail_set(0, "%s cannot be used: %s", found[i].protocol, found[i].why);
    }
    util_free(found);
    return error;
}

hg_return_t HG_Get_na_protocol_info(const char *info_string, struct na_protocol_info **na_protocol_info_p)
{
    struct info_wish wish = {.ofi = true, .sm = true};
    struct na_protocol_info *first = NULL;
    struct na_uri uri;
    char why[200];
    int error;

    if (na_protocol_info_p == NULL)
        return hg_error_set(HG_INVALID_ARG, "HG_Get_na_protocol_info: a NULL argument");
    if (info_string != NULL && info_string[0] != '\0') {
        if (na_uri_parse(info_string, &uri, why, sizeof(why)) != 0)
            return hg_error_set(HG_PROTONOSUPPORT, "'%.200s' names no protocol: %s", info_string, why);
        wish = (struct info_wish){.protocol = uri.protocol, .ofi = !uri.sm_alias, .sm = uri.sm_alias};
    }
    error = info_list(&wish, &first);
    if (error != 0) {
        HG_Free_na_protocol_info(first);
        return hg_error_from(error);
    }
    if (first == NULL)
        return HG_PROTONOSUPPORT; /* with the reason that the list gave */
    *na_protocol_info_p = first;
    return HG_SUCCESS;
}

void HG_Free_na_protocol_info(struct na_protocol_info *na_protocol_info)
{
    while (na_protocol_info != NULL) {
        struct na_protocol_info *next = na_protocol_info->next;

        util_free(na_protocol_info->class_name);
        util_free(na_protocol_info->protocol_name);
        util_free(na_protocol_info->device_name);
        util_free(na_protocol_info);
        na_protocol_info = next;
    }
}
