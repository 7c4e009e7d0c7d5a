/* Review items: predictions that a person decides. Written by the recorder with the event they belong
 * to, listed and resolved through the API and the command line. Same threads as the store passed. */
#pragma once

#include "base/error.h"
#include "base/json.h"
#include "store/store.h"

enum {
    REVIEW_LABEL_MAX = 16384, /* bytes; of a chat it is a whole answer */
    REVIEW_FIELDS_MAX = 16384,
    REVIEW_NOTE_MAX = 1000,
    REVIEWER_MAX = 64,
    REVIEW_TAB_MAX = 64
};

/* Who works on the queue. */
struct reviewer {
    struct str name; /* the key's client */
    struct str tab;  /* which of that person's windows; "" is one, too */
    bool admin;      /* sees which items measure people */
};

struct review_filter {
    struct str endpoint;           /* "" = all */
    struct str status;             /* "open" (default), "resolved", "all" */
    struct str order;              /* "time" (default): oldest first; "urgency", of open items: as next gives
                                    * them out */
    struct str after;              /* continue behind this review ID */
    unsigned limit;                /* 1..1000, default 100 */
    const struct reviewer *viewer; /* NULL: sees everything */
};
/* Writes {"data":[…],"has_more":bool,"open":N}. An item: id, request_id, endpoint, model, created, reason,
 * detail, prediction, confidence, labels, status, label, reviewer, resolved, fields and note (the person's),
 * kind (label, approval, answer: of an audited chat), action, risk, due, skips, claim {by, yours, until},
 * opinions {wanted, given, disputed, and once that harms nobody's judgement list}, input {sha256, kept, and
 * of a kept one type, size, blob, keep_until, text when it is text of at most 64 KB or was read in a file}.
 * To an admin also gold and audit_share. Where an endpoint has gold items, what could tell them from others
 * is null or left out. */
bool review_list(struct store *s, const struct review_filter *filter, struct buf *out,
                 struct error *err) MUST_USE;
/* ERR_NOT_FOUND. viewer NULL: sees everything. */
bool review_get(struct store *s, struct str id, const struct reviewer *viewer, struct buf *out,
                struct error *err) MUST_USE;
/* What became of it, for the client whose request it was: {"id", "status", "kind", "label", "note",
 * "resolved", "prediction"}, the prediction (of tool calls, the calls) only once it is approved. */
bool review_outcome(struct store *s, struct str id, struct str client, struct buf *out,
                    struct error *err) MUST_USE;
/* False, with ERR_NOT_FOUND. */
bool review_unknown(struct str id, struct error *err);

/* Sets the label (review/claims.h: review_label), for who needs no claim. */
bool review_resolve(struct store *s, struct str id, struct str label, struct str reviewer, struct buf *out,
                    struct error *err) MUST_USE;
/* Open items that somebody waits for: neither audits nor those that measure people. */
bool review_depth(struct store *s, uint64_t *out, struct error *err) MUST_USE;
/* The same by endpoint, those that have any. */
bool review_depths(struct store *s, void (*visit)(struct str endpoint, uint64_t open, void *ctx), void *ctx,
                   struct error *err) MUST_USE;
/* The items of one request, as a JSON array. */
bool review_of_request(struct store *s, struct str request_id, struct buf *out, struct error *err) MUST_USE;
