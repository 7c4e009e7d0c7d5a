#include "../unit.h"

#include "models/tabular.h"

#include <math.h>

static const char *colours[] = {"blue", "green", "red"};
static const float edges[] = {20, 40};
static struct tabular_column columns[] = {
    {.name = "age", .numeric = true, .mean = 30, .scale = 0.1f, .edge_count = 2, .edges = edges},
    {.name = "colour", .category_count = 3, .categories = colours},
    {.name = "income", .numeric = true, .may_miss = true, .scale = 1},
};
static struct buf bytes = {.cap = 1 << 20};
static struct tabular schema;

static int set_up(void **state) {
    struct tabular t = {.count = 3, .columns = columns, .factor = 0.5f};
    struct error err = {0};
    tabular_write(&bytes, &t);
    return tabular_read(&schema, buf_str(&bytes), &err) ? 0 : -1;
}

static int tear_down(void **state) {
    tabular_free(&schema);
    buf_free(&bytes);
    return 0;
}

static bool read_json(const char *json, struct feature_value *values, struct error *err) {
    yyjson_doc *doc = json_parse(str_from(json), err);
    bool ok = doc && tabular_from_json(&schema, yyjson_doc_get_root(doc), values, err);
    yyjson_doc_free(doc);
    return ok;
}

static void refuse(const char *json, const char *param, const char *expected) {
    struct feature_value values[3];
    struct error err = {0};
    assert_false(read_json(json, values, &err));
    assert_int_equal(err.code, ERR_INVALID_FEATURES);
    assert_string_equal(err.message, expected);
    assert_string_equal(err.param, param);
}

static void test_good_features(void **state) {
    struct feature_value v[3];
    struct error err = {0};
    assert_true(read_json("{\"income\":null,\"colour\":\"green\",\"age\":41.5}", v, &err));
    assert_true(v[0].kind == FEATURE_NUMBER && v[0].number == 41.5);
    assert_true(v[1].kind == FEATURE_CATEGORY && v[1].category == 1);
    assert_int_equal(v[2].kind, FEATURE_MISSING);
    assert_true(read_json("{\"colour\":\"red\",\"age\":7}", v, &err));
    assert_int_equal(v[2].kind, FEATURE_MISSING);
}

static void test_errors_say_what_is_wrong(void **state) {
    refuse("{\"colour\":\"red\"}", "age",
           "The feature \"age\" is missing; expected a number (training had a value in every row).");
    refuse("{\"age\":null,\"colour\":\"red\"}", "age",
           "The feature \"age\" is null; expected a number (training had a value in every row).");
    refuse("{\"age\":\"39\",\"colour\":\"red\"}", "age",
           "The feature \"age\" is the text \"39\"; expected a number, without quotes.");
    refuse("{\"age\":true,\"colour\":\"red\"}", "age", "The feature \"age\" is a true; expected a number.");
    refuse("{\"age\":[1],\"colour\":\"red\"}", "age", "The feature \"age\" is an array; expected a number.");
    refuse("{\"age\":1e300,\"colour\":\"red\"}", "age",
           "The feature \"age\" is a number beyond any sense; expected one within +-1e30.");
    refuse("{\"age\":1,\"colour\":\"gren\"}", "colour",
           "The feature \"colour\" has no category \"gren\"; did you mean \"green\"? Known: \"blue\", "
           "\"green\", "
           "\"red\".");
    refuse("{\"age\":1,\"colour\":\"aubergine\"}", "colour",
           "The feature \"colour\" has no category \"aubergine\", which training never saw. Known: \"blue\", "
           "\"green\", \"red\".");
    refuse("{\"age\":1,\"colour\":3}", "colour", "The feature \"colour\" is a uint; expected a text.");
    refuse("{\"agee\":1,\"colour\":\"red\"}", "agee", "There is no feature \"agee\"; did you mean \"age\"?");
    refuse("{\"age\":1,\"colour\":\"red\",\"zodiac_sign\":2}", "zodiac_sign",
           "There is no feature \"zodiac_sign\". Expected: \"age\", \"colour\", \"income\".");
    refuse("[]", "features",
           "\"features\" is array; expected an object with a value for each of the 3 features.");
}

static void test_numbers_that_are_none_never_come_in(void **state) {
    struct feature_value v[3];
    struct error err = {0};
    assert_false(read_json("{\"age\":NaN,\"colour\":\"red\"}", v, &err));
    assert_int_equal(err.code, ERR_INVALID_JSON);
    struct feature_value bad[3] = {{.kind = FEATURE_NUMBER, .number = NAN}, {.kind = FEATURE_CATEGORY}, {0}};
    assert_false(tabular_check(&schema, bad, 3, &err));
    bad[0].number = 1;
    assert_true(tabular_check(&schema, bad, 3, &err));
    bad[1].category = 3;
    assert_false(tabular_check(&schema, bad, 3, &err));
    assert_false(tabular_check(&schema, bad, 2, &err));
    assert_false(tabular_check(&schema, NULL, 3, &err));
}

static void test_rows_of_values(void **state) {
    struct feature_value v[3] = {{.kind = FEATURE_NUMBER, .number = 40},
                                 {.kind = FEATURE_CATEGORY, .category = 2},
                                 {.kind = FEATURE_MISSING}};
    struct tabular_item items[6];
    assert_int_equal(tabular_items(&schema, v, items), 4);
    /* age: row 0 the value, 1 missing, 2 to 4 the intervals; colour: 5 to 7, 8 missing; income: 9, 10, 11. */
    assert_int_equal(items[0].row, 0);
    assert_true(fabsf(items[0].value - 0.5f) < 1e-6f);
    assert_int_equal(items[1].row, 4);
    assert_int_equal(items[2].row, 7);
    assert_int_equal(items[3].row, 10);
    assert_int_equal(schema.rows, 12);
    v[0].number = 1e29; /* far out counts no more than four deviations */
    tabular_items(&schema, v, items);
    assert_true(items[0].value == 2.0f);
}

static void test_damaged_schema_is_refused(void **state) {
    struct error err = {0};
    struct tabular t;
    for (size_t n = 0; n < bytes.n; n++) {
        char *copy = malloc(n + 1);
        memcpy(copy, bytes.p, n);
        assert_false(tabular_read(&t, (struct str){copy, n}, &err));
        assert_int_equal(err.code, ERR_ARTEFACT);
        free(copy);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good_features),
        cmocka_unit_test(test_errors_say_what_is_wrong),
        cmocka_unit_test(test_numbers_that_are_none_never_come_in),
        cmocka_unit_test(test_rows_of_values),
        cmocka_unit_test(test_damaged_schema_is_refused),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
