#include "evals/asker.h"

#include "base/clock.h"
#include "net/client.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    AT_ONCE = 4,
    AT_ONCE_MAX = 64,
    TRIES = 4,
    REPLY_MAX = 16 << 20,
    BODY_MAX = 32 << 20,
    PATH_MAX_BYTES = 1024
};
#define TIMEOUT_NS      (120 * NS_PER_SECOND)
#define CONNECT_NS      (10 * NS_PER_SECOND)
#define FIRST_WAIT_NS   (250 * NS_PER_MS)
#define LONGEST_WAIT_NS (10 * NS_PER_SECOND)

struct slot {
    struct http_call call;
    struct asker *asker;
    struct http_header headers[2];
    struct loop_timer timer; /* until the next try */
    struct asker_question question;
    struct buf reply;
    size_t at;
    unsigned tries;
    int64_t retry_after_ns;
    double cost_usd;
    char model[160];
    char problem[ERROR_MESSAGE_MAX];
};

struct asker {
    struct loop *loop;
    struct loop_task task;
    struct http_client *client;
    struct http_origin *origin;
    struct buf prefix, authorization;
    int64_t timeout_ns;
    struct slot *slots;
    unsigned slot_count, busy;

    /* The job that runs. */
    const struct asker_job *job;
    const struct progress *progress;
    size_t next, done, lost;
    bool stopped, answered;

    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool idle; /* under the lock */
};

static void next_in(struct slot *s);

static void say_idle(struct asker *a) {
    pthread_mutex_lock(&a->lock);
    a->idle = true;
    pthread_cond_signal(&a->changed);
    pthread_mutex_unlock(&a->lock);
}

static void wait_idle(struct asker *a) {
    pthread_mutex_lock(&a->lock);
    while (!a->idle)
        pthread_cond_wait(&a->changed, &a->lock);
    pthread_mutex_unlock(&a->lock);
}

static void post(struct asker *a, void (*run)(struct loop_task *)) {
    a->idle = false;
    a->task = (struct loop_task){.run = run};
    loop_post(a->loop, &a->task);
    wait_idle(a);
}

/* ---- one request ---- */

static void start(struct slot *s) {
    int64_t now = clock_monotonic();
    buf_clear(&s->reply);
    s->retry_after_ns = 0;
    s->cost_usd = NAN;
    s->model[0] = '\0';
    s->problem[0] = '\0';
    struct http_call *c = &s->call;
    const struct http_call_events *events = c->events;
    *c = (struct http_call){.events = events,
                            .origin = s->asker->origin,
                            .method = STR("POST"),
                            .path = buf_str(&s->question.path),
                            .headers = s->headers,
                            .header_count = s->asker->authorization.n ? 2 : 1,
                            .body = buf_str(&s->question.body),
                            .connect_ns = CONNECT_NS,
                            .first_byte_ns = s->asker->timeout_ns,
                            .idle_ns = s->asker->timeout_ns,
                            .deadline_ns = now + s->asker->timeout_ns};
    http_call_start(s->asker->client, c);
}

static void on_timer(struct loop_timer *timer) {
    start(CONTAINER_OF(timer, struct slot, timer));
}

static bool try_again(struct slot *s, int status) {
    if ((status != 0 && status != 429 && status != 503) || ++s->tries >= TRIES || s->asker->stopped)
        return false;
    /* Nobody has ever answered: one try each tells as much. */
    if (status == 0 && !s->asker->answered && s->asker->lost > 0)
        return false;
    int64_t wait = FIRST_WAIT_NS << (s->tries - 1);
    if (s->retry_after_ns > wait)
        wait = s->retry_after_ns;
    loop_timer_arm(s->asker->loop, &s->timer,
                   clock_monotonic() + (wait < LONGEST_WAIT_NS ? wait : LONGEST_WAIT_NS));
    return true;
}

static void conclude(struct slot *s, int status) {
    struct asker *a = s->asker;
    if (try_again(s, status))
        return;
    const struct asker_reply reply = {.status = status,
                                      .body = buf_str(&s->reply),
                                      .latency_ms = (double)(clock_monotonic() - s->call.started_ns) / 1e6,
                                      .cost_usd = s->cost_usd,
                                      .model = str_from(s->model),
                                      .problem = s->problem};
    a->answered = a->answered || status;
    a->lost += !status;
    if (!a->job->take(a->job->ctx, s->at, &reply) || (!a->answered && a->lost >= ASKER_PATIENCE))
        a->stopped = true;
    a->done++;
    if (a->progress)
        a->progress->tell(a->progress->ctx, a->done, a->job->count);
    next_in(s);
}

static void on_head(struct http_call *call, int status, const struct http_header *headers, size_t count) {
    struct slot *s = CONTAINER_OF(call, struct slot, call);
    uint64_t seconds;
    for (size_t i = 0; i < count; i++) {
        struct str name = headers[i].name, value = headers[i].value;
        if (str_eq_nocase(name, STR("x-penstock-model")))
            snprintf(s->model, sizeof s->model, "%.*s", (int)(value.n < 150 ? value.n : 150), value.p);
        else if (str_eq_nocase(name, STR("x-penstock-cost-usd")) && !str_to_double(value, &s->cost_usd))
            s->cost_usd = NAN;
        else if (str_eq_nocase(name, STR("retry-after")) && str_to_u64(value, &seconds))
            s->retry_after_ns = seconds > 60 ? LONGEST_WAIT_NS : (int64_t)seconds * NS_PER_SECOND;
    }
}

static void on_body(struct http_call *call, struct str bytes) {
    struct slot *s = CONTAINER_OF(call, struct slot, call);
    buf_add_str(&s->reply, bytes);
}

static void on_end(struct http_call *call) {
    struct slot *s = CONTAINER_OF(call, struct slot, call);
    bool whole = !s->reply.failed;
    if (!whole)
        snprintf(s->problem, sizeof s->problem, "a reply of more than %d bytes", REPLY_MAX);
    conclude(s, whole ? call->status : 0);
}

static void on_fail(struct http_call *call, enum http_failure failure, const struct error *err) {
    struct slot *s = CONTAINER_OF(call, struct slot, call);
    snprintf(s->problem, sizeof s->problem, "%s", err->message);
    conclude(s, 0);
}

static const struct http_call_events events = {on_head, on_body, on_end, on_fail};

static void next_in(struct slot *s) {
    struct asker *a = s->asker;
    if (a->stopped || a->next == a->job->count) {
        if (--a->busy == 0)
            say_idle(a);
        return;
    }
    s->at = a->next++;
    s->tries = 0;
    struct asker_question *q = &s->question;
    buf_clear(&q->path);
    buf_clear(&q->body);
    buf_add_str(&q->path, buf_str(&a->prefix));
    q->type = "application/json";
    if (a->job->write(a->job->ctx, s->at, q) && !q->path.failed && !q->body.failed) {
        s->headers[0].value = str_from(q->type);
        start(s);
        return;
    }
    a->stopped = true;
    if (--a->busy == 0)
        say_idle(a);
}

/* ---- a job ---- */

static void run_job(struct loop_task *task) {
    struct asker *a = CONTAINER_OF(task, struct asker, task);
    a->busy = a->slot_count;
    for (unsigned i = 0; i < a->slot_count; i++)
        next_in(&a->slots[i]);
}

void asker_run(struct asker *a, const struct asker_job *job, const struct progress *progress) {
    a->job = job;
    a->progress = progress;
    a->next = a->done = a->lost = 0;
    a->stopped = a->answered = false;
    if (job->count)
        post(a, run_job);
}

/* ---- life ---- */

static void open_client(struct loop_task *task) {
    struct asker *a = CONTAINER_OF(task, struct asker, task);
    a->client = http_client_new(a->loop);
    say_idle(a);
}

static void close_client(struct loop_task *task) {
    struct asker *a = CONTAINER_OF(task, struct asker, task);
    http_client_free(a->client);
    a->client = NULL;
    say_idle(a);
}

void asker_free(struct asker *a) {
    if (!a)
        return;
    if (a->client)
        post(a, close_client);
    if (a->loop) {
        loop_stop(a->loop);
        loop_free(a->loop);
    }
    for (unsigned i = 0; i < a->slot_count; i++) {
        buf_free(&a->slots[i].question.path);
        buf_free(&a->slots[i].question.body);
        buf_free(&a->slots[i].reply);
    }
    http_origin_unref(a->origin);
    buf_free(&a->prefix);
    buf_free(&a->authorization);
    pthread_mutex_destroy(&a->lock);
    pthread_cond_destroy(&a->changed);
    free(a->slots);
    free(a);
}

static void prepare_slots(struct asker *a) {
    for (unsigned i = 0; i < a->slot_count; i++) {
        struct slot *s = &a->slots[i];
        s->asker = a;
        s->call.events = &events;
        s->timer.fire = on_timer;
        s->question.path = BUF_INIT(PATH_MAX_BYTES);
        s->question.body = BUF_INIT(BODY_MAX);
        s->reply = BUF_INIT(REPLY_MAX);
        s->headers[0] = (struct http_header){.name = STR("content-type")};
        s->headers[1] = (struct http_header){STR("authorization"), buf_str(&a->authorization)};
    }
}

static bool open_loop(struct asker *a, struct error *err) {
    struct loop *loop = loop_new(0, err);
    if (!loop)
        return false;
    if (!loop_run(loop, err)) {
        loop_free(loop);
        return false;
    }
    a->loop = loop;
    post(a, open_client);
    return a->client || fail(err, ERR_NO_MEMORY, "Out of memory while connecting.");
}

static bool fill(struct asker *a, const struct asker_options *o, struct error *err) {
    const struct http_origin_options origin = {.url = o->url, .ca_file = o->ca_file, .verify = true};
    struct str path;
    if (!http_origin_new(&a->origin, &origin, &path, err))
        return false;
    a->prefix = BUF_INIT(PATH_MAX_BYTES);
    a->authorization = BUF_INIT(PATH_MAX_BYTES);
    buf_add_str(&a->prefix, path);
    if (o->key.n) {
        buf_add_str(&a->authorization, STR("Bearer "));
        buf_add_str(&a->authorization, o->key);
    }
    if (a->prefix.failed || a->authorization.failed || str_has_control(o->key))
        return fail(err, ERR_USAGE, "The URL or the key is longer than %d bytes, or has control characters.",
                    PATH_MAX_BYTES);
    prepare_slots(a);
    return open_loop(a, err);
}

struct asker *asker_new(const struct asker_options *o, struct error *err) {
    unsigned at_once = o->at_once ? o->at_once : AT_ONCE;
    struct asker *a = calloc(1, sizeof *a);
    struct slot *slots = calloc(at_once < AT_ONCE_MAX ? at_once : AT_ONCE_MAX, sizeof *slots);
    if (!a || !slots) {
        free(a);
        free(slots);
        (void)fail(err, ERR_NO_MEMORY, "Out of memory while connecting.");
        return NULL;
    }
    a->slots = slots;
    a->slot_count = at_once < AT_ONCE_MAX ? at_once : AT_ONCE_MAX;
    a->timeout_ns = o->timeout_ns ? o->timeout_ns : TIMEOUT_NS;
    pthread_mutex_init(&a->lock, NULL);
    pthread_cond_init(&a->changed, NULL);
    if (fill(a, o, err))
        return a;
    asker_free(a);
    return NULL;
}
