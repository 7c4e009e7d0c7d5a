#include "../unit.h"

#include "../store/folder.h"

#include "learn/dataset.h"
#include "learn/document_rows.h"
#include "learn/noted_rows.h"

#include <sys/stat.h>

static struct test_folder folder;
static struct error err;

static int setup(void **state) {
    folder_make(&folder);
    err = (struct error){0};
    return 0;
}

static int teardown(void **state) {
    folder_remove(&folder);
    return 0;
}

static const char *write_file(const char *name, const char *text) {
    static char path[512];
    snprintf(path, sizeof path, "%s/%s", folder.path, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
    return path;
}

static void make_folder(const char *name) {
    char path[512];
    snprintf(path, sizeof path, "%s/%s", folder.path, name);
    assert_int_equal(mkdir(path, 0700), 0);
}

/* Reads all of `reader`, which is freed, and takes what was noted; the number of rejected rows. */
static size_t note_all(struct row_reader *reader, struct noted_rows *out) {
    size_t rejected = 0;
    if (!reader)
        fail_msg("%s", err.message);
    struct row_reader *noting = noting_reader_open(reader, &err);
    assert_non_null(noting);
    assert_int_equal(noting->column_count, reader->column_count);
    for (;;) {
        struct training_row row = {0};
        enum row_status status = noting->next(noting, &row, &err);
        assert_int_not_equal(status, ROW_FAILED);
        if (status == ROW_END)
            break;
        rejected += status == ROW_REJECTED;
        assert_true(status != ROW_REJECTED || row.reason.n > 0);
    }
    assert_true(noted_rows_take(noting, out, &err));
    row_reader_free(noting);
    row_reader_free(reader);
    return rejected;
}

static void assert_row(const struct noted_rows *n, size_t at, const char *path, uint64_t line,
                       const char *label, const char *content) {
    const struct dataset_row *row = &n->manifest.rows[at];
    unsigned char hash[SHA256_SIZE];
    assert_true(at < n->manifest.count);
    assert_str(row->path, path);
    assert_int_equal(row->line, line);
    assert_str(n->manifest.labels[row->label], label);
    assert_int_equal(row->size, strlen(content));
    sha256(str_from(content), hash);
    assert_memory_equal(row->hash, hash, DATASET_ROW_HASH_SIZE);
}

static void texts_are_noted_as_a_request_hashes_them(void **state) {
    static const char text[] =
        "text,label,split\nHello,a,train\n\"win, \"\"now\"\"\",b,train\nother,a,test\n,b,train\n";
    struct csv_rows_options o = {.filters = {{"split", "train", false}}, .filter_count = 1};
    struct noted_rows n;
    assert_int_equal(note_all(csv_rows_open(write_file("t.csv", text), &o, &err), &n), 1);
    assert_int_equal(n.manifest.kind, DATASET_TABLE);
    assert_int_equal(n.manifest.count, 2); /* the rejected one is none, and those of another split */
    assert_row(&n, 0, "", 2, "a", "Hello");
    assert_row(&n, 1, "", 3, "b", "win, \"now\"");
    assert_int_equal(n.manifest.file_size, strlen(text));
    unsigned char hash[SHA256_SIZE];
    sha256(str_from(text), hash); /* as it lies on the disk, not as it was unquoted */
    assert_memory_equal(n.manifest.file_hash, hash, sizeof hash);
    noted_rows_free(&n);
}

static void cells_are_told_apart_by_their_columns(void **state) {
    struct noted_rows n;
    note_all(csv_rows_open(write_file("t.csv", "x,y,label\n1,2,a\n12,,a\n1,2,b\n2,1,a\n"),
                           &(struct csv_rows_options){0}, &err),
             &n);
    assert_int_equal(n.manifest.count, 4);
    for (size_t i = 0; i < 4; i++)
        for (size_t k = i + 1; k < 4; k++) {
            bool same = memcmp(n.manifest.rows[i].hash, n.manifest.rows[k].hash, DATASET_ROW_HASH_SIZE) == 0;
            assert_int_equal(same, i == 0 && k == 2); /* alike but for the label */
        }
    noted_rows_free(&n);
}

static void files_are_noted_with_or_without_being_understood(void **state) {
    struct noted_rows read, listed;
    make_folder("b");
    make_folder("a-b");
    write_file("b/1.txt", "one text");
    write_file("b/2.bin", "\x01\x02\x03");
    write_file("a-b/3.txt", "another");
    size_t rejected = note_all(document_rows_open(folder.path, &err), &read);
    assert_int_equal(rejected, 1); /* nobody can read 2.bin, and it belongs to the dataset */
    assert_int_equal(note_all(document_files_open(folder.path, &err), &listed), 0);
    assert_string_equal(read.hash, listed.hash);
    assert_int_equal(read.manifest.kind, DATASET_FILES);
    assert_int_equal(read.manifest.count, 3);
    assert_row(&read, 0, "a-b/3.txt", 0, "a-b", "another");
    assert_row(&read, 1, "b/1.txt", 0, "b", "one text");
    assert_row(&read, 2, "b/2.bin", 0, "b", "\x01\x02\x03");
    write_file("b/1.txt", "one text, changed");
    noted_rows_free(&listed);
    note_all(document_files_open(folder.path, &err), &listed);
    assert_string_not_equal(read.hash, listed.hash);
    noted_rows_free(&read);
    noted_rows_free(&listed);
}

static void a_name_that_cannot_stand_in_a_manifest_is_rejected(void **state) {
    struct noted_rows n;
    make_folder("a");
    write_file("a/fine.txt", "text");
    write_file("a/\xff.txt", "text");
    assert_int_equal(note_all(document_files_open(folder.path, &err), &n), 1);
    assert_int_equal(n.manifest.count, 1);
    noted_rows_free(&n);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(texts_are_noted_as_a_request_hashes_them, setup, teardown),
        cmocka_unit_test_setup_teardown(cells_are_told_apart_by_their_columns, setup, teardown),
        cmocka_unit_test_setup_teardown(files_are_noted_with_or_without_being_understood, setup, teardown),
        cmocka_unit_test_setup_teardown(a_name_that_cannot_stand_in_a_manifest_is_rejected, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
