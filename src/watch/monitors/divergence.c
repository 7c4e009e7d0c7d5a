#include "watch/monitors/divergence.h"

#include <math.h>

double normal_tail(double z) {
    return 0.5 * erfc(z / sqrt(2));
}

double chi_squared_tail(double x, double freedom) {
    if (!(x > 0) || !(freedom > 0))
        return 1;
    double spread = 2 / (9 * freedom);
    return normal_tail((cbrt(x / freedom) - (1 - spread)) / sqrt(spread));
}

/* Two samples: n that are seen, m that were before. */
struct samples {
    const uint32_t *counts;
    const double *shares;
    size_t bins;
    double n, m;
};

static double seen(const struct samples *s, size_t i) {
    return s->counts[i] / s->n;
}

/* Pearson's statistic for two samples; rare bins together. */
static double test(const struct samples *s) {
    double statistic = 0, freedom = -1, rare_seen = 0, rare_before = 0;
    double least = s->n < s->m ? s->n : s->m;
    for (size_t i = 0; i <= s->bins; i++) {
        double a = i < s->bins ? s->counts[i] : rare_seen;
        double b = i < s->bins ? s->shares[i] * s->m : rare_before;
        double pooled = (a + b) / (s->n + s->m);
        if (i < s->bins && pooled * least < 5) {
            rare_seen += a;
            rare_before += b;
            continue;
        }
        if (pooled <= 0)
            continue;
        double difference = a / s->n - b / s->m;
        statistic += difference * difference / pooled;
        freedom++;
    }
    return chi_squared_tail(statistic / (1 / s->n + 1 / s->m), freedom);
}

static double entropy_part(double p, double middle) {
    return p > 0 ? p * log2(p / middle) : 0;
}

struct divergence divergence_of(const uint32_t *counts, const double *shares, size_t bins, uint64_t reference,
                                bool ordered) {
    struct divergence d = {.js = NAN, .psi = NAN, .kl = NAN, .ks = NAN, .p = NAN};
    struct samples s = {counts, shares, bins, 0, (double)reference};
    double used = 0, js = 0, psi = 0, kl = 0, ks = 0, ahead = 0;
    for (size_t i = 0; i < bins; i++)
        d.samples += counts[i];
    s.n = (double)d.samples;
    if (d.samples == 0 || reference == 0)
        return d;
    for (size_t i = 0; i < bins; i++) {
        double p = seen(&s, i), q = shares[i], both = (p * s.n + q * s.m) / (s.n + s.m);
        ahead += p - q;
        ks = fmax(ks, fabs(ahead));
        if (both <= 0)
            continue;
        used++;
        js += (entropy_part(p, (p + q) / 2) + entropy_part(q, (p + q) / 2)) / 2;
        double sp = (p * s.n + both) / (s.n + 1), sq = (q * s.m + both) / (s.m + 1);
        psi += (sp - sq) * log(sp / sq);
        kl += sp * log(sp / sq);
    }
    double chance = (used - 1) * (1 / s.n + 1 / s.m);
    d.js = sqrt(fmax(0, js - chance / (8 * log(2))));
    d.psi = fmax(0, psi - chance);
    d.kl = fmax(0, kl);
    d.ks = ordered ? ks : NAN;
    d.p = test(&s);
    return d;
}
