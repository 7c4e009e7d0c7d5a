/* What a review item asks, and where it stands in the queue. Plain; any thread. */
#pragma once

#include <stdint.h>

/* The store has these numbers. */
enum review_kind {
    REVIEW_LABEL,    /* what is it? */
    REVIEW_AUDIT,    /* the same, of an answer that went out unseen: nobody waits for it */
    REVIEW_APPROVAL, /* may this action be taken? */
    REVIEW_KINDS
};

/* The action of an audit of a chat: its whole answer is judged, not a class. */
#define REVIEW_WHOLE_ANSWER "answer"

/* Smallest first. A risk of 1 counts as due at once, a risk of 0 at its deadline: risk decides among items of
 * about the same age, and nothing waits for ever. Without a deadline one of a day is meant. */
static inline int64_t review_rank(int64_t created, int64_t due, double risk) {
    int64_t day = INT64_C(86400000000000), left = due > created ? due - created : day;
    return created + (int64_t)((double)left * (1 - risk));
}
