#include "unit.h"

#include "folder.h"

#include "base/error.h"
#include "store/keys.h"
#include "store/registry.h"
#include "store/sql.h"
#include "store/store.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <sys/wait.h>

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

static const char *in_folder(const char *name) {
    static char path[256];
    snprintf(path, sizeof path, "%s/%s", folder.path, name);
    return path;
}

static struct store *open_store(void) {
    struct store *s = NULL;
    if (!store_open(&s, folder.path, &err))
        fail_msg("store_open: %s", err.message);
    return s;
}

static unsigned mode_of(const char *path) {
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    return st.st_mode & 0777;
}

static void files_are_private(void **state) {
    char deep[256];
    snprintf(deep, sizeof deep, "%s/a/b", folder.path);
    struct store *s;
    mode_t before = umask(0);
    assert_true(store_open(&s, deep, &err));
    umask(before);
    assert_int_equal(mode_of(in_folder("a")), 0700);
    assert_int_equal(mode_of(in_folder("a/b")), 0700);
    assert_int_equal(mode_of(in_folder("a/b/store.db")), 0600);
    assert_int_equal(mode_of(in_folder("a/b/store.db-wal")), 0600);
    assert_int_equal(mode_of(in_folder("a/b/store.db-shm")), 0600);
    store_close(s);
}

static void opens_again_with_what_it_held(void **state) {
    struct store *s = open_store();
    char text[KEY_TEXT_SIZE];
    struct key_record key;
    assert_true(key_create(s, "alice", ROLE_CLIENT, 0, 0, text, &key, &err));
    store_close(s);
    s = open_store();
    struct key_record *keys;
    size_t count;
    assert_true(key_list(s, &keys, &count, &err));
    assert_int_equal(count, 1);
    assert_string_equal(keys[0].client, "alice");
    free(keys);
    store_close(s);
}

static void refuses_a_newer_schema(void **state) {
    struct store *s = open_store();
    assert_true(sql_exec(s, "PRAGMA user_version = 9999", &err));
    store_close(s);
    assert_false(store_open(&s, folder.path, &err));
    assert_int_equal(err.code, ERR_STORE);
    assert_non_null(strstr(err.message, "newer penstock"));
    assert_non_null(strstr(err.message, folder.path));
}

static void refuses_another_programs_database(void **state) {
    sqlite3 *db;
    assert_int_equal(sqlite3_open(in_folder("store.db"), &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "CREATE TABLE notes (t TEXT)", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    struct store *s;
    assert_false(store_open(&s, folder.path, &err));
    assert_non_null(strstr(err.message, "another program"));
    assert_int_equal(sqlite3_open(in_folder("store.db"), &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "INSERT INTO notes VALUES ('still here')", NULL, NULL, NULL),
                     SQLITE_OK);
    sqlite3_close(db);
}

static void write_file(const char *path, const char *bytes, size_t n) {
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
}

static void refuses_a_file_that_is_no_database(void **state) {
    char junk[8192];
    memset(junk, 'x', sizeof junk);
    write_file(in_folder("store.db"), junk, sizeof junk);
    struct store *s;
    assert_false(store_open(&s, folder.path, &err));
    assert_int_equal(err.code, ERR_STORE);
    assert_non_null(strstr(err.message, "damaged or no database"));
}

static void refuses_a_damaged_database(void **state) {
    struct store *s = open_store();
    store_close(s);
    int fd = open(in_folder("store.db"), O_WRONLY);
    char junk[3000];
    memset(junk, 0xa5, sizeof junk);
    assert_int_equal(pwrite(fd, junk, sizeof junk, 100), sizeof junk); /* the schema's page */
    close(fd);
    assert_false(store_open(&s, folder.path, &err));
    assert_non_null(strstr(err.message, "damaged"));
}

static void says_why_a_folder_cannot_be_used(void **state) {
    write_file(in_folder("file"), "x", 1);
    struct store *s;
    assert_false(store_open(&s, in_folder("file/below"), &err));
    assert_int_equal(err.code, ERR_STORE);
    assert_non_null(strstr(err.message, "file/below"));
    assert_false(store_open(&s, "", &err));
}

static int64_t count_keys(struct store *s) {
    int64_t n;
    assert_true(sql_number(s, "SELECT count(*) FROM keys", &n, &err));
    return n;
}

static void add_key(struct store *s, const char *client) {
    char text[KEY_TEXT_SIZE];
    struct key_record key;
    if (!key_create(s, client, ROLE_CLIENT, 0, 0, text, &key, &err))
        fail_msg("key_create: %s", err.message);
}

static void a_nested_rollback_undoes_only_itself(void **state) {
    struct store *s = open_store();
    assert_true(store_begin(s, true, &err));
    add_key(s, "outer");
    assert_true(store_begin(s, false, &err));
    add_key(s, "inner");
    store_rollback(s);
    assert_true(store_begin(s, false, &err));
    add_key(s, "kept");
    assert_true(store_commit(s, &err));
    assert_true(store_commit(s, &err));
    assert_int_equal(count_keys(s), 2);

    assert_true(store_begin(s, false, &err));
    add_key(s, "gone");
    store_rollback(s);
    assert_int_equal(count_keys(s), 2);
    store_close(s);
}

static void transactions_nest_as_deep_as_they_like(void **state) {
    enum { DEPTH = 30 };
    struct store *s = open_store();
    for (int i = 0; i < DEPTH; i++) {
        assert_true(store_begin(s, false, &err));
        add_key(s, "one more");
    }
    for (int i = 0; i < DEPTH; i++)
        if (i == DEPTH - 4)
            store_rollback(s);
        else
            assert_true(store_commit(s, &err));
    /* The outermost three: the rollback took what lay within it. */
    assert_int_equal(count_keys(s), 3);
    store_close(s);
}

static void changes_are_seen_through_other_connections(void **state) {
    struct store *a = open_store(), *b = open_store();
    assert_false(store_changed(b));
    add_key(a, "alice");
    assert_true(store_changed(b));
    assert_false(store_changed(b));
    /* Records come all the time and are no such change. */
    assert_true(sql_exec(a, "INSERT INTO stage_names VALUES (1, 'infer')", &err));
    assert_false(store_changed(b));
    unsigned version;
    assert_true(registry_add_version(a, "m", "rules", STR("x"), STR("{}"), &version, &err));
    assert_true(store_changed(b));
    store_close(a);
    store_close(b);
}

static void changes_are_seen_from_another_process(void **state) {
    struct store *s = open_store();
    assert_false(store_changed(s));
    pid_t child = fork();
    if (child == 0) {
        struct store *other;
        char text[KEY_TEXT_SIZE];
        struct key_record key;
        _exit(store_open(&other, folder.path, NULL) &&
                      key_create(other, "child", ROLE_ADMIN, 0, 0, text, &key, NULL)
                  ? 0
                  : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_true(store_changed(s));
    store_close(s);
}

static void *open_and_add(void *arg) {
    struct store *s;
    struct error *why = arg;
    char text[KEY_TEXT_SIZE];
    struct key_record key;
    if (!store_open(&s, folder.path, why))
        return why;
    bool ok = key_create(s, "thread", ROLE_CLIENT, 0, 0, text, &key, why);
    store_close(s);
    return ok ? NULL : why;
}

static void many_may_create_it_at_once(void **state) {
    enum { THREADS = 8 };
    pthread_t threads[THREADS];
    struct error errors[THREADS];
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, open_and_add, &errors[i]), 0);
    for (int i = 0; i < THREADS; i++) {
        void *failed;
        pthread_join(threads[i], &failed);
        if (failed)
            fail_msg("thread %d: %s", i, errors[i].message);
    }
    struct store *s = open_store();
    assert_int_equal(count_keys(s), THREADS);
    store_close(s);
}

static void more_statements_than_are_kept(void **state) {
    enum { COUNT = 200 };
    static char texts[COUNT][32];
    struct store *s = open_store();
    for (int round = 0; round < 2; round++)
        for (int i = 0; i < COUNT; i++) {
            int64_t n;
            snprintf(texts[i], sizeof texts[i], "SELECT %d", i);
            assert_true(sql_number(s, texts[i], &n, &err));
            assert_int_equal(n, i);
        }
    assert_false(sql_number(s, "SELECT nonsense FROM nowhere", &(int64_t){0}, &err));
    assert_int_equal(err.code, ERR_STORE);
    store_close(s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(files_are_private, setup, teardown),
        cmocka_unit_test_setup_teardown(opens_again_with_what_it_held, setup, teardown),
        cmocka_unit_test_setup_teardown(refuses_a_newer_schema, setup, teardown),
        cmocka_unit_test_setup_teardown(refuses_another_programs_database, setup, teardown),
        cmocka_unit_test_setup_teardown(refuses_a_file_that_is_no_database, setup, teardown),
        cmocka_unit_test_setup_teardown(refuses_a_damaged_database, setup, teardown),
        cmocka_unit_test_setup_teardown(says_why_a_folder_cannot_be_used, setup, teardown),
        cmocka_unit_test_setup_teardown(a_nested_rollback_undoes_only_itself, setup, teardown),
        cmocka_unit_test_setup_teardown(transactions_nest_as_deep_as_they_like, setup, teardown),
        cmocka_unit_test_setup_teardown(changes_are_seen_through_other_connections, setup, teardown),
        cmocka_unit_test_setup_teardown(changes_are_seen_from_another_process, setup, teardown),
        cmocka_unit_test_setup_teardown(many_may_create_it_at_once, setup, teardown),
        cmocka_unit_test_setup_teardown(more_statements_than_are_kept, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
