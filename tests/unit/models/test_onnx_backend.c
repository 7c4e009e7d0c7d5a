#include "models/onnx_backend.h"

#include "../unit.h"

#include "models/onnx_runtime.h"
#include "onnx_models.h"

#include <math.h>

static struct error err;
static const char *const two[] = {"small", "large"};
static const struct onnx_declaration plain = {.labels = two, .label_count = 2, .temperature = 1};

static void assert_near(float actual, double expected) {
    if (fabs((double)actual - expected) > 1e-5)
        fail_msg("got %g, expected %g", (double)actual, expected);
}

static void need_runtime(void) {
    if (onnx_runtime_ready(&err))
        return;
    print_message("skipped: %s\n", err.message);
    skip();
}

static struct buf packed(void (*write)(struct buf *out), const struct onnx_declaration *d) {
    struct buf model = BUF_INIT(1 << 20), artefact = BUF_INIT(1 << 20);
    write(&model);
    if (!onnx_backend_pack(buf_str(&model), d, &artefact, &err))
        fail_msg("%s", err.message);
    buf_free(&model);
    return artefact;
}

/* The artefact's bytes are gone before the first prediction. */
static struct backend *opened(void (*write)(struct buf *out), const struct onnx_declaration *d) {
    struct backend *b = NULL;
    struct buf artefact = packed(write, d);
    if (!backend_open(&b, "onnx", buf_str(&artefact), &err))
        fail_msg("%s", err.message);
    memset(artefact.p, 0xee, artefact.n);
    buf_free(&artefact);
    return b;
}

static void refused(void (*write)(struct buf *out), const struct onnx_declaration *d, const char *words) {
    struct buf model = BUF_INIT(1 << 20), artefact = BUF_INIT(1 << 20);
    write(&model);
    err.code = ERR_NONE;
    assert_false(onnx_backend_pack(buf_str(&model), d, &artefact, &err));
    assert_true(err.code == ERR_DATA || err.code == ERR_ARTEFACT);
    if (!strstr(err.message, words))
        fail_msg("\"%s\" does not say \"%s\"", err.message, words);
    buf_free(&model);
    buf_free(&artefact);
}

enum { ROWS = 70 };

static void a_row_that_does_not_fit_fails_alone(void **state) {
    need_runtime();
    static struct feature_value values[ROWS][3];
    static struct model_input rows[ROWS];
    static struct model_answer answers[ROWS];
    static struct error errors[ROWS];
    struct backend *b = opened(onnx_write_classifier, &plain);
    assert_int_equal(backend_inputs(b), MODEL_TAKES_FEATURES);
    for (size_t i = 0; i < ROWS; i++) {
        for (size_t k = 0; k < 3; k++)
            values[i][k] = (struct feature_value){.kind = FEATURE_NUMBER};
        values[i][i % 2].number = 2;
        rows[i] = (struct model_input){.features = values[i], .feature_count = i == 40 ? 2 : 3};
    }
    assert_false(backend_predict(b, NULL, rows, ROWS, answers, errors));
    for (size_t i = 0; i < ROWS; i++) {
        assert_int_equal(errors[i].code, i == 40 ? ERR_INVALID_FEATURES : ERR_NONE);
        if (i == 40)
            continue;
        assert_int_equal(answers[i].label, i % 2);
        assert_near(answers[i].confidence, 1 / (1 + exp(-4)));
        assert_int_equal(answers[i].top_count, 2);
        assert_near(answers[i].top[1].confidence, 1 - 1 / (1 + exp(-4)));
    }
    backend_free(b);
}

static void features_have_their_declared_names(void **state) {
    need_runtime();
    static const char *const names[] = {"width", "height", "depth"};
    struct onnx_declaration d = plain;
    d.features = names;
    d.feature_count = 3;
    struct backend *b = opened(onnx_write_classifier, &d);
    struct feature_value values[MODEL_FEATURES_MAX];
    size_t count;
    yyjson_doc *good = json_parse(STR("{\"depth\": 3, \"width\": 1, \"height\": 2}"), &err);
    yyjson_doc *bad = json_parse(STR("{\"dept\": 3, \"width\": 1, \"height\": 2}"), &err);
    assert_true(
        backend_read_features(b, yyjson_doc_get_root(good), values, MODEL_FEATURES_MAX, &count, &err));
    assert_int_equal(count, 3);
    assert_true(values[0].number == 1 && values[1].number == 2 && values[2].number == 3);
    assert_false(
        backend_read_features(b, yyjson_doc_get_root(bad), values, MODEL_FEATURES_MAX, &count, &err));
    assert_non_null(strstr(err.message, "depth"));
    yyjson_doc_free(good);
    yyjson_doc_free(bad);
    backend_free(b);
}

static void texts_are_classified_by_tempered_logits(void **state) {
    need_runtime();
    struct onnx_declaration d = plain;
    d.logits = true;
    d.temperature = 2;
    struct backend *b = opened(onnx_write_text_classifier, &d);
    const struct model_input rows[] = {{.text = STR("refund")}, {.text = STR("")}, {.text = STR("ref\0und")}};
    struct model_answer answers[3];
    struct error errors[3];
    assert_int_equal(backend_inputs(b), MODEL_TAKES_TEXT);
    assert_true(backend_predict(b, NULL, rows, 3, answers, errors));
    assert_int_equal(answers[0].label, 0);
    assert_near(answers[0].confidence, 1 / (1 + exp(-2)));
    assert_int_equal(answers[1].label, 1);
    assert_int_equal(answers[2].label, 1);
    backend_free(b);
}

static void what_does_not_fit_its_declaration_is_refused(void **state) {
    need_runtime();
    static const char *const three[] = {"a", "b", "c"};
    struct onnx_declaration d = plain;
    d.labels = three;
    d.label_count = 3;
    refused(onnx_write_classifier, &d, "3 labels");
    d = plain;
    d.output = "nothing";
    refused(onnx_write_classifier, &d, "\"nothing\"");
    d = plain;
    d.features = three;
    d.feature_count = 2;
    refused(onnx_write_classifier, &d, "takes 3 numbers");
    refused(onnx_write_text_classifier, &d, "--feature");
    refused(onnx_write_text_classifier, &plain, "--logits");
    refused(onnx_write_external, &plain, "another file");
    d = plain;
    d.label_count = 1;
    refused(onnx_write_classifier, &d, "labels");
    d = plain;
    d.temperature = NAN;
    refused(onnx_write_classifier, &d, "temperature");
}

static void try_damaged(struct str bytes) {
    struct backend *b;
    static const struct feature_value zeros[3] = {
        {.kind = FEATURE_NUMBER}, {.kind = FEATURE_NUMBER}, {.kind = FEATURE_NUMBER}};
    const struct model_input row = {.features = zeros, .feature_count = 3};
    struct model_answer answer;
    struct error row_error;
    if (!onnx_backend_open(&b, bytes, &err)) {
        assert_true(err.code != ERR_NONE && err.message[0]);
        return;
    }
    if (backend_predict(b, NULL, &row, 1, &answer, &row_error))
        assert_true(answer.label < 2 && answer.confidence >= 0 && answer.confidence <= 1);
    backend_free(b);
}

static void damage_is_refused_or_harmless(void **state) {
    need_runtime();
    struct buf artefact = packed(onnx_write_classifier, &plain);
    for (size_t i = 0; i < artefact.n; i++) {
        artefact.p[i] ^= 0x11;
        try_damaged(buf_str(&artefact));
        artefact.p[i] ^= 0x11;
    }
    for (size_t n = 0; n < artefact.n; n += 13)
        try_damaged((struct str){artefact.p, n});
    buf_free(&artefact);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_row_that_does_not_fit_fails_alone),
        cmocka_unit_test(features_have_their_declared_names),
        cmocka_unit_test(texts_are_classified_by_tempered_logits),
        cmocka_unit_test(what_does_not_fit_its_declaration_is_refused),
        cmocka_unit_test(damage_is_refused_or_harmless),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
