#include "net/connection.h"

#include "base/check.h"
#include "base/clock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const struct server_options *options_of(const struct connection *c) {
    return &server_shared(c->home->server)->options;
}

/* ---- opening and closing ---- */

static void name_peer(struct connection *c, const struct sockaddr_storage *peer) {
    const struct sockaddr_in6 *v6 = (const void *)peer;
    const struct sockaddr_in *v4 = (const void *)peer;
    const void *address = &v4->sin_addr;
    int family = AF_INET;
    if (peer->ss_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr))
        address = &v6->sin6_addr.s6_addr[12];
    else if (peer->ss_family == AF_INET6) {
        address = &v6->sin6_addr;
        family = AF_INET6;
    }
    c->loopback =
        family == AF_INET ? *(const unsigned char *)address == 127 : IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr);
    if (!inet_ntop(family, address, c->peer, sizeof c->peer))
        c->peer[0] = '\0';
    c->peer_length = (uint8_t)strlen(c->peer);
}

static void on_deadline(struct loop_timer *timer);
static void send_deferred(struct loop_task *task);

static struct connection *new_connection(struct server_loop *home) {
    struct connection *c = home->spare_connections;
    if (c)
        home->spare_connections = c->next;
    else
        c = malloc(sizeof *c);
    if (!c)
        return NULL;
    *c = (struct connection){.home = home, .timer.fire = on_deadline, .send.run = send_deferred};
    /* Part of a head, and what one read (with the rest of a TLS record) brought behind it. */
    c->held.cap = options_of(c)->head_max + READ_BODY_SIZE + 2 * READ_SIZE;
    c->out.cap = c->tail.cap = SIZE_MAX / 2; /* what a service replies is its own affair */
    return c;
}

static void recycle(struct connection *c) {
    CHECK(!c->deferred);
    c->next = c->home->spare_connections;
    c->home->spare_connections = c;
}

static bool start_tls(struct connection *c) {
    if (!options_of(c)->tls.certificate)
        return true;
    c->tls = server_new_tls(c->home->server);
    return c->tls != NULL;
}

static void refuse_newcomer(struct connection *c) {
    struct error err;
    fail(&err, ERR_OVERLOADED, "too many connections; try again later");
    if (c->tls)
        connection_close(c); /* no handshake for the sake of an error */
    else
        connection_refuse(c, &err);
}

void connection_open(struct server_loop *home, int fd, const struct sockaddr_storage *peer, bool refused) {
    struct connection *c = new_connection(home);
    if (!c) {
        close(fd);
        return;
    }
    if (!start_tls(c) || uv_poll_init(loop_uv(home->loop), &c->poll, fd) != 0) {
        tls_free(c->tls);
        recycle(c);
        close(fd);
        return;
    }
    c->poll.data = c;
    c->fd = fd;
    name_peer(c, peer);
    c->next = home->connections;
    c->link = &home->connections;
    if (c->next)
        c->next->link = &c->next;
    home->connections = c;
    home->connection_count++;
    server_change_connections(home->server, 1);
    count_up(&home->connections_total);
    const struct server_options *o = options_of(c);
    if (c->tls)
        connection_set_phase(c, PHASE_HANDSHAKE, home->now_ns + o->head_timeout_ms * NS_PER_MS);
    else
        connection_set_idle(c);
    if (refused)
        refuse_newcomer(c);
    connection_watch(c);
}

static void on_closed(uv_handle_t *handle) {
    recycle(handle->data);
}

void connection_close(struct connection *c) {
    struct server_loop *home = c->home;
    CHECK(c->phase != PHASE_CLOSED && !c->live);
    c->phase = PHASE_CLOSED;
    loop_timer_disarm(home->loop, &c->timer);
    uv_close((uv_handle_t *)&c->poll, on_closed);
    close(c->fd);
    tls_free(c->tls);
    buf_free(&c->held);
    buf_free(&c->out);
    buf_free(&c->tail);
    *c->link = c->next;
    if (c->next)
        c->next->link = c->link;
    home->connection_count--;
    server_change_connections(home->server, -1);
    if (home->draining && home->connection_count == 0)
        server_loop_drained(home);
}

void connection_lost(struct connection *c) {
    struct live_exchange *live = c->live;
    c->live = NULL;
    if (live) {
        const struct http_service *service = server_shared(c->home->server)->service;
        if (live->accepted && service->on_gone)
            service->on_gone(c->home->service_ctx, &live->x);
        live_exchange_free(c->home, live);
    }
    connection_close(c);
}

void connection_drain(struct connection *c) {
    if (c->phase == PHASE_IDLE && !c->held.n)
        connection_set_idle(c);
}

/* ---- phases ---- */

void connection_set_phase(struct connection *c, enum phase phase, int64_t deadline_ns) {
    c->phase = (uint8_t)phase;
    loop_timer_arm(c->home->loop, &c->timer, deadline_ns);
}

void connection_set_idle(struct connection *c) {
    int64_t wait_ms = c->home->draining ? DRAIN_GRACE_MS : options_of(c)->idle_timeout_ms;
    connection_set_phase(c, PHASE_IDLE, c->home->now_ns + wait_ms * NS_PER_MS);
}

static void refuse_late(struct connection *c, const char *what) {
    struct error err;
    fail(&err, ERR_TIMEOUT_REQUEST, "the request's %s did not arrive in time", what);
    connection_refuse(c, &err);
}

/* After a FIN nobody can tell a client that waits for its reply from one that closed its socket, but a client
 * that is gone answers any byte with a reset. RFC 9110, 15.2, has every HTTP/1.1 client take interim replies.
 */
static void ask_whether_it_is_there(struct connection *c) {
    if (!c->half_closed || !c->live->head.is_1_1)
        return;
    if (connection_send_interim(c, 102))
        connection_set_phase(c, PHASE_BUSY, c->home->now_ns + HALF_CLOSED_MS * NS_PER_MS);
}

static void on_deadline(struct loop_timer *timer) {
    struct connection *c = CONTAINER_OF(timer, struct connection, timer);
    c->home->now_ns = clock_monotonic();
    switch ((enum phase)c->phase) {
    case PHASE_IDLE:
        if (c->held.n)
            connection_resume(c);
        else
            connection_close(c);
        break;
    case PHASE_HEAD: refuse_late(c, "head"); break;
    case PHASE_BODY: refuse_late(c, "body"); break;
    case PHASE_WRITE:
    case PHASE_STREAM:
        if (c->deferred) /* nothing was sent that it could read */
            break;
        /* a reader that does not read */
        count_up(&c->home->refused_total);
        connection_lost(c);
        break;
    case PHASE_HANDSHAKE:
    case PHASE_SKIP:
    case PHASE_LINGER: connection_close(c); break;
    case PHASE_BUSY: ask_whether_it_is_there(c); break;
    case PHASE_ASKING:
    case PHASE_CLOSED: break;
    }
    connection_watch(c);
}

/* ---- socket events ---- */

static void on_poll(uv_poll_t *poll, int status, int events);

static void wait_for(struct connection *c, int events) {
    if (c->interest == events)
        return;
    c->interest = (uint8_t)events;
    if (uv_poll_start(&c->poll, events, on_poll) != 0)
        connection_lost(c);
}

void connection_watch(struct connection *c) {
    switch ((enum phase)c->phase) {
    case PHASE_CLOSED: break;
    case PHASE_WRITE:
        if (!c->deferred) /* else as PHASE_BUSY */
            wait_for(c, UV_WRITABLE);
        break;
    /* Nobody streams to a client that said that it is gone, and what it sends ahead stays in the socket. */
    case PHASE_STREAM: wait_for(c, c->out.n ? UV_DISCONNECT | UV_WRITABLE : UV_DISCONNECT); break;
    /* Left as it is: nearly always the reply comes before the next bytes, and that saves two system calls. */
    case PHASE_ASKING:
    case PHASE_BUSY:
        if (!c->interest)
            wait_for(c, UV_READABLE);
        break;
    default: wait_for(c, UV_READABLE); break;
    }
}

/* While the service works on a request nothing is read: what the client sends ahead stays in the socket. That
 * it sends no more (DISCONNECT) does not mean that it is gone; a reset does, and is reported with any
 * interest. There is no use for urgent data, so PRIORITIZED only keeps an interest alive. */
static void busy_event(struct connection *c, int events) {
    if (events & UV_PRIORITIZED)
        connection_lost(c);
    else if (events & UV_DISCONNECT) {
        c->half_closed = true;
        connection_set_phase(c, PHASE_BUSY, c->home->now_ns + HALF_CLOSED_FIRST_MS * NS_PER_MS);
        wait_for(c, UV_PRIORITIZED);
    } else
        wait_for(c, UV_DISCONNECT | UV_PRIORITIZED);
}

static void stream_event(struct connection *c, int events) {
    if (events & UV_DISCONNECT)
        connection_lost(c);
    else
        stream_write_more(c);
}

static void receive_tls(struct connection *c, struct str cipher) {
    struct server_loop *home = c->home;
    buf_clear(&home->plain);
    buf_clear(&home->wire);
    enum tls_state state = tls_receive(c->tls, cipher, &home->plain, &home->wire);
    if (home->wire.n && !connection_send_now(c, buf_str(&home->wire)))
        return;
    if (state == TLS_FAILED) {
        connection_lost(c);
        return;
    }
    if (c->phase == PHASE_HANDSHAKE && tls_is_ready(c->tls))
        connection_set_idle(c);
    if (home->plain.n)
        connection_input(c, buf_str(&home->plain));
    if (state == TLS_ENDED && c->phase != PHASE_CLOSED)
        connection_input_ended(c);
}

static void read_some(struct connection *c) {
    size_t room = READ_SIZE;
    if (c->phase == PHASE_BODY || c->phase == PHASE_SKIP || c->phase == PHASE_LINGER)
        room = READ_BODY_SIZE;
    ssize_t n = recv(c->fd, c->home->in, room, 0);
    if (n < 0) {
        if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)
            connection_lost(c);
        return;
    }
    struct str bytes = {c->home->in, (size_t)n};
    if (n == 0)
        connection_input_ended(c);
    else if (c->tls)
        receive_tls(c, bytes);
    else
        connection_input(c, bytes);
}

static void on_poll(uv_poll_t *poll, int status, int events) {
    struct connection *c = poll->data;
    c->home->now_ns = loop_begin_event(c->home->loop);
    if (c->phase == PHASE_CLOSED)
        return;
    if (status < 0)
        connection_lost(c);
    else if (c->phase == PHASE_BUSY)
        busy_event(c, events);
    else if (c->phase == PHASE_WRITE && c->deferred)
        return;
    else if (c->phase == PHASE_WRITE)
        connection_write_more(c);
    else if (c->phase == PHASE_STREAM)
        stream_event(c, events);
    else
        read_some(c);
    connection_watch(c);
}

static void send_deferred(struct loop_task *task) {
    struct connection *c = CONTAINER_OF(task, struct connection, send);
    c->deferred = false;
    c->home->now_ns = clock_recent();
    if (c->phase == PHASE_WRITE) {
        connection_write_more(c);
        if (c->phase == PHASE_WRITE && !c->deferred)
            connection_wait_for_reader(c);
    } else if (c->phase == PHASE_STREAM) {
        stream_write_more(c);
    }
    connection_watch(c);
}

void connection_send_later(struct connection *c) {
    if (c->deferred)
        return;
    c->deferred = true;
    loop_defer(c->home->loop, &c->send);
}
