#include "chat/prices.h"
#include "traffic/budget.h"

#include "../../unit/store/folder.h"
#include "../../unit/unit.h"
#include "failing_allocations.h"

#define WALL INT64_C(1790000000000000000)

static const char prices[] =
    "{\"a\": {\"input_cost_per_token\": 1e-6, \"input_cost_per_token_above_200k_tokens\": 2e-6},"
    " \"b\": {\"input_cost_per_token\": 1e-6}}";

static void reading_prices_fails_clearly(void **state) {
    long failures = 0;
    for (struct price_table *t = NULL; !t; failures++) {
        struct error err = {0};
        allocations_left = failures;
        t = price_table_parse(str_from(prices), "prices.json", &err);
        allocations_left = -1;
        if (!t)
            assert_int_equal(err.code, ERR_NO_MEMORY);
        price_table_unref(t);
    }
    assert_true(failures > 3);
}

static void limits_fail_clearly(void **state) {
    const struct budget_limit list[] = {{SPEND_KEY, NULL, BUDGET_TOKENS, SPEND_DAY, 10},
                                        {SPEND_KEY, "acme", BUDGET_MONEY, SPEND_DAY, 10}};
    long failures = 0;
    for (struct budget_limits *l = NULL; !l; failures++) {
        struct error err = {0};
        allocations_left = failures;
        l = budget_limits_new(list, 2, &err);
        allocations_left = -1;
        if (!l)
            assert_int_equal(err.code, ERR_NO_MEMORY);
        budget_limits_unref(l);
    }
    assert_true(failures > 4);
}

static void journal_and_budget_fail_clearly_and_lose_nothing(void **state) {
    static const struct spend_journal_options small = {.slots = 8, .accounts = 8};
    struct test_folder folder;
    struct store *store;
    struct error err = {0};
    long failures = 0;
    folder_make(&folder);
    assert_true(store_open(&store, folder.path, &err));
    for (bool good = false; !good; failures++) {
        struct spend_journal *journal = NULL;
        struct budget *budget = NULL;
        struct budget_hold hold = {0};
        struct budget_verdict verdict = {0};
        const struct budget_subjects who = {.key = STR("acme")};
        const struct budget_amount one = {1, 1, 1};
        allocations_left = failures;
        good = spend_journal_open(&journal, store, &small, NULL, &err) &&
               budget_new(&budget, journal, store, WALL, &err) &&
               budget_reserve(budget, NULL, &who, &one, WALL, &hold, &verdict);
        allocations_left = -1;
        if (good)
            assert_true(budget_settle(budget, &hold, &one) > 0);
        else
            assert_true(budget ? verdict.refusal == BUDGET_CROWDED : err.code == ERR_NO_MEMORY);
        budget_free(budget);
        spend_journal_close(journal);
    }
    assert_true(failures > 5);
    uint64_t recovered = 0;
    struct spend_journal *journal;
    assert_true(spend_journal_open(&journal, store, &small, &recovered, &err));
    assert_int_equal(recovered, 1);
    spend_journal_close(journal);
    store_close(store);
    folder_remove(&folder);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reading_prices_fails_clearly),
        cmocka_unit_test(limits_fail_clearly),
        cmocka_unit_test(journal_and_budget_fail_clearly_and_lose_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
