/* What a prediction writes to; one per thread, made by scratch_new() of models/backend.h. Pages are only
 * touched as far as inputs and models need them. */
#pragma once

#include "models/backend.h"
#include "models/neighbours.h"
#include "models/network.h"
#include "models/tabular.h"
#include "models/text_tokens.h"

#include <stdalign.h>

enum {
    SCRATCH_LABELS = MODEL_LABELS_MAX + VECTOR_ALIGN,
    SCRATCH_STRIDE = SCRATCH_LABELS + NETWORK_HIDDEN_MAX
};

struct scratch {
    /* Each begins a cache line, which a vector register may be as wide as. */
    alignas(64) float sums[2 * SCRATCH_STRIDE];
    alignas(64) float linear[SCRATCH_LABELS], hidden[SCRATCH_LABELS], probabilities[SCRATCH_LABELS];
    float visual[MODEL_VISUAL_MAX], looks[SCRATCH_LABELS];
    float row[MODEL_FEATURES_MAX];
    struct tabular_item items[TABULAR_ITEMS_PER_COLUMN * MODEL_FEATURES_MAX];
    struct text_tokens tokens;
    struct neighbour_query neighbours;
};
