/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Promises of na_uri: each form of the grammar, a sentence for each refusal, canonical text that
 * survives a round trip.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "na/na_uri.h"
#include "tests/support/support_guard.h"
#include "util/util_rand.h"

TestSuite(na_uri, .init = support_begin, .fini = support_end);

struct good {
    const char *text;
    const char *protocol;
    const char *domain;
    const char *host;
    int port;
    const char *canonical; /* NULL: the text itself */
};

static const struct good good_uris[] = {
    {"tcp", "tcp", "", "", -1, NULL},
    {"ofi+tcp", "tcp", "", "", -1, NULL},
    {"tcp://", "tcp", "", "", -1, "tcp"},
    {"ofi+tcp://", "tcp", "", "", -1, "ofi+tcp"},
    {"tcp;ofi_rxm", "tcp;ofi_rxm", "", "", -1, NULL},
    {"ofi+tcp;ofi_rxm://10.0.0.1:5000", "tcp;ofi_rxm", "", "10.0.0.1", 5000, NULL},
    {"tcp://eth0", "tcp", "", "eth0", -1, NULL},
    {"tcp://eth0:5000", "tcp", "", "eth0", 5000, NULL},
    {"tcp://:5000", "tcp", "", "", 5000, NULL},
    {"tcp://host.example.org:0", "tcp", "", "host.example.org", 0, NULL},
    {"tcp://h:00080", "tcp", "", "h", 80, "tcp://h:80"},
    {"tcp://[::1]:5000", "tcp", "", "::1", 5000, NULL},
    {"tcp://[fe80::1%eth0]", "tcp", "", "fe80::1%eth0", -1, NULL},
    {"tcp://[::ffff:10.0.0.1]:1", "tcp", "", "::ffff:10.0.0.1", 1, NULL},
    {"verbs://mlx5_0/", "verbs", "mlx5_0", "", -1, NULL},
    {"verbs://mlx5_0/10.0.0.1:5000", "verbs", "mlx5_0", "10.0.0.1", 5000, NULL},
    {"verbs;ofi_rxm://siw_eth0/[::1]:1", "verbs;ofi_rxm", "siw_eth0", "::1", 1, NULL},
    {"shm", "shm", "", "", -1, NULL},
    {"shm://", "shm", "", "", -1, "shm"},
    {"shm://my-server", "shm", "", "my-server", -1, NULL},
    {"shm://12/a:b", "shm", "", "12/a:b", -1, NULL},
    {"na+sm", "shm", "", "", -1, NULL},
    {"na+sm://", "shm", "", "", -1, "na+sm"},
    {"na+sm://1234/0", "shm", "", "1234/0", -1, NULL},
    {"sm", "shm", "", "", -1, "na+sm"},
};

Test(na_uri, every_form_is_taken_apart_and_written_canonically)
{
    for (size_t i = 0; i < sizeof(good_uris) / sizeof(good_uris[0]); i++) {
        const struct good *good = &good_uris[i];
        char text[NA_URI_TEXT_SIZE];
        char why[256] = "";
        size_t size = sizeof(text);
        struct na_uri uri;

        cr_assert_eq(na_uri_parse(good->text, &uri, why, sizeof(why)), 0, "%s: %s", good->text, why);
        cr_assert_str_eq(uri.protocol, good->protocol);
        cr_assert_str_eq(uri.domain, good->domain);
        cr_assert_str_eq(uri.host, good->host);
        cr_assert_eq(uri.port, good->port);
        cr_assert_eq(uri.ofi_prefix, strncmp(good->text, "ofi+", 4) == 0);
        cr_assert_eq(na_uri_format(&uri, text, &size), 0);
        cr_assert_str_eq(text, good->canonical != NULL ? good->canonical : good->text);
        cr_assert_eq(size, strlen(text) + 1);
    }
}

Test(na_uri, sm_is_an_alias_that_is_remembered)
{
    struct na_uri uri;

    cr_assert_eq(na_uri_parse("na+sm", &uri, NULL, 0), 0);
    cr_assert(uri.sm_alias);
    cr_assert_eq(na_uri_parse("shm", &uri, NULL, 0), 0);
    cr_assert_not(uri.sm_alias);
}

struct bad {
    const char *text;
    const char *sentence;
};

static const struct bad bad_uris[] = {
    {"", "the text is empty: a protocol is expected at character 1"},
    {"://x", "a protocol is missing at character 1"},
    {"ofi+", "a protocol is missing at character 5"},
    {"ucx+tcp://x", "only the prefix ofi+ and the name na+sm are known, but there is a '+' at character 4"},
    {"ofi+ofi+tcp", "only the prefix ofi+ and the name na+sm are known, but there is a '+' at character 8"},
    {"na+tcp", "the prefix na+ goes with sm alone, but there is another protocol at character 4"},
    {"tcp:/x", "\"://\" or the end should follow the protocol at character 4"},
    {"t cp", "the protocol has the byte 0x20, which it may not, at character 2"},
    {"tcp:///x", "a domain is missing before '/' at character 7"},
    {"tcp://a/b/c", "the host has the byte 0x2f, which it may not, at character 10"},
    {"tcp://h:", "a port is missing after ':' at character 9"},
    {"tcp://h:65536", "the port is above 65535 at character 9"},
    {"tcp://h:99999999999999999999", "the port is above 65535 at character 9"},
    {"tcp://h:12x", "the port has the byte 0x78, which is no digit, at character 11"},
    {"tcp://h:-1", "the port has the byte 0x2d, which is no digit, at character 9"},
    {"tcp://fe80::1", "there are two ':' (an IPv6 address needs brackets) after the host at character 7"},
    {"tcp://[::1", "there is no ']' for the '[' at character 7"},
    {"tcp://[::1]5", "':' and a port, or the end, should follow the host at character 12"},
    {"tcp://[1.2.3.4]", "what the brackets hold is no IPv6 address at character 7"},
    {"tcp://[]", "what the brackets hold is no IPv6 address at character 7"},
    {"tcp://[::1%]", "the scope after '%' of the IPv6 address is not a name at character 7"},
    {"tcp://h\xff", "the host has the byte 0xff, which it may not, at character 8"},
    {"shm://a b", "the name has the byte 0x20, which it may not, at character 8"},
};

Test(na_uri, every_refusal_says_what_is_wrong_and_where)
{
    for (size_t i = 0; i < sizeof(bad_uris) / sizeof(bad_uris[0]); i++) {
        struct na_uri uri = {.port = 77};
        char why[256] = "";

        cr_assert_eq(na_uri_parse(bad_uris[i].text, &uri, why, sizeof(why)), -EINVAL, "%s", bad_uris[i].text);
        cr_assert_str_eq(why, bad_uris[i].sentence);
        cr_assert_eq(uri.port, 77, "the result was touched");
    }
}

Test(na_uri, null_text_and_no_room_for_the_sentence_are_refused_quietly)
{
    struct na_uri uri;
    char why[8];

    cr_assert_eq(na_uri_parse(NULL, &uri, NULL, 0), -EINVAL);
    cr_assert_eq(na_uri_parse("tcp:", &uri, why, sizeof(why)), -EINVAL);
    cr_assert_eq(strlen(why), sizeof(why) - 1);
    cr_assert_eq(na_uri_parse("tcp:", &uri, why, 0), -EINVAL);
}

Test(na_uri, overlong_parts_are_refused)
{
    static const char *const formats[] = {"%s", "tcp://%s", "tcp://%s/h", "shm://%s", "tcp://[%s]"};
    char part[NA_URI_HOST_SIZE + 1];
    char text[NA_URI_HOST_SIZE + 32];
    struct na_uri uri;
    char why[256];

    memset(part, 'a', sizeof(part) - 1);
    part[sizeof(part) - 1] = '\0';
    for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
        snprintf(text, sizeof(text), formats[i], part);
        cr_assert_eq(na_uri_parse(text, &uri, why, sizeof(why)), -EINVAL, "%s", text);
        cr_assert_not_null(strstr(why, "more than"), "%s", why);
    }
    part[NA_URI_HOST_SIZE - 1] = '\0';
    snprintf(text, sizeof(text), "tcp://%s", part);
    cr_assert_eq(na_uri_parse(text, &uri, why, sizeof(why)), 0, "the longest host fits");
}

Test(na_uri, format_asks_and_refuses_by_size)
{
    struct na_uri uri;
    char text[16] = "untouched";
    size_t size = 0;

    cr_assert_eq(na_uri_parse("tcp://h:1", &uri, NULL, 0), 0);
    cr_assert_eq(na_uri_format(&uri, NULL, &size), 0);
    cr_assert_eq(size, sizeof("tcp://h:1"));
    size--;
    cr_assert_eq(na_uri_format(&uri, text, &size), -EMSGSIZE);
    cr_assert_str_eq(text, "untouched");
    cr_assert_eq(size, sizeof("tcp://h:1") - 1);
}

Test(na_uri, the_longest_text_has_its_size_kept)
{
    struct na_uri uri = {.port = 65535, .ofi_prefix = true};
    char text[NA_URI_TEXT_SIZE];
    size_t size = sizeof(text);

    memset(uri.protocol, 'p', sizeof(uri.protocol) - 1);
    memset(uri.domain, 'd', sizeof(uri.domain) - 1);
    memset(uri.host, 'h', sizeof(uri.host) - 1);
    cr_assert_eq(na_uri_format(&uri, text, &size), 0);
    cr_assert_not_null(strstr(text, "h:65535"));
}

/* Texts near the grammar: pieces of it in any order, with a byte changed here and there. */
Test(na_uri, whatever_is_accepted_survives_a_round_trip)
{
    static const char *const pieces[] = {"ofi+", "na+",  "sm", "shm", "tcp",   ";ofi_rxm", "://",
                                         ":",    "/",    "[",  "]",   "::1",   "%eth0",    "10.0.0.1",
                                         "eth0", "5000", "0",  "x",   "mlx5_0"};
    struct util_prng prng;
    unsigned int accepted = 0;

    util_prng_init(&prng, support_seed());
    for (int round = 0; round < 200000; round++) {
        char text[128] = "";
        char again[NA_URI_TEXT_SIZE];
        size_t size = sizeof(again);
        struct na_uri first;
        struct na_uri second;

        for (uint64_t n = 1 + util_prng_below(&prng, 7); n > 0; n--)
            strcat(text, pieces[util_prng_below(&prng, sizeof(pieces) / sizeof(pieces[0]))]);
        if (util_prng_below(&prng, 8) == 0)
            text[util_prng_below(&prng, strlen(text))] = (char)util_prng_next(&prng);
        if (na_uri_parse(text, &first, NULL, 0) != 0)
            continue;
        accepted++;
        cr_assert_eq(na_uri_format(&first, again, &size), 0);
        cr_assert_eq(na_uri_parse(again, &second, NULL, 0), 0, "%s from %s", again, text);
        cr_assert_eq(memcmp(&first, &second, sizeof(first)), 0, "%s from %s", again, text);
    }
    cr_assert(accepted > 1000);
}
