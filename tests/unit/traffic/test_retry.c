#include "traffic/hedge.h"
#include "traffic/retry.h"

#include "../unit.h"

#include "base/clock.h"
#include "base/hash.h"

#include <pthread.h>

#define SECOND NS_PER_SECOND
#define START  (1000 * SECOND)

static const struct retry_options options = {.attempts = 3,
                                             .base_ns = 100 * NS_PER_MS,
                                             .max_ns = SECOND,
                                             .budget = 0.2,
                                             .budget_burst = 10,
                                             .retry_after_max_ns = 5 * SECOND};

static struct retry_budget rich(void) {
    struct retry_budget b = {0};
    for (int i = 0; i < 1000; i++)
        retry_budget_earn(&b, &options);
    return b;
}

static struct retry_decision decide(struct retry_attempt a, uint64_t random) {
    struct retry_budget b = rich();
    if (!a.attempts)
        a.attempts = 1;
    if (!a.deadline)
        a.deadline = START + 60 * SECOND;
    return retry_decide(&options, &b, &a, START, random);
}

static void each_category_goes_where_it_should(void **state) {
    const struct {
        enum failure failure;
        enum retry_verdict alone, with_next;
    } rows[] = {
        {FAILURE_CONNECT, RETRY_SAME, RETRY_SAME},        {FAILURE_TIMEOUT, RETRY_SAME, RETRY_SAME},
        {FAILURE_RESET, RETRY_SAME, RETRY_SAME},          {FAILURE_SERVER, RETRY_SAME, RETRY_SAME},
        {FAILURE_OVERLOADED, RETRY_SAME, RETRY_SAME},     {FAILURE_RATE_LIMIT, RETRY_SAME, RETRY_SAME},
        {FAILURE_GARBAGE, RETRY_SAME, RETRY_SAME},        {FAILURE_QUOTA, RETRY_STOP, RETRY_NEXT},
        {FAILURE_AUTHENTICATION, RETRY_STOP, RETRY_NEXT}, {FAILURE_NOT_FOUND, RETRY_STOP, RETRY_NEXT},
        {FAILURE_CONTEXT, RETRY_STOP, RETRY_NEXT},        {FAILURE_INVALID, RETRY_STOP, RETRY_STOP},
        {FAILURE_UNSUPPORTED, RETRY_STOP, RETRY_NEXT},    {FAILURE_OUTPUT, RETRY_STOP, RETRY_NEXT},
        {FAILURE_CANCELLED, RETRY_STOP, RETRY_STOP},
    };
    assert_int_equal(ARRAY_COUNT(rows), FAILURE_COUNT - 1);
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct retry_attempt a = {.failure = rows[i].failure};
        assert_int_equal(decide(a, 1).verdict, rows[i].alone);
        a.has_next = true;
        assert_int_equal(decide(a, 1).verdict, rows[i].with_next);
        a.attempts = 3; /* all used up here */
        assert_int_equal(decide(a, 1).verdict,
                         failure_other_may_answer(rows[i].failure) ? RETRY_NEXT : RETRY_STOP);
        a.begun = true;
        assert_int_equal(decide(a, 1).verdict, RETRY_STOP);
    }
}

static void pauses_are_spread_over_the_whole_range(void **state) {
    for (unsigned attempts = 1; attempts <= 2; attempts++) {
        int64_t ceiling = options.base_ns << (attempts - 1), most = 0, least = ceiling;
        double sum = 0;
        for (uint64_t i = 0; i < 2000; i++) {
            struct retry_decision d = decide(
                (struct retry_attempt){.failure = FAILURE_SERVER, .attempts = attempts}, hash64_u64(i));
            assert_int_equal(d.verdict, RETRY_SAME);
            assert_true(d.wait_ns >= 0 && d.wait_ns < ceiling);
            most = d.wait_ns > most ? d.wait_ns : most;
            least = d.wait_ns < least ? d.wait_ns : least;
            sum += (double)d.wait_ns;
        }
        assert_true(least < ceiling / 20 && most > ceiling - ceiling / 20);
        assert_true(sum / 2000 > 0.45 * (double)ceiling && sum / 2000 < 0.55 * (double)ceiling);
    }
    const struct retry_options many = {.attempts = 100, .base_ns = NS_PER_MS, .max_ns = SECOND, .budget = 1};
    struct retry_budget b = {0};
    retry_budget_earn(&b, &many);
    struct retry_attempt a = {.failure = FAILURE_SERVER, .attempts = 90, .deadline = START + 60 * SECOND};
    assert_true(retry_decide(&many, &b, &a, START, UINT64_MAX).wait_ns < SECOND);
}

static void retry_after_is_honoured_and_bounded(void **state) {
    struct retry_attempt a = {.failure = FAILURE_RATE_LIMIT, .retry_after_ns = 3 * SECOND};
    assert_int_equal(decide(a, 0).wait_ns, 3 * SECOND);
    assert_true(decide(a, UINT64_MAX).wait_ns > 3 * SECOND);
    a.retry_after_ns = 5 * SECOND + 1;
    assert_int_equal(decide(a, 0).verdict, RETRY_STOP);
    a.has_next = true;
    assert_int_equal(decide(a, 0).verdict, RETRY_NEXT);
    a.retry_after_ns = SECOND; /* it would be waited for, were there nobody else */
    assert_int_equal(decide(a, 0).verdict, RETRY_NEXT);
    a.retry_after_ns = SECOND / 2;
    assert_int_equal(decide(a, 0).verdict, RETRY_SAME);
}

static void nothing_waits_past_the_deadline(void **state) {
    struct retry_attempt a = {
        .failure = FAILURE_RATE_LIMIT, .retry_after_ns = 3 * SECOND, .deadline = START + 3 * SECOND};
    assert_int_equal(decide(a, 0).verdict, RETRY_STOP);
    a.deadline = START + 4 * SECOND;
    assert_int_equal(decide(a, 0).verdict, RETRY_SAME);
    a.need_ns = SECOND;
    assert_int_equal(decide(a, 0).verdict, RETRY_STOP);
    a.deadline = START;
    a.has_next = true;
    assert_string_equal(decide(a, 0).reason, "deadline");
    assert_int_equal(decide(a, 0).verdict, RETRY_STOP);
}

static void the_budget_bounds_retries_to_its_share(void **state) {
    struct retry_budget b = {0};
    struct retry_attempt a = {.failure = FAILURE_SERVER, .attempts = 1, .deadline = START + 60 * SECOND};
    int retries = 0;
    for (int i = 0; i < 1000; i++) {
        retry_budget_earn(&b, &options);
        retries += retry_decide(&options, &b, &a, START, 1).verdict == RETRY_SAME;
    }
    assert_int_equal(retries, 200);
    assert_string_equal(retry_decide(&options, &b, &a, START, 1).reason, "budget");
    b = rich(); /* no more than the burst is saved up */
    for (retries = 0; retry_budget_take(&b, &options, START); retries++)
        continue;
    assert_int_equal(retries, 10);
}

static void a_quiet_upstream_may_be_retried(void **state) {
    struct retry_options o = options;
    struct retry_budget b = {0};
    o.budget_per_second = 2;
    assert_true(retry_budget_take(&b, &o, START) && retry_budget_take(&b, &o, START));
    assert_false(retry_budget_take(&b, &o, START));
    assert_true(retry_budget_take(&b, &o, START + SECOND / 2));
}

static struct retry_budget shared;
static atomic_int taken;

static void *spend(void *ctx) {
    for (int i = 0; i < 20000; i++) {
        retry_budget_earn(&shared, &options);
        for (int k = 0; k < 3; k++)
            atomic_fetch_add(&taken, retry_budget_take(&shared, &options, START));
    }
    return NULL;
}

static void the_budget_is_exact_under_concurrency(void **state) {
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, spend, NULL), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    while (retry_budget_take(&shared, &options, START))
        atomic_fetch_add(&taken, 1);
    assert_int_equal(atomic_load(&taken), 4 * 20000 / 5);
}

static void retry_after_is_read_in_all_its_forms(void **state) {
    const int64_t wall = INT64_C(784111777) * SECOND; /* Sun, 06 Nov 1994 08:49:37 GMT */
    assert_int_equal(failure_retry_after(STR("7"), STR(""), wall), 7 * SECOND);
    assert_int_equal(failure_retry_after(STR(" 0.5 "), STR(""), wall), SECOND / 2);
    assert_int_equal(failure_retry_after(STR("7"), STR("250"), wall), SECOND / 4);
    assert_int_equal(failure_retry_after(STR("Sun, 06 Nov 1994 08:49:47 GMT"), STR(""), wall), 10 * SECOND);
    assert_int_equal(failure_retry_after(STR("Sun, 06 Nov 1994 08:49:27 GMT"), STR(""), wall), 0);
    assert_int_equal(failure_retry_after(STR("1e99"), STR(""), wall), 86400 * SECOND);
    assert_int_equal(failure_retry_after(STR("-5"), STR(""), wall), 0);
    assert_int_equal(failure_retry_after(STR("soon"), STR("x"), wall), 0);
    assert_int_equal(failure_retry_after(STR(""), STR(""), wall), 0);
}

static void hedges_start_after_the_95th_percentile_or_not_at_all(void **state) {
    struct hedge_options o = {0};
    struct latency l = {0};
    for (int i = 1; i <= 100; i++) {
        latency_begin(&l);
        latency_end(&l, i * 10 * NS_PER_MS, START);
    }
    assert_int_equal(hedge_after(&o, &l, START, START + 60 * SECOND), -1);
    o.on = true;
    int64_t after = hedge_after(&o, &l, START, START + 60 * SECOND);
    assert_true(after > 800 * NS_PER_MS && after < 1200 * NS_PER_MS);
    assert_int_equal(hedge_after(&o, &l, START, START + SECOND), -1); /* no time left for another */
    o.least_ns = 2 * SECOND;
    assert_int_equal(hedge_after(&o, &l, START, START + 60 * SECOND), 2 * SECOND);
    o.least_observed = 101;
    assert_int_equal(hedge_after(&o, &l, START, START + 60 * SECOND), -1);
    struct retry_budget b = {0};
    assert_false(hedge_start(&b, &options, START));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_category_goes_where_it_should),
        cmocka_unit_test(pauses_are_spread_over_the_whole_range),
        cmocka_unit_test(retry_after_is_honoured_and_bounded),
        cmocka_unit_test(nothing_waits_past_the_deadline),
        cmocka_unit_test(the_budget_bounds_retries_to_its_share),
        cmocka_unit_test(a_quiet_upstream_may_be_retried),
        cmocka_unit_test(the_budget_is_exact_under_concurrency),
        cmocka_unit_test(retry_after_is_read_in_all_its_forms),
        cmocka_unit_test(hedges_start_after_the_95th_percentile_or_not_at_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
