#include "guard/schema.h"

#include "../unit.h"

#include <stdio.h>

/* What the official suite (test_schema_suite.c) does not ask: places, words, bounds, refusals. */

static struct schema *compile(const char *text, struct error *err) {
    yyjson_doc *doc = json_parse(str_from(text), err);
    assert_non_null(doc);
    struct schema *schema = schema_compile(yyjson_doc_get_root(doc), NULL, err);
    yyjson_doc_free(doc); /* the schema has its own copy */
    return schema;
}

static enum schema_outcome check(const char *schema_text, const char *instance,
                                 struct schema_verdict *verdict) {
    struct error err;
    struct schema *schema = compile(schema_text, &err);
    assert_non_null(schema);
    yyjson_doc *doc = json_parse(str_from(instance), &err);
    assert_non_null(doc);
    enum schema_outcome outcome = schema_check(schema, yyjson_doc_get_root(doc), 0, verdict);
    yyjson_doc_free(doc);
    schema_unref(schema);
    return outcome;
}

static void assert_fault(const struct schema_fault *f, const char *pointer, const char *keyword,
                         const char *expected, const char *found) {
    assert_string_equal(f->pointer, pointer);
    assert_string_equal(f->keyword, keyword);
    assert_string_equal(f->expected, expected);
    assert_string_equal(f->found, found);
}

static void test_faults_say_where_and_what(void **state) {
    struct schema_verdict v;
    const char *schema =
        "{\"type\":\"object\",\"required\":[\"id\"],\"additionalProperties\":false,\"properties\":{"
        "\"items\":{\"type\":\"array\",\"items\":{\"type\":[\"integer\",\"null\"],\"maximum\":9}},"
        "\"a/b~\":{\"enum\":[\"x\",2]},\"n\":{\"minLength\":3}}}";
    assert_int_equal(
        check(schema, "{\"items\":[1,\"two\",10],\"a/b~\":\"y\",\"n\":\"\xc3\xa4\xc3\xa4\",\"z\":1}", &v),
        SCHEMA_INVALID);
    assert_int_equal(v.count, 6);
    assert_int_equal(v.kept, 6);
    assert_fault(&v.faults[0], "", "required", "the property \"id\"", "no such property");
    assert_fault(&v.faults[1], "/z", "additionalProperties", "no property of this name", "the number 1");
    assert_fault(&v.faults[2], "/items/1", "type", "null or integer", "the string \"two\"");
    assert_fault(&v.faults[3], "/items/2", "maximum", "a number of at most 9", "the number 10");
    assert_fault(&v.faults[4], "/a~1b~0", "enum", "one of \"x\",2", "the string \"y\"");
    assert_fault(&v.faults[5], "/n", "minLength", "at least 3 characters", "2 characters");
}

static void test_explanations(void **state) {
    struct schema_verdict v;
    AUTO_BUF line = BUF_INIT(4096);
    AUTO_BUF lines = BUF_INIT(8192);
    assert_int_equal(check("{\"items\":{\"type\":\"integer\"}}", "[\"a\",\"b\",true]", &v), SCHEMA_INVALID);
    schema_explain(&v, &line);
    assert_str(buf_str(&line), "/0: expected integer, found the string \"a\" (and 2 more)");
    schema_explain_briefly(&v, &lines);
    assert_str(buf_str(&lines), "- at /0: expected integer, found the string \"a\"\n"
                                "- at /1: expected integer, found the string \"b\"\n"
                                "- at /2: expected integer, found true\n");
}

static void test_nearest_alternative(void **state) {
    struct schema_verdict v;
    const char *schema = "{\"anyOf\":[{\"type\":\"object\",\"required\":[\"a\",\"b\",\"c\"]},"
                         "{\"type\":\"object\",\"required\":[\"x\"]},{\"type\":\"string\"}]}";
    assert_int_equal(check(schema, "{\"y\":1}", &v), SCHEMA_INVALID);
    assert_int_equal(v.count, 2);
    assert_string_equal(v.faults[0].keyword, "anyOf");
    assert_fault(&v.faults[1], "", "required", "the property \"x\"", "no such property");
}

static void test_many_faults_are_counted(void **state) {
    struct schema_verdict v;
    assert_int_equal(check("{\"items\":false}", "[1,2,3,4,5,6,7,8,9,10]", &v), SCHEMA_INVALID);
    assert_int_equal(v.count, 10);
    assert_int_equal(v.kept, SCHEMA_FAULTS_MAX);
}

static void test_long_values_are_cut_at_characters(void **state) {
    struct schema_verdict v;
    char text[1200] = "\"";
    for (int i = 0; i < 300; i++)
        strcat(text, i % 2 ? "\xe2\x82\xac" : "x");
    strcat(text, "\"");
    assert_int_equal(check("{\"type\":\"null\"}", text, &v), SCHEMA_INVALID);
    assert_true(str_is_utf8(str_from(v.faults[0].found), NULL));
    assert_true(strlen(v.faults[0].found) > 100);
}

static void test_malformed_schemas_are_refused_with_their_place(void **state) {
    static const struct {
        const char *schema, *place, *words;
    } cases[] = {
        {"7", "", "a schema is an object"},
        {"{\"properties\":{\"a\":{\"type\":\"integr\"}}}", "/properties/a/type", "expected one"},
        {"{\"items\":{\"minimum\":\"3\"}}", "/items/minimum", "expected a number"},
        {"{\"allOf\":[true,{\"maxItems\":-1}]}", "/allOf/1/maxItems", "whole number"},
        {"{\"required\":\"a\"}", "/required", "array of strings"},
        {"{\"pattern\":\"(\"}", "/pattern", "not a regular expression"},
        {"{\"multipleOf\":0}", "/multipleOf", "above 0"},
        {"{\"$ref\":\"#/$defs/none\"}", "/$ref", "leads nowhere"},
        {"{\"items\":{\"$ref\":\"https://example.com/s.json\"}}", "/items/$ref", "another document"},
        {"{\"$defs\":{\"a\":{\"unevaluatedProperties\":false}}}", "/$defs/a/unevaluatedProperties",
         "not supported"},
        {"{\"$dynamicRef\":\"#a\"}", "/$dynamicRef", "not supported"},
        {"{\"$schema\":\"https://example.com/meta\"}", "/$schema", "meta-schemas"},
        {"{\"$id\":\"a#b\"}", "", "no fragment"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct error err = {0};
        assert_null(compile(cases[i].schema, &err));
        assert_int_equal(err.code, ERR_INVALID_FIELD);
        assert_string_equal(err.param, cases[i].place);
        if (!strstr(err.message, cases[i].words))
            fail_msg("\"%s\" does not say \"%s\"", err.message, cases[i].words);
    }
}

static void test_endless_references_end(void **state) {
    struct schema_verdict v;
    assert_int_equal(check("{\"$ref\":\"#\"}", "1", &v), SCHEMA_UNDECIDED);
    assert_non_null(strstr(v.faults[0].found, "refers to itself"));
    assert_int_equal(check("{\"$defs\":{\"a\":{\"$ref\":\"#/$defs/b\"},\"b\":{\"$ref\":\"#/$defs/a\"}},"
                           "\"not\":{\"$ref\":\"#/$defs/a\"}}",
                           "1", &v),
                     SCHEMA_UNDECIDED);
}

static void test_recursion_over_the_instance_is_fine(void **state) {
    const char *tree = "{\"type\":\"object\",\"properties\":{\"v\":{\"type\":\"integer\"},"
                       "\"kids\":{\"type\":\"array\",\"items\":{\"$ref\":\"#\"}}},\"required\":[\"v\"]}";
    struct schema_verdict v;
    assert_int_equal(check(tree, "{\"v\":1,\"kids\":[{\"v\":2,\"kids\":[{\"v\":3}]}]}", &v), SCHEMA_VALID);
    assert_int_equal(check(tree, "{\"v\":1,\"kids\":[{\"v\":2,\"kids\":[{}]}]}", &v), SCHEMA_INVALID);
    assert_string_equal(v.faults[0].pointer, "/kids/0/kids/0");
}

/* Two alternatives at each of many levels would be 2^40 paths. */
static void test_hostile_alternatives_are_undecided(void **state) {
    AUTO_BUF text = BUF_INIT(1 << 20);
    struct schema_verdict v;
    buf_printf(&text, "{\"$defs\":{\"n40\":false");
    for (int i = 39; i >= 0; i--)
        buf_printf(&text, ",\"n%d\":{\"anyOf\":[{\"$ref\":\"#/$defs/n%d\"},{\"$ref\":\"#/$defs/n%d\"}]}", i,
                   i + 1, i + 1);
    buf_printf(&text, "},\"$ref\":\"#/$defs/n0\"}");
    assert_int_equal(check(buf_terminated(&text), "1", &v), SCHEMA_UNDECIDED);
    assert_int_equal(check(buf_terminated(&text), "1", NULL), SCHEMA_UNDECIDED);
    assert_non_null(strstr(v.faults[0].found, "too many steps"));
}

static void test_hostile_patterns_are_undecided(void **state) {
    struct schema_verdict v;
    const char *text = "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!\"";
    assert_int_equal(check("{\"pattern\":\"^(a+)+$\"}", text, &v), SCHEMA_UNDECIDED);
    assert_int_equal(check("{\"not\":{\"pattern\":\"^(a+)+$\"}}", text, &v), SCHEMA_UNDECIDED);
}

static void test_large_arrays_of_unique_items(void **state) {
    AUTO_BUF text = BUF_INIT(1 << 20);
    struct schema_verdict v;
    buf_add_char(&text, '[');
    for (int i = 0; i < 20000; i++)
        buf_printf(&text, "%d,", i);
    buf_printf(&text, "20000]");
    assert_int_equal(check("{\"uniqueItems\":true}", buf_terminated(&text), &v), SCHEMA_VALID);
    text.n--;
    buf_printf(&text, ",77.0]");
    assert_int_equal(check("{\"uniqueItems\":true}", buf_terminated(&text), &v), SCHEMA_INVALID);
    assert_string_equal(v.faults[0].found, "equal ones at 77 and 20001");
}

static void test_formats_are_annotations_unless_asked(void **state) {
    struct error err;
    struct schema_verdict v;
    assert_int_equal(check("{\"format\":\"date\"}", "\"never\"", &v), SCHEMA_VALID);
    yyjson_doc *doc = json_parse(STR("{\"format\":\"date\"}"), &err);
    struct schema_options options = {.assert_formats = true};
    struct schema *schema = schema_compile(yyjson_doc_get_root(doc), &options, &err);
    yyjson_doc *value = json_parse(STR("\"2024-02-30\""), &err);
    assert_int_equal(schema_check(schema, yyjson_doc_get_root(value), 0, &v), SCHEMA_INVALID);
    yyjson_doc_free(value);
    yyjson_doc_free(doc);
    schema_unref(schema);
}

static void test_too_deep_and_too_many(void **state) {
    AUTO_BUF text = BUF_INIT(4 << 20);
    struct error err;
    buf_printf(&text, "{\"allOf\":[true");
    for (int i = 0; i < SCHEMA_NODES_MAX; i++)
        buf_printf(&text, ",{}");
    buf_printf(&text, "]}");
    assert_null(compile(buf_terminated(&text), &err));
    assert_non_null(strstr(err.message, "more than 20000 schemas"));
    buf_clear(&text);
    buf_printf(&text, "{\"title\":\"%0*d\"}", SCHEMA_BYTES_MAX, 1);
    assert_null(compile(buf_terminated(&text), &err));
    assert_non_null(strstr(err.message, "bytes"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_faults_say_where_and_what),
        cmocka_unit_test(test_explanations),
        cmocka_unit_test(test_nearest_alternative),
        cmocka_unit_test(test_many_faults_are_counted),
        cmocka_unit_test(test_long_values_are_cut_at_characters),
        cmocka_unit_test(test_malformed_schemas_are_refused_with_their_place),
        cmocka_unit_test(test_endless_references_end),
        cmocka_unit_test(test_recursion_over_the_instance_is_fine),
        cmocka_unit_test(test_hostile_alternatives_are_undecided),
        cmocka_unit_test(test_hostile_patterns_are_undecided),
        cmocka_unit_test(test_large_arrays_of_unique_items),
        cmocka_unit_test(test_formats_are_annotations_unless_asked),
        cmocka_unit_test(test_too_deep_and_too_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
