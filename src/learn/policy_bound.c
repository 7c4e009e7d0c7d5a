#include "learn/policy_bound.h"

#include "learn/binomial.h"

#include <math.h>
#include <stdlib.h>

/* How wide the band between the thresholds may be, in parts of what lies below it. */
static const double bands[] = {0, 0.5, 1, 2};
/* How far below the wanted error the choosing rows must be: the closest may fail where a safer one holds. */
static const double safety[] = {1, 0.9, 0.8, 0.7, 0.6, 0.5, 0.35, 0.2};
enum { BANDS = sizeof bands / sizeof *bands, SAFETIES = sizeof safety / sizeof *safety };
enum { STEPS = 200, CHOOSING_LEAST = 50 };

struct pair {
    double accept, review;
};

struct choosing {
    const struct policy_case *cases;
    size_t count;
    const struct policy_wanted *wanted;
    float *scores; /* of the choosing rows, rising */
    size_t n;
    size_t bands; /* 1 without rules */
};

static struct policy_measure measure(const struct choosing *c, struct pair p, bool certify) {
    struct policy_measure m = {0};
    for (size_t i = 0; i < c->count; i++) {
        const struct policy_case *row = &c->cases[i];
        if (row->certify != certify)
            continue;
        bool out = (double)row->score >= p.accept || ((double)row->score >= p.review && row->passed);
        m.rows++;
        m.errors += row->wrong;
        m.reviewed += !out;
        m.caught += !out && row->wrong;
    }
    return m;
}

static double error_share(const struct policy_measure *m) {
    size_t out = policy_out(m);
    return out ? (double)(m->errors - m->caught) / (double)out : 1;
}

static int rising(const void *a, const void *b) {
    const float *x = a, *y = b;
    return *x < *y ? -1 : *x > *y;
}

/* From the score of rank `rank` on; nothing is that sure where there is no such rank. */
static double score_at(const struct choosing *c, size_t rank) {
    return rank < c->n ? (double)c->scores[rank] : 1;
}

/* Review share */

/* The pair with this band that sends at most `most` of the choosing rows to a person, and as many as that. */
static struct pair fill_review(const struct choosing *c, size_t most, double band) {
    if (band <= 0)
        return (struct pair){score_at(c, most), score_at(c, most)};
    struct pair p = {.accept = score_at(c, most + (size_t)(band * (double)most))};
    size_t low = 0, high = c->n;
    while (low < high) {
        size_t middle = (low + high + 1) / 2;
        p.review = fmin(score_at(c, middle), p.accept);
        if (measure(c, p, false).reviewed <= most)
            low = middle;
        else
            high = middle - 1;
    }
    p.review = fmin(score_at(c, low), p.accept);
    return p;
}

/* The band that catches most errors of the choosing rows. */
static struct pair best_band(const struct choosing *c, size_t most) {
    struct pair best = fill_review(c, most, 0);
    size_t caught = measure(c, best, false).caught;
    for (size_t i = 1; i < c->bands; i++) {
        struct pair p = fill_review(c, most, bands[i]);
        struct policy_measure m = measure(c, p, false);
        if (m.reviewed <= most && m.caught > caught) {
            best = p;
            caught = m.caught;
        }
    }
    return best;
}

static void certify(struct policy_certificate *out, const struct choosing *c, struct pair p,
                    size_t searched) {
    double risk = (1 - c->wanted->confidence) / (double)searched;
    struct policy_measure m = measure(c, p, true);
    out->accept = p.accept;
    out->review = p.review;
    out->searched = searched;
    out->measured = m;
    out->error_most = policy_out(&m) ? binomial_upper(m.errors - m.caught, policy_out(&m), 1 - risk) : 1;
    out->caught_least = m.errors ? binomial_lower(m.caught, m.errors, 1 - risk) : 0;
    out->reviewed_most = m.rows ? binomial_upper(m.reviewed, m.rows, 1 - risk) : 1;
    out->reviewed_least = m.rows ? binomial_lower(m.reviewed, m.rows, 1 - risk) : 0;
}

static bool choose_review(struct policy_certificate *out, const struct choosing *c, struct error *err) {
    double wanted = c->wanted->share, risk = (1 - c->wanted->confidence) / (double)c->bands;
    size_t most;
    if (!binomial_allowed(c->n, wanted, 1 - risk, &most))
        return fail(err, ERR_DATA,
                    "To promise that at most %g %% go to review takes %zu rows for choosing; there are %zu.",
                    wanted * 100, binomial_needed(wanted, 1 - risk), c->n);
    certify(out, c, best_band(c, most), 1);
    out->unproven = measure(c, best_band(c, (size_t)(wanted * (double)c->n)), true);
    if (out->reviewed_least > wanted)
        return fail(
            err, ERR_DATA,
            "Of the rows kept for certifying %.1f %% would go to review, where at most %g %% may: the "
            "two halves of the data do not look alike.",
            100 * (double)out->measured.reviewed / (double)out->measured.rows, wanted * 100);
    if (out->caught_least <= wanted)
        return fail(
            err, ERR_DATA,
            "%zu of the %zu errors among the %zu certifying rows would go to review, which proves only "
            "that %.1f %% do: picking %g %% of all rows blindly does as well. More labelled rows are "
            "needed, or a version that knows when it errs.",
            out->measured.caught, out->measured.errors, out->measured.rows, out->caught_least * 100,
            wanted * 100);
    return true;
}

/* Error bound */

/* The pair of this band with the fewest reviews at which at most `most` of what goes out is wrong. */
static bool lowest(const struct choosing *c, const struct policy_measure *grid, const struct pair *pairs,
                   double most, struct pair *out) {
    for (size_t i = 0; i < STEPS; i++)
        if (policy_out(&grid[i]) && error_share(&grid[i]) <= most) {
            *out = pairs[i];
            return true;
        }
    return false;
}

static size_t candidates(const struct choosing *c, struct pair *out) {
    struct policy_measure grid[STEPS];
    struct pair pairs[STEPS];
    size_t count = 0;
    for (size_t band = 0; band < c->bands; band++) {
        for (size_t i = 0; i < STEPS; i++) {
            size_t below = i * c->n / STEPS;
            pairs[i] =
                (struct pair){score_at(c, below + (size_t)(bands[band] * (double)below)), score_at(c, below)};
            grid[i] = measure(c, pairs[i], false);
        }
        for (size_t i = 0; i < SAFETIES; i++)
            if (lowest(c, grid, pairs, c->wanted->share * safety[i], &out[count]) &&
                (count == 0 || out[count].review != out[count - 1].review))
                count++;
    }
    return count;
}

static bool refuse_error(const struct choosing *c, const struct policy_certificate *best, size_t searched,
                         struct error *err) {
    double wanted = c->wanted->share * 100,
           risk = (1 - c->wanted->confidence) / (double)(searched ? searched : 1);
    size_t needed = binomial_needed(c->wanted->share, 1 - risk);
    if (!searched)
        return fail(
            err, ERR_DATA,
            "However much goes to review, more than %g %% of the rest is wrong among the %zu rows for "
            "choosing: no threshold keeps that bound.",
            wanted, c->n);
    if (c->count - c->n < needed)
        return fail(err, ERR_DATA,
                    "To certify that at most %g %% of what goes out is wrong takes %zu rows without a single "
                    "error; there are %zu for certifying.",
                    wanted, needed, c->count - c->n);
    return fail(
        err, ERR_DATA,
        "No threshold certifies that at most %g %% of what goes out is wrong. The nearest sends %.1f %% "
        "to review and leaves %zu errors in %zu rows, which bounds the share by %.2f %%. More labelled "
        "rows narrow the bound.",
        wanted, 100 * (double)best->measured.reviewed / (double)best->measured.rows,
        best->measured.errors - best->measured.caught, policy_out(&best->measured), best->error_most * 100);
}

static bool choose_error(struct policy_certificate *out, const struct choosing *c, struct error *err) {
    struct pair pairs[BANDS * SAFETIES + 1];
    size_t count = candidates(c, pairs);
    struct policy_certificate best = *out, now = *out;
    bool found = false;
    best.error_most = 2;
    for (size_t i = 0; i < count; i++) {
        certify(&now, c, pairs[i], count);
        bool holds = now.error_most <= c->wanted->share;
        if (holds ? !found || now.measured.reviewed < best.measured.reviewed
                  : !found && now.error_most < best.error_most)
            best = now;
        found |= holds;
    }
    if (!found)
        return refuse_error(c, &best, count, err);
    best.unproven = measure(c, pairs[0], true);
    *out = best;
    return true;
}

/* The table */

static const double table_shares[POLICY_PAIRS] = {0, 0.02, 0.05, 0.08, 0.10, 0.12, 0.15, 0.20, 0.30};

/* The pairs are fixed before a certifying row is looked at, and each is held to its share of the risk. */
static void fill_table(struct policy_certificate *out, const struct choosing *c) {
    for (size_t i = 0; i < POLICY_PAIRS; i++) {
        size_t most = (size_t)(table_shares[i] * (double)c->n);
        struct pair p = most ? best_band(c, most) : (struct pair){0, 0};
        const struct policy_pair *last = out->table_count ? &out->table[out->table_count - 1] : NULL;
        if (!last || last->accept != p.accept || last->review != p.review)
            out->table[out->table_count++] = (struct policy_pair){.accept = p.accept, .review = p.review};
    }
    double risk = (1 - c->wanted->confidence) / (double)out->table_count;
    for (size_t i = 0; i < out->table_count; i++) {
        struct policy_pair *row = &out->table[i];
        struct policy_measure m = measure(c, (struct pair){row->accept, row->review}, true);
        row->measured = m;
        row->error_most = policy_out(&m) ? binomial_upper(m.errors - m.caught, policy_out(&m), 1 - risk) : 1;
    }
}

bool policy_choose(struct policy_certificate *out, const struct policy_case *cases, size_t count,
                   const struct policy_wanted *wanted, struct error *err) {
    struct choosing c = {
        .cases = cases, .count = count, .wanted = wanted, .bands = wanted->has_rules ? BANDS : 1};
    struct policy_certificate result = {.confidence = wanted->confidence};
    c.scores = malloc((count + 1) * sizeof *c.scores);
    if (!c.scores)
        return fail(err, ERR_NO_MEMORY, "out of memory");
    for (size_t i = 0; i < count; i++)
        if (!cases[i].certify)
            c.scores[c.n++] = cases[i].score;
    qsort(c.scores, c.n, sizeof *c.scores, rising);
    result.choosing = c.n;
    bool ok;
    if (c.n < CHOOSING_LEAST || count - c.n < CHOOSING_LEAST)
        ok = fail(err, ERR_DATA,
                  "There are %zu rows that the version was not trained on, %zu for choosing and %zu for "
                  "certifying; expected %d of each at least.",
                  count, c.n, count - c.n, CHOOSING_LEAST);
    else
        ok = wanted->by_error ? choose_error(&result, &c, err) : choose_review(&result, &c, err);
    if (ok) {
        fill_table(&result, &c);
        *out = result;
    }
    free(c.scores);
    return ok;
}

/* Risk against coverage */

struct ranked {
    float score;
    bool wrong;
};

static int least_sure_first(const void *a, const void *b) {
    const struct ranked *x = a, *y = b;
    return x->score < y->score ? -1 : x->score > y->score;
}

bool policy_risk(struct policy_measure *out, float *threshold, const struct policy_case *cases, size_t count,
                 double share, bool own) {
    struct ranked *rows = malloc((count + 1) * sizeof *rows);
    struct policy_measure m = {0};
    if (!rows)
        return false;
    for (size_t i = 0; i < count; i++)
        if (cases[i].certify) {
            rows[m.rows++] = (struct ranked){own ? cases[i].own : cases[i].score, cases[i].wrong};
            m.errors += cases[i].wrong;
        }
    qsort(rows, m.rows, sizeof *rows, least_sure_first);
    m.reviewed = (size_t)lround(share * (double)m.rows);
    for (size_t i = 0; i < m.reviewed; i++)
        m.caught += rows[i].wrong;
    *threshold = m.reviewed < m.rows ? rows[m.reviewed].score : 1;
    free(rows);
    *out = m;
    return true;
}
