/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */

/*
 * Opening shared memory beside another transport. Names of endpoints are per network namespace, as are the
 * addresses that they are made of, so the name of an address cannot lead to anybody else.
 */

#include "hg/hg_sm.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "hg/hg_class.h"
#include "na/na_uri.h"
#include "util/util_detail.h"
#include "util/util_hash.h"
#include "util/util_log.h"

#define SM_PROTOCOL "shm"
#define SM_SCHEME   SM_PROTOCOL "://"
/* Longer addresses are hashed: what stands in front of a name and what contexts put behind it needs its room. */
#define SM_NAME_MAX 200U

void hg_sm_address(const char *text, char address[NA_ADDRESS_MAX])
{
    size_t length = strlen(text);

    /* A '#' is between a name and the number of a context. */
    if (length <= SM_NAME_MAX && strchr(text, '#') == NULL)
        (void)snprintf(address, NA_ADDRESS_MAX, SM_SCHEME "%s", text);
    else
        (void)snprintf(address, NA_ADDRESS_MAX, SM_SCHEME "hash:%016llx-%zu",
                       (unsigned long long)util_hash_string64(text), length);
}

/* The user's info string may say no more than that it is shared memory: the name is ours to choose. */
static int sm_check_info(const char *info)
{
    struct na_uri uri;
    char why[200];
    int error;

    if (info == NULL)
        return 0;
    error = na_uri_parse(info, &uri, why, sizeof(why));
    if (error != 0)
        return util_detail_set(-EINVAL, "sm_info_string: '%.200s' is no info string: %s", info, why);
    if (strcmp(uri.protocol, SM_PROTOCOL) != 0)
        return util_detail_set(-EINVAL, "sm_info_string: '%.200s' is not shared memory (na+sm or shm)", info);
    if (uri.host[0] != '\0')
        UTIL_LOG_WARNING(UTIL_LOG_AREA_CLS,
                         "sm_info_string: the name '%s' has no effect: peers are found by the class's address",
                         uri.host);
    return 0;
}

int hg_sm_open(struct hg_class *hg_class, bool listen, const struct hg_init_info *options)
{
    const struct na_init_info_4_0 *na = &options->na_init_info;
    struct hg_transport *transport = &hg_class->transports[BULK_TRANSPORT_SM];
    char uri[NA_ADDRESS_MAX];
    const struct na_config config = {
        .uri = uri,
        .listen = listen,
        .single_threaded = (na->thread_mode & NA_THREAD_MODE_SINGLE) == NA_THREAD_MODE_SINGLE,
        .never_block = (na->progress_mode & NA_NO_BLOCK) != 0,
        .context_count_max = hg_class->context_max,
    };
    int error;

    if (!options->auto_sm)
        return 0;
    error = sm_check_info(options->sm_info_string);
    if (error != 0 || strcmp(na_class_protocol(hg_class->na), SM_PROTOCOL) == 0)
        return error;
    hg_sm_address(na_class_address(hg_class->na), uri);
    error = na_class_open(&config, &transport->na);
    if (error != 0)
        return error;
    hg_transport_learn_limits(transport);
    hg_class->transport_count++;
    return 0;
}
