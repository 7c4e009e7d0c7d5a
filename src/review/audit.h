/* Answers that went out unseen and were drawn by chance for a person to judge: what they say about all such
 * answers. Each counts with the inverse of the probability with which it was drawn, so estimates are unbiased
 * whatever that was (Horvitz and Thompson, 1952; the ratio form after Hájek, 1971). An audit that nobody has
 * judged yet is left out: who is judged first does not hang on the content (kinds.h: its risk is 0). Same
 * threads as the store that is passed. */
#pragma once

#include "base/error.h"
#include "store/store.h"

struct review_audit_row {
    struct str id, request_id, model, prediction;
    struct str label;  /* "" where nobody has judged it yet */
    double confidence; /* < 0: none */
    double share;      /* the probability with which it was drawn */
    double weight;     /* its inverse */
    int64_t created;   /* wall ns */
    int64_t resolved;  /* 0: not yet */
};
/* Those that were drawn from `from` until before `to` (wall ns), oldest first; views are good within `visit`.
 */
bool review_audit_visit(struct store *s, struct str endpoint, int64_t from, int64_t to,
                        void (*visit)(const struct review_audit_row *row, void *ctx), void *ctx,
                        struct error *err) MUST_USE;

/* A share with its interval. Plain; start with {0}. */
struct review_estimate {
    uint64_t rows;              /* judged */
    double weight, square, hit; /* sums: of weights, of their squares, of the weights of what is right */
    double value, low, high;    /* set by review_estimate_end */
};
void review_estimate_add(struct review_estimate *e, bool right, double weight);
/* 95 %: Wilson's interval (1927) with Kish's effective number of rows (1965). Without rows 0 to 1. */
void review_estimate_end(struct review_estimate *e);

/* How often answers that went out unseen were right. */
bool review_audit_accuracy(struct store *s, struct str endpoint, int64_t from, int64_t to,
                           struct review_estimate *out, struct error *err) MUST_USE;
