/* Responses as chat completions. Sources: https://platform.openai.com/docs/api-reference/responses/create and
 * https://platform.openai.com/docs/guides/migrate-to-responses. What the provider keeps (previous answers,
 * conversations, stored prompts, its own tools) needs an upstream that speaks responses itself. */
#include "chat/translation.h"

#include "chat/pieces.h"

#include <stdio.h>

static bool is(yyjson_val *object, const char *type) {
    return str_eq(translation_text(object, "type"), str_from(type));
}

static bool refuse_at(struct translation *t, const char *format, size_t i, const char *instead) {
    char at[64];
    snprintf(at, sizeof at, format, i); /* of this file's own, with one %zu */
    return translation_refuse(t, at, instead);
}

/* ---- content ---- */

static void write_image(struct translation *t, yyjson_val *part) {
    json_object(&t->w);
    json_field_text(&t->w, "type", "image_url");
    json_key(&t->w, "image_url");
    json_object(&t->w);
    translation_copy(t, part, "image_url", "url");
    translation_copy(t, part, "detail", "detail");
    json_object_end(&t->w);
    json_object_end(&t->w);
}

static void write_file(struct translation *t, yyjson_val *part) {
    json_object(&t->w);
    json_field_text(&t->w, "type", "file");
    json_key(&t->w, "file");
    json_object(&t->w);
    translation_copy(t, part, "file_data", "file_data");
    translation_copy(t, part, "filename", "filename");
    json_object_end(&t->w);
    json_object_end(&t->w);
}

static bool write_part(struct translation *t, yyjson_val *part, size_t item, size_t index) {
    char at[64];
    if (is(part, "input_text") || is(part, "output_text") || is(part, "text")) {
        translation_text_part(t, translation_text(part, "text"), NULL);
    } else if (is(part, "refusal")) {
        translation_text_part(t, translation_text(part, "refusal"), NULL);
    } else if (is(part, "input_image") && yyjson_is_str(yyjson_obj_get(part, "image_url"))) {
        write_image(t, part);
    } else if (is(part, "input_file") && yyjson_is_str(yyjson_obj_get(part, "file_data"))) {
        write_file(t, part);
    } else {
        snprintf(at, sizeof at, "input[%zu].content[%zu]", item, index);
        return translation_refuse(t, at, "send text, images by URL, or files as data URLs");
    }
    return true;
}

static bool write_content(struct translation *t, yyjson_val *content, size_t item) {
    size_t i, max;
    yyjson_val *part;
    json_key(&t->w, "content");
    if (!yyjson_is_arr(content)) {
        json_str(&t->w, json_str_of(content));
        return true;
    }
    json_array(&t->w);
    yyjson_arr_foreach(content, i, max, part) if (!write_part(t, part, item, i)) return false;
    json_array_end(&t->w);
    return true;
}

/* ---- items: thinking, text and calls of one turn are one message there ---- */

enum { TURN_NONE, TURN_OPEN, TURN_CONTENT, TURN_CALLS };

struct items {
    struct translation *t;
    yyjson_arr_iter rest;
    yyjson_val *item; /* the one to be written; NULL behind the last */
    size_t index;
    int turn; /* how far the open assistant message is written */
};

static void next_item(struct items *s) {
    s->item = yyjson_arr_iter_next(&s->rest);
    s->index++;
}

static void close_turn(struct items *s) {
    if (s->turn == TURN_CALLS)
        json_array_end(&s->t->w);
    if (s->turn == TURN_OPEN) /* thinking that led to nothing */
        json_field_str(&s->t->w, "content", STR(""));
    if (s->turn != TURN_NONE)
        json_object_end(&s->t->w);
    s->turn = TURN_NONE;
}

static void open_turn(struct items *s) {
    if (s->turn != TURN_NONE)
        return;
    json_object(&s->t->w);
    json_field_text(&s->t->w, "role", "assistant");
    s->turn = TURN_OPEN;
}

static void write_sealed(struct items *s, struct str sealed) {
    AUTO_BUF text = BUF_INIT(s->t->w.out->cap);
    yyjson_val *part;
    size_t i, max;
    yyjson_arr_foreach(yyjson_obj_get(s->item, "summary"), i, max, part)
        buf_add_str(&text, translation_text(part, "text"));
    struct chat_block thinking = {
        .kind = text.n ? BLOCK_REASONING : BLOCK_REDACTED, .text = buf_str(&text), .signature = sealed};
    chat_thinking_write(&s->t->w, &thinking);
    s->t->w.out->failed = s->t->w.out->failed || text.failed;
}

/* All reasoning items from here on, as Anthropic's thinking. */
static void write_thinking(struct items *s) {
    bool any = false;
    for (; is(s->item, "reasoning"); next_item(s)) {
        struct str sealed = translation_text(s->item, "encrypted_content");
        if (!s->t->keep_thinking || sealed.n == 0)
            continue;
        if (!any) {
            close_turn(s);
            open_turn(s);
            json_key(&s->t->w, "thinking_blocks");
            json_array(&s->t->w);
            any = true;
        }
        write_sealed(s, sealed);
    }
    if (any)
        json_array_end(&s->t->w);
}

static bool write_message(struct items *s, yyjson_val *item, size_t index) {
    struct str role = translation_text(item, "role");
    if (!str_eq(role, STR("assistant"))) {
        close_turn(s);
        json_object(&s->t->w);
        json_field_str(&s->t->w, "role", str_eq(role, STR("developer")) ? STR("system") : role);
        if (!write_content(s->t, yyjson_obj_get(item, "content"), index))
            return false;
        json_object_end(&s->t->w);
        return true;
    }
    if (s->turn > TURN_OPEN)
        close_turn(s);
    open_turn(s);
    s->turn = TURN_CONTENT;
    return write_content(s->t, yyjson_obj_get(item, "content"), index);
}

static void write_call(struct items *s, yyjson_val *item) {
    open_turn(s);
    if (s->turn == TURN_OPEN)
        json_field_text(&s->t->w, "content", NULL);
    if (s->turn != TURN_CALLS) {
        json_key(&s->t->w, "tool_calls");
        json_array(&s->t->w);
    }
    s->turn = TURN_CALLS;
    translation_call(s->t, translation_text(item, "call_id"), translation_text(item, "name"),
                     translation_text(item, "arguments"));
}

static bool write_result(struct items *s, yyjson_val *item, size_t index) {
    yyjson_val *output = yyjson_obj_get(item, "output"), *part;
    size_t i, max;
    close_turn(s);
    json_object(&s->t->w);
    json_field_text(&s->t->w, "role", "tool");
    json_field_str(&s->t->w, "tool_call_id", translation_text(item, "call_id"));
    json_key(&s->t->w, "content");
    if (yyjson_is_arr(output)) {
        json_array(&s->t->w);
        yyjson_arr_foreach(output, i, max, part) {
            if (!is(part, "input_text"))
                return refuse_at(s->t, "input[%zu].output", index, "send results of tools as text");
            translation_text_part(s->t, translation_text(part, "text"), NULL);
        }
        json_array_end(&s->t->w);
    } else {
        json_str(&s->t->w, json_str_of(output));
    }
    json_object_end(&s->t->w);
    return true;
}

static bool write_item(struct items *s) {
    if (is(s->item, "function_call")) {
        write_call(s, s->item);
        return true;
    }
    if (is(s->item, "function_call_output"))
        return write_result(s, s->item, s->index);
    if (is(s->item, "message") || !yyjson_obj_get(s->item, "type"))
        return write_message(s, s->item, s->index);
    return refuse_at(s->t, "input[%zu].type", s->index, "send messages, function calls and their outputs");
}

static bool write_items(struct translation *t, yyjson_val *input) {
    struct items s = {.t = t};
    yyjson_arr_iter_init(input, &s.rest);
    s.item = yyjson_arr_iter_next(&s.rest);
    while (s.item) {
        if (is(s.item, "reasoning")) {
            write_thinking(&s);
            continue;
        }
        if (!write_item(&s))
            return false;
        next_item(&s);
    }
    close_turn(&s);
    return true;
}

static bool write_messages(struct translation *t) {
    yyjson_val *root = t->r->root, *input = yyjson_obj_get(root, "input");
    json_key(&t->w, "messages");
    json_array(&t->w);
    if (translation_text(root, "instructions").n)
        translation_chat_text(t, "system", translation_text(root, "instructions"));
    if (yyjson_is_str(input))
        translation_chat_text(t, "user", json_str_of(input));
    else if (!write_items(t, input))
        return false;
    json_array_end(&t->w);
    return true;
}

/* ---- tools ---- */

static bool write_tools(struct translation *t) {
    size_t i, max;
    yyjson_val *tool;
    if (!t->r->tools)
        return true;
    json_key(&t->w, "tools");
    json_array(&t->w);
    yyjson_arr_foreach(t->r->tools, i, max, tool) {
        if (!is(tool, "function"))
            return refuse_at(t, "tools[%zu].type", i,
                             "built-in tools need an upstream that speaks responses");
        json_object(&t->w);
        json_field_text(&t->w, "type", "function");
        json_key(&t->w, "function");
        json_object(&t->w);
        translation_copy(t, tool, "name", "name");
        translation_copy(t, tool, "description", "description");
        translation_copy(t, tool, "parameters", "parameters");
        translation_copy(t, tool, "strict", "strict");
        json_object_end(&t->w);
        json_object_end(&t->w);
    }
    json_array_end(&t->w);
    return true;
}

static bool write_tool_choice(struct translation *t) {
    yyjson_val *choice = yyjson_obj_get(t->r->root, "tool_choice");
    if (!choice || yyjson_is_null(choice) || !t->r->tools)
        return true;
    if (yyjson_is_obj(choice) && !is(choice, "function"))
        return translation_refuse(t, "tool_choice.type", "name a function, or say auto, required or none");
    json_key(&t->w, "tool_choice");
    if (yyjson_is_str(choice)) {
        json_value(&t->w, choice);
        return true;
    }
    json_object(&t->w);
    json_field_text(&t->w, "type", "function");
    json_key(&t->w, "function");
    json_object(&t->w);
    translation_copy(t, choice, "name", "name");
    json_object_end(&t->w);
    json_object_end(&t->w);
    return true;
}

/* ---- parameters ---- */

static void write_output(struct translation *t) {
    yyjson_val *text = yyjson_obj_get(t->r->root, "text"), *format = yyjson_obj_get(text, "format");
    translation_copy(t, text, "verbosity", "verbosity");
    translation_copy(t, yyjson_obj_get(t->r->root, "reasoning"), "effort", "reasoning_effort");
    if (is(format, "json_object")) {
        json_key(&t->w, "response_format");
        json_raw(&t->w, STR("{\"type\":\"json_object\"}"));
    }
    if (!is(format, "json_schema"))
        return;
    json_key(&t->w, "response_format");
    json_object(&t->w);
    json_field_text(&t->w, "type", "json_schema");
    json_key(&t->w, "json_schema");
    json_object(&t->w);
    translation_copy(t, format, "name", "name");
    translation_copy(t, format, "description", "description");
    translation_copy(t, format, "strict", "strict");
    translation_copy(t, format, "schema", "schema");
    json_object_end(&t->w);
    json_object_end(&t->w);
}

static bool check_possible(struct translation *t) {
    static const char *const kept[] = {"previous_response_id", "conversation", "prompt"};
    yyjson_val *root = t->r->root;
    for (size_t i = 0; i < ARRAY_COUNT(kept); i++) {
        yyjson_val *value = yyjson_obj_get(root, kept[i]);
        if (value && !yyjson_is_null(value))
            return translation_refuse(t, kept[i], "send the conversation so far as \"input\"");
    }
    if (yyjson_is_true(yyjson_obj_get(root, "background")))
        return translation_refuse(t, "background", "leave it out");
    yyjson_val *input = yyjson_obj_get(root, "input");
    if (!yyjson_is_str(input) && yyjson_arr_size(input) == 0)
        return fail_at(t->err, ERR_MISSING_FIELD, "input",
                       "\"input\" is missing or empty; expected a string or items.");
    return true;
}

bool translate_responses_to_chat(struct translation *t) {
    static const char *const same[] = {
        "temperature",      "top_p",       "parallel_tool_calls", "user", "safety_identifier",
        "prompt_cache_key", "service_tier"};
    yyjson_val *root = t->r->root, *logprobs = yyjson_obj_get(root, "top_logprobs");
    if (!check_possible(t))
        return false;
    json_object(&t->w);
    translation_chat_head(t);
    if (!write_messages(t) || !write_tools(t) || !write_tool_choice(t))
        return false;
    for (size_t i = 0; i < ARRAY_COUNT(same); i++)
        if (t->r->tools || !str_eq(str_from(same[i]), STR("parallel_tool_calls"))) /* refused without tools */
            translation_copy(t, root, same[i], same[i]);
    translation_copy(t, root, "max_output_tokens", "max_completion_tokens");
    if (t->r->logprobs)
        json_field_bool(&t->w, "logprobs", true);
    if (yyjson_is_int(logprobs))
        json_field_int(&t->w, "top_logprobs", yyjson_get_sint(logprobs));
    write_output(t);
    json_object_end(&t->w);
    return true;
}
