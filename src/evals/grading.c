#include "evals/grading.h"

#include "base/clock.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- one run ---- */

struct run_grade {
    bool undecided; /* a rubric without a verdict */
    bool passed;
    size_t graded;
    double scores;
    const struct assertion *failed;
    char reason[ASSERTION_REASON_MAX];
};

static void note(struct run_grade *g, const struct assertion *a, const struct assertion_outcome *o) {
    if (o->graded) {
        g->graded++;
        g->scores += o->score;
    }
    if (o->passed || !g->passed)
        return;
    g->passed = false;
    g->failed = a;
    memcpy(g->reason, o->reason, sizeof g->reason);
}

/* All but the rubrics. */
static void grade_run(const struct suite_case *c, const struct answer *answer, struct run_grade *g) {
    *g = (struct run_grade){.passed = !answer->refused};
    if (answer->refused) {
        snprintf(g->reason, sizeof g->reason, "no answer: %.*s",
                 (int)(answer->problem.n < 200 ? answer->problem.n : 200), answer->problem.p);
        return;
    }
    for (size_t i = 0; i < c->assertion_count; i++) {
        struct assertion_outcome o;
        if (c->assertions[i]->kind == ASSERT_RUBRIC)
            continue;
        assertion_check(c->assertions[i], c, answer, &o);
        note(g, c->assertions[i], &o);
    }
}

/* A score cannot make up for what is simply wrong. */
static float score_of(const struct run_grade *g) {
    if (g->graded &&
        (g->passed || (g->failed && (g->failed->kind == ASSERT_SIMILAR || g->failed->kind == ASSERT_RUBRIC))))
        return (float)(g->scores / (double)g->graded);
    return g->passed;
}

/* ---- rubrics ---- */

bool suite_has_rubric(const struct suite *s) {
    for (size_t i = 0; i < s->assertion_count; i++)
        if (s->assertions[i]->kind == ASSERT_RUBRIC)
            return true;
    return false;
}

struct rubrics {
    struct judge_question *questions;
    size_t *runs; /* which run each is of */
    size_t count, room;
};

static void rubrics_free(struct rubrics *r) {
    free(r->questions);
    free(r->runs);
}

static bool add_question(struct rubrics *r, const struct judge_question *q, size_t run) {
    if (r->count == r->room) {
        size_t room = r->room ? 2 * r->room : 64;
        struct judge_question *questions = realloc(r->questions, room * sizeof *questions);
        if (questions)
            r->questions = questions;
        size_t *runs = questions ? realloc(r->runs, room * sizeof *runs) : NULL;
        if (!runs)
            return false;
        r->runs = runs;
        r->room = room;
    }
    r->questions[r->count] = *q;
    r->runs[r->count++] = run;
    return true;
}

/* What has failed already needs no judge. */
static bool collect(struct rubrics *r, const struct suite *s, const struct answers *a,
                    const struct run_grade *grades) {
    for (size_t i = 0; i < a->count; i++) {
        const struct suite_case *c = &s->cases[i / a->runs];
        for (size_t k = 0; k < c->assertion_count; k++) {
            const struct judge_question q = {.rubric = c->assertions[k], .in = c, .answer = &a->list[i]};
            if (q.rubric->kind == ASSERT_RUBRIC && a->list[i].given && grades[i].passed &&
                !add_question(r, &q, i))
                return false;
        }
    }
    return true;
}

static bool ask_judge(const struct suite *s, const struct answers *a, const struct judge *judge,
                      const struct progress *progress, struct run_grade *grades, struct error *err) {
    struct rubrics r = {0};
    bool good =
        collect(&r, s, a, grades) || fail(err, ERR_NO_MEMORY, "Out of memory for the judge's questions.");
    good = good &&
           (r.count == 0 || judge_all(judge->asker, judge->endpoint, r.questions, r.count, progress, err));
    for (size_t i = 0; good && i < r.count; i++) {
        struct run_grade *g = &grades[r.runs[i]];
        if (r.questions[i].decided)
            note(g, r.questions[i].rubric, &r.questions[i].outcome);
        else {
            g->undecided = true;
            memcpy(g->reason, r.questions[i].outcome.reason, sizeof g->reason);
        }
    }
    rubrics_free(&r);
    return good;
}

/* ---- a case, and all ---- */

static void fold_case(struct graded_case *c, const struct answer *answers, const struct run_grade *grades,
                      unsigned runs) {
    double latency = 0, cost = 0, scores = 0;
    unsigned timed = 0;
    *c = (struct graded_case){.latency_ms = NAN, .cost_usd = NAN};
    for (unsigned i = 0; i < runs; i++) {
        const struct answer *a = &answers[i];
        if (!a->given || grades[i].undecided) {
            struct str why = a->given ? str_from(grades[i].reason) : a->problem;
            if (!c->reason[0])
                snprintf(c->reason, sizeof c->reason, "%.*s", (int)(why.n < 200 ? why.n : 200), why.p);
            continue;
        }
        c->runs++;
        c->runs_passed += grades[i].passed;
        scores += (double)score_of(&grades[i]);
        cost += a->cost_usd;
        if (!isnan(a->latency_ms)) {
            latency += a->latency_ms;
            timed++;
        }
        if (!grades[i].passed && !c->failed) {
            c->failed = grades[i].failed;
            memcpy(c->reason, grades[i].reason, sizeof c->reason);
        }
    }
    c->given = c->runs > 0;
    c->passed = 2 * c->runs_passed > c->runs;
    if (!c->given)
        return;
    c->score = (float)(scores / c->runs);
    c->cost_usd = cost;
    if (timed)
        c->latency_ms = latency / timed;
}

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static bool spread_of(const struct answers *a, struct spread *out, struct error *err) {
    double *list = malloc(a->count * sizeof *list), sum = 0;
    size_t n = 0;
    if (!list)
        return fail(err, ERR_NO_MEMORY, "Out of memory.");
    for (size_t i = 0; i < a->count; i++)
        if (a->list[i].given && !isnan(a->list[i].latency_ms)) {
            list[n++] = a->list[i].latency_ms;
            sum += a->list[i].latency_ms;
        }
    qsort(list, n, sizeof *list, by_value);
    *out = n ? (struct spread){sum / (double)n, list[(n - 1) / 2], list[(size_t)(0.95 * (double)(n - 1))]}
             : (struct spread){NAN, NAN, NAN};
    free(list);
    return true;
}

static void name_model(struct graded_side *g) {
    struct str model = {NULL, 0};
    for (size_t i = 0; i < g->answers.count; i++) {
        const struct answer *a = &g->answers.list[i];
        if (!a->given || a->model.n == 0)
            continue;
        if (model.p && !str_eq(model, a->model))
            return;
        model = a->model;
    }
    if (model.n && model.n < sizeof g->model)
        snprintf(g->model, sizeof g->model, "%.*s", STR_ARG(model));
}

static bool sum_up(struct graded_side *g, struct error *err) {
    double scores = 0;
    g->cost_usd = 0;
    for (size_t i = 0; i < g->count; i++) {
        const struct graded_case *c = &g->cases[i];
        g->given += c->given;
        g->passed += c->given && c->passed;
        scores += (double)c->score;
        if (c->given && isnan(c->cost_usd))
            g->cost_unknown++;
        else if (c->given)
            g->cost_usd += c->cost_usd;
    }
    if (g->cost_unknown || g->given == 0)
        g->cost_usd = NAN;
    g->mean_score = g->given ? scores / (double)g->given : 0;
    name_model(g);
    return spread_of(&g->answers, &g->latency_ms, err);
}

static bool grade_answers(struct graded_side *g, const struct suite *s, const struct judge *judge,
                          const struct progress *progress, struct error *err) {
    const struct answers *a = &g->answers;
    struct run_grade *grades = calloc(a->count, sizeof *grades);
    g->cases = calloc(s->case_count, sizeof *g->cases);
    bool good = (grades && g->cases) || fail(err, ERR_NO_MEMORY, "Out of memory for the grades.");
    for (size_t i = 0; good && i < a->count; i++)
        if (a->list[i].given)
            grade_run(&s->cases[i / a->runs], &a->list[i], &grades[i]);
    good = good && (!judge->asker || ask_judge(s, a, judge, progress, grades, err));
    for (size_t i = 0; good && i < s->case_count; i++)
        fold_case(&g->cases[i], &a->list[i * a->runs], &grades[i * a->runs], a->runs);
    free(grades);
    return good && sum_up(g, err);
}

bool grade_side(struct graded_side *out, struct answer_source *source, const struct suite *s,
                const struct judge *judge, const struct progress *progress, struct error *err) {
    struct graded_side g = {.kind = source->kind, .count = s->case_count};
    int64_t started = clock_monotonic();
    if (!judge->asker && suite_has_rubric(s))
        return fail(err, ERR_USAGE,
                    "The suite has rubrics, which need a judge: name the server with --url and the judge's "
                    "endpoint with --judge, or in the suite (judge: NAME).");
    snprintf(g.name, sizeof g.name, "%s", source->name);
    if (!answers_new(&g.answers, s, s->runs, err))
        return false;
    bool good = source->ask(source, s, progress, &g.answers, err);
    g.seconds = (double)(clock_monotonic() - started) / 1e9;
    if (good && grade_answers(&g, s, judge, progress, err)) {
        *out = g;
        return true;
    }
    graded_side_free(&g);
    return false;
}

void graded_side_free(struct graded_side *g) {
    answers_free(&g->answers);
    free(g->cases);
    *g = (struct graded_side){0};
}
