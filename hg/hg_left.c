/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */

/*
 * Attempts left behind: see hg_left.h. Which of them the target knows the request by is not known here, as messages of either side may be
 * under way, so all are kept whose session is open. What is needed to end them is made when they are left, so that the end needs
 * no memory.
 */

#include "hg/hg_left.h"

#include "hg/hg_fence.h"
#include "hg/hg_handle.h"
#include "util/util_alloc.h"

struct hg_left {
    struct util_list link;      /* handle->retry.left */
    struct hg_session *session; /* a reference */
    uint64_t tag;
    struct hg_fence *fence; /* owned until it is raised; NULL: there is none */
};

static void left_free(struct hg_left *left)
{
    util_list_remove(&left->link);
    hg_fence_drop(left->fence);
    hg_session_unref(left->session);
    util_free(left);
}

/* Where the session has ended, nobody is left to be told. */
static void left_drop_ended(struct util_list *all)
{
    util_list_each_safe (node, next, all) {
        struct hg_left *left = util_container_of(node, struct hg_left, link);

        if (left->session->state != HG_SESSION_OPEN)
            left_free(left);
    }
}

bool hg_left_note_locked(struct hg_handle *handle)
{
    struct hg_left *left = util_calloc(1, sizeof(*left));

    if (left == NULL)
        return false;
    if (hg_fence_is_due(handle)) {
        left->fence = hg_fence_copy(handle);
        if (left->fence == NULL) {
            util_free(left);
            return false;
        }
    }
    left_drop_ended(&handle->retry.left);
    hg_session_ref(handle->session);
    left->session = handle->session;
    left->tag = handle->tag;
    util_list_push(&handle->retry.left, &left->link);
    return true;
}

struct hg_session *hg_left_session_locked(const struct hg_handle *handle)
{
    struct hg_session *last = NULL;

    util_list_each (node, &handle->retry.left) {
        struct hg_session *session = util_container_of(node, struct hg_left, link)->session;

        /* One that is not found any more is about to end, unless its peer has but said that it leaves. */
        if (session->state == HG_SESSION_OPEN && (session->mapped || session->goaway))
            last = session;
    }
    return last;
}

void hg_left_take_locked(struct hg_handle *handle, struct util_list *left)
{
    left_drop_ended(&handle->retry.left);
    util_list_splice(left, &handle->retry.left);
    util_list_each (node, left) {
        struct hg_left *one = util_container_of(node, struct hg_left, link);

        if (one->fence != NULL)
            hg_fence_raise_copy_locked(one->fence, handle, one->session, one->tag);
        one->fence = NULL;
    }
}

void hg_left_cancel_locked(struct util_list *left)
{
    struct util_list *node;

    while ((node = util_list_first(left)) != NULL) {
        struct hg_left *one = util_container_of(node, struct hg_left, link);

        hg_session_control(one->session, HG_MESSAGE_CANCEL, one->tag);
        left_free(one);
    }
}

void hg_left_forget_locked(struct hg_handle *handle)
{
    struct util_list *node;

    while ((node = util_list_first(&handle->retry.left)) != NULL)
        left_free(util_container_of(node, struct hg_left, link));
}
