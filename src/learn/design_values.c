/* The designs of tabular features and of visual vectors: what has a fixed number of values a row. */
#include "learn/design.h"

#include <math.h>
#include <stdlib.h>

/* Room for rows of at most `per_row` items each. */
static bool rows_room(struct design *d, size_t rows, size_t per_row) {
    d->label = malloc((rows + 1) * sizeof *d->label);
    d->offsets = calloc(rows + 1, sizeof *d->offsets);
    d->squares = calloc(rows + 1, sizeof *d->squares);
    d->items = malloc((rows * per_row + 1) * sizeof *d->items);
    return d->label && d->offsets && d->squares && d->items;
}

static void end_row(struct design *d, uint32_t label, size_t items) {
    for (size_t i = d->offsets[d->rows]; i < items; i++)
        d->squares[d->rows] += d->items[i].value * d->items[i].value;
    d->label[d->rows++] = label;
    d->offsets[d->rows] = items;
}

bool design_features(struct design *out, const struct learned_schema *schema, const struct dataset *data,
                     const uint32_t *chosen, size_t count, struct error *err) {
    const struct tabular *t = &schema->tabular;
    struct design d = {.features = t->rows, .labels = data->label_count};
    struct tabular_item *items = malloc(t->count * TABULAR_ITEMS_PER_COLUMN * sizeof *items);
    if (!items || !rows_room(&d, count, t->count * TABULAR_ITEMS_PER_COLUMN)) {
        free(items);
        design_free(&d);
        return fail(err, ERR_NO_MEMORY, "Out of memory for the features of %zu rows.", count);
    }
    size_t used = 0;
    for (size_t i = 0; i < count; i++) {
        size_t n = tabular_items(t, schema->values + chosen[i] * t->count, items);
        for (size_t k = 0; k < n; k++)
            d.items[used++] = (struct design_item){items[k].row, items[k].value};
        end_row(&d, data->rows[chosen[i]].label, used);
    }
    free(items);
    *out = d;
    return true;
}

static void standardise(struct design *d, const struct dataset *data, const uint32_t *chosen, size_t count) {
    for (size_t v = 0; v < data->visual_count; v++) {
        double sum = 0, square = 0, n = 0;
        for (size_t i = 0; i < count; i++) {
            const float *visual = data->rows[chosen[i]].visual;
            if (!visual || !isfinite(visual[v]))
                continue;
            sum += (double)visual[v];
            square += (double)visual[v] * (double)visual[v];
            n++;
        }
        double mean = n > 0 ? sum / n : 0, variance = n > 0 ? square / n - mean * mean : 0;
        d->mean[v] = (float)mean;
        d->scale[v] = variance > 1e-8 ? (float)(1 / sqrt(variance)) : 0;
    }
}

bool design_visual(struct design *out, const struct dataset *data, const uint32_t *chosen, size_t count,
                   struct error *err) {
    size_t values = data->visual_count, used = 0;
    struct design d = {.features = values, .labels = data->label_count};
    d.factor = (float)(1 / sqrt((double)values));
    d.mean = calloc(values + 1, sizeof *d.mean);
    d.scale = calloc(values + 1, sizeof *d.scale);
    if (!d.mean || !d.scale || !rows_room(&d, count, values)) {
        design_free(&d);
        return fail(err, ERR_NO_MEMORY, "Out of memory for the visual vectors of %zu rows.", count);
    }
    standardise(&d, data, chosen, count);
    for (size_t i = 0; i < count; i++) {
        const float *visual = data->rows[chosen[i]].visual;
        if (!visual)
            continue;
        for (size_t v = 0; v < values; v++) {
            float value = (visual[v] - d.mean[v]) * d.scale[v];
            value = value > 4 ? 4 : value > -4 ? value : -4;
            d.items[used++] = (struct design_item){(uint32_t)v, value * d.factor};
        }
        end_row(&d, data->rows[chosen[i]].label, used);
    }
    *out = d;
    return true;
}
