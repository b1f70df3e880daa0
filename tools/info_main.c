/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * hg_info: what this machine offers to a program that is about to call HG_Init, and why something
 * that one would expect is missing.
 */
#include "tools/info_report.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

#define EXIT_OK    0
#define EXIT_USAGE 1
#define EXIT_FAIL  2

static const char help[] = "hg_info lists the protocols, providers, devices and addresses that can be used on this\n"
                           "machine, and says why others cannot.\n"
                           "\n"
                           "  hg_info [PROTOCOL]   all of them, or one protocol only\n"
                           "\n"
                           "  --json       as JSON on stdout\n"
                           "  --version, --help\n"
                           "\n"
                           "Exit codes: 0 something is usable, 1 usage, 2 nothing is usable.\n";

/* A protocol as it is listed: the names that Mercury's programs use are known, too. */
static const char *listed_name(const char *protocol)
{
    if (strncmp(protocol, "ofi+", 4) == 0)
        protocol += 4;
    return strcmp(protocol, "na+sm") == 0 ? "shm" : protocol;
}

/* Moves the entries of `protocol` to the front and returns how many there are. */
static size_t keep_only(struct tool_transport *list, size_t count, const char *protocol)
{
    size_t kept = 0;

    for (size_t i = 0; i < count; i++)
        if (list[i].protocol != NULL && strcmp(list[i].protocol, protocol) == 0)
            list[kept++] = list[i];
    return kept;
}

static bool is_known(const struct tool_transport *list, size_t count, const char *protocol)
{
    for (size_t i = 0; i < count; i++)
        if (list[i].protocol != NULL && strcmp(list[i].protocol, protocol) == 0)
            return true;
    return false;
}

static void complain_unknown(const struct tool_transport *list, size_t count, const char *protocol)
{
    (void)fprintf(stderr, "hg_info: \"%s\": no such protocol; known are", protocol);
    for (size_t i = 0; i < count; i++)
        if (list[i].protocol != NULL &&
            (i == 0 || list[i - 1].protocol == NULL || strcmp(list[i].protocol, list[i - 1].protocol) != 0))
            (void)fprintf(stderr, " %s", list[i].protocol);
    (void)fputs(".\nOther providers of libfabric are not listed: `hg_bench lat PROVIDER` tries one.\n", stderr);
}

static bool any_usable(const struct tool_transport *list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (list[i].usable)
            return true;
    return false;
}

static int show(const char *protocol, bool json)
{
    struct tool_transport *list = NULL;
    size_t count = 0, shown;
    hg_return_t ret = tool_lib_transports(&list, &count);
    int code;

    if (ret != HG_SUCCESS) {
        (void)fprintf(stderr, "hg_info: %s %s\n", HG_Error_to_string(ret), tool_lib_detail());
        return EXIT_FAIL;
    }
    shown = count;
    if (protocol != NULL) {
        if (!is_known(list, count, protocol)) {
            complain_unknown(list, count, protocol);
            tool_lib_transports_free(list, count);
            return EXIT_USAGE;
        }
        shown = keep_only(list, count, protocol);
    }
    code = any_usable(list, shown) ? EXIT_OK : EXIT_FAIL;
    if (!json)
        info_text_print(list, shown);
    else if (!info_json_print(list, shown))
        code = EXIT_FAIL;
    tool_lib_transports_free(list, count);
    return code;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {{"json", no_argument, NULL, 'j'},
                                            {"help", no_argument, NULL, 'h'},
                                            {"version", no_argument, NULL, 'v'},
                                            {NULL, 0, NULL, 0}};
    bool json = false;
    int id;

    opterr = 0;
    while ((id = getopt_long(argc, argv, "h", options, NULL)) != -1) {
        switch (id) {
        case 'j':
            json = true;
            break;
        case 'h':
            (void)fputs(help, stdout);
            return EXIT_OK;
        case 'v':
            info_text_head();
            return EXIT_OK;
        default:
            (void)fprintf(stderr, "hg_info: %s: no such option\nTry `hg_info --help`.\n", argv[optind - 1]);
            return EXIT_USAGE;
        }
    }
    if (argc - optind > 1) {
        (void)fprintf(stderr, "hg_info: \"%s\": one argument too many\n", argv[optind + 1]);
        return EXIT_USAGE;
    }
    return show(optind < argc ? listed_name(argv[optind]) : NULL, json);
}
