#include "models/text_tokens.h"

#include <string.h>

/* Odd 64-bit constants with well-mixed bits (fractional parts of the golden ratio and of square roots). */
#define SEED_WORD  UINT64_C(0x9e3779b97f4a7c15)
#define SEED_PAIR  UINT64_C(0x6a09e667f3bcc909)
#define SEED_GRAM  UINT64_C(0xbb67ae8584caa73b)
#define MULTIPLIER UINT64_C(0xd6e8feb86659fd93)

static inline uint64_t mix(uint64_t h) {
    h ^= h >> 32;
    h *= MULTIPLIER;
    h ^= h >> 29;
    h *= MULTIPLIER;
    return h ^ (h >> 32);
}

static inline uint64_t add_byte(uint64_t h, unsigned char byte) {
    return (h ^ byte) * UINT64_C(0x100000001b3); /* FNV-1a; mix() finishes it */
}

/* Decodes one character (RFC 3629). Returns its length, or 0 where the bytes are not UTF-8. */
static size_t decode(const unsigned char *p, size_t n, uint32_t *character) {
    if (p[0] < 0x80) {
        *character = p[0];
        return 1;
    }
    size_t length = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
    if (p[0] < 0xc2 || p[0] > 0xf4 || length > n)
        return 0;
    uint32_t c = p[0] & (0x7f >> length);
    for (size_t i = 1; i < length; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return 0;
        c = c << 6 | (p[i] & 0x3f);
    }
    static const uint32_t least[5] = {0, 0, 0x80, 0x800, 0x10000};
    if (c < least[length] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
        return 0;
    *character = c;
    return length;
}

static size_t encode(uint32_t c, char *p) {
    if (c < 0x800) {
        p[0] = (char)(0xc0 | c >> 6);
        p[1] = (char)(0x80 | (c & 0x3f));
        return 2;
    }
    if (c < 0x10000) {
        p[0] = (char)(0xe0 | c >> 12);
        p[1] = (char)(0x80 | (c >> 6 & 0x3f));
        p[2] = (char)(0x80 | (c & 0x3f));
        return 3;
    }
    p[0] = (char)(0xf0 | c >> 18);
    p[1] = (char)(0x80 | (c >> 12 & 0x3f));
    p[2] = (char)(0x80 | (c >> 6 & 0x3f));
    p[3] = (char)(0x80 | (c & 0x3f));
    return 4;
}

/* The scripts of Europe; others have no case, or too little text here to matter. */
static uint32_t lower(uint32_t c) {
    if ((c >= 0xc0 && c <= 0xde && c != 0xd7) || (c >= 0x391 && c <= 0x3a9) || (c >= 0x410 && c <= 0x42f))
        return c + 32;
    if (c >= 0x400 && c <= 0x40f)
        return c + 80;
    if ((c >= 0x100 && c <= 0x137) || (c >= 0x14a && c <= 0x177))
        return c | 1;
    return c;
}

enum character_class { SEPARATES, LETTER, ALONE };

/* Ideographs, kana and emoji stand alone: such text has no spaces, and pairs of them make good features. */
static enum character_class classify(uint32_t c) {
    if (c < 0xc0 || (c >= 0x2000 && c <= 0x2bff) || (c >= 0x3000 && c <= 0x303f) ||
        (c >= 0xfe00 && c <= 0xfe0f) || (c >= 0xff00 && c <= 0xff0f))
        return SEPARATES;
    if ((c >= 0x2e80 && c <= 0x9fff) || c >= 0x1f000)
        return ALONE;
    return LETTER;
}

/* 0: separates; else what an ASCII character becomes. */
static const char ascii_letter[128] = {
    ['0'] = '0', ['1'] = '1', ['2'] = '2', ['3'] = '3', ['4'] = '4', ['5'] = '5', ['6'] = '6', ['7'] = '7',
    ['8'] = '8', ['9'] = '9', ['_'] = '_', ['A'] = 'a', ['B'] = 'b', ['C'] = 'c', ['D'] = 'd', ['E'] = 'e',
    ['F'] = 'f', ['G'] = 'g', ['H'] = 'h', ['I'] = 'i', ['J'] = 'j', ['K'] = 'k', ['L'] = 'l', ['M'] = 'm',
    ['N'] = 'n', ['O'] = 'o', ['P'] = 'p', ['Q'] = 'q', ['R'] = 'r', ['S'] = 's', ['T'] = 't', ['U'] = 'u',
    ['V'] = 'v', ['W'] = 'w', ['X'] = 'x', ['Y'] = 'y', ['Z'] = 'z', ['a'] = 'a', ['b'] = 'b', ['c'] = 'c',
    ['d'] = 'd', ['e'] = 'e', ['f'] = 'f', ['g'] = 'g', ['h'] = 'h', ['i'] = 'i', ['j'] = 'j', ['k'] = 'k',
    ['l'] = 'l', ['m'] = 'm', ['n'] = 'n', ['o'] = 'o', ['p'] = 'p', ['q'] = 'q', ['r'] = 'r', ['s'] = 's',
    ['t'] = 't', ['u'] = 'u', ['v'] = 'v', ['w'] = 'w', ['x'] = 'x', ['y'] = 'y', ['z'] = 'z',
};

/* Where the splitter stands: `at` is the next free byte of letters, `start` the current word's first. */
struct splitter {
    struct text_tokens *t;
    size_t start, at;
    uint64_t hash;
    bool digits; /* the current word has some */
};

/* Long numbers differ from text to text, so only their shape is kept: 2026 is 0000, ab12cd is ab00cd. Numbers
 * of one or two digits mean something. */
static void keep_shape_of_number(struct splitter *s) {
    s->hash = SEED_WORD;
    for (char *p = s->t->letters + s->start; p < s->t->letters + s->at; p++) {
        if (*p >= '0' && *p <= '9')
            *p = '0';
        s->hash = add_byte(s->hash, (unsigned char)*p);
    }
}

static inline void end_word(struct splitter *s) {
    if (s->at == s->start)
        return;
    struct text_tokens *t = s->t;
    if (s->digits && s->at - s->start > 2)
        keep_shape_of_number(s);
    s->digits = false;
    t->words[t->word_count++] = (struct text_word){
        .hash = mix(s->hash ^ SEED_WORD), .at = (uint32_t)s->start, .n = (uint32_t)(s->at - s->start)};
    t->letters[s->at++] = ' ';
    s->start = s->at;
    s->hash = SEED_WORD;
}

/* A character beyond ASCII; returns the bytes taken. */
static size_t add_wide(struct splitter *s, const unsigned char *p, size_t n) {
    uint32_t c;
    size_t length = decode(p, n, &c);
    enum character_class kind = length ? classify(c) : SEPARATES;
    if (kind != LETTER || s->at - s->start + 4 > TEXT_WORD_BYTES_MAX)
        end_word(s);
    if (kind == SEPARATES)
        return length ? length : 1;
    size_t written = encode(lower(c), s->t->letters + s->at);
    for (size_t i = 0; i < written; i++)
        s->hash = add_byte(s->hash, (unsigned char)s->t->letters[s->at + i]);
    s->at += written;
    if (kind == ALONE)
        end_word(s);
    return length;
}

static void split_words(struct text_tokens *t, struct str text) {
    struct splitter s = {t, 1, 1, SEED_WORD, false};
    const unsigned char *p = (const unsigned char *)text.p,
                        *end = text.n ? p + text.n : p; /* NULL + 0 is undefined */
    t->word_count = 0;
    t->letters[0] = ' ';
    /* One word more than the current one may be added per step. */
    while (p < end && t->word_count < TEXT_WORDS_MAX - 2 && s.at < TEXT_LETTERS_MAX) {
        if (*p >= 0x80) {
            p += add_wide(&s, p, (size_t)(end - p));
            continue;
        }
        char letter = ascii_letter[*p++];
        if (!letter || s.at - s.start == TEXT_WORD_BYTES_MAX)
            end_word(&s);
        if (!letter)
            continue;
        t->letters[s.at++] = letter;
        s.digits |= letter <= '9';
        s.hash = add_byte(s.hash, (unsigned char)letter);
    }
    end_word(&s);
    t->truncated = p < end;
}

static inline void add_token(struct text_tokens *t, size_t mask, uint64_t hash, uint32_t word) {
    size_t slot = hash & mask;
    for (; t->set[slot]; slot = (slot + 1) & mask)
        if (t->tokens[t->set[slot] - 1].hash == hash) {
            t->tokens[t->set[slot] - 1].count++;
            return;
        }
    t->tokens[t->token_count] = (struct text_token){hash, 1, word};
    t->set[slot] = (uint32_t)++t->token_count;
}

void text_tokenise(struct text_tokens *t, struct str text) {
    split_words(t, text);
    t->token_count = 0;
    size_t room = 16; /* twice the tokens there can be */
    while (room < 4 * t->word_count)
        room *= 2;
    memset(t->set, 0, room * sizeof t->set[0]);
    for (size_t i = 0; i < t->word_count; i++)
        add_token(t, room - 1, t->words[i].hash, (uint32_t)i);
    for (size_t i = 0; i + 1 < t->word_count; i++)
        add_token(t, room - 1, mix(t->words[i].hash * 3 + (t->words[i + 1].hash ^ SEED_PAIR)), TEXT_PAIR);
}

size_t text_grams(const struct text_tokens *t, uint32_t word, uint64_t grams[TEXT_GRAMS_MAX]) {
    const unsigned char *p = (const unsigned char *)t->letters + t->words[word].at - 1;
    size_t n = t->words[word].n + 2, count = 0;
    for (size_t from = 0; from < n; from++) {
        if ((p[from] & 0xc0) == 0x80)
            continue; /* not the start of a character */
        uint64_t h = SEED_GRAM;
        unsigned characters = 0;
        for (size_t i = from; i < n; i++) {
            h = add_byte(h, p[i]);
            if (i + 1 < n && (p[i + 1] & 0xc0) == 0x80)
                continue;
            if (++characters >= 2)
                grams[count++] = mix(h + characters);
            if (characters == 5)
                break;
        }
    }
    return count;
}
