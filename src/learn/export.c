#include "learn/export.h"

#include "learn/neighbours_export.h"
#include "models/network.h"
#include "models/vocabulary.h"

#include <stdlib.h>

/* Weights on their way from features, as solved, to rows, as stored. */
struct exporting {
    const struct solved *s;
    struct network_weights w;
    float *linear, *hidden, *mass;
};

static bool begin(struct exporting *e, const struct solved *s, size_t rows) {
    size_t width = vector_room(s->design->labels), units = vector_room(s->units);
    *e = (struct exporting){.s = s,
                            .linear = calloc(rows * width + 1, sizeof(float)),
                            .hidden = calloc(rows * units + 1, sizeof(float)),
                            .mass = calloc(rows + 1, sizeof(float))};
    e->w = (struct network_weights){.labels = (uint32_t)s->design->labels,
                                    .hidden = s->units,
                                    .rows = (uint32_t)rows,
                                    .labels_room = width,
                                    .hidden_room = units,
                                    .linear = e->linear,
                                    .linear_bias = s->linear.bias,
                                    .hidden_rows = e->hidden,
                                    .hidden_bias = s->hidden.bias,
                                    .top = s->hidden.top,
                                    .top_bias = s->hidden.top_bias,
                                    .mass = e->mass};
    return e->linear && e->hidden && e->mass;
}

static void end(struct exporting *e) {
    free(e->linear);
    free(e->hidden);
    free(e->mass);
}

static void add_feature(struct exporting *e, size_t row, uint32_t feature, float factor) {
    size_t width = e->w.labels_room, units = e->w.hidden_room;
    vector_add(e->linear + row * width, e->s->linear.weights + feature * width, factor, width);
    if (e->w.hidden)
        vector_add(e->hidden + row * units, e->s->hidden.rows + feature * units, factor, units);
    e->mass[row] += factor * factor;
}

/* Text */

/* idf goes into the weights. */
static void add_token(struct exporting *e, size_t row, uint32_t feature) {
    add_feature(e, row, feature, e->s->design->idf[feature]);
}

static size_t word_row(const struct design *d, uint32_t word) {
    size_t before = d->grams + d->pairs;
    return before + 2 * (d->word_feature[word] - before);
}

static void add_word(struct exporting *e, const struct corpus *c, uint32_t word) {
    const struct design *d = e->s->design;
    size_t row = word_row(d, word);
    add_token(e, row, d->word_feature[word]);
    for (size_t i = c->word_grams[word]; i < c->word_grams[word + 1]; i++)
        if (d->gram_feature[c->gram_items[i]] != DESIGN_NONE)
            add_token(e, row + 1, d->gram_feature[c->gram_items[i]]);
}

static size_t add_entries(struct vocabulary_entry *entries, size_t at, const struct corpus_kind *kind,
                          const uint32_t *feature) {
    for (size_t i = 0; i < kind->count; i++)
        if (feature[i] != DESIGN_NONE)
            entries[at++] = (struct vocabulary_entry){kind->hashes[i], feature[i]};
    return at;
}

static bool write_vocabulary(struct buf *out, const struct design *d, const struct corpus *c) {
    struct vocabulary_entry *entries = malloc((d->features + 1) * sizeof *entries);
    if (!entries)
        return false;
    size_t at = add_entries(entries, 0, &c->grams, d->gram_feature);
    at = add_entries(entries, at, &c->pairs, d->pair_feature);
    for (uint32_t i = 0; i < c->words.count; i++)
        if (d->word_feature[i] != DESIGN_NONE)
            entries[at++] = (struct vocabulary_entry){c->words.hashes[i], (uint32_t)word_row(d, i)};
    struct vocabulary facts = {.words = (uint32_t)d->words,
                               .pairs = (uint32_t)d->pairs,
                               .grams = (uint32_t)d->grams,
                               .unseen_mass = d->unseen_idf * d->unseen_idf,
                               .word_floor = d->word_floor,
                               .gram_floor = d->gram_floor,
                               .typical_mass = d->typical_mass};
    vocabulary_write(out, entries, at, &facts);
    free(entries);
    return true;
}

bool export_text(struct artefact_writer *w, const struct corpus *c, const struct solved *s) {
    const struct design *d = s->design;
    struct exporting e;
    bool ok = begin(&e, s, d->features + d->words);
    for (uint32_t feature = 0; ok && feature < d->grams + d->pairs; feature++)
        add_token(&e, feature, feature);
    for (uint32_t word = 0; ok && word < c->words.count; word++)
        if (d->word_feature[word] != DESIGN_NONE)
            add_word(&e, c, word);
    if (ok) {
        artefact_section(w, ARTEFACT_VOCABULARY);
        ok = write_vocabulary(w->out, d, c);
        artefact_section(w, ARTEFACT_NETWORK);
        network_write(w->out, &e.w);
    }
    end(&e);
    return ok && neighbours_export(w, d);
}

/* Features that are rows already */

bool export_rows(struct artefact_writer *w, enum artefact_kind kind, const struct solved *s, float factor) {
    struct exporting e;
    bool ok = begin(&e, s, s->design->features);
    for (uint32_t feature = 0; ok && feature < s->design->features; feature++)
        add_feature(&e, feature, feature, factor);
    if (ok) {
        artefact_section(w, kind);
        network_write(w->out, &e.w);
    }
    end(&e);
    return ok;
}
