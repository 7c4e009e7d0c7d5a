/* One training run: chosen rows of a dataset to the bytes of an artefact, ready to be opened by the
 * backend. Folds and the final version go the same way, so that what is measured is what will serve,
 * quantised weights and all. Deterministic for a seed. One thread each. */
#pragma once

#include "base/buf.h"
#include "learn/boosted_fit.h"
#include "learn/solver.h"
#include "models/confidence.h"

struct fit_options {
    struct design_options design;
    struct linear_options linear;
    struct hidden_options hidden;
    struct linear_options visual;
    struct boosted_options boosted;
};

enum trained_backend { TRAINED_LINEAR, TRAINED_BOOSTED };
const char *trained_backend_name(enum trained_backend backend);

/* What a version is made of: texts or tabular features or neither, and visual vectors or none. */
struct fit_source {
    enum trained_backend backend; /* boosted: features and nothing else */
    const struct dataset *data;
    const struct corpus *corpus;         /* NULL: no texts */
    const struct learned_schema *schema; /* NULL: no features */
    bool visual;
};

/* The options that suit a dataset of this size. */
struct fit_options fit_defaults(size_t rows);

/* Appends to the empty `out`. The confidence inside is plain until fit_set_confidence. */
bool fit_artefact(struct buf *out, const struct fit_source *source, const uint32_t *chosen, size_t count,
                  const struct fit_options *o, struct error *err) MUST_USE;

/* Overwrites the section `kind` (ARTEFACT_CONFIDENCE or ARTEFACT_VISUAL_CONFIDENCE) in place. */
void fit_set_confidence(struct buf *artefact, enum artefact_kind kind, const struct confidence *c);
