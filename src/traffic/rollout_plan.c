#include "traffic/rollout_plan.h"

#include "base/clock.h"

#include <stdio.h>
#include <string.h>

#define MINUTE (60 * NS_PER_SECOND)

static const char *const kinds[] = {[ROLLOUT_CANARY] = "canary",
                                    [ROLLOUT_AB] = "ab",
                                    [ROLLOUT_BLUE_GREEN] = "blue-green",
                                    [ROLLOUT_SHADOW] = "shadow"};

const char *rollout_kind_name(enum rollout_kind kind) {
    return kinds[kind];
}

bool rollout_kind_parse(struct str name, enum rollout_kind *out) {
    for (unsigned i = 0; i < ARRAY_COUNT(kinds); i++)
        if (str_eq(name, str_from(kinds[i]))) {
            *out = i;
            return true;
        }
    return false;
}

struct rollout_plan rollout_plan_default(enum rollout_kind kind) {
    struct rollout_plan p = {.kind = kind,
                             .steps = {0.05, 0.25, 0.5},
                             .step_count = 3,
                             .step_least_ns = 10 * MINUTE,
                             .step_most_ns = 24 * 60 * MINUTE,
                             .analysis = analysis_defaults()};
    if (kind == ROLLOUT_AB) {
        p.steps[0] = 0.5;
        p.step_count = 1;
        p.step_least_ns = 24 * 60 * MINUTE;
        p.step_most_ns = 2 * p.step_least_ns;
    } else if (kind == ROLLOUT_BLUE_GREEN) {
        p.steps[0] = 0;
        p.steps[1] = 1;
        p.step_count = 2;
    } else if (kind == ROLLOUT_SHADOW) {
        p.steps[0] = 0;
        p.step_count = 1;
        p.step_least_ns = 24 * 60 * MINUTE;
        p.step_most_ns = 2 * p.step_least_ns;
        p.analysis = analysis_mirrored();
    }
    return p;
}

static void begin_step(struct rollout_progress *p, unsigned step, int64_t now_ns) {
    p->step = step;
    p->step_since_ns = now_ns;
    p->seen = false;
}

static enum rollout_decision go_on(const struct rollout_plan *plan, struct rollout_progress *p,
                                   int64_t now_ns, char *why, size_t size) {
    if (p->step + 1 == plan->step_count) {
        snprintf(why, size, "all that is known of it is within what is allowed");
        return ROLLOUT_PROMOTE;
    }
    begin_step(p, p->step + 1, now_ns);
    snprintf(why, size, "nothing about it is worse");
    return ROLLOUT_NEXT_STEP;
}

/* Before a step that gives the candidate nothing only what it will be compared with is gathered. */
static enum rollout_decision gather(const struct rollout_plan *plan, struct rollout_progress *p,
                                    const struct arm *stable, int64_t now_ns, bool lasted, char *why,
                                    size_t size) {
    if (lasted && stable->requests >= plan->analysis.least)
        return go_on(plan, p, now_ns, why, size);
    snprintf(why, size, "%llu of %llu requests to compare with", (unsigned long long)stable->requests,
             (unsigned long long)plan->analysis.least);
    return ROLLOUT_STAY;
}

static void say_missing(const struct rollout_plan *plan, const struct analysis *a, const struct arm *stable,
                        bool undecided, char *why, size_t size) {
    if (stable->requests < plan->analysis.least)
        snprintf(why, size, "what serves now has answered %llu of %llu requests",
                 (unsigned long long)stable->requests, (unsigned long long)plan->analysis.least);
    else if (undecided)
        analysis_say(a, why, size);
    else
        snprintf(why, size, "%llu requests of the candidate until the next look",
                 (unsigned long long)a->missing);
}

static bool is_one_of_two_good(enum analysis_verdict v) {
    return v == ANALYSIS_GOOD || v == ANALYSIS_BETTER;
}

/* "would have agreed on 97.31 % of 1204; errors: …" */
static void say_agreement(const struct arm *candidate, char *why, size_t size) {
    uint64_t same = candidate->agreed, n = same + candidate->differed;
    const char *how = "agreed on";
    if (n == 0) {
        same = candidate->same_words;
        n = same + candidate->other_words;
        how = "said the same, word for word, to";
    }
    if (n > 0)
        snprintf(why, size, "would have %s %.2f %% of %llu; ", how, 100 * (double)same / (double)n,
                 (unsigned long long)n);
    else
        *why = '\0';
}

static enum rollout_decision decide_shadow(const struct rollout_plan *plan, struct rollout_progress *p,
                                           const struct arm *stable, const struct arm *candidate,
                                           int64_t now_ns, char *why, size_t size) {
    int64_t lasted_ns = now_ns - p->step_since_ns;
    bool lasted = lasted_ns >= plan->step_least_ns;
    struct analysis a;
    analyse(&plan->analysis, stable, candidate, p->looked, &a);
    p->looked = a.look;
    if (lasted && !p->seen && a.verdict == ANALYSIS_WAIT && a.look > 0)
        analyse(&plan->analysis, stable, candidate, a.look - 1, &a); /* once more, at the end of its time */
    p->seen |= lasted;
    say_agreement(candidate, why, size);
    size_t n = strlen(why);
    bool good = is_one_of_two_good(a.verdict);
    if (a.verdict == ANALYSIS_WORSE || good)
        analysis_say(&a, why + n, size - n);
    else
        say_missing(plan, &a, stable, a.verdict == ANALYSIS_HARMLESS, why + n, size - n);
    if (a.verdict == ANALYSIS_WORSE)
        return ROLLOUT_BACK;
    if (lasted && good)
        return a.verdict == ANALYSIS_BETTER ? ROLLOUT_PRAISE : ROLLOUT_PROMOTE;
    return lasted_ns < plan->step_most_ns ? ROLLOUT_STAY : ROLLOUT_STOP;
}

enum rollout_decision rollout_decide(const struct rollout_plan *plan, struct rollout_progress *p,
                                     const struct arm *stable, const struct arm *candidate, int64_t now_ns,
                                     char *why, size_t size) {
    int64_t lasted_ns = now_ns - p->step_since_ns;
    bool lasted = lasted_ns >= plan->step_least_ns, last = p->step + 1 == plan->step_count;
    enum rollout_decision decision = ROLLOUT_STAY;
    struct analysis a;
    if (plan->kind == ROLLOUT_SHADOW)
        return decide_shadow(plan, p, stable, candidate, now_ns, why, size);
    if (plan->steps[p->step] == 0) {
        decision = gather(plan, p, stable, now_ns, lasted, why, size);
    } else {
        analyse(&plan->analysis, stable, candidate, p->looked, &a);
        p->looked = a.look;
        if (a.verdict == ANALYSIS_WORSE) {
            analysis_say(&a, why, size);
            return ROLLOUT_BACK;
        }
        p->seen |= is_one_of_two_good(a.verdict) || (!last && a.verdict == ANALYSIS_HARMLESS);
        if (p->seen && lasted)
            return go_on(plan, p, now_ns, why, size);
        say_missing(plan, &a, stable, a.verdict == ANALYSIS_HARMLESS, why, size);
    }
    if (decision != ROLLOUT_STAY || lasted_ns < plan->step_most_ns)
        return decision;
    return ROLLOUT_STOP;
}
