#include "api/jobs.h"

#include "base/clock.h"

#include "net/query.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ACTOR_SIZE = 64, RESULT_MAX = 64 << 20 };

struct running {
    struct store_job store_job;
    struct loop_task task;
    struct call *call; /* NULL: the client left */
    struct snapshot *snapshot;
    struct engine *engine;
    struct loop *loop;
    struct api_job job;
    struct buf out;
    struct error error;
    bool ok;
    char texts[];
};

static bool work_as(struct api_job *job, struct store *store, struct buf *out, struct error *err) {
    char before[ACTOR_SIZE], actor[ACTOR_SIZE];
    if (job->actor.n == 0)
        return job->work(job, store, out, err);
    str_put(str_from(store_actor(store)), before, sizeof before);
    str_put(job->actor, actor, sizeof actor);
    store_set_actor(store, actor);
    bool good = job->work(job, store, out, err);
    store_set_actor(store, before);
    return good;
}

static bool run(struct store_job *job, struct store *store, struct error *err) {
    struct running *r = CONTAINER_OF(job, struct running, store_job);
    if (!work_as(&r->job, store, &r->out, err)) {
        if (err->code == ERR_USAGE) /* of the command line, which shares the work */
            err->code = ERR_INVALID_FIELD;
        return false;
    }
    return !r->out.failed ||
           fail(err, ERR_NO_MEMORY, "The result is too large; ask for fewer items with \"limit\".");
}

static void done(struct store_job *job, bool ok, const struct error *err) {
    struct running *r = CONTAINER_OF(job, struct running, store_job);
    struct engine *engine = r->engine;
    r->ok = ok;
    if (!ok)
        r->error = *err;
    loop_post(r->loop, &r->task);
    engine_outstanding_end(engine);
}

static void let_go(struct running *r) {
    buf_free(&r->out);
    free(r->job.made);
    snapshot_unref(r->snapshot);
    free(r);
}

/* False: r->error says why not. */
static bool submit(struct running *r) {
    struct recorder *recorder = r->job.parts->recorder;
    r->store_job = (struct store_job){.run = run, .done = done};
    engine_outstanding_begin(r->engine);
    if ((r->job.writes ? recorder_submit : recorder_submit_read)(recorder, &r->store_job, &r->error))
        return true;
    engine_outstanding_end(r->engine);
    return false;
}

/* Who left meanwhile does not want it any more. */
static bool goes_on(struct running *r) {
    if (!r->call || !r->ok || !r->job.then)
        return false;
    r->job.work = r->job.then;
    r->job.then = NULL;
    r->job.writes = true;
    buf_clear(&r->out);
    r->ok = submit(r);
    return r->ok;
}

static void finish(struct loop_task *task) {
    struct running *r = CONTAINER_OF(task, struct running, task);
    if (goes_on(r))
        return;
    if (r->call && r->ok && r->job.type[0])
        call_reply_foreign(r->call, str_from(r->job.type), buf_str(&r->out));
    else if (r->call && r->ok)
        call_reply_json(r->call, 200, buf_str(&r->out));
    else if (r->call)
        call_fail(r->call, &r->error);
    let_go(r);
}

static void abandon(struct call *c) {
    struct running *r = c->pending;
    r->call = NULL;
}

static char *move_text(struct str *text, char *to) {
    if (text->n)
        memcpy(to, text->p, text->n);
    text->p = to;
    return to + text->n;
}

void call_submit(struct call *c, const struct api_job *job) {
    struct error err;
    size_t texts = job->endpoint.n + job->status.n + job->after.n + job->id.n + job->label.n +
                   job->reviewer.n + job->tenant.n + job->actor.n;
    for (size_t i = 0; i < ARRAY_COUNT(job->texts); i++)
        texts += job->texts[i].n;
    struct running *r = malloc(sizeof *r + texts);
    if (!r) {
        fail(&err, ERR_NO_MEMORY, "Out of memory for this request.");
        call_fail(c, &err);
        return;
    }
    *r = (struct running){.task.run = finish,
                          .call = c,
                          .snapshot = snapshot_ref(c->snapshot),
                          .engine = c->loop->engine,
                          .loop = c->loop->loop,
                          .job = *job,
                          .out = BUF_INIT(RESULT_MAX)};
    char *at = r->texts;
    struct str *const moved[] = {&r->job.endpoint, &r->job.status,   &r->job.after,  &r->job.id,
                                 &r->job.label,    &r->job.reviewer, &r->job.tenant, &r->job.actor};
    for (size_t i = 0; i < ARRAY_COUNT(moved); i++)
        at = move_text(moved[i], at);
    for (size_t i = 0; i < ARRAY_COUNT(r->job.texts); i++)
        at = move_text(&r->job.texts[i], at);
    r->job.snapshot = r->snapshot;
    r->job.parts = c->loop->parts;
    c->pending = r;
    c->abandon = abandon;
    if (!submit(r)) {
        err = r->error;
        let_go(r);
        call_fail(c, &err);
    }
}

bool call_query(struct call *c, const char *const *names, struct str *values, size_t count) {
    struct error err;
    for (size_t i = 0; i < count; i++)
        if (!http_query_get(c->x->query, str_from(names[i]), c->x->arena, &values[i], &err)) {
            call_fail(c, &err);
            return false;
        }
    return true;
}

bool call_limit(struct call *c, unsigned most, unsigned *limit) {
    static const char *const name[] = {"limit"};
    struct str text;
    struct error err;
    uint64_t value = *limit;
    if (!call_query(c, name, &text, 1))
        return false;
    if (text.p && (!str_to_u64(text, &value) || value < 1 || value > most)) {
        fail_at(&err, ERR_INVALID_FIELD, "limit", "\"limit\" is \"%.*s\"; expected a number from 1 to %u.",
                STR_ARG(str_slice(text, 0, 40)), most);
        call_fail(c, &err);
        return false;
    }
    *limit = (unsigned)value;
    return true;
}

bool call_times(struct call *c, struct api_job *job) {
    static const char *const names[] = {"from", "to"};
    int64_t *const times[] = {&job->from, &job->to};
    struct str texts[ARRAY_COUNT(names)];
    struct error err;
    if (!call_query(c, names, texts, ARRAY_COUNT(names)))
        return false;
    for (size_t i = 0; i < ARRAY_COUNT(names); i++)
        if (texts[i].n && !clock_parse(texts[i], times[i])) {
            fail_at(&err, ERR_INVALID_FIELD, names[i],
                    "\"%s\" is \"%.*s\"; expected a time in UTC, such as 2026-11-20T13:05:00Z, or a day.",
                    names[i], STR_ARG(str_slice(texts[i], 0, 40)));
            call_fail(c, &err);
            return false;
        }
    return true;
}

bool job_text(struct str text, const char *name, char *to, size_t size, struct error *err) {
    if (text.n >= size || str_has_control(text))
        return fail_at(err, ERR_INVALID_FIELD, name,
                       "\"%s\" is text of at most %zu bytes without control characters.", name, size - 1);
    str_put(text.p ? text : STR(""), to, size);
    return true;
}

void job_list_begin(struct job_list *l, const struct api_job *job, struct buf *out) {
    *l = (struct job_list){.w = JSON_WRITER(out), .left = job->limit, .after = job->after};
    json_object(&l->w);
    json_key(&l->w, "data");
    json_array(&l->w);
}

bool job_list_wants(struct job_list *l, const char *name, unsigned version) {
    char reference[200];
    if (l->after.n) {
        snprintf(reference, sizeof reference, version ? "%.150s@%u" : "%.150s", name, version);
        if (str_eq(l->after, str_from(reference)))
            l->after = STR("");
        return false;
    }
    if (l->left == 0) {
        l->more = true;
        return false;
    }
    l->left--;
    return true;
}

void job_list_end(struct job_list *l) {
    json_array_end(&l->w);
    json_field_bool(&l->w, "has_more", l->more);
    json_object_end(&l->w);
}

struct str call_actor(const struct call *c) {
    return c->client ? str_from(c->client->name) : STR("local");
}
