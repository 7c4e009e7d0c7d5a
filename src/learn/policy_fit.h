/* Fits the score of a policy (models/policy.h): a logistic model of nine terms that starts from what the
 * version itself believes. How firmly it is held there is chosen by cross-validation among a few strengths,
 * so that with few rows, or terms that say nothing new, the version's own confidence comes out. Pure; any
 * thread. */
#pragma once

#include "learn/policy_rows.h"

/* Fewer errors than this say nothing about nine terms: the version's own confidence stays. */
enum { POLICY_ERRORS_LEAST = 20 };

/* Uses the rows that are for choosing. `out` has its reliabilities (or none) and gets weights. *out is
 * unchanged where there are too few errors. */
bool policy_fit(struct policy *out, const struct policy_rows *rows, struct error *err) MUST_USE;

/* Reliabilities from a manifest's "metrics": precision of each label by cross-validation, drawn to the mean
 * as if five more rows had it. None where the manifest has no such figures. */
bool policy_learn_reliability(struct policy *out, yyjson_val *manifest, const char *const *labels,
                              size_t count, struct error *err) MUST_USE;
