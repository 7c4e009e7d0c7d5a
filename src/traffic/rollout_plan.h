/* How a rollout goes on: which share of the requests its candidate gets, for how long, and what ends it. Pure
 * functions over plain data, so that a clock of a test's own drives them; any thread.
 *
 *   step 0 → step 1 → … → last step → promoted          while nothing is worse
 *      └────────┴────────────┴──────→ rolled back        the candidate is worse, or a person says so
 *      └────────┴────────────┴──────→ not enough data    a step lasted as long as it may
 *
 * A shadow has one step, in which the candidate answers nobody: it is asked what others were asked, and ends
 * as better, as good, worse or not enough data. */
#pragma once

#include "traffic/analysis.h"

/* Numbers are stored. */
enum rollout_kind {
    ROLLOUT_CANARY = 0,     /* more and more */
    ROLLOUT_AB = 1,         /* half and half for a set time */
    ROLLOUT_BLUE_GREEN = 2, /* none, then all at once; compared with what was before */
    ROLLOUT_SHADOW = 3      /* never answers: asked what the other was asked */
};
const char *rollout_kind_name(enum rollout_kind kind); /* "canary", "ab", "blue-green", "shadow" */
bool rollout_kind_parse(struct str name, enum rollout_kind *out) MUST_USE;

enum { ROLLOUT_STEPS_MAX = 12 };

struct rollout_plan {
    enum rollout_kind kind;
    double steps[ROLLOUT_STEPS_MAX]; /* the candidate's shares, 0 to 1; promotion is what follows the last */
    unsigned step_count;             /* at least 1 */
    int64_t step_least_ns;           /* a step lasts at least so long */
    int64_t step_most_ns;            /* and without enough evidence at the most */
    struct analysis_options analysis;
};
struct rollout_plan rollout_plan_default(enum rollout_kind kind);

struct rollout_progress {
    unsigned step;
    int64_t step_since_ns; /* of the clock that rollout_decide is given */
    unsigned looked;       /* looks taken at the evidence */
    bool seen;             /* within this step: enough for the next; of a shadow: its time is over */
};

enum rollout_decision {
    ROLLOUT_STAY,
    ROLLOUT_NEXT_STEP,
    ROLLOUT_PROMOTE, /* of a shadow: it is as good */
    ROLLOUT_BACK,    /* of a shadow: it is worse */
    ROLLOUT_STOP,
    ROLLOUT_PRAISE /* of a shadow: it is better */
};

/* Changes *progress as the decision says. `stable`, `candidate`: all that both did since the rollout began.
 * `why` says in a sentence what decided, or what is missing. */
enum rollout_decision rollout_decide(const struct rollout_plan *plan, struct rollout_progress *progress,
                                     const struct arm *stable, const struct arm *candidate, int64_t now_ns,
                                     char *why, size_t size);
