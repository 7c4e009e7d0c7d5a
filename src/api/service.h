/* The HTTP surface: routes to handlers, roles, request IDs. One file per surface; service.c knows the
 * table of routes. Handlers run on the loop's thread. */
#pragma once

#include "net/server.h"
#include "pipeline/engine.h"

/* What server_start takes; its ctx is the struct engine. */
extern const struct http_service api_service;
