/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */

/*
 * What can be asked without a class: versions, build features and the transports of this machine.
 */

#include <stdio.h>
#include <string.h>

#include "hg/hg_error.h"
#include "mercury.h"
#include "na/na.h"
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
        return HG_INVALID_ARG;
    error = na_transport_list(NULL, &found, &count);
    if (error != 0)
        return hg_error_from(error);
    /* The strings stay where the transport layer put them, behind the list that points at them. */
    list = util_malloc(sizeof(*list) * count + sizeof(*found) * count + 1);
    if (list == NULL) {
        util_free(found);
        return HG_NOMEM;
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

static struct na_protocol_info *info_protocol(const struct na_transport_info *found)
{
    struct na_protocol_info *info = util_calloc(1, sizeof(*info));

    if (info == NULL)
        return NULL;
    info->class_name = util_strdup("ofi");
    info->protocol_name = util_strdup(found->protocol);
    info->device_name = util_strdup(found->device[0] != '\0' ? found->device : found->domain);
    if (info->class_name == NULL || info->protocol_name == NULL || info->device_name == NULL) {
        HG_Free_na_protocol_info(info);
        return NULL;
    }
    return info;
}

/* Whether the transport is one of those that an info string such as "ofi+tcp" or "tcp://eth0" asks for. */
static bool info_wanted(const struct na_transport_info *found, const char *info_string)
{
    const char *name = info_string;
    size_t size;

    if (!found->usable)
        return false;
    if (name == NULL || name[0] == '\0')
        return true;
    if (strncmp(name, "ofi+", 4) == 0)
        name += 4;
    if (strncmp(name, "na+sm", 5) == 0)
        name = "shm";
    if (name[0] == '\0' || strcmp(info_string, "ofi") == 0)
        return true;
    size = strcspn(name, ":");
    return strlen(found->protocol) == size && strncmp(found->protocol, name, size) == 0;
}

hg_return_t HG_Get_na_protocol_info(const char *info_string, struct na_protocol_info **na_protocol_info_p)
{
    struct na_protocol_info *first = NULL;
    struct na_protocol_info **last = &first;
    struct na_transport_info *found;
    size_t count;
    size_t i;
    int error;

    if (na_protocol_info_p == NULL)
        return HG_INVALID_ARG;
    error = na_transport_list(NULL, &found, &count);
    if (error != 0)
        return hg_error_from(error);
    for (i = 0; i < count; i++) {
        if (!info_wanted(&found[i], info_string))
            continue;
        *last = info_protocol(&found[i]);
        if (*last == NULL) {
            HG_Free_na_protocol_info(first);
            util_free(found);
            return HG_NOMEM;
        }
        last = &(*last)->next;
    }
    util_free(found);
    if (first == NULL)
        return hg_error_set(HG_PROTONOSUPPORT, "no usable transport matches \"%s\"",
                            info_string != NULL ? info_string : "");
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
