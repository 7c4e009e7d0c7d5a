#include "models/xgboost_model.h"

#include "../unit.h"
#include "models/trees.h"
#include "tree_schema.h"

#include <math.h>

/* As XGBoost 1.7 writes it: size < 1.5 (missing left) ? -0.5 : (kind in {1, 33}: right, missing right); then
 * a second tree that early stopping left out, or not. */
static const char good[] =
    "{\"learner\":{\"attributes\":{\"best_iteration\":\"0\"},\"feature_names\":[],"
    "\"gradient_booster\":{\"name\":\"gbtree\",\"model\":{"
    "\"gbtree_model_param\":{\"num_parallel_tree\":\"1\",\"num_trees\":\"2\"},\"tree_info\":[0,0],\"trees\":["
    "{\"left_children\":[1,-1,3,-1,-1],\"right_children\":[2,-1,4,-1,-1],\"split_indices\":[0,0,1,0,0],"
    "\"split_conditions\":[1.5E0,-5E-1,NaN,2E0,4E0],\"default_left\":[1,0,0,0,0],\"split_type\":[0,0,1,0,0],"
    "\"categories\":[1,33],\"categories_nodes\":[2],\"categories_segments\":[0],\"categories_sizes\":[2],"
    "\"tree_param\":{\"num_nodes\":\"5\"}},"
    "{\"left_children\":[-1],\"right_children\":[-1],\"split_indices\":[0],\"split_conditions\":[8E0],"
    "\"default_left\":[false]}]}},"
    "\"learner_model_param\":{\"base_score\":\"5E-1\",\"num_class\":\"0\",\"num_feature\":\"3\"},"
    "\"objective\":{\"name\":\"binary:logistic\"}},\"version\":[1,7,4]}";

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

/* `good` with its first `from` replaced; the caller's to free. */
static char *changed(const char *from, const char *to) {
    const char *at = strstr(good, from);
    assert_non_null(at);
    char *out = malloc(sizeof good + strlen(to));
    sprintf(out, "%.*s%s%s", (int)(at - good), good, to, at + strlen(from));
    return out;
}

static float sum_of(const char *json, float size, float kind, size_t labels, size_t group) {
    struct error err = {0};
    struct trees t;
    const float row[] = {size, kind, 0};
    float sums[3];
    AUTO_BUF section = BUF_INIT(1 << 16);
    if (!tree_model_read(str_from(json), &schema, labels, &section, &err))
        fail_msg("%s", err.message);
    assert_true(trees_read(&t, buf_str(&section), &schema, &err));
    trees_sum(&t, row, sums);
    return sums[group];
}

static void a_model_is_read_up_to_its_best_iteration(void **state) {
    assert_float_equal(sum_of(good, 1, 0, 2, 0), -0.5, 0);
    assert_float_equal(sum_of(good, 1.5f, 0, 2, 0), 2, 0);
    assert_float_equal(sum_of(good, 1.5f, 33, 2, 0), 4, 0);
    assert_float_equal(sum_of(good, NAN, 33, 2, 0), -0.5, 0);
    assert_float_equal(sum_of(good, 9, NAN, 2, 0), 4, 0);
    char *all = changed("\"best_iteration\":\"0\"", "");
    assert_float_equal(sum_of(all, 1, 0, 2, 0), 7.5, 0);
    free(all);
}

static void the_base_score_is_where_sums_begin(void **state) {
    char *one = changed("\"5E-1\"", "\"7.5E-1\""), *bracketed = changed("\"5E-1\"", "\"[7.5E-1]\"");
    assert_float_equal(sum_of(one, 1, 0, 2, 0), logf(3) - 0.5f, 1e-6);
    assert_float_equal(sum_of(bracketed, 1, 0, 2, 0), logf(3) - 0.5f, 1e-6);
    free(one);
    free(bracketed);
}

static void sizes_and_names_are_told(void **state) {
    struct xgboost_model *m;
    struct error err;
    char *named = changed("\"feature_names\":[]", "\"feature_names\":[\"size\",7]");
    assert_true(xgboost_model_open(&m, str_from(named), &err));
    assert_int_equal(xgboost_model_columns(m), 3);
    assert_int_equal(xgboost_model_labels(m), 2);
    assert_string_equal(xgboost_model_feature(m, 0), "size");
    assert_null(xgboost_model_feature(m, 1));
    assert_null(xgboost_model_feature(m, 2));
    xgboost_model_free(m);
    free(named);
}

static void refuse(const char *json, size_t labels, const char *why) {
    struct error err = {0};
    AUTO_BUF section = BUF_INIT(1 << 16);
    assert_false(tree_model_read(str_from(json), &schema, labels, &section, &err));
    assert_int_equal(err.code, ERR_DATA);
    if (!strstr(err.message, why))
        fail_msg("\"%s\" does not say \"%s\"", err.message, why);
}

static void what_does_not_fit_is_refused(void **state) {
    static const struct {
        const char *from, *to, *why;
    } wrong[] = {
        {"\"learner\"", "\"lerner\"", "no model of XGBoost"},
        {"\"gbtree\"", "\"gblinear\"", "booster is \"gblinear\""},
        {"\"binary:logistic\"", "\"reg:squarederror\"", "objective is \"reg:squarederror\""},
        {"\"num_feature\":\"3\"", "\"num_feature\":\"4\"", "4 columns"},
        {"\"num_feature\":\"3\"", "\"num_feature\":\"-3\"", "parameters"},
        {"\"base_score\":\"5E-1\"", "\"base_score\":\"1\"", "parameters"},
        {"\"best_iteration\":\"0\"", "\"best_iteration\":\"x\"", "parameters"},
        {"\"tree_info\":[0,0]", "\"tree_info\":[0]", "parameters"},
        {"\"tree_info\":[0,0]", "\"tree_info\":[1,0]", "class that is not there"},
        {"[1,-1,3,-1,-1]", "[1,-1,3,-1]", "different lengths"},
        {"[1,-1,3,-1,-1]", "[1,-1,9,-1,-1]", "do not make a tree"},
        {"[1,-1,3,-1,-1]", "[0,-1,3,-1,-1]", "do not make a tree"},
        {"[1,-1,3,-1,-1]", "[1,-1,1.5,-1,-1]", "do not make a tree"},
        {"[1,-1,3,-1,-1]", "[1,-1,NaN,-1,-1]", "do not make a tree"},
        {"[1,-1,3,-1,-1]", "[1,-1,\"3\",-1,-1]", "no number"},
        {"[1,-1,3,-1,-1]", "[]", "no nodes"},
        {"[0,0,1,0,0]", "[7,0,1,0,0]", "column that the schema does not have"},
        {"[0,0,1,0,0]", "[0,0,0,0,0]", "splits a number by categories"},
        {"\"categories\":[1,33]", "\"categories\":[1,40]", "category that its column does not have"},
        {"\"categories\":[1,33]", "\"categories\":[1]", "sets of categories that are damaged"},
        {"\"categories_nodes\":[2]", "\"categories_nodes\":[5]", "sets of categories that are damaged"},
        {"\"categories_nodes\":[2]", "\"categories_nodes\":[]", "categories that are not there"},
        {"{\"learner\"", "{\"learner", "no JSON"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(wrong); i++) {
        char *json = changed(wrong[i].from, wrong[i].to);
        refuse(json, 2, wrong[i].why);
        free(json);
    }
    refuse("", 2, "empty");
    refuse("null", 2, "no model of XGBoost");
    refuse(good, 3, "3 are named");
    /* A leaf beyond all sense is the section's to refuse, on writing it. */
    char *json = changed("-5E-1", "1E300");
    struct error err = {0};
    AUTO_BUF section = BUF_INIT(1 << 16);
    assert_false(tree_model_read(str_from(json), &schema, 2, &section, &err));
    assert_non_null(strstr(err.message, "no number of sense"));
    free(json);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_model_is_read_up_to_its_best_iteration),
        cmocka_unit_test(the_base_score_is_where_sums_begin),
        cmocka_unit_test(sizes_and_names_are_told),
        cmocka_unit_test(what_does_not_fit_is_refused),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
