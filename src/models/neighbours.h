/* The texts of training that are most like a text: a second opinion for the confidence, from another view
 * than the weights have. Of each label up to NEIGHBOURS_TEXTS_MAX texts are kept, as tf-idf over their single
 * words, scaled to length 1; the likeness of two texts is the cosine. Only the labels that the model
 * hesitates between are asked about, and only the words of the text are looked up: some 0.4 us a label.
 *
 * In the file: u32 labels, words, lists, postings, rows, 0; u32 kept texts of each label; u32 first list of
 * each word, and the end; lists of u16 label, u16 count, u32 first posting or row, float mean weight over the
 * label's texts, rising by label within a word; rows of 128 weights in 127ths, for the lists whose count is
 * 0; postings of u8 text, u8 weight in 127ths. A word's number is its place among the vocabulary's words. A
 * view over mapped bytes; any thread. */
#pragma once

#include "models/vocabulary.h"

enum { NEIGHBOURS_TEXTS_MAX = 128, NEIGHBOURS_WORDS_MAX = 48 };

struct neighbour_list {
    uint16_t label, count; /* 0: a row */
    uint32_t at;
    float mean;
};
struct neighbour_posting {
    uint8_t text, weight;
};

struct neighbours {
    uint32_t labels, words;
    const uint32_t *texts, *starts;
    const struct neighbour_list *lists;
    const int8_t *rows;
    const struct neighbour_posting *postings;
};

bool neighbours_read(struct neighbours *out, struct str section, uint32_t labels, uint32_t words,
                     struct error *err) MUST_USE;

/* A text, ready to be compared: its first known words. */
struct neighbour_query {
    const struct neighbours *n;
    uint32_t count;
    struct {
        uint32_t word;
        float weight;
    } words[NEIGHBOURS_WORDS_MAX];
};

/* `tokens`: of the text, as vocabulary_sum left them. */
void neighbours_ask(struct neighbour_query *out, const struct neighbours *n, const struct vocabulary *v,
                    const struct network *network, const struct text_tokens *tokens);

struct nearness {
    float nearest, mean; /* likeness of the most alike text of the label, and of all that are kept */
};
struct nearness neighbours_of(const struct neighbour_query *q, uint32_t label);
