#include "pipeline/chat_output.h"

#include "base/clock.h"
#include "cache/exact.h"
#include "chat/error_body.h"
#include "pipeline/reply.h"

#include <stdio.h>

void chat_set_decision(struct request *r) {
    const struct candidate *at = chat_candidate(r->chat);
    if (r->outcome.cached && !at->step) {
        r->outcome.decision = DECISION_CACHED;
        r->outcome.model = at->remote->reference;
        return;
    }
    r->outcome.decision = at->step ? DECISION_FALLBACK : DECISION_ACCEPTED;
    r->outcome.step = at->step ? at->step->name : STR("");
    r->outcome.model = at->remote ? at->remote->reference : STR("");
}

static void begin_stream(struct request *r) {
    struct reply_headers *h = &r->loop->headers;
    chat_set_decision(r);
    reply_headers_begin(h, r->id);
    h->list[0].value = STR("text/event-stream; charset=utf-8");
    h->list[h->count++] = (struct http_header){STR("cache-control"), STR("no-cache")};
    if (r->client)
        reply_headers_rate(h, r->endpoint, r->client, &r->rate);
    reply_headers_chat(h, r);
    exchange_stream_begin(r->exchange, 200, h->list, h->count);
    if (r->chat->hold.live) /* a crash from here on leaves it as spent */
        budget_progress(r->loop->parts->budget, &r->chat->hold, &r->chat->hold.reserved);
    r->streaming = r->chat->begun = true;
    r->status = 200;
}

/* As long as it may be kept at all. */
static void keep_for_cache(struct chat *c, struct str bytes) {
    if (c->reply.n + bytes.n <= EXACT_CACHE_VALUE_MAX)
        buf_add_str(&c->reply, bytes);
    else
        c->cache_key.p = NULL;
}

void chat_say(struct chat *c, struct str bytes) {
    if (bytes.n == 0)
        return;
    if (c->verifying) { /* whole, once all of it is known */
        buf_add_str(&c->reply, bytes);
        return;
    }
    if (!c->begun)
        begin_stream(c->r);
    exchange_stream_write(c->r->exchange, bytes);
    if (c->keeps || c->audit > 0)
        buf_add_str(&c->reply, bytes);
    else if (c->cache_key.p && !c->r->outcome.cached)
        keep_for_cache(c, bytes);
}

bool chat_flush(struct chat *c) {
    if (!c->begun)
        return false;
    exchange_stream_flush(c->r->exchange);
    return exchange_stream_is_full(c->r->exchange);
}

bool chat_say_text(struct request *r, struct str text, const struct chat_usage *usage) {
    struct chat *c = r->chat;
    struct chat_answer_storage storage;
    struct chat_answer answer =
        chat_answer_of_text(r->id, c->in.model, text, r->wall_ns / NS_PER_SECOND, *usage, &storage);
    c->facts.usage = *usage;
    if (c->spent.billed == 0)
        c->spent.usage = *usage;
    if (!c->in.stream) {
        c->reply = BUF_INIT(CHAT_REPLY_MAX);
        return chat_answer_write(&answer, c->in.surface, &c->reply, &r->error);
    }
    struct buf *out = &r->loop->reply;
    buf_clear(out);
    if (!chat_answer_replay(&answer, c->in.surface, c->in.include_usage, out, &r->error))
        return false;
    chat_say(c, buf_str(out));
    return true;
}

void chat_say_failure(struct request *r) {
    struct buf *out = &r->loop->reply;
    char id[160];
    snprintf(id, sizeof id, "%.*s", STR_ARG(r->id));
    buf_clear(out);
    if (r->chat->answering)
        chat_stream_fail(r->chat->answering->asking.attempt.stream, &r->error, id, out);
    else
        chat_error_event(r->chat->in.surface, &r->error, id, 0, out);
    exchange_stream_write(r->exchange, buf_str(out));
}
