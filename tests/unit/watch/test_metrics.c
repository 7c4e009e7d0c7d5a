#include "unit.h"

#include "base/buf.h"
#include "base/clock.h"
#include "watch/metrics/metrics.h"

#include <pthread.h>
#include <stdio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { LOOPS = 2 };

static struct metrics *metrics;
static struct buf text;
static struct error err;

static int setup(void **state) {
    metrics = metrics_new(LOOPS);
    text = BUF_INIT(4 << 20);
    return metrics ? 0 : -1;
}

static int teardown(void **state) {
    metrics_free(metrics);
    buf_free(&text);
    return 0;
}

static const char *scrape(void) {
    buf_clear(&text);
    assert_true(metrics_write(metrics, &text, &err));
    return buf_terminated(&text);
}

static void assert_line(const char *line) {
    const char *all = scrape();
    char wanted[256];
    snprintf(wanted, sizeof wanted, "\n%s\n", line);
    if (!strstr(all, wanted))
        fail_msg("missing: %s\nin:\n%s", line, all);
}

static void assert_absent(const char *part) {
    if (strstr(scrape(), part))
        fail_msg("should not be there: %s", part);
}

static struct event *make_event(void) {
    struct event *e = event_new(256);
    e->status = 200;
    e->total_us = 300;
    e->model = STR("documents@3");
    e->decision = DECISION_ACCEPTED;
    e->confidence = 0.93F;
    e->cache = CACHE_MISS;
    event_add_stage(e, "authenticate", 5);
    event_add_stage(e, "infer", 20000);
    return e;
}

static void a_request_is_counted_everywhere(void **state) {
    unsigned documents = metrics_endpoint(metrics, "documents");
    struct event *e = make_event();
    metrics_request(metrics_shard(metrics, 0), documents, e);
    metrics_request(metrics_shard(metrics, 1), documents, e);
    assert_line("penstock_requests_total{endpoint=\"documents\",status=\"200\"} 2");
    assert_line("penstock_request_seconds_bucket{endpoint=\"documents\",le=\"0.00025\"} 0");
    assert_line("penstock_request_seconds_bucket{endpoint=\"documents\",le=\"0.0005\"} 2");
    assert_line("penstock_request_seconds_bucket{endpoint=\"documents\",le=\"+Inf\"} 2");
    assert_line("penstock_request_seconds_sum{endpoint=\"documents\"} 0.000600");
    assert_line("penstock_request_seconds_count{endpoint=\"documents\"} 2");
    assert_line("penstock_stage_seconds_bucket{endpoint=\"documents\",stage=\"infer\",le=\"0.01\"} 0");
    assert_line("penstock_stage_seconds_bucket{endpoint=\"documents\",stage=\"infer\",le=\"0.025\"} 2");
    assert_line("penstock_stage_seconds_count{endpoint=\"documents\",stage=\"authenticate\"} 2");
    assert_line(
        "penstock_decisions_total{endpoint=\"documents\",model=\"documents@3\",decision=\"accepted\"} 2");
    assert_line("penstock_confidence_bucket{endpoint=\"documents\",model=\"documents@3\",le=\"0.9\"} 0");
    assert_line("penstock_confidence_bucket{endpoint=\"documents\",model=\"documents@3\",le=\"0.95\"} 2");
    assert_line("penstock_confidence_sum{endpoint=\"documents\",model=\"documents@3\"} 1.860000");
    assert_line("penstock_cache_requests_total{endpoint=\"documents\",result=\"miss\"} 2");
    assert_line("penstock_cache_requests_total{endpoint=\"documents\",result=\"hit\"} 0");
    assert_line("penstock_scans_total{endpoint=\"documents\",result=\"not_scanned\"} 0");
    event_free(e);
}

static void failures_are_counted_by_their_kind(void **state) {
    unsigned documents = metrics_endpoint(metrics, "documents");
    struct metrics_shard *shard = metrics_shard(metrics, 0);
    struct event *e = make_event();
    e->status = 503;
    e->decision = DECISION_NONE;
    e->confidence = -1;
    e->error_code = STR("model_unavailable");
    e->fallback = STR("rules: model_unavailable");
    e->scan = SCAN_NOT_SCANNED;
    e->cache = CACHE_STALE;
    metrics_request(shard, documents, e);
    metrics_refused(shard, METRICS_NO_ENDPOINT, ERR_WRONG_KEY);
    metrics_rate_limited(shard, documents);
    metrics_rule_failed(shard, documents, METRICS_RULE_ROUTE);
    metrics_answer_checked(shard, documents, METRICS_ANSWER_REPAIRED);
    metrics_answer_checked(shard, documents, METRICS_ANSWER_REPAIRED);
    metrics_vector_asked(shard, documents, METRICS_VECTOR_LATE);
    metrics_vector_asked(metrics_shard(metrics, 1), documents, METRICS_VECTOR_LATE);
    metrics_vector_asked(shard, documents, METRICS_VECTOR_LEFT_ALONE);
    assert_line("penstock_requests_total{endpoint=\"documents\",status=\"503\"} 1");
    assert_line("penstock_errors_total{endpoint=\"documents\",code=\"model_unavailable\"} 1");
    assert_line("penstock_fallbacks_total{endpoint=\"documents\",step=\"rules\"} 1");
    assert_line("penstock_scans_total{endpoint=\"documents\",result=\"not_scanned\"} 1");
    assert_line("penstock_cache_requests_total{endpoint=\"documents\",result=\"stale\"} 1");
    assert_line("penstock_requests_total{endpoint=\"none\",status=\"401\"} 1");
    assert_line("penstock_errors_total{endpoint=\"none\",code=\"invalid_api_key\"} 1");
    assert_line("penstock_rate_limited_total{endpoint=\"documents\"} 1");
    assert_line("penstock_rule_failures_total{endpoint=\"documents\",rule=\"route\"} 1");
    assert_line("penstock_answers_checked_total{endpoint=\"documents\",verdict=\"repaired\"} 2");
    assert_absent("rule=\"answer\"");
    assert_line("penstock_semantic_vectors_total{endpoint=\"documents\",result=\"late\"} 2");
    assert_line("penstock_semantic_vectors_total{endpoint=\"documents\",result=\"left_alone\"} 1");
    assert_absent("result=\"fetched\"");
    assert_absent("decision=\"none\"");
    e->cache = CACHE_NO_VECTOR;
    e->status = 418;
    e->error_code = STR("of another program");
    metrics_request(shard, documents, e);
    assert_line("penstock_requests_total{endpoint=\"documents\",status=\"other\"} 1");
    assert_line("penstock_errors_total{endpoint=\"documents\",code=\"other\"} 1");
    assert_line("penstock_cache_requests_total{endpoint=\"documents\",result=\"no_vector\"} 1");
    event_free(e);
}

/* `type` NULL: it went well. */
static void count_call(unsigned loop, const char *type) {
    struct event *e = make_event();
    e->has_language = true;
    e->language = (struct event_language){.attempts = 1,
                                          .upstream_us = 300000,
                                          .asked = STR("main/gpt#tone@1"),
                                          .operation = "chat",
                                          .provider = "openai"};
    e->error_code = str_from(type);
    metrics_request(metrics_shard(metrics, loop), metrics_endpoint(metrics, "assistant"), e);
    event_free(e);
}

#define CALLS(kind, labels)                                                                                  \
    "gen_ai_client_operation_duration_seconds_" kind                                                         \
    "{endpoint=\"assistant\",model=\"main/gpt#tone@1\",gen_ai_operation_name=\"chat\","                      \
    "gen_ai_provider_name=\"openai\",gen_ai_request_model=\"gpt\"" labels "} "

static void durations_of_language_models_name_their_errors(void **state) {
    for (unsigned loop = 0; loop < LOOPS; loop++) {
        count_call(loop, NULL);
        count_call(loop, loop ? "upstream_failed" : "deadline_exceeded");
        count_call(loop, "deadline_exceeded");
        count_call(loop, "of another program");
    }
    assert_line(CALLS("count", "") "2");
    assert_line(CALLS("bucket", ",error_type=\"deadline_exceeded\",le=\"0.16\"") "0");
    assert_line(CALLS("bucket", ",error_type=\"deadline_exceeded\",le=\"0.32\"") "3");
    assert_line(CALLS("sum", ",error_type=\"deadline_exceeded\"") "0.9");
    assert_line(CALLS("count", ",error_type=\"upstream_failed\"") "1");
    assert_line(CALLS("count", ",error_type=\"_OTHER\"") "2");
    for (int i = 1; i < ERR_COUNT; i++) /* more kinds than are told apart */
        count_call(0, error_name((enum error_code)i));
    unsigned kinds = 0;
    for (const char *at = scrape(); (at = strstr(at, "duration_seconds_count{endpoint=\"assistant\"")); at++)
        kinds++;
    assert_int_equal(kinds, 7);
}

static void counters_live_through_a_reload(void **state) {
    unsigned a = metrics_endpoint(metrics, "a"), b = metrics_endpoint(metrics, "b");
    assert_int_not_equal(a, METRICS_NO_ENDPOINT);
    assert_int_not_equal(a, b);
    assert_int_equal(metrics_endpoint(metrics, "a"), a);
}

static void labels_are_bounded_in_number(void **state) {
    char name[32];
    for (int i = 0; i < METRICS_ENDPOINTS_MAX + 5; i++) {
        snprintf(name, sizeof name, "endpoint%d", i);
        unsigned handle = metrics_endpoint(metrics, name);
        assert_true(handle < METRICS_ENDPOINTS_MAX);
        assert_int_equal(handle, i < METRICS_ENDPOINTS_MAX - 1 ? i + 1 : METRICS_NO_ENDPOINT);
    }
    struct event *e = make_event();
    static char stages[60][16];
    for (int i = 0; i < 60; i++) {
        snprintf(name, sizeof name, "m@%d", i);
        e->model = str_from(name);
        e->fallback = str_from(name);
        snprintf(stages[i], sizeof stages[i], "stage%d", i);
        e->stages[0].name = stages[i];
        metrics_request(metrics_shard(metrics, i % LOOPS), 1, e);
    }
    /* 16 slots a loop and in all, the last of each for what has none: 15 names stay. */
    assert_line("penstock_decisions_total{endpoint=\"endpoint0\",model=\"other\",decision=\"accepted\"} 45");
    assert_line("penstock_requests_total{endpoint=\"endpoint0\",status=\"200\"} 60");
    assert_non_null(strstr(scrape(), "step=\"other\""));
    assert_non_null(strstr(scrape(), "stage=\"other\""));
    assert_absent("model=\"m@59\"");
    event_free(e);
}

static double seven(void *ctx) {
    return 7;
}

static void write_errors(struct buf *out, void *ctx) {
    metrics_family(out, "penstock_estimate_error_ratio", METRICS_GAUGE, "How wrong estimates are.");
    metrics_sample(out, "penstock_estimate_error_ratio",
                   (const char *const[]){"upstream", ctx, "model", "m\"x", NULL}, 0.25);
    metrics_sample(out, "penstock_estimate_error_ratio", (const char *const[]){"upstream", "b", NULL}, 2);
}

static void others_write_families_with_labels_of_their_own(void **state) {
    static char upstream[] = "a\nb";
    metrics_add_writer(metrics, write_errors, upstream);
    assert_line("# TYPE penstock_estimate_error_ratio gauge");
    assert_line("penstock_estimate_error_ratio{upstream=\"a\\nb\",model=\"m\\\"x\"} 0.25");
    assert_line("penstock_estimate_error_ratio{upstream=\"b\"} 2");
}

static void a_hostile_name_stays_one_label(void **state) {
    struct event *e = make_event();
    unsigned odd = metrics_endpoint(metrics, "a\"b\\c\nd");
    metrics_request(metrics_shard(metrics, 0), odd, e);
    metrics_set_version(metrics, "0.1.0");
    metrics_add_source(metrics, &(struct metrics_source){.name = "penstock_parser_restarts_total",
                                                         .help = "Parser processes started anew.",
                                                         .type = METRICS_COUNTER,
                                                         .read = seven});
    assert_line("penstock_requests_total{endpoint=\"a\\\"b\\\\c\\nd\",status=\"200\"} 1");
    assert_line("penstock_build_info{version=\"0.1.0\"} 1");
    assert_line("penstock_parser_restarts_total 7");
    assert_line("# TYPE penstock_parser_restarts_total counter");
    event_free(e);
}

static void promtool_finds_nothing(void **state) {
    if (system("promtool --version >/dev/null 2>&1") != 0) {
        print_message("promtool is not installed (Debian package prometheus)\n");
        skip();
    }
    struct event *e = make_event();
    e->fallback = STR("rules: x");
    e->error_code = STR("internal_error");
    metrics_request(metrics_shard(metrics, 0), metrics_endpoint(metrics, "a\"b\\c\nd"), e);
    metrics_request(metrics_shard(metrics, 1), METRICS_NO_ENDPOINT, e);
    event_free(e);
    scrape();
    FILE *out = popen("promtool check metrics >&2", "w");
    assert_non_null(out);
    assert_int_equal(fwrite(text.p, 1, text.n, out), text.n);
    assert_int_equal(pclose(out), 0);
    /* The test itself must be able to fail. */
    out = popen("promtool check metrics >/dev/null 2>&1", "w");
    fputs("# TYPE bad_total counter\nbad_total{a=\"b} 1\n", out);
    assert_int_not_equal(pclose(out), 0);
}

struct load {
    struct metrics_shard *shard;
    unsigned endpoint, count;
};

static void *push_load(void *arg) {
    struct load *load = arg;
    struct event *e = make_event();
    for (unsigned i = 0; i < load->count; i++) {
        e->total_us = i;
        metrics_request(load->shard, load->endpoint, e);
    }
    event_free(e);
    return NULL;
}

static void a_scrape_beside_the_loops_is_whole(void **state) {
    struct load loads[LOOPS];
    pthread_t threads[LOOPS];
    for (unsigned i = 0; i < LOOPS; i++) {
        loads[i] = (struct load){metrics_shard(metrics, i), metrics_endpoint(metrics, "e"), 20000};
        assert_int_equal(pthread_create(&threads[i], NULL, push_load, &loads[i]), 0);
    }
    for (int i = 0; i < 20; i++) {
        const char *all = scrape();
        unsigned long long inf, count;
        const char *at = strstr(all, "penstock_request_seconds_bucket{endpoint=\"e\",le=\"+Inf\"} ");
        assert_int_equal(sscanf(strrchr(strndupa(at, strcspn(at, "\n")), ' '), "%llu", &inf), 1);
        at = strstr(all, "penstock_request_seconds_count{endpoint=\"e\"} ");
        assert_int_equal(sscanf(strchr(at, ' '), "%llu", &count), 1);
        assert_true(inf == count);
    }
    for (unsigned i = 0; i < LOOPS; i++)
        pthread_join(threads[i], NULL);
    assert_line("penstock_request_seconds_count{endpoint=\"e\"} 40000");
}

static void totals_are_of_a_model_or_of_all(void **state) {
    unsigned documents = metrics_endpoint(metrics, "documents");
    struct event *e = make_event();
    struct metrics_totals t;
    e->wall_ns = 5000 * NS_PER_MS;
    metrics_request(metrics_shard(metrics, 0), documents, e);
    metrics_request(metrics_shard(metrics, 1), documents, e);
    e->model = STR("");
    e->decision = DECISION_REJECTED;
    e->wall_ns = 7000 * NS_PER_MS;
    metrics_request(metrics_shard(metrics, 1), documents, e);
    metrics_total(metrics, documents, STR("documents@3"), &t);
    assert_int_equal(t.requests[DECISION_ACCEPTED], 2);
    assert_int_equal(t.us[DECISION_ACCEPTED], 600);
    assert_int_equal(t.requests[DECISION_REJECTED], 0);
    assert_int_equal(t.inferred, 2);
    assert_int_equal(t.infer_us, 40000);
    assert_int_equal(t.last_ms, 5000);
    metrics_total(metrics, documents, STR(""), &t);
    assert_int_equal(t.requests[DECISION_REJECTED], 1);
    assert_int_equal(t.inferred, 3);
    assert_int_equal(t.last_ms, 7000);
    metrics_total(metrics, documents, STR("documents@4"), &t);
    assert_int_equal(t.inferred + t.last_ms, 0);
    event_free(e);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(totals_are_of_a_model_or_of_all, setup, teardown),
        cmocka_unit_test_setup_teardown(a_request_is_counted_everywhere, setup, teardown),
        cmocka_unit_test_setup_teardown(failures_are_counted_by_their_kind, setup, teardown),
        cmocka_unit_test_setup_teardown(durations_of_language_models_name_their_errors, setup, teardown),
        cmocka_unit_test_setup_teardown(counters_live_through_a_reload, setup, teardown),
        cmocka_unit_test_setup_teardown(labels_are_bounded_in_number, setup, teardown),
        cmocka_unit_test_setup_teardown(a_hostile_name_stays_one_label, setup, teardown),
        cmocka_unit_test_setup_teardown(others_write_families_with_labels_of_their_own, setup, teardown),
        cmocka_unit_test_setup_teardown(promtool_finds_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(a_scrape_beside_the_loops_is_whole, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
