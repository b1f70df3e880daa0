/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Every function of the Mercury interface, with the parameter and result types that Mercury 2.4 documents:
 * a difference in the headers does not compile, a function that is not in the library does not link: the pointers are
 * volatile, so that no compiler decides by itself that they are not NULL and leaves their names out of the program. The
 * file is compiled as C and as C++ (headers_names_cpp.cpp includes it). hg_proc_get_xdr_ptr is left out: it exists in Mercury
 * only when that is built for XDR, and its type is not ours.
 */
#include "mercury.h"
#include "mercury_bulk.h"
#include "mercury_macros.h"
#include "mercury_proc.h"
#include "mercury_proc_bulk.h"
#include "mercury_proc_string.h"
#include "mercury_request.h"
#include "mercury_string_object.h"

#include "names.h"

/* mercury.h - Version, errors, protocol query  (4) */
static hg_return_t (*const volatile take_HG_Version_get)(unsigned int *major_p, unsigned int *minor_p,
                                                         unsigned int *patch_p) = HG_Version_get;
static const char *(*const volatile take_HG_Error_to_string)(hg_return_t errnum) = HG_Error_to_string;
static hg_return_t (*const volatile take_HG_Get_na_protocol_info)(
    const char *info_string, struct na_protocol_info **na_protocol_info_p) = HG_Get_na_protocol_info;
static void (*const volatile take_HG_Free_na_protocol_info)(struct na_protocol_info *na_protocol_info) =
    HG_Free_na_protocol_info;

/* mercury.h - Init / finalize  (5) */
static hg_class_t *(*const volatile take_HG_Init)(const char *na_info_string, uint8_t na_listen) = HG_Init;
static hg_class_t *(*const volatile take_HG_Init_opt)(const char *na_info_string, uint8_t na_listen,
                                                      const struct hg_init_info *hg_init_info) = HG_Init_opt;
static hg_class_t *(*const volatile take_HG_Init_opt2)(const char *na_info_string, uint8_t na_listen,
                                                       unsigned int version,
                                                       const struct hg_init_info *hg_init_info) = HG_Init_opt2;
static hg_return_t (*const volatile take_HG_Finalize)(hg_class_t *hg_class) = HG_Finalize;
static void (*const volatile take_HG_Cleanup)(void) = HG_Cleanup;

/* mercury.h - Log, diagnostics, counters  (6) */
static void (*const volatile take_HG_Set_log_level)(const char *level) = HG_Set_log_level;
static void (*const volatile take_HG_Set_log_subsys)(const char *subsys) = HG_Set_log_subsys;
static void (*const volatile take_HG_Set_log_func)(int (*log_func)(FILE *stream, const char *format,
                                                                   ...)) = HG_Set_log_func;
static void (*const volatile take_HG_Set_log_stream)(const char *level, FILE *stream) = HG_Set_log_stream;
static void (*const volatile take_HG_Diag_dump_counters)(void) = HG_Diag_dump_counters;
static hg_return_t (*const volatile take_HG_Class_get_counters)(
    const hg_class_t *hg_class, struct hg_diag_counters *diag_counters) = HG_Class_get_counters;

/* mercury.h - Class accessors  (10) */
static const char *(*const volatile take_HG_Class_get_name)(const hg_class_t *hg_class) = HG_Class_get_name;
static const char *(*const volatile take_HG_Class_get_protocol)(const hg_class_t *hg_class) = HG_Class_get_protocol;
static bool (*const volatile take_HG_Class_is_listening)(const hg_class_t *hg_class) = HG_Class_is_listening;
static hg_size_t (*const volatile take_HG_Class_get_input_eager_size)(const hg_class_t *hg_class) =
    HG_Class_get_input_eager_size;
static hg_size_t (*const volatile take_HG_Class_get_output_eager_size)(const hg_class_t *hg_class) =
    HG_Class_get_output_eager_size;
static hg_return_t (*const volatile take_HG_Class_set_input_offset)(hg_class_t *hg_class,
                                                                    hg_size_t offset) = HG_Class_set_input_offset;
static hg_return_t (*const volatile take_HG_Class_set_output_offset)(hg_class_t *hg_class,
                                                                     hg_size_t offset) = HG_Class_set_output_offset;
static hg_return_t (*const volatile take_HG_Class_set_data)(hg_class_t *hg_class, void *data,
                                                            void (*free_callback)(void *)) = HG_Class_set_data;
static void *(*const volatile take_HG_Class_get_data)(const hg_class_t *hg_class) = HG_Class_get_data;
static hg_return_t (*const volatile take_HG_Class_set_handle_create_callback)(
    hg_class_t *hg_class, hg_return_t (*callback)(hg_handle_t, void *),
    void *arg) = HG_Class_set_handle_create_callback;

/* mercury.h - Context  (8) */
static hg_context_t *(*const volatile take_HG_Context_create)(hg_class_t *hg_class) = HG_Context_create;
static hg_context_t *(*const volatile take_HG_Context_create_id)(hg_class_t *hg_class,
                                                                 uint8_t id) = HG_Context_create_id;
static hg_return_t (*const volatile take_HG_Context_destroy)(hg_context_t *context) = HG_Context_destroy;
static hg_return_t (*const volatile take_HG_Context_unpost)(hg_context_t *context) = HG_Context_unpost;
static hg_class_t *(*const volatile take_HG_Context_get_class)(const hg_context_t *context) = HG_Context_get_class;
static uint8_t (*const volatile take_HG_Context_get_id)(const hg_context_t *context) = HG_Context_get_id;
static hg_return_t (*const volatile take_HG_Context_set_data)(hg_context_t *context, void *data,
                                                              void (*free_callback)(void *)) = HG_Context_set_data;
static void *(*const volatile take_HG_Context_get_data)(const hg_context_t *context) = HG_Context_get_data;

/* mercury.h - Registration  (10) */
static hg_id_t (*const volatile take_HG_Register_name)(hg_class_t *hg_class, const char *func_name,
                                                       hg_proc_cb_t in_proc_cb, hg_proc_cb_t out_proc_cb,
                                                       hg_rpc_cb_t rpc_cb) = HG_Register_name;
static hg_return_t (*const volatile take_HG_Registered_name)(hg_class_t *hg_class, const char *func_name, hg_id_t *id_p,
                                                             uint8_t *flag_p) = HG_Registered_name;
static hg_return_t (*const volatile take_HG_Register)(hg_class_t *hg_class, hg_id_t id, hg_proc_cb_t in_proc_cb,
                                                      hg_proc_cb_t out_proc_cb, hg_rpc_cb_t rpc_cb) = HG_Register;
static hg_return_t (*const volatile take_HG_Deregister)(hg_class_t *hg_class, hg_id_t id) = HG_Deregister;
static hg_return_t (*const volatile take_HG_Registered)(hg_class_t *hg_class, hg_id_t id,
                                                        uint8_t *flag_p) = HG_Registered;
static hg_return_t (*const volatile take_HG_Registered_proc_cb)(hg_class_t *hg_class, hg_id_t id, uint8_t *flag_p,
                                                                hg_proc_cb_t *in_proc_cb_p,
                                                                hg_proc_cb_t *out_proc_cb_p) = HG_Registered_proc_cb;
static hg_return_t (*const volatile take_HG_Register_data)(hg_class_t *hg_class, hg_id_t id, void *data,
                                                           void (*free_callback)(void *)) = HG_Register_data;
static void *(*const volatile take_HG_Registered_data)(hg_class_t *hg_class, hg_id_t id) = HG_Registered_data;
static hg_return_t (*const volatile take_HG_Registered_disable_response)(
    hg_class_t *hg_class, hg_id_t id, uint8_t disable) = HG_Registered_disable_response;
static hg_return_t (*const volatile take_HG_Registered_disabled_response)(
    hg_class_t *hg_class, hg_id_t id, uint8_t *disabled_p) = HG_Registered_disabled_response;

/* mercury.h - Address  (8) */
static hg_return_t (*const volatile take_HG_Addr_lookup1)(hg_context_t *context, hg_cb_t callback, void *arg,
                                                          const char *name, hg_op_id_t *op_id_p) = HG_Addr_lookup1;
static hg_return_t (*const volatile take_HG_Addr_lookup2)(hg_class_t *hg_class, const char *name,
                                                          hg_addr_t *addr_p) = HG_Addr_lookup2;
static hg_return_t (*const volatile take_HG_Addr_free)(hg_class_t *hg_class, hg_addr_t addr) = HG_Addr_free;
static hg_return_t (*const volatile take_HG_Addr_set_remove)(hg_class_t *hg_class, hg_addr_t addr) = HG_Addr_set_remove;
static hg_return_t (*const volatile take_HG_Addr_self)(hg_class_t *hg_class, hg_addr_t *addr_p) = HG_Addr_self;
static hg_return_t (*const volatile take_HG_Addr_dup)(hg_class_t *hg_class, hg_addr_t addr,
                                                      hg_addr_t *new_addr_p) = HG_Addr_dup;
static uint8_t (*const volatile take_HG_Addr_cmp)(hg_class_t *hg_class, hg_addr_t addr1, hg_addr_t addr2) = HG_Addr_cmp;
static hg_return_t (*const volatile take_HG_Addr_to_string)(hg_class_t *hg_class, char *buf, hg_size_t *buf_size_p,
                                                            hg_addr_t addr) = HG_Addr_to_string;

/* mercury.h - Handle lifecycle  (9) */
static hg_return_t (*const volatile take_HG_Create)(hg_context_t *context, hg_addr_t addr, hg_id_t id,
                                                    hg_handle_t *handle_p) = HG_Create;
static hg_return_t (*const volatile take_HG_Destroy)(hg_handle_t handle) = HG_Destroy;
static hg_return_t (*const volatile take_HG_Reset)(hg_handle_t handle, hg_addr_t addr, hg_id_t id) = HG_Reset;
static hg_return_t (*const volatile take_HG_Ref_incr)(hg_handle_t hg_handle) = HG_Ref_incr;
static int32_t (*const volatile take_HG_Ref_get)(hg_handle_t handle) = HG_Ref_get;
static const struct hg_info *(*const volatile take_HG_Get_info)(hg_handle_t handle) = HG_Get_info;
static hg_return_t (*const volatile take_HG_Set_data)(hg_handle_t handle, void *data,
                                                      void (*free_callback)(void *)) = HG_Set_data;
static void *(*const volatile take_HG_Get_data)(hg_handle_t handle) = HG_Get_data;
static hg_return_t (*const volatile take_HG_Set_target_id)(hg_handle_t handle, uint8_t id) = HG_Set_target_id;

/* mercury.h - Input / output access  (11) */
static hg_size_t (*const volatile take_HG_Get_input_payload_size)(hg_handle_t handle) = HG_Get_input_payload_size;
static hg_return_t (*const volatile take_HG_Get_input)(hg_handle_t handle, void *in_struct) = HG_Get_input;
static hg_return_t (*const volatile take_HG_Free_input)(hg_handle_t handle, void *in_struct) = HG_Free_input;
static hg_size_t (*const volatile take_HG_Get_output_payload_size)(hg_handle_t handle) = HG_Get_output_payload_size;
static hg_return_t (*const volatile take_HG_Get_output)(hg_handle_t handle, void *out_struct) = HG_Get_output;
static hg_return_t (*const volatile take_HG_Free_output)(hg_handle_t handle, void *out_struct) = HG_Free_output;
static hg_return_t (*const volatile take_HG_Get_input_buf)(hg_handle_t handle, void **in_buf_p,
                                                           hg_size_t *in_buf_size_p) = HG_Get_input_buf;
static hg_return_t (*const volatile take_HG_Release_input_buf)(hg_handle_t handle) = HG_Release_input_buf;
static hg_return_t (*const volatile take_HG_Get_output_buf)(hg_handle_t handle, void **out_buf_p,
                                                            hg_size_t *out_buf_size_p) = HG_Get_output_buf;
static hg_return_t (*const volatile take_HG_Get_input_extra_buf)(hg_handle_t handle, void **in_buf_p,
                                                                 hg_size_t *in_buf_size_p) = HG_Get_input_extra_buf;
static hg_return_t (*const volatile take_HG_Get_output_extra_buf)(hg_handle_t handle, void **out_buf_p,
                                                                  hg_size_t *out_buf_size_p) = HG_Get_output_extra_buf;

/* mercury.h - Forward / respond / cancel  (3) */
static hg_return_t (*const volatile take_HG_Forward)(hg_handle_t handle, hg_cb_t callback, void *arg,
                                                     void *in_struct) = HG_Forward;
static hg_return_t (*const volatile take_HG_Respond)(hg_handle_t handle, hg_cb_t callback, void *arg,
                                                     void *out_struct) = HG_Respond;
static hg_return_t (*const volatile take_HG_Cancel)(hg_handle_t handle) = HG_Cancel;

/* mercury.h - Progress / trigger / event  (6) */
static hg_return_t (*const volatile take_HG_Progress)(hg_context_t *context, unsigned int timeout) = HG_Progress;
static hg_return_t (*const volatile take_HG_Trigger)(hg_context_t *context, unsigned int timeout,
                                                     unsigned int max_count, unsigned int *actual_count_p) = HG_Trigger;
static int (*const volatile take_HG_Event_get_wait_fd)(const hg_context_t *context) = HG_Event_get_wait_fd;
static bool (*const volatile take_HG_Event_ready)(hg_context_t *context) = HG_Event_ready;
static hg_return_t (*const volatile take_HG_Event_progress)(hg_context_t *context,
                                                            unsigned int *count_p) = HG_Event_progress;
static hg_return_t (*const volatile take_HG_Event_trigger)(hg_context_t *context, unsigned int max_count,
                                                           unsigned int *actual_count_p) = HG_Event_trigger;

/* mercury_bulk.h - create / lifetime / bind  (5) */
static hg_return_t (*const volatile take_HG_Bulk_create)(hg_class_t *hg_class, uint32_t count, void **buf_ptrs,
                                                         const hg_size_t *buf_sizes, uint8_t flags,
                                                         hg_bulk_t *handle) = HG_Bulk_create;
static hg_return_t (*const volatile take_HG_Bulk_create_attr)(hg_class_t *hg_class, uint32_t count, void **buf_ptrs,
                                                              const hg_size_t *buf_sizes, uint8_t flags,
                                                              const struct hg_bulk_attr *attrs,
                                                              hg_bulk_t *handle) = HG_Bulk_create_attr;
static hg_return_t (*const volatile take_HG_Bulk_free)(hg_bulk_t handle) = HG_Bulk_free;
static hg_return_t (*const volatile take_HG_Bulk_ref_incr)(hg_bulk_t handle) = HG_Bulk_ref_incr;
static hg_return_t (*const volatile take_HG_Bulk_bind)(hg_bulk_t handle, hg_context_t *context) = HG_Bulk_bind;

/* mercury_bulk.h - access  (6) */
static hg_addr_t (*const volatile take_HG_Bulk_get_addr)(hg_bulk_t handle) = HG_Bulk_get_addr;
static uint8_t (*const volatile take_HG_Bulk_get_context_id)(hg_bulk_t handle) = HG_Bulk_get_context_id;
static hg_return_t (*const volatile take_HG_Bulk_access)(hg_bulk_t handle, hg_size_t offset, hg_size_t size,
                                                         uint8_t flags, uint32_t max_count, void **buf_ptrs,
                                                         hg_size_t *buf_sizes, uint32_t *actual_count) = HG_Bulk_access;
static hg_size_t (*const volatile take_HG_Bulk_get_size)(hg_bulk_t handle) = HG_Bulk_get_size;
static uint32_t (*const volatile take_HG_Bulk_get_segment_count)(hg_bulk_t handle) = HG_Bulk_get_segment_count;
static uint8_t (*const volatile take_HG_Bulk_get_flags)(hg_bulk_t handle) = HG_Bulk_get_flags;

/* mercury_bulk.h - serialize  (3) */
static hg_size_t (*const volatile take_HG_Bulk_get_serialize_size)(hg_bulk_t handle,
                                                                   unsigned long flags) = HG_Bulk_get_serialize_size;
static hg_return_t (*const volatile take_HG_Bulk_serialize)(void *buf, hg_size_t buf_size, unsigned long flags,
                                                            hg_bulk_t handle) = HG_Bulk_serialize;
static hg_return_t (*const volatile take_HG_Bulk_deserialize)(hg_class_t *hg_class, hg_bulk_t *handle, const void *buf,
                                                              hg_size_t buf_size) = HG_Bulk_deserialize;

/* mercury_bulk.h - transfer / cancel  (4) */
static hg_return_t (*const volatile take_HG_Bulk_transfer)(hg_context_t *context, hg_cb_t callback, void *arg,
                                                           hg_bulk_op_t op, hg_addr_t origin_addr,
                                                           hg_bulk_t origin_handle, hg_size_t origin_offset,
                                                           hg_bulk_t local_handle, hg_size_t local_offset,
                                                           hg_size_t size, hg_op_id_t *op_id) = HG_Bulk_transfer;
static hg_return_t (*const volatile take_HG_Bulk_bind_transfer)(hg_context_t *context, hg_cb_t callback, void *arg,
                                                                hg_bulk_op_t op, hg_bulk_t origin_handle,
                                                                hg_size_t origin_offset, hg_bulk_t local_handle,
                                                                hg_size_t local_offset, hg_size_t size,
                                                                hg_op_id_t *op_id) = HG_Bulk_bind_transfer;
static hg_return_t (*const volatile take_HG_Bulk_transfer_id)(hg_context_t *context, hg_cb_t callback, void *arg,
                                                              hg_bulk_op_t op, hg_addr_t origin_addr, uint8_t origin_id,
                                                              hg_bulk_t origin_handle, hg_size_t origin_offset,
                                                              hg_bulk_t local_handle, hg_size_t local_offset,
                                                              hg_size_t size, hg_op_id_t *op_id) = HG_Bulk_transfer_id;
static hg_return_t (*const volatile take_HG_Bulk_cancel)(hg_op_id_t op_id) = HG_Bulk_cancel;

/* mercury_proc.h - processor lifetime  (5) */
static hg_return_t (*const volatile take_hg_proc_create)(hg_class_t *hg_class, hg_proc_hash_t hash,
                                                         hg_proc_t *proc_p) = hg_proc_create;
static hg_return_t (*const volatile take_hg_proc_create_set)(hg_class_t *hg_class, void *buf, hg_size_t buf_size,
                                                             hg_proc_op_t op, hg_proc_hash_t hash,
                                                             hg_proc_t *proc_p) = hg_proc_create_set;
static hg_return_t (*const volatile take_hg_proc_free)(hg_proc_t proc) = hg_proc_free;
static hg_return_t (*const volatile take_hg_proc_reset)(hg_proc_t proc, void *buf, hg_size_t buf_size,
                                                        hg_proc_op_t op) = hg_proc_reset;
static hg_return_t (*const volatile take_hg_proc_flush)(hg_proc_t proc) = hg_proc_flush;

/* mercury_proc.h - accessors  (14) */
static hg_class_t *(*const volatile take_hg_proc_get_class)(hg_proc_t proc) = hg_proc_get_class;
static void (*const volatile take_hg_proc_set_handle)(hg_proc_t proc, hg_handle_t handle) = hg_proc_set_handle;
static hg_handle_t (*const volatile take_hg_proc_get_handle)(hg_proc_t proc) = hg_proc_get_handle;
static hg_proc_op_t (*const volatile take_hg_proc_get_op)(hg_proc_t proc) = hg_proc_get_op;
static void (*const volatile take_hg_proc_set_flags)(hg_proc_t proc, uint8_t flags) = hg_proc_set_flags;
static uint8_t (*const volatile take_hg_proc_get_flags)(hg_proc_t proc) = hg_proc_get_flags;
static hg_size_t (*const volatile take_hg_proc_get_size)(hg_proc_t proc) = hg_proc_get_size;
static hg_size_t (*const volatile take_hg_proc_get_size_used)(hg_proc_t proc) = hg_proc_get_size_used;
static hg_return_t (*const volatile take_hg_proc_set_size)(hg_proc_t proc, hg_size_t buf_size) = hg_proc_set_size;
static hg_size_t (*const volatile take_hg_proc_get_size_left)(hg_proc_t proc) = hg_proc_get_size_left;
static void *(*const volatile take_hg_proc_get_extra_buf)(hg_proc_t proc) = hg_proc_get_extra_buf;
static hg_size_t (*const volatile take_hg_proc_get_extra_size)(hg_proc_t proc) = hg_proc_get_extra_size;
static hg_return_t (*const volatile take_hg_proc_set_extra_buf_is_mine)(hg_proc_t proc,
                                                                        uint8_t mine) = hg_proc_set_extra_buf_is_mine;

/* mercury_proc.h - raw pointer and checksum  (5) */
static void *(*const volatile take_hg_proc_save_ptr)(hg_proc_t proc, hg_size_t data_size) = hg_proc_save_ptr;
static hg_return_t (*const volatile take_hg_proc_restore_ptr)(hg_proc_t proc, void *data,
                                                              hg_size_t data_size) = hg_proc_restore_ptr;
static hg_return_t (*const volatile take_hg_proc_checksum_get)(hg_proc_t proc, void *hash,
                                                               hg_size_t hash_size) = hg_proc_checksum_get;
static hg_return_t (*const volatile take_hg_proc_checksum_verify)(hg_proc_t proc, const void *hash,
                                                                  hg_size_t hash_size) = hg_proc_checksum_verify;
static void (*const volatile take_hg_proc_checksum_update)(hg_proc_t proc, void *data,
                                                           hg_size_t data_size) = hg_proc_checksum_update;

/* mercury_proc.h - basic types  (9) */
static hg_return_t (*const volatile take_hg_proc_int8_t)(hg_proc_t proc, void *data) = hg_proc_int8_t;
static hg_return_t (*const volatile take_hg_proc_uint8_t)(hg_proc_t proc, void *data) = hg_proc_uint8_t;
static hg_return_t (*const volatile take_hg_proc_int16_t)(hg_proc_t proc, void *data) = hg_proc_int16_t;
static hg_return_t (*const volatile take_hg_proc_uint16_t)(hg_proc_t proc, void *data) = hg_proc_uint16_t;
static hg_return_t (*const volatile take_hg_proc_int32_t)(hg_proc_t proc, void *data) = hg_proc_int32_t;
static hg_return_t (*const volatile take_hg_proc_uint32_t)(hg_proc_t proc, void *data) = hg_proc_uint32_t;
static hg_return_t (*const volatile take_hg_proc_int64_t)(hg_proc_t proc, void *data) = hg_proc_int64_t;
static hg_return_t (*const volatile take_hg_proc_uint64_t)(hg_proc_t proc, void *data) = hg_proc_uint64_t;
static hg_return_t (*const volatile take_hg_proc_bytes)(hg_proc_t proc, void *data,
                                                        hg_size_t data_size) = hg_proc_bytes;

/* mercury_proc_bulk.h + mercury_proc_string.h  (4) */
static hg_return_t (*const volatile take_hg_proc_hg_bulk_t)(hg_proc_t proc, void *data) = hg_proc_hg_bulk_t;
static hg_return_t (*const volatile take_hg_proc_hg_const_string_t)(hg_proc_t proc,
                                                                    void *data) = hg_proc_hg_const_string_t;
static hg_return_t (*const volatile take_hg_proc_hg_string_t)(hg_proc_t proc, void *data) = hg_proc_hg_string_t;
static hg_return_t (*const volatile take_hg_proc_hg_string_object_t)(hg_proc_t proc,
                                                                     void *string) = hg_proc_hg_string_object_t;

/* mercury_string_object.h  (6) */
static hg_return_t (*const volatile take_hg_string_object_init)(hg_string_object_t *string) = hg_string_object_init;
static hg_return_t (*const volatile take_hg_string_object_init_char)(hg_string_object_t *string, char *s,
                                                                     uint8_t is_owned) = hg_string_object_init_char;
static hg_return_t (*const volatile take_hg_string_object_init_const_char)(
    hg_string_object_t *string, const char *s, uint8_t is_owned) = hg_string_object_init_const_char;
static hg_return_t (*const volatile take_hg_string_object_free)(hg_string_object_t *string) = hg_string_object_free;
static hg_return_t (*const volatile take_hg_string_object_dup)(hg_string_object_t string,
                                                               hg_string_object_t *new_string) = hg_string_object_dup;
static char *(*const volatile take_hg_string_object_swap)(hg_string_object_t *string, char *s) = hg_string_object_swap;

/* mercury_request.h */
static hg_request_class_t *(*const volatile take_hg_request_init)(hg_request_progress_func_t progress,
                                                                  hg_request_trigger_func_t trigger,
                                                                  void *arg) = hg_request_init;
static void (*const volatile take_hg_request_finalize)(hg_request_class_t *request_class,
                                                       void **arg) = hg_request_finalize;
static hg_request_t *(*const volatile take_hg_request_create)(hg_request_class_t *request_class) = hg_request_create;
static void (*const volatile take_hg_request_destroy)(hg_request_t *request) = hg_request_destroy;
static void (*const volatile take_hg_request_reset)(hg_request_t *request) = hg_request_reset;
static void (*const volatile take_hg_request_complete)(hg_request_t *request) = hg_request_complete;
static int (*const volatile take_hg_request_wait)(hg_request_t *request, unsigned int timeout,
                                                  unsigned int *flag) = hg_request_wait;
static int (*const volatile take_hg_request_waitall)(int count, hg_request_t *request[], unsigned int timeout,
                                                     unsigned int *flag) = hg_request_waitall;
static void (*const volatile take_hg_request_set_data)(hg_request_t *request, void *data) = hg_request_set_data;
static void *(*const volatile take_hg_request_get_data)(hg_request_t *request) = hg_request_get_data;

int main(void)
{
    const struct compat_name names[] = {
        COMPAT_NAME(HG_Version_get),
        COMPAT_NAME(HG_Error_to_string),
        COMPAT_NAME(HG_Get_na_protocol_info),
        COMPAT_NAME(HG_Free_na_protocol_info),
        COMPAT_NAME(HG_Init),
        COMPAT_NAME(HG_Init_opt),
        COMPAT_NAME(HG_Init_opt2),
        COMPAT_NAME(HG_Finalize),
        COMPAT_NAME(HG_Cleanup),
        COMPAT_NAME(HG_Set_log_level),
        COMPAT_NAME(HG_Set_log_subsys),
        COMPAT_NAME(HG_Set_log_func),
        COMPAT_NAME(HG_Set_log_stream),
        COMPAT_NAME(HG_Diag_dump_counters),
        COMPAT_NAME(HG_Class_get_counters),
        COMPAT_NAME(HG_Class_get_name),
        COMPAT_NAME(HG_Class_get_protocol),
        COMPAT_NAME(HG_Class_is_listening),
        COMPAT_NAME(HG_Class_get_input_eager_size),
        COMPAT_NAME(HG_Class_get_output_eager_size),
        COMPAT_NAME(HG_Class_set_input_offset),
        COMPAT_NAME(HG_Class_set_output_offset),
        COMPAT_NAME(HG_Class_set_data),
        COMPAT_NAME(HG_Class_get_data),
        COMPAT_NAME(HG_Class_set_handle_create_callback),
        COMPAT_NAME(HG_Context_create),
        COMPAT_NAME(HG_Context_create_id),
        COMPAT_NAME(HG_Context_destroy),
        COMPAT_NAME(HG_Context_unpost),
        COMPAT_NAME(HG_Context_get_class),
        COMPAT_NAME(HG_Context_get_id),
        COMPAT_NAME(HG_Context_set_data),
        COMPAT_NAME(HG_Context_get_data),
        COMPAT_NAME(HG_Register_name),
        COMPAT_NAME(HG_Registered_name),
        COMPAT_NAME(HG_Register),
        COMPAT_NAME(HG_Deregister),
        COMPAT_NAME(HG_Registered),
        COMPAT_NAME(HG_Registered_proc_cb),
        COMPAT_NAME(HG_Register_data),
        COMPAT_NAME(HG_Registered_data),
        COMPAT_NAME(HG_Registered_disable_response),
        COMPAT_NAME(HG_Registered_disabled_response),
        COMPAT_NAME(HG_Addr_lookup1),
        COMPAT_NAME(HG_Addr_lookup2),
        COMPAT_NAME(HG_Addr_free),
        COMPAT_NAME(HG_Addr_set_remove),
        COMPAT_NAME(HG_Addr_self),
        COMPAT_NAME(HG_Addr_dup),
        COMPAT_NAME(HG_Addr_cmp),
        COMPAT_NAME(HG_Addr_to_string),
        COMPAT_NAME(HG_Create),
        COMPAT_NAME(HG_Destroy),
        COMPAT_NAME(HG_Reset),
        COMPAT_NAME(HG_Ref_incr),
        COMPAT_NAME(HG_Ref_get),
        COMPAT_NAME(HG_Get_info),
        COMPAT_NAME(HG_Set_data),
        COMPAT_NAME(HG_Get_data),
        COMPAT_NAME(HG_Set_target_id),
        COMPAT_NAME(HG_Get_input_payload_size),
        COMPAT_NAME(HG_Get_input),
        COMPAT_NAME(HG_Free_input),
        COMPAT_NAME(HG_Get_output_payload_size),
        COMPAT_NAME(HG_Get_output),
        COMPAT_NAME(HG_Free_output),
        COMPAT_NAME(HG_Get_input_buf),
        COMPAT_NAME(HG_Release_input_buf),
        COMPAT_NAME(HG_Get_output_buf),
        COMPAT_NAME(HG_Get_input_extra_buf),
        COMPAT_NAME(HG_Get_output_extra_buf),
        COMPAT_NAME(HG_Forward),
        COMPAT_NAME(HG_Respond),
        COMPAT_NAME(HG_Cancel),
        COMPAT_NAME(HG_Progress),
        COMPAT_NAME(HG_Trigger),
        COMPAT_NAME(HG_Event_get_wait_fd),
        COMPAT_NAME(HG_Event_ready),
        COMPAT_NAME(HG_Event_progress),
        COMPAT_NAME(HG_Event_trigger),
        COMPAT_NAME(HG_Bulk_create),
        COMPAT_NAME(HG_Bulk_create_attr),
        COMPAT_NAME(HG_Bulk_free),
        COMPAT_NAME(HG_Bulk_ref_incr),
        COMPAT_NAME(HG_Bulk_bind),
        COMPAT_NAME(HG_Bulk_get_addr),
        COMPAT_NAME(HG_Bulk_get_context_id),
        COMPAT_NAME(HG_Bulk_access),
        COMPAT_NAME(HG_Bulk_get_size),
        COMPAT_NAME(HG_Bulk_get_segment_count),
        COMPAT_NAME(HG_Bulk_get_flags),
        COMPAT_NAME(HG_Bulk_get_serialize_size),
        COMPAT_NAME(HG_Bulk_serialize),
        COMPAT_NAME(HG_Bulk_deserialize),
        COMPAT_NAME(HG_Bulk_transfer),
        COMPAT_NAME(HG_Bulk_bind_transfer),
        COMPAT_NAME(HG_Bulk_transfer_id),
        COMPAT_NAME(HG_Bulk_cancel),
        COMPAT_NAME(hg_proc_create),
        COMPAT_NAME(hg_proc_create_set),
        COMPAT_NAME(hg_proc_free),
        COMPAT_NAME(hg_proc_reset),
        COMPAT_NAME(hg_proc_flush),
        COMPAT_NAME(hg_proc_get_class),
        COMPAT_NAME(hg_proc_set_handle),
        COMPAT_NAME(hg_proc_get_handle),
        COMPAT_NAME(hg_proc_get_op),
        COMPAT_NAME(hg_proc_set_flags),
        COMPAT_NAME(hg_proc_get_flags),
        COMPAT_NAME(hg_proc_get_size),
        COMPAT_NAME(hg_proc_get_size_used),
        COMPAT_NAME(hg_proc_set_size),
        COMPAT_NAME(hg_proc_get_size_left),
        COMPAT_NAME(hg_proc_get_extra_buf),
        COMPAT_NAME(hg_proc_get_extra_size),
        COMPAT_NAME(hg_proc_set_extra_buf_is_mine),
        COMPAT_NAME(hg_proc_save_ptr),
        COMPAT_NAME(hg_proc_restore_ptr),
        COMPAT_NAME(hg_proc_checksum_get),
        COMPAT_NAME(hg_proc_checksum_verify),
        COMPAT_NAME(hg_proc_checksum_update),
        COMPAT_NAME(hg_proc_int8_t),
        COMPAT_NAME(hg_proc_uint8_t),
        COMPAT_NAME(hg_proc_int16_t),
        COMPAT_NAME(hg_proc_uint16_t),
        COMPAT_NAME(hg_proc_int32_t),
        COMPAT_NAME(hg_proc_uint32_t),
        COMPAT_NAME(hg_proc_int64_t),
        COMPAT_NAME(hg_proc_uint64_t),
        COMPAT_NAME(hg_proc_bytes),
        COMPAT_NAME(hg_proc_hg_bulk_t),
        COMPAT_NAME(hg_proc_hg_const_string_t),
        COMPAT_NAME(hg_proc_hg_string_t),
        COMPAT_NAME(hg_proc_hg_string_object_t),
        COMPAT_NAME(hg_string_object_init),
        COMPAT_NAME(hg_string_object_init_char),
        COMPAT_NAME(hg_string_object_init_const_char),
        COMPAT_NAME(hg_string_object_free),
        COMPAT_NAME(hg_string_object_dup),
        COMPAT_NAME(hg_string_object_swap),
        COMPAT_NAME(hg_request_init),
        COMPAT_NAME(hg_request_finalize),
        COMPAT_NAME(hg_request_create),
        COMPAT_NAME(hg_request_destroy),
        COMPAT_NAME(hg_request_reset),
        COMPAT_NAME(hg_request_complete),
        COMPAT_NAME(hg_request_wait),
        COMPAT_NAME(hg_request_waitall),
        COMPAT_NAME(hg_request_set_data),
        COMPAT_NAME(hg_request_get_data),
    };

    return compat_names_report(names, sizeof(names) / sizeof(names[0]));
}
