/* The driver: walks requests down the list of their endpoint's kind. On the request's loop. */
#pragma once

#include "chat/request.h"
#include "pipeline/request.h"

/* A request whose head is there; `wall_ns`: now. NULL when the exchange's arena is full. */
struct request *request_new(struct loop_state *loop, struct exchange *x, const struct endpoint *endpoint,
                            struct str id, int64_t wall_ns) MUST_USE;
/* One of several predictions that an exchange asks for; `answered` (request.h) gets what comes of it. */
struct request_part {
    struct snapshot *snapshot; /* the same for all; another reference is taken */
    const struct endpoint *endpoint;
    struct model_version *pinned; /* or NULL */
    struct arena *arena;          /* its own memory, until `answered` */
    struct str id;
    int64_t wall_ns, started_ns; /* now; of the first: the exchange's start */
    void (*answered)(struct request *r);
    void *owner;
    bool admitted; /* by limit_more, whose place it takes over */
};
struct request *request_new_part(struct loop_state *loop, struct exchange *x,
                                 const struct request_part *part) MUST_USE;
/* One to a language model, whose body names its endpoint. */
struct request *request_new_chat(struct loop_state *loop, struct exchange *x, enum chat_surface surface,
                                 struct str id, int64_t wall_ns) MUST_USE;
/* Walks the stages that need only the head. True: it waits for its body (request_body, or request_cancel
 * when that does not come). False: it was refused, the exchange (or `answered`) has its answer and the
 * request is gone. */
bool request_start(struct request *r) MUST_USE;
/* The body is there. */
void request_body(struct request *r);

/* Those of one kind of endpoint; returns how many. */
size_t pipeline_stages_of(enum endpoint_kind kind, const char *names[REQUEST_STAGES_MAX]);
/* Names of the stages in order, for documentation and metrics. */
size_t pipeline_stage_names(const char *const **names);
