#include "chat/pieces.h"

#include <stdio.h>

const char *chat_stop_reason(enum chat_finish finish, bool by_sequence) {
    switch (finish) {
    case FINISH_STOP: return by_sequence ? "stop_sequence" : "end_turn";
    case FINISH_LENGTH: return "max_tokens";
    case FINISH_TOOL_CALLS: return "tool_use";
    case FINISH_CONTENT_FILTER: return "refusal";
    case FINISH_UNKNOWN: break;
    }
    return "end_turn";
}

void chat_thinking_write(struct json_writer *w, const struct chat_block *b) {
    bool redacted = b->kind == BLOCK_REDACTED;
    json_object(w);
    json_field_text(w, "type", redacted ? "redacted_thinking" : "thinking");
    if (!redacted)
        json_field_str(w, "thinking", b->text);
    json_field_str(w, redacted ? "data" : "signature", b->signature);
    json_object_end(w);
}

bool chat_arguments_write(struct json_writer *w, struct str arguments) {
    yyjson_read_err why = {0};
    if (arguments.n == 0) {
        json_raw(w, STR("{}"));
        return true;
    }
    yyjson_doc *doc = yyjson_read_opts((char *)(uintptr_t)arguments.p, arguments.n, 0, NULL, &why);
    bool good = yyjson_is_obj(yyjson_doc_get_root(doc));
    if (good)
        json_value(w, yyjson_doc_get_root(doc));
    yyjson_doc_free(doc);
    if (why.code != YYJSON_READ_ERROR_MEMORY_ALLOCATION)
        return good;
    w->out->failed = true;
    return true;
}

void chat_item_id(char out[48], struct str answer, size_t index, enum chat_block_kind kind) {
    const char *prefix = kind == BLOCK_TOOL_CALL                             ? "fc"
                         : kind == BLOCK_REASONING || kind == BLOCK_REDACTED ? "rs"
                                                                             : "msg";
    char plain[33];
    size_t n = 0;
    for (size_t i = 0; i < answer.n && n < sizeof plain - 1; i++)
        if ((answer.p[i] >= '0' && answer.p[i] <= '9') ||
            ((answer.p[i] | 32) >= 'a' && (answer.p[i] | 32) <= 'z'))
            plain[n++] = answer.p[i];
    plain[n] = '\0';
    snprintf(out, 48, "%s_%s_%u", prefix, plain, (unsigned)(index % 100000));
}

void chat_item_part_write(struct json_writer *w, const struct chat_block *b, struct str text) {
    json_object(w);
    if (b->kind == BLOCK_REFUSAL) {
        json_field_text(w, "type", "refusal");
        json_field_str(w, "refusal", text);
    } else {
        json_field_text(w, "type", "output_text");
        json_field_str(w, "text", text);
        json_key(w, "annotations");
        json_raw(w, STR("[]"));
        json_key(w, "logprobs");
        if (b->logprobs)
            json_value(w, b->logprobs);
        else
            json_raw(w, STR("[]"));
    }
    json_object_end(w);
}

static void write_summary(struct json_writer *w, const struct chat_item *item) {
    json_key(w, "summary");
    json_array(w);
    if (item->complete && item->block->text.n) {
        json_object(w);
        json_field_text(w, "type", "summary_text");
        json_field_str(w, "text", item->block->text);
        json_object_end(w);
    }
    json_array_end(w);
    json_key(w, "encrypted_content");
    if (item->block->signature.n)
        json_str(w, item->block->signature);
    else
        json_null(w);
}

void chat_item_write(struct json_writer *w, const struct chat_item *item) {
    const struct chat_block *b = item->block;
    json_object(w);
    json_field_text(w, "id", item->id);
    if (b->kind == BLOCK_REASONING || b->kind == BLOCK_REDACTED) {
        json_field_text(w, "type", "reasoning");
        write_summary(w, item);
        json_object_end(w);
        return;
    }
    json_field_text(w, "type", b->kind == BLOCK_TOOL_CALL ? "function_call" : "message");
    json_field_text(w, "status", item->complete ? "completed" : "in_progress");
    if (b->kind == BLOCK_TOOL_CALL) {
        json_field_str(w, "call_id", b->id);
        json_field_str(w, "name", b->name);
        json_field_str(w, "arguments", item->complete ? b->text : STR(""));
    } else {
        json_field_text(w, "role", "assistant");
        json_key(w, "content");
        json_array(w);
        if (item->complete)
            chat_item_part_write(w, b, b->text);
        json_array_end(w);
    }
    json_object_end(w);
}

void chat_response_id(struct json_writer *w, struct str id) {
    AUTO_BUF name = BUF_INIT(1024);
    if (!str_starts(id, STR("resp_")))
        buf_add_str(&name, STR("resp_"));
    buf_add_str(&name, str_slice(id, 0, 512));
    json_str(w, buf_str(&name));
    w->out->failed = w->out->failed || name.failed;
}

void chat_response_write(struct json_writer *w, const struct chat_response *r) {
    bool cut = r->finish == FINISH_LENGTH || r->finish == FINISH_CONTENT_FILTER;
    json_object(w);
    json_key(w, "id");
    chat_response_id(w, r->id);
    json_field_text(w, "object", "response");
    json_field_int(w, "created_at", r->created);
    json_field_text(w, "status", !r->usage ? "in_progress" : cut ? "incomplete" : "completed");
    json_field_text(w, "error", NULL);
    json_key(w, "incomplete_details");
    if (r->usage && cut)
        json_raw(w, r->finish == FINISH_LENGTH ? STR("{\"reason\":\"max_output_tokens\"}")
                                               : STR("{\"reason\":\"content_filter\"}"));
    else
        json_null(w);
    json_field_str(w, "model", r->model);
    json_key(w, "output");
    json_raw(w, r->output);
    /* What a response repeats of its request, as the defaults: clients require the members to be there. */
    json_key(w, "instructions");
    json_raw(
        w,
        STR("null,\"metadata\":{},\"parallel_tool_calls\":true,\"temperature\":null,\"tool_choice\":\"auto\","
            "\"tools\":[],\"top_p\":null,\"max_output_tokens\":null,\"previous_response_id\":null,"
            "\"reasoning\":{\"effort\":null,\"summary\":null},\"text\":{\"format\":{\"type\":\"text\"}},"
            "\"truncation\":\"disabled\",\"store\":false"));
    json_key(w, "usage");
    if (r->usage)
        chat_usage_write(w, r->usage, CHAT_RESPONSES);
    else
        json_null(w);
    json_object_end(w);
}
