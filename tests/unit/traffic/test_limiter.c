#include "traffic/limiter.h"

#include "../unit.h"

#include "base/clock.h"

#include <pthread.h>

static void a_burst_passes_then_the_rate_holds(void **state) {
    struct limiter l = {0};
    int64_t now = 5 * NS_PER_SECOND;
    for (unsigned i = 0; i < 20; i++) {
        struct limiter_verdict v = limiter_take(&l, 10, 20, now);
        assert_true(v.allowed);
        assert_int_equal(v.remaining, 19 - i);
    }
    struct limiter_verdict refused = limiter_take(&l, 10, 20, now);
    assert_false(refused.allowed);
    assert_int_equal(refused.retry_after_ns, NS_PER_SECOND / 10);
    assert_false(limiter_take(&l, 10, 20, now + NS_PER_SECOND / 10 - 1).allowed);
    assert_true(limiter_take(&l, 10, 20, now + NS_PER_SECOND / 10).allowed);
}

static void being_refused_costs_nothing(void **state) {
    struct limiter l = {0};
    assert_true(limiter_take(&l, 1, 1, NS_PER_SECOND).allowed);
    for (int i = 0; i < 1000; i++)
        assert_false(limiter_take(&l, 1, 1, NS_PER_SECOND + i).allowed);
    assert_true(limiter_take(&l, 1, 1, 2 * NS_PER_SECOND).allowed);
}

static void many_pass_all_or_none(void **state) {
    struct limiter l = {0};
    int64_t now = NS_PER_SECOND;
    assert_true(limiter_take_many(&l, 10, 5, 4, now).allowed);
    struct limiter_verdict refused = limiter_take_many(&l, 10, 5, 3, now);
    assert_false(refused.allowed);
    assert_int_equal(refused.retry_after_ns, 2 * NS_PER_SECOND / 10);
    assert_true(limiter_take(&l, 10, 5, now).allowed);
    assert_false(limiter_take(&l, 10, 5, now).allowed);
    assert_false(limiter_take_many(&l, 10, 5, 6, now + 100 * NS_PER_SECOND).allowed);
    assert_true(limiter_take_many(&l, 10, 5, 5, now + 100 * NS_PER_SECOND).allowed);
}

static struct limiter shared;
static atomic_int allowed;

static void *take_many(void *ctx) {
    for (int i = 0; i < 50000; i++)
        if (limiter_take(&shared, 1, 1000, NS_PER_SECOND).allowed)
            atomic_fetch_add(&allowed, 1);
    return NULL;
}

static void is_exact_under_concurrency(void **state) {
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, take_many, NULL), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(atomic_load(&allowed), 1000);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_burst_passes_then_the_rate_holds),
        cmocka_unit_test(being_refused_costs_nothing),
        cmocka_unit_test(many_pass_all_or_none),
        cmocka_unit_test(is_exact_under_concurrency),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
