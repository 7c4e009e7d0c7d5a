#include "chat/reply.h"

#include "chat/usage_read.h"

#include <stdio.h>
#include <string.h>

/* ---- failures ---- */

static bool has(const char *text, const char *part) {
    return text && strcasestr(text, part);
}

/* By what OpenAI and Anthropic document as `type` and `code`; compatible servers mostly copy them, or say
 * nothing.
 */
static enum upstream_trouble kind_named(const char *type, const char *code, const char *message) {
    static const struct {
        const char *word;
        enum upstream_trouble kind;
    } words[] = {
        {"insufficient_quota", TROUBLE_QUOTA},      {"billing_error", TROUBLE_QUOTA},
        {"context_length", TROUBLE_CONTEXT_LENGTH}, {"rate_limit", TROUBLE_RATE_LIMIT},
        {"authentication", TROUBLE_AUTHENTICATION}, {"permission", TROUBLE_AUTHENTICATION},
        {"not_found", TROUBLE_NOT_FOUND},           {"overloaded", TROUBLE_OVERLOADED},
    };
    if (has(message, "maximum context length") || has(message, "prompt is too long"))
        return TROUBLE_CONTEXT_LENGTH;
    for (size_t i = 0; i < ARRAY_COUNT(words); i++)
        if (has(type, words[i].word) || has(code, words[i].word))
            return words[i].kind;
    return has(type, "invalid_request") ? TROUBLE_INVALID : TROUBLE_NONE;
}

static enum upstream_trouble kind_of(int status, const char *type, const char *code, const char *message) {
    enum upstream_trouble named = kind_named(type, code, message);
    if (named != TROUBLE_NONE)
        return named;
    switch (status) {
    case 429: return TROUBLE_RATE_LIMIT;
    case 401:
    case 403: return TROUBLE_AUTHENTICATION;
    case 404: return TROUBLE_NOT_FOUND;
    case 503:
    case 529: return TROUBLE_OVERLOADED;
    case 408: return TROUBLE_SERVER;
    default: return status >= 400 && status < 500 ? TROUBLE_INVALID : TROUBLE_SERVER;
    }
}

static const char *text_of(yyjson_val *object, const char *name) {
    return yyjson_get_str(yyjson_obj_get(object, name));
}

static void read_error(int status, yyjson_val *error, struct chat_trouble *out) {
    const char *type = text_of(error, "type"), *code = text_of(error, "code"),
               *param = text_of(error, "param");
    const char *message = yyjson_is_str(error) ? yyjson_get_str(error) : text_of(error, "message");
    out->kind = kind_of(status, type, code, message);
    snprintf(out->message, sizeof out->message, "%.300s", message ? message : "");
    snprintf(out->param, sizeof out->param, "%.90s", param ? param : "");
}

/* A cut in the middle of a character would make the reply invalid. */
static void end_at_character(char *text) {
    size_t bad;
    if (!str_is_utf8(str_from(text), &bad))
        text[bad] = '\0';
}

static bool error_in(int status, yyjson_val *root, struct chat_trouble *out) {
    yyjson_val *error = yyjson_obj_get(root, "error");
    if (!error || yyjson_is_null(error))
        return false;
    read_error(status, error, out);
    end_at_character(out->message);
    end_at_character(out->param);
    return true;
}

bool chat_trouble_in(yyjson_val *root, struct chat_trouble *out) {
    return error_in(200, root, out);
}

bool chat_trouble_read(int status, struct str body, struct chat_trouble *out) {
    *out = (struct chat_trouble){.status = status};
    yyjson_doc *doc = yyjson_read(body.p, body.n, 0);
    bool said = error_in(status, yyjson_doc_get_root(doc), out);
    yyjson_doc_free(doc);
    if (!said && status >= 200 && status < 300)
        return false;
    if (!said)
        out->kind = kind_of(status, NULL, NULL, NULL);
    return true;
}

void chat_trouble_error(const struct chat_trouble *t, const char *upstream, struct error *err) {
    static const enum error_code codes[] = {
        [TROUBLE_NONE] = ERR_UPSTREAM,
        [TROUBLE_INVALID] = ERR_BAD_REQUEST,
        [TROUBLE_CONTEXT_LENGTH] = ERR_CONTEXT_LENGTH,
        [TROUBLE_AUTHENTICATION] = ERR_UPSTREAM, /* our key, not the client's */
        [TROUBLE_NOT_FOUND] = ERR_UPSTREAM,
        [TROUBLE_RATE_LIMIT] = ERR_OVERLOADED,
        [TROUBLE_QUOTA] = ERR_UPSTREAM,
        [TROUBLE_OVERLOADED] = ERR_OVERLOADED,
        [TROUBLE_SERVER] = ERR_UPSTREAM,
    };
    static const char *const what[] = {
        [TROUBLE_NONE] = "failed",
        [TROUBLE_INVALID] = "refuses the request",
        [TROUBLE_CONTEXT_LENGTH] = "has no room for the request",
        [TROUBLE_AUTHENTICATION] = "does not take this server's key",
        [TROUBLE_NOT_FOUND] = "does not know the model, or the path",
        [TROUBLE_RATE_LIMIT] = "is over its rate limit",
        [TROUBLE_QUOTA] = "has no quota left",
        [TROUBLE_OVERLOADED] = "is overloaded",
        [TROUBLE_SERVER] = "failed",
    };
    const char *param = t->kind == TROUBLE_INVALID ? t->param : "";
    /* Who complains about a key may quote it, and it is this server's. */
    const char *said = t->kind == TROUBLE_AUTHENTICATION ? "" : t->message;
    fail_at(err, codes[t->kind], param, "Upstream \"%s\" %s (status %d)%s%s", upstream, what[t->kind],
            t->status, said[0] ? ": " : ".", said);
}

/* ---- OpenAI's completions: whole, and in events ---- */

static void keep_token(struct buf *out, struct str token, double logprob) {
    struct json_writer w = JSON_WRITER(out);
    json_object(&w);
    json_field_str(&w, "token", token);
    json_key(&w, "logprob");
    json_double(&w, logprob);
    json_object_end(&w);
    buf_add_char(out, ',');
}

void chat_facts_logprobs(struct chat_facts *facts, yyjson_val *tokens) {
    size_t i, max;
    yyjson_val *token;
    yyjson_arr_foreach(tokens, i, max, token) {
        yyjson_val *value = yyjson_obj_get(token, "logprob");
        if (!yyjson_is_num(value))
            continue;
        if (facts->tokens)
            keep_token(facts->tokens, json_str_of(yyjson_obj_get(token, "token")), yyjson_get_num(value));
        facts->logprob_sum += yyjson_get_num(value) < 0 ? yyjson_get_num(value) : 0;
        facts->logprob_count++;
    }
}

/* The first choice's; `body`: "message" of a whole reply, "delta" of an event. */
static void read_choice(yyjson_val *choice, const char *body, struct chat_facts *facts, struct buf *text) {
    const char *finish = text_of(choice, "finish_reason");
    yyjson_val *message = yyjson_obj_get(choice, body), *content = yyjson_obj_get(message, "content");
    if (!content)
        content = yyjson_obj_get(choice, "text"); /* legacy */
    if (finish) {
        size_t n = strnlen(finish, sizeof facts->finish - 1);
        memcpy(facts->finish, finish, n);
        facts->finish[n] = '\0';
    }
    facts->calls_tool |= yyjson_arr_size(yyjson_obj_get(message, "tool_calls")) > 0 || has(finish, "_call");
    facts->refuses |= yyjson_get_len(yyjson_obj_get(message, "refusal")) > 0 || has(finish, "content_filter");
    if (text && yyjson_is_str(content))
        buf_add_str(text, json_str_of(content));
    chat_facts_logprobs(facts, yyjson_obj_get(yyjson_obj_get(choice, "logprobs"), "content"));
}

static void read_completion(yyjson_val *root, const char *body, struct chat_facts *facts, struct buf *text) {
    yyjson_val *choice = yyjson_arr_get_first(yyjson_obj_get(root, "choices"));
    chat_usage_read(yyjson_obj_get(root, "usage"), CHAT_COMPLETIONS, &facts->usage);
    if (choice)
        read_choice(choice, body, facts, text);
}

static bool read_answer(enum chat_surface surface, struct str body, struct chat_facts *facts,
                        struct buf *text, struct error *err) {
    struct chat_answer answer;
    if (!chat_answer_read(surface, body, 0, &answer, err))
        return false;
    chat_answer_facts(&answer, facts, text);
    chat_answer_clear(&answer);
    return true;
}

bool chat_reply_read(enum chat_surface surface, struct str body, struct chat_facts *facts, struct buf *text,
                     struct error *err) {
    const char *expected = surface == CHAT_EMBEDDINGS ? "data" : "choices";
    yyjson_read_err problem = {0};
    if (surface == CHAT_MESSAGES || surface == CHAT_RESPONSES)
        return read_answer(surface, body, facts, text, err);
    yyjson_doc *doc = yyjson_read_opts((char *)(uintptr_t)body.p, body.n, 0, NULL, &problem);
    if (!doc && problem.code == YYJSON_READ_ERROR_MEMORY_ALLOCATION)
        return fail(err, ERR_NO_MEMORY, "Out of memory for the upstream's reply.");
    if (!doc)
        return fail(err, ERR_UPSTREAM, "its reply is not JSON: %s at byte %zu", problem.msg, problem.pos);
    yyjson_val *root = yyjson_doc_get_root(doc);
    bool good = yyjson_is_arr(yyjson_obj_get(root, expected));
    if (good)
        read_completion(root, "message", facts, text);
    yyjson_doc_free(doc);
    return good || fail(err, ERR_UPSTREAM, "its reply has no \"%s\"", expected);
}

/* ---- events ---- */

static void name_finish(struct chat_facts *facts, enum chat_finish finish) {
    facts->calls_tool |= finish == FINISH_TOOL_CALLS;
    facts->refuses |= finish == FINISH_CONTENT_FILTER;
    snprintf(facts->finish, sizeof facts->finish, "%s", chat_finish_name(finish));
}

static enum chat_event read_messages_event(yyjson_val *root, struct chat_facts *facts, struct buf *text) {
    struct str type = json_str_of(yyjson_obj_get(root, "type"));
    yyjson_val *delta = yyjson_obj_get(root, "delta");
    if (str_eq(type, STR("message_stop")))
        return CHAT_EVENT_DONE;
    chat_usage_read(yyjson_obj_get(yyjson_obj_get(root, "message"), "usage"), CHAT_MESSAGES, &facts->usage);
    chat_usage_read(yyjson_obj_get(root, "usage"), CHAT_MESSAGES, &facts->usage);
    if (yyjson_is_str(yyjson_obj_get(delta, "stop_reason")))
        name_finish(facts, chat_finish_of_anthropic(json_str_of(yyjson_obj_get(delta, "stop_reason"))));
    if (text && str_eq(json_str_of(yyjson_obj_get(delta, "type")), STR("text_delta")))
        buf_add_str(text, json_str_of(yyjson_obj_get(delta, "text")));
    return CHAT_EVENT_CONTENT;
}

static bool has_call(yyjson_val *output) {
    size_t i, max;
    yyjson_val *item;
    yyjson_arr_foreach(output, i, max, item) if (has(text_of(item, "type"), "function_call")) return true;
    return false;
}

static enum chat_event read_responses_event(yyjson_val *root, struct chat_facts *facts, struct buf *text,
                                            struct chat_trouble *trouble) {
    struct str type = json_str_of(yyjson_obj_get(root, "type"));
    yyjson_val *response = yyjson_obj_get(root, "response");
    bool cut = str_eq(type, STR("response.incomplete"));
    if (text && str_eq(type, STR("response.output_text.delta"))) {
        buf_add_str(text, json_str_of(yyjson_obj_get(root, "delta")));
        chat_facts_logprobs(facts, yyjson_obj_get(root, "logprobs"));
    }
    facts->refuses |= str_starts(type, STR("response.refusal."));
    chat_usage_read(yyjson_obj_get(response, "usage"), CHAT_RESPONSES, &facts->usage);
    if (str_eq(type, STR("response.failed")) || str_eq(type, STR("error"))) {
        if (!chat_trouble_in(response ? response : root, trouble)) /* the flat form */
            read_error(200, root, trouble);
        end_at_character(trouble->message);
        return CHAT_EVENT_ERROR;
    }
    if (!cut && !str_eq(type, STR("response.completed")))
        return CHAT_EVENT_CONTENT;
    const char *why = text_of(yyjson_obj_get(response, "incomplete_details"), "reason");
    name_finish(facts, cut && has(why, "content_filter")              ? FINISH_CONTENT_FILTER
                       : cut                                          ? FINISH_LENGTH
                       : has_call(yyjson_obj_get(response, "output")) ? FINISH_TOOL_CALLS
                                                                      : FINISH_STOP);
    return CHAT_EVENT_DONE;
}

static enum chat_event read_event(enum chat_surface surface, yyjson_val *root, struct chat_facts *facts,
                                  struct buf *text, struct chat_trouble *trouble) {
    if (!yyjson_is_obj(root))
        return CHAT_EVENT_BROKEN;
    if (surface == CHAT_RESPONSES)
        return read_responses_event(root, facts, text, trouble);
    if (chat_trouble_in(root, trouble))
        return CHAT_EVENT_ERROR;
    if (surface == CHAT_MESSAGES)
        return read_messages_event(root, facts, text);
    read_completion(root, "delta", facts, text);
    yyjson_val *choices = yyjson_obj_get(root, "choices");
    bool only_usage = yyjson_is_arr(choices) && yyjson_arr_size(choices) == 0 &&
                      yyjson_is_obj(yyjson_obj_get(root, "usage"));
    return only_usage ? CHAT_EVENT_USAGE : CHAT_EVENT_CONTENT;
}

enum chat_event chat_event_read(enum chat_surface surface, struct str data, struct chat_facts *facts,
                                struct buf *text, struct chat_trouble *trouble) {
    char room[16384]; /* enough for the events of a thousand bytes that streams are made of */
    yyjson_alc pool;
    if (str_eq(data, STR("[DONE]")))
        return CHAT_EVENT_DONE;
    bool small = data.n < 1024 && yyjson_alc_pool_init(&pool, room, sizeof room);
    yyjson_doc *doc =
        data.n ? yyjson_read_opts((char *)(uintptr_t)data.p, data.n, 0, small ? &pool : NULL, NULL) : NULL;
    *trouble = (struct chat_trouble){.status = 200};
    enum chat_event event = read_event(surface, yyjson_doc_get_root(doc), facts, text, trouble);
    yyjson_doc_free(doc);
    return event;
}
