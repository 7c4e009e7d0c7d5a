/* The `linear` backend: a linear model (one-vs-rest support vector machines) and a small hidden layer
 * over text or tabular features, and optionally a linear model over the visual vector of a page.
 * Trained by learn/, stored by models/artefact.h, used in place. */
#pragma once

#include "models/backend.h"
#include "models/scores.h"
#include "models/tabular.h"
#include "models/vocabulary.h"

/* `bytes` is borrowed until backend_free. */
bool linear_open(struct backend **out, struct str bytes, struct error *err) MUST_USE;

/* For training and tests: the scores of the text or tabular part (backend_score), or of the visual part. */
bool linear_score_visual(const struct backend *b, struct scratch *s, const float *visual, size_t count,
                         struct label_scores *out) MUST_USE;

/* The schema of the features, or NULL where the version takes none. */
const struct tabular *linear_schema(const struct backend *b);
