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

/* Numbers of enum ibv_wc_status (libibverbs, which is not linked here). */
enum error_status {
    STATUS_LOCAL_LENGTH = 1,
    STATUS_LOCAL_PROTECTION = 4,
    STATUS_FLUSHED = 5,
    STATUS_REMOTE_ACCESS = 10,
    STATUS_RETRIES_EXCEEDED = 12,
    STATUS_NOT_READY_EXCEEDED = 13,
    STATUS_REMOTE_ABORTED = 16,
};

int ofi_error_status(int err, int status)
{
    switch (status) {
    case STATUS_LOCAL_LENGTH:
        return EMSGSIZE;
    case STATUS_LOCAL_PROTECTION:
        return EFAULT;
    case STATUS_FLUSHED:
        return FI_ECANCELED;
    case STATUS_REMOTE_ACCESS:
        return EACCES;
    case STATUS_RETRIES_EXCEEDED:   /* the peer's device does not answer any more */
    case STATUS_NOT_READY_EXCEEDED: /* or has had nothing to receive into for too long */
    case STATUS_REMOTE_ABORTED:
        return ECONNRESET;
    default:
        return err;
    }
}

int ofi_error_cm(int err, int prov_errno)
{
    return err == ETIMEDOUT && prov_errno > 0 && prov_errno < FI_ERRNO_OFFSET ? prov_errno : err;
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
    case ENOMEM:
    case ENOBUFS:
    case EMFILE:
    case ENFILE:
        return -ENOMEM;
    default:
        return -EHOSTUNREACH;
    }
}

int ofi_error_route(int err)
{
    int error = ofi_error_completion(err) == -ECONNRESET ? -ECONNRESET : ofi_error_connect(err);

    return error == -ENOMEM ? -EHOSTUNREACH : error; /* there was a connection */
}

const char *ofi_error_text(ssize_t ret)
{
    return fi_strerror((int)(ret < 0 ? -ret : ret));
}
