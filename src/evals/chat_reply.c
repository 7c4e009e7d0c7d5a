#include "evals/chat_reply.h"

#include "base/clock.h"
#include "chat/answer.h"

enum { WORDS_MAX = 32 << 20 };

void chat_question_write(struct str endpoint, struct str messages, struct str more, struct buf *out) {
    struct json_writer w = JSON_WRITER(out);
    json_object(&w);
    json_field_str(&w, "model", endpoint);
    json_key(&w, "messages");
    json_raw(&w, messages);
    if (more.n > 2) {
        buf_add_char(out, ',');
        buf_add_str(out, str_slice(more, 1, more.n - 1));
    }
    json_object_end(&w);
}

static void add_call(const struct chat_block *b, struct json_writer *w) {
    yyjson_doc *doc = json_parse(b->text, NULL);
    json_object(w);
    json_field_str(w, "name", b->name);
    json_key(w, "arguments");
    if (doc)
        json_raw(w, b->text);
    else
        json_str(w, b->text);
    json_object_end(w);
    yyjson_doc_free(doc);
}

static void add_blocks(const struct chat_choice *choice, struct chat_words *out) {
    struct json_writer w = JSON_WRITER(&out->tools);
    for (size_t i = 0; i < choice->count; i++) {
        const struct chat_block *b = &choice->blocks[i];
        if (b->kind == BLOCK_TEXT || b->kind == BLOCK_REFUSAL)
            buf_add_str(&out->text, b->text);
        if (b->kind != BLOCK_TOOL_CALL)
            continue;
        if (out->tools.n == 0)
            json_array(&w);
        add_call(b, &w);
    }
    if (out->tools.n)
        json_array_end(&w);
}

bool chat_words_read(struct str body, struct chat_words *out, struct error *err) {
    struct chat_answer answer;
    *out = (struct chat_words){.text = BUF_INIT(WORDS_MAX), .tools = BUF_INIT(WORDS_MAX)};
    if (!chat_answer_read(CHAT_COMPLETIONS, body, clock_wall() / NS_PER_SECOND, &answer, err))
        return false;
    bool good = answer.choice_count > 0 || fail(err, ERR_INVALID_OUTPUT, "The reply has no choice.");
    if (good)
        add_blocks(&answer.choices[0], out);
    chat_answer_clear(&answer);
    if (good && (out->text.failed || out->tools.failed))
        return fail(err, ERR_NO_MEMORY, "Out of memory, or an answer of more than %d bytes.", WORDS_MAX);
    return good;
}

void chat_words_free(struct chat_words *w) {
    buf_free(&w->text);
    buf_free(&w->tools);
}
