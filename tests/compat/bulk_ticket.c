/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Memory by ticket, in three processes. An owner exposes memory and sends the descriptors to a broker, which writes
 * them to files. Later a consumer that has never spoken with the owner reads the files, pulls, pushes, and is refused
 * what it may not do. Segments are cut differently at the two ends.
 */
#include "mercury_bulk.h"
#include "mercury_macros.h"
#include "mercury_proc_string.h"
#include "program.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TICKETS = 4, SEGMENTS = 6, FILE_MAX = 4096, NOTE_SIZE = 60, PUSH_AT = 5000, PUSH_SIZE = 68000 };

enum ticket {
    TICKET_OPEN,   /* may be read and written; bound */
    TICKET_LOCKED, /* may be read; bound */
    TICKET_LOOSE,  /* may be read; not bound: its owner's address comes separately */
    TICKET_NOTE,   /* small, may be read, bound; its bytes are in the ticket */
};

MERCURY_GEN_PROC(deposit_in_t, ((uint32_t)(ticket))((hg_bulk_t)(bulk))((hg_const_string_t)(owner)))
MERCURY_GEN_PROC(sum_out_t, ((uint64_t)(open))((uint64_t)(locked)))

static const hg_size_t owner_sizes[SEGMENTS] = {100, 5000, 1, 70000, 3, 24896};
static const hg_size_t consumer_sizes[] = {60000, 7, 1000, 38993};
enum { TOTAL = 100000, CONSUMER_SEGMENTS = sizeof(consumer_sizes) / sizeof(consumer_sizes[0]) };

static char directory[] = "/tmp/quicksilver-tickets-XXXXXX";

static void fill(unsigned char *data, size_t size, unsigned int seed)
{
    for (size_t i = 0; i < size; i++)
        data[i] = (unsigned char)(i * 7 + i / 251 + seed);
}

static uint64_t sum_of(const unsigned char *data, size_t size)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < size; i++)
        sum = sum * 1099511628211U + data[i];
    return sum;
}

/* One buffer cut into segments. */
static void cut(unsigned char *data, const hg_size_t *sizes, uint32_t count, void **segments)
{
    for (uint32_t i = 0; i < count; i++) {
        segments[i] = data;
        data += sizes[i];
    }
}

/* --- the owner -------------------------------------------------------------------------------------------- */

struct owner {
    struct program_node node;
    unsigned char open[TOTAL];
    unsigned char locked[TOTAL];
    unsigned char note[NOTE_SIZE];
    hg_bulk_t tickets[TICKETS];
};

static hg_return_t owner_on_sums(hg_handle_t handle)
{
    const struct hg_info *info = HG_Get_info(handle);
    struct owner *owner = HG_Registered_data(info->hg_class, info->id);
    sum_out_t out = {.open = sum_of(owner->open, TOTAL), .locked = sum_of(owner->locked, TOTAL)};

    CHECK_OK(HG_Respond(handle, NULL, NULL, &out));
    return HG_Destroy(handle);
}

static void owner_expose(struct owner *owner)
{
    void *segments[SEGMENTS];
    void *note = owner->note;
    hg_size_t note_size = NOTE_SIZE;

    fill(owner->open, TOTAL, 1);
    fill(owner->locked, TOTAL, 2);
    fill(owner->note, NOTE_SIZE, 3);
    cut(owner->open, owner_sizes, SEGMENTS, segments);
    CHECK_OK(HG_Bulk_create(owner->node.hg_class, SEGMENTS, segments, owner_sizes, HG_BULK_READWRITE,
                            &owner->tickets[TICKET_OPEN]));
    cut(owner->locked, owner_sizes, SEGMENTS, segments);
    CHECK_OK(HG_Bulk_create(owner->node.hg_class, SEGMENTS, segments, owner_sizes, HG_BULK_READ_ONLY,
                            &owner->tickets[TICKET_LOCKED]));
    CHECK_OK(HG_Bulk_create(owner->node.hg_class, SEGMENTS, segments, owner_sizes, HG_BULK_READ_ONLY,
                            &owner->tickets[TICKET_LOOSE]));
    CHECK_OK(
        HG_Bulk_create(owner->node.hg_class, 1, &note, &note_size, HG_BULK_READ_ONLY, &owner->tickets[TICKET_NOTE]));
    for (unsigned int i = 0; i < TICKETS; i++) {
        if (i != TICKET_LOOSE) {
            CHECK_OK(HG_Bulk_bind(owner->tickets[i], owner->node.context));
            CHECK_RET(HG_Bulk_bind(owner->tickets[i], owner->node.context), HG_INVALID_ARG);
        }
        CHECK((HG_Bulk_get_addr(owner->tickets[i]) != HG_ADDR_NULL) == (i != TICKET_LOOSE));
    }
}

static void owner_deposit(struct owner *owner, hg_addr_t broker)
{
    hg_id_t id = MERCURY_REGISTER(owner->node.hg_class, "deposit", deposit_in_t, void, NULL);
    char address[PROGRAM_LINE];

    program_address(owner->node.hg_class, address);
    for (unsigned int i = 0; i < TICKETS; i++) {
        deposit_in_t in = {.ticket = i, .bulk = owner->tickets[i], .owner = address};

        CHECK_OK(HG_Destroy(program_call_new(&owner->node, broker, id, &in)));
    }
}

static void owner_run(struct program_peer *parent, const char *protocol)
{
    static struct owner owner;
    hg_addr_t broker = HG_ADDR_NULL;
    hg_id_t id = 0;

    program_open(&owner.node, protocol, true, NULL);
    id = MERCURY_REGISTER(owner.node.hg_class, "sums", void, sum_out_t, owner_on_sums);
    CHECK_OK(HG_Register_data(owner.node.hg_class, id, &owner, NULL));
    broker = program_meet(&owner.node, parent);
    owner_expose(&owner);
    owner_deposit(&owner, broker);
    CHECK_OK(HG_Addr_free(owner.node.hg_class, broker));
    program_serve(&owner.node, parent);
    for (unsigned int i = 0; i < TICKETS; i++)
        CHECK_OK(HG_Bulk_free(owner.tickets[i]));
    program_close(&owner.node);
    FORGET(owner);
}

/* --- the broker ------------------------------------------------------------------------------------------- */

struct broker {
    struct program_node node;
    char owner[PROGRAM_LINE];
    unsigned int deposited;
};

static void ticket_path(unsigned int ticket, char path[PROGRAM_LINE])
{
    (void)snprintf(path, PROGRAM_LINE, "%s/%u", directory, ticket);
}

/* The ticket of a handle that is another process's. */
static void ticket_write(unsigned int ticket, hg_bulk_t bulk)
{
    unsigned long flags = ticket == TICKET_NOTE ? HG_BULK_EAGER : 0;
    hg_size_t size = HG_Bulk_get_serialize_size(bulk, flags);
    unsigned char bytes[FILE_MAX];
    char path[PROGRAM_LINE];
    FILE *file = NULL;

    CHECK(size > 0 && size <= sizeof(bytes));
    CHECK_RET(HG_Bulk_serialize(bytes, size - 1, flags, bulk), HG_OVERFLOW);
    CHECK_OK(HG_Bulk_serialize(bytes, size, flags, bulk));
    ticket_path(ticket, path);
    file = fopen(path, "wb");
    CHECK(file != NULL);
    CHECK(fwrite(bytes, 1, (size_t)size, file) == size);
    CHECK(fclose(file) == 0);
}

static hg_return_t broker_on_deposit(hg_handle_t handle)
{
    const struct hg_info *info = HG_Get_info(handle);
    struct broker *broker = HG_Registered_data(info->hg_class, info->id);
    deposit_in_t in;

    CHECK_OK(HG_Get_input(handle, &in));
    CHECK(in.ticket < TICKETS);
    (void)snprintf(broker->owner, sizeof(broker->owner), "%s", in.owner);
    ticket_write(in.ticket, in.bulk);
    broker->deposited++;
    CHECK_OK(HG_Free_input(handle, &in));
    CHECK_OK(HG_Respond(handle, NULL, NULL, NULL));
    return HG_Destroy(handle);
}

static void broker_clean_up(void)
{
    char path[PROGRAM_LINE];

    for (unsigned int i = 0; i < TICKETS; i++) {
        ticket_path(i, path);
        CHECK(unlink(path) == 0);
    }
    CHECK(rmdir(directory) == 0);
}

/* --- the consumer ----------------------------------------------------------------------------------------- */

struct consumer {
    struct program_node node;
    hg_addr_t owner;
    hg_bulk_t tickets[TICKETS];
    unsigned char memory[TOTAL];
    hg_bulk_t local;
};

static hg_size_t ticket_read(unsigned int ticket, unsigned char bytes[FILE_MAX])
{
    char path[PROGRAM_LINE];
    FILE *file = NULL;
    size_t size = 0;

    ticket_path(ticket, path);
    file = fopen(path, "rb");
    CHECK(file != NULL);
    size = fread(bytes, 1, FILE_MAX, file);
    CHECK(size > 0 && fclose(file) == 0);
    return size;
}

static void consumer_read_tickets(struct consumer *consumer)
{
    static const uint8_t flags[TICKETS] = {HG_BULK_READWRITE, HG_BULK_READ_ONLY, HG_BULK_READ_ONLY, HG_BULK_READ_ONLY};
    unsigned char bytes[FILE_MAX];

    for (unsigned int i = 0; i < TICKETS; i++) {
        hg_size_t size = ticket_read(i, bytes);
        hg_bulk_t *ticket = &consumer->tickets[i];

        CHECK(HG_Bulk_deserialize(consumer->node.hg_class, ticket, bytes, size - 1) != HG_SUCCESS);
        CHECK(HG_Bulk_deserialize(consumer->node.hg_class, ticket, bytes + 1, size - 1) != HG_SUCCESS);
        CHECK_OK(HG_Bulk_deserialize(consumer->node.hg_class, ticket, bytes, size));
        memset(bytes, 0, sizeof(bytes));
        CHECK_INT(HG_Bulk_get_size(*ticket), i == TICKET_NOTE ? NOTE_SIZE : TOTAL);
        CHECK_INT(HG_Bulk_get_segment_count(*ticket), i == TICKET_NOTE ? 1 : SEGMENTS);
        CHECK_INT(HG_Bulk_get_flags(*ticket), flags[i]);
        CHECK_INT(HG_Bulk_get_context_id(*ticket), 0);
        if (i != TICKET_LOOSE)
            CHECK(HG_Addr_cmp(consumer->node.hg_class, HG_Bulk_get_addr(*ticket), consumer->owner));
    }
}

struct transfer {
    unsigned int calls;
    hg_return_t ret;
    hg_size_t size;
};

static hg_return_t transfer_over(const struct hg_cb_info *info)
{
    struct transfer *transfer = info->arg;

    CHECK_INT(info->type, HG_CB_BULK);
    transfer->calls++;
    transfer->ret = info->ret;
    transfer->size = info->info.bulk.size;
    return HG_SUCCESS;
}

static void consumer_move(struct consumer *consumer, hg_bulk_op_t op, unsigned int ticket, hg_size_t remote,
                          hg_size_t local, hg_size_t size)
{
    struct transfer transfer = {.calls = 0};
    hg_op_id_t op_id = HG_OP_ID_NULL;
    hg_bulk_t origin = consumer->tickets[ticket];

    if (ticket == TICKET_LOOSE)
        CHECK_OK(HG_Bulk_transfer(consumer->node.context, transfer_over, &transfer, op, consumer->owner, origin, remote,
                                  consumer->local, local, size, &op_id));
    else
        CHECK_OK(HG_Bulk_bind_transfer(consumer->node.context, transfer_over, &transfer, op, origin, remote,
                                       consumer->local, local, size, HG_OP_ID_IGNORE));
    WAIT_UNTIL(consumer->node.context, transfer.calls > 0);
    CHECK_INT(transfer.calls, 1);
    CHECK_OK(transfer.ret);
    CHECK_INT(transfer.size, size);
}

/* A transfer that must be refused where it is asked for, without a callback. */
static void consumer_be_refused(struct consumer *consumer, hg_bulk_op_t op, unsigned int ticket, bool bound,
                                hg_size_t remote, hg_size_t size, hg_return_t expected)
{
    struct transfer transfer = {.calls = 0};
    hg_bulk_t origin = consumer->tickets[ticket];

    if (bound)
        CHECK_RET(HG_Bulk_bind_transfer(consumer->node.context, transfer_over, &transfer, op, origin, remote,
                                        consumer->local, 0, size, HG_OP_ID_IGNORE),
                  expected);
    else
        CHECK_RET(HG_Bulk_transfer(consumer->node.context, transfer_over, &transfer, op, consumer->owner, origin,
                                   remote, consumer->local, 0, size, HG_OP_ID_IGNORE),
                  expected);
    program_turn(consumer->node.context);
    CHECK_INT(transfer.calls, 0);
}

static void consumer_check_pulled(struct consumer *consumer, unsigned int ticket, unsigned int seed)
{
    unsigned char expected[TOTAL];

    fill(expected, TOTAL, seed);
    memset(consumer->memory, 0, TOTAL);
    consumer_move(consumer, HG_BULK_PULL, ticket, 0, 0, TOTAL);
    CHECK(memcmp(consumer->memory, expected, TOTAL) == 0);
    /* A part of it, across segments of both sides; what is around it stays. */
    memset(consumer->memory, 0xee, TOTAL);
    consumer_move(consumer, HG_BULK_PULL, ticket, 99, 59990, 5100);
    CHECK(memcmp(consumer->memory + 59990, expected + 99, 5100) == 0);
    for (size_t i = 0; i < TOTAL; i++)
        CHECK((i >= 59990 && i < 59990 + 5100) || consumer->memory[i] == 0xee);
}

/* Writes into the owner's memory, and finds all of that and nothing else changed. */
static void consumer_push(struct consumer *consumer)
{
    unsigned char expected[TOTAL];
    hg_id_t id = MERCURY_REGISTER(consumer->node.hg_class, "sums", void, sum_out_t, NULL);
    hg_handle_t handle = HG_HANDLE_NULL;
    sum_out_t out;

    fill(expected, TOTAL, 1);
    fill(consumer->memory, TOTAL, 9);
    memcpy(expected + PUSH_AT, consumer->memory + 20000, PUSH_SIZE);
    consumer_move(consumer, HG_BULK_PUSH, TICKET_OPEN, PUSH_AT, 20000, PUSH_SIZE);
    consumer_move(consumer, HG_BULK_PUSH, TICKET_OPEN, TOTAL, 0, 0);
    handle = program_call_new(&consumer->node, consumer->owner, id, NULL);
    CHECK_OK(HG_Get_output(handle, &out));
    CHECK_INT(out.open, sum_of(expected, TOTAL));
    consumer_move(consumer, HG_BULK_PULL, TICKET_OPEN, 0, 0, TOTAL);
    CHECK(memcmp(consumer->memory, expected, TOTAL) == 0);
    fill(expected, TOTAL, 2);
    CHECK_INT(out.locked, sum_of(expected, TOTAL));
    CHECK_OK(HG_Free_output(handle, &out));
    CHECK_OK(HG_Destroy(handle));
}

static void consumer_try_what_is_forbidden(struct consumer *consumer)
{
    consumer_be_refused(consumer, HG_BULK_PUSH, TICKET_LOCKED, true, 0, 10, HG_PERMISSION);
    consumer_be_refused(consumer, HG_BULK_PUSH, TICKET_LOOSE, false, 0, 10, HG_PERMISSION);
    consumer_be_refused(consumer, HG_BULK_PUSH, TICKET_NOTE, true, 0, 10, HG_PERMISSION);
    consumer_be_refused(consumer, HG_BULK_PULL, TICKET_LOCKED, true, TOTAL, 1, HG_INVALID_ARG);
    consumer_be_refused(consumer, HG_BULK_PULL, TICKET_LOCKED, true, HG_SIZE_MAX, 2, HG_INVALID_ARG);
    /* With the address where it must not be, or without it where it must. */
    consumer_be_refused(consumer, HG_BULK_PULL, TICKET_LOCKED, false, 0, 10, HG_INVALID_ARG);
    consumer_be_refused(consumer, HG_BULK_PULL, TICKET_LOOSE, true, 0, 10, HG_INVALID_ARG);
}

static void consumer_read_note(struct consumer *consumer)
{
    unsigned char expected[NOTE_SIZE];
    void *bytes = NULL;
    hg_size_t size = 0;
    uint32_t count = 0;

    fill(expected, NOTE_SIZE, 3);
    CHECK_OK(HG_Bulk_access(consumer->tickets[TICKET_NOTE], 0, NOTE_SIZE, HG_BULK_READ_ONLY, 1, &bytes, &size, &count));
    CHECK_INT(count, 1);
    CHECK_INT(size, NOTE_SIZE);
    CHECK(memcmp(bytes, expected, NOTE_SIZE) == 0);
    consumer_move(consumer, HG_BULK_PULL, TICKET_NOTE, 10, 3, 50);
    CHECK(memcmp(consumer->memory + 3, expected + 10, 50) == 0);
}

static void consumer_run(struct program_peer *parent, const char *protocol)
{
    static struct consumer consumer;
    void *segments[CONSUMER_SEGMENTS];

    consumer.owner = HG_ADDR_NULL;
    program_open(&consumer.node, protocol, false, NULL);
    consumer.owner = program_meet(&consumer.node, parent);
    cut(consumer.memory, consumer_sizes, CONSUMER_SEGMENTS, segments);
    CHECK_OK(HG_Bulk_create(consumer.node.hg_class, CONSUMER_SEGMENTS, segments, consumer_sizes, HG_BULK_READWRITE,
                            &consumer.local));
    consumer_read_tickets(&consumer);
    consumer_check_pulled(&consumer, TICKET_LOCKED, 2);
    consumer_check_pulled(&consumer, TICKET_OPEN, 1);
    consumer_check_pulled(&consumer, TICKET_LOOSE, 2);
    consumer_read_note(&consumer);
    consumer_push(&consumer);
    consumer_try_what_is_forbidden(&consumer);
    program_stop(&consumer.node, consumer.owner);
    for (unsigned int i = 0; i < TICKETS; i++)
        CHECK_OK(HG_Bulk_free(consumer.tickets[i]));
    CHECK_OK(HG_Bulk_free(consumer.local));
    CHECK_OK(HG_Addr_free(consumer.node.hg_class, consumer.owner));
    program_close(&consumer.node);
    FORGET(consumer);
}

int main(int argc, char **argv)
{
    const char *protocol = program_begin("ticket broker", argc, argv);
    struct broker broker = {.deposited = 0};
    struct program_peer owner;
    struct program_peer consumer;
    char line[PROGRAM_LINE];
    hg_id_t id = 0;

    CHECK(mkdtemp(directory) != NULL);
    program_start(&owner, "ticket owner", owner_run, protocol);
    program_start(&consumer, "ticket consumer", consumer_run, protocol);
    program_open(&broker.node, protocol, true, NULL);
    id = MERCURY_REGISTER(broker.node.hg_class, "deposit", deposit_in_t, void, broker_on_deposit);
    CHECK_OK(HG_Register_data(broker.node.hg_class, id, &broker, NULL));
    program_address(broker.node.hg_class, line);
    program_say(&owner, line);
    WAIT_UNTIL(broker.node.context, broker.deposited == TICKETS);
    program_hear(&owner, line);
    CHECK_TEXT(line, broker.owner);
    /* From here on the broker is not needed any more. */
    program_close(&broker.node);
    program_say(&consumer, line);
    program_finish(&consumer);
    program_finish(&owner);
    broker_clean_up();
    return EXIT_SUCCESS;
}
