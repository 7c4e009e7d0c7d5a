/* What recording one event costs: pushes events through a recorder at full speed or at a given rate and
 * prints CPU per event of its thread, with and without the log line. recorder FOLDER [EVENTS [RATE]]
 * 2>/dev/null */
#include "base/clock.h"
#include "base/ids.h"
#include "watch/metrics.h"
#include "watch/recorder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

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
    for (size_t s = 0; s < ARRAY_COUNT(stages); s++)
        event_add_stage(e, stages[s], (uint32_t)(i * 7 + s) % 60);
    return e;
}

static void run(const char *folder, unsigned events, double rate, bool log) {
    struct recorder *r;
    struct error err;
    struct recorder_options options = {.store_path = folder, .loops = 1, .log_requests = log};
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
    printf("log %-3s  %u events  %7.0f/s  %5.2f us CPU per event  %llu commits of %.0f  full queue seen %u "
           "times\n",
           log ? "on" : "off", events, events / wall, cpu * 1e6 / events, (unsigned long long)state.commits,
           (double)events / (double)state.commits, refused);
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

int main(int argc, char **argv) {
    if (argc < 2) {
        fprintf(stderr, "usage: recorder FOLDER [EVENTS [RATE]] 2>/dev/null\n");
        return 2;
    }
    unsigned events = argc > 2 ? (unsigned)atoi(argv[2]) : 200000;
    double rate = argc > 3 ? atof(argv[3]) : 0;
    run(argv[1], events, rate, false);
    run(argv[1], events, rate, true);
    count(1000000);
    return 0;
}
