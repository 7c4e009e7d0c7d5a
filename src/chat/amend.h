/* Bodies that go on nearly as they came: a request that asks for a little more than its client did, a reply
 * without what only this server asked for. All else stays, fields that nobody here knows and numbers as they
 * were written included. One thread. */
#pragma once

#include "chat/request.h"

/* What is wanted of an answer beside what its client asked. */
struct chat_wishes {
    struct str schema; /* a JSON Schema (JSON text) that it shall follow, where the request has none; .n 0 */
    bool logprobs;     /* of its tokens, where the API has them */
};

/* `body`: a request of the API. What the API has no words for is left out; a format that is there stays. */
bool chat_amend_request(enum chat_surface api, const struct chat_wishes *wishes, struct buf *body,
                        struct error *err) MUST_USE;

/* Adds the request with further turns (JSON objects with commas between, role and content each) behind those
 * that it has. False with ERR_BAD_REQUEST: an API without turns. */
bool chat_amend_turns(const struct chat_request *r, struct str turns, struct buf *out,
                      struct error *err) MUST_USE;

/* `body`: a whole reply of OpenAI's, or an event of a stream: without log-probabilities. */
bool chat_hide_logprobs(struct str body, struct buf *out, struct error *err) MUST_USE;
