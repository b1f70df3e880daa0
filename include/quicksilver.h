/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */

/**
 * \file quicksilver.h
 * What Quicksilver has beyond the Mercury interface. It includes all of that, and its own parts, so this header is enough for
 * a new program: quicksilver_call.h, quicksilver_bulk.h, quicksilver_peer.h and quicksilver_observe.h. The rules at the top of
 * mercury.h hold in all of them.
 */

#ifndef QUICKSILVER_H
#define QUICKSILVER_H

#include "mercury.h"
#include "mercury_bulk.h"
#include "mercury_macros.h"
#include "mercury_proc.h"
#include "mercury_proc_bulk.h"
#include "mercury_proc_string.h"
#include "quicksilver_bulk.h"
#include "quicksilver_call.h"
#include "quicksilver_observe.h"
#include "quicksilver_peer.h"

/** The version of Quicksilver that a program compiles against. */
#define QS_VERSION_MAJOR 0
#define QS_VERSION_MINOR 1
#define QS_VERSION_PATCH 0

#ifdef __cplusplus
extern "C" {
#endif

/** \name Errors
 * \{ */

/**
 * Say in words why the calling thread's last failed call failed: what was tried, on which object, and the reason.
 *
 * \return a sentence, empty if nothing has failed yet; valid until the thread's next call into the library
 */
HG_PUBLIC const char *qs_error_detail(void) HG_WARN_UNUSED_RESULT;

/** \}
 * \name What this machine and this build can do
 * \{ */

/** A protocol on a device. */
struct qs_transport_info {
    const char *protocol; /**< as HG_Init() takes it: "tcp", "shm", "verbs" ... */
    const char *provider; /**< what carries it, for example the libfabric provider "tcp;ofi_rxm" */
    const char *domain;   /**< the device, "" if none */
    const char *device;   /**< its network interface, "" if none */
    const char *address;  /**< the local address, "" if none */
    int usable;           /**< 1 if HG_Init() can use it now, 0 if not */
    const char *why;      /**< if not, the reason; else "" */
};

/**
 * List the protocols and devices of this machine, those that cannot be used included.
 *
 * \param list_p [OUT]  the list, to be freed with qs_transport_list_free(); its strings belong to it
 * \param count_p [OUT] how many entries
 *
 * \return HG_SUCCESS, HG_INVALID_ARG or HG_NOMEM
 */
HG_PUBLIC hg_return_t qs_transport_list(struct qs_transport_info **list_p, size_t *count_p);

/**
 * Free a list of protocols and devices.
 *
 * \param list [IN]  the list, or NULL
 * \param count [IN] its number of entries
 */
HG_PUBLIC void qs_transport_list_free(struct qs_transport_info *list, size_t count);

/**
 * Get the version of the library at hand, for example "0.1.0".
 *
 * \return a constant string
 */
HG_PUBLIC const char *qs_version_text(void) HG_WARN_UNUSED_RESULT;

/**
 * Get the version of the libfabric at hand (not the one that the library was compiled against), for example "1.17".
 *
 * \return a constant string
 */
HG_PUBLIC const char *qs_libfabric_version(void) HG_WARN_UNUSED_RESULT;

/**
 * Get the choices that the library was built with, as words separated by blanks.
 *
 * \return a constant string
 */
HG_PUBLIC const char *qs_build_features(void) HG_WARN_UNUSED_RESULT;

/** \} */

#ifdef __cplusplus
}
#endif

#endif /* QUICKSILVER_H */
