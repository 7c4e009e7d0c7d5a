/* The exact cache of chats: the same question, of the same caller's organisation, at the same endpoint, for
 * the same model. Whole replies and streams are kept as the client got them, and each is given again only in
 * its own form. What the request's temperature leaves to chance is not kept. */
#include "base/clock.h"
#include "pipeline/chat_output.h"
#include "pipeline/stages/stages.h"
#include "pipeline/vectors.h"

#include <string.h>

static bool applies(const struct request *r) {
    const struct config_endpoint *e = r->endpoint->config;
    const struct chat_request *in = &r->chat->in;
    bool by_chance = in->surface != CHAT_EMBEDDINGS && in->temperature > e->cache_temperature;
    /* A reply of the responses API has an ID that later requests build on. */
    return r->loop->parts->cache && e->cache && r->endpoint->switched == SWITCH_AUTO && !by_chance &&
           in->surface != CHAT_RESPONSES;
}

/* Who asks whom, in which form: the beginning of both keys. */
static void add_circumstances(struct request *r, struct buf *out) {
    const struct chat *c = r->chat;
    /* Apart from predictions, whose kinds are small. */
    char form = (char)(0x40 + 4 * c->in.surface + 2 * c->in.stream + (c->in.stream && c->in.include_usage));
    buf_add_str(out, request_tenant(r));
    buf_add_char(out, '\0');
    buf_add_str(out, r->endpoint->name);
    buf_add_char(out, '\0');
    buf_add_str(out, c->candidates[0].remote->reference);
    buf_add_char(out, '\0');
    buf_add_char(out, form);
    buf_add(out, &r->endpoint->policy, sizeof r->endpoint->policy);
}

/* The body as it came has its hash already. */
static bool hash_of_asked(const struct request *r, unsigned char hash[SHA256_SIZE]) {
    const struct chat_request *in = &r->chat->in;
    if (in->body.p == r->input.bytes.p && chat_request_is_essence(in)) {
        memcpy(hash, r->input.hash, SHA256_SIZE);
        return true;
    }
    AUTO_BUF text = BUF_INIT(in->body.n + 4096);
    chat_request_essence(in, &text);
    sha256(buf_str(&text), hash);
    return !text.failed;
}

static struct str key_of(struct request *r) {
    unsigned char asked[SHA256_SIZE];
    AUTO_BUF text = BUF_INIT(4096);
    bool whole = hash_of_asked(r, asked);
    add_circumstances(r, &text);
    buf_add(&text, asked, sizeof asked);
    return whole && !text.failed ? arena_copy(r->arena, buf_str(&text)) : (struct str){NULL, 0};
}

/* Only an endpoint with a tuning has one, and only where what is asked is plain text. */
static void find_question(struct request *r) {
    struct chat *c = r->chat;
    AUTO_BUF rest = BUF_INIT(2 * c->in.body.n + 4096);
    c->question.p = NULL;
    if (!r->endpoint->tuning || c->in.surface == CHAT_EMBEDDINGS || c->in.surface == CHAT_LEGACY)
        return;
    add_circumstances(r, &rest);
    buf_add_str(&rest, r->endpoint->tuning_name);
    buf_add_char(&rest, '\0');
    buf_add_str(&rest, str_from(tuning_vectors(r->endpoint->tuning)));
    if (chat_request_question(&c->in, &c->question, &rest) && c->question.n <= SEMANTIC_TEXT_MAX)
        sha256(buf_str(&rest), c->partition);
    else
        c->question.p = NULL;
}

static struct semantic_query query_of(const struct request *r) {
    const struct chat *c = r->chat;
    return (struct semantic_query){.tenant = request_tenant(r),
                                   .partition = c->partition,
                                   .text = c->question,
                                   .vector = c->vector,
                                   .dimensions = c->dimensions};
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
    if (!c->cache_key.p)
        return false;
    enum exact_result found = exact_cache_get(r->loop->parts->cache, c->cache_key, clock_recent(), value);
    if (found == EXACT_MISS || (found == EXACT_STALE && !stale))
        return false;
    r->outcome.stale = found == EXACT_STALE;
    if (give(r, buf_str(value)))
        return true;
    r->outcome.cached = r->outcome.stale = false;
    return false;
}

/* A question that says the same in other words. */
static bool recall_alike(struct request *r) {
    struct buf *value = &r->loop->reply;
    size_t used = 0;
    buf_clear(value);
    if (!r->chat->question.p || !buf_reserve(value, SEMANTIC_VALUE_MAX))
        return false;
    struct semantic_query query = query_of(r);
    if (semantic_cache_get(r->loop->parts->semantic, r->endpoint->tuning, &query, clock_recent(), value->p,
                           SEMANTIC_VALUE_MAX, &used, NULL) != SEMANTIC_HIT)
        return false;
    value->n = used;
    r->outcome.alike = true;
    if (give(r, buf_str(value)))
        return true;
    r->outcome.cached = r->outcome.alike = false;
    return false;
}

static enum stage_answer answer(struct request *r, bool found) {
    if (!found)
        return STAGE_NEXT;
    r->outcome.decision = DECISION_CACHED;
    r->outcome.model = r->chat->candidates[0].remote->reference;
    return STAGE_REPLY;
}

/* Without one nothing is looked for, and the answer is not kept for others of its kind. */
static enum stage_answer go_without(struct request *r) {
    r->chat->question.p = NULL;
    r->chat->no_vector = true;
    return STAGE_NEXT;
}

static void vector_ended(struct request *r) {
    request_resume(r, r->chat->vector ? answer(r, recall_alike(r)) : go_without(r));
}

static enum stage_answer run(struct request *r) {
    r->chat->cache_key = key_of(r);
    find_question(r);
    if (chat_recall(r, false))
        return answer(r, true);
    if (!r->chat->question.p || !r->endpoint->vectors)
        return answer(r, recall_alike(r));
    return vectors_start(r, vector_ended) ? STAGE_SUSPEND : go_without(r);
}

/* Only what the first candidate said is kept: a fallback's answer must not outlive its cause. */
static void on_end(struct request *r) {
    const struct chat *c = r->chat;
    bool sure = r->outcome.decision == DECISION_ACCEPTED || r->outcome.decision == DECISION_VERIFIED;
    if (r->failed || r->outcome.cached || !sure || !c->cache_key.p)
        return;
    int64_t expires = clock_recent() + r->endpoint->config->cache_ttl;
    exact_cache_put(r->loop->parts->cache, c->cache_key, buf_str(&c->reply), expires);
    struct semantic_query query = query_of(r);
    if (c->question.p)
        semantic_cache_put(r->loop->parts->semantic, &query, buf_str(&c->reply), expires);
}

const struct stage stage_recall = {
    .name = "recall", .applies = applies, .run = run, .cancel = vectors_cancel, .on_end = on_end};
