/* The chain under the history (store/history.h): every row of the table `audit` carries a hash over itself
 * and over the hash of the row before it, so that whoever alters, removes, inserts or reorders rows is found
 * out, and whoever cuts the end off, too, by anybody who noted the head's hash elsewhere (`penstock audit
 * head`, the log's audit.head lines). It cannot be found out that somebody who may write the database made
 * the whole chain anew, unless a head was noted.
 *
 * Rows are numbered 1, 2, 3 … without a gap. The bytes that are hashed, numbers big-endian:
 *   content = SHA-256 of, for each of id, endpoint, what, who, why, before, after: its length (4), its bytes
 *   hash    = SHA-256 of "penstock audit 1\n", the previous row's hash (32; zeros for row 1), number (8),
 *             at (8), class (1), content (32)
 * The row is written inside the writer's transaction, so under SQLite's write lock: recorder, main thread and
 * commands extend one chain. Same threads as the store that is passed. */
#pragma once

#include "base/error.h"
#include "base/hash.h"
#include "store/history.h"
#include "store/store.h"

struct audit_mark {
    int64_t number; /* 0: before the first row */
    unsigned char hash[SHA256_SIZE];
};
enum { AUDIT_MARK_SIZE = 20 + 1 + SHA256_HEX_SIZE };
/* "12:5f3a…", as `penstock audit head` prints it. */
void audit_mark_text(const struct audit_mark *mark, char out[AUDIT_MARK_SIZE]);
bool audit_mark_parse(struct str text, struct audit_mark *out) MUST_USE;

/* The last row, as the store notes it beside the chain. */
bool audit_head(struct store *s, struct audit_mark *out, struct error *err) MUST_USE;

/* Appends a row; c->number, c->class and c->hash are set here. history_add is what others call. */
bool audit_append(struct store *s, struct change *c, struct error *err) MUST_USE;

/* What is wrong with the chain, in words. */
struct audit_flaw {
    bool found;
    int64_t number; /* the first bad row, or the first that is missing */
    char message[200];
};
/* Goes on from *at, whose row is taken for good ({0}: from the beginning), over at most `most` rows, and
 * moves *at to the last good one. *more: the end is not reached. At the end it looks at the noted head, too.
 */
bool audit_verify(struct store *s, struct audit_mark *at, unsigned most, bool *more, struct audit_flaw *flaw,
                  struct error *err) MUST_USE;

/* Is this mark, noted elsewhere, in the chain? To be asked of a chain that is verified. */
bool audit_has(struct store *s, const struct audit_mark *mark, struct audit_flaw *flaw,
               struct error *err) MUST_USE;

/* Takes over the rows of the table `changes`, which stores had before there was a chain, and drops it. By
 * store/schema.c, in its transaction. */
bool audit_adopt(struct store *s, struct error *err) MUST_USE;
