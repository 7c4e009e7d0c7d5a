/* What searching records costs: record_search FOLDER [MILLIONS]. Makes a store of so many million records (1;
 * what is there is used again), one every 100 ms, of three endpoints and twenty clients, one in a million of
 * the client "rare", and prints for each question how long its slowest and its mean call took (ms of CPU; a
 * call ends after 100 ms and is continued) and how many calls it needed to come to the end. */
#include "base/clock.h"
#include "store/sql.h"
#include "watch/records.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { BATCH = 5000, PAGE = 50, CALLS_MAX = 1000 };

static struct error err;
static int64_t wall = INT64_C(1760000000) * NS_PER_SECOND;

static int64_t fake_wall(void) {
    return wall += 100 * NS_PER_MS;
}

static int64_t real_monotonic(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * NS_PER_SECOND + t.tv_nsec;
}

static double cpu_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static bool add(struct record_writer *w, uint64_t i) {
    static const char *const endpoints[] = {"documents", "tickets", "assistant"};
    static const char *const stages[] = {"validate", "split", "cache", "infer", "decide"};
    char client[32], id[ID_SIZE];
    struct event *e = event_new(512);
    if (!e)
        return false;
    snprintf(client, sizeof client, i % 1000000 == 500000 ? "rare" : "client-%02d", (int)(i % 20));
    e->wall_ns = wall;
    id_make(wall, id);
    e->request_id = event_keep(e, str_from(id));
    e->client = event_keep(e, str_from(client));
    e->endpoint = event_keep(e, str_from(endpoints[i % 10 ? 0 : 1 + i / 10 % 2]));
    e->model = event_keep(e, STR("documents@3"));
    e->prediction = event_keep(e, STR("invoice"));
    e->confidence = 0.93F;
    e->decision = i % 5000 ? DECISION_ACCEPTED : DECISION_REJECTED;
    e->status = i % 5000 ? 200 : 503;
    e->total_us = 300 + (uint32_t)(i % 100);
    for (size_t s = 0; s < ARRAY_COUNT(stages); s++)
        event_add_stage(e, stages[s], 20 + (uint32_t)s);
    int64_t row;
    bool good = record_insert(w, e, &row, &err);
    event_free(e);
    return good;
}

static bool fill(struct store *s, uint64_t count) {
    struct record_writer *w = NULL;
    bool good = record_writer_new(&w, s, &err);
    for (uint64_t i = 0; good && i < count;) {
        good = store_begin(s, false, &err);
        for (uint64_t end = i + BATCH; good && i < end && i < count; i++)
            good = add(w, i);
        good = good && record_writer_end(w, &err) && store_commit(s, &err);
    }
    record_writer_free(w);
    return good;
}

static void count_one(const struct record *r, void *ctx) {
    (*(uint64_t *)ctx)++;
}

/* To the end of the records, or CALLS_MAX calls. */
static bool measure(struct store *s, const char *name, struct record_filter filter) {
    double slowest = 0, sum = 0;
    uint64_t found = 0;
    unsigned calls = 0;
    int64_t next = 0;
    filter.limit = PAGE;
    do {
        double start = cpu_ms();
        filter.before = next;
        if (!records_search(s, &filter, clock_monotonic() + 100 * NS_PER_MS, count_one, &found, &next, &err))
            return false;
        double took = cpu_ms() - start;
        slowest = took > slowest ? took : slowest;
        sum += took;
    } while (++calls < CALLS_MAX && next);
    printf("%-28s %5u calls%s, %8llu found, slowest %7.1f ms, mean %7.2f ms\n", name, calls, next ? "+" : "",
           (unsigned long long)found, slowest, sum / calls);
    return true;
}

int main(int argc, char **argv) {
    uint64_t millions = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
    static const struct clock_source clock = {real_monotonic, fake_wall};
    struct store *s;
    int64_t there;
    clock_replace(&clock);
    if (argc < 2 || !store_open(&s, argv[1], &err) ||
        !sql_number(s, "SELECT count(*) FROM event_pages", &there, &err) ||
        (there == 0 && !fill(s, millions * 1000000)) || !measure(s, "newest", (struct record_filter){0}) ||
        !measure(s, "endpoint", (struct record_filter){.endpoint = STR("tickets")}) ||
        !measure(s, "one client of twenty", (struct record_filter){.client = STR("client-07")}) ||
        !measure(s, "one in a million", (struct record_filter){.client = STR("rare")}) ||
        !measure(s, "a client that is not there", (struct record_filter){.client = STR("nobody")}) ||
        !measure(s, "failed", (struct record_filter){.status_least = 500, .status_most = 599}) ||
        !measure(s, "a decision that is not there",
                 (struct record_filter){.decisions = 1 << DECISION_REVIEW})) {
        fprintf(stderr, "record_search: %s\n", err.message);
        return 1;
    }
    store_close(s);
    return 0;
}
