/* The short texts of the demo: what customers write to a shop's support, by intent. Made from patterns, with
 * greetings around them, a second wish now and then that belongs to another intent, and the slips of people
 * who type on a telephone, so that telling them apart takes more than a keyword. One thread per dice. */
#pragma once

#include "base/buf.h"
#include "demo/dice.h"

enum { TEXT_INTENTS = 7 };
extern const char *const text_intents[TEXT_INTENTS];

/* One line of UTF-8 without quotes or commas at its ends. */
void text_write(struct dice *d, unsigned intent, struct buf *out);
