/* A question taken apart: its words, and what about them may decide whether two questions ask the same.
 * Numbers keep every digit here, unlike in models/text_tokens.h, and capitals are remembered: what
 * classifying may blur, a cache must not. Pure; any thread; no allocation. */
#pragma once

#include "base/str.h"

#include <stdint.h>

enum {
    WORDING_BYTES_MAX = 1024, /* of a text */
    WORDING_WORDS_MAX = 256,
    WORDING_WORD_BYTES_MAX = 40, /* a longer word is cut into several */
    WORDING_DIMENSIONS = 512,
};

enum word_flag {
    WORD_PLAIN = 1,     /* says little by itself: the, is, of */
    WORD_NEGATION = 2,  /* not, can't, without */
    WORD_DIRECTION = 4, /* to, from, before */
    WORD_QUESTION = 8,  /* how, why */
    WORD_NUMBER = 16,   /* digits, spelled or within a word: `number` and `unit` */
    WORD_CAPITAL = 32,  /* written with a capital */
    WORD_FIRST = 64,    /* begins a sentence, so that its capital says nothing */
    WORD_EXACT = 128,   /* must stand in both texts or in neither: tomorrow, only, first */
};

struct word {
    uint64_t hash;  /* of the lower-case word; of a number, of its canonical form */
    uint32_t stem;  /* the same without the usual endings */
    uint32_t unit;  /* of a number: what it counts, where that is said; 0 otherwise */
    uint16_t at, n; /* in letters */
    uint16_t flags;
};

struct wording {
    size_t count, negations;
    bool whole; /* false: too long, or more words than fit; then nothing is said about it */
    struct word words[WORDING_WORDS_MAX];
    char letters[WORDING_BYTES_MAX + 20 * WORDING_WORDS_MAX +
                 64]; /* lower case, a space before and behind each */
};

/* Any bytes are fine. */
void wording_read(struct wording *w, struct str text);
static inline struct str wording_word(const struct wording *w, size_t i) {
    return (struct str){w->letters + w->words[i].at, w->words[i].n};
}
/* Says something by itself. */
static inline bool word_is_content(const struct word *w) {
    return !(w->flags & (WORD_PLAIN | WORD_NEGATION | WORD_DIRECTION | WORD_QUESTION));
}

/* Tokens in three blocks: words, pairs of neighbouring words, and the 2 to 4 characters of a word with a
 * space at both ends. */
enum wording_block { WORDING_WORD, WORDING_PAIR, WORDING_GRAM, WORDING_BLOCKS };
typedef void wording_visit(void *ctx, enum wording_block block, uint64_t hash, const struct word *w);
void wording_tokens(const struct wording *w, wording_visit *visit, void *ctx);

/* A vector of small numbers and the factor that makes its length 1. */
void wording_vector(const struct wording *w, int8_t vector[WORDING_DIMENSIONS], float *factor);
/* The same for numbers from elsewhere; false where they are not finite or all 0. */
bool vector_quantise(const float *from, size_t n, int8_t *to, float *factor) MUST_USE;
/* The sum of the products. */
int32_t vector_product(const int8_t *a, const int8_t *b, size_t n);
