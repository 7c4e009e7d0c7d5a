/* Chance that repeats: a small generator (splitmix64, Steele, Lea and Flood 2014) whose sequence depends on
 * the seed alone, so that the demo's documents are the same on every machine. Not for secrets. One thread. */
#pragma once

#include "base/str.h"

struct dice {
    uint64_t state;
};

uint64_t dice_roll(struct dice *d);
unsigned dice_below(struct dice *d, unsigned n);     /* 0 to n - 1; n at least 1 */
int dice_between(struct dice *d, int low, int high); /* both included */
bool dice_chance(struct dice *d, unsigned percent);
double dice_unit(struct dice *d); /* 0 to below 1 */
double dice_real(struct dice *d, double low, double high);
double dice_bell(struct dice *d); /* about normal: mean 0, deviation 1, never beyond 6 */
const char *dice_pick(struct dice *d, const char *const *list, size_t count);
#define DICE_PICK(d, list) dice_pick(d, list, ARRAY_COUNT(list))
