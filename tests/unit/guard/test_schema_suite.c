#include "guard/schema.h"

#include "../unit.h"

#include <dirent.h>
#include <stdio.h>

/* The official JSON-Schema-Test-Suite, draft 2020-12. PENSTOCK_JSON_SCHEMA_SUITE names its folder; without it
 * the test is skipped, saying so. Every verdict must be the suite's; a schema may be refused only where the
 * file is about what guard/schema.h says that it refuses, or where it refers to a document elsewhere. */

struct tally {
    unsigned right, wrong, refused, refused_without_leave;
};

static bool has_text(yyjson_val *value, const char *words) {
    char *text = yyjson_val_write(value, 0, NULL);
    bool found = text && strstr(text, words);
    free(text);
    return found;
}

static bool may_be_refused(yyjson_val *schema) {
    static const char *const reasons[] = {"$dynamicRef", "unevaluated",
                                          "\"https://json-schema.org/draft/2020-12/schema\"}",
                                          "http://localhost:1234"};
    for (size_t i = 0; i < ARRAY_COUNT(reasons); i++)
        if (has_text(schema, reasons[i]))
            return true;
    return false;
}

static void judge_group(const char *file, yyjson_val *group, const struct schema *schema,
                        struct tally *tally) {
    size_t index, max;
    yyjson_val *test;
    yyjson_arr_foreach(yyjson_obj_get(group, "tests"), index, max, test) {
        struct schema_verdict verdict;
        yyjson_val *data = yyjson_obj_get(test, "data");
        enum schema_outcome wanted =
            yyjson_get_bool(yyjson_obj_get(test, "valid")) ? SCHEMA_VALID : SCHEMA_INVALID;
        enum schema_outcome noted = schema_check(schema, data, 0, &verdict);
        bool right = noted == wanted && schema_check(schema, data, 0, NULL) == wanted &&
                     (wanted == SCHEMA_VALID) == (verdict.count == 0);
        if (!right)
            print_message("%s: %s: %s: outcome %d\n", file,
                          yyjson_get_str(yyjson_obj_get(group, "description")),
                          yyjson_get_str(yyjson_obj_get(test, "description")), (int)noted);
        *(right ? &tally->right : &tally->wrong) += 1;
    }
}

static void run_group(const char *file, yyjson_val *group, bool formats, struct tally *tally) {
    struct schema_options options = {.assert_formats = formats};
    struct error err;
    yyjson_val *json = yyjson_obj_get(group, "schema");
    struct schema *schema = schema_compile(json, &options, &err);
    if (schema) {
        judge_group(file, group, schema, tally);
        schema_unref(schema);
        return;
    }
    tally->refused += (unsigned)yyjson_arr_size(yyjson_obj_get(group, "tests"));
    if (!may_be_refused(json)) {
        print_message("%s: %s: %s\n", file, yyjson_get_str(yyjson_obj_get(group, "description")),
                      err.message);
        tally->refused_without_leave++;
    }
}

static struct tally run_file(const char *folder, const char *file, bool formats) {
    struct tally tally = {0};
    char path[1024];
    snprintf(path, sizeof(path), "%s/%s", folder, file);
    yyjson_doc *doc = yyjson_read_file(path, 0, NULL, NULL);
    assert_non_null(doc);
    size_t index, max;
    yyjson_val *group;
    yyjson_arr_foreach(yyjson_doc_get_root(doc), index, max, group) run_group(file, group, formats, &tally);
    yyjson_doc_free(doc);
    print_message("%-32s %4u right %3u wrong %3u refused\n", file, tally.right, tally.wrong, tally.refused);
    return tally;
}

static int is_json(const struct dirent *entry) {
    return str_ends(str_from(entry->d_name), STR(".json"));
}

static const char *suite(void) {
    const char *folder = getenv("PENSTOCK_JSON_SCHEMA_SUITE");
    if (folder && folder[0])
        return folder;
    print_message("skipped: PENSTOCK_JSON_SCHEMA_SUITE does not name a JSON-Schema-Test-Suite\n");
    skip();
    return NULL;
}

static void test_draft(void **state) {
    char folder[900];
    struct dirent **files;
    struct tally all = {0};
    snprintf(folder, sizeof(folder), "%s/tests/draft2020-12", suite());
    int count = scandir(folder, &files, is_json, alphasort);
    assert_true(count > 40);
    for (int i = 0; i < count; i++) {
        struct tally tally = run_file(folder, files[i]->d_name, false);
        all.right += tally.right;
        all.wrong += tally.wrong;
        all.refused += tally.refused;
        all.refused_without_leave += tally.refused_without_leave;
        free(files[i]);
    }
    free(files);
    print_message("%-32s %4u right %3u wrong %3u refused\n", "all", all.right, all.wrong, all.refused);
    assert_int_equal(all.wrong, 0);
    assert_int_equal(all.refused_without_leave, 0);
    assert_true(all.right > 900);
}

static void test_formats(void **state) {
    static const char *const names[] = {"date-time", "date", "time", "email", "uri", "uuid", "ipv4", "ipv6"};
    char folder[900], file[64];
    snprintf(folder, sizeof(folder), "%s/tests/draft2020-12/optional/format", suite());
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        snprintf(file, sizeof(file), "%s.json", names[i]);
        struct tally tally = run_file(folder, file, true);
        assert_int_equal(tally.wrong, 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_draft), cmocka_unit_test(test_formats)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
