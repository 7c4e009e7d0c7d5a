#include "learn/calibration.h"

#include "learn/logistic.h"

#include <math.h>
#include <stdlib.h>

enum { FACTOR_ROWS_MAX = 4000, FACTOR_ROUNDS = 25 };

/* How much the rows that belong to no class count in all, against the rows that do. Novelty is asked
 * "which of the two is it", confidence "is the answer right, in traffic where some rows are strange". */
static const float novelty_share = 0.5f, confidence_share = 0.05f, changed_share = 0.2f;

/* Step 1: the two factors, by Newton's method on the log likelihood, which is concave in them. */

struct factor_sums {
    double gradient[2], hessian[3]; /* linear-linear, linear-hidden, hidden-hidden */
    double likelihood;
};

static void add_factor_row(struct factor_sums *sums, const struct calibration_row *row, size_t labels,
                           double linear_factor, double hidden_factor) {
    const float *u = row->seen->linear, *v = row->seen->hidden;
    double top = -1e30, total = 0, mean_u = 0, mean_v = 0, uu = 0, uv = 0, vv = 0;
    for (size_t k = 0; k < labels; k++)
        top = fmax(top, linear_factor * u[k] + hidden_factor * v[k]);
    for (size_t k = 0; k < labels; k++) {
        double z = linear_factor * u[k] + hidden_factor * v[k] - top;
        if (z < -20)
            continue;
        double p = expf((float)z);
        total += p;
        mean_u += p * u[k];
        mean_v += p * v[k];
        uu += p * u[k] * u[k];
        uv += p * u[k] * v[k];
        vv += p * v[k] * v[k];
    }
    mean_u /= total;
    mean_v /= total;
    sums->gradient[0] += u[row->label] - mean_u;
    sums->gradient[1] += v[row->label] - mean_v;
    sums->hessian[0] += uu / total - mean_u * mean_u;
    sums->hessian[1] += uv / total - mean_u * mean_v;
    sums->hessian[2] += vv / total - mean_v * mean_v;
    sums->likelihood += linear_factor * u[row->label] + hidden_factor * v[row->label] - top - log(total);
}

static bool used_for_factors(const struct calibration_row *row, unsigned without) {
    return row->from_fold && row->seen->kind == OBSERVED_ROW && row->fold != without;
}

static struct factor_sums factor_sums(const struct calibration_row *rows, size_t count, size_t labels,
                                      unsigned without, double linear_factor, double hidden_factor) {
    struct factor_sums sums = {0};
    size_t step = count / FACTOR_ROWS_MAX + 1;
    for (size_t i = 0; i < count; i += step)
        if (used_for_factors(&rows[i], without))
            add_factor_row(&sums, &rows[i], labels, linear_factor, hidden_factor);
    /* A weak pull to 0 keeps the factors finite where the classes separate perfectly. */
    sums.gradient[0] -= 0.01 * linear_factor;
    sums.gradient[1] -= 0.01 * hidden_factor;
    sums.hessian[0] += 0.01;
    sums.hessian[2] += 0.01;
    sums.likelihood -= 0.005 * (linear_factor * linear_factor + hidden_factor * hidden_factor);
    return sums;
}

static void fit_factors(struct confidence *c, const struct calibration_row *rows, size_t count, size_t labels,
                        unsigned without) {
    double a = 1, b = 0.5;
    struct factor_sums now = factor_sums(rows, count, labels, without, a, b);
    for (int round = 0; round < FACTOR_ROUNDS; round++) {
        double determinant = now.hessian[0] * now.hessian[2] - now.hessian[1] * now.hessian[1];
        double da = (now.hessian[2] * now.gradient[0] - now.hessian[1] * now.gradient[1]) / determinant;
        double db = (now.hessian[0] * now.gradient[1] - now.hessian[1] * now.gradient[0]) / determinant;
        double step = 1, next_a = a, next_b = b;
        struct factor_sums next = now;
        for (int half = 0; half < 12; half++, step /= 2) {
            next_a = fmax(0, a + step * da);
            next_b = fmax(0, b + step * db);
            next = factor_sums(rows, count, labels, without, next_a, next_b);
            if (next.likelihood >= now.likelihood)
                break;
        }
        bool small = fabs(next_a - a) + fabs(next_b - b) < 1e-3;
        if (next.likelihood >= now.likelihood) {
            a = next_a;
            b = next_b;
            now = next;
        }
        if (small)
            break;
    }
    c->linear_factor = (float)a;
    c->hidden_factor = (float)b;
}

/* Steps 2 and 3 */

static unsigned signals_of(const struct confidence *c, const struct observation *seen, size_t labels,
                           float *probabilities, struct confidence_signals *signals) {
    struct label_scores scores = {.labels = labels,
                                  .linear = seen->linear,
                                  .hidden = seen->hidden,
                                  .looks = seen->looks,
                                  .nearness = seen->nearness,
                                  .known_words = seen->known_words,
                                  .known_grams = seen->known_grams,
                                  .scarcity = seen->scarcity,
                                  .words = seen->words};
    return scores_signals(&scores, c, probabilities, signals);
}

struct shares {
    float of[4]; /* weight of one row, by enum observed */
};

/* The strange kinds together weigh `share` of the rows; what was changed, a part of that. */
static struct shares row_weights(const struct calibration_row *rows, size_t count, unsigned without,
                                 float share) {
    float seen[4] = {0};
    for (size_t i = 0; i < count; i++)
        seen[rows[i].seen->kind] += rows[i].fold != without;
    float strange = share * seen[OBSERVED_ROW];
    float changed = seen[OBSERVED_STRANGER] > 0 ? changed_share * strange : strange / 2;
    float part[4] = {seen[OBSERVED_ROW], strange - 2 * changed, changed, changed};
    struct shares shares = {{0}};
    for (int kind = 0; kind < 4; kind++)
        shares.of[kind] = seen[kind] > 0 ? part[kind] / seen[kind] : 0;
    return shares;
}

static void fit_novelty(struct confidence *c, const struct calibration_row *rows, size_t count, size_t labels,
                        unsigned without, struct logistic_row *room, float *probabilities) {
    struct shares shares = row_weights(rows, count, without, novelty_share);
    size_t used = 0;
    for (size_t i = 0; i < count; i++) {
        if (rows[i].fold == without || rows[i].seen->kind == OBSERVED_FRAGMENT)
            continue; /* a fragment is no stranger, only short of words */
        struct confidence_signals signals;
        struct logistic_row *row = &room[used++];
        signals_of(c, rows[i].seen, labels, probabilities, &signals);
        confidence_novelty_terms(&signals, row->terms);
        row->weight = shares.of[rows[i].seen->kind];
        row->yes = rows[i].seen->kind != OBSERVED_ROW;
    }
    if (shares.of[OBSERVED_STRANGER] > 0 || shares.of[OBSERVED_SCRAMBLED] > 0)
        logistic_fit(c->novelty, room, used, NOVELTY_TERMS, 1);
}

static void fit_correct(struct confidence *c, const struct calibration_row *rows, size_t count, size_t labels,
                        unsigned without, struct logistic_row *room, float *probabilities) {
    struct shares shares = row_weights(rows, count, without, confidence_share);
    size_t used = 0;
    for (size_t i = 0; i < count; i++) {
        if (rows[i].fold == without || (rows[i].seen->kind == OBSERVED_ROW && !rows[i].from_fold))
            continue;
        struct confidence_signals signals;
        struct logistic_row *row = &room[used++];
        unsigned label = signals_of(c, rows[i].seen, labels, probabilities, &signals);
        confidence_terms(&signals, confidence_novelty(c, &signals), row->terms);
        row->weight = shares.of[rows[i].seen->kind];
        bool has_answer = rows[i].seen->kind == OBSERVED_ROW || rows[i].seen->kind == OBSERVED_FRAGMENT;
        row->yes = has_answer && label == rows[i].label;
    }
    /* Nearness to another label's texts counts against an answer. */
    logistic_fit(c->correct, room, used, CONFIDENCE_TERMS, 1 | ~0u << CONFIDENCE_NEAR_TERM);
}

bool calibration_fit(struct confidence *out, const struct calibration_row *rows, size_t count, size_t labels,
                     unsigned without, struct error *err) {
    struct confidence c = confidence_plain(1, 1);
    struct logistic_row *room = malloc((count + 1) * sizeof *room);
    float *probabilities = malloc(labels * sizeof *probabilities);
    bool ok = room && probabilities;
    if (ok) {
        fit_factors(&c, rows, count, labels, without);
        fit_novelty(&c, rows, count, labels, without, room, probabilities);
        fit_correct(&c, rows, count, labels, without, room, probabilities);
        *out = c;
    }
    free(room);
    free(probabilities);
    return ok || fail(err, ERR_NO_MEMORY, "out of memory");
}

struct judged calibration_judge(const struct confidence *c, const struct observation *seen, size_t labels,
                                float *probabilities) {
    struct confidence_signals signals;
    struct judged j = {.label = signals_of(c, seen, labels, probabilities, &signals)};
    j.novelty = confidence_novelty(c, &signals);
    j.confidence = confidence_of(c, &signals, j.novelty);
    return j;
}
