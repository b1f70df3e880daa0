/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */

/**
 * \file mercury_list.h
 * A header that Mercury had before 2.4 and that programs still include, among them PDC, which uses nothing of it. The
 * HG_LIST_ macros that it held are not here, as they are not in Mercury any more: use those of mercury_queue.h.
 */

#ifndef MERCURY_LIST_H
#define MERCURY_LIST_H

#include "mercury_queue.h"

#endif /* MERCURY_LIST_H */
