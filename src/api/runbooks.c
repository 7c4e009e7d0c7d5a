/* GET /v1/runbooks/{name} */
#include "api/runbooks.h"

#include "api/embed.h"
#include "api/routes.h"

EMBED(accuracy, "../docs/runbooks/accuracy.md");
EMBED(alerting, "../docs/runbooks/alerting.md");
EMBED(availability_fast, "../docs/runbooks/availability_fast.md");
EMBED(availability_slow, "../docs/runbooks/availability_slow.md");
EMBED(business_score, "../docs/runbooks/business_score.md");
EMBED(cache_hits, "../docs/runbooks/cache_hits.md");
EMBED(confidence, "../docs/runbooks/confidence.md");
EMBED(confidence_drift, "../docs/runbooks/confidence_drift.md");
EMBED(confidence_mean, "../docs/runbooks/confidence_mean.md");
EMBED(cost, "../docs/runbooks/cost.md");
EMBED(cost_per_prediction, "../docs/runbooks/cost_per_prediction.md");
EMBED(delivery, "../docs/runbooks/delivery.md");
EMBED(error_rate, "../docs/runbooks/error_rate.md");
EMBED(estimated_accuracy, "../docs/runbooks/estimated_accuracy.md");
EMBED(fallback_rate, "../docs/runbooks/fallback_rate.md");
EMBED(input_drift, "../docs/runbooks/input_drift.md");
EMBED(latency_p50, "../docs/runbooks/latency_p50.md");
EMBED(latency_p95, "../docs/runbooks/latency_p95.md");
EMBED(latency_p99, "../docs/runbooks/latency_p99.md");
EMBED(prediction_drift, "../docs/runbooks/prediction_drift.md");
EMBED(quick_fast, "../docs/runbooks/quick_fast.md");
EMBED(quick_slow, "../docs/runbooks/quick_slow.md");
EMBED(recording, "../docs/runbooks/recording.md");
EMBED(review_age, "../docs/runbooks/review_age.md");
EMBED(review_depth, "../docs/runbooks/review_depth.md");
EMBED(test, "../docs/runbooks/test.md");
EMBED(upstream_health, "../docs/runbooks/upstream_health.md");

static const struct {
    const char *name;
    struct str (*text)(void);
} pages[] = {
    {"accuracy", accuracy},
    {"alerting", alerting},
    {"availability_fast", availability_fast},
    {"availability_slow", availability_slow},
    {"business_score", business_score},
    {"cache_hits", cache_hits},
    {"confidence", confidence},
    {"confidence_drift", confidence_drift},
    {"confidence_mean", confidence_mean},
    {"cost", cost},
    {"cost_per_prediction", cost_per_prediction},
    {"delivery", delivery},
    {"error_rate", error_rate},
    {"estimated_accuracy", estimated_accuracy},
    {"fallback_rate", fallback_rate},
    {"input_drift", input_drift},
    {"latency_p50", latency_p50},
    {"latency_p95", latency_p95},
    {"latency_p99", latency_p99},
    {"prediction_drift", prediction_drift},
    {"quick_fast", quick_fast},
    {"quick_slow", quick_slow},
    {"recording", recording},
    {"review_age", review_age},
    {"review_depth", review_depth},
    {"test", test},
    {"upstream_health", upstream_health},
};

struct str runbook_of(struct str monitor) {
    for (size_t i = 0; i < ARRAY_COUNT(pages); i++)
        if (str_eq(monitor, str_from(pages[i].name)))
            return pages[i].text();
    return (struct str){0};
}

void runbook_show(struct call *c) {
    struct error err;
    struct str text = runbook_of(c->argument);
    if (text.p) {
        call_reply_text(c, 200, STR("text/plain; charset=utf-8"), text);
        return;
    }
    fail(&err, ERR_NOT_FOUND, "There is no runbook \"%.*s\".", STR_ARG(str_slice(c->argument, 0, 60)));
    call_fail(c, &err);
}
