#include "models/text_encoder.h"

#include "../unit.h"

#include "models/onnx_runtime.h"
#include "onnx_models.h"

static const char vocabulary[] =
    "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\nb\nc\nstop\nend\nhalt\ncard\nplastic\nchip\nbill\n";
static struct error err;

static void need_runtime(void) {
    if (onnx_runtime_ready(&err))
        return;
    print_message("skipped: %s\n", err.message);
    skip();
}

static const struct text_encoder_declaration plain = {0};

static bool pack(void (*write)(struct buf *out), const struct text_encoder_declaration *d,
                 struct buf *artefact) {
    AUTO_BUF model = BUF_INIT(1 << 20);
    *artefact = BUF_INIT(1 << 20);
    write(&model);
    assert_false(model.failed);
    return text_encoder_pack(buf_str(&model), str_from(vocabulary), d, artefact, &err);
}

static struct text_encoder *opened(const struct text_encoder_declaration *d) {
    struct text_encoder *e = NULL;
    struct buf artefact;
    if (!pack(onnx_write_encoder, d, &artefact) || !text_encoder_open(&e, buf_str(&artefact), &err))
        fail_msg("%s", err.message);
    buf_free(&artefact);
    return e;
}

static void texts_become_vectors(void **state) {
    need_runtime();
    struct text_encoder *e = opened(&plain);
    float one[ENCODER_DIMENSIONS], other[ENCODER_DIMENSIONS];
    assert_int_equal(text_encoder_dimensions(e), ENCODER_DIMENSIONS);
    assert_true(text_encoder_run(e, STR("Stop card"), one, &err));
    assert_true(text_encoder_run(e, STR("halt  chip"), other, &err));
    assert_memory_equal(one, other, sizeof one);
    assert_float_equal(one[0], 0.25, 1e-6); /* of [CLS], stop, card and [SEP] */
    assert_float_equal(one[1], 0.25, 1e-6);
    assert_true(text_encoder_run(e, STR("stop bill"), other, &err));
    assert_float_equal(other[1], 0, 0);
    assert_float_equal(other[2], 0.25, 1e-6);
    text_encoder_unref(text_encoder_ref(e));
    text_encoder_unref(e);
}

static void what_has_no_direction_is_no_vector(void **state) {
    need_runtime();
    const struct text_encoder_declaration of_first = {.first_token = true, .tokens = 3};
    struct text_encoder *e = opened(&plain), *first = opened(&of_first);
    float vector[ENCODER_DIMENSIONS];
    assert_false(text_encoder_run(e, STR("nothing known"), vector, &err));
    assert_int_equal(err.code, ERR_MODEL);
    assert_non_null(strstr(err.message, "zeros"));
    assert_false(text_encoder_run(first, STR("stop card"), vector, &err)); /* [CLS]'s own */
    text_encoder_unref(e);
    text_encoder_unref(first);
}

static void assert_refused(void (*write)(struct buf *out), const struct text_encoder_declaration *d,
                           const char *why) {
    struct buf artefact;
    assert_false(pack(write, d, &artefact));
    if (!strstr(err.message, why))
        fail_msg("\"%s\" says nothing of %s", err.message, why);
    buf_free(&artefact);
}

static void what_does_not_fit_is_refused(void **state) {
    need_runtime();
    const struct text_encoder_declaration other_output = {.output = "pooled"}, many = {.tokens = 9999};
    AUTO_BUF model = BUF_INIT(1 << 20);
    AUTO_BUF artefact = BUF_INIT(1 << 20);
    assert_refused(onnx_write_classifier, &plain, "\"rows\"");
    assert_refused(onnx_write_encoder, &other_output, "\"pooled\"");
    assert_refused(onnx_write_encoder, &many, "9999");
    onnx_write_encoder(&model);
    assert_false(text_encoder_pack(buf_str(&model), STR("no\nsuch\nfile\n"), &plain, &artefact, &err));
    assert_non_null(strstr(err.message, "[UNK]"));
}

static void a_damaged_artefact_is_refused(void **state) {
    need_runtime();
    struct text_encoder *e;
    struct buf artefact;
    assert_true(pack(onnx_write_encoder, &plain, &artefact));
    for (size_t n = 0; n < artefact.n; n += n < 400 ? 7 : 499)
        assert_false(text_encoder_open(&e, (struct str){artefact.p, n}, &err));
    for (size_t at = 0; at < 400 && at < artefact.n; at++) {
        artefact.p[at] ^= 0x41;
        if (text_encoder_open(&e, buf_str(&artefact), &err))
            text_encoder_unref(e);
        artefact.p[at] ^= 0x41;
    }
    buf_free(&artefact);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_become_vectors),
        cmocka_unit_test(what_has_no_direction_is_no_vector),
        cmocka_unit_test(what_does_not_fit_is_refused),
        cmocka_unit_test(a_damaged_artefact_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
