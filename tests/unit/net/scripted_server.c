#include "scripted_server.h"

#include "base/check.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { PATIENCE_MS = 10000 };

static void pause_ms(long ms) {
    struct timespec t = {ms / 1000, ms % 1000 * 1000000};
    nanosleep(&t, NULL);
}

static long receive(struct scripted_connection *c) {
    char bytes[16384];
    long n = c->ssl ? SSL_read(c->ssl, bytes, sizeof bytes) : recv(c->fd, bytes, sizeof bytes, 0);
    if (n > 0)
        buf_add(&c->received, bytes, (size_t)n);
    return n;
}

static bool send_bytes(struct scripted_connection *c, const char *p, size_t n) {
    while (n) {
        long sent = c->ssl ? SSL_write(c->ssl, p, (int)n) : send(c->fd, p, n, MSG_NOSIGNAL);
        if (sent <= 0)
            return false;
        c->sent += sent;
        p += sent;
        n -= (size_t)sent;
    }
    return true;
}

static size_t body_length(struct str head) {
    size_t at = str_find(head, STR("Content-Length: "));
    return at == SIZE_MAX ? 0 : strtoul(head.p + at + 16, NULL, 10);
}

static bool read_request(struct scripted_connection *c) {
    for (;;) {
        struct str rest = str_slice(buf_str(&c->received), c->taken, c->received.n);
        size_t end = str_find(rest, STR("\r\n\r\n"));
        size_t whole = end == SIZE_MAX ? SIZE_MAX : end + 4 + body_length(str_slice(rest, 0, end + 2));
        if (whole <= rest.n) {
            c->taken += whole;
            return true;
        }
        if (receive(c) <= 0)
            return false;
    }
}

static bool flood(struct scripted_connection *c, long most) {
    static const char letters[4096] = "abcdefgh";
    while (c->sent < most) {
        size_t n = most - c->sent < (long)sizeof letters ? (size_t)(most - c->sent) : sizeof letters;
        if (!send_bytes(c, letters, n))
            return false;
    }
    return true;
}

static void reset(int fd) {
    struct linger hard = {1, 0};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
}

/* False: the connection is over. */
static bool play(struct scripted_connection *c, const struct step *s) {
    size_t n = s->text ? strlen(s->text) : 0;
    switch (s->kind) {
    case STEP_READ: return read_request(c);
    case STEP_READ_SOME: return receive(c) > 0;
    case STEP_SEND: return send_bytes(c, s->text, n);
    case STEP_DRIP:
        for (size_t i = 0; i < n; i++) {
            if (!send_bytes(c, s->text + i, 1))
                return false;
            pause_ms(1);
        }
        return true;
    case STEP_FLOOD: return flood(c, s->n);
    case STEP_HANG:
        while (receive(c) > 0)
            continue;
        return false;
    case STEP_SLEEP: pause_ms(s->n); return true;
    case STEP_RESET: reset(c->fd); return false;
    case STEP_END:
        if (c->ssl)
            SSL_shutdown(c->ssl);
        return false;
    default: return false;
    }
}

static void *run_connection(void *arg) {
    struct scripted_connection *c = arg;
    const struct step *s = c->script;
    struct timeval patience = {PATIENCE_MS / 1000, 0};
    int one = 1;
    setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(c->fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    bool open = s != NULL;
    if (open && c->server->tls && s->kind != STEP_HANG && s->kind != STEP_CUT && s->kind != STEP_RESET) {
        c->ssl = SSL_new(c->server->tls);
        SSL_set_fd(c->ssl, c->fd);
        open = SSL_accept(c->ssl) == 1;
    }
    while (open && play(c, s))
        s = s[1].kind == STEP_AGAIN ? c->script : s + 1;
    SSL_free(c->ssl);
    close(c->fd);
    return NULL;
}

static void *accept_all(void *arg) {
    struct scripted_server *s = arg;
    for (;;) {
        int fd = accept(s->fd, NULL, NULL);
        if (fd < 0)
            return NULL;
        size_t i = s->connection_count;
        CHECK(i < SCRIPTED_MAX);
        struct scripted_connection *c = &s->connections[i];
        *c = (struct scripted_connection){.server = s, .fd = fd, .received = BUF_INIT(64 << 20)};
        c->script = i < s->script_count ? s->scripts[i] : NULL;
        s->connection_count = i + 1;
        CHECK(pthread_create(&c->thread, NULL, run_connection, c) == 0);
    }
}

static int bind_somewhere(unsigned *port) {
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(fd >= 0 && bind(fd, (void *)&a, sizeof a) == 0 && getsockname(fd, (void *)&a, &length) == 0);
    *port = ntohs(a.sin_port);
    return fd;
}

unsigned unused_port(void) {
    unsigned port;
    close(bind_somewhere(&port));
    return port;
}

void scripted_server_start(struct scripted_server *s, const struct step *const *scripts, size_t count,
                           SSL_CTX *tls) {
    *s = (struct scripted_server){.scripts = scripts, .script_count = count, .tls = tls};
    s->fd = bind_somewhere(&s->port);
    CHECK(listen(s->fd, 64) == 0 && pthread_create(&s->thread, NULL, accept_all, s) == 0);
}

void scripted_server_stop(struct scripted_server *s) {
    shutdown(s->fd, SHUT_RDWR); /* ends accept */
    pthread_join(s->thread, NULL);
    close(s->fd);
    for (size_t i = 0; i < s->connection_count; i++)
        pthread_join(s->connections[i].thread, NULL);
}

void scripted_server_free(struct scripted_server *s) {
    for (size_t i = 0; i < s->connection_count; i++)
        buf_free(&s->connections[i].received);
}
