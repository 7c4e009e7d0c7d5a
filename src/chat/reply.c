#include "chat/reply.h"

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
    fail_at(err, codes[t->kind], param, "Upstream \"%s\" %s (status %d)%s%s", upstream, what[t->kind],
            t->status, t->message[0] ? ": " : ".", t->message);
}

/* ---- usage ---- */

static void take_count(int64_t *to, yyjson_val *object, const char *name) {
    yyjson_val *value = yyjson_obj_get(object, name);
    if (yyjson_is_int(value) && yyjson_get_sint(value) >= 0)
        *to = yyjson_get_sint(value);
}

/* chat: prompt_tokens …; responses: input_tokens …. What is given later replaces what was before. */
static void read_usage(yyjson_val *usage, struct chat_usage *out) {
    yyjson_val *prompt = yyjson_obj_get(usage, "prompt_tokens_details");
    yyjson_val *input = yyjson_obj_get(usage, "input_tokens_details");
    yyjson_val *completion = yyjson_obj_get(usage, "completion_tokens_details");
    yyjson_val *output = yyjson_obj_get(usage, "output_tokens_details");
    take_count(&out->input, usage, "prompt_tokens");
    take_count(&out->input, usage, "input_tokens");
    take_count(&out->output, usage, "completion_tokens");
    take_count(&out->output, usage, "output_tokens");
    take_count(&out->cached_input, prompt ? prompt : input, "cached_tokens");
    take_count(&out->reasoning, completion ? completion : output, "reasoning_tokens");
    take_count(&out->input_audio, prompt ? prompt : input, "audio_tokens");
    take_count(&out->output_audio, completion ? completion : output, "audio_tokens");
}

/* ---- choices ---- */

static void add_logprobs(yyjson_val *choice, struct chat_facts *facts) {
    yyjson_val *tokens = yyjson_obj_get(yyjson_obj_get(choice, "logprobs"), "content"), *token;
    size_t i, max;
    yyjson_arr_foreach(tokens, i, max, token) {
        yyjson_val *value = yyjson_obj_get(token, "logprob");
        if (!yyjson_is_num(value))
            continue;
        facts->logprob_sum += yyjson_get_num(value);
        facts->logprob_count++;
    }
}

/* The first choice's; `body`: "message" of a whole reply, "delta" of an event. */
static void read_choice(yyjson_val *choice, const char *body, struct chat_facts *facts, struct buf *text) {
    const char *finish = text_of(choice, "finish_reason");
    yyjson_val *content = yyjson_obj_get(yyjson_obj_get(choice, body), "content");
    if (!content)
        content = yyjson_obj_get(choice, "text"); /* legacy */
    if (finish)
        snprintf(facts->finish, sizeof facts->finish, "%.31s", finish);
    if (text && yyjson_is_str(content))
        buf_add_str(text, json_str_of(content));
    add_logprobs(choice, facts);
}

/* responses: output[].content[].text */
static void read_output(yyjson_val *output, struct buf *text) {
    size_t i, max, j, parts;
    yyjson_val *item, *part;
    yyjson_arr_foreach(output, i, max, item) {
        yyjson_val *content = yyjson_obj_get(item, "content");
        yyjson_arr_foreach(content, j, parts, part) {
            yyjson_val *value = yyjson_obj_get(part, "text");
            if (text && yyjson_is_str(value))
                buf_add_str(text, json_str_of(value));
        }
    }
}

static void read_root(yyjson_val *root, const char *body, struct chat_facts *facts, struct buf *text) {
    yyjson_val *usage = yyjson_obj_get(root, "usage");
    yyjson_val *choice = yyjson_arr_get_first(yyjson_obj_get(root, "choices"));
    if (yyjson_is_obj(usage))
        read_usage(usage, &facts->usage);
    if (choice)
        read_choice(choice, body, facts, text);
    const char *status = text_of(root, "status");
    if (status && !choice) {
        snprintf(facts->finish, sizeof facts->finish, "%.31s", status);
        read_output(yyjson_obj_get(root, "output"), text);
    }
}

static const char *const expected_member[CHAT_SURFACE_COUNT] = {
    [CHAT_COMPLETIONS] = "choices", [CHAT_LEGACY] = "choices",   [CHAT_EMBEDDINGS] = "data",
    [CHAT_RESPONSES] = "output",    [CHAT_MESSAGES] = "content",
};

bool chat_reply_read(enum chat_surface surface, struct str body, struct chat_facts *facts, struct buf *text,
                     struct error *err) {
    yyjson_read_err problem;
    yyjson_doc *doc = yyjson_read_opts((char *)(uintptr_t)body.p, body.n, 0, NULL, &problem);
    if (!doc)
        return fail(err, ERR_UPSTREAM, "its reply is not JSON: %s at byte %zu", problem.msg, problem.pos);
    yyjson_val *root = yyjson_doc_get_root(doc);
    bool good = yyjson_is_arr(yyjson_obj_get(root, expected_member[surface]));
    if (good)
        read_root(root, "message", facts, text);
    yyjson_doc_free(doc);
    return good || fail(err, ERR_UPSTREAM, "its reply has no \"%s\"", expected_member[surface]);
}

/* ---- events ---- */

enum chat_event chat_event_read(enum chat_surface surface, struct str data, struct chat_facts *facts,
                                struct buf *text, struct chat_trouble *trouble) {
    if (str_eq(data, STR("[DONE]")))
        return CHAT_EVENT_DONE;
    yyjson_doc *doc = yyjson_read(data.p, data.n, 0);
    yyjson_val *root = yyjson_doc_get_root(doc);
    enum chat_event event = CHAT_EVENT_CONTENT;
    *trouble = (struct chat_trouble){.status = 200};
    if (!yyjson_is_obj(root)) {
        event = CHAT_EVENT_BROKEN;
    } else if (error_in(200, root, trouble)) {
        event = CHAT_EVENT_ERROR;
    } else {
        read_root(root, "delta", facts, text);
        yyjson_val *choices = yyjson_obj_get(root, "choices");
        if (surface == CHAT_COMPLETIONS && yyjson_is_arr(choices) && yyjson_arr_size(choices) == 0 &&
            yyjson_is_obj(yyjson_obj_get(root, "usage")))
            event = CHAT_EVENT_USAGE;
    }
    yyjson_doc_free(doc);
    return event;
}
