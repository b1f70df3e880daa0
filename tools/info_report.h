/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * The two forms of what hg_info found. `list` is sorted by the library: one protocol's entries
 * stand together.
 */
#ifndef TOOLS_INFO_REPORT_H
#define TOOLS_INFO_REPORT_H

#include "tools/tool_lib.h"

#include <stddef.h>

/* Who the library is: name, version, libfabric, features. */
void info_text_head(void);
void info_text_print(const struct tool_transport *list, size_t count);

/* False when stdout cannot be written. */
bool info_json_print(const struct tool_transport *list, size_t count);

#endif
