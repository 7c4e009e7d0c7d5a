/* Budgets: the most that a call can cost is reserved before it, what it did cost takes its place when it is
 * recorded. A request that is refused, or that no upstream was asked for, uses nothing. */
#include "base/clock.h"
#include "chat/count.h"
#include "pipeline/budgets.h"
#include "pipeline/reply.h"
#include "pipeline/stages/stages.h"
#include "pipeline/vectors.h"
#include "pipeline/verifying.h"

#include <stdio.h>

enum {
    OUTPUT_ASSUMED = 4096, /* where the request names no most */
    REPAIR_TOKENS = 1000   /* what is said of an answer's faults */
};

static bool applies(const struct request *r) {
    return r->snapshot->budgets && r->loop->parts->budget;
}

struct worst {
    int64_t tokens, nanodollars; /* COST_UNKNOWN */
};

static void add_worst(struct worst *sum, const struct share *s, int64_t input, int64_t output, bool all) {
    if (!s->remote || s->remote->upstream->config->kind == UPSTREAM_SIMULATOR)
        return;
    int64_t cost = price_worst(s->remote->price, input, output), tokens = input + output;
    if (cost == COST_UNKNOWN || sum->nanodollars == COST_UNKNOWN)
        sum->nanodollars = COST_UNKNOWN;
    else if (all)
        sum->nanodollars += cost;
    else if (cost > sum->nanodollars)
        sum->nanodollars = cost;
    sum->tokens = all || sum->tokens == 0 ? sum->tokens + tokens : sum->tokens;
}

/* The dearest of all that may be asked, or, where an answer can be found wanting, all of them; one without a
 * price makes the whole unknown. */
static struct worst worst_over(const struct request *r, int64_t input, int64_t output, bool all) {
    const struct endpoint *e = r->endpoint;
    struct worst sum = {0, 0};
    for (unsigned i = 0; i < e->share_count; i++)
        add_worst(&sum, &e->shares[i], input, output, all && e->config->route != ROUTE_WEIGHT);
    for (unsigned i = 0; i < e->step_count; i++)
        add_worst(&sum, &e->steps[i].target, input, output, all);
    return sum;
}

/* The question's own, for the semantic cache. */
static void add_vector(const struct request *r, struct worst *sum) {
    int64_t tokens = vectors_tokens(r);
    if (tokens == 0)
        return;
    int64_t cost = price_worst(r->endpoint->vectors->remote->price, tokens, 0);
    bool unknown = cost == COST_UNKNOWN || sum->nanodollars == COST_UNKNOWN;
    sum->nanodollars = unknown ? COST_UNKNOWN : sum->nanodollars + cost;
    sum->tokens += tokens;
}

/* A summary is a call of its own, over what the window does not take. */
static bool is_summarised(const struct request *r, int64_t input) {
    const struct config_context *context = &r->endpoint->config->context;
    return context->on_limit == WINDOW_SUMMARISE && input > context->window;
}

/* By its bytes, as this model counted others, and an eighth more. */
static int64_t input_of(struct request *r) {
    struct request_size size = count_bytes(&r->chat->in);
    int64_t tokens = tokens_of_bytes(size.bytes + r->endpoint->shares[0].remote->prompt_bytes);
    r->chat->sized = size.images ? 0 : tokens;
    tokens = token_corrected(&r->endpoint->shares[0].remote->experience->sized, tokens);
    return tokens + tokens / 8 + size.images * TOKENS_PER_IMAGE;
}

static struct budget_amount worst_of(struct request *r) {
    const struct chat_request *in = &r->chat->in;
    int64_t input = input_of(r);
    int64_t output = in->surface == CHAT_EMBEDDINGS ? 0
                     : in->output_max > 0           ? in->output_max
                                                    : OUTPUT_ASSUMED;
    output *= in->choices > 0 ? in->choices : 1;
    if (r->endpoint->config->hedge > 0)
        input *= 2; /* the second one reads it, too */
    if (is_summarised(r, input))
        input *= 2;
    struct verifying_effort effort = verifying_effort(r->chat);
    input += tokens_of_bytes(effort.schema);
    int64_t inputs = input * effort.samples, outputs = output * effort.samples;
    if (effort.repair) { /* it reads the answer, too, and what is wrong with it */
        inputs += input + output + REPAIR_TOKENS;
        outputs += output;
    }
    struct worst worst = worst_over(r, inputs, outputs, effort.in_vain);
    if (worst.tokens == 0)
        worst.tokens = inputs + outputs;
    add_vector(r, &worst);
    return (struct budget_amount){.requests = 1,
                                  .tokens = worst.tokens,
                                  .nanodollars = worst.nanodollars == COST_UNKNOWN ? -1 : worst.nanodollars};
}

static enum stage_answer run(struct request *r) {
    struct chat *c = r->chat;
    char user[512], key[SHA256_HEX_SIZE] = "";
    struct str tenant = request_tenant(r);
    snprintf(user, sizeof user, "%.*s/%.*s", STR_ARG(tenant), STR_ARG(r->input.user));
    if (r->client)
        sha256_hex(r->client->hash, key);
    struct budget_subjects who = {
        .team = tenant,
        .user = r->input.user.n ? str_from(user) : STR(""),
        .key = str_slice(str_from(key), 0, KEY_ID_LENGTH),
    };
    struct budget_amount worst = worst_of(r);
    struct budget_verdict verdict;
    if (budget_reserve(r->loop->parts->budget, r->snapshot->budgets, &who, &worst, r->wall_ns, &c->hold,
                       &verdict))
        return STAGE_NEXT;
    budget_explain(&verdict, r->wall_ns, &r->error);
    return STAGE_FAIL;
}

uint32_t reserve_settle(struct request *r) {
    struct chat *c = r->chat;
    struct budget *budget = r->loop->parts->budget;
    int64_t cost = request_cost(r);
    const struct chat_usage *u = &c->spent.usage;
    bool answered = c->spent.billed > 0, asked = answered || c->spent.aside > 0;
    if (!c->hold.live)
        return 0;
    if (r->failed && !asked) {
        budget_release(budget, &c->hold);
        return 0;
    }
    /* What the provider did not tell is billed as it was reserved. */
    bool told = u->input >= 0 && u->output >= 0;
    struct budget_amount actual = {
        .requests = answered || !r->failed,
        .tokens = answered && !told ? c->hold.reserved.tokens
                                    : c->spent.aside + (answered ? u->input + u->output : 0),
        .nanodollars = !asked              ? 0
                       : told || cost >= 0 ? cost
                                           : c->hold.reserved.nanodollars,
    };
    return budget_settle(budget, &c->hold, &actual);
}

static void on_end(struct request *r) {
    budget_release(r->loop->parts->budget, &r->chat->hold);
}

const struct stage stage_reserve = {
    .name = "reserve", .applies = applies, .run = run, .on_end = on_end, .brief = true};
