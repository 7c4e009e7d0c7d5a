#include "learn/text_vectors.h"

#include "base/clock.h"
#include "base/ids.h"
#include "cache/wording.h"
#include "chat/embedding.h"
#include "chat/reply.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { REQUEST_MAX = 16 << 20, REPLY_MAX = 64 << 20, HEADERS_MAX = 3 };
#define MEMORY_MAX (1ULL << 30)

struct fetching;

/* One call after the other, each for the next texts that nobody has asked for. */
struct caller {
    struct fetching *all;
    struct http_call call;
    struct loop_timer pause;
    struct buf request, heard;
    size_t first, count; /* of the texts */
    unsigned attempts;
    int64_t retry_after_ns;
};

/* The loop's thread works on it until `ended`; then it is the caller's again. */
struct fetching {
    const struct text_vectors_source *from;
    const struct str *texts;
    size_t count, next, done;
    struct text_vectors vectors;
    struct error error;
    struct loop *loop;
    struct http_client *client;
    struct http_header headers[HEADERS_MAX];
    size_t header_count;
    struct retry_budget budget;
    struct loop_task begin, end;
    struct caller callers[TEXT_VECTORS_CALLS_MAX];
    unsigned caller_count, running;
    bool failed;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool ended;
};

/* ---- the end ---- */

static void end(struct loop_task *task) {
    struct fetching *f = CONTAINER_OF(task, struct fetching, end);
    http_client_free(f->client);
    pthread_mutex_lock(&f->lock);
    f->ended = true;
    pthread_cond_signal(&f->changed);
    pthread_mutex_unlock(&f->lock);
}

/* Not from within a call's callback: its client is still at work. */
static void finish(struct fetching *f) {
    loop_post(f->loop, &f->end);
}

/* f->error says why. */
static void give_up(struct fetching *f) {
    f->failed = true;
    for (unsigned i = 0; i < f->caller_count; i++) {
        http_call_cancel(&f->callers[i].call);
        loop_timer_disarm(f->loop, &f->callers[i].pause);
    }
    finish(f);
}

/* ---- vectors ---- */

/* The first reply says how many dimensions there are. */
static bool make_room(struct fetching *f, size_t dimensions, struct error *err) {
    struct text_vectors *v = &f->vectors;
    if (v->dimensions)
        return v->dimensions == dimensions ||
               fail(err, ERR_UPSTREAM, "gave vectors of %zu and of %zu dimensions", v->dimensions,
                    dimensions);
    if (f->count * dimensions > MEMORY_MAX)
        return fail(err, ERR_DATA,
                    "gives vectors of %zu dimensions, and %zu of them are more than 1 GB: use fewer pairs",
                    dimensions, f->count);
    v->count = f->count;
    v->values = malloc(f->count * dimensions);
    v->factors = malloc(f->count * sizeof *v->factors);
    if (!v->values || !v->factors)
        return fail(err, ERR_NO_MEMORY, "out of memory for its vectors");
    v->dimensions = dimensions;
    return true;
}

static bool keep(struct fetching *f, const struct caller *c, const struct embeddings *e, struct error *err) {
    struct text_vectors *v = &f->vectors;
    if (!make_room(f, e->dimensions, err))
        return false;
    for (size_t i = 0; i < e->count; i++)
        if (!vector_quantise(e->values + i * e->dimensions, e->dimensions,
                             v->values + (c->first + i) * e->dimensions, &v->factors[c->first + i]))
            return fail(err, ERR_UPSTREAM, "gave a vector without a direction");
    v->tokens = v->tokens < 0 || e->tokens < 0 ? -1 : v->tokens + e->tokens;
    return true;
}

/* ---- calls ---- */

static void ask_next(struct caller *c);

static void make_call(struct caller *c) {
    const struct text_vectors_source *from = c->all->from;
    c->attempts++;
    c->retry_after_ns = 0;
    buf_clear(&c->heard);
    c->call = (struct http_call){.events = c->call.events,
                                 .origin = from->origin,
                                 .method = STR("POST"),
                                 .path = str_from(from->path),
                                 .headers = c->all->headers,
                                 .header_count = c->all->header_count,
                                 .body = buf_str(&c->request),
                                 .connect_ns = from->connect_ns,
                                 .first_byte_ns = from->first_byte_ns,
                                 .idle_ns = from->idle_ns,
                                 .deadline_ns = clock_monotonic() + from->timeout_ns};
    http_call_start(c->all->client, &c->call);
}

static void call_again(struct loop_timer *pause) {
    make_call(CONTAINER_OF(pause, struct caller, pause));
}

static void failed(struct caller *c, enum failure failure, const struct error *err) {
    struct fetching *f = c->all;
    int64_t now = clock_monotonic();
    uint64_t dice;
    random_bytes(&dice, sizeof dice);
    struct retry_attempt attempt = {.failure = failure,
                                    .attempts = c->attempts,
                                    .retry_after_ns = c->retry_after_ns,
                                    .deadline = now + f->from->timeout_ns};
    struct retry_decision decision = retry_decide(&f->from->retry, &f->budget, &attempt, now, dice);
    if (decision.verdict == RETRY_SAME) {
        loop_timer_arm(f->loop, &c->pause, now + decision.wait_ns);
        return;
    }
    f->error = *err;
    fail_within(&f->error, "%s", f->from->name);
    give_up(f);
}

static void on_head(struct http_call *call, int status, const struct http_header *headers, size_t count) {
    struct caller *c = CONTAINER_OF(call, struct caller, call);
    for (size_t i = 0; i < count; i++)
        if (str_eq(headers[i].name, STR("retry-after")))
            c->retry_after_ns = failure_retry_after(headers[i].value, STR(""), clock_wall());
}

static void on_body(struct http_call *call, struct str bytes) {
    struct caller *c = CONTAINER_OF(call, struct caller, call);
    buf_add_str(&c->heard, bytes);
}

static void on_end(struct http_call *call) {
    struct caller *c = CONTAINER_OF(call, struct caller, call);
    struct fetching *f = c->all;
    struct chat_trouble trouble;
    struct embeddings e = {0};
    struct error err;
    if (chat_trouble_read(call->status, buf_str(&c->heard), &trouble)) {
        fail(&err, ERR_UPSTREAM, "it answered %d: %s", call->status, trouble.message);
        failed(c, failure_of_trouble(trouble.kind), &err);
        return;
    }
    bool read = !c->heard.failed || fail(&err, ERR_UPSTREAM, "its reply is too large");
    if (!read || !embeddings_read(buf_str(&c->heard), c->count, &e, &err)) {
        failed(c, FAILURE_GARBAGE, &err);
        return;
    }
    bool kept = keep(f, c, &e, &err);
    embeddings_clear(&e);
    if (!kept) {
        failed(c, FAILURE_INVALID, &err);
        return;
    }
    f->done += c->count;
    if (f->from->progress)
        f->from->progress(f->from->ctx, f->done, f->count);
    ask_next(c);
}

static void on_fail(struct http_call *call, enum http_failure failure, const struct error *err) {
    failed(CONTAINER_OF(call, struct caller, call), FAILURE_RESET, err);
}

static const struct http_call_events call_events = {
    .on_head = on_head, .on_body = on_body, .on_end = on_end, .on_fail = on_fail};

static void ask_next(struct caller *c) {
    struct fetching *f = c->all;
    size_t left = f->count - f->next;
    if (left == 0) {
        if (--f->running == 0)
            finish(f);
        return;
    }
    c->first = f->next;
    c->count = left < f->from->batch ? left : f->from->batch;
    c->attempts = 0;
    f->next += c->count;
    buf_clear(&c->request);
    embedding_request_write(&c->request, f->from->model, f->texts + c->first, c->count);
    if (c->request.failed) {
        fail(&f->error, ERR_NO_MEMORY, "out of memory for a request to %s", f->from->name);
        give_up(f);
        return;
    }
    retry_budget_earn(&f->budget, &f->from->retry);
    make_call(c);
}

/* ---- all of it ---- */

static void begin(struct loop_task *task) {
    struct fetching *f = CONTAINER_OF(task, struct fetching, begin);
    f->client = http_client_new(f->loop);
    if (!f->client) {
        fail(&f->error, ERR_NO_MEMORY, "out of memory for calls to %s", f->from->name);
        f->failed = true;
        finish(f);
        return;
    }
    f->running = f->caller_count;
    for (unsigned i = 0; i < f->caller_count && !f->failed; i++)
        ask_next(&f->callers[i]);
}

static void add_header(struct fetching *f, struct str name, struct str value) {
    f->headers[f->header_count++] = (struct http_header){name, value};
}

static struct fetching *fetching_new(const struct text_vectors_source *from, const struct str *texts,
                                     size_t count) {
    struct fetching *f = calloc(1, sizeof *f);
    if (!f)
        return NULL;
    f->from = from;
    f->texts = texts;
    f->count = count;
    f->begin.run = begin;
    f->end.run = end;
    f->caller_count = from->calls < 1                        ? 1
                      : from->calls > TEXT_VECTORS_CALLS_MAX ? TEXT_VECTORS_CALLS_MAX
                                                             : from->calls;
    for (unsigned i = 0; i < f->caller_count; i++) {
        struct caller *c = &f->callers[i];
        c->all = f;
        c->call.events = &call_events;
        c->pause.fire = call_again;
        c->request = BUF_INIT(REQUEST_MAX);
        c->heard = BUF_INIT(REPLY_MAX);
    }
    add_header(f, STR("content-type"), STR("application/json"));
    add_header(f, STR("accept"), STR("application/json"));
    if (from->authorization)
        add_header(f, STR("authorization"), str_from(from->authorization));
    pthread_mutex_init(&f->lock, NULL);
    pthread_cond_init(&f->changed, NULL);
    return f;
}

static void fetching_free(struct fetching *f) {
    for (unsigned i = 0; i < f->caller_count; i++) {
        buf_free(&f->callers[i].request);
        buf_free(&f->callers[i].heard);
    }
    text_vectors_free(&f->vectors);
    loop_free(f->loop);
    pthread_mutex_destroy(&f->lock);
    pthread_cond_destroy(&f->changed);
    free(f);
}

/* Each call has its deadlines, so that this ends. */
static void wait_for(struct fetching *f) {
    pthread_mutex_lock(&f->lock);
    while (!f->ended)
        pthread_cond_wait(&f->changed, &f->lock);
    pthread_mutex_unlock(&f->lock);
}

bool text_vectors_fetch(struct text_vectors *out, const struct text_vectors_source *from,
                        const struct str *texts, size_t count, struct error *err) {
    if (count == 0 || from->batch < 1 || from->batch > TEXT_VECTORS_BATCH_MAX)
        return fail(err, ERR_USAGE, "%zu texts in batches of %u; expected some, in batches of 1 to %d", count,
                    from->batch, TEXT_VECTORS_BATCH_MAX);
    struct fetching *f = fetching_new(from, texts, count);
    if (!f)
        return fail(err, ERR_NO_MEMORY, "out of memory");
    f->loop = loop_new(0, err);
    bool good = f->loop != NULL;
    if (good) {
        loop_post(f->loop, &f->begin);
        good = loop_run(f->loop, err);
    }
    if (good) {
        wait_for(f);
        loop_stop(f->loop);
        good = !f->failed;
        if (!good)
            *err = f->error;
    }
    if (good) {
        *out = f->vectors;
        f->vectors = (struct text_vectors){0};
    }
    fetching_free(f);
    return good;
}

void text_vectors_free(struct text_vectors *v) {
    free(v->values);
    free(v->factors);
    *v = (struct text_vectors){0};
}

float text_vectors_cosine(const struct text_vectors *v, size_t a, size_t b) {
    return (float)vector_product(v->values + a * v->dimensions, v->values + b * v->dimensions,
                                 v->dimensions) *
           v->factors[a] * v->factors[b];
}
