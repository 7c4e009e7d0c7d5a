#include "watch/arms.h"

#include "unit.h"

#include <pthread.h>
#include <stdlib.h>

static struct event answered(const char *endpoint, enum side side, int status) {
    return (struct event){.endpoint = str_from(endpoint),
                          .side = side,
                          .status = status,
                          .confidence = 0.9f,
                          .total_us = 1000,
                          .cost_nanodollars = EVENT_COST_UNKNOWN};
}

static void counts_what_says_something_about_a_side(void **state) {
    struct arms *a = arms_new();
    struct arm before[2] = {{.requests = 5}}, now[2];
    struct event e;
    assert_true(arms_watch(a, "shop", "one", before));
    assert_true(arms_watch(a, "shop", "one", (struct arm[2]){{0}})); /* goes on as it is */
    e = answered("shop", SIDE_STABLE, 200);
    arms_note(a, &e);
    e = answered("shop", SIDE_CANDIDATE, 503);
    arms_note(a, &e);
    e = answered("shop", SIDE_CANDIDATE, 400); /* the client's mistake */
    arms_note(a, &e);
    e = answered("shop", SIDE_NONE, 200); /* a version that the caller named */
    arms_note(a, &e);
    e = answered("mail", SIDE_CANDIDATE, 200);
    arms_note(a, &e);
    e = answered("shop", SIDE_CANDIDATE, 200);
    e.cache = CACHE_HIT;
    arms_note(a, &e);
    arms_add_label(a, "one", true, STR("spam"), false);
    arms_add_score(a, "one", true, 0.5);
    assert_true(arms_read(a, "one", now));
    assert_int_equal(now[0].requests, 6);
    assert_int_equal(now[1].requests, 1);
    assert_int_equal(now[1].errors, 1);
    assert_int_equal(now[1].cost.n, 0); /* unknown is not zero */
    assert_int_equal(now[1].wrong, 1);
    assert_int_equal(now[1].score.n, 1);
    arms_retain(a, NULL, 0);
    assert_false(arms_read(a, "one", now));
    arms_free(a);
}

static void pairs_are_counted_and_wait_to_be_written(void **state) {
    struct arms *a = arms_new();
    struct arm none[2] = {{0}}, now[2];
    struct shadow_answer pair = {.rollout = "one",
                                 .request_id = "r1",
                                 .label = "spam",
                                 .stable = {.latency_us = 5, .confidence = 0.9, .cost = -1},
                                 .candidate = {.confidence = 0.8, .cost = 7, .agrees = ARM_NO}};
    struct shadow_answer *pairs;
    size_t count;
    arms_note_pair(a, &pair); /* of no rollout that is counted */
    assert_true(arms_watch(a, "shop", "one", none));
    for (unsigned i = 0; i < ARMS_PAIRS_MAX + 3; i++)
        arms_note_pair(a, &pair);
    assert_true(arms_take(a, "one", now, &pairs, &count));
    assert_int_equal(count, ARMS_PAIRS_MAX);
    assert_string_equal(pairs[0].label, "spam");
    assert_int_equal(now[0].requests, ARMS_PAIRS_MAX + 3);
    assert_int_equal(now[1].differed, ARMS_PAIRS_MAX + 3);
    assert_int_equal(now[0].differed + now[0].agreed, 0);
    free(pairs);
    assert_true(arms_take(a, "one", now, &pairs, &count));
    assert_null(pairs);
    assert_int_equal(count, 0);
    assert_int_equal(now[1].requests, ARMS_PAIRS_MAX + 3);
    assert_false(arms_take(a, "two", now, &pairs, &count));
    arms_note_pair(a, &pair); /* not taken: freed with the rest */
    arms_free(a);
}

enum { MANY = 20000 };

static void *note_many(void *ctx) {
    struct event e = answered("shop", SIDE_CANDIDATE, 200);
    for (int i = 0; i < MANY; i++)
        arms_note(ctx, &e);
    return NULL;
}

static void counts_while_others_come_and_go(void **state) {
    struct arms *a = arms_new();
    struct arm none[2] = {{0}}, now[2];
    const char *const kept[] = {"one"};
    pthread_t recorder;
    assert_true(arms_watch(a, "shop", "one", none));
    assert_int_equal(pthread_create(&recorder, NULL, note_many, a), 0);
    for (int i = 0; i < 200; i++) {
        assert_true(arms_watch(a, "shop", "two", none));
        assert_true(arms_read(a, "one", now));
        arms_retain(a, kept, 1);
    }
    pthread_join(recorder, NULL);
    assert_true(arms_read(a, "one", now));
    assert_int_equal(now[1].requests, MANY);
    arms_free(a);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_what_says_something_about_a_side),
        cmocka_unit_test(pairs_are_counted_and_wait_to_be_written),
        cmocka_unit_test(counts_while_others_come_and_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
