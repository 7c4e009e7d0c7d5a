/* Sends a fixed number of requests over a fixed number of kept connections, each with one request in
 * flight, and checks every reply. One thread, so that it can be pinned away from the server.
 *
 * With --rate R the k-th request is due k/R seconds after the start, whatever became of those before it (an
 * open loop). It waits for a connection where all are busy, and its latency counts from when it was due.
 *
 * http_load --to ADDRESS:PORT --path PATH [--header "name: value"]… [--bodies FILE [--first N]]
 *           --connections N --requests N [--rate R] --time-limit SECONDS [--expect TEXT]…
 *
 * The k-th request carries line first + k of FILE (from the start again after the last one), without
 * FILE it is a GET. Where a line holds twelve #, a number stands in their place that no request of this or an
 * earlier run had, so that no cache can know the question. A reply is right when its status is 200 and its
 * body holds every TEXT. Prints one line of JSON; exit 1 when any reply was wrong, with the first wrong one
 * on standard error. */
#include "http_client.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { REPLY_MAX = 64 * 1024, EXPECT_MAX = 8, CONNECTIONS_MAX = 4096, EVENTS = 256, MARK_DIGITS = 12 };
static const char mark[MARK_DIGITS + 1] = "############";

struct options {
    struct sockaddr_in address;
    const char *host, *path, *bodies;
    char headers[4096];
    const char *expect[EXPECT_MAX];
    size_t expect_count, first, connections, requests, rate; /* rate 0: as fast as replies come */
    double time_limit;
};

struct client {
    int fd;
    size_t have;    /* bytes of the reply so far */
    size_t request; /* its number */
    double sent_at;
    char reply[REPLY_MAX];
};

struct run {
    const struct options *options;
    struct message *requests;
    char **marks;         /* of each, where it has one */
    size_t request_count; /* distinct ones */
    uint64_t first_number;
    struct client *clients;
    struct client **idle; /* of an open loop */
    size_t idle_count;
    double start;
    int epoll;
    size_t sent, done, wrong;
    uint64_t bytes;
    float *latencies; /* seconds */
};

static char *file_read(const char *path, size_t *length) {
    FILE *f = fopen(path, "rb");
    if (!f || fseek(f, 0, SEEK_END) != 0)
        give_up("%s: %s", path, strerror(errno));
    *length = (size_t)ftell(f);
    rewind(f);
    char *text = malloc(*length + 1);
    if (!text || fread(text, 1, *length, f) != *length)
        give_up("%s cannot be read", path);
    fclose(f);
    text[*length] = '\0';
    return text;
}

/* The lines that this run needs, as whole requests. */
static void requests_prepare(struct run *r) {
    const struct options *o = r->options;
    r->requests = calloc(o->requests, sizeof *r->requests);
    r->marks = calloc(o->requests, sizeof *r->marks);
    if (!r->requests || !r->marks)
        give_up("out of memory");
    if (!o->bodies) {
        r->requests[r->request_count++] = request_make(o->host, o->path, o->headers, NULL, 0);
        return;
    }
    size_t length, line = 0;
    char *text = file_read(o->bodies, &length);
    for (char *p = text, *end; r->request_count < o->requests && (end = strchr(p, '\n')); p = end + 1)
        if (line++ >= o->first)
            r->requests[r->request_count++] =
                request_make(o->host, o->path, o->headers, p, (size_t)(end - p));
    free(text);
    if (r->request_count == 0)
        give_up("%s has no line %zu", o->bodies, o->first);
    for (size_t i = 0; i < r->request_count; i++)
        r->marks[i] = memmem(r->requests[i].p, r->requests[i].n, mark, MARK_DIGITS);
    /* Microseconds: no run sends a million requests a second. */
    r->first_number = (uint64_t)(now() * 1e6);
}

static void number_request(struct run *r, size_t number) {
    char digits[24], *at = r->marks[number % r->request_count];
    if (!at)
        return;
    snprintf(digits, sizeof digits, "%0*llu", MARK_DIGITS,
             (unsigned long long)(r->first_number + number) % 1000000000000);
    memcpy(at, digits, MARK_DIGITS);
}

static void send_next(struct run *r, struct client *c, double due) {
    c->request = r->sent++;
    const struct message *m = &r->requests[c->request % r->request_count];
    number_request(r, c->request);
    c->have = 0;
    c->sent_at = due;
    /* A socket with nothing else to send takes so few bytes at once. */
    ssize_t n = send(c->fd, m->p, m->n, MSG_NOSIGNAL);
    if (n != (ssize_t)m->n)
        give_up("request %zu: the connection took %zd of %zu bytes: %s", c->request, n, m->n,
                n < 0 ? strerror(errno) : "short");
}

static bool is_right(const struct options *o, int status, char *body, size_t n) {
    if (status != 200)
        return false;
    for (size_t i = 0; i < o->expect_count; i++)
        if (!memmem(body, n, o->expect[i], strlen(o->expect[i])))
            return false;
    return true;
}

static void judge(struct run *r, struct client *c, int status, size_t body) {
    r->latencies[r->done++] = (float)(now() - c->sent_at);
    r->bytes += c->have;
    if (is_right(r->options, status, c->reply + body, c->have - body))
        return;
    if (r->wrong++ == 0)
        fprintf(stderr, "wrong reply to request %zu:\n%.*s\n--- for ---\n%.*s\n", c->request, (int)c->have,
                c->reply, (int)r->requests[c->request % r->request_count].n,
                r->requests[c->request % r->request_count].p);
}

static void on_readable(struct run *r, struct client *c) {
    ssize_t n = recv(c->fd, c->reply + c->have, sizeof c->reply - c->have, 0);
    if (n < 0 && errno == EAGAIN)
        return;
    if (n <= 0)
        give_up("request %zu: the server closed the connection after %zu bytes of reply: %s", c->request,
                c->have, n < 0 ? strerror(errno) : "end of file");
    c->have += (size_t)n;
    int status;
    size_t body;
    long length = reply_length(c->reply, c->have, &status, &body);
    if (length == 0 && c->have < sizeof c->reply)
        return;
    if (length != (long)c->have)
        give_up("request %zu: not a reply with a Content-Length of at most %d bytes:\n%.*s", c->request,
                REPLY_MAX, (int)c->have, c->reply);
    judge(r, c, status, body);
    if (r->options->rate)
        r->idle[r->idle_count++] = c;
    else if (r->sent < r->options->requests)
        send_next(r, c, now());
}

/* Sends what is due; the time until the next one is, at most a second. */
static double send_due(struct run *r) {
    const struct options *o = r->options;
    double rate = (double)o->rate;
    while (r->sent < o->requests && r->idle_count) {
        double due = r->start + (double)r->sent / rate, left = due - now();
        if (left > 0)
            return left < 1 ? left : 1;
        send_next(r, r->idle[--r->idle_count], due);
    }
    return 1;
}

static void connect_all(struct run *r) {
    r->clients = calloc(r->options->connections, sizeof *r->clients);
    r->idle = calloc(r->options->connections, sizeof(*r->idle));
    r->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (!r->clients || !r->idle || r->epoll < 0)
        give_up("out of memory");
    for (size_t i = 0; i < r->options->connections; i++) {
        struct client *c = &r->clients[i];
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
        c->fd = client_connect(&r->options->address);
        if (c->fd < 0 || epoll_ctl(r->epoll, EPOLL_CTL_ADD, c->fd, &event) != 0)
            give_up("connection %zu: %s", i, strerror(errno));
    }
}

static double drive(struct run *r) {
    struct epoll_event events[EVENTS];
    const struct options *o = r->options;
    r->start = now();
    for (size_t i = 0; i < o->connections; i++)
        if (o->rate)
            r->idle[r->idle_count++] = &r->clients[i];
        else
            send_next(r, &r->clients[i], now());
    while (r->done < o->requests) {
        double wait = o->rate ? send_due(r) : 1;
        struct timespec timeout = {(time_t)wait, (long)((wait - (double)(time_t)wait) * 1e9)};
        int n = epoll_pwait2(r->epoll, events, EVENTS, &timeout, NULL);
        if (n < 0 && errno != EINTR)
            give_up("epoll: %s", strerror(errno));
        for (int i = 0; i < n; i++)
            on_readable(r, events[i].data.ptr);
        if (now() > r->start + o->time_limit)
            give_up("only %zu of %zu replies within %.0f s", r->done, o->requests, o->time_limit);
    }
    return now() - r->start;
}

static int by_size(const void *a, const void *b) {
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

static void report(struct run *r, double seconds) {
    qsort(r->latencies, r->done, sizeof *r->latencies, by_size);
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    double cpu = (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
                 (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
    printf("{\"requests\":%zu,\"wrong\":%zu,\"seconds\":%.4f,\"per_second\":%.1f,\"p50_us\":%.1f,"
           "\"p95_us\":%.1f,\"p99_us\":%.1f,\"max_us\":%.1f,\"reply_bytes\":%.1f,\"own_cpu_seconds\":%.4f}\n",
           r->done, r->wrong, seconds, (double)r->done / seconds, (double)r->latencies[r->done / 2] * 1e6,
           (double)r->latencies[r->done * 95 / 100] * 1e6, (double)r->latencies[r->done * 99 / 100] * 1e6,
           (double)r->latencies[r->done - 1] * 1e6, (double)r->bytes / (double)r->done, cpu);
}

static void add_header(struct options *o, const char *line) {
    size_t n = strlen(o->headers);
    if (n + strlen(line) + 3 > sizeof o->headers)
        give_up("too many headers");
    snprintf(o->headers + n, sizeof o->headers - n, "%s\r\n", line);
}

static size_t number(const char *text, size_t least, size_t most) {
    char *end;
    unsigned long long value = strtoull(text, &end, 10);
    if (*end || value < least || value > most)
        give_up("\"%s\" is not a number from %zu to %zu", text, least, most);
    return (size_t)value;
}

static void read_option(struct options *o, int c, char *value) {
    switch (c) {
    case 't':
        o->address = address_read(value);
        o->host = value;
        break;
    case 'p': o->path = value; break;
    case 'h': add_header(o, value); break;
    case 'b': o->bodies = value; break;
    case 'f': o->first = number(value, 0, SIZE_MAX); break;
    case 'c': o->connections = number(value, 1, CONNECTIONS_MAX); break;
    case 'n': o->requests = number(value, 1, 100000000); break;
    case 'r': o->rate = number(value, 1, 10000000); break;
    case 'l': o->time_limit = (double)number(value, 1, 3600); break;
    case 'e':
        if (o->expect_count == EXPECT_MAX)
            give_up("too many --expect");
        o->expect[o->expect_count++] = value;
        break;
    default: exit(2);
    }
}

int main(int argc, char **argv) {
    static const struct option known[] = {{"to", required_argument, NULL, 't'},
                                          {"path", required_argument, NULL, 'p'},
                                          {"header", required_argument, NULL, 'h'},
                                          {"bodies", required_argument, NULL, 'b'},
                                          {"first", required_argument, NULL, 'f'},
                                          {"connections", required_argument, NULL, 'c'},
                                          {"requests", required_argument, NULL, 'n'},
                                          {"time-limit", required_argument, NULL, 'l'},
                                          {"expect", required_argument, NULL, 'e'},
                                          {"rate", required_argument, NULL, 'r'},
                                          {0}};
    struct options options = {.path = "/"};
    int c;
    while ((c = getopt_long(argc, argv, "", known, NULL)) != -1)
        read_option(&options, c, optarg);
    if (optind < argc || !options.host || !options.connections || !options.requests ||
        options.time_limit == 0)
        give_up("http_load: --to, --connections, --requests and --time-limit are needed, and nothing else");
    if (options.connections > options.requests)
        options.connections = options.requests;
    struct run run = {.options = &options};
    run.latencies = calloc(options.requests, sizeof *run.latencies);
    if (!run.latencies)
        give_up("out of memory");
    requests_prepare(&run);
    connect_all(&run);
    report(&run, drive(&run));
    return run.wrong ? 1 : 0;
}
