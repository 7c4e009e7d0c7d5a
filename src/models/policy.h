/* The confidence policy of a version: a score, the probability that an answer is right, fitted by `penstock
 * calibrate` to labelled rows the version was not trained on, and the two thresholds that were chosen for it.
 * It works on answers, so it serves whatever backend gave them. Kept in the version's manifest under
 * "policy":
 *
 *     {"accept", "review", "score": {"terms": […], "weights": […], "reliability": […]}, "parent",
 *      "confidence": {"edges", "shares", "mean", "rows"}, "certificate"}
 *
 * "confidence": how the scores of the certifying rows lay (models/reference_profile.h). Without "score" the
 * version's own confidence is the score. Immutable once read; any thread. Some 50 ns. */
#pragma once

#include "base/json.h"
#include "models/backend.h"
#include "models/policy_table.h"

enum { POLICY_TERMS = 9 };
extern const char *const policy_term_names[POLICY_TERMS];

struct policy {
    double accept, review;     /* from accept on straight out, below review to a person */
    struct policy_table table; /* what is certified; count 0: nothing */
    bool fitted;               /* false: the version's own confidence is the score */
    float weights[POLICY_TERMS];
    float *
        reliability; /* of each label, log odds of being right when it is given, less the mean; NULL: zeros */
    size_t label_count;
};

/* What the score looks at besides the answer. */
struct policy_facts {
    size_t text_bytes;
    float ocr_confidence; /* 0 or below: nothing was recognised optically */
};

void policy_terms(const struct policy *p, const struct model_answer *a, const struct policy_facts *f,
                  float terms[POLICY_TERMS]);
/* The score of an answer; its own confidence where none was fitted. */
float policy_score(const struct policy *p, const struct model_answer *a, const struct policy_facts *f);
/* Puts the score in the confidence's place, and what is left of 1 to the other labels in proportion. */
void policy_apply(const struct policy *p, const struct policy_facts *f, struct model_answer *a);

/* Thresholds that are missing or no probabilities are 0.85 and 0.60. ERR_ARTEFACT: a score or a table that
 * this program does not know, with what is wrong; the thresholds are read all the same. `object` NULL: no
 * policy. */
bool policy_read(struct policy *out, yyjson_val *object, size_t labels, struct error *err) MUST_USE;
void policy_free(struct policy *p);
/* The fields "accept", "review" and, where one is fitted, "score" of an object that is open. */
void policy_write(const struct policy *p, struct json_writer *w);
