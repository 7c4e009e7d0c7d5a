#include "chat/stream_writer.h"

#include <stdio.h>

void stream_writer_init(struct stream_writer *w, enum chat_surface to, bool include_usage, int64_t created) {
    *w = (struct stream_writer){.to = to,
                                .include_usage = include_usage,
                                .created = created,
                                .said = BUF_INIT(STREAM_SAID_MAX),
                                .sealed = BUF_INIT(STREAM_SAID_MAX),
                                .items = BUF_INIT(STREAM_SAID_MAX)};
}

void stream_writer_clear(struct stream_writer *w) {
    buf_free(&w->said);
    buf_free(&w->sealed);
    buf_free(&w->items);
}

bool stream_writer_failed(const struct stream_writer *w) {
    return w->said.failed || w->sealed.failed || w->items.failed;
}

/* A cut name would be another name: what does not fit is left out. */
static void keep(char *to, size_t size, struct str text) {
    snprintf(to, size, "%.*s", text.n < size ? (int)text.n : 0, text.p);
}

/* ---- chat completions, completions: each piece is an event of its own ---- */

static struct json_writer begin_chunk(struct stream_writer *w, bool legacy) {
    struct json_writer j = JSON_WRITER(w->out);
    buf_add_str(w->out, STR("data: "));
    json_object(&j);
    json_field_text(&j, "id", w->id);
    json_field_text(&j, "object", legacy ? "text_completion" : "chat.completion.chunk");
    json_field_int(&j, "created", w->created);
    json_field_text(&j, "model", w->model);
    json_key(&j, "choices");
    json_array(&j);
    return j;
}

static void end_chunk(struct json_writer *j) {
    json_array_end(j);
    json_object_end(j);
    buf_add_str(j->out, STR("\n\n"));
}

static void write_tool_delta(struct json_writer *j, const struct stream_writer *w,
                             const struct chat_delta *d) {
    bool begins = d->kind == DELTA_TOOL_CALL;
    json_key(j, "tool_calls");
    json_array(j);
    json_object(j);
    json_field_int(j, "index", w->calls ? (int64_t)w->calls - 1 : 0);
    if (begins) {
        json_field_str(j, "id", d->id);
        json_field_text(j, "type", "function");
    }
    json_key(j, "function");
    json_object(j);
    if (begins)
        json_field_str(j, "name", d->name);
    json_field_str(j, "arguments", begins ? STR("") : d->text);
    json_object_end(j);
    json_object_end(j);
    json_array_end(j);
}

static void write_sealed_delta(struct json_writer *j, const struct chat_delta *d) {
    enum chat_block_kind kind = d->kind == DELTA_REDACTED ? BLOCK_REDACTED : BLOCK_REASONING;
    json_key(j, "thinking_blocks");
    json_array(j);
    chat_thinking_write(j, &(struct chat_block){.kind = kind, .text = STR(""), .signature = d->text});
    json_array_end(j);
}

static void write_chat_delta(struct json_writer *j, const struct stream_writer *w,
                             const struct chat_delta *d) {
    json_key(j, "delta");
    json_object(j);
    switch (d->kind) {
    case DELTA_TEXT: json_field_str(j, "content", d->text); break;
    case DELTA_REASONING: json_field_str(j, "reasoning_content", d->text); break;
    case DELTA_REFUSAL: json_field_str(j, "refusal", d->text); break;
    case DELTA_SIGNATURE:
    case DELTA_REDACTED: write_sealed_delta(j, d); break;
    case DELTA_TOOL_CALL:
    case DELTA_ARGUMENTS: write_tool_delta(j, w, d); break;
    }
    json_object_end(j);
    json_key(j, "logprobs");
    if (d->logprobs) {
        json_object(j);
        json_key(j, "content");
        json_value(j, d->logprobs);
        json_object_end(j);
    } else {
        json_null(j);
    }
}

static void chat_delta(struct stream_writer *w, const struct chat_delta *d) {
    bool legacy = w->to == CHAT_LEGACY;
    if (legacy && d->kind != DELTA_TEXT)
        return;
    struct json_writer j = begin_chunk(w, legacy);
    json_object(&j);
    json_field_int(&j, "index", d->choice);
    if (legacy) {
        json_field_str(&j, "text", d->text);
        json_field_text(&j, "logprobs", NULL);
    } else {
        write_chat_delta(&j, w, d);
    }
    json_field_text(&j, "finish_reason", NULL);
    json_object_end(&j);
    end_chunk(&j);
}

static void chat_role(struct stream_writer *w, unsigned choice) {
    struct json_writer j = begin_chunk(w, false);
    json_object(&j);
    json_field_int(&j, "index", choice);
    json_key(&j, "delta");
    json_raw(&j, STR("{\"role\":\"assistant\",\"content\":\"\"},\"logprobs\":null,\"finish_reason\":null"));
    json_object_end(&j);
    end_chunk(&j);
}

static void chat_finish(struct stream_writer *w, unsigned choice, enum chat_finish finish) {
    bool legacy = w->to == CHAT_LEGACY;
    struct json_writer j = begin_chunk(w, legacy);
    json_object(&j);
    json_field_int(&j, "index", choice);
    json_key(&j, legacy ? "text" : "delta");
    json_raw(&j, legacy ? STR("\"\"") : STR("{}"));
    json_field_text(&j, "logprobs", NULL);
    json_field_text(&j, "finish_reason", finish ? chat_finish_name(finish) : "stop");
    json_object_end(&j);
    end_chunk(&j);
}

static void chat_end(struct stream_writer *w, const struct chat_usage *usage) {
    if (w->include_usage) {
        struct json_writer j = begin_chunk(w, w->to == CHAT_LEGACY);
        json_array_end(&j);
        json_key(&j, "usage");
        chat_usage_write(&j, usage, CHAT_COMPLETIONS);
        json_object_end(&j);
        buf_add_str(w->out, STR("\n\n"));
    }
    buf_add_str(w->out, STR("data: [DONE]\n\n"));
}

/* ---- messages and responses: pieces of a block lie between its begin and its end ---- */

static struct json_writer begin_event(struct stream_writer *w, const char *type) {
    struct json_writer j = JSON_WRITER(w->out);
    buf_add_str(w->out, STR("event: "));
    buf_add_str(w->out, str_from(type));
    buf_add_str(w->out, STR("\ndata: "));
    json_object(&j);
    json_field_text(&j, "type", type);
    if (w->to == CHAT_RESPONSES)
        json_field_int(&j, "sequence_number", w->sequence++);
    return j;
}

static void end_event(struct json_writer *j) {
    json_object_end(j);
    buf_add_str(j->out, STR("\n\n"));
}

static void messages_begin(struct stream_writer *w, const struct chat_usage *usage) {
    struct json_writer j = begin_event(w, "message_start");
    json_key(&j, "message");
    json_object(&j);
    json_field_text(&j, "id", w->id);
    json_field_text(&j, "type", "message");
    json_field_text(&j, "role", "assistant");
    json_field_text(&j, "model", w->model);
    json_key(&j, "content");
    json_raw(&j, STR("[],\"stop_reason\":null,\"stop_sequence\":null"));
    json_key(&j, "usage");
    chat_usage_write(&j, usage, CHAT_MESSAGES);
    json_object_end(&j);
    end_event(&j);
}

static void messages_open(struct stream_writer *w) {
    const struct chat_block *b = &w->block;
    struct json_writer j = begin_event(w, "content_block_start");
    json_field_int(&j, "index", w->count);
    json_key(&j, "content_block");
    if (b->kind == BLOCK_REASONING || b->kind == BLOCK_REDACTED) {
        chat_thinking_write(&j, b);
    } else if (b->kind == BLOCK_TOOL_CALL) {
        json_object(&j);
        json_field_text(&j, "type", "tool_use");
        json_field_str(&j, "id", b->id);
        json_field_str(&j, "name", b->name);
        json_key(&j, "input");
        json_raw(&j, STR("{}"));
        json_object_end(&j);
    } else {
        json_raw(&j, STR("{\"type\":\"text\",\"text\":\"\"}"));
    }
    end_event(&j);
}

static void messages_delta(struct stream_writer *w, const struct chat_delta *d) {
    static const char *const types[][2] = {
        [DELTA_TEXT] = {"text_delta", "text"},
        [DELTA_REFUSAL] = {"text_delta", "text"},
        [DELTA_REASONING] = {"thinking_delta", "thinking"},
        [DELTA_SIGNATURE] = {"signature_delta", "signature"},
        [DELTA_ARGUMENTS] = {"input_json_delta", "partial_json"},
    };
    struct json_writer j = begin_event(w, "content_block_delta");
    json_field_int(&j, "index", w->count);
    json_key(&j, "delta");
    json_object(&j);
    json_field_text(&j, "type", types[d->kind][0]);
    json_field_str(&j, types[d->kind][1], d->text);
    json_object_end(&j);
    end_event(&j);
}

static void messages_close(struct stream_writer *w) {
    struct json_writer j = begin_event(w, "content_block_stop");
    json_field_int(&j, "index", w->count);
    end_event(&j);
}

static void messages_end(struct stream_writer *w, const struct chat_usage *usage) {
    enum chat_finish finish = w->refused ? FINISH_CONTENT_FILTER : w->finish;
    struct json_writer j = begin_event(w, "message_delta");
    json_key(&j, "delta");
    json_object(&j);
    json_field_text(&j, "stop_reason", chat_stop_reason(finish, w->stop_sequence[0]));
    json_field_text(&j, "stop_sequence", w->stop_sequence[0] ? w->stop_sequence : NULL);
    json_object_end(&j);
    json_key(&j, "usage");
    chat_usage_write(&j, usage, CHAT_MESSAGES);
    end_event(&j);
    j = begin_event(w, "message_stop");
    end_event(&j);
}

/* ---- responses ---- */

static void responses_state(struct stream_writer *w, const char *type, const struct chat_usage *usage) {
    AUTO_BUF output = BUF_INIT(STREAM_SAID_MAX + 2);
    struct json_writer j = begin_event(w, type);
    buf_add_char(&output, '[');
    buf_add_str(&output, str_slice(buf_str(&w->items), 0, w->items.n ? w->items.n - 1 : 0));
    buf_add_char(&output, ']');
    json_key(&j, "response");
    chat_response_write(&j, &(struct chat_response){.id = str_from(w->id),
                                                    .model = str_from(w->model),
                                                    .output = buf_str(&output),
                                                    .created = w->created,
                                                    .finish = w->finish,
                                                    .usage = usage});
    end_event(&j);
    w->items.failed = w->items.failed || output.failed;
}

static bool is_message(enum chat_block_kind kind) {
    return kind == BLOCK_TEXT || kind == BLOCK_REFUSAL;
}

/* The members by which an event says what it belongs to. */
static void responses_place(struct json_writer *j, const struct stream_writer *w, const char *id) {
    json_field_text(j, "item_id", id);
    json_field_int(j, "output_index", w->count);
    if (is_message(w->block.kind))
        json_field_int(j, "content_index", 0);
    else if (w->block.kind == BLOCK_REASONING)
        json_field_int(j, "summary_index", 0);
}

static void responses_item(struct stream_writer *w, const char *id, bool complete) {
    struct json_writer j =
        begin_event(w, complete ? "response.output_item.done" : "response.output_item.added");
    struct chat_item item = {&w->block, id, complete};
    json_field_int(&j, "output_index", w->count);
    json_key(&j, "item");
    chat_item_write(&j, &item);
    end_event(&j);
}

static void responses_part(struct stream_writer *w, const char *id, const char *end, struct str text) {
    bool message = is_message(w->block.kind);
    char type[64];
    snprintf(type, sizeof type, message ? "response.content_part.%s" : "response.reasoning_summary_part.%s",
             end);
    struct json_writer j = begin_event(w, type);
    responses_place(&j, w, id);
    json_key(&j, "part");
    if (message) {
        chat_item_part_write(&j, &w->block, text);
    } else {
        json_object(&j);
        json_field_text(&j, "type", "summary_text");
        json_field_str(&j, "text", text);
        json_object_end(&j);
    }
    end_event(&j);
}

static void responses_open(struct stream_writer *w) {
    char id[48];
    chat_item_id(id, str_from(w->id), w->count, w->block.kind);
    buf_clear(&w->said);
    buf_clear(&w->sealed);
    responses_item(w, id, false);
    if (is_message(w->block.kind) || w->block.kind == BLOCK_REASONING)
        responses_part(w, id, "added", STR(""));
}

static const char *const responses_pieces[] = {
    [BLOCK_TEXT] = "response.output_text",
    [BLOCK_REASONING] = "response.reasoning_summary_text",
    [BLOCK_REDACTED] = "",
    [BLOCK_TOOL_CALL] = "response.function_call_arguments",
    [BLOCK_REFUSAL] = "response.refusal",
};

static void responses_delta(struct stream_writer *w, const struct chat_delta *d) {
    char id[48], type[64];
    if (d->kind == DELTA_SIGNATURE) {
        buf_add_str(&w->sealed, d->text);
        return;
    }
    chat_item_id(id, str_from(w->id), w->count, w->block.kind);
    snprintf(type, sizeof type, "%s.delta", responses_pieces[w->block.kind]);
    struct json_writer j = begin_event(w, type);
    responses_place(&j, w, id);
    json_field_str(&j, "delta", d->text);
    if (w->block.kind == BLOCK_TEXT) {
        json_key(&j, "logprobs");
        if (d->logprobs)
            json_value(&j, d->logprobs);
        else
            json_raw(&j, STR("[]"));
    }
    end_event(&j);
    buf_add_str(&w->said, d->text);
}

static void responses_done(struct stream_writer *w, const char *id, struct str text) {
    char type[64];
    snprintf(type, sizeof type, "%s.done", responses_pieces[w->block.kind]);
    struct json_writer j = begin_event(w, type);
    responses_place(&j, w, id);
    if (w->block.kind == BLOCK_TOOL_CALL)
        json_field_str(&j, "name", w->block.name);
    json_field_str(&j,
                   w->block.kind == BLOCK_TOOL_CALL ? "arguments"
                   : w->block.kind == BLOCK_REFUSAL ? "refusal"
                                                    : "text",
                   text);
    if (w->block.kind == BLOCK_TEXT) {
        json_key(&j, "logprobs");
        json_raw(&j, STR("[]"));
    }
    end_event(&j);
}

static void responses_close(struct stream_writer *w) {
    char id[48];
    chat_item_id(id, str_from(w->id), w->count, w->block.kind);
    w->block.text = buf_str(&w->said);
    if (w->sealed.n)
        w->block.signature = buf_str(&w->sealed);
    if (w->block.kind != BLOCK_REDACTED)
        responses_done(w, id, w->block.text);
    if (is_message(w->block.kind) || w->block.kind == BLOCK_REASONING)
        responses_part(w, id, "done", w->block.text);
    responses_item(w, id, true);
    chat_item_write(&JSON_WRITER(&w->items), &(struct chat_item){&w->block, id, true});
    buf_add_char(&w->items, ',');
}

/* ---- blocks ---- */

static const enum chat_block_kind kind_of[] = {
    [DELTA_TEXT] = BLOCK_TEXT,           [DELTA_REASONING] = BLOCK_REASONING,
    [DELTA_SIGNATURE] = BLOCK_REASONING, [DELTA_REDACTED] = BLOCK_REDACTED,
    [DELTA_REFUSAL] = BLOCK_REFUSAL,     [DELTA_TOOL_CALL] = BLOCK_TOOL_CALL,
    [DELTA_ARGUMENTS] = BLOCK_TOOL_CALL,
};

static void close_block(struct stream_writer *w) {
    if (!w->open)
        return;
    if (w->to == CHAT_MESSAGES)
        messages_close(w);
    else
        responses_close(w);
    w->open = false;
    w->count++;
}

static void open_block(struct stream_writer *w, const struct chat_delta *d) {
    close_block(w);
    w->items.failed = w->items.failed || d->id.n >= sizeof w->call_id || d->name.n >= sizeof w->name;
    keep(w->call_id, sizeof w->call_id, d->id);
    keep(w->name, sizeof w->name, d->name);
    w->block = (struct chat_block){.kind = kind_of[d->kind],
                                   .text = STR(""),
                                   .id = str_from(w->call_id),
                                   .name = str_from(w->name),
                                   .signature = d->kind == DELTA_REDACTED ? d->text : STR("")};
    w->open = true;
    if (w->to == CHAT_MESSAGES)
        messages_open(w);
    else
        responses_open(w);
}

static void block_delta(struct stream_writer *w, const struct chat_delta *d) {
    bool whole = d->kind == DELTA_TOOL_CALL || d->kind == DELTA_REDACTED;
    if (!w->open || whole || w->block.kind != kind_of[d->kind])
        open_block(w, d);
    if (d->kind == DELTA_REDACTED)
        close_block(w); /* its data is borrowed */
    else if (!whole && w->to == CHAT_MESSAGES)
        messages_delta(w, d);
    else if (!whole)
        responses_delta(w, d);
    if (d->kind == DELTA_SIGNATURE)
        close_block(w);
}

/* ---- all ---- */

static bool in_chunks(const struct stream_writer *w) {
    return w->to == CHAT_COMPLETIONS || w->to == CHAT_LEGACY;
}

void stream_write_begin(struct stream_writer *w, struct str id, struct str model,
                        const struct chat_usage *usage) {
    keep(w->id, sizeof w->id, w->own_id.n ? w->own_id : id);
    keep(w->model, sizeof w->model, model);
    w->begun = true;
    if (w->to == CHAT_COMPLETIONS) {
        chat_role(w, 0);
    } else if (w->to == CHAT_MESSAGES) {
        messages_begin(w, usage);
    } else if (w->to == CHAT_RESPONSES) {
        responses_state(w, "response.created", NULL);
        responses_state(w, "response.in_progress", NULL);
    }
}

void stream_write(struct stream_writer *w, const struct chat_delta *delta) {
    struct chat_delta d = *delta;
    if (w->hide_logprobs)
        d.logprobs = NULL;
    w->calls += d.kind == DELTA_TOOL_CALL;
    w->refused = w->refused || d.kind == DELTA_REFUSAL;
    if (in_chunks(w))
        chat_delta(w, &d);
    else if (d.choice == 0)
        block_delta(w, &d);
}

void stream_write_finish(struct stream_writer *w, unsigned choice, enum chat_finish finish) {
    w->calls = 0;
    if (in_chunks(w)) {
        chat_finish(w, choice, finish);
    } else if (choice == 0) {
        close_block(w);
        w->finish = finish;
    }
}

void stream_write_end(struct stream_writer *w, const struct chat_usage *usage) {
    if (in_chunks(w)) {
        chat_end(w, usage);
        return;
    }
    close_block(w);
    if (w->to == CHAT_MESSAGES)
        messages_end(w, usage);
    else
        responses_state(w,
                        w->finish == FINISH_LENGTH || w->finish == FINISH_CONTENT_FILTER
                            ? "response.incomplete"
                            : "response.completed",
                        usage);
}
