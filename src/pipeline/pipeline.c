#include "pipeline/pipeline.h"

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "pipeline/chat.h"
#include "pipeline/shadow.h"
#include "pipeline/stages/stages.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* A prediction's way, in order (docs/architecture.md draws it). The split comes before the cache, since
 * the version is part of the key, and both before the extraction, since a hit must not pay for it. */
static const struct stage *const predict_stages[] = {
    &stage_authenticate, &stage_limit, &stage_receive, &stage_validate, &stage_split,
    &stage_features,     &stage_scan,  &stage_cache,   &stage_extract,  &stage_look,
    &stage_read,         &stage_infer, &stage_decide,  &stage_record,   &stage_reply,
};

/* A language model's. The endpoint is named in the body, so its own limits come after it. */
static const struct stage *const chat_stages[] = {
    &stage_authenticate, &stage_limit,   &stage_receive, &stage_address, &stage_recollect,
    &stage_shape,        &stage_reserve, &stage_fit,     &stage_route,   &stage_recall,
    &stage_call,         &stage_decide,  &stage_keep,    &stage_record,  &stage_reply,
};

size_t pipeline_stages_of(enum endpoint_kind kind, const char *names[REQUEST_STAGES_MAX]) {
    bool predicts = kind == ENDPOINT_CLASSIFY;
    const struct stage *const *stages = predicts ? predict_stages : chat_stages;
    size_t count = predicts ? ARRAY_COUNT(predict_stages) : ARRAY_COUNT(chat_stages);
    for (size_t i = 0; i < count; i++)
        names[i] = stages[i]->name;
    return count;
}

size_t pipeline_stage_names(const char *const **names) {
    static const char *list[ARRAY_COUNT(predict_stages) + ARRAY_COUNT(chat_stages)];
    size_t count = 0;
    for (size_t i = 0; i < ARRAY_COUNT(predict_stages); i++)
        list[count++] = predict_stages[i]->name;
    list[count++] = stage_address.name;
    list[count++] = stage_reserve.name;
    list[count++] = stage_fit.name;
    list[count++] = stage_route.name;
    list[count++] = stage_recall.name;
    list[count++] = stage_call.name;
    list[count++] = stage_shape.name;
    list[count++] = stage_recollect.name;
    list[count++] = stage_keep.name;
    *names = list;
    return count;
}

enum stage_answer stage_fail(struct request *r, enum error_code code, const char *format, ...) {
    char message[ERROR_MESSAGE_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    fail(&r->error, code, "%s", message);
    return STAGE_FAIL;
}

static const struct stage *current(const struct request *r) {
    return r->stages[r->at];
}

static void note_time(struct request *r, int64_t now) {
    int64_t ns = now - r->stage_started;
    if (r->timed_count < REQUEST_STAGES_MAX) {
        r->timed[r->timed_count].stage = (unsigned char)r->at;
        r->timed[r->timed_count++].us = ns <= 0                  ? 0
                                        : ns / 1000 > UINT32_MAX ? UINT32_MAX
                                                                 : (uint32_t)(ns / 1000);
    }
    r->stage_started = now;
}

/* Every entered stage lets go, last first. timed lists just those that were entered. */
static void end_stages(struct request *r) {
    for (unsigned i = r->timed_count; i-- > 0;) {
        const struct stage *s = r->stages[r->timed[i].stage];
        if (s->on_end)
            s->on_end(r);
    }
}

/* Everything goes back but the snapshot, of which the reply may show something. The request's own memory is
 * the exchange's and stays until that is answered. */
static void let_go(struct request *r) {
    loop_timer_disarm(r->loop->loop, &r->deadline);
    end_stages(r);
    r->loop->requests_open--;
}

/* Where to go after `answer` of the current stage. */
static void advance(struct request *r, enum stage_answer answer) {
    if (answer == STAGE_FAIL) {
        CHECK(r->error.code != ERR_NONE);
        r->failed = true;
        r->outcome.decision = DECISION_REJECTED;
    }
    r->at++;
    if (answer == STAGE_NEXT)
        return;
    while (r->at < r->stage_count && !current(r)->closing)
        r->at++;
}

/* True: it is suspended. False: it was answered and is gone. */
static bool walk(struct request *r) {
    while (r->at < r->stage_count) {
        const struct stage *s = current(r);
        if (s->applies && !s->applies(r)) {
            r->at++;
            continue;
        }
        enum stage_answer answer = s->run(r);
        if (answer == STAGE_SUSPEND) {
            r->suspended = true;
            return true;
        }
        note_time(r, s->brief ? r->stage_started : clock_monotonic());
        advance(r, answer);
    }
    struct snapshot *snapshot = r->snapshot;
    struct shadow *shadow = r->mirror ? shadow_prepare(r) : NULL;
    let_go(r);
    if (r->answered)
        r->answered(r);
    else if (r->streaming)
        exchange_stream_end(r->exchange);
    else
        exchange_reply(r->exchange, r->status, r->loop->headers.list, r->loop->headers.count,
                       buf_str(&r->loop->reply));
    shadow_start(shadow);
    snapshot_unref(snapshot);
    return false;
}

static void resume(struct request *r, enum stage_answer answer, int64_t now) {
    CHECK(r->suspended && answer != STAGE_SUSPEND);
    r->suspended = false;
    note_time(r, now);
    advance(r, answer);
    walk(r);
}

void request_resume(struct request *r, enum stage_answer answer) {
    resume(r, answer, clock_monotonic());
}

static void deadline_passed(struct loop_timer *timer) {
    struct request *r = CONTAINER_OF(timer, struct request, deadline);
    const struct stage *s = current(r);
    if (!r->suspended || !s->cancel)
        return;
    s->cancel(r);
    fail(&r->error, ERR_DEADLINE, "The request passed its deadline of %lld ms in stage \"%s\".",
         (long long)(r->endpoint->config->deadline / NS_PER_MS), s->name);
    request_resume(r, STAGE_FAIL);
}

void request_cancel(struct request *r) {
    const struct stage *s = current(r);
    CHECK(r->suspended);
    if (s->cancel)
        s->cancel(r);
    r->suspended = false;
    note_time(r, clock_monotonic());
    r->cancelled = r->failed = true;
    r->outcome.decision = DECISION_REJECTED;
    if (s == &stage_receive)
        fail(&r->error, ERR_CANCELLED,
             "The body did not arrive whole: the client left, or it broke a limit or a deadline.");
    else
        fail(&r->error, ERR_CANCELLED, "The client left before the reply, in stage \"%s\".", s->name);
    if (s != &stage_record)
        record_cancelled(r);
    let_go(r);
    snapshot_unref(r->snapshot);
}

struct request *request_new_part(struct loop_state *loop, struct exchange *x,
                                 const struct request_part *part) {
    struct request *r = arena_zalloc(part->arena, sizeof *r);
    if (!r)
        return NULL;
    r->exchange = x;
    r->arena = part->arena;
    r->loop = loop;
    r->snapshot = snapshot_ref(part->snapshot);
    r->endpoint = part->endpoint;
    r->pinned = part->pinned;
    r->id = part->id;
    r->trace = trace_read(exchange_header(x, STR("traceparent")), exchange_header(x, STR("tracestate")));
    if (part->snapshot->config->telemetry.otlp)
        trace_begin(&r->trace, part->snapshot->config->telemetry.sample);
    r->answered = part->answered;
    r->owner = part->owner;
    r->admitted = r->reserved = part->admitted;
    r->wall_ns = part->wall_ns;
    r->started_ns = part->started_ns;
    r->stage_started = r->started_ns;
    r->deadline_ns = x->started_ns + part->endpoint->config->deadline;
    r->deadline.fire = deadline_passed;
    r->stages = predict_stages;
    r->stage_count = ARRAY_COUNT(predict_stages);
    r->outcome.confidence = -1;
    loop->requests_open++;
    return r;
}

struct request *request_new(struct loop_state *loop, struct exchange *x, const struct endpoint *endpoint,
                            struct str id, int64_t wall_ns) {
    return request_new_part(loop, x,
                            &(struct request_part){.snapshot = loop->snapshot,
                                                   .endpoint = endpoint,
                                                   .arena = x->arena,
                                                   .id = id,
                                                   .wall_ns = wall_ns,
                                                   .started_ns = x->started_ns});
}

struct request *request_new_chat(struct loop_state *loop, struct exchange *x, enum chat_surface surface,
                                 struct str id, int64_t wall_ns) {
    struct chat *chat = arena_zalloc(x->arena, sizeof *chat);
    struct request *r = chat ? request_new(loop, x, &loop->snapshot->unaddressed, id, wall_ns) : NULL;
    if (!r)
        return NULL;
    r->chat = chat;
    chat->r = r;
    chat->in.surface = surface;
    chat->facts = CHAT_FACTS_UNKNOWN;
    chat->spent.usage = CHAT_USAGE_UNKNOWN;
    chat->reply.cap = CHAT_REPLY_MAX;
    r->stages = chat_stages;
    r->stage_count = ARRAY_COUNT(chat_stages);
    return r;
}

bool request_start(struct request *r) {
    return walk(r);
}

void request_body(struct request *r) {
    CHECK(r->suspended && current(r) == &stage_receive);
    loop_timer_arm(r->loop->loop, &r->deadline, r->deadline_ns);
    resume(r, STAGE_NEXT, r->exchange->body_at_once ? r->stage_started : clock_monotonic());
}
