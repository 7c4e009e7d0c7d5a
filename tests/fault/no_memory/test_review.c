/* The review queue while every allocation fails in turn: each call says that memory is out, changes nothing
 * and leaks nothing. */
#include "base/clock.h"
#include "review/claims.h"
#include "review/gold.h"
#include "review/stats.h"
#include "store/endpoint_states.h"
#include "store/sql.h"
#include "watch/label_rows.h"

#include "../../unit/store/folder.h"
#include "../../unit/unit.h"
#include "until_enough.h"

static struct test_folder folder;
static struct store *store;
static struct error err;
static const struct reviewer anna = {.name = {"anna", 4}, .tab = {"", 0}}, bert = {.name = {"bert", 4}};
static const struct verdict said = {.label = {"letter", 6}, .fields = {"", 0}, .note = {"", 0}};

static int setup(void **state) {
    static const char some[] =
        "INSERT INTO kept_inputs (event, blob, type, size) VALUES (5,"
        " 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855', 'image/png', 7);"
        "INSERT INTO review_items (id, request_id, endpoint, model, created, reason, detail, prediction,"
        " confidence, labels, event, wanted) VALUES ('A', 'r', 'e', 'm@1', 5, 'audit', '', 'invoice', 0.5, "
        "'[]',"
        " 5, 2), ('B', 's', 'e', 'm@1', 5, 'low_confidence', '', 'invoice', NULL, '[]', NULL, 1);";
    folder_make(&folder);
    return store_open(&store, folder.path, &err) && sql_exec(store, some, &err) ? 0 : -1;
}

static int teardown(void **state) {
    store_close(store);
    folder_remove(&folder);
    return 0;
}

static bool claims(void) {
    AUTO_BUF out = BUF_INIT(1 << 20);
    return review_next(store, STR("e"), &anna, &out, &err) &&
           review_skip(store, STR("B"), STR("why"), &anna, &out, &err) && !out.failed;
}

static bool opinions(void) {
    AUTO_BUF out = BUF_INIT(1 << 20);
    return review_label(store, STR("A"), &said, &anna, &out, &err) &&
           review_label(store, STR("A"), &said, &bert, &out, &err) && !out.failed;
}

static bool gold(void) {
    unsigned n;
    bool good = gold_from_resolved(store, STR("e"), 2, 10, &n, &err);
    assert_true(!good || n <= 1);
    return good;
}

static bool figures(void) {
    AUTO_BUF out = BUF_INIT(1 << 20);
    return review_stats(store, STR("e"), STR("ada"), true, clock_wall(), &out, &err);
}

static bool rows(void) {
    struct label_rows rows;
    bool good = label_rows_collect(store, STR("e"), &rows, &err);
    assert_true(!good || rows.count == 1);
    label_rows_free(&rows);
    return good;
}

static bool states(void) {
    return endpoint_state_set(store, "e", ENDPOINT_SWITCH, "people", "anna", "because", &err);
}

static void the_queue_without_memory(void **state) {
    int64_t n;
    until_enough(claims, &err);
    until_enough(opinions, &err);
    assert_true(sql_number(store, "SELECT count(*) FROM review_opinions", &n, &err));
    assert_int_equal(n, 2);
    until_enough(gold, &err);
    until_enough(figures, &err);
    until_enough(rows, &err);
    until_enough(states, &err);
    assert_true(sql_number(store, "SELECT count(*) FROM endpoint_states", &n, &err));
    assert_int_equal(n, 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_queue_without_memory, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
