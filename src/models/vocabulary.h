/* From text to sums of weights. The vocabulary maps token hashes to rows of the network: a word has two
 * rows (itself, and right behind it the sum of its character n-grams, added up when the model was
 * written), a pair of words has one, and a character n-gram has one, needed only for words that
 * training never saw. So a text of known words costs three rows a word, however long the words.
 *
 * Weighting is tf-idf (1 + log tf; idf is inside the rows), in two blocks, words and characters, each
 * scaled to a length of about 1: divided by the root of its squared length, in which a word's n-grams
 * count one by one and what training never saw counts as much as a rare token, plus a floor. So a text
 * of which little is known, or that has little in it, comes out short and moves no score far.
 *
 * In the file: u32 slot bits, u32 words, u32 pairs, u32 n-grams, float unseen mass, float floor of the
 * words block, float floor of the n-grams block, float typical mass of that block; then slots of
 * u32 fingerprint, u32 row, open-addressed by linear probing; row 0xffffffff is an empty slot. */
#pragma once

#include "models/network.h"
#include "models/text_tokens.h"

struct vocabulary_slot {
    uint32_t fingerprint, row;
};

struct vocabulary {
    const struct vocabulary_slot *slots;
    uint64_t mask;
    uint32_t words, pairs, grams;
    float unseen_mass; /* squared idf of a token that training never saw */
    float word_floor, gram_floor;
    float typical_mass; /* mean squared length of the n-grams block in training */
};

enum { VOCABULARY_NONE = 0xffffffff, VOCABULARY_BITS_MAX = 26 };

/* Checks every slot against the network's rows. */
bool vocabulary_read(struct vocabulary *out, struct str section, const struct network *n,
                     struct error *err) MUST_USE;

static inline uint32_t vocabulary_find(const struct vocabulary *v, uint64_t hash) {
    uint32_t fingerprint = (uint32_t)(hash >> 32);
    uint64_t slot = hash & v->mask;
    while (v->slots[slot].row != VOCABULARY_NONE) {
        if (v->slots[slot].fingerprint == fingerprint)
            return v->slots[slot].row;
        slot = (slot + 1) & v->mask;
    }
    return VOCABULARY_NONE;
}

struct vocabulary_entry {
    uint64_t hash;
    uint32_t row;
};
/* Of `facts` the numbers count, not the slots. */
void vocabulary_write(struct buf *out, const struct vocabulary_entry *entries, size_t count,
                      const struct vocabulary *facts);

/* How much of a text was known. */
struct text_signals {
    uint32_t words;    /* of the text, repeated ones counted once */
    float known_words; /* share of the words' weight that training saw, 0..1; 0 for no words at all */
    float known_grams; /* the same for the character n-grams */
    float scarcity;    /* log of how many times more a text of training has in it, 0 to 4 */
};

/* sums: two blocks of n->stride floats; the first receives the whole. */
void vocabulary_sum(const struct vocabulary *v, const struct network *n, struct text_tokens *tokens,
                    struct str text, float *sums, struct text_signals *signals);
