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

struct rate {
    struct limiter *limiter;
    double per_second;
    unsigned burst;
};

static struct rate rate_of(const struct request *r) {
    const struct config_endpoint *c = r->endpoint->config;
    bool own = r->endpoint->rate_index != 0;
    return (struct rate){&r->client->limits->limiters[r->endpoint->rate_index],
                         own ? (double)c->rate : r->client->rate,
                         own ? (unsigned)c->burst : r->client->burst};
}

static bool take_rate(struct request *r, unsigned count) {
    if (!r->client)
        return true;
    struct rate rate = rate_of(r);
    if (count >= rate.burst)
        return fail(
            &r->error, ERR_BAD_REQUEST,
            "The request has %u rows, each of which counts as a request; client \"%s\" may send %u at "
            "once. Send fewer rows at a time.",
            count + 1, r->client->name, rate.burst);
    r->rate = limiter_take_many(rate.limiter, rate.per_second, rate.burst, count, clock_monotonic());
    if (!r->rate.allowed)
        refuse(r, rate.per_second);
    return r->rate.allowed;
}

bool limit_more(struct request *r, unsigned count) {
    for (unsigned i = 0; i < count; i++)
        if (!recorder_reserve(r->loop->parts->recorder, r->loop->index, &r->error)) {
            limit_give_back(r->loop, i);
            return false;
        }
    bool good = take_rate(r, count);
    if (!good)
        limit_give_back(r->loop, count);
    return good;
}

void limit_give_back(struct loop_state *loop, unsigned count) {
    for (unsigned i = 0; i < count; i++)
        recorder_release(loop->parts->recorder, loop->index);
}

static enum stage_answer run(struct request *r) {
    if (r->admitted)
        return STAGE_NEXT;
    if (engine_draining(r->loop->engine))
        return stage_fail(r, ERR_DRAINING, "The server is shutting down; send the request again.");
    /* Room to record comes first: who cannot be recorded is refused without costing any rate. */
    if (!recorder_reserve(r->loop->parts->recorder, r->loop->index, &r->error))
        return STAGE_FAIL;
    r->reserved = true;
    if (!r->client)
        return STAGE_NEXT;
    struct rate rate = rate_of(r);
    r->rate = limiter_take(rate.limiter, rate.per_second, rate.burst, r->stage_started);
    if (r->rate.allowed)
        return STAGE_NEXT;
    recorder_release(r->loop->parts->recorder, r->loop->index);
    r->reserved = false;
    return refuse(r, rate.per_second);
}

const struct stage stage_limit = {.name = "limit", .run = run, .brief = true};
