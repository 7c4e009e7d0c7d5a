#include "models/policy.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *const policy_term_names[POLICY_TERMS] = {
    "constant", "confidence", "margin", "entropy", "novelty", "top3", "length", "ocr", "reliability"};

enum { LOG_ODDS_MOST = 9 };

static float clamp(float value, float least, float most) {
    return value > least ? value < most ? value : most : least; /* NaN is the least */
}

static float log_odds(float p) {
    p = clamp(p, 1e-6f, 1 - 1e-6f);
    return clamp(logf(p / (1 - p)), -LOG_ODDS_MOST, LOG_ODDS_MOST);
}

/* How many times surer the first of the two is; 0 where there is no second. */
static float ratio(const struct model_answer *a, size_t first) {
    if (first + 1 >= a->top_count)
        return 0;
    float p = fmaxf(a->top[first].confidence, 1e-6f), q = fmaxf(a->top[first + 1].confidence, 1e-6f);
    return clamp(logf(p / q), 0, LOG_ODDS_MOST);
}

static float entropy(const struct model_answer *a) {
    float sum = 0, rest = 1;
    for (size_t i = 0; i < a->top_count; i++) {
        float p = a->top[i].confidence;
        rest -= p;
        sum -= p > 0 ? p * logf(p) : 0;
    }
    return sum - (rest > 1e-6f ? rest * logf(rest) : 0);
}

void policy_terms(const struct policy *p, const struct model_answer *a, const struct policy_facts *f,
                  float terms[POLICY_TERMS]) {
    terms[0] = 1;
    terms[1] = log_odds(a->confidence);
    terms[2] = ratio(a, 0);
    terms[3] = -entropy(a);
    terms[4] = -log_odds(a->novelty);
    terms[5] = ratio(a, 1);
    terms[6] = a->visual_only ? 0 : logf(1 + (float)f->text_bytes / 64);
    terms[7] = f->ocr_confidence > 0 ? clamp(f->ocr_confidence, 0, 1) - 1 : 0;
    terms[8] = p->reliability && a->label < p->label_count ? p->reliability[a->label] : 0;
}

float policy_score(const struct policy *p, const struct model_answer *a, const struct policy_facts *f) {
    if (!p->fitted)
        return a->confidence;
    float terms[POLICY_TERMS], sum = 0;
    policy_terms(p, a, f, terms);
    for (int i = 0; i < POLICY_TERMS; i++)
        sum += p->weights[i] * terms[i];
    return 1 / (1 + expf(-clamp(sum, -30, 30)));
}

void policy_apply(const struct policy *p, const struct policy_facts *f, struct model_answer *a) {
    if (!p->fitted || !(a->confidence >= 0 && a->confidence <= 1))
        return; /* an answer that makes no sense is for the caller to refuse */
    float was = a->confidence, now = policy_score(p, a, f);
    float factor = now <= was ? (was > 0 ? now / was : 1) : was < 1 ? (1 - now) / (1 - was) : 1;
    for (size_t i = 0; i < a->top_count; i++)
        a->top[i].confidence = a->top[i].label == a->label ? now : a->top[i].confidence * factor;
    a->confidence = now;
}

static double threshold(yyjson_val *object, const char *key, double otherwise) {
    yyjson_val *value = yyjson_obj_get(object, key);
    double number = yyjson_is_num(value) ? yyjson_get_num(value) : otherwise;
    return number >= 0 && number <= 1 ? number : otherwise;
}

static bool numbers(yyjson_val *array, size_t count, float *out) {
    size_t index, max;
    yyjson_val *value;
    if (yyjson_arr_size(array) != count)
        return false;
    yyjson_arr_foreach(array, index, max, value) {
        out[index] = (float)yyjson_get_num(value);
        if (!yyjson_is_num(value) || !isfinite(out[index]) || fabsf(out[index]) > 1e6f)
            return false;
    }
    return true;
}

/* The terms are named in the manifest, so that a score of other terms is not taken for one of these. */
static bool same_terms(yyjson_val *names) {
    if (yyjson_arr_size(names) != POLICY_TERMS)
        return false;
    for (size_t i = 0; i < POLICY_TERMS; i++)
        if (!yyjson_equals_str(yyjson_arr_get(names, i), policy_term_names[i]))
            return false;
    return true;
}

static bool read_reliability(struct policy *p, yyjson_val *array, size_t labels, struct error *err) {
    if (!array)
        return true;
    p->reliability = calloc(labels + 1, sizeof *p->reliability);
    if (!p->reliability)
        return fail(err, ERR_NO_MEMORY, "out of memory");
    p->label_count = labels;
    return numbers(array, labels, p->reliability) ||
           fail(err, ERR_ARTEFACT, "The policy's reliabilities are not %zu finite numbers.", labels);
}

bool policy_read(struct policy *out, yyjson_val *object, size_t labels, struct error *err) {
    yyjson_val *score = yyjson_obj_get(object, "score");
    struct policy p = {.accept = threshold(object, "accept", 0.85),
                       .review = threshold(object, "review", 0.60)};
    const struct policy_table_row pair = {.accept = p.accept, .review = p.review};
    *out = p;
    if (!policy_table_read(&p.table, yyjson_obj_get(object, "certificate"), &pair, err))
        return false;
    *out = p;
    if (!score)
        return true;
    if (!same_terms(yyjson_obj_get(score, "terms")) ||
        !numbers(yyjson_obj_get(score, "weights"), POLICY_TERMS, p.weights))
        return fail(err, ERR_ARTEFACT,
                    "The policy's score has other terms than the %d of this program: calibrate again.",
                    POLICY_TERMS);
    if (!read_reliability(&p, yyjson_obj_get(score, "reliability"), labels, err)) {
        policy_free(&p);
        return false;
    }
    p.fitted = true;
    *out = p;
    return true;
}

void policy_free(struct policy *p) {
    free(p->reliability);
    p->reliability = NULL;
}

static void write_numbers(struct json_writer *w, const char *key, const float *values, size_t count) {
    json_key(w, key);
    json_array(w);
    for (size_t i = 0; i < count; i++)
        json_double(w, (double)values[i]);
    json_array_end(w);
}

void policy_write(const struct policy *p, struct json_writer *w) {
    json_key(w, "accept");
    json_double(w, p->accept);
    json_key(w, "review");
    json_double(w, p->review);
    if (!p->fitted)
        return;
    json_key(w, "score");
    json_object(w);
    json_key(w, "terms");
    json_array(w);
    for (int i = 0; i < POLICY_TERMS; i++)
        json_text(w, policy_term_names[i]);
    json_array_end(w);
    write_numbers(w, "weights", p->weights, POLICY_TERMS);
    if (p->reliability)
        write_numbers(w, "reliability", p->reliability, p->label_count);
    json_object_end(w);
}
