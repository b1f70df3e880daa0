/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */
/*
 * Planted defects. A mutant is a defect that a test can switch on, to show that the tests see it: the simulation
 * (docs/simulation.md) is run against each, and must fail. Ordinary builds have none: UTIL_MUTANT() is 0 there, and the
 * compiler removes what hangs on it. In the build of the simulation it asks which one is on.
 */
#ifndef UTIL_MUTANT_H
#define UTIL_MUTANT_H

#ifndef UTIL_MUTANTS
#define UTIL_MUTANTS 0
#endif

/* Each with what it breaks. */
/* clang-format off */
#define UTIL_MUTANT_LIST(entry) \
    entry(INCARNATION_UNCHECKED, "a hello for an earlier incarnation is taken") \
    entry(STALE_FRAME_TAKEN, "neither the key nor the incarnation of a frame is checked") \
    entry(STALE_TAG_TAKEN, "a late reply finds the next call in its place") \
    entry(TAG_KEPT, "a call that timed out keeps its place in the table") \
    entry(CALLBACK_TWICE, "a cancelled call calls back twice") \
    entry(TIMER_BEFORE_DRAIN, "timers fire before what has arrived is read") \
    entry(LIMIT_LATE, "time limits are half as long again") \
    entry(CREDIT_LEAKED, "the target never says that requests were taken up") \
    entry(WINDOW_IGNORED, "requests leave though the window is closed") \
    entry(HELLO_REPEATED_WRONGLY, "the answer to a hello names another session") \
    entry(CALLS_FORGOTTEN, "calls do not end with their session") \
    entry(RESPONSES_FORGOTTEN, "waiting responses do not end with their session") \
    entry(PIECE_MISPLACED, "each piece of a payload goes to its beginning") \
    entry(EXPOSURE_FREED_EARLY, "a large payload is withdrawn before it was pulled") \
    entry(REGISTRATION_KEPT, "memory stays registered when its handle is freed") \
    entry(ENDPOINT_KEPT, "the endpoint of a connection that ended stays open") \
    entry(ADDRESS_REMOVED_EARLY, "an address goes while routes use it") \
    entry(TRANSFER_FORGOTTEN, "transfers do not end with their connection") \
    entry(PIECE_ERROR_IGNORED, "a piece of a transfer that failed counts as moved") \
    entry(BUFFER_NOT_REPOSTED, "receive buffers are used once") \
    entry(RECORD_DROPPED_EARLY, "the target forgets a request when it has answered it") \
    entry(ANSWER_NOT_SAVED, "the target forgets a request when the handle with its answer is needed for another") \
    entry(REPEATED_TO_SUCCESSOR, "a repetition goes to the target's next incarnation") \
    entry(ATTEMPTS_FORGOTTEN, "what earlier attempts may have done is not counted") \
    entry(REFUSED_RUNS, "a request that is refused for lack of room runs all the same") \
    entry(FAILED_REUSED, "an operation that failed with its connection is used again at once") \
    entry(LOST_WAITED_FOR, "a call that its target knows nothing of is waited for") \
    entry(ADMISSION_LEAKED, "a cancelled request counts for ever as one that is here")
/* clang-format on */

enum util_mutant {
    UTIL_MUTANT_NONE,
#define UTIL_MUTANT_ENTRY(name, what) UTIL_MUTANT_##name,
    UTIL_MUTANT_LIST(UTIL_MUTANT_ENTRY)
#undef UTIL_MUTANT_ENTRY
        UTIL_MUTANT_COUNT,
};

#if UTIL_MUTANTS
extern enum util_mutant util_mutant_on; /* defined by the test */
#define UTIL_MUTANT(name) (util_mutant_on == UTIL_MUTANT_##name)
#else
#define UTIL_MUTANT(name) 0
#endif

#endif /* UTIL_MUTANT_H */
