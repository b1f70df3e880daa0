/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Fuzzes the parser of info strings and addresses: it must not crash on any bytes, always explain a
 * refusal, and what it accepts must survive being written and read again.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "na/na_uri.h"
#include "tests/support/support_guard.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_round_trip(const struct na_uri *uri)
{
    char text[NA_URI_TEXT_SIZE];
    char again[NA_URI_TEXT_SIZE];
    size_t text_size = sizeof(text);
    size_t again_size = sizeof(again);
    struct na_uri parsed;

    SUPPORT_CHECK(na_uri_format(uri, text, &text_size) == 0);
    SUPPORT_CHECK(text_size == strlen(text) + 1);
    SUPPORT_CHECK(na_uri_parse(text, &parsed, NULL, 0) == 0);
    SUPPORT_CHECK(memcmp(&parsed, uri, sizeof(parsed)) == 0);
    SUPPORT_CHECK(na_uri_format(&parsed, again, &again_size) == 0);
    SUPPORT_CHECK(strcmp(text, again) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    char why[256] = "";
    struct na_uri uri;

    if (text == NULL)
        return 0;
    if (size > 0)
        memcpy(text, data, size);
    text[size] = '\0';
    if (na_uri_parse(text, &uri, why, sizeof(why)) == 0) {
        check_round_trip(&uri);
    } else {
        SUPPORT_CHECK(why[0] != '\0');
        (void)na_uri_parse(text, &uri, why, size % sizeof(why));
    }
    free(text);
    return 0;
}
