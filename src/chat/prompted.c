#include "chat/prompted.h"

#include <stdio.h>
#include <string.h>

/* The template's messages, as JSON, apart by who speaks. */
struct rendered {
    yyjson_doc *doc; /* an array */
    struct buf text;
};

static yyjson_val *variables_of(const struct chat_request *in) {
    yyjson_val *own = yyjson_obj_get(in->root, "prompt_variables");
    if (own || in->surface != CHAT_RESPONSES)
        return own;
    return yyjson_obj_get(yyjson_obj_get(in->root, "prompt"), "variables");
}

bool chat_request_has_variables(const struct chat_request *in) {
    return yyjson_obj_get(in->root, "prompt_variables") != NULL;
}

static bool is_system(yyjson_val *message) {
    struct str role = json_str_of(yyjson_obj_get(message, "role"));
    return str_eq(role, STR("system")) || str_eq(role, STR("developer"));
}

static struct str content_of(yyjson_val *message) {
    return json_str_of(yyjson_obj_get(message, "content"));
}

static bool render(const struct chat_request *in, const struct prompt *p, struct rendered *out,
                   struct error *err) {
    out->text = BUF_INIT(8 * (in->body.n + PROMPT_BYTES_MAX) + 4096);
    buf_add_char(&out->text, '[');
    if (!prompt_render(p, variables_of(in), &out->text, err)) {
        char name[64];
        bool of_one = err->param[0] && strcmp(err->param, "variables") != 0;
        snprintf(name, sizeof name, "%.60s", of_one ? err->param : "");
        snprintf(err->param, sizeof err->param, "prompt_variables%s%s", of_one ? "." : "", name);
        return false;
    }
    buf_add_char(&out->text, ']');
    if (out->text.failed)
        return fail(err, ERR_NO_MEMORY, "The prompt \"%s\" with its values is too large.", prompt_name(p));
    out->doc = json_parse(buf_str(&out->text), err);
    return out->doc != NULL;
}

/* The client's turns behind the template's, within the brackets that are open. */
static void add_turns(struct json_writer *w, const struct chat_request *in, yyjson_val *rendered,
                      bool with_system) {
    size_t i, max;
    yyjson_val *turn;
    yyjson_arr_foreach(rendered, i, max, turn) {
        if (with_system || !is_system(turn))
            json_value(w, turn);
    }
    yyjson_arr_foreach(in->turns, i, max, turn) json_value(w, turn);
    yyjson_val *text = in->turns ? NULL : yyjson_obj_get(in->root, "input");
    if (yyjson_is_str(text)) { /* of responses */
        json_object(w);
        json_field_text(w, "role", "user");
        json_field_str(w, "content", json_str_of(text));
        json_object_end(w);
    }
}

static void add_block(struct json_writer *w, struct str text) {
    json_object(w);
    json_field_text(w, "type", "text");
    json_field_str(w, "text", text);
    json_object_end(w);
}

/* Anthropic's: a list of texts. */
static void add_system_blocks(struct json_writer *w, const struct chat_request *in, yyjson_val *rendered) {
    yyjson_val *own = yyjson_obj_get(in->root, "system"), *one;
    size_t i, max;
    json_key(w, "system");
    json_array(w);
    yyjson_arr_foreach(rendered, i, max, one) {
        if (is_system(one))
            add_block(w, content_of(one));
    }
    if (yyjson_is_str(own))
        add_block(w, json_str_of(own));
    yyjson_arr_foreach(own, i, max, one) json_value(w, one);
    json_array_end(w);
}

/* Responses': one text. */
static void add_instructions(struct json_writer *w, const struct chat_request *in, yyjson_val *rendered) {
    AUTO_BUF text = BUF_INIT(2 * in->body.n + 8 * PROMPT_BYTES_MAX);
    yyjson_val *one;
    size_t i, max;
    yyjson_arr_foreach(rendered, i, max, one) {
        if (is_system(one)) {
            buf_add_str(&text, text.n ? STR("\n\n") : STR(""));
            buf_add_str(&text, content_of(one));
        }
    }
    struct str own = json_str_of(yyjson_obj_get(in->root, "instructions"));
    if (own.n) {
        buf_add_str(&text, text.n ? STR("\n\n") : STR(""));
        buf_add_str(&text, own);
    }
    if (text.n)
        json_field_str(w, "instructions", buf_str(&text));
}

/* What a prompt takes the place of, or is said anew with it; nobody else's fields are touched. */
static bool is_replaced(enum chat_surface api, struct str name) {
    static const char *const replaced[CHAT_SURFACE_COUNT][4] = {
        [CHAT_COMPLETIONS] = {"messages"},
        [CHAT_MESSAGES] = {"messages", "system"},
        [CHAT_RESPONSES] = {"input", "instructions", "prompt"},
    };
    for (const char *const *one = replaced[api]; *one; one++)
        if (str_eq(name, str_from(*one)))
            return true;
    return false;
}

static void add_members(struct json_writer *w, const struct chat_request *in, bool all) {
    size_t i, max;
    yyjson_val *key, *value;
    yyjson_obj_foreach(in->root, i, max, key, value) {
        struct str name = json_str_of(key);
        if (str_eq(name, STR("prompt_variables")) || (!all && is_replaced(in->surface, name)))
            continue;
        json_str(w, name);
        buf_add_char(w->out, ':');
        w->comma = false;
        json_value(w, value);
    }
}

static void write(struct buf *body, const struct chat_request *in, yyjson_val *rendered) {
    struct json_writer w = JSON_WRITER(body);
    json_object(&w);
    add_members(&w, in, !rendered);
    if (rendered) {
        bool chat = in->surface == CHAT_COMPLETIONS;
        if (in->surface == CHAT_MESSAGES)
            add_system_blocks(&w, in, rendered);
        else if (!chat)
            add_instructions(&w, in, rendered);
        json_key(&w, in->surface == CHAT_RESPONSES ? "input" : "messages");
        json_array(&w);
        add_turns(&w, in, rendered, chat);
        json_array_end(&w);
    }
    json_object_end(&w);
}

/* A request of responses may name its prompt. */
static bool check_name(const struct chat_request *in, const struct prompt *p, struct error *err) {
    yyjson_val *named = in->surface == CHAT_RESPONSES ? yyjson_obj_get(in->root, "prompt") : NULL;
    struct str id = json_str_of(yyjson_obj_get(named, "id"));
    if (!named || str_eq(id, str_from(prompt_name(p))))
        return true;
    return fail_at(err, ERR_INVALID_FIELD, "prompt.id", "This endpoint's prompt is \"%s\", not \"%.*s\".",
                   prompt_name(p), STR_ARG(str_slice(id, 0, 80)));
}

bool chat_request_with_prompt(const struct chat_request *in, const struct prompt *p, struct buf *body,
                              struct error *err) {
    struct rendered rendered = {0};
    size_t before = body->n;
    if (in->surface == CHAT_LEGACY || in->surface == CHAT_EMBEDDINGS)
        return fail_at(
            err, ERR_BAD_REQUEST, "model",
            "This endpoint puts a prompt before what is asked; ask it by chat completions, messages or "
            "responses.");
    bool good = !p || (check_name(in, p, err) && render(in, p, &rendered, err));
    if (good) {
        write(body, in, p ? yyjson_doc_get_root(rendered.doc) : NULL);
        good = !body->failed || fail(err, ERR_NO_MEMORY, "Out of memory for this request.");
    }
    yyjson_doc_free(rendered.doc);
    buf_free(&rendered.text);
    if (!good)
        body->n = before;
    return good;
}
