/* The ways in which an upstream fails, and what each is good for: may the same upstream be asked again, may
 * another one, does it speak against the upstream's health? One table; pure; any thread. */
#pragma once

#include "base/str.h"
#include "chat/reply.h"

/* X(category, name, again at the same, another may answer, counts against health) */
#define FAILURE_TABLE(X)                                                                                     \
    X(FAILURE_CONNECT, "connect", 1, 1, 1)          /* no name, no connection, no TLS */                     \
    X(FAILURE_TIMEOUT, "timeout", 1, 1, 1)          /* connected, and then nothing in time */                \
    X(FAILURE_RESET, "reset", 1, 1, 1)              /* the connection ended before the reply did */          \
    X(FAILURE_SERVER, "server", 1, 1, 1)            /* 500, 502, 504 and other 5xx */                        \
    X(FAILURE_OVERLOADED, "overloaded", 1, 1, 1)    /* 503, 529, overloaded_error */                         \
    X(FAILURE_RATE_LIMIT, "rate_limit", 1, 1, 0)    /* 429: too fast; passes by itself */                    \
    X(FAILURE_QUOTA, "insufficient_quota", 0, 1, 0) /* 429 or 402: no money left; waiting does not help */   \
    X(FAILURE_GARBAGE, "garbage", 1, 1, 1)          /* a reply that is none: bad JSON, lengths that lie */   \
    X(FAILURE_AUTHENTICATION, "authentication", 0, 1, 0) /* 401, 403: our key; the upstream is well */       \
    X(FAILURE_NOT_FOUND, "not_found", 0, 1, 0)           /* 404: it does not have that model */              \
    X(FAILURE_INVALID, "invalid_request", 0, 0, 0)       /* 400, 413, 422: nobody will like it better */     \
    X(FAILURE_CONTEXT, "context_length", 0, 1, 0)  /* too long for this model; a larger one may take it */   \
    X(FAILURE_UNSUPPORTED, "unsupported", 0, 1, 0) /* its API cannot be asked this */                        \
    X(FAILURE_OUTPUT, "invalid_output", 0, 1, 0)   /* an answer, but not as its schema says */               \
    X(FAILURE_CANCELLED, "cancelled", 0, 0, 0)     /* the client left */

enum failure {
    FAILURE_NONE = 0,
#define X(category, name, same, other, health) category,
    FAILURE_TABLE(X)
#undef X
        FAILURE_COUNT
};

const char *failure_name(enum failure f); /* "none" for FAILURE_NONE */
bool failure_same_may_answer(enum failure f);
bool failure_other_may_answer(enum failure f);
bool failure_counts_against_health(enum failure f);

/* What an upstream's own words come to. */
enum failure failure_of_trouble(enum upstream_trouble trouble);

/* The Retry-After header (RFC 9110, 10.2.3: seconds or an HTTP date), or the retry-after-ms that OpenAI sends
 * beside it, in ns from now; 0 when it is absent or makes no sense. `wall_ns` is now. At most a day. */
int64_t failure_retry_after(struct str retry_after, struct str retry_after_ms, int64_t wall_ns);
