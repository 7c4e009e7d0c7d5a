/* Text to tokens, the same way in training and in serving: words (lower case, long numbers by their shape),
 * pairs of neighbouring words, and inside a word its character n-grams (2 to 5 characters, a space at both
 * ends, as scikit-learn's char_wb). Tokens are known by 64-bit hashes, so that nothing is copied or
 * allocated.
 *
 * A repeated token is one token with a count. What is beyond TEXT_WORDS_MAX words or TEXT_LETTERS_MAX
 * bytes of words is not looked at. One struct text_tokens per thread. */
#pragma once

#include "base/str.h"

enum {
    TEXT_WORDS_MAX = 8192,
    TEXT_LETTERS_MAX = 65536,
    TEXT_WORD_BYTES_MAX = 32, /* a longer word is cut into several */
    TEXT_GRAMS_MAX = 4 * (TEXT_WORD_BYTES_MAX + 2)
};

struct text_word {
    uint64_t hash;
    uint32_t at; /* in letters; a space stands before and behind */
    uint32_t n;
};

struct text_token {
    uint64_t hash;
    uint32_t count;
    uint32_t word; /* index of its first occurrence; TEXT_PAIR for a pair of words */
};

enum { TEXT_PAIR = 0xffffffff };

struct text_tokens {
    size_t word_count;
    size_t token_count;
    bool truncated;
    struct text_word words[TEXT_WORDS_MAX];
    struct text_token tokens[2 * TEXT_WORDS_MAX]; /* distinct; words and pairs in order of appearance */
    uint32_t set[4 * TEXT_WORDS_MAX];
    char letters[TEXT_LETTERS_MAX + TEXT_WORD_BYTES_MAX + 8];
};

/* Any bytes are fine; what is not UTF-8 separates words. */
void text_tokenise(struct text_tokens *t, struct str text);

/* Hashes of the character n-grams of words[word], repeated ones repeated; returns how many. */
size_t text_grams(const struct text_tokens *t, uint32_t word, uint64_t grams[TEXT_GRAMS_MAX]);
