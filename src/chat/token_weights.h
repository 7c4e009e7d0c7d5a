/* What pieces of text weigh in tokens, in hundredths, measured on real tokenizers. Data only; private to
 * chat/tokens.c. */
#pragma once

#include <stdint.h>

enum token_script {
    SCRIPT_GREEK,
    SCRIPT_CYRILLIC,
    SCRIPT_RIGHT_TO_LEFT,
    SCRIPT_INDIC,
    SCRIPT_THAI,
    SCRIPT_HAN,
    SCRIPT_KANA,
    SCRIPT_HANGUL,
    SCRIPT_LETTERS, /* of any other alphabet */
    SCRIPT_MARKS,   /* punctuation that is not ASCII */
    SCRIPT_SYMBOLS,
    SCRIPT_EMOJI,
    SCRIPT_COUNT
};

/* Words come in pairs: without and with a space before them. */
enum token_word { WORD_LOWER = 0, WORD_CAPITALISED = 2, WORD_UPPER = 4, WORD_ACCENTED = 6, WORD_KINDS = 8 };

enum { WORD_LENGTHS = 20, PUNCTUATION_LENGTHS = 8, RARE_MAX = 6 };

struct token_weights {
    uint16_t words[WORD_KINDS][WORD_LENGTHS]; /* by length: [0] is one letter; longer ones as the last */
    uint16_t rare[WORD_KINDS]; /* for each pair of letters that English seldom has, at most RARE_MAX */
    uint16_t punctuation[PUNCTUATION_LENGTHS];
    uint16_t before_newline[PUNCTUATION_LENGTHS];
    uint16_t before_word[PUNCTUATION_LENGTHS]; /* less: the last sign is often part of the word's token */
    uint16_t scripts[SCRIPT_COUNT];            /* for each character */
};

extern const struct token_weights token_weights_o200k, token_weights_cl100k;
extern const uint32_t token_common_pairs[26];
