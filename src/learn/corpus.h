/* The texts of a dataset as tokens, cut up once and used by every fold: which words and pairs of words
 * each row has, and which character n-grams each word has. Document frequencies, tf-idf and the rows of
 * the model belong to a fold and are in learn/design.h. Immutable after building; any thread. */
#pragma once

#include "learn/dataset.h"

struct corpus_item {
    uint32_t token;
    float value; /* 1 + log(count) */
};

/* Tokens of a kind are numbered from 0. */
struct corpus_kind {
    uint64_t *hashes;
    size_t count, room;
};

struct corpus {
    struct corpus_kind words, pairs, grams;
    size_t *row_words, *row_pairs; /* row_count + 1 offsets into: */
    struct corpus_item *word_items, *pair_items;
    size_t *word_grams; /* words.count + 1 offsets into: */
    uint32_t *gram_items;
    size_t row_count;
};

/* ERR_NO_MEMORY, or ERR_DATA when no text has a word. */
bool corpus_build(struct corpus *out, const struct dataset *d, struct error *err) MUST_USE;
void corpus_free(struct corpus *c);
