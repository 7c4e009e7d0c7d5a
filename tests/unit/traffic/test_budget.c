#include "traffic/budget.h"

#include "../store/folder.h"
#include "../unit.h"

#include "base/clock.h"
#include "base/hash.h"
#include "store/sql.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#define WALL   INT64_C(1790000000000000000) /* 2026-09-21 14:13:20 UTC */
#define SECOND NS_PER_SECOND
#define MINUTE (60 * SECOND)

struct place {
    struct test_folder folder;
    struct store *store;
    struct spend_journal *journal;
    struct budget *budget;
    struct budget_limits *limits;
};

static void open_place(struct place *p, uint32_t slots, uint32_t accounts) {
    struct error err = {0};
    const struct spend_journal_options o = {.slots = slots, .accounts = accounts};
    if (!store_open(&p->store, p->folder.path, &err) ||
        !spend_journal_open(&p->journal, p->store, &o, NULL, &err) ||
        !budget_new(&p->budget, p->journal, p->store, WALL, &err))
        fail_msg("%s", err.message);
}

static void close_place(struct place *p) {
    budget_free(p->budget);
    spend_journal_close(p->journal);
    store_close(p->store);
}

static int setup(void **state) {
    static struct place p;
    p = (struct place){0};
    folder_make(&p.folder);
    open_place(&p, 256, 64);
    *state = &p;
    return 0;
}

static int teardown(void **state) {
    struct place *p = *state;
    budget_limits_unref(p->limits);
    close_place(p);
    folder_remove(&p->folder);
    return 0;
}

#define LIMITS(p, ...)                                                                                       \
    set_limits(p, (struct budget_limit[]){__VA_ARGS__}, ARRAY_COUNT(((struct budget_limit[]){__VA_ARGS__})))
static void set_limits(struct place *p, const struct budget_limit *list, size_t count) {
    budget_limits_unref(p->limits);
    p->limits = budget_limits_new(list, count, NULL);
    assert_non_null(p->limits);
}

static const struct budget_amount hundred = {.requests = 1, .tokens = 100, .nanodollars = 5000};

static bool reserve(struct place *p, const char *key, const struct budget_amount *worst, int64_t wall,
                    struct budget_hold *hold, struct budget_verdict *v) {
    const struct budget_subjects who = {
        .team = STR("research"), .user = STR("acme/ann"), .key = str_from(key)};
    return budget_reserve(p->budget, p->limits, &who, worst, wall, hold, v);
}

/* Reserves and settles with the same amount. */
static bool spend(struct place *p, const char *key, int64_t tokens, int64_t wall) {
    struct budget_hold hold;
    struct budget_verdict v;
    const struct budget_amount amount = {1, tokens, tokens * 50};
    if (!reserve(p, key, &amount, wall, &hold, &v))
        return false;
    spend_slot_free(p->journal, budget_settle(p->budget, &hold, &amount));
    return true;
}

struct look {
    enum spend_scope scope;
    const char *subject;
    enum spend_window window;
    struct budget_use found;
    uint64_t digest; /* of everything */
};

static void look_at(const struct budget_use *use, void *ctx) {
    struct look *l = ctx;
    l->digest = hash64((struct str){(const char *)&use->settled, sizeof use->settled},
                       hash64((struct str){(const char *)&use->reserved, sizeof use->reserved}, l->digest));
    if (use->scope == l->scope && use->window == l->window && str_eq(use->subject, str_from(l->subject)))
        l->found = *use;
}

static struct budget_use use_of(struct place *p, enum spend_scope scope, const char *subject,
                                enum spend_window window, int64_t wall) {
    struct look l = {.scope = scope, .subject = subject, .window = window};
    budget_visit(p->budget, wall, look_at, &l);
    return l.found;
}

static uint64_t digest(struct place *p) {
    struct look l = {.subject = "none"};
    budget_visit(p->budget, WALL, look_at, &l);
    return l.digest;
}

static void a_limit_holds_and_names_itself(void **state) {
    struct place *p = *state;
    struct budget_hold holds[3];
    struct budget_verdict v;
    struct error err = {0};
    LIMITS(p, {SPEND_KEY, NULL, BUDGET_TOKENS, SPEND_HOUR, 250});
    assert_true(reserve(p, "acme", &hundred, WALL, &holds[0], &v));
    assert_true(reserve(p, "acme", &hundred, WALL, &holds[1], &v));
    assert_false(reserve(p, "acme", &hundred, WALL, &holds[2], &v));
    assert_false(holds[2].live);
    assert_int_equal(v.refusal, BUDGET_EXCEEDED);
    assert_int_equal(v.limit.amount, 250);
    assert_int_equal(v.settled, 0);
    assert_int_equal(v.reserved, 200);
    assert_int_equal(v.wanted, 100);
    assert_int_equal(v.frees_at, WALL + SECOND); /* what is held may come back */
    assert_false(budget_explain(&v, WALL, &err));
    assert_int_equal(err.code, ERR_BUDGET);
    assert_int_equal(err.retry_after_ms, 1000);
    assert_non_null(strstr(err.message, "key \"acme\""));
    assert_non_null(strstr(err.message, "250 tokens an hour"));
    assert_true(reserve(p, "other", &hundred, WALL, &holds[2], &v)); /* each key by itself */
    budget_release(p->budget, &holds[2]);
    for (int i = 0; i < 2; i++)
        spend_slot_free(p->journal, budget_settle(p->budget, &holds[i], &hundred));
    assert_false(reserve(p, "acme", &hundred, WALL, &holds[2], &v));
    assert_int_equal(v.settled, 200);
    assert_int_equal(v.frees_at, spend_window_end(SPEND_HOUR, WALL));
    const struct budget_amount large = {1, 251, 0};
    assert_false(reserve(p, "third", &large, WALL, &holds[2], &v));
    assert_int_equal(v.frees_at, 0); /* never */
    budget_explain(&v, WALL, &err);
    assert_non_null(strstr(err.message, "does not free"));
}

static void what_is_not_needed_comes_back_and_what_is_missing_is_added(void **state) {
    struct place *p = *state;
    struct budget_hold hold;
    struct budget_verdict v;
    LIMITS(p, {SPEND_KEY, NULL, BUDGET_TOKENS, SPEND_DAY, 100});
    assert_true(reserve(p, "acme", &hundred, WALL, &hold, &v));
    spend_slot_free(p->journal, budget_settle(p->budget, &hold, &(struct budget_amount){1, 30, 10}));
    struct budget_use use = use_of(p, SPEND_KEY, "acme", SPEND_DAY, WALL);
    assert_int_equal(use.settled.tokens, 30);
    assert_int_equal(use.reserved.tokens, 0);
    assert_true(reserve(p, "acme", &(struct budget_amount){1, 70, 0}, WALL, &hold, &v));
    spend_slot_free(p->journal, budget_settle(p->budget, &hold, &(struct budget_amount){1, 90, -1}));
    use = use_of(p, SPEND_KEY, "acme", SPEND_TOTAL, WALL);
    assert_int_equal(use.settled.tokens, 120);
    assert_int_equal(use.settled.unpriced, 1);
    assert_int_equal(use.settled.nanodollars, 10);
    assert_false(reserve(p, "acme", &(struct budget_amount){1, 0, 0}, WALL, &hold, &v));
    budget_release(p->budget, &hold); /* not live: nothing happens */
}

static void refused_and_released_requests_change_nothing(void **state) {
    struct place *p = *state;
    struct budget_hold hold;
    struct budget_verdict v;
    LIMITS(p, {SPEND_KEY, NULL, BUDGET_TOKENS, SPEND_DAY, 1000},
           {SPEND_TEAM, NULL, BUDGET_REQUESTS, SPEND_DAY, 3},
           {SPEND_GLOBAL, NULL, BUDGET_MONEY, SPEND_MONTH, 20000});
    assert_true(spend(p, "acme", 100, WALL) && spend(p, "acme", 100, WALL));
    uint64_t before = digest(p);
    assert_true(reserve(p, "acme", &hundred, WALL, &hold, &v));
    assert_int_not_equal(digest(p), before);
    budget_release(p->budget, &hold);
    assert_int_equal(digest(p), before);
    assert_false(reserve(p, "acme", &(struct budget_amount){1, 10, 10001}, WALL, &hold, &v)); /* money */
    assert_int_equal(v.limit.scope, SPEND_GLOBAL);
    assert_false(reserve(p, "acme", &(struct budget_amount){2, 10, 1}, WALL, &hold, &v)); /* requests */
    assert_int_equal(v.limit.scope, SPEND_TEAM);
    assert_int_equal(digest(p), before);
}

static void a_limit_that_names_somebody_goes_before(void **state) {
    struct place *p = *state;
    struct budget_hold hold;
    struct budget_verdict v;
    LIMITS(
        p, {SPEND_KEY, NULL, BUDGET_TOKENS, SPEND_DAY, 50}, {SPEND_KEY, "vip", BUDGET_TOKENS, SPEND_DAY, 500},
        {SPEND_KEY, NULL, BUDGET_REQUESTS, SPEND_DAY, 2}, {SPEND_KEY, "", BUDGET_TOKENS, SPEND_TOTAL, 250});
    assert_false(reserve(p, "vi", &hundred, WALL, &hold, &v));
    assert_false(reserve(p, "vipp", &hundred, WALL, &hold, &v));
    assert_true(spend(p, "vip", 100, WALL) && spend(p, "vip", 100, WALL));
    assert_false(reserve(p, "vip", &(struct budget_amount){1, 1, 0}, WALL, &hold, &v)); /* the general one */
    assert_int_equal(v.limit.dimension, BUDGET_REQUESTS);
    assert_false(reserve(p, "vip", &(struct budget_amount){0, 51, 0}, WALL, &hold, &v));
    assert_int_equal(v.limit.window, SPEND_TOTAL);
    assert_int_equal(v.frees_at, 0);
}

static void windows_begin_anew_and_time_never_goes_back(void **state) {
    struct place *p = *state;
    struct budget_hold hold;
    struct budget_verdict v;
    LIMITS(p, {SPEND_KEY, NULL, BUDGET_REQUESTS, SPEND_MINUTE, 2});
    assert_true(spend(p, "acme", 1, WALL));
    assert_true(reserve(p, "acme", &hundred, WALL, &hold, &v)); /* goes on into the next minute */
    assert_false(spend(p, "acme", 1, WALL + 39 * SECOND));
    assert_true(spend(p, "acme", 1, WALL + 40 * SECOND));
    assert_true(spend(p, "acme", 1, WALL + 41 * SECOND));
    assert_false(spend(p, "acme", 1, WALL)); /* the clock was set back */
    spend_slot_free(p->journal, budget_settle(p->budget, &hold, &hundred));
    assert_int_equal(use_of(p, SPEND_KEY, "acme", SPEND_MINUTE, WALL + 41 * SECOND).settled.requests, 2);
    assert_int_equal(use_of(p, SPEND_KEY, "acme", SPEND_HOUR, WALL + 41 * SECOND).settled.requests, 4);
    assert_int_equal(use_of(p, SPEND_KEY, "acme", SPEND_HOUR, WALL + 41 * SECOND).reserved.requests, 0);
    assert_int_equal(use_of(p, SPEND_KEY, "acme", SPEND_MINUTE, WALL + 5 * MINUTE).settled.requests, 0);
    assert_true(spend(p, "acme", 1, WALL + 5 * MINUTE));
}

static void an_unknown_price_is_not_zero(void **state) {
    struct place *p = *state;
    struct budget_hold hold;
    struct budget_verdict v;
    struct error err = {0};
    const struct budget_amount unknown = {1, 10, -1};
    LIMITS(p, {SPEND_GLOBAL, NULL, BUDGET_TOKENS, SPEND_DAY, 1000});
    assert_true(reserve(p, "acme", &unknown, WALL, &hold, &v));
    budget_release(p->budget, &hold);
    LIMITS(p, {SPEND_GLOBAL, NULL, BUDGET_MONEY, SPEND_DAY, INT64_MAX});
    assert_false(reserve(p, "acme", &unknown, WALL, &hold, &v));
    assert_int_equal(v.refusal, BUDGET_PRICE_UNKNOWN);
    assert_false(budget_explain(&v, WALL, &err));
    assert_int_equal(err.code, ERR_FORBIDDEN);
    assert_true(reserve(p, "acme", &hundred, WALL, &hold, &v));
    budget_release(p->budget, &hold);
}

static void users_come_and_go_and_crowd_nobody_out(void **state) {
    struct place *p = *state;
    struct budget_hold hold;
    struct budget_verdict v;
    struct error err = {0};
    LIMITS(p, {SPEND_USER, NULL, BUDGET_TOKENS, SPEND_MINUTE, 100},
           {SPEND_KEY, NULL, BUDGET_TOKENS, SPEND_DAY, 1000000});
    int known = 0;
    for (int i = 0; i < 200; i++) {
        char name[32];
        snprintf(name, sizeof name, "acme/%d", i);
        const struct budget_subjects who = {.user = str_from(name), .key = STR("acme")};
        if (!budget_reserve(p->budget, p->limits, &who, &hundred, WALL, &hold, &v))
            continue;
        known++;
        spend_slot_free(p->journal, budget_settle(p->budget, &hold, &hundred));
    }
    assert_int_equal(known, 48); /* three quarters of the places: all have used their minute */
    assert_int_equal(v.refusal, BUDGET_CROWDED);
    assert_false(budget_explain(&v, WALL, &err));
    assert_int_equal(err.code, ERR_OVERLOADED);
    assert_false(spend(p, "new-key", 1, WALL)); /* its user is one too many */
    const struct budget_subjects no_user = {.key = STR("new-key")};
    assert_true(budget_reserve(p->budget, p->limits, &no_user, &hundred, WALL, &hold, &v));
    budget_release(p->budget, &hold);
    for (int i = 0; i < 100; i++) { /* a minute later the others may be forgotten */
        char name[32];
        snprintf(name, sizeof name, "other/%d", i % 40);
        const struct budget_subjects who = {.user = str_from(name), .key = STR("acme")};
        bool ok = budget_reserve(p->budget, p->limits, &who, &hundred, WALL + MINUTE, &hold, &v);
        assert_int_equal(ok, i < 40);
        if (ok)
            spend_slot_free(p->journal, budget_settle(p->budget, &hold, &hundred));
    }
}

static void long_names_are_told_apart(void **state) {
    struct place *p = *state;
    char a[300], b[300];
    memset(a, 'x', sizeof a);
    memcpy(b, a, sizeof a);
    a[299] = b[299] = '\0';
    b[298] = 'y';
    LIMITS(p, {SPEND_KEY, NULL, BUDGET_REQUESTS, SPEND_DAY, 1});
    assert_true(spend(p, a, 1, WALL) && spend(p, b, 1, WALL));
    assert_false(spend(p, a, 1, WALL) || spend(p, b, 1, WALL));
    LIMITS(p, {SPEND_KEY, NULL, BUDGET_REQUESTS, SPEND_DAY, 1},
           {SPEND_KEY, a, BUDGET_REQUESTS, SPEND_DAY, 2});
    assert_true(spend(p, a, 1, WALL));
    assert_false(spend(p, b, 1, WALL));
}

static void too_many_requests_at_once_are_refused(void **state) {
    struct place *p = *state;
    struct budget_hold holds[257];
    struct budget_verdict v;
    for (int i = 0; i < 256; i++)
        assert_true(reserve(p, "acme", &hundred, WALL, &holds[i], &v));
    uint64_t before = digest(p);
    assert_false(reserve(p, "acme", &hundred, WALL, &holds[256], &v));
    assert_int_equal(v.refusal, BUDGET_CROWDED);
    assert_int_equal(digest(p), before);
    for (int i = 0; i < 256; i++)
        budget_release(p->budget, &holds[i]);
    assert_true(spend(p, "acme", 1, WALL));
}

static void what_was_spent_before_a_restart_still_counts(void **state) {
    struct place *p = *state;
    struct budget_hold settled, streaming, waiting;
    struct budget_verdict v;
    LIMITS(p, {SPEND_KEY, NULL, BUDGET_TOKENS, SPEND_DAY, 1000});
    assert_true(reserve(p, "acme", &hundred, WALL, &settled, &v));
    assert_true(reserve(p, "acme", &hundred, WALL, &streaming, &v));
    assert_true(reserve(p, "acme", &hundred, WALL, &waiting, &v));
    assert_true(budget_settle(p->budget, &settled, &(struct budget_amount){1, 80, 8}) > 0);
    budget_progress(p->budget, &streaming, &(struct budget_amount){1, 7, 1});
    close_place(p); /* as a crash leaves it: nothing was committed */
    open_place(p, 256, 64);
    struct budget_use use = use_of(p, SPEND_KEY, "acme", SPEND_DAY, WALL);
    assert_int_equal(use.settled.tokens, 87);
    assert_int_equal(use.settled.requests, 2);
    assert_int_equal(use.reserved.tokens, 0);
    assert_int_equal(use_of(p, SPEND_GLOBAL, "", SPEND_MONTH, WALL).settled.nanodollars, 9);
    assert_int_equal(use_of(p, SPEND_TEAM, "research", SPEND_TOTAL, WALL).settled.requests, 2);
    assert_false(spend(p, "acme", 914, WALL));
    assert_true(spend(p, "acme", 913, WALL));
}

/* Threads that reserve, settle with less or more, or give up, against limits of every kind: at every moment
 * no limit is passed by more than what estimates fell short by, and in the end the sums are exact. */
enum { THREADS = 4, ROUNDS = 5000, KEYS = 3 };
static struct place *shared;
static _Atomic int64_t settled_tokens[KEYS], settled_money, short_tokens, short_money, broken, passed;

static void check_use(const struct budget_use *use, void *ctx) {
    if (use->window != SPEND_TOTAL)
        return;
    if (use->settled.tokens < 0 || use->reserved.tokens < 0 || use->reserved.nanodollars < 0)
        atomic_fetch_add(&broken, 1);
    if (use->scope == SPEND_KEY &&
        use->settled.tokens + use->reserved.tokens > 400000 + atomic_load(&short_tokens))
        atomic_fetch_add(&broken, 1);
    if (use->scope == SPEND_GLOBAL &&
        use->settled.nanodollars + use->reserved.nanodollars > 3000000 + atomic_load(&short_money))
        atomic_fetch_add(&broken, 1);
}

static void one_request(uint64_t dice) {
    static const char *const keys[KEYS] = {"one", "two", "three"};
    struct budget_hold hold;
    struct budget_verdict v;
    size_t key = dice % KEYS;
    const struct budget_amount worst = {1, (int64_t)(dice >> 8 & 511), (int64_t)(dice >> 20 & 4095)};
    if (!reserve(shared, keys[key], &worst, WALL, &hold, &v))
        return;
    struct budget_amount actual = worst;
    switch (dice >> 40 & 3) {
    case 0: budget_release(shared->budget, &hold); return;
    case 1: actual.tokens /= 2; break;
    case 2:
        actual.tokens += 9;
        actual.nanodollars += 5;
        atomic_fetch_add(&short_tokens, 9); /* before it is settled, so that who looks is never ahead of it */
        atomic_fetch_add(&short_money, 5);
    }
    uint32_t slot = budget_settle(shared->budget, &hold, &actual);
    atomic_fetch_add(&settled_tokens[key], actual.tokens);
    atomic_fetch_add(&settled_money, actual.nanodollars);
    atomic_fetch_add(&passed, 1);
    spend_slot_free(shared->journal, slot);
}

static void *be_a_loop(void *ctx) {
    for (uint64_t i = 0; i < ROUNDS; i++) {
        one_request(hash64_u64((uint64_t)(uintptr_t)ctx << 32 | i));
        if (i % 64 == 0)
            budget_visit(shared->budget, WALL, check_use, NULL);
    }
    return NULL;
}

/* Do the journal's bytes hold that name? */
static bool journal_holds(struct place *p, const char *name) {
    char path[4200];
    static char bytes[1 << 20];
    snprintf(path, sizeof path, "%s/spend.journal.0", p->folder.path);
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    size_t n = fread(bytes, 1, sizeof bytes, f);
    fclose(f);
    return n && memmem(bytes, n, name, strlen(name)) != NULL;
}

static int64_t requests_of(struct place *p, const char *user) {
    return use_of(p, SPEND_USER, user, SPEND_DAY, WALL).settled.requests;
}

static bool spend_as(struct place *p, const char *user, struct budget_hold *hold) {
    struct budget_verdict v;
    const struct budget_subjects who = {.team = STR("research"), .user = str_from(user), .key = STR("acme")};
    return budget_reserve(p->budget, p->limits, &who, &hundred, WALL, hold, &v);
}

static void who_is_forgotten_leaves_no_name(void **state) {
    struct place *p = *state;
    struct budget_hold ann, ben, eve;
    struct error err;
    bool left;
    LIMITS(p, {SPEND_USER, NULL, BUDGET_TOKENS, SPEND_DAY, 1000});
    assert_true(spend_as(p, "acme/ann", &ann) && spend_as(p, "acme/ben", &ben) &&
                spend_as(p, "acme/eve", &eve));
    spend_slot_free(p->journal, budget_settle(p->budget, &ann, &hundred));
    spend_slot_free(p->journal, budget_settle(p->budget, &ben, &hundred));
    assert_true(sql_exec(
        p->store,
        "INSERT INTO spend VALUES (4, 0, 2, 'acme/ben', 1, 100, 5000, 0)" /* the others' are gone */, &err));
    assert_true(budget_forget(p->budget, p->store, &left, &err));
    assert_true(left); /* eve's request is under way */
    assert_false(journal_holds(p, "acme/ann"));
    assert_true(journal_holds(p, "acme/ben") && journal_holds(p, "acme/eve"));
    assert_int_equal(requests_of(p, "acme/ann"), 0);
    assert_int_equal(requests_of(p, "acme/ben"), 1);
    budget_release(p->budget, &eve);
    assert_true(budget_forget(p->budget, p->store, &left, &err));
    assert_false(left);
    assert_false(journal_holds(p, "acme/eve"));
    assert_true(spend_as(p, "acme/eve", &eve) && spend_as(p, "acme/ann", &ann) &&
                spend_as(p, "acme/new", &ben));
    budget_release(p->budget, &eve);
    budget_release(p->budget, &ben);
    spend_slot_free(p->journal, budget_settle(p->budget, &ann, &hundred));
    assert_int_equal(requests_of(p, "acme/ann"), 1); /* anew */
    assert_int_equal(requests_of(p, "acme/ben"), 1);
    close_place(p);
    assert_false(journal_holds(p, "acme/")); /* nothing was left to bill */
    open_place(p, 256, 64);
}

static void limits_are_exact_under_concurrency(void **state) {
    pthread_t threads[THREADS];
    shared = *state;
    LIMITS(shared, {SPEND_KEY, NULL, BUDGET_TOKENS, SPEND_TOTAL, 400000},
           {SPEND_GLOBAL, NULL, BUDGET_MONEY, SPEND_DAY, 3000000});
    for (uintptr_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, be_a_loop, (void *)(i + 1)), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(atomic_load(&broken), 0);
    int64_t tokens = 0;
    for (int k = 0; k < KEYS; k++) {
        static const char *const keys[KEYS] = {"one", "two", "three"};
        struct budget_use use = use_of(shared, SPEND_KEY, keys[k], SPEND_TOTAL, WALL);
        assert_int_equal(use.settled.tokens, settled_tokens[k]);
        assert_int_equal(use.reserved.tokens, 0);
        tokens += use.settled.tokens;
    }
    struct budget_use all = use_of(shared, SPEND_GLOBAL, "", SPEND_DAY, WALL);
    assert_int_equal(all.settled.tokens, tokens);
    assert_int_equal(all.settled.nanodollars, settled_money);
    assert_int_equal(all.settled.requests, passed);
    assert_true(all.settled.nanodollars > 3000000 - 4096 - 5); /* used to the last request that fits */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_limit_holds_and_names_itself, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_not_needed_comes_back_and_what_is_missing_is_added, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(refused_and_released_requests_change_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(a_limit_that_names_somebody_goes_before, setup, teardown),
        cmocka_unit_test_setup_teardown(windows_begin_anew_and_time_never_goes_back, setup, teardown),
        cmocka_unit_test_setup_teardown(an_unknown_price_is_not_zero, setup, teardown),
        cmocka_unit_test_setup_teardown(users_come_and_go_and_crowd_nobody_out, setup, teardown),
        cmocka_unit_test_setup_teardown(long_names_are_told_apart, setup, teardown),
        cmocka_unit_test_setup_teardown(too_many_requests_at_once_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(what_was_spent_before_a_restart_still_counts, setup, teardown),
        cmocka_unit_test_setup_teardown(who_is_forgotten_leaves_no_name, setup, teardown),
        cmocka_unit_test_setup_teardown(limits_are_exact_under_concurrency, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
