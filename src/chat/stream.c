#include "chat/stream.h"

#include "chat/amend.h"
#include "chat/error_body.h"
#include "chat/stream_reader.h"

#include <stdlib.h>
#include <string.h>

struct chat_stream {
    struct chat_stream_options options;
    struct chat_facts facts;
    struct stream_reader reader;
    bool done;
    int64_t events; /* passed on; numbers the frame of a failure */
};

struct chat_stream *chat_stream_new(const struct chat_stream_options *options) {
    struct chat_stream *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    s->options = *options;
    s->facts = CHAT_FACTS_UNKNOWN;
    s->facts.tokens = options->tokens;
    stream_reader_init(&s->reader, options->from, options->to, options->include_usage, options->now);
    s->reader.writer.hide_logprobs = options->hide_logprobs;
    s->reader.writer.own_id = options->id;
    return s;
}

void chat_stream_free(struct chat_stream *s) {
    if (!s)
        return;
    stream_writer_clear(&s->reader.writer);
    free(s);
}

const struct chat_facts *chat_stream_facts(const struct chat_stream *s) {
    return &s->facts;
}

/* ---- passing on ---- */

static void add_lines(struct str data, struct buf *out) {
    do {
        buf_add_str(out, STR("data: "));
        buf_add_str(out, str_split(&data, '\n'));
        buf_add_char(out, '\n');
    } while (data.n);
}

/* The event without what its client did not ask for. */
static struct str without_logprobs(struct str data, struct buf *room) {
    struct error err;
    if (str_find(data, STR("\"logprobs\"")) == SIZE_MAX)
        return data;
    if (!chat_hide_logprobs(data, room, &err))
        room->failed = true;
    return buf_str(room);
}

static void pass(struct chat_stream *s, struct str name, struct str data, struct buf *out) {
    AUTO_BUF room = BUF_INIT(out->cap);
    if (s->options.hide_logprobs)
        data = without_logprobs(data, &room);
    out->failed |= room.failed;
    s->events++;
    if (name.n) {
        buf_add_str(out, STR("event: "));
        buf_add_str(out, name);
        buf_add_char(out, '\n');
    }
    if (memchr(data.p, '\n', data.n)) {
        add_lines(data, out);
    } else {
        buf_add_str(out, STR("data: "));
        buf_add_str(out, data);
        buf_add_char(out, '\n');
    }
    buf_add_char(out, '\n');
}

/* Most typed events are a few letters of text, by their names. Chunks have no names: looking for the keys
 * that matter takes as long as reading them (0.28 us against 0.27 us), and would miss what is no JSON. */
static bool is_telling(const struct chat_stream *s, struct str name) {
    if (s->options.text || name.n == 0)
        return true;
    if (s->options.from == CHAT_MESSAGES)
        return !str_starts(name, STR("content_block_")) && !str_eq(name, STR("ping"));
    return !str_ends(name, STR(".delta")) && !str_ends(name, STR(".added")) && !str_ends(name, STR(".done"));
}

static enum chat_event pass_event(struct chat_stream *s, struct str name, struct str data, struct buf *out,
                                  struct chat_trouble *trouble) {
    enum chat_event event = CHAT_EVENT_CONTENT;
    if (is_telling(s, name))
        event = chat_event_read(s->options.from, data, &s->facts, s->options.text, trouble);
    bool hidden = event == CHAT_EVENT_USAGE && !s->options.include_usage;
    if (event != CHAT_EVENT_ERROR && event != CHAT_EVENT_BROKEN && !hidden)
        pass(s, name, data, out);
    s->done = s->done || event == CHAT_EVENT_DONE;
    return event;
}

/* ---- all ---- */

enum chat_event chat_stream_event(struct chat_stream *s, struct str name, struct str data, struct buf *out,
                                  struct chat_trouble *trouble) {
    *trouble = (struct chat_trouble){.status = 200};
    if (s->done)
        return CHAT_EVENT_DONE;
    if (s->options.from == s->options.to)
        return pass_event(s, name, data, out, trouble);
    size_t before = out->n;
    s->reader.writer.out = out;
    enum chat_event event = stream_reader_event(&s->reader, data, &s->facts, s->options.text, trouble);
    if (event != CHAT_EVENT_ERROR && stream_writer_failed(&s->reader.writer))
        event = CHAT_EVENT_BROKEN;
    if (event == CHAT_EVENT_ERROR || event == CHAT_EVENT_BROKEN)
        out->n = before;
    s->done = event == CHAT_EVENT_DONE;
    return event;
}

bool chat_stream_end(struct chat_stream *s, struct buf *out) {
    enum chat_surface from = s->options.from;
    if (s->done)
        return true;
    if (!s->facts.finish[0] || from == CHAT_RESPONSES)
        return false;
    if (s->options.from != s->options.to) {
        s->reader.writer.out = out;
        stream_write_end(&s->reader.writer, &s->facts.usage);
    } else if (from == CHAT_MESSAGES) {
        buf_add_str(out, STR("event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"));
    } else {
        buf_add_str(out, STR("data: [DONE]\n\n"));
    }
    s->done = !stream_writer_failed(&s->reader.writer);
    return s->done;
}

void chat_stream_fail(struct chat_stream *s, const struct error *err, const char *request_id,
                      struct buf *out) {
    bool passed = s->options.from == s->options.to;
    chat_error_event(s->options.to, err, request_id, passed ? s->events : s->reader.writer.sequence, out);
    s->done = true;
}

/* ---- a whole answer as a stream ---- */

static void replay_block(struct stream_writer *w, const struct chat_block *b, unsigned choice) {
    static const enum delta_kind kinds[] = {
        [BLOCK_TEXT] = DELTA_TEXT,         [BLOCK_REASONING] = DELTA_REASONING,
        [BLOCK_REDACTED] = DELTA_REDACTED, [BLOCK_TOOL_CALL] = DELTA_TOOL_CALL,
        [BLOCK_REFUSAL] = DELTA_REFUSAL,
    };
    struct chat_delta d = {.kind = kinds[b->kind],
                           .choice = choice,
                           .text = b->kind == BLOCK_REDACTED ? b->signature : b->text,
                           .id = b->id,
                           .name = b->name,
                           .logprobs = b->logprobs};
    stream_write(w, &d);
    if (b->kind == BLOCK_TOOL_CALL) {
        d.kind = DELTA_ARGUMENTS;
        d.text = b->text.n ? b->text : STR("{}");
        stream_write(w, &d);
    } else if (b->kind == BLOCK_REASONING && b->signature.n) {
        d.kind = DELTA_SIGNATURE;
        d.text = b->signature;
        stream_write(w, &d);
    }
}

bool chat_answer_replay(const struct chat_answer *a, enum chat_surface to, bool include_usage,
                        struct buf *out, struct error *err) {
    struct stream_writer w;
    if (a->choice_count == 0 || to == CHAT_EMBEDDINGS)
        return fail(err, ERR_INTERNAL, "There is no answer to stream.");
    stream_writer_init(&w, to, include_usage, a->created);
    w.out = out;
    stream_write_begin(&w, a->id, a->model, &a->usage);
    for (unsigned i = 0; i < a->choice_count; i++) {
        const struct chat_choice *c = &a->choices[i];
        for (size_t k = 0; k < c->count; k++)
            replay_block(&w, &c->blocks[k], i);
        if (c->stop_sequence.n < sizeof w.stop_sequence && c->stop_sequence.n)
            memcpy(w.stop_sequence, c->stop_sequence.p, c->stop_sequence.n);
        stream_write_finish(&w, i, c->finish);
    }
    stream_write_end(&w, &a->usage);
    bool good = !stream_writer_failed(&w) && !out->failed;
    stream_writer_clear(&w);
    return good || fail(err, ERR_NO_MEMORY, "Out of memory for the reply's stream.");
}
