/* One event per request. A review item is durable before the reply leaves: the stage then waits for
 * the commit. */
#include "base/clock.h"
#include "pipeline/budgets.h"
#include "pipeline/reply.h"
#include "pipeline/review_terms.h"
#include "pipeline/stages/stages.h"
#include "review/kinds.h"

#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

enum { STEP_TEXT_MAX = 512, REVIEWED_ANSWER_MAX = 256 << 10 };

/* What people are to judge of an answer that goes out unseen. */
struct judged {
    double audit;    /* the probability with which it was drawn; 0: it was not */
    struct str said; /* of a chat */
};

struct commit {
    struct loop_task task;
    struct request *r; /* NULL: nobody waits any more */
    struct engine *engine;
    struct loop *loop;
    bool ok;
};

static void committed_on_loop(struct loop_task *task) {
    struct commit *c = CONTAINER_OF(task, struct commit, task);
    struct request *r = c->r;
    bool ok = c->ok;
    free(c);
    if (!r)
        return;
    r->pending = NULL;
    if (ok) {
        request_resume(r, STAGE_NEXT);
        return;
    }
    stage_fail(r, ERR_STORE,
               "The review item could not be stored, so the request is refused; try again later.");
    r->error.retry_after_ms = 2000;
    request_resume(r, STAGE_FAIL);
}

/* On the recorder's thread. */
static void committed(struct event *e, bool ok, void *ctx) {
    struct commit *c = ctx;
    struct engine *engine = c->engine;
    c->ok = ok;
    loop_post(c->loop, &c->task);
    engine_outstanding_end(engine);
}

static bool keeps_input(const struct request *r, bool seen) {
    enum endpoint_keep keep = r->endpoint->config->keep_inputs;
    return r->input.hashed && !r->cancelled && (keep == KEEP_ALL || (keep == KEEP_REVIEW && seen));
}

static void add_times(const struct request *r, struct event *e) {
    for (unsigned i = 0; i < r->timed_count; i++)
        event_add_stage(e, r->stages[r->timed[i].stage]->name, r->timed[i].us);
    e->pushed_ns = clock_recent();
    e->total_us = (uint32_t)((e->pushed_ns - r->started_ns) / 1000);
}

/* What a language model said is kept where a person is to decide about it, and nowhere else. */
static struct str shown_prediction(const struct request *r) {
    struct str prediction = r->outcome.prediction;
    if (!r->chat)
        return prediction;
    return r->outcome.decision == DECISION_REVIEW ? str_slice(prediction, 0, REVIEWED_ANSWER_MAX) : STR("");
}

static void add_outcome(const struct request *r, struct event *e) {
    const struct outcome *o = &r->outcome;
    e->decision = o->decision;
    e->side = r->side;
    bool asked = r->chat ? r->chat->cache_key.p != NULL : r->loop->parts->cache && r->input.hashed;
    e->cache = o->cached ? (o->stale   ? CACHE_STALE
                            : o->alike ? CACHE_SEMANTIC
                                       : CACHE_HIT)
               : asked   ? (r->chat && r->chat->no_vector ? CACHE_NO_VECTOR : CACHE_MISS)
                         : CACHE_NONE;
    if (o->step.n) {
        struct str code = str_from(error_name(o->step_code));
        AUTO_BUF text = BUF_INIT(STEP_TEXT_MAX);
        buf_printf(&text, "%.*s: %.*s", STR_ARG(o->step), STR_ARG(code));
        e->fallback = event_keep(e, buf_str(&text));
    }
    if (r->failed) {
        e->status = error_status(r->error.code);
        e->error_code = str_from(error_name(r->error.code));
        e->error_message = event_keep(e, str_from(r->error.message));
        return;
    }
    e->status = 200;
    e->model = event_keep(e, o->model);
    if (o->answered) {
        e->prediction = event_keep(e, shown_prediction(r));
        e->confidence = o->confidence;
    }
}

/* A chat that said nothing which could be shown is no item. */
static struct judged judged_of(struct request *r) {
    struct judged j = {review_terms_audit(r), STR("")};
    if (!r->chat || j.audit <= 0)
        return j;
    j.said = review_terms_said(r);
    return j.said.n ? j : (struct judged){0, STR("")};
}

static uint32_t us_of(int64_t ns) {
    return ns <= 0 ? 0 : ns / 1000 > UINT32_MAX ? UINT32_MAX : (uint32_t)(ns / 1000);
}

/* https://opentelemetry.io/docs/specs/semconv/gen-ai/: gen_ai.operation.name */
static const char *operation_of(enum chat_surface surface) {
    return surface == CHAT_EMBEDDINGS ? "embeddings" : surface == CHAT_LEGACY ? "text_completion" : "chat";
}

static void add_language(const struct request *r, struct event *e) {
    const struct chat *c = r->chat;
    const struct candidate *at = chat_candidate(c);
    const struct remote_model *asked = at ? at->remote : NULL;
    e->has_language = true;
    e->language = (struct event_language){
        .usage = c->spent.usage,
        .attempts = c->spent.calls,
        .streamed = r->streaming,
        .asked = asked ? asked->reference : STR("none"),
        .operation = operation_of(c->in.surface),
        .provider = asked && asked->upstream->config->kind == UPSTREAM_ANTHROPIC ? "anthropic" : "openai",
        .upstream_us = us_of(c->spent.upstream_ns),
        .aside_us = us_of(c->spent.aside_ns),
        .first_token_us = c->first_token_ns ? us_of(c->first_token_ns - r->started_ns) : 0,
    };
}

static void add_calls(const struct request *r, struct event *e) {
    const struct chat *c = r->chat;
    for (unsigned i = 0; i < c->note_count; i++) {
        const struct chat_call_note *n = &c->notes[i];
        struct event_call *call = &e->calls[e->call_count++];
        bool same = i > 0 && n->remote == c->notes[i - 1].remote;
        *call = (struct event_call){.model = same ? call[-1].model : event_keep(e, n->remote->reference),
                                    .outcome = str_from(failure_name(n->failure)),
                                    .start_us = us_of(n->started_ns - r->started_ns),
                                    .us = us_of(n->ended_ns - n->started_ns),
                                    .status = (uint16_t)n->status,
                                    .attempt = (uint16_t)n->attempt,
                                    .purpose = n->purpose};
        memcpy(call->span, n->span, SPAN_ID_SIZE);
    }
}

static size_t room_for_calls(const struct chat *c) {
    size_t room = 0;
    for (unsigned i = 0; i < c->note_count; i++)
        room += c->notes[i].remote->reference.n;
    return room;
}

/* Sampled where it began, here or at the caller; failures of ours always. */
static void add_trace(const struct request *r, struct event *e) {
    e->traced = r->snapshot->config->telemetry.otlp && (r->trace.sampled || e->status >= 500);
    e->has_trace = r->trace.given || r->trace.made || e->traced;
    memcpy(e->trace, r->trace.id, sizeof e->trace);
    memcpy(e->parent, r->trace.parent, sizeof e->parent);
    if (e->traced && !r->trace.given && !r->trace.made)
        trace_new_id(e->trace, sizeof e->trace);
}

/* What is to be judged, and how; see kinds.h. */
static void add_judged(struct request *r, struct event *e, struct review_draft *draft,
                       const struct judged *judged) {
    draft->kind = judged->audit > 0            ? REVIEW_AUDIT
                  : r->outcome.review_action.n ? REVIEW_APPROVAL
                                               : REVIEW_LABEL;
    draft->share = judged->audit;
    draft->said = event_keep(e, judged->said);
    draft->action =
        event_keep(e, judged->audit > 0 && r->chat ? STR(REVIEW_WHOLE_ANSWER) : r->outcome.review_action);
    draft->reason = event_keep(e, judged->audit > 0 ? STR("audit") : r->outcome.review_reason);
}

static void add_review(struct request *r, struct event *e, struct str labels, bool keep,
                       const struct judged *judged) {
    struct review_draft *draft = event_add_review(e);
    if (!draft)
        return;
    id_make(r->wall_ns, draft->id);
    memcpy(r->outcome.review_id, draft->id, sizeof draft->id);
    add_judged(r, e, draft, judged);
    draft->detail = event_keep(e, r->outcome.review_detail);
    draft->labels = event_keep(e, labels);
    if (keep)
        draft->text = event_keep(e, review_terms_text(r));
    review_terms_set(r, draft);
}

/* Of a version's inputs, for the monitors. */
static size_t bins_of(const struct request *r) {
    return r->version && r->version->profile ? reference_profile_inputs(r->version->profile) : 0;
}

/* A row that was refused for the value of one feature tells that much. */
static void add_bins(const struct request *r, struct event *e) {
    size_t count = bins_of(r);
    bool refused = r->failed && r->error.code == ERR_INVALID_FEATURES;
    struct profile_sight sight = {.features = r->input.values,
                                  .feature_count = r->input.value_count,
                                  .answer = r->answer && r->answer->read_text ? r->answer : NULL,
                                  .refused = refused ? r->error.param : NULL};
    if (count == 0 || !(sight.features || sight.answer || sight.refused))
        return;
    uint16_t *bins = event_add_bins(e, count);
    if (!bins)
        return;
    e->binned_by = event_keep(e, str_from(r->version->reference));
    if (!reference_profile_bins(r->version->profile, &sight, bins))
        e->bin_count = 0;
}

/* In tokens where a language model counted them. */
static uint32_t size_of(const struct request *r) {
    size_t size =
        r->chat ? (size_t)(r->chat->spent.usage.input > 0 ? r->chat->spent.usage.input : 0) : r->input.text.n;
    return size > UINT32_MAX ? UINT32_MAX : (uint32_t)size;
}

/* What event_of will copy into the event's memory. */
static size_t room_for(const struct request *r, bool review, struct str labels, struct str said, bool keep) {
    const struct outcome *o = &r->outcome;
    size_t room = r->id.n + request_tenant(r).n + str_slice(r->input.user, 0, SUBJECT_TEXT_MAX).n +
                  r->endpoint->name.n + o->model.n + shown_prediction(r).n;
    size_t bins = bins_of(r);
    if (bins)
        room += (bins + 1) * sizeof(uint16_t) + strlen(r->version->reference);
    if (r->chat)
        room += room_for_calls(r->chat);
    if (o->step.n)
        room += STEP_TEXT_MAX;
    if (r->failed)
        room += sizeof r->error.message;
    if (review)
        room += sizeof(struct review_draft) + alignof(struct review_draft) + o->review_reason.n +
                o->review_detail.n + o->review_action.n + labels.n + sizeof "audit" +
                sizeof REVIEW_WHOLE_ANSWER + said.n + (keep ? review_terms_text(r).n : 0);
    return keep ? room + r->input.bytes.n + r->input.type.n : room;
}

/* NULL when memory is out. */
static struct event *event_of(struct request *r) {
    struct str tenant = request_tenant(r);
    AUTO_BUF labels = BUF_INIT(64 * 1024);
    struct judged judged = judged_of(r);
    bool review = r->outcome.decision == DECISION_REVIEW || judged.audit > 0, keep = keeps_input(r, review);
    if (review)
        reply_write_labels(&JSON_WRITER(&labels), &r->outcome);
    struct event *e = recorder_event(r->loop->parts->recorder, r->loop->index,
                                     room_for(r, review, buf_str(&labels), judged.said, keep));
    if (!e)
        return NULL;
    e->wall_ns = r->wall_ns;
    e->request_id = event_keep(e, r->id);
    e->client = event_keep(e, tenant);
    e->user = event_keep(e, str_slice(r->input.user, 0, SUBJECT_TEXT_MAX));
    e->endpoint = event_keep(e, r->endpoint->name);
    e->has_input = r->input.hashed;
    memcpy(e->input_hash, r->input.hash, sizeof e->input_hash);
    e->scan = r->scan;
    if (r->document && r->document->ocr_used)
        e->ocr_confidence = r->document->ocr_confidence;
    add_outcome(r, e);
    if (review)
        add_review(r, e, buf_str(&labels), keep, &judged);
    if (keep) {
        e->input = event_keep(e, r->input.bytes);
        e->input_type = event_keep(e, r->input.type);
        e->input_keep_until = r->wall_ns + r->endpoint->config->retention;
    }
    e->monitored = r->endpoint->monitored;
    e->cost_nanodollars = request_cost(r);
    e->input_size = size_of(r);
    add_bins(r, e);
    if (r->chat) {
        add_language(r, e);
        e->has_subject = e->user.n == 0 && r->chat->has_subject;
        memcpy(e->subject, r->chat->subject, SUBJECT_SIZE);
        add_calls(r, e);
        e->spend_slot = reserve_settle(r);
    }
    add_trace(r, e);
    add_times(r, e);
    return e;
}

static void push(struct request *r, struct event *e) {
    metrics_request(r->loop->metrics, r->endpoint->metrics, e);
    recorder_push(r->loop->parts->recorder, r->loop->index, e);
    r->reserved = false;
    r->recorded = true;
}

static bool applies(const struct request *r) {
    return r->reserved;
}

static enum stage_answer run(struct request *r) {
    struct event *e = event_of(r);
    bool review = r->outcome.decision == DECISION_REVIEW;
    struct commit *c = e && review ? malloc(sizeof *c) : NULL;
    if (!e || (review && !c)) {
        event_free(e);
        return stage_fail(r, ERR_NO_MEMORY, "Out of memory while recording the request.");
    }
    if (!review) {
        push(r, e);
        return r->failed ? STAGE_REPLY : STAGE_NEXT;
    }
    *c = (struct commit){
        .task.run = committed_on_loop, .r = r, .engine = r->loop->engine, .loop = r->loop->loop};
    e->committed = committed;
    e->ctx = c;
    r->pending = c;
    engine_outstanding_begin(c->engine);
    push(r, e);
    return STAGE_SUSPEND;
}

static void cancel(struct request *r) {
    struct commit *c = r->pending;
    c->r = NULL;
    r->pending = NULL;
}

/* A reservation that led to no event goes back. */
static void release(struct request *r) {
    if (r->reserved)
        recorder_release(r->loop->parts->recorder, r->loop->index);
    r->reserved = false;
}

void record_cancelled(struct request *r) {
    if (!r->reserved)
        return;
    struct event *e = event_of(r);
    if (e)
        push(r, e);
    release(r);
}

const struct stage stage_record = {.name = "record",
                                   .applies = applies,
                                   .run = run,
                                   .cancel = cancel,
                                   .on_end = release,
                                   .closing = true,
                                   .brief = true};
