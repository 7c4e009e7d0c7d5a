#include "pipeline/actions.h"

#include "pipeline/chat.h"
#include "pipeline/tool_calls.h"

#include <math.h>

enum { WHY_MAX = 512 };

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

void action_hold(struct request *r, const struct config_action *a, struct str name, struct str why) {
    struct outcome *o = &r->outcome;
    bool never = a->policy == ACTION_NEVER;
    o->review_reason = never ? STR("never") : STR("approval");
    o->review_action = never ? STR("") : name;
    o->review_detail = why;
}

static bool label_allowed(struct request *r) {
    struct str why;
    const struct config_action *a = action_named(r->endpoint->config, r->outcome.prediction);
    if (!a || action_allowed(a, r->input.features, r->arena, &why))
        return true;
    action_hold(r, a, r->outcome.prediction, why);
    return false;
}

bool actions_allowed(struct request *r) {
    const struct config_endpoint *e = r->endpoint->config;
    if (e->action_count == 0)
        return true;
    if (!r->chat)
        return label_allowed(r);
    return !r->chat->facts.calls_tool || tool_calls_allowed(r);
}
