/* Three bands by the version's policy: sure enough goes straight out, the middle one only when the
 * endpoint's business rules pass, everything else to a person. Of chats those answers whose confidence the
 * endpoint wants to know; where nobody told it, the answer is not sure. */
#include "pipeline/actions.h"
#include "pipeline/stages/stages.h"
#include "pipeline/thresholds.h"
#include "pipeline/verifying.h"

static const double chat_accept = CHAT_ACCEPT_STANDARD / 100.0, chat_review = CHAT_REVIEW_STANDARD / 100.0;

static bool has_judge(const struct request *r) {
    return !r->chat || verifying_judged(r->chat);
}

static bool applies(const struct request *r) {
    const struct endpoint *e = r->endpoint;
    bool held = e->switched == SWITCH_PEOPLE || e->config->action_count > 0;
    return has_judge(r) || (held && e->config->kind != ENDPOINT_EMBED);
}

static struct thresholds held_against(const struct request *r) {
    const struct config_endpoint *c = r->endpoint->config;
    if (!r->chat)
        return thresholds_of(r->endpoint, r->version);
    return (struct thresholds){.accept = c->has_accept_threshold ? c->accept_threshold : chat_accept,
                               .review = c->has_review_threshold ? c->review_threshold : chat_review};
}

static enum decision to_review(struct request *r, struct str reason, struct str detail) {
    r->outcome.review_reason = reason;
    r->outcome.review_detail = detail;
    return DECISION_REVIEW;
}

static enum decision ask_rules(struct request *r) {
    struct rules_facts facts;
    bool passed = false;
    char *reason = arena_alloc(r->arena, RULES_REASON_SIZE);
    if (r->chat)
        verifying_facts(r);
    struct script *script =
        snapshot_script(r->snapshot, r->loop->index, r->endpoint->verify_script, &r->error);
    /* Rules that could not run have not passed. */
    if (!reason || !script || !rules_facts_of(r, &facts) ||
        !rules_verify(script, &facts, &passed, reason, &r->error)) {
        struct str detail = arena_copy(r->arena, str_from(r->error.message));
        return to_review(r, STR("rules_failed"), detail.p ? detail : STR(""));
    }
    if (!passed)
        return to_review(r, STR("rules"), str_from(reason));
    return DECISION_VERIFIED;
}

static enum decision decide(struct request *r) {
    double confidence = (double)r->outcome.confidence;
    struct thresholds t = held_against(r);
    r->outcome.moved = t.row;
    if (confidence < 0)
        return to_review(r, STR("unknown_confidence"), STR("the model did not say how sure it is"));
    if (confidence >= t.accept)
        return DECISION_ACCEPTED;
    if (confidence < t.review)
        return to_review(r, STR("low_confidence"), STR(""));
    if (r->endpoint->verify_script == NO_SCRIPT)
        return to_review(r, STR("low_confidence"), STR("in the middle band, and the endpoint has no rules"));
    return ask_rules(r);
}

/* Of a chat that nobody judged, what was said stands in for the prediction. */
static enum decision to_people(struct request *r) {
    struct outcome *o = &r->outcome;
    if (r->chat && !o->answered) {
        if (o->prediction.n == 0)
            o->prediction = buf_str(&r->chat->reply);
        o->answered = true;
    }
    return to_review(r, STR("switch"), r->endpoint->switch_why);
}

static enum decision decide_all(struct request *r) {
    if (r->endpoint->switched == SWITCH_PEOPLE)
        return to_people(r);
    enum decision decision = has_judge(r) ? decide(r) : r->outcome.decision;
    return decision == DECISION_REVIEW || actions_allowed(r) ? decision : DECISION_REVIEW;
}

static bool is_spared(const struct request *r, enum decision decision) {
    const struct endpoint *e = r->endpoint;
    return decision == DECISION_REVIEW && e->overflow == OVERFLOW_FALLBACK && e->switched == SWITCH_AUTO &&
           !r->chat && r->outcome.review_action.n == 0 && r->outcome.step.n == 0 &&
           !str_eq(r->outcome.review_reason, STR("never"));
}

static enum stage_answer run(struct request *r) {
    enum decision decision = decide_all(r);
    if (is_spared(r, decision))
        return infer_instead_of_people(r);
    bool by_fallback = r->outcome.step.n > 0;
    r->outcome.decision = decision != DECISION_REVIEW && by_fallback ? DECISION_FALLBACK : decision;
    return STAGE_NEXT;
}

const struct stage stage_decide = {.name = "decide", .applies = applies, .run = run, .cancel = infer_abandon};
