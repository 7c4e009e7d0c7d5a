/* Reads many streams of server-sent events at once and checks that each is whole: as many events with content
 * as were announced, then [DONE]. From the time that chat_upstream wrote into each event it tells how long it
 * was under way. One thread, so that it can be pinned away from the server.
 *
 * http_streams --to ADDRESS:PORT --path PATH [--header "name: value"]… --body TEXT --streams N --events N
 *              [--opened-per-ms N] --time-limit SECONDS
 * http_streams … --unread: opens them, reads nothing of them, and leaves after the time limit.
 *
 * Prints one line of JSON; exit 1 when any stream was wrong, with the first wrong one's end on standard
 * error. */
#include "http_client.h"

#include <errno.h>
#include <getopt.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { HELD_MAX = 4096, READ_MAX = 65536, EVENTS = 512 };

struct options {
    struct sockaddr_in address;
    const char *host, *path, *body;
    char headers[4096];
    size_t streams, events, opened_per_ms;
    double time_limit;
    bool unread;
};

struct reader {
    int fd;
    size_t events, held_n;
    bool begun, done;
    char held[HELD_MAX]; /* a piece of a line */
};

struct run {
    const struct options *options;
    struct message request;
    struct reader *readers;
    int epoll;
    size_t opened, done, wrong, events;
    float *delays; /* seconds */
};

static void finish(struct run *r, struct reader *s, const char *problem) {
    s->done = true;
    r->done++;
    close(s->fd);
    if (problem && r->wrong++ == 0)
        fprintf(stderr, "wrong stream after %zu events: %s: %.*s\n", s->events, problem, (int)s->held_n,
                s->held);
}

static void take_event(struct run *r, struct reader *s, const char *line, size_t n) {
    static const char key[] = "\"content\":\"";
    const char *at = memmem(line, n, key, sizeof key - 1);
    if (!at || at[sizeof key - 1] < '0' || at[sizeof key - 1] > '9')
        return; /* a role, the end, usage */
    double written = strtod(at + sizeof key - 1, NULL) / 1e9;
    s->events++;
    if (r->events < r->options->streams * r->options->events)
        r->delays[r->events++] = (float)(now() - written);
}

/* A chunk's size and its end stand on lines of their own, since the server sends whole events. */
static void take_line(struct run *r, struct reader *s, const char *line, size_t n) {
    if (!s->begun) {
        s->begun = n > 12 && memcmp(line, "HTTP/1.1 200", 12) == 0;
        if (!s->begun)
            finish(r, s, "not 200");
    } else if (n > 6 && memcmp(line, "data: ", 6) == 0) {
        if (memmem(line, n, "[DONE]", 6))
            finish(r, s, s->events == r->options->events ? NULL : "other than the announced events");
        else
            take_event(r, s, line, n);
    }
}

static void take_bytes(struct run *r, struct reader *s, const char *p, size_t n) {
    while (n && !s->done) {
        const char *end = memchr(p, '\n', n);
        size_t part = end ? (size_t)(end - p) : n;
        if (s->held_n + part >= HELD_MAX) {
            finish(r, s, "a line is too long");
            return;
        }
        memcpy(s->held + s->held_n, p, part);
        s->held_n += part;
        s->held[s->held_n] = '\0';
        if (!end)
            return;
        take_line(r, s, s->held, s->held_n);
        s->held_n = 0;
        p += part + 1;
        n -= part + 1;
    }
}

static void on_readable(struct run *r, struct reader *s) {
    static char bytes[READ_MAX];
    ssize_t n = recv(s->fd, bytes, sizeof bytes, 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0)
        finish(r, s, n < 0 ? strerror(errno) : "closed");
    else
        take_bytes(r, s, bytes, (size_t)n);
}

static void open_next(struct run *r) {
    struct reader *s = &r->readers[r->opened++];
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = s};
    s->fd = client_connect(&r->options->address);
    if (s->fd < 0 || epoll_ctl(r->epoll, EPOLL_CTL_ADD, s->fd, &event) != 0)
        give_up("stream %zu: %s", r->opened, strerror(errno));
    if (send(s->fd, r->request.p, r->request.n, MSG_NOSIGNAL) != (ssize_t)r->request.n)
        give_up("stream %zu: the connection does not take the request: %s", r->opened, strerror(errno));
}

/* Nobody reads: what the server has for them stays there. */
static void hold(struct run *r) {
    const struct timespec second = {1, 0};
    while (r->opened < r->options->streams)
        open_next(r);
    for (double left = r->options->time_limit; left > 0; left--)
        nanosleep(&second, NULL);
    printf("{\"streams\":%zu}\n", r->opened);
}

static double drive(struct run *r) {
    struct epoll_event events[EVENTS];
    const struct options *o = r->options;
    double start = now();
    while (r->done < o->streams) {
        double late = now() - start;
        while (r->opened < o->streams && (double)r->opened < late * 1000 * (double)o->opened_per_ms)
            open_next(r);
        int n = epoll_wait(r->epoll, events, EVENTS, r->opened < o->streams ? 1 : 1000);
        if (n < 0 && errno != EINTR)
            give_up("epoll: %s", strerror(errno));
        for (int i = 0; i < n; i++)
            if (!((struct reader *)events[i].data.ptr)->done)
                on_readable(r, events[i].data.ptr);
        if (late > o->time_limit)
            give_up("only %zu of %zu streams within %.0f s", r->done, o->streams, o->time_limit);
    }
    return now() - start;
}

static int by_size(const void *a, const void *b) {
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

static void report(struct run *r, double seconds) {
    if (r->events == 0)
        give_up("no event came");
    qsort(r->delays, r->events, sizeof *r->delays, by_size);
    printf("{\"streams\":%zu,\"wrong\":%zu,\"events\":%zu,\"seconds\":%.4f,\"delay_p50_us\":%.1f,\"delay_p99_"
           "us\":%.1f,"
           "\"delay_max_us\":%.1f}\n",
           r->done, r->wrong, r->events, seconds, (double)r->delays[r->events / 2] * 1e6,
           (double)r->delays[r->events * 99 / 100] * 1e6, (double)r->delays[r->events - 1] * 1e6);
}

static size_t number(const char *text, size_t least, size_t most) {
    char *end;
    unsigned long long value = strtoull(text, &end, 10);
    if (*end || value < least || value > most)
        give_up("\"%s\" is not a number from %zu to %zu", text, least, most);
    return (size_t)value;
}

static void add_header(struct options *o, const char *line) {
    size_t n = strlen(o->headers);
    if (n + strlen(line) + 3 > sizeof o->headers)
        give_up("too many headers");
    snprintf(o->headers + n, sizeof o->headers - n, "%s\r\n", line);
}

static void read_option(struct options *o, int c, char *value) {
    switch (c) {
    case 't':
        o->address = address_read(value);
        o->host = value;
        break;
    case 'p': o->path = value; break;
    case 'h': add_header(o, value); break;
    case 'b': o->body = value; break;
    case 's': o->streams = number(value, 1, 100000); break;
    case 'e': o->events = number(value, 1, 100000); break;
    case 'o': o->opened_per_ms = number(value, 1, 1000); break;
    case 'u': o->unread = true; break;
    case 'l': o->time_limit = (double)number(value, 1, 3600); break;
    default: exit(2);
    }
}

static void raise_file_limit(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

int main(int argc, char **argv) {
    static const struct option known[] = {{"to", required_argument, NULL, 't'},
                                          {"path", required_argument, NULL, 'p'},
                                          {"header", required_argument, NULL, 'h'},
                                          {"body", required_argument, NULL, 'b'},
                                          {"streams", required_argument, NULL, 's'},
                                          {"events", required_argument, NULL, 'e'},
                                          {"opened-per-ms", required_argument, NULL, 'o'},
                                          {"time-limit", required_argument, NULL, 'l'},
                                          {"unread", no_argument, NULL, 'u'},
                                          {0}};
    struct options options = {.path = "/", .opened_per_ms = 5};
    int c;
    while ((c = getopt_long(argc, argv, "", known, NULL)) != -1)
        read_option(&options, c, optarg);
    if (optind < argc || !options.host || !options.body || !options.streams || !options.events ||
        options.time_limit == 0)
        give_up(
            "http_streams: --to, --body, --streams, --events and --time-limit are needed, and nothing else");
    raise_file_limit();
    struct run run = {.options = &options, .epoll = epoll_create1(EPOLL_CLOEXEC)};
    run.request =
        request_make(options.host, options.path, options.headers, options.body, strlen(options.body));
    run.readers = calloc(options.streams, sizeof *run.readers);
    run.delays = calloc(options.streams * options.events, sizeof *run.delays);
    if (!run.readers || !run.delays || run.epoll < 0)
        give_up("out of memory");
    if (options.unread) {
        hold(&run);
        return 0;
    }
    report(&run, drive(&run));
    return run.wrong ? 1 : 0;
}
