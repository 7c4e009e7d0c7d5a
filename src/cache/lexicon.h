/* What is known about English words ahead of any data: kinds, numbers, units, opposites. A language that is
 * not in here is served by the learned part alone, and by numbers in digits. Pure; any thread. */
#pragma once

#include "base/str.h"

#include <stdint.h>

/* Flags of enum word_flag, by the lower-case word. */
unsigned lexicon_flags(struct str word);

/* The value of a spelled number, or -1. `*scale`: hundred, thousand and the like multiply what came before.
 */
int64_t lexicon_number(struct str word, bool *scale);

/* What a number counts: the same number for dollar, dollars, usd and $; 0 where the word is no unit. */
uint32_t lexicon_unit(struct str word);

/* The word without the usual endings: 1 to n bytes of it. */
size_t lexicon_stem_length(struct str word);

/* Are these two words, or their stems, opposites: buy and sell, lock and unlock? */
bool lexicon_opposites(struct str a, struct str b);
