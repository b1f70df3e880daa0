/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * libfabric's error numbers as errno values and as words. The one place that knows the numbers from
 * 256 on; everything above sees errno. Pure functions, any thread.
 */
#include "na/ofi/ofi_error.h"

#include <errno.h>

#include "na/ofi/ofi_compat.h"

int ofi_error(ssize_t ret)
{
    ssize_t err = ret < 0 ? -ret : ret;

    switch (err) {
    case FI_ENOKEY:
        return -EACCES;
    case FI_ETRUNC:
    case FI_ETOOSMALL:
        return -EMSGSIZE;
    case FI_ENODATA:
        return -ENODEV;
    default:
        return err < FI_ERRNO_OFFSET ? -(int)err : -EIO;
    }
}

int ofi_error_completion(int err)
{
    switch (err) {
    case FI_ECANCELED:
    case ENOTCONN:
    case ESHUTDOWN:
    case EPIPE:
    case ECONNABORTED:
    case ECONNRESET:
        return -ECONNRESET;
    default:
        return ofi_error(err);
    }
}

int ofi_error_connect(int err)
{
    switch (err < 0 ? -err : err) {
    case ECONNREFUSED:
    case ENOENT:
        return -ECONNREFUSED;
    case ETIMEDOUT:
        return -ETIMEDOUT;
    case ECONNRESET:
    case ECONNABORTED:
    case EPIPE:
    case FI_ESHUTDOWN:
        return -ECONNRESET;
    default:
        return -EHOSTUNREACH;
    }
}

int ofi_error_route(int err)
{
    return ofi_error_completion(err) == -ECONNRESET ? -ECONNRESET : ofi_error_connect(err);
}

const char *ofi_error_text(ssize_t ret)
{
    return fi_strerror((int)(ret < 0 ? -ret : ret));
}
