/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * The fake libfabric, by its own interface: what the simulation's findings rest on. Two nodes with an endpoint each, and one
 * promise per function.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/fake_fi.h"
#include "tests/support/fake_fi_net.h"
#include "util/util_clock.h"
#include "util/util_hook.h"
#include "util/util_mutant.h"

enum util_mutant util_mutant_on;
void (*util_hook)(enum util_hook_place place, const void *object);

#define CHECK(condition)                                                          \
    do {                                                                          \
        if (!(condition)) {                                                       \
            (void)fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
            abort();                                                              \
        }                                                                         \
    } while (0)

enum { BUFFER = 256 };

/* One node's objects. */
struct side {
    struct fi_info *info;
    struct fid_fabric *fabric;
    struct fid_domain *domain;
    struct fid_eq *eq;
    struct fid_cq *cq;
    struct fid_pep *pep;
    struct fid_ep *srx;
    struct fid_ep *ep;
    unsigned char buffer[BUFFER];
};

static struct side sides[2];

static struct sockaddr_in address_of(unsigned int node)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(7000)};

    address.sin_addr.s_addr = htonl(UINT32_C(0x0a000001) + node);
    return address;
}

static struct fi_info *info_of(unsigned int node)
{
    const struct sockaddr_in address = address_of(node);
    struct fi_info *hints = fi_allocinfo();
    struct fi_info *info = NULL;

    hints->ep_attr->type = FI_EP_MSG;
    hints->fabric_attr->prov_name = strdup("tcp");
    hints->src_addr = malloc(sizeof(address));
    CHECK(hints->src_addr != NULL);
    memcpy(hints->src_addr, &address, sizeof(address));
    hints->src_addrlen = sizeof(address);
    CHECK(fi_getinfo(FI_VERSION(1, 17), NULL, NULL, 0, hints, &info) == 0);
    fi_freeinfo(hints);
    return info;
}

static void side_open(unsigned int node)
{
    struct side *side = &sides[node];
    struct fi_eq_attr eq_attr = {.wait_obj = FI_WAIT_NONE};
    struct fi_cq_attr cq_attr = {.wait_obj = FI_WAIT_NONE, .format = FI_CQ_FORMAT_DATA};

    side->info = info_of(node);
    CHECK(fi_fabric(side->info->fabric_attr, &side->fabric, NULL) == 0);
    CHECK(fi_domain(side->fabric, side->info, &side->domain, NULL) == 0);
    CHECK(fi_eq_open(side->fabric, &eq_attr, &side->eq, NULL) == 0);
    CHECK(fi_cq_open(side->domain, &cq_attr, &side->cq, NULL) == 0);
    CHECK(fi_srx_context(side->domain, side->info->rx_attr, &side->srx, NULL) == 0);
    CHECK(fi_passive_ep(side->fabric, side->info, &side->pep, NULL) == 0);
    CHECK(fi_pep_bind(side->pep, &side->eq->fid, 0) == 0);
    CHECK(fi_listen(side->pep) == 0);
}

static void side_close(unsigned int node)
{
    struct side *side = &sides[node];

    if (side->ep != NULL)
        CHECK(fi_close(&side->ep->fid) == 0);
    CHECK(fi_close(&side->srx->fid) == 0);
    CHECK(fi_close(&side->pep->fid) == 0);
    CHECK(fi_close(&side->cq->fid) == 0);
    CHECK(fi_close(&side->eq->fid) == 0);
    CHECK(fi_close(&side->domain->fid) == 0);
    CHECK(fi_close(&side->fabric->fid) == 0);
    fi_freeinfo(side->info);
    memset(side, 0, sizeof(*side));
}

static void pass_ms(uint64_t ms)
{
    (void)fake_fi_advance(fake_fi_now_ns() + ms * UTIL_CLOCK_NS_PER_MS);
}

static void endpoint_open(struct side *side, struct fi_info *info)
{
    CHECK(fi_endpoint(side->domain, info, &side->ep, side) == 0);
    CHECK(fi_ep_bind(side->ep, &side->eq->fid, 0) == 0);
    CHECK(fi_ep_bind(side->ep, &side->cq->fid, FI_TRANSMIT | FI_RECV) == 0);
    CHECK(fi_ep_bind(side->ep, &side->srx->fid, 0) == 0);
    CHECK(fi_enable(side->ep) == 0);
}

/* The kind of the next event; 0: an error, which is read; UINT32_MAX: none. */
static uint32_t next_event(struct side *side, struct fi_info **info)
{
    union {
        struct fi_eq_cm_entry entry;
        unsigned char bytes[256];
    } event;
    struct fi_eq_err_entry error;
    uint32_t kind = 0;
    ssize_t ret = fi_eq_read(side->eq, &kind, &event, sizeof(event), 0);

    if (ret == -FI_EAVAIL) {
        CHECK(fi_eq_readerr(side->eq, &error, 0) > 0);
        return 0;
    }
    if (ret < 0)
        return UINT32_MAX;
    if (info != NULL)
        *info = event.entry.info;
    return kind;
}

static void connect_both(void)
{
    const struct sockaddr_in address = address_of(1);
    struct fi_info *info = NULL;

    endpoint_open(&sides[0], sides[0].info);
    CHECK(fi_connect(sides[0].ep, &address, "hello", 5) == 0);
    pass_ms(1);
    CHECK(next_event(&sides[1], &info) == FI_CONNREQ && info != NULL);
    endpoint_open(&sides[1], info);
    CHECK(fi_accept(sides[1].ep, "welcome", 7) == 0);
    fi_freeinfo(info);
    pass_ms(1);
    CHECK(next_event(&sides[0], NULL) == FI_CONNECTED);
    CHECK(next_event(&sides[1], NULL) == FI_CONNECTED);
}

static void receive_post(struct side *side)
{
    struct iovec iov = {.iov_base = side->buffer, .iov_len = BUFFER};
    struct fi_msg msg = {.msg_iov = &iov, .iov_count = 1, .context = side};

    CHECK(fi_recvmsg(side->srx, &msg, 0) == 0);
}

static bool received(struct side *side, const char *text)
{
    struct fi_cq_data_entry entry;

    return fi_cq_read(side->cq, &entry, 1) == 1 && (entry.flags & FI_RECV) != 0 && entry.len == strlen(text) &&
           memcmp(entry.buf, text, entry.len) == 0;
}

static void begin(void)
{
    fake_fi_begin(1);
    side_open(0);
    side_open(1);
    connect_both();
}

static void end(void)
{
    struct fake_fi_counts counts;

    side_close(0);
    side_close(1);
    fake_fi_end();
    counts = fake_fi_counts();
    CHECK(counts.fabrics + counts.domains + counts.queues + counts.endpoints + counts.registrations + counts.infos ==
          0);
    CHECK(counts.misuses == 0);
}

/* --- promises -------------------------------------------------------------------------------------------- */

static void messages_wait_for_a_cut_and_keep_their_order(void)
{
    begin();
    receive_post(&sides[1]);
    fake_fi_link(0, 1)->cut = true;
    CHECK(fi_injectdata(sides[0].ep, "first", 5, 1, FI_ADDR_UNSPEC) == 0);
    pass_ms(100);
    CHECK(fi_cq_read(sides[1].cq, NULL, 0) == -FI_EAGAIN);
    CHECK(fi_injectdata(sides[0].ep, "second", 6, 2, FI_ADDR_UNSPEC) == 0);
    fake_fi_link(0, 1)->cut = false;
    pass_ms(10);
    CHECK(received(&sides[1], "first"));
    receive_post(&sides[1]); /* the second waited for a buffer */
    pass_ms(1);
    CHECK(received(&sides[1], "second"));
    end();
}

static void a_killed_process_is_seen_to_end_and_refuses(void)
{
    const struct sockaddr_in address = address_of(1);

    begin();
    fake_fi_kill(1);
    pass_ms(5);
    CHECK(next_event(&sides[0], NULL) == FI_SHUTDOWN);
    CHECK(fi_injectdata(sides[0].ep, "late", 4, 1, FI_ADDR_UNSPEC) == -FI_ENOTCONN);
    CHECK(fi_injectdata(sides[1].ep, "late", 4, 1, FI_ADDR_UNSPEC) == -FI_ENOTCONN);
    CHECK(fi_close(&sides[0].ep->fid) == 0);
    endpoint_open(&sides[0], sides[0].info);
    CHECK(fi_connect(sides[0].ep, &address, "hello", 5) == 0);
    pass_ms(1);
    CHECK(next_event(&sides[0], NULL) == 0);
    end();
}

/* Reads from the other side's memory: 0 or the error. */
static int get(uint64_t offset, uint64_t key, unsigned char *to, size_t size)
{
    struct fi_cq_data_entry entry;
    struct fi_cq_err_entry error;
    ssize_t ret;

    CHECK(fi_read(sides[0].ep, to, size, NULL, FI_ADDR_UNSPEC, offset, key, to) == 0);
    pass_ms(1);
    ret = fi_cq_read(sides[0].cq, &entry, 1);
    if (ret == 1)
        return 0;
    CHECK(ret == -FI_EAVAIL && fi_cq_readerr(sides[0].cq, &error, 0) == 1);
    return error.err;
}

static void keys_ranges_and_ends_of_registrations_are_checked(void)
{
    unsigned char memory[16] = "0123456789abcde";
    unsigned char to[16] = {0};
    struct iovec iov = {.iov_base = memory, .iov_len = sizeof(memory)};
    struct fi_mr_attr attr = {.mr_iov = &iov, .iov_count = 1, .access = FI_REMOTE_READ, .requested_key = 42};
    struct fid_mr *mr;

    begin();
    CHECK(fi_mr_regattr(sides[1].domain, &attr, 0, &mr) == 0);
    CHECK(get(4, 42, to, 4) == 0 && memcmp(to, "4567", 4) == 0);
    CHECK(get(4, 43, to, 4) == FI_EACCES);
    CHECK(get(14, 42, to, 4) == FI_EACCES);
    CHECK(fi_close(&mr->fid) == 0);
    CHECK(get(4, 42, to, 4) == FI_EACCES);
    end();
}

static void what_has_been_closed_is_not_written_to(void)
{
    unsigned char memory[16] = "0123456789abcde";
    unsigned char to[16] = {0};
    struct iovec iov = {.iov_base = memory, .iov_len = sizeof(memory)};
    struct fi_mr_attr attr = {.mr_iov = &iov, .iov_count = 1, .access = FI_REMOTE_READ, .requested_key = 42};
    struct fid_mr *mr;

    begin();
    CHECK(fi_mr_regattr(sides[1].domain, &attr, 0, &mr) == 0);
    CHECK(fi_read(sides[0].ep, to, 8, NULL, FI_ADDR_UNSPEC, 0, 42, to) == 0);
    CHECK(fi_close(&sides[0].ep->fid) == 0);
    sides[0].ep = NULL;
    pass_ms(5);
    CHECK(to[0] == 0);
    CHECK(fi_close(&mr->fid) == 0);
    end();
}

static void troubles_refuse_in_their_part_of_cases(void)
{
    unsigned int refused = 0;

    begin();
    fake_fi_trouble(0)->eagain_permille = 500;
    for (unsigned int i = 0; i < 32; i++) {
        ssize_t ret = fi_injectdata(sides[0].ep, "x", 1, 1, FI_ADDR_UNSPEC);

        CHECK(ret == 0 || ret == -FI_EAGAIN);
        refused += ret != 0;
    }
    CHECK(refused > 4 && refused < 28);
    end();
}

int main(void)
{
    messages_wait_for_a_cut_and_keep_their_order();
    a_killed_process_is_seen_to_end_and_refuses();
    keys_ranges_and_ends_of_registrations_are_checked();
    what_has_been_closed_is_not_written_to();
    troubles_refuse_in_their_part_of_cases();
    return 0;
}
