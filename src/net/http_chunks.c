#include "net/http_chunks.h"

/* A chunk of one byte costs six bytes; extensions and trailers of honest clients fit into the rest. */
enum { FRAMING_PER_BYTE = 6, FRAMING_FREE = 16384 };

struct feed {
    struct buf *body;
    bool complete;
};

static int on_body(llhttp_t *parser, const char *at, size_t n) {
    struct feed *feed = parser->data;
    buf_add(feed->body, at, n);
    return feed->body->failed ? -1 : 0;
}

static int on_complete(llhttp_t *parser) {
    ((struct feed *)parser->data)->complete = true;
    return HPE_PAUSED;
}

static const llhttp_settings_t body_settings = {.on_body = on_body, .on_message_complete = on_complete};

enum chunks_state chunks_feed(struct chunks *chunks, llhttp_t *parser, struct str bytes, size_t *used,
                              struct buf *body, struct error *err) {
    struct feed feed = {.body = body};
    size_t before = body->n;
    parser->settings = (void *)&body_settings; /* llhttp's own type for it */
    parser->data = &feed;
    llhttp_errno_t result = llhttp_execute(parser, bytes.p, bytes.n);
    parser->data = NULL;
    if (feed.complete) {
        *used = (size_t)(llhttp_get_error_pos(parser) - bytes.p);
        return CHUNKS_END;
    }
    if (body->failed) {
        fail(err, ERR_BODY_TOO_LARGE, "the body is larger than %zu bytes", body->cap);
        return CHUNKS_REFUSED;
    }
    if (result != HPE_OK) {
        const char *reason = llhttp_get_error_reason(parser);
        fail(err, ERR_BAD_REQUEST, "the chunked body is malformed: %s", reason ? reason : "unknown");
        return CHUNKS_REFUSED;
    }
    chunks->framing += bytes.n - (body->n - before);
    if (chunks->framing > FRAMING_FREE + (uint64_t)body->n * FRAMING_PER_BYTE) {
        fail(err, ERR_BAD_REQUEST, "the chunked body is mostly extensions or trailers");
        return CHUNKS_REFUSED;
    }
    *used = bytes.n;
    return CHUNKS_MORE;
}
