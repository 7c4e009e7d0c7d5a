#include "watch/service_readings.h"

#include "base/clock.h"

#include <math.h>
#include <stdlib.h>

enum { LEAST_REQUESTS = 20 };
#define ERROR_SHARE 0.05

struct service_readings {
    struct metrics *metrics;
    struct metrics_window *window;
    struct metrics_sums sums;
};

struct service_readings *service_readings_new(struct metrics *m, struct metrics_window *w) {
    struct service_readings *s = calloc(1, sizeof *s);
    if (s)
        *s = (struct service_readings){.metrics = m, .window = w};
    return s;
}

void service_readings_free(struct service_readings *s) {
    free(s);
}

struct giving {
    void (*take)(void *ctx, const struct reading *r);
    void *ctx;
    const char *endpoint;
    int64_t from;
};

static void give(const struct giving *g, const char *monitor, double value, double limit, const char *unit,
                 uint64_t samples, uint64_t least) {
    g->take(g->ctx, &(struct reading){.endpoint = g->endpoint,
                                      .monitor = monitor,
                                      .part = "",
                                      .state = samples < least ? READING_NO_DATA
                                               : value > limit ? READING_BREACHED
                                                               : READING_GOOD,
                                      .value = value,
                                      .expected = NAN,
                                      .limit = limit,
                                      .unit = unit,
                                      .samples = samples,
                                      .from = g->from,
                                      .to = clock_wall(),
                                      .detail = ""});
}

static void read_endpoint(struct service_readings *s, const struct config_endpoint *e, struct giving *g) {
    unsigned handle = metrics_endpoint(s->metrics, e->name);
    struct metrics_sums *sums = &s->sums;
    if (handle == METRICS_NO_ENDPOINT)
        return;
    int64_t since = metrics_window_read(s->window, handle, sums);
    g->endpoint = e->name;
    g->from = clock_wall() - (clock_monotonic() - since);
    double requests = (double)sums->requests;
    give(g, "error_rate", requests > 0 ? (double)sums->server_errors / requests : NAN, ERROR_SHARE, "share",
         sums->requests, LEAST_REQUESTS);
    give(g, "fallback_rate", requests > 0 ? (double)sums->fallbacks / requests : NAN,
         e->monitors.fallback_share, "share", sums->requests, LEAST_REQUESTS);
    double p95 = metrics_quantile(&sums->total, 0.95);
    give(g, "latency_p95", p95 < 0 ? NAN : p95 / 1000, (double)e->monitors.latency_p95 / (double)NS_PER_MS,
         "ms", sums->total.count, LEAST_REQUESTS);
}

static void read_all(void *ctx, const struct config *config, int64_t elapsed_ns,
                     void (*take)(void *take_ctx, const struct reading *r), void *take_ctx) {
    struct service_readings *s = ctx;
    struct giving g = {take, take_ctx, "", clock_wall()};
    for (size_t i = 0; i < config->endpoint_count; i++)
        if (config->endpoints[i].monitors.enabled)
            read_endpoint(s, &config->endpoints[i], &g);
}

struct reading_source service_readings_source(struct service_readings *s) {
    return (struct reading_source){read_all, s};
}
