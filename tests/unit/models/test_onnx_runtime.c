#include "models/onnx_runtime.h"

#include "../unit.h"

#include "base/clock.h"
#include "models/onnx_file.h"
#include "onnx_models.h"

#include <math.h>

static struct error err;

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

static struct buf written(void (*write)(struct buf *out)) {
    struct buf model = BUF_INIT(1 << 20);
    write(&model);
    assert_false(model.failed);
    return model;
}

static struct onnx_session *opened(struct buf *model) {
    struct onnx_session *s = NULL;
    if (!onnx_session_open(&s, buf_str(model), &err))
        fail_msg("%s", err.message);
    buf_free(model);
    return s;
}

/* Everything that may lead to a tensor is looked at; nothing of it is opened. */
static void numbers_in_another_file_are_refused(void **state) {
    struct buf model = written(onnx_write_external);
    assert_false(onnx_file_check(buf_str(&model), &err));
    assert_int_equal(err.code, ERR_ARTEFACT);
    assert_non_null(strstr(err.message, "another file"));
    buf_free(&model);
}

static void deep_nesting_is_refused(void **state) {
    struct buf model = BUF_INIT(1 << 20);
    onnx_write_deep(&model, 9);
    assert_true(onnx_file_check(buf_str(&model), &err));
    buf_clear(&model);
    onnx_write_deep(&model, 11);
    assert_false(onnx_file_check(buf_str(&model), &err));
    assert_non_null(strstr(err.message, "deep"));
    buf_free(&model);
}

static void what_is_no_model_is_refused(void **state) {
    static const char *const files[] = {"", "hello", "\x08\x08", "{\"a\": 1}", "\x3a\x7f"};
    for (size_t i = 0; i < ARRAY_COUNT(files); i++) {
        err.code = ERR_NONE;
        assert_false(onnx_file_check(str_from(files[i]), &err));
        assert_int_equal(err.code, ERR_ARTEFACT);
    }
}

static void a_model_tells_what_it_takes_and_gives(void **state) {
    need_runtime();
    struct buf model = written(onnx_write_classifier);
    struct onnx_session *s = opened(&model);
    size_t count;
    const struct onnx_port *in = onnx_session_inputs(s, &count);
    assert_int_equal(count, 1);
    assert_string_equal(in->name, "rows");
    assert_int_equal(in->type, ONNX_FLOAT);
    assert_int_equal(in->rank, 2);
    assert_int_equal(in->shape[0], -1);
    assert_int_equal(in->shape[1], 3);
    assert_string_equal(onnx_session_outputs(s, &count)->name, "probabilities");
    assert_int_equal(count, 1);
    onnx_session_free(s);
}

static void numbers_go_in_and_probabilities_come_out(void **state) {
    need_runtime();
    struct buf model = written(onnx_write_classifier);
    struct onnx_session *s = opened(&model);
    static const float rows[] = {1, 0, 0, 0, 0, 1};
    const struct onnx_value in = {"rows", ONNX_FLOAT, 2, {2, 3}, rows};
    struct onnx_result result;
    float out[4];
    assert_true(onnx_run(s, &in, 1, "probabilities", NS_PER_SECOND * 60, out, 4, &result, &err));
    assert_int_equal(result.count, 4);
    assert_int_equal(result.shape[1], 2);
    assert_near(out[0], 1 / (1 + exp(-2)));
    assert_near(out[3], 1 / (1 + exp(-1)));
    assert_false(onnx_run(s, &in, 1, "probabilities", NS_PER_SECOND * 60, out, 3, &result, &err));
    assert_int_equal(err.code, ERR_MODEL);
    assert_false(onnx_run(s, &in, 1, "nothing", NS_PER_SECOND * 60, out, 4, &result, &err));
    const struct onnx_value narrow = {"rows", ONNX_FLOAT, 2, {3, 2}, rows};
    assert_false(onnx_run(s, &narrow, 1, "probabilities", NS_PER_SECOND * 60, out, 4, &result, &err));
    assert_int_equal(err.code, ERR_MODEL);
    onnx_session_free(s);
}

static void texts_go_in(void **state) {
    need_runtime();
    struct buf model = written(onnx_write_text_classifier);
    struct onnx_session *s = opened(&model);
    static const char *const texts[] = {"refund", "weather"};
    const struct onnx_value in = {"text", ONNX_TEXT, 2, {2, 1}, texts};
    struct onnx_result result;
    float out[4];
    assert_true(onnx_run(s, &in, 1, "scores", NS_PER_SECOND * 60, out, 4, &result, &err));
    assert_near(out[0], 2);
    assert_near(out[2], -2);
    onnx_session_free(s);
}

static void a_run_without_end_is_stopped(void **state) {
    need_runtime();
    struct buf model = BUF_INIT(1 << 20);
    onnx_write_slow(&model, INT64_MAX);
    struct onnx_session *s = opened(&model);
    static const float rows[] = {0, 0, 0};
    const struct onnx_value in = {"rows", ONNX_FLOAT, 2, {1, 3}, rows};
    struct onnx_result result;
    float out[3];
    assert_false(onnx_run(s, &in, 1, "sums", 20 * NS_PER_MS, out, 3, &result, &err));
    assert_int_equal(err.code, ERR_DEADLINE);
    onnx_session_free(s);
}

/* Each byte in turn: refused, or run; nothing else. */
static void damage_is_refused_or_harmless(void **state) {
    need_runtime();
    struct buf model = written(onnx_write_classifier);
    static const float rows[] = {1, 0, 0};
    const struct onnx_value in = {"rows", ONNX_FLOAT, 2, {1, 3}, rows};
    size_t refused = 0;
    for (size_t i = 0; i < model.n; i++) {
        struct onnx_session *s;
        struct onnx_result result;
        float out[64];
        model.p[i] ^= 0x15;
        if (onnx_session_open(&s, buf_str(&model), &err)) {
            if (!onnx_run(s, &in, 1, "probabilities", NS_PER_SECOND, out, 64, &result, &err))
                assert_true(err.message[0]);
            onnx_session_free(s);
        } else {
            assert_true(err.code == ERR_ARTEFACT || err.code == ERR_MODEL);
            refused++;
        }
        model.p[i] ^= 0x15;
    }
    assert_true(refused > model.n / 4 && refused < model.n);
    for (size_t n = 0; n < model.n; n += 7) {
        struct onnx_session *s;
        assert_false(onnx_session_open(&s, (struct str){model.p, n}, &err));
    }
    buf_free(&model);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_in_another_file_are_refused),
        cmocka_unit_test(deep_nesting_is_refused),
        cmocka_unit_test(what_is_no_model_is_refused),
        cmocka_unit_test(a_model_tells_what_it_takes_and_gives),
        cmocka_unit_test(numbers_go_in_and_probabilities_come_out),
        cmocka_unit_test(texts_go_in),
        cmocka_unit_test(a_run_without_end_is_stopped),
        cmocka_unit_test(damage_is_refused_or_harmless),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
