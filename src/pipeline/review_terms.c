#include "pipeline/review_terms.h"

#include "base/clock.h"
#include "chat/answer_stream.h"
#include "pipeline/chat.h"
#include "review/review.h"

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
    case DECISION_CACHED: return (r->outcome.answered || r->chat) && !r->cancelled && !r->failed;
    default: return false;
    }
}

static double draw(struct request *r) {
    const struct config_review *c = &r->endpoint->config->review;
    unsigned loops = r->loop->parts->loops, most = (unsigned)c->audit_most;
    struct audit_pace *pace = &r->loop->audits[r->endpoint->metrics % ENGINE_AUDITS];
    return audit_pace_draw(pace, c->audit, most > loops ? most / loops : 1, engine_chance(r->loop),
                           clock_recent());
}

double review_terms_audit(struct request *r) {
    if (!is_unseen(r))
        return 0;
    if (r->chat)
        return r->chat->audit;
    return r->endpoint->config->review.audit > 0 ? draw(r) : 0;
}

/* ---- of chats ---- */

void review_terms_draw(struct request *r) {
    enum chat_surface surface = r->chat->in.surface;
    bool read_back = surface != CHAT_EMBEDDINGS && !(surface == CHAT_LEGACY && r->chat->in.stream);
    if (r->endpoint->config->review.audit > 0 && read_back)
        r->chat->audit = draw(r);
}

static void add_answer(const struct chat_answer *answer, struct buf *out) {
    struct chat_facts facts = CHAT_FACTS_UNKNOWN;
    chat_answer_facts(answer, &facts, out);
    for (size_t i = 0; answer->choice_count && i < answer->choices[0].count; i++) {
        const struct chat_block *b = &answer->choices[0].blocks[i];
        if (b->kind == BLOCK_TOOL_CALL)
            buf_printf(out, "%s%.*s(%.*s)", out->n ? "\n" : "", STR_ARG(b->name), STR_ARG(b->text));
        else if (b->kind == BLOCK_REFUSAL)
            buf_add_str(out, b->text);
    }
}

struct str review_terms_said(struct request *r) {
    struct chat *c = r->chat;
    struct chat_answer answer;
    struct buf room = {0};
    struct error unread;
    AUTO_BUF text = BUF_INIT(CHAT_REPLY_MAX);
    int64_t now = r->wall_ns / NS_PER_SECOND;
    bool good = c->in.stream
                    ? chat_answer_of_stream(c->in.surface, buf_str(&c->reply), now, &answer, &room, &unread)
                    : chat_answer_read(c->in.surface, buf_str(&c->reply), now, &answer, &unread);
    if (good) {
        add_answer(&answer, &text);
        chat_answer_clear(&answer);
    }
    buf_free(&room);
    size_t bad;
    struct str said = str_slice(buf_str(&text), 0, REVIEW_LABEL_MAX);
    return arena_copy(r->arena, str_is_utf8(said, &bad) ? said : str_slice(said, 0, bad));
}
