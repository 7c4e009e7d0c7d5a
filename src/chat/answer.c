#include "chat/answer.h"

#include <stdio.h>

static const char *const finish_names[] = {
    [FINISH_UNKNOWN] = "",
    [FINISH_STOP] = "stop",
    [FINISH_LENGTH] = "length",
    [FINISH_TOOL_CALLS] = "tool_calls",
    [FINISH_CONTENT_FILTER] = "content_filter",
};

const char *chat_finish_name(enum chat_finish finish) {
    return finish_names[finish];
}

struct chat_answer chat_answer_of_text(struct str id, struct str model, struct str text, int64_t now,
                                       struct chat_usage usage, struct chat_answer_storage *storage) {
    storage->block = (struct chat_block){.kind = BLOCK_TEXT, .text = text};
    storage->choice = (struct chat_choice){&storage->block, 1, FINISH_STOP, STR("")};
    return (struct chat_answer){
        .id = id,
        .model = model,
        .created = now,
        .usage = usage,
        .choices = &storage->choice,
        .choice_count = 1,
    };
}

void chat_answer_clear(struct chat_answer *a) {
    yyjson_doc_free(a->doc);
    arena_free(a->arena);
    *a = (struct chat_answer){0};
}

void chat_answer_facts(const struct chat_answer *a, struct chat_facts *facts, struct buf *text) {
    facts->usage = a->usage;
    if (a->choice_count == 0)
        return;
    const struct chat_choice *first = &a->choices[0];
    snprintf(facts->finish, sizeof facts->finish, "%s", chat_finish_name(first->finish));
    facts->calls_tool |= first->finish == FINISH_TOOL_CALLS;
    facts->refuses |= first->finish == FINISH_CONTENT_FILTER;
    for (size_t i = 0; i < first->count; i++) {
        const struct chat_block *b = &first->blocks[i];
        facts->calls_tool |= b->kind == BLOCK_TOOL_CALL;
        facts->refuses |= b->kind == BLOCK_REFUSAL;
        if (b->kind != BLOCK_TEXT)
            continue;
        chat_facts_logprobs(facts, b->logprobs);
        if (text)
            buf_add_str(text, b->text);
    }
}

void chat_answer_hide_logprobs(struct chat_answer *a) {
    for (size_t i = 0; i < a->choice_count; i++)
        for (size_t k = 0; k < a->choices[i].count; k++)
            a->choices[i].blocks[k].logprobs = NULL;
}

bool chat_reply_translate(enum chat_surface from, struct str body, enum chat_surface to, int64_t now,
                          struct str id, struct chat_facts *facts, struct buf *text, struct buf *out,
                          struct error *err) {
    if (from == to) {
        if (!chat_reply_read(from, body, facts, text, err))
            return false;
        buf_add_str(out, body);
        return !out->failed || fail(err, ERR_NO_MEMORY, "Out of memory for the reply.");
    }
    struct chat_answer answer;
    if (!chat_answer_read(from, body, now, &answer, err))
        return false;
    chat_answer_facts(&answer, facts, text);
    if (id.n)
        answer.id = id;
    bool good = chat_answer_write(&answer, to, out, err);
    chat_answer_clear(&answer);
    return good;
}
