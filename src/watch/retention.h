/* Deletes records and kept inputs when their time is over. Called by the recorder between its commits: the
 * one writer, so no input can be kept anew while it is removed. */
#pragma once

#include "base/error.h"
#include "store/store.h"

/* Removes inputs whose time ended before `now` (wall ns): the rows that point at them and, where no other
 * event still keeps the same bytes, the bytes. At most `most` rows; *more says that some are left. */
bool retention_run(struct store *s, int64_t now, unsigned most, bool *more, struct error *err) MUST_USE;

/* Removes the input that is kept of one event, whatever its time, in the caller's transaction. *bytes: its
 * size; -1: none is kept. */
bool retention_remove(struct store *s, int64_t event, int64_t *bytes, struct error *err) MUST_USE;

/* The size alone. */
bool retention_kept(struct store *s, int64_t event, int64_t *bytes, struct error *err) MUST_USE;

/* Removes blobs that no row names, left by a process killed between the two. Looks at the slice-th of 256
 * folders, at files older than an hour. */
bool retention_sweep(struct store *s, unsigned slice, struct error *err) MUST_USE;

/* Deletes records written before `before` (wall ns), oldest first: a thousand or so, which takes some
 * milliseconds. *more says that some are left. Kept inputs and review items are not touched. */
bool retention_records(struct store *s, int64_t before, bool *more, struct error *err) MUST_USE;

/* Deletes review items that were decided before `before` (wall ns), with what people said of them, and
 * feedback of before. At most `most` each; *more says that some are left. In a transaction of its own. */
bool retention_reviews(struct store *s, int64_t before, unsigned most, bool *more,
                       struct error *err) MUST_USE;
bool retention_feedback(struct store *s, int64_t before, unsigned most, bool *more,
                        struct error *err) MUST_USE;
