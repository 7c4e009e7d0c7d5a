#include "base/clock.h"
#include "chat/answer.h"
#include "chat/error_body.h"
#include "pipeline/chat_output.h"
#include "pipeline/reply.h"
#include "pipeline/stages/stages.h"
#include "pipeline/tool_calls.h"

#include <stdio.h>

static void write_document(const struct request *r, struct json_writer *w) {
    const struct document_result *d = r->document;
    json_key(w, "document");
    json_object(w);
    json_field_str(w, "type", r->input.type);
    json_field_text(w, "scan", scan_state_name(r->scan));
    if (d) {
        json_field_int(w, "pages", d->pages);
        json_field_bool(w, "ocr", d->ocr_used);
        if (d->ocr_used)
            json_field_fixed(w, "ocr_confidence", (double)d->ocr_confidence, 4);
        if (d->partial)
            json_field_bool(w, "partial", true);
    }
    json_object_end(w);
}

static void write_stages(const struct request *r, struct json_writer *w) {
    json_key(w, "stages");
    json_object(w);
    for (unsigned i = 0; i < r->timed_count; i++)
        json_field_ms(w, r->stages[r->timed[i].stage]->name, r->timed[i].us);
    json_object_end(w);
}

static void write_cost(const struct request *r, struct json_writer *w) {
    int64_t cost = request_cost(r);
    json_key(w, "cost_usd");
    if (cost == EVENT_COST_UNKNOWN)
        json_null(w);
    else
        json_fixed(w, (double)cost / 1e9, 9);
}

static void write_moved(const struct request *r, struct json_writer *w) {
    const struct policy_table_row *row = r->outcome.moved;
    json_key(w, "overflow");
    json_object(w);
    json_field_int(w, "row", row - r->version->policy.table.rows);
    json_key(w, "accept");
    json_double(w, row->accept);
    json_key(w, "review");
    json_double(w, row->review);
    json_field_fixed(w, "error_most", row->error_most, 6);
    json_object_end(w);
}

static void write_result(const struct request *r, struct buf *out) {
    const struct outcome *o = &r->outcome;
    struct json_writer w = JSON_WRITER(out);
    json_object(&w);
    json_field_str(&w, "request_id", r->id);
    json_field_str(&w, "endpoint", r->endpoint->name);
    json_key(&w, "model");
    o->model.n ? json_str(&w, o->model) : json_null(&w);
    json_key(&w, "prediction");
    o->answered ? json_str(&w, o->prediction) : json_null(&w);
    json_key(&w, "confidence");
    o->answered ? json_fixed(&w, (double)o->confidence, 4) : json_null(&w);
    json_field_text(&w, "decision", decision_name(o->decision));
    json_key(&w, "labels");
    reply_write_labels(&w, o);
    json_field_bool(&w, "cached", o->cached);
    if (o->stale)
        json_field_bool(&w, "stale", true);
    if (o->step.n) {
        json_key(&w, "fallback");
        json_object(&w);
        json_field_str(&w, "step", o->step);
        json_field_text(&w, "code", error_name(o->step_code));
        json_field_str(&w, "reason", o->step_reason);
        json_object_end(&w);
    }
    if (o->decision == DECISION_REVIEW) {
        json_field_text(&w, "review_id", o->review_id);
        json_field_str(&w, "review_reason", o->review_reason);
        if (o->review_detail.n)
            json_field_str(&w, "review_detail", o->review_detail);
    }
    if (o->moved)
        write_moved(r, &w);
    if (r->input.kind == INPUT_FILE)
        write_document(r, &w);
    json_field_ms(&w, "latency_ms", (uint64_t)(r->stage_started - r->started_ns) / 1000);
    write_stages(r, &w);
    write_cost(r, &w);
    json_object_end(&w);
}

static void write_chat_error(const struct request *r, struct buf *out) {
    char id[160];
    snprintf(id, sizeof id, "%.*s", STR_ARG(r->id));
    chat_error_body(r->chat->in.surface, &r->error, id, out);
}

/* A refusal in the place of an answer that a person is to look at first. */
static void write_withheld(struct request *r, struct buf *out) {
    const struct chat_request *in = &r->chat->in;
    char text[160];
    snprintf(text, sizeof text, "This answer is withheld until a person has looked at it (review %s).",
             r->outcome.review_id);
    struct chat_block block = {.kind = BLOCK_REFUSAL, .text = str_from(text)};
    struct chat_choice choice = {&block, 1, FINISH_CONTENT_FILTER, STR("")};
    struct chat_answer answer = {.id = r->id,
                                 .model = r->outcome.model,
                                 .created = r->wall_ns / NS_PER_SECOND,
                                 .usage = r->chat->facts.usage,
                                 .choices = &choice,
                                 .choice_count = 1};
    bool good = in->stream ? chat_answer_replay(&answer, in->surface, in->include_usage, out, &r->error)
                           : chat_answer_write(&answer, in->surface, out, &r->error);
    out->failed |= !good;
}

/* An action that waits must not reach who would take it; and where everything goes to people, so does this.
 */
static bool is_withheld(const struct request *r) {
    return r->endpoint->config->output.on_review == REVIEW_WITHHOLD ||
           r->endpoint->switched == SWITCH_PEOPLE || r->outcome.review_action.n > 0 ||
           str_eq(r->outcome.review_reason, STR("never"));
}

static void write_chat(struct request *r, struct buf *out) {
    if (r->chat->in.stream) { /* one that was held back */
        r->loop->headers.list[0].value = STR("text/event-stream; charset=utf-8");
        r->loop->headers.list[r->loop->headers.count++] =
            (struct http_header){STR("cache-control"), STR("no-cache")};
    }
    if (r->outcome.decision == DECISION_REVIEW && is_withheld(r))
        r->chat->passing ? tool_calls_write(r, out) : write_withheld(r, out);
    else
        buf_add_str(out, buf_str(&r->chat->reply));
}

/* Prepares; the driver sends once everything the request held has gone back. */
static enum stage_answer run(struct request *r) {
    struct buf *out = &r->loop->reply;
    if (r->streaming) {
        if (r->failed)
            chat_say_failure(r);
        return STAGE_NEXT;
    }
    if (r->failed && !r->recorded)
        metrics_refused(r->loop->metrics, r->endpoint->metrics, r->error.code);
    if (r->answered)
        return STAGE_NEXT;
    reply_headers_begin(&r->loop->headers, r->id);
    if (r->client && (r->rate.allowed || r->error.code == ERR_RATE_LIMIT))
        reply_headers_rate(&r->loop->headers, r->endpoint, r->client, &r->rate);
    buf_clear(out);
    if (!r->failed)
        r->chat ? write_chat(r, out) : write_result(r, out);
    if (r->chat && !r->failed)
        reply_headers_chat(&r->loop->headers, r);
    if (out->failed)
        stage_fail(r, ERR_INTERNAL, "The reply is larger than the server allows.");
    r->status = error_status(r->error.code);
    if (r->failed || out->failed) {
        buf_clear(out);
        r->loop->headers.list[0].value = STR("application/json");
        reply_headers_error(&r->loop->headers, &r->error);
        if (r->chat)
            write_chat_error(r, out);
        else
            reply_write_error(out, &r->error, r->id);
    } else {
        r->status = 200;
    }
    return STAGE_NEXT;
}

const struct stage stage_reply = {.name = "reply", .run = run, .closing = true, .brief = true};
