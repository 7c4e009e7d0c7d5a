#include "learn/solver.h"

#include "base/check.h"
#include "learn/random.h"
#include "models/backend.h"
#include "models/network.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LABELS_ROOM = MODEL_LABELS_MAX + VECTOR_ALIGN };

static uint32_t *row_order(size_t rows) {
    uint32_t *order = malloc((rows + 1) * sizeof *order);
    for (size_t i = 0; order && i < rows; i++)
        order[i] = (uint32_t)i;
    return order;
}

static void sum_row(const struct design_item *items, size_t count, const float *weights, size_t width,
                    float *sums) {
    for (size_t i = 0; i < count; i++)
        vector_add(sums, weights + items[i].feature * width, items[i].value, width);
}

static void add_to_rows(const struct design_item *items, size_t count, float *weights, size_t width,
                        const float *change) {
    for (size_t i = 0; i < count; i++)
        vector_add(weights + items[i].feature * width, change, items[i].value, width);
}

/* Linear part */

/* The dual step of one row for all labels; change receives what its weights gain. Returns how much moved. */
static float dual_step(const float *sums, float *alpha, size_t room, uint32_t label, float diagonal,
                       float square, float *change) {
    float moved = 0, inverse = 1 / (square + diagonal);
    for (size_t k = 0; k < room; k++) {
        float sign = k == label ? 1.0f : -1.0f;
        float gradient = sign * sums[k] - 1 + diagonal * alpha[k];
        float next = fmaxf(alpha[k] - gradient * inverse, 0);
        change[k] = (next - alpha[k]) * sign;
        moved += fabsf(change[k]);
        alpha[k] = next;
    }
    return moved;
}

static void run_linear(const struct design *d, const struct linear_options *o, float *weights, float *bias,
                       float *alpha, uint32_t *order) {
    size_t width = vector_room(d->labels);
    float sums[LABELS_ROOM], change[LABELS_ROOM];
    struct random random = random_from(1);
    for (unsigned pass = 0; pass < o->passes; pass++) {
        double moved = 0;
        random_shuffle(&random, order, d->rows);
        for (size_t i = 0; i < d->rows; i++) {
            size_t row = order[i];
            const struct design_item *items = d->items + d->offsets[row];
            size_t count = d->offsets[row + 1] - d->offsets[row];
            memcpy(sums, bias, width * sizeof *sums);
            sum_row(items, count, weights, width, sums);
            /* The constant feature 1 carries the bias: hence + 1. */
            moved += dual_step(sums, alpha + row * width, d->labels, d->label[row], 0.5f / o->cost,
                               d->squares[row] + 1, change);
            memset(change + d->labels, 0, (width - d->labels) * sizeof *change);
            add_to_rows(items, count, weights, width, change);
            vector_add(bias, change, 1, width);
        }
        if (moved < 1e-4 * (double)d->rows * (double)d->labels)
            break;
    }
}

bool solve_linear(struct linear_solution *out, const struct design *d, const struct linear_options *o,
                  struct error *err) {
    size_t width = vector_room(d->labels);
    struct linear_solution s = {calloc((d->features + 1) * width, sizeof(float)),
                                calloc(width, sizeof(float))};
    float *alpha = calloc((d->rows + 1) * width, sizeof *alpha);
    uint32_t *order = row_order(d->rows);
    bool ok = s.weights && s.bias && alpha && order;
    if (ok)
        run_linear(d, o, s.weights, s.bias, alpha, order);
    free(alpha);
    free(order);
    if (ok)
        *out = s;
    else
        linear_solution_free(&s);
    return ok ||
           fail(err, ERR_NO_MEMORY, "Out of memory for %zu features and %zu labels.", d->features, d->labels);
}

void linear_solution_free(struct linear_solution *s) {
    free(s->weights);
    free(s->bias);
}

/* Hidden part */

struct hidden_run {
    const struct design *d;
    const struct hidden_options *o;
    struct hidden_solution s;
    size_t width, units;      /* padded */
    struct design_item *kept; /* the row's items that were not dropped */
    struct random random;
    float unit[NETWORK_HIDDEN_MAX], gradient[NETWORK_HIDDEN_MAX], scores[LABELS_ROOM];
};

static bool dropped(struct hidden_run *r, float share) {
    return random_u32(&r->random) < (uint32_t)(share * 4294967295.0f);
}

static size_t drop_inputs(struct hidden_run *r, size_t row) {
    const struct design *d = r->d;
    size_t count = 0;
    float factor = 1 / (1 - r->o->input_dropout);
    for (size_t i = d->offsets[row]; i < d->offsets[row + 1]; i++)
        if (!dropped(r, r->o->input_dropout)) {
            r->kept[count] = d->items[i];
            r->kept[count++].value *= factor;
        }
    return count;
}

static void forward(struct hidden_run *r, size_t count) {
    float factor = 1 / (1 - r->o->unit_dropout);
    memcpy(r->unit, r->s.bias, r->units * sizeof *r->unit);
    sum_row(r->kept, count, r->s.rows, r->units, r->unit);
    memcpy(r->scores, r->s.top_bias, r->width * sizeof *r->scores);
    for (size_t h = 0; h < r->units; h++) {
        r->unit[h] = r->unit[h] > 0 && !dropped(r, r->o->unit_dropout) ? r->unit[h] * factor : 0;
        if (r->unit[h] > 0)
            vector_add(r->scores, r->s.top + h * r->width, r->unit[h], r->width);
    }
}

/* Scores become the gradient of the log likelihood: 1 for the label, less the probability. */
static void softmax_gradient(float *scores, size_t labels, size_t room, uint32_t label) {
    float top = scores[0], sum = 0;
    for (size_t k = 1; k < labels; k++)
        top = fmaxf(top, scores[k]);
    for (size_t k = 0; k < labels; k++) {
        scores[k] = expf(scores[k] - top);
        sum += scores[k];
    }
    for (size_t k = 0; k < labels; k++)
        scores[k] = (k == label) - scores[k] / sum;
    memset(scores + labels, 0, (room - labels) * sizeof *scores);
}

static void backward(struct hidden_run *r, size_t count, float step) {
    float factor = step / (1 - r->o->unit_dropout);
    memset(r->gradient, 0, r->units * sizeof *r->gradient);
    for (size_t h = 0; h < r->units; h++) {
        if (r->unit[h] <= 0)
            continue;
        float *top = r->s.top + h * r->width;
        r->gradient[h] = vector_dot(top, r->scores, r->width) * factor;
        vector_add(top, r->scores, r->unit[h] * step, r->width);
    }
    vector_add(r->s.top_bias, r->scores, step, r->width);
    vector_add(r->s.bias, r->gradient, 1, r->units);
    add_to_rows(r->kept, count, r->s.rows, r->units, r->gradient);
}

static void run_hidden(struct hidden_run *r, uint32_t *order) {
    const struct design *d = r->d;
    for (size_t i = 0; i < d->features * r->units; i++)
        r->s.rows[i] = r->o->start * random_normal(&r->random);
    for (size_t h = 0; h < r->o->units; h++)
        for (size_t k = 0; k < d->labels; k++)
            r->s.top[h * r->width + k] = 0.05f * random_normal(&r->random);
    double steps = (double)d->rows * r->o->passes, done = 0;
    for (unsigned pass = 0; pass < r->o->passes; pass++) {
        random_shuffle(&r->random, order, d->rows);
        for (size_t i = 0; i < d->rows; i++, done++) {
            size_t count = drop_inputs(r, order[i]);
            forward(r, count);
            softmax_gradient(r->scores, d->labels, r->width, d->label[order[i]]);
            backward(r, count, r->o->step * (float)(1 - done / steps));
        }
    }
}

bool solve_hidden(struct hidden_solution *out, const struct design *d, const struct hidden_options *o,
                  struct error *err) {
    struct hidden_run r = {.d = d,
                           .o = o,
                           .width = vector_room(d->labels),
                           .units = vector_room(o->units),
                           .random = random_from(o->seed)};
    size_t most = 0;
    CHECK(o->units % VECTOR_ALIGN == 0 && o->units <= NETWORK_HIDDEN_MAX);
    for (size_t i = 0; i < d->rows; i++)
        if (d->offsets[i + 1] - d->offsets[i] > most)
            most = d->offsets[i + 1] - d->offsets[i];
    r.s.rows = malloc((d->features + 1) * r.units * sizeof(float));
    r.s.bias = calloc(r.units, sizeof(float));
    r.s.top = calloc(r.units * r.width, sizeof(float));
    r.s.top_bias = calloc(r.width, sizeof(float));
    r.kept = malloc((most + 1) * sizeof *r.kept);
    uint32_t *order = row_order(d->rows);
    bool ok = r.s.rows && r.s.bias && r.s.top && r.s.top_bias && r.kept && order;
    if (ok)
        run_hidden(&r, order);
    free(r.kept);
    free(order);
    if (ok)
        *out = r.s;
    else
        hidden_solution_free(&r.s);
    return ok || fail(err, ERR_NO_MEMORY, "Out of memory for %zu features and %u hidden units.", d->features,
                      o->units);
}

void hidden_solution_free(struct hidden_solution *s) {
    free(s->rows);
    free(s->bias);
    free(s->top);
    free(s->top_bias);
}
