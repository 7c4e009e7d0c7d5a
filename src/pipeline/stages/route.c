/* Who is asked, in which order. By weight one of the rollout answers, as in an experiment, and the fallback
 * steps stand behind it; by cost, latency or a rule the others of the rollout stand
 * between. */
#include "base/clock.h"
#include "base/ids.h"
#include "pipeline/chat.h"
#include "pipeline/chat_rules.h"
#include "pipeline/review_terms.h"
#include "pipeline/stages/stages.h"
#include "traffic/route.h"

enum { BYTES_PER_TOKEN = 4, OUTPUT_GUESS = 500 };

static void add(struct chat *c, const struct remote_model *remote, const struct step *step) {
    if (c->candidate_count < CHAT_CANDIDATES_MAX)
        c->candidates[c->candidate_count++] = (struct candidate){remote, step};
}

/* The same caller gets the same order, where the endpoint is sticky. */
static uint64_t seed_of(const struct request *r) {
    enum endpoint_sticky sticky = r->endpoint->config->sticky;
    uint64_t dice;
    if (sticky == STICKY_KEY && r->client)
        return hash64(request_tenant(r), hash64(r->endpoint->name, 0));
    if (sticky == STICKY_USER && r->input.user.n)
        return hash64(r->input.user, hash64(r->endpoint->name, 0));
    random_bytes(&dice, sizeof dice);
    return dice;
}

/* Good enough to compare prices by. */
static int64_t cost_of(const struct request *r, const struct price *price) {
    int64_t output = r->chat->in.output_max > 0 ? r->chat->in.output_max : OUTPUT_GUESS;
    return price_worst(price, (int64_t)(r->chat->in.body.n / BYTES_PER_TOKEN), output);
}

/* Those whose breaker is open, or that have no quota, come last, since one of them may have to do. */
static void add_ordered(struct request *r, enum route_by by) {
    const struct endpoint *e = r->endpoint;
    struct route_target targets[ROUTE_MAX];
    unsigned order[ROUTE_MAX], count = e->share_count < ROUTE_MAX ? e->share_count : ROUTE_MAX;
    int64_t now = clock_recent();
    for (unsigned i = 0; i < count; i++) {
        const struct remote_model *m = e->shares[i].remote;
        struct upstream *u = m->upstream;
        targets[i] =
            (struct route_target){.id = hash64(m->reference, 0),
                                  .weight = by == ROUTE_BY_WEIGHT ? e->weights[i] : 1,
                                  .cost = cost_of(r, m->price),
                                  .latency = &u->latency,
                                  .available = breaker_would_allow(&u->breaker, &u->breaker_options, now) &&
                                               upstream_quota_wait(m->experience, now) == 0};
    }
    unsigned chosen = route_order(by, targets, count, seed_of(r), now, order);
    if (e->route_script != NO_SCRIPT)
        chat_rules_prefer(r, order, chosen);
    for (unsigned i = 0; i < chosen; i++)
        add(r->chat, e->shares[order[i]].remote, NULL);
    for (unsigned i = 0; i < count; i++)
        if (!targets[i].available)
            add(r->chat, e->shares[i].remote, NULL);
}

static enum stage_answer run(struct request *r) {
    const struct endpoint *e = r->endpoint;
    review_terms_draw(r);
    switch (e->config->route) {
    case ROUTE_WEIGHT: add(r->chat, e->shares[split_share(r)].remote, NULL); break;
    case ROUTE_COST: add_ordered(r, ROUTE_BY_COST); break;
    case ROUTE_LATENCY: add_ordered(r, ROUTE_BY_LATENCY); break;
    case ROUTE_RULE: add_ordered(r, ROUTE_BY_WEIGHT); break;
    }
    for (unsigned i = 0; i < e->step_count; i++)
        add(r->chat, e->steps[i].target.remote, &e->steps[i]);
    return STAGE_NEXT;
}

const struct stage stage_route = {.name = "route", .run = run, .brief = true};
