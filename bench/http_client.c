#include "http_client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

void give_up(const char *format, ...) {
    va_list args;
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    exit(1);
}

double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

struct sockaddr_in address_read(const char *text) {
    struct sockaddr_in address = {.sin_family = AF_INET};
    char host[64];
    const char *colon = strrchr(text, ':');
    if (!colon || (size_t)(colon - text) >= sizeof host)
        give_up("\"%s\" is not ADDRESS:PORT", text);
    memcpy(host, text, (size_t)(colon - text));
    host[colon - text] = '\0';
    address.sin_port = htons((uint16_t)atoi(colon + 1));
    if (inet_pton(AF_INET, host, &address.sin_addr) != 1 || address.sin_port == 0)
        give_up("\"%s\" is not ADDRESS:PORT", text);
    return address;
}

/* Connecting blocks: on loopback it is done at once or refused. */
int client_connect(const struct sockaddr_in *address) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
    if (fd < 0)
        return -1;
    if (connect(fd, (const struct sockaddr *)address, sizeof *address) != 0 ||
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0 ||
        fcntl(fd, F_SETFL, O_NONBLOCK) != 0) {
        int problem = errno;
        close(fd);
        errno = problem;
        return -1;
    }
    return fd;
}

struct message request_make(const char *host, const char *path, const char *headers, const char *body,
                            size_t body_length) {
    struct message m = {0};
    char length[64] = "";
    if (body)
        snprintf(length, sizeof length, "content-length: %zu\r\n", body_length);
    int head = asprintf(&m.p, "%s %s HTTP/1.1\r\nhost: %s\r\n%s%s\r\n", body ? "POST" : "GET", path, host,
                        headers, length);
    if (head < 0 || !(m.p = realloc(m.p, (size_t)head + body_length + 1)))
        give_up("out of memory");
    if (body)
        memcpy(m.p + head, body, body_length);
    m.n = (size_t)head + (body ? body_length : 0);
    return m;
}

/* The value of a header in the head p[0..n), or NULL. */
static const char *header_value(const char *p, size_t n, const char *name) {
    size_t length = strlen(name);
    const char *line = p, *end = p + n;
    while ((line = memchr(line, '\n', (size_t)(end - line))) != NULL) {
        line++;
        if ((size_t)(end - line) > length && line[length] == ':' && strncasecmp(line, name, length) == 0)
            return line + length + 1;
    }
    return NULL;
}

long reply_length(const char *p, size_t n, int *status, size_t *body) {
    const char *blank = memmem(p, n, "\r\n\r\n", 4);
    if (!blank)
        return 0;
    size_t head = (size_t)(blank - p) + 4;
    const char *value = header_value(p, head, "content-length");
    if (!value || strncmp(p, "HTTP/1.", 7) != 0)
        return -1;
    size_t length = strtoul(value, NULL, 10);
    if (n - head < length)
        return 0;
    *status = atoi(p + 9);
    *body = head;
    return (long)(head + length);
}
