/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Places at which a test may step in: to kill the process, or to note that now is the time for something. Ordinary
 * builds have none. The hook runs wherever the library is at that moment, with the locks held that it holds there, so it
 * must not call back into the library.
 */
#ifndef UTIL_HOOK_H
#define UTIL_HOOK_H

#ifndef UTIL_HOOKS
#define UTIL_HOOKS 0
#endif

enum util_hook_place {
    UTIL_HOOK_HANDLE_MOVED, /* object: the struct hg_handle, in its new state */
};

#if UTIL_HOOKS
extern void (*util_hook)(enum util_hook_place place, const void *object); /* defined by the test; NULL: none */
static inline void util_hook_call(enum util_hook_place place, const void *object)
{
    if (util_hook != NULL)
        util_hook(place, object);
}
#else
static inline void util_hook_call(enum util_hook_place place, const void *object)
{
    (void)place;
    (void)object;
}
#endif

#endif /* UTIL_HOOK_H */
