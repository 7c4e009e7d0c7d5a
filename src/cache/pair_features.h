/* What is measured of a pair of questions, for the trees that decide. A portrait is one question as a tuning
 * sees it: its words, weighted by how rare they were in the tuning's texts, and a short learned code in which
 * questions that mean the same lie near each other. Pure; any thread. */
#pragma once

#include "cache/contrast.h"

enum {
    CODE_DIMENSIONS = 32,
    CODE_BITS = 15, /* tokens are known by so many bits of their hashes */
    CODE_BUCKETS = 1 << CODE_BITS,
    PORTRAIT_GRAMS = 1024,
    WORDING_FEATURES = 22,
    PAIR_FEATURES, /* and the last one: how near the vectors of another model lie */
};

/* The learned part: a row of the code for each bucket, and how rare its tokens were (1 + ln((n + 1)/(df +
 * 1)), times 16). Borrowed. */
struct code_table {
    const int8_t *rows;   /* CODE_BUCKETS times CODE_DIMENSIONS */
    const float *factors; /* of each row */
    const uint8_t *rarity;
    const uint8_t *known; /* KNOWN_BYTES */
};

struct portrait {
    struct wording wording;
    float rarity[WORDING_WORDS_MAX];
    uint64_t shapes[WORDING_WORDS_MAX]; /* the character triples of each word, as bits */
    float code[CODE_DIMENSIONS];        /* of length 1, or 0 */
    float grams[PORTRAIT_GRAMS];        /* the same */
    int8_t vector[WORDING_DIMENSIONS];
    float factor;
};

static inline uint32_t code_bucket(uint64_t hash) {
    return (uint32_t)(hash >> (64 - CODE_BITS));
}

void portrait_read(struct portrait *p, const struct code_table *t, struct str text);
/* The same, with a code that was made elsewhere, or NULL for none. */
void portrait_set_code(struct portrait *p, const float *code);

/* `cosine`: of those vectors; 0 where there are none. */
void pair_features(const struct portrait *a, const struct portrait *b, const struct code_table *t,
                   float cosine, float out[PAIR_FEATURES]);
/* For people who look into a tuning. */
extern const char *const pair_feature_names[PAIR_FEATURES];
