/* A tuning made by hand, for tests of what uses one: pairs that share more than `share` of their words are
 * the same. Include it once in a program. */
#pragma once

#include "base/buf.h"
#include "cache/pair_features.h"
#include "cache/tuning.h"

#include <stdlib.h>
#include <string.h>

enum { WORDS_SHARED = 4, VECTOR_COSINE = WORDING_FEATURES };

/* The file; known_words: terminated by NULL. `vectors`, of so many `dimensions`: pairs whose vectors have
 * more than `share` as their cosine are the same instead; NULL: words count. */
static void write_tuning_for(struct buf *out, const char *vectors, uint32_t dimensions, float share,
                             const char *const *known_words) {
    struct tuning_tree tree = {.leaf = {-5, -5, -5, -5, 5, 5, 5, 5}};
    uint8_t *rarity = malloc(CODE_BUCKETS), known[KNOWN_BYTES] = {0};
    float *factors = calloc(CODE_BUCKETS, sizeof *factors);
    int8_t *rows = calloc(CODE_BUCKETS, CODE_DIMENSIONS);
    struct wording w;
    for (; known_words && *known_words; known_words++) {
        wording_read(&w, str_from(*known_words));
        for (size_t i = 0; i < w.count; i++)
            word_make_known(known, w.words[i].hash);
    }
    memset(rarity, 16, CODE_BUCKETS);
    for (int i = 0; i < TREE_SPLITS; i++) {
        tree.feature[i] = vectors ? VECTOR_COSINE : WORDS_SHARED;
        tree.split[i] = share;
    }
    struct tuning_parts parts = {.vectors = vectors,
                                 .dimensions = dimensions,
                                 .threshold = 0.9F,
                                 .least_cosine = 0.1F,
                                 .tree_count = 1,
                                 .trees = &tree,
                                 .known = known,
                                 .rarity = rarity,
                                 .factors = factors,
                                 .rows = rows};
    tuning_write(out, &parts);
    free(rarity);
    free(factors);
    free(rows);
}

static inline void write_tuning(struct buf *out, float share, const char *const *known_words) {
    write_tuning_for(out, NULL, 0, share, known_words);
}

static inline struct tuning *make_tuning_for(const char *vectors, uint32_t dimensions, float share,
                                             const char *const *known_words) {
    AUTO_BUF bytes = BUF_INIT(4 << 20);
    struct tuning *t = NULL;
    struct error err;
    write_tuning_for(&bytes, vectors, dimensions, share, known_words);
    return tuning_open(&t, buf_str(&bytes), &err) ? t : NULL;
}

static inline struct tuning *make_tuning(float share, const char *const *known_words) {
    return make_tuning_for(NULL, 0, share, known_words);
}
