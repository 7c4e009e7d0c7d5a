/* Work that nobody waits for, in small pieces with rests between them: the thread that does it may share its
 * processor with a loop, whose requests would wait as long as it works in one go. One thread's. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pace {
    bool hurried;   /* somebody waits after all: no rests */
    int64_t rested; /* monotonic ns of the last rest's end */
};

/* Is it time to rest, after item number `item` of the present work? Looks at the clock once in sixteen. */
bool pace_tired(const struct pace *p, size_t item);
void pace_rest(struct pace *p);
