/* Replies of upstreams: whatever is accepted becomes JSON in the client's API, and a stream of events that
 * are. The first byte chooses both APIs. */
#include "chat/amend.h"
#include "chat/answer.h"
#include "chat/history.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool condition) {
    if (!condition)
        abort();
}

static void must_be_json(struct str text) {
    yyjson_doc *doc = yyjson_read(text.p, text.n, 0);
    must(doc != NULL);
    yyjson_doc_free(doc);
}

/* It and what is left of it without log-probabilities. */
static void hide(struct str reply) {
    struct buf out = BUF_INIT(64 << 20);
    struct error err;
    must_be_json(reply);
    must(chat_hide_logprobs(reply, &out, &err));
    must_be_json(buf_str(&out));
    buf_free(&out);
}

static void must_be_events(struct str stream) {
    while (stream.n) {
        struct str line = str_split(&stream, '\n');
        if (str_starts(line, STR("data: ")) && !str_eq(line, STR("data: [DONE]")))
            must_be_json(str_slice(line, 6, line.n));
        else
            must(line.n == 0 || str_starts(line, STR("event: ")) || str_eq(line, STR("data: [DONE]")));
    }
}

static void replay(enum chat_surface from, enum chat_surface to, struct str body) {
    struct buf out = BUF_INIT(64 << 20);
    struct chat_answer answer;
    struct error err = {0};
    if (!chat_answer_read(from, body, 1, &answer, &err))
        return;
    if (chat_answer_replay(&answer, to, true, &out, &err))
        must_be_events(buf_str(&out));
    chat_answer_clear(&answer);
    buf_free(&out);
}

/* What is kept of an answer is items, and has an ID. */
static void keep(struct str reply, bool stream) {
    struct history_answer answer;
    if (!history_answer_read(reply, stream, &answer))
        return;
    must(answer.id[0] && answer.output.p[0] == '[');
    must_be_json(buf_str(&answer.output));
    must_be_json(buf_str(&answer.body));
    history_answer_clear(&answer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct buf out = BUF_INIT(64 << 20), text = BUF_INIT(1 << 16);
    struct chat_facts facts = CHAT_FACTS_UNKNOWN;
    struct chat_trouble trouble;
    struct error err = {0};
    if (size == 0)
        return 0;
    enum chat_surface from = data[0] % CHAT_SURFACE_COUNT, to = data[0] / 8 % CHAT_SURFACE_COUNT;
    struct str body = {(const char *)data + 1, size - 1};
    chat_trouble_read(data[0] & 128 ? 200 : 429, body, &trouble);
    must(str_is_utf8(str_from(trouble.message), NULL));
    if (chat_reply_translate(from, body, to, 1, STR(""), &facts, &text, &out, &err))
        hide(buf_str(&out));
    else
        must(err.code != ERR_NONE && str_is_utf8(str_from(err.message), NULL));
    replay(from, to, body);
    keep(body, false);
    keep(body, true);
    buf_free(&out);
    buf_free(&text);
    return 0;
}
