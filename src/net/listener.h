/* Private to the server: listening sockets. listener_bind runs before the loops do; the rest on the
 * listener's loop. */
#pragma once

#include "net/connection.h"

#include <netinet/in.h>

/* A bound, listening, non-blocking socket that shares its port (SO_REUSEPORT), or -1. `address` is one of
 * options.listen. `port`: 0 for the first socket of an address, whose port must be free; for the others the
 * port that the first one got (*bound). */
int listener_bind(const char *address, uint16_t port, uint16_t *bound, struct error *err) MUST_USE;

struct listener {
    uv_poll_t poll;
    struct loop_timer retry;
    struct server_loop *home;
    int fd; /* -1: closed */
};

/* Accepts from now on. Takes over the socket, also when it fails. */
bool listener_open(struct listener *l, struct server_loop *home, int fd, struct error *err) MUST_USE;
/* Accepts what the kernel has completed, then closes. One closed already is fine. */
void listener_close(struct listener *l);
