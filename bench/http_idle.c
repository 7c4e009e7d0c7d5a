/* Opens connections, makes one request on each, and keeps them open without another byte.
 *
 * http_idle ADDRESS:PORT COUNT PATH BODY [HEADER]…
 *
 * Prints "idle COUNT" once every connection has had its answer (status 200), then waits for the end of
 * standard input, checks that the server has closed none of them, and prints "open COUNT". An empty BODY
 * makes a GET. Exit 1 when anything was not as it should be. */
#include "http_client.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { REPLY_MAX = 16 * 1024, ANSWER_MS = 10000, HOLD_MS = 600000 };

static void allow_descriptors(size_t count) {
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur >= count + 64)
        return;
    limit.rlim_cur = count + 64;
    if (limit.rlim_cur > limit.rlim_max || setrlimit(RLIMIT_NOFILE, &limit) != 0)
        give_up("%zu connections need as many file descriptors, and this process may have %llu", count,
                (unsigned long long)limit.rlim_max);
}

static void ask(int fd, const struct message *request) {
    char reply[REPLY_MAX];
    size_t have = 0, body;
    int status;
    long length = 0;
    if (send(fd, request->p, request->n, MSG_NOSIGNAL) != (ssize_t)request->n)
        give_up("the request was not taken: %s", strerror(errno));
    while (length == 0) {
        struct pollfd readable = {.fd = fd, .events = POLLIN};
        if (poll(&readable, 1, ANSWER_MS) != 1)
            give_up("no answer within %d ms", ANSWER_MS);
        ssize_t n = recv(fd, reply + have, sizeof reply - have, 0);
        if (n <= 0)
            give_up("the connection ended within a reply: %s", n < 0 ? strerror(errno) : "end of file");
        have += (size_t)n;
        length = reply_length(reply, have, &status, &body);
    }
    if (length != (long)have || status != 200)
        give_up("wrong reply:\n%.*s", (int)have, reply);
}

static size_t count_open(const int *fds, size_t count) {
    size_t open = 0;
    char byte;
    for (size_t i = 0; i < count; i++)
        open += recv(fds[i], &byte, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN;
    return open;
}

int main(int argc, char **argv) {
    if (argc < 5)
        give_up("usage: http_idle ADDRESS:PORT COUNT PATH BODY [HEADER]…");
    struct sockaddr_in address = address_read(argv[1]);
    size_t count = strtoul(argv[2], NULL, 10);
    char headers[4096] = "";
    for (int i = 5; i < argc; i++)
        snprintf(headers + strlen(headers), sizeof headers - strlen(headers), "%s\r\n", argv[i]);
    struct message request =
        request_make(argv[1], argv[3], headers, argv[4][0] ? argv[4] : NULL, strlen(argv[4]));
    allow_descriptors(count);
    int *fds = calloc(count, sizeof *fds);
    if (!fds)
        give_up("out of memory");
    for (size_t i = 0; i < count; i++) {
        fds[i] = client_connect(&address);
        if (fds[i] < 0)
            give_up("connection %zu: %s", i, strerror(errno));
        ask(fds[i], &request);
    }
    printf("idle %zu\n", count);
    fflush(stdout);
    struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
    poll(&input, 1, HOLD_MS);
    size_t open = count_open(fds, count);
    printf("open %zu\n", open);
    return open == count ? 0 : 1;
}
