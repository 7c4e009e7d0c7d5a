#include "net/tls.h"

#include "base/check.h"

#include <arpa/inet.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct tls {
    SSL *ssl;
    struct str in;   /* ciphertext not yet read; set only inside tls_receive */
    struct buf *out; /* where ciphertext goes; set only inside the calls that have one */
    const char *failure;
};

/* ---- a BIO over the caller's memory: OpenSSL's own memory BIO would keep its buffers per connection ---- */

static int bio_read(BIO *bio, char *bytes, int n) {
    struct tls *t = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    if (t->in.n == 0) {
        BIO_set_retry_read(bio);
        return -1;
    }
    size_t take = t->in.n < (size_t)n ? t->in.n : (size_t)n;
    memcpy(bytes, t->in.p, take);
    t->in = str_slice(t->in, take, t->in.n);
    return (int)take;
}

static int bio_write(BIO *bio, const char *bytes, int n) {
    struct tls *t = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    if (!t->out)
        return -1;
    buf_add(t->out, bytes, (size_t)n);
    return t->out->failed ? -1 : n;
}

static long bio_control(BIO *bio, int command, long number, void *pointer) {
    return command == BIO_CTRL_FLUSH;
}

static BIO_METHOD *method;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static const unsigned char http_1_1[] = "\x08http/1.1"; /* as ALPN writes it (RFC 7301) */

static void make_method(void) {
    method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "penstock");
    CHECK(method && BIO_meth_set_read(method, bio_read) && BIO_meth_set_write(method, bio_write) &&
          BIO_meth_set_ctrl(method, bio_control));
}

/* ---- contexts ---- */

static SSL_CTX *ssl_context(struct tls_context *context) {
    return (SSL_CTX *)(void *)context; /* the type exists for callers only */
}

static bool fail_ssl(struct error *err, const char *what, const char *file) {
    char reason[160];
    ERR_error_string_n(ERR_peek_last_error(), reason, sizeof reason);
    ERR_clear_error();
    return fail(err, ERR_CONFIG, "%s %s: %s", what, file, reason);
}

static int choose_protocol(SSL *ssl, const unsigned char **chosen, unsigned char *chosen_n,
                           const unsigned char *offered, unsigned offered_n, void *arg) {
    unsigned char *protocol;
    int result =
        SSL_select_next_proto(&protocol, chosen_n, http_1_1, sizeof http_1_1 - 1, offered, offered_n);
    *chosen = protocol;
    return result == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

/* OpenSSL would otherwise ask at the terminal. -1: no password, the key cannot be read. */
static int give_password(char *out, int size, int writing, void *ctx) {
    const char *password = ctx;
    size_t n = password ? strlen(password) : 0;
    if (n == 0 || n > (size_t)size)
        return -1;
    memcpy(out, password, n);
    return (int)n;
}

static bool load(SSL_CTX *c, const struct tls_files *files, struct error *err) {
    const char *certificate = files->certificate, *key = files->key;
    SSL_CTX_set_default_passwd_cb(c, give_password);
    SSL_CTX_set_default_passwd_cb_userdata(c, (void *)(uintptr_t)files->key_password);
    if (SSL_CTX_use_certificate_chain_file(c, certificate) != 1)
        return fail_ssl(err, "cannot use the TLS certificate", certificate);
    if (SSL_CTX_use_PrivateKey_file(c, key, SSL_FILETYPE_PEM) != 1)
        return fail_ssl(err, "cannot use the TLS key (encrypted? then server.tls.key_password must be right)",
                        key);
    SSL_CTX_set_default_passwd_cb_userdata(c, NULL); /* borrowed only while loading */
    if (SSL_CTX_check_private_key(c) != 1)
        return fail(err, ERR_CONFIG, "the TLS key %s does not belong to the certificate %s", key,
                    certificate);
    return true;
}

struct tls_context *tls_context_new(const struct tls_files *files, struct error *err) {
    pthread_once(&once, make_method);
    ERR_clear_error();
    SSL_CTX *c = SSL_CTX_new(TLS_server_method());
    if (!c) {
        fail(err, ERR_NO_MEMORY, "no memory for TLS");
        return NULL;
    }
    SSL_CTX_set_min_proto_version(c, TLS1_2_VERSION);
    SSL_CTX_set_options(c, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE |
                               SSL_OP_PRIORITIZE_CHACHA);
    SSL_CTX_set_mode(c, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_OFF); /* resumption by tickets needs no memory here */
    SSL_CTX_set_session_id_context(c, (const unsigned char *)"penstock", 8);
    SSL_CTX_set_alpn_select_cb(c, choose_protocol, NULL);
    if (!load(c, files, err)) {
        SSL_CTX_free(c);
        return NULL;
    }
    return (struct tls_context *)(void *)c;
}

void tls_context_free(struct tls_context *context) {
    SSL_CTX_free(ssl_context(context));
}

struct tls_context *tls_client_context_new(const char *ca_file, bool verify, struct error *err) {
    pthread_once(&once, make_method);
    ERR_clear_error();
    SSL_CTX *c = SSL_CTX_new(TLS_client_method());
    if (!c) {
        fail(err, ERR_NO_MEMORY, "no memory for TLS");
        return NULL;
    }
    SSL_CTX_set_min_proto_version(c, TLS1_2_VERSION);
    SSL_CTX_set_options(c, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    SSL_CTX_set_mode(c, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_verify(c, verify ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, NULL);
    bool trusted = !verify || (ca_file ? SSL_CTX_load_verify_file(c, ca_file) == 1
                                       : SSL_CTX_set_default_verify_paths(c) == 1);
    if (!trusted || SSL_CTX_set_alpn_protos(c, http_1_1, sizeof http_1_1 - 1) != 0) {
        fail_ssl(err, "cannot use the TLS authorities", ca_file ? ca_file : "of the system");
        SSL_CTX_free(c);
        return NULL;
    }
    return (struct tls_context *)(void *)c;
}

/* ---- sessions ---- */

static struct tls *session_new(struct tls_context *context) {
    struct tls *t = calloc(1, sizeof *t);
    if (!t)
        return NULL;
    t->ssl = SSL_new(ssl_context(context));
    BIO *bio = BIO_new(method);
    if (!t->ssl || !bio) {
        SSL_free(t->ssl);
        BIO_free(bio);
        free(t);
        ERR_clear_error();
        return NULL;
    }
    BIO_set_data(bio, t);
    BIO_set_init(bio, 1);
    SSL_set_bio(t->ssl, bio, bio);
    return t;
}

struct tls *tls_new(struct tls_context *context) {
    struct tls *t = session_new(context);
    if (t)
        SSL_set_accept_state(t->ssl);
    return t;
}

/* RFC 6066, 3: an address is not sent as a name; RFC 9110, 4.3.5: it is checked as an address. */
static bool expect_host(SSL *ssl, const char *host) {
    unsigned char address[16];
    X509_VERIFY_PARAM *wanted = SSL_get0_param(ssl);
    if (inet_pton(AF_INET, host, address) == 1 || inet_pton(AF_INET6, host, address) == 1)
        return X509_VERIFY_PARAM_set1_ip_asc(wanted, host) == 1;
    X509_VERIFY_PARAM_set_hostflags(wanted, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    return SSL_set_tlsext_host_name(ssl, host) == 1 && X509_VERIFY_PARAM_set1_host(wanted, host, 0) == 1;
}

struct tls *tls_client_new(struct tls_context *context, const char *host) {
    struct tls *t = session_new(context);
    if (!t)
        return NULL;
    if (!expect_host(t->ssl, host)) {
        tls_free(t);
        ERR_clear_error();
        return NULL;
    }
    SSL_set_connect_state(t->ssl);
    return t;
}

static void note_failure(struct tls *t) {
    long verified = SSL_get_verify_result(t->ssl);
    unsigned long code = ERR_peek_last_error();
    const char *reason = code ? ERR_reason_error_string(code) : NULL;
    if (verified != X509_V_OK)
        t->failure = X509_verify_cert_error_string(verified);
    else
        t->failure = reason ? reason : "the TLS connection broke";
    ERR_clear_error();
}

const char *tls_failure(const struct tls *t) {
    return t->failure ? t->failure : "the TLS connection broke";
}

void tls_free(struct tls *t) {
    if (!t)
        return;
    SSL_free(t->ssl);
    free(t);
}

bool tls_is_ready(const struct tls *t) {
    return SSL_is_init_finished(t->ssl);
}

static enum tls_state read_plaintext(struct tls *t, struct buf *plain) {
    enum { PIECE = 16384 };
    for (;;) {
        if (!buf_reserve(plain, PIECE))
            return TLS_FAILED;
        size_t n = 0;
        int result = SSL_read_ex(t->ssl, plain->p + plain->n, PIECE, &n);
        plain->n += n;
        if (result == 1)
            continue;
        switch (SSL_get_error(t->ssl, result)) {
        case SSL_ERROR_WANT_READ: return TLS_OPEN;
        case SSL_ERROR_ZERO_RETURN: return TLS_ENDED;
        default: note_failure(t); return TLS_FAILED;
        }
    }
}

enum tls_state tls_receive(struct tls *t, struct str cipher, struct buf *plain, struct buf *out) {
    ERR_clear_error();
    t->in = cipher;
    t->out = out;
    enum tls_state state = read_plaintext(t, plain);
    t->in = (struct str){NULL, 0};
    t->out = NULL;
    return state;
}

bool tls_send(struct tls *t, struct str plain, struct buf *out) {
    ERR_clear_error();
    if (plain.n == 0)
        return true;
    t->out = out;
    size_t written = 0;
    bool done = SSL_write_ex(t->ssl, plain.p, plain.n, &written) == 1 && written == plain.n;
    t->out = NULL;
    if (!done)
        ERR_clear_error();
    return done;
}

void tls_end(struct tls *t, struct buf *out) {
    ERR_clear_error();
    t->out = out;
    if (SSL_is_init_finished(t->ssl))
        SSL_shutdown(t->ssl);
    t->out = NULL;
    ERR_clear_error();
}
