/* The answers to a suite graded: each case right or wrong, with a score, and what all of them come to.
 * Blocking where a judge is asked; one thread. */
#pragma once

#include "evals/judge.h"
#include "evals/source.h"

struct graded_case {
    bool given;  /* false: no answer, or no verdict; the case counts neither way */
    bool passed; /* in more than half of its runs */
    float score; /* mean of its runs; of a run: 0 when an assertion failed that has no score of its own, else
                    the mean of those that have one */
    unsigned runs, runs_passed;     /* that were given */
    double latency_ms;              /* mean; NaN unknown */
    double cost_usd;                /* sum; NaN unknown */
    const struct assertion *failed; /* the first that did; NULL none */
    char reason[ASSERTION_REASON_MAX];
};

struct spread {
    double mean, p50, p95; /* NaN: nothing known */
};

/* One side: a version, an endpoint, or recorded answers. */
struct graded_side {
    char name[SOURCE_NAME_MAX];
    enum evaluation_source kind;
    struct answers answers;
    struct graded_case *cases; /* as in the suite */
    size_t count, given, passed;
    double mean_score;
    struct spread latency_ms;
    double cost_usd; /* of all; NaN: of at least one it is unknown */
    size_t cost_unknown;
    char model[EVALUATION_NAME_MAX + 1]; /* that answered, where all answers name the same; "" else */
    double seconds;                      /* that asking took */
};

struct judge {
    struct asker *asker; /* NULL: nobody */
    struct str endpoint;
};

/* *out is to be given to graded_side_free when it returns true. */
bool grade_side(struct graded_side *out, struct answer_source *source, const struct suite *s,
                const struct judge *judge, const struct progress *progress, struct error *err) MUST_USE;
void graded_side_free(struct graded_side *g);

bool suite_has_rubric(const struct suite *s);
