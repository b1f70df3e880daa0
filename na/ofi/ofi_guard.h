/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * A lock of ours around libfabric's table of keys, for providers that do not guard it themselves.
 *
 * `net` of libfabric 1.17 registers memory, and checks the keys of incoming puts and gets, under its
 * progress lock; but fi_close of a registration takes the lock of the domain, which that provider
 * has set to none. A registration that is closed by one thread while another makes progress
 * corrupts the table. So everything that may walk it (reading queues, posting receives) or change it
 * (registering, closing) is done between ofi_guard_enter and ofi_guard_leave. That costs no
 * parallelism: all of it but the close takes one lock inside libfabric anyway.
 *
 * The lock is taken last, and no upcall is made under it.
 */
#ifndef OFI_GUARD_H
#define OFI_GUARD_H

#include "na/ofi/ofi_objects.h"
#include "na/ofi/ofi_provider.h"
#include "util/util_lock.h"

static inline void ofi_guard_enter(struct ofi_class *owner)
{
    if (owner->provider->guard_keys)
        util_lock_take(&owner->key_lock);
}

static inline void ofi_guard_leave(struct ofi_class *owner)
{
    if (owner->provider->guard_keys)
        util_lock_drop(&owner->key_lock);
}

/* The same at the end of a turn of progress, whose thread comes back at once: others go first. */
static inline void ofi_guard_leave_turn(struct ofi_class *owner)
{
    if (!owner->provider->guard_keys)
        return;
    util_lock_give_way(&owner->key_lock);
    util_lock_drop(&owner->key_lock);
}

#endif /* OFI_GUARD_H */
