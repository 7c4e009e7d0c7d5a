#include "traffic/arm.h"

#include <math.h>
#include <stdio.h>

enum { FIRST_US = 16, PER_DOUBLING = 8 };

static void add(struct arm_sum *s, double value) {
    s->n++;
    s->sum += value;
    s->squares += value * value;
}

static unsigned bucket_of(double us) {
    double at = us <= FIRST_US ? 0 : PER_DOUBLING * log2(us / FIRST_US);
    return at >= ARM_BUCKETS - 1 ? ARM_BUCKETS - 1 : (unsigned)ceil(at);
}

static void count(enum arm_finding finding, uint64_t *yes, uint64_t *no) {
    *yes += finding == ARM_YES;
    *no += finding == ARM_NO;
}

void arm_add(struct arm *a, const struct arm_answer *answer) {
    a->requests++;
    a->errors += answer->failed;
    a->fallbacks += answer->fallback;
    a->reviews += answer->review;
    count(answer->agrees, &a->agreed, &a->differed);
    count(answer->same_words, &a->same_words, &a->other_words);
    count(answer->valid, &a->valid, &a->invalid);
    if (answer->confidence >= 0)
        add(&a->confidence, answer->confidence);
    if (answer->cost >= 0)
        add(&a->cost, answer->cost);
    if (answer->failed)
        return; /* how quickly it failed is no credit to it */
    double us = answer->latency_us > 0 ? answer->latency_us : 1;
    add(&a->log_latency, log(us));
    a->latency[bucket_of(us)]++;
}

/* NULL: there are as many already. */
static struct arm_category *category_of(struct arm *a, struct str label) {
    char name[ARM_LABEL_SIZE];
    snprintf(name, sizeof name, "%.*s", STR_ARG(str_slice(label, 0, ARM_LABEL_SIZE - 1)));
    for (unsigned i = 0; i < ARM_CATEGORIES; i++) {
        struct arm_category *c = &a->categories[i];
        if (c->right + c->wrong == 0)
            snprintf(c->label, sizeof c->label, "%s", name);
        if (str_eq(str_from(c->label), str_from(name)))
            return c;
    }
    return NULL;
}

void arm_add_label(struct arm *a, struct str label, bool right) {
    struct arm_category *c = category_of(a, label);
    a->right += right;
    a->wrong += !right;
    if (!c)
        return;
    c->right += right;
    c->wrong += !right;
}

void arm_add_score(struct arm *a, double score) {
    add(&a->score, score);
}

double arm_latency(const struct arm *a, double share) {
    uint64_t upto = 0, wanted = (uint64_t)ceil(share * a->log_latency.n);
    if (a->log_latency.n == 0)
        return 0;
    for (unsigned i = 0; i < ARM_BUCKETS; i++) {
        upto += a->latency[i];
        if (upto >= wanted)
            return FIRST_US * exp2((double)i / PER_DOUBLING);
    }
    return FIRST_US * exp2((double)(ARM_BUCKETS - 1) / PER_DOUBLING);
}

static void write_share(struct json_writer *w, const char *name, uint64_t n, uint64_t of) {
    json_key(w, name);
    if (of > 0)
        json_double(w, (double)n / (double)of);
    else
        json_null(w);
}

static void write_mean(struct json_writer *w, const char *name, const struct arm_sum *s, double scale) {
    json_key(w, name);
    if (s->n > 0)
        json_double(w, scale * s->sum / s->n);
    else
        json_null(w);
}

static void write_latency(struct json_writer *w, const char *name, const struct arm *a, double share) {
    json_key(w, name);
    if (a->log_latency.n > 0)
        json_double(w, arm_latency(a, share) / 1000);
    else
        json_null(w);
}

void arm_write(const struct arm *a, struct json_writer *w) {
    json_object(w);
    json_field_int(w, "requests", (int64_t)a->requests);
    write_share(w, "errors", a->errors, a->requests);
    write_share(w, "fallbacks", a->fallbacks, a->requests);
    write_share(w, "reviews", a->reviews, a->requests);
    write_latency(w, "latency_p50_ms", a, 0.5);
    write_latency(w, "latency_p95_ms", a, 0.95);
    write_mean(w, "confidence", &a->confidence, 1);
    write_mean(w, "cost_usd", &a->cost, 1e-9);
    write_mean(w, "score", &a->score, 1);
    json_field_int(w, "labels", (int64_t)(a->right + a->wrong));
    write_share(w, "accuracy", a->right, a->right + a->wrong);
    write_share(w, "agreement", a->agreed, a->agreed + a->differed);
    write_share(w, "same_words", a->same_words, a->same_words + a->other_words);
    write_share(w, "as_schema", a->valid, a->valid + a->invalid);
    json_object_end(w);
}
