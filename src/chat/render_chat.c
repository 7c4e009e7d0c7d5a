/* Anthropic's messages as chat completions. Sources: see render_messages.c. */
#include "chat/translation.h"

#include <stdio.h>

/* ---- parts ---- */

static bool has_type(yyjson_val *block, const char *type) {
    return str_eq(translation_text(block, "type"), str_from(type));
}

/* A source as a URL: its own, or its bytes as one. False: it is neither (a file of the provider's). */
static bool write_url(struct translation *t, yyjson_val *source) {
    AUTO_BUF url = BUF_INIT(t->w.out->cap);
    if (has_type(source, "url")) {
        json_str(&t->w, translation_text(source, "url"));
        return true;
    }
    if (!has_type(source, "base64"))
        return false;
    buf_add_str(&url, STR("data:"));
    buf_add_str(&url, translation_text(source, "media_type"));
    buf_add_str(&url, STR(";base64,"));
    buf_add_str(&url, translation_text(source, "data"));
    json_str(&t->w, buf_str(&url));
    t->w.out->failed = t->w.out->failed || url.failed;
    return true;
}

static bool write_image(struct translation *t, yyjson_val *block, const char *at) {
    json_object(&t->w);
    json_field_text(&t->w, "type", "image_url");
    json_key(&t->w, "image_url");
    json_object(&t->w);
    json_key(&t->w, "url");
    if (!write_url(t, yyjson_obj_get(block, "source")))
        return translation_refuse(t, at, "send images as URLs or base64");
    json_object_end(&t->w);
    json_object_end(&t->w);
    return true;
}

static bool write_document(struct translation *t, yyjson_val *block, const char *at) {
    yyjson_val *source = yyjson_obj_get(block, "source");
    struct str title = translation_text(block, "title");
    if (has_type(source, "text")) {
        translation_text_part(t, translation_text(source, "data"), NULL);
        return true;
    }
    if (!has_type(source, "base64"))
        return translation_refuse(t, at, "send documents as base64 or text");
    json_object(&t->w);
    json_field_text(&t->w, "type", "file");
    json_key(&t->w, "file");
    json_object(&t->w);
    json_field_str(&t->w, "filename", title.n ? title : STR("document.pdf"));
    json_key(&t->w, "file_data");
    bool good = write_url(t, source);
    json_object_end(&t->w);
    json_object_end(&t->w);
    return good;
}

static bool write_part(struct translation *t, yyjson_val *block, const char *at) {
    if (has_type(block, "text")) {
        json_object(&t->w);
        json_field_text(&t->w, "type", "text");
        json_field_str(&t->w, "text", translation_text(block, "text"));
        json_object_end(&t->w);
        return true;
    }
    if (has_type(block, "image"))
        return write_image(t, block, at);
    if (has_type(block, "document"))
        return write_document(t, block, at);
    return translation_refuse(t, at, "send text, images, documents and tool results");
}

/* All texts of a string or of an array of blocks, as one. */
static void write_texts(struct translation *t, yyjson_val *content, struct str between) {
    AUTO_BUF all = BUF_INIT(t->w.out->cap);
    size_t i, max;
    yyjson_val *block;
    if (!yyjson_is_arr(content)) {
        json_str(&t->w, json_str_of(content));
        return;
    }
    yyjson_arr_foreach(content, i, max, block) {
        if (!has_type(block, "text"))
            continue;
        if (all.n)
            buf_add_str(&all, between);
        buf_add_str(&all, translation_text(block, "text"));
    }
    json_str(&t->w, buf_str(&all));
    t->w.out->failed = t->w.out->failed || all.failed;
}

/* ---- user: results of tools are messages of their own here, and come first ---- */

static void write_results(struct translation *t, yyjson_val *content) {
    size_t i, max;
    yyjson_val *block;
    yyjson_arr_foreach(content, i, max, block) {
        if (!has_type(block, "tool_result"))
            continue;
        json_object(&t->w);
        json_field_text(&t->w, "role", "tool");
        json_field_str(&t->w, "tool_call_id", translation_text(block, "tool_use_id"));
        json_key(&t->w, "content");
        write_texts(t, yyjson_obj_get(block, "content"), STR("\n"));
        json_object_end(&t->w);
    }
}

/* A tool message takes text only: what else a result shows follows as the user's. */
static bool write_shown(struct translation *t, yyjson_val *result, const char *at, bool dry, size_t *count) {
    size_t i, max;
    yyjson_val *block;
    yyjson_arr_foreach(yyjson_obj_get(result, "content"), i, max, block) {
        if (has_type(block, "text"))
            continue;
        ++*count;
        if (!dry && !write_part(t, block, at))
            return false;
    }
    return true;
}

static bool write_rest(struct translation *t, yyjson_val *content, size_t index, bool dry, size_t *count) {
    size_t i, max;
    yyjson_val *block;
    char at[64];
    yyjson_arr_foreach(content, i, max, block) {
        snprintf(at, sizeof at, "messages[%zu].content[%zu].type", index, i);
        if (has_type(block, "tool_result")) {
            if (!write_shown(t, block, at, dry, count))
                return false;
            continue;
        }
        ++*count;
        if (!dry && !write_part(t, block, at))
            return false;
    }
    return true;
}

static bool write_user(struct translation *t, yyjson_val *content, size_t index) {
    size_t count = 0;
    if (!yyjson_is_arr(content)) {
        translation_chat_text(t, "user", json_str_of(content));
        return true;
    }
    write_results(t, content);
    if (!write_rest(t, content, index, true, &count) || count == 0)
        return true;
    json_object(&t->w);
    json_field_text(&t->w, "role", "user");
    json_key(&t->w, "content");
    json_array(&t->w);
    if (!write_rest(t, content, index, false, &count))
        return false;
    json_array_end(&t->w);
    json_object_end(&t->w);
    return true;
}

/* ---- assistant ---- */

static bool has_block(yyjson_val *content, const char *type) {
    size_t i, max;
    yyjson_val *block;
    yyjson_arr_foreach(content, i, max, block) if (has_type(block, type)) return true;
    return false;
}

static void write_calls(struct translation *t, yyjson_val *content) {
    size_t i, max;
    yyjson_val *block;
    json_key(&t->w, "tool_calls");
    json_array(&t->w);
    yyjson_arr_foreach(content, i, max, block) {
        AUTO_BUF arguments = BUF_INIT(t->w.out->cap);
        if (!has_type(block, "tool_use"))
            continue;
        if (yyjson_is_obj(yyjson_obj_get(block, "input")))
            json_value(&JSON_WRITER(&arguments), yyjson_obj_get(block, "input"));
        translation_call(t, translation_text(block, "id"), translation_text(block, "name"),
                         buf_str(&arguments));
        t->w.out->failed = t->w.out->failed || arguments.failed;
    }
    json_array_end(&t->w);
}

/* Its thinking is left out: it means something to the provider alone that signed it. */
static void write_assistant(struct translation *t, yyjson_val *content) {
    bool calls = has_block(content, "tool_use");
    json_object(&t->w);
    json_field_text(&t->w, "role", "assistant");
    json_key(&t->w, "content");
    if (yyjson_is_str(content) || has_block(content, "text"))
        write_texts(t, content, STR(""));
    else if (calls)
        json_null(&t->w);
    else
        json_str(&t->w, STR(""));
    if (calls)
        write_calls(t, content);
    json_object_end(&t->w);
}

static void write_system(struct translation *t, yyjson_val *content) {
    json_object(&t->w);
    json_field_text(&t->w, "role", "system");
    json_key(&t->w, "content");
    write_texts(t, content, STR("\n"));
    json_object_end(&t->w);
}

static bool write_messages(struct translation *t) {
    yyjson_val *system = yyjson_obj_get(t->r->root, "system"), *message;
    size_t i, max;
    json_key(&t->w, "messages");
    json_array(&t->w);
    if (yyjson_get_len(system) && !yyjson_is_null(system))
        write_system(t, system);
    yyjson_arr_foreach(t->r->messages, i, max, message) {
        struct str role = translation_text(message, "role");
        yyjson_val *content = yyjson_obj_get(message, "content");
        if (str_eq(role, STR("assistant")))
            write_assistant(t, content);
        else if (str_eq(role, STR("system")))
            write_system(t, content);
        else if (!write_user(t, content, i))
            return false;
    }
    json_array_end(&t->w);
    return true;
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
        struct str type = translation_text(tool, "type");
        snprintf(at, sizeof at, "tools[%zu].type", i);
        if (type.n && !str_eq(type, STR("custom")))
            return translation_refuse(t, at, "Anthropic's own tools need an upstream of theirs");
        json_object(&t->w);
        json_field_text(&t->w, "type", "function");
        json_key(&t->w, "function");
        json_object(&t->w);
        translation_copy(t, tool, "name", "name");
        translation_copy(t, tool, "description", "description");
        translation_copy(t, tool, "input_schema", "parameters");
        translation_copy(t, tool, "strict", "strict");
        json_object_end(&t->w);
        json_object_end(&t->w);
    }
    json_array_end(&t->w);
    return true;
}

static void write_tool_choice(struct translation *t) {
    yyjson_val *choice = yyjson_obj_get(t->r->root, "tool_choice");
    if (!t->r->tools || !yyjson_is_obj(choice))
        return;
    json_key(&t->w, "tool_choice");
    if (has_type(choice, "tool")) {
        json_object(&t->w);
        json_field_text(&t->w, "type", "function");
        json_key(&t->w, "function");
        json_object(&t->w);
        json_field_str(&t->w, "name", translation_text(choice, "name"));
        json_object_end(&t->w);
        json_object_end(&t->w);
    } else {
        json_text(&t->w, has_type(choice, "any") ? "required" : has_type(choice, "none") ? "none" : "auto");
    }
    if (yyjson_is_true(yyjson_obj_get(choice, "disable_parallel_tool_use")))
        json_field_bool(&t->w, "parallel_tool_calls", false);
}

/* ---- parameters ---- */

static void write_output(struct translation *t) {
    yyjson_val *config = yyjson_obj_get(t->r->root, "output_config"),
               *format = yyjson_obj_get(config, "format");
    struct str effort = translation_text(config, "effort");
    if (effort.n)
        json_field_str(&t->w, "reasoning_effort", str_eq(effort, STR("max")) ? STR("xhigh") : effort);
    if (!has_type(format, "json_schema"))
        return;
    json_key(&t->w, "response_format");
    json_object(&t->w);
    json_field_text(&t->w, "type", "json_schema");
    json_key(&t->w, "json_schema");
    json_object(&t->w);
    json_field_text(&t->w, "name", "output");
    json_field_bool(&t->w, "strict", true);
    translation_copy(t, format, "schema", "schema");
    json_object_end(&t->w);
    json_object_end(&t->w);
}

bool translate_messages_to_chat(struct translation *t) {
    yyjson_val *root = t->r->root;
    json_object(&t->w);
    translation_chat_head(t);
    if (!write_messages(t) || !write_tools(t))
        return false;
    write_tool_choice(t);
    translation_copy(t, root, "max_tokens", "max_completion_tokens");
    translation_copy(t, root, "temperature", "temperature");
    translation_copy(t, root, "top_p", "top_p");
    if (yyjson_arr_size(yyjson_obj_get(root, "stop_sequences")))
        translation_copy(t, root, "stop_sequences", "stop");
    write_output(t);
    if (t->r->user.n)
        json_field_str(&t->w, "user", t->r->user);
    json_object_end(&t->w);
    return true;
}
