/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * See program.h.
 */
#include "program.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* A process of a program needs a second or two; this one is stuck. */
#define PROGRAM_LIMIT_S 50

static const char *program_name = "program";
static _Atomic(const char *) program_wait_file = "nothing";
static atomic_int program_wait_line;
static _Atomic(const char *) program_wait_what = "nothing";

/* --- checks --------------------------------------------------------------------------------------- */

/* Without exit handlers: the leak checker would bury the message. */
void program_fail(const char *file, int line, const char *format, ...)
{
    va_list args;

    fprintf(stderr, "FAILED: %s (pid %ld), %s:%d: ", program_name, (long)getpid(), file, line);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    fflush(stderr);
    _exit(EXIT_FAILURE);
}

void program_check_ret(const char *file, int line, const char *what, hg_return_t ret, hg_return_t expected)
{
    if (ret != expected)
        program_fail(file, line, "%s is %s, not %s", what, HG_Error_to_string(ret), HG_Error_to_string(expected));
}

void program_check_int(const char *file, int line, const char *what, int64_t value, int64_t expected)
{
    if (value != expected)
        program_fail(file, line, "%s is %lld, not %lld", what, (long long)value, (long long)expected);
}

void program_check_text(const char *file, int line, const char *what, const char *value, const char *expected)
{
    if (value == expected || (value != NULL && expected != NULL && strcmp(value, expected) == 0))
        return;
    program_fail(file, line, "%s is '%.200s', not '%.200s'", what, value != NULL ? value : "(NULL)",
                 expected != NULL ? expected : "(NULL)");
}

/* --- processes ------------------------------------------------------------------------------------ */

static void program_write_text(const char *text)
{
    ssize_t count = write(STDERR_FILENO, text, strlen(text));

    (void)count;
}

static void program_write_number(int number)
{
    char digits[12];
    size_t at = sizeof(digits) - 1;

    digits[at] = '\0';
    do {
        digits[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    program_write_text(digits + at);
}

static void program_on_alarm(int signal_number)
{
    (void)signal_number;
    program_write_text("FAILED: ");
    program_write_text(program_name);
    program_write_text(": time is up while waiting at ");
    program_write_text(atomic_load(&program_wait_file));
    program_write_text(":");
    program_write_number(atomic_load(&program_wait_line));
    program_write_text(" for ");
    program_write_text(atomic_load(&program_wait_what));
    program_write_text("\n");
    _exit(EXIT_FAILURE);
}

static void program_start_clock(const char *name)
{
    struct sigaction action;

    memset(&action, 0, sizeof(action));
    action.sa_handler = program_on_alarm;
    program_name = name;
    CHECK(sigaction(SIGALRM, &action, NULL) == 0);
    (void)alarm(PROGRAM_LIMIT_S);
}

const char *program_begin(const char *name, int argc, char **argv)
{
    program_start_clock(name);
    if (argc != 2)
        program_fail(__FILE__, __LINE__, "usage: %s PROTOCOL", argv[0]);
    return argv[1];
}

void program_waits_for(const char *file, int line, const char *what)
{
    atomic_store(&program_wait_file, file);
    atomic_store(&program_wait_line, line);
    atomic_store(&program_wait_what, what);
}

static void program_be(struct program_peer *parent, const char *name, program_role_t role, const char *protocol)
{
    program_start_clock(name);
    CHECK(prctl(PR_SET_PDEATHSIG, SIGKILL) == 0);
    role(parent, protocol);
    (void)close(parent->in);
    (void)close(parent->out);
    exit(EXIT_SUCCESS);
}

void program_start(struct program_peer *peer, const char *name, program_role_t role, const char *protocol)
{
    struct program_peer parent = {.name = "parent"};
    int down[2];
    int up[2];

    CHECK(pipe(down) == 0 && pipe(up) == 0);
    fflush(NULL);
    *peer = (struct program_peer){.name = name, .pid = fork(), .in = up[0], .out = down[1]};
    CHECK(peer->pid >= 0);
    if (peer->pid == 0) {
        (void)close(up[0]);
        (void)close(down[1]);
        parent.in = down[0];
        parent.out = up[1];
        program_be(&parent, name, role, protocol);
    }
    (void)close(up[1]);
    (void)close(down[0]);
}

void program_say(const struct program_peer *peer, const char *text)
{
    char line[PROGRAM_LINE + 1];
    int size = snprintf(line, sizeof(line), "%s\n", text);

    CHECK(size > 0 && size <= PROGRAM_LINE);
    CHECK(write(peer->out, line, (size_t)size) == size);
}

void program_hear(const struct program_peer *peer, char text[PROGRAM_LINE])
{
    size_t used = 0;

    program_waits_for(__FILE__, __LINE__, "a line from another process");
    while (used + 1 < PROGRAM_LINE) {
        ssize_t count = read(peer->in, text + used, 1);

        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0)
            program_fail(__FILE__, __LINE__, "%s ended without a word", peer->name);
        if (text[used] == '\n')
            break;
        used++;
    }
    text[used] = '\0';
}

void program_finish(struct program_peer *peer)
{
    int status = 0;

    program_waits_for(__FILE__, __LINE__, "the end of another process");
    while (waitpid(peer->pid, &status, 0) < 0)
        CHECK(errno == EINTR);
    (void)close(peer->in);
    (void)close(peer->out);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        program_fail(__FILE__, __LINE__, "%s ended with %s %d", peer->name, WIFEXITED(status) ? "status" : "signal",
                     WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
}

int program_descriptors(void)
{
    DIR *dir = opendir("/proc/self/fd");
    int count = -3; /* ".", "..", and the directory itself */

    CHECK(dir != NULL);
    while (readdir(dir) != NULL)
        count++;
    (void)closedir(dir);
    return count;
}

int program_descriptors_before(const char *protocol)
{
    static atomic_bool opened;
    hg_class_t *hg_class;

    if (strncmp(protocol, "verbs", strlen("verbs")) == 0 && !atomic_exchange(&opened, true)) {
        hg_class = HG_Init(protocol, false);
        CHECK(hg_class != NULL);
        CHECK_OK(HG_Finalize(hg_class));
    }
    return program_descriptors();
}

/* --- a class with one context ----------------------------------------------------------------------- */

static hg_return_t program_stop_answered(const struct hg_cb_info *info)
{
    struct program_node *node = (struct program_node *)info->arg;

    CHECK_OK(info->ret);
    node->stopped = true;
    return HG_SUCCESS;
}

static hg_return_t program_on_stop(hg_handle_t handle)
{
    const struct hg_info *info = HG_Get_info(handle);

    CHECK_OK(HG_Respond(handle, program_stop_answered, HG_Registered_data(info->hg_class, info->id), NULL));
    CHECK_OK(HG_Destroy(handle));
    return HG_SUCCESS;
}

void program_open(struct program_node *node, const char *protocol, bool listen, const struct hg_init_info *info)
{
    *node = (struct program_node){.descriptors = program_descriptors_before(protocol)};
    node->hg_class = HG_Init_opt(protocol, listen, info);
    if (node->hg_class == NULL)
        program_fail(__FILE__, __LINE__, "HG_Init_opt(%s) gives no class", protocol);
    node->context = HG_Context_create(node->hg_class);
    CHECK(node->context != NULL);
    node->stop_id = HG_Register_name(node->hg_class, "program_stop", NULL, NULL, program_on_stop);
    CHECK(node->stop_id != 0);
    CHECK_OK(HG_Register_data(node->hg_class, node->stop_id, node, NULL));
}

void program_close(struct program_node *node)
{
    CHECK_OK(HG_Context_destroy(node->context));
    CHECK_OK(HG_Finalize(node->hg_class));
    CHECK_INT(program_descriptors(), node->descriptors);
}

void program_address(hg_class_t *hg_class, char text[PROGRAM_LINE])
{
    hg_size_t size = PROGRAM_LINE - 1;
    hg_addr_t self = HG_ADDR_NULL;

    CHECK_OK(HG_Addr_self(hg_class, &self));
    CHECK_OK(HG_Addr_to_string(hg_class, text, &size, self));
    CHECK_INT(size, strlen(text) + 1);
    CHECK_OK(HG_Addr_free(hg_class, self));
}

hg_addr_t program_meet(struct program_node *node, const struct program_peer *peer)
{
    char text[PROGRAM_LINE];
    hg_addr_t addr = HG_ADDR_NULL;

    program_hear(peer, text);
    CHECK_OK(HG_Addr_lookup2(node->hg_class, text, &addr));
    return addr;
}

void program_serve(struct program_node *node, const struct program_peer *parent)
{
    char text[PROGRAM_LINE];

    program_address(node->hg_class, text);
    program_say(parent, text);
    WAIT_UNTIL(node->context, node->stopped);
}

void program_stop(struct program_node *node, hg_addr_t addr)
{
    CHECK_OK(HG_Destroy(program_call_new(node, addr, node->stop_id, NULL)));
}

void program_turn(hg_context_t *context)
{
    hg_return_t ret = HG_Progress(context, 100);
    unsigned int count = 0;

    CHECK(ret == HG_SUCCESS || ret == HG_TIMEOUT);
    do {
        count = 0;
        ret = HG_Trigger(context, 0, 1, &count);
        CHECK(ret == HG_SUCCESS || (ret == HG_TIMEOUT && count == 0));
    } while (ret == HG_SUCCESS && count > 0);
}

struct program_outcome {
    unsigned int calls;
    hg_return_t ret;
};

static hg_return_t program_called(const struct hg_cb_info *info)
{
    struct program_outcome *outcome = (struct program_outcome *)info->arg;

    CHECK_INT(info->type, HG_CB_FORWARD);
    outcome->calls++;
    outcome->ret = info->ret;
    return HG_SUCCESS;
}

hg_return_t program_call(hg_handle_t handle, void *in)
{
    struct program_outcome outcome = {.calls = 0};

    CHECK_OK(HG_Forward(handle, program_called, &outcome, in));
    WAIT_UNTIL(HG_Get_info(handle)->context, outcome.calls > 0);
    CHECK_INT(outcome.calls, 1);
    return outcome.ret;
}

hg_handle_t program_call_new(struct program_node *node, hg_addr_t addr, hg_id_t id, void *in)
{
    hg_handle_t handle = HG_HANDLE_NULL;

    CHECK_OK(HG_Create(node->context, addr, id, &handle));
    CHECK_OK(program_call(handle, in));
    return handle;
}
