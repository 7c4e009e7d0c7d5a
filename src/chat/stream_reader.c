#include "chat/stream_reader.h"

#include "base/hash.h"

#include <stdio.h>

void stream_reader_init(struct stream_reader *r, enum chat_surface from, enum chat_surface to,
                        bool include_usage, int64_t now) {
    *r = (struct stream_reader){.from = from};
    stream_writer_init(&r->writer, to, include_usage, now);
}

static struct str text_in(yyjson_val *object, const char *name) {
    return json_str_of(yyjson_obj_get(object, name));
}

static enum chat_event broken(struct chat_trouble *trouble, const char *why) {
    trouble->kind = TROUBLE_SERVER;
    snprintf(trouble->message, sizeof trouble->message, "%s", why);
    return CHAT_EVENT_BROKEN;
}

static void say(struct stream_reader *r, enum delta_kind kind, struct str text) {
    if (text.n)
        stream_write(&r->writer, &(struct chat_delta){.kind = kind, .text = text});
}

static void finish(struct stream_reader *r, enum chat_finish as, struct chat_facts *facts) {
    if (!r->finished)
        stream_write_finish(&r->writer, 0, as);
    r->finished = true;
    snprintf(facts->finish, sizeof facts->finish, "%s", as ? chat_finish_name(as) : "stop");
    facts->calls_tool |= as == FINISH_TOOL_CALLS;
    facts->refuses |= as == FINISH_CONTENT_FILTER;
}

/* ---- chat completions ---- */

/* Calls come one after the other, told apart by their index; some servers leave the index out, or always say
 * 0, and send each call whole with an ID of its own. */
static bool read_call(struct stream_reader *r, yyjson_val *call) {
    yyjson_val *function = yyjson_obj_get(call, "function"), *index = yyjson_obj_get(call, "index");
    struct str id = text_in(call, "id"), name = text_in(function, "name");
    struct str arguments = text_in(function, "arguments");
    int64_t at = yyjson_is_int(index) ? yyjson_get_sint(index) : r->in_call ? r->call_index : 0;
    uint64_t id_hash = id.n ? hash64(id, 0) : r->call_id;
    if (!r->in_call || at != r->call_index || id_hash != r->call_id) {
        if (name.n == 0) /* more of a call that has ended, or that never began */
            return arguments.n == 0;
        stream_write(&r->writer, &(struct chat_delta){.kind = DELTA_TOOL_CALL, .id = id, .name = name});
        r->in_call = true;
        r->call_index = at;
        r->call_id = id_hash;
    }
    say(r, DELTA_ARGUMENTS, arguments);
    return true;
}

static bool read_choice(struct stream_reader *r, yyjson_val *choice, struct chat_facts *facts,
                        struct buf *text) {
    yyjson_val *delta = yyjson_obj_get(choice, "delta"), *calls = yyjson_obj_get(delta, "tool_calls"), *call;
    yyjson_val *logprobs = yyjson_obj_get(yyjson_obj_get(choice, "logprobs"), "content");
    struct str content = text_in(delta, "content"), reasoning = text_in(delta, "reasoning_content");
    size_t i, max;
    say(r, DELTA_REASONING, reasoning.n ? reasoning : text_in(delta, "reasoning"));
    if (content.n)
        stream_write(&r->writer,
                     &(struct chat_delta){.kind = DELTA_TEXT, .text = content, .logprobs = logprobs});
    if (text)
        buf_add_str(text, content);
    chat_facts_logprobs(facts, logprobs);
    say(r, DELTA_REFUSAL, text_in(delta, "refusal"));
    facts->refuses |= text_in(delta, "refusal").n > 0;
    facts->calls_tool |= yyjson_arr_size(calls) > 0;
    yyjson_arr_foreach(calls, i, max, call) if (!read_call(r, call)) return false;
    if (text_in(choice, "finish_reason").n)
        finish(r, chat_finish_of_openai(text_in(choice, "finish_reason")), facts);
    return true;
}

static enum chat_event read_chunk(struct stream_reader *r, yyjson_val *root, struct chat_facts *facts,
                                  struct buf *text, struct chat_trouble *trouble) {
    yyjson_val *choices = yyjson_obj_get(root, "choices"), *choice,
               *created = yyjson_obj_get(root, "created");
    size_t i, max;
    chat_usage_read(yyjson_obj_get(root, "usage"), CHAT_COMPLETIONS, &facts->usage);
    if (yyjson_arr_size(choices) == 0)
        return yyjson_is_obj(yyjson_obj_get(root, "usage")) ? CHAT_EVENT_USAGE : CHAT_EVENT_CONTENT;
    if (!r->writer.begun) {
        if (yyjson_is_int(created) && yyjson_get_sint(created) > 0)
            r->writer.created = yyjson_get_sint(created);
        stream_write_begin(&r->writer, text_in(root, "id"), text_in(root, "model"), &facts->usage);
    }
    yyjson_arr_foreach(choices, i, max, choice) {
        yyjson_val *index = yyjson_obj_get(choice, "index");
        if (yyjson_is_int(index) && yyjson_get_sint(index) != 0)
            continue;
        if (!read_choice(r, choice, facts, text))
            return broken(trouble, "arguments of a tool call that is not the last one that began");
    }
    return CHAT_EVENT_CONTENT;
}

/* ---- messages ---- */

static void begin_block(struct stream_reader *r, yyjson_val *block, struct buf *text) {
    struct str type = text_in(block, "type");
    r->block = BLOCK_IS_OTHER;
    if (str_eq(type, STR("text"))) {
        r->block = BLOCK_IS_TEXT;
        say(r, DELTA_TEXT, text_in(block, "text"));
        if (text)
            buf_add_str(text, text_in(block, "text"));
    } else if (str_eq(type, STR("thinking"))) {
        r->block = BLOCK_IS_THINKING;
        say(r, DELTA_REASONING, text_in(block, "thinking"));
    } else if (str_eq(type, STR("redacted_thinking"))) {
        say(r, DELTA_REDACTED, text_in(block, "data"));
    } else if (str_eq(type, STR("tool_use"))) {
        r->block = BLOCK_IS_TOOL;
        r->has_arguments = false;
        stream_write(&r->writer, &(struct chat_delta){.kind = DELTA_TOOL_CALL,
                                                      .id = text_in(block, "id"),
                                                      .name = text_in(block, "name")});
        yyjson_val *input = yyjson_obj_get(block, "input");
        if (yyjson_obj_size(input) > 0) { /* compatible servers send it whole */
            AUTO_BUF whole = BUF_INIT(STREAM_SAID_MAX);
            json_value(&JSON_WRITER(&whole), input);
            say(r, DELTA_ARGUMENTS, buf_str(&whole));
            r->has_arguments = true;
        }
    }
}

static void block_piece(struct stream_reader *r, yyjson_val *delta, struct buf *text) {
    struct str type = text_in(delta, "type");
    if (str_eq(type, STR("text_delta")) && r->block == BLOCK_IS_TEXT) {
        say(r, DELTA_TEXT, text_in(delta, "text"));
        if (text)
            buf_add_str(text, text_in(delta, "text"));
    } else if (str_eq(type, STR("thinking_delta")) && r->block == BLOCK_IS_THINKING) {
        say(r, DELTA_REASONING, text_in(delta, "thinking"));
    } else if (str_eq(type, STR("signature_delta")) && r->block == BLOCK_IS_THINKING) {
        say(r, DELTA_SIGNATURE, text_in(delta, "signature"));
    } else if (str_eq(type, STR("input_json_delta")) && r->block == BLOCK_IS_TOOL) {
        r->has_arguments = r->has_arguments || text_in(delta, "partial_json").n > 0;
        say(r, DELTA_ARGUMENTS, text_in(delta, "partial_json"));
    }
}

static void end_block(struct stream_reader *r) {
    if (r->block == BLOCK_IS_TOOL && !r->has_arguments)
        say(r, DELTA_ARGUMENTS, STR("{}"));
    r->block = BLOCK_IS_OTHER;
}

static void message_delta(struct stream_reader *r, yyjson_val *root, struct chat_facts *facts) {
    yyjson_val *delta = yyjson_obj_get(root, "delta");
    struct str sequence = text_in(delta, "stop_sequence"), reason = text_in(delta, "stop_reason");
    chat_usage_read(yyjson_obj_get(root, "usage"), CHAT_MESSAGES, &facts->usage);
    snprintf(r->writer.stop_sequence, sizeof r->writer.stop_sequence, "%.*s",
             (int)(sequence.n < 64 ? sequence.n : 0), sequence.p);
    if (reason.n)
        finish(r, chat_finish_of_anthropic(reason), facts);
}

static enum chat_event read_message_event(struct stream_reader *r, yyjson_val *root, struct chat_facts *facts,
                                          struct buf *text, struct chat_trouble *trouble) {
    struct str type = text_in(root, "type");
    if (str_eq(type, STR("message_start"))) {
        yyjson_val *message = yyjson_obj_get(root, "message");
        chat_usage_read(yyjson_obj_get(message, "usage"), CHAT_MESSAGES, &facts->usage);
        if (!r->writer.begun)
            stream_write_begin(&r->writer, text_in(message, "id"), text_in(message, "model"), &facts->usage);
        return CHAT_EVENT_CONTENT;
    }
    if (str_eq(type, STR("ping")))
        return CHAT_EVENT_CONTENT;
    if (!r->writer.begun)
        return broken(trouble, "an event before \"message_start\"");
    if (str_eq(type, STR("content_block_start")))
        begin_block(r, yyjson_obj_get(root, "content_block"), text);
    else if (str_eq(type, STR("content_block_delta")))
        block_piece(r, yyjson_obj_get(root, "delta"), text);
    else if (str_eq(type, STR("content_block_stop")))
        end_block(r);
    else if (str_eq(type, STR("message_delta")))
        message_delta(r, root, facts);
    if (!str_eq(type, STR("message_stop")))
        return CHAT_EVENT_CONTENT;
    if (!r->finished)
        finish(r, FINISH_STOP, facts);
    stream_write_end(&r->writer, &facts->usage);
    return CHAT_EVENT_DONE;
}

/* ---- both ---- */

static enum chat_event end_chunks(struct stream_reader *r, struct chat_facts *facts,
                                  struct chat_trouble *trouble) {
    if (!r->writer.begun)
        return broken(trouble, "a stream that ends before anything was said");
    if (!r->finished)
        finish(r, FINISH_STOP, facts);
    stream_write_end(&r->writer, &facts->usage);
    return CHAT_EVENT_DONE;
}

enum chat_event stream_reader_event(struct stream_reader *r, struct str data, struct chat_facts *facts,
                                    struct buf *text, struct chat_trouble *trouble) {
    char room[16384];
    yyjson_alc pool;
    if (r->from != CHAT_MESSAGES && str_eq(data, STR("[DONE]")))
        return end_chunks(r, facts, trouble);
    bool small = data.n < 1024 && yyjson_alc_pool_init(&pool, room, sizeof room);
    yyjson_doc *doc =
        data.n ? yyjson_read_opts((char *)(uintptr_t)data.p, data.n, 0, small ? &pool : NULL, NULL) : NULL;
    yyjson_val *root = yyjson_doc_get_root(doc);
    enum chat_event event;
    if (!yyjson_is_obj(root))
        event = broken(trouble, "an event that is no JSON object");
    else if (chat_trouble_in(root, trouble))
        event = CHAT_EVENT_ERROR;
    else if (r->from == CHAT_MESSAGES)
        event = read_message_event(r, root, facts, text, trouble);
    else
        event = read_chunk(r, root, facts, text, trouble);
    yyjson_doc_free(doc);
    return event;
}
