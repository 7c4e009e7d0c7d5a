#include "watch/pace.h"

#include "base/clock.h"

#include <time.h>

enum { LOOK_EVERY = 16 /* items */, PIECE_US = 100, REST_US = 100 };

bool pace_tired(const struct pace *p, size_t item) {
    return !p->hurried && item % LOOK_EVERY == LOOK_EVERY - 1 &&
           clock_monotonic() - p->rested >= PIECE_US * 1000;
}

void pace_rest(struct pace *p) {
    const struct timespec rest = {.tv_nsec = REST_US * 1000};
    nanosleep(&rest, NULL);
    p->rested = clock_monotonic();
}
