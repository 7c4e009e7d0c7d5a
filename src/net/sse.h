/* Server-sent events (WHATWG HTML, "server-sent events") as they come: bytes in, whole events out. Lines end
 * with LF, CR LF or CR; a byte order mark at the start is skipped; comments and fields other than event and
 * data are ignored. Bounded. One thread. */
#pragma once

#include "base/buf.h"

#include <stdbool.h>

struct sse_event {
    struct str name; /* "" where the event has none */
    struct str data; /* its data lines, joined with LF */
};

/* Zero it, set the caps of `line` and `data` and the callback. */
struct sse_reader {
    /* Views live until it returns. False stops the feeding. */
    bool (*on_event)(void *ctx, const struct sse_event *event);
    void *ctx;
    struct buf line; /* an unfinished line */
    struct buf data;
    char name[64];
    bool has_data, after_cr, started;
};

/* False: an event outgrew the caps, memory is out, or on_event said no; feed it no more then. What is there
 * of an event that was not ended by an empty line is no event. on_event may not clear the reader. */
bool sse_feed(struct sse_reader *r, struct str bytes) MUST_USE;
void sse_reader_clear(struct sse_reader *r);
