/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Reads and writes the numbers that people type and read: sizes with k, M, G (powers of 1024),
 * lists of them, durations with ms, s, m. Pure functions, shared by the tools; what a bad value
 * means for the program is the caller's business.
 */
#ifndef TOOLS_TOOL_PARSE_H
#define TOOLS_TOOL_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TOOL_PARSE_LIST_MAX 32U

struct tool_list {
    uint64_t values[TOOL_PARSE_LIST_MAX];
    unsigned int count; /* 0 = not given */
};

/* "64", "64k", "16M", "1G": true and *value, or false. */
bool tool_parse_size(const char *text, uint64_t *value);

/* "64,1k,64k": at most TOOL_PARSE_LIST_MAX values in [min, max]. On failure false, and *bad (not
 * NULL) is where in `text` the first bad item begins. */
bool tool_parse_list(const char *text, uint64_t min, uint64_t max, struct tool_list *list, const char **bad);

/* "2", "0.5", "300ms", "2s", "1m" into nanoseconds; seconds where no unit is given. Up to a day. */
bool tool_parse_duration(const char *text, uint64_t *ns);

/* A decimal integer in [min, max] and nothing behind it. */
bool tool_parse_int(const char *text, long min, long max, long *value);

/* Writes a size as it would be typed: "64", "1k", "16M", but "1500". Returns `buf`. */
char *tool_parse_show_size(uint64_t size, char *buf, size_t buf_size);

#endif
