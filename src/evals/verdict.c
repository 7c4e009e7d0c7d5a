#include "evals/verdict.h"

#include "learn/binomial.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- pairs ---- */

struct pairs {
    float *candidate, *baseline;
    size_t count, baseline_passed;
};

static bool pairs_new(struct pairs *p, size_t most, struct error *err) {
    *p = (struct pairs){malloc((most + 1) * sizeof(float)), malloc((most + 1) * sizeof(float)), 0, 0};
    return (p->candidate && p->baseline) ||
           fail(err, ERR_NO_MEMORY, "Out of memory while comparing two versions.");
}

static void pairs_free(struct pairs *p) {
    free(p->candidate);
    free(p->baseline);
}

/* Cases that both sides answered, of one slice or (NULL) of all. */
static void take_pairs(struct pairs *p, const struct suite *s, const struct graded_side *candidate,
                       const struct graded_side *baseline, const struct str *slice) {
    p->count = p->baseline_passed = 0;
    for (size_t i = 0; i < s->case_count; i++) {
        const struct graded_case *a = &candidate->cases[i], *b = &baseline->cases[i];
        if (!a->given || !b->given || (slice && !str_eq(s->cases[i].slice, *slice)))
            continue;
        p->candidate[p->count] = a->score;
        p->baseline[p->count++] = b->score;
        p->baseline_passed += b->passed;
    }
}

/* ---- slices ---- */

static int by_name(const void *a, const void *b) {
    const struct slice_result *x = a, *y = b;
    int order = memcmp(x->name.p, y->name.p, x->name.n < y->name.n ? x->name.n : y->name.n);
    return order ? order : x->name.n < y->name.n ? -1 : x->name.n > y->name.n;
}

static bool name_slices(struct verdict *v, const struct suite *s, struct error *err) {
    struct slice_result *list = calloc(s->case_count, sizeof *list);
    size_t count = 0, unique = 0;
    if (!list)
        return fail(err, ERR_NO_MEMORY, "Out of memory for the slices.");
    for (size_t i = 0; i < s->case_count; i++)
        if (s->cases[i].slice.n)
            list[count++] = (struct slice_result){.name = s->cases[i].slice, .p_adjusted = NAN};
    qsort(list, count, sizeof *list, by_name);
    for (size_t i = 0; i < count; i++)
        if (unique == 0 || by_name(&list[unique - 1], &list[i]) != 0)
            list[unique++] = list[i];
    v->slices = list;
    v->slice_count = unique;
    return unique <= VERDICT_SLICES_MAX ||
           fail(err, ERR_DATA, "The suite has more than %d slices.", VERDICT_SLICES_MAX);
}

static void count_slices(struct verdict *v, const struct suite *s, const struct graded_side *candidate) {
    for (size_t i = 0; i < s->case_count; i++) {
        const struct slice_result wanted = {.name = s->cases[i].slice};
        struct slice_result *found =
            wanted.name.n ? bsearch(&wanted, v->slices, v->slice_count, sizeof wanted, by_name) : NULL;
        if (!found || !candidate->cases[i].given)
            continue;
        found->cases++;
        found->passed += candidate->cases[i].passed;
    }
}

static bool compare_slices(struct verdict *v, const struct suite *s, const struct graded_side *candidate,
                           const struct graded_side *baseline, struct pairs *pairs, struct error *err) {
    double *p = calloc(v->slice_count + 1, sizeof *p);
    bool good = p || fail(err, ERR_NO_MEMORY, "Out of memory for the slices.");
    for (size_t i = 0; good && i < v->slice_count; i++) {
        struct slice_result *slice = &v->slices[i];
        take_pairs(pairs, s, candidate, baseline, &slice->name);
        good = compare_paired(&slice->comparison, pairs->candidate, pairs->baseline, pairs->count, err);
        p[i] = slice->comparison.p;
    }
    good = good && holm_adjust(p, v->slice_count, err);
    for (size_t i = 0; good && i < v->slice_count; i++)
        v->slices[i].p_adjusted = p[i];
    free(p);
    return good;
}

/* ---- the rule ---- */

static void PRINTF_LIKE(3, 4)
    conclude(struct verdict *v, enum evaluation_verdict outcome, const char *format, ...) {
    va_list args;
    va_start(args, format);
    vsnprintf(v->reason, sizeof v->reason, format, args);
    va_end(args);
    v->outcome = outcome;
}

static const struct slice_result *lost_slice(const struct verdict *v) {
    const struct slice_result *worst = NULL;
    for (size_t i = 0; v->compared && i < v->slice_count; i++) {
        const struct slice_result *s = &v->slices[i];
        if (s->p_adjusted < VERDICT_P && s->comparison.difference < 0 &&
            (!worst || s->p_adjusted < worst->p_adjusted))
            worst = s;
    }
    return worst;
}

static bool is_worse(struct verdict *v, const struct suite *s, const struct graded_side *candidate,
                     const struct graded_side *baseline) {
    const struct comparison *c = &v->comparison;
    const struct slice_result *slice = lost_slice(v);
    bool below = v->share < s->minimum, sure = candidate->given >= s->cases_minimum || v->high < s->minimum;
    if (v->compared && c->p < VERDICT_P && c->difference < 0)
        conclude(v, EVALUATION_WORSE, "worse than %s by %.2f points (p = %.2g, %s)", baseline->name,
                 -100 * c->difference, c->p, significance_test_name(c->test));
    else if (slice)
        conclude(v, EVALUATION_WORSE,
                 "worse than %s in the slice \"%.*s\" by %.2f points (p = %.2g after Holm's correction)",
                 baseline->name, (int)(slice->name.n > 80 ? 80 : slice->name.n), slice->name.p,
                 -100 * slice->comparison.difference, slice->p_adjusted);
    else if (candidate->given && below && sure)
        conclude(v, EVALUATION_WORSE, "%.2f %% of the cases passed, and the suite wants %.2f %%",
                 100 * v->share, 100 * s->minimum);
    else
        return false;
    return true;
}

static bool is_unclear(struct verdict *v, const struct suite *s, const struct graded_side *candidate,
                       const struct graded_side *baseline) {
    size_t missing = candidate->count - candidate->given, paired = v->comparison.pairs;
    if (candidate->given < s->cases_minimum)
        conclude(v, EVALUATION_NOT_ENOUGH_DATA, "%zu answered cases, and the suite wants %zu",
                 candidate->given, s->cases_minimum);
    else if ((double)missing > VERDICT_UNANSWERED * (double)candidate->count)
        conclude(v, EVALUATION_NOT_ENOUGH_DATA, "%zu of %zu cases were not answered", missing,
                 candidate->count);
    else if (v->compared && paired < s->cases_minimum)
        conclude(v, EVALUATION_NOT_ENOUGH_DATA, "%zu cases were answered by %s, too, and the suite wants %zu",
                 paired, baseline->name, s->cases_minimum);
    else if (v->compared && v->comparison.low < -s->margin)
        conclude(
            v, EVALUATION_NOT_ENOUGH_DATA,
            "a loss of up to %.2f points against %s is not ruled out (margin %.2f): more cases would tell",
            -100 * v->comparison.low, baseline->name, 100 * s->margin);
    else
        return false;
    return true;
}

static void decide(struct verdict *v, const struct suite *s, const struct graded_side *candidate,
                   const struct graded_side *baseline) {
    if (is_worse(v, s, candidate, baseline) || is_unclear(v, s, candidate, baseline))
        return;
    if (v->compared)
        conclude(v, EVALUATION_PASS, "not worse than %s: %+.2f points, 95 %% interval %+.2f to %+.2f",
                 baseline->name, 100 * v->comparison.difference, 100 * v->comparison.low,
                 100 * v->comparison.high);
    else
        conclude(v, EVALUATION_PASS, "%.2f %% of the cases passed; there was no baseline to compare with",
                 100 * v->share);
}

static bool compare(struct verdict *v, const struct suite *s, const struct graded_side *candidate,
                    const struct graded_side *baseline, struct error *err) {
    struct pairs pairs;
    bool good = pairs_new(&pairs, s->case_count, err);
    if (good) {
        take_pairs(&pairs, s, candidate, baseline, NULL);
        v->baseline_share = pairs.count ? (double)pairs.baseline_passed / (double)pairs.count : 0;
        good = compare_paired(&v->comparison, pairs.candidate, pairs.baseline, pairs.count, err) &&
               compare_slices(v, s, candidate, baseline, &pairs, err);
    }
    pairs_free(&pairs);
    v->compared = good;
    return good;
}

bool verdict_reach(struct verdict *out, const struct suite *s, const struct graded_side *candidate,
                   const struct graded_side *baseline, struct error *err) {
    struct verdict v = {.high = 1};
    if (candidate->given) {
        v.share = (double)candidate->passed / (double)candidate->given;
        v.low = binomial_lower(candidate->passed, candidate->given, 0.975);
        v.high = binomial_upper(candidate->passed, candidate->given, 0.975);
    }
    bool good = name_slices(&v, s, err);
    if (good)
        count_slices(&v, s, candidate);
    if (!good || (baseline && !compare(&v, s, candidate, baseline, err))) {
        verdict_free(&v);
        return false;
    }
    decide(&v, s, candidate, baseline);
    *out = v;
    return true;
}

void verdict_free(struct verdict *v) {
    free(v->slices);
    *v = (struct verdict){0};
}
