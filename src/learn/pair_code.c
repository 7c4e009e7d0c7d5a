#include "learn/pair_code.h"

#include "learn/random.h"
#include "models/vector.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    BATCH = 64,
    NEGATIVES_MAX = 256,
    BATCH_TEXTS = 2 * (BATCH + NEGATIVES_MAX),
    DIMENSIONS = CODE_DIMENSIONS
};

const struct pair_code_options pair_code_defaults = {
    .passes = 12, .step = 0.01F, .decay = 1e-4F, .sharpness = 10, .seed = 1};

/* ---- tokens ---- */

struct token_counter {
    struct pair_tokens *t;
    size_t items, words;
    bool keep;
};

static void take_token(void *ctx, enum wording_block block, uint64_t hash, const struct word *w) {
    struct token_counter *c = ctx;
    if (c->keep)
        c->t->items[c->items] = code_bucket(hash) | (uint32_t)block << CODE_BITS;
    c->items++;
    if (block != WORDING_WORD || w->flags & WORD_CAPITAL)
        return;
    if (c->keep)
        c->t->words[c->words] = w->hash;
    c->words++;
}

static void take_texts(struct token_counter *c, const struct pair_set *p) {
    struct wording w;
    for (size_t i = 0; i < p->text_count; i++) {
        c->t->begin[i] = (uint32_t)c->items;
        c->t->word_begin[i] = (uint32_t)c->words;
        wording_read(&w, p->texts[i].text);
        wording_tokens(&w, take_token, c);
    }
    c->t->begin[p->text_count] = (uint32_t)c->items;
    c->t->word_begin[p->text_count] = (uint32_t)c->words;
}

void pair_tokens_free(struct pair_tokens *t) {
    free(t->begin);
    free(t->items);
    free(t->words);
    free(t->word_begin);
    *t = (struct pair_tokens){0};
}

bool pair_tokens_read(struct pair_tokens *out, const struct pair_set *p, struct error *err) {
    struct pair_tokens t = {.begin = calloc(p->text_count + 1, sizeof *t.begin),
                            .word_begin = calloc(p->text_count + 1, sizeof *t.word_begin)};
    struct token_counter c = {.t = &t};
    if (t.begin && t.word_begin) {
        take_texts(&c, p);
        t.items = malloc((c.items + 1) * sizeof *t.items);
        t.words = malloc((c.words + 1) * sizeof *t.words);
        c = (struct token_counter){.t = &t, .keep = true};
    }
    if (!t.items || !t.words) {
        pair_tokens_free(&t);
        return fail(err, ERR_NO_MEMORY, "out of memory");
    }
    take_texts(&c, p);
    *out = t;
    return true;
}

/* ---- what can be counted ---- */

struct fitting {
    const struct pair_set *p;
    const struct pair_tokens *t;
    const uint8_t *part;
    unsigned without, nor;
    const struct pair_code_options *o;
    float rarity[CODE_BUCKETS];
    uint32_t seen[CODE_BUCKETS]; /* texts with such a token */
    uint32_t last[CODE_BUCKETS];
    float *rows, *slopes, *mean, *spread; /* CODE_BUCKETS times DIMENSIONS; the last two are Adam's */
    uint32_t *same, *other;
    size_t same_count, other_count, step;
    /* A batch: the positive pairs' first texts, their second texts, then the negative pairs. */
    uint32_t texts[BATCH_TEXTS];
    float codes[BATCH_TEXTS][DIMENSIONS], lengths[BATCH_TEXTS], pull[BATCH_TEXTS][DIMENSIONS];
};

static bool is_in(const struct fitting *f, uint32_t text) {
    return f->part[text] != f->without && f->part[text] != f->nor;
}

static void count_texts(struct fitting *f, uint8_t *known) {
    size_t texts = 0;
    for (uint32_t i = 0; i < f->p->text_count; i++) {
        if (!is_in(f, i))
            continue;
        texts++;
        for (uint32_t k = f->t->begin[i]; k < f->t->begin[i + 1]; k++) {
            uint32_t bucket = f->t->items[k] & (CODE_BUCKETS - 1);
            if (f->last[bucket] == i + 1)
                continue;
            f->last[bucket] = i + 1;
            f->seen[bucket]++;
        }
        for (uint32_t k = f->t->word_begin[i]; k < f->t->word_begin[i + 1]; k++)
            word_make_known(known, f->t->words[k]);
    }
    for (size_t i = 0; i < CODE_BUCKETS; i++)
        f->rarity[i] = rintf(fminf(255, 16 * (1 + logf(((float)texts + 1) / ((float)f->seen[i] + 1))))) / 16;
}

/* ---- forwards and back ---- */

static void block_factors(const struct fitting *f, uint32_t text, float factors[WORDING_BLOCKS]) {
    float mass[WORDING_BLOCKS] = {0};
    for (uint32_t k = f->t->begin[text]; k < f->t->begin[text + 1]; k++) {
        float rarity = f->rarity[f->t->items[k] & (CODE_BUCKETS - 1)];
        mass[f->t->items[k] >> CODE_BITS] += rarity * rarity;
    }
    for (int i = 0; i < WORDING_BLOCKS; i++)
        factors[i] = (i == WORDING_PAIR ? 0.5F : 1) / sqrtf(mass[i] + 1e-12F);
}

static void encode(struct fitting *f, size_t at) {
    float factors[WORDING_BLOCKS], *code = f->codes[at], sum = 1e-12F;
    uint32_t text = f->texts[at];
    block_factors(f, text, factors);
    memset(code, 0, sizeof f->codes[at]);
    for (uint32_t k = f->t->begin[text]; k < f->t->begin[text + 1]; k++) {
        uint32_t bucket = f->t->items[k] & (CODE_BUCKETS - 1);
        vector_add(code, f->rows + (size_t)bucket * DIMENSIONS,
                   factors[f->t->items[k] >> CODE_BITS] * f->rarity[bucket], DIMENSIONS);
    }
    for (int i = 0; i < DIMENSIONS; i++)
        sum += code[i] * code[i];
    f->lengths[at] = sqrtf(sum);
    for (int i = 0; i < DIMENSIONS; i++)
        code[i] /= f->lengths[at];
}

static void back(struct fitting *f, size_t at) {
    float factors[WORDING_BLOCKS], pull[DIMENSIONS];
    uint32_t text = f->texts[at];
    float along = vector_dot(f->pull[at], f->codes[at], DIMENSIONS);
    for (int i = 0; i < DIMENSIONS; i++)
        pull[i] = (f->pull[at][i] - along * f->codes[at][i]) / f->lengths[at];
    block_factors(f, text, factors);
    for (uint32_t k = f->t->begin[text]; k < f->t->begin[text + 1]; k++) {
        uint32_t bucket = f->t->items[k] & (CODE_BUCKETS - 1);
        vector_add(f->slopes + (size_t)bucket * DIMENSIONS, pull,
                   factors[f->t->items[k] >> CODE_BITS] * f->rarity[bucket], DIMENSIONS);
    }
}

static void pull_pair(struct fitting *f, size_t a, size_t b, float slope) {
    vector_add(f->pull[a], f->codes[b], slope, DIMENSIONS);
    vector_add(f->pull[b], f->codes[a], slope, DIMENSIONS);
}

/* Each first text shall know its own second text among those of the batch. */
static void contrast_batch(struct fitting *f, size_t n) {
    float sharp = f->o->sharpness;
    for (size_t i = 0; i < n; i++) {
        float shares[BATCH], all = 0;
        for (size_t j = 0; j < n; j++)
            all += shares[j] = expf(sharp * (vector_dot(f->codes[i], f->codes[n + j], DIMENSIONS) - 1));
        for (size_t j = 0; j < n; j++)
            pull_pair(f, i, n + j, (shares[j] / all - (i == j)) * sharp / (float)n);
    }
}

static float sigmoid(float x) {
    return 1 / (1 + expf(-x));
}

static void label_batch(struct fitting *f, size_t same, size_t other) {
    float sharp = f->o->sharpness;
    for (size_t i = 0; i < same; i++) {
        float cosine = vector_dot(f->codes[i], f->codes[same + i], DIMENSIONS);
        pull_pair(f, i, same + i, -sigmoid(-sharp * (cosine - 0.5F)) * sharp / (float)same);
    }
    for (size_t i = 2 * same; i < 2 * (same + other); i += 2) {
        float cosine = vector_dot(f->codes[i], f->codes[i + 1], DIMENSIONS);
        pull_pair(f, i, i + 1, sigmoid(sharp * (cosine - 0.5F)) * sharp / (float)other);
    }
}

static void adam(struct fitting *f) {
    float first = 1 - powf(0.9F, (float)++f->step), second = 1 - powf(0.999F, (float)f->step);
    float step = f->o->step / first, root = 1 / sqrtf(second);
    for (size_t bucket = 0; bucket < CODE_BUCKETS; bucket++) {
        if (!f->seen[bucket])
            continue;
        size_t at = bucket * DIMENSIONS;
        for (size_t i = at; i < at + DIMENSIONS; i++) {
            float slope = f->slopes[i] + f->o->decay * f->rows[i];
            f->mean[i] = 0.9F * f->mean[i] + 0.1F * slope;
            f->spread[i] = 0.999F * f->spread[i] + 0.001F * slope * slope;
            f->rows[i] -= step * f->mean[i] / (sqrtf(f->spread[i]) * root + 1e-8F);
            f->slopes[i] = 0;
        }
    }
}

static void batch(struct fitting *f, size_t from, size_t same, size_t other_from, size_t other) {
    for (size_t i = 0; i < same; i++) {
        f->texts[i] = f->p->pairs[f->same[from + i]].a;
        f->texts[same + i] = f->p->pairs[f->same[from + i]].b;
    }
    for (size_t i = 0; i < other; i++) {
        f->texts[2 * (same + i)] = f->p->pairs[f->other[other_from + i]].a;
        f->texts[2 * (same + i) + 1] = f->p->pairs[f->other[other_from + i]].b;
    }
    size_t n = 2 * (same + other);
    for (size_t i = 0; i < n; i++)
        encode(f, i);
    memset(f->pull, 0, n * sizeof f->pull[0]);
    contrast_batch(f, same);
    label_batch(f, same, other);
    for (size_t i = 0; i < n; i++)
        back(f, i);
    adam(f);
}

static void fit_rows(struct fitting *f) {
    struct random random = random_from(f->o->seed);
    for (size_t i = 0; i < (size_t)CODE_BUCKETS * DIMENSIONS; i++) {
        float value = random_normal(&random) / sqrtf(DIMENSIONS);
        f->rows[i] = f->seen[i / DIMENSIONS] ? value : 0;
    }
    for (uint32_t i = 0; i < f->p->count; i++) {
        const struct labelled_pair *pair = &f->p->pairs[i];
        if (!is_in(f, pair->a) || !is_in(f, pair->b))
            continue;
        if (pair->same)
            f->same[f->same_count++] = i;
        else
            f->other[f->other_count++] = i;
    }
    for (unsigned pass = 0; pass < f->o->passes && f->same_count; pass++) {
        random_shuffle(&random, f->same, f->same_count);
        random_shuffle(&random, f->other, f->other_count);
        for (size_t at = 0; at < f->same_count; at += BATCH) {
            size_t same = f->same_count - at < BATCH ? f->same_count - at : BATCH;
            size_t from = at * f->other_count / f->same_count,
                   to = (at + same) * f->other_count / f->same_count;
            batch(f, at, same, from, to - from > NEGATIVES_MAX ? NEGATIVES_MAX : to - from);
        }
    }
}

/* ---- the result ---- */

void pair_code_free(struct pair_code *c) {
    free(c->factors);
    free(c->rows);
    free(c->rarity);
    free(c->known);
    *c = (struct pair_code){0};
}

static void quantise(const struct fitting *f, struct pair_code *out) {
    for (size_t bucket = 0; bucket < CODE_BUCKETS; bucket++) {
        const float *row = f->rows + bucket * DIMENSIONS;
        float most = 1e-9F;
        for (int i = 0; i < DIMENSIONS; i++)
            most = fmaxf(most, fabsf(row[i]));
        for (int i = 0; i < DIMENSIONS; i++)
            out->rows[bucket * DIMENSIONS + (size_t)i] = (int8_t)rintf(row[i] / most * 127);
        out->factors[bucket] = most / 127;
        out->rarity[bucket] = (uint8_t)(f->rarity[bucket] * 16);
    }
}

static void fitting_free(struct fitting *f) {
    if (!f)
        return;
    free(f->rows);
    free(f->slopes);
    free(f->mean);
    free(f->spread);
    free(f->same);
    free(f->other);
    free(f);
}

static struct fitting *fitting_new(const struct pair_set *p) {
    size_t n = (size_t)CODE_BUCKETS * DIMENSIONS;
    struct fitting *f = calloc(1, sizeof *f);
    if (!f)
        return NULL;
    f->rows = calloc(n, sizeof(float));
    f->slopes = calloc(n, sizeof(float));
    f->mean = calloc(n, sizeof(float));
    f->spread = calloc(n, sizeof(float));
    f->same = calloc(p->count + 1, sizeof *f->same);
    f->other = calloc(p->count + 1, sizeof *f->other);
    if (f->rows && f->slopes && f->mean && f->spread && f->same && f->other)
        return f;
    fitting_free(f);
    return NULL;
}

bool pair_code_fit(struct pair_code *out, const struct pair_set *p, const struct pair_tokens *t,
                   const uint8_t *part, unsigned without, unsigned nor, const struct pair_code_options *o,
                   struct error *err) {
    struct fitting *f = fitting_new(p);
    struct pair_code code = {calloc(CODE_BUCKETS, sizeof(float)), calloc(CODE_BUCKETS, DIMENSIONS),
                             calloc(CODE_BUCKETS, 1), calloc(KNOWN_BYTES, 1)};
    bool ok = f && code.factors && code.rows && code.rarity && code.known;
    if (ok) {
        f->p = p;
        f->t = t;
        f->part = part;
        f->without = without;
        f->nor = nor;
        f->o = o;
        count_texts(f, code.known);
        fit_rows(f);
        quantise(f, &code);
        *out = code;
    } else
        pair_code_free(&code);
    fitting_free(f);
    return ok || fail(err, ERR_NO_MEMORY, "out of memory");
}
