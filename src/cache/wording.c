#include "cache/wording.h"

#include "base/hash.h"
#include "cache/lexicon.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SEED_PAIR UINT64_C(0x6a09e667f3bcc909)
#define SEED_GRAM UINT64_C(0xbb67ae8584caa73b)

struct reader {
    struct wording *w;
    const unsigned char *p, *end;
    size_t at;          /* next free byte of letters */
    bool first;         /* the next word begins a sentence */
    uint32_t unit_sign; /* a currency sign stands before the next word */
};

/* One step of reading: what the next character becomes, how long it is, whether it is a capital. */
struct character {
    char bytes[4];
    size_t length; /* of what it becomes; 0: it separates */
    size_t taken;
    bool capital, alone;
};

static bool is_digit(unsigned char c) {
    return c >= '0' && c <= '9';
}

static struct character ascii(unsigned char c) {
    struct character r = {.taken = 1};
    if (c >= 'A' && c <= 'Z') {
        r.capital = true;
        c += 32;
    }
    if ((c >= 'a' && c <= 'z') || is_digit(c)) {
        r.bytes[0] = (char)c;
        r.length = 1;
    }
    return r;
}

/* Lower case for Latin-1 and Cyrillic. */
static void lower_wide(struct character *c) {
    unsigned char first = (unsigned char)c->bytes[0], second = (unsigned char)c->bytes[1];
    if (first == 0xc3 && second >= 0x80 && second <= 0x9e && second != 0x97) {
        c->bytes[1] = (char)(second + 0x20);
        c->capital = true;
    } else if (first == 0xd0 && second >= 0x90 && second <= 0xaf) {
        c->bytes[0] = (char)(second < 0xa0 ? 0xd0 : 0xd1);
        c->bytes[1] = (char)(second < 0xa0 ? second + 0x20 : second - 0x20);
        c->capital = true;
    }
}

/* Typographic punctuation, and the signs of Latin-1. */
static bool separates(const unsigned char *p) {
    return p[0] == 0xc2 || (p[0] == 0xe2 && p[1] < 0xb0) || (p[0] == 0xe3 && p[1] == 0x80 && p[2] < 0xa0);
}

/* Ideographs and kana stand alone. */
static struct character wide(const unsigned char *p, size_t n) {
    size_t length = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : p[0] >= 0xc0 ? 2 : 1;
    struct character r = {.taken = length > n ? n : length};
    if (r.taken < length || length == 1 || separates(p))
        return r;
    memcpy(r.bytes, p, length);
    r.length = length;
    r.alone = (p[0] >= 0xe3 && p[0] <= 0xe9) || p[0] >= 0xf0;
    lower_wide(&r);
    return r;
}

/* An apostrophe, straight or curly; how many bytes. */
static size_t apostrophe(const unsigned char *p, size_t n) {
    if (n && *p == '\'')
        return 1;
    return n >= 3 && memcmp(p, "\xe2\x80\x99", 3) == 0 ? 3 : 0;
}

static uint64_t hash_of(const char *p, size_t n) {
    return hash64((struct str){p, n}, 1);
}

static void add_word(struct reader *r, size_t start, unsigned flags) {
    struct wording *w = r->w;
    size_t n = r->at - start;
    struct str text = {w->letters + start, n};
    if (w->count == WORDING_WORDS_MAX) {
        w->whole = false;
        r->at = start;
        return;
    }
    flags |= lexicon_flags(text) | (r->first ? WORD_FIRST : 0);
    if (str_eq(text, STR("i")))
        flags &= ~(unsigned)WORD_CAPITAL;
    w->words[w->count++] = (struct word){
        .hash = hash_of(text.p, n),
        .stem = (uint32_t)hash_of(text.p, lexicon_stem_length(text)),
        .unit = flags & WORD_NUMBER ? r->unit_sign : 0,
        .at = (uint16_t)start,
        .n = (uint16_t)n,
        .flags = (uint16_t)flags,
    };
    w->negations += (flags & WORD_NEGATION) != 0;
    w->letters[r->at++] = ' ';
    r->first = false;
    r->unit_sign = 0;
}

/* ---- numbers in digits ---- */

/* Joins digits within a number, a time, a date or a range. */
static bool joins(unsigned char c) {
    return c == '.' || c == ',' || c == ':' || c == '/' || c == '-';
}

/* 1,000.00 becomes 1000: groups of three lose their comma, and decimals that are nothing leave. */
static size_t canonical(char *p, size_t n) {
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        size_t digits = 0;
        while (i + 1 + digits < n && is_digit((unsigned char)p[i + 1 + digits]))
            digits++;
        if (p[i] == ',' && digits == 3)
            continue;
        p[kept++] = p[i];
    }
    if (kept > 3 && memcmp(p + kept - 3, ".00", 3) == 0)
        return kept - 3;
    return kept > 2 && p[kept - 2] == '.' && p[kept - 1] == '0' && is_digit((unsigned char)p[kept - 3])
               ? kept - 2
               : kept;
}

/* 2k and 1.5m as the number that they are; false where it is no plain number with such an ending. */
static bool expand(char *p, size_t *n) {
    static const struct {
        const char *ending;
        double factor;
    } endings[] = {{"k", 1e3}, {"bn", 1e9}};
    for (size_t i = 0; i < ARRAY_COUNT(endings); i++) {
        struct str text = {p, *n}, ending = str_from(endings[i].ending);
        double value;
        if (!str_ends(text, ending) || !str_to_double(str_slice(text, 0, *n - ending.n), &value) ||
            value < 0 || value > 1e6)
            continue;
        char written[32];
        int length = snprintf(written, sizeof written, "%.15g", value * endings[i].factor);
        if ((size_t)length > *n + 12 || strchr(written, 'e'))
            return false;
        memcpy(p, written, (size_t)length);
        *n = (size_t)length;
        return true;
    }
    return false;
}

/* Digits and what belongs to them, letters too. */
static void read_number(struct reader *r, bool negative) {
    struct wording *w = r->w;
    size_t start = r->at;
    if (negative)
        w->letters[r->at++] = '-';
    size_t digits = r->at;
    while (r->p < r->end && r->at - start < WORDING_WORD_BYTES_MAX - 12) {
        unsigned char c = *r->p;
        bool joined = joins(c) && r->p + 1 < r->end && is_digit(r->p[1]);
        struct character letter = c < 0x80 ? ascii(c) : (struct character){0};
        if (!letter.length && !joined)
            break;
        w->letters[r->at++] = joined ? (char)c : letter.bytes[0];
        r->p++;
    }
    size_t n = canonical(w->letters + digits, r->at - digits);
    expand(w->letters + digits, &n);
    r->at = digits + n;
    /* 5kg is 5 kg, 10am is 10 am. */
    size_t plain = 0;
    while (plain < n && !(w->letters[digits + plain] >= 'a' && w->letters[digits + plain] <= 'z'))
        plain++;
    uint32_t unit = plain < n ? lexicon_unit((struct str){w->letters + digits + plain, n - plain}) : 0;
    if (unit) {
        r->at = digits + plain;
        r->unit_sign = unit;
    }
    if (r->p < r->end && *r->p == '%')
        r->unit_sign = lexicon_unit(STR("%"));
    add_word(r, start, WORD_NUMBER);
}

/* ---- words ---- */

static void read_word(struct reader *r) {
    struct wording *w = r->w;
    size_t start = r->at, taken;
    bool capital = false, digits = false;
    while (r->p < r->end && r->at - start + 4 <= WORDING_WORD_BYTES_MAX) {
        size_t left = (size_t)(r->end - r->p);
        if ((taken = apostrophe(r->p, left)) && r->at > start && left > taken && ascii(r->p[taken]).length) {
            w->letters[r->at++] = '\'';
            r->p += taken;
            continue;
        }
        struct character c = *r->p < 0x80 ? ascii(*r->p) : wide(r->p, left);
        if (!c.length || (c.alone && r->at > start))
            break;
        memcpy(w->letters + r->at, c.bytes, c.length);
        digits |= is_digit((unsigned char)c.bytes[0]);
        r->at += c.length;
        r->p += c.taken;
        capital |= c.capital;
        if (c.alone)
            break;
    }
    add_word(r, start, (capital ? WORD_CAPITAL : 0u) | (digits ? WORD_NUMBER : 0u));
}

static void skip(struct reader *r, size_t taken) {
    if (*r->p == '.' || *r->p == '!' || *r->p == '?' || *r->p == '\n' || *r->p == '"')
        r->first = true;
    uint32_t unit = *r->p == '$' || *r->p >= 0x80 ? lexicon_unit((struct str){(const char *)r->p, taken}) : 0;
    if (unit)
        r->unit_sign = unit;
    else if (*r->p != ' ')
        r->unit_sign = 0;
    r->p += taken;
}

/* A minus before digits, where no word ends right before it. */
static bool is_minus(const struct reader *r, const unsigned char *begin) {
    return *r->p == '-' && r->p + 1 < r->end && is_digit(r->p[1]) && (r->p == begin || r->p[-1] == ' ');
}

/* ---- numbers in words ---- */

/* The words of one spelled number become one word in digits; returns how many they were. */
static size_t spelled(const struct wording *w, size_t from, int64_t *value) {
    int64_t total = 0, part = 0;
    size_t i = from;
    for (; i < w->count; i++) {
        bool scale = false;
        int64_t n = lexicon_number(wording_word(w, i), &scale);
        if (n < 0 && i > from && i + 1 < w->count && str_eq(wording_word(w, i), STR("and")) &&
            lexicon_number(wording_word(w, i + 1), &scale) >= 0 && !scale && part >= 100)
            continue;
        if (n < 0 || total > INT64_C(1000000000000))
            break;
        if (!scale && part % 100 != 0 && !(part % 100 >= 20 && part % 10 == 0 && n < 10))
            break; /* "one two": two numbers */
        if (!scale)
            part += n;
        else if (n < 1000)
            part = (part ? part : 1) * n;
        else {
            total += (part ? part : 1) * n;
            part = 0;
        }
    }
    *value = total + part;
    return i - from;
}

static void fold_numbers(struct wording *w) {
    size_t kept = 0;
    for (size_t i = 0; i < w->count;) {
        int64_t value = 0;
        size_t words = w->words[i].flags & WORD_NUMBER ? 0 : spelled(w, i, &value);
        /* "one" alone is rarely a number. */
        if (words == 0 || (words == 1 && value == 1)) {
            w->words[kept++] = w->words[i++];
            continue;
        }
        char digits[24];
        int n = snprintf(digits, sizeof digits, "%lld", (long long)value);
        w->words[kept] = w->words[i];
        w->words[kept].hash = hash_of(digits, (size_t)n);
        w->words[kept].stem = (uint32_t)w->words[kept].hash;
        w->words[kept++].flags = WORD_NUMBER;
        i += words;
    }
    w->count = kept;
}

/* "5 days": the word behind a number is its unit. */
static void find_units(struct wording *w) {
    for (size_t i = 0; i + 1 < w->count; i++)
        if (w->words[i].flags & WORD_NUMBER && !w->words[i].unit)
            w->words[i].unit = lexicon_unit(wording_word(w, i + 1));
}

void wording_read(struct wording *w, struct str text) {
    const unsigned char *begin = (const unsigned char *)text.p;
    w->count = w->negations = 0;
    w->whole = text.n <= WORDING_BYTES_MAX;
    w->letters[0] = ' ';
    if (!w->whole || text.n == 0)
        return;
    struct reader r = {.w = w, .p = begin, .end = begin + text.n, .at = 1, .first = true};
    while (r.p < r.end && w->whole) {
        struct character c = *r.p < 0x80 ? ascii(*r.p) : wide(r.p, (size_t)(r.end - r.p));
        if (is_digit(*r.p))
            read_number(&r, false);
        else if (is_minus(&r, begin)) {
            r.p++;
            read_number(&r, true);
        } else if (c.length)
            read_word(&r);
        else
            skip(&r, c.taken);
    }
    fold_numbers(w);
    find_units(w);
}

/* ---- tokens and vectors ---- */

static void visit_grams(const struct wording *w, const struct word *word, wording_visit *visit, void *ctx) {
    const char *p = w->letters + word->at - 1;
    size_t n = word->n + 2u;
    for (size_t from = 0; from < n; from++) {
        uint64_t hash = SEED_GRAM;
        for (size_t i = from; i < n && i < from + 4; i++) {
            hash = (hash ^ (unsigned char)p[i]) * UINT64_C(0x100000001b3);
            if (i > from)
                visit(ctx, WORDING_GRAM, hash64_u64(hash), word);
        }
    }
}

void wording_tokens(const struct wording *w, wording_visit *visit, void *ctx) {
    for (size_t i = 0; i < w->count; i++) {
        const struct word *word = &w->words[i];
        visit(ctx, WORDING_WORD, word->hash, word);
        if (i + 1 < w->count)
            visit(ctx, WORDING_PAIR, hash64_u64(word->hash * 3 + (w->words[i + 1].hash ^ SEED_PAIR)), word);
        visit_grams(w, word, visit, ctx);
    }
}

static void project(void *ctx, enum wording_block block, uint64_t hash, const struct word *w) {
    static const float weights[WORDING_BLOCKS] = {
        [WORDING_WORD] = 1, [WORDING_PAIR] = 0.5F, [WORDING_GRAM] = 0.35F};
    float *sums = ctx, weight = weights[block] * (w->flags & (WORD_PLAIN | WORD_DIRECTION) ? 0.4F : 1);
    /* Two places for each, so that a collision costs half. */
    sums[hash % WORDING_DIMENSIONS] += hash >> 63 ? weight : -weight;
    sums[(hash >> 20) % WORDING_DIMENSIONS] += hash >> 62 & 1 ? weight : -weight;
}

bool vector_quantise(const float *from, size_t n, int8_t *to, float *factor) {
    float most = 0, length = 0;
    for (size_t i = 0; i < n; i++) {
        if (!isfinite(from[i]))
            return false;
        most = fmaxf(most, fabsf(from[i]));
    }
    if (most <= 1e-30F)
        return false;
    for (size_t i = 0; i < n; i++) {
        float scaled = rintf(from[i] / most * 127);
        to[i] = (int8_t)scaled;
        length += scaled * scaled;
    }
    *factor = 1 / sqrtf(length);
    return true;
}

void wording_vector(const struct wording *w, int8_t vector[WORDING_DIMENSIONS], float *factor) {
    float sums[WORDING_DIMENSIONS] = {0};
    wording_tokens(w, project, sums);
    if (!vector_quantise(sums, WORDING_DIMENSIONS, vector, factor)) {
        memset(vector, 0, WORDING_DIMENSIONS);
        *factor = 0;
    }
}

/* clang 14 gives the chosen one another name, which no other file can call. */
#if defined(__x86_64__) && !defined(__clang__) && !defined(__SANITIZE_THREAD__) &&                           \
    !defined(__SANITIZE_ADDRESS__)
__attribute__((target_clones("default", "avx2")))
#endif
int32_t
vector_product(const int8_t *a, const int8_t *b, size_t n) {
    enum { STRIDE = 64 };
    int32_t sum = 0;
    size_t i = 0;
    /* Widened to 16 bits first, pairs are multiplied and added in one instruction: half the time. */
    for (; i + STRIDE <= n; i += STRIDE) {
        int16_t x[STRIDE], y[STRIDE];
        for (size_t k = 0; k < STRIDE; k++)
            x[k] = a[i + k];
        for (size_t k = 0; k < STRIDE; k++)
            y[k] = b[i + k];
        for (size_t k = 0; k < STRIDE; k++)
            sum += (int32_t)x[k] * y[k];
    }
    for (; i < n; i++)
        sum += (int32_t)a[i] * b[i];
    return sum;
}
