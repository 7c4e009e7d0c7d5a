#include "documents/scan.h"

#include "base/check.h"
#include "base/clock.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

struct scanner {
    bool tcp;
    char path[sizeof((struct sockaddr_un *)NULL)->sun_path]; /* when not tcp */
    struct sockaddr_storage address;                         /* when tcp */
};

/* clamd's longest answer is a signature's name or an error text; more than this is no answer of clamd's. */
enum { REPLY_MAX = 1023 };

struct scan {
    union {
        uv_stream_t stream;
        uv_pipe_t pipe;
        uv_tcp_t tcp;
    } u;
    uv_timer_t timer;
    uv_connect_t connecting;
    uv_write_t writing;
    struct str bytes;
    unsigned char length[4]; /* of the only chunk, big-endian */
    bool sent;               /* everything was handed to the kernel */
    bool ended;              /* done was called, or will never be */
    bool failed;             /* the timer brings the news, with `reason` */
    unsigned open_handles;
    scan_done *done;
    void *ctx;
    size_t reply_length;
    char reply[REPLY_MAX + 1];
    char reason[160];
};

static bool parse_tcp(struct scanner *s, struct str address) {
    size_t colon = address.n;
    while (colon > 0 && address.p[colon - 1] != ':')
        colon--;
    uint64_t port;
    if (colon == 0 || !str_to_u64(str_slice(address, colon, address.n), &port) || port < 1 || port > 65535)
        return false;
    struct str host = str_slice(address, 0, colon - 1);
    bool six = host.n > 2 && host.p[0] == '[' && host.p[host.n - 1] == ']';
    if (six)
        host = str_slice(host, 1, host.n - 1);
    char text[INET6_ADDRSTRLEN];
    if (host.n == 0 || host.n >= sizeof text)
        return false;
    memcpy(text, host.p, host.n);
    text[host.n] = '\0';
    s->tcp = true;
    if (six)
        return uv_ip6_addr(text, (int)port, (struct sockaddr_in6 *)&s->address) == 0;
    return uv_ip4_addr(text, (int)port, (struct sockaddr_in *)&s->address) == 0;
}

static bool parse_unix(struct scanner *s, struct str path) {
    if (path.n == 0 || path.n >= sizeof s->path || memchr(path.p, '\0', path.n))
        return false;
    memcpy(s->path, path.p, path.n);
    return true;
}

struct scanner *scanner_new(struct str address, struct error *err) {
    struct scanner *s = calloc(1, sizeof *s);
    if (!s) {
        fail(err, ERR_NO_MEMORY, "no memory for a malware scanner");
        return NULL;
    }
    struct str scheme = STR("unix:");
    bool good = str_starts(address, scheme) ? parse_unix(s, str_slice(address, scheme.n, address.n))
                                            : parse_tcp(s, address);
    if (good)
        return s;
    free(s);
    fail(err, ERR_CONFIG,
         "\"%.*s\" is no address of clamd; expected unix:/path (at most %zu bytes), ADDRESS:PORT or "
         "[ADDRESS]:PORT, numeric",
         (int)(address.n > 200 ? 200 : address.n), address.p, sizeof s->path - 1);
    return NULL;
}

void scanner_free(struct scanner *scanner) {
    free(scanner);
}

static void on_closed(uv_handle_t *handle) {
    struct scan *scan = handle->data;
    if (--scan->open_handles == 0)
        free(scan);
}

/* libuv touches neither the handles' buffers nor `bytes` after this. */
static void close_handles(struct scan *scan) {
    uv_close((uv_handle_t *)&scan->timer, on_closed);
    uv_close((uv_handle_t *)&scan->u.stream, on_closed);
}

static void end(struct scan *scan, enum scan_verdict verdict, const char *detail) {
    if (scan->ended)
        return;
    scan->ended = true;
    close_handles(scan);
    scan->done(scan->ctx, verdict, detail);
}

static void end_unavailable(struct scan *scan, const char *what, int status) {
    snprintf(scan->reason, sizeof scan->reason, "%s: %s", what, uv_strerror(status));
    end(scan, SCAN_VERDICT_UNAVAILABLE, scan->reason);
}

void scan_cancel(struct scan *scan) {
    CHECK(!scan->ended);
    scan->ended = true;
    close_handles(scan);
}

/* What clamd said, for a log: one line of ASCII, whatever came. */
static void make_printable(char *text) {
    for (; *text; text++)
        if (!isprint((unsigned char)*text))
            *text = '?';
}

static void end_with_reply(struct scan *scan) {
    struct str reply = {scan->reply, scan->reply_length};
    struct str prefix = STR("stream: "), suffix = STR(" FOUND");
    if (str_eq(reply, STR("stream: OK"))) {
        /* An answer to part of a file says nothing about the file. */
        if (scan->sent)
            end(scan, SCAN_VERDICT_CLEAN, "");
        else
            end(scan, SCAN_VERDICT_UNAVAILABLE, "clamd answered before it had the whole file");
        return;
    }
    make_printable(scan->reply);
    if (str_starts(reply, prefix) && str_ends(reply, suffix) && reply.n > prefix.n + suffix.n) {
        scan->reply[reply.n - suffix.n] = '\0';
        end(scan, SCAN_VERDICT_FOUND, scan->reply + prefix.n);
        return;
    }
    snprintf(scan->reason, sizeof scan->reason, "clamd said: %.120s", scan->reply);
    end(scan, SCAN_VERDICT_UNAVAILABLE, scan->reason);
}

static void on_room(uv_handle_t *handle, size_t suggested, uv_buf_t *room) {
    struct scan *scan = handle->data;
    *room = uv_buf_init(scan->reply + scan->reply_length, (unsigned)(REPLY_MAX - scan->reply_length));
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *room) {
    struct scan *scan = stream->data;
    if (n == UV_EOF) {
        end(scan, SCAN_VERDICT_UNAVAILABLE, "clamd closed the connection before its answer was complete");
        return;
    }
    if (n == UV_ENOBUFS) {
        end(scan, SCAN_VERDICT_UNAVAILABLE, "clamd's answer is longer than any that it gives");
        return;
    }
    if (n < 0) {
        end_unavailable(scan, "reading clamd's answer", (int)n);
        return;
    }
    size_t from = scan->reply_length;
    scan->reply_length += (size_t)n;
    char *terminator = memchr(scan->reply + from, '\0', (size_t)n);
    if (!terminator)
        return;
    bool more_follows = terminator + 1 < scan->reply + scan->reply_length;
    scan->reply_length = (size_t)(terminator - scan->reply);
    if (more_follows)
        end(scan, SCAN_VERDICT_UNAVAILABLE, "clamd answered more than once");
    else
        end_with_reply(scan);
}

static void on_written(uv_write_t *request, int status) {
    struct scan *scan = request->data;
    /* On failure clamd may still have said why (its size limit, before it closed): the reading goes on. */
    if (status == 0)
        scan->sent = true;
}

static void on_connected(uv_connect_t *request, int status) {
    struct scan *scan = request->data;
    if (scan->ended)
        return;
    if (status < 0) {
        end_unavailable(scan, "connecting to clamd", status);
        return;
    }
    static const char command[] = "zINSTREAM", last[4] = {0};
    uv_buf_t buffers[] = {
        uv_buf_init((char *)command, sizeof command),
        uv_buf_init((char *)scan->length, sizeof scan->length),
        uv_buf_init((char *)scan->bytes.p, (unsigned)scan->bytes.n),
        uv_buf_init((char *)last, sizeof last),
    };
    scan->writing.data = scan;
    int r = uv_read_start(&scan->u.stream, on_room, on_read);
    if (r == 0)
        r = uv_write(&scan->writing, &scan->u.stream, buffers, ARRAY_COUNT(buffers), on_written);
    if (r < 0)
        end_unavailable(scan, "sending the file to clamd", r);
}

static void on_timer(uv_timer_t *timer) {
    struct scan *scan = timer->data;
    end(scan, SCAN_VERDICT_UNAVAILABLE,
        scan->failed ? scan->reason : "clamd did not answer before the deadline");
}

static void fail_soon(struct scan *scan, const char *what, const char *why) {
    snprintf(scan->reason, sizeof scan->reason, "%s: %s", what, why);
    scan->failed = true;
    CHECK(uv_timer_start(&scan->timer, on_timer, 0, 0) == 0);
}

static void start_deadline(struct scan *scan, uv_loop_t *loop, int64_t deadline_ns) {
    int64_t left = deadline_ns - clock_monotonic();
    uint64_t ms = left <= 0 ? 0 : (uint64_t)((left + NS_PER_MS - 1) / NS_PER_MS);
    /* Timers count from the loop's notion of now, which is old when this callback has worked for long. */
    uv_update_time(loop);
    CHECK(uv_timer_start(&scan->timer, on_timer, ms, 0) == 0);
}

static void start_connecting(struct scan *scan, const struct scanner *scanner) {
    scan->connecting.data = scan;
    if (!scanner->tcp) {
        uv_pipe_connect(&scan->connecting, &scan->u.pipe, scanner->path, on_connected);
        return;
    }
    int r = uv_tcp_connect(&scan->connecting, &scan->u.tcp, (const struct sockaddr *)&scanner->address,
                           on_connected);
    if (r < 0)
        fail_soon(scan, "connecting to clamd", uv_strerror(r));
}

bool scan_start(const struct scanner *scanner, uv_loop_t *loop, struct str bytes, int64_t deadline_ns,
                scan_done *done, void *ctx, struct scan **out, struct error *err) {
    struct scan *scan = calloc(1, sizeof *scan);
    if (!scan)
        return fail(err, ERR_NO_MEMORY, "no memory for a malware scan");
    scan->bytes = bytes;
    scan->done = done;
    scan->ctx = ctx;
    for (int i = 0; i < 4; i++)
        scan->length[i] = (unsigned char)(bytes.n >> (24 - 8 * i));
    scan->open_handles = 2;
    CHECK(uv_timer_init(loop, &scan->timer) == 0);
    CHECK((scanner->tcp ? uv_tcp_init(loop, &scan->u.tcp) : uv_pipe_init(loop, &scan->u.pipe, 0)) == 0);
    scan->timer.data = scan;
    scan->u.stream.data = scan;
    start_deadline(scan, loop, deadline_ns);
    /* A chunk of length 0 would end the stream with nothing scanned; one over u32 cannot be said. */
    if (bytes.n == 0 || bytes.n > UINT32_MAX)
        fail_soon(scan, "scanning", bytes.n == 0 ? "the file is empty" : "the file is larger than 4 GiB");
    else
        start_connecting(scan, scanner);
    *out = scan;
    return true;
}
