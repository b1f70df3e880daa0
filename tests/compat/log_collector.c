/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * A collector of log lines that come by one-way calls. Three kinds of senders: one with a window of calls that sends
 * the next line from the callback of the last, one that exits as soon as its line has left, and one that forwards a
 * line and then does something else without ever making progress. Every line must arrive whole and once.
 */
#include "mercury_macros.h"
#include "mercury_proc_string.h"
#include "program.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

MERCURY_GEN_PROC(log_in_t, ((hg_const_string_t)(host))((uint32_t)(severity))((uint64_t)(number))((hg_string_t)(text)))
MERCURY_GEN_PROC(report_in_t, ((hg_const_string_t)(host)))
MERCURY_GEN_PROC(report_out_t, ((uint64_t)(lines))((uint64_t)(number_sum))((uint64_t)(bytes))((uint64_t)(answered)))

enum { LINES = 3000, WINDOW = 24, HOSTS_MAX = 8 };

/* What line `number` looks like; most are short, some do not fit into a message, a few not into several. */
static size_t line_length(uint64_t number)
{
    if (number % 500 == 499)
        return 300000;
    return number % 50 == 49 ? 20000 : (size_t)(20 + number % 60);
}

static char *line_text(uint64_t number)
{
    size_t length = line_length(number);
    char *text = malloc(length + 1);

    CHECK(text != NULL);
    for (size_t i = 0; i < length; i++)
        text[i] = (char)('a' + (number + i) % 26);
    text[length] = '\0';
    return text;
}

/* --- the collector ----------------------------------------------------------------------------------- */

struct host {
    char name[32];
    report_out_t report;
    bool seen[LINES];
};

struct collector {
    struct program_node node;
    struct host hosts[HOSTS_MAX];
    unsigned int host_count;
};

static struct host *collector_host(struct collector *collector, const char *name)
{
    struct host *host = NULL;

    for (unsigned int i = 0; i < collector->host_count; i++)
        if (strcmp(collector->hosts[i].name, name) == 0)
            return &collector->hosts[i];
    CHECK(collector->host_count < HOSTS_MAX);
    host = &collector->hosts[collector->host_count++];
    (void)snprintf(host->name, sizeof(host->name), "%s", name);
    return host;
}

static struct collector *collector_of(hg_handle_t handle)
{
    const struct hg_info *info = HG_Get_info(handle);

    return HG_Registered_data(info->hg_class, info->id);
}

static hg_return_t collector_on_log(hg_handle_t handle)
{
    struct host *host = NULL;
    log_in_t in;
    char *expected = NULL;
    hg_return_t ret = HG_SUCCESS;

    CHECK_OK(HG_Get_input(handle, &in));
    host = collector_host(collector_of(handle), in.host);
    CHECK(in.number < LINES);
    CHECK(!host->seen[in.number]);
    host->seen[in.number] = true;
    CHECK_INT(in.severity, in.number % 8);
    expected = line_text(in.number);
    CHECK_TEXT(in.text, expected);
    free(expected);
    host->report.lines++;
    host->report.number_sum += in.number;
    host->report.bytes += strlen(in.text);
    /* Whether an answer is owed is the sender's choice. */
    ret = HG_Respond(handle, NULL, NULL, NULL);
    CHECK(ret == HG_SUCCESS || ret == HG_OPNOTSUPPORTED);
    host->report.answered += ret == HG_SUCCESS;
    CHECK_OK(HG_Free_input(handle, &in));
    return HG_Destroy(handle);
}

static hg_return_t collector_on_report(hg_handle_t handle)
{
    report_in_t in;

    CHECK_OK(HG_Get_input(handle, &in));
    CHECK_OK(HG_Respond(handle, NULL, NULL, &collector_host(collector_of(handle), in.host)->report));
    CHECK_OK(HG_Free_input(handle, &in));
    return HG_Destroy(handle);
}

static void collector_run(struct program_peer *parent, const char *protocol)
{
    static struct collector collector;
    hg_id_t log_id = 0;
    hg_id_t report_id = 0;

    program_open(&collector.node, protocol, true, NULL);
    log_id = MERCURY_REGISTER(collector.node.hg_class, "log", log_in_t, void, collector_on_log);
    report_id = MERCURY_REGISTER(collector.node.hg_class, "report", report_in_t, report_out_t, collector_on_report);
    CHECK(log_id != 0 && report_id != 0);
    CHECK_OK(HG_Register_data(collector.node.hg_class, log_id, &collector, NULL));
    CHECK_OK(HG_Register_data(collector.node.hg_class, report_id, &collector, NULL));
    program_serve(&collector.node, parent);
    program_close(&collector.node);
    FORGET(collector);
}

/* --- senders ------------------------------------------------------------------------------------------ */

struct sender {
    struct program_node node;
    const char *host;
    hg_addr_t collector;
    hg_id_t log_id;
    hg_id_t report_id;
    uint64_t next;  /* line to be sent */
    uint64_t ended; /* lines whose callback has come */
};

static void sender_open(struct sender *sender, const char *host, const char *protocol, const char *collector)
{
    uint8_t disabled = HG_TRUE;

    *sender = (struct sender){.host = host};
    program_open(&sender->node, protocol, false, NULL);
    CHECK_OK(HG_Addr_lookup2(sender->node.hg_class, collector, &sender->collector));
    sender->log_id = MERCURY_REGISTER(sender->node.hg_class, "log", log_in_t, void, NULL);
    sender->report_id = MERCURY_REGISTER(sender->node.hg_class, "report", report_in_t, report_out_t, NULL);
    CHECK_OK(HG_Registered_disabled_response(sender->node.hg_class, sender->log_id, &disabled));
    CHECK_INT(disabled, HG_FALSE);
    CHECK_OK(HG_Registered_disable_response(sender->node.hg_class, sender->log_id, HG_TRUE));
    CHECK_OK(HG_Registered_disabled_response(sender->node.hg_class, sender->log_id, &disabled));
    CHECK_INT(disabled, HG_TRUE);
}

static void sender_close(struct sender *sender)
{
    CHECK_OK(HG_Addr_free(sender->node.hg_class, sender->collector));
    program_close(&sender->node);
}

static hg_return_t sender_line_left(const struct hg_cb_info *info);

static void sender_send(struct sender *sender, hg_handle_t handle)
{
    uint64_t number = sender->next++;
    log_in_t in = {.host = sender->host, .severity = (uint32_t)(number % 8), .number = number};

    in.text = line_text(number);
    CHECK_OK(HG_Forward(handle, sender_line_left, sender, &in));
    /* The input has been encoded: it may go. */
    memset(in.text, 'X', strlen(in.text));
    free(in.text);
}

static hg_return_t sender_line_left(const struct hg_cb_info *info)
{
    struct sender *sender = info->arg;

    CHECK_INT(info->type, HG_CB_FORWARD);
    CHECK_OK(info->ret);
    sender->ended++;
    if (sender->next < LINES)
        sender_send(sender, info->info.forward.handle);
    return HG_SUCCESS;
}

static report_out_t sender_report(struct sender *sender, const char *host)
{
    report_in_t in = {.host = host};
    report_out_t out;
    hg_handle_t handle = program_call_new(&sender->node, sender->collector, sender->report_id, &in);
    report_out_t copy;

    CHECK_OK(HG_Get_output(handle, &out));
    copy = out;
    CHECK_OK(HG_Free_output(handle, &out));
    CHECK_OK(HG_Destroy(handle));
    return copy;
}

/* One-way calls are over here when they have left; the collector has them a little later. */
static report_out_t sender_await(struct sender *sender, const char *host, uint64_t lines)
{
    report_out_t report;

    program_waits_for(__FILE__, __LINE__, "the collector to have all lines");
    do {
        report = sender_report(sender, host);
    } while (report.lines < lines);
    CHECK_INT(report.lines, lines);
    return report;
}

static void sender_send_all(struct sender *sender)
{
    hg_handle_t handles[WINDOW];
    report_out_t report;
    uint64_t bytes = 0;

    for (unsigned int i = 0; i < WINDOW; i++) {
        CHECK_OK(HG_Create(sender->node.context, sender->collector, sender->log_id, &handles[i]));
        sender_send(sender, handles[i]);
    }
    WAIT_UNTIL(sender->node.context, sender->ended == LINES);
    for (unsigned int i = 0; i < WINDOW; i++) {
        CHECK_INT(HG_Ref_get(handles[i]), 1);
        CHECK_OK(HG_Destroy(handles[i]));
    }
    report = sender_await(sender, sender->host, LINES);
    for (uint64_t i = 0; i < LINES; i++)
        bytes += line_length(i);
    CHECK_INT(report.number_sum, (uint64_t)LINES * (LINES - 1) / 2);
    CHECK_INT(report.bytes, bytes);
    CHECK_INT(report.answered, 0);
}

/* The same RPC with an answer, once it is switched back on. */
static void sender_send_with_answer(struct sender *sender)
{
    log_in_t in = {.host = "asks", .severity = 3, .number = 3};
    hg_handle_t handle = HG_HANDLE_NULL;

    CHECK_OK(HG_Registered_disable_response(sender->node.hg_class, sender->log_id, HG_FALSE));
    in.text = line_text(3);
    handle = program_call_new(&sender->node, sender->collector, sender->log_id, &in);
    free(in.text);
    CHECK_OK(HG_Destroy(handle));
    CHECK_INT(sender_report(sender, "asks").answered, 1);
}

static hg_return_t sender_exit(const struct hg_cb_info *info)
{
    CHECK_OK(info->ret);
    _exit(EXIT_SUCCESS);
}

static void sender_forward_one(struct sender *sender, uint64_t number, hg_cb_t callback)
{
    log_in_t in = {.host = sender->host, .severity = (uint32_t)(number % 8), .number = number};
    hg_handle_t handle = HG_HANDLE_NULL;

    in.text = line_text(number);
    CHECK_OK(HG_Create(sender->node.context, sender->collector, sender->log_id, &handle));
    CHECK_OK(HG_Forward(handle, callback, sender, &in));
    CHECK_OK(HG_Destroy(handle));
    free(in.text);
}

/* Ends its process in the callback, without closing anything. */
static void hasty_run(struct program_peer *parent, const char *protocol)
{
    struct sender sender;
    char collector[PROGRAM_LINE];

    program_hear(parent, collector);
    sender_open(&sender, "hasty", protocol, collector);
    sender_forward_one(&sender, 7, sender_exit);
    WAIT_UNTIL(sender.node.context, false);
}

/* Calls nothing of the library between the forward and the word that the line has arrived. */
static void sleepy_run(struct program_peer *parent, const char *protocol)
{
    struct sender sender;
    char line[PROGRAM_LINE];

    program_hear(parent, line);
    sender_open(&sender, "sleepy", protocol, line);
    sender.next = LINES;
    sender_forward_one(&sender, 11, sender_line_left);
    program_hear(parent, line);
    WAIT_UNTIL(sender.node.context, sender.ended == 1);
    sender_close(&sender);
}

int main(int argc, char **argv)
{
    const char *protocol = program_begin("log sender", argc, argv);
    struct program_peer collector;
    struct program_peer hasty;
    struct program_peer sleepy;
    struct sender sender;
    char address[PROGRAM_LINE];

    program_start(&collector, "log collector", collector_run, protocol);
    program_start(&hasty, "hasty sender", hasty_run, protocol);
    program_start(&sleepy, "sleepy sender", sleepy_run, protocol);
    program_hear(&collector, address);
    program_say(&hasty, address);
    program_say(&sleepy, address);
    program_finish(&hasty);

    sender_open(&sender, "steady", protocol, address);
    CHECK_INT(sender_await(&sender, "hasty", 1).number_sum, 7);
    CHECK_INT(sender_await(&sender, "sleepy", 1).number_sum, 11);
    program_say(&sleepy, "it has arrived");
    sender_send_all(&sender);
    sender_send_with_answer(&sender);
    program_stop(&sender.node, sender.collector);
    sender_close(&sender);
    program_finish(&sleepy);
    program_finish(&collector);
    return EXIT_SUCCESS;
}
