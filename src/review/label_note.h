/* A person's decision in the history (store/history.h): which item, by whom, what the model had said and what
 * the person says. Classes of an item that has a list of them stand there as they are; other answers, which
 * may hold anything about anybody, only as SHA-256, so that a person can be forgotten. Same threads as the
 * store. */
#pragma once

#include "base/error.h"
#include "store/store.h"

/* In the transaction that set the label. ERR_NOT_FOUND when there is no such item. */
bool label_note(struct store *s, struct str item, struct str label, struct str reviewer,
                struct error *err) MUST_USE;
