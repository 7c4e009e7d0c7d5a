/* TLS 1.2 and 1.3 by OpenSSL as a transformation of bytes: ciphertext in, plaintext out, and the reverse. No
 * sockets and no buffers of its own, so an idle connection holds only OpenSSL's state. A context is shared by
 * all threads; a session belongs to one. */
#pragma once

#include "base/buf.h"
#include "base/error.h"

struct tls_context;

/* PEM files. Borrowed. */
struct tls_files {
    const char *certificate; /* with its chain; NULL: no TLS */
    const char *key;
    const char *key_password; /* NULL: the key is not encrypted */
};

/* Errors name the file. Never asks at a terminal. */
struct tls_context *tls_context_new(const struct tls_files *files, struct error *err) MUST_USE;
void tls_context_free(struct tls_context *context); /* sessions made from it live on */

/* For the client's side, where `tls_files` is the server's. `ca_file`: PEM, NULL for the system's
 * authorities. Without `verify` any certificate is taken. */
struct tls_context *tls_client_context_new(const char *ca_file, bool verify, struct error *err) MUST_USE;

struct tls;

/* A client's side: wants a certificate for `host`, a name (sent as SNI) or a numeric address. Its first
 * tls_receive, with nothing received, gives what starts the handshake. */
struct tls *tls_client_new(struct tls_context *context, const char *host) MUST_USE;

struct tls *tls_new(struct tls_context *context) MUST_USE; /* a server's side; NULL when memory is out */
void tls_free(struct tls *t);                              /* NULL is fine */
bool tls_is_ready(const struct tls *t);                    /* handshake done */

enum tls_state { TLS_OPEN, TLS_ENDED, TLS_FAILED };

/* Takes all of `cipher`; appends plaintext to `plain` (at most cipher.n + 16 KB) and what the peer must be
 * sent to `out`, also when it fails. TLS_ENDED: the peer sends nothing more (close_notify). */
enum tls_state tls_receive(struct tls *t, struct str cipher, struct buf *plain, struct buf *out) MUST_USE;

/* Why it failed: what is wrong with the peer's certificate, or what OpenSSL said last. Valid after
 * TLS_FAILED. */
const char *tls_failure(const struct tls *t);

/* Appends the ciphertext of `plain` to `out`; false: the session is broken or `out` is full. */
bool tls_send(struct tls *t, struct str plain, struct buf *out) MUST_USE;

/* Appends the close_notify. */
void tls_end(struct tls *t, struct buf *out);
