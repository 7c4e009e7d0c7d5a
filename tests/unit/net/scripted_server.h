/* A server on 127.0.0.1 that plays one script for each connection, in the order in which they come: what a
 * client must cope with. Threads and blocking sockets, so that it shares no code with what it tests. A step
 * that waits does so for at most ten seconds. */
#pragma once

#include "base/buf.h"

#include <openssl/ssl.h>
#include <pthread.h>

enum step_kind {
    STEP_END,       /* closes in order */
    STEP_READ,      /* a request with its body */
    STEP_READ_SOME, /* a few bytes of it */
    STEP_SEND,      /* text */
    STEP_DRIP,      /* text, byte by byte */
    STEP_FLOOD,     /* letters, until n bytes of this connection are out */
    STEP_HANG,      /* until the client closes */
    STEP_SLEEP,     /* n ms */
    STEP_RESET,
    STEP_CUT,   /* closes the socket without TLS's close_notify */
    STEP_AGAIN, /* from the first step */
};

struct step {
    enum step_kind kind;
    const char *text;
    long n;
};

enum { SCRIPTED_MAX = 16 };

struct scripted_connection {
    struct scripted_server *server;
    const struct step *script;
    pthread_t thread;
    int fd;
    SSL *ssl;
    struct buf received; /* all that was read; look at it after scripted_server_stop */
    size_t taken;        /* of it, by STEP_READ */
    _Atomic long sent;   /* bytes */
};

struct scripted_server {
    int fd;
    unsigned port;
    SSL_CTX *tls; /* NULL: plain */
    const struct step *const *scripts;
    size_t script_count;
    pthread_t thread;
    struct scripted_connection connections[SCRIPTED_MAX];
    _Atomic size_t connection_count;
};

/* Connections beyond the last script are closed at once. By TLS, a script that begins with STEP_HANG,
 * STEP_CUT or STEP_RESET does so instead of the handshake. */
void scripted_server_start(struct scripted_server *s, const struct step *const *scripts, size_t count,
                           SSL_CTX *tls);
/* Waits for every connection's end: close the client's side before. */
void scripted_server_stop(struct scripted_server *s);
void scripted_server_free(struct scripted_server *s); /* what was received */

/* A port of 127.0.0.1 at which nobody listens. */
unsigned unused_port(void);
