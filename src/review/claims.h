/* Work on the queue: who has which item, for how long, and what comes of it.
 *
 * next gives the most urgent item (kinds.h: review_rank) that nobody has, and that this person has neither
 * judged nor skipped; it is that person's until the lease ends. Windows of one person are told apart by their
 * `tab`. A label is taken from whoever has the item, and from anybody when nobody has it: also from who had
 * it and was too slow. Where two opinions are wanted they are blind to each other; when they differ, a third
 * person sees both and settles it. Each function is a transaction (durable) or part of the caller's. Same
 * threads as the store that is passed. */
#pragma once

#include "review/review.h"

#define REVIEW_LEASE_STANDARD (INT64_C(600) * 1000000000)

/* Writes {"item": …} or {"item": null}. The item that this window already has comes first, renewed.
 * endpoint "": of any. */
bool review_next(struct store *s, struct str endpoint, const struct reviewer *who, struct buf *out,
                 struct error *err) MUST_USE;
/* Takes or renews. ERR_CONFLICT names who has it and until when; `take`: of oneself in another window all the
 * same. Writes the item, as the others do. */
bool review_claim(struct store *s, struct str id, bool take, const struct reviewer *who, struct buf *out,
                  struct error *err) MUST_USE;
/* Not having it is fine. */
bool review_release(struct store *s, struct str id, const struct reviewer *who, struct buf *out,
                    struct error *err) MUST_USE;
/* To others: next gives it to this person no more. */
bool review_skip(struct store *s, struct str id, struct str reason, const struct reviewer *who,
                 struct buf *out, struct error *err) MUST_USE;

struct verdict {
    /* Of an approval "approved" or "denied"; of an answer "right", which stands for what was said, "wrong" or
     * what it should have been. */
    struct str label;
    struct str fields; /* corrections, a JSON object; "" none */
    struct str note;   /* why; "" where nothing is said */
};
/* ERR_NOT_FOUND; ERR_CONFLICT when somebody else has it, when it was resolved with another label, or when
 * this person said something else before (the same again is fine). */
bool review_label(struct store *s, struct str id, const struct verdict *verdict, const struct reviewer *who,
                  struct buf *out, struct error *err) MUST_USE;
