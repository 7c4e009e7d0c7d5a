#include "demo/folder.h"

#include "../unit.h"

#include "base/buf.h"
#include "base/hash.h"
#include "demo/papers.h"
#include "demo/phrase.h"
#include "demo/studio.h"
#include "demo/texts.h"
#include "demo/words.h"

#include <dirent.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder_path[64];

static int make_folder(void **state) {
    char path[PATH_MAX];
    strcpy(folder_path, "/tmp/penstock-demo-XXXXXX");
    if (!mkdtemp(folder_path))
        return -1;
    static const char *const names[] = {"documents", "holdout", "rules"};
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        snprintf(path, sizeof path, "%s/%s", folder_path, names[i]);
        if (mkdir(path, 0700) != 0)
            return -1;
    }
    return 0;
}

static int remove_folder(void **state) {
    char command[128];
    snprintf(command, sizeof command, "rm -r '%s'", folder_path);
    return system(command);
}

static uint64_t paper_hash(unsigned kind, uint64_t seed) {
    struct dice d = {seed};
    struct paper paper = {0};
    AUTO_BUF pdf = BUF_INIT(4 << 20);
    paper_kinds[kind].write(&d, &paper);
    sheet_write_pdf(paper.sheets, paper.count, &pdf);
    paper_free(&paper);
    assert_false(pdf.failed);
    return hash64(buf_str(&pdf), 0);
}

static void draws_the_same_from_a_seed_and_another_from_another(void **state) {
    for (unsigned kind = 0; kind < PAPER_KINDS; kind++)
        for (uint64_t seed = 0; seed < 40; seed++) {
            assert_int_equal(paper_hash(kind, seed), paper_hash(kind, seed));
            assert_int_not_equal(paper_hash(kind, seed), paper_hash(kind, seed + 1));
        }
}

static void read_command(const char *command, struct buf *out) {
    FILE *in = popen(command, "r");
    assert_non_null(in);
    for (int c; (c = fgetc(in)) != EOF;)
        buf_add_char(out, (char)c);
    assert_int_equal(pclose(in), 0);
}

static void writes_pdfs_that_poppler_reads_without_a_complaint(void **state) {
    struct sheet sheets[2] = {sheet_new(595, 842), sheet_new(200, 1000)};
    sheet_text(&sheets[0], 50, 50, FONT_SERIF_BOLD, 12, STR("a (b) \\ c £5 €6 Benoît ✓."));
    sheet_text(&sheets[1], 10, 30, FONT_TYPEWRITER, 9, STR("kept"));
    sheet_text(&sheets[1], 10, 900, FONT_TYPEWRITER, 9, STR("cut off"));
    sheet_cut(&sheets[1], 300);
    AUTO_BUF pdf = BUF_INIT(1 << 20);
    sheet_write_pdf(sheets, 2, &pdf);
    sheet_free(&sheets[0]);
    sheet_free(&sheets[1]);
    char path[128], command[256];
    struct error err;
    snprintf(path, sizeof path, "%s/x.pdf", folder_path);
    assert_true(demo_write_file(path, buf_str(&pdf), &err));
    AUTO_BUF text = BUF_INIT(1 << 16);
    snprintf(command, sizeof command, "pdftotext -enc UTF-8 %s - 2>&1", path);
    read_command(command, &text);
    assert_str(buf_str(&text), "a (b) \\ c £5 €6 Benoît ?.\n\n\fkept\n\n\f");
    buf_clear(&text);
    snprintf(command, sizeof command, "pdfinfo -l 2 %s 2>&1 | grep 'Page.*size'", path);
    read_command(command, &text);
    assert_non_null(strstr(buf_terminated(&text), "595 x 842"));
    assert_non_null(strstr(buf_terminated(&text), "200 x 300"));
}

static void keeps_paragraphs_inside_their_width(void **state) {
    struct sheet sheet = sheet_new(595, 842);
    double below = sheet_paragraph(&sheet, 40, 100, 120, FONT_SANS, 10, 12,
                                   STR("one two three four five six seven eight nine ten eleven"));
    /* Helvetica at 10: about 270 points of text, so three lines. */
    assert_float_equal(below, 136, 0.001);
    assert_true(sheet_text_width(FONT_SANS, 10, STR("one two three four five six")) > 110);
    sheet_free(&sheet);
    assert_float_equal(sheet_text_width(FONT_TYPEWRITER, 10, STR("12345")), 30, 0.001);
    assert_float_equal(sheet_text_width(FONT_SANS, 10, STR("0.0")), 13.9, 0.001);
}

static void expands_patterns(void **state) {
    struct dice d = {1};
    const struct phrase_slot slots[] = {{"name", "Ada"}, {NULL, NULL}};
    unsigned seen = 0;
    for (int i = 0; i < 200; i++) {
        AUTO_BUF out = BUF_INIT(100);
        phrase_write(&out, &d, slots, "[a[1|2]|b|] {name}.");
        static const char *const forms[] = {"a1 Ada.", "a2 Ada.", "b Ada.", " Ada."};
        unsigned form = 0;
        while (form < 4 && !str_eq(buf_str(&out), str_from(forms[form])))
            form++;
        assert_int_not_equal(form, 4);
        seen |= 1u << form;
    }
    assert_int_equal(seen, 15);
}

static void writes_money_and_dates(void **state) {
    const struct words_currency dollars = {"$", "", '.', ','}, euros = {"", " EUR", ',', '.'},
                                plain = {"", "", '.', 0};
    static const struct {
        long cents;
        const char *dollars, *euros, *plain;
    } cases[] = {{0, "$0.00", "0,00 EUR", "0.00"},
                 {7, "$0.07", "0,07 EUR", "0.07"},
                 {12345, "$123.45", "123,45 EUR", "123.45"},
                 {123456, "$1,234.56", "1.234,56 EUR", "1234.56"},
                 {123456789, "$1,234,567.89", "1.234.567,89 EUR", "1234567.89"},
                 {-123456, "$-1,234.56", "-1.234,56 EUR", "-1234.56"}};
    char text[WORDS_SIZE];
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        words_amount(&dollars, cases[i].cents, text);
        assert_string_equal(text, cases[i].dollars);
        words_amount(&euros, cases[i].cents, text);
        assert_string_equal(text, cases[i].euros);
        words_amount(&plain, cases[i].cents, text);
        assert_string_equal(text, cases[i].plain);
    }
    words_date(19782, 0, text);
    assert_string_equal(text, "2024-02-29");
    words_date(19782, 5, text);
    assert_string_equal(text, "February 29, 2024");
}

static void texts_are_one_line_of_utf8(void **state) {
    struct dice d = {3};
    for (unsigned i = 0; i < 7000; i++) {
        AUTO_BUF out = BUF_INIT(4096);
        text_write(&d, i % TEXT_INTENTS, &out);
        assert_false(out.failed);
        assert_in_range(out.n, 8, 400);
        assert_true(str_is_utf8(buf_str(&out), NULL));
        for (size_t c = 0; c < out.n; c++)
            if ((unsigned char)out.p[c] < 32 || strchr("[]{}|", out.p[c]))
                fail_msg("a text is not plain: %s", buf_terminated(&out));
    }
}

static void read_lines(const char *name, struct buf *out) {
    char command[128];
    snprintf(command, sizeof command, "cat %s/%s", folder_path, name);
    read_command(command, out);
}

static void holds_out_texts_that_are_not_trained_on(void **state) {
    struct demo_folder folder = {.path = folder_path, .texts = 150, .texts_held_out = 40, .seed = 9};
    struct error err;
    assert_true(demo_write_texts(&folder, &err));
    AUTO_BUF training = BUF_INIT(1 << 22);
    AUTO_BUF held_out = BUF_INIT(1 << 22);
    read_lines("support.csv", &training);
    read_lines("holdout/support.csv", &held_out);
    struct str rest = buf_str(&held_out);
    unsigned count = 0;
    assert_str(str_split(&rest, '\n'), "text,label");
    for (; rest.n > 0; count++) {
        struct str line = str_split(&rest, '\n');
        assert_int_equal(str_find(buf_str(&training), line), SIZE_MAX);
    }
    assert_int_equal(count, 40 * TEXT_INTENTS);
}

static unsigned count_files(const char *name, const char *ending) {
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/%s", folder_path, name);
    DIR *dir = opendir(path);
    assert_non_null(dir);
    unsigned count = 0;
    for (struct dirent *e; (e = readdir(dir));)
        count += str_ends(str_from(e->d_name), str_from(ending));
    closedir(dir);
    return count;
}

static void photographs_the_same_twice(void **state) {
    const char *camera = getenv("PENSTOCK_CAMERA");
    if (!camera) {
        print_message("skipped: PENSTOCK_CAMERA does not name penstock-demo-camera\n");
        skip();
    }
    struct demo_folder folder = {
        .path = folder_path, .documents = 2, .documents_held_out = 1, .seed = 5, .camera_program = camera};
    struct error err;
    uint64_t hashes[2];
    for (int round = 0; round < 2; round++) {
        if (!demo_write_documents(&folder, &err))
            fail_msg("%s", err.message);
        AUTO_BUF photo = BUF_INIT(8 << 20);
        read_lines("holdout/receipt-001.jpg", &photo);
        assert_true(str_starts(buf_str(&photo), STR("\xff\xd8\xff")));
        hashes[round] = hash64(buf_str(&photo), 0);
    }
    assert_int_equal(hashes[0], hashes[1]);
    assert_int_equal(count_files("holdout", ".jpg") + count_files("holdout", ".pdf"), PAPER_KINDS);
    assert_int_equal(count_files("documents/letter", ".jpg") + count_files("documents/letter", ".pdf"), 2);
    assert_int_equal(count_files(".", "photographs-0"), 0);
}

static void says_which_camera_is_missing_or_broken(void **state) {
    struct demo_folder folder = {.path = folder_path,
                                 .documents = 1,
                                 .documents_held_out = 1,
                                 .seed = 5,
                                 .camera_program = "/nonexistent"};
    struct error err;
    assert_false(demo_write_documents(&folder, &err));
    assert_string_equal(err.message, "/nonexistent cannot be run: No such file or directory");
    folder.camera_program = "/bin/false";
    assert_false(demo_write_documents(&folder, &err));
    assert_non_null(strstr(err.message, "/bin/false ended with status 1"));
    assert_int_equal(count_files(".", "photographs-0"), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(draws_the_same_from_a_seed_and_another_from_another),
        cmocka_unit_test(writes_pdfs_that_poppler_reads_without_a_complaint),
        cmocka_unit_test(keeps_paragraphs_inside_their_width),
        cmocka_unit_test(expands_patterns),
        cmocka_unit_test(writes_money_and_dates),
        cmocka_unit_test(texts_are_one_line_of_utf8),
        cmocka_unit_test(holds_out_texts_that_are_not_trained_on),
        cmocka_unit_test(photographs_the_same_twice),
        cmocka_unit_test(says_which_camera_is_missing_or_broken),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
