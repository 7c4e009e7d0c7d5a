#include "unit.h"

#include "folder.h"

#include "base/clock.h"
#include "store/history.h"
#include "store/sql.h"
#include "watch/alerts/alert_engine.h"
#include "watch/alerts/alert_retention.h"
#include "watch/alerts/alert_rules.h"
#include "watch/alerts/delivery.h"
#include "watch/alerts/delivery_send.h"
#include "watch/alerts/incident_report.h"
#include "watch/alerts/notice.h"
#include "watch/alerts/outbox.h"
#include "watch/alerts/silences.h"

#include <math.h>
#include <stdio.h>

#define SECOND NS_PER_SECOND
#define MINUTE (60 * SECOND)

static struct test_folder folder;
static struct store *store;
static const struct config *config;
static struct error err;
static int64_t now;
static struct alert_outcome outcome;

static int64_t fake_time(void) {
    return now;
}

static const char yaml[] =
    "store: {path: /nowhere}\n"
    "upstreams: {main: {kind: simulator}}\n"
    "endpoints:\n"
    "  shop: {kind: chat, owner: team-shop, rollout: [{upstream: main, model: a}]}\n"
    "  desk: {kind: chat, rollout: [{upstream: main, model: a}]}\n"
    "alerts:\n"
    "  group_wait: 0s\n"
    "  group_interval: 0s\n"
    "  receivers:\n"
    "    all: {kind: webhook, url: \"${env:TEST_HOOK}\"}\n"
    "    bad: {kind: pagerduty, key: \"${env:TEST_KEY}\", least: P1}\n"
    "    desk: {kind: email, server: \"smtp://localhost\", from: a@x, to: b@x, endpoints: desk, resolved: "
    "false}\n"
    "    boss: {kind: slack, url: \"${env:TEST_HOOK}\", after: 15m}\n"
    "  monitors:\n"
    "    quiet: {enabled: false}\n"
    "    error_rate: {for: 0s, clear: 0s, class: P1}\n"
    "    cost: {for: 0s, clear: 0s}\n"
    "  maintenance:\n"
    "    - {endpoints: desk, days: [saturday], from: \"23:30\", lasts: 2h, why: backups}\n";

static int setup(void **state) {
    static const struct clock_source source = {fake_time, fake_time};
    struct config_problems problems = {0};
    clock_replace(&source);
    now = INT64_C(1795000000) * SECOND;
    setenv("TEST_HOOK", "http://127.0.0.1:1/secret", 1);
    setenv("TEST_KEY", "k", 1);
    config = config_parse(str_from(yaml), "test.yaml", "", NULL, &problems);
    config_problems_print(&problems, stderr);
    folder_make(&folder);
    outcome = (struct alert_outcome){0};
    return config && store_open(&store, folder.path, &err) ? 0 : -1;
}

static int teardown(void **state) {
    store_close(store);
    config_unref(config);
    folder_remove(&folder);
    clock_replace(NULL);
    return 0;
}

static struct reading reading(const char *endpoint, const char *monitor, enum reading_state state) {
    return (struct reading){.endpoint = endpoint,
                            .monitor = monitor,
                            .part = "",
                            .state = state,
                            .value = state == READING_BREACHED ? 0.5 : 0.01,
                            .expected = NAN,
                            .limit = 0.05,
                            .unit = "share",
                            .samples = 100,
                            .from = now - MINUTE,
                            .to = now,
                            .detail = ""};
}

static void look(const struct reading *readings, size_t count, int64_t elapsed) {
    now += elapsed;
    struct alert_look l = {readings, count, elapsed, now};
    if (!alert_engine_look(store, config, &l, &outcome, &err))
        fail_msg("alert_engine_look: %s", err.message);
}

static void look_at(const char *endpoint, const char *monitor, enum reading_state state, int64_t elapsed) {
    struct reading r = reading(endpoint, monitor, state);
    look(&r, 1, elapsed);
}

static void add_word(const struct outbox_message *m, void *ctx) {
    buf_printf(ctx, "%.*s:%.*s ", STR_ARG(m->receiver), STR_ARG(m->what));
}

/* What went out, oldest first: "all:opened boss:escalated ". */
static void assert_told(const char *expected) {
    AUTO_BUF out = BUF_INIT(65536);
    assert_true(outbox_list(store, &(struct outbox_filter){.waiting = true}, add_word, &out, &err));
    assert_str(buf_str(&out), expected);
}

static void take_alert(const struct alert_record *a, void *ctx) {
    *(struct alert_record *)ctx = *a;
}

static struct alert_record the_alert(bool active) {
    struct alert_record a = {0};
    assert_true(alerts_list(store, &(struct alert_filter){.active = active}, take_alert, &a, &err));
    return a;
}

static void from_breach_to_end(void **state) {
    look_at("shop", "error_rate", READING_BREACHED, 0);
    assert_int_equal(outcome.firing, 1);
    assert_int_equal(outcome.open[ALERT_P1], 1);
    assert_told("all:opened bad:opened ");
    look_at("shop", "error_rate", READING_BREACHED, MINUTE);
    assert_told("all:opened bad:opened ");
    look_at("shop", "error_rate", READING_BREACHED, 14 * MINUTE);
    assert_told("all:opened bad:opened boss:escalated ");
    look_at("shop", "error_rate", READING_GOOD, MINUTE);
    assert_told("all:opened bad:opened boss:escalated all:resolved bad:resolved boss:resolved ");
    assert_int_equal(the_alert(false).progress.state, ALERT_RESOLVED);
    look_at("shop", "error_rate", READING_GOOD, 24 * 60 * MINUTE);
    assert_told("all:opened bad:opened boss:escalated all:resolved bad:resolved boss:resolved ");
}

static void one_incident_for_an_endpoint(void **state) {
    struct reading r[] = {reading("shop", "cost", READING_BREACHED),
                          reading("shop", "error_rate", READING_GOOD),
                          reading("desk", "cost", READING_BREACHED)};
    look(r, 3, 0);
    assert_told("all:opened all:opened desk:opened ");
    r[1].state = READING_BREACHED; /* a worse one: others are concerned now */
    look(r, 3, MINUTE);
    assert_told("all:opened all:opened desk:opened all:changed bad:changed ");
    assert_int_equal(outcome.open[ALERT_P1], 1);
    assert_int_equal(outcome.open[ALERT_P3], 1);
    r[2] = reading("desk", "cost", READING_GOOD); /* "desk" does not want to know the end */
    look(r, 3, MINUTE);
    assert_told("all:opened all:opened desk:opened all:changed bad:changed all:resolved ");
}

static void a_silence_holds_back_and_lets_go(void **state) {
    struct silence s = {
        .ends = now + 10 * MINUTE, .endpoint = "shop", .monitor = "error_rate", .who = "ada", .why = "x"};
    assert_true(silence_add(store, &s, &err));
    look_at("shop", "error_rate", READING_BREACHED, 0);
    look_at("shop", "error_rate", READING_BREACHED, 9 * MINUTE);
    assert_told("");
    assert_int_equal(outcome.muted, 1);
    look_at("shop", "error_rate", READING_BREACHED, MINUTE);
    assert_told("all:opened bad:opened ");
}

static void a_silence_over_an_open_incident_stops_its_time(void **state) {
    look_at("shop", "error_rate", READING_BREACHED, 0);
    struct silence s = {.ends = now + 600 * MINUTE, .endpoint = "shop", .who = "ada", .why = "x"};
    assert_true(silence_add(store, &s, &err));
    for (int i = 0; i < 50; i++)
        look_at("shop", "error_rate", READING_BREACHED, 10 * MINUTE);
    assert_told("all:opened bad:opened ");
    look_at("shop", "error_rate", READING_GOOD, MINUTE); /* its end is told: somebody waits for it */
    look_at("shop", "error_rate", READING_GOOD, MINUTE);
    assert_told("all:opened bad:opened all:resolved bad:resolved ");
}

static void silences_need_a_reason_and_an_end(void **state) {
    struct silence s = {.ends = now + MINUTE, .endpoint = "shop", .who = "ada"};
    assert_false(silence_add(store, &s, &err));
    s = (struct silence){.ends = now - MINUTE, .endpoint = "shop", .who = "ada", .why = "x"};
    assert_false(silence_add(store, &s, &err));
    s = (struct silence){.ends = now + 367 * 24 * 60 * MINUTE, .who = "ada", .why = "x"};
    assert_false(silence_add(store, &s, &err));
    assert_false(silence_end(store, STR("nothing"), "ada", &err));
    assert_int_equal(err.code, ERR_NOT_FOUND);
}

static int64_t day(int number, int hour, int minute) {
    return ((int64_t)number * 24 * 60 + hour * 60 + minute) * MINUTE;
}

/* Day 2 of 1970 was a saturday. */
static void maintenance_lasts_over_midnight(void **state) {
    const struct config_maintenance *m = &config->alerts.maintenance[0];
    int saturday = 2 + 7 * 2000;
    assert_false(maintenance_covers(m, "desk", day(saturday, 23, 29)));
    assert_true(maintenance_covers(m, "desk", day(saturday, 23, 30)));
    assert_true(maintenance_covers(m, "desk", day(saturday + 1, 1, 29)));
    assert_false(maintenance_covers(m, "desk", day(saturday + 1, 1, 30)));
    assert_false(maintenance_covers(m, "desk", day(saturday + 1, 23, 45)));
    assert_false(maintenance_covers(m, "shop", day(saturday, 23, 45)));
    now = day(saturday, 23, 45);
    look_at("desk", "error_rate", READING_BREACHED, 0);
    assert_told("");
    assert_non_null(strstr(the_alert(true).muted, "maintenance from 23:30: backups"));
    look_at("desk", "error_rate", READING_BREACHED, 120 * MINUTE);
    assert_told("all:opened bad:opened desk:opened ");
}

static void a_monitor_that_is_off_says_nothing(void **state) {
    look_at("shop", "quiet", READING_BREACHED, 0);
    assert_int_equal(outcome.firing, 0);
    assert_told("");
}

static void taken_on_it_is_quiet_and_cannot_be_ended_while_it_is_seen(void **state) {
    struct incident_record i;
    look_at("shop", "error_rate", READING_BREACHED, 0);
    struct alert_record a = the_alert(true);
    assert_false(incident_acknowledge(store, STR("nothing"), "ada", "", &i, &err));
    assert_true(incident_acknowledge(store, str_from(a.id), "ada", "", &i, &err));
    assert_false(incident_acknowledge(store, str_from(i.id), "bob", "", &i, &err));
    assert_int_equal(err.code, ERR_CONFLICT);
    for (int k = 0; k < 100; k++)
        look_at("shop", "error_rate", READING_BREACHED, 60 * MINUTE);
    assert_told("all:opened bad:opened ");
    assert_false(incident_resolve(store, str_from(i.id), "ada", "gone", &i, &err));
    assert_int_equal(err.code, ERR_CONFLICT);
    look(NULL, 0, MINUTE); /* nobody measures it any more: it stays */
    assert_int_equal(outcome.firing, 1);
    assert_true(incident_resolve(store, str_from(i.id), "ada", "gone", &i, &err));
    look(NULL, 0, MINUTE);
    assert_told("all:opened bad:opened all:resolved bad:resolved ");
    bool found;
    assert_true(incidents_find(store, str_from(i.id), &found, &i, &err));
    assert_string_equal(i.resolved_by, "ada");
}

static void escalated_by_hand_it_is_told_on_at_once_and_is_nobodys_again(void **state) {
    struct incident_record i;
    look_at("shop", "error_rate", READING_BREACHED, 0);
    assert_false(incident_escalate(store, STR("nothing"), "ada", "too much for me", &i, &err));
    assert_true(incident_acknowledge(store, str_from(the_alert(true).id), "ada", "", &i, &err));
    look_at("shop", "error_rate", READING_BREACHED, 60 * MINUTE);
    assert_told("all:opened bad:opened ");
    assert_true(incident_escalate(store, str_from(i.id), "ada", "too much for me", &i, &err));
    assert_int_equal(i.progress.state, INCIDENT_OPEN);
    assert_string_equal(i.acknowledged_by, "");
    for (int k = 0; k < 3; k++)
        look_at("shop", "error_rate", READING_BREACHED, SECOND);
    assert_told("all:opened bad:opened boss:escalated ");
    assert_true(incident_acknowledge(store, str_from(i.id), "bob", "", &i, &err));
    look_at("shop", "error_rate", READING_GOOD, MINUTE);
    assert_false(incident_escalate(store, str_from(i.id), "ada", "late", &i, &err));
    assert_int_equal(err.code, ERR_CONFLICT);
}

/* A look that fails did not happen: not even its first half. */
static void a_locked_store_loses_nothing(void **state) {
    struct store *other;
    struct reading r = reading("shop", "error_rate", READING_BREACHED);
    struct alert_look l = {&r, 1, 0, now};
    assert_true(store_open(&other, folder.path, &err));
    store_set_patience(store, 1);
    assert_true(store_begin(other, false, &err));
    assert_false(alert_engine_look(store, config, &l, &outcome, &err));
    assert_int_equal(err.code, ERR_STORE);
    store_rollback(other);
    assert_told("");
    assert_true(alert_engine_look(store, config, &l, &outcome, &err));
    assert_told("all:opened bad:opened ");
    store_close(other);
}

static void more_than_can_be_kept_is_said(void **state) {
    enum { MANY = ALERTS_ACTIVE_MAX + 5 };
    static struct reading r[MANY];
    static char parts[MANY][16];
    for (int i = 0; i < MANY; i++) {
        snprintf(parts[i], sizeof parts[i], "%d", i);
        r[i] = reading("shop", "error_rate", READING_BREACHED);
        r[i].part = parts[i];
    }
    look(r, MANY, 0);
    assert_int_equal(outcome.firing, ALERTS_ACTIVE_MAX);
    assert_int_equal(outcome.refused, 5);
    assert_told("all:opened bad:opened ");
}

static void the_draft_says_who_did_what(void **state) {
    struct incident_record i;
    AUTO_BUF out = BUF_INIT(1 << 20);
    look_at("shop", "error_rate", READING_BREACHED, 0);
    now += MINUTE;
    assert_true(incident_acknowledge(store, str_from(the_alert(true).id), "ada | <b>", "on it", &i, &err));
    look_at("shop", "error_rate", READING_GOOD, 9 * MINUTE);
    bool found;
    assert_true(incidents_find(store, str_from(i.id), &found, &i, &err));
    assert_true(incident_report_markdown(store, &i, &out, &err));
    const char *text = buf_terminated(&out);
    assert_non_null(strstr(text, "| Owner | team-shop |"));
    assert_non_null(strstr(text, "by ada \\| \\<b\\>, after 60 s |"));
    assert_non_null(strstr(text, "by penstock, after 10 min |"));
    assert_non_null(strstr(text, "| error_rate | "));
    assert_non_null(strstr(text, "| 50 % | nothing | 5 % | [error_rate](docs/runbooks/error_rate.md) |"));
}

/* ---- words ---- */

static void values_read_as_people_say_them(void **state) {
    static const struct {
        double value;
        const char *unit, *text;
    } cases[] = {{0.1534, "share", "15.3 %"}, {812.4, "ms", "812.4 ms"},
                 {12.5, "usd", "$12.5"},      {101, "count", "101"},
                 {NAN, "ms", "nothing"},      {0.25, "divergence", "0.25 divergence"}};
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        AUTO_BUF out = BUF_INIT(100);
        notice_value(&out, cases[i].value, cases[i].unit);
        assert_str(buf_str(&out), cases[i].text);
    }
}

static void mail_is_safe_and_readable(void **state) {
    struct config_receiver r = {.from = "a@x", .to = "b@x"};
    struct delivery_message m = {"01ID", "01INCIDENT", STR("caf\xc3\xa9\r\nBcc: evil@x"),
                                 STR("a = b\n.\ncaf\xc3\xa9 trailing \n")};
    AUTO_BUF out = BUF_INIT(65536);
    delivery_write_mail(&r, &m, INT64_C(1795000000) * SECOND, &out);
    const char *text = buf_terminated(&out);
    assert_non_null(strstr(text, "Date: Wed, 18 Nov 2026 11:06:40 +0000\r\n"));
    assert_non_null(strstr(text, "Subject: =?utf-8?q?caf=C3=A9=0D=0ABcc=3A=20evil=40x?=\r\n"));
    assert_non_null(strstr(text, "References: <01INCIDENT@penstock.invalid>\r\n"));
    assert_non_null(strstr(text, "\r\n\r\na =3D b\r\n.\r\ncaf=C3=A9 trailing=20\r\n"));
    assert_null(strstr(text, "\r\nBcc:"));
}

static void pauses_grow_to_five_minutes(void **state) {
    assert_int_equal(delivery_pause(1, 1), SECOND);
    assert_int_equal(delivery_pause(1, 0), SECOND / 2);
    assert_int_equal(delivery_pause(4, 1), 8 * SECOND);
    assert_int_equal(delivery_pause(1000, 1), 5 * MINUTE);
    assert_int_equal(delivery_span(3), 7 * SECOND);
}

static void every_rule_is_whole(void **state) {
    for (unsigned i = 0; i < alert_rule_count; i++) {
        assert_true(alert_rules[i].title[0] && alert_rules[i].class <= ALERT_P4);
        assert_ptr_equal(alert_rule_of(alert_rules[i].monitor), &alert_rules[i]);
    }
    assert_int_equal(alert_judging_of(&config->alerts, "error_rate").class, ALERT_P1);
    assert_int_equal(alert_judging_of(&config->alerts, "unheard_of").class, ALERT_P4);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

/* Alerts go by the time that passed, so a wall clock that is set fires, ends, repeats and escalates nothing.
 */
static void a_wall_clock_that_jumps_changes_nothing(void **state) {
    look_at("shop", "latency_p95", READING_BREACHED, 0);
    assert_int_equal(outcome.pending, 1);
    now += 7 * 24 * 60 * MINUTE;
    look_at("shop", "latency_p95", READING_BREACHED, SECOND);
    assert_int_equal(outcome.pending, 1); /* two minutes have not passed */
    look_at("shop", "latency_p95", READING_BREACHED, 2 * MINUTE);
    assert_int_equal(outcome.firing, 1);
    assert_told("all:opened ");
    now -= 60 * MINUTE;
    look_at("shop", "latency_p95", READING_BREACHED, SECOND);
    now += 7 * 24 * 60 * MINUTE;
    look_at("shop", "latency_p95", READING_BREACHED, SECOND);
    assert_told("all:opened "); /* neither repeated nor escalated */
    look_at("shop", "latency_p95", READING_GOOD, SECOND);
    now -= 14 * 24 * 60 * MINUTE;
    look_at("shop", "latency_p95", READING_GOOD, SECOND);
    assert_int_equal(outcome.firing, 1); /* five minutes have not passed */
    look_at("shop", "latency_p95", READING_GOOD, 5 * MINUTE);
    assert_int_equal(outcome.firing, 0);
    assert_told("all:opened all:resolved ");
}

#define COUNT(table) "SELECT count(*) FROM " table

/* A constant: statements are kept by where their text is. */
static int64_t rows_of(const char *sql) {
    int64_t n;
    assert_true(sql_number(store, sql, &n, &err));
    return n;
}

static void seed(const char *id, int state, int64_t ended) {
    char sql[1500];
    snprintf(
        sql, sizeof sql,
        "INSERT INTO alerts SELECT '%s', 'e', 'm', '%s', %d, 0, 0, 0, 0, 0, 0, 0, 1, 1, %lld, 1, 1, 1, 1, "
        "'', 1, 1,"
        " 1, '', '', '%s';"
        "INSERT INTO incidents SELECT '%s', 'e', '', 0, %d, 1, 0, %lld, '', '', '', 1, 0, 0, 0, 0, 0;"
        "INSERT INTO incident_events (incident, at, what, who, text) VALUES ('%s', 1, 'x', 'y', 'z');"
        "INSERT INTO silences SELECT '%s', '', '', '', 1, %lld, 1, 0, 'ada', 'why';"
        "INSERT INTO outbox SELECT '%s', 'all', 'webhook', '%s', 'opened', '', '', %lld, %d, 1, 1, 200, '';",
        id, id, state == 2 ? 3 : 2, (long long)ended, id, id, state, (long long)ended, id, id,
        (long long)(state == 2 ? ended : 5000), id, id, (long long)ended, state == 2 ? 1 : 0);
    if (!sql_exec(store, sql, &err))
        fail_msg("%s", err.message);
}

/* Each kind by its own time; what is open, and what people did, stays. */
static void what_is_over_goes_when_its_time_is_over(void **state) {
    static const char *const tables[] = {COUNT("alerts"), COUNT("incidents"), COUNT("incident_events"),
                                         COUNT("silences"), COUNT("outbox")};
    int64_t acts = rows_of(COUNT("audit"));
    assert_true(history_note(store, "incident.acknowledged", "by ada", &err));
    for (size_t i = 0; i < ARRAY_COUNT(tables); i++)
        assert_int_equal(rows_of(tables[i]), 0);
    seed("old1", 2, 100);
    seed("old2", 2, 200);
    seed("young", 2, 900);
    seed("open", 1, 0);
    struct alert_retention keep = {0};
    assert_true(alert_retention_run(store, &keep, 1000, 10, &err));
    for (size_t i = 0; i < ARRAY_COUNT(tables); i++)
        assert_int_equal(rows_of(tables[i]), 4); /* for good */
    keep = (struct alert_retention){.ended = 500};
    assert_true(alert_retention_run(store, &keep, 1000, 1, &err));
    assert_int_equal(rows_of(COUNT("alerts")), 3); /* one at a time */
    assert_true(alert_retention_run(store, &keep, 1000, 10, &err));
    for (size_t i = 0; i < ARRAY_COUNT(tables); i++)
        assert_int_equal(rows_of(tables[i]), i < 3 ? 2 : 4);
    keep = (struct alert_retention){.silences = 500};
    assert_true(alert_retention_run(store, &keep, 1000, 10, &err));
    assert_int_equal(rows_of(COUNT("silences")), 2);
    keep = (struct alert_retention){.messages = 500};
    assert_true(alert_retention_run(store, &keep, 1000, 10, &err));
    assert_int_equal(rows_of(COUNT("outbox")), 2);
    /* A clock that was set back deletes nothing. */
    keep = (struct alert_retention){500, 500, 500};
    assert_true(alert_retention_run(store, &keep, 100, 10, &err));
    for (size_t i = 0; i < ARRAY_COUNT(tables); i++)
        assert_int_equal(rows_of(tables[i]), 2);
    assert_int_equal(rows_of(COUNT("audit")), acts + 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(from_breach_to_end),
        TEST(one_incident_for_an_endpoint),
        TEST(a_silence_holds_back_and_lets_go),
        TEST(a_silence_over_an_open_incident_stops_its_time),
        TEST(silences_need_a_reason_and_an_end),
        TEST(maintenance_lasts_over_midnight),
        TEST(a_monitor_that_is_off_says_nothing),
        TEST(taken_on_it_is_quiet_and_cannot_be_ended_while_it_is_seen),
        TEST(escalated_by_hand_it_is_told_on_at_once_and_is_nobodys_again),
        TEST(a_locked_store_loses_nothing),
        TEST(more_than_can_be_kept_is_said),
        TEST(the_draft_says_who_did_what),
        cmocka_unit_test(values_read_as_people_say_them),
        cmocka_unit_test(mail_is_safe_and_readable),
        cmocka_unit_test(pauses_grow_to_five_minutes),
        TEST(every_rule_is_whole),
        TEST(a_wall_clock_that_jumps_changes_nothing),
        TEST(what_is_over_goes_when_its_time_is_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
