/* Chat completions as Anthropic's messages. Sources: https://docs.anthropic.com/en/api/messages,
 * https://platform.openai.com/docs/api-reference/chat/create, and for what is moved or left out
 * https://docs.anthropic.com/en/api/openai-sdk. */
#include "chat/translation.h"

#include "chat/pieces.h"

#include <stdio.h>

/* ---- turns: user and tool messages that follow each other are one, as tool results must be ---- */

struct turns {
    struct translation *t;
    const char *role; /* of the open one; NULL: none */
};

static void close_turn(struct turns *s) {
    if (!s->role)
        return;
    json_array_end(&s->t->w);
    json_object_end(&s->t->w);
    s->role = NULL;
}

static void open_turn(struct turns *s, const char *role) {
    if (s->role && str_eq(str_from(s->role), str_from(role)))
        return;
    close_turn(s);
    json_object(&s->t->w);
    json_field_text(&s->t->w, "role", role);
    json_key(&s->t->w, "content");
    json_array(&s->t->w);
    s->role = role;
}

/* ---- parts ---- */

static void write_source(struct translation *t, const char *block, struct str url, yyjson_val *part) {
    struct str type, data;
    json_object(&t->w);
    json_field_text(&t->w, "type", block);
    json_key(&t->w, "source");
    json_object(&t->w);
    if (translation_data_url(url, &type, &data)) {
        json_field_text(&t->w, "type", "base64");
        json_field_str(&t->w, "media_type", type);
        json_field_str(&t->w, "data", data);
    } else {
        json_field_text(&t->w, "type", "url");
        json_field_str(&t->w, "url", url);
    }
    json_object_end(&t->w);
    translation_copy(t, part, "cache_control", "cache_control");
    json_object_end(&t->w);
}

static bool write_part(struct translation *t, yyjson_val *part, const char *at) {
    struct str type = translation_text(part, "type");
    if (str_eq(type, STR("text")) || str_eq(type, STR("refusal"))) {
        struct str text = translation_text(part, str_eq(type, STR("text")) ? "text" : "refusal");
        if (text.n) /* Anthropic refuses empty ones */
            translation_text_part(t, text, part);
        return true;
    }
    if (str_eq(type, STR("image_url"))) {
        yyjson_val *image = yyjson_obj_get(part, "image_url");
        struct str url = yyjson_is_str(image) ? json_str_of(image) : translation_text(image, "url");
        if (url.n == 0)
            return fail_at(t->err, ERR_MISSING_FIELD, at, "\"%s\" has no \"image_url.url\".", at);
        write_source(t, "image", url, part);
        return true;
    }
    struct str file = translation_text(yyjson_obj_get(part, "file"), "file_data"), media, data;
    if (str_eq(type, STR("file")) && translation_data_url(file, &media, &data)) {
        write_source(t, "document", file, part);
        return true;
    }
    return translation_refuse(t, at, "send text, images, or files as data URLs");
}

static bool write_content(struct turns *s, const char *role, yyjson_val *content, size_t index) {
    char at[64];
    size_t i, max;
    yyjson_val *part;
    if (yyjson_is_str(content) && yyjson_get_len(content)) {
        open_turn(s, role);
        translation_text_part(s->t, json_str_of(content), NULL);
    }
    yyjson_arr_foreach(content, i, max, part) {
        snprintf(at, sizeof at, "messages[%zu].content[%zu]", index, i);
        open_turn(s, role);
        if (!write_part(s->t, part, at))
            return false;
    }
    return true;
}

/* ---- messages ---- */

static bool write_tool_use(struct turns *s, yyjson_val *call, size_t index, size_t which) {
    char at[80];
    yyjson_val *function = yyjson_obj_get(call, "function");
    snprintf(at, sizeof at, "messages[%zu].tool_calls[%zu]", index, which);
    if (!function)
        return translation_refuse(s->t, at, "only calls of functions can be passed on");
    open_turn(s, "assistant");
    json_object(&s->t->w);
    json_field_text(&s->t->w, "type", "tool_use");
    json_field_str(&s->t->w, "id", translation_text(call, "id"));
    json_field_str(&s->t->w, "name", translation_text(function, "name"));
    json_key(&s->t->w, "input");
    snprintf(at, sizeof at, "messages[%zu].tool_calls[%zu].function.arguments", index, which);
    if (!chat_arguments_write(&s->t->w, translation_text(function, "arguments")))
        return fail_at(s->t->err, ERR_INVALID_FIELD, at,
                       "\"%s\" is not a JSON object, which this endpoint's upstream needs.", at);
    json_object_end(&s->t->w);
    return true;
}

static bool write_assistant(struct turns *s, yyjson_val *message, size_t index) {
    yyjson_val *thinking = yyjson_obj_get(message, "thinking_blocks"), *calls, *item;
    size_t i, max;
    yyjson_arr_foreach(thinking, i, max, item) {
        open_turn(s, "assistant");
        json_value(&s->t->w, item);
    }
    if (!write_content(s, "assistant", yyjson_obj_get(message, "content"), index))
        return false;
    struct str refusal = translation_text(message, "refusal");
    if (refusal.n) {
        open_turn(s, "assistant");
        translation_text_part(s->t, refusal, NULL);
    }
    calls = yyjson_obj_get(message, "tool_calls");
    yyjson_arr_foreach(calls, i, max, item) if (!write_tool_use(s, item, index, i)) return false;
    return true;
}

static bool write_tool_result(struct turns *s, yyjson_val *message, size_t index) {
    yyjson_val *content = yyjson_obj_get(message, "content"), *part;
    size_t i, max;
    char at[64];
    bool good = true;
    open_turn(s, "user");
    json_object(&s->t->w);
    json_field_text(&s->t->w, "type", "tool_result");
    json_field_str(&s->t->w, "tool_use_id", translation_text(message, "tool_call_id"));
    if (yyjson_is_arr(content)) {
        json_key(&s->t->w, "content");
        json_array(&s->t->w);
        yyjson_arr_foreach(content, i, max, part) {
            snprintf(at, sizeof at, "messages[%zu].content[%zu]", index, i);
            good = good && write_part(s->t, part, at);
        }
        json_array_end(&s->t->w);
    } else {
        json_field_str(&s->t->w, "content", json_str_of(content));
    }
    translation_copy(s->t, message, "cache_control", "cache_control");
    json_object_end(&s->t->w);
    return good;
}

static bool is_system(struct str role) {
    return str_eq(role, STR("system")) || str_eq(role, STR("developer"));
}

static bool write_message(struct turns *s, yyjson_val *message, size_t index) {
    struct str role = translation_text(message, "role");
    char at[48];
    if (is_system(role))
        return true; /* above all turns: write_system */
    if (str_eq(role, STR("assistant")))
        return write_assistant(s, message, index);
    if (str_eq(role, STR("tool")))
        return write_tool_result(s, message, index);
    if (str_eq(role, STR("user")))
        return write_content(s, "user", yyjson_obj_get(message, "content"), index);
    snprintf(at, sizeof at, "messages[%zu].role", index);
    return translation_refuse(s->t, at, "use \"tool\" for results of tools");
}

static bool write_messages(struct translation *t) {
    struct turns s = {.t = t};
    size_t i, max;
    yyjson_val *message;
    json_key(&t->w, "messages");
    json_array(&t->w);
    yyjson_arr_foreach(t->r->messages, i, max, message) if (!write_message(&s, message, i)) return false;
    close_turn(&s);
    json_array_end(&t->w);
    return true;
}

static void write_system(struct translation *t) {
    size_t i, max, j, parts;
    yyjson_val *message, *part;
    bool any = false;
    yyjson_arr_foreach(t->r->messages, i, max, message) {
        yyjson_val *content = yyjson_obj_get(message, "content");
        if (!is_system(translation_text(message, "role")) ||
            (!yyjson_arr_size(content) && !yyjson_get_len(content)))
            continue;
        if (!any) {
            json_key(&t->w, "system");
            json_array(&t->w);
            any = true;
        }
        if (yyjson_is_str(content))
            translation_text_part(t, json_str_of(content), NULL);
        yyjson_arr_foreach(content, j, parts, part) if (translation_text(part, "text").n)
            translation_text_part(t, translation_text(part, "text"), part);
    }
    if (any)
        json_array_end(&t->w);
}

/* ---- tools ---- */

static bool write_tools(struct translation *t) {
    size_t i, max;
    yyjson_val *tool;
    char at[48];
    if (!t->r->tools)
        return true;
    json_key(&t->w, "tools");
    json_array(&t->w);
    yyjson_arr_foreach(t->r->tools, i, max, tool) {
        yyjson_val *function = yyjson_obj_get(tool, "function");
        snprintf(at, sizeof at, "tools[%zu].type", i);
        if (!yyjson_is_obj(function))
            return translation_refuse(t, at, "only functions can be passed on");
        json_object(&t->w);
        translation_copy(t, function, "name", "name");
        translation_copy(t, function, "description", "description");
        json_key(&t->w, "input_schema");
        if (yyjson_is_obj(yyjson_obj_get(function, "parameters")))
            json_value(&t->w, yyjson_obj_get(function, "parameters"));
        else
            json_raw(&t->w, STR("{\"type\":\"object\",\"properties\":{}}"));
        translation_copy(t, function, "strict", "strict");
        translation_copy(t, tool, "cache_control", "cache_control");
        json_object_end(&t->w);
    }
    json_array_end(&t->w);
    return true;
}

static bool write_tool_choice(struct translation *t) {
    yyjson_val *choice = yyjson_obj_get(t->r->root, "tool_choice");
    bool one = yyjson_is_false(yyjson_obj_get(t->r->root, "parallel_tool_calls"));
    struct str mode = json_str_of(choice),
               name = translation_text(yyjson_obj_get(choice, "function"), "name");
    if (!t->r->tools || ((!choice || yyjson_is_null(choice)) && !one))
        return true;
    if (yyjson_is_obj(choice) && name.n == 0)
        return translation_refuse(t, "tool_choice", "name a function, or say auto, required or none");
    bool none = str_eq(mode, STR("none"));
    json_key(&t->w, "tool_choice");
    json_object(&t->w);
    json_field_text(&t->w, "type",
                    name.n                          ? "tool"
                    : none                          ? "none"
                    : str_eq(mode, STR("required")) ? "any"
                                                    : "auto");
    if (name.n)
        json_field_str(&t->w, "name", name);
    if (one && !none)
        json_field_bool(&t->w, "disable_parallel_tool_use", true);
    json_object_end(&t->w);
    return true;
}

/* ---- parameters ---- */

static void write_sampling(struct translation *t) {
    yyjson_val *root = t->r->root, *stop = yyjson_obj_get(root, "stop");
    yyjson_val *temperature = yyjson_obj_get(root, "temperature");
    if (yyjson_is_num(temperature)) { /* theirs ends at 1, OpenAI's at 2 */
        json_key(&t->w, "temperature");
        if (yyjson_get_num(temperature) > 1)
            json_raw(&t->w, STR("1"));
        else
            json_value(&t->w, temperature);
    }
    translation_copy(t, root, "top_p", "top_p");
    if (yyjson_is_str(stop)) {
        json_key(&t->w, "stop_sequences");
        json_array(&t->w);
        json_str(&t->w, json_str_of(stop));
        json_array_end(&t->w);
    } else {
        translation_copy(t, root, "stop", "stop_sequences");
    }
}

/* https://docs.anthropic.com/en/docs/build-with-claude/structured-outputs and .../effort */
static bool write_output(struct translation *t) {
    yyjson_val *format = yyjson_obj_get(t->r->root, "response_format");
    struct str type = translation_text(format, "type");
    struct str effort = translation_text(t->r->root, "reasoning_effort");
    if (str_eq(type, STR("json_object")))
        return translation_refuse(t, "response_format.type", "use json_schema");
    if (!t->r->output_schema && effort.n == 0)
        return true;
    json_key(&t->w, "output_config");
    json_object(&t->w);
    if (effort.n)
        json_field_str(&t->w, "effort",
                       str_eq(effort, STR("none")) || str_eq(effort, STR("minimal")) ? STR("low") : effort);
    if (t->r->output_schema) {
        json_key(&t->w, "format");
        json_object(&t->w);
        json_field_text(&t->w, "type", "json_schema");
        json_key(&t->w, "schema");
        json_value(&t->w, t->r->output_schema);
        json_object_end(&t->w);
    }
    json_object_end(&t->w);
    return true;
}

static bool check_possible(struct translation *t) {
    static const char *const refused[] = {"functions", "function_call", "audio", "web_search_options"};
    if (t->r->choices > 1)
        return translation_refuse(t, "n", "ask for one choice");
    for (size_t i = 0; i < ARRAY_COUNT(refused); i++) {
        yyjson_val *value = yyjson_obj_get(t->r->root, refused[i]);
        if (value && !yyjson_is_null(value))
            return translation_refuse(t, refused[i], "leave it out");
    }
    return true;
}

bool translate_chat_to_messages(struct translation *t) {
    int64_t most = t->r->output_max > 0 ? t->r->output_max
                   : t->how->output_max ? t->how->output_max
                                        : CHAT_OUTPUT_DEFAULT;
    if (!check_possible(t))
        return false;
    json_object(&t->w);
    json_field_str(&t->w, "model", t->how->model);
    json_field_int(&t->w, "max_tokens", most);
    if (t->r->stream)
        json_field_bool(&t->w, "stream", true);
    write_system(t);
    if (!write_messages(t) || !write_tools(t) || !write_tool_choice(t))
        return false;
    write_sampling(t);
    if (!write_output(t))
        return false;
    translation_copy(t, t->r->root, "thinking", "thinking"); /* as Anthropic's own OpenAI surface takes it */
    if (t->r->user.n) {
        json_key(&t->w, "metadata");
        json_object(&t->w);
        json_field_str(&t->w, "user_id", t->r->user);
        json_object_end(&t->w);
    }
    json_object_end(&t->w);
    return true;
}
