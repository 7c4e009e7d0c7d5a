/* The driver: walks requests down the list of their endpoint's kind. On the request's loop. */
#pragma once

#include "chat/request.h"
#include "pipeline/request.h"

/* A request whose head is there; `wall_ns`: now. NULL when the exchange's arena is full. */
struct request *request_new(struct loop_state *loop, struct exchange *x, const struct endpoint *endpoint,
                            struct str id, int64_t wall_ns) MUST_USE;
/* One to a language model, whose body names its endpoint. */
struct request *request_new_chat(struct loop_state *loop, struct exchange *x, enum chat_surface surface,
                                 struct str id, int64_t wall_ns) MUST_USE;
/* Walks the stages that need only the head. True: it waits for its body (request_body, or request_cancel
 * when that does not come). False: it was refused, the exchange is answered and the request gone. */
bool request_start(struct request *r) MUST_USE;
/* The body is there. */
void request_body(struct request *r);

/* Names of the stages in order, for documentation and metrics. */
size_t pipeline_stage_names(const char *const **names);
