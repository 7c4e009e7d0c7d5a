#include "pipeline/vectors.h"

#include "base/clock.h"
#include "base/log.h"
#include "chat/count.h"
#include "chat/embedding.h"
#include "work/pool.h"

#include <stdlib.h>

enum {
    COMPLAINT_S = 60,
    BODY_MAX = 6 * SEMANTIC_TEXT_MAX + 4096, /* escapes */
    WAITING_MAX = 64                         /* texts for one encoder: who comes then would wait too long */
};
/* The upstream's own timeouts, which count against its health, are not to come first. */
#define GRACE_NS (50 * NS_PER_MS)

/* A text with an encoder. Outlives a request that does not wait for it. */
struct encoding {
    struct work_item item;
    struct loop_task task;
    struct request *r; /* NULL: nobody waits any more */
    struct snapshot *snapshot;
    struct vector_source *source; /* of that snapshot */
    struct engine *engine;
    struct loop *loop;
    struct error err;
    bool good;
    float *vector; /* these two lie behind it */
    struct str text;
};

/* Lies in the request's arena; r->pending. */
struct vector_fetch {
    struct encoding *encoding; /* NULL: an upstream is asked */
    struct asking asking;
    struct question question;
    struct chat_request in;
    struct buf body;
    struct loop_timer late;
    struct breaker_token token;
    int64_t started_ns;
    vectors_ended *ended;
};

int64_t vectors_tokens(const struct request *r) {
    size_t most = r->chat->in.body.n < SEMANTIC_TEXT_MAX ? r->chat->in.body.n : SEMANTIC_TEXT_MAX;
    int64_t tokens = tokens_of_bytes((int64_t)most);
    bool asked = r->endpoint->tuning && r->endpoint->vectors && r->endpoint->vectors->remote;
    return asked ? tokens + tokens / 8 : 0;
}

/* Who reads the log can do something about it; once a minute is enough. */
static void say(struct request *r, enum metrics_vector result, const char *why) {
    struct vector_source *source = r->endpoint->vectors;
    metrics_vector_asked(r->loop->metrics, r->endpoint->metrics, result);
    if (result != METRICS_VECTOR_FETCHED &&
        log_is_due(&source->complained_ns, clock_monotonic(), COMPLAINT_S * NS_PER_SECOND))
        log_event(LOG_WARN, "semantic_cache.vector", "Endpoint \"%.*s\" goes without its semantic cache: %s",
                  STR_ARG(r->endpoint->name), why);
}

static void settle(struct request *r, struct vector_fetch *f, enum breaker_outcome outcome) {
    struct vector_source *source = r->endpoint->vectors;
    int64_t now = clock_monotonic();
    if (source->remote)
        r->chat->spent.aside_ns += now - f->started_ns;
    breaker_settle(&source->breaker, &source->breaker_options, &f->token, outcome, 0, now);
}

static void let_go(struct request *r, struct vector_fetch *f) {
    loop_timer_disarm(r->loop->loop, &f->late);
    attempt_clear(&f->asking.attempt);
    chat_request_clear(&f->in);
    buf_free(&f->body);
    r->pending = NULL;
}

static void on_call(struct asking *a) {}

static void on_called(struct asking *a, enum failure failure) {
    struct request *r = a->asker;
    chat_note_call(r->chat, a, failure, CALL_VECTOR);
    if (failure == FAILURE_NONE)
        chat_bill_aside(r->chat, a->remote->price, &a->attempt.facts.usage,
                        tokens_of_bytes((int64_t)r->chat->question.n));
}

/* Nobody asked for a stream. */
static void on_output(struct asking *a, struct str bytes) {}

static void on_read(struct asking *a) {}

static bool fits(const struct request *r, size_t dimensions, struct error *err) {
    size_t wanted = tuning_dimensions(r->endpoint->tuning);
    return dimensions == wanted ||
           fail(err, ERR_UPSTREAM,
                "The vectors of %s have %zu dimensions, and %.*s was made for %zu; run `penstock cache "
                "tune` again.",
                r->endpoint->vectors->reference, dimensions, STR_ARG(r->endpoint->tuning_name), wanted);
}

static bool keep(struct request *r, const float *values, size_t dimensions, struct error *err) {
    if (!fits(r, dimensions, err))
        return false;
    float *vector = arena_alloc(r->arena, dimensions * sizeof *vector);
    if (!vector)
        return fail(err, ERR_NO_MEMORY, "Out of memory for this request.");
    memcpy(vector, values, dimensions * sizeof *vector);
    r->chat->vector = vector;
    r->chat->dimensions = dimensions;
    return true;
}

/* From the reply into the request. */
static bool take(struct request *r, const struct attempt *t, struct error *err) {
    struct embeddings e = {0};
    if (!embeddings_read(buf_str(&t->reply), 1, &e, err)) {
        fail_within(err, "Upstream \"%s\"", t->remote->upstream->config->name);
        return false;
    }
    bool good = keep(r, e.values, e.dimensions, err);
    embeddings_clear(&e);
    return good;
}

static void end(struct request *r, enum metrics_vector result, const char *why) {
    struct vector_fetch *f = r->pending;
    vectors_ended *tell = f->ended;
    settle(r, f, result == METRICS_VECTOR_FETCHED ? BREAKER_SUCCESS : BREAKER_FAILURE);
    say(r, result, why);
    let_go(r, f);
    tell(r);
}

static void ended(struct asking *a, enum failure failure) {
    struct error err = a->attempt.error;
    bool good = failure == FAILURE_NONE && take(a->asker, &a->attempt, &err);
    end(a->asker,
        good                      ? METRICS_VECTOR_FETCHED
        : failure == FAILURE_NONE ? METRICS_VECTOR_UNFIT
                                  : METRICS_VECTOR_FAILED,
        err.message);
}

static const struct asking_events events = {
    .on_call = on_call, .on_called = on_called, .on_output = on_output, .on_read = on_read, .ended = ended};

/* ---- an encoder of our own ---- */

static void encoding_free(struct encoding *e) {
    atomic_fetch_sub_explicit(&e->source->waiting, 1, memory_order_relaxed);
    snapshot_unref(e->snapshot);
    free(e);
}

/* On the loop. */
static void encoded(struct loop_task *task) {
    struct encoding *e = CONTAINER_OF(task, struct encoding, task);
    struct request *r = e->r;
    bool good = e->good;
    struct error err = e->err;
    if (r && good)
        good = keep(r, e->vector, text_encoder_dimensions(e->source->encoder), &err);
    bool unfit = e->good && !good;
    encoding_free(e);
    if (r)
        end(r,
            good    ? METRICS_VECTOR_FETCHED
            : unfit ? METRICS_VECTOR_UNFIT
                    : METRICS_VECTOR_FAILED,
            err.message);
}

/* On a thread of the pool. */
static void encode(struct work_item *item, unsigned worker) {
    struct encoding *e = CONTAINER_OF(item, struct encoding, item);
    struct engine *engine = e->engine;
    e->good = text_encoder_run(e->source->encoder, e->text, e->vector, &e->err);
    loop_post(e->loop, &e->task);
    engine_outstanding_end(engine);
}

static struct encoding *encoding_new(struct request *r) {
    struct vector_source *source = r->endpoint->vectors;
    struct str text = r->chat->question;
    size_t size = text_encoder_dimensions(source->encoder) * sizeof(float);
    struct encoding *e = calloc(1, sizeof *e + size + text.n);
    if (!e)
        return NULL;
    e->item.run = encode;
    e->task.run = encoded;
    e->r = r;
    e->snapshot = snapshot_ref(r->snapshot);
    e->source = source;
    e->engine = r->loop->engine;
    e->loop = r->loop->loop;
    e->vector = (void *)(e + 1);
    char *copy = (char *)(e + 1) + size;
    memcpy(copy, text.p, text.n);
    e->text = (struct str){copy, text.n};
    return e;
}

static bool begin_encoding(struct request *r, struct vector_fetch *f, struct error *err) {
    struct vector_source *source = r->endpoint->vectors;
    if (atomic_fetch_add_explicit(&source->waiting, 1, memory_order_relaxed) >= WAITING_MAX) {
        atomic_fetch_sub_explicit(&source->waiting, 1, memory_order_relaxed);
        return fail(err, ERR_OVERLOADED, "%d texts wait for %s already.", WAITING_MAX, source->reference);
    }
    f->encoding = encoding_new(r);
    if (!f->encoding) {
        atomic_fetch_sub_explicit(&source->waiting, 1, memory_order_relaxed);
        return fail(err, ERR_NO_MEMORY, "Out of memory for this request.");
    }
    engine_outstanding_begin(f->encoding->engine);
    work_pool_submit(source->pool, &f->encoding->item);
    return true;
}

/* ---- either ---- */

static void stop(struct vector_fetch *f) {
    if (f->encoding)
        f->encoding->r = NULL;
    else
        asking_cancel(&f->asking);
}

static void late(struct loop_timer *timer) {
    struct vector_fetch *f = CONTAINER_OF(timer, struct vector_fetch, late);
    struct request *r = f->asking.asker;
    struct error err;
    stop(f);
    fail(&err, ERR_DEADLINE, "%s gave no vector within %lld ms.", r->endpoint->vectors->reference,
         (long long)(r->endpoint->config->semantic_vectors.timeout / NS_PER_MS));
    end(r, METRICS_VECTOR_LATE, err.message);
}

void vectors_cancel(struct request *r) {
    struct vector_fetch *f = r->pending;
    stop(f);
    settle(r, f, BREAKER_CANCELLED);
    let_go(r, f);
}

static bool prepare(struct request *r, struct vector_fetch *f, struct error *err) {
    f->body = BUF_INIT(BODY_MAX);
    embedding_request_write(&f->body, f->asking.remote->model, &r->chat->question, 1);
    return (!f->body.failed || fail(err, ERR_NO_MEMORY, "Out of memory for this request.")) &&
           chat_request_parse(CHAT_EMBEDDINGS, buf_str(&f->body), &f->in, err);
}

static bool begin_asking(struct request *r, struct vector_fetch *f, struct error *err) {
    if (!prepare(r, f, err))
        return false;
    if (asking_start(&f->asking) == FAILURE_NONE)
        return true;
    *err = f->asking.attempt.error;
    return false;
}

static struct vector_fetch *fetch_new(struct request *r, vectors_ended *tell) {
    struct vector_fetch *f = arena_zalloc(r->arena, sizeof *f);
    int64_t now = clock_monotonic(), deadline = now + r->endpoint->config->semantic_vectors.timeout;
    if (!f)
        return NULL;
    f->ended = tell;
    f->started_ns = now;
    f->late.fire = late;
    f->late.deadline_ns = deadline < r->deadline_ns ? deadline : r->deadline_ns;
    f->question = (struct question){.loop = r->loop,
                                    .arena = r->arena,
                                    .id = r->id,
                                    .in = &f->in,
                                    .trace = &r->trace,
                                    .wall_ns = r->wall_ns,
                                    .deadline_ns = f->late.deadline_ns + GRACE_NS};
    f->asking.events = &events;
    f->asking.asker = r;
    f->asking.question = &f->question;
    f->asking.remote = r->endpoint->vectors->remote;
    return f;
}

static bool begin(struct request *r, struct vector_fetch *f, struct error *err) {
    r->pending = f;
    if (f->asking.remote ? begin_asking(r, f, err) : begin_encoding(r, f, err)) {
        loop_timer_arm(r->loop->loop, &f->late, f->late.deadline_ns);
        return true;
    }
    settle(r, f, BREAKER_FAILURE);
    let_go(r, f);
    return false;
}

bool vectors_start(struct request *r, vectors_ended *tell) {
    struct vector_source *source = r->endpoint->vectors;
    struct breaker_token token;
    struct error err;
    int64_t wait_ns;
    if (!breaker_allow(&source->breaker, &source->breaker_options, clock_monotonic(), &token, &wait_ns)) {
        say(r, METRICS_VECTOR_LEFT_ALONE, "its vectors failed lately and are left alone for a while.");
        return false;
    }
    struct vector_fetch *f = fetch_new(r, tell);
    if (!f) {
        breaker_settle(&source->breaker, &source->breaker_options, &token, BREAKER_CANCELLED, 0,
                       clock_monotonic());
        say(r, METRICS_VECTOR_FAILED, "out of memory.");
        return false;
    }
    f->token = token;
    if (begin(r, f, &err))
        return true;
    say(r, METRICS_VECTOR_FAILED, err.message);
    return false;
}
