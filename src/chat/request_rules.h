/* Rules over a request: what operators' scripts are asked about it. Of requests to a language model `route`
 * says who is to answer it and `answer` answers it where no model could; of any `segment` says whether it
 * takes part in a rollout.
 *
 *     function route(r)  … return "NAME" | {"NAME", …} | nil end
 *     function answer(r) … return "text" | nil end
 *     function segment(r) … return true | false end
 *
 * r.endpoint, r.client, r.user, r.model, r.api; r.text (the last thing that the user says), r.message_count,
 * r.tokens, r.stream, r.tools, r.images, r.temperature, r.max_tokens (nil: not said), r.metadata, r.headers;
 * for answer also r.reason; for segment of a prediction r.endpoint, r.client, r.user, r.text, r.headers. r is
 * read-only and made on access (models/rules_view.h). One thread per script.
 */
#pragma once

#include "base/buf.h"
#include "chat/request.h"
#include "chat/tokens.h"
#include "models/rules_view.h"
#include "models/script.h"
#include "net/server.h"

/* Borrowed for the call. */
struct request_rules_facts {
    const struct chat_request *in;     /* NULL: a prediction, of segment */
    struct str user, text;             /* its */
    struct str endpoint, client;       /* client: "" without authentication */
    enum token_family family;          /* as whose tokens r.tokens is counted */
    const struct http_header *headers; /* names in lower case */
    size_t header_count;
    struct str reason; /* of answer: why nobody else does; a public error code */
};

enum { REQUEST_RULES_TARGETS_MAX = 32, REQUEST_RULES_ANSWER_MAX = 1 << 20 };

/* `order` receives the indices into `names` of those that the script prefers, best first, each once; *count
 * 0: it has no preference. A name that is none of `names` is an error, as is whatever else it may return. */
bool request_rules_route(struct script *script, const struct request_rules_facts *facts,
                         const struct str *names, size_t name_count,
                         unsigned order[REQUEST_RULES_TARGETS_MAX], unsigned *count,
                         struct error *err) MUST_USE;

/* An error when it returns neither true nor false. */
bool request_rules_segment(struct script *script, const struct request_rules_facts *facts, bool *in,
                           struct error *err) MUST_USE;

/* Appends the text: valid UTF-8, 1 byte to 1 MB (or what the script's memory takes). An error also when it
 * returns nil: "the rules have no answer". */
bool request_rules_answer(struct script *script, const struct request_rules_facts *facts, struct buf *text,
                          struct error *err) MUST_USE;
