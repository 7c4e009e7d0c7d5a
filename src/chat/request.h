/* What a client of a language model asks, whichever of the known APIs it speaks. The body is read once and
 * kept as it came: what is not understood here goes on to the upstream untouched. One thread. */
#pragma once

#include "base/arena.h"
#include "base/json.h"

enum chat_surface {
    CHAT_COMPLETIONS, /* OpenAI: POST /v1/chat/completions */
    CHAT_LEGACY,      /* OpenAI: POST /v1/completions */
    CHAT_EMBEDDINGS,  /* OpenAI: POST /v1/embeddings */
    CHAT_RESPONSES,   /* OpenAI: POST /v1/responses */
    CHAT_MESSAGES,    /* Anthropic: POST /v1/messages */
    CHAT_SURFACE_COUNT
};

struct chat_request {
    enum chat_surface surface;
    struct str body;
    yyjson_doc *doc; /* owns all values and views below */
    yyjson_val *root;
    struct str model;                /* names an endpoint */
    struct str user;                 /* the caller's own name for its user; "" */
    yyjson_val *messages;            /* NULL where the surface has none */
    yyjson_val *turns;               /* messages, or a response's input items; NULL: none */
    yyjson_val *tools;               /* NULL: none */
    yyjson_val *output_schema;       /* the JSON Schema that the answer shall follow; NULL: none asked */
    yyjson_val *metadata;            /* NULL: none */
    yyjson_val *seed;                /* NULL: none */
    yyjson_val *conversation;        /* responses: an ID, or an object with one; NULL: none */
    struct str previous_response_id; /* responses; "" */
    size_t message_count;            /* of messages, or of a response's input items */
    double temperature;              /* 1 where the request names none */
    int64_t output_max;              /* tokens; -1: not said */
    int64_t choices;                 /* n */
    bool stream;
    bool logprobs;      /* asked for */
    bool include_usage; /* of a stream (OpenAI: stream_options.include_usage) */
};

enum { CHAT_MESSAGES_MAX = 10000 };

/* *out owns a document until chat_request_clear. Errors name the field as OpenAI does ("messages[3].role").
 */
bool chat_request_parse(enum chat_surface surface, struct str body, struct chat_request *out,
                        struct error *err) MUST_USE;
void chat_request_clear(struct chat_request *r); /* one that was not filled is fine */

/* Appends what is asked: the same for two requests that differ in nothing but the endpoint's name, the
 * caller's own user and metadata, and whether the usage of a stream is wanted. For cache keys. */
void chat_request_essence(const struct chat_request *r, struct buf *out);

/* Nothing but the endpoint's name would be left out: the whole body serves as well. */
bool chat_request_is_essence(const struct chat_request *r) MUST_USE;

/* The last thing that the user says, where that is a plain text and all turns before it are too: what a
 * semantic cache compares. `rest` receives all else that is asked. False: it is not so simple. */
bool chat_request_question(const struct chat_request *r, struct str *question, struct buf *rest);

/* The client's own bytes with other turns. */
bool chat_request_with_turns(const struct chat_request *r, struct str turns, struct buf *out) MUST_USE;

/* The same request for an upstream that speaks the same API: the client's own bytes, with the upstream's name
 * for the model in the place of the endpoint's, and in a stream the usage asked for in any case. */
bool chat_request_forward(const struct chat_request *r, struct str model, struct buf *out,
                          struct error *err) MUST_USE;
