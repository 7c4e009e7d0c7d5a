#include "unit.h"

#include "folder.h"

#include "base/buf.h"
#include "base/clock.h"
#include "store/audit.h"
#include "store/keys.h"
#include "store/sql.h"

#include <pthread.h>

static struct test_folder folder;
static struct store *store;
static struct error err;

static int setup(void **state) {
    folder_make(&folder);
    return store_open(&store, folder.path, &err) ? 0 : -1;
}

static int teardown(void **state) {
    store_close(store);
    folder_remove(&folder);
    return 0;
}

static void note(const char *what, const char *object) {
    assert_true(store_begin(store, false, &err));
    assert_true(history_note(store, what, object, &err));
    assert_true(store_commit(store, &err));
}

static void note_five(void) {
    note("key.created", "a");
    note("key.revoked", "a");
    note("review.label", "b");
    note("key.used", "a");
    note("version.added", "m@1");
}

static struct audit_flaw verify(unsigned most) {
    struct audit_mark at = {0};
    struct audit_flaw flaw = {0};
    for (bool more = true; more && !flaw.found;)
        if (!audit_verify(store, &at, most, &more, &flaw, &err))
            fail_msg("audit_verify: %s", err.message);
    return flaw;
}

/* As somebody would who has the file: without the triggers. */
static void tamper(const char *sql) {
    assert_true(sql_exec(store, "DROP TRIGGER IF EXISTS audit_no_update", &err));
    assert_true(sql_exec(store, "DROP TRIGGER IF EXISTS audit_no_delete", &err));
    if (!sql_exec(store, sql, &err))
        fail_msg("%s: %s", sql, err.message);
}

static void assert_broken(int64_t number, const char *says) {
    for (unsigned most = 1; most < 8; most += 3) {
        struct audit_flaw flaw = verify(most);
        assert_true(flaw.found);
        assert_int_equal(flaw.number, number);
        if (!strstr(flaw.message, says))
            fail_msg("\"%s\" does not say \"%s\"", flaw.message, says);
    }
}

static void an_untouched_chain_is_good(void **state) {
    assert_false(verify(10).found); /* the empty one, too */
    note_five();
    assert_false(verify(1).found);
    assert_false(verify(5).found);
    assert_false(verify(100).found);
}

/* The bytes of the header, made here by hand. */
static void the_hash_is_as_the_header_says(void **state) {
    struct change c = {
        .endpoint = "shop", .what = "w", .who = "ada", .why = "\xc3\xa4", .before = "", .after = "{}"};
    unsigned char content[SHA256_SIZE], bytes[256], hash[SHA256_SIZE];
    assert_true(history_add(store, &c, &err));
    AUTO_BUF text = BUF_INIT(4096);
    const char *const parts[] = {c.id, c.endpoint, c.what, c.who, c.why, c.before, c.after};
    for (size_t i = 0; i < ARRAY_COUNT(parts); i++) {
        unsigned char length[4] = {0, 0, 0, (unsigned char)strlen(parts[i])};
        buf_add(&text, length, 4);
        buf_add_str(&text, str_from(parts[i]));
    }
    sha256(buf_str(&text), content);
    memset(bytes, 0, sizeof bytes);
    memcpy(bytes, "penstock audit 1\n", 17);
    bytes[17 + 32 + 7] = 1;
    for (int i = 0; i < 8; i++)
        bytes[17 + 32 + 8 + i] = (unsigned char)((uint64_t)c.at >> (56 - 8 * i));
    memcpy(bytes + 17 + 32 + 8 + 8 + 1, content, SHA256_SIZE);
    sha256((struct str){(const char *)bytes, 17 + 32 + 8 + 8 + 1 + 32}, hash);
    assert_int_equal(c.number, 1);
    assert_memory_equal(c.hash, hash, sizeof hash);
}

static void whoever_alters_a_row_is_found_out(void **state) {
    static const char *const ways[] = {
        "UPDATE audit SET who = 'eve' WHERE number = 3",
        "UPDATE audit SET after = '' WHERE number = 3",
        "UPDATE audit SET at = at + 1 WHERE number = 3",
        "UPDATE audit SET class = 0 WHERE number = 3",
        "UPDATE audit SET id = 'x' WHERE number = 3",
        /* the same bytes, but a byte moved from one field to the next */
        "UPDATE audit SET what = 'review.labe', who = 'l' || who WHERE number = 3",
        "UPDATE audit SET hash = zeroblob(32) WHERE number = 3",
        "UPDATE audit SET hash = 'short' WHERE number = 3",
    };
    for (size_t i = 0; i < ARRAY_COUNT(ways); i++) {
        note_five();
        tamper(ways[i]);
        assert_broken(3, "altered");
        teardown(state);
        setup(state);
    }
}

static void whoever_removes_inserts_or_moves_rows_is_found_out(void **state) {
    static const struct {
        const char *sql;
        int64_t number;
        const char *says;
    } ways[] = {
        {"DELETE FROM audit WHERE number = 1", 1, "removed"},
        {"DELETE FROM audit WHERE number = 2", 2, "removed"},
        {"DELETE FROM audit WHERE number = 5", 5, "cut off"},
        {"DELETE FROM audit WHERE number > 2", 3, "cut off"},
        {"DELETE FROM audit", 1, "cut off"},
        /* closing the gap does not help */
        {"DELETE FROM audit WHERE number = 2; UPDATE audit SET number = number - 1 WHERE number > 2", 2,
         "altered"},
        {"UPDATE audit SET number = -3 WHERE number = 3; UPDATE audit SET number = 3 WHERE number = 4;"
         "UPDATE audit SET number = 4 WHERE number = -3",
         3, "moved"},
        {"INSERT INTO audit SELECT 6, at, class, hash, id, endpoint, what, who, why, before, after FROM audit"
         " WHERE number = 5",
         6, "inserted"},
        {"INSERT INTO audit SELECT 0, at, class, hash, id, endpoint, what, who, why, before, after FROM audit"
         " WHERE number = 5",
         0, "begin with 1"},
        {"INSERT INTO audit SELECT -7, at, class, hash, id, endpoint, what, who, why, before, after FROM "
         "audit"
         " WHERE number = 5",
         -7, "begin with 1"},
        /* the cut hidden from the noted head: the last row is then what somebody noted elsewhere shows */
        {"UPDATE audit_head SET hash = zeroblob(32)", 5, "head"},
        {"UPDATE audit_head SET number = 4", 5, "head"},
        {"DELETE FROM audit_head", 6, "head"},
        {"UPDATE audit_head SET hash = 1", 6, "head"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(ways); i++) {
        note_five();
        tamper(ways[i].sql);
        assert_broken(ways[i].number, ways[i].says);
        teardown(state);
        setup(state);
    }
}

static void the_head_is_proof_against_a_hidden_cut(void **state) {
    struct audit_mark noted, parsed;
    struct audit_flaw flaw;
    char text[AUDIT_MARK_SIZE];
    note_five();
    assert_true(audit_head(store, &noted, &err));
    audit_mark_text(&noted, text);
    assert_true(audit_mark_parse(str_from(text), &parsed));
    assert_int_equal(parsed.number, 5);
    assert_memory_equal(parsed.hash, noted.hash, SHA256_SIZE);
    note("version.added", "m@2");
    assert_true(audit_has(store, &noted, &flaw, &err));
    assert_false(flaw.found);
    tamper("DELETE FROM audit WHERE number > 3;"
           "UPDATE audit_head SET number = 3, hash = (SELECT hash FROM audit WHERE number = 3)");
    assert_false(verify(10).found); /* so well done that the store alone cannot tell */
    assert_true(audit_has(store, &noted, &flaw, &err));
    assert_int_equal(flaw.number, 5);
    assert_non_null(strstr(flaw.message, "cut off"));
    note("version.added", "m@3");
    note("version.added", "m@4");
    assert_false(verify(10).found);
    assert_true(audit_has(store, &noted, &flaw, &err));
    assert_non_null(strstr(flaw.message, "made anew"));
}

static void marks_that_are_none_are_refused(void **state) {
    struct audit_mark mark;
    assert_false(audit_mark_parse(STR(""), &mark));
    assert_false(audit_mark_parse(STR("5"), &mark));
    assert_false(audit_mark_parse(STR("5:abc"), &mark));
    assert_false(
        audit_mark_parse(STR("-1:0000000000000000000000000000000000000000000000000000000000000000"), &mark));
    assert_true(
        audit_mark_parse(STR("0:0000000000000000000000000000000000000000000000000000000000000000"), &mark));
}

static void the_table_itself_refuses(void **state) {
    note_five();
    assert_false(sql_exec(store, "UPDATE audit SET who = 'eve'", &err));
    assert_non_null(strstr(err.message, "only ever added to"));
    assert_false(sql_exec(store, "DELETE FROM audit WHERE number = 5", &err));
    assert_false(verify(10).found);
}

static void what_is_undone_leaves_no_row(void **state) {
    assert_true(store_begin(store, false, &err));
    assert_true(history_note(store, "key.created", "kept", &err));
    assert_true(store_begin(store, false, &err));
    assert_true(history_note(store, "key.created", "undone", &err));
    store_rollback(store);
    assert_true(history_note(store, "key.created", "kept too", &err));
    assert_true(store_commit(store, &err));
    assert_true(store_begin(store, false, &err));
    assert_true(history_note(store, "key.created", "undone", &err));
    store_rollback(store);
    struct audit_mark head;
    assert_true(audit_head(store, &head, &err));
    assert_int_equal(head.number, 2);
    assert_false(verify(10).found);
}

enum { WRITERS = 3, EACH = 40 };

static void *write_many(void *arg) {
    struct store *own;
    struct error failure;
    if (!store_open(&own, folder.path, &failure))
        return (void *)"open";
    for (int i = 0; i < EACH; i++) {
        struct change c = {.endpoint = "", .what = "w", .who = arg, .why = "", .before = "", .after = ""};
        /* without a transaction around it, half of the time */
        bool around = i % 2, good = !around || store_begin(own, false, &failure);
        good = good && history_add(own, &c, &failure) && (!around || store_commit(own, &failure));
        if (!good)
            return (void *)"add";
    }
    store_close(own);
    return NULL;
}

static void several_writers_extend_one_chain(void **state) {
    static char names[WRITERS][2] = {"a", "b", "c"};
    pthread_t threads[WRITERS];
    struct audit_mark head;
    for (int i = 0; i < WRITERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, write_many, names[i]), 0);
    for (int i = 0; i < WRITERS; i++) {
        void *failed = NULL;
        pthread_join(threads[i], &failed);
        assert_null(failed);
    }
    assert_true(audit_head(store, &head, &err));
    assert_int_equal(head.number, WRITERS * EACH);
    assert_false(verify(1000).found);
}

static void count_row(const struct change *c, void *ctx) {
    ++*(int *)ctx;
}

static int count(struct history_filter filter) {
    int n = 0;
    assert_true(history_list(store, &filter, count_row, &n, &err));
    return n;
}

static void rows_are_found_by_what_they_are(void **state) {
    note_five();
    assert_int_equal(count((struct history_filter){0}), 3);
    assert_int_equal(count((struct history_filter){.class = CHANGE_DECISION}), 1);
    assert_int_equal(count((struct history_filter){.class = CHANGE_ACCESS}), 1);
    assert_int_equal(count((struct history_filter){.class = CHANGE_ANY}), 5);
    assert_int_equal(count((struct history_filter){.class = CHANGE_ANY, .before = 3}), 2);
    assert_int_equal(count((struct history_filter){.class = CHANGE_ANY, .who = "nobody"}), 0);
    assert_int_equal(count((struct history_filter){.class = CHANGE_ANY, .what = "key.used"}), 1);
    assert_int_equal(
        count((struct history_filter){.class = CHANGE_ANY, .since = clock_wall() + NS_PER_SECOND}), 0);
}

/* What stores had before there was a chain. */
static void what_was_there_is_taken_over(void **state) {
    assert_true(store_begin(store, true, &err));
    assert_true(sql_exec(
        store,
        "CREATE TABLE changes (id TEXT PRIMARY KEY, at INTEGER NOT NULL, endpoint TEXT NOT NULL, what TEXT"
        " NOT NULL, who TEXT NOT NULL, why TEXT NOT NULL, before TEXT NOT NULL, after TEXT NOT NULL);"
        "INSERT INTO changes VALUES ('2', 20, 'shop', 'serving', 'penstock', 'reload', '', '{}'),"
        " ('1', 10, '', 'key.created', 'ada', '', '', '{}')",
        &err));
    assert_true(audit_adopt(store, &err));
    assert_true(store_commit(store, &err));
    note("key.revoked", "a");
    struct audit_mark head;
    assert_true(audit_head(store, &head, &err));
    assert_int_equal(head.number, 3);
    assert_false(verify(10).found);
    assert_int_equal(count((struct history_filter){.endpoint = "shop", .what = "serving"}), 1);
    int64_t left;
    assert_true(sql_number(store, "SELECT count(*) FROM sqlite_master WHERE name = 'changes'", &left, &err));
    assert_int_equal(left, 0);
    tamper("UPDATE audit SET who = 'eve' WHERE number = 1");
    assert_broken(1, "altered");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_untouched_chain_is_good, setup, teardown),
        cmocka_unit_test_setup_teardown(the_hash_is_as_the_header_says, setup, teardown),
        cmocka_unit_test_setup_teardown(whoever_alters_a_row_is_found_out, setup, teardown),
        cmocka_unit_test_setup_teardown(whoever_removes_inserts_or_moves_rows_is_found_out, setup, teardown),
        cmocka_unit_test_setup_teardown(the_head_is_proof_against_a_hidden_cut, setup, teardown),
        cmocka_unit_test_setup_teardown(marks_that_are_none_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(the_table_itself_refuses, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_undone_leaves_no_row, setup, teardown),
        cmocka_unit_test_setup_teardown(several_writers_extend_one_chain, setup, teardown),
        cmocka_unit_test_setup_teardown(rows_are_found_by_what_they_are, setup, teardown),
        cmocka_unit_test_setup_teardown(what_was_there_is_taken_over, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
