/* How often an endpoint's answers were right, from labels that were not chosen by chance alone. Three kinds
 * of answers, each of which stands for its own kind only (post-stratification; Holt and Smith, 1979):
 *
 * - sent to people: as right as those of them that were decided
 * - somebody spoke of it (POST /v1/feedback): known, so each counts once, for itself. Who speaks up is no
 * random choice, and that does no harm, since nothing is concluded from them about answers nobody spoke of
 * - went out unseen and unspoken of: by the random audit alone, each with the inverse of its probability
 *
 * So the plain share of feedback that says "right" is biased and this is not, as far as what is said is true.
 * Pure, plain values. */
#pragma once

#include "watch/monitors/monitors.h"

enum { AUDITED_LEAST = 20 };

struct accuracy_estimate {
    bool known; /* there are audits enough for what nobody spoke of, and labels of what people were sent */
    double value;
    double half;                         /* of its 95 % interval */
    double reviewed, spoken_of, audited; /* shares that were right; NAN: none */
};
/* `answered`, `reviews`: of the week; how many of the first were sent to people. */
struct accuracy_estimate accuracy_estimate_of(const struct monitor_labels *l, uint64_t answered,
                                              uint64_t reviews);
