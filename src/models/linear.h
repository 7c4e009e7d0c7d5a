/* The `linear` backend: a linear model (one-vs-rest support vector machines) and a small hidden layer
 * over text or tabular features, and optionally a linear model over the visual vector of a page.
 * Trained by learn/, stored by models/artefact.h, used in place. */
#pragma once

#include "models/backend.h"
#include "models/confidence.h"
#include "models/tabular.h"
#include "models/vocabulary.h"

/* `bytes` is borrowed until backend_free. */
bool linear_open(struct backend **out, struct str bytes, struct error *err) MUST_USE;

/* For training and tests: the scores before confidence, of the text or tabular part, or of the visual
 * part. The pointers lead into the scratch and hold until its next use. */
struct linear_scores {
    size_t labels;
    const float *linear, *hidden;
    const float
        *looks; /* relative distances (models/looks.h); NULL: no page was looked at, or none was learned */
    float known_words, known_grams, scarcity;
    uint32_t words;
};
bool linear_score(const struct backend *b, struct scratch *s, const struct model_input *row,
                  struct linear_scores *out, struct error *err) MUST_USE;
bool linear_score_visual(const struct backend *b, struct scratch *s, const float *visual, size_t count,
                         struct linear_scores *out) MUST_USE;

/* Probabilities (labels floats) by step 1 of models/confidence.h, and the signals for steps 2 and 3. Returns
 * the first label. */
unsigned linear_signals(const struct linear_scores *scores, const struct confidence *c, float *probabilities,
                        struct confidence_signals *out);

/* The schema of the features, or NULL where the version takes none. */
const struct tabular *linear_schema(const struct backend *b);
