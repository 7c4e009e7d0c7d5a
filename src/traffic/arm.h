/* What one side of a rollout did: counts and sums that every answer adds to. Plain: copied, kept as bytes,
 * subtracted. One thread at a time. */
#pragma once

#include "base/json.h"
#include "base/str.h"

enum {
    ARM_BUCKETS = 192,   /* of latencies: eight to a doubling, from 16 µs to four minutes */
    ARM_CATEGORIES = 32, /* labels that are looked at apart; the others count as one */
    ARM_LABEL_SIZE = 48
};

/* Sum and sum of squares, for a mean and its error. */
struct arm_sum {
    double n, sum, squares;
};

/* What people or outcomes said about answers to inputs of one true label. */
struct arm_category {
    char label[ARM_LABEL_SIZE]; /* cut */
    uint64_t right, wrong;
};

struct arm {
    uint64_t requests, errors, fallbacks, reviews;
    struct arm_sum confidence, cost, log_latency; /* cost: nano-dollars; latency: of µs, natural logarithm */
    struct arm_sum score;                         /* how good people or outcomes found it, 0 to 1 */
    uint64_t latency[ARM_BUCKETS];
    uint64_t right, wrong; /* by labels */
    /* Of answers to mirrored inputs: whether the other side said the same, and whether they were as a schema
     * says. Texts that differ in words alone need not disagree, so they are counted apart. */
    uint64_t agreed, differed, same_words, other_words;
    uint64_t valid, invalid;
    struct arm_category categories[ARM_CATEGORIES];
};

/* Unknown: there was nothing to compare or to check. */
enum arm_finding { ARM_UNKNOWN, ARM_YES, ARM_NO };

/* One answer. */
struct arm_answer {
    bool failed, fallback, review;
    uint32_t latency_us;
    double confidence; /* < 0: none */
    double cost;       /* nano-dollars; < 0: unknown */
    enum arm_finding agrees, same_words, valid;
};

void arm_add(struct arm *a, const struct arm_answer *answer);
/* A label came: the answer to an input that is truly `label` was right, or was not. */
void arm_add_label(struct arm *a, struct str label, bool right);
void arm_add_score(struct arm *a, double score);
/* {"requests","errors",…}; what nothing is known of is null. */
void arm_write(const struct arm *a, struct json_writer *w);
/* An upper bound of the latency that so much (0 to 1) of the answers were within, µs; 0: no answers. */
double arm_latency(const struct arm *a, double share);
