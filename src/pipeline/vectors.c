#include "pipeline/vectors.h"

#include "base/clock.h"
#include "base/log.h"
#include "chat/count.h"
#include "chat/embedding.h"

enum { COMPLAINT_S = 60, BODY_MAX = 6 * SEMANTIC_TEXT_MAX + 4096 /* escapes */ };
/* The upstream's own timeouts, which count against its health, are not to come first. */
#define GRACE_NS (50 * NS_PER_MS)

/* Lies in the request's arena; r->pending. */
struct vector_fetch {
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
    return r->endpoint->vectors && r->endpoint->tuning ? tokens + tokens / 8 : 0;
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
                "The vectors of %.*s have %zu dimensions, and %.*s was made for %zu; run `penstock cache "
                "tune` again.",
                STR_ARG(r->endpoint->vectors->remote->reference), dimensions,
                STR_ARG(r->endpoint->tuning_name), wanted);
}

static bool keep(struct request *r, const struct embeddings *e, struct error *err) {
    size_t size = e->dimensions * sizeof(float);
    float *vector = arena_alloc(r->arena, size);
    if (!vector)
        return fail(err, ERR_NO_MEMORY, "Out of memory for this request.");
    memcpy(vector, e->values, size);
    r->chat->vector = vector;
    r->chat->dimensions = e->dimensions;
    return true;
}

/* From the reply into the request. */
static bool take(struct request *r, const struct attempt *t, struct error *err) {
    struct embeddings e = {0};
    if (!embeddings_read(buf_str(&t->reply), 1, &e, err)) {
        fail_within(err, "Upstream \"%s\"", t->remote->upstream->config->name);
        return false;
    }
    bool good = fits(r, e.dimensions, err) && keep(r, &e, err);
    embeddings_clear(&e);
    return good;
}

static void ended(struct asking *a, enum failure failure) {
    struct request *r = a->asker;
    struct vector_fetch *f = r->pending;
    struct error err = a->attempt.error;
    vectors_ended *tell = f->ended;
    bool good = failure == FAILURE_NONE && take(r, &a->attempt, &err);
    settle(r, f, good ? BREAKER_SUCCESS : BREAKER_FAILURE);
    let_go(r, f);
    say(r,
        good                      ? METRICS_VECTOR_FETCHED
        : failure == FAILURE_NONE ? METRICS_VECTOR_UNFIT
                                  : METRICS_VECTOR_FAILED,
        err.message);
    tell(r);
}

static const struct asking_events events = {
    .on_call = on_call, .on_called = on_called, .on_output = on_output, .on_read = on_read, .ended = ended};

static void late(struct loop_timer *timer) {
    struct vector_fetch *f = CONTAINER_OF(timer, struct vector_fetch, late);
    struct request *r = f->asking.asker;
    vectors_ended *tell = f->ended;
    struct error err;
    asking_cancel(&f->asking);
    settle(r, f, BREAKER_FAILURE);
    let_go(r, f);
    fail(&err, ERR_DEADLINE, "%.*s gave no vector within %lld ms.",
         STR_ARG(r->endpoint->vectors->remote->reference),
         (long long)(r->endpoint->config->semantic_vectors.timeout / NS_PER_MS));
    say(r, METRICS_VECTOR_LATE, err.message);
    tell(r);
}

void vectors_cancel(struct request *r) {
    struct vector_fetch *f = r->pending;
    asking_cancel(&f->asking);
    settle(r, f, BREAKER_CANCELLED);
    let_go(r, f);
}

static bool prepare(struct request *r, struct vector_fetch *f, struct error *err) {
    f->body = BUF_INIT(BODY_MAX);
    embedding_request_write(&f->body, f->asking.remote->model, &r->chat->question, 1);
    return (!f->body.failed || fail(err, ERR_NO_MEMORY, "Out of memory for this request.")) &&
           chat_request_parse(CHAT_EMBEDDINGS, buf_str(&f->body), &f->in, err);
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
    if (prepare(r, f, err)) {
        if (asking_start(&f->asking) == FAILURE_NONE) {
            loop_timer_arm(r->loop->loop, &f->late, f->late.deadline_ns);
            return true;
        }
        *err = f->asking.attempt.error;
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
