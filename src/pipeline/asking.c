#include "pipeline/asking.h"

#include "base/clock.h"
#include "base/ids.h"
#include "base/log.h"

#include <stdlib.h>

enum { COMPLAINT_S = 60 };

/* A place at an upstream, or the wait for one. Outlives an asking that was cancelled while it was being given
 * out. */
struct place {
    struct concurrency_waiter waiter;
    struct loop_task task;
    struct asking *asking; /* NULL: nobody waits any more */
    struct loop *loop;
    struct engine *engine;
    struct concurrency *concurrency;
    bool granted;
};

static struct asking *asking_of(struct attempt *attempt) {
    return CONTAINER_OF(attempt, struct asking, attempt);
}

static struct upstream *upstream_of(const struct asking *a) {
    return a->remote->upstream;
}

/* The upstream was not asked after all. */
static void forget_token(struct asking *a) {
    struct upstream *u = upstream_of(a);
    breaker_settle(&u->breaker, &u->breaker_options, &a->token, BREAKER_CANCELLED, 0, clock_recent());
}

static void end(struct asking *a, enum failure failure) {
    a->wait = ASKING_IDLE;
    a->events->ended(a, failure);
}

/* ---- the call ---- */

static void leave_place(struct asking *a, int64_t took_ns) {
    struct place *p = a->place;
    a->place = NULL;
    concurrency_exit(p->concurrency, took_ns, clock_recent());
    concurrency_unref(p->concurrency);
    free(p);
}

/* Somebody has to do something about it; once a minute is enough. */
static void complain(struct asking *a) {
    if (log_is_due(&upstream_of(a)->complained_ns, clock_monotonic(), COMPLAINT_S * NS_PER_SECOND))
        log_event(LOG_ERROR, "upstream.key_refused", "%s", a->attempt.error.message);
}

/* What the call showed about its upstream. */
static void settle(struct asking *a, enum failure failure) {
    struct upstream *u = upstream_of(a);
    const struct attempt *t = &a->attempt;
    int64_t took = t->ended_ns - t->started_ns;
    int64_t first = t->call.replied_ns ? t->call.replied_ns - t->started_ns : took;
    bool tells = failure == FAILURE_NONE || failure == FAILURE_TIMEOUT;
    enum breaker_outcome outcome = failure == FAILURE_NONE ? breaker_success_of(&u->breaker_options, first)
                                   : failure_counts_against_health(failure) ? BREAKER_FAILURE
                                                                            : BREAKER_CANCELLED;
    breaker_settle(&u->breaker, &u->breaker_options, &a->token, outcome, t->retry_after_ns, t->ended_ns);
    latency_end(&u->latency, tells ? first : -1, t->ended_ns);
    leave_place(a, tells ? took : -1);
    atomic_fetch_add_explicit(&u->calls[failure], 1, memory_order_relaxed);
    if (failure == FAILURE_AUTHENTICATION)
        complain(a);
    else if (failure == FAILURE_QUOTA)
        upstream_has_no_quota(u, a->remote->experience, t->retry_after_ns, t->ended_ns);
    a->events->on_called(a, failure);
}

/* With the breaker's leave and a place, both of which go back where it fails. */
static enum failure call(struct asking *a) {
    struct upstream *u = upstream_of(a);
    attempt_clear(&a->attempt);
    if (!attempt_start(&a->attempt, a->question, a->remote, a->timeout_ns)) {
        leave_place(a, -1);
        forget_token(a);
        a->wait = ASKING_IDLE;
        return a->attempt.error.code == ERR_NO_MEMORY ? FAILURE_OVERLOADED : FAILURE_UNSUPPORTED;
    }
    latency_begin(&u->latency);
    a->calls++;
    a->wait = ASKING_CALL;
    a->events->on_call(a);
    return FAILURE_NONE;
}

/* ---- places ---- */

static void drop_place(struct place *p) {
    concurrency_unref(p->concurrency);
    free(p);
}

static void got_place(struct loop_task *task) {
    struct place *p = CONTAINER_OF(task, struct place, task);
    struct asking *a = p->asking;
    if (a && p->granted) {
        enum failure failure = call(a);
        if (failure != FAILURE_NONE)
            end(a, failure);
        return;
    }
    if (p->granted)
        concurrency_exit(p->concurrency, -1, clock_recent());
    drop_place(p);
    if (!a)
        return;
    a->place = NULL;
    forget_token(a);
    fail(&a->attempt.error, ERR_OVERLOADED, "Upstream \"%s\" had no place free in time.",
         upstream_of(a)->config->name);
    end(a, FAILURE_OVERLOADED);
}

/* On whichever thread a call ended. */
static void wake(struct concurrency_waiter *w, bool granted) {
    struct place *p = CONTAINER_OF(w, struct place, waiter);
    struct engine *engine = p->engine;
    p->granted = granted;
    loop_post(p->loop, &p->task);
    engine_outstanding_end(engine);
}

static enum failure refused(struct asking *a, struct place *p) {
    drop_place(p);
    a->place = NULL;
    a->wait = ASKING_IDLE;
    forget_token(a);
    fail_within(&a->attempt.error, "Upstream \"%s\"", upstream_of(a)->config->name);
    return FAILURE_OVERLOADED;
}

static enum failure take_place(struct asking *a) {
    struct loop_state *loop = a->question->loop;
    struct place *p = malloc(sizeof *p);
    if (!p) {
        forget_token(a);
        fail(&a->attempt.error, ERR_NO_MEMORY, "Out of memory for this request.");
        return FAILURE_OVERLOADED;
    }
    *p = (struct place){.task.run = got_place,
                        .waiter.wake = wake,
                        .asking = a,
                        .loop = loop->loop,
                        .engine = loop->engine,
                        .concurrency = concurrency_ref(upstream_of(a)->concurrency)};
    a->place = p;
    a->wait = ASKING_FOR_PLACE;
    engine_outstanding_begin(p->engine);
    enum concurrency_verdict verdict = concurrency_enter(p->concurrency, &p->waiter, a->question->deadline_ns,
                                                         clock_recent(), &a->attempt.error);
    if (verdict == CONCURRENCY_WAIT)
        return FAILURE_NONE;
    engine_outstanding_end(loop->engine);
    return verdict == CONCURRENCY_START ? call(a) : refused(a, p);
}

/* ---- the upstream ---- */

static bool breaker_lets(struct asking *a) {
    struct upstream *u = upstream_of(a);
    int64_t wait_ns;
    if (breaker_allow(&u->breaker, &u->breaker_options, clock_recent(), &a->token, &wait_ns))
        return true;
    fail(&a->attempt.error, ERR_OVERLOADED, "Upstream \"%s\" failed lately and is left alone for %lld ms.",
         u->config->name, (long long)(wait_ns / NS_PER_MS));
    a->attempt.error.retry_after_ms = (uint32_t)(wait_ns / NS_PER_MS);
    return false;
}

static bool has_quota(struct asking *a) {
    int64_t wait_ns = upstream_quota_wait(a->remote->experience, clock_recent());
    if (wait_ns == 0)
        return true;
    fail(&a->attempt.error, ERR_UPSTREAM,
         "Upstream \"%s\" has no quota left, as it said; it is asked again in %lld ms.",
         upstream_of(a)->config->name, (long long)(wait_ns / NS_PER_MS));
    return false;
}

static enum failure ask(struct asking *a) {
    if (!has_quota(a))
        return FAILURE_QUOTA;
    return breaker_lets(a) ? take_place(a) : FAILURE_OVERLOADED;
}

static void try_again(struct loop_timer *timer) {
    struct asking *a = CONTAINER_OF(timer, struct asking, pause);
    enum failure failure = ask(a);
    if (failure != FAILURE_NONE)
        end(a, failure);
}

/* True: the same upstream is asked again after a pause. */
static bool retries(struct asking *a, enum failure failure) {
    struct upstream *u = upstream_of(a);
    int64_t now = clock_monotonic();
    uint64_t dice;
    random_bytes(&dice, sizeof dice);
    struct retry_attempt attempt = {.failure = failure,
                                    .attempts = a->calls,
                                    .retry_after_ns = a->attempt.retry_after_ns,
                                    .deadline = a->question->deadline_ns,
                                    .need_ns = latency_average(&u->latency, now),
                                    .begun = a->committed,
                                    .has_next = a->has_next};
    struct retry_decision decision = retry_decide(&u->retry_options, &u->retry_budget, &attempt, now, dice);
    if (decision.verdict != RETRY_SAME)
        return false;
    a->wait = ASKING_PAUSE;
    a->pause.fire = try_again;
    loop_timer_arm(a->question->loop->loop, &a->pause, now + decision.wait_ns);
    return true;
}

static void on_output(struct attempt *attempt, struct str bytes) {
    struct asking *a = asking_of(attempt);
    a->events->on_output(a, bytes);
}

static void on_read(struct attempt *attempt) {
    struct asking *a = asking_of(attempt);
    a->events->on_read(a);
}

static void ended(struct attempt *attempt, enum failure failure) {
    struct asking *a = asking_of(attempt);
    settle(a, failure);
    if (failure == FAILURE_NONE || !retries(a, failure))
        end(a, failure);
}

static const struct attempt_events attempt_events = {
    .on_output = on_output, .on_read = on_read, .ended = ended};

enum failure asking_start(struct asking *a) {
    a->attempt.events = &attempt_events;
    a->calls = 0;
    a->committed = false;
    retry_budget_earn(&upstream_of(a)->retry_budget, &upstream_of(a)->retry_options);
    return ask(a);
}

static void stop_waiting(struct asking *a) {
    struct place *p = a->place;
    forget_token(a);
    p->asking = NULL;
    a->place = NULL;
    if (!concurrency_leave(p->concurrency, &p->waiter))
        return;
    engine_outstanding_end(p->engine);
    drop_place(p);
}

void asking_cancel(struct asking *a) {
    switch (a->wait) {
    case ASKING_FOR_PLACE: stop_waiting(a); break;
    case ASKING_CALL:
        attempt_cancel(&a->attempt);
        settle(a, FAILURE_CANCELLED);
        break;
    case ASKING_PAUSE: loop_timer_disarm(a->question->loop->loop, &a->pause); break;
    case ASKING_IDLE: break;
    }
    a->wait = ASKING_IDLE;
}
