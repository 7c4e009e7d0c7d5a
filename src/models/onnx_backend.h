/* The backend `onnx`: a user's own classifier in an ONNX file. It takes texts (one input of strings), or
 * features: one input of numbers, a row each, or an input for each feature. It gives a score for each label.
 * Several rows are one run where the model's first dimension is free. The artefact (models/artefact.h) holds
 * the file beside what was declared. Any thread. */
#pragma once

#include "base/buf.h"
#include "models/backend.h"

/* `bytes` is borrowed only during the call. */
bool onnx_backend_open(struct backend **out, struct str bytes, struct error *err) MUST_USE;

struct onnx_declaration {
    const char *const *labels; /* in the order of the scores; at least 2 */
    size_t label_count;
    const char *const *features; /* of one input of numbers, in its order; none: f0, f1, … */
    size_t feature_count;
    const char *output; /* NULL: the only one that fits, or "probabilities" */
    bool logits;        /* scores are taken by softmax (of one score for two labels: the logistic function) */
    float temperature;  /* that logits are divided by first (Guo et al., 2017); 1: as they are */
};

/* Checks the file against the declaration, by a run on zeros too, and writes the artefact. ERR_DATA and
 * ERR_ARTEFACT say what does not fit. */
bool onnx_backend_pack(struct str model, const struct onnx_declaration *d, struct buf *artefact,
                       struct error *err) MUST_USE;
