#include "pipeline/actions.h"

#include "chat/answer.h"
#include "pipeline/chat.h"

#include <math.h>

enum { WHY_MAX = 512, CALLS_MAX = 256 << 10 };

const struct config_action *action_named(const struct config_endpoint *e, struct str name) {
    const struct config_action *others = NULL;
    for (size_t i = 0; i < e->action_count; i++) {
        if (str_eq(str_from(e->actions[i].name), name))
            return &e->actions[i];
        if (str_eq(str_from(e->actions[i].name), STR("*")))
            others = &e->actions[i];
    }
    return others;
}

static bool refuse(struct arena *arena, struct str *why, const struct buf *text) {
    struct str copy = arena_copy(arena, buf_str(text));
    *why = copy.p && !text->failed ? copy : STR("it needs approval");
    return false;
}

bool action_allowed(const struct config_action *a, yyjson_val *fields, struct arena *arena, struct str *why) {
    AUTO_BUF text = BUF_INIT(WHY_MAX);
    if (a->policy != ACTION_ALONE) {
        *why =
            a->policy == ACTION_NEVER ? STR("never without a person") : STR("only with a person's approval");
        return false;
    }
    if (!a->has_most)
        return true;
    yyjson_val *value = yyjson_obj_get(fields, a->amount);
    double amount = yyjson_is_num(value) ? yyjson_get_num(value) : NAN;
    if (fabs(amount) <= (double)a->most)
        return true;
    if (isnan(amount))
        buf_printf(&text, "\"%s\", which bounds it, is not there", a->amount);
    else
        buf_printf(&text, "\"%s\" is %.15g, and above %lld a person approves", a->amount, amount,
                   (long long)a->most);
    return refuse(arena, why, &text);
}

/* ---- of a prediction ---- */

static bool hold(struct request *r, const struct config_action *a, struct str name, struct str why) {
    struct outcome *o = &r->outcome;
    bool never = a->policy == ACTION_NEVER;
    o->review_reason = never ? STR("never") : STR("approval");
    o->review_action = never ? STR("") : name;
    o->review_detail = why;
    return false;
}

static bool label_allowed(struct request *r) {
    struct str why;
    const struct config_action *a = action_named(r->endpoint->config, r->outcome.prediction);
    return !a || action_allowed(a, r->input.features, r->arena, &why) ||
           hold(r, a, r->outcome.prediction, why);
}

/* ---- of a chat ---- */

/* The strictest of the list, for calls whose names are not to be had. */
static const struct config_action *strictest(const struct config_endpoint *e) {
    const struct config_action *worst = &e->actions[0];
    for (size_t i = 1; i < e->action_count; i++)
        if (e->actions[i].policy > worst->policy)
            worst = &e->actions[i];
    return worst;
}

/* Whatever the tool is. */
static bool all_allowed(const struct config_endpoint *e) {
    for (size_t i = 0; i < e->action_count; i++)
        if (e->actions[i].policy != ACTION_ALONE || e->actions[i].has_most)
            return false;
    return true;
}

static bool call_allowed(struct request *r, const struct chat_block *call) {
    struct str why;
    struct error broken;
    const struct config_action *a = action_named(r->endpoint->config, call->name);
    if (!a)
        return true;
    yyjson_doc *doc = json_parse(call->text, &broken);
    bool allowed = action_allowed(a, yyjson_doc_get_root(doc), r->arena, &why);
    yyjson_doc_free(doc);
    if (allowed)
        return true;
    struct str name = arena_copy(r->arena, call->name);
    return hold(r, a, name.p ? name : STR("?"), why);
}

/* What a person sees and, approved, the client gets: [{"name", "arguments"}]. */
static void show_calls(struct request *r, const struct chat_answer *answer) {
    AUTO_BUF text = BUF_INIT(CALLS_MAX);
    struct json_writer w = JSON_WRITER(&text);
    json_array(&w);
    for (size_t c = 0; c < answer->choice_count; c++)
        for (size_t i = 0; i < answer->choices[c].count; i++) {
            const struct chat_block *b = &answer->choices[c].blocks[i];
            if (b->kind != BLOCK_TOOL_CALL)
                continue;
            json_object(&w);
            json_field_str(&w, "name", b->name);
            json_field_str(&w, "arguments", b->text);
            json_object_end(&w);
        }
    json_array_end(&w);
    struct str copy = arena_copy(r->arena, text.failed ? STR("[]") : buf_str(&text));
    r->outcome.prediction = copy.p ? copy : STR("[]");
    r->outcome.answered = true;
}

static bool calls_allowed(struct request *r) {
    struct chat *c = r->chat;
    struct chat_answer answer;
    struct error unread;
    bool allowed = true;
    if (all_allowed(r->endpoint->config))
        return true;
    if (c->in.stream || !chat_answer_read(c->in.surface, buf_str(&c->reply), 0, &answer, &unread)) {
        r->outcome.prediction = str_slice(buf_str(&c->reply), 0, CALLS_MAX);
        r->outcome.answered = true;
        return hold(r, strictest(r->endpoint->config), STR("tools"),
                    STR("the tools of a stream are not told apart, so all of them wait"));
    }
    for (size_t k = 0; allowed && k < answer.choice_count; k++)
        for (size_t i = 0; allowed && i < answer.choices[k].count; i++)
            if (answer.choices[k].blocks[i].kind == BLOCK_TOOL_CALL)
                allowed = call_allowed(r, &answer.choices[k].blocks[i]);
    if (!allowed)
        show_calls(r, &answer);
    chat_answer_clear(&answer);
    return allowed;
}

bool actions_allowed(struct request *r) {
    const struct config_endpoint *e = r->endpoint->config;
    if (e->action_count == 0)
        return true;
    if (!r->chat)
        return label_allowed(r);
    return !r->chat->facts.calls_tool || calls_allowed(r);
}
