/* Replies that are sent piece by piece. What is written gathers in live->stream; a flush sends it as chunks
 * (RFC 9112, 7.1), nearly always one, unless the socket is still full of those before. */
#include "net/connection.h"

#include "base/check.h"
#include "base/clock.h"

#include <netinet/tcp.h>
#include <sys/socket.h>

enum { STREAM_CAP = 64 << 20, CHUNK_MAX = 65536, UNSENT_MAX = 16384 };

static struct live_exchange *live_of(struct exchange *x) {
    struct live_exchange *live = CONTAINER_OF(x, struct live_exchange, x);
    CHECK(live->connection->live == live && live->connection->phase == PHASE_STREAM);
    return live;
}

static size_t queued(const struct live_exchange *live) {
    const struct connection *c = live->connection;
    return c->out.n - c->out_at + c->tail.n - c->tail_at + live->stream.n - live->stream_at;
}

/* The reader has write_timeout for every piece that it takes. */
static void wait_for_reader(struct connection *c) {
    if (c->out.n)
        connection_set_phase(c, PHASE_STREAM,
                             c->home->now_ns +
                                 server_shared(c->home->server)->options.write_timeout_ms * NS_PER_MS);
    else
        loop_timer_disarm(c->home->loop, &c->timer);
}

static bool has_more(const struct live_exchange *live) {
    return live->stream.n || live->last_chunk_due;
}

/* By hand, since printf is a fiftieth of what an event costs. bytes.n > 0. */
static void add_chunk(struct buf *out, struct str bytes) {
    char digits[2 * sizeof bytes.n], *first = digits + sizeof digits;
    for (size_t left = bytes.n; left; left >>= 4)
        *--first = "0123456789abcdef"[left & 15];
    buf_add(out, first, (size_t)(digits + sizeof digits - first));
    buf_add_str(out, STR("\r\n"));
    buf_add_str(out, bytes);
    buf_add_str(out, STR("\r\n"));
}

static void forget_sent(struct live_exchange *live) {
    live->stream_at = 0;
    if (live->stream.room > STREAM_FULL)
        buf_free(&live->stream);
    else
        buf_clear(&live->stream);
}

/* What comes next of what is gathered, as it goes over the wire: the head, a chunk, at the end the last one.
 */
static void add_next(struct live_exchange *live, struct buf *out) {
    struct str rest = str_slice(buf_str(&live->stream), live->stream_at, live->stream.n);
    struct str head = str_slice(rest, 0, live->stream_head);
    struct str bytes = str_slice(rest, head.n, head.n + CHUNK_MAX);
    buf_add_str(out, head);
    if (bytes.n && live->chunked_reply)
        add_chunk(out, bytes);
    else
        buf_add_str(out, bytes);
    live->stream_head = 0;
    live->stream_at += head.n + bytes.n;
    if (live->stream_at < live->stream.n)
        return;
    forget_sent(live);
    if (live->last_chunk_due)
        buf_add_str(out, STR("0\r\n\r\n"));
    live->last_chunk_due = false;
}

static enum sent send_gathered(struct live_exchange *live) {
    struct connection *c = live->connection;
    struct buf *text = &c->home->text;
    enum sent sent = live->stream.failed ? SENT_FAILED : SENT_ALL;
    while (sent == SENT_ALL && has_more(live)) {
        buf_clear(text);
        add_next(live, text);
        sent = text->failed ? SENT_FAILED : connection_send(c, buf_str(text));
    }
    return sent;
}

/* A kernel takes megabytes for a reader that does not read; here a few bytes ahead of those under way are
 * enough, since more follow as soon as they are gone. */
static void send_little_ahead(struct connection *c) {
    int most = UNSENT_MAX;
    if (!c->sends_little)
        setsockopt(c->fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &most, sizeof most);
    c->sends_little = true;
}

void exchange_stream_begin(struct exchange *x, int status, const struct http_header *headers, size_t count) {
    struct live_exchange *live = CONTAINER_OF(x, struct live_exchange, x);
    struct connection *c = live->connection;
    CHECK(c->live == live && c->phase == PHASE_BUSY);
    c->home->now_ns = clock_monotonic();
    connection_decide_end(c, live);
    live->chunked_reply = live->head.is_1_1;
    c->keep &= live->chunked_reply;
    live->stream = BUF_INIT(STREAM_CAP);
    loop_timer_disarm(c->home->loop, &c->timer);
    c->phase = PHASE_STREAM;
    buf_clear(&c->home->text);
    connection_add_head(c, live, status, headers, count, -1);
    buf_add_str(&live->stream, buf_str(&c->home->text));
    live->stream.failed |= c->home->text.failed;
    live->stream_head = live->stream.n;
    live->chunked_reply &= live->head.method != METHOD_HEAD;
    send_little_ahead(c);
}

void exchange_stream_write(struct exchange *x, struct str bytes) {
    struct live_exchange *live = live_of(x);
    if (live->head.method != METHOD_HEAD)
        buf_add_str(&live->stream, bytes);
}

bool exchange_stream_is_full(struct exchange *x) {
    struct live_exchange *live = live_of(x);
    live->stream_full |= queued(live) >= STREAM_FULL;
    return live->stream_full;
}

void exchange_stream_flush(struct exchange *x) {
    struct connection *c = live_of(x)->connection;
    if (!c->out.n) /* else it goes on when the socket takes bytes again */
        connection_send_later(c);
}

/* For a slow reader: the rest follows what is under way. */
static enum sent keep_gathered(struct live_exchange *live) {
    struct connection *c = live->connection;
    struct buf *rest = c->tls ? &c->tail : &c->out;
    bool failed = live->stream.failed;
    while (!failed && has_more(live)) {
        add_next(live, rest);
        failed = rest->failed;
    }
    return failed ? SENT_FAILED : SENT_PART;
}

/* All that will ever be sent has been handed over: from here it is a reply like any other. */
static void hand_over_end(struct live_exchange *live, enum sent sent) {
    struct connection *c = live->connection;
    c->live = NULL;
    live_exchange_free(c->home, live);
    connection_after_sending(c, sent);
}

void exchange_stream_end(struct exchange *x) {
    struct live_exchange *live = live_of(x);
    struct connection *c = live->connection;
    bool later = !c->consuming;
    c->home->now_ns = clock_recent();
    live->last_chunk_due = live->chunked_reply;
    enum sent sent = c->out.n || c->deferred ? SENT_PART : send_gathered(live);
    hand_over_end(live, sent == SENT_PART ? keep_gathered(live) : sent);
    if (!later || c->phase == PHASE_CLOSED)
        return;
    if (c->phase != PHASE_WRITE)
        connection_resume(c);
    connection_watch(c);
}

void exchange_stream_abort(struct exchange *x) {
    struct live_exchange *live = live_of(x);
    struct connection *c = live->connection;
    if (!live->chunked_reply) { /* no last chunk would be missed, but a reset is seen */
        struct linger hard = {1, 0};
        setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    }
    if (c->deferred && !c->out.n)
        (void)send_gathered(live);
    c->live = NULL;
    live_exchange_free(c->home, live);
    connection_close(c);
}

/* Tells the service once, when a reply that had been full has nearly drained. */
static void tell_drained(struct connection *c) {
    struct live_exchange *live = c->live;
    const struct http_service *service = server_shared(c->home->server)->service;
    if (!live->stream_full || queued(live) > STREAM_DRAINED)
        return;
    live->stream_full = false;
    if (service->on_drained)
        service->on_drained(c->home->service_ctx, &live->x);
}

void stream_write_more(struct connection *c) {
    enum sent sent = connection_flush(c);
    if (sent == SENT_ALL)
        sent = send_gathered(c->live);
    if (sent == SENT_FAILED) {
        connection_lost(c);
        return;
    }
    wait_for_reader(c);
    tell_drained(c);
}
