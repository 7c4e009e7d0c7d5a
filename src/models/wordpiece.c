#include "models/wordpiece.h"

#include "base/check.h"
#include "base/hash.h"

#include <stdlib.h>
#include <string.h>

enum { WORD_BYTES = 4 * WORDPIECE_WORD_MAX, BAD = 0xFFFD };

struct wordpiece {
    bool cased;
    uint32_t unknown, begin, end;
    struct str *tokens; /* by number; lead into the vocabulary */
    uint32_t count;
    size_t token_max; /* bytes of the longest */
    uint32_t *slots;  /* of a table by hash: number + 1, 0 is free */
    uint32_t mask;
};

/* ---- the vocabulary ---- */

static uint32_t *slot_of(const struct wordpiece *w, bool inner, struct str text) {
    uint32_t at = (uint32_t)hash64(text, inner) & w->mask;
    for (;; at = (at + 1) & w->mask) {
        uint32_t *slot = &w->slots[at];
        if (!*slot)
            return slot;
        struct str token = w->tokens[*slot - 1];
        bool its_inner = token.n > 2 && str_starts(token, STR("##"));
        if (its_inner == inner && str_eq(its_inner ? str_slice(token, 2, token.n) : token, text))
            return slot;
    }
}

static bool find(const struct wordpiece *w, bool inner, struct str text, uint32_t *number) {
    uint32_t slot = *slot_of(w, inner, text);
    if (slot)
        *number = slot - 1;
    return slot != 0;
}

static bool find_special(const struct wordpiece *w, struct str name, uint32_t *number, struct error *err) {
    return find(w, false, name, number) ||
           fail(err, ERR_ARTEFACT, "The vocabulary has no line %.*s; expected that of a BERT model.",
                STR_ARG(name));
}

static struct str next_line(struct str *rest) {
    struct str line = str_split(rest, '\n');
    return line.n && line.p[line.n - 1] == '\r' ? str_slice(line, 0, line.n - 1) : line;
}

static size_t count_lines(struct str text) {
    size_t count = 0;
    while (text.n) {
        next_line(&text);
        count++;
    }
    return count;
}

static bool make_room(struct wordpiece *w, size_t lines, struct error *err) {
    uint32_t slots = 16;
    while (slots < 2 * lines)
        slots *= 2;
    w->mask = slots - 1;
    w->slots = calloc(slots, sizeof *w->slots);
    w->tokens = calloc(lines, sizeof *w->tokens);
    return (w->slots && w->tokens) || fail(err, ERR_NO_MEMORY, "Out of memory for a vocabulary.");
}

static void add_lines(struct wordpiece *w, struct str text) {
    while (text.n) {
        struct str token = next_line(&text);
        bool inner = token.n > 2 && str_starts(token, STR("##"));
        w->tokens[w->count] = token;
        uint32_t *slot = slot_of(w, inner, inner ? str_slice(token, 2, token.n) : token);
        w->count++;
        w->token_max = token.n > w->token_max ? token.n : w->token_max;
        if (!*slot) /* of two that are the same the first counts */
            *slot = w->count;
    }
}

bool wordpiece_new(struct wordpiece **out, struct str vocabulary, bool cased, struct error *err) {
    size_t lines = count_lines(vocabulary);
    if (lines < 3 || lines > WORDPIECE_TOKENS_MAX)
        return fail(err, ERR_ARTEFACT, "The vocabulary has %zu lines; expected 3 to %d, a token each.", lines,
                    WORDPIECE_TOKENS_MAX);
    struct wordpiece *w = calloc(1, sizeof *w);
    if (!w)
        return fail(err, ERR_NO_MEMORY, "Out of memory for a vocabulary.");
    w->cased = cased;
    bool good = make_room(w, lines, err);
    if (good) {
        add_lines(w, vocabulary);
        good = find_special(w, STR("[UNK]"), &w->unknown, err) &&
               find_special(w, STR("[CLS]"), &w->begin, err) && find_special(w, STR("[SEP]"), &w->end, err);
    }
    if (good)
        *out = w;
    else
        wordpiece_free(w);
    return good;
}

void wordpiece_free(struct wordpiece *w) {
    if (!w)
        return;
    free(w->slots);
    free(w->tokens);
    free(w);
}

/* ---- characters ---- */

static size_t decode(struct str text, size_t at, uint32_t *c) {
    const unsigned char *p = (const unsigned char *)text.p + at;
    size_t left = text.n - at, n = p[0] < 0x80    ? 1
                                   : p[0] >= 0xF0 ? 4
                                   : p[0] >= 0xE0 ? 3
                                   : p[0] >= 0xC0 ? 2
                                                  : 0;
    static const unsigned char first[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    *c = BAD;
    if (n == 0 || n > left)
        return 1;
    uint32_t value = p[0] & first[n];
    for (size_t i = 1; i < n; i++) {
        if ((p[i] & 0xC0) != 0x80)
            return 1;
        value = value << 6 | (p[i] & 0x3f);
    }
    *c = value;
    return n;
}

static size_t encode(uint32_t c, char *to) {
    if (c < 0x80) {
        to[0] = (char)c;
        return 1;
    }
    size_t n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    for (size_t i = n - 1; i > 0; i--, c >>= 6)
        to[i] = (char)(0x80 | (c & 0x3f));
    static const unsigned char first[] = {0, 0, 0xC0, 0xE0, 0xF0};
    to[0] = (char)(first[n] | c);
    return n;
}

struct range {
    uint32_t from, to;
};

static bool within(uint32_t c, const struct range *ranges, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (c >= ranges[i].from && c <= ranges[i].to)
            return true;
    return false;
}
#define WITHIN(c, ...)                                                                                       \
    within(c, (const struct range[]){__VA_ARGS__},                                                           \
           sizeof((const struct range[]){__VA_ARGS__}) / sizeof(struct range))

static bool is_space(uint32_t c) {
    return WITHIN(c, {'\t', '\n'}, {'\r', '\r'}, {' ', ' '}, {0xA0, 0xA0}, {0x1680, 0x1680}, {0x2000, 0x200A},
                  {0x202F, 0x202F}, {0x205F, 0x205F}, {0x3000, 0x3000});
}

static bool is_dropped(uint32_t c, bool cased) {
    if (!cased && c >= 0x300 && c <= 0x36F) /* accents by themselves */
        return true;
    return c == BAD || WITHIN(c, {0, 0x1F}, {0x7F, 0x9F}, {0xAD, 0xAD}, {0x200B, 0x200F}, {0x202A, 0x202E},
                              {0x2060, 0x2064}, {0xFEFF, 0xFEFF});
}

/* Unicode's category P where texts have it, and all of ASCII that is no letter, digit or space. */
static bool is_punctuation(uint32_t c) {
    return WITHIN(c, {33, 47}, {58, 64}, {91, 96}, {123, 126}, {0xA1, 0xA1}, {0xA7, 0xA7}, {0xAB, 0xAB},
                  {0xB6, 0xB7}, {0xBB, 0xBB}, {0xBF, 0xBF}, {0x37E, 0x37E}, {0x387, 0x387}, {0x589, 0x58A},
                  {0x5BE, 0x5BE}, {0x60C, 0x60D}, {0x61B, 0x61B}, {0x61E, 0x61F}, {0x964, 0x965},
                  {0x2010, 0x2027}, {0x2030, 0x2043}, {0x2045, 0x2051}, {0x2053, 0x205E}, {0x3001, 0x3003},
                  {0x3008, 0x3011}, {0x3014, 0x301F}, {0x30FB, 0x30FB}, {0xFF01, 0xFF03}, {0xFF05, 0xFF0A},
                  {0xFF0C, 0xFF0F}, {0xFF1A, 0xFF1B}, {0xFF1F, 0xFF20}, {0xFF3B, 0xFF3D}, {0xFF61, 0xFF65});
}

static bool is_chinese(uint32_t c) {
    return WITHIN(c, {0x3400, 0x4DBF}, {0x4E00, 0x9FFF}, {0xF900, 0xFAFF}, {0x20000, 0x2FA1F});
}

/* Lower case without accents, as Unicode's decomposition (NFD) has it. */
static uint32_t fold_latin(uint32_t c) {
    static const char one[] = "aaaaaa=ceeeeiiii=nooooo==uuuuy=y"; /* U+00E0 to U+00FF */
    static const char extended[] =                                /* U+0100 to U+017F */
        "aaaaaaccccccccdd==eeeeeeeeeegggggggghh==iiiiiiiii===jjkk=llllll====nnnnnn===oooooo==rrrrrrssssssss"
        "tttt==uuuuuuuuuuuuwwyyyzzzzzz=";
    _Static_assert(sizeof one == 33 && sizeof extended == 129, "a letter each");
    if (c >= 0xC0 && c <= 0xDE && c != 0xD7)
        c += 0x20;
    if (c >= 0xE0 && c <= 0xFF)
        return one[c - 0xE0] == '=' ? c : (unsigned char)one[c - 0xE0];
    if (c < 0x100 || c > 0x17F)
        return c;
    if (extended[c - 0x100] != '=')
        return (unsigned char)extended[c - 0x100];
    bool odd_is_upper = c >= 0x139 && c <= 0x148;
    bool alone = c == 0x131 || c == 0x138 || c == 0x149 || c == 0x17F;
    return alone ? c : odd_is_upper ? c + (c & 1) : c | 1;
}

static uint32_t fold(uint32_t c) {
    static const uint16_t accented[][2] = {
        {0x386, 0x3B1}, {0x388, 0x3B5}, {0x389, 0x3B7}, {0x38A, 0x3B9}, {0x38C, 0x3BF}, {0x38E, 0x3C5},
        {0x38F, 0x3C9}, {0x390, 0x3B9}, {0x3AA, 0x3B9}, {0x3AB, 0x3C5}, {0x3AC, 0x3B1}, {0x3AD, 0x3B5},
        {0x3AE, 0x3B7}, {0x3AF, 0x3B9}, {0x3B0, 0x3C5}, {0x3CA, 0x3B9}, {0x3CB, 0x3C5}, {0x3CC, 0x3BF},
        {0x3CD, 0x3C5}, {0x3CE, 0x3C9}, {0x439, 0x438}, {0x450, 0x435}, {0x451, 0x435}, {0x453, 0x433},
        {0x457, 0x456}, {0x45C, 0x43A}, {0x45D, 0x438}, {0x45E, 0x443}};
    if (c < 0x80)
        return c >= 'A' && c <= 'Z' ? c + 32 : c;
    if (c < 0x180)
        return fold_latin(c);
    if (c >= 0x400 && c <= 0x42F)
        c += c < 0x410 ? 0x50 : 0x20;
    for (size_t i = 0; i < ARRAY_COUNT(accented); i++)
        if (accented[i][0] == c)
            return accented[i][1];
    return c >= 0x391 && c <= 0x3A9 ? c + 0x20 : c;
}

/* ---- texts ---- */

struct encoding {
    const struct wordpiece *w;
    int64_t *tokens;
    size_t count, room;
    char word[WORD_BYTES];
    size_t bytes, letters;
};

static void add_token(struct encoding *e, uint32_t number) {
    if (e->count < e->room)
        e->tokens[e->count++] = number;
}

/* The longest token that begins there; 0: none does. */
static size_t longest(const struct encoding *e, size_t at, uint32_t *number) {
    size_t left = e->bytes - at, most = left < e->w->token_max ? left : e->w->token_max;
    for (size_t end = at + most; end > at; end--) {
        bool whole = end == e->bytes || ((unsigned char)e->word[end] & 0xC0) != 0x80;
        if (whole && find(e->w, at > 0, (struct str){e->word + at, end - at}, number))
            return end;
    }
    return 0;
}

static void end_word(struct encoding *e) {
    size_t before = e->count, at = 0, end = 0;
    uint32_t number;
    bool known = e->letters <= WORDPIECE_WORD_MAX;
    for (; known && at < e->bytes; at = end) {
        end = longest(e, at, &number);
        known = end > 0;
        if (known)
            add_token(e, number);
    }
    if (!known) { /* a word is known as a whole or not at all */
        e->count = before;
        add_token(e, e->w->unknown);
    }
    e->bytes = e->letters = 0;
}

static void end_any_word(struct encoding *e) {
    if (e->letters)
        end_word(e);
}

static void add_letter(struct encoding *e, uint32_t c) {
    if (++e->letters <= WORDPIECE_WORD_MAX)
        e->bytes += encode(c, e->word + e->bytes);
}

static void take(struct encoding *e, uint32_t c) {
    if (is_space(c)) {
        end_any_word(e);
        return;
    }
    if (is_dropped(c, e->w->cased))
        return;
    if (!e->w->cased)
        c = fold(c);
    bool alone = is_punctuation(c) || is_chinese(c);
    if (alone)
        end_any_word(e);
    add_letter(e, c);
    if (alone)
        end_word(e);
}

size_t wordpiece_encode(const struct wordpiece *w, struct str text, int64_t *tokens, size_t room) {
    struct encoding e = {.w = w, .tokens = tokens, .room = room - 1};
    uint32_t c;
    CHECK(room >= 2);
    add_token(&e, w->begin);
    for (size_t at = 0; at < text.n && e.count < e.room;) {
        at += decode(text, at, &c);
        take(&e, c);
    }
    end_any_word(&e);
    e.room = room;
    add_token(&e, w->end);
    return e.count;
}
