/* The HTTP/1.1 server (RFC 9110, RFC 9112): one loop per core, each with its own listening sockets. It reads
 * one request at a time per connection, checks its framing strictly, holds every limit and deadline, and
 * hands whole requests to an http_service, which answers each one exactly once, at once or later on the same
 * loop. All callbacks run on the loop's thread; server_* functions are for any thread that is not a loop's.
 */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "net/loop.h"
#include "net/tls.h"

enum http_method {
    METHOD_GET,
    METHOD_HEAD,
    METHOD_POST,
    METHOD_PUT,
    METHOD_PATCH,
    METHOD_DELETE,
    METHOD_OPTIONS,
    METHOD_OTHER
};

struct http_header {
    struct str name; /* lower case in requests */
    struct str value;
};

/* A request and the place for its reply. Views live until exchange_reply, or until on_gone returns. */
struct exchange {
    enum http_method method;
    struct str method_name;
    struct str target; /* as sent; starts with '/', or is "*" for OPTIONS */
    struct str path;   /* target up to '?', still percent-encoded */
    struct str query;  /* behind '?', raw; empty when there is none */
    const struct http_header *headers;
    size_t header_count;
    struct str body;     /* whole, transfer coding removed; empty until on_request */
    bool body_at_once;   /* it came with the head: on_request follows on_head without a wait */
    struct arena *arena; /* for whatever lives as long as this request; capped by options.arena_max */
    struct loop *loop;
    int64_t started_ns; /* monotonic: the first byte of the head was there */
    struct str peer;    /* the client's address without its port */
    bool peer_is_loopback;
    bool tls;
    void *user; /* the service's own */
};

/* What the upper floor plugs in. on_gone, loop_stop and error_body may be NULL. */
struct http_service {
    /* Once per loop, before the first connection: returns what the other callbacks receive as loop_ctx, or
     * NULL when it could not be made (server_start then fails). loop_stop: after the last exchange, still on
     * its loop. */
    void *(*loop_start)(void *ctx, struct loop *loop);
    void (*loop_stop)(void *loop_ctx);

    /* The head is known, the body is not. Lower *body_max (preset to options.body_max), or raise it, and
     * return true; or call exchange_reply and return false: the body is then skipped, or the connection
     * closed. */
    bool (*on_head)(void *loop_ctx, struct exchange *x, size_t *body_max);

    /* The whole request is there: exactly one exchange_reply, from inside or later on this loop. */
    void (*on_request)(void *loop_ctx, struct exchange *x);

    /* Once on_head has returned true, exactly one of two things follows: the service's exchange_reply, or
     * this. It is called when the client left, the body broke a limit or a deadline (the server answers that
     * itself), or the server was stopped, whether on_request had been called or not: do not call
     * exchange_reply for it any more; x is freed after this returns. Never called from inside exchange_reply.
     * A reset is noticed at once; a client that closed its socket within half a second, by a "102 Processing"
     * that it answers with a reset (one that closed only its sending side gets its reply). */
    void (*on_gone)(void *loop_ctx, struct exchange *x);

    /* The client has taken most of a streamed reply that had grown long (exchange_stream_is_full). May be
     * NULL. */
    void (*on_drained)(void *loop_ctx, struct exchange *x);

    /* Writes the body (JSON) of a reply that the server itself gives: errors of the protocol, limits,
     * deadlines. `path` is that of the request, "" when its head was not whole. `request_id` is a new one,
     * also sent as x-request-id. Without it the server writes a plain one. */
    void (*error_body)(void *loop_ctx, struct buf *out, struct str path, enum error_code code,
                       const char *message, struct str request_id);
};

/* Answers x; x is not to be touched afterwards. Date, Content-Length and Connection are added here (do not
 * pass them); the reply to HEAD, and statuses 204 and 304, send no body. Nothing is borrowed after it
 * returns. Control characters in header names and values are sent as spaces. */
void exchange_reply(struct exchange *x, int status, const struct http_header *headers, size_t count,
                    struct str body);

/* A reply whose length is not known: chunked, or for HTTP/1.0 ended by closing. Begins it, in the place of
 * exchange_reply within or after on_request; then any number of writes and flushes; then end or abort, after
 * which x is not to be touched. Until then on_gone may come as before, also when the client takes nothing for
 * options.write_timeout_ms. From here a client that closes its sending side counts as gone at once: nearly
 * always it closed its socket, and upstreams are paid for what nobody reads. */
void exchange_stream_begin(struct exchange *x, int status, const struct http_header *headers, size_t count);
void exchange_stream_write(struct exchange *x, struct str bytes); /* copied; sent by a later flush */
/* Sends what was written by the end of this turn of the loop, as one chunk. */
void exchange_stream_flush(struct exchange *x);
/* The client does not read as fast as is written: hold back until on_drained. */
bool exchange_stream_is_full(struct exchange *x);
void exchange_stream_end(struct exchange *x);
/* Cuts the reply so that the client sees that it is not whole. */
void exchange_stream_abort(struct exchange *x);
enum { STREAM_FULL = 16384, STREAM_DRAINED = 4096 };

/* The first header of that name (given in lower case), or a view with .p == NULL. */
struct str exchange_header(const struct exchange *x, struct str name);

struct server_options {
    const char *const
        *listen; /* "127.0.0.1:8080", "[::1]:8080", "*:8080" (all, both families); port 0 picks one */
    size_t listen_count;
    unsigned loops; /* 0: one per core available to this process */
    size_t head_max;
    size_t header_count_max;
    size_t body_max;       /* of one request, unless on_head says otherwise */
    size_t body_total_max; /* of all bodies held at once in this process; beyond it: 503 */
    size_t arena_max;      /* of one request */
    unsigned connections_max;
    uint32_t head_timeout_ms;  /* from its first byte to its end; the TLS handshake has as long */
    uint32_t body_timeout_ms;  /* from the end of the head to the end of the body */
    uint32_t idle_timeout_ms;  /* between requests, and before the first */
    uint32_t write_timeout_ms; /* from the reply to its last byte taken by the kernel */
    uint32_t drain_timeout_ms;
    struct tls_files tls; /* certificate NULL: plain HTTP */
};

/* The defaults that the documentation names; listen is left empty. */
struct server_options server_options_default(void);

struct server;

/* Binds, starts the loops, accepts. Views in the options are not kept; `service` is. Raises the soft limit of
 * open files to the hard one. *server is set before the first request is accepted, and NULL on failure. */
bool server_start(struct server **server, const struct server_options *options,
                  const struct http_service *service, void *ctx, struct error *err) MUST_USE;

/* The port that listen[i] got. */
uint16_t server_port(const struct server *server, size_t i);
unsigned server_loop_count(const struct server *server);
struct loop *server_loop(const struct server *server, unsigned index);

/* New certificate for connections accepted from now on; when it fails, nothing changes. */
bool server_reload_tls(struct server *server, const struct tls_files *files, struct error *err) MUST_USE;

/* Stops accepting, lets idle connections go, answers what is running with "Connection: close". Returns
 * true when all connections are closed, false when some are left after drain_timeout_ms (server_stop cuts
 * them). */
bool server_drain(struct server *server);

/* Cuts what is left, ends the loops, frees everything. Other threads that loop_post to its loops have ended
 * by then. NULL is fine. */
void server_stop(struct server *server);

struct server_counts {
    uint64_t connections_open;
    uint64_t connections_total;
    uint64_t requests_total; /* handed to on_request or answered in on_head */
    uint64_t refused_total;  /* answered by the server itself with an error, or cut by a deadline */
    uint64_t body_bytes_held;
};
struct server_counts server_counts(const struct server *server);
