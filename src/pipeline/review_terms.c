#include "pipeline/review_terms.h"

#include "base/clock.h"

#include <math.h>

enum { TEXT_MAX = 65536 };

/* How much of the highest amount is at stake; 0 where nobody knows. */
static double stake_of(const struct request *r) {
    const struct config_review *c = &r->endpoint->config->review;
    if (!c->amount || !r->input.features)
        return 0;
    yyjson_val *value = yyjson_obj_get(r->input.features, c->amount);
    double amount = yyjson_is_num(value) ? fabs(yyjson_get_num(value)) : 0;
    return amount >= (double)c->amount_high ? 1 : amount / (double)c->amount_high;
}

/* Doubt or stake: either suffices. Where nobody said how sure the answer is, it is not. */
static double risk_of(const struct request *r) {
    double confidence = (double)r->outcome.confidence, stake = stake_of(r);
    double doubt = confidence >= 0 && confidence <= 1 ? 1 - confidence : 1;
    return doubt + stake - doubt * stake;
}

static unsigned opinions_of(struct request *r) {
    const struct config_review *c = &r->endpoint->config->review;
    double confidence = (double)r->outcome.confidence;
    if (c->second_opinion_below > 0 && confidence < c->second_opinion_below)
        return 2;
    return c->second_opinion > 0 && engine_chance(r->loop) < c->second_opinion ? 2 : 1;
}

void review_terms_set(struct request *r, struct review_draft *draft) {
    const struct config_review *c = &r->endpoint->config->review;
    draft->due = r->wall_ns + c->deadline;
    draft->lease = c->lease;
    draft->risk = draft->kind == REVIEW_AUDIT ? 0 : risk_of(r);
    draft->opinions = opinions_of(r);
}

struct str review_terms_text(const struct request *r) {
    if (r->input.kind != INPUT_FILE || !r->document)
        return STR("");
    return str_slice(r->input.text, 0, TEXT_MAX);
}

/* What a cache or a fallback says goes out unseen, too. */
static bool is_unseen(const struct request *r) {
    switch (r->outcome.decision) {
    case DECISION_ACCEPTED:
    case DECISION_VERIFIED:
    case DECISION_FALLBACK:
    case DECISION_CACHED: return r->outcome.answered && !r->cancelled && !r->failed;
    default: return false;
    }
}

double review_terms_audit(struct request *r) {
    const struct config_review *c = &r->endpoint->config->review;
    if (!(c->audit > 0) || r->chat || !is_unseen(r))
        return 0;
    unsigned loops = r->loop->parts->loops, most = (unsigned)c->audit_most;
    struct audit_pace *pace = &r->loop->audits[r->endpoint->metrics % ENGINE_AUDITS];
    return audit_pace_draw(pace, c->audit, most > loops ? most / loops : 1, engine_chance(r->loop),
                           clock_recent());
}
