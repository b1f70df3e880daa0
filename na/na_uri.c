/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * The parser and formatter of info strings and addresses. The parser is a cursor over the text and
 * one function per part; the first part that does not fit writes the sentence and ends the work.
 */
#include "na/na_uri.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define NA_URI_PORT_MAX 65535

struct na_uri_cursor {
    const char *text; /* borrowed for the call */
    size_t at;        /* first character not yet taken */
    size_t end;       /* length of the text */
    char *why;        /* borrowed; may be NULL */
    size_t why_size;
};

/* Writes the sentence; `at` counts from 0, people from 1. */
__attribute__((format(printf, 3, 4))) static int uri_fail(const struct na_uri_cursor *c, size_t at, const char *format,
                                                          ...)
{
    va_list args;
    int length;

    if (c->why == NULL || c->why_size == 0)
        return -EINVAL;
    va_start(args, format);
    length = vsnprintf(c->why, c->why_size, format, args);
    va_end(args);
    if (length >= 0 && (size_t)length < c->why_size)
        (void)snprintf(c->why + length, c->why_size - (size_t)length, " at character %zu", at + 1);
    return -EINVAL;
}

static bool is_alnum(char ch)
{
    return (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') || (ch >= '0' && ch <= '9');
}

static bool is_protocol_char(char ch)
{
    return is_alnum(ch) || ch == '_' || ch == ';' || ch == '-' || ch == '.';
}

static bool is_host_char(char ch)
{
    return is_alnum(ch) || ch == '_' || ch == '-' || ch == '.';
}

/* Domains are names of devices: network interfaces may have any of these. */
static bool is_domain_char(char ch)
{
    return is_host_char(ch) || ch == ':' || ch == '@';
}

static bool is_printable(char ch)
{
    return ch > ' ' && ch <= '~';
}

/* Takes the characters from the cursor up to `end` into out[out_size]; all must be allowed. */
static int take_part(struct na_uri_cursor *c, size_t end, const char *what, bool (*allowed)(char), char *out,
                     size_t out_size)
{
    size_t length = end - c->at;

    for (size_t i = c->at; i < end; i++) {
        if (!allowed(c->text[i]))
            return uri_fail(c, i, "the %s has the byte 0x%02x, which it may not,", what,
                            (unsigned int)(unsigned char)c->text[i]);
    }
    if (length >= out_size)
        return uri_fail(c, c->at, "the %s has %zu characters, more than %zu,", what, length, out_size - 1);
    memcpy(out, c->text + c->at, length);
    out[length] = '\0';
    c->at = end;
    return 0;
}

static bool looking_at(const struct na_uri_cursor *c, const char *literal)
{
    return strncmp(c->text + c->at, literal, strlen(literal)) == 0;
}

/* The index of `ch` between the cursor and the end, or the end. */
static size_t find_char(const struct na_uri_cursor *c, char ch)
{
    const char *found = memchr(c->text + c->at, ch, c->end - c->at);

    return found == NULL ? c->end : (size_t)(found - c->text);
}

/* [ofi+]PROTOCOL or na+sm, up to "://" or the end. */
static int take_protocol(struct na_uri_cursor *c, struct na_uri *uri)
{
    size_t end;
    int rc;

    if (looking_at(c, "ofi+")) {
        uri->ofi_prefix = true;
        c->at += strlen("ofi+");
    } else if (looking_at(c, "na+")) {
        c->at += strlen("na+");
        uri->sm_alias = true;
    }
    end = find_char(c, ':');
    if (end == c->at)
        return uri_fail(c, c->at, "a protocol is missing");
    if (find_char(c, '+') < end)
        return uri_fail(c, find_char(c, '+'), "only the prefix ofi+ and the name na+sm are known, but there is a '+'");
    rc = take_part(c, end, "protocol", is_protocol_char, uri->protocol, sizeof(uri->protocol));
    if (rc != 0)
        return rc;
    if (strcmp(uri->protocol, "sm") == 0 && !uri->ofi_prefix) {
        uri->sm_alias = true;
        (void)snprintf(uri->protocol, sizeof(uri->protocol), "shm");
    } else if (uri->sm_alias) {
        return uri_fail(c, strlen("na+"), "the prefix na+ goes with sm alone, but there is another protocol");
    }
    return 0;
}

/* A decimal port to the end of the text. */
static int take_port(struct na_uri_cursor *c, struct na_uri *uri)
{
    size_t begin = c->at;
    int port = 0;

    if (c->at == c->end)
        return uri_fail(c, c->at, "a port is missing after ':'");
    for (; c->at < c->end; c->at++) {
        char ch = c->text[c->at];

        if (ch < '0' || ch > '9')
            return uri_fail(c, c->at, "the port has the byte 0x%02x, which is no digit,",
                            (unsigned int)(unsigned char)ch);
        port = port * 10 + (ch - '0');
        if (port > NA_URI_PORT_MAX)
            return uri_fail(c, begin, "the port is above %d", NA_URI_PORT_MAX);
    }
    uri->port = port;
    return 0;
}

static bool is_ipv6_char(char ch)
{
    return is_host_char(ch) || ch == ':' || ch == '%';
}

/* [IPv6] with an optional %scope; the brackets are not kept. */
static int take_ipv6(struct na_uri_cursor *c, struct na_uri *uri)
{
    size_t open = c->at++;
    size_t close = find_char(c, ']');
    char address[NA_URI_HOST_SIZE];
    struct in6_addr ignored;
    char *scope;
    int rc;

    if (close == c->end)
        return uri_fail(c, open, "there is no ']' for the '['");
    rc = take_part(c, close, "IPv6 address", is_ipv6_char, uri->host, sizeof(uri->host));
    if (rc != 0)
        return rc;
    memcpy(address, uri->host, sizeof(address));
    scope = strchr(address, '%');
    if (scope != NULL) {
        if (scope[1] == '\0' || strpbrk(scope + 1, ":%") != NULL)
            return uri_fail(c, open, "the scope after '%%' of the IPv6 address is not a name");
        *scope = '\0';
    }
    if (inet_pton(AF_INET6, address, &ignored) != 1)
        return uri_fail(c, open, "what the brackets hold is no IPv6 address");
    c->at++;
    return 0;
}

/* [host][:port] to the end of the text. */
static int take_host_port(struct na_uri_cursor *c, struct na_uri *uri)
{
    int rc;

    if (looking_at(c, "[")) {
        rc = take_ipv6(c, uri);
    } else {
        size_t colon = find_char(c, ':');

        if (colon < c->end && memchr(c->text + colon + 1, ':', c->end - colon - 1) != NULL)
            return uri_fail(c, c->at, "there are two ':' (an IPv6 address needs brackets) after the host");
        rc = take_part(c, colon, "host", is_host_char, uri->host, sizeof(uri->host));
    }
    if (rc != 0 || c->at == c->end)
        return rc;
    if (c->text[c->at] != ':')
        return uri_fail(c, c->at, "':' and a port, or the end, should follow the host");
    c->at++;
    return take_port(c, uri);
}

/* What follows "://". */
static int take_rest(struct na_uri_cursor *c, struct na_uri *uri)
{
    size_t slash;
    int rc;

    if (strcmp(uri->protocol, "shm") == 0)
        return take_part(c, c->end, "name", is_printable, uri->host, sizeof(uri->host));
    slash = find_char(c, '/');
    if (slash < c->end) {
        if (slash == c->at)
            return uri_fail(c, c->at, "a domain is missing before '/'");
        rc = take_part(c, slash, "domain", is_domain_char, uri->domain, sizeof(uri->domain));
        if (rc != 0)
            return rc;
        c->at++;
    }
    return take_host_port(c, uri);
}

int na_uri_parse(const char *text, struct na_uri *out, char *why, size_t why_size)
{
    struct na_uri_cursor c = {.text = text != NULL ? text : "", .why = why, .why_size = why_size};
    struct na_uri uri;
    int rc;

    memset(&uri, 0, sizeof(uri));
    uri.port = -1;
    c.end = strlen(c.text);
    if (c.end == 0)
        return uri_fail(&c, 0, "the text is empty: a protocol is expected");
    rc = take_protocol(&c, &uri);
    if (rc == 0 && c.at < c.end) {
        if (!looking_at(&c, "://"))
            return uri_fail(&c, c.at, "\"://\" or the end should follow the protocol");
        c.at += strlen("://");
        rc = take_rest(&c, &uri);
    }
    if (rc == 0)
        *out = uri;
    return rc;
}

int na_uri_format(const struct na_uri *uri, char *buf, size_t *size)
{
    bool plain = uri->domain[0] == '\0' && uri->host[0] == '\0' && uri->port < 0;
    bool is_shm = strcmp(uri->protocol, "shm") == 0;
    bool brackets = !is_shm && strchr(uri->host, ':') != NULL;
    char text[NA_URI_TEXT_SIZE];
    char port[16] = "";
    size_t length;

    if (uri->port >= 0)
        (void)snprintf(port, sizeof(port), ":%d", uri->port);
    (void)snprintf(text, sizeof(text), "%s%s%s%s%s%s%s%s%s", uri->ofi_prefix ? "ofi+" : "",
                   uri->sm_alias ? "na+sm" : uri->protocol, plain ? "" : "://", uri->domain,
                   uri->domain[0] != '\0' ? "/" : "", brackets ? "[" : "", uri->host, brackets ? "]" : "", port);
    length = strlen(text) + 1;
    if (buf != NULL) {
        if (*size < length)
            return -EMSGSIZE;
        memcpy(buf, text, length);
    }
    *size = length;
    return 0;
}
