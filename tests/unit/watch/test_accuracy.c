/* Accuracy from labels: what it makes of people who do not speak up by chance, and what it asks the store. */
#include "unit.h"

#include "folder.h"

#include "base/clock.h"
#include "store/sql.h"
#include "watch/monitors/accuracy_estimate.h"
#include "watch/monitors/monitor_store.h"

#include <math.h>
#include <stdio.h>

static uint64_t dice;

static double chance(void) {
    dice = dice * 6364136223846793005U + 1442695040888963407U;
    return (double)(dice >> 11) / 9007199254740992.0;
}

enum { ANSWERS = 20000, REVIEWS = 3000 };

/* A week: the unsure ones go to people, of whom a third decide; of the others those with a wrong answer speak
 * up ten times as often, and 5 % are audited. *truth: the share that is right. */
static struct monitor_labels week(double *truth) {
    struct monitor_labels l = {0};
    unsigned right = 0;
    for (int i = 0; i < ANSWERS; i++) {
        bool unsure = i < REVIEWS, good = chance() < (unsure ? 0.6 : 0.92);
        right += good;
        if (unsure) {
            bool decided = chance() < 0.33;
            l.reviewed += decided;
            l.reviewed_right += decided && good;
        } else if (chance() < (good ? 0.05 : 0.5)) {
            l.spoken_of++;
            l.spoken_of_right += good;
        } else if (chance() < 0.05) {
            l.audited++;
            l.audit_weight += 20;
            l.audit_weight_right += good ? 20 : 0;
        }
    }
    *truth = right / (double)ANSWERS;
    return l;
}

static void who_speaks_up_does_not_bias_it(void **state) {
    double error = 0, within = 0, plain = 0;
    enum { WEEKS = 200 };
    dice = 7;
    for (int i = 0; i < WEEKS; i++) {
        double truth;
        struct monitor_labels l = week(&truth);
        struct accuracy_estimate e = accuracy_estimate_of(&l, ANSWERS, REVIEWS);
        assert_true(e.known);
        error += e.value - truth;
        within += fabs(e.value - truth) < e.half;
        plain += e.spoken_of - truth;
    }
    assert_true(fabs(error / WEEKS) < 0.001);
    assert_true(within / WEEKS > 0.92);
    assert_true(plain / WEEKS < -0.3); /* what the feedback alone would say */
}

static void without_audits_there_is_no_verdict(void **state) {
    struct monitor_labels l = {.spoken_of = 500, .spoken_of_right = 400};
    struct accuracy_estimate e = accuracy_estimate_of(&l, 1000, 0);
    assert_false(e.known);
    assert_true(isnan(e.value));
    assert_true(fabs(e.spoken_of - 0.8) < 1e-9);
    e = accuracy_estimate_of(&l, 500, 0); /* all are known */
    assert_true(e.known);
    assert_true(fabs(e.value - 0.8) < 1e-9 && e.half == 0);
    e = accuracy_estimate_of(&l, 400, 0); /* older requests were spoken of, too */
    assert_true(e.known && fabs(e.value - 0.8) < 1e-9);
    assert_false(accuracy_estimate_of(&l, 0, 0).known);
}

/* ---- the store ---- */

static struct store *store;
static struct error err;

static void run(const char *sql) {
    if (!sql_exec(store, sql, &err))
        fail_msg("%s", err.message);
}

static void item(const char *request, int kind, const char *label, int64_t resolved) {
    char sql[512];
    snprintf(sql, sizeof sql,
             "INSERT INTO review_items (id, request_id, endpoint, model, created, reason, detail, prediction,"
             " labels, kind, share, label, resolved) VALUES ('%s-%d', '%s', 'shop', 'm@1', 1, '', '', 'yes', "
             "'[]', %d, 0.1, '%s', %lld)",
             request, kind, request, kind, label, (long long)resolved);
    run(sql);
}

static void speak(const char *request, const char *who, int correct, int64_t at) {
    char sql[256];
    snprintf(sql, sizeof sql, "INSERT INTO feedback VALUES ('%s', '%s', %lld, 'shop', 'm@1', '', %d, NULL)",
             request, who, (long long)at, correct);
    run(sql);
}

static void each_request_counts_in_one_kind(void **state) {
    struct test_folder folder;
    struct monitor_known known;
    const int64_t now = INT64_C(1795000000000000000), day = INT64_C(86400000000000);
    folder_make(&folder);
    assert_true(store_open(&store, folder.path, &err));
    item("people", 0, "no", now - day);
    speak("people", "ann", 1, now - day); /* is the people's */
    item("drawn", 1, "yes", now - day);
    item("both", 1, "no", now - day); /* the audit's word counts, and it is not drawn for others */
    speak("both", "ann", 1, now - day);
    speak("split", "ann", 1, now - day);
    speak("split", "bob", 0, now - day);
    speak("right", "ann", 1, now - day);
    speak("score", "ann", -1, now - day);
    speak("old", "ann", 0, now - 8 * day);
    speak("later", "ann", 0, now + day); /* the clock was set back */
    assert_true(monitor_known_read(&known, store, now, &err));
    assert_int_equal(known.label_count, 1);
    const struct monitor_labels *l = known.labels;
    assert_int_equal(l->reviewed, 1);
    assert_int_equal(l->reviewed_right, 0);
    assert_int_equal(l->audited, 1);
    assert_true(fabs(l->audit_weight - 10) < 1e-9 && fabs(l->audit_weight_right - 10) < 1e-9);
    assert_int_equal(l->spoken_of, 3);
    assert_true(fabs(l->spoken_of_right - 1.5) < 1e-9);
    assert_int_equal(l->checked, 1);
    assert_int_equal(l->agreed, 0);
    monitor_known_free(&known);
    store_close(store);
    folder_remove(&folder);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_speaks_up_does_not_bias_it),
        cmocka_unit_test(without_audits_there_is_no_verdict),
        cmocka_unit_test(each_request_counts_in_one_kind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
