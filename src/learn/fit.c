#include "learn/fit.h"

#include "base/check.h"
#include "learn/export.h"
#include "learn/looks_fit.h"
#include "learn/trained_rows.h"
#include "models/vector.h"

#include <stdlib.h>
#include <string.h>

const char *trained_backend_name(enum trained_backend backend) {
    return backend == TRAINED_BOOSTED ? "boosted" : "linear";
}

struct fit_options fit_defaults(size_t rows) {
    size_t passes = 100000 / (rows + 1); /* few rows need more passes: it is steps that count */
    return (struct fit_options){
        .design = {.least_rows = 1, .most_features = 1 << 18, .floor = 0.1f},
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
        .visual = {.cost = 10, .passes = 100},
        .boosted = boosted_defaults(),
    };
}

static void write_labels(struct artefact_writer *w, const struct dataset *d) {
    artefact_section(w, ARTEFACT_LABELS);
    artefact_u32(w->out, (uint32_t)d->label_count);
    for (size_t i = 0; i < d->label_count; i++)
        buf_add(w->out, d->labels[i], strlen(d->labels[i]) + 1);
}

static void write_plain_confidence(struct artefact_writer *w, enum artefact_kind kind, bool hidden) {
    struct confidence plain = confidence_plain(3, hidden ? 0.5f : 0);
    artefact_section(w, kind);
    confidence_write(w->out, &plain);
}

static bool write_main(struct artefact_writer *w, const struct fit_source *source, const struct solved *s) {
    if (source->corpus) {
        if (!export_text(w, source->corpus, s))
            return false;
    } else {
        artefact_section(w, ARTEFACT_SCHEMA);
        buf_add(w->out, source->schema->bytes, source->schema->size);
        if (!export_rows(w, ARTEFACT_NETWORK, s, 1))
            return false;
    }
    write_plain_confidence(w, ARTEFACT_CONFIDENCE, s->units > 0);
    return true;
}

/* The part over texts or tabular features. */
static bool fit_main(struct artefact_writer *w, const struct fit_source *source, const uint32_t *chosen,
                     size_t count, const struct fit_options *o, struct error *err) {
    struct design d;
    if (source->corpus ? !design_text(&d, source->corpus, source->data, chosen, count, &o->design, err)
                       : !design_features(&d, source->schema, source->data, chosen, count, err))
        return false;
    struct solved s = {.design = &d, .units = o->hidden.units};
    bool ok = solve_linear(&s.linear, &d, &o->linear, err) && solve_hidden(&s.hidden, &d, &o->hidden, err);
    if (ok && !write_main(w, source, &s))
        ok = fail(err, ERR_NO_MEMORY, "out of memory");
    linear_solution_free(&s.linear);
    hidden_solution_free(&s.hidden);
    design_free(&d);
    return ok;
}

static bool fit_boosted(struct artefact_writer *w, const struct fit_source *source, const uint32_t *chosen,
                        size_t count, const struct fit_options *o, struct error *err) {
    if (!boosted_fit(w, source->schema, source->data, chosen, count, &o->boosted, err))
        return false;
    write_plain_confidence(w, ARTEFACT_CONFIDENCE, false);
    return true;
}

static bool fit_visual(struct artefact_writer *w, const struct fit_source *source, const uint32_t *chosen,
                       size_t count, const struct fit_options *o, struct error *err) {
    struct design d;
    if (!design_visual(&d, source->data, chosen, count, err))
        return false;
    struct solved s = {.design = &d};
    bool ok = solve_linear(&s.linear, &d, &o->visual, err);
    float *no_units = calloc(vector_room(d.labels), sizeof *no_units);
    s.hidden.top_bias = no_units;
    if (ok) {
        artefact_section(w, ARTEFACT_VISUAL);
        artefact_u32(w->out, (uint32_t)d.features);
        artefact_floats(w->out, d.mean, d.features);
        artefact_floats(w->out, d.scale, d.features);
        ok = (no_units && export_rows(w, ARTEFACT_VISUAL_NETWORK, &s, d.factor)) ||
             fail(err, ERR_NO_MEMORY, "out of memory");
        write_plain_confidence(w, ARTEFACT_VISUAL_CONFIDENCE, false);
        ok = ok && looks_export(w, &d, err);
    }
    free(no_units);
    linear_solution_free(&s.linear);
    design_free(&d);
    return ok;
}

bool fit_artefact(struct buf *out, const struct fit_source *source, const uint32_t *chosen, size_t count,
                  const struct fit_options *o, struct error *err) {
    struct artefact_writer w;
    artefact_begin(&w, out);
    write_labels(&w, source->data);
    bool boosted = source->backend == TRAINED_BOOSTED;
    if (boosted && !fit_boosted(&w, source, chosen, count, o, err))
        return false;
    if (!boosted && (source->corpus || source->schema) && !fit_main(&w, source, chosen, count, o, err))
        return false;
    if (source->visual && !fit_visual(&w, source, chosen, count, o, err))
        return false;
    if (!trained_rows_write(&w, source->data, chosen, count, err))
        return false;
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
