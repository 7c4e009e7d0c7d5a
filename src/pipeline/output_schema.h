/* The JSON Schema that an endpoint's answers must meet, as its snapshot has it: compiled, and as text for the
 * upstreams that take it. Immutable; any thread. */
#pragma once

#include "chat/render.h"
#include "config/config.h"
#include "guard/schema.h"

struct output_schema {
    struct schema *own;    /* the endpoint's; NULL: it has none */
    struct schema *object; /* any object: what "json_object" asks for */
    char *text;            /* `own` as JSON, without white space; NULL */
    size_t length;
    bool sent[2]; /* by chat_dialect: upstreams of this kind are asked for it */
};

/* For an endpoint that checks its answers. False: err says what is wrong with the file. */
bool output_schema_load(const struct config_output *config, struct output_schema *out,
                        struct error *err) MUST_USE;
void output_schema_clear(struct output_schema *s); /* one that was not filled is fine */

/* What a fallback says when nobody else can has to meet it, too. */
bool output_schema_allows(const struct output_schema *s, const char *text, struct error *err) MUST_USE;
