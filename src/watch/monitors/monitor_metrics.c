#include "watch/monitors/monitor_metrics.h"

#include "watch/metrics/metrics.h"
#include "watch/monitors/monitors.h"

#include <math.h>

struct family {
    struct buf *out;
    const char *name;
    double (*of)(const struct reading *r); /* NAN: there is none */
};

static double value_of(const struct reading *r) {
    return r->state == READING_NO_DATA ? NAN : r->value;
}
static double limit_of(const struct reading *r) {
    return r->limit;
}
/* What nobody judges has no verdict to tell. */
static double breached_of(const struct reading *r) {
    return isnan(r->limit) || r->state == READING_NO_DATA || r->state == READING_VOID
               ? NAN
               : r->state == READING_BREACHED;
}

static void write_one(const struct reading *r, void *ctx) {
    const struct family *f = ctx;
    double value = f->of(r);
    if (!isnan(value))
        metrics_sample(
            f->out, f->name,
            (const char *const[]){"endpoint", r->endpoint, "monitor", r->monitor, "part", r->part, NULL},
            value);
}

void monitor_metrics_write(struct buf *out, void *ctx) {
    static const struct {
        const char *name, *help;
        double (*of)(const struct reading *r);
    } families[] = {
        {"penstock_monitor_value", "What a monitor measured at the end of the last minute.", value_of},
        {"penstock_monitor_limit", "Where it is breached.", limit_of},
        {"penstock_monitor_breached", "1 while it is; absent where there are too few samples to say.",
         breached_of},
    };
    for (size_t i = 0; i < ARRAY_COUNT(families); i++) {
        struct family f = {out, families[i].name, families[i].of};
        metrics_family(out, families[i].name, METRICS_GAUGE, families[i].help);
        if (!monitors_read(ctx, write_one, &f))
            return;
    }
}
