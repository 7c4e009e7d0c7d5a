/* How many answers of an endpoint are drawn for an audit: the configured share, less where that would be more
 * than people are to get in an hour. What is drawn never hangs on the answer, only on chance and on how many
 * came before, so that with its probability noted each sample is unbiased. A pure state machine: no clock, no
 * chance of its own. One thread (a loop's). */
#pragma once

#include <stdint.h>

struct audit_pace {
    int64_t hour; /* when this one began; 0: none yet */
    unsigned drawn, taken;
    double thin; /* of what is drawn this part is taken; 0 counts as 1 */
};

/* `chance`: evenly from 0 to below 1. The probability with which this answer was drawn, or 0: it was not.
 * `most`: in an hour. */
double audit_pace_draw(struct audit_pace *p, double share, unsigned most, double chance, int64_t now_ns);
