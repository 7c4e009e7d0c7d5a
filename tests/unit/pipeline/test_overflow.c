/* A queue that outgrows its people, hours in milliseconds: what the store then says, by which row of its
 * table each version is held, and that it ends. */
#include "pipeline/review_driver.h"

#include "../store/folder.h"

#include "base/clock.h"
#include "pipeline/thresholds.h"
#include "store/endpoint_states.h"
#include "store/registry.h"
#include "store/sql.h"

#include <string.h>

#define MINUTE (60 * NS_PER_SECOND)

#define MANIFEST                                                                                             \
    "{\"policy\":{\"accept\":0.8,\"review\":0.8,\"certificate\":{\"wanted\":\"error\",\"wanted_share\":0."   \
    "02,"                                                                                                    \
    "\"error_most\":0.018,\"rows_certifying\":1000,\"reviewed\":200,\"table\":[{\"accept\":0.6,"             \
    "\"review\":0.6,\"rows\":1000,\"reviewed\":50,\"error_most\":0.04},{\"accept\":0.4,\"review\":0.4,"      \
    "\"rows\":1000,\"reviewed\":20,\"error_most\":0.07}]}}}"

static struct test_folder folder;
static struct store *store;
static struct review_driver *driver;
static const struct config *config;
static struct model_version versions[2];
static struct share shares[2];
static struct endpoint endpoint;
static struct snapshot serving;
static struct error err;
static int64_t now;
static unsigned items;

static int64_t test_clock(void) {
    return now;
}

static void configure(const char *review) {
    struct config_problems problems = {0};
    char text[512];
    snprintf(text, sizeof text,
             "endpoints:\n  words: {owner: a@example.com, rollout: [{model: t@1}], review: {%s}}\n", review);
    config = config_parse(str_from(text), "test.yaml", ".", NULL, &problems);
    if (!config)
        fail_msg("%s", problems.list[0].message);
    endpoint = (struct endpoint){.config = &config->endpoints[0], .shares = shares, .share_count = 1};
    serving = (struct snapshot){.config = config, .endpoints = &endpoint, .endpoint_count = 1};
}

static int setup(void **state) {
    static const struct clock_source source = {test_clock, test_clock};
    clock_replace(&source);
    now = INT64_C(1795000000) * NS_PER_SECOND;
    items = 0;
    folder_make(&folder);
    driver = store_open(&store, folder.path, &err) ? review_driver_new(store) : NULL;
    assert_non_null(driver);
    yyjson_doc *doc = json_parse(STR(MANIFEST), &err);
    for (unsigned i = 0; i < 2; i++) {
        versions[i] = (struct model_version){.version = i + 1};
        snprintf(versions[i].reference, sizeof versions[i].reference, "t@%u", i + 1);
        assert_true(policy_read(&versions[i].policy,
                                i ? yyjson_obj_get(yyjson_doc_get_root(doc), "policy") : NULL, 2, &err));
        versions[i].accept = versions[i].policy.accept;
        versions[i].review = versions[i].policy.review;
    }
    yyjson_doc_free(doc);
    shares[0] = (struct share){.version = &versions[1]};
    return 0;
}

static int teardown(void **state) {
    review_driver_free(driver);
    store_close(store);
    config_unref(config);
    folder_remove(&folder);
    clock_replace(NULL);
    return 0;
}

/* Items, of which nobody resolves any, or somebody all. */
static void arrive(unsigned count, bool resolved) {
    char id[32];
    assert_true(store_begin(store, true, &err));
    for (unsigned i = 0; i < count; i++) {
        sqlite3_stmt *q = sql_statement(
            store,
            "INSERT INTO review_items (id, request_id, endpoint, model, created, reason, detail, prediction,"
            " labels, resolved, reviewer) VALUES (?1, 'r', 'words', 't@2', ?2, 'low_confidence', '', 'a',"
            " '[]', CASE WHEN ?3 THEN ?2 END, 'anna')",
            &err);
        assert_non_null(q);
        snprintf(id, sizeof id, "item-%u", items++);
        sql_bind_str(q, 1, str_from(id));
        sql_bind_int(q, 2, now);
        sql_bind_int(q, 3, resolved);
        assert_true(sql_run(store, q, &err));
    }
    assert_true(store_commit(store, &err));
}

static void minutes(int count) {
    for (int i = 0; i < count; i++) {
        now += MINUTE;
        review_driver_tick(driver, &serving);
    }
}

static struct endpoint_state stands(void) {
    struct endpoint_state s;
    assert_true(endpoint_state_get(store, "words", ENDPOINT_OVERFLOW, &s, &err));
    return s;
}

static void says(const char *value, const char *why) {
    struct endpoint_state s = stands();
    if (strcmp(s.value, value) != 0 || !strstr(s.why, why))
        fail_msg("\"%s\", \"%s\", where \"%s\" and \"%s\" were expected", s.value, s.why, value, why);
}

static unsigned changes(void) {
    sqlite3_stmt *q = sql_statement(store, "SELECT count(*) FROM audit WHERE what = 'overflow'", &err);
    bool row;
    assert_true(q && sql_step(store, q, &row, &err) && row);
    unsigned n = (unsigned)sql_int_at(q, 0);
    sql_end(q);
    return n;
}

static void the_row_in_force_stands_in_the_store(void **state) {
    configure("deadline: 1h, overflow: thresholds, overflow_error: 5%");
    struct thresholds t = thresholds_of(&endpoint, &versions[1]);
    assert_true(t.accept == 0.8 && !t.row);
    arrive(40, false);
    minutes(10);
    assert_string_equal(stands().value, ""); /* ten minutes on end, and not one less */
    minutes(2);
    says("thresholds", "t@2 by row 1 of 2: from 0.6 on out, below 0.6 to people; proven: at most 4 %");
    endpoint.overflow = OVERFLOW_THRESHOLDS; /* as the next snapshot has it */
    t = thresholds_of(&endpoint, &versions[1]);
    assert_true(t.accept == 0.6 && t.row == &versions[1].policy.table.rows[1]);
    minutes(5);
    assert_int_equal(changes(), 1);

    /* A version without a table comes beside it, and the history says what gives now. */
    shares[1] = (struct share){.version = &versions[0]};
    endpoint.share_count = 2;
    minutes(1);
    says("thresholds", "t@1 has no certificate, nothing gives");
    assert_int_equal(changes(), 2);
    assert_null(thresholds_of(&endpoint, &versions[0]).row);

    /* After a restart it is known what was noted. */
    review_driver_free(driver);
    driver = review_driver_new(store);
    minutes(5);
    assert_int_equal(changes(), 2);

    now += 25 * 60 * MINUTE; /* a day later nothing has come */
    arrive(1, true);
    sqlite3_stmt *q = sql_statement(store, "UPDATE review_items SET resolved = created", &err);
    assert_true(q && sql_run(store, q, &err));
    minutes(12);
    assert_string_equal(stands().value, "none");
    assert_int_equal(changes(), 3);
}

static void what_cannot_move_is_said(void **state) {
    configure("deadline: 1h, overflow: thresholds");
    arrive(40, false);
    minutes(12);
    says("thresholds", "t@2 stays, no row keeps the bound and sends fewer to people");
    endpoint.overflow = OVERFLOW_THRESHOLDS;
    assert_null(thresholds_of(&endpoint, &versions[1]).row);
    const struct config *before = config;
    configure("deadline: 1h, overflow: thresholds, overflow_error: 10%"); /* a reload */
    config_unref(before);
    minutes(1);
    says("thresholds", "t@2 by row 2 of 2");
}

static void an_error_bound_needs_a_table(void **state) {
    unsigned version;
    configure("overflow: thresholds, overflow_error: 5%");
    assert_true(registry_add_version(store, "t", "rules", STR("a"), STR("{}"), &version, &err) &&
                registry_add_version(store, "t", "rules", STR("b"), STR(MANIFEST), &version, &err));
    assert_false(thresholds_check(store, endpoint.config, "t", 1, &err));
    assert_int_equal(err.code, ERR_CONFLICT);
    assert_non_null(strstr(err.message, "t@1 has no table of certified thresholds"));
    assert_true(thresholds_check(store, endpoint.config, "t", 2, &err));
    const struct config *before = config;
    configure("overflow: thresholds");
    config_unref(before);
    assert_true(thresholds_check(store, endpoint.config, "t", 1, &err));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_row_in_force_stands_in_the_store, setup, teardown),
        cmocka_unit_test_setup_teardown(what_cannot_move_is_said, setup, teardown),
        cmocka_unit_test_setup_teardown(an_error_bound_needs_a_table, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
