/* Rollouts, their history and aliases, the counts of a shadow, and feedback while memory runs out: an error,
 * or nothing, and never half of it. */
#include "pipeline/rollouts.h"
#include "pipeline/serving.h"
#include "pipeline/shadow.h"
#include "store/aliases.h"
#include "base/clock.h"
#include "store/endpoint_versions.h"
#include "store/registry.h"
#include "watch/feedback.h"
#include "watch/records.h"

#include "../../unit/store/folder.h"
#include "../../unit/unit.h"
#include "failing_allocations.h"

#include <stdlib.h>
#include <string.h>

static const char yaml[] = "endpoints:\n"
                           "  words: {owner: a@example.com, accepts: [text], rollout: [{model: t@1}]}\n";

static struct test_folder folder;
static struct store *store;
static const struct config *config;
static struct error err;

static int setup(void **state) {
    struct config_problems problems = {0};
    folder_make(&folder);
    config = config_parse(str_from(yaml), "test.yaml", ".", NULL, &problems);
    return config && store_open(&store, folder.path, &err) ? 0 : -1;
}

static int teardown(void **state) {
    store_close(store);
    config_unref(config);
    folder_remove(&folder);
    return 0;
}

/* Lets memory run out ever later until `work` is done; how often it was not. */
static long until_done(bool (*work)(void *ctx), void *ctx) {
    for (long n = 0;; n++) {
        err = (struct error){0};
        allocations_left = n;
        bool done = work(ctx);
        allocations_left = -1;
        if (done)
            return n;
        if (err.code != ERR_NONE && err.code != ERR_NO_MEMORY)
            fail_msg("after %ld allocations: %s", n, err.message);
        assert_true(n < 500);
    }
}

static unsigned alias(const char *name) {
    unsigned version;
    assert_true(aliases_find(store, "t", "words", name, &version, &err));
    return version;
}

static bool start(void *ctx) {
    struct rollout_record *r = ctx;
    return rollouts_start(store, r, &err);
}

static bool promote(void *ctx) {
    struct rollout_record r = *(struct rollout_record *)ctx;
    bool lost;
    r.state = ROLLOUT_PROMOTED;
    if (rollouts_save(store, &r, NULL, 0, "rollout.promoted", "ada", "", &lost, &err))
        return true;
    long left = allocations_left;
    allocations_left = -1;
    assert_int_equal(alias(ALIAS_STABLE), 1); /* all of it, or nothing */
    assert_int_equal(alias(ALIAS_CANDIDATE), 2);
    allocations_left = left;
    return false;
}

static void a_rollout_begins_and_ends_or_does_not(void **state) {
    struct rollout_record r = {
        .endpoint = "words", .stable = "t@1", .candidate = "t@2", .steps = "0.5", .who = "ada"};
    struct serving serving;
    serving_base(&config->endpoints[0], r.base);
    assert_true(until_done(start, &r) > 0);
    assert_true(serving_of(store, &config->endpoints[0], &serving, &err));
    assert_int_equal(serving.count, 2);
    assert_true(until_done(promote, &r) > 0);
    assert_int_equal(alias(ALIAS_STABLE), 2);
    assert_int_equal(alias(ALIAS_CANDIDATE), 0);
}

struct driven {
    struct arms *arms;
    struct rollout_driver *driver;
    struct rollout_record r;
};

static bool make_driver(void *ctx) {
    struct driven *d = ctx;
    d->arms = arms_new();
    d->driver = d->arms ? rollout_driver_new(store, d->arms) : NULL;
    if (d->driver)
        return true;
    arms_free(d->arms);
    return false;
}

static int64_t now = INT64_C(1795000000) * NS_PER_SECOND;

static int64_t test_clock(void) {
    return now;
}

static bool is_counted(void *ctx) {
    struct driven *d = ctx;
    struct arm both[2];
    now += NS_PER_SECOND;
    (void)rollout_driver_tick(d->driver, config);
    return arms_read(d->arms, d->r.id, both);
}

/* A row that there is no memory for is counted all the same. */
static bool note_pair(void *ctx) {
    struct driven *d = ctx;
    struct shadow_answer pair = {.request_id = "r", .label = "spam", .at = now};
    struct shadow_answer *kept;
    struct arm both[2];
    size_t count;
    memcpy(pair.rollout, d->r.id, sizeof pair.rollout);
    arms_note_pair(d->arms, &pair);
    assert_true(arms_take(d->arms, d->r.id, both, &kept, &count));
    free(kept);
    assert_true(both[1].requests > 0);
    return count == 1;
}

static void a_shadow_is_counted_when_there_is_memory(void **state) {
    static const struct clock_source source = {test_clock, test_clock};
    struct driven d = {.r = {.endpoint = "words",
                             .kind = ROLLOUT_SHADOW,
                             .stable = "t@1",
                             .candidate = "t@2",
                             .steps = "0",
                             .least = 100,
                             .step_least = 3600 * NS_PER_SECOND,
                             .step_most = 7200 * NS_PER_SECOND,
                             .mirror = 1,
                             .mirror_at_once = 1,
                             .who = "ada"}};
    clock_replace(&source);
    unsigned version; /* what it is compared with must be there */
    assert_true(registry_add_version(store, "t", "rules", STR("a"), STR("{}"), &version, &err));
    serving_base(&config->endpoints[0], d.r.base);
    assert_true(rollouts_start(store, &d.r, &err));
    assert_int_equal(until_done(make_driver, &d), 2);
    assert_true(until_done(is_counted, &d) > 0);
    assert_true(until_done(note_pair, &d) > 0);
    rollout_driver_free(d.driver);
    arms_free(d.arms);
    clock_replace(NULL);
}

static bool make_runner(void *ctx) {
    struct shadow_runner *s = shadow_runner_new(NULL);
    shadow_runner_free(s);
    return s != NULL;
}

static bool make_mirror(void *ctx) {
    struct mirror *m = mirror_new("one", &(struct mirror_terms){.share = 1, .at_once = 1}, 0, now);
    mirror_unref(m);
    return m != NULL;
}

static void its_parts_are_there_or_not(void **state) {
    assert_true(until_done(make_runner, NULL) >= 2);
    assert_int_equal(until_done(make_mirror, NULL), 1);
}

static bool tell(void *ctx) {
    struct buf *out = ctx;
    struct feedback f = {.request_id = STR("r1"), .who = STR("ada"), .label = STR("spam"), .score = -1};
    buf_free(out);
    *out = BUF_INIT(4096);
    if (!store_begin(store, false, &err))
        return false;
    if (feedback_add(store, &f, out, &err) && !out->failed)
        return store_commit(store, &err);
    store_rollback(store);
    return false;
}

static void count_row(const struct feedback_row *row, void *ctx) {
    ++*(unsigned *)ctx;
}

static void feedback_is_kept_or_not(void **state) {
    struct record_writer *writer;
    struct buf out = BUF_INIT(4096);
    struct event *e = event_new(256);
    unsigned rows = 0;
    int64_t row;
    e->wall_ns = now;
    e->request_id = event_keep(e, STR("r1"));
    e->endpoint = event_keep(e, STR("words"));
    e->model = event_keep(e, STR("t@1"));
    e->prediction = event_keep(e, STR("spam"));
    e->status = 200;
    assert_true(record_writer_new(&writer, store, &err) && store_begin(store, false, &err));
    assert_true(record_insert(writer, e, &row, &err) && record_writer_end(writer, &err));
    assert_true(store_commit(store, &err));
    assert_true(until_done(tell, &out) > 0);
    assert_non_null(strstr(buf_terminated(&out), "\"correct\":true"));
    assert_true(feedback_visit(store, "words", 0, INT64_MAX, count_row, &rows, &err));
    assert_int_equal(rows, 1);
    buf_free(&out);
    record_writer_free(writer);
    event_free(e);
}

static bool keep_configuration(void *ctx) {
    unsigned *version = ctx;
    return store_begin(store, false, &err) &&
           (endpoint_versions_keep(store, "words", STR("{\"a\":1}"), version, &err)
                ? store_commit(store, &err)
                : (store_rollback(store), false));
}

static void a_configuration_gets_its_number_or_not(void **state) {
    unsigned version = 0;
    assert_true(until_done(keep_configuration, &version) > 0);
    assert_int_equal(version, 1);
    assert_int_equal(until_done(keep_configuration, &version), 0);
    assert_int_equal(version, 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_rollout_begins_and_ends_or_does_not, setup, teardown),
        cmocka_unit_test_setup_teardown(a_shadow_is_counted_when_there_is_memory, setup, teardown),
        cmocka_unit_test(its_parts_are_there_or_not),
        cmocka_unit_test_setup_teardown(feedback_is_kept_or_not, setup, teardown),
        cmocka_unit_test_setup_teardown(a_configuration_gets_its_number_or_not, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
