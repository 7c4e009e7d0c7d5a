#include "learn/manifest.h"

#include "learn/profile.h"
#include "learn/profile_features.h"
#include "models/boosted.h"

static void write_dataset(struct json_writer *w, const struct manifest_facts *f) {
    const struct dataset *d = f->source->data;
    json_key(w, "dataset");
    json_object(w);
    if (f->dataset_manifest[0])
        json_field_text(w, "manifest", f->dataset_manifest);
    json_field_text(w, "sha256", f->dataset_hash);
    json_field_int(w, "rows", (int64_t)d->count);
    json_field_int(w, "rejected", (int64_t)d->rejected);
    json_key(w, "reasons");
    json_array(w);
    for (size_t i = 0; i < d->reason_count; i++)
        json_text(w, d->reasons[i]);
    json_array_end(w);
    json_object_end(w);
}

static void write_numbers(struct json_writer *w, const char *key, const float *numbers, int count) {
    json_key(w, key);
    json_array(w);
    for (int i = 0; i < count; i++)
        json_fixed(w, (double)numbers[i], 5);
    json_array_end(w);
}

static void write_confidence(struct json_writer *w, const struct confidence *c) {
    json_field_fixed(w, "linear_factor", (double)c->linear_factor, 5);
    json_field_fixed(w, "hidden_factor", (double)c->hidden_factor, 5);
    write_numbers(w, "novelty_weights", c->novelty, NOVELTY_TERMS);
    write_numbers(w, "confidence_weights", c->correct, CONFIDENCE_TERMS);
}

static void write_linear_parameters(struct json_writer *w, const struct fit_options *o) {
    json_field_fixed(w, "cost", (double)o->linear.cost, 4);
    json_field_int(w, "linear_passes", o->linear.passes);
    json_field_int(w, "hidden_units", o->hidden.units);
    json_field_int(w, "hidden_passes", o->hidden.passes);
    json_field_fixed(w, "step", (double)o->hidden.step, 4);
    json_field_fixed(w, "input_dropout", (double)o->hidden.input_dropout, 4);
    json_field_fixed(w, "unit_dropout", (double)o->hidden.unit_dropout, 4);
    json_field_int(w, "seed", (int64_t)o->hidden.seed);
}

/* Rounds as the final run had them. */
static void write_boosted_parameters(struct json_writer *w, const struct manifest_facts *f) {
    const struct xgboost_options *o = &f->fit->boosted.train;
    struct backend *b;
    json_field_text(w, "xgboost", xgboost_version());
    if (backend_open(&b, "boosted", f->artefact, NULL)) {
        json_field_int(w, "rounds", boosted_rounds(b));
        backend_free(b);
    }
    json_field_int(w, "most_rounds", o->rounds);
    json_field_int(w, "patience", o->patience);
    json_field_int(w, "depth", o->depth);
    json_field_fixed(w, "step", (double)o->step, 4);
    json_field_fixed(w, "row_share", (double)o->row_share, 4);
    json_field_fixed(w, "column_share", (double)o->column_share, 4);
    json_field_fixed(w, "least_weight", (double)o->least_weight, 4);
    json_field_fixed(w, "ridge", (double)o->ridge, 4);
    json_field_int(w, "seed", o->seed);
}

static void write_parameters(struct json_writer *w, const struct manifest_facts *f) {
    json_key(w, "parameters");
    json_object(w);
    json_field_int(w, "folds", f->options->folds);
    if (f->source->backend == TRAINED_BOOSTED)
        write_boosted_parameters(w, f);
    else
        write_linear_parameters(w, f->fit);
    write_confidence(w, &f->part->confidence);
    json_object_end(w);
}

static void write_visual(struct json_writer *w, const struct manifest_facts *f) {
    json_key(w, "visual");
    json_object(w);
    json_field_int(w, "rows", (int64_t)f->gate->rows);
    json_field_fixed(w, "accuracy", f->visual->quality.accuracy, 6);
    json_field_fixed(w, "ece", f->visual->quality.ece, 6);
    json_key(w, "gate");
    if (f->gate->confidence <= 1)
        json_fixed(w, (double)f->gate->confidence, 6);
    else
        json_null(w);
    json_field_int(w, "passed", (int64_t)f->gate->passed);
    json_field_int(w, "passed_errors", (int64_t)f->gate->passed_errors);
    json_field_int(w, "text_errors_among_passed", (int64_t)f->gate->main_errors);
    write_confidence(w, &f->visual->confidence);
    json_object_end(w);
}

/* A key that needs escaping. */
static void any_key(struct json_writer *w, const char *key) {
    json_text(w, key);
    buf_add_char(w->out, ':');
    w->comma = false;
}

static void write_observed(struct json_writer *w, const struct manifest_facts *f) {
    struct histogram confidence = histogram_linear("confidence", 0.05, 0.05, 19);
    struct histogram novelty = histogram_linear("novelty", 0.05, 0.05, 19);
    struct histogram words = histogram_doubling("text_words", 14);
    struct histogram unseen = histogram_linear("unseen_words", 0.05, 0.05, 19);
    struct histogram scarcity = histogram_linear("scarcity", 0.2, 0.2, 20);
    struct histogram grams = histogram_linear("unseen_grams", 0.05, 0.05, 19);
    for (size_t i = 0; i < f->part->count; i++) {
        const struct observation *seen = f->part->rows[i].seen;
        if (!judged_row_counts(f->part, i))
            continue;
        histogram_add(&confidence, (double)f->part->judged[i].confidence);
        histogram_add(&novelty, (double)f->part->judged[i].novelty);
        histogram_add(&words, seen->words);
        histogram_add(&unseen, 1 - (double)seen->known_words);
        histogram_add(&grams, 1 - (double)seen->known_grams);
        histogram_add(&scarcity, (double)seen->scarcity);
    }
    json_key(w, "histograms");
    json_object(w);
    histogram_write(&confidence, w);
    histogram_write(&novelty, w);
    if (f->source->corpus) {
        histogram_write(&words, w);
        histogram_write(&unseen, w);
        histogram_write(&grams, w);
        histogram_write(&scarcity, w);
    }
    json_object_end(w);
}

static void write_profile(struct json_writer *w, const struct manifest_facts *f) {
    const struct quality *q = &f->part->quality;
    json_key(w, "profile");
    json_object(w);
    json_field_int(w, "rows", (int64_t)q->rows);
    write_observed(w, f);
    if (f->source->schema)
        profile_write_features(w, f->source->schema, f->source->data->count);
    json_key(w, "labels");
    json_object(w);
    for (size_t k = 0; k < q->label_count; k++) {
        any_key(w, f->source->data->labels[k]);
        json_fixed(w, (double)q->labels[k].answered / (double)(q->rows ? q->rows : 1), 6);
    }
    json_object_end(w);
    json_object_end(w);
}

static void write_labels_and_inputs(struct json_writer *w, const struct fit_source *s) {
    json_key(w, "labels");
    json_array(w);
    for (size_t k = 0; k < s->data->label_count; k++)
        json_text(w, s->data->labels[k]);
    json_array_end(w);
    json_key(w, "inputs");
    json_array(w);
    if (s->corpus)
        json_text(w, "text");
    if (s->schema)
        json_text(w, "features");
    if (s->visual)
        json_text(w, "visual");
    json_array_end(w);
    if (s->schema) {
        json_key(w, "schema");
        tabular_write_json(&s->schema->tabular, w);
    }
}

void manifest_write(struct buf *out, const struct manifest_facts *f) {
    struct json_writer w = JSON_WRITER(out);
    json_object(&w);
    json_field_text(&w, "model", f->options->name);
    json_field_text(&w, "backend", trained_backend_name(f->source->backend));
    write_labels_and_inputs(&w, f->source);
    write_dataset(&w, f);
    write_parameters(&w, f);
    json_key(&w, "metrics");
    quality_write(&f->part->quality, f->source->data->labels, &w);
    if (f->visual)
        write_visual(&w, f);
    write_profile(&w, f);
    json_key(&w, "policy");
    json_object(&w);
    json_field_fixed(&w, "accept", f->options->accept, 4);
    json_field_fixed(&w, "review", f->options->review, 4);
    json_object_end(&w);
    json_object_end(&w);
}
