/* An evaluation as a report: JSON for programs and for the store, JUnit's XML for build servers (the form
 * that Jenkins and GitLab read; testmoapp/junitxml describes it). Answers in it may be anything: both are
 * valid whatever they hold. Pure. */
#pragma once

#include "evals/verdict.h"

struct report {
    const struct suite *suite;
    const struct graded_side *candidate, *baseline; /* baseline: NULL none */
    const struct verdict *verdict;
};

enum { REPORT_MAX = 256 << 20, REPORT_FAILURES_KEPT = 200 };

/* `all`: every case with its answer; else only the first REPORT_FAILURES_KEPT that did not pass. Check
 * out->failed. */
void report_json(const struct report *r, bool all, struct buf *out);
void report_junit(const struct report *r, struct buf *out);
