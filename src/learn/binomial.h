/* Exact intervals for a share that was counted (Clopper and Pearson, Biometrika 1934), and which threshold a
 * count of strangers can vouch for. Pure; any thread. */
#pragma once

#include <stddef.h>

/* The share that `hits` of `n` may stand for, at `confidence` on each side: 0.95 gives a 90 % interval, or a
 * 95 % bound of one side. */
double binomial_upper(size_t hits, size_t n, double confidence);
double binomial_lower(size_t hits, size_t n, double confidence);

/* The most of n that may be wrong so that the share is at most `wanted` at this confidence: with the
 * threshold above all but so many of the highest scores, the claim holds whatever their distribution (Tong,
 * Feng and Li, Science Advances 2018). False: n is too small for any. */
_Bool binomial_allowed(size_t n, double wanted, double confidence, size_t *out);
/* How many it takes for a claim with none wrong. */
size_t binomial_needed(double wanted, double confidence);
