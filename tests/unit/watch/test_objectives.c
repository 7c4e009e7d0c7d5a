#include "unit.h"

#include "folder.h"

#include "base/clock.h"
#include "watch/alerts/objective_readings.h"

#include <math.h>

#define SECOND NS_PER_SECOND

static struct test_folder folder;
static struct store *store;
static struct metrics *metrics;
static struct recorder *recorder;
static const struct config *config;
static struct error err;

static int setup(void **state) {
    static const char yaml[] = "store: {path: /nowhere}\nupstreams: {main: {kind: simulator}}\n"
                               "endpoints: {shop: {kind: chat, rollout: [{upstream: main, model: a}], "
                               "objectives: {quick: 95%, latency: 500ms}}}\n";
    struct config_problems problems = {0};
    folder_make(&folder);
    metrics = metrics_new(1);
    config = config_parse(str_from(yaml), "test.yaml", "", NULL, &problems);
    struct recorder_options options = {.store_path = folder.path, .loops = 1};
    return config && metrics && store_open(&store, folder.path, &err) &&
                   recorder_start(&recorder, &options, &err)
               ? 0
               : -1;
}

static int teardown(void **state) {
    recorder_stop(recorder);
    store_close(store);
    metrics_free(metrics);
    config_unref(config);
    folder_remove(&folder);
    return 0;
}

struct seen {
    unsigned count;
    enum reading_state fast, quick;
    double rate;
};

static void take(void *ctx, const struct reading *r) {
    struct seen *s = ctx;
    s->count++;
    if (strcmp(r->monitor, "availability_fast") == 0) {
        s->fast = r->state;
        s->rate = r->value;
    }
    if (strcmp(r->monitor, "quick_fast") == 0)
        s->quick = r->state;
}

static struct seen look(struct objective_readings *o, int64_t elapsed) {
    struct reading_source source = objective_readings_source(o);
    struct seen s = {0};
    source.read(source.ctx, config, elapsed, take, &s);
    assert_int_equal(s.count, 4);
    return s;
}

static void serve(unsigned bad, unsigned good, uint32_t us) {
    unsigned endpoint = metrics_endpoint(metrics, "shop");
    struct event *e = event_new(256);
    e->endpoint = STR("shop");
    e->status = 200;
    e->total_us = us;
    for (unsigned i = 0; i < good; i++)
        metrics_request(metrics_shard(metrics, 0), endpoint, e);
    for (unsigned i = 0; i < bad; i++)
        metrics_refused(metrics_shard(metrics, 0), endpoint, ERR_STORE);
    event_free(e);
}

static void failures_burn_the_budget_over_a_restart_too(void **state) {
    struct objective_readings *o = objective_readings_new(metrics, recorder, store);
    assert_int_equal(look(o, 0).fast, READING_NO_DATA);
    serve(0, 1000, 1000);
    assert_int_equal(look(o, SECOND).fast, READING_GOOD);
    serve(100, 0, 0);
    struct seen s = look(o, SECOND);
    assert_int_equal(s.fast, READING_BREACHED);
    assert_true(fabs(s.rate - 1000.0 * 100 / 1100) < 1);
    objective_readings_free(o); /* kept */
    recorder_stop(recorder);
    struct recorder_options options = {.store_path = folder.path, .loops = 1};
    assert_true(recorder_start(&recorder, &options, &err));
    metrics_free(metrics); /* a new process counts from zero */
    metrics = metrics_new(1);
    o = objective_readings_new(metrics, recorder, store);
    s = look(o, SECOND);
    assert_int_equal(s.fast, READING_BREACHED);
    assert_true(fabs(s.rate - 1000.0 * 100 / 1100) < 1);
    serve(0, 100000, 1000);
    assert_int_equal(look(o, SECOND).fast, READING_GOOD);
    objective_readings_free(o);
}

static void slow_replies_have_a_budget_of_their_own(void **state) {
    struct objective_readings *o = objective_readings_new(metrics, recorder, store);
    serve(0, 100, 400000);
    struct seen s = look(o, SECOND);
    assert_int_equal(s.quick, READING_GOOD);
    serve(0, 400, 2000000);
    s = look(o, SECOND);
    assert_int_equal(s.quick, READING_BREACHED); /* 80 % slow: 16 times the 5 % */
    assert_int_equal(s.fast, READING_GOOD);
    objective_readings_free(o);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(failures_burn_the_budget_over_a_restart_too, setup, teardown),
        cmocka_unit_test_setup_teardown(slow_replies_have_a_budget_of_their_own, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
