/* What `penstock calibrate` prints: the new version, what it promises and what the promise costs, and the
 * table of risk against coverage. */
#pragma once

#include "learn/policy_version.h"

struct policy_report {
    const struct model_version *version; /* the parent */
    const struct policy_rows *rows;
    const struct calibrated_policy *policy;
    unsigned created; /* the new version; 0: none was stored */
    bool overrides;   /* the endpoint's configuration has thresholds of its own */
};

void policy_report_print(const struct policy_report *r);
bool policy_report_json(const struct policy_report *r, struct error *err) MUST_USE;
/* The table alone, of what was refused, to standard error; nothing where there were no rows. */
void policy_report_refused(const struct policy_report *r);
