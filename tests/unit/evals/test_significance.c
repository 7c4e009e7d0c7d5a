#include "unit.h"

#include "evals/significance.h"
#include "learn/random.h"

#include <math.h>

static struct error err;

static void assert_near(double found, double expected, double within) {
    if (!(fabs(found - expected) <= within))
        fail_msg("got %.9g, expected %.9g", found, expected);
}

/* By R's binom.test(x, n, 0.5), of which McNemar's exact test is two-sided. */
static void mcnemar_is_as_known(void **state) {
    assert_near(mcnemar_exact(10, 2), 0.03857422, 1e-8);
    assert_near(mcnemar_exact(2, 10), 0.03857422, 1e-8);
    assert_near(mcnemar_exact(5, 0), 0.0625, 1e-12);
    assert_near(mcnemar_exact(0, 6), 0.03125, 1e-12);
    assert_near(mcnemar_exact(121, 59), 4.434444e-06, 1e-11);
    assert_near(mcnemar_exact(7, 7), 1, 0);
    assert_near(mcnemar_exact(0, 0), 1, 0);
}

static float ones[3000], zeros[3000], mixed[3000];

static void right_or_wrong_is_mcnemar(void **state) {
    struct comparison c;
    for (size_t i = 0; i < 200; i++) {
        ones[i] = i < 2 ? 0 : 1;             /* wrong at 0, 1 */
        zeros[i] = i >= 2 && i < 12 ? 0 : 1; /* wrong at 2 to 11 */
    }
    assert_true(compare_paired(&c, zeros, ones, 200, &err));
    assert_int_equal(c.test, SIGNIFICANCE_MCNEMAR);
    assert_int_equal(c.better, 2);
    assert_int_equal(c.worse, 10);
    assert_int_equal(c.pairs, 200);
    assert_near(c.difference, -0.04, 1e-6);
    assert_near(c.p, 0.03857422, 1e-8);
    /* Bonett and Price: (3 - 11) / 202 ± 1.95996 sqrt((14/202 - (8/202)²) / 202) */
    assert_near(c.low, -0.0754953, 1e-6);
    assert_near(c.high, -0.0037126, 1e-6);
}

static void nothing_differs(void **state) {
    struct comparison c;
    assert_true(compare_paired(&c, ones, ones, 200, &err));
    assert_near(c.p, 1, 0);
    assert_true(c.low < 0 && c.low > -0.03 && c.high > 0);
    assert_true(compare_paired(&c, ones, ones, 0, &err));
    assert_near(c.p, 1, 0);
    assert_near(c.low, -1, 0.4);
}

static void scores_are_resampled(void **state) {
    struct random random = random_from(7);
    struct comparison c, again;
    double sum = 0, squares = 0;
    enum { N = 400 };
    for (size_t i = 0; i < N; i++) {
        ones[i] = 0.5F;
        mixed[i] = 0.5F - 0.02F + 0.1F * random_normal(&random);
        double d = (double)mixed[i] - 0.5;
        sum += d;
        squares += d * d;
    }
    double mean = sum / N, deviation = sqrt((squares / N - mean * mean) / N);
    assert_true(compare_paired(&c, mixed, ones, N, &err));
    assert_int_equal(c.test, SIGNIFICANCE_BOOTSTRAP);
    assert_near(c.difference, mean, 1e-9);
    /* The mean of so many is normal. */
    assert_near(c.low, mean - 1.96 * deviation, 0.1 * deviation);
    assert_near(c.high, mean + 1.96 * deviation, 0.1 * deviation);
    assert_true(c.p < 0.05);
    assert_true(compare_paired(&again, mixed, ones, N, &err));
    assert_memory_equal(&c, &again, sizeof c);
}

/* Two versions that are alike must not often seem to differ. */
static void chance_alone_is_rarely_significant(void **state) {
    struct random random = random_from(11);
    unsigned exact = 0, resampled = 0;
    enum { TRIALS = 200, N = 200 };
    for (unsigned trial = 0; trial < TRIALS; trial++) {
        struct comparison c;
        for (size_t i = 0; i < N; i++) {
            ones[i] = random_below(&random, 10) > 0;
            zeros[i] = random_below(&random, 10) > 0;
        }
        assert_true(compare_paired(&c, ones, zeros, N, &err));
        exact += c.p < 0.05;
        if (trial >= 60)
            continue;
        for (size_t i = 0; i < N; i++) {
            ones[i] = 0.5F + 0.05F * random_normal(&random);
            zeros[i] = 0.5F + 0.05F * random_normal(&random);
        }
        assert_true(compare_paired(&c, ones, zeros, N, &err));
        resampled += c.p < 0.05;
    }
    assert_in_range(exact, 0, 18); /* 5 % of 200 is 10 */
    assert_in_range(resampled, 0, 9);
}

/* By R's p.adjust(c(0.01, 0.04, 0.03, 0.005), "holm"). */
static void holm_is_as_known(void **state) {
    double p[] = {0.01, 0.04, 0.03, 0.005};
    const double expected[] = {0.03, 0.06, 0.06, 0.02};
    assert_true(holm_adjust(p, 4, &err));
    for (size_t i = 0; i < 4; i++)
        assert_near(p[i], expected[i], 1e-12);
    assert_true(holm_adjust(p, 0, &err));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mcnemar_is_as_known),
        cmocka_unit_test(right_or_wrong_is_mcnemar),
        cmocka_unit_test(nothing_differs),
        cmocka_unit_test(scores_are_resampled),
        cmocka_unit_test(chance_alone_is_rarely_significant),
        cmocka_unit_test(holm_is_as_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
