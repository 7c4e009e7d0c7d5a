#include "traffic/breaker.h"

#include "../unit.h"

#include "base/clock.h"

#include <pthread.h>

#define SECOND NS_PER_SECOND
#define START  (1000 * SECOND)

static const struct breaker_options options = {.errors = 0.5,
                                               .minimum = 10,
                                               .window_ns = 10 * SECOND,
                                               .slow_ns = 2 * SECOND,
                                               .open_ns = SECOND,
                                               .open_max_ns = 8 * SECOND,
                                               .hold_max_ns = 60 * SECOND,
                                               .probes = 2};

/* One call at `now`; false when it was refused. */
static bool call(struct breaker *b, enum breaker_outcome outcome, int64_t now) {
    struct breaker_token token;
    if (!breaker_allow(b, &options, now, &token, NULL))
        return false;
    breaker_settle(b, &options, &token, outcome, 0, now);
    return true;
}

static void open_by_failures(struct breaker *b, int64_t now) {
    for (int i = 0; i < 10; i++)
        assert_true(call(b, BREAKER_FAILURE, now));
    assert_int_equal(breaker_state(b, &options, now).phase, BREAKER_OPEN);
}

static void opens_at_its_share_and_not_before_its_minimum(void **state) {
    struct breaker b = {0};
    for (int i = 0; i < 9; i++)
        assert_true(call(&b, BREAKER_FAILURE, START));
    assert_int_equal(breaker_state(&b, &options, START).phase, BREAKER_CLOSED);
    assert_int_equal(breaker_state(&b, &options, START).failures, 9);

    struct breaker mixed = {0};
    for (int i = 0; i < 100; i++)
        assert_true(call(&mixed, i % 5 >= 3 ? BREAKER_FAILURE : BREAKER_SUCCESS, START + i));
    assert_int_equal(breaker_state(&mixed, &options, START).phase, BREAKER_CLOSED);
    assert_int_equal(breaker_state(&mixed, &options, START).calls, 100);
    int more = 0;
    while (call(&mixed, BREAKER_FAILURE, START + 100))
        more++;
    assert_int_equal(more, 20); /* 60 of 120 */
}

static void old_calls_leave_the_window(void **state) {
    struct breaker b = {0};
    for (int i = 0; i < 9; i++)
        assert_true(call(&b, BREAKER_FAILURE, START));
    assert_true(call(&b, BREAKER_FAILURE, START + 11 * SECOND));
    assert_int_equal(breaker_state(&b, &options, START + 11 * SECOND).phase, BREAKER_CLOSED);
    assert_int_equal(breaker_state(&b, &options, START + 11 * SECOND).calls, 1);
    /* Long silence, across the ring of periods. */
    int64_t later = START + (INT64_C(1) << 23) * SECOND;
    assert_int_equal(breaker_state(&b, &options, later).calls, 0);
    assert_true(call(&b, BREAKER_SUCCESS, later));
    assert_int_equal(breaker_state(&b, &options, later).calls, 1);
    assert_int_equal(breaker_state(&b, &options, later + 20 * SECOND).calls, 0);
}

static void slow_calls_count_as_failed_and_cancelled_ones_not_at_all(void **state) {
    struct breaker b = {0};
    assert_int_equal(breaker_success_of(&options, 2 * SECOND), BREAKER_SUCCESS);
    assert_int_equal(breaker_success_of(&options, 2 * SECOND + 1), BREAKER_SLOW);
    for (int i = 0; i < 100; i++)
        assert_true(call(&b, BREAKER_CANCELLED, START));
    assert_int_equal(breaker_state(&b, &options, START).calls, 0);
    for (int i = 0; i < 10; i++)
        assert_true(call(&b, BREAKER_SLOW, START));
    assert_int_equal(breaker_state(&b, &options, START).phase, BREAKER_OPEN);
}

static void lets_probes_through_and_closes_when_all_succeed(void **state) {
    struct breaker b = {0};
    open_by_failures(&b, START);
    struct breaker_token first, second, third;
    int64_t retry;
    assert_false(breaker_allow(&b, &options, START + SECOND - 1, &first, &retry));
    assert_int_equal(retry, 1);
    assert_false(breaker_would_allow(&b, &options, START + SECOND - 1));
    int64_t now = START + SECOND;
    assert_true(breaker_would_allow(&b, &options, now));
    assert_true(breaker_allow(&b, &options, now, &first, &retry));
    assert_true(breaker_allow(&b, &options, now, &second, &retry));
    assert_true(first.probe && second.probe);
    assert_false(breaker_allow(&b, &options, now, &third, &retry));
    assert_int_equal(breaker_state(&b, &options, now).phase, BREAKER_HALF_OPEN);
    breaker_settle(&b, &options, &first, BREAKER_SUCCESS, 0, now);
    assert_false(breaker_would_allow(&b, &options, now)); /* one done, one out */
    breaker_settle(&b, &options, &second, BREAKER_CANCELLED, 0, now);
    assert_true(call(&b, BREAKER_SUCCESS, now)); /* in the place of the cancelled one */
    assert_int_equal(breaker_state(&b, &options, now).phase, BREAKER_CLOSED);
    assert_int_equal(breaker_state(&b, &options, now).calls, 0);
}

static void stays_open_longer_each_time_up_to_its_most(void **state) {
    struct breaker b = {0};
    open_by_failures(&b, START);
    int64_t now = START;
    const int seconds[] = {1, 2, 4, 8, 8, 8};
    for (size_t i = 0; i < ARRAY_COUNT(seconds); i++) {
        assert_int_equal(breaker_state(&b, &options, now).retry_after_ns, seconds[i] * SECOND);
        now += seconds[i] * SECOND;
        assert_true(call(&b, BREAKER_FAILURE, now));
    }
    assert_int_equal(breaker_state(&b, &options, now).opened, 7);
}

static void a_breaker_that_opens_right_after_closing_goes_on_growing(void **state) {
    struct breaker b = {0};
    open_by_failures(&b, START);
    int64_t now = START + SECOND;
    assert_true(call(&b, BREAKER_SUCCESS, now) && call(&b, BREAKER_SUCCESS, now));
    open_by_failures(&b, now + SECOND);
    assert_int_equal(breaker_state(&b, &options, now + SECOND).retry_after_ns, 2 * SECOND);
    now += 3 * SECOND;
    assert_true(call(&b, BREAKER_SUCCESS, now) && call(&b, BREAKER_SUCCESS, now));
    open_by_failures(&b, now + 60 * SECOND);
    assert_int_equal(breaker_state(&b, &options, now + 60 * SECOND).retry_after_ns, SECOND);
}

static void a_later_failure_extends_and_never_shortens(void **state) {
    struct breaker b = {0};
    struct breaker_token late[3];
    for (int i = 0; i < 3; i++)
        assert_true(breaker_allow(&b, &options, START, &late[i], NULL));
    open_by_failures(&b, START);
    breaker_settle(&b, &options, &late[0], BREAKER_FAILURE, 0, START + SECOND / 2);
    assert_int_equal(breaker_state(&b, &options, START).retry_after_ns, 3 * SECOND / 2);
    breaker_settle(&b, &options, &late[1], BREAKER_SUCCESS, 0, START + SECOND / 2);
    assert_int_equal(breaker_state(&b, &options, START).retry_after_ns, 3 * SECOND / 2);
    breaker_late_failure(&b, &options, START + SECOND / 4);
    assert_int_equal(breaker_state(&b, &options, START).retry_after_ns, 3 * SECOND / 2);
    breaker_settle(&b, &options, &late[2], BREAKER_FAILURE, 30 * SECOND, START + SECOND);
    assert_int_equal(breaker_state(&b, &options, START).retry_after_ns, 31 * SECOND);
}

static void retry_after_holds_it_open_within_bounds(void **state) {
    struct breaker b = {0};
    struct breaker_token late[3];
    for (size_t i = 0; i < ARRAY_COUNT(late); i++)
        assert_true(breaker_allow(&b, &options, START, &late[i], NULL));
    open_by_failures(&b, START);
    breaker_settle(&b, &options, &late[0], BREAKER_FAILURE, 5 * SECOND, START);
    assert_int_equal(breaker_state(&b, &options, START).retry_after_ns, 5 * SECOND);
    breaker_settle(&b, &options, &late[1], BREAKER_FAILURE, 2 * SECOND, START);
    assert_int_equal(breaker_state(&b, &options, START).retry_after_ns, 5 * SECOND);
    breaker_settle(&b, &options, &late[2], BREAKER_FAILURE, 86400 * SECOND, START);
    assert_int_equal(breaker_state(&b, &options, START).retry_after_ns, 60 * SECOND);
    assert_int_equal(breaker_state(&b, &options, START).opened, 1);
}

static void outcomes_from_before_tell_nothing_about_probes(void **state) {
    struct breaker b = {0};
    struct breaker_token old, probe;
    assert_true(breaker_allow(&b, &options, START, &old, NULL));
    open_by_failures(&b, START);
    assert_true(breaker_allow(&b, &options, START + SECOND, &probe, NULL));
    breaker_settle(&b, &options, &old, BREAKER_SUCCESS, 0, START + SECOND);
    assert_int_equal(breaker_state(&b, &options, START + SECOND).phase, BREAKER_HALF_OPEN);
    breaker_settle(&b, &options, &probe, BREAKER_SUCCESS, 0, START + SECOND);
    assert_true(call(&b, BREAKER_SUCCESS, START + SECOND));
    assert_int_equal(breaker_state(&b, &options, START + SECOND).phase, BREAKER_CLOSED);
}

/* Threads that fail and succeed by turns: never more probes out than allowed, and it ends where it should. */
static struct breaker shared;
static atomic_int probes_out, too_many, allowed;
static atomic_llong time_now = START;

static void *hammer(void *ctx) {
    for (int i = 0; i < 20000; i++) {
        struct breaker_token token;
        int64_t now = atomic_fetch_add(&time_now, NS_PER_MS);
        if (!breaker_allow(&shared, &options, now, &token, NULL))
            continue;
        atomic_fetch_add(&allowed, 1);
        if (token.probe && atomic_fetch_add(&probes_out, 1) >= (int)options.probes)
            atomic_fetch_add(&too_many, 1);
        if (token.probe)
            atomic_fetch_sub(&probes_out, 1);
        breaker_settle(&shared, &options, &token, i % 3 ? BREAKER_FAILURE : BREAKER_SUCCESS, 0, now);
    }
    return NULL;
}

static void holds_under_concurrency(void **state) {
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, hammer, NULL), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(atomic_load(&too_many), 0);
    assert_true(atomic_load(&allowed) > 0);
    int64_t now = atomic_load(&time_now) + 100 * SECOND;
    for (int i = 0; i < 4; i++)
        assert_true(call(&shared, BREAKER_SUCCESS, now)); /* no probe was lost */
    assert_int_equal(breaker_state(&shared, &options, now).phase, BREAKER_CLOSED);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(opens_at_its_share_and_not_before_its_minimum),
        cmocka_unit_test(old_calls_leave_the_window),
        cmocka_unit_test(slow_calls_count_as_failed_and_cancelled_ones_not_at_all),
        cmocka_unit_test(lets_probes_through_and_closes_when_all_succeed),
        cmocka_unit_test(stays_open_longer_each_time_up_to_its_most),
        cmocka_unit_test(a_breaker_that_opens_right_after_closing_goes_on_growing),
        cmocka_unit_test(a_later_failure_extends_and_never_shortens),
        cmocka_unit_test(retry_after_holds_it_open_within_bounds),
        cmocka_unit_test(outcomes_from_before_tell_nothing_about_probes),
        cmocka_unit_test(holds_under_concurrency),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
