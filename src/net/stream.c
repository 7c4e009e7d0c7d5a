/* Replies that are sent piece by piece. What is written gathers in live->stream; a flush sends it as one
 * chunk (RFC 9112, 7.1) unless the socket is still full of the one before. */
#include "net/connection.h"

#include "base/check.h"
#include "base/clock.h"

#include <stdio.h>

enum { STREAM_CAP = 64 << 20 };

static struct live_exchange *live_of(struct exchange *x) {
    struct live_exchange *live = CONTAINER_OF(x, struct live_exchange, x);
    CHECK(live->connection->live == live && live->connection->phase == PHASE_STREAM);
    return live;
}

static size_t queued(const struct live_exchange *live) {
    const struct connection *c = live->connection;
    return c->out.n - c->out_at + c->tail.n - c->tail_at + live->stream.n;
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

/* What is gathered, as it goes over the wire, into home->text: the head, a chunk, at the end the last chunk.
 */
static struct str frame(struct live_exchange *live) {
    struct buf *text = &live->connection->home->text;
    struct str head = str_slice(buf_str(&live->stream), 0, live->stream_head);
    struct str bytes = str_slice(buf_str(&live->stream), live->stream_head, live->stream.n);
    char size[24];
    buf_clear(text);
    buf_add_str(text, head);
    if (bytes.n && live->chunked_reply) {
        int n = snprintf(size, sizeof size, "%zx\r\n", bytes.n);
        buf_add(text, size, (size_t)n);
    }
    buf_add_str(text, bytes);
    if (bytes.n && live->chunked_reply)
        buf_add_str(text, STR("\r\n"));
    if (live->stream_ended && live->chunked_reply)
        buf_add_str(text, STR("0\r\n\r\n"));
    live->stream_head = 0;
    return buf_str(text);
}

static enum sent send_gathered(struct live_exchange *live) {
    struct connection *c = live->connection;
    struct str framed = frame(live);
    if (live->stream.failed || c->home->text.failed)
        return SENT_FAILED;
    buf_clear(&live->stream);
    return framed.n ? connection_send(c, framed) : SENT_ALL;
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
    live->stream_head = live->stream.n;
}

void exchange_stream_write(struct exchange *x, struct str bytes) {
    buf_add_str(&live_of(x)->stream, bytes);
}

bool exchange_stream_is_full(struct exchange *x) {
    struct live_exchange *live = live_of(x);
    live->stream_full |= queued(live) >= STREAM_FULL;
    return live->stream_full;
}

bool exchange_stream_flush(struct exchange *x) {
    struct live_exchange *live = live_of(x);
    struct connection *c = live->connection;
    c->home->now_ns = clock_monotonic();
    if (c->out.n)
        return true; /* goes on when the socket takes bytes again */
    if (send_gathered(live) == SENT_FAILED) {
        connection_lost(c);
        return false;
    }
    wait_for_reader(c);
    connection_watch(c);
    return true;
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
    c->home->now_ns = clock_monotonic();
    live->stream_ended = true;
    if (c->out.n) { /* a slow reader: the rest follows what is under way */
        struct str framed = frame(live);
        buf_add_str(c->tls ? &c->tail : &c->out, framed);
        bool failed = c->home->text.failed || c->out.failed || c->tail.failed || live->stream.failed;
        hand_over_end(live, failed ? SENT_FAILED : SENT_PART);
    } else {
        hand_over_end(live, send_gathered(live));
    }
    if (!later || c->phase == PHASE_CLOSED)
        return;
    if (c->phase != PHASE_WRITE)
        connection_resume(c);
    connection_watch(c);
}

void exchange_stream_abort(struct exchange *x) {
    struct live_exchange *live = live_of(x);
    struct connection *c = live->connection;
    c->live = NULL;
    live_exchange_free(c->home, live);
    connection_close(c); /* without the last chunk */
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
    if (sent == SENT_ALL && c->live->stream.n)
        sent = send_gathered(c->live);
    if (sent == SENT_FAILED) {
        connection_lost(c);
        return;
    }
    wait_for_reader(c);
    tell_drained(c);
}
