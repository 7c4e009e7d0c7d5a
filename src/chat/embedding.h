/* The vectors of texts, as OpenAI's embeddings have them (POST /embeddings,
 * https://platform.openai.com/docs/api-reference/embeddings): the request for some, and the reading of the
 * reply, which is trusted in nothing. One thread. */
#pragma once

#include "base/buf.h"
#include "base/error.h"

enum { EMBEDDING_DIMENSIONS_MAX = 4096, EMBEDDING_TEXTS_MAX = 256 };

/* Appends the body that asks for so many texts' vectors, as numbers. */
void embedding_request_write(struct buf *out, struct str model, const struct str *texts, size_t count);

/* Some vectors of the same length; each has a direction. */
struct embeddings {
    size_t count, dimensions;
    float *values;  /* one vector after the other */
    int64_t tokens; /* as the reply says; -1: it does not */
};

/* The vectors in the order of the texts that were asked for. ERR_UPSTREAM: what is wrong with the reply,
 * beginning with "its reply" or "its vectors", for a sentence about the upstream. */
bool embeddings_read(struct str body, size_t count, struct embeddings *out, struct error *err) MUST_USE;
void embeddings_clear(struct embeddings *e); /* one that was not filled, {0}, is fine */
