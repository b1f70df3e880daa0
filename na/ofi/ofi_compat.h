/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Where libfabric versions differ, in names and in the calls that only some have.
 *
 * One source is built against 1.14 and later and runs on 1.14 and later, not necessarily on the one
 * it was built against. What the headers decide is decided here by the preprocessor; what the
 * running library decides is asked with ofi_compat_runtime(). Quirks of providers are not here but
 * in ofi_provider.c.
 */
#ifndef NA_OFI_OFI_COMPAT_H
#define NA_OFI_OFI_COMPAT_H

#include <errno.h>
#include <rdma/fabric.h>
#include <rdma/fi_cm.h>
#include <rdma/fi_domain.h>
#include <rdma/fi_endpoint.h>
#include <rdma/fi_eq.h>
#include <rdma/fi_errno.h>
#include <rdma/fi_rma.h>
#include <stdint.h>

#define OFI_COMPAT_BUILD FI_VERSION(FI_MAJOR_VERSION, FI_MINOR_VERSION)

/* The interface version that we ask for: the newest one that this source was written for. */
#define OFI_COMPAT_API_NEWEST FI_VERSION(1, 17)

/* A flag for fi_mr_regattr that keeps a registration out of the provider's cache, where it would outlive its end. libfabric's own
 * header files have it as OFI_MR_NOCACHE, which layered providers pass to those below by this call; the bit has been the same
 * since 1.9, and is not looked at by providers without a cache. */
#define OFI_COMPAT_MR_UNCACHED (UINT64_C(1) << 60)

/* The version of the library that we run on. */
static inline uint32_t ofi_compat_runtime(void)
{
    return fi_version();
}

/* What to give fi_getinfo: never newer than the headers or the library know. */
static inline uint32_t ofi_compat_api(void)
{
    uint32_t version = OFI_COMPAT_API_NEWEST;

    if (FI_VERSION_GE(version, OFI_COMPAT_BUILD))
        version = OFI_COMPAT_BUILD;
    if (FI_VERSION_GE(version, ofi_compat_runtime()))
        version = ofi_compat_runtime();
    return version;
}

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

/* A wait set to stand in for the wait descriptor of a queue, with its descriptor. Deprecated in 2.x, where
 * the provider that needs it (`net` below 1.18) is gone. */
static inline int ofi_compat_wait_open(struct fid_fabric *fabric, struct fid_wait **wait_out, int *fd_out)
{
    struct fi_wait_attr attr = {.wait_obj = FI_WAIT_FD};
    struct fid_wait *wait;
    int fd = -1;
    int ret;

    ret = fi_wait_open(fabric, &attr, &wait);
    if (ret != 0)
        return ret;
    ret = fi_control(&wait->fid, FI_GETWAIT, &fd);
    if (ret != 0) {
        (void)fi_close(&wait->fid);
        return ret;
    }
    *wait_out = wait;
    *fd_out = fd;
    return 0;
}

/* 0 when it is safe to sleep on the set's descriptor, -FI_EAGAIN when there is something to read. */
static inline int ofi_compat_wait_try(struct fid_wait *wait)
{
    return fi_wait(wait, 0) == -FI_ETIMEDOUT ? 0 : -FI_EAGAIN;
}

#pragma GCC diagnostic pop

#endif
