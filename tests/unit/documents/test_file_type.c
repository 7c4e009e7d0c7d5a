#include "documents/file_type.h"

#include "../unit.h"

#include "base/buf.h"

#define PNG_HEAD "\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x20\0\0\0\x20\x08\0\0\0\0\0\0\0\0"
#define PNG_END  "\0\0\0\0IEND\xae\x42\x60\x82"
#define JPEG_HEAD                                                                                            \
    "\xff\xd8\xff\xe0\0\x10JFIF\0\1\1\0\0\1\0\1\0\0"                                                         \
    "\xff\xc0\0\x0b\x08\0\x20\0\x20\1\1\x11\0"
#define JPEG_SCAN "\xff\xda\0\x08\1\1\0\0\x3f\0abc\xff\0def\xff\xd9"
#define PDF       "%PDF-1.4\n1 0 obj\n<<>>\nendobj\ntrailer\n<<>>\n%%EOF\n"

static void expect_type(struct str bytes, enum file_type expected) {
    enum file_type type = FILE_TYPE_UNKNOWN;
    struct error err = {0};
    if (!file_type_detect(bytes, &type, &err))
        fail_msg("refused: %s", err.message);
    assert_int_equal(type, expected);
}

static void expect_refusal(struct str bytes, enum error_code code, const char *part) {
    enum file_type type = FILE_TYPE_UNKNOWN;
    struct error err = {0};
    assert_false(file_type_detect(bytes, &type, &err));
    if (err.code != code || !strstr(err.message, part))
        fail_msg("got %s: \"%s\", expected \"%s\" in it", error_name(err.code), err.message, part);
    assert_int_equal(type, FILE_TYPE_UNKNOWN);
}

static void the_content_decides(void **state) {
    (void)state;
    expect_type(STR(PDF), FILE_TYPE_PDF);
    expect_type(STR(JPEG_HEAD JPEG_SCAN), FILE_TYPE_JPEG);
    expect_type(STR(PNG_HEAD PNG_END), FILE_TYPE_PNG);
    expect_type(STR("Dear Sir or Madam,\nthe parcel did not arrive.\n"), FILE_TYPE_TEXT);
    expect_type(STR("Z\xc3\xbcrich, 3 \xe2\x82\xac"), FILE_TYPE_TEXT);
    expect_type(STR("id,text\n1,hello\n2,world\n"), FILE_TYPE_TEXT);
}

static void what_is_none_of_them_is_refused_by_name(void **state) {
    (void)state;
    expect_refusal(STR(""), ERR_FILE_EMPTY, "0 bytes");
    expect_refusal(STR("\x7f"
                       "ELF\2\1\1\0\0\0\0\0\0\0\0\0\2\0\x3e\0\1\0\0\0"),
                   ERR_FILE_TYPE, "send a PDF");
    expect_refusal(STR("MZ\x90\0\3\0\0\0\4\0\0\0\xff\xff\0\0"), ERR_FILE_TYPE, "send a PDF");
    expect_refusal(STR("GIF89a\1\0\1\0\x80\0\0"), ERR_FILE_TYPE, "image/gif");
    expect_refusal(STR("PK\3\4\x14\0\0\0\0\0"), ERR_FILE_TYPE, "a ZIP archive");
    expect_refusal(STR("#!/bin/sh\nrm -rf /\n"), ERR_FILE_TYPE, "send a PDF");
    expect_refusal(STR("<html><body><script>alert(1)</script></body></html>"), ERR_FILE_TYPE, "web page");
    expect_refusal(STR("plain until here \xff\xfe and then not"), ERR_FILE_TYPE, "UTF-8");
    expect_refusal(STR("text with a \1 control byte in it"), ERR_FILE_TYPE, "send a PDF");
}

static void a_file_is_one_thing_only(void **state) {
    (void)state;
    expect_refusal(STR(JPEG_HEAD JPEG_SCAN "PK\3\4 an archive"), ERR_FILE_TYPE, "ZIP");
    expect_refusal(STR(JPEG_HEAD JPEG_SCAN "padding PK\5\6 and its directory"), ERR_FILE_TYPE, "ZIP");
    expect_refusal(STR(JPEG_HEAD JPEG_SCAN "\n" PDF), ERR_FILE_TYPE, "PDF");
    expect_refusal(STR(PNG_HEAD PNG_END "MZ\x90\0 a program"), ERR_FILE_TYPE, "Windows program");
    expect_refusal(STR(PNG_HEAD PNG_END "\x7f"
                                        "ELF\2\1\1"),
                   ERR_FILE_TYPE, "ELF");
    expect_refusal(STR(PNG_HEAD PNG_END "<?php system($_GET[0]);"), ERR_FILE_TYPE, "PHP");
    expect_refusal(STR(PDF "PK\3\4 an archive PK\5\6"), ERR_FILE_TYPE, "ZIP");
    expect_refusal(STR("PK\3\4\x14\0\0\0" PDF), ERR_FILE_TYPE, "begins as a ZIP archive");
    expect_refusal(STR("\xff\xd8\xff\xfe\0\x12" PDF "\xff\xd9"), ERR_FILE_CORRUPT, "JPEG");
    expect_refusal(
        STR("\xff\xd8\xff\xfe\0\x0f%PDF-1.4 obj\n\xff\xc0\0\x0b\x08\0\x20\0\x20\1\1\x11\0" JPEG_SCAN),
        ERR_FILE_TYPE, "at once");
}

static void harmless_trailers_are_accepted(void **state) {
    (void)state;
    expect_type(STR(JPEG_HEAD JPEG_SCAN "\0\0\0\0SEFHk\0\0\0 camera data"), FILE_TYPE_JPEG);
    expect_type(STR(JPEG_HEAD JPEG_SCAN JPEG_HEAD JPEG_SCAN), FILE_TYPE_JPEG);
    expect_type(STR("\n\n" PDF), FILE_TYPE_PDF);
    expect_type(STR(PDF "\n\n\0\0"), FILE_TYPE_PDF);
}

static void a_pdf_header_may_come_late_but_not_too_late(void **state) {
    (void)state;
    struct buf file = BUF_INIT(8192);
    for (int i = 0; i < 1000; i++)
        buf_add_char(&file, 'x');
    buf_add_str(&file, STR(PDF));
    expect_type(buf_str(&file), FILE_TYPE_PDF);
    buf_clear(&file);
    for (int i = 0; i < 1100; i++)
        buf_add_char(&file, 'x');
    buf_add_str(&file, STR(PDF));
    expect_type(buf_str(&file), FILE_TYPE_TEXT);
    buf_free(&file);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_content_decides),
        cmocka_unit_test(what_is_none_of_them_is_refused_by_name),
        cmocka_unit_test(a_file_is_one_thing_only),
        cmocka_unit_test(harmless_trailers_are_accepted),
        cmocka_unit_test(a_pdf_header_may_come_late_but_not_too_late),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
