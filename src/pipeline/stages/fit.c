/* A conversation that outgrows its model's window: refused with the count, or its oldest turns are left out,
 * or a summary takes their place. Counts are estimates (chat/count.h). */
#include "chat/context.h"
#include "chat/count.h"
#include "pipeline/stages/stages.h"
#include "pipeline/summary.h"

enum { SUMMARY_SHARE = 8, SUMMARY_TOKENS_MIN = 64, SUMMARY_TOKENS_MAX = 1024 };

static bool applies(const struct request *r) {
    return r->endpoint->config->context.window > 0;
}

static enum token_family family_of(const struct request *r) {
    return token_family_of(r->endpoint->shares[0].remote->model);
}

static const struct token_calibration *calibration_of(const struct request *r) {
    return &r->endpoint->shares[0].remote->experience->counted;
}

/* Of the template before its values are in it. */
static int64_t prompt_tokens(const struct request *r) {
    int64_t bytes = r->endpoint->shares[0].remote->prompt_bytes;
    return bytes ? tokens_of_bytes(bytes) : 0;
}

struct counting {
    enum token_family family;
    const struct token_calibration *calibration;
    int64_t raw; /* all that was counted, uncorrected */
};

static int64_t corrected(struct counting *c, int64_t tokens) {
    c->raw += tokens;
    return token_corrected(c->calibration, tokens);
}

static int64_t count(void *ctx, yyjson_val *turn) {
    struct counting *c = ctx;
    return corrected(c, count_turn(c->family, turn));
}

/* The request as if the client had left those turns out itself. */
static bool leave_out(struct request *r, const struct context_plan *plan, struct str summary) {
    struct chat *c = r->chat;
    struct chat_request shorter;
    const char *role = c->in.surface == CHAT_MESSAGES ? "user" : "system";
    AUTO_BUF turns = BUF_INIT(2 * (c->in.body.n + summary.n) + 4096);
    AUTO_BUF body = BUF_INIT(3 * (c->in.body.n + summary.n) + 4096);
    context_write(c->in.turns, plan, role, summary, &turns);
    if (turns.failed || !chat_request_with_turns(&c->in, buf_str(&turns), &body))
        return fail(&r->error, ERR_NO_MEMORY, "Out of memory for this request.");
    struct str kept = arena_copy(r->arena, buf_str(&body));
    if (!kept.p)
        return fail(&r->error, ERR_NO_MEMORY, "Out of memory for this request.");
    if (!chat_request_parse(c->in.surface, kept, &shorter, &r->error))
        return false;
    chat_request_clear(&c->in);
    c->in = shorter;
    c->sized = c->counted = 0;
    c->shortened = plan->verdict == CONTEXT_SUMMARY ? STR("summarised") : STR("dropped");
    return true;
}

static int64_t summary_tokens(int64_t window) {
    int64_t share = window / SUMMARY_SHARE;
    return share < SUMMARY_TOKENS_MIN   ? SUMMARY_TOKENS_MIN
           : share < SUMMARY_TOKENS_MAX ? share
                                        : SUMMARY_TOKENS_MAX;
}

static bool plan_turns(struct request *r, struct context_plan *plan) {
    static const enum context_policy policies[] = {[WINDOW_REFUSE] = CONTEXT_REFUSE,
                                                   [WINDOW_DROP_OLDEST] = CONTEXT_DROP_OLDEST,
                                                   [WINDOW_SUMMARISE] = CONTEXT_SUMMARISE};
    const struct config_context *config = &r->endpoint->config->context;
    const struct chat_request *in = &r->chat->in;
    struct counting counting = {.family = family_of(r), .calibration = calibration_of(r)};
    struct context_limits limits = {
        .policy = policies[config->on_limit],
        .window = config->window,
        .answer = in->output_max > 0 ? in->output_max : 0,
        .fixed = corrected(&counting, count_fixed(counting.family, in) + prompt_tokens(r)),
        .summary = summary_tokens(config->window),
        .count = count,
        .ctx = &counting,
    };
    bool good = context_plan(in->turns, &limits, plan, &r->error);
    r->chat->counted = good && count_bytes(in).images == 0 ? counting.raw : 0;
    return good;
}

/* Where there is no summary, those turns are left out all the same: the reply says so. */
static bool take_summary(struct request *r, struct context_plan *plan, bool good, struct str summary) {
    if (!good)
        plan->verdict = CONTEXT_SHORTEN;
    return leave_out(r, plan, summary);
}

static void summarised(struct request *r, bool good, struct str summary) {
    struct context_plan plan;
    bool fits = plan_turns(r, &plan);
    if (fits) {
        fits = take_summary(r, &plan, good, summary);
        context_plan_clear(&plan);
    }
    request_resume(r, fits ? STAGE_NEXT : STAGE_FAIL);
}

static enum stage_answer summarise(struct request *r, struct context_plan *plan) {
    AUTO_BUF turns = BUF_INIT(2 * r->chat->in.body.n + 4096);
    struct str text = STR("");
    context_write_dropped(r->chat->in.turns, plan, &turns);
    switch (summary_start(r, buf_str(&turns), summary_tokens(r->endpoint->config->context.window), summarised,
                          &text)) {
    case SUMMARY_COMES: return STAGE_SUSPEND;
    case SUMMARY_THERE: return take_summary(r, plan, true, text) ? STAGE_NEXT : STAGE_FAIL;
    case SUMMARY_FAILED: break;
    }
    return take_summary(r, plan, false, text) ? STAGE_NEXT : STAGE_FAIL;
}

static enum stage_answer fit_turns(struct request *r) {
    struct context_plan plan;
    enum stage_answer answer = STAGE_NEXT;
    if (!plan_turns(r, &plan))
        return STAGE_FAIL;
    if (plan.verdict == CONTEXT_SUMMARY)
        answer = summarise(r, &plan);
    else if (plan.verdict == CONTEXT_SHORTEN)
        answer = leave_out(r, &plan, STR("")) ? STAGE_NEXT : STAGE_FAIL;
    context_plan_clear(&plan);
    return answer;
}

/* One text has no turns to leave out. */
static enum stage_answer fit_whole(struct request *r) {
    const struct chat_request *in = &r->chat->in;
    int64_t window = r->endpoint->config->context.window;
    int64_t tokens = token_corrected(calibration_of(r), count_request(family_of(r), in)) +
                     (in->output_max > 0 ? in->output_max : 0);
    if (tokens <= window)
        return STAGE_NEXT;
    return stage_fail(
        r, ERR_CONTEXT_LENGTH,
        "The request has about %lld tokens with its answer, and the model's window has %lld; send "
        "less.",
        (long long)tokens, (long long)window);
}

static enum stage_answer run(struct request *r) {
    return r->chat->in.turns ? fit_turns(r) : fit_whole(r);
}

const struct stage stage_fit = {.name = "fit", .applies = applies, .run = run, .cancel = summary_cancel};
