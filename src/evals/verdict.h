/* What the graded answers to a suite say: pass, worse, or not enough data. Pure.
 *
 * worse            significantly worse than the baseline (p < 0.05, two-sided), over all cases or, with
 * Holm's correction, in one of its slices; or a share of passed cases below the suite's `minimum` (with fewer
 * cases than the suite wants: only if its interval lies below, too) not enough data  fewer answered cases
 * than the suite wants; more than 5 % of the cases unanswered; or a loss of more than the suite's `margin`
 * against the baseline that the interval does not rule out pass             otherwise */
#pragma once

#include "evals/grading.h"
#include "evals/significance.h"

enum { VERDICT_REASON_MAX = 400, VERDICT_SLICES_MAX = 1000 };
#define VERDICT_P          0.05
#define VERDICT_UNANSWERED 0.05

struct slice_result {
    struct str name;
    size_t cases, passed; /* given */
    struct comparison comparison;
    double p_adjusted; /* NaN without a baseline */
};

struct verdict {
    enum evaluation_verdict outcome;
    char reason[VERDICT_REASON_MAX];
    double share, low, high; /* of passed cases, and its 95 % interval (Clopper and Pearson) */
    bool compared;
    struct comparison comparison;
    double baseline_share; /* on the pairs */
    struct slice_result *slices;
    size_t slice_count;
};

/* baseline may be NULL. To be given to verdict_free. */
bool verdict_reach(struct verdict *out, const struct suite *s, const struct graded_side *candidate,
                   const struct graded_side *baseline, struct error *err) MUST_USE;
void verdict_free(struct verdict *v);
