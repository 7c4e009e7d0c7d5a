/* The monitors over days and weeks that take milliseconds: what they say, and what they must not say when
 * clocks jump, nobody comes, or the program starts anew. */
#include "unit.h"

#include "folder.h"

#include "store/sql.h"
#include "watch/monitors/divergence.h"
#include "watch/monitors/monitor_series.h"
#include "watch/monitors/monitor_store.h"

#include <math.h>
#include <string.h>

#define MINUTE INT64_C(60000000000)
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)
#define START  (20000 * DAY + 10 * HOUR)

static struct monitors *m;
static unsigned handle;
static struct config_monitors limits;
static struct monitor_facts facts;
static int64_t now;
static struct error err;

static struct reference_profile *read_profile(const char *manifest) {
    struct reference_profile *p;
    yyjson_doc *doc = json_parse(str_from(manifest), &err);
    assert_non_null(doc);
    assert_true(reference_profile_read(&p, yyjson_doc_get_root(doc), &err));
    yyjson_doc_free(doc);
    return p;
}

static struct reference_profile *profile(void) {
    static const char manifest[] =
        "{\"metrics\":{\"accuracy\":0.9,\"mean_confidence\":0.9},\"profile\":{\"rows\":10000,"
        "\"histograms\":{\"confidence\":{\"edges\":[0.5,0.8],\"shares\":[0.1,0.2,0.7]}},"
        "\"features\":{\"age\":{\"missing\":0.1,\"histogram\":{\"edges\":[10,20],\"shares\":[0.4,0.3,0.3]}},"
        "\"city\":{\"missing\":0,\"categories\":{\"Bern\":0.5,\"Basel\":0.5}}},"
        "\"labels\":{\"yes\":0.5,\"no\":0.5}}}";
    return read_profile(manifest);
}

static void begin_with(struct reference_profile *p) {
    m = monitors_new();
    assert_non_null(m);
    handle = monitors_endpoint(m, "shop");
    assert_int_equal(monitors_endpoint(m, "shop"), handle);
    monitors_configure(m, handle, &limits);
    monitors_watch(m, handle, "m@1", p);
    reference_profile_unref(p);
}

static void begin(void) {
    begin_with(profile());
}

static int setup(void **state) {
    limits = (struct config_monitors){.enabled = true,
                                      .latency_p95 = 500 * INT64_C(1000000),
                                      .confidence_drop = 0.05,
                                      .drift = 0.1,
                                      .error_factor = 2,
                                      .fallback_share = 0.15,
                                      .cost_per_day = INT64_C(1000000000),
                                      .cost_percent = 120,
                                      .review_depth = 100,
                                      .review_age = DAY,
                                      .accuracy_drop = 0.05,
                                      .score_drop = 0.05,
                                      .samples = 200,
                                      .reference = 300};
    facts = (struct monitor_facts){0};
    now = START;
    begin();
    monitors_close(m, now, &facts);
    return 0;
}

static int teardown(void **state) {
    monitors_free(m);
    return 0;
}

struct one {
    double confidence;
    uint32_t us;
    const char *error;
    bool fallback;
    int64_t cost;
    uint16_t age, city;
};
static const struct one usual = {.confidence = 0.9, .us = 1000};

static void send(unsigned count, const struct one *o) {
    for (unsigned i = 0; i < count; i++) {
        struct event *e = event_new(64);
        uint16_t *bins = event_add_bins(e, 2);
        e->monitored = handle;
        e->binned_by = STR("m@1");
        bins[0] = o->age ? o->age : (uint16_t[]){0, 0, 0, 0, 1, 1, 1, 2, 2, 2, 3}[i % 11];
        bins[1] = o->city ? o->city : (uint16_t)(i % 2);
        e->status = o->error ? 503 : 200;
        e->error_code = o->error ? str_from(o->error) : STR("");
        e->model = o->error ? STR("") : STR("m@1");
        e->prediction = i % 2 ? STR("yes") : STR("no");
        e->confidence = o->error ? -1 : (float)o->confidence;
        e->fallback = o->fallback ? STR("rules: timeout") : STR("");
        e->total_us = o->us;
        e->cost_nanodollars = o->cost;
        event_add_stage(e, "infer", o->us / 2);
        monitors_begin_notes(m);
        monitors_note(m, e);
        monitors_end_notes(m);
        event_free(e);
    }
}

/* A minute passes, or more. */
static void pass(int64_t time) {
    now += time;
    assert_true(monitors_due(m, now));
    monitors_close(m, now, &facts);
    monitor_rows_free(monitors_take_rows(m));
}

struct wanted {
    const char *monitor, *part;
    struct reading found;
    char detail[256];
    unsigned count;
};

static void find(const struct reading *r, void *ctx) {
    struct wanted *w = ctx;
    if (strcmp(r->monitor, w->monitor) != 0 || strcmp(r->part, w->part) != 0)
        return;
    w->found = *r;
    snprintf(w->detail, sizeof w->detail, "%s", r->detail);
    w->count++;
}

static struct reading reading(const char *monitor, const char *part) {
    static struct wanted w;
    w = (struct wanted){.monitor = monitor, .part = part};
    assert_true(monitors_read(m, find, &w));
    assert_int_equal(w.count, 1);
    w.found.detail = w.detail;
    return w.found;
}

static enum reading_state state_of(const char *monitor) {
    return reading(monitor, "").state;
}

/* ---- what they say ---- */

static void slow_requests_and_fallbacks_are_seen_within_five_minutes(void **state) {
    send(100, &usual);
    pass(MINUTE);
    assert_int_equal(state_of("latency_p95"), READING_GOOD);
    assert_true(fabs(reading("latency_p95", "").value - 1.0) < 0.04);
    assert_true(fabs(reading("latency_p95", "infer").value - 0.5) < 0.02);
    send(10, &(struct one){.confidence = 0.9, .us = 800000, .fallback = true});
    pass(MINUTE);
    assert_int_equal(state_of("latency_p95"), READING_BREACHED);
    assert_int_equal(state_of("fallback_rate"), READING_GOOD); /* 10 of 110 */
    send(15, &(struct one){.confidence = 0.9, .us = 1000, .fallback = true});
    pass(MINUTE);
    assert_int_equal(state_of("fallback_rate"), READING_BREACHED); /* 25 of 125 */
    for (int i = 0; i < 7; i++)
        pass(MINUTE);
    assert_int_equal(state_of("latency_p95"), READING_NO_DATA);
    assert_int_equal(state_of("fallback_rate"), READING_NO_DATA);
}

static void an_error_is_held_against_its_share_of_the_week_before(void **state) {
    for (int hour = 0; hour < 48; hour++) {
        send(96, &usual);
        send(4, &(struct one){.error = "model_unavailable", .us = 10});
        pass(HOUR);
    }
    assert_true(fabs(reading("error_rate", "model_unavailable").expected - 0.04) < 0.005);
    send(94, &usual);
    send(6, &(struct one){.error = "model_unavailable", .us = 10});
    pass(MINUTE);
    assert_int_equal(reading("error_rate", "model_unavailable").state, READING_GOOD); /* 6 %, twice is 8 % */
    send(80, &usual);
    send(20, &(struct one){.error = "model_unavailable", .us = 10});
    pass(MINUTE);
    assert_int_equal(reading("error_rate", "model_unavailable").state, READING_BREACHED);
    assert_int_equal(state_of("error_rate"), READING_BREACHED);
}

static void confidence_is_held_against_the_same_day_a_week_before(void **state) {
    for (int hour = 0; hour < 24 * 7; hour++) {
        send(20, &usual);
        pass(HOUR);
    }
    assert_int_equal(state_of("confidence"), READING_NO_DATA); /* nothing of a week before yet */
    for (int hour = 0; hour < 25; hour++) {
        send(20, &usual);
        pass(HOUR);
    }
    assert_int_equal(state_of("confidence"), READING_GOOD);
    for (int hour = 0; hour < 25; hour++) {
        send(20, &(struct one){.confidence = 0.84, .us = 1000});
        pass(HOUR);
    }
    struct reading r = reading("confidence", "");
    assert_int_equal(r.state, READING_BREACHED); /* 6.7 % less */
    assert_true(fabs(r.value - 0.84) < 0.005 && fabs(r.expected - 0.9) < 0.001);
    assert_true(fabs(r.limit - 0.855) < 0.001);
}

static void a_week_without_traffic_is_no_drop(void **state) {
    for (int hour = 0; hour < 26; hour++) {
        send(20, &usual);
        pass(HOUR);
    }
    for (int hour = 0; hour < 24 * 7; hour++)
        pass(HOUR);
    static const char *const all[] = {"latency_p95", "confidence",       "input_drift",       "fallback_rate",
                                      "error_rate",  "confidence_drift", "estimated_accuracy"};
    for (size_t i = 0; i < ARRAY_COUNT(all); i++)
        assert_int_equal(state_of(all[i]), READING_NO_DATA);
    assert_int_equal(state_of("cost"), READING_GOOD);
    send(10, &usual);
    pass(MINUTE);
    assert_int_equal(state_of("confidence"), READING_NO_DATA); /* ten are too few */
}

static void inputs_that_move_drift_and_void_the_estimate(void **state) {
    send(1100, &usual);
    pass(MINUTE);
    assert_int_equal(state_of("input_drift"), READING_GOOD);
    assert_int_equal(reading("input_drift", "age").state, READING_GOOD);
    assert_int_equal(state_of("estimated_accuracy"), READING_GOOD);
    send(1100, &(struct one){.confidence = 0.9, .us = 1000, .age = 2});
    pass(MINUTE);
    assert_int_equal(reading("input_drift", "age").state, READING_BREACHED);
    assert_int_equal(reading("input_drift", "city").state, READING_GOOD);
    assert_int_equal(state_of("input_drift"), READING_BREACHED);
    assert_int_equal(state_of("estimated_accuracy"), READING_VOID);
}

static void values_that_were_never_seen_drift_too(void **state) {
    send(500, &usual);
    send(100, &(struct one){.confidence = 0.9, .us = 1000, .city = 3}); /* behind Bern, Basel and missing */
    pass(MINUTE);
    struct reading r = reading("input_drift", "city");
    assert_int_equal(r.state, READING_BREACHED);
    assert_non_null(strstr(r.detail, "unseen 16.7 %"));
}

static void a_day_that_costs_too_much_is_seen_until_midnight(void **state) {
    send(10, &(struct one){.confidence = 0.9, .us = 1, .cost = 110000000});
    pass(MINUTE);
    assert_int_equal(state_of("cost"), READING_GOOD); /* 1.10 of 1.20 */
    send(2, &(struct one){.confidence = 0.9, .us = 1, .cost = 110000000});
    pass(MINUTE);
    assert_int_equal(state_of("cost"), READING_BREACHED);
    assert_true(fabs(reading("cost", "").value - 1.32) < 1e-9);
    pass(14 * HOUR);
    assert_int_equal(state_of("cost"), READING_GOOD);
}

static void a_queue_that_grows_or_waits_is_seen(void **state) {
    struct monitor_queue queue = {STR("shop"), 100, now - HOUR};
    facts = (struct monitor_facts){.queues = &queue, .queue_count = 1};
    pass(MINUTE);
    assert_int_equal(state_of("review_depth"), READING_GOOD);
    queue.open = 101;
    pass(MINUTE);
    assert_int_equal(state_of("review_depth"), READING_BREACHED);
    queue.oldest = now - 2 * DAY;
    pass(MINUTE);
    assert_int_equal(state_of("review_age"), READING_BREACHED);
}

static void labels_count_as_often_as_what_they_stand_for(void **state) {
    struct monitor_labels labels = {
        .endpoint = STR("shop"), .audited = 19, .audit_weight = 1900, .audit_weight_right = 1900};
    facts = (struct monitor_facts){.labels = &labels, .label_count = 1};
    send(900, &usual);
    pass(MINUTE);
    assert_int_equal(state_of("accuracy"), READING_NO_DATA);
    /* 40 labels, half of them right, of the unsure; but nobody was unsure here. */
    labels = (struct monitor_labels){.endpoint = STR("shop"),
                                     .reviewed = 40,
                                     .reviewed_right = 20,
                                     .audited = 50,
                                     .audit_weight = 5000,
                                     .audit_weight_right = 4800};
    pass(MINUTE);
    assert_int_equal(state_of("accuracy"), READING_GOOD);
    assert_true(fabs(reading("accuracy", "").value - 0.96) < 1e-9);
    labels.audit_weight_right = 2500;
    pass(MINUTE);
    assert_int_equal(state_of("accuracy"), READING_BREACHED); /* 0.5 +- 0.14, where training had 0.9 */
    /* Of 300 of the 900 it was said, mostly by those who got a wrong answer: they stand for themselves. */
    labels.spoken_of = 300, labels.spoken_of_right = 30, labels.audit_weight_right = 5000;
    pass(MINUTE);
    assert_true(fabs(reading("accuracy", "").value - (30.0 + 600) / 900) < 1e-9);
    assert_int_equal(reading("accuracy", "").samples, 390);
    struct reading biased = reading("accuracy", "feedback");
    assert_int_equal(biased.state, READING_GOOD); /* shown only: there is no limit */
    assert_true(isnan(biased.limit) && fabs(biased.value - 0.1) < 1e-9);
    assert_non_null(strstr(biased.detail, "biased"));
}

static struct monitor_score_sums scored(uint64_t count, double mean) {
    return (struct monitor_score_sums){count, mean * (double)count, (mean * mean + 0.04) * (double)count};
}

static void what_users_say_is_held_against_the_week_before(void **state) {
    struct monitor_scores scores = {STR("shop"), scored(29, 0.5), scored(400, 0.8)};
    facts = (struct monitor_facts){.scores = &scores, .score_count = 1};
    send(50, &usual);
    pass(MINUTE);
    assert_int_equal(state_of("business_score"), READING_NO_DATA);
    scores.last = scored(30, 0.5);
    pass(MINUTE);
    assert_int_equal(state_of("business_score"), READING_BREACHED);
    scores.last = scored(30, 0.7); /* lower than 0.76, and by 2.6 standard errors */
    pass(MINUTE);
    assert_int_equal(state_of("business_score"), READING_GOOD);
    scores.last = scored(400, 0.77);
    pass(MINUTE);
    assert_int_equal(state_of("business_score"), READING_GOOD);
    assert_true(fabs(reading("business_score", "").limit - 0.76) < 1e-9);
}

/* ---- clocks ---- */

static void a_clock_that_jumps_says_nothing_wrong(void **state) {
    for (int i = 0; i < 30; i++) {
        send(50, &usual);
        pass(MINUTE);
    }
    int64_t before = now;
    now += DAY; /* a day forward */
    assert_true(monitors_due(m, now));
    monitors_close(m, now, &facts);
    assert_int_equal(state_of("latency_p95"), READING_NO_DATA);
    assert_true(state_of("input_drift") != READING_BREACHED && state_of("confidence") == READING_NO_DATA);
    send(50, &usual);
    pass(MINUTE);
    assert_int_equal(state_of("latency_p95"), READING_GOOD);
    now = before; /* and back: what is of the future waits there */
    assert_true(monitors_due(m, now));
    monitors_close(m, now, &facts);
    send(50, &usual);
    pass(MINUTE);
    assert_int_equal(state_of("latency_p95"), READING_GOOD);
    assert_true(reading("latency_p95", "").samples >= 50);
    assert_int_equal(state_of("input_drift"), READING_GOOD);
    assert_false(monitors_due(m, now));
}

/* Nothing is read twice, nothing breaches, and traffic is seen again within a minute. */
static void a_week_forward_and_an_hour_back(void **state) {
    static const char *const all[] = {"latency_p95", "confidence",       "input_drift",    "fallback_rate",
                                      "error_rate",  "prediction_drift", "confidence_mean"};
    const int64_t jumps[] = {7 * DAY, -HOUR, -7 * DAY, 8 * DAY};
    limits.confidence_points = 0.02;
    monitors_configure(m, handle, &limits);
    for (int i = 0; i < 30; i++) {
        send(50, &usual);
        pass(MINUTE);
    }
    for (size_t i = 0; i < ARRAY_COUNT(jumps); i++) {
        send(25, &usual);
        now += jumps[i];
        assert_true(monitors_due(m, now));
        monitors_close(m, now, &facts);
        for (size_t k = 0; k < ARRAY_COUNT(all); k++)
            if (state_of(all[k]) == READING_BREACHED)
                fail_msg("%s after jump %zu: %s", all[k], i, reading(all[k], "").detail);
        send(50, &usual);
        pass(MINUTE);
        assert_int_equal(state_of("latency_p95"), READING_GOOD);
        assert_in_range(reading("latency_p95", "").samples, 50, 300);
        for (size_t k = 0; k < ARRAY_COUNT(all); k++)
            assert_true(state_of(all[k]) != READING_BREACHED);
    }
    monitor_rows_free(monitors_take_rows(m));
}

/* ---- what is kept ---- */

static void what_the_store_keeps_brings_the_week_before_back(void **state) {
    struct test_folder folder;
    struct store *store;
    folder_make(&folder);
    assert_true(store_open(&store, folder.path, &err));
    for (int hour = 0; hour < 24 * 9; hour++) {
        send(20, hour < 24 * 8 ? &usual : &(struct one){.confidence = 0.8, .us = 1000});
        now += HOUR;
        monitors_close(m, now, &facts);
        struct monitor_row *rows = monitors_take_rows(m);
        assert_true(store_begin(store, false, &err) && monitor_rows_write(store, rows, &err) &&
                    store_commit(store, &err));
        monitor_rows_free(rows);
    }
    assert_int_equal(state_of("confidence"), READING_BREACHED);
    struct reading before = reading("confidence", "");
    monitors_free(m);
    begin();
    assert_true(monitors_load(m, store, now, &err));
    monitors_close(m, now + MINUTE, &facts);
    struct reading after = reading("confidence", "");
    assert_int_equal(after.state, READING_BREACHED);
    assert_true(fabs(after.value - before.value) < 1e-9 && fabs(after.expected - before.expected) < 1e-3);
    int64_t days;
    assert_true(sql_number(store, "SELECT count(*) FROM monitor_windows WHERE span = 86400", &days, &err));
    assert_int_equal(days, 9);
    assert_true(monitor_rows_expire(store, now + 3 * DAY, &err));
    assert_true(sql_number(store, "SELECT count(*) FROM monitor_windows WHERE span = 60", &days, &err));
    assert_int_equal(days, 0);
    store_close(store);
    folder_remove(&folder);
}

static void rows_that_the_store_did_not_take_are_given_again(void **state) {
    send(20, &usual);
    now += MINUTE;
    monitors_close(m, now, &facts);
    struct monitor_row *rows = monitors_take_rows(m);
    assert_non_null(rows);
    assert_null(monitors_take_rows(m));
    monitors_give_rows_back(m, rows);
    assert_ptr_equal(monitors_take_rows(m), rows);
    monitor_rows_free(rows);
}

static void any_number_of_labels_is_harmless(void **state) {
    struct event *e = event_new(64);
    e->monitored = handle;
    e->status = 200;
    e->model = STR("m@1");
    e->confidence = 0.9F;
    for (int i = 0; i < 100000; i++) {
        char label[32];
        snprintf(label, sizeof label, "label %d", i);
        e->prediction = str_from(label);
        monitors_note(m, e);
    }
    event_free(e);
    now += MINUTE;
    monitors_close(m, now, &facts);
    struct monitor_row *rows = monitors_take_rows(m);
    assert_true(rows->window.n < 1000);
    monitor_rows_free(rows);
    assert_int_equal(state_of("prediction_drift"), READING_BREACHED); /* all of them unseen */
}

/* ---- the arithmetic ---- */

static void divergences_are_those_of_the_books(void **state) {
    const uint32_t counts[] = {36000, 48000, 16000};
    const double shares[] = {1.0 / 3, 1.0 / 3, 1.0 / 3};
    struct divergence d = divergence_of(counts, shares, 3, 100000000, true);
    assert_true(fabs(d.kl - 0.0852996) < 1e-4); /* a textbook's example, in nats */
    assert_true(fabs(d.ks - 0.173333) < 1e-4);  /* 1 - 0.16 - 2/3 */
    assert_true(fabs(d.psi - 0.182772) < 1e-3);
    assert_true(fabs(d.js - sqrt(0.0324787)) < 1e-2);
    assert_true(d.p < 1e-6);
    const uint32_t same[] = {33, 34, 33};
    d = divergence_of(same, shares, 3, 1000, false);
    assert_true(d.js < 1e-6 && d.psi < 1e-6 && d.p > 0.9 && isnan(d.ks));
    d = divergence_of((const uint32_t[]){0, 0, 0}, shares, 3, 1000, true);
    assert_true(isnan(d.js) && d.samples == 0);
    assert_true(fabs(chi_squared_tail(5.991, 2) - 0.05) < 0.003); /* tables */
    assert_true(fabs(chi_squared_tail(18.307, 10) - 0.05) < 0.001);
}

static void quantiles_are_within_their_error(void **state) {
    struct latency_sketch s = {0};
    for (uint32_t us = 1; us <= 1000000; us++)
        latency_sketch_add(&s, us);
    for (double share = 0.01; share < 1; share += 0.01)
        assert_true(fabs(latency_sketch_quantile(&s, share) / (share * 1e6) - 1) <= 1.0 / 32 + 1e-3);
    assert_int_equal(latency_bin(UINT32_MAX), LATENCY_BINS - 1);
    for (uint32_t bin = 0; bin + 1 < LATENCY_BINS; bin++)
        assert_int_equal(latency_bin((uint32_t)latency_bin_least(bin)), bin);
}

static void distinct_values_are_counted_in_fixed_memory(void **state) {
    struct window w = {0};
    assert_true(window_watch(&w, "m@1", profile()));
    struct event *e = event_new(64);
    e->status = 200;
    e->model = STR("m@1");
    for (int i = 0; i < 5000; i++) {
        char label[32];
        snprintf(label, sizeof label, "%d", i % 1000);
        e->prediction = str_from(label);
        window_add(&w, e);
    }
    double estimate = distinct_estimate(window_version(&w, STR("m@1"))->distinct);
    assert_true(estimate > 600 && estimate < 1400); /* three standard errors */
    event_free(e);
    window_free(&w);
}

static void a_damaged_window_is_refused(void **state) {
    struct window w = {0}, copy = {0};
    assert_true(window_watch(&w, "m@1", profile()));
    AUTO_BUF bytes = BUF_INIT(1 << 20);
    w.from = START;
    w.to = START + MINUTE;
    w.requests = 7;
    w.errors[ERR_MODEL] = 3;
    latency_sketch_add(&w.total, 12345);
    w.versions[0].counts[1] = 5;
    window_pack(&w, &bytes);
    assert_true(window_like(&copy, &w));
    assert_true(window_add_packed(&copy, buf_str(&bytes)) && window_add_packed(&copy, buf_str(&bytes)));
    assert_int_equal(copy.requests, 14);
    assert_int_equal(copy.errors[ERR_MODEL], 6);
    assert_int_equal(copy.versions[0].counts[1], 10);
    for (size_t n = 0; n < bytes.n; n++)
        assert_false(window_add_packed(&copy, (struct str){bytes.p, n}));
    window_free(&w);
    window_free(&copy);
}

static void what_could_not_be_recorded_is_an_error_too(void **state) {
    send(80, &usual);
    monitors_refused(m, handle, ERR_STORE, 20);
    monitors_refused(m, MONITORED_NONE, ERR_STORE, 20);
    pass(MINUTE);
    struct reading r = reading("error_rate", "storage_unavailable");
    assert_int_equal(r.state, READING_BREACHED);
    assert_int_equal(r.samples, 100);
    assert_true(fabs(r.value - 0.2) < 1e-9);
}

/* A calibrated version's scores are compared with those of its calibration, not with its parent's. */
static void scores_are_held_against_the_calibration(void **state) {
    static const char manifest[] =
        "{\"profile\":{\"rows\":10000,\"histograms\":{\"confidence\":{\"edges\":[0.5,0.8],"
        "\"shares\":[0.9,0.1,0]}},\"labels\":{\"yes\":0.5,\"no\":0.5}},"
        "\"policy\":{\"score\":{},\"confidence\":{\"edges\":[0.5,0.8],\"shares\":[0,0.1,0.9],"
        "\"mean\":0.85,\"rows\":400}}}";
    struct reference_profile *p = read_profile(manifest);
    assert_int_equal(p->dimensions[DIMENSION_CONFIDENCE].rows, 400);
    assert_int_equal(p->dimensions[DIMENSION_LABEL].rows, 10000);
    assert_true(fabs(p->mean_confidence - 0.85) < 1e-9);
    monitors_free(m);
    begin_with(p);
    monitors_close(m, now, &facts);
    send(400, &usual);
    send(50, &(struct one){.confidence = 0.6, .us = 1000});
    pass(MINUTE);
    assert_int_equal(state_of("confidence_drift"), READING_GOOD);
    send(400, &(struct one){.confidence = 0.4, .us = 1000});
    pass(MINUTE);
    assert_int_equal(state_of("confidence_drift"), READING_BREACHED);
    assert_int_equal(state_of("confidence_mean"), READING_BREACHED);
}

/* ---- versions that brought no profile ---- */

static struct reference_profile *none(void) {
    struct reference_profile *p;
    assert_true(reference_profile_read(&p, NULL, &err));
    return p;
}

struct other {
    const char *label;
    float confidence;
    uint32_t size;
};

static void send_other(unsigned count, const struct other *o, unsigned n) {
    for (unsigned i = 0; i < count; i++) {
        struct event *e = event_new(64);
        const struct other *one = &o[i % n];
        e->monitored = handle;
        e->status = 200;
        e->model = STR("m@1");
        e->prediction = str_from(one->label);
        e->confidence = one->confidence;
        e->input_size = one->size;
        monitors_begin_notes(m);
        monitors_note(m, e);
        monitors_end_notes(m);
        event_free(e);
    }
}

static void begin_bare(void) {
    monitors_free(m);
    begin_with(none());
    monitors_alone(m, handle, "m@1", now);
    monitors_close(m, now, &facts);
}

static const struct other at_first[] = {{"a", 0.9F, 100}, {"b", 0.8F, 120}, {"a", 0.7F, 90}};
static const struct other later[] = {{"b", 0.9F, 4000}, {"b", 0.8F, 5000}, {"c", 0.7F, 6000}};

static void assert_drifts(enum reading_state state) {
    assert_int_equal(state_of("prediction_drift"), state);
    assert_int_equal(state_of("confidence_drift"), READING_GOOD);
    assert_int_equal(reading("input_drift", "text_bytes").state, state);
    assert_int_equal(state_of("input_drift"), state);
}

static void the_first_requests_are_what_comes_later_is_held_against(void **state) {
    struct test_folder folder;
    struct store *store;
    folder_make(&folder);
    assert_true(store_open(&store, folder.path, &err));
    begin_bare();
    send_other(240, at_first, 3);
    pass(MINUTE);
    assert_int_equal(state_of("prediction_drift"), READING_NO_DATA);
    assert_non_null(
        strstr(reading("prediction_drift", "").detail, "first 300 requests become one, so far 240"));
    send_other(100, at_first, 3); /* the last 40 are none of the first 300 */
    now += MINUTE;
    monitors_close(m, now, &facts);
    struct monitor_row *rows = monitors_take_rows(m);
    assert_true(monitor_rows_write(store, rows, &err));
    monitor_rows_free(rows);
    assert_int_equal(state_of("prediction_drift"),
                     READING_NO_DATA); /* what was counted before has other bins */
    send_other(300, at_first, 3);
    pass(MINUTE);
    assert_drifts(READING_GOOD);
    assert_non_null(
        strstr(reading("prediction_drift", "").detail, "m@1 (reference: first 300 requests since 20"));
    send_other(600, later, 3);
    pass(MINUTE);
    assert_drifts(READING_BREACHED);
    /* Never made again: not by a restart, and not by somebody who served alone before. */
    monitors_free(m);
    m = monitors_new();
    handle = monitors_endpoint(m, "shop");
    assert_true(monitors_load_references(m, store, &err));
    monitors_configure(m, handle, &limits);
    struct reference_profile *bare = none();
    monitors_watch(m, handle, "m@1", bare);
    reference_profile_unref(bare);
    monitors_alone(m, handle, "m@1", now);
    monitors_close(m, now, &facts);
    send_other(600, later, 3);
    pass(MINUTE);
    assert_drifts(READING_BREACHED);
    store_close(store);
    folder_remove(&folder);
}

/* Neither words instead of labels, nor a version that shares the traffic, nor one with a profile. */
static void what_cannot_be_a_reference_is_none(void **state) {
    static char words[600][32];
    static struct other many[600];
    begin_bare();
    for (int i = 0; i < 600; i++) {
        snprintf(words[i], sizeof words[i], "answer %d", i);
        many[i] = (struct other){words[i], -1, 0};
    }
    send_other(600, many, 600);
    pass(MINUTE);
    send_other(600, many, 600);
    pass(MINUTE);
    assert_int_equal(state_of("prediction_drift"), READING_NO_DATA);
    begin_bare();
    send_other(200, at_first, 3);
    monitors_alone(m, handle, "", now);
    send_other(200, at_first, 3);
    monitors_alone(m, handle, "m@1", now);
    send_other(200, at_first, 3);
    pass(MINUTE);
    assert_non_null(strstr(reading("prediction_drift", "").detail, "so far 200"));
    monitors_free(m);
    begin_with(profile());
    monitors_alone(m, handle, "m@1", now);
    monitors_close(m, now, &facts);
    send(400, &usual);
    pass(MINUTE);
    assert_null(strstr(reading("prediction_drift", "").detail, "reference"));
}

int main(void) {
#define PLAYED(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        PLAYED(slow_requests_and_fallbacks_are_seen_within_five_minutes),
        PLAYED(an_error_is_held_against_its_share_of_the_week_before),
        PLAYED(confidence_is_held_against_the_same_day_a_week_before),
        PLAYED(a_week_without_traffic_is_no_drop),
        PLAYED(inputs_that_move_drift_and_void_the_estimate),
        PLAYED(values_that_were_never_seen_drift_too),
        PLAYED(a_day_that_costs_too_much_is_seen_until_midnight),
        PLAYED(a_queue_that_grows_or_waits_is_seen),
        PLAYED(labels_count_as_often_as_what_they_stand_for),
        PLAYED(what_users_say_is_held_against_the_week_before),
        PLAYED(a_clock_that_jumps_says_nothing_wrong),
        PLAYED(a_week_forward_and_an_hour_back),
        PLAYED(what_the_store_keeps_brings_the_week_before_back),
        PLAYED(rows_that_the_store_did_not_take_are_given_again),
        PLAYED(any_number_of_labels_is_harmless),
        PLAYED(the_first_requests_are_what_comes_later_is_held_against),
        PLAYED(what_cannot_be_a_reference_is_none),
        PLAYED(scores_are_held_against_the_calibration),
        PLAYED(what_could_not_be_recorded_is_an_error_too),
        cmocka_unit_test(divergences_are_those_of_the_books),
        cmocka_unit_test(quantiles_are_within_their_error),
        cmocka_unit_test(distinct_values_are_counted_in_fixed_memory),
        cmocka_unit_test(a_damaged_window_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
