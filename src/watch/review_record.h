/* The review item of an event, written with it (review/review.h lists and resolves). Same threads as the
 * store that is passed. */
#pragma once

#include "base/error.h"
#include "store/store.h"
#include "watch/event.h"

/* Inserts the draft of an event that has one; `row` is the event's own, through which the item finds its
 * input. Part of the recorder's transaction. */
bool review_insert(struct store *s, const struct event *e, int64_t row, struct error *err) MUST_USE;
