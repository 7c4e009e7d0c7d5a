/* The manifest of a version: JSON that says what it was made of, how good it is, and how its inputs
 * looked. Keys: backend, labels, inputs, dataset, parameters, metrics, profile, policy. */
#pragma once

#include "learn/calibration.h"
#include "learn/fit.h"
#include "learn/quality.h"
#include "learn/train.h"

struct manifest_facts {
    const struct train_options *options;
    const struct fit_options *fit;
    const struct dataset *data;
    const char *dataset_hash;
    const struct confidence *confidence;
    const struct quality *metrics;
    const struct calibration_row *rows; /* observed, */
    const struct judged *judged;        /* and answered by a calibration that did not see them */
    size_t count;
    unsigned folds;
};

void manifest_write(struct buf *out, const struct manifest_facts *f);
