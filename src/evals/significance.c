#include "evals/significance.h"

#include "learn/random.h"

#include <math.h>
#include <stdlib.h>

enum { RESAMPLES_MOST = 10000, RESAMPLES_LEAST = 2000, SEED = 20120416 };
#define DRAWS_MAX 2e8
#define Z_95      1.959963984540054

const char *significance_test_name(enum significance_test test) {
    return test == SIGNIFICANCE_MCNEMAR ? "McNemar" : "paired bootstrap";
}

double mcnemar_exact(size_t better, size_t worse) {
    size_t n = better + worse, least = better < worse ? better : worse;
    double sum = 0;
    for (size_t i = 0; i <= least; i++)
        sum += exp(lgamma((double)n + 1) - lgamma((double)i + 1) - lgamma((double)(n - i) + 1) -
                   (double)n * M_LN2);
    return 2 * sum < 1 ? 2 * sum : 1;
}

static void compare_exactly(struct comparison *c) {
    double n = (double)c->pairs + 2, up = ((double)c->better + 1) / n, down = ((double)c->worse + 1) / n;
    double middle = up - down, spread = Z_95 * sqrt((up + down - middle * middle) / n);
    c->test = SIGNIFICANCE_MCNEMAR;
    c->low = fmax(-1, middle - spread);
    c->high = fmin(1, middle + spread);
    c->p = mcnemar_exact(c->better, c->worse);
}

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static bool bootstrap(struct comparison *c, const float *candidate, const float *baseline,
                      struct error *err) {
    size_t wanted = (size_t)(DRAWS_MAX / (double)c->pairs), count = c->pairs, not_below = 0, not_above = 0;
    size_t rounds = wanted > RESAMPLES_MOST    ? RESAMPLES_MOST
                    : wanted < RESAMPLES_LEAST ? RESAMPLES_LEAST
                                               : wanted;
    double *means = malloc(rounds * sizeof *means);
    struct random random = random_from(SEED);
    if (!means)
        return fail(err, ERR_NO_MEMORY, "Out of memory while comparing two versions.");
    for (size_t i = 0; i < rounds; i++) {
        double sum = 0;
        for (size_t k = 0; k < count; k++) {
            uint32_t at = random_below(&random, (uint32_t)count);
            sum += (double)candidate[at] - (double)baseline[at];
        }
        means[i] = sum / (double)count;
        not_below += means[i] >= 0;
        not_above += means[i] <= 0;
    }
    qsort(means, rounds, sizeof *means, by_value);
    size_t least = not_below < not_above ? not_below : not_above;
    c->test = SIGNIFICANCE_BOOTSTRAP;
    c->low = means[(size_t)(0.025 * (double)(rounds - 1))];
    c->high = means[(size_t)(0.975 * (double)(rounds - 1))];
    c->p = fmin(1, 2 * ((double)least + 1) / ((double)rounds + 1));
    free(means);
    return true;
}

bool compare_paired(struct comparison *out, const float *candidate, const float *baseline, size_t count,
                    struct error *err) {
    struct comparison c = {.pairs = count, .p = 1};
    bool whole = true;
    double sum = 0;
    for (size_t i = 0; i < count; i++) {
        sum += (double)candidate[i] - (double)baseline[i];
        c.better += candidate[i] > baseline[i];
        c.worse += candidate[i] < baseline[i];
        whole = whole && (candidate[i] == 0 || candidate[i] == 1) && (baseline[i] == 0 || baseline[i] == 1);
    }
    c.difference = count ? sum / (double)count : 0;
    if (whole || count == 0)
        compare_exactly(&c);
    else if (!bootstrap(&c, candidate, baseline, err))
        return false;
    *out = c;
    return true;
}

struct ranked {
    double p;
    size_t at;
};

static int by_p(const void *a, const void *b) {
    const struct ranked *x = a, *y = b;
    return x->p < y->p ? -1 : x->p > y->p;
}

bool holm_adjust(double *p, size_t count, struct error *err) {
    struct ranked *list = calloc(count ? count : 1, sizeof *list);
    double most = 0;
    if (!list)
        return fail(err, ERR_NO_MEMORY, "Out of memory while comparing two versions.");
    for (size_t i = 0; i < count; i++)
        list[i] = (struct ranked){p[i], i};
    qsort(list, count, sizeof *list, by_p);
    for (size_t i = 0; i < count; i++) {
        most = fmax(most, fmin(1, list[i].p * (double)(count - i)));
        p[list[i].at] = most;
    }
    free(list);
    return true;
}
