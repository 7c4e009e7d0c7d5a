#include "chat/prices.h"

#include "../unit.h"

#include <stdio.h>

static struct price_table *parse(const char *json) {
    struct error err = {0};
    struct price_table *t = price_table_parse(str_from(json), "prices.json", &err);
    if (!t)
        fail_msg("%s", err.message);
    return t;
}

static struct chat_usage usage(int64_t input, int64_t output) {
    struct chat_usage u = CHAT_USAGE_UNKNOWN;
    u.input = input;
    u.output = output;
    return u;
}

static const char list[] =
    "{\"sample_spec\": {\"input_cost_per_token\": 0, \"output_cost_per_token\": 0},"
    " \"plain\": {\"input_cost_per_token\": 1.5e-07, \"output_cost_per_token\": 6e-07, \"max_input_tokens\": "
    "128000},"
    " \"tiny\": {\"input_cost_per_token\": 2.8e-09, \"output_cost_per_token\": 1e-10},"
    " \"claude\": {\"input_cost_per_token\": 3e-06, \"output_cost_per_token\": 1.5e-05,"
    "   \"cache_read_input_token_cost\": 3e-07, \"cache_creation_input_token_cost\": 3.75e-06,"
    "   \"cache_creation_input_token_cost_above_1hr\": 6e-06,"
    "   \"input_cost_per_token_above_200k_tokens\": 6e-06, \"output_cost_per_token_above_200k_tokens\": "
    "2.25e-05,"
    "   \"cache_read_input_token_cost_above_200k_tokens\": 6e-07},"
    " \"thinker\": {\"input_cost_per_token\": 1e-06, \"output_cost_per_token\": 2e-06,"
    "   \"output_cost_per_reasoning_token\": 5e-06, \"input_cost_per_audio_token\": 4e-06},"
    " \"embedder\": {\"input_cost_per_token\": 2e-08},"
    " \"gift\": {\"input_cost_per_token\": 0, \"output_cost_per_token\": 0, \"input_cost_per_character\": 0},"
    " \"painter\": {\"input_cost_per_token\": 0, \"output_cost_per_token\": 0, \"output_cost_per_image\": "
    "0.04},"
    " \"listener\": {\"input_cost_per_second\": 0.0003}, \"odd\": 7}";

static void what_has_no_price_per_token_is_unknown_and_not_free(void **state) {
    struct price_table *t = parse(list);
    struct chat_usage u = usage(1000, 10);
    assert_int_equal(price_table_count(t), 6);
    assert_int_equal(price_table_skipped(t), 4);
    assert_null(price_find(t, STR("sample_spec")));
    assert_null(price_find(t, STR("painter")));
    assert_null(price_find(t, STR("listener")));
    assert_null(price_find(t, STR("plai")));
    assert_null(price_find(t, STR("")));
    assert_null(price_find(NULL, STR("plain")));
    assert_int_equal(price_cost(NULL, &u), COST_UNKNOWN);
    assert_int_equal(price_cost(price_find(t, STR("gift")), &u), 0); /* known to be free */
    /* An embedding model has no price for output, and needs none. */
    assert_int_equal(price_cost(price_find(t, STR("embedder")), &u), COST_UNKNOWN);
    u.output = 0;
    assert_int_equal(price_cost(price_find(t, STR("embedder")), &u), 20000);
    u.output = TOKENS_UNKNOWN;
    assert_int_equal(price_cost(price_find(t, STR("plain")), &u), COST_UNKNOWN);
    price_table_unref(t);
}

static void names_are_found_behind_their_providers(void **state) {
    struct price_table *t = parse(list);
    const struct price *plain = price_find(t, STR("plain"));
    assert_non_null(plain);
    assert_int_equal(plain->window, 128000);
    assert_ptr_equal(price_find(t, STR("azure/plain")), plain);
    assert_ptr_equal(price_find(t, STR("openrouter/x/plain")), plain);
    assert_null(price_find(t, STR("plain/other")));
    price_table_unref(t);
}

static void sums_are_exact_and_rounded_once(void **state) {
    struct price_table *t = parse(list);
    struct chat_usage u = usage(1, 0);
    const struct price *tiny = price_find(t, STR("tiny"));
    assert_int_equal(tiny->rates.input, 2800000000); /* 2.8 nano-dollars */
    assert_int_equal(price_cost(tiny, &u), 3);
    u = usage(1000003, 4);
    assert_int_equal(price_cost(tiny, &u), 2800009); /* 2800008.4 + 0.4 */
    u = usage(0, 5);
    assert_int_equal(price_cost(tiny, &u), 1); /* 0.5: half up */
    u = usage(0, 4);
    assert_int_equal(price_cost(tiny, &u), 0);
    u = usage(123, 45);
    assert_int_equal(price_cost(price_find(t, STR("plain")), &u), 123 * 150 + 45 * 600);
    u = usage(INT64_MAX, INT64_MAX);
    assert_int_equal(price_cost(price_find(t, STR("plain")), &u),
                     INT64_C(750000000000000)); /* 10^12 tokens each */
    u = usage(INT64_MAX, INT64_MAX);
    struct price dear = {.rates = {.input = INT64_C(1000000000000000000), .output = 0}};
    assert_int_equal(price_cost(&dear, &u), INT64_MAX); /* 10^12 dollars */
    price_table_unref(t);
}

static void caches_hours_and_tiers_have_their_own_rates(void **state) {
    struct price_table *t = parse(list);
    const struct price *claude = price_find(t, STR("claude"));
    struct chat_usage u = usage(10000, 100);
    u.cached_input = 6000;
    u.cache_write = 3000;
    u.cache_write_hour = 1000;
    assert_int_equal(price_cost(claude, &u),
                     1000 * 3000 + 6000 * 300 + 2000 * 3750 + 1000 * 6000 + 100 * 15000);
    u = usage(200000, 1);
    assert_int_equal(price_cost(claude, &u), INT64_C(200000) * 3000 + 15000);
    u = usage(200001, 1);
    u.cached_input = 100000;
    assert_int_equal(price_cost(claude, &u), INT64_C(100001) * 6000 + 100000 * 600 + 22500);
    u.cached_input = 0;
    u.cache_write = 1; /* no price of its own in the tier: as below it */
    assert_int_equal(price_cost(claude, &u), INT64_C(200000) * 6000 + 3750 + 22500);
    u = usage(100, 0);
    u.cached_input = 50;
    assert_int_equal(price_cost(price_find(t, STR("plain")), &u), 100 * 150);
    price_table_unref(t);
}

static void reasoning_and_audio_are_parts_of_their_wholes(void **state) {
    struct price_table *t = parse(list);
    const struct price *thinker = price_find(t, STR("thinker"));
    struct chat_usage u = usage(10, 100);
    u.reasoning = 40;
    assert_int_equal(price_cost(thinker, &u), 10 * 1000 + 60 * 2000 + 40 * 5000);
    assert_int_equal(price_cost(price_find(t, STR("plain")), &u), 10 * 150 + 100 * 600);
    u.reasoning = 4000; /* a part larger than its whole */
    assert_int_equal(price_cost(thinker, &u), 10 * 1000 + 100 * 5000);
    u = usage(10, 0);
    u.input_audio = 4;
    assert_int_equal(price_cost(thinker, &u), 6 * 1000 + 4 * 4000);
    assert_int_equal(price_cost(price_find(t, STR("plain")), &u), COST_UNKNOWN);
    u.cached_input = 999;
    u.cache_write = 999;
    assert_true(price_cost(thinker, &u) <= 10 * 4000);
    price_table_unref(t);
}

static void the_worst_case_is_never_below_the_cost(void **state) {
    struct price_table *t = parse(list);
    const char *const models[] = {"plain", "tiny", "claude", "thinker"};
    for (size_t m = 0; m < ARRAY_COUNT(models); m++) {
        const struct price *p = price_find(t, str_from(models[m]));
        for (int64_t input = 0; input < 400000; input = input * 3 + 7)
            for (int64_t output = 0; output < 9000; output = output * 4 + 1) {
                struct chat_usage u = usage(input, output);
                for (int k = 0; k < 4; k++) {
                    u.cached_input = k & 1 ? input / 2 : 0;
                    u.cache_write = k & 2 ? input / 3 : 0;
                    u.cache_write_hour = u.cache_write / 2;
                    u.reasoning = output / 2;
                    assert_true(price_cost(p, &u) <= price_worst(p, input, output));
                }
            }
    }
    assert_int_equal(price_worst(NULL, 1, 1), COST_UNKNOWN);
    assert_int_equal(price_worst(price_find(t, STR("embedder")), 10, 1), COST_UNKNOWN);
    assert_int_equal(price_worst(price_find(t, STR("embedder")), 10, 0), 200);
    price_table_unref(t);
}

static void wrong_lists_are_refused_with_the_place(void **state) {
    const char *const wrong[][2] = {
        {"[]", "expected a JSON object"},
        {"{\"a\": {\"input_cost_per_token\": \"1\"}}", "\"a\": input_cost_per_token"},
        {"{\"a\": {\"input_cost_per_token\": -1}}", "from 0 to 1"},
        {"{\"a\": {\"input_cost_per_token\": 1e-6, \"output_cost_per_token\": 3}}", "output_cost_per_token"},
        {"{\"a\": {\"input_cost_per_token\": 1e-6, \"input_cost_per_token_above_200k_tokens\": true}}",
         "above_200k"},
        {"{\"a\": {}, \"a\": {}}", "twice"},
        {"{", "prices.json"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(wrong); i++) {
        struct error err = {0};
        assert_null(price_table_parse(str_from(wrong[i][0]), "prices.json", &err));
        if (!strstr(err.message, wrong[i][1]))
            fail_msg("%s: \"%s\" does not say \"%s\"", wrong[i][0], err.message, wrong[i][1]);
    }
    struct error err = {0};
    assert_null(price_table_load("/nonexistent/prices.json", &err));
    assert_int_equal(err.code, ERR_CONFIG);
    assert_null(price_table_load("/dev/zero", &err));
}

static void the_community_s_list_is_read(void **state) {
    char path[4096];
    struct error err = {0};
    if (!shared_data()) {
        print_message("PENSTOCK_SHARED_DATA is not set\n");
        skip();
    }
    snprintf(path, sizeof path, "%s/model_prices/dev.json", shared_data());
    struct price_table *t = price_table_load(path, &err);
    if (!t)
        fail_msg("%s", err.message);
    assert_true(price_table_count(t) >= 120);
    assert_null(price_find(t, STR("gpt-realtime-whisper")));
    struct chat_usage u = usage(1000000, 1000000);
    assert_int_equal(price_cost(price_find(t, STR("claude-3-haiku-20240307")), &u),
                     INT64_C(1500000000)); /* $0.25 and $1.25 a million */
    assert_int_equal(price_find(t, STR("claude-4-sonnet-20250514"))->tiers[0].above, 200000);
    price_table_unref(t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_has_no_price_per_token_is_unknown_and_not_free),
        cmocka_unit_test(names_are_found_behind_their_providers),
        cmocka_unit_test(sums_are_exact_and_rounded_once),
        cmocka_unit_test(caches_hours_and_tiers_have_their_own_rates),
        cmocka_unit_test(reasoning_and_audio_are_parts_of_their_wholes),
        cmocka_unit_test(the_worst_case_is_never_below_the_cost),
        cmocka_unit_test(wrong_lists_are_refused_with_the_place),
        cmocka_unit_test(the_community_s_list_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
