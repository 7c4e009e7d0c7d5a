/* Streams of upstreams, one event a line: what the client gets is whole events of JSON whatever comes. The
 * first byte chooses both APIs, the second whether the text is wanted. */
#include "chat/stream.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool condition) {
    if (!condition)
        abort();
}

static void must_be_events(struct str stream) {
    while (stream.n) {
        struct str line = str_split(&stream, '\n');
        if (!str_starts(line, STR("data: ")) || str_eq(line, STR("data: [DONE]"))) {
            must(line.n == 0 || str_starts(line, STR("event: ")) || str_starts(line, STR("data: ")));
            continue;
        }
        yyjson_doc *doc = yyjson_read(line.p + 6, line.n - 6, 0);
        must(yyjson_is_obj(yyjson_doc_get_root(doc)));
        yyjson_doc_free(doc);
    }
}

static struct str name_in(struct str data) {
    size_t at = str_find(data, STR("\"type\":\""));
    struct str rest = at == SIZE_MAX ? STR("") : str_slice(data, at + 8, data.n);
    return str_slice(str_split(&rest, '"'), 0, 60);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct buf out = BUF_INIT(64 << 20), text = BUF_INIT(1 << 12);
    struct chat_trouble trouble;
    struct error err;
    fail(&err, ERR_UPSTREAM, "Cut.");
    if (size < 2)
        return 0;
    enum chat_surface from = data[0] % 2 ? CHAT_MESSAGES : CHAT_COMPLETIONS,
                      to = data[0] / 2 % CHAT_SURFACE_COUNT;
    if (to == CHAT_EMBEDDINGS)
        from = to = CHAT_RESPONSES;
    struct chat_stream *s = chat_stream_new(&(struct chat_stream_options){
        .from = from, .to = to, .include_usage = data[1] & 1, .now = 1, .text = data[1] & 2 ? &text : NULL});
    struct str rest = {(const char *)data + 2, size - 2};
    enum chat_event event = CHAT_EVENT_CONTENT;
    while (rest.n && event != CHAT_EVENT_DONE && event != CHAT_EVENT_ERROR && event != CHAT_EVENT_BROKEN) {
        struct str line = str_split(&rest, '\n');
        event = chat_stream_event(s, name_in(line), line, &out, &trouble);
        must(str_is_utf8(str_from(trouble.message), NULL));
    }
    if (event == CHAT_EVENT_DONE)
        must(chat_stream_end(s, &out));
    else if (!chat_stream_end(s, &out))
        chat_stream_fail(s, &err, "id", &out);
    if (from != to) /* what passes may be anything */
        must_be_events(buf_str(&out));
    chat_stream_free(s);
    buf_free(&out);
    buf_free(&text);
    return 0;
}
