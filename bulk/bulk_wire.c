/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Descriptors to bytes and back; the layout is in bulk_wire.h.
 *
 * Reading is done in two steps. bulk_wire_parse checks everything and allocates nothing; what it
 * accepts is then turned into a handle without a further test. A cursor carries the bytes left, and
 * bulk_wire_take is the only function that moves it.
 */
#include "bulk/bulk_wire.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <string.h>

#include "bulk/bulk_handle.h"
#include "bulk/bulk_owner.h"
#include "util/util_bytes.h"
#include "util/util_detail.h"

/* Where the fields of the header and of a path begin. */
enum bulk_wire_offset {
    BULK_WIRE_OFFSET_MAGIC = 0,
    BULK_WIRE_OFFSET_VERSION = 1,
    BULK_WIRE_OFFSET_FLAGS = 2,
    BULK_WIRE_OFFSET_PATHS = 3,
    BULK_WIRE_OFFSET_SIZE = 4,
    BULK_WIRE_OFFSET_SEGMENTS = 8,
    BULK_WIRE_OFFSET_ID = 12,
};

#define BULK_WIRE_PREFIX_SIZE 8U /* what all versions share */
#define BULK_WIRE_PATH_SIZE   4U /* of a path's head */
#define BULK_WIRE_BOUND_SIZE  2U /* in front of a bound address */
#define BULK_WIRE_DIGEST_SIZE 8U
#define BULK_WIRE_NUMBER_SIZE 8U

_Static_assert(BULK_WIRE_FLAG_READ == (int)BULK_ACCESS_READ, "access bits travel unchanged");
_Static_assert(BULK_WIRE_FLAG_WRITE == (int)BULK_ACCESS_WRITE, "access bits travel unchanged");

struct bulk_wire_cursor {
    const uint8_t *next;
    size_t left;
};

static uint8_t *bulk_wire_write32(uint8_t *to, uint32_t value)
{
    util_bytes_put32(to, value);
    return to + sizeof(value);
}

static uint8_t *bulk_wire_write64(uint8_t *to, uint64_t value)
{
    util_bytes_put64(to, value);
    return to + sizeof(value);
}

static uint8_t *bulk_wire_write_bytes(uint8_t *to, const void *from, size_t size)
{
    if (size > 0)
        memcpy(to, from, size);
    return to + size;
}

/* The next `size` bytes, or NULL when fewer are left. */
static const uint8_t *bulk_wire_take(struct bulk_wire_cursor *cursor, uint64_t size)
{
    const uint8_t *taken = cursor->next;

    if (size > cursor->left)
        return NULL;
    cursor->next += size;
    cursor->left -= (size_t)size;
    return taken;
}

static int bulk_wire_too_short(const char *what)
{
    return util_detail_set(-EPROTO, "bulk descriptor ends within its %s", what);
}

/* --- reading ----------------------------------------------------------------------------------- */

/* The first 20 bytes, and that as many bytes are present as they say. */
static int bulk_wire_parse_header(const uint8_t *buf, size_t buf_size, struct bulk_wire_view *view)
{
    uint32_t wire_size;

    if (buf_size < BULK_WIRE_PREFIX_SIZE)
        return util_detail_set(-EOVERFLOW, "bulk descriptor of %zu bytes is cut off", buf_size);
    if (buf[BULK_WIRE_OFFSET_MAGIC] != BULK_WIRE_MAGIC)
        return util_detail_set(-EPROTO, "these bytes are no bulk descriptor (they begin with %#x)",
                               buf[BULK_WIRE_OFFSET_MAGIC]);
    if (buf[BULK_WIRE_OFFSET_VERSION] != BULK_WIRE_VERSION)
        return util_detail_set(-EPROTONOSUPPORT, "bulk descriptor of version %u, we speak %u",
                               buf[BULK_WIRE_OFFSET_VERSION], BULK_WIRE_VERSION);
    wire_size = util_bytes_get32(buf + BULK_WIRE_OFFSET_SIZE);
    if (wire_size < BULK_WIRE_HEADER_SIZE)
        return util_detail_set(-EPROTO, "bulk descriptor that claims %" PRIu32 " bytes", wire_size);
    if (wire_size > buf_size)
        return util_detail_set(-EOVERFLOW, "bulk descriptor of %" PRIu32 " bytes is cut off after %zu", wire_size,
                               buf_size);
    view->wire_size = (size_t)wire_size;
    view->flags = buf[BULK_WIRE_OFFSET_FLAGS];
    view->segment_count = util_bytes_get32(buf + BULK_WIRE_OFFSET_SEGMENTS);
    view->id = util_bytes_get64(buf + BULK_WIRE_OFFSET_ID);
    if ((view->flags & ~BULK_WIRE_FLAGS_KNOWN) != 0 || (view->flags & BULK_ACCESS_ALL) == 0)
        return util_detail_set(-EPROTO, "bulk descriptor with flags %#x", view->flags);
    if (view->segment_count == 0 || view->segment_count > BULK_SEGMENTS_MAX)
        return util_detail_set(-EPROTO, "bulk descriptor of %" PRIu32 " segments", view->segment_count);
    if (view->id == 0)
        return util_detail_set(-EPROTO, "bulk descriptor without an id");
    return 0;
}

static int bulk_wire_parse_sizes(struct bulk_wire_cursor *cursor, struct bulk_wire_view *view)
{
    uint64_t total = 0;

    view->sizes = bulk_wire_take(cursor, (uint64_t)view->segment_count * BULK_WIRE_NUMBER_SIZE);
    if (view->sizes == NULL)
        return bulk_wire_too_short("list of sizes");
    for (uint32_t i = 0; i < view->segment_count; i++) {
        uint64_t size = util_bytes_get64(view->sizes + (size_t)i * BULK_WIRE_NUMBER_SIZE);

        if (__builtin_add_overflow(total, size, &total) || total > SIZE_MAX)
            return util_detail_set(-EPROTO, "bulk descriptor whose sizes add up to too much");
    }
    view->total_size = (size_t)total;
    return 0;
}

/* One path; kept if it is of a transport that we know. */
static int bulk_wire_parse_path(struct bulk_wire_cursor *cursor, struct bulk_wire_view *view)
{
    const uint8_t *head = bulk_wire_take(cursor, BULK_WIRE_PATH_SIZE);
    const uint8_t *body;
    unsigned int key_size;

    if (head == NULL)
        return bulk_wire_too_short("path");
    key_size = head[1];
    if (key_size == 0 || key_size > NA_KEY_MAX || util_bytes_get16(head + 2) != 0)
        return util_detail_set(-EPROTO, "bulk descriptor with a key of %u bytes", key_size);
    body = bulk_wire_take(cursor, (uint64_t)view->segment_count * (BULK_WIRE_NUMBER_SIZE + key_size));
    if (body == NULL)
        return bulk_wire_too_short("path");
    if (head[0] >= BULK_TRANSPORTS_MAX)
        return 0;
    if (view->paths[head[0]].body != NULL)
        return util_detail_set(-EPROTO, "bulk descriptor with two paths of one transport");
    view->paths[head[0]] = (struct bulk_wire_path){.body = body, .key_size = (uint8_t)key_size};
    return 0;
}

static int bulk_wire_parse_paths(struct bulk_wire_cursor *cursor, unsigned int count, struct bulk_wire_view *view)
{
    if (count > BULK_WIRE_PATHS_MAX)
        return util_detail_set(-EPROTO, "bulk descriptor with %u paths", count);
    for (unsigned int i = 0; i < count; i++) {
        int ret = bulk_wire_parse_path(cursor, view);

        if (ret != 0)
            return ret;
    }
    return 0;
}

static int bulk_wire_parse_bound(struct bulk_wire_cursor *cursor, struct bulk_wire_view *view)
{
    const uint8_t *head;

    if ((view->flags & BULK_WIRE_FLAG_BOUND) == 0)
        return 0;
    head = bulk_wire_take(cursor, BULK_WIRE_BOUND_SIZE);
    if (head == NULL)
        return bulk_wire_too_short("address");
    view->bound_context = head[0];
    view->bound_length = head[1];
    view->bound = bulk_wire_take(cursor, view->bound_length);
    if (view->bound == NULL)
        return bulk_wire_too_short("address");
    if (view->bound_length == 0)
        return util_detail_set(-EPROTO, "bulk descriptor bound to an empty address");
    for (unsigned int i = 0; i < view->bound_length; i++) {
        if (view->bound[i] < 0x20 || view->bound[i] > 0x7e)
            return util_detail_set(-EPROTO, "bulk descriptor bound to an unprintable address");
    }
    return 0;
}

static int bulk_wire_parse_digest(struct bulk_wire_cursor *cursor, struct bulk_wire_view *view)
{
    const uint8_t *digest;

    if ((view->flags & BULK_WIRE_FLAG_DIGEST) == 0)
        return 0;
    digest = bulk_wire_take(cursor, BULK_WIRE_DIGEST_SIZE);
    if (digest == NULL)
        return bulk_wire_too_short("digest");
    if ((view->flags & BULK_WIRE_FLAG_WRITE) != 0 || digest[0] != BULK_WIRE_DIGEST_CRC32C || digest[1] != 0 ||
        util_bytes_get16(digest + 2) != 0)
        return util_detail_set(-EPROTO, "bulk descriptor with a digest that makes no sense");
    view->has_digest = true;
    view->digest = util_bytes_get32(digest + 4);
    return 0;
}

static int bulk_wire_parse_data(struct bulk_wire_cursor *cursor, struct bulk_wire_view *view)
{
    if ((view->flags & BULK_WIRE_FLAG_DATA) == 0)
        return 0;
    if ((view->flags & BULK_WIRE_FLAG_WRITE) != 0)
        return util_detail_set(-EPROTO, "bulk descriptor with data that may be written");
    view->data = bulk_wire_take(cursor, view->total_size);
    return view->data != NULL ? 0 : bulk_wire_too_short("data");
}

int bulk_wire_parse(const void *buf, size_t buf_size, struct bulk_wire_view *view)
{
    const uint8_t *bytes = buf;
    struct bulk_wire_view parsed = {.flags = 0};
    struct bulk_wire_cursor cursor;
    int ret = bulk_wire_parse_header(bytes, buf_size, &parsed);

    if (ret != 0)
        return ret;
    cursor.next = bytes + BULK_WIRE_HEADER_SIZE;
    cursor.left = parsed.wire_size - BULK_WIRE_HEADER_SIZE;
    ret = bulk_wire_parse_sizes(&cursor, &parsed);
    if (ret == 0)
        ret = bulk_wire_parse_paths(&cursor, bytes[BULK_WIRE_OFFSET_PATHS], &parsed);
    if (ret == 0)
        ret = bulk_wire_parse_bound(&cursor, &parsed);
    if (ret == 0)
        ret = bulk_wire_parse_digest(&cursor, &parsed);
    if (ret == 0)
        ret = bulk_wire_parse_data(&cursor, &parsed);
    if (ret != 0)
        return ret;
    if (cursor.left != 0)
        return util_detail_set(-EPROTO, "bulk descriptor with %zu bytes that belong to nothing", cursor.left);
    *view = parsed;
    return 0;
}

/* Fills one path of a new remote handle. */
static void bulk_wire_fill_path(struct bulk_path *path, uint32_t count, const uint8_t *body, uint8_t *keys)
{
    size_t stride = BULK_WIRE_NUMBER_SIZE + path->key_size;

    for (uint32_t i = 0; i < count; i++) {
        const uint8_t *entry = body + (size_t)i * stride;

        path->remotes[i].address = util_bytes_get64(entry);
        memcpy(keys + (size_t)i * path->key_size, entry + BULK_WIRE_NUMBER_SIZE, path->key_size);
    }
}

/* Fills the arrays of a new remote handle from a view. */
static void bulk_wire_fill(struct hg_bulk *handle, const struct bulk_wire_view *view,
                           uint8_t *const keys[BULK_TRANSPORTS_MAX], void *data)
{
    char *base = data;

    for (uint32_t i = 0; i < view->segment_count; i++) {
        struct na_segment *segment = &handle->segments[i];

        segment->size = (size_t)util_bytes_get64(view->sizes + (size_t)i * BULK_WIRE_NUMBER_SIZE);
        segment->base = base;
        if (base != NULL)
            base += segment->size;
    }
    for (unsigned int i = 0; i < BULK_TRANSPORTS_MAX; i++)
        if (view->paths[i].body != NULL)
            bulk_wire_fill_path(&handle->paths[i], view->segment_count, view->paths[i].body, keys[i]);
    if (view->data != NULL && view->total_size > 0)
        memcpy(data, view->data, view->total_size);
    if (view->bound != NULL)
        memcpy(handle->bound_address, view->bound, view->bound_length);
    handle->bound_context = view->bound_context;
    handle->has_digest = view->has_digest;
    handle->digest = view->digest;
    handle->access = view->flags & BULK_ACCESS_ALL;
    handle->size = view->total_size;
    atomic_store_explicit(&handle->id, view->id, memory_order_relaxed); /* not shared yet */
}

static int bulk_wire_create(struct bulk_owner *owner, const struct bulk_wire_view *view,
                            void (*released)(struct hg_bulk *handle), struct hg_bulk **out)
{
    struct bulk_remote_args args = {
        .owner = owner,
        .count = view->segment_count,
        .data_size = view->data != NULL ? view->total_size : 0,
        .has_data = view->data != NULL,
        .bound_length = view->bound_length,
        .released = released,
    };
    uint8_t *keys[BULK_TRANSPORTS_MAX];
    struct hg_bulk *handle;
    void *data = NULL;
    int ret;

    for (unsigned int i = 0; i < BULK_TRANSPORTS_MAX; i++)
        args.key_sizes[i] = view->paths[i].key_size;
    ret = bulk_handle_create_remote(&args, keys, &data, &handle);
    if (ret != 0)
        return ret;
    bulk_wire_fill(handle, view, keys, data);
    *out = handle;
    return 0;
}

int bulk_wire_decode(struct bulk_owner *owner, const void *buf, size_t buf_size,
                     void (*released)(struct hg_bulk *handle), struct hg_bulk **out, size_t *used)
{
    struct bulk_wire_view view = {.flags = 0};
    struct hg_bulk *own;
    int ret = bulk_wire_parse(buf, buf_size, &view);

    if (ret != 0)
        return ret;
    own = bulk_owner_find(owner, view.id);
    if (own != NULL) {
        *out = own;
    } else {
        ret = bulk_wire_create(owner, &view, released, out);
        if (ret != 0)
            return ret;
    }
    if (used != NULL)
        *used = view.wire_size;
    return 0;
}

/* --- writing ----------------------------------------------------------------------------------- */

/* Whether the memory can be reached at all. */
static bool bulk_wire_has_any_path(const struct hg_bulk *handle)
{
    for (unsigned int i = 0; i < BULK_TRANSPORTS_MAX; i++)
        if (bulk_handle_has_path(handle, i))
            return true;
    return false;
}

/* Whether the data rides inside: it may never be something that a peer could change meanwhile. */
static bool bulk_wire_carries_data(const struct hg_bulk *handle, size_t data_max)
{
    if (handle->access != BULK_ACCESS_READ || !bulk_handle_is_memory(handle))
        return false;
    if (handle->kind == BULK_KIND_REMOTE && !bulk_wire_has_any_path(handle))
        return true;
    return handle->size <= data_max && data_max > 0;
}

/* The key size of a path. Keys of one registration are alike. */
static unsigned int bulk_wire_key_size(const struct hg_bulk *handle, enum bulk_transport transport)
{
    struct na_remote_segment remote;

    if (handle->kind == BULK_KIND_REMOTE)
        return handle->paths[transport].key_size;
    na_mem_describe(handle->mems[transport], 0, &remote);
    return remote.key_size;
}

/* The bytes of all paths. */
static size_t bulk_wire_paths_size(const struct hg_bulk *handle)
{
    size_t size = 0;

    for (unsigned int i = 0; i < BULK_TRANSPORTS_MAX; i++)
        if (bulk_handle_has_path(handle, i))
            size += BULK_WIRE_PATH_SIZE +
                    (size_t)handle->segment_count * (BULK_WIRE_NUMBER_SIZE + bulk_wire_key_size(handle, i));
    return size;
}

size_t bulk_wire_size(const struct hg_bulk *handle, size_t data_max)
{
    size_t size = BULK_WIRE_HEADER_SIZE + (size_t)handle->segment_count * BULK_WIRE_NUMBER_SIZE;

    if (handle->local_only)
        return 0;
    if (bulk_wire_carries_data(handle, data_max))
        size += handle->size;
    else
        size += bulk_wire_paths_size(handle);
    if (bulk_handle_is_bound(handle))
        size += BULK_WIRE_BOUND_SIZE + strlen(handle->bound_address);
    if (handle->has_digest)
        size += BULK_WIRE_DIGEST_SIZE;
    return size;
}

static uint8_t *bulk_wire_write_path(uint8_t *to, const struct hg_bulk *handle, enum bulk_transport transport)
{
    const struct bulk_remote *remotes = handle->paths[transport].remotes;
    unsigned int key_size = bulk_wire_key_size(handle, transport);

    *to++ = (uint8_t)transport;
    *to++ = (uint8_t)key_size;
    *to++ = 0;
    *to++ = 0;
    for (uint32_t i = 0; i < handle->segment_count; i++) {
        struct na_remote_segment remote;

        if (handle->kind == BULK_KIND_REMOTE) {
            to = bulk_wire_write64(to, remotes[i].address);
            to = bulk_wire_write_bytes(to, remotes[i].key, key_size);
            continue;
        }
        na_mem_describe(handle->mems[transport], i, &remote);
        assert(remote.key_size == key_size);
        to = bulk_wire_write64(to, remote.address);
        to = bulk_wire_write_bytes(to, remote.key, key_size);
    }
    return to;
}

/* Writes the paths, and their number into *count. */
static uint8_t *bulk_wire_write_paths(uint8_t *to, const struct hg_bulk *handle, uint8_t *count)
{
    for (unsigned int i = 0; i < BULK_TRANSPORTS_MAX; i++) {
        if (!bulk_handle_has_path(handle, i))
            continue;
        to = bulk_wire_write_path(to, handle, i);
        (*count)++;
    }
    return to;
}

static uint8_t *bulk_wire_write_header(uint8_t *to, const struct hg_bulk *handle, uint64_t id, size_t size, bool data)
{
    unsigned int flags = handle->access;

    if (data)
        flags |= BULK_WIRE_FLAG_DATA;
    if (bulk_handle_is_bound(handle))
        flags |= BULK_WIRE_FLAG_BOUND;
    if (handle->has_digest)
        flags |= BULK_WIRE_FLAG_DIGEST;
    *to++ = BULK_WIRE_MAGIC;
    *to++ = BULK_WIRE_VERSION;
    *to++ = (uint8_t)flags;
    *to++ = 0; /* paths so far */
    to = bulk_wire_write32(to, (uint32_t)size);
    to = bulk_wire_write32(to, handle->segment_count);
    to = bulk_wire_write64(to, id);
    for (uint32_t i = 0; i < handle->segment_count; i++)
        to = bulk_wire_write64(to, handle->segments[i].size);
    return to;
}

static uint8_t *bulk_wire_write_bound(uint8_t *to, const struct hg_bulk *handle)
{
    size_t length = strlen(handle->bound_address);

    *to++ = handle->bound_context;
    *to++ = (uint8_t)length;
    return bulk_wire_write_bytes(to, handle->bound_address, length);
}

static uint8_t *bulk_wire_write_digest(uint8_t *to, const struct hg_bulk *handle)
{
    *to++ = BULK_WIRE_DIGEST_CRC32C;
    *to++ = 0;
    *to++ = 0;
    *to++ = 0;
    return bulk_wire_write32(to, handle->digest);
}

int bulk_wire_encode(struct hg_bulk *handle, size_t data_max, void *buf, size_t buf_size, size_t *used)
{
    size_t size = bulk_wire_size(handle, data_max);
    bool data = bulk_wire_carries_data(handle, data_max);
    uint64_t id = atomic_load_explicit(&handle->id, memory_order_relaxed);
    uint8_t *bytes = buf;
    uint8_t *to;
    int ret = 0;

    if (handle->local_only)
        return util_detail_set(-EACCES, "this memory is for our own transfers, not for peers");
    if (size > buf_size || size > UINT32_MAX)
        return util_detail_set(-EOVERFLOW, "a bulk descriptor of %zu bytes does not fit in %zu", size, buf_size);
    if (handle->kind == BULK_KIND_LOCAL)
        ret = bulk_owner_identify(handle->owner, handle, &id);
    if (ret != 0)
        return ret;
    to = bulk_wire_write_header(bytes, handle, id, size, data);
    if (!data)
        to = bulk_wire_write_paths(to, handle, &bytes[BULK_WIRE_OFFSET_PATHS]);
    if (bulk_handle_is_bound(handle))
        to = bulk_wire_write_bound(to, handle);
    if (handle->has_digest)
        to = bulk_wire_write_digest(to, handle);
    if (data)
        bulk_segments_gather(to, bulk_handle_segments(handle), 0, handle->size);
    if (used != NULL)
        *used = size;
    return 0;
}
