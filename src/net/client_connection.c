#include "net/client_connection.h"

#include "base/check.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

enum { TOGETHER_MAX = 16384, TLS_PIECE = 65536, OUT_KEPT = 4096 };

static struct http_client *client_of(const struct client_connection *c) {
    return c->pool->client;
}

/* ---- opening and closing ---- */

static void on_poll(uv_poll_t *poll, int status, int events);

static void on_closed(uv_handle_t *handle) {
    free(handle->data);
}

void client_connection_close(struct client_connection *c) {
    CHECK(c->state != CONNECTION_CLOSED);
    c->state = CONNECTION_CLOSED;
    c->call = NULL;
    loop_timer_disarm(client_of(c)->loop, &c->timer);
    if (c->link) {
        *c->link = c->next;
        if (c->next)
            c->next->link = c->link;
        c->pool->idle_count--;
    }
    uv_close((uv_handle_t *)&c->poll, on_closed);
    close(c->fd);
    tls_free(c->tls);
    buf_free(&c->out);
    reply_reader_clear(&c->reply);
    pool_leave(c->pool);
    c->pool = NULL;
}

/* Takes the call out of the connection, closes this, and tells. */
static void fail_connection(struct client_connection *c, enum http_failure failure, const char *detail) {
    struct http_call *call = c->call;
    client_connection_close(c);
    if (!call)
        return;
    call->connection = NULL;
    call_failed(call, failure, detail);
}

/* The socket does not say which of its two ends failed; within a handshake it is the handshake. */
static void lose_connection(struct client_connection *c, const char *detail) {
    fail_connection(c, c->state == CONNECTION_HANDSHAKE ? HTTP_FAILURE_TLS : HTTP_FAILURE_CLOSED, detail);
}

static const char *reason_of(int error) {
    return uv_strerror(uv_translate_sys_error(error)); /* static, where strerror is not for threads */
}

static void try_next_address(struct client_connection *c, int error) {
    struct http_call *call = c->call;
    unsigned address = c->address;
    client_connection_close(c);
    call->connection = NULL;
    call_try_next_address(call, address, error);
}

static void send_deferred(struct loop_task *task);

static void on_time(struct loop_timer *timer) {
    struct client_connection *c = CONTAINER_OF(timer, struct client_connection, timer);
    if (c->state == CONNECTION_CONNECTING)
        try_next_address(c, ETIMEDOUT);
    else
        client_connection_close(c); /* idle for too long */
}

static int open_socket(const struct sockaddr_storage *address, socklen_t length) {
    int fd = socket(address->ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    int one = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (connect(fd, (const void *)address, length) == 0 || errno == EINPROGRESS)
        return fd;
    int error = errno;
    close(fd);
    return -error;
}

int connection_start(struct pool *pool, struct http_call *call, unsigned index, int64_t until_ns) {
    int fd = open_socket(&pool->addresses[index], pool->address_lengths[index]);
    if (fd < 0)
        return -fd;
    struct client_connection *c = calloc(1, sizeof *c);
    if (!c || (pool->origin->tls && !(c->tls = tls_client_new(pool->origin->tls, pool->origin->host))) ||
        uv_poll_init(loop_uv(pool->client->loop), &c->poll, fd) != 0) {
        if (c)
            tls_free(c->tls);
        free(c);
        close(fd);
        return ENOMEM;
    }
    c->poll.data = c;
    c->fd = fd;
    c->pool = pool;
    pool->users++;
    c->timer.fire = on_time;
    c->send.run = send_deferred;
    c->out.cap = SIZE_MAX / 2; /* the caller's own request */
    c->address = index;
    c->call = call;
    call->connection = c;
    c->state = CONNECTION_CONNECTING;
    if (until_ns != INT64_MAX)
        loop_timer_arm(pool->client->loop, &c->timer, until_ns);
    client_connection_watch(c);
    return 0;
}

/* ---- what is waited for ---- */

static bool has_unsent(const struct client_connection *c) {
    return !c->broken &&
           (c->out_at < c->out.n || (c->state == CONNECTION_BUSY && c->call && c->body_at < c->call->body.n));
}

static bool is_sending(const struct client_connection *c) {
    return !c->deferred && has_unsent(c);
}

/* A handshake goes on. */
static bool is_paused(const struct client_connection *c) {
    return c->state == CONNECTION_BUSY && c->call->paused;
}

void client_connection_watch(struct client_connection *c) {
    if (c->state == CONNECTION_CLOSED)
        return;
    int events = is_paused(c) ? 0 : UV_READABLE;
    if (c->state == CONNECTION_CONNECTING)
        events = UV_WRITABLE;
    else if (is_sending(c))
        events |= UV_WRITABLE;
    if (events == c->interest)
        return;
    c->interest = (uint8_t)events;
    int result = events ? uv_poll_start(&c->poll, events, on_poll) : uv_poll_stop(&c->poll);
    if (result != 0)
        fail_connection(c, HTTP_FAILURE_NO_MEMORY, uv_strerror(result));
}

/* ---- the request ---- */

static void add_cleaned(struct buf *out, struct str text, bool clean) {
    size_t from = out->n;
    buf_add_str(out, text);
    for (size_t i = from; clean && i < out->n; i++)
        if ((unsigned char)out->p[i] < 0x20 || out->p[i] == 0x7f)
            out->p[i] = ' ';
}

/* Returns how many lines. */
static size_t add_lines(struct buf *out, const struct http_call *call, bool clean) {
    add_cleaned(out, call->method, clean);
    buf_add_char(out, ' ');
    add_cleaned(out, call->path, clean);
    buf_add_str(out, STR(" HTTP/1.1\r\nHost: "));
    buf_add_str(out, str_from(call->origin->name));
    buf_add_str(out, STR("\r\n"));
    for (size_t i = 0; i < call->header_count; i++) {
        add_cleaned(out, call->headers[i].name, clean);
        buf_add_str(out, STR(": "));
        add_cleaned(out, call->headers[i].value, clean);
        buf_add_str(out, STR("\r\n"));
    }
    bool has_body = call->body.n || !str_eq(call->method, STR("GET"));
    if (has_body) {
        buf_add_str(out, STR("Content-Length: "));
        buf_add_u64(out, call->body.n);
        buf_add_str(out, STR("\r\n"));
    }
    buf_add_str(out, STR("\r\n"));
    return 3 + call->header_count + has_body;
}

/* No text that found its way into a line can end it (RFC 9110, 5.5): the ends of the lines are all the
 * control characters that there are. One look at the whole is cheaper than one at each part. */
static void add_head(struct buf *out, const struct http_call *call) {
    size_t from = out->n, lines = add_lines(out, call, false);
    if (out->failed || str_count_control((struct str){out->p + from, out->n - from}) == 2 * lines)
        return;
    out->n = from;
    add_lines(out, call, true);
}

/* The head and what fits of the body, so that most requests are one write. */
static bool put_together(struct client_connection *c) {
    struct buf *text = c->tls ? &client_of(c)->text : &c->out;
    struct http_call *call = c->call;
    if (c->tls)
        buf_clear(text); /* in c->out the end of the handshake may still lie */
    add_head(text, call);
    c->body_at = call->body.n < TOGETHER_MAX ? call->body.n : TOGETHER_MAX;
    buf_add_str(text, str_slice(call->body, 0, c->body_at));
    return !text->failed && (!c->tls || (tls_send(c->tls, buf_str(text), &c->out) && !c->out.failed));
}

/* More ciphertext; false: the session is broken. */
static bool encrypt_more(struct client_connection *c) {
    struct str piece = str_slice(c->call->body, c->body_at, c->body_at + TLS_PIECE);
    buf_clear(&c->out);
    c->out_at = 0;
    c->body_at += piece.n;
    return tls_send(c->tls, piece, &c->out) && !c->out.failed;
}

static void forget_sent(struct client_connection *c) {
    if (c->out.room > OUT_KEPT)
        buf_free(&c->out);
    else
        buf_clear(&c->out);
    c->out_at = 0;
}

/* Sends until all is out or the socket is full. 0, or an errno. */
static int send_more(struct client_connection *c) {
    while (is_sending(c)) {
        if (c->tls && c->out_at == c->out.n && !encrypt_more(c))
            return EPROTO;
        struct str rest = {"", 0};
        if (!c->tls && c->call)
            rest = str_slice(c->call->body, c->body_at, c->call->body.n);
        struct iovec parts[] = {{c->out.p + c->out_at, c->out.n - c->out_at},
                                {(void *)(uintptr_t)rest.p, rest.n}};
        struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
        ssize_t n = rest.n ? sendmsg(c->fd, &message, MSG_NOSIGNAL)
                           : send(c->fd, parts[0].iov_base, parts[0].iov_len, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno == EAGAIN || errno == EWOULDBLOCK ? 0 : errno;
        size_t of_out = (size_t)n < parts[0].iov_len ? (size_t)n : parts[0].iov_len;
        c->out_at += of_out;
        c->body_at += (size_t)n - of_out;
    }
    forget_sent(c);
    return 0;
}

/* An upstream may refuse a request before it has read all of it: what it said is read before the connection
 * is given up, and the end of that is reported by the socket. */
static void flush(struct client_connection *c) {
    int error = send_more(c);
    if (error == EPROTO) {
        lose_connection(c, "the TLS connection broke");
        return;
    }
    c->broken = error != 0;
    client_connection_watch(c);
}

static void send_deferred(struct loop_task *task) {
    struct client_connection *c = CONTAINER_OF(task, struct client_connection, send);
    c->deferred = false;
    if (c->state == CONNECTION_BUSY)
        flush(c);
}

/* ---- the reply ---- */

static struct client_connection *connection_of(struct reply_reader *r) {
    return CONTAINER_OF(r, struct client_connection, reply);
}

/* False once the call was cancelled. */
static bool on_head(struct reply_reader *r, int status, const struct http_header *headers, size_t count) {
    struct client_connection *c = connection_of(r);
    c->call->status = status;
    c->call->events->on_head(c->call, status, headers, count);
    return c->state != CONNECTION_CLOSED;
}

static bool on_body(struct reply_reader *r, struct str bytes) {
    struct client_connection *c = connection_of(r);
    c->call->events->on_body(c->call, bytes);
    return c->state != CONNECTION_CLOSED;
}

static const struct reply_events reply_events = {on_head, on_body};

static void reply_is_whole(struct client_connection *c, bool nothing_behind) {
    struct http_call *call = c->call;
    bool keep =
        reply_keeps_connection(&c->reply) && nothing_behind && !c->ended && !c->broken && !has_unsent(c);
    c->call = NULL;
    call->connection = NULL;
    if (keep)
        pool_keep(c);
    else
        client_connection_close(c);
    call_ended(call);
}

static void take_reply(struct client_connection *c, struct str bytes) {
    size_t used = 0;
    switch (reply_feed(&c->reply, bytes, &used)) {
    case REPLY_MORE:
    case REPLY_STOPPED: break;
    case REPLY_WHOLE: reply_is_whole(c, used == bytes.n); break;
    case REPLY_TOO_LARGE: fail_connection(c, HTTP_FAILURE_TOO_LARGE, reply_reason(&c->reply)); break;
    case REPLY_NO_MEMORY: fail_connection(c, HTTP_FAILURE_NO_MEMORY, NULL); break;
    case REPLY_BAD: fail_connection(c, HTTP_FAILURE_BAD_RESPONSE, reply_reason(&c->reply)); break;
    }
}

static void take_bytes(struct client_connection *c, struct str bytes) {
    if (c->state != CONNECTION_BUSY) {
        client_connection_close(c); /* nobody asked */
        return;
    }
    call_heard(c->call);
    take_reply(c, bytes);
}

/* `cut`: the TLS connection ended without saying so. What only its end delimits may then be incomplete (RFC
 * 9112, 9.8). */
static void take_end(struct client_connection *c, bool cut) {
    c->ended = true;
    if (c->state != CONNECTION_BUSY) {
        lose_connection(c, NULL);
        return;
    }
    enum reply_state state = cut || c->broken ? REPLY_BAD : reply_end(&c->reply);
    if (state == REPLY_WHOLE)
        reply_is_whole(c, false);
    else if (state != REPLY_STOPPED)
        lose_connection(c, NULL);
}

/* ---- socket events ---- */

static void begin_request(struct client_connection *c) {
    c->state = CONNECTION_BUSY;
    c->broken = false;
    reply_begin(&c->reply, &reply_events, client_of(c)->headers, str_eq(c->call->method, STR("HEAD")));
    call_connected(c->call);
    if (!put_together(c)) {
        fail_connection(c, HTTP_FAILURE_NO_MEMORY, NULL);
    } else {
        c->deferred = true;
        loop_defer(client_of(c)->loop, &c->send);
    }
}

static void receive_tls(struct client_connection *c, struct str cipher) {
    struct http_client *client = client_of(c);
    buf_clear(&client->plain);
    bool handshake = c->state == CONNECTION_HANDSHAKE;
    enum tls_state state = tls_receive(c->tls, cipher, &client->plain, &c->out);
    if (state == TLS_FAILED) {
        fail_connection(c, handshake ? HTTP_FAILURE_TLS : HTTP_FAILURE_CLOSED, tls_failure(c->tls));
        return;
    }
    if (is_sending(c)) {
        flush(c);
        if (c->state == CONNECTION_CLOSED)
            return;
    }
    if (handshake && tls_is_ready(c->tls))
        begin_request(c);
    if (client->plain.n && c->state != CONNECTION_CLOSED)
        take_bytes(c, buf_str(&client->plain));
    if (state == TLS_ENDED && c->state != CONNECTION_CLOSED)
        take_end(c, false);
}

static void connected(struct client_connection *c) {
    int error = 0;
    socklen_t length = sizeof error;
    if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &length) != 0)
        error = errno;
    if (error) {
        try_next_address(c, error);
        return;
    }
    loop_timer_disarm(client_of(c)->loop, &c->timer);
    pool_prefer_address(c->pool, c->address);
    if (c->tls) {
        c->state = CONNECTION_HANDSHAKE;
        receive_tls(c, STR(""));
    } else {
        begin_request(c);
    }
}

/* False: nothing was there, or the connection is closed. */
static bool read_some(struct client_connection *c) {
    char *in = client_of(c)->in;
    ssize_t n = recv(c->fd, in, CLIENT_READ_SIZE, 0);
    if (n < 0) {
        if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)
            lose_connection(c, reason_of(errno));
        return false;
    }
    struct str bytes = {in, (size_t)n};
    if (n == 0)
        take_end(c, c->tls != NULL);
    else if (c->tls)
        receive_tls(c, bytes);
    else
        take_bytes(c, bytes);
    return c->state != CONNECTION_CLOSED;
}

/* libuv stopped to watch a socket with an error. What came before the error is still there. */
static void read_rest(struct client_connection *c) {
    c->interest = 0;
    c->broken = true;
    while (!is_paused(c) && read_some(c))
        continue;
    if (c->state != CONNECTION_CLOSED && !is_paused(c))
        lose_connection(c, reason_of(ECONNRESET));
}

static void on_poll(uv_poll_t *poll, int status, int events) {
    struct client_connection *c = poll->data;
    if (c->state == CONNECTION_CLOSED)
        return;
    (void)loop_begin_event(client_of(c)->loop);
    if (c->state == CONNECTION_CLOSED)
        return;
    if (c->state == CONNECTION_CONNECTING) {
        connected(c);
    } else if (status < 0) {
        read_rest(c);
    } else {
        if (events & UV_WRITABLE)
            flush(c);
        if (c->state == CONNECTION_CLOSED)
            return;
        if ((events & UV_READABLE) && !is_paused(c))
            read_some(c);
    }
    client_connection_watch(c);
}

void connection_use(struct client_connection *c, struct http_call *call) {
    if (c->link) {
        *c->link = c->next;
        if (c->next)
            c->next->link = c->link;
        c->link = NULL;
        c->next = NULL;
        c->pool->idle_count--;
    }
    loop_timer_disarm(client_of(c)->loop, &c->timer);
    c->call = call;
    call->connection = c;
    begin_request(c);
}
