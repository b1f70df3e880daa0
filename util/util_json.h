/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Writes JSON, in one line, into memory that grows.
 *
 * Strings may hold anything: what JSON must not hold is escaped, and bytes that are not UTF-8 become
 * U+FFFD, so that the text is valid whatever a peer called itself. Where memory runs out the writer
 * fails once, and says so at the end; calls in between need no check. Not thread-safe.
 */
#ifndef UTIL_JSON_H
#define UTIL_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct util_json {
    char *text; /* owned */
    size_t size;
    size_t capacity;
    bool failed; /* there was no memory */
    bool comma;  /* a value stands before the next one */
};

/* Makes an empty text; allocates nothing. fini takes a zeroed one, too. */
void util_json_init(struct util_json *json);
void util_json_fini(struct util_json *json);

/* The text, with a terminator, for util_free; NULL: there was no memory. The writer is empty again. */
char *util_json_take(struct util_json *json);

/* Each value has a key inside an object, and NULL for it inside an array and at the top. */
void util_json_object_begin(struct util_json *json, const char *key);
void util_json_object_end(struct util_json *json);
void util_json_array_begin(struct util_json *json, const char *key);
void util_json_array_end(struct util_json *json);
void util_json_string(struct util_json *json, const char *key, const char *text);
void util_json_number(struct util_json *json, const char *key, uint64_t value);
/* A number of thousandths, with three digits behind the point: nanoseconds as microseconds. */
void util_json_thousandths(struct util_json *json, const char *key, uint64_t value);
void util_json_bool(struct util_json *json, const char *key, bool value);
void util_json_null(struct util_json *json, const char *key);

#endif /* UTIL_JSON_H */
