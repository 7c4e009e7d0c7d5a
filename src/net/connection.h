/* Private to the server: one client's connection and its way through the phases below. A connection holds no
 * buffer while idle; everything a request needs lies in a live_exchange, which exists from the whole head to
 * the reply. All of it belongs to one loop.
 *
 *   handshake → idle → head → (body) → busy → write → idle …        the usual round; most take idle → busy →
 * idle └────────┴─ refused ──┴─→ linger → closed   reply first, then wait for the client to see it
 *
 * connection.c: opening, closing, socket events, deadlines. request.c: bytes become exchanges. reply.c:
 * replies become bytes. */
#pragma once

#include "net/http_chunks.h"
#include "net/http_head.h"
#include "net/server.h"
#include "net/tls.h"

#include <netinet/in.h>
#include <stdatomic.h>

enum {
    READ_SIZE = 16384,      /* per read, while heads are expected */
    READ_BODY_SIZE = 65536, /* per read, while a body is */
    SMALL_BODY = 16384,    /* up to here bodies lie in the arena and are not counted against body_total_max */
    SKIP_MAX = 65536,      /* an unwanted body up to this size is skipped, a larger one ends the connection */
    HALF_CLOSED_MS = 3000, /* between questions to a half-closed client whether it is still there */
    HALF_CLOSED_FIRST_MS = 400, /* … before the first: most replies are there sooner */
    DRAIN_GRACE_MS = 300, /* while draining: a client just answered may have sent its next request already */
    LINGER_MS = 2000,
    LINGER_BYTES = 16 << 20,
    PIPELINE_RUN = 32, /* requests answered in one go before others get their turn */
    PEER_TEXT = INET6_ADDRSTRLEN,
};

struct server_loop;
struct connection;

struct live_exchange {
    struct exchange x;
    struct connection *connection;
    struct http_head head;
    llhttp_t parser;
    struct chunks chunks;
    struct buf body;     /* of bodies that did not come along with their head */
    size_t body_charged; /* its part of server.body_bytes */
    struct buf stream;   /* written to the streamed reply and not yet sent, from stream_at */
    size_t stream_at;
    size_t stream_head; /* so much of it is the reply's head, which is not chunked */
    bool chunked_reply, last_chunk_due, stream_full;
    bool accepted; /* on_head said yes: the service will hear of its end */
    struct live_exchange *next_spare;
};

enum phase {
    PHASE_HANDSHAKE,
    PHASE_IDLE,   /* nothing of the next request is there */
    PHASE_HEAD,   /* a part of its head is */
    PHASE_ASKING, /* inside on_head */
    PHASE_BODY,
    PHASE_BUSY,   /* the service has it */
    PHASE_STREAM, /* … and sends its reply piece by piece */
    PHASE_WRITE,  /* the socket does not take the whole reply at once */
    PHASE_SKIP,   /* replied before the body, which is read and dropped */
    PHASE_LINGER,
    PHASE_CLOSED
};

struct connection {
    uv_poll_t poll;
    struct loop_timer timer; /* of the present phase; ignored while busy */
    struct loop_task send;   /* deferred: what is in `out`, or in the streamed reply */
    struct server_loop *home;
    struct connection *next, **link; /* all of this loop; `next` also of the spare ones */
    struct live_exchange *live;      /* from PHASE_ASKING to the reply, else NULL */
    struct tls *tls;
    struct buf held; /* received and not consumed: part of a head, or requests sent ahead */
    struct buf out;  /* bytes for the wire that the socket did not take yet, from out_at */
    struct buf tail; /* plaintext of a TLS reply behind `out`, from tail_at */
    size_t out_at, tail_at;
    size_t unread; /* while consuming: bytes from the request being answered on */
    int64_t started_ns;
    uint64_t skip_left; /* bytes to drop in PHASE_SKIP; dropped ones in PHASE_LINGER */
    struct head_scan scan;
    int fd;
    uint8_t phase;
    uint8_t interest;  /* events that `poll` waits for */
    bool keep;         /* the connection goes on after the reply being written */
    bool ended;        /* the client will send nothing more, and all it sent was read */
    bool half_closed;  /* … and there may be something to read */
    bool sends_little; /* the kernel takes few bytes ahead of the reader (stream.c) */
    bool consuming;    /* connection_consume is on the stack and goes on after a reply */
    bool deferred;     /* `send` is due */
    bool loopback;
    uint8_t peer_length;
    char peer[PEER_TEXT];
};

/* What the connections of one loop share. */
struct server_loop {
    struct server *server;
    struct loop *loop;
    void *service_ctx;
    struct connection *connections;
    unsigned connection_count;
    struct connection *spare_connections;
    struct live_exchange *spare_exchanges;
    unsigned spare_exchange_count;
    char *in;         /* READ_BODY_SIZE bytes, for the read being handled */
    struct buf plain; /* its plaintext */
    struct buf wire;  /* ciphertext on its way out */
    struct buf text;  /* the reply being put together */
    int64_t now_ns;   /* monotonic, of the event being handled */
    char date[40];    /* "Date: …\r\n" */
    size_t date_length;
    int64_t date_until_ns;
    bool draining;
    _Atomic uint64_t requests_total, refused_total, connections_total; /* written by this loop only */
};

/* Limits and totals that connections look at; the rest of struct server is server.c's. */
struct server_shared {
    struct server_options options;
    const struct http_service *service;
    _Atomic uint64_t connections_open;
    _Atomic uint64_t body_bytes;
};
const struct server_shared *server_shared(const struct server *server);
/* Counts of all loops; `change` may be negative. */
void server_change_connections(struct server *server, int change);
/* false, and nothing counted, when it would pass body_total_max. */
bool server_charge_body(struct server *server, size_t bytes) MUST_USE;
void server_release_body(struct server *server, size_t bytes);
/* The present TLS context's new session; NULL when memory is out. */
struct tls *server_new_tls(struct server *server) MUST_USE;
/* The last connection of a draining loop is gone. */
void server_loop_drained(struct server_loop *home);

static inline void count_up(_Atomic uint64_t *counter) {
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + 1,
                          memory_order_relaxed);
}

/* ---- connection.c ---- */

/* Takes over the accepted socket. `refused`: only to be told that there are too many connections. */
void connection_open(struct server_loop *home, int fd, const struct sockaddr_storage *peer, bool refused);
void connection_close(struct connection *c);
/* The client is gone: tells the service where it has to know, then closes. */
void connection_lost(struct connection *c);
/* The server ends: an idle connection only has its grace left. */
void connection_drain(struct connection *c);
/* Waits for a request, for as long as one may take to come. */
void connection_set_idle(struct connection *c);
void connection_set_phase(struct connection *c, enum phase phase, int64_t deadline_ns);
/* Waits for the events of the present phase. */
void connection_watch(struct connection *c);
/* Sends what there is at the end of this turn of the loop, together with what others have. */
void connection_send_later(struct connection *c);

/* ---- request.c ---- */

/* Handles what came, and what was held before it. */
void connection_input(struct connection *c, struct str bytes);
/* Handles what is held, after a reply. */
void connection_resume(struct connection *c);
/* The client sends nothing more. */
void connection_input_ended(struct connection *c);
void live_exchange_free(struct server_loop *home, struct live_exchange *live);

/* ---- reply.c ---- */

enum sent { SENT_ALL, SENT_PART, SENT_FAILED };

/* Puts the head of a reply into home->text. `length` < 0: it is not known, the reply is streamed. */
void connection_add_head(struct connection *c, const struct live_exchange *live, int status,
                         const struct http_header *headers, size_t count, int64_t length);
/* Sets c->keep and c->skip_left for what becomes of the connection after the reply. */
void connection_decide_end(struct connection *c, const struct live_exchange *live);
/* Sends, encrypted where the connection is; what the socket does not take is kept in out and tail. */
enum sent connection_send(struct connection *c, struct str bytes) MUST_USE;
/* What out and tail hold. */
enum sent connection_flush(struct connection *c) MUST_USE;
/* After the last byte of a reply was handed to connection_send. */
void connection_after_sending(struct connection *c, enum sent sent);

/* ---- stream.c ---- */

/* The socket takes bytes again. */
void stream_write_more(struct connection *c);

/* Answers with an error of the server's own and ends the connection. Forgets the exchange, if there is one.
 */
void connection_refuse(struct connection *c, const struct error *why);
/* The rest of the reply has write_timeout from here. */
void connection_wait_for_reader(struct connection *c);
/* The socket takes bytes again. */
void connection_write_more(struct connection *c);
/* Sends at once or closes: for the few bytes of handshakes. false: it is closed. */
bool connection_send_now(struct connection *c, struct str wire) MUST_USE;
/* A reply before the reply, such as "100 Continue" (RFC 9110, 15.2), in the same way. */
bool connection_send_interim(struct connection *c, int status) MUST_USE;
