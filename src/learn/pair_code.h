/* The learned code of cache/pair_features.h: an embedding of hashed words, pairs of words and character
 * n-grams, fitted so that pairs labelled the same lie near each other, pairs labelled different do not, and
 * texts of different pairs do not either (as in InfoNCE: van den Oord et al., 2018), by Adam (Kingma and Ba,
 * 2015). With it how rare each token is, and which words are known. Deterministic for a seed. One thread
 * each. */
#pragma once

#include "cache/pair_features.h"
#include "learn/pair_rows.h"

/* The tokens of all texts of a set. */
struct pair_tokens {
    uint32_t *begin; /* text_count + 1 */
    uint32_t *items; /* bucket, and the block above CODE_BITS */
    uint64_t *words; /* hashes of the words written in lower case; word_begin as begin */
    uint32_t *word_begin;
};
bool pair_tokens_read(struct pair_tokens *out, const struct pair_set *p, struct error *err) MUST_USE;
void pair_tokens_free(struct pair_tokens *t);

struct pair_code {
    float *factors;
    int8_t *rows;
    uint8_t *rarity, *known;
};
static inline struct code_table pair_code_table(const struct pair_code *c) {
    return (struct code_table){c->rows, c->factors, c->rarity, c->known};
}
void pair_code_free(struct pair_code *c);

struct pair_code_options {
    unsigned passes;
    float step, decay, sharpness;
    uint64_t seed;
};
extern const struct pair_code_options pair_code_defaults;

/* From the texts and pairs that lie in neither of the two parts (255: no such part). */
bool pair_code_fit(struct pair_code *out, const struct pair_set *p, const struct pair_tokens *t,
                   const uint8_t *part, unsigned without, unsigned nor, const struct pair_code_options *o,
                   struct error *err) MUST_USE;
