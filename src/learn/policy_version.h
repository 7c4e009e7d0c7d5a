/* From a version and labelled rows to the next version of the model: the same artefact under a manifest whose
 * policy is calibrated (models/policy.h), names its parent, and carries the certificate. One thread. */
#pragma once

#include "learn/policy_bound.h"
#include "learn/policy_fit.h"
#include "learn/profile.h"

enum { POLICY_SHARES = 8 };
extern const double policy_shares[POLICY_SHARES]; /* of the table: 0.02 to 0.30 */

struct policy_risk_row {
    struct policy_measure score, own; /* by the new score, by the version's own confidence */
    float threshold;
};

struct calibrated_policy {
    struct policy policy;
    struct policy_certificate certificate;
    struct policy_risk_row risk[POLICY_SHARES];
    struct policy_wanted wanted;
    struct histogram scores; /* of the certifying rows: how they lie where nothing was fitted to them */
    double mean_score;
    struct buf manifest; /* JSON text */
};

/* `parent`: the manifest of v. ERR_DATA: the rows cannot carry the claim. *out has then only `risk`, as far
 * as there are rows, and is freed all the same. */
bool policy_calibrate(struct calibrated_policy *out, const struct model_version *v, const char *parent,
                      const struct policy_rows *rows, const struct policy_wanted *wanted,
                      struct error *err) MUST_USE;
void calibrated_policy_free(struct calibrated_policy *p);
