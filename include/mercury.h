/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */

/**
 * \file mercury.h
 * The RPC interface: classes, contexts, registration, addresses, handles, calls and progress.
 *
 * Rules that hold for every function here unless it says otherwise:
 * - Any thread may call any function at any time. Two threads must not use the same handle at once, except for
 *   HG_Cancel(), HG_Ref_incr() and HG_Destroy().
 * - Callbacks run in HG_Trigger() and HG_Event_trigger() only, on the calling thread, with no lock held; they may call
 *   everything, progress and trigger included.
 * - A function that returns an error has done nothing: it took no reference, wrote no out parameter and never calls
 *   back. qs_error_detail() (quicksilver.h) gives the reason in words.
 * - Functions that end an object (HG_Finalize(), HG_Context_destroy(), HG_Destroy(), HG_Addr_free(), HG_Bulk_free() and
 *   their like) take NULL in its place, and do nothing then.
 * - Time-outs are in milliseconds, sizes in bytes.
 */

#ifndef MERCURY_H
#define MERCURY_H

#include "mercury_types.h"

#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif

/** \name Version, errors and protocols
 * \{ */

/**
 * Tell which version of the Mercury interface the library implements.
 *
 * \param major_p [OUT] HG_VERSION_MAJOR of the library; may be NULL, as may the other two
 * \param minor_p [OUT] HG_VERSION_MINOR
 * \param patch_p [OUT] HG_VERSION_PATCH
 *
 * \return HG_SUCCESS
 */
HG_PUBLIC hg_return_t HG_Version_get(unsigned int *major_p, unsigned int *minor_p, unsigned int *patch_p);

/**
 * Name of a return code.
 *
 * \param errnum [IN] the code
 *
 * \return the symbolic name, for example "HG_TIMEOUT"; a constant string, for any value
 */
HG_PUBLIC const char *HG_Error_to_string(hg_return_t errnum) HG_WARN_UNUSED_RESULT;

/**
 * List the protocols and devices that can be used on this machine.
 *
 * \param info_string [IN]         NULL for all that hg_info lists, or a protocol such as "tcp", "na+sm" or "ofi+tcp;ofi_rxm"
 * \param na_protocol_info_p [OUT] linked list, to be freed with HG_Free_na_protocol_info(); unchanged on error
 *
 * \return HG_SUCCESS, HG_PROTONOSUPPORT if the protocol is unknown or cannot be used here, HG_INVALID_ARG, HG_NOMEM
 */
HG_PUBLIC hg_return_t HG_Get_na_protocol_info(const char *info_string, struct na_protocol_info **na_protocol_info_p);

/**
 * Free a list of protocols.
 *
 * \param na_protocol_info [IN] the list, or NULL
 */
HG_PUBLIC void HG_Free_na_protocol_info(struct na_protocol_info *na_protocol_info);

/** \}
 * \name Init and finalize
 * \{ */

/**
 * Open a class with default options.
 *
 * \param na_info_string [IN] "[ofi+]protocol[://[domain/][host][:port]]", for example "tcp", "shm" or
 *                            "ofi+tcp://eth0:7000". Without a port the system chooses one.
 * \param na_listen [IN]      true if others will call this process
 *
 * \return the class, to be closed with HG_Finalize(), or NULL; then the log and qs_error_detail() say why
 */
HG_PUBLIC hg_class_t *HG_Init(const char *na_info_string, uint8_t na_listen) HG_WARN_UNUSED_RESULT;

/**
 * Open a class with options in the layout of API 2.2: the fields of struct hg_init_info after \a stats are ignored.
 *
 * \param na_info_string [IN] as for HG_Init()
 * \param na_listen [IN]      as for HG_Init()
 * \param hg_init_info [IN]   options, copied; NULL for the defaults
 *
 * \return as HG_Init()
 */
HG_PUBLIC hg_class_t *HG_Init_opt(const char *na_info_string, uint8_t na_listen,
                                  const struct hg_init_info *hg_init_info) HG_WARN_UNUSED_RESULT;

/**
 * Open a class with options in the layout of a given API version.
 *
 * \param na_info_string [IN] as for HG_Init()
 * \param na_listen [IN]      as for HG_Init()
 * \param version [IN]        HG_VERSION(HG_VERSION_MAJOR, HG_VERSION_MINOR) of the header that the caller was compiled
 *                            with. A version newer than the library's, or 0 together with options, is refused.
 * \param hg_init_info [IN]   options, copied; NULL for the defaults
 *
 * \return as HG_Init()
 */
HG_PUBLIC hg_class_t *HG_Init_opt2(const char *na_info_string, uint8_t na_listen, unsigned int version,
                                   const struct hg_init_info *hg_init_info) HG_WARN_UNUSED_RESULT;

/**
 * Close a class. Its contexts, bulk handles and addresses must be gone.
 *
 * \param hg_class [IN] the class, invalid after success; NULL is allowed
 *
 * \return HG_SUCCESS, or HG_BUSY while something is still open (the log says what)
 */
HG_PUBLIC hg_return_t HG_Finalize(hg_class_t *hg_class);

/**
 * Remove what processes of this user have left behind by ending without HG_Finalize(). That is nothing here: no memory and
 * no socket of this library outlives its processes.
 */
HG_PUBLIC void HG_Cleanup(void);

/** \}
 * \name Log and counters
 * These hold for the whole process and may be called before HG_Init().
 * \{ */

/**
 * Set how much is logged. The environment variable HG_LOG_LEVEL sets the same at start.
 *
 * \param level [IN] "none", "fatal", "error", "warning", "min_debug", "info" or "debug"; anything else changes nothing
 */
HG_PUBLIC void HG_Set_log_level(const char *level);

/**
 * Choose the areas that log. The environment variable HG_LOG_SUBSYS sets the same at start.
 *
 * \param subsys [IN] names separated by commas: cls, ctx, addr, rpc, bulk, proc, poll, session, wire, na, ofi, perf, diag;
 *                    hg stands for all of them; ~name excludes one. Unknown names are skipped.
 */
HG_PUBLIC void HG_Set_log_subsys(const char *subsys);

/**
 * Set the function that prints log lines, in place of fprintf().
 *
 * \param log_func [IN] called by any thread, with the stream set for the line's level and a printf format; the
 *                      library passes the stream on without looking at it. It may be called with locks of the library held, and
 *                      must not call the library. NULL restores fprintf().
 */
HG_PUBLIC void HG_Set_log_func(int (*log_func)(FILE *stream, const char *format, ...));

/**
 * Set the stream that lines of a level go to.
 *
 * \param level [IN]  "error", "warning" or "debug"; other levels go with the nearest of these
 * \param stream [IN] the stream, which must stay open; NULL restores the default
 */
HG_PUBLIC void HG_Set_log_stream(const char *level, FILE *stream);

/**
 * Write the counters of all open classes to the log, a line for each class: its address, then the counters by their
 * names in struct qs_counters (quicksilver.h). They go where lines of level "info" go, whatever the log level is.
 */
HG_PUBLIC void HG_Diag_dump_counters(void);

/**
 * Read the counters of a class. They are always kept; the lock of each context is taken for as long as it takes to copy them.
 *
 * \param hg_class [IN]       the class
 * \param diag_counters [OUT] where to
 *
 * \return HG_SUCCESS or HG_INVALID_ARG
 */
HG_PUBLIC hg_return_t HG_Class_get_counters(const hg_class_t *hg_class, struct hg_diag_counters *diag_counters);

/** \}
 * \name Class
 * \{ */

/**
 * Name of the transport of a class: "na" if it was opened as "na+sm", else "ofi".
 *
 * \param hg_class [IN] the class
 *
 * \return the name, valid as long as the class; NULL if the class is NULL
 */
HG_PUBLIC const char *HG_Class_get_name(const hg_class_t *hg_class) HG_WARN_UNUSED_RESULT;

/**
 * Protocol of a class, for example "tcp"; "sm" if it was opened as "na+sm".
 *
 * \param hg_class [IN] the class
 *
 * \return the name, valid as long as the class; NULL if the class is NULL
 */
HG_PUBLIC const char *HG_Class_get_protocol(const hg_class_t *hg_class) HG_WARN_UNUSED_RESULT;

/**
 * Tell whether others can call this class.
 *
 * \param hg_class [IN] the class
 *
 * \return true if HG_Init() was told to listen
 */
HG_PUBLIC bool HG_Class_is_listening(const hg_class_t *hg_class) HG_WARN_UNUSED_RESULT;

/**
 * Bytes of encoded input that travel in the request message itself.
 *
 * \param hg_class [IN] the class
 *
 * \return the size, 0 if the class is NULL
 */
HG_PUBLIC hg_size_t HG_Class_get_input_eager_size(const hg_class_t *hg_class) HG_WARN_UNUSED_RESULT;

/**
 * Bytes of encoded output that travel in the response message itself.
 *
 * \param hg_class [IN] the class
 *
 * \return the size, 0 if the class is NULL
 */
HG_PUBLIC hg_size_t HG_Class_get_output_eager_size(const hg_class_t *hg_class) HG_WARN_UNUSED_RESULT;

/**
 * Reserve space in front of the encoded input for a header of the caller's own, see HG_Get_input_buf(). It always
 * stays in the request message, also when the input itself does not fit there. Both sides must reserve the same.
 *
 * \param hg_class [IN] the class; to be set before its first call
 * \param offset [IN]   bytes
 *
 * \return HG_SUCCESS, or HG_INVALID_ARG if the offset exceeds the eager size
 */
HG_PUBLIC hg_return_t HG_Class_set_input_offset(hg_class_t *hg_class, hg_size_t offset);

/**
 * The same for the output, see HG_Get_output_buf().
 *
 * \param hg_class [IN] the class; to be set before its first call
 * \param offset [IN]   bytes
 *
 * \return HG_SUCCESS, or HG_INVALID_ARG if the offset exceeds the eager size
 */
HG_PUBLIC hg_return_t HG_Class_set_output_offset(hg_class_t *hg_class, hg_size_t offset);

/**
 * Attach a pointer to a class.
 *
 * \param hg_class [IN]      the class
 * \param data [IN]          the pointer; replaces an earlier one, whose free callback is not called
 * \param free_callback [IN] called with it by HG_Finalize(); may be NULL
 *
 * \return HG_SUCCESS or HG_INVALID_ARG
 */
HG_PUBLIC hg_return_t HG_Class_set_data(hg_class_t *hg_class, void *data, void (*free_callback)(void *));

/**
 * Get the pointer that HG_Class_set_data() attached.
 *
 * \param hg_class [IN] the class
 *
 * \return the pointer or NULL
 */
HG_PUBLIC void *HG_Class_get_data(const hg_class_t *hg_class) HG_WARN_UNUSED_RESULT;

/**
 * Have a function called for every handle that comes into being, at the origin (in HG_Create()) and at the target, so
 * that it can attach data with HG_Set_data(). A handle that is recycled keeps its data and is not announced again.
 *
 * \param hg_class [IN] the class; to be set before its first context
 * \param callback [IN] called by the thread that creates the handle, at the target in HG_Trigger() before the handler.
 *                      With a return value other than HG_SUCCESS HG_Create() fails, and a request is answered with it
 *                      in the handler's place, or dropped with a line in the log if nobody waits for an answer; the
 *                      handle is then announced again with its next request. NULL for none.
 * \param arg [IN]      passed on to the callback
 *
 * \return HG_SUCCESS or HG_INVALID_ARG
 */
HG_PUBLIC hg_return_t HG_Class_set_handle_create_callback(hg_class_t *hg_class,
                                                          hg_return_t (*callback)(hg_handle_t, void *), void *arg);

/** \}
 * \name Context
 * \{ */

/**
 * Create a context with id 0 (or the next free id), ready to receive if the class listens.
 *
 * \param hg_class [IN] the class
 *
 * \return the context, or NULL
 */
HG_PUBLIC hg_context_t *HG_Context_create(hg_class_t *hg_class) HG_WARN_UNUSED_RESULT;

/**
 * Create a context with an id that origins address with HG_Set_target_id().
 *
 * \param hg_class [IN] the class
 * \param id [IN]       the id, unused so far in this class
 *
 * \return the context, or NULL
 */
HG_PUBLIC hg_context_t *HG_Context_create_id(hg_class_t *hg_class, uint8_t id) HG_WARN_UNUSED_RESULT;

/**
 * Destroy a context. All its handles must have been destroyed. Calls that are still under way end, with HG_CANCELED, and their
 * callbacks run here, not in HG_Trigger(); its connections are closed. That has happened also when HG_BUSY is returned: the
 * context works on then, with new connections, and may be destroyed later.
 *
 * \param context [IN] the context, invalid after success; NULL is allowed
 *
 * \return HG_SUCCESS, or HG_BUSY if handles or operations were still open after waiting for them
 */
HG_PUBLIC hg_return_t HG_Context_destroy(hg_context_t *context);

/**
 * Receive no more requests; calls, responses, cancels and bulk transfers in progress go on.
 *
 * \param context [IN] the context
 *
 * \return HG_SUCCESS or HG_INVALID_ARG
 */
HG_PUBLIC hg_return_t HG_Context_unpost(hg_context_t *context);

/**
 * Get the class of a context.
 *
 * \param context [IN] the context
 *
 * \return the class; NULL if the context is NULL
 */
HG_PUBLIC hg_class_t *HG_Context_get_class(const hg_context_t *context) HG_WARN_UNUSED_RESULT;

/**
 * Get the id of a context.
 *
 * \param context [IN] the context
 *
 * \return the id
 */
HG_PUBLIC uint8_t HG_Context_get_id(const hg_context_t *context) HG_WARN_UNUSED_RESULT;

/**
 * Attach a pointer to a context.
 *
 * \param context [IN]       the context
 * \param data [IN]          the pointer; replaces an earlier one, whose free callback is not called
 * \param free_callback [IN] called with it by HG_Context_destroy(); may be NULL
 *
 * \return HG_SUCCESS or HG_INVALID_ARG
 */
HG_PUBLIC hg_return_t HG_Context_set_data(hg_context_t *context, void *data, void (*free_callback)(void *));

/**
 * Get the pointer that HG_Context_set_data() attached.
 *
 * \param context [IN] the context
 *
 * \return the pointer or NULL
 */
HG_PUBLIC void *HG_Context_get_data(const hg_context_t *context) HG_WARN_UNUSED_RESULT;

/** \}
 * \name Registration
 * Origin and target register the same RPC, each in its class, in any order; it may be done while calls run.
 * \{ */

/**
 * Register an RPC by name. Its id is a hash of the name.
 *
 * \param hg_class [IN]    the class
 * \param func_name [IN]   the name
 * \param in_proc_cb [IN]  encodes and decodes the input; NULL if there is none
 * \param out_proc_cb [IN] encodes and decodes the output; NULL if there is none
 * \param rpc_cb [IN]      runs the RPC at the target; NULL at a pure origin
 *
 * \return the id. 0 on failure, also when another name with the same hash is registered; then the log and
 *         qs_error_detail() say why
 */
HG_PUBLIC hg_id_t HG_Register_name(hg_class_t *hg_class, const char *func_name, hg_proc_cb_t in_proc_cb,
                                   hg_proc_cb_t out_proc_cb, hg_rpc_cb_t rpc_cb) HG_WARN_UNUSED_RESULT;

/**
 * Tell whether a name is registered.
 *
 * \param hg_class [IN]  the class
 * \param func_name [IN] the name
 * \param id_p [OUT]     its id if it is, else not written to; may be NULL
 * \param flag_p [OUT]   HG_TRUE if it is, else HG_FALSE; may be NULL
 *
 * \return HG_SUCCESS, HG_INVALID_ARG, or HG_NOENTRY if it is not registered and flag_p is NULL
 */
HG_PUBLIC hg_return_t HG_Registered_name(hg_class_t *hg_class, const char *func_name, hg_id_t *id_p, uint8_t *flag_p);

/**
 * Register an RPC by a number of the caller's choice. On an id that is registered already the functions are replaced
 * and the data stays.
 *
 * \param hg_class [IN]    the class
 * \param id [IN]          the id, not 0
 * \param in_proc_cb [IN]  as for HG_Register_name()
 * \param out_proc_cb [IN] as for HG_Register_name()
 * \param rpc_cb [IN]      as for HG_Register_name()
 *
 * \return HG_SUCCESS, HG_INVALID_ARG or HG_NOMEM
 */
HG_PUBLIC hg_return_t HG_Register(hg_class_t *hg_class, hg_id_t id, hg_proc_cb_t in_proc_cb, hg_proc_cb_t out_proc_cb,
                                  hg_rpc_cb_t rpc_cb);

/**
 * Forget an RPC and call the free callback of its data. Requests for it are answered with HG_NOENTRY from then on. No
 * call of it may be in progress.
 *
 * \param hg_class [IN] the class
 * \param id [IN]       the id
 *
 * \return HG_SUCCESS, HG_INVALID_ARG, or HG_NOENTRY if it is not registered
 */
HG_PUBLIC hg_return_t HG_Deregister(hg_class_t *hg_class, hg_id_t id);

/**
 * Tell whether an id is registered.
 *
 * \param hg_class [IN] the class
 * \param id [IN]       the id
 * \param flag_p [OUT]  HG_TRUE if it is
 *
 * \return HG_SUCCESS or HG_INVALID_ARG
 */
HG_PUBLIC hg_return_t HG_Registered(hg_class_t *hg_class, hg_id_t id, uint8_t *flag_p);

/**
 * Tell whether an id is registered, and with which proc functions.
 *
 * \param hg_class [IN]       the class
 * \param id [IN]             the id
 * \param flag_p [OUT]        HG_TRUE if it is
 * \param in_proc_cb_p [OUT]  proc of the input, if it is; may be NULL
 * \param out_proc_cb_p [OUT] proc of the output, if it is; may be NULL
 *
 * \return HG_SUCCESS or HG_INVALID_ARG
 */
HG_PUBLIC hg_return_t HG_Registered_proc_cb(hg_class_t *hg_class, hg_id_t id, uint8_t *flag_p,
                                            hg_proc_cb_t *in_proc_cb_p, hg_proc_cb_t *out_proc_cb_p);

/**
 * Attach a pointer to an RPC.
 *
 * \param hg_class [IN]      the class
 * \param id [IN]            the id
 * \param data [IN]          the pointer; replaces an earlier one, whose free callback is not called
 * \param free_callback [IN] called with it by HG_Deregister() or HG_Finalize(); may be NULL
 *
 * \return HG_SUCCESS, HG_INVALID_ARG, or HG_NOENTRY if the id is not registered
 */
HG_PUBLIC hg_return_t HG_Register_data(hg_class_t *hg_class, hg_id_t id, void *data, void (*free_callback)(void *));

/**
 * Get the pointer that HG_Register_data() attached.
 *
 * \param hg_class [IN] the class
 * \param id [IN]       the id
 *
 * \return the pointer, or NULL if there is none or the id is not registered
 */
HG_PUBLIC void *HG_Registered_data(hg_class_t *hg_class, hg_id_t id) HG_WARN_UNUSED_RESULT;

/**
 * Make an RPC one-way, or take that back. It counts at the origin and travels with each request: the forward callback
 * then comes when the request has been handed to the transport, and the target must not respond.
 *
 * \param hg_class [IN] the class
 * \param id [IN]       the id
 * \param disable [IN]  HG_TRUE for one-way
 *
 * \return HG_SUCCESS, HG_INVALID_ARG, or HG_NOENTRY if the id is not registered
 */
HG_PUBLIC hg_return_t HG_Registered_disable_response(hg_class_t *hg_class, hg_id_t id, uint8_t disable);

/**
 * Tell whether an RPC is one-way here.
 *
 * \param hg_class [IN]    the class
 * \param id [IN]          the id
 * \param disabled_p [OUT] HG_TRUE if it is
 *
 * \return HG_SUCCESS, HG_INVALID_ARG, or HG_NOENTRY if the id is not registered
 */
HG_PUBLIC hg_return_t HG_Registered_disabled_response(hg_class_t *hg_class, hg_id_t id, uint8_t *disabled_p);

/** \}
 * \name Addresses
 * \{ */

/**
 * Look up an address and deliver it through a callback.
 *
 * \param context [IN]   whose HG_Trigger() calls back
 * \param callback [IN]  told the address in info.lookup.addr, which it then owns
 * \param arg [IN]       passed on to the callback
 * \param name [IN]      as for HG_Addr_lookup2()
 * \param op_id_p [OUT]  unused; NULL, or HG_OP_ID_IGNORE, or a place that gets HG_OP_ID_NULL
 *
 * \return HG_SUCCESS if the callback will come; else as HG_Addr_lookup2()
 */
HG_PUBLIC hg_return_t HG_Addr_lookup1(hg_context_t *context, hg_cb_t callback, void *arg, const char *name,
                                      hg_op_id_t *op_id_p);

#ifndef HG_Addr_lookup
#define HG_Addr_lookup HG_Addr_lookup1
#endif

/**
 * Make an address from its text. Nothing is sent; whether the peer exists shows with the first call.
 *
 * \param hg_class [IN] the class
 * \param name [IN]     as HG_Addr_to_string() gives it, with or without "ofi+", for example "tcp://10.0.0.1:7000"
 * \param addr_p [OUT]  the address, to be freed with HG_Addr_free(). One's own address is recognised.
 *
 * \return HG_SUCCESS, HG_INVALID_ARG if the text is no address, HG_PROTONOSUPPORT if it is of another protocol,
 *         HG_NOMEM
 */
HG_PUBLIC hg_return_t HG_Addr_lookup2(hg_class_t *hg_class, const char *name, hg_addr_t *addr_p);

/**
 * Drop a reference to an address.
 *
 * \param hg_class [IN] the class
 * \param addr [IN]     the address; HG_ADDR_NULL is allowed
 *
 * \return HG_SUCCESS, or HG_INVALID_ARG if the class is NULL or not that of the address, or the address is borrowed (as
 *         from HG_Get_info())
 */
HG_PUBLIC hg_return_t HG_Addr_free(hg_class_t *hg_class, hg_addr_t addr);

/**
 * Hint that the peer behind an address is gone for good, so that what is kept for it can go as soon as the address is
 * no longer used. May be called more than once.
 *
 * \param hg_class [IN] the class
 * \param addr [IN]     the address, which stays valid until it is freed
 *
 * \return HG_SUCCESS or HG_INVALID_ARG
 */
HG_PUBLIC hg_return_t HG_Addr_set_remove(hg_class_t *hg_class, hg_addr_t addr);

/**
 * Get one's own address, complete as soon as the class exists.
 *
 * \param hg_class [IN] the class
 * \param addr_p [OUT]  the address, to be freed with HG_Addr_free()
 *
 * \return HG_SUCCESS or HG_INVALID_ARG
 */
HG_PUBLIC hg_return_t HG_Addr_self(hg_class_t *hg_class, hg_addr_t *addr_p);

/**
 * Take another reference to an address, for example to keep the one that HG_Get_info() shows.
 *
 * \param hg_class [IN]    the class
 * \param addr [IN]        the address
 * \param new_addr_p [OUT] the reference, to be freed with HG_Addr_free()
 *
 * \return HG_SUCCESS or HG_INVALID_ARG
 */
HG_PUBLIC hg_return_t HG_Addr_dup(hg_class_t *hg_class, hg_addr_t addr, hg_addr_t *new_addr_p);

/**
 * Compare two addresses.
 *
 * \param hg_class [IN] the class
 * \param addr1 [IN]    an address or HG_ADDR_NULL
 * \param addr2 [IN]    an address or HG_ADDR_NULL
 *
 * \return HG_TRUE if they name the same class of the same process (or are both HG_ADDR_NULL)
 */
HG_PUBLIC uint8_t HG_Addr_cmp(hg_class_t *hg_class, hg_addr_t addr1, hg_addr_t addr2) HG_WARN_UNUSED_RESULT;

/**
 * Write an address as text that HG_Addr_lookup2() takes: "ofi+", or "na+" if the class was opened as "na+sm", then the
 * protocol and the rest, for example "ofi+tcp://10.0.0.1:7000".
 *
 * \param hg_class [IN]       the class
 * \param buf [OUT]           where to, ended by a zero byte; NULL to ask for the size only
 * \param buf_size_p [IN/OUT] size of buf; gets the size needed, zero byte included, also on HG_MSGSIZE
 * \param addr [IN]           the address
 *
 * \return HG_SUCCESS, HG_INVALID_ARG, or HG_MSGSIZE if buf is too small
 */
HG_PUBLIC hg_return_t HG_Addr_to_string(hg_class_t *hg_class, char *buf, hg_size_t *buf_size_p, hg_addr_t addr);

/** \}
 * \name Handles
 * \{ */

/**
 * Create a handle for calls to a target. It has one reference and can be used for any number of calls in turn.
 *
 * \param context [IN]   the context whose HG_Trigger() will call back
 * \param addr [IN]      the target; the handle takes a reference. HG_ADDR_NULL: to be given by HG_Reset()
 * \param id [IN]        the RPC; 0: to be given by HG_Reset()
 * \param handle_p [OUT] the handle, to be freed with HG_Destroy()
 *
 * \return HG_SUCCESS, HG_INVALID_ARG, HG_NOENTRY if the id is not registered, HG_NOMEM
 */
HG_PUBLIC hg_return_t HG_Create(hg_context_t *context, hg_addr_t addr, hg_id_t id, hg_handle_t *handle_p);

/**
 * Drop a reference to a handle; the last one frees it. At the origin it may follow HG_Forward() at once: the callback
 * still gets a valid handle. At the target, dropping the last reference without having responded answers the
 * origin with an error.
 *
 * \param handle [IN] the handle; HG_HANDLE_NULL is allowed
 *
 * \return HG_SUCCESS
 */
HG_PUBLIC hg_return_t HG_Destroy(hg_handle_t handle);

/**
 * Turn a handle to another target or RPC. Clears the target context id and the handle's own time-out; keeps the data
 * of HG_Set_data().
 *
 * \param handle [IN] the handle
 * \param addr [IN]   the new target; HG_ADDR_NULL keeps the old one
 * \param id [IN]     the new RPC; 0 keeps the old one
 *
 * \return HG_SUCCESS, HG_INVALID_ARG, HG_BUSY while a call is in progress, HG_NOENTRY if the id is not registered
 */
HG_PUBLIC hg_return_t HG_Reset(hg_handle_t handle, hg_addr_t addr, hg_id_t id);

/**
 * Take a reference to a handle.
 *
 * \param hg_handle [IN] the handle
 *
 * \return HG_SUCCESS or HG_INVALID_ARG
 */
HG_PUBLIC hg_return_t HG_Ref_incr(hg_handle_t hg_handle);

/**
 * Count the references to a handle. The library holds one while a call is in progress. For the handler of a call to
 * oneself the count includes one for the origin, whose handle is another one here, but the same one in Mercury.
 *
 * \param handle [IN] the handle
 *
 * \return the number, or negative if the handle is HG_HANDLE_NULL
 */
HG_PUBLIC int32_t HG_Ref_get(hg_handle_t handle) HG_WARN_UNUSED_RESULT;

/**
 * Look at what a handle is for.
 *
 * \param handle [IN] the handle
 *
 * \return borrowed from the handle; NULL if the handle is HG_HANDLE_NULL
 */
HG_PUBLIC const struct hg_info *HG_Get_info(hg_handle_t handle) HG_WARN_UNUSED_RESULT;

/**
 * Attach a pointer to a handle. It stays over HG_Reset() and, at the target, over calls: a later request may arrive in
 * the same handle.
 *
 * \param handle [IN]        the handle
 * \param data [IN]          the pointer; replaces an earlier one, whose free callback is not called
 * \param free_callback [IN] called with it when the memory of the handle is freed; may be NULL
 *
 * \return HG_SUCCESS or HG_INVALID_ARG
 */
HG_PUBLIC hg_return_t HG_Set_data(hg_handle_t handle, void *data, void (*free_callback)(void *));

/**
 * Get the pointer that HG_Set_data() attached.
 *
 * \param handle [IN] the handle
 *
 * \return the pointer or NULL
 */
HG_PUBLIC void *HG_Get_data(hg_handle_t handle) HG_WARN_UNUSED_RESULT;

/**
 * Choose the context of the target that serves the calls of this handle. HG_Reset() sets it back to 0.
 *
 * \param handle [IN] the handle
 * \param id [IN]     id that the target gave to HG_Context_create_id()
 *
 * \return HG_SUCCESS, HG_INVALID_ARG, or HG_BUSY while a call is in progress
 */
HG_PUBLIC hg_return_t HG_Set_target_id(hg_handle_t handle, uint8_t id);

/** \}
 * \name Input and output
 * \{ */

/**
 * Tell how many bytes of input came in the request message itself, the reserved space in front among them.
 *
 * \param handle [IN] the handle
 *
 * \return bytes; that of the reserved space if there is no input, if it was too large for the message (see
 *         HG_Get_input_extra_buf()), or 0 after its buffer was released
 */
HG_PUBLIC hg_size_t HG_Get_input_payload_size(hg_handle_t handle);

/**
 * Decode the input at the target. It takes a reference, which HG_Free_input() drops.
 *
 * \param handle [IN]     the handle
 * \param in_struct [OUT] the struct of the RPC's input proc; undefined on failure, not written to if there is no proc
 *
 * \return HG_SUCCESS, HG_INVALID_ARG (no struct, not the side that receives it), HG_FAULT (buffer released), HG_OVERFLOW
 *         (the input ends too early), or what the proc returned
 */
HG_PUBLIC hg_return_t HG_Get_input(hg_handle_t handle, void *in_struct);

/**
 * Free what decoding the input has allocated, and drop a reference: that of HG_Get_input(), or one of HG_Ref_incr() for an
 * input that the caller has decoded by other means.
 *
 * \param handle [IN]    the handle
 * \param in_struct [IN] the struct
 *
 * \return HG_SUCCESS, HG_INVALID_ARG, or what the proc returned
 */
HG_PUBLIC hg_return_t HG_Free_input(hg_handle_t handle, void *in_struct);

/**
 * Tell how many bytes of output came in the response message itself, the reserved space in front among them.
 *
 * \param handle [IN] the handle
 *
 * \return bytes; that of the reserved space if there is no output, if it was too large for the message (see
 *         HG_Get_output_extra_buf()), or 0 after its buffer was released
 */
HG_PUBLIC hg_size_t HG_Get_output_payload_size(hg_handle_t handle);

/**
 * Decode the output at the origin, after a callback with HG_SUCCESS. It takes a reference, which HG_Free_output()
 * drops.
 *
 * \param handle [IN]      the handle
 * \param out_struct [OUT] the struct of the RPC's output proc; undefined on failure, not written to if there is no proc
 *
 * \return as HG_Get_input(); HG_INVALID_ARG also if the call did not end with HG_SUCCESS
 */
HG_PUBLIC hg_return_t HG_Get_output(hg_handle_t handle, void *out_struct);

/**
 * Free what decoding the output has allocated, and drop a reference, as HG_Free_input() does.
 *
 * \param handle [IN]     the handle
 * \param out_struct [IN] the struct
 *
 * \return HG_SUCCESS, HG_INVALID_ARG, or what the proc returned
 */
HG_PUBLIC hg_return_t HG_Free_output(hg_handle_t handle, void *out_struct);

/**
 * Reach the raw input: at the origin the space to encode into, reserved header first, at the target what came.
 *
 * \param handle [IN]         the handle
 * \param in_buf_p [OUT]      the buffer, valid until the handle is released, reset or forwarded again
 * \param in_buf_size_p [OUT] its size; may be NULL
 *
 * \return HG_SUCCESS, HG_INVALID_ARG, or HG_FAULT after HG_Release_input_buf()
 */
HG_PUBLIC hg_return_t HG_Get_input_buf(hg_handle_t handle, void **in_buf_p, hg_size_t *in_buf_size_p);

/**
 * Give the input buffer back early, for a handler that has decoded and runs for long.
 *
 * \param handle [IN] the handle
 *
 * \return HG_SUCCESS or HG_INVALID_ARG
 */
HG_PUBLIC hg_return_t HG_Release_input_buf(hg_handle_t handle);

/**
 * Reach the raw output: at the target the space to encode into, reserved header first, at the origin what came.
 *
 * \param handle [IN]          the handle
 * \param out_buf_p [OUT]      the buffer, valid until the handle is released, reset or forwarded again
 * \param out_buf_size_p [OUT] its size; may be NULL
 *
 * \return HG_SUCCESS or HG_INVALID_ARG
 */
HG_PUBLIC hg_return_t HG_Get_output_buf(hg_handle_t handle, void **out_buf_p, hg_size_t *out_buf_size_p);

/**
 * Reach the raw input that was too large for the message.
 *
 * \param handle [IN]         the handle
 * \param in_buf_p [OUT]      the whole encoded input in one piece; NULL if it fitted in the message
 * \param in_buf_size_p [OUT] its size, 0 if it fitted; may be NULL
 *
 * \return HG_SUCCESS or HG_INVALID_ARG
 */
HG_PUBLIC hg_return_t HG_Get_input_extra_buf(hg_handle_t handle, void **in_buf_p, hg_size_t *in_buf_size_p);

/**
 * Reach the raw output that was too large for the message.
 *
 * \param handle [IN]          the handle
 * \param out_buf_p [OUT]      the whole encoded output in one piece; NULL if it fitted in the message
 * \param out_buf_size_p [OUT] its size, 0 if it fitted; may be NULL
 *
 * \return HG_SUCCESS or HG_INVALID_ARG
 */
HG_PUBLIC hg_return_t HG_Get_output_extra_buf(hg_handle_t handle, void **out_buf_p, hg_size_t *out_buf_size_p);

/** \}
 * \name Calls
 * \{ */

/**
 * Send a call. When it returns, the input is encoded (the struct may go) and the request is on its way or queued for
 * its turn; it leaves without further help from the caller. The callback comes exactly once, with HG_SUCCESS if the
 * target has answered, else with the reason: HG_TIMEOUT, HG_CANCELED, HG_HOSTUNREACH, HG_NOENTRY (the target does not
 * know the RPC), HG_AGAIN (it has no room and says so, see qs_class_set_admission()) and others.
 *
 * \param handle [IN]    the handle, which gains a reference until the callback has run
 * \param callback [IN]  called by HG_Trigger() of the handle's context; NULL for none
 * \param arg [IN]       passed on to the callback
 * \param in_struct [IN] the input; NULL if there is none
 *
 * \return HG_SUCCESS; on failure no callback comes: HG_INVALID_ARG (no target, no RPC), HG_BUSY (a call is in
 *         progress), HG_OVERFLOW (too large and no_overflow is set), HG_NOMEM, HG_CANCELED (the context is being destroyed),
 *         HG_NOENTRY (this process has no such context), HG_AGAIN (no room, and NA_NO_RETRY was asked for), HG_HOSTUNREACH (the
 *         breaker is open, see qs_class_set_breaker()), or what the proc returned
 */
HG_PUBLIC hg_return_t HG_Forward(hg_handle_t handle, hg_cb_t callback, void *arg, void *in_struct);

/**
 * Answer a call at the target, once. When it returns, the output is encoded and the response on its way.
 *
 * \param handle [IN]     the handle
 * \param callback [IN]   called by HG_Trigger() when the response has been handed to the transport; NULL for none
 * \param arg [IN]        passed on to the callback
 * \param out_struct [IN] the output; NULL if there is none
 *
 * \return HG_SUCCESS; on failure no callback comes: HG_INVALID_ARG, HG_OPNOTSUPPORTED (one-way call), HG_BUSY
 *         (answered already), HG_OVERFLOW, HG_NOMEM, or what the proc returned
 */
HG_PUBLIC hg_return_t HG_Respond(hg_handle_t handle, hg_cb_t callback, void *arg, void *out_struct);

/**
 * Cancel the call of a handle. The callback still comes, once, with HG_CANCELED or, if the response was faster, with
 * HG_SUCCESS. Where the call has shown memory to the target, the callback waits until the target has let go of that, or for
 * a grace (qs_class_set_bulk_grace()). Nothing happens on a handle without a call in progress.
 *
 * \param handle [IN] the handle
 *
 * \return HG_SUCCESS or HG_INVALID_ARG
 */
HG_PUBLIC hg_return_t HG_Cancel(hg_handle_t handle);

/** \}
 * \name Progress
 * \{ */

/**
 * Make progress, at most until the time is up. Trouble with one peer ends the calls to that peer, never this function.
 *
 * \param context [IN] the context; of several threads one works, the others wait
 * \param timeout [IN] milliseconds; 0 never sleeps
 *
 * \return HG_SUCCESS if completions wait for HG_Trigger(), HG_TIMEOUT if not, HG_INVALID_ARG
 */
HG_PUBLIC hg_return_t HG_Progress(hg_context_t *context, unsigned int timeout);

/**
 * Run callbacks of completed operations, waiting for the first one at most until the time is up.
 *
 * \param context [IN]         the context
 * \param timeout [IN]         milliseconds to wait while there is none; 0 never sleeps
 * \param max_count [IN]       callbacks to run at most
 * \param actual_count_p [OUT] callbacks run, 0 on HG_TIMEOUT; may be NULL
 *
 * \return HG_SUCCESS if at least one has run (or max_count is 0), HG_TIMEOUT if none, HG_INVALID_ARG
 */
HG_PUBLIC hg_return_t HG_Trigger(hg_context_t *context, unsigned int timeout, unsigned int max_count,
                                 unsigned int *actual_count_p);

/**
 * Get a descriptor that becomes readable when there is something to progress, for poll or epoll. HG_Event_ready() must
 * be asked before each wait.
 *
 * \param context [IN] the context
 *
 * \return the descriptor, owned by the context; negative if there is none
 */
HG_PUBLIC int HG_Event_get_wait_fd(const hg_context_t *context) HG_WARN_UNUSED_RESULT;

/**
 * Tell whether there is work now, and prepare the descriptor for a wait if not. It first sends what is queued.
 *
 * \param context [IN] the context
 *
 * \return true: call HG_Event_progress() and HG_Event_trigger() instead of waiting
 */
HG_PUBLIC bool HG_Event_ready(hg_context_t *context) HG_WARN_UNUSED_RESULT;

/**
 * Make progress without ever sleeping.
 *
 * \param context [IN]  the context
 * \param count_p [OUT] completions that now wait for HG_Event_trigger(); may be NULL
 *
 * \return HG_SUCCESS or HG_INVALID_ARG
 */
HG_PUBLIC hg_return_t HG_Event_progress(hg_context_t *context, unsigned int *count_p);

/**
 * Run callbacks of completed operations without ever sleeping.
 *
 * \param context [IN]         the context
 * \param max_count [IN]       callbacks to run at most
 * \param actual_count_p [OUT] callbacks run, 0 if there were none; may be NULL
 *
 * \return HG_SUCCESS or HG_INVALID_ARG
 */
HG_PUBLIC hg_return_t HG_Event_trigger(hg_context_t *context, unsigned int max_count, unsigned int *actual_count_p);

/** \} */

#ifdef __cplusplus
}
#endif

#endif /* MERCURY_H */
