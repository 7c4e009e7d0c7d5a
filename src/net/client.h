/* The client's side of HTTP/1.1 (RFC 9110, RFC 9112), for upstreams: one http_client per loop, with a pool of
 * kept connections for each origin. A call is one request and its reply, streamed to the caller as it comes.
 * Every wait has a deadline; nothing is buffered beyond one read. All of it belongs to the loop's thread, but
 * origins, which are immutable and shared by all. */
#pragma once

#include "base/error.h"
#include "net/loop.h"
#include "net/server.h"

/* ---- where to: scheme, host, port and how its certificate is checked. Reference counted; any thread. ----
 */

struct http_origin;

struct http_origin_options {
    struct str url;      /* "https://api.example.com:8443/v1": what is behind the port is the caller's */
    const char *ca_file; /* PEM; NULL: the system's authorities */
    bool verify;         /* check the certificate and its name */
};

/* *path: the URL's part behind the port, "" when there is none, without a "/" at its end; views options->url.
 */
bool http_origin_new(struct http_origin **out, const struct http_origin_options *options, struct str *path,
                     struct error *err) MUST_USE;
struct http_origin *http_origin_ref(struct http_origin *o);
void http_origin_unref(struct http_origin *o);            /* NULL is fine */
struct str http_origin_name(const struct http_origin *o); /* "api.example.com:8443", as sent in Host */

/* ---- the pools of one loop ---- */

struct http_client;

struct http_client *http_client_new(struct loop *loop) MUST_USE; /* NULL when memory is out */
/* Closes what is kept. All calls have ended or were cancelled. NULL is fine. */
void http_client_free(struct http_client *client);

/* ---- calls ---- */

enum http_failure {
    HTTP_FAILURE_DNS,                /* the name leads nowhere */
    HTTP_FAILURE_CONNECT,            /* refused, unreachable; all addresses of the name were tried */
    HTTP_FAILURE_TLS,                /* handshake or certificate */
    HTTP_FAILURE_TIMEOUT_CONNECT,    /* name, connection and TLS together took too long */
    HTTP_FAILURE_TIMEOUT_FIRST_BYTE, /* of the reply, counted from the connection's being there */
    HTTP_FAILURE_TIMEOUT_IDLE,       /* between two pieces of the reply */
    HTTP_FAILURE_TIMEOUT_TOTAL,
    HTTP_FAILURE_CLOSED,       /* before the reply was whole */
    HTTP_FAILURE_BAD_RESPONSE, /* not HTTP/1.x, or framing that contradicts itself */
    HTTP_FAILURE_TOO_LARGE,    /* its head */
    HTTP_FAILURE_NO_MEMORY,
};
const char *http_failure_name(enum http_failure failure); /* "timeout_first_byte" */

struct http_call;

struct http_call_events {
    /* Views live until the callback returns. Any of these may pause, resume or cancel the call; a cancelled
     * call hears nothing more. */
    void (*on_head)(struct http_call *call, int status, const struct http_header *headers, size_t count);
    void (*on_body)(struct http_call *call, struct str bytes);
    /* Exactly one of these two comes last; the call is then forgotten. */
    void (*on_end)(struct http_call *call);
    void (*on_fail)(struct http_call *call, enum http_failure failure, const struct error *err);
};

enum { HTTP_CALL_PAUSE_SLACK = 65536 }; /* most bytes that may still come after http_call_pause */

/* Lies in the caller's memory. The first part is the caller's, to be set before http_call_start and to stay
 * until the call has ended; what it views is borrowed as long. Zero it first. */
struct http_call {
    const struct http_call_events *events;
    struct http_origin *origin;
    struct str method, path;           /* path with its query */
    const struct http_header *headers; /* Host, Content-Length and Connection are added */
    size_t header_count;
    struct str body;
    int64_t connect_ns, first_byte_ns, idle_ns; /* longest waits */
    int64_t deadline_ns;                        /* monotonic, for all of it */

    /* What is known so far; monotonic, 0 when it did not come to it. */
    int64_t started_ns, connected_ns, replied_ns;
    bool reused; /* on a connection that was there */
    int status;  /* of the reply; 0: none yet */

    /* The client's own. */
    struct http_client *client;
    struct client_connection *connection;
    struct pool *pool;
    struct http_call *next; /* of those that wait for the name */
    struct loop_timer timer;
    int64_t wait_ends_ns;
    const char *deferred_detail;
    enum http_failure deferred_failure;
    bool retried, starting, deferred, paused;
};

/* Calls back later, never from inside. On a connection that was kept and turns out to be closed before any
 * byte of the reply, the request is sent once more on a new one. */
void http_call_start(struct http_client *client, struct http_call *call);
/* Ends it without a further callback; its connection is closed. One that has ended is fine. */
void http_call_cancel(struct http_call *call);
/* Stops reading, so that the upstream has to wait, and goes on. While paused no wait for bytes ends by a
 * timeout but that of the whole call. May be called at any time; one that has ended is fine. */
void http_call_pause(struct http_call *call);
void http_call_resume(struct http_call *call);
/* May the upstream have begun to act on the request? False as long as nothing of it can have arrived. */
bool http_call_may_have_acted(const struct http_call *call);
