/* A conversation that outgrows its model's window: refused with the count, or its oldest turns are left out.
 * Counts are estimates (chat/tokens.h). */
#include "chat/context.h"
#include "chat/prompt_text.h"
#include "chat/tokens.h"
#include "pipeline/chat.h"
#include "pipeline/stages/stages.h"

#include <stdlib.h>

static bool applies(const struct request *r) {
    return r->endpoint->config->context.window > 0;
}

/* Of all texts in a value; other values count as the few characters that they are. */
static int64_t tokens_in(enum token_family family, yyjson_val *value) {
    size_t i, max;
    yyjson_val *key, *item;
    int64_t sum = 0;
    if (yyjson_is_str(value))
        return token_estimate(family, json_str_of(value));
    if (str_eq(json_str_of(yyjson_obj_get(value, "type")), STR("image_url")))
        return TOKENS_PER_IMAGE;
    if (yyjson_is_arr(value)) {
        yyjson_arr_foreach(value, i, max, item) sum += tokens_in(family, item);
    } else if (yyjson_is_obj(value)) {
        yyjson_obj_foreach(value, i, max, key, item) sum += tokens_in(family, key) + tokens_in(family, item);
    } else {
        sum = value ? 1 : 0;
    }
    return sum;
}

static int64_t count_message(void *ctx, yyjson_val *message) {
    enum token_family family = *(enum token_family *)ctx;
    return tokens_in(family, yyjson_obj_get(message, "content")) +
           tokens_in(family, yyjson_obj_get(message, "tool_calls")) + TOKENS_PER_MESSAGE;
}

/* The request as if the client had left those turns out itself. */
static bool leave_out(struct request *r, const struct context_plan *plan) {
    struct chat *c = r->chat;
    struct chat_request shorter;
    AUTO_BUF messages = BUF_INIT(c->in.body.n + 1024);
    AUTO_BUF body = BUF_INIT(2 * c->in.body.n + 4096);
    context_write(c->in.messages, plan, STR(""), &messages);
    if (messages.failed || !chat_request_with_messages(&c->in, buf_str(&messages), &body))
        return fail(&r->error, ERR_NO_MEMORY, "Out of memory for this request.");
    struct str kept = arena_copy(r->arena, buf_str(&body));
    if (!kept.p)
        return fail(&r->error, ERR_NO_MEMORY, "Out of memory for this request.");
    if (!chat_request_parse(c->in.surface, kept, &shorter, &r->error))
        return false;
    chat_request_clear(&c->in);
    c->in = shorter;
    return true;
}

static bool fit_messages(struct request *r, enum token_family family) {
    struct chat *c = r->chat;
    const struct config_context *config = &r->endpoint->config->context;
    struct context_plan plan;
    struct context_limits limits = {
        .policy = config->on_limit == WINDOW_DROP_OLDEST ? CONTEXT_DROP_OLDEST : CONTEXT_REFUSE,
        .window = config->window,
        .answer = c->in.output_max > 0 ? c->in.output_max : 0,
        .fixed = TOKENS_PER_CALL + tokens_in(family, c->in.tools),
        .count = count_message,
        .ctx = &family,
    };
    if (!context_plan(c->in.messages, &limits, &plan, &r->error))
        return false;
    bool good = plan.verdict == CONTEXT_FITS || leave_out(r, &plan);
    context_plan_clear(&plan);
    return good;
}

/* The other APIs say their turns in other ways: they are counted, not shortened. */
static bool fit_whole(struct request *r, enum token_family family) {
    const struct chat_request *in = &r->chat->in;
    int64_t window = r->endpoint->config->context.window;
    int64_t tokens = tokens_in(family, in->root) + (in->output_max > 0 ? in->output_max : 0);
    return tokens <= window || fail(&r->error, ERR_CONTEXT_LENGTH,
                                    "The request has about %lld tokens with its answer, and the model's "
                                    "window has %lld; send less.",
                                    (long long)tokens, (long long)window);
}

static enum stage_answer run(struct request *r) {
    enum token_family family = token_family_of(r->endpoint->shares[0].remote->model);
    bool chat = r->chat->in.surface == CHAT_COMPLETIONS;
    return (chat ? fit_messages(r, family) : fit_whole(r, family)) ? STAGE_NEXT : STAGE_FAIL;
}

const struct stage stage_fit = {.name = "fit", .applies = applies, .run = run, .brief = true};
