/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Registered memory, in every mode that a provider may ask for:
 *
 *  FI_MR_LOCAL      our own buffers are registered too, and operations carry a descriptor;
 *  FI_MR_VIRT_ADDR  peers address memory by its address here, otherwise by the offset in it;
 *  FI_MR_PROV_KEY   the provider makes the keys, otherwise they are 64 random bits from us;
 *  FI_MR_ENDPOINT   a registration is bound to an endpoint and enabled: that of context 0;
 *  FI_MR_RAW        keys are longer than 64 bits;
 *  FI_MR_ALLOCATED  memory must exist when it is registered, which C memory always does.
 *
 * The verbs provider has a cache of registrations in front of the device, which is on unless the environment says otherwise
 * (FI_MR_CACHE_MAX_COUNT=0). A registration in it stays valid after its end, so ours are kept out of it by a flag; it is made
 * with all rights all the same, and cannot be made of memory that is read-only.
 *
 * Any thread: libfabric guards the domain.
 */
#include "na/ofi/ofi_mr.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "na/ofi/ofi_error.h"
#include "na/ofi/ofi_guard.h"
#include "na/ofi/ofi_system.h"
#include "util/util_alloc.h"
#include "util/util_bytes.h"
#include "util/util_detail.h"
#include "util/util_log.h"
#include "util/util_mutant.h"
#include "util/util_rand.h"

/* A random key can hit one in use where keys are short. */
enum { KEY_TRIES = 16, KEY_SIZE = 8 };

struct mr_request {
    void *memory;
    size_t size;
    uint64_t access; /* FI_READ and so on */
    enum na_mem_kind kind;
    uint64_t device;
};

static bool mr_mode(const struct ofi_class *owner, uint64_t bit)
{
    return (owner->mr_mode & bit) != 0;
}

/* A key for a new registration: random, within what the provider can carry. */
static uint64_t mr_key_pick(const struct ofi_class *owner)
{
    size_t key_size = owner->info->domain_attr->mr_key_size;
    uint64_t key;

    if (mr_mode(owner, FI_MR_PROV_KEY))
        return 0;
    key = util_rand_u64();
    if (key_size < KEY_SIZE)
        key &= (UINT64_C(1) << (8 * key_size)) - 1;
    return key;
}

static int mr_open(struct ofi_class *owner, const struct mr_request *request, struct fid_mr **mr_out)
{
    struct iovec iov = {.iov_base = request->memory, .iov_len = request->size};
    struct fi_mr_attr attr = {
        .mr_iov = &iov,
        .iov_count = 1,
        .access = request->access,
        .iface = (enum fi_hmem_iface)request->kind,
    };
    int ret = -FI_ENOKEY;

    attr.device.cuda = (int)request->device;
    for (int i = 0; i < KEY_TRIES && ret == -FI_ENOKEY; i++) {
        attr.requested_key = mr_key_pick(owner);
        ofi_guard_enter(owner);
        ret = fi_mr_regattr(owner->domain, &attr, owner->provider->caches_memory ? OFI_COMPAT_MR_UNCACHED : 0, mr_out);
        ofi_guard_leave(owner);
    }
    return ret;
}

static void mr_close(struct ofi_class *owner, struct fid_mr *mr)
{
    int ret;

    ofi_guard_enter(owner);
    ret = fi_close(&mr->fid);
    ofi_guard_leave(owner);
    if (ret != 0)
        util_log_limited(UTIL_LOG_LEVEL_ERROR, UTIL_LOG_AREA_OFI, "a registration with %s cannot be closed: %s",
                         owner->base.provider, ofi_error_text(ret));
}

/* A registration that belongs to an endpoint works once bound and enabled. */
static int mr_enable(struct ofi_class *owner, struct fid_mr *mr)
{
    struct ofi_context *first;
    struct fid_ep *ep;
    int ret;

    if (!mr_mode(owner, FI_MR_ENDPOINT))
        return 0;
    util_lock_take(&owner->cm.lock);
    first = owner->contexts[0];
    ep = first != NULL ? first->endpoint.tx : owner->endpoint.tx;
    ret = ep != NULL ? fi_mr_bind(mr, &ep->fid, 0) : -FI_EOPBADSTATE;
    util_lock_drop(&owner->cm.lock);
    return ret != 0 ? ret : fi_mr_enable(mr);
}

/* Out of memory, or of what may be locked. */
static int mr_no_memory(const struct ofi_class *owner, const struct mr_request *request)
{
    char limit[64];

    ofi_system_lock_limit(limit, sizeof(limit));
    return util_detail_set(-ENOMEM,
                           "%zu bytes could not be registered with %s: out of memory, or above the limit of locked "
                           "memory, which is %s (ulimit -l)",
                           request->size, owner->base.provider, limit);
}

static int mr_register(struct ofi_class *owner, const struct mr_request *request, struct fid_mr **mr_out)
{
    struct fid_mr *mr = NULL;
    int ret = mr_open(owner, request, &mr);

    if (ret == 0) {
        ret = mr_enable(owner, mr);
        if (ret != 0)
            mr_close(owner, mr);
    }
    if (ret == -FI_ENOMEM)
        return mr_no_memory(owner, request);
    if (ret != 0)
        return util_detail_set(ofi_error(ret), "%zu bytes could not be registered with %s: %s", request->size,
                               owner->base.provider, ofi_error_text(ret));
    *mr_out = mr;
    return 0;
}

int ofi_mr_local(struct ofi_class *owner, void *memory, size_t size, uint64_t access, struct fid_mr **mr_out,
                 void **desc_out)
{
    struct mr_request request = {.memory = memory, .size = size, .access = access, .kind = NA_MEM_HOST};
    int ret;

    *mr_out = NULL;
    *desc_out = NULL;
    if (!mr_mode(owner, FI_MR_LOCAL))
        return 0;
    ret = mr_register(owner, &request, mr_out);
    if (ret == 0 && *mr_out != NULL)
        *desc_out = fi_mr_desc(*mr_out);
    return ret;
}

bool ofi_mr_all_rights(struct ofi_class *owner)
{
    size_t size = (size_t)sysconf(_SC_PAGESIZE);
    struct mr_request request = {.size = size, .access = FI_REMOTE_READ, .kind = NA_MEM_HOST};
    struct fid_mr *mr = NULL;
    bool all;

    if (!owner->provider->caches_memory)
        return false;
    /* Memory that cannot be written can be registered to be read, unless it is registered for everything. */
    request.memory = mmap(NULL, size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (request.memory == MAP_FAILED)
        return true;
    all = mr_open(owner, &request, &mr) != 0;
    if (!all)
        mr_close(owner, mr);
    (void)munmap(request.memory, size);
    return all;
}

static uint64_t mr_access(unsigned access)
{
    uint64_t bits = 0;

    if ((access & NA_ACCESS_LOCAL) != 0)
        bits |= FI_READ | FI_WRITE;
    if ((access & NA_ACCESS_REMOTE_READ) != 0)
        bits |= FI_REMOTE_READ;
    if ((access & NA_ACCESS_REMOTE_WRITE) != 0)
        bits |= FI_REMOTE_WRITE;
    return bits;
}

/* The key as it travels: 8 little-endian bytes, or what a raw key consists of. */
static int mr_key_store(const struct ofi_class *owner, struct ofi_mem_segment *segment)
{
    size_t size = sizeof(segment->key);
    uint64_t base_address = 0;
    int ret;

    if (!mr_mode(owner, FI_MR_RAW)) {
        segment->key_size = KEY_SIZE;
        util_bytes_put64(segment->key, fi_mr_key(segment->mr));
        return 0;
    }
    ret = fi_mr_raw_attr(segment->mr, &base_address, segment->key, &size, 0);
    if (ret != 0)
        return util_detail_set(ofi_error(ret), "%s gives no key of at most %zu bytes: %s", owner->base.provider,
                               sizeof(segment->key), ofi_error_text(ret));
    segment->key_size = (uint8_t)size;
    segment->address = base_address;
    return 0;
}

/* Whether a segment needs libfabric at all. */
static bool mr_needed(const struct ofi_class *owner, const struct mr_request *request)
{
    if (request->size == 0)
        return false;
    return (request->access & (FI_REMOTE_READ | FI_REMOTE_WRITE)) != 0 || mr_mode(owner, FI_MR_LOCAL) ||
           request->kind != NA_MEM_HOST;
}

static int mr_segment(struct ofi_class *owner, const struct mr_request *request, struct ofi_mem_segment *segment)
{
    int ret;

    segment->key_size = KEY_SIZE;
    if (!mr_needed(owner, request))
        return 0;
    ret = mr_register(owner, request, &segment->mr);
    if (ret != 0)
        return ret;
    segment->desc = fi_mr_desc(segment->mr);
    segment->address = mr_mode(owner, FI_MR_VIRT_ADDR) ? (uintptr_t)request->memory : 0;
    return mr_key_store(owner, segment);
}

int ofi_mr_register(struct na_class *base, const struct na_segment *segments, uint32_t count, unsigned access,
                    enum na_mem_kind kind, uint64_t device, struct na_mem **mem_out)
{
    struct ofi_class *owner = ofi_class_of(base);
    struct ofi_mem *mem;

    if (kind != NA_MEM_HOST && (owner->info->caps & FI_HMEM) == 0)
        return util_detail_set(-EOPNOTSUPP, "%s was not opened for device memory, or cannot take it", base->address);
    mem = util_calloc(1, sizeof(*mem) + count * sizeof(mem->segments[0]));
    if (mem == NULL)
        return util_detail_set(-ENOMEM, "no memory to register %u segments", count);
    mem->base.transport = base->transport;
    mem->base.na_class = base;
    mem->owner = owner;
    mem->count = count;
    atomic_fetch_add_explicit(&owner->mem_count, 1, memory_order_relaxed); /* a count for the close alone */
    for (uint32_t i = 0; i < count; i++) {
        struct mr_request request = {.memory = segments[i].base,
                                     .size = segments[i].size,
                                     .access = mr_access(access),
                                     .kind = kind,
                                     .device = device};
        int ret = mr_segment(owner, &request, &mem->segments[i]);
        if (ret != 0) {
            ofi_mr_deregister(&mem->base);
            return ret;
        }
    }
    *mem_out = &mem->base;
    return 0;
}

void ofi_mr_deregister(struct na_mem *base)
{
    struct ofi_mem *mem = util_container_of(base, struct ofi_mem, base);

    for (uint32_t i = 0; i < mem->count; i++) {
        if (mem->segments[i].mr != NULL && !UTIL_MUTANT(REGISTRATION_KEPT))
            mr_close(mem->owner, mem->segments[i].mr);
    }
    atomic_fetch_sub_explicit(&mem->owner->mem_count, 1, memory_order_relaxed);
    util_free(mem);
}

void ofi_mr_describe(const struct na_mem *base, uint32_t index, struct na_remote_segment *out)
{
    const struct ofi_mem *mem = util_container_of(base, const struct ofi_mem, base);
    const struct ofi_mem_segment *segment = &mem->segments[index];

    out->address = segment->address;
    out->key_size = segment->key_size;
    memcpy(out->key, segment->key, sizeof(out->key));
}
