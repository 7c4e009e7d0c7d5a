/* Needs XGBoost, as training does; says so where it is not there. */
#include "../unit.h"

#include "base/clock.h"
#include "learn/random.h"
#include "learn/train.h"
#include "made_rows.h"
#include "models/batcher.h"
#include "models/boosted.h"
#include "models/scores.h"
#include "models/scratch.h"
#include "models/trees.h"
#include "models/xgboost_model.h"

#include <dlfcn.h>
#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <xgboost/c_api.h>

enum { ROWS = 900, COLUMNS = 3, CELL = 16, KINDS_FEW = 3, KINDS_MANY = 40 };

static const char *const columns[COLUMNS] = {"size", "kind", "age"};

/* Tabular rows whose label follows from size, kind and age, but for every thirteenth; some cells are missing.
 */
struct table {
    struct training_row rows[ROWS];
    struct str cells[ROWS][COLUMNS];
    char bytes[ROWS][COLUMNS][CELL];
};

static void make_table(struct table *t, unsigned labels, unsigned kinds) {
    static const char *const names[] = {"low", "mid", "high", "top", "far"};
    struct random random = random_from(7);
    for (size_t i = 0; i < ROWS; i++) {
        unsigned size = random_below(&random, 1000), kind = random_below(&random, kinds),
                 age = random_below(&random, 90);
        unsigned label = (size * 6 + kind % 3 * 1500 + (age > 40 ? 1000 : 0)) * labels / 10001;
        if (i % 13 == 0)
            label = random_below(&random, labels);
        snprintf(t->bytes[i][0], CELL, "%s", random_below(&random, 10) ? "" : "?");
        if (!t->bytes[i][0][0])
            snprintf(t->bytes[i][0], CELL, "%u.%u", size, age % 10);
        t->bytes[i][1][0] = '\0';
        if (random_below(&random, 12))
            snprintf(t->bytes[i][1], CELL, "k%u", kind);
        snprintf(t->bytes[i][2], CELL, "%u", age);
        for (size_t k = 0; k < COLUMNS; k++)
            t->cells[i][k] = str_from(t->bytes[i][k]);
        t->rows[i] = (struct training_row){
            .label = str_from(names[label]), .cells = t->cells[i], .source = STR("made")};
    }
}

static bool train(struct trained *out, unsigned labels, unsigned threads, struct error *err) {
    struct table *t = calloc(1, sizeof *t);
    make_table(t, labels, KINDS_MANY);
    struct made_rows *rows = made_rows_over(t->rows, ROWS);
    rows->reader.columns = columns;
    rows->reader.column_count = COLUMNS;
    struct train_options o = {.name = "made", .folds = 3, .threads = threads, .backend = TRAINED_BOOSTED};
    bool ok = learn_train(&o, &rows->reader, out, err);
    row_reader_free(&rows->reader);
    free(t);
    return ok;
}

static void train_well(struct trained *out, unsigned labels, unsigned threads) {
    struct error err = {0};
    if (!train(out, labels, threads, &err))
        fail_msg("%s", err.message);
}

static bool library_is_there(void) {
    struct error err = {0};
    if (xgboost_ready(&err))
        return true;
    print_message("skipped: %s\n", err.message);
    return false;
}

static struct model_answer answer_to(const struct backend *b, const char *json) {
    struct feature_value values[MODEL_FEATURES_MAX];
    struct model_input input = {.features = values};
    struct model_answer answer = {0};
    struct error err = {0};
    struct scratch *s = scratch_new();
    yyjson_doc *doc = json_parse(str_from(json), &err);
    if (!backend_read_features(b, yyjson_doc_get_root(doc), values, ARRAY_COUNT(values), &input.feature_count,
                               &err) ||
        !backend_predict(b, s, &input, 1, &answer, &err))
        fail_msg("%s", err.message);
    yyjson_doc_free(doc);
    scratch_free(s);
    return answer;
}

static void two_labels_and_five_are_learned(void **state) {
    if (!library_is_there())
        skip();
    for (unsigned labels = 2; labels <= 5; labels += 3) {
        struct trained t;
        struct backend *b;
        struct error err = {0};
        size_t count;
        train_well(&t, labels, 2);
        /* One row in thirteen has any label, one in ten has no size; neighbours are close where there are
         * five. */
        assert_true(t.quality.accuracy > (labels == 2 ? 0.8 : 0.5) && t.quality.accuracy < 0.97);
        assert_true(t.quality.ece < 0.1);
        assert_int_equal(t.quality.label_count, labels);
        assert_true(backend_open(&b, "boosted", buf_str(&t.artefact), &err));
        struct model_answer a = answer_to(b, "{\"size\": 120, \"kind\": \"k9\", \"age\": 20}");
        assert_string_equal(backend_labels(b, &count)[a.label], "low");
        assert_int_equal(count, labels);
        assert_true(a.confidence > 1.5f / (float)labels && a.confidence <= 1);
        /* Nothing but age: still an answer, and a less sure one. */
        assert_true(answer_to(b, "{\"age\": 20}").confidence < a.confidence);
        backend_free(b);
        trained_free(&t);
    }
}

static atomic_int answered;

static void count_done(struct batch_row *row) {
    atomic_fetch_add(&answered, 1);
}

/* A row of another model's features among rows of a version's own, all waiting together. */
static void one_bad_row_of_a_batch_fails_alone(void **state) {
    enum { TOGETHER = 200 };
    static struct batch_row rows[TOGETHER];
    static const struct feature_value small[COLUMNS] = {{.kind = FEATURE_NUMBER, .number = 1},
                                                        {.kind = FEATURE_CATEGORY},
                                                        {.kind = FEATURE_NUMBER, .number = 1}};
    struct trained t;
    struct backend *b;
    struct error err = {0};
    if (!library_is_there())
        skip();
    train_well(&t, 2, 2);
    assert_true(backend_open(&b, "boosted", buf_str(&t.artefact), &err));
    struct work_pool *pool = work_pool_new(2);
    struct batcher *batcher = batcher_new(pool, b);
    int64_t deadline = clock_monotonic() + 30 * NS_PER_SECOND;
    for (size_t i = 0; i < TOGETHER; i++) {
        rows[i] = (struct batch_row){.input = {.features = small, .feature_count = i % 9 == 4 ? 2 : COLUMNS},
                                     .deadline = deadline,
                                     .done = count_done};
        assert_true(batcher_submit(batcher, &rows[i], &err));
    }
    while (atomic_load(&answered) < TOGETHER)
        assert_true(clock_monotonic() < deadline);
    for (size_t i = 0; i < TOGETHER; i++) {
        assert_int_equal(rows[i].error.code, i % 9 == 4 ? ERR_INVALID_FEATURES : ERR_NONE);
        if (i % 9 != 4)
            assert_true(rows[i].answer.label == rows[0].answer.label &&
                        rows[i].answer.confidence == rows[0].answer.confidence);
    }
    batcher_free(batcher);
    work_pool_free(pool);
    backend_free(b);
    trained_free(&t);
}

static void the_same_rows_make_the_same_version(void **state) {
    struct trained a, b;
    if (!library_is_there())
        skip();
    train_well(&a, 5, 1);
    train_well(&b, 5, 3);
    assert_int_equal(a.artefact.n, b.artefact.n);
    assert_memory_equal(a.artefact.p, b.artefact.p, a.artefact.n);
    assert_int_equal(a.manifest.n, b.manifest.n);
    assert_memory_equal(a.manifest.p, b.manifest.p, a.manifest.n);
    trained_free(&a);
    trained_free(&b);
}

static void the_manifest_says_how_it_was_boosted(void **state) {
    struct trained t;
    struct error err;
    if (!library_is_there())
        skip();
    train_well(&t, 2, 2);
    yyjson_doc *doc = json_parse(buf_str(&t.manifest), &err);
    yyjson_val *root = yyjson_doc_get_root(doc), *parameters = yyjson_obj_get(root, "parameters");
    assert_string_equal(yyjson_get_str(yyjson_obj_get(root, "backend")), "boosted");
    assert_string_equal(yyjson_get_str(yyjson_obj_get(parameters, "xgboost")), xgboost_version());
    int rounds = yyjson_get_int(yyjson_obj_get(parameters, "rounds"));
    assert_in_range(rounds, 1, yyjson_get_int(yyjson_obj_get(parameters, "most_rounds")) - 1);
    assert_non_null(yyjson_obj_get(yyjson_obj_get(root, "profile"), "features"));
    yyjson_doc_free(doc);
    trained_free(&t);
}

static void texts_are_refused(void **state) {
    struct made_rows *rows = made_rows_new(10, 0);
    struct train_options o = {.name = "made", .backend = TRAINED_BOOSTED};
    struct trained t;
    struct error err = {0};
    assert_false(learn_train(&o, &rows->reader, &t, &err));
    if (library_is_there()) {
        assert_int_equal(err.code, ERR_DATA);
        assert_non_null(strstr(err.message, "tabular columns"));
    }
    row_reader_free(&rows->reader);
}

/* ---- against XGBoost's own predictions ---- */

struct learned {
    struct dataset data;
    struct learned_schema schema;
    struct table *table;
    struct made_rows *rows;
};

static void learn(struct learned *l, unsigned labels, unsigned kinds) {
    struct dataset_limits limits = {.rejected_share = 0.05, .least_per_label = 2};
    struct error err = {0};
    l->table = calloc(1, sizeof *l->table);
    make_table(l->table, labels, kinds);
    l->rows = made_rows_over(l->table->rows, ROWS);
    l->rows->reader.columns = columns;
    l->rows->reader.column_count = COLUMNS;
    assert_true(dataset_load(&l->data, &l->rows->reader, &limits, &err));
    assert_true(schema_learn(&l->schema, &l->data, &err));
}

static void forget(struct learned *l) {
    schema_free(&l->schema);
    dataset_free(&l->data);
    row_reader_free(&l->rows->reader);
    free(l->table);
}

/* Margins of all rows, as the library gives them; the caller's to free. */
static float *their_margins(struct str model, const float *values, bst_ulong *count) {
    void *library = dlopen("libxgboost.so.0", RTLD_NOW | RTLD_LOCAL);
    __typeof__(XGBoosterCreate) *create;
    __typeof__(XGBoosterLoadModelFromBuffer) *load;
    __typeof__(XGDMatrixCreateFromMat) *matrix_new;
    __typeof__(XGBoosterPredict) *predict;
    __typeof__(XGBoosterFree) *booster_free;
    __typeof__(XGDMatrixFree) *matrix_free;
    *(void **)&create = dlsym(library, "XGBoosterCreate");
    *(void **)&load = dlsym(library, "XGBoosterLoadModelFromBuffer");
    *(void **)&matrix_new = dlsym(library, "XGDMatrixCreateFromMat");
    *(void **)&predict = dlsym(library, "XGBoosterPredict");
    *(void **)&booster_free = dlsym(library, "XGBoosterFree");
    *(void **)&matrix_free = dlsym(library, "XGDMatrixFree");
    BoosterHandle booster;
    DMatrixHandle matrix;
    const float *margins;
    assert_int_equal(create(NULL, 0, &booster), 0);
    assert_int_equal(load(booster, model.p, model.n), 0);
    assert_int_equal(matrix_new(values, ROWS, COLUMNS, NAN, &matrix), 0);
    assert_int_equal(predict(booster, matrix, 1, 0, 0, count, &margins), 0);
    float *copy = memcpy(malloc(*count * sizeof *copy), margins, *count * sizeof *copy);
    booster_free(booster);
    matrix_free(matrix);
    dlclose(library);
    return copy;
}

static void compare(const struct learned *l, struct str model, const float *values, size_t labels) {
    struct error err = {0};
    struct trees trees;
    float sums[5];
    bst_ulong count;
    AUTO_BUF section = BUF_INIT(1 << 26);
    struct xgboost_model *m = NULL;
    if (!xgboost_model_open(&m, model, &err) ||
        !xgboost_model_trees(m, &l->schema.tabular, labels, &section, &err))
        fail_msg("%s", err.message);
    xgboost_model_free(m);
    assert_true(trees_read(&trees, buf_str(&section), &l->schema.tabular, &err));
    float *theirs = their_margins(model, values, &count);
    assert_int_equal(count, ROWS * trees.groups);
    for (size_t i = 0; i < ROWS; i++) {
        trees_sum(&trees, values + i * COLUMNS, sums);
        for (size_t k = 0; k < trees.groups; k++)
            if (sums[k] != theirs[i * trees.groups + k])
                fail_msg("row %zu, group %zu: %.9g, expected %.9g", i, k, (double)sums[k],
                         (double)theirs[i * trees.groups + k]);
    }
    free(theirs);
}

static void compare_trained(unsigned labels, unsigned kinds) {
    static const bool category[COLUMNS] = {false, true, false};
    static float values[ROWS * COLUMNS], truth[ROWS];
    struct xgboost_options o = boosted_defaults().train;
    struct learned l = {0};
    struct error err = {0};
    unsigned rounds;
    AUTO_BUF model = BUF_INIT(1 << 26);
    o.rounds = 40;
    learn(&l, labels, kinds);
    for (size_t i = 0; i < ROWS; i++) {
        trees_row(&l.schema.tabular, l.schema.values + i * COLUMNS, values + i * COLUMNS);
        truth[i] = (float)l.data.rows[i].label;
    }
    struct xgboost_rows rows = {values, truth, ROWS, COLUMNS, category};
    if (!xgboost_train(&model, &rounds, &rows, NULL, labels, &o, &err))
        fail_msg("%s", err.message);
    assert_int_equal(rounds, 40);
    compare(&l, buf_str(&model), values, labels);
    forget(&l);
}

/* To the last bit: numbers, categories that are split one by one and in sets, missing values. */
static void margins_are_those_of_the_library(void **state) {
    if (!library_is_there())
        skip();
    compare_trained(2, KINDS_FEW);
    compare_trained(2, KINDS_MANY);
    compare_trained(5, KINDS_FEW);
    compare_trained(5, KINDS_MANY);
}

static void early_stopping_keeps_the_best_rounds(void **state) {
    static const bool category[COLUMNS];
    static float values[ROWS * COLUMNS], truth[ROWS];
    struct xgboost_options o = boosted_defaults().train;
    struct random random = random_from(3);
    struct error err = {0};
    unsigned rounds = 0;
    AUTO_BUF model = BUF_INIT(1 << 26);
    if (!library_is_there())
        skip();
    /* Only the first column tells anything, and one row in four is wrong: more rounds only learn the noise.
     */
    for (size_t i = 0; i < ROWS; i++) {
        for (size_t k = 0; k < COLUMNS; k++)
            values[i * COLUMNS + k] = (float)random_below(&random, 1000);
        truth[i] = (values[i * COLUMNS] > 500) != (random_below(&random, 4) == 0);
    }
    struct xgboost_rows rows = {values, truth, 600, COLUMNS, category};
    struct xgboost_rows held = {values + 600 * COLUMNS, truth + 600, ROWS - 600, COLUMNS, category};
    assert_true(xgboost_train(&model, &rounds, &rows, &held, 2, &o, &err));
    assert_in_range(rounds, 1, 60);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_labels_and_five_are_learned),
        cmocka_unit_test(one_bad_row_of_a_batch_fails_alone),
        cmocka_unit_test(the_same_rows_make_the_same_version),
        cmocka_unit_test(the_manifest_says_how_it_was_boosted),
        cmocka_unit_test(texts_are_refused),
        cmocka_unit_test(margins_are_those_of_the_library),
        cmocka_unit_test(early_stopping_keeps_the_best_rounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
