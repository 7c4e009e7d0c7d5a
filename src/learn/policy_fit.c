#include "learn/policy_fit.h"

#include "learn/logistic.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { PARTS = 5, STRENGTHS = 4, LABEL_PRIOR = 5 };
static const float strengths[STRENGTHS] = {10000, 100, 10, 1}; /* the firmest first */
/* What a looser hold must take off the loss, or it is chance that makes it look better. */
static const double worth = 0.97;

/* Terms on one scale, so that a ridge holds them alike. */
struct scaling {
    float mean[POLICY_TERMS], scale[POLICY_TERMS];
};

static struct scaling scaling_of(const struct logistic_row *rows, size_t count) {
    struct scaling s = {{0}, {0}};
    for (int t = 1; t < POLICY_TERMS; t++) {
        double sum = 0, squares = 0;
        for (size_t i = 0; i < count; i++)
            sum += (double)rows[i].terms[t];
        double mean = sum / (double)count;
        for (size_t i = 0; i < count; i++)
            squares += ((double)rows[i].terms[t] - mean) * ((double)rows[i].terms[t] - mean);
        s.mean[t] = (float)mean;
        s.scale[t] = (float)sqrt(squares / (double)count);
        if (s.scale[t] < 1e-4f) /* the same everywhere: what it may mean elsewhere is unknown */
            s.scale[t] = 0;
    }
    return s;
}

static void scale_rows(struct logistic_row *rows, size_t count, const struct scaling *s) {
    for (size_t i = 0; i < count; i++)
        for (int t = 1; t < POLICY_TERMS; t++)
            rows[i].terms[t] = s->scale[t] > 0 ? (rows[i].terms[t] - s->mean[t]) / s->scale[t] : 0;
}

/* The version's own confidence: weight 1 on its log odds. */
static void own_confidence(float centre[POLICY_TERMS], const struct scaling *s) {
    memset(centre, 0, POLICY_TERMS * sizeof *centre);
    centre[0] = s->mean[1];
    centre[1] = s->scale[1];
}

static double loss(const float *weights, const struct logistic_row *row) {
    double z = 0;
    for (int t = 0; t < POLICY_TERMS; t++)
        z += (double)weights[t] * (double)row->terms[t];
    return log1p(exp(row->yes ? -z : z));
}

/* Log loss of the rows of every part under weights fitted to the others. */
static double held_out_loss(const struct logistic_row *rows, struct logistic_row *room, size_t count,
                            const float *centre, float ridge) {
    double sum = 0;
    for (size_t part = 0; part < PARTS; part++) {
        float weights[POLICY_TERMS];
        size_t used = 0;
        for (size_t i = 0; i < count; i++)
            if (i % PARTS != part)
                room[used++] = rows[i];
        logistic_fit_near(weights, room, used, POLICY_TERMS, centre, ridge);
        for (size_t i = part; i < count; i += PARTS)
            sum += loss(weights, &rows[i]);
    }
    return sum;
}

static float choose_strength(const struct logistic_row *rows, struct logistic_row *room, size_t count,
                             const float *centre) {
    float best = strengths[0];
    double least = INFINITY;
    for (int i = 0; i < STRENGTHS; i++) {
        double now = held_out_loss(rows, room, count, centre, strengths[i]);
        if (now < worth * least) {
            least = now;
            best = strengths[i];
        }
    }
    return best;
}

/* Back to the terms as they are. */
static void unscale(struct policy *out, const float *weights, const struct scaling *s) {
    double constant = (double)weights[0];
    for (int t = 1; t < POLICY_TERMS; t++) {
        out->weights[t] = s->scale[t] > 0 ? weights[t] / s->scale[t] : 0;
        constant -= (double)out->weights[t] * (double)s->mean[t];
    }
    out->weights[0] = (float)constant;
    out->fitted = true;
}

bool policy_fit(struct policy *out, const struct policy_rows *rows, struct error *err) {
    struct logistic_row *used = malloc((rows->count + 1) * sizeof *used),
                        *room = malloc((rows->count + 1) * sizeof *room);
    bool ok = (used && room) || fail(err, ERR_NO_MEMORY, "out of memory");
    size_t count = 0, errors = 0;
    for (size_t i = 0; ok && i < rows->count; i++) {
        const struct policy_row *row = &rows->rows[i];
        if (row->certify)
            continue;
        policy_terms(out, &row->answer, &row->facts, used[count].terms);
        used[count].weight = 1;
        used[count++].yes = !row->wrong;
        errors += row->wrong;
    }
    if (ok && errors >= POLICY_ERRORS_LEAST && count - errors >= POLICY_ERRORS_LEAST) {
        float centre[POLICY_TERMS], weights[POLICY_TERMS];
        struct scaling s = scaling_of(used, count);
        scale_rows(used, count, &s);
        own_confidence(centre, &s);
        logistic_fit_near(weights, used, count, POLICY_TERMS, centre,
                          choose_strength(used, room, count, centre));
        unscale(out, weights, &s);
    }
    free(used);
    free(room);
    return ok;
}

static float log_odds(double p) {
    return (float)log(p / (1 - p));
}

/* *sum: of all reliabilities, each weighed by its answers. */
static void take_label(struct policy *p, yyjson_val *metrics, const char *const *labels, double accuracy,
                       double *sum, double *all) {
    struct str name = json_str_of(yyjson_obj_get(metrics, "label"));
    double answered = yyjson_get_num(yyjson_obj_get(metrics, "answered")),
           precision = yyjson_get_num(yyjson_obj_get(metrics, "precision"));
    if (!(answered >= 0 && answered < 1e12 && precision >= 0 && precision <= 1))
        return;
    for (size_t k = 0; k < p->label_count; k++)
        if (str_eq(str_from(labels[k]), name)) {
            double share = (precision * answered + accuracy * LABEL_PRIOR) / (answered + LABEL_PRIOR);
            p->reliability[k] = log_odds(fmin(fmax(share, 0.001), 0.999));
            *sum += answered * (double)p->reliability[k];
            *all += answered;
        }
}

bool policy_learn_reliability(struct policy *out, yyjson_val *manifest, const char *const *labels,
                              size_t count, struct error *err) {
    yyjson_val *metrics = yyjson_obj_get(manifest, "metrics"), *list = yyjson_obj_get(metrics, "labels"),
               *label;
    double accuracy = yyjson_get_num(yyjson_obj_get(metrics, "accuracy")), sum = 0, all = 0;
    size_t index, max;
    if (!list || !(accuracy > 0 && accuracy < 1))
        return true;
    out->reliability = calloc(count + 1, sizeof *out->reliability);
    if (!out->reliability)
        return fail(err, ERR_NO_MEMORY, "out of memory");
    out->label_count = count;
    for (size_t k = 0; k < count; k++)
        out->reliability[k] = log_odds(accuracy);
    yyjson_arr_foreach(list, index, max, label) take_label(out, label, labels, accuracy, &sum, &all);
    for (size_t k = 0; k < count; k++)
        out->reliability[k] -= all > 0 ? (float)(sum / all) : log_odds(accuracy);
    return true;
}
