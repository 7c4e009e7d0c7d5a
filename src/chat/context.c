#include "chat/context.h"

#include "base/hash.h"

#include <stdlib.h>

/* A turn begins with a user message and goes up to the next one. Turns are dropped whole, the oldest first:
 * so roles still alternate, and calls stay with their results. Where a result stands in a later turn than its
 * call, the turns between are taken as one. What a message is shows in itself, whichever API it is of. */

struct call {
    struct str id;
    size_t turn;
};

struct turns {
    yyjson_val *messages;
    size_t count, last;
    size_t *turn;       /* of each message */
    int64_t *tokens;    /* of each message */
    struct call *calls; /* open addressing by id */
    size_t slots;
};

static const struct {
    const char *name;
    enum context_policy policy;
} policies[] = {
    {"refuse", CONTEXT_REFUSE}, {"drop_oldest", CONTEXT_DROP_OLDEST}, {"summarise", CONTEXT_SUMMARISE}};

bool context_policy_named(struct str name, enum context_policy *out) {
    for (size_t i = 0; i < ARRAY_COUNT(policies); i++)
        if (str_eq(name, str_from(policies[i].name))) {
            *out = policies[i].policy;
            return true;
        }
    return false;
}

static struct str role_of(yyjson_val *message) {
    return json_str_of(yyjson_obj_get(message, "role"));
}

static bool is_system(yyjson_val *message) {
    return str_eq(role_of(message), STR("system")) || str_eq(role_of(message), STR("developer"));
}

/* ---- turns ---- */

static struct call *call_slot(struct turns *t, struct str id) {
    size_t slot = hash64(id, (uintptr_t)t->calls) & (t->slots - 1);
    while (t->calls[slot].id.p && !str_eq(t->calls[slot].id, id))
        slot = (slot + 1) & (t->slots - 1);
    return &t->calls[slot];
}

/* ---- calls and their results ---- */

typedef void id_visitor(void *ctx, struct str id);

static bool has_type(yyjson_val *value, struct str type) {
    return str_eq(json_str_of(yyjson_obj_get(value, "type")), type);
}

static void visit_parts(yyjson_val *message, struct str type, const char *name, id_visitor *visit,
                        void *ctx) {
    size_t index, max;
    yyjson_val *part, *content = yyjson_obj_get(message, "content");
    yyjson_arr_foreach(content, index, max, part) {
        if (has_type(part, type))
            visit(ctx, json_str_of(yyjson_obj_get(part, name)));
    }
}

/* Chat completions: tool_calls; messages: tool_use; responses: items with a call_id. */
static void visit_calls(yyjson_val *message, id_visitor *visit, void *ctx) {
    size_t index, max;
    yyjson_val *one, *calls = yyjson_obj_get(message, "tool_calls");
    yyjson_arr_foreach(calls, index, max, one) visit(ctx, json_str_of(yyjson_obj_get(one, "id")));
    visit_parts(message, STR("tool_use"), "id", visit, ctx);
    struct str type = json_str_of(yyjson_obj_get(message, "type"));
    if (str_ends(type, STR("_call")))
        visit(ctx, json_str_of(yyjson_obj_get(message, "call_id")));
}

static void visit_results(yyjson_val *message, id_visitor *visit, void *ctx) {
    if (str_eq(role_of(message), STR("tool")))
        visit(ctx, json_str_of(yyjson_obj_get(message, "tool_call_id")));
    visit_parts(message, STR("tool_result"), "tool_use_id", visit, ctx);
    if (str_ends(json_str_of(yyjson_obj_get(message, "type")), STR("_call_output")))
        visit(ctx, json_str_of(yyjson_obj_get(message, "call_id")));
}

static void found(void *ctx, struct str id) {
    *(bool *)ctx = true;
}

/* What the user says; Anthropic's users also bring the results of tools. */
static bool is_users(yyjson_val *message) {
    bool results = false;
    if (!str_eq(role_of(message), STR("user")))
        return false;
    visit_results(message, found, &results);
    return !results;
}

static void count_one(void *ctx, struct str id) {
    ++*(size_t *)ctx;
}

static size_t count_calls(yyjson_val *messages) {
    size_t index, max, count = 0;
    yyjson_val *message;
    yyjson_arr_foreach(messages, index, max, message) visit_calls(message, count_one, &count);
    return count;
}

struct at_turn {
    struct turns *t;
    size_t own, earliest;
};

static void note_call(void *ctx, struct str id) {
    struct at_turn *at = ctx;
    if (id.n)
        *call_slot(at->t, id) = (struct call){id, at->own};
}

static void find_call(void *ctx, struct str id) {
    struct at_turn *at = ctx;
    struct call *call = id.n ? call_slot(at->t, id) : NULL;
    if (call && call->id.p && call->turn < at->earliest)
        at->earliest = call->turn;
}

/* The turn whose call this message answers; its own where it answers none. */
static size_t answered_turn(struct turns *t, yyjson_val *message, size_t own) {
    struct at_turn at = {t, own, own};
    if (str_eq(role_of(message), STR("function")) && own > 0)
        return own - 1; /* the old API's results have no id: they stay with what is before them */
    visit_results(message, find_call, &at);
    return at.earliest;
}

/* `covers`: how many answers reach over the border before each turn, as differences. */
static void number_messages(struct turns *t, int64_t *covers) {
    size_t index, max, turn = 0;
    bool user = false;
    yyjson_val *message;
    yyjson_arr_foreach(t->messages, index, max, message) {
        bool is_user = is_users(message);
        turn += is_user && !user && index > 0;
        if (!is_system(message))
            user = is_user;
        t->turn[index] = turn;
        visit_calls(message, note_call, &(struct at_turn){t, turn, turn});
        covers[answered_turn(t, message, turn) + 1]++;
        covers[turn + 1]--;
    }
}

/* A turn whose border is covered becomes one with the turn before it. */
static void join_turns(struct turns *t, const int64_t *covers) {
    int64_t covered = 0;
    size_t raw = 0, joined = 0;
    for (size_t i = 0; i < t->count; i++) {
        for (; raw < t->turn[i]; raw++) {
            covered += covers[raw + 1];
            joined += covered == 0;
        }
        t->turn[i] = joined;
    }
    t->last = joined;
}

static bool read_turns(struct turns *t, yyjson_val *messages) {
    *t = (struct turns){.messages = messages, .count = yyjson_arr_size(messages), .slots = 16};
    while (t->slots < count_calls(messages) * 2 + 2)
        t->slots *= 2;
    t->turn = calloc(t->count + 1, sizeof(*t->turn));
    t->tokens = calloc(t->count + 1, sizeof(*t->tokens));
    t->calls = calloc(t->slots, sizeof(*t->calls));
    int64_t *covers = calloc(t->count + 2, sizeof(*covers));
    bool good = t->turn && t->tokens && t->calls && covers;
    if (good) {
        number_messages(t, covers);
        join_turns(t, covers);
    }
    free(covers);
    return good;
}

static void clear_turns(struct turns *t) {
    free(t->turn);
    free(t->tokens);
    free(t->calls);
}

/* ---- the plan ---- */

static bool too_long(const struct context_limits *l, int64_t tokens, const char *why, struct error *err) {
    int64_t room = l->window - l->answer;
    return fail_at(
        err, ERR_CONTEXT_LENGTH, "messages",
        "The conversation has %lld tokens%s; the model's window of %lld leaves %lld for it, with %lld kept "
        "for the answer: %lld too many. Shorten the messages or ask for a shorter answer.",
        (long long)tokens, why, (long long)l->window, (long long)room, (long long)l->answer,
        (long long)(tokens - room));
}

/* Leaves out the oldest turns until the rest fits `room`; returns the tokens that remain. */
static int64_t drop_turns(struct turns *t, struct context_plan *p, int64_t room) {
    int64_t left = p->tokens;
    for (size_t i = 0; i < t->count && left > room;) {
        size_t turn = t->turn[i];
        if (turn == t->last)
            break;
        for (; i < t->count && t->turn[i] == turn; i++) {
            if (is_system(yyjson_arr_get(t->messages, i)))
                continue;
            p->keep[i] = false;
            p->dropped++;
            left -= t->tokens[i];
        }
    }
    return left;
}

static bool shorten(struct turns *t, const struct context_limits *l, struct context_plan *p,
                    struct error *err) {
    bool summary = l->policy == CONTEXT_SUMMARISE;
    int64_t extra = summary ? l->summary : 0;
    p->kept_tokens = drop_turns(t, p, l->window - l->answer - extra) + extra;
    if (p->kept_tokens > l->window - l->answer)
        return too_long(l, p->kept_tokens, " in what must be kept (instructions and the latest turn)", err);
    p->verdict = summary ? CONTEXT_SUMMARY : CONTEXT_SHORTEN;
    p->summary_before = p->count;
    for (size_t i = p->count; i-- > 0 && p->keep[i];)
        p->summary_before = i;
    return true;
}

static bool make_plan(struct turns *t, const struct context_limits *l, struct context_plan *p,
                      struct error *err) {
    size_t index, max;
    yyjson_val *message;
    p->tokens = l->fixed;
    yyjson_arr_foreach(t->messages, index, max, message) {
        t->tokens[index] = l->count(l->ctx, message);
        p->tokens += t->tokens[index];
        p->keep[index] = true;
    }
    p->kept_tokens = p->tokens;
    if (l->window <= 0 || p->tokens <= l->window - l->answer)
        return true;
    if (l->policy == CONTEXT_REFUSE)
        return too_long(l, p->tokens, "", err);
    return shorten(t, l, p, err);
}

bool context_plan(yyjson_val *messages, const struct context_limits *limits, struct context_plan *out,
                  struct error *err) {
    struct turns turns;
    struct context_plan plan = {.count = yyjson_arr_size(messages)};
    plan.summary_before = plan.count;
    plan.keep = calloc(plan.count + 1, sizeof(*plan.keep));
    bool read = read_turns(&turns, messages) && plan.keep;
    bool good = read ? make_plan(&turns, limits, &plan, err)
                     : fail(err, ERR_NO_MEMORY, "Out of memory while fitting a conversation to its window.");
    clear_turns(&turns);
    if (good)
        *out = plan;
    else
        context_plan_clear(&plan);
    return good;
}

void context_plan_clear(struct context_plan *p) {
    free(p->keep);
    p->keep = NULL;
}

/* ---- writing ---- */

static void write_summary(struct json_writer *w, const char *role, struct str summary) {
    AUTO_BUF text = BUF_INIT(1 << 20);
    buf_add_str(&text, STR("Summary of the earlier conversation: "));
    buf_add_str(&text, summary);
    json_object(w);
    json_field_text(w, "role", role);
    json_field_str(w, "content", buf_str(&text));
    json_object_end(w);
}

void context_write(yyjson_val *messages, const struct context_plan *p, const char *role, struct str summary,
                   struct buf *out) {
    struct json_writer w = JSON_WRITER(out);
    size_t index, max;
    yyjson_val *message;
    json_array(&w);
    yyjson_arr_foreach(messages, index, max, message) {
        if (p->verdict == CONTEXT_SUMMARY && index == p->summary_before)
            write_summary(&w, role, summary);
        if (p->keep[index])
            json_value(&w, message);
    }
    json_array_end(&w);
}

static void write_call(struct buf *out, yyjson_val *call) {
    yyjson_val *function = yyjson_obj_get(call, "function"), *input = yyjson_obj_get(call, "input");
    yyjson_val *of = function ? function : call;
    buf_printf(out, "[calls %.*s(", STR_ARG(json_str_of(yyjson_obj_get(of, "name"))));
    buf_add_str(out, json_str_of(yyjson_obj_get(of, "arguments")));
    if (input)
        json_value(&JSON_WRITER(out), input);
    buf_add_str(out, STR(")]"));
}

static void write_content(struct buf *out, yyjson_val *content) {
    size_t index, max;
    yyjson_val *part;
    buf_add_str(out, json_str_of(content));
    yyjson_arr_foreach(content, index, max, part) {
        if (has_type(part, STR("tool_use")))
            write_call(out, part);
        else if (has_type(part, STR("tool_result")))
            buf_add_str(out, json_str_of(yyjson_obj_get(part, "content")));
        else
            buf_add_str(out, json_str_of(yyjson_obj_get(part, "text")));
    }
}

void context_write_dropped(yyjson_val *messages, const struct context_plan *p, struct buf *out) {
    size_t index, max, at, end;
    yyjson_val *message, *call;
    yyjson_arr_foreach(messages, index, max, message) {
        yyjson_val *calls = yyjson_obj_get(message, "tool_calls");
        struct str who = role_of(message);
        if (p->keep[index])
            continue;
        buf_printf(out, "%.*s: ", STR_ARG(who.n ? who : json_str_of(yyjson_obj_get(message, "type"))));
        write_content(out, yyjson_obj_get(message, "content"));
        yyjson_arr_foreach(calls, at, end, call) write_call(out, call);
        if (yyjson_obj_get(message, "arguments"))
            write_call(out, message);
        write_content(out, yyjson_obj_get(message, "output"));
        buf_add_char(out, '\n');
    }
}
