/* In which order targets are asked: the first is the choice, the others are the fallbacks. Pure: what is
 * known about each target is passed in, and so is the dice. Any thread. */
#pragma once

#include "base/str.h"
#include "traffic/latency.h"

enum { ROUTE_MAX = 32 };

enum route_by {
    ROUTE_BY_WEIGHT, /* as often as its weight says */
    ROUTE_BY_COST, /* the cheapest for this request first; unknown costs last, weights decide among equals */
    ROUTE_BY_LATENCY /* of two drawn by weight the one that is quicker now (power of two choices) */
};

struct route_target {
    uint64_t id;                   /* stable over reloads: hash64 of its name */
    double weight;                 /* >= 0; one of 0 is asked only when the others cannot be */
    int64_t cost;                  /* of this request, nano-dollars, estimated; < 0: unknown */
    const struct latency *latency; /* NULL: nothing known */
    bool available;                /* false: its breaker is open; left out */
};

/* `seed`: hash of the caller where choices are sticky (the same seed orders the same targets alike, and a
 * target that comes or goes moves only its own share: weighted rendezvous hashing, Efraimidis & Spirakis
 * 2006), otherwise random bits. Writes the indices of the available targets and returns how many: 0 when all
 * are to be left alone. count <= ROUTE_MAX. */
unsigned route_order(enum route_by by, const struct route_target *targets, unsigned count, uint64_t seed,
                     int64_t now, unsigned order[ROUTE_MAX]);

/* A rule chose `target`: it is moved to the front. False when it is not in the list (its breaker is open). */
bool route_prefer(unsigned *order, unsigned count, unsigned target);
