#include "learn/binomial.h"

#include <math.h>
#include <stdbool.h>

/* P(X <= k) for X of n with share p. */
static double at_most(size_t k, size_t n, double p) {
    if (p <= 0)
        return 1;
    if (p >= 1)
        return k >= n;
    double sum = 0;
    for (size_t i = 0; i <= k; i++)
        sum += exp(lgamma((double)n + 1) - lgamma((double)i + 1) - lgamma((double)(n - i) + 1) +
                   (double)i * log(p) + (double)(n - i) * log1p(-p));
    return sum < 1 ? sum : 1;
}

double binomial_upper(size_t hits, size_t n, double confidence) {
    double low = 0, high = 1;
    if (hits >= n)
        return 1;
    for (int i = 0; i < 60; i++) {
        double middle = (low + high) / 2;
        if (at_most(hits, n, middle) > 1 - confidence)
            low = middle;
        else
            high = middle;
    }
    return high;
}

double binomial_lower(size_t hits, size_t n, double confidence) {
    return hits == 0 ? 0 : 1 - binomial_upper(n - hits, n, confidence);
}

_Bool binomial_allowed(size_t n, double wanted, double confidence, size_t *out) {
    if (n < binomial_needed(wanted, confidence))
        return false;
    size_t low = 0, high = n - 1;
    while (low < high) {
        size_t middle = low + (high - low + 1) / 2;
        if (at_most(middle, n, wanted) <= 1 - confidence)
            low = middle;
        else
            high = middle - 1;
    }
    *out = low;
    return true;
}

size_t binomial_needed(double wanted, double confidence) {
    return (size_t)ceil(log(1 - confidence) / log1p(-wanted));
}
