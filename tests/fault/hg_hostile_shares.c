/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * What a peer may take of its target's memory: it asks for much and fetches nothing, or for what is not meant for it.
 */
#include <stdlib.h>

#include "tests/fault/hg_raw.h"
#include "util/util_bytes.h"

/* Too large for pieces, and small enough to be kept. */
enum { ANSWER_SIZE = 65400 };

static struct hg_header move_request(uint64_t tag, unsigned char payload[24])
{
    struct hg_header header = hg_raw_request(HG_PAIR_MOVE, tag);

    util_bytes_put64(payload, 1);
    util_bytes_put64(payload + 8, ANSWER_SIZE);
    util_bytes_put64(payload + 16, 0);
    header.payload_size = 24;
    return header;
}

static void check_refused(uint64_t tag)
{
    SUPPORT_CHECK(hg_raw_last()->tag == tag && hg_raw_last()->type == HG_MESSAGE_NACK);
    SUPPORT_CHECK(hg_raw_last()->status == HG_AGAIN && !raw.down);
}

static void release(uint64_t release_tag)
{
    const struct hg_header header = {.type = HG_MESSAGE_RELEASE, .tag = release_tag};

    hg_raw_add(&header, NULL, 0);
    hg_raw_send();
}

/* Asks for answers until one is refused, all for the first attempt's with `again`; releases them. How many there were. */
static unsigned int ask_until_refused(bool again, uint64_t bytes_max)
{
    const struct qs_admission admission = {.peer_bytes_max = bytes_max};
    uint64_t release_tags[8];
    unsigned char payload[24];
    unsigned int count = 0;

    HG_PAIR_OK(qs_class_set_admission(pair.target.hg_class, &admission));
    for (uint64_t tag = 1; count < 8; tag++) {
        struct hg_header header = move_request(tag, payload);

        if (again) {
            header.flags = tag == 1 ? HG_MESSAGE_SEQUENCED : HG_MESSAGE_SEQUENCED | HG_MESSAGE_REPEATED;
            header.sequence = 1;
            header.attempt = (uint16_t)tag;
            header.epoch = raw.hello.records_epoch;
        }
        hg_raw_add(&header, payload, sizeof(payload));
        hg_raw_send();
        if (hg_raw_last()->type == HG_MESSAGE_NACK)
            break;
        SUPPORT_CHECK(hg_raw_last()->tag == tag && hg_raw_last()->release_tag != 0);
        release_tags[count++] = hg_raw_last()->release_tag;
    }
    check_refused(count + 1);
    for (unsigned int i = 0; i < count; i++)
        release(release_tags[i]);
    hg_raw_add_echo(100);
    hg_raw_send();
    SUPPORT_CHECK(hg_raw_last()->tag == 100 && hg_raw_last()->type == HG_MESSAGE_RESPONSE);
    HG_PAIR_OK(qs_class_set_admission(pair.target.hg_class, NULL));
    return count;
}

static void answers_that_are_not_fetched_are_bounded(void)
{
    unsigned int count = ask_until_refused(false, 2 * ANSWER_SIZE);

    SUPPORT_CHECK(count >= 2 && count <= 3);
    hg_raw_finish();
}

/* They are kept once, and copied for each who asks. */
static void answers_that_are_given_again_are_bounded(void)
{
    unsigned int count = ask_until_refused(true, 4 * ANSWER_SIZE);

    SUPPORT_CHECK(count >= 2 && count <= 4);
    SUPPORT_CHECK(hg_pair_counters(pair.target.hg_class).repeats >= 2);
    hg_raw_finish();
}

/* What the victim has shown to somebody is not copied for whoever names it as an input of his. */
static void descriptor_of_the_victims_own_memory_is_refused(void)
{
    struct hg_header header = hg_raw_request(HG_PAIR_ECHO, 40);
    unsigned char bytes[300] = {0};
    hg_size_t size = 100000;
    void *data = calloc(1, size);
    hg_bulk_t bulk;

    SUPPORT_CHECK(data != NULL);
    HG_PAIR_OK(HG_Bulk_create(pair.target.hg_class, 1, &data, &size, HG_BULK_READ_ONLY, &bulk));
    SUPPORT_CHECK(HG_Bulk_get_serialize_size(bulk, 0) + 8 <= sizeof(bytes));
    header.flags = HG_MESSAGE_MORE_DATA;
    header.payload_size = (uint32_t)HG_Bulk_get_serialize_size(bulk, 0) + 8;
    HG_PAIR_OK(HG_Bulk_serialize(bytes + 8, header.payload_size - 8, 0, bulk));
    hg_raw_add(&header, bytes, header.payload_size);
    hg_raw_send();
    SUPPORT_CHECK(hg_raw_last()->tag == 40 && hg_raw_last()->type == HG_MESSAGE_NACK && !raw.down);
    SUPPORT_CHECK(atomic_load(&pair.echoed) == 1 && atomic_load(&pair.bad_inputs) == 0);
    HG_PAIR_OK(HG_Bulk_free(bulk));
    free(data);
    hg_raw_finish();
}

const struct support_case hg_hostile_share_cases[] = {
    SUPPORT_CASE(answers_that_are_not_fetched_are_bounded),
    SUPPORT_CASE(answers_that_are_given_again_are_bounded),
    SUPPORT_CASE(descriptor_of_the_victims_own_memory_is_refused),
    {NULL, NULL, 0},
};
