#include "unit.h"

#include "folder.h"

#include "store/evaluations.h"

#include <stdio.h>
#include <time.h>

static struct test_folder folder;
static struct store *store;
static struct error err;

static int setup(void **state) {
    folder_make(&folder);
    err = (struct error){0};
    return store_open(&store, folder.path, &err) ? 0 : -1;
}

static int teardown(void **state) {
    store_close(store);
    folder_remove(&folder);
    return 0;
}

/* IDs of one millisecond do not sort. */
static void wait_a_tick(void) {
    const struct timespec two_ms = {.tv_nsec = 2000000};
    nanosleep(&two_ms, NULL);
}

static char report[] = "{\"verdict\":\"pass\"}";

static struct evaluation_record made(const char *suite, unsigned version, enum evaluation_verdict verdict) {
    struct evaluation_record r = {.version = version,
                                  .cases = 300,
                                  .passed = 290,
                                  .verdict = verdict,
                                  .source = EVALUATION_OF_VERSION,
                                  .report = report};
    snprintf(r.suite, sizeof r.suite, "%s", suite);
    strcpy(r.endpoint, "tickets-endpoint");
    strcpy(r.model, "tickets");
    strcpy(r.baseline, "tickets@1");
    strcpy(r.who, "alice");
    memset(r.suite_hash, 'a', sizeof r.suite_hash - 1);
    return r;
}

static void add(struct evaluation_record r) {
    if (!evaluations_add(store, &r, &err))
        fail_msg("%s", err.message);
    wait_a_tick();
}

static bool passes(struct evaluation_filter f) {
    struct evaluation_record r;
    bool found;
    assert_true(evaluations_latest_passing(store, &f, &found, &r, &err));
    if (found)
        assert_int_equal(r.verdict, EVALUATION_PASS);
    return found;
}

static void an_evaluation_comes_back(void **state) {
    struct evaluation_record r = made("routing", 2, EVALUATION_PASS), back;
    assert_true(evaluations_add(store, &r, &err));
    assert_true(evaluations_find(store, r.id, &back, &err));
    assert_string_equal(back.suite, "routing");
    assert_string_equal(back.suite_hash, r.suite_hash);
    assert_string_equal(back.endpoint, "tickets-endpoint");
    assert_string_equal(back.model, "tickets");
    assert_string_equal(back.baseline, "tickets@1");
    assert_string_equal(back.who, "alice");
    assert_string_equal(back.report, report);
    assert_int_equal(back.version, 2);
    assert_int_equal(back.cases, 300);
    assert_int_equal(back.passed, 290);
    assert_int_equal(back.created, r.created);
    evaluation_record_clear(&back);
    assert_false(evaluations_find(store, "nothing", &back, &err));
    assert_int_equal(err.code, ERR_NOT_FOUND);
}

static void only_what_was_asked_for_passes(void **state) {
    assert_false(passes((struct evaluation_filter){.model = "tickets", .version = 2}));
    add(made("routing", 2, EVALUATION_PASS));
    assert_true(passes((struct evaluation_filter){.model = "tickets", .version = 2}));
    assert_true(passes((struct evaluation_filter){.model = "tickets", .version = 2, .suite = "routing"}));
    assert_true(
        passes((struct evaluation_filter){.model = "tickets", .version = 2, .endpoint = "tickets-endpoint"}));
    assert_true(passes((struct evaluation_filter){.model = "tickets", .version = 2, .cases_min = 300}));
    assert_false(passes((struct evaluation_filter){.model = "tickets", .version = 2, .cases_min = 301}));
    assert_false(passes((struct evaluation_filter){.model = "tickets", .version = 3}));
    assert_false(passes((struct evaluation_filter){.model = "ticket", .version = 2}));
    assert_false(passes((struct evaluation_filter){.model = "tickets", .version = 2, .suite = "other"}));
    assert_false(passes((struct evaluation_filter){.model = "tickets", .version = 2, .endpoint = "other"}));
    assert_false(passes((struct evaluation_filter){.model = "tickets", .version = 2, .suite_hash = "b"}));
}

static void a_later_failure_takes_the_pass_away(void **state) {
    const struct evaluation_filter f = {.model = "tickets", .version = 2};
    add(made("routing", 2, EVALUATION_WORSE));
    assert_false(passes(f));
    add(made("routing", 2, EVALUATION_PASS));
    assert_true(passes(f));
    add(made("routing", 2, EVALUATION_NOT_ENOUGH_DATA));
    add(made("routing", 3, EVALUATION_WORSE));
    add(made("another", 2, EVALUATION_WORSE));
    assert_true(passes(f));
    add(made("routing", 2, EVALUATION_WORSE));
    assert_false(passes(f));
}

static void recorded_answers_vouch_for_nothing_unless_asked(void **state) {
    struct evaluation_record r = made("routing", 2, EVALUATION_PASS);
    r.source = EVALUATION_RECORDED;
    add(r);
    assert_false(passes((struct evaluation_filter){.model = "tickets", .version = 2}));
    assert_true(passes((struct evaluation_filter){.model = "tickets", .version = 2, .recorded = true}));
}

static void note(const struct evaluation_record *r, void *ctx) {
    char *text = ctx;
    sprintf(text + strlen(text), "%s@%u ", r->suite, r->version);
}

static void the_list_has_the_newest_first(void **state) {
    char text[200] = "";
    add(made("a", 1, EVALUATION_PASS));
    add(made("b", 2, EVALUATION_WORSE));
    add(made("c", 3, EVALUATION_PASS));
    assert_true(evaluations_list(store, &(struct evaluation_filter){0}, 2, note, text, &err));
    assert_string_equal(text, "c@3 b@2 ");
    text[0] = '\0';
    assert_true(evaluations_list(store, &(struct evaluation_filter){.version = 1}, 9, note, text, &err));
    assert_string_equal(text, "a@1 ");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_evaluation_comes_back, setup, teardown),
        cmocka_unit_test_setup_teardown(only_what_was_asked_for_passes, setup, teardown),
        cmocka_unit_test_setup_teardown(a_later_failure_takes_the_pass_away, setup, teardown),
        cmocka_unit_test_setup_teardown(recorded_answers_vouch_for_nothing_unless_asked, setup, teardown),
        cmocka_unit_test_setup_teardown(the_list_has_the_newest_first, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
