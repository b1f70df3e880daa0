/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */

/**
 * \file mercury_queue.h
 * Linked lists and queues inside structs: the LIST_, TAILQ_ and STAILQ_ macros of the C library, under the name by
 * which programs for Mercury include them.
 */

#ifndef MERCURY_QUEUE_H
#define MERCURY_QUEUE_H

#include "mercury_util_config.h"

#include <sys/queue.h>

#endif /* MERCURY_QUEUE_H */
