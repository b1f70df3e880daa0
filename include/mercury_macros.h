/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */

/**
 * \file mercury_macros.h
 * Structs and their proc functions from a list of fields, and registration by the names of the structs.
 *
 *     MERCURY_GEN_PROC(point_t, ((int32_t)(x))((int32_t)(y)))
 *     MERCURY_GEN_PROC(line_t, ((point_t)(from))((point_t)(to)))
 *     id = MERCURY_REGISTER(hg_class, "draw", line_t, void, draw_cb);
 *
 * The list is a sequence ((type)(name))((type)(name))... of any length, also an empty one. For a field of type T there
 * must be a function hg_proc_T. No other library is needed; where Boost is installed its preprocessor is included, as
 * programs written for Mercury expect (define QS_NO_BOOST to leave it out).
 */

#ifndef MERCURY_MACROS_H
#define MERCURY_MACROS_H

#include "mercury.h"
#include "mercury_bulk.h"
#include "mercury_proc.h"
#include "mercury_proc_bulk.h"

#if defined(__has_include) && !defined(QS_NO_BOOST)
#if __has_include(<boost/preprocessor.hpp>)
#include <boost/preprocessor.hpp>
#endif
#endif

/* Programs paste type names with this macro after including us. It reads as Boost's own, so including Boost later
 * repeats the definition and is no error. */
#ifndef BOOST_PP_CAT
/* clang-format off */
#define BOOST_PP_CAT(a, b) BOOST_PP_CAT_I(a, b)
#define BOOST_PP_CAT_I(a, b) a ## b
/* clang-format on */
#endif

/* Joins two tokens after expanding them. */
#define QS_GEN_CAT(a, b)  QS_GEN_CAT_(a, b)
#define QS_GEN_CAT_(a, b) a##b

/* A sequence is walked by two macros that name each other in turn: each one takes an element and leaves the name of
 * the other behind, in front of the next element. What is left at the end becomes QS_GEN_..._END, which is empty. That
 * is why there is no limit on the number of fields. */
#define QS_GEN_END(...)  QS_GEN_END_(__VA_ARGS__)
#define QS_GEN_END_(...) __VA_ARGS__##_END

/* ((type)(name)) -> type name; */
#define QS_GEN_MEMBERS_1(field) \
    QS_GEN_MEMBER_TYPE field;   \
    QS_GEN_MEMBERS_2
#define QS_GEN_MEMBERS_2(field) \
    QS_GEN_MEMBER_TYPE field;   \
    QS_GEN_MEMBERS_1
#define QS_GEN_MEMBERS_1_END
#define QS_GEN_MEMBERS_2_END
#define QS_GEN_MEMBER_TYPE(type) type QS_GEN_MEMBER_NAME
#define QS_GEN_MEMBER_NAME(name) name

/* ((type)(name)) -> process one field, as long as none has failed, and count it */
#define QS_GEN_CALLS_1(field) QS_GEN_CALL_TYPE field QS_GEN_CALLS_2
#define QS_GEN_CALLS_2(field) QS_GEN_CALL_TYPE field QS_GEN_CALLS_1
#define QS_GEN_CALLS_1_END
#define QS_GEN_CALLS_2_END
#define QS_GEN_CALL_TYPE(type)       \
    if (likely(ret == HG_SUCCESS)) { \
        ret = QS_GEN_CAT(hg_proc_, type)(proc, &struct_data->QS_GEN_CALL_NAME
#define QS_GEN_CALL_NAME(name) \
        name);                 \
    count++;                   \
    }

/* ((type)(name)) -> free one field, if it is among the first count - 1: those that were decoded before the failure */
#define QS_GEN_UNDOS_1(field) QS_GEN_UNDO_TYPE field QS_GEN_UNDOS_2
#define QS_GEN_UNDOS_2(field) QS_GEN_UNDO_TYPE field QS_GEN_UNDOS_1
#define QS_GEN_UNDOS_1_END
#define QS_GEN_UNDOS_2_END
#define QS_GEN_UNDO_TYPE(type) \
    if (--count > 0)           \
        (void) QS_GEN_CAT(hg_proc_, type)(proc, &struct_data->QS_GEN_UNDO_NAME
#define QS_GEN_UNDO_NAME(name) name);

#define QS_GEN_STRUCT(struct_type_name, fields) \
    typedef struct {                            \
        QS_GEN_END(QS_GEN_MEMBERS_1 fields)     \
    } struct_type_name;

#define QS_GEN_STRUCT_PROC(struct_type_name, fields)                                                          \
    static HG_INLINE HG_UNUSED hg_return_t QS_GEN_CAT(hg_proc_, struct_type_name)(hg_proc_t proc, void *data) \
    {                                                                                                         \
        hg_return_t ret = HG_SUCCESS;                                                                         \
        struct_type_name *struct_data = (struct_type_name *)data;                                             \
        int count = 0;                                                                                        \
                                                                                                              \
        (void)struct_data;                                                                                    \
        QS_GEN_END(QS_GEN_CALLS_1 fields)                                                                     \
        if (unlikely(ret != HG_SUCCESS) && proc->op == HG_DECODE) {                                           \
            proc->op = HG_FREE;                                                                               \
            QS_GEN_END(QS_GEN_UNDOS_1 fields)                                                                 \
            proc->op = HG_DECODE;                                                                             \
        }                                                                                                     \
        (void)count;                                                                                          \
        return ret;                                                                                           \
    }

/**
 * Define a struct type and its proc function, hg_proc_<struct_type_name>. At file scope, without a semicolon. When
 * decoding fails half way, the fields decoded so far are freed.
 */
#define MERCURY_GEN_PROC(struct_type_name, fields) \
    QS_GEN_STRUCT(struct_type_name, fields)        \
    QS_GEN_STRUCT_PROC(struct_type_name, fields)

/**
 * Define the proc function of a struct type that exists already. Members that are not listed are left alone.
 */
#define MERCURY_GEN_STRUCT_PROC(struct_type_name, fields) QS_GEN_STRUCT_PROC(struct_type_name, fields)

/**
 * Register an RPC by name, with the proc functions of two types; void stands for "no input" or "no output". Yields
 * what HG_Register_name() returns.
 */
#define MERCURY_REGISTER(hg_class, func_name, in_struct_type_name, out_struct_type_name, rpc_cb) \
    HG_Register_name(hg_class, func_name, QS_GEN_CAT(hg_proc_, in_struct_type_name),             \
                     QS_GEN_CAT(hg_proc_, out_struct_type_name), rpc_cb)

#define hg_proc_void NULL

#endif /* MERCURY_MACROS_H */
