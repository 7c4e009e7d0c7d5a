#include "learn/document_rows.h"

#include "../unit.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[64];

static int make_folder(void **state) {
    strcpy(folder, "/tmp/penstock-rows-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state) {
    char command[128];
    snprintf(command, sizeof command, "rm -r '%s'", folder);
    return system(command);
}

static void put(const char *label, const char *name, struct str content) {
    char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, label);
    mkdir(path, 0700);
    snprintf(path, sizeof path, "%s/%s/%s", folder, label, name);
    FILE *out = fopen(path, "w");
    assert_non_null(out);
    assert_int_equal(fwrite(content.p, 1, content.n, out), content.n);
    assert_int_equal(fclose(out), 0);
}

/* Two pages would do; this has one, with a word on it. Readers rebuild the table that is missing. */
static const char pdf[] =
    "%PDF-1.4\n1 0 obj\n<</Type/Catalog/Pages 2 0 R>>\nendobj\n"
    "2 0 obj\n<</Type/Pages/Count 1/Kids[3 0 R]>>\nendobj\n"
    "3 0 obj\n<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 200]/Contents 4 0 R"
    "/Resources<</Font<</F 5 0 R>>>>>>\nendobj\n"
    "4 0 obj\n<</Length 38>>\nstream\nBT /F 20 Tf 20 100 Td (penstock) Tj ET \nendstream\nendobj\n"
    "5 0 obj\n<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>\nendobj\n"
    "trailer\n<</Size 6/Root 1 0 R>>\n%%EOF\n";

static void hands_out_files_in_the_order_of_their_names(void **state) {
    struct error err = {0};
    for (int i = 0; i < 30; i++) {
        char name[32], text[64];
        snprintf(name, sizeof name, "%02d.txt", i);
        snprintf(text, sizeof text, "this is letter number %d", i);
        put("letter", name, str_from(text));
    }
    put("bill", "a.pdf", str_from(pdf));
    put("bill", "b.png",
        STR("\x7f"
            "ELF no picture at all"));
    put("bill", "c.txt", STR(""));
    put("bill", ".hidden", STR("never looked at"));
    struct row_reader *reader = document_rows_open(folder, &err);
    if (!reader)
        fail_msg("%s", err.message);
    struct training_row row;
    assert_int_equal(reader->next(reader, &row, &err), ROW_GOOD);
    assert_str(row.label, "bill");
    assert_str(row.source, "bill/a.pdf");
    assert_str(str_slice(row.text, 0, 8), "penstock");
    assert_non_null(row.visual);
    assert_true(row.ocr_confidence >= 1);
    assert_int_equal(reader->next(reader, &row, &err), ROW_REJECTED);
    assert_str(row.source, "bill/b.png");
    assert_true(row.reason.n > 0);
    assert_int_equal(reader->next(reader, &row, &err), ROW_REJECTED);
    assert_str(row.source, "bill/c.txt");
    for (int i = 0; i < 30; i++) {
        char text[64];
        snprintf(text, sizeof text, "this is letter number %d", i);
        assert_int_equal(reader->next(reader, &row, &err), ROW_GOOD);
        assert_str(row.label, "letter");
        assert_str(row.text, text);
    }
    assert_int_equal(reader->next(reader, &row, &err), ROW_END);
    assert_int_equal(reader->next(reader, &row, &err), ROW_END);
    row_reader_free(reader);
}

static void may_be_given_up_half_way(void **state) {
    struct error err = {0};
    struct row_reader *reader = document_rows_open(folder, &err);
    assert_non_null(reader);
    struct training_row row;
    assert_int_equal(reader->next(reader, &row, &err), ROW_GOOD);
    row_reader_free(reader);
}

static void says_what_is_wrong_with_a_folder(void **state) {
    struct error err = {0};
    assert_null(document_rows_open("/nonexistent/folder", &err));
    assert_int_equal(err.code, ERR_IO);
    char path[256];
    snprintf(path, sizeof path, "%s/letter", folder);
    assert_null(document_rows_open(path, &err));
    assert_int_equal(err.code, ERR_DATA);
    assert_non_null(strstr(err.message, "sub-folder for each class"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hands_out_files_in_the_order_of_their_names),
        cmocka_unit_test(may_be_given_up_half_way),
        cmocka_unit_test(says_what_is_wrong_with_a_folder),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
