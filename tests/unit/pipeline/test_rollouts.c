/* Rollouts from their start to their end, on a clock of the test's own: the driver, who serves meanwhile,
 * what the store says after each step, and after a crash in the middle of any. */
#include "pipeline/rollouts.h"

#include "../store/folder.h"
#include "../watch/faulty_disk.h"

#include "base/clock.h"
#include "pipeline/segment.h"
#include "pipeline/serving.h"
#include "store/aliases.h"
#include "store/history.h"
#include "store/registry.h"
#include "store/sql.h"

#include <string.h>
#include <sys/wait.h>

#define MINUTE (60 * NS_PER_SECOND)

static const char yaml[] =
    "upstreams:\n"
    "  main: {kind: openai, url: http://127.0.0.1:1/v1}\n"
    "endpoints:\n"
    "  words: {owner: a@example.com, accepts: [text], rollout: [{model: t@%d}]}\n"
    "  shop: {kind: chat, owner: a@example.com, rollout: [{upstream: main, model: ok}]}\n";

static struct test_folder folder;
static struct store *store;
static struct arms *arms;
static struct rollout_driver *driver;
static const struct config *config;
static struct error err;
static int64_t now;

static int64_t test_clock(void) {
    return now;
}

static const struct config *configured(int version) {
    struct config_problems problems = {0};
    char text[sizeof yaml + 8];
    snprintf(text, sizeof text, yaml, version);
    const struct config *c = config_parse(str_from(text), "test.yaml", ".", NULL, &problems);
    if (!c)
        fail_msg("%s", problems.list[0].message);
    return c;
}

static void begin(void) {
    if (!store_open(&store, folder.path, &err))
        fail_msg("%s", err.message);
    arms = arms_new();
    driver = rollout_driver_new(store, arms);
    assert_true(arms && driver);
}

static void end(void) {
    rollout_driver_free(driver);
    arms_free(arms);
    store_close(store);
}

static int setup(void **state) {
    static const struct clock_source source = {test_clock, test_clock};
    clock_replace(&source);
    now = INT64_C(1795000000) * NS_PER_SECOND;
    folder_make(&folder);
    config = configured(1);
    begin();
    for (unsigned i = 0, version; i < 2; i++)
        assert_true(
            registry_add_version(store, "t", "rules", i ? STR("b") : STR("a"), STR("{}"), &version, &err));
    return 0;
}

static int teardown(void **state) {
    end();
    config_unref(config);
    folder_remove(&folder);
    clock_replace(NULL);
    return 0;
}

/* ---- what happens ---- */

static struct rollout_record start(const char *endpoint, enum rollout_kind kind, const char *segment) {
    bool words = strcmp(endpoint, "words") == 0, shadow = kind == ROLLOUT_SHADOW;
    struct rollout_record r = {.kind = (int)kind,
                               .step_least = 10 * MINUTE,
                               .step_most = 60 * MINUTE,
                               .least = 100,
                               .mirror = shadow,
                               .mirror_at_once = 1,
                               .weight = shadow ? 0 : 0.2,
                               .who = "ada"};
    snprintf(r.endpoint, sizeof r.endpoint, "%s", endpoint);
    snprintf(r.stable, sizeof r.stable, "%s", words ? "t@1" : "main/ok");
    snprintf(r.candidate, sizeof r.candidate, "%s", words ? "t@2" : "main/new");
    snprintf(r.steps, sizeof r.steps, "%s", shadow ? "0" : "0.2,0.5");
    snprintf(r.segment, sizeof r.segment, "%s", segment);
    serving_base(config_endpoint_named(config, str_from(endpoint)), r.base);
    if (!rollouts_start(store, &r, &err))
        fail_msg("%s", err.message);
    return r;
}

static bool pass(int64_t ns) {
    now += ns;
    return rollout_driver_tick(driver, config);
}

static void answers(const char *endpoint, unsigned count, bool candidate_fails) {
    for (unsigned i = 0; i < 2 * count; i++) {
        struct event e = {.endpoint = str_from(endpoint),
                          .confidence = 0.9F,
                          .cost_nanodollars = -1,
                          .total_us = 5000,
                          .side = i % 2 ? SIDE_CANDIDATE : SIDE_STABLE,
                          .status = i % 2 && candidate_fails ? 503 : 200};
        arms_note(arms, &e);
    }
}

static void pairs(const struct rollout_record *r, unsigned count, bool agree) {
    struct shadow_answer pair = {.label = "spam",
                                 .stable = {.latency_us = 5000, .confidence = 0.9, .cost = -1},
                                 .candidate = {.latency_us = 5000, .confidence = 0.9, .cost = -1}};
    snprintf(pair.rollout, sizeof pair.rollout, "%s", r->id);
    snprintf(pair.label, sizeof pair.label, "%s", agree ? "spam" : "ham");
    pair.candidate.agrees = agree ? ARM_YES : ARM_NO;
    for (unsigned i = 0; i < count; i++) {
        snprintf(pair.request_id, sizeof pair.request_id, "r%u", i);
        pair.at = now;
        arms_note_pair(arms, &pair);
    }
}

/* ---- what is so then ---- */

static void take(const struct rollout_record *r, void *ctx) {
    *(struct rollout_record *)ctx = *r;
}

static struct rollout_record newest(void) {
    struct rollout_record r = {.state = ROLLOUT_STOPPED};
    assert_true(rollouts_list(store, &(struct rollout_filter){.limit = 1}, take, &r, &err));
    return r;
}

static void assert_serves(const char *endpoint, const char *expected) {
    const struct config_endpoint *e = config_endpoint_named(config, str_from(endpoint));
    struct serving serving;
    char text[300] = "as configured";
    size_t n = 0;
    assert_true(serving_of(store, e, &serving, &err));
    for (unsigned i = 0; i < serving.count; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, "%s%s %.2f", i ? ", " : "", serving.references[i],
                              serving.weights[i]);
    assert_string_equal(text, expected);
}

static void a_good_one_goes_all_the_way(void **state) {
    start("shop", ROLLOUT_CANARY, "");
    assert_false(pass(NS_PER_SECOND)); /* it is counted from here */
    assert_serves("shop", "main/ok 0.80, main/new 0.20");
    answers("shop", 120, false);
    assert_false(pass(MINUTE));
    assert_true(pass(10 * MINUTE)); /* somebody else serves: a snapshot is due */
    assert_serves("shop", "main/ok 0.50, main/new 0.50");
    assert_int_equal(newest().step, 1);
    answers("shop", 1000, false);
    assert_false(pass(MINUTE));
    answers("shop", 100000, false);
    assert_true(pass(10 * MINUTE));
    assert_int_equal(newest().state, ROLLOUT_PROMOTED);
    assert_serves("shop", "main/new 1.00");
    assert_false(pass(MINUTE));
}

static void a_bad_one_goes_back_and_a_silent_one_stops(void **state) {
    start("shop", ROLLOUT_CANARY, "");
    pass(NS_PER_SECOND);
    answers("shop", 120, true);
    assert_true(pass(MINUTE));
    assert_int_equal(newest().state, ROLLOUT_ROLLED_BACK);
    assert_non_null(strstr(newest().outcome, "errors: so in 100.00 %"));
    assert_serves("shop", "main/ok 1.00");
    start("shop", ROLLOUT_CANARY, "");
    pass(NS_PER_SECOND);
    assert_false(pass(30 * MINUTE));
    assert_true(pass(31 * MINUTE));
    assert_int_equal(newest().state, ROLLOUT_NOT_ENOUGH_DATA);
    assert_serves("shop", "main/ok 1.00");
}

static void the_configuration_has_the_last_word(void **state) {
    start("words", ROLLOUT_CANARY, "");
    assert_serves("words", "t@1 0.80, t@2 0.20");
    config_unref(config);
    config = configured(2);
    assert_serves("words", "as configured");
    assert_true(pass(NS_PER_SECOND));
    assert_int_equal(newest().state, ROLLOUT_ROLLED_BACK);
    assert_non_null(strstr(newest().outcome, "last word"));
}

static int64_t rows(void) {
    int64_t n;
    assert_true(sql_number(store, "SELECT count(*) FROM shadow_answers", &n, &err));
    return n;
}

static void a_shadow_changes_nothing_about_who_serves(void **state) {
    struct rollout_record r = start("words", ROLLOUT_SHADOW, "");
    pass(NS_PER_SECOND);
    pairs(&r, 500, true);
    assert_false(pass(MINUTE));
    assert_int_equal(rows(), 500);
    assert_serves("words", "as configured");
    assert_true(pass(10 * MINUTE)); /* its time is over, and nothing is mirrored from here */
    assert_int_equal(newest().state, ROLLOUT_AS_GOOD);
    assert_non_null(strstr(newest().outcome, "would have agreed on 100.00 % of 500; "));
    assert_serves("words", "as configured");
    r = start("words", ROLLOUT_SHADOW, "");
    pass(NS_PER_SECOND);
    pairs(&r, 500, false);
    assert_true(pass(MINUTE));
    assert_int_equal(newest().state, ROLLOUT_WORSE);
    start("words", ROLLOUT_SHADOW, "");
    pass(NS_PER_SECOND);
    assert_true(pass(61 * MINUTE));
    assert_int_equal(newest().state, ROLLOUT_NOT_ENOUGH_DATA);
}

static bool tell(const char *request_id, const char *label, int correct) {
    sqlite3_stmt *q =
        sql_statement(store,
                      "INSERT INTO feedback (request_id, who, at, endpoint, model, label, correct, score)"
                      " VALUES (?, 'ada', ?, 'words', 't@1', ?, ?, NULL)",
                      &err);
    assert_non_null(q);
    sql_bind_str(q, 1, str_from(request_id));
    sql_bind_int(q, 2, now);
    sql_bind_str(q, 3, str_from(label));
    sql_bind_int(q, 4, correct);
    return sql_run(store, q, &err);
}

static void labels_of_mirrored_requests_tell_of_both(void **state) {
    struct rollout_record r = start("words", ROLLOUT_SHADOW, "");
    struct arm both[2];
    pass(NS_PER_SECOND);
    pairs(&r, 3, false); /* the candidate said "ham" */
    pass(NS_PER_SECOND);
    assert_true(tell("r0", "ham", 0) && tell("r1", "", 1) && tell("r2", "", 0) && tell("other", "ham", 0));
    pass(2 * NS_PER_SECOND);
    pass(10 * NS_PER_SECOND); /* labels are read a little late */
    pass(10 * NS_PER_SECOND);
    assert_true(arms_read(arms, r.id, both));
    assert_int_equal(both[0].right + both[0].wrong, 2); /* of r2 nothing follows for the candidate */
    assert_int_equal(both[0].right, 1);
    assert_int_equal(both[1].right, 1);
    assert_int_equal(both[1].wrong, 1);
}

static void a_shadow_is_compared_with_who_serves(void **state) {
    struct rollout_record promoted = start("words", ROLLOUT_CANARY, "");
    bool lost;
    promoted.state = ROLLOUT_PROMOTED;
    promoted.weight = 1;
    assert_true(rollouts_save(store, &promoted, NULL, 0, "rollout.promoted", "ada", "", &lost, &err));
    struct rollout_record r = start("words", ROLLOUT_SHADOW, ""); /* of t@1, which serves no more */
    assert_true(pass(NS_PER_SECOND));
    assert_int_equal(newest().state, ROLLOUT_STOPPED);
    assert_string_equal(newest().id, r.id);
    assert_serves("words", "t@2 1.00"); /* a newer shadow says nothing about that */
}

static void for_some_only(void **state) {
    char reference[ROLLOUT_NAME_MAX + 1];
    const struct config_endpoint *e = config_endpoint_named(config, STR("words"));
    struct rollout_record r = start("words", ROLLOUT_CANARY, "client=ada");
    bool lost;
    assert_serves("words", "t@1 0.80, t@2 0.20");
    r.state = ROLLOUT_PROMOTED;
    assert_true(rollouts_save(store, &r, NULL, 0, "rollout.promoted", "ada", "", &lost, &err));
    assert_serves("words", "t@1 0.00, t@2 1.00");
    assert_false(serving_alone(store, e, reference, &err));
    assert_int_equal(err.code, ERR_CONFLICT);
    r.segment[0] = '\0';
    assert_true(rollouts_save(store, &r, NULL, 0, "rollout.promoted", "ada", "", &lost, &err));
    assert_serves("words", "t@2 1.00");
    assert_true(serving_alone(store, e, reference, &err));
    assert_string_equal(reference, "t@2");
}

/* ---- crashes ---- */

/* A whole rollout for some, then a shadow. */
static void play(void) {
    struct rollout_record r = start("words", ROLLOUT_CANARY, "client=ada");
    bool lost;
    pass(NS_PER_SECOND);
    answers("words", 120, false);
    pass(11 * MINUTE);
    answers("words", 100000, false);
    pass(11 * MINUTE);
    r = newest();
    assert_int_equal(r.state, ROLLOUT_PROMOTED);
    r.segment[0] = '\0';
    assert_true(rollouts_save(store, &r, NULL, 0, "rollout.promoted", "ada", "", &lost, &err));
    r.state = ROLLOUT_ROLLED_BACK;
    assert_true(rollouts_save(store, &r, NULL, 0, "rollout.rolled_back", "ada", "", &lost, &err));
    r = start("words", ROLLOUT_SHADOW, "client=ada");
    pass(NS_PER_SECOND);
    pairs(&r, 500, true);
    pass(MINUTE);
    pass(10 * MINUTE);
    assert_int_equal(newest().state, ROLLOUT_AS_GOOD);
}

struct last_change {
    char after[1000];
};

static void take_change(const struct change *c, void *ctx) {
    struct last_change *last = ctx;
    if (!last->after[0] && strncmp(c->what, "rollout.", 8) == 0)
        snprintf(last->after, sizeof last->after, "%s", c->after);
}

/* The row, its history, and the aliases say the same. */
static void assert_whole(void) {
    struct rollout_record r = newest();
    struct last_change last = {""};
    unsigned stable, candidate;
    char expected[64];
    assert_true(history_list(store, &(struct history_filter){.endpoint = "words"}, take_change, &last, &err));
    assert_true(aliases_find(store, "t", "words", ALIAS_STABLE, &stable, &err));
    assert_true(aliases_find(store, "t", "words", ALIAS_CANDIDATE, &candidate, &err));
    if (!r.id[0]) { /* before the first */
        assert_string_equal(last.after, "");
        assert_int_equal(stable + candidate, 0);
        return;
    }
    snprintf(expected, sizeof expected, "\"state\":\"%s\"", rollout_state_name(r.state));
    assert_non_null(strstr(last.after, r.id));
    assert_non_null(strstr(last.after, expected));
    snprintf(expected, sizeof expected, "\"step\":%u", r.step + 1);
    assert_non_null(strstr(last.after, expected));
    assert_int_equal(strstr(last.after, "\"segment\"") != NULL, r.segment[0] != '\0');
    bool for_all = r.state == ROLLOUT_PROMOTED && !r.segment[0];
    bool open = r.state == ROLLOUT_RUNNING || (r.state == ROLLOUT_PROMOTED && r.segment[0]);
    assert_int_equal(stable, for_all ? 2 : 1);
    assert_int_equal(candidate, open ? 2 : 0);
}

/* The child ends at its n-th write to the disk. */
static int play_until(int writes) {
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        begin();
        atomic_store(&faulty_writes_left, writes);
        play();
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void a_crash_leaves_the_step_before_or_the_one_after(void **state) {
    int writes = 0, code;
    teardown(NULL);
    do {
        setup(NULL);
        end();
        code = play_until(writes);
        begin();
        assert_whole();
        teardown(NULL);
        writes += 7;
    } while (code == FAULTY_DEATH);
    assert_int_equal(code, 0);
    print_message("died at each seventh of %d writes\n", writes);
    assert_true(writes > 60);
    setup(NULL);
}

/* ---- segments, as written ---- */

static void segments_as_written(void **state) {
    struct segment s;
    static const char *const wrong[] = {"x",          "client",    "client=", "header=a",
                                        "header=A:b", "header=:b", "rule=",   "=a"};
    for (size_t i = 0; i < ARRAY_COUNT(wrong); i++) {
        assert_false(segment_parse(str_from(wrong[i]), &s, &err));
        assert_int_equal(err.code, ERR_USAGE);
    }
    assert_true(segment_parse(STR(""), &s, &err));
    assert_int_equal(s.kind, SEGMENT_ALL);
    assert_true(segment_parse(STR("header=x-tier: gold:1"), &s, &err));
    assert_true(str_eq(s.header, STR("x-tier")) && str_eq(s.value, STR("gold:1")));
    assert_true(segment_parse(STR("client=a,b"), &s, &err));
    assert_true(str_eq(s.clients, STR("a,b")));
}

static void references_as_written(void **state) {
    struct serving_target t;
    struct config_place place = {0};
    static const char *const wrong[] = {"", "a@0", "/m", "u/", "a b"};
    for (size_t i = 0; i < ARRAY_COUNT(wrong); i++)
        assert_false(serving_parse(wrong[i], &place, &t, &err));
    assert_true(serving_parse("u/org/m#p@2", &place, &t, &err));
    assert_string_equal(t.target.upstream.text, "u");
    assert_string_equal(t.target.model.text, "org/m");
    assert_string_equal(t.target.prompt.text, "p@2");
    assert_true(serving_parse("t@7", &place, &t, &err));
    assert_int_equal(t.target.model.version, 7);
    assert_string_equal(t.target.model.name, "t");
    assert_true(serving_parse("t@stable", &place, &t, &err));
    assert_string_equal(t.target.model.name, "t@stable");
    char longest[ROLLOUT_NAME_MAX + 2];
    memset(longest, 'a', sizeof longest);
    longest[sizeof longest - 1] = '\0';
    assert_false(serving_parse(longest, &place, &t, &err));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_good_one_goes_all_the_way, setup, teardown),
        cmocka_unit_test_setup_teardown(a_bad_one_goes_back_and_a_silent_one_stops, setup, teardown),
        cmocka_unit_test_setup_teardown(the_configuration_has_the_last_word, setup, teardown),
        cmocka_unit_test_setup_teardown(a_shadow_changes_nothing_about_who_serves, setup, teardown),
        cmocka_unit_test_setup_teardown(labels_of_mirrored_requests_tell_of_both, setup, teardown),
        cmocka_unit_test_setup_teardown(a_shadow_is_compared_with_who_serves, setup, teardown),
        cmocka_unit_test_setup_teardown(for_some_only, setup, teardown),
        cmocka_unit_test_setup_teardown(a_crash_leaves_the_step_before_or_the_one_after, setup, teardown),
        cmocka_unit_test(segments_as_written),
        cmocka_unit_test(references_as_written),
    };
    faulty_disk_install();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
