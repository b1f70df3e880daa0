/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Error codes and their names. See hg_error.h.
 *
 * One table, read in both directions: of several errno values for one code, the first is the one
 * that hg_error_to gives.
 */
#include "hg/hg_error.h"

#include <errno.h>
#include <stddef.h>

#include "mercury.h"
#include "quicksilver.h"

struct hg_error_pair {
    int error; /* errno value, positive */
    hg_return_t ret;
};

static const struct hg_error_pair hg_error_pairs[] = {
    {EPERM, HG_PERMISSION},
    {ENOENT, HG_NOENTRY},
    {EINTR, HG_INTERRUPT},
    {EAGAIN, HG_AGAIN},
    {ENOMEM, HG_NOMEM},
    {ENOSPC, HG_NOMEM},
    {ENOBUFS, HG_NOMEM},
    {EMFILE, HG_NOMEM},
    {ENFILE, HG_NOMEM},
    {EACCES, HG_ACCESS},
    {EKEYREJECTED, HG_ACCESS},
    {EFAULT, HG_FAULT},
    {EBUSY, HG_BUSY},
    {EALREADY, HG_BUSY},
    {EEXIST, HG_EXIST},
    {ENODEV, HG_NODEV},
    {ENXIO, HG_NODEV},
    {ENODATA, HG_NODEV},
    {EINVAL, HG_INVALID_ARG},
    {EDOM, HG_INVALID_ARG},
    {ERANGE, HG_INVALID_ARG},
    {EPROTO, HG_PROTOCOL_ERROR},
    {EBADMSG, HG_PROTOCOL_ERROR},
    {EOVERFLOW, HG_OVERFLOW},
    {E2BIG, HG_OVERFLOW},
    {EMSGSIZE, HG_MSGSIZE},
    {EPROTONOSUPPORT, HG_PROTONOSUPPORT},
    {EPFNOSUPPORT, HG_PROTONOSUPPORT},
    {EAFNOSUPPORT, HG_PROTONOSUPPORT},
    {EOPNOTSUPP, HG_OPNOTSUPPORTED},
    {ENOSYS, HG_OPNOTSUPPORTED},
    {EADDRINUSE, HG_ADDRINUSE},
    {EADDRNOTAVAIL, HG_ADDRNOTAVAIL},
    {EHOSTUNREACH, HG_HOSTUNREACH},
    {ENETUNREACH, HG_HOSTUNREACH},
    {ENETDOWN, HG_HOSTUNREACH},
    {EHOSTDOWN, HG_HOSTUNREACH},
    {ECONNREFUSED, HG_HOSTUNREACH},
    {ECONNRESET, HG_HOSTUNREACH},
    {ECONNABORTED, HG_HOSTUNREACH},
    {ENOTCONN, HG_HOSTUNREACH},
    {ESHUTDOWN, HG_HOSTUNREACH},
    {EPIPE, HG_HOSTUNREACH},
    {ETIMEDOUT, HG_TIMEOUT},
    {ETIME, HG_TIMEOUT},
    {ECANCELED, HG_CANCELED},
    {EIO, HG_IO_ERROR},
    {ENETRESET, HG_HOSTFIREWALL},
    {EILSEQ, HG_CHECKSUM_ERROR},
    {EREMOTEIO, HG_NA_ERROR},
    {ENOTRECOVERABLE, HG_OTHER_ERROR},
};

#define HG_ERROR_PAIR_COUNT (sizeof(hg_error_pairs) / sizeof(hg_error_pairs[0]))

hg_return_t hg_error_from(int error)
{
    if (error == 0)
        return HG_SUCCESS;
    for (size_t i = 0; i < HG_ERROR_PAIR_COUNT; i++) {
        /* The table's side is negated: -INT_MIN would be undefined. */
        if (-hg_error_pairs[i].error == error)
            return hg_error_pairs[i].ret;
    }
    return HG_OTHER_ERROR;
}

int hg_error_to(hg_return_t ret)
{
    if (ret == HG_SUCCESS)
        return 0;
    for (size_t i = 0; i < HG_ERROR_PAIR_COUNT; i++) {
        if (hg_error_pairs[i].ret == ret)
            return -hg_error_pairs[i].error;
    }
    return -ENOTRECOVERABLE;
}

#define X(name) #name,
static const char *const hg_error_names[] = {HG_RETURN_VALUES};
#undef X

const char *HG_Error_to_string(hg_return_t errnum)
{
    /* The number may come from anywhere, a negative one included. */
    size_t index = (size_t)(unsigned int)errnum;

    if (index >= (size_t)HG_RETURN_MAX)
        return "HG_UNKNOWN_ERROR";
    return hg_error_names[index];
}

const char *qs_error_detail(void)
{
    return util_detail_get();
}
