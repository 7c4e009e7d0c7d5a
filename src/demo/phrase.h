/* Sentences from patterns, so that a few lines of source give many texts. In a pattern
 *   [a|b|c]   is one of its alternatives, which may hold others; [a|] may be nothing;
 *   {name}    is the slot of that name, or else a word of that kind from the vocabulary: person, first,
 *             surname, company, street, city, date, amount, product, number, email, phone, month.
 * Patterns are the program's own; a broken one aborts. One thread. */
#pragma once

#include "base/buf.h"
#include "demo/dice.h"

struct phrase_slot {
    const char *name, *value;
};

/* `slots` ends with a NULL name; NULL: none. */
void phrase_write(struct buf *out, struct dice *d, const struct phrase_slot *slots, const char *pattern);
