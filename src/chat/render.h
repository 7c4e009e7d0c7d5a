/* A client's request in the words of the upstream that is asked: the same API means the client's own bytes;
 * another one means translation, by way of the chat-completions form. What has no counterpart there and
 * changes what comes back (n, audio, a provider's own tools) is refused by name; what only steers the
 * sampling (seed, penalties, logit_bias) or the provider's housekeeping (store, service_tier) is left out.
 * One thread. */
#pragma once

#include "chat/amend.h"

/* What an upstream speaks. */
enum chat_dialect {
    DIALECT_OPENAI,   /* chat completions, completions, embeddings; some also responses */
    DIALECT_ANTHROPIC /* messages */
};

/* The API as which such an upstream is asked. False: it has none for this request (embeddings at Anthropic's,
 * built-in tools where responses are not spoken); *err names the field. */
bool chat_upstream_surface(const struct chat_request *r, enum chat_dialect dialect, bool speaks_responses,
                           enum chat_surface *out, struct error *err) MUST_USE;

/* Behind the upstream's URL ("https://api.example.com/v1"): "/chat/completions". */
const char *chat_surface_path(enum chat_surface surface);

struct chat_rendering {
    enum chat_surface to;
    struct str model;          /* as the upstream calls it */
    int64_t output_max;        /* Anthropic wants one: where the client names none; 0: CHAT_OUTPUT_DEFAULT */
    struct chat_wishes wishes; /* {0}: nothing but what the client asked */
};

enum { CHAT_OUTPUT_DEFAULT = 4096 };

/* Adds the upstream's body to `out`. Streams are to tell their usage in any case. Errors name the field.
 * Where something is wished, `out` is empty before. */
bool chat_request_render(const struct chat_request *r, const struct chat_rendering *how, struct buf *out,
                         struct error *err) MUST_USE;
