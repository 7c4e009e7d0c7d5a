/* Rollouts and the history that each of their moves writes. */
#include "unit.h"

#include "folder.h"

#include "store/history.h"
#include "store/rollouts.h"

#include <stdio.h>
#include <string.h>

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

static struct rollout_record started(const char *endpoint) {
    struct rollout_record r = {.stable = "t@1",
                               .candidate = "t@2",
                               .steps = "0.05,0.5",
                               .weight = 0.05,
                               .who = "ada",
                               .why = "better"};
    snprintf(r.endpoint, sizeof r.endpoint, "%s", endpoint);
    assert_true(rollouts_start(store, &r, &err));
    return r;
}

static struct rollout_record newest(const char *endpoint) {
    struct rollout_record r;
    bool found;
    assert_true(rollouts_newest(store, endpoint, &found, &r, &err));
    assert_true(found);
    return r;
}

struct line {
    char text[2000];
};

/* What the rollout did to aliases stands in their own test. */
static void add_line(const struct change *c, void *ctx) {
    struct line *l = ctx;
    size_t n = strlen(l->text);
    if (strncmp(c->what, "alias.", 6) == 0)
        return;
    snprintf(l->text + n, sizeof l->text - n, "%s by %s (%s); ", c->what, c->who, c->why);
}

static void assert_history(const char *endpoint, const char *expected) {
    struct line l = {""};
    struct history_filter filter = {.endpoint = endpoint};
    assert_true(history_list(store, &filter, add_line, &l, &err));
    assert_string_equal(l.text, expected);
}

static void an_endpoint_has_one_at_a_time(void **state) {
    struct rollout_record first = started("shop"), second = first;
    bool lost;
    assert_false(rollouts_start(store, &second, &err));
    assert_int_equal(err.code, ERR_CONFLICT);
    assert_non_null(strstr(err.message, first.id));
    started("mail"); /* another endpoint's is no matter */
    first.state = ROLLOUT_ROLLED_BACK;
    assert_true(rollouts_save(store, &first, NULL, 0, "rollout.rolled_back", "ada", "a hunch", &lost, &err));
    assert_false(lost);
    started("shop");
    assert_history("shop", "rollout.started by ada (better); rollout.rolled_back by ada (a hunch); "
                           "rollout.started by ada (better); ");
}

static void whoever_writes_second_is_told(void **state) {
    struct rollout_record mine = started("shop"), theirs = newest("shop");
    bool lost;
    theirs.state = ROLLOUT_PROMOTED;
    theirs.weight = 1;
    assert_true(rollouts_save(store, &theirs, NULL, 0, "rollout.promoted", "bob", "sure", &lost, &err));
    assert_false(lost);
    mine.step = 1;
    assert_true(rollouts_save(store, &mine, NULL, 0, "rollout.step", "penstock", "", &lost, &err));
    assert_true(lost);
    struct rollout_record now = newest("shop");
    assert_int_equal(now.state, ROLLOUT_PROMOTED);
    assert_int_equal(now.step, 0);
    assert_history("shop", "rollout.promoted by bob (sure); rollout.started by ada (better); ");
}

static void evidence_stays_and_writes_no_history(void **state) {
    struct rollout_record r = started("shop");
    const char kept[8] = "seven b";
    char read[8] = "";
    size_t n;
    bool lost;
    assert_true(rollouts_evidence(store, r.id, read, sizeof read, &n, &err));
    assert_int_equal(n, 0);
    assert_true(rollouts_save(store, &r, kept, sizeof kept, NULL, NULL, NULL, &lost, &err));
    snprintf(r.outcome, sizeof r.outcome, "12 requests are missing");
    assert_true(rollouts_save(store, &r, NULL, 0, NULL, NULL, NULL, &lost, &err));
    assert_true(rollouts_evidence(store, r.id, read, sizeof read, &n, &err));
    assert_int_equal(n, sizeof kept);
    assert_memory_equal(read, kept, sizeof kept);
    assert_true(rollouts_evidence(store, r.id, read, sizeof read - 1, &n, &err));
    assert_int_equal(n, 0); /* another program's: of another size */
    assert_string_equal(newest("shop").outcome, "12 requests are missing");
    assert_history("shop", "rollout.started by ada (better); ");
}

static void the_history_knows_who_made_things(void **state) {
    struct line l = {""};
    assert_true(store_begin(store, false, &err));
    assert_true(history_note(store, "key.created", "\"x\"", &err));
    store_set_actor(store, "ada");
    assert_true(history_note(store, "key.revoked", "x", &err));
    assert_true(store_commit(store, &err));
    assert_true(history_list(store, &(struct history_filter){.limit = 9}, add_line, &l, &err));
    assert_string_equal(l.text, "key.revoked by ada (); key.created by penstock (); ");
    l.text[0] = '\0';
    assert_true(history_list(store, &(struct history_filter){.until = 1}, add_line, &l, &err));
    assert_string_equal(l.text, "");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_endpoint_has_one_at_a_time, setup, teardown),
        cmocka_unit_test_setup_teardown(whoever_writes_second_is_told, setup, teardown),
        cmocka_unit_test_setup_teardown(evidence_stays_and_writes_no_history, setup, teardown),
        cmocka_unit_test_setup_teardown(the_history_knows_who_made_things, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
