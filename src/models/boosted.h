/* The `boosted` backend: gradient-boosted trees over tabular features, which XGBoost grew
 * (learn/boosted_fit.h) and models/trees.h walks, used in place; a server that only predicts never loads
 * XGBoost. */
#pragma once

#include "base/buf.h"
#include "models/backend.h"

/* `bytes` is borrowed until backend_free. */
bool boosted_open(struct backend **out, struct str bytes, struct error *err) MUST_USE;

struct boosted_declaration {
    const char *const *labels; /* in the order of the model's classes; the second is what log odds are of */
    size_t label_count;
    const char *const
        *features; /* in the order of its columns; none: as the model names them, or f0, f1, … */
    size_t feature_count;
};

/* The artefact of a user's own model of XGBoost in JSON (models/xgboost_model.h), whose columns are numbers
 * that may be missing. Its probabilities are taken as they are: nothing is calibrated. ERR_DATA says what
 * does not fit. */
bool boosted_pack(struct str model, const struct boosted_declaration *d, struct buf *artefact,
                  struct error *err) MUST_USE;

/* Trees for each label (for both of two). */
unsigned boosted_rounds(const struct backend *b);
