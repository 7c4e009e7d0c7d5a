/* The vectors of many texts, fetched from a model of an upstream (OpenAI's /embeddings) before something is
 * fitted on them: some calls at a time, each with its deadlines and retries, on a loop of its own. One call
 * at a time; any thread. */
#pragma once

#include "base/error.h"
#include "net/client.h"
#include "traffic/retry.h"

enum { TEXT_VECTORS_CALLS_MAX = 16, TEXT_VECTORS_BATCH_MAX = 256 };

struct text_vectors_source {
    const char *name; /* "main/small", for messages */
    struct http_origin *origin;
    const char *path;                                       /* "/v1/embeddings" */
    const char *authorization;                              /* the header's value; NULL: none */
    struct str model;                                       /* as the upstream calls it */
    int64_t connect_ns, first_byte_ns, idle_ns, timeout_ns; /* of one call */
    struct retry_options retry;
    unsigned calls, batch; /* at once; texts of one call */
    /* On another thread than the caller's. May be NULL. */
    void (*progress)(void *ctx, size_t done, size_t all);
    void *ctx;
};

/* In the order of the texts, as small numbers with the factor that makes their length 1 (cache/wording.h). */
struct text_vectors {
    size_t count, dimensions;
    int8_t *values;
    float *factors;
    int64_t tokens; /* that the upstream counted; -1: it did not say */
};

/* All of them or none; what went wrong names the source. */
bool text_vectors_fetch(struct text_vectors *out, const struct text_vectors_source *from,
                        const struct str *texts, size_t count, struct error *err) MUST_USE;
void text_vectors_free(struct text_vectors *v); /* one that was not filled, {0}, is fine */

/* How near two of them lie: the cosine. */
float text_vectors_cosine(const struct text_vectors *v, size_t a, size_t b);
