/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */

/*
 * Classes: init and finalize, options, accessors. An option is honoured or the init fails with a sentence
 * that says why; none is ignored in silence.
 */

#include "hg/hg_class.h"

#include <errno.h>
#include <pthread.h>
#include <stddef.h>
#include <string.h>

#include "hg/hg_addr.h"
#include "hg/hg_error.h"
#include "hg/hg_fence.h"
#include "hg/hg_fork.h"
#include "hg/hg_frame.h"
#include "hg/hg_header.h"
#include "hg/hg_leaks.h"
#include "hg/hg_options.h"
#include "hg/hg_retry.h"
#include "hg/hg_sm.h"
#include "hg/hg_stats.h"
#include "hg/hg_stats_signal.h"
#include "na/na_uri.h"
#include "util/util_alloc.h"
#include "util/util_clock.h"
#include "util/util_log.h"
#include "util/util_rand.h"

/* What Mercury's messages are made for by default; an eager payload is what is left of it. */
#define CLASS_MESSAGE_SIZE 4096U

/* The classes between HG_Init and HG_Finalize; the lock is taken before those of a class. */
static pthread_mutex_t class_open_lock = PTHREAD_MUTEX_INITIALIZER;
static struct util_list class_open_list = UTIL_LIST_INIT(class_open_list);

static hg_class_t *class_fail(const char *uri, const char *what)
{
    UTIL_LOG_ERROR(UTIL_LOG_AREA_CLS, "HG_Init(\"%s\"): %s", uri != NULL ? uri : "(null)", what);
    return NULL;
}

/* --- options ------------------------------------------------------------------------------------------- */

/* Whether everything that is asked for can be had. */
static int class_check_options(const struct hg_init_info *options)
{
    if (options->na_class != NULL)
        return util_detail_set(-EOPNOTSUPP, "na_class: an NA class of Mercury cannot be taken over");
    if (options->sm_info_string != NULL && !options->auto_sm)
        return util_detail_set(-EINVAL, "sm_info_string \"%.100s\" is for auto_sm, which is not set",
                               options->sm_info_string);
    return hg_options_check(options);
}

/* Payload bytes of one eager message of @size bytes. */
static size_t class_eager_size(size_t size)
{
    size_t overhead = HG_FRAME_HEADER_SIZE + 32U;

    if (size == 0)
        size = CLASS_MESSAGE_SIZE;
    return size > 2 * overhead ? size - overhead : overhead;
}

static uint16_t class_message_flags(enum hg_checksum_level level)
{
    switch (level) {
    case HG_CHECKSUM_RPC_HEADERS:
        return HG_MESSAGE_CHECKED;
    case HG_CHECKSUM_RPC_PAYLOAD:
        return HG_MESSAGE_CHECKED | HG_MESSAGE_CHECKED_PAYLOAD;
    case HG_CHECKSUM_NONE:
    default:
        return 0;
    }
}

static void class_set_options(struct hg_class *hg_class, const struct hg_init_info *options)
{
    hg_class->options = *options;
    /* Strings of the caller: only used while the transport is opened. */
    hg_class->options.sm_info_string = NULL;
    hg_class->options.na_init_info.ip_subnet = NULL;
    hg_class->options.na_init_info.auth_key = NULL;
    hg_class->eager_size[0] = class_eager_size(options->na_init_info.max_unexpected_size);
    hg_class->eager_size[1] = class_eager_size(options->na_init_info.max_expected_size);
    hg_class->message_flags = class_message_flags(options->checksum_level);
    hg_class->context_max = hg_options_context_max(options);
    atomic_init(&hg_class->batching, true);
    atomic_init(&hg_class->in_flight_max, QS_IN_FLIGHT_DEFAULT);
    atomic_init(&hg_class->bulk_grace_us, QS_BULK_GRACE_DEFAULT_US);
    atomic_init(&hg_class->bulk_forward, true);
    atomic_init(&hg_class->retry_percent, HG_RETRY_PERCENT);
    atomic_init(&hg_class->retry_per_second, HG_RETRY_PER_SECOND);
}

static int class_addr_format(enum na_addr_format format)
{
    switch (format) {
    case NA_ADDR_IPV4:
        return 4;
    case NA_ADDR_IPV6:
        return 6;
    case NA_ADDR_NATIVE:
        return 1;
    case NA_ADDR_UNSPEC:
    default:
        return 0;
    }
}

/* --- the open classes ----------------------------------------------------------------------------------- */

static void class_list_open(struct hg_class *hg_class)
{
    (void)pthread_mutex_lock(&class_open_lock);
    util_list_push(&class_open_list, &hg_class->open_link);
    (void)pthread_mutex_unlock(&class_open_lock);
}

static void class_list_closed(struct hg_class *hg_class)
{
    (void)pthread_mutex_lock(&class_open_lock);
    util_list_remove(&hg_class->open_link);
    (void)pthread_mutex_unlock(&class_open_lock);
}

void hg_class_each(void (*visit)(struct hg_class *hg_class, void *arg), void *arg)
{
    (void)pthread_mutex_lock(&class_open_lock);
    util_list_each (node, &class_open_list)
        visit(util_container_of(node, struct hg_class, open_link), arg);
    (void)pthread_mutex_unlock(&class_open_lock);
}

void hg_class_forget_all(void)
{
    (void)pthread_mutex_init(&class_open_lock, NULL);
    util_list_init(&class_open_list);
}

/* --- init and finalize ---------------------------------------------------------------------------------- */

/* Programs compare the name of their provider with the beginning of an address, so they get back what they asked for. */
static void class_set_names(struct hg_class *hg_class, const char *info_string)
{
    const char *protocol = na_class_protocol(hg_class->na);
    struct na_uri uri;

    hg_class->names = (struct hg_class_names){.name = "ofi", .protocol = protocol, .prefix = "ofi+"};
    if (na_uri_parse(info_string, &uri, NULL, 0) == 0 && uri.sm_alias)
        hg_class->names =
            (struct hg_class_names){.name = "na", .protocol = "sm", .prefix = "na+sm", .skip = strlen(protocol)};
}

static int class_open_transport(struct hg_class *hg_class, const char *uri, bool listen,
                                const struct hg_init_info *options)
{
    const struct na_init_info_4_0 *na = &options->na_init_info;
    const struct na_config config = {
        .uri = uri,
        .listen = listen,
        .single_threaded = (na->thread_mode & NA_THREAD_MODE_SINGLE) == NA_THREAD_MODE_SINGLE,
        .never_block = (na->progress_mode & NA_NO_BLOCK) != 0,
        .context_count_max = hg_class->context_max,
        .ip_subnet = na->ip_subnet,
        .auth_key = na->auth_key,
        .addr_format = class_addr_format(na->addr_format),
        .traffic_class = (unsigned int)options->traffic_class,
        .device_memory = na->request_mem_device,
        .recv_buffers = options->multi_recv_op_max,
        .recv_single = options->no_multi_recv,
    };
    int error = na_class_open(&config, &hg_class->na);

    if (error != 0)
        return error;
    class_set_names(hg_class, uri);
    hg_class->transports[BULK_TRANSPORT_OWN].na = hg_class->na;
    hg_transport_learn_limits(&hg_class->transports[BULK_TRANSPORT_OWN]);
    hg_class->transport_count = 1;
    hg_class->self = hg_addr_intern(hg_class, na_class_address(hg_class->na));
    return hg_class->self != NULL ? 0 : util_detail_set(-ENOMEM, "HG_Init: no memory for the address of %s", uri);
}

static void class_free(struct hg_class *hg_class)
{
    hg_flusher_fini(&hg_class->flusher);
    hg_addr_unref(hg_class->self);
    hg_rpc_table_fini(&hg_class->rpcs);
    hg_once_fini(&hg_class->once);
    hg_tally_fini(&hg_class->closed_tally);
    bulk_owner_fini(&hg_class->bulks);
    na_class_close(hg_class->transports[BULK_TRANSPORT_SM].na);
    na_class_close(hg_class->na);
    util_lock_fini(&hg_class->addr_lock);
    util_lock_fini(&hg_class->context_lock);
    util_lock_fini(&hg_class->post_lock);
    util_lock_fini(&hg_class->peer_lock);
    util_free(hg_class);
}

static struct hg_class *class_create(const struct hg_init_info *options)
{
    struct hg_class *hg_class = util_calloc(1, sizeof(*hg_class));
    unsigned int i;

    if (hg_class == NULL)
        return NULL;
    if (hg_rpc_table_init(&hg_class->rpcs) != 0) {
        util_free(hg_class);
        return NULL;
    }
    hg_once_init(&hg_class->once);
    hg_admission_init(&hg_class->admission);
    atomic_init(&hg_class->window, HG_SESSION_WINDOW);
    util_lock_init(&hg_class->addr_lock);
    util_lock_init(&hg_class->context_lock);
    util_lock_init(&hg_class->post_lock);
    util_lock_init(&hg_class->peer_lock);
    hg_liveness_options_init(&hg_class->liveness);
    hg_class->begun_ns = util_clock_now_ns();
    atomic_init(&hg_class->histograms, QS_HISTOGRAMS_SAMPLED);
    hg_tally_init(&hg_class->closed_tally, hg_class);
    atomic_init(&hg_class->breaker_max_us, HG_PEER_BREAKER_DEFAULT);
    hg_flusher_init(&hg_class->flusher,
                    (options->na_init_info.thread_mode & NA_THREAD_MODE_SINGLE) == NA_THREAD_MODE_SINGLE);
    for (i = 0; i < HG_CLASS_ADDR_BUCKETS; i++)
        util_list_init(&hg_class->addr_buckets[i]);
    do
        hg_class->incarnation = util_rand_u64();
    while ((uint32_t)hg_class->incarnation == 0);
    atomic_init(&hg_class->session_number, 1);
    class_set_options(hg_class, options);
    return hg_class;
}

static hg_class_t *class_init(const char *uri, bool listen, const struct hg_init_info *options)
{
    struct hg_class *hg_class;
    int error;

    util_detail_clear();
    if (uri == NULL) {
        (void)util_detail_set(-EINVAL, "HG_Init: the info string is NULL");
        return class_fail(uri, util_detail_get());
    }
    if (class_check_options(options) != 0)
        return class_fail(uri, util_detail_get());
    hg_class = class_create(options);
    if (hg_class == NULL) {
        (void)util_detail_set(-ENOMEM, "HG_Init: no memory for a class");
        return class_fail(uri, util_detail_get());
    }
    error = class_open_transport(hg_class, uri, listen, options);
    if (error == 0)
        error = hg_sm_open(hg_class, listen, options);
    bulk_owner_init(&hg_class->bulks, hg_class->na, hg_class);
    hg_class->bulks.halt = hg_fence_halt;
    util_list_init(&hg_class->bulk_abroad);
    if (hg_class->transport_count > 1)
        bulk_owner_add_sm(&hg_class->bulks, hg_class->transports[BULK_TRANSPORT_SM].na);
    if (error != 0) {
        class_free(hg_class);
        return class_fail(uri, util_detail_get()[0] != '\0' ? util_detail_get() : strerror(-error));
    }
    hg_fork_watch();
    hg_class->fork_generation = atomic_load_explicit(&hg_fork_generation, memory_order_relaxed);
    class_list_open(hg_class);
    hg_stats_signal_init_from_env();
    return hg_class;
}

hg_class_t *HG_Init(const char *na_info_string, uint8_t na_listen)
{
    return HG_Init_opt2(na_info_string, na_listen, 0, NULL);
}

hg_class_t *HG_Init_opt(const char *na_info_string, uint8_t na_listen, const struct hg_init_info *hg_init_info)
{
    return HG_Init_opt2(na_info_string, na_listen, hg_init_info != NULL ? HG_VERSION(2, 2) : 0, hg_init_info);
}

/* How much of struct hg_init_info a program of this version has. */
static size_t class_info_size(unsigned int version)
{
    if (HG_VERSION_LT(version, HG_VERSION(2, 3)))
        return offsetof(struct hg_init_info, no_multi_recv);
    if (HG_VERSION_LT(version, HG_VERSION(2, 4)))
        return offsetof(struct hg_init_info, traffic_class);
    return sizeof(struct hg_init_info);
}

hg_class_t *HG_Init_opt2(const char *na_info_string, uint8_t na_listen, unsigned int version,
                         const struct hg_init_info *hg_init_info)
{
    struct hg_init_info options = HG_INIT_INFO_INITIALIZER;

    if (hg_init_info != NULL) {
        if (version == 0 || HG_VERSION_LT(HG_VERSION(HG_VERSION_MAJOR, HG_VERSION_MINOR), version)) {
            (void)util_detail_set(-EINVAL, "HG_Init_opt2: version %u.%u of the options is not one up to %u.%u",
                                  HG_MAJOR(version), HG_MINOR(version), HG_VERSION_MAJOR, HG_VERSION_MINOR);
            return class_fail(na_info_string, util_detail_get());
        }
        memcpy(&options, hg_init_info, class_info_size(version));
    }
    return class_init(na_info_string, na_listen != 0, &options);
}

hg_return_t HG_Finalize(hg_class_t *hg_class)
{
    if (hg_class == NULL)
        return HG_SUCCESS;
    if (hg_fork_is_dead(hg_class)) {
        hg_fork_free(hg_class);
        return HG_SUCCESS;
    }
    if (atomic_load(&hg_class->context_count) > 0 || atomic_load(&hg_class->addr_count) > 0 ||
        bulk_owner_handle_count(&hg_class->bulks) > 0) {
        char open[HG_LEAKS_TEXT];

        hg_leaks_of_class(hg_class, open);
        UTIL_LOG_ERROR(UTIL_LOG_AREA_CLS, "HG_Finalize: still open in %s%s: %s", hg_class->names.prefix,
                       na_class_address(hg_class->na) + hg_class->names.skip, open);
        return hg_error_set(HG_BUSY, "HG_Finalize: still open: %s", open);
    }
    class_list_closed(hg_class);
    if (hg_class->options.stats)
        hg_stats_write(hg_class);
    hg_user_data_free(&hg_class->user);
    class_free(hg_class);
    return HG_SUCCESS;
}

void HG_Cleanup(void)
{
    /* Nothing of ours outlives its process: sockets are abstract, shared pages anonymous. */
}

/* --- accessors ---------------------------------------------------------------------------------------------- */

const char *HG_Class_get_name(const hg_class_t *hg_class)
{
    return hg_class == NULL ? NULL : hg_class->names.name;
}

const char *HG_Class_get_protocol(const hg_class_t *hg_class)
{
    return hg_class == NULL ? NULL : hg_class->names.protocol;
}

bool HG_Class_is_listening(const hg_class_t *hg_class)
{
    return hg_class != NULL && na_class_listens(hg_class->na);
}

hg_size_t HG_Class_get_input_eager_size(const hg_class_t *hg_class)
{
    return hg_class == NULL ? 0 : hg_class->eager_size[0] - hg_class->user_offset[0];
}

hg_size_t HG_Class_get_output_eager_size(const hg_class_t *hg_class)
{
    return hg_class == NULL ? 0 : hg_class->eager_size[1] - hg_class->user_offset[1];
}

static hg_return_t class_set_offset(hg_class_t *hg_class, unsigned int which, hg_size_t offset)
{
    const char *function = which == 0 ? "HG_Class_set_input_offset" : "HG_Class_set_output_offset";

    if (hg_fork_stops(hg_class, function))
        return HG_FAULT;
    if (hg_class == NULL)
        return hg_error_set(HG_INVALID_ARG, "%s: the class is NULL", function);
    if (offset >= hg_class->eager_size[which])
        return hg_error_set(HG_INVALID_ARG, "an offset of %llu does not fit in the %zu bytes of an eager message",
                            (unsigned long long)offset, hg_class->eager_size[which]);
    hg_class->user_offset[which] = offset;
    return HG_SUCCESS;
}

hg_return_t HG_Class_set_input_offset(hg_class_t *hg_class, hg_size_t offset)
{
    return class_set_offset(hg_class, 0, offset);
}

hg_return_t HG_Class_set_output_offset(hg_class_t *hg_class, hg_size_t offset)
{
    return class_set_offset(hg_class, 1, offset);
}

hg_return_t HG_Class_set_data(hg_class_t *hg_class, void *data, void (*free_callback)(void *))
{
    if (hg_class == NULL)
        return hg_error_set(HG_INVALID_ARG, "HG_Class_set_data: a NULL argument");
    hg_user_data_set(&hg_class->user, data, free_callback);
    return HG_SUCCESS;
}

void *HG_Class_get_data(const hg_class_t *hg_class)
{
    return hg_class == NULL ? NULL : hg_class->user.data;
}

hg_return_t HG_Class_set_handle_create_callback(hg_class_t *hg_class, hg_return_t (*callback)(hg_handle_t, void *),
                                                void *arg)
{
    if (hg_class == NULL)
        return hg_error_set(HG_INVALID_ARG, "HG_Class_set_handle_create_callback: a NULL argument");
    hg_class->handle_create = callback;
    hg_class->handle_create_arg = arg;
    return HG_SUCCESS;
}

hg_return_t qs_class_set_batching(hg_class_t *hg_class, bool batching)
{
    if (hg_fork_stops(hg_class, "qs_class_set_batching"))
        return HG_FAULT;
    if (hg_class == NULL)
        return hg_error_set(HG_INVALID_ARG, "qs_class_set_batching: a NULL argument");
    atomic_store_explicit(&hg_class->batching, batching, memory_order_relaxed);
    return HG_SUCCESS;
}
