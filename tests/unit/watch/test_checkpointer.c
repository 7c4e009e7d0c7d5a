#include "unit.h"

#include "folder.h"

#include "base/clock.h"
#include "store/sql.h"
#include "watch/checkpointer.h"

#include <stdio.h>
#include <sys/stat.h>
#include <time.h>

enum { ROWS = 60, ROW_BYTES = 200 * 1024, PATIENCE_S = 60 };

static struct test_folder folder;
static struct store *store;
static struct error err;

static int setup(void **state) {
    folder_make(&folder);
    return store_open(&store, folder.path, &err) && sql_exec(store, "CREATE TABLE large (bytes BLOB)", &err)
               ? 0
               : -1;
}

static int teardown(void **state) {
    store_close(store);
    folder_remove(&folder);
    return 0;
}

static int64_t database_size(void) {
    char path[4200];
    struct stat file;
    snprintf(path, sizeof path, "%s/store.db", folder.path);
    assert_int_equal(stat(path, &file), 0);
    return file.st_size;
}

static void commit_large_rows(void) {
    for (int i = 0; i < ROWS; i++) {
        assert_true(store_begin(store, false, &err));
        sqlite3_stmt *q = sql_statement(store, "INSERT INTO large VALUES (zeroblob(?))", &err);
        assert_non_null(q);
        sql_bind_int(q, 1, ROW_BYTES);
        assert_true(sql_run(store, q, &err));
        assert_true(store_commit(store, &err));
    }
}

static void commits_alone_copy_nothing_yet(void **state) {
    int64_t before = database_size();
    commit_large_rows();
    assert_int_equal(database_size(), before);
}

/* Another connection copies while this one goes on. */
static void a_long_log_is_copied(void **state) {
    struct checkpointer *c;
    assert_true(checkpointer_start(&c, store, &err));
    commit_large_rows();
    int64_t deadline = clock_monotonic() + PATIENCE_S * NS_PER_SECOND;
    while (database_size() < (int64_t)ROWS / 2 * ROW_BYTES && clock_monotonic() < deadline)
        nanosleep(&(struct timespec){.tv_nsec = 10 * NS_PER_MS}, NULL);
    assert_true(database_size() >= (int64_t)ROWS / 2 * ROW_BYTES);
    checkpointer_stop(c);
}

static void what_a_reader_needs_stays(void **state) {
    struct store *reader;
    int64_t rows;
    int left;
    assert_true(store_open(&reader, folder.path, &err));
    assert_true(store_view_begin(reader, &err));
    assert_true(sql_number(reader, "SELECT count(*) FROM large", &rows, &err));
    commit_large_rows();
    assert_true(store_copy_log(store, &left, &err));
    assert_true(left > 0);
    store_view_end(reader);
    assert_true(store_copy_log(store, &left, &err));
    assert_int_equal(left, 0);
    store_close(reader);
}

static void stopping_without_work(void **state) {
    struct checkpointer *c;
    assert_true(checkpointer_start(&c, store, &err));
    checkpointer_stop(c);
    checkpointer_stop(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(commits_alone_copy_nothing_yet, setup, teardown),
        cmocka_unit_test_setup_teardown(a_long_log_is_copied, setup, teardown),
        cmocka_unit_test_setup_teardown(what_a_reader_needs_stays, setup, teardown),
        cmocka_unit_test_setup_teardown(stopping_without_work, setup, teardown),
    };
    return cmocka_run_group_tests_name("checkpointer", tests, NULL, NULL);
}
