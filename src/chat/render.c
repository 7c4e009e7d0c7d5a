#include "chat/render.h"

#include "chat/translation.h"

#include <stdio.h>

const char *chat_surface_path(enum chat_surface surface) {
    static const char *const paths[CHAT_SURFACE_COUNT] = {
        [CHAT_COMPLETIONS] = "/chat/completions",
        [CHAT_LEGACY] = "/completions",
        [CHAT_EMBEDDINGS] = "/embeddings",
        [CHAT_RESPONSES] = "/responses",
        [CHAT_MESSAGES] = "/messages",
    };
    return paths[surface];
}

bool chat_upstream_surface(const struct chat_request *r, enum chat_dialect dialect, bool speaks_responses,
                           enum chat_surface *out, struct error *err) {
    if (dialect == DIALECT_ANTHROPIC && r->surface == CHAT_EMBEDDINGS)
        return fail_at(err, ERR_BAD_REQUEST, "model",
                       "This endpoint's upstream speaks Anthropic's API, which has "
                       "no embeddings.");
    if (dialect == DIALECT_ANTHROPIC)
        *out = CHAT_MESSAGES;
    else if (r->surface == CHAT_MESSAGES || (r->surface == CHAT_RESPONSES && !speaks_responses))
        *out = CHAT_COMPLETIONS;
    else
        *out = r->surface;
    return true;
}

/* ---- what the translations share ---- */

struct str translation_text(yyjson_val *object, const char *name) {
    return json_str_of(yyjson_obj_get(object, name));
}

void translation_copy(struct translation *t, yyjson_val *from, const char *name, const char *as) {
    yyjson_val *value = yyjson_obj_get(from, name);
    if (!value || yyjson_is_null(value))
        return;
    json_key(&t->w, as);
    json_value(&t->w, value);
}

bool translation_refuse(struct translation *t, const char *at, const char *instead) {
    return fail_at(t->err, ERR_INVALID_FIELD, at,
                   "\"%s\" has no counterpart in the API of this endpoint's upstream; %s.", at, instead);
}

bool translation_data_url(struct str url, struct str *type, struct str *data) {
    struct str rest = url;
    if (!str_starts(url, STR("data:")))
        return false;
    struct str head = str_slice(str_split(&rest, ','), 5, SIZE_MAX);
    if (!str_ends(head, STR(";base64")))
        return false;
    *type = str_split(&head, ';');
    *data = rest;
    return true;
}

void translation_chat_text(struct translation *t, const char *role, struct str text) {
    json_object(&t->w);
    json_field_text(&t->w, "role", role);
    json_field_str(&t->w, "content", text);
    json_object_end(&t->w);
}

void translation_text_part(struct translation *t, struct str text, yyjson_val *from) {
    json_object(&t->w);
    json_field_text(&t->w, "type", "text");
    json_field_str(&t->w, "text", text);
    translation_copy(t, from, "cache_control", "cache_control");
    json_object_end(&t->w);
}

void translation_call(struct translation *t, struct str id, struct str name, struct str arguments) {
    json_object(&t->w);
    json_field_str(&t->w, "id", id);
    json_field_text(&t->w, "type", "function");
    json_key(&t->w, "function");
    json_object(&t->w);
    json_field_str(&t->w, "name", name);
    json_field_str(&t->w, "arguments", arguments.n ? arguments : STR("{}"));
    json_object_end(&t->w);
    json_object_end(&t->w);
}

void translation_chat_head(struct translation *t) {
    json_field_str(&t->w, "model", t->how->model);
    if (!t->r->stream)
        return;
    json_key(&t->w, "stream");
    json_raw(&t->w, STR("true,\"stream_options\":{\"include_usage\":true}"));
}

/* ---- completions ---- */

bool translate_legacy_to_chat(struct translation *t) {
    static const char *const refused[] = {"suffix", "logprobs"};
    static const char *const same[] = {"temperature",       "top_p",      "n",    "stop", "presence_penalty",
                                       "frequency_penalty", "logit_bias", "seed", "user", "max_tokens"};
    yyjson_val *root = t->r->root, *prompt = yyjson_obj_get(root, "prompt");
    yyjson_val *best_of = yyjson_obj_get(root, "best_of");
    if (yyjson_arr_size(prompt) == 1)
        prompt = yyjson_arr_get_first(prompt);
    if (!yyjson_is_str(prompt))
        return translation_refuse(t, "prompt", "send one string");
    for (size_t i = 0; i < ARRAY_COUNT(refused); i++) {
        yyjson_val *value = yyjson_obj_get(root, refused[i]);
        if (value && !yyjson_is_null(value))
            return translation_refuse(t, refused[i], "leave it out");
    }
    if (yyjson_is_true(yyjson_obj_get(root, "echo")))
        return translation_refuse(t, "echo", "leave it out");
    if (yyjson_is_int(best_of) && yyjson_get_sint(best_of) > 1)
        return translation_refuse(t, "best_of", "leave it out");
    json_object(&t->w);
    translation_chat_head(t);
    json_key(&t->w, "messages");
    json_array(&t->w);
    translation_chat_text(t, "user", json_str_of(prompt));
    json_array_end(&t->w);
    for (size_t i = 0; i < ARRAY_COUNT(same); i++)
        translation_copy(t, root, same[i], same[i]);
    json_object_end(&t->w);
    return true;
}

/* ---- any ---- */

static bool translate(struct translation *t, bool (*step)(struct translation *), struct buf *out) {
    t->w = JSON_WRITER(out);
    if (!step(t))
        return false;
    return !out->failed || fail(t->err, ERR_NO_MEMORY, "Out of memory for the upstream's request.");
}

/* Responses and completions reach Anthropic as chat completions. */
static bool by_way_of_chat(struct translation *t, bool (*step)(struct translation *), struct buf *out) {
    AUTO_BUF between = BUF_INIT(out->cap);
    struct chat_request chat = {.surface = CHAT_COMPLETIONS};
    t->keep_thinking = true;
    if (!translate(t, step, &between))
        return false;
    if (!chat_request_parse(CHAT_COMPLETIONS, buf_str(&between), &chat, t->err))
        return false;
    struct translation second = {.r = &chat, .how = t->how, .err = t->err};
    bool good = translate(&second, translate_chat_to_messages, out);
    chat_request_clear(&chat);
    return good;
}

static bool render(const struct chat_request *r, const struct chat_rendering *how, struct buf *out,
                   struct error *err) {
    struct translation t = {.r = r, .how = how, .err = err};
    size_t before = out->n;
    bool good = false, known = true;
    if (r->surface == how->to)
        return chat_request_forward(r, how->model, out, err);
    if (r->surface == CHAT_COMPLETIONS && how->to == CHAT_MESSAGES)
        good = translate(&t, translate_chat_to_messages, out);
    else if (r->surface == CHAT_MESSAGES && how->to == CHAT_COMPLETIONS)
        good = translate(&t, translate_messages_to_chat, out);
    else if (r->surface == CHAT_RESPONSES && how->to == CHAT_COMPLETIONS)
        good = translate(&t, translate_responses_to_chat, out);
    else if (r->surface == CHAT_RESPONSES && how->to == CHAT_MESSAGES)
        good = by_way_of_chat(&t, translate_responses_to_chat, out);
    else if (r->surface == CHAT_LEGACY && how->to == CHAT_COMPLETIONS)
        good = translate(&t, translate_legacy_to_chat, out);
    else if (r->surface == CHAT_LEGACY && how->to == CHAT_MESSAGES)
        good = by_way_of_chat(&t, translate_legacy_to_chat, out);
    else
        known = false;
    if (!good)
        out->n = before;
    return good || (!known && fail_at(err, ERR_BAD_REQUEST, "model",
                                      "This endpoint's upstream speaks an API that has "
                                      "nothing like POST /v1%s.",
                                      chat_surface_path(r->surface)));
}

bool chat_request_render(const struct chat_request *r, const struct chat_rendering *how, struct buf *out,
                         struct error *err) {
    if (!render(r, how, out, err))
        return false;
    if (chat_amend_request(how->to, &how->wishes, out, err))
        return true;
    buf_clear(out);
    return false;
}
