/* Calls of the client as its tests make them: a loop that the test itself turns, and what came of a call. */
#pragma once

#include "base/clock.h"
#include "net/client.h"
#include "scripted_server.h"

enum reaction { REACT_NOTHING, REACT_CANCEL_ON_HEAD, REACT_CANCEL_ON_BODY, REACT_PAUSE_ON_BODY, REACT_AGAIN };

struct attempt {
    struct http_call call;
    enum reaction reaction;
    int status;
    unsigned heads, ends, failures, bodies;
    char content_type[64];
    size_t header_count;
    struct buf body;
    bool discard; /* only count the body */
    size_t body_bytes, after_pause;
    enum http_failure failure;
    struct error err;
    struct attempt *next; /* started when this one is over */
};

struct calls {
    struct loop *loop;
    struct http_client *client;
    struct scripted_server server;
    struct http_origin *origin;
};

void calls_start(struct calls *c, const struct step *const *scripts, size_t count);
/* The same by TLS. The origin's host is `host`; ca_file NULL: the system's. */
void calls_start_tls(struct calls *c, const struct step *const *scripts, size_t count, SSL_CTX *tls,
                     const char *host, const char *ca_file, bool verify);
/* Closes what the client keeps, then waits for the server. What it received can still be looked at. */
void calls_stop(struct calls *c);
void calls_free(struct calls *c);

struct http_origin *origin_at(const char *url);
/* GET / with deadlines that no test reaches unless it sets them; ms. */
void attempt_init(struct calls *c, struct attempt *a);
void attempt_start(struct calls *c, struct attempt *a);
bool attempt_is_over(const struct attempt *a);
/* Turns the loop until the attempt is over. */
void attempt_finish(struct calls *c, struct attempt *a);
void attempt_run(struct calls *c, struct attempt *a); /* init was done: start and finish */
void turn_for(struct calls *c, long ms);
