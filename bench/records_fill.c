/* A store with many records, for measuring what reads them: records_fill FOLDER [RECORDS [DAYS]]. Ten million
 * (the default) spread evenly over the last thirty days: four endpoints, twenty clients, all decisions, one
 * failure in fifty, as the recorder would have written them. Prints the ID of a request in the middle. */
#include "base/clock.h"
#include "base/ids.h"
#include "store/store.h"
#include "watch/records.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { COMMIT = 512 };

static struct error err;
static int64_t now;

static int64_t simulated(void) {
    return now;
}

static const char *const endpoints[] = {"support", "documents", "tickets", "assistant"};
static const char *const models[] = {"support@3", "documents@1", "tickets@7", "main/small"};
static const char *const labels[] = {"card_arrival", "invoice", "lost_or_stolen_phone", "exchange_rate"};

static void describe(struct event *e, uint64_t i) {
    static const char *const stages[] = {"authenticate", "limit", "validate", "cache", "infer", "record"};
    unsigned kind = i % ARRAY_COUNT(endpoints);
    char client[32];
    snprintf(client, sizeof client, "client-%02u", (unsigned)(i / 7 % 20));
    e->client = event_keep(e, str_from(client));
    e->endpoint = str_from(endpoints[kind]);
    e->model = str_from(models[kind]);
    e->prediction = str_from(labels[i / 3 % ARRAY_COUNT(labels)]);
    e->confidence = (float)(i * 7919 % 1000) / 1000;
    e->decision = e->confidence >= 0.85f  ? DECISION_ACCEPTED
                  : e->confidence >= 0.6f ? DECISION_VERIFIED
                                          : DECISION_CACHED;
    e->cache = e->decision == DECISION_CACHED ? CACHE_HIT : CACHE_MISS;
    e->status = 200;
    if (i % 50 == 0) {
        e->decision = DECISION_REJECTED;
        e->prediction = (struct str){0};
        e->status = 503;
        e->error_code = STR("upstream_unavailable");
        e->error_message = STR("The upstream did not answer.");
    }
    e->has_input = true;
    memcpy(e->input_hash, &i, sizeof i);
    e->cost_nanodollars = kind == 3 ? 120000 : 120;
    e->total_us = 80 + (unsigned)(i % 50);
    for (size_t s = 0; s < ARRAY_COUNT(stages); s++)
        event_add_stage(e, stages[s], (uint32_t)(i * 7 + s) % 60);
}

static bool add(struct record_writer *w, struct event *e, uint64_t i, char id[ID_SIZE]) {
    int64_t row;
    e->wall_ns = now;
    id_make(now, id);
    e->request_id = event_keep(e, str_from(id));
    describe(e, i);
    return record_insert(w, e, &row, &err);
}

static bool fill(struct store *s, struct record_writer *w, uint64_t records, int64_t step) {
    char id[ID_SIZE];
    for (uint64_t i = 0; i < records;) {
        if (!store_begin(s, false, &err))
            return false;
        for (unsigned k = 0; k < COMMIT && i < records; k++, i++, now += step) {
            struct event *e = event_new(384);
            bool good = e && add(w, e, i, id);
            if (e)
                event_free(e);
            if (!good)
                return false;
            if (i == records / 2)
                printf("%s\n", id);
        }
        if (!record_writer_end(w, &err) || !store_commit(s, &err))
            return false;
    }
    return true;
}

int main(int argc, char **argv) {
    struct store *s;
    struct record_writer *w;
    uint64_t records = argc > 2 ? strtoull(argv[2], NULL, 10) : 10000000;
    int64_t days = argc > 3 ? atoi(argv[3]) : 30;
    if (argc < 2 || records == 0 || days <= 0) {
        fprintf(stderr, "usage: records_fill FOLDER [RECORDS [DAYS]]\n");
        return 2;
    }
    int64_t span = days * 86400 * NS_PER_SECOND;
    now = clock_wall() - span;
    clock_replace(&(struct clock_source){.monotonic = simulated, .wall = simulated});
    bool good = store_open(&s, argv[1], &err) && record_writer_new(&w, s, &err) &&
                fill(s, w, records, span / (int64_t)records);
    if (!good) {
        fprintf(stderr, "%s\n", err.message);
        return 1;
    }
    record_writer_free(w);
    store_close(s);
    return 0;
}
