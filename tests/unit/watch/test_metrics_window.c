#include "unit.h"

#include "base/clock.h"
#include "watch/metrics/metrics_window.h"

#include <stdio.h>

#define SECOND NS_PER_SECOND
#define START  (1000 * SECOND)

enum { LOOPS = 2 };

static struct metrics *metrics;
static struct metrics_window *window;
static unsigned endpoint;

static int setup(void **state) {
    metrics = metrics_new(LOOPS);
    window = metrics ? metrics_window_new(metrics, START) : NULL;
    if (!window)
        return -1;
    endpoint = metrics_endpoint(metrics, "tickets");
    return 0;
}

static int teardown(void **state) {
    metrics_window_free(window);
    metrics_free(metrics);
    return 0;
}

static void ask(unsigned loop, int status, enum decision decision, const char *model, uint32_t us) {
    struct event *e = event_new(64);
    e->status = status;
    e->decision = decision;
    e->model = str_from(model);
    e->total_us = us;
    e->confidence = 0.75F;
    event_add_stage(e, "infer", us / 2);
    if (loop)
        event_add_stage(e, "decide", 1);
    metrics_request(metrics_shard(metrics, loop), endpoint, e);
    event_free(e);
}

static void sums_are_of_all_loops(void **state) {
    struct metrics_sums s;
    ask(0, 200, DECISION_ACCEPTED, "m@1", 300);
    ask(1, 200, DECISION_REVIEW, "m@2", 500);
    ask(1, 503, DECISION_REJECTED, "", 500);
    metrics_refused(metrics_shard(metrics, 0), endpoint, ERR_WRONG_KEY);
    metrics_sum(metrics, endpoint, &s);
    assert_int_equal(s.requests, 4);
    assert_int_equal(s.server_errors, 1);
    assert_int_equal(s.client_errors, 1);
    assert_int_equal(s.total.count, 3);
    assert_int_equal(s.total.sum_us, 1300);
    assert_int_equal(s.decisions[DECISION_ACCEPTED], 1);
    assert_int_equal(s.decisions[DECISION_REVIEW], 1);
    assert_int_equal(s.decisions[DECISION_REJECTED], 1);
    assert_int_equal(s.model_count, 3);
    assert_int_equal(s.confidence_count, 3);
    assert_float_equal(s.confidence_sum, 2.25, 1e-6);
    assert_int_equal(metrics_sums_stage(&s, "infer")->times.count, 3);
    assert_int_equal(metrics_sums_stage(&s, "decide")->times.count, 2);
    assert_null(metrics_sums_stage(&s, "scan"));
}

static void quantiles_lie_within_their_bucket(void **state) {
    struct metrics_sums s;
    metrics_sum(metrics, endpoint, &s);
    assert_true(metrics_quantile(&s.total, 0.5) < 0 && metrics_mean(&s.total) < 0);
    for (int i = 0; i < 90; i++)
        ask(0, 200, DECISION_ACCEPTED, "m@1", 300);
    for (int i = 0; i < 10; i++)
        ask(0, 200, DECISION_ACCEPTED, "m@1", 40000);
    ask(0, 200, DECISION_ACCEPTED, "m@1", 4000000000);
    metrics_sum(metrics, endpoint, &s);
    assert_in_range((uint64_t)metrics_quantile(&s.total, 0.5), 250, 500);
    assert_in_range((uint64_t)metrics_quantile(&s.total, 0.95), 25000, 50000);
    assert_int_equal((uint64_t)metrics_quantile(&s.total, 1), 10000000); /* the longest bound */
}

/* A request a second for an hour: what is seen is five to six minutes of it. */
static void the_window_moves_on(void **state) {
    struct metrics_sums s;
    assert_int_equal(metrics_window_read(window, endpoint, &s), START);
    for (int64_t second = 1; second <= 3600; second++) {
        int64_t now = START + second * SECOND;
        ask(second % LOOPS, 200, DECISION_ACCEPTED, "m@1", 300);
        metrics_window_tick(window, now);
        int64_t since = metrics_window_read(window, endpoint, &s);
        assert_int_equal(s.requests, (now - since) / SECOND);
        assert_int_equal(s.decisions[DECISION_ACCEPTED], s.requests);
        assert_int_equal(metrics_sums_stage(&s, "infer")->times.count, s.requests);
        assert_true(second < 360 ? since == START
                                 : now - since >= 300 * SECOND && now - since <= 360 * SECOND);
    }
    for (int64_t second = 3601; second <= 4000; second++)
        metrics_window_tick(window, START + second * SECOND);
    metrics_window_read(window, endpoint, &s);
    assert_int_equal(s.requests, 0);
    assert_true(metrics_quantile(&s.total, 0.5) < 0);
}

static void an_endpoint_that_came_later_has_its_own_beginning(void **state) {
    struct metrics_sums s;
    for (int minute = 1; minute <= 60; minute++)
        metrics_window_tick(window, START + minute * 60 * SECOND);
    unsigned later = metrics_endpoint(metrics, "later");
    metrics_window_tick(window, START + 61 * 60 * SECOND);
    assert_int_equal(metrics_window_read(window, later, &s), START + 60 * 60 * SECOND);
    assert_int_equal(s.requests, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(sums_are_of_all_loops, setup, teardown),
        cmocka_unit_test_setup_teardown(quantiles_lie_within_their_bucket, setup, teardown),
        cmocka_unit_test_setup_teardown(the_window_moves_on, setup, teardown),
        cmocka_unit_test_setup_teardown(an_endpoint_that_came_later_has_its_own_beginning, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
