#include "learn/profile_features.h"

#include "learn/profile.h"

/* A key that needs escaping. */
static void key_of_any(struct json_writer *w, const char *key) {
    json_text(w, key);
    buf_add_char(w->out, ':');
    w->comma = false;
}

static void write_number_profile(struct json_writer *w, const struct learned_schema *s, size_t rows,
                                 size_t column) {
    const struct tabular *t = &s->tabular;
    const struct tabular_column *c = &t->columns[column];
    struct histogram h = {.name = "histogram"};
    for (; h.edge_count < c->edge_count && h.edge_count < PROFILE_EDGES_MAX; h.edge_count++)
        h.edges[h.edge_count] = (double)c->edges[h.edge_count];
    for (size_t i = 0; i < rows; i++) {
        const struct feature_value *value = &s->values[i * t->count + column];
        if (value->kind == FEATURE_NUMBER)
            histogram_add(&h, value->number);
    }
    json_field_fixed(w, "missing", 1 - (double)h.rows / (double)rows, 6);
    histogram_write(&h, w);
}

static void write_category_profile(struct json_writer *w, const struct learned_schema *s, size_t rows,
                                   size_t column) {
    const struct tabular *t = &s->tabular;
    const struct tabular_column *c = &t->columns[column];
    size_t counts[TABULAR_CATEGORIES_MAX + 1] = {0};
    for (size_t i = 0; i < rows; i++) {
        const struct feature_value *value = &s->values[i * t->count + column];
        counts[value->kind == FEATURE_CATEGORY ? value->category : c->category_count]++;
    }
    json_field_fixed(w, "missing", (double)counts[c->category_count] / (double)rows, 6);
    json_key(w, "categories");
    json_object(w);
    for (uint32_t k = 0; k < c->category_count; k++) {
        key_of_any(w, c->categories[k]);
        json_fixed(w, (double)counts[k] / (double)rows, 6);
    }
    json_object_end(w);
}

void profile_write_features(struct json_writer *w, const struct learned_schema *s, size_t rows) {
    json_key(w, "features");
    json_object(w);
    for (size_t i = 0; i < s->tabular.count; i++) {
        const struct tabular_column *c = &s->tabular.columns[i];
        key_of_any(w, c->name);
        json_object(w);
        if (c->numeric)
            write_number_profile(w, s, rows, i);
        else
            write_category_profile(w, s, rows, i);
        json_object_end(w);
    }
    json_object_end(w);
}
