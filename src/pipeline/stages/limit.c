#include "pipeline/stages/stages.h"

#include "base/clock.h"

static enum stage_answer refuse(struct request *r, double rate) {
    int64_t wait_ms = (r->rate.retry_after_ns + NS_PER_MS - 1) / NS_PER_MS;
    metrics_rate_limited(r->loop->metrics, r->endpoint->metrics);
    stage_fail(r, ERR_RATE_LIMIT,
               "Client \"%s\" is over its rate of %g requests per second; try again in %lld ms.",
               r->client->name, rate, (long long)wait_ms);
    r->error.retry_after_ms = (uint32_t)wait_ms;
    return STAGE_FAIL;
}

static enum stage_answer run(struct request *r) {
    if (engine_draining(r->loop->engine))
        return stage_fail(r, ERR_DRAINING, "The server is shutting down; send the request again.");
    /* Room to record comes first: who cannot be recorded is refused without costing any rate. */
    if (!recorder_reserve(r->loop->parts->recorder, r->loop->index, &r->error))
        return STAGE_FAIL;
    r->reserved = true;
    if (!r->client)
        return STAGE_NEXT;
    bool own = r->endpoint->rate_index != 0;
    double rate = own ? (double)r->endpoint->config->rate : r->client->rate;
    unsigned burst = own ? (unsigned)r->endpoint->config->burst : r->client->burst;
    struct limiter *limiter = &r->client->limits->limiters[r->endpoint->rate_index];
    r->rate = limiter_take(limiter, rate, burst, r->stage_started);
    if (r->rate.allowed)
        return STAGE_NEXT;
    recorder_release(r->loop->parts->recorder, r->loop->index);
    r->reserved = false;
    return refuse(r, rate);
}

const struct stage stage_limit = {.name = "limit", .run = run, .brief = true};
