/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * The JSON writer. Commas follow from one flag: the beginning of an object or array clears it, the end of any value
 * sets it.
 */
#include "util/util_json.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "util/util_alloc.h"

#define JSON_CAPACITY_FIRST 4096U
/* What stands for bytes that are no text. */
#define JSON_REPLACEMENT "\xef\xbf\xbd"

void util_json_init(struct util_json *json)
{
    *json = (struct util_json){0};
}

void util_json_fini(struct util_json *json)
{
    util_free(json->text);
    util_json_init(json);
}

static void json_grow(struct util_json *json, size_t size)
{
    size_t capacity = json->capacity == 0 ? JSON_CAPACITY_FIRST : json->capacity;
    char *text;

    while (capacity < size)
        capacity *= 2;
    text = util_realloc(json->text, capacity);
    if (text == NULL) {
        json->failed = true;
        return;
    }
    json->text = text;
    json->capacity = capacity;
}

/* Adds bytes, and leaves room for the terminator. */
static void json_add(struct util_json *json, const char *bytes, size_t size)
{
    if (!json->failed && json->size + size + 1 > json->capacity)
        json_grow(json, json->size + size + 1);
    if (json->failed)
        return;
    memcpy(json->text + json->size, bytes, size);
    json->size += size;
}

char *util_json_take(struct util_json *json)
{
    char *text = NULL;

    json_add(json, "", 0);
    if (!json->failed) {
        text = json->text;
        text[json->size] = '\0';
        json->text = NULL;
    }
    util_json_fini(json);
    return text;
}

/* --- strings ---------------------------------------------------------------------------------------------- */

/* How many bytes the character has that begins here; 0: it is not UTF-8, or is cut off. */
static size_t json_character_size(const unsigned char *at)
{
    size_t size;

    if (at[0] < 0x80)
        return 1;
    if (at[0] < 0xc2 || at[0] > 0xf4)
        return 0;
    size = at[0] < 0xe0 ? 2 : (at[0] < 0xf0 ? 3 : 4);
    for (size_t i = 1; i < size; i++)
        if ((at[i] & 0xc0) != 0x80) /* the terminator ends it, too */
            return 0;
    /* Longer than need be, a half of a pair, or beyond the last character. */
    if ((at[0] == 0xe0 && at[1] < 0xa0) || (at[0] == 0xed && at[1] > 0x9f) || (at[0] == 0xf0 && at[1] < 0x90) ||
        (at[0] == 0xf4 && at[1] > 0x8f))
        return 0;
    return size;
}

static void json_add_escaped(struct util_json *json, unsigned char byte)
{
    char escape[8];

    (void)snprintf(escape, sizeof(escape), byte == '"' || byte == '\\' ? "\\%c" : "\\u%04x", byte);
    json_add(json, escape, strlen(escape));
}

static void json_add_quoted(struct util_json *json, const char *text)
{
    const unsigned char *at = (const unsigned char *)text;

    json_add(json, "\"", 1);
    while (*at != '\0') {
        size_t size = json_character_size(at);

        if (size == 0)
            json_add(json, JSON_REPLACEMENT, strlen(JSON_REPLACEMENT));
        else if (*at < 0x20 || *at == 0x7f || *at == '"' || *at == '\\')
            json_add_escaped(json, *at);
        else
            json_add(json, (const char *)at, size);
        at += size == 0 ? 1 : size;
    }
    json_add(json, "\"", 1);
}

/* --- values ----------------------------------------------------------------------------------------------- */

/* What stands in front of a value. */
static void json_begin(struct util_json *json, const char *key)
{
    if (json->comma)
        json_add(json, ",", 1);
    if (key != NULL) {
        json_add_quoted(json, key);
        json_add(json, ":", 1);
    }
    json->comma = true;
}

static void json_open(struct util_json *json, const char *key, const char *bracket)
{
    json_begin(json, key);
    json_add(json, bracket, 1);
    json->comma = false;
}

static void json_close(struct util_json *json, const char *bracket)
{
    json_add(json, bracket, 1);
    json->comma = true;
}

void util_json_object_begin(struct util_json *json, const char *key)
{
    json_open(json, key, "{");
}

void util_json_object_end(struct util_json *json)
{
    json_close(json, "}");
}

void util_json_array_begin(struct util_json *json, const char *key)
{
    json_open(json, key, "[");
}

void util_json_array_end(struct util_json *json)
{
    json_close(json, "]");
}

void util_json_string(struct util_json *json, const char *key, const char *text)
{
    json_begin(json, key);
    json_add_quoted(json, text);
}

void util_json_number(struct util_json *json, const char *key, uint64_t value)
{
    char digits[24];

    json_begin(json, key);
    (void)snprintf(digits, sizeof(digits), "%" PRIu64, value);
    json_add(json, digits, strlen(digits));
}

void util_json_thousandths(struct util_json *json, const char *key, uint64_t value)
{
    char digits[32];

    json_begin(json, key);
    (void)snprintf(digits, sizeof(digits), "%" PRIu64 ".%03u", value / 1000U, (unsigned int)(value % 1000U));
    json_add(json, digits, strlen(digits));
}

void util_json_bool(struct util_json *json, const char *key, bool value)
{
    json_begin(json, key);
    json_add(json, value ? "true" : "false", value ? 4 : 5);
}

void util_json_null(struct util_json *json, const char *key)
{
    json_begin(json, key);
    json_add(json, "null", 4);
}
