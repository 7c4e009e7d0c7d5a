/* What a solver sees: sparse rows of numbered features with their values, and the labels. A design
 * belongs to one training run (a fold, or the whole dataset): which tokens are features, and their idf,
 * come from its rows alone. One thread. */
#pragma once

#include "learn/corpus.h"
#include "learn/schema.h"

#include <stdint.h>

enum { DESIGN_NONE = 0xffffffff };

struct design_item {
    uint32_t feature;
    float value;
};

struct design {
    size_t rows, features, labels;
    uint32_t *label; /* of each row */
    size_t *offsets; /* rows + 1, into: */
    struct design_item *items;
    float *squares; /* squared length of each row */
    /* Text: the feature of each token of the corpus or DESIGN_NONE, in this order: n-grams, pairs, words. */
    uint32_t *gram_feature, *pair_feature, *word_feature;
    size_t grams, pairs, words;
    float *idf; /* per feature */
    float unseen_idf;
    float word_floor, gram_floor, typical_mass; /* see models/vocabulary.h */
    /* Visual vectors: how a value is standardised; one for each value. */
    float *mean, *scale, factor;
};

struct design_options {
    uint32_t least_rows; /* a pair or n-gram in fewer rows is no feature */
    size_t most_features;
    float floor; /* of a block's squared length, as a share of its mean over the rows */
};

/* The rows `chosen` of the dataset whose texts the corpus holds. */
bool design_text(struct design *out, const struct corpus *c, const struct dataset *d, const uint32_t *chosen,
                 size_t count, const struct design_options *o, struct error *err) MUST_USE;
/* Tabular features: a feature is a row of the schema. */
bool design_features(struct design *out, const struct learned_schema *schema, const struct dataset *d,
                     const uint32_t *chosen, size_t count, struct error *err) MUST_USE;
/* Visual vectors of those chosen rows that have one, standardised over them. */
bool design_visual(struct design *out, const struct dataset *d, const uint32_t *chosen, size_t count,
                   struct error *err) MUST_USE;
void design_free(struct design *d);
