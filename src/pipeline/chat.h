/* What a request to a language model holds beside a prediction's: who may answer, in which order, and the
 * call that is under way. Lies in the exchange's arena; its buffers are given back by the stages that filled
 * them. */
#pragma once

#include "chat/reply.h"
#include "chat/stream.h"
#include "chat/request.h"
#include "net/client.h"
#include "net/sse.h"
#include "pipeline/request.h"
#include "traffic/budget.h"
#include "traffic/failure.h"

enum { CHAT_CANDIDATES_MAX = 24, CHAT_HEADERS_MAX = 8, CHAT_REPLY_MAX = 32 << 20 };

/* Who may answer, in the order of asking: those that the route chose, then the fallback steps. */
struct candidate {
    const struct remote_model *remote; /* NULL: the step is no model */
    const struct step *step;           /* NULL: of the rollout */
};

struct chat {
    struct chat_request in;
    struct candidate candidates[CHAT_CANDIDATES_MAX];
    unsigned candidate_count, candidate; /* the one being asked */
    unsigned attempts;                   /* calls made, over all candidates */

    struct request *r;
    void (*ended)(struct chat *c,
                  enum failure failure); /* of the attempt: FAILURE_NONE, or r->error says what */
    enum chat_wait { CHAT_WAIT_NONE, CHAT_WAIT_PLACE, CHAT_WAIT_CALL, CHAT_WAIT_PAUSE } wait;
    struct place *place; /* held, or waited for; call.c's */
    struct breaker_token token;
    struct loop_timer pause;
    unsigned tries; /* at the present candidate */
    struct http_call call;
    struct http_header headers[CHAT_HEADERS_MAX];
    size_t header_count;
    char *path;
    enum chat_surface to; /* the API as which the present upstream is asked */
    struct buf request;   /* in its words */
    struct buf heard;     /* its reply, where that comes whole */
    struct buf reply;     /* the client's: whole, or what of a stream is kept for the cache */
    struct sse_reader events;
    struct chat_stream *stream;
    bool event_stream; /* the upstream's reply is one */
    bool begun;        /* the client has received a part of it */
    bool done;         /* and the upstream said that it was all */
    bool failed;       /* an event said so: `trouble` */
    struct chat_trouble trouble;
    int64_t retry_after_ns; /* as the upstream said last; 0: it did not */
    struct chat_facts facts;
    struct budget_hold hold;                 /* live: reserved, and to be settled or released */
    struct str question;                     /* for the semantic cache; .p NULL: not for it */
    unsigned char partition[SHA256_SIZE];    /* where it is looked for */
    struct str cache_key;                    /* .p NULL: the answer is not to be kept */
    int64_t call_started_ns, first_token_ns; /* monotonic; 0: none */
    int64_t upstream_ns;                     /* waited for upstreams */
};

/* The candidate being asked; NULL when there is none. */
static inline const struct candidate *chat_candidate(const struct chat *c) {
    return c->candidate < c->candidate_count ? &c->candidates[c->candidate] : NULL;
}

/* Frees what an attempt left. */
void chat_clear(struct chat *c);
/* Takes the answer from the cache; `stale`: however old. */
bool chat_recall(struct request *r, bool stale);

/* The client's reply takes bytes again (http_service.on_drained). */
void chat_drained(struct request *r);
