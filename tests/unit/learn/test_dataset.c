#include "../unit.h"

#include "learn/csv.h"
#include "learn/dataset.h"

#include <stdio.h>
#include <unistd.h>

static struct row_reader *open_text(const char *text, size_t n, const struct csv_rows_options *o,
                                    struct error *err) {
    char path[] = "/tmp/penstock-test-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, n), n);
    close(fd);
    struct row_reader *reader = csv_rows_open(path, o, err);
    unlink(path);
    return reader;
}

static bool load(const char *text, const struct csv_rows_options *o, struct dataset *d, struct error *err) {
    struct dataset_limits limits = {.rejected_share = 0.05, .least_per_label = 2};
    struct row_reader *reader = open_text(text, strlen(text), o, err);
    bool ok = reader && dataset_load(d, reader, &limits, err);
    row_reader_free(reader);
    return ok;
}

static void refuse(const char *text, const struct csv_rows_options *o, const char *expected) {
    struct dataset d;
    struct error err = {0};
    assert_false(load(text, o, &d, &err));
    assert_int_equal(err.code, ERR_DATA);
    if (!strstr(err.message, expected))
        fail_msg("\"%s\" does not say \"%s\"", err.message, expected);
    assert_non_null(strstr(err.message, expected));
}

static const struct csv_rows_options none;

static void test_bad_data_gets_clear_errors(void **state) {
    refuse("", &none, "is empty; expected a header line and rows");
    refuse("text,label\n", &none, "There are no rows");
    refuse("text,label\nhello,a\nworld,a\n", &none, "All 2 rows have the label \"a\"");
    refuse("text,label\nhello,a\nworld,a\nlonely,b\n", &none, "The label \"b\" has only 1 row");
    refuse("text,label\nhello,a\nthree,columns,here\n", &none, ":3: 3 columns, expected the header's 2");
    refuse("text,label\nhello,a\nbad\xff,a\n", &none, ":3: column \"text\" is not valid UTF-8 at its byte 3");
    refuse("text,label\nhello,\n", &none, ":2: the label is empty");
    refuse("text,label\n \"\",a\nx,a\n", &none, "expected two labels");
    refuse("text,label\n\"never ends,a\nx,a\n", &none, ":2: a quoted field that begins here does not end");
    refuse("text,label\n\"ends\" badly,a\n", &none, "is followed by ' '");
}

static void test_missing_column_names_those_found(void **state) {
    refuse("body,topic\nx,a\n", &none,
           "none of the columns looks like the label; name it with --label. Found: body, "
           "topic.");
    refuse("text,intent\nx,a\n", &(struct csv_rows_options){.label = "intnet"},
           "no label column \"intnet\"; did you mean \"intent\"? Found: text, intent.");
    refuse("text,intent\nx,a\n", &(struct csv_rows_options){.text = "qqqqqqqq"},
           "no text column \"qqqqqqqq\". Found: text, intent.");
}

static void test_quoting_separators_and_line_ends(void **state) {
    struct dataset d;
    struct error err = {0};
    assert_true(load("\xef\xbb\xbflabel;text\r\na;\"one; \"\"two\"\"\nthree\"\r\n\r\na;x\r\nb;y\r\nb;z",
                     &none, &d, &err));
    assert_int_equal(d.count, 4);
    assert_str(d.rows[0].text, "one; \"two\"\nthree");
    assert_str(d.rows[3].text, "z");
    assert_int_equal(d.label_count, 2);
    dataset_free(&d);
}

static void test_filters_keep_rows_out(void **state) {
    static const char text[] =
        "text,intent,split\n1,a,train\n2,a,train\n3,b,train\n4,b,train\n5,a,test\n6,oos,train\n";
    struct csv_rows_options o = {.filters = {{"split", "train", false}, {"intent", "oos", true}},
                                 .filter_count = 2};
    struct dataset d;
    struct error err = {0};
    assert_true(load(text, &o, &d, &err));
    assert_int_equal(d.count, 4);
    for (size_t i = 0; i < d.count; i++)
        assert_true(d.rows[i].text.p[0] >= '1' && d.rows[i].text.p[0] <= '4');
    dataset_free(&d);
    o.filters[0].column = "spilt";
    refuse(text, &o, "no filter column \"spilt\"; did you mean \"split\"?");
}

static void test_few_bad_rows_are_counted_and_shown(void **state) {
    char text[4096] = "text,label\nbad row\n";
    for (int i = 0; i < 40; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "word%d,%c\n", i, 'a' + i % 2);
    struct dataset d;
    struct error err = {0};
    assert_true(load(text, &none, &d, &err));
    assert_int_equal(d.count, 40);
    assert_int_equal(d.rejected, 1);
    assert_non_null(strstr(d.reasons[0], ":2: 1 columns, expected the header's 2"));
    dataset_free(&d);
}

static void test_hash_is_of_the_rows_not_of_their_order(void **state) {
    struct dataset a, b, c;
    struct error err = {0};
    char x[65], y[65], z[65];
    assert_true(load("text,label\n1,a\n2,a\n3,b\n4,b\n", &none, &a, &err));
    assert_true(load("label,text\nb,4\na,2\nb,3\na,1\n", &none, &b, &err));
    assert_true(load("text,label\n1,a\n2,a\n3,b\n5,b\n", &none, &c, &err));
    assert_true(dataset_hash(&a, x, &err) && dataset_hash(&b, y, &err) && dataset_hash(&c, z, &err));
    assert_string_equal(x, y);
    assert_string_not_equal(x, z);
    dataset_free(&a);
    dataset_free(&b);
    dataset_free(&c);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bad_data_gets_clear_errors),
        cmocka_unit_test(test_missing_column_names_those_found),
        cmocka_unit_test(test_quoting_separators_and_line_ends),
        cmocka_unit_test(test_filters_keep_rows_out),
        cmocka_unit_test(test_few_bad_rows_are_counted_and_shown),
        cmocka_unit_test(test_hash_is_of_the_rows_not_of_their_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
