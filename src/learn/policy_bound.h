/* Chooses the two thresholds of a policy on one half of the rows and certifies on the other what they
 * promise.
 *
 * Between the thresholds an answer goes out only where the endpoint's rules pass; without rules the two are
 * one. Certificates are exact binomial bounds (Clopper and Pearson, 1934). Where several pairs of thresholds
 * are held against the certifying rows, each is held to its share of the risk (Bonferroni), so that the best
 * of them still keeps the whole promise. What the rows cannot carry is refused, saying what is missing. Pure;
 * any thread. */
#pragma once

#include "base/error.h"

#include <stddef.h>

struct policy_case {
    float score;
    float own; /* the version's confidence before there was a score */
    bool wrong, certify;
    bool passed; /* the rules */
};

struct policy_wanted {
    bool by_error; /* `share` bounds the errors among what goes out unseen; else the reviews among all rows */
    double share;
    double confidence; /* of each promise: 0.95 */
    bool has_rules;
};

/* What a pair of thresholds does to some rows. */
struct policy_measure {
    size_t rows, errors;     /* all */
    size_t reviewed, caught; /* to a person, and how many of these are wrong */
};
static inline size_t policy_out(const struct policy_measure *m) {
    return m->rows - m->reviewed;
}

enum { POLICY_PAIRS = 9 };

/* A pair of thresholds that was chosen for a share of reviews. */
struct policy_pair {
    double accept, review;
    struct policy_measure measured; /* on the certifying rows */
    double error_most;
};

struct policy_certificate {
    double accept, review;
    size_t choosing;                /* rows used for choosing */
    size_t searched;                /* pairs of thresholds that were held against the certifying rows */
    double confidence;              /* of each promise */
    struct policy_measure measured; /* on the certifying rows, as are: */
    double error_most;              /* errors among what goes out unseen are at most this share */
    double caught_least;            /* of all errors at least this share goes to a person */
    double reviewed_least, reviewed_most;
    /* Thresholds that keep to what was wanted on the choosing rows and promise nothing; also on the
     * certifying rows: the difference is what the promise costs. */
    struct policy_measure unproven;
    /* More pairs, from none to 30 % of reviews, for when there are too few people. Their bounds hold together
     * at `confidence`, so that whichever is taken later keeps its own. */
    struct policy_pair table[POLICY_PAIRS];
    size_t table_count;
};

/* ERR_DATA: refused. */
bool policy_choose(struct policy_certificate *out, const struct policy_case *cases, size_t count,
                   const struct policy_wanted *wanted, struct error *err) MUST_USE;

/* Risk against coverage on the certifying rows: the `share` least sure reviewed, whatever the thresholds.
 * `own`: by the version's own confidence. False: out of memory. */
bool policy_risk(struct policy_measure *out, float *threshold, const struct policy_case *cases, size_t count,
                 double share, bool own) MUST_USE;
