/* Odd and broken PDFs from the bug trackers of PDF readers: each gets a result or a specific error, and
 * the pool outlives them all. */
#include "documents/documents.h"

#include "../unit.h"

#include "base/clock.h"

#include <dirent.h>
#include <stdio.h>

static struct str read_file(const char *path) {
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    long size = ftell(file);
    rewind(file);
    char *bytes = malloc((size_t)size + 1);
    assert_int_equal(fread(bytes, 1, (size_t)size, file), size);
    fclose(file);
    return (struct str){bytes, (size_t)size};
}

static bool is_specific(enum error_code code) {
    return error_status(code) >= 400 && error_status(code) < 500 && code != ERR_DOCUMENT_UNREADABLE;
}

static void every_file_gets_a_result_or_a_specific_error(void **state) {
    (void)state;
    char folder[2048], path[4096];
    if (!shared_data()) {
        print_message("PENSTOCK_SHARED_DATA is not set: nothing to read\n");
        skip();
    }
    const struct parser_pool_options options = {.workers = 2, .defaults = {.wall_ms = 60000}};
    struct error err;
    struct parser_pool *pool = parser_pool_new(&options, &err);
    assert_non_null(pool);
    snprintf(folder, sizeof folder, "%s/malformed/pdf/dev", shared_data());
    DIR *dir = opendir(folder);
    assert_non_null(dir);
    unsigned files = 0, results = 0, errors = 0;
    for (struct dirent *entry; (entry = readdir(dir));) {
        struct document_result *result = NULL;
        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        struct str bytes = read_file(path);
        files++;
        if (documents_extract(pool, bytes, DOCUMENT_ALL, NULL, clock_monotonic() + 120 * NS_PER_SECOND,
                              &result, &err)) {
            assert_true(result->pages > 0);
            assert_true(str_is_utf8(result->text, NULL));
            results++;
        } else {
            if (!is_specific(err.code))
                fail_msg("%s: %s: %s", entry->d_name, error_name(err.code), err.message);
            errors++;
        }
        document_result_free(result);
        free((void *)(uintptr_t)bytes.p);
    }
    closedir(dir);
    struct parser_pool_stats stats;
    parser_pool_stats(pool, &stats);
    print_message("%u files: %u read, %u refused, %u restarts\n", files, results, errors,
                  (unsigned)stats.restarts);
    assert_true(files > 0 && results > errors);
    assert_int_equal(stats.restarts, 0);
    parser_pool_free(pool);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_file_gets_a_result_or_a_specific_error)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
