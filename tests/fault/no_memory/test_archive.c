/* Datasets, tags and archives while every allocation fails in turn: each says that memory is out, changes
 * nothing and leaks nothing. */
#include "store/archive.h"
#include "store/blobs.h"
#include "store/evaluations.h"
#include "store/sql.h"

#include "../../unit/store/folder.h"
#include "../../unit/unit.h"
#include "failing_json.h"
#include "until_enough.h"

static struct test_folder here, there;
static struct store *store, *other;
static struct error err;
static char path[256];

static int setup(void **state) {
    folder_make(&here);
    folder_make(&there);
    snprintf(path, sizeof path, "%s/a.tar", here.path);
    return store_open(&store, here.path, &err) && store_open(&other, there.path, &err) ? 0 : -1;
}

static int teardown(void **state) {
    store_close(store);
    store_close(other);
    folder_remove(&here);
    folder_remove(&there);
    return 0;
}

static bool add_dataset(void) {
    struct dataset_manifest m;
    struct dataset_record r;
    struct buf text = {0};
    bool added;
    if (!dataset_manifest_begin(&m, DATASET_FILES, &err))
        return false;
    bool good = true;
    for (int i = 0; good && i < 300; i++) {
        char name[32], label[8];
        struct dataset_row row = {.path = STR(""), .size = 1};
        snprintf(name, sizeof name, "a/%d", i);
        snprintf(label, sizeof label, "l%d", i % 3);
        row.path = str_from(name);
        good = dataset_manifest_add(&m, str_from(label), &row, &err);
    }
    good = good && dataset_manifest_finish(&m, &text, &err) &&
           datasets_add(store, "papers", "here", &m, buf_str(&text), &r, &added, &err);
    buf_free(&text);
    dataset_manifest_free(&m);
    return good;
}

static void count_change(enum dataset_change change, const struct dataset_row *a, const struct dataset_row *b,
                         void *ctx) {
    fail_msg("a dataset differs from itself");
}

static bool compare_dataset(void) {
    struct dataset_record r;
    struct dataset_manifest m;
    size_t same = 0;
    if (!datasets_find(store, "papers", 1, &r, &err) || !datasets_load(store, r.manifest, &m, &err))
        return false;
    bool good = dataset_manifest_diff(&m, &m, &same, count_change, NULL, &err);
    assert_true(!good || same == 300);
    dataset_manifest_free(&m);
    return good;
}

static bool add_version(void) {
    struct dataset_record r;
    char manifest[256];
    unsigned version;
    if (!datasets_find(store, "papers", 1, &r, &err))
        return false;
    snprintf(manifest, sizeof manifest, "{\"dataset\":{\"manifest\":\"%s\"}}", r.manifest);
    return registry_add_version(store, "m", "linear", STR("artefact"), str_from(manifest), &version, &err);
}

static bool add_suite(void) {
    struct suite_record r = {
        .name = "routing", .file_count = 1, .files = {{.name = "routing.yaml", .size = 4}}};
    struct evaluation_record e = {.suite = "routing", .model = "m", .version = 1, .report = (char[]){"{}"}};
    bool added;
    if (!blob_put(here.path, STR("yaml"), r.files[0].hash, &err))
        return false;
    memset(r.hash, 'a', 64);
    memcpy(e.suite_hash, r.hash, sizeof e.suite_hash);
    return suites_add(store, &r, &added, &err) && evaluations_add(store, &e, &err) &&
           suites_find(store, "routing", 1, &r, &err);
}

static bool set_tag(void) {
    struct tag tag = {.subject = TAG_MODEL, .name = "m", .version = 1};
    bool changed;
    return tag_parse(STR("stage=production"), false, &tag, &err) && tags_set(store, &tag, &changed, &err);
}

static bool export_version(void) {
    const struct archive_wish wish = {.versions = &(struct archive_reference){"m", 1}, .version_count = 1};
    uint64_t bytes;
    return archive_export(store, &wish, path, &bytes, &err);
}

static bool import_version(void) {
    const struct archive_import how = {0};
    int64_t rows;
    if (archive_import(other, path, &how, &err))
        return true;
    allocations_left = -1;
    assert_true(sql_number(other, "SELECT (SELECT count(*) FROM versions) + (SELECT count(*) FROM datasets)",
                           &rows, NULL));
    assert_int_equal(rows, 0);
    return false;
}

static void everything_is_whole_or_not_at_all(void **state) {
    int64_t rows;
    assert_true(until_enough(add_dataset, &err) > 0);
    assert_true(until_enough(compare_dataset, &err) > 0);
    assert_true(until_enough(add_version, &err) > 0);
    assert_true(sql_number(store, "SELECT count(*) FROM versions", &rows, &err));
    assert_int_equal(rows, 1);
    assert_true(set_tag());
    assert_true(until_enough(add_suite, &err) > 0);
    assert_true(until_enough(export_version, &err) > 0);
    assert_true(until_enough(import_version, &err) > 0);
    assert_true(
        sql_number(other, "SELECT (SELECT count(*) FROM tags) + (SELECT count(*) FROM suites)", &rows, &err));
    assert_int_equal(rows, 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(everything_is_whole_or_not_at_all, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
