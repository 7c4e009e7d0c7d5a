#include "chat/answer.h"

#include "chat/pieces.h"

static bool has_kind(const struct chat_choice *c, enum chat_block_kind kind) {
    for (size_t i = 0; i < c->count; i++)
        if (c->blocks[i].kind == kind)
            return true;
    return false;
}

/* All texts of a kind as one string; null where there are none. */
static void write_joined(struct json_writer *w, const struct chat_choice *c, enum chat_block_kind kind) {
    struct buf joined = BUF_INIT(w->out->cap);
    const struct chat_block *only = NULL;
    size_t found = 0;
    for (size_t i = 0; i < c->count; i++)
        if (c->blocks[i].kind == kind) {
            only = &c->blocks[i];
            found++;
        }
    if (found == 1) {
        json_str(w, only->text);
    } else if (found == 0) {
        json_null(w);
    } else {
        for (size_t i = 0; i < c->count; i++)
            if (c->blocks[i].kind == kind)
                buf_add_str(&joined, c->blocks[i].text);
        json_str(w, buf_str(&joined));
        w->out->failed = w->out->failed || joined.failed;
    }
    buf_free(&joined);
}

/* ---- chat completions, completions ---- */

static void write_thinking_blocks(struct json_writer *w, const struct chat_choice *c) {
    json_key(w, "reasoning_content");
    write_joined(w, c, BLOCK_REASONING);
    json_key(w, "thinking_blocks");
    json_array(w);
    for (size_t i = 0; i < c->count; i++)
        if ((c->blocks[i].kind == BLOCK_REASONING || c->blocks[i].kind == BLOCK_REDACTED) &&
            c->blocks[i].signature.n)
            chat_thinking_write(w, &c->blocks[i]);
    json_array_end(w);
}

static void write_tool_calls(struct json_writer *w, const struct chat_choice *c) {
    json_key(w, "tool_calls");
    json_array(w);
    for (size_t i = 0; i < c->count; i++) {
        const struct chat_block *b = &c->blocks[i];
        if (b->kind != BLOCK_TOOL_CALL)
            continue;
        json_object(w);
        json_field_str(w, "id", b->id);
        json_field_text(w, "type", "function");
        json_key(w, "function");
        json_object(w);
        json_field_str(w, "name", b->name);
        json_field_str(w, "arguments", b->text.n ? b->text : STR("{}"));
        json_object_end(w);
        json_object_end(w);
    }
    json_array_end(w);
}

static void write_chat_message(struct json_writer *w, const struct chat_choice *c) {
    json_object(w);
    json_field_text(w, "role", "assistant");
    json_key(w, "content");
    write_joined(w, c, BLOCK_TEXT);
    json_key(w, "refusal");
    write_joined(w, c, BLOCK_REFUSAL);
    if (has_kind(c, BLOCK_REASONING) || has_kind(c, BLOCK_REDACTED))
        write_thinking_blocks(w, c);
    if (has_kind(c, BLOCK_TOOL_CALL))
        write_tool_calls(w, c);
    json_object_end(w);
}

static void write_logprobs(struct json_writer *w, const struct chat_choice *c) {
    for (size_t i = 0; i < c->count; i++) {
        if (!c->blocks[i].logprobs)
            continue;
        json_object(w);
        json_key(w, "content");
        json_value(w, c->blocks[i].logprobs);
        json_object_end(w);
        return;
    }
    json_null(w);
}

static void write_choice(struct json_writer *w, const struct chat_choice *c, size_t index, bool legacy) {
    json_object(w);
    json_field_int(w, "index", (int64_t)index);
    json_key(w, legacy ? "text" : "message");
    if (!legacy)
        write_chat_message(w, c);
    else if (has_kind(c, BLOCK_TEXT))
        write_joined(w, c, BLOCK_TEXT);
    else
        json_str(w, STR(""));
    json_key(w, "logprobs");
    if (legacy)
        json_null(w);
    else
        write_logprobs(w, c);
    json_field_text(w, "finish_reason", c->finish ? chat_finish_name(c->finish) : "stop");
    json_object_end(w);
}

static void write_chat(struct json_writer *w, const struct chat_answer *a, bool legacy) {
    json_object(w);
    json_field_str(w, "id", a->id);
    json_field_text(w, "object", legacy ? "text_completion" : "chat.completion");
    json_field_int(w, "created", a->created);
    json_field_str(w, "model", a->model);
    json_key(w, "choices");
    json_array(w);
    for (size_t i = 0; i < a->choice_count; i++)
        write_choice(w, &a->choices[i], i, legacy);
    json_array_end(w);
    json_key(w, "usage");
    chat_usage_write(w, &a->usage, CHAT_COMPLETIONS);
    json_object_end(w);
}

/* ---- messages ---- */

/* False: a tool call's arguments, which are an object here, are not JSON. */
static bool write_block(struct json_writer *w, const struct chat_block *b) {
    bool good = true;
    if (b->kind == BLOCK_REASONING || b->kind == BLOCK_REDACTED) {
        chat_thinking_write(w, b);
        return true;
    }
    json_object(w);
    if (b->kind == BLOCK_TOOL_CALL) {
        json_field_text(w, "type", "tool_use");
        json_field_str(w, "id", b->id);
        json_field_str(w, "name", b->name);
        json_key(w, "input");
        good = chat_arguments_write(w, b->text);
    } else {
        json_field_text(w, "type", "text");
        json_field_str(w, "text", b->text);
    }
    json_object_end(w);
    return good;
}

static bool write_messages(struct json_writer *w, const struct chat_answer *a, struct error *err) {
    const struct chat_choice *c = &a->choices[0];
    json_object(w);
    json_field_str(w, "id", a->id);
    json_field_text(w, "type", "message");
    json_field_text(w, "role", "assistant");
    json_field_str(w, "model", a->model);
    json_key(w, "content");
    json_array(w);
    for (size_t i = 0; i < c->count; i++)
        if (!write_block(w, &c->blocks[i]))
            return fail(err, ERR_UPSTREAM, "its arguments for the tool \"%.*s\" are not a JSON object",
                        STR_ARG(str_slice(c->blocks[i].name, 0, 80)));
    json_array_end(w);
    enum chat_finish finish = has_kind(c, BLOCK_REFUSAL) ? FINISH_CONTENT_FILTER : c->finish;
    json_field_text(w, "stop_reason", chat_stop_reason(finish, c->stop_sequence.n > 0));
    json_key(w, "stop_sequence");
    if (c->stop_sequence.n)
        json_str(w, c->stop_sequence);
    else
        json_null(w);
    json_key(w, "usage");
    chat_usage_write(w, &a->usage, CHAT_MESSAGES);
    json_object_end(w);
    return true;
}

/* ---- responses ---- */

static void write_response(struct json_writer *w, const struct chat_answer *a) {
    const struct chat_choice *c = &a->choices[0];
    struct buf output = BUF_INIT(w->out->cap);
    struct json_writer items = JSON_WRITER(&output);
    char id[48];
    json_array(&items);
    for (size_t i = 0; i < c->count; i++) {
        chat_item_id(id, a->id, i, c->blocks[i].kind);
        chat_item_write(&items, &(struct chat_item){&c->blocks[i], id, true});
    }
    json_array_end(&items);
    chat_response_write(w, &(struct chat_response){.id = a->id,
                                                   .model = a->model,
                                                   .output = buf_str(&output),
                                                   .created = a->created,
                                                   .finish = c->finish,
                                                   .usage = &a->usage});
    w->out->failed = w->out->failed || output.failed;
    buf_free(&output);
}

bool chat_answer_write(const struct chat_answer *a, enum chat_surface to, struct buf *out,
                       struct error *err) {
    struct json_writer w = JSON_WRITER(out);
    size_t before = out->n;
    bool good = true;
    if (a->choice_count == 0 || to == CHAT_EMBEDDINGS)
        return fail(err, ERR_INTERNAL, "There is no answer to write.");
    if (to == CHAT_COMPLETIONS || to == CHAT_LEGACY)
        write_chat(&w, a, to == CHAT_LEGACY);
    else if (to == CHAT_MESSAGES)
        good = write_messages(&w, a, err);
    else
        write_response(&w, a);
    if (!good) {
        out->n = before;
        return false;
    }
    return !out->failed || fail(err, ERR_NO_MEMORY, "Out of memory for the reply.");
}
