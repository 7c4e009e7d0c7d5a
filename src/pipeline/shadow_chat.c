/* A chat's shadow: the candidate's upstream is asked once, by the request's loop, in the turn that ends after
 * the reply was sent. Whole replies are compared by the time that they took, streams by the time to their
 * first byte, which a client that reads slowly does not change. */
#include "base/clock.h"
#include "chat/structured.h"
#include "pipeline/shadow.h"
#include "pipeline/verifying.h"

#include <stdlib.h>
#include <string.h>

enum { TEXT_MAX = 64 << 10, ARENA_MAX = 1 << 20, BYTES_PER_TOKEN = 4, OUTPUT_GUESS = 1000 };

struct shadow_chat {
    struct shadow shadow;
    struct loop_state *loop;
    struct shadow_chat *next, **at; /* of the loop's */
    struct loop_task task;
    struct attempt attempt;
    struct question question;
    struct chat_request in, prompted;
    struct arena *arena;
    struct trace trace;
    struct buf text;
    enum chat_surface surface;
    struct str body, said; /* what was asked, and what the client was told */
    char bytes[];
};

static const struct remote_model *candidate_of(const struct shadow_chat *c) {
    return c->shadow.endpoint->shadow.remote;
}

/* ---- the answer of what serves ---- */

static uint32_t us_of(const struct attempt *t, bool streamed) {
    int64_t end = streamed && t->first_byte_ns ? t->first_byte_ns : t->ended_ns;
    int64_t us = (end - t->started_ns) / 1000;
    return us < 0 ? 0 : us > UINT32_MAX ? UINT32_MAX : (uint32_t)us;
}

/* A second call, or somebody else's answer, means that its first one came to nothing. */
static struct arm_answer served_by(const struct request *r) {
    const struct chat *c = r->chat;
    const struct lane *lane = c->answering;
    bool invalid = r->failed && r->error.code == ERR_INVALID_OUTPUT;
    struct arm_answer a = {.confidence = -1, .cost = -1};
    a.failed = (r->failed && !invalid) || r->outcome.step.n > 0 || (lane && lane->asking.calls > 1);
    if (lane && lane->question.output)
        a.valid = invalid || verifying_repaired(c) ? ARM_NO : r->failed ? ARM_UNKNOWN : ARM_YES;
    if (!lane || r->failed)
        return a;
    const struct attempt *t = &lane->asking.attempt;
    a.latency_us = us_of(t, c->in.stream);
    a.cost = (double)price_cost(lane->asking.remote->price, &t->facts.usage);
    return a;
}

/* ---- the candidate's ---- */

static void let_go(struct shadow_chat *c) {
    *c->at = c->next;
    if (c->next)
        c->next->at = c->at;
    attempt_clear(&c->attempt);
    chat_request_clear(&c->in);
    chat_request_clear(&c->prompted);
    buf_free(&c->text);
    arena_free(c->arena);
    shadow_end(&c->shadow, c->shadow.pair.candidate.cost);
    free(c);
}

static enum arm_finding is_valid(const struct shadow_chat *c) {
    struct structured_verdict verdict;
    const struct output_schema *output = c->question.output;
    if (!output || !output->own || c->attempt.facts.calls_tool || c->attempt.facts.refuses)
        return ARM_UNKNOWN;
    structured_check(output->own, buf_str(&c->text), &verdict);
    return verdict.valid ? ARM_YES : ARM_NO;
}

static enum arm_finding says_the_same(const struct shadow_chat *c) {
    const struct str texts[] = {c->said, buf_str(&c->text)};
    size_t first[STRUCTURED_SAMPLES_MAX];
    if (texts[0].n == 0 || texts[1].n == 0)
        return ARM_UNKNOWN;
    structured_groups(texts, 2, first);
    return first[1] == 0 ? ARM_YES : ARM_NO;
}

static void note_failure(struct shadow_chat *c, const char *failure) {
    struct shadow_answer *pair = &c->shadow.pair;
    pair->candidate.failed = true;
    str_put(str_from(failure), pair->error, sizeof pair->error);
}

static void ended(struct attempt *t, enum failure failure) {
    struct shadow_chat *c = CONTAINER_OF(t, struct shadow_chat, attempt);
    struct arm_answer *a = &c->shadow.pair.candidate;
    a->cost = (double)price_cost(candidate_of(c)->price, &t->facts.usage);
    a->latency_us = us_of(t, c->in.stream);
    if (failure == FAILURE_NONE) {
        a->valid = is_valid(c);
        a->same_words = says_the_same(c);
    } else {
        note_failure(c, failure_name(failure));
    }
    shadow_count(&c->shadow);
    let_go(c);
}

static void on_output(struct attempt *t, struct str bytes) {}

static void on_read(struct attempt *t) {}

static const struct attempt_events events = {.on_output = on_output, .on_read = on_read, .ended = ended};

/* One that its upstream would not get from others either is not mirrored. */
static bool is_there(const struct shadow_chat *c) {
    const struct remote_model *m = candidate_of(c);
    int64_t now = clock_recent();
    return breaker_would_allow(&m->upstream->breaker, &m->upstream->breaker_options, now) &&
           upstream_quota_wait(m->experience, now) == 0;
}

static bool word(struct shadow_chat *c, struct error *err) {
    const struct prompt *prompt = candidate_of(c)->prompt;
    c->arena = arena_new(ARENA_MAX + 8 * c->body.n + (prompt ? 8 * PROMPT_BYTES_MAX : 0));
    if (!c->arena)
        return fail(err, ERR_NO_MEMORY, "Out of memory.");
    if (!chat_request_parse(c->surface, c->body, &c->in, err))
        return false;
    c->question.arena = c->arena;
    c->question.in = &c->in;
    if (!chat_needs_prompt(&c->in, prompt))
        return true;
    c->question.in = &c->prompted;
    return chat_put_prompt(&c->in, prompt, c->arena, &c->prompted, err);
}

static void begin(struct loop_task *task) {
    struct shadow_chat *c = CONTAINER_OF(task, struct shadow_chat, task);
    struct error err = {0};
    if (!is_there(c) || engine_draining(c->loop->engine)) {
        c->shadow.pair.candidate.cost = 0;
        let_go(c);
        return;
    }
    c->question.deadline_ns = clock_recent() + c->shadow.endpoint->config->deadline;
    if (!word(c, &err)) {
        c->shadow.pair.candidate.cost = 0;
        if (err.code != ERR_NO_MEMORY) { /* a value that its prompt needs is missing */
            note_failure(c, error_name(err.code));
            shadow_count(&c->shadow);
        }
        let_go(c);
        return;
    }
    if (attempt_start(&c->attempt, &c->question, candidate_of(c), 0))
        return;
    c->shadow.pair.candidate.cost = 0;
    note_failure(c, failure_name(FAILURE_UNSUPPORTED));
    shadow_count(&c->shadow);
    let_go(c);
}

static void start(struct shadow *s) {
    struct shadow_chat *c = CONTAINER_OF(s, struct shadow_chat, shadow);
    c->at = &c->loop->shadows;
    c->next = *c->at;
    if (c->next)
        c->next->at = &c->next;
    *c->at = c;
    loop_defer(c->loop->loop, &c->task); /* behind the reply's sending */
}

void shadow_stop_loop(struct loop_state *loop) {
    while (loop->shadows) {
        struct shadow_chat *c = loop->shadows;
        attempt_cancel(&c->attempt);
        let_go(c);
    }
}

/* ---- the copy ---- */

/* Somebody was asked for it, in vain or not. */
static bool is_comparable(const struct request *r) {
    const struct chat *c = r->chat;
    bool of_the_client =
        r->failed && r->error.code != ERR_INVALID_OUTPUT && error_status(r->error.code) < 500;
    return c->lanes[0] && c->lanes[0]->asking.calls > 0 && !r->outcome.cached && !of_the_client;
}

static int64_t estimate_of(const struct request *r) {
    const struct remote_model *m = r->endpoint->shadow.remote;
    int64_t output = r->chat->in.output_max > 0 ? r->chat->in.output_max : OUTPUT_GUESS;
    int64_t input = (int64_t)(r->chat->in.body.n / BYTES_PER_TOKEN) + m->prompt_bytes / BYTES_PER_TOKEN;
    return m->price ? price_worst(m->price, input, output) : -1;
}

static struct str keep(char **at, struct str s) {
    struct str kept = {*at, s.n};
    if (s.n)
        *at = (char *)memcpy(*at, s.p, s.n) + s.n;
    return kept;
}

struct shadow *shadow_chat_prepare(struct request *r) {
    const struct chat *chat = r->chat;
    const struct lane *lane = chat->answering ? chat->answering : chat->lanes[0];
    if (!is_comparable(r))
        return NULL;
    struct str said = r->failed ? STR("") : buf_str(&lane->held.text);
    if (said.n >= TEXT_MAX)
        said = STR(""); /* too long to be compared */
    struct shadow_chat *c = calloc(1, sizeof *c + chat->in.body.n + said.n + 1);
    if (!c || !shadow_begin(&c->shadow, r, estimate_of(r))) {
        free(c);
        return NULL;
    }
    char *at = c->bytes;
    c->shadow.start = start;
    c->loop = r->loop;
    c->task.run = begin;
    c->attempt.events = &events;
    c->surface = chat->in.surface;
    c->body = keep(&at, chat->in.body);
    c->said = keep(&at, said);
    c->trace = r->trace;
    c->trace.state = STR("");
    c->text = BUF_INIT(TEXT_MAX);
    c->question = (struct question){.loop = r->loop,
                                    .id = str_from(c->shadow.pair.request_id),
                                    .trace = &c->trace,
                                    .text = &c->text,
                                    .output = lane->question.output,
                                    .wall_ns = r->wall_ns};
    c->shadow.pair.stable = served_by(r);
    c->shadow.pair.candidate = (struct arm_answer){.confidence = -1, .cost = -1};
    return &c->shadow;
}
