/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * hg_info for people: what can be used first, then what cannot and why.
 */
#include "tools/info_report.h"

#include <stdio.h>

static const char *shown(const char *text)
{
    return text == NULL ? "-" : text;
}

void info_text_head(void)
{
    (void)printf("%s %s\nlibfabric %s\n", tool_lib_name(), tool_lib_version(), tool_lib_fabric_version());
    if (tool_lib_features()[0] != '\0')
        (void)printf("built with %s\n", tool_lib_features());
}

static size_t print_usable(const struct tool_transport *list, size_t count)
{
    size_t usable = 0;

    for (size_t i = 0; i < count; i++) {
        if (!list[i].usable)
            continue;
        if (usable++ == 0)
            (void)printf("\nUsable here\n  %-14s %-16s %-18s %-18s %s\n", "protocol", "provider", "domain", "device",
                         "address");
        (void)printf("  %-14s %-16s %-18s %-18s %s\n", shown(list[i].protocol), shown(list[i].provider),
                     shown(list[i].domain), shown(list[i].device), shown(list[i].address));
    }
    return usable;
}

void info_text_print(const struct tool_transport *list, size_t count)
{
    bool any = false;

    info_text_head();
    if (print_usable(list, count) == 0)
        (void)printf("\nNothing is usable here.\n");
    for (size_t i = 0; i < count; i++) {
        if (list[i].usable)
            continue;
        if (!any)
            (void)printf("\nNot usable here\n");
        any = true;
        (void)printf("  %-14s %s\n", shown(list[i].protocol),
                     list[i].why == NULL ? "for a reason not known" : list[i].why);
    }
}
