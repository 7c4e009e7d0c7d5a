#include "chat/tokens.h"

#include "chat/token_weights.h"

#include <math.h>

/* Pieces are cut as the tokenizers' own pre-splitting does (OpenAI's tiktoken, cl100k_base and o200k_base): a
 * word takes the space before it along, digits go by threes, punctuation takes the newline behind it along.
 * What a piece of some kind weighs on the average stands in chat/token_weights.c. */

enum { WHOLE_MAX = 1 << 20, SAMPLE = 1 << 18, HUNDRED = 100 };

struct scan {
    const struct token_weights *weights;
    const unsigned char *p, *end;
    int64_t sum; /* hundredths */
    bool space;  /* a space stands before p, and belongs to what follows */
};

/* ---- characters ---- */

enum { LATIN = -1 };

static const struct range {
    uint32_t from, to; /* inclusive */
    int script;
} ranges[] = {
    {0x80, 0xbf, SCRIPT_MARKS},
    {0xc0, 0xd6, LATIN},
    {0xd7, 0xd7, SCRIPT_MARKS},
    {0xd8, 0xf6, LATIN},
    {0xf7, 0xf7, SCRIPT_MARKS},
    {0xf8, 0x24f, LATIN},
    {0x370, 0x3ff, SCRIPT_GREEK},
    {0x400, 0x52f, SCRIPT_CYRILLIC},
    {0x590, 0x8ff, SCRIPT_RIGHT_TO_LEFT},
    {0x900, 0xdff, SCRIPT_INDIC},
    {0xe00, 0xeff, SCRIPT_THAI},
    {0x1100, 0x11ff, SCRIPT_HANGUL},
    {0x1e00, 0x1eff, LATIN},
    {0x1f00, 0x1fff, SCRIPT_GREEK},
    {0x2000, 0x206f, SCRIPT_MARKS},
    {0x2070, 0x2bff, SCRIPT_SYMBOLS},
    {0x3000, 0x303f, SCRIPT_MARKS},
    {0x3040, 0x30ff, SCRIPT_KANA},
    {0x3400, 0x9fff, SCRIPT_HAN},
    {0xac00, 0xd7af, SCRIPT_HANGUL},
    {0xf900, 0xfaff, SCRIPT_HAN},
    {0xfb1d, 0xfdff, SCRIPT_RIGHT_TO_LEFT},
    {0xfe70, 0xfefe, SCRIPT_RIGHT_TO_LEFT},
    {0xff00, 0xffef, SCRIPT_MARKS},
    {0x10000, 0x1ffff, SCRIPT_EMOJI},
    {0x20000, 0x2ffff, SCRIPT_HAN},
    {0x30000, 0x10ffff, SCRIPT_EMOJI},
};

static int script_of(uint32_t c) {
    size_t from = 0, to = ARRAY_COUNT(ranges);
    while (from < to) {
        size_t middle = (from + to) / 2;
        if (c > ranges[middle].to)
            from = middle + 1;
        else
            to = middle;
    }
    return from < ARRAY_COUNT(ranges) && c >= ranges[from].from ? ranges[from].script : SCRIPT_LETTERS;
}

/* The character at p, which is not ASCII, and its length; bytes that are no UTF-8 are symbols of one byte. */
static int wide_at(const struct scan *s, const unsigned char *p, size_t *length) {
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t n = *p >= 0xf0 ? 4 : *p >= 0xe0 ? 3 : 2;
    *length = 1;
    if (*p < 0xc2 || *p > 0xf4 || (size_t)(s->end - p) < n)
        return SCRIPT_SYMBOLS;
    uint32_t c = *p & (0xffU >> (n + 1));
    for (size_t i = 1; i < n; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return SCRIPT_SYMBOLS;
        c = c << 6 | (p[i] & 0x3fU);
    }
    if (c < least[n] || c > 0x10ffff)
        return SCRIPT_SYMBOLS;
    *length = n;
    return script_of(c);
}

/* What a byte is, by one look. */
enum byte_class { PUNCTUATION, LOWER, UPPER, DIGIT, SPACE, NEWLINE, WIDE };
static const unsigned char class_of[256] = {
    ['a' ... 'z'] = LOWER, ['A' ... 'Z'] = UPPER, ['0' ... '9'] = DIGIT, [' '] = SPACE,
    ['\t'] = SPACE,        ['\n'] = NEWLINE,      ['\r'] = NEWLINE,      [0x80 ... 0xff] = WIDE,
};

static bool is_space(unsigned char c) {
    return class_of[c] == SPACE || class_of[c] == NEWLINE;
}

/* Bytes of the letter of a Latin alphabet at p; 0: there is none. */
static size_t letter_at(const struct scan *s, const unsigned char *p) {
    size_t n;
    if (p == s->end)
        return 0;
    if (class_of[*p] != WIDE)
        return class_of[*p] == LOWER || class_of[*p] == UPPER;
    return wide_at(s, p, &n) == LATIN ? n : 0;
}

/* ---- pieces ---- */

/* The word's letters one by one: this is where the time goes. */
static void scan_word(struct scan *s) {
    static const uint32_t any = UINT32_MAX;
    const unsigned char *p = s->p, *end = s->end;
    unsigned letters = 0, uppers = 0, rare = 0;
    const uint32_t *pairs = &any; /* what may stand behind the last letter */
    bool accented = false;
    for (; p < end; letters++) {
        enum byte_class class = class_of[*p];
        if (class == LOWER || class == UPPER) {
            if (class == UPPER && letters > uppers) /* camelCase: a word of its own */
                break;
            unsigned letter = (*p++ | 0x20U) - 'a';
            rare += !(*pairs >> letter & 1);
            pairs = &token_common_pairs[letter];
            uppers += class == UPPER;
            continue;
        }
        size_t n = class == WIDE ? letter_at(s, p) : 0;
        if (n == 0)
            break;
        p += n;
        pairs = &any;
        accented = true;
    }
    s->p = p;
    unsigned kind = accented                          ? WORD_ACCENTED
                    : uppers == 0                     ? WORD_LOWER
                    : uppers == letters && uppers > 1 ? WORD_UPPER
                                                      : WORD_CAPITALISED;
    kind += s->space;
    unsigned length = letters < WORD_LENGTHS ? letters : WORD_LENGTHS;
    rare = rare < RARE_MAX ? rare : RARE_MAX;
    int64_t weight = s->weights->words[kind][length - 1] + (int64_t)rare * s->weights->rare[kind];
    s->sum += weight < HUNDRED ? HUNDRED : weight;
}

static void scan_digits(struct scan *s) {
    size_t n = 0;
    while (s->p < s->end && class_of[*s->p] == DIGIT) {
        s->p++;
        n++;
    }
    s->sum += (int64_t)((n + 2) / 3 + s->space) * HUNDRED; /* numbers do not take their space along */
}

static void scan_punctuation(struct scan *s) {
    size_t n = 0;
    while (s->p < s->end && class_of[*s->p] == PUNCTUATION) {
        s->p++;
        n++;
    }
    bool newline = s->p < s->end && class_of[*s->p] == NEWLINE;
    while (s->p < s->end && class_of[*s->p] == NEWLINE)
        s->p++;
    const uint16_t *weights = newline              ? s->weights->before_newline
                              : letter_at(s, s->p) ? s->weights->before_word
                                                   : s->weights->punctuation;
    s->sum += weights[(n < PUNCTUATION_LENGTHS ? n : PUNCTUATION_LENGTHS) - 1];
    /* Rows of one sign, as in rulers, are tokens of up to some dozens. */
    if (n > 2 * PUNCTUATION_LENGTHS)
        s->sum += (int64_t)(n / 16) * HUNDRED;
}

static void scan_wide(struct scan *s) {
    size_t length;
    int first = wide_at(s, s->p, &length);
    for (int script = first; script == first;) {
        s->sum += s->weights->scripts[script];
        s->p += length;
        if (s->p == s->end || *s->p < 0x80)
            break;
        script = wide_at(s, s->p, &length);
    }
}

/* A run up to its last newline is one token, the spaces behind it another, but for the last, which belongs to
 * what follows. A newline behind punctuation was counted with it. */
static void scan_space(struct scan *s) {
    const unsigned char *from = s->p;
    bool newline = false;
    for (; s->p < s->end && is_space(*s->p); s->p++)
        if (class_of[*s->p] == NEWLINE) {
            newline = true;
            from = s->p + 1;
        }
    s->space = s->p > from && s->p < s->end && s->p[-1] == ' ';
    s->sum += newline ? HUNDRED : 0;
    if (s->p - from > s->space)
        s->sum += (1 + (s->p - from) / 80) * (int64_t)HUNDRED;
}

static int64_t hundredths(const struct token_weights *weights, struct str text) {
    const unsigned char *p = (const unsigned char *)text.p;
    struct scan s = {.weights = weights, .p = p, .end = p + text.n};
    while (s.p < s.end) {
        switch ((enum byte_class)class_of[*s.p]) {
        case SPACE:
        case NEWLINE:
            if (*s.p == ' ' && s.p + 1 < s.end && !is_space(s.p[1])) { /* nearly always */
                s.space = true;
                s.p++;
            } else {
                scan_space(&s);
            }
            continue;
        case LOWER:
        case UPPER: scan_word(&s); break;
        case DIGIT: scan_digits(&s); break;
        case PUNCTUATION: scan_punctuation(&s); break;
        case WIDE: (letter_at(&s, s.p) ? scan_word : scan_wide)(&s); break;
        }
        s.space = false;
    }
    return s.sum;
}

static const struct {
    const struct token_weights *weights;
    int percent;
} families[TOKENS_FAMILIES] = {
    [TOKENS_O200K] = {&token_weights_o200k, 100},
    [TOKENS_CL100K] = {&token_weights_cl100k, 100},
    [TOKENS_ANTHROPIC] = {&token_weights_o200k, 110},
    [TOKENS_GENERIC] = {&token_weights_o200k, 110},
};

int64_t token_estimate(enum token_family family, struct str text) {
    const struct token_weights *weights = families[family].weights;
    if (text.n == 0)
        return 0;
    double sum;
    if (text.n <= WHOLE_MAX) {
        sum = (double)hundredths(weights, text);
    } else { /* a loop has no time for more: the beginning, the middle and the end stand for all */
        size_t middle = text.n / 2 - SAMPLE / 2;
        int64_t sampled = hundredths(weights, str_slice(text, 0, SAMPLE)) +
                          hundredths(weights, str_slice(text, middle, middle + SAMPLE)) +
                          hundredths(weights, str_slice(text, text.n - SAMPLE, text.n));
        sum = (double)sampled * ((double)text.n / (3.0 * SAMPLE));
    }
    int64_t tokens = (int64_t)(sum * families[family].percent / (HUNDRED * 100.0) + 0.5);
    return tokens > 0 ? tokens : 1;
}

/* Model names, as they begin; behind a provider's prefix too. */
enum token_family token_family_of(struct str model) {
    static const struct {
        struct str part;
        enum token_family family;
    } names[] = {
        {{"claude", 6}, TOKENS_ANTHROPIC},       {{"gpt-4o", 6}, TOKENS_O200K},
        {{"gpt-4.1", 7}, TOKENS_O200K},          {{"gpt-4.5", 7}, TOKENS_O200K},
        {{"gpt-4", 5}, TOKENS_CL100K},           {{"gpt-3.5", 7}, TOKENS_CL100K},
        {{"text-embedding", 14}, TOKENS_CL100K}, {{"gpt-", 4}, TOKENS_O200K},
        {{"chatgpt", 7}, TOKENS_O200K},          {{"codex", 5}, TOKENS_O200K},
    };
    for (size_t i = 0; i < ARRAY_COUNT(names); i++)
        if (str_find(model, names[i].part) != SIZE_MAX)
            return names[i].family;
    struct str last = model;
    while (str_find_char(last, '/') != SIZE_MAX)
        str_split(&last, '/');
    bool reasoner = last.n >= 2 && last.p[0] == 'o' && class_of[(unsigned char)last.p[1]] == DIGIT;
    return reasoner ? TOKENS_O200K : TOKENS_GENERIC;
}

/* ---- calibration: the logarithm of the factor follows each pair by a bounded step ---- */

#define FACTOR_MAX 1.3862943611198906 /* log 4 */
#define STEP_MAX   0.3                /* one wild pair moves the factor by this times the gain at most */
#define GAIN_LEAST 0.02
#define ERROR_MAX  4.0

enum { PAIR_LEAST = 16, COUNT_BITS = 24 };
#define COUNT_MAX ((UINT64_C(1) << COUNT_BITS) - 1)
#define FIXED     ((double)(UINT64_C(1) << 32)) /* of the logarithm, in the upper 40 bits */

static double log_factor(uint64_t word) {
    return (double)((int64_t)word >> COUNT_BITS) / FIXED;
}

static uint64_t pack_factor(double log, uint64_t pairs) {
    return (uint64_t)((int64_t)(log * FIXED)) << COUNT_BITS | (pairs < COUNT_MAX ? pairs : COUNT_MAX);
}

static double clamp(double x, double most) {
    return x > most ? most : x < -most ? -most : x;
}

/* Mean errors before and after the correction: 32 bits each, of 0 … 4. */
static uint64_t pack_errors(double before, double after) {
    const double scale = (double)UINT32_MAX / ERROR_MAX;
    return (uint64_t)(before * scale) << 32 | (uint64_t)(after * scale);
}

static void note_errors(struct token_calibration *c, double gain, double before, double after) {
    const double scale = ERROR_MAX / (double)UINT32_MAX;
    before = before < ERROR_MAX ? before : ERROR_MAX;
    after = after < ERROR_MAX ? after : ERROR_MAX;
    uint64_t seen = atomic_load_explicit(&c->error, memory_order_relaxed), next;
    do {
        double b = (double)(seen >> 32) * scale, a = (double)(seen & UINT32_MAX) * scale;
        next = pack_errors(b + gain * (before - b), a + gain * (after - a));
    } while (!atomic_compare_exchange_weak_explicit(&c->error, &seen, next, memory_order_relaxed,
                                                    memory_order_relaxed));
}

void token_calibrate(struct token_calibration *c, int64_t estimate, int64_t actual) {
    if (estimate < PAIR_LEAST || actual < 1)
        return;
    double truth = log((double)actual / (double)estimate), gain, was;
    uint64_t seen = atomic_load_explicit(&c->word, memory_order_relaxed), next;
    do {
        uint64_t pairs = seen & COUNT_MAX;
        gain = 1.0 / (double)(pairs + 1) > GAIN_LEAST ? 1.0 / (double)(pairs + 1) : GAIN_LEAST;
        was = log_factor(seen);
        /* The first pairs may move it far, or a factor of 4 would take forever. */
        double step = clamp(clamp(truth, FACTOR_MAX) - was, pairs < 8 ? FACTOR_MAX : STEP_MAX);
        next = pack_factor(clamp(was + gain * step, FACTOR_MAX), pairs + 1);
    } while (!atomic_compare_exchange_weak_explicit(&c->word, &seen, next, memory_order_relaxed,
                                                    memory_order_relaxed));
    note_errors(c, gain, fabs(1 - exp(-truth)), fabs(1 - exp(was - truth)));
}

int64_t token_corrected(const struct token_calibration *c, int64_t estimate) {
    double factor = exp(log_factor(atomic_load_explicit(&c->word, memory_order_relaxed)));
    int64_t tokens = (int64_t)((double)estimate * factor + 0.5);
    return tokens > 0 ? tokens : estimate > 0;
}

struct token_calibration_state token_calibration_state(const struct token_calibration *c) {
    const double scale = ERROR_MAX / (double)UINT32_MAX;
    uint64_t word = atomic_load_explicit(&c->word, memory_order_relaxed);
    uint64_t error = atomic_load_explicit(&c->error, memory_order_relaxed);
    return (struct token_calibration_state){.factor = exp(log_factor(word)),
                                            .pairs = word & COUNT_MAX,
                                            .error_before = (double)(error >> 32) * scale,
                                            .error_after = (double)(error & UINT32_MAX) * scale};
}
