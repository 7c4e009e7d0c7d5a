#include "traffic/route.h"

#include "../unit.h"

#include "base/clock.h"
#include "base/hash.h"

#include <math.h>

#define START (1000 * NS_PER_SECOND)

enum { CALLERS = 20000 };

static unsigned first(enum route_by by, const struct route_target *targets, unsigned count, uint64_t seed) {
    unsigned order[ROUTE_MAX];
    assert_true(route_order(by, targets, count, hash64_u64(seed), START, order) > 0);
    return order[0];
}

static void weights_decide_first_and_second_places(void **state) {
    const struct route_target t[] = {{.id = 11, .weight = 6, .available = true},
                                     {.id = 22, .weight = 3, .available = true},
                                     {.id = 33, .weight = 1, .available = true}};
    double firsts[3] = {0}, seconds_after_first[3] = {0};
    for (uint64_t i = 0; i < CALLERS; i++) {
        unsigned order[ROUTE_MAX];
        assert_int_equal(route_order(ROUTE_BY_WEIGHT, t, 3, hash64_u64(i), START, order), 3);
        assert_int_equal(order[0] + order[1] + order[2], 3);
        firsts[order[0]]++;
        if (order[0] == 0)
            seconds_after_first[order[1]]++;
    }
    assert_true(fabs(firsts[0] / CALLERS - 0.6) < 0.02);
    assert_true(fabs(firsts[1] / CALLERS - 0.3) < 0.02);
    assert_true(fabs(seconds_after_first[1] / firsts[0] - 0.75) < 0.02); /* 3 against 1 */
}

static void a_target_that_goes_moves_only_its_own_callers(void **state) {
    struct route_target t[] = {{.id = 11, .weight = 1, .available = true},
                               {.id = 22, .weight = 1, .available = true},
                               {.id = 33, .weight = 1, .available = true}};
    for (uint64_t i = 0; i < CALLERS; i++) {
        unsigned before = first(ROUTE_BY_WEIGHT, t, 3, i);
        t[1].available = false;
        unsigned after = first(ROUTE_BY_WEIGHT, t, 3, i);
        t[1].available = true;
        assert_int_equal(before, first(ROUTE_BY_WEIGHT, t, 3, i));
        if (before != 1)
            assert_int_equal(after, before);
        assert_int_not_equal(after, 1);
    }
}

static void without_weight_only_when_the_others_cannot(void **state) {
    struct route_target t[] = {{.id = 1, .weight = 0, .available = true},
                               {.id = 2, .weight = 0.001, .available = true}};
    for (uint64_t i = 0; i < 1000; i++)
        assert_int_equal(first(ROUTE_BY_WEIGHT, t, 2, i), 1);
    t[1].available = false;
    assert_int_equal(first(ROUTE_BY_WEIGHT, t, 2, 1), 0);
    t[0].available = false;
    unsigned order[ROUTE_MAX];
    assert_int_equal(route_order(ROUTE_BY_WEIGHT, t, 2, 1, START, order), 0);
}

static void the_cheapest_first_and_the_unknown_last(void **state) {
    const struct route_target t[] = {{.id = 1, .weight = 1, .cost = -1, .available = true},
                                     {.id = 2, .weight = 1, .cost = 500, .available = true},
                                     {.id = 3, .weight = 1, .cost = 0, .available = true},
                                     {.id = 4, .weight = 1, .cost = 500, .available = true}};
    unsigned order[ROUTE_MAX], second[4] = {0};
    for (uint64_t i = 0; i < 1000; i++) {
        assert_int_equal(route_order(ROUTE_BY_COST, t, 4, hash64_u64(i), START, order), 4);
        assert_int_equal(order[0], 2);
        assert_int_equal(order[3], 0);
        second[order[1]]++;
    }
    assert_true(second[1] > 400 && second[3] > 400);
}

static void observe(struct latency *l, int64_t ms, int64_t now) {
    latency_begin(l);
    latency_end(l, ms * NS_PER_MS, now);
}

static void the_quicker_of_two_and_new_ones_are_tried(void **state) {
    static struct latency quick, slow, unknown;
    for (int i = 0; i < 10; i++) {
        observe(&quick, 10, START);
        observe(&slow, 100, START);
    }
    struct route_target t[] = {{.id = 1, .weight = 1, .latency = &quick, .available = true},
                               {.id = 2, .weight = 1, .latency = &slow, .available = true}};
    for (uint64_t i = 0; i < 1000; i++)
        assert_int_equal(first(ROUTE_BY_LATENCY, t, 2, i), 0);
    for (int i = 0; i < 20; i++) /* 21 places of 10 ms are later than one of 100 */
        latency_begin(&quick);
    for (uint64_t i = 0; i < 1000; i++)
        assert_int_equal(first(ROUTE_BY_LATENCY, t, 2, i), 1);
    t[0].latency = &unknown;
    latency_begin(&slow);
    for (uint64_t i = 0; i < 1000; i++)
        assert_int_equal(first(ROUTE_BY_LATENCY, t, 2, i), 0);
}

static void averages_rise_at_once_and_fall_slowly(void **state) {
    struct latency l = {0};
    assert_int_equal(latency_average(&l, START), 0);
    observe(&l, 100, START);
    assert_int_equal(latency_average(&l, START), 100 * NS_PER_MS);
    observe(&l, 900, START + NS_PER_SECOND);
    assert_int_equal(latency_average(&l, START + NS_PER_SECOND), 900 * NS_PER_MS);
    observe(&l, 100, START + 2 * NS_PER_SECOND);
    int64_t after = latency_average(&l, START + 2 * NS_PER_SECOND);
    assert_true(after > 700 * NS_PER_MS && after < 900 * NS_PER_MS);
    for (int i = 3; i < 100; i++)
        observe(&l, 100, START + i * NS_PER_SECOND);
    after = latency_average(&l, START + 99 * NS_PER_SECOND);
    assert_true(after >= 99 * NS_PER_MS && after < 102 * NS_PER_MS);
    latency_begin(&l);
    latency_end(&l, -1, START + 99 * NS_PER_SECOND);
    assert_int_equal(latency_average(&l, START + 99 * NS_PER_SECOND), after);
}

static void quantiles_are_near_and_forget(void **state) {
    struct latency l = {0};
    for (int i = 1; i <= 1000; i++)
        observe(&l, i, START);
    const double quantiles[] = {0.1, 0.5, 0.95, 0.99};
    for (size_t i = 0; i < ARRAY_COUNT(quantiles); i++) {
        double got = (double)latency_quantile(&l, quantiles[i], 1, START) / NS_PER_MS;
        assert_true(got > quantiles[i] * 1000 * 0.75 && got < quantiles[i] * 1000 * 1.25);
    }
    assert_int_equal(latency_quantile(&l, 0.5, 1001, START), 0);
    assert_true(latency_quantile(&l, 0.5, 1, START + 59 * NS_PER_SECOND) > 0);
    assert_int_equal(latency_quantile(&l, 0.5, 1, START + 180 * NS_PER_SECOND), 0);
    observe(&l, 5, START + 180 * NS_PER_SECOND);
    assert_true(latency_quantile(&l, 0.99, 1, START + 180 * NS_PER_SECOND) < 8 * NS_PER_MS);
    observe(&l, 0, START + 180 * NS_PER_SECOND); /* the ends of the scale */
    observe(&l, INT64_C(1) << 40, START + 180 * NS_PER_SECOND);
    assert_true(latency_quantile(&l, 0.999, 1, START + 180 * NS_PER_SECOND) > 0);
}

static void a_rule_may_choose(void **state) {
    unsigned order[] = {3, 1, 2};
    assert_true(route_prefer(order, 3, 2));
    assert_int_equal(order[0], 2);
    assert_int_equal(order[1], 3);
    assert_int_equal(order[2], 1);
    assert_false(route_prefer(order, 3, 0));
    assert_int_equal(order[0], 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(weights_decide_first_and_second_places),
        cmocka_unit_test(a_target_that_goes_moves_only_its_own_callers),
        cmocka_unit_test(without_weight_only_when_the_others_cannot),
        cmocka_unit_test(the_cheapest_first_and_the_unknown_last),
        cmocka_unit_test(the_quicker_of_two_and_new_ones_are_tried),
        cmocka_unit_test(averages_rise_at_once_and_fall_slowly),
        cmocka_unit_test(quantiles_are_near_and_forget),
        cmocka_unit_test(a_rule_may_choose),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
