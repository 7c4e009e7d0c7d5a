#include "net/reply_reader.h"

static struct reply_reader *reader_of(llhttp_t *parser) {
    return CONTAINER_OF(parser, struct reply_reader, parser);
}

static int on_begin(llhttp_t *parser) {
    struct reply_reader *r = reader_of(parser);
    buf_clear(&r->head);
    r->header_count = 0;
    r->interim = false;
    return 0;
}

static int add_to_head(struct reply_reader *r, const char *at, size_t n) {
    r->no_memory = n <= r->head.cap - r->head.n; /* if it fails */
    buf_add(&r->head, at, n);
    return r->head.failed ? -1 : 0;
}

static int on_field(llhttp_t *parser, const char *at, size_t n) {
    struct reply_reader *r = reader_of(parser);
    size_t from = r->head.n;
    if (add_to_head(r, at, n) != 0)
        return -1;
    for (size_t i = from; i < r->head.n; i++)
        if (r->head.p[i] >= 'A' && r->head.p[i] <= 'Z')
            r->head.p[i] = (char)(r->head.p[i] | 0x20);
    return 0;
}

static int on_value(llhttp_t *parser, const char *at, size_t n) {
    return add_to_head(reader_of(parser), at, n);
}

/* llhttp takes a header without a name. */
static int on_field_end(llhttp_t *parser) {
    struct reply_reader *r = reader_of(parser);
    bool named = r->head.n && r->head.p[r->head.n - 1] != '\0';
    return named ? add_to_head(r, "", 1) : -1;
}

static int on_value_end(llhttp_t *parser) {
    struct reply_reader *r = reader_of(parser);
    r->header_count++;
    return r->header_count > REPLY_HEADERS_COUNT_MAX ? -1 : add_to_head(r, "", 1);
}

enum { NO_BODY = 1 }; /* as llhttp understands what on_headers returns */

/* RFC 9112, 6.3: whatever its headers say. */
static bool has_no_body(const struct reply_reader *r) {
    return r->to_head || r->status == 204 || r->status == 304;
}

static int on_headers(llhttp_t *parser) {
    struct reply_reader *r = reader_of(parser);
    int status = llhttp_get_status_code(parser);
    if (status == 101 || status < 100 || status > 599)
        return -1; /* 101: nobody asked for another protocol */
    r->interim = status < 200;
    if (r->interim)
        return NO_BODY;
    const char *p = r->head.p;
    for (unsigned i = 0; i < r->header_count; i++) {
        r->headers[i].name = (struct str){p, strlen(p)};
        p += r->headers[i].name.n + 1;
        r->headers[i].value = (struct str){p, strlen(p)};
        p += r->headers[i].value.n + 1;
    }
    r->status = status;
    r->stopped = !r->events->on_head(r, status, r->headers, r->header_count);
    if (r->stopped)
        return -1;
    return has_no_body(r) ? NO_BODY : 0;
}

static int on_body(llhttp_t *parser, const char *at, size_t n) {
    struct reply_reader *r = reader_of(parser);
    r->stopped = !r->events->on_body(r, (struct str){at, n});
    return r->stopped ? -1 : 0;
}

static int on_message(llhttp_t *parser) {
    struct reply_reader *r = reader_of(parser);
    if (r->interim)
        return 0;
    r->whole = true;
    r->keep = llhttp_should_keep_alive(parser);
    return HPE_PAUSED;
}

static const llhttp_settings_t settings = {
    .on_message_begin = on_begin,
    .on_header_field = on_field,
    .on_header_field_complete = on_field_end,
    .on_header_value = on_value,
    .on_header_value_complete = on_value_end,
    .on_headers_complete = on_headers,
    .on_body = on_body,
    .on_message_complete = on_message,
};

void reply_begin(struct reply_reader *r, const struct reply_events *events, struct http_header *headers,
                 bool to_head) {
    r->events = events;
    r->headers = headers;
    r->to_head = to_head;
    r->head.cap = REPLY_HEAD_MAX;
    buf_clear(&r->head);
    r->head_bytes = 0;
    r->header_count = 0;
    r->status = 0;
    r->interim = r->whole = r->keep = r->stopped = false;
    llhttp_init(&r->parser, HTTP_RESPONSE, &settings);
}

static bool is_too_large(const struct reply_reader *r) {
    return r->head.failed || r->header_count > REPLY_HEADERS_COUNT_MAX ||
           (r->status == 0 && r->head_bytes > REPLY_HEAD_MAX);
}

enum reply_state reply_feed(struct reply_reader *r, struct str bytes, size_t *used) {
    if (r->status == 0)
        r->head_bytes += bytes.n;
    llhttp_errno_t result = llhttp_execute(&r->parser, bytes.p, bytes.n);
    if (r->stopped)
        return REPLY_STOPPED;
    if (r->whole) {
        *used = (size_t)(llhttp_get_error_pos(&r->parser) - bytes.p);
        return REPLY_WHOLE;
    }
    if (is_too_large(r))
        return r->head.failed && r->no_memory ? REPLY_NO_MEMORY : REPLY_TOO_LARGE;
    return result == HPE_OK ? REPLY_MORE : REPLY_BAD;
}

enum reply_state reply_end(struct reply_reader *r) {
    if (r->status == 0 || !llhttp_message_needs_eof(&r->parser))
        return REPLY_BAD;
    llhttp_errno_t result = llhttp_finish(&r->parser);
    return result == HPE_OK || r->whole ? REPLY_WHOLE : REPLY_BAD;
}

bool reply_keeps_connection(const struct reply_reader *r) {
    return r->keep;
}

const char *reply_reason(const struct reply_reader *r) {
    if (is_too_large(r))
        return r->header_count > REPLY_HEADERS_COUNT_MAX ? "its headers are too many"
                                                         : "its headers are too long";
    const char *reason = llhttp_get_error_reason(&r->parser);
    return reason ? reason : "its end is missing";
}

void reply_reader_clear(struct reply_reader *r) {
    buf_free(&r->head);
}
