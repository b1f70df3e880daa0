/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * A catalog of files, directories and links, with procs written by hand as services write them: a proc that is given
 * a member and reaches the struct around it, lists whose nodes are made while decoding, unions told apart by a field in
 * front of them, optional fields, and arrays of bytes and numbers taken straight out of the buffer. Every entry that
 * comes back must be the one that was published. Inputs that are cut off are refused by the procs, leave nothing
 * behind, and do not trouble the service.
 */
#include "mercury_macros.h"
#include "mercury_proc_string.h"
#include "program.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONTAINER_OF(pointer, type, member) ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

enum { DIGEST_SIZE = 32, NAME_LENGTH = 48, ENTRIES = 40, ENTRY_MAX = 64 };

enum kind { KIND_FILE = 1, KIND_DIRECTORY = 2, KIND_LINK = 3 };
enum { HAS_OWNER = 1, HAS_COMMENT = 2, HAS_DIGEST = 4 };

/* A piece of a file; pieces are linked. */
struct extent {
    uint64_t offset;
    uint64_t size;
    struct extent *next;
};

struct file {
    uint64_t size;
    struct extent *extents;
};

struct directory {
    uint32_t count;
    uint64_t *children; /* numbers of entries */
};

union content {
    struct file file;
    struct directory directory;
    hg_string_t link;
};

/* The content does not know its own kind: its proc finds that in the entry around it. */
struct entry {
    char name[NAME_LENGTH];
    uint64_t number;
    uint8_t kind;
    uint8_t has; /* which of the next three are there */
    uint32_t owner;
    hg_string_t comment;
    unsigned char digest[DIGEST_SIZE];
    union content content;
};

/* --- procs ---------------------------------------------------------------------------------------------- */

static void extents_free(struct extent *extent)
{
    while (extent != NULL) {
        struct extent *next = extent->next;

        free(extent);
        extent = next;
    }
}

static uint32_t extents_count(const struct extent *extent)
{
    uint32_t count = 0;

    for (; extent != NULL; extent = extent->next)
        count++;
    return count;
}

static hg_return_t proc_extent(hg_proc_t proc, struct extent *extent)
{
    hg_return_t ret = hg_proc_uint64_t(proc, &extent->offset);

    return ret == HG_SUCCESS ? hg_proc_hg_size_t(proc, &extent->size) : ret;
}

/* The nodes are appended as they come, so that a failure half way finds a list that can be freed. */
static hg_return_t extents_decode(hg_proc_t proc, struct extent **list)
{
    struct extent **end = list;
    uint32_t count = 0;
    hg_return_t ret = hg_proc_uint32_t(proc, &count);

    *list = NULL;
    while (ret == HG_SUCCESS && count-- > 0) {
        struct extent *extent = calloc(1, sizeof(*extent));

        if (extent == NULL) {
            ret = HG_NOMEM;
            break;
        }
        *end = extent;
        end = &extent->next;
        ret = proc_extent(proc, extent);
    }
    if (ret != HG_SUCCESS) {
        extents_free(*list);
        *list = NULL;
    }
    return ret;
}

static hg_return_t proc_extents(hg_proc_t proc, struct extent **list)
{
    uint32_t count = 0;
    hg_return_t ret = HG_SUCCESS;

    switch (hg_proc_get_op(proc)) {
    case HG_DECODE:
        return extents_decode(proc, list);
    case HG_FREE:
        extents_free(*list);
        *list = NULL;
        return HG_SUCCESS;
    default:
        break;
    }
    count = extents_count(*list);
    ret = hg_proc_uint32_t(proc, &count);
    for (struct extent *extent = *list; ret == HG_SUCCESS && extent != NULL; extent = extent->next)
        ret = proc_extent(proc, extent);
    return ret;
}

/* Numbers without a proc for each: the buffer is written and read in place. Both sides are of one kind of machine. */
static hg_return_t proc_directory(hg_proc_t proc, struct directory *directory)
{
    hg_return_t ret = hg_proc_uint32_t(proc, &directory->count);
    hg_size_t size = (hg_size_t)directory->count * sizeof(uint64_t);
    void *place = NULL;

    if (ret != HG_SUCCESS)
        return ret;
    place = hg_proc_save_ptr(proc, size);
    if (hg_proc_get_op(proc) == HG_FREE) {
        CHECK(place == NULL);
        free(directory->children);
        return HG_SUCCESS;
    }
    if (place == NULL && size > 0)
        return HG_OVERFLOW;
    if (hg_proc_get_op(proc) == HG_DECODE) {
        directory->children = malloc((size_t)size + 1);
        if (directory->children == NULL)
            return HG_NOMEM;
        if (size > 0)
            memcpy(directory->children, place, (size_t)size);
    } else if (size > 0) {
        memcpy(place, directory->children, (size_t)size);
    }
    return hg_proc_restore_ptr(proc, place, size);
}

static hg_return_t proc_content(hg_proc_t proc, void *data)
{
    union content *content = data;
    struct entry *entry = CONTAINER_OF(content, struct entry, content);
    hg_return_t ret = HG_SUCCESS;

    switch (entry->kind) {
    case KIND_FILE:
        ret = hg_proc_uint64_t(proc, &content->file.size);
        return ret == HG_SUCCESS ? proc_extents(proc, &content->file.extents) : ret;
    case KIND_DIRECTORY:
        return proc_directory(proc, &content->directory);
    case KIND_LINK:
        return hg_proc_hg_string_t(proc, &content->link);
    default:
        return HG_PROTOCOL_ERROR;
    }
}

/* What is not there is not sent; decoding makes it nothing. */
static hg_return_t proc_optional(hg_proc_t proc, struct entry *entry)
{
    hg_return_t ret = hg_proc_uint8_t(proc, &entry->has);

    if (hg_proc_get_op(proc) == HG_DECODE) {
        entry->owner = 0;
        entry->comment = NULL;
        memset(entry->digest, 0, sizeof(entry->digest));
    }
    if (ret == HG_SUCCESS && (entry->has & HAS_OWNER) != 0)
        ret = hg_proc_hg_uint32_t(proc, &entry->owner);
    if (ret == HG_SUCCESS && (entry->has & HAS_DIGEST) != 0)
        ret = hg_proc_memcpy(proc, entry->digest, sizeof(entry->digest));
    if (ret == HG_SUCCESS && (entry->has & HAS_COMMENT) != 0)
        ret = hg_proc_hg_string_t(proc, &entry->comment);
    return ret;
}

static hg_return_t hg_proc_entry_t(hg_proc_t proc, void *data)
{
    struct entry *entry = data;
    hg_return_t ret = hg_proc_raw(proc, entry->name, sizeof(entry->name));

    if (ret == HG_SUCCESS)
        ret = hg_proc_uint64_t(proc, &entry->number);
    if (ret == HG_SUCCESS)
        ret = hg_proc_uint8_t(proc, &entry->kind);
    if (ret == HG_SUCCESS)
        ret = proc_optional(proc, entry);
    if (ret != HG_SUCCESS)
        return ret;
    ret = proc_content(proc, &entry->content);
    if (ret != HG_SUCCESS && hg_proc_get_op(proc) == HG_DECODE)
        free(entry->comment);
    return ret;
}
typedef struct entry entry_t;

MERCURY_GEN_PROC(publish_in_t, ((uint32_t)(magic))((entry_t)(entry)))
MERCURY_GEN_PROC(publish_out_t, ((int32_t)(ret)))
MERCURY_GEN_PROC(find_in_t, ((uint64_t)(number)))
MERCURY_GEN_PROC(find_out_t, ((uint8_t)(found))((entry_t)(entry)))

enum { PUBLISH_MAGIC = 0x63617431 };

/* --- entries -------------------------------------------------------------------------------------------- */

static struct file entry_make_file(uint64_t number)
{
    struct file file = {.size = number * 4096};
    struct extent **end = &file.extents;
    uint64_t count = number % 10 == 9 ? 5000 : number % 5;

    for (uint64_t i = 0; i < count; i++) {
        struct extent *extent = calloc(1, sizeof(*extent));

        CHECK(extent != NULL);
        extent->offset = i * 1000 + number;
        extent->size = i + 1;
        *end = extent;
        end = &extent->next;
    }
    return file;
}

static struct directory entry_make_directory(uint64_t number)
{
    struct directory directory = {.count = (uint32_t)(number % 8 == 1 ? 20000 : number % 8)};

    directory.children = malloc(directory.count * sizeof(uint64_t) + 1);
    CHECK(directory.children != NULL);
    for (uint32_t i = 0; i < directory.count; i++)
        directory.children[i] = number + (uint64_t)i * 0x100000001U;
    return directory;
}

/* Entry `number` always looks the same; every kind with every set of optional fields is among them. */
static void entry_make(struct entry *entry, uint64_t number)
{
    static const uint8_t kinds[] = {KIND_FILE, KIND_DIRECTORY, KIND_LINK};

    memset(entry, 0, sizeof(*entry));
    (void)snprintf(entry->name, sizeof(entry->name), "entry %llu", (unsigned long long)number);
    entry->number = number;
    entry->kind = kinds[number % 3];
    entry->has = (uint8_t)(number / 3 % 8);
    if ((entry->has & HAS_OWNER) != 0)
        entry->owner = (uint32_t)number + 1000;
    if ((entry->has & HAS_COMMENT) != 0)
        entry->comment = strdup(number % 2 == 0 ? "" : "not an empty comment");
    if ((entry->has & HAS_DIGEST) != 0)
        memset(entry->digest, (int)(number + 1), sizeof(entry->digest));
    if (entry->kind == KIND_FILE)
        entry->content.file = entry_make_file(number);
    else if (entry->kind == KIND_DIRECTORY)
        entry->content.directory = entry_make_directory(number);
    else
        entry->content.link = number % 2 == 0 ? strdup("/where/it/points/to") : NULL;
}

static void entry_destroy(struct entry *entry)
{
    free(entry->comment);
    if (entry->kind == KIND_FILE)
        extents_free(entry->content.file.extents);
    else if (entry->kind == KIND_DIRECTORY)
        free(entry->content.directory.children);
    else
        free(entry->content.link);
}

static void entry_check_content(const struct entry *entry, const struct entry *expected)
{
    const struct extent *one = entry->content.file.extents;
    const struct extent *two = expected->content.file.extents;

    switch (expected->kind) {
    case KIND_FILE:
        CHECK_INT(entry->content.file.size, expected->content.file.size);
        CHECK_INT(extents_count(one), extents_count(two));
        for (; two != NULL; one = one->next, two = two->next) {
            CHECK_INT(one->offset, two->offset);
            CHECK_INT(one->size, two->size);
        }
        break;
    case KIND_DIRECTORY:
        CHECK_INT(entry->content.directory.count, expected->content.directory.count);
        for (uint32_t i = 0; i < expected->content.directory.count; i++)
            CHECK_INT(entry->content.directory.children[i], expected->content.directory.children[i]);
        break;
    default:
        CHECK_TEXT(entry->content.link, expected->content.link);
        break;
    }
}

/* Whether it is entry `number`, to the last field. */
static void entry_check(const struct entry *entry, uint64_t number)
{
    struct entry expected;

    entry_make(&expected, number);
    CHECK_TEXT(entry->name, expected.name);
    CHECK_INT(entry->number, expected.number);
    CHECK_INT(entry->kind, expected.kind);
    CHECK_INT(entry->has, expected.has);
    CHECK_INT(entry->owner, expected.owner);
    CHECK_TEXT(entry->comment, expected.comment);
    CHECK(memcmp(entry->digest, expected.digest, sizeof(expected.digest)) == 0);
    entry_check_content(entry, &expected);
    entry_destroy(&expected);
}

/* --- the service ---------------------------------------------------------------------------------------- */

struct catalog {
    struct program_node node;
    bool published[ENTRY_MAX];
    uint64_t refused;
};

static struct catalog *catalog_of(hg_handle_t handle)
{
    const struct hg_info *info = HG_Get_info(handle);

    return HG_Registered_data(info->hg_class, info->id);
}

/* An input that cannot be decoded is answered like any other. */
static hg_return_t catalog_on_publish(hg_handle_t handle)
{
    struct catalog *catalog = catalog_of(handle);
    publish_out_t out;
    publish_in_t in;
    hg_return_t ret = HG_Get_input(handle, &in);

    out.ret = (int32_t)ret;
    if (ret == HG_SUCCESS) {
        CHECK_INT(in.magic, PUBLISH_MAGIC);
        CHECK(in.entry.number < ENTRY_MAX);
        entry_check(&in.entry, in.entry.number);
        catalog->published[in.entry.number] = true;
        CHECK_OK(HG_Free_input(handle, &in));
    } else {
        catalog->refused++;
    }
    CHECK_OK(HG_Respond(handle, NULL, NULL, &out));
    return HG_Destroy(handle);
}

static hg_return_t catalog_on_find(hg_handle_t handle)
{
    struct catalog *catalog = catalog_of(handle);
    find_out_t out;
    find_in_t in;

    CHECK_OK(HG_Get_input(handle, &in));
    out.found = in.number < ENTRY_MAX && catalog->published[in.number];
    entry_make(&out.entry, out.found ? in.number : 2);
    CHECK_OK(HG_Respond(handle, NULL, NULL, &out));
    entry_destroy(&out.entry);
    CHECK_OK(HG_Free_input(handle, &in));
    return HG_Destroy(handle);
}

static void catalog_run(struct program_peer *parent, const char *protocol)
{
    static struct catalog catalog;
    hg_id_t publish_id = 0;
    hg_id_t find_id = 0;

    program_open(&catalog.node, protocol, true, NULL);
    publish_id = MERCURY_REGISTER(catalog.node.hg_class, "publish", publish_in_t, publish_out_t, catalog_on_publish);
    find_id = MERCURY_REGISTER(catalog.node.hg_class, "find", find_in_t, find_out_t, catalog_on_find);
    CHECK_OK(HG_Register_data(catalog.node.hg_class, publish_id, &catalog, NULL));
    CHECK_OK(HG_Register_data(catalog.node.hg_class, find_id, &catalog, NULL));
    program_serve(&catalog.node, parent);
    CHECK(catalog.refused > 0);
    program_close(&catalog.node);
    FORGET(catalog);
}

/* --- the client ----------------------------------------------------------------------------------------- */

static int32_t client_publish(struct program_node *node, hg_addr_t addr, hg_id_t id, void *in)
{
    hg_handle_t handle = program_call_new(node, addr, id, in);
    publish_out_t out;

    CHECK_OK(HG_Get_output(handle, &out));
    CHECK_OK(HG_Free_output(handle, &out));
    CHECK_OK(HG_Destroy(handle));
    return out.ret;
}

static void client_publish_all(struct program_node *node, hg_addr_t addr)
{
    hg_id_t id = MERCURY_REGISTER(node->hg_class, "publish", publish_in_t, publish_out_t, NULL);

    for (uint64_t number = 0; number < ENTRIES; number++) {
        publish_in_t in = {.magic = PUBLISH_MAGIC};

        entry_make(&in.entry, number);
        CHECK_INT(client_publish(node, addr, id, &in), HG_SUCCESS);
        entry_destroy(&in.entry);
    }
}

static void client_find(struct program_node *node, hg_addr_t addr, hg_id_t id, uint64_t number, bool found)
{
    find_in_t in = {.number = number};
    hg_handle_t handle = program_call_new(node, addr, id, &in);
    find_out_t out;

    CHECK_OK(HG_Get_output(handle, &out));
    CHECK_INT(out.found, found);
    if (found)
        entry_check(&out.entry, number);
    CHECK_OK(HG_Free_output(handle, &out));
    CHECK_OK(HG_Destroy(handle));
}

/* The beginning of an encoded input. */
struct prefix {
    void *data;
    hg_size_t size;
};

static hg_return_t proc_prefix(hg_proc_t proc, void *data)
{
    struct prefix *prefix = data;

    return hg_proc_get_op(proc) == HG_ENCODE ? hg_proc_bytes(proc, prefix->data, prefix->size) : HG_OPNOTSUPPORTED;
}

/* Sends the beginnings of a good input, of a long one some of them: each must be found too short. */
static void client_publish_cut_off(struct program_node *node, hg_addr_t addr, uint64_t number)
{
    unsigned char small[256];
    publish_in_t in = {.magic = PUBLISH_MAGIC};
    hg_proc_t proc = HG_PROC_NULL;
    struct prefix prefix;
    hg_size_t whole = 0;
    hg_id_t id = HG_Register_name(node->hg_class, "publish", proc_prefix, hg_proc_publish_out_t, NULL);

    entry_make(&in.entry, number);
    CHECK_OK(hg_proc_create_set(node->hg_class, small, sizeof(small), HG_ENCODE, HG_NOHASH, &proc));
    CHECK_OK(hg_proc_publish_in_t(proc, &in));
    CHECK_OK(hg_proc_flush(proc));
    whole = hg_proc_get_size_used(proc);
    prefix.data = hg_proc_get_extra_buf(proc) != NULL ? hg_proc_get_extra_buf(proc) : small;
    for (prefix.size = 1; prefix.size < whole; prefix.size += whole / 150 + 1)
        CHECK_INT(client_publish(node, addr, id, &prefix), HG_OVERFLOW);
    prefix.size = whole;
    CHECK_INT(client_publish(node, addr, id, &prefix), HG_SUCCESS);
    CHECK_OK(hg_proc_free(proc));
    entry_destroy(&in.entry);
}

int main(int argc, char **argv)
{
    const char *protocol = program_begin("catalog client", argc, argv);
    struct program_peer catalog;
    struct program_node node;
    hg_addr_t addr = HG_ADDR_NULL;
    hg_id_t find_id = 0;

    program_start(&catalog, "catalog", catalog_run, protocol);
    program_open(&node, protocol, false, NULL);
    addr = program_meet(&node, &catalog);
    client_publish_all(&node, addr);
    find_id = MERCURY_REGISTER(node.hg_class, "find", find_in_t, find_out_t, NULL);
    for (uint64_t number = 0; number < ENTRIES + 1; number++)
        client_find(&node, addr, find_id, number, number < ENTRIES);
    /* Two files, a directory and a link, with all optional fields or none. */
    client_publish_cut_off(&node, addr, 0);
    client_publish_cut_off(&node, addr, 39);
    client_publish_cut_off(&node, addr, 22);
    client_publish_cut_off(&node, addr, 50);
    client_find(&node, addr, find_id, 50, true);
    program_stop(&node, addr);
    CHECK_OK(HG_Addr_free(node.hg_class, addr));
    program_close(&node);
    program_finish(&catalog);
    return EXIT_SUCCESS;
}
