#include "pipeline/reply.h"

#include "base/check.h"
#include "base/clock.h"
#include "pipeline/chat.h"

static void add(struct reply_headers *h, struct str name, struct str value) {
    CHECK(h->count < REPLY_HEADERS_MAX);
    h->list[h->count++] = (struct http_header){name, value};
}

void reply_headers_begin(struct reply_headers *h, struct str request_id) {
    h->count = 0;
    add(h, STR("content-type"), STR("application/json"));
    add(h, STR("x-request-id"), request_id);
}

/* Not by printf, which costs more than all the rest of these headers. */
static struct str number(char text[REPLY_TEXT_SIZE], uint64_t value) {
    struct buf b = {.p = text, .room = REPLY_TEXT_SIZE, .cap = REPLY_TEXT_SIZE};
    buf_add_u64(&b, value);
    return buf_str(&b);
}

static struct str seconds(char text[REPLY_TEXT_SIZE], int64_t ns) {
    struct buf b = {.p = text, .room = REPLY_TEXT_SIZE, .cap = REPLY_TEXT_SIZE};
    buf_add_fixed(&b, (double)ns / 1e9, 3);
    buf_add_char(&b, 's');
    return buf_str(&b);
}

void reply_headers_rate(struct reply_headers *h, const struct endpoint *e, const struct client *client,
                        const struct limiter_verdict *rate) {
    unsigned burst = e->rate_index ? (unsigned)e->config->burst : client->burst;
    add(h, STR("x-ratelimit-limit-requests"), number(h->text[0], burst));
    add(h, STR("x-ratelimit-remaining-requests"), number(h->text[1], rate->remaining));
    add(h, STR("x-ratelimit-reset-requests"), seconds(h->text[2], rate->reset_ns));
}

void reply_write_error(struct buf *out, const struct error *err, struct str request_id) {
    struct json_writer w = JSON_WRITER(out);
    json_object(&w);
    json_key(&w, "error");
    json_object(&w);
    json_field_text(&w, "message", err->message);
    json_field_text(&w, "type", error_type(err->code));
    json_field_text(&w, "param", err->param[0] ? err->param : NULL);
    json_field_text(&w, "code", error_name(err->code));
    json_field_str(&w, "request_id", request_id);
    json_object_end(&w);
    json_object_end(&w);
}

void reply_write_error_oip(struct buf *out, const struct error *err) {
    struct json_writer w = JSON_WRITER(out);
    json_object(&w);
    json_field_text(&w, "error", err->message);
    json_object_end(&w);
}

void reply_write_error_for(struct buf *out, struct str path, const struct error *err, struct str request_id) {
    if (str_eq(path, STR("/v2")) || str_starts(path, STR("/v2/")))
        reply_write_error_oip(out, err);
    else
        reply_write_error(out, err, request_id);
}

void reply_headers_error(struct reply_headers *h, const struct error *err) {
    uint32_t wait_ms = err->retry_after_ms;
    if (wait_ms == 0 && error_status(err->code) == 503)
        wait_ms = 1000; /* whoever set the error knew of nothing better */
    if (wait_ms)        /* whole seconds, rounded up (RFC 9110, 10.2.3) */
        add(h, STR("retry-after"), number(h->text[3], (wait_ms + 999) / 1000));
    if (error_status(err->code) == 401)
        add(h, STR("www-authenticate"), STR("Bearer"));
}

void reply_error(struct exchange *x, const struct error *err, struct str request_id, struct buf *out) {
    struct reply_headers headers;
    reply_headers_begin(&headers, request_id);
    reply_headers_error(&headers, err);
    buf_clear(out);
    reply_write_error_for(out, x->path, err, request_id);
    exchange_reply(x, error_status(err->code), headers.list, headers.count, buf_str(out));
}

void reply_headers_chat(struct reply_headers *h, const struct request *r) {
    int64_t cost = request_cost(r);
    if (r->outcome.model.n)
        add(h, STR("x-penstock-model"), r->outcome.model);
    add(h, STR("x-penstock-decision"), str_from(decision_name(r->outcome.decision)));
    if (r->chat->shortened.n)
        add(h, STR("x-penstock-context"), r->chat->shortened);
    if (r->outcome.confidence >= 0) {
        struct buf sure = {.p = h->text[4], .room = REPLY_TEXT_SIZE, .cap = REPLY_TEXT_SIZE};
        buf_add_fixed(&sure, (double)r->outcome.confidence, 4);
        add(h, STR("x-penstock-confidence"), buf_str(&sure));
    }
    if (r->outcome.decision == DECISION_REVIEW)
        add(h, STR("x-penstock-review-id"), str_from(r->outcome.review_id));
    if (cost == EVENT_COST_UNKNOWN)
        return;
    struct buf b = {.p = h->text[3], .room = REPLY_TEXT_SIZE, .cap = REPLY_TEXT_SIZE};
    buf_add_fixed(&b, (double)cost / 1e9, 9);
    add(h, STR("x-penstock-cost-usd"), buf_str(&b));
}

void reply_write_labels(struct json_writer *w, const struct outcome *o) {
    json_array(w);
    for (unsigned i = 0; i < o->label_count; i++) {
        json_object(w);
        json_field_str(w, "label", o->labels[i].label);
        json_field_fixed(w, "confidence", (double)o->labels[i].confidence, 4);
        json_object_end(w);
    }
    json_array_end(w);
}

/* What is under way is not known yet. */
static int64_t chat_cost(const struct request *r) {
    const struct chat_spending *spent = &r->chat->spent;
    return spent->open ? EVENT_COST_UNKNOWN : spent->nanodollars;
}

int64_t request_cost(const struct request *r) {
    const struct config_pricing *p = &r->snapshot->config->pricing;
    if (r->chat)
        return chat_cost(r);
    if (!p->has_cpu_hour)
        return EVENT_COST_UNKNOWN;
    return (int64_t)((double)r->compute_ns / (3600.0 * NS_PER_SECOND) * (double)p->cpu_hour + 0.5);
}
