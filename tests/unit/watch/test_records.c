#include "unit.h"

#include "folder.h"

#include "base/clock.h"
#include "base/ids.h"
#include "review/review.h"
#include "store/blobs.h"
#include "store/sql.h"
#include "store/store.h"
#include "watch/event_json.h"
#include "watch/record_page.h"
#include "watch/records.h"
#include "watch/retention.h"

static struct test_folder folder;
static struct store *store;
static struct record_writer *writer;
static struct error err;
static int64_t now;

static int64_t test_wall(void) {
    return now;
}

static int64_t test_monotonic(void) {
    return now;
}

static int setup(void **state) {
    static const struct clock_source source = {test_monotonic, test_wall};
    clock_replace(&source);
    now = INT64_C(1795000000) * NS_PER_SECOND;
    folder_make(&folder);
    return store_open(&store, folder.path, &err) && record_writer_new(&writer, store, &err) ? 0 : -1;
}

static int teardown(void **state) {
    record_writer_free(writer);
    store_close(store);
    folder_remove(&folder);
    return 0;
}

static int64_t insert(struct event *e) {
    int64_t row;
    if (!record_insert(writer, e, &row, &err))
        fail_msg("record_insert: %s", err.message);
    return row;
}

static void end(void) {
    assert_true(record_writer_end(writer, &err));
    assert_true(store_commit(store, &err));
}

static void begin(void) {
    assert_true(store_begin(store, false, &err));
}

static struct event *make_event(const char *request_id, const char *endpoint) {
    struct event *e = event_new(1024);
    e->wall_ns = now;
    e->request_id = event_keep(e, str_from(request_id));
    e->endpoint = event_keep(e, str_from(endpoint));
    e->status = 200;
    return e;
}

static int64_t record_one(const char *request_id, const char *endpoint) {
    struct event *e = make_event(request_id, endpoint);
    begin();
    int64_t row = insert(e);
    end();
    event_free(e);
    return row;
}

static void list_ids(const struct record *r, void *ctx) {
    char *text = ctx;
    sprintf(text + strlen(text), "%.*s ", STR_ARG(r->event->request_id));
}

static void assert_found(const struct record_filter *filter, const char *expected) {
    char text[4096] = "";
    if (!records_visit(store, filter, list_ids, text, &err))
        fail_msg("records_visit: %s", err.message);
    assert_string_equal(text, expected);
}

static void copy_json(const struct record *r, void *ctx) {
    struct json_writer w = JSON_WRITER((struct buf *)ctx);
    json_object(&w);
    event_write_fields(r->event, &w);
    json_object_end(&w);
}

static void an_event_comes_back_as_it_was(void **state) {
    struct event *e = make_event("caller's own id", "documents");
    e->client = STR("alice");
    e->model = STR("documents@3");
    e->prediction = STR("invoice");
    e->confidence = 0.93F;
    e->ocr_confidence = 0.5F;
    e->decision = DECISION_REVIEW;
    e->scan = SCAN_NOT_SCANNED;
    e->cache = CACHE_NO_VECTOR;
    e->fallback = STR("rules: timeout");
    e->error_code = STR("internal_error");
    e->error_message = STR("It went wrong.");
    e->cost_nanodollars = 1234;
    e->total_us = 123456;
    e->has_input = true;
    memset(e->input_hash, 0xab, sizeof e->input_hash);
    event_add_stage(e, "authenticate", 3);
    event_add_stage(e, "infer", 4000000000u);
    e->has_language = true;
    e->language = (struct event_language){
        .usage = CHAT_USAGE_UNKNOWN, .attempts = 3, .upstream_us = 2500000, .first_token_us = 400000};
    e->language.usage.input = 100000;
    e->language.usage.output = 0;
    struct review_draft *draft = event_add_review(e);
    id_make(now, draft->id);
    begin();
    insert(e);
    end();
    AUTO_BUF before = BUF_INIT(8192);
    AUTO_BUF after = BUF_INIT(8192);
    copy_json(&(struct record){.event = e}, &before);
    assert_true(records_visit(store, &(struct record_filter){.request_id = e->request_id, .limit = 1},
                              copy_json, &after, &err));
    assert_string_equal(buf_terminated(&after), buf_terminated(&before));
    yyjson_doc *doc = json_parse(buf_str(&after), &err);
    assert_non_null(doc);
    yyjson_val *root = yyjson_doc_get_root(doc);
    assert_true(yyjson_get_real(yyjson_obj_get(root, "confidence")) == 0.93);
    assert_true(yyjson_get_real(yyjson_obj_get(root, "latency_ms")) == 123.456);
    assert_true(yyjson_get_real(yyjson_obj_get(yyjson_obj_get(root, "stages"), "infer")) == 4000000.0);
    assert_true(yyjson_get_real(yyjson_obj_get(root, "cost_usd")) == 0.000001234);
    assert_str(json_str_of(yyjson_obj_get(root, "scan")), "not_scanned");
    assert_str(json_str_of(yyjson_obj_get(root, "cache")), "no_vector");
    assert_false(yyjson_get_bool(yyjson_obj_get(root, "cached")));
    yyjson_val *usage = yyjson_obj_get(root, "usage");
    assert_int_equal(yyjson_get_int(yyjson_obj_get(usage, "input_tokens")), 100000);
    assert_int_equal(yyjson_get_int(yyjson_obj_get(usage, "output_tokens")), 0);
    assert_null(yyjson_obj_get(usage, "reasoning_tokens"));
    assert_int_equal(yyjson_get_int(yyjson_obj_get(root, "attempts")), 3);
    assert_true(yyjson_get_real(yyjson_obj_get(root, "first_token_ms")) == 400.0);
    assert_str(json_str_of(yyjson_obj_get(root, "review_id")), draft->id);
    yyjson_doc_free(doc);
    event_free(e);
}

static void nothing_known_reads_as_nothing(void **state) {
    struct event *e = make_event("bare", "");
    begin();
    insert(e);
    end();
    AUTO_BUF out = BUF_INIT(8192);
    copy_json(&(struct record){.event = e}, &out);
    event_free(e);
    assert_string_equal(
        buf_terminated(&out),
        "{\"request_id\":\"bare\",\"client\":\"\",\"endpoint\":\"\",\"model\":\"\",\"status\":200,"
        "\"decision\":\"none\",\"prediction\":null,\"confidence\":null,\"latency_ms\":0.000,"
        "\"stages\":{},\"cached\":false,\"fallback\":null,\"error\":null,\"cost_usd\":null}");
    buf_clear(&out);
    assert_true(records_visit(store, &(struct record_filter){.limit = 1}, copy_json, &out, &err));
    assert_non_null(strstr(buf_terminated(&out), "\"cost_usd\":null"));
    assert_non_null(strstr(buf_terminated(&out), "\"confidence\":null"));
}

static void our_ids_are_found_by_their_time(void **state) {
    char id[ID_SIZE], late[ID_SIZE], expected[64];
    id_make(now, id);
    id_make(now - 11 * NS_PER_SECOND, late); /* recorded 11 s after its arrival: the disk was full */
    record_one(id, "e");
    record_one(late, "e");
    int64_t entered;
    assert_true(sql_number(store, "SELECT count(*) FROM request_ids", &entered, &err));
    assert_int_equal(entered, 1);
    snprintf(expected, sizeof expected, "%s ", id);
    assert_found(&(struct record_filter){.request_id = str_from(id), .limit = 9}, expected);
    snprintf(expected, sizeof expected, "%s ", late);
    assert_found(&(struct record_filter){.request_id = str_from(late), .limit = 9}, expected);
    id_make(now, id);
    assert_found(&(struct record_filter){.request_id = str_from(id), .limit = 9}, "");
}

static void callers_ids_are_found_however_odd(void **state) {
    const char *ids[] = {"a",
                         "7ZZZZZZZZZZZZZZZZZZZZZZZZZ",
                         "ZZZZZZZZZZZZZZZZZZZZZZZZZZ",
                         "00000000000000000000000000",
                         "01j9zzzzzzzzzzzzzzzzzzzzzz",
                         "x'; DROP TABLE events; --"};
    char expected[64];
    for (size_t i = 0; i < ARRAY_COUNT(ids); i++)
        record_one(ids[i], "e");
    record_one("a", "e");
    for (size_t i = 1; i < ARRAY_COUNT(ids); i++) {
        snprintf(expected, sizeof expected, "%s ", ids[i]);
        assert_found(&(struct record_filter){.request_id = str_from(ids[i]), .limit = 9}, expected);
    }
    assert_found(&(struct record_filter){.request_id = STR("a"), .limit = 9}, "a a ");
    assert_found(&(struct record_filter){.request_id = STR("a"), .limit = 1}, "a ");
}

static void lists_by_endpoint_time_and_page(void **state) {
    struct event *e[6];
    char name[16];
    int64_t start = now, rows[6];
    for (int commit = 0; commit < 2; commit++) {
        begin();
        for (int i = commit * 3; i < commit * 3 + 3; i++) {
            snprintf(name, sizeof name, "r%d", i);
            e[i] = make_event(name, i % 2 ? "odd" : "even");
            rows[i] = insert(e[i]);
            event_free(e[i]);
            now += NS_PER_SECOND;
        }
        end();
    }
    assert_found(&(struct record_filter){.limit = 9}, "r5 r4 r3 r2 r1 r0 ");
    assert_found(&(struct record_filter){.limit = 2}, "r5 r4 ");
    assert_found(&(struct record_filter){.limit = 2, .before = rows[4]}, "r3 r2 ");
    assert_found(&(struct record_filter){.endpoint = STR("odd"), .limit = 9}, "r5 r3 r1 ");
    assert_found(&(struct record_filter){.endpoint = STR("even"), .limit = 2}, "r4 r2 ");
    assert_found(&(struct record_filter){.endpoint = STR("even"), .limit = 9, .before = rows[4]}, "r2 r0 ");
    assert_found(&(struct record_filter){.endpoint = STR("none"), .limit = 9}, "");
    assert_found(
        &(struct record_filter){.from = start + NS_PER_SECOND, .to = start + 3 * NS_PER_SECOND, .limit = 9},
        "r2 r1 ");
    assert_found(&(struct record_filter){.endpoint = STR("even"), .from = start + NS_PER_SECOND, .limit = 9},
                 "r4 r2 ");
}

static void a_rolled_back_transaction_leaves_nothing_behind(void **state) {
    struct event *e = make_event("gone", "e");
    event_add_stage(e, "infer", 7);
    begin();
    insert(e);
    store_rollback(store);
    record_writer_forget(writer);
    begin();
    e->request_id = STR("kept");
    insert(e);
    end();
    event_free(e);
    assert_found(&(struct record_filter){.limit = 9}, "kept ");
    assert_found(&(struct record_filter){.endpoint = STR("e"), .limit = 9}, "kept ");
    AUTO_BUF out = BUF_INIT(8192);
    assert_true(records_visit(store, &(struct record_filter){.limit = 1}, copy_json, &out, &err));
    assert_non_null(strstr(buf_terminated(&out), "\"infer\":0.007"));
}

static void rows_stay_in_order_when_the_clock_does_not(void **state) {
    int64_t first = record_one("first", "e");
    now -= 3600 * NS_PER_SECOND;
    record_writer_free(writer);
    assert_true(record_writer_new(&writer, store, &err));
    char id[ID_SIZE], expected[64];
    id_make(now, id);
    assert_true(record_one(id, "e") > first);
    snprintf(expected, sizeof expected, "%s first ", id);
    assert_found(&(struct record_filter){.limit = 9}, expected);
    snprintf(expected, sizeof expected, "%s ", id);
    assert_found(&(struct record_filter){.request_id = str_from(id), .limit = 9}, expected);
}

static void more_endpoints_than_a_group_holds(void **state) {
    char name[16];
    begin();
    for (int i = 0; i < 60; i++) {
        snprintf(name, sizeof name, "e%d", i % 30);
        struct event *e = make_event(name, name);
        insert(e);
        event_free(e);
    }
    end();
    assert_found(&(struct record_filter){.endpoint = STR("e29"), .limit = 9}, "e29 e29 ");
    assert_found(&(struct record_filter){.endpoint = STR("e0"), .limit = 9}, "e0 e0 ");
}

/* What the first schema had: a row for each event, none of it packed. */
static const char first_schema[] =
    "DROP TABLE event_pages; DROP TABLE spend; DROP TABLE spend_commits; DROP TABLE prompts;"
    "DROP TABLE responses; DROP TABLE response_items; DROP TABLE conversations;"
    "DROP TABLE shadow_answers; DROP TABLE aliases; DROP TABLE endpoint_versions; DROP TABLE monitor_windows;"
    "DROP TABLE monitor_references;"
    "DROP TABLE subject_secret; DROP TABLE forgets; DROP TABLE cost_days;"
    "DROP TABLE evaluations; DROP TABLE audit; DROP TABLE audit_head; DROP TABLE feedback; DROP TABLE "
    "rollouts;"
    "DROP TABLE alerts; DROP TABLE incidents; DROP TABLE incident_events; DROP TABLE silences; DROP TABLE "
    "outbox; DROP TABLE objectives;"
    "DROP TABLE datasets; DROP TABLE version_datasets; DROP TABLE tags; DROP TABLE suites; DROP INDEX "
    "versions_listing;"
    "DROP TABLE review_opinions; DROP TABLE review_skips; DROP TABLE review_gold; DROP TABLE endpoint_states;"
    "DROP INDEX review_items_queue; DROP INDEX review_items_endpoint_queue; DROP INDEX "
    "review_items_resolved; DROP INDEX review_items_gold; DROP INDEX review_items_created; DROP INDEX "
    "review_items_audit; ALTER TABLE kept_inputs DROP COLUMN text;"
    "ALTER TABLE review_items DROP COLUMN kind;"
    "ALTER TABLE review_items DROP COLUMN rank;"
    "ALTER TABLE review_items DROP COLUMN risk;"
    "ALTER TABLE review_items DROP COLUMN due;"
    "ALTER TABLE review_items DROP COLUMN lease;"
    "ALTER TABLE review_items DROP COLUMN wanted;"
    "ALTER TABLE review_items DROP COLUMN share;"
    "ALTER TABLE review_items DROP COLUMN action;"
    "ALTER TABLE review_items DROP COLUMN fields;"
    "ALTER TABLE review_items DROP COLUMN note;"
    "ALTER TABLE review_items DROP COLUMN claimed_by;"
    "ALTER TABLE review_items DROP COLUMN claim_tab;"
    "ALTER TABLE review_items DROP COLUMN claimed_until;"
    "ALTER TABLE review_items DROP COLUMN gold; ALTER TABLE review_items DROP COLUMN client;"
    "INSERT INTO stage_names VALUES (1, 'infer');"
    "INSERT INTO events (id, request_id, arrived, latency_us, status, decision, endpoint, confidence, stages,"
    " review_id) VALUES"
    " (1794000000000001, 'old1', 1794000000000000000, 5, 200, 1, 'odd', 0.93, x'0107', NULL),"
    " (1794000000000002, 'old2', 1794000000000000000, 5, 200, 3, 'even', NULL, x'',"
    " '01KAAAAAAAAAAAAAAAAAAAAAAA'),"
    " (1794000000000003, 'old1', 1794000000000000000, 5, 503, 6, 'odd', NULL, NULL, NULL);"
    "INSERT INTO event_groups VALUES ('odd', 1794000000000003, 1794000000000001),"
    " ('even', 1794000000000002, 1794000000000002);"
    "INSERT INTO request_ids VALUES ('old1', 1794000000000001), ('old2', 1794000000000002),"
    " ('old1', 1794000000000003);"
    "INSERT INTO kept_inputs VALUES (1794000000000002,"
    " 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855', 'text/plain', 7, NULL);"
    "PRAGMA user_version = 1";

static void a_store_of_the_first_schema_goes_on(void **state) {
    record_writer_free(writer);
    assert_true(sql_exec(store, first_schema, &err));
    store_close(store);
    assert_true(store_open(&store, folder.path, &err));
    assert_true(record_writer_new(&writer, store, &err));
    assert_true(record_one("new1", "odd") > 1794000000000003);
    record_one("old1", "even");
    assert_found(&(struct record_filter){.limit = 9}, "old1 new1 old1 old2 old1 ");
    assert_found(&(struct record_filter){.limit = 3}, "old1 new1 old1 ");
    assert_found(&(struct record_filter){.limit = 9, .before = 1794000000000003}, "old2 old1 ");
    assert_found(&(struct record_filter){.limit = 9, .to = INT64_C(1794000000000002000)}, "old1 ");
    assert_found(&(struct record_filter){.endpoint = STR("odd"), .limit = 9}, "new1 old1 old1 ");
    assert_found(&(struct record_filter){.endpoint = STR("even"), .limit = 9}, "old1 old2 ");
    assert_found(&(struct record_filter){.request_id = STR("old1"), .limit = 9}, "old1 old1 old1 ");
    assert_found(&(struct record_filter){.request_id = STR("old1"), .limit = 2}, "old1 old1 ");
    AUTO_BUF out = BUF_INIT(8192);
    struct record_filter one = {.request_id = STR("old1"), .limit = 1};
    assert_true(records_visit(store, &one, copy_json, &out, &err));
    assert_non_null(strstr(buf_terminated(&out), "\"confidence\":0.9300"));
    assert_non_null(strstr(buf_terminated(&out), "\"infer\":0.007"));
    buf_clear(&out);
    one.request_id = STR("old2");
    assert_true(records_visit(store, &one, copy_json, &out, &err));
    assert_non_null(strstr(buf_terminated(&out), "\"review_id\":\"01KAAAAAAAAAAAAAAAAAAAAAAA\""));
}

/* Pages, groups and commits do not end at the same places. */
static void many_events_in_one_commit(void **state) {
    enum { MANY = 500 };
    char name[16], id[ID_SIZE], expected[64];
    int64_t rows[MANY], after = 0;
    begin();
    for (int i = 0; i < MANY; i++) {
        snprintf(name, sizeof name, "r%d", i);
        struct event *e = make_event(name, i == 3 || i == 400 ? "rare" : "often");
        if (i == 250) {
            id_make(now, id);
            e->request_id = event_keep(e, str_from(id));
        }
        if (i == 300) /* the texts of one page are many */
            for (int k = 0; k < 2 * PAGE_EVENTS_MAX; k++) {
                snprintf(name, sizeof name, "p%d", k);
                struct event *other = make_event("filler", "often");
                other->prediction = event_keep(other, str_from(name));
                insert(other);
                event_free(other);
            }
        rows[i] = insert(e);
        event_free(e);
    }
    end();
    int64_t pages;
    assert_true(sql_number(store, "SELECT count(*) FROM event_pages", &pages, &err));
    assert_in_range(pages, 6, 8);
    assert_found(&(struct record_filter){.endpoint = STR("rare"), .limit = 9}, "r400 r3 ");
    assert_found(&(struct record_filter){.limit = 3}, "r499 r498 r497 ");
    assert_found(&(struct record_filter){.limit = 2, .before = rows[200]}, "r199 r198 ");
    assert_found(&(struct record_filter){.request_id = STR("r77"), .limit = 9}, "r77 ");
    snprintf(expected, sizeof expected, "%s ", id);
    assert_found(&(struct record_filter){.request_id = str_from(id), .limit = 9}, expected);
    for (int i = MANY - 1; i >= 0; i--)
        after += rows[i] > (i > 0 ? rows[i - 1] : 0);
    assert_int_equal(after, MANY);
}

static void a_damaged_page_is_an_error_and_no_more(void **state) {
    record_one("a", "e");
    assert_true(sql_exec(store, "UPDATE event_pages SET body = x'8001ff'", &err));
    char text[64] = "";
    assert_false(records_visit(store, &(struct record_filter){.limit = 9}, list_ids, text, &err));
    assert_int_equal(err.code, ERR_STORE);
    assert_non_null(strstr(err.message, "damaged"));
}

static int64_t count(const char *sql) {
    int64_t n;
    assert_true(sql_number(store, sql, &n, &err));
    return n;
}

static void commits_share_a_group_for_a_while(void **state) {
    char name[16], expected[512] = "";
    for (int i = 0; i < 40; i++) {
        snprintf(name, sizeof name, "r%d", i);
        record_one(name, i % 20 ? "often" : "rare");
        now += NS_PER_SECOND / 2;
    }
    assert_in_range(count("SELECT count(*) FROM event_groups WHERE endpoint = 'often'"), 2, 3);
    for (int i = 39; i >= 0; i--)
        if (i % 20)
            sprintf(expected + strlen(expected), "r%d ", i);
    assert_found(&(struct record_filter){.endpoint = STR("often"), .limit = 99}, expected);
    assert_found(&(struct record_filter){.endpoint = STR("rare"), .limit = 99}, "r20 r0 ");
    /* What is rolled back takes nothing of a group with it. */
    struct event *e = make_event("gone", "often");
    begin();
    insert(e);
    assert_true(record_writer_end(writer, &err));
    store_rollback(store);
    record_writer_forget(writer);
    event_free(e);
    record_one("after", "often");
    assert_found(&(struct record_filter){.endpoint = STR("often"), .limit = 2}, "after r39 ");
}

static int64_t delete_before(int64_t before) {
    int64_t pieces = 0;
    for (bool more = true; more; pieces++)
        assert_true(retention_records(store, before, &more, &err));
    return pieces;
}

static void old_records_go(void **state) {
    char name[16], id[ID_SIZE];
    record_writer_free(writer);
    assert_true(sql_exec(store, first_schema, &err));
    store_close(store);
    assert_true(store_open(&store, folder.path, &err));
    assert_true(record_writer_new(&writer, store, &err));
    id_make(now, id);
    record_one(id, "e");
    for (int i = 0; i < 3; i++) {
        begin();
        for (int k = 0; k < 600; k++) {
            snprintf(name, sizeof name, "%d-%d", i, k);
            struct event *e = make_event(name, k % 100 ? "e" : "rare");
            insert(e);
            event_free(e);
        }
        end();
        now += 3600 * NS_PER_SECOND;
    }
    int64_t third = now - 3600 * NS_PER_SECOND;
    assert_int_equal(delete_before(1), 1);
    assert_int_equal(count("SELECT sum(count) FROM event_pages"), 1801);
    assert_int_equal(count("SELECT count(*) FROM events"), 3);
    assert_true(delete_before(third) > 1);
    assert_int_equal(count("SELECT sum(count) FROM event_pages"), 600);
    assert_int_equal(count("SELECT count(*) FROM request_ids"), 600);
    assert_int_equal(count("SELECT count(*) FROM events"), 0);
    assert_int_equal(count("SELECT count(*) FROM event_groups"), 2);
    assert_int_equal(count("SELECT count(*) FROM kept_inputs"), 1); /* has its own time */
    assert_found(&(struct record_filter){.request_id = STR("1-599"), .limit = 9}, "");
    assert_found(&(struct record_filter){.request_id = str_from(id), .limit = 9}, "");
    assert_found(&(struct record_filter){.request_id = STR("2-0"), .limit = 9}, "2-0 ");
    assert_found(&(struct record_filter){.endpoint = STR("rare"), .limit = 9},
                 "2-500 2-400 2-300 2-200 2-100 2-0 ");
    record_one("new", "rare");
    assert_found(&(struct record_filter){.limit = 2}, "new 2-599 ");
    delete_before(now + NS_PER_SECOND);
    assert_int_equal(count("SELECT count(*) FROM event_pages"), 0);
    assert_int_equal(count("SELECT count(*) FROM request_ids"), 0);
    assert_int_equal(count("SELECT count(*) FROM event_groups"), 0);
}

static void keep(struct event *e, const char *text, int64_t until) {
    e->input = event_keep(e, str_from(text));
    e->input_type = STR("text/plain");
    e->input_keep_until = until;
    assert_true(blob_put_unsynced(store_inputs_folder(store), e->input, e->input_blob, &err));
}

static bool blob_is_there(const char *hex) {
    struct blob b;
    if (!blob_map(store_inputs_folder(store), hex, true, &b, &err))
        return false;
    blob_unmap(&b);
    return true;
}

static void last_input(const struct record *r, void *ctx) {
    memcpy(ctx, r->input.blob, sizeof r->input.blob);
}

static void kept_inputs_go_when_their_time_is_over(void **state) {
    char shared[SHA256_HEX_SIZE], alone[SHA256_HEX_SIZE], hex[SHA256_HEX_SIZE];
    struct event *events[4];
    const char *texts[] = {"shared", "shared", "alone", "for good"};
    int64_t until[] = {now + 10, now + 20, now + 10, 0};
    begin();
    for (int i = 0; i < 4; i++) {
        events[i] = make_event(texts[i], "e");
        keep(events[i], texts[i], until[i]);
        insert(events[i]);
    }
    end();
    memcpy(shared, events[0]->input_blob, sizeof shared);
    memcpy(alone, events[2]->input_blob, sizeof alone);
    bool more = true;
    assert_true(retention_run(store, now + 9, 100, &more, &err));
    assert_false(more);
    assert_true(blob_is_there(alone));
    assert_true(retention_run(store, now + 10, 1, &more, &err));
    assert_true(more);
    assert_true(retention_run(store, now + 10, 100, &more, &err));
    assert_false(more);
    assert_true(blob_is_there(shared));
    assert_false(blob_is_there(alone));
    assert_true(records_visit(store, &(struct record_filter){.request_id = STR("alone"), .limit = 1},
                              last_input, hex, &err));
    assert_string_equal(hex, "");
    assert_true(retention_run(store, now + 20, 100, &more, &err));
    assert_false(blob_is_there(shared));
    assert_true(retention_run(store, INT64_MAX, 100, &more, &err));
    assert_true(blob_is_there(events[3]->input_blob));
    for (int i = 0; i < 4; i++)
        event_free(events[i]);
}

static void orphans_are_swept_and_nothing_else(void **state) {
    char orphan[SHA256_HEX_SIZE], artefact[SHA256_HEX_SIZE];
    struct event *e = make_event("r", "e");
    keep(e, "named", now + NS_PER_SECOND);
    begin();
    insert(e);
    end();
    assert_true(blob_put_unsynced(store_inputs_folder(store), STR("orphan"), orphan, &err));
    assert_true(blob_put(store_folder(store), STR("orphan"), artefact, &err));
    now = INT64_C(4000000000) * NS_PER_SECOND; /* the files are hours old */
    for (unsigned slice = 0; slice < 256; slice++)
        assert_true(retention_sweep(store, slice, &err));
    assert_false(blob_is_there(orphan));
    assert_true(blob_is_there(e->input_blob));
    struct blob b;
    assert_true(blob_map(store_folder(store), artefact, true, &b, &err));
    blob_unmap(&b);
    event_free(e);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_event_comes_back_as_it_was, setup, teardown),
        cmocka_unit_test_setup_teardown(nothing_known_reads_as_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(our_ids_are_found_by_their_time, setup, teardown),
        cmocka_unit_test_setup_teardown(callers_ids_are_found_however_odd, setup, teardown),
        cmocka_unit_test_setup_teardown(lists_by_endpoint_time_and_page, setup, teardown),
        cmocka_unit_test_setup_teardown(a_rolled_back_transaction_leaves_nothing_behind, setup, teardown),
        cmocka_unit_test_setup_teardown(rows_stay_in_order_when_the_clock_does_not, setup, teardown),
        cmocka_unit_test_setup_teardown(more_endpoints_than_a_group_holds, setup, teardown),
        cmocka_unit_test_setup_teardown(a_store_of_the_first_schema_goes_on, setup, teardown),
        cmocka_unit_test_setup_teardown(many_events_in_one_commit, setup, teardown),
        cmocka_unit_test_setup_teardown(a_damaged_page_is_an_error_and_no_more, setup, teardown),
        cmocka_unit_test_setup_teardown(commits_share_a_group_for_a_while, setup, teardown),
        cmocka_unit_test_setup_teardown(old_records_go, setup, teardown),
        cmocka_unit_test_setup_teardown(kept_inputs_go_when_their_time_is_over, setup, teardown),
        cmocka_unit_test_setup_teardown(orphans_are_swept_and_nothing_else, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
