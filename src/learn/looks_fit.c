#include "learn/looks_fit.h"

#include "base/check.h"
#include "models/looks.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A class's own variance counts for as many rows as it has, that of all classes for two. The floor keeps
 * values that never vary within a class, such as blank margins, from outweighing the rest. */
static const double pooled_rows = 2, variance_floor = 0.01;

/* Of the pages that folds had not been trained on, this share is near enough. What is beyond is read instead:
 * the price of a page too many is 300 ms, of one too few a wrong answer. */
static const double near_share = 0.94;

struct class_sums {
    double *sum, *square; /* values of each label */
    double *rows;         /* per label */
};

static void add_rows(struct class_sums *s, const struct design *d) {
    for (size_t i = 0; i < d->rows; i++) {
        size_t base = d->label[i] * d->features;
        s->rows[d->label[i]]++;
        for (size_t k = d->offsets[i]; k < d->offsets[i + 1]; k++) {
            double value = (double)(d->items[k].value / d->factor);
            s->sum[base + d->items[k].feature] += value;
            s->square[base + d->items[k].feature] += value * value;
        }
    }
}

static double mean_of(const struct class_sums *s, const struct design *d, size_t label, size_t v) {
    return s->rows[label] > 0 ? s->sum[label * d->features + v] / s->rows[label] : 0;
}

/* The squares of what the label's rows stray from their mean, summed. */
static double stray(const struct class_sums *s, const struct design *d, size_t label, size_t v) {
    double mean = mean_of(s, d, label, v);
    return fmax(0, s->square[label * d->features + v] - s->rows[label] * mean * mean);
}

static void describe(const struct class_sums *s, const struct design *d, float *mean, float *inverse) {
    for (size_t v = 0; v < d->features; v++) {
        double all = 0;
        for (size_t label = 0; label < d->labels; label++)
            all += stray(s, d, label, v);
        double pooled = d->rows ? all / (double)d->rows : 1;
        for (size_t label = 0; label < d->labels; label++) {
            double variance = (stray(s, d, label, v) + pooled_rows * pooled) / (s->rows[label] + pooled_rows);
            mean[label * d->features + v] = (float)mean_of(s, d, label, v);
            inverse[label * d->features + v] = (float)(1 / sqrt(variance + variance_floor));
        }
    }
}

/* Directions */

enum { DIRECTION_ROUNDS = 30, DIRECTION_PAGES = 256, PAGES_PER_DIRECTION = 3 };

/* Deviations of the label's first pages; returns how many. */
static size_t deviations_of(const struct design *d, const struct looks *l, uint32_t label, float *values,
                            float *out) {
    size_t n = d->features, pages = 0;
    for (size_t i = 0; i < d->rows && pages < DIRECTION_PAGES; i++) {
        if (d->label[i] != label)
            continue;
        memset(values, 0, n * sizeof *values);
        for (size_t k = d->offsets[i]; k < d->offsets[i + 1]; k++)
            values[d->items[k].feature] = d->items[k].value / d->factor;
        looks_deviations(values, l->mean + label * n, l->inverse + label * n, n, out + pages++ * n);
    }
    return pages;
}

/* To length 1; what has no length becomes 0. */
static void normalise(float *v, size_t n) {
    double square = 0;
    for (size_t i = 0; i < n; i++)
        square += (double)v[i] * (double)v[i];
    float factor = square > 1e-12 ? (float)(1 / sqrt(square)) : 0;
    for (size_t i = 0; i < n; i++)
        v[i] *= factor;
}

static float along(const float *v, const float *direction, size_t n) {
    float sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += v[i] * direction[i];
    return sum;
}

static void add(float *out, const float *v, float factor, size_t n) {
    for (size_t i = 0; i < n; i++)
        out[i] += factor * v[i];
}

/* Direction k of the pages' largest variance at right angles to those before it: power iteration. */
static void find_direction(float *directions, size_t k, const float *pages, size_t count, size_t n,
                           float *next) {
    float *v = directions + k * n;
    struct random random = random_from(k);
    for (size_t i = 0; i < n; i++)
        v[i] = random_normal(&random);
    for (int round = 0; round < DIRECTION_ROUNDS; round++) {
        memset(next, 0, n * sizeof *next);
        for (size_t i = 0; i < count; i++)
            add(next, pages + i * n, along(pages + i * n, v, n), n);
        for (size_t before = 0; before < k; before++)
            add(next, directions + before * n, -along(next, directions + before * n, n), n);
        memcpy(v, next, n * sizeof *v);
        normalise(v, n);
    }
}

static bool find_directions(float *directions, const struct design *d, const struct looks *l) {
    size_t n = d->features;
    float *pages = malloc((DIRECTION_PAGES * n + 1) * sizeof *pages),
          *values = malloc((n + 1) * sizeof *values);
    bool ok = pages && values;
    for (uint32_t label = 0; ok && label < d->labels; label++) {
        size_t count = deviations_of(d, l, label, values, pages);
        for (size_t k = 0; k < LOOKS_DIRECTIONS && k < count / PAGES_PER_DIRECTION && k < n / 2; k++)
            find_direction(directions + label * LOOKS_DIRECTIONS * n, k, pages, count, n, values);
    }
    free(pages);
    free(values);
    return ok;
}

static bool sums_room(struct class_sums *s, const struct design *d) {
    size_t values = d->labels * d->features;
    *s = (struct class_sums){calloc(values, sizeof(double)), calloc(values, sizeof(double)),
                             calloc(d->labels, sizeof(double))};
    return s->sum && s->square && s->rows;
}

bool looks_export(struct artefact_writer *w, const struct design *d, struct error *err) {
    size_t values = d->labels * d->features;
    struct class_sums s;
    float *limit = malloc(d->labels * sizeof *limit);
    float *mean = malloc(values * sizeof *mean), *inverse = malloc(values * sizeof *inverse);
    float *directions = calloc(values * LOOKS_DIRECTIONS, sizeof *directions);
    struct looks l = {.labels = (uint32_t)d->labels,
                      .values = (uint32_t)d->features,
                      .limit = limit,
                      .mean = mean,
                      .inverse = inverse,
                      .directions = directions};
    bool ok = sums_room(&s, d) && limit && mean && inverse && directions;
    if (ok) {
        for (size_t label = 0; label < d->labels; label++)
            limit[label] = 1;
        add_rows(&s, d);
        describe(&s, d, mean, inverse);
        ok = find_directions(directions, d, &l);
    }
    if (ok) {
        artefact_section(w, ARTEFACT_LOOKS);
        looks_write(w->out, &l);
    }
    free(s.sum);
    free(s.square);
    free(s.rows);
    free(limit);
    free(mean);
    free(inverse);
    free(directions);
    return ok || fail(err, ERR_NO_MEMORY, "Out of memory for the looks of %zu classes.", d->labels);
}

/* Learning */

static bool of_own_class(const struct observation *o) {
    return o->looks && o->kind == OBSERVED_ROW;
}

/* The typical distance: the geometric mean. */
static bool learn_typical(float *typical, const struct training_run *runs, unsigned folds,
                          const struct dataset *d) {
    double *sums = calloc(d->label_count, sizeof *sums), *rows = calloc(d->label_count, sizeof *rows);
    bool ok = sums && rows;
    for (unsigned i = 0; ok && i < folds; i++)
        for (size_t k = 0; k < runs[i].seen_count; k++) {
            const struct observation *o = &runs[i].seen[k];
            if (!of_own_class(o))
                continue;
            uint32_t label = d->rows[o->row].label;
            sums[label] += log(fmax((double)o->looks[label], 1e-3));
            rows[label]++;
        }
    for (size_t label = 0; ok && label < d->label_count; label++)
        typical[label] = rows[label] >= LOOKS_PAGES_LEAST ? (float)exp(sums[label] / rows[label]) : 0;
    free(sums);
    free(rows);
    return ok;
}

static int ascending(const void *a, const void *b) {
    float x = *(const float *)a, y = *(const float *)b;
    return x < y ? -1 : x > y;
}

/* How many times the typical distance is near enough: the same for all classes, since few have the pages to
 * tell. */
static bool learn_reach(float *reach, const float *typical, const struct training_run *runs, unsigned folds,
                        const struct dataset *d) {
    float *distances = malloc((d->count + 1) * sizeof *distances);
    size_t count = 0;
    if (!distances)
        return false;
    for (unsigned i = 0; i < folds; i++)
        for (size_t k = 0; k < runs[i].seen_count && count < d->count; k++) {
            const struct observation *o = &runs[i].seen[k];
            uint32_t label = d->rows[o->row].label;
            if (of_own_class(o) && typical[label] > 0)
                distances[count++] = o->looks[label] / typical[label];
        }
    qsort(distances, count, sizeof *distances, ascending);
    *reach = count ? distances[(size_t)(near_share * (double)(count - 1))] : 0;
    free(distances);
    return true;
}

static void make_relative(struct training_run *runs, size_t count, const float *limits, size_t labels) {
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < runs[i].seen_count; k++)
            for (size_t label = 0; runs[i].seen[k].looks && label < labels; label++)
                runs[i].seen[k].looks[label] =
                    limits[label] > 0 ? runs[i].seen[k].looks[label] / limits[label] : 0;
}

bool looks_learn(float **limits, struct training_run *runs, size_t count, unsigned folds,
                 const struct dataset *d, struct error *err) {
    float *l = calloc(d->label_count, sizeof *l), reach;
    if (!l || !learn_typical(l, runs, folds, d) || !learn_reach(&reach, l, runs, folds, d)) {
        free(l);
        return fail(err, ERR_NO_MEMORY, "out of memory");
    }
    for (size_t label = 0; label < d->label_count; label++)
        l[label] *= reach;
    make_relative(runs, count, l, d->label_count);
    *limits = l;
    return true;
}

void looks_store(struct buf *artefact, const float *limits, size_t labels) {
    struct artefact a;
    CHECK(artefact_read(&a, buf_str(artefact), NULL));
    CHECK(a.sections[ARTEFACT_LOOKS].p);
    looks_set_limits(artefact->p + (a.sections[ARTEFACT_LOOKS].p - artefact->p), limits, labels);
}
