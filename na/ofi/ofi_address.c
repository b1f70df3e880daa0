/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Addresses between what a user wrote, canonical text, and libfabric's bytes. A host is tried as a
 * number, then as an interface of this machine, then as a name. No state; any thread.
 */
#include "na/ofi/ofi_address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "na/ofi/ofi_compat.h"
#include "util/util_detail.h"

/* The scheme of names without one. */
#define NAME_SCHEME "fi_ns://"

enum { FORMAT_IPV4 = 4, FORMAT_IPV6 = 6 };

/* A network that interfaces may be inside of. */
struct subnet {
    int family;
    unsigned int prefix_bits;
    unsigned char bytes[16];
};

int ofi_address_parse(const char *text, struct na_uri *uri)
{
    char why[200];
    int ret = na_uri_parse(text, uri, why, sizeof(why));

    if (ret != 0)
        return util_detail_set(ret, "'%.200s' is no address: %s", text, why);
    return 0;
}

static void address_set(struct ofi_address *out, const struct sockaddr *sa, int port)
{
    memset(out, 0, sizeof(*out));
    if (sa->sa_family == AF_INET6) {
        struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)(void *)&out->storage;
        memcpy(in6, sa, sizeof(*in6));
        in6->sin6_port = htons((uint16_t)(port > 0 ? port : 0));
        out->format = FI_SOCKADDR_IN6;
        out->size = sizeof(*in6);
    } else {
        struct sockaddr_in *in = (struct sockaddr_in *)(void *)&out->storage;
        memcpy(in, sa, sizeof(*in));
        in->sin_port = htons((uint16_t)(port > 0 ? port : 0));
        out->format = FI_SOCKADDR_IN;
        out->size = sizeof(*in);
    }
}

static const void *sockaddr_bytes(const struct sockaddr *sa)
{
    if (sa->sa_family == AF_INET6)
        return &((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr;
    return &((const struct sockaddr_in *)(const void *)sa)->sin_addr;
}

static int subnet_parse(const char *text, struct subnet *out)
{
    char host[64];
    const char *slash = strchr(text, '/');
    size_t length = slash != NULL ? (size_t)(slash - text) : strlen(text);
    unsigned long bits;
    char *end = NULL;

    if (length == 0 || length >= sizeof(host))
        return util_detail_set(-EINVAL, "'%.80s' is no subnet such as 10.0.0.0/8", text);
    memcpy(host, text, length);
    host[length] = '\0';
    memset(out, 0, sizeof(*out));
    out->family = strchr(host, ':') != NULL ? AF_INET6 : AF_INET;
    bits = out->family == AF_INET6 ? 128 : 32;
    if (slash != NULL) {
        unsigned long given = strtoul(slash + 1, &end, 10);
        if (end == slash + 1 || *end != '\0' || given > bits)
            return util_detail_set(-EINVAL, "'%.80s' has no prefix length between 0 and %lu", text, bits);
        bits = given;
    }
    if (inet_pton(out->family, host, out->bytes) != 1)
        return util_detail_set(-EINVAL, "'%.80s' is no subnet such as 10.0.0.0/8", text);
    out->prefix_bits = (unsigned int)bits;
    return 0;
}

static bool subnet_holds(const struct subnet *net, const struct sockaddr *sa)
{
    const unsigned char *bytes = sockaddr_bytes(sa);
    unsigned int whole = net->prefix_bits / 8;
    unsigned int rest = net->prefix_bits % 8;
    unsigned int mask = (0xff00U >> rest) & 0xffU;

    if (sa->sa_family != net->family || memcmp(bytes, net->bytes, whole) != 0)
        return false;
    return rest == 0 || ((bytes[whole] ^ net->bytes[whole]) & mask) == 0;
}

static bool family_fits(int family, int addr_format)
{
    if (family == AF_INET)
        return addr_format != FORMAT_IPV6;
    return family == AF_INET6 && addr_format != FORMAT_IPV4;
}

/* How much we like an interface's address when the user left the choice to us. */
static int interface_rank(const struct ifaddrs *ifa)
{
    int rank = 1;

    if ((ifa->ifa_flags & IFF_LOOPBACK) == 0)
        rank += 2;
    if (ifa->ifa_addr->sa_family == AF_INET)
        rank += 1;
    if (ifa->ifa_addr->sa_family == AF_INET6 &&
        IN6_IS_ADDR_LINKLOCAL(&((const struct sockaddr_in6 *)(const void *)ifa->ifa_addr)->sin6_addr))
        rank = 0;
    return rank;
}

/* The best address among the interfaces: of the one called `name` if that is not NULL, inside `net`
 * if that is not NULL. */
static int interface_find(const char *name, const struct subnet *net, int addr_format, int port,
                          struct ofi_address *out)
{
    struct ifaddrs *list;
    int best = -1;

    if (getifaddrs(&list) != 0)
        return util_detail_set(-errno, "the interfaces of this machine cannot be listed: %s", strerror(errno));
    for (const struct ifaddrs *ifa = list; ifa != NULL; ifa = ifa->ifa_next) {
        int rank;
        if (ifa->ifa_addr == NULL || (ifa->ifa_flags & IFF_UP) == 0 ||
            !family_fits(ifa->ifa_addr->sa_family, addr_format))
            continue;
        if ((name != NULL && strcmp(ifa->ifa_name, name) != 0) || (net != NULL && !subnet_holds(net, ifa->ifa_addr)))
            continue;
        rank = interface_rank(ifa);
        if (rank > best) {
            best = rank;
            address_set(out, ifa->ifa_addr, port);
        }
    }
    freeifaddrs(list);
    return best >= 0 ? 0 : -ENODEV;
}

/* A host by number or name; with AI_NUMERICHOST in `flags` by number only. `family` AF_UNSPEC for any. */
static int host_find(const char *host, int family, int flags, int port, struct ofi_address *out)
{
    struct addrinfo hints = {.ai_flags = flags, .ai_family = family, .ai_socktype = SOCK_STREAM};
    struct addrinfo *list = NULL;
    int ret = getaddrinfo(host, NULL, &hints, &list);

    if (ret != 0 || list == NULL)
        return util_detail_set(-ENOENT, "host '%s' cannot be resolved: %s", host, gai_strerror(ret));
    address_set(out, list->ai_addr, port);
    freeaddrinfo(list);
    return 0;
}

static int format_family(int addr_format)
{
    if (addr_format == FORMAT_IPV4)
        return AF_INET;
    return addr_format == FORMAT_IPV6 ? AF_INET6 : AF_UNSPEC;
}

int ofi_address_local_ip(const struct na_uri *uri, const char *ip_subnet, int addr_format, struct ofi_address *out)
{
    struct subnet net;
    int ret;

    if (uri->host[0] != '\0') {
        if (interface_find(uri->host, NULL, addr_format, uri->port, out) == 0)
            return 0;
        return host_find(uri->host, format_family(addr_format), 0, uri->port, out);
    }
    if (ip_subnet != NULL && ip_subnet[0] != '\0') {
        ret = subnet_parse(ip_subnet, &net);
        if (ret != 0)
            return ret;
        if (interface_find(NULL, &net, addr_format, uri->port, out) != 0)
            return util_detail_set(-ENODEV, "no interface of this machine is inside %s", ip_subnet);
        return 0;
    }
    if (uri->domain[0] != '\0' && interface_find(uri->domain, NULL, addr_format, uri->port, out) == 0)
        return 0;
    if (interface_find(NULL, NULL, addr_format, uri->port, out) != 0)
        return util_detail_set(-ENODEV, "this machine has no interface that is up with a suitable address");
    return 0;
}

int ofi_address_remote_ip(const struct na_uri *uri, int family, bool named, struct ofi_address *out)
{
    if (uri->host[0] == '\0' || uri->port <= 0)
        return util_detail_set(-EINVAL, "the address of a peer needs a host and a port, such as %s://10.0.0.1:5000",
                               uri->protocol);
    if (!named)
        return host_find(uri->host, family, AI_NUMERICHOST, uri->port, out);
    if (interface_find(uri->host, NULL, family == AF_INET6 ? FORMAT_IPV6 : FORMAT_IPV4, uri->port, out) == 0)
        return 0;
    return host_find(uri->host, family, 0, uri->port, out);
}

int ofi_address_name(const struct na_uri *uri, struct ofi_address *out)
{
    int length;

    if (uri->host[0] == '\0')
        return util_detail_set(-EINVAL, "the address of a peer needs a name, such as %s://name", uri->protocol);
    memset(out, 0, sizeof(*out));
    out->format = FI_ADDR_STR;
    length = snprintf(out->bytes, sizeof(out->bytes), NAME_SCHEME "%s", uri->host);
    /* The canonical text must fit as well, and the names of further contexts take a suffix. */
    if (length < 0 || (size_t)length + 16 >= sizeof(out->bytes))
        return util_detail_set(-EINVAL, "the endpoint name is longer than %zu bytes",
                               sizeof(out->bytes) - sizeof(NAME_SCHEME) - 16);
    if (strchr(out->bytes + sizeof(NAME_SCHEME) - 1, '/') != NULL)
        return util_detail_set(-EINVAL, "the endpoint name '%s' contains a slash", uri->host);
    out->size = (size_t)length + 1;
    return 0;
}

static int hex_digit(char ch)
{
    if (ch >= '0' && ch <= '9')
        return ch - '0';
    if (ch >= 'a' && ch <= 'f')
        return ch - 'a' + 10;
    return -1;
}

int ofi_address_hex(const struct na_uri *uri, uint32_t format, struct ofi_address *out)
{
    size_t length = strlen(uri->host);

    if (length == 0 || length % 2 != 0 || length / 2 > sizeof(out->bytes))
        return util_detail_set(-EINVAL, "'%s' is no %s address: an even number of hex digits was expected", uri->host,
                               uri->protocol);
    memset(out, 0, sizeof(*out));
    for (size_t i = 0; i < length; i += 2) {
        int high = hex_digit(uri->host[i]);
        int low = hex_digit(uri->host[i + 1]);
        if (high < 0 || low < 0)
            return util_detail_set(-EINVAL, "'%s' is no %s address: it is not in hex", uri->host, uri->protocol);
        out->bytes[i / 2] = (char)(high * 16 + low);
    }
    out->format = format;
    out->size = length / 2;
    return 0;
}

static int text_finish(int length, const char *protocol)
{
    if (length < 0 || length >= NA_ADDRESS_MAX)
        return util_detail_set(-EMSGSIZE, "an address of %s is longer than %d bytes", protocol, NA_ADDRESS_MAX);
    return 0;
}

static unsigned int address_port(const struct ofi_address *address)
{
    if (address->sa.sa_family == AF_INET6)
        return ntohs(((const struct sockaddr_in6 *)(const void *)&address->storage)->sin6_port);
    return ntohs(((const struct sockaddr_in *)(const void *)&address->storage)->sin_port);
}

static int text_ip(const struct ofi_address *address, const char *protocol, char text[NA_ADDRESS_MAX])
{
    char host[INET6_ADDRSTRLEN];
    bool v6 = address->sa.sa_family == AF_INET6;
    unsigned int port = address_port(address);

    if (inet_ntop(address->sa.sa_family, sockaddr_bytes(&address->sa), host, sizeof(host)) == NULL)
        return util_detail_set(-EINVAL, "an address of family %d was given for %s", address->sa.sa_family, protocol);
    return text_finish(snprintf(text, NA_ADDRESS_MAX, v6 ? "%s://[%s]:%u" : "%s://%s:%u", protocol, host, port),
                       protocol);
}

int ofi_address_text(const struct ofi_address *address, const char *protocol, char text[NA_ADDRESS_MAX])
{
    int length;

    switch (address->format) {
    case FI_SOCKADDR:
    case FI_SOCKADDR_IN:
    case FI_SOCKADDR_IN6:
        return text_ip(address, protocol, text);
    case FI_ADDR_STR:
        return text_finish(snprintf(text, NA_ADDRESS_MAX, "%s://%.240s", protocol, ofi_address_endpoint_name(address)),
                           protocol);
    default:
        length = snprintf(text, NA_ADDRESS_MAX, "%s://", protocol);
        for (size_t i = 0; i < address->size && length >= 0 && length < NA_ADDRESS_MAX; i++)
            length += snprintf(text + length, (size_t)(NA_ADDRESS_MAX - length), "%02x",
                               (unsigned int)(unsigned char)address->bytes[i]);
        return text_finish(length, protocol);
    }
}

const char *ofi_address_endpoint_name(const struct ofi_address *address)
{
    const char *scheme = strstr(address->bytes, "://");

    return scheme != NULL ? scheme + 3 : address->bytes;
}

static bool address_is_ip(const struct ofi_address *address)
{
    return address->format == FI_SOCKADDR || address->format == FI_SOCKADDR_IN || address->format == FI_SOCKADDR_IN6;
}

void ofi_address_set_port(struct ofi_address *address, int port)
{
    struct ofi_address copy = *address;

    address_set(address, &copy.sa, port);
}

void ofi_address_clear_port(struct ofi_address *address)
{
    if (address_is_ip(address))
        ofi_address_set_port(address, 0);
}

int ofi_address_same_host(const struct ofi_address *one, const struct ofi_address *other)
{
    return one->sa.sa_family == other->sa.sa_family &&
           memcmp(sockaddr_bytes(&one->sa), sockaddr_bytes(&other->sa), one->sa.sa_family == AF_INET6 ? 16 : 4) == 0;
}

int ofi_address_inside(const struct ofi_address *address, const char *ip_subnet)
{
    struct subnet net = {0};
    int ret = subnet_parse(ip_subnet, &net);

    return ret != 0 ? ret : subnet_holds(&net, &address->sa);
}

void ofi_address_make_concrete(struct ofi_address *address)
{
    static const unsigned char zeros[16] = {0};
    bool v6 = address->sa.sa_family == AF_INET6;
    struct ofi_address own;

    if (!address_is_ip(address) || memcmp(sockaddr_bytes(&address->sa), zeros, v6 ? 16 : 4) != 0)
        return;
    if (interface_find(NULL, NULL, v6 ? FORMAT_IPV6 : FORMAT_IPV4, (int)address_port(address), &own) == 0)
        *address = own;
}
