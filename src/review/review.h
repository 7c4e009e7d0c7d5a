/* Review items: predictions that a person decides. Written by the recorder with the event they belong
 * to, listed and resolved through the API and the command line. Same threads as the store passed. */
#pragma once

#include "base/error.h"
#include "base/json.h"
#include "store/store.h"

enum { REVIEW_LABEL_MAX = 16384 }; /* bytes; of a chat it is a whole answer */

struct review_filter {
    struct str endpoint; /* "" = all */
    struct str status;   /* "open" (default), "resolved", "all" */
    struct str after;    /* continue behind this review ID */
    unsigned limit;      /* 1..1000, default 100 */
};
/* Writes {"data":[…],"has_more":bool,"open":N}. An item: id, request_id, endpoint, model, created, reason,
 * detail, prediction, confidence, labels, status, label, reviewer, resolved, input {sha256, kept, and of a
 * kept one type, size, blob, keep_until, text when it is text of at most 64 KB}. */
bool review_list(struct store *s, const struct review_filter *filter, struct buf *out,
                 struct error *err) MUST_USE;
bool review_get(struct store *s, struct str id, struct buf *out, struct error *err) MUST_USE;

/* Sets the label. ERR_NOT_FOUND; ERR_CONFLICT when it was resolved with another label (the same label again
 * is fine). */
bool review_resolve(struct store *s, struct str id, struct str label, struct str reviewer, struct buf *out,
                    struct error *err) MUST_USE;
/* Open items. */
bool review_depth(struct store *s, uint64_t *out, struct error *err) MUST_USE;
/* The same by endpoint, those that have any. */
bool review_depths(struct store *s, void (*visit)(struct str endpoint, uint64_t open, void *ctx), void *ctx,
                   struct error *err) MUST_USE;
/* The items of one request, as a JSON array. */
bool review_of_request(struct store *s, struct str request_id, struct buf *out, struct error *err) MUST_USE;
