/* Conversations that go on by an ID: `recollect` puts what was kept before what is asked now, `keep` keeps
 * the answer with its question. The store is the recorder's: its thread reads and writes, in the order of
 * asking, so that a response that a client has is there when it is built on. A whole reply waits for the
 * commit; a stream's last event is out before it. */
#include "base/clock.h"
#include "chat/history.h"
#include "pipeline/chat.h"
#include "pipeline/stages/stages.h"
#include "store/conversations.h"
#include "store/subject.h"

#include <stdlib.h>
#include <string.h>

/* What the recorder is asked to do. Outlives a request that left. */
struct work {
    struct store_job job;
    struct loop_task task;
    struct request *r; /* NULL: nobody waits any more */
    struct loop *loop;
    struct engine *engine;
    bool ok;
    struct error error;
    struct buf tenant, id;   /* of the response */
    struct buf conversation; /* its ID; "" none */
    int64_t now;
    /* To be kept. */
    struct buf previous, endpoint, input, user;
    struct buf names; /* of its items, a line each; or of those that the input refers to */
    struct history_answer answer;
    bool has_subject; /* whose the response before is, where that is known */
    unsigned char subject[SUBJECT_SIZE];
    int64_t expires;
    /* Recollected. */
    struct buf items, found;
    void (*come)(struct request *r, struct work *w);
};

static struct work *work_new(struct request *r) {
    struct work *w = calloc(1, sizeof *w);
    if (!w)
        return NULL;
    w->r = r;
    w->loop = r->loop->loop;
    w->engine = r->loop->engine;
    w->now = r->wall_ns;
    w->tenant = w->id = w->previous = w->endpoint = w->conversation = w->user = BUF_INIT(4096);
    buf_add_str(&w->tenant, request_tenant(r));
    buf_add_str(&w->conversation, r->chat->conversation);
    return w;
}

static void work_free(struct work *w) {
    struct buf *const all[] = {&w->conversation, &w->tenant, &w->id,    &w->previous, &w->endpoint,
                               &w->input,        &w->items,  &w->names, &w->found,    &w->user};
    for (size_t i = 0; i < ARRAY_COUNT(all); i++)
        buf_free(all[i]);
    history_answer_clear(&w->answer);
    free(w);
}

static void on_loop(struct loop_task *task) {
    struct work *w = CONTAINER_OF(task, struct work, task);
    struct request *r = w->r;
    if (r) {
        r->pending = NULL;
        w->come(r, w);
    }
    work_free(w);
}

static void done(struct store_job *job, bool ok, const struct error *err) {
    struct work *w = CONTAINER_OF(job, struct work, job);
    struct engine *engine = w->engine;
    w->ok = ok;
    if (!ok)
        w->error = *err;
    loop_post(w->loop, &w->task);
    engine_outstanding_end(engine);
}

/* False: r->error says why; the work is gone. */
static bool submit(struct request *r, struct work *w) {
    w->task.run = on_loop;
    w->job.done = done;
    r->pending = w;
    engine_outstanding_begin(w->engine);
    if (recorder_submit(r->loop->parts->recorder, &w->job, &r->error))
        return true;
    engine_outstanding_end(w->engine);
    r->pending = NULL;
    work_free(w);
    return false;
}

static enum stage_answer no_memory(struct request *r, struct work *w) {
    if (w)
        work_free(w);
    return stage_fail(r, ERR_NO_MEMORY, "Out of memory for this request.");
}

static void cancel(struct request *r) {
    struct work *w = r->pending;
    w->r = NULL;
    r->pending = NULL;
}

/* ---- recollect ---- */

/* w->id becomes its last response. */
static bool find_last(struct work *w, struct store *store, struct error *err) {
    struct conversation_record found = {.last = w->id, .metadata = BUF_INIT(4 << 20)};
    bool good = w->conversation.n == 0 || conversations_find(store, buf_str(&w->tenant),
                                                             buf_str(&w->conversation), w->now, &found, err);
    w->id = found.last;
    buf_free(&found.metadata);
    return good;
}

static bool read_history(struct store_job *job, struct store *store, struct error *err) {
    struct work *w = CONTAINER_OF(job, struct work, job);
    struct str names = buf_str(&w->names), name;
    while (names.n) {
        name = str_split(&names, '\n');
        if (!responses_find_item(store, buf_str(&w->tenant), name, w->now, &w->found, err)) {
            if (err->code == ERR_NOT_FOUND)
                fail_at(err, ERR_NOT_FOUND, "input", "There is no item \"%.*s\".",
                        STR_ARG(str_slice(name, 0, 80)));
            return false;
        }
    }
    if (w->found.failed)
        return fail_at(err, ERR_CONTEXT_LENGTH, "input", "The items that the input refers to are too large.");
    return find_last(w, store, err) &&
           (w->id.n == 0 ||
            (responses_subject(store, buf_str(&w->tenant), buf_str(&w->id), &w->has_subject, w->subject,
                               err) &&
             responses_history(store, buf_str(&w->tenant), buf_str(&w->id), w->now, &w->items, err)));
}

/* The request is `body` from now on. */
static bool take_body(struct request *r, const struct buf *body) {
    struct chat *c = r->chat;
    struct chat_request changed;
    struct str kept = arena_copy(r->arena, buf_str(body));
    if (!kept.p)
        return fail_at(&r->error, ERR_CONTEXT_LENGTH, "previous_response_id",
                       "The conversation is too long for one request; begin a new one.");
    if (!chat_request_parse(c->in.surface, kept, &changed, &r->error))
        return false;
    chat_request_clear(&c->in);
    c->in = changed;
    r->input.user = changed.user;
    return true;
}

/* What of the request will be kept, before anything is put before it. */
static bool note_question(struct request *r) {
    struct chat *c = r->chat;
    AUTO_BUF input = BUF_INIT(4 * c->in.body.n + 4096);
    history_input(&c->in, &input);
    c->asked = input.failed ? (struct str){NULL, 0} : arena_copy(r->arena, buf_str(&input));
    return c->asked.p || fail(&r->error, ERR_NO_MEMORY, "Out of memory for this request.");
}

static bool resolve(struct request *r, struct str found) {
    const struct chat_request *in = &r->chat->in;
    AUTO_BUF body = BUF_INIT(4 * (in->body.n + found.n) + 4096);
    return history_resolve(in, found, &body, &r->error) && take_body(r, &body);
}

static bool prepend(struct request *r, struct str items) {
    const struct chat_request *in = &r->chat->in;
    AUTO_BUF body = BUF_INIT(4 * (in->body.n + items.n) + 4096);
    return history_prepend(in, items, &body, &r->error) && take_body(r, &body);
}

static void recollected(struct request *r, struct work *w) {
    bool good = w->ok && (w->names.n == 0 || resolve(r, buf_str(&w->found))) && note_question(r) &&
                (w->id.n == 0 || prepend(r, buf_str(&w->items)));
    if (!w->ok)
        r->error = w->error;
    r->chat->has_subject = w->has_subject;
    memcpy(r->chat->subject, w->subject, SUBJECT_SIZE);
    if (good && r->chat->conversation.n) {
        r->chat->previous = arena_copy(r->arena, buf_str(&w->id));
        good = r->chat->previous.p || fail(&r->error, ERR_NO_MEMORY, "Out of memory for this request.");
    }
    request_resume(r, good ? STAGE_NEXT : STAGE_FAIL);
}

/* Named by its ID, or by an object that has it. */
static bool take_conversation(struct request *r) {
    struct chat *c = r->chat;
    yyjson_val *given = c->in.conversation;
    struct str id = json_str_of(yyjson_is_obj(given) ? yyjson_obj_get(given, "id") : given);
    c->conversation = arena_copy(r->arena, id);
    if (id.n && c->in.previous_response_id.n)
        return fail_at(&r->error, ERR_INVALID_FIELD, "conversation",
                       "Send \"conversation\" or \"previous_response_id\", not both.");
    return c->conversation.p || fail(&r->error, ERR_NO_MEMORY, "Out of memory for this request.");
}

static bool is_kept_here(const struct request *r) {
    return r->chat->in.surface == CHAT_RESPONSES && r->endpoint->config->conversations > 0;
}

static enum stage_answer recollect(struct request *r) {
    struct chat *c = r->chat;
    AUTO_BUF names = BUF_INIT(c->in.body.n + 1);
    if (!take_conversation(r))
        return STAGE_FAIL;
    history_references(&c->in, &names);
    c->previous = arena_copy(r->arena, c->in.previous_response_id);
    c->keeps = !yyjson_is_false(yyjson_obj_get(c->in.root, "store"));
    if (c->previous.n == 0 && c->conversation.n == 0 && names.n == 0 && !names.failed)
        return note_question(r) ? STAGE_NEXT : STAGE_FAIL;
    struct work *w = work_new(r);
    if (!w)
        return no_memory(r, NULL);
    w->items = w->found = BUF_INIT(RESPONSES_BYTES_MAX + 4096);
    w->names = BUF_INIT(c->in.body.n + 1);
    buf_add_str(&w->names, buf_str(&names));
    buf_add_str(&w->id, c->previous);
    if (w->id.failed || w->tenant.failed || w->names.failed || w->conversation.failed || names.failed)
        return no_memory(r, w);
    w->job.run = read_history;
    w->come = recollected;
    return submit(r, w) ? STAGE_SUSPEND : STAGE_FAIL;
}

/* ---- keep ---- */

static bool write_response(struct store_job *job, struct store *store, struct error *err) {
    struct work *w = CONTAINER_OF(job, struct work, job);
    if (str_eq(str_from(w->answer.id), buf_str(&w->previous)))
        return fail(err, ERR_UPSTREAM, "The upstream gave a response the ID of the one before it.");
    const struct response_record record = {
        .tenant = buf_str(&w->tenant),
        .id = str_from(w->answer.id),
        .previous = buf_str(&w->previous),
        .endpoint = buf_str(&w->endpoint),
        .user = buf_str(&w->user),
        .subject = w->has_subject ? w->subject : NULL,
        .input = buf_str(&w->input),
        .output = buf_str(&w->answer.output),
        .body = buf_str(&w->answer.body),
        .created = w->now,
        .expires = w->expires,
    };
    struct str names = buf_str(&w->names);
    bool good = responses_keep(store, &record, err);
    while (good && names.n)
        good = responses_keep_item(store, record.tenant, record.id, str_split(&names, '\n'), err);
    if (good && w->conversation.n)
        good = conversations_advance(store, record.tenant, buf_str(&w->conversation), record.previous,
                                     record.id, record.expires, err);
    return good;
}

/* What was answered is answered: a client that builds on what could not be kept is told so then. */
static void kept(struct request *r, struct work *w) {
    if (!w->ok && !r->streaming) {
        r->error = w->error;
        if (r->error.code != ERR_CONFLICT) {
            fail_within(&r->error, "The response could not be kept for later requests");
            r->error.retry_after_ms = 2000;
        }
    }
    request_resume(r, w->ok || r->streaming ? STAGE_NEXT : STAGE_FAIL);
}

static bool keep_applies(const struct request *r) {
    return is_kept_here(r) && r->chat->keeps && r->outcome.decision != DECISION_REVIEW;
}

static enum stage_answer keep(struct request *r) {
    struct chat *c = r->chat;
    struct work *w = work_new(r);
    if (!w)
        return no_memory(r, NULL);
    if (!history_answer_read(buf_str(&c->reply), c->in.stream, &w->answer)) {
        work_free(w);
        return STAGE_NEXT; /* cut, or nothing that one could build on */
    }
    w->input = BUF_INIT(c->asked.n + 1);
    w->names = BUF_INIT(w->answer.output.n + 1);
    history_answer_ids(&w->answer, &w->names);
    buf_add_str(&w->input, c->asked);
    buf_add_str(&w->previous, c->previous);
    buf_add_str(&w->endpoint, r->endpoint->name);
    w->has_subject = c->has_subject;
    memcpy(w->subject, c->subject, SUBJECT_SIZE);
    buf_add_str(&w->user, str_slice(r->input.user, 0, SUBJECT_TEXT_MAX));
    if (w->input.failed || w->previous.failed || w->endpoint.failed || w->tenant.failed || w->names.failed ||
        w->user.failed)
        return no_memory(r, w);
    w->expires = r->wall_ns + r->endpoint->config->conversations;
    w->job.run = write_response;
    w->come = kept;
    return submit(r, w) ? STAGE_SUSPEND : STAGE_FAIL;
}

const struct stage stage_recollect = {
    .name = "recollect", .applies = is_kept_here, .run = recollect, .cancel = cancel};
const struct stage stage_keep = {.name = "keep", .applies = keep_applies, .run = keep, .cancel = cancel};
