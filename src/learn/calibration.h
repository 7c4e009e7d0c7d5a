/* Fits a struct confidence (models/confidence.h tells what is in it) to observations of rows that the
 * observing models had not been trained on. Pure functions; any thread. */
#pragma once

#include "learn/crossval.h"
#include "models/scores.h"

struct calibration_row {
    const struct observation *seen;
    uint32_t label; /* the true one; meaningless for a stranger */
    unsigned fold;
    bool from_fold; /* observed by a fold of the cross-validation: these are what confidence is about */
};

enum { CALIBRATION_ALL = 0xffff };

/* Uses the rows whose fold is not `without` (CALIBRATION_ALL: every row), so that the confidence can be
 * judged on rows it was not fitted on. */
bool calibration_fit(struct confidence *out, const struct calibration_row *rows, size_t count, size_t labels,
                     unsigned without, struct error *err) MUST_USE;

/* The answer that `c` gives to an observation. `probabilities` has room for all labels. */
struct judged {
    uint32_t label;
    float confidence, novelty;
};
struct judged calibration_judge(const struct confidence *c, const struct observation *seen, size_t labels,
                                float *probabilities);
