#include "chat/answer.h"

#include "chat/usage_read.h"

#include <stdlib.h>

/* Replies are bounded by what the client of upstreams takes; this bounds what is built beside them. */
enum { ARENA_MAX = 64 << 20, CHOICES_MAX = 128, BLOCKS_MAX = 4096 };

struct reading {
    struct chat_answer *a;
    struct error *err;
};

static bool out_of_memory(struct error *err) {
    return fail(err, ERR_NO_MEMORY, "Out of memory for the upstream's reply.");
}

static struct str text_in(yyjson_val *object, const char *name) {
    return json_str_of(yyjson_obj_get(object, name));
}

static int64_t time_in(yyjson_val *object, const char *name, int64_t now) {
    yyjson_val *value = yyjson_obj_get(object, name);
    return yyjson_is_num(value) && yyjson_get_num(value) > 0 && yyjson_get_num(value) < 1e12
               ? (int64_t)yyjson_get_num(value)
               : now;
}

static bool make_choices(struct chat_answer *a, size_t count, struct error *err) {
    a->choices = arena_zalloc(a->arena, count * sizeof *a->choices);
    a->choice_count = count;
    return a->choices || out_of_memory(err);
}

/* Room for at most `count` blocks in the choice. */
static bool make_blocks(struct chat_answer *a, struct chat_choice *c, size_t count, struct error *err) {
    if (count > BLOCKS_MAX)
        return fail(err, ERR_UPSTREAM, "its reply has more than %d pieces", BLOCKS_MAX);
    c->blocks = arena_zalloc(a->arena, count * sizeof *c->blocks);
    return c->blocks || out_of_memory(err);
}

static struct chat_block *add_block(struct chat_choice *c, enum chat_block_kind kind, struct str text) {
    c->blocks[c->count] = (struct chat_block){.kind = kind, .text = text};
    return &c->blocks[c->count++];
}

/* The value as text; an object stays what it was, a string its own content. */
static bool value_text(struct chat_answer *a, yyjson_val *value, struct str *out, struct error *err) {
    if (yyjson_is_str(value)) {
        *out = json_str_of(value);
        return true;
    }
    size_t n;
    char *written = yyjson_is_ctn(value) ? yyjson_val_write(value, YYJSON_WRITE_NOFLAG, &n) : NULL;
    if (!written) {
        *out = STR("{}");
        return !yyjson_is_ctn(value) || out_of_memory(err);
    }
    *out = arena_copy(a->arena, (struct str){written, n});
    free(written);
    return out->p || out_of_memory(err);
}

/* ---- chat completions and completions ---- */

enum chat_finish chat_finish_of_openai(struct str reason) {
    static const struct {
        struct str name;
        enum chat_finish finish;
    } known[] = {
        {{"stop", 4}, FINISH_STOP},
        {{"length", 6}, FINISH_LENGTH},
        {{"tool_calls", 10}, FINISH_TOOL_CALLS},
        {{"function_call", 13}, FINISH_TOOL_CALLS},
        {{"content_filter", 14}, FINISH_CONTENT_FILTER},
    };
    for (size_t i = 0; i < ARRAY_COUNT(known); i++)
        if (str_eq(reason, known[i].name))
            return known[i].finish;
    return FINISH_UNKNOWN;
}

static struct str reasoning_in(yyjson_val *message) {
    struct str text = text_in(message, "reasoning_content"); /* DeepSeek, vLLM */
    return text.n ? text : text_in(message, "reasoning");    /* OpenRouter, newer vLLM, Ollama */
}

/* What came from another provider in OpenAI's clothes, as this program itself writes it. */
static void add_thinking(struct chat_choice *c, yyjson_val *thinking) {
    size_t i, max;
    yyjson_val *block;
    yyjson_arr_foreach(thinking, i, max, block) {
        bool redacted = str_eq(text_in(block, "type"), STR("redacted_thinking"));
        struct chat_block *b =
            add_block(c, redacted ? BLOCK_REDACTED : BLOCK_REASONING, text_in(block, "thinking"));
        b->signature = text_in(block, redacted ? "data" : "signature");
    }
}

static bool add_tool_call(struct chat_answer *a, struct chat_choice *c, yyjson_val *call, struct error *err) {
    yyjson_val *function = yyjson_obj_get(call, "function"), *custom = yyjson_obj_get(call, "custom");
    struct chat_block *b = add_block(c, BLOCK_TOOL_CALL, STR(""));
    b->id = text_in(call, "id");
    b->name = text_in(function ? function : custom, "name");
    return value_text(a, function ? yyjson_obj_get(function, "arguments") : yyjson_obj_get(custom, "input"),
                      &b->text, err);
}

static bool read_message(struct chat_answer *a, struct chat_choice *c, yyjson_val *choice,
                         struct error *err) {
    yyjson_val *message = yyjson_obj_get(choice, "message"), *call, *part;
    yyjson_val *calls = yyjson_obj_get(message, "tool_calls"), *content = yyjson_obj_get(message, "content");
    yyjson_val *thinking = yyjson_obj_get(message, "thinking_blocks");
    size_t i, max;
    if (!make_blocks(a, c, 3 + yyjson_arr_size(calls) + yyjson_arr_size(content) + yyjson_arr_size(thinking),
                     err))
        return false;
    if (yyjson_arr_size(thinking))
        add_thinking(c, thinking);
    else if (reasoning_in(message).n)
        add_block(c, BLOCK_REASONING, reasoning_in(message));
    if (json_str_of(content).n)
        add_block(c, BLOCK_TEXT, json_str_of(content))->logprobs =
            yyjson_obj_get(yyjson_obj_get(choice, "logprobs"), "content");
    yyjson_arr_foreach(content, i, max, part) /* some servers answer in parts */
        if (text_in(part, "text").n) add_block(c, BLOCK_TEXT, text_in(part, "text"));
    if (text_in(message, "refusal").n)
        add_block(c, BLOCK_REFUSAL, text_in(message, "refusal"));
    yyjson_arr_foreach(calls, i, max, call) if (!add_tool_call(a, c, call, err)) return false;
    return true;
}

static bool read_choice(struct chat_answer *a, struct chat_choice *c, yyjson_val *choice, struct error *err) {
    yyjson_val *text = yyjson_obj_get(choice, "text");
    c->finish = chat_finish_of_openai(text_in(choice, "finish_reason"));
    if (!yyjson_is_str(text))
        return read_message(a, c, choice, err);
    if (!make_blocks(a, c, 1, err))
        return false;
    add_block(c, BLOCK_TEXT, json_str_of(text));
    return true;
}

static bool read_choices(struct chat_answer *a, yyjson_val *root, int64_t now, struct error *err) {
    yyjson_val *choices = yyjson_obj_get(root, "choices"), *choice;
    size_t i, max;
    if (yyjson_arr_size(choices) == 0 || yyjson_arr_size(choices) > CHOICES_MAX)
        return fail(err, ERR_UPSTREAM, "its reply has no \"choices\", or more than %d", CHOICES_MAX);
    if (!make_choices(a, yyjson_arr_size(choices), err))
        return false;
    a->created = time_in(root, "created", now);
    yyjson_arr_foreach(choices, i, max,
                       choice) if (!read_choice(a, &a->choices[i], choice, err)) return false;
    return true;
}

/* ---- messages ---- */

enum chat_finish chat_finish_of_anthropic(struct str reason) {
    static const struct {
        struct str name;
        enum chat_finish finish;
    } known[] = {
        {{"end_turn", 8}, FINISH_STOP},          {{"stop_sequence", 13}, FINISH_STOP},
        {{"pause_turn", 10}, FINISH_STOP},       {{"max_tokens", 10}, FINISH_LENGTH},
        {{"tool_use", 8}, FINISH_TOOL_CALLS},    {{"model_context_window_exceeded", 29}, FINISH_LENGTH},
        {{"refusal", 7}, FINISH_CONTENT_FILTER},
    };
    for (size_t i = 0; i < ARRAY_COUNT(known); i++)
        if (str_eq(reason, known[i].name))
            return known[i].finish;
    return FINISH_UNKNOWN;
}

static bool read_block(struct chat_answer *a, struct chat_choice *c, yyjson_val *block, struct error *err) {
    struct str type = text_in(block, "type");
    if (str_eq(type, STR("text"))) {
        add_block(c, BLOCK_TEXT, text_in(block, "text"));
    } else if (str_eq(type, STR("thinking"))) {
        add_block(c, BLOCK_REASONING, text_in(block, "thinking"))->signature = text_in(block, "signature");
    } else if (str_eq(type, STR("redacted_thinking"))) {
        add_block(c, BLOCK_REDACTED, STR(""))->signature = text_in(block, "data");
    } else if (str_eq(type, STR("tool_use"))) {
        struct chat_block *b = add_block(c, BLOCK_TOOL_CALL, STR(""));
        b->id = text_in(block, "id");
        b->name = text_in(block, "name");
        return value_text(a, yyjson_obj_get(block, "input"), &b->text, err);
    }
    return true; /* the provider's own tools and their results are its affair */
}

static bool read_blocks(struct chat_answer *a, yyjson_val *root, int64_t now, struct error *err) {
    yyjson_val *content = yyjson_obj_get(root, "content"), *block;
    size_t i, max;
    if (!yyjson_is_arr(content))
        return fail(err, ERR_UPSTREAM, "its reply has no \"content\"");
    if (!make_choices(a, 1, err) || !make_blocks(a, &a->choices[0], yyjson_arr_size(content), err))
        return false;
    a->created = now;
    a->choices[0].finish = chat_finish_of_anthropic(text_in(root, "stop_reason"));
    a->choices[0].stop_sequence = text_in(root, "stop_sequence");
    yyjson_arr_foreach(content, i, max, block) if (!read_block(a, &a->choices[0], block, err)) return false;
    return true;
}

/* ---- responses ---- */

static void add_summary(struct chat_choice *c, yyjson_val *item) {
    yyjson_val *summary = yyjson_obj_get(item, "summary"), *part;
    struct str sealed = text_in(item, "encrypted_content");
    size_t i, max, before = c->count;
    yyjson_arr_foreach(summary, i, max, part) add_block(c, BLOCK_REASONING, text_in(part, "text"));
    if (c->count > before)
        c->blocks[c->count - 1].signature = sealed;
    else if (sealed.n)
        add_block(c, BLOCK_REASONING, STR(""))->signature = sealed;
}

static bool read_item(struct chat_answer *a, struct chat_choice *c, yyjson_val *item, struct error *err) {
    struct str type = text_in(item, "type");
    yyjson_val *part;
    size_t i, max;
    if (str_eq(type, STR("reasoning"))) {
        add_summary(c, item);
    } else if (str_eq(type, STR("function_call"))) {
        struct chat_block *b = add_block(c, BLOCK_TOOL_CALL, STR(""));
        b->id = text_in(item, "call_id");
        b->name = text_in(item, "name");
        c->finish = FINISH_TOOL_CALLS;
        return value_text(a, yyjson_obj_get(item, "arguments"), &b->text, err);
    }
    yyjson_arr_foreach(yyjson_obj_get(item, "content"), i, max, part) {
        if (str_eq(text_in(part, "type"), STR("output_text")))
            add_block(c, BLOCK_TEXT, text_in(part, "text"))->logprobs = yyjson_obj_get(part, "logprobs");
        else if (str_eq(text_in(part, "type"), STR("refusal")))
            add_block(c, BLOCK_REFUSAL, text_in(part, "refusal"));
    }
    return true;
}

static size_t pieces_of(yyjson_val *output) {
    size_t i, max, pieces = 0;
    yyjson_val *item;
    yyjson_arr_foreach(output, i, max, item) pieces += 1 + yyjson_arr_size(yyjson_obj_get(item, "content")) +
                                                       yyjson_arr_size(yyjson_obj_get(item, "summary"));
    return pieces;
}

static bool read_items(struct chat_answer *a, yyjson_val *root, int64_t now, struct error *err) {
    yyjson_val *output = yyjson_obj_get(root, "output"), *item;
    struct str why = text_in(yyjson_obj_get(root, "incomplete_details"), "reason");
    size_t i, max;
    if (!yyjson_is_arr(output))
        return fail(err, ERR_UPSTREAM, "its reply has no \"output\"");
    if (!make_choices(a, 1, err) || !make_blocks(a, &a->choices[0], pieces_of(output), err))
        return false;
    struct chat_choice *c = &a->choices[0];
    a->created = time_in(root, "created_at", now);
    c->finish = FINISH_STOP;
    yyjson_arr_foreach(output, i, max, item) if (!read_item(a, c, item, err)) return false;
    if (str_eq(text_in(root, "status"), STR("incomplete")))
        c->finish = str_eq(why, STR("content_filter")) ? FINISH_CONTENT_FILTER : FINISH_LENGTH;
    return true;
}

/* ---- any ---- */

static bool read_any(enum chat_surface from, struct chat_answer *a, int64_t now, struct error *err) {
    yyjson_val *root = yyjson_doc_get_root(a->doc);
    if (!yyjson_is_obj(root))
        return fail(err, ERR_UPSTREAM, "its reply is no JSON object");
    a->id = text_in(root, "id");
    a->model = text_in(root, "model");
    chat_usage_read(yyjson_obj_get(root, "usage"), from, &a->usage);
    switch (from) {
    case CHAT_COMPLETIONS:
    case CHAT_LEGACY: return read_choices(a, root, now, err);
    case CHAT_MESSAGES: return read_blocks(a, root, now, err);
    case CHAT_RESPONSES: return read_items(a, root, now, err);
    case CHAT_EMBEDDINGS:
    case CHAT_SURFACE_COUNT: break;
    }
    return fail(err, ERR_INTERNAL, "Embeddings are no answer to a chat.");
}

bool chat_answer_read(enum chat_surface from, struct str body, int64_t now, struct chat_answer *out,
                      struct error *err) {
    yyjson_read_err why = {0};
    struct chat_answer a = {.usage = CHAT_USAGE_UNKNOWN};
    a.doc = body.n ? yyjson_read_opts((char *)(uintptr_t)body.p, body.n, 0, NULL, &why) : NULL;
    if (!a.doc && why.code == YYJSON_READ_ERROR_MEMORY_ALLOCATION)
        return out_of_memory(err);
    if (!a.doc)
        return fail(err, ERR_UPSTREAM, "its reply is not JSON: %s at byte %zu", why.msg ? why.msg : "empty",
                    why.pos);
    a.arena = arena_new(ARENA_MAX);
    bool good = a.arena ? read_any(from, &a, now, err) : out_of_memory(err);
    if (good)
        *out = a;
    else
        chat_answer_clear(&a);
    return good;
}
