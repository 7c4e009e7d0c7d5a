#include "watch/monitors/monitor_source.h"

#include <math.h>
#include <string.h>

struct forwarding {
    void (*take)(void *ctx, const struct reading *r);
    void *ctx;
};

static bool seen_sooner(const struct reading *r) {
    return r->part[0] == '\0' &&
           (strcmp(r->monitor, "error_rate") == 0 || strcmp(r->monitor, "fallback_rate") == 0 ||
            strcmp(r->monitor, "latency_p95") == 0);
}

/* What one feature does is told by the reading of all of them; what has no limit is nobody's alarm. */
static bool is_a_part_of_drift(const struct reading *r) {
    return r->part[0] != '\0' && strcmp(r->monitor, "input_drift") == 0;
}

static void forward(const struct reading *r, void *ctx) {
    const struct forwarding *f = ctx;
    if (!isnan(r->limit) && !seen_sooner(r) && !is_a_part_of_drift(r))
        f->take(f->ctx, r);
}

static void read_all(void *ctx, const struct config *config, int64_t elapsed_ns,
                     void (*take)(void *take_ctx, const struct reading *r), void *take_ctx) {
    struct forwarding f = {take, take_ctx};
    if (!monitors_read(ctx, forward, &f))
        return; /* out of memory: the alerts stand still */
}

struct reading_source monitor_source(struct monitors *m) {
    return (struct reading_source){read_all, m};
}
