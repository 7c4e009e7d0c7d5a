/* Asks the candidates, one after the other, until one answers. Where the endpoint hedges, one that is late
 * gets company: whoever says something first is the answer, the other is let go. Until a stream's first byte
 * another candidate can take over without the client's seeing it. */
#include "base/clock.h"
#include "pipeline/chat_output.h"
#include "pipeline/chat_rules.h"
#include "pipeline/simulator.h"
#include "pipeline/stages/stages.h"
#include "pipeline/verifying.h"
#include "traffic/hedge.h"

#include <string.h>

enum progress { PROGRESS_ANSWERED, PROGRESS_WAITING, PROGRESS_FAILED };

static enum stage_answer go_on(struct request *r);

static struct lane *lane_of(struct asking *a) {
    return CONTAINER_OF(a, struct lane, asking);
}

static struct chat *chat_of(const struct asking *a) {
    return a->asker;
}

static struct lane *other_lane(const struct chat *c, const struct lane *lane) {
    return c->lanes[lane == c->lanes[0]];
}

static bool is_under_way(const struct lane *lane) {
    return lane && asking_is_under_way(&lane->asking);
}

/* ---- the answer ---- */

/* What it says goes to the client; who else was asked has lost. */
static void choose(struct chat *c, struct lane *lane) {
    struct lane *other = other_lane(c, lane);
    loop_timer_disarm(c->r->loop->loop, &c->late);
    c->answering = lane;
    c->candidate = lane->candidate;
    c->first_token_ns = lane->asking.attempt.first_byte_ns;
    if (!is_under_way(other))
        return;
    other->lost = other->asking.calls > 0;
    asking_cancel(&other->asking);
}

/* Its provider read the question, and may have begun to answer: the least that it can have cost. */
static void bill_lost(struct chat *c, const struct lane *lane) {
    struct chat_usage usage = c->facts.usage;
    usage.output = usage.reasoning = 0;
    chat_bill(c, lane->asking.remote->price, &usage);
}

/* Its answer has been looked at. */
static void verified(struct chat *c, enum failure failure) {
    struct request *r = c->r;
    enum stage_answer answer = STAGE_NEXT;
    if (failure == FAILURE_NONE) {
        chat_set_decision(r);
    } else {
        c->failure = failure;
        answer = go_on(r);
    }
    if (answer != STAGE_SUSPEND)
        request_resume(r, answer);
}

static void answered(struct chat *c, struct lane *lane) {
    struct attempt *t = &lane->asking.attempt;
    struct lane *other = other_lane(c, lane);
    if (c->answering != lane)
        choose(c, lane);
    c->facts = t->facts;
    if (other && other->lost)
        bill_lost(c, other);
    if (c->verifying) {
        verifying_judge(c, lane, verified);
        return;
    }
    if (!c->in.stream) {
        c->reply = t->reply;
        t->reply = (struct buf){0};
    }
    chat_set_decision(c->r);
    request_resume(c->r, STAGE_NEXT);
}

/* ---- a lane ---- */

static void on_call(struct asking *a) {
    chat_held_clear(&lane_of(a)->held); /* of a call before, which broke */
    chat_call_begins(chat_of(a));
}

static void on_called(struct asking *a, enum failure failure) {
    struct chat *c = chat_of(a);
    chat_call_ended(c, a, failure, lane_of(a) == c->lanes[0] ? CALL_ANSWER : CALL_HEDGE);
}

static void on_output(struct asking *a, struct str bytes) {
    struct chat *c = chat_of(a);
    if (!c->answering)
        choose(c, lane_of(a));
    if (c->verifying) {
        buf_add_str(&lane_of(a)->held.events, bytes);
        return;
    }
    a->committed = true;
    chat_say(c, bytes);
}

static void on_read(struct asking *a) {
    if (chat_flush(chat_of(a)))
        attempt_pause(&a->attempt);
}

static void ended(struct asking *a, enum failure failure) {
    struct chat *c = chat_of(a);
    if (failure == FAILURE_NONE) {
        answered(c, lane_of(a));
        return;
    }
    if (is_under_way(other_lane(c, lane_of(a))))
        return;
    c->r->error = a->attempt.error;
    c->failure = failure;
    c->facts = a->attempt.facts;
    loop_timer_disarm(c->r->loop->loop, &c->late);
    enum stage_answer answer = go_on(c->r);
    if (answer != STAGE_SUSPEND)
        request_resume(c->r, answer);
}

static const struct asking_events events = {
    .on_call = on_call, .on_called = on_called, .on_output = on_output, .on_read = on_read, .ended = ended};

static struct lane *lane_at(struct chat *c, unsigned index) {
    struct lane *lane = c->lanes[index];
    if (!lane)
        return c->lanes[index] = arena_zalloc(c->r->arena, sizeof *lane);
    attempt_clear(&lane->asking.attempt);
    chat_request_clear(&lane->prompted);
    return lane;
}

static enum failure prepare(struct chat *c, unsigned index, unsigned candidate) {
    struct request *r = c->r;
    const struct candidate *at = &c->candidates[candidate];
    struct lane *lane = lane_at(c, index);
    if (!lane) {
        fail(&r->error, ERR_NO_MEMORY, "Out of memory for this request.");
        return FAILURE_OVERLOADED;
    }
    lane->candidate = candidate;
    lane->lost = false;
    lane->question = (struct question){.loop = r->loop,
                                       .arena = r->arena,
                                       .id = r->id,
                                       .in = &c->in,
                                       .trace = &r->trace,
                                       .wall_ns = r->wall_ns,
                                       .deadline_ns = r->deadline_ns};
    if (c->verifying)
        verifying_word(c, &lane->question, &lane->held);
    else if (r->mirror)
        chat_keep_text(&lane->question, &lane->held);
    lane->asking.events = &events;
    lane->asking.asker = c;
    lane->asking.question = &lane->question;
    lane->asking.remote = at->remote;
    lane->asking.timeout_ns = at->step ? at->step->timeout : 0;
    lane->asking.has_next = c->next < c->candidate_count || index > 0;
    if (!chat_needs_prompt(&c->in, at->remote->prompt))
        return FAILURE_NONE;
    lane->question.in = &lane->prompted; /* without the prompt's values */
    if (chat_put_prompt(&c->in, at->remote->prompt, r->arena, &lane->prompted, &r->error))
        return FAILURE_NONE;
    return r->error.code == ERR_NO_MEMORY ? FAILURE_OVERLOADED : FAILURE_INVALID;
}

static enum failure ask(struct chat *c, unsigned index, unsigned candidate) {
    enum failure failure = prepare(c, index, candidate);
    if (failure != FAILURE_NONE)
        return failure;
    struct asking *a = &c->lanes[index]->asking;
    failure = asking_start(a);
    if (failure != FAILURE_NONE)
        c->r->error = a->attempt.error;
    return failure;
}

/* ---- the hedge ---- */

/* Another of the rollout where the route has one, else the same again. A fallback is no equal. */
static unsigned hedge_candidate(const struct chat *c) {
    bool equal = c->next < c->candidate_count && !c->candidates[c->next].step;
    return equal ? c->next : c->candidate;
}

static void hedge(struct loop_timer *timer) {
    struct chat *c = CONTAINER_OF(timer, struct chat, late);
    struct upstream *u = chat_candidate(c)->remote->upstream;
    unsigned candidate = hedge_candidate(c);
    struct error kept = c->r->error;
    if (c->begun || !hedge_start(&u->retry_budget, &u->retry_options, clock_recent()))
        return;
    if (candidate == c->next)
        c->next++;
    c->lanes[0]->asking.has_next = true;
    if (ask(c, 1, candidate) != FAILURE_NONE)
        c->r->error = kept; /* the first one goes on alone */
}

static void arm_hedge(struct request *r) {
    struct chat *c = r->chat;
    struct upstream *u = chat_candidate(c)->remote->upstream;
    double quantile = r->endpoint->config->hedge;
    struct hedge_options options = {.on = quantile > 0, .quantile = quantile};
    if (!options.on || verifying_effort(c).samples > 1) /* those are several already */
        return;
    int64_t now = clock_recent(), after = hedge_after(&options, &u->latency, now, r->deadline_ns);
    if (after < 0)
        return;
    c->late.fire = hedge;
    loop_timer_arm(r->loop->loop, &c->late, now + after);
}

/* ---- the chain ---- */

static enum progress try_simulator(struct request *r) {
    struct chat *c = r->chat;
    c->failure = prepare(c, 0, c->candidate);
    if (c->failure != FAILURE_NONE)
        return PROGRESS_FAILED;
    c->failure = FAILURE_UNSUPPORTED;
    return simulator_answer(r, c->lanes[0]->question.in) ? PROGRESS_ANSWERED : PROGRESS_FAILED;
}

static enum progress try_own(struct request *r, const struct candidate *at) {
    if (at->remote)
        return try_simulator(r);
    r->chat->failure = FAILURE_OVERLOADED;
    if (at->step->kind == STEP_TEXT)
        return chat_say_text(r, str_from(at->step->config->text), &CHAT_USAGE_NOTHING) ? PROGRESS_ANSWERED
                                                                                       : PROGRESS_FAILED;
    if (at->step->kind == STEP_RULES)
        return chat_rules_answer(r, at->step->script) ? PROGRESS_ANSWERED : PROGRESS_FAILED;
    if (at->step->kind == STEP_CACHE && chat_recall(r, true))
        return PROGRESS_ANSWERED;
    fail(&r->error, ERR_UPSTREAM, "No model could answer.");
    return PROGRESS_FAILED;
}

static enum progress try_next(struct request *r) {
    struct chat *c = r->chat;
    c->candidate = c->next++;
    c->answering = NULL;
    const struct candidate *at = chat_candidate(c);
    if (!at->remote || at->remote->upstream->config->kind == UPSTREAM_SIMULATOR)
        return try_own(r, at);
    c->failure = ask(c, 0, c->candidate);
    if (c->failure != FAILURE_NONE)
        return PROGRESS_FAILED;
    if (c->verifying)
        verifying_begin(c, c->lanes[0]);
    arm_hedge(r);
    return PROGRESS_WAITING;
}

/* How long the upstreams that were asked want to be left alone. */
static uint32_t patience(const struct request *r) {
    const struct lane *lane = r->chat->lanes[0];
    int64_t asked_ns = lane ? lane->asking.attempt.retry_after_ns : 0;
    return asked_ns ? (uint32_t)(asked_ns / NS_PER_MS) : r->error.retry_after_ms;
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

/* The last one asked has failed (r->error, c->failure): what now? */
static enum stage_answer go_on(struct request *r) {
    struct chat *c = r->chat;
    uint32_t retry_after_ms = patience(r);
    if (c->verifying)
        verifying_drop(c);
    for (;;) {
        if (c->begun || !failure_other_may_answer(c->failure))
            return STAGE_FAIL;
        outcome_note_reason(r);
        if (c->next >= c->candidate_count || clock_monotonic() >= r->deadline_ns)
            return give_up(r, retry_after_ms);
        switch (try_next(r)) {
        case PROGRESS_ANSWERED: chat_set_decision(r); return STAGE_NEXT;
        case PROGRESS_WAITING: return STAGE_SUSPEND;
        case PROGRESS_FAILED: break;
        }
    }
}

/* To the fallbacks at once. */
static enum stage_answer pass_over(struct request *r) {
    struct chat *c = r->chat;
    while (c->next < c->candidate_count && !c->candidates[c->next].step)
        c->next++;
    c->failure = FAILURE_OVERLOADED;
    fail(&r->error, ERR_MODEL, "%.*s", STR_ARG(r->endpoint->switch_why));
    return go_on(r);
}

static enum stage_answer run(struct request *r) {
    if (r->endpoint->switched == SWITCH_FALLBACK)
        return pass_over(r);
    switch (try_next(r)) {
    case PROGRESS_ANSWERED: chat_set_decision(r); return STAGE_NEXT;
    case PROGRESS_WAITING: return STAGE_SUSPEND;
    case PROGRESS_FAILED: break;
    }
    return go_on(r);
}

static void cancel(struct request *r) {
    struct chat *c = r->chat;
    loop_timer_disarm(r->loop->loop, &c->late);
    if (c->verifying)
        verifying_drop(c);
    for (unsigned i = 0; i < CHAT_LANES; i++)
        if (is_under_way(c->lanes[i]))
            asking_cancel(&c->lanes[i]->asking);
}

const struct stage stage_call = {.name = "call", .run = run, .cancel = cancel};
