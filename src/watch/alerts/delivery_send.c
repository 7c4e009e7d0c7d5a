#include "watch/alerts/delivery_send.h"

#include "base/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { HEADER_MAX = 5000, HEADERS_MAX = 6, BODY_MAX = 4 << 20, QP_LINE = 76 };

static const char pagerduty[] = "https://events.pagerduty.com/v2/enqueue";

struct sending {
    const struct config_receiver *receiver;
    void (*done)(void *ctx, const struct outgoing_answer *answer);
    void *ctx;
    struct buf body;
    struct outgoing_mail mail;
    char headers[HEADERS_MAX][HEADER_MAX];
    const char *header_list[HEADERS_MAX + 1];
    size_t header_count;
};

static void sending_free(struct sending *s) {
    if (s->body.p)
        explicit_bzero(s->body.p, s->body.room);
    buf_free(&s->body);
    explicit_bzero(s->headers, sizeof s->headers);
    free(s);
}

/* ---- mail ---- */

/* RFC 2045, 6.7: lines of at most 76 characters, "=" and what is not printable as =XX. */
static void add_quoted_printable(struct buf *out, struct str text) {
    size_t column = 0;
    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.p[i];
        if (c == '\n') {
            buf_add_str(out, STR("\r\n"));
            column = 0;
            continue;
        }
        bool last = i + 1 == text.n || text.p[i + 1] == '\n';
        bool plain = (c > 0x20 && c < 0x7f && c != '=') || (c == ' ' && !last);
        if (column + (plain ? 1 : 3) >= QP_LINE) {
            buf_add_str(out, STR("=\r\n"));
            column = 0;
        }
        if (plain)
            buf_add_char(out, (char)c);
        else
            buf_printf(out, "=%02X", c);
        column += plain ? 1 : 3;
    }
}

/* RFC 2047: encoded words of at most 75 characters, cut at whole characters. */
static void add_encoded_words(struct buf *out, struct str text) {
    for (size_t i = 0; i < text.n;) {
        buf_add_str(out, i ? STR("\r\n =?utf-8?q?") : STR("=?utf-8?q?"));
        for (size_t used = 0; i < text.n; i++) {
            unsigned char c = (unsigned char)text.p[i];
            bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
            if (used > 40 && (c & 0xc0) != 0x80)
                break;
            if (plain)
                buf_add_char(out, (char)c);
            else
                buf_printf(out, "=%02X", c);
            used += plain ? 1 : 3;
        }
        buf_add_str(out, STR("?="));
    }
}

static bool is_plain(struct str text) {
    for (size_t i = 0; i < text.n; i++)
        if ((unsigned char)text.p[i] < 0x20 || (unsigned char)text.p[i] >= 0x7f)
            return false;
    return true;
}

static void add_date(struct buf *out, int64_t wall_ns) {
    time_t t = (time_t)(wall_ns / NS_PER_SECOND);
    struct tm parts;
    char text[64] = "";
    if (gmtime_r(&t, &parts))
        strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S +0000", &parts);
    buf_printf(out, "Date: %s\r\n", text);
}

/* Those who get several about one incident see them as one conversation. */
void delivery_write_mail(const struct config_receiver *r, const struct delivery_message *m, int64_t wall_ns,
                         struct buf *out) {
    add_date(out, wall_ns);
    buf_printf(out, "From: %s\r\nTo: %s\r\nSubject: ", r->from, r->to);
    if (is_plain(m->subject))
        buf_add_str(out, m->subject);
    else
        add_encoded_words(out, m->subject);
    buf_printf(out, "\r\nMessage-ID: <%s@penstock.invalid>\r\n", m->id);
    if (m->incident[0])
        buf_printf(out, "References: <%s@penstock.invalid>\r\n", m->incident);
    buf_add_str(out, STR("Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n"
                         "Content-Type: text/plain; charset=utf-8\r\n"
                         "Content-Transfer-Encoding: quoted-printable\r\n\r\n"));
    add_quoted_printable(out, m->body);
    buf_add_str(out, STR("\r\n"));
}

/* ---- what goes out ---- */

static void add_header(struct sending *s, const char *name, const char *value) {
    char *header = s->headers[s->header_count];
    if (snprintf(header, HEADER_MAX, "%s: %s", name, value) < HEADER_MAX)
        s->header_list[s->header_count++] = header;
}

static void write_bearer(struct sending *s, const char *key) {
    char value[HEADER_MAX - 32];
    if (snprintf(value, sizeof value, "Bearer %s", key) < (int)sizeof value)
        add_header(s, "authorization", value);
    explicit_bzero(value, sizeof value);
}

/* A JSON string of the key, then the rest of the stored object. */
static void write_keyed(struct sending *s, struct str body) {
    buf_add_str(&s->body, STR("{\"routing_key\":\""));
    for (const char *c = s->receiver->key; *c; c++) {
        if (*c == '"' || *c == '\\')
            buf_add_char(&s->body, '\\');
        if ((unsigned char)*c >= 0x20)
            buf_add_char(&s->body, *c);
    }
    buf_add_str(&s->body, STR("\","));
    buf_add_str(&s->body, str_slice(body, 1, body.n));
}

static void write_parts(struct sending *s, const struct delivery_message *m) {
    const struct config_receiver *r = s->receiver;
    if (r->kind == RECEIVER_EMAIL) {
        s->mail = (struct outgoing_mail){r->from, r->to, r->user, r->password, !r->tls};
        delivery_write_mail(r, m, clock_wall(), &s->body);
        return;
    }
    add_header(s, "content-type", "application/json");
    add_header(s, "idempotency-key", m->id);
    if (r->kind == RECEIVER_PAGERDUTY)
        write_keyed(s, m->body);
    else
        buf_add_str(&s->body, m->body);
    if (r->key && r->kind != RECEIVER_PAGERDUTY)
        write_bearer(s, r->key);
}

/* ---- what comes back ---- */

static bool has_secret(const char *text, const char *secret) {
    return secret && secret[0] && strstr(text, secret);
}

/* A webhook's secret is a piece of its URL's path or query. */
static bool has_piece(const char *text, const char *url) {
    enum { PIECE_LEAST = 6 };
    const char *host = url ? strstr(url, "://") : NULL;
    const char *rest = host ? strpbrk(host + 3, "/?") : NULL;
    while (rest && *rest) {
        char piece[256];
        size_t n = strcspn(rest, "/?&=");
        str_put((struct str){rest, n}, piece, sizeof piece);
        if (n >= PIECE_LEAST && strstr(text, piece))
            return true;
        rest += n + (rest[n] != '\0');
    }
    return false;
}

/* Some servers answer with what they were asked. */
static bool tells(const struct config_receiver *r, const char *text) {
    return has_secret(text, r->key) || has_secret(text, r->password) || has_piece(text, r->url);
}

static void done(void *ctx, const struct outgoing_answer *answer) {
    struct sending *s = ctx;
    struct outgoing_answer safe = *answer;
    if (tells(s->receiver, safe.said) || tells(s->receiver, safe.problem)) {
        snprintf(safe.said, sizeof safe.said, "(not shown, since it holds a secret)");
        if (safe.problem[0])
            snprintf(safe.problem, sizeof safe.problem, "it answered %d %.100s", safe.status, safe.said);
    }
    s->done(s->ctx, &safe);
    sending_free(s);
}

bool delivery_send(struct outgoing *o, const struct config_receiver *r, const struct delivery_message *m,
                   void (*then)(void *ctx, const struct outgoing_answer *answer), void *ctx,
                   struct error *err) {
    struct sending *s = calloc(1, sizeof *s);
    if (!s)
        return fail(err, ERR_NO_MEMORY, "Out of memory for a message to receiver \"%s\".", r->name);
    *s = (struct sending){.receiver = r, .done = then, .ctx = ctx, .body = BUF_INIT(BODY_MAX)};
    write_parts(s, m);
    struct outgoing_call call = {
        .url = r->kind == RECEIVER_EMAIL ? r->server
               : r->url                  ? r->url
                                         : pagerduty,
        .headers = s->header_list,
        .body = buf_str(&s->body),
        .mail = r->kind == RECEIVER_EMAIL ? &s->mail : NULL,
        .ca = r->ca,
        .public_only = !r->private_addresses,
        .connect_ms = (uint32_t)(r->timeout / NS_PER_MS),
        .total_ms = (uint32_t)(r->timeout / NS_PER_MS),
    };
    if (s->body.failed)
        fail(err, ERR_NO_MEMORY, "The message to receiver \"%s\" does not fit into memory.", r->name);
    else if (outgoing_start(o, &call, done, s, err))
        return true;
    sending_free(s);
    return false;
}
