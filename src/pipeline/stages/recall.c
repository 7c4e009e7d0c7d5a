/* The exact cache of chats: the same question, of the same caller's organisation, at the same endpoint, for
 * the same model. Whole replies and streams are kept as the client got them, and each is given again only in
 * its own form. What the request's temperature leaves to chance is not kept. */
#include "base/clock.h"
#include "pipeline/chat_output.h"
#include "pipeline/stages/stages.h"

#include <string.h>

static bool applies(const struct request *r) {
    const struct config_endpoint *e = r->endpoint->config;
    const struct chat_request *in = &r->chat->in;
    bool by_chance = in->surface != CHAT_EMBEDDINGS && in->temperature > e->cache_temperature;
    /* A reply of the responses API has an ID that later requests build on. */
    return r->loop->parts->cache && e->cache && !by_chance && in->surface != CHAT_RESPONSES;
}

static struct str key_of(struct request *r) {
    struct chat *c = r->chat;
    struct str tenant = request_tenant(r), endpoint = r->endpoint->name,
               model = c->candidates[0].remote->reference;
    unsigned char asked[SHA256_SIZE];
    AUTO_BUF essence = BUF_INIT(c->in.body.n + 1024);
    chat_request_essence(&c->in, &essence);
    size_t n = tenant.n + 1 + endpoint.n + 1 + model.n + 1 + 1 + sizeof asked;
    char *key = essence.failed ? NULL : arena_alloc(r->arena, n);
    if (!key)
        return (struct str){NULL, 0};
    sha256(buf_str(&essence), asked);
    char *p = key;
    p = mempcpy(p, tenant.p, tenant.n);
    *p++ = '\0';
    p = mempcpy(p, endpoint.p, endpoint.n);
    *p++ = '\0';
    p = mempcpy(p, model.p, model.n);
    *p++ = '\0';
    /* Apart from predictions, whose kinds are small. */
    *p++ = (char)(0x40 + 2 * c->in.surface + (c->in.stream && c->in.include_usage));
    memcpy(p, asked, sizeof asked);
    return (struct str){key, n};
}

/* From the loop's buffer into the client's reply. */
static bool give(struct request *r, struct str value) {
    struct chat *c = r->chat;
    r->outcome.cached = true;
    if (c->in.stream) {
        chat_say(c, value);
        return true;
    }
    c->reply = BUF_INIT(CHAT_REPLY_MAX);
    buf_add_str(&c->reply, value);
    return !c->reply.failed;
}

bool chat_recall(struct request *r, bool stale) {
    struct chat *c = r->chat;
    struct buf *value = &r->loop->reply;
    size_t used = 0;
    buf_clear(value);
    if (!c->cache_key.p || !buf_reserve(value, EXACT_CACHE_VALUE_MAX))
        return false;
    enum exact_result found = exact_cache_get(r->loop->parts->cache, c->cache_key, clock_monotonic(),
                                              value->p, EXACT_CACHE_VALUE_MAX, &used);
    if (found == EXACT_MISS || (found == EXACT_STALE && !stale))
        return false;
    value->n = used;
    r->outcome.stale = found == EXACT_STALE;
    if (give(r, buf_str(value)))
        return true;
    r->outcome.cached = r->outcome.stale = false;
    return false;
}

static enum stage_answer run(struct request *r) {
    r->chat->cache_key = key_of(r);
    if (!chat_recall(r, false))
        return STAGE_NEXT;
    r->outcome.decision = DECISION_CACHED;
    r->outcome.model = r->chat->candidates[0].remote->reference;
    return STAGE_REPLY;
}

/* Only what the first candidate said is kept: a fallback's answer must not outlive its cause. */
static void on_end(struct request *r) {
    const struct chat *c = r->chat;
    if (r->failed || r->outcome.cached || r->outcome.decision != DECISION_ACCEPTED || !c->cache_key.p)
        return;
    exact_cache_put(r->loop->parts->cache, c->cache_key, buf_str(&c->reply),
                    clock_monotonic() + r->endpoint->config->cache_ttl);
}

const struct stage stage_recall = {.name = "recall", .applies = applies, .run = run, .on_end = on_end};
