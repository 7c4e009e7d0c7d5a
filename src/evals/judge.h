/* A language model as judge: does an answer do what a rubric asks? The judge is an endpoint of a running
 * server. What it is shown is marked as data; its verdict is JSON, and one that is not counts as no verdict.
 * Blocking. */
#pragma once

#include "evals/asker.h"
#include "evals/suite.h"

struct judge_question {
    const struct assertion *rubric;
    const struct suite_case *in;
    const struct answer *answer;
    struct assertion_outcome outcome;
    bool decided; /* false: outcome.reason says why not */
};

/* Fills outcome and decided of each. False: the server refuses to be asked at all. */
bool judge_all(struct asker *asker, struct str endpoint, struct judge_question *questions, size_t count,
               const struct progress *progress, struct error *err) MUST_USE;

/* The judge's reply as an outcome. False: it is no verdict. For tests. */
bool judge_verdict_read(struct str text, const struct assertion *rubric,
                        struct assertion_outcome *out) MUST_USE;
