/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The Quicksilver authors */

/**
 * \file mercury_hash_string.h
 * A 32-bit hash of a string.
 */

#ifndef MERCURY_HASH_STRING_H
#define MERCURY_HASH_STRING_H

#include "mercury_util_config.h"

#ifdef __cplusplus
extern "C" {
#endif

/**
 * Hash a string: from 5381, times 33 plus the byte, for each byte (djb2). The value is the same on every machine and in
 * every release, and the same as Mercury's. It is not the id that HG_Register_name() gives to an RPC of that name.
 *
 * \param string [IN] the string
 *
 * \return the hash
 */
static HG_UTIL_INLINE unsigned int hg_hash_string(const char *string)
{
    unsigned int hash = 5381;

    for (; *string != '\0'; string++)
        hash = hash * 33U + (unsigned char)*string;
    return hash;
}

#ifdef __cplusplus
}
#endif

#endif /* MERCURY_HASH_STRING_H */
