/* Who is asked, in which order: one of the rollout by weight (sticky as configured), then the fallback steps.
 */
#include "pipeline/chat.h"
#include "pipeline/stages/stages.h"

static void add(struct chat *c, const struct remote_model *remote, const struct step *step) {
    if (c->candidate_count < CHAT_CANDIDATES_MAX)
        c->candidates[c->candidate_count++] = (struct candidate){remote, step};
}

static enum stage_answer run(struct request *r) {
    const struct endpoint *e = r->endpoint;
    struct chat *c = r->chat;
    unsigned chosen = split_share(r);
    add(c, e->shares[chosen].remote, NULL);
    for (unsigned i = 0; i < e->step_count; i++)
        add(c, e->steps[i].target.remote, &e->steps[i]);
    return STAGE_NEXT;
}

const struct stage stage_route = {.name = "route", .run = run, .brief = true};
