#include "learn/design.h"

#include "base/check.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const size_t items_max = (size_t)512 << 20;

/* In how many of the chosen rows each token is. */
struct frequencies {
    uint32_t *words, *pairs, *grams;
    uint32_t *seen; /* the row (+1) that counted an n-gram last */
};

static void count_row(struct frequencies *f, const struct corpus *c, size_t row, uint32_t mark) {
    for (size_t i = c->row_pairs[row]; i < c->row_pairs[row + 1]; i++)
        f->pairs[c->pair_items[i].token]++;
    for (size_t i = c->row_words[row]; i < c->row_words[row + 1]; i++) {
        uint32_t word = c->word_items[i].token;
        f->words[word]++;
        for (size_t g = c->word_grams[word]; g < c->word_grams[word + 1]; g++)
            if (f->seen[c->gram_items[g]] != mark) {
                f->seen[c->gram_items[g]] = mark;
                f->grams[c->gram_items[g]]++;
            }
    }
}

static size_t count_kept(const uint32_t *frequency, size_t n, uint32_t least) {
    size_t kept = 0;
    for (size_t i = 0; i < n; i++)
        kept += frequency[i] >= least;
    return kept;
}

static uint32_t *number_kind(struct design *d, const uint32_t *frequency, size_t n, uint32_t least,
                             size_t *kept) {
    uint32_t *feature = malloc((n + 1) * sizeof *feature);
    if (!feature)
        return NULL;
    *kept = 0;
    for (size_t i = 0; i < n; i++) {
        feature[i] = DESIGN_NONE;
        if (frequency[i] < least)
            continue;
        feature[i] = (uint32_t)(d->features + *kept);
        d->idf[d->features + *kept] = logf((1 + (float)d->rows) / (1 + (float)frequency[i])) + 1;
        ++*kept;
    }
    d->features += *kept;
    return feature;
}

static bool number_features(struct design *d, const struct corpus *c, const struct frequencies *f,
                            const struct design_options *o) {
    uint32_t least = o->least_rows ? o->least_rows : 1;
    size_t words = count_kept(f->words, c->words.count, 1);
    while (words + count_kept(f->pairs, c->pairs.count, least) + count_kept(f->grams, c->grams.count, least) >
               o->most_features &&
           least < d->rows)
        least++;
    d->idf = malloc((c->words.count + c->pairs.count + c->grams.count + 1) * sizeof *d->idf);
    if (!d->idf)
        return false;
    d->gram_feature = number_kind(d, f->grams, c->grams.count, least, &d->grams);
    d->pair_feature = number_kind(d, f->pairs, c->pairs.count, least, &d->pairs);
    d->word_feature = number_kind(d, f->words, c->words.count, 1, &d->words);
    d->unseen_idf = logf(1 + (float)d->rows) + 1;
    return d->gram_feature && d->pair_feature && d->word_feature;
}

/* A row's items are first those of the words block, up to `words`, then those of the n-grams. */
struct block_lengths {
    size_t words;
    double word_mass, gram_mass; /* squared lengths */
};

/* Where a row's items are put together; `grams` is one sum for each n-gram, zero between rows. */
struct filling {
    struct design *d;
    const struct corpus *c;
    float *grams;
    size_t room, count;
};

static struct design_item *next_item(struct filling *f) {
    struct design *d = f->d;
    if (f->count == f->room) {
        size_t room = f->room ? f->room + f->room / 2 : 65536;
        struct design_item *items = room > items_max ? NULL : realloc(d->items, room * sizeof *items);
        if (!items)
            return NULL;
        d->items = items;
        f->room = room;
    }
    return &d->items[f->count++];
}

static bool fill_tokens(struct filling *f, const struct corpus_item *items, size_t count,
                        const uint32_t *feature, double *mass) {
    for (size_t i = 0; i < count; i++) {
        uint32_t at = feature[items[i].token];
        if (at == DESIGN_NONE)
            continue;
        struct design_item *item = next_item(f);
        if (!item)
            return false;
        *item = (struct design_item){at, items[i].value * f->d->idf[at]};
        *mass += (double)item->value * item->value;
    }
    return true;
}

static bool fill_grams(struct filling *f, size_t row, double *mass) {
    const struct corpus *c = f->c;
    bool ok = true;
    for (size_t i = c->row_words[row]; i < c->row_words[row + 1]; i++) {
        uint32_t word = c->word_items[i].token;
        float value = c->word_items[i].value;
        for (size_t g = c->word_grams[word]; g < c->word_grams[word + 1] && ok; g++) {
            uint32_t gram = c->gram_items[g], at = f->d->gram_feature[gram];
            if (at == DESIGN_NONE)
                continue;
            float weight = value * f->d->idf[at];
            *mass += (double)weight * weight;
            if (f->grams[gram] == 0) {
                struct design_item *item = next_item(f);
                ok = item != NULL;
                if (ok)
                    *item = (struct design_item){gram, 0};
            }
            f->grams[gram] += weight;
        }
    }
    return ok;
}

static bool fill_row(struct filling *f, size_t row, struct block_lengths *lengths) {
    const struct corpus *c = f->c;
    struct design *d = f->d;
    *lengths = (struct block_lengths){0};
    if (!fill_tokens(f, c->word_items + c->row_words[row], c->row_words[row + 1] - c->row_words[row],
                     d->word_feature, &lengths->word_mass) ||
        !fill_tokens(f, c->pair_items + c->row_pairs[row], c->row_pairs[row + 1] - c->row_pairs[row],
                     d->pair_feature, &lengths->word_mass))
        return false;
    lengths->words = f->count;
    if (!fill_grams(f, row, &lengths->gram_mass))
        return false;
    for (size_t i = lengths->words; i < f->count; i++) {
        uint32_t gram = d->items[i].feature;
        d->items[i] = (struct design_item){d->gram_feature[gram], f->grams[gram]};
        f->grams[gram] = 0;
    }
    return true;
}

static float shrunk(double mass, float floor) {
    return mass > 0 ? (float)(1 / sqrt(mass + (double)floor)) : 0;
}

/* Scales each row's blocks to a length just short of 1. */
static void scale_rows(struct design *d, const struct block_lengths *lengths, float floor) {
    double words = 0, grams = 0;
    for (size_t i = 0; i < d->rows; i++) {
        words += lengths[i].word_mass;
        grams += lengths[i].gram_mass;
    }
    d->word_floor = floor * (float)(words / (double)(d->rows + 1));
    d->typical_mass = (float)(grams / (double)(d->rows + 1));
    d->gram_floor = floor * (float)(grams / (double)(d->rows + 1));
    for (size_t i = 0; i < d->rows; i++) {
        float word_factor = shrunk(lengths[i].word_mass, d->word_floor);
        float gram_factor = shrunk(lengths[i].gram_mass, d->gram_floor);
        d->squares[i] = 0;
        for (size_t k = d->offsets[i]; k < d->offsets[i + 1]; k++) {
            d->items[k].value *= k < lengths[i].words ? word_factor : gram_factor;
            d->squares[i] += d->items[k].value * d->items[k].value;
        }
    }
}

static bool fill(struct design *d, const struct corpus *c, const uint32_t *chosen, float floor) {
    struct filling f = {.d = d, .c = c, .grams = calloc(c->grams.count + 1, sizeof(float))};
    struct block_lengths *lengths = malloc((d->rows + 1) * sizeof *lengths);
    bool ok = f.grams && lengths;
    for (size_t i = 0; ok && i < d->rows; i++) {
        ok = fill_row(&f, chosen[i], &lengths[i]);
        d->offsets[i + 1] = f.count;
    }
    if (ok)
        scale_rows(d, lengths, floor);
    free(f.grams);
    free(lengths);
    return ok;
}

bool design_text(struct design *out, const struct corpus *c, const struct dataset *data,
                 const uint32_t *chosen, size_t count, const struct design_options *o, struct error *err) {
    struct design d = {.rows = count, .labels = data->label_count};
    struct frequencies f = {
        .words = calloc(c->words.count + 1, sizeof *f.words),
        .pairs = calloc(c->pairs.count + 1, sizeof *f.pairs),
        .grams = calloc(c->grams.count + 1, sizeof *f.grams),
        .seen = calloc(c->grams.count + 1, sizeof *f.seen),
    };
    d.label = malloc((count + 1) * sizeof *d.label);
    d.offsets = calloc(count + 1, sizeof *d.offsets);
    d.squares = malloc((count + 1) * sizeof *d.squares);
    bool ok = f.words && f.pairs && f.grams && f.seen && d.label && d.offsets && d.squares;
    for (size_t i = 0; ok && i < count; i++) {
        d.label[i] = data->rows[chosen[i]].label;
        count_row(&f, c, chosen[i], (uint32_t)i + 1);
    }
    ok = ok && number_features(&d, c, &f, o) && fill(&d, c, chosen, o->floor);
    free(f.words);
    free(f.pairs);
    free(f.grams);
    free(f.seen);
    if (ok)
        *out = d;
    else
        design_free(&d);
    return ok || fail(err, ERR_NO_MEMORY, "Out of memory: %zu texts have too many tokens.", count);
}

void design_free(struct design *d) {
    free(d->label);
    free(d->offsets);
    free(d->items);
    free(d->squares);
    free(d->gram_feature);
    free(d->pair_feature);
    free(d->word_feature);
    free(d->idf);
    free(d->mean);
    free(d->scale);
}
