/* Alerts while every allocation fails in turn: a look, an incident's acts, the draft, silences, retention and
 * the page that goes without the store either do all of it or nothing, say that memory is out, and leak
 * nothing. */
#include "base/clock.h"
#include "store/sql.h"
#include "watch/alerts/alert_engine.h"
#include "watch/alerts/alert_retention.h"
#include "watch/alerts/incident_report.h"
#include "watch/alerts/outbox.h"
#include "watch/alerts/pager.h"
#include "watch/alerts/silences.h"
#include "watch/monitors/first_reference.h"

#include "../../unit/store/folder.h"
#include "../../unit/unit.h"
#include "failing_allocations.h"

#include <stdio.h>

static struct test_folder folder;
static struct store *store;
static const struct config *config;
static struct error err;
static int64_t now;
static char incident[ID_SIZE];

static const char yaml[] =
    "store: {path: /nowhere}\nupstreams: {main: {kind: simulator}}\n"
    "endpoints: {shop: {kind: chat, owner: team, rollout: [{upstream: main, model: a}]}}\n"
    "alerts: {group_wait: 0s, group_interval: 0s, receivers: {all: {kind: webhook, url: "
    "\"${env:TEST_HOOK}\"},"
    " mail: {kind: email, server: \"smtp://127.0.0.1:1\", from: a@x, to: b@x, timeout: 1s}}}\n";

static int setup(void **state) {
    struct config_problems problems = {0};
    setenv("TEST_HOOK", "http://127.0.0.1:1/secret", 1);
    config = config_parse(str_from(yaml), "test.yaml", "", NULL, &problems);
    config_problems_print(&problems, stderr);
    now = INT64_C(1795000000) * NS_PER_SECOND;
    incident[0] = '\0';
    folder_make(&folder);
    return config && store_open(&store, folder.path, &err) ? 0 : -1;
}

static int teardown(void **state) {
    store_close(store);
    config_unref(config);
    folder_remove(&folder);
    return 0;
}

/* Calls `work` with one allocation more each time, until it has enough. `unchanged`: what it must leave as it
 * was where it fails; NULL: nothing is looked at. */
static void until_enough(bool (*work)(void), const char *unchanged) {
    int64_t before = 0, after = 0;
    if (unchanged)
        assert_true(sql_number(store, unchanged, &before, &err));
    for (long failures = 0;; failures++) {
        err = (struct error){0};
        allocations_left = failures;
        bool good = work();
        allocations_left = -1;
        if (good)
            return;
        if (err.code != ERR_NO_MEMORY)
            fail_msg("after %ld allocations: %s", failures, err.message);
        if (unchanged) {
            assert_true(sql_number(store, unchanged, &after, &err));
            assert_int_equal(after, before);
        }
        assert_true(failures < 1000);
    }
}

static struct alert_outcome outcome;

static bool look_at(enum reading_state state) {
    const struct reading r = {.endpoint = "shop",
                              .monitor = "cost",
                              .part = "",
                              .state = state,
                              .value = state == READING_BREACHED ? 2 : 0,
                              .expected = 1,
                              .limit = 1.5,
                              .unit = "usd",
                              .detail = "why"};
    const struct alert_look l = {
        .readings = &r, .count = 1, .elapsed_ns = 3600 * NS_PER_SECOND, .wall_ns = now};
    return alert_engine_look(store, config, &l, &outcome, &err);
}

static bool breached(void) {
    return look_at(READING_BREACHED);
}

static bool good_again(void) {
    return look_at(READING_GOOD);
}

static bool acknowledge(void) {
    struct incident_record i;
    return incident_acknowledge(store, str_from(incident), "ada", "on it", &i, &err);
}

static bool comment(void) {
    struct incident_record i;
    return incident_comment(store, str_from(incident), "ada", "so", &i, &err);
}

static bool report(void) {
    AUTO_BUF out = BUF_INIT(1 << 20);
    struct incident_record i;
    bool found;
    return incidents_find(store, str_from(incident), &found, &i, &err) && found &&
           incident_report_markdown(store, &i, &out, &err) &&
           (!out.failed || fail(&err, ERR_NO_MEMORY, "the caller's part"));
}

static bool silence(void) {
    struct silence s = {
        .ends = clock_wall() + 3600 * NS_PER_SECOND, .endpoint = "shop", .who = "ada", .why = "x"};
    return silence_add(store, &s, &err);
}

static bool prune(void) {
    const struct alert_retention keep = {1, 1, 1};
    return alert_retention_run(store, &keep, clock_wall() + 7200 * NS_PER_SECOND, 100, &err);
}

static void note(const struct incident_record *i, void *ctx) {
    memcpy(incident, i->id, sizeof incident);
}

static void all_of_it_or_nothing(void **state) {
    static const char rows[] = "SELECT (SELECT count(*) FROM alerts) + (SELECT count(*) FROM incidents) +"
                               " (SELECT count(*) FROM incident_events) + (SELECT count(*) FROM outbox)";
    static const char acts[] = "SELECT count(*) FROM silences";
    until_enough(breached, rows);
    until_enough(breached, rows);
    assert_int_equal(outcome.firing, 1);
    assert_true(incidents_list(store, &(struct incident_filter){.open = true, .limit = 1}, note, NULL, &err));
    assert_int_equal(strlen(incident), ID_SIZE - 1);
    until_enough(acknowledge, rows);
    until_enough(comment, rows);
    until_enough(report, rows);
    until_enough(silence, acts);
    for (int i = 0; i < 3; i++)
        until_enough(good_again, NULL);
    assert_int_equal(outcome.firing, 0);
    assert_true(sql_exec(store, "UPDATE outbox SET state = 1", &err));
    until_enough(prune, NULL);
    int64_t left;
    assert_true(sql_number(store, rows, &left, &err));
    assert_int_equal(left, 0);
}

/* Whatever fails, it is tried again: nothing is lost but by ten tries. */
static void a_page_without_memory_is_tried_again(void **state) {
    const struct page page = {
        .id = "01", .what = NOTICE_OPENED, .monitor = "recording", .why = "full", .began = 1};
    for (long failures = 0; failures < 60; failures++) {
        struct outgoing *o = outgoing_new();
        allocations_left = failures;
        struct pager *p = pager_new(o);
        if (p) {
            pager_tell(p, config, &page);
            for (int64_t at = 1; at < 4; at++)
                pager_run(p, at * 3600 * NS_PER_SECOND + clock_monotonic());
        }
        allocations_left = -1;
        if (p) {
            pager_run(p, INT64_MAX / 2);
            assert_int_equal(outgoing_running(o), 2); /* to each receiver, and once */
        }
        outgoing_free(o);
        pager_free(p);
    }
}

static void a_reference_without_memory_is_none(void **state) {
    for (long failures = 0; failures < 10; failures++) {
        AUTO_BUF out = BUF_INIT(1 << 20);
        struct event *e = event_new(64);
        e->model = STR("m@1");
        e->status = 200;
        e->prediction = STR("a");
        allocations_left = failures;
        struct first_reference *f = first_reference_new("m@1", 1, 1);
        if (f) {
            first_reference_add(f, e);
            assert_true(first_reference_full(f));
            bool written = first_reference_write(f, &out);
            assert_int_equal(written, !out.failed);
        }
        allocations_left = -1;
        first_reference_free(f);
        event_free(e);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(all_of_it_or_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(a_page_without_memory_is_tried_again, setup, teardown),
        cmocka_unit_test(a_reference_without_memory_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
