#include "unit.h"

#include "faulty_disk.h"
#include "folder.h"

#include "base/clock.h"
#include "base/ids.h"
#include "review/label_note.h"
#include "store/audit.h"
#include "store/blobs.h"
#include "store/responses.h"
#include "store/sql.h"
#include "watch/forget.h"
#include "watch/record_page.h"
#include "watch/records.h"
#include "watch/retention.h"

static struct test_folder folder;
static struct store *store;
static struct record_writer *writer;
static struct error err;

static int setup(void **state) {
    folder_make(&folder);
    return store_open(&store, folder.path, &err) && record_writer_new(&writer, store, &err) ? 0 : -1;
}

static int teardown(void **state) {
    record_writer_free(writer);
    store_close(store);
    folder_remove(&folder);
    return 0;
}

/* One request with a kept input and a message that quotes it. */
static void record(const char *id, const char *client, const char *user, const char *input) {
    struct event *e = event_new(2048);
    int64_t row;
    e->wall_ns = clock_wall();
    e->request_id = event_keep(e, str_from(id));
    e->client = event_keep(e, str_from(client));
    e->user = event_keep(e, str_from(user));
    e->endpoint = event_keep(e, STR("shop"));
    e->prediction = event_keep(e, STR("billing"));
    e->error_code = STR("x");
    e->error_message = event_keep(e, str_from(input));
    e->input = event_keep(e, str_from(input));
    e->input_type = STR("text/plain");
    e->status = 200;
    event_add_stage(e, "infer", 7);
    event_add_stage(e, "reply", 3);
    assert_true(blob_put(store_inputs_folder(store), e->input, e->input_blob, &err));
    assert_true(store_begin(store, false, &err));
    assert_true(record_insert(writer, e, &row, &err));
    assert_true(record_writer_end(writer, &err));
    assert_true(store_commit(store, &err));
    event_free(e);
}

static void ask(const char *subject, const char *client) {
    AUTO_BUF out = BUF_INIT(8192);
    struct forget_wish wish = {str_from(subject), str_from(client), STR("root"), STR("")};
    if (!forget_ask(store, &wish, &out, &err))
        fail_msg("%s", err.message);
    assert_null(strstr(buf_terminated(&out), subject[0] ? subject : "\n"));
}

static bool step_to_end(void) {
    for (bool more = true; more;)
        if (!forget_step(store, &more, &err))
            return false;
    return true;
}

static int64_t count(const char *sql) {
    int64_t n;
    assert_true(sql_number(store, sql, &n, &err));
    return n;
}

struct seen {
    char text[512];
};

static void add_seen(const struct record *r, void *ctx) {
    struct seen *s = ctx;
    const struct event *e = r->event;
    size_t n = strlen(s->text);
    snprintf(s->text + n, sizeof s->text - n, "%.*s %s '%.*s' %u+%u%s; ", STR_ARG(e->request_id),
             e->has_subject ? "known" : "-", STR_ARG(e->error_message), e->stages[0].us, e->stages[1].us,
             r->input.blob[0] ? " kept" : "");
}

static void assert_records(const char *expected) {
    struct seen s = {""};
    struct record_filter filter = {.limit = 99};
    assert_true(records_visit(store, &filter, add_seen, &s, &err));
    assert_string_equal(s.text, expected);
}

static void only_one_person_goes(void **state) {
    record("r1", "shop", "ada", "her words");
    record("r2", "shop", "bob", "his words");
    record("r3", "till", "ada", "her words"); /* another client's, the same person, the same bytes */
    record("r4", "shop", "", "her words");    /* nobody's, the same bytes */
    ask("ada", "");
    assert_true(step_to_end());
    assert_records("r4 - 'her words' 7+3 kept; r3 - '' 7+3; r2 known 'his words' 7+3 kept; r1 - '' 7+3; ");
    assert_int_equal(count("SELECT records FROM forgets"), 2);
    assert_int_equal(count("SELECT inputs FROM forgets"), 2);
    assert_int_equal(count("SELECT bytes FROM forgets"), 18);
    struct blob blob; /* r4 still has it */
    char hex[SHA256_HEX_SIZE];
    unsigned char hash[SHA256_SIZE];
    sha256(STR("her words"), hash);
    sha256_hex(hash, hex);
    assert_true(blob_map(store_inputs_folder(store), hex, true, &blob, &err));
    blob_unmap(&blob);
    ask("", "shop");
    assert_true(step_to_end());
    assert_records("r4 - '' 7+3; r3 - '' 7+3; r2 - '' 7+3; r1 - '' 7+3; ");
    assert_false(blob_map(store_inputs_folder(store), hex, true, &blob, &err));
}

static void counting_changes_nothing(void **state) {
    struct forget_wish wish = {STR("ada"), STR(""), STR("ada"), STR("")};
    struct forget_counts counts;
    record("r1", "shop", "ada", "her words");
    assert_true(forget_count(store, &wish, &counts, &err));
    assert_int_equal(counts.records, 1);
    assert_int_equal(counts.inputs, 1);
    assert_records("r1 known 'her words' 7+3 kept; ");
    wish.client = STR("shop");
    assert_false(forget_count(store, &wish, &counts, &err));
    assert_int_equal(err.code, ERR_MISSING_FIELD);
}

static void keep_response(const char *tenant, const char *id, const char *previous, const char *user) {
    struct response_record r = {.tenant = str_from(tenant),
                                .id = str_from(id),
                                .previous = str_from(previous),
                                .endpoint = STR("talk"),
                                .user = str_from(user),
                                .input = STR("[]"),
                                .output = STR("[]"),
                                .body = STR("{}"),
                                .expires = INT64_MAX};
    assert_true(responses_keep(store, &r, &err));
}

static void chains_of_responses_go_whole(void **state) {
    keep_response("shop", "a1", "", "");
    keep_response("shop", "a2", "a1", "ada");
    keep_response("shop", "a3", "a2", "");
    keep_response("shop", "a4", "a2", ""); /* another way on from there */
    keep_response("shop", "b1", "", "bob");
    keep_response("till", "a1", "", ""); /* another client's of the same name */
    ask("ada", "");
    assert_true(step_to_end());
    assert_int_equal(count("SELECT responses FROM forgets"), 4);
    assert_int_equal(count("SELECT count(*) FROM responses"), 2);
}

/* Many pages, with a disk that fails at every possible place: what was done stays done, nothing is done
 * twice. */
static void a_disk_that_fails_in_between_changes_no_count(void **state) {
    char id[16];
    for (int i = 0; i < 40; i++) {
        snprintf(id, sizeof id, "r%d", i);
        record(id, "shop", i % 2 ? "ada" : "bob", id);
    }
    ask("ada", "");
    bool more = true;
    int failures = 0;
    while (more) {
        atomic_store(&faulty_code, SQLITE_FULL);
        if (!forget_step(store, &more, &err)) {
            assert_int_equal(err.code, ERR_STORE);
            failures++;
        }
        atomic_store(&faulty_code, SQLITE_OK);
        more = true;
        if (!forget_step(store, &more, &err))
            fail_msg("%s", err.message);
    }
    assert_true(failures > 2);
    assert_int_equal(count("SELECT inputs FROM forgets"), 20);
    assert_int_equal(count("SELECT count(*) FROM kept_inputs"), 20);
    struct audit_mark at = {0};
    struct audit_flaw flaw;
    assert_true(audit_verify(store, &at, 1000, &more, &flaw, &err));
    assert_false(flaw.found);
    assert_int_equal(at.number, 2); /* asked, finished: once each */
}

/* What the audit log cannot hold does not happen. */
static void no_act_without_its_row(void **state) {
    struct audit_mark head;
    for (int i = 0; i < 3; i++) {
        atomic_store(&faulty_code, SQLITE_FULL);
        bool begun = store_begin(store, true, &err);
        bool good = begun && history_note(store, "key.created", "x", &err) && store_commit(store, &err);
        if (begun && !good && store_in_transaction(store))
            store_rollback(store);
        atomic_store(&faulty_code, SQLITE_OK);
        assert_false(good);
        assert_true(audit_head(store, &head, &err));
        assert_int_equal(head.number, i);
        assert_true(store_begin(store, true, &err));
        assert_true(history_note(store, "key.created", "y", &err));
        assert_true(store_commit(store, &err));
    }
    struct audit_mark at = {0};
    struct audit_flaw flaw;
    bool more;
    assert_true(audit_verify(store, &at, 1000, &more, &flaw, &err));
    assert_false(flaw.found);
    assert_int_equal(at.number, 3);
}

static void item(int64_t made, int64_t resolved) {
    char id[ID_SIZE], sql[512];
    id_make(made * NS_PER_SECOND, id);
    snprintf(sql, sizeof sql,
             "INSERT INTO review_items (id, request_id, endpoint, model, created, reason, detail, prediction,"
             " labels, resolved) VALUES ('%s', 'r', 'e', 'm', 1, '', '', '', '[]', %lld);"
             "INSERT INTO review_opinions VALUES ('%s', 'ann', 1, 'x', '', '');"
             "INSERT INTO feedback VALUES ('%s', 'a', %lld, 'e', 'm', '', 1, NULL)",
             id, (long long)(resolved * NS_PER_SECOND), id, id, (long long)(made * NS_PER_SECOND));
    if (!resolved)
        snprintf(sql, sizeof sql,
                 "INSERT INTO review_items (id, request_id, endpoint, model, created, reason, detail,"
                 " prediction, labels) VALUES ('%s', 'r', 'e', 'm', 1, '', '', '', '[]')",
                 id);
    if (!sql_exec(store, sql, &err))
        fail_msg("%s", err.message);
}

static void what_people_said_goes_when_its_time_is_over(void **state) {
    const int64_t now = 1795000000;
    bool more;
    for (int i = 0; i < 5; i++)
        item(now - 1000 + i, now - 900 + i);
    item(now - 1000, 0);       /* open: stays */
    item(now - 1000, now + 1); /* decided late: stays */
    item(now + 10, now + 20);
    assert_true(retention_reviews(store, now * NS_PER_SECOND, 3, &more, &err));
    assert_true(more);
    assert_int_equal(count("SELECT count(*) FROM review_items"), 5);
    assert_true(retention_reviews(store, now * NS_PER_SECOND, 3, &more, &err));
    assert_false(more);
    assert_int_equal(count("SELECT count(*) FROM review_items"), 3);
    assert_int_equal(count("SELECT count(*) FROM review_opinions"), 2);
    assert_true(retention_feedback(store, now * NS_PER_SECOND, 4, &more, &err));
    assert_true(more);
    assert_true(retention_feedback(store, now * NS_PER_SECOND, 4, &more, &err));
    assert_false(more);
    assert_int_equal(count("SELECT count(*) FROM feedback"), 1);
}

int main(void) {
    faulty_disk_install();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(only_one_person_goes, setup, teardown),
        cmocka_unit_test_setup_teardown(counting_changes_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(chains_of_responses_go_whole, setup, teardown),
        cmocka_unit_test_setup_teardown(a_disk_that_fails_in_between_changes_no_count, setup, teardown),
        cmocka_unit_test_setup_teardown(no_act_without_its_row, setup, teardown),
        cmocka_unit_test_setup_teardown(what_people_said_goes_when_its_time_is_over, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
