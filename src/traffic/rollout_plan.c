#include "traffic/rollout_plan.h"

#include "base/clock.h"

#include <stdio.h>
#include <string.h>

#define MINUTE (60 * NS_PER_SECOND)

static const char *const kinds[] = {
    [ROLLOUT_CANARY] = "canary", [ROLLOUT_AB] = "ab", [ROLLOUT_BLUE_GREEN] = "blue-green"};

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

enum rollout_decision rollout_decide(const struct rollout_plan *plan, struct rollout_progress *p,
                                     const struct arm *stable, const struct arm *candidate, int64_t now_ns,
                                     char *why, size_t size) {
    int64_t lasted_ns = now_ns - p->step_since_ns;
    bool lasted = lasted_ns >= plan->step_least_ns, last = p->step + 1 == plan->step_count;
    enum rollout_decision decision = ROLLOUT_STAY;
    struct analysis a;
    if (plan->steps[p->step] == 0) {
        decision = gather(plan, p, stable, now_ns, lasted, why, size);
    } else {
        analyse(&plan->analysis, stable, candidate, p->looked, &a);
        p->looked = a.look;
        if (a.verdict == ANALYSIS_WORSE) {
            analysis_say(&a, why, size);
            return ROLLOUT_BACK;
        }
        p->seen |= a.verdict == ANALYSIS_GOOD || (!last && a.verdict == ANALYSIS_HARMLESS);
        if (p->seen && lasted)
            return go_on(plan, p, now_ns, why, size);
        say_missing(plan, &a, stable, a.verdict == ANALYSIS_HARMLESS, why, size);
    }
    if (decision != ROLLOUT_STAY || lasted_ns < plan->step_most_ns)
        return decision;
    return ROLLOUT_STOP;
}
