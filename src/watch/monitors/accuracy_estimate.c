#include "watch/monitors/accuracy_estimate.h"

#include <math.h>

static double share(double right, double all) {
    return all > 0 ? right / all : NAN;
}

/* What a kind of answers adds: its part of all, and the variance of what is not known of it. */
static void add(struct accuracy_estimate *e, double part, double right, double variance, double *sum) {
    if (part <= 0)
        return;
    e->value += part * right;
    *sum += part * part * variance;
}

static double variance_of(double right, uint64_t rows) {
    return right * (1 - right) / (double)(rows ? rows : 1);
}

struct accuracy_estimate accuracy_estimate_of(const struct monitor_labels *l, uint64_t answered,
                                              uint64_t reviews) {
    double all = (double)answered, unsure = fmin((double)reviews, all);
    double spoken = fmin((double)l->spoken_of, all - unsure), rest = all - unsure - spoken;
    struct accuracy_estimate e = {.reviewed = share((double)l->reviewed_right, (double)l->reviewed),
                                  .spoken_of = share(l->spoken_of_right, (double)l->spoken_of),
                                  .audited = share(l->audit_weight_right, l->audit_weight)};
    double variance = 0;
    e.known = all > 0 && (rest <= 0 || (l->audited >= AUDITED_LEAST && l->audit_weight > 0)) &&
              (unsure <= 0 || l->reviewed > 0);
    if (!e.known) {
        e.value = e.half = NAN;
        return e;
    }
    add(&e, unsure / all, e.reviewed, variance_of(e.reviewed, l->reviewed), &variance);
    add(&e, spoken / all, e.spoken_of, 0, &variance);
    add(&e, rest / all, e.audited, variance_of(e.audited, l->audited), &variance);
    e.half = 1.96 * sqrt(variance);
    return e;
}
