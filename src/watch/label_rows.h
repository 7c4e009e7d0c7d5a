/* What people said of inputs that are still kept, as rows to learn from: resolved review items (label and
 * audit, never gold or approvals) and the labels of feedback. One row for each input, whatever number of
 * requests brought it: the label that most gave; a tie is left out, and so counted. Which rows are held out
 * hangs on the input's bytes alone, so one that was held out stays so in every later version. One thread. */
#pragma once

#include "base/error.h"
#include "base/hash.h"
#include "store/store.h"

struct label_row {
    char blob[SHA256_HEX_SIZE]; /* in store_inputs_folder */
    char *type, *label;         /* MIME type; the label */
    char *fields;               /* corrected by who gave this label, a JSON object; "" none */
    char request_id[129];       /* one of those that brought it */
    bool held_out;
};

struct label_rows {
    struct label_row *list; /* by blob */
    size_t count, room;
    size_t said;      /* labels in all */
    size_t repeated;  /* of them for an input that has its row already, and agreeing */
    size_t overruled; /* of them in the minority */
    size_t ties;      /* inputs that were left out: as many say one thing as another */
    size_t corrected; /* rows with fields */
    size_t gone;      /* labels whose input is not kept, or no more */
    char tie[5][129]; /* request IDs of the first */
};

enum { LABELS_HELD_OUT = 20 }; /* percent */

/* endpoint: its name. Free with label_rows_free, good or not. */
bool label_rows_collect(struct store *s, struct str endpoint, struct label_rows *out,
                        struct error *err) MUST_USE;
void label_rows_free(struct label_rows *rows);
