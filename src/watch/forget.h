/* Forgetting a person: whoever asks enters a row in the table `forgets`; the recorder, or a command where no
 * server runs, works it off piece by piece, oldest record first, so that nobody waits for more than a piece
 * and a process that dies goes on where it was. What goes: kept inputs (the bytes too, where no other event
 * keeps the same), texts of errors and of language models' answers in records, review items that are open,
 * texts of the others, labels of feedback, responses and conversations with all that they are built on, spend
 * by user, and the mark in the records that they were this person's. What stays: the records' numbers,
 * versions, classes and hashes, and the history. Same threads as the store that is passed. */
#pragma once

#include "base/json.h"
#include "store/store.h"
#include "store/subject.h"

struct forget_counts {
    int64_t records, inputs, bytes, reviews, feedback, responses, conversations, spend;
};

struct forget_wish {
    struct str subject; /* an end user's ID, or */
    struct str client;  /* a client's name: all that its keys ever sent; the other one is "" */
    struct str who, why;
};

/* Enters the row and notes it in the history; out: the row as JSON. In the caller's transaction, or one of
 * its own. The ID itself is not kept. */
bool forget_ask(struct store *s, const struct forget_wish *wish, struct buf *out, struct error *err) MUST_USE;

/* A piece of what is asked for: some milliseconds. *more: there is more to do. In transactions of its own. */
bool forget_step(struct store *s, bool *more, struct error *err) MUST_USE;

/* What would go; changes nothing. Reads all records. */
bool forget_count(struct store *s, const struct forget_wish *wish, struct forget_counts *out,
                  struct error *err) MUST_USE;

/* Appends the row of that ID ("": all, the newest first, as {"data","has_more"}). ERR_NOT_FOUND. */
bool forget_show(struct store *s, struct str id, struct buf *out, struct error *err) MUST_USE;
void forget_write_counts(const struct forget_counts *c, struct json_writer *w);

/* A number that grows with each that is finished, for who has caches. */
bool forget_finished(struct store *s, int64_t *out, struct error *err) MUST_USE;
