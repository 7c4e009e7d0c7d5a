#include "chat/answer_stream.h"

#include "chat/history.h"
#include "chat/stream.h"

enum { GROWTH = 8, ROOM_LEAST = 64 << 10 };

/* Only the first choice is translated: no other may slip through unread. */
static bool says_more_choices(struct str data) {
    yyjson_doc *doc = json_parse(data, NULL);
    yyjson_val *choices = yyjson_obj_get(yyjson_doc_get_root(doc), "choices"), *choice;
    size_t i, max;
    bool more = false;
    yyjson_arr_foreach(choices, i, max, choice) more |= yyjson_get_int(yyjson_obj_get(choice, "index")) != 0;
    yyjson_doc_free(doc);
    return more;
}

/* The next event; its data is one line, as this server writes it. False: there is none. */
static bool next_event(struct str *rest, struct str *name, struct str *data) {
    *name = *data = STR("");
    while (rest->n) {
        struct str line = str_split(rest, '\n');
        if (line.n == 0 && data->n)
            return true;
        if (str_starts(line, STR("event: ")))
            *name = str_slice(line, 7, line.n);
        else if (str_starts(line, STR("data: ")))
            *data = str_slice(line, 6, line.n);
    }
    return data->n > 0;
}

/* As a stream of the responses API, whose last event has all of the answer. */
static bool translate(enum chat_surface from, struct str stream, int64_t now, struct buf *out) {
    struct chat_stream_options options = {
        .from = from, .to = CHAT_RESPONSES, .include_usage = true, .now = now};
    struct chat_stream *s = chat_stream_new(&options);
    struct str name, data;
    struct chat_trouble trouble;
    bool good = s != NULL, done = false;
    while (good && !done && next_event(&stream, &name, &data)) {
        if (from == CHAT_COMPLETIONS && says_more_choices(data))
            good = false;
        enum chat_event e = good ? chat_stream_event(s, name, data, out, &trouble) : CHAT_EVENT_BROKEN;
        good = e != CHAT_EVENT_ERROR && e != CHAT_EVENT_BROKEN;
        done = e == CHAT_EVENT_DONE;
    }
    good = good && (done || chat_stream_end(s, out)) && !out->failed;
    chat_stream_free(s);
    return good;
}

bool chat_answer_of_stream(enum chat_surface from, struct str stream, int64_t now, struct chat_answer *out,
                           struct buf *room, struct error *err) {
    AUTO_BUF events = BUF_INIT(GROWTH * stream.n + ROOM_LEAST);
    struct history_answer whole;
    bool same = from == CHAT_RESPONSES;
    if ((!same && !translate(from, stream, now, &events)) ||
        !history_answer_read(same ? stream : buf_str(&events), true, &whole))
        return fail(err, ERR_UPSTREAM, "The stream is not the whole of one answer.");
    *room = whole.body;
    whole.body = (struct buf){0};
    history_answer_clear(&whole);
    if (chat_answer_read(CHAT_RESPONSES, buf_str(room), now, out, err))
        return true;
    buf_free(room);
    return false;
}
