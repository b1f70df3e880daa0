/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */

/*
 * Records of requests that run at most once. At any time the numbers under way span less than the ring holds, because
 * an origin lets no call be HG_HEADER_BEHIND_MAX numbers ahead of the oldest that has not ended; so each number has a
 * place of its own, and a record in the place of a newer one belongs to a call that its origin has given up, or whose answer it has.
 *
 * All under hg_once::lock, and that of the context of the request at hand. Any thread.
 */

#include "hg/hg_once_next.h"

#include <assert.h>
#include <string.h>

#include "hg/hg_class.h"
#include "hg/hg_context.h"
#include "hg/hg_error.h"
#include "hg/hg_event.h"
#include "hg/hg_fork.h"
#include "hg/hg_handle.h"
#include "hg/hg_header.h"
#include "hg/hg_payload.h"
#include "hg/hg_session.h"
#include "mercury.h"
#include "quicksilver.h"
#include "util/util_alloc.h"
#include "util/util_log.h"
#include "util/util_mutant.h"

#define ONCE_RING_FIRST 8U
/* Memory for answers comes in multiples of this, and so much of it stays with its place for the next answers. */
#define ONCE_ANSWER_UNIT 64U
#define ONCE_ANSWER_KEPT 256U

void hg_once_init(struct hg_once *once)
{
    util_lock_init(&once->lock);
    util_map_init(&once->origins, 0);
    util_list_init(&once->by_use);
    util_list_init(&once->holding);
    once->count = 0;
    once->bytes = 0;
    once->last = NULL;
    once->generation = 1;
    once->evicted = 0;
    once->dropped = 0;
    once->origins_max = HG_ONCE_ORIGINS_MAX;
    once->bytes_max = HG_ONCE_BYTES_MAX;
    atomic_init(&once->epoch, 1);
}

/* --- records ----------------------------------------------------------------------------------------------- */

static uint32_t once_ring_size(const struct hg_once_origin *origin)
{
    return origin->ring_mask + 1;
}

/* On the short way no answer is dropped, so there must be none with much memory. */
static void once_set_quick(struct hg_once_origin *origin)
{
    origin->quick = origin->large > 0 ? 0 : once_ring_size(origin);
}

static bool once_is_large(const struct hg_once_record *record)
{
    return record->capacity > ONCE_ANSWER_KEPT;
}

static void once_free_answer(struct hg_once *once, struct hg_once_origin *origin, struct hg_once_record *record)
{
    if (record->capacity == 0)
        return;
    origin->large -= once_is_large(record);
    once_set_quick(origin);
    origin->bytes -= record->capacity;
    once->bytes -= record->capacity;
    if (origin->bytes == 0)
        util_list_remove(&origin->hold_link);
    util_free(record->answer);
    record->answer = NULL;
    record->capacity = 0;
}

static void once_free_record(struct hg_once *once, struct hg_once_origin *origin, struct hg_once_record *record)
{
    record->state = HG_ONCE_FREE;
    if (once_is_large(record))
        once_free_answer(once, origin, record);
}

/* Whether it is the record of this very number. */
static bool once_is_of(const struct hg_once_record *record, uint64_t sequence)
{
    return record->state != HG_ONCE_FREE && record->sequence == sequence;
}

static void once_move(const struct hg_once_record *from, struct hg_once_record *to)
{
    *to = *from;
    if (to->state == HG_ONCE_HELD)
        to->handle->once.record = to;
}

/* Makes the ring so large that @need numbers from the floor on have places of their own, as far as it may grow. */
static bool once_grow(struct hg_once *once, struct hg_once_origin *origin, uint64_t need)
{
    uint32_t size = once_ring_size(origin);
    struct hg_once_origin grown = {0}; /* no more than its ring */

    while (size < need && size < HG_HEADER_BEHIND_MAX)
        size *= 2;
    if (size == once_ring_size(origin))
        return true;
    grown.ring_mask = size - 1;
    grown.ring = util_calloc(size, sizeof(*grown.ring));
    if (grown.ring == NULL)
        return false;
    for (uint32_t i = 0; i < once_ring_size(origin); i++) {
        if (origin->ring[i].state != HG_ONCE_FREE)
            once_move(&origin->ring[i], hg_once_place_of(&grown, origin->ring[i].sequence));
        else
            once_free_answer(once, origin, &origin->ring[i]);
    }
    util_free(origin->ring);
    origin->ring = grown.ring;
    origin->ring_mask = size - 1;
    once_set_quick(origin);
    return true;
}

/* Numbers below @floor have ended at their origin: nobody will ask for their answers. Small ones are left where they
 * are, for the memory of their places. */
static void once_raise_floor(struct hg_once *once, struct hg_once_origin *origin, uint64_t floor)
{
    uint64_t sequence = origin->floor;

    origin->floor = floor;
    if (origin->large == 0)
        return;
    if (floor - sequence > once_ring_size(origin))
        sequence = floor - once_ring_size(origin); /* the ring holds no more */
    for (; sequence < floor; sequence++) {
        struct hg_once_record *record = hg_once_place_of(origin, sequence);

        if (record->state == HG_ONCE_KEPT && record->sequence < floor)
            once_free_record(once, origin, record);
    }
}

/* --- origins ------------------------------------------------------------------------------------------------- */

static uint64_t once_key(uint64_t incarnation, uint8_t context)
{
    return incarnation ^ util_hash_u64(context);
}

static void once_free_origin(struct hg_once *once, struct hg_once_origin *origin)
{
    (void)util_map_remove(&once->origins, once_key(origin->incarnation, origin->context));
    util_list_remove(&origin->use_link);
    if (once->last == origin)
        once->last = NULL;
    once->count--;
    for (uint32_t i = 0; i < once_ring_size(origin); i++)
        once_free_answer(once, origin, &origin->ring[i]);
    util_free(origin->ring);
    util_free(origin);
}

void hg_once_fini(struct hg_once *once)
{
    struct util_list *node;

    while ((node = util_list_first(&once->by_use)) != NULL)
        once_free_origin(once, util_container_of(node, struct hg_once_origin, use_link));
    util_map_fini(&once->origins);
    util_lock_fini(&once->lock);
}

/* Whether the answer is with a handle of this context, of which it can be taken. */
static bool once_is_with(const struct hg_once_record *record, const struct hg_context *context)
{
    return record->state == HG_ONCE_HELD && record->handle->owner == context && record->handle->once.answered;
}

/* Drops what handles have of the origin if that is answers alone, all with handles of this context. */
static void once_drop_held(struct hg_once_origin *origin, const struct hg_context *context)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < once_ring_size(origin); i++)
        count += once_is_with(&origin->ring[i], context);
    if (count < origin->held)
        return; /* it cannot be forgotten, so nothing of it may be */
    for (uint32_t i = 0; i < once_ring_size(origin); i++) {
        if (!once_is_with(&origin->ring[i], context))
            continue;
        origin->ring[i].handle->once.origin = NULL;
        origin->ring[i].state = HG_ONCE_FREE;
    }
    origin->held = 0;
}

/* Forgets the origin that was heard of longest ago and has nothing running; answers that handles of this context have go with it.
 * What it may still repeat is refused from now on. */
static bool once_evict_origin(struct hg_once *once, const struct hg_context *context)
{
    util_list_each (node, &once->by_use) {
        struct hg_once_origin *origin = util_container_of(node, struct hg_once_origin, use_link);

        if (origin->held > 0)
            once_drop_held(origin, context);
        if (origin->held > 0)
            continue;
        once_free_origin(once, origin);
        once->evicted++;
        once->generation++;
        atomic_fetch_add_explicit(&once->epoch, 1, memory_order_relaxed);
        return true;
    }
    return false;
}

/* Says whether another one was evicted for it. */
static struct hg_once_origin *once_create_origin(struct hg_once *once, const struct hg_session *session, bool *evicted)
{
    uint64_t incarnation = session->remote.incarnation;
    uint8_t context = session->target_context;
    struct hg_once_origin *origin;

    *evicted = once->count >= once->origins_max && once_evict_origin(once, session->context);
    if (once->count >= once->origins_max)
        return NULL;
    origin = util_calloc(1, sizeof(*origin));
    if (origin == NULL)
        return NULL;
    origin->incarnation = incarnation;
    origin->context = context;
    origin->epoch = atomic_load_explicit(&once->epoch, memory_order_relaxed);
    origin->floor = 1;
    origin->ring_mask = ONCE_RING_FIRST - 1;
    once_set_quick(origin);
    origin->ring = util_calloc(ONCE_RING_FIRST, sizeof(*origin->ring));
    if (origin->ring == NULL || util_map_put(&once->origins, once_key(incarnation, context), origin) != 0) {
        util_free(origin->ring);
        util_free(origin);
        return NULL;
    }
    once->count++;
    util_list_init(&origin->hold_link);
    util_list_push(&once->by_use, &origin->use_link);
    once->last = origin;
    return origin;
}

/* Drops answers of those heard of longest ago until there is room for so many bytes more; false when there never is. */
static bool once_make_room(struct hg_once *once, size_t size)
{
    struct util_list *node;

    if (once->bytes + size <= once->bytes_max)
        return true;
    while ((node = util_list_first(&once->holding)) != NULL) {
        struct hg_once_origin *origin = util_container_of(node, struct hg_once_origin, hold_link);

        /* As soon as it holds nothing it is off the list. */
        for (uint32_t i = 0; i < once_ring_size(origin) && origin->bytes > 0; i++) {
            struct hg_once_record *record = &origin->ring[i];
            bool wanted = record->state == HG_ONCE_KEPT && record->sequence >= origin->floor;
            bool drops = wanted && record->size > 0 && !record->dropped;

            once->dropped += drops;
            record->dropped = record->dropped || drops;
            once_free_answer(once, origin, record);
            if (once->bytes + size <= once->bytes_max)
                return true;
        }
    }
    return false;
}

/* --- answers ------------------------------------------------------------------------------------------------- */

/* Takes the handle out of its place. The record, or NULL if another call has it by now. */
static struct hg_once_record *once_leave(struct hg_handle *handle)
{
    struct hg_once_record *record = handle->once.record;

    assert(handle->once.origin->held > 0);
    assert(record == NULL || record->handle == handle);
    handle->once.origin->held--;
    handle->once.origin = NULL;
    return record;
}

/* Gets memory for an answer that does not fit into what the record has. Not inline: it is rare. */
static __attribute__((noinline)) bool once_reserve(struct hg_once *once, struct hg_once_origin *origin,
                                                   struct hg_once_record *record, size_t size)
{
    size_t capacity = (size + ONCE_ANSWER_UNIT - 1) / ONCE_ANSWER_UNIT * ONCE_ANSWER_UNIT;

    once_free_answer(once, origin, record);
    if (size > HG_ONCE_ANSWER_MAX || !once_make_room(once, capacity))
        return false;
    record->answer = util_malloc(capacity);
    if (record->answer == NULL)
        return false;
    record->capacity = (uint32_t)capacity;
    if (origin->bytes == 0)
        util_list_push(&once->holding, &origin->hold_link);
    origin->bytes += capacity;
    once->bytes += capacity;
    origin->large += once_is_large(record);
    once_set_quick(origin);
    return true;
}

/* Keeps a copy of the answer, if there is room. False: answers were dropped, this one or others. */
static bool once_keep(struct hg_once *once, struct hg_once_origin *origin, struct hg_once_record *record,
                      const struct hg_outbox_payload *payload)
{
    size_t size = hg_payload_size(payload);
    uint64_t dropped = once->dropped;
    unsigned char *answer;

    record->size = 0;
    record->dropped = size > record->capacity && !once_reserve(once, origin, record, size);
    if (record->dropped) {
        once->dropped++;
        return false;
    }
    answer = record->answer;
    record->size = (uint32_t)size;
    record->eager = (uint32_t)payload->head_size;
    if (payload->head_size > 0)
        memcpy(answer, payload->head, payload->head_size);
    if (payload->tail_size > 0)
        memcpy(answer + payload->head_size, payload->tail, payload->tail_size);
    return once->dropped == dropped;
}

/* The request is answered so. False as above. */
static bool once_fill(struct hg_once *once, struct hg_once_origin *origin, struct hg_once_record *record,
                      uint32_t status, const struct hg_outbox_payload *payload)
{
    record->state = HG_ONCE_KEPT;
    record->status = status;
    return once_keep(once, origin, record, payload);
}

bool hg_once_copy(struct hg_once_origin *origin, struct hg_once_record *record, const struct hg_handle *handle)
{
    struct hg_outbox_payload payload;

    hg_payload_view(handle, &payload);
    if (hg_payload_size(&payload) > record->capacity || UTIL_MUTANT(ANSWER_NOT_SAVED))
        return false;
    return once_fill(&handle->info.hg_class->once, origin, record, HG_SUCCESS, &payload);
}

/* The answer of the request in @handle goes into its record, and the handle gives up its place. False as above. */
static bool once_answer(struct hg_once *once, struct hg_handle *handle, uint32_t status,
                        const struct hg_outbox_payload *payload)
{
    struct hg_once_origin *origin = handle->once.origin;
    struct hg_once_record *record = once_leave(handle);

    if (record == NULL)
        return true;
    if (record->sequence < origin->floor || UTIL_MUTANT(RECORD_DROPPED_EARLY)) {
        once_free_record(once, origin, record); /* nobody will ask for it */
        return true;
    }
    return once_fill(once, origin, record, status, payload);
}

/* --- requests ------------------------------------------------------------------------------------------------ */

static void once_refuse(struct hg_once_found *found, hg_return_t status, bool executed)
{
    *found = (struct hg_once_found){.verdict = HG_ONCE_REFUSED, .status = status, .executed = executed};
}

/* A request that was answered: @answer has so many bytes, of which so many went in the message. */
static void once_give(struct hg_once_found *found, uint32_t status, const void *answer, size_t size, size_t eager)
{
    *found = (struct hg_once_found){
        .verdict = HG_ONCE_ANSWERED,
        .status = (hg_return_t)status,
        .answer = util_malloc(size == 0 ? 1 : size),
        .answer_size = size,
        .answer_eager = eager,
    };
    if (found->answer == NULL)
        once_refuse(found, HG_AGAIN, false);
    else if (size > 0)
        memcpy(found->answer, answer, size);
}

/* A request that has been received before, and whose handle knows more of it. */
static void once_find_held(const struct hg_session *session, struct hg_handle *handle, struct hg_once_found *found)
{
    const struct hg_handle_encoded *encoded = &handle->encoded;

    /* One that another context received cannot be touched from here: the origin may ask once more. */
    if (handle->owner != session->context)
        once_refuse(found, HG_AGAIN, false);
    else if (handle->once.answered)
        once_give(found, HG_SUCCESS, encoded->buf, encoded->size, encoded->size);
    else
        *found = (struct hg_once_found){.verdict = HG_ONCE_RUNNING, .handle = handle};
}

/* A request that has been received before. */
static void once_find_record(const struct hg_session *session, const struct hg_once_record *record,
                             struct hg_once_found *found)
{
    if (record->state == HG_ONCE_HELD)
        once_find_held(session, record->handle, found);
    else if (record->dropped)
        once_refuse(found, HG_NOMEM, true);
    else
        once_give(found, record->status, record->answer, record->size, record->eager);
}

/* A new request gets its place; the ring may have to grow for it. A record that is there belongs to a call that its origin has given
 * up, or whose answer it has. */
static void once_add(struct hg_once *once, struct hg_once_origin *origin, const struct hg_header *header,
                     struct hg_handle *handle, struct hg_once_found *found)
{
    uint64_t need = header->sequence - origin->floor + 1;
    struct hg_once_record *record;

    if (need > once_ring_size(origin) && !once_grow(once, origin, need)) {
        once_refuse(found, HG_NOMEM, false);
        return;
    }
    record = hg_once_place_of(origin, header->sequence);
    if (record->state == HG_ONCE_HELD)
        hg_once_displace(origin, record, handle->owner);
    once_free_record(once, origin, record);
    handle->once.origin = origin;
    origin->held++;
    hg_once_occupy(record, header->sequence, header->behind, header->attempt, handle);
    found->verdict = HG_ONCE_NEW;
}

/* Whether the record of a repeated request may have been here, by what the origin was told when it was sent first. A service that
 * keeps records itself is asked, unless the origin was told of others. */
static bool once_has_forgotten(struct hg_once *once, const struct hg_once_origin *origin, uint32_t epoch)
{
    uint32_t durable = atomic_load_explicit(&once->durable, memory_order_relaxed);

    return durable != 0 ? epoch != durable : epoch < origin->epoch;
}

/* The origin at the other end of the session, made if need be; NULL: there is no room for it, or no memory. */
static struct hg_once_origin *once_meet_origin(struct hg_once *once, struct hg_session *session, bool *evicted)
{
    uint64_t incarnation = session->remote.incarnation;
    uint8_t context = session->target_context;
    struct hg_once_origin *origin = util_map_get(&once->origins, once_key(incarnation, context));

    if (origin == NULL)
        origin = once_create_origin(once, session, evicted);
    if (origin == NULL || origin->incarnation != incarnation || origin->context != context)
        return NULL;
    session->once_origin = origin;
    session->once_generation = once->generation;
    return origin;
}

/* The same, as the session knows it; NULL: it has not met it, or one was evicted since, which may be it. */
static struct hg_once_origin *once_known_origin(const struct hg_once *once, const struct hg_session *session)
{
    return session->once_generation == once->generation ? session->once_origin : NULL;
}

/* It has been heard of just now. */
static void once_touch(struct hg_once *once, struct hg_once_origin *origin)
{
    if (once->last == origin)
        return;
    once->last = origin;
    util_list_remove(&origin->use_link);
    util_list_push(&once->by_use, &origin->use_link);
    if (origin->bytes == 0)
        return;
    util_list_remove(&origin->hold_link);
    util_list_push(&once->holding, &origin->hold_link);
}

static void once_look_up_at(struct hg_once *once, struct hg_once_origin *origin, const struct hg_session *session,
                            const struct hg_header *header, struct hg_handle *handle, struct hg_once_found *found)
{
    struct hg_once_record *record;

    once_touch(once, origin);
    if (header->sequence - header->behind > origin->floor)
        once_raise_floor(once, origin, header->sequence - header->behind);
    record = hg_once_place_of(origin, header->sequence);
    if (header->sequence < origin->floor)
        once_refuse(found, HG_CANCELED, false); /* its origin has said that it is over */
    else if (once_is_of(record, header->sequence))
        once_find_record(session, record, found);
    else if (header->attempt > 1 && once_has_forgotten(once, origin, header->epoch))
        once_refuse(found, HG_NODEV, false); /* it may have run, and have been forgotten */
    else
        once_add(once, origin, header, handle, found);
}

/* The answer that the handle has had since its last request goes into its record. False as of once_keep(). */
static bool once_settle(struct hg_once *once, struct hg_once_origin *origin, const struct hg_header *header,
                        struct hg_handle *handle)
{
    uint64_t first = header->sequence - header->behind;
    struct hg_outbox_payload payload;

    if (handle->once.origin == NULL)
        return true;
    if (handle->once.origin == origin && first > origin->floor)
        once_raise_floor(once, origin, first); /* it need not, if this request says so */
    if (UTIL_MUTANT(ANSWER_NOT_SAVED) && handle->once.record != NULL) {
        once_free_record(once, handle->once.origin, handle->once.record);
        handle->once.record = NULL;
    }
    hg_payload_view(handle, &payload);
    return once_answer(once, handle, HG_SUCCESS, &payload);
}

static void once_tell_dropped(struct hg_class *hg_class)
{
    hg_event(hg_class, NULL, HG_EVENT_ANSWERS_DROPPED,
             "answers to requests that run at most once are not kept: they are too large, or too many");
}

static void once_tell_evicted(struct hg_class *hg_class)
{
    hg_event(hg_class, NULL, HG_EVENT_RECORDS_EVICTED,
             "what was executed for an origin is forgotten, to keep records of another: there are more than %u",
             hg_class->once.origins_max);
}

bool hg_once_look_up_any(struct hg_session *session, const struct hg_header *header, struct hg_handle *handle,
                         struct hg_once_found *found)
{
    struct hg_once *once = &session->context->hg_class->once;
    struct hg_once_origin *origin;
    bool evicted = false;
    bool kept;

    util_lock_take(&once->lock);
    origin = once_known_origin(once, session);
    kept = once_settle(once, origin, header, handle);
    if (origin == NULL)
        origin = once_meet_origin(once, session, &evicted);
    if (origin != NULL)
        once_look_up_at(once, origin, session, header, handle, found);
    else
        once_refuse(found, HG_NOMEM, false);
    util_lock_drop(&once->lock);
    if (!kept)
        once_tell_dropped(session->context->hg_class);
    if (evicted)
        once_tell_evicted(session->context->hg_class);
    return found->verdict == HG_ONCE_NEW;
}

void hg_once_answered(struct hg_handle *handle, uint32_t status, const struct hg_outbox_payload *payload)
{
    struct hg_once *once = &handle->info.hg_class->once;
    bool kept;

    util_lock_take(&once->lock);
    kept = once_answer(once, handle, status, payload);
    util_lock_drop(&once->lock);
    if (!kept)
        once_tell_dropped(handle->info.hg_class);
}

void hg_once_settle(struct hg_handle *handle)
{
    struct hg_outbox_payload payload;

    hg_payload_view(handle, &payload);
    hg_once_answered(handle, HG_SUCCESS, &payload);
}

void hg_once_forget(struct hg_handle *handle)
{
    struct hg_once *once = &handle->info.hg_class->once;
    struct hg_once_origin *origin = handle->once.origin;
    struct hg_once_record *record;

    util_lock_take(&once->lock);
    record = once_leave(handle);
    if (record != NULL)
        once_free_record(once, origin, record);
    util_lock_drop(&once->lock);
}

/* --- records that outlive the service -------------------------------------------------------------------------- */

/* Peers may have been told of records that do not last. */
static bool once_class_has_contexts(const struct hg_class *hg_class)
{
    for (unsigned int i = 0; i < NA_CONTEXTS_MAX; i++)
        if (atomic_load_explicit(&hg_class->contexts[i], memory_order_relaxed) != NULL)
            return true;
    return false;
}

hg_return_t qs_class_set_durable_records(hg_class_t *hg_class, uint64_t identity)
{
    if (hg_fork_stops(hg_class, "qs_class_set_durable_records"))
        return HG_FAULT;
    if (hg_class == NULL || identity == 0)
        return hg_error_set(HG_INVALID_ARG, "qs_class_set_durable_records: the %s",
                            hg_class == NULL ? "class is NULL" : "identity is 0");
    if (once_class_has_contexts(hg_class))
        return hg_error_set(HG_INVALID_ARG, "qs_class_set_durable_records: the class has a context already");
    atomic_store_explicit(&hg_class->once.durable, (uint32_t)(util_hash_u64(identity) >> 32) | 1U,
                          memory_order_relaxed);
    return HG_SUCCESS;
}

hg_return_t qs_handle_get_record(hg_handle_t handle, struct qs_record *record, size_t record_size)
{
    struct qs_record known = {0};
    const struct hg_once_place *place;

    if (hg_fork_stops_handle(handle, "qs_handle_get_record"))
        return HG_FAULT;
    if (handle == NULL || !handle->target || record == NULL)
        return hg_error_set(HG_INVALID_ARG, "qs_handle_get_record: %s",
                            handle == NULL || record == NULL ? "a NULL argument" : "the handle was not received");
    util_lock_take(&handle->owner->lock);
    place = &handle->once;
    if (place->origin != NULL && !place->answered)
        known = (struct qs_record){
            .origin = place->origin->incarnation,
            .origin_context = place->origin->context,
            .sequence = place->sequence,
            .first_needed = place->sequence - place->behind,
            .may_have_run = place->may_have_run,
        };
    util_lock_drop(&handle->owner->lock);
    if (known.sequence == 0)
        return hg_error_set(HG_NOENTRY,
                            "qs_handle_get_record: the request is answered, or is not one that runs at most once");
    memset(record, 0, record_size);
    memcpy(record, &known, record_size < sizeof(known) ? record_size : sizeof(known));
    return HG_SUCCESS;
}
