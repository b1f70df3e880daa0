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
#define UTIL_MUTANT_LIST(entry)

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
