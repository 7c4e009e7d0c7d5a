#include "pipeline/chat.h"

#include "base/clock.h"
#include "chat/prompted.h"
#include "pipeline/tool_calls.h"

void chat_bill(struct chat *c, const struct price *price, const struct chat_usage *usage) {
    struct chat_spending *s = &c->spent;
    int64_t cost = price_cost(price, usage);
    if (s->billed++ == 0)
        s->usage = *usage;
    else
        chat_usage_add(&s->usage, usage);
    s->nanodollars =
        s->nanodollars == COST_UNKNOWN || cost == COST_UNKNOWN ? COST_UNKNOWN : s->nanodollars + cost;
}

void chat_bill_aside(struct chat *c, const struct price *price, const struct chat_usage *usage,
                     int64_t tokens) {
    struct chat_spending *s = &c->spent;
    struct chat_usage used = *usage;
    if (used.output < 0)
        used.output = 0; /* embeddings have none, and tell none */
    int64_t cost = price_cost(price, &used);
    s->aside += used.input >= 0 ? used.input : tokens;
    s->nanodollars =
        s->nanodollars == COST_UNKNOWN || cost == COST_UNKNOWN ? COST_UNKNOWN : s->nanodollars + cost;
}

void chat_call_begins(struct chat *c) {
    struct chat_spending *s = &c->spent;
    s->calls++;
    if (s->open++ == 0)
        s->open_since = clock_monotonic();
}

/* What the provider counted, against what was estimated before; of the client's own question, with nothing
 * added to it. */
static void learn(const struct chat *c, const struct asking *a) {
    struct model_experience *experience = a->remote->experience;
    int64_t told = a->attempt.facts.usage.input;
    if (told <= 0 || a->question->in != &c->in || a->question->output)
        return;
    if (c->sized)
        token_calibrate(&experience->sized, c->sized, told);
    if (c->counted && a->remote == c->r->endpoint->shares[0].remote) /* by whose family it was counted */
        token_calibrate(&experience->counted, c->counted, told);
}

void chat_note_call(struct chat *c, const struct asking *a, enum failure failure, enum call_purpose purpose) {
    const struct attempt *t = &a->attempt;
    if (c->note_count == EVENT_CALLS_MAX)
        return;
    struct chat_call_note *n = &c->notes[c->note_count++];
    *n = (struct chat_call_note){.remote = a->remote,
                                 .started_ns = t->started_ns,
                                 .ended_ns = t->ended_ns,
                                 .failure = failure,
                                 .purpose = purpose,
                                 .attempt = a->calls,
                                 .status = t->call.status};
    trace_parent_span(t->traceparent, n->span);
}

void chat_call_ended(struct chat *c, const struct asking *a, enum failure failure,
                     enum call_purpose purpose) {
    struct chat_spending *s = &c->spent;
    const struct attempt *t = &a->attempt;
    if (--s->open == 0)
        s->upstream_ns += t->ended_ns - s->open_since;
    if (failure == FAILURE_NONE || t->said || t->facts.usage.output != TOKENS_UNKNOWN)
        chat_bill(c, a->remote->price, &t->facts.usage);
    learn(c, a);
    chat_note_call(c, a, failure, purpose);
}

bool chat_needs_prompt(const struct chat_request *in, const struct prompt *prompt) {
    return prompt || chat_request_has_variables(in);
}

bool chat_put_prompt(const struct chat_request *in, const struct prompt *prompt, struct arena *arena,
                     struct chat_request *out, struct error *err) {
    AUTO_BUF body = BUF_INIT(8 * (in->body.n + PROMPT_BYTES_MAX) + 4096);
    if (!chat_request_with_prompt(in, prompt, &body, err))
        return false;
    struct str kept = arena_copy(arena, buf_str(&body));
    if (!kept.p)
        return fail(err, ERR_NO_MEMORY, "Out of memory for this request.");
    return chat_request_parse(in->surface, kept, out, err);
}

void chat_keep_text(struct question *question, struct held_answer *held) {
    enum { TEXT_MAX = 64 << 10 };
    if (held->text.cap == 0)
        held->text = BUF_INIT(TEXT_MAX);
    chat_held_clear(held);
    question->text = &held->text;
}

void chat_held_clear(struct held_answer *h) {
    buf_clear(&h->text);
    buf_clear(&h->events);
    buf_clear(&h->tokens);
}

void chat_held_free(struct held_answer *h) {
    buf_free(&h->text);
    buf_free(&h->events);
    buf_free(&h->tokens);
}

void chat_clear(struct chat *c) {
    for (unsigned i = 0; i < CHAT_LANES; i++)
        if (c->lanes[i]) {
            attempt_clear(&c->lanes[i]->asking.attempt);
            chat_held_free(&c->lanes[i]->held);
            chat_request_clear(&c->lanes[i]->prompted);
        }
    buf_free(&c->reply);
    passing_calls_free(c->passing);
    c->passing = NULL;
}

void chat_drained(struct request *r) {
    struct lane *lane = r->chat->answering;
    if (lane)
        attempt_resume(&lane->asking.attempt);
}
