#include "learn/fit.h"

#include "base/check.h"
#include "models/network.h"
#include "models/vocabulary.h"

#include <stdlib.h>
#include <string.h>

struct fit_options fit_defaults(size_t rows) {
    size_t passes = 100000 / (rows + 1); /* few rows need more passes: it is steps that count */
    return (struct fit_options){
        .design = {.least_rows = 1, .most_features = 1 << 18},
        .linear = {.cost = 1, .passes = 12},
        .hidden = {.units = 128,
                   .passes = passes < 12   ? 12
                             : passes > 60 ? 60
                                           : (unsigned)passes,
                   .step = 0.07f,
                   .input_dropout = 0.3f,
                   .unit_dropout = 0.3f,
                   .start = 0.05f,
                   .seed = 1},
    };
}

/* Weights on their way from features, as solved, to rows, as stored. A word becomes two rows: its own,
 * and the sum of its n-grams' rows; idf goes into the weights. */
struct exporting {
    const struct design *d;
    const struct corpus *c;
    struct network_weights w;
    float *linear, *hidden, *mass;
    const struct linear_solution *linear_solution;
    const struct hidden_solution *hidden_solution;
};

static void add_feature(struct exporting *e, size_t row, uint32_t feature) {
    const struct design *d = e->d;
    size_t width = e->w.labels_room, units = e->w.hidden_room;
    float idf = d->idf[feature];
    vector_add(e->linear + row * width, e->linear_solution->weights + feature * width, idf, width);
    if (e->w.hidden)
        vector_add(e->hidden + row * units, e->hidden_solution->rows + feature * units, idf, units);
    e->mass[row] += idf * idf;
}

static void add_word(struct exporting *e, uint32_t word, size_t row) {
    const struct corpus *c = e->c;
    add_feature(e, row, e->d->word_feature[word]);
    for (size_t i = c->word_grams[word]; i < c->word_grams[word + 1]; i++)
        if (e->d->gram_feature[c->gram_items[i]] != DESIGN_NONE)
            add_feature(e, row + 1, e->d->gram_feature[c->gram_items[i]]);
}

static size_t word_row(const struct design *d, uint32_t word) {
    size_t before = d->grams + d->pairs;
    return before + 2 * (d->word_feature[word] - before);
}

static bool export_text(struct exporting *e, const struct linear_solution *linear,
                        const struct hidden_solution *hidden, uint32_t units) {
    const struct design *d = e->d;
    const struct corpus *c = e->c;
    size_t rows = d->features + d->words, width = vector_room(d->labels), hidden_room = vector_room(units);
    e->linear_solution = linear;
    e->hidden_solution = hidden;
    e->linear = calloc(rows * width, sizeof(float));
    e->hidden = calloc(rows * hidden_room + 1, sizeof(float));
    e->mass = calloc(rows, sizeof(float));
    if (!e->linear || !e->hidden || !e->mass)
        return false;
    e->w = (struct network_weights){.labels = (uint32_t)d->labels,
                                    .hidden = units,
                                    .rows = (uint32_t)rows,
                                    .labels_room = width,
                                    .hidden_room = hidden_room,
                                    .linear = e->linear,
                                    .linear_bias = linear->bias,
                                    .hidden_rows = e->hidden,
                                    .hidden_bias = hidden->bias,
                                    .top = hidden->top,
                                    .top_bias = hidden->top_bias,
                                    .mass = e->mass};
    for (uint32_t feature = 0; feature < d->grams + d->pairs; feature++)
        add_feature(e, feature, feature);
    for (uint32_t word = 0; word < c->words.count; word++)
        if (d->word_feature[word] != DESIGN_NONE)
            add_word(e, word, word_row(d, word));
    return true;
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
    vocabulary_write(out, entries, at, (uint32_t)d->words, (uint32_t)d->pairs, (uint32_t)d->grams,
                     d->unseen_idf);
    free(entries);
    return true;
}

static void write_labels(struct artefact_writer *w, const struct dataset *d) {
    artefact_section(w, ARTEFACT_LABELS);
    artefact_u32(w->out, (uint32_t)d->label_count);
    for (size_t i = 0; i < d->label_count; i++)
        buf_add(w->out, d->labels[i], strlen(d->labels[i]) + 1);
}

static bool write_text(struct artefact_writer *w, const struct fit_source *source, const struct design *d,
                       const struct linear_solution *linear, const struct hidden_solution *hidden,
                       uint32_t units) {
    struct exporting e = {.d = d, .c = source->corpus};
    bool ok = export_text(&e, linear, hidden, units);
    if (ok) {
        struct confidence plain = confidence_plain(3, units ? 0.5f : 0);
        artefact_section(w, ARTEFACT_VOCABULARY);
        ok = write_vocabulary(w->out, d, source->corpus);
        artefact_section(w, ARTEFACT_NETWORK);
        network_write(w->out, &e.w);
        artefact_section(w, ARTEFACT_CONFIDENCE);
        confidence_write(w->out, &plain);
    }
    free(e.linear);
    free(e.hidden);
    free(e.mass);
    return ok;
}

static bool solve_text(struct artefact_writer *w, const struct fit_source *source, const struct design *d,
                       const struct fit_options *o, struct error *err) {
    struct linear_solution linear = {0};
    struct hidden_solution hidden = {0};
    bool ok = solve_linear(&linear, d, &o->linear, err) && solve_hidden(&hidden, d, &o->hidden, err);
    if (ok && !write_text(w, source, d, &linear, &hidden, o->hidden.units))
        ok = fail(err, ERR_NO_MEMORY, "out of memory");
    linear_solution_free(&linear);
    hidden_solution_free(&hidden);
    return ok;
}

bool fit_artefact(struct buf *out, const struct fit_source *source, const uint32_t *chosen, size_t count,
                  const struct fit_options *o, struct error *err) {
    struct artefact_writer w;
    artefact_begin(&w, out);
    write_labels(&w, source->data);
    if (source->corpus) {
        struct design d;
        if (!design_text(&d, source->corpus, source->data, chosen, count, &o->design, err))
            return false;
        bool ok = solve_text(&w, source, &d, o, err);
        design_free(&d);
        if (!ok)
            return false;
    }
    artefact_end(&w);
    return !out->failed ||
           fail(err, ERR_NO_MEMORY, "Out of memory for the artefact, or it is over its limit.");
}

void fit_set_confidence(struct buf *artefact, enum artefact_kind kind, const struct confidence *c) {
    struct artefact a;
    CHECK(artefact_read(&a, buf_str(artefact), NULL));
    CHECK(a.sections[kind].n == sizeof *c);
    memcpy(artefact->p + (a.sections[kind].p - artefact->p), c, sizeof *c);
}
