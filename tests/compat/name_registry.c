/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * A registry of names that keeps strings in string objects, owned and borrowed, and hands them out again: empty
 * ones, very long ones, ones with every byte, and none at all (NULL), which is not the same as an empty one.
 */
#include "mercury_macros.h"
#include "mercury_proc_string.h"
#include "mercury_string_object.h"
#include "program.h"

#include <stdlib.h>
#include <string.h>

/* A name may have an alias (NULL: none) and an owner; the note is an object, which knows whose memory it is. */
MERCURY_GEN_PROC(enter_in_t,
                 ((hg_const_string_t)(name))((hg_string_t)(alias))((hg_string_object_t)(note))((uint64_t)(number)))
MERCURY_GEN_PROC(enter_out_t, ((hg_string_object_t)(earlier_note))((int32_t)(replaced)))
MERCURY_GEN_PROC(look_in_t, ((hg_const_string_t)(name)))
MERCURY_GEN_PROC(look_out_t,
                 ((uint8_t)(found))((hg_const_string_t)(alias))((hg_string_object_t)(note))((uint64_t)(number)))

enum { NAMES_MAX = 32, LONG = 2 * 1000 * 1000, MIDDLE = 10000 };

/* --- the registry ---------------------------------------------------------------------------------------- */

struct record {
    char *name;
    char *alias; /* may be NULL */
    hg_string_object_t note;
    uint64_t number;
};

struct registry {
    struct program_node node;
    struct record records[NAMES_MAX];
    unsigned int count;
};

static struct registry *registry_of(hg_handle_t handle)
{
    const struct hg_info *info = HG_Get_info(handle);

    return HG_Registered_data(info->hg_class, info->id);
}

static struct record *registry_find(struct registry *registry, const char *name)
{
    for (unsigned int i = 0; i < registry->count; i++)
        if (strcmp(registry->records[i].name, name) == 0)
            return &registry->records[i];
    return NULL;
}

/* What has been decoded is always owned by the object, whoever owned it at the sender. */
static void registry_check_note(const hg_string_object_t *note)
{
    if (note->data != NULL)
        CHECK(note->is_owned);
}

/* Puts the note of a call in place of the record's, and gives the record's to the answer. */
static void registry_exchange_note(struct record *record, const hg_string_object_t *note, hg_string_object_t *earlier)
{
    hg_string_object_t copy;
    char *old = NULL;

    CHECK_OK(hg_string_object_dup(*note, &copy));
    CHECK_TEXT(copy.data, note->data);
    CHECK(copy.data == NULL || copy.data != note->data);
    old = hg_string_object_swap(&record->note, copy.data);
    CHECK(record->note.data == copy.data);
    CHECK_OK(hg_string_object_init_char(earlier, old, true));
}

static hg_return_t registry_on_enter(hg_handle_t handle)
{
    struct registry *registry = registry_of(handle);
    struct record *record = NULL;
    enter_out_t out;
    enter_in_t in;

    CHECK_OK(HG_Get_input(handle, &in));
    registry_check_note(&in.note);
    record = registry_find(registry, in.name);
    out.replaced = record != NULL;
    if (record == NULL) {
        CHECK(registry->count < NAMES_MAX);
        record = &registry->records[registry->count++];
        record->name = strdup(in.name);
        CHECK_OK(hg_string_object_init(&record->note));
        CHECK(record->note.data == NULL && !record->note.is_owned);
        record->note.is_owned = true;
    }
    free(record->alias);
    record->alias = in.alias != NULL ? strdup(in.alias) : NULL;
    record->number = in.number;
    registry_exchange_note(record, &in.note, &out.earlier_note);
    CHECK_OK(HG_Respond(handle, NULL, NULL, &out));
    CHECK_OK(hg_string_object_free(&out.earlier_note));
    CHECK(out.earlier_note.data == NULL);
    CHECK_OK(HG_Free_input(handle, &in));
    return HG_Destroy(handle);
}

static hg_return_t registry_on_look(hg_handle_t handle)
{
    struct registry *registry = registry_of(handle);
    const struct record *record = NULL;
    look_out_t out;
    look_in_t in;

    CHECK_OK(HG_Get_input(handle, &in));
    record = registry_find(registry, in.name);
    memset(&out, 0, sizeof(out));
    out.found = record != NULL;
    if (record != NULL) {
        out.alias = record->alias;
        out.number = record->number;
        /* Borrowed: the record keeps it. */
        CHECK_OK(hg_string_object_init_const_char(&out.note, record->note.data, false));
        CHECK(out.note.is_const && !out.note.is_owned);
    }
    CHECK_OK(HG_Respond(handle, NULL, NULL, &out));
    CHECK_OK(hg_string_object_free(&out.note));
    CHECK_OK(HG_Free_input(handle, &in));
    return HG_Destroy(handle);
}

static void registry_run(struct program_peer *parent, const char *protocol)
{
    static struct registry registry;
    hg_id_t enter_id = 0;
    hg_id_t look_id = 0;

    program_open(&registry.node, protocol, true, NULL);
    enter_id = MERCURY_REGISTER(registry.node.hg_class, "enter", enter_in_t, enter_out_t, registry_on_enter);
    look_id = MERCURY_REGISTER(registry.node.hg_class, "look", look_in_t, look_out_t, registry_on_look);
    CHECK_OK(HG_Register_data(registry.node.hg_class, enter_id, &registry, NULL));
    CHECK_OK(HG_Register_data(registry.node.hg_class, look_id, &registry, NULL));
    program_serve(&registry.node, parent);
    for (unsigned int i = 0; i < registry.count; i++) {
        free(registry.records[i].name);
        free(registry.records[i].alias);
        CHECK_OK(hg_string_object_free(&registry.records[i].note));
    }
    program_close(&registry.node);
    FORGET(registry);
}

/* --- the client ------------------------------------------------------------------------------------------- */

struct client {
    struct program_node node;
    hg_addr_t registry;
    hg_id_t enter_id;
    hg_id_t look_id;
};

/* Enters a name; `earlier` is the note that it must have had. The object is given up in any case. */
static void client_enter(struct client *client, const char *name, char *alias, hg_string_object_t note,
                         const char *earlier)
{
    enter_in_t in = {.name = name, .alias = alias, .note = note, .number = strlen(name)};
    hg_handle_t handle = program_call_new(&client->node, client->registry, client->enter_id, &in);
    enter_out_t out;

    CHECK_OK(HG_Get_output(handle, &out));
    CHECK_TEXT(out.earlier_note.data, earlier);
    CHECK_OK(HG_Free_output(handle, &out));
    CHECK_OK(HG_Destroy(handle));
    CHECK_OK(hg_string_object_free(&note));
}

static void client_look(struct client *client, const char *name, bool found, const char *alias, const char *note)
{
    look_in_t in = {.name = name};
    hg_handle_t handle = program_call_new(&client->node, client->registry, client->look_id, &in);
    look_out_t out;

    CHECK_OK(HG_Get_output(handle, &out));
    CHECK_INT(out.found, found);
    CHECK_TEXT(out.alias, alias);
    CHECK_TEXT(out.note.data, note);
    CHECK_INT(out.number, found ? strlen(name) : 0);
    CHECK_OK(HG_Free_output(handle, &out));
    CHECK_OK(HG_Destroy(handle));
}

static hg_string_object_t owned(const char *text)
{
    hg_string_object_t object;

    CHECK_OK(hg_string_object_init_char(&object, strdup(text), true));
    CHECK(object.is_owned && !object.is_const);
    return object;
}

static hg_string_object_t borrowed(const char *text)
{
    hg_string_object_t object;

    CHECK_OK(hg_string_object_init_const_char(&object, text, false));
    return object;
}

static hg_string_object_t none(void)
{
    hg_string_object_t object;

    CHECK_OK(hg_string_object_init(&object));
    return object;
}

/* A string of so many bytes, none of them zero, all others among them. */
static char *long_text(size_t length)
{
    char *text = malloc(length + 1);

    CHECK(text != NULL);
    for (size_t i = 0; i < length; i++)
        text[i] = (char)(1 + i % 255);
    text[length] = '\0';
    return text;
}

static void client_try_short_ones(struct client *client)
{
    char alias[] = "alias";
    char empty[] = "";

    client_look(client, "a", false, NULL, NULL);
    client_enter(client, "a", alias, borrowed("first note"), NULL);
    client_look(client, "a", true, "alias", "first note");
    client_enter(client, "a", NULL, owned("second note"), "first note");
    client_look(client, "a", true, NULL, "second note");
    client_enter(client, "a", empty, owned(""), "second note");
    client_look(client, "a", true, "", "");
    client_enter(client, "a", NULL, none(), "");
    client_look(client, "a", true, NULL, NULL);
    client_enter(client, "a", NULL, borrowed("note"), NULL);
    client_enter(client, "", empty, borrowed("the empty name is a name"), NULL);
    client_look(client, "", true, "", "the empty name is a name");
    client_look(client, "a", true, NULL, "note");
}

static void client_try_long_ones(struct client *client)
{
    char *middle = long_text(MIDDLE);
    char *longest = long_text(LONG);
    hg_string_object_t copy;

    client_enter(client, middle, middle, borrowed(longest), NULL);
    client_look(client, middle, true, middle, longest);
    client_enter(client, longest, NULL, borrowed(middle), NULL);
    client_look(client, longest, true, NULL, middle);
    CHECK_OK(hg_string_object_dup(borrowed(longest), &copy));
    CHECK(copy.is_owned && copy.data != longest);
    client_enter(client, middle, NULL, copy, longest);
    longest[LONG - 1] = '?';
    client_look(client, longest, false, NULL, NULL);
    free(middle);
    free(longest);
}

int main(int argc, char **argv)
{
    const char *protocol = program_begin("registry client", argc, argv);
    struct client client = {.enter_id = 0};
    struct program_peer registry;

    program_start(&registry, "registry", registry_run, protocol);
    program_open(&client.node, protocol, false, NULL);
    client.registry = program_meet(&client.node, &registry);
    client.enter_id = MERCURY_REGISTER(client.node.hg_class, "enter", enter_in_t, enter_out_t, NULL);
    client.look_id = MERCURY_REGISTER(client.node.hg_class, "look", look_in_t, look_out_t, NULL);
    client_try_short_ones(&client);
    client_try_long_ones(&client);
    CHECK_OK(hg_string_object_free(NULL));
    program_stop(&client.node, client.registry);
    CHECK_OK(HG_Addr_free(client.node.hg_class, client.registry));
    program_close(&client.node);
    program_finish(&registry);
    return EXIT_SUCCESS;
}
