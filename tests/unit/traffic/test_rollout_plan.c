/* Whole rollouts on a clock of the test's own, against simulated traffic: SIMULATED, and labelled as such
 * where it prints. What answers is drawn from seeded distributions; what decides is the code that decides in
 * production. */
#include "traffic/rollout_plan.h"

#include "../unit.h"

#include "base/clock.h"
#include "base/hash.h"

#include <math.h>
#include <stdio.h>

struct behaviour {
    double error, accuracy, latency, cost, confidence;
    double lame; /* accuracy of one label of ten; < 0: as the others */
};

static const struct behaviour usual = {
    .error = 0.002, .accuracy = 0.92, .latency = 1, .cost = 1, .confidence = 0.9, .lame = -1};

struct world {
    uint64_t dice;
    struct arm stable, candidate;
};

static double uniform(struct world *w) {
    w->dice = hash64_u64(w->dice + 0x9e3779b97f4a7c15u);
    return ((double)(w->dice >> 11) + 0.5) * 0x1p-53;
}

static double normal(struct world *w) {
    return sqrt(-2 * log(uniform(w))) * cos(6.283185307179586 * uniform(w));
}

static void answer(struct world *w, struct arm *arm, const struct behaviour *b) {
    static const char *const labels[] = {"a", "b", "c", "d", "e", "f", "g", "h", "i", "j"};
    unsigned label = (unsigned)(uniform(w) * 10);
    bool failed = uniform(w) < b->error;
    struct arm_answer one = {.failed = failed,
                             .latency_us = (uint32_t)(20000 * b->latency * exp(0.5 * normal(w))),
                             .confidence = failed ? -1 : fmin(1, b->confidence + 0.05 * normal(w)),
                             .cost = 250000 * b->cost * exp(0.6 * normal(w)),
                             .review = uniform(w) < 0.1};
    arm_add(arm, &one);
    double accuracy = label == 3 && b->lame >= 0 ? b->lame : b->accuracy;
    if (!failed && uniform(w) < 0.5) /* half of them get a label */
        arm_add_label(arm, str_from(labels[label]), uniform(w) < accuracy);
}

struct played {
    enum rollout_decision end;
    unsigned steps;
    uint64_t requests;
    char why[300];
};

/* `per_minute` requests of both sides together. */
static struct played play(uint64_t seed, const struct rollout_plan *plan, const struct behaviour *candidate,
                          unsigned per_minute) {
    static struct world w;
    struct rollout_progress progress = {0};
    struct played played = {0};
    int64_t now = 0;
    w = (struct world){.dice = seed};
    for (;;) {
        for (unsigned i = 0; i < per_minute; i++) {
            bool new = uniform(&w) < plan->steps[progress.step];
            answer(&w, new ? &w.candidate : &w.stable, new ? candidate : &usual);
        }
        played.requests += per_minute;
        now += 60 * NS_PER_SECOND;
        played.end =
            rollout_decide(plan, &progress, &w.stable, &w.candidate, now, played.why, sizeof played.why);
        played.steps += played.end == ROLLOUT_NEXT_STEP;
        if (played.end != ROLLOUT_STAY && played.end != ROLLOUT_NEXT_STEP)
            return played;
    }
}

static struct behaviour with(struct behaviour b, double *which, double value, const struct behaviour *base) {
    *(double *)((char *)&b + ((const char *)which - (const char *)base)) = value;
    return b;
}

#define CHANGED(field, value) with(usual, (double *)&usual.field, value, &usual)

static void every_kind_ends_as_it_should(void **state) {
    struct rollout_plan plan = rollout_plan_default(ROLLOUT_CANARY);
    const struct {
        const char *name;
        struct behaviour candidate;
        enum rollout_decision end;
        const char *because;
    } cases[] = {
        {"as good", usual, ROLLOUT_PROMOTE, "within"},
        {"3 points less accurate", CHANGED(accuracy, 0.89), ROLLOUT_BACK, "accuracy"},
        {"30 % slower", CHANGED(latency, 1.3), ROLLOUT_BACK, "latency"},
        {"40 % dearer", CHANGED(cost, 1.4), ROLLOUT_BACK, "cost"},
        {"fails for one label", CHANGED(lame, 0.2), ROLLOUT_BACK, "accuracy"},
        {"errs", CHANGED(error, 0.03), ROLLOUT_BACK, "errors"},
        {"less sure", CHANGED(confidence, 0.8), ROLLOUT_BACK, "confidence"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct played p = play(7, &plan, &cases[i].candidate, 600);
        print_message("simulated, %s: %s after %llu requests (%s)\n", cases[i].name,
                      p.end == ROLLOUT_PROMOTE ? "promoted"
                      : p.end == ROLLOUT_BACK  ? "rolled back"
                                               : "not enough data",
                      (unsigned long long)p.requests, p.why);
        assert_int_equal(p.end, cases[i].end);
        assert_non_null(strstr(p.why, cases[i].because));
        assert_int_equal(p.steps, cases[i].end == ROLLOUT_PROMOTE ? 2 : p.steps);
    }
}

static void a_silent_one_ends_as_not_enough_data(void **state) {
    for (enum rollout_kind kind = 0; kind <= ROLLOUT_BLUE_GREEN; kind++) {
        struct rollout_plan plan = rollout_plan_default(kind);
        struct played p = play(7, &plan, &usual, 0);
        assert_int_equal(p.end, ROLLOUT_STOP);
        assert_int_equal(p.steps, 0);
        assert_non_null(strstr(p.why, "of 200 requests"));
    }
}

/* Some traffic, and too little for a verdict: what is missing is said. */
static void too_little_traffic_says_what_is_missing(void **state) {
    struct rollout_plan plan = rollout_plan_default(ROLLOUT_CANARY);
    plan.step_most_ns = 120 * 60 * NS_PER_SECOND;
    struct played p = play(7, &plan, &usual, 20);
    assert_int_equal(p.end, ROLLOUT_STOP);
    assert_non_null(strstr(p.why, "requests of the candidate until the next look"));
}

static void blue_green_goes_all_the_way_and_back(void **state) {
    struct rollout_plan plan = rollout_plan_default(ROLLOUT_BLUE_GREEN);
    struct behaviour slow = CHANGED(latency, 1.3);
    assert_int_equal(play(7, &plan, &usual, 600).end, ROLLOUT_PROMOTE);
    assert_int_equal(play(7, &plan, &slow, 600).end, ROLLOUT_BACK);
}

/* A shadow: both sides are asked the same; the candidate agrees so often. */
static struct played play_shadow(uint64_t seed, const struct rollout_plan *plan,
                                 const struct behaviour *candidate, double agreement, unsigned per_minute) {
    static struct world w;
    struct rollout_progress progress = {0};
    struct played played = {.end = ROLLOUT_STAY};
    int64_t now = 0;
    w = (struct world){.dice = seed};
    while (played.end == ROLLOUT_STAY) {
        for (unsigned i = 0; i < per_minute; i++) {
            answer(&w, &w.stable, &usual);
            answer(&w, &w.candidate, candidate);
            bool same = uniform(&w) < agreement;
            w.candidate.agreed += same;
            w.candidate.differed += !same;
        }
        played.requests += per_minute;
        now += 60 * NS_PER_SECOND;
        played.end =
            rollout_decide(plan, &progress, &w.stable, &w.candidate, now, played.why, sizeof played.why);
    }
    return played;
}

static void a_shadow_ends_without_anybody_serving_otherwise(void **state) {
    struct rollout_plan plan = rollout_plan_default(ROLLOUT_SHADOW);
    const struct {
        const char *name;
        struct behaviour candidate;
        double agreement;
        enum rollout_decision end;
        const char *because;
    } cases[] = {
        {"as good", usual, 0.97, ROLLOUT_PROMOTE, "would have agreed on 9"},
        {"disagrees in a fifth", usual, 0.8, ROLLOUT_BACK, "disagreement: so in 2"},
        {"30 % slower", CHANGED(latency, 1.3), 0.97, ROLLOUT_BACK, "latency"},
        {"3 points less accurate", CHANGED(accuracy, 0.89), 0.97, ROLLOUT_BACK, "accuracy"},
        {"40 % cheaper", CHANGED(cost, 0.6), 0.97, ROLLOUT_PRAISE, "cost"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct played p = play_shadow(7, &plan, &cases[i].candidate, cases[i].agreement, 60);
        print_message("simulated, shadow, %s: %s\n", cases[i].name, p.why);
        assert_int_equal(p.end, cases[i].end);
        assert_non_null(strstr(p.why, cases[i].because));
        if (p.end != ROLLOUT_BACK) /* it lasts as long as it was to */
            assert_int_equal(p.requests, 24 * 60 * 60);
    }
    assert_int_equal(play_shadow(7, &plan, &usual, 0.97, 0).end, ROLLOUT_STOP);
    plan.analysis.allowed[CRITERION_DISAGREEMENT] = 0.3;
    assert_int_equal(play_shadow(7, &plan, &usual, 0.8, 60).end, ROLLOUT_PROMOTE);
}

static void a_shadow_is_rarely_misjudged(void **state) {
    enum { RUNS = 200 };
    struct rollout_plan plan = rollout_plan_default(ROLLOUT_SHADOW);
    struct behaviour worse = CHANGED(accuracy, 0.89);
    unsigned good[ROLLOUT_PRAISE + 1] = {0}, bad[ROLLOUT_PRAISE + 1] = {0};
    for (unsigned seed = 1; seed <= RUNS; seed++) {
        good[play_shadow(seed, &plan, &usual, 0.95, 20).end]++;
        bad[play_shadow(seed + 5000, &plan, &worse, 0.95, 20).end]++;
    }
    print_message(
        "simulated, %d shadows as good: %u worse, %u better, %u undecided; 3 points less accurate: %u "
        "worse, %u as good\n",
        RUNS, good[ROLLOUT_BACK], good[ROLLOUT_PRAISE], good[ROLLOUT_STOP], bad[ROLLOUT_BACK],
        bad[ROLLOUT_PROMOTE]);
    assert_true(good[ROLLOUT_BACK] + good[ROLLOUT_PRAISE] <= RUNS * 0.05);
    assert_true(bad[ROLLOUT_PROMOTE] + bad[ROLLOUT_PRAISE] <= RUNS * 0.05);
}

/* How often it is wrong, over a thousand rollouts. */
static void errs_as_rarely_as_it_says(void **state) {
    enum { RUNS = 200, PER_MINUTE = 1000 };
    struct rollout_plan plan = rollout_plan_default(ROLLOUT_CANARY);
    const struct {
        const char *name;
        struct behaviour candidate;
    } cases[] = {{"as good", usual},
                 {"3 points less accurate", CHANGED(accuracy, 0.89)},
                 {"30 % slower", CHANGED(latency, 1.3)},
                 {"40 % dearer", CHANGED(cost, 1.4)},
                 {"fails for one label", CHANGED(lame, 0.2)}};
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        unsigned ends[ROLLOUT_STOP + 1] = {0};
        double requests = 0;
        for (unsigned seed = 1; seed <= RUNS; seed++) {
            struct played p = play(seed * 1000 + i, &plan, &cases[i].candidate, PER_MINUTE);
            ends[p.end]++;
            requests += (double)p.requests;
        }
        print_message(
            "simulated, %u rollouts, %s: %.1f %% promoted, %.1f %% rolled back, %.1f %% without enough "
            "data; %.0f requests on average\n",
            RUNS, cases[i].name, 100.0 * ends[ROLLOUT_PROMOTE] / RUNS, 100.0 * ends[ROLLOUT_BACK] / RUNS,
            100.0 * ends[ROLLOUT_STOP] / RUNS, requests / RUNS);
        unsigned wrong = ends[i == 0 ? ROLLOUT_BACK : ROLLOUT_PROMOTE];
        assert_true(wrong <= RUNS * 0.05);
        assert_true(ends[i == 0 ? ROLLOUT_PROMOTE : ROLLOUT_BACK] >= RUNS * 0.9);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_ends_as_it_should),
        cmocka_unit_test(a_silent_one_ends_as_not_enough_data),
        cmocka_unit_test(too_little_traffic_says_what_is_missing),
        cmocka_unit_test(blue_green_goes_all_the_way_and_back),
        cmocka_unit_test(a_shadow_ends_without_anybody_serving_otherwise),
        cmocka_unit_test(a_shadow_is_rarely_misjudged),
        cmocka_unit_test(errs_as_rarely_as_it_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
