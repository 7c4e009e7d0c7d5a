#include "net/outgoing.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { RETRY_AFTER_MAX_S = 3600, READ_MOST = 64 * 1024 };

struct flight {
    struct outgoing *outgoing;
    struct flight *next;
    CURL *easy;
    struct curl_slist *headers, *recipients;
    struct outgoing_call call;
    size_t sent;     /* of a mail */
    size_t received; /* of the answer */
    bool refused_address;
    char said[OUTGOING_ANSWER_MAX];
    size_t said_n;
    char error[CURL_ERROR_SIZE];
    void (*done)(void *ctx, const struct outgoing_answer *answer);
    void *ctx;
};

struct outgoing {
    CURLM *multi;
    struct flight *first;
    unsigned running;
};

static pthread_once_t initialised = PTHREAD_ONCE_INIT;

static void initialise(void) {
    curl_global_init(CURL_GLOBAL_DEFAULT);
}

struct outgoing *outgoing_new(void) {
    pthread_once(&initialised, initialise);
    struct outgoing *o = calloc(1, sizeof *o);
    if (o)
        o->multi = curl_multi_init();
    if (o && o->multi)
        return o;
    free(o);
    return NULL;
}

static void flight_free(struct flight *f) {
    if (f->easy) {
        curl_multi_remove_handle(f->outgoing->multi, f->easy);
        curl_easy_cleanup(f->easy);
    }
    curl_slist_free_all(f->headers);
    curl_slist_free_all(f->recipients);
    free(f);
}

static void unlink_flight(struct flight *f) {
    struct flight **at = &f->outgoing->first;
    while (*at != f)
        at = &(*at)->next;
    *at = f->next;
    f->outgoing->running--;
}

void outgoing_free(struct outgoing *o) {
    if (!o)
        return;
    while (o->first) {
        struct flight *f = o->first;
        struct outgoing_answer dropped = {.dropped = true, .problem = "it was broken off"};
        unlink_flight(f);
        f->done(f->ctx, &dropped);
        flight_free(f);
    }
    curl_multi_cleanup(o->multi);
    free(o);
}

/* ---- what the other side says ---- */

/* One line of printable characters; the rest of the answer is read and dropped, up to a bound. */
static size_t take_answer(char *bytes, size_t size, size_t n, void *ctx) {
    struct flight *f = ctx;
    n *= size;
    for (size_t i = 0; i < n && f->said_n + 1 < sizeof f->said; i++) {
        unsigned char c = (unsigned char)bytes[i];
        f->said[f->said_n++] = c < 0x20 || c >= 0x7f ? ' ' : (char)c;
    }
    f->received += n;
    return f->received > READ_MOST ? 0 : n;
}

static size_t give_mail(char *to, size_t size, size_t n, void *ctx) {
    struct flight *f = ctx;
    size_t left = f->call.body.n - f->sent;
    n = size * n < left ? size * n : left;
    memcpy(to, f->call.body.p + f->sent, n);
    f->sent += n;
    return n;
}

/* ---- where it may go ---- */

/* IPv4 in host order; RFC 6890. */
static bool is_private4(uint32_t a) {
    static const struct {
        uint32_t net;
        unsigned bits;
    } nets[] = {{0x00000000, 8},  {0x0a000000, 8},  {0x64400000, 10}, {0x7f000000, 8},  {0xa9fe0000, 16},
                {0xac100000, 12}, {0xc0000000, 24}, {0xc0a80000, 16}, {0xc6120000, 15}, {0xe0000000, 3}};
    for (size_t i = 0; i < ARRAY_COUNT(nets); i++)
        if (a >> (32 - nets[i].bits) == nets[i].net >> (32 - nets[i].bits))
            return true;
    return false;
}

static bool is_private(const struct sockaddr *address) {
    if (address->sa_family == AF_INET)
        return is_private4(ntohl(((const struct sockaddr_in *)(const void *)address)->sin_addr.s_addr));
    if (address->sa_family != AF_INET6)
        return true;
    const unsigned char *b = ((const struct sockaddr_in6 *)(const void *)address)->sin6_addr.s6_addr;
    static const unsigned char mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    if (memcmp(b, mapped, sizeof mapped) == 0)
        return is_private4((uint32_t)b[12] << 24 | (uint32_t)b[13] << 16 | (uint32_t)b[14] << 8 | b[15]);
    return (b[0] & 0xe0) != 0x20 || (b[0] == 0x20 && b[1] == 0x01 && b[2] < 0x02) ||
           (b[0] == 0x20 && b[1] == 0x02); /* only 2000::/3, without Teredo and 6to4 */
}

/* By the address that is really connected to, so that no name can lead elsewhere. */
static curl_socket_t open_socket(void *ctx, curlsocktype purpose, struct curl_sockaddr *address) {
    struct flight *f = ctx;
    if (f->call.public_only && is_private(&address->addr)) {
        f->refused_address = true;
        return CURL_SOCKET_BAD;
    }
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

/* ---- one call ---- */

static bool add_header(struct curl_slist **list, const char *text) {
    struct curl_slist *more = curl_slist_append(*list, text);
    if (more)
        *list = more;
    return more != NULL;
}

static bool set_mail(struct flight *f) {
    const struct outgoing_mail *mail = f->call.mail;
    struct str rest = str_from(mail->to);
    while (rest.n) {
        char address[256];
        str_put(str_trim(str_split(&rest, ',')), address, sizeof address);
        if (address[0] && !add_header(&f->recipients, address))
            return false;
    }
    CURL *e = f->easy;
    return curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "smtp,smtps") == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_USE_SSL, (long)(mail->plain ? CURLUSESSL_NONE : CURLUSESSL_ALL)) ==
               CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_MAIL_FROM, mail->from) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_MAIL_RCPT, f->recipients) == CURLE_OK &&
           (!mail->user || curl_easy_setopt(e, CURLOPT_USERNAME, mail->user) == CURLE_OK) &&
           (!mail->password || curl_easy_setopt(e, CURLOPT_PASSWORD, mail->password) == CURLE_OK) &&
           curl_easy_setopt(e, CURLOPT_READFUNCTION, give_mail) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_READDATA, f) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_UPLOAD, 1L) == CURLE_OK;
}

static bool set_post(struct flight *f) {
    CURL *e = f->easy;
    for (const char *const *h = f->call.headers; h && *h; h++)
        if (!add_header(&f->headers, *h))
            return false;
    /* "Expect: 100-continue" would only cost a round trip. */
    return add_header(&f->headers, "Expect:") &&
           curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_POST, 1L) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_POSTFIELDS, f->call.body.p) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)f->call.body.n) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_HTTPHEADER, f->headers) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_USERAGENT, "penstock") == CURLE_OK;
}

static bool set_bounds(struct flight *f) {
    CURL *e = f->easy;
    const struct outgoing_call *c = &f->call;
    return curl_easy_setopt(e, CURLOPT_URL, c->url) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_PROXY, "") == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, (long)c->connect_ms) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, (long)c->total_ms) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_SSL_VERIFYPEER, c->unverified ? 0L : 1L) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_SSL_VERIFYHOST, c->unverified ? 0L : 2L) == CURLE_OK &&
           (!c->ca || curl_easy_setopt(e, CURLOPT_CAINFO, c->ca) == CURLE_OK) &&
           curl_easy_setopt(e, CURLOPT_OPENSOCKETFUNCTION, open_socket) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_OPENSOCKETDATA, f) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, take_answer) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_WRITEDATA, f) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_ERRORBUFFER, f->error) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_PRIVATE, f) == CURLE_OK;
}

bool outgoing_start(struct outgoing *o, const struct outgoing_call *call,
                    void (*done)(void *ctx, const struct outgoing_answer *answer), void *ctx,
                    struct error *err) {
    struct flight *f = calloc(1, sizeof *f);
    if (!f)
        return fail(err, ERR_NO_MEMORY, "Out of memory for a call to elsewhere.");
    *f = (struct flight){.outgoing = o, .easy = curl_easy_init(), .call = *call, .done = done, .ctx = ctx};
    if (!f->easy || !set_bounds(f) || !(call->mail ? set_mail(f) : set_post(f)) ||
        curl_multi_add_handle(o->multi, f->easy) != CURLM_OK) {
        flight_free(f);
        return fail(err, ERR_NO_MEMORY, "Out of memory for a call to elsewhere, or its URL is none.");
    }
    f->next = o->first;
    o->first = f;
    o->running++;
    return true;
}

/* ---- its end ---- */

/* libcurl's own words may name the host, whose name may be a secret's part: these do not. */
static const char *problem_of(const struct flight *f, CURLcode code) {
    if (f->refused_address)
        return "its address is private, which this receiver forbids";
    switch (code) {
    case CURLE_OK: return "";
    case CURLE_COULDNT_RESOLVE_HOST: return "its host's name is not known";
    case CURLE_COULDNT_CONNECT: return "the connection was refused";
    case CURLE_OPERATION_TIMEDOUT: return "no answer in time";
    case CURLE_SSL_CONNECT_ERROR: return "TLS failed";
    case CURLE_PEER_FAILED_VERIFICATION: return "its certificate is not valid for it";
    case CURLE_SSL_CACERT_BADFILE: return "the file of authorities (ca) cannot be read";
    case CURLE_USE_SSL_FAILED: return "it does not offer STARTTLS";
    case CURLE_LOGIN_DENIED: return "it refused the sign-in";
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL: return "its URL is none that can be used";
    case CURLE_GOT_NOTHING:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR: return "the connection was closed";
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_HTTP2: return "its answer is no HTTP";
    default: return curl_easy_strerror(code);
    }
}

static void judge_http(struct flight *f, CURLcode code, struct outgoing_answer *a) {
    curl_off_t wait = 0;
    if (curl_easy_getinfo(f->easy, CURLINFO_RETRY_AFTER, &wait) == CURLE_OK && wait > 0)
        a->retry_after_ms = (uint32_t)(wait < RETRY_AFTER_MAX_S ? wait : RETRY_AFTER_MAX_S) * 1000;
    /* An answer that is longer than wanted is an answer. */
    bool whole = code == CURLE_OK || (code == CURLE_WRITE_ERROR && f->received > READ_MOST);
    a->good = whole && a->status >= 200 && a->status < 300;
    if (!whole)
        snprintf(a->problem, sizeof a->problem, "%s", problem_of(f, code));
    else if (a->status >= 300 && a->status < 400)
        snprintf(a->problem, sizeof a->problem, "it redirects (%d), which is not followed", a->status);
    else if (!a->good)
        snprintf(a->problem, sizeof a->problem, "it answered %d: %.120s", a->status, a->said);
}

static void end_flight(struct flight *f, CURLcode code) {
    struct outgoing_answer a = {0};
    long status = 0;
    curl_easy_getinfo(f->easy, CURLINFO_RESPONSE_CODE, &status);
    a.status = (int)status;
    memcpy(a.said, f->said, f->said_n);
    if (f->call.mail) {
        a.good = code == CURLE_OK;
        if (!a.good && a.status >= 400)
            snprintf(a.problem, sizeof a.problem, "%s (SMTP %d)", problem_of(f, code), a.status);
        else if (!a.good)
            snprintf(a.problem, sizeof a.problem, "%s", problem_of(f, code));
    } else {
        judge_http(f, code, &a);
    }
    unlink_flight(f);
    f->done(f->ctx, &a);
    flight_free(f);
}

static void end_finished(struct outgoing *o) {
    CURLMsg *m;
    int left;
    while ((m = curl_multi_info_read(o->multi, &left)))
        if (m->msg == CURLMSG_DONE) {
            struct flight *f = NULL;
            CURLcode code = m->data.result;
            curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &f);
            end_flight(f, code);
        }
}

unsigned outgoing_running(const struct outgoing *o) {
    return o->running;
}

void outgoing_run(struct outgoing *o, uint32_t ms) {
    int running;
    curl_multi_perform(o->multi, &running);
    if ((unsigned)running == o->running) {
        curl_multi_poll(o->multi, NULL, 0, (int)ms, NULL);
        curl_multi_perform(o->multi, &running);
    }
    end_finished(o);
}

void outgoing_wake(struct outgoing *o) {
    curl_multi_wakeup(o->multi);
}
