#include "watch/alerts/alert_rules.h"

#include "base/clock.h"

#include <string.h>

#define S(n) ((n)*NS_PER_SECOND)
#define M(n) S((n)*60)

/* What is a window of minutes must hold for some; of a day or a week: for some readings, since each is made
   of nearly the same. */
const struct alert_rule alert_rules[] = {
    {"availability_fast", "errors use the budget up within days", ALERT_P1, 0, M(5)},
    {"availability_slow", "errors use the budget up within the month", ALERT_P4, 0, M(30)},
    {"quick_fast", "slow replies use the budget up within days", ALERT_P2, 0, M(5)},
    {"quick_slow", "slow replies use the budget up within the month", ALERT_P4, 0, M(30)},
    {"latency_p50", "latency, median", ALERT_P2, M(2), M(5)},
    {"latency_p95", "latency, 95th percentile", ALERT_P2, M(2), M(5)},
    {"latency_p99", "latency, 99th percentile", ALERT_P2, M(2), M(5)},
    {"error_rate", "errors", ALERT_P2, M(1), M(5)},
    {"fallback_rate", "replies by the fallback chain", ALERT_P2, M(1), M(5)},
    {"upstream_health", "an upstream that is left alone", ALERT_P2, M(1), M(5)},
    {"confidence", "confidence against last week", ALERT_P2, M(5), M(30)},
    {"confidence_mean", "mean confidence", ALERT_P2, M(5), M(30)},
    {"confidence_drift", "confidences drift away from the reference", ALERT_P4, M(5), M(30)},
    {"input_drift", "inputs drift away from the reference", ALERT_P4, M(5), M(30)},
    {"prediction_drift", "predictions drift away from the reference", ALERT_P4, M(5), M(30)},
    {"estimated_accuracy", "accuracy, estimated without labels", ALERT_P2, M(5), M(30)},
    {"accuracy", "accuracy by labels", ALERT_P2, M(5), M(30)},
    {"business_score", "what users say against last week", ALERT_P2, M(5), M(30)},
    {"cost", "cost of the day", ALERT_P3, 0, M(10)},
    {"cost_per_prediction", "cost of a prediction", ALERT_P3, M(5), M(30)},
    {"cache_hits", "replies by the cache", ALERT_P4, M(5), M(30)},
    {"review_depth", "work that waits for people", ALERT_P4, M(5), M(10)},
    {"review_age", "how long work waits for people", ALERT_P4, M(5), M(10)},
    {"recording", "requests cannot be recorded, and are refused", ALERT_P1, 0, 0},
    {"alerting", "alerts cannot be judged", ALERT_P1, 0, 0},
    {"delivery", "messages that a receiver does not take", ALERT_P2, 0, 0},
};
const unsigned alert_rule_count = ARRAY_COUNT(alert_rules);

static const struct alert_rule unknown = {"", "a monitor", ALERT_P4, M(2), M(5)};

const struct alert_rule *alert_rule_named(struct str monitor) {
    for (unsigned i = 0; i < alert_rule_count; i++)
        if (str_eq(monitor, str_from(alert_rules[i].monitor)))
            return &alert_rules[i];
    return NULL;
}

const struct alert_rule *alert_rule_of(const char *monitor) {
    const struct alert_rule *found = alert_rule_named(str_from(monitor));
    return found ? found : &unknown;
}

const char *alert_class_name(enum alert_class class) {
    static const char *const names[] = {"P1", "P2", "P3", "P4"};
    return (size_t) class < ARRAY_COUNT(names) ? names[class] : "P4";
}

const char *alert_class_meaning(enum alert_class class) {
    static const char *const names[] = {"unavailable", "degraded quality", "cost anomaly",
                                        "slow degradation"};
    return (size_t) class < ARRAY_COUNT(names) ? names[class] : "unknown";
}

static const struct config_alert_rule *configured(const struct config_alerts *c, const char *monitor) {
    for (size_t i = 0; i < c->rule_count; i++)
        if (strcmp(c->rules[i].name, monitor) == 0)
            return &c->rules[i];
    return NULL;
}

struct alert_judging alert_judging_of(const struct config_alerts *c, const char *monitor) {
    const struct alert_rule *own = alert_rule_of(monitor);
    const struct config_alert_rule *said = configured(c, monitor);
    struct alert_judging j = {
        .enabled = !said || said->enabled,
        .class = said && said->has_class ? said->class : own->class,
        .timing = {.hold_ns = said && said->has_hold ? said->hold : own->hold_ns,
                   .clear_ns = said && said->has_clear ? said->clear : own->clear_ns,
                   .blind_ns = c->blind_after,
                   .hysteresis = c->hysteresis},
    };
    return j;
}
