#include "unit.h"

#include "api/tensors.h"

#include <math.h>
#include <stdio.h>

static yyjson_doc *doc;
static struct tensor t;
static struct error err;

static int teardown(void **state) {
    yyjson_doc_free(doc);
    doc = NULL;
    return 0;
}

static bool understands_from(const char *json, struct str *binary) {
    yyjson_doc_free(doc);
    doc = json_parse(str_from(json), &err);
    assert_non_null(doc);
    memset(&err, 0, sizeof err);
    return tensor_read(&t, yyjson_doc_get_root(doc), binary, &err);
}

static bool understands(const char *json) {
    struct str none = STR("");
    return understands_from(json, &none);
}

/* `bytes` are all that is behind the JSON. */
static bool understands_binary(const char *type, const char *shape, const void *bytes, size_t n) {
    char json[200];
    struct str binary = {bytes, n};
    snprintf(json, sizeof json,
             "{\"name\":\"x\",\"shape\":%s,\"datatype\":\"%s\",\"parameters\":{\"binary_data_size\":%zu}}",
             shape, type, n);
    bool good = understands_from(json, &binary);
    if (good)
        assert_int_equal(binary.n, 0);
    return good;
}

static void assert_refused(const char *json, const char *part) {
    assert_false(understands(json));
    assert_int_equal(err.code, ERR_INVALID_FIELD);
    if (!strstr(err.message, part))
        fail_msg("\"%s\" is not in \"%s\"", part, err.message);
}

static void assert_numbers(const double *wanted, size_t count) {
    struct tensor_reader r = tensor_reader(&t);
    assert_int_equal(t.count, count);
    for (size_t i = 0; i < count; i++) {
        struct tensor_value v = tensor_next(&r);
        double got = v.kind == TENSOR_IS_FLOAT  ? v.number
                     : v.kind == TENSOR_IS_INT  ? (double)v.integer
                     : v.kind == TENSOR_IS_UINT ? (double)v.positive
                     : v.kind == TENSOR_IS_BOOL ? v.flag
                                                : (double)NAN;
        if (got != wanted[i] && !(isnan(got) && isnan(wanted[i])))
            fail_msg("element %zu is %g, not %g", i, got, wanted[i]);
    }
}

static void json_flat_and_nested_are_the_same(void **state) {
    const double wanted[] = {1, 2, 3, 4, 5, 6};
    assert_true(
        understands("{\"name\":\"x\",\"shape\":[2,3],\"datatype\":\"INT32\",\"data\":[1,2,3,4,5,6]}"));
    assert_numbers(wanted, 6);
    assert_true(
        understands("{\"name\":\"x\",\"shape\":[2,3],\"datatype\":\"FP32\",\"data\":[[1,2,3],[4,5,6]]}"));
    assert_numbers(wanted, 6);
    assert_int_equal(t.rank, 2);
    assert_true(
        understands("{\"name\":\"x\",\"shape\":[2,1,3],\"datatype\":\"UINT8\",\"data\":[[[1,2,3]],[[4,5,6]]]"
                    ",\"more\":[9]}"));
    assert_numbers(wanted, 6);
    assert_true(understands("{\"name\":\"x\",\"shape\":[],\"datatype\":\"INT8\",\"data\":[-7]}"));
    assert_numbers((double[]){-7}, 1);
    assert_true(understands("{\"name\":\"x\",\"shape\":[0],\"datatype\":\"INT8\",\"data\":[]}"));
    assert_numbers(wanted, 0);
}

static void json_texts_and_truth_values(void **state) {
    assert_true(
        understands("{\"name\":\"x\",\"shape\":[2],\"datatype\":\"BYTES\",\"data\":[\"a\\u00e9\",\"\"]}"));
    struct tensor_reader r = tensor_reader(&t);
    struct tensor_value v = tensor_next(&r);
    assert_int_equal(v.kind, TENSOR_IS_BYTES);
    assert_true(str_eq(v.bytes, STR("a\xc3\xa9")));
    assert_int_equal(tensor_next(&r).bytes.n, 0);
    assert_true(understands("{\"name\":\"x\",\"shape\":[2],\"datatype\":\"BOOL\",\"data\":[true,false]}"));
    assert_numbers((double[]){1, 0}, 2);
}

static void shapes_that_do_not_fit_are_named(void **state) {
    assert_refused("{\"name\":\"x\",\"shape\":[2,2],\"datatype\":\"FP32\",\"data\":[1,2,3]}",
                   "\"x\" has 3 elements in its data; its shape [2, 2] says 4");
    assert_refused("{\"name\":\"x\",\"shape\":[2,2],\"datatype\":\"FP32\",\"data\":[[1,2],[3]]}",
                   "dimension 2");
    assert_refused("{\"name\":\"x\",\"shape\":[2,2],\"datatype\":\"FP32\",\"data\":[[1,2],3]}",
                   "dimension 2");
    assert_refused("{\"name\":\"x\",\"shape\":[1,1],\"datatype\":\"FP32\",\"data\":[[[]]]}", "nested deeper");
    assert_refused("{\"name\":\"x\",\"shape\":[1,1],\"datatype\":\"FP32\",\"data\":[[[1]]]}",
                   "nested deeper");
    assert_refused("{\"name\":\"x\",\"shape\":[1],\"datatype\":\"FP32\",\"data\":[[1]]}",
                   "wrong type at data[0]");
    assert_refused("{\"name\":\"x\",\"shape\":[-1],\"datatype\":\"FP32\",\"data\":[1]}", "entry 1");
    assert_refused("{\"name\":\"x\",\"shape\":[1.5],\"datatype\":\"FP32\",\"data\":[1]}", "entry 1");
    assert_refused("{\"name\":\"x\",\"shape\":[1,1,1,1,1,1,1,1,1],\"datatype\":\"FP32\",\"data\":[1]}",
                   "9 dimensions");
    assert_refused("{\"name\":\"x\",\"shape\":[4294967296,4294967296],\"datatype\":\"FP32\",\"data\":[1]}",
                   "more elements than");
    assert_refused("{\"name\":\"x\",\"datatype\":\"FP32\",\"data\":[1]}", "no \"shape\"");
}

static void types_that_do_not_fit_are_named(void **state) {
    assert_refused("{\"name\":\"x\",\"shape\":[1],\"datatype\":\"FP3\",\"data\":[1]}", "did you mean FP32?");
    assert_refused("{\"name\":\"x\",\"shape\":[1],\"data\":[1]}", "no \"datatype\"");
    assert_refused("{\"name\":\"x\",\"shape\":[2,2],\"datatype\":\"FP32\",\"data\":[[1,2],[3,\"4\"]]}",
                   "wrong type at data[1][1]: string; expected a number for FP32");
    assert_refused("{\"name\":\"x\",\"shape\":[2],\"datatype\":\"BYTES\",\"data\":[\"a\",4]}", "data[1]");
    assert_refused("{\"name\":\"x\",\"shape\":[1],\"datatype\":\"BOOL\",\"data\":[1]}", "true or false");
    assert_refused("{\"name\":\"x\",\"shape\":[1],\"datatype\":\"INT8\",\"data\":[128]}",
                   "no INT8; expected -128 to 127");
    assert_refused("{\"name\":\"x\",\"shape\":[1],\"datatype\":\"INT8\",\"data\":[-129]}", "no INT8");
    assert_refused("{\"name\":\"x\",\"shape\":[1],\"datatype\":\"UINT64\",\"data\":[-1]}", "no UINT64");
    assert_refused("{\"name\":\"x\",\"shape\":[1],\"datatype\":\"INT32\",\"data\":[1.0]}", "whole number");
    assert_refused("{\"name\":\"\",\"shape\":[1],\"datatype\":\"INT32\",\"data\":[1]}", "name has 0 bytes");
    assert_refused("{\"shape\":[1],\"datatype\":\"INT32\",\"data\":[1]}", "no \"name\"");
    assert_refused("[]", "expected an object");
    assert_refused("{\"name\":\"x\",\"shape\":[1],\"datatype\":\"INT32\"}", "neither \"data\" nor");
    assert_refused("{\"name\":\"x\",\"shape\":[1],\"datatype\":\"INT32\",\"data\":5}", "expected an array");
    assert_refused("{\"name\":\"x\",\"shape\":[1],\"datatype\":\"INT32\",\"data\":[1],\"parameters\":"
                   "{\"binary_data_size\":4}}",
                   "both");
    assert_refused("{\"name\":\"x\",\"shape\":[1],\"datatype\":\"INT32\",\"parameters\":"
                   "{\"shared_memory_region\":\"r\"}}",
                   "shared memory");
}

static void whole_numbers_reach_their_ends(void **state) {
    assert_true(understands(
        "{\"name\":\"x\",\"shape\":[1],\"datatype\":\"UINT64\",\"data\":[18446744073709551615]}"));
    struct tensor_reader r = tensor_reader(&t);
    assert_true(tensor_next(&r).positive == UINT64_MAX);
    assert_true(
        understands("{\"name\":\"x\",\"shape\":[1],\"datatype\":\"INT64\",\"data\":[-9223372036854775808]}"));
    r = tensor_reader(&t);
    assert_true(tensor_next(&r).integer == INT64_MIN);
}

/* Of each type the bytes that NumPy's tobytes gives on a little-endian machine. */
static void every_type_in_binary(void **state) {
    assert_true(understands_binary("BOOL", "[2]", "\1\0", 2));
    assert_numbers((double[]){1, 0}, 2);
    assert_true(understands_binary("UINT8", "[2]", "\xff\0", 2));
    assert_numbers((double[]){255, 0}, 2);
    assert_true(understands_binary("INT8", "[2]", "\xff\x7f", 2));
    assert_numbers((double[]){-1, 127}, 2);
    assert_true(understands_binary("UINT16", "[1]", "\xfe\xff", 2));
    assert_numbers((double[]){65534}, 1);
    assert_true(understands_binary("INT16", "[1]", "\xfe\xff", 2));
    assert_numbers((double[]){-2}, 1);
    assert_true(understands_binary("UINT32", "[1]", "\xfe\xff\xff\xff", 4));
    assert_numbers((double[]){4294967294}, 1);
    assert_true(understands_binary("INT32", "[1]", "\xfe\xff\xff\xff", 4));
    assert_numbers((double[]){-2}, 1);
    assert_true(understands_binary("UINT64", "[1]", "\0\0\0\0\0\0\0\x80", 8));
    assert_numbers((double[]){9223372036854775808.0}, 1);
    assert_true(understands_binary("INT64", "[1]", "\0\0\0\0\0\0\0\x80", 8));
    assert_numbers((double[]){-9223372036854775808.0}, 1);
    assert_true(understands_binary("FP32", "[2,1]", "\0\0\x80\x3f\0\0\x80\xff", 8));
    assert_numbers((double[]){1, (double)-INFINITY}, 2);
    assert_true(understands_binary("FP64", "[1]", "\0\0\0\0\0\0\xf8\x7f", 8));
    assert_numbers((double[]){(double)NAN}, 1);
    /* one, -2, the least subnormal, the greatest number, infinity */
    assert_true(understands_binary("FP16", "[5]", "\x00\x3c\x00\xc0\x01\x00\xff\x7b\x00\x7c", 10));
    assert_numbers((double[]){1, -2, 0x1p-24, 65504, (double)INFINITY}, 5);
    assert_true(understands_binary("BF16", "[2]", "\x80\x3f\x49\xc0", 4));
    assert_numbers((double[]){1, -3.140625}, 2);
}

static void binary_that_does_not_fit_is_named(void **state) {
    assert_false(understands_binary("FP32", "[2]", "\0\0\0\0\0\0\0", 7));
    assert_non_null(strstr(err.message, "has 7 bytes; its shape [2] of FP32 says 2 elements of 4 bytes"));
    assert_false(understands_binary("FP32", "[4611686018427387904]", "\0\0\0\0", 4));
    assert_false(understands_binary("BOOL", "[1]", "\2", 1));
    assert_non_null(strstr(err.message, "expected 0 or 1"));
    struct str few = STR("1234");
    assert_false(understands_from("{\"name\":\"x\",\"shape\":[1],\"datatype\":\"FP64\",\"parameters\":"
                                  "{\"binary_data_size\":8}}",
                                  &few));
    assert_non_null(strstr(err.message, "only 4 are left"));
    assert_false(understands_from("{\"name\":\"x\",\"shape\":[1],\"datatype\":\"FP64\",\"parameters\":"
                                  "{\"binary_data_size\":-8}}",
                                  &few));
    assert_int_equal(few.n, 4);
}

static void bytes_lie_behind_their_lengths(void **state) {
    assert_true(understands_binary("BYTES", "[3]", "\2\0\0\0ab\0\0\0\0\3\0\0\0x\0y", 17));
    struct tensor_reader r = tensor_reader(&t);
    assert_true(str_eq(tensor_next(&r).bytes, STR("ab")));
    assert_int_equal(tensor_next(&r).bytes.n, 0);
    struct tensor_value last = tensor_next(&r);
    assert_int_equal(last.bytes.n, 3);
    assert_memory_equal(last.bytes.p, "x\0y", 3);
    assert_false(understands_binary("BYTES", "[2]", "\2\0\0\0ab\3\0\0", 9));
    assert_non_null(strstr(err.message, "element 2 of 2"));
    assert_false(understands_binary("BYTES", "[1]", "\xff\xff\xff\xff", 4));
    assert_non_null(strstr(err.message, "element 1 of 1"));
    assert_false(understands_binary("BYTES", "[1]", "\1\0\0\0abc", 7));
    assert_non_null(strstr(err.message, "2 bytes behind its last element"));
    assert_false(understands_binary("BYTES", "[4000000000000]", "\0\0\0\0", 4));
}

/* As a client's JSON has the number, whatever it was packed in. */
static void numbers_are_written_as_short_as_they_can_be(void **state) {
    static const struct {
        double value;
        bool single;
        const char *text;
    } cases[] = {{0.1, false, "0.1"},
                 {(double)0.1F, true, "0.1"},
                 {(double)0.1F, false, "0.10000000149011612"},
                 {2, true, "2"},
                 {-0.0, false, "0"},
                 {1e300, false, "1e+300"},
                 {1.0 / 3, false, "0.3333333333333333"},
                 {(double)(1.0F / 3), true, "0.33333334"},
                 {123456.789, false, "123456.789"},
                 {(double)NAN, true, "null"},
                 {(double)INFINITY, false, "null"}};
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        AUTO_BUF out = BUF_INIT(100);
        struct json_writer w = JSON_WRITER(&out);
        tensor_write_number(&w, cases[i].value, cases[i].single);
        assert_string_equal(buf_terminated(&out), cases[i].text);
    }
}

static void numbers_come_back(void **state) {
    uint64_t seed = 7;
    for (int i = 0; i < 200000; i++) {
        seed = seed * 6364136223846793005U + 1442695040888963407U;
        uint32_t low = (uint32_t)(seed >> 32);
        float single;
        double value;
        memcpy(&single, &low, sizeof single);
        memcpy(&value, &seed, sizeof value);
        if (i % 2) { /* of the usual sizes */
            single = (float)(low % 2000000) / 1000 - 1000;
            value = (double)(seed >> 11) * 0x1p-53 * (i % 3 ? 1 : 1e6);
        }
        AUTO_BUF out = BUF_INIT(100);
        if (isfinite(single)) {
            tensor_write_number(&JSON_WRITER(&out), (double)single, true);
            if (strtof(buf_terminated(&out), NULL) != single)
                fail_msg("%.9g became %s", (double)single, out.p);
        }
        buf_clear(&out);
        if (isfinite(value)) {
            tensor_write_number(&JSON_WRITER(&out), value, false);
            if (strtod(buf_terminated(&out), NULL) != value)
                fail_msg("%.17g became %s", value, out.p);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(json_flat_and_nested_are_the_same, teardown),
        cmocka_unit_test_teardown(json_texts_and_truth_values, teardown),
        cmocka_unit_test_teardown(shapes_that_do_not_fit_are_named, teardown),
        cmocka_unit_test_teardown(types_that_do_not_fit_are_named, teardown),
        cmocka_unit_test_teardown(whole_numbers_reach_their_ends, teardown),
        cmocka_unit_test_teardown(every_type_in_binary, teardown),
        cmocka_unit_test_teardown(binary_that_does_not_fit_is_named, teardown),
        cmocka_unit_test_teardown(bytes_lie_behind_their_lengths, teardown),
        cmocka_unit_test(numbers_are_written_as_short_as_they_can_be),
        cmocka_unit_test(numbers_come_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
