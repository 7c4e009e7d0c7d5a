#include "review/capacity.h"

#include <math.h>

#define HOUR_NS 3600e9

struct capacity capacity_forecast(const struct capacity_seen *s) {
    struct capacity c = {.arrivals = (double)s->arrived / s->hours,
                         .resolved = (double)s->resolved / s->hours};
    c.per_person = s->people ? c.resolved / s->people : 0;
    c.depth_day = fmax(0, (double)s->depth + 24 * (c.arrivals - c.resolved));
    c.wait_day_ns = c.depth_day == 0 ? 0 : c.resolved > 0 ? c.depth_day / c.resolved * HOUR_NS : -1;
    return c;
}

static bool is_beyond(const struct capacity *c, double limit_ns) {
    return c->wait_day_ns < 0 || c->wait_day_ns > limit_ns;
}

bool overflow_step(struct overflow *o, const struct capacity *c, int64_t deadline_ns, int64_t now_ns) {
    double limit = (double)deadline_ns / (o->active ? 2 : 1);
    bool wanted = c->depth_day >= OVERFLOW_LEAST && is_beyond(c, limit);
    if (wanted == o->active) {
        o->other_since = 0;
        return false;
    }
    if (o->other_since == 0 || now_ns < o->other_since)
        o->other_since = now_ns;
    if (now_ns - o->other_since < INT64_C(1000000000) * OVERFLOW_HOLD_S)
        return false;
    *o = (struct overflow){.active = wanted, .since = now_ns};
    return true;
}
