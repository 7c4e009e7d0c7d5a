#include "../unit.h"

#include "learn/logistic.h"
#include "learn/quality.h"
#include "learn/random.h"

#include <math.h>

#define assert_near(actual, expected, margin) assert_true(fabs((double)(actual) - (expected)) <= (margin))

static void test_counted_by_hand(void **state) {
    /* Truth 0 0 0 1 1, answers 0 0 1 1 0. */
    const struct graded rows[] = {{0, 0, 0.9f}, {0, 0, 0.8f}, {0, 1, 0.3f}, {1, 1, 0.7f}, {1, 0, 0.6f}};
    struct quality q;
    struct error err = {0};
    assert_true(quality_of(&q, rows, 5, 2, &err));
    assert_int_equal(q.errors, 2);
    assert_near(q.accuracy, 0.6, 1e-12);
    /* Class 0: precision 2/3, recall 2/3; class 1: 1/2, 1/2. */
    assert_near(q.labels[0].f1, 2.0 / 3, 1e-12);
    assert_near(q.labels[1].f1, 0.5, 1e-12);
    assert_near(q.macro_f1, (2.0 / 3 + 0.5) / 2, 1e-12);
    /* Every row in a bin of its own: |0.9-1| + |0.8-1| + |0.3-0| + |0.7-1| + |0.6-0|, over 5. */
    assert_near(q.ece, 1.5 / 5, 1e-6);
    /* 20 % of 5 rows is the one at 0.3, which is wrong: one error in four is left. */
    assert_near(q.risk[3].errors_caught, 0.5, 1e-12);
    assert_near(q.risk[3].error_rate, 0.25, 1e-12);
    quality_free(&q);
}

static void test_logistic_finds_the_odds(void **state) {
    /* yes in 3 of 4 rows with term 1, in 1 of 4 without: constant log(1/3), weight log(3) - log(1/3). */
    struct logistic_row rows[800] = {0};
    for (int i = 0; i < 800; i++)
        rows[i] =
            (struct logistic_row){.terms = {1, i % 2}, .weight = 1, .yes = i % 2 ? i % 8 != 7 : i % 8 == 0};
    float weights[2];
    logistic_fit(weights, rows, 800, 2, 3);
    assert_near(weights[0], log(1.0 / 3), 0.02);
    assert_near(weights[1], log(3) - log(1.0 / 3), 0.03);
}

static void test_logistic_keeps_signs(void **state) {
    struct random random = random_from(1);
    struct logistic_row rows[500];
    for (int i = 0; i < 500; i++) {
        float x = random_normal(&random);
        rows[i] = (struct logistic_row){.terms = {1, x}, .weight = 1, .yes = x + random_normal(&random) < 0};
    }
    float weights[2];
    logistic_fit(weights, rows, 500, 2, 3);
    assert_true(weights[1] < -0.5f);
    logistic_fit(weights, rows, 500, 2, 1);
    assert_true(weights[1] == 0);
}

static void test_logistic_survives_separation(void **state) {
    struct logistic_row rows[20];
    for (int i = 0; i < 20; i++)
        rows[i] = (struct logistic_row){.terms = {1, (float)i - 9.5f}, .weight = 1, .yes = i >= 10};
    float weights[2];
    logistic_fit(weights, rows, 20, 2, 3);
    assert_true(isfinite(weights[0]) && isfinite(weights[1]) && weights[1] > 0.5f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_counted_by_hand),
        cmocka_unit_test(test_logistic_finds_the_odds),
        cmocka_unit_test(test_logistic_keeps_signs),
        cmocka_unit_test(test_logistic_survives_separation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
