/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * See wire_pair.h.
 */
#include "tests/support/wire_pair.h"

#include <string.h>

#include "hg/hg_frame.h"
#include "util/util_clock.h"

uint64_t wire_pair_now_ns;

static uint64_t simulated_clock(void)
{
    return wire_pair_now_ns;
}

void wire_pair_setup(void)
{
    fake_wire_reset(support_seed());
    fake_wire.no_connections = strcmp(support_suite_parameter(), "datagrams") == 0;
    HG_Set_log_level("none");
    wire_pair_now_ns = UTIL_CLOCK_NS_PER_S;
    util_clock_replace(simulated_clock);
}

void wire_pair_open_side(struct hg_pair *pair, struct hg_side *side, const char *uri, bool listen)
{
    struct hg_init_info init = HG_INIT_INFO_INITIALIZER;

    init.na_init_info.thread_mode = NA_THREAD_MODE_SINGLE;
    side->hg_class = HG_Init_opt2(uri, listen, HG_VERSION(HG_VERSION_MAJOR, HG_VERSION_MINOR), &init);
    SUPPORT_CHECK(side->hg_class != NULL);
    side->context_count = 1;
    side->contexts[0] = HG_Context_create(side->hg_class);
    SUPPORT_CHECK(side->contexts[0] != NULL);
    hg_pair_register(pair, side);
}

void wire_pair_open(struct hg_pair *pair)
{
    memset(pair, 0, sizeof(*pair));
    (void)pthread_mutex_init(&pair->lock, NULL);
    wire_pair_open_side(pair, &pair->target, "wire://target", true);
    wire_pair_open_side(pair, &pair->origin, "wire://origin", false);
    HG_PAIR_OK(HG_Addr_lookup2(pair->origin.hg_class, "wire://target", &pair->addr));
}

void wire_pair_close(struct hg_pair *pair)
{
    util_clock_replace(NULL);
    hg_pair_close(pair);
    SUPPORT_CHECK(fake_wire.routes == 0 && fake_wire.contexts == 0);
    SUPPORT_CHECK(fake_wire.frames_out == 0 && fake_wire.mems == 0);
}

void wire_pair_pass(struct hg_pair *pair, uint64_t ms)
{
    for (uint64_t i = 0; i < ms / WIRE_PAIR_STEP_MS; i++) {
        wire_pair_now_ns += WIRE_PAIR_STEP_MS * UTIL_CLOCK_NS_PER_MS;
        for (unsigned int turn = 0; turn < WIRE_PAIR_STEP_TURNS; turn++)
            hg_pair_turn(pair);
    }
}

bool wire_pair_first_header(const unsigned char *data, size_t size, struct hg_header *header)
{
    struct hg_frame_header frame;
    struct hg_frame_hello hello;
    const unsigned char *payload;
    size_t message_size;
    size_t offset;
    bool has_hello;

    SUPPORT_CHECK(hg_frame_decode(data, size, &frame, &hello, &has_hello, &offset) == HG_FRAME_KIND_FRAME);
    return offset < size && hg_header_decode(data + offset, size - offset, header, &payload, &message_size) == 0;
}
