/* The little of HTTP/1.1 that measuring needs: connect to loopback, put requests together, tell when a
 * reply is whole. Everything is one thread's. Whatever is wrong ends the program with a message: a
 * measurement with errors is none. */
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>

/* Prints to standard error, exit code 1. */
_Noreturn void give_up(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* "127.0.0.1:8080" */
struct sockaddr_in address_read(const char *text);

/* A connected, non-blocking socket with TCP_NODELAY; -1 with errno. */
int client_connect(const struct sockaddr_in *address);

struct message {
    char *p;
    size_t n;
};

/* A request with a Content-Length; POST when `body` is not NULL. `headers` are whole lines ending in
 * CR LF. The result is malloc'ed. */
struct message request_make(const char *host, const char *path, const char *headers, const char *body,
                            size_t body_length);

/* The length of the whole reply that starts at `p`, 0 while bytes are missing, -1 when it is none with a
 * Content-Length. *status and *body (offset) are set when it is whole. */
long reply_length(const char *p, size_t n, int *status, size_t *body);

/* CLOCK_MONOTONIC in seconds */
double now(void);
