#include "chat/tokens.h"

#include "../unit.h"

#include "base/hash.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>

/* What the real tokenizers say. */
static const struct {
    const char *text;
    int o200k, cl100k;
} truths[] = {
    {"A robe takes 2 bolts of blue fiber and half that much white fiber. How many bolts in total does it "
     "take? Half of 2 is 1, so the answer is 2 + 1 = 3 bolts. Janet sells the remainder at the market for 2 "
     "dollars each.",
     60, 60},
    {"{\"model\": \"gpt-4o\", \"messages\": [{\"role\": \"user\", \"content\": \"Hello\"}], \"temperature\": "
     "0.2, \"max_tokens\": 1024}",
     42, 42},
    {"static int read_all(const char *path, size_t *n) {\n    int fd = open(path, O_RDONLY);\n    if (fd < "
     "0)\n        return -1;\n    return fd;\n}\n",
     43, 43},
    {"Der Vertrag kann von beiden Seiten mit einer Frist von drei Monaten zum Ende eines Quartals "
     "schriftlich gekündigt werden.",
     25, 28},
    {"人工智能模型是系统的一个组成部分，而不是系统本身。请求会经过验证、缓存和推理，然后返回结果。", 28, 41},
    {"モデルはシステムの一部であり、システムそのものではありません。リクエストは検証されます。", 29, 41},
    {"Модель является частью системы, а не самой системой. Запрос проверяется и записывается.", 20, 32},
};

static void estimates_are_near_the_truth(void **state) {
    double sum = 0;
    for (size_t i = 0; i < ARRAY_COUNT(truths); i++) {
        struct str text = str_from(truths[i].text);
        double o = (double)token_estimate(TOKENS_O200K, text) / truths[i].o200k;
        double c = (double)token_estimate(TOKENS_CL100K, text) / truths[i].cl100k;
        if (fabs(o - 1) > 0.3 || fabs(c - 1) > 0.3)
            fail_msg("\"%s\": %.2f and %.2f of the truth", truths[i].text, o, c);
        sum += fabs(o - 1) + fabs(c - 1);
    }
    assert_true(sum / (2 * ARRAY_COUNT(truths)) < 0.12);
}

static void the_ends_of_texts_are_counted(void **state) {
    assert_int_equal(token_estimate(TOKENS_O200K, STR("")), 0);
    assert_int_equal(token_estimate(TOKENS_O200K, STR("a")), 1);
    assert_int_equal(token_estimate(TOKENS_O200K, STR(" ")), 1);
    assert_int_equal(token_estimate(TOKENS_O200K, STR("123456")), 2);
    assert_int_equal(token_estimate(TOKENS_O200K, STR("1234567")), 3);
    assert_true(token_estimate(TOKENS_O200K, STR("\xff\xfe\xf0\x9f")) >= 4);
    assert_true(token_estimate(TOKENS_ANTHROPIC, str_from(truths[0].text)) >
                token_estimate(TOKENS_O200K, str_from(truths[0].text)));
}

static void long_texts_are_sampled(void **state) {
    size_t piece = strlen(truths[0].text), n = piece * 20000;
    char *text = malloc(n);
    assert_non_null(text);
    for (size_t i = 0; i < n; i += piece)
        memcpy(text + i, truths[0].text, piece);
    double got = (double)token_estimate(TOKENS_O200K, (struct str){text, n});
    double one = (double)token_estimate(TOKENS_O200K, str_from(truths[0].text));
    assert_true(fabs(got / (one * 20000) - 1) < 0.02);
    free(text);
}

static void models_have_their_families(void **state) {
    assert_int_equal(token_family_of(STR("gpt-4o-mini")), TOKENS_O200K);
    assert_int_equal(token_family_of(STR("gpt-5.4")), TOKENS_O200K);
    assert_int_equal(token_family_of(STR("gpt-4-turbo")), TOKENS_CL100K);
    assert_int_equal(token_family_of(STR("openai/o3-mini")), TOKENS_O200K);
    assert_int_equal(token_family_of(STR("anthropic/claude-sonnet-4-5")), TOKENS_ANTHROPIC);
    assert_int_equal(token_family_of(STR("llama-3")), TOKENS_GENERIC);
    assert_int_equal(token_family_of(STR("")), TOKENS_GENERIC);
}

static void the_correction_finds_the_factor_and_tells_its_error(void **state) {
    struct token_calibration c = {0};
    assert_int_equal(token_corrected(&c, 1000), 1000);
    for (uint64_t i = 0; i < 300; i++) {
        int64_t estimate = 200 + (int64_t)(hash64_u64(i) % 1000);
        double noise = ((double)(hash64_u64(i + 1000) % 1000) / 1000 - 0.5) * 0.1; /* 5 % to each side */
        token_calibrate(&c, estimate, (int64_t)((double)estimate * 1.4 * (1 + noise)));
    }
    struct token_calibration_state s = token_calibration_state(&c);
    assert_int_equal(s.pairs, 300);
    assert_true(fabs(s.factor - 1.4) < 0.03);
    assert_true(fabs(s.error_before - 0.285) < 0.03); /* 1 - 1/1.4 */
    assert_true(s.error_after > 0.01 && s.error_after < 0.05);
    assert_true(fabs((double)token_corrected(&c, 1000) - 1400) < 30);
}

static void wild_pairs_move_it_little_and_within_bounds(void **state) {
    struct token_calibration c = {0};
    for (int i = 0; i < 100; i++)
        token_calibrate(&c, 1000, 1000);
    token_calibrate(&c, 1000, 1000000);
    assert_true(token_calibration_state(&c).factor < 1.01);
    token_calibrate(&c, 15, 60); /* too short to tell */
    token_calibrate(&c, 1000, 0);
    assert_int_equal(token_calibration_state(&c).pairs, 101);
    for (int i = 0; i < 5000; i++)
        token_calibrate(&c, 1000, INT64_MAX);
    assert_true(token_calibration_state(&c).factor <= 4.0001);
    for (int i = 0; i < 5000; i++)
        token_calibrate(&c, INT64_MAX, 1);
    assert_true(token_calibration_state(&c).factor >= 0.2499);
    assert_int_equal(token_corrected(&c, 1), 1);
    assert_int_equal(token_corrected(&c, 0), 0);
}

static struct token_calibration shared;

static void *calibrate(void *ctx) {
    for (int i = 0; i < 20000; i++)
        token_calibrate(&shared, 1000, 800);
    return NULL;
}

static void no_pair_is_lost_under_concurrency(void **state) {
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, calibrate, NULL), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(token_calibration_state(&shared).pairs, 80000);
    assert_int_equal(token_corrected(&shared, 1000), 800);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(estimates_are_near_the_truth),
        cmocka_unit_test(the_ends_of_texts_are_counted),
        cmocka_unit_test(long_texts_are_sampled),
        cmocka_unit_test(models_have_their_families),
        cmocka_unit_test(the_correction_finds_the_factor_and_tells_its_error),
        cmocka_unit_test(wild_pairs_move_it_little_and_within_bounds),
        cmocka_unit_test(no_pair_is_lost_under_concurrency),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
