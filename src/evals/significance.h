/* Is one version worse than another on the same cases? Exact where answers are right or wrong (McNemar, 1947,
 * in its exact form), by resampling where they have scores (paired bootstrap: Efron and Tibshirani,
 * 1993, 16.4, with a fixed seed, so that the same answers always give the same verdict). Pure; any thread. */
#pragma once

#include "base/error.h"

enum significance_test { SIGNIFICANCE_MCNEMAR, SIGNIFICANCE_BOOTSTRAP };

struct comparison {
    enum significance_test test;
    size_t pairs, better, worse; /* pairs in which the candidate's score is higher, lower */
    double difference;           /* candidate's mean less baseline's */
    double low, high;            /* its 95 % interval */
    double p;                    /* two-sided */
};
const char *significance_test_name(enum significance_test test); /* "McNemar" */

/* Two-sided: how likely so uneven a split of the pairs that differ is by chance; 1 where none differ. */
double mcnemar_exact(size_t better, size_t worse);

/* Scores from 0 to 1, of the same cases in the same order. McNemar where all are 0 or 1; its interval is
 * Bonett and Price's (2012, adjusted Wald). False: out of memory. */
bool compare_paired(struct comparison *out, const float *candidate, const float *baseline, size_t count,
                    struct error *err) MUST_USE;

/* Holm's correction (1979) in place: p-values of `count` questions asked at once. False: out of memory. */
bool holm_adjust(double *p, size_t count, struct error *err) MUST_USE;
