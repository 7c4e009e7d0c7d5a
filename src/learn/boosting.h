/* Gradient-boosted trees of depth three over a few features, log loss, Newton steps (Friedman, Annals of
 * Statistics 2001; Chen and Guestrin, KDD 2016), values in 32 bins. Deterministic for a seed. One thread
 * each. */
#pragma once

#include "cache/tuning.h"

struct boosting_options {
    unsigned trees;
    float step, share;  /* share: of the rows, drawn anew for each tree */
    float ridge, least; /* least: second derivatives on each side of a split */
    uint64_t seed;
};

/* `rows`: count times `features`; trees has room for o->trees. *start: the log odds before any tree. */
bool boosting_fit(struct tuning_tree *trees, float *start, const float *rows, const bool *yes, size_t count,
                  unsigned features, const struct boosting_options *o, struct error *err) MUST_USE;
/* The log odds. */
float boosting_score(const struct tuning_tree *trees, unsigned count, float start, const float *row);
