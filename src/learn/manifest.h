/* The manifest of a version: JSON that says what it was made of, how good it is, and how its inputs
 * looked. Keys: model, backend, labels, inputs, schema (of features), dataset, parameters, metrics,
 * visual (the visual part's figures and gate), profile, policy. */
#pragma once

#include "learn/fit.h"
#include "learn/judging.h"
#include "learn/train.h"

struct manifest_facts {
    const struct train_options *options;
    const struct fit_options *fit;
    const struct fit_source *source;
    const char *dataset_hash;
    const char *dataset_manifest;     /* hash (store/datasets.h); "" unknown */
    const struct judged_part *part;   /* the one that the version's figures are about */
    const struct judged_part *visual; /* NULL: no visual part */
    const struct gate *gate;
    struct str artefact; /* of the final run */
};

void manifest_write(struct buf *out, const struct manifest_facts *f);
