#include "../unit.h"

#include "learn/evaluate.h"
#include "learn/export.h"
#include "learn/train.h"
#include "made_rows.h"
#include "models/linear.h"
#include "models/scratch.h"

#include <math.h>
#include <unistd.h>

enum { PER_CLASS = 60, NOISE = 8 };

/* Few passes: the sanitizers are slow, and the classes are easy. */
static struct fit_options quick(void) {
    struct fit_options o = fit_defaults(PER_CLASS * MADE_CLASSES);
    o.hidden.passes = 12;
    o.hidden.units = 32;
    return o;
}

static void train(struct trained *out, unsigned threads) {
    struct made_rows *rows = made_rows_new(PER_CLASS, NOISE);
    struct fit_options fit = quick();
    struct train_options o = {.name = "made", .threads = threads, .fit = &fit};
    struct error err = {0};
    bool ok = learn_train(&o, &rows->reader, out, &err);
    row_reader_free(&rows->reader);
    if (!ok)
        fail_msg("%s", err.message);
    assert_true(ok);
}

struct fixture {
    struct trained trained;
    struct backend *backend;
    struct scratch *scratch;
};

static int set_up(void **state) {
    struct fixture *f = calloc(1, sizeof *f);
    struct error err = {0};
    train(&f->trained, 2);
    assert_true(backend_open(&f->backend, "linear", buf_str(&f->trained.artefact), &err));
    f->scratch = scratch_new();
    *state = f;
    return 0;
}

static int tear_down(void **state) {
    struct fixture *f = *state;
    scratch_free(f->scratch);
    backend_free(f->backend);
    trained_free(&f->trained);
    free(f);
    return 0;
}

static struct model_answer answer_to(const struct fixture *f, struct str text) {
    struct model_input input = {.text = text};
    struct model_answer answer;
    struct error err;
    assert_true(backend_predict(f->backend, f->scratch, &input, 1, &answer, &err));
    assert_int_equal(err.code, ERR_NONE);
    return answer;
}

static const char *label_of(const struct fixture *f, struct str text) {
    size_t count;
    return backend_labels(f->backend, &count)[answer_to(f, text).label];
}

static void test_answers(void **state) {
    struct fixture *f = *state;
    assert_string_equal(label_of(f, STR("I have FORGOTTEN my password, it is locked")), "login");
    assert_string_equal(label_of(f, STR("will it be sunny or rain today?")), "weather");
    assert_string_equal(label_of(f, STR("was charged a fee on my invoice")), "billing");
    /* A word that training never saw, but whose n-grams it did. */
    assert_string_equal(label_of(f, STR("please help with my passwords")), "login");
}

static void test_top_is_ordered_and_a_share(void **state) {
    struct fixture *f = *state;
    struct model_answer a = answer_to(f, STR("my card pin was swallowed"));
    float sum = 0;
    assert_int_equal(a.top_count, MODEL_TOP_MAX);
    assert_int_equal(a.top[0].label, a.label);
    assert_true(a.top[0].confidence == a.confidence);
    for (size_t i = 0; i < a.top_count; i++) {
        sum += a.top[i].confidence;
        assert_true(i == 0 || a.top[i].confidence <= a.top[i - 1].confidence);
        for (size_t k = 0; k < i; k++)
            assert_int_not_equal(a.top[k].label, a.top[i].label);
    }
    assert_true(sum <= 1.0001f);
}

static void test_quality_is_as_the_noise_allows(void **state) {
    const struct quality *q = &((struct fixture *)*state)->trained.quality;
    assert_int_equal(q->rows, PER_CLASS * MADE_CLASSES);
    assert_true(q->accuracy > 0.85 && q->accuracy < 1.0);
    assert_true(q->macro_f1 > 0.85);
    /* Calibrated: with 360 rows the error of measurement alone is some 0.03. */
    assert_true(q->ece < 0.08);
    assert_true(fabs(q->mean_confidence - q->accuracy) < 0.06);
    for (size_t k = 0; k < q->label_count; k++)
        assert_true(q->labels[k].rows > 40);
}

static void test_far_text_is_unsure(void **state) {
    struct fixture *f = *state;
    float near = answer_to(f, STR("please reset my password, it is locked")).confidence;
    static const char russian[] =
        "\xd0\x9a\xd0\xb0\xd0\xba \xd0\xb4\xd0\xb5\xd0\xbb\xd0\xb0 \xd0\xb4\xd1\x80\xd1\x83\xd0\xb3";
    static const char chinese[] = "\xe4\xbb\x8a\xe5\xa4\xa9\xe5\xa4\xa9\xe6\xb0\x94\xe6\x80\x8e\xe4\xb9\x88";
    static const char *const far[] = {"",      "   \n\t ", "xqzv kjwpt zzgh vvbqk",     russian,
                                      chinese, "12345",    "<script>alert(1)</script>", "\xff\xfe\xfd"};
    assert_true(near > 0.8f);
    for (size_t i = 0; i < ARRAY_COUNT(far); i++) {
        struct model_answer a = answer_to(f, str_from(far[i]));
        if (a.confidence >= 0.6f)
            fail_msg("\"%s\" came out with %.3f", far[i], (double)a.confidence);
        assert_true(a.confidence < 0.6f);
        assert_true(a.novelty > answer_to(f, STR("please reset my password, it is locked")).novelty);
    }
}

static void test_same_data_same_bytes(void **state) {
    struct fixture *f = *state;
    struct trained again;
    train(&again, 1); /* whatever the number of threads */
    assert_str(buf_str(&again.manifest), f->trained.manifest.p ? buf_terminated(&f->trained.manifest) : "");
    assert_int_equal(again.artefact.n, f->trained.artefact.n);
    assert_memory_equal(again.artefact.p, f->trained.artefact.p, again.artefact.n);
    assert_string_equal(again.dataset, f->trained.dataset);
    trained_free(&again);
}

static void test_manifest_tells_all(void **state) {
    struct fixture *f = *state;
    struct error err = {0};
    yyjson_doc *doc = json_parse(buf_str(&f->trained.manifest), &err);
    assert_non_null(doc);
    yyjson_val *root = yyjson_doc_get_root(doc);
    static const char *const keys[] = {"model",      "backend", "labels",  "inputs", "dataset",
                                       "parameters", "metrics", "profile", "policy"};
    for (size_t i = 0; i < ARRAY_COUNT(keys); i++)
        assert_non_null(yyjson_obj_get(root, keys[i]));
    assert_int_equal(yyjson_arr_size(yyjson_obj_get(root, "labels")), MADE_CLASSES);
    assert_true(yyjson_get_num(yyjson_ptr_get(root, "/policy/accept")) == 0.85);
    yyjson_val *shares = yyjson_ptr_get(root, "/profile/histograms/confidence/shares");
    double sum = 0;
    size_t index, max;
    yyjson_val *share;
    yyjson_arr_foreach(shares, index, max, share) sum += yyjson_get_num(share);
    assert_true(fabs(sum - 1) < 1e-3);
    yyjson_doc_free(doc);
}

/* The stored bytes must decide as the solved floats do. */
static void test_quantised_decides_as_float(void **state) {
    struct made_rows *rows = made_rows_new(PER_CLASS, NOISE);
    struct fit_options o = quick();
    struct dataset_limits limits = {.rejected_share = 0.05, .least_per_label = 2};
    struct dataset d;
    struct corpus c;
    struct design design;
    struct linear_solution solution;
    struct error err = {0};
    struct buf bytes = BUF_INIT(1 << 28);
    uint32_t chosen[PER_CLASS * MADE_CLASSES];
    assert_true(dataset_load(&d, &rows->reader, &limits, &err));
    assert_true(corpus_build(&c, &d, &err));
    for (uint32_t i = 0; i < d.count; i++)
        chosen[i] = i;
    struct fit_source source = {.data = &d, .corpus = &c};
    assert_true(design_text(&design, &c, &d, chosen, d.count, &o.design, &err));
    assert_true(solve_linear(&solution, &design, &o.linear, &err));
    assert_true(fit_artefact(&bytes, &source, chosen, d.count, &o, &err));
    struct backend *b;
    assert_true(backend_open(&b, "linear", buf_str(&bytes), &err));
    struct scratch *s = scratch_new();
    size_t width = vector_room(d.label_count);
    for (size_t i = 0; i < d.count; i++) {
        float exact[32];
        memcpy(exact, solution.bias, width * sizeof *exact);
        for (size_t k = design.offsets[i]; k < design.offsets[i + 1]; k++)
            vector_add(exact, solution.weights + design.items[k].feature * width, design.items[k].value,
                       width);
        struct label_scores scores;
        struct model_input input = {.text = d.rows[i].text};
        assert_true(backend_score(b, s, &input, &scores, &err));
        for (size_t k = 0; k < d.label_count; k++)
            assert_true(fabsf(scores.linear[k] - exact[k]) < 0.02f);
    }
    scratch_free(s);
    backend_free(b);
    buf_free(&bytes);
    linear_solution_free(&solution);
    design_free(&design);
    corpus_free(&c);
    dataset_free(&d);
    row_reader_free(&rows->reader);
}

static void refuse(struct str bytes, const char *expected) {
    struct backend *b;
    struct error err = {0};
    char *copy = malloc(bytes.n + 1);
    memcpy(copy, bytes.p, bytes.n);
    assert_false(backend_open(&b, "linear", (struct str){copy, bytes.n}, &err));
    assert_int_equal(err.code, ERR_ARTEFACT);
    if (!strstr(err.message, expected))
        fail_msg("\"%s\" does not say \"%s\"", err.message, expected);
    assert_non_null(strstr(err.message, expected));
    free(copy);
}

static void test_damaged_artefact_is_refused(void **state) {
    struct fixture *f = *state;
    struct buf *a = &f->trained.artefact;
    refuse((struct str){a->p, 0}, "no model artefact");
    refuse(STR("PK\x03\x04 something else that is long enough"), "no model artefact");
    refuse((struct str){a->p, a->n - 1}, "cut off");
    refuse((struct str){a->p, 40}, "cut off");
    char kept = a->p[8];
    a->p[8] = 99; /* the format */
    refuse(buf_str(a), "has format 99, this program reads format 1");
    a->p[8] = kept;
    struct error err = {0};
    struct backend *b;
    assert_false(backend_open(&b, "linera", buf_str(a), &err));
    assert_non_null(strstr(err.message, "did you mean \"linear\"?"));
}

/* Whatever byte is wrong: refused, or opened and used without harm (the sanitizers watch). */
static void test_any_damage_is_survived(void **state) {
    struct fixture *f = *state;
    struct buf *a = &f->trained.artefact;
    struct random random = random_from(3);
    struct error err = {0};
    for (int i = 0; i < 300; i++) {
        size_t at = random_below(&random, i % 2 ? (uint32_t)a->n : 2048);
        char kept = a->p[at];
        a->p[at] = (char)random_u32(&random);
        struct backend *b;
        if (backend_open(&b, "linear", buf_str(a), &err)) {
            struct model_input input = {.text = STR("please reset my password now qqqq")};
            struct model_answer answer;
            struct error row;
            backend_predict(b, f->scratch, &input, 1, &answer, &row);
            backend_free(b);
        }
        a->p[at] = kept;
    }
}

static void test_a_poisonous_row_fails_alone(void **state) {
    static const char csv[] = "age,colour,label\n1,red,a\n2,red,a\n3,blue,b\n4,blue,b\n5,red,a\n6,blue,b\n";
    char path[] = "/tmp/penstock-test-XXXXXX";
    int fd = mkstemp(path);
    assert_int_equal(write(fd, csv, sizeof csv - 1), sizeof csv - 1);
    close(fd);
    struct error err = {0}, errors[3];
    struct row_reader *reader = csv_rows_open(path, &(struct csv_rows_options){0}, &err);
    unlink(path);
    assert_non_null(reader);
    struct fit_options fit = quick();
    struct train_options o = {.name = "t", .folds = 2, .fit = &fit};
    struct trained trained;
    bool ok = learn_train(&o, reader, &trained, &err);
    row_reader_free(reader);
    if (!ok)
        fail_msg("%s", err.message);
    assert_true(ok);
    struct backend *b;
    assert_true(backend_open(&b, "linear", buf_str(&trained.artefact), &err));
    assert_int_equal(backend_inputs(b), MODEL_TAKES_FEATURES);
    struct scratch *s = scratch_new();
    struct feature_value red[2] = {{.kind = FEATURE_NUMBER, .number = 2},
                                   {.kind = FEATURE_CATEGORY, .category = 1}};
    struct feature_value bad[2] = {{.kind = FEATURE_NUMBER, .number = NAN},
                                   {.kind = FEATURE_CATEGORY, .category = 7}};
    struct model_input rows[3] = {{.features = red, .feature_count = 2},
                                  {.features = bad, .feature_count = 2},
                                  {.features = red, .feature_count = 2}};
    struct model_answer answers[3];
    assert_false(backend_predict(b, s, rows, 3, answers, errors));
    assert_int_equal(errors[0].code, ERR_NONE);
    assert_int_equal(errors[1].code, ERR_INVALID_FEATURES);
    assert_int_equal(errors[2].code, ERR_NONE);
    assert_int_equal(answers[0].label, 0);
    assert_int_equal(answers[2].label, 0);
    scratch_free(s);
    backend_free(b);
    trained_free(&trained);
}

static void test_evaluation_knows_known_from_unknown(void **state) {
    struct fixture *f = *state;
    struct training_row rows[] = {
        {.text = STR("please reset my password"), .label = STR("login")},
        {.text = STR("rain or sunny forecast today"), .label = STR("weather")},
        {.text = STR("zebra crossing qqq"), .label = STR("animals")},
        {.reason = STR("broken"), .source = STR("x:1")},
    };
    struct made_rows *m = made_rows_over(rows, ARRAY_COUNT(rows));
    struct evaluation e;
    struct error err = {0};
    assert_true(learn_evaluate(&e, f->backend, &m->reader, 0.85, 0.60, &err));
    assert_int_equal(e.quality.rows, 2);
    assert_int_equal(e.quality.errors, 0);
    assert_int_equal(e.unknown_labels, 1);
    assert_int_equal(e.rejected, 1);
    assert_true(e.auroc == 1.0);
    assert_true(e.unknown_accepted == 0 && e.unknown_reviewed == 1);
    evaluation_free(&e);
    row_reader_free(&m->reader);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_top_is_ordered_and_a_share),
        cmocka_unit_test(test_quality_is_as_the_noise_allows),
        cmocka_unit_test(test_far_text_is_unsure),
        cmocka_unit_test(test_same_data_same_bytes),
        cmocka_unit_test(test_manifest_tells_all),
        cmocka_unit_test(test_quantised_decides_as_float),
        cmocka_unit_test(test_damaged_artefact_is_refused),
        cmocka_unit_test(test_any_damage_is_survived),
        cmocka_unit_test(test_a_poisonous_row_fails_alone),
        cmocka_unit_test(test_evaluation_knows_known_from_unknown),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
