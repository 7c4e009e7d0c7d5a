/* Lua expressions as assertions: `answer.confidence > 0.5 and #answer.text < 80`, or a body with `return`.
 * They see the answer (text, confidence, latency_ms, cost_usd, model) and its case (input, expected, slice,
 * variables), and give true or false, or a score from 0 to 1; a second value is the reason. Bounded as
 * models/script.h says. */
#pragma once

#include "evals/assertion.h"

/* Does it compile? */
bool expression_check(struct str expression, struct error *err) MUST_USE;
/* False: undecided; out->reason says why. */
bool expression_decide(const struct assertion *a, const struct suite_case *c, const struct answer *answer,
                       struct assertion_outcome *out);
