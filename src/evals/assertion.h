/* What must hold of an answer, and whether it does. Patterns, schemas and scripts in a suite are the
 * operator's own, answers may be anything: work is bounded, and what could not be decided has not passed. A
 * rubric is not decided here: it needs a judge (evals/judge.h). Immutable once made; any thread. */
#pragma once

#include "base/json.h"

#include <math.h>

struct regex;
struct schema;
struct suite_case;

enum assertion_kind {
    ASSERT_EQUALS,
    ASSERT_CONTAINS,
    ASSERT_ICONTAINS, /* ASCII letters in either case */
    ASSERT_STARTS_WITH,
    ASSERT_REGEX,
    ASSERT_JSON,   /* is JSON, and valid for the schema where there is one */
    ASSERT_NUMBER, /* the last number in the answer */
    ASSERT_LUA,
    ASSERT_SIMILAR, /* in wording, not in meaning */
    ASSERT_RUBRIC,
    ASSERT_TOOL,
    ASSERT_LATENCY,
    ASSERT_COST,
    ASSERT_KIND_COUNT
};
const char *assertion_kind_name(enum assertion_kind kind); /* "contains" */

struct assertion {
    enum assertion_kind kind;
    bool negated;
    unsigned line;         /* where it stands; 0 unknown */
    struct str value;      /* text, script, rubric or name of a tool */
    double number;         /* the number, ms, or US dollars */
    double within;         /* what a number may differ by; */
    bool relative;         /* as a share of it */
    double threshold;      /* of scores: at least so much; NaN: none */
    struct regex *regex;   /* owned, like the next two */
    struct schema *schema; /* NULL: any JSON */
    yyjson_doc *arguments; /* of a tool call: must be among those of the call; of equals: the value as JSON;
                              or NULL */
};
#define SIMILAR_THRESHOLD 0.8
#define SCORE_THRESHOLD   0.5

/* Compiles what needs it (the pattern, the script to see whether it is one). */
bool assertion_prepare(struct assertion *a, struct error *err) MUST_USE;
void assertion_free(struct assertion *a); /* NULL is fine */

/* What was answered. Views. */
struct answer {
    bool given;   /* false: nobody answered, `problem` says why; it is no case then */
    bool refused; /* an answer, but an error: `problem` */
    struct str text;
    struct str tools; /* [{"name","arguments"}], JSON; .p NULL: none */
    struct str model; /* that answered; "" unknown */
    struct str problem;
    double confidence, latency_ms, cost_usd; /* NaN: unknown */
};
#define ANSWER_NONE ((struct answer){.confidence = NAN, .latency_ms = NAN, .cost_usd = NAN})

enum { ASSERTION_REASON_MAX = 240 };

struct assertion_outcome {
    bool passed;
    bool graded;                       /* `score` says more than passed or not */
    double score;                      /* 0..1 */
    char reason[ASSERTION_REASON_MAX]; /* why it did not; valid UTF-8 */
};

/* Not for rubrics. */
void assertion_check(const struct assertion *a, const struct suite_case *c, const struct answer *answer,
                     struct assertion_outcome *out);

/* "contains \"yes\"", for reports. */
void assertion_describe(const struct assertion *a, struct buf *out);
