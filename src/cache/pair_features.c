#include "cache/pair_features.h"

#include <math.h>
#include <string.h>

const char *const pair_feature_names[PAIR_FEATURES] = {
    "code_cosine",     "word_cosine",      "gram_cosine",  "wording_cosine",    "words_shared",
    "words_contained", "pairs_shared",     "alignment",    "soft_least",        "soft_most",
    "length_ratio",    "length",           "rarest_only",  "rarest_only_least", "only",
    "only_least",      "question",         "first_word",   "plain_shared",      "unknown",
    "code_and_words",  "direction_shared", "vector_cosine"};

/* ---- portraits ---- */

struct drawing {
    struct portrait *p;
    const struct code_table *t;
    float code[WORDING_BLOCKS][CODE_DIMENSIONS], mass[WORDING_BLOCKS];
};

static float rarity_of(const struct code_table *t, uint64_t hash) {
    return (float)t->rarity[code_bucket(hash)] / 16;
}

static void draw(void *ctx, enum wording_block block, uint64_t hash, const struct word *w) {
    struct drawing *d = ctx;
    uint32_t bucket = code_bucket(hash);
    float rarity = rarity_of(d->t, hash), scale = rarity * d->t->factors[bucket];
    const int8_t *row = d->t->rows + (size_t)bucket * CODE_DIMENSIONS;
    for (int i = 0; i < CODE_DIMENSIONS; i++)
        d->code[block][i] += scale * row[i];
    d->mass[block] += rarity * rarity;
    if (block == WORDING_GRAM)
        d->p->grams[hash % PORTRAIT_GRAMS] += hash >> 40 & 1 ? rarity : -rarity;
    else if (block == WORDING_WORD)
        d->p->rarity[w - d->p->wording.words] = rarity;
}

static void normalise(float *values, size_t n) {
    float sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += values[i] * values[i];
    if (sum <= 1e-20F)
        return;
    float factor = 1 / sqrtf(sum);
    for (size_t i = 0; i < n; i++)
        values[i] *= factor;
}

static uint64_t shape_of(const struct wording *w, const struct word *word) {
    const unsigned char *p = (const unsigned char *)w->letters + word->at - 1;
    uint64_t bits = 0;
    for (size_t i = 0; i + 2 < word->n + 2u; i++) {
        uint32_t triple = (uint32_t)p[i] << 16 | (uint32_t)p[i + 1] << 8 | p[i + 2];
        bits |= UINT64_C(1) << (triple * UINT32_C(0x9e3779b1) >> 26);
    }
    return bits;
}

void portrait_set_code(struct portrait *p, const float *code) {
    memset(p->code, 0, sizeof p->code);
    if (code)
        memcpy(p->code, code, sizeof p->code);
    normalise(p->code, CODE_DIMENSIONS);
}

void portrait_read(struct portrait *p, const struct code_table *t, struct str text) {
    struct drawing d = {.p = p, .t = t};
    wording_read(&p->wording, text);
    memset(p->grams, 0, sizeof p->grams);
    wording_tokens(&p->wording, draw, &d);
    float code[CODE_DIMENSIONS] = {0};
    for (int block = 0; block < WORDING_BLOCKS; block++) {
        float factor = (block == WORDING_PAIR ? 0.5F : 1) / sqrtf(d.mass[block] + 1e-12F);
        for (int i = 0; d.mass[block] > 0 && i < CODE_DIMENSIONS; i++)
            code[i] += factor * d.code[block][i];
    }
    portrait_set_code(p, code);
    normalise(p->grams, PORTRAIT_GRAMS);
    wording_vector(&p->wording, p->vector, &p->factor);
    for (size_t i = 0; i < p->wording.count; i++)
        p->shapes[i] = shape_of(&p->wording, &p->wording.words[i]);
}

/* ---- pairs ---- */

static float product(const float *a, const float *b, size_t n) {
    float sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += a[i] * b[i];
    return sum;
}

/* One side against the other: what it shares, what it has alone. */
struct side {
    float all, shared, only, rarest_only, soft, squares, shared_squares;
    float plain, plain_shared, directions, directions_shared, pairs, pairs_shared, unknown;
};

static bool holds(const struct wording *w, uint32_t stem) {
    for (size_t i = 0; i < w->count; i++)
        if (w->words[i].stem == stem)
            return true;
    return false;
}

static bool holds_pair(const struct wording *w, uint32_t first, uint32_t second) {
    for (size_t i = 0; i + 1 < w->count; i++)
        if (w->words[i].stem == first && w->words[i + 1].stem == second)
            return true;
    return false;
}

/* How alike the most similar word of the other side is: shared triples over all (Jaccard). */
static float nearest_shape(uint64_t shape, const struct portrait *other) {
    float best = 0;
    for (size_t i = 0; i < other->wording.count; i++) {
        int both = __builtin_popcountll(shape & other->shapes[i]),
            any = __builtin_popcountll(shape | other->shapes[i]);
        if (any)
            best = fmaxf(best, (float)both / (float)any);
    }
    return best;
}

static struct side measure(const struct portrait *p, const struct portrait *other,
                           const struct code_table *t) {
    struct side s = {0};
    const struct wording *w = &p->wording, *o = &other->wording;
    for (size_t i = 0; i < w->count; i++) {
        const struct word *word = &w->words[i];
        float rarity = p->rarity[i];
        bool shared = holds(o, word->stem);
        s.all += rarity;
        s.squares += rarity * rarity;
        s.soft += rarity * (shared ? 1 : nearest_shape(p->shapes[i], other));
        if (shared) {
            s.shared += rarity;
            s.shared_squares += rarity * rarity;
        } else {
            s.only += rarity;
            s.rarest_only = fmaxf(s.rarest_only, rarity);
            s.unknown += !word_is_known(t->known, word->hash);
        }
        s.plain += (word->flags & WORD_PLAIN) != 0;
        s.plain_shared += shared && word->flags & WORD_PLAIN;
        s.directions += (word->flags & WORD_DIRECTION) != 0;
        s.directions_shared += shared && word->flags & WORD_DIRECTION;
        if (i + 1 < w->count) {
            s.pairs++;
            s.pairs_shared += holds_pair(o, word->stem, w->words[i + 1].stem);
        }
    }
    return s;
}

/* The weight of the longest common subsequence of words. */
static float alignment(const struct portrait *a, const struct portrait *b) {
    float rows[2][WORDING_WORDS_MAX + 1];
    size_t n = b->wording.count;
    memset(rows, 0, sizeof rows);
    for (size_t i = 0; i < a->wording.count; i++) {
        const float *before = rows[i & 1];
        float *now = rows[~i & 1];
        for (size_t j = 0; j < n; j++)
            now[j + 1] = a->wording.words[i].stem == b->wording.words[j].stem ? before[j] + a->rarity[i]
                                                                              : fmaxf(before[j + 1], now[j]);
    }
    return rows[a->wording.count & 1][n];
}

static uint64_t question_of(const struct wording *w) {
    for (size_t i = 0; i < w->count; i++)
        if (w->words[i].flags & WORD_QUESTION)
            return w->words[i].hash;
    return 0;
}

static float share(float part, float whole) {
    return whole > 0 ? part / whole : 0;
}

void pair_features(const struct portrait *a, const struct portrait *b, const struct code_table *t,
                   float cosine, float out[PAIR_FEATURES]) {
    const struct wording *v = &a->wording, *w = &b->wording;
    struct side s = measure(a, b, t), r = measure(b, a, t);
    float least = fminf(s.all, r.all), soft = share(s.soft, s.all), soft_other = share(r.soft, r.all);
    float code = product(a->code, b->code, CODE_DIMENSIONS);
    float shared = share(s.shared + r.shared, s.all + r.all);
    float values[PAIR_FEATURES] = {
        code,
        share(sqrtf(s.shared_squares * r.shared_squares), sqrtf(s.squares * r.squares)),
        product(a->grams, b->grams, PORTRAIT_GRAMS),
        (float)vector_product(a->vector, b->vector, WORDING_DIMENSIONS) * a->factor * b->factor,
        shared,
        share(fminf(s.shared, r.shared), least),
        share(s.pairs_shared + r.pairs_shared, s.pairs + r.pairs),
        share(2 * alignment(a, b), s.all + r.all),
        fminf(soft, soft_other),
        fmaxf(soft, soft_other),
        fabsf(logf((float)(v->count + 1) / (float)(w->count + 1))),
        logf((float)(v->count + w->count + 1)),
        fmaxf(s.rarest_only, r.rarest_only),
        fminf(s.rarest_only, r.rarest_only),
        s.only + r.only,
        fminf(s.only, r.only),
        question_of(v) == question_of(w),
        v->count && w->count && v->words[0].hash == w->words[0].hash,
        share(s.plain_shared + r.plain_shared, s.plain + r.plain),
        s.unknown + r.unknown,
        code * shared,
        share(s.directions_shared + r.directions_shared, s.directions + r.directions),
        cosine,
    };
    memcpy(out, values, sizeof values);
}
