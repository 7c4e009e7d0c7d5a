/* Private to the client: what an origin is made of. */
#pragma once

#include "net/client.h"
#include "net/tls.h"

#include <stdatomic.h>
#include <sys/socket.h>

enum { HOST_MAX = 255 };

struct http_origin {
    atomic_uint refs;
    char host[HOST_MAX + 1]; /* a name, or a numeric address without brackets */
    char port[6];
    char name[HOST_MAX + 10]; /* as in Host: with brackets and, where it is not the scheme's own, the port */
    struct tls_context *tls;  /* NULL: plain */
    struct sockaddr_storage address; /* of a numeric host; ss_family 0 otherwise */
    socklen_t address_length;
};
