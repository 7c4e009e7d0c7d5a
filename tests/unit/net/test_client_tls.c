#include "client_calls.h"

#include "net/client_connection.h"

#include "../unit.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#define SCRIPTS(...)                                                                                         \
    (const struct step *const[]) {                                                                           \
        __VA_ARGS__                                                                                          \
    }

static const struct step two_bytes[] = {
    {STEP_READ}, {STEP_SEND, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"}, {STEP_AGAIN}};

/* ---- a private authority and what it signs ---- */

static EVP_PKEY *authority_key;
static X509 *authority;
static char authority_file[] = "/tmp/penstock-authority-XXXXXX";

static void add_extension(X509 *x, X509 *issuer, int nid, const char *value) {
    X509V3_CTX ctx;
    X509V3_set_ctx(&ctx, issuer, x, NULL, NULL, 0);
    X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    assert_non_null(e);
    X509_add_ext(x, e, -1);
    X509_EXTENSION_free(e);
}

static X509 *certificate(EVP_PKEY *key, const char *name, const char *alternative, long days) {
    static long serial = 1;
    X509 *x = X509_new();
    X509_set_version(x, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x), serial++);
    X509_gmtime_adj(X509_getm_notBefore(x), -10 * 86400);
    X509_gmtime_adj(X509_getm_notAfter(x), days * 86400);
    X509_set_pubkey(x, key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC, (const unsigned char *)name, -1,
                               -1, 0);
    X509 *issuer = authority ? authority : x;
    X509_set_issuer_name(x, X509_get_subject_name(issuer));
    add_extension(x, issuer, NID_basic_constraints, authority ? "CA:FALSE" : "critical,CA:TRUE");
    if (alternative)
        add_extension(x, issuer, NID_subject_alt_name, alternative);
    assert_true(X509_sign(x, authority_key, EVP_sha256()) > 0);
    return x;
}

static int make_authority(void **state) {
    authority_key = EVP_EC_gen("P-256");
    authority = certificate(authority_key, "Penstock's tests", NULL, 10);
    int fd = mkstemp(authority_file);
    FILE *file = fdopen(fd, "w");
    PEM_write_X509(file, authority);
    return fclose(file);
}

static int remove_authority(void **state) {
    X509_free(authority);
    EVP_PKEY_free(authority_key);
    return unlink(authority_file);
}

static SSL_CTX *server_tls(const char *alternative, long days) {
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *x = certificate(key, "server", alternative, days);
    SSL_CTX *tls = SSL_CTX_new(TLS_server_method());
    assert_int_equal(SSL_CTX_use_certificate(tls, x), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey(tls, key), 1);
    X509_free(x);
    EVP_PKEY_free(key);
    return tls;
}

/* ---- whom to trust ---- */

static void checks_certificates(void **state) {
    static const struct {
        const char *host, *alternative;
        long days;
        bool own_authority, verify;
        const char *refused; /* NULL: taken */
    } cases[] = {
        {"127.0.0.1", "IP:127.0.0.1", 9, true, true, NULL},
        {"localhost", "DNS:localhost", 9, true, true, NULL},
        {"localhost", "DNS:other.example,IP:127.0.0.1", 9, true, true, "hostname mismatch"},
        {"127.0.0.1", "DNS:127.0.0.1,IP:127.0.0.2", 9, true, true, "IP address mismatch"},
        {"localhost", "DNS:l*", 9, true, true, "hostname mismatch"},
        {"127.0.0.1", "IP:127.0.0.1", -1, true, true, "expired"},
        {"127.0.0.1", "IP:127.0.0.1", 9, false, true, "local issuer"},
        {"127.0.0.1", "DNS:other.example", -1, false, false, NULL},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        SSL_CTX *tls = server_tls(cases[i].alternative, cases[i].days);
        struct calls c;
        calls_start_tls(&c, SCRIPTS(two_bytes), 1, tls, cases[i].host,
                        cases[i].own_authority ? authority_file : NULL, cases[i].verify);
        struct attempt a;
        attempt_init(&c, &a);
        attempt_run(&c, &a);
        if (a.failures != (cases[i].refused != NULL))
            fail_msg("case %zu: %s", i, a.failures ? a.err.message : "taken");
        if (cases[i].refused) {
            assert_int_equal(a.failure, HTTP_FAILURE_TLS);
            if (!strstr(a.err.message, cases[i].refused))
                fail_msg("case %zu: %s", i, a.err.message);
            assert_false(http_call_may_have_acted(&a.call));
        } else {
            assert_str(buf_str(&a.body), "ok");
        }
        calls_stop(&c);
        if (cases[i].refused)
            assert_int_equal(c.server.connections[0].received.n, 0); /* nothing of the request */
        scripted_server_free(&c.server);
        buf_free(&a.body);
        SSL_CTX_free(tls);
    }
}

static void an_authority_that_is_not_there(void **state) {
    struct http_origin *o;
    struct str path;
    struct error err;
    const struct http_origin_options options = {
        .url = STR("https://localhost"), .ca_file = "/nonexistent/ca.pem", .verify = true};
    assert_false(http_origin_new(&o, &options, &path, &err));
    assert_int_equal(err.code, ERR_CONFIG);
    assert_non_null(strstr(err.message, "/nonexistent/ca.pem"));
}

/* ---- handshakes that go wrong ---- */

static void handshakes_that_fail(void **state) {
    static const struct step hangs[] = {{STEP_HANG}}, cuts[] = {{STEP_CUT}}, resets[] = {{STEP_RESET}};
    static const struct step plain[] = {
        {STEP_READ_SOME}, {STEP_SEND, "HTTP/1.1 400 Bad Request\r\n\r\n"}, {STEP_END}};
    static const struct {
        const struct step *script;
        bool speaks_tls;
        enum http_failure failure, or ; /* a reset may come before the connection is seen to be there */
    } cases[] = {{hangs, true, HTTP_FAILURE_TIMEOUT_CONNECT, HTTP_FAILURE_TIMEOUT_CONNECT},
                 {cuts, true, HTTP_FAILURE_TLS, HTTP_FAILURE_TLS},
                 {resets, true, HTTP_FAILURE_TLS, HTTP_FAILURE_CONNECT},
                 {plain, false, HTTP_FAILURE_TLS, HTTP_FAILURE_TLS}};
    SSL_CTX *tls = server_tls("IP:127.0.0.1", 9);
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct calls c;
        calls_start_tls(&c, SCRIPTS(cases[i].script), 1, cases[i].speaks_tls ? tls : NULL, "127.0.0.1",
                        authority_file, true);
        struct attempt a;
        attempt_init(&c, &a);
        if (cases[i].failure == HTTP_FAILURE_TIMEOUT_CONNECT)
            a.call.connect_ns = 500 * NS_PER_MS;
        attempt_run(&c, &a);
        if (!a.failures || (a.failure != cases[i].failure && a.failure != cases[i].or))
            fail_msg("case %zu: %s", i, a.failures ? a.err.message : "no failure");
        assert_int_equal(c.server.connection_count, 1);
        calls_free(&c);
    }
    SSL_CTX_free(tls);
}

/* ---- bytes ---- */

static void only_a_proper_end_ends_a_reply(void **state) {
    static const struct step ends[] = {{STEP_READ}, {STEP_SEND, "HTTP/1.1 200 OK\r\n\r\nall"}, {STEP_END}};
    static const struct step cuts[] = {{STEP_READ}, {STEP_SEND, "HTTP/1.1 200 OK\r\n\r\nall"}, {STEP_CUT}};
    SSL_CTX *tls = server_tls("IP:127.0.0.1", 9);
    for (int cut = 0; cut < 2; cut++) {
        struct calls c;
        calls_start_tls(&c, SCRIPTS(cut ? cuts : ends), 1, tls, "127.0.0.1", authority_file, true);
        struct attempt a;
        attempt_init(&c, &a);
        attempt_run(&c, &a);
        assert_str(buf_str(&a.body), "all");
        assert_int_equal(a.ends, !cut);
        if (cut)
            assert_int_equal(a.failure, HTTP_FAILURE_CLOSED);
        calls_free(&c);
        buf_free(&a.body);
    }
    SSL_CTX_free(tls);
}

static void keeps_connections_and_tries_stale_ones_again(void **state) {
    static const struct step stale[] = {
        {STEP_READ}, {STEP_SEND, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"},
        {STEP_READ}, {STEP_SEND, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"},
        {STEP_READ}, {STEP_END}};
    SSL_CTX *tls = server_tls("IP:127.0.0.1", 9);
    struct calls c;
    calls_start_tls(&c, SCRIPTS(stale, two_bytes), 2, tls, "127.0.0.1", authority_file, true);
    for (int i = 0; i < 3; i++) {
        struct attempt a;
        attempt_init(&c, &a);
        attempt_run(&c, &a);
        assert_str(buf_str(&a.body), "ok");
        assert_int_equal(a.call.reused, i == 1);
        assert_int_equal(a.call.retried, i == 2);
        assert_int_equal(c.server.connection_count, i == 2 ? 2 : 1);
        buf_free(&a.body);
    }
    calls_free(&c);
    SSL_CTX_free(tls);
}

static void large_bodies_both_ways(void **state) {
    enum { SIZE = 3 << 20, REPLY = 32 << 20 };
    char head[100];
    snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", REPLY);
    const struct step script[] = {
        {STEP_READ}, {STEP_SEND, head}, {STEP_FLOOD, .n = REPLY + (long)strlen(head)}, {STEP_HANG}};
    SSL_CTX *tls = server_tls("IP:127.0.0.1", 9);
    struct calls c;
    calls_start_tls(&c, SCRIPTS(script), 1, tls, "127.0.0.1", authority_file, true);
    struct attempt a;
    attempt_init(&c, &a);
    char *body = malloc(SIZE);
    for (size_t i = 0; i < SIZE; i++)
        body[i] = (char)(i * 7 + i / 999);
    a.call.method = STR("POST");
    a.call.body = (struct str){body, SIZE};
    a.reaction = REACT_PAUSE_ON_BODY;
    a.discard = true;
    attempt_start(&c, &a);
    while (!a.body_bytes)
        uv_run(loop_uv(c.loop), UV_RUN_ONCE);
    turn_for(&c, 100);
    assert_true(a.after_pause <= HTTP_CALL_PAUSE_SLACK);
    a.reaction = REACT_NOTHING;
    http_call_resume(&a.call);
    attempt_finish(&c, &a);
    assert_int_equal(a.ends, 1);
    assert_int_equal(a.body_bytes, REPLY);
    calls_stop(&c);
    struct str got = buf_str(&c.server.connections[0].received);
    assert_true(got.n > SIZE && memcmp(got.p + got.n - SIZE, body, SIZE) == 0);
    scripted_server_free(&c.server);
    free(body);
    SSL_CTX_free(tls);
}

int main(void) {
    signal(SIGPIPE, SIG_IGN); /* of the scripted server's */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(checks_certificates),
        cmocka_unit_test(an_authority_that_is_not_there),
        cmocka_unit_test(handshakes_that_fail),
        cmocka_unit_test(only_a_proper_end_ends_a_reply),
        cmocka_unit_test(keeps_connections_and_tries_stale_ones_again),
        cmocka_unit_test(large_bodies_both_ways),
    };
    return cmocka_run_group_tests(tests, make_authority, remove_authority);
}
