#include "watch/monitors/first_reference.h"

#include "base/json.h"

#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { LABELS_MAX = 256, SIZE_EDGES = 20, SIZE_FIRST = 4 };

struct first_reference {
    char version[WINDOW_NAME_SIZE];
    uint64_t wanted;
    _Atomic uint64_t requests; /* others ask how many */
    int64_t since;
    uint64_t confident, sized;
    double confidence; /* sum */
    uint32_t confidences[PROFILE_CONFIDENCE_BINS];
    uint32_t sizes[SIZE_EDGES + 1];
    bool tokens; /* of a language model; else bytes of text */
    unsigned label_count;
    bool too_many; /* or too long: what is answered are no labels */
    struct first_label {
        char name[PROFILE_NAME_MAX + 1];
        uint32_t count;
    } labels[LABELS_MAX];
};

struct first_reference *first_reference_new(const char *version, uint64_t wanted, int64_t now) {
    struct first_reference *f = calloc(1, sizeof *f);
    if (!f)
        return NULL;
    str_put(str_from(version), f->version, sizeof f->version);
    f->wanted = wanted;
    f->since = now;
    return f;
}

void first_reference_free(struct first_reference *f) {
    free(f);
}

const char *first_reference_version(const struct first_reference *f) {
    return f->version;
}

uint64_t first_reference_count(const struct first_reference *f) {
    return atomic_load_explicit(&f->requests, memory_order_relaxed);
}

bool first_reference_full(const struct first_reference *f) {
    return first_reference_count(f) >= f->wanted;
}

/* ---- adding ---- */

static double confidence_edge(unsigned i) {
    return (i + 1) / (double)PROFILE_CONFIDENCE_BINS;
}

static double size_edge(unsigned i) {
    return ldexp(SIZE_FIRST, (int)i);
}

static void add_label(struct first_reference *f, struct str label) {
    f->too_many = f->too_many || label.n > PROFILE_NAME_MAX;
    for (unsigned i = 0; i < f->label_count; i++)
        if (str_eq(label, str_from(f->labels[i].name))) {
            f->labels[i].count++;
            return;
        }
    f->too_many = f->too_many || f->label_count == LABELS_MAX;
    if (f->too_many)
        return;
    struct first_label *l = &f->labels[f->label_count++];
    str_put(label, l->name, sizeof l->name);
    l->count = 1;
}

static void add_size(struct first_reference *f, const struct event *e) {
    unsigned at = 0;
    while (at < SIZE_EDGES && e->input_size >= size_edge(at))
        at++;
    f->sizes[at]++;
    f->sized++;
    f->tokens = e->has_language;
}

void first_reference_add(struct first_reference *f, const struct event *e) {
    if (first_reference_full(f) || e->status >= 400 || !str_eq(e->model, str_from(f->version)))
        return;
    atomic_store_explicit(&f->requests, first_reference_count(f) + 1, memory_order_relaxed);
    if (e->confidence >= 0) {
        unsigned at = 0;
        while (at < PROFILE_CONFIDENCE_BINS - 1 && (double)e->confidence >= confidence_edge(at))
            at++;
        f->confidences[at]++;
        f->confidence += (double)e->confidence;
        f->confident++;
    }
    if (e->prediction.n)
        add_label(f, e->prediction);
    if (e->input_size)
        add_size(f, e);
}

/* ---- writing ---- */

static void write_shares(struct json_writer *w, const uint32_t *counts, unsigned bins, uint64_t rows) {
    json_key(w, "shares");
    json_array(w);
    for (unsigned i = 0; i < bins; i++)
        json_fixed(w, counts[i] / (double)rows, 6);
    json_array_end(w);
    json_field_int(w, "rows", (int64_t)rows);
}

static void write_confidence(struct json_writer *w, const struct first_reference *f) {
    if (!f->confident)
        return;
    json_key(w, "confidence");
    json_object(w);
    json_key(w, "edges");
    json_array(w);
    for (unsigned i = 0; i < PROFILE_CONFIDENCE_BINS - 1; i++)
        json_double(w, confidence_edge(i));
    json_array_end(w);
    write_shares(w, f->confidences, PROFILE_CONFIDENCE_BINS, f->confident);
    json_object_end(w);
}

static void write_sizes(struct json_writer *w, const struct first_reference *f) {
    if (!f->sized)
        return;
    json_key(w, f->tokens ? "input_tokens" : "text_bytes");
    json_object(w);
    json_key(w, "edges");
    json_array(w);
    for (unsigned i = 0; i < SIZE_EDGES; i++)
        json_double(w, size_edge(i));
    json_array_end(w);
    write_shares(w, f->sizes, SIZE_EDGES + 1, f->sized);
    json_object_end(w);
}

static void write_label(struct json_writer *w, const struct first_label *l, double rows) {
    json_text(w, l->name);
    buf_add_char(w->out, ':');
    w->comma = false;
    json_fixed(w, l->count / rows, 6);
}

static void write_labels(struct json_writer *w, const struct first_reference *f) {
    double rows = 0;
    for (unsigned i = 0; i < f->label_count; i++)
        rows += f->labels[i].count;
    json_key(w, "labels");
    json_object(w);
    for (unsigned i = 0; i < f->label_count && !f->too_many; i++)
        write_label(w, &f->labels[i], rows);
    json_object_end(w);
}

bool first_reference_write(const struct first_reference *f, struct buf *out) {
    struct json_writer w = JSON_WRITER(out);
    json_object(&w);
    json_key(&w, "metrics");
    json_object(&w);
    if (f->confident)
        json_field_fixed(&w, "mean_confidence", f->confidence / (double)f->confident, 6);
    json_object_end(&w);
    json_key(&w, "profile");
    json_object(&w);
    json_field_int(&w, "rows", (int64_t)first_reference_count(f));
    json_field_int(&w, "since", f->since);
    json_key(&w, "histograms");
    json_object(&w);
    write_confidence(&w, f);
    write_sizes(&w, f);
    json_object_end(&w);
    write_labels(&w, f);
    json_object_end(&w);
    json_object_end(&w);
    return !out->failed;
}
