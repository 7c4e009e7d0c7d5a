/* What recording one event costs: pushes events through a recorder at full speed or at a given rate and
 * prints CPU per event of its thread, with and without the log line, with and without the monitors; then what
 * the monitors alone cost, and closing their windows. recorder FOLDER [EVENTS [RATE]]
 * 2>/dev/null */
#include "base/clock.h"
#include "base/ids.h"
#include "watch/metrics/metrics.h"
#include "watch/monitors/monitors.h"
#include "watch/recorder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { INPUTS = 15 }; /* features of a row */

static double seconds(clockid_t id) {
    struct timespec t;
    clock_gettime(id, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static struct event *make_event(unsigned i) {
    static const char *const stages[] = {"authenticate", "limit", "validate", "features", "cache",
                                         "split",        "infer", "decide",   "record"};
    static const char *const labels[] = {"card_arrival", "cash_withdrawal_charge", "lost_or_stolen_phone",
                                         "exchange_rate"};
    struct event *e = event_new(384);
    char id[ID_SIZE];
    if (!e)
        abort();
    e->wall_ns = clock_wall();
    id_make(e->wall_ns, id);
    e->request_id = event_keep(e, str_from(id));
    e->client = event_keep(e, STR("bench"));
    e->endpoint = event_keep(e, STR("support"));
    e->model = event_keep(e, STR("support@3"));
    e->prediction = event_keep(e, str_from(labels[i % ARRAY_COUNT(labels)]));
    e->confidence = (float)(i % 1000) / 1000;
    e->decision = DECISION_ACCEPTED;
    e->cache = CACHE_MISS;
    e->status = 200;
    e->has_input = true;
    memset(e->input_hash, (int)i, sizeof e->input_hash);
    e->cost_nanodollars = 120;
    e->total_us = 80 + i % 50;
    e->monitored = 1;
    e->binned_by = e->model;
    uint16_t *bins = event_add_bins(e, INPUTS);
    for (unsigned k = 0; bins && k < INPUTS; k++)
        bins[k] = (uint16_t)((i * 7 + k) % 20);
    for (size_t s = 0; s < ARRAY_COUNT(stages); s++)
        event_add_stage(e, stages[s], (uint32_t)(i * 7 + s) % 60);
    return e;
}

static void run(const char *folder, unsigned events, double rate, bool log, struct monitors *monitors) {
    struct recorder *r;
    struct error err;
    struct recorder_options options = {
        .store_path = folder, .loops = 1, .log_requests = log, .monitors = monitors};
    if (!recorder_start(&r, &options, &err)) {
        fprintf(stderr, "%s\n", err.message);
        exit(1);
    }
    double start = seconds(CLOCK_MONOTONIC), all = seconds(CLOCK_PROCESS_CPUTIME_ID),
           mine = seconds(CLOCK_THREAD_CPUTIME_ID);
    unsigned refused = 0;
    for (unsigned i = 0; i < events;) {
        double ahead = rate > 0 ? (double)i / rate - (seconds(CLOCK_MONOTONIC) - start) : 0;
        if (ahead > 0 || !recorder_reserve(r, 0, &err)) {
            refused += ahead <= 0;
            struct timespec pause = {.tv_nsec = 500000};
            nanosleep(&pause, NULL);
            continue;
        }
        recorder_push(r, 0, make_event(i++));
    }
    struct recorder_state state;
    do {
        struct timespec pause = {.tv_nsec = 1000000};
        nanosleep(&pause, NULL);
        recorder_state(r, &state);
    } while (state.committed < events);
    double wall = seconds(CLOCK_MONOTONIC) - start;
    double cpu = seconds(CLOCK_PROCESS_CPUTIME_ID) - all - (seconds(CLOCK_THREAD_CPUTIME_ID) - mine);
    printf("log %-3s  monitors %-3s  %u events  %7.0f/s  %5.2f us CPU per event  %llu commits of %.0f  full "
           "queue seen %u "
           "times\n",
           log ? "on" : "off", monitors ? "on" : "off", events, events / wall, cpu * 1e6 / events,
           (unsigned long long)state.commits, (double)events / (double)state.commits, refused);
    recorder_stop(r);
}

static void count(unsigned requests) {
    struct metrics *m = metrics_new(1);
    struct event *e = make_event(1);
    if (!m)
        abort();
    unsigned endpoint = metrics_endpoint(m, "support");
    double start = seconds(CLOCK_THREAD_CPUTIME_ID);
    for (unsigned i = 0; i < requests; i++)
        metrics_request(metrics_shard(m, 0), endpoint, e);
    printf("metrics  %.3f us CPU per request\n", (seconds(CLOCK_THREAD_CPUTIME_ID) - start) * 1e6 / requests);
    event_free(e);
    metrics_free(m);
}

static struct monitors *watched(void) {
    struct error err;
    struct reference_profile *p;
    struct monitors *m = monitors_new();
    AUTO_BUF text = BUF_INIT(1 << 20);
    buf_printf(&text, "{\"profile\":{\"rows\":10000,\"labels\":{\"card_arrival\":0.5,\"exchange_rate\":0.5},"
                      "\"features\":{");
    for (unsigned k = 0; k < INPUTS; k++) {
        buf_printf(&text, "%s\"f%u\":{\"missing\":0,\"histogram\":{\"edges\":[1", k ? "," : "", k);
        for (unsigned i = 2; i < 20; i++)
            buf_printf(&text, ",%u", i);
        buf_printf(&text, "],\"shares\":[0.05");
        for (unsigned i = 1; i < 20; i++)
            buf_printf(&text, ",0.05");
        buf_printf(&text, "]}}");
    }
    buf_printf(&text, "}}}");
    yyjson_doc *doc = json_parse(buf_str(&text), &err);
    if (!m || !doc || !reference_profile_read(&p, yyjson_doc_get_root(doc), &err))
        abort();
    yyjson_doc_free(doc);
    unsigned handle = monitors_endpoint(m, "support");
    struct config_monitors limits = {.enabled = true, .samples = 200, .drift = 0.1, .error_factor = 2};
    monitors_configure(m, handle, &limits);
    monitors_watch(m, handle, "support@3", p);
    reference_profile_unref(p);
    return m;
}

static void watch(unsigned requests) {
    enum { KINDS = 64, WINDOWS = 300 };
    struct monitors *m = watched();
    struct event *events[KINDS];
    struct monitor_facts facts = {0};
    int64_t now = clock_wall();
    for (unsigned i = 0; i < KINDS; i++)
        events[i] = make_event(i);
    double start = seconds(CLOCK_THREAD_CPUTIME_ID);
    for (unsigned i = 0; i < requests; i++) {
        if (i % 512 == 0)
            monitors_begin_notes(m);
        monitors_note(m, events[i % KINDS]);
        if (i % 512 == 511)
            monitors_end_notes(m);
    }
    printf("monitors %.3f us CPU per event\n", (seconds(CLOCK_THREAD_CPUTIME_ID) - start) * 1e6 / requests);
    double longest = 0, all = 0;
    for (unsigned w = 0; w < WINDOWS; w++) {
        for (unsigned i = 0; i < 2000; i++)
            monitors_note(m, events[i % KINDS]);
        start = seconds(CLOCK_THREAD_CPUTIME_ID);
        monitors_close(m, now += 60 * NS_PER_SECOND, &facts);
        double took = seconds(CLOCK_THREAD_CPUTIME_ID) - start;
        longest = took > longest ? took : longest;
        all += took;
        monitor_rows_free(monitors_take_rows(m));
    }
    printf("monitors %.3f ms CPU to close a window and make its readings, %.3f at most\n",
           all * 1e3 / WINDOWS, longest * 1e3);
    for (unsigned i = 0; i < KINDS; i++)
        event_free(events[i]);
    monitors_free(m);
}

int main(int argc, char **argv) {
    if (argc < 2) {
        fprintf(stderr, "usage: recorder FOLDER [EVENTS [RATE]] 2>/dev/null\n");
        return 2;
    }
    unsigned events = argc > 2 ? (unsigned)atoi(argv[2]) : 200000;
    double rate = argc > 3 ? atof(argv[3]) : 0;
    struct monitors *monitors = watched();
    for (int round = 0; round < 3; round++) {
        run(argv[1], events, rate, false, NULL);
        run(argv[1], events, rate, false, monitors);
    }
    run(argv[1], events, rate, true, NULL);
    monitors_free(monitors);
    count(1000000);
    watch(512 * 2000);
    return 0;
}
