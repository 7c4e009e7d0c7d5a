/* A request to a language model names its endpoint in its body, as `model`. */
#include "chat/prompted.h"
#include "pipeline/chat.h"
#include "pipeline/stages/stages.h"

#include "base/clock.h"

static enum endpoint_kind kind_of(enum chat_surface surface) {
    return surface == CHAT_EMBEDDINGS ? ENDPOINT_EMBED : ENDPOINT_CHAT;
}

static enum stage_answer wrong_kind(struct request *r, const struct endpoint *e) {
    static const char *const said[] = {[ENDPOINT_CLASSIFY] = "predictions (POST /v1/endpoints/NAME/predict)",
                                       [ENDPOINT_CHAT] = "chats (POST /v1/chat/completions)",
                                       [ENDPOINT_EMBED] = "embeddings (POST /v1/embeddings)"};
    fail_at(&r->error, ERR_BAD_REQUEST, "model", "Endpoint \"%s\" is for %s.", e->config->name,
            said[e->config->kind]);
    return STAGE_FAIL;
}

/* An endpoint's own rate counts beside the general one, which was taken before the body. */
static bool take_own_rate(struct request *r) {
    const struct endpoint *e = r->endpoint;
    if (!r->client || !e->rate_index)
        return true;
    struct limiter_verdict verdict =
        limiter_take(&r->client->limits->limiters[e->rate_index], (double)e->config->rate,
                     (unsigned)e->config->burst, r->stage_started);
    r->rate = verdict;
    if (verdict.allowed)
        return true;
    int64_t wait_ms = (verdict.retry_after_ns + NS_PER_MS - 1) / NS_PER_MS;
    metrics_rate_limited(r->loop->metrics, e->metrics);
    fail(&r->error, ERR_RATE_LIMIT,
         "Client \"%s\" is over its rate of %lld requests per second at endpoint \"%s\"; try again in %lld "
         "ms.",
         r->client->name, (long long)e->config->rate, e->config->name, (long long)wait_ms);
    r->error.retry_after_ms = (uint32_t)wait_ms;
    return false;
}

static bool has_prompt(const struct endpoint *e) {
    for (unsigned i = 0; i < e->share_count + e->step_count; i++) {
        const struct share *s = i < e->share_count ? &e->shares[i] : &e->steps[i - e->share_count].target;
        if (s->remote && s->remote->prompt)
            return true;
    }
    return false;
}

static bool check_variables(struct request *r) {
    return !chat_request_has_variables(&r->chat->in) || has_prompt(r->endpoint) ||
           fail_at(&r->error, ERR_INVALID_FIELD, "prompt_variables",
                   "Endpoint \"%s\" has no prompt that takes values; send messages.",
                   r->endpoint->config->name);
}

static enum stage_answer run(struct request *r) {
    struct chat_request *in = &r->chat->in;
    if (!chat_request_parse(in->surface, r->exchange->body, in, &r->error))
        return STAGE_FAIL;
    const struct endpoint *e = snapshot_endpoint(r->snapshot, in->model);
    if (!e) {
        fail_at(&r->error, ERR_NOT_FOUND, "model",
                "There is no endpoint \"%.*s\"; GET /v1/models lists them.",
                STR_ARG(str_slice(in->model, 0, 80)));
        return STAGE_FAIL;
    }
    if (e->config->kind != kind_of(in->surface))
        return wrong_kind(r, e);
    r->endpoint = e;
    r->deadline_ns = r->started_ns + e->config->deadline;
    loop_timer_arm(r->loop->loop, &r->deadline, r->deadline_ns);
    if (!take_own_rate(r) || !check_variables(r))
        return STAGE_FAIL;
    r->input.bytes = in->body;
    r->input.type = STR("application/json");
    r->input.user = in->user;
    sha256(in->body, r->input.hash);
    r->input.hashed = true;
    return STAGE_NEXT;
}

/* The first of the chat's own stages lets go of all that it holds, since the later ones look at it while they
 * end. */
static void on_end(struct request *r) {
    chat_clear(r->chat);
    chat_request_clear(&r->chat->in);
}

const struct stage stage_address = {.name = "address", .run = run, .on_end = on_end};
