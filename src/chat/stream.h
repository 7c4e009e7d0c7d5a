/* A stream on its way from the upstream's API to the client's: events in, the client's bytes out. Where both
 * speak the same, events pass as they are, read on the way for usage, ends and errors (typed ones only where
 * their names say that there may be some). Everything it keeps is bounded. One thread. */
#pragma once

#include "chat/answer.h"

struct chat_stream;

struct chat_stream_options {
    enum chat_surface from, to; /* different ones: from chat completions or messages only */
    bool include_usage;         /* the client asked for it (OpenAI's chats and completions) */
    struct str id;              /* of a translated answer; "": the upstream's own */
    int64_t now;                /* Unix seconds, where the upstream says no time */
    bool hide_logprobs;         /* nobody but this server asked for them */
    struct buf *text;           /* receives the answer's text up to its cap, silently; NULL: not wanted */
    struct buf *tokens;         /* of its facts */
};

struct chat_stream *chat_stream_new(const struct chat_stream_options *options) MUST_USE; /* NULL: no memory */
void chat_stream_free(struct chat_stream *s);                                            /* NULL is fine */

/* One event of the upstream; what the client gets for it is added to `out`, the end included. On
 * CHAT_EVENT_ERROR and CHAT_EVENT_BROKEN nothing is added: the caller decides (another upstream, or
 * chat_stream_fail), and `trouble` says what the upstream said. Nothing is to be fed after CHAT_EVENT_DONE.
 */
enum chat_event chat_stream_event(struct chat_stream *s, struct str name, struct str data, struct buf *out,
                                  struct chat_trouble *trouble);

/* The upstream's connection ended in order. True: the answer was whole (its end had been said, if only by a
 * finish reason without a last event, as some servers do) and the client's end has been added. */
bool chat_stream_end(struct chat_stream *s, struct buf *out);

/* Ends the client's stream with its API's own error frame, on which the official clients raise. */
void chat_stream_fail(struct chat_stream *s, const struct error *err, const char *request_id,
                      struct buf *out);

const struct chat_facts *chat_stream_facts(const struct chat_stream *s);
