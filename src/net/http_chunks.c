#include "net/http_chunks.h"

/* A chunk of one byte costs six bytes; extensions and trailers of honest clients fit into the rest. */
enum { FRAMING_PER_BYTE = 6, FRAMING_FREE = 16384 };

static int on_body(llhttp_t *parser, const char *at, size_t n) {
    struct buf *body = parser->data;
    buf_add(body, at, n);
    return body->failed ? -1 : 0;
}

static int on_chunk_header(llhttp_t *parser) {
    return parser->content_length == 0 ? HPE_PAUSED : 0;
}

static const llhttp_settings_t body_settings = {.on_body = on_body, .on_chunk_header = on_chunk_header};

static enum chunks_state refuse_chunks(const llhttp_t *parser, const struct buf *body, struct error *err) {
    const char *reason = llhttp_get_error_reason(parser);
    if (body->failed)
        fail(err, ERR_BODY_TOO_LARGE, "the body is larger than %zu bytes", body->cap);
    else
        fail(err, ERR_BAD_REQUEST, "the chunked body is malformed: %s", reason ? reason : "unknown");
    return CHUNKS_REFUSED;
}

static enum chunks_state feed_chunks(struct chunks *chunks, llhttp_t *parser, struct str bytes, size_t *used,
                                     struct buf *body, struct error *err) {
    parser->settings = (void *)&body_settings; /* llhttp's own type for it */
    parser->data = body;
    llhttp_errno_t result = llhttp_execute(parser, bytes.p, bytes.n);
    parser->data = NULL;
    if (result == HPE_PAUSED) {
        chunks->in_trailers = true;
        *used = (size_t)(llhttp_get_error_pos(parser) - bytes.p);
        return CHUNKS_MORE;
    }
    *used = bytes.n;
    return result == HPE_OK ? CHUNKS_MORE : refuse_chunks(parser, body, err);
}

/* Lines ended by CR LF up to an empty one; nothing in them is used. */
static enum chunks_state feed_trailers(struct chunks *chunks, struct str bytes, size_t *used,
                                       struct error *err) {
    for (size_t i = 0; i < bytes.n; i++) {
        unsigned char c = (unsigned char)bytes.p[i];
        bool bad_end = chunks->after_cr != (c == '\n');
        bool bad_char = (c < 0x20 && c != '\t' && c != '\r' && c != '\n') || c == 0x7f;
        bool folded = chunks->line == 0 && (c == ' ' || c == '\t');
        if (bad_end || bad_char || folded) {
            fail(err, ERR_BAD_REQUEST, "the chunked body is malformed: invalid byte behind the last chunk");
            return CHUNKS_REFUSED;
        }
        chunks->after_cr = c == '\r';
        if (c == '\n' && chunks->line == 0) {
            *used = i + 1;
            return CHUNKS_END;
        }
        if (c == '\n')
            chunks->line = 0;
        else if (c != '\r')
            chunks->line++;
    }
    *used = bytes.n;
    return CHUNKS_MORE;
}

enum chunks_state chunks_feed(struct chunks *chunks, llhttp_t *parser, struct str bytes, size_t *used,
                              struct buf *body, struct error *err) {
    size_t content_before = body->n, of_chunks = 0, of_trailers = 0;
    enum chunks_state state = CHUNKS_MORE;
    if (!chunks->in_trailers)
        state = feed_chunks(chunks, parser, bytes, &of_chunks, body, err);
    if (chunks->in_trailers && state == CHUNKS_MORE)
        state = feed_trailers(chunks, str_slice(bytes, of_chunks, bytes.n), &of_trailers, err);
    if (state == CHUNKS_REFUSED)
        return state;
    *used = of_chunks + of_trailers;
    chunks->framing += *used - (body->n - content_before);
    if (chunks->framing > FRAMING_FREE + (uint64_t)body->n * FRAMING_PER_BYTE) {
        fail(err, ERR_BAD_REQUEST, "the chunked body is mostly extensions or trailers");
        return CHUNKS_REFUSED;
    }
    return state;
}
