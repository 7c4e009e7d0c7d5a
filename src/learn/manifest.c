#include "learn/manifest.h"

#include "learn/profile.h"

static void write_dataset(struct json_writer *w, const struct manifest_facts *f) {
    const struct dataset *d = f->data;
    json_key(w, "dataset");
    json_object(w);
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

static void write_parameters(struct json_writer *w, const struct manifest_facts *f) {
    const struct fit_options *o = f->fit;
    json_key(w, "parameters");
    json_object(w);
    json_field_int(w, "folds", f->folds);
    json_field_fixed(w, "cost", o->linear.cost, 4);
    json_field_int(w, "linear_passes", o->linear.passes);
    json_field_int(w, "hidden_units", o->hidden.units);
    json_field_int(w, "hidden_passes", o->hidden.passes);
    json_field_fixed(w, "step", o->hidden.step, 4);
    json_field_fixed(w, "input_dropout", o->hidden.input_dropout, 4);
    json_field_fixed(w, "unit_dropout", o->hidden.unit_dropout, 4);
    json_field_int(w, "seed", (int64_t)o->hidden.seed);
    json_field_fixed(w, "linear_factor", f->confidence->linear_factor, 5);
    json_field_fixed(w, "hidden_factor", f->confidence->hidden_factor, 5);
    json_key(w, "novelty_weights");
    json_array(w);
    for (int i = 0; i < NOVELTY_TERMS; i++)
        json_fixed(w, f->confidence->novelty[i], 5);
    json_array_end(w);
    json_key(w, "confidence_weights");
    json_array(w);
    for (int i = 0; i < CONFIDENCE_TERMS; i++)
        json_fixed(w, f->confidence->correct[i], 5);
    json_array_end(w);
    json_object_end(w);
}

static void write_profile(struct json_writer *w, const struct manifest_facts *f) {
    struct histogram confidence = histogram_linear("confidence", 0.05, 0.05, 19);
    struct histogram novelty = histogram_linear("novelty", 0.05, 0.05, 19);
    struct histogram words = histogram_doubling("text_words", 14);
    struct histogram unseen = histogram_linear("unseen_words", 0.05, 0.05, 19);
    struct histogram grams = histogram_linear("unseen_grams", 0.05, 0.05, 19);
    size_t rows = 0;
    for (size_t i = 0; i < f->count; i++) {
        const struct observation *seen = f->rows[i].seen;
        if (!f->rows[i].from_fold || !seen->known)
            continue;
        rows++;
        histogram_add(&confidence, f->judged[i].confidence);
        histogram_add(&novelty, f->judged[i].novelty);
        histogram_add(&words, seen->words);
        histogram_add(&unseen, 1 - seen->known_words);
        histogram_add(&grams, 1 - seen->known_grams);
    }
    json_key(w, "profile");
    json_object(w);
    json_field_int(w, "rows", (int64_t)rows);
    json_key(w, "histograms");
    json_object(w);
    histogram_write(&confidence, w);
    histogram_write(&novelty, w);
    if (f->data->has_text) {
        histogram_write(&words, w);
        histogram_write(&unseen, w);
        histogram_write(&grams, w);
    }
    json_object_end(w);
    json_key(w, "labels");
    json_object(w);
    for (size_t k = 0; k < f->data->label_count; k++) {
        json_str(w, str_from(f->data->labels[k]));
        buf_add_char(w->out, ':');
        w->comma = false;
        json_fixed(w, (double)f->metrics->labels[k].answered / (double)(rows ? rows : 1), 6);
    }
    json_object_end(w);
    json_object_end(w);
}

void manifest_write(struct buf *out, const struct manifest_facts *f) {
    struct json_writer w = JSON_WRITER(out);
    const struct train_options *o = f->options;
    json_object(&w);
    json_field_text(&w, "model", o->name);
    json_field_text(&w, "backend", "linear");
    json_key(&w, "labels");
    json_array(&w);
    for (size_t k = 0; k < f->data->label_count; k++)
        json_text(&w, f->data->labels[k]);
    json_array_end(&w);
    json_key(&w, "inputs");
    json_array(&w);
    if (f->data->has_text)
        json_text(&w, "text");
    json_array_end(&w);
    write_dataset(&w, f);
    write_parameters(&w, f);
    json_key(&w, "metrics");
    quality_write(f->metrics, f->data->labels, &w);
    write_profile(&w, f);
    json_key(&w, "policy");
    json_object(&w);
    json_field_fixed(&w, "accept", o->accept, 4);
    json_field_fixed(&w, "review", o->review, 4);
    json_object_end(&w);
    json_object_end(&w);
}
