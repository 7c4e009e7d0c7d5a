/* Aliases, and how rollouts move them. */
#include "unit.h"

#include "folder.h"

#include "store/aliases.h"
#include "store/registry.h"
#include "store/rollouts.h"
#include "store/sql.h"

#include <stdio.h>
#include <string.h>

static struct test_folder folder;
static struct store *store;
static struct error err;

static int setup(void **state) {
    folder_make(&folder);
    err = (struct error){0};
    if (!store_open(&store, folder.path, &err))
        return -1;
    for (unsigned i = 0, version; i < 3; i++)
        if (!registry_add_version(store, "t", "rules", str_from(i ? i > 1 ? "c" : "b" : "a"), STR("{}"),
                                  &version, &err))
            return -1;
    return 0;
}

static int teardown(void **state) {
    store_close(store);
    folder_remove(&folder);
    return 0;
}

static unsigned meant(const char *alias) {
    unsigned version;
    assert_true(aliases_find(store, "t", NULL, alias, &version, &err));
    return version;
}

static unsigned meant_at(const char *endpoint, const char *alias) {
    unsigned version;
    assert_true(aliases_find(store, "t", endpoint, alias, &version, &err));
    return version;
}

static bool set(const char *alias, const char *endpoint, unsigned version) {
    return aliases_set(store, &(struct alias){"t", alias, endpoint, version, 0}, "ada", "good", &err);
}

/* 0: it is not. */
static unsigned found_at(const char *endpoint, const char *reference) {
    struct version_record r;
    char name[MODEL_NAME_MAX + 1];
    unsigned version;
    if (!registry_parse_reference(str_from(reference), name, &version, &err) ||
        !registry_find_at(store, endpoint, name, version, &r, &err))
        return 0;
    version = r.version;
    assert_string_equal(r.name, "t");
    version_record_clear(&r);
    return version;
}

static unsigned found(const char *reference) {
    return found_at(NULL, reference);
}

static unsigned serving(const char *endpoint) {
    struct version_record r;
    assert_true(registry_find_serving(store, endpoint, "t", 0, &r, &err));
    unsigned version = r.version;
    version_record_clear(&r);
    return version;
}

static void names_that_move(void **state) {
    assert_int_equal(found("t@live"), 0);
    assert_int_equal(err.code, ERR_NOT_FOUND);
    assert_non_null(strstr(err.message, "no alias \"live\""));
    assert_true(set("live", "", 2));
    assert_int_equal(found("t@live"), 2);
    assert_true(set("live", "", 1));
    assert_int_equal(found("t@live"), 1);
    assert_int_equal(found("t"), 3);
    assert_int_equal(found("t@2"), 2);
    assert_int_equal(serving("shop"), 3); /* nobody says what is stable */
    assert_true(set(ALIAS_STABLE, "", 2));
    assert_int_equal(serving("shop"), 2);
    assert_int_equal(found("t"), 3);
    assert_true(set("live", "", 0));
    assert_int_equal(meant("live"), 0);
}

static void names_that_are_none(void **state) {
    static const char *const wrong[] = {"t@",   "t@0",   "t@Live",   "t@li ve",
                                        "t@-x", "@live", "t t@live", "t@abcdefghijklmnopqrstuvwxyzabcdefg"};
    for (size_t i = 0; i < ARRAY_COUNT(wrong); i++)
        assert_int_equal(found(wrong[i]), 0);
    char longest[MODEL_NAME_MAX + 10];
    memset(longest, 'n', sizeof longest);
    memcpy(longest + sizeof longest - 6, "@live", 6);
    assert_int_equal(found(longest), 0);
    assert_int_equal(err.code, ERR_USAGE);
}

static struct rollout_record started_at(const char *endpoint, const char *stable, const char *candidate,
                                        double mirror, const char *segment) {
    struct rollout_record r = {.steps = "0.5", .mirror = mirror, .who = "ada"};
    snprintf(r.endpoint, sizeof r.endpoint, "%s", endpoint);
    snprintf(r.stable, sizeof r.stable, "%s", stable);
    snprintf(r.candidate, sizeof r.candidate, "%s", candidate);
    snprintf(r.segment, sizeof r.segment, "%s", segment);
    assert_true(rollouts_start(store, &r, &err));
    return r;
}

static struct rollout_record started(const char *stable, const char *candidate, double mirror,
                                     const char *segment) {
    return started_at("shop", stable, candidate, mirror, segment);
}

static void end(struct rollout_record *r, enum rollout_state how) {
    bool lost;
    r->state = how;
    assert_true(rollouts_save(store, r, NULL, 0, "rollout.ended", "ada", "", &lost, &err));
    assert_false(lost);
}

static void assert_aliases(unsigned stable, unsigned candidate) {
    assert_int_equal(meant(ALIAS_STABLE), stable);
    assert_int_equal(meant(ALIAS_CANDIDATE), candidate);
}

static void rollouts_move_two(void **state) {
    struct rollout_record r = started("t@1", "t@2", 0, "");
    assert_aliases(1, 2);
    end(&r, ROLLOUT_PROMOTED);
    assert_aliases(2, 0);
    end(&r, ROLLOUT_ROLLED_BACK);
    assert_aliases(1, 0);
    r = started("t@1", "t@3", 0, "");
    end(&r, ROLLOUT_NOT_ENOUGH_DATA);
    assert_aliases(1, 0);
    r = started("t@1", "t@3", 1, ""); /* a shadow serves nobody, however good it is */
    assert_aliases(1, 3);
    end(&r, ROLLOUT_BETTER);
    assert_aliases(1, 0);
    r = started("t@1", "t@3", 0, "client=ada");
    end(&r, ROLLOUT_PROMOTED); /* for ada */
    assert_aliases(1, 3);
    r.segment[0] = '\0';
    end(&r, ROLLOUT_PROMOTED);
    assert_aliases(3, 0);
    struct rollout_record other = started("main/a", "main/b", 0, ""); /* no version of the registry */
    end(&other, ROLLOUT_PROMOTED);
    assert_aliases(3, 0);
}

/* One model, two endpoints: each rollout speaks for its own, by hand one speaks for all. */
static void endpoints_have_their_own(void **state) {
    assert_true(set(ALIAS_STABLE, "", 1));
    struct rollout_record shop = started_at("shop", "t@1", "t@2", 0, "");
    assert_int_equal(meant_at("shop", ALIAS_CANDIDATE), 2);
    assert_int_equal(meant_at("desk", ALIAS_CANDIDATE), 0);
    end(&shop, ROLLOUT_PROMOTED);
    struct rollout_record desk = started_at("desk", "t@1", "t@3", 0, "");
    assert_int_equal(meant_at("desk", ALIAS_STABLE), 1);
    end(&desk, ROLLOUT_PROMOTED);
    assert_int_equal(meant_at("shop", ALIAS_STABLE), 2); /* the last promotion does not win */
    assert_int_equal(meant_at("desk", ALIAS_STABLE), 3);
    assert_int_equal(meant_at("door", ALIAS_STABLE), 1);
    assert_int_equal(serving("shop") * 100 + serving("desk") * 10 + serving("door"), 231);
    assert_int_equal(found_at("desk", "t@stable"), 3);
    assert_int_equal(found("t@stable"), 0); /* where? */
    assert_int_equal(err.code, ERR_CONFLICT);
    assert_non_null(strstr(err.message, "t@3 at \"desk\", t@2 at \"shop\""));
    end(&desk, ROLLOUT_ROLLED_BACK);
    assert_int_equal(meant_at("desk", ALIAS_STABLE), 1);
    assert_int_equal(meant_at("shop", ALIAS_STABLE), 2);
    assert_true(set(ALIAS_STABLE, "desk", 2));
    assert_int_equal(found("t@stable"), 2); /* they agree */
    assert_int_equal(meant_at("door", ALIAS_STABLE), 1);
    assert_true(set(ALIAS_STABLE, "", 3));
    assert_int_equal(serving("shop") * 100 + serving("desk") * 10 + serving("door"), 333);
    assert_true(set(ALIAS_STABLE, "desk", 1));
    assert_true(set(ALIAS_STABLE, "desk", 0));
    assert_int_equal(meant_at("desk", ALIAS_STABLE), 3);
    assert_false(set(ALIAS_STABLE, "no name", 1));
}

static void taking_away(void **state) {
    bool there;
    const struct alias all = {.model = "t", .name = "live", .endpoint = ""},
                       one = {.model = "t", .name = "live", .endpoint = "shop"};
    assert_true(set("live", "shop", 2) && set("live", "desk", 2));
    assert_true(aliases_there(store, &all, &there, &err) && there);
    assert_true(aliases_set(store, &one, "ada", "", &err));
    assert_true(aliases_there(store, &one, &there, &err) && !there);
    assert_true(aliases_set(store, &all, "ada", "", &err));
    assert_true(aliases_there(store, &all, &there, &err) && !there);
    assert_int_equal(meant_at("desk", "live"), 0);
}

/* A store from before endpoints had their own: what its rollouts did is said where they did it. */
static void an_older_store_is_taken_over(void **state) {
    struct rollout_record r = started_at("shop", "t@1", "t@2", 0, "");
    end(&r, ROLLOUT_PROMOTED);
    r = started_at("desk", "t@1", "t@3", 0, "");
    r = started_at("gate", "main/a", "main/b", 0, "");
    r = started_at("test", "t@2", "t@3", 1, ""); /* a shadow */
    assert_true(sql_exec(store,
                         "DROP TABLE aliases; CREATE TABLE aliases (model TEXT NOT NULL, alias TEXT NOT NULL,"
                         " version INTEGER NOT NULL, changed INTEGER NOT NULL, PRIMARY KEY (model, alias));"
                         "INSERT INTO aliases VALUES ('t', 'stable', 2, 5), ('t', 'candidate', 3, 6),"
                         " ('t', 'live', 1, 7); DROP TABLE monitor_references; PRAGMA user_version = 17",
                         &err));
    store_close(store);
    store = NULL;
    assert_true(store_open(&store, folder.path, &err));
    assert_int_equal(meant_at("shop", ALIAS_STABLE), 2);
    assert_int_equal(meant_at("shop", ALIAS_CANDIDATE), 0);
    assert_int_equal(meant_at("desk", ALIAS_STABLE), 1);
    assert_int_equal(meant_at("desk", ALIAS_CANDIDATE), 3);
    assert_int_equal(meant_at("test", ALIAS_CANDIDATE), 3);
    assert_int_equal(meant_at("door", ALIAS_STABLE), 2); /* as before */
    assert_int_equal(meant_at("door", ALIAS_CANDIDATE), 0);
    assert_int_equal(meant_at("desk", "live"), 1);
}

static void count(const struct alias *a, void *ctx) {
    ++*(unsigned *)ctx;
}

static void what_fails_moves_nothing(void **state) {
    unsigned n = 0;
    struct rollout_record r = started("t@1", "t@2", 0, ""), second = r;
    assert_false(rollouts_start(store, &second, &err));
    assert_aliases(1, 2);
    assert_true(store_begin(store, true, &err));
    end(&r, ROLLOUT_PROMOTED);
    assert_int_equal(meant(ALIAS_STABLE), 2);
    store_rollback(store); /* as a crash would */
    assert_aliases(1, 2);
    assert_true(aliases_list(store, &(struct alias_filter){.model = "t"}, count, &n, &err));
    assert_int_equal(n, 2);
    assert_true(aliases_list(store, &(struct alias_filter){.model = "u"}, count, &n, &err));
    assert_int_equal(n, 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(names_that_move, setup, teardown),
        cmocka_unit_test_setup_teardown(names_that_are_none, setup, teardown),
        cmocka_unit_test_setup_teardown(rollouts_move_two, setup, teardown),
        cmocka_unit_test_setup_teardown(endpoints_have_their_own, setup, teardown),
        cmocka_unit_test_setup_teardown(taking_away, setup, teardown),
        cmocka_unit_test_setup_teardown(an_older_store_is_taken_over, setup, teardown),
        cmocka_unit_test_setup_teardown(what_fails_moves_nothing, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
