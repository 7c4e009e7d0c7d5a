/* Rows with looks: the visual part, and the gate that lets it answer without text. */
#include "../unit.h"

#include "learn/random.h"
#include "learn/train.h"
#include "made_rows.h"

#include <math.h>

enum { ROWS = 160, VALUES = 24 };

static float vectors[ROWS][VALUES];

/* The labels of the made texts alternate; classes below `clear` look like themselves, others like noise. */
static struct made_rows *rows_with_looks(size_t clear) {
    struct made_rows *m = made_rows_new(ROWS / MADE_CLASSES, 0);
    struct random random = random_from(11);
    for (size_t i = 0; i < m->count; i++) {
        size_t class = i % MADE_CLASSES;
        for (size_t v = 0; v < VALUES; v++)
            vectors[i][v] = 0.5f + 0.05f * random_normal(&random);
        if (class < clear)
            vectors[i][class] += 0.4f;
        m->rows[i].visual = vectors[i];
        m->rows[i].visual_count = VALUES;
        m->rows[i].ocr_confidence = 0.9f;
    }
    return m;
}

static void train(struct made_rows *rows, struct trained *out, struct backend **b) {
    struct fit_options fit = fit_defaults(ROWS);
    fit.hidden.units = 16;
    fit.hidden.passes = 10;
    struct train_options o = {.name = "looks", .fit = &fit};
    struct error err = {0};
    bool ok = learn_train(&o, &rows->reader, out, &err);
    if (!ok)
        fail_msg("%s", err.message);
    assert_true(ok);
    assert_true(backend_open(b, "linear", buf_str(&out->artefact), &err));
}

static size_t answered_by_looks(const struct backend *b, const struct made_rows *rows, size_t *wrong) {
    struct scratch *s = scratch_new();
    size_t count, answered = 0;
    const char *const *labels = backend_labels(b, &count);
    *wrong = 0;
    for (size_t i = 0; i < rows->count; i++) {
        struct model_answer a;
        if (!backend_predict_visual(b, s, vectors[i], VALUES, &a))
            continue;
        assert_true(a.visual_only && a.confidence >= 0.85f);
        answered++;
        *wrong += !str_eq(str_from(labels[a.label]), rows->rows[i].label);
    }
    scratch_free(s);
    return answered;
}

static void test_clear_looks_need_no_text(void **state) {
    struct made_rows *rows = rows_with_looks(MADE_CLASSES);
    struct trained trained;
    struct backend *b;
    size_t wrong;
    train(rows, &trained, &b);
    assert_int_equal(backend_inputs(b), MODEL_TAKES_TEXT | MODEL_TAKES_VISUAL);
    assert_true(trained.has_visual && trained.visual_accuracy > 0.97);
    assert_true(trained.gate.confidence <= 1 && trained.gate.passed > ROWS / 2);
    assert_true(trained.gate.passed_errors <= trained.gate.main_errors);
    assert_true(answered_by_looks(b, rows, &wrong) > ROWS / 2);
    assert_int_equal(wrong, 0);
    backend_free(b);
    trained_free(&trained);
    row_reader_free(&rows->reader);
}

static void test_unclear_looks_are_left_to_the_text(void **state) {
    struct made_rows *rows = rows_with_looks(0);
    struct trained trained;
    struct backend *b;
    size_t wrong;
    train(rows, &trained, &b);
    assert_true(trained.has_visual && trained.visual_accuracy < 0.5);
    assert_true(trained.gate.confidence > 1);
    assert_int_equal(answered_by_looks(b, rows, &wrong), 0);
    backend_free(b);
    trained_free(&trained);
    row_reader_free(&rows->reader);
}

/* It has the sign of a class and is otherwise like no page seen: neither its looks nor its text may be
 * trusted. */
static void test_a_strange_page_is_left_to_a_person(void **state) {
    struct made_rows *rows = rows_with_looks(MADE_CLASSES);
    struct trained trained;
    struct backend *b;
    struct model_answer a;
    struct error err = {0};
    float page[VALUES];
    train(rows, &trained, &b);
    struct scratch *s = scratch_new();
    memcpy(page, vectors[0], sizeof page);
    struct model_input input = {.text = rows->rows[0].text, .visual = page, .visual_count = VALUES};
    assert_true(backend_predict(b, s, &input, 1, &a, &err));
    float usual = a.confidence;
    for (size_t v = MADE_CLASSES; v < VALUES; v++)
        page[v] += v % 2 ? 0.3f : -0.3f;
    assert_false(backend_predict_visual(b, s, page, VALUES, &a));
    assert_true(backend_predict(b, s, &input, 1, &a, &err));
    assert_true(usual > 0.6f && a.confidence <= 0.5f);
    scratch_free(s);
    backend_free(b);
    trained_free(&trained);
    row_reader_free(&rows->reader);
}

static void test_strange_vectors_do_no_harm(void **state) {
    struct made_rows *rows = rows_with_looks(MADE_CLASSES);
    struct trained trained;
    struct backend *b;
    struct model_answer a;
    float strange[VALUES];
    train(rows, &trained, &b);
    struct scratch *s = scratch_new();
    for (size_t v = 0; v < VALUES; v++)
        strange[v] = v % 3 == 0 ? NAN : v % 3 == 1 ? INFINITY : -1e30f;
    if (backend_predict_visual(b, s, strange, VALUES, &a))
        assert_true(a.confidence >= 0 && a.confidence <= 1);
    assert_false(backend_predict_visual(b, s, strange, VALUES - 1, &a));
    assert_false(backend_predict_visual(b, s, NULL, 0, &a));
    scratch_free(s);
    backend_free(b);
    trained_free(&trained);
    row_reader_free(&rows->reader);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_clear_looks_need_no_text),
        cmocka_unit_test(test_unclear_looks_are_left_to_the_text),
        cmocka_unit_test(test_a_strange_page_is_left_to_a_person),
        cmocka_unit_test(test_strange_vectors_do_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
