/* Is the candidate of a rollout as good as what served before it? Compares two arms (traffic/arm.h) by all
 * that is known of them and says: go on, roll back, or wait for more, with the number that decided.
 *
 * A sequential test: evidence is looked at when the candidate's requests have reached options.least, twice
 * that, four times …, and the k-th look spends alpha / (k (k + 1)) of the error that is allowed in all, so
 * that looking often does not find what is not there (alpha spending by the union bound; Lan and DeMets,
 * Biometrika 1983, for the idea). Every criterion has its part of alpha. A difference rolls back when it is
 * significant and at least half of what the criterion allows: what is certain and does not matter is no
 * reason. The last step is left for good only when every criterion that has data is certain to be within what
 * it allows.
 *
 * Shares: the difference of two binomial shares with Agresti and Caffo's interval (The American Statistician
 * 2000); means: Welch's. Pure functions; any thread. */
#pragma once

#include "traffic/arm.h"

enum criterion {
    CRITERION_ERRORS,
    CRITERION_FALLBACKS,
    CRITERION_REVIEWS,
    CRITERION_LATENCY,      /* ratio of geometric means */
    CRITERION_COST,         /* ratio of means */
    CRITERION_CONFIDENCE,   /* how much lower the mean is */
    CRITERION_SCORE,        /* the same of the scores that feedback gave */
    CRITERION_ACCURACY,     /* how many of the labelled are wrong */
    CRITERION_CATEGORY,     /* the same for the worst label */
    CRITERION_SCHEMA,       /* answers that are not as their schema says */
    CRITERION_DISAGREEMENT, /* of mirrored inputs: another answer than what serves gave */
    CRITERION_COUNT
};
const char *criterion_name(enum criterion c); /* "errors" */

struct analysis_options {
    uint64_t least; /* requests of the candidate before anything is said */
    double alpha;   /* of a good candidate rolled back, or a bad one promoted, over the whole rollout */
    /* What is allowed: shares and confidence as a difference (0.01: one point), latency and cost as a ratio
     * above 1 (0.15: 15 %); of latency a millisecond is allowed in any case. 0: it is not looked at. */
    double allowed[CRITERION_COUNT];
};
struct analysis_options analysis_defaults(void);
/* Of inputs that were mirrored. A disagreement counts as worse when it is certain to be there and more than
 * is allowed. */
struct analysis_options analysis_mirrored(void);

enum analysis_verdict {
    ANALYSIS_WAIT,     /* nothing can be said yet */
    ANALYSIS_HARMLESS, /* enough was seen for the next step, and nothing bad */
    ANALYSIS_GOOD,     /* and all that is known is certain to be within what is allowed */
    ANALYSIS_BETTER,   /* and of one criterion the candidate is certain to be better by half of that */
    ANALYSIS_WORSE
};

struct analysis {
    enum analysis_verdict verdict;
    enum criterion criterion; /* of WORSE and BETTER: which; otherwise the one that is least certain */
    double candidate, stable; /* its value on both sides: shares, µs, nano-dollars */
    double low, high;         /* interval of the difference, or of the ratio less 1 */
    double allowed;           /* of it */
    char category[ARM_LABEL_SIZE];
    unsigned look;    /* from 1; 0: none was due yet */
    uint64_t missing; /* requests of the candidate until the next look */
};

/* Looks at `candidate` beside `stable`. `looked`: how many looks were taken before; where none is due, the
 * verdict is WAIT and a->look stays `looked`. */
void analyse(const struct analysis_options *o, const struct arm *stable, const struct arm *candidate,
             unsigned looked, struct analysis *out);

/* One sentence: "latency: 1,310 µs against 1,000 µs, 25 % to 37 % more; 15 % is allowed". */
void analysis_say(const struct analysis *a, char *text, size_t size);
