#include "chat/prompt_text.h"

#include <stdlib.h>

struct visit {
    bool (*each)(void *ctx, const struct chat_part *part);
    void *ctx;
    size_t attachments;
    bool going;
};

static struct str text_in(yyjson_val *object, const char *name) {
    return json_str_of(yyjson_obj_get(object, name));
}

static void show(struct visit *v, struct str role, struct str text, size_t message) {
    if (v->going && text.n && v->each)
        v->going = v->each(v->ctx, &(struct chat_part){role, text, message});
}

/* Without memory the visit ends: what was not shown must not pass for seen. */
static void show_written(struct visit *v, struct str role, yyjson_val *value, size_t message) {
    size_t n = 0;
    char *written = v->going && v->each ? yyjson_val_write(value, YYJSON_WRITE_NOFLAG, &n) : NULL;
    if (written)
        show(v, role, (struct str){written, n}, message);
    else if (v->each)
        v->going = false;
    free(written);
}

static void visit_content(struct visit *v, struct str role, yyjson_val *content, size_t message);

/* A part has a text, or a content of its own (results of tools), or is an image or a file. */
static void visit_part(struct visit *v, struct str role, yyjson_val *part, size_t message) {
    static const char *const texts[] = {"text", "refusal", "thinking"};
    bool found = false;
    for (size_t i = 0; i < ARRAY_COUNT(texts); i++) {
        yyjson_val *text = yyjson_obj_get(part, texts[i]);
        found = found || yyjson_is_str(text);
        show(v, role, json_str_of(text), message);
    }
    yyjson_val *content = yyjson_obj_get(part, "content"), *input = yyjson_obj_get(part, "input");
    if (yyjson_is_ctn(input)) { /* of a tool's use */
        show(v, role, text_in(part, "name"), message);
        show_written(v, role, input, message);
    } else if (content) {
        visit_content(v, STR("tool"), content, message);
    } else if (!found && !yyjson_is_str(yyjson_obj_get(part, "data"))) {
        v->attachments++;
    }
}

static void visit_content(struct visit *v, struct str role, yyjson_val *content, size_t message) {
    size_t i, max;
    yyjson_val *part;
    show(v, role, json_str_of(content), message);
    yyjson_arr_foreach(content, i, max, part) {
        if (yyjson_is_str(part))
            show(v, role, json_str_of(part), message);
        else if (yyjson_is_obj(part))
            visit_part(v, role, part, message);
    }
}

static void visit_message(struct visit *v, yyjson_val *message, size_t index) {
    struct str role = text_in(message, "role"), type = text_in(message, "type");
    yyjson_val *calls = yyjson_obj_get(message, "tool_calls"), *call;
    size_t i, max;
    if (role.n == 0) /* items of responses */
        role = str_ends(type, STR("_output")) ? STR("tool") : STR("assistant");
    visit_content(v, role, yyjson_obj_get(message, "content"), index);
    visit_content(v, role, yyjson_obj_get(message, "output"), index);
    visit_content(v, role, yyjson_obj_get(message, "summary"), index);
    show(v, role, text_in(message, "refusal"), index);
    show(v, role, text_in(message, "name"), index);
    show(v, role, text_in(message, "arguments"), index);
    yyjson_arr_foreach(calls, i, max, call) {
        show(v, role, text_in(yyjson_obj_get(call, "function"), "name"), index);
        show(v, role, text_in(yyjson_obj_get(call, "function"), "arguments"), index);
    }
}

/* As one text: names, descriptions and schemas all count. */
static void visit_whole(struct visit *v, yyjson_val *value) {
    if (yyjson_is_ctn(value))
        show_written(v, STR("tools"), value, SIZE_MAX);
}

static void visit_all(struct visit *v, const struct chat_request *r) {
    yyjson_val *input = yyjson_obj_get(r->root, "input"), *messages = r->messages, *message;
    size_t i, max;
    visit_content(v, STR("system"), yyjson_obj_get(r->root, "system"), SIZE_MAX);
    show(v, STR("system"), text_in(r->root, "instructions"), SIZE_MAX);
    if (r->surface == CHAT_RESPONSES && yyjson_is_arr(input))
        messages = input;
    else if (r->surface == CHAT_RESPONSES || r->surface == CHAT_EMBEDDINGS)
        visit_content(v, STR("user"), input, SIZE_MAX);
    else if (r->surface == CHAT_LEGACY)
        visit_content(v, STR("user"), yyjson_obj_get(r->root, "prompt"), SIZE_MAX);
    yyjson_arr_foreach(messages, i, max, message) visit_message(v, message, i);
    visit_whole(v, r->tools);
    visit_whole(v, r->output_schema);
}

bool chat_prompt_visit(const struct chat_request *r, bool (*each)(void *ctx, const struct chat_part *part),
                       void *ctx) {
    struct visit v = {.each = each, .ctx = ctx, .going = true};
    visit_all(&v, r);
    return v.going;
}

size_t chat_prompt_attachments(const struct chat_request *r) {
    struct visit v = {.going = true};
    visit_all(&v, r);
    return v.attachments;
}
