#include "unit.h"

#include "base/clock.h"
#include "watch/alerts/alert.h"
#include "watch/alerts/burn_rate.h"
#include "watch/alerts/incident.h"
#include "watch/alerts/outage.h"

#include <math.h>

#define SECOND NS_PER_SECOND
#define MINUTE (60 * SECOND)
#define HOUR   (60 * MINUTE)

static const struct alert_timing timing = {
    .hold_ns = 2 * MINUTE, .clear_ns = 5 * MINUTE, .blind_ns = HOUR, .hysteresis = 0.1};
static struct alert_progress p;

static int fresh(void **state) {
    p = (struct alert_progress){0};
    return 0;
}

static enum alert_move see(enum reading_state state, double value, int64_t elapsed) {
    struct reading r = {.endpoint = "e",
                        .monitor = "latency_p95",
                        .part = "",
                        .state = state,
                        .value = value,
                        .limit = 500,
                        .unit = "ms",
                        .detail = ""};
    return alert_step(&p, &timing, &r, elapsed);
}

static void fire(void) {
    assert_int_equal(see(READING_BREACHED, 700, 0), ALERT_BEGINS);
    assert_int_equal(see(READING_BREACHED, 700, MINUTE), ALERT_STAYS);
    assert_int_equal(see(READING_BREACHED, 700, MINUTE), ALERT_FIRES);
    assert_int_equal(p.state, ALERT_FIRING);
}

static void it_holds_before_it_fires_and_clears_before_it_ends(void **state) {
    assert_int_equal(see(READING_GOOD, 400, MINUTE), ALERT_STAYS);
    fire();
    assert_int_equal(see(READING_GOOD, 400, MINUTE), ALERT_STAYS);
    for (int i = 0; i < 4; i++)
        assert_int_equal(see(READING_GOOD, 400, MINUTE), ALERT_STAYS);
    assert_int_equal(see(READING_GOOD, 400, MINUTE), ALERT_RESOLVES);
    assert_int_equal(p.state, ALERT_RESOLVED);
    assert_int_equal(see(READING_BREACHED, 700, MINUTE), ALERT_BEGINS);
}

static void a_moment_fires_nothing(void **state) {
    assert_int_equal(see(READING_BREACHED, 700, 0), ALERT_BEGINS);
    assert_int_equal(see(READING_GOOD, 400, MINUTE), ALERT_DROPS);
    assert_int_equal(p.state, ALERT_INACTIVE);
    assert_int_equal(see(READING_BREACHED, 700, HOUR), ALERT_BEGINS);
}

/* What hovers at its limit stays one alert: good is better than the limit by a tenth. */
static void hovering_is_one_alert(void **state) {
    fire();
    for (int i = 0; i < 1000; i++)
        assert_int_equal(see(i % 2 ? READING_GOOD : READING_BREACHED, i % 2 ? 480 : 520, MINUTE),
                         ALERT_STAYS);
    for (int i = 0; i < 30; i++)
        assert_int_equal(see(READING_GOOD, 460, MINUTE), ALERT_STAYS);
    assert_int_equal(see(READING_GOOD, 450, MINUTE), ALERT_STAYS);
}

static void low_values_may_be_the_bad_ones(void **state) {
    struct reading r = {.state = READING_BREACHED, .value = 0.6, .limit = 0.8};
    struct alert_timing at_once = {.hysteresis = 0.1};
    assert_int_equal(alert_step(&p, &at_once, &r, 0), ALERT_FIRES);
    r = (struct reading){.state = READING_GOOD, .value = 0.82, .limit = 0.8};
    assert_int_equal(alert_step(&p, &at_once, &r, MINUTE), ALERT_STAYS);
    r.value = 0.9;
    assert_int_equal(alert_step(&p, &at_once, &r, MINUTE), ALERT_RESOLVES);
}

static void no_data_neither_fires_nor_resolves(void **state) {
    assert_int_equal(see(READING_NO_DATA, NAN, HOUR), ALERT_STAYS);
    assert_int_equal(see(READING_VOID, NAN, HOUR), ALERT_STAYS);
    assert_int_equal(p.state, ALERT_INACTIVE);
    assert_int_equal(see(READING_BREACHED, 700, 0), ALERT_BEGINS);
    for (int i = 0; i < 100; i++)
        assert_int_equal(see(READING_NO_DATA, NAN, HOUR), ALERT_STAYS); /* does not count as holding */
    assert_int_equal(p.state, ALERT_PENDING);
    assert_int_equal(see(READING_BREACHED, 700, MINUTE), ALERT_STAYS);
    assert_int_equal(see(READING_BREACHED, 700, MINUTE), ALERT_FIRES);
    assert_int_equal(see(READING_VOID, NAN, HOUR / 2), ALERT_STAYS);
    assert_int_equal(alert_step(&p, &timing, NULL, HOUR / 2), ALERT_BLINDED); /* told, once */
    assert_int_equal(p.sight, SIGHT_GONE);
    for (int i = 0; i < 24 * 365; i++)
        assert_int_equal(alert_step(&p, &timing, NULL, HOUR), ALERT_STAYS);
    assert_int_equal(p.state, ALERT_FIRING);
    assert_int_equal(see(READING_BREACHED, 700, HOUR), ALERT_SEES);
    assert_int_equal(see(READING_GOOD, 400, HOUR), ALERT_STAYS); /* the first good one is a beginning */
    assert_int_equal(see(READING_GOOD, 400, HOUR), ALERT_RESOLVES);
}

static void not_seeing_interrupts_clearing(void **state) {
    fire();
    see(READING_GOOD, 400, MINUTE);
    assert_int_equal(see(READING_GOOD, 400, 4 * MINUTE), ALERT_STAYS);
    assert_int_equal(see(READING_NO_DATA, NAN, MINUTE), ALERT_STAYS);
    assert_int_equal(see(READING_GOOD, 400, 4 * MINUTE), ALERT_STAYS);
    assert_int_equal(see(READING_GOOD, 400, 4 * MINUTE), ALERT_STAYS);
    assert_int_equal(see(READING_GOOD, 400, MINUTE), ALERT_RESOLVES);
}

/* ---- incidents ---- */

static const struct incident_timing telling = {
    .wait_ns = 30 * SECOND, .interval_ns = 5 * MINUTE, .repeat_ns = 4 * HOUR};

static void one_message_for_what_fires_together(void **state) {
    struct incident_progress i = {0};
    assert_int_equal(incident_step(&i, &telling, 1, INT64_MAX, 10 * SECOND), NOTICE_NONE);
    incident_change(&i);
    assert_int_equal(incident_step(&i, &telling, 2, INT64_MAX, 10 * SECOND), NOTICE_NONE);
    assert_int_equal(incident_step(&i, &telling, 3, INT64_MAX, 40 * SECOND), NOTICE_OPENED);
    assert_int_equal(incident_step(&i, &telling, 3, INT64_MAX, HOUR), NOTICE_NONE); /* nothing is new */
    incident_change(&i);
    assert_int_equal(incident_step(&i, &telling, 4, INT64_MAX, 10 * SECOND), NOTICE_NONE);
    assert_int_equal(incident_step(&i, &telling, 4, INT64_MAX, 20 * SECOND), NOTICE_CHANGED);
    incident_change(&i);
    assert_int_equal(incident_step(&i, &telling, 4, INT64_MAX, 2 * MINUTE), NOTICE_NONE);
    assert_int_equal(incident_step(&i, &telling, 4, INT64_MAX, 3 * MINUTE), NOTICE_CHANGED);
    assert_int_equal(incident_step(&i, &telling, 0, INT64_MAX, SECOND), NOTICE_RESOLVED);
    assert_int_equal(incident_step(&i, &telling, 0, INT64_MAX, 10 * HOUR), NOTICE_NONE);
}

static void what_was_short_is_told_still(void **state) {
    struct incident_progress i = {0};
    assert_int_equal(incident_step(&i, &telling, 1, INT64_MAX, SECOND), NOTICE_NONE);
    assert_int_equal(incident_step(&i, &telling, 0, INT64_MAX, SECOND), NOTICE_OPENED);
    assert_int_equal(incident_step(&i, &telling, 0, INT64_MAX, SECOND), NOTICE_RESOLVED);
}

static void nobody_acts_and_others_are_told(void **state) {
    struct incident_progress i = {0};
    const int64_t delays[] = {15 * MINUTE, HOUR, INT64_MAX};
    unsigned at = 0, repeats = 0;
    assert_int_equal(incident_step(&i, &telling, 1, delays[0], MINUTE), NOTICE_OPENED);
    for (int minute = 2; minute <= 9 * 60; minute++) {
        enum notice n = incident_step(&i, &telling, 1, delays[at], MINUTE);
        if (n == NOTICE_ESCALATED) {
            assert_int_equal(minute, at == 0 ? 15 : 60);
            assert_int_equal(i.escalated_ns, delays[at++]);
        }
        repeats += n == NOTICE_REPEATED;
    }
    assert_int_equal(at, 2);
    assert_int_equal(repeats, 2);
    i.state = INCIDENT_ACKNOWLEDGED;
    for (int hour = 0; hour < 24 * 14; hour++)
        assert_int_equal(incident_step(&i, &telling, 1, delays[0], HOUR), NOTICE_NONE);
    assert_int_equal(incident_step(&i, &telling, 0, delays[0], HOUR), NOTICE_RESOLVED);
}

/* ---- the error budget ---- */

static struct burn_rate rate;

static void serve(unsigned minutes, unsigned requests, unsigned bad) {
    for (unsigned i = 0; i < minutes; i++)
        burn_rate_add(&rate, MINUTE, requests, bad);
}

static unsigned minutes_until(bool breached, unsigned requests, unsigned bad, enum burn_speed speed) {
    unsigned n = 0;
    while (burn_rate_judge(&rate, 0.999, speed).breached != breached && n < 100000) {
        serve(1, requests, bad);
        n++;
    }
    return n;
}

static void an_outage_is_seen_within_a_minute_and_its_end_within_minutes(void **state) {
    rate = (struct burn_rate){0};
    serve(3 * 24 * 60, 1000, 0);
    assert_false(burn_rate_judge(&rate, 0.999, BURN_FAST).breached);
    assert_int_equal(minutes_until(true, 1000, 1000, BURN_FAST), 1);
    assert_in_range(minutes_until(false, 1000, 0, BURN_FAST), 4, 31);
}

/* The workbook's table: a burn of 14.4 for an hour, 6 for six hours, 1 for three days. */
static void the_pairs_are_those_of_the_workbook(void **state) {
    rate = (struct burn_rate){0};
    serve(3 * 24 * 60, 10000, 0);
    assert_in_range(minutes_until(true, 10000, 150, BURN_FAST), 55, 61); /* 15 × */
    rate = (struct burn_rate){0};
    serve(3 * 24 * 60, 10000, 0);
    assert_in_range(minutes_until(true, 10000, 65, BURN_FAST), 320, 361); /* 6.5 × */
    rate = (struct burn_rate){0};
    serve(3 * 24 * 60, 10000, 0);
    assert_in_range(minutes_until(true, 10000, 11, BURN_SLOW), 60 * 60, 3 * 24 * 60); /* 1.1 × */
    rate = (struct burn_rate){0};
    serve(30 * 24 * 60, 10000, 9); /* within the budget, for ever */
    assert_false(burn_rate_judge(&rate, 0.999, BURN_FAST).breached);
    assert_false(burn_rate_judge(&rate, 0.999, BURN_SLOW).breached);
}

static void few_requests_are_no_verdict(void **state) {
    rate = (struct burn_rate){0};
    serve(10, 1, 1);
    struct burn_verdict v = burn_rate_judge(&rate, 0.999, BURN_FAST);
    assert_false(v.enough || v.breached);
    serve(10, 1, 1);
    assert_true(burn_rate_judge(&rate, 0.999, BURN_FAST).breached);
    assert_false(burn_rate_judge(&rate, 0.999, BURN_SLOW).enough); /* twenty minutes are no month */
    serve(7 * 24 * 60, 0, 0);                                      /* a week without traffic */
    v = burn_rate_judge(&rate, 0.999, BURN_FAST);
    assert_false(v.enough || v.breached);
    assert_int_equal(v.all, 0);
}

static void time_that_does_not_pass_or_leaps_is_no_harm(void **state) {
    rate = (struct burn_rate){0};
    burn_rate_add(&rate, -HOUR, 100, 1);
    burn_rate_add(&rate, 0, 100, 1);
    assert_int_equal(burn_rate_judge(&rate, 0.5, BURN_FAST).all, 200);
    burn_rate_add(&rate, INT64_MAX / 4, UINT64_MAX, UINT64_MAX);
    assert_int_equal(burn_rate_judge(&rate, 0.5, BURN_FAST).all, UINT32_MAX);
}

/* Three looks begin it, three end it, and what goes on and off is told once an interval. */
static void an_outage_is_told_once(void **state) {
    const struct incident_timing t = {.interval_ns = 60 * NS_PER_SECOND, .repeat_ns = 3600 * NS_PER_SECOND};
    const int64_t s = NS_PER_SECOND;
    struct outage o = {0};
    for (int i = 0; i < 20; i++) /* never three in a row */
        assert_int_equal(outage_step(&o, &t, i % 3 != 0, s), NOTICE_NONE);
    for (int i = 0; i < 3; i++)
        assert_int_equal(outage_step(&o, &t, false, s), NOTICE_NONE);
    assert_int_equal(outage_step(&o, &t, true, s), NOTICE_NONE);
    assert_int_equal(outage_step(&o, &t, true, s), NOTICE_NONE);
    assert_int_equal(outage_step(&o, &t, true, s), NOTICE_OPENED);
    unsigned repeated = 0;
    for (int i = 0; i < 7200; i++)
        repeated += outage_step(&o, &t, true, s) == NOTICE_REPEATED;
    assert_int_equal(repeated, 2);
    assert_int_equal(outage_step(&o, &t, false, s), NOTICE_NONE);
    assert_int_equal(outage_step(&o, &t, false, s), NOTICE_NONE);
    assert_int_equal(outage_step(&o, &t, true, s), NOTICE_NONE); /* it was not over */
    assert_int_equal(outage_step(&o, &t, false, s), NOTICE_NONE);
    assert_int_equal(outage_step(&o, &t, false, s), NOTICE_NONE);
    assert_int_equal(outage_step(&o, &t, false, s), NOTICE_RESOLVED);
    assert_int_equal(outage_step(&o, &t, false, s), NOTICE_NONE);
    unsigned messages = 0;
    for (int i = 0; i < 600; i++) /* three bad ones and three good ones by turns, for ten minutes */
        messages += outage_step(&o, &t, i / 3 % 2 == 0, s) != NOTICE_NONE;
    assert_in_range(messages, 16, 20);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(it_holds_before_it_fires_and_clears_before_it_ends, fresh),
        cmocka_unit_test_setup(a_moment_fires_nothing, fresh),
        cmocka_unit_test_setup(hovering_is_one_alert, fresh),
        cmocka_unit_test_setup(low_values_may_be_the_bad_ones, fresh),
        cmocka_unit_test_setup(no_data_neither_fires_nor_resolves, fresh),
        cmocka_unit_test_setup(not_seeing_interrupts_clearing, fresh),
        cmocka_unit_test(one_message_for_what_fires_together),
        cmocka_unit_test(what_was_short_is_told_still),
        cmocka_unit_test(nobody_acts_and_others_are_told),
        cmocka_unit_test(an_outage_is_seen_within_a_minute_and_its_end_within_minutes),
        cmocka_unit_test(the_pairs_are_those_of_the_workbook),
        cmocka_unit_test(few_requests_are_no_verdict),
        cmocka_unit_test(time_that_does_not_pass_or_leaps_is_no_harm),
        cmocka_unit_test(an_outage_is_told_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
