/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Names and addresses of endpoints. No state; any thread.
 */
#include "na/shm/shm_name.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "na/na_uri.h"
#include "util/util_detail.h"

#define SCHEME "shm://"
/* With the scheme in front or the longest suffix behind, it is still an address or an endpoint's name. */
#define NAME_LENGTH_MAX (NA_ADDRESS_MAX - sizeof(SCHEME) - sizeof("#255"))

static int name_parse(const char *text, struct na_uri *uri)
{
    char why[200];
    int error = na_uri_parse(text, uri, why, sizeof(why));

    if (error != 0)
        return util_detail_set(error, "'%.200s' is no address: %s", text, why);
    if (strcmp(uri->protocol, "shm") != 0)
        return util_detail_set(-EPROTONOSUPPORT, "'%.200s' is no address of this class, whose protocol is shm", text);
    if (strlen(uri->host) > NAME_LENGTH_MAX)
        return util_detail_set(-EINVAL, "the endpoint name has %zu characters, more than %zu", strlen(uri->host),
                               NAME_LENGTH_MAX);
    if (strchr(uri->host, '#') != NULL)
        return util_detail_set(-EINVAL, "the endpoint name '%.200s' contains a '#'", uri->host);
    return 0;
}

int shm_name_local(const char *text, char name[NA_ADDRESS_MAX])
{
    struct na_uri uri;
    int error = name_parse(text, &uri);

    if (error != 0)
        return error;
    (void)snprintf(name, NA_ADDRESS_MAX, "%s", uri.host);
    return 0;
}

void shm_name_numbered(uint32_t number, char name[NA_ADDRESS_MAX])
{
    (void)snprintf(name, NA_ADDRESS_MAX, "%ld-%u", (long)getpid(), number);
}

int shm_name_remote(const char *text, char name[NA_ADDRESS_MAX])
{
    struct na_uri uri;
    int error = name_parse(text, &uri);

    if (error != 0)
        return error;
    if (uri.host[0] == '\0')
        return util_detail_set(-EINVAL, "the address of a peer needs a name, such as " SCHEME "NAME");
    (void)snprintf(name, NA_ADDRESS_MAX, "%s", uri.host);
    return 0;
}

void shm_name_of_context(const char *name, uint8_t context, char out[NA_ADDRESS_MAX])
{
    int length = context == 0 ? snprintf(out, NA_ADDRESS_MAX, "%s", name)
                              : snprintf(out, NA_ADDRESS_MAX, "%.*s#%u", (int)NAME_LENGTH_MAX, name, context);

    (void)length; /* it fits: see name_parse */
}

void shm_name_of_class(const char *name, char out[NA_ADDRESS_MAX])
{
    (void)snprintf(out, NA_ADDRESS_MAX, "%.*s#", (int)NAME_LENGTH_MAX, name);
}

void shm_name_text(const char *name, char text[NA_ADDRESS_MAX])
{
    (void)snprintf(text, NA_ADDRESS_MAX, SCHEME "%.*s", (int)NAME_LENGTH_MAX, name);
}
