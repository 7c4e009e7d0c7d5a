/* What people said of an endpoint's inputs, written where training reads it: a CSV file (texts, features) or
 * a folder with train/ and heldout/, each with a sub-folder of files for each label (documents). Where people
 * corrected fields, these are in the column `fields` as JSON, or in the folder's fields.jsonl. One thread, a
 * reader's connection suffices. */
#pragma once

#include "base/error.h"
#include "store/store.h"

struct labels_exported {
    bool folder;                            /* else a CSV file */
    size_t said;                            /* labels in all */
    size_t written;                         /* rows */
    size_t held_out;                        /* of them */
    size_t corrected;                       /* of them with fields */
    size_t repeated, overruled, gone, ties; /* watch/label_rows.h */
    size_t unread;                          /* whose input cannot be written as a row */
    char tie[5][129];                       /* request IDs of the first */
};

/* Writes to `path`, which must not be there yet. ERR_DATA where there is nothing to write. */
bool labels_export(struct store *s, const char *endpoint, const char *path, struct labels_exported *out,
                   struct error *err) MUST_USE;
