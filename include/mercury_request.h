/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */

/**
 * \file mercury_request.h
 * Waiting for callbacks: a request is completed by a callback and waited for by a thread, which makes progress
 * meanwhile. Several threads may wait for requests of one class: one of them makes progress, the others sleep. A
 * request may be waited for inside a callback, too.
 */

#ifndef MERCURY_REQUEST_H
#define MERCURY_REQUEST_H

#include "mercury_util_config.h"

/** How to make progress; shared by many requests. */
typedef struct hg_request_class hg_request_class_t;
/** Something to wait for. */
typedef struct hg_request hg_request_t;

struct hg_request {
    hg_request_class_t *request_class;
    void *data;        /**< see hg_request_set_data() */
    int32_t completed; /**< use hg_request_complete() and hg_request_reset() */
};

/**
 * Makes progress, for example by HG_Progress().
 *
 * \param timeout [IN] milliseconds
 * \param arg [IN]     as given to hg_request_init()
 *
 * \return HG_UTIL_SUCCESS if something happened; any other value, a time-out for example, is not taken for a failure
 */
typedef int (*hg_request_progress_func_t)(unsigned int timeout, void *arg);

/**
 * Runs callbacks, for example by HG_Trigger().
 *
 * \param timeout [IN] milliseconds; always 0
 * \param flag [OUT]   how many have run; 0 if there were none
 * \param arg [IN]     as given to hg_request_init()
 *
 * \return HG_UTIL_SUCCESS; any other value counts as "none have run"
 */
typedef int (*hg_request_trigger_func_t)(unsigned int timeout, unsigned int *flag, void *arg);

#ifdef __cplusplus
extern "C" {
#endif

/**
 * Create a request class.
 *
 * \param progress [IN] called by waiting threads, one at a time
 * \param trigger [IN]  called by waiting threads, possibly several at a time
 * \param arg [IN]      passed on to both
 *
 * \return the class, to be freed with hg_request_finalize(), or NULL
 */
HG_PUBLIC hg_request_class_t *hg_request_init(hg_request_progress_func_t progress, hg_request_trigger_func_t trigger,
                                              void *arg);

/**
 * Free a request class. Nobody may wait any more.
 *
 * \param request_class [IN] the class; NULL is allowed
 * \param arg [OUT]          the argument given to hg_request_init(), if there is a class; may be NULL
 */
HG_PUBLIC void hg_request_finalize(hg_request_class_t *request_class, void **arg);

/**
 * Create a request, not completed.
 *
 * \param request_class [IN] the class
 *
 * \return the request, to be freed with hg_request_destroy(), or NULL
 */
HG_PUBLIC hg_request_t *hg_request_create(hg_request_class_t *request_class);

/**
 * Free a request. Nobody may wait for it any more.
 *
 * \param request [IN] the request; NULL is allowed
 */
HG_PUBLIC void hg_request_destroy(hg_request_t *request);

/**
 * Make a request not completed again.
 *
 * \param request [IN] the request
 */
HG_PUBLIC void hg_request_reset(hg_request_t *request);

/**
 * Complete a request, usually from a callback. What was written before is visible to whoever waited.
 *
 * \param request [IN] the request
 */
HG_PUBLIC void hg_request_complete(hg_request_t *request);

/**
 * Wait until a request is completed or the time is up, making progress and running callbacks.
 *
 * \param request [IN] the request
 * \param timeout [IN] milliseconds; 0 makes progress once without sleeping; UINT_MAX waits for ever
 * \param flag [OUT]   1 if it is completed, 0 if not; may be NULL
 *
 * \return HG_UTIL_SUCCESS, or HG_UTIL_FAIL for a bad argument
 */
HG_PUBLIC int hg_request_wait(hg_request_t *request, unsigned int timeout, unsigned int *flag);

/**
 * Wait until all of several requests are completed or the time is up.
 *
 * \param count [IN]   how many
 * \param request [IN] the requests
 * \param timeout [IN] milliseconds for all of them together
 * \param flag [OUT]   1 if all are completed, 0 if not; may be NULL
 *
 * \return HG_UTIL_SUCCESS, or HG_UTIL_FAIL for a bad argument
 */
HG_PUBLIC int hg_request_waitall(int count, hg_request_t *request[], unsigned int timeout, unsigned int *flag);

/**
 * Attach a pointer to a request.
 *
 * \param request [IN] the request
 * \param data [IN]    the pointer
 */
HG_PUBLIC void hg_request_set_data(hg_request_t *request, void *data);

/**
 * Get the pointer attached to a request.
 *
 * \param request [IN] the request
 *
 * \return the pointer, or NULL
 */
HG_PUBLIC void *hg_request_get_data(hg_request_t *request);

#ifdef __cplusplus
}
#endif

#endif /* MERCURY_REQUEST_H */
