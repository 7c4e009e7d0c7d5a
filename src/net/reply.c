#include "net/connection.h"

#include "base/check.h"
#include "base/clock.h"
#include "base/ids.h"
#include "base/json.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>

enum {
    TOGETHER_MAX = 16384, /* bodies up to this size are copied behind their head, for one plain send */
    TLS_PIECE = 65536,
    HEAD_GUESS = 512 /* most heads are smaller */
};

static const struct server_shared *shared_of(const struct connection *c) {
    return server_shared(c->home->server);
}

/* ---- text ---- */

static const char *const reasons[600] = {
    [100] = "Continue",
    [102] = "Processing",
    [200] = "OK",
    [201] = "Created",
    [202] = "Accepted",
    [204] = "No Content",
    [301] = "Moved Permanently",
    [302] = "Found",
    [303] = "See Other",
    [304] = "Not Modified",
    [307] = "Temporary Redirect",
    [308] = "Permanent Redirect",
    [400] = "Bad Request",
    [401] = "Unauthorized",
    [402] = "Payment Required",
    [403] = "Forbidden",
    [404] = "Not Found",
    [405] = "Method Not Allowed",
    [406] = "Not Acceptable",
    [408] = "Request Timeout",
    [409] = "Conflict",
    [410] = "Gone",
    [411] = "Length Required",
    [412] = "Precondition Failed",
    [413] = "Content Too Large",
    [415] = "Unsupported Media Type",
    [417] = "Expectation Failed",
    [422] = "Unprocessable Content",
    [429] = "Too Many Requests",
    [431] = "Request Header Fields Too Large",
    [500] = "Internal Server Error",
    [501] = "Not Implemented",
    [502] = "Bad Gateway",
    [503] = "Service Unavailable",
    [504] = "Gateway Timeout",
    [505] = "HTTP Version Not Supported",
};

static struct str reason_of(int status) {
    return str_from(reasons[status] ? reasons[status] : "Status");
}

static struct str date_line(struct server_loop *home) {
    if (home->now_ns >= home->date_until_ns) {
        int64_t wall = clock_wall();
        time_t seconds = (time_t)(wall / NS_PER_SECOND);
        struct tm parts;
        gmtime_r(&seconds, &parts);
        home->date_length =
            strftime(home->date, sizeof home->date, "Date: %a, %d %b %Y %H:%M:%S GMT\r\n", &parts);
        home->date_until_ns = home->now_ns + NS_PER_SECOND - wall % NS_PER_SECOND;
    }
    return (struct str){home->date, home->date_length};
}

static void add_header(struct buf *out, const struct http_header *h) {
    buf_add_str(out, h->name);
    buf_add(out, ": ", 2);
    buf_add_str(out, h->value);
    buf_add(out, "\r\n", 2);
}

/* No text that found its way into a header can end it (RFC 9110, 5.5): the ends of the lines are all the
 * control characters that there are. */
static void add_headers(struct buf *out, const struct http_header *headers, size_t count) {
    size_t from = out->n;
    for (size_t i = 0; i < count; i++)
        add_header(out, &headers[i]);
    if (out->failed || str_count_control((struct str){out->p + from, out->n - from}) == 2 * count)
        return;
    out->n = from;
    for (size_t i = 0; i < count; i++) {
        size_t start = out->n;
        add_header(out, &headers[i]);
        for (size_t at = start; at + 2 < out->n; at++)
            if ((unsigned char)out->p[at] < 0x20 || out->p[at] == 0x7f)
                out->p[at] = ' ';
    }
}

static void add_status_line(struct buf *out, int status) {
    buf_add_str(out, STR("HTTP/1.1 "));
    buf_add_u64(out, (uint64_t)status);
    buf_add_char(out, ' ');
    buf_add_str(out, reason_of(status));
    buf_add_str(out, STR("\r\n"));
}

static bool has_no_body(int status) {
    return status == 204 || status == 304;
}

void connection_add_head(struct connection *c, const struct live_exchange *live, int status,
                         const struct http_header *headers, size_t count, int64_t length) {
    struct server_loop *home = c->home;
    struct buf *out = &home->text;
    bool old = live && !live->head.is_1_1;
    const char *connection = !c->keep ? "close" : old ? "keep-alive" : NULL;
    add_status_line(out, status);
    buf_add_str(out, date_line(home));
    add_headers(out, headers, count);
    if (length >= 0 && !has_no_body(status)) {
        buf_add_str(out, STR("Content-Length: "));
        buf_add_u64(out, (uint64_t)length);
        buf_add_str(out, STR("\r\n"));
    } else if (length < 0 && !old) {
        buf_add_str(out, STR("Transfer-Encoding: chunked\r\n"));
    }
    if (connection) {
        buf_add_str(out, STR("Connection: "));
        buf_add_str(out, str_from(connection));
        buf_add_str(out, STR("\r\n"));
    }
    buf_add_str(out, STR("\r\n"));
}

/* ---- the socket ---- */

/* Moves the views behind what the kernel took. */
static enum sent send_views(int fd, struct str views[2]) {
    for (;;) {
        struct iovec parts[2] = {{(void *)views[0].p, views[0].n}, {(void *)views[1].p, views[1].n}};
        struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
        ssize_t n =
            views[1].n ? sendmsg(fd, &message, MSG_NOSIGNAL) : send(fd, views[0].p, views[0].n, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno == EAGAIN || errno == EWOULDBLOCK ? SENT_PART : SENT_FAILED;
        size_t of_first = (size_t)n < views[0].n ? (size_t)n : views[0].n;
        views[0] = str_slice(views[0], of_first, views[0].n);
        views[1] = str_slice(views[1], (size_t)n - of_first, views[1].n);
        if (views[0].n + views[1].n == 0)
            return SENT_ALL;
    }
}

static enum sent keep_rest(struct buf *rest, struct str a, struct str b) {
    buf_add_str(rest, a);
    buf_add_str(rest, b);
    return rest->failed ? SENT_FAILED : SENT_PART;
}

static enum sent send_plain(struct connection *c, struct str head, struct str body) {
    struct str views[2] = {head, body};
    enum sent sent = send_views(c->fd, views);
    return sent == SENT_PART ? keep_rest(&c->out, views[0], views[1]) : sent;
}

/* Encrypts and sends until the socket is full; *plain is moved behind what was encrypted. */
static enum sent send_pieces(struct connection *c, struct str *plain) {
    struct buf *wire = &c->home->wire;
    while (plain->n) {
        struct str piece = str_slice(*plain, 0, plain->n < TLS_PIECE ? plain->n : TLS_PIECE);
        buf_clear(wire);
        if (!tls_send(c->tls, piece, wire))
            return SENT_FAILED;
        *plain = str_slice(*plain, piece.n, plain->n);
        enum sent sent = send_plain(c, buf_str(wire), STR(""));
        if (sent != SENT_ALL)
            return sent;
    }
    return SENT_ALL;
}

static enum sent send_encrypted(struct connection *c, struct str head, struct str body) {
    enum sent sent = send_pieces(c, &head);
    if (sent == SENT_ALL)
        sent = send_pieces(c, &body);
    return sent == SENT_PART ? keep_rest(&c->tail, head, body) : sent;
}

bool connection_send_now(struct connection *c, struct str wire) {
    struct str views[2] = {wire, STR("")};
    if (send_views(c->fd, views) == SENT_ALL)
        return true;
    connection_lost(c);
    return false;
}

bool connection_send_interim(struct connection *c, int status) {
    struct buf *text = &c->home->text;
    buf_clear(text);
    add_status_line(text, status);
    buf_add_str(text, STR("\r\n"));
    if (!c->tls && !text->failed)
        return connection_send_now(c, buf_str(text));
    buf_clear(&c->home->wire);
    if (!text->failed && tls_send(c->tls, buf_str(text), &c->home->wire))
        return connection_send_now(c, buf_str(&c->home->wire));
    connection_lost(c);
    return false;
}

/* ---- after the last byte ---- */

static void end_sending(struct connection *c) {
    if (c->tls) {
        buf_clear(&c->home->wire);
        tls_end(c->tls, &c->home->wire);
        struct str views[2] = {buf_str(&c->home->wire), STR("")};
        if (views[0].n)
            (void)send_views(c->fd, views); /* a courtesy */
    }
    shutdown(c->fd, SHUT_WR);
}

/* Closing while the client still sends would reset the connection, and the reply might be lost on its way. */
static void end_connection(struct connection *c) {
    end_sending(c);
    if (c->ended) {
        connection_close(c);
        return;
    }
    c->skip_left = 0;
    connection_set_phase(c, PHASE_LINGER, c->home->now_ns + LINGER_MS * NS_PER_MS);
}

static void reply_is_out(struct connection *c) {
    const struct server_options *o = &shared_of(c)->options;
    if (!c->keep)
        end_connection(c);
    else if (c->skip_left)
        connection_set_phase(c, PHASE_SKIP, c->home->now_ns + o->body_timeout_ms * NS_PER_MS);
    else
        connection_set_idle(c);
}

enum sent connection_send(struct connection *c, struct str bytes) {
    return c->tls ? send_encrypted(c, bytes, STR("")) : send_plain(c, bytes, STR(""));
}

void connection_wait_for_reader(struct connection *c) {
    connection_set_phase(c, PHASE_WRITE,
                         c->home->now_ns + shared_of(c)->options.write_timeout_ms * NS_PER_MS);
}

void connection_after_sending(struct connection *c, enum sent sent) {
    switch (sent) {
    case SENT_ALL: reply_is_out(c); break;
    case SENT_PART: connection_wait_for_reader(c); break;
    case SENT_FAILED: connection_close(c); break;
    }
}

enum sent connection_flush(struct connection *c) {
    struct str views[2] = {str_slice(buf_str(&c->out), c->out_at, c->out.n), STR("")};
    enum sent sent = views[0].n ? send_views(c->fd, views) : SENT_ALL;
    c->out_at = c->out.n - views[0].n;
    if (sent != SENT_ALL)
        return sent;
    buf_free(&c->out);
    c->out_at = 0;
    struct str rest = str_slice(buf_str(&c->tail), c->tail_at, c->tail.n);
    sent = rest.n ? send_pieces(c, &rest) : SENT_ALL;
    c->tail_at = c->tail.n - rest.n;
    if (sent == SENT_ALL) {
        buf_free(&c->tail);
        c->tail_at = 0;
    }
    return sent;
}

void connection_write_more(struct connection *c) {
    switch (connection_flush(c)) {
    case SENT_PART: return;
    case SENT_FAILED: connection_close(c); return;
    case SENT_ALL: break;
    }
    reply_is_out(c);
    if (c->phase != PHASE_CLOSED)
        connection_resume(c);
}

/* ---- replies ---- */

/* Not where more requests came along with this one: each would wait for another turn. */
static bool may_wait(const struct connection *c, const struct live_exchange *live) {
    return live && c->phase == PHASE_BUSY &&
           (!c->consuming ||
            (live->x.body_at_once && c->unread == c->scan.length + live->head.content_length));
}

/* What home->text holds goes out at the end of the turn. */
static void send_text_later(struct connection *c) {
    struct buf *text = &c->home->text;
    bool good = true;
    if (c->tls) {
        good = tls_send(c->tls, buf_str(text), &c->out) && !c->out.failed;
    } else {
        c->out = *text;
        *text = BUF_INIT(text->cap);
    }
    if (!good) {
        connection_close(c);
        return;
    }
    c->phase = PHASE_WRITE;
    connection_send_later(c);
}

static void send_reply(struct connection *c, int status, const struct http_header *headers, size_t count,
                       struct str body, const struct live_exchange *live) {
    struct buf *text = &c->home->text;
    buf_clear(text);
    buf_reserve(text, HEAD_GUESS + (body.n <= TOGETHER_MAX ? body.n : 0));
    connection_add_head(c, live, status, headers, count, (int64_t)body.n);
    if ((live && live->head.method == METHOD_HEAD) || has_no_body(status))
        body = STR("");
    if (body.n <= TOGETHER_MAX) {
        buf_add_str(text, body);
        body = STR("");
    }
    if (text->failed) {
        connection_close(c); /* out of memory */
        return;
    }
    if (body.n == 0 && may_wait(c, live))
        send_text_later(c);
    else
        connection_after_sending(c, c->tls ? send_encrypted(c, buf_str(text), body)
                                           : send_plain(c, buf_str(text), body));
}

/* In PHASE_ASKING the body is still to come: sets c->keep and c->skip_left for what becomes of it. */
void connection_decide_end(struct connection *c, const struct live_exchange *live) {
    c->keep = live->head.keep_alive && !c->home->draining && !(c->ended && c->held.n == 0);
    c->skip_left = 0;
    if (c->phase != PHASE_ASKING)
        return;
    /* A client that waits for "100 Continue" may or may not send its body now: nobody can tell what comes
     * next. */
    if (live->head.chunked || live->head.content_length > SKIP_MAX ||
        (live->head.expects_continue && live->head.content_length))
        c->keep = false;
    else
        c->skip_left = live->head.content_length;
}

void exchange_reply(struct exchange *x, int status, const struct http_header *headers, size_t count,
                    struct str body) {
    struct live_exchange *live = CONTAINER_OF(x, struct live_exchange, x);
    struct connection *c = live->connection;
    CHECK(c->live == live && (c->phase == PHASE_BUSY || c->phase == PHASE_ASKING));
    CHECK(status >= 200 && status <= 599);
    bool later = !c->consuming;
    if (later)
        c->home->now_ns = clock_recent();
    connection_decide_end(c, live);
    c->live = NULL;
    send_reply(c, status, headers, count, body, live);
    live_exchange_free(c->home, live);
    if (!later || c->phase == PHASE_CLOSED)
        return;
    if (c->phase != PHASE_WRITE)
        connection_resume(c);
    connection_watch(c);
}

struct str exchange_header(const struct exchange *x, struct str name) {
    for (size_t i = 0; i < x->header_count; i++)
        if (str_eq(x->headers[i].name, name))
            return x->headers[i].value;
    return (struct str){NULL, 0};
}

/* ---- errors of the server's own ---- */

static void plain_error_body(struct buf *out, const struct error *why, struct str id) {
    struct json_writer w = JSON_WRITER(out);
    json_object(&w);
    json_key(&w, "error");
    json_object(&w);
    json_field_text(&w, "message", why->message);
    json_field_text(&w, "type", error_type(why->code));
    json_key(&w, "param");
    json_null(&w);
    json_field_text(&w, "code", error_name(why->code));
    json_field_str(&w, "request_id", id);
    json_object_end(&w);
    json_object_end(&w);
}

static void forget_exchange(struct connection *c) {
    struct live_exchange *live = c->live;
    if (!live)
        return;
    c->live = NULL;
    const struct http_service *service = shared_of(c)->service;
    if (live->accepted && service->on_gone)
        service->on_gone(c->home->service_ctx, &live->x);
    live_exchange_free(c->home, live);
}

void connection_refuse(struct connection *c, const struct error *why) {
    const struct http_service *service = shared_of(c)->service;
    count_up(&c->home->refused_total);
    char id[ID_SIZE];
    id_make(clock_wall(), id);
    struct str request_id = {id, ID_LENGTH}, path = c->live ? c->live->x.path : STR("");
    AUTO_BUF body = BUF_INIT(65536);
    if (service->error_body)
        service->error_body(c->home->service_ctx, &body, path, why->code, why->message, request_id);
    else
        plain_error_body(&body, why, request_id);
    forget_exchange(c);
    const struct http_header headers[] = {
        {STR("content-type"), STR("application/json")},
        {STR("x-request-id"), request_id},
    };
    c->keep = false;
    c->skip_left = 0;
    send_reply(c, error_status(why->code), headers, ARRAY_COUNT(headers), buf_str(&body), NULL);
}
