/* How far what is seen lies from what was expected, over the same bins, and whether so few samples can show
 * it. Pure functions; any thread.
 *
 *   js   Jensen-Shannon distance: the root of the divergence with logarithms of base 2, so 0 to 1, less what
 *        chance alone brings at these sample sizes: with B bins that are used, the divergence of two samples
 *        of one distribution is (B - 1) (1/n + 1/m) / (8 ln 2) on average (its second-order expansion is
 *        chi-squared / (8 ln 2)), which is subtracted before the root.
 *   psi  population stability index, sum (p - q) ln (p / q), less its own (B - 1) (1/n + 1/m).
 *   kl   Kullback-Leibler divergence of what is seen from what was expected, in nats.
 *   ks   Kolmogorov-Smirnov: the largest difference of the cumulated shares, at the bins' edges: what lies
 *        between them is not seen, so never more than the real one. Of categories it means nothing: NAN.
 *   p    of the chi-squared test that both samples have one distribution; bins where less than 5 would be
 *        expected are taken together. The tail by Wilson and Hilferty's cube root (1931).
 *
 * So that empty bins make nothing infinite, psi and kl take both sides with one further observation spread as
 * both together are. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct divergence {
    double js, psi, kl, ks, p;
    uint64_t samples;
};

/* `counts` and `shares` have `bins` members; `reference` is how many rows the shares were measured over. */
struct divergence divergence_of(const uint32_t *counts, const double *shares, size_t bins, uint64_t reference,
                                bool ordered);

/* The chance that chi-squared with `freedom` degrees is at least x. */
double chi_squared_tail(double x, double freedom);
/* The standard normal's upper tail. */
double normal_tail(double z);
