/* Labelled pairs of texts from a CSV file (RFC 4180, UTF-8, a header line), for tuning the semantic cache.
 * Columns: text_a and text_b (or question1 and question2, sentence1 and sentence2), and either label  same…
 * (1, true, yes, duplicate) or different… (0, false, no); whatever begins with "unsure" is left out score  a
 * number (also score_0_5, similarity): `same_from` and above are the same, `different_to` and below are
 *          different, what lies between is left out
 * A label counts before a score. One thread. */
#pragma once

#include "base/error.h"
#include "base/str.h"

enum { PAIRS_MAX = 100000, PAIR_LABELS_MAX = 16, PAIR_LABEL_BYTES = 64 };

struct labelled_pair {
    uint32_t a, b; /* texts */
    uint16_t label;
    bool same;
};

struct pair_text {
    struct str text;
    uint32_t likeness; /* equal for texts that differ only in capitals, spaces and punctuation */
};

struct pair_set {
    struct labelled_pair *pairs;
    size_t count, same, left_out, too_long;
    struct pair_text *texts;
    size_t text_count;
    size_t likenesses; /* numbered from 0 */
    char labels[PAIR_LABELS_MAX][PAIR_LABEL_BYTES];
    size_t label_count;
    char *bytes; /* what the texts lead into */
};

struct pair_rows_options {
    double same_from, different_to; /* of scores: 4 and 2 are usual for 0 to 5 */
};

/* ERR_IO, ERR_DATA: what is wrong, where ("file.csv:12"). */
bool pair_rows_read(struct pair_set *out, const char *path, const struct pair_rows_options *o,
                    struct error *err) MUST_USE;
void pair_set_free(struct pair_set *p);

/* Deals the pairs into parts so that no likeness is on both sides: part[text] is 0 to parts - 1. Texts that
 * pairs tie together go to the same part as far as they make no part too large; a pair between two parts
 * belongs to none, and is neither trained on nor counted where either is left out. */
bool pair_parts(const struct pair_set *p, unsigned parts, uint64_t seed, uint8_t *part,
                struct error *err) MUST_USE;
