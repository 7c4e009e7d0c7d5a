#include "pipeline/tool_calls.h"

#include "base/clock.h"
#include "chat/answer_stream.h"
#include "pipeline/actions.h"
#include "pipeline/chat.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CALLS_MAX = 256 << 10 };

struct passing_calls {
    struct chat_answer answer;
    struct buf room; /* of a stream: what the answer points into */
};

void passing_calls_free(struct passing_calls *p) {
    if (!p)
        return;
    chat_answer_clear(&p->answer);
    buf_free(&p->room);
    free(p);
}

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

/* ---- which ones ---- */

/* NULL: it may be taken. */
static const struct config_action *held_by(struct request *r, const struct chat_block *call,
                                           struct str *why) {
    struct error broken;
    const struct config_action *a = action_named(r->endpoint->config, call->name);
    if (!a)
        return NULL;
    yyjson_doc *doc = json_parse(call->text, &broken);
    bool allowed = action_allowed(a, yyjson_doc_get_root(doc), r->arena, why);
    yyjson_doc_free(doc);
    return allowed ? NULL : a;
}

struct sorted {
    size_t passed, held;
    const struct config_action *worst; /* of those that wait: one that never may be taken before all others */
    struct str name, why;
};

/* Takes the calls that wait out of the choice and writes them down. */
static void sort_choice(struct request *r, struct chat_choice *choice, struct sorted *s,
                        struct json_writer *w) {
    size_t kept = 0;
    for (size_t i = 0; i < choice->count; i++) {
        const struct chat_block *b = &choice->blocks[i];
        struct str why = STR("");
        const struct config_action *a = b->kind == BLOCK_TOOL_CALL ? held_by(r, b, &why) : NULL;
        if (a) {
            json_object(w);
            json_field_str(w, "name", b->name);
            json_field_str(w, "arguments", b->text);
            json_object_end(w);
            s->held++;
        } else {
            s->passed += b->kind == BLOCK_TOOL_CALL;
            choice->blocks[kept++] = *b;
        }
        if (a && (!s->worst || (a->policy == ACTION_NEVER && s->worst->policy != ACTION_NEVER))) {
            s->worst = a;
            s->name = arena_copy(r->arena, b->name);
            s->why = why;
        }
    }
    choice->count = kept;
}

static struct sorted sort_calls(struct request *r, struct chat_answer *answer) {
    struct sorted s = {0};
    AUTO_BUF text = BUF_INIT(CALLS_MAX);
    struct json_writer w = JSON_WRITER(&text);
    json_array(&w);
    for (size_t c = 0; c < answer->choice_count; c++)
        sort_choice(r, &answer->choices[c], &s, &w);
    json_array_end(&w);
    if (s.held == 0)
        return s;
    struct str copy = arena_copy(r->arena, text.failed ? STR("[]") : buf_str(&text));
    r->outcome.prediction = copy.p ? copy : STR("[]");
    r->outcome.answered = true;
    return s;
}

/* ---- the answer ---- */

static bool read_answer(struct request *r, struct passing_calls *p) {
    struct chat *c = r->chat;
    struct error unread;
    int64_t now = r->wall_ns / NS_PER_SECOND;
    return c->in.stream
               ? chat_answer_of_stream(c->in.surface, buf_str(&c->reply), now, &p->answer, &p->room, &unread)
               : chat_answer_read(c->in.surface, buf_str(&c->reply), now, &p->answer, &unread);
}

static bool hold_all(struct request *r) {
    r->outcome.prediction = str_slice(buf_str(&r->chat->reply), 0, CALLS_MAX);
    r->outcome.answered = true;
    action_hold(r, strictest(r->endpoint->config), STR("tools"),
                STR("its tool calls cannot be told apart, so all of them wait"));
    return false;
}

bool tool_calls_allowed(struct request *r) {
    if (all_allowed(r->endpoint->config))
        return true;
    struct passing_calls *p = calloc(1, sizeof *p);
    if (!p || !read_answer(r, p)) {
        free(p);
        return hold_all(r);
    }
    struct sorted s = sort_calls(r, &p->answer);
    if (s.held == 0 || s.passed == 0) {
        passing_calls_free(p);
        p = NULL;
    }
    if (s.held == 0)
        return s.passed > 0 || hold_all(r);
    r->chat->passing = p;
    action_hold(r, s.worst, s.name.p ? s.name : STR("?"), s.why);
    return false;
}

/* ---- what goes out ---- */

/* The blocks with a text that names the review before the first call. False: no memory. */
static bool add_notice(struct request *r, struct chat_choice *choice) {
    char text[160];
    snprintf(text, sizeof text, "Some tool calls are withheld until a person has looked at them (review %s).",
             r->outcome.review_id);
    struct chat_block *blocks = arena_alloc(r->arena, (choice->count + 1) * sizeof *blocks);
    struct str copy = arena_copy(r->arena, str_from(text));
    size_t at = 0;
    if (!blocks || !copy.p)
        return false;
    while (at < choice->count && choice->blocks[at].kind != BLOCK_TOOL_CALL)
        at++;
    memcpy(blocks, choice->blocks, at * sizeof *blocks);
    blocks[at] = (struct chat_block){.kind = BLOCK_TEXT, .text = copy};
    memcpy(blocks + at + 1, choice->blocks + at, (choice->count - at) * sizeof *blocks);
    choice->blocks = blocks;
    choice->count++;
    return true;
}

void tool_calls_write(struct request *r, struct buf *out) {
    const struct chat_request *in = &r->chat->in;
    struct chat_answer *answer = &r->chat->passing->answer;
    bool good = true;
    for (size_t i = 0; i < answer->choice_count; i++)
        good = good && add_notice(r, &answer->choices[i]);
    good = good && (in->stream ? chat_answer_replay(answer, in->surface, in->include_usage, out, &r->error)
                               : chat_answer_write(answer, in->surface, out, &r->error));
    out->failed |= !good;
}
