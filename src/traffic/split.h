/* Which version answers: a weighted choice that is the same for the same caller as long as the weights
 * allow it. Each caller has a fixed point in [0, 1) of an endpoint; versions own ranges in their listed
 * order, so a version whose share grows at its neighbour's cost moves only the callers at the edge.
 * Pure functions; any thread. */
#pragma once

#include "base/str.h"

/* The caller's point on `endpoint`. */
double split_point(struct str endpoint, struct str caller);
/* A point for a caller that has no identity: random. */
double split_random_point(void);
/* Index of the version that owns `point`; weights sum to about 1, count >= 1. */
unsigned split_choose(const double *weights, unsigned count, double point);
