/* What became of an answer, as whoever asked, or a later process, says: the right label, whether it was
 * right, or how good it was. One word of each speaker about each request. Same threads as the store that is
 * passed. */
#pragma once

#include "base/buf.h"
#include "base/error.h"
#include "store/store.h"

enum { FEEDBACK_LABEL_MAX = 200 };

struct feedback {
    struct str request_id;
    struct str tenant; /* whose request it must be; "" anybody's */
    struct str who;
    struct str label; /* the right one; "" not said */
    int correct;      /* 1, 0; -1: not said */
    double score;     /* 0 to 1, higher is better; < 0: not said */
};

/* Writes {request_id, endpoint, model, label, correct, score} into out. A label says what is correct, where
 * the record has the prediction. ERR_NOT_FOUND: no such request of this tenant is recorded (a record is there
 * some 50 ms after the reply); ERR_CONFLICT: the same speaker said something else before. In the caller's
 * transaction. */
bool feedback_add(struct store *s, const struct feedback *f, struct buf *out, struct error *err) MUST_USE;

struct feedback_row {
    struct str request_id;
    struct str model, label;
    int correct;  /* -1: not known */
    double score; /* < 0: not said */
};
/* What was said between two times (wall ns; after `from`, until `to`) of an endpoint's answers. */
bool feedback_visit(struct store *s, const char *endpoint, int64_t from, int64_t to,
                    void (*visit)(const struct feedback_row *row, void *ctx), void *ctx,
                    struct error *err) MUST_USE;
