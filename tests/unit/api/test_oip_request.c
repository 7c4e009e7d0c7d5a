#include "unit.h"

#include "api/oip_request.h"

#include <stdio.h>

static const char *const columns[] = {"a", "b", "c"};
static const struct oip_shape takes_text = {.accepts = ACCEPTS_TEXT}, takes_files = {.accepts = ACCEPTS_FILE},
                              takes_features = {.accepts = ACCEPTS_FEATURES,
                                                .columns = columns,
                                                .column_count = 3},
                              takes_all = {.accepts = ACCEPTS_TEXT | ACCEPTS_FILE | ACCEPTS_FEATURES,
                                           .columns = columns,
                                           .column_count = 3};

static struct arena *arena;
static struct oip_request request;
static struct error err;

static int setup(void **state) {
    arena = arena_new(1 << 20);
    request = (struct oip_request){0};
    return arena ? 0 : -1;
}

static int teardown(void **state) {
    oip_request_clear(&request);
    arena_free(arena);
    return 0;
}

static bool understands_behind(struct str body, const char *header, const struct oip_shape *shape) {
    oip_request_clear(&request);
    memset(&err, 0, sizeof err);
    return oip_request_read(&request, body, header ? str_from(header) : (struct str){0}, shape, arena, &err);
}

static bool understands(const char *json, const struct oip_shape *shape) {
    return understands_behind(str_from(json), NULL, shape);
}

static void assert_refused(const char *json, const struct oip_shape *shape, const char *part) {
    assert_false(understands(json, shape));
    if (!strstr(err.message, part))
        fail_msg("\"%s\" is not in \"%s\"", part, err.message);
}

static void assert_row(const char *bytes) {
    struct request_given row;
    oip_next_row(&request, arena, &row);
    if (row.error.code != ERR_NONE)
        fail_msg("%s", row.error.message);
    assert_int_equal(row.kind, request.kind);
    if (!str_eq(row.bytes, str_from(bytes)))
        fail_msg("the row is %.*s, not %s", STR_ARG(row.bytes), bytes);
}

static void assert_bad_row(const char *part) {
    struct request_given row;
    oip_next_row(&request, arena, &row);
    assert_int_not_equal(row.error.code, ERR_NONE);
    if (!strstr(row.error.message, part))
        fail_msg("\"%s\" is not in \"%s\"", part, row.error.message);
}

static void each_element_is_a_row(void **state) {
    assert_true(understands(
        "{\"id\":\"7\",\"parameters\":{\"user\":\"u\"},\"inputs\":[{\"name\":\"text\",\"shape\":[2,1],"
        "\"datatype\":\"BYTES\",\"data\":[\"one\",\"two\"]}]}",
        &takes_text));
    assert_int_equal(request.row_count, 2);
    assert_int_equal(request.kind, INPUT_TEXT);
    assert_true(str_eq(request.id, STR("7")));
    assert_true(str_eq(request.user, STR("u")));
    assert_row("one");
    assert_row("two");
}

static void a_lone_tensor_may_have_its_models_name(void **state) {
    const char *x = "{\"inputs\":[{\"name\":\"x\",\"shape\":[1],\"datatype\":\"BYTES\",\"data\":[\"one\"]}]}";
    assert_true(understands(x, &takes_text));
    assert_true(understands(x, &takes_files));
    assert_int_equal(request.kind, INPUT_FILE);
    assert_true(understands(x, &takes_all));
    assert_int_equal(request.kind, INPUT_FEATURES);
    assert_true(understands(
        "{\"inputs\":[{\"name\":\"file\",\"shape\":[1],\"datatype\":\"BYTES\",\"data\":[\"one\"]}]}",
        &takes_all));
    assert_int_equal(request.kind, INPUT_FILE);
}

static void a_tensor_is_a_feature(void **state) {
    assert_true(
        understands("{\"inputs\":[{\"name\":\"a\",\"shape\":[2],\"datatype\":\"FP64\",\"data\":[0.1,2]},"
                    "{\"name\":\"b\",\"shape\":[2,1],\"datatype\":\"BYTES\",\"data\":[\"\\\"x\\\"\",null]},"
                    "{\"name\":\"c\",\"shape\":[2],\"datatype\":\"BOOL\",\"data\":[true,false]}]}",
                    &takes_features));
    assert_row("{\"a\":0.1,\"b\":\"\\\"x\\\"\",\"c\":true}");
    assert_row("{\"a\":2,\"b\":null,\"c\":false}");
}

static void one_tensor_holds_all_features(void **state) {
    assert_true(understands("{\"inputs\":[{\"name\":\"any\",\"shape\":[2,3],\"datatype\":\"FP32\","
                            "\"data\":[[1,2,3],[4,5,null]]}]}",
                            &takes_features));
    assert_row("{\"a\":1,\"b\":2,\"c\":3}");
    assert_row("{\"a\":4,\"b\":5,\"c\":null}");
    assert_refused("{\"inputs\":[{\"name\":\"any\",\"shape\":[1,2],\"datatype\":\"FP32\",\"data\":[1,2]}]}",
                   &takes_features, "\"any\" has the shape [1, 2]; expected [rows, 3]");
}

/* JSON, and bytes behind it */
static bool understands_binary(const char *json, const char *bytes, size_t n, const struct oip_shape *shape) {
    size_t length = strlen(json);
    char header[24], *body = arena_alloc(arena, length + n);
    assert_non_null(body);
    memcpy(body, json, length);
    memcpy(body + length, bytes, n);
    snprintf(header, sizeof header, "%zu", length);
    return understands_behind((struct str){body, length + n}, header, shape);
}

static void a_row_that_makes_no_sense_leaves_the_others(void **state) {
    static const char numbers[] = "\0\0\x80\x7f\xcd\xcc\xcc\x3d\0\0\xc0\x7f"; /* infinity, 0.1, NaN */
    assert_true(understands_binary("{\"inputs\":[{\"name\":\"a\",\"shape\":[3],\"datatype\":\"FP32\","
                                   "\"parameters\":{\"binary_data_size\":12}}]}",
                                   numbers, 12, &takes_features));
    assert_bad_row("infinite");
    assert_row("{\"a\":0.1}");
    assert_row("{\"a\":null}");
}

static void features_are_text(void **state) {
    assert_true(understands_binary("{\"inputs\":[{\"name\":\"a\",\"shape\":[2],\"datatype\":\"BYTES\","
                                   "\"parameters\":{\"binary_data_size\":10}}]}",
                                   "\1\0\0\0\xff\1\0\0\0x", 10, &takes_features));
    assert_bad_row("UTF-8");
    assert_row("{\"a\":\"x\"}");
}

static void rows_must_agree(void **state) {
    assert_refused("{\"inputs\":[{\"name\":\"a\",\"shape\":[2],\"datatype\":\"INT8\",\"data\":[1,2]},"
                   "{\"name\":\"b\",\"shape\":[3],\"datatype\":\"INT8\",\"data\":[1,2,3]}]}",
                   &takes_features, "\"b\" has 3 rows, \"a\" has 2");
    assert_refused("{\"inputs\":[{\"name\":\"a\",\"shape\":[0],\"datatype\":\"INT8\",\"data\":[]}]}",
                   &takes_features, "0 rows");
    assert_refused("{\"inputs\":[{\"name\":\"a\",\"shape\":[],\"datatype\":\"INT8\",\"data\":[1]}]}",
                   &takes_features, "has the shape []");
    assert_refused("{\"inputs\":[{\"name\":\"a\",\"shape\":[1,1,1],\"datatype\":\"INT8\",\"data\":[1]}]}",
                   &takes_features, "has the shape [1, 1, 1]");
    assert_refused("{\"inputs\":[{\"name\":\"a\",\"shape\":[1],\"datatype\":\"INT8\",\"data\":[1]},"
                   "{\"name\":\"a\",\"shape\":[1],\"datatype\":\"INT8\",\"data\":[1]}]}",
                   &takes_features, "\"a\" is there twice");
    AUTO_BUF many = BUF_INIT(1 << 20);
    buf_printf(&many, "{\"inputs\":[{\"name\":\"a\",\"shape\":[%d],\"datatype\":\"INT8\",\"data\":[0",
               OIP_ROWS_MAX + 1);
    for (int i = 0; i < OIP_ROWS_MAX; i++)
        buf_printf(&many, ",0");
    buf_printf(&many, "]}]}");
    assert_refused(buf_terminated(&many), &takes_features, "1025 rows; expected 1 to 1024");
}

static void wrong_kinds_are_named(void **state) {
    assert_refused("{\"inputs\":[{\"name\":\"text\",\"shape\":[1],\"datatype\":\"FP32\",\"data\":[1]}]}",
                   &takes_text, "\"text\" has the datatype FP32; expected BYTES");
    assert_refused("{\"inputs\":[{\"name\":\"a\",\"shape\":[1],\"datatype\":\"FP32\",\"data\":[1]}]}",
                   &takes_text, "expected one of BYTES, named \"text\"");
    assert_refused("{\"inputs\":[]}", &takes_text, "\"inputs\" is empty");
    assert_refused("{}", &takes_text, "\"inputs\" is missing");
    assert_refused("{\"inputs\":5}", &takes_text, "\"inputs\" is uint");
    assert_refused("[]", &takes_text, "expected an object");
    assert_refused("{\"inputs\"", &takes_text, "not valid");
    assert_refused("{\"id\":5,\"inputs\":[]}", &takes_text, "\"id\"");
    assert_refused("{\"parameters\":5,\"inputs\":[]}", &takes_text, "\"parameters\"");
}

static const char *with_outputs(const char *outputs) {
    static char text[600];
    snprintf(text, sizeof text,
             "{\"parameters\":{\"binary_data_output\":true},\"inputs\":[{\"name\":\"text\",\"shape\":[1],"
             "\"datatype\":\"BYTES\",\"data\":[\"x\"]}],\"outputs\":%s}",
             outputs);
    return text;
}

static void outputs_are_chosen(void **state) {
    assert_true(understands(with_outputs("[]"), &takes_text));
    assert_int_equal(request.wanted_count, 5);
    assert_true(request.wanted[0].binary && !oip_wants(&request, OIP_ERROR));
    assert_true(
        understands(with_outputs("[{\"name\":\"error\",\"parameters\":{\"binary_data\":false}},"
                                 "{\"name\":\"probabilities\",\"parameters\":{\"classification\":2}}]"),
                    &takes_text));
    assert_int_equal(request.wanted_count, 2);
    assert_true(!request.wanted[0].binary && request.wanted[1].binary && oip_wants(&request, OIP_ERROR));
    assert_int_equal(request.wanted[1].classes, 2);
    assert_refused(with_outputs("[{\"name\":\"lable\"}]"), &takes_text, "did you mean \"label\"?");
    assert_refused(with_outputs("[{}]"), &takes_text, "no \"name\"");
    assert_refused(with_outputs("[{\"name\":\"label\"},{\"name\":\"label\"}]"), &takes_text, "twice");
    assert_refused(with_outputs("[{\"name\":\"label\",\"parameters\":{\"classification\":2}}]"), &takes_text,
                   "not for \"label\"");
    assert_refused(with_outputs("[{\"name\":\"probabilities\",\"parameters\":{\"classification\":0}}]"),
                   &takes_text, "no number of classes");
    assert_refused(with_outputs("[{\"name\":\"label\",\"parameters\":{\"binary_data\":1}}]"), &takes_text,
                   "true or false");
    assert_refused(with_outputs("{}"), &takes_text, "expected an array");
}

static void the_header_says_where_the_json_ends(void **state) {
    const char *json =
        "{\"inputs\":[{\"name\":\"text\",\"shape\":[1],\"datatype\":\"BYTES\",\"data\":[\"x\"]}]}";
    assert_false(understands_behind(str_from(json), "1000", &takes_text));
    assert_non_null(strstr(err.message, "says 1000 bytes"));
    assert_false(understands_behind(str_from(json), "-1", &takes_text));
    assert_false(understands_behind(str_from(json), "18446744073709551616", &takes_text));
    assert_false(understands_binary(json, "more", 4, &takes_text));
    assert_non_null(strstr(err.message, "4 bytes behind"));
    assert_true(understands_behind(STR("all of it"), "0", &takes_text));
    assert_row("all of it");
    assert_false(understands_behind(STR("all of it"), "0", &takes_features));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_element_is_a_row, setup, teardown),
        cmocka_unit_test_setup_teardown(a_lone_tensor_may_have_its_models_name, setup, teardown),
        cmocka_unit_test_setup_teardown(a_tensor_is_a_feature, setup, teardown),
        cmocka_unit_test_setup_teardown(one_tensor_holds_all_features, setup, teardown),
        cmocka_unit_test_setup_teardown(a_row_that_makes_no_sense_leaves_the_others, setup, teardown),
        cmocka_unit_test_setup_teardown(features_are_text, setup, teardown),
        cmocka_unit_test_setup_teardown(rows_must_agree, setup, teardown),
        cmocka_unit_test_setup_teardown(wrong_kinds_are_named, setup, teardown),
        cmocka_unit_test_setup_teardown(outputs_are_chosen, setup, teardown),
        cmocka_unit_test_setup_teardown(the_header_says_where_the_json_ends, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
