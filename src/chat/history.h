/* Conversations that go on by an ID (OpenAI's responses): what of a request and of its answer is kept, and a
 * request with all that was kept before it. Items are kept as they came but for what only one provider
 * understands: their own IDs and states, and reasoning that it did not encrypt. One thread. */
#pragma once

#include "chat/request.h"

/* A request's own items, as a JSON array; its text as a message of the user. */
void history_input(const struct chat_request *in, struct buf *out);

/* What a reply, or the last event of a stream of the responses API, holds: its ID, its items as a JSON array,
 * and the reply itself. Views into `doc`'s text or the buffers. False: it is none, or not whole. */
struct history_answer {
    char id[128];
    struct buf output, body; /* the caller frees */
};
bool history_answer_read(struct str reply, bool stream, struct history_answer *out) MUST_USE;
void history_answer_clear(struct history_answer *a);

/* IDs of the answer's items, a line each. */
void history_answer_ids(const struct history_answer *a, struct buf *out);

/* The request with `items` (arrays, one after the other) before its own input, and without the ID that stood
 * for them
 * (`previous_response_id`, `conversation`). */
bool history_prepend(const struct chat_request *in, struct str items, struct buf *body,
                     struct error *err) MUST_USE;

/* Arrays of items, one after the other, as one array with all that they say. */
bool history_join(struct str arrays, struct json_writer *w, struct error *err) MUST_USE;

/* IDs of earlier answers' items that the input names instead of saying them ("item_reference"), a line each.
 */
void history_references(const struct chat_request *in, struct buf *out);
/* The request with those items in the places of their names. `found`: arrays of items, one after the other,
 * that have them all. */
bool history_resolve(const struct chat_request *in, struct str found, struct buf *body,
                     struct error *err) MUST_USE;
