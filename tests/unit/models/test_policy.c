#include "../unit.h"

#include "base/buf.h"
#include "models/policy.h"

#include <math.h>

#define assert_near(actual, expected, margin) assert_true(fabs((double)(actual) - (expected)) <= (margin))

static struct model_answer two_labels(float first, float second) {
    return (struct model_answer){
        .label = 1, .confidence = first, .top = {{1, first}, {0, second}}, .top_count = 2, .novelty = 0.5f};
}

static bool read_text(struct policy *p, const char *text, size_t labels, struct error *err) {
    yyjson_doc *doc = json_parse(str_from(text), err);
    assert_non_null(doc);
    bool ok = policy_read(p, yyjson_doc_get_root(doc), labels, err);
    yyjson_doc_free(doc);
    return ok;
}

static void test_without_a_score_nothing_changes(void **state) {
    struct policy p;
    struct error err = {0};
    struct policy_facts facts = {.text_bytes = 60};
    struct model_answer a = two_labels(0.7f, 0.2f), was = a;
    assert_true(policy_read(&p, NULL, 2, &err));
    assert_near(p.accept, 0.85, 1e-12);
    assert_near(p.review, 0.60, 1e-12);
    policy_apply(&p, &facts, &a);
    assert_memory_equal(&a, &was, sizeof a);
    assert_true(read_text(&p, "{\"accept\":0.5,\"review\":2}", 2, &err));
    assert_near(p.accept, 0.5, 1e-12);
    assert_near(p.review, 0.60, 1e-12); /* 2 is no probability */
}

static void test_a_score_takes_the_confidence_s_place(void **state) {
    struct policy p = {.fitted = true, .weights = {-1, 1}};
    struct policy_facts facts = {0};
    struct model_answer a = two_labels(0.8f, 0.1f);
    double expected = 1 / (1 + exp(1 - log(0.8 / 0.2)));
    policy_apply(&p, &facts, &a);
    assert_near(a.confidence, expected, 1e-5);
    assert_near(a.top[0].confidence, expected, 1e-5);
    assert_near(a.top[1].confidence, 0.1 * expected / 0.8, 1e-5);
    /* Surer: what is left of 1 is shared among the others. */
    p.weights[0] = 1;
    a = two_labels(0.8f, 0.1f);
    policy_apply(&p, &facts, &a);
    expected = 1 / (1 + exp(-1 - log(0.8 / 0.2)));
    assert_near(a.confidence, expected, 1e-5);
    assert_near(a.top[1].confidence, 0.1 * (1 - expected) / 0.2, 1e-5);
    /* What makes no sense stays, for the caller to refuse. */
    a.confidence = NAN;
    policy_apply(&p, &facts, &a);
    assert_true(isnan(a.confidence));
}

static void test_what_is_written_reads_back(void **state) {
    float reliability[] = {0.25f, -0.5f, 0.125f};
    struct policy p = {
        .accept = 0.91, .review = 0.52, .fitted = true, .reliability = reliability, .label_count = 3};
    struct policy q;
    struct error err = {0};
    for (int i = 0; i < POLICY_TERMS; i++)
        p.weights[i] = (float)i / 8 - 0.5f;
    AUTO_BUF out = BUF_INIT(10000);
    struct json_writer w = JSON_WRITER(&out);
    json_object(&w);
    policy_write(&p, &w);
    json_object_end(&w);
    assert_true(read_text(&q, buf_terminated(&out) ? out.p : "", 3, &err));
    assert_true(q.fitted);
    assert_memory_equal(q.weights, p.weights, sizeof p.weights);
    assert_memory_equal(q.reliability, reliability, sizeof reliability);
    struct model_answer a = two_labels(0.6f, 0.3f);
    struct policy_facts facts = {.text_bytes = 100, .ocr_confidence = 0.5f};
    assert_near(policy_score(&q, &a, &facts), (double)policy_score(&p, &a, &facts), 1e-7);
    float terms[POLICY_TERMS];
    policy_terms(&q, &a, &facts, terms);
    assert_near(terms[7], -0.5, 1e-6);
    assert_near(terms[8], -0.5, 1e-6); /* of label 1 */
    policy_free(&q);
}

static void refuse(const char *text, const char *expected) {
    struct policy p;
    struct error err = {0};
    assert_false(read_text(&p, text, 2, &err));
    assert_int_equal(err.code, ERR_ARTEFACT);
    assert_non_null(strstr(err.message, expected));
    assert_null(p.reliability);
    assert_false(p.fitted);
}

#define TERMS                                                                                                \
    "\"terms\":[\"constant\",\"confidence\",\"margin\",\"entropy\",\"novelty\",\"top3\",\"length\",\"ocr\"," \
    "\"reliability\"]"

static void test_a_score_of_other_terms_is_refused(void **state) {
    refuse("{\"score\":{\"terms\":[\"constant\"],\"weights\":[1]}}", "other terms");
    refuse("{\"score\":{" TERMS "}}", "other terms");
    refuse("{\"score\":{" TERMS ",\"weights\":[0,1,0,0,0,0,0,0,\"x\"]}}", "other terms");
    refuse("{\"score\":{" TERMS ",\"weights\":[0,1,0,0,0,0,0,0,1e300]}}", "other terms");
    refuse("{\"score\":{" TERMS ",\"weights\":[0,1,0,0,0,0,0,0,0],\"reliability\":[1]}}", "2 finite numbers");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_without_a_score_nothing_changes),
        cmocka_unit_test(test_a_score_takes_the_confidence_s_place),
        cmocka_unit_test(test_what_is_written_reads_back),
        cmocka_unit_test(test_a_score_of_other_terms_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
