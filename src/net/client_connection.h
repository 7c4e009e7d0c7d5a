/* Private to the client: one connection to an upstream. client.c: pools, names, calls and their deadlines;
 * client_connection.c: the socket, TLS, the request's bytes out; reply_reader.c: the reply's in.
 *
 *   connecting → (handshake) → busy → idle → busy …    kept in its origin's pool while idle
 *        └────────────┴──────────┴──────┴─→ closed */
#pragma once

#include "net/origin.h"
#include "net/reply_reader.h"

enum { CLIENT_READ_SIZE = 16384, ADDRESSES_MAX = 8 };

struct resolution;

/* The connections to one origin, and where its name leads. */
struct pool {
    struct http_client *client;
    struct http_origin *origin;
    struct pool *next;
    struct client_connection *idle; /* the last used first */
    unsigned idle_count;
    unsigned users; /* calls and connections */
    struct sockaddr_storage addresses[ADDRESSES_MAX];
    socklen_t address_lengths[ADDRESSES_MAX];
    unsigned address_count;
    int64_t addresses_until_ns;
    struct resolution *resolution; /* under way */
    struct http_call *waiting;     /* for it */
};

struct http_client {
    struct loop *loop;
    struct pool *pools;
    uint32_t idle_ms; /* how long a connection is kept */
    char *in;         /* CLIENT_READ_SIZE bytes, for the read being handled */
    struct buf plain; /* its plaintext */
    struct buf text;  /* a request being put together, before TLS */
    struct http_header headers[REPLY_HEADERS_COUNT_MAX];
};

enum connection_state {
    CONNECTION_CONNECTING,
    CONNECTION_HANDSHAKE,
    CONNECTION_BUSY,
    CONNECTION_IDLE,
    CONNECTION_CLOSED
};

struct client_connection {
    uv_poll_t poll;
    int fd;
    struct pool *pool;
    struct client_connection *next, **link; /* in pool->idle */
    struct loop_timer timer;                /* while idle; for one of several addresses, while connecting */
    struct loop_task send;                  /* deferred: the request is in `out` */
    struct tls *tls;
    struct http_call *call; /* NULL while idle, and closed */
    struct reply_reader reply;
    struct buf out; /* bytes for the wire, from out_at */
    size_t out_at, body_at;
    unsigned address;
    uint8_t state, interest;
    bool ended, broken; /* broken: the socket takes nothing more */
    bool deferred;      /* `send` is due */
};

/* ---- client_connection.c ---- */

/* Starts connecting to pool->addresses[index] for the call, and gives up at `until_ns`. 0, or the errno that
 * it failed with. */
int connection_start(struct pool *pool, struct http_call *call, unsigned index, int64_t until_ns) MUST_USE;
/* Sends the call's request on a connection that is idle. */
void connection_use(struct client_connection *c, struct http_call *call);
void client_connection_close(struct client_connection *c);
void client_connection_watch(struct client_connection *c);

/* ---- client.c ---- */

/* The connection is there: how long it took is over, the reply's time begins. */
void call_connected(struct http_call *call);
/* A piece of the reply came. */
void call_heard(struct http_call *call);
/* The reply is whole; the connection, if it can be used again, is in its pool. */
void call_ended(struct http_call *call);
/* Its connection is closed. Tries again where that is right, else tells the caller; `detail` is static, or
 * NULL. */
void call_failed(struct http_call *call, enum http_failure failure, const char *detail);
/* Connecting failed: the name's next address, or the end. */
void call_try_next_address(struct http_call *call, unsigned address, int error);
/* It answered: the next connection begins with it. */
void pool_prefer_address(struct pool *pool, unsigned address);
void pool_keep(struct client_connection *c);
void pool_leave(struct pool *pool);
