/* Asks the candidates, one after the other, until one answers: each within its upstream's breaker, in one of
 * its places, again where that may help. Until a stream's first byte another candidate can take over without
 * the client's seeing it. */
#include "base/clock.h"
#include "base/ids.h"
#include "pipeline/attempt.h"
#include "pipeline/chat_output.h"
#include "pipeline/simulator.h"
#include "pipeline/stages/stages.h"

#include <stdlib.h>
#include <string.h>

enum progress { PROGRESS_ANSWERED, PROGRESS_WAITING, PROGRESS_FAILED };

/* A place at an upstream, or the wait for one. Outlives a request that left while it was being given out. */
struct place {
    struct concurrency_waiter waiter;
    struct loop_task task;
    struct request *r; /* NULL: nobody waits any more */
    struct loop *loop;
    struct engine *engine;
    struct concurrency *concurrency;
    bool granted;
};

static enum stage_answer go_on(struct request *r, enum failure failure);
static enum progress ask(struct request *r);

static struct upstream *upstream_of(const struct chat *c) {
    return chat_candidate(c)->remote->upstream;
}

/* The upstream was not asked after all. */
static void forget_token(struct chat *c) {
    struct upstream *u = upstream_of(c);
    breaker_settle(&u->breaker, &u->breaker_options, &c->token, BREAKER_CANCELLED, 0, clock_monotonic());
}

/* ---- places ---- */

static void leave_place(struct chat *c, int64_t took_ns) {
    struct place *p = c->place;
    c->place = NULL;
    concurrency_exit(p->concurrency, took_ns, clock_monotonic());
    concurrency_unref(p->concurrency);
    free(p);
}

static void resume_with(struct request *r, enum stage_answer answer) {
    if (answer != STAGE_SUSPEND)
        request_resume(r, answer);
}

static void got_place(struct loop_task *task) {
    struct place *p = CONTAINER_OF(task, struct place, task);
    struct request *r = p->r;
    if (r && p->granted) {
        r->chat->wait = CHAT_WAIT_NONE;
        enum progress progress = ask(r);
        if (progress == PROGRESS_FAILED) {
            forget_token(r->chat);
            resume_with(r, go_on(r, FAILURE_INVALID));
        }
        return;
    }
    if (p->granted)
        concurrency_exit(p->concurrency, -1, clock_monotonic());
    concurrency_unref(p->concurrency);
    free(p);
    if (!r)
        return;
    r->chat->place = NULL;
    r->chat->wait = CHAT_WAIT_NONE;
    forget_token(r->chat);
    fail(&r->error, ERR_OVERLOADED, "Upstream \"%s\" had no place free in time.",
         upstream_of(r->chat)->config->name);
    resume_with(r, go_on(r, FAILURE_OVERLOADED));
}

/* On whichever thread a call ended. */
static void wake(struct concurrency_waiter *w, bool granted) {
    struct place *p = CONTAINER_OF(w, struct place, waiter);
    struct engine *engine = p->engine;
    p->granted = granted;
    loop_post(p->loop, &p->task);
    engine_outstanding_end(engine);
}

static enum progress take_place(struct request *r) {
    struct chat *c = r->chat;
    struct upstream *u = upstream_of(c);
    struct place *p = malloc(sizeof *p);
    if (!p) {
        fail(&r->error, ERR_NO_MEMORY, "Out of memory for this request.");
        return PROGRESS_FAILED;
    }
    *p = (struct place){.task.run = got_place,
                        .waiter.wake = wake,
                        .r = r,
                        .loop = r->loop->loop,
                        .engine = r->loop->engine,
                        .concurrency = concurrency_ref(u->concurrency)};
    c->place = p;
    c->wait = CHAT_WAIT_PLACE;
    engine_outstanding_begin(p->engine);
    switch (concurrency_enter(u->concurrency, &p->waiter, r->deadline_ns, clock_monotonic(), &r->error)) {
    case CONCURRENCY_START:
        engine_outstanding_end(p->engine);
        c->wait = CHAT_WAIT_NONE;
        return ask(r);
    case CONCURRENCY_WAIT: return PROGRESS_WAITING;
    case CONCURRENCY_REFUSED: break;
    }
    engine_outstanding_end(p->engine);
    concurrency_unref(p->concurrency);
    free(p);
    c->place = NULL;
    c->wait = CHAT_WAIT_NONE;
    fail_within(&r->error, "Upstream \"%s\"", u->config->name);
    return PROGRESS_FAILED;
}

/* ---- one upstream ---- */

static bool breaker_lets(struct request *r, struct upstream *u) {
    int64_t wait_ns;
    if (breaker_allow(&u->breaker, &u->breaker_options, clock_monotonic(), &r->chat->token, &wait_ns))
        return true;
    fail(&r->error, ERR_OVERLOADED, "Upstream \"%s\" failed lately and is left alone for %lld ms.",
         u->config->name, (long long)(wait_ns / NS_PER_MS));
    r->error.retry_after_ms = (uint32_t)(wait_ns / NS_PER_MS);
    return false;
}

static enum progress ask_upstream(struct request *r) {
    struct upstream *u = upstream_of(r->chat);
    if (!breaker_lets(r, u))
        return PROGRESS_FAILED;
    retry_budget_earn(&u->retry_budget, &u->retry_options);
    enum progress progress = take_place(r);
    if (progress == PROGRESS_FAILED)
        forget_token(r->chat);
    return progress;
}

/* With the breaker's leave and a place. One that fails has given the place back; the leave is its caller's.
 */
static enum progress ask(struct request *r) {
    struct chat *c = r->chat;
    struct upstream *u = upstream_of(c);
    c->wait = CHAT_WAIT_CALL;
    latency_begin(&u->latency);
    if (attempt_start(c, chat_candidate(c)->remote))
        return PROGRESS_WAITING;
    c->wait = CHAT_WAIT_NONE;
    latency_end(&u->latency, -1, clock_monotonic());
    leave_place(c, -1);
    return PROGRESS_FAILED;
}

/* What the call showed about its upstream. */
static void settle(struct chat *c, enum failure failure) {
    struct upstream *u = upstream_of(c);
    int64_t now = clock_monotonic(), took = now - c->call_started_ns;
    int64_t first = c->call.replied_ns ? c->call.replied_ns - c->call_started_ns : took;
    bool tells = failure == FAILURE_NONE || failure == FAILURE_TIMEOUT;
    enum breaker_outcome outcome = failure == FAILURE_NONE ? breaker_success_of(&u->breaker_options, first)
                                   : failure_counts_against_health(failure) ? BREAKER_FAILURE
                                                                            : BREAKER_CANCELLED;
    breaker_settle(&u->breaker, &u->breaker_options, &c->token, outcome, c->retry_after_ns, now);
    latency_end(&u->latency, tells ? first : -1, now);
    leave_place(c, tells ? took : -1);
}

static void try_again(struct loop_timer *timer) {
    struct chat *c = CONTAINER_OF(timer, struct chat, pause);
    struct request *r = c->r;
    c->wait = CHAT_WAIT_NONE;
    if (ask_upstream(r) == PROGRESS_FAILED)
        resume_with(r, go_on(r, FAILURE_OVERLOADED));
}

/* True: the same upstream is asked again after a pause. */
static bool retries(struct request *r, enum failure failure) {
    struct chat *c = r->chat;
    struct upstream *u = upstream_of(c);
    int64_t now = clock_monotonic();
    uint64_t dice;
    random_bytes(&dice, sizeof dice);
    struct retry_attempt attempt = {.failure = failure,
                                    .attempts = c->tries,
                                    .retry_after_ns = c->retry_after_ns,
                                    .deadline = r->deadline_ns,
                                    .need_ns = latency_average(&u->latency, now),
                                    .begun = c->begun,
                                    .has_next = c->candidate + 1 < c->candidate_count};
    struct retry_decision decision = retry_decide(&u->retry_options, &u->retry_budget, &attempt, now, dice);
    if (decision.verdict != RETRY_SAME)
        return false;
    c->tries++;
    c->wait = CHAT_WAIT_PAUSE;
    c->pause.fire = try_again;
    loop_timer_arm(r->loop->loop, &c->pause, now + decision.wait_ns);
    return true;
}

static void ended(struct chat *c, enum failure failure) {
    struct request *r = c->r;
    c->wait = CHAT_WAIT_NONE;
    settle(c, failure);
    if (failure == FAILURE_NONE) {
        chat_set_decision(r);
        request_resume(r, STAGE_NEXT);
    } else if (!retries(r, failure)) {
        resume_with(r, go_on(r, failure));
    }
}

/* ---- the chain ---- */

static const struct chat_usage nothing_used = {0, 0, 0, 0, 0, 0, 0, 0};

static enum progress try_candidate(struct request *r) {
    struct chat *c = r->chat;
    const struct candidate *at = chat_candidate(c);
    c->tries = 1;
    c->retry_after_ns = 0;
    c->ended = ended;
    if (at->remote && at->remote->upstream->config->kind == UPSTREAM_SIMULATOR)
        return simulator_answer(r) ? PROGRESS_ANSWERED : PROGRESS_FAILED;
    if (at->remote)
        return ask_upstream(r);
    if (at->step->kind == STEP_TEXT)
        return chat_say_text(r, str_from(at->step->config->text), &nothing_used) ? PROGRESS_ANSWERED
                                                                                 : PROGRESS_FAILED;
    if (at->step->kind == STEP_CACHE && chat_recall(r, true))
        return PROGRESS_ANSWERED;
    fail(&r->error, ERR_UPSTREAM, "No model could answer.");
    return PROGRESS_FAILED;
}

static enum stage_answer give_up(struct request *r, uint32_t retry_after_ms) {
    struct str reason = r->outcome.step_reason;
    enum error_code code = r->outcome.step_code;
    char param[ERROR_PARAM_MAX] = "";
    if (r->error.code == code)
        memcpy(param, r->error.param, sizeof param); /* what of the request the upstream cannot be asked */
    r->outcome.step = STR("");
    fail_at(&r->error, code, param, "%.*s%s", STR_ARG(reason),
            r->endpoint->step_count ? " No fallback could answer." : "");
    r->error.retry_after_ms = retry_after_ms;
    return STAGE_FAIL;
}

/* The present candidate has failed (r->error): what now? */
static enum stage_answer go_on(struct request *r, enum failure failure) {
    struct chat *c = r->chat;
    uint32_t retry_after_ms =
        c->retry_after_ns ? (uint32_t)(c->retry_after_ns / NS_PER_MS) : r->error.retry_after_ms;
    for (;;) {
        if (c->begun || !failure_other_may_answer(failure))
            return STAGE_FAIL;
        outcome_note_reason(r);
        if (clock_monotonic() >= r->deadline_ns)
            return give_up(r, retry_after_ms);
        c->candidate++;
        if (!chat_candidate(c))
            return give_up(r, retry_after_ms);
        switch (try_candidate(r)) {
        case PROGRESS_ANSWERED: chat_set_decision(r); return STAGE_NEXT;
        case PROGRESS_WAITING: return STAGE_SUSPEND;
        case PROGRESS_FAILED: failure = FAILURE_OVERLOADED; break;
        }
    }
}

static enum stage_answer run(struct request *r) {
    switch (try_candidate(r)) {
    case PROGRESS_ANSWERED: chat_set_decision(r); return STAGE_NEXT;
    case PROGRESS_WAITING: return STAGE_SUSPEND;
    case PROGRESS_FAILED: break;
    }
    return go_on(r, FAILURE_OVERLOADED);
}

static void cancel(struct request *r) {
    struct chat *c = r->chat;
    struct place *p = c->place;
    switch (c->wait) {
    case CHAT_WAIT_PLACE:
        forget_token(c);
        p->r = NULL;
        c->place = NULL;
        if (concurrency_leave(p->concurrency, &p->waiter)) {
            engine_outstanding_end(p->engine);
            concurrency_unref(p->concurrency);
            free(p);
        }
        break;
    case CHAT_WAIT_CALL:
        attempt_cancel(c);
        settle(c, FAILURE_CANCELLED);
        break;
    case CHAT_WAIT_PAUSE: loop_timer_disarm(r->loop->loop, &c->pause); break;
    case CHAT_WAIT_NONE: break;
    }
    c->wait = CHAT_WAIT_NONE;
}

const struct stage stage_call = {.name = "call", .run = run, .cancel = cancel};
