/* Answers that later requests may build on (OpenAI's responses, `previous_response_id`): what was said and
 * what was answered, each a JSON array of items, linked to the one before. A tenant's own: nobody else finds
 * them. Same threads as the store that is passed. */
#pragma once

#include "base/buf.h"
#include "base/error.h"
#include "store/store.h"
#include "store/subject.h"

struct response_record {
    struct str tenant, id;
    struct str previous; /* "" none */
    struct str endpoint;
    struct str user;              /* the end user's ID; "" none. Kept as store/subject.h says */
    const unsigned char *subject; /* where `user` says nobody: whose the one before is; NULL: not known */
    struct str input;             /* items of the request, a JSON array */
    struct str output;            /* items of the answer, a JSON array */
    struct str body;              /* the reply as the client got it */
    int64_t created, expires;     /* wall ns */
};

enum { RESPONSES_DEPTH_MAX = 1000, RESPONSES_BYTES_MAX = 16 << 20 };

/* Part of the caller's transaction. One of that ID is replaced. */
bool responses_keep(struct store *s, const struct response_record *r, struct error *err) MUST_USE;
/* An item of its answer can be found by its own ID, too. */
bool responses_keep_item(struct store *s, struct str tenant, struct str response, struct str item,
                         struct error *err) MUST_USE;
/* Appends the items of the answer that this one is of. ERR_NOT_FOUND as below. */
bool responses_find_item(struct store *s, struct str tenant, struct str item, int64_t now, struct buf *out,
                         struct error *err) MUST_USE;

/* Whose it is (store/subject.h); *found false: it is not known, or there is no such response. */
bool responses_subject(struct store *s, struct str tenant, struct str id, bool *found,
                       unsigned char out[SUBJECT_SIZE], struct error *err) MUST_USE;

/* Its body. ERR_NOT_FOUND for what is not there, is another's, or is over at `now`. */
bool responses_show(struct store *s, struct str tenant, struct str id, int64_t now, struct buf *out,
                    struct error *err) MUST_USE;
bool responses_show_input(struct store *s, struct str tenant, struct str id, int64_t now, struct buf *out,
                          struct error *err) MUST_USE;
/* Also what later ones were built on it stays; they end where it was. */
bool responses_delete(struct store *s, struct str tenant, struct str id, struct error *err) MUST_USE;

/* The conversation that ends with it, from the oldest on: appends arrays of items, one after the other, to
 * `out`. At most RESPONSES_DEPTH_MAX responses and RESPONSES_BYTES_MAX bytes: beyond that ERR_CONTEXT_LENGTH.
 */
bool responses_history(struct store *s, struct str tenant, struct str id, int64_t now, struct buf *out,
                       struct error *err) MUST_USE;

/* Deletes at most `most` whose time is over. */
bool responses_expire(struct store *s, int64_t now, unsigned most, struct error *err) MUST_USE;
