/* The reply to a client's request (RFC 9112, sections 2 to 7) as it comes: bytes in, its head and pieces of
 * its body out. Replies of the kind 1xx are skipped. What two parties could read differently is refused. Pure
 * functions over memory; one thread. */
#pragma once

#include "base/buf.h"
#include "net/server.h"

#include <llhttp.h>

enum { REPLY_HEAD_MAX = 65536, REPLY_HEADERS_COUNT_MAX = 256 };

enum reply_state {
    REPLY_MORE,
    REPLY_WHOLE,
    REPLY_STOPPED,   /* by a callback */
    REPLY_TOO_LARGE, /* its head */
    REPLY_NO_MEMORY,
    REPLY_BAD, /* not HTTP/1.x, or framing that contradicts itself */
};

struct reply_reader;

/* Views live until the callback returns. False stops the reading: nothing of the reader is touched any more
 * but its parser, which has to be there until reply_feed has returned. */
struct reply_events {
    bool (*on_head)(struct reply_reader *r, int status, const struct http_header *headers, size_t count);
    bool (*on_body)(struct reply_reader *r, struct str bytes);
};

/* Zero it before its first use. */
struct reply_reader {
    llhttp_t parser;
    const struct reply_events *events;
    struct http_header *headers; /* REPLY_HEADERS_COUNT_MAX of them, shared by the readers of a thread */
    struct buf head;             /* "name\0value\0", so far */
    size_t head_bytes;
    unsigned header_count;
    int status; /* 0: no head yet */
    bool to_head, interim, whole, keep, stopped, no_memory;
};

/* Ready for the next reply. `to_head`: to a HEAD request, so it has no body whatever it says. */
void reply_begin(struct reply_reader *r, const struct reply_events *events, struct http_header *headers,
                 bool to_head);

/* *used, when REPLY_WHOLE: how many bytes belonged to it. */
enum reply_state reply_feed(struct reply_reader *r, struct str bytes, size_t *used) MUST_USE;
/* The connection has ended in order: REPLY_WHOLE where only that delimits the body, else REPLY_BAD. */
enum reply_state reply_end(struct reply_reader *r) MUST_USE;

/* After REPLY_WHOLE: may the connection carry another? */
bool reply_keeps_connection(const struct reply_reader *r);
const char *reply_reason(const struct reply_reader *r); /* after REPLY_TOO_LARGE, REPLY_BAD; static */
void reply_reader_clear(struct reply_reader *r);        /* frees its memory */
