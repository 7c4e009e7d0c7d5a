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

void arm_add(struct arm *a, const struct arm_answer *answer) {
    a->requests++;
    a->errors += answer->failed;
    a->fallbacks += answer->fallback;
    a->reviews += answer->review;
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
