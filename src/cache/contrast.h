/* What two questions must not differ in, however alike they are: numbers, dates, names, negation, opposites,
 * direction and order. These rules stand above what was learned: no score overrules them. Pure; any thread.
 */
#pragma once

#include "cache/wording.h"

/* Words that were seen in lower case when the tuning was made, as bits by hash. So that a capital at the
 * start of a sentence can be told from a name. */
enum { KNOWN_BITS = 16, KNOWN_BYTES = 1 << (KNOWN_BITS - 3) };
static inline bool word_is_known(const uint8_t known[KNOWN_BYTES], uint64_t hash) {
    uint64_t bit = hash >> (64 - KNOWN_BITS);
    return known[bit >> 3] >> (bit & 7) & 1;
}
static inline void word_make_known(uint8_t known[KNOWN_BYTES], uint64_t hash) {
    uint64_t bit = hash >> (64 - KNOWN_BITS);
    known[bit >> 3] = (uint8_t)(known[bit >> 3] | 1U << (bit & 7));
}

/* The first rule that keeps the two apart, in words that a trace can show; NULL: none does. */
const char *contrast_between(const struct wording *a, const struct wording *b,
                             const uint8_t known[KNOWN_BYTES]);
