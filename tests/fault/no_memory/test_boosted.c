#include "learn/fit.h"
#include "models/artefact.h"
#include "models/backend.h"
#include "models/confidence.h"
#include "models/xgboost_model.h"

#include "../../unit/models/tree_schema.h"
#include "../../unit/unit.h"
#include "failing_allocations.h"
#include "failing_json.h"

static const char json[] =
    "{\"learner\":{\"gradient_booster\":{\"name\":\"gbtree\",\"model\":{\"gbtree_model_param\":{},"
    "\"tree_info\":[0,0],\"trees\":["
    "{\"left_children\":[1,-1,-1],\"right_children\":[2,-1,-1],\"split_indices\":[1,0,0],"
    "\"split_conditions\":[NaN,-5E-1,1],\"default_left\":[1,0,0],\"split_type\":[1,0,0],"
    "\"categories\":[1,33],\"categories_nodes\":[0],\"categories_segments\":[0],\"categories_sizes\":[2]},"
    "{\"left_children\":[1,3,-1,-1,-1],\"right_children\":[2,4,-1,-1,-1],\"split_indices\":[0,2,0,0,0],"
    "\"split_conditions\":[1,2,3,4,5],\"default_left\":[0,0,0,0,0]}]}},"
    "\"learner_model_param\":{\"base_score\":\"5E-1\",\"num_class\":\"0\",\"num_feature\":\"3\"},"
    "\"objective\":{\"name\":\"binary:logistic\"}}}";

static struct buf schema_bytes;
static struct tabular schema;

static int set_up(void **state) {
    struct error err;
    return tree_schema(&schema, &schema_bytes, &err) ? 0 : -1;
}

static int tear_down(void **state) {
    tabular_free(&schema);
    buf_free(&schema_bytes);
    return 0;
}

static void a_model_of_xgboost_is_read_or_not(void **state) {
    long failures = 0;
    for (bool ok = false; !ok; failures++) {
        struct error err = {0};
        AUTO_BUF section = BUF_INIT(1 << 16);
        allocations_left = failures;
        ok = tree_model_read(str_from(json), &schema, 2, &section, &err);
        allocations_left = -1;
        assert_true(ok || err.code == ERR_NO_MEMORY);
    }
    assert_in_range(failures, 8, 100);
}

static void write_artefact(struct buf *out) {
    struct artefact_writer w;
    struct error err;
    struct confidence plain = confidence_plain(1, 0);
    artefact_begin(&w, out);
    artefact_section(&w, ARTEFACT_LABELS);
    artefact_u32(out, 2);
    buf_add(out, "no\0yes", 7);
    artefact_section(&w, ARTEFACT_SCHEMA);
    buf_add_str(out, buf_str(&schema_bytes));
    artefact_section(&w, ARTEFACT_CONFIDENCE);
    confidence_write(out, &plain);
    artefact_section(&w, ARTEFACT_TREES);
    assert_true(tree_model_read(str_from(json), &schema, 2, out, &err));
    artefact_end(&w);
}

/* Predicting allocates nothing. */
static void a_version_opens_or_not_and_then_predicts(void **state) {
    static const struct feature_value values[3] = {{.kind = FEATURE_NUMBER, .number = 2},
                                                   {.kind = FEATURE_CATEGORY, .category = 33},
                                                   {.kind = FEATURE_NUMBER}};
    struct model_input row = {.features = values, .feature_count = 3};
    struct scratch *s = scratch_new();
    struct backend *b = NULL;
    long failures = 0;
    AUTO_BUF artefact = BUF_INIT(1 << 16);
    write_artefact(&artefact);
    for (; !b; failures++) {
        struct error err = {0};
        allocations_left = failures;
        bool ok = backend_open(&b, "boosted", buf_str(&artefact), &err);
        allocations_left = -1;
        assert_true(ok || err.code == ERR_NO_MEMORY);
    }
    assert_in_range(failures, 4, 100);
    struct model_answer answer;
    struct error err;
    allocations_left = 0;
    bool predicted = backend_predict(b, s, &row, 1, &answer, &err);
    allocations_left = -1;
    assert_true(predicted);
    assert_int_equal(answer.label, 1);
    backend_free(b);
    scratch_free(s);
}

enum { ROWS = 120 };

/* A dataset of two columns, as far as training looks at it. */
static void make_data(struct dataset *d, struct data_row *rows, struct feature_value *values) {
    static const char *labels[] = {"no", "yes"};
    for (size_t i = 0; i < ROWS; i++) {
        rows[i] = (struct data_row){.label = i % 3 == 0, .identity = i * 77};
        values[3 * i] = (struct feature_value){.kind = FEATURE_NUMBER, .number = (double)(i % 3)};
        values[3 * i + 1] = (struct feature_value){.kind = FEATURE_CATEGORY, .category = i % TREE_CATEGORIES};
        values[3 * i + 2] = (struct feature_value){.kind = FEATURE_NUMBER, .number = (double)i};
    }
    *d = (struct dataset){.rows = rows, .count = ROWS, .labels = labels, .label_count = 2, .column_count = 3};
}

/* `few` decides whether rows are held back. */
static long failing_runs(const struct fit_source *source, const uint32_t *chosen, struct fit_options *o,
                         unsigned few) {
    long failures = 0;
    o->boosted.few = few;
    for (bool ok = false; !ok; failures++) {
        AUTO_BUF artefact = BUF_INIT(1 << 20);
        struct error err = {0};
        allocations_left = failures;
        ok = fit_artefact(&artefact, source, chosen, ROWS, o, &err);
        allocations_left = -1;
        assert_true(ok || err.code == ERR_NO_MEMORY);
    }
    return failures;
}

static void a_run_of_training_works_or_not(void **state) {
    static struct data_row rows[ROWS];
    static struct feature_value values[3 * ROWS];
    static uint32_t chosen[ROWS];
    struct dataset data;
    struct error err = {0};
    if (!xgboost_ready(&err)) {
        print_message("skipped: %s\n", err.message);
        skip();
    }
    make_data(&data, rows, values);
    for (uint32_t i = 0; i < ROWS; i++)
        chosen[i] = i;
    struct learned_schema learned = {
        .bytes = schema_bytes.p, .size = schema_bytes.n, .tabular = schema, .values = values};
    struct fit_source source = {.backend = TRAINED_BOOSTED, .data = &data, .schema = &learned};
    struct fit_options o = fit_defaults(ROWS);
    o.boosted.train.rounds = 3;
    assert_in_range(failing_runs(&source, chosen, &o, 5), 8, 1000);
    assert_in_range(failing_runs(&source, chosen, &o, ROWS), 8, 1000);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_model_of_xgboost_is_read_or_not),
        cmocka_unit_test(a_version_opens_or_not_and_then_predicts),
        cmocka_unit_test(a_run_of_training_works_or_not),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
