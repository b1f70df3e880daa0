/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * See tool_parse.h. Everything here is by hand and not by scanf, because a benchmark that takes
 * "64q" for 64 measures something else than was asked for.
 */
#include "tools/tool_parse.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NS_PER_S  1e9
#define MAX_DAY_S 86400.0

/* The power of two that a size suffix stands for; -1 if it is none. */
static int suffix_shift(char c)
{
    switch (c) {
    case '\0':
        return 0;
    case 'k':
    case 'K':
        return 10;
    case 'm':
    case 'M':
        return 20;
    case 'g':
    case 'G':
        return 30;
    default:
        return -1;
    }
}

bool tool_parse_size(const char *text, uint64_t *value)
{
    unsigned long long number;
    char *end;
    int shift;

    if (!isdigit((unsigned char)text[0]))
        return false;
    errno = 0;
    number = strtoull(text, &end, 10);
    shift = suffix_shift(*end);
    if (errno != 0 || shift < 0 || (*end != '\0' && end[1] != '\0'))
        return false;
    if (number > (UINT64_MAX >> shift))
        return false;
    *value = (uint64_t)number << shift;
    return true;
}

bool tool_parse_list(const char *text, uint64_t min, uint64_t max, struct tool_list *list, const char **bad)
{
    struct tool_list found = {.count = 0};
    const char *item = text;

    for (;;) {
        size_t length = strcspn(item, ",");
        char copy[32];

        *bad = item;
        if (length == 0 || length >= sizeof(copy) || found.count == TOOL_PARSE_LIST_MAX)
            return false;
        memcpy(copy, item, length);
        copy[length] = '\0';
        if (!tool_parse_size(copy, &found.values[found.count]))
            return false;
        if (found.values[found.count] < min || found.values[found.count] > max)
            return false;
        found.count++;
        if (item[length] == '\0')
            break;
        item += length + 1;
    }
    *list = found;
    return true;
}

bool tool_parse_duration(const char *text, uint64_t *ns)
{
    double number, unit_s;
    char *end;

    if (!isdigit((unsigned char)text[0]) && text[0] != '.')
        return false;
    errno = 0;
    number = strtod(text, &end);
    if (errno != 0 || end == text)
        return false;
    if (*end == '\0' || strcmp(end, "s") == 0)
        unit_s = 1.0;
    else if (strcmp(end, "ms") == 0)
        unit_s = 1e-3;
    else if (strcmp(end, "m") == 0)
        unit_s = 60.0;
    else
        return false;
    if (!(number * unit_s <= MAX_DAY_S))
        return false;
    *ns = (uint64_t)(number * unit_s * NS_PER_S);
    return true;
}

bool tool_parse_int(const char *text, long min, long max, long *value)
{
    char *end;
    long number;

    if (!isdigit((unsigned char)text[0]) && text[0] != '-')
        return false;
    errno = 0;
    number = strtol(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || number < min || number > max)
        return false;
    *value = number;
    return true;
}

char *tool_parse_show_size(uint64_t size, char *buf, size_t buf_size)
{
    static const struct {
        unsigned int shift;
        char suffix;
    } units[] = {{30, 'G'}, {20, 'M'}, {10, 'k'}};

    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        uint64_t unit = UINT64_C(1) << units[i].shift;

        if (size >= unit && size % unit == 0) {
            (void)snprintf(buf, buf_size, "%" PRIu64 "%c", size / unit, units[i].suffix);
            return buf;
        }
    }
    (void)snprintf(buf, buf_size, "%" PRIu64, size);
    return buf;
}
