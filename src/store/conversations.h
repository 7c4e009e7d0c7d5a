/* Conversations with an ID of their own (OpenAI's): a name for the last of a chain of responses
 * (store/responses.h). A tenant's own. Same threads as the store that is passed. */
#pragma once

#include "store/responses.h"

/* `items`: what it begins with, a JSON array; `metadata`: a JSON object. Part of the caller's transaction. */
bool conversations_create(struct store *s, const struct response_record *first, struct str metadata,
                          struct error *err) MUST_USE;

struct conversation_record {
    int64_t created;
    struct buf last, metadata; /* the caller's, with their caps */
};
/* ERR_NOT_FOUND for what is not there, is another's, or is over. */
bool conversations_find(struct store *s, struct str tenant, struct str id, int64_t now,
                        struct conversation_record *out, struct error *err) MUST_USE;
/* From the response that was its last to the one that was built on it. ERR_CONFLICT: another was quicker. */
bool conversations_advance(struct store *s, struct str tenant, struct str id, struct str from, struct str to,
                           int64_t expires, struct error *err) MUST_USE;
/* Its responses stay by their own IDs. */
bool conversations_delete(struct store *s, struct str tenant, struct str id, struct error *err) MUST_USE;
bool conversations_expire(struct store *s, int64_t now, struct error *err) MUST_USE;
