/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * hg_info for programs: {"schema":1,"library":...,"version":...,"libfabric":...,"features":...,
 * "transports":[{"protocol","provider","domain","device","address","usable","why"}]}. What is not
 * known is null.
 */
#include "tools/info_report.h"

#include <stdio.h>

#include <json-c/json.h>

#define SCHEMA 1

static void add_text(struct json_object *object, const char *key, const char *text)
{
    (void)json_object_object_add(object, key, text == NULL ? NULL : json_object_new_string(text));
}

static struct json_object *transport_json(const struct tool_transport *transport)
{
    struct json_object *object = json_object_new_object();

    add_text(object, "protocol", transport->protocol);
    add_text(object, "provider", transport->provider);
    add_text(object, "domain", transport->domain);
    add_text(object, "device", transport->device);
    add_text(object, "address", transport->address);
    (void)json_object_object_add(object, "usable", json_object_new_boolean(transport->usable));
    add_text(object, "why", transport->why);
    return object;
}

bool info_json_print(const struct tool_transport *list, size_t count)
{
    struct json_object *root = json_object_new_object();
    struct json_object *transports = json_object_new_array();
    bool good;

    for (size_t i = 0; i < count; i++)
        (void)json_object_array_add(transports, transport_json(&list[i]));
    (void)json_object_object_add(root, "schema", json_object_new_int(SCHEMA));
    add_text(root, "library", tool_lib_name());
    add_text(root, "version", tool_lib_version());
    add_text(root, "libfabric", tool_lib_fabric_version());
    add_text(root, "features", tool_lib_features());
    (void)json_object_object_add(root, "transports", transports);
    good = printf("%s\n",
                  json_object_to_json_string_ext(root, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE)) > 0;
    (void)json_object_put(root);
    return fflush(stdout) == 0 && good;
}
