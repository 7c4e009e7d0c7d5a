#include "watch/monitors/monitor_series.h"

#include <math.h>
#include <string.h>

/* A new one goes to the end. */
const struct monitor_kind monitor_kinds[] = {
    {"latency_p95", "ms", true},
    {"confidence", "share", false},
    {"input_drift", "divergence", true},
    {"error_rate", "share", true},
    {"fallback_rate", "share", true},
    {"cost", "usd", true},
    {"review_depth", "count", true},
    {"review_age", "s", true},
    {"confidence_drift", "divergence", true},
    {"prediction_drift", "divergence", true},
    {"estimated_accuracy", "share", false},
    {"accuracy", "share", false},
    {"upstream_health", "count", true},
    {"cost_per_prediction", "usd", true},
    {"cache_hits", "share", false},
    {"latency_p50", "ms", true},
    {"latency_p99", "ms", true},
    {"confidence_mean", "share", false},
    {"business_score", "share", false},
    {NULL, NULL, false},
};

const struct monitor_kind *monitor_kind_named(struct str name) {
    for (const struct monitor_kind *k = monitor_kinds; k->name; k++)
        if (str_eq(name, str_from(k->name)))
            return k;
    return NULL;
}

struct packed_reading {
    uint8_t kind, state, part_length, reserved;
    float value, expected, limit;
    uint32_t samples;
};

void monitor_readings_pack(const struct readings *l, struct buf *out) {
    for (size_t i = 0; i < l->count; i++) {
        const struct reading *r = &l->list[i].reading;
        const struct monitor_kind *k = monitor_kind_named(str_from(r->monitor));
        if (!k || (isnan(r->limit) && isnan(r->expected)))
            continue;
        struct packed_reading p = {
            .kind = (uint8_t)(k - monitor_kinds),
            .state = (uint8_t)r->state,
            .part_length = (uint8_t)strlen(r->part),
            .value = (float)r->value,
            .expected = (float)r->expected,
            .limit = (float)r->limit,
            .samples = r->samples > UINT32_MAX ? UINT32_MAX : (uint32_t)r->samples,
        };
        buf_add(out, &p, sizeof p);
        buf_add(out, r->part, p.part_length);
    }
}

bool monitor_readings_visit(struct str packed, void (*visit)(const struct reading *r, void *ctx), void *ctx) {
    while (packed.n > 0) {
        struct packed_reading p;
        char part[READING_PART_SIZE] = "";
        if (packed.n < sizeof p)
            return false;
        memcpy(&p, packed.p, sizeof p);
        if (p.kind >= ARRAY_COUNT(monitor_kinds) - 1 || p.state > READING_VOID ||
            p.part_length >= READING_PART_SIZE || packed.n < sizeof p + p.part_length)
            return false;
        memcpy(part, packed.p + sizeof p, p.part_length);
        packed = str_slice(packed, sizeof p + p.part_length, packed.n);
        const struct monitor_kind *k = &monitor_kinds[p.kind];
        visit(&(struct reading){.endpoint = "",
                                .monitor = k->name,
                                .part = part,
                                .state = (enum reading_state)p.state,
                                .value = (double)p.value,
                                .expected = (double)p.expected,
                                .limit = (double)p.limit,
                                .unit = k->unit,
                                .samples = p.samples,
                                .detail = ""},
              ctx);
    }
    return true;
}
