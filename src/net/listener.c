#include "net/listener.h"

#include "base/clock.h"
#include "base/log.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    BACKLOG = 4096, /* the kernel lowers it to net.core.somaxconn */
    ACCEPT_RUN = 64,
    RETRY_MS = 100, /* when the process is out of descriptors or the kernel out of memory */
    REFUSED_MAX = 256,
};

/* ---- addresses ---- */

/* "HOST:PORT", "[V6]:PORT", "*:PORT", ":PORT" */
static bool split_address(const char *address, char host[64], char port[8], struct error *err) {
    struct str s = str_from(address), h;
    const char *colon = strrchr(address, ':');
    if (!colon)
        return fail(err, ERR_CONFIG, "listen address \"%s\" has no port; expected ADDRESS:PORT", address);
    h = str_slice(s, 0, (size_t)(colon - address));
    if (h.n >= 2 && h.p[0] == '[' && h.p[h.n - 1] == ']')
        h = str_slice(h, 1, h.n - 1);
    else if (str_find_char(h, ':') != SIZE_MAX)
        return fail(err, ERR_CONFIG,
                    "listen address \"%s\": an IPv6 address stands in brackets, as in [::1]:8080", address);
    uint64_t number;
    struct str p = str_from(colon + 1);
    if (!str_to_u64(p, &number) || number > 65535)
        return fail(err, ERR_CONFIG, "listen address \"%s\": the port is not a number from 0 to 65535",
                    address);
    if (h.n >= 64)
        return fail(err, ERR_CONFIG, "listen address \"%s\" is too long", address);
    bool any = h.n == 0 || str_eq(h, STR("*"));
    snprintf(host, 64, "%.*s", any ? 2 : (int)h.n, any ? "::" : h.p);
    snprintf(port, 8, "%u", (unsigned)number);
    return true;
}

static struct addrinfo *resolve(const char *address, struct error *err) {
    char host[64], port[8];
    if (!split_address(address, host, port, err))
        return NULL;
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
                             .ai_flags = AI_PASSIVE | AI_NUMERICHOST | AI_NUMERICSERV};
    struct addrinfo *found = NULL;
    int result;
    if (strcmp(host, "localhost") == 0)
        snprintf(host, sizeof host, "127.0.0.1");
    result = getaddrinfo(host, port, &hints, &found);
    if (result != 0) {
        fail(err, ERR_CONFIG, "listen address \"%s\": not a numeric address (%s)", address,
             gai_strerror(result));
        return NULL;
    }
    return found;
}

static int open_socket(const struct addrinfo *a, bool both_families) {
    int fd = socket(a->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    int on = 1, only = !both_families;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on); /* accepted sockets inherit it */
    if (a->ai_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only, sizeof only);
    return fd;
}

static void share_port(int fd) {
    int on = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
}

static uint16_t *port_of(struct sockaddr_storage *address) {
    return address->ss_family == AF_INET6 ? &((struct sockaddr_in6 *)(void *)address)->sin6_port
                                          : &((struct sockaddr_in *)(void *)address)->sin_port;
}

/* "*" on a machine without IPv6 */
static void fall_back_to_v4(struct sockaddr_storage *address, struct addrinfo *a) {
    uint16_t port = *port_of(address);
    struct sockaddr_in *v4 = (void *)address;
    *v4 = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = port, .sin_addr.s_addr = htonl(INADDR_ANY)};
    a->ai_family = AF_INET;
    a->ai_addrlen = sizeof *v4;
}

/* Sharing the port among the loops would also share it, unnoticed, with another server of the same user: so a
 * socket that does not share has to get it first. */
static bool is_free(const struct addrinfo *a, const struct sockaddr_storage *at, bool any) {
    int fd = open_socket(a, any);
    bool is_bound = fd >= 0 && bind(fd, (const void *)at, a->ai_addrlen) == 0;
    int reason = errno;
    if (fd >= 0)
        close(fd);
    errno = reason;
    return is_bound;
}

static int open_listener(struct addrinfo *a, struct sockaddr_storage *at, bool any, bool is_first) {
    if (is_first && !is_free(a, at, any))
        return -1;
    int fd = open_socket(a, any);
    if (fd < 0)
        return -1;
    share_port(fd);
    socklen_t n = sizeof *at;
    if (bind(fd, (const void *)at, a->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0 &&
        getsockname(fd, (void *)at, &n) == 0)
        return fd;
    int reason = errno;
    close(fd);
    errno = reason;
    return -1;
}

int listener_bind(const char *address, uint16_t port, uint16_t *bound, struct error *err) {
    struct addrinfo *found = resolve(address, err);
    if (!found)
        return -1;
    struct addrinfo a = *found;
    struct sockaddr_storage at = {0};
    memcpy(&at, found->ai_addr, found->ai_addrlen);
    freeaddrinfo(found);
    bool is_first = port == 0;
    if (!is_first)
        *port_of(&at) = htons(port);
    bool any = address[0] == '*' || address[0] == ':';
    int fd = open_listener(&a, &at, any, is_first);
    if (fd < 0 && any && (errno == EAFNOSUPPORT || errno == EADDRNOTAVAIL)) {
        fall_back_to_v4(&at, &a);
        fd = open_listener(&a, &at, false, is_first);
    }
    if (fd >= 0)
        *bound = ntohs(*port_of(&at));
    else
        fail(err, ERR_CONFIG, "cannot listen on \"%s\": %s", address, strerror(errno));
    return fd;
}

/* ---- accepting ---- */

static void on_acceptable(uv_poll_t *poll, int status, int events);

static void on_retry(struct loop_timer *retry) {
    struct listener *l = CONTAINER_OF(retry, struct listener, retry);
    uv_poll_start(&l->poll, UV_READABLE, on_acceptable);
}

/* The pending connection stays in the kernel's queue and keeps the socket readable, so trying again at once
 * would spin. */
static void pause_accepting(struct listener *l, int reason) {
    log_event(LOG_WARN, "net.accept_paused", "cannot accept connections for %d ms: %s", RETRY_MS,
              strerror(reason));
    uv_poll_stop(&l->poll);
    loop_timer_arm(l->home->loop, &l->retry, clock_monotonic() + RETRY_MS * NS_PER_MS);
}

static void admit(struct server_loop *home, int fd, const struct sockaddr_storage *peer) {
    const struct server_shared *shared = server_shared(home->server);
    uint64_t open = atomic_load_explicit(&shared->connections_open, memory_order_relaxed);
    if (open >= shared->options.connections_max + (uint64_t)REFUSED_MAX) {
        count_up(&home->refused_total);
        close(fd);
        return;
    }
    connection_open(home, fd, peer, open >= shared->options.connections_max);
}

/* Returns 0, EAGAIN when nothing is left, or what keeps the process from accepting. */
static int accept_one(struct listener *l) {
    struct sockaddr_storage peer;
    socklen_t n = sizeof peer;
    int fd = accept4(l->fd, (void *)&peer, &n, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
        admit(l->home, fd, &peer);
        return 0;
    }
    switch (errno) {
    case EAGAIN:
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM: return errno;
    default: return 0; /* that one client went away (accept(2) lists a dozen ways to say so) */
    }
}

static void on_acceptable(uv_poll_t *poll, int status, int events) {
    struct listener *l = poll->data;
    l->home->now_ns = clock_monotonic();
    int result = 0;
    for (int i = 0; i < ACCEPT_RUN && result == 0; i++)
        result = accept_one(l);
    if (result != 0 && result != EAGAIN)
        pause_accepting(l, result);
}

bool listener_open(struct listener *l, struct server_loop *home, int fd, struct error *err) {
    *l = (struct listener){.home = home, .fd = -1, .retry.fire = on_retry};
    int result = uv_poll_init(loop_uv(home->loop), &l->poll, fd);
    if (result != 0) {
        close(fd);
        return fail(err, ERR_IO, "cannot watch a listening socket: %s", uv_strerror(result));
    }
    l->poll.data = l;
    l->fd = fd;
    result = uv_poll_start(&l->poll, UV_READABLE, on_acceptable);
    if (result == 0)
        return true;
    listener_close(l);
    return fail(err, ERR_IO, "cannot watch a listening socket: %s", uv_strerror(result));
}

void listener_close(struct listener *l) {
    if (l->fd < 0)
        return;
    /* Bounded, in case clients come faster than they are accepted. */
    l->home->now_ns = clock_monotonic();
    for (int i = 0; i < BACKLOG && accept_one(l) == 0; i++)
        continue;
    loop_timer_disarm(l->home->loop, &l->retry);
    uv_close((uv_handle_t *)&l->poll, NULL);
    close(l->fd);
    l->fd = -1;
}
